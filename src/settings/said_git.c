/* gitconfig: [http] proxy, and [http "URL"] proxy for what lies below a URL (git-config(1)). */
#include "settings/said_readers.h"

struct git {
	struct said_list *list;
	struct slice text;
	size_t at;
	uint32_t line;
	bool http;          /* the section is one of http */
	struct slice scope; /* its URL */
	bool cut;           /* the last value ends at a comment's sign that stands within it */
};

static bool is_at(const struct git *g, uint8_t c)
{
	return g->at < g->text.len && g->text.at[g->at] == c;
}

static bool at_line_end(const struct git *g)
{
	return g->at >= g->text.len || g->text.at[g->at] == '\n';
}

static void skip_line(struct git *g)
{
	while (!at_line_end(g))
		g->at++;
}

static void skip_blanks(struct git *g)
{
	while (!at_line_end(g) && (said_is_blank(g->text.at[g->at]) || g->text.at[g->at] == '\r'))
		g->at++;
}

static struct slice take_quoted(struct git *g)
{
	struct buffer *t = said_value_begin(g->list);
	for (g->at++; !at_line_end(g) && !is_at(g, '"'); g->at++) {
		if (is_at(g, '\\') && g->at + 1 < g->text.len)
			g->at++;
		buffer_add_byte(t, g->text.at[g->at]);
	}
	g->at += is_at(g, '"');
	return arena_copy(g->list->arena, buffer_slice(t));
}

/* [http], [http "https://origin.example"] */
static void take_section(struct git *g)
{
	size_t begin = ++g->at;
	while (!at_line_end(g) && !is_at(g, ']') && !is_at(g, '"'))
		g->at++;
	struct slice name = slice_trim(slice_from(slice_first(g->text, g->at), begin));
	g->http = slice_equal_nocase(name, SLICE("http"));
	g->scope = is_at(g, '"') ? take_quoted(g) : (struct slice){ 0 };
	while (!at_line_end(g) && !is_at(g, ']'))
		g->at++;
	g->at += is_at(g, ']');
}

/* A backslash and what it stands before; one at a line's end joins the next to it. */
static void take_escape(struct git *g, struct buffer *t)
{
	uint8_t c = g->text.at[++g->at];
	g->at++;
	if (c == '\n')
		g->line++;
	else
		buffer_add_byte(t, c == 'n' ? '\n' : c == 't' ? '\t' : c == 'b' ? '\b' : c);
}

/* Up to the line's end or a comment; blanks on either side are no part of it, in quotes they are.
 */
static struct slice take_value(struct git *g)
{
	struct buffer *t = said_value_begin(g->list);
	bool quoted = false;
	size_t kept = 0;
	g->cut = false;
	for (skip_blanks(g); !at_line_end(g);) {
		uint8_t c = g->text.at[g->at];
		if (!quoted && (c == '#' || c == ';')) {
			g->cut = kept > 0 && kept == t->len;
			break;
		}
		if (c == '\\' && g->at + 1 < g->text.len) {
			take_escape(g, t);
		} else {
			quoted ^= c == '"';
			if (c != '"' && c != '\r')
				buffer_add_byte(t, c);
			g->at++;
		}
		if (quoted || !said_is_blank(c))
			kept = t->len;
	}
	skip_line(g);
	return slice_first(buffer_slice(t), kept);
}

static void take_variable(struct git *g)
{
	size_t begin = g->at;
	uint32_t line = g->line;
	while (!at_line_end(g) && (said_in_name(g->text.at[g->at]) || is_at(g, '-')))
		g->at++;
	struct slice name = slice_from(slice_first(g->text, g->at), begin);
	skip_blanks(g);
	if (!is_at(g, '=') || name.len == 0) {
		skip_line(g);
		return;
	}
	g->at++;
	struct slice value = take_value(g);
	struct said *s = g->http && slice_equal_nocase(name, SLICE("proxy"))
				 ? said_add(g->list, line, SAID_ALL, SLICE("http.proxy"), value)
				 : NULL;
	if (!s)
		return;
	s->scope = g->scope;
	if (g->cut)
		s->broken = "a # or ; outside of quotes begins a comment";
}

void said_read_git(struct slice text, struct said_list *list)
{
	struct git g = { .list = list, .text = text, .line = 1 };
	while (g.at < text.len && !list->failed) {
		skip_blanks(&g);
		if (is_at(&g, '#') || is_at(&g, ';'))
			skip_line(&g);
		else if (is_at(&g, '['))
			take_section(&g);
		else if (!at_line_end(&g))
			take_variable(&g);
		if (is_at(&g, '\n')) {
			g.at++;
			g.line++;
		}
	}
}
