/* Heads that are not all there, or not HTTP by the letter; and bodies with pieces missing. */
#include "observe/conversation.h"

/* ---- requests of which the start line has to do ------------------------------------------------
 */

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

static bool cut_begin_request(struct conversation *c, struct slice seen, bool cut,
			      const struct mark *start, const struct mark *mark)
{
	struct buffer head;
	struct http_request r;
	struct http_bad bad;
	buffer_init(&head, HTTP_MAX_HEAD);
	bool begun = make_head(seen, cut, &head) &&
		     http_read_request(buffer_slice(&head), &r, &bad) == HTTP_DONE &&
		     requests_begin(c, &r, buffer_slice(&head), start, mark);
	buffer_done(&head);
	return begun;
}

/* An answer that only a proxy gives. (A 407 is given by confused origins too.) */
static bool is_proxys(const struct http_response *r)
{
	return slice_find_nocase(r->reason, SLICE("connection established")) < r->reason.len;
}

/* A capture of the proxy's packets alone: its answer is an exchange all the same. What it answers
 * with "Connection established" can only have been a CONNECT. */
bool cut_begin_lone_answer(struct conversation *c)
{
	struct talk *down = &c->talk[PROXY];
	struct http_response r;
	struct http_bad bad;
	if (c->newest ||
	    http_read_response(buffer_slice(&down->head), SLICE("CONNECT"), &r, &bad) !=
		    HTTP_DONE ||
	    !is_proxys(&r))
		return false;
	struct turn *t = conversation_begin(c, &down->head_start);
	if (!t)
		return false;
	t->x->request.method = trace_keep(t->x, SLICE("CONNECT"), 7);
	t->x->request.is_connect = true;
	answers_read_waiting(c);
	return true;
}

/* Where the head ends, with its empty line; 0: it doesn't, yet. */
static size_t end_of_head(struct slice head)
{
	size_t crlf = slice_find(head, SLICE("\r\n\r\n")), lf = slice_find(head, SLICE("\n\n"));
	return crlf < lf ? crlf + 4 : lf < head.len ? lf + 2 : 0;
}

/* A head that is no HTTP by the letter, but that proxies answer all the same ("CONNECT host:25 /
 * HTTP/1.0"): its method and target are taken, its fields are not. */
size_t cut_read_odd_request(struct conversation *c, const struct mark *mark, struct slice whole,
			    struct slice bytes)
{
	struct talk *up = &c->talk[CLIENT];
	size_t end = end_of_head(whole), before = whole.len - bytes.len;
	bool odd = end > before && observe_wants(whole, c->known) == OBSERVE_YES;
	struct mark start = up->head_start;
	if (!odd || !cut_begin_request(c, whole, false, &start, mark))
		return c->known ? speech_lose_step(up, bytes) : 0;
	buffer_reset(&up->head);
	answers_read_waiting(c);
	return end - before;
}

/* ---- gaps ----------------------------------------------------------------------------------- */

/* "CONNECT host:443 HT" + gap: method and target are known, and that is enough. */
static void salvage_request(struct conversation *c, const struct mark *mark)
{
	struct talk *up = &c->talk[CLIENT];
	struct mark start = up->head_start;
	cut_begin_request(c, buffer_slice(&up->head), true, &start, mark);
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
			answers_take(c, t, &r, buffer_slice(&head), mark);
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
		answers_read_waiting(c);
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
			requests_sent(x, mark);
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

void cut_gap(struct conversation *c, enum trace_side side, const struct mark *mark, uint64_t len)
{
	if (side == CLIENT)
		gap_in_request(c, mark, len);
	else
		gap_in_answer(c, mark, len);
}

/* The connection is over: a request head that never became whole is an exchange all the same. */
void cut_end(struct conversation *c)
{
	struct talk *up = &c->talk[CLIENT];
	if (up->speech == SPEECH_HEAD && up->head.len == 0)
		cut_begin_lone_answer(c);
	if (up->speech != SPEECH_HEAD || up->head.len == 0)
		return;
	struct mark mark = up->head_start;
	struct turn *before = c->newest;
	salvage_request(c, &mark);
	if (c->newest && c->newest != before) {
		c->newest->x->request.complete = false;
		c->newest->x->request_end = NO_MARK;
		answers_read_waiting(c);
	}
}
