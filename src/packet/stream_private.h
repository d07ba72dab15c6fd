/* What the files of the stream table share. Nobody else includes it.
 *
 *   stream.c         the door: copies, what will be touched, ICMP; the table made and freed
 *   stream_find.c    whose a packet is: finding connections, and beginning them
 *   stream_end.c     who is over, and who is given up first: lists, clocks, ends
 *   stream_follow.c  one segment of a connection: which of these hear of it
 *   stream_note.c    what is known of every connection: handshake, states, counters, first bytes
 *   stream_order.c   bytes in order: holes, kept segments, gaps, text
 *   stream_facts.c   how each side fared: acknowledgements, sizes, windows
 *   stream_look.c    the public record of all that, and what is left at the end
 *
 * Every connection is a `conn`. One that is watched (or whose first bytes came out of order, so
 * that nobody can be asked yet) has a `full` as well. Sequence numbers are compared by `ahead`,
 * so wrapping needs no care elsewhere; "end of the data" never includes a FIN. */
#ifndef PACKET_STREAM_PRIVATE_H
#define PACKET_STREAM_PRIVATE_H

#include "packet/slab.h"
#include "packet/stream.h"

#include <string.h>

/* A mark in 16 bytes: text has its line in the upper half. */
struct pin {
	nanos at;
	uint64_t place;
};
#define PIN_TEXT (UINT64_C(1) << 63)

static inline struct pin pin_of(const struct segment *seg)
{
	uint64_t place = seg->frame & ~PIN_TEXT;
	if (seg->line)
		place = PIN_TEXT | (uint64_t)(seg->line & 0x7fffffff) << 32 | (uint32_t)seg->frame;
	return (struct pin){ seg->at, place };
}

static inline struct stream_mark pin_mark(struct pin p)
{
	if (p.place & PIN_TEXT)
		return (struct stream_mark){ p.at, (uint32_t)p.place,
					     (uint32_t)((p.place & ~PIN_TEXT) >> 32) };
	return (struct stream_mark){ p.at, p.place, 0 };
}

/* How far a stands ahead of b: negative when it is behind. */
static inline int32_t ahead(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* From b to a; times from a file may be anything, so it wraps rather than overflows. */
static inline nanos span(nanos a, nanos b)
{
	return (nanos)((uint64_t)a - (uint64_t)b);
}

static inline unsigned smaller_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Farther apart than this, two numbers of one side have nothing to do with each other. */
enum { SEQ_REACH = 1 << 28 };

/*   NEW ──(handshake, data)──▶ OPEN ──(a FIN)──▶ HALF ──(the other FIN)──▶ CLOSED
 *    └────────────(RST)──────────┴───────(RST)────┴──────────────────────────▶┘
 * CLOSED goes back only when whoever "sent" the RST goes on sending. One list each, the idlest
 * first. */
enum conn_state { CONN_NEW, CONN_OPEN, CONN_HALF, CONN_CLOSED, CONN_STATES };

enum {                /* half.flags */
       HALF_SEEN = 1, /* a packet of this side: `next` holds */
       HALF_SYN = 2,
       HALF_FIN = 4,
       HALF_RST = 8,
       HALF_DATA = 16,
       HALF_ACKED = 32, /* the other side acknowledged something: `acked` holds */
       HALF_WSCALE = 64,
       HALF_SACK = 128,
};

/* What is known of one side of any connection: a cache line. */
struct half {
	uint32_t next;  /* end of the bytes in order; of a noted one: the highest end */
	uint32_t acked; /* highest acknowledgement of this side's data */
	uint32_t isn, fin_seq;
	uint64_t bytes;
	uint32_t packets;
	uint8_t flags, ttl, rst_ttl, wscale;
	uint16_t syns, rsts, fins, mss;
	uint16_t retrans;  /* before it had a `full` */
	uint8_t early_len; /* of talk.early */
	struct pin syn;
};

enum { /* conn.flags */
       CONN_LATE = 1,
       CONN_ESTABLISHED = 2,
       CONN_DECIDED = 4,   /* the owner need not be asked again */
       CONN_ALT = 8,       /* alt_isn holds: another SYN or SYN-ACK with another ISN */
       CONN_ALT_SIDE = 16, /* whose */
       CONN_TEXT = 32,
       CONN_TIMES = 64, /* segments carry timestamps */
       CONN_RST = 128,  /* closed by a RST */
};

/* Four cache lines; a packet wants the first and the sides. */
struct conn {
	struct address side[2];
	uint8_t state, flags, asked, rst_side;
	uint32_t full, talk; /* numbers in slabs; 0 none */
	struct pin last;
	struct half half[2];
	struct pin first;
	nanos established_at;
	uint32_t number;        /* its own in the slab */
	uint32_t icmp, alt_isn; /* icmp: a number in a slab */
};

/* What only a connection has where more than handshakes and acknowledgements were seen; by side. */
struct talk {
	uint8_t early[2][24];
	struct pin data[2], fin[2], rst[2]; /* the first of each; half.flags tells which hold */
};

/* What the table looks at to find a connection, or the idlest one. It stands apart, in an array
 * by the connection's number, so that searching touches no connection but the one it is after. */
struct place {
	uint32_t hash, chain;
	uint32_t prev, next, touched; /* its list; touched: by the list's clock */
};

/* A segment that came before its turn; with start == end only a number that was shown. */
struct kept {
	struct kept *next;
	uint32_t start, end;
	uint32_t len; /* bytes held; less than end - start when cut or dropped */
	uint32_t cost;
	enum stream_gap why; /* why they are less */
	struct pin pin;
	struct pin shown; /* the packet that first showed the hole before it */
	uint32_t shown_tsval;
	uint16_t shown_ip_id;
	bool shown_has_tsval;
	bool shown_own; /* a packet of the same side, not an acknowledgement */
	uint8_t bytes[];
};

/* Data on the way: one segment, or, when the slots run out, a run of them. */
struct flight {
	uint32_t start, end;
	uint32_t size, smallest;
	uint16_t times, segments;
	bool sacked;
	struct pin first, last;
};

enum { FLIGHTS = 4, SIZE_BINS = 12, SIZE_BIN = 128, PRINTED = 16 };

struct printed { /* ranges that text printed, to know them again */
	uint32_t seq[PRINTED], len[PRINTED];
	unsigned count;
};

struct again { /* a segment that repairs a loss, as far as is known */
	struct pin pin;
	uint32_t size, end;
};

/* What most sides never need: it comes with the first thing that is not as it should be. Without
 * one, all is as in WOES_NONE. Names as in struct stream_side where they are the same thing. */
struct woes {
	struct kept *first, *last;
	size_t kept;
	nanos gap_since; /* since when the first hole is acknowledged; NO_TIME */
	uint32_t gap_packets;
	uint32_t stray_end;
	uint32_t spurious_told; /* counted as such before the receiver said so */
	uint8_t strays;
	bool blind; /* something was dropped: claim no holes */
	bool zero_seen;
	bool probe_byte; /* a window probe carried the byte before `next` */
	bool urgent;
	struct printed *printed;
	uint32_t repairs, reordered, spurious;
	uint32_t hole_dup_acks, zero_window_probes, keepalives;
	uint64_t missing, unseen, after_peer_fin;
	nanos retrans_time, zero_window_time, zero_window_since;
	struct pin missing_shown, zero_window;
	uint8_t agains;
	struct again again[STREAM_AGAIN];
};

/* What is followed of one side of a watched connection. */
struct track {
	struct woes *woes;
	struct pin last_data;
	uint32_t data_top; /* highest end of data that was seen */
	uint32_t edge;     /* the window's right edge, the highest that was granted */
	bool edge_known;
	uint8_t flight_first, flight_count;
	uint16_t window; /* last one announced by this side */
	uint32_t retrans, largest, largest_passed;
	nanos round; /* from a segment here to its acknowledgement, smallest; NO_TIME */
	uint32_t large;
	uint16_t passed[SIZE_BINS]; /* segments that the other side received, by size */
	struct pin first_large, last_large;
};

struct full {
	struct stream_watch w; /* first: the owner's pointer is ours */
	uint32_t conn;
	bool watched;
	bool busy;    /* something is kept, a window is zero, or it is not watched yet */
	bool ignored; /* the owner wants no bytes */
	bool size_known; /* the SYNs told the size; else it is a guess */
	uint32_t size,
		large_from; /* a full segment on this path, 0 unknown; what counts as large */
	struct track track[2];
	struct flight flight[2][FLIGHTS]; /* last: they need no clearing */
};

struct icmp_seen {
	struct icmp_note first, last;
	uint32_t count;
	uint32_t large_after;
	bool adapted;
	bool adapting; /* what "too big" was about was sent anew, up to: */
	uint8_t adapt_side;
	uint32_t adapt_end;
};

struct queue {
	uint32_t first, last, count;
};

struct ending { /* a connection that is over, and waits for its `end` */
	uint64_t place; /* of its last packet */
	uint32_t number;
	enum stream_end why;
};

struct print { /* of a packet seen lately */
	uint64_t print;
	nanos at;
};

struct stream_table {
	struct stream_callbacks on;
	struct stream_limits limits;
	struct slab conns, talks, fulls, icmps;
	struct place *places;
	uint32_t place_room;
	uint32_t *heads;
	uint32_t mask;
	struct queue queues[CONN_STATES];
	uint32_t undecided; /* fulls nobody was asked about yet */
	uint64_t seed;
	nanos until;                  /* as stream_until said last; NO_TIME: never */
	uint32_t clock[CONN_STATES];  /* of the lists; see stream_end.c */
	bool crowded;                 /* many are closed, and wait for a last packet */
	struct ending *ending;
	size_t ending_room, endings, ended;
	struct print *prints;
	struct stream_counts counts;
	struct stream view;   /* of a noted connection, while a callback runs */
	uint32_t viewed;      /* whose it is, since this segment came; 0 nobody's */
	struct stream facts;  /* of a watched one, when its owner looked last */
	struct woes lost;     /* where woes go when there is no memory for them */
};

static inline struct conn *conn_at(const struct stream_table *t, uint32_t number)
{
	return slab_at(&t->conns, number);
}

static inline struct full *full_of(const struct stream_table *t, const struct conn *c)
{
	return c->full ? slab_at(&t->fulls, c->full) : NULL;
}

static inline struct talk *talk_of(const struct stream_table *t, const struct conn *c)
{
	return c->talk ? slab_at(&t->talks, c->talk) : NULL;
}

static inline struct icmp_seen *icmp_of(const struct stream_table *t, const struct conn *c)
{
	return c->icmp ? slab_at(&t->icmps, c->icmp) : NULL;
}

extern const struct woes WOES_NONE;

static inline const struct woes *woes_of(const struct track *tr)
{
	return tr->woes ? tr->woes : &WOES_NONE;
}

static inline struct flight *flight_at(struct full *f, int side, unsigned i)
{
	return &f->flight[side][(f->track[side].flight_first + i) % FLIGHTS];
}

/* Is anything kept behind a hole of this side? */
static inline bool has_hole(const struct track *tr)
{
	return tr->woes && tr->woes->first;
}

/* Where a segment's bytes stand, and how many. */
struct range {
	uint32_t start, end;
	struct slice bytes; /* what was captured of them */
};

static inline uint64_t mix(uint64_t x)
{
	x *= UINT64_C(0x9e3779b97f4a7c15);
	return x ^ x >> 32;
}

static inline uint64_t hash_end(const struct address *a, uint64_t seed)
{
	uint64_t high, low;
	memcpy(&high, a->ip, sizeof high);
	memcpy(&low, a->ip + 8, sizeof low);
	return mix(mix(low ^ seed) +
		   (high ^ (uint64_t)a->port << 40) * UINT64_C(0xff51afd7ed558ccd));
}

/* Both ends of a connection, whichever way; inline, as it is done for every packet. */
static inline uint32_t find_hash(const struct stream_table *t, const struct address *a,
				 const struct address *b)
{
	return (uint32_t)mix(hash_end(a, t->seed) + hash_end(b, t->seed));
}

/* stream_find.c */
bool find_init(struct stream_table *t);
struct conn *find_conn(const struct stream_table *t, uint32_t hash, const struct address *from,
		       const struct address *to, int *ret_side);
/* Makes room first where there is none. NULL: it is no connection, or there is no memory. */
struct conn *find_begin(struct stream_table *t, const struct segment *seg, uint32_t hash,
			int *ret_side);
/* Does this SYN belong to another connection between the same ports? */
bool find_is_anew(const struct conn *c, int side, const struct segment *seg);
/* The ports had to tell who is the client, and this SYN knows better. The side that sent it. */
int find_mend_sides(struct stream_table *t, struct conn *c, int side, const struct segment *seg);
void find_forget(struct stream_table *t, uint32_t number);

/* stream_end.c */
void conn_enlist(struct stream_table *t, const struct conn *c); /* by its state */
void conn_go(struct stream_table *t, struct conn *c, enum conn_state to);
void conn_touch(struct stream_table *t, struct conn *c); /* a packet of it came */
/* Was it quiet for too long, by its own packets? */
bool end_was_idle(const struct stream_table *t, const struct conn *c, nanos now);
void end_conn(struct stream_table *t, struct conn *c, enum stream_end why);
/* Makes room: a closed one, or the idlest of the others. False: there is none. */
bool end_evict(struct stream_table *t);

/* stream_follow.c */
void follow_segment(struct stream_table *t, struct conn *c, int side, const struct segment *seg);

/* stream_note.c */
enum { NEWS_SYN = 1, NEWS_FIN = 2, NEWS_RST = 4 };
unsigned note_segment(struct stream_table *t, struct conn *c, int side, const struct segment *seg,
		      const struct range *r);
/* The same for a segment that is_plain (stream_follow.c): half of all are. False, and nothing noted, where it
 * could be news after all. */
bool note_plain(struct conn *c, int side, const struct segment *seg, const struct range *r);
void note_advance(struct half *h, const struct range *r);
void note_view(const struct stream_table *t, const struct conn *c, struct stream *ret_view);
struct full *note_promote(struct stream_table *t, struct conn *c);
void note_demote(struct stream_table *t, struct conn *c);
enum stream_wish note_ask(struct stream_table *t, struct conn *c, int side, struct slice bytes,
			  uint32_t len);
void note_answer(struct stream_table *t, struct conn *c, int side, struct slice bytes);
void note_tell_early(struct stream_table *t, struct conn *c, int side, uint8_t len);

/* stream_order.c */
void order_segment(struct stream_table *t, struct conn *c, struct full *f, int side,
		   const struct segment *seg, const struct range *r);
void order_show(struct stream_table *t, struct conn *c, struct full *f, int side, uint32_t seq,
		const struct segment *seg);
void order_settle(struct stream_table *t, struct conn *c, struct full *f, int side, nanos now,
		  bool over);
void order_drop(struct stream_table *t, struct full *f);

/* stream_facts.c */
struct woes *facts_woes(struct stream_table *t, struct track *tr); /* never NULL */
void facts_begin(const struct conn *c, struct full *f);
void facts_window(const struct conn *c, struct full *f, int side, const struct segment *seg);
void facts_sent(struct stream_table *t, struct conn *c, struct full *f, int side,
		const struct segment *seg, const struct range *r);
void facts_again(struct stream_table *t, struct conn *c, struct full *f, int side,
		 const struct segment *seg, const struct range *r);
/* It repairs a loss: it is kept for who wants to see it. */
void facts_repair(struct woes *w, const struct segment *seg, const struct range *r);
void facts_acked(const struct stream_table *t, const struct conn *c, struct full *f, int side,
		 uint32_t ack, nanos at);
void facts_control(struct stream_table *t, struct conn *c, struct full *f, int side,
		   const struct segment *seg, uint32_t acked_before);
nanos facts_rtt(const struct full *f);

/* stream_look.c */
const struct stream *look_glance(struct stream_table *t, const struct conn *c);
const struct stream *look_now(struct stream_table *t, const struct conn *c);
/* The last words: every fact is final after this. */
const struct stream *look_end(struct stream_table *t, struct conn *c, struct full *f);

#endif
