/* sqlite.h: SQLite, loaded when a store is first opened (base/library.h). */
#ifndef AF_SQLITE_H
#define AF_SQLITE_H

#include "base/library.h"

#include <sqlite3.h>

/* clang-format off */
#define AF_SQLITE_FUNCTIONS(X) \
    X(sqlite3_backup_finish) X(sqlite3_backup_init) X(sqlite3_backup_step) X(sqlite3_bind_blob64) \
    X(sqlite3_bind_int64) X(sqlite3_bind_text) X(sqlite3_busy_timeout) X(sqlite3_changes64) \
    X(sqlite3_close) X(sqlite3_column_blob) X(sqlite3_column_bytes) X(sqlite3_column_int64) \
    X(sqlite3_column_text) X(sqlite3_column_type) X(sqlite3_errcode) X(sqlite3_errmsg) \
    X(sqlite3_errstr) X(sqlite3_exec) X(sqlite3_extended_errcode) \
    X(sqlite3_extended_result_codes) X(sqlite3_file_control) X(sqlite3_finalize) X(sqlite3_free) \
    X(sqlite3_get_autocommit) X(sqlite3_interrupt) X(sqlite3_last_insert_rowid) \
    X(sqlite3_libversion) X(sqlite3_mprintf) X(sqlite3_open_v2) X(sqlite3_prepare_v2) \
    X(sqlite3_prepare_v3) X(sqlite3_reset) X(sqlite3_step) X(sqlite3_system_errno) \
    X(sqlite3_total_changes64)
/* clang-format on */
AF_SQLITE_FUNCTIONS(AF_LIBRARY_DECLARE)

/* Before anything of SQLite's is called. Returns 0, or -1 with *why (may be NULL) filled: the
 * library is not there. On any thread. */
int af_sqlite_need(struct af_failure *why);

#endif
