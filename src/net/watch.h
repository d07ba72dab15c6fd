/* Watching as others in net want it. Private to net. */
#ifndef NET_WATCH_H
#define NET_WATCH_H

#include "base/address.h"
#include "net/loop.h"

/* Level-triggered, and for what they say: for libraries that bring their own reading of sockets.
 * what: NET_READABLE, NET_WRITABLE or both. May be called again for other events. */
int net_watch_level(struct net_loop *loop, struct net_watch *w, unsigned what);

/* net_connect and net_watch_add in one, with a socket that was retired if there is one. Negative
 * errno; w->fd is -1 then. */
int net_watch_connect(struct net_loop *loop, struct net_watch *w, const struct address *to,
		      const struct address *from);

#endif
