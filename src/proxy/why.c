/* A ring of lines, each in memory of its own size. */
#include "proxy/why.h"

#include <pthread.h>
#include <stdlib.h>

struct kept {
	struct address client;
	uint8_t *at;
	uint32_t len, room;
};

struct why {
	pthread_mutex_t lock;
	size_t lines, next; /* the oldest is at `next`, once all are used */
	struct kept line[];
};

struct why *why_new(size_t lines)
{
	struct why *w = calloc(1, sizeof *w + lines * sizeof w->line[0]);
	if (!w)
		return NULL;
	w->lines = lines;
	pthread_mutex_init(&w->lock, NULL);
	return w;
}

void why_free(struct why *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->lines; i++)
		free(w->line[i].at);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

static bool make_room(struct kept *k, size_t len)
{
	if (len <= k->room && k->room <= 2 * len)
		return true;
	size_t room = (len + 255) / 256 * 256;
	uint8_t *at = malloc(room);
	if (!at)
		return false;
	free(k->at);
	k->at = at;
	k->room = (uint32_t)room;
	return true;
}

void why_add(struct why *w, const struct address *client, struct slice line)
{
	if (line.len == 0 || line.len > WHY_LINE)
		return;
	pthread_mutex_lock(&w->lock);
	struct kept *k = &w->line[w->next];
	if (make_room(k, line.len)) {
		memcpy(k->at, line.at, line.len);
		k->len = (uint32_t)line.len;
		k->client = *client;
		w->next = (w->next + 1) % w->lines;
	}
	pthread_mutex_unlock(&w->lock);
}

void why_write(struct why *w, const struct address *client, struct buffer *out)
{
	bool all = address_is_none(client);
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->lines; i++) {
		const struct kept *k = &w->line[(w->next + i) % w->lines];
		if (k->len && (all || address_same_host(&k->client, client)))
			buffer_add(out, (struct slice){ k->at, k->len });
	}
	pthread_mutex_unlock(&w->lock);
}
