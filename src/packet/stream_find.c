/* Finding and beginning connections: a hash table, of chains of numbers, and whose a packet is. */
#include "packet/stream_private.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_HEADS = 1024 };

/* ---- hashing ---- */

uint32_t stream_hash(const struct address *a, const struct address *b)
{
	return (uint32_t)mix(hash_end(a, 0) + hash_end(b, 0));
}

bool find_init(struct stream_table *t)
{
	t->mask = FIRST_HEADS - 1;
	t->heads = calloc(FIRST_HEADS, sizeof *t->heads);
	t->seed = mix((uintptr_t)t); /* nobody outside can choose chains */
	return t->heads != NULL;
}

/* ---- the table ---- */

static bool same_address(const struct address *a, const struct address *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

struct conn *find_conn(const struct stream_table *t, uint32_t hash, const struct address *from,
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

void find_forget(struct stream_table *t, uint32_t number)
{
	uint32_t *link = &t->heads[t->places[number].hash & t->mask];
	while (*link != number)
		link = &t->places[*link].chain;
	*link = t->places[number].chain;
	slab_give(&t->conns, number);
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

/* ---- beginnings ---- */

/* Who is the client, where no SYN says so: the higher port. */
static bool from_client(const struct segment *seg)
{
	if (seg->flags & TCP_SYN)
		return !(seg->flags & TCP_ACK);
	return seg->from.port >= seg->to.port;
}

struct conn *find_begin(struct stream_table *t, const struct segment *seg, uint32_t hash,
			int *ret_side)
{
	if ((seg->flags & TCP_RST) && seg->payload_len == 0)
		return NULL; /* a lone reset is no connection */
	if (t->counts.live >= t->limits.max_connections)
		end_evict(t);
	uint32_t number = take_number(t, hash);
	if (!number && end_evict(t))
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
	conn_enlist(t, c);
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

bool find_is_anew(const struct conn *c, int side, const struct segment *seg)
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

int find_mend_sides(struct stream_table *t, struct conn *c, int side, const struct segment *seg)
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
