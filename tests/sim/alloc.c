/* Memory that runs out when the test says so: the linker puts these in the place of malloc and its
 * kin
 * (--wrap). */
#include "world.h"

#include <errno.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);

static bool runs_out(void)
{
	if (!world.is_on || fault(SIM_ALLOC) == 0)
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return runs_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return runs_out() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return runs_out() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
	return runs_out() ? NULL : __real_reallocarray(old, count, size);
}

/* ---- the world's own, which does not ------------------------------------------------------ */

void bytes_add(struct bytes *b, const void *from, size_t len)
{
	if (b->room - b->len < len) {
		b->room = (b->len + len) * 2;
		b->at = __real_realloc(b->at, b->room);
		if (!b->at)
			abort();
	}
	if (len)
		memcpy(b->at + b->len, from, len);
	b->len += len;
}

void bytes_drop(struct bytes *b, size_t len)
{
	b->len -= len;
	if (b->len)
		memmove(b->at, b->at + len, b->len);
}

struct end *end_new(void)
{
	struct end *e = __real_calloc(1, sizeof *e);
	if (!e)
		abort();
	e->fd = -1;
	e->room = world.options.room;
	e->next_made = world.made;
	world.made = e;
	return e;
}
