/* What several exchanges of one observation tell about each other: which addresses are proxies,
 * which request answered which 407, which exchange another capture shows as well, which transfers were cut at the same size or age, which
 * connection of the proxy toward an origin served which exchange.
 *
 * The book holds a bounded number of exchanges, puts them in order of their start, and gives them
 * out completed. While fewer than its window are held, everything is related to everything; in
 * longer observations an exchange that outlives the window comes out when it ends. */
#ifndef TRACE_BOOK_H
#define TRACE_BOOK_H

#include "trace/exchange.h"

/* A connection without proxy traffic of its own. */
struct trace_connection {
	struct address from, to;
	struct mark first, last, syn_ack, reset; /* reset: by `to` */
	uint32_t file;             /* which capture, from 0 */
	uint32_t syns;
	bool began_late, closed_by_client;
	uint64_t bytes[2];
	bool unreachable;          /* an ICMP error said so */
	bool hello;                /* it begins with a ClientHello, and this is the start of its random: */
	uint8_t random[13];        /* a tunnel's hello comes out of the proxy as it went in */
};

/* An exchange that is written down already, as nothing would be learned of it from others: it waits in the
 * book only for its turn. Whoever gives it out frees it. */
struct trace_record {
	nanos start;               /* of the exchange: first.at, */
	uint64_t frame, order;     /* ... first.frame, order */
	size_t len;
	uint8_t text[];
};

struct trace_book;

struct trace_book_options {
	size_t window;             /* exchanges held; 0: 4096 */
	bool has_proxy;            /* the user named it */
	struct address proxy;
	bool several;              /* captures of one path: exchanges of different files are matched */
	bool unordered;            /* give exchanges out at once unless something can still change them;
	                              then trace_book_until tells for how long */
	void (*record)(void *context, struct trace_record *r); /* one has its turn */
};

/* give: called with each exchange that is complete, in order of start; it frees it. */
struct trace_book *trace_book_new(const struct trace_book_options *options,
                                  void (*give)(void *context, struct exchange *x), void *context);
void trace_book_free(struct trace_book *b); /* drops what is held */

void trace_book_add(struct trace_book *b, struct exchange *x); /* takes it */
void trace_book_connection(struct trace_book *b, const struct trace_connection *c);

/* Only of one capture, not live; after trace_book_proxy. Takes it. */
void trace_book_record(struct trace_book *b, struct trace_record *r);

/* An address that is a proxy, said by whoever judges exchanges without the book. */
void trace_book_proxy(struct trace_book *b, const struct address *proxy);

/* The observation goes on, and somebody waits. What an exchange under way already tells: a 407 that is
 * held was answered. And: it is that late. Then what was held for some seconds is given out, one by a
 * call, until there is none. */
void trace_book_underway(struct trace_book *b, struct exchange *x);
void trace_book_until(struct trace_book *b, nanos now);
bool trace_book_give(struct trace_book *b);

/* The end: relates what is left, decides about the suspects, gives out all. */
void trace_book_finish(struct trace_book *b);

/* Would this exchange gain anything from the book? If not, it may be judged at once. */
bool trace_book_concerns(const struct exchange *x);

/* The same where exchanges are shown, not counted: what a proxy's own connection tells is gain, too. */
bool trace_book_completes(const struct exchange *x);

#endif
