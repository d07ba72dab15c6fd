/* Packed exchanges with what they are found by, under a lock that only a 407 and a request with
 * credentials take. */
#include "proxy/challenge.h"

#include "trace/pack.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { EXCHANGE_LIMIT = 256 << 10, PACKED_LIMIT = 16 << 10 };

struct held {
	uint8_t *packed; /* NULL: free */
	uint32_t len;
	struct address client, proxy;
	uint64_t what; /* a hash of method and target */
	nanos since;
};

struct challenges {
	pthread_mutex_t lock;
	_Atomic unsigned count;
	_Atomic uint16_t there[256]; /* how many have a hash that ends so: for most requests none,
					and then nobody looks through them */
	struct held held[CHALLENGE_MOST];
};

static uint64_t hash(uint64_t h, struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ s.at[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
	return h;
}

static uint64_t hash_what(const struct exchange *x)
{
	return hash(hash(UINT64_C(0xcbf29ce484222325), x->request.method), x->request.target);
}

struct challenges *challenges_new(void)
{
	struct challenges *c = calloc(1, sizeof *c);
	if (c)
		pthread_mutex_init(&c->lock, NULL);
	return c;
}

void challenges_free(struct challenges *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CHALLENGE_MOST; i++)
		free(c->held[i].packed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

bool challenges_waiting(const struct challenges *c)
{
	return c && c->count > 0;
}

static uint8_t *pack(const struct exchange *x, uint32_t *ret_len)
{
	struct buffer out;
	buffer_init(&out, PACKED_LIMIT);
	trace_pack(x, &out);
	if (out.failed) {
		buffer_done(&out);
		return NULL;
	}
	*ret_len = (uint32_t)out.len;
	return out.at;
}

bool challenges_hold(struct challenges *c, const struct exchange *x, nanos now)
{
	if (!c || x->response.status != 407 || x->request.method.len == 0)
		return false;
	struct held h = {
		.client = x->client, .proxy = x->proxy, .what = hash_what(x), .since = now
	};
	h.packed = pack(x, &h.len);
	bool kept = false;
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; h.packed && !kept && i < CHALLENGE_MOST; i++) {
		if (c->held[i].packed)
			continue;
		c->held[i] = h;
		c->count++;
		c->there[h.what % 256]++;
		kept = true;
	}
	pthread_mutex_unlock(&c->lock);
	if (!kept)
		free(h.packed);
	return kept;
}

/* The slot is free afterwards. */
static struct exchange *take(struct challenges *c, struct held *h)
{
	struct exchange *x = trace_unpack((struct slice){ h->packed, h->len }, EXCHANGE_LIMIT);
	free(h->packed);
	h->packed = NULL;
	c->count--;
	c->there[h->what % 256]--;
	return x;
}

static void link_both(struct exchange *challenge, struct exchange *x)
{
	challenge->links.answered_challenge = true;
	memcpy(challenge->links.other, x->id, sizeof x->id);
	x->links.is_retry = true;
	memcpy(x->links.other, challenge->id, sizeof challenge->id);
}

struct exchange *challenges_answered(struct challenges *c, struct exchange *x)
{
	struct exchange *challenge = NULL;
	if (!challenges_waiting(c) || x->request.auth == SCHEME_NONE)
		return NULL;
	uint64_t what = hash_what(x);
	if (c->there[what % 256] == 0)
		return NULL;
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; !challenge && i < CHALLENGE_MOST; i++) {
		struct held *h = &c->held[i];
		if (h->packed && h->what == what && address_same_host(&h->client, &x->client) &&
		    address_equal(&h->proxy, &x->proxy))
			challenge = take(c, h);
	}
	pthread_mutex_unlock(&c->lock);
	if (challenge)
		link_both(challenge, x);
	return challenge;
}

struct exchange *challenges_expired(struct challenges *c, nanos now)
{
	const nanos moment = CHALLENGE_MS * NANOS_PER_MS;
	struct exchange *x = NULL;
	if (!challenges_waiting(c))
		return NULL;
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; !x && i < CHALLENGE_MOST; i++) {
		struct held *h = &c->held[i];
		if (h->packed && (now == NO_TIME || now - h->since >= moment))
			x = take(c, h);
	}
	pthread_mutex_unlock(&c->lock);
	return x;
}
