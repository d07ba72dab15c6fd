/* JSON, written and read. */
#include "console/json.h"

#include "base/escape.h"
#include "base/reader.h"

/* ---- written ------------------------------------------------------------------------------- */

static void begin(struct buffer *out, const char *name)
{
	uint8_t last = out->len ? out->at[out->len - 1] : '{';
	if (last != '{' && last != '[')
		buffer_add_byte(out, ',');
	if (name)
		buffer_printf(out, "\"%s\":", name);
}

void json_open(struct buffer *out, const char *name, char bracket)
{
	begin(out, name);
	buffer_add_byte(out, (uint8_t)bracket);
}

void json_close(struct buffer *out, char bracket)
{
	buffer_add_byte(out, (uint8_t)bracket);
}

void json_text(struct buffer *out, const char *name, struct slice text)
{
	begin(out, name);
	buffer_add_byte(out, '"');
	escape_json(out, text);
	buffer_add_byte(out, '"');
}

void json_word(struct buffer *out, const char *name, const char *text)
{
	if (text)
		json_text(out, name, slice_of(text));
}

void json_number(struct buffer *out, const char *name, int64_t number)
{
	begin(out, name);
	buffer_printf(out, "%lld", (long long)number);
}

void json_big(struct buffer *out, const char *name, int64_t number)
{
	begin(out, name);
	buffer_printf(out, "\"%lld\"", (long long)number);
}

void json_bool(struct buffer *out, const char *name, bool value)
{
	begin(out, name);
	buffer_add_text(out, value ? "true" : "false");
}

void json_raw(struct buffer *out, const char *name, struct slice json)
{
	begin(out, name);
	buffer_add(out, json);
}

/* ---- read ---------------------------------------------------------------------------------- */

static void skip_blanks(struct reader *r)
{
	while (r->left.len > 0 && strchr(" \t\r\n", r->left.at[0]) && r->left.at[0])
		r->left = slice_from(r->left, 1);
}

static bool take(struct reader *r, char c)
{
	skip_blanks(r);
	if (r->left.len == 0 || r->left.at[0] != (uint8_t)c)
		return false;
	r->left = slice_from(r->left, 1);
	return true;
}

static bool take_word(struct reader *r, struct slice word)
{
	if (!slice_starts(r->left, word))
		return false;
	r->left = slice_from(r->left, word.len);
	return true;
}

static bool read_hex(struct reader *r, uint32_t *ret_code)
{
	uint64_t value;
	struct slice digits = read_bytes(r, 4);
	if (r->ran_out || !slice_parse_u64(digits, 16, &value))
		return false;
	*ret_code = (uint32_t)value;
	return true;
}

/* \uD83D\uDE00: two of them make one (RFC 8259 section 7); one alone is no character. */
static bool read_unicode(struct reader *r, struct buffer *out)
{
	uint32_t c = 0, low = 0;
	uint8_t bytes[4];
	if (!read_hex(r, &c) || c == 0)
		return false;
	if (c >= 0xd800 && c < 0xe000) {
		if (c >= 0xdc00 || !take_word(r, SLICE("\\u")) || !read_hex(r, &low) ||
		    low < 0xdc00 || low > 0xdfff)
			return false;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	buffer_add(out, (struct slice){ bytes, escape_write_utf8(c, bytes) });
	return true;
}

static bool read_escape(struct reader *r, struct buffer *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	uint8_t c = read_u8(r);
	if (c == 'u')
		return read_unicode(r, out);
	const char *at = c && !r->ran_out ? strchr(from, c) : NULL;
	if (at)
		buffer_add_byte(out, (uint8_t)to[at - from]);
	return at != NULL;
}

static bool read_string(struct reader *r, struct arena *arena, struct slice *ret_text)
{
	struct buffer out;
	bool good = take(r, '"'), over = false;
	buffer_init(&out, 1 << 16);
	while (good && !over) {
		uint32_t code;
		size_t len = escape_read_utf8(r->left, &code);
		if (len == 0 || code < 0x20) {
			good = false;
		} else if (code == '"' || code == '\\') {
			r->left = slice_from(r->left, 1);
			over = code == '"';
			good = over || read_escape(r, &out);
		} else {
			buffer_add(&out, read_bytes(r, len));
		}
	}
	good = good && !out.failed;
	char *copy = good ? arena_string(arena, buffer_slice(&out)) : NULL;
	*ret_text = slice_of(copy);
	if (out.at) /* it may be a password */
		explicit_bzero(out.at, out.room);
	buffer_done(&out);
	return copy != NULL;
}

static bool read_number(struct reader *r, struct slice *ret_text)
{
	size_t len = 0;
	while (len < r->left.len && len < 30 && strchr("-+.eE0123456789", r->left.at[len]) &&
	       r->left.at[len])
		len++;
	*ret_text = read_bytes(r, len);
	return len > 0;
}

/* A list or an object, up to its end: brackets are counted, and those in strings are none. */
static bool read_nested(struct reader *r, struct slice *ret_text)
{
	struct slice s = r->left;
	size_t depth = 0, at = 0;
	bool inside = false;
	do {
		if (at >= s.len)
			return false;
		uint8_t c = s.at[at++];
		if (inside && c == '\\')
			at++;
		else if (c == '"')
			inside = !inside;
		else if (!inside && (c == '{' || c == '['))
			depth++;
		else if (!inside && (c == '}' || c == ']'))
			depth--;
	} while (depth > 0);
	*ret_text = read_bytes(r, at);
	return !r->ran_out;
}

static bool read_value(struct reader *r, struct arena *arena, struct json_member *m)
{
	skip_blanks(r);
	m->kind = JSON_BOOL;
	m->yes = take_word(r, SLICE("true"));
	if (m->yes || take_word(r, SLICE("false")))
		return true;
	m->kind = JSON_NONE;
	if (take_word(r, SLICE("null")))
		return true;
	if (r->left.len && (r->left.at[0] == '{' || r->left.at[0] == '['))
		return read_nested(r, &m->text);
	m->kind = r->left.len && r->left.at[0] == '"' ? JSON_TEXT : JSON_NUMBER;
	return m->kind == JSON_TEXT ? read_string(r, arena, &m->text) : read_number(r, &m->text);
}

bool json_read(struct slice text, struct arena *arena, struct json_object *ret_object)
{
	struct reader r = { .left = text };
	ret_object->count = 0;
	bool more = take(&r, '{');
	if (!more)
		return false;
	if (!take(&r, '}')) {
		while (more) {
			struct json_member m = { 0 };
			if (ret_object->count == JSON_MOST_MEMBERS ||
			    !read_string(&r, arena, &m.name) || !take(&r, ':') ||
			    !read_value(&r, arena, &m))
				return false;
			ret_object->member[ret_object->count++] = m;
			more = take(&r, ',');
		}
		if (!take(&r, '}'))
			return false;
	}
	skip_blanks(&r);
	return r.left.len == 0 && !r.ran_out;
}

const struct json_member *json_find(const struct json_object *o, const char *name,
				    enum json_kind kind)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->member[i].kind == kind && slice_equal(o->member[i].name, slice_of(name)))
			return &o->member[i];
	return NULL;
}
