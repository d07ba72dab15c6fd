/* Nonces are signed, not kept: 8 bytes of time (ms), 8 of number, 16 of MAC, in hex. What is kept,
 * for those that were used, is which counts of them were: the highest, and a window of 64 below it,
 * for a client's connections overtake each other.
 *
 * The table is bounded. A nonce leaves it only for a younger one, and where a set is full, what is
 * not younger than all in it counts as used: it may have left. So nothing can be replayed, and what
 * is lost is at most a round trip. */
#include "proxy/auth.h"
#include "proxy/auth_state.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

enum { SETS = 4096, WAYS = 4, TIME = 8, NUMBER = 8, MAC = 16, RAW = TIME + NUMBER + MAC };

static_assert(2 * RAW == NONCE_HEX, "a nonce is written in hex");

struct used {
	uint64_t number, issued; /* issued 0: an empty place */
	uint64_t seen;           /* bit n: count `highest - n` */
	uint32_t highest;
	uint32_t realm;   /* a hash of the one that it was signed for; no client chooses it */
	uint8_t mac[MAC]; /* found right when it took this place: it is not worked out again, which
			     is a fifth of checking a request */
};

struct set {
	struct used used[WAYS];
};

static struct hash_key signer;
static _Atomic uint64_t next_number;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct set *table; /* touched where it is used, so an idle proxy does not have it */

static void make_key(void)
{
	uint8_t key[HASH_MAX];
	uint64_t first;
	if (getrandom(key, sizeof key, 0) != sizeof key ||
	    getrandom(&first, sizeof first, 0) != sizeof first)
		abort(); /* cannot be: so few bytes are never cut short */
	hash_key_make(&signer, key);
	explicit_bzero(key, sizeof key);
	next_number = first;
	table = calloc(SETS, sizeof *table);
}

void auth_mac(const struct slice *part, size_t parts, uint8_t ret_mac[HASH_MAX])
{
	pthread_once(&once, make_key);
	hash_mac(&signer, part, parts, ret_mac);
}

static void put(uint8_t *at, uint64_t value)
{
	for (size_t i = 0; i < 8; i++)
		at[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get(const uint8_t *at)
{
	uint64_t value = 0;
	for (size_t i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return value;
}

static void sign(const uint8_t *raw, struct slice realm, uint8_t mac[HASH_MAX])
{
	const struct slice parts[] = { SLICE("nonce"), { raw, TIME + NUMBER }, realm };
	auth_mac(parts, sizeof parts / sizeof *parts, mac);
}

static bool is_signed(const uint8_t *raw, struct slice realm)
{
	uint8_t mac[HASH_MAX];
	sign(raw, realm, mac);
	return hash_same(mac, raw + TIME + NUMBER, MAC);
}

void nonce_make(struct slice realm, nanos wall, uint8_t ret_nonce[NONCE_HEX])
{
	uint8_t raw[RAW], mac[HASH_MAX];
	pthread_once(&once, make_key);
	put(raw, (uint64_t)(wall / NANOS_PER_MS));
	put(raw + TIME, atomic_fetch_add_explicit(&next_number, 1, memory_order_relaxed));
	sign(raw, realm, mac);
	memcpy(raw + TIME + NUMBER, mac, MAC);
	hash_to_hex(raw, sizeof raw, ret_nonce);
}

static struct set *set_of(uint64_t number)
{
	return &table[(number ^ number >> 32) % SETS];
}

/* NULL: it has no place; or it is another that only looks like one that has. */
static struct used *find(const uint8_t *raw, struct slice realm)
{
	uint64_t issued = get(raw), number = get(raw + TIME);
	struct set *s = set_of(number);
	for (size_t i = 0; i < WAYS; i++) {
		struct used *u = &s->used[i];
		if (u->number == number && u->issued == issued && issued != 0)
			return hash_same(u->mac, raw + TIME + NUMBER, MAC) &&
					       u->realm == slice_hash(realm)
				       ? u
				       : NULL;
	}
	return NULL;
}

/* A place for one that is signed and has none: an empty or the oldest one of its set, with what was
 * there gone. NULL: it may be one that left. */
static struct used *take_place(const uint8_t *raw, struct slice realm)
{
	uint64_t issued = get(raw), number = get(raw + TIME);
	struct set *s = set_of(number);
	struct used *oldest = &s->used[0];
	for (size_t i = 1; i < WAYS; i++)
		if (s->used[i].issued < oldest->issued)
			oldest = &s->used[i];
	if (issued <= oldest->issued)
		return NULL;
	*oldest = (struct used){ .number = number, .issued = issued, .realm = slice_hash(realm) };
	memcpy(oldest->mac, raw + TIME + NUMBER, MAC);
	return oldest;
}

/* Marks the count; false where it is marked already, or too far behind to tell. */
static bool mark(struct used *u, uint32_t count)
{
	if (count > u->highest) {
		uint32_t by = count - u->highest;
		u->seen = by < 64 ? u->seen << by | 1 : 1;
		u->highest = count;
		return true;
	}
	uint32_t behind = u->highest - count;
	if (behind >= 64 || u->seen >> behind & 1)
		return false;
	u->seen |= UINT64_C(1) << behind;
	return true;
}

enum nonce_state nonce_use(struct slice nonce, struct slice realm, uint32_t count, nanos wall,
			   nanos lifetime)
{
	uint8_t raw[RAW];
	pthread_once(&once, make_key);
	if (!table || count == 0 || !hash_from_hex(nonce, RAW, raw))
		return NONCE_STALE;
	uint64_t issued = get(raw), now = (uint64_t)(wall / NANOS_PER_MS);
	if (issued > now || now - issued > (uint64_t)(lifetime / NANOS_PER_MS))
		return NONCE_STALE;
	pthread_mutex_lock(&lock);
	struct used *u = find(raw, realm);
	if (!u && is_signed(raw, realm))
		u = take_place(raw, realm);
	bool fresh = u && mark(u, count);
	pthread_mutex_unlock(&lock);
	return fresh ? NONCE_GOOD : NONCE_STALE;
}
