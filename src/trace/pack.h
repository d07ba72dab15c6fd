/* An exchange written down in a string of a few hundred bytes, and read back: for whoever keeps
 * thousands of them waiting. Only what is known takes room; a moment or a text that was written already
 * is only pointed at. The string means something to this very format alone: whoever keeps it longer than
 * the program runs keeps the number with it, and leaves alone what has another. */
#ifndef TRACE_PACK_H
#define TRACE_PACK_H

#include "trace/exchange.h"

/* One more whenever what trace_pack writes changes, or what its numbers mean (the enums of exchange.h):
 * tests/unit/pack.c holds a string of this format, which must be read as it always was. */
enum { TRACE_PACK_FORMAT = 1 };

/* Adds the exchange to `out` (out->failed where it does not fit). */
void trace_pack(const struct exchange *x, struct buffer *out);

/* The exchange again, as if trace_new had made it with that limit. NULL when the bytes are not
 * what trace_pack wrote, or out of memory. */
struct exchange *trace_unpack(struct slice packed, size_t limit);

#endif
