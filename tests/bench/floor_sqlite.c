/* floor_sqlite.c: floor_sqlite FILE SECONDS [MESSAGES]: what SQLite itself can keep.
 *
 * Transactions of 100 messages, or of so many, each inserted once while a party is updated, by
 * statements that are prepared; WAL, synchronous = FULL. Prints messages a second. */
#include "client.h"

#include <sqlite3.h>

enum { PARTIES = 1000, BODY_BYTES = 219 };

static sqlite3 *db;

static void run(const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die("%s: %s", sql, sqlite3_errmsg(db));
}

static sqlite3_stmt *prepare(const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        die("%s: %s", sql, sqlite3_errmsg(db));
    return statement;
}

static void step(sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE)
        die("%s", sqlite3_errmsg(db));
    sqlite3_reset(statement);
}

static void make_tables(const char *path)
{
    char sql[100];
    if (sqlite3_open(path, &db) != SQLITE_OK)
        die("%s: %s", path, sqlite3_errmsg(db));
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = FULL");
    run("CREATE TABLE messages (id INTEGER PRIMARY KEY, task TEXT, source TEXT, target TEXT, "
        "number INTEGER, body TEXT)");
    run("CREATE INDEX messages_by_target ON messages (target, number)");
    run("CREATE TABLE parties (id TEXT PRIMARY KEY, state TEXT, round INTEGER, data TEXT) WITHOUT "
        "ROWID");
    run("BEGIN");
    for (int i = 0; i < PARTIES; i++) {
        snprintf(sql, sizeof sql, "INSERT INTO parties VALUES ('p%d', 'idle', 0, '{}')", i);
        run(sql);
    }
    run("COMMIT");
}

static void remove_files(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char name[4096];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

/* The parties take turns in no order that a cache would like. */
static int next_party(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return (int)(*state >> 16) % PARTIES;
}

static long insert_for(double seconds, int messages)
{
    static char body[BODY_BYTES];
    char party[16];
    unsigned chance = 1;
    long count = 0;
    sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE"), *commit = prepare("COMMIT");
    sqlite3_stmt *insert = prepare("INSERT INTO messages (task, source, target, number, body) "
                                   "VALUES ('T', 'p1', ?, ?, ?)");
    sqlite3_stmt *update =
        prepare("UPDATE parties SET state = 'wait', round = ?, data = ? WHERE id = ?");
    memset(body, 'x', sizeof body);
    for (double end_s = now_s() + seconds; now_s() < end_s;) {
        step(begin);
        for (int i = 0; i < messages; i++, count++) {
            snprintf(party, sizeof party, "p%d", next_party(&chance));
            sqlite3_bind_text(insert, 1, party, -1, SQLITE_STATIC);
            sqlite3_bind_int64(insert, 2, count);
            sqlite3_bind_text(insert, 3, body, BODY_BYTES, SQLITE_STATIC);
            step(insert);
            sqlite3_bind_int64(update, 1, count);
            sqlite3_bind_text(update, 2, body, 200, SQLITE_STATIC);
            sqlite3_bind_text(update, 3, party, -1, SQLITE_STATIC);
            step(update);
        }
        step(commit);
    }
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(insert);
    sqlite3_finalize(update);
    return count;
}

int main(int argc, char **argv)
{
    int messages = argc > 3 ? atoi(argv[3]) : 100;
    if (argc < 3 || argc > 4 || messages < 1)
        return 2;
    remove_files(argv[1]);
    make_tables(argv[1]);
    double begin_s = now_s();
    long count = insert_for(atof(argv[2]), messages);
    printf("%.1f\n", (double)count / (now_s() - begin_s));
    sqlite3_close(db);
    remove_files(argv[1]);
    return 0;
}
