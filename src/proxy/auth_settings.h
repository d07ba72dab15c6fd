/* How authentication is set up: between the file's `auth` block and auth.h. */
#ifndef PROXY_AUTH_SETTINGS_H
#define PROXY_AUTH_SETTINGS_H

#include "base/error.h"
#include "base/when.h"
#include "http/auth.h"
#include "proxy/users.h"

enum auth_algorithm { AUTH_SHA256, AUTH_MD5, AUTH_ALGORITHMS };

struct auth_settings {
	enum http_scheme scheme[2]; /* in order of preference */
	size_t schemes;
	enum auth_algorithm algorithm[AUTH_ALGORITHMS]; /* of Digest, likewise */
	size_t algorithms;          /* 0: both, as far as the users have hashes for them */
	const char *realm;
	struct users *users;        /* auth_new takes it */
	nanos nonce;                /* how long one is good */
	bool userhash;              /* ask for hashed names (RFC 7616 section 3.4.4) */
	unsigned failures;          /* of one address in a minute; 0: no limit */
};

/* Takes the users, and leaves none in `settings`; copies the rest. NULL: err. */
struct auth *auth_new(struct auth_settings *settings, struct error *err);
void auth_free(struct auth *a); /* wipes; NULL is fine */

void auth_settings_done(struct auth_settings *settings); /* frees users not taken */

#endif
