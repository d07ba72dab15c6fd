/* Open addressing, a power of two of slots, never more than half full. */
#include "packet/text_map.h"

#include <stdlib.h>

uint64_t text_hash(uint64_t h, const void *at, size_t len)
{
	const uint8_t *p = at;
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

uint64_t text_hash_end(uint64_t h)
{
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return h ? h : 1;
}

static void map_place(struct text_map *m, uint64_t key, uint32_t value)
{
	size_t i = key & (m->room - 1);
	while (m->slot[i].key && m->slot[i].key != key)
		i = (i + 1) & (m->room - 1);
	if (!m->slot[i].key)
		m->used++;
	m->slot[i].key = key;
	m->slot[i].value = value;
}

bool text_map_set(struct text_map *m, uint64_t key, uint32_t value)
{
	if (m->used * 2 >= m->room) {
		struct text_map bigger = { .room = m->room ? m->room * 2 : 64 };
		bigger.slot = calloc(bigger.room, sizeof *bigger.slot);
		if (!bigger.slot)
			return false;
		for (size_t i = 0; i < m->room; i++)
			if (m->slot[i].key)
				map_place(&bigger, m->slot[i].key, m->slot[i].value);
		free(m->slot);
		*m = bigger;
	}
	map_place(m, key, value);
	return true;
}

bool text_map_get(const struct text_map *m, uint64_t key, uint32_t *ret_value)
{
	if (m->room == 0)
		return false;
	for (size_t i = key & (m->room - 1); m->slot[i].key; i = (i + 1) & (m->room - 1)) {
		if (m->slot[i].key == key) {
			*ret_value = m->slot[i].value;
			return true;
		}
	}
	return false;
}

void text_map_done(struct text_map *m)
{
	free(m->slot);
	*m = (struct text_map){ 0 };
}
