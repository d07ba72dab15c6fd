/* The file beneath a capture. Regular files are read by position into large blocks rather than
 * mapped: a map that is cut short under us is a SIGBUS, and its pages count as ours. */
#include "capture/source.h"

#include "base/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_path(struct source *s, const char *path, struct error *err)
{
	s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	s->opened = s->fd >= 0;
	if (s->opened)
		return 0;
	const char *hint = errno == EACCES ? "; ask its owner, or run as root" : "";
	return err_set(err, -errno, "%s: cannot be opened: %m%s", s->shown, hint);
}

static int look_at(struct source *s, struct error *err)
{
	struct stat st;
	if (fstat(s->fd, &st) != 0)
		return err_set(err, -errno, "%s: cannot be examined: %m", s->shown);
	if (S_ISDIR(st.st_mode))
		return err_set(err, -EISDIR, "%s is a directory: name the captures in it",
			       s->shown);
	off_t start = S_ISREG(st.st_mode) ? lseek(s->fd, 0, SEEK_CUR) : -1;
	if (start < 0)
		return 0;
	s->regular = true;
	s->start = (uint64_t)start;
	s->size = st.st_size > start ? (uint64_t)(st.st_size - start) : 0;
	posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

int source_open(struct source *s, const char *path, struct error *err)
{
	*s = (struct source){ .fd = STDIN_FILENO, .spool = -1 };
	bool is_stdin = strcmp(path, "-") == 0;
	escape_into(s->shown, sizeof s->shown, slice_of(is_stdin ? "standard input" : path));
	int ret = is_stdin ? 0 : open_path(s, path, err);
	if (ret == 0)
		ret = look_at(s, err);
	if (ret < 0)
		source_close(s);
	return ret;
}

void source_close(struct source *s)
{
	if (s->opened)
		close(s->fd);
	if (s->spool >= 0)
		close(s->spool);
	s->opened = false;
	s->fd = s->spool = -1;
}

static int spool_add(struct source *s, const uint8_t *from, size_t len, struct error *err)
{
	while (len > 0) {
		ssize_t n = pwrite(s->spool, from, len, (off_t)s->spooled);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, -errno,
				       "%s: copying it to a temporary file failed at byte %llu: %m"
				       "; set TMPDIR to a place with room",
				       s->shown, (unsigned long long)s->spooled);
		s->spooled += (uint64_t)n;
		from += n;
		len -= (size_t)n;
	}
	return 0;
}

static ssize_t read_some(struct source *s, uint8_t *to, size_t len)
{
	if (s->regular)
		return pread(s->fd, to, len, (off_t)(s->start + s->at));
	if (s->at < s->spooled)
		return pread(s->spool, to, len < s->spooled - s->at ? len : s->spooled - s->at,
			     (off_t)s->at);
	return read(s->fd, to, len);
}

ssize_t source_read(struct source *s, uint8_t *to, size_t len, struct error *err)
{
	ssize_t n;
	while ((n = read_some(s, to, len)) < 0) {
		if (errno == EAGAIN) /* somebody made our standard input non-blocking */
			poll(&(struct pollfd){ .fd = s->fd, .events = POLLIN }, 1, -1);
		else if (errno != EINTR)
			return err_set(err, -errno, "%s: cannot be read at byte %llu: %m", s->shown,
				       (unsigned long long)s->at);
	}
	if (s->spool >= 0 && s->at == s->spooled) {
		int ret = spool_add(s, to, (size_t)n, err);
		if (ret < 0)
			return ret;
	}
	s->at += (uint64_t)n;
	return n;
}

/* A file without a name, in TMPDIR. Not every file system knows O_TMPFILE. */
static int open_spool(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	char path[PATH_MAX];
	size_t room = sizeof path - sizeof "/viaduct-XXXXXX";
	if (strlen(dir) > room) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcat(strcpy(path, dir), "/viaduct-XXXXXX");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

int source_keep(struct source *s, const uint8_t *so_far, struct error *err)
{
	if (s->regular || s->spool >= 0)
		return 0;
	const char *dir = getenv("TMPDIR");
	if (!dir || !*dir)
		dir = "/tmp";
	s->spool = open_spool(dir);
	if (s->spool < 0) {
		int code = -errno;
		char shown[100];
		escape_into(shown, sizeof shown, slice_of(dir));
		errno = -code;
		return err_set(err, code,
			       "%s: no temporary file to keep it in can be made in %s: %m"
			       "; set TMPDIR to another place",
			       s->shown, shown);
	}
	return spool_add(s, so_far, s->at, err);
}

int source_rewind(struct source *s, struct error *err)
{
	if (!s->regular && s->spool < 0 && s->at > 0)
		return err_set(err, -ESPIPE, "%s: is a pipe, and %llu bytes of it are gone",
			       s->shown, (unsigned long long)s->at);
	s->at = 0;
	return 0;
}
