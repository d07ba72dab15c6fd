/* The proxy's configuration: a text in, an immutable record out. Whoever uses one holds a
 * reference; a reload makes a new one beside it, and what began under the old one ends under it.
 *
 * Sizes are bytes, spans nanoseconds; 0 is "no limit" wherever the manual says so. */
#ifndef PROXY_CONFIG_H
#define PROXY_CONFIG_H

#include "base/address.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/grammar.h"
#include "base/when.h"

enum { CONFIG_MAX_LISTEN = 32, CONFIG_MAX_PARENTS = 32, CONFIG_MAX_RESOLVERS = 8 };

struct rules;   /* rules.h */
struct domains; /* domains.h */
struct auth;    /* auth.h */

struct cidr { struct address net; uint8_t bits; bool negated; }; /* bits of 128: IPv4 is 96 more */

struct config_listen {
	struct address at;
	bool proxy_protocol;         /* clients of `trusted` begin with a PROXY header */
	struct cidr *trusted;
	size_t trusted_count;
};

enum log_format { LOG_NONE, LOG_TEXT, LOG_JSON };
struct config_log {
	enum log_format format;
	const char *path;            /* "-": standard output; "syslog": there */
};

struct config_parent {
	const char *host;
	uint16_t port;
	const char *user;            /* NULL: none */
	char *password;              /* wiped when the configuration dies; NULL: none */
	struct grammar_word *for_, *except; /* patterns as in a rule's `to`; none: all, none */
	size_t fors, excepts;
	unsigned send_proxy;         /* PROXY protocol version to begin with: 0, 1, 2 */
	bool direct;                 /* `parent direct { for .lan; }`: these go without a parent */
};

enum sni_match { SNI_OFF, SNI_LOG, SNI_DENY };

struct config {
	struct arena *arena;
	_Atomic unsigned refs;
	uint64_t generation;         /* counts reloads */
	const char *path;            /* of the file; NULL: built in */

	struct config_listen listen[CONFIG_MAX_LISTEN];
	size_t listens;
	unsigned workers;            /* 0: one per core */
	const char *user;            /* to become after binding; NULL: stay */
	struct address admin;        /* none: off, unless admin_path */
	const char *admin_path;      /* Unix socket; NULL */
	struct config_log access, error; /* error: text, to standard error unless set */

	const char *name;            /* of this proxy in Proxy-Status and on its pages; "viaduct" */
	const char *pseudonym;       /* in Via: the name where the file gives one, else made up for this
	                                process, so that two proxies in a row don't look like a loop */
	bool via;                    /* send Via; on */
	struct auth *auth;           /* NULL: nobody is asked */
	struct rules *rules;
	bool private_allow;          /* destinations private allow */
	enum sni_match sni;

	struct address resolver[CONFIG_MAX_RESOLVERS];
	size_t resolvers;            /* 0: the system's */
	size_t dns_cache;            /* names; 4096 */

	struct {
		nanos header;        /* a deadline for the whole head; 10 s */
		nanos connect;       /* resolving and connecting; 10 s */
		nanos idle;          /* of a tunnel or a transfer, over both directions; 5 min */
		nanos keepalive;     /* between requests of a client; 60 s */
		nanos origin;        /* an idle connection to an origin is kept; 30 s */
		nanos answer;        /* from the request's end to the answer's head; 5 min */
		nanos lifetime;      /* of a tunnel; 0 none */
		nanos drain;         /* after SIGTERM; 30 s */
	} timeout;
	struct {
		uint64_t response, tunnel; /* bytes of one answer's body; of both ways of a tunnel; 0 */
		uint64_t request;          /* bytes of a request's body; 0 none */
		uint64_t header;           /* bytes of a head; 64k, at most */
		unsigned connections;      /* clients at once; 20000 */
		unsigned per_client;       /* of one address; 0 none */
		unsigned auth_failures;    /* of one address in a minute; 20; 0 none */
		uint64_t bandwidth_client, bandwidth_tunnel; /* bytes a second, both ways together; 0 */
	} limit;

	struct config_parent parent[CONFIG_MAX_PARENTS];
	size_t parents;
};

/* Told of each fault: place (0: none) and one sentence, which does not name the file. */
struct config_faults {
	void (*fault)(void *context, uint32_t line, uint32_t column, const char *text);
	void *context;
};

/* The file's configuration, with the files that it names (users, domain lists, passwords) read;
 * path NULL: the built-in one. Every fault is told; with any, NULL. The caller has one reference. */
struct config *config_load(const char *path, const struct config_faults *faults);
struct config *config_hold(struct config *c);
/* The users' file and the realm that a file names, in the arena; the users' file need not be there.
 * Negative errno with err. */
int config_find_users(const char *path, struct arena *arena, const char **ret_users,
		      const char **ret_realm, struct error *err);
void config_drop(struct config *c); /* the last one frees it, and wipes what is secret; NULL is fine */

#endif
