/* Heads: one forward walk over the bytes. Each step either takes what it wants, asks for more,
 * or refuses, and no step looks at a byte twice to undo another; so a cut input gives MORE
 * until the byte that decides, wherever it is cut.
 *
 * What frames the body is noted while the fields pass by (struct framing) and judged at the
 * end, when the status and the method are known too. */
#include "http/head.h"

#include "http/syntax.h"

#include <string.h>

enum { MAX_METHOD = 32, MAX_SCHEME = 32 };

struct cursor {
	const uint8_t *start, *at, *end;
	bool at_limit; /* the head may not be longer than what lies before `end` */
	bool pads;     /* white space before a colon is left out, as RFC 9112 section 5.1 wants
			  it of an answer, and not of a request */
	struct http_bad *bad;
};

/* What the fields say of the body and of the connection. */
struct framing {
	const uint8_t *wrong_length; /* a Content-Length that is no number; NULL: none */
	uint64_t length;
	unsigned lengths, chunked; /* how many times each was said */
	bool lengths_differ;
	bool coded, chunked_last; /* Transfer-Encoding is there; and ends in chunked */
	bool close, keep;
};

static struct cursor cursor_over(struct slice in, struct http_bad *bad)
{
	size_t len = in.len < HTTP_MAX_HEAD ? in.len : HTTP_MAX_HEAD;
	return (struct cursor){
		.start = in.at,
		.at = in.at,
		.end = len > 0 ? in.at + len : in.at,
		.at_limit = len == HTTP_MAX_HEAD,
		.bad = bad,
	};
}

static enum http_parse refuse(struct cursor *c, const uint8_t *at, const char *why)
{
	*c->bad = (struct http_bad){ (size_t)(at - c->start), why };
	return HTTP_BAD;
}

static enum http_parse want_more(struct cursor *c)
{
	return c->at_limit ? refuse(c, c->end, "head is longer than 65536 bytes") : HTTP_MORE;
}

static struct slice between(const uint8_t *from, const uint8_t *to)
{
	return (struct slice){ from, (size_t)(to - from) };
}

/* LF alone ends a line too (RFC 9112 section 2.2). */
static enum http_parse read_line_end(struct cursor *c)
{
	if (c->at == c->end)
		return want_more(c);
	if (*c->at == '\r') {
		if (c->end - c->at < 2)
			return want_more(c);
		if (c->at[1] != '\n')
			return refuse(c, c->at, "carriage return without line feed");
		c->at++;
	} else if (*c->at != '\n') {
		return refuse(c, c->at, "control character");
	}
	c->at++;
	return HTTP_DONE;
}

/* Moves over bytes of IN_TEXT, eight at a time while none of them is a control or DEL. */
static void skip_text(struct cursor *c)
{
	const uint64_t ones = UINT64_MAX / 255;
	const uint8_t *at = c->at;
	for (; c->end - at >= 8; at += 8) {
		uint64_t x, del;
		memcpy(&x, at, 8);
		del = x ^ ones * 0x7f;
		uint64_t odd = (((x - ones * 0x20) & ~x) | ((del - ones) & ~del)) & ones * 0x80;
		if (odd == 0)
			continue;
		if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
			at += __builtin_ctzll(odd) / 8; /* the lowest is surely one */
		break;
	}
	while (at < c->end && http_is(*at, IN_TEXT))
		at++;
	c->at = at;
}

/* The rest of the line without the white space around it, and the line's end. */
static inline enum http_parse read_text(struct cursor *c, struct slice *ret_text)
{
	const uint8_t *from = c->at;
	while (from < c->end && http_is_blank(*from))
		from++;
	c->at = from;
	skip_text(c);
	const uint8_t *to = c->at;
	enum http_parse p = HTTP_DONE;
	if (c->end - to >= 2 && to[0] == '\r' && to[1] == '\n')
		c->at += 2;
	else
		p = read_line_end(c);
	while (to > from && http_is_blank(to[-1]))
		to--;
	if (p == HTTP_DONE)
		*ret_text = between(from, to);
	return p;
}

/* "HTTP/1." and a digit. Refused at the first byte that differs. */
static enum http_parse read_version(struct cursor *c, unsigned *ret_minor)
{
	static const uint8_t name[] = "HTTP/1.";
	for (size_t i = 0; i < sizeof name - 1; i++, c->at++) {
		if (c->at == c->end)
			return want_more(c);
		if (*c->at != name[i])
			return refuse(c, c->at, "version is not HTTP/1");
	}
	if (c->at == c->end)
		return want_more(c);
	if (*c->at < '0' || *c->at > '9')
		return refuse(c, c->at, "version is not HTTP/1");
	*ret_minor = *c->at++ - '0' + 0u;
	return HTTP_DONE;
}

/* --- fields ------------------------------------------------------------------------------ */

static const char *why_no_name(uint8_t first, bool empty)
{
	if (empty && http_is_blank(first))
		return "field line is folded, or begins with white space";
	if (empty)
		return "field name is empty, or no token";
	if (http_is_blank(first))
		return "white space between field name and colon";
	if (first == '\r' || first == '\n')
		return "field line without a colon";
	return "field name is no token";
}

static enum http_parse read_field(struct cursor *c, struct http_field *ret_field)
{
	const uint8_t *from = c->at;
	const uint8_t *to = from;
	while (to < c->end && http_is(*to, IN_TOKEN))
		to++;
	c->at = to;
	while (c->pads && to > from && c->at < c->end && http_is_blank(*c->at))
		c->at++;
	if (c->at == c->end)
		return want_more(c);
	if (*c->at != ':' || to == from)
		return refuse(c, c->at, why_no_name(*c->at, to == from));
	ret_field->name = between(from, to);
	c->at++;
	return read_text(c, &ret_field->value);
}

/* Is it that name, of that length? The names are in lower case: only their own letters in either
 * case, and a hyphen, become them when bit 5 is set, as far as tokens go. */
static inline bool is_named(const uint8_t *at, const char *name, size_t len)
{
	const uint64_t lower = UINT64_MAX / 255 * 0x20;
	uint64_t a, b;
	size_t i = 0;
	for (; i + 8 <= len; i += 8) {
		memcpy(&a, at + i, 8);
		memcpy(&b, name + i, 8);
		if ((a | lower) != b)
			return false;
	}
	for (; i < len; i++)
		if ((at[i] | 0x20) != name[i])
			return false;
	return true;
}

/* The length tells nearly all names apart. */
static enum http_name name_of(struct slice s)
{
#define NAME(text, id)                                                                             \
	if (is_named(s.at, text, sizeof(text) - 1))                                                \
		return id;
	switch (s.len) {
	case 3:
		NAME("via", HTTP_VIA)
		break;
	case 4:
		NAME("host", HTTP_HOST)
		break;
	case 6:
		NAME("server", HTTP_SERVER)
		break;
	case 8:
		NAME("location", HTTP_LOCATION)
		break;
	case 10:
		NAME("connection", HTTP_CONNECTION)
		break;
	case 11:
		NAME("proxy-agent", HTTP_PROXY_AGENT)
		NAME("retry-after", HTTP_RETRY_AFTER)
		break;
	case 12:
		NAME("content-type", HTTP_CONTENT_TYPE)
		NAME("proxy-status", HTTP_PROXY_STATUS)
		break;
	case 13:
		NAME("authorization", HTTP_AUTHORIZATION)
		NAME("x-squid-error", HTTP_X_SQUID_ERROR)
		break;
	case 14:
		NAME("content-length", HTTP_CONTENT_LENGTH)
		break;
	case 16:
		NAME("proxy-connection", HTTP_PROXY_CONNECTION)
		break;
	case 17:
		NAME("transfer-encoding", HTTP_TRANSFER_ENCODING)
		break;
	case 18:
		NAME("proxy-authenticate", HTTP_PROXY_AUTHENTICATE)
		break;
	case 19:
		NAME("proxy-authorization", HTTP_PROXY_AUTHORIZATION)
		break;
	}
#undef NAME
	return HTTP_NAME_OTHER;
}

/* "5" and "5, 5" alike, in one field or in several (RFC 9112 section 6.3, point 5). */
static void note_lengths(struct framing *f, struct slice value)
{
	struct slice rest = value;
	do {
		uint64_t length;
		if (!slice_parse_u64(slice_trim(slice_cut(&rest, ',')), 10, &length)) {
			f->wrong_length = value.at;
			length = 0;
		}
		if (f->lengths++ > 0 && length != f->length)
			f->lengths_differ = true;
		else
			f->length = length;
	} while (rest.len > 0);
	if (value.len > 0 && value.at[value.len - 1] == ',')
		f->wrong_length = value.at;
}

static void note_codings(struct framing *f, struct slice value)
{
	struct slice coding;
	f->coded = true;
	while (http_next_item(&value, &coding)) {
		f->chunked_last = slice_equal_nocase(coding, SLICE("chunked"));
		f->chunked += f->chunked_last;
	}
}

static void note_connection(struct framing *f, struct slice value)
{
	struct slice option;
	if (slice_equal_nocase(value, SLICE("keep-alive"))) { /* all that most say */
		f->keep = true;
		return;
	}
	while (http_next_item(&value, &option)) {
		f->close |= slice_equal_nocase(option, SLICE("close"));
		f->keep |= slice_equal_nocase(option, SLICE("keep-alive"));
	}
}

static void note_field(struct framing *f, enum http_name name, struct slice value)
{
	switch (name) {
	case HTTP_CONNECTION:
	case HTTP_PROXY_CONNECTION:
		note_connection(f, value);
		break;
	case HTTP_CONTENT_LENGTH:
		note_lengths(f, value);
		break;
	case HTTP_TRANSFER_ENCODING:
		note_codings(f, value);
		break;
	default:
		break;
	}
}

/* All fields and the empty line. Those beyond the array still frame the body. */
static enum http_parse read_fields(struct cursor *c, struct http_fields *fields,
				   struct framing *ret_framing)
{
	struct http_field spare;
	fields->count = fields->dropped_fields = 0;
	memset(fields->known, 0, sizeof fields->known);
	*ret_framing = (struct framing){ 0 };
	for (;;) {
		bool room = fields->count < HTTP_MAX_FIELDS;
		struct http_field *field = room ? &fields->field[fields->count] : &spare;
		if (c->at == c->end)
			return want_more(c);
		if (*c->at == '\r' || *c->at == '\n')
			return read_line_end(c);
		enum http_parse p = read_field(c, field);
		if (p != HTTP_DONE)
			return p;
		enum http_name name = name_of(field->name);
		note_field(ret_framing, name, field->value);
		if (!room) {
			fields->dropped_fields++;
			continue;
		}
		fields->count++;
		if (name != HTTP_NAME_OTHER && !fields->known[name])
			fields->known[name] = (uint8_t)fields->count;
	}
}

/* --- what the fields mean ---------------------------------------------------------------- */

/* RFC 9112 section 6.1 and 6.3, point 3: both lengths, a coding in HTTP/1.0, chunked twice. */
static bool is_ambiguous(const struct framing *f, unsigned minor)
{
	if (f->coded)
		return f->lengths > 0 || minor == 0 || f->chunked > 1;
	return f->lengths_differ;
}

/* RFC 9112 section 6.3, points 4 to 6; `otherwise` is point 7 or 8. */
static enum http_body body_by_fields(const struct framing *f, enum http_body otherwise,
				     uint64_t *ret_length)
{
	*ret_length = 0;
	if (f->coded)
		return f->chunked_last ? HTTP_BODY_CHUNKED : HTTP_BODY_CLOSE;
	if (f->lengths == 0)
		return otherwise;
	*ret_length = f->length;
	return f->length > 0 ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
}

/* RFC 9112 section 9.3. */
static bool keeps_alive(const struct framing *f, unsigned minor)
{
	return !f->close && (minor > 0 || f->keep);
}

static enum http_parse frame_request(struct cursor *c, const struct framing *f,
				     struct http_request *r)
{
	if (f->wrong_length && !f->coded)
		return refuse(c, f->wrong_length, "content-length is not a number");
	r->body = body_by_fields(f, HTTP_BODY_NONE, &r->length);
	r->ambiguous = is_ambiguous(f, r->minor) || r->body == HTTP_BODY_CLOSE;
	r->keep_alive = keeps_alive(f, r->minor) && !r->ambiguous;
	return HTTP_DONE;
}

/* RFC 9112 section 6.3, points 1 and 2: no field can give these a body. */
static bool frame_by_status(const struct http_response *r, struct slice method,
			    enum http_body *ret_body)
{
	bool connected = r->status / 100 == 2 && slice_equal(method, SLICE("CONNECT"));
	bool bodiless = r->status / 100 == 1 || r->status == 204 || r->status == 304 ||
			slice_equal(method, SLICE("HEAD"));
	if (r->status == 101 || connected)
		*ret_body = HTTP_BODY_TUNNEL;
	else if (bodiless)
		*ret_body = HTTP_BODY_NONE;
	return r->status == 101 || connected || bodiless;
}

static enum http_parse frame_response(struct cursor *c, const struct framing *f,
				      struct slice method, struct http_response *r)
{
	r->length = 0;
	r->ambiguous = false;
	if (!frame_by_status(r, method, &r->body)) {
		if (f->wrong_length && !f->coded)
			return refuse(c, f->wrong_length, "content-length is not a number");
		r->body = body_by_fields(f, HTTP_BODY_CLOSE, &r->length);
		r->ambiguous = is_ambiguous(f, r->minor);
	}
	r->keep_alive = keeps_alive(f, r->minor) && !r->ambiguous && r->body != HTTP_BODY_CLOSE &&
			r->body != HTTP_BODY_TUNNEL;
	return HTTP_DONE;
}

/* --- start lines ------------------------------------------------------------------------- */

/* Empty lines before a request line are left over from an old client's last body (RFC 9112
 * section 2.2). */
static enum http_parse skip_empty_lines(struct cursor *c)
{
	while (c->at < c->end && (*c->at == '\r' || *c->at == '\n')) {
		enum http_parse p = read_line_end(c);
		if (p != HTTP_DONE)
			return p;
	}
	return HTTP_DONE;
}

/* A token and the space behind it. */
static enum http_parse read_method(struct cursor *c, struct slice *ret_method)
{
	const uint8_t *from = c->at, *to = from;
	while (to < c->end && http_is(*to, IN_TOKEN) && to - from <= MAX_METHOD)
		to++;
	c->at = to;
	if (c->at - from > MAX_METHOD)
		return refuse(c, from, "method is longer than 32 bytes");
	if (c->at == c->end)
		return want_more(c);
	if (*c->at != ' ' || c->at == from)
		return refuse(c, c->at, "method is no token");
	*ret_method = between(from, c->at++);
	return HTTP_DONE;
}

/* The form of a target that begins so; MORE while a scheme may still be on its way. */
static enum http_parse form_of(struct slice start, bool is_connect, enum http_form *ret_form)
{
	size_t scheme = 0;
	*ret_form = HTTP_FORM_AUTHORITY;
	if (is_connect)
		return HTTP_DONE;
	if (start.len == 0)
		return HTTP_MORE;
	*ret_form = start.at[0] == '/' ? HTTP_FORM_ORIGIN : HTTP_FORM_ASTERISK;
	if (start.at[0] == '/' || start.at[0] == '*')
		return HTTP_DONE;
	*ret_form = HTTP_FORM_ABSOLUTE;
	while (scheme < start.len && scheme <= MAX_SCHEME && http_is(start.at[scheme], IN_TOKEN))
		scheme++;
	if (scheme == 0 || scheme > MAX_SCHEME)
		return HTTP_BAD;
	struct slice behind = slice_first(slice_from(start, scheme), 3);
	if (!slice_starts(SLICE("://"), behind))
		return HTTP_BAD;
	return behind.len == 3 ? HTTP_DONE : HTTP_MORE;
}

/* The target and the space behind it. */
static enum http_parse read_target(struct cursor *c, struct http_request *r)
{
	const uint8_t *from = c->at, *to = from;
	while (to < c->end && http_is(*to, IN_TARGET))
		to++;
	c->at = to;
	if (c->at == c->end)
		return want_more(c);
	if (*c->at == '\r' || *c->at == '\n')
		return refuse(c, c->at, "request line without a version");
	if (*c->at != ' ')
		return refuse(c, c->at, "control character or tab in the request line");
	if (c->at == from)
		return refuse(c, c->at, "request target is empty");
	r->target = between(from, c->at++);
	bool is_connect = slice_equal(r->method, SLICE("CONNECT"));
	if (form_of(r->target, is_connect, &r->form) != HTTP_DONE ||
	    (r->form == HTTP_FORM_ASTERISK && r->target.len > 1))
		return refuse(c, from, "request target is neither a path nor a URL");
	return HTTP_DONE;
}

static enum http_parse read_request_line(struct cursor *c, struct http_request *r)
{
	enum http_parse p;
	if ((p = skip_empty_lines(c)) != HTTP_DONE ||
	    (p = read_method(c, &r->method)) != HTTP_DONE || (p = read_target(c, r)) != HTTP_DONE ||
	    (p = read_version(c, &r->minor)) != HTTP_DONE)
		return p;
	if (c->at < c->end && http_is(*c->at, IN_TEXT))
		return refuse(c, c->at, "request line goes on behind the version");
	return read_line_end(c);
}

static enum http_parse read_status(struct cursor *c, unsigned *ret_status)
{
	unsigned status = 0;
	for (int i = 0; i < 3; i++, c->at++) {
		if (c->at == c->end)
			return want_more(c);
		if (*c->at < (i == 0 ? '1' : '0') || *c->at > '9')
			return refuse(c, c->at, "status code is not three digits from 100 on");
		status = status * 10 + *c->at - '0';
	}
	*ret_status = status;
	return HTTP_DONE;
}

static enum http_parse read_status_line(struct cursor *c, struct http_response *r)
{
	enum http_parse p = read_version(c, &r->minor);
	if (p != HTTP_DONE)
		return p;
	if (c->at == c->end)
		return want_more(c);
	if (*c->at != ' ')
		return refuse(c, c->at, "no space behind the version");
	c->at++;
	if ((p = read_status(c, &r->status)) != HTTP_DONE)
		return p;
	/* Not even the space stands there where the reason is missing: many leave it out. */
	if (c->at < c->end && *c->at != ' ' && http_is(*c->at, IN_TEXT))
		return refuse(c, c->at, "no space behind the status code");
	return read_text(c, &r->reason);
}

/* --- the doors --------------------------------------------------------------------------- */

enum http_parse http_read_request(struct slice in, struct http_request *ret_request,
				  struct http_bad *ret_bad)
{
	struct cursor c = cursor_over(in, ret_bad);
	struct framing framing;
	enum http_parse p = read_request_line(&c, ret_request);
	if (p == HTTP_DONE)
		p = read_fields(&c, &ret_request->fields, &framing);
	if (p != HTTP_DONE)
		return p;
	ret_request->head_len = (size_t)(c.at - c.start);
	return frame_request(&c, &framing, ret_request);
}

enum http_parse http_read_response(struct slice in, struct slice method,
				   struct http_response *ret_response, struct http_bad *ret_bad)
{
	struct cursor c = cursor_over(in, ret_bad);
	struct framing framing;
	c.pads = true;
	enum http_parse p = read_status_line(&c, ret_response);
	if (p == HTTP_DONE)
		p = read_fields(&c, &ret_response->fields, &framing);
	if (p != HTTP_DONE)
		return p;
	ret_response->head_len = (size_t)(c.at - c.start);
	return frame_response(&c, &framing, method, ret_response);
}

enum http_parse http_read_trailers(struct slice in, struct http_fields *ret_fields,
				   size_t *ret_used, struct http_bad *ret_bad)
{
	struct cursor c = cursor_over(in, ret_bad);
	struct framing ignored;
	enum http_parse p = read_fields(&c, ret_fields, &ignored);
	if (p == HTTP_DONE)
		*ret_used = (size_t)(c.at - c.start);
	return p;
}

enum http_parse http_looks_like_request(struct slice in)
{
	struct http_bad ignored;
	struct cursor c = cursor_over(in, &ignored);
	struct slice method;
	enum http_form form;
	enum http_parse p = skip_empty_lines(&c);
	if (p == HTTP_DONE)
		p = read_method(&c, &method);
	if (p != HTTP_DONE)
		return p;
	return form_of(between(c.at, c.end), slice_equal(method, SLICE("CONNECT")), &form);
}

enum http_parse http_looks_like_response(struct slice in)
{
	static const struct slice start = { (const uint8_t *)"HTTP/1.", 7 };
	if (in.len >= start.len)
		return memcmp(in.at, start.at, start.len) == 0 ? HTTP_DONE : HTTP_BAD;
	return slice_starts(start, in) ? HTTP_MORE : HTTP_BAD;
}
