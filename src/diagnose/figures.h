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

/* "1 MiB", "500 kB", into `out`; false, and nothing written, where no round figure is within 2 %. */
bool figures_add_size(struct buffer *out, uint64_t bytes);

#endif
