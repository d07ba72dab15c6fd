/* Destinations that are not the public internet, and IPv4 addresses that hide in IPv6 ones.
 * rules_private_name (rules.h) is the usual question. */
#ifndef PROXY_PRIVATE_H
#define PROXY_PRIVATE_H

#include "proxy/cidr.h"

enum { PRIVATE_MAX_INSIDE = 2 };

/* The IPv4 addresses inside an IPv6 one: compatible, translated, 6to4, Teredo (its server's and its
 * client's), NAT64, ISATAP. Their count; 0 for IPv4 itself (mapped), which needs no unwrapping. */
size_t private_inside(const struct address *a, struct address ret_inside[PRIVATE_MAX_INSIDE]);

/* Is the network one address, or does it lie wholly in one that is not public? Whoever names it means
 * it, as whoever names 0.0.0.0/0 does not. */
bool private_holds_net(const struct cidr *net);

#endif
