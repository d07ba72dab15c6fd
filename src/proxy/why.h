/* The memory behind /why: the last exchanges, as rendered, in a ring of bounded size. Lines come in
 * from any worker's thread and are read by the admin door's. */
#ifndef PROXY_WHY_H
#define PROXY_WHY_H

#include "base/address.h"
#include "base/buffer.h"

enum { WHY_LINES = 1024, WHY_LINE = 8192 };

struct why;

struct why *why_new(size_t lines); /* NULL: out of memory */
void why_free(struct why *w);      /* NULL is fine */

/* Keeps a line (up to WHY_LINE bytes, else it is left out) in place of the oldest. */
void why_add(struct why *w, const struct address *client, struct slice line);

/* The lines of that host, whatever its ports, oldest first. none address: all. */
void why_write(struct why *w, const struct address *client, struct buffer *out);

#endif
