/* Reads conversations: (side, time, bytes) in, exchanges out. The one reader for all windows:
 * capture, probe and our own proxy hand it the same bytes and get the same record.
 *
 * A conversation is one connection between a client and a (supposed) proxy. It knows HTTP/1
 * requests and answers in sequence (keep-alive, pipelining, 1xx, 407 and retry), tunnels after a
 * 2xx to CONNECT or a 101, and within them TLS records, hellos, certificates and alerts; what is
 * neither is named and left alone. It keeps at most one head of each side (64 KiB) and one TLS
 * handshake message of each side (64 KiB) at a time, nothing of bodies but the first bytes of an
 * error page.
 *
 * Facts from beneath (packets, losses, windows) are put into the exchange by the owner when it is
 * asked to with `facts`. */
#ifndef OBSERVE_OBSERVE_H
#define OBSERVE_OBSERVE_H

#include "http/head.h"
#include "trace/exchange.h"

struct conversation;

struct observe_owner {
	/* A new exchange begins: the owner fills in what it knows of the connection so far
	   (addresses, SYN marks). May be NULL. */
	void (*begin)(void *context, struct exchange *x);
	/* The exchange ends: the owner completes path[], icmp, rtt, frames, ... May be NULL. */
	void (*facts)(void *context, struct exchange *x);
	/* It is whole, and lent while the call runs: true where a glance was all that the owner wanted,
	   which spares making it the owner's own and giving it an id. Else `done` follows. May be NULL. */
	bool (*glance)(void *context, struct exchange *x);
	/* It is whole; the owner frees it. */
	void (*done)(void *context, struct exchange *x);
	void *context;
};

struct observe_options {
	enum trace_source source;
	bool keep_heads;  /* fill request.head and response.head */
	uint32_t page;    /* bytes of a refusal's page that are looked at for what it says (probe.page), of
	                     TRACE_CHECK; 0: enough for its title */
	bool verdict_only; /* no text is kept of which no verdict comes: for whoever only counts */
	bool any_request; /* origin-form requests are exchanges too (--proxy names this address) */
	bool began_late;
};

/* NULL: out of memory. The owner struct is copied. */
struct conversation *observe_new(const struct observe_options *options,
				 const struct observe_owner *owner);
void observe_free(struct conversation *c); /* drops what is unfinished; NULL is fine */

/* As new, for another connection. */
void observe_reset(struct conversation *c, const struct observe_options *options,
		   const struct observe_owner *owner);

/* The next bytes of a side, in order; one call a segment (or read). False when nothing further of
 * this connection is of interest: it is no conversation with a proxy. */
bool observe_data(struct conversation *c, enum trace_side side, const struct mark *mark,
		  struct slice bytes);

/* The same for the client's head that is whole, and that the owner has read itself: `bytes` are its
 * head, and no more. It need not be read again, which is a tenth of what a record costs. */
bool observe_request(struct conversation *c, const struct mark *mark, const struct http_request *r,
		     struct slice bytes);

/* `len` bytes of that side are not to be had. lost_by_capture: they were sent and arrived, only
 * not seen. */
void observe_gap(struct conversation *c, enum trace_side side, const struct mark *mark,
		 uint64_t len, bool lost_by_capture);

/* The next content of the body under way, for its page alone, where its framing is not to be had and
 * observe_gap counts it. */
void observe_page(struct conversation *c, struct slice content);

/* The message of that side is complete, says who framed it: for an end that stood in bytes which were
 * never given to observe_data. Whole already is fine. */
void observe_whole(struct conversation *c, enum trace_side side, const struct mark *mark);

/* FIN or RST (kind EV_FIN, EV_RST), zero window and the like: into the running exchange. */
void observe_event(struct conversation *c, enum event_kind kind, enum trace_side side,
		   const struct mark *mark, uint64_t n);

/* The connection (or its observation) ended: finishes every exchange that is left. until: the last
 * moment it was observed. */
void observe_end(struct conversation *c, enum trace_end end, nanos until);

/* For who can't wait for the end. An exchange that is whole, and that nothing has followed since
 * `quiet`, is handed over as the end of the observation would; what comes then begins another. */
void observe_settle(struct conversation *c, nanos quiet, nanos until);
/* The latest exchange that is under way; NULL: none. Lent until the next call. */
struct exchange *observe_underway(const struct conversation *c);

/* What TLS 1.3 hides from whoever reads along, for an owner that ends the TLS of a tunnel itself:
 * the body of the server's Certificate message, and an alert (two bytes), in the clear. */
void observe_chain(struct exchange *x, const struct mark *mark, struct slice body);
void observe_alert(struct exchange *x, enum trace_side side, const struct mark *mark,
		   struct slice body);

/* Do a client's first bytes speak to a proxy: CONNECT, or a request in absolute-form (any form of
 * request when any_request is set)? */
enum observe_wish { OBSERVE_NO, OBSERVE_YES, OBSERVE_MORE };
enum observe_wish observe_wants(struct slice sofar, bool any_request);

/* Do these bytes begin a request, rather than an answer? Or an answer? */
bool observe_is_request(struct slice bytes);
bool observe_is_answer(struct slice bytes);

/* Are they one head, whole, and nothing else? */
bool observe_is_whole_request(struct slice bytes);

/* What some first bytes look like. */
enum trace_protocol observe_guess(struct slice bytes);

#endif
