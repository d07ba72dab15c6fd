/* A 407 that is answered at once with credentials is no failure: so it waits a moment for the request
 * that answers it, whichever worker that comes to, and both are linked as a capture's would be. One of
 * these serves all workers; it holds a bounded number, and what it does not hold is simply not linked. */
#ifndef PROXY_CHALLENGE_H
#define PROXY_CHALLENGE_H

#include "trace/exchange.h"

enum { CHALLENGE_MOST = 256, CHALLENGE_MS = 1000 };

struct challenges;

struct challenges *challenges_new(void); /* NULL: out of memory */
void challenges_free(struct challenges *c); /* NULL is fine */

/* Keeps a copy of an exchange that ended with a 407; false: it is none, or there is no room. */
bool challenges_hold(struct challenges *c, const struct exchange *x, nanos now);

/* The 407 that this request answers, linked with it, the caller's to free; NULL: there is none. */
struct exchange *challenges_answered(struct challenges *c, struct exchange *x);

/* One whose moment is over by `now` (NO_TIME: any one), the caller's; NULL: none is left. */
struct exchange *challenges_expired(struct challenges *c, nanos now);

/* Is any waiting? Cheap. */
bool challenges_waiting(const struct challenges *c);

#endif
