/* Addresses to and from the kernel's form. */
#include "net/sockaddr.h"

#include <arpa/inet.h>
#include <netdb.h>

socklen_t sockaddr_of(const struct address *a, union sockaddr_any *ret_sockaddr)
{
	*ret_sockaddr = (union sockaddr_any){ .v6 = { .sin6_family = AF_INET6 } };
	if (address_is_v4(a)) {
		ret_sockaddr->v4.sin_family = AF_INET;
		ret_sockaddr->v4.sin_port = htons(a->port);
		memcpy(&ret_sockaddr->v4.sin_addr, a->ip + 12, 4);
		return sizeof ret_sockaddr->v4;
	}
	ret_sockaddr->v6.sin6_port = htons(a->port);
	memcpy(&ret_sockaddr->v6.sin6_addr, a->ip, 16);
	return sizeof ret_sockaddr->v6;
}

struct address address_of_v4(const void *ip)
{
	struct address a = { .ip = { [10] = 0xff, [11] = 0xff } };
	memcpy(a.ip + 12, ip, 4);
	return a;
}

struct address address_of(const union sockaddr_any *s)
{
	struct address a = { .port = 0 };
	if (s->any.sa_family == AF_INET) {
		a = address_of_v4(&s->v4.sin_addr);
		a.port = ntohs(s->v4.sin_port);
	} else if (s->any.sa_family == AF_INET6) {
		memcpy(a.ip, &s->v6.sin6_addr, 16);
		a.port = ntohs(s->v6.sin6_port);
	}
	return a;
}

bool address_of_found(const struct addrinfo *found, uint16_t port, struct address *ret_address)
{
	union sockaddr_any s = { 0 };
	if ((found->ai_family != AF_INET && found->ai_family != AF_INET6) ||
	    found->ai_addrlen > sizeof s)
		return false;
	memcpy(&s, found->ai_addr, found->ai_addrlen);
	*ret_address = address_of(&s);
	ret_address->port = port;
	return true;
}

bool address_of_literal(struct slice text, struct address *ret_address)
{
	char host[INET6_ADDRSTRLEN];
	uint8_t ip[16];
	if (text.len == 0 || text.len >= sizeof host || slice_find_byte(text, 0) < text.len)
		return false;
	memcpy(host, text.at, text.len);
	host[text.len] = 0;
	if (inet_pton(AF_INET, host, ip) == 1) {
		*ret_address = address_of_v4(ip);
		return true;
	}
	if (inet_pton(AF_INET6, host, ip) != 1)
		return false;
	*ret_address = (struct address){ .port = 0 };
	memcpy(ret_address->ip, ip, sizeof ip);
	return true;
}
