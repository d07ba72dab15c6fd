/* Private to the room. A capture's bytes, uncompressed, as one run that is read forward.
 *
 * They lie in blocks. A batch holds the block that its packets point into (holders counts them
 * and the reader), so batches own their bytes and nothing is copied but the record that a
 * block's end cuts in two. A block that nobody else holds is filled again, and stays in the
 * processor's cache. */
#ifndef CAPTURE_BYTES_H
#define CAPTURE_BYTES_H

#include "capture/unpack.h"

#include <stdatomic.h>

struct capture_bytes {
	atomic_uint holders;
	size_t room;
	uint8_t data[];
};

struct bytes {
	struct unpack unpack;
	struct capture_bytes *block, *spare;
	size_t at, end;  /* of what is unread in the block */
	uint64_t origin; /* position of block->data[0] in the whole run (modulo 2^64) */
};

int bytes_open(struct bytes *s, const char *path, const char *name, struct error *err);
void bytes_close(struct bytes *s);

/* Sees to it that n bytes lie there unread. 1: they do; 0: the end comes before; negative errno
 * and *err: broken before. In the last two cases what there is can be had. */
int bytes_need(struct bytes *s, size_t n, struct error *err);

/* Room for n bytes behind what is unread, for whoever fills the block himself. */
int bytes_make_room(struct bytes *s, size_t n, struct error *err);

/* Puts the present block into a batch's empty hand; takes back what it held. */
void bytes_hold(struct bytes *s, struct capture_bytes **held);
void bytes_release(struct bytes *s, struct capture_bytes **held);

void capture_bytes_drop(struct capture_bytes *b); /* NULL is fine */

static inline struct slice bytes_unread(const struct bytes *s)
{
	return (struct slice){ s->block->data + s->at, s->end - s->at };
}

static inline uint64_t bytes_offset(const struct bytes *s)
{
	return s->origin + s->at;
}

#endif
