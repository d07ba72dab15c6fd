/* Which proxy is meant: as an argument says, or as curl takes it from the environment. */
#ifndef CLI_WHICH_PROXY_H
#define CLI_WHICH_PROXY_H

#include "base/address.h"
#include "base/error.h"

enum { WHICH_MOST_ADDRESSES = 32, WHICH_MOST_VARIABLES = 2 };

struct which_proxy {
	char host[256]; /* a name or an address, without brackets; safe to show */
	uint16_t port;  /* 0: it was not said */
	bool tls;       /* https:// */
	char from[48];  /* "http_proxy and all_proxy"; empty: an argument */
};

/* "[scheme://][user[:password]@]host[:port][/...]". What stands before the @ is passed over, and is
 * never shown. */
int which_proxy_read(struct slice text, struct which_proxy *ret_proxy, struct error *err);

/* The proxies that curl would use for http and for https URLs, each once, with the port that it takes
 * where none is said (443 for https://, else 1080). Their number; negative where a variable
 * makes no sense. */
int which_proxy_from_environment(struct which_proxy ret_proxy[WHICH_MOST_VARIABLES],
                                 struct error *err);

/* All its addresses, of both families; asks the resolver, and waits. Their number, or negative. */
int which_proxy_resolve(const struct which_proxy *p,
                        struct address ret_address[WHICH_MOST_ADDRESSES], struct error *err);

#endif
