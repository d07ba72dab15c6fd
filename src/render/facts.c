/* The facts of an exchange, in a few words each. */
#include "render/facts.h"

#include "render/say.h"

const char *fact_name(enum fact f)
{
	static const char *const names[] = {
		[FACT_PATH] = "Path",
		[FACT_WHEN] = "When",
		[FACT_CREDENTIALS] = "Credentials",
		[FACT_ANSWER] = "Answer",
		[FACT_VIA] = "Via",
		[FACT_PROXY_STATUS] = "Status",
		[FACT_PAGE] = "Page says",
		[FACT_CHAIN] = "Chain",
		[FACT_DOORS] = "Addresses",
		[FACT_TRAFFIC] = "Traffic",
		[FACT_STAGE] = "Stage",
		[FACT_CONFIDENCE] = "Confidence",
	};
	return names[f];
}

static void say_when(struct buffer *out, const struct exchange *x)
{
	if (!mark_is(&x->first))
		return;
	say_moment(out, x, x->first.at);
	if (mark_is(&x->last) && x->last.at > x->first.at) {
		buffer_add_text(out, ", for ");
		when_add_span(out, x->last.at - x->first.at);
	}
}

static void say_credentials(struct buffer *out, const struct exchange *x, bool utf8)
{
	if (x->request.auth == SCHEME_NONE)
		return;
	buffer_add_text(out, trace_scheme_name(x->request.auth));
	if (x->request.user.len) {
		buffer_add_text(out, ", user ");
		say_foreign(out, x->request.user, utf8);
	}
}

static void say_answer(struct buffer *out, const struct exchange *x, const struct diagnosis *d,
		       bool utf8)
{
	if (x->response.status == 0)
		return;
	say_status(out, x, utf8);
	if (d->answered_by) {
		buffer_add_text(out, ", from the ");
		say_own(out, d->answered_by, utf8);
	}
	if (d->product) {
		buffer_add_text(out, " (");
		say_own(out, d->product, utf8);
		buffer_add_text(out, ")");
	}
}

/* ---- what a probe alone shows ------------------------------------------------------------- */

enum { MOST_SHOWN = 900 };

/* Its lines run on, as the card's do. */
static void say_page(struct buffer *out, struct slice page, bool utf8)
{
	struct slice rest = slice_first(page, MOST_SHOWN);
	bool first = true;
	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n');
		buffer_add_text(out, first ? "\"" : " / ");
		say_foreign(out, line, utf8);
		first = false;
	}
	if (!first)
		buffer_add_text(out, page.len > MOST_SHOWN ? "...\"" : "\"");
}

static void say_chain(struct buffer *out, const struct trace_way *way, bool utf8)
{
	for (size_t i = 0; i < way->links; i++) {
		buffer_printf(out, "%s%zu. ", i ? "; " : "", i + 1);
		say_foreign(out, way->link[i].subject, utf8);
		buffer_add_text(out, ", issued by ");
		say_foreign(out, way->link[i].issuer, utf8);
	}
}

static void say_doors(struct buffer *out, const struct trace_way *way)
{
	static const char *const reach[] = { [TRACE_CONNECTED] = "connected",
					     [TRACE_REFUSED] = "refused",
					     [TRACE_UNREACHABLE] = "unreachable",
					     [TRACE_UNANSWERED] = "no answer" };
	for (size_t i = 0; i < way->doors; i++) {
		const struct trace_door *d = &way->door[i];
		buffer_add_text(out, i ? "; " : "");
		address_add(out, &d->at);
		buffer_printf(out, " %s", reach[d->reach]);
		if (d->reach == TRACE_CONNECTED) {
			buffer_add_text(out, " in ");
			when_add_span(out, d->took);
			buffer_printf(out, d->status ? ", %u" : ", no answer", d->status);
		}
	}
}

static void say_probe(struct buffer *out, enum fact f, const struct exchange *x, bool utf8)
{
	const struct trace_way *way = x->probe->way;
	if (f == FACT_VIA)
		say_foreign(out, x->response.via, utf8);
	else if (f == FACT_PROXY_STATUS)
		say_foreign(out, x->response.proxy_status, utf8);
	else if (f == FACT_PAGE)
		say_page(out, x->probe->page, utf8);
	else if (f == FACT_CHAIN && way)
		say_chain(out, way, utf8);
	else if (f == FACT_DOORS && way)
		say_doors(out, way);
}

static void say_traffic(struct buffer *out, const struct exchange *x)
{
	if (x->bytes[CLIENT] + x->bytes[PROXY] > 0) {
		say_counted(out, x->bytes[CLIENT], "byte", "bytes");
		buffer_add_text(out, " up, ");
		say_count(out, x->bytes[PROXY]);
		buffer_add_text(out, " down");
	}
	const char *between = x->bytes[CLIENT] + x->bytes[PROXY] > 0 ? "; " : "";
	uint32_t up = trace_sent_again(&x->path[CLIENT]), down = trace_sent_again(&x->path[PROXY]);
	if (up + down) {
		buffer_printf(out, "%ssent again: %u up, %u down", between, up, down);
		between = "; ";
	}
	if (x->rtt >= 0) {
		buffer_add_text(out, between);
		buffer_add_text(out, "RTT ");
		when_add_span(out, x->rtt);
		between = "; ";
	}
	if (x->path[CLIENT].mss && x->path[PROXY].mss)
		buffer_printf(out, "%sMSS %u client, %u proxy", between, x->path[CLIENT].mss,
			      x->path[PROXY].mss);
}

void fact_say(struct buffer *out, enum fact f, const struct exchange *x, const struct diagnosis *d,
	      bool utf8)
{
	switch (f) {
	case FACT_PATH:
		say_pair(out, x, utf8);
		return;
	case FACT_WHEN:
		say_when(out, x);
		return;
	case FACT_CREDENTIALS:
		say_credentials(out, x, utf8);
		return;
	case FACT_ANSWER:
		say_answer(out, x, d, utf8);
		return;
	case FACT_VIA:
	case FACT_PROXY_STATUS:
	case FACT_PAGE:
	case FACT_CHAIN:
	case FACT_DOORS:
		if (x->probe)
			say_probe(out, f, x, utf8);
		return;
	case FACT_TRAFFIC:
		say_traffic(out, x);
		return;
	case FACT_STAGE:
		buffer_add_text(out, stage_name(d->stage));
		return;
	case FACT_CONFIDENCE:
		buffer_add_text(out, say_confidence(d->confidence));
		return;
	case FACT_COUNT_:
		return;
	}
}

static void say_file(struct buffer *out, uint32_t file, const char *const *file_name, bool utf8)
{
	if (!file_name || !file_name[file])
		return;
	buffer_add_text(out, " of ");
	say_foreign(out, slice_of(file_name[file]), utf8);
}

void fact_say_place(struct buffer *out, const struct exchange *x, const struct evidence *e,
		    const char *const *file_name, bool utf8)
{
	const struct mark *m = &e->mark;
	if (m->frame)
		buffer_printf(out, "frame %llu", (unsigned long long)m->frame);
	else if (m->line)
		buffer_printf(out, "line %u", m->line);
	if ((m->frame || m->line) && e->file != x->file)
		say_file(out, e->file, file_name, utf8);
}

void fact_say_filter(struct buffer *out, const struct exchange *x)
{
	if (x->source != TRACE_CAPTURE || x->from_text || address_is_none(&x->proxy))
		return;
	uint16_t port = x->client.port ? x->client.port : x->proxy.port;
	if (port)
		buffer_printf(out, "tcp.port == %u && ", port);
	buffer_add_text(out, address_is_v4(&x->proxy) ? "ip.addr == " : "ipv6.addr == ");
	address_add_host(out, &x->proxy);
}

void fact_say_range(struct buffer *out, const struct exchange *x, const char *const *file_name,
		    bool utf8)
{
	if (x->first.frame && x->last.frame >= x->first.frame) {
		buffer_printf(out, "frames %llu to %llu", (unsigned long long)x->first.frame,
			      (unsigned long long)x->last.frame);
		say_file(out, x->file, file_name, utf8);
	} else if (x->first_line) {
		buffer_printf(out, "from line %u", x->first_line);
		say_file(out, x->file, file_name, utf8);
		if (x->heading.len) {
			buffer_add_text(out, ": ");
			say_foreign(out, x->heading, utf8);
		}
	}
}
