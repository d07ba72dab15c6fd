/* Walks JSON by skipping over values. It is lenient with what stands inside of numbers and strings,
 * which it does not touch, and strict with brackets, commas and quotes, by which it finds its way.
 */
#include "settings/json.h"

enum { MAX_DEPTH = 64 };

struct scan {
	struct slice text;
	size_t at;
	bool bad;
};

static uint8_t peek(struct scan *s)
{
	while (s->at < s->text.len && s->text.at[s->at] && strchr(" \t\r\n", s->text.at[s->at]))
		s->at++;
	return s->at < s->text.len ? s->text.at[s->at] : 0;
}

static bool accept(struct scan *s, uint8_t byte)
{
	if (s->bad || peek(s) != byte || s->at >= s->text.len)
		return false;
	s->at++;
	return true;
}

static void expect(struct scan *s, uint8_t byte)
{
	if (!accept(s, byte))
		s->bad = true;
}

/* The inside of a string, escapes as they are. */
static struct slice take_string(struct scan *s)
{
	expect(s, '"');
	size_t from = s->at;
	while (!s->bad && s->at < s->text.len && s->text.at[s->at] != '"')
		s->at += s->text.at[s->at] == '\\' ? 2 : 1;
	if (s->bad || s->at >= s->text.len) {
		s->bad = true;
		return (struct slice){ 0 };
	}
	return (struct slice){ s->text.at + from, s->at++ - from };
}

static void skip_scalar(struct scan *s)
{
	size_t from = s->at;
	while (s->at < s->text.len && s->text.at[s->at] &&
	       !strchr(" \t\r\n,]}{[\":", s->text.at[s->at]))
		s->at++;
	s->bad |= s->at == from;
}

/* Iterative, so that no text's depth is our stack's. */
static void skip_value(struct scan *s)
{
	uint8_t closing[MAX_DEPTH];
	size_t depth = 0;
	do {
		uint8_t c = peek(s);
		bool opened = (c == '{' || c == '[') && depth < MAX_DEPTH;
		if (opened) {
			closing[depth++] = c == '{' ? '}' : ']';
			s->at++;
		} else if (c == '"') {
			take_string(s);
		} else {
			skip_scalar(s);
		}
		while (!s->bad && depth > 0 && accept(s, closing[depth - 1])) {
			depth--;
			opened = false;
		}
		if (depth > 0 && !opened)
			expect(s, ',');
		if (depth > 0 && closing[depth - 1] == '}') {
			take_string(s);
			expect(s, ':');
		}
	} while (!s->bad && depth > 0);
}

struct member {
	size_t name, from,
		to;   /* of its name's quote, its value's first byte and the one behind it */
	size_t comma; /* of the one before it; 0: it is the first */
	bool found;
};

/* Looks through the object at s->at. *ret_empty: it has no members. */
static struct member find_member(struct scan *s, const char *name, bool *ret_empty)
{
	struct member m = { 0 };
	expect(s, '{');
	*ret_empty = accept(s, '}');
	size_t comma = 0;
	while (!s->bad && !*ret_empty) {
		peek(s);
		size_t begin = s->at;
		bool same = slice_equal(take_string(s), slice_of(name));
		expect(s, ':');
		peek(s);
		size_t from = s->at;
		skip_value(s);
		if (same) /* the last of several is what readers take */
			m = (struct member){ begin, from, s->at, comma, true };
		if (accept(s, '}'))
			break;
		peek(s);
		comma = s->at;
		expect(s, ',');
	}
	return m;
}

static void add_nested(struct buffer *out, const char *const *path, struct slice value)
{
	buffer_printf(out, "\"%s\": ", path[0]);
	if (!path[1]) {
		buffer_add_byte(out, '"');
		buffer_add(out, value);
		buffer_add_byte(out, '"');
		return;
	}
	buffer_add_byte(out, '{');
	add_nested(out, path + 1, value);
	buffer_add_byte(out, '}');
}

static void add_removed(struct buffer *out, struct slice text, const struct member *m)
{
	size_t from = m->comma ? m->comma : m->name, to = m->to;
	struct scan after = { text, to, false };
	if (!m->comma && accept(&after, ',')) {
		peek(&after);
		to = after.at;
	}
	buffer_add(out, slice_first(text, from));
	buffer_add(out, slice_from(text, to));
}

bool json_set_string(struct slice text, const char *const *path, struct slice value,
		     struct buffer *out)
{
	if (slice_trim(text).len == 0)
		text = SLICE("{\n}\n");
	struct scan whole = { .text = text };
	skip_value(&whole);
	if (whole.bad || peek(&whole) || whole.at < text.len)
		return false;
	struct scan s = { .text = text };
	struct member m = { 0 };
	bool empty = false;
	peek(&s);
	size_t object = s.at;
	for (; *path; path++) {
		s.at = object;
		m = find_member(&s, *path, &empty);
		if (s.bad)
			return false;
		if (!m.found || !path[1])
			break;
		object = m.from;
	}
	if (m.found && value.at) {
		buffer_add(out, slice_first(text, m.from));
		buffer_add_byte(out, '"');
		buffer_add(out, value);
		buffer_add_byte(out, '"');
		buffer_add(out, slice_from(text, m.to));
	} else if (m.found) {
		add_removed(out, text, &m);
	} else if (value.at) {
		buffer_add(out, slice_first(text, object + 1));
		buffer_add_text(out, "\n\t");
		add_nested(out, path, value);
		buffer_add_text(out, empty ? "" : ",");
		buffer_add(out, slice_from(text, object + 1));
	} else {
		buffer_add(out, text);
	}
	return true;
}

/* ---- reading ------------------------------------------------------------------------------- */

void json_begin(struct json_members *m, struct slice object)
{
	struct scan s = { .text = object };
	expect(&s, '{');
	*m = (struct json_members){ object, s.at, s.bad || accept(&s, '}') };
}

bool json_next(struct json_members *m, struct slice *ret_name, struct slice *ret_value)
{
	struct scan s = { .text = m->text, .at = m->at };
	if (m->over)
		return false;
	peek(&s);
	struct slice name = take_string(&s);
	expect(&s, ':');
	peek(&s);
	size_t from = s.at;
	if (!s.bad)
		skip_value(&s);
	m->over = s.bad;
	if (s.bad)
		return false;
	*ret_name = name;
	*ret_value = slice_from(slice_first(m->text, s.at), from);
	m->over = !accept(&s, ',');
	m->at = s.at;
	return true;
}

/* \uXXXX: false where that is no character of ASCII, as proxies' names and escaped credentials are.
 */
static bool take_code(struct slice *rest, struct buffer *out)
{
	uint64_t code;
	if (!slice_parse_u64(slice_first(*rest, 4), 16, &code) || code == 0 || code >= 0x80)
		return false;
	*rest = slice_from(*rest, 4);
	buffer_add_byte(out, (uint8_t)code);
	return true;
}

bool json_string(struct slice value, struct buffer *out)
{
	if (value.len < 2 || value.at[0] != '"')
		return false;
	struct slice rest = slice_from(slice_first(value, value.len - 1), 1);
	while (rest.len > 0) {
		uint8_t c = rest.at[0];
		rest = slice_from(rest, 1);
		if (c != '\\' || rest.len == 0) {
			buffer_add_byte(out, c);
			continue;
		}
		c = rest.at[0];
		rest = slice_from(rest, 1);
		if (c == 'u' && !take_code(&rest, out))
			return false;
		if (c != 'u')
			buffer_add_byte(out, c == 'n'   ? '\n'
					     : c == 't' ? '\t'
					     : c == 'r' ? '\r'
							: c);
	}
	return true;
}
