/* Exchanges into the history, by a thread of its own: a disk may be slow for seconds, and the
 * kernel's ring holds out for less. What waits for it stands packed in a bounded queue. */
#include "cli/command.h"
#include "cli/watch.h"
#include "store/store.h"
#include "trace/pack.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	QUEUE_LIMIT = 32 << 20,     /* bytes; there are two, one fills while the other is emptied */
	EXCHANGE_LIMIT = 256 << 10, /* as it was made with */
	MAX_PACKED = 64 << 10,
	WORDS_LIMIT = 1 << 20,
};

struct watch_store {
	struct store *store;
	struct buffer packing; /* the main thread's */
	struct arena *words;   /* the other's, as the next */
	bool failed;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under `lock` */
	struct buffer queue; /* each: its length in four bytes, and the packed exchange */
	uint64_t lost;
	bool over;
};

static void add_one(struct watch_store *s, struct slice packed)
{
	struct exchange *x = trace_unpack(packed, EXCHANGE_LIMIT);
	struct finding f;
	struct diagnosis d;
	struct error err;
	if (!x)
		return;
	arena_reset(s->words);
	diagnose_judge(x, &f);
	diagnose_explain(x, &f, s->words, &d);
	/* one sentence the first time: a full disk would say it for each */
	if (store_add(s->store, x, &d, STORE_WATCH, 0, NULL, &err) < 0 && !s->failed) {
		complain("%s; exchanges are missing from the history from now on", err.text);
		s->failed = true;
	}
	trace_free(x);
}

static void add_all(struct watch_store *s, struct slice queue)
{
	struct error err;
	uint32_t len;
	while (queue.len > sizeof len) {
		memcpy(&len, queue.at, sizeof len);
		add_one(s, slice_first(slice_from(queue, sizeof len), len));
		queue = slice_from(queue, sizeof len + len);
	}
	if (store_flush(s->store, &err) < 0 && !s->failed) {
		complain("%s", err.text);
		s->failed = true;
	}
}

static void *keep(void *context)
{
	struct watch_store *s = context;
	struct buffer taken;
	buffer_init(&taken, QUEUE_LIMIT);
	pthread_mutex_lock(&s->lock);
	for (;;) {
		while (!s->over && s->queue.len == 0)
			pthread_cond_wait(&s->changed, &s->lock);
		if (s->queue.len == 0)
			break;
		struct buffer full = s->queue;
		s->queue = taken;
		pthread_mutex_unlock(&s->lock);
		add_all(s, buffer_slice(&full));
		buffer_reset(&full);
		taken = full;
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	buffer_done(&taken);
	return NULL;
}

void watch_store_add(struct watch_store *s, const struct exchange *x)
{
	buffer_reset(&s->packing);
	trace_pack(x, &s->packing);
	uint32_t len = s->packing.len;
	pthread_mutex_lock(&s->lock);
	if (s->packing.failed || s->queue.len + sizeof len + len > QUEUE_LIMIT) {
		s->lost++;
	} else {
		buffer_add(&s->queue, (struct slice){ (const uint8_t *)&len, sizeof len });
		buffer_add(&s->queue, buffer_slice(&s->packing));
	}
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

struct watch_store *watch_store_new(const char *path, struct error *err)
{
	struct watch_store *s = calloc(1, sizeof *s);
	if (!s || !(s->words = arena_new(WORDS_LIMIT))) {
		err_set(err, -ENOMEM, "out of memory");
		free(s);
		return NULL;
	}
	buffer_init(&s->packing, MAX_PACKED);
	buffer_init(&s->queue, QUEUE_LIMIT);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	s->store = store_open(path, err);
	if (s->store)
		return s;
	watch_store_free(s);
	return NULL;
}

int watch_store_start(struct watch_store *s, struct error *err)
{
	s->started = pthread_create(&s->thread, NULL, keep, s) == 0;
	return s->started ? 0 : err_set(err, -EAGAIN, "no thread can be made for the history");
}

void watch_store_free(struct watch_store *s)
{
	if (!s)
		return;
	if (s->started) {
		pthread_mutex_lock(&s->lock);
		s->over = true;
		pthread_cond_signal(&s->changed);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
	}
	if (s->lost)
		complain("%llu exchanges came too fast for the history, and are missing there",
			 (unsigned long long)s->lost);
	store_close(s->store);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	buffer_done(&s->packing);
	buffer_done(&s->queue);
	arena_free(s->words);
	free(s);
}
