/* The table of connections: its door. Copies are told from packets, and each packet goes to the
 * connection it is of; what will be touched is fetched before. */
#include "base/fetch.h"
#include "packet/stream_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_CONNECTIONS 1000000u
#define DEFAULT_KEPT        ((size_t)64 << 20)
#define DEFAULT_KEPT_EACH   ((size_t)256 << 10)

enum { PRINTS = 4096 };

/* A copy by the capture follows at once, or, where the packet itself tells that it is no
 * retransmission (IP id, timestamps), a while later. */
#define COPY_SOON (5 * NANOS_PER_MS)
#define COPY_LATE (200 * NANOS_PER_MS)

/* ---- copies ---- */

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

/* ---- what will be touched ---- */

void stream_expect(const struct stream_table *t, const struct segment *seg,
		   struct stream_coming *ret_coming)
{
	struct stream_coming c = { .hash = find_hash(t, &seg->from, &seg->to),
				   .print = print_of(seg) };
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

void stream_fetch_facts(const struct stream_table *t, const struct stream_coming *c)
{
	const struct full *f = c->number ? full_of(t, conn_at(t, c->number)) : NULL;
	if (f)
		fetch(f, offsetof(struct full, flight) + sizeof(struct flight));
}

/* ---- one segment ---- */

void stream_take(struct stream_table *t, const struct segment *seg,
		 const struct stream_coming *known)
{
	assert(t->endings == 0);
	t->viewed = 0;
	uint32_t hash = known->hash;
	uint64_t print = known->print;
	struct print *lately = &t->prints[print >> 32 & (PRINTS - 1)];
	int side = 0;
	if (is_copy(lately, print, seg)) {
		t->counts.copies++;
		return;
	}
	struct conn *c = find_conn(t, hash, &seg->from, &seg->to, &side);
	if (c && (seg->flags & TCP_SYN) && find_is_anew(c, side, seg)) {
		end_conn(t, c, STREAM_REUSED);
		c = NULL;
	}
	if (c && end_was_idle(t, c, seg->at)) {
		end_conn(t, c, STREAM_IDLE);
		c = NULL;
	}
	if (!c)
		c = find_begin(t, seg, hash, &side);
	else if (seg->flags & TCP_SYN)
		side = find_mend_sides(t, c, side, seg);
	if (!c)
		return;
	conn_touch(t, c);
	follow_segment(t, c, side, seg);
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
	int side;
	uint32_t hash = find_hash(t, &note->from, &note->to);
	struct conn *c = find_conn(t, hash, &note->from, &note->to, &side);
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
	t->prints = calloc(PRINTS, sizeof *t->prints);
	t->until = NO_TIME;
	for (int side = 0; side < 2; side++)
		t->view.sent[side].zero_window_since = NO_TIME;
	if (find_init(t) && t->prints)
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

const struct stream *stream_look(struct stream_table *t, const struct stream_watch *w)
{
	return look_now(t, conn_at(t, ((const struct full *)w)->conn));
}

const struct stream *stream_glance(struct stream_table *t, const struct stream_watch *w)
{
	return look_glance(t, conn_at(t, ((const struct full *)w)->conn));
}

void stream_ignore(struct stream_watch *w)
{
	((struct full *)w)->ignored = true; /* what is kept goes as it comes to its turn */
}

void stream_saw_again(struct stream_watch *w)
{
	struct full *f = (struct full *)w;
	for (int side = 0; side < 2; side++)
		if (f->track[side].woes)
			f->track[side].woes->agains = 0;
}

struct stream_counts stream_counts(const struct stream_table *t)
{
	return t->counts;
}
