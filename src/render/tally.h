/* What the summaries read of a tally. Private to this room. */
#ifndef RENDER_TALLY_H
#define RENDER_TALLY_H

#include "render/render.h"

struct counted {
	uint64_t hash;
	uint64_t count, failures;
	struct slice key; /* on the heap; at NULL: the place is free; to read: counted_say */
};

/* Names with how often they came; bounded: the least frequent are merged into `others`. */
struct counts {
	struct counted *place;
	size_t places, used, keep;
	struct counted others;
};

struct tally {
	uint64_t verdict[V_COUNT_];
	enum severity severity[V_COUNT_]; /* the worst that came with this verdict */
	uint64_t by_severity[SEVERITY_FAILURE + 1];
	uint64_t total;
	struct counts proxies, targets;
};

struct verdict_count {
	enum verdict verdict;
	enum severity severity;
	uint64_t count;
};

/* Verdicts that came, the worst and then the most frequent first; room for V_COUNT_. */
size_t tally_verdicts(const struct tally *t, struct verdict_count *ret_list);

/* "345 packets, 234.6 kB, 12 connections; 2025-03-14 11:30:12 to 11:31:14 UTC (61.7 s)": what is
 * known of it. facts may be NULL. */
void tally_say_facts(struct buffer *out, const struct summary_facts *facts);

/* Its name, safe to show. */
void counted_say(struct buffer *out, const struct counted *c, bool utf8);

/* The places in use, most frequent first (then by name); `ret_count` of them. The caller frees
 * the array, not the keys. NULL when out of memory or empty. */
struct counted *counts_sorted(const struct counts *c, size_t *ret_count);

#endif
