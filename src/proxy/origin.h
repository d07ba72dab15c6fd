/* A connection to an origin or a parent that speaks HTTP with us: used by one client at a time, kept
 * alive between, and used again. One worker's own.
 *
 * Who uses it is told of its events; while it is idle the worker watches it, and lets go of it when
 * it ends, is too old, or others need its descriptor. */
#ifndef PROXY_ORIGIN_H
#define PROXY_ORIGIN_H

#include "proxy/worker.h"

struct origin {
	struct net_watch watch;
	struct worker *worker;
	void (*ready)(void *user); /* something of `state` is new */
	void *user;              /* NULL: idle */
	struct origin *next, *prev;   /* among the idle, by age */
	struct origin *chain;         /* ... by name */
	nanos idle_since;
	struct address peer;
	uint32_t uses;           /* requests before this one */
	uint8_t state;           /* NET_READABLE, ... */
	bool private;            /* somebody's credentials or address belong to the connection itself
	                            (NTLM, PROXY protocol): not for others */
	uint16_t port;
	char host[];             /* lower case */
};

/* One without a connection: its watch is for net_dial. NULL: no memory. */
struct origin *origin_new(struct worker *w, struct slice host, uint16_t port);
/* An idle connection to there; NULL: none. It has no user until the caller sets one. */
struct origin *origin_find(struct worker *w, struct slice host, uint16_t port);
/* Keeps it for others. */
void origin_keep(struct origin *o);
void origin_close(struct origin *o); /* NULL is fine; not for idle ones */

/* Closes the idlest one; false: there is none. */
bool origin_close_idlest(struct worker *w);
void origin_close_idle(struct worker *w, nanos since_before);

#endif
