/* db_log.h: the moment of a commit at which all of it stands in SQLite's log and the disk has not
 * been waited for. SQLite tells nobody of it; the methods of the log's file see it pass. For db.c.
 */
#ifndef AF_DB_LOG_H
#define AF_DB_LOG_H

#include "base/sqlite.h"

#include <stdbool.h>

struct af_db_log {              /* zeroed; it must outlive the connection, and stay where it is */
    sqlite3_io_methods methods; /* the first: a file's methods lead to it */
    const sqlite3_io_methods *own; /* SQLite's */
    void (*written)(void *arg);    /* NULL: nobody wants to know */
    void *arg;
    bool is_in_commit, has_written;
};

/* Around a COMMIT. */
void af_db_log_begin(struct af_db_log *log, sqlite3 *handle);
void af_db_log_end(struct af_db_log *log);

#endif
