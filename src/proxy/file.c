/* Reads by descriptor into memory of our own, so that no copy of a secret stays behind in a stdio
 * buffer or in a block that realloc left. */
#include "proxy/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_ROOM = 4096 };

void file_forget(struct slice content)
{
	if (!content.at)
		return;
	explicit_bzero((void *)content.at, content.len);
	free((void *)content.at);
}

/* Moves to twice the room. */
static bool grow(uint8_t **at, size_t len, size_t *room)
{
	uint8_t *more = malloc(2 * *room);
	if (!more)
		return false;
	memcpy(more, *at, len);
	explicit_bzero(*at, len);
	free(*at);
	*at = more;
	*room *= 2;
	return true;
}

static int read_fd(int fd, size_t limit, struct slice *ret_content)
{
	struct stat st;
	size_t len = 0, room = FIRST_ROOM;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size <= limit)
		room = (size_t)st.st_size + 1; /* one read, and one that finds the end */
	uint8_t *at = malloc(room);
	int code = at ? 0 : -ENOMEM;
	ssize_t n = 1;
	while (code == 0 && n > 0) {
		if (len == room && !grow(&at, len, &room))
			code = -ENOMEM;
		else if ((n = read(fd, at + len, room - len)) < 0)
			code = errno == EINTR ? (n = 1, 0) : -errno;
		else if ((len += (size_t)n) > limit)
			code = -EFBIG;
	}
	*ret_content = (struct slice){ at, len };
	return code;
}

struct slice file_read(const char *path, size_t limit, struct error *err)
{
	struct slice content = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int code = fd < 0 ? -errno : read_fd(fd, limit, &content);
	if (fd >= 0)
		close(fd);
	if (code == 0)
		return content;
	file_forget(content);
	if (code == -EFBIG)
		err_set(err, code, "has more than the %zu bytes that it may have", limit);
	else
		err_set(err, code, "can't be read: %s", strerror(-code));
	return (struct slice){ 0 };
}
