/* Records of one size, by number. */
#include "packet/slab.h"

#include "base/fetch.h"

#include <stdlib.h>
#include <string.h>

void slab_init(struct slab *s, size_t item)
{
	*s = (struct slab){ .item = (item + SLAB_ALIGN - 1) / SLAB_ALIGN * SLAB_ALIGN, .used = 1 };
}

void slab_done(struct slab *s)
{
	for (uint32_t i = 0; i < s->chunk_count; i++)
		free(s->chunks[i]);
	free(s->chunks);
	slab_init(s, s->item);
}

static bool add_chunk(struct slab *s)
{
	if (s->chunk_count == s->chunk_room) {
		uint32_t room = s->chunk_room ? s->chunk_room * 2 : 16;
		uint8_t **more = realloc(s->chunks, room * sizeof *more);
		if (!more)
			return false;
		s->chunks = more;
		s->chunk_room = room;
	}
	uint8_t *chunk = aligned_alloc(SLAB_ALIGN, s->item * SLAB_PER_CHUNK);
	if (!chunk)
		return false;
	s->chunks[s->chunk_count++] = chunk;
	return true;
}

/* The one that is free next was not touched for long, and names the one behind it: fetched now,
 * nobody waits for it then. */
static void fetch_next(const struct slab *s)
{
	enum { BEGINNING = 256 };
	if (s->free)
		fetch(slab_at(s, s->free), s->item < BEGINNING ? s->item : BEGINNING);
}

uint32_t slab_take(struct slab *s)
{
	uint32_t number = s->free;
	if (number) {
		memcpy(&s->free, slab_at(s, number), sizeof s->free);
		fetch_next(s);
		return number;
	}
	if (s->used >> SLAB_SHIFT == s->chunk_count && !add_chunk(s))
		return 0;
	return s->used++;
}

void slab_give(struct slab *s, uint32_t number)
{
	memcpy(slab_at(s, number), &s->free, sizeof s->free);
	s->free = number;
}
