/* An environment as it is: of a process, and as pam_env(8) makes one. */
#include "settings/said_readers.h"

void said_read_environ(struct slice text, struct said_list *list)
{
	while (text.len > 0) {
		struct slice value = slice_cut(&text, 0);
		struct slice name = slice_cut(&value, '=');
		said_add_variable(list, 0, name, value);
	}
}

/* pam_env ends a line at a '#', wherever it stands; of a value that begins with a quote it drops
 * that one, and the last byte if that is one, too. */
static struct slice without_quotes(struct slice value, struct said_list *list)
{
	if (value.len == 0 || (value.at[0] != '"' && value.at[0] != '\''))
		return value;
	struct buffer *t = said_value_begin(list);
	for (size_t i = 1; i < value.len; i++)
		if ((value.at[i] != '"' && value.at[i] != '\'') || i + 1 < value.len)
			buffer_add_byte(t, value.at[i]);
	return buffer_slice(t);
}

void said_read_pam(struct slice text, struct said_list *list)
{
	struct said_lines l = { .rest = text };
	while (said_next_line(&l)) {
		struct slice line = l.line;
		while (line.len > 0 && said_is_blank(line.at[0]))
			line = slice_from(line, 1);
		if (slice_starts(line, SLICE("export ")))
			line = slice_from(line, 7);
		struct slice whole = line;
		line = slice_first(line, slice_find_byte(line, '#'));
		bool cut = line.len < whole.len && line.len > 0;
		while (line.len > 0 && said_is_blank(line.at[line.len - 1]))
			line.len--;
		if (slice_find_byte(line, '=') == line.len)
			continue;
		struct slice name = slice_cut(&line, '=');
		struct said *s =
			said_add_variable(list, l.number, name, without_quotes(line, list));
		if (s && cut)
			s->broken = "pam_env ends the value at its '#'";
	}
}
