/* Bytes from outside: a pointer with a length, never a NUL-terminated string.
 *
 * A slice is always borrowed. Whoever keeps the bytes copies them to an arena or a buffer of
 * its own. Nothing here allocates. The text helpers are for ASCII as protocols use it: they
 * know no locale. What reading a head does at every byte is inline: calls took a tenth of it. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *at;
	size_t len;
};

/* A string literal as a slice, without its NUL. */
#define SLICE(literal) ((struct slice){ (const uint8_t *)("" literal), sizeof(literal) - 1 })

/* The bytes of a NUL-terminated string; NULL gives the empty slice. */
static inline struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, text ? strlen(text) : 0 };
}

bool slice_starts(struct slice s, struct slice prefix);
bool slice_starts_nocase(struct slice s, struct slice prefix); /* ASCII case folded */

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool slice_equal_nocase(struct slice a, struct slice b)
{
	return a.len == b.len && slice_starts_nocase(a, b);
}

bool slice_ends(struct slice s, struct slice suffix);

/* Index of the first occurrence, or s.len when there is none. */
size_t slice_find(struct slice s, struct slice what);
size_t slice_find_nocase(struct slice s, struct slice what);
size_t slice_find_byte(struct slice s, uint8_t byte);

/* Parts of a slice; both clamp to its bounds. */
static inline struct slice slice_from(struct slice s, size_t start)
{
	if (start > s.len)
		start = s.len;
	/* NULL + 0 is undefined in C17 */
	return start == 0 ? s : (struct slice){ s.at + start, s.len - start };
}

static inline struct slice slice_first(struct slice s, size_t len)
{
	return (struct slice){ s.at, len < s.len ? len : s.len };
}

/* Without the spaces and tabs (CR and LF too) on either side. */
struct slice slice_trim(struct slice s);

/* Cuts what stands before the first `byte` off *rest and returns it; *rest then begins behind
 * the byte, or is empty when the byte was not there. */
struct slice slice_cut(struct slice *rest, uint8_t byte);

/* The next line of *rest without its LF or CRLF; *rest moves behind it. */
struct slice slice_line(struct slice *rest);

/* For tables (FNV-1a): where it matters that nobody outside chooses what falls together, it is no use. */
static inline uint32_t slice_hash(struct slice s)
{
	uint32_t hash = 2166136261U;
	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ s.at[i]) * 16777619U;
	return hash;
}

/* Digits alone, at least one, no overflow; false (and nothing written) otherwise. */
bool slice_parse_u64(struct slice s, unsigned base, uint64_t *ret_value);

/* The byte that three stand for (RFC 3986 section 2.1): at `at` is a % and two hexadecimal digits.
 * False, and nothing written, where they are not. */
bool slice_percent(struct slice s, size_t at, uint8_t *ret_byte);

#endif
