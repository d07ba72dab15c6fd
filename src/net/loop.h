/* The event loop: one a thread. It waits for sockets, timers and calls from other threads, tells
 * the time, and nothing else in the program waits.
 *
 * Sockets are watched edge-triggered, for everything, from the moment they are added: the owner is
 * told once when something becomes ready, remembers it, and goes on until the socket says -EAGAIN.
 * A `ready` may come without cause; whoever is called must not mind. Within any callback everything
 * may be added, moved, stopped and freed, the caller's own watch too: nothing of it is called
 * afterwards.
 *
 * No function here but net_loop_call may be used from another thread than the loop's. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/error.h"
#include "base/when.h"

struct net_loop;

/* Makes the process ignore SIGPIPE. NULL: err says why. */
struct net_loop *net_loop_new(struct error *err);
void net_loop_free(struct net_loop *loop);        /* closes nothing that it watches; NULL is fine */

/* Runs until net_loop_stop, to the end of that round; may be run again. */
void net_loop_run(struct net_loop *loop);
void net_loop_stop(struct net_loop *loop);

/* ---- the clock: as of when the loop woke up ---------------------------------------------- */

nanos net_now(const struct net_loop *loop);  /* monotonic */
nanos net_wall(const struct net_loop *loop); /* UTC, since 1970; goes with net_now, so that spans
                                                of either agree (set once a second at most) */

/* ---- sockets ----------------------------------------------------------------------------- */

enum {
	NET_READABLE = 1,
	NET_WRITABLE = 2,
	NET_HANGUP = 4, /* the peer's FIN is in: what is left to read ends with 0 */
	NET_FAILED = 8, /* a RST, or another error: reading or writing says which */
};

struct net_watch { /* stands in its owner */
	void (*ready)(struct net_watch *w, unsigned what);
	int fd; /* -1: none */
};

/* Begins to watch w->fd. Negative errno when the kernel refuses. */
int net_watch_add(struct net_loop *loop, struct net_watch *w);
/* The same for a listener that several loops share: one of them is woken (level-triggered). */
int net_watch_listener(struct net_loop *loop, struct net_watch *w);
/* What was told to `from` is from now on told to `to`, which takes over its fd; no system call. */
void net_watch_move(struct net_loop *loop, struct net_watch *from, struct net_watch *to);
/* Stops watching and keeps the fd open (accept pauses; a socket goes to another thread). */
void net_watch_stop(struct net_loop *loop, struct net_watch *w);
/* Stops watching and closes; w->fd becomes -1. fd -1 is fine. */
void net_watch_close(struct net_loop *loop, struct net_watch *w);
/* The same for a connection that has ended in good order: one that net_watch_connect began may serve
 * another one, which saves a good part of the work of both. Not where socket options were set. */
void net_watch_retire(struct net_loop *loop, struct net_watch *w);

/* ---- timers: a wheel of ticks of 2^26 ns (67 ms); they fire late by up to two ticks, never early */

struct net_timer { /* stands in its owner; zeroed: stopped */
	struct net_timer *next, **prev; /* prev NULL: stopped */
	void (*fire)(struct net_timer *t);
	uint32_t tick;
};

void net_timer_set(struct net_loop *loop, struct net_timer *t, nanos at); /* sets anew, too */
void net_timer_stop(struct net_loop *loop, struct net_timer *t);          /* stopped is fine */
static inline bool net_timer_is_set(const struct net_timer *t) { return t->prev != NULL; }

/* The same by a wheel of ticks of 2^20 ns (1 ms): for the few that need it (connection attempts). */
void net_timer_set_fine(struct net_loop *loop, struct net_timer *t, nanos at);

/* ---- from other threads ------------------------------------------------------------------ */

struct net_call { /* stands in its owner until it was made */
	struct net_call *next;
	void (*run)(struct net_call *c);
};

/* Makes the loop's own thread call c->run, once, soon; in order. The only function for other threads,
 * and for signal handlers. What the loop has not come to when it is freed is never called. */
void net_loop_call(struct net_loop *loop, struct net_call *c);

/* A call at the end of this round of the loop, when all that is ready was told: for what is done
 * once for many events, and for answers that must not come from within the question. c must not be
 * waiting already, and stands until it was made. Own thread only. */
void net_loop_later(struct net_loop *loop, struct net_call *c);

#endif
