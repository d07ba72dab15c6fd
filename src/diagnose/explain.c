/* A finding in words, with this exchange's own figures. Every text is written into one block on the
 * stack and copied to the arena once. */
#include "diagnose/rules.h"
#include "diagnose/words_table.h"
#include "base/escape.h"

#include <string.h>

enum { BLOCK = 8192, MOST_FOREIGN = 120 };

struct telling {
	const struct exchange *x;
	const struct finding *f;
	uint64_t figure; /* of the cited mark that is being told */
	struct buffer out;
	uint8_t block[BLOCK];
};

/* ---- small facts -------------------------------------------------------------------------------
 */

static void put(struct telling *t, const char *text)
{
	buffer_add_text(&t->out, text);
}

static void put_foreign(struct telling *t, struct slice s)
{
	bool cut = s.len > MOST_FOREIGN;
	escape_text(&t->out, slice_first(s, MOST_FOREIGN));
	if (cut)
		put(t, "...");
}

/* 51,200: in groups, since these are read by people. */
static void put_number(struct telling *t, uint64_t n)
{
	uint8_t digits[27];
	size_t at = sizeof digits;
	for (unsigned count = 0; count == 0 || n; count++, n /= 10) {
		if (count && count % 3 == 0)
			digits[--at] = ',';
		digits[--at] = (uint8_t)('0' + n % 10);
	}
	buffer_add(&t->out, (struct slice){ digits + at, sizeof digits - at });
}

/* As when_add_span has it, without the cost of printf. */
static void put_span(struct telling *t, nanos span)
{
	if (span < 0)
		span = 0;
	uint64_t us = (uint64_t)span / 1000;
	if (us >= 119950000) {
		when_add_span(&t->out, span);
		return;
	}
	bool seconds = us >= 999950;
	uint64_t tenths = seconds ? (us + 50000) / 100000 : (us + 50) / 100;
	buffer_add_u64(&t->out, tenths / 10);
	buffer_add_byte(&t->out, '.');
	buffer_add_byte(&t->out, (uint8_t)('0' + tenths % 10));
	put(t, seconds ? " s" : " ms");
}

static void put_endpoint(struct telling *t, const struct address *a, struct slice name, bool port)
{
	if (name.len) {
		put_foreign(t, name);
		return;
	}
	if (!address_is_none(a) && address_is_v4(a)) {
		for (int i = 12; i < 16; i++) {
			if (i > 12)
				buffer_add_byte(&t->out, '.');
			buffer_add_u64(&t->out, a->ip[i]);
		}
		if (port && a->port) {
			buffer_add_byte(&t->out, ':');
			buffer_add_u64(&t->out, a->port);
		}
	} else if (port) {
		address_add(&t->out, a);
	} else {
		address_add_host(&t->out, a);
	}
}

static void put_client(struct telling *t)
{
	if (address_is_none(&t->x->client) && !t->x->client_name.len)
		put(t, "the client");
	else
		put_endpoint(t, &t->x->client, t->x->client_name, false);
}

static void put_proxy(struct telling *t, bool port)
{
	if (address_is_none(&t->x->proxy) && !t->x->proxy_name.len)
		put(t, "the proxy");
	else
		put_endpoint(t, &t->x->proxy, t->x->proxy_name, port);
}

static void put_host(struct telling *t)
{
	uint16_t port;
	struct slice host = trace_target_host(t->x, &port);
	if (host.len)
		put_foreign(t, host);
	else if (t->x->tls.sni.len)
		put_foreign(t, t->x->tls.sni);
	else
		put(t, "the target");
}

static void put_target(struct telling *t)
{
	if (t->x->request.target.len)
		put_foreign(t, t->x->request.target);
	else if (t->x->tls.sni.len)
		put_foreign(t, t->x->tls.sni);
	else
		put(t, "an unknown target");
}

static void put_port(struct telling *t)
{
	uint16_t port = 0;
	trace_target_host(t->x, &port);
	if (port)
		buffer_add_u64(&t->out, port);
	else
		put(t, "its port");
}

static void put_offers(struct telling *t)
{
	const struct trace_response *r = &t->x->response;
	if (r->offers == 0)
		put(t, "no scheme");
	for (size_t i = 0; i < r->offers && i < TRACE_MAX_OFFERS; i++) {
		if (i)
			put(t, i + 1 == r->offers ? " and " : ", ");
		put(t, trace_scheme_name(r->offered[i]));
	}
}

static const char *alert_name(unsigned what)
{
	static const struct {
		uint8_t what;
		const char *name;
	} names[] = { /* RFC 8446, section 6; older ones of RFC 5246 */
		      { 0, "close_notify" },
		      { 10, "unexpected_message" },
		      { 20, "bad_record_mac" },
		      { 22, "record_overflow" },
		      { 40, "handshake_failure" },
		      { 42, "bad_certificate" },
		      { 43, "unsupported_certificate" },
		      { 44, "certificate_revoked" },
		      { 45, "certificate_expired" },
		      { 46, "certificate_unknown" },
		      { 47, "illegal_parameter" },
		      { 48, "unknown_ca" },
		      { 49, "access_denied" },
		      { 50, "decode_error" },
		      { 51, "decrypt_error" },
		      { 60, "export_restriction" },
		      { 70, "protocol_version" },
		      { 71, "insufficient_security" },
		      { 80, "internal_error" },
		      { 86, "inappropriate_fallback" },
		      { 90, "user_canceled" },
		      { 100, "no_renegotiation" },
		      { 109, "missing_extension" },
		      { 110, "unsupported_extension" },
		      { 111, "certificate_unobtainable" },
		      { 112, "unrecognized_name" },
		      { 113, "bad_certificate_status_response" },
		      { 115, "unknown_psk_identity" },
		      { 116, "certificate_required" },
		      { 120, "no_application_protocol" },
		      { 121, "ech_required" }
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (names[i].what == what)
			return names[i].name;
	}
	return NULL;
}

static void put_alert(struct telling *t)
{
	if (!t->x->tls.alert) {
		put(t, "encrypted, so unreadable; a rejected certificate is the likeliest");
		return;
	}
	const char *name = alert_name(t->x->tls.alert_what);
	if (name) {
		put(t, name);
		return;
	}
	put(t, "alert ");
	buffer_add_u64(&t->out, t->x->tls.alert_what);
}

static void put_hello(struct telling *t)
{
	const struct trace_tls *tls = &t->x->tls;
	if (tls->hello_bytes == 0) {
		put(t, "size unknown");
		return;
	}
	put_number(t, tls->hello_bytes);
	put(t, " bytes");
	if (tls->hello_segments > 1) {
		put(t, " in ");
		buffer_add_u64(&t->out, tls->hello_segments);
		put(t, " segments");
	}
}

static const char *onward_name(uint64_t outcome)
{
	static const char *const names[] = { "unknown",
					     "answered",
					     "refused by the origin (RST)",
					     "unanswered by the origin",
					     "unreachable (ICMP)",
					     "reset by the origin",
					     "taken by the origin, then silence",
					     "closed by the origin" };
	return outcome < sizeof names / sizeof *names ? names[outcome] : names[0];
}

static const char *side_name(enum trace_side side)
{
	return side == CLIENT ? "the client" : "the proxy's side";
}

static void put_who(struct telling *t)
{
	static const char *const names[] = { "whoever answered (proxy or origin)", "the proxy",
					     "a proxy behind the proxy", "an inspection",
					     "the origin" };
	unsigned who = t->f->answered_by;
	put(t, names[who < sizeof names / sizeof *names ? who : 0]);
	bool named = t->f->dialect > DIALECT_UNKNOWN && t->f->dialect < DIALECT_WEB_SERVER &&
		     who != ANSWERER_ORIGIN && who != ANSWERER_UNKNOWN;
	if (named) {
		put(t, " (");
		put(t, DIALECT_WORDS[t->f->dialect].name);
		put(t, ")");
	}
}

static void put_dates(struct telling *t)
{
	const struct trace_tls *tls = &t->x->tls;
	if (tls->not_before == NO_TIME || tls->not_after == NO_TIME)
		return;
	put(t, " (valid from ");
	when_add_rfc3339(&t->out, tls->not_before - tls->not_before % NANOS_PER_SECOND);
	put(t, " to ");
	when_add_rfc3339(&t->out, tls->not_after - tls->not_after % NANOS_PER_SECOND);
	put(t, ")");
}

/* What is not whole, and how one sees it. */
static void put_lack(struct telling *t)
{
	const struct exchange *x = t->x;
	const struct trace_response *r = &x->response;
	if (!x->tunnel.open && r->body_length != UINT64_MAX && r->body_length > r->body_bytes) {
		put(t, ": ");
		put_number(t, r->body_bytes);
		put(t, " of ");
		put_number(t, r->body_length);
		put(t, " bytes of the body came");
	} else if (!x->tunnel.open && r->chunked) {
		put(t, ": the last chunk is missing");
	} else if (x->tunnel.open && x->tls.record_left[PROXY] > 0) {
		put(t, ": the last TLS record lacks ");
		put_number(t, x->tls.record_left[PROXY]);
		put(t, " bytes");
	} else if (x->tunnel.open && x->tls.hello && !x->tls.close_notify[PROXY]) {
		put(t, ": no closing alert was seen");
	}
	if (x->links.same_size_cuts > 0)
		put(t, "; others were cut at the same size");
	if (x->links.same_age_cuts > 0)
		put(t, "; others were cut at the same age");
}

static void put_same_size(struct telling *t)
{
	if (t->x->links.same_size_cuts == 0)
		return;
	put(t, ": ");
	buffer_add_u64(&t->out, t->x->links.same_size_cuts);
	put(t, " other transfer(s) ended at the same ");
	put_number(t, t->x->links.cut_size);
	put(t, " bytes");
}

static void put_same_age(struct telling *t)
{
	if (t->x->links.same_age_cuts == 0)
		return;
	put(t, ": ");
	buffer_add_u64(&t->out, t->x->links.same_age_cuts);
	put(t, " other transfer(s) of another size ended at the same age of ");
	put_span(t, t->x->links.cut_age);
}

static void put_giving_up(struct telling *t)
{
	const struct exchange *x = t->x;
	if (!x->closed)
		put(t, ", and the observation ended");
	else if (x->closed_by == CLIENT)
		put(t, ", then the client gave up");
	else
		put(t, x->by_reset ? ", then the proxy's side reset it"
				   : ", then the proxy's side closed");
}

static void put_user(struct telling *t)
{
	if (!t->x->request.user.len)
		return;
	put(t, " of ");
	put_foreign(t, t->x->request.user);
}

static void put_retry_after(struct telling *t)
{
	if (!t->x->response.retry_after.len)
		return;
	put(t, ", Retry-After: ");
	put_foreign(t, t->x->response.retry_after);
}

/* What the answer says of itself beside its status. */
static void put_own_words(struct telling *t)
{
	const struct trace_response *r = &t->x->response;
	struct slice words = r->squid_error.len    ? r->squid_error
			     : r->proxy_status.len ? r->proxy_status
						   : r->title;
	if (!words.len)
		return;
	put(t, ": \"");
	put_foreign(t, words);
	put(t, "\"");
}

static void put_reason(struct telling *t)
{
	if (!t->x->response.reason.len)
		return;
	buffer_add_byte(&t->out, ' ');
	put_foreign(t, t->x->response.reason);
}

static void put_foreign_or(struct telling *t, struct slice s, const char *instead)
{
	if (s.len)
		put_foreign(t, s);
	else
		put(t, instead);
}

static uint32_t failing_size(const struct telling *t)
{
	const struct trace_path *p = &t->x->path[t->f->side];
	uint32_t full = full_size(t->x, t->f->side);
	if (p->unacked > 0 && p->stuck_times >= 3)
		return p->stuck_smallest ? p->stuck_smallest : p->stuck_size;
	return full;
}

static void put_repairs(struct telling *t)
{
	const struct trace_path *p = &t->x->path[t->f->side];
	uint32_t again = p->retrans > p->spurious ? p->retrans - p->spurious : 0;
	put_number(t, p->repairs > again ? p->repairs : again);
	put(t, " of ");
	put_number(t, p->packets);
}

static nanos wait_time(const struct exchange *x)
{
	return span(asked_at(x), mark_is(&x->response_start) ? x->response_start.at : end_of(x));
}

static nanos reset_after(const struct exchange *x)
{
	const struct trace_path *up = &x->path[CLIENT];
	nanos large = mark_is(&up->first_large) ? up->first_large.at : up->last_data.at;
	return span(large, x->path[PROXY].rst.at);
}

static void put_code(struct telling *t)
{
	const struct code_words *c = catalogue_code(t->x->response.status);
	struct slice meaning = slice_of(c ? c->meaning : "a code that is not in the catalogue");
	if (slice_ends(meaning, SLICE(".")))
		meaning.len--; /* a sentence there, a part of one here */
	buffer_add(&t->out, meaning);
}

static void put_product_meaning(struct telling *t)
{
	const char *m = dialect_meaning(t->f->dialect, t->x->response.status, &t->x->response);
	put(t, m ? m : "");
}

/* ---- the little language ------------------------------------------------------------------------
 */

/* a scheme used      A schemes offered  b protocol in the tunnel  B largest segment of the client
 * c client           C the code's meaning  d figure, a span       D bytes down
 * E "-u was seen"    F " of USER"       G ", Retry-After"         h target's host
 * H " after ..."     i name asked for   I the router of ICMP      j segments of the hello
 * J " (post-quantum)" k alert           K the code in this dialect l size of the hello
 * L quiet at the end m method           M MTU named               n figure, a number
 * N ICMP's name      o target's port    O origin's address        p proxy, with port
 * P outcome beyond   q product          Q payload that fails      r " REASON"
 * s status           S, V side          t target                  T duration
 * v Via              w protocol of the figure  W wait             x detail
 * X dates            y proxy, no port   Y names in the certificate z issuer  Z subject
 * 0 what is lacking  1 same size  2 same age  3 RST after the large segment  4 RST after SYN
 * 5 who gave up      6 times sent 7 time since the hello  8 acknowledged or sent  9 the other's id
 * ! who answered     ? its own words  # repairs  $ their time */
static void expand(struct telling *t, char key)
{
	const struct exchange *x = t->x;
	const struct trace_path *theirs = &x->path[t->f->side];
	switch (key) {
	case 'a':
		put(t, x->request.auth ? trace_scheme_name(x->request.auth) : "client's");
		break;
	case 'A':
		put_offers(t);
		break;
	case 'b':
		put(t, trace_protocol_name(x->tunnel.answer > PROTO_NONE ? x->tunnel.answer
									 : x->tunnel.inner));
		break;
	case 'B':
		put_number(t, x->path[CLIENT].largest);
		break;
	case 'c':
		put_client(t);
		break;
	case 'C':
		put_code(t);
		break;
	case 'd':
		put_span(t, t->figure > INT64_MAX ? INT64_MAX : (nanos)t->figure);
		break;
	case 'D':
		put_number(t, x->tunnel.open ? x->tunnel.bytes[PROXY] : x->bytes[PROXY]);
		break;
	case 'E':
		if (x->request.origin_credentials)
			put(t, " (this request carries an Authorization field)");
		break;
	case 'F':
		put_user(t);
		break;
	case 'G':
		put_retry_after(t);
		break;
	case 'h':
		put_host(t);
		break;
	case 'H':
		if (wait_time(x) > 0) {
			put(t, ", as the answer after ");
			put_span(t, wait_time(x));
			put(t, " suggests");
		}
		break;
	case 'i':
		if (x->tls.sni.len)
			put_foreign(t, x->tls.sni);
		else
			put_host(t);
		break;
	case 'I':
		if (address_is_none(&x->icmp.router))
			put(t, "a router");
		else
			put_endpoint(t, &x->icmp.router, (struct slice){ 0 }, false);
		break;
	case 'j':
		buffer_add_u64(&t->out, x->tls.hello_segments ? x->tls.hello_segments : 1);
		break;
	case 'J':
		put(t, x->tls.post_quantum ? " (post-quantum key share)" : "");
		break;
	case 'k':
		put_alert(t);
		break;
	case 'K':
		put_product_meaning(t);
		break;
	case 'l':
		put_hello(t);
		break;
	case 'L':
		put_span(t, quiet_at_end(x));
		break;
	case 'm':
		put_foreign_or(t, x->request.method, "a request for");
		break;
	case 'M':
		put_number(t, x->icmp.mtu);
		break;
	case 'n':
		put_number(t, t->figure);
		break;
	case 'N':
		put(t, x->icmp.name ? x->icmp.name : "unreachable");
		break;
	case 'o':
		put_port(t);
		break;
	case 'O':
		put_endpoint(t, &x->onward.origin, (struct slice){ 0 }, true);
		break;
	case 'p':
		put_proxy(t, true);
		break;
	case 'P':
		put(t, onward_name(t->figure));
		break;
	case 'q':
		put(t, DIALECT_WORDS[t->f->dialect].name);
		break;
	case 'Q':
		put_number(t, failing_size(t));
		break;
	case 'r':
		put_reason(t);
		break;
	case 's':
		buffer_add_u64(&t->out, x->response.status);
		break;
	case 'S':
	case 'V':
		put(t, side_name(t->f->side));
		break;
	case 't':
		put_target(t);
		break;
	case 'T':
		put_span(t, span(mark_is(&x->syn) ? x->syn.at : x->request_start.at, end_of(x)));
		break;
	case 'v':
		put_foreign_or(t, x->response.via, "see its Via field");
		break;
	case 'w':
		put(t, t->figure < PROTO_COUNT_
			       ? trace_protocol_name((enum trace_protocol)t->figure)
			       : "unknown");
		break;
	case 'W':
		put_span(t, wait_time(x));
		break;
	case 'x':
		put(t, t->f->detail ? t->f->detail : "too little is known");
		break;
	case 'X':
		put_dates(t);
		break;
	case 'y':
		put_proxy(t, false);
		break;
	case 'Y':
		put_foreign_or(t, x->tls.names.len ? x->tls.names : x->tls.subject, "another name");
		break;
	case 'z':
		put_foreign_or(t, x->tls.issuer, "unknown");
		break;
	case 'Z':
		put_foreign_or(t, x->tls.subject, "unknown");
		break;
	case '0':
		put_lack(t);
		break;
	case '1':
		put_same_size(t);
		break;
	case '2':
		put_same_age(t);
		break;
	case '3':
		put_span(t, reset_after(x));
		break;
	case '4':
		put_span(t, span(x->syn.at, x->path[PROXY].rst.at));
		break;
	case '5':
		put_giving_up(t);
		break;
	case '6':
		put_number(t, x->path[CLIENT].stuck_times);
		break;
	case '7':
		put_span(t, span(x->hello.at, end_of(x)));
		break;
	case '8':
		put(t, x->tls.hello_acked ? "acknowledged" : "sent");
		break;
	case '9':
		put_foreign_or(t, slice_first(slice_of(x->links.other), 16), "that follows");
		break;
	case '!':
		put_who(t);
		break;
	case '?':
		put_own_words(t);
		break;
	case '#':
		put_repairs(t);
		break;
	case '$':
		put_span(t, theirs->repair_time);
		break;
	case '%':
		put(t, "%");
		break;
	default:
		break;
	}
}

static void tell(struct telling *t, const char *text)
{
	for (;;) {
		const char *key = strchr(text, '%');
		size_t plain = key ? (size_t)(key - text) : strlen(text);
		buffer_add(&t->out, (struct slice){ (const uint8_t *)text, plain });
		if (!key || !key[1])
			return;
		expand(t, key[1]);
		text = key + 2;
	}
}

/* ---- summaries of several forms
 * ------------------------------------------------------------------ */

static void tell_ok(struct telling *t)
{
	const struct exchange *x = t->x;
	if (t->f->detail) {
		tell(t, t->f->detail);
		return;
	}
	tell(t, x->response.status ? "%m %t was answered with %s in %W" : "%m %t went through");
	if (!x->tunnel.open) {
		if (x->response.body_bytes) {
			put(t, ", ");
			put_number(t, x->response.body_bytes);
			put(t, " bytes of body");
		}
		return;
	}
	if (x->tls.hello && tls_settled(x))
		put(t, x->closed ? ", TLS began, " : ", TLS runs, ");
	else
		put(t, ", ");
	put_number(t, x->tunnel.bytes[CLIENT]);
	put(t, " bytes up and ");
	put_number(t, x->tunnel.bytes[PROXY]);
	put(t, " down in the tunnel");
}

static void tell_open(struct telling *t)
{
	const struct exchange *x = t->x;
	const char *where = "the connection to %p was being made";
	if (has_request(x) && x->response.status == 0)
		where = "the request %m %t was under way";
	else if (x->tunnel.open && x->tls.hello && !x->tls.server_hello)
		where = "the tunnel to %t was open (%s after %W) and TLS was beginning";
	else if (x->tunnel.open)
		where = "the tunnel to %t was open (%s after %W), %D bytes had come";
	else if (x->response.status)
		where = "the answer to %m %t (%s after %W) was under way";
	else if (mark_is(&x->syn_ack))
		where = "the connection to %p was made, and nothing asked yet";
	tell(t, where);
	put(t, " when the observation ended");
}

static void tell_unreachable(struct telling *t)
{
	if (t->x->icmp.unreachable) {
		tell(t, "%p cannot be reached from %c: %I answered the SYN with ICMP %N");
		return;
	}
	tell(t, "%p did not answer the SYN from %c, sent ");
	buffer_add_u64(&t->out, t->x->syns);
	tell(t, t->x->syns == 1 ? " time" : " times");
}

static void tell_not_a_proxy(struct telling *t)
{
	if (t->x->response.status == 0) {
		tell(t, "%p answered ");
		tell(t, "%m %t with ");
		put(t, t->x->answer <= PROTO_NONE ? "something that is not HTTP"
						  : trace_protocol_name(t->x->answer));
		put(t, t->x->answer <= PROTO_NONE ? "" : ", not with HTTP");
		return;
	}
	tell(t, "%p is a web server (");
	put_foreign_or(t, t->x->response.server, "by its answer");
	tell(t, "), no proxy: it answered %m %t with %s%r");
}

static void tell_intercepted(struct telling *t)
{
	tell(t, "the certificate for %i was issued by %z, ");
	put(t, t->f->answered_by == ANSWERER_INSPECTION ? "an inspection"
							: "which was sent along and signed itself");
	put(t,
	    t->f->side == CLIENT ? ", and the client turned it down" : "; the client accepted it");
}

static void tell_black_hole(struct telling *t)
{
	const struct exchange *x = t->x;
	const struct trace_path *p = &x->path[t->f->side];
	uint32_t failed = failing_size(t);
	bool up = t->f->side == CLIENT;
	put(t, up ? "large segments from the client to the proxy are lost"
		  : "large segments from the proxy to the client are lost");
	if (p->unacked > 0 && p->stuck_times >= 3) {
		put(t, ": ");
		put_number(t, failed);
		put(t, " bytes were sent ");
		buffer_add_u64(&t->out, p->stuck_times);
		put(t, " times and never acknowledged");
	} else if (p->large >= 3 && p->unacked > 0) {
		put(t, ": ");
		buffer_add_u64(&t->out, p->large);
		put(t, " of ");
		put_number(t, failed);
		put(t, " bytes were sent and none acknowledged");
	} else {
		put(t, ": ");
		put_number(t, p->hole);
		put(t, " bytes were sent and never arrived");
		if (failed) {
			put(t, " (full segments are ");
			put_number(t, failed);
			put(t, " bytes)");
		}
	}
	if (p->largest_passed) {
		put(t, ", while up to ");
		put_number(t, p->largest_passed);
		put(t, " bytes passed");
	} else {
		put(t, ", while empty ones passed");
	}
	if (!t->x->view.seen)
		put(t, "; the leg is the one between client and proxy");
}

static void tell_aborted(struct telling *t)
{
	const char *how = t->x->by_reset ? "reset" : "closed";
	put(t, "the client itself ");
	put(t, how);
	if (t->f->stage == STAGE_REQUEST)
		tell(t, " %W after the request %m %t, before an answer");
	else if (t->f->stage == STAGE_TLS)
		tell(t, " %7 after its ClientHello for %i, in the handshake");
	else
		tell(t, " after %D bytes from %t, %T after the start, before the end%0");
}

static void tell_slow(struct telling *t)
{
	const struct exchange *x = t->x;
	switch (t->f->slow) {
	case SLOW_CONNECT:
		put(t, "connecting to the proxy took ");
		put_span(t, span(x->syn.at, x->syn_ack.at));
		break;
	case SLOW_WAIT:
		tell(t, "the answer to %m %t took %W");
		break;
	case SLOW_TLS:
		put(t, "the TLS handshake took ");
		put_span(t, span(x->hello.at, x->tls_done.at));
		break;
	case SLOW_FIRST_BYTE:
		put(t, "the first data in the tunnel took ");
		put_span(t, span(x->first_app_up.at, x->first_byte.at));
		break;
	case SLOW_TRANSFER:
		put(t, "the body took ");
		put_span(t, span(x->response_start.at, x->response_end.at));
		put(t, " for ");
		put_number(t, x->response.body_bytes);
		put(t, " bytes");
		break;
	case SLOW_NONE:
		put(t, "one stage was slow");
		break;
	}
	if (x->rtt != NO_TIME) {
		put(t, "; a round trip takes ");
		put_span(t, x->rtt);
	}
}

static void tell_summary(struct telling *t)
{
	switch (t->f->verdict) {
	case V_OK:
		tell_ok(t);
		break;
	case V_OPEN:
		tell_open(t);
		break;
	case V_PROXY_UNREACHABLE:
		tell_unreachable(t);
		break;
	case V_NOT_A_PROXY:
		tell_not_a_proxy(t);
		break;
	case V_TLS_INTERCEPTED:
		tell_intercepted(t);
		break;
	case V_MTU_BLACK_HOLE:
		tell_black_hole(t);
		break;
	case V_CLIENT_ABORTED:
		tell_aborted(t);
		break;
	case V_SLOW:
		tell_slow(t);
		break;
	default:
		tell(t, VERDICT_WORDS[t->f->verdict].summary);
		break;
	}
	put(t, finding_leg(t->x, t->f));
	if (t->x->from_text)
		put(t, " (from text, which shows less than packets do)");
}

/* ---- putting it together
 * -------------------------------------------------------------------------- */

/* The strings lie one after the other in the block; here, where each begins. */
enum { NOWHERE = SIZE_MAX };

struct places {
	size_t summary;
	size_t evidence[FINDING_MAX_CITED], cause[FINDING_MAX_CAUSES], remedy[FINDING_MAX_CAUSES];
	size_t evidences, causes, remedies;
};

/* Begins a string; it counts only once `finish` has found that it fit. */
static size_t begin(const struct telling *t)
{
	return t->out.len;
}

static bool finish(struct telling *t, size_t from)
{
	buffer_add_byte(&t->out, 0);
	if (!t->out.failed)
		return true;
	t->out.failed = false;
	t->out.len = from;
	return false;
}

/* A cause that has nothing to say here: the dialect or the catalogue has no entry. */
static bool is_mute(const struct telling *t, enum cause c)
{
	if (c <= CAUSE_NONE || c >= CAUSE_COUNT_)
		return true;
	if (c == CAUSE_PRODUCT_SAYS)
		return !dialect_meaning(t->f->dialect, t->x->response.status, &t->x->response);
	if (c == CAUSE_HTTP_CODE)
		return !catalogue_code(t->x->response.status);
	if (c == CAUSE_ALERT_OTHER)
		return !t->x->tls.alert;
	if (c == CAUSE_BIG_HELLO)
		return t->x->tls.hello_bytes == 0;
	return false;
}

static bool tell_causes(struct telling *t, struct places *at)
{
	bool fit = true;
	for (size_t i = 0; i < t->f->causes; i++) {
		if (is_mute(t, t->f->cause[i]))
			continue;
		size_t from = begin(t);
		tell(t, CAUSE_WORDS[t->f->cause[i]].text);
		if (finish(t, from))
			at->cause[at->causes++] = from;
		else
			fit = false;
	}
	return fit;
}

static bool tell_remedy(struct telling *t, struct places *at, const char *text)
{
	if (!text || at->remedies == FINDING_MAX_CAUSES)
		return true;
	size_t from = begin(t);
	tell(t, text);
	if (!finish(t, from))
		return false;
	for (size_t i = 0; i < at->remedies; i++) {
		if (strcmp((char *)t->block + at->remedy[i], (char *)t->block + from) == 0) {
			t->out.len = from;
			return true;
		}
	}
	at->remedy[at->remedies++] = from;
	return true;
}

static bool tell_remedies(struct telling *t, struct places *at)
{
	const struct verdict_words *w = &VERDICT_WORDS[t->f->verdict];
	bool fit = true;
	for (size_t i = 0; i < t->f->causes; i++) {
		enum cause c = t->f->cause[i];
		if (!is_mute(t, c))
			fit = tell_remedy(t, at, CAUSE_WORDS[c].remedy) && fit;
	}
	for (size_t i = 0; i < sizeof w->remedy / sizeof *w->remedy; i++)
		fit = tell_remedy(t, at, w->remedy[i]) && fit;
	if (at->remedies > 0 || w->severity != SEVERITY_FAILURE)
		return fit;
	const struct code_words *c = catalogue_code(t->x->response.status);
	return tell_remedy(t, at,
			   c ? c->remedy : "on the proxy: look in its log for %c at this time") &&
	       fit;
}

static bool tell_evidence(struct telling *t, struct places *at, struct evidence *evidence)
{
	bool fit = true;
	for (size_t i = 0; i < t->f->cites; i++) {
		unsigned saw = t->f->saw[i];
		size_t from = begin(t);
		t->figure = t->f->figure[i];
		tell(t, SIGHT_WORDS[saw < SIGHT_COUNT_ ? saw : SAW_NOTHING]);
		if (!finish(t, from)) {
			fit = false;
			continue;
		}
		evidence[at->evidences].mark = t->f->cited[i];
		at->evidence[at->evidences++] = from;
	}
	return fit;
}

static const char *answerer_name(enum answerer a)
{
	static const char *const names[] = { NULL, "proxy", "parent", "inspection", "origin" };
	return (unsigned)a < sizeof names / sizeof *names ? names[a] : NULL;
}

static void place(struct diagnosis *d, const struct places *at, const char *text)
{
	d->summary = at->summary == NOWHERE ? verdict_meaning(d->verdict) : text + at->summary;
	for (size_t i = 0; i < at->evidences; i++)
		d->evidence[i].what = text + at->evidence[i];
	for (size_t i = 0; i < at->causes; i++)
		d->cause[i] = text + at->cause[i];
	for (size_t i = 0; i < at->remedies; i++)
		d->remedy[i] = text + at->remedy[i];
	d->evidences = at->evidences;
	d->causes = at->causes;
	d->remedies = at->remedies;
}

bool diagnose_explain(const struct exchange *x, const struct finding *f, struct arena *arena,
		      struct diagnosis *ret_diagnosis)
{
	struct telling t;
	struct places at = { .summary = NOWHERE };
	struct diagnosis *d = ret_diagnosis;
	memset(d, 0, sizeof *d);
	d->verdict = f->verdict;
	d->stage = f->stage;
	d->severity = diagnose_severity(f);
	d->confidence = f->confidence;
	bool named = f->dialect > DIALECT_UNKNOWN && f->dialect < DIALECT_WEB_SERVER;
	d->product = named ? DIALECT_WORDS[f->dialect].name : NULL;
	d->answered_by = answerer_name(f->answered_by);

	t.x = x;
	t.f = f;
	t.figure = 0;
	t.out = (struct buffer){ .at = t.block, .room = BLOCK, .limit = BLOCK };
	tell_summary(&t);
	bool fit = finish(&t, 0);
	if (fit)
		at.summary = 0;
	fit = tell_evidence(&t, &at, d->evidence) && fit;
	t.figure = 0;
	fit = tell_causes(&t, &at) && fit;
	fit = tell_remedies(&t, &at) && fit;

	char *text = t.out.len ? arena_alloc(arena, t.out.len) : NULL;
	if (!text) {
		d->summary = verdict_meaning(f->verdict);
		return false;
	}
	memcpy(text, t.block, t.out.len);
	place(d, &at, text);
	return fit;
}
