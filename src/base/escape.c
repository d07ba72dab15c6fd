/* Escaping: one walk over the characters, three ways to write what is not harmless. */
#include "base/escape.h"

#include "base/plain.h"

#include <string.h>

static const char HEX[] = "0123456789abcdef";

size_t escape_read_utf8(struct slice s, uint32_t *ret_code)
{
	if (s.len == 0)
		return 0;
	uint8_t lead = s.at[0];
	size_t len = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (len == 0 || lead > 0xf4 || s.len < len)
		return 0;
	uint32_t code = len == 1 ? lead : lead & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((s.at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s.at[i] & 0x3f);
	}
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return len;
}

size_t escape_write_utf8(uint32_t code, uint8_t ret_bytes[4])
{
	if (code < 0x80) {
		ret_bytes[0] = (uint8_t)code;
		return 1;
	}
	if (code < 0x800) {
		ret_bytes[0] = (uint8_t)(0xc0 | code >> 6);
		ret_bytes[1] = (uint8_t)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		ret_bytes[0] = (uint8_t)(0xe0 | code >> 12);
		ret_bytes[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
		ret_bytes[2] = (uint8_t)(0x80 | (code & 0x3f));
		return 3;
	}
	ret_bytes[0] = (uint8_t)(0xf0 | code >> 18);
	ret_bytes[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
	ret_bytes[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
	ret_bytes[3] = (uint8_t)(0x80 | (code & 0x3f));
	return 4;
}

unsigned escape_width(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} zero[] = { { 0x300, 0x36f },   { 0x200b, 0x200f }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },
		     { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f } },
	  wide[] = { { 0x1100, 0x115f },   { 0x2e80, 0x303e },  { 0x3041, 0x33ff },
		     { 0x3400, 0x4dbf },   { 0x4e00, 0x9fff },  { 0xa000, 0xa4cf },
		     { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },  { 0xfe30, 0xfe4f },
		     { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },  { 0x1f300, 0x1f64f },
		     { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd } };
	if (code < 0x300)
		return 1;
	for (size_t i = 0; i < sizeof zero / sizeof *zero; i++)
		if (code >= zero[i].first && code <= zero[i].last)
			return 0;
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
		if (code >= wide[i].first && code <= wide[i].last)
			return 2;
	return 1;
}

unsigned escape_columns(struct slice text)
{
	unsigned sum = 0;
	while (text.len > 0) {
		uint32_t code = 0;
		size_t len = escape_read_utf8(text, &code);
		sum += len ? escape_width(code) : 1;
		text = slice_from(text, len ? len : 1);
	}
	return sum;
}

/* Control characters, those that turn the reading direction or hide (UTS 55), and what XML does
 * not allow. */
static bool is_harmful(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
	       code == 0x61c || code == 0xfeff || code == 0xfffe || code == 0xffff ||
	       (code >= 0xfff9 && code <= 0xfffb);
}

/* Adds what is plain at the start; how much that was. Nothing gets shorter by being escaped, so
 * there must be room for all of it. */
static inline __attribute__((always_inline)) size_t add_plain(struct buffer *out, struct slice s,
							      const char *except)
{
	uint8_t *at = buffer_reserve(out, s.len);
	if (!at)
		return s.len;
	size_t n = plain_copy(at, s, except);
	out->len += (uint32_t)n;
	return n;
}

static void add_hex_bytes(struct buffer *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t text[] = { '\\', 'x', (uint8_t)HEX[s.at[i] >> 4],
				   (uint8_t)HEX[s.at[i] & 15] };
		buffer_add(out, (struct slice){ text, sizeof text });
	}
}

void escape_text(struct buffer *out, struct slice s)
{
	while (s.len > 0) {
		s = slice_from(s, add_plain(out, s, "\\"));
		if (s.len == 0)
			return;
		uint32_t code = 0;
		size_t len = escape_read_utf8(s, &code);
		if (code == '\\')
			buffer_add_text(out, "\\\\");
		else if (len == 0 || is_harmful(code))
			add_hex_bytes(out, slice_first(s, len ? len : 1));
		else
			buffer_add(out, slice_first(s, len));
		s = slice_from(s, len ? len : 1);
	}
}

static void add_json_code(struct buffer *out, uint32_t code)
{
	uint8_t text[] = { '\\',
			   'u',
			   (uint8_t)HEX[code >> 12 & 15],
			   (uint8_t)HEX[code >> 8 & 15],
			   (uint8_t)HEX[code >> 4 & 15],
			   (uint8_t)HEX[code & 15] };
	buffer_add(out, (struct slice){ text, sizeof text });
}

void escape_json(struct buffer *out, struct slice s)
{
	while (s.len > 0) {
		s = slice_from(s, add_plain(out, s, "\\\""));
		if (s.len == 0)
			return;
		uint32_t code = 0xfffd;
		size_t len = escape_read_utf8(s, &code);
		if (code == '\\' || code == '"') {
			buffer_add_byte(out, '\\');
			buffer_add_byte(out, (uint8_t)code);
		} else if (len == 0) {
			buffer_add_text(out, "\xef\xbf\xbd");
		} else if (is_harmful(code)) {
			add_json_code(out, code);
		} else {
			buffer_add(out, slice_first(s, len));
		}
		s = slice_from(s, len ? len : 1);
	}
}

void escape_json_member(struct buffer *out, const char *name, struct slice text)
{
	buffer_printf(out, ",\"%s\":\"", name);
	escape_json(out, text);
	buffer_add_byte(out, '"');
}

static const char *html_entity(uint32_t code)
{
	switch (code) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void escape_html(struct buffer *out, struct slice s)
{
	while (s.len > 0) {
		s = slice_from(s, add_plain(out, s, "\\&<>\"'"));
		if (s.len == 0)
			return;
		uint32_t code = 0;
		size_t len = escape_read_utf8(s, &code);
		const char *entity = len ? html_entity(code) : NULL;
		if (entity)
			buffer_add_text(out, entity);
		else
			escape_text(out, slice_first(s, len ? len : 1));
		s = slice_from(s, len ? len : 1);
	}
}

const char *escape_into(char *into, size_t size, struct slice s)
{
	struct buffer b;
	buffer_init(&b, size > 4 ? size * 4 : 16);
	escape_text(&b, slice_first(s, size));
	size_t room = size - 1;
	bool cut = b.failed || s.len > size || b.len > room;
	size_t n = cut && room > 3 ? room - 3 : b.len < room ? b.len : room;
	if (n > b.len)
		n = b.len;
	while (cut && n > 0 && n < b.len && (b.at[n] & 0xc0) == 0x80)
		n--; /* never half a character */
	if (n)
		memcpy(into, b.at, n);
	memcpy(into + n, cut && room > 3 ? "..." : "", cut && room > 3 ? 4 : 1);
	buffer_done(&b);
	return into;
}
