/* The card of one exchange: to be read by a person, and pasted into a ticket. */
#include "render/facts.h"
#include "render/layout.h"
#include "render/say.h"

enum { INDENT = 2, INNER = 4 };

struct card {
	struct buffer *out;
	const struct render_style *style;
	struct buffer text; /* the piece in the making */
	unsigned width;
};

/* Writes the piece, wrapped, and ends the line. */
static void flow(struct card *c, unsigned column, unsigned indent)
{
	layout_wrap(c->out, buffer_slice(&c->text), column, indent, c->width);
	layout_end_line(c->out);
	buffer_reset(&c->text);
}

static void flow_own(struct card *c, const char *text, unsigned column, unsigned indent)
{
	say_own(&c->text, text, c->style->utf8);
	flow(c, column, indent);
}

static void add_heading(struct card *c, const char *text)
{
	buffer_add_byte(c->out, '\n');
	buffer_add_repeat(c->out, ' ', INDENT);
	layout_look(c->out, c->style, LOOK_BOLD);
	buffer_add_text(c->out, text);
	layout_plain(c->out, c->style);
	buffer_add_byte(c->out, '\n');
}

static void add_title(struct card *c, const struct exchange *x, const struct diagnosis *d)
{
	bool utf8 = c->style->utf8;
	layout_look(c->out, c->style, LOOK_BOLD);
	layout_look(c->out, c->style, layout_look_of(d->severity));
	layout_add_mark(c->out, c->style, d->verdict, d->severity);
	buffer_add_byte(c->out, ' ');
	buffer_add_text(c->out, verdict_id(d->verdict));
	layout_plain(c->out, c->style);
	unsigned column =
		layout_mark_width(c->style) + 1 + layout_columns(slice_of(verdict_id(d->verdict)));
	say_request(&c->text, x, utf8);
	if (c->text.len == 0)
		say_proxy(&c->text, x, utf8);
	buffer_add_text(c->out, "  ");
	layout_add_middle(c->out, c->style, buffer_slice(&c->text), c->width - column - 2);
	buffer_reset(&c->text);
	layout_end_line(c->out);
}

/* ---- facts: a word, then what it is -------------------------------------------------------- */

static void add_facts(struct card *c, const struct exchange *x, const struct diagnosis *d)
{
	enum { COLUMN = INDENT + 12 };
	buffer_add_byte(c->out, '\n');
	for (enum fact f = FACT_PATH; f < FACT_COUNT_; f++) {
		fact_say(&c->text, f, x, d, c->style->utf8);
		if (c->text.len == 0)
			continue;
		buffer_add_repeat(c->out, ' ', INDENT);
		layout_look(c->out, c->style, LOOK_DIM);
		buffer_add_text(c->out, fact_name(f));
		layout_plain(c->out, c->style);
		layout_fill(c->out, INDENT + (unsigned)slice_of(fact_name(f)).len, COLUMN);
		flow(c, COLUMN, COLUMN);
	}
}

/* ---- evidence ------------------------------------------------------------------------------ */

static void say_place(struct card *c, const struct exchange *x, const struct evidence *e)
{
	fact_say_place(&c->text, x, e, c->style->file_name, c->style->utf8);
}

static unsigned place_columns(struct card *c, const struct exchange *x, const struct diagnosis *d)
{
	unsigned most = 0;
	for (size_t i = 0; i < d->evidences; i++) {
		say_place(c, x, &d->evidence[i]);
		unsigned columns = layout_columns(buffer_slice(&c->text));
		most = columns > most ? columns : most;
		buffer_reset(&c->text);
	}
	unsigned room = c->width - INNER - 2 - 20; /* a clock has to fit beside it */
	return most > room ? room : most;
}

/* "frame 11  11:30:12.776645  what": in narrow terminals `what` has lines of its own. */
static void add_evidence(struct card *c, const struct exchange *x, const struct evidence *e,
			 unsigned columns)
{
	unsigned at = INNER;
	buffer_add_repeat(c->out, ' ', INNER);
	if (columns) {
		say_place(c, x, e);
		unsigned used =
			layout_add_middle(c->out, c->style, buffer_slice(&c->text), columns);
		layout_fill(c->out, used, columns + 2);
		at += columns + 2;
		buffer_reset(&c->text);
	}
	if (mark_is(&e->mark)) {
		when_add_clock(&c->text, e->mark.at);
		at += (unsigned)c->text.len + 2;
		layout_look(c->out, c->style, LOOK_DIM);
		buffer_add(c->out, buffer_slice(&c->text));
		layout_plain(c->out, c->style);
		buffer_add_text(c->out, "  ");
		buffer_reset(&c->text);
	}
	if (at + 24 > c->width) {
		at = INNER + 2;
		layout_end_line(c->out);
		buffer_add_repeat(c->out, ' ', at);
	}
	flow_own(c, e->what, at, at);
}

static void add_all_evidence(struct card *c, const struct exchange *x, const struct diagnosis *d)
{
	if (d->evidences == 0)
		return;
	add_heading(c, "Evidence");
	unsigned columns = place_columns(c, x, d);
	for (size_t i = 0; i < d->evidences; i++)
		add_evidence(c, x, &d->evidence[i], columns);
}

/* ---- causes and remedies ------------------------------------------------------------------- */

static void add_causes(struct card *c, const struct diagnosis *d)
{
	if (d->causes == 0)
		return;
	add_heading(c, d->causes == 1 ? "Likely cause" : "Likely causes, the likeliest first");
	for (size_t i = 0; i < d->causes; i++) {
		buffer_add_repeat(c->out, ' ', INNER);
		buffer_printf(c->out, "%zu. ", i + 1);
		flow_own(c, d->cause[i], INNER + 3, INNER + 3);
	}
}

static void add_remedies(struct card *c, const struct diagnosis *d)
{
	unsigned labels = 0;
	const char *rest;
	for (size_t i = 0; i < d->remedies; i++)
		labels = say_side(d->remedy[i], &rest) ? 9 : labels; /* "network", two spaces */
	if (d->remedies)
		add_heading(c, "What to do");
	for (size_t i = 0; i < d->remedies; i++) {
		const char *side = say_side(d->remedy[i], &rest);
		buffer_add_repeat(c->out, ' ', INNER);
		if (labels) {
			buffer_add_text(c->out, side);
			layout_fill(c->out, (unsigned)slice_of(side).len, labels);
		} else {
			buffer_add_text(c->out, "- ");
		}
		unsigned at = INNER + (labels ? labels : 2);
		flow_own(c, rest, at, at);
	}
}

/* ---- where to look ------------------------------------------------------------------------- */

static void add_where(struct card *c, const struct exchange *x)
{
	struct buffer range;
	buffer_init(&range, 1 << 16);
	fact_say_range(&range, x, c->style->file_name, c->style->utf8);
	fact_say_filter(&c->text, x);
	bool filter = c->text.len > 0;
	if (filter || range.len > 0)
		add_heading(c, filter ? "In Wireshark" : "Where");
	if (filter) {
		buffer_add_repeat(c->out, ' ', INNER);
		flow(c, INNER, INNER);
	}
	if (range.len > 0) {
		buffer_add(&c->text, buffer_slice(&range));
		buffer_add_repeat(c->out, ' ', INNER);
		flow(c, INNER, INNER);
	}
	buffer_done(&range);
}

void render_card(struct buffer *out, const struct render_style *s, const struct exchange *x,
		 const struct diagnosis *d)
{
	struct card c = { .out = out, .style = s, .width = layout_width(s) };
	buffer_init(&c.text, 1 << 20);
	add_title(&c, x, d);
	if (d->summary) {
		buffer_add_repeat(out, ' ', INDENT);
		flow_own(&c, d->summary, INDENT, INDENT);
	}
	add_facts(&c, x, d);
	add_all_evidence(&c, x, d);
	add_causes(&c, d);
	add_remedies(&c, d);
	add_where(&c, x);
	buffer_done(&c.text);
}
