/* What is limited for a client's address over all workers, and the brakes on a connection's speed.
 *
 * The table holds the addresses that have connections, as long as they have any, under one lock
 * that is taken when a connection comes or goes and when a braked one moves bytes. */
#ifndef PROXY_LIMITS_H
#define PROXY_LIMITS_H

#include "base/address.h"
#include "base/when.h"

struct limits;
struct limits_client; /* an address in the table */

struct limits *limits_new(void); /* NULL: out of memory */
void limits_free(struct limits *l);

enum limits_result { LIMITS_OK, LIMITS_TOO_MANY, LIMITS_SHORT };

/* One more connection of that address; most 0: any number. */
enum limits_result limits_enter(struct limits *l, const struct address *client, unsigned most,
				struct limits_client **ret_client);
void limits_leave(struct limits *l, struct limits_client *c); /* NULL is fine */

/* Bytes that may flow now at `rate` bytes a second: a quarter of a second's worth may be saved up. */
struct bucket {
	nanos at;      /* when it was last filled; 0: it is full */
	uint64_t left;
};
uint64_t bucket_level(struct bucket *b, uint64_t rate, nanos now);
void bucket_spend(struct bucket *b, uint64_t bytes);

/* A connection's brake: its own rate and its client's, 0: none. */
struct brake {
	struct limits *limits;
	struct limits_client *client;
	struct bucket own;
	uint64_t own_rate, client_rate;
};
uint64_t brake_level(struct brake *b, nanos now); /* NULL: UINT64_MAX */
void brake_spend(struct brake *b, uint64_t bytes);

#endif
