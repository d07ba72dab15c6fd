/* A file that EnvironmentFile= of a unit names: NAME=VALUE, a line each, and no shell reads it.
 * Only a quote where the value begins, or behind another one, is a quote; a # or ; begins a comment
 * only where a line begins; nothing is expanded, and what begins with "export" is no name
 * (systemd.exec(5), and systemd's src/basic/env-file.c where that leaves something open). */
#include "settings/said_readers.h"

struct env {
	struct slice text;
	size_t at;
	uint32_t line;
	struct buffer *value;
};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_left(const struct env *e)
{
	return e->at < e->text.len;
}

static uint8_t take(struct env *e)
{
	uint8_t c = e->text.at[e->at++];
	e->line += c == '\n';
	return c;
}

static void skip_line(struct env *e)
{
	while (is_left(e) && take(e) != '\n')
		if (e->text.at[e->at - 1] == '\\' && is_left(e))
			take(e);
}

/* Up to its end quote, over lines. */
static void take_quoted(struct env *e, uint8_t quote)
{
	while (is_left(e)) {
		uint8_t c = take(e);
		if (c == quote)
			return;
		if (quote == '"' && c == '\\' && is_left(e)) {
			c = take(e);
			if (c == '\n')
				continue;
			if (!strchr("\"\\`$", c) || c == 0)
				buffer_add_byte(e->value, '\\');
		}
		buffer_add_byte(e->value, c);
	}
}

/* The rest of the line, without blanks at its end; a \ before its end joins the next to it. */
static void take_plain(struct env *e)
{
	size_t kept = e->value->len;
	while (is_left(e) && e->text.at[e->at] != '\n') {
		uint8_t c = take(e);
		bool escaped = c == '\\';
		if (escaped && !is_left(e))
			break;
		c = escaped ? take(e) : c;
		if (escaped && c == '\n')
			continue;
		buffer_add_byte(e->value, c);
		kept = escaped || !is_space(c) ? e->value->len : kept;
	}
	while (e->value->len > kept)
		e->value->len--;
}

static void take_value(struct env *e)
{
	while (is_left(e) && e->text.at[e->at] != '\n') {
		uint8_t c = e->text.at[e->at];
		if (c == '"' || c == '\'') {
			e->at++;
			take_quoted(e, c);
		} else if (is_space(c)) {
			e->at++;
		} else {
			take_plain(e);
		}
	}
	if (is_left(e))
		take(e);
}

static void add(struct said_list *list, uint32_t line, struct slice name)
{
	struct slice exported = slice_from(name, sizeof "export" - 1);
	bool shell =
		slice_starts(name, SLICE("export")) && exported.len && is_space(exported.at[0]);
	struct said *s = said_add_variable(list, line, shell ? slice_trim(exported) : name,
					   buffer_slice(&list->value));
	if (s && shell)
		s->broken = "systemd knows no export, and passes over the line";
}

void said_read_env_file(struct slice text, struct said_list *list)
{
	struct env e = { .text = text, .line = 1 };
	while (is_left(&e) && !list->failed) {
		while (is_left(&e) && (is_space(text.at[e.at]) || text.at[e.at] == '\n'))
			take(&e);
		size_t begin = e.at;
		uint32_t line = e.line;
		uint8_t c = is_left(&e) ? text.at[begin] : 0;
		if (c == '#' || c == ';') {
			skip_line(&e);
			continue;
		}
		while (is_left(&e) && text.at[e.at] != '=' && text.at[e.at] != '\n')
			e.at++;
		struct slice name = slice_trim(slice_from(slice_first(text, e.at), begin));
		if (!is_left(&e) || take(&e) == '\n')
			continue;
		e.value = said_value_begin(list);
		take_value(&e);
		add(list, line, name);
	}
}
