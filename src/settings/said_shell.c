/* Assignments in a shell's script, as far as they can be told without running it: words NAME=VALUE,
 * behind export or not, with their quotes; of what is worked out only ${NAME:-VALUE}, by its VALUE.
 */
#include "settings/said_readers.h"

struct words {
	struct buffer *text;
	struct slice s;
	size_t at;
	bool unknown; /* there is something in the value that only the shell knows */
};

static bool ends_word(uint8_t c)
{
	return said_is_blank(c) || c == ';' || c == '&' || c == '|' || c == ')' || c == '}';
}

/* Behind the $: "{NAME:-" or "{NAME-" is passed over; false: it is something else. */
static bool skip_to_default(struct words *w)
{
	size_t i = w->at;
	if (i >= w->s.len || w->s.at[i++] != '{')
		return false;
	while (i < w->s.len && said_in_name(w->s.at[i]))
		i++;
	if (i < w->s.len && w->s.at[i] == ':')
		i++;
	if (i >= w->s.len || w->s.at[i] != '-')
		return false;
	w->at = i + 1;
	return true;
}

/* One character of a word. `depth`: of ${, whose } is not the word's. */
static void take(struct words *w, uint8_t quote, unsigned *depth)
{
	uint8_t c = w->s.at[w->at++];
	if (c == '\\' && quote != '\'' && w->at < w->s.len)
		buffer_add_byte(w->text, w->s.at[w->at++]);
	else if (c == '$' && quote != '\'' && skip_to_default(w))
		++*depth;
	else if (c == '}' && quote != '\'' && *depth > 0)
		--*depth;
	else {
		w->unknown |= (c == '$' || c == '`') && quote != '\'';
		buffer_add_byte(w->text, c);
	}
}

/* The value that begins at w->at, up to its word's end. */
static void take_value(struct words *w)
{
	uint8_t quote = 0;
	unsigned depth = 0;
	while (w->at < w->s.len) {
		uint8_t c = w->s.at[w->at];
		if (!quote && depth == 0 && ends_word(c))
			return;
		if ((c == '"' || c == '\'') && (!quote || quote == c)) {
			quote = quote ? 0 : c;
			w->at++;
		} else {
			take(w, quote, &depth);
		}
	}
}

static void read_line(struct slice line, uint32_t number, struct said_list *list)
{
	struct words w = { .s = line };
	while (w.at < line.len) {
		size_t begin = w.at;
		if (line.at[begin] == '#')
			return;
		while (w.at < line.len && said_in_name(line.at[w.at]))
			w.at++;
		struct slice name = slice_from(slice_first(line, w.at), begin);
		bool assigns = name.len > 0 && w.at < line.len && line.at[w.at] == '=';
		w.text = said_value_begin(list);
		w.unknown = false;
		w.at += assigns;
		take_value(&w);
		struct said *s =
			assigns ? said_add_variable(list, number, name, buffer_slice(w.text))
				: NULL;
		if (s && w.unknown)
			s->unsure = "the shell works it out; what comes of it is not known here";
		while (w.at < line.len && ends_word(line.at[w.at]))
			w.at++;
	}
}

void said_read_shell(struct slice text, struct said_list *list)
{
	struct said_lines l = { .rest = text };
	while (said_next_line(&l) && !list->failed)
		read_line(l.line, l.number, list);
}
