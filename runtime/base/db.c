/* db.c: see db.h. */
#include "base/db.h"

#include "base/bounds.h"
#include "base/db_log.h"
#include "base/failure.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sqlite.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_AGAIN_MS = 20, SMALLEST_BYTES = 512 };

struct af_db_statement {
    sqlite3_stmt *handle;
    struct af_db *db;
    const char *sql;
    int bound;
};

struct identity { /* of a file, zeroed: none */
    dev_t device;
    ino_t inode;
};

/* A thread that reads all of a large file. */
struct checker {
    pthread_t thread;
    sqlite3 *handle; /* NULL: there is none */
    atomic_bool damaged;
    char why[200]; /* there once it is damaged */
    char *path;
};

struct af_db {
    sqlite3 *handle;
    char *path, *log_path;
    struct identity file, log; /* as they were opened */
    struct checker checker;
    struct af_db_statement **statements;
    size_t count, cap;
    bool open; /* a transaction, as its owner sees it: until commit or roll_back */
    enum af_db_trouble trouble;
    bool passes;     /* it may be over in a moment: another process has it, or memory is short */
    int64_t changes; /* before the transaction */
    struct af_db_log writes;
    char why[300];
};

/* ---- Trouble. ---- */

static const char *name_of(const struct af_db *db)
{
    return strrchr(db->path, '/') + 1; /* folders are nobody's business who asks from afar */
}

static void note(struct af_db *db, int code)
{
    if (db->trouble != AF_DB_FINE || code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
        return;
    int kind = code & 0xff;
    bool busy = kind == SQLITE_BUSY || kind == SQLITE_LOCKED;
    db->passes = busy || kind == SQLITE_NOMEM;
    db->trouble = kind == SQLITE_FULL ? AF_DB_DISK_FULL
                  : busy              ? AF_DB_BUSY
                  : kind == SQLITE_IOERR && af_sqlite3_system_errno(db->handle) == ENOSPC
                      ? AF_DB_DISK_FULL
                      : AF_DB_BROKEN;
    const char *name = name_of(db);
    switch (db->trouble) {
    case AF_DB_DISK_FULL:
        snprintf(db->why, sizeof db->why, "the disk of '%s' is full", name);
        break;
    case AF_DB_BUSY:
        snprintf(db->why, sizeof db->why, "'%s' is in use by another process", name);
        break;
    default:
        snprintf(db->why, sizeof db->why, "'%s': %s", name,
                 af_sqlite3_extended_errcode(db->handle) == code ? af_sqlite3_errmsg(db->handle)
                                                                 : af_sqlite3_errstr(code));
        break;
    }
}

/* Whether the transaction can come to nothing any more. SQLite rolls back by itself where it runs
 * out of memory or room in the middle of a statement; what is run behind that is committed
 * at once, and alone. */
static bool is_lost(struct af_db *db)
{
    if (db->open && db->trouble == AF_DB_FINE && af_sqlite3_get_autocommit(db->handle) != 0)
        note(db, SQLITE_ABORT_ROLLBACK);
    return db->open && db->trouble != AF_DB_FINE;
}

enum af_db_trouble af_db_failed(const struct af_db *db)
{
    return db->trouble;
}

const char *af_db_why(const struct af_db *db)
{
    return db->why;
}

/* ---- Whether the file is still ours. ---- */

static struct identity identity_of(const char *path)
{
    struct stat info;
    struct identity none = {0, 0};
    return stat(path, &info) == 0 ? (struct identity){info.st_dev, info.st_ino} : none;
}

static bool is_same(struct identity left, struct identity right)
{
    return left.device == right.device && left.inode == right.inode;
}

/* Whether what is committed can be found again. SQLite would go on in a file that has no name any
 * more, and whoever starts next finds another one, or none. */
static bool is_in_place(struct af_db *db)
{
    const char *name = name_of(db);
    if (db->log.inode == 0) /* it is made by the first commit of a new file */
        db->log = identity_of(db->log_path);
    if (!is_same(identity_of(db->path), db->file))
        snprintf(db->why, sizeof db->why,
                 "'%s' was moved, removed or replaced while it was open; put it back, or stop this "
                 "process before another copy is used",
                 name);
    else if (db->log.inode != 0 && !is_same(identity_of(db->log_path), db->log))
        snprintf(db->why, sizeof db->why,
                 "'%s-wal' was removed or replaced while it was open; stop this process by "
                 "SIGTERM, so that it writes what it has into '%s', and start it again",
                 name, name);
    else if (atomic_load(&db->checker.damaged))
        snprintf(db->why, sizeof db->why, "'%s' is damaged: %s; stop, and put back a copy of it",
                 name, db->checker.why);
    else
        return true;
    db->trouble = AF_DB_BROKEN;
    return false;
}

/* ---- Opening. ---- */

static int64_t pragma(struct af_db *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = -1;
    if (is_lost(db))
        return value;
    int code = af_sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL);
    if (code == SQLITE_OK && (code = af_sqlite3_step(statement)) == SQLITE_ROW)
        value = af_sqlite3_column_int64(statement, 0);
    af_sqlite3_finalize(statement);
    note(db, code);
    return value;
}

static bool execute(struct af_db *db, const char *sql)
{
    if (is_lost(db))
        return false;
    int code = af_sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    note(db, code);
    return code == SQLITE_OK;
}

static int fail(struct af_db *db, struct af_failure *why)
{
    return af_failure_set(why, AF_FAILURE_TRANSPORT, db->path, "cannot be used as a store: %s",
                          db->why[0] == '\0' ? "it cannot be opened" : db->why);
}

/* Makes the file one of ours, or sees that it is. */
static int check_format(struct af_db *db, const struct af_db_format *format, struct af_failure *why)
{
    char sql[100];
    if (!af_db_begin(db))
        return fail(db, why);
    int64_t tables = pragma(db, "SELECT count(*) FROM sqlite_schema");
    int64_t application = pragma(db, "PRAGMA application_id");
    int64_t version = pragma(db, "PRAGMA user_version");
    if (db->trouble != AF_DB_FINE) {
        af_db_roll_back(db);
        return fail(db, why);
    }
    if (tables == 0 && application == 0 && version == 0) {
        execute(db, format->schema);
        snprintf(sql, sizeof sql, "PRAGMA application_id = %d", (int)format->application_id);
        execute(db, sql);
        snprintf(sql, sizeof sql, "PRAGMA user_version = %d", format->version);
        execute(db, sql);
        return af_db_commit(db) ? 0 : fail(db, why);
    }
    if (application == format->application_id && version >= 1 && version < format->version &&
        format->upgrades != NULL) {
        for (; version < format->version; version++)
            execute(db, format->upgrades[version - 1]);
        snprintf(sql, sizeof sql, "PRAGMA user_version = %d", format->version);
        execute(db, sql);
        return af_db_commit(db) ? 0 : fail(db, why);
    }
    af_db_roll_back(db);
    if (application != format->application_id)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, db->path,
                              "is a database of another program, not a %s", format->name);
    if (version > format->version)
        return af_failure_set(
            why, AF_FAILURE_TRANSPORT, db->path,
            "is a %s of version %lld; this program knows versions up to %d: use a "
            "newer afrun",
            format->name, (long long)version, format->version);
    if (version != format->version)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, db->path,
                              "is a %s of version %lld, which this program cannot read",
                              format->name, (long long)version);
    return 0;
}

static int look_once(sqlite3 *handle, char *why, size_t why_size)
{
    sqlite3_stmt *statement = NULL;
    int code = af_sqlite3_prepare_v2(handle, "PRAGMA quick_check(1000)", -1, &statement, NULL);
    why[0] = '\0';
    while (code == SQLITE_OK && (code = af_sqlite3_step(statement)) == SQLITE_ROW) {
        const char *text = (const char *)af_sqlite3_column_text(statement, 0);
        const char *line = text == NULL ? NULL : strchr(text, '\n'); /* behind its headline */
        text = line == NULL ? text : line + 1;
        code = text == NULL                                                    ? SQLITE_NOMEM
               : strcmp(text, "ok") == 0 || strstr(text, " value in ") != NULL ? SQLITE_OK
                                                                               : SQLITE_CORRUPT;
        if (code == SQLITE_CORRUPT)
            snprintf(why, why_size, "%s", text);
    }
    if (code == SQLITE_DONE)
        code = SQLITE_OK;
    else if (why[0] == '\0')
        snprintf(why, why_size, "%s", af_sqlite3_errmsg(handle));
    af_sqlite3_finalize(statement);
    return code & 0xff;
}

/* SQLITE_OK: all of its pages are there and hang together. SQLITE_CORRUPT: why tells what does not.
 * Else what keeps one from looking, in why, too. Values that a column should not have are input,
 * for whoever reads them. A page for which memory was short is told by SQLite as one that is
 * damaged, which is so at a second look, too. */
static int look_through(sqlite3 *handle, char *why, size_t why_size)
{
    int code = look_once(handle, why, why_size);
    return code == SQLITE_CORRUPT ? look_once(handle, why, why_size) : code;
}

static void *check_all(void *arg)
{
    struct checker *checker = arg;
    char why[sizeof checker->why];
    int code = look_through(checker->handle, why, sizeof why);
    if (code != SQLITE_OK && code != SQLITE_INTERRUPT && code != SQLITE_NOMEM &&
        code != SQLITE_BUSY) {
        memcpy(checker->why, why, sizeof why);
        atomic_store(&checker->damaged, true);
        af_log(AF_LOG_ERROR,
               "%s is damaged: %s; nothing is confirmed any more: stop, and put back a copy",
               checker->path, why);
    }
    return NULL;
}

/* Has a large file checked by a thread and a connection of its own. Where there is none to be had,
 * the file is read as it comes. */
static void begin_check(struct af_db *db)
{
    struct checker *checker = &db->checker;
    checker->path = db->path;
    if (af_sqlite3_open_v2(db->path, &checker->handle,
                           SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
                           NULL) == SQLITE_OK &&
        pthread_create(&checker->thread, NULL, check_all, checker) == 0)
        return;
    af_sqlite3_close(checker->handle);
    checker->handle = NULL;
}

static void end_check(struct checker *checker)
{
    if (checker->handle == NULL)
        return;
    af_sqlite3_interrupt(checker->handle);
    pthread_join(checker->thread, NULL);
    af_sqlite3_close(checker->handle);
    checker->handle = NULL;
}

static int open_file(struct af_db *db, const struct af_db_format *format, struct af_failure *why)
{
    struct stat log, info = {0};
    /* SQLite would remove a log without its file. It is looked at first: another process may make
     * both just now */
    bool is_logged = stat(db->log_path, &log) == 0 && log.st_size > 0;
    if (is_logged && (stat(db->path, &info) != 0 || info.st_size == 0))
        return af_failure_set(why, AF_FAILURE_TRANSPORT, db->path,
                              "cannot be used as a store: '%s' is not there, and its log '%s-wal' "
                              "is: put back the file, or move the log away to begin anew",
                              name_of(db), name_of(db));
    /* SQLite would ask the umask. One that is there is not opened here: to close it would take away
     * the locks of all connections that this process has to it */
    int fd = open(db->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    if ((fd < 0 && errno != EEXIST) || lstat(db->path, &info) != 0 ||
        (S_ISREG(info.st_mode) && access(db->path, R_OK | W_OK) != 0))
        return af_failure_set(why, AF_FAILURE_TRANSPORT, db->path, "cannot be opened: %s",
                              strerror(errno));
    if (!S_ISREG(info.st_mode))
        return af_failure_set(why, AF_FAILURE_TRANSPORT, db->path, "%s",
                              S_ISLNK(info.st_mode) ? "is a link; name the file that it leads to"
                                                    : "is no file");
    off_t size = info.st_size;
    db->file = identity_of(db->path);
    db->log = (struct identity){0, 0};
    if (size > 0 && size < SMALLEST_BYTES) /* SQLite would take it for a new one */
        return af_failure_set(why, AF_FAILURE_TRANSPORT, db->path,
                              "cannot be used as a store: it has %lld bytes, fewer than any",
                              (long long)size);
    int code = af_sqlite3_open_v2(
        db->path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
        NULL);
    note(db, code);
    if (code != SQLITE_OK)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, db->path, "cannot be opened: %s",
                              db->handle == NULL ? af_sqlite3_errstr(code)
                                                 : af_sqlite3_errmsg(db->handle));
    af_sqlite3_extended_result_codes(db->handle, 1);
    af_sqlite3_busy_timeout(db->handle, format->exclusive ? 200 : 10000);
    if (format->exclusive)
        execute(db, "PRAGMA locking_mode = EXCLUSIVE");
    execute(db,
            "PRAGMA secure_delete = FAST"); /* what a row no longer says is not left in its page */
    execute(db, "PRAGMA synchronous = FULL");
    execute(db, "PRAGMA cache_size = -32000");
    execute(db, "PRAGMA trusted_schema = OFF");
    execute(db, "PRAGMA journal_size_limit = 67108864"); /* a log that had to grow shrinks again */
    if (size == 0)
        execute(db, "PRAGMA auto_vacuum = INCREMENTAL");
    if (db->trouble != AF_DB_FINE)
        return fail(db, why);
    if (check_format(db, format, why) != 0)
        return -1;
    if (!execute(db, "PRAGMA journal_mode = WAL")) /* kept in the file: not in another's */
        return fail(db, why);
    db->log = identity_of(db->log_path);
    bool at_once = format->exclusive || size <= AF_DB_CHECKED_BYTES;
    code = at_once ? look_through(db->handle, db->why, sizeof db->why) : SQLITE_OK;
    if (code == SQLITE_CORRUPT)
        return af_failure_set(
            why, AF_FAILURE_TRANSPORT, db->path,
            "is damaged: %s; put back a copy of it, or move it away to begin anew", db->why);
    note(db, code);
    if (code != SQLITE_OK)
        return fail(db, why);
    if (!at_once)
        begin_check(db);
    return 0;
}

/* All but the paths. */
static void forget(struct af_db *db)
{
    end_check(&db->checker);
    for (size_t i = 0; i < db->count; i++) {
        af_sqlite3_finalize(db->statements[i]->handle);
        free(db->statements[i]);
    }
    free(db->statements);
    af_sqlite3_close(db->handle);
    *db = (struct af_db){.path = db->path, .log_path = db->log_path};
}

static void release(struct af_db *db)
{
    free(db->path);
    free(db->log_path);
    free(db);
}

struct af_db *af_db_open(const char *path, const struct af_db_format *format,
                         struct af_failure *why)
{
    if (af_sqlite_need(why) != 0)
        return NULL;
    struct af_db *db = af_mem_zero(1, sizeof *db);
    char *folder = NULL;
    const char *slash = strrchr(path, '/');
    /* O_NOFOLLOW of SQLite is for the whole path: folders may be links */
    if (slash != NULL) {
        char *head = af_mem_copy(path, slash == path ? 1 : (size_t)(slash - path));
        folder = realpath(head, NULL);
        free(head);
    } else {
        folder = realpath(".", NULL);
    }
    if (folder == NULL) {
        af_failure_set(why, AF_FAILURE_TRANSPORT, path, "cannot be opened: %s", strerror(errno));
        release(db);
        return NULL;
    }
    const char *name = slash == NULL ? path : slash + 1;
    size_t size = strlen(folder) + strlen(name) + 2;
    db->path = af_mem_alloc(size);
    snprintf(db->path, size, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name);
    free(folder);
    db->log_path = af_mem_alloc(size + 4);
    snprintf(db->log_path, size + 4, "%s-wal", db->path);
    /* a process that opens the file, mends it after a kill or closes it as the last one locks it
     * for moments in which SQLite does not wait by itself; and memory may be short for as long */
    int tries = (format->exclusive ? 1000 : 10000) / OPEN_AGAIN_MS;
    bool told = !format->exclusive;
    while (open_file(db, format, why) != 0) {
        bool again = db->passes && tries-- > 0;
        if (again && !told)
            af_log(AF_LOG_WARNING, "waits for %s: %s; trying again", path,
                   db->trouble == AF_DB_BUSY ? "another process has it" : "memory is short");
        told = told || again;
        forget(db);
        if (!again) {
            release(db);
            return NULL;
        }
        if (why != NULL)
            *why = (struct af_failure)AF_FAILURE_INIT;
        usleep(OPEN_AGAIN_MS * 1000);
    }
    return db;
}

void af_db_close(struct af_db *db)
{
    if (db == NULL)
        return;
    forget(db);
    release(db);
}

/* ---- Statements. ---- */

struct af_db_statement *af_db_use(struct af_db *db, const char *sql)
{
    struct af_db_statement *statement = NULL;
    for (size_t i = 0; i < db->count && statement == NULL; i++)
        if (db->statements[i]->sql == sql)
            statement = db->statements[i];
    if (statement == NULL) {
        statement = af_mem_zero(1, sizeof *statement);
        statement->db = db;
        statement->sql = sql;
        af_mem_reserve(&db->statements, &db->cap, db->count + 1, sizeof(struct af_db_statement *));
        db->statements[db->count++] = statement;
    }
    if (statement->handle == NULL) /* also where it could not be compiled the last time */
        note(db, af_sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                       &statement->handle, NULL));
    statement->bound = 0;
    return statement;
}

static struct af_db_statement *bound(struct af_db_statement *statement, int code)
{
    if (statement->handle != NULL) /* else it is noted already that it could not be compiled */
        note(statement->db, code);
    return statement;
}

struct af_db_statement *af_db_text(struct af_db_statement *statement, const char *text)
{
    return bound(statement, af_sqlite3_bind_text(statement->handle, ++statement->bound, text, -1,
                                                 SQLITE_STATIC));
}

struct af_db_statement *af_db_bytes(struct af_db_statement *statement, const void *bytes,
                                    size_t len)
{
    return bound(statement, af_sqlite3_bind_blob64(statement->handle, ++statement->bound, bytes,
                                                   len, SQLITE_STATIC));
}

struct af_db_statement *af_db_integer(struct af_db_statement *statement, int64_t value)
{
    return bound(statement, af_sqlite3_bind_int64(statement->handle, ++statement->bound, value));
}

static bool step(struct af_db_statement *statement)
{
    if (statement->handle == NULL) /* it could not be compiled */
        return false;
    int code = af_sqlite3_step(statement->handle);
    if (code == SQLITE_ROW)
        return true;
    note(statement->db, code);
    af_sqlite3_reset(statement->handle);
    return false;
}

bool af_db_row(struct af_db_statement *statement)
{
    if (statement->db->open && !is_lost(statement->db))
        return step(statement);
    af_sqlite3_reset(statement->handle);
    return false;
}

void af_db_reset(struct af_db_statement *statement)
{
    af_sqlite3_reset(statement->handle);
}

int64_t af_db_run(struct af_db_statement *statement)
{
    const struct af_db *db = statement->db;
    bool row = af_db_row(statement);
    assert(!row);
    return db->open && db->trouble == AF_DB_FINE ? af_sqlite3_changes64(db->handle) : 0;
}

bool af_db_column_is_null(struct af_db_statement *statement, int column)
{
    return af_sqlite3_column_type(statement->handle, column) == SQLITE_NULL;
}

int64_t af_db_column_integer(struct af_db_statement *statement, int column)
{
    return af_sqlite3_column_int64(statement->handle, column);
}

/* A value that is there and is given as NULL: there was no memory for it. */
static void see_given(struct af_db_statement *statement, const void *given, bool is_there)
{
    if (given == NULL && is_there)
        note(statement->db, SQLITE_NOMEM);
}

const char *af_db_column_text(struct af_db_statement *statement, int column)
{
    if (af_sqlite3_column_type(statement->handle, column) != SQLITE_TEXT)
        return NULL;
    const char *text = (const char *)af_sqlite3_column_text(statement->handle, column);
    see_given(statement, text, true);
    bool is_cut =
        text != NULL && strlen(text) != (size_t)af_sqlite3_column_bytes(statement->handle, column);
    return is_cut ? NULL : text;
}

const char *af_db_column_bytes(struct af_db_statement *statement, int column, size_t *len)
{
    const char *bytes = af_sqlite3_column_blob(statement->handle, column);
    *len = (size_t)af_sqlite3_column_bytes(statement->handle, column);
    see_given(statement, bytes, *len > 0);
    if (bytes == NULL)
        *len = 0;
    return bytes == NULL ? "" : bytes;
}

int64_t af_db_last_id(const struct af_db *db)
{
    return af_sqlite3_last_insert_rowid(db->handle);
}

/* ---- Transactions. ---- */

bool af_db_begin(struct af_db *db)
{
    assert(!db->open);
    if (af_sqlite3_get_autocommit(db->handle) == 0) /* the last one could not be rolled back */
        step(af_db_use(db, "ROLLBACK"));
    db->trouble = AF_DB_FINE;
    db->why[0] = '\0';
    db->changes = af_sqlite3_total_changes64(db->handle);
    step(af_db_use(db, "BEGIN IMMEDIATE"));
    db->open = db->trouble == AF_DB_FINE;
    return db->open;
}

void af_db_on_written(struct af_db *db, void (*written)(void *arg), void *arg)
{
    db->writes.written = written;
    db->writes.arg = arg;
}

static void commit(struct af_db *db)
{
    af_db_log_begin(&db->writes, db->handle);
    step(af_db_use(db, "COMMIT"));
    af_db_log_end(&db->writes);
}

bool af_db_commit(struct af_db *db)
{
    if (db->open && !is_lost(db) && is_in_place(db))
        commit(db);
    bool committed = db->open && db->trouble == AF_DB_FINE && is_in_place(db);
    af_db_roll_back(db);
    return committed;
}

void af_db_roll_back(struct af_db *db)
{
    if (af_sqlite3_get_autocommit(db->handle) == 0)
        step(af_db_use(db, "ROLLBACK"));
    db->open = false;
}

bool af_db_has_changed(const struct af_db *db)
{
    return af_sqlite3_total_changes64(db->handle) != db->changes;
}

void af_db_mark(struct af_db *db)
{
    af_db_row(af_db_use(db, "SAVEPOINT mark"));
}

void af_db_keep(struct af_db *db)
{
    af_db_row(af_db_use(db, "RELEASE mark"));
}

void af_db_undo(struct af_db *db)
{
    af_db_row(af_db_use(db, "ROLLBACK TO mark"));
    af_db_row(af_db_use(db, "RELEASE mark"));
}

/* ---- Upkeep. ---- */

/* name: of what it will be, for people. */
static int copy_pages(sqlite3 *from, const char *to, const char *name, struct af_failure *why)
{
    sqlite3 *copy = NULL;
    int code = af_sqlite3_open_v2(
        to, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    sqlite3_backup *backup =
        code == SQLITE_OK ? af_sqlite3_backup_init(copy, "main", from, "main") : NULL;
    if (backup != NULL) {
        while ((code = af_sqlite3_backup_step(backup, -1)) == SQLITE_BUSY || code == SQLITE_LOCKED)
            usleep(OPEN_AGAIN_MS * 1000);
        af_sqlite3_backup_finish(backup);
        if (code == SQLITE_DONE) /* one file, without a log beside it */
            code = af_sqlite3_exec(copy, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    } else if (code == SQLITE_OK) {
        code = af_sqlite3_errcode(copy);
    }
    if (code != SQLITE_OK)
        af_failure_set(why, AF_FAILURE_TRANSPORT, name, "cannot be written: %s",
                       af_sqlite3_errmsg(copy));
    af_sqlite3_close(copy);
    return code == SQLITE_OK ? 0 : -1;
}

int64_t af_db_number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = -1;
    if (af_sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        af_sqlite3_step(statement) == SQLITE_ROW)
        value = af_sqlite3_column_int64(statement, 0);
    af_sqlite3_finalize(statement);
    return value;
}

bool af_db_is_alone(sqlite3 *db)
{
    sqlite3_stmt *mode = NULL;
    bool alone =
        af_sqlite3_prepare_v2(db, "PRAGMA journal_mode = DELETE", -1, &mode, NULL) == SQLITE_OK &&
        af_sqlite3_step(mode) == SQLITE_ROW && af_sqlite3_column_text(mode, 0) != NULL &&
        strcmp((const char *)af_sqlite3_column_text(mode, 0), "delete") == 0;
    af_sqlite3_finalize(mode);
    return alone;
}

int af_db_copy_file(sqlite3 *from, const char *path, struct af_failure *why)
{
    size_t size = strlen(path) + sizeof AF_IO_UNFINISHED;
    char *new = af_mem_alloc(size);
    snprintf(new, size, "%s" AF_IO_UNFINISHED, path);
    unlink(new); /* of one that was broken off */
    int fd = open(new, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), result = -1;
    if (fd >= 0 && access(path, F_OK) == 0)
        af_failure_set(why, AF_FAILURE_USAGE, path, "is there already; name a new file");
    else if (fd < 0 ||
             (copy_pages(from, new, path, why) == 0 && (fsync(fd) != 0 || rename(new, path) != 0)))
        af_failure_set(why, AF_FAILURE_TRANSPORT, path, "cannot be written: %s", strerror(errno));
    else if (why->kind == AF_FAILURE_NONE)
        result = 0;
    if (fd >= 0)
        close(fd);
    if (result != 0)
        unlink(new);
    free(new);
    return result;
}

int af_db_copy(struct af_db *db, const char *path, struct af_failure *why)
{
    return af_db_copy_file(db->handle, path, why);
}

bool af_db_shrink(struct af_db *db)
{
    enum { SPARE_PAGES = 256 }; /* what comes next needs some */
    enum { LOOKS = 1000000, LEAST = 4, MOST = 100 };
    struct af_db_statement *spare = af_db_use(db, "PRAGMA freelist_count");
    int64_t pages = af_db_row(spare) ? af_db_column_integer(spare, 0) : 0;
    af_db_reset(spare);
    if (pages <= SPARE_PAGES)
        return false;
    struct af_db_statement *give = af_db_use(db, "PRAGMA incremental_vacuum(100)");
    /* for each page SQLite looks through the list of all that are free */
    int64_t some = LOOKS / pages < LEAST ? LEAST : LOOKS / pages > MOST ? MOST : LOOKS / pages;
    while (some-- > 0 && af_db_row(give))
        ;
    af_db_reset(give);
    int64_t left = af_db_row(spare) ? af_db_column_integer(spare, 0) : 0;
    af_db_reset(spare);
    return left > SPARE_PAGES && left < pages; /* of an older file they stay, to be used again */
}

int64_t af_db_others(struct af_db *db)
{
    struct af_db_statement *statement = af_db_use(db, "PRAGMA data_version");
    int64_t version = step(statement) ? af_db_column_integer(statement, 0) : -1;
    af_db_reset(statement);
    return version;
}
