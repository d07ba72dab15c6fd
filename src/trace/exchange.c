/* The exchange: making one, adding to its timeline, finding in it. */
#include "trace/exchange.h"

#include "base/fetch.h"

#include <string.h>

enum { FIRST_EVENTS = 12, KEPT_FOR_THE_END = 8 };

/* What most exchanges take until they end: themselves, their first events, their strings. */
enum { USUAL_SIZE = sizeof(struct exchange) + FIRST_EVENTS * sizeof(struct event) + 400 };

static const char *const PROTOCOL_NAMES[] = {
	[PROTO_UNKNOWN] = "unknown", [PROTO_NONE] = "nothing", [PROTO_HTTP] = "HTTP",
	[PROTO_TLS] = "TLS",         [PROTO_SSH] = "SSH",      [PROTO_SMTP] = "SMTP",
	[PROTO_FTP] = "FTP",         [PROTO_HTTP2] = "HTTP/2", [PROTO_POP3] = "POP3",
	[PROTO_IMAP] = "IMAP",       [PROTO_SOCKS] = "SOCKS",  [PROTO_TELNET] = "Telnet",
	[PROTO_RDP] = "RDP",         [PROTO_MYSQL] = "MySQL",  [PROTO_TEXT] = "plain text",
};

static const char *const SCHEME_NAMES[] = {
	[SCHEME_NONE] = "",       [SCHEME_BASIC] = "Basic",         [SCHEME_DIGEST] = "Digest",
	[SCHEME_NTLM] = "NTLM",   [SCHEME_NEGOTIATE] = "Negotiate", [SCHEME_BEARER] = "Bearer",
	[SCHEME_OTHER] = "other",
};

/* ---- all unknown --------------------------------------------------------------------------- */

#define NEVER                                                                                      \
	{                                                                                          \
		.at = NO_TIME                                                                      \
	}

static const struct trace_tls NO_TLS = {
	.last_app = { NEVER, NEVER },
	.not_before = NO_TIME,
	.not_after = NO_TIME,
};

static const struct trace_icmp NO_ICMP = { .mark = NEVER };

static const struct trace_onward NO_ONWARD = { .first = NEVER, .last = NEVER };

static const struct trace_view NO_VIEW;

static const struct trace_path NO_PATH = {
	.stuck_first = NEVER,
	.stuck_last = NEVER,
	.hole_shown = NEVER,
	.zero_window = NEVER,
	.first_large = NEVER,
	.last_large = NEVER,
	.first_data = NEVER,
	.last_data = NEVER,
	.fin = NEVER,
	.rst = NEVER,
};

/* The pointers lose their const: only what was opened is ever written to. */
static const struct exchange NO_EXCHANGE = {
	.first = NEVER,
	.last = NEVER,
	.syn = NEVER,
	.syn_ack = NEVER,
	.request_start = NEVER,
	.request_end = NEVER,
	.request_acked = NEVER,
	.response_start = NEVER,
	.response_end = NEVER,
	.tunnel = { .inner = PROTO_NONE,
		    .answer = PROTO_NONE,
		    .first = { NEVER, NEVER },
		    .last = { NEVER, NEVER } },
	.hello = NEVER,
	.server_hello = NEVER,
	.tls_done = NEVER,
	.first_app_up = NEVER,
	.first_byte = NEVER,
	.close = NEVER,
	.rtt = NO_TIME,
	.observed_until = NO_TIME,
	.request.body_length = UINT64_MAX,
	.response.body_length = UINT64_MAX,
	.answer = PROTO_NONE,
	.end = TRACE_END_OVER,
	.tls = (struct trace_tls *)&NO_TLS,
	.icmp = (struct trace_icmp *)&NO_ICMP,
	.onward = (struct trace_onward *)&NO_ONWARD,
	.view = (struct trace_view *)&NO_VIEW,
};

/* ---- making one ---------------------------------------------------------------------------- */

static struct exchange *begin_in(struct arena *arena, enum trace_source source)
{
	struct exchange *x = arena ? arena_take(arena, sizeof *x) : NULL;
	if (!x) {
		arena_free(arena);
		return NULL;
	}
	*x = NO_EXCHANGE;
	x->arena = arena;
	x->source = source;
	return x;
}

struct exchange *trace_begin(enum trace_source source, size_t limit)
{
	return begin_in(arena_new_with(limit, USUAL_SIZE), source);
}

struct exchange *trace_begin_again(struct exchange *over, enum trace_source source)
{
	struct arena *arena = over->arena;
	arena_reset(arena);
	return begin_in(arena, source);
}

void trace_lend_path(struct exchange *x, struct trace_path *path)
{
	path[CLIENT] = path[PROXY] = NO_PATH;
	x->path = path;
}

bool trace_own_path(struct exchange *x)
{
	struct trace_path *own = arena_take(x->arena, 2 * sizeof *own);
	if (!own)
		return false;
	memcpy(own, x->path, 2 * sizeof *own);
	x->path = own;
	return true;
}

bool trace_open_path(struct exchange *x)
{
	struct trace_path path[2];
	trace_lend_path(x, path);
	if (trace_own_path(x))
		return true;
	x->path = NULL;
	return false;
}

#define OPEN(what, none)                                                                           \
	bool trace_open_##what(struct exchange *x)                                                 \
	{                                                                                          \
		if (x->what != &none)                                                              \
			return true;                                                               \
		struct trace_##what *own = arena_take(x->arena, sizeof *own);                      \
		if (!own)                                                                          \
			return false;                                                              \
		*own = none;                                                                       \
		x->what = own;                                                                     \
		return true;                                                                       \
	}
OPEN(tls, NO_TLS)
OPEN(icmp, NO_ICMP)
OPEN(onward, NO_ONWARD)
OPEN(view, NO_VIEW)
#undef OPEN

bool trace_open_leg(struct exchange *x)
{
	if (x->leg)
		return true;
	x->leg = arena_alloc(x->arena, sizeof *x->leg);
	if (x->leg)
		x->leg->resolve = x->leg->connect = x->leg->answer = x->leg->rtt = NO_TIME;
	return x->leg != NULL;
}

bool trace_open_probe(struct exchange *x)
{
	if (!x->probe)
		x->probe = arena_alloc(x->arena, sizeof *x->probe);
	return x->probe != NULL;
}

struct exchange *trace_new(enum trace_source source, size_t limit)
{
	struct exchange *x = trace_begin(source, limit);
	if (x && trace_open_path(x) && trace_open_tls(x) && trace_open_icmp(x) &&
	    trace_open_onward(x) && trace_open_view(x))
		return x;
	trace_free(x);
	return NULL;
}

void trace_fetch(const struct exchange *x)
{
	enum { ARENA = 64, SOME = 8 };
	fetch((const char *)x - ARENA, ARENA + sizeof *x); /* it begins just before */
	fetch(x + 1, SOME * sizeof(struct event));         /* and the events just behind */
}

void trace_fetch_path(const struct exchange *x)
{
	fetch(x->path, 2 * sizeof *x->path);
}

void trace_free(struct exchange *x)
{
	if (x)
		arena_free(x->arena);
}

static bool is_last_word(enum event_kind kind)
{
	return kind == EV_FIN || kind == EV_RST || kind == EV_NEXT || kind == EV_END;
}

/* Room for one more event, or NULL. Old arrays stay in the arena: at most as much again. */
static struct event *next_event(struct exchange *x)
{
	size_t room = FIRST_EVENTS;
	while (room < x->events)
		room *= 2;
	if (x->events == 0 || x->events == room) {
		size_t more = x->events ? room * 2 : room;
		struct event *grown = arena_take(x->arena, more * sizeof *grown);
		if (!grown)
			return NULL;
		if (x->events)
			memcpy(grown, x->event, x->events * sizeof *grown);
		x->event = grown;
	}
	return &x->event[x->events++];
}

/* A segment may hold both data and a FIN: the data come first. */
static bool comes_before(const struct event *a, const struct event *b)
{
	if (a->mark.at != b->mark.at)
		return a->mark.at < b->mark.at;
	return is_last_word(b->kind) && !is_last_word(a->kind);
}

void trace_add(struct exchange *x, enum event_kind kind, enum trace_side side,
	       const struct mark *mark, uint64_t n)
{
	size_t room = TRACE_MAX_EVENTS - (is_last_word(kind) ? 0 : KEPT_FOR_THE_END);
	struct event *e = x->events < room ? next_event(x) : NULL;
	if (!e) {
		x->events_dropped++;
		return;
	}
	memset(e, 0, sizeof *e); /* or setting bits would read what was there before */
	e->mark = *mark;
	e->n = n;
	e->kind = kind;
	e->side = side;
	/* facts from beneath are added late: keep the order of time */
	for (; e > x->event && comes_before(e, e - 1); e--) {
		struct event swap = e[-1];
		e[-1] = *e;
		*e = swap;
	}
}

const struct event *trace_first(const struct exchange *x, enum event_kind kind)
{
	for (size_t i = 0; i < x->events; i++)
		if (x->event[i].kind == kind)
			return &x->event[i];
	return NULL;
}

const struct event *trace_last(const struct exchange *x, enum event_kind kind)
{
	for (size_t i = x->events; i > 0; i--)
		if (x->event[i - 1].kind == kind)
			return &x->event[i - 1];
	return NULL;
}

const struct event *trace_first_of(const struct exchange *x, enum event_kind kind,
				   enum trace_side side)
{
	for (size_t i = 0; i < x->events; i++)
		if (x->event[i].kind == kind && x->event[i].side == side)
			return &x->event[i];
	return NULL;
}

struct slice trace_keep(struct exchange *x, struct slice s, size_t most)
{
	return arena_copy(x->arena, slice_first(s, most));
}

/* FNV-1a. Each byte waits for the one before; of eight zeros, which most addresses and orders have,
 * one multiplication comes. */
static uint64_t stir(uint64_t h, const void *bytes, size_t len)
{
	const uint64_t prime = UINT64_C(0x100000001b3), four = prime * prime * prime * prime;
	static const uint8_t zeros[8];
	const uint8_t *p = bytes;
	for (; len >= 8 && memcmp(p, zeros, 8) == 0; p += 8, len -= 8)
		h *= four * four;
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * prime;
	return h;
}

void trace_make_id(const struct exchange *x, char *ret_id)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	h = stir(h, x->client.ip, sizeof x->client.ip);
	h = stir(h, &x->client.port, sizeof x->client.port);
	h = stir(h, x->proxy.ip, sizeof x->proxy.ip);
	h = stir(h, &x->proxy.port, sizeof x->proxy.port);
	h = stir(h, &x->first.at, sizeof x->first.at);
	h = stir(h, &x->order, sizeof x->order);
	for (int i = 0; i < 16; i++)
		ret_id[i] = digits[h >> (60 - 4 * i) & 15];
	ret_id[16] = 0;
}

void trace_set_id(struct exchange *x)
{
	trace_make_id(x, x->id);
}

const char *trace_protocol_name(enum trace_protocol p)
{
	return PROTOCOL_NAMES[p];
}

const char *trace_scheme_name(enum trace_scheme s)
{
	return SCHEME_NAMES[s];
}

const char *trace_alert_name(uint8_t what)
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

/* What is between the scheme and the path. */
static struct slice authority_of(struct slice target)
{
	size_t scheme = slice_find(target, SLICE("://"));
	struct slice rest = scheme == target.len ? target : slice_from(target, scheme + 3);
	rest = slice_first(rest, slice_find_byte(rest, '/'));
	rest = slice_first(rest, slice_find_byte(rest, '?'));
	rest = slice_first(rest, slice_find_byte(rest, '#'));
	size_t at = slice_find_byte(rest, '@');
	return at < rest.len ? slice_from(rest, at + 1) : rest;
}

struct slice trace_target_host(const struct exchange *x, uint16_t *ret_port)
{
	struct slice target = x->request.target;
	struct slice host = authority_of(target);
	uint64_t port = 0;
	size_t colon = host.len;
	while (colon > 0 && host.at[colon - 1] >= '0' && host.at[colon - 1] <= '9')
		colon--;
	/* an IPv6 address without brackets: where its port would begin nobody can tell */
	size_t first = slice_find_byte(host, ':');
	bool bare = host.len > 0 && host.at[0] != '[' && first + 1 < colon;
	if (!bare && colon > 0 && colon < host.len && host.at[colon - 1] == ':' &&
	    slice_parse_u64(slice_from(host, colon), 10, &port) && port <= 65535)
		host = slice_first(host, colon - 1);
	else
		port = slice_starts_nocase(target, SLICE("https:"))  ? 443
		       : slice_starts_nocase(target, SLICE("http:")) ? 80
								     : 0;
	if (host.len > 1 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = (struct slice){ host.at + 1, host.len - 2 };
	if (!x->request.is_connect && !x->request.absolute)
		host = (struct slice){ 0 };
	*ret_port = host.len ? (uint16_t)port : 0;
	return host;
}
