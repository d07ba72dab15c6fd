/* Look-ups in the catalogue, and its entries as plain text. */
#include "diagnose/words_table.h"

#include <string.h>

const char *verdict_id(enum verdict v)
{
	return (unsigned)v < V_COUNT_ ? VERDICT_WORDS[v].id : "unknown";
}

bool verdict_find(struct slice id, enum verdict *ret_verdict)
{
	for (int v = 0; v < V_COUNT_; v++) {
		if (slice_equal_nocase(id, slice_of(VERDICT_WORDS[v].id))) {
			*ret_verdict = (enum verdict)v;
			return true;
		}
	}
	return false;
}

const char *verdict_meaning(enum verdict v)
{
	return (unsigned)v < V_COUNT_ ? VERDICT_WORDS[v].meaning : "";
}

enum severity verdict_severity(enum verdict v)
{
	return (unsigned)v < V_COUNT_ ? VERDICT_WORDS[v].severity : SEVERITY_OK;
}

enum stage verdict_stage(enum verdict v)
{
	return (unsigned)v < V_COUNT_ ? VERDICT_WORDS[v].stage : STAGE_NONE;
}

const char *stage_name(enum stage s)
{
	static const char *const names[] = { NULL,      "settings", "dns",     "connect",
					     "request", "tls",      "transfer" };
	return (unsigned)s < STAGE_COUNT_ ? names[s] : NULL;
}

const char *severity_name(enum severity s)
{
	static const char *const names[] = { "ok", "warning", "failure" };
	return (unsigned)s <= SEVERITY_FAILURE ? names[s] : "unknown";
}

const struct code_words *catalogue_code(unsigned status)
{
	for (size_t i = 0; i < CODE_WORDS_COUNT; i++) {
		if (CODE_WORDS[i].status == status)
			return &CODE_WORDS[i];
	}
	return NULL;
}

/* ---- entries as text --------------------------------------------------------------------------
 */

/* Texts are ASCII, so bytes are columns. */
struct page {
	struct buffer *out;
	unsigned width, indent, column;
};

/* In a general entry no exchange gives the facts; these words stand for them. */
static const char *general_word(char key)
{
	switch (key) {
	case '%':
		return "%";
	case 't':
		return "the target";
	case 'h':
		return "the target's host";
	case 'o':
		return "the target's port";
	case 'c':
		return "the client";
	case 'p':
	case 'y':
		return "the proxy";
	case 'q':
		return "the product";
	case 'm':
		return "the request";
	case 'i':
		return "the name asked for";
	case 'I':
		return "the router";
	case 'N':
		return "unreachable";
	case 'A':
		return "the schemes it lists";
	case 'a':
		return "one scheme";
	case 's':
		return "the status";
	case 'S':
	case 'V':
		return "the sender";
	case 'k':
		return "see RFC 8446, section 6.2";
	case 'z':
		return "a known product, or \"inspection\" and the like";
	case 'Y':
		return "other names";
	case 'l':
		return "more than one segment";
	case 'j':
		return "more than one";
	case 'M':
		return "what it names";
	case 'Q':
		return "a full segment's";
	case 'T':
		return "so long";
	case 'W':
	case 'L':
		return "whole seconds";
	case 'v':
		return "see Via";
	case 'C':
		return "see viaduct explain CODE";
	case 'K':
		return "see viaduct explain PRODUCT CODE";
	default:
		return "";
	}
}

static void put_word(struct page *p, const uint8_t *word, size_t len)
{
	if (p->column > p->indent && p->column + 1 + len > p->width) {
		buffer_add_byte(p->out, '\n');
		p->column = 0;
	}
	if (p->column == 0) {
		buffer_add_repeat(p->out, ' ', p->indent);
		p->column = p->indent;
	} else if (p->column > p->indent) {
		buffer_add_byte(p->out, ' ');
		p->column++;
	}
	buffer_add(p->out, (struct slice){ word, len });
	p->column += (unsigned)len;
}

static void put_text(struct page *p, const char *text)
{
	char flat[1200];
	size_t len = 0;
	for (; *text && len + 80 < sizeof flat; text++) {
		if (*text != '%') {
			flat[len++] = *text;
			continue;
		}
		if (!*++text)
			break;
		struct slice word = slice_of(general_word(*text));
		memcpy(flat + len, word.at, word.len);
		len += word.len;
	}
	struct slice rest = { (const uint8_t *)flat, len };
	while (rest.len) {
		struct slice word = slice_cut(&rest, ' ');
		if (word.len)
			put_word(p, word.at, word.len);
	}
}

static void end_line(struct page *p)
{
	buffer_add_byte(p->out, '\n');
	p->column = 0;
}

static void put_paragraph(struct page *p, unsigned indent, const char *text)
{
	p->indent = indent;
	put_text(p, text);
	end_line(p);
}

static void put_heading(struct page *p, const char *text)
{
	end_line(p);
	put_paragraph(p, 0, text);
}

static void put_item(struct page *p, const char *text)
{
	buffer_add_text(p->out, "  - ");
	p->indent = p->column = 4;
	put_text(p, text);
	end_line(p);
}

static void explain_verdict(struct page *p, enum verdict v)
{
	const struct verdict_words *w = &VERDICT_WORDS[v];
	buffer_printf(p->out, "%s (%s%s%s)\n", w->id, severity_name(w->severity),
		      w->stage ? ", stage " : "", w->stage ? stage_name(w->stage) : "");
	put_paragraph(p, 2, w->meaning);
	end_line(p);
	put_paragraph(p, 2, w->explained);
	if (w->causes[0] != CAUSE_NONE)
		put_heading(p, "Likely causes");
	for (size_t i = 0; i < 4 && w->causes[i] != CAUSE_NONE; i++)
		put_item(p, CAUSE_WORDS[w->causes[i]].text);
	bool any = w->remedy[0] != NULL;
	for (size_t i = 0; i < 4 && w->causes[i] != CAUSE_NONE; i++)
		any = any || CAUSE_WORDS[w->causes[i]].remedy;
	if (any)
		put_heading(p, "What to do");
	for (size_t i = 0; i < 4 && w->causes[i] != CAUSE_NONE; i++) {
		if (CAUSE_WORDS[w->causes[i]].remedy)
			put_item(p, CAUSE_WORDS[w->causes[i]].remedy);
	}
	for (size_t i = 0; i < 3 && w->remedy[i]; i++)
		put_item(p, w->remedy[i]);
}

static void put_dialect_line(struct page *p, const char *name, const struct dialect_code *c)
{
	char line[400];
	size_t len = 0;
	const char *parts[] = { name, c->error ? " with " : "", c->error ? c->error : "", ": ",
				c->meaning };
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		size_t n = strlen(parts[i]);
		if (len + n >= sizeof line)
			break;
		memcpy(line + len, parts[i], n);
		len += n;
	}
	line[len] = 0;
	put_item(p, line);
}

/* The verdicts that an answer with this status can get. */
static void put_verdicts(struct page *p, unsigned status)
{
	static const struct {
		unsigned status;
		const char *ids;
	} verdicts[] = {
		{ 400, "bad-request, not-a-proxy" },
		{ 401, "unauthorized, auth-rejected" },
		{ 403, "denied, too-large" },
		{ 404, "not-found, not-a-proxy" },
		{ 405, "method-refused, not-a-proxy" },
		{ 407, "challenged, auth-required, auth-rejected, auth-unsupported" },
		{ 413, "too-large" },
		{ 429, "rate-limited" },
		{ 451, "denied" },
		{ 500, "server-error" },
		{ 501, "server-error, not-a-proxy" },
		{ 502, "bad-gateway" },
		{ 503, "unavailable" },
		{ 504, "gateway-timeout" },
		{ 505, "server-error" },
	};
	const char *ids = status >= 400 ? verdict_id(V_OTHER_STATUS) : NULL;
	for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
		if (verdicts[i].status == status)
			ids = verdicts[i].ids;
	if (!ids)
		return;
	put_heading(p, "Verdicts");
	put_item(p, ids);
}

static void explain_code(struct page *p, const struct code_words *c)
{
	buffer_printf(p->out, "%u %s\n", c->status, c->name);
	put_paragraph(p, 2, c->meaning);
	put_verdicts(p, c->status);
	put_heading(p, "What to do");
	put_item(p, c->remedy);
	bool any = false;
	for (int d = DIALECT_UNKNOWN + 1; d < DIALECT_COUNT_; d++) {
		const struct dialect_words *w = &DIALECT_WORDS[d];
		for (size_t i = 0; i < 16 && w->codes[i].status; i++) {
			if (w->codes[i].status != c->status)
				continue;
			if (!any)
				put_heading(p, "In the mouth of");
			any = true;
			put_dialect_line(p, w->name, &w->codes[i]);
		}
	}
}

static void explain_product(struct page *p, const struct dialect_words *w, unsigned status)
{
	if (status)
		buffer_printf(p->out, "%u from %s (as of %s)\n", status, w->name, DIALECTS_DATED);
	else
		buffer_printf(p->out, "%s (as of %s)\n", w->name, DIALECTS_DATED);
	if (w->note)
		put_paragraph(p, 2, w->note);
	end_line(p);
	bool any = false;
	for (size_t i = 0; i < 16 && w->codes[i].status; i++) {
		if (status && w->codes[i].status != status)
			continue;
		char code[8] = { (char)('0' + w->codes[i].status / 100),
				 (char)('0' + w->codes[i].status / 10 % 10),
				 (char)('0' + w->codes[i].status % 10), 0 };
		put_dialect_line(p, code, &w->codes[i]);
		any = true;
	}
	if (!any)
		put_paragraph(p, 2, "What it means by this code is not known.");
	const struct code_words *c = status ? catalogue_code(status) : NULL;
	if (c) {
		put_heading(p, "In general");
		put_paragraph(p, 2, c->meaning);
	}
}

static bool find_product(struct slice name, const struct dialect_words **ret_words)
{
	for (int d = DIALECT_UNKNOWN + 1; d < DIALECT_COUNT_; d++) {
		const struct dialect_words *w = &DIALECT_WORDS[d];
		if (slice_equal_nocase(name, slice_of(w->id)) ||
		    slice_equal_nocase(name, slice_of(w->name))) {
			*ret_words = w;
			return true;
		}
	}
	for (int d = DIALECT_UNKNOWN + 1; name.len >= 4 && d < DIALECT_COUNT_; d++) {
		if (slice_find_nocase(slice_of(DIALECT_WORDS[d].name), name) <
		    strlen(DIALECT_WORDS[d].name)) {
			*ret_words = &DIALECT_WORDS[d];
			return true;
		}
	}
	return false;
}

/* Edits from one word to the other (Levenshtein), for short words. */
static unsigned distance(struct slice a, const char *b)
{
	enum { MOST = 40 };
	unsigned row[MOST + 1];
	size_t n = strlen(b);
	if (a.len > MOST || n > MOST)
		return MOST;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a.len; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned above = row[j];
			unsigned best = diagonal + (a.at[i - 1] != (uint8_t)b[j - 1]);
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[n];
}

static const char *nearest_id(struct slice what)
{
	const char *best = NULL;
	unsigned least = 4; /* further away is no typing error */
	for (int v = 0; v < V_COUNT_ + DIALECT_COUNT_; v++) {
		const char *id =
			v < V_COUNT_ ? VERDICT_WORDS[v].id : DIALECT_WORDS[v - V_COUNT_].id;
		unsigned d = distance(what, id);
		if (what.len >= 3 && slice_starts_nocase(slice_of(id), what) && d > 1)
			d = 1; /* a beginning of it */
		if (d < least && d < what.len) {
			least = d;
			best = id;
		}
	}
	return best;
}

static bool parse_code(struct slice s, unsigned *ret_code)
{
	uint64_t n;
	if (s.len != 3 || !slice_parse_u64(s, 10, &n) || n < 100 || n > 599)
		return false;
	*ret_code = (unsigned)n;
	return true;
}

bool catalogue_explain(struct buffer *out, struct slice what, struct slice also, unsigned width,
		       const char **ret_nearest)
{
	struct page p = { .out = out, .width = width < 40 ? 40 : width };
	const struct dialect_words *product;
	enum verdict v;
	unsigned code = 0;
	*ret_nearest = NULL;
	if (also.len == 0) { /* "squid 403" as one word */
		struct slice rest = slice_trim(what);
		what = slice_cut(&rest, ' ');
		also = slice_trim(rest);
	}
	if (also.len && parse_code(what, &code)) {
		struct slice swap = what;
		what = also;
		also = swap;
	}
	if (also.len) {
		if (!parse_code(also, &code) || !find_product(what, &product)) {
			*ret_nearest = nearest_id(what);
			return false;
		}
		explain_product(&p, product, code);
		return true;
	}
	if (verdict_find(what, &v)) {
		explain_verdict(&p, v);
		return true;
	}
	const struct code_words *c = parse_code(what, &code) ? catalogue_code(code) : NULL;
	if (c) {
		explain_code(&p, c);
		return true;
	}
	if (find_product(what, &product)) {
		explain_product(&p, product, 0);
		return true;
	}
	*ret_nearest = nearest_id(what);
	return false;
}

void catalogue_list(struct buffer *out, unsigned width)
{
	unsigned column = 41;
	for (int v = 0; v < V_COUNT_; v++) {
		const struct verdict_words *w = &VERDICT_WORDS[v];
		buffer_printf(out, "%-20s %-8s %-10s ", w->id, severity_name(w->severity),
			      w->stage ? stage_name(w->stage) : "-");
		struct page p = { .out = out, .width = width < 60 ? 60 : width };
		p.indent = p.column = column - 1;
		put_text(&p, w->meaning);
		end_line(&p);
	}
}
