/* What challenges and credentials say, without their secrets (RFC 9110 section 11, RFC 7617,
 * RFC 7616). For observing: scheme and user name; nothing here gives back a password,
 * a response hash or a token. */
#ifndef HTTP_AUTH_H
#define HTTP_AUTH_H

#include "http/head.h"

enum http_scheme {
	HTTP_AUTH_NONE,
	HTTP_AUTH_BASIC,
	HTTP_AUTH_DIGEST,
	HTTP_AUTH_NTLM,
	HTTP_AUTH_NEGOTIATE,
	HTTP_AUTH_BEARER,
	HTTP_AUTH_OTHER,
};

enum { HTTP_MAX_CHALLENGES = 8 };

struct http_challenges {
	struct {
		enum http_scheme scheme;
		bool stale;
	} challenge[HTTP_MAX_CHALLENGES];
	size_t count;
};

/* All challenges of all fields called `name` (Proxy-Authenticate or WWW-Authenticate); several
 * may stand in one field. */
void http_read_challenges(const struct http_fields *fields, struct slice name,
                          struct http_challenges *ret_challenges);

/* Scheme and user of an Authorization or Proxy-Authorization value. The user name is written
 * to `user` (Basic: decoded up to the colon and no further, empty without a colon; Digest: the
 * username parameter; others: empty), cut to fit and NUL-terminated. Foreign bytes: escape
 * before showing. */
enum http_scheme http_read_credentials(struct slice value, char *user, size_t user_size);

/* The parameters of a Digest credential one by one (RFC 9110 section 11.4), for whoever checks it.
 * The value is without quotes, its escapes still in it. Unlike the readers above nothing is
 * passed over: HTTP_BAD for whatever is no name=value between commas; HTTP_MORE: no more are there. */
struct http_param {
	struct slice name, value;
};
enum http_parse http_next_param(struct slice *rest, struct http_param *ret_param);

/* Cuts the scheme off a credential: its name, and what stands behind it. */
enum http_scheme http_cut_scheme(struct slice *rest);

#endif
