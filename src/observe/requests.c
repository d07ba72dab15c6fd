/* Requests, as a proxy's client sends them. */
#include "observe/conversation.h"
#include "tls/record.h"

#include <string.h>

enum { MAX_TARGET = 2048 };

/* ---- what is kept of a request -------------------------------------------------------------- */

/* The length of "user:secret@" where an authority begins. */
static size_t userinfo_len(struct slice authority)
{
	size_t len = 0;
	for (size_t i = 0; i < authority.len; i++) {
		uint8_t c = authority.at[i];
		if (c == '/' || c == '?' || c == '#')
			break;
		if (c == '@')
			len = i + 1;
	}
	return len;
}

/* Userinfo becomes "***@", in URLs that stand in a query too; *ret_had says whether there was
 * any. */
static struct slice keep_target(struct exchange *x, struct slice target, bool *ret_had)
{
	struct buffer b;
	struct slice left = target;
	size_t scheme = slice_find(left, SLICE("://"));
	bool authority = scheme == left.len; /* host:port alone */
	*ret_had = false;
	buffer_init(&b, 2 * HTTP_MAX_HEAD);
	while (left.len > 0) {
		size_t start = authority ? 0 : scheme == left.len ? left.len : scheme + 3;
		size_t len = userinfo_len(slice_from(left, start));
		buffer_add(&b, slice_first(left, start));
		buffer_add_text(&b, len ? "***@" : NULL);
		*ret_had |= len > 0;
		left = slice_from(left, start + len);
		scheme = slice_find(left, SLICE("://"));
		if (authority || scheme == left.len) {
			buffer_add(&b, left);
			break;
		}
	}
	struct slice kept = trace_keep(x, *ret_had ? buffer_slice(&b) : target, MAX_TARGET);
	buffer_done(&b);
	return kept;
}

/* Those that nearly all are need no copy. */
static struct slice keep_method(struct exchange *x, struct slice method)
{
	static const struct slice usual[] = { SLICE("CONNECT"), SLICE("GET"), SLICE("POST"),
					      SLICE("HEAD") };
	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		if (slice_equal(method, usual[i]))
			return usual[i];
	return trace_keep(x, method, 32);
}

static void keep_request(struct conversation *c, struct exchange *x, const struct http_request *r,
			 struct slice head)
{
	struct trace_request *q = &x->request;
	q->method = keep_method(x, r->method);
	q->target = keep_target(x, r->target, &q->had_userinfo);
	q->is_connect = slice_equal(r->method, SLICE("CONNECT"));
	q->absolute = r->form == HTTP_FORM_ABSOLUTE;
	if (!c->options.verdict_only || !q->is_connect) /* whose target says it */
		q->host = speech_keep_field(x, &r->fields, HTTP_HOST);
	q->minor = r->minor;
	q->origin_credentials = http_known(&r->fields, HTTP_AUTHORIZATION) != NULL;
	const struct http_field *auth = http_known(&r->fields, HTTP_PROXY_AUTHORIZATION);
	if (auth) {
		char user[128];
		q->auth = speech_scheme(http_read_credentials(auth->value, user, sizeof user));
		q->user = trace_keep(x, slice_of(user), sizeof user);
	}
	const struct http_field *expect =
		r->body == HTTP_BODY_NONE ? NULL : http_find(&r->fields, SLICE("Expect"));
	q->expects = expect && slice_equal_nocase(expect->value, SLICE("100-continue"));
	q->body_length = r->body == HTTP_BODY_LENGTH ? r->length
			 : r->body == HTTP_BODY_NONE ? 0
						     : UINT64_MAX;
	if (c->options.keep_heads)
		q->head = speech_keep_head(x, head);
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
	if (!before || before->x->response.status != 407 || x->request.auth == SCHEME_NONE)
		return;
	trace_set_id(before->x);
	trace_set_id(x);
	before->x->links.answered_challenge = true;
	memcpy(before->x->links.other, x->id, sizeof x->id);
	x->links.is_retry = true;
	memcpy(x->links.other, before->x->id, sizeof x->id);
}

bool requests_begin(struct conversation *c, const struct http_request *r, struct slice head,
		    size_t len, const struct mark *start, const struct mark *mark)
{
	if (!is_for_proxy(c, r))
		return false;
	struct turn *before = c->newest;
	struct turn *t = conversation_begin(c, start);
	if (!t) {
		c->overrun = true; /* from here on nobody knows whose the answers are */
		return false;
	}
	struct exchange *x = t->x;
	t->doubt = cut_doubts(c, start);
	x->request_start = *start;
	x->last = *mark;
	x->bytes[CLIENT] += len;
	keep_request(c, x, r, head);
	link_retry(before, x);
	conversation_finish_whole(c, start);
	trace_add(x, EV_REQUEST, CLIENT, mark, len);
	expect_request_body(&c->talk[CLIENT], r);
	if (c->talk[CLIENT].speech == SPEECH_HEAD)
		requests_sent(x, mark);
	return true;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* A client that does not wait for the answer to its CONNECT (or whose answer nobody saw) speaks
 * into a tunnel that may never be: what it says is held until that is known. A TLS hello leaves no
 * doubt. */
static bool is_early(const struct conversation *c, struct slice whole)
{
	const struct turn *t = c->newest;
	return t && t->x->request.is_connect && t->x->response.status == 0 &&
	       t->x->answer == PROTO_NONE && observe_wants(whole, false) != OBSERVE_YES;
}

static size_t hold_early(struct conversation *c, const struct mark *mark, struct slice whole,
			 struct slice bytes)
{
	struct talk *up = &c->talk[CLIENT];
	struct tls_record ignored;
	if (tls_read_record(whole, &ignored) != TLS_DONE) {
		c->hello_calls++;
		return speech_keep_for_later(up, whole, whole.at != bytes.at)
			       ? bytes.len
			       : speech_lose_step(up, bytes);
	}
	struct buffer held = up->head;
	buffer_init(&up->head, held.limit);
	up->speech = SPEECH_TUNNEL;
	c->tunnel = true;
	tunnel_read(c, CLIENT, mark, whole);
	buffer_done(&held);
	return bytes.len;
}

static void count_lost(struct conversation *c, const struct mark *mark, size_t len)
{
	if (c->hides)
		cut_hide(c, mark, false);
	if (!c->newest)
		return;
	c->newest->x->bytes[CLIENT] += len;
	c->newest->x->last = *mark;
}

static size_t read_request_head(struct conversation *c, const struct mark *mark, struct slice bytes)
{
	struct talk *up = &c->talk[CLIENT];
	size_t before = up->head.len;
	struct slice whole = speech_join_head(up, mark, bytes);
	if (is_early(c, whole))
		return hold_early(c, mark, whole, bytes);
	struct http_request r;
	struct http_bad bad;
	enum http_parse got =
		speech_may_end(bytes, before) ? http_read_request(whole, &r, &bad) : HTTP_MORE;
	enum http_parse looks = got == HTTP_DONE ? got : http_looks_like_request(whole);
	if (looks == HTTP_BAD && up->unsure) {
		count_lost(c, mark, whole.len);
		return speech_lose_step(up, bytes);
	}
	if (looks != HTTP_DONE)
		got = looks;
	if (got == HTTP_MORE && speech_keep_for_later(up, whole, before > 0))
		return bytes.len;
	up->unsure = false;
	if (got != HTTP_DONE)
		return cut_read_odd_request(c, mark, whole, bytes);
	struct mark start = up->head_start;
	bool begun =
		requests_begin(c, &r, slice_first(whole, r.head_len), r.head_len, &start, mark);
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
		x->request.body_bytes = up->chunks.body_bytes;
		if (got == HTTP_BAD) {
			count_lost(c, mark, bytes.len);
			return speech_lose_step(up, bytes);
		}
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
	struct talk *up = &c->talk[CLIENT];
	if (c->overrun || http_looks_like_request(bytes) == HTTP_BAD) {
		count_lost(c, mark, bytes.len);
		return bytes.len;
	}
	up->speech = SPEECH_HEAD;
	up->unsure = true;
	return read_request_head(c, mark, bytes);
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

/* The CONNECT was refused: what came after it is no tunnel's. */
void requests_read_waiting(struct conversation *c)
{
	struct talk *up = &c->talk[CLIENT];
	if (up->head.len == 0 || up->speech != SPEECH_HEAD)
		return;
	struct buffer early = up->head;
	buffer_init(&up->head, early.limit);
	struct mark mark = up->head_start;
	observe_data(c, CLIENT, &mark, buffer_slice(&early));
	buffer_done(&early);
}
