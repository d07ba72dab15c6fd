/* Words out of a page. */
#include "http/page.h"

#include "base/escape.h"

struct words {
	struct buffer *out;
	size_t begin, most;
	bool space, line; /* owed before the next word */
	bool full;
};

static size_t length(const struct words *w)
{
	return w->out->len - w->begin;
}

static void put(struct words *w, struct slice piece)
{
	bool first = length(w) == 0;
	if (w->full)
		return;
	if (length(w) + piece.len + 1 > w->most) {
		w->full = true;
		buffer_add_text(w->out, "...");
		return;
	}
	if (!first && (w->line || w->space))
		buffer_add_byte(w->out, w->line ? '\n' : ' ');
	w->line = w->space = false;
	buffer_add(w->out, piece);
}

/* ---- character references ----------------------------------------------------------------- */

static bool by_number(struct slice name, uint32_t *ret_code)
{
	uint64_t n;
	bool hex = name.len > 1 && (name.at[1] | 0x20) == 'x';
	if (name.len < 2 || name.at[0] != '#' ||
	    !slice_parse_u64(slice_from(name, 1 + hex), hex ? 16 : 10, &n))
		return false;
	*ret_code = n > 0x10ffff || (n >= 0xd800 && n < 0xe000) || n == 0 ? 0xfffd : (uint32_t)n;
	return true;
}

static bool by_name(struct slice name, uint32_t *ret_code)
{
	static const struct {
		const char *name;
		uint32_t code;
	} names[] = { { "amp", '&' },      { "lt", '<' },        { "gt", '>' },
		      { "quot", '"' },     { "apos", '\'' },     { "nbsp", ' ' },
		      { "copy", 0xa9 },    { "reg", 0xae },      { "ndash", 0x2013 },
		      { "mdash", 0x2014 }, { "hellip", 0x2026 }, { "rsquo", 0x2019 },
		      { "laquo", 0xab },   { "raquo", 0xbb } };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_equal(name, slice_of(names[i].name))) {
			*ret_code = names[i].code;
			return true;
		}
	return false;
}

enum { LONGEST_REFERENCE = 12 };

/* "&amp;": how long it is; 0: it is an ampersand. */
static size_t read_reference(struct slice s, uint32_t *ret_code)
{
	size_t end = slice_find_byte(slice_first(s, LONGEST_REFERENCE), ';');
	struct slice name = slice_from(slice_first(s, end), 1);
	if (end >= s.len || end >= LONGEST_REFERENCE)
		return 0;
	return by_number(name, ret_code) || by_name(name, ret_code) ? end + 1 : 0;
}

/* ---- tags ----------------------------------------------------------------------------------- */

static struct slice tag_name(struct slice tag)
{
	size_t len = 0;
	if (tag.len && tag.at[0] == '/')
		tag = slice_from(tag, 1);
	while (len < tag.len &&
	       ((tag.at[len] | 0x20) >= 'a' || (tag.at[len] >= '0' && tag.at[len] <= '9')) &&
	       (tag.at[len] | 0x20) <= 'z')
		len++;
	return slice_first(tag, len);
}

static bool is_one_of(struct slice name, const char *const *names)
{
	for (; *names; names++)
		if (slice_equal_nocase(name, slice_of(*names)))
			return true;
	return false;
}

static const char *const INLINE[] = { "a",    "abbr",   "b",   "code", "em", "font", "i",   "small",
				      "span", "strong", "sub", "sup",  "tt", "u",    "wbr", NULL };
static const char *const UNSHOWN[] = { "script", "style", "noscript", "template", NULL };

/* From its "<" on; what is behind it. */
static struct slice pass_tag(struct words *w, struct slice s)
{
	if (slice_starts(s, SLICE("<!--"))) {
		size_t end = slice_find(s, SLICE("-->"));
		return slice_from(s, end < s.len ? end + 3 : s.len);
	}
	size_t end = slice_find_byte(s, '>');
	struct slice tag = slice_from(slice_first(s, end), 1), name = tag_name(tag);
	struct slice rest = slice_from(s, end + 1);
	if (!is_one_of(name, INLINE))
		w->line = true;
	if (!is_one_of(name, UNSHOWN) || tag.at[0] == '/')
		return rest;
	uint8_t close[16] = "</";
	memcpy(close + 2, name.at, name.len);
	return slice_from(rest, slice_find_nocase(rest, (struct slice){ close, name.len + 2 }));
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

/* A "<" that begins no tag is one. */
static bool begins_tag(struct slice s)
{
	return s.len > 1 && (s.at[1] == '/' || s.at[1] == '!' || s.at[1] == '?' ||
			     ((s.at[1] | 0x20) >= 'a' && (s.at[1] | 0x20) <= 'z'));
}

static size_t word_end(struct slice s)
{
	size_t len = 0;
	while (len < s.len && !is_space(s.at[len]) && s.at[len] != '&' &&
	       !(s.at[len] == '<' && (len > 0 || begins_tag(s))))
		len++;
	return len;
}

void http_page_text(struct buffer *out, struct slice page, size_t most)
{
	struct words w = { .out = out, .begin = out->len, .most = most };
	while (page.len && !w.full) {
		uint32_t code;
		size_t len;
		uint8_t bytes[4];
		if (is_space(page.at[0])) {
			w.space = true;
			page = slice_from(page, 1);
		} else if (page.at[0] == '<' && begins_tag(page)) {
			page = pass_tag(&w, page);
		} else if (page.at[0] == '&' && (len = read_reference(page, &code)) > 0) {
			if (code <= ' ')
				w.space = true;
			else
				put(&w, (struct slice){ bytes, escape_write_utf8(code, bytes) });
			page = slice_from(page, len);
		} else {
			len = word_end(page);
			len = len ? len : 1;
			put(&w, slice_first(page, len));
			page = slice_from(page, len);
		}
	}
}
