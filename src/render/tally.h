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

/* Its name, safe to show. */
void counted_say(struct buffer *out, const struct counted *c, bool utf8);

/* The places in use, most frequent first (then by name); `ret_count` of them. The caller frees
 * the array, not the keys. NULL when out of memory or empty. */
struct counted *counts_sorted(const struct counts *c, size_t *ret_count);

#endif
