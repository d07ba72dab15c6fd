/* What is known of a connection, put into its exchanges. */
#include "capture/feed_private.h"

#include <stdlib.h>
#include <string.h>

static const struct stream *stream_of(const struct link *l)
{
	return l->final ? l->final : stream_look(l->feed->streams, l->watch);
}

struct mark feed_mark(const struct stream_mark *m)
{
	if (m->frame == 0 && m->line == 0) /* the table's way to say that there was none */
		return NO_MARK;
	return (struct mark){ m->at, m->frame, m->line };
}

static int table_side(const struct link *l, enum trace_side side)
{
	return l->flip ? 1 - (int)side : (int)side;
}

void feed_set_ends(const struct feed *f, struct exchange *x, const struct address *client,
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

void feed_set_handshake(struct exchange *x, const struct stream *s, int client)
{
	x->syn = feed_mark(&s->sent[client].syn);
	x->syn_ack = feed_mark(&s->sent[1 - client].syn);
	x->syns = s->sent[client].syns;
	x->rtt = s->rtt;
	x->began_late = s->began_late;
	x->both_ways = s->both_ways;
	x->first = feed_mark(&s->first);
	if (mark_is(&x->syn))
		trace_add(x, EV_SYN, CLIENT, &x->syn, x->syns);
	if (mark_is(&x->syn_ack))
		trace_add(x, EV_SYN_ACK, PROXY, &x->syn_ack, 0);
}

void feed_set_icmp(struct exchange *x, const struct stream *s, bool flip)
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
	struct spent *spent = &l->spent[side];
#define SINCE(member, from) (p->member = s->from - spent->member, spent->member = s->from)
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
	p->stuck_first = feed_mark(&s->stuck_first);
	p->stuck_last = feed_mark(&s->stuck_last);
	p->small_passed = s->small_passed;
	p->hole = s->hole;
	p->hole_shown = feed_mark(&s->hole_shown);
	p->hole_beyond = s->hole_beyond;
	p->hole_dup_acks = s->hole_dup_acks;
	/* of the whole connection: a head that is cut counts before its exchange begins, and doubt
	   must not be left behind */
	p->missing = s->missing;
	p->unseen = s->unseen;
	p->zero_window_at_end = s->zero_window_since != NO_TIME;
	p->zero_window = feed_mark(&s->zero_window);
	p->zero_window_probes = s->zero_window_probes;
	p->first_large = feed_mark(&s->first_large);
	p->last_large = feed_mark(&s->last_large);
	p->first_data = feed_mark(&s->first_data);
	p->last_data = feed_mark(&s->last_data);
	p->fin = feed_mark(&s->fin);
	p->rst = feed_mark(&s->rst);
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
		struct mark m = feed_mark(&s->again[i].mark);
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
	feed_set_ends(l->feed, x, &s->side[client], &s->side[1 - client]);
	x->isn_known = s->isn_known;
	x->isn[CLIENT] = s->isn[client];
	x->isn[PROXY] = s->isn[1 - client];
	if (!l->begun) {
		feed_set_handshake(x, s, client);
	} else {
		x->rtt = s->rtt;
		x->both_ways = s->both_ways;
	}
	l->begun = true;
}

/* Its own where the connection goes on; else, and without memory, the feed's, of which nothing is
 * spent. */
static void open_spent(struct link *l)
{
	if (!l->spent && !l->final)
		l->spent = calloc(2, sizeof *l->spent);
	if (l->spent)
		return;
	l->spent = l->feed->spent;
	memset(l->spent, 0, 2 * sizeof *l->spent);
}

static void on_facts(void *context, struct exchange *x)
{
	struct link *l = context;
	const struct stream *s = stream_of(l);
	open_spent(l);
	for (int side = CLIENT; side <= PROXY; side++) {
		set_path(l, s, x, side);
		add_again(l, s, x, side);
	}
	if (!l->final && l->spent == l->feed->spent)
		l->spent = NULL;
	if (!l->final)
		stream_saw_again(l->feed->streams, l->watch);
	x->rtt = s->rtt;
	x->both_ways = s->both_ways;
	if (!x->next_began) {
		x->last = feed_mark(&s->last);
		feed_set_icmp(x, s, l->flip);
		for (int side = CLIENT; side <= PROXY; side++)
			add_path_events(x, side);
	}
	set_acked(x);
	x->frames = x->path[CLIENT].packets + x->path[PROXY].packets;
}

static bool on_glance(void *context, struct exchange *x)
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

const struct observe_owner FEED_OWNER = {
	.begin = on_begin, .facts = on_facts, .glance = on_glance, .done = on_done
};
