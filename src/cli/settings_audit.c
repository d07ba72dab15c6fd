/* viaduct settings audit: who on this host uses which proxy, as a table or as JSON. */
#include "base/escape.h"
#include "cli/command.h"
#include "cli/settings.h"
#include "cli/terminal.h"
#include "host/said.h"
#include "settings/audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA = 64 << 20, MAX_OUTPUT = 64 << 20, MAX_CELL = 4096, MAX_LIST = 1 << 22, WIDEST = 100 };

/* What the table is made of. */
struct result {
	struct host_said said;
	struct audit audit;
	const char *home; /* shown as ~; NULL: there is none */
	bool image;
};

/* ---- words --------------------------------------------------------------------------------- */

/* The path as one says it, and the line; a variable by its name. */
static void add_place(struct buffer *out, const struct result *r, const struct said *s)
{
	struct slice path = s->place;
	size_t home = r->home ? strlen(r->home) : 0;
	if (home > 1 && slice_starts(path, slice_of(r->home)) && path.len > home &&
	    path.at[home] == '/') {
		buffer_add_text(out, "~");
		path = slice_from(path, home);
	}
	escape_text(out, path);
	if (s->line)
		buffer_printf(out, ":%u", s->line);
	else if (s->who == SAID_BY_SHELL) {
		buffer_add_text(out, " ");
		escape_text(out, s->key);
	}
}

static void add_proxy(struct buffer *out, const struct audit_row *row)
{
	if (row->direct)
		buffer_add_text(out, "-");
	else
		proxy_url_add_shown(out, &row->url);
}

static void add_for(struct buffer *out, const struct audit_row *row)
{
	if (row->said && row->said->scope.len > 0)
		escape_text(out, row->said->scope);
	else
		buffer_add_text(out, row->use == SAID_HTTP    ? "http"
				     : row->use == SAID_HTTPS ? "https"
							      : "http https");
}

/* ---- the table ----------------------------------------------------------------------------- */

/* A page of columns; a cell that is too wide for its own has the next begin on a new line. */
struct page {
	struct buffer *out;
	size_t width, column;
};

static void go_to(struct page *p, size_t column)
{
	if (p->column > 0 && p->column >= column) {
		buffer_add_byte(p->out, '\n');
		p->column = 0;
	}
	buffer_add_repeat(p->out, ' ', column - p->column);
	p->column = column;
}

static void add_cell(struct page *p, size_t column, struct slice text)
{
	go_to(p, column);
	buffer_add(p->out, text);
	p->column += escape_columns(text);
}

static void end_line(struct page *p)
{
	buffer_add_byte(p->out, '\n');
	p->column = 0;
}

/* Words from `column` to the page's end. */
static void add_words(struct page *p, size_t column, struct slice text, uint8_t between)
{
	while (text.len > 0) {
		struct slice word = slice_cut(&text, between);
		size_t width = escape_columns(word) + (between != ' ' && text.len > 0);
		if (p->column > column && p->column + 1 + width > p->width)
			end_line(p);
		if (p->column < column)
			go_to(p, column);
		else if (p->column > column && between == ' ')
			add_cell(p, p->column + 1, SLICE(""));
		buffer_add(p->out, word);
		if (between != ' ' && text.len > 0)
			buffer_add_byte(p->out, between);
		p->column += width;
	}
}

enum { AT_FOR = 16, AT_PROXY = 28, AT_PLACE = 54 };

static void add_made(struct page *p, size_t column, struct buffer *made)
{
	add_cell(p, column, buffer_slice(made));
	buffer_reset(made);
}

static void add_remarks(struct page *p, const struct audit_row *row)
{
	for (const struct audit_remark *r = row->remarks; r; r = r->next) {
		add_cell(p, 2, r->conflict ? SLICE("!") : SLICE("-"));
		add_words(p, 4, slice_of(r->text), ' ');
		end_line(p);
	}
}

/* Where a place is to stand: behind the rest, or on a line of its own. */
static size_t place_column(struct page *p, const struct buffer *place)
{
	size_t width = escape_columns(buffer_slice(place));
	if (p->column < AT_PLACE && AT_PLACE + width <= p->width)
		return AT_PLACE;
	end_line(p);
	return AT_PROXY + width <= p->width ? AT_PROXY : 2;
}

/* A row of either table. */
static void add_row(struct page *p, const struct result *r, const struct audit_row *row)
{
	struct buffer cell;
	buffer_init(&cell, row->use == SAID_EXCEPT ? MAX_LIST : MAX_CELL);
	escape_text(&cell, row->who);
	add_made(p, 0, &cell);
	if (row->use == SAID_EXCEPT) {
		escape_text(&cell, row->list);
		add_words(p, AT_FOR, buffer_slice(&cell), ',');
		buffer_reset(&cell);
	} else {
		add_for(&cell, row);
		add_made(p, AT_FOR, &cell);
		add_proxy(&cell, row);
		add_made(p, AT_PROXY, &cell);
	}
	if (row->said) {
		add_place(&cell, r, row->said);
		add_made(p, place_column(p, &cell), &cell);
	}
	end_line(p);
	add_remarks(p, row);
	p->out->failed |= cell.failed;
	buffer_done(&cell);
}

static void add_left_out(struct page *p, const char *why)
{
	struct buffer text;
	buffer_init(&text, MAX_LIST);
	escape_text(&text, slice_of(why));
	add_cell(p, 0, SLICE("Left out:"));
	add_words(p, 10, buffer_slice(&text), ' ');
	end_line(p);
	p->out->failed |= text.failed;
	buffer_done(&text);
}

static void add_counts(struct page *p, const struct result *r)
{
	const struct host_said *h = &r->said;
	struct buffer *out = p->out;
	if (!r->image)
		buffer_printf(out,
			      "\nProcesses: %zu have a proxy in their environment, %zu have none, "
			      "%zu could not be read.\n",
			      h->with_proxy, h->without, h->hidden);
	for (size_t i = 0; i < h->unread_count && i < HOST_SAID_MOST_UNREAD; i++)
		add_left_out(p, h->unread[i]);
	if (h->unread_count > HOST_SAID_MOST_UNREAD)
		buffer_printf(out, "Left out: %zu more\n", h->unread_count - HOST_SAID_MOST_UNREAD);
}

static void add_table(struct buffer *out, const struct result *r)
{
	unsigned width = terminal_width();
	struct page p = { .out = out, .width = width < WIDEST ? width : WIDEST };
	add_cell(&p, 0, SLICE("WHO"));
	add_cell(&p, AT_FOR, SLICE("FOR"));
	add_cell(&p, AT_PROXY, SLICE("PROXY"));
	add_cell(&p, AT_PLACE, SLICE("SAID IN"));
	end_line(&p);
	for (const struct audit_row *row = r->audit.proxies; row; row = row->next)
		add_row(&p, r, row);
	if (r->audit.exceptions)
		buffer_printf(out, "\n%-16s%-38s%s\n", "WHO", "DIRECTLY TO", "SAID IN");
	for (const struct audit_row *row = r->audit.exceptions; row; row = row->next)
		add_row(&p, r, row);
	add_counts(&p, r);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void add_json_remarks(struct buffer *out, const struct audit_row *row)
{
	buffer_add_text(out, ",\"remarks\":[");
	for (const struct audit_remark *r = row->remarks; r; r = r->next) {
		buffer_printf(out, "%s{\"conflict\":%s", r == row->remarks ? "" : ",",
			      r->conflict ? "true" : "false");
		escape_json_member(out, "what", slice_of(r->text));
		buffer_add_byte(out, '}');
	}
	buffer_add_text(out, "]}");
}

static void add_json_place(struct buffer *out, const struct said *s)
{
	if (!s)
		return;
	escape_json_member(out, "place", s->place);
	if (s->line)
		buffer_printf(out, ",\"line\":%u", s->line);
	escape_json_member(out, "key", s->key);
	if (s->scope.len > 0)
		escape_json_member(out, "scope", s->scope);
}

/* Host, port and user are left out where they can't be told from what may be a password. */
static void add_json_url(struct buffer *out, const struct proxy_url *u)
{
	if (u->fault)
		return;
	escape_json_member(out, "scheme", u->scheme.len ? u->scheme : SLICE("http"));
	escape_json_member(out, "host", u->host);
	if (u->port)
		buffer_printf(out, ",\"port\":%u", u->port);
	if (u->has_user && !u->unescaped)
		escape_json_member(out, "user", u->user);
	buffer_printf(out, ",\"password\":%s", u->has_password ? "true" : "false");
}

static void add_json_row(struct buffer *out, const struct audit_row *row, bool first)
{
	buffer_add_text(out, first ? "{\"who\":\"" : ",{\"who\":\"");
	escape_json(out, row->who);
	buffer_add_byte(out, '"');
	if (row->use == SAID_EXCEPT) {
		escape_json_member(out, "list", row->list);
	} else {
		buffer_printf(out, ",\"for\":[%s],\"direct\":%s",
			      row->use == SAID_HTTP    ? "\"http\""
			      : row->use == SAID_HTTPS ? "\"https\""
						       : "\"http\",\"https\"",
			      row->direct ? "true" : "false");
		if (!row->direct)
			add_json_url(out, &row->url);
	}
	add_json_place(out, row->said);
	add_json_remarks(out, row);
}

static void add_json(struct buffer *out, const struct result *r)
{
	const struct audit *a = &r->audit;
	buffer_printf(out, "{\"v\":1,\"conflict\":%s,\"proxies\":[",
		      a->conflict ? "true" : "false");
	for (const struct audit_row *row = a->proxies; row; row = row->next)
		add_json_row(out, row, row == a->proxies);
	buffer_add_text(out, "],\"exceptions\":[");
	for (const struct audit_row *row = a->exceptions; row; row = row->next)
		add_json_row(out, row, row == a->exceptions);
	buffer_add_text(out, "],\"unread\":[");
	for (size_t i = 0; i < r->said.unread_count && i < HOST_SAID_MOST_UNREAD; i++) {
		buffer_add_text(out, i ? ",\"" : "\"");
		escape_json(out, slice_of(r->said.unread[i]));
		buffer_add_byte(out, '"');
	}
	buffer_add_byte(out, ']');
	if (!r->image)
		buffer_printf(out, ",\"processes\":{\"with\":%zu,\"without\":%zu,\"unread\":%zu}",
			      r->said.with_proxy, r->said.without, r->said.hidden);
	buffer_add_text(out, "}\n");
}

/* ---- from the files to the table ----------------------------------------------------------- */

/* The settings, of the image where one is meant; without the password where we may not read it. */
static int read_settings(struct host_settings *h, const struct settings_wish *w,
			 struct settings *ret_settings, struct audit_facts *facts,
			 struct error *err)
{
	char path[PATH_MAX];
	const char *file = w->file ? w->file : path;
	if (snprintf(path, sizeof path, "%s%s", w->root, HOST_SETTINGS_PATH) >= (int)sizeof path)
		return err_set(err, -ENAMETOOLONG, "the path of the root is too long");
	int code = host_settings_open(h, file, false, err);
	facts->hidden_password = code == -EACCES && h->text.exists;
	if (code < 0 && !facts->hidden_password)
		return code;
	if (!h->text.exists)
		return 0;
	code = host_settings_read(h, h->text.text, host_settings_password(h), ret_settings, err);
	facts->settings = code == 0 ? ret_settings : NULL;
	return code;
}

static int print(const struct result *r, bool json)
{
	struct buffer out;
	buffer_init(&out, MAX_OUTPUT);
	if (json)
		add_json(&out, r);
	else
		add_table(&out, r);
	bool whole = !out.failed;
	fwrite(out.at, 1, out.len, stdout);
	buffer_done(&out);
	if (!whole)
		complain("out of memory");
	return !whole ? EXIT_TROUBLE : r->audit.conflict ? EXIT_FAULT_FOUND : EXIT_FINE;
}

int settings_audit(const struct settings_wish *w, int argc, char **argv)
{
	struct error err;
	struct settings s;
	struct host_settings h;
	struct result r = { .image = *w->root != 0, .home = *w->root ? NULL : getenv("HOME") };
	struct audit_facts facts = { .list = &r.said.list, .image = r.image };
	struct arena *arena = arena_new(ARENA);
	(void)argv;
	if (argc > 0 || !arena) {
		complain(arena ? "audit takes no argument; it looks at all tools"
			       : "out of memory");
		arena_free(arena);
		return EXIT_TROUBLE;
	}
	int code = read_settings(&h, w, &s, &facts, &err);
	if (code == 0)
		code = host_said_gather(&r.said, w->root, arena, &err);
	facts.installed = r.said.installed;
	if (code == 0 && audit_make(&facts, arena, &r.audit) < 0)
		code = err_set(&err, -ENOMEM, "out of memory");
	int status = EXIT_TROUBLE;
	if (code == 0)
		status = print(&r, w->json);
	else
		complain("%s", err.text);
	host_said_done(&r.said);
	host_settings_done(&h);
	arena_free(arena);
	return status;
}
