/* The file beneath a capture. Regular files are read by position into large blocks rather than
 * mapped: a map that is cut short under us is a SIGBUS, and its pages count as ours. */
#include "capture/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
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

int source_open(struct source *s, const char *path, const char *name, struct error *err)
{
	*s = (struct source){ .fd = STDIN_FILENO };
	bool is_stdin = strcmp(path, "-") == 0;
	snprintf(s->shown, sizeof s->shown, "%s", name);
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
	s->opened = false;
	s->fd = -1;
}

static ssize_t read_some(struct source *s, uint8_t *to, size_t len)
{
	if (s->regular)
		return pread(s->fd, to, len, (off_t)(s->start + s->at));
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
	s->at += (uint64_t)n;
	return n;
}
