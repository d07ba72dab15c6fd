/* Tables of targets, and the text to whoever runs the proxy. */
#include "render/targets.h"

#include "base/escape.h"
#include "render/layout.h"
#include "render/say.h"

enum { VERDICT = 20, TOOK = 9, STATUS = 4, PAPER = 78 };

static const struct render_style PLAIN = { .width = PAPER };

/* Escaped text, wrapped, behind what stands on the line already. */
static void flow(struct buffer *out, const struct render_style *s, struct buffer *text,
		 unsigned column, unsigned indent)
{
	layout_wrap(out, buffer_slice(text), column, indent, layout_width(s));
	layout_end_line(out);
	buffer_reset(text);
}

static void flow_text(struct buffer *out, const struct render_style *s, const char *words,
		      unsigned column, unsigned indent)
{
	struct buffer text;
	buffer_init(&text, 1 << 16);
	say_own(&text, words, s->utf8);
	flow(out, s, &text, column, indent);
	buffer_done(&text);
}

void render_target_url(struct buffer *out, const char *url)
{
	struct slice s = slice_of(url);
	size_t end = 0;
	while (end < s.len && s.at[end] != '?' && s.at[end] != '#')
		end++;
	escape_text(out, slice_first(s, end));
	if (end < s.len)
		buffer_add_text(out, "?...");
}

/* What a page says, in one line. */
static void say_page(struct buffer *out, struct slice page, bool utf8)
{
	struct buffer line;
	bool blank = false;
	buffer_init(&line, 1 << 12);
	for (size_t i = 0; i < page.len; i++) {
		bool space = page.at[i] == ' ' || (page.at[i] >= '\t' && page.at[i] <= '\r');
		if (!space && blank && line.len)
			buffer_add_byte(&line, ' ');
		if (!space)
			buffer_add_byte(&line, page.at[i]);
		blank = space;
	}
	say_foreign(out, buffer_slice(&line), utf8);
	buffer_done(&line);
}

static struct slice page_of(const struct exchange *x)
{
	enum { ENOUGH = 300 };
	bool whole = x->probe && x->probe->page.len;
	return slice_first(whole ? x->probe->page : x->response.title, ENOUGH);
}

/* ---- the table ------------------------------------------------------------------------------- */

static enum severity severity_of(const struct render_target *t)
{
	bool odd = t->direct || (t->reached && t->d->severity == SEVERITY_WARNING);
	return odd ? SEVERITY_WARNING : t->reached ? SEVERITY_OK : SEVERITY_FAILURE;
}

static const char *word_of(const struct render_target *t)
{
	if (t->direct)
		return "direct";
	if (t->trouble)
		return "not checked";
	if (t->unlike)
		return "unlike";
	return t->reached && t->d->severity == SEVERITY_FAILURE ? "answered"
								: verdict_id(t->d->verdict);
}

static const char *why_of(const struct render_target *t)
{
	const char *why = t->trouble ? t->trouble : t->unlike ? t->unlike : t->d->summary;
	return why ? why : "";
}

static void add_took(struct buffer *out, const struct render_target *t)
{
	struct buffer span;
	buffer_init(&span, 64);
	if (!t->trouble)
		when_add_span(&span, t->took);
	layout_fill(out, (unsigned)span.len, TOOK);
	buffer_add(out, buffer_slice(&span));
	buffer_done(&span);
	if (!t->trouble && t->status)
		buffer_printf(out, " %*u", STATUS - 1, t->status);
}

static void add_words_of_proxy(struct buffer *out, const struct render_style *s,
			       const struct exchange *x)
{
	struct buffer text;
	if (!x || page_of(x).len == 0)
		return;
	buffer_init(&text, 1 << 12);
	buffer_add_text(&text, "its page says: ");
	say_page(&text, page_of(x), s->utf8);
	buffer_add_repeat(out, ' ', 4);
	flow(out, s, &text, 4, 4);
	buffer_done(&text);
}

static void add_why(struct buffer *out, const struct render_style *s, const struct render_target *t)
{
	const char *why = why_of(t);
	buffer_add_repeat(out, ' ', 4);
	flow_text(out, s, why, 4, 4);
	if (!t->trouble)
		add_words_of_proxy(out, s, t->x);
}

void render_target_row(struct buffer *out, const struct render_style *s,
		       const struct render_target *t)
{
	enum severity severity = severity_of(t);
	struct buffer text;
	unsigned used = layout_mark_width(s) + 1 + VERDICT;
	buffer_init(&text, 1 << 16);
	layout_look(out, s, layout_look_of(severity));
	layout_add_mark(out, s, t->trouble ? V_OK : t->d->verdict, severity);
	layout_plain(out, s);
	buffer_add_byte(out, ' ');
	buffer_add_text(out, word_of(t));
	layout_fill(out, (unsigned)strlen(word_of(t)), VERDICT);
	render_target_url(&text, t->url);
	unsigned room = layout_width(s) - used - 1 - TOOK - STATUS;
	layout_fill(out, layout_add_middle(out, s, buffer_slice(&text), room), room + 1);
	add_took(out, t);
	layout_end_line(out);
	if (!t->reached && !t->brief)
		add_why(out, s, t);
	buffer_done(&text);
}

void render_target_count(struct buffer *out, const struct render_count *n)
{
	size_t missed = n->targets - n->reached - n->direct, unsaid = missed;
	const char *between = "";
	say_counted(out, n->targets, "target", "targets");
	buffer_printf(out, ": %zu reached", n->reached);
	if (n->direct)
		buffer_printf(out, ", %zu direct", n->direct);
	if (missed == 0)
		return;
	buffer_printf(out, ", %zu not (", missed);
	for (int v = 0; v < V_COUNT_; v++) {
		if (n->verdict[v] == 0)
			continue;
		buffer_printf(out, "%s%s %zu", between, verdict_id((enum verdict)v), n->verdict[v]);
		between = ", ";
		unsaid -= n->verdict[v];
	}
	if (unsaid)
		buffer_printf(out, "%sotherwise %zu", between, unsaid);
	buffer_add_text(out, ")");
}

/* ---- the request ----------------------------------------------------------------------------- */

/* "  name:      value", wrapped under itself. */
static void add_fact(struct buffer *out, const char *name, struct buffer *text)
{
	enum { INDENT = 3, COLUMN = 18 };
	if (text->len) {
		buffer_add_repeat(out, ' ', INDENT);
		buffer_add_text(out, name);
		layout_fill(out, INDENT + (unsigned)strlen(name), COLUMN);
		flow(out, &PLAIN, text, COLUMN, COLUMN);
	}
	buffer_reset(text);
}

static void add_slice(struct buffer *out, const char *name, struct slice value)
{
	struct buffer text;
	buffer_init(&text, 1 << 16);
	say_foreign(&text, value, false);
	add_fact(out, name, &text);
	buffer_done(&text);
}

void render_request_head(struct buffer *out, const struct render_request *r,
			 const struct render_count *n)
{
	struct buffer text;
	buffer_init(&text, 1 << 16);
	buffer_printf(&text, "Subject: please let %s through the proxy %s", r->title, r->proxy);
	flow(out, &PLAIN, &text, 0, 4);
	buffer_add_byte(out, '\n');
	buffer_printf(&text,
		      "%s%s needs what stands below (%s, the list of %s) through the proxy "
		      "%s. Tested on ",
		      r->host ? "The host " : "One of our hosts", r->host ? r->host : "", r->title,
		      r->date, r->proxy);
	struct when w = when_split(r->now);
	buffer_printf(&text, "%04d-%02d-%02d at %02d:%02d UTC: ", w.year, w.month, w.day, w.hour,
		      w.minute);
	render_target_count(&text, n);
	buffer_add_text(&text, ".");
	flow(out, &PLAIN, &text, 0, 0);
	buffer_done(&text);
}

static void add_ports(struct buffer *out, const struct render_host *h)
{
	for (size_t i = 0; i < h->ports; i++)
		buffer_printf(out, "%s%u", i ? "," : "", h->port[i]);
}

/* One row for a host, however many targets it has: of the same ports and the same wish. */
static bool stood_before(const struct render_host *host, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(host[k].host, host[i].host) == 0 && host[k].ports == host[i].ports &&
		    host[k].pinned == host[i].pinned &&
		    memcmp(host[k].port, host[i].port, host[i].ports * sizeof *host[i].port) == 0)
			return true;
	return false;
}

void render_request_hosts(struct buffer *out, const struct render_host *host, size_t count)
{
	unsigned wide = 4;
	bool pinned = false;
	for (size_t i = 0; i < count; i++) {
		unsigned columns = (unsigned)strlen(host[i].host);
		wide = columns > wide && columns <= 40 ? columns : wide;
		pinned |= host[i].pinned;
	}
	buffer_printf(
		out, "\nPlease allow (CONNECT to 443, plain requests to 80):\n\n  %-*s  %-7s  %s\n",
		(int)wide, "host", "ports", "for");
	for (size_t i = 0; i < count; i++) {
		struct buffer text;
		if (stood_before(host, i))
			continue;
		buffer_init(&text, 1 << 16);
		add_ports(&text, &host[i]);
		layout_fill(&text, text.len, 7);
		buffer_printf(out, "  %-*s  %.*s  ", (int)wide, host[i].host, (int)text.len,
			      (const char *)text.at);
		buffer_reset(&text);
		buffer_printf(&text, "%s%s", host[i].purpose, host[i].pinned ? " [1]" : "");
		flow(out, &PLAIN, &text, wide + 13, wide + 13);
		buffer_done(&text);
	}
	if (!pinned)
		return;
	buffer_add_text(out, "\n");
	flow_text(out, &PLAIN,
		  "[1] no TLS inspection: there the product accepts no certificate but "
		  "the vendor's own.",
		  0, 4);
}

static void add_path(struct buffer *out, const struct render_target *t)
{
	struct buffer text;
	buffer_init(&text, 1 << 16);
	when_add_rfc3339(&text, t->began);
	buffer_add_text(&text, ", for ");
	when_add_span(&text, t->took);
	add_fact(out, "when", &text);
	say_pair(&text, t->x, false);
	add_fact(out, "path", &text);
	if (t->x->request.user.len) {
		say_foreign(&text, t->x->request.user, false);
		buffer_printf(&text, " (%s)", trace_scheme_name(t->x->request.auth));
	}
	add_fact(out, "user", &text);
	buffer_done(&text);
}

static void add_answer(struct buffer *out, const struct render_target *t)
{
	const struct trace_response *r = &t->x->response;
	struct buffer text;
	buffer_init(&text, 1 << 16);
	say_request(&text, t->x, false);
	add_fact(out, "request", &text);
	say_status(&text, t->x, false);
	if (text.len && t->d->answered_by) {
		buffer_add_text(&text, ", from the ");
		say_own(&text, t->d->answered_by, false);
	}
	if (text.len && t->d->product) {
		buffer_add_text(&text, " (");
		say_own(&text, t->d->product, false);
		buffer_add_text(&text, ")");
	}
	add_fact(out, "answer", &text);
	say_page(&text, page_of(t->x), false);
	add_fact(out, "its page says", &text);
	buffer_done(&text);
	add_slice(out, "Server", r->server);
	add_slice(out, "Via", r->via);
	add_slice(out, "Proxy-Agent", r->proxy_agent);
	add_slice(out, "Proxy-Status", r->proxy_status);
	add_slice(out, "X-Squid-Error", r->squid_error);
	if (t->x->tls->certificates)
		add_slice(out, "issued by", t->x->tls->issuer);
}

/* What is for others to do is no business of this letter. */
static void add_remedies(struct buffer *out, const struct render_target *t)
{
	struct buffer text;
	const char *rest;
	buffer_init(&text, 1 << 16);
	for (size_t i = 0; i < t->d->remedies; i++) {
		const char *side = say_side(t->d->remedy[i], &rest);
		if (side && strcmp(side, "proxy") != 0 && strcmp(side, "network") != 0)
			continue;
		say_own(&text, rest, false);
		add_fact(out, "please", &text);
	}
	buffer_done(&text);
}

void render_request_seen(struct buffer *out, size_t number, const struct render_target *t)
{
	struct buffer text;
	buffer_init(&text, 1 << 16);
	buffer_printf(out, "\n%zu. ", number);
	render_target_url(&text, t->url);
	if (t->purpose[0])
		buffer_printf(&text, " (%s)", t->purpose);
	flow(out, &PLAIN, &text, 3, 3);
	if (t->trouble) {
		say_own(&text, t->trouble, false);
		add_fact(out, "not checked", &text);
	} else {
		add_path(out, t);
		buffer_printf(&text, "%s: ", verdict_id(t->d->verdict));
		say_own(&text, why_of(t), false);
		add_fact(out, "verdict", &text);
		add_answer(out, t);
		add_remedies(out, t);
	}
	buffer_done(&text);
}

void render_request_foot(struct buffer *out, const struct render_request *r)
{
	buffer_printf(out, "\nThe list is from (as of %s):\n", r->date);
	for (size_t i = 0; i < r->sources; i++) {
		buffer_add_text(out, "  ");
		flow_text(out, &PLAIN, r->source[i], 2, 4);
	}
	buffer_printf(
		out, "\nTested with viaduct %s. `viaduct explain ID` tells what a verdict means.\n",
		r->version);
}
