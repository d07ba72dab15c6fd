/* Statements that are used again and again: prepared once, bound by form. */
#include "store/private.h"

#include "base/escape.h"

#include <errno.h>

/* ?1 and ?2 the first and last key, ?3 the batch: what goes in one step */
#define GOING "batch = ?3 AND id >= ?1 AND id <= ?2"

static const char *const TEXT[STORE_TASKS] = {
	[DO_BEGIN] = "BEGIN IMMEDIATE",
	[DO_COMMIT] = "COMMIT",
	[DO_ROLLBACK] = "ROLLBACK",
	[DO_ADD_BATCH] = "INSERT INTO batch(at, source, name) VALUES(?, ?, ?)",
	[DO_COUNT_BATCH] = "UPDATE batch SET exchanges = exchanges + 1, failures = failures + ?2"
			   " WHERE id = ?1",
	[DO_UNCOUNT_BATCH] = "UPDATE batch SET exchanges = exchanges - 1, failures = failures -"
			     " (SELECT severity = 2 FROM exchange e WHERE e.id = ?2)"
			     " WHERE id = ?1",
	[DO_FIND_NAME] = "SELECT id FROM name WHERE kind = ? AND text = ?",
	[DO_ADD_NAME] = "INSERT INTO name(kind, text) VALUES(?, ?)",
	[DO_FIND_KEY] = "SELECT xid, batch FROM exchange WHERE id = ?",
	[DO_ADD_EXCHANGE] = "INSERT INTO exchange(id, xid, verdict, severity, source, target,"
			    " proxy, batch) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
	[DO_ADD_RECORD] = "INSERT INTO record(id, json, packed, format, words)"
			  " VALUES(?, ?, ?, ?, ?)",
	[DO_ADD_WORDS] = "INSERT INTO search(rowid, words) VALUES(?, ?)",
	[DO_COUNT] = "INSERT INTO tally(span, start, verdict, severity, source, n)"
		     " VALUES(?1, ?2 / ?1 * ?1, ?3, ?4, ?5, 1)"
		     " ON CONFLICT DO UPDATE SET n = n + 1",
	[DO_BOUND] = "SELECT max(id) FROM (SELECT id FROM exchange WHERE batch = ?1"
		     " ORDER BY id LIMIT ?2) HAVING max(id) IS NOT NULL",
	[DO_UNCOUNT] =
		"INSERT INTO tally(span, start, verdict, severity, source, n)"
		" SELECT ?4, id / 1000000000 / ?4 * ?4 AS b, verdict, severity, source,"
		" -count(*) FROM exchange WHERE " GOING " GROUP BY b, verdict, severity, source"
		" ON CONFLICT DO UPDATE SET n = n + excluded.n",
	[DO_DROP_COUNTS] = "DELETE FROM tally WHERE n <= 0 AND span = ?1 AND start >= ?2"
			   " AND start <= ?3",
	[DO_DROP_WORDS] = "INSERT INTO search(search, rowid, words) SELECT 'delete', id, words"
			  " FROM record WHERE id IN (SELECT id FROM exchange WHERE " GOING ")",
	[DO_DROP_RECORDS] = "DELETE FROM record WHERE id IN"
			    " (SELECT id FROM exchange WHERE " GOING ")",
	[DO_DROP_EXCHANGES] = "DELETE FROM exchange WHERE " GOING,
	[DO_OLDEST_BATCH] = "SELECT id, at FROM batch ORDER BY at LIMIT 1",
	[DO_OLDEST_LOOSE] = "SELECT id FROM exchange WHERE batch = 0 ORDER BY id LIMIT 1",
	[DO_DROP_BATCH] = "DELETE FROM batch WHERE id = ?",
	[DO_DROP_NAMES] = "DELETE FROM name WHERE (kind = 1 AND NOT EXISTS"
			  " (SELECT 1 FROM exchange WHERE target = name.id)) OR (kind = 2 AND"
			  " NOT EXISTS (SELECT 1 FROM exchange WHERE proxy = name.id))",
	[DO_GET] = "SELECT r.json, r.packed, r.format, e.source, e.batch FROM exchange e"
		   " JOIN record r ON r.id = e.id WHERE e.id = ?",
	[DO_TOTAL] = "SELECT total(n) FROM tally WHERE span = 3600",
	[DO_FIRST] = "SELECT id FROM exchange ORDER BY id LIMIT 1",
	[DO_LAST] = "SELECT id FROM exchange ORDER BY id DESC LIMIT 1",
	[DO_USED] = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count,"
		    " pragma_freelist_count, pragma_page_size",
	[DO_BATCHES] = "SELECT id, source, at, name, exchanges, failures FROM batch"
		       " ORDER BY id DESC LIMIT ?",
};

int store_trouble(struct store *s, struct error *err)
{
	int code = s->sql->sqlite3_extended_errcode(s->db);
	char shown[300];
	escape_into(shown, sizeof shown, slice_of(s->sql->sqlite3_errmsg(s->db)));
	int number = (code & 0xff) == SQLITE_BUSY     ? -EBUSY
		     : (code & 0xff) == SQLITE_FULL   ? -ENOSPC
		     : (code & 0xff) == SQLITE_NOMEM  ? -ENOMEM
		     : (code & 0xff) == SQLITE_NOTADB ? -EINVAL
						      : -EIO;
	return err_set(err, number, "the history: %s", shown);
}

static int bind(struct store *s, sqlite3_stmt *stmt, int at, char form, va_list *ap)
{
	static const uint8_t nothing[1];
	if (form == 'i')
		return s->sql->sqlite3_bind_int64(stmt, at, va_arg(*ap, int64_t));
	struct slice bytes = va_arg(*ap, struct slice);
	const void *from = bytes.at ? bytes.at : nothing; /* NULL would be SQL's */
	/* they outlive the statement's use, which is over at statement_done */
	if (form == 's')
		return s->sql->sqlite3_bind_text(stmt, at, from, (int)bytes.len, SQLITE_STATIC);
	return s->sql->sqlite3_bind_blob(stmt, at, from, (int)bytes.len, SQLITE_STATIC);
}

sqlite3_stmt *statement_begin(struct store *s, enum store_task task, struct error *err,
			      const char *form, ...)
{
	sqlite3_stmt **stmt = &s->statement[task];
	int code = SQLITE_OK;
	va_list ap;
	if (!*stmt)
		code = s->sql->sqlite3_prepare_v3(s->db, TEXT[task], -1, SQLITE_PREPARE_PERSISTENT,
						  stmt, NULL);
	va_start(ap, form);
	for (int i = 0; code == SQLITE_OK && form[i]; i++)
		code = bind(s, *stmt, i + 1, form[i], &ap);
	va_end(ap);
	if (code == SQLITE_OK)
		return *stmt;
	store_trouble(s, err);
	return NULL;
}

void statement_done(struct store *s, sqlite3_stmt *stmt)
{
	if (stmt)
		s->sql->sqlite3_reset(stmt);
}

int statement_step(struct store *s, sqlite3_stmt *stmt, struct error *err)
{
	int code = s->sql->sqlite3_step(stmt);
	return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : store_trouble(s, err);
}

int statement_end(struct store *s, sqlite3_stmt *stmt, struct error *err)
{
	if (!stmt)
		return err->code;
	int code = statement_step(s, stmt, err);
	statement_done(s, stmt);
	return code < 0 ? code : 0;
}
