/* From host and port to a connected socket: resolving and racing addresses as Happy Eyeballs
 * Version 2 has it (RFC 8305): AAAA and A asked at once, 50 ms of grace for AAAA, families in
 * turn, a new attempt each 250 ms or at once when one failed; the first that stands wins. Four
 * attempts run at most; the oldest is given up for a fifth, so that a dial never holds more than
 * four descriptors.
 *
 * With one address (a literal, or a cached answer) it costs the socket, the connect and the watch,
 * and nothing else. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "net/dns.h"
#include "net/loop.h"

enum net_dial_status {
	NET_DIAL_OK,
	NET_DIAL_UNRESOLVED,  /* dns says why */
	NET_DIAL_FORBIDDEN,   /* `allow` took none of the addresses */
	NET_DIAL_REFUSED,     /* RST to the SYN */
	NET_DIAL_UNREACHABLE, /* ICMP, no route */
	NET_DIAL_TIMEOUT,     /* nobody answered in time */
	NET_DIAL_FAILED,      /* anything else: code says what */
	NET_DIAL_SHORT,       /* no descriptor, memory or port left here */
};

struct net_dialed {
	enum net_dial_status status; /* of several failures the most telling one: short before
	                                refused, unreachable, failed, timeout; a family that has
	                                no route from here comes last */
	enum net_dns_status dns;     /* why UNRESOLVED; else OK */
	int code;                    /* negative errno of that failure, 0 */
	unsigned ready;              /* NET_WRITABLE, and what else of it was told already: home will
	                                not hear of that again */
	struct address peer;         /* that was connected to, or that the failure is about */
	unsigned tried;              /* addresses */
	nanos resolved_at;           /* as net_now; NO_TIME for literals, and while unresolved */
	nanos connected_at;          /* or NO_TIME */
};

struct net_dial_options {
	struct slice host; /* name or address literal without brackets; read during the call only */
	uint16_t port;
	nanos timeout; /* for everything from now on */
	const struct address *from; /* to bind to, and of whose family alone addresses are asked for;
	                               NULL. Copied */
	/* May this address be connected to? NULL: all may. Asked once for each; it may be asked from
	   within net_dial, and must not stop the dial. */
	bool (*allow)(void *context, const struct address *a);
	/* Called once, never from within net_dial itself. On success the socket is watched by
	   `home`, which the owner must have set up, and is writable. */
	void (*done)(void *context, const struct net_dialed *d);
	void *context;
	struct net_watch *home;
};

struct net_dial;

/* NULL when there is no memory for it (then done is not called). */
struct net_dial *net_dial(struct net_loop *loop, struct net_dns *dns,
			  const struct net_dial_options *options);
void net_dial_stop(struct net_dial *dial); /* no more calls; closes all; NULL is fine. Not after done */

#endif
