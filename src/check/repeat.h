/* A walk that is made again, under other conditions, to see what they change. Nothing of it is shown:
 * its exchanges are facts to compare with. */
#ifndef CHECK_REPEAT_H
#define CHECK_REPEAT_H

#include "check/check.h"

enum { REPEAT_EXCHANGES = 32 };

struct repeat {
	struct exchange *exchange[REPEAT_EXCHANGES]; /* in order */
	size_t count;
	enum check_step step;         /* the last stage that was entered */
	bool failed;                  /* there it ended, */
	bool silent;                  /* because nothing came any more, or not in time */
	void (*still)(void *context, nanos so_far); /* in: as in check_owner, or NULL */
	void *context;
};

/* The options of a walk under the same conditions, with heads kept; the caller alters them. */
struct check_options repeat_options(const struct check_options *options);

/* Walks; negative errno with err as check_walk has it. Its exchanges are the caller's, to be given to
 * repeat_done. */
int repeat_walk(const struct check_options *options, struct repeat *ret_repeat,
	       struct error *err);
void repeat_done(struct repeat *r);

/* The last request to the target itself: inside of a tunnel, or in the clear. And the last CONNECT.
 * NULL: none. */
struct exchange *repeat_request(struct exchange *const *x, size_t count);
struct exchange *repeat_connect(struct exchange *const *x, size_t count);

#endif
