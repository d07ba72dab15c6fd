/* Packets in, exchanges out: the capture side's wiring of `packet` (decode, TCP) with `observe`
 * (conversations).
 *
 * A feed is used by one thread. It finds proxies by itself: a connection is watched when its
 * client's first bytes are CONNECT or a request in absolute-form, on whatever port. What it can't
 * know it passes on as a suspect (exchange.suspect): a connection attempt that failed, or a
 * connection that was in its middle already; trace/book.h decides, when all is seen, whether that
 * was to a proxy. */
#ifndef CAPTURE_FEED_H
#define CAPTURE_FEED_H

#include "capture/file.h"
#include "packet/decode.h"
#include "packet/stream.h"
#include "packet/text.h"
#include "trace/book.h"

struct feed_options {
	bool has_proxy;            /* only this proxy is of interest (--proxy) */
	struct address proxy;      /* port 0: any port of that host */
	bool keep_heads;
	bool verdict_only;         /* as observe_options has it */
	uint32_t max_connections;  /* 0: the default of stream.h */
	uint32_t file;             /* which capture; goes into every mark */
	bool live;                 /* somebody waits: what is over is told within seconds; see feed_until */
	/* The segments are those of an example in a text, which outlives the feed; NULL: of packets. */
	const struct packet_text *text;
	const struct packet_example *example;
};

struct feed_owner {
	/* A finished exchange, lent while the call runs: true where that was all that the owner wanted.
	   May be NULL. */
	bool (*glance)(void *context, struct exchange *x);
	/* Else, and of suspects always: it is the owner's, who frees it. */
	void (*exchange)(void *context, struct exchange *x);
	/* A connection that carried no proxy traffic, for trace_book_connection. May be NULL. */
	void (*connection)(void *context, const struct trace_connection *t);
	/* Live: an exchange under way, for trace_book_underway; again and again. May be NULL. */
	void (*underway)(void *context, struct exchange *x);
	void *context;
};

struct feed_counts {
	uint64_t packets, tcp, bad, unknown_link, ignored;
	uint32_t link;        /* one of the link types that are not known */
	uint64_t passed_over; /* live: conversations, for want of room */
	struct stream_counts streams;
};

struct feed;

struct feed *feed_new(const struct feed_options *options, const struct feed_owner *owner);
void feed_free(struct feed *f); /* NULL is fine */

/* One packet of the capture. `shares` feeds may be fed all packets of one capture by as many
 * threads: feed number `share` takes only the connections that are its own. */
void feed_packet(struct feed *f, const struct capture_packet *p, unsigned share, unsigned shares);

/* The packets that feed_packet will get next, in this order, with this share; the first FEED_AHEAD of
 * them at most. Only saves time: what they will touch is brought into the cache. */
enum { FEED_AHEAD = 16 };
void feed_expect(struct feed *f, const struct capture_packet *packet, const uint16_t *which, size_t count);

/* Which share a packet belongs to, where that can be told at a glance (Ethernet, IPv4, TCP, no
 * fragment); otherwise `shares`: every feed has to look. */
unsigned feed_share_of(const struct capture_packet *p, unsigned shares);

/* What was read from text: segments, and what routers said of them, in the order of their times. */
void feed_segment(struct feed *f, const struct segment *seg);
void feed_note(struct feed *f, const struct icmp_note *note);

/* As stream_until, which see, feed_end_next as stream_end_next, feed_crowd as stream_crowd: the
 * capture went on until then, be it with packets that other feeds took; the connections that are
 * still open at the end were observed so long. Live, an exchange that is whole is then given out though
 * its connection goes on, once nothing followed for some seconds; and an attempt to connect that was not
 * answered for half a minute is over; and of conversations no more are followed at a time than fit into
 * bounded memory. */
void feed_until(struct feed *f, nanos at, const struct stream_crowd *crowd);
bool feed_end_next(struct feed *f);
struct stream_crowd feed_crowd(const struct feed *f);

/* The last packet of the connection that ends, while the owner is called. */
uint64_t feed_last_frame(const struct feed *f);

/* The capture was over then: all connections end, by feed_end_next; or at once. */
void feed_over(struct feed *f, nanos at);
void feed_finish(struct feed *f);

struct feed_counts feed_counts(const struct feed *f);

#endif
