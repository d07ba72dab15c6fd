/* Answers, as a proxy sends them: whose they are, where they end, what their page says. */
#include "observe/conversation.h"

enum {
	MAX_WAITING = 4096, /* bytes of an answer whose request was not seen yet */
	MAX_TITLE = 200,
	MAX_START = 64
};

/* ---- what is kept of an answer -------------------------------------------------------------- */

static void keep_offers(struct trace_response *a, const struct http_fields *fields)
{
	struct http_challenges got;
	http_read_challenges(fields,
			     a->status == 401 ? SLICE("www-authenticate")
					      : SLICE("proxy-authenticate"),
			     &got);
	for (size_t i = 0; i < got.count && i < TRACE_MAX_OFFERS; i++) {
		a->offered[a->offers++] = speech_scheme(got.challenge[i].scheme);
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
	a->server = speech_keep_field(x, f, SLICE("server"));
	a->via = speech_keep_field(x, f, SLICE("via"));
	a->proxy_agent = speech_keep_field(x, f, SLICE("proxy-agent"));
	a->proxy_status = speech_keep_field(x, f, SLICE("proxy-status"));
	a->squid_error = speech_keep_field(x, f, SLICE("x-squid-error"));
	a->content_type = speech_keep_field(x, f, SLICE("content-type"));
	a->location = speech_keep_field(x, f, SLICE("location"));
	a->cache = speech_keep_field(x, f, SLICE("x-cache"));
	a->retry_after = speech_keep_field(x, f, SLICE("retry-after"));
	a->proxy_authenticate = speech_keep_field(x, f, SLICE("proxy-authenticate"));
	if (a->status == 407 || a->status == 401)
		keep_offers(a, f);
	a->chunked = r->body == HTTP_BODY_CHUNKED;
	a->until_close = r->body == HTTP_BODY_CLOSE;
	a->body_length = r->body == HTTP_BODY_LENGTH ? r->length
			 : r->body == HTTP_BODY_NONE ? 0
						     : UINT64_MAX;
	a->connection_close = !r->keep_alive;
	if (c->options.keep_heads)
		a->head = speech_keep_head(x, head, f, (struct slice){ 0 });
}

/* What stands in <title>, or else the first words outside of tags. */
void answers_keep_title(struct turn *t)
{
	struct slice page = buffer_slice(&t->page);
	if (page.len == 0)
		return;
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

/* ---- an answer begins -------------------------------------------------------------------------
 */

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

void answers_take(struct conversation *c, struct turn *t, const struct http_response *r,
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

/* ---- reading ----------------------------------------------------------------------------------
 */

static size_t read_answer_head(struct conversation *c, const struct mark *mark, struct slice bytes)
{
	struct talk *down = &c->talk[PROXY];
	struct turn *t = conversation_answering(c);
	size_t before = down->head.len;
	struct slice whole = speech_join_head(down, mark, bytes);
	if (!t) { /* nobody asked yet, or what follows a complete answer: 408, garbage */
		bool waits = !c->newest && whole.len <= MAX_WAITING &&
			     speech_keep_for_later(down, whole, before > 0);
		return waits || cut_begin_lone_answer(c) ? bytes.len
							 : speech_lose_step(down, bytes);
	}
	struct http_response r;
	struct http_bad bad;
	enum http_parse got = http_looks_like_response(whole);
	if (got == HTTP_DONE)
		got = http_read_response(whole, t->x->request.method, &r, &bad);
	if (got == HTTP_MORE && speech_keep_for_later(down, whole, before > 0)) {
		t->x->last = *mark;
		if (t->x->answer == PROTO_NONE)
			t->x->response_start = *mark;
		return bytes.len;
	}
	if (got != HTTP_DONE) {
		if (t->x->response.status == 0)
			note_foreign_answer(c, t, whole, &down->head_start);
		return speech_lose_step(down, bytes);
	}
	answers_take(c, t, &r, slice_first(whole, r.head_len), mark);
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
		return speech_lose_step(down, bytes);
	struct exchange *x = t->x;
	size_t used = bytes.len;
	bool over = false;
	if (down->speech == SPEECH_BODY_CHUNKED) {
		enum http_parse got = http_read_chunks(&down->chunks, bytes, &used);
		if (got == HTTP_BAD)
			return speech_lose_step(down, bytes);
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

size_t answers_read(struct conversation *c, const struct mark *mark, struct slice bytes)
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

/* An answer that came before its request was seen (packets in the wrong order, a server that
 * speaks first) waits in the head buffer. */
void answers_read_waiting(struct conversation *c)
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
