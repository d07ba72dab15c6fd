/* The round figure that somebody may have configured, guessed from one that was measured. Private to
 * this room. */
#ifndef DIAGNOSE_FIGURES_H
#define DIAGNOSE_FIGURES_H

#include "base/buffer.h"
#include "base/when.h"

/* A time-out that fired after so long: it fires when it is due, or a little later, when whoever keeps
 * it next looks. 0: no usual figure is near below. */
nanos figures_time(nanos measured);

/* "60 s", "5 min", "2 h" */
void figures_add_time(struct buffer *out, nanos figure);

/* A size in bytes as people write it: the round one nearest to what was measured. */
struct figure_size {
	uint64_t count;
	const char *unit; /* "MiB", "kB", ...; NULL: none is within 2 % */
	uint64_t off;     /* by so much it misses, in millionths */
};
struct figure_size figures_size(uint64_t measured);

#endif
