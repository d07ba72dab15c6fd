/* Walks side by side, each on a thread of its own: libcurl's handles and libssl's belong to one
 * walk, and what is opened once (check/libs.h) was opened by the plain walk. */
#include "check/again.h"

#include "check/connect.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

struct crowd {
	const struct check_options *options;
	nanos longest;
	_Atomic nanos until;
	pthread_mutex_t lock;
	pthread_cond_t news;
};

struct runner {
	struct crowd *crowd;
	struct again *a;
	pthread_t thread;
	bool begun, over, told; /* over: under the crowd's lock */
};

static void *run(void *context)
{
	struct runner *r = context;
	struct check_options o = *r->crowd->options;
	struct error err;
	nanos begun = check_now();
	o.direct = o.keep_heads = false;
	o.patience = r->crowd->longest;
	o.altered = r->a->altered;
	o.altered.until = &r->crowd->until;
	r->a->code = repeat_walk(&o, &r->a->walk, &err);
	r->a->took = check_now() - begun;
	pthread_mutex_lock(&r->crowd->lock);
	r->over = true;
	pthread_cond_signal(&r->crowd->news);
	pthread_mutex_unlock(&r->crowd->lock);
	return NULL;
}

/* The first that is over and not yet looked at; NULL: all were. */
static struct runner *wait_for_one(struct crowd *c, struct runner *runners, size_t count)
{
	struct runner *next = NULL;
	bool waiting;
	pthread_mutex_lock(&c->lock);
	do {
		waiting = false;
		for (size_t i = 0; i < count && !next; i++) {
			if (runners[i].over && !runners[i].told)
				next = &runners[i];
			waiting = waiting || (runners[i].begun && !runners[i].over);
		}
		if (!next && waiting)
			pthread_cond_wait(&c->news, &c->lock);
	} while (!next && waiting);
	pthread_mutex_unlock(&c->lock);
	if (next)
		next->told = true;
	return next;
}

void again_walk(const struct check_options *options, struct again *walks, size_t count,
		nanos longest, again_good *good, const void *context)
{
	struct crowd c = { .options = options,
			   .longest = longest,
			   .until = check_now() + longest,
			   .lock = PTHREAD_MUTEX_INITIALIZER,
			   .news = PTHREAD_COND_INITIALIZER };
	struct runner runners[AGAIN_MOST];
	nanos end = c.until;
	for (size_t i = 0; i < count; i++) {
		runners[i] = (struct runner){ .crowd = &c, .a = &walks[i] };
		int code = pthread_create(&runners[i].thread, NULL, run, &runners[i]);
		runners[i].begun = code == 0;
		if (code != 0)
			walks[i].code = -code;
	}
	struct runner *r;
	while ((r = wait_for_one(&c, runners, count))) {
		if (r->a->code < 0 || !good(r->a, context))
			continue;
		nanos until = check_now() + NANOS_PER_SECOND + 3 * r->a->took;
		c.until = until < end ? until : end;
	}
	for (size_t i = 0; i < count; i++)
		if (runners[i].begun)
			pthread_join(runners[i].thread, NULL);
}

void again_done(struct again *walks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		repeat_done(&walks[i].walk);
}

uint64_t again_bytes(const struct again *a, bool inside)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < a->walk.count; i++) {
		const struct exchange *x = a->walk.exchange[i];
		if (trace_is_inside(x) == inside)
			sum += x->bytes[PROXY];
	}
	return sum;
}
