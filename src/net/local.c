/* Unix sockets. */
#include "net/local.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int open_at(const char *path, struct sockaddr_un *ret_at)
{
	*ret_at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof ret_at->sun_path)
		return -ENAMETOOLONG;
	strcpy(ret_at->sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? -errno : fd;
}

int net_connect_local(const char *path)
{
	struct sockaddr_un at;
	int fd = open_at(path, &at);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
		return fd;
	int code = -errno;
	close(fd);
	return code;
}

/* What a process that was killed left behind. */
static void remove_stale(const char *path)
{
	struct stat st;
	if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	int fd = net_connect_local(path);
	if (fd == -ECONNREFUSED)
		unlink(path);
	if (fd >= 0)
		close(fd);
}

int net_listen_local(const char *path, struct error *err)
{
	struct sockaddr_un at;
	remove_stale(path);
	int fd = open_at(path, &at), code = fd;
	if (fd >= 0) {
		mode_t before = umask(0117);
		code = bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 64) ? -errno : 0;
		umask(before);
	}
	if (code >= 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return err_set(err, code, "listen at %s: %s", path, strerror(-code));
}
