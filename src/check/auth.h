/* Credentials: what the proxy says to a request without any, and with them; and where it refuses them
 * by Digest and takes Basic as well, by Basic. How often the password has been refused in this run of
 * the program is counted in one place (check_options.refusals), and ends it at two. */
#ifndef CHECK_AUTH_H
#define CHECK_AUTH_H

#include "check/check.h"

/* seen: the exchanges of the walk, in order. Facts go into the probe of `judged`. Negative errno with
 * err as check_walk has it. */
int check_auth(const struct check_options *options, struct exchange *const *seen, size_t count,
	       struct exchange *judged, struct error *err);

#endif
