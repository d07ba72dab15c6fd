/* What of an exchange may be given away: into a ticket, a mail, a page.
 *
 * By a list of what is let through, so that a field that nobody thought of stays at home: of the heads
 * the fields that tell about the path, of URLs no query and no fragment, of pages only what a proxy
 * says when it refuses. Who it was (addresses, the user's name for the proxy) is part of the matter and
 * stays. */
#ifndef TRACE_PUBLISH_H
#define TRACE_PUBLISH_H

#include "base/buffer.h"
#include "trace/exchange.h"

/* The text, with what stands behind ? or # in any of its words left out: one may be a URL, or a part. */
void trace_publish_text(struct buffer *out, struct slice text);

/* Takes out what may not. What had no room to be written anew is empty. */
void trace_publish(struct exchange *x);

#endif
