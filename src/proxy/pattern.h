/* A destination as rules and parents write it: a name, *.suffix (what is below it), .suffix (it and
 * what is below it), * (everything), an address, a network; !before any of them: not that. */
#ifndef PROXY_PATTERN_H
#define PROXY_PATTERN_H

#include "proxy/cidr.h"

enum pattern_kind { PATTERN_ALL, PATTERN_NAME, PATTERN_BELOW, PATTERN_WITHIN, PATTERN_NET };

struct pattern {
	enum pattern_kind kind;
	bool negated;
	struct slice name; /* without its dot; borrowed from the text */
	struct cidr net;
};

/* -EINVAL and a sentence for what is none. */
int pattern_read(struct slice text, struct pattern *ret_pattern, struct error *err);

/* Whether it holds; MAYBE: that depends on an address not known yet. Ordered. */
enum match { MATCH_NO, MATCH_MAYBE, MATCH_YES };

struct pattern_target {
	struct slice host;             /* a name, or the text of an address */
	const struct address *address; /* what the host is, or was resolved to; NULL: not known */
	bool never;                    /* the address will never be known */
};

/* inside: a network also holds what has one of its IPv4 addresses inside. Negation is left to the
 * caller. */
enum match pattern_match(const struct pattern *p, const struct pattern_target *t, bool inside);

#endif
