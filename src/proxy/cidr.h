/* Networks: 10.0.0.0/8, 2001:db8::/32, or one address. */
#ifndef PROXY_CIDR_H
#define PROXY_CIDR_H

#include "proxy/config.h"

/* A literal address without a port, in brackets or not. */
bool cidr_read_address(struct slice s, struct address *ret_address);

/* A network as it stands in a file. Bits that are set behind the mask are refused, for they are
 * most often a mask forgotten. -EINVAL and a sentence otherwise. `negated` is never set. */
int cidr_read(struct slice s, struct cidr *ret_net, struct error *err);

bool cidr_holds(const struct cidr *net, const struct address *a);
bool cidr_holds_net(const struct cidr *outer, const struct cidr *inner);

/* Is the address in the list: in one that is not negated (or there is none such), and in none that
 * is? An empty list holds everything. */
bool cidr_list_holds(const struct cidr *list, size_t count, const struct address *a);

#endif
