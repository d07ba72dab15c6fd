/* Many records of one size, named by 32-bit numbers: half the room of a pointer, and no malloc
 * for each. Number 0 is "none". Records stay where they are; memory goes back with slab_done. */
#ifndef PACKET_SLAB_H
#define PACKET_SLAB_H

#include "base/slice.h"

enum { SLAB_ALIGN = 64, /* a cache line */ SLAB_SHIFT = 5, SLAB_PER_CHUNK = 1 << SLAB_SHIFT };

struct slab {
	uint8_t **chunks;
	size_t item; /* bytes of a record */
	uint32_t chunk_count, chunk_room;
	uint32_t used; /* numbers given out so far, free ones included */
	uint32_t free; /* the first free record; its first bytes name the next */
};

void slab_init(struct slab *s, size_t item);
void slab_done(struct slab *s);

/* The number of a record with whatever it held before; 0 when out of memory. */
uint32_t slab_take(struct slab *s);
void slab_give(struct slab *s, uint32_t number);

static inline void *slab_at(const struct slab *s, uint32_t number)
{
	return s->chunks[number >> SLAB_SHIFT] + (number & (SLAB_PER_CHUNK - 1)) * s->item;
}

#endif
