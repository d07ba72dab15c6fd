/* relayfloor: the least that CONNECT can be done with, to find the floor under a real proxy. No
 * proxy itself: IPv4 literals only, no time-outs, no rules, no limits; a half-closed tunnel is a
 * closed one.
 *
 *   relayfloor PORT rw KIB      recv into one buffer of KIB, send
 *   relayfloor PORT splice KIB  splice through a pipe of KIB for each direction
 *   relayfloor PORT auto KIB    rw until a recv fills 16 KiB, then splice that direction */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, BULK = 16 << 10 };

static const char OPEN_ANSWER[] = "HTTP/1.1 200 Connection established\r\n\r\n";
static enum { RW, SPLICE, AUTO } relay;
static size_t room;
static int epoll;
static char *scratch;

struct tunnel;
struct side {
	struct tunnel *tunnel;
	int fd, pipe[2]; /* bytes that came from here */
	size_t piped;
	char *held; /* likewise, when they were copied */
	size_t held_at, held_len;
	bool splicing;
};
struct tunnel {
	struct side side[2]; /* client, origin */
	bool open, over;
	struct tunnel *next; /* of those that are over */
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int open_listener(uint16_t port)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* accepted ones inherit it */
	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 4096) < 0)
		die("listen");
	return fd;
}

static bool read_target(char *head, struct sockaddr_in *ret_to)
{
	char host[32];
	unsigned port;
	if (!strstr(head, "\r\n\r\n") || sscanf(head, "CONNECT %31[0-9.]:%u", host, &port) != 2)
		return false;
	*ret_to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	return inet_pton(AF_INET, host, &ret_to->sin_addr) == 1;
}

static struct tunnel *new_tunnel(int fd)
{
	struct tunnel *t = calloc(1, sizeof *t);
	if (!t)
		die("calloc");
	for (int i = 0; i < 2; i++)
		t->side[i] = (struct side){ .tunnel = t,
					    .fd = i ? -1 : fd,
					    .pipe = { -1, -1 },
					    .splicing = relay == SPLICE };
	return t;
}

static void free_tunnel(struct tunnel *t)
{
	for (int i = 0; i < 2; i++) {
		struct side *s = &t->side[i];
		if (s->fd >= 0)
			close(s->fd);
		if (s->pipe[0] >= 0) {
			close(s->pipe[0]);
			close(s->pipe[1]);
		}
		free(s->held);
	}
	free(t);
}

static void watch(struct side *s)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				 .data.ptr = s };
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &e) < 0)
		die("epoll_ctl");
}

/* ---- moving bytes: until one side would block. False: the tunnel is over --------------------- */

static void open_pipe(struct side *s)
{
	if (pipe2(s->pipe, O_NONBLOCK) < 0)
		die("pipe2");
	if (room > 64 << 10)
		fcntl(s->pipe[1], F_SETPIPE_SZ, (int)room);
}

static bool move_by_pipe(struct side *from, struct side *to)
{
	const unsigned how = SPLICE_F_NONBLOCK | SPLICE_F_MOVE;
	if (from->pipe[0] < 0)
		open_pipe(from);
	for (;;) {
		if (from->piped == 0) {
			ssize_t got = splice(from->fd, NULL, from->pipe[1], NULL, room, how);
			if (got <= 0)
				return got < 0 && errno == EAGAIN;
			from->piped = (size_t)got;
		}
		ssize_t put = splice(from->pipe[0], NULL, to->fd, NULL, from->piped, how);
		if (put < 0)
			return errno == EAGAIN;
		from->piped -= (size_t)put;
	}
}

static bool hold(struct side *from, const char *bytes, size_t len)
{
	if (!from->held)
		from->held = malloc(room);
	if (!from->held)
		die("malloc");
	memcpy(from->held, bytes, len);
	from->held_at = 0;
	from->held_len = len;
	return true;
}

static bool flush(struct side *from, struct side *to)
{
	ssize_t put = send(to->fd, from->held + from->held_at, from->held_len, MSG_NOSIGNAL);
	if (put < 0)
		return errno == EAGAIN;
	from->held_at += (size_t)put;
	from->held_len -= (size_t)put;
	return true;
}

static bool move(struct side *from, struct side *to)
{
	while (!from->splicing) {
		if (from->held_len > 0 && !flush(from, to))
			return false;
		if (from->held_len > 0)
			return true;
		ssize_t got = recv(from->fd, scratch, room, 0);
		if (got <= 0)
			return got < 0 && errno == EAGAIN;
		ssize_t put = send(to->fd, scratch, (size_t)got, MSG_NOSIGNAL);
		if (put < 0 && errno != EAGAIN)
			return false;
		put = put < 0 ? 0 : put;
		if (put < got)
			return hold(from, scratch + put, (size_t)(got - put));
		if (relay == AUTO && got >= BULK)
			from->splicing = true;
		else if ((size_t)got < room)
			return true; /* there was no more */
	}
	return move_by_pipe(from, to);
}

/* ---- events ---------------------------------------------------------------------------------- */

/* The whole request comes in one segment or not at all. */
static void take_client(int listener)
{
	char head[512];
	struct sockaddr_in to;
	int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	if (fd < 0)
		return;
	struct tunnel *t = new_tunnel(fd);
	ssize_t got = recv(fd, head, sizeof head - 1, 0);
	head[got > 0 ? got : 0] = '\0';
	if (!read_target(head, &to)) {
		free_tunnel(t);
		return;
	}
	int origin = t->side[1].fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(origin, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(origin, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
		free_tunnel(t);
		return;
	}
	watch(&t->side[1]);
}

static bool step(struct side *s, uint32_t events)
{
	struct tunnel *t = s->tunnel;
	struct side *other = &t->side[s == &t->side[0]];
	if (events & EPOLLERR)
		return false;
	if (!t->open) {
		t->open = true;
		watch(&t->side[0]);
		return send(t->side[0].fd, OPEN_ANSWER, sizeof OPEN_ANSWER - 1, MSG_NOSIGNAL) > 0;
	}
	if ((events & (EPOLLIN | EPOLLRDHUP)) && !move(s, other))
		return false;
	bool left = other->held_len > 0 || other->piped > 0 || other->splicing;
	if ((events & EPOLLOUT) && left && !move(other, s))
		return false;
	return !(events & EPOLLRDHUP) || s->held_len > 0 || s->piped > 0;
}

static void run(int listener)
{
	struct epoll_event event[EVENTS] = { { .events = EPOLLIN, .data.ptr = NULL } };
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, event);
	for (;;) {
		struct tunnel *over = NULL;
		int count = epoll_wait(epoll, event, EVENTS, -1);
		for (int i = 0; i < count; i++) {
			struct side *s = event[i].data.ptr;
			if (!s) {
				take_client(listener);
			} else if (!s->tunnel->over && !step(s, event[i].events)) {
				s->tunnel->over = true;
				s->tunnel->next = over;
				over = s->tunnel;
			}
		}
		while (over) {
			struct tunnel *t = over;
			over = t->next;
			free_tunnel(t);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: relayfloor PORT rw|splice|auto KIB\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	relay = strcmp(argv[2], "splice") == 0 ? SPLICE : strcmp(argv[2], "auto") == 0 ? AUTO : RW;
	room = (size_t)atoi(argv[3]) << 10;
	epoll = epoll_create1(0);
	scratch = malloc(room);
	if (epoll < 0 || !scratch)
		die("start");
	run(open_listener((uint16_t)atoi(argv[1])));
}
