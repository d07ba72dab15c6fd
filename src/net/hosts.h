/* The hosts file, read whole. Private to net. */
#ifndef NET_HOSTS_H
#define NET_HOSTS_H

#include "net/dns.h"

struct hosts;

/* A file that is not there is an empty one; of one beyond 64 MiB nothing is read. NULL: no memory. */
struct hosts *hosts_load(const char *path);
void hosts_free(struct hosts *h); /* NULL is fine */

/* False when the file does not have the name. Otherwise it alone answers: NO_ADDRESS where it has
 * none of that family. The name is in lower case, without a dot at its end. */
bool hosts_find(const struct hosts *h, struct slice name, enum net_family family,
		struct net_addresses *ret_addresses);

#endif
