/* Who is over, and who is given up first: the lists of connections, and their ends.
 *
 * Each list has a clock that moves in stream_until alone: forward by the time that passed, in ticks
 * of 2^26 ns (67 ms), and not at all where the capture's clock went back; that of the closed ones
 * by no less than TICKS_LEAST where these are many. So a list is in the order of its `touched`, and
 * who is over depends on a connection's own packets and on what stream_until said, not on who else
 * is in the table. A connection moves to the end of its list only when it stood there for a while,
 * so most packets touch no list. */
#include "base/fetch.h"
#include "packet/stream_private.h"

#include <stdlib.h>

#define HALF_CLOSED_IDLE (1800 * NANOS_PER_SECOND)

enum {
	MAX_CLOSED = 512,
	MAX_UNANSWERED = 4096,
	MAX_HALF = 1024,
	MAX_IDLE = 4096, /* those that are quiet too long cost little */
};
enum { TICK_SHIFT = 26, TICKS_CLOSED = 30, TICKS_LEAST = 3, TICKS_WAITING = 80, TICKS_MOVE = 8 };

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

void conn_enlist(struct stream_table *t, const struct conn *c)
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
	conn_enlist(t, c);
}

void conn_go(struct stream_table *t, struct conn *c, enum conn_state to)
{
	if (c->state != to)
		queue_move(t, c, to);
}

void conn_touch(struct stream_table *t, struct conn *c)
{
	if (c->state != CONN_CLOSED &&
	    t->clock[c->state] - t->places[c->number].touched > TICKS_MOVE)
		queue_move(t, c, c->state);
}

/* ---- one ends ---- */

void end_conn(struct stream_table *t, struct conn *c, enum stream_end why)
{
	uint32_t number = c->number;
	if (c->state == CONN_CLOSED && why != STREAM_REUSED)
		why = STREAM_CLOSED;
	struct full *f = full_of(t, c);
	if (f) {
		const struct stream *s = look_end(t, c, f);
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
	find_forget(t, number);
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

bool end_was_idle(const struct stream_table *t, const struct conn *c, nanos now)
{
	return c->last.at != NO_TIME && now != NO_TIME &&
	       span(now, c->last.at) > idle_limit(t, c->state);
}

/* ---- who is over ---- */

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
		enum stream_end why =
			over && !end_was_idle(t, c, t->until) ? STREAM_OVER : STREAM_IDLE;
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

/* ---- making room ---- */

bool end_evict(struct stream_table *t)
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

/* ---- what the owner says and asks ---- */

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
	const struct full *f = full_of(t, conn_at(t, number));
	if (f)
		fetch(f, sizeof *f);
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
