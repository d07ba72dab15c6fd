/* Character classes of HTTP (RFC 9110 section 5.6), for the files of this room alone. */
#ifndef HTTP_SYNTAX_H
#define HTTP_SYNTAX_H

#include "base/slice.h"

enum {
	IN_TOKEN = 1,  /* method, field name, scheme */
	IN_TEXT = 2,   /* field value, reason phrase: all but controls; tab is no control here */
	IN_TARGET = 4, /* request target: no blanks; bytes over 0x7f are not right, but are sent */
	IN_HOST = 8,   /* reg-name of RFC 3986; bytes over 0x7f as above */
};

extern const uint8_t http_class[256];

static inline bool http_is(uint8_t byte, uint8_t classes)
{
	return (http_class[byte] & classes) != 0;
}

static inline bool http_is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

/* The first byte of s that is not in the class, or s.len. */
static inline size_t http_span(struct slice s, uint8_t classes)
{
	size_t n = 0;
	while (n < s.len && http_is(s.at[n], classes))
		n++;
	return n;
}

/* Cuts the next element off a comma-separated list (RFC 9110 section 5.6.1): empty elements
 * count for nothing, and a comma inside quotes is no comma. False at the end. */
bool http_next_item(struct slice *rest, struct slice *ret_item);

#endif
