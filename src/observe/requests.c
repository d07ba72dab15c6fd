/* Requests, as a proxy's client sends them. */
#include "observe/conversation.h"

#include <string.h>

enum { MAX_TARGET = 2048 };

/* ---- what is kept of a request -------------------------------------------------------------- */

/* Userinfo in a URL ("user:secret@") becomes "***@"; *ret_had says whether there was any. */
static struct slice keep_target(struct exchange *x, struct slice target, bool *ret_had)
{
	size_t scheme = slice_find(target, SLICE("://"));
	struct slice rest = slice_from(target, scheme == target.len ? 0 : scheme + 3);
	size_t end = 0, at = SIZE_MAX;
	for (; end < rest.len && rest.at[end] != '/' && rest.at[end] != '?'; end++)
		if (rest.at[end] == '@')
			at = end;
	*ret_had = at != SIZE_MAX;
	if (!*ret_had)
		return trace_keep(x, target, MAX_TARGET);
	struct buffer b;
	buffer_init(&b, HTTP_MAX_HEAD + 8);
	buffer_add(&b, slice_first(target, (size_t)(rest.at - target.at)));
	buffer_add_text(&b, "***");
	buffer_add(&b, slice_from(rest, at));
	struct slice kept = trace_keep(x, buffer_slice(&b), MAX_TARGET);
	buffer_done(&b);
	return kept;
}

static void keep_request(struct conversation *c, struct exchange *x, const struct http_request *r,
			 struct slice head)
{
	struct trace_request *q = &x->request;
	q->method = trace_keep(x, r->method, 32);
	q->target = keep_target(x, r->target, &q->had_userinfo);
	q->is_connect = slice_equal(r->method, SLICE("CONNECT"));
	q->absolute = r->form == HTTP_FORM_ABSOLUTE;
	q->host = speech_keep_field(x, &r->fields, SLICE("host"));
	q->user_agent = speech_keep_field(x, &r->fields, SLICE("user-agent"));
	q->minor = r->minor;
	q->origin_credentials = http_find(&r->fields, SLICE("authorization")) != NULL;
	const struct http_field *auth = http_find(&r->fields, SLICE("proxy-authorization"));
	if (auth) {
		char user[128];
		q->auth = speech_scheme(http_read_credentials(auth->value, user, sizeof user));
		q->user = trace_keep(x, slice_of(user), sizeof user);
	}
	q->body_length = r->body == HTTP_BODY_LENGTH ? r->length
			 : r->body == HTTP_BODY_NONE ? 0
						     : UINT64_MAX;
	if (c->options.keep_heads)
		q->head = speech_keep_head(x, head, &r->fields, r->target);
}

/* ---- a request begins, and is out ------------------------------------------------------------ */

/* Bytes or a FIN may follow; the request itself is out. */
void requests_sent(struct exchange *x, const struct mark *mark)
{
	x->request.complete = true;
	x->request_end = *mark;
	if (x->request.body_bytes)
		trace_add(x, EV_REQUEST_END, CLIENT, mark, x->request.body_bytes);
}

static bool is_for_proxy(const struct conversation *c, const struct http_request *r)
{
	return c->known || c->options.any_request || r->form == HTTP_FORM_ABSOLUTE ||
	       slice_equal(r->method, SLICE("CONNECT"));
}

static void expect_request_body(struct talk *up, const struct http_request *r)
{
	up->speech = SPEECH_HEAD;
	if (r->body == HTTP_BODY_CHUNKED) {
		up->speech = SPEECH_BODY_CHUNKED;
		up->chunks = (struct http_chunks){ 0 };
	} else if (r->body == HTTP_BODY_LENGTH && r->length > 0) {
		up->speech = SPEECH_BODY_LENGTH;
		up->left = r->length;
	}
}

/* A 407 and the request with credentials that follows it on the same connection. */
static void link_retry(struct turn *before, struct exchange *x)
{
	if (!before || !before->whole || before->x->response.status != 407 ||
	    x->request.auth == SCHEME_NONE)
		return;
	before->x->links.answered_challenge = true;
	memcpy(before->x->links.other, x->id, sizeof x->id);
	x->links.is_retry = true;
	memcpy(x->links.other, before->x->id, sizeof x->id);
}

bool requests_begin(struct conversation *c, const struct http_request *r, struct slice head,
		    const struct mark *start, const struct mark *mark)
{
	if (!is_for_proxy(c, r))
		return false;
	struct turn *before = c->newest;
	struct turn *t = conversation_begin(c, start);
	if (!t)
		return false;
	struct exchange *x = t->x;
	x->request_start = *start;
	x->last = *mark;
	x->bytes[CLIENT] += head.len;
	keep_request(c, x, r, head);
	link_retry(before, x);
	conversation_finish_whole(c, start);
	trace_add(x, EV_REQUEST, CLIENT, mark, head.len);
	expect_request_body(&c->talk[CLIENT], r);
	if (c->talk[CLIENT].speech == SPEECH_HEAD)
		requests_sent(x, mark);
	return true;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* A client whose CONNECT was not answered yet (or whose answer nobody saw) and who now says TLS
 * hello is in a tunnel. */
static bool begins_tunnel_unasked(struct conversation *c, struct slice bytes)
{
	struct turn *t = c->newest;
	return t && t->x->request.is_connect && t->x->response.status == 0 &&
	       c->talk[CLIENT].head.len == 0 && observe_guess(bytes) == PROTO_TLS;
}

static size_t read_request_head(struct conversation *c, const struct mark *mark, struct slice bytes)
{
	struct talk *up = &c->talk[CLIENT];
	size_t before = up->head.len;
	if (begins_tunnel_unasked(c, bytes)) {
		up->speech = SPEECH_TUNNEL;
		c->tunnel = true;
		tunnel_read(c, CLIENT, mark, bytes);
		return bytes.len;
	}
	struct slice whole = speech_join_head(up, mark, bytes);
	struct http_request r;
	struct http_bad bad;
	enum http_parse got = http_looks_like_request(whole);
	if (got == HTTP_DONE)
		got = http_read_request(whole, &r, &bad);
	if (got == HTTP_MORE && speech_keep_for_later(up, whole, before > 0))
		return bytes.len;
	if (got != HTTP_DONE)
		return cut_read_odd_request(c, mark, whole, bytes);
	struct mark start = up->head_start;
	bool begun = requests_begin(c, &r, slice_first(whole, r.head_len), &start, mark);
	buffer_reset(&up->head);
	if (!begun)
		return c->known ? speech_lose_step(up, bytes) : 0;
	answers_read_waiting(c);
	return r.head_len - before;
}

static size_t read_request_body(struct conversation *c, const struct mark *mark, struct slice bytes)
{
	struct talk *up = &c->talk[CLIENT];
	struct exchange *x = c->newest->x;
	size_t used = bytes.len;
	bool over;
	if (up->speech == SPEECH_BODY_LENGTH) {
		used = bytes.len < up->left ? bytes.len : (size_t)up->left;
		up->left -= used;
		x->request.body_bytes += used;
		over = up->left == 0;
	} else {
		enum http_parse got = http_read_chunks(&up->chunks, bytes, &used);
		if (got == HTTP_BAD)
			return speech_lose_step(up, bytes);
		x->request.body_bytes = up->chunks.body_bytes;
		over = got == HTTP_DONE;
	}
	x->bytes[CLIENT] += used;
	x->last = *mark;
	if (over) {
		up->speech = SPEECH_HEAD;
		requests_sent(x, mark);
	}
	return used ? used : 1;
}

/* After a gap: a segment that begins like a request leads back into step. */
static size_t find_request_again(struct conversation *c, const struct mark *mark,
				 struct slice bytes)
{
	if (http_looks_like_request(bytes) == HTTP_DONE) {
		c->talk[CLIENT].speech = SPEECH_HEAD;
		return read_request_head(c, mark, bytes);
	}
	if (c->newest) {
		c->newest->x->bytes[CLIENT] += bytes.len;
		c->newest->x->last = *mark;
	}
	return bytes.len;
}

size_t requests_read(struct conversation *c, const struct mark *mark, struct slice bytes)
{
	switch (c->talk[CLIENT].speech) {
	case SPEECH_HEAD:
		return read_request_head(c, mark, bytes);
	case SPEECH_BODY_LENGTH:
	case SPEECH_BODY_CHUNKED:
		return read_request_body(c, mark, bytes);
	default:
		return find_request_again(c, mark, bytes);
	}
}
