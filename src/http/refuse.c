/* What RFC 9112 gives no single meaning, and what this proxy does not do. */
#include "http/refuse.h"

#include "http/syntax.h"

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
