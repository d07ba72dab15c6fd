/* Names to addresses, without waiting: one a loop. c-ares asks, /etc/hosts first; answers are kept
 * for their TTL (a minute at the least for none, an hour at most), negative ones too (RFC 2308),
 * a bounded number of them; the idlest goes first. Equal questions under way are asked once.
 *
 * /etc/resolv.conf and /etc/hosts are read again when they change (looked at once in 5 s at most,
 * when asked). */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "base/address.h"
#include "net/loop.h"

enum { NET_MAX_ADDRESSES = 16, NET_MAX_NAME = 253 };

enum net_family { NET_V4, NET_V6 };

enum net_dns_status {
	NET_DNS_OK,
	NET_DNS_NO_NAME,    /* NXDOMAIN */
	NET_DNS_NO_ADDRESS, /* the name is there, no address of that family */
	NET_DNS_TIMEOUT,
	NET_DNS_REFUSED,    /* SERVFAIL, REFUSED, no server to be reached */
	NET_DNS_BAD_NAME,   /* no name that could be asked for */
	NET_DNS_SHORT,      /* out of memory, descriptors or questions */
};

struct net_addresses {
	enum net_dns_status status;
	size_t count;
	struct address address[NET_MAX_ADDRESSES]; /* port 0 */
};

struct net_dns_options {
	const struct address *server; /* NULL: the system's */
	size_t servers;
	size_t cache;                 /* names at most; 0: 4096 */
	nanos timeout;                /* of a whole question; 0: 10 s */
};

struct net_dns;
struct net_dns *net_dns_new(struct net_loop *loop, const struct net_dns_options *options,
			    struct error *err);
void net_dns_free(struct net_dns *dns); /* questions under way are dropped without a word */

/* One question; stands in its owner. */
struct net_question {
	void (*answered)(struct net_question *q, const struct net_addresses *answer);
	struct net_question *next; /* private, as what follows */
	void *asked;
};

/* True: `answered` was called already, before this returned (cache, hosts file, a bad name).
 * Otherwise it will be, unless net_dns_drop comes first. The name is copied. */
bool net_dns_ask(struct net_dns *dns, struct slice name, enum net_family family,
		 struct net_question *q);
void net_dns_drop(struct net_dns *dns, struct net_question *q); /* not under way is fine */

/* For the metrics. */
struct net_dns_counts { uint64_t asked, cached, failed; size_t kept; };
struct net_dns_counts net_dns_counts(const struct net_dns *dns);

const char *net_dns_status_name(enum net_dns_status s);

#endif
