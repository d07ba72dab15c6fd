/* The codes of ICMP's "destination unreachable". */
#ifndef BASE_UNREACHABLE_H
#define BASE_UNREACHABLE_H

#include <stdbool.h>
#include <stdint.h>

/* What a code says of a TCP connection. Hosts refuse one with a RST (RFC 1122, section 4.1.3.1, has the
 * port's code for UDP): so port and protocol are a firewall's words, too. */
enum unreachable { UNREACHABLE_NETWORK, UNREACHABLE_HOST, UNREACHABLE_FORBIDDEN };

const char *unreachable_name(bool v6, uint8_t code); /* "host unreachable"; constant */
enum unreachable unreachable_kind(bool v6, uint8_t code);

#endif
