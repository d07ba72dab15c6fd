/* Opening the history, and adding to it. */
#include "store/private.h"

#include "base/escape.h"
#include "render/render.h"
#include "trace/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MOST_RECORD = 1 << 18,
	MOST_WAITING = 256, /* exchanges of one transaction */
	BUSY_MS = 10000,
	MOST_NAME = 500,
};

enum name_kind { NAME_VERDICT, NAME_TARGET, NAME_PROXY };

static const char *const SOURCES[STORE_SOURCES] = { "capture", "check", "proxy", "watch" };

const char *store_source_name(enum store_source s)
{
	return SOURCES[s];
}

bool store_source_find(struct slice name, enum store_source *ret_source)
{
	for (int i = 0; i < STORE_SOURCES; i++)
		if (slice_equal(name, slice_of(SOURCES[i]))) {
			*ret_source = (enum store_source)i;
			return true;
		}
	return false;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* What was seen on this host is nobody else's business: SQLite gives the mode to the files beside
 * it, too. */
static int make_file(const char *path, struct error *err)
{
	char shown[200];
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0)
		return err_set(err, -errno, "%s can't be opened: %m",
			       escape_into(shown, sizeof shown, slice_of(path)));
	close(fd);
	return 0;
}

static int begin(struct store *s, const char *path, struct error *err)
{
	char shown[100];
	struct error why;
	int code = make_file(path, err);
	if (code < 0)
		return code;
	s->sql = store_sqlite_open(err);
	if (!s->sql)
		return err->code;
	code = s->sql->sqlite3_open_v2(path, &s->db,
				       SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
					       SQLITE_OPEN_PRIVATECACHE,
				       NULL);
	if (code != SQLITE_OK)
		return s->db ? store_trouble(s, err) : err_set(err, -ENOMEM, "out of memory");
	s->sql->sqlite3_busy_timeout(s->db, BUSY_MS);
	code = schema_update(s, &why);
	return code < 0 ? err_set(err, code, "%s: %s",
				  escape_into(shown, sizeof shown, slice_of(path)), why.text)
			: 0;
}

struct store *store_open(const char *path, struct error *err)
{
	struct store *s = calloc(1, sizeof *s);
	if (!s) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	buffer_init(&s->record, MOST_RECORD);
	buffer_init(&s->packed, MOST_RECORD);
	buffer_init(&s->words, MOST_RECORD);
	if (begin(s, path, err) == 0)
		return s;
	store_close(s);
	return NULL;
}

void store_close(struct store *s)
{
	struct error ignored;
	if (!s)
		return;
	if (s->db) {
		(void)store_flush(s, &ignored);
		for (int i = 0; i < STORE_TASKS; i++)
			s->sql->sqlite3_finalize(s->statement[i]);
		s->sql->sqlite3_close(s->db);
	}
	buffer_done(&s->record);
	buffer_done(&s->packed);
	buffer_done(&s->words);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* ---- adding -------------------------------------------------------------------------------- */

int store_flush_locked(struct store *s, struct error *err)
{
	if (s->waiting == 0)
		return 0;
	s->waiting = 0;
	int code = statement_run(s, DO_COMMIT, err, "");
	if (code < 0 && !s->sql->sqlite3_get_autocommit(s->db)) {
		struct error ignored;
		(void)statement_run(s, DO_ROLLBACK, &ignored, "");
	}
	return code;
}

int store_flush(struct store *s, struct error *err)
{
	pthread_mutex_lock(&s->lock);
	int code = store_flush_locked(s, err);
	pthread_mutex_unlock(&s->lock);
	return code;
}

static int begin_adding(struct store *s, struct error *err)
{
	int code = s->waiting ? 0 : statement_run(s, DO_BEGIN, err, "");
	s->waiting += code == 0;
	return code;
}

int store_begin_batch(struct store *s, enum store_source source, const char *name, nanos now,
		      int64_t *ret_batch, struct error *err)
{
	pthread_mutex_lock(&s->lock);
	int code = begin_adding(s, err);
	if (code == 0)
		code = statement_run(s, DO_ADD_BATCH, err, "iis", (int64_t)now, (int64_t)source,
				     slice_first(slice_of(name), MOST_NAME));
	if (code == 0)
		*ret_batch = s->sql->sqlite3_last_insert_rowid(s->db);
	pthread_mutex_unlock(&s->lock);
	return code;
}

static int name_id(struct store *s, enum name_kind kind, struct slice text, int64_t *ret_id,
		   struct error *err)
{
	sqlite3_stmt *find = statement_begin(s, DO_FIND_NAME, err, "is", (int64_t)kind, text);
	int code = find ? statement_step(s, find, err) : err->code;
	if (code == 1)
		*ret_id = s->sql->sqlite3_column_int64(find, 0);
	statement_done(s, find);
	if (code != 0)
		return code < 0 ? code : 0;
	code = statement_run(s, DO_ADD_NAME, err, "is", (int64_t)kind, text);
	if (code == 0)
		*ret_id = s->sql->sqlite3_last_insert_rowid(s->db);
	return code;
}

static int replace(struct store *s, int64_t key, int64_t batch, struct error *err)
{
	int code = batch ? statement_run(s, DO_UNCOUNT_BATCH, err, "ii", batch, key) : 0;
	return code < 0 ? code : retain_drop(s, key, key, batch, err);
}

/* The first key from its start on that is free, or was its own. */
static int find_key(struct store *s, const struct store_record *r, int64_t *ret_key,
		    struct error *err)
{
	int64_t key = r->start != NO_TIME && r->start > 0 ? r->start : 1;
	for (;; key++) {
		sqlite3_stmt *find = statement_begin(s, DO_FIND_KEY, err, "i", key);
		int code = find ? statement_step(s, find, err) : err->code;
		bool same = code == 1 && s->sql->sqlite3_column_int64(find, 0) == r->id;
		int64_t batch = code == 1 ? s->sql->sqlite3_column_int64(find, 1) : 0;
		statement_done(s, find);
		if (same)
			code = replace(s, key, batch, err);
		if (code < 0)
			return code;
		if (code == 0) {
			*ret_key = key;
			return 0;
		}
	}
}

static int count(struct store *s, int64_t key, int64_t verdict, const struct store_record *r,
		 enum store_source source, struct error *err)
{
	static const int64_t spans[] = { 60, 3600 };
	int code = 0;
	for (int i = 0; code == 0 && i < 2; i++)
		code = statement_run(s, DO_COUNT, err, "iiiii", spans[i], key / NANOS_PER_SECOND,
				     verdict, (int64_t)r->severity, (int64_t)source);
	return code;
}

/* What s->words and s->packed hold goes with it. */
static int add(struct store *s, const struct store_record *r, enum store_source source,
	       int64_t batch, int64_t *ret_key, struct error *err)
{
	int64_t key = 0, verdict = 0, target = 0, proxy = 0;
	int code = find_key(s, r, &key, err);
	if (code == 0)
		code = name_id(s, NAME_VERDICT, r->verdict, &verdict, err);
	if (code == 0)
		code = name_id(s, NAME_TARGET, slice_first(r->target, MOST_NAME), &target, err);
	if (code == 0)
		code = name_id(s, NAME_PROXY, slice_first(r->proxy, MOST_NAME), &proxy, err);
	if (code == 0)
		code = statement_run(s, DO_ADD_EXCHANGE, err, "iiiiiiii", key, r->id, verdict,
				     (int64_t)r->severity, (int64_t)source, target, proxy, batch);
	if (code == 0)
		code = statement_run(s, DO_ADD_RECORD, err, "isbis", key, r->json,
				     buffer_slice(&s->packed), (int64_t)TRACE_PACK_FORMAT,
				     buffer_slice(&s->words));
	if (code == 0)
		code = statement_run(s, DO_ADD_WORDS, err, "is", key, buffer_slice(&s->words));
	if (code == 0)
		code = count(s, key, verdict, r, source, err);
	if (code == 0 && batch)
		code = statement_run(s, DO_COUNT_BATCH, err, "ii", batch,
				     (int64_t)(r->severity == SEVERITY_FAILURE));
	if (code == 0 && ret_key)
		*ret_key = key;
	return code;
}

/* What fails half-way takes all with it that waits: none is kept by halves. */
static int add_whole(struct store *s, const struct store_record *r, enum store_source source,
		     int64_t batch, int64_t *ret_key, struct error *err)
{
	struct error ignored;
	int code = begin_adding(s, err);
	if (code == 0)
		code = add(s, r, source, batch, ret_key, err);
	if (code < 0 && s->waiting) {
		s->waiting = 0;
		(void)statement_run(s, DO_ROLLBACK, &ignored, "");
	} else if (code == 0 && s->waiting >= MOST_WAITING) {
		code = store_flush_locked(s, err);
	}
	return code;
}

/* The record without its line break, the words, and what the ladder can be drawn from. */
static int write_down(struct store *s, const struct exchange *x, const struct diagnosis *d,
		      struct error *err)
{
	buffer_reset(&s->record);
	buffer_reset(&s->packed);
	render_json(&s->record, x, d);
	trace_pack(x, &s->packed);
	words_of(x, d, &s->words);
	if (s->record.failed || s->words.failed || s->record.len == 0)
		return err_set(err, -ENOMEM, "no room for the record of an exchange");
	s->record.len--;
	if (s->packed.failed) /* it has no ladder then */
		buffer_reset(&s->packed);
	return 0;
}

int store_add(struct store *s, const struct exchange *x, const struct diagnosis *d,
	      enum store_source source, int64_t batch, int64_t *ret_key, struct error *err)
{
	struct buffer proxy;
	buffer_init(&proxy, 100);
	address_add(&proxy, &x->proxy);
	pthread_mutex_lock(&s->lock);
	int code = write_down(s, x, d, err);
	const struct store_record r = {
		.id = (int64_t)strtoull(x->id, NULL, 16),
		.start = mark_is(&x->first) ? x->first.at : NO_TIME,
		.verdict = slice_of(verdict_id(d->verdict)),
		.target = x->request.target,
		.proxy = x->proxy_name.len ? x->proxy_name : buffer_slice(&proxy),
		.severity = d->severity,
		.json = buffer_slice(&s->record),
	};
	if (code == 0)
		code = add_whole(s, &r, source, batch, ret_key, err);
	pthread_mutex_unlock(&s->lock);
	buffer_done(&proxy);
	return code;
}

int store_add_record(struct store *s, const struct store_record *record, enum store_source source,
		     int64_t *ret_key, struct error *err)
{
	pthread_mutex_lock(&s->lock);
	buffer_reset(&s->packed);
	words_of_record(record, &s->words);
	int code = s->words.failed ? err_set(err, -ENOMEM, "no room for the record of an exchange")
				   : add_whole(s, record, source, 0, ret_key, err);
	pthread_mutex_unlock(&s->lock);
	return code;
}
