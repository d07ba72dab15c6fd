/* A walk along the path through a proxy, as far as it goes: settings, DNS, TCP, the proxy's answer,
 * authentication, TLS, HTTP, redirects, download, closing.
 *
 * libcurl carries the conversation, as it does on the hosts that this stands in for; a wire
 * (check/wire.h) listens in, and `observe` makes exchanges of what it hears. What goes on inside a
 * tunnel's TLS is an exchange of its own, from the heads that libcurl shows. No verdict is made here:
 * the exchanges are facts, for `diagnose`.
 *
 * A walk blocks until it is over; others may go on in other threads. The password stays in the options,
 * the caller's to wipe. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "base/error.h"
#include "check/choice.h"
#include "check/connect.h"
#include "trace/exchange.h"

#include <signal.h>

enum check_step {
	CHECK_SETTINGS, CHECK_DNS, CHECK_TCP, CHECK_PROXY, CHECK_AUTH, CHECK_TLS, CHECK_HTTP,
	CHECK_REDIRECTS, CHECK_DOWNLOAD, CHECK_CLOSING, CHECK_DIRECT, CHECK_IDLE,
};

/* No account is to be locked: two refusals of a password are enough, whatever else there is to try. */
enum { CHECK_MOST_REFUSALS = 2 };

enum check_result { CHECK_PASSED, CHECK_ODD, CHECK_FAILED };

/* What the kernel knew of the connection to the proxy at a moment (TCP_INFO). */
struct check_tcp {
	nanos at;                    /* since 1970; NO_TIME: there was no connection */
	nanos rtt;                   /* smoothed; NO_TIME: unknown, as 0 below */
	uint32_t retrans, cwnd, mss, path_mtu; /* cwnd: segments; mss: payload of a full one, sent */
	uint64_t sent, received;     /* bytes */
};

struct check_stage {
	enum check_step step;
	enum check_result result;
	bool silent;      /* it failed because nothing came any more */
	nanos took;
	const char *seen; /* what was seen, safe to show; until the callback returns */
	struct check_tcp tcp; /* when it ended */
};

enum { CHECK_HELLO_PIECES = 5 };

/* How a walk differs from that which the host's own programs make: for what looks around
 * (check/around.h). All zero: in nothing. */
struct check_altered {
	uint32_t mss;                    /* no larger segments, either way: announced, and sent; 0: any */
	const struct check_addresses *proxy; /* the addresses, known already; not asked for again */
	struct slice hello[CHECK_HELLO_PIECES]; /* said inside the tunnel instead of TLS, a piece at a
	                                    time, and all is over when it is answered; empty: TLS */
	bool older_tls;                  /* TLS 1.2 at most: what it shows in the clear, newer ones hide */
	bool unverified;                 /* the origin's certificate is not verified: what comes from it is
	                                    only counted. Loading authorities takes longest of all */
	const _Atomic nanos *until;      /* it ends then, wherever it is; and does not wait for the
	                                    proxy's end when it is over */
	bool basic;                      /* Basic, though Digest is on offer as well */
	uint64_t from;                   /* the body from this byte on (Range) */
	const char *if_range;            /* ... if it is still that one: an ETag or a date; or NULL */
	uint64_t pace;                   /* bytes a second that are read at most; 0: as they come */
	nanos longest;                   /* for the body; 0: a minute */
	nanos idle;                      /* no request: a tunnel, held quiet for so long at most */
};

struct check_options {
	const char *url;
	struct check_target target;      /* the same, read */
	const struct check_proxy *proxy;
	const char *user, *password;     /* for the proxy; NULL: none */
	const char *ca;                  /* a file of authorities, or NULL: the system's */
	const char *agent;               /* User-Agent */
	bool head;                       /* HEAD instead of GET */
	bool direct;                     /* then compare the certificate with that without the proxy */
	bool keep_heads;
	uint64_t most;                   /* bytes of a body; then it is enough */
	nanos patience;                  /* silence at any stage, until it is given up */
	/* 407s to the password so far, in whichever walk: it is not sent once they are CHECK_MOST_REFUSALS. The
	   caller's, one for all that a run of the program does. */
	_Atomic unsigned *refusals;
	bool resume;                     /* of a download that was cut, ask for the rest by Range */
	nanos hold;                      /* how long a tunnel is held quiet at most */
	const volatile sig_atomic_t *stop; /* set where the user has had enough of it; or NULL */
	struct check_altered altered;
};

struct check_owner {
	void (*begin)(void *context, enum check_step step); /* it is under way now */
	void (*stage)(void *context, const struct check_stage *stage); /* it has passed, or failed */
	/* Each exchange, in order, linked (trace/book.h), when the walk is over; the owner frees it. */
	void (*exchange)(void *context, struct exchange *x);
	void *context;
	/* For the curious; each may be NULL. While a download runs, twice a second: */
	void (*tcp)(void *context, const struct check_tcp *now);
	void (*still)(void *context, nanos so_far); /* a tunnel held quiet, every second; or NULL */
};

/* Negative errno with err when this host lacks what a check needs; whatever the path does, or does
 * not, is no error. */
int check_walk(const struct check_options *options, const struct check_owner *owner,
	       struct error *err);

const char *check_step_name(enum check_step step);       /* "settings", ... */
const char *check_result_name(enum check_result result); /* "ok", "warning", "failed" */

#endif
