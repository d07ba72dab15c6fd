/* What the files of the record share. Nobody else includes it.
 *
 *   record.c        the door: a record's life, what it is told meanwhile, to whom it goes
 *   record_lives.c  the pool of what a record needs while something happens to it, and how it is packed when
 *                   nothing does
 *   record_facts.c  the end: what the proxy and the kernel know, put into the exchange
 *
 *     live, talking --> live, told --> packed --> live, told --> done
 *
 * Talking: observe reads the bytes. Told: the exchange is complete but for how it ends. A tunnel is
 * packed when many are live and it has been quiet for the longest time; it is told again when
 * something beyond bytes happens to it. */
#ifndef PROXY_RECORD_PRIVATE_H
#define PROXY_RECORD_PRIVATE_H

#include "observe/observe.h"
#include "proxy/record.h"

enum {
	SLAB = 40,        /* records at once: as many as fit a page, and no malloc's head each */
	EXCHANGE_LIMIT = 256 << 10,
};

enum { CLOSED_FIN = 1, CLOSED_RST = 2 };

struct facts { /* of the sockets; NULL: not known */
	const struct net_facts *client, *origin;
};

struct ending {    /* how it ends, as far as it is known */
	bool told; /* observe heard of its closing */
	struct facts facts;
	const nanos *closed_at; /* by side */
};

struct live {
	struct live *newer, *older; /* of the tunnels, by their last bytes; spare ones by `older` */
	struct record *record;
	struct conversation *talk;
	struct exchange *x;        /* NULL: there is none yet */
	bool talking;              /* observe reads on */
	bool own;                  /* the exchange is ours, no longer the conversation's */
	bool deaf;                 /* what was said is none: only counted */
	bool listed;               /* among the tunnels */
	bool delivered;            /* it went to where it goes */
	const struct facts *facts; /* while it ends */
	bool reused;
	struct address client, proxy;
	nanos accepted;
	nanos untaken[2];   /* for so long when a time-out struck, by side */
	nanos closed_at[2]; /* by side, where record.closed says so; packed behind the exchange */
	uint16_t status;    /* answered before there was an exchange */
	enum record_deed deed;
	char why[METRICS_NAME], text[240]; /* what struck, until it is put into the exchange */
	struct net_facts own_facts[2];     /* by side, as is what follows: from its end on */
	struct facts ended;
};

struct record {
	struct recorder *owner;
	struct record *next, *prev; /* by number; `next` links spare ones */
	struct live *live;          /* NULL: packed */
	struct kept *packed;        /* NULL: live */
	uint64_t number;
	uint64_t unread[2];   /* bytes that came when nobody read any more */
	nanos last[2];        /* wall clock, as all times here */
	int client, origin;   /* sockets */
	uint32_t after_fin;   /* bytes from our side behind the client's FIN */
	uint8_t closed[2];    /* CLOSED_... */
	bool closed_by_proxy; /* its side closed first */
};

struct slab {
	struct slab *next;
	struct record record[SLAB];
};

struct known { /* facts of a client's socket, and since when */
	int fd;
	nanos accepted, at;
	struct net_facts facts;
};

struct recorder {
	struct recorder_options options;
	struct net_loop *loop;
	struct record *oldest, *newest, *spare;
	struct record *walked; /* where a walk goes on */
	uint64_t place;        /* ... which has come this far */
	uint64_t begun;
	size_t lives, spare_lives; /* lives: those that ended, too */
	struct slab *slabs;
	struct shelf *shelf; /* of packed records */
	struct live *spare_live;
	struct live *freshest, *stalest;
	struct buffer packing;
	struct live *ended, **ended_end; /* the oldest first, by `older` */
	size_t endeds;
	struct net_call deliver; /* them, at the end of the round */
	bool delivers;
	struct net_timer challenged; /* while 407s wait for their answers */
	struct known *known;         /* by descriptor; KNOWN of them */
};

/* Microseconds are all that anybody wants to see. */
static inline nanos whole_micros(nanos t)
{
	return t - t % 1000;
}

static inline nanos now_of(const struct recorder *w)
{
	return whole_micros(net_wall(w->loop));
}

static inline struct mark moment(const struct recorder *w)
{
	return (struct mark){ .at = now_of(w) };
}

/* From the loop's clock to the wall's. */
static inline nanos wall_of(const struct recorder *w, nanos t)
{
	return t == NO_TIME ? NO_TIME : whole_micros(t - net_now(w->loop) + net_wall(w->loop));
}

static inline bool is_closed(const struct record *r)
{
	return r->closed[CLIENT] || r->closed[PROXY];
}

/* ---- record_lives.c ---- */

struct live *lives_take(struct recorder *w, struct record *r);      /* NULL: no memory */
void lives_give_back(struct recorder *w, struct record *r);
void lives_free(struct live *l);
void lives_list(struct recorder *w, struct live *l);    /* as the freshest of the tunnels */
void lives_unlist(struct recorder *w, struct live *l);
/* The exchange is ours from now on. */
void lives_end_talk(struct live *l, enum trace_end end, nanos until);
bool lives_unpack(struct record *r);  /* false: no memory */
void lives_forget_packed(struct record *r);
/* Of one that is packed, for the caller to free; closed_at is zeros where it was not closed. */
struct exchange *lives_read_packed(const struct record *r, nanos ret_closed_at[2]);

/* ---- record_facts.c ---- */

/* Nothing in it was a request: what is known all the same. */
struct exchange *facts_bare(const struct record *r);
/* The request's first bytes until now. False: no memory. */
bool facts_complete(const struct record *r, struct exchange *x, const struct ending *e);

#endif
