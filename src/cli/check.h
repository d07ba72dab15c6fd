/* The walk of viaduct check, for another subcommand that knows the proxy. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "check/choice.h"

/* With all options as they come. Shows the stages and the diagnosis, returns the exit status, and wipes
 * the proxy's record. */
int check_with(struct check_proxy *proxy, const char *url, bool json, bool verbose);

#endif
