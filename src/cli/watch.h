/* viaduct watch, in its parts: what is asked for, and who gets what (watch.c), a table on the terminal
 * (watch_table.c), the history (watch_store.c), the last packets on disk and those of each failure
 * (watch_ring.c), figures for Prometheus (watch_metrics.c). Captures become exchanges as in viaduct read
 * (reading.h), in the main thread alone, which waits for nothing but packets: disks and peers have threads of
 * their own, behind bounded queues. Everything here is bounded: it runs for weeks. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "capture/live.h"
#include "cli/reading.h"

struct watch_options {
	struct read_options read;
	const char *interface, *filter, *store, *ring, *metrics, *user;
	uint64_t buffer, ring_size;
};

/* How it stands, once a tick. */
struct watch_now {
	struct capture_live_counts counts;
	uint64_t packets, live; /* live: connections in the table */
	const char *interface;  /* safe to show */
	nanos at;               /* of a clock that nobody sets */
};

/* ---- watch_table.c ---- */

struct watch_table;

struct watch_table *watch_table_new(const char *colour); /* NULL: out of memory */
void watch_table_free(struct watch_table *t);            /* leaves the terminal as it was; NULL is fine */
void watch_table_add(struct watch_table *t, const struct exchange *x, const struct diagnosis *d);
/* Takes keys, draws where something is new. True: it was told to end. */
bool watch_table_tick(struct watch_table *t, const struct watch_now *now);

/* ---- watch_ring.c ---- */

struct watch_ring;

/* `bytes` for all that is in the folder, whose name is borrowed. NULL with err. */
struct watch_ring *watch_ring_new(const char *folder, uint64_t bytes, struct error *err);
/* When all is written and cut out; NULL is fine. */
void watch_ring_free(struct watch_ring *r);
void watch_ring_packets(struct watch_ring *r, const struct capture_batch *b);
/* A failure: its packets, which came before, are cut out. */
void watch_ring_failure(struct watch_ring *r, const struct exchange *x, const struct diagnosis *d);
void watch_ring_tick(struct watch_ring *r);

/* ---- watch_store.c ---- */

struct watch_store;

/* Opens the history, or makes it. NULL with err. */
struct watch_store *watch_store_new(const char *path, struct error *err);
int watch_store_start(struct watch_store *s, struct error *err); /* makes its thread */
void watch_store_add(struct watch_store *s, const struct exchange *x);
void watch_store_free(struct watch_store *s); /* when all is in it; NULL is fine */

/* ---- watch_metrics.c ---- */

struct watch_metrics;

/* Opens the door. NULL with err. */
struct watch_metrics *watch_metrics_new(const char *address, struct error *err);
int watch_metrics_start(struct watch_metrics *m, struct error *err); /* makes the thread that serves it */
void watch_metrics_free(struct watch_metrics *m); /* NULL is fine */
void watch_metrics_add(struct watch_metrics *m, const struct diagnosis *d);
void watch_metrics_tick(struct watch_metrics *m, const struct watch_now *now);

#endif
