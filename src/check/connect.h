/* The way to the proxy's socket: its name's addresses, and a connection to one of them. Each address
 * is tried; one that has not answered within a second no longer holds up the next. */
#ifndef CHECK_CONNECT_H
#define CHECK_CONNECT_H

#include "base/address.h"
#include "base/error.h"
#include "base/when.h"
#include "net/socket.h"

enum { CHECK_MAX_ADDRESSES = 16 };

struct check_addresses {
	struct address address[CHECK_MAX_ADDRESSES];
	size_t count;
	char fault[200]; /* what the resolver said, where there is none */
	bool failed;     /* ... of itself, and not of the name */
};

/* As all of this host's programs ask (nsswitch.conf), for so long. False where there is none. */
bool check_resolve(const char *host, uint16_t port, nanos patience,
		   struct check_addresses *ret_addresses);

enum check_reach { REACH_UNTRIED, REACH_UNDER_WAY, REACH_CONNECTED, REACH_REFUSED, REACH_UNREACHABLE,
                   REACH_SILENT };

struct check_attempt {
	struct address to;
	enum check_reach how;
	int code;            /* negative errno */
	bool told;           /* by ICMP that it is unreachable: */
	struct net_icmp icmp;
	uint32_t syns;
	nanos begun, ended;  /* wall clock */
	int fd;
};

struct check_attempts {
	struct check_attempt attempt[CHECK_MAX_ADDRESSES];
	size_t count;
};

/* The connected socket, the caller's; or -1 when no address was to be reached within `patience`,
 * counted for each from its own first SYN. mss: as net_connect_small has it; 0: none.
 * *ret_made: the attempt that made it. */
int check_connect(const struct check_addresses *addresses, uint32_t mss, nanos patience,
		  struct check_attempts *ret_attempts, size_t *ret_made);

const char *check_reach_name(enum check_reach how);

/* Since 1970, in whole microseconds, never running backwards but by check_set_clock, which sets it by
 * the wall clock anew: for whoever keeps checking for weeks, while no walk is under way. */
nanos check_now(void);
void check_set_clock(void);

#endif
