/* Exchanges and diagnoses made by hand, for the tests of render. */
#ifndef UNIT_RENDER_SAMPLES_H
#define UNIT_RENDER_SAMPLES_H

#include "diagnose/diagnose.h"

#include <string.h>

#define SAMPLE_START INT64_C(1741951812517129000) /* 2025-03-14T11:30:12.517129Z */

static inline struct mark sample_mark(uint64_t frame, int64_t micros)
{
	return (struct mark){ .at = SAMPLE_START + micros * 1000, .frame = frame };
}

static inline struct address sample_address(const char *text)
{
	struct address a = { 0 };
	(void)address_parse(slice_of(text), &a);
	return a;
}

static inline void sample_event(struct exchange *x, enum event_kind kind, enum trace_side side,
				uint64_t frame, int64_t micros, uint64_t n)
{
	struct mark m = sample_mark(frame, micros);
	trace_add(x, kind, side, &m, n);
}

static inline void sample_handshake(struct exchange *x)
{
	x->first = x->syn = sample_mark(5, 0);
	x->syn_ack = sample_mark(6, 41200);
	x->rtt = 41200000;
	x->syns = 1;
	x->path[CLIENT].mss = 1460;
	x->path[PROXY].mss = 1300;
	sample_event(x, EV_SYN, CLIENT, 5, 0, 1);
	sample_event(x, EV_SYN_ACK, PROXY, 6, 41200, 0);
}

static inline void sample_connect(struct exchange *x, const char *target)
{
	x->request.method = SLICE("CONNECT");
	x->request.target = slice_of(target);
	x->request.is_connect = x->request.complete = true;
	x->request.minor = 1;
	x->request_start = x->request_end = sample_mark(8, 43071);
	sample_event(x, EV_REQUEST, CLIENT, 8, 43071, 118);
	sample_event(x, EV_REQUEST_END, CLIENT, 8, 43071, 0);
}

static inline void sample_answer(struct exchange *x, unsigned status, const char *reason)
{
	x->response.status = status;
	x->response.minor = 1;
	x->response.reason = slice_of(reason);
	x->answer = PROTO_HTTP;
	x->response_start = x->response_end = sample_mark(11, 219704);
	sample_event(x, EV_RESPONSE, PROXY, 11, 219704, status);
}

static inline struct exchange *sample_new(const char *client, const char *proxy)
{
	struct exchange *x = trace_new(TRACE_CAPTURE, 1 << 20);
	x->client = sample_address(client);
	x->proxy = sample_address(proxy);
	x->both_ways = true;
	x->path[CLIENT].packets = 7;
	x->path[PROXY].packets = 6;
	x->frames = 13;
	return x;
}

/* ---- what is diagnosed --------------------------------------------------------------------- */

static inline struct evidence sample_evidence(uint64_t frame, int64_t micros, const char *what)
{
	return (struct evidence){ .mark = sample_mark(frame, micros), .what = what };
}

static inline struct exchange *sample_denied(struct diagnosis *d)
{
	struct exchange *x = sample_new("10.40.40.1:48716", "10.10.10.1:80");
	sample_handshake(x);
	sample_connect(x, "tools.cisco.com:443");
	sample_answer(x, 403, "Forbidden");
	x->request.head =
		SLICE("CONNECT tools.cisco.com:443 HTTP/1.1\r\nHost: tools.cisco.com:443\r\n"
		      "User-Agent: curl/7.66.0\r\nProxy-Connection: Keep-Alive\r\n\r\n");
	x->response.head = SLICE("HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n"
				 "Content-Length: 123\r\nConnection: close\r\n\r\n");
	x->response.via = SLICE("1.1 gw-3 (squid/5.7)");
	sample_event(x, EV_RESPONSE_END, PROXY, 11, 219704, 123);
	sample_event(x, EV_FIN, PROXY, 12, 220010, 0);
	sample_event(x, EV_FIN, CLIENT, 14, 220871, 0);
	x->closed = true;
	x->closed_by = PROXY;
	x->close = sample_mark(12, 220010);
	x->last = sample_mark(15, 262104);
	x->observed_until = x->last.at;
	x->bytes[CLIENT] = 118;
	x->bytes[PROXY] = 221;
	trace_set_id(x);
	*d = (struct diagnosis){
		.verdict = V_DENIED,
		.stage = STAGE_REQUEST,
		.severity = SEVERITY_FAILURE,
		.confidence = CONFIDENCE_HIGH,
		.summary = "The proxy 10.10.10.1:80 refused CONNECT tools.cisco.com:443 with 403 "
			   "Forbidden, 176.6 ms after it was asked.",
		.evidence = { sample_evidence(8, 43071, "CONNECT tools.cisco.com:443 was sent"),
			      sample_evidence(11, 219704,
					      "403 Forbidden, Via: 1.1 gw-3 (squid/5.7)"),
			      sample_evidence(12, 220010, "the proxy closed with FIN") },
		.evidences = 3,
		.cause = { "An access list of the proxy does not allow this client to reach "
			   "tools.cisco.com:443: squid answers so where http_access denies.",
			   "The answer is larger than squid's reply_body_max_size, which it "
			   "refuses with "
			   "the same code." },
		.causes = 2,
		.remedy = { "proxy: allow CONNECT from 10.40.40.1 to tools.cisco.com port 443, and "
			    "look "
			    "into its access log at 11:30:12 UTC for the rule that decided.",
			    "client: if the proxy knows users, set the user name and password." },
		.remedies = 2,
		.product = "squid",
		.answered_by = "proxy",
	};
	return x;
}

static inline struct exchange *sample_black_hole(struct diagnosis *d)
{
	struct exchange *x = sample_new("[2001:db8:40::1]:51422", "[2001:db8:10:3::80]:3128");
	sample_handshake(x);
	sample_connect(x, "updates.example.com:443");
	sample_answer(x, 200, "Connection established");
	x->tunnel.open = true;
	x->hello = sample_mark(13, 221900);
	x->tls->hello = x->tls->hello_acked = true;
	x->tls->hello_bytes = 517;
	x->tls->sni = SLICE("updates.example.com");
	sample_event(x, EV_HELLO, CLIENT, 13, 221900, 517);
	x->path[PROXY].hole = 2600;
	x->path[PROXY].hole_shown = sample_mark(16, 301250);
	sample_event(x, EV_HOLE, PROXY, 16, 301250, 2600);
	sample_event(x, EV_SERVER_HELLO, PROXY, 16, 301250, 0);
	x->path[CLIENT].stuck_first = sample_mark(17, 303000);
	x->path[CLIENT].stuck_last = sample_mark(23, 6711000);
	x->path[CLIENT].stuck_size = 1440;
	x->path[CLIENT].stuck_times = 5;
	x->path[CLIENT].unacked = 1440;
	x->path[CLIENT].retrans = 4;
	sample_event(x, EV_LARGE, CLIENT, 17, 303000, 1440);
	sample_event(x, EV_RETRANS, CLIENT, 19, 711000, 1440);
	sample_event(x, EV_RETRANS, CLIENT, 21, 2311000, 1440);
	sample_event(x, EV_STUCK, CLIENT, 23, 6711000, 1440);
	sample_event(x, EV_FIN, CLIENT, 24, 61711000, 0);
	sample_event(x, EV_END, CLIENT, 24, 61711000, TRACE_END_OVER);
	x->closed = true;
	x->closed_by = CLIENT;
	x->close = x->last = sample_mark(24, 61711000);
	x->observed_until = x->last.at;
	x->bytes[CLIENT] = 2075;
	x->bytes[PROXY] = 39;
	trace_set_id(x);
	*d = (struct diagnosis){
		.verdict = V_MTU_BLACK_HOLE,
		.stage = STAGE_TLS,
		.severity = SEVERITY_FAILURE,
		.confidence = CONFIDENCE_MEDIUM,
		.summary = "Segments of 1440 bytes from the client are lost again and again (5 "
			   "times in "
			   "6.4 s) while 517 bytes passed, and no ICMP says so.",
		.evidence = { sample_evidence(13, 221900, "517 bytes up, acknowledged"),
			      sample_evidence(17, 303000, "1440 bytes up, never acknowledged"),
			      sample_evidence(23, 6711000, "the same for the fifth time") },
		.evidences = 3,
		.cause = { "An MTU below 1500 between client and proxy, and the ICMPv6 "
			   "packet-too-big that "
			   "would say so is filtered.",
			   "Inspection on the way that drops large segments." },
		.causes = 2,
		.remedy = { "network: let ICMPv6 type 2 through, or set the tunnel's MTU right.",
			    "client: until then, set the interface's MTU to 1280." },
		.remedies = 2,
	};
	return x;
}

static inline struct exchange *sample_unreachable(struct diagnosis *d)
{
	struct exchange *x = sample_new("10.40.40.1:40220", "10.10.10.9:8080");
	x->path[PROXY].packets = 0;
	x->first = x->syn = sample_mark(1, 0);
	x->syns = 4;
	sample_event(x, EV_SYN, CLIENT, 1, 0, 1);
	sample_event(x, EV_SYN, CLIENT, 2, 1010000, 2);
	sample_event(x, EV_SYN, CLIENT, 3, 3030000, 3);
	sample_event(x, EV_SYN, CLIENT, 4, 7110000, 4);
	sample_event(x, EV_END, CLIENT, 0, 25000000, TRACE_END_OVER);
	x->last = sample_mark(4, 7110000);
	x->observed_until = SAMPLE_START + 25 * NANOS_PER_SECOND;
	x->frames = 4;
	trace_set_id(x);
	*d = (struct diagnosis){
		.verdict = V_PROXY_UNREACHABLE,
		.stage = STAGE_CONNECT,
		.severity = SEVERITY_FAILURE,
		.confidence = CONFIDENCE_HIGH,
		.summary = "10.10.10.9:8080 did not answer 4 SYNs in 7.1 s.",
		.evidence = { sample_evidence(1, 0, "SYN"),
			      sample_evidence(4, 7110000, "SYN, try 4") },
		.evidences = 2,
		.cause = { "A firewall drops it." },
		.causes = 1,
		.remedy = { "Ask who runs the network to let TCP to 10.10.10.9 port 8080 pass." },
		.remedies = 1,
	};
	return x;
}

static inline struct exchange *sample_ok(struct diagnosis *d)
{
	struct exchange *x = sample_new("10.40.40.1:48720", "10.10.10.1:80");
	sample_handshake(x);
	sample_connect(x, "tools.cisco.com:443");
	sample_answer(x, 200, "Connection established");
	x->tunnel.open = true;
	x->request.auth = SCHEME_DIGEST;
	x->request.user = SLICE("proxyuser");
	x->hello = sample_mark(13, 221900);
	x->tls->hello = true;
	x->tls->hello_bytes = 517;
	x->tls->sni = SLICE("tools.cisco.com");
	x->tls->alpn = SLICE("http/1.1");
	x->tls->version = 0x0304;
	x->server_hello = sample_mark(16, 301250);
	x->tls_done = sample_mark(20, 344870);
	x->first_app_up = sample_mark(21, 345001);
	x->first_byte = sample_mark(24, 501377);
	sample_event(x, EV_HELLO, CLIENT, 13, 221900, 517);
	sample_event(x, EV_SERVER_HELLO, PROXY, 16, 301250, 0);
	sample_event(x, EV_CERTIFICATE, PROXY, 18, 302400, 3);
	sample_event(x, EV_TLS_DONE, CLIENT, 20, 344870, 0);
	sample_event(x, EV_FIRST_BYTE, PROXY, 24, 501377, 0);
	sample_event(x, EV_LAST_DATA, PROXY, 112, 1712000, 130222);
	sample_event(x, EV_FIN, CLIENT, 113, 1712950, 0);
	sample_event(x, EV_FIN, PROXY, 114, 1755000, 0);
	sample_event(x, EV_END, CLIENT, 115, 1756000, TRACE_END_CLOSED);
	x->closed = true;
	x->closed_by = CLIENT;
	x->close = sample_mark(113, 1712950);
	x->last = sample_mark(115, 1756000);
	x->observed_until = x->last.at;
	x->bytes[CLIENT] = 1893;
	x->bytes[PROXY] = 130222;
	x->frames = 111;
	trace_set_id(x);
	*d = (struct diagnosis){
		.verdict = V_OK,
		.severity = SEVERITY_OK,
		.confidence = CONFIDENCE_HIGH,
		.summary = "Answered after 176.6 ms, carried 130,222 bytes down, closed in good "
			   "order.",
	};
	return x;
}

/* Everything unknown. */
static inline struct exchange *sample_empty(struct diagnosis *d)
{
	*d = (struct diagnosis){ .verdict = V_UNCLEAR };
	return trace_new(TRACE_CAPTURE, 1 << 20);
}

#endif
