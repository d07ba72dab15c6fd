/* proxy/record: calls as the data path makes them, and the verdicts that come of them. The clock
 * and the sockets' facts are the test's own. */
#include "diagnose/diagnose.h"
#include "observe/observe.h"
#include "proxy/record.h"
#include "render/render.h"

#include "tls_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MS NANOS_PER_MS
#define S  NANOS_PER_SECOND

/* ---- the world ------------------------------------------------------------------------------- */

static nanos now;
static const nanos EPOCH = INT64_C(1741951812517129000);

nanos net_now(const struct net_loop *loop)
{
	(void)loop;
	return now;
}

nanos net_wall(const struct net_loop *loop)
{
	(void)loop;
	return EPOCH + now;
}

static struct net_timer *set;

void net_timer_set(struct net_loop *loop, struct net_timer *t, nanos at)
{
	(void)loop;
	(void)at;
	t->prev = &set;
	set = t;
}

void net_timer_stop(struct net_loop *loop, struct net_timer *t)
{
	(void)loop;
	t->prev = NULL;
	set = NULL;
}

static struct net_call *later;

void net_loop_later(struct net_loop *loop, struct net_call *c)
{
	(void)loop;
	assert_null(later);
	later = c;
}

static void end_round(void)
{
	struct net_call *c = later;
	later = NULL;
	if (c)
		c->run(c);
}

static void fire(void)
{
	struct net_timer *t = set;
	if (!t)
		return;
	net_timer_stop(NULL, t);
	t->fire(t);
}

int net_facts(int fd, struct net_facts *ret_facts)
{
	*ret_facts = (struct net_facts){ .rtt = fd * MS, .rtt_min = NO_TIME, .retrans = 3 };
	return fd > 100 ? -1 : 0;
}

/* ---- what came out ------------------------------------------------------------------------ */

struct outcome {
	unsigned count;
	enum verdict verdict;
	enum severity severity;
	char summary[600], product[32], json[8192];
	unsigned status;
	uint64_t bytes[2];
	char why[40], cause[400];
	bool next_began;
};

static void note(void *context, const struct exchange *x)
{
	struct outcome *o = context;
	struct finding f;
	struct diagnosis d;
	struct arena *arena = arena_new(65536);
	struct buffer json;
	buffer_init(&json, sizeof o->json - 1);
	diagnose_judge(x, &f);
	assert_true(diagnose_explain(x, &f, arena, &d));
	render_json(&json, x, &d);
	assert_false(json.failed);
	memcpy(o->json, json.at, json.len);
	o->json[json.len] = 0;
	o->count++;
	o->verdict = d.verdict;
	o->severity = d.severity;
	o->status = x->response.status;
	o->bytes[CLIENT] = x->bytes[CLIENT];
	o->bytes[PROXY] = x->bytes[PROXY];
	o->next_began = x->next_began;
	snprintf(o->summary, sizeof o->summary, "%s", d.summary);
	snprintf(o->product, sizeof o->product, "%s", d.product ? d.product : "");
	snprintf(o->why, sizeof o->why, "%.*s", (int)x->leg->why.len, (char *)x->leg->why.at);
	snprintf(o->cause, sizeof o->cause, "%s", d.causes ? d.cause[0] : "");
	buffer_done(&json);
	arena_free(arena);
}

/* ---- a capture of the same exchange ------------------------------------------------------- */

static struct conversation *twin;
static enum verdict twin_verdict;
static struct mark said[2], ended[2]; /* the last data, FIN or RST, by side */
static bool was_reset[2];

static void twin_facts(void *context, struct exchange *x)
{
	(void)context;
	x->both_ways = true;
	x->request_acked = x->request_end;
	for (int side = CLIENT; side <= PROXY; side++) {
		struct trace_path *p = &x->path[side];
		p->packets = 5;
		p->bytes = x->bytes[side];
		p->last_data = said[side];
		*(was_reset[side] ? &p->rst : &p->fin) = ended[side];
	}
}

static void twin_done(void *context, struct exchange *x)
{
	struct finding f;
	(void)context;
	diagnose_judge(x, &f);
	twin_verdict = f.verdict;
	trace_free(x);
}

static struct mark moment(void)
{
	static uint64_t frame;
	return (struct mark){ .at = EPOCH + now, .frame = ++frame };
}

/* ---- the calls, short --------------------------------------------------------------------- */

static struct recorder *recorder;
static struct record *r;
static struct outcome out;

static struct address at(const char *text)
{
	struct address a = { 0 };
	assert_true(address_parse(slice_of(text), &a));
	return a;
}

static void begin(void)
{
	struct address client = at("10.40.40.1:48716"), proxy = at("10.10.10.1:3128");
	r = record_begin(recorder, &client, &proxy, now, false);
	assert_non_null(r);
	said[CLIENT] = said[PROXY] = ended[CLIENT] = ended[PROXY] = NO_MARK;
	was_reset[CLIENT] = was_reset[PROXY] = false;
	observe_reset(twin, &(struct observe_options){ .source = TRACE_CAPTURE },
		      &(struct observe_owner){ .facts = twin_facts, .done = twin_done });
}

static void pass(nanos t)
{
	now += t;
}

static void say(enum trace_side side, struct slice bytes)
{
	struct mark m = moment();
	record_bytes(r, side, bytes);
	said[side] = m;
	observe_data(twin, side, &m, bytes);
}

static void up(const char *text)
{
	pass(MS);
	say(CLIENT, slice_of(text));
}

static void down(const char *text)
{
	pass(MS);
	say(PROXY, slice_of(text));
}

static void dialed(enum trace_outcome outcome)
{
	struct address origin = at("192.0.2.7:443");
	nanos from = now;
	pass(5 * MS);
	record_dialed(r, outcome == ONWARD_UNRESOLVED ? NULL : &origin, from,
		      outcome == ONWARD_ANSWERED ? now : NO_TIME, outcome, false);
}

static void ends(enum trace_side side, enum event_kind kind)
{
	pass(MS);
	struct mark m = moment();
	record_closed(r, kind, side);
	ended[side] = m;
	was_reset[side] = kind == EV_RST;
	observe_event(twin, kind, side, &m, 0);
}

static void fin(enum trace_side side)
{
	ends(side, EV_FIN);
}

/* unacked, not_sent: of the client's socket. */
static void over_with(uint32_t unacked, uint32_t not_sent)
{
	struct net_facts client = { .rtt = 20 * MS,
				    .rtt_min = 18 * MS,
				    .path_mtu = 1500,
				    .unacked = unacked,
				    .not_sent = not_sent };
	struct net_facts origin = {
		.rtt = 7 * MS, .rtt_min = NO_TIME, .retrans = 2, .mss_out = 1448
	};
	pass(MS);
	record_end(r, &client, &origin);
	r = NULL;
	end_round();
	observe_end(twin, TRACE_END_CLOSED, EPOCH + now);
}

static void over(void)
{
	over_with(0, 0);
}

#define CONNECT "CONNECT tools.cisco.com:443 HTTP/1.1\r\nHost: tools.cisco.com:443\r\n\r\n"
#define OPEN    "HTTP/1.1 200 Connection established\r\n\r\n"
#define GET     "GET http://example.com/x HTTP/1.1\r\nHost: example.com\r\n\r\n"

static void tunnel(void)
{
	begin();
	up(CONNECT);
	dialed(ONWARD_ANSWERED);
	down(OPEN);
}

static void tls(enum trace_side side, uint8_t type, const uint8_t *body, size_t len)
{
	uint8_t bytes[5 + 17000] = { type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len };
	if (body)
		memcpy(bytes + 5, body, len);
	pass(MS);
	say(side, (struct slice){ bytes, 5 + len });
}

static void handshake(void)
{
	tls(CLIENT, 22, CLIENT_HELLO_13, sizeof CLIENT_HELLO_13);
	pass(10 * MS);
	tls(PROXY, 22, SERVER_HELLO_13, sizeof SERVER_HELLO_13);
	tls(PROXY, 23, NULL, 1200);
	tls(CLIENT, 23, NULL, 53);
	tls(CLIENT, 23, NULL, 300);
	tls(PROXY, 23, NULL, 900);
}

/* ---- the cases
 * ------------------------------------------------------------------------------------ */

static void a_tunnel(void)
{
	tunnel();
	handshake();
	tls(CLIENT, 23, NULL, 19);
	fin(CLIENT);
	tls(PROXY, 23, NULL, 19);
	fin(PROXY);
	over();
}

static void a_tunnel_in_bulk(void)
{
	tunnel();
	handshake();
	pass(S);
	record_count(r, PROXY, 5000000);
	observe_gap(twin, PROXY, &(struct mark){ .at = EPOCH + now }, 5000000, false);
	record_count(r, CLIENT, 70000);
	observe_gap(twin, CLIENT, &(struct mark){ .at = EPOCH + now }, 70000, false);
	fin(PROXY);
	fin(CLIENT);
	over();
}

static void an_idle_tunnel_timed_out(void)
{
	tunnel();
	handshake();
	pass(300 * S);
	record_why(r, RECORD_CUT, "timeout-idle", "nothing moved for 5 min");
	fin(PROXY);
	over();
}

static void a_tunnel_whose_origin_stopped(void)
{
	tunnel();
	handshake();
	tls(CLIENT, 23, NULL, 400);
	pass(300 * S);
	record_why(r, RECORD_CUT, "timeout-idle", "nothing moved for 5 min");
	fin(PROXY);
	over();
}

static void a_tunnel_at_its_limit(void)
{
	tunnel();
	handshake();
	record_count(r, PROXY, 10485760);
	record_why(r, RECORD_CUT, "limit-tunnel", "limit tunnel 10m at line 7");
	fin(PROXY);
	over();
}

static void a_wrong_name(void)
{
	tunnel();
	tls(CLIENT, 22, CLIENT_HELLO_13, sizeof CLIENT_HELLO_13);
	bool told;
	assert_true(slice_equal(record_sni(r, &told), SLICE("tools.example.net")));
	assert_true(told);
	record_why(r, RECORD_CUT, "sni", "the ClientHello names tools.example.net");
	ends(PROXY, EV_RST);
	over();
}

static void a_wrong_name_noted(void)
{
	tunnel();
	handshake();
	record_why(r, RECORD_NOTED, "sni", "the ClientHello names tools.example.net");
	fin(PROXY);
	fin(CLIENT);
	over();
}

static void idle_timed_out(enum event_kind how)
{
	pass(2 * S);
	record_why(r, RECORD_CUT, "timeout-idle", "nothing moved for 2 s");
	ends(PROXY, how);
}

static void a_hello_timed_out(void)
{
	tunnel();
	tls(CLIENT, 22, CLIENT_HELLO_13, sizeof CLIENT_HELLO_13);
	idle_timed_out(EV_FIN);
	over();
}

static void a_flight_that_never_came(void)
{
	tunnel();
	tls(CLIENT, 22, CLIENT_HELLO_13, sizeof CLIENT_HELLO_13);
	tls(PROXY, 22, SERVER_HELLO_13, sizeof SERVER_HELLO_13);
	tls(PROXY, 23, NULL, 1200);
	idle_timed_out(EV_FIN);
	over_with(2, 0);
}

static void a_client_that_reads_no_more(void)
{
	tunnel();
	handshake();
	record_count(r, PROXY, 400000);
	observe_gap(twin, PROXY, &(struct mark){ .at = EPOCH + now }, 400000, false);
	idle_timed_out(EV_RST);
	over_with(0, 65536);
}

static void a_client_that_is_gone(void)
{
	begin();
	up(GET);
	dialed(ONWARD_ANSWERED);
	down("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc");
	idle_timed_out(EV_RST);
	over_with(9, 65536);
}

static void a_bulk_reset(void)
{
	tunnel();
	handshake();
	record_count(r, PROXY, 5000000);
	observe_gap(twin, PROXY, &(struct mark){ .at = EPOCH + now }, 5000000, false);
	ends(PROXY, EV_RST);
	over();
}

static void a_refusal_cut(void)
{
	begin();
	up(GET);
	dialed(ONWARD_ANSWERED);
	record_origin_said(r);
	down("HTTP/1.1 503 Busy\r\nContent-Length: 200\r\n\r\nno");
	record_onward(r, ONWARD_CLOSED);
	record_why(r, RECORD_CUT, "origin-closed", "the origin closed in the middle of its answer");
	fin(PROXY);
	over();
}

static void a_hello_unanswered(void)
{
	tunnel();
	tls(CLIENT, 22, CLIENT_HELLO_13, sizeof CLIENT_HELLO_13);
	pass(20 * S);
	fin(CLIENT);
	over();
}

static void refuse(const char *status, const char *why, const char *text)
{
	record_why(r, RECORD_ANSWER, why, text);
	down(status);
	down("Content-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n");
	fin(PROXY);
	over();
}

static void a_denied_connect(void)
{
	begin();
	up(CONNECT);
	refuse("HTTP/1.1 403 Forbidden\r\n", "rule", "rule at line 12: deny to-list blocked.txt");
}

static void a_private_destination(void)
{
	begin();
	up(GET);
	refuse("HTTP/1.1 403 Forbidden\r\n", "private", "example.com is 10.0.0.7, private");
}

static void a_name_unknown(void)
{
	begin();
	up(CONNECT);
	dialed(ONWARD_UNRESOLVED);
	refuse("HTTP/1.1 502 Bad Gateway\r\n", "unresolved", "tools.cisco.com does not exist");
}

static void an_origin_that_refuses(void)
{
	begin();
	up(CONNECT);
	dialed(ONWARD_REFUSED);
	refuse("HTTP/1.1 502 Bad Gateway\r\n", "refused", "192.0.2.7:443 refused the connection");
}

static void an_origin_out_of_reach(void)
{
	begin();
	up(CONNECT);
	pass(10 * S);
	dialed(ONWARD_UNANSWERED);
	refuse("HTTP/1.1 504 Gateway Timeout\r\n", "timeout-connect",
	       "192.0.2.7:443 did not answer within 10 s");
}

static void no_credentials(void)
{
	begin();
	up(CONNECT);
	record_why(r, RECORD_ANSWER, "auth", "credentials are wanted");
	down("HTTP/1.1 407 Proxy Authentication Required\r\n"
	     "Proxy-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n"
	     "Content-Length: 0\r\nConnection: close\r\n\r\n");
	fin(PROXY);
	over();
}

static void wrong_credentials(void)
{
	begin();
	up("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n"
	   "Proxy-Authorization: Basic dTpzM2NyZXQ=\r\n\r\n");
	record_user(r, SCHEME_BASIC, "u");
	record_why(r, RECORD_ANSWER, "auth", "the password is wrong");
	down("HTTP/1.1 407 Proxy Authentication Required\r\n"
	     "Proxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n");
	fin(PROXY);
	over();
}

static void a_good_get(void)
{
	begin();
	up(GET);
	dialed(ONWARD_ANSWERED);
	record_trial(r, "rule at line 3: trial deny method GET");
	record_origin_said(r);
	down("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
	assert_false(record_curious(r));
	down("hello");
	over();
}

static void a_counted_body(void)
{
	begin();
	up(GET);
	dialed(ONWARD_ANSWERED);
	down("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
	record_count(r, PROXY, 1000000);
	observe_gap(twin, PROXY, &(struct mark){ .at = EPOCH + now }, 1000000, false);
	over();
}

static void a_cut_body(void)
{
	begin();
	up(GET);
	dialed(ONWARD_ANSWERED);
	down("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc");
	record_why(r, RECORD_CUT, "origin-closed", "the origin closed after 3 of 1000000 bytes");
	fin(PROXY);
	over();
}

static void a_client_that_left(void)
{
	begin();
	up(GET);
	dialed(ONWARD_ANSWERED);
	down("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc");
	ends(CLIENT, EV_RST);
	over();
}

static void a_client_without_patience(void)
{
	begin();
	up(GET);
	dialed(ONWARD_ANSWERED);
	pass(200 * MS);
	fin(CLIENT);
	over();
}

static void an_answer_too_large(void)
{
	begin();
	up(GET);
	dialed(ONWARD_ANSWERED);
	record_why(r, RECORD_ANSWER, "limit-response", "9000000 bytes are above limit response 1m");
	down("HTTP/1.1 502 Bad Gateway\r\nProxy-Status: viaduct; error=http_response_body_size\r\n"
	     "Content-Length: 0\r\n\r\n");
	fin(PROXY);
	over();
}

static void what_is_no_http(void)
{
	begin();
	tls(CLIENT, 22, CLIENT_HELLO_13, sizeof CLIENT_HELLO_13);
	record_why(r, RECORD_ANSWER, "bad-request", "the first bytes are TLS, not HTTP");
	down("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	fin(PROXY);
	over();
}

static void half_a_head(void)
{
	begin();
	up("GET http://example.com/ HTTP/1.1\r\nHost: exam");
	pass(10 * S);
	record_why(r, RECORD_ANSWER, "timeout-header", "the head was not complete within 10 s");
	down("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	fin(PROXY);
	over();
}

static void a_parents_refusal(void)
{
	begin();
	up(CONNECT);
	dialed(ONWARD_ANSWERED);
	record_why(r, RECORD_PARENT, "parent", "parent.example:8080 answered 403");
	down("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	fin(PROXY);
	over();
}

static const struct {
	const char *name;
	void (*calls)(void);
	enum verdict verdict;
	const char *says;    /* in the summary */
	bool not_in_capture; /* the proxy knows better */
} CASES[] = {
	{ "a tunnel", a_tunnel, V_OK, "in the tunnel", false },
	{ "a tunnel in bulk", a_tunnel_in_bulk, V_OK, "5,0", false },
	{ "an idle tunnel", an_idle_tunnel_timed_out, V_OK, "timeout-idle: nothing moved", false },
	{ "an origin that stopped", a_tunnel_whose_origin_stopped, V_TRANSFER_STALLED,
	  "timeout-idle", false },
	{ "a limit", a_tunnel_at_its_limit, V_TRANSFER_TRUNCATED, "limit tunnel 10m at line 7",
	  true },
	{ "a wrong name", a_wrong_name, V_DENIED, "cut the tunnel to tools.cisco.com:443", true },
	{ "a name noted", a_wrong_name_noted, V_OK, "sni", false },
	{ "a hello timed out", a_hello_timed_out, V_TLS_SILENT, "not answered in 2.0 s", true },
	{ "a flight lost", a_flight_that_never_came, V_TRANSFER_STALLED, "timeout-idle", true },
	{ "no reader", a_client_that_reads_no_more, V_RECEIVER_STALLED, "the client had no room",
	  true },
	{ "no client", a_client_that_is_gone, V_TRANSFER_STALLED, "timeout-idle", true },
	{ "a bulk reset", a_bulk_reset, V_TRANSFER_RESET, "reset the connection", true },
	{ "a refusal cut", a_refusal_cut, V_UNAVAILABLE, "the origin called", false },
	{ "a hello unanswered", a_hello_unanswered, V_TLS_SILENT, "", false },
	{ "denied", a_denied_connect, V_DENIED, "the proxy itself: rule at line 12: deny", false },
	{ "private", a_private_destination, V_DENIED, "private: example.com is 10.0.0.7", false },
	{ "unresolved", a_name_unknown, V_BAD_GATEWAY, "unresolved: tools.cisco.com", false },
	{ "refused", an_origin_that_refuses, V_BAD_GATEWAY, "192.0.2.7:443 refused", false },
	{ "unreachable", an_origin_out_of_reach, V_GATEWAY_TIMEOUT, "timeout-connect", false },
	{ "no credentials", no_credentials, V_AUTH_REQUIRED, "credentials are wanted", false },
	{ "wrong credentials", wrong_credentials, V_AUTH_REJECTED, "the user u", false },
	{ "a good GET", a_good_get, V_OK, "200", false },
	{ "a counted body", a_counted_body, V_OK, "1,000,000 bytes", false },
	{ "a cut body", a_cut_body, V_TRANSFER_TRUNCATED, "origin-closed", false },
	{ "a client that left", a_client_that_left, V_CLIENT_ABORTED, "the client itself", false },
	{ "no patience", a_client_without_patience, V_CLIENT_ABORTED, "before an answer", false },
	{ "too large", an_answer_too_large, V_TOO_LARGE, "limit response 1m", false },
	{ "no HTTP", what_is_no_http, V_BAD_REQUEST, "the first bytes are TLS", true },
	{ "half a head", half_a_head, V_OTHER_STATUS, "timeout-header", false },
	{ "a parent", a_parents_refusal, V_DENIED, "the parent proxy: parent.example", false },
};

static void check(size_t i)
{
	memset(&out, 0, sizeof out);
	CASES[i].calls();
	if (out.count != 1 || out.verdict != CASES[i].verdict ||
	    !strstr(out.summary, CASES[i].says))
		fail_msg("%s: %u records; %s: %s", CASES[i].name, out.count,
			 verdict_id(out.verdict), out.summary);
	if (!CASES[i].not_in_capture && twin_verdict != out.verdict)
		fail_msg("%s: %s here, %s in a capture", CASES[i].name, verdict_id(out.verdict),
			 verdict_id(twin_verdict));
}

static void calls_become_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
		check(i);
}

static void assert_says(const char *what)
{
	if (!strstr(out.json, what))
		fail_msg("%s is not in %s", what, out.json);
}

static void both_legs_are_in_the_json(void **state)
{
	(void)state;
	memset(&out, 0, sizeof out);
	an_origin_that_refuses();
	assert_says("\"source\":\"proxy\"");
	assert_says("\"product\":\"viaduct\",\"answered_by\":\"proxy\"");
	assert_says("\"rtt_ms\":18.000");
	assert_says("\"retrans_down\":0");
	assert_says("\"path_mtu\":1500");
	assert_says("\"onward\":{\"origin\":\"192.0.2.7:443\",\"outcome\":\"refused\"");
	assert_says("\"retrans\":2,\"mss\":1448");
	assert_says("\"why\":\"refused\"");
	assert_says("\"closed_first\":\"proxy\"");
	memset(&out, 0, sizeof out);
	a_good_get();
	assert_says("\"connect_ms\":5.000");
	assert_says("\"trial\":\"rule at line 3: trial deny method GET\"");
	assert_true(out.next_began);
}

static void secrets_stay_out(void **state)
{
	(void)state;
	memset(&out, 0, sizeof out);
	wrong_credentials();
	assert_null(strstr(out.json, "s3cret"));
	assert_null(strstr(out.json, "dTpzM2NyZXQ"));
}

/* More tunnels than are kept live: all come out whole, packed in between or not. */
static void many_tunnels(void **state)
{
	(void)state;
	enum { TUNNELS = 500 };
	static struct record *all[TUNNELS];
	for (size_t i = 0; i < TUNNELS; i++) {
		tunnel();
		handshake();
		all[i] = r;
	}
	assert_false(record_curious(all[0]));
	for (size_t i = 0; i < TUNNELS; i++) {
		struct exchange *x = record_peek(all[i]);
		assert_non_null(x);
		assert_true(slice_equal(x->tls->sni, SLICE("tools.example.net")));
		trace_free(x);
	}
	for (size_t i = 0; i < TUNNELS; i++) {
		r = all[i];
		record_bytes(r, CLIENT, SLICE("some more"));
		record_count(r, PROXY, 1000);
		fin(CLIENT);
		fin(PROXY);
		memset(&out, 0, sizeof out);
		over();
		assert_int_equal(out.count, 1);
		if (out.verdict != V_OK)
			fail_msg("%zu: %s: %s", i, verdict_id(out.verdict), out.summary);
		assert_int_equal(out.bytes[CLIENT], out.json[0] ? 8 + sizeof CONNECT +
									  sizeof CLIENT_HELLO_13 +
									  5 + 58 + 305
								: 0);
	}
}

/* When the client's FIN was is remembered while it is packed, and so is what came behind it. */
static void half_closed_tunnels(void **state)
{
	(void)state;
	enum { TUNNELS = 200 };
	static struct record *all[TUNNELS];
	static nanos at_[TUNNELS];
	for (size_t i = 0; i < TUNNELS; i++) {
		tunnel();
		handshake();
		fin(CLIENT);
		at_[i] = moment().at;
		all[i] = r;
	}
	for (size_t i = 0; i < TUNNELS; i++) {
		r = all[i];
		record_count(r, PROXY, 1000);
		struct exchange *x = record_peek(r);
		assert_non_null(x);
		assert_true(x->closed && x->closed_by == CLIENT && !x->by_reset);
		assert_int_equal(x->path[CLIENT].fin.at, at_[i]);
		assert_false(mark_is(&x->path[PROXY].fin));
		assert_int_equal(x->path[PROXY].after_peer_fin, 1000);
		trace_free(x);
		fin(PROXY);
		memset(&out, 0, sizeof out);
		over();
		assert_int_equal(out.count, 1);
		if (out.verdict != V_OK || !strstr(out.json, "\"closed_by\":\"client\""))
			fail_msg("%zu: %s: %s", i, verdict_id(out.verdict), out.json);
	}
}

static void see(void *context, struct record *record)
{
	size_t *seen = context;
	assert_non_null(record);
	(*seen)++;
}

static void walks_see_each_once(void **state)
{
	(void)state;
	struct record *all[50];
	for (size_t i = 0; i < 50; i++) {
		begin();
		all[i] = r;
	}
	size_t seen = 0;
	uint64_t place = 0;
	bool more = recorder_walk(recorder, &place, 7, see, &seen);
	assert_true(more);
	for (size_t i = 5; i < 12; i++) /* seen, and not yet */
		record_end(all[i], NULL, NULL);
	while (more)
		more = recorder_walk(recorder, &place, 7, see, &seen);
	assert_int_equal(seen, 50 - 5);
	for (size_t i = 0; i < 50; i++)
		if (i < 5 || i >= 12)
			record_end(all[i], NULL, NULL);
	place = 0;
	assert_false(recorder_walk(recorder, &place, 7, see, &seen));
	end_round();
}

/* They are delivered when the round is over, or when they are too many, or nobody else will. */
static void many_end_in_a_round(void **state)
{
	(void)state;
	struct record *all[200];
	for (size_t i = 0; i < 200; i++) {
		begin();
		say(CLIENT, SLICE(GET));
		all[i] = r;
	}
	memset(&out, 0, sizeof out);
	record_end(all[0], NULL, NULL);
	record_end(all[1], NULL, NULL);
	assert_int_equal(out.count, 0);
	end_round();
	assert_int_equal(out.count, 2);
	for (size_t i = 2; i < 200; i++)
		record_end(all[i], NULL, NULL);
	assert_in_range(out.count, 100, 199);
	end_round();
	assert_int_equal(out.count, 200);
	struct recorder *w = recorder_new(
		NULL, &(struct recorder_options){ .wanted = true, .done = note, .context = &out });
	struct address a = at("10.0.0.1:1");
	record_end(record_begin(w, &a, &a, now, false), NULL, NULL);
	later = NULL;
	recorder_free(w);
	assert_int_equal(out.count, 201);
	r = NULL;
}

static void nobody_wants_records(void **state)
{
	(void)state;
	struct recorder *none = recorder_new(NULL, &(struct recorder_options){ .wanted = false });
	struct address a = at("10.0.0.1:1");
	assert_null(record_begin(none, &a, &a, 0, false));
	assert_null(record_begin(NULL, &a, &a, 0, false));
	record_bytes(NULL, CLIENT, SLICE("x"));
	record_count(NULL, CLIENT, 1);
	record_why(NULL, RECORD_ANSWER, "rule", "");
	record_user(NULL, SCHEME_BASIC, "u");
	record_dialed(NULL, &a, 0, 0, ONWARD_ANSWERED, false);
	record_origin_said(NULL);
	record_sockets(NULL, -1, -1);
	record_closed(NULL, EV_FIN, CLIENT);
	record_end(NULL, NULL, NULL);
	assert_false(record_curious(NULL));
	bool over_;
	assert_int_equal(record_sni(NULL, &over_).len, 0);
	assert_true(over_);
	recorder_free(none);
}

static void what_is_unfinished_is_dropped(void **state)
{
	(void)state;
	struct recorder *w = recorder_new(
		NULL, &(struct recorder_options){ .wanted = true, .done = note, .context = &out });
	struct address a = at("10.0.0.1:1");
	for (int i = 0; i < 300; i++) {
		struct record *one = record_begin(w, &a, &a, now, false);
		record_bytes(one, CLIENT, SLICE(CONNECT));
		record_bytes(one, PROXY, SLICE(OPEN));
	}
	recorder_free(w);
}

/* Whoever comes to answer a 407 at once may come to another worker. */
static void a_challenge_waits_for_its_answer(void **state)
{
	(void)state;
	struct challenges *c = challenges_new();
	struct recorder_options options = {
		.wanted = true, .done = note, .context = &out, .challenges = c
	};
	struct recorder *before = recorder, *one = recorder_new(NULL, &options),
			*other = recorder_new(NULL, &options);
	memset(&out, 0, sizeof out);
	recorder = one;
	begin();
	up("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n");
	down("HTTP/1.1 407 Proxy Authentication Required\r\n"
	     "Proxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n");
	fin(PROXY);
	over();
	assert_int_equal(out.count, 0);
	fire(); /* its moment is not over */
	assert_int_equal(out.count, 0);
	recorder = other;
	wrong_credentials(); /* another 407, which waits too */
	assert_int_equal(out.count, 1);
	assert_int_equal(out.verdict, V_CHALLENGED);
	assert_says("\"link\":\"");
	pass(2 * S);
	fire();
	assert_int_equal(out.count, 2);
	assert_int_equal(out.verdict, V_AUTH_REJECTED);
	assert_says("\"link\":\"");
	recorder = one;
	no_credentials();
	assert_int_equal(out.count, 2);
	recorder_free(other); /* gives out what still waits */
	assert_int_equal(out.count, 3);
	assert_int_equal(out.verdict, V_AUTH_REQUIRED);
	recorder_free(one);
	challenges_free(c);
	recorder = before;
}

static void metrics_count(void **state)
{
	(void)state;
	static struct metrics m;
	const struct metrics *all[] = { &m };
	struct recorder *before = recorder;
	struct buffer text;
	recorder = recorder_new(NULL, &(struct recorder_options){ .wanted = true,
								  .metrics = &m,
								  .done = note,
								  .context = &out });
	a_denied_connect();
	a_good_get();
	recorder_free(recorder);
	recorder = before;
	buffer_init(&text, 65536);
	metrics_write(all, 1, &text);
	buffer_add_byte(&text, 0);
	static const char *const lines[] = { "viaduct_requests_total 2\n",
					     "viaduct_requests_finished_total{status=\"403\"} 1\n",
					     "viaduct_requests_finished_total{status=\"200\"} 1\n",
					     "viaduct_refused_total{why=\"rule\"} 1\n",
					     "viaduct_connect_seconds_bucket{le=\"0.005\"} 1\n",
					     "viaduct_connect_seconds_bucket{le=\"0.002\"} 0\n",
					     "viaduct_connect_seconds_count 1\n" };
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (!strstr((char *)text.at, lines[i]))
			fail_msg("%s is not in %s", lines[i], (char *)text.at);
	buffer_done(&text);
}

static int set_up(void **state)
{
	(void)state;
	twin = observe_new(&(struct observe_options){ .source = TRACE_CAPTURE },
			   &(struct observe_owner){ .facts = twin_facts, .done = twin_done });
	recorder = recorder_new(NULL, &(struct recorder_options){
					      .wanted = true, .done = note, .context = &out });
	return !recorder || !twin;
}

static int tear_down(void **state)
{
	(void)state;
	observe_free(twin);
	recorder_free(recorder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_become_verdicts),
		cmocka_unit_test(both_legs_are_in_the_json),
		cmocka_unit_test(secrets_stay_out),
		cmocka_unit_test(many_tunnels),
		cmocka_unit_test(half_closed_tunnels),
		cmocka_unit_test(walks_see_each_once),
		cmocka_unit_test(many_end_in_a_round),
		cmocka_unit_test(nobody_wants_records),
		cmocka_unit_test(what_is_unfinished_is_dropped),
		cmocka_unit_test(a_challenge_waits_for_its_answer),
		cmocka_unit_test(metrics_count),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
