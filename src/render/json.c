/* The record as JSON, one line: SPEC, "The record, as JSON".
 *
 * A capture may hold a million exchanges, so this writes straight into the buffer's room: no
 * printf, plain text sixteen bytes at a time, the date worked out once a record. */
#include "render/render.h"

#include "base/escape.h"
#include "render/json_probe.h"
#include "render/say.h"

#include <string.h>

/* ---- the pen ------------------------------------------------------------------------------- */

struct pen {
	struct buffer *out;
	uint8_t *at, *end; /* room of the buffer that is not yet counted in its len */
	int64_t day;       /* whose date this is: */
	uint8_t date[11];  /* "2025-03-14T" */
};

static void pen_up(struct pen *p) /* what was written belongs to the buffer now */
{
	if (p->at)
		p->out->len = (size_t)(p->at - p->out->at);
	p->at = p->end = NULL;
}

static bool pen_down(struct pen *p, size_t len)
{
	p->at = buffer_reserve(p->out, len);
	size_t room = p->out->room < p->out->limit ? p->out->room : p->out->limit;
	p->end = p->at ? p->out->at + room : NULL;
	return p->at != NULL;
}

static bool more_room(struct pen *p, size_t len)
{
	pen_up(p);
	return pen_down(p, len);
}

static inline __attribute__((always_inline)) bool has_room(struct pen *p, size_t len)
{
	return (size_t)(p->end - p->at) >= len || more_room(p, len);
}

/* Nearly always a constant, of which a few moves come; but only inline, and compilers stop at some
 * hundred of them. */
static inline __attribute__((always_inline)) void put(struct pen *p, const char *text, size_t len)
{
	if (!has_room(p, len))
		return;
	memcpy(p->at, text, len);
	p->at += len;
}

#define PUT(pen, literal) put(pen, literal, sizeof literal - 1)
#define KEY(pen, name)    PUT(pen, ",\"" name "\":")

/* ---- strings ------------------------------------------------------------------------------- */

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));

static bool are_plain(bytes16 b)
{
	uint64_t half[2];
	bytes16 odd = (bytes16)(b < 0x20) | (bytes16)(b > 0x7e) | (bytes16)(b == '"') |
		      (bytes16)(b == '\\');
	memcpy(half, &odd, sizeof half);
	return (half[0] | half[1]) == 0;
}

/* Copies sixteen; false when there is something to escape in them. */
static bool copy_sixteen(uint8_t *to, const uint8_t *from)
{
	bytes16 b;
	memcpy(&b, from, sizeof b);
	memcpy(to, &b, sizeof b);
	return are_plain(b);
}

/* Copies what needs no escaping; how much that was. There is room for all of s. */
static size_t copy_plain(uint8_t *to, struct slice s)
{
	size_t n = 0;
	while (s.len - n >= 16 && copy_sixteen(to + n, s.at + n))
		n += 16;
	/* the rest as the last sixteen, some of them once more */
	if (s.len >= 16 && s.len - n < 16 && copy_sixteen(to + s.len - 16, s.at + s.len - 16))
		return s.len;
	for (; n < s.len && is_plain(s.at[n]); n++)
		to[n] = s.at[n];
	return n;
}

/* The slow way, for a run of bytes that are not plain. A character never straddles its end:
 * all bytes of one beyond ASCII are "not plain". */
static size_t put_odd(struct pen *p, struct slice s)
{
	size_t n = 0;
	while (n < s.len && !is_plain(s.at[n]))
		n++;
	pen_up(p);
	escape_json(p->out, slice_first(s, n));
	return n; /* the next addition takes the pen up again */
}

static void put_inside(struct pen *p, struct slice s)
{
	while (s.len > 0) {
		if (!has_room(p, s.len))
			return;
		size_t n = copy_plain(p->at, s);
		p->at += n;
		n += n < s.len ? put_odd(p, slice_from(s, n)) : 0;
		s = (struct slice){ s.at + n, s.len - n };
	}
}

static void put_string(struct pen *p, struct slice s)
{
	PUT(p, "\"");
	put_inside(p, s);
	PUT(p, "\"");
}

static void put_text(struct pen *p, const char *text)
{
	put_string(p, (struct slice){ (const uint8_t *)text, text ? strlen(text) : 0 });
}

/* A word of our own, that needs no escaping. */
static void put_word(struct pen *p, const char *word)
{
	PUT(p, "\"");
	put(p, word, strlen(word));
	PUT(p, "\"");
}

/* ---- numbers, times, addresses ------------------------------------------------------------- */

static const char PAIRS[] =
	"00010203040506070809101112131415161718192021222324252627282930313233343"
	"53637383940414243444546474849505152535455565758596061626364656667686970"
	"7172737475767778798081828384858687888990919293949596979899";

static inline size_t count_digits(uint64_t value)
{
	size_t n = 1;
	for (; value >= 1000; value /= 1000)
		n += 3;
	return n + (value >= 10) + (value >= 100);
}

static void put_u64(struct pen *p, uint64_t value)
{
	if (value < 10 && has_room(p, 1)) { /* a third of them */
		*p->at++ = (uint8_t)('0' + value);
		return;
	}
	size_t digits = count_digits(value);
	if (!has_room(p, digits))
		return;
	uint8_t *at = p->at += digits;
	for (; value >= 100; value /= 100)
		memcpy(at -= 2, PAIRS + value % 100 * 2, 2);
	if (value >= 10)
		memcpy(at - 2, PAIRS + value * 2, 2);
	else
		at[-1] = (uint8_t)('0' + value);
}

/* Milliseconds with three decimals. */
static void put_ms(struct pen *p, nanos span)
{
	uint64_t micros = ((uint64_t)span + 500) / 1000;
	put_u64(p, micros / 1000);
	uint32_t rest = (uint32_t)(micros % 1000);
	uint8_t text[4] = { '.', (uint8_t)('0' + rest / 100) };
	memcpy(text + 2, PAIRS + rest % 100 * 2, 2);
	put(p, (const char *)text, sizeof text);
}

static void set_day(struct pen *p, int64_t day, nanos at)
{
	struct when w = when_split(at);
	p->day = day;
	memcpy(p->date, PAIRS + w.year / 100 % 100 * 2, 2);
	memcpy(p->date + 2, PAIRS + w.year % 100 * 2, 2);
	p->date[4] = '-';
	memcpy(p->date + 5, PAIRS + w.month * 2, 2);
	p->date[7] = '-';
	memcpy(p->date + 8, PAIRS + w.day * 2, 2);
	p->date[10] = 'T';
}

/* hh:mm:ss.ffffff, three more digits where they are not zero; `rest` is since midnight. */
static size_t write_clock(uint8_t *to, uint64_t rest)
{
	uint32_t second = (uint32_t)(rest / (uint64_t)NANOS_PER_SECOND);
	uint32_t nano = (uint32_t)(rest % (uint64_t)NANOS_PER_SECOND);
	uint32_t micro = nano / 1000, below_micro = nano % 1000;
	memcpy(to, PAIRS + second / 3600 * 2, 2);
	to[2] = ':';
	memcpy(to + 3, PAIRS + second / 60 % 60 * 2, 2);
	to[5] = ':';
	memcpy(to + 6, PAIRS + second % 60 * 2, 2);
	to[8] = '.';
	memcpy(to + 9, PAIRS + micro / 10000 * 2, 2);
	memcpy(to + 11, PAIRS + micro / 100 % 100 * 2, 2);
	memcpy(to + 13, PAIRS + micro % 100 * 2, 2);
	if (below_micro == 0)
		return 15;
	to[15] = (uint8_t)('0' + below_micro / 100);
	memcpy(to + 16, PAIRS + below_micro % 100 * 2, 2);
	return 18;
}

/* RFC 3339; the clock alone where the date means nothing. */
static void put_time(struct pen *p, nanos at, bool with_date)
{
	const int64_t a_day = 86400 * NANOS_PER_SECOND;
	int64_t day = at / a_day - (at % a_day < 0);
	if (!has_room(p, 32))
		return;
	*p->at++ = '"';
	if (with_date) {
		if (day != p->day)
			set_day(p, day, at);
		memcpy(p->at, p->date, sizeof p->date);
		p->at += sizeof p->date;
	}
	p->at += write_clock(p->at, (uint64_t)at - (uint64_t)day * (uint64_t)a_day);
	if (with_date)
		*p->at++ = 'Z';
	*p->at++ = '"';
}

static void put_octet(struct pen *p, uint8_t n)
{
	if (n >= 100)
		*p->at++ = (uint8_t)('0' + n / 100);
	if (n >= 10)
		*p->at++ = (uint8_t)('0' + n / 10 % 10);
	*p->at++ = (uint8_t)('0' + n % 10);
}

static void put_v4(struct pen *p, const uint8_t *ip)
{
	if (!has_room(p, 16))
		return;
	for (int i = 0; i < 4; i++) {
		if (i)
			*p->at++ = '.';
		put_octet(p, ip[i]);
	}
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
	if (!has_room(p, 40))
		return;
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
		PUT(p, ":");
		put_u64(p, a->port);
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
			PUT(p, ":");
			put_u64(p, a->port);
		}
	}
	PUT(p, "\"");
}

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
		if (known) {                                                                       \
			KEY(pen, name);                                                            \
			put_u64(pen, value);                                                       \
		}                                                                                  \
	} while (0)

#define MEMBER_SPAN(pen, name, from, to)                                                           \
	do {                                                                                       \
		if (mark_is(from) && mark_is(to) && (to)->at >= (from)->at) {                      \
			KEY(pen, name);                                                            \
			put_ms(pen, (to)->at - (from)->at);                                        \
		}                                                                                  \
	} while (0)

/* ---- the record, part by part -------------------------------------------------------------- */

static const char *source_name(enum trace_source s)
{
	return s == TRACE_CHECK ? "check" : s == TRACE_PROXY ? "proxy" : "capture";
}

static const char *confidence_name(enum confidence c)
{
	return c == CONFIDENCE_HIGH ? "high" : c == CONFIDENCE_MEDIUM ? "medium" : "low";
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
			PUT(p, "\"frame\":");
			put_u64(p, m->frame);
			PUT(p, ",");
		}
		if (m->line) {
			PUT(p, "\"line\":");
			put_u64(p, m->line);
			PUT(p, ",");
		}
		if (mark_is(m)) {
			PUT(p, "\"at\":");
			put_time(p, m->at, say_has_date(x, m->at));
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
	put_word(p, verdict_id(d->verdict));
	MEMBER_TEXT(p, "stage", stage_name(d->stage));
	KEY(p, "severity");
	put_word(p, severity_name(d->severity));
	KEY(p, "confidence");
	put_word(p, confidence_name(d->confidence));
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
	put_word(p, trace_scheme_name(r->auth));
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
	if (mark_is(&x->first)) {
		KEY(p, "start");
		put_time(p, x->first.at, say_has_date(x, x->first.at));
	}
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
	if (x->rtt >= 0) {
		KEY(p, "rtt_ms");
		put_ms(p, x->rtt);
	}
	MEMBER_NUMBER(p, "mss_client", up->mss, up->mss);
	MEMBER_NUMBER(p, "mss_proxy", down->mss, down->mss);
}

static void put_end(struct pen *p, const struct exchange *x)
{
	KEY(p, "closed_by");
	put_word(p, !x->closed ? "nobody" : x->closed_by == CLIENT ? "client" : "proxy");
	KEY(p, "close");
	put_word(p, x->closed                  ? x->by_reset ? "rst" : "fin"
		    : x->end == TRACE_END_IDLE ? "timeout"
					       : "none");
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

#define MEMBER_MS(pen, name, span)                                                                 \
	do {                                                                                       \
		if ((span) >= 0) {                                                                 \
			KEY(pen, name);                                                            \
			put_ms(pen, span);                                                         \
		}                                                                                  \
	} while (0)

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
	put_word(p, outcome_name(o->outcome));
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
		put_word(p, trace_protocol_name(x->tunnel.inner));
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
	struct pen pen = { .out = out, .day = INT64_MIN }, *p = &pen;
	if (!pen_down(p, 64)) /* grows from there; a buffer that is reused has its room already */
		return;
	PUT(p, "{\"v\":1");
	if (x->id[0])
		MEMBER_TEXT(p, "id", x->id);
	KEY(p, "source");
	put_word(p, source_name(x->source));
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
