/* db_log.c: see db_log.h.
 *
 * A commit writes its pages into the log, waits for the disk, and is there for others then. A log
 * that begins anew gets its head first, for which the disk is waited for, too: that is not it. */
#include "base/db_log.h"

#include <stddef.h>
#include <stdint.h>

enum { HEAD_BYTES = 32 };

static struct af_db_log *log_of(sqlite3_file *file)
{
    return (struct af_db_log *)(void *)(uintptr_t)file->pMethods; /* its first member */
}

static int write_log(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    struct af_db_log *log = log_of(file);
    int code = log->own->xWrite(file, bytes, count, offset);
    if (offset >= HEAD_BYTES)
        log->has_written = true;
    return code;
}

static int sync_log(sqlite3_file *file, int flags)
{
    struct af_db_log *log = log_of(file);
    bool is_it = log->is_in_commit && log->has_written;
    if (is_it) {
        log->is_in_commit = false; /* once */
        log->written(log->arg);
    }
    return log->own->xSync(file, flags);
}

void af_db_log_begin(struct af_db_log *log, sqlite3 *handle)
{
    sqlite3_file *file = NULL;
    if (log->written == NULL ||
        af_sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK ||
        file == NULL || file->pMethods == NULL)
        return;
    if (file->pMethods != &log->methods) {
        log->own = file->pMethods;
        log->methods = *log->own;
        log->methods.xWrite = write_log;
        log->methods.xSync = sync_log;
        file->pMethods = &log->methods;
    }
    log->has_written = false;
    log->is_in_commit = true;
}

void af_db_log_end(struct af_db_log *log)
{
    log->is_in_commit = false;
}
