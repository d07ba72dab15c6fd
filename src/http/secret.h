/* Finds the secrets in a stream of bytes that may hold HTTP: the values of credentials and cookies,
 * and userinfo in URLs. For whoever must overwrite them before a capture leaves the house.
 *
 * The stream goes in piece by piece, in order; places come out as offsets from its beginning. Other
 * content (TLS records, bodies) passes through unharmed. */
#ifndef HTTP_SECRET_H
#define HTTP_SECRET_H

#include "base/slice.h"

struct http_secrets {
	uint64_t at;     /* offset of the next byte */
	uint64_t mark;   /* where a secret, or what may be userinfo, began */
	uint8_t state;   /* enum inside secret.c; 0: at the start of a line */
	uint8_t len;     /* of `word` */
	uint8_t text;    /* so many printable bytes just before; saturates */
	bool was_secret; /* the line before: an obsolete folded line goes on with it */
	char word[32];   /* the name, or the last bytes that may be "://" */
};

/* Is a field of this name to be overwritten: Proxy-Authorization, Authorization, Cookie, ...? */
bool http_is_secret_field(struct slice name);

/* found: called with each run of secret bytes [from, to). A run may come in several parts. */
void http_find_secrets(struct http_secrets *s, struct slice bytes,
                       void (*found)(void *context, uint64_t from, uint64_t to), void *context);

/* `len` bytes are missing. Where text stood before them (or nothing: they were the first), what
 * follows up to the end of its line counts as secret: the name of its field may have been among
 * them. */
void http_secrets_gap(struct http_secrets *s, uint64_t len,
                      void (*found)(void *context, uint64_t from, uint64_t to), void *context);

/* No more bytes: what may have been the beginning of userinfo is found, too. */
void http_secrets_end(struct http_secrets *s,
                      void (*found)(void *context, uint64_t from, uint64_t to), void *context);

/* Overwrites userinfo in the URLs of a text with as many stars. cut: the text goes on where it ends
 * here, so that what may be the beginning of userinfo is overwritten too. */
void http_hide_userinfo(uint8_t *text, size_t len, bool cut);

#endif
