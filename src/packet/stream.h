/* TCP: segments in; connections, their bytes in order, and what went wrong beneath, out.
 *
 * A table of connections, bounded by `max_connections`. A connection is first only noted, in
 * under 350 bytes all told. With its first bytes the owner is asked whether it is to be watched:
 * then its bytes are delivered in order from the first on, and all the facts of `struct stream`
 * are counted; else only those marked (n) are. Callbacks tell the owner what happened, in the
 * order of the packets; they must not call back into the table except through stream_look and
 * stream_ignore.
 *
 * Sides: 0 is the client, who sent the SYN; where no SYN was seen, who has the higher port
 * (the owner may know better from what is said). The direction of bytes is named by the side
 * that sends them. All counters are of distinct packets: copies that the capture made (`-i any`,
 * mirror ports) are dropped first and only counted.
 *
 * Offload makes segments larger than any MSS: sizes above the MSS of the path never count as
 * "large segments"; a super-segment of n * mss counts as its parts.
 *
 * What TCP may do and this must take in its stride: out of order, overlap (the first bytes
 * win), wrap of sequence numbers, SACK and D-SACK, window scale,
 * keep-alives (one byte or none at seq-1: no retransmission), zero-window probes, port reuse (a
 * new SYN with a new ISN ends the old connection), simultaneous close, RST with and without
 * ACK, challenge ACKs, urgent data, SYN with data, one direction only, packets in the wrong
 * order in the file, text segments without sequence numbers (SEGMENT_NO_SEQ). */
#ifndef PACKET_STREAM_H
#define PACKET_STREAM_H

#include "packet/segment.h"

struct stream_mark { /* a packet worth pointing at */
	nanos at;
	uint64_t frame;
	uint32_t line;
};

/* A segment that was sent again, and not in vain as far as is known. */
struct stream_again {
	struct stream_mark mark;
	uint32_t size; /* bytes */
};
enum { STREAM_AGAIN = 3 };

/* What one side sent, and how it fared. */
struct stream_side {
	struct stream_mark last_data;
	uint64_t bytes;          /* (n) distinct payload bytes that were seen or acknowledged */
	uint32_t packets;        /* (n) distinct ones */
	uint32_t largest;        /* largest single segment seen from this side, offload cut to the path's
	                            segment size (see above) */
	struct stream_mark syn, fin, rst, first_data; /* (n) the first of each */
	uint16_t syns, rsts, fins; /* (n) */
	uint32_t retrans;        /* (n) segments with data (or SYN, FIN) seen here again; of a noted one
	                            the SYNs and FINs alone */
	uint32_t repairs;        /* segments that filled a hole and were sent after what showed it (by
	                            timestamp, IP id, else by the time that passed): loss before the
	                            capture point. tshark calls both of these retransmissions. */
	uint32_t reordered;      /* segments that filled a hole and only came late */
	uint32_t spurious;       /* of retrans: those the receiver already had (D-SACK, or already
	                            acknowledged in this capture) */
	unsigned agains;         /* so many of the first of retrans and repairs are in `again`, since
	                            stream_saw_again */
	struct stream_again again[STREAM_AGAIN];
	nanos retrans_time;      /* time lost waiting for retransmissions to repair: sum over repairs
	                            of (repair - hole first visible or original send) */
	uint16_t mss;            /* (n) announced in this side's SYN: what it is ready to receive; 0 unknown */
	uint32_t largest_passed; /* the largest that the other side demonstrably received (acknowledged
	                            or SACKed; on the receiver's side of a capture: seen) */
	/* the oldest data that is still unacknowledged when the connection ends */
	uint64_t unacked;        /* bytes seen, never acknowledged; 0 where the other side's
	                            acknowledgements are not in the capture */
	uint32_t stuck_size;     /* size of the first of these segments; 0 with stuck_times where it
	                            was not seen (a hole stands there) */
	uint32_t stuck_times;    /* how often it was sent, first time included */
	struct stream_mark stuck_first, stuck_last;
	uint32_t stuck_smallest; /* smallest size among its transmissions (a sender that adapts shrinks), and
	                            among later segments that were not acknowledged selectively either,
	                            where both sides do that */
	uint32_t small_passed;   /* segments smaller than stuck_size of this side that were acknowledged */
	/* a hole: bytes this side must have sent (its own later sequence numbers say so) that never
	   came by here and that the other side has not acknowledged either. Open at the end. */
	uint64_t hole;           /* bytes */
	struct stream_mark hole_shown; /* the packet that showed it */
	uint32_t hole_beyond;    /* payload bytes seen beyond it: small segments that passed */
	uint32_t hole_dup_acks;  /* duplicate or SACK-only acknowledgements by the other side meanwhile */
	uint64_t missing;        /* bytes acknowledged but never seen: the capture lost them (one
	                            direction only: what later bytes went on without) */
	uint64_t unseen;         /* payload bytes cut off by the snap length */
	/* the other side's window for what this side sends; text claims nothing here */
	nanos zero_window_time;  /* sum */
	nanos zero_window_since; /* NO_TIME unless it is zero at the end */
	struct stream_mark zero_window; /* first announcement */
	uint32_t zero_window_probes;
	uint32_t keepalives;
	uint64_t after_peer_fin; /* payload bytes sent after the other side's FIN was seen */
	struct stream_mark first_large; /* first segment of the path's full size (>= 90 % of what fits) */
	struct stream_mark last_large;
	uint32_t large;          /* how many */
	bool urgent;
};

struct stream {
	struct address side[2];      /* (n) 0 the client */
	struct stream_side sent[2];
	struct stream_mark first; /* (n) packets of the connection, any side */
	bool watched;
	bool began_late;             /* (n) no SYN and no SYN-ACK */
	bool both_ways;              /* (n) packets of both sides were seen */
	bool isn_known;              /* (n) SYN and SYN-ACK were seen, and so: */
	uint32_t isn[2];             /* (n) where the sides' sequence numbers begin */
	nanos rtt;                   /* smallest SYN -> SYN-ACK or data -> ACK time seen from here that is
	                                not a retransmission's; for a capture in the middle: both parts
	                                summed; NO_TIME unknown */
	uint8_t early[2][24];        /* (n) the first bytes of each side, as far as they were seen */
	uint8_t early_len[2];
	uint8_t ttl[2];              /* of the first packet of each side */
	uint8_t rst_ttl[2];          /* of the first RST: another one hints that somebody else sent it */
	/* ICMP errors about this connection */
	uint32_t icmp_count;         /* (n) */
	struct icmp_note icmp;       /* (n) the first; of ICMP_TOO_BIG before others */
	uint32_t large_after_icmp;   /* segments larger than icmp.mtu allows, sent after it */
	bool adapted_after_icmp;     /* smaller ones were sent in their place, and acknowledged */
	struct stream_mark last;     /* (n) like first */
};

/* A watched connection, as its owner knows it. What is known of it at the moment is put together
 * when the owner asks, by stream_look. */
struct stream_watch {
	void *user;                  /* the owner's */
};

enum stream_gap {
	STREAM_GAP_CAPTURE, /* acknowledged, never seen: the capture lost it */
	STREAM_GAP_SNAP,    /* cut off by the snap length (or text that shows no content) */
	STREAM_GAP_MEMORY,  /* there was no more room to keep bytes that came early */
};

enum stream_end {
	STREAM_CLOSED,   /* FIN both ways, or a RST, and a while of quiet */
	STREAM_REUSED,   /* the same ports began a new connection */
	STREAM_IDLE,     /* nothing for longer than the idle limit */
	STREAM_EVICTED,  /* given up to make room */
	STREAM_OVER,     /* the observation ended */
};

enum stream_wish { STREAM_NOTE, STREAM_WATCH, STREAM_ASK_AGAIN };

struct stream_callbacks {
	/* The first bytes of a connection (of either side; `sofar` is all of that side's bytes in
	   order up to now, at most 24 kept) are here: watch it? STREAM_ASK_AGAIN: too few to tell,
	   ask with more; that is STREAM_NOTE once there are more than 24. Where the connection began
	   late, asked likewise with the first bytes that are seen, and STREAM_ASK_AGAIN lets go of
	   more than 24 and asks with the next ones (32 times): a request may begin there. A connection
	   that ends while still being asked about is STREAM_NOTE. Of `s` only (n) holds. */
	enum stream_wish (*wish)(void *context, const struct stream *s, int side,
	                         struct slice sofar);
	/* Of a watched connection: the first SYN, SYN-ACK, FIN and RST of each side, and every segment
	   with data before its bytes, retransmissions too (`retrans` and `repairs` count them only
	   after this call). Segments from before it was watched are not told again (their
	   marks are in the facts). May be NULL. */
	void (*segment)(void *context, struct stream_watch *w, int side, const struct segment *seg);
	/* Bytes in order, each once. Not called once stream_ignore was. */
	void (*data)(void *context, struct stream_watch *w, int side, struct slice bytes,
	             const struct stream_mark *mark);
	void (*gap)(void *context, struct stream_watch *w, int side, uint64_t len, enum stream_gap why,
	            const struct stream_mark *mark);
	/* Last call for this connection; all facts are final. Every connection gets it, watched or
	   not (`w` is NULL then, and `s` holds (n) alone). `s` lives only while the call runs, and
	   stream_look is not called meanwhile. Bytes beyond a hole that is open at the end are never
	   delivered. */
	void (*end)(void *context, struct stream_watch *w, const struct stream *s, enum stream_end why);
	void *context;
};

struct stream_limits {
	uint32_t max_connections; /* 0: the default, 1,000,000 */
	size_t max_kept;          /* bytes kept out of order, all connections; 0: 64 MiB */
	size_t max_kept_each;     /* 0: 256 KiB */
	nanos idle;               /* 0: STREAM_IDLE_LIMIT; half-closed and closed ones end sooner */
	nanos unanswered;         /* of a SYN that was not answered; 0: as `idle` */
};
#define STREAM_IDLE_LIMIT (7440 * NANOS_PER_SECOND) /* 2 h 4 min (RFC 5382) */

struct stream_table;

struct stream_table *stream_table_new(const struct stream_limits *limits,
                                      const struct stream_callbacks *callbacks);
void stream_table_free(struct stream_table *t); /* ends nothing: call stream_finish first; NULL is fine */

void stream_segment(struct stream_table *t, const struct segment *seg);

/* The same for whoever knows some segments ahead what comes: the table is larger than a cache, and
 * what a segment touches of it is fetched meanwhile, in steps, each of which looks at what the one
 * before has fetched. Then stream_take does as stream_segment. */
struct stream_coming {
	uint64_t print;
	uint32_t hash, number;
};
void stream_expect(const struct stream_table *t, const struct segment *seg, struct stream_coming *ret_coming);
void stream_fetch_connection(const struct stream_table *t, struct stream_coming *c);
void stream_fetch_facts(const struct stream_table *t, const struct stream_coming *c);
void stream_take(struct stream_table *t, const struct segment *seg, const struct stream_coming *c);
void stream_icmp(struct stream_table *t, const struct icmp_note *note);

enum { STREAM_BORDER = 1024 };

/* How many connections there are, in all tables that share the work. */
struct stream_crowd {
	uint32_t unanswered, open, half, closed; /* half: by one side */
};
struct stream_crowd stream_crowd(const struct stream_table *t);

/* The observation went on until then, be it with packets that other tables took. Say so every
 * STREAM_BORDER packets or so: it is what makes connections end whose time is over. Tables that are told the same
 * at the same packets end the same connections, however these are shared out. `crowd`: by which
 * those that wait are bounded; NULL: this table's. Their `end` comes by stream_end_next, which has
 * to be called until it says that there was none left, in the order of their last packets. */
void stream_until(struct stream_table *t, nanos at, const struct stream_crowd *crowd);
bool stream_end_next(struct stream_table *t);
/* The watch of the connection that ends so many later; NULL: it is not watched, or none is known. */
const struct stream_watch *stream_ending(const struct stream_table *t, unsigned later);
/* The observation ended, then: every connection left gets its `end` by stream_end_next. */
void stream_over(struct stream_table *t, nanos at);
/* The same, all at once. */
void stream_finish(struct stream_table *t);

/* What is known of it by now. The record is the table's, and holds until the callback that asks
 * for it returns. */
const struct stream *stream_look(struct stream_table *t, const struct stream_watch *w);

/* The same, but only what is marked (n), and `rtt`: for a third of the price. */
const struct stream *stream_glance(struct stream_table *t, const struct stream_watch *w);

/* The owner has used what stands in `again` of both sides: from now on the next ones are kept. */
void stream_saw_again(struct stream_table *t, struct stream_watch *w);

/* This connection's bytes are of no interest (any more): facts go on being counted, `data` and
 * `gap` stop, nothing is kept. */
void stream_ignore(struct stream_table *t, struct stream_watch *w);

struct stream_counts {
	uint64_t connections, live, peak_live, evicted, copies;
	size_t kept, peak_kept;
};
struct stream_counts stream_counts(const struct stream_table *t);

/* Same connection, same number, whatever the direction: to share work among tables. */
uint32_t stream_hash(const struct address *a, const struct address *b);

#endif
