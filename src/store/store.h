/* The history: every exchange that was seen, with its diagnosis, in one file of SQLite's.
 *
 * An exchange is kept as its JSON record (doc/exchange.md), as the columns that one filters by, and as
 * trace/pack.h packs it, out of which its ladder can be drawn again. No secret is in an exchange, so
 * none is here. Its key is its start in nanoseconds since 1970, made unique: the order of the keys is
 * that of time, so any filter can be answered in the order of time out of one index.
 *
 * One process may write while others read or write (WAL). A store may be used by several threads. What
 * is added stands in the file after store_flush, or by itself after some hundreds; call that at least
 * each second where more may come, for meanwhile no other process can write. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/error.h"
#include "diagnose/diagnose.h"

enum store_source { STORE_CAPTURE, STORE_CHECK, STORE_PROXY, STORE_WATCH, STORE_SOURCES };
const char *store_source_name(enum store_source s); /* "capture", ... */
bool store_source_find(struct slice name, enum store_source *ret_source);

struct store;

/* Opens or makes it, brings an older schema up to date. NULL with err: SQLite is not installed, the file
 * is none of ours, or a newer viaduct made it. */
struct store *store_open(const char *path, struct error *err);
void store_close(struct store *s); /* flushes; NULL is fine */

/* ---- adding -------------------------------------------------------------------------------- */

/* What was added together, and is forgotten together: a capture that was read. */
int store_begin_batch(struct store *s, enum store_source source, const char *name, nanos now,
		      int64_t *ret_batch, struct error *err);

/* batch 0: none. An exchange that is there already (id and start) is replaced. ret_key: NULL is fine. */
int store_add(struct store *s, const struct exchange *x, const struct diagnosis *d,
	      enum store_source source, int64_t batch, int64_t *ret_key, struct error *err);
int store_flush(struct store *s, struct error *err);

/* An exchange of which there is the record alone, as in the proxy's log: it has no ladder. */
struct store_record {
	int64_t id;               /* the record's, which is 16 hex digits, as a number */
	nanos start;
	struct slice verdict, target, proxy; /* as the record has them */
	enum severity severity;
	struct slice said;        /* further texts to be found by */
	struct slice json;        /* without a line break */
};
int store_add_record(struct store *s, const struct store_record *record, enum store_source source,
                     int64_t *ret_key, struct error *err);

/* Forgets, oldest first, what is older than `oldest`, or more than `bytes` in the file. A batch is as
 * old as its reading. 0 is no limit. Takes its time, in steps, between which others get their turn. */
struct store_limits {
	nanos oldest;
	uint64_t bytes;
};
int store_retain(struct store *s, const struct store_limits *limits, uint64_t *ret_gone,
		 struct error *err);
int store_forget_batch(struct store *s, int64_t batch, struct error *err);

/* ---- asking -------------------------------------------------------------------------------- */

/* Slices at NULL, NO_TIME, 0 and -1 filter nothing. */
struct store_filter {
	nanos from, to;          /* start in [from, to) */
	struct slice verdict;    /* an id, or "failure", "warning": the severity */
	struct slice target, proxy;
	int source;              /* enum store_source; -1: any */
	int64_t batch;
	struct slice text;       /* words that are all in it; a host is found by each of its endings, too */
};
#define STORE_ALL ((struct store_filter){ .from = NO_TIME, .to = NO_TIME, .source = -1 })

struct store_row {
	int64_t key;
	enum store_source source;
	int64_t batch;
	struct slice record; /* JSON, one object, no line break; until the callback returns */
};

/* Newest first, those before the key `before` (0: from the newest on), at most `most`. A query is given
 * up after some 40 ms of work: *ret_next is the key to go on before, 0 where nothing is left; so fewer
 * than `most` may come, even none, and yet there may be more. */
int store_query(struct store *s, const struct store_filter *f, int64_t before, size_t most,
		void (*take)(void *context, const struct store_row *row), void *context,
		int64_t *ret_next, struct error *err);

/* One exchange: its record goes to `record`; -ENOENT. */
int store_get(struct store *s, int64_t key, struct buffer *record, struct store_row *ret_row,
	      struct error *err);
/* The exchange itself, which the caller frees. NULL with err: there is none, or its record alone, or
 * another version of the program packed it. */
struct exchange *store_exchange(struct store *s, int64_t key, struct error *err);

/* How many exchanges of each verdict began in each `step` seconds (a multiple of 60) of [from, to), in
 * order of time. `source` -1: any. */
struct store_count {
	int64_t start; /* seconds since 1970 */
	const char *verdict;
	enum severity severity;
	uint64_t count;
};
int store_chart(struct store *s, nanos from, nanos to, int64_t step, int source,
		void (*take)(void *context, const struct store_count *c), void *context,
		struct error *err);

struct store_totals {
	uint64_t exchanges, bytes;
	nanos first, last; /* NO_TIME: empty */
};
int store_totals(struct store *s, struct store_totals *ret_totals, struct error *err);

struct store_batch {
	int64_t id;
	enum store_source source;
	nanos at;
	const char *name;
	uint64_t exchanges, failures;
};
/* The newest first, at most `most`. */
int store_batches(struct store *s, size_t most,
		  void (*take)(void *context, const struct store_batch *b), void *context,
		  struct error *err);

/* How SQLite means to answer the query, for the test that holds it to an index. */
int store_explain(struct store *s, const struct store_filter *f, struct buffer *out,
		  struct error *err);

#endif
