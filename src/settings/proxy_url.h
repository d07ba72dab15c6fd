/* A proxy as tools name it: "[scheme://][user[:password]@]host[:port][/...]". */
#ifndef SETTINGS_PROXY_URL_H
#define SETTINGS_PROXY_URL_H

#include "base/buffer.h"

/* Slices lie in the value. All that stands before the last @ counts for user and password, however
 * wrong it is written, so that no part of a secret is ever taken for a host. */
struct proxy_url {
	struct slice scheme; /* empty: none is said */
	struct slice user, password; /* as written */
	bool has_user, has_password;
	struct slice host; /* without brackets */
	uint32_t port;     /* 0: none is said */
	bool unescaped;    /* there is a character in user or password that has to be written %XX */
	const char *fault; /* why nobody can use it; then host and port say nothing. NULL */
};

void proxy_url_read(struct slice value, struct proxy_url *ret_url);

/* %XX undone. */
void proxy_url_unescape(struct buffer *out, struct slice s);

/* For people: "user@host:port", "https://[::1]:443"; foreign bytes escaped, never a password. */
void proxy_url_add_shown(struct buffer *out, const struct proxy_url *url);

#endif
