/* The sequence ladder as SVG.
 *
 * First the rungs are decided (which events are an arrow, which arrive, which share a packet, where
 * there is silence), then they are drawn from top to bottom. Colours are attributes, so that the
 * picture stands alone on its own background; the classes let a page with a dark theme override
 * them (html.c). No style, no script, nothing loaded, generic fonts. */
#include "render/report.h"

#include "render/layout.h"
#include "render/say.h"

#include <string.h>

/* ---- the rungs ----------------------------------------------------------------------------- */

enum shape {
	ARROW,  /* arrives */
	LOST,   /* stops with a cross */
	ROUTER, /* ICMP: from somewhere on the way */
	NOTE,   /* said across the lanes, no packet */
	SILENCE,
};

struct rung {
	enum shape shape;
	enum trace_side side; /* who sends, in its lane pair */
	bool onward;          /* between proxy and origin */
	bool fault, cited;
	bool nothing_after; /* a silence that is part of the fault */
	bool busy;          /* no silence after all: data flowed, no event tells of it */
	struct mark mark;
	size_t event[4], events; /* indices; several share one packet */
	const char *text;        /* instead of events */
	nanos silence;
};

enum { MAX_RUNGS = 2 * TRACE_MAX_EVENTS + 8 };

struct ladder {
	struct buffer *out;
	const struct exchange *x;
	const struct diagnosis *d;
	struct rung rung[MAX_RUNGS];
	size_t rungs;
	struct buffer text; /* the piece in the making */
	int lane[3], lanes, width, y;
};

static bool has_place(const struct mark *m)
{
	return m->frame || m->line;
}

/* Of one capture. */
static bool same_packet(const struct mark *a, const struct mark *b)
{
	if (has_place(a) || has_place(b))
		return a->frame == b->frame && a->line == b->line;
	return mark_is(a) && a->at == b->at;
}

/* Was this transmission (as far as one can tell) never received? */
static bool never_arrived(const struct exchange *x, const struct event *e)
{
	const struct trace_path *p = &x->path[e->side];
	if (e->kind == EV_HOLE || e->kind == EV_STUCK)
		return true;
	if (e->kind == EV_SYN)
		return !mark_is(&x->syn_ack) && !trace_first_of(x, EV_RST, PROXY) &&
		       !trace_first(x, EV_ICMP);
	if (e->kind != EV_RETRANS && e->kind != EV_LARGE && e->kind != EV_REQUEST)
		return false;
	return p->unacked > 0 && p->stuck_times > 0 && mark_is(&p->stuck_first) &&
	       e->mark.at >= p->stuck_first.at && e->mark.at <= p->stuck_last.at;
}

static enum shape shape_of(const struct exchange *x, const struct event *e)
{
	if (e->kind == EV_MISSING || e->kind == EV_NEXT || e->kind == EV_END)
		return NOTE;
	if (e->kind == EV_ICMP)
		return ROUTER;
	return never_arrived(x, e) ? LOST : ARROW;
}

/* Says no more than what the event before it in the same packet has said. */
static bool adds_nothing(const struct event *e, bool same)
{
	if (e->kind == EV_END)
		return e->n == TRACE_END_CLOSED;
	if (e->kind == EV_REQUEST_END || e->kind == EV_RESPONSE_END)
		return e->n == 0 || same;
	return same && (e->kind == EV_LAST_DATA || e->kind == EV_LARGE);
}

static void add_rung(struct ladder *l, const struct rung *r)
{
	if (l->rungs < MAX_RUNGS)
		l->rung[l->rungs++] = *r;
}

static void add_event(struct ladder *l, size_t index)
{
	const struct event *e = &l->x->event[index];
	struct rung *before = l->rungs ? &l->rung[l->rungs - 1] : NULL;
	enum shape shape = shape_of(l->x, e);
	bool same = before && before->shape == shape && shape == ARROW && before->side == e->side &&
		    same_packet(&before->mark, &e->mark);
	if (adds_nothing(e, same))
		return;
	if (same && before->events < sizeof before->event / sizeof *before->event) {
		before->event[before->events++] = index;
		return;
	}
	/* an ICMP note goes to the side whose segment it quotes */
	enum trace_side side = shape == ROUTER ? l->x->icmp->about : e->side;
	add_rung(l, &(struct rung){ .shape = shape,
				    .side = side,
				    .mark = e->mark,
				    .event = { index },
				    .events = 1 });
}

/* The proxy's own connection: its SYN, and what came of it. */
static void add_onward(struct ladder *l)
{
	static const char *const outcomes[] = {
		[ONWARD_ANSWERED] = "answered",
		[ONWARD_REFUSED] = "RST: refused",
		[ONWARD_UNANSWERED] = "SYN again, no answer",
		[ONWARD_UNREACHABLE] = "ICMP unreachable",
		[ONWARD_RESET] = "RST",
		[ONWARD_SILENT] = "no answer",
		[ONWARD_CLOSED] = "FIN",
	};
	const struct trace_onward *o = l->x->onward;
	if (!o->seen)
		return;
	bool unanswered = o->outcome == ONWARD_UNANSWERED || o->outcome == ONWARD_SILENT;
	struct rung r = { .onward = true, .side = CLIENT, .mark = o->first, .text = "SYN" };
	r.shape = o->outcome == ONWARD_UNANSWERED ? LOST : ARROW;
	add_rung(l, &r);
	if (!outcomes[o->outcome] || !mark_is(&o->last) || same_packet(&o->first, &o->last))
		return;
	r.shape = unanswered ? LOST : ARROW;
	r.side = unanswered ? CLIENT : PROXY;
	r.mark = o->last;
	r.text = outcomes[o->outcome];
	add_rung(l, &r);
}

static void sort_rungs(struct ladder *l)
{
	for (size_t i = 1; i < l->rungs; i++)
		for (size_t k = i; k > 0 && l->rung[k - 1].mark.at > l->rung[k].mark.at; k--) {
			struct rung swap = l->rung[k];
			l->rung[k] = l->rung[k - 1];
			l->rung[k - 1] = swap;
		}
}

/* Events tell of the first and the last data, not of what flowed between: is this such a span?
 * Segments that were sent again are told of, each, so around them silence is silence. */
static bool data_flowed(const struct exchange *x, const struct rung *a, const struct rung *b)
{
	if (a->shape == LOST || b->shape == LOST)
		return false;
	const struct mark *began = mark_is(&x->tunnel.first[PROXY]) ? &x->tunnel.first[PROXY]
				   : mark_is(&x->first_byte)        ? &x->first_byte
								    : &x->response_start;
	if (!mark_is(began) || a->mark.at < began->at)
		return false;
	for (size_t i = 0; i < b->events; i++)
		if (x->event[b->event[i]].kind == EV_LAST_DATA ||
		    x->event[b->event[i]].kind == EV_RESPONSE_END)
			return true;
	for (int side = CLIENT; side <= PROXY; side++)
		if (x->path[side].last_data.at > a->mark.at)
			return true;
	return false;
}

/* A second in which nothing was seen is worth a gap. */
static void add_silences(struct ladder *l)
{
	for (size_t i = l->rungs; i-- > 1;) {
		const struct mark *a = &l->rung[i - 1].mark, *b = &l->rung[i].mark;
		if (!mark_is(a) || !mark_is(b) || b->at - a->at < NANOS_PER_SECOND ||
		    l->rungs == MAX_RUNGS)
			continue;
		memmove(&l->rung[i + 1], &l->rung[i], (l->rungs - i) * sizeof l->rung[0]);
		l->rung[i] = (struct rung){ .shape = SILENCE,
					    .mark = NO_MARK,
					    .silence = b->at - a->at,
					    .busy = data_flowed(l->x, &l->rung[i - 1],
								&l->rung[i + 1]) };
		l->rungs++;
	}
}

/* Does the rung show what went wrong, rather than what followed from it? */
static bool is_decisive(const struct exchange *x, const struct rung *r)
{
	for (size_t i = 0; i < r->events; i++) {
		const struct event *e = &x->event[r->event[i]];
		if (e->kind == EV_NOT_HTTP || e->kind == EV_NOT_TLS || e->kind == EV_ALERT ||
		    e->kind == EV_RST || e->kind == EV_STUCK || e->kind == EV_HOLE ||
		    e->kind == EV_ICMP || (e->kind == EV_RESPONSE && e->n >= 400))
			return true;
	}
	return false;
}

static bool is_refusal(const struct exchange *x, const struct rung *r)
{
	return r->events > 0 && x->event[r->event[0]].kind == EV_RESPONSE &&
	       x->event[r->event[0]].n >= 400;
}

/* Of the rungs that the evidence cites: the refusal, else the last that decides, else the last. */
static size_t place_of_fault(const struct ladder *l)
{
	size_t last = SIZE_MAX, decisive = SIZE_MAX;
	for (size_t i = 0; i < l->rungs; i++) {
		if (!l->rung[i].cited)
			continue;
		if (is_refusal(l->x, &l->rung[i]))
			return i;
		last = i;
		if (is_decisive(l->x, &l->rung[i]))
			decisive = i;
	}
	return decisive != SIZE_MAX ? decisive : last != SIZE_MAX ? last : l->rungs - 1;
}

static bool is_cited(const struct ladder *l, const struct rung *r)
{
	uint32_t file = r->onward ? l->x->onward->file : l->x->file;
	for (size_t k = 0; k < l->d->evidences; k++) {
		const struct evidence *e = &l->d->evidence[k];
		if (same_packet(&r->mark, &e->mark) && (!has_place(&r->mark) || e->file == file))
			return true;
	}
	return false;
}

static void mark_evidence(struct ladder *l)
{
	for (size_t i = 0; i < l->rungs; i++)
		l->rung[i].cited |= l->rung[i].shape != SILENCE && is_cited(l, &l->rung[i]);
	if (l->d->severity == SEVERITY_OK || l->rungs == 0)
		return;
	size_t at = place_of_fault(l);
	l->rung[at].fault = true;
	if (at + 1 < l->rungs && l->rung[at + 1].shape == SILENCE && !l->rung[at + 1].busy)
		l->rung[at + 1].nothing_after = true;
}

static void decide(struct ladder *l)
{
	for (size_t i = 0; i < l->x->events; i++)
		add_event(l, i);
	add_onward(l);
	sort_rungs(l);
	add_silences(l);
	mark_evidence(l);
}

/* ---- drawing ------------------------------------------------------------------------------- */

#define SANS "font-family=\"sans-serif\""
#define MONO "font-family=\"monospace\""
#define INK  "class=\"vl-ink\" fill=\"#1f2328\""
#define DIM  "class=\"vl-dim\" fill=\"#656d76\""

enum {
	MARGIN = 28,
	TIME_END = 112,
	FRAME_END = 168,
	FIRST_LANE = 250,
	RUNG = 42,
	GAP = 46,
	SLANT = 6,
	BOX = 204,
	BOX_HEIGHT = 46,
};

struct colour {
	const char *stroke, *fill; /* attributes */
};

static const struct colour UP = { "class=\"vl-up\" stroke=\"#0969da\"",
				  "class=\"vl-up-fill\" fill=\"#0969da\"" };
static const struct colour DOWN = { "class=\"vl-down\" stroke=\"#0f766e\"",
				    "class=\"vl-down-fill\" fill=\"#0f766e\"" };
static const struct colour BAD = { "class=\"vl-bad\" stroke=\"#cf222e\"",
				   "class=\"vl-bad-fill\" fill=\"#cf222e\"" };
static const struct colour WARN = { "class=\"vl-warn\" stroke=\"#9a6700\"",
				    "class=\"vl-warn-fill\" fill=\"#9a6700\"" };
static const struct colour GOOD = { "class=\"vl-good\" stroke=\"#1a7f37\"",
				    "class=\"vl-good-fill\" fill=\"#1a7f37\"" };
static const char LIFE[] = "class=\"vl-life\" stroke=\"#c3cad1\"";

static const struct render_style UNICODE = { .width = 80, .utf8 = true };

static const struct colour *colour_of_severity(enum severity s)
{
	return s == SEVERITY_OK ? &GOOD : s == SEVERITY_WARNING ? &WARN : &BAD;
}

/* Writes l->text as an element and empties it. Cut to `columns` (0: not at all). */
static void put_text(struct ladder *l, int x, int y, const char *attributes, unsigned columns)
{
	struct buffer cut;
	buffer_init(&cut, 1 << 20);
	layout_add_middle(&cut, &UNICODE, buffer_slice(&l->text),
			  columns ? columns : (unsigned)l->text.len);
	buffer_printf(l->out, "<text x=\"%d\" y=\"%d\" %s>", x, y, attributes);
	say_html(l->out, buffer_slice(&cut));
	buffer_add_text(l->out, "</text>\n");
	buffer_done(&cut);
	buffer_reset(&l->text);
}

static void put_line(struct ladder *l, int x1, int y1, int x2, int y2, const char *stroke,
		     const char *more)
{
	buffer_printf(l->out, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" %s %s/>\n", x1, y1, x2,
		      y2, stroke, more);
}

static void put_cross(struct ladder *l, int x, int y, int size, const char *stroke)
{
	const char *how = "stroke-width=\"2.5\" stroke-linecap=\"round\"";
	put_line(l, x - size, y - size, x + size, y + size, stroke, how);
	put_line(l, x - size, y + size, x + size, y - size, stroke, how);
}

static void put_head(struct ladder *l, int x, int y, bool right, const char *fill)
{
	int back = right ? -11 : 11;
	buffer_printf(l->out, "<path d=\"M%d %d l%d -5 l%d 5 l%d 5 z\" %s/>\n", x, y, back,
		      -back / 4, back / 4, fill);
}

static void put_lanes(struct ladder *l, int height, bool solid)
{
	for (int i = 0; i < l->lanes; i++)
		put_line(l, l->lane[i], l->y, l->lane[i], l->y + height, LIFE,
			 solid ? "stroke-width=\"2\""
			       : "stroke-width=\"2\" stroke-dasharray=\"2 6\"");
}

/* ---- the rungs, drawn ---------------------------------------------------------------------- */

static void say_rung(struct ladder *l, const struct rung *r)
{
	if (r->text)
		buffer_add_text(&l->text, r->text);
	for (size_t i = 0; i < r->events; i++) {
		if (i > 0)
			buffer_add_text(&l->text, " · ");
		say_event(&l->text, l->x, &l->x->event[r->event[i]], true);
	}
}

static void put_gutter(struct ladder *l, const struct rung *r, int y)
{
	if (mark_is(&r->mark) && mark_is(&l->x->first)) {
		nanos span = r->mark.at - l->x->first.at;
		const char *sign = span < 0 ? "-" : "";
		span = span < 0 ? -span : span;
		buffer_printf(&l->text, "%s%lld.%06lld", sign, (long long)(span / NANOS_PER_SECOND),
			      (long long)(span % NANOS_PER_SECOND / 1000));
		put_text(l, TIME_END, y, DIM " " MONO " font-size=\"12\" text-anchor=\"end\"", 0);
	}
	uint64_t place = r->mark.frame ? r->mark.frame : r->mark.line;
	if (place) {
		buffer_add_u64(&l->text, place);
		put_text(l, FRAME_END, y,
			 r->cited ? INK " " MONO " font-size=\"12\" font-weight=\"bold\" "
					"text-anchor=\"end\""
				  : DIM " " MONO " font-size=\"12\" text-anchor=\"end\"",
			 0);
	}
}

/* The place of the fault: a band behind the rung, and its verdict at the end. */
static void put_fault(struct ladder *l)
{
	bool failure = l->d->severity == SEVERITY_FAILURE;
	buffer_printf(l->out, "<rect x=\"12\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\" %s/>\n",
		      l->y + 2, l->width - 24, RUNG - 2,
		      failure ? "class=\"vl-tint\" fill=\"#ffebe9\""
			      : "class=\"vl-tint-warn\" fill=\"#fff8c5\"");
	buffer_printf(l->out, "<rect x=\"12\" y=\"%d\" width=\"4\" height=\"%d\" rx=\"2\" %s/>\n",
		      l->y + 2, RUNG - 2, colour_of_severity(l->d->severity)->fill);
}

static void put_fault_name(struct ladder *l, int y)
{
	const struct colour *c = colour_of_severity(l->d->severity);
	int x = l->lane[l->lanes - 1] + 24;
	put_cross(l, x, y - 4, 4, c->stroke);
	buffer_add_text(&l->text, verdict_id(l->d->verdict));
	buffer_printf(l->out, "<g %s>", c->fill);
	put_text(l, x + 12, y, SANS " font-size=\"13\" font-weight=\"bold\"", 22);
	buffer_add_text(l->out, "</g>\n");
}

static void draw_arrow(struct ladder *l, const struct rung *r, int y)
{
	int a = l->lane[r->onward], b = l->lane[r->onward + 1];
	int from = r->side == CLIENT ? a : b, to = r->side == CLIENT ? b : a;
	int sign = to > from ? 1 : -1;
	const struct colour *c = r->shape == LOST     ? &BAD
				 : r->shape == ROUTER ? &WARN
				 : r->side == CLIENT  ? &UP
						      : &DOWN;
	if (r->shape == ROUTER) { /* the quoted side is where it goes */
		from = (a + b) / 2;
		to = r->side == CLIENT ? a : b;
		sign = to > from ? 1 : -1;
		buffer_printf(l->out, "<circle cx=\"%d\" cy=\"%d\" r=\"5\" %s/>\n", from, y,
			      c->fill);
	}
	if (r->shape == LOST) {
		int end = from + (to - from) * 7 / 10;
		put_line(l, from, y, end - sign * 9, y + SLANT * 7 / 10, c->stroke,
			 "stroke-width=\"2\" stroke-dasharray=\"7 4\"");
		put_cross(l, end, y + SLANT * 7 / 10, 6, c->stroke);
		return;
	}
	put_line(l, from, y, to - sign * 10, y + SLANT, c->stroke, "stroke-width=\"2\"");
	put_head(l, to - sign, y + SLANT, to > from, c->fill);
}

static void draw_packet(struct ladder *l, const struct rung *r)
{
	int y = l->y + 26, a = l->lane[r->onward], b = l->lane[r->onward + 1];
	if (r->fault)
		put_fault(l);
	put_lanes(l, RUNG, true);
	put_gutter(l, r, y + 4);
	say_rung(l, r);
	int reach = r->shape == LOST ? (b - a) * 7 / 10 : b - a; /* the middle of what is drawn */
	int middle = r->side == CLIENT ? a + reach / 2 : b - reach / 2;
	put_text(l, middle, y - 7,
		 r->cited ? INK " " SANS
				" font-size=\"13\" font-weight=\"bold\" text-anchor=\"middle\""
			  : INK " " SANS " font-size=\"13\" text-anchor=\"middle\"",
		 (unsigned)reach / 8);
	draw_arrow(l, r, y);
	if (r->fault)
		put_fault_name(l, y + 4);
	l->y += RUNG;
}

static void draw_note(struct ladder *l, const struct rung *r)
{
	int y = l->y + 26, a = l->lane[0], b = l->lane[l->lanes - 1];
	if (r->fault)
		put_fault(l);
	put_lanes(l, RUNG, true);
	put_gutter(l, r, y + 4);
	put_line(l, a, y, b, y, LIFE, "stroke-width=\"1.5\" stroke-dasharray=\"1 5\"");
	say_rung(l, r);
	put_text(l, (a + b) / 2, y - 7,
		 DIM " " SANS " font-size=\"13\" font-style=\"italic\" text-anchor=\"middle\"",
		 (unsigned)(b - a) / 8);
	if (r->fault)
		put_fault_name(l, y + 4);
	l->y += RUNG;
}

static void draw_silence(struct ladder *l, const struct rung *r)
{
	int middle = (l->lane[0] + l->lane[l->lanes - 1]) / 2, y = l->y + GAP / 2;
	put_lanes(l, GAP, false);
	buffer_printf(l->out,
		      "<rect x=\"%d\" y=\"%d\" width=\"190\" height=\"26\" rx=\"13\" "
		      "stroke-dasharray=\"3 4\" %s/>\n",
		      middle - 95, y - 13,
		      r->nothing_after && l->d->severity != SEVERITY_OK
			      ? "class=\"vl-gap-bad\" fill=\"#ffebe9\" stroke=\"#cf222e\""
			      : "class=\"vl-gap\" fill=\"#f6f8fa\" stroke=\"#c3cad1\"");
	when_add_span(&l->text, r->silence);
	buffer_add_text(&l->text, r->busy ? " later" : " of silence");
	put_text(l, middle, y + 4, DIM " " SANS " font-size=\"12\" text-anchor=\"middle\"", 30);
	l->y += GAP;
}

/* ---- head and foot ------------------------------------------------------------------------- */

enum { SUMMARY_COLUMNS = 124, SUMMARY_LINES = 4 };

/* The summary in lines; how many. Draws them when `draw`. */
static int summary_lines(struct ladder *l, bool draw)
{
	struct buffer lines;
	buffer_init(&lines, 1 << 16);
	say_own(&l->text, l->d->summary, true);
	layout_wrap(&lines, buffer_slice(&l->text), 0, 0, SUMMARY_COLUMNS);
	buffer_reset(&l->text);
	struct slice rest = buffer_slice(&lines);
	int n = 0;
	for (; rest.len > 0 && n < SUMMARY_LINES; n++) {
		struct slice line = slice_line(&rest);
		if (!draw)
			continue;
		buffer_add(&l->text, line);
		if (n == SUMMARY_LINES - 1 && rest.len > 0)
			buffer_add_text(&l->text, " …");
		put_text(l, MARGIN, l->y + 18 * n, INK " " SANS " font-size=\"13\"", 0);
	}
	buffer_done(&lines);
	return n;
}

static void draw_title(struct ladder *l)
{
	const char *id = verdict_id(l->d->verdict);
	int pill = (int)strlen(id) * 8 + 24;
	buffer_printf(l->out, "<rect x=\"%d\" y=\"22\" width=\"%d\" height=\"26\" rx=\"13\" %s/>\n",
		      MARGIN, pill, colour_of_severity(l->d->severity)->fill);
	buffer_add_text(&l->text, id);
	put_text(l, MARGIN + pill / 2, 39,
		 "class=\"vl-on\" fill=\"#ffffff\" " MONO
		 " font-size=\"13\" font-weight=\"bold\" text-anchor=\"middle\"",
		 0);
	say_request(&l->text, l->x, true);
	if (l->text.len == 0)
		say_pair(&l->text, l->x, true);
	put_text(l, MARGIN + pill + 14, 41, INK " " SANS " font-size=\"17\" font-weight=\"bold\"",
		 (unsigned)(l->width - pill - 2 * MARGIN) / 11);
	l->y = 74;
	l->y += 18 * summary_lines(l, true) + 2;
}

static void draw_box(struct ladder *l, int lane, const char *name)
{
	int x = l->lane[lane];
	buffer_printf(l->out,
		      "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\" "
		      "class=\"vl-box\" fill=\"#f6f8fa\" stroke=\"#c3cad1\"/>\n",
		      x - BOX / 2, l->y, BOX, BOX_HEIGHT);
	struct buffer who;
	buffer_init(&who, 1 << 16);
	buffer_add(&who, buffer_slice(&l->text));
	buffer_reset(&l->text);
	buffer_add_text(&l->text, name);
	put_text(l, x, l->y + 18, DIM " " SANS " font-size=\"11\" text-anchor=\"middle\"", 0);
	buffer_add(&l->text, buffer_slice(&who));
	put_text(l, x, l->y + 36, INK " " MONO " font-size=\"12\" text-anchor=\"middle\"", 26);
	buffer_done(&who);
}

static void draw_boxes(struct ladder *l)
{
	buffer_add_text(&l->text, "seconds");
	put_text(l, TIME_END, l->y + 36, DIM " " SANS " font-size=\"11\" text-anchor=\"end\"", 0);
	if (!l->x->from_text || (mark_is(&l->x->first) && l->x->first.frame)) {
		buffer_add_text(&l->text, "frame");
	} else {
		buffer_add_text(&l->text, "line");
	}
	put_text(l, FRAME_END - 22, l->y + 36 - 18 * (l->lane[0] - BOX / 2 < FRAME_END),
		 DIM " " SANS " font-size=\"11\" text-anchor=\"middle\"", 0);
	say_client(&l->text, l->x, true);
	draw_box(l, 0, "client");
	say_proxy(&l->text, l->x, true);
	draw_box(l, 1, "proxy");
	if (l->lanes == 3) {
		address_add(&l->text, &l->x->onward->origin);
		draw_box(l, 2, "origin");
	}
	l->y += BOX_HEIGHT;
}

static void describe(struct ladder *l)
{
	const char *id = l->x->id;
	buffer_add_text(l->out, "<title");
	buffer_printf(l->out, " id=\"vl-t-%s\">", id);
	buffer_add_text(&l->text, verdict_id(l->d->verdict));
	buffer_add_text(&l->text, ": ");
	say_request(&l->text, l->x, true);
	buffer_add_byte(&l->text, ' ');
	say_pair(&l->text, l->x, true);
	say_html(l->out, buffer_slice(&l->text));
	buffer_reset(&l->text);
	buffer_printf(l->out, "</title>\n<desc id=\"vl-d-%s\">", id);
	say_own(&l->text, l->d->summary, true);
	for (size_t i = 0; i < l->rungs; i++) {
		const struct rung *r = &l->rung[i];
		buffer_add_text(&l->text, i ? "; " : " ");
		if (r->shape == SILENCE) {
			when_add_span(&l->text, r->silence);
			buffer_add_text(&l->text, r->busy ? " later" : " of silence");
			continue;
		}
		if (r->shape != NOTE)
			buffer_add_text(&l->text, r->shape == ROUTER ? "router: "
						  : r->side == PROXY
							  ? r->onward ? "origin: " : "proxy: "
						  : r->onward ? "proxy: "
							      : "client: ");
		say_rung(l, r);
		if (r->shape == LOST)
			buffer_add_text(&l->text, " (did not arrive)");
	}
	say_html(l->out, buffer_slice(&l->text));
	buffer_reset(&l->text);
	buffer_add_text(l->out, "</desc>\n");
}

static int height_of(struct ladder *l)
{
	int height = 74 + 18 * summary_lines(l, false) + 2 + BOX_HEIGHT + 12;
	for (size_t i = 0; i < l->rungs; i++)
		height += l->rung[i].shape == SILENCE ? GAP : RUNG;
	return height + (l->rungs ? 0 : RUNG) + (l->x->events_dropped ? RUNG : 0) + 24;
}

static void draw_rungs(struct ladder *l)
{
	put_lanes(l, 12, true);
	l->y += 12;
	for (size_t i = 0; i < l->rungs; i++) {
		const struct rung *r = &l->rung[i];
		if (r->shape == SILENCE)
			draw_silence(l, r);
		else if (r->shape == NOTE)
			draw_note(l, r);
		else
			draw_packet(l, r);
	}
	struct rung last = { .shape = NOTE, .mark = NO_MARK };
	char more[64];
	if (l->x->events_dropped) {
		struct buffer n;
		buffer_init(&n, 64);
		say_counted(&n, l->x->events_dropped, "event more", "events more");
		memcpy(more, n.at, n.len);
		more[n.len] = 0;
		buffer_done(&n);
		last.text = more;
		draw_note(l, &last);
	} else if (l->rungs == 0) {
		last.text = "nothing was seen of it";
		draw_note(l, &last);
	}
	put_lanes(l, 10, true);
}

void render_ladder(struct buffer *out, const struct exchange *x, const struct diagnosis *d)
{
	struct ladder l = { .out = out, .x = x, .d = d, .lanes = x->onward->seen ? 3 : 2 };
	buffer_init(&l.text, 1 << 20);
	int step = l.lanes == 3 ? 330 : 440;
	for (int i = 0; i < l.lanes; i++)
		l.lane[i] = FIRST_LANE + 36 + i * step;
	l.width = l.lane[l.lanes - 1] + 216;
	decide(&l);
	int height = height_of(&l);
	buffer_printf(out,
		      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
		      "width=\"%d\" height=\"%d\" role=\"img\" "
		      "aria-labelledby=\"vl-t-%s vl-d-%s\">\n",
		      l.width, height, l.width, height, x->id, x->id);
	describe(&l);
	buffer_printf(out,
		      "<rect x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"12\" "
		      "class=\"vl-page\" fill=\"#ffffff\" stroke=\"#d1d9e0\"/>\n",
		      l.width - 1, height - 1);
	draw_title(&l);
	draw_boxes(&l);
	draw_rungs(&l);
	buffer_add_text(out, "</svg>\n");
	buffer_done(&l.text);
}
