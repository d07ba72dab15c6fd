/* What the files of this room share: the open store, its statements, and who may use them. Private to
 * the room. */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include "store/sqlite.h"
#include "store/store.h"

#include <pthread.h>

/* Statements that are used again and again; their texts are in statements.c. */
enum store_task {
	DO_BEGIN, DO_COMMIT, DO_ROLLBACK,
	DO_ADD_BATCH, DO_COUNT_BATCH, DO_UNCOUNT_BATCH, DO_FIND_NAME, DO_ADD_NAME, DO_FIND_KEY, DO_ADD_EXCHANGE, DO_ADD_RECORD,
	DO_ADD_WORDS, DO_COUNT,
	DO_BOUND, DO_UNCOUNT, DO_DROP_COUNTS, DO_DROP_WORDS, DO_DROP_RECORDS, DO_DROP_EXCHANGES,
	DO_OLDEST_BATCH, DO_OLDEST_LOOSE, DO_DROP_BATCH, DO_DROP_NAMES,
	DO_GET, DO_TOTAL, DO_FIRST, DO_LAST, DO_USED, DO_BATCHES,
	STORE_TASKS
};

struct store {
	const struct store_sqlite *sql;
	sqlite3 *db;
	sqlite3_stmt *statement[STORE_TASKS];
	pthread_mutex_t lock; /* one thread at a time */
	unsigned waiting;     /* added, not yet in the file; not 0: a transaction is open */
	struct buffer record, packed, words;
};

/* A statement with its arguments bound, to be stepped: integers as int64_t, texts as struct slice.
 * `form` names them: "i", "s" text, "b" bytes. NULL with err. Ended by statement_done. */
sqlite3_stmt *statement_begin(struct store *s, enum store_task task, struct error *err,
			      const char *form, ...);
void statement_done(struct store *s, sqlite3_stmt *stmt);
/* 1 a row, 0 none is left, negative errno. */
int statement_step(struct store *s, sqlite3_stmt *stmt, struct error *err);
/* The whole of it, for those that give no row. */
#define statement_run(s, task, err, ...) \
	statement_end(s, statement_begin(s, task, err, __VA_ARGS__), err)
int statement_end(struct store *s, sqlite3_stmt *stmt, struct error *err);
/* What went wrong just now, as an error. */
int store_trouble(struct store *s, struct error *err);

/* With the lock held: what waits goes into the file; the exchanges of a batch from one key to another go,
 * within the transaction that is open. */
int store_flush_locked(struct store *s, struct error *err);
int retain_drop(struct store *s, int64_t from, int64_t to, int64_t batch, struct error *err);

/* Brings the schema up to date. */
int schema_update(struct store *s, struct error *err);

/* The words by which an exchange is found, each once is enough. */
void words_of(const struct exchange *x, const struct diagnosis *d, struct buffer *out);
void words_of_record(const struct store_record *r, struct buffer *out);
/* What was typed, as FTS5 wants to be asked; nothing where no word is in it. */
void words_query(struct slice typed, struct buffer *out);

#endif
