/* Watched connections: which they are, and what is said on them.
 *
 * Most carry one request and its answer. Those wait as they came, and all that comes of them is
 * done at the end in one go: so a conversation and an exchange, some kilobytes, are not there for
 * every connection that is open, and stand in the cache for once. */
#include "capture/feed_private.h"

#include <stdlib.h>
#include <string.h>

/* What waits; so many bytes follow. */
struct said {
	struct mark mark;
	uint16_t len;
	uint8_t side;
	enum event_kind event : 8; /* without bytes: EV_FIN or EV_RST */
};

/* ---- what is worth watching ---------------------------------------------------------------- */

bool feed_is_named_proxy(const struct feed *f, const struct address *a)
{
	const struct address *named = &f->options.proxy;
	return f->options.has_proxy && address_same_host(named, a) &&
	       (named->port == 0 || named->port == a->port);
}

static enum stream_wish find_wish(const struct feed *f, const struct stream *s, int side,
				  struct slice sofar)
{
	bool named = feed_is_named_proxy(f, &s->side[1 - side]);
	if (f->options.has_proxy && !named && !feed_is_named_proxy(f, &s->side[side]))
		return STREAM_NOTE;
	static const enum stream_wish wishes[] = {
		[OBSERVE_NO] = STREAM_NOTE,
		[OBSERVE_YES] = STREAM_WATCH,
		[OBSERVE_MORE] = STREAM_ASK_AGAIN,
	};
	enum stream_wish wish = wishes[observe_wants(sofar, named)];
	/* which side is which is a guess where no SYN was seen */
	bool maybe_proxy = side == 1 || (s->began_late && observe_is_answer(sofar));
	if (wish == STREAM_WATCH || !maybe_proxy || s->sent[1 - side].bytes > 0)
		return wish;
	/* the other side spoke first: a banner, or an answer whose request comes later in the file,
	   or not at all */
	bool answers = observe_is_answer(sofar) && !s->began_late;
	return answers || (sofar.len == sizeof s->early[0] && !s->began_late) ? STREAM_WATCH
									      : STREAM_ASK_AGAIN;
}

static enum stream_wish on_wish(void *context, const struct stream *s, int side, struct slice sofar)
{
	struct feed *f = context;
	enum stream_wish wish = find_wish(f, s, side, sofar);
	if (wish != STREAM_WATCH || f->uses < MAX_LIVE)
		return wish;
	f->counts.passed_over++;
	return STREAM_NOTE;
}

/* ---- links and conversations --------------------------------------------------------------- */

static struct link *link_take(struct feed *f)
{
	struct link *l = f->spare;
	if (!l)
		return malloc(sizeof *l);
	f->spare = l->next;
	f->spares--;
	return l;
}

static void link_give(struct feed *f, struct link *l)
{
	if (f->spares == SPARES) {
		free(l);
		return;
	}
	l->next = f->spare;
	f->spare = l;
	f->spares++;
}

/* A conversation, used before or new. */
static struct conversation *talk_take(struct link *l)
{
	struct feed *f = l->feed;
	struct observe_owner owner = FEED_OWNER;
	struct observe_options options = {
		.source = TRACE_CAPTURE,
		.keep_heads = f->options.keep_heads,
		.verdict_only = f->options.verdict_only,
		.any_request = l->named,
		.began_late = l->began_late,
	};
	owner.context = l;
	if (f->idles == 0)
		return observe_new(&options, &owner);
	struct conversation *c = f->idle[--f->idles];
	observe_reset(c, &options, &owner);
	return c;
}

static void talk_give(struct feed *f, struct conversation *c)
{
	if (c && f->idles < IDLE)
		f->idle[f->idles++] = c;
	else
		observe_free(c);
}

static void enlist(struct feed *f, struct link *l)
{
	if (!f->options.live)
		return;
	l->next = f->used;
	if (f->used)
		f->used->before = l;
	f->used = l;
	f->uses++;
}

static void delist(struct feed *f, struct link *l)
{
	if (!f->options.live)
		return;
	if (l->next)
		l->next->before = l->before;
	if (l->before)
		l->before->next = l->next;
	else
		f->used = l->next;
	f->uses--;
}

static bool begins(const struct stream *s, int side, bool (*what)(struct slice bytes))
{
	return what((struct slice){ s->early[side], s->early_len[side] });
}

/* Where no SYN was seen the table guesses by ports; what is said decides. The first bytes that are
 * delivered may be too few to tell: those by which it was watched do. */
static bool is_flipped(const struct stream *s, int side, struct slice bytes)
{
	if (s->sent[0].syns || s->sent[1].syns)
		return false;
	for (int i = 0; i < 2; i++)
		if (begins(s, i, observe_is_request))
			return i == 1;
	for (int i = 0; i < 2; i++)
		if (begins(s, i, observe_is_answer))
			return i == 0;
	return (side == 1) == observe_is_request(bytes);
}

static struct link *link_new(struct feed *f, struct stream_watch *w, int side, struct slice bytes)
{
	const struct stream *s = stream_glance(f->streams, w);
	bool flip = is_flipped(s, side, bytes);
	struct link *l = link_take(f);
	if (!l)
		return NULL;
	*l = (struct link){ .feed = f, .watch = w, .flip = flip };
	l->named = feed_is_named_proxy(f, &s->side[flip ? 0 : 1]);
	l->began_late = s->began_late;
	w->user = l;
	enlist(f, l);
	return l;
}

static struct link *link_of(struct feed *f, struct stream_watch *w, int side, struct slice bytes)
{
	return w->user ? w->user : link_new(f, w, side, bytes);
}

static enum trace_side said_by(const struct link *l, int side)
{
	return (side == 0) != l->flip ? CLIENT : PROXY;
}

/* ---- what waits ---------------------------------------------------------------------------- */

static void give_room(struct link *l)
{
	if (l->wait_room)
		slab_give(l->wait_room == FEW_WAIT ? &l->feed->few : &l->feed->many,
			  l->wait_number);
	l->waits = l->wait_room = 0;
}

static bool make_room(struct link *l, size_t need)
{
	struct slab *s = need > FEW_WAIT ? &l->feed->many : &l->feed->few;
	uint32_t waits = l->waits, number;
	if (need <= l->wait_room)
		return true;
	if (need > MANY_WAIT || (number = slab_take(s)) == 0)
		return false;
	uint8_t *at = slab_at(s, number);
	if (waits)
		memcpy(at, l->waiting, waits);
	give_room(l);
	l->waiting = at;
	l->waits = waits;
	l->wait_number = number;
	l->wait_room = need > FEW_WAIT ? MANY_WAIT : FEW_WAIT;
	return true;
}

/* False: it has to be told now, and all that waits before it. */
static bool wait_with(struct link *l, enum event_kind event, enum trace_side side,
		      const struct mark *mark, struct slice bytes)
{
	struct said said = { *mark, (uint16_t)bytes.len, (uint8_t)side, event };
	if (l->talk || bytes.len > MANY_WAIT || !make_room(l, l->waits + sizeof said + bytes.len))
		return false;
	uint8_t *at = l->waiting + l->waits;
	memcpy(at, &said, sizeof said);
	if (bytes.len)
		memcpy(at + sizeof said, bytes.at, bytes.len);
	l->waits += (uint32_t)(sizeof said + bytes.len);
	return true;
}

/* The request is whole and all that its side has said so far: then only its answer may come. */
static bool may_wait(const struct link *l, enum trace_side side, struct slice bytes)
{
	if (side == PROXY)
		return l->waits > 0;
	return l->waits == 0 && !l->feed->options.live && observe_is_whole_request(bytes);
}

/* Out with it. False: nobody listens (any more). */
static bool speak(struct link *l)
{
	if (l->talk)
		return true;
	l->talk = talk_take(l);
	bool hears = l->talk != NULL;
	for (size_t at = 0; l->talk && at < l->waits;) {
		struct said said;
		memcpy(&said, l->waiting + at, sizeof said);
		struct slice bytes = { l->waiting + at + sizeof said, said.len };
		at += sizeof said + said.len;
		if (said.len == 0)
			observe_event(l->talk, said.event, said.side, &said.mark, 0);
		else
			hears = hears && observe_data(l->talk, said.side, &said.mark, bytes);
	}
	give_room(l);
	return hears;
}

static void on_data(void *context, struct stream_watch *w, int side, struct slice bytes,
		    const struct stream_mark *mark)
{
	struct feed *f = context;
	struct link *l = link_of(f, w, side, bytes);
	struct mark m = feed_mark(mark);
	if (l && may_wait(l, said_by(l, side), bytes) &&
	    wait_with(l, 0, said_by(l, side), &m, bytes))
		return;
	if (l && speak(l) && observe_data(l->talk, said_by(l, side), &m, bytes))
		return;
	stream_ignore(w);
}

static void on_gap(void *context, struct stream_watch *w, int side, uint64_t len,
		   enum stream_gap why, const struct stream_mark *mark)
{
	(void)context;
	struct link *l = w->user;
	struct mark m = feed_mark(mark);
	if (l && !speak(l))
		stream_ignore(w);
	if (l && l->talk)
		observe_gap(l->talk, said_by(l, side), &m, len, why == STREAM_GAP_CAPTURE);
}

static void tell_event(struct link *l, enum event_kind kind, int side, const struct mark *mark)
{
	enum trace_side by = said_by(l, side);
	l->told[side][kind == EV_RST] = true;
	if (l->waits && wait_with(l, kind, by, mark, (struct slice){ 0 }))
		return;
	if (!speak(l))
		stream_ignore(l->watch);
	if (l->talk)
		observe_event(l->talk, kind, by, mark, 0);
}

static void on_segment(void *context, struct stream_watch *w, int side, const struct segment *seg)
{
	(void)context;
	struct link *l = w->user;
	if (!l || !(seg->flags & (TCP_FIN | TCP_RST)) || seg->payload_len > 0)
		return;
	struct mark m = { seg->at, seg->frame, seg->line };
	tell_event(l, seg->flags & TCP_RST ? EV_RST : EV_FIN, side, &m);
}

/* A FIN in a segment with data stands behind them, and they may begin an exchange, or the
 * conversation itself: it is told once all data are. */
static void tell_rest(struct link *l, const struct stream *s)
{
	for (int side = 0; side < 2; side++) {
		struct mark fin = feed_mark(&s->sent[side].fin),
			    rst = feed_mark(&s->sent[side].rst);
		if (mark_is(&fin) && !l->told[side][0])
			tell_event(l, EV_FIN, side, &fin);
		if (mark_is(&rst) && !l->told[side][1])
			tell_event(l, EV_RST, side, &rst);
	}
}

static bool is_closed(const struct stream *s)
{
	return s->sent[0].rsts || s->sent[1].rsts || (s->sent[0].fins && s->sent[1].fins);
}

/* Until when it was observed. Of an idle one the same, whenever that is noticed. */
static nanos end_of(const struct feed *f, const struct stream *s, enum stream_end why)
{
	nanos idle;
	if (is_closed(s) || (why != STREAM_OVER && why != STREAM_IDLE))
		return s->last.at;
	if (why == STREAM_IDLE && !__builtin_add_overflow(s->last.at, STREAM_IDLE_LIMIT, &idle))
		return idle < f->now ? idle : f->now;
	return f->now;
}

static void on_end(void *context, struct stream_watch *w, const struct stream *s,
		   enum stream_end why)
{
	static const enum trace_end ends[] = {
		[STREAM_CLOSED] = TRACE_END_CLOSED, [STREAM_REUSED] = TRACE_END_CLOSED,
		[STREAM_IDLE] = TRACE_END_IDLE,     [STREAM_EVICTED] = TRACE_END_EVICTED,
		[STREAM_OVER] = TRACE_END_OVER,
	};
	struct feed *f = context;
	struct link *l = w ? w->user : NULL;
	f->last_frame = s->last.frame;
	if (l) {
		l->final = s;
		speak(l);
		tell_rest(l, s);
		if (l->talk)
			observe_end(l->talk, ends[why], end_of(f, s, why));
	}
	if (!l || !l->begun)
		feed_rest(f, s, ends[why]);
	if (l) {
		delist(f, l);
		if (l->spent != f->spent)
			free(l->spent);
		talk_give(f, l->talk);
		link_give(f, l);
	}
}

const struct stream_callbacks FEED_CALLBACKS = {
	.wish = on_wish, .segment = on_segment, .data = on_data, .gap = on_gap, .end = on_end
};

void feed_free_links(struct feed *f)
{
	for (struct link *l = f->spare, *next; l; l = next) {
		next = l->next;
		free(l);
	}
	while (f->idles)
		observe_free(f->idle[--f->idles]);
	slab_done(&f->few);
	slab_done(&f->many);
}
