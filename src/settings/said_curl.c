/* curl's configuration: an option a line, with or without dashes; then blanks, '=' or ':', and the
 * value, in quotes or up to the next blank (curl(1), "--config"). */
#include "settings/said_readers.h"

static bool is_separator(uint8_t c)
{
	return said_is_blank(c) || c == '=' || c == ':';
}

static struct slice take_value(struct slice s, struct said_list *list)
{
	struct buffer *t = said_value_begin(list);
	if (s.len == 0 || s.at[0] != '"')
		return slice_first(s,
				   slice_find_byte(slice_first(s, slice_find_byte(s, '\t')), ' '));
	for (size_t i = 1; i < s.len && s.at[i] != '"'; i++) {
		if (s.at[i] != '\\' || i + 1 == s.len) {
			buffer_add_byte(t, s.at[i]);
			continue;
		}
		i++;
		buffer_add_byte(t, s.at[i] == 't'   ? '\t'
				   : s.at[i] == 'n' ? '\n'
				   : s.at[i] == 'r' ? '\r'
				   : s.at[i] == 'v' ? '\v'
						    : s.at[i]);
	}
	return buffer_slice(t);
}

/* The proxy's user and password; the latter, where it is missing, is asked for. */
static void add_user(struct said_list *list, uint32_t line, struct slice key, struct slice value)
{
	size_t colon = slice_find_byte(value, ':');
	said_add(list, line, SAID_USER, key, slice_first(value, colon));
	if (colon < value.len)
		said_add(list, line, SAID_PASSWORD, key, slice_from(value, colon + 1));
}

static void add_socks(struct said_list *list, uint32_t line, struct slice key, struct slice value)
{
	struct said *s = said_add(list, line, SAID_ALL, key, value);
	if (s)
		s->broken = "it is a SOCKS proxy, which speaks no HTTP";
}

static void read_line(struct said_list *list, uint32_t number, struct slice line)
{
	size_t end = 0;
	while (end < line.len && !is_separator(line.at[end]))
		end++;
	struct slice key = slice_first(line, end);
	while (end < line.len && is_separator(line.at[end]))
		end++;
	struct slice value = take_value(slice_from(line, end), list);
	struct slice bare = slice_from(key, slice_starts(key, SLICE("--")) ? 2 : 0);
	if (slice_equal(bare, SLICE("proxy")) || slice_equal(bare, SLICE("proxy1.0")) ||
	    slice_equal(key, SLICE("-x")))
		said_add(list, number, SAID_ALL, key, value);
	else if (slice_starts(bare, SLICE("socks4")) || slice_equal(bare, SLICE("socks5")) ||
		 slice_equal(bare, SLICE("socks5-hostname")))
		add_socks(list, number, bare, value);
	else if (slice_equal(bare, SLICE("noproxy")))
		said_add(list, number, SAID_EXCEPT, key, value);
	else if (slice_equal(bare, SLICE("proxy-user")) || slice_equal(key, SLICE("-U")))
		add_user(list, number, key, value);
}

void said_read_curl(struct slice text, struct said_list *list)
{
	struct said_lines l = { .rest = text };
	while (said_next_line(&l)) {
		struct slice line = slice_trim(l.line);
		if (line.len > 0 && line.at[0] != '#')
			read_line(list, l.number, line);
	}
}
