/* Unix sockets: for the admin door, and for whoever knocks at it. Non-blocking and close-on-exec, as
 * all of net. */
#ifndef NET_LOCAL_H
#define NET_LOCAL_H

#include "base/error.h"

/* A listener at that path, for its owner and group (0660). A socket there that nobody listens to any
 * more is replaced; anything else there is not. */
int net_listen_local(const char *path, struct error *err);

int net_connect_local(const char *path); /* a descriptor, or a negative errno */

#endif
