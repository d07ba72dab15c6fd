/* The conversation: its life, its queue of exchanges, and how each of them ends. */
#include "observe/conversation.h"

#include <stdlib.h>

enum { EXCHANGE_LIMIT = 256 * 1024, HEAD_LIMIT = HTTP_MAX_HEAD + 4096, MESSAGE_LIMIT = 65536 };

static void init(struct conversation *c, const struct observe_options *options,
		 const struct observe_owner *owner)
{
	*c = (struct conversation){ .options = *options,
				    .owner = *owner,
				    .proxy_fin = NO_MARK,
				    .hidden = NO_MARK,
				    .said = NO_MARK };
	for (int side = CLIENT; side <= PROXY; side++) {
		buffer_init(&c->talk[side].head, HEAD_LIMIT);
		buffer_init(&c->talk[side].tls.messages, MESSAGE_LIMIT);
		c->talk[side].tls.held = NO_MARK;
	}
}

struct conversation *observe_new(const struct observe_options *options,
				 const struct observe_owner *owner)
{
	struct conversation *c = malloc(sizeof *c);
	if (c)
		init(c, options, owner);
	return c;
}

static struct turn *turn_new(struct conversation *c)
{
	struct turn *t = c->usual.x ? malloc(sizeof *t) : &c->usual;
	struct exchange *over = c->over;
	c->over = t ? NULL : over;
	struct exchange *x = !t     ? NULL
			     : over ? trace_begin_again(over, c->options.source)
				    : trace_begin(c->options.source, EXCHANGE_LIMIT);
	if (!x) {
		if (t != &c->usual)
			free(t);
		return NULL;
	}
	*t = (struct turn){ .x = x };
	buffer_init(&t->page, c->options.page ? c->options.page : PAGE_BYTES);
	return t;
}

/* The exchange stays: it is the owner's by now. */
static void turn_free(struct conversation *c, struct turn *t)
{
	buffer_done(&t->page);
	t->x = NULL;
	if (t != &c->usual)
		free(t);
}

static void done(struct conversation *c)
{
	for (struct turn *t = c->oldest, *next; t; t = next) {
		next = t->next;
		trace_free(t->x);
		turn_free(c, t);
	}
	for (int side = CLIENT; side <= PROXY; side++) {
		buffer_done(&c->talk[side].head);
		buffer_done(&c->talk[side].tls.messages);
	}
}

void observe_free(struct conversation *c)
{
	if (!c)
		return;
	done(c);
	trace_free(c->over);
	free(c);
}

void observe_reset(struct conversation *c, const struct observe_options *options,
		   const struct observe_owner *owner)
{
	struct exchange *over = c->over;
	done(c);
	init(c, options, owner);
	c->over = over;
}

void conversation_drop(struct conversation *c, struct turn *t)
{
	c->turns--;
	trace_free(t->x);
	turn_free(c, t);
}

/* Hands the oldest exchange to the owner: it is final now. */
static void finish_oldest(struct conversation *c)
{
	struct turn *t = c->oldest;
	struct exchange *x = t->x;
	c->oldest = t->next;
	if (!c->oldest)
		c->newest = NULL;
	c->turns--;
	answers_keep_title(t);
	answers_keep_words(t);
	turn_free(c, t);
	struct trace_path path[2];
	trace_lend_path(x, path);
	if (c->owner.facts)
		c->owner.facts(c->owner.context, x);
	if (c->owner.glance && c->owner.glance(c->owner.context, x)) {
		trace_free(c->over);
		c->over = x;
	} else if (trace_own_path(x)) {
		trace_set_id(x);
		c->owner.done(c->owner.context, x);
	} else {
		trace_free(x);
	}
}

void conversation_finish_whole(struct conversation *c, const struct mark *mark)
{
	while (c->oldest && c->oldest->whole && c->oldest->next) {
		struct exchange *x = c->oldest->x;
		x->next_began = true;
		x->end = TRACE_END_CLOSED;
		x->observed_until = mark->at;
		trace_add(x, EV_NEXT, CLIENT, mark, 0);
		finish_oldest(c);
	}
}

static void note_close(struct exchange *x, enum event_kind kind, enum trace_side side,
		       const struct mark *mark)
{
	if (x->closed &&
	    (x->close.at < mark->at || (x->close.at == mark->at && x->close.frame <= mark->frame)))
		return;
	x->closed = true;
	x->closed_by = side;
	x->by_reset = kind == EV_RST;
	x->close = *mark;
}

struct turn *conversation_begin(struct conversation *c, const struct mark *mark)
{
	if (c->turns >= MAX_PIPELINE)
		return NULL;
	struct turn *t = turn_new(c);
	if (!t)
		return NULL;
	struct exchange *x = t->x;
	if (c->newest)
		c->newest->next = t;
	else
		c->oldest = t;
	c->newest = t;
	c->turns++;
	x->first = x->last = *mark;
	x->reused = c->known;
	x->order = c->order++;
	x->began_late = c->options.began_late && !x->reused;
	if (c->owner.begin)
		c->owner.begin(c->owner.context, x);
	c->known = true;
	const struct closing *e = &c->closing;
	if (e->is && (!x->reused || conversation_before(mark, &e->mark))) {
		trace_add(x, e->kind, e->side, &e->mark, e->n);
		note_close(x, e->kind, e->side, &e->mark);
	}
	return t;
}

struct turn *conversation_answering(struct conversation *c)
{
	struct turn *t = c->oldest;
	while (t && t->whole)
		t = t->next;
	return t;
}

void conversation_turn_whole(struct conversation *c, struct turn *t, const struct mark *mark)
{
	t->whole = true;
	t->x->response.complete = true;
	t->x->response_end = *mark;
	trace_add(t->x, EV_RESPONSE_END, PROXY, mark, t->x->response.body_bytes);
	conversation_finish_whole(c, mark);
}

bool conversation_before(const struct mark *a, const struct mark *b)
{
	if (a->frame != b->frame)
		return a->frame < b->frame;
	return a->line != b->line ? a->line < b->line : a->at < b->at;
}

bool observe_data(struct conversation *c, enum trace_side side, const struct mark *mark,
		  struct slice bytes)
{
	while (bytes.len > 0) {
		if (c->talk[side].speech == SPEECH_TUNNEL) {
			tunnel_read(c, side, mark, bytes);
			break;
		}
		size_t used = side == CLIENT ? requests_read(c, mark, bytes)
					     : answers_read(c, mark, bytes);
		if (used == 0)
			return false;
		bytes = slice_from(bytes, used);
	}
	return true;
}

/* At the beginning of a conversation nothing can stand before it that it would have to be joined
 * with. */
bool observe_request(struct conversation *c, const struct mark *mark, const struct http_request *r,
		     struct slice bytes)
{
	if (c->known || c->talk[CLIENT].head.len > 0)
		return observe_data(c, CLIENT, mark, bytes);
	return requests_begin(c, r, bytes, bytes.len, mark, mark);
}

void observe_gap(struct conversation *c, enum trace_side side, const struct mark *mark,
		 uint64_t len, bool lost_by_capture)
{
	struct turn *t = side == CLIENT ? c->newest : conversation_answering(c);
	if (t && lost_by_capture)
		trace_add(t->x, EV_MISSING, side, mark, len);
	if (c->talk[side].speech == SPEECH_TUNNEL)
		tunnel_gap(c, side, mark, len);
	else
		cut_gap(c, side, mark, len);
}

static void whole_request(struct conversation *c, const struct mark *mark)
{
	struct exchange *x = c->newest ? c->newest->x : NULL;
	c->talk[CLIENT].speech = SPEECH_HEAD;
	if (x && !x->request.complete)
		requests_sent(x, mark);
}

void observe_whole(struct conversation *c, enum trace_side side, const struct mark *mark)
{
	struct turn *t = conversation_answering(c);
	if (c->tunnel)
		return;
	if (side == CLIENT) {
		whole_request(c, mark);
	} else if (t && t->x->response.status) {
		c->talk[PROXY].speech = SPEECH_HEAD;
		conversation_turn_whole(c, t, mark);
	}
}

/* An answer without a length ends, whole, with the proxy's FIN (RFC 9112 section 6.3, 8). Known
 * only at the end: a FIN may come before bytes that were sent earlier. A client that closed first,
 * and got nothing more, did not wait for the end. */
static void end_until_close(struct conversation *c)
{
	struct turn *t = conversation_answering(c);
	if (!t || !mark_is(&c->proxy_fin) || c->talk[PROXY].speech != SPEECH_BODY_CLOSE)
		return;
	const struct exchange *last = c->newest->x;
	bool gave_up = last->closed && last->closed_by == CLIENT &&
		       (last->by_reset || last->close.at >= t->x->last.at);
	if (!gave_up)
		conversation_turn_whole(c, t, &c->proxy_fin);
}

void observe_event(struct conversation *c, enum event_kind kind, enum trace_side side,
		   const struct mark *mark, uint64_t n)
{
	if (kind == EV_FIN && side == PROXY)
		c->proxy_fin = *mark;
	bool closes = kind == EV_FIN || kind == EV_RST;
	if (closes && !c->closing.is)
		c->closing = (struct closing){ true, kind, side, *mark, n };
	if (!c->newest)
		return;
	struct exchange *x = c->newest->x;
	trace_add(x, kind, side, mark, n);
	if (closes)
		note_close(x, kind, side, mark);
}

static bool is_settled(const struct conversation *c, nanos quiet)
{
	const struct turn *t = c->oldest;
	const struct talk *up = &c->talk[CLIENT], *down = &c->talk[PROXY];
	return t && t == c->newest && t->whole && t->x->request.complete && !t->x->closed &&
	       !c->tunnel && t->x->last.at <= quiet && t->x->response_end.at <= quiet &&
	       up->speech == SPEECH_HEAD && up->head.len == 0 && down->speech == SPEECH_HEAD &&
	       down->head.len == 0;
}

void observe_settle(struct conversation *c, nanos quiet, nanos until)
{
	if (!is_settled(c, quiet))
		return;
	struct exchange *x = c->oldest->x;
	x->end = TRACE_END_OVER;
	x->observed_until = until;
	x->answer_hidden = c->oldest->doubt;
	finish_oldest(c);
}

struct exchange *observe_underway(const struct conversation *c)
{
	return c->newest ? c->newest->x : NULL;
}

void observe_end(struct conversation *c, enum trace_end end, nanos until)
{
	cut_end(c);
	end_until_close(c);
	while (c->oldest) {
		struct exchange *x = c->oldest->x;
		struct exchange *last = c->newest->x;
		if (x != last && last->closed) { /* pipelined: all that wait end alike */
			x->closed = true;
			x->closed_by = last->closed_by;
			x->by_reset = last->by_reset;
			x->close = last->close;
		}
		x->end = end;
		x->observed_until = until;
		x->answer_hidden = c->talk[PROXY].speech == SPEECH_LOST || c->oldest->doubt;
		if (c->tunnel)
			tunnel_end(c, x);
		finish_oldest(c);
	}
}
