/* db.h: one SQLite file, with prepared statements.
 *
 * WAL, every commit on the disk before it returns (synchronous = FULL), mode 0600. A file carries
 * the application's mark and its format's version; another's file, and a newer version, are refused
 * by name. One thread at a time.
 *
 * Statements run within a transaction only. One that fails ends it: those behind it do nothing and
 * give no rows, and the commit is refused, so that a caller may run a whole transaction and ask
 * once. SQLite itself would go on: it rolls back where it runs out of memory or room, and commits
 * each later statement alone.
 *
 * A commit is confirmed only while the file is still the one that was opened: one that was moved,
 * removed or replaced meanwhile, or whose log was, fails all from there on, until it is back. The
 * pages of a file are checked when it is opened; those of a large one meanwhile, unless it is for
 * one process: where that finds damage, nothing is committed any more.
 *
 * Rows are input: somebody else may have written the file. Callers say what a column that is not as
 * it should be means. */
#ifndef AF_DB_H
#define AF_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_db;
struct af_db_statement;
struct af_failure;
struct sqlite3;

struct af_db_format {
    const char *name;       /* for people: "bus" */
    int32_t application_id; /* SQLite's mark of whose a file is */
    int version;
    const char *schema;          /* SQL that makes an empty file one of this version */
    const char *const *upgrades; /* SQL from version 1 to 2, from 2 to 3 …; NULL: none */
    bool exclusive;              /* for one process at a time */
};

/* Opens the file, or makes it; waits a second (10 where others may have it) while another process
 * has it or memory is short. Returns NULL with *why filled. */
struct af_db *af_db_open(const char *path, const struct af_db_format *format,
                         struct af_failure *why);
void af_db_close(struct af_db *db);

/* A statement, compiled at its first use and kept; sql must be the same constant each time. Ready
 * to be bound. */
struct af_db_statement *af_db_use(struct af_db *db, const char *sql);

/* Bind the next parameter; texts must live until the statement was run. NULL binds null. Each
 * returns the statement. */
struct af_db_statement *af_db_text(struct af_db_statement *statement, const char *text);
struct af_db_statement *af_db_bytes(struct af_db_statement *statement, const void *bytes,
                                    size_t len);
struct af_db_statement *af_db_integer(struct af_db_statement *statement, int64_t value);

/* Steps to the next row: true if there is one. False: it is over, or it or one before it in the
 * transaction has failed (af_db_failed), or there is no transaction; it is reset then. A statement
 * that is left before its last row must be ended by af_db_reset(). */
bool af_db_row(struct af_db_statement *statement);
void af_db_reset(struct af_db_statement *statement);

/* Runs a statement that gives no rows; returns how many rows it changed, 0 where it failed. */
int64_t af_db_run(struct af_db_statement *statement);

/* Columns of the row, from 0; texts are borrowed until the next step. An integer of what is none is
 * what SQLite makes of it, 0 of null. A text is NULL where there is none, but null, a number, a
 * blob or one with a zero byte in it; bytes are never NULL, and none of null. */
bool af_db_column_is_null(struct af_db_statement *statement, int column);
int64_t af_db_column_integer(struct af_db_statement *statement, int column);
const char *af_db_column_text(struct af_db_statement *statement, int column);
const char *af_db_column_bytes(struct af_db_statement *statement, int column, size_t *len);

int64_t af_db_last_id(const struct af_db *db);

/* Transactions. begin takes the write lock; false: there is none. commit returns false, having
 * rolled all back, if anything failed since begin or it cannot be made durable. What failed is
 * remembered until the next begin. */
bool af_db_begin(struct af_db *db);
bool af_db_commit(struct af_db *db);
void af_db_roll_back(struct af_db *db);

/* Has written(arg) called in each commit that has something to write, once all of it stands in the
 * log and before the disk is waited for: the death of this process undoes nothing any more (unless
 * others have the file open then), a loss of power may, and the commit may yet fail. */
void af_db_on_written(struct af_db *db, void (*written)(void *arg), void *arg);

/* Whether anything was changed since the last begin, by a transaction that may be over. */
bool af_db_has_changed(const struct af_db *db);

/* Part of a transaction, to be undone alone. */
void af_db_mark(struct af_db *db);
void af_db_keep(struct af_db *db); /* forgets the mark */
void af_db_undo(struct af_db *db); /* back to the mark */

enum af_db_trouble { AF_DB_FINE, AF_DB_DISK_FULL, AF_DB_BUSY, AF_DB_BROKEN };

/* What failed last since begin; the words are for people, borrowed. */
enum af_db_trouble af_db_failed(const struct af_db *db);
const char *af_db_why(const struct af_db *db);

/* Copies all that is committed into a new file, which is whole and on the disk, or not there.
 * Returns -1 with *why filled. No transaction may be open. */
int af_db_copy(struct af_db *db, const char *path, struct af_failure *why);

/* The same of a connection of SQLite's. */
int af_db_copy_file(struct sqlite3 *from, const char *path, struct af_failure *why);

/* The number that a query of SQLite's gives first; -1: none, or it cannot be asked. */
int64_t af_db_number(struct sqlite3 *db, const char *sql);

/* Whether nobody else has the file that is open: only then can its log be left, which is done. */
bool af_db_is_alone(struct sqlite3 *db);

/* Gives some pages that nothing needs any more back to the file system, within a transaction: a
 * millisecond's worth. Returns whether there are more. */
bool af_db_shrink(struct af_db *db);

/* Changes whenever another connection has committed. */
int64_t af_db_others(struct af_db *db);

#endif
