/* Heads that are not all there, or not HTTP by the letter; and bodies with pieces missing. */
#include "observe/conversation.h"

/* ---- heads of which the start line has to do ----------------------------------------------------
 */

/* Where the head ends, with its empty line; 0: it doesn't, yet. */
static size_t end_of_head(struct slice head)
{
	size_t crlf = slice_find(head, SLICE("\r\n\r\n")), lf = slice_find(head, SLICE("\n\n"));
	return crlf < lf ? crlf + 4 : lf < head.len ? lf + 2 : 0;
}

static bool is_too_long(const struct talk *t, struct slice whole)
{
	return t->head.failed || whole.len > HTTP_MAX_HEAD;
}

/* Method and target of a start line that is cut, or odd, made into a head of its own. `cut`: the
 * line's end may be missing, so a target that no space follows ends in three dots. With the fields
 * behind it where `fields` says so. */
static bool make_head(struct slice seen, bool cut, bool fields, struct buffer *ret_head)
{
	struct slice rest = seen;
	while (rest.len && (rest.at[0] == '\r' || rest.at[0] == '\n'))
		rest = slice_from(rest, 1);
	struct slice line = slice_line(&rest);
	bool old = slice_ends(line, SLICE(" HTTP/1.0"));
	struct slice method = slice_cut(&line, ' ');
	size_t end = slice_find_byte(line, ' ');
	bool short_of_it = end == line.len && cut && rest.len == 0;
	if (method.len == 0 || end == 0 ||
	    (short_of_it && http_looks_like_request(seen) != HTTP_DONE))
		return false;
	buffer_reset(ret_head);
	buffer_add(ret_head, method);
	buffer_add_byte(ret_head, ' ');
	buffer_add(ret_head, slice_first(line, end));
	if (short_of_it)
		buffer_add_text(ret_head, "...");
	buffer_add_text(ret_head, old ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
	buffer_add(ret_head, fields ? rest : SLICE("\r\n"));
	return !ret_head->failed;
}

/* Has this start line HTTP's form, and is another protocol's? RTSP, ICAP and SIP have schemes and
 * versions of their own; NATS says CONNECT to what can't be a host. */
static bool is_elses(struct slice seen)
{
	static const struct slice schemes[] = { SLICE("rtsp"), SLICE("icap"), SLICE("sip:"),
						SLICE("sips:") };
	struct slice line = slice_line(&seen);
	struct slice method = slice_cut(&line, ' ');
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (slice_starts_nocase(line, schemes[i]) &&
		    slice_find_nocase(line, SLICE(" HTTP/")) == line.len)
			return true;
	return slice_equal(method, SLICE("CONNECT")) && slice_starts(line, SLICE("{"));
}

/* len: what the head took on the wire. */
static bool begin_from_start_line(struct conversation *c, struct slice seen, bool cut, size_t len,
				  const struct mark *start, const struct mark *mark)
{
	struct buffer head;
	struct http_request r;
	struct http_bad bad;
	if (!c->known && !c->options.any_request && is_elses(seen))
		return false;
	buffer_init(&head, HTTP_MAX_HEAD + 64);
	bool read = !cut && make_head(seen, cut, true, &head) &&
		    http_read_request(buffer_slice(&head), &r, &bad) == HTTP_DONE;
	read = read || (make_head(seen, cut, false, &head) &&
			http_read_request(buffer_slice(&head), &r, &bad) == HTTP_DONE);
	bool begun = read && requests_begin(c, &r, buffer_slice(&head), len, start, mark);
	buffer_done(&head);
	return begun;
}

/* What could not be read of a request stays unknown. */
static void doubt_request(struct conversation *c)
{
	struct trace_request *q = &c->newest->x->request;
	static const struct slice bodiless[] = { SLICE("CONNECT"), SLICE("GET"), SLICE("HEAD") };
	for (size_t i = 0; i < sizeof bodiless / sizeof *bodiless; i++)
		if (slice_equal(q->method, bodiless[i]))
			return;
	q->body_length = UINT64_MAX;
	q->complete = false;
	c->talk[CLIENT].speech = SPEECH_LOST;
}

/* A head that is no HTTP by the letter, but that proxies answer all the same ("CONNECT host:25 /
 * HTTP/1.0"), is read with its start line mended, or else by that alone. One that is too long is
 * begun too: it may well be why the answer is what it is. */
size_t cut_read_odd_request(struct conversation *c, const struct mark *mark, struct slice whole,
			    struct slice bytes)
{
	struct talk *up = &c->talk[CLIENT];
	size_t end = end_of_head(whole), before = whole.len - bytes.len;
	bool wanted = observe_wants(whole, c->known || c->options.any_request) == OBSERVE_YES;
	bool endless = end == 0 && is_too_long(up, whole);
	if (wanted && end == 0 && !endless && speech_keep_for_later(up, whole, before > 0))
		return bytes.len;
	struct mark start = up->head_start;
	if (!wanted || (end <= before && !endless) ||
	    !begin_from_start_line(c, end ? slice_first(whole, end) : whole, endless,
				   end ? end : whole.len, &start, mark))
		return c->known ? speech_lose_step(up, bytes) : 0;
	buffer_reset(&up->head);
	if (endless)
		speech_lose_step(up, bytes);
	answers_read_waiting(c);
	return endless ? bytes.len : end - before;
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

/* Lines that are folded become one (RFC 9112, section 5.2), and what is no field is left out, as
 * clients do. */
static void mend_fields(struct slice seen, struct buffer *ret_head)
{
	bool kept = true;
	buffer_reset(ret_head);
	buffer_add(ret_head, slice_line(&seen));
	for (struct slice line; (line = slice_line(&seen)).len > 0;) {
		bool folded = line.at[0] == ' ' || line.at[0] == '\t';
		if (!folded)
			kept = slice_find_byte(line, ':') < line.len &&
			       slice_find_byte(line, 0) == line.len;
		if (!kept)
			continue;
		buffer_add_text(ret_head, folded ? NULL : "\r\n");
		buffer_add(ret_head, line);
	}
	buffer_add_text(ret_head, "\r\n\r\n");
}

static bool take_mended(struct conversation *c, struct turn *t, struct slice seen,
			const struct mark *mark)
{
	struct buffer head;
	struct http_response r;
	struct http_bad bad;
	buffer_init(&head, HTTP_MAX_HEAD + 64);
	mend_fields(seen, &head);
	bool read = !head.failed && http_read_response(buffer_slice(&head), t->x->request.method,
						       &r, &bad) == HTTP_DONE;
	if (read)
		answers_take(c, t, &r, buffer_slice(&head), seen.len, mark);
	buffer_done(&head);
	return read;
}

/* By its status line alone. How the body ends was in what is missing or odd. */
static bool take_status_line(struct conversation *c, struct turn *t, struct slice seen,
			     uint64_t len, const struct mark *mark)
{
	struct buffer head;
	struct http_response r;
	struct http_bad bad;
	struct slice rest = seen;
	buffer_init(&head, HTTP_MAX_HEAD + 64);
	buffer_add(&head, slice_line(&rest));
	buffer_add_text(&head, "\r\n\r\n");
	bool read = seen.len >= sizeof "HTTP/1.1 200" - 1 &&
		    http_read_response(buffer_slice(&head), t->x->request.method, &r, &bad) ==
			    HTTP_DONE;
	if (read) {
		r.keep_alive = true; /* it never said otherwise */
		answers_take(c, t, &r, buffer_slice(&head), len, mark);
	}
	buffer_done(&head);
	return read;
}

/* The status line of an answer was taken: is its body in step? */
static void doubt_answer(struct conversation *c, struct turn *t)
{
	struct talk *down = &c->talk[PROXY];
	if (down->speech == SPEECH_HEAD || down->speech == SPEECH_TUNNEL)
		return;
	t->x->response.until_close = false;
	down->speech = SPEECH_LOST;
}

/* A head that breaks the rules behind its status line: mended if that can be, else the status is
 * what matters. */
size_t cut_read_odd_answer(struct conversation *c, struct turn *t, const struct mark *mark,
			   struct slice whole, struct slice bytes)
{
	struct talk *down = &c->talk[PROXY];
	size_t end = end_of_head(whole), before = whole.len - bytes.len;
	bool endless = end == 0 && is_too_long(down, whole);
	if (end == 0 && !endless && speech_keep_for_later(down, whole, before > 0))
		return bytes.len;
	size_t len = end ? end : whole.len;
	bool mended = end && take_mended(c, t, slice_first(whole, end), mark);
	bool taken = mended || take_status_line(c, t, whole, len, mark);
	if (taken && !mended)
		doubt_answer(c, t);
	else if (!taken)
		answers_take_foreign(c, t, slice_first(whole, speech_telling_bytes(whole)),
				     whole.len, &down->head_start);
	buffer_reset(&down->head);
	if (endless || !taken)
		return bytes.len;
	return end - before;
}

/* ---- gaps ----------------------------------------------------------------------------------- */

/* Bytes that a client said too early, or that seemed to lead back into step, with no end to them.
 */
static bool give_up_held(struct conversation *c)
{
	struct talk *up = &c->talk[CLIENT];
	struct exchange *x = c->newest ? c->newest->x : NULL;
	bool early = x && x->request.is_connect && x->response.status == 0 &&
		     observe_wants(buffer_slice(&up->head), false) != OBSERVE_YES;
	if (!x || (!early && !up->unsure))
		return false;
	x->bytes[CLIENT] += up->head.len;
	speech_lose_step(up, (struct slice){ 0 });
	return true;
}

/* "CONNECT host:443 HT" + gap: method and target are known, and that is enough. */
static bool salvage_request(struct conversation *c, uint64_t missing, const struct mark *mark)
{
	struct talk *up = &c->talk[CLIENT];
	struct mark start = up->head_start;
	bool begun = begin_from_start_line(c, buffer_slice(&up->head), true,
					   up->head.len + (size_t)missing, &start, mark);
	buffer_reset(&up->head);
	if (begun)
		doubt_request(c);
	else if (c->known)
		up->speech = SPEECH_LOST;
	return begun;
}

/* "HTTP/1.1 5": the digit tells that no other answer follows this one. */
static bool begins_final(struct slice head)
{
	enum { DIGIT = sizeof "HTTP/1.1 " - 1 };
	return head.len > DIGIT && head.at[DIGIT] != '1';
}

static void salvage_answer(struct conversation *c, struct turn *t, uint64_t missing,
			   const struct mark *mark)
{
	struct talk *down = &c->talk[PROXY];
	struct slice seen = buffer_slice(&down->head);
	if (!down->unsure && take_status_line(c, t, seen, seen.len + missing, mark)) {
		doubt_answer(c, t);
	} else {
		t->begun |= !down->unsure && begins_final(seen);
		t->x->bytes[PROXY] += seen.len + missing;
	}
	if (down->speech != SPEECH_TUNNEL)
		down->speech = SPEECH_LOST;
	down->unsure = false;
	buffer_reset(&down->head);
}

static void gap_in_request(struct conversation *c, const struct mark *mark, uint64_t len)
{
	struct talk *up = &c->talk[CLIENT];
	if (up->speech == SPEECH_HEAD && up->head.len > 0 && !give_up_held(c)) {
		bool begun = salvage_request(c, len, mark);
		cut_hide(c, mark, true);
		if (begun)
			answers_read_waiting(c);
		return;
	}
	if (up->speech == SPEECH_HEAD || up->speech == SPEECH_LOST)
		cut_hide(c, mark, true);
	struct exchange *x = c->newest ? c->newest->x : NULL;
	if (!x)
		return;
	x->bytes[CLIENT] += len;
	x->last = *mark;
	if (up->speech == SPEECH_BODY_LENGTH && len <= up->left) {
		up->left -= len;
		x->request.body_bytes += len;
		if (up->left == 0) {
			up->speech = SPEECH_HEAD;
			requests_sent(x, mark);
		}
	} else if (up->speech == SPEECH_BODY_CHUNKED && http_skip_in_chunk(&up->chunks, len)) {
		x->request.body_bytes = up->chunks.body_bytes;
	} else {
		up->speech = SPEECH_LOST;
		cut_hide(c, mark, true);
	}
}

/* No more than is left of it. */
static void gap_in_body(struct conversation *c, struct turn *t, const struct mark *mark,
			uint64_t len)
{
	struct talk *down = &c->talk[PROXY];
	t->x->bytes[PROXY] += len;
	t->x->response.body_bytes += len;
	down->left -= len;
	if (down->left == 0) {
		down->speech = SPEECH_HEAD;
		conversation_turn_whole(c, t, mark);
	}
}

static void gap_in_answer(struct conversation *c, const struct mark *mark, uint64_t len)
{
	struct talk *down = &c->talk[PROXY];
	struct turn *t = conversation_answering(c);
	if (!t) {
		if (c->newest) /* between answers: whatever began there is not to be read */
			speech_lose_step(down, (struct slice){ 0 });
		return;
	}
	t->x->last = *mark;
	cut_hear(c, down->head.len > 0 ? &down->head_start : &t->x->response_start);
	cut_hear(c, mark);
	if (down->speech == SPEECH_HEAD && down->head.len > 0) {
		salvage_answer(c, t, len, mark);
		return;
	}
	struct exchange *x = t->x;
	if (down->speech == SPEECH_BODY_LENGTH && len > down->left) {
		uint64_t rest = len - down->left; /* so far the body goes; what is behind it? */
		gap_in_body(c, t, mark, down->left);
		gap_in_answer(c, mark, rest);
		return;
	}
	if (down->speech == SPEECH_BODY_LENGTH) {
		gap_in_body(c, t, mark, len);
		return;
	}
	x->bytes[PROXY] += len;
	if (down->speech == SPEECH_BODY_CLOSE) {
		x->response.body_bytes += len;
	} else if (down->speech == SPEECH_BODY_CHUNKED && http_skip_in_chunk(&down->chunks, len)) {
		x->response.body_bytes = down->chunks.body_bytes;
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

/* ---- whose answer is it, behind a gap?
 * -----------------------------------------------------------
 *
 * A client that waits has had all its answers when it asks again. One that does not (pipelining,
 * RFC 9112 section 9.3.2) shows itself by a request that comes before anything of an answer to the
 * one before. */

void cut_hear(struct conversation *c, const struct mark *mark)
{
	struct turn *asked = NULL, *t = conversation_answering(c);
	/* an acknowledgement in the next request shows what was heard before it */
	for (; t && conversation_before(&t->x->request_start, mark); t = t->next)
		asked = t;
	if (asked)
		asked->heard = true;
}

void cut_hide(struct conversation *c, const struct mark *mark, bool gap)
{
	c->hides = true;
	c->hidden = *mark;
	c->shown = gap;
}

/* An answer in between shows it, or an acknowledgement that shows the gap; where the request's own
 * packet shows it, they came together. */
bool cut_doubts(struct conversation *c, const struct mark *start)
{
	bool heard = mark_is(&c->said) && conversation_before(&c->hidden, &c->said) &&
		     conversation_before(&c->said, start);
	bool shown = c->shown && conversation_before(&c->hidden, start);
	bool doubt = mark_is(&c->hidden) && !heard && !shown;
	c->hidden = NO_MARK;
	return doubt;
}

struct turn *cut_find_turn(struct conversation *c, const struct mark *mark)
{
	struct turn *first = conversation_answering(c), *last = NULL;
	for (struct turn *t = first; t && conversation_before(&t->x->request_start, mark);
	     t = t->next) {
		if (t->doubt)
			return NULL;
		c->pipelines |= last && !last->heard;
		last = t;
	}
	if (!last)
		return NULL;
	bool had = first->begun || first->x->response.status != 0;
	if (last == first)
		return had ? NULL : first;
	return !c->pipelines || (had && first->next == last) ? last : NULL;
}

/* ---- the end -------------------------------------------------------------------------------- */

/* A request head that never became whole is an exchange all the same. */
static void end_request(struct conversation *c)
{
	struct talk *up = &c->talk[CLIENT];
	if (up->speech != SPEECH_HEAD || up->head.len == 0 || give_up_held(c))
		return;
	struct mark mark = up->head_start;
	if (!salvage_request(c, 0, &mark))
		return;
	c->newest->x->request.complete = false;
	c->newest->x->request_end = NO_MARK;
	answers_read_waiting(c);
}

static void end_answer(struct conversation *c)
{
	struct talk *down = &c->talk[PROXY];
	struct turn *t = conversation_answering(c);
	if (!t || down->speech != SPEECH_HEAD || down->head.len == 0)
		return;
	struct slice held = buffer_slice(&down->head);
	if (t->x->response.status || down->unsure) {
		t->x->bytes[PROXY] += held.len;
	} else if (http_looks_like_response(held) == HTTP_BAD) {
		answers_take_foreign(c, t, held, held.len, &down->head_start);
	} else {
		t->x->answer = PROTO_HTTP; /* it began */
		t->x->bytes[PROXY] += held.len;
	}
	buffer_reset(&down->head);
}

void cut_end(struct conversation *c)
{
	end_request(c);
	if (c->talk[CLIENT].head.len == 0)
		cut_begin_lone_answer(c);
	end_answer(c);
}
