/* Memory for one transaction: taken in pieces, given back whole.
 *
 * An arena has a limit that is set when it is made. What does not fit gives NULL, and the
 * arena stays as it was. Everything in it dies with arena_reset or arena_free. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

struct arena;

/* limit: bytes in sum. Allocates nothing but the arena itself; NULL when out of memory. */
struct arena *arena_new(size_t limit);

/* With room for the first `first` bytes already: all that most of them ever take, in one piece. */
struct arena *arena_new_with(size_t limit, size_t first);

void arena_free(struct arena *a); /* NULL is fine */

/* Forgets all; keeps the first block for reuse. */
void arena_reset(struct arena *a);

/* Zeroed, aligned for any type; NULL beyond the limit or out of memory. */
void *arena_alloc(struct arena *a, size_t size);

/* Not zeroed, else the same: for what is written whole at once. */
void *arena_take(struct arena *a, size_t size);

/* A copy of the bytes; the empty slice when there is no room. */
struct slice arena_copy(struct arena *a, struct slice s);

/* A NUL-terminated copy; NULL when there is no room. */
char *arena_string(struct arena *a, struct slice s);

#endif
