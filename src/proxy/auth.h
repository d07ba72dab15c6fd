/* Proxy authentication: Basic (RFC 7617) and Digest (RFC 7616: SHA-256 and MD5, qop=auth). Nonces are
 * signed with a key that all workers (and a binary that is handed over to) share, so that none of
 * them is kept; replay of a nonce count is caught by a bounded window.
 *
 * Passwords are compared in constant time, wiped after use, never kept but as a keyed hash in the
 * bounded cache of successes. A slow hash (bcrypt, yescrypt, SHA-crypt) is checked by a small pool
 * of threads. Everything here may be called from any worker's thread. */
#ifndef PROXY_AUTH_H
#define PROXY_AUTH_H

#include "base/buffer.h"
#include "http/head.h"
#include "net/loop.h"
#include "proxy/config.h"

enum auth_result {
	AUTH_OK,
	AUTH_MISSING,   /* no credentials */
	AUTH_WRONG,     /* unknown user, wrong password, broken syntax, another scheme */
	AUTH_STALE,     /* right, but the nonce is too old or was used: try again with a new one */
	AUTH_LIMITED,   /* too many failures of this client's address: not even looked at (429) */
	AUTH_WAIT,      /* being checked by another thread: `done` will be called */
	AUTH_BUSY,      /* the pool's queue is full (503) */
};

enum { AUTH_MAX_USER = 128 };

/* A check under way; stands in its owner. */
struct auth_check {
	void (*done)(struct auth_check *check, enum auth_result result); /* in the loop's thread */
	char user[AUTH_MAX_USER]; /* who it is (or claims to be); NUL-terminated foreign bytes */
	uint8_t scheme;           /* enum http_scheme */
	void *job;                /* private; NULL: none under way */
};

/* The Proxy-Authorization of a request. wall: UTC. On AUTH_WAIT `check` must live until `done`
 * or auth_forget, and nothing of `a` or `request` is needed any more. */
enum auth_result auth_ask(struct auth *a, struct net_loop *loop, const struct http_request *request,
			  const struct address *client, nanos wall, struct auth_check *check);
void auth_forget(struct auth_check *check); /* its owner goes; none under way is fine */

/* Starts the threads that check slow hashes; for whoever will ask from threads that may start none. */
void auth_start_threads(void);

bool auth_knows(const struct auth *a, struct slice user); /* is there one of that name? */

/* The Proxy-Authenticate fields of a 407, each with its CRLF, in the file's order. */
void auth_challenge(struct auth *a, struct buffer *out, nanos wall, bool stale);

#endif
