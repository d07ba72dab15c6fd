/* Asking the history.
 *
 * Whatever the filter, keys are looked through from the newest back in windows that grow while they
 * are cheap: so nobody waits for a filter that matches nothing, or for two that hardly ever meet.
 */
#include "store/private.h"

#include "trace/pack.h"

#include <errno.h>
#include <time.h>

enum {
	BUDGET_MS = 40,
	CHEAP_MS = 4,
	OPS_BETWEEN = 2000, /* of SQLite's machine, between two looks at the clock */
	MOST_EXCHANGE = 1 << 20,
	MOST_SQL = 4096,
	MOST_BOUND = 16,
};

static const nanos FIRST_WINDOW = 600 * NANOS_PER_SECOND;
static const nanos MOST_WINDOW = INT64_C(40) * 365 * 86400 * NANOS_PER_SECOND;

/* Which index is to lead, the others being looked at in the rows it finds: SQLite can't know that
 * failures are rare (its statistics tell averages), and takes any. A plus keeps it from an index.
 */
enum lead { LEAD_NONE, LEAD_BATCH, LEAD_VERDICT, LEAD_TARGET, LEAD_PROXY, LEAD_SOURCE };

struct asking {
	struct store *store;
	struct buffer sql, words;
	struct slice text[MOST_BOUND]; /* at NULL: the number is meant */
	int64_t number[MOST_BOUND];
	int bound;
	enum lead lead;
	nanos began; /* of this thread's time on the processor */
	nanos deadline;
};

static nanos worked(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * NANOS_PER_SECOND + t.tv_nsec;
}

static int is_late(void *context)
{
	const struct asking *a = context;
	return worked() > a->deadline;
}

/* ---- the statement ------------------------------------------------------------------------- */

static void give(struct asking *a, struct slice text, int64_t number)
{
	if (a->bound < MOST_BOUND) {
		a->text[a->bound] = text;
		a->number[a->bound++] = number;
	}
}

static enum lead lead_of(const struct store_filter *f)
{
	bool often = slice_equal(f->verdict, SLICE("ok")) || slice_equal(f->verdict, SLICE("open"));
	return f->text.at                ? LEAD_NONE
	       : f->batch                ? LEAD_BATCH
	       : f->verdict.at && !often ? LEAD_VERDICT
	       : f->target.at            ? LEAD_TARGET
	       : f->verdict.at           ? LEAD_VERDICT
	       : f->proxy.at             ? LEAD_PROXY
					 : LEAD_SOURCE;
}

static const char *plus(const struct asking *a, enum lead column)
{
	return a->lead == column ? "" : "+";
}

static void add_name(struct asking *a, const char *column, int64_t kind, enum lead lead,
		     struct slice text)
{
	if (!text.at)
		return;
	buffer_printf(&a->sql,
		      " AND %se.%s = (SELECT id FROM name WHERE kind = %lld AND text = ?%d)",
		      plus(a, lead), column, (long long)kind, a->bound + 1);
	give(a, text, 0);
}

static void add_verdict(struct asking *a, struct slice verdict)
{
	if (slice_equal(verdict, SLICE("failure")))
		buffer_printf(&a->sql, " AND %se.severity = %d", plus(a, LEAD_VERDICT),
			      SEVERITY_FAILURE);
	else if (slice_equal(verdict, SLICE("warning")))
		buffer_printf(&a->sql, " AND %se.severity = %d", plus(a, LEAD_VERDICT),
			      SEVERITY_WARNING);
	else
		add_name(a, "verdict", 0, LEAD_VERDICT, verdict);
}

/* ?1 and ?2 are the window, ?3 the number of rows. */
static void make_sql(struct asking *a, const struct store_filter *f)
{
	bool by_words = f->text.at != NULL;
	a->lead = lead_of(f);
	buffer_init(&a->sql, MOST_SQL);
	buffer_init(&a->words, MOST_SQL);
	give(a, (struct slice){ 0 }, 0);
	give(a, (struct slice){ 0 }, 0);
	give(a, (struct slice){ 0 }, 0);
	buffer_add_text(&a->sql, "SELECT e.id, e.source, e.batch, r.json FROM ");
	buffer_add_text(&a->sql, by_words ? "search w CROSS JOIN exchange e ON e.id = w.rowid"
					    " CROSS JOIN record r ON r.id = e.id"
					    " WHERE w.rowid >= ?1 AND w.rowid < ?2"
					  : "exchange e CROSS JOIN record r ON r.id = e.id"
					    " WHERE e.id >= ?1 AND e.id < ?2");
	if (by_words) {
		words_query(f->text, &a->words);
		buffer_add_text(&a->sql, " AND search MATCH ?4");
		give(a, buffer_slice(&a->words), 0);
	}
	add_verdict(a, f->verdict);
	add_name(a, "target", 1, LEAD_TARGET, f->target);
	add_name(a, "proxy", 2, LEAD_PROXY, f->proxy);
	if (f->source >= 0) {
		buffer_printf(&a->sql, " AND %se.source = ?%d", plus(a, LEAD_SOURCE), a->bound + 1);
		give(a, (struct slice){ 0 }, f->source);
	}
	if (f->batch) {
		buffer_printf(&a->sql, " AND %se.batch = ?%d", plus(a, LEAD_BATCH), a->bound + 1);
		give(a, (struct slice){ 0 }, f->batch);
	}
	buffer_printf(&a->sql, " ORDER BY %s DESC LIMIT ?3%c", by_words ? "w.rowid" : "e.id", 0);
}

static sqlite3_stmt *prepare(struct asking *a, const char *before, struct error *err)
{
	struct store *s = a->store;
	struct buffer sql;
	sqlite3_stmt *stmt = NULL;
	buffer_init(&sql, MOST_SQL);
	buffer_add_text(&sql, before);
	buffer_add(&sql, buffer_slice(&a->sql));
	int code = sql.failed || a->sql.failed
			   ? SQLITE_NOMEM
			   : s->sql->sqlite3_prepare_v3(s->db, (const char *)sql.at, -1, 0, &stmt,
							NULL);
	buffer_done(&sql);
	for (int i = 0; code == SQLITE_OK && i < a->bound; i++)
		code = a->text[i].at
			       ? s->sql->sqlite3_bind_text(stmt, i + 1, (const char *)a->text[i].at,
							   (int)a->text[i].len, SQLITE_STATIC)
			       : s->sql->sqlite3_bind_int64(stmt, i + 1, a->number[i]);
	if (code != SQLITE_OK) {
		store_trouble(s, err);
		s->sql->sqlite3_finalize(stmt);
		return NULL;
	}
	return stmt;
}

static void asking_done(struct asking *a)
{
	buffer_done(&a->sql);
	buffer_done(&a->words);
}

/* ---- pages --------------------------------------------------------------------------------- */

static void read_row(struct store *s, sqlite3_stmt *stmt, struct store_row *ret_row)
{
	const uint8_t *json = s->sql->sqlite3_column_text(stmt, 3);
	*ret_row = (struct store_row){
		.key = s->sql->sqlite3_column_int64(stmt, 0),
		.source = (enum store_source)s->sql->sqlite3_column_int64(stmt, 1),
		.batch = s->sql->sqlite3_column_int64(stmt, 2),
		.record = { json, (size_t)s->sql->sqlite3_column_bytes(stmt, 3) },
	};
}

struct page {
	void (*take)(void *context, const struct store_row *row);
	void *context;
	size_t most, count;
	int64_t last; /* key of the last row that was given out */
};

/* One window. 1: it is through; 0: the time was over before; negative errno. */
static int look(struct asking *a, sqlite3_stmt *stmt, int64_t low, int64_t high, struct page *p,
		struct error *err)
{
	struct store *s = a->store;
	struct store_row row;
	int code;
	s->sql->sqlite3_bind_int64(stmt, 1, low);
	s->sql->sqlite3_bind_int64(stmt, 2, high);
	s->sql->sqlite3_bind_int64(stmt, 3, (int64_t)(p->most - p->count));
	while ((code = s->sql->sqlite3_step(stmt)) == SQLITE_ROW) {
		read_row(s, stmt, &row);
		p->last = row.key;
		p->count++;
		p->take(p->context, &row);
	}
	int result = code == SQLITE_DONE                 ? 1
		     : (code & 0xff) == SQLITE_INTERRUPT ? 0
							 : store_trouble(s, err);
	s->sql->sqlite3_reset(stmt);
	return result;
}

static int key_of(struct store *s, enum store_task task, int64_t *ret_key, struct error *err)
{
	sqlite3_stmt *stmt = statement_begin(s, task, err, "");
	int code = stmt ? statement_step(s, stmt, err) : err->code;
	if (code == 1)
		*ret_key = s->sql->sqlite3_column_int64(stmt, 0);
	statement_done(s, stmt);
	return code;
}

/* Where the keys are that can match: [low, high). */
static int bounds(struct store *s, const struct store_filter *f, int64_t before, int64_t *ret_low,
		  int64_t *ret_high, struct error *err)
{
	int64_t first = 0, last = -1;
	int code = key_of(s, DO_FIRST, &first, err);
	if (code == 1)
		code = key_of(s, DO_LAST, &last, err);
	if (code < 0)
		return code;
	int64_t low = f->from != NO_TIME && f->from > first ? f->from : first, high = last + 1;
	if (f->to != NO_TIME && f->to < high)
		high = f->to;
	if (before && before < high)
		high = before;
	*ret_low = low;
	*ret_high = high;
	return 0;
}

/* Looks back from `high` until the page is full, the time is over, or all is seen. */
static int look_back(struct asking *a, sqlite3_stmt *stmt, int64_t low, int64_t high,
		     struct page *p, int64_t *ret_next, struct error *err)
{
	nanos window = FIRST_WINDOW;
	while (high > low && p->count < p->most) {
		int64_t from = high - low > window ? high - window : low;
		nanos began = worked();
		int code = look(a, stmt, from, high, p, err);
		nanos took = worked() - began;
		if (code < 0)
			return code;
		if (code == 1 && p->count < p->most)
			high = from;
		else if (code == 0) /* what it found counts; a window that finds nothing is smaller
				       next time */
			high = p->count && p->last < high ? p->last : high;
		if (worked() - a->began > BUDGET_MS * NANOS_PER_MS)
			break;
		if (took < CHEAP_MS * NANOS_PER_MS && window < MOST_WINDOW)
			window *= 8;
		else if (code == 0)
			window = window / 64 > 1 ? window / 64 : 1;
	}
	*ret_next = p->count == p->most ? p->last : high > low ? high : 0;
	return 0;
}

int store_query(struct store *s, const struct store_filter *f, int64_t before, size_t most,
		void (*take)(void *context, const struct store_row *row), void *context,
		int64_t *ret_next, struct error *err)
{
	struct asking a = { .store = s, .began = worked() };
	struct page p = { take, context, most, 0, 0 };
	int64_t low = 0, high = 0;
	a.deadline = a.began + BUDGET_MS * NANOS_PER_MS;
	make_sql(&a, f);
	*ret_next = 0;
	if (f->text.at && a.words.len == 0) { /* not one word was typed: nothing has it */
		asking_done(&a);
		return 0;
	}
	pthread_mutex_lock(&s->lock);
	int code = bounds(s, f, before, &low, &high, err);
	sqlite3_stmt *stmt = code == 0 && low < high ? prepare(&a, "", err) : NULL;
	if (code == 0 && low < high && !stmt)
		code = err->code;
	if (stmt) {
		s->sql->sqlite3_progress_handler(s->db, OPS_BETWEEN, is_late, &a);
		code = look_back(&a, stmt, low, high, &p, ret_next, err);
		s->sql->sqlite3_progress_handler(s->db, 0, NULL, NULL);
		s->sql->sqlite3_finalize(stmt);
	}
	pthread_mutex_unlock(&s->lock);
	asking_done(&a);
	return code;
}

int store_explain(struct store *s, const struct store_filter *f, struct buffer *out,
		  struct error *err)
{
	struct asking a = { .store = s };
	int code = 0;
	make_sql(&a, f);
	pthread_mutex_lock(&s->lock);
	sqlite3_stmt *stmt = prepare(&a, "EXPLAIN QUERY PLAN ", err);
	if (!stmt)
		code = err->code;
	while (stmt && (code = statement_step(s, stmt, err)) == 1) {
		buffer_add_text(out, (const char *)s->sql->sqlite3_column_text(stmt, 3));
		buffer_add_byte(out, '\n');
	}
	s->sql->sqlite3_finalize(stmt);
	pthread_mutex_unlock(&s->lock);
	asking_done(&a);
	return code;
}

/* ---- one exchange -------------------------------------------------------------------------- */

int store_get(struct store *s, int64_t key, struct buffer *record, struct store_row *ret_row,
	      struct error *err)
{
	pthread_mutex_lock(&s->lock);
	sqlite3_stmt *stmt = statement_begin(s, DO_GET, err, "i", key);
	int code = stmt ? statement_step(s, stmt, err) : err->code;
	if (code == 1) {
		const uint8_t *json = s->sql->sqlite3_column_text(stmt, 0);
		buffer_reset(record);
		buffer_add(record,
			   (struct slice){ json, (size_t)s->sql->sqlite3_column_bytes(stmt, 0) });
		*ret_row = (struct store_row){
			.key = key,
			.source = (enum store_source)s->sql->sqlite3_column_int64(stmt, 3),
			.batch = s->sql->sqlite3_column_int64(stmt, 4),
			.record = buffer_slice(record),
		};
		code = record->failed ? err_set(err, -ENOMEM, "out of memory") : 0;
	} else if (code == 0) {
		code = err_set(err, -ENOENT, "there is no such exchange in the history");
	}
	statement_done(s, stmt);
	pthread_mutex_unlock(&s->lock);
	return code;
}

struct exchange *store_exchange(struct store *s, int64_t key, struct error *err)
{
	struct exchange *x = NULL;
	pthread_mutex_lock(&s->lock);
	sqlite3_stmt *stmt = statement_begin(s, DO_GET, err, "i", key);
	int code = stmt ? statement_step(s, stmt, err) : err->code;
	if (code == 0)
		err_set(err, -ENOENT, "there is no such exchange in the history");
	if (code == 1) {
		struct slice packed = { s->sql->sqlite3_column_blob(stmt, 1),
					(size_t)s->sql->sqlite3_column_bytes(stmt, 1) };
		if (s->sql->sqlite3_column_int64(stmt, 2) == TRACE_PACK_FORMAT)
			x = trace_unpack(packed, MOST_EXCHANGE);
		if (!x)
			err_set(err, -ENOTSUP, "of this exchange there is its record alone");
	}
	statement_done(s, stmt);
	pthread_mutex_unlock(&s->lock);
	return x;
}

/* ---- counts -------------------------------------------------------------------------------- */

int store_chart(struct store *s, nanos from, nanos to, int64_t step, int source,
		void (*take)(void *context, const struct store_count *c), void *context,
		struct error *err)
{
	/* the second sum has all of an hour at once: for long spans */
	static const char text[] =
		"SELECT t.start / ?1 * ?1 AS bin, n.text, t.severity, sum(t.n) FROM tally t"
		" JOIN name n ON n.id = t.verdict WHERE t.span = ?2 AND t.start >= ?3"
		" AND t.start < ?4 AND (?5 < 0 OR t.source = ?5) GROUP BY bin, n.text, t.severity"
		" ORDER BY bin";
	struct asking a = { .store = s };
	int code = 0;
	step = step < 60 ? 60 : step;
	int64_t span = step % 3600 == 0 ? 3600 : 60;
	const int64_t number[] = { step, span, from / NANOS_PER_SECOND / span * span,
				   to / NANOS_PER_SECOND, source };
	buffer_init(&a.sql, MOST_SQL);
	buffer_add(&a.sql, (struct slice){ (const uint8_t *)text, sizeof text });
	for (size_t i = 0; i < sizeof number / sizeof *number; i++)
		give(&a, (struct slice){ 0 }, number[i]);
	pthread_mutex_lock(&s->lock);
	sqlite3_stmt *stmt = prepare(&a, "", err);
	if (!stmt)
		code = err->code;
	while (stmt && (code = statement_step(s, stmt, err)) == 1) {
		const struct store_count c = {
			.start = s->sql->sqlite3_column_int64(stmt, 0),
			.verdict = (const char *)s->sql->sqlite3_column_text(stmt, 1),
			.severity = (enum severity)s->sql->sqlite3_column_int64(stmt, 2),
			.count = (uint64_t)s->sql->sqlite3_column_int64(stmt, 3),
		};
		take(context, &c);
	}
	s->sql->sqlite3_finalize(stmt);
	pthread_mutex_unlock(&s->lock);
	asking_done(&a);
	return code;
}

int store_totals(struct store *s, struct store_totals *ret_totals, struct error *err)
{
	struct store_totals t = { .first = NO_TIME, .last = NO_TIME };
	int64_t number = 0;
	pthread_mutex_lock(&s->lock);
	int code = key_of(s, DO_TOTAL, &number, err);
	t.exchanges = (uint64_t)number;
	if (code >= 0 && (code = key_of(s, DO_USED, &number, err)) >= 0)
		t.bytes = (uint64_t)number;
	if (code >= 0 && (code = key_of(s, DO_FIRST, &number, err)) == 1)
		t.first = number;
	if (code >= 0 && (code = key_of(s, DO_LAST, &number, err)) == 1)
		t.last = number;
	pthread_mutex_unlock(&s->lock);
	if (code >= 0)
		*ret_totals = t;
	return code < 0 ? code : 0;
}

int store_batches(struct store *s, size_t most,
		  void (*take)(void *context, const struct store_batch *b), void *context,
		  struct error *err)
{
	pthread_mutex_lock(&s->lock);
	sqlite3_stmt *stmt = statement_begin(s, DO_BATCHES, err, "i", (int64_t)most);
	int code = stmt ? 1 : err->code;
	while (code == 1 && (code = statement_step(s, stmt, err)) == 1) {
		const struct store_batch b = {
			.id = s->sql->sqlite3_column_int64(stmt, 0),
			.source = (enum store_source)s->sql->sqlite3_column_int64(stmt, 1),
			.at = s->sql->sqlite3_column_int64(stmt, 2),
			.name = (const char *)s->sql->sqlite3_column_text(stmt, 3),
			.exchanges = (uint64_t)s->sql->sqlite3_column_int64(stmt, 4),
			.failures = (uint64_t)s->sql->sqlite3_column_int64(stmt, 5),
		};
		take(context, &b);
	}
	statement_done(s, stmt);
	pthread_mutex_unlock(&s->lock);
	return code < 0 ? code : 0;
}
