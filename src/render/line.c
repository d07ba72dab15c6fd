/* One line an exchange. What is shown depends on the width: the verdict and what was asked always,
 * then the status, the time, the duration, who spoke with whom, as they fit. */
#include "render/layout.h"
#include "render/say.h"

enum {
	VERDICT_COLUMNS = 19, /* "large-segment-reset" */
	STATUS_COLUMNS = 3,
	SPAN_COLUMNS = 8,
};

/* Columns of each part; 0: left out. */
struct plan {
	unsigned time, verdict, pair, what;
	bool method, span;
};

static struct plan plan_for(const struct render_style *s, const struct diagnosis *d)
{
	unsigned width = layout_width(s);
	struct plan p = { 0 };
	p.time = width < 60 ? 0 : width < 90 ? 8 : 12;
	/* in a narrow terminal the columns are ragged, for more of the target */
	p.verdict = width < 60 ? (unsigned)slice_of(verdict_id(d->verdict)).len : VERDICT_COLUMNS;
	p.method = width >= 60;
	p.span = width >= 70;
	p.pair = width < 110 ? 0 : width < 150 ? 34 : 46;
	unsigned used = layout_mark_width(s) + 1 + p.verdict + 1;
	used += p.time ? p.time + 1 : 0;
	used += p.pair ? p.pair + 1 : 0;
	used += 1 + STATUS_COLUMNS;
	used += p.span ? 1 + SPAN_COLUMNS : 0;
	p.what = width - used;
	return p;
}

static void add_time(struct buffer *out, const struct render_style *s, const struct exchange *x,
		     unsigned columns)
{
	struct buffer text;
	buffer_init(&text, 64);
	if (mark_is(&x->first))
		when_add_clock(&text, x->first.at);
	else
		buffer_add_text(&text, "-");
	struct slice clock = slice_first(buffer_slice(&text), columns);
	layout_look(out, s, LOOK_DIM);
	buffer_add(out, clock);
	layout_plain(out, s);
	layout_fill(out, (unsigned)clock.len, columns + 1);
	buffer_done(&text);
}

static void add_verdict(struct buffer *out, const struct render_style *s, const struct diagnosis *d,
			unsigned columns)
{
	struct slice id = slice_of(verdict_id(d->verdict));
	layout_look(out, s, layout_look_of(d->severity));
	layout_add_mark(out, s, d->verdict, d->severity);
	buffer_add_byte(out, ' ');
	unsigned used = layout_add_cut(out, s, id, columns);
	layout_plain(out, s);
	layout_fill(out, used, columns + 1);
}

/* What was asked; where nothing was, who wanted to, or at least of whom. */
static void say_what(struct buffer *text, const struct exchange *x, const struct plan *p, bool utf8)
{
	if (p->method)
		say_request(text, x, utf8);
	else
		say_foreign(text, x->request.target, utf8);
	if (text->len > 0)
		return;
	say_pair(text, x, utf8);
	if (p->pair || layout_columns(buffer_slice(text)) > p->what) {
		buffer_reset(text);
		buffer_add_text(text, utf8 ? "→ " : "-> ");
		say_proxy(text, x, utf8);
	}
}

static void add_status(struct buffer *out, const struct exchange *x)
{
	if (x->response.status > 999)
		buffer_add_text(out, " ???");
	else if (x->response.status)
		buffer_printf(out, " %3u", x->response.status);
	else
		buffer_add_text(out, "   -");
}

static void add_span(struct buffer *out, const struct exchange *x)
{
	if (!mark_is(&x->first) || !mark_is(&x->last) || x->last.at < x->first.at)
		return;
	struct buffer text;
	buffer_init(&text, 64);
	when_add_span(&text, x->last.at - x->first.at);
	struct slice span = buffer_slice(&text);
	if (span.len > SPAN_COLUMNS) { /* "59 min 59 s": the minutes will do */
		size_t number = slice_find_byte(span, ' ') + 1;
		span = slice_first(span, number + slice_find_byte(slice_from(span, number), ' '));
	}
	buffer_add_byte(out, ' ');
	layout_fill(out, (unsigned)span.len, SPAN_COLUMNS);
	buffer_add(out, span);
	buffer_done(&text);
}

void render_line(struct buffer *out, const struct render_style *s, const struct exchange *x,
		 const struct diagnosis *d)
{
	struct plan p = plan_for(s, d);
	struct buffer text;
	buffer_init(&text, 1 << 20);
	if (p.time)
		add_time(out, s, x, p.time);
	add_verdict(out, s, d, p.verdict);
	if (p.pair) {
		say_pair(&text, x, s->utf8);
		layout_fill(out, layout_add_middle(out, s, buffer_slice(&text), p.pair),
			    p.pair + 1);
		buffer_reset(&text);
	}
	say_what(&text, x, &p, s->utf8);
	layout_fill(out, layout_add_middle(out, s, buffer_slice(&text), p.what), p.what);
	add_status(out, x);
	if (p.span)
		add_span(out, x);
	layout_end_line(out);
	buffer_done(&text);
}
