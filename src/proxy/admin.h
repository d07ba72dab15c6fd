/* The admin door: a small HTTP/1.1 server of its own, for the operator's eyes and tools.
 *
 *   GET  /metrics                    Prometheus text
 *   GET  /connections                JSON: each exchange in progress, with the TCP facts of both legs
 *   GET  /why?client=ADDR            JSON: the last exchanges of an address with their verdicts
 *   GET  /healthz                    "ok"
 *   POST /reload                     as SIGHUP; the faults of a file that is not taken (409)
 *
 * It listens on a loopback address or a Unix socket, and answers only to a Host that is a loopback
 * name or address (RFC 9110 section 7.4; a page in a browser must not reach it by a name that it
 * made point here). Connections, heads, times and answers are bounded.
 *
 * It has a thread and a loop of its own, so that nothing it does holds a worker up; what only a
 * worker may touch it asks for by net_loop_call, in small portions.
 *
 * For whoever owns the server: admin_listen while there are still privileges, admin_start once the
 * workers' loops run, admin_stop before any of them is freed (their loops must still run then). A
 * reload that changes `admin` stops one and starts another. */
#ifndef PROXY_ADMIN_H
#define PROXY_ADMIN_H

#include "net/dns.h"
#include "net/loop.h"
#include "proxy/config.h"
#include "proxy/metrics.h"
#include "proxy/record.h"

/* What a worker lends to the door, until admin_stop. */
struct admin_worker {
	struct net_loop *loop;
	struct recorder *recorder; /* NULL: none */
	struct net_dns *dns;       /* NULL: none */
	const struct metrics *metrics;
};

/* What cli gives, as it knows verdicts and how to write a record. Called in the door's thread, but for
 * `exchange`, which is called in a worker's. */
struct admin_views {
	void (*exchange)(void *context, const struct exchange *x, struct buffer *out); /* one line */
	void (*why)(void *context, const struct address *client, struct buffer *out);  /* lines */
	void (*metrics)(void *context, struct buffer *out); /* further lines for /metrics */
	void *context;
};

struct admin_options {
	int listener; /* taken over; closed by admin_stop */
	const struct admin_worker *worker;
	size_t workers;
	const struct admin_views *views;
	/* Loads the configuration anew: true when it is in force, else what is wrong with it. Called
	   in the door's thread; whoever reloads on SIGHUP, too, takes turns. */
	bool (*reload)(void *context, struct buffer *faults);
	void *context;
};

struct admin;

/* A listener as the configuration says, which wants one: a descriptor, or a negative errno. */
int admin_listen(const struct config *c, struct error *err);

struct admin *admin_start(const struct admin_options *options, struct error *err);
void admin_stop(struct admin *a); /* NULL is fine */

#endif
