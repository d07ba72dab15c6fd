/* The door of `viaduct check --every`: GET /metrics and GET /healthz, over HTTP/1.1, one request a
 * connection, for a scraper or two.
 *
 * Where it listens on a loopback address it answers only to a Host that is an address or localhost, so
 * that a page in a browser does not reach it by a name that it made point here. Connections, heads and
 * times are bounded. It belongs to its loop's thread. */
#ifndef CLI_CHECK_DOOR_H
#define CLI_CHECK_DOOR_H

#include "base/address.h"
#include "base/buffer.h"
#include "net/loop.h"

struct door;

struct door_pages {
	void (*metrics)(void *context, struct buffer *out);
	bool (*healthy)(void *context); /* 200, or 503 */
	void *context;
};

/* "127.0.0.1:9100", "[::1]:9100"; "9100" and ":9100" are ports of 127.0.0.1. 0: the kernel picks. */
bool door_read_address(const char *text, struct address *ret_address);

/* Says on standard error where it listens. NULL with err. */
struct door *door_open(struct net_loop *loop, const struct address *at,
		       const struct door_pages *pages, struct error *err);
void door_close(struct door *d); /* at once, with all who are in it; NULL is fine */

#endif
