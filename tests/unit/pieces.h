/* Slices for tests: in memory of exactly their size, so that a byte too far is seen; and compared. */
#ifndef TESTS_UNIT_PIECES_H
#define TESTS_UNIT_PIECES_H

#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

/* The first `len` bytes of s in memory that ends there; the caller frees .at. */
static inline struct slice exact(struct slice s, size_t len)
{
	uint8_t *at = malloc(len ? len : 1);
	assert_non_null(at);
	if (len > 0)
		memcpy(at, s.at, len);
	return (struct slice){ at, len };
}

static inline void give_back(struct slice s)
{
	free((void *)(uintptr_t)s.at);
}

static inline void assert_slice(struct slice got, const char *want)
{
	if (!slice_equal(got, slice_of(want)))
		fail_msg("got \"%.*s\", wanted \"%s\"", (int)got.len, (const char *)got.at, want);
}

#endif
