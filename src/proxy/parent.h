/* Parents: which one a request goes to, and what it takes to be let in there. */
#ifndef PROXY_PARENT_H
#define PROXY_PARENT_H

#include "http/head.h"
#include "proxy/config.h"

/* The first parent from index *place on that serves this destination, and *place moves behind it;
 * NULL: none any more. *ret_direct: it is to be reached without a parent (a `parent direct`, or no
 * parent serves it at all). */
const struct config_parent *parent_next(const struct config *c, struct slice host,
					const struct address *literal, size_t *place,
					bool *ret_direct);

/* A whole Proxy-Authorization field with CRLF, Basic; empty when the parent wants none of us. NULL:
 * out of memory. The caller wipes and frees it (parent_forget). */
char *parent_basic(const struct config_parent *p);
/* The answer to a parent's 407 by Digest (Basic was sent unasked, and not taken); NULL: there is
 * nothing that we could say. */
char *parent_answer(const struct config_parent *p, const struct http_response *challenge,
		    struct slice method, struct slice uri);
/* Did the parent make this answer itself (to a request other than CONNECT), and not pass it on? */
bool parent_made(const struct http_response *r);
void parent_forget(char *field); /* NULL is fine */

#endif
