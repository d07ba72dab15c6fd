/* Rewriting heads for the next hop. */
#include "http/forward.h"

#include "http/syntax.h"

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
