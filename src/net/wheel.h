/* Timers of one grain: a ring of lists, one a tick, and a bit for each list that has any. Setting,
 * stopping and firing cost the same however many there are. A timer that is further away than the
 * ring is long stays in its list for as many rounds as it takes.
 *
 * Private to net: loop.c has two, a coarse one and a fine one. */
#ifndef NET_WHEEL_H
#define NET_WHEEL_H

#include "net/loop.h"

enum { WHEEL_SLOTS = 1024 };

struct wheel {
	unsigned shift; /* a tick is 2^shift ns */
	uint32_t tick;  /* everything up to this one has fired; wraps, so that only differences count */
	uint64_t bits[WHEEL_SLOTS / 64];
	struct net_timer *slot[WHEEL_SLOTS];
};

void wheel_init(struct wheel *w, unsigned shift, nanos now);
void wheel_set(struct wheel *w, struct net_timer *t, nanos now, nanos at); /* t must be stopped */

/* Unlinks t from whichever list it is in, of a wheel or of what is due; returns where that list or
 * its rest is. A wheel is to hear of one that is empty now. */
struct net_timer **wheel_unlink(struct net_timer *t);
void wheel_emptied(struct wheel *w, struct net_timer **list); /* of another wheel is fine */

/* Moves all whose time has come to the end of the list *due, the earlier ticks first. */
void wheel_advance(struct wheel *w, nanos now, struct net_timer **due);

/* When to look again: INT64_MAX where nothing is set. Never later than the first timer. */
nanos wheel_next(const struct wheel *w, nanos now);

#endif
