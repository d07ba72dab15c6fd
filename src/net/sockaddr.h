/* Addresses as the kernel wants them. */
#ifndef NET_SOCKADDR_H
#define NET_SOCKADDR_H

#include "base/address.h"

#include <netinet/in.h>

union sockaddr_any {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

socklen_t sockaddr_of(const struct address *a, union sockaddr_any *ret_sockaddr);
struct address address_of(const union sockaddr_any *s); /* all zeros for other families */

/* What getaddrinfo found, and whether it is of a family that we speak. */
struct addrinfo;
bool address_of_found(const struct addrinfo *found, uint16_t port, struct address *ret_address);
struct address address_of_v4(const void *ip);           /* four bytes, port 0 */

/* "10.1.2.3" and "2001:db8::1" as inet_pton(3) has them: no port, no brackets, no zone, none of the
 * short and octal forms that inet_aton(3) takes. False, and nothing written, for anything else. */
bool address_of_literal(struct slice text, struct address *ret_address);

#endif
