/* observe: conversations as tables: what both sides say, and the facts that must come of it.
 *
 * Every script runs with each of its steps whole, cut in two at every place, and byte by byte, with
 * heads kept and not, and every piece from memory of exactly its size; the facts and the timeline
 * must be the same. Passwords in scripts are all alike, and none of them may be found in what is
 * kept. */
#include "observe/observe.h"
#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tls_data.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* scripts say what they need */

enum what { SAYS, MISSES, DOES };

struct step {
	enum what what;
	enum trace_side side;
	struct slice bytes;
	void (*make)(struct buffer *out, unsigned n); /* in place of bytes */
	unsigned n;                                   /* for it; bytes missing */
	enum event_kind kind;
};

enum { MAX_STEPS = 24 };

struct script {
	const char *name;
	struct step steps[MAX_STEPS];
	const char *facts; /* a line an exchange */
	bool any_request, began_late;
	bool by_segment; /* behind a gap a segment that begins like something leads back into step
			  */
	bool dull;       /* observe_data says that it is no conversation with a proxy */
};

#define BYTES(text) .bytes = { (const uint8_t *)(text), sizeof(text) - 1 }
#define UP(text)                                                                                   \
	{                                                                                          \
		SAYS, CLIENT, BYTES(text)                                                          \
	}
#define DOWN(text)                                                                                 \
	{                                                                                          \
		SAYS, PROXY, BYTES(text)                                                           \
	}
#define UP_TLS(f, n)                                                                               \
	{                                                                                          \
		SAYS, CLIENT, { NULL, 0 }, f, n                                                    \
	}
#define DOWN_TLS(f, n)                                                                             \
	{                                                                                          \
		SAYS, PROXY, { NULL, 0 }, f, n                                                     \
	}
#define UP_LOST(n)                                                                                 \
	{                                                                                          \
		MISSES, CLIENT, { NULL, 0 }, NULL, n                                               \
	}
#define DOWN_LOST(n)                                                                               \
	{                                                                                          \
		MISSES, PROXY, { NULL, 0 }, NULL, n                                                \
	}
#define ENDS(side, kind)                                                                           \
	{                                                                                          \
		DOES, side, { NULL, 0 }, NULL, 0, kind                                             \
	}

#define GET(host)     "GET http://" host "/ HTTP/1.1\r\nHost: " host "\r\n\r\n"
#define CONNECT(host) "CONNECT " host " HTTP/1.1\r\nHost: " host "\r\n\r\n"
#define OK(len, body) "HTTP/1.1 200 OK\r\nContent-Length: " #len "\r\n\r\n" body
#define OPENED        "HTTP/1.1 200 Connection established\r\n\r\n"
#define BASIC         "Proxy-Authorization: Basic dTpzM2NyZXQ=\r\n"

static const char *const SECRETS[] = { "s3cret", "dTpz", "M2NyZXQ" };

/* ---- TLS records ------------------------------------------------------------------------- */

static void add_number(struct buffer *out, size_t value, unsigned bytes)
{
	while (bytes-- > 0)
		buffer_add_byte(out, (uint8_t)(value >> 8 * bytes));
}

static void add_record(struct buffer *out, uint8_t type, struct slice body)
{
	buffer_add_byte(out, type);
	add_number(out, 0x0303, 2);
	add_number(out, body.len, 2);
	buffer_add(out, body);
}

static void add_filled(struct buffer *out, uint8_t type, size_t len)
{
	static const uint8_t fill[20000];
	add_record(out, type, (struct slice){ fill, len });
}

#define MESSAGE(array) ((struct slice){ array, sizeof(array) })

static void client_hello(struct buffer *out, unsigned n)
{
	(void)n;
	add_record(out, 22, MESSAGE(CLIENT_HELLO_13));
}

/* n: so many bytes of the hello in its first record. */
static void hello_in_two_records(struct buffer *out, unsigned n)
{
	add_record(out, 22, slice_first(MESSAGE(CLIENT_HELLO_13), n));
	add_record(out, 22, slice_from(MESSAGE(CLIENT_HELLO_13), n));
}

static void half_hello(struct buffer *out, unsigned n)
{
	client_hello(out, 0);
	out->len = n;
}

static void change_cipher(struct buffer *out, unsigned n)
{
	(void)n;
	add_record(out, 20, SLICE("\x01"));
}

static void server_hello_13(struct buffer *out, unsigned n)
{
	(void)n;
	add_record(out, 22, MESSAGE(SERVER_HELLO_13));
	change_cipher(out, 0);
}

/* RFC 8446 section 4.1.3: a server hello with this random is a retry request. */
static void retry_request(struct buffer *out, unsigned n)
{
	static const uint8_t retry[32] = { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
					   0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
					   0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
					   0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c };
	(void)n;
	uint8_t hello[sizeof SERVER_HELLO_13];
	memcpy(hello, SERVER_HELLO_13, sizeof hello);
	memcpy(hello + 6, retry, sizeof retry);
	add_record(out, 22, MESSAGE(hello));
	change_cipher(out, 0);
}

/* Hello, certificates and done, each message in a record of its own, or (n) all in one. */
static void server_flight_12(struct buffer *out, unsigned n)
{
	struct buffer chain;
	buffer_init(&chain, 65536);
	size_t len = sizeof LEAF + sizeof AUTHORITY + 6;
	buffer_add_byte(&chain, 11);
	add_number(&chain, len + 3, 3);
	add_number(&chain, len, 3);
	add_number(&chain, sizeof LEAF, 3);
	buffer_add(&chain, MESSAGE(LEAF));
	add_number(&chain, sizeof AUTHORITY, 3);
	buffer_add(&chain, MESSAGE(AUTHORITY));
	if (n) {
		struct buffer all;
		buffer_init(&all, 65536);
		buffer_add(&all, MESSAGE(SERVER_HELLO_12));
		buffer_add(&all, buffer_slice(&chain));
		buffer_add(&all, SLICE("\x0e\0\0\0"));
		add_record(out, 22, buffer_slice(&all));
		buffer_done(&all);
	} else {
		add_record(out, 22, MESSAGE(SERVER_HELLO_12));
		add_record(out, 22, buffer_slice(&chain));
		add_record(out, 22, SLICE("\x0e\0\0\0"));
	}
	buffer_done(&chain);
}

/* The client's last word in a TLS 1.2 handshake: key exchange, CCS, Finished. */
static void client_flight_12(struct buffer *out, unsigned n)
{
	(void)n;
	add_record(out, 22, SLICE("\x10\0\0\4keys"));
	change_cipher(out, 0);
	add_filled(out, 22, 40);
}

static void server_finished_12(struct buffer *out, unsigned n)
{
	(void)n;
	change_cipher(out, 0);
	add_filled(out, 22, 40);
}

static void app(struct buffer *out, unsigned n)
{
	add_filled(out, 23, n);
}

static void cut_app(struct buffer *out, unsigned n)
{
	add_filled(out, 23, 1000);
	out->len = n;
}

static void alert(struct buffer *out, unsigned n)
{
	const uint8_t body[] = { n == 0 ? 1 : 2, (uint8_t)n };
	add_record(out, 21, MESSAGE(body));
}

/* ---- facts as a line ----------------------------------------------------------------------- */

static const char *side_name(enum trace_side side)
{
	return side == CLIENT ? "client" : "proxy";
}

static void add_text(struct buffer *b, const char *name, struct slice s)
{
	if (s.len == 0)
		return;
	buffer_printf(b, " %s=", name);
	buffer_add(b, s);
}

static void add_request(struct buffer *b, const struct exchange *x)
{
	const struct trace_request *q = &x->request;
	buffer_add(b, q->method);
	buffer_add_byte(b, ' ');
	buffer_add(b, q->target);
	if (q->auth != SCHEME_NONE)
		buffer_printf(b, " auth=%s", trace_scheme_name(q->auth));
	add_text(b, "user", q->user);
	buffer_add_text(b, q->had_userinfo ? " userinfo" : NULL);
	buffer_add_text(b, q->origin_credentials ? " origin-auth" : NULL);
	buffer_add_text(b, q->expects ? " expects" : NULL);
	if (q->body_bytes)
		buffer_printf(b, " sent=%u", (unsigned)q->body_bytes);
	buffer_add_text(b, q->complete ? NULL : " unsent");
}

static void add_response(struct buffer *b, const struct exchange *x)
{
	const struct trace_response *a = &x->response;
	if (x->interims)
		buffer_printf(b, " interims=%u", x->interims);
	if (a->status)
		buffer_printf(b, " -> %u", a->status);
	else if (x->answer != PROTO_NONE)
		buffer_printf(b, " -> (%s)", trace_protocol_name(x->answer));
	for (size_t i = 0; i < a->offers; i++)
		buffer_printf(b, " offers=%s", trace_scheme_name(a->offered[i]));
	buffer_add_text(b, a->stale ? " stale" : NULL);
	if (a->body_bytes)
		buffer_printf(b, " got=%u", (unsigned)a->body_bytes);
	buffer_add_text(b, a->complete ? " whole" : NULL);
	add_text(b, "title", a->title);
}

static void add_tunnel(struct buffer *b, const struct exchange *x)
{
	const struct trace_tls *t = x->tls;
	buffer_add_text(b, x->tunnel.open ? " open" : NULL);
	if (x->tunnel.inner != PROTO_NONE)
		buffer_printf(b, " inner=%s", trace_protocol_name(x->tunnel.inner));
	if (x->tunnel.answer != PROTO_NONE)
		buffer_printf(b, " answered-by=%s", trace_protocol_name(x->tunnel.answer));
	add_text(b, "banner", x->tunnel.banner);
	add_text(b, "sni", t->sni);
	if (t->hello_bytes)
		buffer_printf(b, " hello=%u", t->hello_bytes);
	if (t->version)
		buffer_printf(b, " version=%x", t->version);
	buffer_add_text(b, t->retry_request ? " retried-hello" : NULL);
	if (t->certificates)
		buffer_printf(b, " certificates=%u", (unsigned)t->certificates);
	buffer_add_text(b, mark_is(&x->tls_done) ? " agreed" : NULL);
	buffer_add_text(b, t->done ? " done" : NULL);
	if (t->alert)
		buffer_printf(b, " alert=%s:%u", side_name(t->alert_from), t->alert_what);
	if (t->likely_alert)
		buffer_printf(b, " likely-alert=%s", side_name(t->likely_alert_from));
	for (int side = CLIENT; side <= PROXY; side++) {
		char letter = side == CLIENT ? 'c' : 'p';
		if (t->records[side])
			buffer_printf(b, " %c-app=%u/%u", letter, (unsigned)t->app_bytes[side],
				      (unsigned)t->records[side]);
		if (t->record_left[side])
			buffer_printf(b, " %c-left=%u", letter, t->record_left[side]);
		if (t->close_notify[side])
			buffer_printf(b, " %c-notify", letter);
		if (t->out_of_step[side])
			buffer_printf(b, " %c-lost", letter);
	}
}

static void add_ending(struct buffer *b, const struct exchange *x)
{
	buffer_add_text(b, x->links.is_retry ? " retry" : NULL);
	buffer_add_text(b, x->links.answered_challenge ? " retried" : NULL);
	buffer_add_text(b, x->next_began ? " next" : NULL);
	if (x->closed)
		buffer_printf(b, " %s-%s", side_name(x->closed_by), x->by_reset ? "rst" : "fin");
	buffer_printf(b, " [%u %u]\n", (unsigned)x->bytes[CLIENT], (unsigned)x->bytes[PROXY]);
}

/* ---- playing a script ------------------------------------------------------------------------ */

struct play {
	const struct script *script;
	const char *way;
	struct buffer facts, timeline;
	unsigned begun, given;
	bool more, glances;
};

static void check_no_secret(const struct play *p, struct slice s)
{
	for (size_t i = 0; i < sizeof SECRETS / sizeof *SECRETS; i++)
		if (s.len && slice_find(s, slice_of(SECRETS[i])) < s.len)
			fail_msg("%s (%s): kept \"%.*s\"", p->script->name, p->way, (int)s.len,
				 (const char *)s.at);
}

static void check_no_secrets(const struct play *p, const struct exchange *x)
{
	const struct trace_request *q = &x->request;
	const struct trace_response *a = &x->response;
	const struct slice kept[] = {
		q->method,      q->target,       q->host,         q->user,
		q->head,        a->reason,       a->server,       a->via,
		a->proxy_agent, a->proxy_status, a->squid_error,  a->content_type,
		a->location,    a->retry_after,  a->title,        a->proxy_authenticate,
		a->head,        x->answer_start, x->tunnel.banner
	};
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		check_no_secret(p, kept[i]);
}

static void on_begin(void *context, struct exchange *x)
{
	struct play *p = context;
	assert_int_equal(x->reused, p->begun > 0);
	p->begun++;
	x->client.port = 40000;
	x->proxy.port = 3128;
}

static void on_facts(void *context, struct exchange *x)
{
	(void)context;
	assert_non_null(x->path);
}

static const char *const EVENT_NAMES[] = {
	[EV_SYN] = "syn",
	[EV_SYN_ACK] = "syn-ack",
	[EV_REQUEST] = "request",
	[EV_REQUEST_END] = "request-end",
	[EV_INTERIM] = "interim",
	[EV_RESPONSE] = "response",
	[EV_RESPONSE_END] = "response-end",
	[EV_NOT_HTTP] = "not-http",
	[EV_HELLO] = "client-hello",
	[EV_SERVER_HELLO] = "server-hello",
	[EV_CERTIFICATE] = "certificate",
	[EV_TLS_DONE] = "tls-done",
	[EV_ALERT] = "alert",
	[EV_NOT_TLS] = "not-tls",
	[EV_INNER] = "inner",
	[EV_FIRST_BYTE] = "first-byte",
	[EV_LARGE] = "large-segment",
	[EV_RETRANS] = "retransmission",
	[EV_STUCK] = "stuck",
	[EV_HOLE] = "hole",
	[EV_MISSING] = "missing",
	[EV_ZERO_WINDOW] = "zero-window",
	[EV_WINDOW_OPEN] = "window-open",
	[EV_ICMP] = "icmp",
	[EV_LAST_DATA] = "last-data",
	[EV_FIN] = "fin",
	[EV_RST] = "rst",
	[EV_NEXT] = "next",
	[EV_END] = "end",
};

static void take_down(struct play *p, const struct exchange *x)
{
	assert_int_equal(x->order, p->given);
	p->given++;
	check_no_secrets(p, x);
	add_request(&p->facts, x);
	add_response(&p->facts, x);
	add_tunnel(&p->facts, x);
	add_ending(&p->facts, x);
	for (size_t i = 0; i < x->events; i++)
		buffer_printf(&p->timeline, "%s@%d:%u ", EVENT_NAMES[x->event[i].kind],
			      (int)x->event[i].mark.at, (unsigned)x->event[i].n);
	buffer_add_text(&p->timeline, "\n");
}

static bool on_glance(void *context, struct exchange *x)
{
	struct play *p = context;
	if (p->glances)
		take_down(p, x);
	return p->glances;
}

static void on_done(void *context, struct exchange *x)
{
	struct play *p = context;
	assert_false(p->glances);
	assert_int_equal(strlen(x->id), 16);
	take_down(p, x);
	trace_free(x);
}

static void say(struct play *p, struct conversation *c, enum trace_side side, const struct mark *m,
		struct slice bytes)
{
	if (bytes.len == 0 || !p->more)
		return;
	uint8_t *exact = malloc(bytes.len);
	assert_non_null(exact);
	memcpy(exact, bytes.at, bytes.len);
	p->more = observe_data(c, side, m, (struct slice){ exact, bytes.len });
	free(exact);
}

enum { WHOLE = -1, EACH_BYTE = -2 };

/* cut: this step's bytes come in two; WHOLE and EACH_BYTE are for all of them. */
static void play_step(struct play *p, struct conversation *c, size_t i, int cut)
{
	const struct step *s = &p->script->steps[i];
	struct mark m = { .at = (nanos)(i + 1), .frame = i + 1 };
	if (s->what == MISSES) {
		observe_gap(c, s->side, &m, s->n, true);
		return;
	}
	if (s->what == DOES) {
		observe_event(c, s->kind, s->side, &m, 0);
		return;
	}
	struct buffer made;
	buffer_init(&made, 1 << 20);
	if (s->make)
		s->make(&made, s->n);
	struct slice all = s->make ? buffer_slice(&made) : s->bytes;
	size_t piece = cut == WHOLE ? all.len : cut == EACH_BYTE ? 1 : (size_t)cut;
	while (all.len > 0) {
		say(p, c, s->side, &m, slice_first(all, piece));
		all = slice_from(all, piece);
		piece = cut == EACH_BYTE ? 1 : all.len;
	}
	buffer_done(&made);
}

static size_t length_of(const struct step *s)
{
	struct buffer made;
	if (!s->make)
		return s->bytes.len;
	buffer_init(&made, 1 << 20);
	s->make(&made, s->n);
	size_t len = made.len;
	buffer_done(&made);
	return len;
}

static size_t steps_of(const struct script *s)
{
	size_t n = 0;
	while (n < MAX_STEPS && (s->steps[n].bytes.at || s->steps[n].make || s->steps[n].what))
		n++;
	return n;
}

static void play_done(struct play *p)
{
	buffer_done(&p->facts);
	buffer_done(&p->timeline);
}

static void play_begin(struct play *p, const struct script *s, int cut)
{
	*p = (struct play){ .script = s, .more = true };
	p->way = cut == WHOLE ? "whole" : cut == EACH_BYTE ? "each byte" : "cut";
	buffer_init(&p->facts, 1 << 20);
	buffer_init(&p->timeline, 1 << 20);
}

static void play_steps(struct play *p, struct conversation *c, size_t step, int cut)
{
	size_t steps = steps_of(p->script);
	for (size_t i = 0; i < steps && p->more; i++)
		play_step(p, c, i, step == i || step == SIZE_MAX ? cut : WHOLE);
	observe_end(c, TRACE_END_OVER, (nanos)(steps + 1));
	assert_int_equal(p->begun >= p->given, true);
	buffer_add_byte(&p->facts, 0);
	buffer_add_byte(&p->timeline, 0);
}

/* step: the one that is cut at `cut`; the others come whole. SIZE_MAX: all come as `cut` says. */
static void play(struct play *p, const struct script *s, size_t step, int cut, bool heads)
{
	play_begin(p, s, cut);
	struct observe_options options = { .source = TRACE_CAPTURE,
					   .keep_heads = heads,
					   .any_request = s->any_request,
					   .began_late = s->began_late };
	struct observe_owner owner = { on_begin, on_facts, NULL, on_done, p };
	struct conversation *c = observe_new(&options, &owner);
	assert_non_null(c);
	play_steps(p, c, step, cut);
	observe_free(c);
}

/* With a glance at each exchange, and a second time in the memory of the first. */
static void play_glancing(struct play *p, const struct script *s)
{
	struct observe_options options = { .source = TRACE_CAPTURE,
					   .any_request = s->any_request,
					   .began_late = s->began_late };
	struct observe_owner owner = { on_begin, on_facts, on_glance, on_done, p };
	struct conversation *c = observe_new(&options, &owner);
	assert_non_null(c);
	for (int times = 0; times < 2; times++) {
		if (times > 0)
			play_done(p);
		play_begin(p, s, WHOLE);
		p->glances = true;
		observe_reset(c, &options, &owner);
		play_steps(p, c, SIZE_MAX, WHOLE);
	}
	observe_free(c);
}

static void compare(const struct play *whole, const struct play *p, size_t step, int cut)
{
	if (strcmp((char *)p->facts.at, (char *)whole->facts.at) != 0)
		fail_msg("%s: step %d cut at %d:\n%swhole:\n%s", p->script->name, (int)step, cut,
			 (char *)p->facts.at, (char *)whole->facts.at);
	if (strcmp((char *)p->timeline.at, (char *)whole->timeline.at) != 0)
		fail_msg("%s: step %d cut at %d:\n%swhole:\n%s", p->script->name, (int)step, cut,
			 (char *)p->timeline.at, (char *)whole->timeline.at);
}

static void run_script(const struct script *s)
{
	struct play whole, p;
	play(&whole, s, SIZE_MAX, WHOLE, false);
	if (strcmp((char *)whole.facts.at, s->facts) != 0)
		fail_msg("%s:\n%swanted:\n%s", s->name, (char *)whole.facts.at, s->facts);
	assert_int_equal(whole.more, !s->dull);
	play(&p, s, SIZE_MAX, WHOLE, true);
	compare(&whole, &p, 0, 0);
	play_done(&p);
	play_glancing(&p, s);
	compare(&whole, &p, 0, 0);
	play_done(&p);
	if (!s->by_segment) {
		play(&p, s, SIZE_MAX, EACH_BYTE, true);
		compare(&whole, &p, 0, EACH_BYTE);
		play_done(&p);
	}
	for (size_t i = 0; i < steps_of(s) && !s->by_segment; i++) {
		size_t len = length_of(&s->steps[i]);
		for (size_t cut = 1; cut < len; cut++) {
			play(&p, s, i, (int)cut, cut & 1);
			compare(&whole, &p, i, (int)cut);
			play_done(&p);
		}
	}
	play_done(&whole);
}

#define RUN(scripts)                                                                               \
	for (size_t i = 0; i < sizeof(scripts) / sizeof *(scripts); i++)                           \
	run_script(&(scripts)[i])

/* ---- requests and answers in turn ------------------------------------------------------------ */

static void requests_follow_one_another(void **state)
{
	(void)state;
	static const struct script scripts[] = {
		{ "keep-alive",
		  { UP(GET("a.example")), DOWN(OK(5, "hello")), UP(GET("b.example")),
		    DOWN(OK(0, "")), ENDS(CLIENT, EV_FIN), ENDS(PROXY, EV_FIN) },
		  "GET http://a.example/ -> 200 got=5 whole next [51 43]\n"
		  "GET http://b.example/ -> 200 whole client-fin [51 38]\n" },
		{ "pipelined",
		  { UP(GET("a") GET("b") GET("c")), DOWN(OK(2, "aa") OK(1, "b")), DOWN(OK(0, "")) },
		  "GET http://a/ -> 200 got=2 whole next [35 40]\n"
		  "GET http://b/ -> 200 got=1 whole next [35 39]\n"
		  "GET http://c/ -> 200 whole [35 38]\n" },
		{ "pipelined, closed before the second answer",
		  { UP(GET("a") GET("b")), DOWN(OK(1, "a")), ENDS(PROXY, EV_RST) },
		  "GET http://a/ -> 200 got=1 whole next [35 39]\n"
		  "GET http://b/ proxy-rst [35 0]\n" },
		{ "100-continue",
		  { UP("POST http://a/ HTTP/1.1\r\nContent-Length: 3\r\nExpect: "
		       "100-continue\r\n\r\n"),
		    DOWN("HTTP/1.1 100 Continue\r\n\r\n"), UP("abc"),
		    DOWN("HTTP/1.1 204 No Content\r\n\r\n") },
		  "POST http://a/ sent=3 interims=1 -> 204 whole [71 52]\n" },
		{ "chunked both ways, with trailers",
		  { UP("POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "3\r\nabc\r\n0\r\n\r\n"),
		    DOWN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			 "5;x=y\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
		    UP(GET("b")), DOWN(OK(0, "")) },
		  "POST http://a/ sent=3 -> 200 got=5 whole next [68 76]\n"
		  "GET http://b/ -> 200 whole [35 38]\n" },
		{ "HEAD, 204 and 304 have no body",
		  { UP("HEAD http://a/ HTTP/1.1\r\n\r\n"), DOWN(OK(500, "")), UP(GET("b")),
		    DOWN("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"), UP(GET("c")),
		    DOWN("HTTP/1.1 204 No Content\r\n\r\n"), UP(GET("d")), DOWN(OK(1, "d")) },
		  "HEAD http://a/ -> 200 whole next [27 40]\n"
		  "GET http://b/ -> 304 whole next [35 49]\n"
		  "GET http://c/ -> 204 whole next [35 27]\n"
		  "GET http://d/ -> 200 got=1 whole [35 39]\n" },
		{ "until close",
		  { UP(GET("a")), DOWN("HTTP/1.0 200 OK\r\n\r\nall of it"), ENDS(PROXY, EV_FIN) },
		  "GET http://a/ -> 200 got=9 whole proxy-fin [35 28]\n" },
		{ "until close, reset before it came",
		  { UP(GET("a")), DOWN("HTTP/1.0 200 OK\r\n\r\nsome"), ENDS(PROXY, EV_RST) },
		  "GET http://a/ -> 200 got=4 proxy-rst [35 23]\n" },
		{ "cut within its length",
		  { UP(GET("a")), DOWN(OK(10, "hello")), ENDS(PROXY, EV_FIN) },
		  "GET http://a/ -> 200 got=5 proxy-fin [35 44]\n" },
		{ "a title",
		  { UP(GET("a")),
		    DOWN("HTTP/1.1 503 Oh\r\nContent-Type: text/html\r\nContent-Length: 45\r\n\r\n"
			 "<html><TITLE> Not\nnow </title>http://u:s3cret") },
		  "GET http://a/ -> 503 got=45 whole title=Not\nnow [35 109]\n" },
		{ "a title in chunks",
		  { UP(GET("a")),
		    DOWN("HTTP/1.1 502 Oh\r\nContent-Type: text/plain\r\n"
			 "Transfer-Encoding: chunked\r\n\r\n3\r\nNo \r\n5\r\nroute\r\n0\r\n\r\n") },
		  "GET http://a/ -> 502 got=8 whole title=No route [35 96]\n" },
		{ "upgraded",
		  { UP("GET http://a/ HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
		    DOWN("HTTP/1.1 101 Switching Protocols\r\n\r\n"), UP("hello world\n"),
		    DOWN("\x81\x05hello, you there, you\n") },
		  "GET http://a/ -> 101 open inner=plain text banner=hello world [71 60]\n" },
		{ "answer before its request",
		  { DOWN(OK(2, "ok")), UP(GET("a")) },
		  "GET http://a/ -> 200 got=2 whole [35 40]\n" },
		{ "an answer alone that only a proxy gives",
		  { DOWN(OPENED) },
		  "CONNECT  unsent -> 200 open [0 39]\n" },
		{ "an answer alone", { DOWN(OK(2, "ok")) }, "" },
		{ "HTTP about RTSP",
		  { UP("GET rtsp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), DOWN(OK(2, "ok")) },
		  "GET rtsp://a/ -> 200 got=2 whole [35 40]\n" },
		{ "the request never became whole",
		  { UP("GET http://a/ HTTP/1.1\r\nHost: a\r\n") },
		  "GET http://a/ unsent [33 0]\n" },
		{ "the answer never became whole",
		  { UP(GET("a")), DOWN("HTTP/1.1 200 OK\r\nServ") },
		  "GET http://a/ -> (HTTP) [35 21]\n" },
	};
	RUN(scripts);
}

static void challenges_are_linked(void **state)
{
	(void)state;
	static const struct script scripts[] = {
		{ "407 and retry",
		  { UP(GET("a")),
		    DOWN("HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm=\"x, y\", "
			 "stale=true\r\n"
			 "Proxy-Authenticate: Basic realm=z\r\nContent-Length: 0\r\n\r\n"),
		    UP("GET http://a/ HTTP/1.1\r\n" BASIC "\r\n"), DOWN(OK(0, "")) },
		  "GET http://a/ -> 407 offers=Digest offers=Basic stale whole retried next "
		  "[35 126]\n"
		  "GET http://a/ auth=Basic user=u -> 200 whole retry [67 38]\n" },
		{ "407 and another request without credentials",
		  { UP(GET("a")), DOWN("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"),
		    UP(GET("a")), DOWN("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n") },
		  "GET http://a/ -> 407 whole next [35 38]\n"
		  "GET http://a/ -> 407 whole [35 38]\n" },
		{ "the origin's 401",
		  { UP("GET http://a/ HTTP/1.1\r\nAuthorization: Basic dTpzM2NyZXQ=\r\n\r\n"),
		    DOWN("HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: "
			 "0\r\n\r\n") },
		  "GET http://a/ origin-auth -> 401 offers=NTLM whole [61 62]\n" },
		{ "Digest has a user",
		  { UP("GET http://a/ HTTP/1.1\r\nProxy-Authorization: Digest username=\"Mufasa\", "
		       "response=\"s3cret\"\r\n\r\n"),
		    DOWN(OK(0, "")) },
		  "GET http://a/ auth=Digest user=Mufasa -> 200 whole [92 38]\n" },
	};
	RUN(scripts);
}

/* ---- CONNECT --------------------------------------------------------------------------------- */

static void connects_open_tunnels(void **state)
{
	(void)state;
	static const struct script scripts[] = {
		{ "in pieces",
		  { UP(CONNECT("a:22")), DOWN("HTTP/1.1 20"), DOWN("0 Connection establ"),
		    DOWN("ished\r\nVia: x\r\n\r"), DOWN("\nSSH-2.0-OpenSSH_9\r\n"),
		    UP("SSH-2.0-PuTTY\r\n"), ENDS(CLIENT, EV_FIN) },
		  "CONNECT a:22 -> 200 open inner=SSH banner=SSH-2.0-OpenSSH_9 client-fin [52 "
		  "66]\n" },
		{ "refused, then another",
		  { UP(CONNECT("a:443")), DOWN("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"),
		    UP(CONNECT("b:443")), DOWN(OPENED), UP_TLS(client_hello, 0) },
		  "CONNECT a:443 -> 403 got=2 whole title=no next [39 40]\n"
		  "CONNECT b:443 -> 200 open inner=TLS sni=tools.example.net hello=517 [556 "
		  "39]\n" },
		{ "refused, the other did not wait",
		  { UP(CONNECT("a:443")), UP(CONNECT("b:443")),
		    DOWN("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"), DOWN(OPENED) },
		  "CONNECT a:443 -> 403 got=2 whole title=no next [39 40]\n"
		  "CONNECT b:443 -> 200 open [39 39]\n" },
		{ "a banner in place of an answer",
		  { DOWN("SSH-2.0-OpenSSH_9.6\r\n"), UP(CONNECT("a:443")), ENDS(PROXY, EV_FIN) },
		  "CONNECT a:443 -> (SSH) proxy-fin [39 21]\n" },
		{ "answered by a TLS alert",
		  { UP(CONNECT("a:443")), DOWN("\x15\x03\x01\x00\x02\x02\x46"),
		    ENDS(PROXY, EV_FIN) },
		  "CONNECT a:443 -> (TLS) proxy-fin [39 7]\n" },
		{ "a hello that did not wait",
		  { UP(CONNECT("a:443")), UP_TLS(client_hello, 0), DOWN(OPENED),
		    DOWN_TLS(server_hello_13, 0) },
		  "CONNECT a:443 -> 200 open inner=TLS sni=tools.example.net hello=517 "
		  "version=304 [556 172]\n" },
		{ "words that did not wait",
		  { UP(CONNECT("a:25")), UP("EHLO there\r\n"), DOWN(OPENED), DOWN("250 here\r\n") },
		  "CONNECT a:25 -> 200 open inner=SMTP banner=EHLO there [49 49]\n" },
		{ "closed before it was answered",
		  { UP(CONNECT("a:443")), ENDS(PROXY, EV_FIN) },
		  "CONNECT a:443 proxy-fin [39 0]\n" },
		{ "no word in it",
		  { UP(CONNECT("a:443")), DOWN(OPENED), ENDS(CLIENT, EV_RST) },
		  "CONNECT a:443 -> 200 open client-rst [39 39]\n" },
	};
	RUN(scripts);
}

static void tls_is_followed(void **state)
{
	(void)state;
	static const struct script scripts[] = {
		{ "1.3",
		  { UP(CONNECT("a:443")), DOWN(OPENED), UP_TLS(client_hello, 0),
		    DOWN_TLS(server_hello_13, 0), DOWN_TLS(app, 900), UP_TLS(change_cipher, 0),
		    UP_TLS(app, 53), UP_TLS(app, 100), DOWN_TLS(app, 3000), DOWN_TLS(app, 19),
		    ENDS(PROXY, EV_FIN), UP_TLS(app, 19), ENDS(CLIENT, EV_FIN) },
		  "CONNECT a:443 -> 200 open inner=TLS sni=tools.example.net hello=517 "
		  "version=304 agreed done c-app=172/3 c-notify p-app=3919/3 p-notify "
		  "proxy-fin [749 4106]\n" },
		{ "1.2",
		  { UP(CONNECT("a:443")), DOWN(OPENED), UP_TLS(client_hello, 0),
		    DOWN_TLS(server_flight_12, 0), UP_TLS(client_flight_12, 0),
		    DOWN_TLS(server_finished_12, 0), UP_TLS(app, 100), DOWN_TLS(app, 200),
		    DOWN_TLS(alert, 0), ENDS(PROXY, EV_FIN) },
		  "CONNECT a:443 -> 200 open inner=TLS sni=tools.example.net hello=517 "
		  "version=303 certificates=2 agreed done c-app=100/1 p-app=200/1 p-notify "
		  "proxy-fin [725 1338]\n" },
		{ "1.2, one record for all",
		  { UP(CONNECT("a:443")), DOWN(OPENED), UP_TLS(hello_in_two_records, 300),
		    DOWN_TLS(server_flight_12, 1), UP_TLS(alert, 48), ENDS(CLIENT, EV_FIN) },
		  "CONNECT a:443 -> 200 open inner=TLS sni=tools.example.net hello=522 "
		  "version=303 certificates=2 alert=client:48 client-fin [568 1065]\n" },
		{ "asked for another hello",
		  { UP(CONNECT("a:443")), DOWN(OPENED), UP_TLS(client_hello, 0),
		    DOWN_TLS(retry_request, 0), UP_TLS(change_cipher, 0), UP_TLS(client_hello, 0),
		    DOWN_TLS(server_hello_13, 0), DOWN_TLS(app, 900), UP_TLS(app, 53),
		    UP_TLS(app, 100), DOWN_TLS(app, 500) },
		  "CONNECT a:443 -> 200 open inner=TLS sni=tools.example.net hello=517 "
		  "version=304 retried-hello agreed done c-app=153/2 p-app=1400/2 [1242 1715]\n" },
		{ "asked for another hello, and silent then",
		  { UP(CONNECT("a:443")), DOWN(OPENED), UP_TLS(client_hello, 0),
		    DOWN_TLS(retry_request, 0), UP_TLS(change_cipher, 0), UP_TLS(client_hello, 0) },
		  "CONNECT a:443 -> 200 open inner=TLS sni=tools.example.net hello=517 "
		  "version=304 retried-hello [1079 172]\n" },
		{ "alert for the hello",
		  { UP(CONNECT("a:443")), DOWN(OPENED), UP_TLS(client_hello, 0),
		    DOWN_TLS(alert, 40), ENDS(PROXY, EV_FIN) },
		  "CONNECT a:443 -> 200 open inner=TLS sni=tools.example.net hello=517 "
		  "alert=proxy:40 proxy-fin [556 46]\n" },
		{ "1.3, the client refuses",
		  { UP(CONNECT("a:443")), DOWN(OPENED), UP_TLS(client_hello, 0),
		    DOWN_TLS(server_hello_13, 0), DOWN_TLS(app, 900), UP_TLS(app, 19),
		    ENDS(CLIENT, EV_FIN) },
		  "CONNECT a:443 -> 200 open inner=TLS sni=tools.example.net hello=517 "
		  "version=304 likely-alert=client c-app=19/1 p-app=900/1 client-fin [580 "
		  "1077]\n" },
		{ "cut in a record",
		  { UP(CONNECT("a:443")), DOWN(OPENED), UP_TLS(client_hello, 0),
		    DOWN_TLS(server_hello_13, 0), DOWN_TLS(app, 900), UP_TLS(app, 53),
		    UP_TLS(app, 100), DOWN_TLS(app, 500), DOWN_TLS(cut_app, 405),
		    ENDS(PROXY, EV_RST) },
		  "CONNECT a:443 -> 200 open inner=TLS sni=tools.example.net hello=517 "
		  "version=304 agreed done c-app=153/2 p-app=2400/3 p-left=600 proxy-rst [719 "
		  "1987]\n" },
		{ "cut in a record's header",
		  { UP(CONNECT("a:443")), DOWN(OPENED), UP_TLS(client_hello, 0),
		    DOWN_TLS(server_hello_13, 0), DOWN_TLS(app, 900), UP_TLS(app, 53),
		    UP_TLS(app, 100), DOWN_TLS(app, 500), DOWN_TLS(cut_app, 3),
		    ENDS(PROXY, EV_FIN) },
		  "CONNECT a:443 -> 200 open inner=TLS sni=tools.example.net hello=517 "
		  "version=304 agreed done c-app=153/2 p-app=1400/2 p-left=1 proxy-fin [719 "
		  "1585]\n" },
		{ "the hello was cut",
		  { UP(CONNECT("a:443")), DOWN(OPENED), UP_TLS(half_hello, 300) },
		  "CONNECT a:443 -> 200 open inner=TLS sni=tools.example.net hello=300 "
		  "c-left=217 [339 39]\n" },
		{ "answered by something else",
		  { UP(CONNECT("a:22")), DOWN(OPENED), UP_TLS(client_hello, 0),
		    DOWN("SSH-2.0-OpenSSH_9\r\n"), ENDS(PROXY, EV_FIN) },
		  "CONNECT a:22 -> 200 open inner=TLS answered-by=SSH banner=SSH-2.0-OpenSSH_9 "
		  "sni=tools.example.net hello=517 proxy-fin [554 58]\n" },
		{ "a server that spoke first",
		  { UP(CONNECT("a:22")), DOWN(OPENED), DOWN("SSH-2.0-OpenSSH_9\r\n"),
		    UP_TLS(client_hello, 0) },
		  "CONNECT a:22 -> 200 open inner=TLS answered-by=SSH banner=SSH-2.0-OpenSSH_9 "
		  "sni=tools.example.net hello=517 [554 58]\n" },
		{ "HTTP in a tunnel",
		  { UP(CONNECT("a:80")), DOWN(OPENED),
		    UP("GET / HTTP/1.1\r\nHost: a\r\n" BASIC "\r\n"), DOWN(OK(0, "")) },
		  "CONNECT a:80 -> 200 open inner=HTTP banner=GET / HTTP/1.1 [105 77]\n" },
	};
	RUN(scripts);
}

/* ---- gaps ------------------------------------------------------------------------------------ */

static void gaps_leave_what_is_known(void **state)
{
	(void)state;
	static const struct script scripts[] = {
		{ "in the request's head",
		  { UP("CONNECT a.example:443 HTTP/1.1\r\nHo"), UP_LOST(30), DOWN(OPENED) },
		  "CONNECT a.example:443 -> 200 open [64 39]\n" },
		{ "in the request line",
		  { UP("CONNECT a.exa"), UP_LOST(30), DOWN(OPENED) },
		  "CONNECT a.exa... -> 200 open [43 39]\n" },
		{ "in the answer's head",
		  { UP(GET("a")), DOWN("HTTP/1.1 502 Bad Gateway\r\nSer"), DOWN_LOST(100) },
		  "GET http://a/ -> 502 [35 129]\n" },
		{ "in the answer's status",
		  { UP(GET("a")), DOWN("HTTP/1.1 5"), DOWN_LOST(100) },
		  "GET http://a/ [35 110]\n" },
		{ "in the answer's status, and the client asks again",
		  { UP(GET("a")), DOWN("HTTP/1.1 5"), DOWN_LOST(100), UP(GET("b")),
		    DOWN(OK(3, "yes")) },
		  "GET http://a/ next [35 110]\n"
		  "GET http://b/ -> 200 got=3 whole [35 41]\n",
		  .by_segment = true },
		{ "over whole answers",
		  { UP(GET("a")), DOWN_LOST(100), UP(GET("b")), DOWN_LOST(100), UP(GET("c")),
		    DOWN(OK(3, "yes")) },
		  "GET http://a/ next [35 200]\n"
		  "GET http://b/ next [35 0]\n"
		  "GET http://c/ -> 200 got=3 whole [35 41]\n",
		  .by_segment = true },
		{ "in the first of two answers due",
		  { UP(GET("a")), UP(GET("b")), DOWN("HTTP/1.1 5"), DOWN_LOST(100),
		    DOWN(OK(3, "yes")) },
		  "GET http://a/ next [35 110]\n"
		  "GET http://b/ -> 200 got=3 whole [35 41]\n",
		  .by_segment = true },
		{ "over the first of two answers due, or both",
		  { UP(GET("a")), UP(GET("b")), DOWN_LOST(100), DOWN(OK(3, "yes")) },
		  "GET http://a/ [35 141]\n"
		  "GET http://b/ [35 0]\n" },
		{ "in the first of three answers due",
		  { UP(GET("a")), UP(GET("b")), UP(GET("c")), DOWN("HTTP/1.1 5"), DOWN_LOST(100),
		    DOWN(OK(3, "yes")) },
		  "GET http://a/ [35 151]\n"
		  "GET http://b/ [35 0]\n"
		  "GET http://c/ [35 0]\n" },
		{ "over a request, and its answer is no other's",
		  { UP(GET("a")), DOWN(OK(0, "")), UP_LOST(35), DOWN(OK(3, "yes")), UP(GET("b")),
		    DOWN(OK(2, "no")) },
		  "GET http://a/ -> 200 whole next [70 38]\n"
		  "GET http://b/ -> 200 got=2 whole [35 40]\n",
		  .by_segment = true },
		{ "over one of two requests sent together",
		  { UP(GET("a")), UP_LOST(35), UP(GET("b")), DOWN(OK(3, "yes")) },
		  "GET http://a/ -> 200 got=3 whole next [70 41]\n"
		  "GET http://b/ [35 0]\n" },
		{ "in a body with a length",
		  { UP(GET("a")), DOWN(OK(100, "hello")), DOWN_LOST(90), DOWN("world"),
		    UP(GET("b")), DOWN(OK(0, "")) },
		  "GET http://a/ -> 200 got=100 whole next [35 140]\n"
		  "GET http://b/ -> 200 whole [35 38]\n" },
		{ "over the end of a body",
		  { UP(GET("a")), DOWN(OK(100, "hello")), DOWN_LOST(120), UP(GET("b")),
		    DOWN(OK(3, "yes")) },
		  "GET http://a/ -> 200 got=100 whole next [35 140]\n"
		  "GET http://b/ -> 200 got=3 whole [35 41]\n" },
		{ "in a chunk",
		  { UP(GET("a")),
		    DOWN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhello"),
		    DOWN_LOST(90), DOWN("world\r\n0\r\n\r\n") },
		  "GET http://a/ -> 200 got=100 whole [35 158]\n" },
		{ "in a body until close",
		  { UP(GET("a")), DOWN("HTTP/1.0 200 OK\r\n\r\nsome"), DOWN_LOST(90), DOWN("more"),
		    ENDS(PROXY, EV_FIN) },
		  "GET http://a/ -> 200 got=98 whole proxy-fin [35 117]\n" },
		{ "in the body of a request",
		  { UP("POST http://a/ HTTP/1.1\r\nContent-Length: 100\r\n\r\nhello"), UP_LOST(95),
		    DOWN(OK(0, "")) },
		  "POST http://a/ sent=100 -> 200 whole [148 38]\n" },
		{ "the answer to a CONNECT",
		  { UP(CONNECT("a:443")), DOWN_LOST(39), UP_TLS(client_hello, 0),
		    DOWN_TLS(server_hello_13, 0) },
		  "CONNECT a:443 open inner=TLS sni=tools.example.net hello=517 version=304 "
		  "[556 172]\n",
		  .by_segment = true },
		{ "between two records",
		  { UP(CONNECT("a:443")), DOWN(OPENED), UP_TLS(client_hello, 0),
		    DOWN_TLS(server_hello_13, 0), DOWN_LOST(905), UP_TLS(app, 53), UP_TLS(app, 100),
		    DOWN_TLS(app, 500) },
		  "CONNECT a:443 -> 200 open inner=TLS sni=tools.example.net hello=517 "
		  "version=304 agreed done c-app=153/2 p-app=500/1 p-lost [719 1582]\n" },
		{ "within a record",
		  { UP(CONNECT("a:443")), DOWN(OPENED), UP_TLS(client_hello, 0),
		    DOWN_TLS(server_hello_13, 0), UP_TLS(app, 53), UP_TLS(app, 100),
		    DOWN_TLS(cut_app, 405), DOWN_LOST(600), DOWN_TLS(app, 500) },
		  "CONNECT a:443 -> 200 open inner=TLS sni=tools.example.net hello=517 "
		  "version=304 agreed done c-app=153/2 p-app=1500/2 [719 1682]\n" },
		{ "within the hello",
		  { UP(CONNECT("a:443")), DOWN(OPENED), UP_TLS(half_hello, 300), UP_LOST(217),
		    DOWN_TLS(server_hello_13, 0) },
		  "CONNECT a:443 -> 200 open inner=TLS sni=tools.example.net hello=517 "
		  "version=304 [556 172]\n" },
		{ "before a banner",
		  { UP(CONNECT("a:22")), DOWN(OPENED), DOWN_LOST(20), UP("SSH-2.0-PuTTY\r\n") },
		  "CONNECT a:22 -> 200 open inner=SSH banner=SSH-2.0-PuTTY p-lost [52 59]\n" },
	};
	RUN(scripts);
}

/* ---- what is odd ----------------------------------------------------------------------------- */

static void odd_requests_are_read(void **state)
{
	(void)state;
	static const struct script scripts[] = {
		{ "two targets",
		  { UP("CONNECT a:25 / HTTP/1.0\r\nUser-Agent: x\r\n\r\n"),
		    DOWN("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n") },
		  "CONNECT a:25 -> 403 whole [42 38]\n" },
		{ "a field without a colon",
		  { UP("GET http://a/ HTTP/1.1\r\nHost a\r\n\r\n"), DOWN(OK(0, "")) },
		  "GET http://a/ -> 200 whole [34 38]\n" },
		{ "an answer with a line that is none",
		  { UP(CONNECT("a:443")), DOWN("HTTP/1.1 502 No\r\nno field\r\n\r\nwords"),
		    ENDS(PROXY, EV_FIN) },
		  "CONNECT a:443 -> 502 proxy-fin [39 34]\n" },
		{ "blank lines before",
		  { UP("\r\n\r\n" GET("a")), DOWN(OK(0, "")) },
		  "GET http://a/ -> 200 whole [39 38]\n" },
		{ "userinfo",
		  { UP("GET http://u:s3cret@a/?to=http://v:s3cret@b/ HTTP/1.1\r\n"
		       "Referer: https://u:s3cret@a/\r\nCookie: a=s3cret\r\n s3cret\r\n\r\n"),
		    DOWN("HTTP/1.1 302 No\r\nLocation: http://u:s3cret@b/\r\nSet-Cookie: s3cret\r\n"
			 "Content-Length: 0\r\n\r\n") },
		  "GET http://***@a/?to=http://***@b/ userinfo -> 302 whole [114 88]\n" },
		{ "userinfo in a CONNECT",
		  { UP("CONNECT u:s3cret@a:443 HTTP/1.1\r\n\r\n"), DOWN(OPENED) },
		  "CONNECT ***@a:443 userinfo -> 200 open [35 39]\n" },
		{ "origin-form to a named proxy",
		  { UP("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), DOWN(OK(0, "")) },
		  "GET / -> 200 whole [27 38]\n",
		  .any_request = true },
		{ "origin-form", { UP("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }, "", .dull = true },
		{ "origin-form behind another",
		  { UP(GET("a")), DOWN(OK(0, "")), UP("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		    DOWN(OK(0, "")) },
		  "GET http://a/ -> 200 whole next [35 38]\n"
		  "GET / -> 200 whole [27 38]\n" },
		{ "RTSP",
		  { UP("DESCRIBE rtsp://a/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
		    DOWN("RTSP/1.0 200 OK\r\n\r\n") },
		  "",
		  .dull = true },
		{ "ICAP",
		  { UP("OPTIONS icap://a/b ICAP/1.0\r\nHost: a\r\n\r\n"),
		    DOWN("ICAP/1.0 200 OK\r\n\r\n") },
		  "",
		  .dull = true },
		{ "SIP", { UP("OPTIONS sip:a@b SIP/2.0\r\nTo: a\r\n\r\n") }, "", .dull = true },
		{ "NATS",
		  { UP("CONNECT {\"verbose\":false}\r\nPING\r\n\r\n"), DOWN("PONG\r\n") },
		  "",
		  .dull = true },
		{ "no HTTP", { UP("EHLO there\r\n") }, "", .dull = true },
		{ "began late",
		  { UP(GET("a")), DOWN(OK(0, "")) },
		  "GET http://a/ -> 200 whole [35 38]\n",
		  .began_late = true },
	};
	RUN(scripts);
}

static void first_bytes_tell_what_is_wanted(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		enum observe_wish wish, any;
	} cases[] = {
		{ "CONNECT a:443 HTTP/1.1", OBSERVE_YES, OBSERVE_YES },
		{ "GET http://a/", OBSERVE_YES, OBSERVE_YES },
		{ "\r\nGET http://a/", OBSERVE_YES, OBSERVE_YES },
		{ "GET / HTTP/1.1", OBSERVE_NO, OBSERVE_YES },
		{ "OPTIONS * HTTP/1.1", OBSERVE_NO, OBSERVE_YES },
		{ "CONN", OBSERVE_MORE, OBSERVE_MORE },
		{ "GET ", OBSERVE_MORE, OBSERVE_MORE },
		{ "", OBSERVE_MORE, OBSERVE_MORE },
		{ "SSH-2.0-x\r\n", OBSERVE_NO, OBSERVE_NO },
		{ "EHLO here\r\n", OBSERVE_NO, OBSERVE_NO },
		{ "\x16\x03\x01\x02", OBSERVE_NO, OBSERVE_NO },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice s = slice_of(cases[i].bytes);
		assert_int_equal(observe_wants(s, false), cases[i].wish);
		assert_int_equal(observe_wants(s, true), cases[i].any);
	}
}

static void protocols_are_guessed(void **state)
{
	(void)state;
	static const struct {
		struct slice bytes;
		enum trace_protocol what;
	} cases[] = {
		{ { NULL, 0 }, PROTO_NONE },
		{ { (const uint8_t *)"SSH-2.0-x", 9 }, PROTO_SSH },
		{ { (const uint8_t *)"220 mail ESMTP ready\r\n", 22 }, PROTO_SMTP },
		{ { (const uint8_t *)"220 ProFTPD\r\n", 13 }, PROTO_FTP },
		{ { (const uint8_t *)"\x16\x03\x01\x00\x10", 5 }, PROTO_TLS },
		{ { (const uint8_t *)"HTTP/1.1 200 OK\r\n", 17 }, PROTO_HTTP },
		{ { (const uint8_t *)"PRI * HTTP/2.0\r\n", 16 }, PROTO_HTTP2 },
		{ { (const uint8_t *)"\0\0\x12\4\0\0\0\0\0\0\3", 11 }, PROTO_HTTP2 },
		{ { (const uint8_t *)"+OK ready\r\n", 11 }, PROTO_POP3 },
		{ { (const uint8_t *)"* OK IMAP4\r\n", 12 }, PROTO_IMAP },
		{ { (const uint8_t *)"\x05\x01\x00", 3 }, PROTO_SOCKS },
		{ { (const uint8_t *)"hello there", 11 }, PROTO_TEXT },
		{ { (const uint8_t *)"\x01\x02\x80\x90", 4 }, PROTO_UNKNOWN },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(observe_guess(cases[i].bytes), cases[i].what);
	assert_true(observe_is_answer(SLICE("HTTP/1.1 200 OK\r\n")));
	assert_false(observe_is_answer(SLICE("GET / HTTP/1.1\r\n")));
	assert_true(observe_is_request(SLICE("GET / HTTP/1.1\r\n")));
	assert_false(observe_is_request(SLICE("HTTP/1.1 200 OK\r\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_follow_one_another),
		cmocka_unit_test(challenges_are_linked),
		cmocka_unit_test(connects_open_tunnels),
		cmocka_unit_test(tls_is_followed),
		cmocka_unit_test(gaps_leave_what_is_known),
		cmocka_unit_test(odd_requests_are_read),
		cmocka_unit_test(first_bytes_tell_what_is_wanted),
		cmocka_unit_test(protocols_are_guessed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
