/* The sequence ladder as SVG: rungs.c decides which rungs there are, here they are drawn from top
 * to bottom. Colours are attributes, so that the picture stands alone on its own background; the
 * classes let a page with a dark theme override them (html.c). No style, no script, nothing loaded,
 * generic fonts. */
#include "render/report.h"

#include "render/layout.h"
#include "render/rungs.h"
#include "render/say.h"

#include <string.h>

struct ladder {
	struct buffer *out;
	const struct exchange *x;
	const struct diagnosis *d;
	struct rungs rungs;
	struct buffer text; /* the piece in the making */
	int lane[3], lanes, width, y;
};

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
	const struct colour *c = r->shape == RUNG_LOST     ? &BAD
				 : r->shape == RUNG_ROUTER ? &WARN
				 : r->side == CLIENT       ? &UP
							   : &DOWN;
	if (r->shape == RUNG_ROUTER) { /* the quoted side is where it goes */
		from = (a + b) / 2;
		to = r->side == CLIENT ? a : b;
		sign = to > from ? 1 : -1;
		buffer_printf(l->out, "<circle cx=\"%d\" cy=\"%d\" r=\"5\" %s/>\n", from, y,
			      c->fill);
	}
	if (r->shape == RUNG_LOST) {
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
	int reach =
		r->shape == RUNG_LOST ? (b - a) * 7 / 10 : b - a; /* the middle of what is drawn */
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
	for (size_t i = 0; i < l->rungs.count; i++) {
		const struct rung *r = &l->rungs.rung[i];
		buffer_add_text(&l->text, i ? "; " : " ");
		if (r->shape == RUNG_SILENCE) {
			when_add_span(&l->text, r->silence);
			buffer_add_text(&l->text, r->busy ? " later" : " of silence");
			continue;
		}
		if (r->shape != RUNG_NOTE)
			buffer_add_text(&l->text, r->shape == RUNG_ROUTER ? "router: "
						  : r->side == PROXY
							  ? r->onward ? "origin: " : "proxy: "
						  : r->onward ? "proxy: "
							      : "client: ");
		say_rung(l, r);
		if (r->shape == RUNG_LOST)
			buffer_add_text(&l->text, " (did not arrive)");
	}
	say_html(l->out, buffer_slice(&l->text));
	buffer_reset(&l->text);
	buffer_add_text(l->out, "</desc>\n");
}

static int height_of(struct ladder *l)
{
	int height = 74 + 18 * summary_lines(l, false) + 2 + BOX_HEIGHT + 12;
	for (size_t i = 0; i < l->rungs.count; i++)
		height += l->rungs.rung[i].shape == RUNG_SILENCE ? GAP : RUNG;
	return height + (l->rungs.count ? 0 : RUNG) + (l->x->events_dropped ? RUNG : 0) + 24;
}

static void draw_rungs(struct ladder *l)
{
	put_lanes(l, 12, true);
	l->y += 12;
	for (size_t i = 0; i < l->rungs.count; i++) {
		const struct rung *r = &l->rungs.rung[i];
		if (r->shape == RUNG_SILENCE)
			draw_silence(l, r);
		else if (r->shape == RUNG_NOTE)
			draw_note(l, r);
		else
			draw_packet(l, r);
	}
	struct rung last = { .shape = RUNG_NOTE, .mark = NO_MARK };
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
	} else if (l->rungs.count == 0) {
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
	rungs_decide(&l.rungs, x, d);
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
