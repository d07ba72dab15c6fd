/* Written under another name beside, and given its own when it is whole. */
#include "cli/new_file.h"

#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int refuse(const char *path, int code, struct error *err)
{
	return err_set(err, -code, "%s can't be made: %s%s", path, strerror(code),
		       code == EEXIST ? "; move it away or name another" : "");
}

int new_file_try(const char *path, struct error *err)
{
	char copy[PATH_MAX];
	if (strlen(path) + sizeof ".part-0123456789" > sizeof copy)
		return refuse(path, ENAMETOOLONG, err);
	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return refuse(path, EEXIST, err);
	snprintf(copy, sizeof copy, "%s", path);
	if (access(dirname(copy), W_OK | X_OK) != 0)
		return refuse(path, errno, err);
	return 0;
}

static int fill(int fd, struct slice text)
{
	int code = host_file_append(fd, text);
	if (code < 0)
		return -code;
	return fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
}

int new_file_write(const char *path, struct slice text, struct error *err)
{
	char part[PATH_MAX];
	int code = new_file_try(path, err);
	if (code < 0)
		return code;
	snprintf(part, sizeof part, "%s.part-%d", path, (int)getpid());
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return refuse(path, errno, err);
	int trouble = fill(fd, text);
	if (close(fd) != 0 && !trouble)
		trouble = errno;
	if (!trouble && link(part, path) != 0) /* not every file system has links */
		trouble = errno != EPERM && errno != EOPNOTSUPP ? errno
			  : renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) == 0
				  ? 0
				  : errno;
	unlink(part);
	return trouble ? refuse(path, trouble, err) : 0;
}
