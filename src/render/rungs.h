/* The rungs of a sequence ladder, from top to bottom: what is drawn of an exchange, before anybody
 * thinks of how. */
#ifndef RENDER_RUNGS_H
#define RENDER_RUNGS_H

#include "diagnose/diagnose.h"
#include "trace/exchange.h"

enum rung_shape {
	RUNG_ARROW,  /* arrives */
	RUNG_LOST,   /* stops with a cross */
	RUNG_ROUTER, /* ICMP: from somewhere on the way */
	RUNG_NOTE,   /* said across the lanes, no packet */
	RUNG_SILENCE,
};

struct rung {
	enum rung_shape shape;
	enum trace_side side; /* who sends, in its lane pair */
	bool onward;          /* between proxy and origin */
	bool fault, cited;
	bool nothing_after;   /* a silence that is part of the fault */
	bool busy;            /* no silence after all: data flowed, no event tells of it */
	struct mark mark;
	size_t event[4], events; /* indices; several share one packet */
	const char *text;        /* instead of events */
	nanos silence;
};

enum { RUNGS_MOST = 2 * TRACE_MAX_EVENTS + 8 };

struct rungs {
	struct rung rung[RUNGS_MOST];
	size_t count;
};

/* Those of `x`, which `d` judges. They point into neither. */
void rungs_decide(struct rungs *ret_rungs, const struct exchange *x, const struct diagnosis *d);

#endif
