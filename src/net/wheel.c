/* Timer wheels. */
#include "net/wheel.h"

static uint32_t tick_at(const struct wheel *w, nanos t)
{
	return (uint32_t)(uint64_t)(t >> w->shift);
}

void wheel_init(struct wheel *w, unsigned shift, nanos now)
{
	*w = (struct wheel){ .shift = shift };
	w->tick = tick_at(w, now);
}

static void link_at(struct net_timer **at, struct net_timer *t)
{
	t->next = *at;
	t->prev = at;
	if (t->next)
		t->next->prev = &t->next;
	*at = t;
}

struct net_timer **wheel_unlink(struct net_timer *t)
{
	struct net_timer **list = t->prev;
	*list = t->next;
	if (t->next)
		t->next->prev = list;
	t->next = NULL;
	t->prev = NULL;
	return list;
}

static void clear_bit(struct wheel *w, size_t slot)
{
	w->bits[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

void wheel_emptied(struct wheel *w, struct net_timer **list)
{
	size_t slot = ((uintptr_t)list - (uintptr_t)w->slot) / sizeof *list;
	if (slot < WHEEL_SLOTS)
		clear_bit(w, slot);
}

void wheel_set(struct wheel *w, struct net_timer *t, nanos now, nanos at)
{
	nanos span = at > now ? at - now : 0;
	nanos most = (nanos)(INT32_MAX / 2) << w->shift; /* half of what differences can tell */
	if (span > most)
		span = most;
	/* Rounded up, never early; not into the tick that has been. */
	t->tick = tick_at(w, now + span + (INT64_C(1) << w->shift) - 1);
	if ((int32_t)(t->tick - w->tick) <= 0)
		t->tick = w->tick + 1;
	unsigned slot = t->tick % WHEEL_SLOTS;
	link_at(&w->slot[slot], t);
	w->bits[slot / 64] |= UINT64_C(1) << slot % 64;
}

/* How many ticks after `tick` the next list with something in it is; 0 where there is none. */
static uint32_t next_slot(const struct wheel *w, uint32_t tick)
{
	uint32_t first = (tick + 1) % WHEEL_SLOTS;
	uint64_t word = w->bits[first / 64] & (UINT64_MAX << first % 64);
	for (unsigned i = 0; i <= WHEEL_SLOTS / 64; i++) {
		unsigned at = (first / 64 + i) % (WHEEL_SLOTS / 64);
		if (i > 0)
			word = w->bits[at];
		if (word) {
			uint32_t slot = at * 64 + (uint32_t)__builtin_ctzll(word);
			return (slot - first) % WHEEL_SLOTS + 1;
		}
	}
	return 0;
}

static void collect(struct wheel *w, unsigned slot, uint32_t now, struct net_timer ***due)
{
	for (struct net_timer *t = w->slot[slot], *next; t; t = next) {
		next = t->next;
		if ((int32_t)(t->tick - now) > 0)
			continue;
		wheel_unlink(t);
		link_at(*due, t);
		*due = &t->next;
	}
	if (!w->slot[slot])
		clear_bit(w, slot);
}

void wheel_advance(struct wheel *w, nanos now, struct net_timer **due)
{
	uint32_t to = tick_at(w, now);
	if ((int32_t)(to - w->tick) <= 0)
		return;
	while (*due)
		due = &(*due)->next;
	uint32_t left = to - w->tick;
	uint32_t tick = w->tick;
	if (left > WHEEL_SLOTS) { /* once around shows them all */
		left = WHEEL_SLOTS;
		tick = to - left;
	}
	for (uint32_t step; (step = next_slot(w, tick)) != 0 && step <= left; left -= step) {
		tick += step;
		collect(w, tick % WHEEL_SLOTS, to, &due);
	}
	w->tick = to;
}

nanos wheel_next(const struct wheel *w, nanos now)
{
	uint32_t step = next_slot(w, w->tick);
	if (step == 0)
		return INT64_MAX;
	nanos ahead = step - (nanos)(int32_t)(tick_at(w, now) - w->tick);
	return ((now >> w->shift) + ahead) << w->shift;
}
