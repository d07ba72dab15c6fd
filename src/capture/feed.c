/* The feed: from packets to exchanges, through `packet` and `observe`. */
#include "capture/feed.h"

#include "base/fetch.h"
#include "observe/observe.h"

#include <stdlib.h>
#include <string.h>

enum { SPARES = 256 }; /* links that wait to be used again, with what they hold */

/* Live. A SYN is sent again after 1, 2, 4, ... 32 s: whoever is quiet for longer has given up, or
 * sends the last one after 64 s and gives up then. */
static const nanos UNANSWERED = 34 * NANOS_PER_SECOND;
enum { MAX_LIVE = 20000 }; /* conversations: some kilobytes each, 130 at the worst */
static const nanos SETTLED_AFTER = 3 * NANOS_PER_SECOND;
static const nanos SETTLE_EVERY = NANOS_PER_SECOND / 4;

/* A watched connection: its conversation, and what its earlier exchanges have used up of the
 * connection's counters. */
struct link {
	struct feed *feed;
	struct stream_watch *watch;
	const struct stream *final; /* all that is known of it, once it has ended */
	struct conversation *talk;
	const struct exchange *newest; /* only to be fetched: it may be gone */
	bool flip;                     /* the table took the sides the other way round */
	bool begun;                    /* an exchange has come of it */
	bool told[2][2];               /* FIN and RST, by side of the table */
	struct link *next;   /* of those that wait to be used again; live: of all in use, */
	struct link *before; /* ... where NULL is the first */
	struct {
		uint32_t packets, retrans, repairs, reordered, spurious, keepalives, large, rsts;
		uint64_t bytes, after_peer_fin;
		nanos repair_time, zero_window_time;
	} used[2];
};

struct coming { /* a packet that is expected, decoded */
	struct segment segment;
	struct stream_coming stream;
};

struct feed {
	struct feed_options options;
	struct feed_owner owner;
	struct packet_decoder *decoder;
	struct stream_table *streams;
	struct feed_counts counts;
	nanos now, until;    /* until: as told by feed_until */
	uint64_t last_frame; /* of the connection that ends */
	struct link *spare;  /* the last one first: it is still in the cache */
	unsigned spares;
	struct coming *expected, *expected_end; /* those of them that were not fed yet */
	struct coming coming[FEED_AHEAD];
	struct link *used; /* live */
	unsigned uses;
	nanos settled_at; /* when it was last looked who is */
};

/* ---- marks and facts --------------------------------------------------------------------- */

static const struct stream *stream_of(const struct link *l)
{
	return l->final ? l->final : stream_look(l->feed->streams, l->watch);
}

static struct mark mark_of(const struct stream_mark *m)
{
	if (m->frame == 0 && m->line == 0) /* the table's way to say that there was none */
		return NO_MARK;
	return (struct mark){ m->at, m->frame, m->line };
}

static int table_side(const struct link *l, enum trace_side side)
{
	return l->flip ? 1 - (int)side : (int)side;
}

static void set_ends(const struct feed *f, struct exchange *x, const struct address *client,
		     const struct address *proxy)
{
	x->client = *client;
	x->proxy = *proxy;
	x->file = f->options.file;
	const struct packet_text *text = f->options.text;
	x->from_text = text != NULL;
	if (!text)
		return;
	x->client_name = trace_keep(x, packet_text_name(text, client), 100);
	x->proxy_name = trace_keep(x, packet_text_name(text, proxy), 100);
	x->heading = trace_keep(x, f->options.example->heading, 200);
	x->first_line = f->options.example->first_line;
}

static void set_handshake(struct exchange *x, const struct stream *s, int client)
{
	x->syn = mark_of(&s->sent[client].syn);
	x->syn_ack = mark_of(&s->sent[1 - client].syn);
	x->syns = s->sent[client].syns;
	x->rtt = s->rtt;
	x->began_late = s->began_late;
	x->both_ways = s->both_ways;
	x->first = mark_of(&s->first);
	if (mark_is(&x->syn))
		trace_add(x, EV_SYN, CLIENT, &x->syn, x->syns);
	if (mark_is(&x->syn_ack))
		trace_add(x, EV_SYN_ACK, PROXY, &x->syn_ack, 0);
}

static void set_icmp(struct exchange *x, const struct stream *s, bool flip)
{
	const struct icmp_note *n = &s->icmp;
	if (s->icmp_count == 0 || !trace_open_icmp(x))
		return;
	struct trace_icmp *i = x->icmp;
	i->count = s->icmp_count;
	i->mark = (struct mark){ n->at, n->frame, 0 };
	i->router = n->router;
	i->too_big = n->kind == ICMP_TOO_BIG;
	i->unreachable = n->kind == ICMP_UNREACHABLE;
	i->v6 = n->v6;
	i->code = n->code;
	i->mtu = n->mtu;
	i->name = icmp_name(n);
	bool from_first = address_equal(&n->from, &s->side[0]);
	i->about = from_first != flip ? CLIENT : PROXY;
	i->large_after = s->large_after_icmp;
	i->adapted = s->adapted_after_icmp;
	trace_add(x, EV_ICMP, PROXY, &i->mark, i->mtu);
}

/* Counters since the exchange before; and what stands at the end of the connection, as it is. */
static void set_path(struct link *l, const struct stream *stream, struct exchange *x,
		     enum trace_side side)
{
	int t = table_side(l, side);
	const struct stream_side *s = &stream->sent[t];
	struct trace_path *p = &x->path[side];
#define SINCE(member, from)                                                                        \
	(p->member = s->from - l->used[side].member, l->used[side].member = s->from)
	SINCE(packets, packets);
	SINCE(bytes, bytes);
	SINCE(retrans, retrans);
	SINCE(repairs, repairs);
	SINCE(reordered, reordered);
	SINCE(spurious, spurious);
	SINCE(keepalives, keepalives);
	SINCE(repair_time, retrans_time);
	SINCE(zero_window_time, zero_window_time);
	SINCE(after_peer_fin, after_peer_fin);
	SINCE(large, large);
	SINCE(rsts, rsts);
#undef SINCE
	p->mss = s->mss;
	p->largest = s->largest;
	p->largest_passed = s->largest_passed;
	p->unacked = s->unacked;
	p->stuck_size = s->stuck_size;
	p->stuck_times = s->stuck_times;
	p->stuck_smallest = s->stuck_smallest;
	p->stuck_first = mark_of(&s->stuck_first);
	p->stuck_last = mark_of(&s->stuck_last);
	p->small_passed = s->small_passed;
	p->hole = s->hole;
	p->hole_shown = mark_of(&s->hole_shown);
	p->hole_beyond = s->hole_beyond;
	p->hole_dup_acks = s->hole_dup_acks;
	/* of the whole connection: a head that is cut counts before its exchange begins, and doubt
	   must not be left behind */
	p->missing = s->missing;
	p->unseen = s->unseen;
	p->zero_window_at_end = s->zero_window_since != NO_TIME;
	p->zero_window = mark_of(&s->zero_window);
	p->zero_window_probes = s->zero_window_probes;
	p->first_large = mark_of(&s->first_large);
	p->last_large = mark_of(&s->last_large);
	p->first_data = mark_of(&s->first_data);
	p->last_data = mark_of(&s->last_data);
	p->fin = mark_of(&s->fin);
	p->rst = mark_of(&s->rst);
	p->urgent = s->urgent;
	p->ttl = stream->ttl[t];
	p->rst_ttl = stream->rst_ttl[t];
}

static bool within(const struct exchange *x, const struct mark *m)
{
	return mark_is(m) && m->at >= x->first.at;
}

static void add_path_events(struct exchange *x, enum trace_side side)
{
	const struct trace_path *p = &x->path[side];
	if (within(x, &p->first_large))
		trace_add(x, EV_LARGE, side, &p->first_large, p->largest);
	if (p->unacked && p->stuck_times > 1 && within(x, &p->stuck_last))
		trace_add(x, EV_STUCK, side, &p->stuck_last, p->stuck_size);
	if (p->hole && within(x, &p->hole_shown))
		trace_add(x, EV_HOLE, side, &p->hole_shown, p->hole);
	if (p->zero_window_time > 0 && within(x, &p->zero_window))
		trace_add(x, EV_ZERO_WINDOW, 1 - side, &p->zero_window, 0);
}

static void add_again(const struct link *l, const struct stream *stream, struct exchange *x,
		      enum trace_side side)
{
	const struct stream_side *s = &stream->sent[table_side(l, side)];
	for (unsigned i = 0; i < s->agains; i++) {
		struct mark m = mark_of(&s->again[i].mark);
		if (within(x, &m) && (!x->next_began || m.at <= x->observed_until))
			trace_add(x, EV_RETRANS, side, &m, s->again[i].size);
	}
}

/* Did everything that the client said arrive at the proxy? */
static void set_acked(struct exchange *x)
{
	const struct trace_path *up = &x->path[CLIENT];
	bool heard = x->both_ways && !up->unacked;
	if (heard)
		x->request_acked = x->request_end;
	if (mark_is(&x->hello) || x->tls->server_hello) { /* so it is open */
		x->tls->hello_acked = heard ? mark_is(&x->hello) : x->tls->server_hello;
	}
}

/* ---- callbacks of observe ------------------------------------------------------------------ */

static void on_begin(void *context, struct exchange *x)
{
	struct link *l = context;
	const struct stream *s = l->final ? l->final : stream_glance(l->feed->streams, l->watch);
	int client = table_side(l, CLIENT);
	l->newest = x;
	set_ends(l->feed, x, &s->side[client], &s->side[1 - client]);
	if (!l->begun) {
		set_handshake(x, s, client);
	} else {
		x->rtt = s->rtt;
		x->both_ways = s->both_ways;
	}
	l->begun = true;
}

static void on_facts(void *context, struct exchange *x)
{
	struct link *l = context;
	const struct stream *s = stream_of(l);
	l->newest = x == l->newest ? NULL : l->newest;
	for (int side = CLIENT; side <= PROXY; side++) {
		set_path(l, s, x, side);
		add_again(l, s, x, side);
	}
	if (!l->final)
		stream_saw_again(l->feed->streams, l->watch);
	x->rtt = s->rtt;
	x->both_ways = s->both_ways;
	if (!x->next_began) {
		x->last = mark_of(&s->last);
		set_icmp(x, s, l->flip);
		for (int side = CLIENT; side <= PROXY; side++)
			add_path_events(x, side);
	}
	set_acked(x);
	x->frames = x->path[CLIENT].packets + x->path[PROXY].packets;
}

static bool on_glance(void *context, const struct exchange *x)
{
	const struct link *l = context;
	const struct feed_owner *o = &l->feed->owner;
	return o->glance && o->glance(o->context, x);
}

static void on_done(void *context, struct exchange *x)
{
	struct link *l = context;
	l->feed->owner.exchange(l->feed->owner.context, x);
}

/* ---- what is worth watching ---------------------------------------------------------------- */

static bool is_named_proxy(const struct feed *f, const struct address *a)
{
	const struct address *named = &f->options.proxy;
	return f->options.has_proxy && address_same_host(named, a) &&
	       (named->port == 0 || named->port == a->port);
}

static enum stream_wish find_wish(const struct feed *f, const struct stream *s, int side,
				  struct slice sofar)
{
	bool named = is_named_proxy(f, &s->side[1 - side]);
	if (f->options.has_proxy && !named && !is_named_proxy(f, &s->side[side]))
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

/* ---- callbacks of the stream table --------------------------------------------------------- */

/* A link with a conversation, used before or new. */
static struct link *link_take(struct feed *f, const struct observe_options *options)
{
	struct link *l = f->spare;
	struct observe_owner owner = { on_begin, on_facts, on_glance, on_done, l };
	if (l) {
		f->spare = l->next;
		f->spares--;
		observe_reset(l->talk, options, &owner);
		return l;
	}
	owner.context = l = malloc(sizeof *l);
	if (!l)
		return NULL;
	l->talk = observe_new(options, &owner);
	if (l->talk)
		return l;
	free(l);
	return NULL;
}

static void link_give(struct feed *f, struct link *l)
{
	if (f->spares == SPARES) {
		observe_free(l->talk);
		free(l);
		return;
	}
	l->next = f->spare;
	f->spare = l;
	f->spares++;
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
	struct observe_options options = {
		.source = TRACE_CAPTURE,
		.keep_heads = f->options.keep_heads,
		.verdict_only = f->options.verdict_only,
		.any_request = is_named_proxy(f, &s->side[flip ? 0 : 1]),
		.began_late = s->began_late,
	};
	struct link *l = link_take(f, &options);
	if (!l)
		return NULL;
	*l = (struct link){ .feed = f, .watch = w, .flip = flip, .talk = l->talk };
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

static void on_data(void *context, struct stream_watch *w, int side, struct slice bytes,
		    const struct stream_mark *mark)
{
	struct feed *f = context;
	struct link *l = link_of(f, w, side, bytes);
	struct mark m = mark_of(mark);
	if (l && observe_data(l->talk, said_by(l, side), &m, bytes))
		return;
	stream_ignore(f->streams, w);
}

static void on_gap(void *context, struct stream_watch *w, int side, uint64_t len,
		   enum stream_gap why, const struct stream_mark *mark)
{
	(void)context;
	struct link *l = w->user;
	struct mark m = mark_of(mark);
	if (l)
		observe_gap(l->talk, said_by(l, side), &m, len, why == STREAM_GAP_CAPTURE);
}

/* What comes of a segment touches much that has not been touched for long: the misses are had at
 * once, and while the table is still at work. */
static void link_fetch(const struct link *l, bool whole)
{
	if (!l)
		return;
	observe_fetch(l->talk);
	if (l->newest)
		trace_fetch(l->newest, whole);
}

static void on_segment(void *context, struct stream_watch *w, int side, const struct segment *seg)
{
	(void)context;
	struct link *l = w->user;
	bool reset = seg->flags & TCP_RST;
	if (!l || !(seg->flags & (TCP_FIN | TCP_RST)) || seg->payload_len > 0)
		return;
	struct mark m = { seg->at, seg->frame, seg->line };
	l->told[side][reset] = true;
	observe_event(l->talk, reset ? EV_RST : EV_FIN, said_by(l, side), &m, 0);
}

/* A FIN in a segment with data stands behind them, and they may begin an exchange, or the
 * conversation itself: it is told once all data are. */
static void tell_rest(struct link *l, const struct stream *s)
{
	for (int side = 0; side < 2; side++) {
		struct mark fin = mark_of(&s->sent[side].fin), rst = mark_of(&s->sent[side].rst);
		if (mark_is(&fin) && !l->told[side][0])
			observe_event(l->talk, EV_FIN, said_by(l, side), &fin, 0);
		if (mark_is(&rst) && !l->told[side][1])
			observe_event(l->talk, EV_RST, said_by(l, side), &rst, 0);
	}
}

/* ---- connections that carried no request ---------------------------------------------------- */

static bool looks_like_tls(const struct stream *s)
{
	for (int side = 0; side < 2; side++)
		if (observe_guess((struct slice){ s->early[side], s->early_len[side] }) ==
		    PROTO_TLS)
			return true;
	return false;
}

/* An attempt that failed, or a connection in its middle that may be a tunnel. */
static bool is_suspect(const struct feed *f, const struct stream *s)
{
	bool named = is_named_proxy(f, &s->side[1]);
	if (f->options.has_proxy && !named)
		return false;
	/* more than SYNs from the client: it was answered, only the answer was not captured */
	bool only_syns = s->sent[0].packets <= s->sent[0].syns + s->sent[0].rsts;
	if (s->sent[0].syns > 0 && s->sent[1].syns == 0 && only_syns)
		return s->both_ways || s->icmp_count > 0 || s->sent[0].rsts == 0;
	return s->began_late && looks_like_tls(s);
}

static void note_close(struct exchange *x, const struct stream *s)
{
	for (int side = 0; side < 2; side++) {
		struct mark fin = mark_of(&s->sent[side].fin), rst = mark_of(&s->sent[side].rst);
		const struct mark *m =
			mark_is(&rst) && (!mark_is(&fin) || rst.at < fin.at) ? &rst : &fin;
		if (!mark_is(m) || (x->closed && x->close.at <= m->at))
			continue;
		x->closed = true;
		x->closed_by = side == 0 ? CLIENT : PROXY;
		x->by_reset = m == &rst;
		x->close = *m;
	}
	if (x->closed)
		trace_add(x, x->by_reset ? EV_RST : EV_FIN, x->closed_by, &x->close, 0);
}

static void give_suspect(struct feed *f, const struct stream *s, enum trace_end end)
{
	struct exchange *x = trace_begin(TRACE_CAPTURE, 16384);
	if (!x || !trace_open_path(x)) {
		trace_free(x);
		return;
	}
	set_ends(f, x, &s->side[0], &s->side[1]);
	set_handshake(x, s, 0);
	set_icmp(x, s, false);
	x->suspect = true;
	x->last = mark_of(&s->last);
	for (int side = CLIENT; side <= PROXY; side++) {
		struct trace_path *p = &x->path[side];
		p->packets = s->sent[side].packets;
		p->bytes = x->bytes[side] = s->sent[side].bytes;
		p->mss = s->sent[side].mss;
		p->ttl = s->ttl[side];
		p->rst_ttl = s->rst_ttl[side];
		p->rsts = s->sent[side].rsts;
		p->fin = mark_of(&s->sent[side].fin);
		p->rst = mark_of(&s->sent[side].rst);
	}
	x->frames = x->path[CLIENT].packets + x->path[PROXY].packets;
	if (s->began_late && looks_like_tls(s))
		x->tunnel.inner = PROTO_TLS;
	note_close(x, s);
	x->end = end;
	bool waiting = end == TRACE_END_OVER || (f->options.live && end == TRACE_END_IDLE);
	x->observed_until = waiting && !x->closed ? f->now : s->last.at;
	trace_set_id(x);
	f->owner.exchange(f->owner.context, x);
}

/* Record header, handshake header, version: then the random. */
static void note_hello(struct trace_connection *c, const struct stream *s)
{
	enum { BEFORE_RANDOM = 11 };
	const uint8_t *e = s->early[0];
	if (s->early_len[0] < BEFORE_RANDOM + sizeof c->random || e[0] != 22 || e[5] != 1)
		return;
	c->hello = true;
	memcpy(c->random, e + BEFORE_RANDOM, sizeof c->random);
}

static void note_connection(struct feed *f, const struct stream *s)
{
	f->counts.ignored++;
	if (!f->owner.connection)
		return;
	struct trace_connection c = {
		.from = s->side[0],
		.to = s->side[1],
		.first = mark_of(&s->first),
		.last = mark_of(&s->last),
		.file = f->options.file,
		.syn_ack = mark_of(&s->sent[1].syn),
		.reset = mark_of(&s->sent[1].rst),
		.syns = s->sent[0].syns,
		.began_late = s->began_late,
		.closed_by_client = s->sent[0].fins > 0,
		.bytes = { s->sent[0].bytes, s->sent[1].bytes },
		.unreachable = s->icmp_count > 0 && s->icmp.kind == ICMP_UNREACHABLE,
	};
	note_hello(&c, s);
	f->owner.connection(f->owner.context, &c);
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
		tell_rest(l, s);
		observe_end(l->talk, ends[why], end_of(f, s, why));
	}
	if (!l || !l->begun) {
		if (is_suspect(f, s))
			give_suspect(f, s, ends[why]);
		note_connection(f, s);
	}
	if (l) {
		delist(f, l);
		link_give(f, l);
	}
}

/* ---- the door ------------------------------------------------------------------------------ */

struct feed *feed_new(const struct feed_options *options, const struct feed_owner *owner)
{
	struct feed *f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	f->options = *options;
	f->owner = *owner;
	f->now = f->until = f->settled_at = NO_TIME;
	struct stream_limits limits = { .max_connections = options->max_connections,
					.unanswered = options->live ? UNANSWERED : 0 };
	struct stream_callbacks callbacks = { .wish = on_wish,
					      .segment = on_segment,
					      .data = on_data,
					      .gap = on_gap,
					      .end = on_end,
					      .context = f };
	f->decoder = packet_decoder_new();
	f->streams = stream_table_new(&limits, &callbacks);
	if (!f->decoder || !f->streams) {
		feed_free(f);
		return NULL;
	}
	return f;
}

void feed_free(struct feed *f)
{
	if (!f)
		return;
	for (struct link *l = f->spare, *next; l; l = next) {
		next = l->next;
		observe_free(l->talk);
		free(l);
	}
	packet_decoder_free(f->decoder);
	stream_table_free(f->streams);
	free(f);
}

unsigned feed_share_of(const struct capture_packet *p, unsigned shares)
{
	const uint8_t *b = p->data.at;
	if (p->link != 1 || p->data.len < 38 || b[12] != 8 || b[13] != 0 || b[14] != 0x45 ||
	    b[23] != 6 || (b[20] & 0x3f) || b[21])
		return shares;
	/* both directions alike; the same on every machine */
	uint32_t hosts = 0, ports = 0;
	for (int i = 0; i < 4; i++)
		hosts = hosts << 8 | (uint8_t)(b[26 + i] ^ b[30 + i]);
	for (int i = 0; i < 2; i++)
		ports = ports << 8 | (uint8_t)(b[34 + i] ^ b[36 + i]);
	uint32_t mixed = (hosts ^ ports * 0x9e3779b1u) * 0x85ebca6bu;
	return (mixed >> 16) % shares;
}

/* The same number from decoded addresses. */
static unsigned share_of_pair(const struct address *a, const struct address *b, unsigned shares)
{
	uint32_t hosts = 0;
	for (int i = 0; i < 16; i++)
		hosts = (hosts << 8 | hosts >> 24) ^ (uint32_t)(a->ip[i] ^ b->ip[i]);
	if (address_is_v4(a)) {
		hosts = 0;
		for (int i = 12; i < 16; i++)
			hosts = hosts << 8 | (uint8_t)(a->ip[i] ^ b->ip[i]);
	}
	uint32_t ports = (uint16_t)(a->port ^ b->port);
	uint32_t mixed = (hosts ^ ports * 0x9e3779b1u) * 0x85ebca6bu;
	return (mixed >> 16) % shares;
}

/* The same whichever packets other feeds took since feed_until. */
static void note_time(struct feed *f, nanos at)
{
	if (at != NO_TIME)
		f->now = f->until == NO_TIME || at > f->until ? at : f->until;
}

/* What is no connection's is counted by one feed: the only one that gets it, or the first. */
static bool is_mine_to_count(const struct capture_packet *p, unsigned share, unsigned shares)
{
	unsigned of = feed_share_of(p, shares);
	return share == (of == shares ? 0 : of);
}

/* Of one that brings bytes or a FIN: those go to link, conversation and exchange. */
static const struct link *link_to(const struct feed *f, const struct coming *c)
{
	bool speaks = c->segment.payload_len || c->segment.flags & (TCP_FIN | TCP_RST);
	const struct stream_watch *w = speaks ? stream_fetch_watch(f->streams, &c->stream) : NULL;
	return w ? w->user : NULL;
}

/* Each step leads to the next one's address; taken for all packets at once, the misses are waited
 * for at once. */
void feed_expect(struct feed *f, const struct capture_packet *packet, const uint16_t *which,
		 size_t count)
{
	struct coming *usual = f->coming, *c;
	f->expected = f->coming;
	for (size_t i = 0; i < count && i < FEED_AHEAD; i++) {
		const struct capture_packet *p = &packet[which[i]];
		struct packet_frame frame = { p->at, p->frame, p->link, p->wire_len, p->data };
		if (!packet_decode_usual(&frame, &usual->segment))
			continue;
		stream_expect(f->streams, &usual->segment, &usual->stream);
		usual++;
	}
	f->expected_end = usual;
	for (c = f->coming; c < usual; c++)
		stream_fetch_connection(f->streams, &c->stream);
	for (c = f->coming; c < usual; c++)
		stream_fetch_facts(f->streams, &c->stream);
	for (c = f->coming; c < usual; c++)
		__builtin_prefetch(link_to(f, c));
	for (c = f->coming; c < usual; c++)
		link_fetch(link_to(f, c), false);
}

static void feed_unexpected(struct feed *f, const struct capture_packet *p, unsigned share,
			    unsigned shares)
{
	struct packet_frame frame = { p->at, p->frame, p->link, p->wire_len, p->data };
	struct segment seg;
	struct icmp_note icmp;
	const char *why;
	enum packet_kind kind = packet_decode(f->decoder, &frame, &seg, &icmp, &why);
	switch (kind) {
	case PACKET_TCP:
		if (shares > 1 && share_of_pair(&seg.from, &seg.to, shares) != share)
			return;
		f->counts.tcp++;
		stream_segment(f->streams, &seg);
		break;
	case PACKET_ICMP:
		if (shares > 1 && share_of_pair(&icmp.from, &icmp.to, shares) != share)
			return;
		stream_icmp(f->streams, &icmp);
		break;
	case PACKET_BAD:
	case PACKET_OTHER:
		if (!is_mine_to_count(p, share, shares))
			return;
		f->counts.bad += kind == PACKET_BAD;
		f->counts.unknown_link += kind == PACKET_OTHER && !packet_knows_link(p->link);
		break;
	}
	f->counts.packets++;
}

void feed_packet(struct feed *f, const struct capture_packet *p, unsigned share, unsigned shares)
{
	note_time(f, p->at);
	const struct coming *c = f->expected;
	if (c == f->expected_end || c->segment.frame != p->frame) {
		feed_unexpected(f, p, share, shares);
		return;
	}
	f->expected++;
	f->counts.tcp++;
	f->counts.packets++;
	stream_take(f->streams, &c->segment, &c->stream);
}

void feed_segment(struct feed *f, const struct segment *seg)
{
	note_time(f, seg->at);
	f->counts.packets++;
	f->counts.tcp++;
	stream_segment(f->streams, seg);
	feed_until(f, seg->at, NULL);
	while (feed_end_next(f)) {
	}
}

void feed_note(struct feed *f, const struct icmp_note *note)
{
	note_time(f, note->at);
	f->counts.packets++;
	stream_icmp(f->streams, note);
}

static void settle(struct feed *f)
{
	if (f->now == NO_TIME ||
	    (f->settled_at != NO_TIME && f->now < f->settled_at + SETTLE_EVERY))
		return;
	f->settled_at = f->now;
	for (struct link *l = f->used; l; l = l->next) {
		observe_settle(l->talk, f->now - SETTLED_AFTER, f->now);
		struct exchange *x = observe_underway(l->talk);
		if (x && f->owner.underway)
			f->owner.underway(f->owner.context, x);
	}
}

void feed_until(struct feed *f, nanos at, const struct stream_crowd *crowd)
{
	note_time(f, at);
	f->until = f->now;
	settle(f);
	stream_until(f->streams, at, crowd);
}

bool feed_end_next(struct feed *f)
{
	enum { LINK = 4, SPEECH = 2 };
	const struct stream_watch *w = stream_ending(f->streams, LINK);
	if (w)
		fetch(w->user, sizeof(struct link));
	if ((w = stream_ending(f->streams, SPEECH)) && w->user)
		link_fetch(w->user, true);
	return stream_end_next(f->streams);
}

struct stream_crowd feed_crowd(const struct feed *f)
{
	return stream_crowd(f->streams);
}

uint64_t feed_last_frame(const struct feed *f)
{
	return f->last_frame;
}

void feed_over(struct feed *f, nanos at)
{
	note_time(f, at);
	stream_over(f->streams, at);
}

void feed_finish(struct feed *f)
{
	stream_finish(f->streams);
}

struct feed_counts feed_counts(const struct feed *f)
{
	struct feed_counts counts = f->counts;
	counts.streams = stream_counts(f->streams);
	return counts;
}
