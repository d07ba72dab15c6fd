/* Answers, as a proxy sends them: whose they are, where they end, what their page says. */
#include "observe/conversation.h"
#include "http/page.h"
#include "tls/record.h"

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

/* What names the product, and what the answer says of itself: no verdict comes of it while the
 * answer is a good one. */
static void keep_words(struct exchange *x, const struct http_response *r)
{
	struct trace_response *a = &x->response;
	const struct http_fields *f = &r->fields;
	a->reason = speech_keep_text(x, r->reason, false, 100);
	a->server = speech_keep_field(x, f, HTTP_SERVER);
	a->via = speech_keep_field(x, f, HTTP_VIA);
	a->proxy_agent = speech_keep_field(x, f, HTTP_PROXY_AGENT);
	a->proxy_status = speech_keep_field(x, f, HTTP_PROXY_STATUS);
	a->squid_error = speech_keep_field(x, f, HTTP_X_SQUID_ERROR);
	a->location = speech_keep_field(x, f, HTTP_LOCATION);
	a->retry_after = speech_keep_field(x, f, HTTP_RETRY_AFTER);
	a->proxy_authenticate = speech_keep_field(x, f, HTTP_PROXY_AUTHENTICATE);
}

static void keep_response(struct conversation *c, struct exchange *x, const struct http_response *r,
			  struct slice head)
{
	struct trace_response *a = &x->response;
	const struct http_fields *f = &r->fields;
	a->status = r->status;
	a->minor = r->minor;
	a->content_type = speech_keep_field(x, f, HTTP_CONTENT_TYPE);
	if (!c->options.verdict_only || trace_is_refused(x))
		keep_words(x, r);
	if (a->status == 407 || a->status == 401)
		keep_offers(a, f);
	a->chunked = r->body == HTTP_BODY_CHUNKED;
	a->until_close = r->body == HTTP_BODY_CLOSE;
	a->body_length = r->body == HTTP_BODY_LENGTH ? r->length
			 : r->body == HTTP_BODY_NONE ? 0
						     : UINT64_MAX;
	a->connection_close = !r->keep_alive;
	if (c->options.keep_heads)
		a->head = speech_keep_head(x, head);
}

/* Compressed, or what else no page begins with. */
static bool is_packed(struct slice page)
{
	for (size_t i = 0; i < page.len && i < 16; i++) {
		uint8_t c = page.at[i];
		if (c < 0x20 && c != '\t' && c != '\n' && c != '\f' && c != '\r')
			return true;
	}
	return false;
}

/* What stands in <title>, or else the first words outside of tags. */
void answers_keep_title(struct turn *t)
{
	struct slice page = buffer_slice(&t->page);
	if (page.len == 0 || is_packed(page))
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
	bool rest = title.at + title.len == page.at + page.len && page.len == t->page.limit;
	title = slice_trim(title);
	struct slice type = t->x->response.content_type;
	/* some leave it out of a short text */
	if (open < page.len || type.len == 0 || slice_starts_nocase(type, SLICE("text/")))
		t->x->response.title = speech_keep_text(t->x, title, rest, MAX_TITLE);
}

enum { MOST_WORDS = 2000 };

/* All that the page says, where somebody wants to read it. */
void answers_keep_words(struct turn *t)
{
	struct buffer words;
	struct slice page = buffer_slice(&t->page);
	if (t->page.limit == PAGE_BYTES || page.len == 0 || is_packed(page) ||
	    !trace_open_probe(t->x) ||
	    !slice_starts_nocase(t->x->response.content_type, SLICE("text/")))
		return;
	buffer_init(&words, MOST_WORDS + 8);
	http_page_text(&words, page, MOST_WORDS);
	t->x->probe->page = trace_keep(t->x, buffer_slice(&words), MOST_WORDS + 8);
	buffer_done(&words);
}

/* ---- an answer begins -------------------------------------------------------------------------
 */

/* What looked like requests behind a CONNECT went into its tunnel. */
static void take_back_turns(struct conversation *c, struct turn *t)
{
	for (struct turn *later = t->next, *next; later; later = next) {
		next = later->next;
		t->x->tunnel.bytes[CLIENT] += later->x->bytes[CLIENT];
		t->x->bytes[CLIENT] += later->x->bytes[CLIENT];
		conversation_drop(c, later);
	}
	t->next = NULL;
	c->newest = t;
}

static void enter_tunnel(struct conversation *c, struct turn *t)
{
	struct talk *up = &c->talk[CLIENT];
	bool inside = up->speech == SPEECH_TUNNEL; /* the client did not wait */
	take_back_turns(c, t);
	c->tunnel = true;
	up->speech = c->talk[PROXY].speech = SPEECH_TUNNEL;
	if (inside || up->head.len == 0)
		return;
	struct buffer early = up->head;
	struct mark mark = up->head_start;
	buffer_init(&up->head, early.limit);
	c->hello_calls--; /* it was counted when it came */
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
		enter_tunnel(c, t);
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
		  struct slice head, uint64_t len, const struct mark *mark)
{
	struct exchange *x = t->x;
	x->last = *mark;
	x->bytes[PROXY] += len;
	if (r->status < 200 && r->status != 101) {
		x->interims++;
		x->response_start = NO_MARK;
		trace_add(x, EV_INTERIM, PROXY, mark, r->status);
		return;
	}
	x->answer = PROTO_HTTP;
	x->response_start = c->talk[PROXY].head_start;
	c->pipelines |=
		t->next && conversation_before(&t->next->x->request_start, &x->response_start);
	keep_response(c, x, r, head);
	trace_add(x, EV_RESPONSE, PROXY, mark, r->status);
	expect_answer_body(c, t, r, mark);
}

void answers_take_foreign(struct conversation *c, struct turn *t, struct slice start, size_t len,
			  const struct mark *mark)
{
	struct exchange *x = t->x;
	x->answer = observe_guess(start);
	x->answer_start = speech_keep_text(x, start, start.len < len, MAX_START);
	x->response_start = *mark;
	x->bytes[PROXY] += len;
	trace_add(x, EV_NOT_HTTP, PROXY, mark, x->answer);
	c->talk[PROXY].speech = SPEECH_LOST;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* Nobody asked, as far as was seen: the request may come later in the capture, or the server speaks
 * first. Behind an answer that is complete only what looks like another one can be of interest. */
static size_t hold_answer(struct conversation *c, struct slice whole, struct slice bytes)
{
	struct talk *down = &c->talk[PROXY];
	c->said = down->head_start;
	bool worth = !c->newest || http_looks_like_response(whole) != HTTP_BAD;
	if (worth && whole.len <= MAX_WAITING &&
	    speech_keep_for_later(down, whole, whole.at != bytes.at))
		return bytes.len;
	return cut_begin_lone_answer(c) ? bytes.len : speech_lose_step(down, bytes);
}

/* What is no HTTP is held until it tells what it is. */
static size_t read_foreign_answer(struct conversation *c, struct turn *t, struct slice whole,
				  struct slice bytes)
{
	struct talk *down = &c->talk[PROXY];
	size_t enough = speech_telling_bytes(whole);
	if (enough == 0 && speech_keep_for_later(down, whole, whole.at != bytes.at))
		return bytes.len;
	answers_take_foreign(c, t, slice_first(whole, enough ? enough : whole.len), whole.len,
			     &down->head_start);
	return speech_lose_step(down, bytes);
}

/* Those before `answered` have had their answers, which a gap hides in part or whole. */
static struct turn *pass_over(struct conversation *c, struct turn *t, struct turn *answered,
			      const struct mark *mark)
{
	for (; t != answered; t = t->next)
		t->whole = true;
	conversation_finish_whole(c, mark);
	return answered;
}

/* Where requests may be hidden, an answer may be theirs. */
static bool is_for(const struct turn *t, const struct mark *mark)
{
	return !t->doubt && conversation_before(&t->x->request_start, mark);
}

static size_t read_answer_head(struct conversation *c, const struct mark *mark, struct slice bytes)
{
	struct talk *down = &c->talk[PROXY];
	struct turn *t = conversation_answering(c);
	size_t before = down->head.len;
	struct slice whole = speech_join_head(down, mark, bytes);
	if (!t)
		return hold_answer(c, whole, bytes);
	if (c->hides && before == 0 && !down->unsure && !is_for(t, mark))
		return speech_lose_step(down, bytes);
	t->x->last = *mark;
	enum http_parse got = http_looks_like_response(whole);
	if (got == HTTP_BAD && down->unsure) {
		t->x->bytes[PROXY] += whole.len;
		return speech_lose_step(down, bytes);
	}
	if (got == HTTP_BAD)
		return read_foreign_answer(c, t, whole, bytes);
	if (got == HTTP_DONE && down->unsure)
		t = pass_over(c, t, cut_find_turn(c, &down->head_start), mark);
	down->unsure &= got == HTTP_MORE;
	struct http_response r;
	struct http_bad bad;
	if (got == HTTP_DONE)
		got = speech_may_end(bytes, before)
			      ? http_read_response(whole, t->x->request.method, &r, &bad)
			      : HTTP_MORE;
	if (got == HTTP_MORE && speech_keep_for_later(down, whole, before > 0)) {
		if (t->x->answer == PROTO_NONE && !down->unsure)
			t->x->response_start = down->head_start;
		return bytes.len;
	}
	if (got != HTTP_DONE)
		return cut_read_odd_answer(c, t, mark, whole, bytes);
	answers_take(c, t, &r, slice_first(whole, r.head_len), r.head_len, mark);
	buffer_reset(&down->head);
	requests_read_waiting(c);
	return r.head_len - before;
}

static void keep_page(struct turn *t, struct slice bytes)
{
	if (t->x->response.status >= 400 && t->page.len < t->page.limit)
		buffer_add(&t->page, slice_first(bytes, t->page.limit - t->page.len));
}

void observe_page(struct conversation *c, struct slice content)
{
	struct turn *t = conversation_answering(c);
	if (t)
		keep_page(t, content);
}

/* Byte by byte while a page is kept: what the framing is shows only in what it counts. */
static enum http_parse read_chunks(struct talk *down, struct turn *t, struct slice bytes,
				   size_t *ret_used)
{
	enum http_parse got = HTTP_MORE;
	size_t used = 0, part;
	while (got == HTTP_MORE && used < bytes.len && t->x->response.status >= 400 &&
	       t->page.len < t->page.limit) {
		uint64_t content = down->chunks.body_bytes;
		struct slice byte = { bytes.at + used, 1 };
		got = http_read_chunks(&down->chunks, byte, &part);
		used += part;
		if (down->chunks.body_bytes > content)
			keep_page(t, byte);
	}
	if (got == HTTP_MORE && used < bytes.len) {
		got = http_read_chunks(&down->chunks, slice_from(bytes, used), &part);
		used += part;
	}
	*ret_used = used;
	return got;
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
		enum http_parse got = read_chunks(down, t, bytes, &used);
		x->response.body_bytes = down->chunks.body_bytes;
		if (got == HTTP_BAD) {
			x->bytes[PROXY] += bytes.len;
			return speech_lose_step(down, bytes);
		}
		over = got == HTTP_DONE;
	} else {
		if (down->speech == SPEECH_BODY_LENGTH && down->left < used)
			used = (size_t)down->left;
		down->left -= down->speech == SPEECH_BODY_LENGTH ? used : 0;
		x->response.body_bytes += used;
		over = down->speech == SPEECH_BODY_LENGTH && down->left == 0;
		keep_page(t, slice_first(bytes, used));
	}
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

static bool begins_inside(const struct turn *t, struct slice bytes)
{
	struct tls_record ignored;
	return t->x->request.is_connect && t->x->answer == PROTO_NONE &&
	       tls_read_record(bytes, &ignored) == TLS_DONE;
}

/* After a gap: a segment that begins like a status line answers the next request. */
static size_t find_answer_again(struct conversation *c, const struct mark *mark, struct slice bytes)
{
	struct talk *down = &c->talk[PROXY];
	struct turn *t = conversation_answering(c);
	if (t && c->talk[CLIENT].speech == SPEECH_TUNNEL && begins_inside(t, bytes)) {
		down->speech =
			SPEECH_TUNNEL; /* the answer was lost; what follows shows what it was */
		t->x->tunnel.open = true;
		tunnel_read(c, PROXY, mark, bytes);
		return bytes.len;
	}
	cut_hear(c, mark);
	if (http_looks_like_response(bytes) != HTTP_BAD && cut_find_turn(c, mark)) {
		down->speech = SPEECH_HEAD;
		down->unsure = true;
		return read_answer_head(c, mark, bytes);
	}
	if (t) {
		t->x->bytes[PROXY] += bytes.len;
		t->x->last = *mark;
	}
	return t || !c->overrun ? bytes.len : 0;
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
