/* Slices: comparing, finding and cutting bytes that somebody else owns. */
#include "base/slice.h"

#include <string.h>

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool slice_starts(struct slice s, struct slice prefix)
{
	return slice_equal(slice_first(s, prefix.len), prefix);
}

bool slice_starts_nocase(struct slice s, struct slice prefix)
{
	if (s.len < prefix.len)
		return false;
	/* those that are equal are mostly so letter by letter, and that is seen many at a time */
	if (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0)
		return true;
	for (size_t i = 0; i < prefix.len; i++)
		if (fold(s.at[i]) != fold(prefix.at[i]))
			return false;
	return true;
}

bool slice_ends(struct slice s, struct slice suffix)
{
	return s.len >= suffix.len && slice_equal(slice_from(s, s.len - suffix.len), suffix);
}

size_t slice_find(struct slice s, struct slice what)
{
	if (what.len == 0)
		return 0;
	for (size_t i = 0; i + what.len <= s.len; i++) {
		const uint8_t *hit = memchr(s.at + i, what.at[0], s.len - what.len - i + 1);
		if (!hit)
			return s.len;
		i = (size_t)(hit - s.at);
		if (memcmp(hit, what.at, what.len) == 0)
			return i;
	}
	return s.len;
}

size_t slice_find_nocase(struct slice s, struct slice what)
{
	if (what.len == 0)
		return 0;
	/* bit 5 is all that tells the cases apart; a few other bytes it makes alike, too */
	uint8_t first = what.at[0] | 0x20;
	for (size_t i = 0; i + what.len <= s.len; i++)
		if ((s.at[i] | 0x20) == first && slice_starts_nocase(slice_from(s, i), what))
			return i;
	return s.len;
}

size_t slice_find_byte(struct slice s, uint8_t byte)
{
	const uint8_t *hit = s.len ? memchr(s.at, byte, s.len) : NULL;
	return hit ? (size_t)(hit - s.at) : s.len;
}

struct slice slice_trim(struct slice s)
{
	while (s.len > 0 && is_blank(s.at[0]))
		s = slice_from(s, 1);
	while (s.len > 0 && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

struct slice slice_cut(struct slice *rest, uint8_t byte)
{
	size_t end = slice_find_byte(*rest, byte);
	struct slice part = slice_first(*rest, end);
	*rest = slice_from(*rest, end + 1);
	return part;
}

struct slice slice_line(struct slice *rest)
{
	struct slice line = slice_cut(rest, '\n');
	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	return line;
}

bool slice_parse_u64(struct slice s, unsigned base, uint64_t *ret_value)
{
	uint64_t value = 0;
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = fold(s.at[i]);
		unsigned digit = c >= '0' && c <= '9'   ? c - '0' + 0u
				 : c >= 'a' && c <= 'z' ? c - 'a' + 10u
							: 99;
		if (digit >= base || value > (UINT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	*ret_value = value;
	return true;
}

bool slice_percent(struct slice s, size_t at, uint8_t *ret_byte)
{
	struct slice digits = slice_first(slice_from(s, at + 1), 2);
	uint64_t value;
	if (at >= s.len || s.at[at] != '%' || digits.len != 2 ||
	    !slice_parse_u64(digits, 16, &value))
		return false;
	*ret_byte = (uint8_t)value;
	return true;
}
