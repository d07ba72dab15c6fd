/* Reads by descriptor, writes beside and renames; nothing is ever half there. */
#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file of /proc has no size that it tells, so the room is the limit. */
static int read_fd(int fd, size_t limit, struct slice *ret_text)
{
	uint8_t *at = malloc(limit + 1);
	size_t len = 0;
	ssize_t n = 1;
	if (!at)
		return -ENOMEM;
	while (n > 0 && len <= limit) {
		n = read(fd, at + len, limit + 1 - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	int code = n < 0 ? -errno : len > limit ? -EFBIG : 0;
	if (code == 0) {
		*ret_text = (struct slice){ at, len };
		return 0;
	}
	explicit_bzero(at, len);
	free(at);
	return code;
}

int host_file_read(const char *path, size_t limit, struct host_file *ret_file, struct error *err)
{
	struct stat st = { 0 };
	struct host_file f = { .mode = 0644, .owner = geteuid(), .group = getegid() };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT) {
		*ret_file = f;
		return 0;
	}
	int code = fd < 0 || fstat(fd, &st) != 0 ? -errno : 0;
	if (code == 0 && !S_ISREG(st.st_mode))
		code = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (code == 0)
		code = read_fd(fd, limit, &f.text);
	if (fd >= 0)
		close(fd);
	if (code == -EFBIG)
		return err_set(err, code, "%s has more than %zu bytes", path, limit);
	if (code < 0)
		return err_set(err, code, "%s can't be read: %s", path, strerror(-code));
	f.exists = true;
	f.mode = st.st_mode & 07777;
	f.owner = st.st_uid;
	f.group = st.st_gid;
	*ret_file = f;
	return 0;
}

void host_file_done(struct host_file *f)
{
	if (f->text.at) {
		explicit_bzero((void *)f->text.at, f->text.len);
		free((void *)f->text.at);
	}
	*f = (struct host_file){ 0 };
}

/* ---- writing ------------------------------------------------------------------------------- */

int host_file_append(int fd, struct slice text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.at, text.len);
		if (n < 0 && errno != EINTR)
			return -errno;
		text = slice_from(text, n > 0 ? (size_t)n : 0);
	}
	return 0;
}

/* Without the right to give files away the owner becomes who writes; then set-id bits must go, and
 * so must what the group that it had was allowed. */
static int set_rights(int fd, const struct host_file *like)
{
	struct stat st;
	mode_t mode = like->mode;
	if (fstat(fd, &st) != 0)
		return -errno;
	if ((st.st_uid != like->owner || st.st_gid != like->group) &&
	    fchown(fd, like->owner, like->group) != 0) {
		if (like->keep_owner)
			return -errno;
		mode &= 0707;
	}
	return fchmod(fd, mode) != 0 ? -errno : 0;
}

static int fill(int fd, struct slice text, const struct host_file *like)
{
	int code = set_rights(fd, like);
	if (code == 0)
		code = host_file_append(fd, text);
	return code == 0 && fsync(fd) != 0 ? -errno : code;
}

static int make_folders(char *folder)
{
	for (char *p = folder + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		bool made = mkdir(folder, 0755) == 0 || errno == EEXIST || errno == EROFS;
		*p = '/';
		if (!made)
			return -errno;
	}
	return mkdir(folder, 0755) == 0 || errno == EEXIST ? 0 : -errno;
}

/* The name, too, is on disk; where the file system can't say so there is nothing to do about it. */
static void sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

static int replace(const char *path, const char *folder, struct slice text,
		   const struct host_file *like)
{
	char fresh[PATH_MAX + 16];
	snprintf(fresh, sizeof fresh, "%s.XXXXXX", path);
	int fd = mkostemp(fresh, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int code = fill(fd, text, like);
	close(fd);
	if (code == 0 && rename(fresh, path) != 0)
		code = -errno;
	if (code < 0)
		unlink(fresh);
	else
		sync_folder(folder);
	return code;
}

int host_file_write(const char *path, struct slice text, const struct host_file *like,
		    struct error *err)
{
	char real[PATH_MAX], copy[PATH_MAX];
	if (!realpath(path, real) && snprintf(real, sizeof real, "%s", path) >= (int)sizeof real)
		return err_set(err, -ENAMETOOLONG, "the path is too long");
	snprintf(copy, sizeof copy, "%s", real);
	char *folder = dirname(copy);
	int code = make_folders(folder);
	if (code == 0)
		code = replace(real, folder, text, like);
	if (code < 0)
		return err_set(err, code, "%s can't be written: %s", path, strerror(-code));
	return 0;
}

int host_file_make_folder(const char *path, struct error *err)
{
	char copy[PATH_MAX];
	snprintf(copy, sizeof copy, "%s", path);
	int code = make_folders(copy);
	return code < 0 ? err_set(err, code, "%s can't be made: %s", path, strerror(-code)) : 0;
}

int host_file_remove(const char *path, struct error *err)
{
	char copy[PATH_MAX];
	if (unlink(path) != 0 && errno != ENOENT)
		return err_set(err, -errno, "%s can't be removed: %s", path, strerror(errno));
	snprintf(copy, sizeof copy, "%s", path);
	sync_folder(dirname(copy));
	return 0;
}
