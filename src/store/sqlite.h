/* SQLite, opened by name when a history is opened, for the reason that check/libs.h gives: an idle
 * proxy must not carry it. Private to the room. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include "base/error.h"

#include <sqlite3.h>

#define STORE_SQLITE_CALLS(CALL)                                                                   \
	CALL(sqlite3_open_v2)                                                                      \
	CALL(sqlite3_close)                                                                        \
	CALL(sqlite3_exec)                                                                         \
	CALL(sqlite3_prepare_v3)                                                                   \
	CALL(sqlite3_step)                                                                         \
	CALL(sqlite3_reset)                                                                        \
	CALL(sqlite3_finalize)                                                                     \
	CALL(sqlite3_bind_int64)                                                                   \
	CALL(sqlite3_bind_text)                                                                    \
	CALL(sqlite3_bind_blob)                                                                    \
	CALL(sqlite3_column_int64)                                                                 \
	CALL(sqlite3_column_text)                                                                  \
	CALL(sqlite3_column_blob)                                                                  \
	CALL(sqlite3_column_bytes)                                                                 \
	CALL(sqlite3_errmsg)                                                                       \
	CALL(sqlite3_extended_errcode)                                                             \
	CALL(sqlite3_busy_timeout)                                                                 \
	CALL(sqlite3_progress_handler)                                                             \
	CALL(sqlite3_changes)                                                                      \
	CALL(sqlite3_last_insert_rowid)                                                            \
	CALL(sqlite3_get_autocommit)

#define STORE_MEMBER(name) __typeof__(name) *name;
struct store_sqlite {
	STORE_SQLITE_CALLS(STORE_MEMBER)
};
#undef STORE_MEMBER

/* NULL with err: not installed. Opened once; it stays. */
const struct store_sqlite *store_sqlite_open(struct error *err);

#endif
