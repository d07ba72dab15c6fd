/* diagnose: exchanges built by hand, at least two for each verdict that show it, and some that
 * nearly do and must not; texts; the walk over everything unknown. */
#include "diagnose/diagnose.h"
#include "diagnose/words_table.h"
#include "base/escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "judged_alike.h"

#define MS NANOS_PER_MS
#define S  NANOS_PER_SECOND

static const nanos START = INT64_C(1741951812517129000);

static struct mark at_ms(double ms)
{
	return (struct mark){ .at = START + (nanos)(ms * 1e6), .frame = 1 + (uint64_t)(ms / 10) };
}

/* ---- conversations that went well, to be spoilt by the cases ------------------------------ */

static void handshake(struct exchange *x)
{
	address_parse(SLICE("10.40.40.1:48716"), &x->client);
	address_parse(SLICE("10.10.10.1:3128"), &x->proxy);
	x->both_ways = true;
	x->first = x->syn = at_ms(0);
	x->syns = 1;
	x->last = at_ms(0);
	x->observed_until = at_ms(30).at;
	x->path[CLIENT].mss = x->path[PROXY].mss = 1460;
	trace_add(x, EV_SYN, CLIENT, &x->syn, 1);
}

static void connected(struct exchange *x)
{
	handshake(x);
	x->syn_ack = at_ms(20);
	x->rtt = 20 * MS;
}

static void asked(struct exchange *x, const char *method, const char *target)
{
	connected(x);
	x->request.method = slice_of(method);
	x->request.target = slice_of(target);
	x->request.is_connect = strcmp(method, "CONNECT") == 0;
	x->request.absolute = !x->request.is_connect;
	x->request.complete = true;
	x->request_start = x->request_end = at_ms(21);
	x->request_acked = at_ms(41);
	x->bytes[CLIENT] = x->path[CLIENT].bytes = 130;
	x->path[CLIENT].packets = x->path[PROXY].packets = 5;
	x->path[CLIENT].first_data = x->path[CLIENT].last_data = at_ms(21);
	x->path[CLIENT].largest = x->path[CLIENT].largest_passed = 130;
	x->observed_until = at_ms(41).at;
}

static void asked_get(struct exchange *x)
{
	asked(x, "GET", "http://downloads.example.net/file");
}

static void asked_connect(struct exchange *x)
{
	asked(x, "CONNECT", "tools.example.net:443");
}

static void answer(struct exchange *x, unsigned status, const char *reason)
{
	x->answer = PROTO_HTTP;
	x->response.status = status;
	x->response.minor = 1;
	x->response.reason = slice_of(reason);
	x->response_start = at_ms(60);
	x->bytes[PROXY] = x->path[PROXY].bytes = 300;
	x->path[PROXY].first_data = x->path[PROXY].last_data = at_ms(60);
	x->observed_until = at_ms(100).at;
}

static void closes(struct exchange *x, enum trace_side side, bool reset, double ms)
{
	x->closed = true;
	x->closed_by = side;
	x->by_reset = reset;
	x->close = at_ms(ms);
	x->end = TRACE_END_CLOSED;
	x->observed_until = at_ms(ms + 40).at;
	if (reset) {
		x->path[side].rst = x->close;
		x->path[side].rsts = 1;
	} else {
		x->path[side].fin = x->close;
	}
}

/* 200,000 bytes by Content-Length */
static void got(struct exchange *x)
{
	asked_get(x);
	answer(x, 200, "OK");
	x->response.body_length = x->response.body_bytes = 200000;
	x->response.complete = true;
	x->response_end = x->path[PROXY].last_data = at_ms(200);
	x->bytes[PROXY] = x->path[PROXY].bytes = 200300;
	x->path[PROXY].packets = 140;
	x->path[PROXY].largest = x->path[PROXY].largest_passed = 1448;
	x->path[PROXY].large = 138;
	closes(x, CLIENT, false, 201);
}

static void half_got(struct exchange *x)
{
	got(x);
	x->response.complete = false;
	x->response.body_bytes = 30000;
	x->bytes[PROXY] = 30300;
	x->response_end = NO_MARK;
	x->closed = false;
	x->end = TRACE_END_OVER;
}

static void refused(struct exchange *x, unsigned status)
{
	asked_connect(x);
	answer(x, status, "Sorry");
	x->response.complete = true;
	closes(x, PROXY, false, 61);
}

static void tunnel(struct exchange *x)
{
	asked_connect(x);
	answer(x, 200, "Connection established");
	x->tunnel.open = true;
}

static void greeted(struct exchange *x)
{
	tunnel(x);
	x->tunnel.inner = PROTO_TLS;
	x->tls->hello = x->tls->hello_acked = true;
	x->tls->hello_bytes = 517;
	x->tls->hello_segments = 1;
	x->tls->sni = SLICE("tools.example.net");
	x->hello = x->tunnel.first[CLIENT] = x->tunnel.last[CLIENT] = at_ms(65);
	x->path[CLIENT].last_data = at_ms(65);
	x->path[CLIENT].largest = x->path[CLIENT].largest_passed = 517;
	x->tunnel.bytes[CLIENT] = 517;
	x->observed_until = at_ms(85).at;
}

static void served(struct exchange *x)
{
	greeted(x);
	x->tls->server_hello = true;
	x->tls->version = 0x0303;
	x->server_hello = x->tunnel.first[PROXY] = x->tunnel.last[PROXY] = at_ms(90);
	x->path[PROXY].last_data = at_ms(90);
	x->tunnel.bytes[PROXY] = 2900;
	x->observed_until = at_ms(100).at;
}

static void certified(struct exchange *x)
{
	served(x);
	x->tls->certificates = 2;
	x->tls->subject = SLICE("CN=tools.example.net");
	x->tls->names = SLICE("tools.example.net");
	x->tls->issuer = SLICE("CN=Example Issuing CA 1, O=Example Trust");
	x->tls->top_issuer = SLICE("CN=Example Root");
	x->tls->not_before = START - 1000 * S;
	x->tls->not_after = START + 1000 * S;
	x->tls->name = NAME_MATCHES;
	struct mark m = at_ms(90);
	trace_add(x, EV_CERTIFICATE, PROXY, &m, 2);
}

static void alerted(struct exchange *x, enum trace_side side, uint8_t what)
{
	struct mark m = at_ms(95);
	x->tls->alert = true;
	x->tls->alert_level = 2;
	x->tls->alert_what = what;
	x->tls->alert_from = side;
	trace_add(x, EV_ALERT, side, &m, (uint64_t)what << 8 | 2);
	closes(x, side, side == CLIENT, 96);
}

/* A download of 120,000 bytes in a tunnel, not closed yet. */
static void flowing(struct exchange *x)
{
	served(x);
	x->tls->version = 0x0304;
	x->tls->done = true;
	x->tls_done = at_ms(92);
	x->first_app_up = x->tls->last_app[CLIENT] = at_ms(93);
	x->first_byte = at_ms(115);
	x->tls->last_app[PROXY] = x->tunnel.last[PROXY] = x->path[PROXY].last_data = at_ms(400);
	x->tunnel.last[CLIENT] = x->path[CLIENT].last_data = at_ms(93);
	x->tls->records[CLIENT] = 2;
	x->tls->records[PROXY] = 9;
	x->tls->app_bytes[CLIENT] = 200;
	x->tls->app_bytes[PROXY] = 120000;
	x->tls->last_record[CLIENT] = x->tls->largest_record[CLIENT] = 125;
	x->tls->last_record[PROXY] = 5301;
	x->tls->largest_record[PROXY] = 16401;
	x->tls->same_records[CLIENT] = x->tls->same_records[PROXY] = 1;
	x->tunnel.bytes[PROXY] = x->bytes[PROXY] = 120000;
	x->path[PROXY].packets = 90;
	x->path[PROXY].largest = x->path[PROXY].largest_passed = 1448;
	x->path[PROXY].large = 82;
	x->observed_until = at_ms(420).at;
}

/* A request in a tunnel, and since the handshake not a word. */
static void unanswered(struct exchange *x)
{
	flowing(x);
	x->first_byte = x->tls->last_app[PROXY] = NO_MARK;
	x->tunnel.last[PROXY] = x->path[PROXY].last_data = at_ms(90);
	x->tls->app_bytes[PROXY] = x->tls->last_record[PROXY] = x->tls->largest_record[PROXY] = 0;
}

static void downloaded(struct exchange *x)
{
	flowing(x);
	closes(x, CLIENT, false, 400.4);
	x->tls->close_notify[CLIENT] = true;
}

static void even(struct exchange *x, uint32_t record, uint32_t times)
{
	flowing(x);
	x->tls->last_record[PROXY] = x->tls->largest_record[PROXY] = record;
	x->tls->same_records[PROXY] = times;
	x->tls->records[PROXY] = times;
}

static void upload(struct exchange *x)
{
	asked(x, "POST", "http://tools.example.net/upload");
	x->request.body_length = x->request.body_bytes = 30000;
	x->request_acked = NO_MARK;
	x->path[CLIENT].largest = 1448;
	x->path[CLIENT].largest_passed = 0;
	x->path[CLIENT].large = 10;
	x->path[CLIENT].first_large = x->path[CLIENT].last_large = at_ms(22);
	x->path[CLIENT].unacked = 14480;
	x->path[CLIENT].stuck_size = x->path[CLIENT].stuck_smallest = 1448;
	x->path[CLIENT].stuck_times = 6;
	x->path[CLIENT].stuck_first = at_ms(22);
	x->path[CLIENT].stuck_last = at_ms(7200);
	x->observed_until = at_ms(7200).at;
}

static void large_up(struct exchange *x, double large, double rst)
{
	flowing(x);
	x->path[CLIENT].largest = 1448;
	x->path[CLIENT].large = 4;
	x->path[CLIENT].first_large = x->path[CLIENT].last_large = at_ms(large);
	closes(x, PROXY, true, rst);
}

static void hole_down(struct exchange *x, uint64_t hole, double shown, double end)
{
	greeted(x);
	x->path[PROXY].largest = x->path[PROXY].largest_passed = 39;
	x->path[PROXY].hole = hole;
	x->path[PROXY].hole_shown = at_ms(shown);
	closes(x, CLIENT, false, end);
}

/* ---- the cases
 * -------------------------------------------------------------------------------------- */

#define P x->path[PROXY]
#define C x->path[CLIENT]

/* name, verdict, what to begin with; what happens then */
#define CASES(CASE)                                                                                \
	CASE(get_whole, V_OK, got, )                                                               \
	CASE(tunnel_closed_by_client, V_OK, downloaded, )                                          \
	CASE(next_request_follows, V_OK, got, x->next_began = true; x->closed = false)             \
	CASE(reset_after_whole_answer, V_OK, got, closes(x, CLIENT, true, 201))                    \
	CASE(kept_alive_then_idle, V_OK, downloaded, closes(x, CLIENT, false, 60000))              \
	CASE(server_leaves_out_close_notify, V_OK, flowing, closes(x, PROXY, false, 401))          \
	CASE(server_idle_time_out_twice, V_OK, flowing, x->tls->app_bytes[PROXY] = 900;            \
	     x->tunnel.bytes[PROXY] = 4000; closes(x, PROXY, false, 20000);                        \
	     x->links.same_age_cuts = 1; x->links.cut_age = 20 * S)                                \
	CASE(server_idle_time_out_after_little, V_OK, flowing, x->tls->app_bytes[PROXY] = 900;     \
	     x->tunnel.bytes[PROXY] = 4000; closes(x, PROXY, false, 20000))                        \
	CASE(reset_after_close_notify, V_OK, flowing, x->tls->close_notify[PROXY] = true;          \
	     closes(x, PROXY, true, 401))                                                          \
	CASE(full_last_record_left_at_once, V_OK, even, closes(x, CLIENT, false, 400.5))           \
	CASE(idle_after_full_last_record, V_OK, even, closes(x, CLIENT, false, 30000))             \
	CASE(small_reordering, V_OK, downloaded, P.reordered = 9; P.spurious = 3; P.retrans = 3)   \
	CASE(one_quick_repair, V_OK, downloaded, P.repairs = 1; P.retrans = 0;                     \
	     P.repair_time = 25 * MS)                                                              \
	CASE(pmtud_by_proxy, V_OK, downloaded, P.repairs = 3; P.repair_time = 300 * MS;            \
	     P.large = 0; P.largest_passed = 1148; P.bytes = 120000)                               \
	CASE(pmtud_by_client, V_OK, got, x->icmp->too_big = x->icmp->adapted = true;               \
	     x->icmp->count = 9; x->icmp->mtu = 1200; x->icmp->about = CLIENT; C.retrans = 12;     \
	     C.repair_time = 500 * MS)                                                             \
	CASE(ping_pong_http2, V_OK, downloaded, x->tls->last_app[CLIENT] = at_ms(410);             \
	     x->tls->last_record[CLIENT] = 30; closes(x, CLIENT, false, 20000))                    \
	CASE(unused_preconnect, V_OK, connected, closes(x, CLIENT, false, 5000))                   \
	CASE(unused_preconnect_timed_out, V_OK, connected, closes(x, PROXY, false, 60000))         \
	CASE(challenge_407, V_CHALLENGED, asked_connect, answer(x, 407, "Auth");                   \
	     x->links.answered_challenge = true)                                                   \
	CASE(challenge_stale, V_CHALLENGED, asked_connect, answer(x, 407, "Auth");                 \
	     x->request.auth = SCHEME_DIGEST; x->response.stale = true;                            \
	     x->links.answered_challenge = true)                                                   \
	CASE(syn_only, V_OPEN, handshake, )                                                        \
	CASE(second_syn_just_sent, V_OPEN, handshake, x->syns = 2; x->last = at_ms(300))           \
	CASE(request_under_way, V_OPEN, asked_connect, )                                           \
	CASE(hello_under_way, V_OPEN, greeted, )                                                   \
	CASE(body_under_way, V_OPEN, half_got, )                                                   \
	CASE(hole_just_now, V_OPEN, flowing, P.hole = 1448; P.hole_shown = at_ms(399))             \
	CASE(idle_tunnel, V_OPEN, flowing, x->observed_until = at_ms(90000).at)                    \
	CASE(four_seconds, V_OPEN, asked_get, x->observed_until = at_ms(4900).at)                  \
	CASE(middle_of_tunnel, V_UNCLEAR, handshake, x->syn = NO_MARK; x->began_late = true;       \
	     x->bytes[CLIENT] = x->bytes[PROXY] = 900; x->suspect = true)                          \
	CASE(one_direction_request, V_UNCLEAR, asked_connect, x->both_ways = false;                \
	     x->observed_until = at_ms(9000).at)                                                   \
	CASE(answer_lost_by_capture, V_UNCLEAR, asked_connect, P.missing = 500;                    \
	     closes(x, CLIENT, false, 9000))                                                       \
	CASE(status_407_alone, V_UNCLEAR, connected, answer(x, 407, "Auth"))                       \
	CASE(status_407_head_cut, V_UNCLEAR, asked_connect, C.unseen = 60; answer(x, 407, "Auth")) \
	CASE(refused_rst, V_PROXY_REFUSED, handshake, closes(x, PROXY, true, 20))                  \
	CASE(refused_suspect, V_PROXY_REFUSED, handshake, x->suspect = true;                       \
	     closes(x, PROXY, true, 20))                                                           \
	CASE(refused_elsewhere, V_UNCLEAR, handshake, x->suspect = true;                           \
	     x->links.capture_has_proxy = true; closes(x, PROXY, true, 20))                        \
	CASE(accepted_then_reset_idle, V_OK, connected, closes(x, PROXY, true, 60000))             \
	CASE(unreachable_syns, V_PROXY_UNREACHABLE, handshake, x->syns = 4; x->last = at_ms(7000)) \
	CASE(unreachable_icmp, V_PROXY_UNREACHABLE, handshake, x->icmp->unreachable = true;        \
	     x->icmp->count = 1; x->icmp->mark = at_ms(10);                                        \
	     x->icmp->name = "administratively prohibited")                                        \
	CASE(unreachable_late_syn_ack, V_OPEN, connected, x->syns = 4; x->last = at_ms(100))       \
	CASE(reset_no_answer, V_PROXY_RESET, asked_connect, closes(x, PROXY, true, 45))            \
	CASE(reset_before_request, V_PROXY_RESET, connected, closes(x, PROXY, true, 45))           \
	CASE(reset_reused, V_PROXY_RESET, asked_get, x->reused = true; closes(x, PROXY, true, 45)) \
	CASE(closed_no_answer, V_PROXY_CLOSED, asked_connect, closes(x, PROXY, false, 45))         \
	CASE(closed_reused, V_PROXY_CLOSED, asked_get, x->reused = true;                           \
	     closes(x, PROXY, false, 45))                                                          \
	CASE(silent_gave_up, V_PROXY_SILENT, asked_connect, closes(x, CLIENT, false, 8000))        \
	CASE(silent_to_the_end, V_PROXY_SILENT, asked_get, x->observed_until = at_ms(6000).at)     \
	CASE(silent_two_seconds, V_PROXY_SILENT, asked_get, closes(x, CLIENT, true, 2100))         \
	CASE(silent_not_but_cancelled, V_CLIENT_ABORTED, asked_get, closes(x, CLIENT, false, 300)) \
	CASE(lost_request, V_REQUEST_LOST, asked_connect, x->request_acked = NO_MARK;              \
	     C.unacked = C.stuck_size = C.stuck_smallest = 126; C.stuck_times = 5;                 \
	     C.stuck_first = at_ms(21); C.stuck_last = at_ms(6000);                                \
	     x->observed_until = at_ms(6000).at)                                                   \
	CASE(lost_request_gave_up, V_REQUEST_LOST, asked_get, x->request_acked = NO_MARK;          \
	     C.unacked = C.stuck_size = 300; C.stuck_times = 4; C.stuck_first = at_ms(21);         \
	     C.stuck_last = at_ms(1500); closes(x, CLIENT, false, 3000))                           \
	CASE(lost_once_at_end, V_OPEN, asked_get, x->request_acked = NO_MARK;                      \
	     C.unacked = C.stuck_size = 300; C.stuck_times = 2; C.stuck_first = at_ms(21);         \
	     C.stuck_last = at_ms(240); x->observed_until = at_ms(250).at)                         \
	CASE(ssh_answers, V_NOT_A_PROXY, asked_connect, x->answer = PROTO_SSH;                     \
	     x->answer_start = SLICE("SSH-2.0-x"); x->bytes[PROXY] = 20;                           \
	     x->response_start = at_ms(50))                                                        \
	CASE(tls_answers, V_NOT_A_PROXY, asked_get, x->answer = PROTO_TLS; x->bytes[PROXY] = 7;    \
	     x->response_start = at_ms(50))                                                        \
	CASE(nginx_400, V_NOT_A_PROXY, refused, x->response.status = 400;                          \
	     x->response.server = SLICE("nginx/1.22.1"))                                           \
	CASE(iis_405, V_NOT_A_PROXY, refused, x->response.status = 405;                            \
	     x->response.server = SLICE("Microsoft-IIS/10.0"))                                     \
	CASE(squid_400, V_BAD_REQUEST, refused, x->response.status = 400;                          \
	     x->response.server = SLICE("squid/6.1"))                                              \
	CASE(nginx_proxy_via, V_METHOD_REFUSED, refused, x->response.status = 405;                 \
	     x->response.server = SLICE("nginx"); x->response.via = SLICE("1.1 p"))                \
	CASE(nginx_get_404, V_NOT_FOUND, asked_get, answer(x, 404, "Not Found");                   \
	     x->response.server = SLICE("nginx"); x->response.complete = true)                     \
	CASE(denied_403, V_DENIED, refused, x->response.status = 403)                              \
	CASE(denied_451, V_DENIED, refused, x->response.status = 451)                              \
	CASE(denied_get, V_DENIED, asked_get, answer(x, 403, "Forbidden"))                         \
	CASE(denied_then_reset_by_client, V_DENIED, refused, x->response.status = 403;             \
	     closes(x, CLIENT, true, 62))                                                          \
	CASE(denied_smokescreen, V_DENIED, refused, x->response.status = 407;                      \
	     x->response.title = SLICE("Egress proxying is denied to host"))                       \
	CASE(too_big_squid, V_TOO_LARGE, refused, x->response.status = 403;                        \
	     x->response.squid_error = SLICE("ERR_TOO_BIG 0"))                                     \
	CASE(too_large_413, V_TOO_LARGE, refused, x->response.status = 413)                        \
	CASE(auth_none, V_AUTH_REQUIRED, refused, x->response.status = 407;                        \
	     x->response.offers = 1; x->response.offered[0] = SCHEME_BASIC)                        \
	CASE(auth_u_for_U, V_AUTH_REQUIRED, asked_get, answer(x, 407, "Auth");                     \
	     x->response.offers = 1; x->response.offered[0] = SCHEME_DIGEST;                       \
	     x->request.origin_credentials = true)                                                 \
	CASE(auth_wrong, V_AUTH_REJECTED, refused, x->response.status = 407;                       \
	     x->request.auth = SCHEME_BASIC; x->response.offers = 1;                               \
	     x->response.offered[0] = SCHEME_BASIC)                                                \
	CASE(auth_wrong_tinyproxy, V_AUTH_REJECTED, refused, x->response.status = 401;             \
	     x->request.auth = SCHEME_BASIC)                                                       \
	CASE(auth_ntlm, V_AUTH_UNSUPPORTED, refused, x->response.status = 407;                     \
	     x->response.offers = 2; x->response.offered[0] = SCHEME_NEGOTIATE;                    \
	     x->response.offered[1] = SCHEME_NTLM)                                                 \
	CASE(auth_ntlm_tried, V_AUTH_UNSUPPORTED, refused, x->response.status = 407;               \
	     x->request.auth = SCHEME_NTLM; x->response.offers = 1;                                \
	     x->response.offered[0] = SCHEME_NTLM)                                                 \
	CASE(auth_ntlm_or_basic, V_AUTH_REQUIRED, refused, x->response.status = 407;               \
	     x->response.offers = 2; x->response.offered[0] = SCHEME_NTLM;                         \
	     x->response.offered[1] = SCHEME_BASIC)                                                \
	CASE(bad_400, V_BAD_REQUEST, refused, x->response.status = 400)                            \
	CASE(origin_401, V_UNAUTHORIZED, asked_get, answer(x, 401, "Unauthorized"))                \
	CASE(origin_401_through_login, V_UNAUTHORIZED, asked_get, answer(x, 401, "Unauthorized");  \
	     x->request.auth = SCHEME_BASIC; x->response.via = SLICE("1.1 p"))                     \
	CASE(connect_401, V_UNAUTHORIZED, refused, x->response.status = 401)                       \
	CASE(envoy_404, V_NOT_FOUND, refused, x->response.status = 404;                            \
	     x->response.server = SLICE("envoy"))                                                  \
	CASE(method_405, V_METHOD_REFUSED, refused, x->response.status = 405)                      \
	CASE(rate_429, V_RATE_LIMITED, refused, x->response.status = 429)                          \
	CASE(rate_429_get, V_RATE_LIMITED, asked_get, answer(x, 429, "Slow down"))                 \
	CASE(error_500, V_SERVER_ERROR, refused, x->response.status = 500)                         \
	CASE(error_505, V_SERVER_ERROR, refused, x->response.status = 505)                         \
	CASE(gateway_502, V_BAD_GATEWAY, refused, x->response.status = 502)                        \
	CASE(gateway_502_get, V_BAD_GATEWAY, asked_get, answer(x, 502, "Proxy Error"))             \
	CASE(unavailable_503, V_UNAVAILABLE, refused, x->response.status = 503)                    \
	CASE(unavailable_503_late, V_UNAVAILABLE, refused, x->response.status = 503;               \
	     x->response_start = at_ms(6000); closes(x, PROXY, false, 6001))                       \
	CASE(timeout_504, V_GATEWAY_TIMEOUT, refused, x->response.status = 504)                    \
	CASE(timeout_504_get, V_GATEWAY_TIMEOUT, asked_get, answer(x, 504, "Timeout"))             \
	CASE(other_511, V_OTHER_STATUS, refused, x->response.status = 511)                         \
	CASE(other_594, V_OTHER_STATUS, refused, x->response.status = 594)                         \
	CASE(tls_silence, V_TLS_SILENT, greeted, closes(x, CLIENT, false, 9000))                   \
	CASE(tls_silence_to_the_end, V_TLS_SILENT, greeted, x->tls->hello_segments = 2;            \
	     x->tls->post_quantum = true; x->observed_until = at_ms(6000).at)                      \
	CASE(tls_rst, V_TLS_RESET, greeted, closes(x, PROXY, true, 90))                            \
	CASE(tls_rst_big_hello, V_TLS_RESET, greeted, x->tls->hello_segments = 2;                  \
	     x->tls->post_quantum = true; C.first_large = at_ms(65); C.large = 1;                  \
	     C.largest = 1448; closes(x, PROXY, true, 90))                                         \
	CASE(tls_rst_after_server_hello, V_TLS_RESET, served, closes(x, PROXY, true, 95))          \
	CASE(tls_fin, V_TLS_CLOSED, greeted, closes(x, PROXY, false, 90))                          \
	CASE(tls_fin_late, V_TLS_CLOSED, greeted, closes(x, PROXY, false, 8000))                   \
	CASE(tls_answer_hidden, V_UNCLEAR, greeted, P.missing = 900;                               \
	     x->tls->out_of_step[1] = true; closes(x, PROXY, false, 90))                           \
	CASE(ssh_in_tunnel, V_NOT_TLS, greeted, x->tunnel.answer = PROTO_SSH;                      \
	     x->tunnel.bytes[PROXY] = 30; x->tunnel.first[PROXY] = at_ms(80))                      \
	CASE(ssh_spoke_first, V_NOT_TLS, greeted, x->tunnel.inner = PROTO_SSH;                     \
	     x->tunnel.bytes[PROXY] = 30; x->tunnel.first[PROXY] = at_ms(62);                      \
	     closes(x, CLIENT, true, 70))                                                          \
	CASE(ssh_wanted, V_OK, tunnel, x->tunnel.inner = PROTO_SSH; x->tunnel.bytes[PROXY] = 900;  \
	     x->tunnel.bytes[CLIENT] = 900; closes(x, CLIENT, false, 900))                         \
	CASE(alert_of_origin, V_TLS_ALERT, greeted, alerted(x, PROXY, 40))                         \
	CASE(alert_of_client, V_TLS_ALERT, certified, alerted(x, CLIENT, 48))                      \
	CASE(alert_encrypted, V_TLS_ALERT, served, x->tls->version = 0x0304;                       \
	     x->tls->likely_alert = true; x->tls->likely_alert_from = CLIENT;                      \
	     closes(x, CLIENT, false, 96))                                                         \
	CASE(alert_survived, V_OK, downloaded, x->tls->alert = true; x->tls->alert_level = 1;      \
	     x->tls->alert_what = 112; x->tls->alert_from = PROXY)                                 \
	CASE(inspected_rejected, V_TLS_INTERCEPTED, certified,                                     \
	     x->tls->issuer = SLICE("CN=Corp TLS Inspection CA");                                  \
	     alerted(x, CLIENT, 48))                                                               \
	CASE(inspected_by_shape, V_TLS_INTERCEPTED, certified, x->tls->issued_by_top = true;       \
	     alerted(x, CLIENT, 48))                                                               \
	CASE(inspected_accepted, V_TLS_INTERCEPTED, downloaded, x->tls->certificates = 2;          \
	     x->tls->issuer = SLICE("CN=Zscaler Intermediate Root CA"))                            \
	CASE(private_authority_accepted, V_OK, downloaded, x->tls->certificates = 2;               \
	     x->tls->issuer = SLICE("CN=Example CA"); x->tls->issued_by_top = true)                \
	CASE(expired, V_TLS_UNTRUSTED, certified, x->tls->not_after = START - S;                   \
	     alerted(x, CLIENT, 45))                                                               \
	CASE(wrong_name, V_TLS_UNTRUSTED, certified, x->tls->name = NAME_DIFFERS;                  \
	     closes(x, CLIENT, false, 96))                                                         \
	CASE(expired_accepted, V_OK, downloaded, x->tls->certificates = 1;                         \
	     x->tls->not_before = START - 9 * S; x->tls->not_after = START - S)                    \
	CASE(hole_at_once, V_MTU_BLACK_HOLE, hole_down, )                                          \
	CASE(hole_shown_by_the_end, V_MTU_BLACK_HOLE, hole_down, P.hole_shown = at_ms(14050))      \
	CASE(stuck_up, V_MTU_BLACK_HOLE, upload, )                                                 \
	CASE(stuck_up_small_passed, V_MTU_BLACK_HOLE, upload, C.small_passed = 2;                  \
	     C.largest_passed = 300)                                                               \
	CASE(stuck_down_at_proxy, V_MTU_BLACK_HOLE, half_got, P.unacked = 13032;                   \
	     P.stuck_size = P.stuck_smallest = 1448; P.stuck_times = 6; P.small_passed = 1;        \
	     P.largest_passed = 168; P.stuck_first = at_ms(60); P.stuck_last = at_ms(7000);        \
	     closes(x, CLIENT, false, 12000))                                                      \
	CASE(hole_but_large_passed, V_TLS_SILENT, hole_down, P.large = 3; P.largest_passed = 1448) \
	CASE(hole_of_a_small_one, V_TLS_SILENT, hole_down, P.hole = 200)                           \
	CASE(stuck_but_large_passed, V_REQUEST_LOST, upload, C.largest_passed = 1448)              \
	CASE(stuck_small_too, V_REQUEST_LOST, upload, C.stuck_smallest = 200;                      \
	     C.largest_passed = 300; C.small_passed = 1)                                           \
	CASE(stuck_one_direction, V_UNCLEAR, upload, x->both_ways = false)                         \
	CASE(large_reset, V_LARGE_SEGMENT_RESET, large_up, )                                       \
	CASE(large_reset_later, V_TRANSFER_RESET, large_up, closes(x, PROXY, true, 3000))          \
	CASE(large_reset_by_client, V_OK, got, C.first_large = at_ms(199);                         \
	     closes(x, CLIENT, true, 201))                                                         \
	CASE(icmp_ignored, V_MTU_SIGNALLED, upload, x->icmp->too_big = true; x->icmp->count = 9;   \
	     x->icmp->mtu = 1200; x->icmp->mark = at_ms(42); x->icmp->about = CLIENT;              \
	     x->icmp->large_after = 5)                                                             \
	CASE(icmp_ignored_stuck, V_MTU_SIGNALLED, upload, x->icmp->too_big = true;                 \
	     x->icmp->mtu = 1400; x->icmp->mark = at_ms(42); x->icmp->about = CLIENT)              \
	CASE(stalled_body, V_TRANSFER_STALLED, half_got, closes(x, CLIENT, false, 12000))          \
	CASE(stalled_record, V_TRANSFER_STALLED, flowing, x->tls->record_left[PROXY] = 900;        \
	     closes(x, CLIENT, false, 12000))                                                      \
	CASE(stalled_idle_fin, V_TRANSFER_STALLED, flowing, closes(x, PROXY, false, 8800))         \
	CASE(stalled_unanswered, V_TRANSFER_STALLED, flowing,                                      \
	     x->tls->last_app[CLIENT] = at_ms(500);                                                \
	     x->observed_until = at_ms(9000).at)                                                   \
	CASE(stalled_until_the_client_left, V_TRANSFER_STALLED, unanswered,                        \
	     closes(x, CLIENT, false, 6100))                                                       \
	CASE(stalled_then_a_farewell, V_TRANSFER_STALLED, unanswered,                              \
	     x->first_byte = x->tunnel.last[PROXY] = at_ms(6101);                                  \
	     x->tls->close_notify[PROXY] = true; closes(x, CLIENT, false, 6100))                   \
	CASE(stalled_then_a_farewell_before_the_fin, V_TRANSFER_STALLED, unanswered,               \
	     x->first_byte = x->tunnel.last[PROXY] = at_ms(6099);                                  \
	     x->tls->close_notify[PROXY] = true; closes(x, CLIENT, false, 6100))                   \
	CASE(stalled_behind_a_ticket, V_TRANSFER_STALLED, unanswered,                              \
	     x->tls->last_app[PROXY] = at_ms(92);                                                  \
	     x->first_byte = x->tunnel.last[PROXY] = at_ms(6099);                                  \
	     x->tls->close_notify[PROXY] = true; closes(x, CLIENT, false, 6100))                   \
	CASE(slow_and_then_a_farewell, V_SLOW, unanswered,                                         \
	     x->first_byte = x->tls->last_app[PROXY] = x->tunnel.last[PROXY] = at_ms(6000);        \
	     x->tls->close_notify[PROXY] = true; closes(x, CLIENT, false, 6100))                   \
	CASE(dismissed, V_TRANSFER_TRUNCATED, unanswered,                                          \
	     x->first_byte = x->tunnel.last[PROXY] = at_ms(1200);                                  \
	     x->tls->close_notify[PROXY] = true; closes(x, PROXY, false, 1201))                    \
	CASE(dismissed_and_the_client_closes, V_TRANSFER_TRUNCATED, unanswered,                    \
	     x->first_byte = x->tunnel.last[PROXY] = at_ms(1200);                                  \
	     x->tls->close_notify[PROXY] = true; closes(x, CLIENT, false, 1202))                   \
	CASE(dismissed_after_a_silence, V_TRANSFER_STALLED, unanswered,                            \
	     x->first_byte = x->tunnel.last[PROXY] = at_ms(7200);                                  \
	     x->tls->close_notify[PROXY] = true; closes(x, PROXY, false, 7201))                    \
	CASE(dismissed_when_answered, V_OK, flowing, x->tls->close_notify[PROXY] = true;           \
	     x->tls->last_app[CLIENT] = at_ms(401); closes(x, PROXY, false, 402))                  \
	CASE(refused_behind_the_handshake, V_TLS_ALERT, unanswered, x->tls->likely_alert = true;   \
	     x->tls->likely_alert_from = PROXY;                                                    \
	     x->first_byte = x->tunnel.last[PROXY] = at_ms(115);                                   \
	     x->tls->close_notify[PROXY] = true; closes(x, PROXY, false, 116))                     \
	CASE(dismissed_by_what_may_be_an_alert, V_TRANSFER_TRUNCATED, unanswered,                  \
	     x->tls->likely_alert = true;                                                          \
	     x->tls->likely_alert_from = PROXY;                                                    \
	     x->first_byte = x->tunnel.last[PROXY] = at_ms(900);                                   \
	     x->tls->close_notify[PROXY] = true; closes(x, PROXY, false, 901))                     \
	CASE(unanswered_and_left_soon, V_OK, unanswered,                                           \
	     x->first_byte = x->tunnel.last[PROXY] = at_ms(2101);                                  \
	     x->tls->close_notify[PROXY] = true; closes(x, CLIENT, false, 2100))                   \
	CASE(stalled_text, V_TRANSFER_STALLED, flowing, x->from_text = true; x->rtt = NO_TIME;     \
	     x->tunnel.last[CLIENT] = at_ms(900); x->tls->last_app[CLIENT] = at_ms(900);           \
	     x->observed_until = at_ms(900).at)                                                    \
	CASE(stalled_not_yet, V_OPEN, half_got, x->observed_until = at_ms(3000).at)                \
	CASE(stalled_stream_of_events, V_OK, half_got, x->response.complete = true;                \
	     closes(x, CLIENT, false, 12000))                                                      \
	CASE(cut_body, V_TRANSFER_TRUNCATED, half_got, closes(x, PROXY, false, 201))               \
	CASE(cut_record, V_TRANSFER_TRUNCATED, flowing, x->tls->record_left[PROXY] = 900;          \
	     closes(x, PROXY, false, 401))                                                         \
	CASE(cut_same_age, V_TRANSFER_TRUNCATED, flowing, x->links.same_age_cuts = 1;              \
	     x->links.cut_age = 4 * S; P.rst = at_ms(450); P.rsts = 2;                             \
	     closes(x, PROXY, false, 430))                                                         \
	CASE(cut_even_flow, V_TRANSFER_TRUNCATED, even, closes(x, PROXY, false, 430))              \
	CASE(rst_in_record, V_TRANSFER_RESET, flowing, x->tls->record_left[PROXY] = 900;           \
	     closes(x, PROXY, true, 600))                                                          \
	CASE(rst_in_body, V_TRANSFER_RESET, half_got, closes(x, PROXY, true, 201))                 \
	CASE(fin_then_rst, V_TRANSFER_RESET, flowing, closes(x, PROXY, false, 660);                \
	     P.rst = at_ms(680); P.rsts = 2)                                                       \
	CASE(aborted_body, V_CLIENT_ABORTED, half_got, closes(x, CLIENT, false, 220))              \
	CASE(aborted_record, V_CLIENT_ABORTED, flowing, x->tls->record_left[PROXY] = 900;          \
	     closes(x, CLIENT, false, 420))                                                        \
	CASE(aborted_flow, V_CLIENT_ABORTED, even, closes(x, CLIENT, false, 415))                  \
	CASE(aborted_data_after_fin, V_CLIENT_ABORTED, downloaded, P.after_peer_fin = 9000)        \
	CASE(aborted_not_by_last_words, V_OK, downloaded, P.after_peer_fin = 24)                   \
	CASE(window_shut, V_RECEIVER_STALLED, got, P.zero_window = at_ms(100);                     \
	     P.zero_window_time = 4 * S; closes(x, CLIENT, false, 4400))                           \
	CASE(window_shut_for_good, V_RECEIVER_STALLED, half_got, P.zero_window = at_ms(100);       \
	     P.zero_window_at_end = true; x->observed_until = at_ms(9000).at)                      \
	CASE(window_shut_shortly, V_OK, got, P.zero_window = at_ms(100);                           \
	     P.zero_window_time = 300 * MS)                                                        \
	CASE(lossy_often, V_LOSSY, downloaded, P.repairs = 6; P.repair_time = 150 * MS)            \
	CASE(lossy_dear, V_LOSSY, got, P.repairs = 1; P.repair_time = 2 * S;                       \
	     closes(x, CLIENT, false, 2300))                                                       \
	CASE(slow_connect, V_SLOW, got, x->response_start = at_ms(3300);                           \
	     closes(x, CLIENT, false, 3400))                                                       \
	CASE(slow_first_byte, V_SLOW, downloaded, x->first_byte = at_ms(4000);                     \
	     x->tls->last_app[PROXY] = at_ms(4100); closes(x, CLIENT, false, 4101))                \
	CASE(slow_but_long, V_OK, got, x->response_start = at_ms(1900);                            \
	     closes(x, CLIENT, false, 60000))                                                      \
	CASE(slow_as_the_path, V_OK, got, x->rtt = 600 * MS; x->response_start = at_ms(4000);      \
	     closes(x, CLIENT, false, 9000))

/* Bases that take more than the exchange get it here. */
#define even(x)      even(x, 16401, 12)
#define hole_down(x) hole_down(x, 2873, 295, 14000)
#define large_up(x)  large_up(x, 410, 431)
#define refused(x)   refused(x, 403)

#define DEFINE(name, verdict, base, ...)                                                           \
	static void case_##name(struct exchange *x)                                                \
	{                                                                                          \
		base(x);                                                                           \
		__VA_ARGS__;                                                                       \
	}
CASES(DEFINE)

#define ENTRY(name, verdict, base, ...) { #name, verdict, case_##name },
static const struct {
	const char *name;
	enum verdict want;
	void (*build)(struct exchange *x);
} cases[] = { CASES(ENTRY) };

enum { CASES_COUNT = sizeof cases / sizeof *cases };

/* ---- tests
 * -------------------------------------------------------------------------------------------- */

static void check_string(const char *s)
{
	assert_non_null(s);
	size_t len = strlen(s);
	assert_true(len > 0);
	assert_true(s[len - 1] != '.' || (len > 3 && strcmp(s + len - 3, "...") == 0));
	assert_true(s[0] != ' ' && s[len - 1] != ' ');
	assert_null(strstr(s, "(null)"));
	assert_null(strstr(s, "  "));
	struct slice rest = slice_of(s);
	uint32_t code;
	while (rest.len) {
		size_t n = escape_read_utf8(rest, &code);
		assert_true(n > 0 && code >= 0x20);
		rest = slice_from(rest, n);
	}
}

static void check_diagnosis(const struct exchange *x, const struct finding *f)
{
	struct arena *arena = arena_new(16384);
	struct diagnosis d;
	assert_true(diagnose_explain(x, f, arena, &d));
	assert_int_equal(d.verdict, f->verdict);
	check_string(d.summary);
	for (size_t i = 0; i < d.evidences; i++)
		check_string(d.evidence[i].what);
	for (size_t i = 0; i < d.causes; i++)
		check_string(d.cause[i]);
	for (size_t i = 0; i < d.remedies; i++) {
		check_string(d.remedy[i]);
		assert_true(strncmp(d.remedy[i], "on the ", 7) == 0 ||
			    strncmp(d.remedy[i], "in the network: ", 16) == 0);
	}
	if (d.severity == SEVERITY_FAILURE)
		assert_true(d.remedies > 0 && d.evidences > 0);
	if (getenv("SHOW_DIAGNOSES"))
		fprintf(stderr, "%s: %s\n", verdict_id(d.verdict), d.summary);
	arena_free(arena);
}

static void each_case_gets_its_verdict(void **state)
{
	(void)state;
	unsigned wrong = 0, shown[V_COUNT_] = { 0 };
	for (size_t i = 0; i < CASES_COUNT; i++) {
		struct exchange *x = trace_new(TRACE_CAPTURE, 65536);
		struct finding f;
		cases[i].build(x);
		diagnose_judge(x, &f);
		if (f.verdict != cases[i].want) {
			print_error("%s: %s, not %s\n", cases[i].name, verdict_id(f.verdict),
				    verdict_id(cases[i].want));
			wrong++;
		}
		shown[f.verdict]++;
		check_diagnosis(x, &f);
		assert_judged_alike(x);
		trace_free(x);
	}
	assert_int_equal(wrong, 0);
	for (int v = 0; v < V_COUNT_; v++) {
		/* what only a check can see, and what stands on one rule with one input */
		if (v != V_SETTINGS_INVALID && v != V_PROXY_UNRESOLVED && !shown[v])
			print_error("no case shows %s\n", verdict_id((enum verdict)v));
		assert_true(shown[v] || v == V_SETTINGS_INVALID || v == V_PROXY_UNRESOLVED);
	}
}

/* What the capture hides may make any of them unclear, never another failure. */
static void hiding_never_makes_another_failure(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES_COUNT; i++) {
		for (int way = 0; way < 3; way++) {
			struct exchange *x = trace_new(TRACE_CAPTURE, 65536);
			struct finding f;
			cases[i].build(x);
			x->both_ways = way == 0 ? false : x->both_ways;
			x->from_text = way == 1 ? true : x->from_text;
			if (way == 2)
				x->path[PROXY].missing = 3000, x->tls->out_of_step[PROXY] = true;
			diagnose_judge(x, &f);
			bool fails = verdict_severity(f.verdict) == SEVERITY_FAILURE;
			if (fails && f.verdict != cases[i].want)
				print_error("%s, hidden %d: %s\n", cases[i].name, way,
					    verdict_id(f.verdict));
			assert_true(!fails || f.verdict == cases[i].want);
			check_diagnosis(x, &f);
			trace_free(x);
		}
	}
}

static void everything_unknown_can_be_explained(void **state)
{
	(void)state;
	struct exchange *x = trace_new(TRACE_CAPTURE, 65536);
	for (int v = 0; v < V_COUNT_; v++) {
		for (int c = 0; c < CAUSE_COUNT_; c++) {
			struct finding f = { .verdict = (enum verdict)v, .cites = 1, .causes = 1 };
			f.cited[0] = at_ms(1);
			f.saw[0] = (enum sight)(c % SIGHT_COUNT_);
			f.cause[0] = (enum cause)c;
			f.dialect = (enum dialect)(c % DIALECT_COUNT_);
			f.answered_by = (enum answerer)(c % 5);
			f.slow = (enum slow_stage)(c % 6);
			f.side = (enum trace_side)(c % 2);
			check_diagnosis(x, &f);
		}
	}
	trace_free(x);
}

static void a_full_arena_leaves_whole_strings(void **state)
{
	(void)state;
	struct exchange *x = trace_new(TRACE_CAPTURE, 65536);
	struct finding f;
	struct diagnosis d;
	struct arena *arena = arena_new(64);
	case_denied_403(x);
	diagnose_judge(x, &f);
	assert_false(diagnose_explain(x, &f, arena, &d));
	check_string(d.summary);
	assert_int_equal(d.remedies, 0);
	arena_free(arena);
	trace_free(x);
}

static void foreign_bytes_stay_harmless(void **state)
{
	(void)state;
	struct exchange *x = trace_new(TRACE_CAPTURE, 65536);
	struct finding f;
	case_denied_403(x);
	x->request.target = SLICE("\x1b[31mevil\n%s%n:443");
	x->response.reason = SLICE("\xff\xfe%q");
	diagnose_judge(x, &f);
	check_diagnosis(x, &f);
	trace_free(x);
}

static void every_entry_has_its_texts(void **state)
{
	(void)state;
	for (int v = 0; v < V_COUNT_; v++) {
		enum verdict found;
		assert_true(verdict_find(slice_of(verdict_id((enum verdict)v)), &found));
		assert_int_equal(found, v);
		check_string(verdict_meaning((enum verdict)v));
		assert_non_null(VERDICT_WORDS[v].explained);
	}
	for (int c = 1; c < CAUSE_COUNT_; c++)
		check_string(CAUSE_WORDS[c].text);
	for (int s = 0; s < SIGHT_COUNT_; s++)
		check_string(SIGHT_WORDS[s]);
	for (int d = 0; d < DIALECT_COUNT_; d++)
		check_string(DIALECT_WORDS[d].name);
	for (size_t i = 0; i < CODE_WORDS_COUNT; i++)
		check_string(CODE_WORDS[i].remedy);
	static const unsigned codes[] = { 400, 401, 403, 404, 405, 407, 408, 413, 414,
					  429, 431, 451, 500, 502, 503, 504, 511 };
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		assert_non_null(catalogue_code(codes[i]));
}

static void explains(const char *what, const char *also, const char *has)
{
	struct buffer b;
	const char *nearest;
	buffer_init(&b, 65536);
	assert_true(catalogue_explain(&b, slice_of(what), slice_of(also), 72, &nearest));
	assert_true(slice_find(buffer_slice(&b), slice_of(has)) < b.len);
	struct slice rest = buffer_slice(&b);
	while (rest.len)
		assert_true(slice_line(&rest).len <= 72);
	buffer_done(&b);
}

static void the_catalogue_explains(void **state)
{
	(void)state;
	for (int v = 0; v < V_COUNT_; v++)
		explains(verdict_id((enum verdict)v), "", verdict_id((enum verdict)v));
	explains("407", "", "-U");
	explains("squid", "403", "http_access");
	explains("403", "squid", "ERR_TOO_BIG");
	explains("squid 503", "", "connect");
	explains("tinyproxy", "401", "password");
	explains("zscaler", "", "403");
	struct buffer b;
	const char *nearest;
	buffer_init(&b, 65536);
	assert_false(catalogue_explain(&b, SLICE("tls-silnet"), SLICE(""), 80, &nearest));
	assert_string_equal(nearest, "tls-silent");
	assert_false(catalogue_explain(&b, SLICE("zzzzzzzzzz"), SLICE(""), 80, &nearest));
	assert_null(nearest);
	assert_int_equal(b.len, 0);
	catalogue_list(&b, 80);
	assert_false(b.failed);
	buffer_done(&b);
}

static void products_are_recognised(void **state)
{
	(void)state;
	static const struct {
		enum dialect want;
		const char *server, *via, *title, *squid;
		unsigned status;
	} table[] = {
		{ DIALECT_SQUID, "squid/5.7", "1.1 p (squid/5.7)", "", "ERR_ACCESS_DENIED 0", 403 },
		{ DIALECT_TINYPROXY, "tinyproxy/1.11.1", "", "", "", 403 },
		{ DIALECT_APACHE, "Apache/2.4.57 (Debian)", "", "403 Proxy Error", "", 403 },
		{ DIALECT_HAPROXY, "", "",
		  "503 Service Unavailable No server is available to handle this "
		  "request.",
		  "", 503 },
		{ DIALECT_ENVOY, "envoy", "", "", "", 404 },
		{ DIALECT_ZSCALER, "Zscaler/6.2", "", "", "", 403 },
		{ DIALECT_CISCO_WSA, "", "1.1 wsa:80 (Cisco-WSA/14.5)", "", "", 403 },
		{ DIALECT_TRAFFIC_SERVER, "ATS/9.2.3", "", "", "", 502 },
		{ DIALECT_PRIVOXY, "", "", "Request blocked (Privoxy@localhost)", "", 403 },
		{ DIALECT_UNKNOWN, "", "", "Forbidden", "", 403 },
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct exchange *x = trace_new(TRACE_CAPTURE, 65536);
		struct finding f;
		case_denied_403(x);
		x->response.status = table[i].status;
		x->response.server = slice_of(table[i].server);
		x->response.via = slice_of(table[i].via);
		x->response.title = slice_of(table[i].title);
		x->response.squid_error = slice_of(table[i].squid);
		diagnose_judge(x, &f);
		assert_int_equal(f.dialect, table[i].want);
		assert_int_equal(f.answered_by, ANSWERER_PROXY);
		trace_free(x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_gets_its_verdict),
		cmocka_unit_test(hiding_never_makes_another_failure),
		cmocka_unit_test(everything_unknown_can_be_explained),
		cmocka_unit_test(a_full_arena_leaves_whole_strings),
		cmocka_unit_test(foreign_bytes_stay_harmless),
		cmocka_unit_test(every_entry_has_its_texts),
		cmocka_unit_test(the_catalogue_explains),
		cmocka_unit_test(products_are_recognised),
	};
	return cmocka_run_group_tests_name("diagnose", tests, NULL, NULL);
}
