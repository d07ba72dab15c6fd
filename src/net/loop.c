/* The event loop over epoll. What watches a descriptor is found by the descriptor itself, in a
 * table, so that moving a watch is a store and closing a socket needs no call but close. Each entry
 * has a generation, which the kernel gives back with the event: what was queued for a descriptor
 * that has been closed since, and perhaps given out anew, is told to nobody. */
#include "net/socket.h"
#include "net/watch.h"
#include "net/wheel.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENTS = 256,      /* of one round */
	FIRST_SLOTS = 256, /* of the table: a page */
	COARSE = 26,       /* ticks of 67 ms */
	FINE = 20,         /* of 1.05 ms */
	SPARES = 16,       /* sockets kept for the next connections */
};

/* A socket that may connect again: RETIRED until the event is told that its end caused, as who
 * connected with it before would take that one for an answer. */
enum spare_state { SPARE_NONE, SPARE_RETIRED, SPARE_READY };

struct slot {
	struct net_watch *watch; /* NULL: nobody */
	uint32_t generation;
	uint8_t family; /* of a socket that net_watch_connect opened; 0: another */
	uint8_t spare;  /* enum spare_state */
	uint8_t round;  /* in which it retired */
};

struct net_loop {
	int epoll, event;
	bool stop;
	uint8_t round;
	int spare[SPARES];        /* those that are SPARE_READY */
	unsigned spares, retired; /* how many are; how many will be */
	nanos now, wall_offset, wall_set;
	struct slot
		*slot; /* mapped, by descriptor: pages that no descriptor reached cost nothing */
	size_t slots;
	struct wheel coarse, fine;
	struct net_timer *due;
	struct net_call *later, **later_end;
	_Atomic(struct net_call *) calls; /* the newest first */
};

/* ---- the clock ---------------------------------------------------------------------------- */

static nanos clock_now(clockid_t which)
{
	struct timespec t;
	clock_gettime(which, &t);
	return t.tv_sec * NANOS_PER_SECOND + t.tv_nsec;
}

static void look_at_clock(struct net_loop *loop)
{
	loop->now = clock_now(CLOCK_MONOTONIC);
	if (loop->now - loop->wall_set < NANOS_PER_SECOND)
		return;
	loop->wall_set = loop->now;
	loop->wall_offset = clock_now(CLOCK_REALTIME) - loop->now;
}

nanos net_now(const struct net_loop *loop)
{
	return loop->now;
}

nanos net_wall(const struct net_loop *loop)
{
	return loop->now + loop->wall_offset;
}

/* ---- making and freeing ------------------------------------------------------------------- */

static int open_kernel(struct net_loop *loop, struct error *err)
{
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0)
		return err_set(err, -errno, "an epoll descriptor: %m");
	loop->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->event < 0)
		return err_set(err, -errno, "an eventfd: %m");
	void *table = mmap(NULL, FIRST_SLOTS * sizeof *loop->slot, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (table == MAP_FAILED)
		return err_set(err, -errno, "memory for a table of descriptors: %m");
	loop->slot = table;
	loop->slots = FIRST_SLOTS;
	/* Each write is an edge of its own: it is never read. No descriptor has this number. */
	struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.u64 = UINT64_MAX };
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->event, &e) < 0)
		return err_set(err, -errno, "watch an eventfd: %m");
	return 0;
}

struct net_loop *net_loop_new(struct error *err)
{
	struct net_loop *loop = calloc(1, sizeof *loop);
	if (!loop) {
		err_set(err, -ENOMEM, "no memory for an event loop");
		return NULL;
	}
	loop->epoll = loop->event = -1;
	loop->later_end = &loop->later;
	loop->wall_set = INT64_MIN / 2;
	if (open_kernel(loop, err) < 0) {
		net_loop_free(loop);
		return NULL;
	}
	/* splice(2) to a socket whose peer is gone raises it, and no flag turns that off. */
	signal(SIGPIPE, SIG_IGN);
	look_at_clock(loop);
	wheel_init(&loop->coarse, COARSE, loop->now);
	wheel_init(&loop->fine, FINE, loop->now);
	return loop;
}

static void close_spares(struct net_loop *loop)
{
	for (size_t fd = 0; fd < loop->slots; fd++)
		if (loop->slot[fd].spare != SPARE_NONE)
			close((int)fd);
}

void net_loop_free(struct net_loop *loop)
{
	if (!loop)
		return;
	if (loop->slot)
		close_spares(loop);
	if (loop->epoll >= 0)
		close(loop->epoll);
	if (loop->event >= 0)
		close(loop->event);
	if (loop->slot)
		munmap(loop->slot, loop->slots * sizeof *loop->slot);
	free(loop);
}

/* ---- sockets ------------------------------------------------------------------------------ */

static int reserve_slot(struct net_loop *loop, int fd)
{
	size_t slots = loop->slots;
	while (slots <= (size_t)fd)
		slots *= 2;
	if (slots == loop->slots)
		return 0;
	void *table = mremap(loop->slot, loop->slots * sizeof *loop->slot,
			     slots * sizeof *loop->slot, MREMAP_MAYMOVE);
	if (table == MAP_FAILED)
		return -errno;
	loop->slot = table;
	loop->slots = slots;
	return 0;
}

static struct epoll_event event_of(const struct slot *s, int fd, uint32_t events)
{
	return (struct epoll_event){ .events = events,
				     .data.u64 = (uint64_t)s->generation << 32 | (uint32_t)fd };
}

static int watch(struct net_loop *loop, struct net_watch *w, uint32_t events)
{
	int code = reserve_slot(loop, w->fd);
	if (code < 0)
		return code;
	struct slot *s = &loop->slot[w->fd];
	assert(!s->watch);
	struct epoll_event e = event_of(s, w->fd, events);
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, w->fd, &e) < 0)
		return -errno;
	s->watch = w;
	return 0;
}

int net_watch_add(struct net_loop *loop, struct net_watch *w)
{
	return watch(loop, w, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

int net_watch_listener(struct net_loop *loop, struct net_watch *w)
{
	return watch(loop, w, EPOLLIN | EPOLLEXCLUSIVE);
}

/* w's entry, when it is w that watches; NULL otherwise. */
static struct slot *slot_of(struct net_loop *loop, const struct net_watch *w)
{
	if (w->fd < 0 || (size_t)w->fd >= loop->slots || loop->slot[w->fd].watch != w)
		return NULL;
	return &loop->slot[w->fd];
}

void net_watch_move(struct net_loop *loop, struct net_watch *from, struct net_watch *to)
{
	struct slot *s = slot_of(loop, from);
	assert(s);
	s->watch = to;
	to->fd = from->fd;
	from->fd = -1;
}

int net_watch_level(struct net_loop *loop, struct net_watch *w, unsigned what)
{
	uint32_t events =
		(what & NET_READABLE ? EPOLLIN : 0u) | (what & NET_WRITABLE ? EPOLLOUT : 0u);
	struct slot *s = slot_of(loop, w);
	if (!s)
		return watch(loop, w, events);
	struct epoll_event e = event_of(s, w->fd, events);
	return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, w->fd, &e) < 0 ? -errno : 0;
}

static bool forget(struct net_loop *loop, const struct net_watch *w)
{
	struct slot *s = slot_of(loop, w);
	if (!s)
		return false;
	s->watch = NULL;
	s->family = 0;
	s->generation++;
	return true;
}

void net_watch_stop(struct net_loop *loop, struct net_watch *w)
{
	if (forget(loop, w))
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
}

void net_watch_close(struct net_loop *loop, struct net_watch *w)
{
	if (w->fd < 0)
		return;
	forget(loop, w);
	close(w->fd); /* epoll forgets it, too */
	w->fd = -1;
}

/* ---- sockets that connect again ------------------------------------------------------------ */

/* Both FINs went and were acknowledged: nothing of the connection needs the socket any more. */
static bool is_over(int fd)
{
	uint8_t state = 0;
	socklen_t len = sizeof state;
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &len) == 0 && state == TCP_CLOSE;
}

/* connect(2): AF_UNSPEC dissolves the association. */
static bool dissolve(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	return connect(fd, &none, sizeof none) == 0;
}

void net_watch_retire(struct net_loop *loop, struct net_watch *w)
{
	struct slot *s = slot_of(loop, w);
	if (!s || !s->family || loop->spares + loop->retired >= SPARES || !is_over(w->fd) ||
	    !dissolve(w->fd)) {
		net_watch_close(loop, w);
		return;
	}
	s->watch = NULL;
	s->spare = SPARE_RETIRED;
	s->round = loop->round;
	loop->retired++;
	w->fd = -1;
}

static void tell_retired(struct net_loop *loop, struct slot *s, int fd)
{
	if (s->spare != SPARE_RETIRED || s->round == loop->round)
		return;
	s->spare = SPARE_READY;
	loop->retired--;
	loop->spare[loop->spares++] = fd;
}

static int take_spare(struct net_loop *loop, uint8_t family)
{
	for (unsigned i = loop->spares; i-- > 0;) {
		int fd = loop->spare[i];
		if (loop->slot[fd].family != family)
			continue;
		loop->spare[i] = loop->spare[--loop->spares];
		loop->slot[fd].spare = SPARE_NONE;
		return fd;
	}
	return -1;
}

int net_watch_connect(struct net_loop *loop, struct net_watch *w, const struct address *to,
		      const struct address *from)
{
	uint8_t family = address_is_v4(to) ? AF_INET : AF_INET6;
	int code, fd = from ? -1 : take_spare(loop, family);
	if (fd >= 0) {
		w->fd = fd;
		loop->slot[fd].watch = w;
		code = net_connect_again(fd, to);
	} else {
		w->fd = code = net_connect(to, from);
		if (code >= 0)
			code = net_watch_add(loop, w);
		if (code >= 0)
			loop->slot[w->fd].family = from ? 0 : family;
	}
	if (code < 0)
		net_watch_close(loop, w);
	return code;
}

/* ---- timers ------------------------------------------------------------------------------- */

void net_timer_stop(struct net_loop *loop, struct net_timer *t)
{
	if (!t->prev)
		return;
	struct net_timer **list = wheel_unlink(t);
	if (*list)
		return;
	wheel_emptied(&loop->coarse, list);
	wheel_emptied(&loop->fine, list);
}

void net_timer_set(struct net_loop *loop, struct net_timer *t, nanos at)
{
	net_timer_stop(loop, t);
	wheel_set(&loop->coarse, t, loop->now, at);
}

void net_timer_set_fine(struct net_loop *loop, struct net_timer *t, nanos at)
{
	net_timer_stop(loop, t);
	wheel_set(&loop->fine, t, loop->now, at);
}

static void fire_timers(struct net_loop *loop)
{
	wheel_advance(&loop->fine, loop->now, &loop->due);
	wheel_advance(&loop->coarse, loop->now, &loop->due);
	while (loop->due) {
		struct net_timer *t = loop->due;
		net_timer_stop(loop, t);
		t->fire(t);
	}
}

/* ---- calls -------------------------------------------------------------------------------- */

void net_loop_call(struct net_loop *loop, struct net_call *c)
{
	struct net_call *head = atomic_load(&loop->calls);
	do
		c->next = head;
	while (!atomic_compare_exchange_weak(&loop->calls, &head, c));
	if (head)
		return; /* who pushed the first one woke the loop */
	uint64_t one = 1;
	ssize_t written = write(loop->event, &one, sizeof one);
	assert(written == sizeof one); /* 2^64 - 1 wake-ups would be needed to fill it */
	(void)written;
}

static void run_calls(struct net_loop *loop)
{
	struct net_call *oldest = NULL, *next;
	for (struct net_call *c = atomic_exchange(&loop->calls, NULL); c; c = next) {
		next = c->next;
		c->next = oldest;
		oldest = c;
	}
	for (struct net_call *c = oldest; c; c = next) {
		next = c->next;
		c->run(c);
	}
}

void net_loop_later(struct net_loop *loop, struct net_call *c)
{
	c->next = NULL;
	*loop->later_end = c;
	loop->later_end = &c->next;
}

/* What is asked for in here waits for the next round, which then does not wait. */
static void run_later(struct net_loop *loop)
{
	struct net_call *first = loop->later, *next;
	loop->later = NULL;
	loop->later_end = &loop->later;
	for (struct net_call *c = first; c; c = next) {
		next = c->next;
		c->run(c);
	}
}

/* ---- running ------------------------------------------------------------------------------ */

static unsigned told(uint32_t events)
{
	unsigned what = 0;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		what |= NET_READABLE;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		what |= NET_WRITABLE;
	if (events & (EPOLLRDHUP | EPOLLHUP))
		what |= NET_HANGUP;
	if (events & EPOLLERR)
		what |= NET_FAILED;
	return what;
}

static void tell(struct net_loop *loop, const struct epoll_event *e)
{
	if (e->data.u64 == UINT64_MAX) {
		run_calls(loop);
		return;
	}
	int fd = (int)(uint32_t)e->data.u64;
	struct slot *s = &loop->slot[fd];
	if (s->generation != e->data.u64 >> 32)
		return;
	if (s->watch)
		s->watch->ready(s->watch, told(e->events));
	else
		tell_retired(loop, s, fd);
}

/* Milliseconds until there is something to do, rounded up; -1: for ever. */
static int patience(const struct net_loop *loop)
{
	if (loop->later)
		return 0;
	nanos fine = wheel_next(&loop->fine, loop->now);
	nanos coarse = wheel_next(&loop->coarse, loop->now);
	nanos at = fine < coarse ? fine : coarse;
	if (at == INT64_MAX)
		return -1;
	return at <= loop->now ? 0 : (int)((at - loop->now + NANOS_PER_MS - 1) / NANOS_PER_MS);
}

void net_loop_run(struct net_loop *loop)
{
	struct epoll_event event[EVENTS];
	look_at_clock(loop);
	while (!loop->stop) {
		int count = epoll_wait(loop->epoll, event, EVENTS, patience(loop));
		look_at_clock(loop);
		loop->round++;
		for (int i = 0; i < count; i++)
			tell(loop, &event[i]);
		fire_timers(loop);
		run_later(loop);
	}
	loop->stop = false;
}

void net_loop_stop(struct net_loop *loop)
{
	loop->stop = true;
}
