/* Refusing, and rewriting heads for the next hop. */
#include "http/forward.h"

#include "http/syntax.h"

#include <stdio.h>

/* --- names ------------------------------------------------------------------------------- */

static bool is_one_of(struct slice name, const char *const *list)
{
	for (; *list; list++) {
		struct slice one = slice_of(*list);
		if (slice_equal_nocase(name, one))
			return true;
	}
	return false;
}

/* Never passed on as they come: hop-by-hop fields (RFC 9110 section 7.6.1), what frames the body
 * and is said anew, and what is meant for this proxy alone (section 11.7). */
static bool is_own_hops(struct slice name)
{
	static const char *const BY_C[] = { "Connection", "Content-Length", NULL };
	static const char *const BY_P[] = { "Proxy-Connection", "Proxy-Authorization",
					    "Proxy-Authenticate", "Proxy-Authentication-Info",
					    NULL };
	static const char *const BY_T[] = { "Transfer-Encoding", "TE", NULL };
	switch (name.at[0] | 0x20) {
	case 'c':
		return is_one_of(name, BY_C);
	case 'p':
		return is_one_of(name, BY_P);
	case 't':
		return is_one_of(name, BY_T);
	case 'k':
		return slice_equal_nocase(name, SLICE("Keep-Alive"));
	case 'u':
		return slice_equal_nocase(name, SLICE("Upgrade"));
	case 'h':
		return slice_equal_nocase(name, SLICE("HTTP2-Settings"));
	default:
		return false;
	}
}

bool http_trailer_allowed(struct slice name)
{
	static const char *const NEVER[] = { "Age",
					     "Authorization",
					     "Cache-Control",
					     "Content-Encoding",
					     "Content-Range",
					     "Content-Type",
					     "Cookie",
					     "Date",
					     "Expect",
					     "Expires",
					     "Host",
					     "Location",
					     "Max-Forwards",
					     "Pragma",
					     "Range",
					     "Retry-After",
					     "Set-Cookie",
					     "Trailer",
					     "Vary",
					     "Via",
					     "WWW-Authenticate",
					     NULL };
	return name.len > 0 && !is_own_hops(name) && !is_one_of(name, NEVER);
}

/* --- refusing ---------------------------------------------------------------------------- */

static const struct http_refusal PASS = { 0, NULL };

static struct http_refusal refusal(unsigned status, const char *why)
{
	return (struct http_refusal){ status, why };
}

static size_t count_fields(const struct http_fields *fields, struct slice name)
{
	const struct http_field *f = NULL;
	size_t n = 0;
	while ((f = http_find_next(fields, name, f)) != NULL)
		n++;
	return n;
}

/* A line feed alone ends a line for some readers and not for others (RFC 9112 section 2.2). */
static bool has_bare_line_feed(struct slice head)
{
	const uint8_t *end = head.at + head.len;
	for (const uint8_t *at = head.at; at < end; at++) {
		at = memchr(at, '\n', (size_t)(end - at));
		if (!at)
			return false;
		if (at == head.at || at[-1] != '\r')
			return true;
	}
	return false;
}

/* host[:port] with nothing in it that could mean another host elsewhere. */
static bool is_host_value(struct slice s)
{
	if (s.len == 0)
		return true;
	size_t host = 0;
	if (s.at[0] == '[') {
		host = slice_find_byte(s, ']');
		struct slice inside = slice_from(slice_first(s, host), 1);
		for (size_t i = 0; i < inside.len; i++)
			if (inside.at[i] != ':' && !http_is(inside.at[i], IN_HOST))
				return false;
		if (host == s.len || inside.len == 0)
			return false;
		host++;
	} else {
		host = http_span(s, IN_HOST);
	}
	if (host == s.len)
		return true;
	struct slice port = slice_from(s, host + 1);
	uint64_t number;
	return host > 0 && s.at[host] == ':' &&
	       (port.len == 0 || (slice_parse_u64(port, 10, &number) && number <= UINT16_MAX));
}

/* RFC 9112 section 3.2. */
static struct http_refusal refuse_host(const struct http_request *r)
{
	const struct http_field *host = http_find(&r->fields, SLICE("Host"));
	if (!host)
		return r->minor > 0 ? refusal(400, "an HTTP/1.1 request without Host") : PASS;
	if (http_find_next(&r->fields, SLICE("Host"), host))
		return refusal(400, "more than one Host");
	return is_host_value(host->value) ? PASS : refusal(400, "Host is no host and port");
}

static bool is_token_list(struct slice value)
{
	struct slice item;
	size_t items = 0;
	while (http_next_item(&value, &item)) {
		items++;
		if (http_span(item, IN_TOKEN) == 0)
			return false;
	}
	return items > 0;
}

/* RFC 9112 sections 6.1 to 6.3: one coding, chunked, in HTTP/1.1, or one length; never both. */
static struct http_refusal refuse_framing(const struct http_request *r)
{
	const struct http_field *coding = http_find(&r->fields, SLICE("Transfer-Encoding"));
	const struct http_field *length = http_find(&r->fields, SLICE("Content-Length"));
	if (length && http_find_next(&r->fields, SLICE("Content-Length"), length))
		return refusal(400, "more than one Content-Length");
	if (length && slice_find_byte(length->value, ',') < length->value.len)
		return refusal(400, "Content-Length is a list");
	if (!coding)
		return r->ambiguous ? refusal(400, "the body's length is ambiguous") : PASS;
	if (length)
		return refusal(400, "both Transfer-Encoding and Content-Length");
	if (r->minor == 0)
		return refusal(400, "Transfer-Encoding in an HTTP/1.0 request");
	if (http_find_next(&r->fields, SLICE("Transfer-Encoding"), coding))
		return refusal(400, "more than one Transfer-Encoding");
	if (slice_equal_nocase(coding->value, SLICE("chunked")))
		return PASS;
	if (!is_token_list(coding->value) || slice_starts_nocase(coding->value, SLICE("chunked")) ||
	    r->ambiguous)
		return refusal(400, "Transfer-Encoding does not end the body in one way");
	return refusal(501, "a transfer coding other than chunked");
}

/* RFC 9110 section 9.3.6: host and port, both, and nothing else. */
static struct http_refusal refuse_connect(const struct http_request *r)
{
	struct http_authority a;
	if (!http_read_authority(r->target, HTTP_FORM_AUTHORITY, &a) || a.had_userinfo)
		return refusal(400, "the target of CONNECT is not host:port");
	if (a.port == 0)
		return refusal(400, "the target of CONNECT has no valid port");
	if (r->body != HTTP_BODY_NONE)
		return refusal(400, "CONNECT with a body");
	return PASS;
}

/* RFC 9112 section 3.2.2, RFC 9110 section 4.2. */
static struct http_refusal refuse_absolute(const struct http_request *r)
{
	struct http_authority a;
	size_t colon = slice_find_byte(r->target, ':');
	if (!slice_equal_nocase(slice_first(r->target, colon), SLICE("http")))
		return refusal(501, "only http:// can be asked for; for https:// use CONNECT");
	if (!http_read_authority(r->target, HTTP_FORM_ABSOLUTE, &a))
		return refusal(400, "the request target is no URL with a host");
	if (a.had_userinfo)
		return refusal(400, "user information in the request target");
	if (slice_find_byte(r->target, '#') < r->target.len)
		return refusal(400, "a fragment in the request target");
	/* ":0" is no port, ":" alone is the default one */
	size_t host_end = (size_t)(a.host.at + a.host.len - r->target.at);
	struct slice behind = slice_from(r->target, host_end);
	if (slice_starts(behind, SLICE("]")))
		behind = slice_from(behind, 1);
	if (a.port == 0 && slice_starts(behind, SLICE(":0")))
		return refusal(400, "the request target has no valid port");
	return PASS;
}

static struct http_refusal refuse_target(const struct http_request *r)
{
	if (r->form == HTTP_FORM_AUTHORITY)
		return refuse_connect(r);
	if (r->form == HTTP_FORM_ABSOLUTE)
		return refuse_absolute(r);
	if (r->form == HTTP_FORM_ASTERISK && !slice_equal(r->method, SLICE("OPTIONS")))
		return refusal(400, "* is a target for OPTIONS alone");
	return PASS;
}

struct http_refusal http_refuse_request(struct slice head, const struct http_request *r)
{
	struct http_refusal no;
	const struct http_field *expect = http_find(&r->fields, SLICE("Expect"));
	if (has_bare_line_feed(head))
		return refusal(400, "a line that ends in a line feed alone");
	if (r->fields.dropped_fields > 0)
		return refusal(431, "more than 128 header fields");
	if ((no = refuse_framing(r)).status || (no = refuse_host(r)).status ||
	    (no = refuse_target(r)).status)
		return no;
	if (count_fields(&r->fields, SLICE("Proxy-Authorization")) > 1)
		return refusal(400, "more than one Proxy-Authorization");
	if (slice_equal(r->method, SLICE("TRACE")) && r->body != HTTP_BODY_NONE)
		return refusal(400, "TRACE with a body");
	if (expect && r->minor > 0 && !slice_equal_nocase(expect->value, SLICE("100-continue")))
		return refusal(417, "an expectation other than 100-continue");
	return PASS;
}

/* Does the line end in "HTTP/" and a version whose major number is another than 1? */
static bool is_other_version(struct slice line)
{
	size_t at = slice_find(line, SLICE(" HTTP/"));
	struct slice version = slice_from(line, at + 6);
	size_t digits = 0;
	while (digits < version.len && version.at[digits] >= '0' && version.at[digits] <= '9')
		digits++;
	return at < line.len && digits > 0 &&
	       !slice_equal(slice_first(version, digits), SLICE("1")) &&
	       (digits == version.len || version.at[digits] == '.');
}

struct http_refusal http_refuse_bytes(struct slice in, const struct http_bad *bad)
{
	struct slice rest = slice_first(in, HTTP_MAX_HEAD);
	while (rest.len > 0 && (rest.at[0] == '\r' || rest.at[0] == '\n'))
		rest = slice_from(rest, 1);
	struct slice line = slice_line(&rest);
	if (bad->at >= HTTP_MAX_HEAD)
		return line.len > HTTP_MAX_HEAD / 2 ? refusal(414, "the request target is too long")
						    : refusal(431, bad->why);
	if (is_other_version(line))
		return refusal(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
	return refusal(400, bad->why);
}

const char *http_refuse_response(const struct http_response *r)
{
	const struct http_field *coding = http_find(&r->fields, SLICE("Transfer-Encoding"));
	if (r->fields.dropped_fields > 0)
		return "more than 128 header fields";
	if (r->body == HTTP_BODY_NONE || r->body == HTTP_BODY_TUNNEL)
		return NULL;
	if (!coding)
		return r->ambiguous ? "Content-Length is said twice, differently" : NULL;
	if (r->minor == 0)
		return "Transfer-Encoding in an HTTP/1.0 answer";
	if (http_find_next(&r->fields, SLICE("Transfer-Encoding"), coding) ||
	    !slice_equal_nocase(coding->value, SLICE("chunked")))
		return "a transfer coding other than chunked";
	return NULL;
}

/* --- rewriting --------------------------------------------------------------------------- */

/* Is the field named by Connection, so that it ends here? Via stays: it is how loops are seen. */
static bool is_named(struct slice options, struct slice name)
{
	struct slice item;
	if (options.len == 0 || slice_equal_nocase(name, SLICE("Via")))
		return false;
	while (http_next_item(&options, &item))
		if (slice_equal_nocase(item, name))
			return true;
	return false;
}

static bool ends_here(const struct http_fields *fields, struct slice name)
{
	const struct http_field *f = NULL;
	if (is_own_hops(name))
		return true;
	while ((f = http_find_next(fields, SLICE("Connection"), f)) != NULL)
		if (is_named(f->value, name))
			return true;
	return false;
}

static void add_field(struct buffer *out, struct slice name, struct slice value)
{
	buffer_add(out, name);
	buffer_add(out, SLICE(": "));
	buffer_add(out, value);
	buffer_add(out, SLICE("\r\n"));
}

static void add_via(struct buffer *out, unsigned minor, const char *via)
{
	if (!via)
		return;
	buffer_add(out, minor == 0 ? SLICE("Via: 1.0 ") : SLICE("Via: 1.1 "));
	buffer_add_text(out, via);
	buffer_add(out, SLICE("\r\n"));
}

static void add_length(struct buffer *out, uint64_t length)
{
	buffer_add(out, SLICE("Content-Length: "));
	buffer_add_u64(out, length);
	buffer_add(out, SLICE("\r\n"));
}

/* Behind "scheme://authority". */
static struct slice path_of(struct slice target)
{
	struct slice rest = slice_from(target, slice_find(target, SLICE("://")) + 3);
	size_t at = 0;
	while (at < rest.len && rest.at[at] != '/' && rest.at[at] != '?')
		at++;
	return slice_from(rest, at);
}

/* What the origin is asked for, behind a "/" that may be missing. */
static struct slice origin_form(const struct http_request *r, bool *ret_lead_slash)
{
	struct slice path = path_of(r->target);
	if (path.len == 0 && slice_equal(r->method, SLICE("OPTIONS")))
		return SLICE("*"); /* RFC 9112 section 3.2.4 */
	*ret_lead_slash = path.len == 0 || path.at[0] == '?';
	return path;
}

/* "host:port" of the target as it stands there; no userinfo, which was refused. */
static struct slice authority_of(const struct http_request *r)
{
	if (r->form != HTTP_FORM_ABSOLUTE)
		return r->target;
	struct slice rest = slice_from(r->target, slice_find(r->target, SLICE("://")) + 3);
	return slice_first(rest, rest.len - path_of(r->target).len);
}

static void add_request_line(const struct http_forward_request *f, struct buffer *out)
{
	const struct http_request *r = f->request;
	bool slash = false;
	struct slice target = r->target;
	if (r->form == HTTP_FORM_ABSOLUTE && !f->to_parent)
		target = origin_form(r, &slash);
	buffer_add(out, r->method);
	buffer_add(out, slash ? SLICE(" /") : SLICE(" "));
	buffer_add(out, target);
	buffer_add(out, SLICE(" HTTP/1.1\r\nHost: "));
	buffer_add(out, authority_of(r));
	buffer_add(out, SLICE("\r\n"));
}

static bool is_left_out(const struct http_forward_request *f, struct slice name)
{
	return slice_equal_nocase(name, SLICE("Host")) ||
	       (f->max_forwards >= 0 && slice_equal_nocase(name, SLICE("Max-Forwards"))) ||
	       ends_here(&f->request->fields, name);
}

bool http_wants_upgrade(const struct http_request *r)
{
	const struct http_field *upgrade = http_find(&r->fields, SLICE("Upgrade"));
	return upgrade && r->minor > 0 && r->body == HTTP_BODY_NONE &&
	       http_list_has(&r->fields, SLICE("Connection"), SLICE("upgrade")) &&
	       !slice_starts_nocase(upgrade->value, SLICE("h2")) &&
	       !slice_starts_nocase(upgrade->value, SLICE("TLS")) &&
	       slice_find_byte(upgrade->value, ',') == upgrade->value.len;
}

/* What this hop says of itself. */
static void add_request_hop(const struct http_forward_request *f, struct buffer *out)
{
	const struct http_request *r = f->request;
	const struct http_field *length = http_find(&r->fields, SLICE("Content-Length"));
	if (r->body == HTTP_BODY_CHUNKED)
		buffer_add(out, SLICE("Transfer-Encoding: chunked\r\n"));
	else if (length && r->form != HTTP_FORM_AUTHORITY)
		add_length(out, r->length);
	if (f->max_forwards >= 0)
		buffer_printf(out, "Max-Forwards: %lld\r\n", (long long)f->max_forwards);
	add_via(out, r->minor, f->via);
	buffer_add(out, f->parent_auth);
	if (http_wants_upgrade(r)) {
		buffer_add(out, SLICE("Connection: Upgrade\r\n"));
		add_field(out, SLICE("Upgrade"), http_find(&r->fields, SLICE("Upgrade"))->value);
	} else if (f->close) {
		buffer_add(out, SLICE("Connection: close\r\n"));
	}
}

void http_forward_request(const struct http_forward_request *f, struct buffer *out)
{
	const struct http_fields *fields = &f->request->fields;
	add_request_line(f, out);
	for (size_t i = 0; i < fields->count; i++)
		if (!is_left_out(f, fields->field[i].name))
			add_field(out, fields->field[i].name, fields->field[i].value);
	add_request_hop(f, out);
	buffer_add(out, SLICE("\r\n"));
}

/* --- answers ----------------------------------------------------------------------------- */

static bool has_no_end(const struct http_response *r)
{
	return r->body == HTTP_BODY_CHUNKED || r->body == HTTP_BODY_CLOSE;
}

bool http_response_chunks(const struct http_forward_response *f)
{
	return has_no_end(f->response) && f->client_minor > 0;
}

/* How the body ends; for answers to HEAD and 304s what the answer to GET would have said, if it
 * can be believed (RFC 9110 section 8.6). */
static void add_response_length(const struct http_forward_response *f, struct buffer *out)
{
	const struct http_response *r = f->response;
	const struct http_field *length = http_find(&r->fields, SLICE("Content-Length"));
	uint64_t number;
	if (r->body == HTTP_BODY_LENGTH)
		add_length(out, r->length);
	else if (http_response_chunks(f))
		buffer_add(out, SLICE("Transfer-Encoding: chunked\r\n"));
	else if (r->body == HTTP_BODY_NONE && r->status / 100 != 1 && r->status != 204 && length &&
		 !http_find_next(&r->fields, SLICE("Content-Length"), length) &&
		 slice_parse_u64(length->value, 10, &number))
		add_length(out, number);
}

static void add_response_hop(const struct http_forward_response *f, struct buffer *out)
{
	const struct http_response *r = f->response;
	const struct http_field *upgrade = http_find(&r->fields, SLICE("Upgrade"));
	bool keep_upgrade = upgrade && (r->status == 101 || r->status == 426);
	add_response_length(f, out);
	if (r->status / 100 != 1 && !http_find(&r->fields, SLICE("Date")))
		buffer_add(out, f->date);
	add_via(out, r->minor, f->via);
	if (keep_upgrade)
		add_field(out, SLICE("Upgrade"), upgrade->value);
	if (keep_upgrade && !f->close)
		buffer_add(out, SLICE("Connection: Upgrade\r\n"));
	else if (f->close && r->status / 100 != 1)
		buffer_add(out, keep_upgrade ? SLICE("Connection: Upgrade, close\r\n")
					     : SLICE("Connection: close\r\n"));
	else if (f->client_minor == 0)
		buffer_add(out, SLICE("Connection: keep-alive\r\n"));
}

void http_forward_response(const struct http_forward_response *f, struct buffer *out)
{
	const struct http_response *r = f->response;
	buffer_add(out, SLICE("HTTP/1.1 "));
	buffer_add_u64(out, r->status);
	buffer_add_byte(out, ' ');
	buffer_add(out, r->reason);
	buffer_add(out, SLICE("\r\n"));
	for (size_t i = 0; i < r->fields.count; i++)
		if (!ends_here(&r->fields, r->fields.field[i].name))
			add_field(out, r->fields.field[i].name, r->fields.field[i].value);
	add_response_hop(f, out);
	buffer_add(out, SLICE("\r\n"));
}
