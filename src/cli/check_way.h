/* Which proxy `viaduct check` goes through, and who it is there: what -x and -U say, else the
 * environment, else the host's settings (viaduct settings). */
#ifndef CLI_CHECK_WAY_H
#define CLI_CHECK_WAY_H

#include "check/choice.h"
#include "settings/settings.h"

enum { WAY_MAX_PASSWORD = 256 };

#define WAY_PASSWORD_VARIABLE "VIADUCT_PROXY_PASSWORD"

struct way_wish {
	const char *proxy, *user; /* of -x and -U, or NULL */
	const char *settings;     /* the path of the host's */
};

/* The password that was asked for, and whose it is: nobody is asked twice. Zeroed it is empty. */
struct purse {
	char user[CHECK_MAX_WORD + 1], password[WAY_MAX_PASSWORD];
};

/* It points into itself and into the purse: both stay where they are, and are wiped when they are not
 * needed any more. */
struct way {
	struct check_proxy proxy;
	const char *user, *password; /* for the proxy; user NULL: none */
};

/* The settings, which are enabled, as a check takes them: what can't work is a fault. */
void way_take_settings(struct check_proxy *p, const struct settings *s, const char *path);

/* False after a complaint. What way->proxy says may still be that it can't work (its `fault`), or that
 * the target goes direct (its `is`), and why (its `said`). */
bool way_find(struct way *way, struct purse *purse, const struct way_wish *wish,
	      const struct check_target *target);

#endif
