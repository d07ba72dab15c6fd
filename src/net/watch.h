/* Watching as others want it: level-triggered, and for what they say. For libraries that bring their
 * own reading of sockets. Private to net. */
#ifndef NET_WATCH_H
#define NET_WATCH_H

#include "net/loop.h"

/* what: NET_READABLE, NET_WRITABLE or both. May be called again for other events. */
int net_watch_level(struct net_loop *loop, struct net_watch *w, unsigned what);

#endif
