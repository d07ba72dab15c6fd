/* HTTP/1 as a proxy's client and a proxy speak it: heads, bodies, whose answer is whose. */
#include "http/auth.h"
#include "http/secret.h"
#include "observe/conversation.h"

#include <string.h>

enum { MAX_TARGET = 2048, MAX_FIELD = 512, MAX_TITLE = 200, MAX_START = 64 };

/* ---- keeping what was said, without its secrets ------------------------------------------ */

static const enum trace_scheme SCHEMES[] = {
	[HTTP_AUTH_NONE] = SCHEME_NONE,           [HTTP_AUTH_BASIC] = SCHEME_BASIC,
	[HTTP_AUTH_DIGEST] = SCHEME_DIGEST,       [HTTP_AUTH_NTLM] = SCHEME_NTLM,
	[HTTP_AUTH_NEGOTIATE] = SCHEME_NEGOTIATE, [HTTP_AUTH_BEARER] = SCHEME_BEARER,
	[HTTP_AUTH_OTHER] = SCHEME_OTHER,
};

static struct slice keep_field(struct exchange *x, const struct http_fields *fields,
			       struct slice name)
{
	const struct http_field *f = http_find(fields, name);
	return f ? trace_keep(x, f->value, MAX_FIELD) : (struct slice){ 0 };
}

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

/* The head as it stood, secret values and userinfo overwritten with as many stars. */
static struct slice keep_head(struct exchange *x, struct slice head,
			      const struct http_fields *fields, struct slice target)
{
	struct slice kept = arena_copy(x->arena, head);
	if (kept.len != head.len)
		return (struct slice){ 0 };
	uint8_t *at = (uint8_t *)kept.at; /* our own copy */
	for (size_t i = 0; i < fields->count; i++)
		if (http_is_secret_field(fields->field[i].name) && fields->field[i].value.len)
			memset(at + (fields->field[i].value.at - head.at), '*',
			       fields->field[i].value.len);
	size_t scheme = slice_find(target, SLICE("://"));
	size_t start = scheme == target.len ? 0 : scheme + 3;
	for (size_t i = start; i < target.len && target.at[i] != '/'; i++)
		if (target.at[i] == '@')
			memset(at + (target.at - head.at) + start, '*', i - start);
	return kept;
}

/* ---- requests ---------------------------------------------------------------------------- */

static void keep_request(struct conversation *c, struct exchange *x, const struct http_request *r,
			 struct slice head)
{
	struct trace_request *q = &x->request;
	q->method = trace_keep(x, r->method, 32);
	q->target = keep_target(x, r->target, &q->had_userinfo);
	q->is_connect = slice_equal(r->method, SLICE("CONNECT"));
	q->absolute = r->form == HTTP_FORM_ABSOLUTE;
	q->host = keep_field(x, &r->fields, SLICE("host"));
	q->user_agent = keep_field(x, &r->fields, SLICE("user-agent"));
	q->minor = r->minor;
	q->origin_credentials = http_find(&r->fields, SLICE("authorization")) != NULL;
	const struct http_field *auth = http_find(&r->fields, SLICE("proxy-authorization"));
	if (auth) {
		char user[128];
		q->auth = SCHEMES[http_read_credentials(auth->value, user, sizeof user)];
		q->user = trace_keep(x, slice_of(user), sizeof user);
	}
	q->body_length = r->body == HTTP_BODY_LENGTH ? r->length
			 : r->body == HTTP_BODY_NONE ? 0
						     : UINT64_MAX;
	if (c->options.keep_heads)
		q->head = keep_head(x, head, &r->fields, r->target);
}

/* Bytes or a FIN may follow; the request itself is out. */
static void request_sent(struct exchange *x, const struct mark *mark)
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

static bool begin_request(struct conversation *c, const struct http_request *r, struct slice head,
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
		request_sent(x, mark);
	return true;
}

/* Method and target of a start line that is cut, or odd, made into a head of its own. `cut`: the
 * line's end may be missing, so the target must be followed by a space. */
static bool make_head(struct slice seen, bool cut, struct buffer *ret_head)
{
	struct slice rest = seen;
	struct slice line = slice_line(&rest);
	struct slice method = slice_cut(&line, ' ');
	size_t end = slice_find_byte(line, ' ');
	if (method.len == 0 || end == 0 || (end == line.len && cut && rest.len == 0))
		return false;
	buffer_add(ret_head, method);
	buffer_add_byte(ret_head, ' ');
	buffer_add(ret_head, slice_first(line, end));
	buffer_add_text(ret_head, " HTTP/1.1\r\n\r\n");
	return !ret_head->failed;
}

static bool begin_from_start_line(struct conversation *c, struct slice seen, bool cut,
				  const struct mark *start, const struct mark *mark)
{
	struct buffer head;
	struct http_request r;
	struct http_bad bad;
	buffer_init(&head, HTTP_MAX_HEAD);
	bool begun = make_head(seen, cut, &head) &&
		     http_read_request(buffer_slice(&head), &r, &bad) == HTTP_DONE &&
		     begin_request(c, &r, buffer_slice(&head), start, mark);
	buffer_done(&head);
	return begun;
}

/* An answer that came before its request was seen (packets in the wrong order, a server that
 * speaks first) waits in the head buffer. */
static void read_waiting_answer(struct conversation *c)
{
	struct talk *down = &c->talk[PROXY];
	if (down->head.len == 0 || down->speech != SPEECH_HEAD)
		return;
	struct buffer early = down->head;
	buffer_init(&down->head, early.limit);
	struct mark mark = down->head_start;
	observe_data(c, PROXY, &mark, buffer_slice(&early));
	buffer_done(&early);
}

static struct slice join_head(struct talk *t, const struct mark *mark, struct slice bytes)
{
	if (t->head.len == 0) {
		t->head_start = *mark;
		return bytes;
	}
	buffer_add(&t->head, bytes);
	return buffer_slice(&t->head);
}

/* Keeps what is there of a head until more comes. False when it grows too long. */
static bool keep_for_later(struct talk *t, struct slice whole, bool joined)
{
	if (!joined)
		buffer_add(&t->head, whole);
	return !t->head.failed;
}

static size_t lose_step(struct talk *t, struct slice bytes)
{
	buffer_reset(&t->head);
	t->speech = SPEECH_LOST;
	return bytes.len;
}

/* A client whose CONNECT was not answered yet (or whose answer nobody saw) and who now says TLS
 * hello is in a tunnel. */
static bool begins_tunnel_unasked(struct conversation *c, struct slice bytes)
{
	struct turn *t = c->newest;
	return t && t->x->request.is_connect && t->x->response.status == 0 &&
	       c->talk[CLIENT].head.len == 0 && observe_guess(bytes) == PROTO_TLS;
}

static void enter_tunnel(struct conversation *c)
{
	c->tunnel = true;
	c->talk[CLIENT].speech = c->talk[PROXY].speech = SPEECH_TUNNEL;
	struct buffer early = c->talk[CLIENT].head;
	struct mark mark = c->talk[CLIENT].head_start;
	buffer_init(&c->talk[CLIENT].head, early.limit);
	if (early.len)
		tunnel_read(c, CLIENT, &mark, buffer_slice(&early));
	buffer_done(&early);
}

/* Where the head ends, with its empty line; 0: it doesn't, yet. */
static size_t end_of_head(struct slice head)
{
	size_t crlf = slice_find(head, SLICE("\r\n\r\n")), lf = slice_find(head, SLICE("\n\n"));
	return crlf < lf ? crlf + 4 : lf < head.len ? lf + 2 : 0;
}

/* A head that is no HTTP by the letter, but that proxies answer all the same ("CONNECT host:25 /
 * HTTP/1.0"): its method and target are taken, its fields are not. */
static size_t read_odd_request(struct conversation *c, const struct mark *mark, struct slice whole,
			       struct slice bytes)
{
	struct talk *up = &c->talk[CLIENT];
	size_t end = end_of_head(whole), before = whole.len - bytes.len;
	bool odd = end > before && observe_wants(whole, c->known) == OBSERVE_YES;
	struct mark start = up->head_start;
	if (!odd || !begin_from_start_line(c, whole, false, &start, mark))
		return c->known ? lose_step(up, bytes) : 0;
	buffer_reset(&up->head);
	read_waiting_answer(c);
	return end - before;
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
	struct slice whole = join_head(up, mark, bytes);
	struct http_request r;
	struct http_bad bad;
	enum http_parse got = http_looks_like_request(whole);
	if (got == HTTP_DONE)
		got = http_read_request(whole, &r, &bad);
	if (got == HTTP_MORE && keep_for_later(up, whole, before > 0))
		return bytes.len;
	if (got != HTTP_DONE)
		return read_odd_request(c, mark, whole, bytes);
	struct mark start = up->head_start;
	bool begun = begin_request(c, &r, slice_first(whole, r.head_len), &start, mark);
	buffer_reset(&up->head);
	if (!begun)
		return c->known ? lose_step(up, bytes) : 0;
	read_waiting_answer(c);
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
			return lose_step(up, bytes);
		x->request.body_bytes = up->chunks.body_bytes;
		over = got == HTTP_DONE;
	}
	x->bytes[CLIENT] += used;
	x->last = *mark;
	if (over) {
		up->speech = SPEECH_HEAD;
		request_sent(x, mark);
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

size_t speech_read_request(struct conversation *c, const struct mark *mark, struct slice bytes)
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

/* ---- answers ----------------------------------------------------------------------------- */

static void keep_offers(struct trace_response *a, const struct http_fields *fields)
{
	struct http_challenges got;
	http_read_challenges(fields,
			     a->status == 401 ? SLICE("www-authenticate")
					      : SLICE("proxy-authenticate"),
			     &got);
	for (size_t i = 0; i < got.count && i < TRACE_MAX_OFFERS; i++) {
		a->offered[a->offers++] = SCHEMES[got.challenge[i].scheme];
		a->stale |= got.challenge[i].stale;
	}
}

static void keep_response(struct conversation *c, struct exchange *x, const struct http_response *r,
			  struct slice head)
{
	struct trace_response *a = &x->response;
	const struct http_fields *f = &r->fields;
	a->status = r->status;
	a->minor = r->minor;
	a->reason = trace_keep(x, r->reason, 100);
	a->server = keep_field(x, f, SLICE("server"));
	a->via = keep_field(x, f, SLICE("via"));
	a->proxy_agent = keep_field(x, f, SLICE("proxy-agent"));
	a->proxy_status = keep_field(x, f, SLICE("proxy-status"));
	a->squid_error = keep_field(x, f, SLICE("x-squid-error"));
	a->content_type = keep_field(x, f, SLICE("content-type"));
	a->location = keep_field(x, f, SLICE("location"));
	a->cache = keep_field(x, f, SLICE("x-cache"));
	a->retry_after = keep_field(x, f, SLICE("retry-after"));
	a->proxy_authenticate = keep_field(x, f, SLICE("proxy-authenticate"));
	if (a->status == 407 || a->status == 401)
		keep_offers(a, f);
	a->chunked = r->body == HTTP_BODY_CHUNKED;
	a->until_close = r->body == HTTP_BODY_CLOSE;
	a->body_length = r->body == HTTP_BODY_LENGTH ? r->length
			 : r->body == HTTP_BODY_NONE ? 0
						     : UINT64_MAX;
	a->connection_close = !r->keep_alive;
	if (c->options.keep_heads)
		a->head = keep_head(x, head, f, (struct slice){ 0 });
}

static void expect_answer_body(struct conversation *c, struct turn *t,
			       const struct http_response *r, const struct mark *mark)
{
	struct talk *down = &c->talk[PROXY];
	switch (r->body) {
	case HTTP_BODY_TUNNEL:
		t->x->tunnel.open = true;
		enter_tunnel(c);
		return;
	case HTTP_BODY_CHUNKED:
		down->speech = SPEECH_BODY_CHUNKED;
		down->chunks = (struct http_chunks){ 0 };
		return;
	case HTTP_BODY_CLOSE:
		down->speech = SPEECH_BODY_CLOSE;
		return;
	case HTTP_BODY_LENGTH:
		down->speech = SPEECH_BODY_LENGTH;
		down->left = r->length;
		if (r->length > 0)
			return;
		/* fall through */
	case HTTP_BODY_NONE:
		down->speech = SPEECH_HEAD;
		conversation_turn_whole(c, t, mark);
	}
}

static void take_answer(struct conversation *c, struct turn *t, const struct http_response *r,
			struct slice head, const struct mark *mark)
{
	struct exchange *x = t->x;
	x->answer = PROTO_HTTP;
	x->last = *mark;
	x->bytes[PROXY] += head.len;
	if (r->status < 200 && r->status != 101) {
		x->interims++;
		trace_add(x, EV_INTERIM, PROXY, mark, r->status);
		return;
	}
	x->response_start = c->talk[PROXY].head_start;
	keep_response(c, x, r, head);
	trace_add(x, EV_RESPONSE, PROXY, mark, r->status);
	expect_answer_body(c, t, r, mark);
}

static void note_foreign_answer(struct conversation *c, struct turn *t, struct slice bytes,
				const struct mark *mark)
{
	struct exchange *x = t->x;
	x->answer = observe_guess(bytes);
	x->answer_start = trace_keep(x, bytes, MAX_START);
	x->response_start = *mark;
	x->last = *mark;
	x->bytes[PROXY] += bytes.len;
	trace_add(x, EV_NOT_HTTP, PROXY, mark, x->answer);
	c->talk[PROXY].speech = SPEECH_LOST;
}

static size_t read_answer_head(struct conversation *c, const struct mark *mark, struct slice bytes)
{
	struct talk *down = &c->talk[PROXY];
	struct turn *t = conversation_answering(c);
	size_t before = down->head.len;
	struct slice whole = join_head(down, mark, bytes);
	if (!t) /* nobody asked yet, or what follows a complete answer: 408, garbage */
		return c->newest || !keep_for_later(down, whole, before > 0)
			       ? lose_step(down, bytes)
			       : bytes.len;
	struct http_response r;
	struct http_bad bad;
	enum http_parse got = http_looks_like_response(whole);
	if (got == HTTP_DONE)
		got = http_read_response(whole, t->x->request.method, &r, &bad);
	if (got == HTTP_MORE && keep_for_later(down, whole, before > 0)) {
		t->x->last = *mark;
		if (t->x->answer == PROTO_NONE)
			t->x->response_start = *mark;
		return bytes.len;
	}
	if (got != HTTP_DONE) {
		if (t->x->response.status == 0)
			note_foreign_answer(c, t, whole, &down->head_start);
		return lose_step(down, bytes);
	}
	take_answer(c, t, &r, slice_first(whole, r.head_len), mark);
	buffer_reset(&down->head);
	return r.head_len - before;
}

static void keep_page(struct turn *t, struct slice bytes)
{
	if (t->x->response.status >= 400 && t->page.len < PAGE_BYTES)
		buffer_add(&t->page, slice_first(bytes, PAGE_BYTES - t->page.len));
}

static size_t read_answer_body(struct conversation *c, const struct mark *mark, struct slice bytes)
{
	struct talk *down = &c->talk[PROXY];
	struct turn *t = conversation_answering(c);
	if (!t)
		return lose_step(down, bytes);
	struct exchange *x = t->x;
	size_t used = bytes.len;
	bool over = false;
	if (down->speech == SPEECH_BODY_CHUNKED) {
		enum http_parse got = http_read_chunks(&down->chunks, bytes, &used);
		if (got == HTTP_BAD)
			return lose_step(down, bytes);
		x->response.body_bytes = down->chunks.body_bytes;
		over = got == HTTP_DONE;
	} else {
		if (down->speech == SPEECH_BODY_LENGTH && down->left < used)
			used = (size_t)down->left;
		down->left -= down->speech == SPEECH_BODY_LENGTH ? used : 0;
		x->response.body_bytes += used;
		over = down->speech == SPEECH_BODY_LENGTH && down->left == 0;
	}
	keep_page(t, slice_first(bytes, used));
	x->bytes[PROXY] += used;
	x->last = *mark;
	if (!mark_is(&x->first_byte))
		x->first_byte = *mark;
	if (over) {
		down->speech = SPEECH_HEAD;
		conversation_turn_whole(c, t, mark);
	}
	return used ? used : 1;
}

/* After a gap: a segment that begins like a status line answers the next request. */
static size_t find_answer_again(struct conversation *c, const struct mark *mark, struct slice bytes)
{
	struct turn *t = conversation_answering(c);
	if (!t || t->x->answer != PROTO_NONE) { /* in an answer whose end can't be told */
		struct turn *next = t ? t->next : NULL;
		if (next && http_looks_like_response(bytes) == HTTP_DONE) {
			t->whole = true;
			c->talk[PROXY].speech = SPEECH_HEAD;
			return read_answer_head(c, mark, bytes);
		}
		if (t) {
			t->x->bytes[PROXY] += bytes.len;
			t->x->last = *mark;
		}
		return bytes.len;
	}
	if (http_looks_like_response(bytes) != HTTP_DONE)
		return bytes.len;
	c->talk[PROXY].speech = SPEECH_HEAD;
	return read_answer_head(c, mark, bytes);
}

size_t speech_read_answer(struct conversation *c, const struct mark *mark, struct slice bytes)
{
	switch (c->talk[PROXY].speech) {
	case SPEECH_HEAD:
		return read_answer_head(c, mark, bytes);
	case SPEECH_BODY_LENGTH:
	case SPEECH_BODY_CHUNKED:
	case SPEECH_BODY_CLOSE:
		return read_answer_body(c, mark, bytes);
	default:
		return find_answer_again(c, mark, bytes);
	}
}

/* ---- heads that are not all there ---------------------------------------------------------- */

/* "CONNECT host:443 HT" + gap: method and target are known, and that is enough. */
static void salvage_request(struct conversation *c, const struct mark *mark)
{
	struct talk *up = &c->talk[CLIENT];
	struct mark start = up->head_start;
	begin_from_start_line(c, buffer_slice(&up->head), true, &start, mark);
	buffer_reset(&up->head);
	if (c->known && c->newest && c->newest->x->request.is_connect)
		up->speech = SPEECH_HEAD;
}

static void salvage_answer(struct conversation *c, struct turn *t, const struct mark *mark)
{
	struct talk *down = &c->talk[PROXY];
	struct buffer head;
	buffer_init(&head, HTTP_MAX_HEAD);
	struct http_response r;
	struct http_bad bad;
	struct slice seen = buffer_slice(&down->head);
	if (seen.len >= 12 && slice_starts(seen, SLICE("HTTP/1."))) {
		struct slice rest = seen;
		buffer_add(&head, slice_line(&rest));
		buffer_add_text(&head, "\r\n\r\n");
		if (http_read_response(buffer_slice(&head), t->x->request.method, &r, &bad) ==
		    HTTP_DONE)
			take_answer(c, t, &r, buffer_slice(&head), mark);
	}
	buffer_done(&head);
	buffer_reset(&down->head);
	if (!c->tunnel && down->speech != SPEECH_HEAD)
		down->speech = SPEECH_LOST; /* its length was in what is missing */
}

static void gap_in_request(struct conversation *c, const struct mark *mark, uint64_t len)
{
	struct talk *up = &c->talk[CLIENT];
	if (up->speech == SPEECH_HEAD && up->head.len > 0) {
		salvage_request(c, mark);
		return;
	}
	struct exchange *x = c->newest ? c->newest->x : NULL;
	if (x)
		x->bytes[CLIENT] += len;
	if (up->speech == SPEECH_BODY_LENGTH && len <= up->left && x) {
		up->left -= len;
		x->request.body_bytes += len;
		if (up->left == 0) {
			up->speech = SPEECH_HEAD;
			request_sent(x, mark);
		}
	} else if (up->speech != SPEECH_BODY_CHUNKED || !http_skip_in_chunk(&up->chunks, len)) {
		up->speech = c->known ? SPEECH_LOST : up->speech;
	}
}

static void gap_in_answer(struct conversation *c, const struct mark *mark, uint64_t len)
{
	struct talk *down = &c->talk[PROXY];
	struct turn *t = conversation_answering(c);
	if (!t)
		return;
	if (down->speech == SPEECH_HEAD && down->head.len > 0) {
		salvage_answer(c, t, mark);
		return;
	}
	struct exchange *x = t->x;
	x->bytes[PROXY] += len;
	x->last = *mark;
	if (down->speech == SPEECH_BODY_CLOSE) {
		x->response.body_bytes += len;
	} else if (down->speech == SPEECH_BODY_LENGTH && len <= down->left) {
		down->left -= len;
		x->response.body_bytes += len;
		if (down->left == 0) {
			down->speech = SPEECH_HEAD;
			conversation_turn_whole(c, t, mark);
		}
	} else if (down->speech == SPEECH_BODY_CHUNKED && http_skip_in_chunk(&down->chunks, len)) {
		x->response.body_bytes += len;
	} else {
		down->speech = SPEECH_LOST;
	}
}

void speech_gap(struct conversation *c, enum trace_side side, const struct mark *mark, uint64_t len)
{
	if (side == CLIENT)
		gap_in_request(c, mark, len);
	else
		gap_in_answer(c, mark, len);
}

/* The connection is over: a request head that never became whole is an exchange all the same. */
void speech_end(struct conversation *c)
{
	struct talk *up = &c->talk[CLIENT];
	if (up->speech != SPEECH_HEAD || up->head.len == 0)
		return;
	struct mark mark = up->head_start;
	struct turn *before = c->newest;
	salvage_request(c, &mark);
	if (c->newest && c->newest != before) {
		c->newest->x->request.complete = false;
		c->newest->x->request_end = NO_MARK;
		read_waiting_answer(c);
	}
}

/* ---- the page ------------------------------------------------------------------------------ */

/* What stands in <title>, or else the first words outside of tags. */
void speech_keep_title(struct turn *t)
{
	struct slice page = buffer_slice(&t->page);
	size_t open = slice_find_nocase(page, SLICE("<title>"));
	struct slice title = slice_from(page, open + 7);
	title = slice_first(title, slice_find_byte(title, '<'));
	if (open == page.len) {
		title = page;
		while (title.len && title.at[0] == '<') {
			slice_cut(&title, '>');
			title = slice_trim(title);
		}
		title = slice_first(title, slice_find_byte(title, '<'));
	}
	title = slice_trim(title);
	if (open < page.len || slice_starts_nocase(t->x->response.content_type, SLICE("text/")))
		t->x->response.title = trace_keep(t->x, title, MAX_TITLE);
}
