/* What is plainly good is judged by a short cut (rules_good.c). One that our own proxy remembers does
 * not take it; so with an empty leg all rules are tried, and the same must come of it. */
#ifndef UNIT_JUDGED_ALIKE_H
#define UNIT_JUDGED_ALIKE_H

#include "diagnose/diagnose.h"

static inline void assert_judged_alike(struct exchange *x)
{
	struct finding one, other;
	if (x->leg)
		return;
	diagnose_judge(x, &one);
	assert_true(trace_open_leg(x));
	diagnose_judge(x, &other);
	x->leg = NULL;
	assert_memory_equal(&one, &other, sizeof one);
}

#endif
