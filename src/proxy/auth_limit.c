/* Failures of addresses, by minutes that begin with a failure. In a full set the minute that began
 * first goes. */
#include "proxy/auth_state.h"

#include <pthread.h>

enum { SETS = 1024, WAYS = 4 };

struct minute {
	uint8_t ip[16];
	nanos began;
	unsigned failures; /* 0: empty */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct minute table[SETS][WAYS];

/* Whoever has a /64 has all of its addresses. */
static struct address owner_of(const struct address *client)
{
	struct address a = *client;
	if (!address_is_v4(&a))
		memset(a.ip + 8, 0, 8);
	return a;
}

static struct minute *set_of(const struct address *a)
{
	/* whoever makes others leave the table gains little */
	uint32_t h = slice_hash((struct slice){ a->ip, sizeof a->ip });
	return table[(h ^ h >> 16) % SETS];
}

static bool is_over(const struct minute *m, nanos wall)
{
	return wall < m->began || wall - m->began >= 60 * NANOS_PER_SECOND;
}

bool limit_reached(const struct address *client, unsigned limit, nanos wall)
{
	bool reached = false;
	if (limit == 0)
		return false;
	struct address a = owner_of(client);
	struct minute *set = set_of(&a);
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < WAYS; i++)
		reached |= set[i].failures >= limit && memcmp(set[i].ip, a.ip, sizeof a.ip) == 0 &&
			   !is_over(&set[i], wall);
	pthread_mutex_unlock(&lock);
	return reached;
}

void limit_note(const struct address *client, nanos wall)
{
	struct address a = owner_of(client);
	struct minute *set = set_of(&a), *m = &set[0];
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].failures && memcmp(set[i].ip, a.ip, sizeof a.ip) == 0) {
			m = &set[i];
			break;
		}
		if (set[i].failures == 0 || (m->failures > 0 && set[i].began < m->began))
			m = &set[i];
	}
	if (m->failures == 0 || memcmp(m->ip, a.ip, sizeof a.ip) != 0 || is_over(m, wall)) {
		memcpy(m->ip, a.ip, sizeof m->ip);
		m->began = wall;
		m->failures = 0;
	}
	m->failures++;
	pthread_mutex_unlock(&lock);
}
