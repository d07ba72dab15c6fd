/* A table of numbers by hashed key, for the reader of text (text.h): private to it. */
#ifndef PACKET_TEXT_MAP_H
#define PACKET_TEXT_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys are hashes; 0 is no key. What is found is only trusted as a hint about grouping, so that
 * two keys with one hash would do no harm. All zeroes is an empty map. */
struct text_map {
	struct {
		uint64_t key;
		uint32_t value;
	} * slot;
	size_t room, used;
};

uint64_t text_hash(uint64_t h, const void *at, size_t len);
uint64_t text_hash_end(uint64_t h); /* makes a key of it */

bool text_map_set(struct text_map *m, uint64_t key, uint32_t value); /* false: out of memory */
bool text_map_get(const struct text_map *m, uint64_t key, uint32_t *ret_value);
void text_map_done(struct text_map *m);

#endif
