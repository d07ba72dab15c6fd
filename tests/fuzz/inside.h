/* What every target asks of a reader's slices: that they lie in the input. */
#ifndef FUZZ_INSIDE_H
#define FUZZ_INSIDE_H

#include "base/slice.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void assert_inside(struct slice part, struct slice whole)
{
	if (part.len == 0)
		return;
	assert(part.at >= whole.at && part.len <= whole.len);
	assert((size_t)(part.at - whole.at) <= whole.len - part.len);
}

#endif
