/* An IP address with a port. IPv4 stands in IPv6 as RFC 4291 section 2.5.5.2 maps it
 * (::ffff:a.b.c.d), so that there is one form to compare and to hash. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include "base/buffer.h"

struct address {
	uint8_t ip[16];
	uint16_t port; /* host order; 0: none */
};

/* Of four bytes as they stand on the wire. */
static inline struct address address_from_v4(const uint8_t *ip, uint16_t port)
{
	return (struct address){ .ip = { [10] = 0xff, 0xff, ip[0], ip[1], ip[2], ip[3] }, .port = port };
}

bool address_equal(const struct address *a, const struct address *b);
bool address_same_host(const struct address *a, const struct address *b);
bool address_is_v4(const struct address *a);
bool address_is_none(const struct address *a); /* all zeros */
bool address_is_loopback(const struct address *a); /* 127.0.0.0/8, ::1 */

/* "10.1.2.3:80", "[2001:db8::1]:80" (RFC 5952); without the port where it is 0. */
void address_add(struct buffer *out, const struct address *a);
void address_add_host(struct buffer *out, const struct address *a); /* no port, no brackets */

/* Reads the forms above, literal addresses only. False when it is none. */
bool address_parse(struct slice s, struct address *ret_address);

#endif
