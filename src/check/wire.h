/* A connection to the proxy with somebody listening in.
 *
 *     libcurl <--Unix socket--> wire <--TCP, or TLS over it--> proxy
 *                                |
 *                             observe
 *
 * libcurl connects to the wire instead of the proxy, and takes that for its connection. So every byte of the conversation passes here as it
 * is on the network (or, where the proxy is spoken to in TLS, inside of that), ends and resets are
 * seen as they come, and the exchange is the one that a capture would give. It costs a copy.
 *
 * A wire owns its sockets and its conversation; finished exchanges go to the owner. */
#ifndef CHECK_WIRE_H
#define CHECK_WIRE_H

#include "check/connect.h"
#include "check/libs.h"
#include "net/socket.h"
#include "trace/exchange.h"

/* Of a refusal's page so much is looked at: styles and scripts come first in some. */
enum { WIRE_PAGE = 32 << 10 };

struct wire;

struct wire_options {
	const struct check_libs *libs;
	struct check_attempt made; /* its socket becomes the wire's */
	SSL *outer;                /* TLS with the proxy, shaken already; the wire's. NULL: none */
	bool keep_heads;
	uint64_t pace;             /* bytes a second that are read from the proxy at most; 0: all */
	bool quiet;                /* not even keep-alive probes */
	void (*done)(void *context, struct exchange *x); /* who frees it */
	void *context;
};

/* NULL when out of memory or descriptors; then the socket is closed, too. */
struct wire *wire_new(const struct wire_options *options);
void wire_free(struct wire *w); /* NULL is fine; ends it first */

/* The socket for libcurl, which closes it, and where it is to connect that. Once; negative errno. */
int wire_take_end(struct wire *w, struct curl_sockaddr *address);

/* What to wait for; room for two. */
unsigned wire_waits(const struct wire *w, struct curl_waitfd *ret_fds);
/* Moves what can be moved. */
void wire_pump(struct wire *w);

/* Says something in libcurl's stead, in a segment of its own. False: not now. */
bool wire_say(struct wire *w, struct slice bytes);

/* When it is to be pumped again, though nothing happens: a pace is kept. INT64_MAX: never. */
nanos wire_due(const struct wire *w);

bool wire_closed(const struct wire *w, bool *ret_reset); /* by the proxy's side, and not by ours before */
nanos wire_heard(const struct wire *w); /* when the last byte came from the proxy */
bool wire_unacknowledged(const struct wire *w); /* what was sent is, still */
nanos wire_active(const struct wire *w);       /* when a byte or an end last passed */
bool wire_over(const struct wire *w);          /* both sides have ended it, or one reset it */
struct exchange *wire_now(const struct wire *w); /* the exchange under way, borrowed; NULL: none */

bool wire_facts(const struct wire *w, struct net_facts *ret_facts); /* of its connection to the proxy */

/* libcurl has taken all of an answer, whatever its framing looks like from here. */
void wire_whole(struct wire *w);

/* The observation ends. gave_up: because we wait no longer, and so close it. Else as it stands. */
void wire_end(struct wire *w, bool gave_up);

/* What is known of a connection before any word on it: into a new exchange. */
void wire_note_attempt(struct exchange *x, const struct check_attempt *made);

#endif
