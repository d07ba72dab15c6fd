/* The summary: how many exchanges, how they ended, with which proxies, for which targets. */
#include "render/layout.h"
#include "render/say.h"
#include "render/tally.h"

#include "base/escape.h"

#include <stdlib.h>

enum { SHOWN = 10, INDENT = 2, COUNT_COLUMNS = 11, BAR_LEAST = 6, BAR_MOST = 30 };

struct sheet {
	struct buffer *out;
	const struct render_style *style;
	unsigned width, names; /* columns */
};

/* ---- the first lines ----------------------------------------------------------------------- */

static void wrap_line(struct sheet *h, struct buffer *text)
{
	layout_wrap(h->out, buffer_slice(text), 0, INDENT, h->width);
	layout_end_line(h->out);
	buffer_reset(text);
}

static void add_totals(struct sheet *h, const struct tally *t, const struct summary_facts *f)
{
	struct buffer text;
	buffer_init(&text, 4096);
	say_counted(&text, t->total, "exchange", "exchanges");
	buffer_add_text(&text, ": ");
	say_counted(&text, t->by_severity[SEVERITY_FAILURE], "failure", "failures");
	buffer_add_text(&text, ", ");
	say_counted(&text, t->by_severity[SEVERITY_WARNING], "warning", "warnings");
	buffer_add_text(&text, ", ");
	uint64_t unclear = t->verdict[V_UNCLEAR];
	say_count(&text, t->by_severity[SEVERITY_OK] - unclear);
	buffer_add_text(&text, " in good order");
	if (unclear) {
		buffer_add_text(&text, ", ");
		say_count(&text, unclear);
		buffer_add_text(&text, " unclear");
	}
	layout_look(h->out, h->style, LOOK_BOLD);
	wrap_line(h, &text);
	layout_plain(h->out, h->style);
	tally_say_facts(&text, f);
	if (text.len > 0)
		wrap_line(h, &text);
	buffer_done(&text);
}

/* ---- tables -------------------------------------------------------------------------------- */

static void add_heading(struct sheet *h, const char *text)
{
	buffer_add_byte(h->out, '\n');
	layout_look(h->out, h->style, LOOK_BOLD);
	buffer_add_text(h->out, text);
	layout_plain(h->out, h->style);
	buffer_add_byte(h->out, '\n');
}

static unsigned add_number(struct sheet *h, uint64_t n)
{
	struct buffer text;
	buffer_init(&text, 64);
	say_count(&text, n);
	unsigned columns = (unsigned)text.len;
	layout_fill(h->out, columns, COUNT_COLUMNS);
	buffer_add(h->out, buffer_slice(&text));
	buffer_done(&text);
	return columns > COUNT_COLUMNS ? columns : COUNT_COLUMNS;
}

/* Eighths of a column where the terminal can show them. Something is never nothing. */
static void add_bar(struct sheet *h, uint64_t n, uint64_t most, unsigned columns)
{
	static const char *const parts[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	if (columns < BAR_LEAST || most == 0 || n == 0)
		return;
	columns = columns > BAR_MOST ? BAR_MOST : columns;
	uint64_t eighths = (uint64_t)((double)n / (double)most * columns * 8 + 0.5);
	eighths = eighths == 0 ? 1 : eighths;
	if (!h->style->utf8) {
		buffer_add_repeat(h->out, '#', eighths < 8 ? 1 : (size_t)(eighths + 4) / 8);
		return;
	}
	for (uint64_t i = 0; i < eighths / 8; i++)
		buffer_add_text(h->out, "█");
	buffer_add_text(h->out, parts[eighths % 8]);
}

/* Where it is narrow, the names need the room. */
static bool shows_failures(const struct sheet *h)
{
	return h->width >= 60;
}

/* Columns for names: what the longest that is shown needs, at most what the terminal has. All
 * tables have the same, so that their numbers stand in one column. */
static unsigned name_columns(const struct sheet *h, unsigned least, const struct counts *c)
{
	size_t n;
	struct counted *list = counts_sorted(c, &n);
	unsigned most = h->width - INDENT - (shows_failures(h) ? 28 : COUNT_COLUMNS);
	struct buffer name;
	buffer_init(&name, 1 << 16);
	for (size_t i = 0; i < n && i <= SHOWN; i++) {
		counted_say(&name, &list[i], h->style->utf8);
		unsigned columns = layout_columns(buffer_slice(&name));
		least = columns > least ? columns : least;
		buffer_reset(&name);
	}
	buffer_done(&name);
	free(list);
	return least < most ? least : most;
}

static void add_verdicts(struct sheet *h, const struct tally *t)
{
	struct verdict_count list[V_COUNT_];
	size_t n = tally_verdicts(t, list);
	uint64_t most = 0;
	for (size_t i = 0; i < n; i++)
		most = list[i].count > most ? list[i].count : most;
	if (n == 0)
		return;
	add_heading(h, "Verdicts");
	unsigned verdicts = h->names - layout_mark_width(h->style) - 1;
	for (size_t i = 0; i < n; i++) {
		struct slice id = slice_of(verdict_id(list[i].verdict));
		buffer_add_repeat(h->out, ' ', INDENT);
		layout_look(h->out, h->style, layout_look_of(list[i].severity));
		layout_add_mark(h->out, h->style, list[i].verdict, list[i].severity);
		buffer_add_byte(h->out, ' ');
		layout_fill(h->out, layout_add_cut(h->out, h->style, id, verdicts), verdicts);
		layout_plain(h->out, h->style);
		unsigned used = INDENT + h->names + add_number(h, list[i].count) + 2;
		buffer_add_repeat(h->out, ' ', 2);
		layout_look(h->out, h->style, layout_look_of(list[i].severity));
		add_bar(h, list[i].count, most, h->width > used ? h->width - used : 0);
		layout_plain(h->out, h->style);
		layout_end_line(h->out);
	}
}

/* "  12 failed", "all failed" */
static void add_failures(struct sheet *h, const struct counted *c)
{
	if (c->failures == 0 || !shows_failures(h))
		return;
	buffer_add_repeat(h->out, ' ', 2);
	layout_look(h->out, h->style, LOOK_FAILURE);
	if (c->failures == c->count) {
		buffer_add_text(h->out, c->count == 1 ? "failed" : "all failed");
	} else {
		say_count(h->out, c->failures);
		buffer_add_text(h->out, " failed");
	}
	layout_plain(h->out, h->style);
}

static void add_row(struct sheet *h, struct slice name, const struct counted *c)
{
	buffer_add_repeat(h->out, ' ', INDENT);
	layout_fill(h->out, layout_add_middle(h->out, h->style, name, h->names), h->names);
	add_number(h, c->count);
	add_failures(h, c);
	layout_end_line(h->out);
}

static void add_counts(struct sheet *h, const char *heading, const struct counts *c)
{
	size_t n;
	struct counted *list = counts_sorted(c, &n);
	struct counted others = c->others;
	struct buffer name;
	buffer_init(&name, 1 << 16);
	if (n || others.count)
		add_heading(h, heading);
	for (size_t i = 0; i < n; i++) {
		if (i >= SHOWN && n > SHOWN + 1) {
			others.count += list[i].count;
			others.failures += list[i].failures;
			continue;
		}
		counted_say(&name, &list[i], h->style->utf8);
		add_row(h, buffer_slice(&name), &list[i]);
		buffer_reset(&name);
	}
	if (others.count) {
		if (c->others.count)
			buffer_add_text(&name, "others");
		else
			buffer_printf(&name, "%zu others", n - SHOWN);
		add_row(h, buffer_slice(&name), &others);
	}
	buffer_done(&name);
	free(list);
}

/* ---- what was not as it should be ---------------------------------------------------------- */

static void add_note(struct sheet *h, uint64_t n, const char *one, const char *many)
{
	if (n == 0)
		return;
	struct buffer text;
	buffer_init(&text, 4096);
	say_counted(&text, n, one, many);
	buffer_add_repeat(h->out, ' ', INDENT);
	layout_wrap(h->out, buffer_slice(&text), INDENT, INDENT + 2, h->width);
	layout_end_line(h->out);
	buffer_done(&text);
}

static void add_notes(struct sheet *h, const struct tally *t, const struct summary_facts *f)
{
	bool parts = tally_count(t, V_OPEN) || tally_count(t, V_UNCLEAR);
	uint64_t border = parts ? f->in_turn : 0;
	if (!(f->ignored_connections | f->evicted | f->copies | f->bad_packets | f->unknown_link |
	      f->capture_lost | border))
		return;
	add_heading(h, "Of the capture");
	add_note(h, f->ignored_connections, "connection with no proxy traffic in it",
		 "connections with no proxy traffic in them");
	add_note(h, border,
		 "capture goes on where another one ends: what crosses the border is told in "
		 "parts; to have it judged whole, join them first (mergecap -w FILE ...)",
		 "captures go on where another one ends: what crosses a border is told in parts; "
		 "to have it judged whole, join them first (mergecap -w FILE ...)");
	add_note(h, f->copies, "packet that was captured twice",
		 "packets that were captured twice");
	add_note(h, f->capture_lost, "packet that the capture itself lost",
		 "packets that the capture itself lost");
	add_note(h, f->bad_packets, "packet that is malformed", "packets that are malformed");
	add_note(h, f->unknown_link, "packet of a link type that is not understood",
		 "packets of a link type that is not understood");
	add_note(h, f->evicted, "connection given up early, to stay within memory",
		 "connections given up early, to stay within memory");
}

void render_summary(struct buffer *out, const struct render_style *s, const struct tally *t,
		    const struct summary_facts *facts)
{
	struct sheet h = { out, s, layout_width(s), layout_mark_width(s) + 1 + 19 };
	if (h.names > h.width - INDENT - 16)
		h.names = h.width - INDENT - 16;
	h.names = name_columns(&h, h.names, &t->proxies);
	h.names = name_columns(&h, h.names, &t->targets);
	add_totals(&h, t, facts);
	add_verdicts(&h, t);
	add_counts(&h, "Proxies", &t->proxies);
	add_counts(&h, "Targets", &t->targets);
	if (facts)
		add_notes(&h, t, facts);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void json_key(struct buffer *out, const char *name)
{
	buffer_add_text(out, ",\"");
	buffer_add_text(out, name);
	buffer_add_text(out, "\":");
}

static void json_number(struct buffer *out, const char *name, uint64_t n)
{
	json_key(out, name);
	buffer_add_u64(out, n);
}

static void json_time(struct buffer *out, const char *name, nanos at)
{
	if (at == NO_TIME)
		return;
	json_key(out, name);
	buffer_add_byte(out, '"');
	when_add_rfc3339(out, at);
	buffer_add_byte(out, '"');
}

static void json_counted(struct buffer *out, const struct counted *c)
{
	buffer_add_text(out, "{\"exchanges\":");
	buffer_add_u64(out, c->count);
	json_number(out, "failures", c->failures);
	buffer_add_byte(out, '}');
}

static void json_counts(struct buffer *out, const char *name, const char *others,
			const struct counts *c)
{
	size_t n;
	struct counted *list = counts_sorted(c, &n);
	json_key(out, name);
	buffer_add_byte(out, '{');
	for (size_t i = 0; i < n; i++) {
		buffer_add_text(out, i ? ",\"" : "\"");
		/* two keys of different bytes must not become one: what is no UTF-8 is shown */
		struct buffer text;
		buffer_init(&text, 1 << 16);
		counted_say(&text, &list[i], true);
		escape_json(out, buffer_slice(&text));
		buffer_done(&text);
		buffer_add_text(out, "\":");
		json_counted(out, &list[i]);
	}
	buffer_add_byte(out, '}');
	free(list);
	if (c->others.count) {
		json_key(out, others);
		json_counted(out, &c->others);
	}
}

static void json_verdicts(struct buffer *out, const struct tally *t)
{
	json_key(out, "verdicts");
	bool first = true;
	buffer_add_byte(out, '{');
	for (int v = 0; v < V_COUNT_; v++) {
		if (t->verdict[v] == 0)
			continue;
		buffer_add_text(out, first ? "\"" : ",\"");
		buffer_add_text(out, verdict_id((enum verdict)v));
		buffer_add_text(out, "\":");
		buffer_add_u64(out, t->verdict[v]);
		first = false;
	}
	buffer_add_byte(out, '}');
}

void render_summary_json(struct buffer *out, const struct tally *t,
			 const struct summary_facts *facts)
{
	buffer_add_text(out, "{\"v\":1");
	json_number(out, "exchanges", t->total);
	json_number(out, "failures", t->by_severity[SEVERITY_FAILURE]);
	json_number(out, "warnings", t->by_severity[SEVERITY_WARNING]);
	json_verdicts(out, t);
	json_counts(out, "proxies", "other_proxies", &t->proxies);
	json_counts(out, "targets", "other_targets", &t->targets);
	if (facts) {
		json_number(out, "files", facts->files);
		json_number(out, "packets", facts->packets);
		json_number(out, "bytes", facts->bytes);
		json_number(out, "connections", facts->connections);
		json_number(out, "ignored_connections", facts->ignored_connections);
		json_number(out, "evicted", facts->evicted);
		json_number(out, "copies", facts->copies);
		json_number(out, "bad_packets", facts->bad_packets);
		json_number(out, "unknown_link", facts->unknown_link);
		json_number(out, "capture_lost", facts->capture_lost);
		json_time(out, "first", facts->first);
		json_time(out, "last", facts->last);
	}
	buffer_add_text(out, "}\n");
}
