/* The schema, version by version. A version that was released is never edited: what changes is a
 * step more. Each step happens whole or not at all. */
#include "store/private.h"

#include <errno.h>

/* exchange   what one filters by, no more: its rows are small, its indexes end with the key
 * record     the rest of it: the JSON, what trace_pack wrote and in which format, the words
 *            it is found by
 * search     the index of these words; it keeps no text of its own, and no positions
 * name       texts that come again and again: verdicts (0), targets (1), proxies (2)
 * tally      how many began in a minute, in an hour; so a chart of years reads few rows
 * batch      what was read at once */
static const char *const STEPS[] = {
	"CREATE TABLE name(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, text TEXT NOT NULL,"
	" UNIQUE(kind, text));"
	"CREATE TABLE batch(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,"
	" source INTEGER NOT NULL, name TEXT NOT NULL, exchanges INTEGER NOT NULL DEFAULT 0,"
	" failures INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE exchange(id INTEGER PRIMARY KEY, xid INTEGER NOT NULL, verdict INTEGER NOT "
	"NULL,"
	" severity INTEGER NOT NULL, source INTEGER NOT NULL, target INTEGER NOT NULL,"
	" proxy INTEGER NOT NULL, batch INTEGER NOT NULL);"
	"CREATE INDEX exchange_verdict ON exchange(verdict);"
	"CREATE INDEX exchange_severity ON exchange(severity);"
	"CREATE INDEX exchange_source ON exchange(source);"
	"CREATE INDEX exchange_target ON exchange(target);"
	"CREATE INDEX exchange_proxy ON exchange(proxy);"
	"CREATE INDEX exchange_batch ON exchange(batch);"
	"CREATE INDEX batch_at ON batch(at);"
	"CREATE TABLE record(id INTEGER PRIMARY KEY, json TEXT NOT NULL, packed BLOB NOT NULL,"
	" format INTEGER NOT NULL, words TEXT NOT NULL);"
	"CREATE VIRTUAL TABLE search USING fts5(words, content='record', content_rowid='id',"
	" detail=none, columnsize=0, tokenize=\"unicode61 remove_diacritics 0 tokenchars "
	"'.-_:@'\");"
	"CREATE TABLE tally(span INTEGER NOT NULL, start INTEGER NOT NULL, verdict INTEGER NOT "
	"NULL,"
	" severity INTEGER NOT NULL, source INTEGER NOT NULL, n INTEGER NOT NULL,"
	" PRIMARY KEY(span, start, verdict, severity, source)) WITHOUT ROWID;",
};

enum { VERSION = sizeof STEPS / sizeof *STEPS, APPLICATION = 0x76696164 /* "viad" */ };

static int run(struct store *s, const char *text, struct error *err)
{
	return s->sql->sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : store_trouble(s, err);
}

static int ask(struct store *s, const char *pragma, int64_t *ret_number, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	if (s->sql->sqlite3_prepare_v3(s->db, pragma, -1, 0, &stmt, NULL) != SQLITE_OK)
		return store_trouble(s, err);
	int code = statement_step(s, stmt, err);
	if (code == 1)
		*ret_number = s->sql->sqlite3_column_int64(stmt, 0);
	s->sql->sqlite3_finalize(stmt);
	return code < 0 ? code : 0;
}

static int take_steps(struct store *s, int64_t from, struct error *err)
{
	struct buffer end;
	int code = 0;
	buffer_init(&end, 200);
	for (int64_t i = from; code == 0 && i < VERSION; i++)
		code = run(s, STEPS[i], err);
	buffer_printf(&end, "PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT%c",
		      VERSION, APPLICATION, 0);
	if (code == 0)
		code = run(s, (const char *)end.at, err);
	buffer_done(&end);
	if (code < 0)
		s->sql->sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return code;
}

/* Asked within the transaction: another process may have been quicker. */
static int update(struct store *s, struct error *err)
{
	int64_t version = 0, application = 0, tables = 0;
	int code = ask(s, "PRAGMA user_version", &version, err);
	if (code == 0)
		code = ask(s, "PRAGMA application_id", &application, err);
	if (code == 0)
		code = ask(s, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (code == 0 && tables > 0 && application != APPLICATION)
		code = err_set(err, -EINVAL, "it is a database, but none of viaduct's");
	if (code == 0 && version > VERSION)
		code = err_set(err, -EINVAL,
			       "a newer viaduct made it (schema %lld; this one knows %d)",
			       (long long)version, VERSION);
	if (code == 0)
		return take_steps(s, version, err);
	s->sql->sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return code;
}

int schema_update(struct store *s, struct error *err)
{
	int64_t version = 0, application = 0;
	/* what goes leaves room, which retain.c gives back to the disk */
	int code = run(s,
		       "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
		       "PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF;"
		       "PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY",
		       err);
	if (code == 0)
		code = ask(s, "PRAGMA user_version", &version, err);
	if (code == 0)
		code = ask(s, "PRAGMA application_id", &application, err);
	if (code < 0 || (version == VERSION && application == APPLICATION))
		return code;
	code = run(s, "BEGIN IMMEDIATE", err);
	return code < 0 ? code : update(s, err);
}
