/* One worker: a thread with a loop, and all that its connections share. Private to the data path of
 * the proxy (client, origin, tunnel, flow, server).
 *
 * Nothing here is locked, since nothing here is seen by another thread; what workers do share stands
 * in struct shared, and says how. */
#ifndef PROXY_WORKER_H
#define PROXY_WORKER_H

#include "net/dns.h"
#include "net/loop.h"
#include "net/socket.h"
#include "proxy/config.h"
#include "proxy/limits.h"
#include "proxy/metrics.h"
#include "proxy/record.h"

#include <stdatomic.h>

enum {
	WORKER_SCRATCH = 64 << 10,  /* the one buffer that bytes are copied through */
	WORKER_ANSWER = WORKER_SCRATCH + (4 << 10), /* ... and all of it: what an origin writes in pieces
	                               of 64 KiB comes with its head in one read, and goes in one write;
	                               two of each cost a quarter more */
	WORKER_PIPE = 1 << 20,      /* room of a pipe */
	WORKER_SPARE_PIPES = 8,     /* kept open */
	WORKER_MOST_PIPES = 64,     /* the kernel gives an ordinary user pages for so many */
	WORKER_SPARE_DESCRIPTORS = 2, /* kept open to be let go of when there are no others */
	WORKER_SPARE_JOBS = 64,
	WORKER_SPARE_JOBS_IDLE = 2, /* of them, when nobody comes */
	WORKER_MOST_IDLE_ORIGINS = 256,
};

struct client;
struct job;
struct origin;
struct tunnel;

/* All workers of one process; atomic, or written before they start. */
struct shared {
	struct challenges *challenges;
	struct limits *limits;
	_Atomic unsigned clients;     /* connections of clients, tunnels with them */
	_Atomic long descriptors;     /* that may still be taken */
	_Atomic bool draining;
	bool watched;                 /* there is an admin door */
	void (*exchange)(void *context, const struct config *config, const struct exchange *x);
	void (*say)(void *context, const char *text);
	void *context;
};

struct worker_listener {
	struct net_watch watch;
	struct worker *worker;
	struct address asked, at;     /* as configured; as bound */
	size_t index;                 /* in the configuration; SIZE_MAX: not there any more */
	bool paused;
	uint8_t alone;                /* so many times nobody looks for a second connection */
};

struct worker_pipe {
	struct net_pipe pipe;
	struct worker_pipe *next;
};

/* Whoever moved a good deal in one go lets others have their turn, and goes on in the next round. */
struct worker_turn {
	struct worker_turn *next, **prev; /* prev NULL: not waiting */
	void (*run)(struct worker_turn *turn);
};

struct worker {
	struct net_loop *loop;
	struct net_dns *dns;
	struct recorder *recorder;
	struct shared *shared;
	struct config *config;        /* the present one; connections hold what they began with */
	struct worker_listener listener[CONFIG_MAX_LISTEN];
	size_t listeners;
	struct net_timer resume;      /* of listeners that pause */
	struct net_timer tidy;        /* idle origins, once a second while there are any */
	struct net_timer shrink;      /* spare jobs that nobody needed for a while */
	int spare[WORKER_SPARE_DESCRIPTORS];
	nanos said_short;             /* to the operator */

	uint8_t *scratch;             /* WORKER_ANSWER bytes */
	uint64_t basic_generation;    /* of the configuration; of its parents those that were */
	uint32_t basic_parents;       /* content with Basic, a bit each */
	struct buffer out;            /* heads and pages being made; empty between events */
	struct buffer end;            /* the last chunk and trailers, likewise */
	struct http_response *response; /* being read; for the length of an event */

	struct client *clients;       /* all of them */
	struct tunnel *tunnels;       /* those that are open */
	struct worker_turn *turns;    /* who has more to do in the next round */
	struct net_call turns_call;
	bool turns_set;

	struct client *spare_clients; /* pools: last in, first out */
	struct job *spare_jobs;
	size_t spare_job_count, spare_jobs_unused; /* so many were there all the time */
	struct tunnel *spare_tunnels;
	struct worker_pipe *spare_pipes;
	size_t spare_pipe_count, pipes;

	struct origin *idle_first, *idle_last; /* kept alive; the idlest first */
	struct origin *idle_bucket[64];
	size_t idle_origins;

	void *kept;                   /* worker_keep */
	bool draining;
	struct metrics metrics;
};

/* A worker's life. The loop runs in the thread that calls worker_run. */
struct worker *worker_new(struct shared *shared, struct config *config, struct error *err);
void worker_run(struct worker *w);
void worker_free(struct worker *w);

/* In its own thread (net_loop_call): */
int worker_listen(struct worker *w, int fd, const struct address *asked, const struct address *at);
void worker_stop_listening(struct worker *w, int fd); /* -1: to all */
void worker_configure(struct worker *w, struct config *config); /* takes the reference */
/* Takes in who waits at a listener that is about to be closed. */
void worker_accept_rest(struct worker *w, const struct address *asked, int fd);
/* No new connections; it stops when none is left. Idle ones are closed; at leisure, they may ask once
 * more. */
void worker_drain(struct worker *w, bool at_leisure);
void worker_cut(struct worker *w);    /* the deadline is over */

/* Zeroed memory that lives as long as the worker; NULL: there is none. */
void *worker_keep(struct worker *w, size_t size);
/* The Date field for answers, whole, with CRLF; good until the worker's next event. */
struct slice worker_date(const struct worker *w);
/* A connection ended: is that what was waited for? */
void worker_ended_one(struct worker *w);
void worker_turn(struct worker *w, struct worker_turn *turn); /* waiting already is fine */
void worker_turn_stop(struct worker_turn *turn);              /* not waiting is fine */

/* Takes so many descriptors out of the process's budget; false: they are not there. */
bool worker_take_descriptors(struct worker *w, long count);
void worker_give_descriptors(struct worker *w, long count);

/* A pipe, empty; NULL when none can be had (then bytes are copied). */
struct worker_pipe *worker_take_pipe(struct worker *w);
/* drained: nothing is left in it. */
void worker_give_pipe(struct worker *w, struct worker_pipe *p, bool drained);

#endif
