/* The table of connections: finding, beginning and ending them, and who is given up first.
 *
 * Each list has a clock that moves in stream_until alone: forward by the time that passed, in ticks
 * of 2^26 ns (67 ms), and not at all where the capture's clock went back; that of the closed ones
 * by no less than TICKS_LEAST where these are many. So a list is in
 * the order of its `touched`, and who is over depends on a connection's own packets and on what
 * stream_until said, not on who else is in the table. A connection moves to the end of its list
 * only when it stood there for a while, so most packets touch no list. */
#include "base/fetch.h"
#include "packet/stream_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_CONNECTIONS 1000000u
#define DEFAULT_KEPT        ((size_t)64 << 20)
#define DEFAULT_KEPT_EACH   ((size_t)256 << 10)
#define HALF_CLOSED_IDLE    (1800 * NANOS_PER_SECOND)

enum {
	PRINTS = 4096,
	FIRST_HEADS = 1024,
	MAX_CLOSED = 512,
	MAX_UNANSWERED = 4096,
	MAX_HALF = 1024,
	MAX_IDLE = 4096, /* those that are quiet too long cost little */
};
enum { TICK_SHIFT = 26, TICKS_CLOSED = 30, TICKS_LEAST = 3, TICKS_WAITING = 80, TICKS_MOVE = 8 };

/* A copy by the capture follows at once, or, where the packet itself tells that it is no
 * retransmission (IP id, timestamps), a while later. */
#define COPY_SOON (5 * NANOS_PER_MS)
#define COPY_LATE (200 * NANOS_PER_MS)

/* ---- hashing ---- */

static inline uint64_t mix(uint64_t x)
{
	x *= UINT64_C(0x9e3779b97f4a7c15);
	return x ^ x >> 32;
}

static inline uint64_t hash_end(const struct address *a, uint64_t seed)
{
	uint64_t high, low;
	memcpy(&high, a->ip, sizeof high);
	memcpy(&low, a->ip + 8, sizeof low);
	return mix(mix(low ^ seed) +
		   (high ^ (uint64_t)a->port << 40) * UINT64_C(0xff51afd7ed558ccd));
}

uint32_t stream_hash(const struct address *a, const struct address *b)
{
	return (uint32_t)mix(hash_end(a, 0) + hash_end(b, 0));
}

/* Who speaks to whom. Without a seed: the same file must give the same copies every time. */
static inline uint64_t way_of(const struct segment *seg)
{
	uint64_t from, to;
	memcpy(&from, seg->from.ip + 8, sizeof from);
	memcpy(&to, seg->to.ip + 8, sizeof to);
	uint64_t ports = (uint64_t)seg->from.port << 16 | seg->to.port;
	return (from * 3 + to) ^ ports << 20;
}

/* What a copy has in common with its original: all but TTL and link layer. */
static uint64_t print_of(const struct segment *seg)
{
	uint64_t x = mix(way_of(seg) ^ ((uint64_t)seg->seq << 32 | seg->ack));
	x = mix(x + ((uint64_t)seg->ip_id << 48 | (uint64_t)seg->window << 32 | seg->payload_len));
	x = mix(x + ((uint64_t)seg->tsval << 32 | seg->tsecr));
	for (unsigned i = 0; i < seg->sack_count && i < PACKET_MAX_SACK; i++)
		x = mix(x + ((uint64_t)seg->sack[i].left << 32 | seg->sack[i].right));
	return mix(x + seg->flags) | 1; /* never 0, which is an empty place */
}

static bool is_copy(struct print *p, uint64_t print, const struct segment *seg)
{
	if (seg->at == NO_TIME || (seg->has & (SEGMENT_NO_SEQ | SEGMENT_NO_LENGTH)))
		return false;
	if (p->print != print) {
		*p = (struct print){ print, seg->at };
		return false;
	}
	nanos later = span(seg->at, p->at);
	nanos limit = seg->ip_id || (seg->has & SEGMENT_TIMESTAMP) ? COPY_LATE : COPY_SOON;
	bool no_time = (seg->has & SEGMENT_TEXT) && later == 0;
	if (!no_time && later < limit && later > -limit)
		return true;
	p->at = seg->at;
	return false;
}

/* ---- lists ---- */

static void queue_remove(struct stream_table *t, const struct conn *c)
{
	struct queue *q = &t->queues[c->state];
	const struct place *p = &t->places[c->number];
	if (p->prev)
		t->places[p->prev].next = p->next;
	else
		q->first = p->next;
	if (p->next)
		t->places[p->next].prev = p->prev;
	else
		q->last = p->prev;
	q->count--;
}

static void queue_append(struct stream_table *t, const struct conn *c)
{
	struct queue *q = &t->queues[c->state];
	struct place *p = &t->places[c->number];
	p->touched = t->clock[c->state];
	p->prev = q->last;
	p->next = 0;
	if (q->last)
		t->places[q->last].next = c->number;
	else
		q->first = c->number;
	q->last = c->number;
	q->count++;
}

static void queue_move(struct stream_table *t, struct conn *c, enum conn_state to)
{
	queue_remove(t, c);
	c->state = (uint8_t)to;
	queue_append(t, c);
}

void conn_go(struct stream_table *t, struct conn *c, enum conn_state to)
{
	if (c->state != to)
		queue_move(t, c, to);
}

/* ---- the hash table: chains of numbers ---- */

static bool same_address(const struct address *a, const struct address *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static struct conn *find(const struct stream_table *t, uint32_t hash, const struct address *from,
			 const struct address *to, int *ret_side)
{
	for (uint32_t n = t->heads[hash & t->mask]; n; n = t->places[n].chain) {
		if (t->places[n].hash != hash)
			continue;
		struct conn *c = conn_at(t, n);
		bool client = same_address(from, &c->side[0]) && same_address(to, &c->side[1]);
		if (client || (same_address(from, &c->side[1]) && same_address(to, &c->side[0]))) {
			*ret_side = client ? 0 : 1;
			return c;
		}
	}
	return NULL;
}

static void grow_heads(struct stream_table *t)
{
	uint32_t size = (t->mask + 1) * 2;
	uint32_t *heads = calloc(size, sizeof *heads);
	if (!heads)
		return; /* longer chains, then */
	for (uint32_t i = 0; i <= t->mask; i++) {
		for (uint32_t n = t->heads[i], next; n; n = next) {
			struct place *p = &t->places[n];
			next = p->chain;
			p->chain = heads[p->hash & (size - 1)];
			heads[p->hash & (size - 1)] = n;
		}
	}
	free(t->heads);
	t->heads = heads;
	t->mask = size - 1;
}

static void unlink_hash(struct stream_table *t, uint32_t number)
{
	uint32_t *link = &t->heads[t->places[number].hash & t->mask];
	while (*link != number)
		link = &t->places[*link].chain;
	*link = t->places[number].chain;
}

static bool grow_places(struct stream_table *t)
{
	uint32_t room = t->place_room ? t->place_room * 2 : FIRST_HEADS;
	struct place *grown = realloc(t->places, room * sizeof *grown);
	if (!grown)
		return false;
	t->places = grown;
	t->place_room = room;
	return true;
}

/* A new connection at the head of its chain; 0: out of memory. */
static uint32_t take_number(struct stream_table *t, uint32_t hash)
{
	uint32_t number = slab_take(&t->conns);
	if (number == 0)
		return 0;
	if (number >= t->place_room && !grow_places(t)) {
		slab_give(&t->conns, number);
		return 0;
	}
	if (t->counts.live > t->mask)
		grow_heads(t);
	t->places[number].hash = hash;
	t->places[number].chain = t->heads[hash & t->mask];
	t->heads[hash & t->mask] = number;
	return number;
}

/* ---- ends ---- */

static void end_conn(struct stream_table *t, struct conn *c, enum stream_end why)
{
	uint32_t number = c->number;
	if (c->state == CONN_CLOSED && why != STREAM_REUSED)
		why = STREAM_CLOSED;
	struct full *f = full_of(t, c);
	if (f) {
		const struct stream *s = facts_end(t, c, f);
		t->on.end(t->on.context, f->watched ? &f->w : NULL, s, why);
		note_demote(t, c);
	} else {
		note_view(t, c, &t->view);
		t->viewed = 0;
		t->on.end(t->on.context, NULL, &t->view, why);
	}
	t->counts.evicted += why == STREAM_EVICTED;
	if (c->icmp)
		slab_give(&t->icmps, c->icmp);
	if (c->talk)
		slab_give(&t->talks, c->talk);
	queue_remove(t, c);
	unlink_hash(t, number);
	slab_give(&t->conns, number);
	t->counts.live--;
}

static nanos idle_limit(const struct stream_table *t, enum conn_state state)
{
	if (state == CONN_CLOSED)
		return (nanos)TICKS_CLOSED << TICK_SHIFT;
	if (state == CONN_NEW)
		return t->limits.unanswered;
	bool half = state == CONN_HALF && HALF_CLOSED_IDLE < t->limits.idle;
	return half ? HALF_CLOSED_IDLE : t->limits.idle;
}

/* Was it quiet for too long, by its own packets? */
static bool was_idle(const struct stream_table *t, const struct conn *c, nanos now)
{
	return c->last.at != NO_TIME && now != NO_TIME &&
	       span(now, c->last.at) > idle_limit(t, c->state);
}

/* For how many ticks one of that list must be quiet to be over. What is idle is so by its own
 * packets, or the end of the observation, whatever the clock of others does meanwhile; only where
 * there are many of them are they given up before. Who waits for an answer tries again after 1, 2,
 * 4, ... 64 s. */
static uint32_t patience(const struct stream_table *t, enum conn_state state, uint32_t count)
{
	uint32_t half = t->limits.max_connections / 2;
	nanos idle = (idle_limit(t, state) >> TICK_SHIFT) + 1;
	if (state == CONN_CLOSED)
		return TICKS_CLOSED;
	if (state == CONN_HALF && count > MAX_HALF)
		return TICKS_WAITING;
	if (state == CONN_NEW && count > MAX_UNANSWERED)
		return count > MAX_UNANSWERED * 2 ? TICKS_WAITING : TICKS_WAITING * 16;
	if (state == CONN_NEW && t->limits.unanswered < t->limits.idle)
		return (uint32_t)idle;
	return count > (half < MAX_IDLE ? half : MAX_IDLE) && idle < INT32_MAX ? (uint32_t)idle
									       : UINT32_MAX;
}

static bool has_room_to_end(struct stream_table *t)
{
	if (t->endings < t->ending_room)
		return true;
	size_t room = t->ending_room ? t->ending_room * 2 : 256;
	struct ending *grown = realloc(t->ending, room * sizeof *grown);
	if (!grown)
		return false;
	t->ending = grown;
	t->ending_room = room;
	return true;
}

/* Its list's clock stood still since the last border: it may have been quiet for less. */
static bool was_lately(const struct stream_table *t, const struct conn *c, uint32_t quiet)
{
	nanos since = span(t->until, c->last.at);
	return t->until != NO_TIME && c->last.at != NO_TIME && since >= 0 &&
	       since >> TICK_SHIFT < quiet;
}

/* The first so many of a list are over; without memory they end in the order of the list. */
static void doom(struct stream_table *t, enum conn_state state, uint32_t quiet, bool over)
{
	uint32_t next;
	for (uint32_t n = t->queues[state].first; n; n = next) {
		next = t->places[n].next;
		if (!over && t->clock[state] - t->places[n].touched < quiet)
			return;
		struct conn *c = conn_at(t, n);
		bool crowd = state == CONN_CLOSED && t->crowded;
		if (!over && !crowd && was_lately(t, c, quiet))
			continue;
		enum stream_end why = over && !was_idle(t, c, t->until) ? STREAM_OVER : STREAM_IDLE;
		if (has_room_to_end(t))
			t->ending[t->endings++] = (struct ending){ c->last.place, n, why };
		else
			end_conn(t, c, why);
	}
}

/* By the last packet. They come nearly in that order, and calling a comparison would cost more than
 * all else (Shell's sort, gaps by Ciura). */
static void sort_endings(struct stream_table *t)
{
	static const size_t gaps[] = { 1968449, 787379, 314951, 125980, 50392, 20157,
				       8063,    3225,   1290,   516,    301,   132,
				       57,      23,     10,     4,      1 };
	struct ending *e = t->ending;
	for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++) {
		size_t gap = gaps[g];
		for (size_t i = gap; i < t->endings; i++) {
			struct ending moving = e[i];
			size_t to = i;
			for (; to >= gap && e[to - gap].place > moving.place; to -= gap)
				e[to] = e[to - gap];
			e[to] = moving;
		}
	}
}

/* Makes room: a closed one, or the idlest of the others. */
static bool evict(struct stream_table *t)
{
	uint32_t idlest = t->queues[CONN_CLOSED].first;
	for (unsigned state = CONN_NEW; state < CONN_CLOSED && !t->queues[CONN_CLOSED].first;
	     state++) {
		uint32_t first = t->queues[state].first;
		if (first &&
		    (!idlest || ahead(t->places[first].touched, t->places[idlest].touched) < 0))
			idlest = first;
	}
	if (!idlest)
		return false;
	end_conn(t, conn_at(t, idlest), STREAM_EVICTED);
	return true;
}

/* ---- beginnings ---- */

/* Who is the client, where no SYN says so: the higher port. */
static bool from_client(const struct segment *seg)
{
	if (seg->flags & TCP_SYN)
		return !(seg->flags & TCP_ACK);
	return seg->from.port >= seg->to.port;
}

static struct conn *begin(struct stream_table *t, const struct segment *seg, uint32_t hash,
			  int *ret_side)
{
	if ((seg->flags & TCP_RST) && seg->payload_len == 0)
		return NULL; /* a lone reset is no connection */
	if (t->counts.live >= t->limits.max_connections)
		evict(t);
	uint32_t number = take_number(t, hash);
	if (!number && evict(t))
		number = take_number(t, hash);
	if (!number)
		return NULL;
	struct conn *c = conn_at(t, number);
	bool client = from_client(seg);
	*c = (struct conn){ .number = number, .established_at = NO_TIME };
	c->side[!client] = seg->from;
	c->side[client] = seg->to;
	c->first = pin_of(seg);
	c->state = seg->flags & TCP_SYN ? CONN_NEW : CONN_OPEN;
	c->flags = seg->flags & TCP_SYN ? 0 : CONN_LATE;
	queue_append(t, c);
	t->counts.connections++;
	if (++t->counts.live > t->counts.peak_live)
		t->counts.peak_live = t->counts.live;
	*ret_side = !client;
	return c;
}

static bool syn_begins_anew(const struct conn *c, int side, const struct segment *seg)
{
	const struct half *h = &c->half[side];
	if (h->flags & HALF_SYN) {
		if (h->isn == seg->seq)
			return false;
		if (c->state != CONN_OPEN || c->last.at == NO_TIME)
			return true;
		nanos quiet = span(seg->at, c->last.at);
		return quiet >= NANOS_PER_SECOND || quiet < -NANOS_PER_SECOND;
	}
	if (c->state == CONN_CLOSED)
		return true;
	/* Its first packets may only have been written to the file in the wrong order. */
	return (h->flags & HALF_SEEN) && h->next - (uint32_t)h->bytes != seg->seq + 1;
}

static bool synack_begins_anew(const struct conn *c, int side, const struct segment *seg)
{
	const struct half *h = &c->half[side], *peer = &c->half[!side];
	if ((h->flags & HALF_SYN) && h->isn == seg->seq)
		return false;
	bool ours = (peer->flags & HALF_SYN) && seg->ack == peer->isn + 1;
	if (c->state == CONN_CLOSED)
		return !ours;
	bool other = (c->flags & CONN_ALT) && !!(c->flags & CONN_ALT_SIDE) != side;
	return other && !ours && seg->ack == c->alt_isn + 1;
}

/* Does this SYN belong to another connection between the same ports? */
static bool begins_anew(const struct conn *c, int side, const struct segment *seg)
{
	if (seg->flags & TCP_RST)
		return false;
	return seg->flags & TCP_ACK ? synack_begins_anew(c, side, seg)
				    : syn_begins_anew(c, side, seg);
}

static void mend_talk(struct talk *k)
{
	struct talk was = *k;
	memcpy(k->early[0], was.early[1], sizeof k->early[0]);
	memcpy(k->early[1], was.early[0], sizeof k->early[1]);
	for (int side = 0; side < 2; side++) {
		k->data[side] = was.data[!side];
		k->fin[side] = was.fin[!side];
		k->rst[side] = was.rst[!side];
	}
}

/* The ports had to tell who is the client, and a SYN knows better. */
static int mend_sides(struct stream_table *t, struct conn *c, int side, const struct segment *seg)
{
	int should = seg->flags & TCP_ACK ? 1 : 0;
	bool known = (c->half[0].flags | c->half[1].flags) & HALF_SYN;
	if (should == side || known || c->full || !(c->flags & CONN_LATE) ||
	    (c->flags & CONN_DECIDED))
		return side;
	struct address a = c->side[0];
	c->side[0] = c->side[1];
	c->side[1] = a;
	struct half h = c->half[0];
	c->half[0] = c->half[1];
	c->half[1] = h;
	if (c->talk)
		mend_talk(talk_of(t, c));
	return should;
}

/* ---- one segment ---- */

static struct range range_of(const struct conn *c, int side, const struct segment *seg)
{
	uint32_t len = seg->payload_len;
	if (seg->has & SEGMENT_NO_LENGTH ||
	    ((seg->has & SEGMENT_TEXT) && seg->payload.len > len && seg->payload.len < SEQ_REACH))
		len = (uint32_t)seg->payload.len;
	if (len >= SEQ_REACH)
		len = 0;
	uint32_t start = seg->seq + !!(seg->flags & TCP_SYN);
	if (seg->has & SEGMENT_NO_SEQ)
		start = c->half[side].next;
	return (struct range){ start, start + len, slice_first(seg->payload, len) };
}

/* First bytes: is it to be watched? The `full` if so, or if they came out of order so that one
 * can't ask yet. */
static struct full *consider(struct stream_table *t, struct conn *c, int side,
			     const struct range *r)
{
	enum { MAX_UNDECIDED = 1024 };
	struct half *h = &c->half[side];
	int32_t jump = ahead(r->start, h->next);
	if (jump > 0 && jump < SEQ_REACH && t->undecided < MAX_UNDECIDED) {
		struct full *f = note_promote(t, c);
		t->undecided += f != NULL;
		return f;
	}
	if (jump > 0)
		h->early_len = 0; /* a hole, and no room to wait for what belongs there */
	if (ahead(r->end, h->next) <= 0)
		return NULL;
	uint32_t old = jump < 0 ? (uint32_t)-jump : 0;
	uint8_t before = h->early_len;
	if (jump > 0 || note_ask(t, c, side, slice_from(r->bytes, old), r->end - r->start - old) !=
				STREAM_WATCH)
		return NULL;
	struct full *f = note_promote(t, c);
	if (!f)
		return NULL;
	f->watched = true;
	note_tell_early(t, c, !side, c->half[!side].early_len);
	note_tell_early(t, c, side, before);
	return f;
}

static void tell_segment(struct stream_table *t, struct full *f, int side,
			 const struct segment *seg)
{
	if (f->watched && t->on.segment)
		t->on.segment(t->on.context, &f->w, side, seg);
}

/* What the acknowledgement says of the other side's bytes. */
static void follow_ack(struct stream_table *t, struct conn *c, struct full *f, int side,
		       uint32_t before, const struct segment *seg)
{
	struct half *peer = &c->half[!side];
	if (!(peer->flags & HALF_ACKED) || peer->acked == before)
		return;
	facts_acked(t, c, f, !side, peer->acked, seg->at);
	if ((peer->flags & HALF_SEEN) && !(c->flags & CONN_TEXT))
		order_show(t, c, f, !side, peer->acked, seg);
}

static void settle(struct stream_table *t, struct conn *c, struct full *f, nanos now)
{
	bool busy = !f->watched;
	for (int side = 0; side < 2; side++) {
		if (has_hole(&f->track[side]))
			order_settle(t, c, f, side, now, false);
		const struct woes *w = woes_of(&f->track[side]);
		busy |= w->first || w->zero_window_since != NO_TIME;
	}
	f->busy = busy;
	if ((c->flags & CONN_DECIDED) && !f->watched)
		note_demote(t, c);
}

static bool is_probe(struct stream_table *t, struct conn *c, struct full *f, int side,
		     const struct segment *seg, const struct range *r)
{
	const struct half *h = &c->half[side];
	uint32_t len = r->end - r->start;
	if (len > 1 || (seg->flags & (TCP_SYN | TCP_FIN | TCP_RST)) || !(seg->flags & TCP_ACK) ||
	    (c->flags & CONN_TEXT) || has_hole(&f->track[side]))
		return false;
	struct track *tr = &f->track[side];
	bool zero = woes_of(tr)->zero_window_since != NO_TIME;
	bool old = r->start == h->next - 1;
	bool acked = !(h->flags & HALF_ACKED) || ahead(h->acked, h->next) >= 0;
	if (zero && (old || r->start == h->acked - 1)) {
		tr->woes->zero_window_probes++;
		return true;
	}
	if (zero && len == 1 && r->start == h->next) {
		tr->woes->zero_window_probes++;
		tr->woes->probe_byte = true;
		return false; /* its byte is as good as any */
	}
	if (old && acked)
		facts_woes(t, tr)->keepalives++;
	return old && acked;
}

static void follow_slow(struct stream_table *t, struct conn *c, struct full *f, int side,
			const struct segment *seg, const struct range *r, uint32_t acked_before,
			unsigned news)
{
	facts_control(t, c, f, side, seg, acked_before);
	follow_ack(t, c, f, side, acked_before, seg);
	bool probe = is_probe(t, c, f, side, seg, r);
	bool data = r->end != r->start && !probe;
	if (news || data)
		tell_segment(t, f, side, seg);
	if (data)
		order_segment(t, c, f, side, seg, r);
	else if (!probe && !(seg->flags & (TCP_RST | TCP_SYN)) && !(c->flags & CONN_TEXT))
		order_show(t, c, f, side, r->start, seg);
	settle(t, c, f, seg->at);
}

/* Nothing to see here: the next bytes, or a plain acknowledgement. */
static bool is_plain(const struct full *f, const struct half *h, const struct segment *seg,
		     const struct range *r)
{
	return !f->busy && (seg->flags & ~TCP_PSH) == TCP_ACK && r->start == h->next &&
	       seg->sack_count == 0 && !(seg->has & SEGMENT_TEXT) && seg->window != 0 &&
	       !(h->flags & HALF_FIN);
}

static void follow(struct stream_table *t, struct conn *c, struct full *f, int side,
		   const struct segment *seg, const struct range *r)
{
	struct half *h = &c->half[side], *peer = &c->half[!side];
	bool plain = is_plain(f, h, seg, r);
	uint32_t acked_before = peer->acked;
	unsigned news = 0;
	if (!plain || !note_plain(c, side, seg, r))
		news = note_segment(t, c, side, seg, r);
	if (!plain || ahead(peer->acked, peer->next) > 0) {
		follow_slow(t, c, f, side, seg, r, acked_before, news);
		return;
	}
	f->track[side].window = seg->window;
	facts_window(c, f, side, seg);
	if (peer->acked != acked_before)
		facts_acked(t, c, f, !side, peer->acked, seg->at);
	if (r->end != r->start) {
		tell_segment(t, f, side, seg);
		order_segment(t, c, f, side, seg, r);
	}
}

static void take(struct stream_table *t, struct conn *c, int side, const struct segment *seg)
{
	struct range r = range_of(c, side, seg);
	struct full *f = full_of(t, c);
	if (f) {
		follow(t, c, f, side, seg, &r);
		return;
	}
	bool data = r.end != r.start;
	bool first = !(c->half[side].flags & HALF_DATA) && r.start == c->half[side].next;
	unsigned news = note_segment(t, c, side, seg, &r);
	if (data && !(c->flags & CONN_DECIDED))
		f = consider(t, c, side, &r);
	else if (data && first && !(c->flags & CONN_LATE))
		note_answer(t, c, side, r.bytes);
	if (!f) {
		note_advance(&c->half[side], &r);
		return;
	}
	follow_slow(t, c, f, side, seg, &r, c->half[!side].acked, news);
}

static void note_copy(struct stream_table *t, struct conn *c, int side)
{
	t->counts.copies++;
	struct full *f = c ? full_of(t, c) : NULL;
	if (f)
		f->track[side].copies++;
	else if (c && c->half[side].copies < UINT16_MAX)
		c->half[side].copies++;
}

/* ---- what will be touched ---- */

void stream_expect(const struct stream_table *t, const struct segment *seg,
		   struct stream_coming *ret_coming)
{
	uint64_t from = hash_end(&seg->from, t->seed), to = hash_end(&seg->to, t->seed);
	struct stream_coming c = { .hash = (uint32_t)mix(from + to), .print = print_of(seg) };
	__builtin_prefetch(&t->heads[c.hash & t->mask]);
	__builtin_prefetch(&t->prints[c.print >> 32 & (PRINTS - 1)], 1);
	*ret_coming = c;
}

/* Most are the first of their chain. */
void stream_fetch_connection(const struct stream_table *t, struct stream_coming *c)
{
	c->number = t->heads[c->hash & t->mask];
	if (!c->number)
		return;
	__builtin_prefetch(&t->places[c->number], 1);
	fetch(conn_at(t, c->number), offsetof(struct conn, first));
}

static void fetch_facts(const struct stream_table *t, uint32_t number, size_t len)
{
	const struct full *f = number ? full_of(t, conn_at(t, number)) : NULL;
	if (f)
		fetch(f, len);
}

void stream_fetch_facts(const struct stream_table *t, const struct stream_coming *c)
{
	fetch_facts(t, c->number, offsetof(struct full, flight) + sizeof(struct flight));
}

static const struct stream_watch *watch_of(const struct stream_table *t, uint32_t number)
{
	const struct full *f = number ? full_of(t, conn_at(t, number)) : NULL;
	return f && f->watched ? &f->w : NULL;
}

const struct stream_watch *stream_ending(const struct stream_table *t, unsigned later)
{
	size_t at = t->ended + later;
	return at < t->endings ? watch_of(t, t->ending[at].number) : NULL;
}

static void fetch_ending(const struct stream_table *t, size_t at)
{
	enum { CONN_AHEAD = 8, FACTS_AHEAD = 5 };
	if (at + CONN_AHEAD < t->endings)
		fetch(conn_at(t, t->ending[at + CONN_AHEAD].number), sizeof(struct conn));
	if (at + FACTS_AHEAD >= t->endings)
		return;
	uint32_t number = t->ending[at + FACTS_AHEAD].number;
	const struct talk *k = talk_of(t, conn_at(t, number));
	if (k)
		fetch(k, sizeof *k);
	fetch_facts(t, number, sizeof(struct full));
}

/* ---- one segment, placed ---- */

void stream_take(struct stream_table *t, const struct segment *seg,
		 const struct stream_coming *known)
{
	assert(t->endings == 0);
	t->viewed = 0;
	uint32_t hash = known->hash;
	uint64_t print = known->print;
	struct print *lately = &t->prints[print >> 32 & (PRINTS - 1)];
	int side = 0;
	struct conn *c = find(t, hash, &seg->from, &seg->to, &side);
	if (is_copy(lately, print, seg)) {
		note_copy(t, c, side);
		return;
	}
	if (c && (seg->flags & TCP_SYN) && begins_anew(c, side, seg)) {
		end_conn(t, c, STREAM_REUSED);
		c = NULL;
	}
	if (c && was_idle(t, c, seg->at)) {
		end_conn(t, c, STREAM_IDLE);
		c = NULL;
	}
	if (!c)
		c = begin(t, seg, hash, &side);
	else if (seg->flags & TCP_SYN)
		side = mend_sides(t, c, side, seg);
	if (!c)
		return;
	if (c->state != CONN_CLOSED &&
	    t->clock[c->state] - t->places[c->number].touched > TICKS_MOVE)
		queue_move(t, c, c->state);
	take(t, c, side, seg);
}

void stream_segment(struct stream_table *t, const struct segment *seg)
{
	struct stream_coming c;
	stream_expect(t, seg, &c);
	stream_take(t, seg, &c);
}

/* ---- ICMP ---- */

static struct icmp_seen *take_icmp(struct stream_table *t, struct conn *c)
{
	if (!c->icmp) {
		c->icmp = slab_take(&t->icmps);
		if (c->icmp)
			*icmp_of(t, c) = (struct icmp_seen){ 0 };
	}
	return icmp_of(t, c);
}

static bool is_icmp_copy(const struct icmp_seen *seen, const struct icmp_note *note)
{
	nanos later = span(note->at, seen->last.at);
	return seen->count && later < COPY_SOON && later > -COPY_SOON &&
	       seen->last.kind == note->kind && seen->last.seq == note->seq &&
	       seen->last.ip_len == note->ip_len &&
	       address_same_host(&seen->last.router, &note->router);
}

void stream_icmp(struct stream_table *t, const struct icmp_note *note)
{
	uint64_t from = hash_end(&note->from, t->seed), to = hash_end(&note->to, t->seed);
	int side;
	struct conn *c = find(t, (uint32_t)mix(from + to), &note->from, &note->to, &side);
	struct icmp_seen *seen = c ? take_icmp(t, c) : NULL;
	if (!seen || is_icmp_copy(seen, note))
		return;
	if (seen->count == 0 || (note->kind == ICMP_TOO_BIG && seen->first.kind != ICMP_TOO_BIG))
		seen->first = *note;
	seen->last = *note;
	seen->count++;
}

/* ---- the table ---- */

struct stream_table *stream_table_new(const struct stream_limits *limits,
				      const struct stream_callbacks *callbacks)
{
	struct stream_table *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	assert(callbacks->wish && callbacks->data && callbacks->gap && callbacks->end);
	t->on = *callbacks;
	t->limits = limits ? *limits : (struct stream_limits){ 0 };
	if (!t->limits.max_connections)
		t->limits.max_connections = DEFAULT_CONNECTIONS;
	if (!t->limits.max_kept)
		t->limits.max_kept = DEFAULT_KEPT;
	if (!t->limits.max_kept_each)
		t->limits.max_kept_each = DEFAULT_KEPT_EACH;
	if (t->limits.idle <= 0)
		t->limits.idle = STREAM_IDLE_LIMIT;
	if (t->limits.unanswered <= 0 || t->limits.unanswered > t->limits.idle)
		t->limits.unanswered = t->limits.idle;
	slab_init(&t->conns, sizeof(struct conn));
	slab_init(&t->talks, sizeof(struct talk));
	slab_init(&t->fulls, sizeof(struct full));
	slab_init(&t->icmps, sizeof(struct icmp_seen));
	t->mask = FIRST_HEADS - 1;
	t->heads = calloc(FIRST_HEADS, sizeof *t->heads);
	t->prints = calloc(PRINTS, sizeof *t->prints);
	t->until = NO_TIME;
	t->seed = mix((uintptr_t)t); /* nobody outside can choose chains */
	for (int side = 0; side < 2; side++)
		t->view.sent[side].zero_window_since = NO_TIME;
	if (t->heads && t->prints)
		return t;
	stream_table_free(t);
	return NULL;
}

void stream_table_free(struct stream_table *t)
{
	if (!t)
		return;
	for (unsigned state = 0; state < CONN_STATES; state++)
		for (uint32_t n = t->queues[state].first; n; n = t->places[n].next)
			if (conn_at(t, n)->full)
				order_drop(t, full_of(t, conn_at(t, n)));
	slab_done(&t->conns);
	slab_done(&t->talks);
	slab_done(&t->fulls);
	slab_done(&t->icmps);
	free(t->places);
	free(t->ending);
	free(t->heads);
	free(t->prints);
	free(t);
}

struct stream_crowd stream_crowd(const struct stream_table *t)
{
	return (struct stream_crowd){ .unanswered = t->queues[CONN_NEW].count,
				      .open = t->queues[CONN_OPEN].count,
				      .half = t->queues[CONN_HALF].count,
				      .closed = t->queues[CONN_CLOSED].count };
}

static void move_clocks(struct stream_table *t, nanos at)
{
	uint32_t ticks = 0;
	if (at != NO_TIME && t->until != NO_TIME && span(at, t->until) > 0) {
		nanos passed = (at >> TICK_SHIFT) - (t->until >> TICK_SHIFT);
		ticks = passed < INT32_MAX / 2 ? (uint32_t)passed : INT32_MAX / 2;
	}
	for (unsigned state = 0; state < CONN_CLOSED; state++)
		t->clock[state] += ticks;
	uint32_t least = t->crowded ? TICKS_LEAST : 0;
	t->clock[CONN_CLOSED] += ticks > least ? ticks : least;
	t->until = at != NO_TIME ? at : t->until;
}

void stream_until(struct stream_table *t, nanos at, const struct stream_crowd *crowd)
{
	struct stream_crowd own = stream_crowd(t);
	const struct stream_crowd *all = crowd ? crowd : &own;
	const uint32_t count[] = { [CONN_NEW] = all->unanswered,
				   [CONN_OPEN] = all->open,
				   [CONN_HALF] = all->half,
				   [CONN_CLOSED] = all->closed };
	while (stream_end_next(t)) {
	}
	t->crowded = all->closed > MAX_CLOSED;
	if (t->crowded) /* before its clock moves on: those that closed just now stay */
		doom(t, CONN_CLOSED, TICKS_CLOSED, false);
	move_clocks(t, at);
	for (unsigned state = 0; state < (t->crowded ? CONN_CLOSED : CONN_STATES); state++)
		doom(t, state, patience(t, state, count[state]), false);
	sort_endings(t);
}

bool stream_end_next(struct stream_table *t)
{
	if (t->ended == t->endings)
		return false;
	fetch_ending(t, t->ended);
	const struct ending *e = &t->ending[t->ended++];
	end_conn(t, conn_at(t, e->number), e->why);
	if (t->ended == t->endings)
		t->ended = t->endings = 0;
	return true;
}

void stream_over(struct stream_table *t, nanos at)
{
	while (stream_end_next(t)) {
	}
	t->until = at != NO_TIME ? at : t->until;
	for (unsigned state = 0; state < CONN_STATES; state++)
		doom(t, state, 0, true);
	sort_endings(t);
}

void stream_finish(struct stream_table *t)
{
	stream_over(t, NO_TIME);
	while (stream_end_next(t)) {
	}
}

const struct stream *stream_look(struct stream_table *t, const struct stream_watch *w)
{
	return facts_look(t, conn_at(t, ((const struct full *)w)->conn));
}

const struct stream *stream_glance(struct stream_table *t, const struct stream_watch *w)
{
	return facts_glance(t, conn_at(t, ((const struct full *)w)->conn));
}

void stream_ignore(struct stream_table *t, struct stream_watch *w)
{
	(void)t;
	((struct full *)w)->ignored = true; /* what is kept goes as it comes to its turn */
}

void stream_saw_again(struct stream_table *t, struct stream_watch *w)
{
	struct full *f = (struct full *)w;
	(void)t;
	for (int side = 0; side < 2; side++)
		if (f->track[side].woes)
			f->track[side].woes->agains = 0;
}

struct stream_counts stream_counts(const struct stream_table *t)
{
	return t->counts;
}
