/* Leaving things out. */
#include "trace/publish.h"

enum { MAX_HEAD = 64 << 10 };

/* Fields whose values tell about the path and about nobody. */
static const char *const OPEN[] = {
	"Accept-Ranges",
	"Age",
	"Allow",
	"Cache-Status",
	"Connection",
	"Content-Encoding",
	"Content-Length",
	"Content-Range",
	"Content-Type",
	"Date",
	"Host",
	"Keep-Alive",
	"Location",
	"Mime-Version",
	"Proxy-Agent",
	"Proxy-Connection",
	"Proxy-Status",
	"Range",
	"Retry-After",
	"Server",
	"Transfer-Encoding",
	"Upgrade",
	"User-Agent",
	"Via",
	"X-Cache",
	"X-Cache-Lookup",
	"X-Squid-Error",
};

/* Of these the first word is the scheme, which says enough. */
static const char *const SCHEMES[] = { "Authorization", "Proxy-Authenticate", "Proxy-Authorization",
				       "WWW-Authenticate" };

static bool is_among(struct slice name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal_nocase(name, slice_of(list[i])))
			return true;
	return false;
}

static struct slice path_alone(struct slice url)
{
	size_t end = slice_find_byte(url, '?'), fragment = slice_find_byte(url, '#');
	return slice_first(url, fragment < end ? fragment : end);
}

static void add_url(struct buffer *out, struct slice url)
{
	struct slice kept = path_alone(url);
	buffer_add(out, kept);
	if (kept.len < url.len)
		buffer_add_text(out, "?...");
}

/* "GET /a?b HTTP/1.1": the second word is a URL. Of a status line it has no query, and is left. */
static void add_first_line(struct buffer *out, struct slice line)
{
	struct slice method = slice_cut(&line, ' ');
	struct slice url = slice_cut(&line, ' ');
	buffer_add(out, method);
	buffer_add_byte(out, ' ');
	add_url(out, url);
	buffer_add_byte(out, ' ');
	buffer_add(out, line);
	buffer_add_text(out, "\r\n");
}

/* True when the field was let through. */
static bool add_field(struct buffer *out, struct slice line)
{
	struct slice value = line, name = slice_cut(&value, ':');
	bool open = is_among(name, OPEN, sizeof OPEN / sizeof *OPEN);
	bool scheme = is_among(name, SCHEMES, sizeof SCHEMES / sizeof *SCHEMES);
	value = slice_trim(value);
	if (!open && !scheme)
		return false;
	buffer_add(out, name);
	buffer_add_text(out, ": ");
	if (scheme) {
		buffer_add(out, slice_cut(&value, ' '));
		buffer_add_text(out, " ...");
	} else {
		add_url(out, value);
	}
	buffer_add_text(out, "\r\n");
	return true;
}

static struct slice keep_and_drop(struct exchange *x, struct buffer *b)
{
	struct slice kept = { 0 };
	if (!b->failed)
		kept = trace_keep(x, buffer_slice(b), MAX_HEAD);
	buffer_done(b);
	return kept;
}

/* A folded line goes where the field that it continues went: out, as these are never let through.
 */
static struct slice publish_head(struct exchange *x, struct slice head)
{
	struct buffer out;
	unsigned left_out = 0;
	if (head.len == 0)
		return head;
	buffer_init(&out, MAX_HEAD);
	add_first_line(&out, slice_line(&head));
	while (head.len) {
		struct slice line = slice_line(&head);
		if (line.len)
			left_out += !add_field(&out, line);
	}
	if (left_out)
		buffer_printf(&out, "(%u more, left out)\r\n", left_out);
	buffer_add_text(&out, "\r\n");
	return keep_and_drop(x, &out);
}

static struct slice publish_url(struct exchange *x, struct slice url)
{
	struct buffer out;
	if (path_alone(url).len == url.len)
		return url;
	buffer_init(&out, MAX_HEAD);
	add_url(&out, url);
	return keep_and_drop(x, &out);
}

void trace_publish_text(struct buffer *out, struct slice text)
{
	while (text.len) {
		size_t end = slice_find_byte(text, ' ');
		struct slice word = slice_first(text, end);
		if (path_alone(word).len + 1 < word.len) /* "why?" stays */
			add_url(out, word);
		else
			buffer_add(out, word);
		if (end < text.len)
			buffer_add_byte(out, ' ');
		text = slice_from(text, end + 1);
	}
}

void trace_publish(struct exchange *x)
{
	struct trace_response *r = &x->response;
	x->request.target = publish_url(x, x->request.target);
	x->request.head = publish_head(x, x->request.head);
	r->head = publish_head(x, r->head);
	r->location = publish_url(x, r->location);
	r->proxy_authenticate = (struct slice){ 0 };
	if (trace_is_inside(x) || r->status < 400) { /* the origin's own words */
		r->title = (struct slice){ 0 };
		if (x->probe)
			x->probe->page = (struct slice){ 0 };
	}
	x->answer_start = (struct slice){ 0 };
}
