/* A growing buffer with an upper limit, for text and bytes that we make ourselves.
 *
 * Failing is sticky: once something did not fit (limit or memory), `failed` is set, later
 * additions do nothing, and the caller asks once at the end. The owner calls buffer_done. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/slice.h"

#include <stdarg.h>

struct buffer {
	uint8_t *at;
	uint32_t len, room, limit;
	bool failed;
};

/* limit: the most bytes it may ever hold (4 GiB at most). Allocates nothing yet. */
void buffer_init(struct buffer *b, size_t limit);
void buffer_done(struct buffer *b);
void buffer_wipe(struct buffer *b);  /* buffer_done of secrets: overwritten first */
void buffer_reset(struct buffer *b); /* empty again; keeps its memory, clears `failed` */

void buffer_add(struct buffer *b, struct slice s);
void buffer_add_text(struct buffer *b, const char *text); /* NULL adds nothing */
void buffer_add_byte(struct buffer *b, uint8_t byte);
void buffer_add_repeat(struct buffer *b, uint8_t byte, size_t count);
void buffer_add_u64(struct buffer *b, uint64_t value);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for `len` more bytes behind what is there, or NULL (then `failed` is set). The caller
 * fills it and adds what it wrote to b->len. */
uint8_t *buffer_reserve(struct buffer *b, size_t len);

/* Drops the first `len` bytes. */
void buffer_drop(struct buffer *b, size_t len);

/* What is in it, borrowed until the next addition. */
static inline struct slice buffer_slice(const struct buffer *b)
{
	return (struct slice){ b->at, b->len };
}

#endif
