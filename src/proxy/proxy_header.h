/* The PROXY protocol, versions 1 and 2: who is behind the one that connects to us, or whom we
 * connect for. Pure. (HAProxy, doc/proxy-protocol.txt, sections 2.1 and 2.2.) */
#ifndef PROXY_PROXY_HEADER_H
#define PROXY_PROXY_HEADER_H

#include "base/address.h"
#include "http/head.h"

struct proxy_header {
	bool known;              /* false: LOCAL or UNKNOWN, the addresses are the connection's own */
	struct address from, to;
};

/* The header at the start of `in`, either version; *ret_used bytes. HTTP_BAD: there is none, or it
 * is broken. */
enum http_parse proxy_header_read(struct slice in, struct proxy_header *ret_header,
				  size_t *ret_used);

void proxy_header_write(unsigned version, const struct address *from, const struct address *to,
			struct buffer *out);

#endif
