/* Walks to several targets, a few at once, and what came of each. */
#ifndef CLI_CHECK_TARGETS_H
#define CLI_CHECK_TARGETS_H

#include "check/profile.h"
#include "cli/check_desk.h"
#include "cli/check_way.h"

enum { TARGETS_AT_ONCE = 4 };

struct outcome { /* of one target, in one round */
	size_t number;               /* of the target, from 0 */
	const struct check_goal *goal;
	const struct check_proxy *proxy;
	bool walked;                 /* false: it goes direct; or (see `trouble`) could not be */
	const char *trouble;         /* what kept it from being walked, or judged; else NULL */
	bool reached;                /* good enough for the goal */
	const char *unlike;          /* not reached although the verdict is good: why; else NULL */
	nanos began, took;           /* began: since 1970 */
	unsigned status;             /* of the last answer to the request itself; 0: none */
	const struct desk *desk;
	const struct exchange *x;    /* the one that decided */
	const struct diagnosis *found;
};

struct targets_plan {
	const struct check_goal *goal; /* those without a URL are passed over */
	size_t goals;
	bool any_answer;             /* a goal without `status` is reached when the origin answers, as
	                                long as that is below 500 */
	struct check_options options; /* of all walks; what is a target's own is filled in */
	struct way_wish wish;
	/* In the order of the goals, never two at a time, from any thread; the outcome lives until it
	   returns. */
	void (*tell)(void *context, const struct outcome *o);
	void *context;
};

struct targets;

/* NULL after a complaint: no password, no target that goes through a proxy, no memory. The plan is
 * copied; what it points to stays. Passwords are wiped by targets_free. */
struct targets *targets_new(const struct targets_plan *plan);
void targets_free(struct targets *t);

size_t targets_count(const struct targets *t);

/* How the first target that goes through a proxy does so. */
const struct way *targets_way(const struct targets *t);

/* Walks to all of them. A password that the proxy refuses is shown once, in this round and in all others:
 * what would need it is not walked any more, and its outcome says so. Negative errno with err where this host lacks what that takes; it blocks. */
int targets_round(struct targets *t, struct error *err);

#endif
