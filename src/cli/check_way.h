/* Which proxy `viaduct check` goes through, and who it is there: what -x and -U say, else the
 * environment, else the host's settings (viaduct settings). */
#ifndef CLI_CHECK_WAY_H
#define CLI_CHECK_WAY_H

#include "check/choice.h"

enum { WAY_MAX_PASSWORD = 256 };

#define WAY_PASSWORD_VARIABLE "VIADUCT_PROXY_PASSWORD"

struct way_wish {
	const char *proxy, *user; /* of -x and -U, or NULL */
	const char *settings;     /* the path of the host's */
};

/* A way holds secrets: way_done wipes it. Zeroed it holds none. */
struct way {
	struct check_proxy proxy;
	const char *user, *password; /* for the proxy; user NULL: none */
	char asked[WAY_MAX_PASSWORD];
	char asked_for[CHECK_MAX_WORD + 1]; /* whose that is: nobody is asked twice */
};

/* False after a complaint. What way.proxy says may still be that it can't work (its `fault`), or, for a
 * target that is exempt, that it is not used (its `is`). May be called again, for another target. */
bool way_find(struct way *way, const struct way_wish *wish, const struct check_target *target);
void way_done(struct way *way);

#endif
