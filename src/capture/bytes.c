/* Blocks of bytes: filled, shared, filled again. */
#include "capture/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* One thread needs no other block than the first: less costs a call for each time that it
	   is filled, more takes memory. Several threads meet less often with more. */
	FIRST_ROOM = 131072,
	BLOCK_ROOM = 524288,
	SMALL_FILE_SLACK = 64,
};

static struct capture_bytes *block_new(size_t room)
{
	struct capture_bytes *b = malloc(sizeof *b + room);
	if (b) {
		atomic_init(&b->holders, 1);
		b->room = room;
	}
	return b;
}

void capture_bytes_drop(struct capture_bytes *b)
{
	if (b && atomic_fetch_sub_explicit(&b->holders, 1, memory_order_acq_rel) == 1)
		free(b);
}

/* As capture_bytes_drop, but an ordinary block that nobody holds any more is put by. */
static void retire(struct bytes *s, struct capture_bytes *b)
{
	if (b && !s->spare && b->room == BLOCK_ROOM &&
	    atomic_load_explicit(&b->holders, memory_order_acquire) == 1)
		s->spare = b;
	else
		capture_bytes_drop(b);
}

static size_t block_size(const struct bytes *s, size_t n)
{
	const struct unpack *u = &s->unpack;
	uint64_t left = u->source.size - (u->source.at - (u->in_len - u->in_at));
	bool small = u->source.regular && u->packing == PACKING_NONE &&
		     left < BLOCK_ROOM - SMALL_FILE_SLACK;
	size_t first = small ? (size_t)left + SMALL_FILE_SLACK : FIRST_ROOM;
	size_t room = s->block ? BLOCK_ROOM : first;
	return n > room ? n : room;
}

static bool may_refill(const struct bytes *s, size_t n)
{
	return s->block && s->block->room >= n &&
	       (s->block->room <= BLOCK_ROOM || n > BLOCK_ROOM) &&
	       atomic_load_explicit(&s->block->holders, memory_order_acquire) == 1;
}

/* Moves what is unread to the front of a block that takes n bytes. Bytes behind `end` belong to
 * no batch: as long as there is room, a shared block is filled on. */
int bytes_make_room(struct bytes *s, size_t n, struct error *err)
{
	size_t have = s->end - s->at;
	if (s->block && s->block->room - s->at >= n)
		return 0;
	if (may_refill(s, n)) {
		memmove(s->block->data, s->block->data + s->at, have);
	} else {
		bool fits = s->spare && n <= BLOCK_ROOM;
		struct capture_bytes *fresh = fits ? s->spare : block_new(block_size(s, n));
		if (!fresh)
			return err_set(err, -ENOMEM, "%s: no memory for %zu bytes",
				       s->unpack.source.shown, n);
		if (fits)
			s->spare = NULL;
		if (s->block) /* else nothing is unread */
			memcpy(fresh->data, s->block->data + s->at, have);
		retire(s, s->block);
		s->block = fresh;
	}
	s->origin += s->at;
	s->at = 0;
	s->end = have;
	return 0;
}

int bytes_need(struct bytes *s, size_t n, struct error *err)
{
	while (s->end - s->at < n) {
		int ret = bytes_make_room(s, n, err);
		if (ret < 0)
			return ret;
		ssize_t got = unpack_read(&s->unpack, s->block->data + s->end,
					  s->block->room - s->end, err);
		if (got <= 0)
			return (int)got;
		s->end += (size_t)got;
	}
	return 1;
}

void bytes_hold(struct bytes *s, struct capture_bytes **held)
{
	atomic_fetch_add_explicit(&s->block->holders, 1, memory_order_relaxed);
	*held = s->block;
}

void bytes_release(struct bytes *s, struct capture_bytes **held)
{
	retire(s, *held);
	*held = NULL;
}

int bytes_open(struct bytes *s, const char *path, const char *name, struct error *err)
{
	*s = (struct bytes){ 0 };
	int ret = unpack_open(&s->unpack, path, name, err);
	if (ret < 0)
		return ret;
	ret = bytes_make_room(s, 1, err);
	if (ret < 0)
		bytes_close(s);
	return ret;
}

void bytes_close(struct bytes *s)
{
	unpack_close(&s->unpack);
	capture_bytes_drop(s->block);
	capture_bytes_drop(s->spare);
}
