/* What was asked and what came of it, by name and family. Private to the resolver. */
#ifndef NET_DNS_CACHE_H
#define NET_DNS_CACHE_H

#include "net/dns.h"

/* ASKING -> ANSWERED -> KEPT -> ASKING (anew, when it has expired)
 * Only what is kept may be evicted. */
enum dns_state { DNS_ASKING, DNS_ANSWERED, DNS_KEPT };

struct dns_entry {
	struct dns_entry *same_hash;
	struct dns_entry *newer, *older; /* while kept: by last use */
	struct dns_entry *next;          /* while answered: the next that is to be told */
	struct net_dns *dns;
	struct net_timer deadline;
	struct net_question *waiting;
	nanos expires;
	struct address *address; /* count of them */
	uint32_t hash;
	uint16_t candidate; /* of the search list, the name itself among them */
	uint8_t state, family, status, count;
	bool no_such_name;  /* the name as it stands */
	bool absolute;      /* it ends with a dot */
	uint8_t dots, len;
	char name[];
};

struct dns_cache {
	struct dns_entry **bucket;
	struct dns_entry *oldest, *newest; /* of those kept */
	size_t buckets, count, most;
	uint32_t seed;
};

bool dns_cache_init(struct dns_cache *c, size_t most);
void dns_cache_done(struct dns_cache *c); /* frees all entries, whatever their state */

struct dns_entry *dns_cache_find(const struct dns_cache *c, struct slice name,
				 enum net_family family);
/* A new one, in state ASKING, for which the idlest had to go if there was no room. NULL: all are
 * being asked, or no memory. */
struct dns_entry *dns_cache_add(struct dns_cache *c, struct slice name, enum net_family family);
void dns_cache_keep(struct dns_cache *c, struct dns_entry *e);   /* the newest from now on */
void dns_cache_unkeep(struct dns_cache *c, struct dns_entry *e); /* kept no longer: to be asked anew */
void dns_cache_remove(struct dns_cache *c, struct dns_entry *e);
void dns_cache_forget_kept(struct dns_cache *c);

#endif
