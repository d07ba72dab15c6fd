/* The rules as they are kept, for the files that read and judge them (rules_read.c, rules.c). */
#ifndef PROXY_RULES_TABLE_H
#define PROXY_RULES_TABLE_H

#include "proxy/domains.h"
#include "proxy/pattern.h"

struct rule_ports { uint16_t first, last; bool negated; };
struct rule_word { struct slice text; bool negated; }; /* "*": anything */
struct rule_list { const struct domains *domains; bool negated; };

/* A matcher with no entries is not there: it matches. */
struct rule {
	bool allow, trial;
	uint32_t line;
	const char *text; /* "rule at line 12: deny to-list ...", safe to show */
	struct cidr *from;
	struct pattern *to;
	struct rule_list *list;
	struct rule_ports *port;
	struct rule_word *user, *method;
	size_t froms, tos, lists, ports, users, methods;
	struct rule *next;
};

struct rules_file { /* a list, read once however many rules name it */
	const char *path;
	struct domains *domains;
	struct rules_file *next;
};

struct rules { /* in the configuration's arena */
	struct rule *first, **tail;
	struct rules_file *files;
	bool name_users; /* some rule has `user` */
};

#endif
