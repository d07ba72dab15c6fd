/* Arenas: blocks in a list, the newest first; a block doubles until 64 KiB. The first may stand in
 * one piece of memory with the arena itself: it is then the oldest, and never freed alone. */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* The first block and its head make 1 KiB: the most that malloc gives out again at once. */
enum { FIRST_BLOCK = 1024 - 32, NEXT_BLOCK = 512 - 32, LARGEST_BLOCK = 65536 };

struct block {
	struct block *older;
	size_t size, used;
	alignas(max_align_t) uint8_t data[];
};

struct arena {
	struct block *newest;
	size_t limit, taken, next_size;
};

/* Where the block behind the arena is, if it has one. */
static struct block *own_block(struct arena *a)
{
	static_assert(sizeof *a % alignof(struct block) == 0, "a block may follow an arena");
	return (struct block *)(a + 1);
}

static struct block *block_new(struct arena *a, size_t need)
{
	size_t size = need > a->next_size ? need : a->next_size;
	struct block *b = malloc(sizeof *b + size);
	if (!b)
		return NULL;
	*b = (struct block){ .older = a->newest, .size = size };
	a->newest = b;
	if (a->next_size < LARGEST_BLOCK)
		a->next_size *= 2;
	return b;
}

struct arena *arena_new(size_t limit)
{
	return arena_new_with(limit, 0);
}

struct arena *arena_new_with(size_t limit, size_t first)
{
	struct arena *a = malloc(sizeof *a + (first ? sizeof(struct block) + first : 0));
	if (!a)
		return NULL;
	*a = (struct arena){ .limit = limit, .next_size = FIRST_BLOCK };
	if (first) {
		a->next_size = NEXT_BLOCK; /* most need no more, or little */
		a->newest = own_block(a);
		*a->newest = (struct block){ .size = first };
	}
	return a;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct block *b = a->newest, *older; b; b = older) {
		older = b->older;
		if (b != own_block(a))
			free(b);
	}
	free(a);
}

void arena_reset(struct arena *a)
{
	while (a->newest && a->newest->older) {
		struct block *b = a->newest;
		a->newest = b->older;
		free(b);
	}
	if (a->newest)
		a->newest->used = 0;
	a->taken = 0;
	a->next_size = a->newest == own_block(a) ? NEXT_BLOCK : FIRST_BLOCK;
}

/* So many bytes, beginning at a multiple of `unit` (a power of two). */
static inline void *take(struct arena *a, size_t size, size_t unit)
{
	if (size > a->limit - a->taken)
		return NULL;
	struct block *b = a->newest;
	size_t from = b ? (b->used + unit - 1) & ~(unit - 1) : 0;
	if (!b || from > b->size || size > b->size - from) {
		b = block_new(a, size);
		from = 0;
		if (!b)
			return NULL;
	}
	b->used = from + size;
	a->taken += size;
	return b->data + from;
}

void *arena_take(struct arena *a, size_t size)
{
	return take(a, size, alignof(max_align_t));
}

void *arena_alloc(struct arena *a, size_t size)
{
	void *at = arena_take(a, size);
	return at ? memset(at, 0, size) : NULL;
}

struct slice arena_copy(struct arena *a, struct slice s)
{
	uint8_t *at = s.len ? take(a, s.len, 1) : NULL;
	if (!at)
		return (struct slice){ 0 };
	memcpy(at, s.at, s.len);
	return (struct slice){ at, s.len };
}

char *arena_string(struct arena *a, struct slice s)
{
	char *text = s.len < SIZE_MAX ? take(a, s.len + 1, 1) : NULL;
	if (!text)
		return NULL;
	if (s.len)
		memcpy(text, s.at, s.len);
	text[s.len] = 0;
	return text;
}
