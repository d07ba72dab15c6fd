/* Reads numbers and runs of bytes from a slice, once, forward.
 *
 * Running out is sticky: every read after it gives zeros and empty slices, so a parser reads
 * everything and asks `ran_out` once at the end. */
#ifndef BASE_READER_H
#define BASE_READER_H

#include "base/slice.h"

struct reader {
	struct slice left;
	bool ran_out;
};

static inline struct slice read_bytes(struct reader *r, size_t len)
{
	if (r->ran_out || len > r->left.len) {
		r->ran_out = true;
		return (struct slice){ r->left.at, 0 };
	}
	struct slice part = slice_first(r->left, len);
	r->left = slice_from(r->left, len);
	return part;
}

/* Big-endian, as the network has it. */
static inline uint64_t read_be(struct reader *r, unsigned bytes)
{
	struct slice s = read_bytes(r, bytes);
	uint64_t value = 0;
	for (size_t i = 0; i < s.len; i++)
		value = value << 8 | s.at[i];
	return value;
}

static inline uint8_t read_u8(struct reader *r)
{
	return (uint8_t)read_be(r, 1);
}
static inline uint16_t read_u16(struct reader *r)
{
	return (uint16_t)read_be(r, 2);
}
static inline uint32_t read_u24(struct reader *r)
{
	return (uint32_t)read_be(r, 3);
}
static inline uint32_t read_u32(struct reader *r)
{
	return (uint32_t)read_be(r, 4);
}

/* A run whose length stands before it in `bytes` bytes, as TLS has it. */
static inline struct slice read_counted(struct reader *r, unsigned bytes)
{
	return read_bytes(r, (size_t)read_be(r, bytes));
}

#endif
