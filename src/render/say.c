/* Shared wording: who, what was asked, what an event was. */
#include "render/say.h"

#include "base/escape.h"

#include <string.h>

/* ---- making safe --------------------------------------------------------------------------- */

static const char *in_ascii(uint32_t code)
{
	switch (code) {
	case 0x2010:
	case 0x2011:
	case 0x2012:
	case 0x2013:
	case 0x2212:
		return "-";
	case 0x2014:
		return "--";
	case 0x2018:
	case 0x2019:
		return "'";
	case 0x201c:
	case 0x201d:
		return "\"";
	case 0x2026:
		return "...";
	case 0x2192:
		return "->";
	case 0x2190:
		return "<-";
	case 0x00b7:
	case 0x2022:
		return "*";
	case 0x00d7:
		return "x";
	case 0x00b1:
		return "+-";
	case 0x2264:
		return "<=";
	case 0x2265:
		return ">=";
	case 0x00a0:
	case 0x202f:
		return " ";
	case 0x00b5:
	case 0x03bc:
		return "u";
	default:
		return NULL;
	}
}

static size_t ascii_run(struct slice s)
{
	size_t n = 0;
	while (n < s.len && s.at[n] < 0x80)
		n++;
	return n;
}

static void add_hex(struct buffer *out, struct slice s)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < s.len; i++) {
		uint8_t text[] = { '\\', 'x', (uint8_t)digits[s.at[i] >> 4],
				   (uint8_t)digits[s.at[i] & 15] };
		buffer_add(out, (struct slice){ text, sizeof text });
	}
}

void say_foreign(struct buffer *out, struct slice s, bool utf8)
{
	if (utf8) {
		escape_text(out, s);
		return;
	}
	while (s.len > 0) {
		size_t run = ascii_run(s);
		escape_text(out, slice_first(s, run));
		s = slice_from(s, run);
		if (s.len == 0)
			return;
		uint32_t code = 0;
		size_t len = escape_read_utf8(s, &code);
		add_hex(out, slice_first(s, len ? len : 1));
		s = slice_from(s, len ? len : 1);
	}
}

/* A piece of our own text without backslashes. */
static void say_own_piece(struct buffer *out, struct slice s, bool utf8)
{
	while (!utf8 && s.len > 0) {
		size_t run = ascii_run(s);
		escape_text(out, slice_first(s, run));
		s = slice_from(s, run);
		uint32_t code = 0;
		size_t len = escape_read_utf8(s, &code);
		const char *ascii = len ? in_ascii(code) : NULL;
		if (ascii)
			buffer_add_text(out, ascii);
		else
			add_hex(out, slice_first(s, len ? len : 1));
		s = slice_from(s, len ? len : 1);
	}
	escape_text(out, s);
}

void say_own(struct buffer *out, const char *text, bool utf8)
{
	struct slice rest = slice_of(text);
	while (rest.len > 0) {
		size_t cut = slice_find_byte(rest, '\\');
		say_own_piece(out, slice_first(rest, cut), utf8);
		if (cut < rest.len)
			buffer_add_byte(out, '\\');
		rest = slice_from(rest, cut + 1);
	}
}

void say_html(struct buffer *out, struct slice safe)
{
	while (safe.len > 0) {
		size_t cut = slice_find_byte(safe, '\\');
		escape_html(out, slice_first(safe, cut));
		if (cut < safe.len)
			buffer_add_byte(out, '\\');
		safe = slice_from(safe, cut + 1);
	}
}

/* ---- numbers and times --------------------------------------------------------------------- */

void say_count(struct buffer *out, uint64_t n)
{
	uint8_t text[27];
	size_t at = sizeof text;
	for (unsigned digits = 0; n || digits == 0; digits++) {
		if (digits && digits % 3 == 0)
			text[--at] = ',';
		text[--at] = (uint8_t)('0' + n % 10);
		n /= 10;
	}
	buffer_add(out, (struct slice){ text + at, sizeof text - at });
}

void say_counted(struct buffer *out, uint64_t n, const char *one, const char *many)
{
	say_count(out, n);
	buffer_add_byte(out, ' ');
	buffer_add_text(out, n == 1 ? one : many);
}

bool say_has_date(const struct exchange *x, nanos at)
{
	/* a clock of several days still counts from 1970-01-01 */
	return !x->from_text || at >= 366 * 86400 * NANOS_PER_SECOND;
}

void say_moment(struct buffer *out, const struct exchange *x, nanos at)
{
	if (say_has_date(x, at)) {
		struct when w = when_split(at);
		buffer_printf(out, "%04d-%02d-%02d ", w.year, w.month, w.day);
	}
	when_add_clock(out, at);
	if (say_has_date(x, at))
		buffer_add_text(out, " UTC");
}

/* ---- who and what -------------------------------------------------------------------------- */

static void say_endpoint(struct buffer *out, struct slice name, const struct address *a, bool utf8)
{
	if (name.len > 0) {
		say_foreign(out, name, utf8);
		if (a->port) {
			buffer_add_byte(out, ':');
			buffer_add_u64(out, a->port);
		}
	} else if (address_is_none(a)) {
		buffer_add_text(out, "?");
	} else {
		address_add(out, a);
	}
}

void say_client(struct buffer *out, const struct exchange *x, bool utf8)
{
	say_endpoint(out, x->client_name, &x->client, utf8);
}

void say_proxy(struct buffer *out, const struct exchange *x, bool utf8)
{
	say_endpoint(out, x->proxy_name, &x->proxy, utf8);
}

void say_pair(struct buffer *out, const struct exchange *x, bool utf8)
{
	say_client(out, x, utf8);
	buffer_add_text(out, utf8 ? " → " : " -> ");
	say_proxy(out, x, utf8);
}

void say_request(struct buffer *out, const struct exchange *x, bool utf8)
{
	say_foreign(out, x->request.method, utf8);
	if (x->request.method.len && x->request.target.len)
		buffer_add_byte(out, ' ');
	say_foreign(out, x->request.target, utf8);
}

void say_status(struct buffer *out, const struct exchange *x, bool utf8)
{
	if (x->response.status == 0)
		return;
	buffer_add_u64(out, x->response.status);
	if (x->response.reason.len)
		buffer_add_byte(out, ' ');
	say_foreign(out, x->response.reason, utf8);
}

/* ---- events -------------------------------------------------------------------------------- */

static void say_alert(struct buffer *out, uint64_t n)
{
	unsigned what = (unsigned)(n >> 8 & 0xff);
	buffer_add_text(out, (n & 0xff) == 2 ? "fatal TLS alert: " : "TLS alert: ");
	const char *name = trace_alert_name(what);
	if (name)
		buffer_add_text(out, name);
	else
		buffer_add_u64(out, what);
}

static void say_bytes(struct buffer *out, uint64_t n)
{
	say_counted(out, n, "byte", "bytes");
}

static void say_with_mss(struct buffer *out, const char *what, uint16_t mss)
{
	buffer_add_text(out, what);
	if (mss) {
		buffer_add_text(out, ", MSS ");
		buffer_add_u64(out, mss);
	}
}

static void say_hello(struct buffer *out, const struct exchange *x, uint64_t n, bool utf8)
{
	buffer_add_text(out, "ClientHello");
	if (n) {
		buffer_add_text(out, ", ");
		say_bytes(out, n);
	}
	if (x->tls->sni.len) {
		buffer_add_text(out, ", SNI ");
		say_foreign(out, x->tls->sni, utf8);
	}
}

static void say_icmp(struct buffer *out, const struct exchange *x)
{
	buffer_add_text(out, "ICMP ");
	buffer_add_text(out, x->icmp->name      ? x->icmp->name
			     : x->icmp->too_big ? "packet too big"
						: "unreachable");
	if (x->icmp->mtu)
		buffer_printf(out, ", MTU %u", x->icmp->mtu);
}

static void say_protocol(struct buffer *out, const char *before, uint64_t n, const char *after)
{
	buffer_add_text(out, before);
	buffer_add_text(out, trace_protocol_name(n < PROTO_COUNT_ ? (enum trace_protocol)n
								  : PROTO_UNKNOWN));
	buffer_add_text(out, after);
}

static const char *end_text(uint64_t n)
{
	return n == TRACE_END_CLOSED    ? "connection closed"
	       : n == TRACE_END_IDLE    ? "idle until observation gave up"
	       : n == TRACE_END_EVICTED ? "observation stopped (too many connections)"
					: "observation ended";
}

static void say_size(struct buffer *out, const char *before, uint64_t n, const char *after)
{
	buffer_add_text(out, before);
	say_bytes(out, n);
	buffer_add_text(out, after);
}

void say_event(struct buffer *out, const struct exchange *x, const struct event *e, bool utf8)
{
	switch (e->kind) {
	case EV_SYN:
		if (e->n > 1)
			buffer_printf(out, "SYN again, try %u", (unsigned)e->n);
		else
			say_with_mss(out, "SYN", x->path[e->side].mss);
		return;
	case EV_SYN_ACK:
		say_with_mss(out, "SYN, ACK", x->path[e->side].mss);
		return;
	case EV_REQUEST:
		if (x->request.method.len)
			say_request(out, x, utf8);
		else
			buffer_add_text(out, "request");
		return;
	case EV_REQUEST_END:
		say_size(out, "request complete, ", e->n, " of body");
		return;
	case EV_INTERIM:
		buffer_printf(out, "%u (interim)", (unsigned)e->n);
		return;
	case EV_RESPONSE:
		if (x->response.status)
			say_status(out, x, utf8);
		else
			buffer_printf(out, "answer %u", (unsigned)e->n);
		return;
	case EV_RESPONSE_END:
		say_size(out, "answer complete, ", e->n, " of body");
		return;
	case EV_NOT_HTTP:
		say_protocol(out, "not HTTP: ", e->n, "");
		return;
	case EV_HELLO:
		say_hello(out, x, e->n, utf8);
		return;
	case EV_SERVER_HELLO:
		buffer_add_text(out, "ServerHello");
		return;
	case EV_CERTIFICATE:
		say_counted(out, e->n, "certificate", "certificates");
		return;
	case EV_TLS_DONE:
		buffer_add_text(out, "TLS handshake done");
		return;
	case EV_ALERT:
		say_alert(out, e->n);
		return;
	case EV_NOT_TLS:
		say_protocol(out, "not TLS: ", e->n, "");
		return;
	case EV_INNER:
		say_protocol(out, "", e->n, " in the tunnel");
		return;
	case EV_FIRST_BYTE:
		buffer_add_text(out, "first byte of data");
		return;
	case EV_LARGE:
		say_size(out, "first full-size segment, ", e->n, "");
		return;
	case EV_RETRANS:
		say_size(out, "sent again, ", e->n, "");
		return;
	case EV_STUCK:
		say_size(out, "", e->n, " sent again, never acknowledged");
		return;
	case EV_HOLE:
		say_size(out, "", e->n, " lost on the way");
		return;
	case EV_MISSING:
		say_size(out, "", e->n, " missing from the capture");
		return;
	case EV_ZERO_WINDOW:
		buffer_add_text(out, "window closed (0)");
		return;
	case EV_WINDOW_OPEN:
		buffer_add_text(out, "window open again");
		return;
	case EV_ICMP:
		say_icmp(out, x);
		return;
	case EV_LAST_DATA:
		say_size(out, "last data, ", e->n, " in all");
		return;
	case EV_FIN:
		buffer_add_text(out, "FIN");
		return;
	case EV_RST:
		buffer_add_text(out, "RST");
		return;
	case EV_NEXT:
		buffer_add_text(out, "next request on this connection");
		return;
	case EV_END:
		buffer_add_text(out, end_text(e->n));
		return;
	case EV_COUNT_:
		break;
	}
	buffer_add_text(out, "event");
}

/* ---- the rest ------------------------------------------------------------------------------ */

const char *say_confidence(enum confidence c)
{
	switch (c) {
	case CONFIDENCE_HIGH:
		return "high: the evidence leaves little room for another reading";
	case CONFIDENCE_MEDIUM:
		return "medium: likely, but other readings are possible";
	case CONFIDENCE_LOW:
		break;
	}
	return "low: a hint of where to look, no more";
}

const char *say_tls_version(uint16_t version)
{
	switch (version) {
	case 0x0304:
		return "1.3";
	case 0x0303:
		return "1.2";
	case 0x0302:
		return "1.1";
	case 0x0301:
		return "1.0";
	case 0x0300:
		return "ssl3";
	default:
		return NULL;
	}
}

const char *say_side(const char *remedy, const char **ret_rest)
{
	static const char *const sides[] = { "client", "network", "proxy", "origin" };
	static const char *const before[] = { "", "on the ", "in the ", "at the " };
	struct slice text = slice_of(remedy);
	*ret_rest = remedy;
	for (size_t b = 0; b < sizeof before / sizeof *before; b++) {
		if (!slice_starts_nocase(text, slice_of(before[b])))
			continue;
		struct slice rest = slice_from(text, strlen(before[b]));
		struct slice word = slice_first(rest, slice_find_byte(rest, ':'));
		for (size_t i = 0; word.len < rest.len && i < sizeof sides / sizeof *sides; i++)
			if (slice_equal_nocase(word, slice_of(sides[i]))) {
				const char *what = (const char *)rest.at + word.len + 1;
				*ret_rest = what + strspn(what, " ");
				return sides[i];
			}
	}
	return NULL;
}
