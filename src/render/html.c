/* The report: one HTML page that needs nothing else, for a ticket, a mail or paper.
 *
 * No script, and a Content-Security-Policy that allows nothing but the style sheet below, by its
 * hash: foreign bytes that got through as markup would still load and run nothing. No style
 * attributes therefore: widths of bars are attributes of SVG. The summary is written last, since
 * exchanges are counted as they come, and shown first (order in a flex column). */
#include "render/report.h"

#include "base/escape.h"
#include "render/facts.h"
#include "render/html_style.h"
#include "render/layout.h"
#include "render/say.h"
#include "render/tally.h"

#include <stdlib.h>

enum { SHOWN = 50, BAR = 160 };

struct page {
	struct buffer *out;
	struct buffer text; /* the piece in the making: safe text, not yet markup */
};

static void put(struct page *p, const char *markup)
{
	buffer_add_text(p->out, markup);
}

/* Writes the piece and empties it. */
static void put_text(struct page *p)
{
	say_html(p->out, buffer_slice(&p->text));
	buffer_reset(&p->text);
}

static void put_own(struct page *p, const char *text)
{
	say_own(&p->text, text, true);
	put_text(p);
}

/* ---- head ---------------------------------------------------------------------------------- */

void render_html_head(struct buffer *out, const char *title)
{
	struct page p = { .out = out };
	buffer_init(&p.text, 1 << 20);
	put(&p, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src '" HTML_STYLE_HASH "'; base-uri 'none'; form-action 'none'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	say_foreign(&p.text, slice_of(title), true);
	say_html(out, buffer_slice(&p.text));
	put(&p, "</title>\n<style>");
	put(&p, HTML_STYLE);
	put(&p, "</style>\n</head>\n<body>\n<main>\n<h1>");
	put_text(&p);
	put(&p, "</h1>\n");
	buffer_done(&p.text);
}

/* ---- an exchange --------------------------------------------------------------------------- */

static void put_badge(struct page *p, enum verdict verdict, enum severity severity)
{
	buffer_printf(p->out, "<span class=\"badge %s\">%s</span>",
		      verdict == V_UNCLEAR ? "unclear" : severity_name(severity),
		      verdict_id(verdict));
}

/* What stands there when the section is folded. */
static void put_heading(struct page *p, const struct exchange *x, const struct diagnosis *d)
{
	put(p, "<summary>");
	put_badge(p, d->verdict, d->severity);
	put(p, " <span class=\"what\">");
	say_request(&p->text, x, true);
	if (p->text.len == 0)
		say_pair(&p->text, x, true);
	put_text(p);
	put(p, "</span> <span class=\"when\">");
	if (mark_is(&x->first))
		when_add_clock(&p->text, x->first.at);
	if (x->response.status)
		buffer_printf(&p->text, " · %u", x->response.status);
	if (mark_is(&x->first) && mark_is(&x->last) && x->last.at >= x->first.at) {
		buffer_add_text(&p->text, " · ");
		when_add_span(&p->text, x->last.at - x->first.at);
	}
	put_text(p);
	put(p, "</span></summary>\n");
}

static void put_facts(struct page *p, const struct exchange *x, const struct diagnosis *d)
{
	put(p, "<dl>\n");
	for (enum fact f = FACT_PATH; f < FACT_COUNT_; f++) {
		fact_say(&p->text, f, x, d, true);
		if (p->text.len == 0)
			continue;
		buffer_printf(p->out, "<dt>%s</dt><dd>", fact_name(f));
		put_text(p);
		put(p, "</dd>\n");
	}
	put(p, "</dl>\n");
}

static void put_evidence(struct page *p, const struct render_style *s, const struct exchange *x,
			 const struct diagnosis *d)
{
	if (d->evidences == 0)
		return;
	put(p, "<h3>Evidence</h3>\n<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>"
	       "<th scope=\"col\">Where</th><th scope=\"col\">When</th>"
	       "<th scope=\"col\">What was seen</th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < d->evidences; i++) {
		const struct evidence *e = &d->evidence[i];
		put(p, "<tr><td class=\"n\">");
		fact_say_place(&p->text, x, e, s->file_name, true);
		put_text(p);
		put(p, "</td><td class=\"n\">");
		if (mark_is(&e->mark))
			when_add_clock(&p->text, e->mark.at);
		put_text(p);
		put(p, "</td><td>");
		put_own(p, e->what);
		put(p, "</td></tr>\n");
	}
	put(p, "</tbody></table></div>\n");
}

static void put_causes(struct page *p, const struct diagnosis *d)
{
	if (d->causes == 0)
		return;
	put(p, d->causes == 1 ? "<h3>Likely cause</h3>\n<ol>\n"
			      : "<h3>Likely causes, the likeliest first</h3>\n<ol>\n");
	for (size_t i = 0; i < d->causes; i++) {
		put(p, "<li>");
		put_own(p, d->cause[i]);
		put(p, "</li>\n");
	}
	put(p, "</ol>\n");
}

static void put_remedies(struct page *p, const struct diagnosis *d)
{
	if (d->remedies == 0)
		return;
	put(p, "<h3>What to do</h3>\n<ul>\n");
	for (size_t i = 0; i < d->remedies; i++) {
		const char *rest, *side = say_side(d->remedy[i], &rest);
		put(p, "<li>");
		if (side)
			buffer_printf(p->out, "<b class=\"side\">%s</b> ", side);
		put_own(p, rest);
		put(p, "</li>\n");
	}
	put(p, "</ul>\n");
}

static void put_where(struct page *p, const struct render_style *s, const struct exchange *x)
{
	fact_say_filter(&p->text, x);
	bool filter = p->text.len > 0;
	if (filter) {
		put(p, "<p class=\"find\">In Wireshark: <code>");
		put_text(p);
		put(p, "</code>");
	}
	fact_say_range(&p->text, x, s->file_name, true);
	if (p->text.len > 0) {
		put(p, filter ? ", " : "<p class=\"find\">");
		put_text(p);
		put(p, "</p>\n");
	} else if (filter) {
		put(p, "</p>\n");
	}
}

static void put_heads(struct page *p, const struct exchange *x)
{
	if (x->request.head.len == 0 && x->response.head.len == 0)
		return;
	const struct render_style plain = { .width = 80, .utf8 = true };
	struct buffer details;
	buffer_init(&details, 1 << 20);
	render_details(&details, &plain, x);
	put(p, "<details class=\"heads\"><summary>Request and answer, decoded</summary>\n"
	       "<pre class=\"scroll\" tabindex=\"0\">");
	struct slice rest = buffer_slice(&details);
	while (rest.len > 0) { /* its line breaks are ours, and stay */
		say_html(p->out, slice_line(&rest));
		put(p, "\n");
	}
	put(p, "</pre></details>\n");
	buffer_done(&details);
}

void render_html_exchange(struct buffer *out, const struct render_style *s,
			  const struct exchange *x, const struct diagnosis *d, bool ladder)
{
	struct page p = { .out = out };
	buffer_init(&p.text, 1 << 20);
	buffer_printf(out, "<details class=\"x %s\" id=\"x-%s\"%s>\n", severity_name(d->severity),
		      x->id, d->severity == SEVERITY_OK ? "" : " open");
	put_heading(&p, x, d);
	put(&p, "<p class=\"lead\">");
	put_own(&p, d->summary);
	put(&p, "</p>\n");
	put_facts(&p, x, d);
	put_evidence(&p, s, x, d);
	put_causes(&p, d);
	put_remedies(&p, d);
	if (ladder) {
		put(&p, "<div class=\"scroll ladder\" tabindex=\"0\">\n");
		render_ladder(out, x, d);
		put(&p, "</div>\n");
	}
	put_heads(&p, x);
	put_where(&p, s, x);
	put(&p, "</details>\n");
	buffer_done(&p.text);
}

/* ---- tables of one's own --------------------------------------------------------------------- */

static void put_columns(struct page *p, const struct render_table *t)
{
	put(p, "<thead><tr>");
	if (t->result)
		put(p, "<th></th>");
	for (size_t i = 0; i < t->columns; i++) {
		put(p, "<th scope=\"col\">");
		put_own(p, t->column[i]);
		put(p, "</th>");
	}
	put(p, "</tr></thead>\n");
}

static void put_cells(struct page *p, const struct render_table *t, size_t row)
{
	put(p, "<tr>");
	if (t->result) {
		buffer_printf(p->out, "<td><span class=\"badge %s\">",
			      severity_name(t->severity[row]));
		put_own(p, t->result[row]);
		put(p, "</span></td>");
	}
	for (size_t i = 0; i < t->columns; i++) {
		const char *cell = t->cell[row * t->columns + i];
		bool names = !t->column && i == 0;
		put(p, names ? "<th scope=\"row\">" : "<td>");
		if (cell)
			put_own(p, cell);
		put(p, names ? "</th>" : "</td>");
	}
	put(p, "</tr>\n");
}

void render_html_table(struct buffer *out, const struct render_table *t)
{
	struct page p = { .out = out };
	buffer_init(&p.text, 1 << 20);
	buffer_printf(out, "<section class=\"%s\">\n<h3>", t->first ? "sum" : "x");
	put_own(&p, t->heading);
	put(&p, "</h3>\n<div class=\"scroll\" tabindex=\"0\"><table>\n");
	if (t->column)
		put_columns(&p, t);
	put(&p, "<tbody>\n");
	for (size_t i = 0; i < t->rows; i++)
		put_cells(&p, t, i);
	put(&p, "</tbody></table></div>\n</section>\n");
	buffer_done(&p.text);
}

void render_html_end(struct buffer *out)
{
	buffer_add_text(out, "</main>\n</body>\n</html>\n");
}

/* ---- foot ---------------------------------------------------------------------------------- */

static unsigned bar_width(uint64_t n, uint64_t most)
{
	unsigned width = most ? (unsigned)((double)n / (double)most * BAR + 0.5) : 0;
	return width > BAR ? BAR : n && width < 3 ? 3 : width;
}

/* Of n, the first `part` in the colour of failures. */
static void put_bar(struct page *p, const char *kind, uint64_t n, uint64_t part, uint64_t most)
{
	buffer_printf(p->out,
		      "<td class=\"bar\"><svg width=\"%d\" height=\"10\" aria-hidden=\"true\">"
		      "<rect width=\"%u\" height=\"10\" rx=\"3\" class=\"bar-%s\"/>",
		      BAR, bar_width(n, most), kind);
	if (part)
		buffer_printf(p->out,
			      "<rect width=\"%u\" height=\"10\" rx=\"3\" class=\"bar-failure\"/>",
			      bar_width(part, most));
	put(p, "</svg></td>");
}

static void put_number(struct page *p, uint64_t n)
{
	put(p, "<td class=\"r\">");
	say_count(&p->text, n);
	put_text(p);
	put(p, "</td>");
}

static void put_verdicts(struct page *p, const struct tally *t)
{
	struct verdict_count list[V_COUNT_];
	size_t n = tally_verdicts(t, list);
	uint64_t most = 0;
	for (size_t i = 0; i < n; i++)
		most = list[i].count > most ? list[i].count : most;
	if (n == 0)
		return;
	put(p, "<h3>Verdicts</h3>\n<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>"
	       "<th scope=\"col\">Verdict</th><th scope=\"col\" class=\"r\">Exchanges</th>"
	       "<th></th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < n; i++) {
		put(p, "<tr><td>");
		put_badge(p, list[i].verdict, list[i].severity);
		put(p, "</td>");
		put_number(p, list[i].count);
		put_bar(p,
			list[i].verdict == V_UNCLEAR ? "unclear" : severity_name(list[i].severity),
			list[i].count, 0, most);
		put(p, "</tr>\n");
	}
	put(p, "</tbody></table></div>\n");
}

static void put_row(struct page *p, const struct counted *c, uint64_t most)
{
	put(p, "<tr><td class=\"n\">");
	put_text(p);
	put(p, "</td>");
	put_number(p, c->count);
	put_number(p, c->failures);
	put_bar(p, "ok", c->count, c->failures, most);
	put(p, "</tr>\n");
}

static void put_counts(struct page *p, const char *heading, const struct counts *c)
{
	size_t n;
	struct counted *list = counts_sorted(c, &n);
	struct counted others = c->others;
	uint64_t most = n ? list[0].count : 0;
	if (n || others.count)
		buffer_printf(p->out,
			      "<h3>%s</h3>\n<div class=\"scroll\" tabindex=\"0\"><table>\n"
			      "<thead><tr><th scope=\"col\">Host</th>"
			      "<th scope=\"col\" class=\"r\">Exchanges</th>"
			      "<th scope=\"col\" class=\"r\">Failed</th><th></th></tr></thead>\n"
			      "<tbody>\n",
			      heading);
	for (size_t i = 0; i < n; i++) {
		if (i >= SHOWN) {
			others.count += list[i].count;
			others.failures += list[i].failures;
			continue;
		}
		counted_say(&p->text, &list[i], true);
		put_row(p, &list[i], most);
	}
	if (others.count) {
		buffer_add_text(&p->text, "others");
		put_row(p, &others, most);
	}
	if (n || c->others.count)
		put(p, "</tbody></table></div>\n");
	free(list);
}

static void put_total(struct page *p, uint64_t n, const char *one, const char *many,
		      const char *kind)
{
	buffer_printf(p->out, "<li class=\"%s\"><b>", n ? kind : "none");
	say_count(&p->text, n);
	put_text(p);
	buffer_printf(p->out, "</b> %s</li>\n", n == 1 ? one : many);
}

void render_html_foot(struct buffer *out, const struct tally *t, const struct summary_facts *facts)
{
	struct page p = { .out = out };
	buffer_init(&p.text, 1 << 20);
	put(&p, "<section class=\"sum\" aria-label=\"Summary\">\n<ul class=\"totals\">\n");
	put_total(&p, t->total, "exchange", "exchanges", "all");
	put_total(&p, t->by_severity[SEVERITY_FAILURE], "failure", "failures", "failure");
	put_total(&p, t->by_severity[SEVERITY_WARNING], "warning", "warnings", "warning");
	uint64_t unclear = t->verdict[V_UNCLEAR];
	put_total(&p, t->by_severity[SEVERITY_OK] - unclear, "in good order", "in good order",
		  "ok");
	put_total(&p, unclear, "unclear", "unclear", "ok");
	put(&p, "</ul>\n");
	tally_say_facts(&p.text, facts);
	if (p.text.len > 0) {
		put(&p, "<p>");
		put_text(&p);
		put(&p, "</p>\n");
	}
	put_verdicts(&p, t);
	put_counts(&p, "Proxies", &t->proxies);
	put_counts(&p, "Targets", &t->targets);
	put(&p, "</section>\n");
	render_html_end(out);
	buffer_done(&p.text);
}
