/* The record as JSON, one line: SPEC, "The record, as JSON".
 *
 * A capture may hold a million exchanges, so this writes straight into the buffer's room: no
 * printf, plain text sixteen bytes at a time, the date worked out once a record. */
#include "render/render.h"

#include "base/digits.h"
#include "base/escape.h"
#include "base/plain.h"
#include "render/json_probe.h"
#include "render/say.h"

#include <string.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* ---- the pen ------------------------------------------------------------------------------- */

/* Between two strings stand keys, numbers, times and addresses, of fewer bytes than this: there is
 * always room for them, as each string looks for so much more than its own. */
enum { BETWEEN_STRINGS = 2048 };

struct pen {
	struct buffer *out;
	uint8_t *at, *end;             /* room of the buffer that is not yet counted in its len */
	uint8_t lost[BETWEEN_STRINGS]; /* in its place, once the buffer has failed */
	nanos second;                  /* that of the time written last: */
	uint8_t clock[20];             /* "2025-03-14T11:30:12." */
};

static void pen_up(struct pen *p) /* what was written belongs to the buffer now */
{
	if (!p->out->failed)
		p->out->len = (uint32_t)(p->at - p->out->at);
}

/* Room for a string of so many bytes. */
static bool pen_down(struct pen *p, size_t len)
{
	p->at = buffer_reserve(p->out, len + BETWEEN_STRINGS);
	if (!p->at) {
		p->at = p->lost;
		p->end = p->lost;
		return false;
	}
	p->end = p->out->at + (p->out->room < p->out->limit ? p->out->room : p->out->limit);
	return true;
}

static bool more_room(struct pen *p, size_t len)
{
	pen_up(p);
	return pen_down(p, len);
}

static ALWAYS_INLINE bool has_room(struct pen *p, size_t len)
{
	return p->end - p->at >= (ptrdiff_t)(len + BETWEEN_STRINGS) || more_room(p, len);
}

/* Nearly always a constant, of which a few moves come; but only inline, and compilers stop at some
 * hundred of them. */
static ALWAYS_INLINE void put(struct pen *p, const char *text, size_t len)
{
	memcpy(p->at, text, len);
	p->at += len;
}

#define LITERAL(text)     text, sizeof text - 1
#define PUT(pen, literal) put(pen, LITERAL(literal))
#define KEY(pen, name)    PUT(pen, ",\"" name "\":")

/* ---- strings ------------------------------------------------------------------------------- */

static void put_inside(struct pen *p, struct slice s)
{
	pen_up(p);
	escape_json(p->out, s);
	pen_down(p, 0);
}

/* Nearly always there is nothing to escape. */
static void put_string(struct pen *p, struct slice s)
{
	if (!has_room(p, s.len + 2))
		return;
	uint8_t *at = p->at;
	*at++ = '"';
	size_t plain = plain_copy(at, s, "\\\"");
	p->at = at + plain;
	if (plain < s.len)
		put_inside(p, slice_from(s, plain));
	PUT(p, "\"");
}

static void put_text(struct pen *p, const char *text)
{
	put_string(p, (struct slice){ (const uint8_t *)text, text ? strlen(text) : 0 });
}

/* ---- numbers, times, addresses ------------------------------------------------------------- */

/* With the key before it, they are written as one. */
static ALWAYS_INLINE void put_number(struct pen *p, const char *key, size_t len, uint64_t value)
{
	memcpy(p->at, key, len);
	p->at = digits_write(p->at + len, value);
}

static uint8_t *write_three(uint8_t *to, uint32_t below_1000)
{
	*to = (uint8_t)('0' + below_1000 / 100);
	return digits_write_pair(to + 1, below_1000 % 100);
}

static uint8_t *write_ms(uint8_t *to, nanos span)
{
	uint64_t micros = ((uint64_t)span + 500) / 1000;
	to = digits_write(to, micros / 1000);
	*to++ = '.';
	return write_three(to, (uint32_t)(micros % 1000));
}

/* Milliseconds with three decimals. */
static ALWAYS_INLINE void put_ms(struct pen *p, const char *key, size_t len, nanos span)
{
	memcpy(p->at, key, len);
	p->at = write_ms(p->at + len, span);
}

/* What is behind the second. */
static uint32_t set_second(struct pen *p, nanos at)
{
	struct when w = when_split(at);
	uint8_t *to = p->clock;
	p->second = at - w.nanosecond;
	to = digits_write_pair(to, (uint32_t)w.year / 100 % 100);
	to = digits_write_pair(to, (uint32_t)w.year % 100);
	*to++ = '-';
	to = digits_write_pair(to, (uint32_t)w.month);
	*to++ = '-';
	to = digits_write_pair(to, (uint32_t)w.day);
	*to++ = 'T';
	to = digits_write_pair(to, (uint32_t)w.hour);
	*to++ = ':';
	to = digits_write_pair(to, (uint32_t)w.minute);
	*to++ = ':';
	to = digits_write_pair(to, (uint32_t)w.second);
	*to = '.';
	return w.nanosecond;
}

/* RFC 3339; the clock alone where the date means nothing. Six decimals, three more where they are
 * not zero. */
static uint8_t *write_time(struct pen *p, uint8_t *to, nanos at, bool with_date)
{
	enum { DATE = sizeof "2025-03-14T" - 1, CLOCK = sizeof "11:30:12." - 1 };
	uint64_t nano = (uint64_t)at - (uint64_t)p->second; /* large where it is earlier */
	if (nano >= (uint64_t)NANOS_PER_SECOND)
		nano = set_second(p, at);
	*to++ = '"';
	if (with_date)
		to = mempcpy(to, p->clock, DATE);
	to = mempcpy(to, p->clock + DATE, CLOCK);
	to = write_three(to, (uint32_t)nano / 1000000);
	to = write_three(to, (uint32_t)nano / 1000 % 1000);
	if (nano % 1000)
		to = write_three(to, (uint32_t)nano % 1000);
	if (with_date)
		*to++ = 'Z';
	*to++ = '"';
	return to;
}

static ALWAYS_INLINE void put_time(struct pen *p, const char *key, size_t len, nanos at,
				   bool with_date)
{
	memcpy(p->at, key, len);
	p->at = write_time(p, p->at + len, at, with_date);
}

static void put_v4(struct pen *p, const uint8_t *ip)
{
	uint8_t *to = digits_write(p->at, ip[0]);
	for (int i = 1; i < 4; i++) {
		*to++ = '.';
		to = digits_write(to, ip[i]);
	}
	p->at = to;
}

static void put_hex(struct pen *p, unsigned group)
{
	static const char digits[] = "0123456789abcdef";
	for (int shift = 12; shift >= 0; shift -= 4)
		if (shift == 0 || group >> shift)
			*p->at++ = (uint8_t)digits[group >> shift & 15];
}

/* RFC 5952: the longest run of two or more zero groups, the first of equals, is "::". */
static void put_v6(struct pen *p, const uint8_t *ip)
{
	unsigned group[8];
	int start = -1, longest = 1;
	for (int i = 0; i < 8; i++)
		group[i] = (unsigned)ip[2 * i] << 8 | ip[2 * i + 1];
	for (int i = 0; i < 8; i++) {
		int n = i;
		while (n < 8 && group[n] == 0)
			n++;
		if (n - i > longest) {
			start = i;
			longest = n - i;
		}
	}
	for (int i = 0; i < 8; i++) {
		if (i == start) {
			*p->at++ = ':';
			if (start + longest == 8)
				*p->at++ = ':';
			i += longest - 1;
			continue;
		}
		if (i > 0)
			*p->at++ = ':';
		put_hex(p, group[i]);
	}
}

static void put_address(struct pen *p, const struct address *a)
{
	bool v4 = address_is_v4(a);
	if (!v4 && a->port)
		PUT(p, "[");
	if (v4)
		put_v4(p, a->ip + 12);
	else
		put_v6(p, a->ip);
	if (!v4 && a->port)
		PUT(p, "]");
	if (a->port) {
		put_number(p, LITERAL(":"), a->port);
	}
}

static void put_endpoint(struct pen *p, struct slice name, const struct address *a)
{
	PUT(p, "\"");
	if (name.len == 0) {
		put_address(p, a);
	} else {
		put_inside(p, name);
		if (a->port) {
			put_number(p, LITERAL(":"), a->port);
		}
	}
	PUT(p, "\"");
}

/* A word that is known here: with its key one constant, which comes as a few moves. */
#define MEMBER_WORD(pen, name, word) PUT(pen, ",\"" name "\":\"" word "\"")

/* ---- members that may be unknown ----------------------------------------------------------- */

#define MEMBER_SLICE(pen, name, slice)                                                             \
	do {                                                                                       \
		if ((slice).len > 0) {                                                             \
			KEY(pen, name);                                                            \
			put_string(pen, slice);                                                    \
		}                                                                                  \
	} while (0)

#define MEMBER_TEXT(pen, name, text)                                                               \
	do {                                                                                       \
		if (text) {                                                                        \
			KEY(pen, name);                                                            \
			put_text(pen, text);                                                       \
		}                                                                                  \
	} while (0)

#define MEMBER_NUMBER(pen, name, known, value)                                                     \
	do {                                                                                       \
		if (known)                                                                         \
			put_number(pen, LITERAL(",\"" name "\":"), value);                         \
	} while (0)

#define MEMBER_MS(pen, name, span)                                                                 \
	do {                                                                                       \
		if ((span) >= 0)                                                                   \
			put_ms(pen, LITERAL(",\"" name "\":"), span);                              \
	} while (0)

#define MEMBER_SPAN(pen, name, from, to)                                                           \
	do {                                                                                       \
		if (mark_is(from) && mark_is(to) && (to)->at >= (from)->at)                        \
			MEMBER_MS(pen, name, (to)->at - (from)->at);                               \
	} while (0)

/* ---- the record, part by part -------------------------------------------------------------- */

static void put_source(struct pen *p, enum trace_source s)
{
	if (s == TRACE_CAPTURE)
		MEMBER_WORD(p, "source", "capture");
	else if (s == TRACE_PROXY)
		MEMBER_WORD(p, "source", "proxy");
	else
		MEMBER_WORD(p, "source", "check");
}

static void put_confidence(struct pen *p, enum confidence c)
{
	if (c == CONFIDENCE_HIGH)
		MEMBER_WORD(p, "confidence", "high");
	else if (c == CONFIDENCE_MEDIUM)
		MEMBER_WORD(p, "confidence", "medium");
	else
		MEMBER_WORD(p, "confidence", "low");
}

static void put_evidence(struct pen *p, const struct exchange *x, const struct diagnosis *d)
{
	KEY(p, "evidence");
	PUT(p, "[");
	for (size_t i = 0; i < d->evidences; i++) {
		const struct mark *m = &d->evidence[i].mark;
		if (i)
			PUT(p, ",");
		PUT(p, "{");
		if (m->frame) {
			put_number(p, LITERAL("\"frame\":"), m->frame);
			PUT(p, ",");
		}
		if (m->line) {
			put_number(p, LITERAL("\"line\":"), m->line);
			PUT(p, ",");
		}
		if (mark_is(m)) {
			put_time(p, LITERAL("\"at\":"), m->at, say_has_date(x, m->at));
			PUT(p, ",");
		}
		PUT(p, "\"what\":");
		put_text(p, d->evidence[i].what);
		PUT(p, "}");
	}
	PUT(p, "]");
}

static void put_texts(struct pen *p, const char *const *text, size_t count)
{
	PUT(p, "[");
	for (size_t i = 0; i < count; i++) {
		if (i)
			PUT(p, ",");
		put_text(p, text[i]);
	}
	PUT(p, "]");
}

static void put_diagnosis(struct pen *p, const struct exchange *x, const struct diagnosis *d)
{
	KEY(p, "verdict");
	put_text(p, verdict_id(d->verdict));
	MEMBER_TEXT(p, "stage", stage_name(d->stage));
	KEY(p, "severity");
	put_text(p, severity_name(d->severity));
	put_confidence(p, d->confidence);
	MEMBER_TEXT(p, "summary", d->summary);
	put_evidence(p, x, d);
	KEY(p, "cause");
	put_texts(p, d->cause, d->causes);
	KEY(p, "remedy");
	put_texts(p, d->remedy, d->remedies);
}

static void put_auth(struct pen *p, const struct trace_request *r)
{
	if (r->auth == SCHEME_NONE)
		return;
	KEY(p, "auth");
	PUT(p, "{\"scheme\":");
	put_text(p, trace_scheme_name(r->auth));
	MEMBER_SLICE(p, "user", r->user);
	PUT(p, "}");
}

static bool has_endpoint(struct slice name, const struct address *a)
{
	return name.len > 0 || !address_is_none(a);
}

static void put_conversation(struct pen *p, const struct exchange *x, const struct diagnosis *d)
{
	if (has_endpoint(x->client_name, &x->client)) {
		KEY(p, "client");
		put_endpoint(p, x->client_name, &x->client);
	}
	if (has_endpoint(x->proxy_name, &x->proxy)) {
		KEY(p, "proxy");
		put_endpoint(p, x->proxy_name, &x->proxy);
	}
	MEMBER_SLICE(p, "method", x->request.method);
	MEMBER_SLICE(p, "target", x->request.target);
	MEMBER_NUMBER(p, "status", x->response.status, x->response.status);
	MEMBER_SLICE(p, "reason", x->response.reason);
	MEMBER_SLICE(p, "via", x->response.via);
	MEMBER_TEXT(p, "product", d->product);
	MEMBER_TEXT(p, "answered_by", d->answered_by);
	put_auth(p, &x->request);
	MEMBER_SLICE(p, "sni", x->tls->sni);
	MEMBER_SLICE(p, "alpn", x->tls->alpn);
	MEMBER_TEXT(p, "tls", say_tls_version(x->tls->version));
}

static void put_times(struct pen *p, const struct exchange *x)
{
	if (mark_is(&x->first))
		put_time(p, LITERAL(",\"start\":"), x->first.at, say_has_date(x, x->first.at));
	const struct mark *asked = mark_is(&x->first_app_up) ? &x->first_app_up : &x->request_end;
	MEMBER_SPAN(p, "duration_ms", &x->first, &x->last);
	if (!x->reused)
		MEMBER_SPAN(p, "tcp_ms", &x->syn, &x->syn_ack);
	MEMBER_SPAN(p, "wait_ms", &x->request_end, &x->response_start);
	MEMBER_SPAN(p, "tls_ms", &x->hello, &x->tls_done);
	MEMBER_SPAN(p, "first_byte_ms", asked, &x->first_byte);
}

/* Of a side that was not seen at all, nothing is known; least of all that it sent nothing. */
static bool side_is_known(const struct exchange *x, enum trace_side side)
{
	return x->source != TRACE_CAPTURE || x->path[side].packets > 0 || x->bytes[side] > 0;
}

static void put_path(struct pen *p, const struct exchange *x)
{
	const struct trace_path *up = &x->path[CLIENT], *down = &x->path[PROXY];
	MEMBER_NUMBER(p, "bytes_up", side_is_known(x, CLIENT), x->bytes[CLIENT]);
	MEMBER_NUMBER(p, "bytes_down", side_is_known(x, PROXY), x->bytes[PROXY]);
	bool counted = x->leg && x->leg->client_facts;
	MEMBER_NUMBER(p, "retrans_up", up->packets || up->retrans, trace_sent_again(up));
	MEMBER_NUMBER(p, "retrans_down", down->packets || down->retrans || counted,
		      trace_sent_again(down));
	MEMBER_MS(p, "rtt_ms", x->rtt);
	MEMBER_NUMBER(p, "mss_client", up->mss, up->mss);
	MEMBER_NUMBER(p, "mss_proxy", down->mss, down->mss);
}

static void put_close(struct pen *p, const struct exchange *x)
{
	if (!x->closed)
		MEMBER_WORD(p, "closed_by", "nobody");
	else if (x->closed_by == CLIENT)
		MEMBER_WORD(p, "closed_by", "client");
	else
		MEMBER_WORD(p, "closed_by", "proxy");
	if (x->closed && x->by_reset)
		MEMBER_WORD(p, "close", "rst");
	else if (x->closed)
		MEMBER_WORD(p, "close", "fin");
	else if (x->end == TRACE_END_IDLE)
		MEMBER_WORD(p, "close", "timeout");
	else
		MEMBER_WORD(p, "close", "none");
}

static void put_end(struct pen *p, const struct exchange *x)
{
	put_close(p, x);
	/* where the head was complete: there Wireshark shows it */
	const struct event *asked = trace_first(x, EV_REQUEST), *said = trace_last(x, EV_RESPONSE);
	uint64_t request = asked ? asked->mark.frame : x->request_start.frame;
	uint64_t response = said ? said->mark.frame : x->response_start.frame;
	MEMBER_NUMBER(p, "first_frame", x->first.frame, x->first.frame);
	MEMBER_NUMBER(p, "request_frame", request, request);
	MEMBER_NUMBER(p, "response_frame", response, response);
	MEMBER_NUMBER(p, "frames", x->frames, x->frames);
}

static const char *outcome_name(enum trace_outcome o)
{
	static const char *const names[] = {
		[ONWARD_UNKNOWN] = "unknown",         [ONWARD_ANSWERED] = "answered",
		[ONWARD_REFUSED] = "refused",         [ONWARD_UNANSWERED] = "unanswered",
		[ONWARD_UNREACHABLE] = "unreachable", [ONWARD_RESET] = "reset",
		[ONWARD_SILENT] = "silent",           [ONWARD_CLOSED] = "closed",
		[ONWARD_UNRESOLVED] = "unresolved",
	};
	return names[o];
}

static void put_onward(struct pen *p, const struct exchange *x)
{
	const struct trace_onward *o = x->onward;
	const struct trace_leg *leg = x->leg;
	KEY(p, "onward");
	PUT(p, "{");
	if (!address_is_none(&o->origin)) {
		PUT(p, "\"origin\":");
		put_endpoint(p, (struct slice){ 0 }, &o->origin);
		PUT(p, ",");
	}
	PUT(p, "\"outcome\":");
	put_text(p, outcome_name(o->outcome));
	if (leg) {
		if (leg->reused)
			PUT(p, ",\"reused\":true");
		MEMBER_MS(p, "resolve_ms", leg->resolve);
		MEMBER_MS(p, "connect_ms", leg->connect);
		MEMBER_MS(p, "answer_ms", leg->answer);
		MEMBER_MS(p, "rtt_ms", leg->rtt);
		MEMBER_NUMBER(p, "retrans", leg->facts, leg->retrans);
		MEMBER_NUMBER(p, "mss", leg->mss, leg->mss);
		MEMBER_NUMBER(p, "path_mtu", leg->path_mtu, leg->path_mtu);
	}
	PUT(p, "}");
}

static void put_leg(struct pen *p, const struct trace_leg *leg)
{
	static const char *const parties[] = { NULL, "client", "proxy", "origin" };
	MEMBER_SLICE(p, "why", leg->why);
	MEMBER_SLICE(p, "why_text", leg->text);
	MEMBER_SLICE(p, "trial", leg->trial);
	MEMBER_TEXT(p, "closed_first", parties[leg->closed_first]);
	MEMBER_NUMBER(p, "mss", leg->client_mss, leg->client_mss);
	MEMBER_NUMBER(p, "path_mtu", leg->client_path_mtu, leg->client_path_mtu);
}

/* Beyond what the SPEC names; new members come last. */
static void put_extras(struct pen *p, const struct exchange *x)
{
	if (x->tunnel.inner > PROTO_NONE) {
		KEY(p, "inner");
		put_text(p, trace_protocol_name(x->tunnel.inner));
	}
	if (x->links.other[0])
		MEMBER_TEXT(p, "link", x->links.other);
	MEMBER_NUMBER(p, "file", x->source == TRACE_CAPTURE, x->file);
	MEMBER_NUMBER(p, "line", x->first_line, x->first_line);
	MEMBER_SLICE(p, "heading", x->heading);
	if (x->onward->seen)
		put_onward(p, x);
	if (x->leg)
		put_leg(p, x->leg);
}

void render_json(struct buffer *out, const struct exchange *x, const struct diagnosis *d)
{
	struct pen pen, *p = &pen;
	pen.out = out;
	pen.second = INT64_MIN;
	pen_down(p, 0);
	PUT(p, "{\"v\":1");
	if (x->id[0])
		MEMBER_TEXT(p, "id", x->id);
	put_source(p, x->source);
	put_diagnosis(p, x, d);
	put_conversation(p, x, d);
	put_times(p, x);
	put_path(p, x);
	put_end(p, x);
	put_extras(p, x);
	pen_up(p);
	if (x->probe)
		json_add_probe(out, x->probe);
	buffer_add_text(out, "}\n");
}
