/* .npmrc: "key = value" before the first section; ';' and '#' begin comments, also behind a value,
 * unless a backslash stands before them; values may be JSON strings. */
#include "settings/said_readers.h"

/* *ret_cut: a comment begins within it. */
static struct slice unquote(struct slice v, struct said_list *list, bool *ret_cut)
{
	struct buffer *t = said_value_begin(list);
	bool quoted =
		v.len >= 2 && v.at[0] == v.at[v.len - 1] && (v.at[0] == '"' || v.at[0] == '\'');
	*ret_cut = false;
	bool escapes = !quoted || v.at[0] == '"';
	if (quoted)
		v = slice_from(slice_first(v, v.len - 1), 1);
	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.at[i];
		if (!quoted && (c == ';' || c == '#')) {
			*ret_cut = i > 0 && !said_is_blank(v.at[i - 1]);
			break;
		}
		if (escapes && c == '\\' && i + 1 < v.len)
			c = v.at[++i];
		buffer_add_byte(t, c);
	}
	return slice_trim(buffer_slice(t));
}

static void add(struct said_list *list, uint32_t line, struct slice key, struct slice value)
{
	static const struct {
		const char *key;
		enum said_use use;
	} KEYS[] = {
		{ "proxy", SAID_HTTP },        { "http-proxy", SAID_HTTP },
		{ "https-proxy", SAID_HTTPS }, { "noproxy", SAID_EXCEPT },
		{ "noproxy[]", SAID_EXCEPT },
	};
	bool cut;
	value = unquote(value, list, &cut);
	if (slice_equal(value, SLICE("null")))
		return;
	for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
		if (!slice_equal(key, slice_of(KEYS[i].key)))
			continue;
		if (slice_equal(value, SLICE("false")))
			value = SLICE("");
		struct said *s = said_add(list, line, KEYS[i].use, key, value);
		if (s && cut)
			s->broken = "a # or ; begins a comment; a backslash before it keeps it";
		if (s && slice_find(value, SLICE("${")) < value.len)
			s->unsure = "npm puts a variable's value there, which is not known here";
	}
}

void said_read_npm(struct slice text, struct said_list *list)
{
	struct said_lines l = { .rest = text };
	while (said_next_line(&l)) {
		struct slice line = slice_trim(l.line);
		size_t equals = slice_find_byte(line, '=');
		if (line.len > 0 && line.at[0] == '[')
			return; /* what stands in a section is another key */
		if (equals < line.len && line.at[0] != ';' && line.at[0] != '#')
			add(list, l.number, slice_trim(slice_first(line, equals)),
			    slice_trim(slice_from(line, equals + 1)));
	}
}
