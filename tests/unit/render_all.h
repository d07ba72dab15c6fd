/* Everything that render can make of an exchange, and what must hold of all of it: for the unit
 * tests and the fuzzer. */
#ifndef UNIT_RENDER_ALL_H
#define UNIT_RENDER_ALL_H

#include "base/escape.h"
#include "json_check.h"
#include "render/packets.h"
#include "render/report.h"
#include "render/targets.h"

/* Text for a person: valid UTF-8, no control bytes but line breaks (and SGR where there is colour),
 * nothing that turns the reading direction, no spaces before a line break. */
static inline const char *text_fault(struct slice text, bool colour)
{
	uint8_t before = 0;
	while (text.len > 0) {
		uint32_t code;
		size_t len = escape_read_utf8(text, &code);
		if (len == 0)
			return "no UTF-8";
		if (code == '\n' && before == ' ')
			return "a space before a line break";
		if (code == 0x1b && !(colour && text.len > 2 && text.at[1] == '['))
			return "a raw escape";
		if ((code < 0x20 && code != '\n' && code != 0x1b) || (code >= 0x7f && code < 0xa0))
			return "a control character";
		if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
		    code == 0x200f || code == 0x61c || code == 0xfffe || code == 0xffff)
			return "a hidden or turning character";
		before = text.at[0];
		text = slice_from(text, len);
	}
	return NULL;
}

/* The most columns of a line. */
static inline unsigned text_columns(struct slice text)
{
	unsigned most = 0;
	while (text.len > 0) {
		struct slice line = slice_line(&text);
		unsigned sum = 0;
		while (line.len > 0) {
			uint32_t code = 0;
			size_t len = escape_read_utf8(line, &code);
			sum += len ? escape_width(code) : 1;
			line = slice_from(line, len ? len : 1);
		}
		most = sum > most ? sum : most;
	}
	return most;
}

/* Elements nest, attributes are quoted, and only names that we write ourselves occur. Void
 * elements of HTML count as closed. */
static inline bool markup_name_is_ours(struct slice name)
{
	static const char *const names[] = {
		"!doctype", "html", "head",  "meta",    "title",   "style", "body",    "main",
		"h1",       "h3",   "p",     "details", "summary", "span",  "dl",      "dt",
		"dd",       "div",  "table", "thead",   "tbody",   "tr",    "th",      "td",
		"ol",       "ul",   "li",    "b",       "code",    "pre",   "section", "svg",
		"desc",     "rect", "line",  "path",    "circle",  "text",  "g",
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_equal(name, slice_of(names[i])))
			return true;
	return false;
}

static inline const char *markup_fault(struct slice text)
{
	struct slice open[32];
	size_t depth = 0;
	while (text.len > 0) {
		size_t at = slice_find_byte(text, '<');
		text = slice_from(text, at);
		if (text.len == 0)
			break;
		size_t end = 1;
		bool quoted = false;
		for (; end < text.len && (quoted || text.at[end] != '>'); end++)
			quoted ^= text.at[end] == '"';
		if (end == text.len)
			return "a tag without an end";
		struct slice tag = { text.at + 1, end - 1 };
		text = slice_from(text, end + 1);
		bool closes = slice_starts(tag, SLICE("/")), alone = slice_ends(tag, SLICE("/"));
		tag = slice_from(tag, closes);
		size_t len = 0;
		while (len < tag.len && tag.at[len] != ' ' && tag.at[len] != '/')
			len++;
		struct slice name = slice_first(tag, len);
		if (!markup_name_is_ours(name))
			return "a tag that is not ours";
		if (slice_equal(name, SLICE("meta")) || slice_equal(name, SLICE("!doctype")) ||
		    alone)
			continue;
		if (!closes && depth == sizeof open / sizeof *open)
			return "too deep";
		if (!closes)
			open[depth++] = name;
		else if (depth == 0 || !slice_equal(open[--depth], name))
			return "tags that do not nest";
	}
	return depth ? "an open tag" : NULL;
}

struct all {
	const struct exchange *x;
	const struct diagnosis *d;
	struct tally *tally;
	struct buffer out;
};

static inline const char *all_text(struct all *a, const struct render_style *s)
{
	render_line(&a->out, s, a->x, a->d);
	render_card(&a->out, s, a->x, a->d);
	render_summary(&a->out, s, a->tally, NULL);
	const char *fault = text_fault(buffer_slice(&a->out), s->colour);
	if (!fault && !s->colour &&
	    text_columns(buffer_slice(&a->out)) > (s->width < 40 ? 40 : s->width))
		fault = "a line that is too long";
	render_details(&a->out, s, a->x);
	fault = fault ? fault : text_fault(buffer_slice(&a->out), s->colour);
	for (size_t i = 0; !s->utf8 && i < a->out.len; i++)
		if (a->out.at[i] >= 0x80)
			fault = "more than ASCII";
	buffer_reset(&a->out);
	return fault;
}

/* A target that was not reached, for the exchange's reasons. */
static inline const char *all_targets(struct all *a, const struct render_style *s)
{
	struct render_target t = { .url = "https://a.example/b?c",
				   .purpose = "a purpose",
				   .took = 1,
				   .status = 999,
				   .x = a->x,
				   .d = a->d };
	render_target_row(&a->out, s, &t);
	const char *fault = text_fault(buffer_slice(&a->out), s->colour);
	if (!s->colour && text_columns(buffer_slice(&a->out)) > (s->width < 40 ? 40 : s->width))
		fault = "a row that is too long";
	buffer_reset(&a->out);
	render_request_seen(&a->out, 1, &t);
	fault = fault ? fault : text_fault(buffer_slice(&a->out), false);
	if (text_columns(buffer_slice(&a->out)) > 78)
		fault = "a line of the request that is too long";
	for (size_t i = 0; i < a->out.len; i++)
		if (a->out.at[i] >= 0x80)
			fault = "more than ASCII in the request";
	buffer_reset(&a->out);
	return fault;
}

static inline const char *all_packets(struct all *a, const struct render_style *s,
				      const struct render_packet *p)
{
	render_packet_tcpdump(&a->out, s, p);
	render_packet_wireshark_head(&a->out, s);
	render_packet_wireshark(&a->out, s, p, 0);
	const char *fault = text_fault(buffer_slice(&a->out), s->colour);
	buffer_reset(&a->out);
	return fault;
}

static inline const char *all_json(struct all *a)
{
	render_json(&a->out, a->x, a->d);
	const char *fault = json_is_line(buffer_slice(&a->out)) ? NULL : "no JSON";
	buffer_reset(&a->out);
	render_summary_json(&a->out, a->tally, NULL);
	fault = json_is_line(buffer_slice(&a->out)) ? fault : "no JSON (summary)";
	buffer_reset(&a->out);
	return fault;
}

static inline const char *all_markup(struct all *a, const struct render_style *s)
{
	render_ladder(&a->out, a->x, a->d);
	const char *fault = markup_fault(buffer_slice(&a->out));
	buffer_reset(&a->out);
	render_html_head(&a->out, a->d->summary ? a->d->summary : "?");
	render_html_exchange(&a->out, s, a->x, a->d, true);
	render_html_foot(&a->out, a->tally, NULL);
	fault = fault ? fault : markup_fault(buffer_slice(&a->out));
	fault = fault ? fault : text_fault(buffer_slice(&a->out), false);
	buffer_reset(&a->out);
	return fault;
}

#endif
