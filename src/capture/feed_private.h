/* What the files of the feed share. Nobody else includes it.
 *
 *   feed.c        the door: packets decoded, some ahead, and given to the table of connections
 *   feed_link.c   which connections are watched, and what is said on them: it waits, or goes to
 *                 the conversation
 *   feed_facts.c  what is known of the connection, put into its exchanges
 *   feed_rest.c   connections that carried no request */
#ifndef CAPTURE_FEED_PRIVATE_H
#define CAPTURE_FEED_PRIVATE_H

#include "capture/feed.h"
#include "observe/observe.h"
#include "packet/slab.h"

enum {
	FEW_WAIT = 256,  /* bytes of a connection that wait: of most a request alone, */
	MANY_WAIT = 960, /* ... and then its answer */
	SPARES = 256,    /* links that wait to be used again */
	IDLE = 64,     /* conversations likewise, with what they hold */
	MAX_LIVE = 20000, /* conversations: some kilobytes each, 130 at the worst */
};

/* A watched connection: what waits to be told, or its conversation; and what its earlier exchanges
 * have used up of the connection's counters. */
struct link {
	struct feed *feed;
	struct stream_watch *watch;
	const struct stream *final; /* all that is known of it, once it has ended */
	struct conversation *talk;  /* NULL: what is said waits */
	bool flip;                  /* the table took the sides the other way round */
	bool begun;                 /* an exchange has come of it */
	bool named;                 /* its proxy is the one of interest */
	bool began_late;
	bool told[2][2];            /* FIN and RST, by side of the table */
	struct link *next;   /* of those that wait to be used again; live: of all in use, */
	struct link *before; /* ... where NULL is the first */
	struct {
		uint32_t packets, retrans, repairs, reordered, spurious, keepalives, large, rsts;
		uint64_t bytes, after_peer_fin;
		nanos repair_time, zero_window_time;
	} used[2];
	uint32_t waits;      /* bytes: struct said, each with its own behind it */
	uint32_t wait_room, wait_number; /* room: 0, FEW_WAIT or MANY_WAIT */
	uint8_t *waiting;    /* that number of the slab for so many */
};

struct coming { /* a packet that is expected, decoded */
	struct segment segment;
	struct stream_coming stream;
};

struct feed {
	struct feed_options options;
	struct feed_owner owner;
	struct packet_decoder *decoder;
	struct stream_table *streams;
	struct feed_counts counts;
	nanos now, until;    /* until: as told by feed_until */
	uint64_t last_frame; /* of the connection that ends */
	struct link *spare;  /* the last one first: it is still in the cache */
	unsigned spares;
	struct slab few, many; /* bytes that wait */
	struct conversation *idle[IDLE]; /* likewise */
	unsigned idles;
	struct coming *expected, *expected_end; /* those of them that were not fed yet */
	struct coming coming[FEED_AHEAD];
	struct link *used; /* live */
	unsigned uses;
	nanos settled_at; /* when it was last looked who is */
};

/* feed_link.c */
extern const struct stream_callbacks FEED_CALLBACKS; /* their context is the feed */
bool feed_is_named_proxy(const struct feed *f, const struct address *a);
void feed_free_links(struct feed *f);

/* feed_facts.c */
struct mark feed_mark(const struct stream_mark *m);
void feed_set_ends(const struct feed *f, struct exchange *x, const struct address *client,
		   const struct address *proxy);
void feed_set_handshake(struct exchange *x, const struct stream *s, int client);
void feed_set_icmp(struct exchange *x, const struct stream *s, bool flip);
extern const struct observe_owner FEED_OWNER; /* its context is a link */

/* feed_rest.c: it has ended, and no exchange came of it. */
void feed_rest(struct feed *f, const struct stream *s, enum trace_end end);

#endif
