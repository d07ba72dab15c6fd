/* A string told by how it differs from another that it is like: for whoever keeps thousands of
 * strings with the same things in the same order. Neither has to be kept apart from the other by any
 * mark; unlike ones cost an eighth more than their length. */
#ifndef BASE_DELTA_H
#define BASE_DELTA_H

#include "base/buffer.h"

/* Adds to `out` what makes `s` of `like`. */
void delta_add(struct buffer *out, struct slice like, struct slice s);

/* Adds to `out` what `delta` makes of `like`. False when it is not what delta_add wrote for this one. */
bool delta_apply(struct slice like, struct slice delta, struct buffer *out);

#endif
