/* The console: a page for whoever looks after this host, and the API that all of it goes through
 * (doc/console-api.json), served by libmicrohttpd from one process.
 *
 * The console asks for a login, keeps the history open, shows and changes the host's settings. What needs
 * other rooms' work it does through the functions in console_work, which `cli` wires; they are called
 * from any of its threads, `test` from one at a time.
 *
 * Its folder holds, each for its owner alone: `users` (names, roles and hashes of passwords), `history`
 * (store/store.h), `audit` (a line of JSON for each change). */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include "base/address.h"
#include "base/error.h"
#include "settings/settings.h"
#include "store/store.h"
#include "trace/exchange.h"

/* One walk along the path, as it goes; texts are safe to show. */
struct console_walk {
	void (*begin)(void *context, const char *stage);
	void (*stage)(void *context, const char *stage, const char *result, nanos took,
	              const char *seen);
	/* Each exchange; `decisive`: the one that tells how it went, which comes last. The owner of these
	   functions frees it. */
	void (*exchange)(void *context, struct exchange *x, bool decisive);
	void *context;
};

struct console_work {
	/* Asks for url through the proxy of these settings. */
	int (*test)(const struct settings *s, const char *url, bool head, nanos patience,
	            const struct console_walk *walk, struct error *err);
	/* Reads a capture from a descriptor that is the caller's; each exchange is the callback's to free. */
	int (*read)(int fd, const char *name, void (*exchange)(void *context, struct exchange *x),
	            void *context, struct error *err);
	/* Members of a list of JSON: profiles, each with what it wants to be reached. */
	void (*profiles)(struct buffer *out);
	/* This host's connections to the proxy: objects of JSON, a line each. */
	int (*connections)(struct slice host, uint16_t port, struct buffer *out, struct error *err);
};

struct console_options {
	struct address listen;        /* port 0: the kernel's choice */
	const char *const *name;      /* by which browsers may call it, besides its addresses */
	size_t names;
	const char *cert, *key;       /* PEM files; NULL: plain HTTP */
	const char *folder;           /* made where it is missing */
	const char *log;              /* the access log of a proxy here, in JSON, to be followed; or NULL */
	const char *settings, *root;  /* the settings file; where the tools' files are ("": this machine) */
	const char *target;           /* what a test asks for unless told otherwise */
	struct store_limits keep;     /* oldest: how long, here */
	uint64_t most_capture;        /* bytes of a dropped file */
	struct console_work work;
};

struct console;

/* Listens, and serves from threads of its own until console_stop. NULL with err. *ret_port: where. */
struct console *console_start(const struct console_options *options, uint16_t *ret_port,
                              struct error *err);
void console_stop(struct console *c); /* a test under way is waited for; NULL is fine */

/* To be called every minute or so: forgets what is too old. And every few seconds: takes into the history
 * what the log has got since, some megabytes at most. */
int console_tidy(struct console *c, nanos now, struct error *err);
int console_follow(struct console *c, struct error *err);

/* ---- who may log in; also without a console ------------------------------------------------- */

enum console_role { CONSOLE_VIEW, CONSOLE_CHANGE };

enum { CONSOLE_LEAST_PASSWORD = 8, CONSOLE_MOST_PASSWORD = 512, CONSOLE_MOST_USER = 64 };

/* How many users there are; negative errno. */
int console_count_users(const char *folder, struct error *err);
/* Adds or changes one; the password is hashed with yescrypt. password NULL: removes it. */
int console_set_user(const char *folder, const char *name, enum console_role role,
                     const char *password, struct error *err);

#endif
