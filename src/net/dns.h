/* Names to addresses, without waiting: one a loop. Literal addresses, names that never leave the machine
 * (RFC 6761) and /etc/hosts answer first, then c-ares asks. Answers are kept for their TTL (a second
 * at least, an hour at most), negative ones for what their SOA says (RFC 2308; five minutes at
 * most), failures for 5 s; a bounded number of them, and the idlest goes first. Equal questions
 * under way are asked once.
 *
 * The search list is the system's. Unlike res_search(3), a name that exists without an address of
 * this family ends the search: its other family must not come from another name.
 *
 * /etc/resolv.conf and /etc/hosts are read again when they change (looked at once in 5 s at most,
 * when asked); what was kept is forgotten when the servers change. */
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
	NET_DNS_BAD_NAME,   /* no name that could be asked for: too long, foreign bytes, or a last label
	                       that is a number (no literal either: "127.1", "0x7f000001", "1.2.3.4.") */
	NET_DNS_SHORT,      /* out of memory, descriptors or questions */
};

struct net_addresses {
	enum net_dns_status status;
	size_t count;
	struct address address[NET_MAX_ADDRESSES]; /* port 0 */
};

struct net_dns_options {
	const struct address *server; /* NULL: the system's; port 0: 53. Read during the call only */
	size_t servers;
	size_t cache;                 /* answers at most, those under way too; 0: 4096 */
	nanos timeout;                /* of a whole question; 0: 10 s */
	const char *hosts, *resolv_conf; /* NULL: those in /etc. They outlive the resolver */
};

struct net_dns;
struct net_dns *net_dns_new(struct net_loop *loop, const struct net_dns_options *options,
			    struct error *err);
/* Questions under way are dropped without a word. Not from within `answered`. NULL is fine. */
void net_dns_free(struct net_dns *dns);

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
void net_dns_drop(struct net_question *q); /* not under way is fine */

struct net_dns_counts { /* for the metrics */
	uint64_t asked;  /* questions, all of them */
	uint64_t cached; /* answered by what was kept */
	uint64_t failed; /* put to servers, without an answer about the name */
	size_t kept;     /* answers at present, those under way too */
};
struct net_dns_counts net_dns_counts(const struct net_dns *dns);

const char *net_dns_status_name(enum net_dns_status s);

#endif
