/* Who may ask for what: the access rules. First match wins; what no rule matches is denied where
 * there are rules, and decided by "loopback clients only" where there are none.
 *
 * Pure. A request is judged twice: with the name before anything is resolved, and with each address
 * before it is connected to, so that a name cannot lead to where its address may not. The first
 * judgement refuses only what no address could make right; the second is the whole one, and all its
 * answers, RULES_AUTH too, are possible. Where a parent resolves, there is but the first:
 * `unresolved` tells it so, and rules on networks then match no name.
 *
 * Where somebody has to authenticate (an `auth` block) and no rule says who (`user`), everybody has
 * to. */
#ifndef PROXY_RULES_H
#define PROXY_RULES_H

#include "proxy/config.h"

struct rules_ask {
	struct address client;
	struct slice user;   /* authenticated; empty: nobody */
	struct slice method; /* "CONNECT", "GET", ... */
	struct slice host;   /* lower case, no brackets, no dot at the end */
	uint16_t port;
	bool connect;
	bool unresolved;     /* the name goes to a parent as it is: rules_decide alone is asked */
};

enum rules_reason {
	RULES_ALLOWED,
	RULES_RULE,        /* a rule of the file denied: `line` */
	RULES_NO_MATCH,    /* no rule matched */
	RULES_LOOPBACK,    /* no rules: loopback clients only */
	RULES_PORT,        /* CONNECT to another port than 443, and no rule names a port */
	RULES_PRIVATE,     /* the destination is private, loopback, link-local, ... */
	RULES_AUTH,        /* a rule with `user` could match: credentials are wanted first */
};

struct rules_answer {
	enum rules_reason reason;
	uint32_t line;          /* of the rule that decided; 0 none */
	uint32_t trial_line;    /* a trial rule that would have denied; 0 none */
	bool allow_private;     /* the rule named an address or network that holds it outright */
	char text[200];         /* "rule at line 12: deny to-list ..."; escaped, for people */
};

void rules_decide(const struct config *c, const struct rules_ask *ask, struct rules_answer *ret);

/* The second question, for an address the name led to (or a literal: then it may be left out, for
 * rules_decide has judged it). A trial that `first` met is kept. */
void rules_decide_address(const struct config *c, const struct rules_ask *ask,
			  const struct rules_answer *first, const struct address *to,
			  struct rules_answer *ret);

/* Does any rule name users? Where none does they differ in nothing but that somebody is known. */
bool rules_name_users(const struct config *c);

/* "private", "loopback", "link-local", "shared", "metadata", "multicast", ... for what may not be a
 * destination by default; NULL for the public. IPv4 inside IPv6 (mapped, compatible, 6to4,
 * Teredo, NAT64) is unwrapped. */
const char *rules_private_name(const struct address *a);

/* Does a pattern (name, .suffix, *.suffix, *, address, CIDR, !negated) match? As in `to`, `for`,
 * `except`. */
bool rules_pattern_matches(struct slice pattern, struct slice host, const struct address *literal);

#endif
