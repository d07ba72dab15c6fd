/* What the proxy remembers of an exchange: enough to hand over the same record that a capture of
 * it would give. The bytes of heads and the first ones of a tunnel go through `observe`; what
 * comes after is counted. A tunnel that has grown quiet keeps its record packed (some 180 bytes).
 *
 * One recorder a worker. When nobody wants records (no access log, no admin door), record_begin
 * gives NULL, and every function takes NULL and does nothing. */
#ifndef PROXY_RECORD_H
#define PROXY_RECORD_H

#include "http/head.h"
#include "net/loop.h"
#include "net/socket.h"
#include "proxy/challenge.h"
#include "proxy/metrics.h"
#include "trace/exchange.h"

struct recorder;
struct record;

struct recorder_options {
	bool wanted;
	bool heads; /* keep heads (secrets overwritten), for /why */
	struct challenges *challenges; /* of all workers; NULL: a 407 and its retry are not linked */
	struct metrics *metrics; /* the worker's: the recorder counts in it; NULL: nowhere */
	/* A finished exchange; it is freed afterwards. Called in the worker's thread. */
	void (*done)(void *context, const struct exchange *x);
	void *context;
};

struct recorder *recorder_new(struct net_loop *loop, const struct recorder_options *options);
void recorder_free(struct recorder *r);
void recorder_want(struct recorder *r, bool wanted); /* from the next request on */

/* A request begins: its first byte is here. reused: it is not the first of its connection. */
struct record *record_begin(struct recorder *r, const struct address *client,
			    const struct address *proxy, nanos accepted, bool reused);

/* Bytes of the conversation between client and proxy, as they were received from the client
 * (CLIENT) or handed to its socket (PROXY). */
void record_bytes(struct record *r, enum trace_side side, struct slice bytes);
/* The same of the client's head, where it was read already. */
void record_request(struct record *r, const struct http_request *request, struct slice head);
/* So many further bytes of a body or a tunnel that nobody looked at. (Whatever goes through the
 * proxy's memory anyhow is better given to record_bytes, chunk framing with it.) */
void record_count(struct record *r, enum trace_side side, uint64_t bytes);
/* Does it still want to see bytes (so that they are better copied than spliced)? False for good
 * once the handshake in a tunnel is over or is none. */
bool record_curious(const struct record *r);
/* The server name of the ClientHello in the tunnel: empty until it is whole, or when there is none.
 * ret_over: nothing more will come (no TLS, ECH, or whole). */
struct slice record_sni(const struct record *r, bool *ret_over);

/* What only the proxy itself knows. Texts are constant or copied. */
void record_user(struct record *r, enum trace_scheme scheme, const char *user);
void record_dialed(struct record *r, const struct address *origin, nanos resolved_at,
		   nanos connected_at, enum trace_outcome outcome, bool reused);
void record_origin_said(struct record *r); /* the first byte of its answer */
void record_parent(struct record *r); /* that is a parent proxy's address */
/* What its connection came to once it was made: RESET or CLOSED by the origin, SILENT. */
void record_onward(struct record *r, enum trace_outcome outcome);
/* A time-out strikes while there is more of that side's that its receiver does not take. */
void record_untaken(struct record *r, enum trace_side side);
void record_trial(struct record *r, const char *text); /* which rule on trial would have denied it */

/* Why the proxy refused or cut: a stable name ("rule", "private", "limit-response",
 * "timeout-idle", ...), and the sentence for people. What struck first stays. */
enum record_deed {
	RECORD_NOTED,  /* nothing was done about it */
	RECORD_ANSWER, /* the proxy answers in the origin's stead */
	RECORD_PARENT, /* a parent did, and that is passed on */
	RECORD_CUT,    /* what was under way ends */
};
void record_why(struct record *r, enum record_deed deed, const char *name, const char *text);

/* The sockets that carry it, so that /connections can ask them for facts; -1: none (any more). Said
 * anew whenever that changes, before a descriptor is closed. */
void record_sockets(struct record *r, int client, int origin);

/* Facts of the client's socket, for record_end: the kernel's, or those of a moment ago where the same
 * connection was asked then, since requests that are kept alive come by the thousand. */
bool record_client_facts(struct record *r, struct net_facts *ret_facts);

/* A side ended it: kind EV_FIN or EV_RST. PROXY: our side did, because the origin ended (no
 * record_why), or on our own account (record_why before it). */
void record_closed(struct record *r, enum event_kind kind, enum trace_side side);

/* It is over: facts of both legs (NULL: not known; copied). The record goes to `done` when the loop's
 * round ends, at the latest; r is no longer the caller's. NULL is fine. */
void record_end(struct record *r, const struct net_facts *client, const struct net_facts *origin);

/* The record so far as an exchange, with the facts of its sockets; the caller frees it
 * (trace_free). NULL when out of memory, or while its request's head is not whole. */
struct exchange *record_peek(struct record *r);

/* All that are in progress, in portions: calls `each` for up to `most` records that are younger than
 * *place (0: from the oldest on), and moves *place. False when there are no more. In the loop's
 * thread. */
bool recorder_walk(struct recorder *r, uint64_t *place, size_t most,
		   void (*each)(void *context, struct record *record), void *context);

#endif
