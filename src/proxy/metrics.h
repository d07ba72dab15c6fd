/* What the proxy counts of itself, and how the admin door gets to see it.
 *
 * For whoever owns the workers: put one zeroed `struct metrics` into each worker, count in it what
 * is listed under "the server counts", give it to recorder_new (the recorder counts the rest), and
 * give all of them to admin_start (admin.h). Each is written by its worker's thread alone and read by
 * any: so the counters are atomic, and adding needs no locked instruction. Readers add up. */
#ifndef PROXY_METRICS_H
#define PROXY_METRICS_H

#include "base/buffer.h"
#include "base/when.h"

#include <stdatomic.h>

typedef _Atomic uint64_t counter;

enum { METRICS_REASONS = 64, METRICS_NAME = 24, METRICS_SPANS = 14, METRICS_STATUSES = 600 };

/* Upper bounds of the buckets, in milliseconds; the last one is all the rest. */
extern const uint32_t METRICS_BOUND[METRICS_SPANS - 1];

struct metrics_spans { /* a histogram of spans */
	counter bucket[METRICS_SPANS];
	counter sum; /* microseconds */
};

struct metrics {
	/* the server counts: */
	counter connections;      /* accepted */
	counter connections_open; /* goes up and down, as the next ones */
	counter tunnels_open;
	counter origins_idle;     /* kept for reuse */
	counter origins_reused;
	counter parents_failed;   /* attempts that went on to the next parent */
	counter pauses;           /* accept paused: out of descriptors or memory */
	counter turned_away;      /* closed or answered 503 at the door, without a request */

	/* the recorder counts: */
	counter requests;
	counter records_short;    /* requests that went unrecorded: no memory */
	counter bytes[2];         /* of the clients' side: up, down */
	counter status[METRICS_STATUSES];
	struct metrics_spans resolve, dial; /* dial: from the address to the connection */
	struct {
		char name[METRICS_NAME];
		counter count;
	} reason[METRICS_REASONS]; /* of refusals and cuts, by the names of record_why */
};

/* By the owner's thread alone. */
static inline void metrics_add(counter *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline void metrics_take(counter *c, uint64_t n)
{
	metrics_add(c, (uint64_t)0 - n);
}

/* From any thread. */
static inline uint64_t metrics_read(const counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

void metrics_span(struct metrics_spans *s, nanos span);     /* by the owner's thread alone */
void metrics_reason(struct metrics *m, const char *name);   /* likewise */

/* All of them added up, in the text format of Prometheus. */
void metrics_write(const struct metrics *const *m, size_t count, struct buffer *out);

#endif
