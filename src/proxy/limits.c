/* The table is an open chain of addresses; a connection holds a pointer to its client's entry. */
#include "proxy/limits.h"

#include <pthread.h>
#include <stdlib.h>

enum { BUCKETS = 4096, FILL_PARTS = 4 };

struct limits_client {
	struct limits_client *next;
	struct address address;
	unsigned connections;
	struct bucket bucket;
};

struct limits {
	pthread_mutex_t lock;
	struct limits_client *chain[BUCKETS];
};

struct limits *limits_new(void)
{
	struct limits *l = calloc(1, sizeof *l);
	if (l)
		pthread_mutex_init(&l->lock, NULL);
	return l;
}

void limits_free(struct limits *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (l->chain[i]) {
			struct limits_client *c = l->chain[i];
			l->chain[i] = c->next;
			free(c);
		}
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static struct limits_client **find(struct limits *l, const struct address *a)
{
	uint32_t hash = slice_hash((struct slice){ a->ip, sizeof a->ip });
	struct limits_client **at = &l->chain[hash % BUCKETS];
	while (*at && !address_same_host(&(*at)->address, a))
		at = &(*at)->next;
	return at;
}

static enum limits_result enter(struct limits *l, const struct address *a, unsigned most,
				struct limits_client **ret_client)
{
	struct limits_client **at = find(l, a);
	if (*at && most > 0 && (*at)->connections >= most)
		return LIMITS_TOO_MANY;
	if (!*at) {
		*at = calloc(1, sizeof **at);
		if (!*at)
			return LIMITS_SHORT;
		(*at)->address = *a;
	}
	(*at)->connections++;
	*ret_client = *at;
	return LIMITS_OK;
}

enum limits_result limits_enter(struct limits *l, const struct address *client, unsigned most,
				struct limits_client **ret_client)
{
	pthread_mutex_lock(&l->lock);
	enum limits_result result = enter(l, client, most, ret_client);
	pthread_mutex_unlock(&l->lock);
	return result;
}

void limits_leave(struct limits *l, struct limits_client *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&l->lock);
	if (--c->connections == 0) {
		struct limits_client **at = find(l, &c->address);
		*at = c->next;
		free(c);
	}
	pthread_mutex_unlock(&l->lock);
}

uint64_t bucket_level(struct bucket *b, uint64_t rate, nanos now)
{
	uint64_t most = rate / FILL_PARTS > 0 ? rate / FILL_PARTS : 1;
	nanos span = b->at == 0 ? NANOS_PER_SECOND : now - b->at;
	if (span >= NANOS_PER_SECOND / FILL_PARTS) {
		b->at = now;
		b->left = most;
		return b->left;
	}
	uint64_t more = (uint64_t)((double)rate * (double)span / (double)NANOS_PER_SECOND);
	if (more > 0) {
		b->at = now;
		b->left = b->left + more < most ? b->left + more : most;
	}
	return b->left;
}

void bucket_spend(struct bucket *b, uint64_t bytes)
{
	b->left = bytes < b->left ? b->left - bytes : 0;
}

uint64_t brake_level(struct brake *b, nanos now)
{
	uint64_t level = UINT64_MAX;
	if (!b)
		return level;
	if (b->own_rate > 0)
		level = bucket_level(&b->own, b->own_rate, now);
	if (b->client_rate > 0 && b->client) {
		pthread_mutex_lock(&b->limits->lock);
		uint64_t all = bucket_level(&b->client->bucket, b->client_rate, now);
		pthread_mutex_unlock(&b->limits->lock);
		level = all < level ? all : level;
	}
	return level;
}

void brake_spend(struct brake *b, uint64_t bytes)
{
	if (!b || bytes == 0)
		return;
	bucket_spend(&b->own, bytes);
	if (b->client_rate == 0 || !b->client)
		return;
	pthread_mutex_lock(&b->limits->lock);
	bucket_spend(&b->client->bucket, bytes);
	pthread_mutex_unlock(&b->limits->lock);
}
