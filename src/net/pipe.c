/* From socket to socket through a pipe, in the kernel. */
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int net_pipe_open(struct net_pipe *ret_pipe, size_t room)
{
	int end[2];
	if (pipe2(end, O_NONBLOCK | O_CLOEXEC) < 0)
		return -errno;
	/* Refused beyond what one user may have (pipe-user-pages-soft); what it is by itself does.
	 */
	fcntl(end[1], F_SETPIPE_SZ, room > INT32_MAX ? INT32_MAX : (int)room);
	*ret_pipe = (struct net_pipe){ .read = end[0], .write = end[1] };
	return 0;
}

void net_pipe_close(struct net_pipe *p)
{
	close(p->read);
	close(p->write);
	*p = (struct net_pipe){ .read = -1, .write = -1 };
}

static ssize_t move(int from, int to, size_t most)
{
	ssize_t moved;
	do
		moved = splice(from, NULL, to, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (moved < 0 && errno == EINTR);
	return moved < 0 ? -errno : moved;
}

ssize_t net_splice_in(int fd, struct net_pipe *p, size_t most)
{
	return move(fd, p->write, most);
}

ssize_t net_splice_out(struct net_pipe *p, int fd, size_t most)
{
	return move(p->read, fd, most);
}
