/* What a name is before anybody is asked. Private to net. */
#ifndef NET_DNS_NAME_H
#define NET_DNS_NAME_H

#include "net/dns.h"

enum dns_kind {
	DNS_ASK,      /* a name to ask servers for */
	DNS_LITERAL,  /* an address */
	DNS_LOOPBACK, /* localhost and what is below it (RFC 6761 section 6.3) */
	DNS_NEVER,    /* no server must be asked: invalid (RFC 6761 section 6.4), onion (RFC 7686) */
	DNS_BAD,
};

struct dns_name {
	char text[NET_MAX_NAME + 2]; /* lower case; with the dot at its end, if there was one */
	size_t len;
	unsigned dots;
	bool absolute; /* the dot at the end */
	struct address literal;
};

enum dns_kind dns_name_read(struct slice in, struct dns_name *ret_name);

#endif
