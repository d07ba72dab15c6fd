/* Runs of printable ASCII, which foreign text nearly always is throughout: sixteen bytes at a time,
 * or as many as there are. The exceptions are constant texts, so that the compiler makes each
 * function once for each. */
#ifndef BASE_PLAIN_H
#define BASE_PLAIN_H

#include "base/slice.h"

typedef int8_t plain_signed16 __attribute__((vector_size(16)));
typedef uint8_t plain16 __attribute__((vector_size(16)));

#define PLAIN_INLINE static inline __attribute__((always_inline))

PLAIN_INLINE bool plain_is(uint8_t c, const char *except)
{
	for (size_t i = 0; i < strlen(except); i++)
		if (c == (uint8_t)except[i])
			return false;
	return c >= 0x20 && c < 0x7f;
}

PLAIN_INLINE bool plain_are(plain16 b, const char *except)
{
	uint64_t half[2];
	/* -1 where it is, as DEL and what is beyond it turn negative; -2 where it is an exception. Sums take
	 * two thirds of what compilers make of "and not". */
	plain_signed16 plain = (plain_signed16)(b + 1) > 0x20;
	for (size_t i = 0; i < strlen(except); i++)
		plain += b == (uint8_t)except[i];
	memcpy(half, &plain, sizeof half);
	return (half[0] & half[1]) == UINT64_MAX;
}

/* Copies sixteen; false when they are not all plain. */
PLAIN_INLINE bool plain_copy_sixteen(uint8_t *to, const uint8_t *from, const char *except)
{
	plain16 b;
	memcpy(&b, from, sizeof b);
	memcpy(to, &b, sizeof b);
	return plain_are(b, except);
}

/* Four to fifteen, as two halves that overlap. */
PLAIN_INLINE bool plain_copy_few(uint8_t *to, struct slice s, const char *except)
{
	plain16 b;
	uint64_t half[2];
	if (s.len >= 8) {
		memcpy(&half[0], s.at, 8);
		memcpy(&half[1], s.at + s.len - 8, 8);
		memcpy(to, &half[0], 8);
		memcpy(to + s.len - 8, &half[1], 8);
	} else {
		uint32_t quarter[2];
		memcpy(&quarter[0], s.at, 4);
		memcpy(&quarter[1], s.at + s.len - 4, 4);
		memcpy(to, &quarter[0], 4);
		memcpy(to + s.len - 4, &quarter[1], 4);
		half[0] = half[1] = (uint64_t)quarter[0] << 32 | quarter[1];
	}
	memcpy(&b, half, sizeof b);
	return plain_are(b, except);
}

/* Copies what is plain at the start; how much that was. There is room for all of s. */
PLAIN_INLINE size_t plain_copy(uint8_t *to, struct slice s, const char *except)
{
	size_t n = 0;
	while (s.len - n >= 16 && plain_copy_sixteen(to + n, s.at + n, except))
		n += 16;
	/* the rest as the last sixteen, some of them once more */
	if (s.len >= 16 ? s.len - n < 16 && plain_copy_sixteen(to + s.len - 16, s.at + s.len - 16, except)
			: s.len >= 4 && plain_copy_few(to, s, except))
		return s.len;
	for (; n < s.len && plain_is(s.at[n], except); n++)
		to[n] = s.at[n];
	return n;
}

#endif
