/* What authentication remembers from request to request, one for the process, all of it bounded:
 * the key, the nonces that were used, the passwords that were right, the failures of addresses.
 * Every function may be called from any thread. */
#ifndef PROXY_AUTH_STATE_H
#define PROXY_AUTH_STATE_H

#include "base/address.h"
#include "base/when.h"
#include "proxy/auth_settings.h"

/* HMAC-SHA-256 of the pieces with the process's key (auth_nonce.c). */
void auth_mac(const struct slice *part, size_t parts, uint8_t ret_mac[HASH_MAX]);

/* ---- nonces (auth_nonce.c): time, number, and a MAC of both with the realm ------------------------ */

enum { NONCE_HEX = 64 };

/* A new one, which no other has. */
void nonce_make(struct slice realm, nanos wall, uint8_t ret_nonce[NONCE_HEX]);

enum nonce_state {
	NONCE_GOOD,   /* and this count of it is used now */
	NONCE_STALE,  /* not ours, too old, or this count was used before */
};

/* To be asked when the credentials are right, for it takes a place in the table. */
enum nonce_state nonce_use(struct slice nonce, struct slice realm, uint32_t count, nanos wall,
			   nanos lifetime);

/* ---- passwords that were right (auth_cache.c) ------------------------------------------------------ */

/* Stands for a user, a password and the hash it was checked against; of no use without the key. */
struct cache_mark { uint8_t mac[HASH_MAX]; };
struct cache_mark cache_mark(struct slice user, struct slice password, const char *hash);
bool cache_has(const struct cache_mark *m);
void cache_add(const struct cache_mark *m);

/* ---- failures (auth_limit.c): of an IPv4 address, or of the /64 of an IPv6 one, in a minute ------- */

bool limit_reached(const struct address *client, unsigned limit, nanos wall);
void limit_note(const struct address *client, nanos wall);

/* ---- slow checks (auth_pool.c) ------------------------------------------------------------------- */

struct auth_check;
struct net_loop;

struct pool_job {
	struct cache_mark mark; /* equal ones under way are checked once */
	const char *hash, *password;
	bool known;             /* false: for the time it takes alone; the answer is no */
	struct address client;
	nanos wall;
};

/* Copies what it needs. False: the queue is full, or there is no memory or thread. Sets check->job. */
bool pool_check(const struct pool_job *job, struct net_loop *loop, struct auth_check *check);

/* ---- the schemes (auth_basic.c, auth_digest.c) --------------------------------------------------- */

struct auth_question {
	const struct auth_settings *settings;
	const struct http_request *request;
	struct slice value;     /* of the field, behind its scheme */
	const struct address *client;
	nanos wall;
	struct net_loop *loop;
	struct auth_check *check;
};

int auth_ask_basic(const struct auth_question *q);  /* enum auth_result */
int auth_ask_digest(const struct auth_question *q);

/* Which algorithms are offered, in order; their count. */
size_t auth_offered(const struct auth_settings *s, enum auth_algorithm ret_offered[AUTH_ALGORITHMS]);

#endif
