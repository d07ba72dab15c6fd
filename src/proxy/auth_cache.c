/* A set-associative table of marks; in a full set the one that was not used for longest goes. */
#include "proxy/auth.h"
#include "proxy/auth_state.h"

#include <pthread.h>

enum { SETS = 256, WAYS = 8 };

struct entry {
	struct cache_mark mark;
	uint64_t used; /* counts uses of the table; 0: empty */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry table[SETS][WAYS];
static uint64_t uses;

struct cache_mark cache_mark(struct slice user, struct slice password, const char *hash)
{
	struct cache_mark m;
	/* neither a name nor a hash holds a NUL, so there is one way to join them */
	const struct slice parts[] = { SLICE("cache"), user,        SLICE("\0"),
				       slice_of(hash), SLICE("\0"), password };
	auth_mac(parts, sizeof parts / sizeof *parts, m.mac);
	return m;
}

static struct entry *find(const struct cache_mark *m)
{
	struct entry *set = table[m->mac[0]];
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].used && hash_same(set[i].mark.mac, m->mac, sizeof m->mac))
			return &set[i];
	return NULL;
}

bool cache_has(const struct cache_mark *m)
{
	pthread_mutex_lock(&lock);
	struct entry *e = find(m);
	if (e)
		e->used = ++uses;
	pthread_mutex_unlock(&lock);
	return e != NULL;
}

void cache_add(const struct cache_mark *m)
{
	pthread_mutex_lock(&lock);
	struct entry *e = find(m), *set = table[m->mac[0]];
	for (size_t i = 0; i < WAYS && !e; i++)
		e = set[i].used == 0 ? &set[i] : NULL;
	for (size_t i = 0; i < WAYS; i++)
		e = !e || (e->used > set[i].used && e->used != 0) ? &set[i] : e;
	*e = (struct entry){ *m, ++uses };
	pthread_mutex_unlock(&lock);
}
