/* A server's answer (RFC 1035 section 4.1): the addresses in it and how long they hold. That it is of our
 * question, c-ares has seen to. Private to net. */
#ifndef NET_DNS_ANSWER_H
#define NET_DNS_ANSWER_H

#include "net/dns.h"

struct dns_answer {
	size_t count; /* NET_MAX_ADDRESSES at most; the rest is passed over */
	struct address address[NET_MAX_ADDRESSES];
	uint32_t ttl; /* seconds, the least of them and of the aliases that led there; without any
	                 address how long that is known to be so (RFC 2308 section 5), 0 if unsaid */
};

/* False, and nothing written, if it is broken. */
bool dns_answer_read(struct slice message, enum net_family family, struct dns_answer *ret_answer);

#endif
