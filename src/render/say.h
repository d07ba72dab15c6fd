/* Pieces of text that several renderers share: who, what was asked, what an event was. Private to
 * this room.
 *
 * All of it is safe to show: foreign bytes are escaped here, once. Where `utf8` is false nothing
 * outside ASCII comes out. */
#ifndef RENDER_SAY_H
#define RENDER_SAY_H

#include "diagnose/diagnose.h"

/* Foreign bytes. */
void say_foreign(struct buffer *out, struct slice s, bool utf8);

/* Sentences of the diagnosis, which are escaped already: their backslashes stay single. */
void say_own(struct buffer *out, const char *text, bool utf8);

/* Text that is safe already, for HTML and SVG: only what is markup there is replaced. */
void say_html(struct buffer *out, struct slice safe);

/* "10.40.40.1:48716", or "gateway:48716" where the observation has names. */
void say_client(struct buffer *out, const struct exchange *x, bool utf8);
void say_proxy(struct buffer *out, const struct exchange *x, bool utf8);

/* "10.40.40.1:48716 → 10.10.10.1:80" */
void say_pair(struct buffer *out, const struct exchange *x, bool utf8);

/* "CONNECT tools.cisco.com:443"; nothing where no request was seen. */
void say_request(struct buffer *out, const struct exchange *x, bool utf8);

/* "403 Forbidden"; nothing where no answer was seen. */
void say_status(struct buffer *out, const struct exchange *x, bool utf8);

/* "CONNECT tools.cisco.com:443", "SYN, MSS 1460", "sent again, 1440 bytes" */
void say_event(struct buffer *out, const struct exchange *x, const struct event *e, bool utf8);

/* 12345 as "12,345"; "1 byte", "2 bytes" */
void say_count(struct buffer *out, uint64_t n);
void say_counted(struct buffer *out, uint64_t n, const char *one, const char *many);

/* "2025-03-14 11:30:12.517129 UTC"; the clock alone where the text had no date. */
void say_moment(struct buffer *out, const struct exchange *x, nanos at);

/* Text without dates puts its clock on 1970-01-01; then the date means nothing. */
bool say_has_date(const struct exchange *x, nanos at);

const char *say_confidence(enum confidence c); /* in words, what to make of it */
const char *say_tls_version(uint16_t version); /* "1.3"; NULL unknown */

/* "client", "network", "proxy", "origin" where a remedy begins with "on the proxy:" or the like;
 * *ret_rest is what to do. NULL, and the whole text, where it names no side. */
const char *say_side(const char *remedy, const char **ret_rest);

#endif
