/* Makes foreign bytes safe to show. Whatever comes from a capture, a peer or a file goes
 * through one of these on its way to a person.
 *
 * Text is taken for UTF-8; what is not valid UTF-8, and every control character (C0, DEL,
 * C1, bidirectional overrides), is written as \xNN. */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include "base/buffer.h"

/* For a terminal: never an escape sequence, never a line break. */
void escape_text(struct buffer *out, struct slice s);

/* The inside of a JSON string (no quotes): RFC 8259 escapes; bytes that are no UTF-8 become
 * U+FFFD. */
void escape_json(struct buffer *out, struct slice s);

/* A member of a JSON object, behind another one: ,"name":"text". The name is our own. */
void escape_json_member(struct buffer *out, const char *name, struct slice text);

/* For HTML and SVG text and quoted attributes. */
void escape_html(struct buffer *out, struct slice s);

/* Into a caller's array, as escape_text, cut to fit with "..." and NUL-terminated. Returns
 * `into`, so that it can stand in a printf. */
const char *escape_into(char *into, size_t size, struct slice s);

/* One character of UTF-8. Returns its length in bytes, 0 when s does not begin with a valid
 * one (RFC 3629: no surrogates, no overlong forms). */
size_t escape_read_utf8(struct slice s, uint32_t *ret_code);

/* The other way round: the bytes of one that is neither a surrogate nor beyond U+10FFFF. Returns how
 * many. */
size_t escape_write_utf8(uint32_t code, uint8_t ret_bytes[4]);

/* Columns that a character takes on a terminal: 0 (combining), 1, or 2 (East Asian wide). */
unsigned escape_width(uint32_t code);
unsigned escape_columns(struct slice text); /* of all of it; bytes that are no UTF-8 take one each */

#endif
