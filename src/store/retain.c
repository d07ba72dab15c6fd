/* Forgetting: a step of some thousand exchanges, or one batch, at a time, the oldest first. */
#include "store/private.h"

#include <errno.h>

enum { STEP = 2000, MOST_STEPS = 100000 };

int retain_drop(struct store *s, int64_t from, int64_t to, int64_t batch, struct error *err)
{
	static const int64_t spans[] = { 60, 3600 };
	static const enum store_task tasks[] = { DO_DROP_WORDS, DO_DROP_RECORDS,
						 DO_DROP_EXCHANGES };
	int code = 0;
	for (int i = 0; code == 0 && i < 2; i++) {
		int64_t span = spans[i];
		code = statement_run(s, DO_UNCOUNT, err, "iiii", from, to, batch, span);
		if (code == 0)
			code = statement_run(s, DO_DROP_COUNTS, err, "iii", span,
					     from / NANOS_PER_SECOND - span, to / NANOS_PER_SECOND);
	}
	for (int i = 0; code == 0 && i < 3; i++)
		code = statement_run(s, tasks[i], err, "iii", from, to, batch);
	return code;
}

/* The first column of the first row, and the second where `ret_second`; 1, 0 none, negative. */
static int first_row(struct store *s, sqlite3_stmt *stmt, int64_t *ret_first, int64_t *ret_second,
		     struct error *err)
{
	int code = stmt ? statement_step(s, stmt, err) : err->code;
	if (code == 1) {
		*ret_first = s->sql->sqlite3_column_int64(stmt, 0);
		if (ret_second)
			*ret_second = s->sql->sqlite3_column_int64(stmt, 1);
	}
	statement_done(s, stmt);
	return code;
}

/* Some thousand exchanges of a batch; *ret_all where it had no more. */
static int drop_some(struct store *s, int64_t batch, int64_t until, uint64_t *gone, bool *ret_all,
		     struct error *err)
{
	int64_t to = 0;
	int code = first_row(s, statement_begin(s, DO_BOUND, err, "ii", batch, (int64_t)STEP), &to,
			     NULL, err);
	*ret_all = code == 0;
	if (code <= 0)
		return code;
	to = to < until ? to : until;
	code = statement_run(s, DO_BEGIN, err, "");
	if (code < 0)
		return code;
	code = retain_drop(s, 0, to, batch, err);
	if (code == 0) /* its last statement drops the exchanges */
		*gone += (uint64_t)s->sql->sqlite3_changes(s->db);
	if (code == 0)
		return statement_run(s, DO_COMMIT, err, "");
	struct error ignored;
	(void)statement_run(s, DO_ROLLBACK, &ignored, "");
	return code;
}

static int drop_batch(struct store *s, int64_t batch, uint64_t *gone, bool *ret_all,
		      struct error *err)
{
	int code = drop_some(s, batch, INT64_MAX, gone, ret_all, err);
	return code == 0 && *ret_all ? statement_run(s, DO_DROP_BATCH, err, "i", batch) : code;
}

static int is_too_much(struct store *s, const struct store_limits *l, nanos oldest,
		       struct error *err)
{
	int64_t used = 0;
	if (l->oldest && oldest < l->oldest)
		return 1;
	if (!l->bytes)
		return 0;
	int code = first_row(s, statement_begin(s, DO_USED, err, ""), &used, NULL, err);
	return code < 0 ? code : (uint64_t)used > l->bytes;
}

/* 1: something went; 0: nothing is too old, or too much. */
static int step(struct store *s, const struct store_limits *l, uint64_t *gone, struct error *err)
{
	int64_t batch = 0, at = INT64_MAX, loose = INT64_MAX;
	bool all;
	int code = first_row(s, statement_begin(s, DO_OLDEST_BATCH, err, ""), &batch, &at, err);
	if (code >= 0)
		code = first_row(s, statement_begin(s, DO_OLDEST_LOOSE, err, ""), &loose, NULL,
				 err);
	if (code < 0 || (at == INT64_MAX && loose == INT64_MAX))
		return code < 0 ? code : 0;
	code = is_too_much(s, l, at < loose ? at : loose, err);
	if (code <= 0)
		return code;
	if (at < loose)
		code = drop_batch(s, batch, gone, &all, err);
	else /* by size alone, as many as a step takes; by age, no more than are too old */
		code = drop_some(s, 0, loose < l->oldest ? l->oldest - 1 : INT64_MAX, gone, &all,
				 err);
	return code < 0 ? code : 1;
}

/* Another time, if not now. */
static void give_back(struct store *s)
{
	s->sql->sqlite3_exec(s->db, "PRAGMA incremental_vacuum(4096)", NULL, NULL, NULL);
}

int store_retain(struct store *s, const struct store_limits *limits, uint64_t *ret_gone,
		 struct error *err)
{
	uint64_t gone = 0;
	int code = 1;
	for (unsigned i = 0; code == 1 && i < MOST_STEPS; i++) {
		pthread_mutex_lock(&s->lock);
		code = store_flush_locked(s, err);
		code = code < 0 ? code : step(s, limits, &gone, err);
		pthread_mutex_unlock(&s->lock);
	}
	pthread_mutex_lock(&s->lock);
	if (code == 0 && gone) {
		code = statement_run(s, DO_DROP_NAMES, err, "");
		give_back(s);
	}
	pthread_mutex_unlock(&s->lock);
	*ret_gone = gone;
	return code < 0 ? code : 0;
}

int store_forget_batch(struct store *s, int64_t batch, struct error *err)
{
	uint64_t gone = 0;
	bool all = false;
	int code = 0;
	while (code == 0 && !all) {
		pthread_mutex_lock(&s->lock);
		code = store_flush_locked(s, err);
		code = code < 0 ? code : drop_batch(s, batch, &gone, &all, err);
		pthread_mutex_unlock(&s->lock);
	}
	return code;
}
