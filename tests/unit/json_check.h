/* Is this JSON (RFC 8259)? Strict: one value, UTF-8, nothing raw in strings that must be escaped.
 */
#ifndef UNIT_JSON_CHECK_H
#define UNIT_JSON_CHECK_H

#include "base/escape.h"

struct json_check {
	struct slice left;
	unsigned depth;
};

static inline bool json_value(struct json_check *c);

static inline int json_next(struct json_check *c)
{
	return c->left.len ? c->left.at[0] : -1;
}

static inline bool json_take(struct json_check *c, uint8_t byte)
{
	if (json_next(c) != byte)
		return false;
	c->left = slice_from(c->left, 1);
	return true;
}

static inline bool json_word(struct json_check *c, struct slice word)
{
	if (!slice_starts(c->left, word))
		return false;
	c->left = slice_from(c->left, word.len);
	return true;
}

static inline bool json_escape(struct json_check *c)
{
	static const char simple[] = "\"\\/bfnrt";
	for (size_t i = 0; i < sizeof simple - 1; i++)
		if (json_take(c, (uint8_t)simple[i]))
			return true;
	if (!json_take(c, 'u') || c->left.len < 4)
		return false;
	uint64_t code;
	if (!slice_parse_u64(slice_first(c->left, 4), 16, &code))
		return false;
	c->left = slice_from(c->left, 4);
	return code < 0xd800 || code > 0xdfff; /* we write no surrogates */
}

static inline bool json_string(struct json_check *c)
{
	if (!json_take(c, '"'))
		return false;
	while (!json_take(c, '"')) {
		uint32_t code;
		size_t len = escape_read_utf8(c->left, &code);
		if (len == 0 || code < 0x20)
			return false;
		c->left = slice_from(c->left, len);
		if (code == '\\' && !json_escape(c))
			return false;
	}
	return true;
}

static inline size_t json_digits(struct json_check *c)
{
	size_t n = 0;
	while (json_next(c) >= '0' && json_next(c) <= '9') {
		c->left = slice_from(c->left, 1);
		n++;
	}
	return n;
}

static inline bool json_number(struct json_check *c)
{
	json_take(c, '-');
	bool zero = json_next(c) == '0';
	size_t digits = json_digits(c);
	if (digits == 0 || (zero && digits > 1))
		return false;
	return !json_take(c, '.') || json_digits(c) > 0; /* we write no exponents */
}

static inline bool json_members(struct json_check *c, bool object)
{
	uint8_t end = object ? '}' : ']';
	if (json_take(c, end))
		return true;
	do {
		if (object && !(json_string(c) && json_take(c, ':')))
			return false;
		if (!json_value(c))
			return false;
	} while (json_take(c, ','));
	return json_take(c, end);
}

static inline bool json_value(struct json_check *c)
{
	if (++c->depth > 20)
		return false;
	bool good = json_take(c, '{')              ? json_members(c, true)
		    : json_take(c, '[')            ? json_members(c, false)
		    : json_next(c) == '"'          ? json_string(c)
		    : json_word(c, SLICE("true"))  ? true
		    : json_word(c, SLICE("false")) ? true
						   : json_number(c);
	c->depth--;
	return good;
}

/* One value, and nothing behind it but a line break. */
static inline bool json_is_line(struct slice text)
{
	struct json_check c = { .left = text };
	return json_value(&c) && json_take(&c, '\n') && c.left.len == 0;
}

#endif
