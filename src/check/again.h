/* The same walk again, under altered conditions, several at once: for what looks around. Private to
 * this room.
 *
 * Nothing is told on the way. What each came to is kept; its exchanges are the caller's, until
 * again_done. */
#ifndef CHECK_AGAIN_H
#define CHECK_AGAIN_H

#include "check/repeat.h"

enum { AGAIN_MOST = 12 };

struct again {
	struct check_altered altered; /* in: what is different this time; `until` is not the caller's */

	int code;                     /* negative errno: this host lacks what a walk needs */
	nanos took;
	struct repeat walk;           /* what it came to */
};

/* Is this one as good as they get? */
typedef bool again_good(const struct again *a, const void *context);

/* Walks them all at once, each for so long at most. Whenever one is good, the others have a second more,
 * and three times what it took, to be as good. */
void again_walk(const struct check_options *options, struct again *walks, size_t count, nanos longest,
                again_good *good, const void *context);

void again_done(struct again *walks, size_t count);

/* Bytes that came from the proxy: on its connections, or inside of tunnels. */
uint64_t again_bytes(const struct again *a, bool inside);

#endif
