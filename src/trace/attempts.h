/* Failed attempts to connect, where nothing in a capture speaks to a proxy: was it one that they were
 * made to? That is a guess, and what else the client does decides whether it may be made. Who can reach
 * nobody but through a proxy talks with nobody, and tries that one. */
#ifndef TRACE_ATTEMPTS_H
#define TRACE_ATTEMPTS_H

#include "trace/book.h"

enum { ATTEMPTS_CLIENTS = 64, ATTEMPTS_TRIED = 3 };

struct attempts {
	struct attempts_client {
		struct address client; /* any loopback address: 127.0.0.1 */
		bool talks;            /* data went both ways with somebody who is no proxy, */
		bool talks_web;        /* ... at a port where web servers or proxies are usual */
		struct address tried[ATTEMPTS_TRIED]; /* nobody let it in there */
		unsigned tries;        /* more than ATTEMPTS_TRIED: and elsewhere */
	} of[ATTEMPTS_CLIENTS];
	size_t clients;
	bool more;                     /* clients than there is room for */
};

/* A connection without proxy traffic. */
void attempts_note(struct attempts *a, const struct trace_connection *c);

/* May the client's attempt to connect to `to` be taken for one to a proxy? */
bool attempts_may_mean_proxy(const struct attempts *a, const struct address *client,
                             const struct address *to);

#endif
