/* cmd_store.c: `afrun store check` and `afrun restore`: what is in a store's file, whether it is
 * whole, and a copy of it put back. The file is read by SQLite alone and as it is: nothing of it is
 * brought on to another version, and a running process is left its own. */
#include "cli/command.h"

#include "base/buf.h"
#include "base/db.h"
#include "base/failure.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "base/sqlite.h"
#include "cli/answer.h"
#include "json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct store_options {
    const char *name;
    bool force, json;
};

/* ---- Reading. ---- */

static const struct kind {
    int64_t application_id;
    const char *word, *name, *file;
} kinds[] = {
    {0x61666c62, "messages", "message store", "afrun.db"},
    {0x61667374, "parties", "store of parties", "node.db"},
    {0x61666f62, "outbox", "sidecar's outbox", "afrun-sidecar.db"},
};

/* Calls each(arg, row) for the rows; false: it cannot be read. */
static bool rows_of(sqlite3 *db, const char *sql, void (*each)(void *arg, sqlite3_stmt *row),
                    void *arg)
{
    sqlite3_stmt *statement = NULL;
    int code = af_sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    while (code == SQLITE_OK && (code = af_sqlite3_step(statement)) == SQLITE_ROW) {
        each(arg, statement);
        code = SQLITE_OK;
    }
    af_sqlite3_finalize(statement);
    return code == SQLITE_DONE;
}

static const char *text(sqlite3_stmt *row, int column)
{
    const char *value = (const char *)af_sqlite3_column_text(row, column);
    return value == NULL ? "" : value;
}

struct look {
    sqlite3 *db;
    const struct kind *kind;
    int64_t version;
    struct af_buf wrong; /* a line each */
};

static void note_wrong(void *arg, sqlite3_stmt *row)
{
    struct look *look = arg;
    const char *line = text(row, 0);
    if (strcmp(line, "ok") != 0)
        af_buf_printf(&look->wrong, "%s\n", line);
}

static void look_end(struct look *look)
{
    if (look->db != NULL) /* else SQLite may not have been needed */
        af_sqlite3_close(look->db);
    af_buf_release(&look->wrong);
}

/* Opens a file that is one of our stores; whether it is whole is in look->wrong. */
static int look_at(struct look *look, const char *path, bool to_write, struct af_failure *why)
{
    bool is_ours = false;
    struct stat info;
    *look = (struct look){.kind = &kinds[0], .wrong = AF_BUF_EMPTY};
    if (access(path, R_OK) != 0 || stat(path, &info) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "cannot be read: %s", strerror(errno));
    if (!S_ISREG(info.st_mode)) /* to open a pipe would wait */
        return af_failure_set(why, AF_FAILURE_USAGE, path, "is no file");
    if (af_sqlite_need(why) != 0)
        return -1;
    int code = af_sqlite3_open_v2(path, &look->db,
                                  to_write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, NULL);
    af_sqlite3_busy_timeout(look->db, 200);
    int64_t id = code == SQLITE_OK ? af_db_number(look->db, "PRAGMA application_id") : -1;
    code = af_sqlite3_errcode(look->db) & 0xff;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !is_ours; i++) {
        look->kind = &kinds[i];
        is_ours = look->kind->application_id == id;
    }
    if (code == SQLITE_BUSY)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, path,
                              "is in use by a running process; ask that for a copy, or stop it");
    if (code == SQLITE_CORRUPT)
        return af_failure_set(why, AF_FAILURE_FLOW, path, "is damaged: %s",
                              af_sqlite3_errmsg(look->db));
    if (!is_ours)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "is no store of this program%s%s",
                              id < 0 ? ": " : "", id < 0 ? af_sqlite3_errmsg(look->db) : "");
    look->version = af_db_number(look->db, "PRAGMA user_version");
    if (!rows_of(look->db, "PRAGMA integrity_check(20)", note_wrong, look))
        af_buf_printf(&look->wrong, "%s\n", af_sqlite3_errmsg(look->db));
    return 0;
}

/* ---- `afrun store check FILE` ---- */

struct list {
    sqlite3 *db;
    struct af_buf *out;
    bool json;
};

static void tell_table(void *arg, sqlite3_stmt *row)
{
    struct list *list = arg;
    char sql[300];
    const char *name = text(row, 0);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM \"%.200s\"", name);
    int64_t count = af_db_number(list->db, sql);
    if (count < 0 && !list->json) /* it is damaged, as is said before */
        af_buf_printf(list->out, "  %-12s cannot be counted\n", name);
    else if (count >= 0 && list->json)
        af_json_add_integer(list->out, name, count);
    else if (count >= 0)
        af_buf_printf(list->out, "  %-12s %lld\n", name, (long long)count);
}

static void tell_wrong(struct af_buf *out, struct look *look)
{
    const char *start = af_buf_text(&look->wrong), *at = start;
    af_buf_append_string(out, ",\"wrong\":[");
    for (const char *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        if (at != start)
            af_buf_append_char(out, ',');
        if (!af_json_write_string(out, at, (size_t)(end - at)))
            af_buf_append_string(out, "\"it cannot be read\"");
    }
    af_buf_append_char(out, ']');
}

static int check(const char *path, bool json, struct af_failure *why)
{
    static const char tables[] =
        "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    struct look look;
    struct af_buf out = AF_BUF_EMPTY;
    int result = look_at(&look, path, false, why);
    if (result == 0) {
        struct list list = {look.db, &out, json};
        result = look.wrong.len == 0 ? 0 : 1;
        if (json) {
            af_answer_begin(&out, "store-check");
            af_json_add_text(&out, "file", path);
            af_json_add_text(&out, "store", look.kind->word);
            af_json_add_integer(&out, "version", look.version);
            tell_wrong(&out, &look);
            af_json_begin(&out, "rows", '{');
        } else {
            af_buf_printf(&out, "%s: a %s of version %lld, %s\n%s", path, look.kind->name,
                          (long long)look.version,
                          result == 0 ? "whole" : "damaged:", af_buf_text(&look.wrong));
        }
        rows_of(look.db, tables, tell_table, &list);
        if (json) {
            af_buf_append_char(&out, '}');
            af_answer_add_status(&out, result, "it is damaged");
            af_answer_print(&out);
        } else {
            fputs(af_buf_text(&out), stdout);
        }
    }
    af_buf_release(&out);
    look_end(&look);
    return result;
}

/* ---- `afrun restore FILE DIR` ---- */

enum { TOLD = 20 };

static void warn(void *arg, sqlite3_stmt *row)
{
    size_t *count = arg;
    if ((*count)++ < TOLD)
        af_log(AF_LOG_WARNING, "%s", text(row, 0));
}

static void print(void *arg, sqlite3_stmt *row)
{
    (void)arg;
    printf("%s\n", text(row, 0));
}

/* Each party's step as SCHEMA_steps: one that has gone over to another version is a step further
 * than its row, until that follows (store/moves.c). */
static void view_steps(sqlite3 *db, const char *schema)
{
    static const char plain[] = "CREATE TEMP VIEW %s_steps AS SELECT * FROM %s.party";
    static const char moved[] =
        "CREATE TEMP VIEW %s_steps AS SELECT id, task, made, seq + EXISTS (SELECT 1 FROM %s.moves "
        "m WHERE m.party = p.id AND m.seq = p.seq AND 0 IN (SELECT party FROM %s.moves)) AS seq "
        "FROM %s.party p";
    char *has =
        af_sqlite3_mprintf("SELECT count(*) FROM %s.sqlite_schema WHERE name = 'moves'", schema);
    bool has_moves = af_db_number(db, has) > 0; /* files of before version 7 do not */
    char *view = has_moves ? af_sqlite3_mprintf(moved, schema, schema, schema, schema)
                           : af_sqlite3_mprintf(plain, schema, schema);
    af_sqlite3_exec(db, view, NULL, NULL, NULL);
    af_sqlite3_free(view);
    af_sqlite3_free(has);
}

/* Tells what was confirmed since the copy was made; returns what the copy is then, NULL: as new. */
static const char *goes_back(const struct look *now, const char *copy)
{
    static const char parties[] =
        "SELECT 'task ''' || n.task || ''' goes back from step ' || n.seq || ' to ' || "
        "ifnull(o.seq, "
        "0) FROM main_steps n LEFT JOIN copy_steps o ON o.task = n.task AND o.made = n.made WHERE "
        "n.seq > ifnull(o.seq, 0) ORDER BY n.id";
    static const char messages[] =
        "SELECT count(*) || ' contracts that were confirmed later are not in it' FROM "
        "main.contracts "
        "WHERE id > ifnull((SELECT max(id) FROM copy.contracts), 0) HAVING count(*) > 0";
    static const char told[] =
        "SELECT 'the last ' || (n.age - o.age) || ' of its answers that changed anything are not "
        "in it' "
        "FROM (SELECT max(age) AS age FROM main.starts) n, (SELECT ifnull(max(age), 0) AS age FROM "
        "copy.starts) o WHERE n.age > o.age";
    size_t count = 0;
    char *attach = af_sqlite3_mprintf("ATTACH %Q AS copy", copy);
    af_sqlite3_exec(now->db, attach, NULL, NULL, NULL);
    af_sqlite3_free(attach);
    view_steps(now->db, "main");
    view_steps(now->db, "copy");
    bool is_parties = now->kind->application_id == kinds[1].application_id;
    bool read = rows_of(now->db, is_parties ? parties : messages, warn, &count);
    if (!read)
        return "may be older than what is there, which is damaged";
    if (!is_parties && count == 0) /* files of before version 4 do not have it */
        rows_of(now->db, told, warn, &count);
    return count > 0 ? "is older than what is there, as said above" : NULL;
}

/* What the bus will not hand out again by itself: it was acknowledged behind the copy. */
static void tell_again(const struct look *now)
{
    if (now->kind->application_id != kinds[1].application_id)
        return;
    rows_of(
        now->db,
        "SELECT 'ask ' || ifnull(j.sender, 'its sender') || ' for this again, in task ''' || "
        "n.task "
        "|| ''': ' || j.type || ' ' || lower(hex(j.uuid)) FROM main.party n JOIN main.journal j ON "
        "j.party = n.id LEFT JOIN copy.party o ON o.task = n.task AND o.made = n.made WHERE j.seq "
        "> "
        "ifnull(o.seq, 0) AND j.uuid IS NOT NULL ORDER BY j.id",
        print, NULL);
}

/* That no log stands there of a store that does not: SQLite would read it as the copy's. */
static int see_no_log(const char *path, struct af_failure *why)
{
    struct stat info;
    struct af_buf log = AF_BUF_EMPTY;
    int result = 0;
    af_buf_printf(&log, "%s-wal", path);
    if (stat(af_buf_text(&log), &info) == 0 && info.st_size > 0)
        result = af_failure_set(why, AF_FAILURE_USAGE, af_buf_text(&log),
                                "is the log of a store that was here, and would be read as the "
                                "copy's; move it away first");
    af_buf_release(&log);
    return result;
}

/* Sees that the store in place may go, and closes it so that no log of it is left beside. */
static int leave(const char *path, const char *copy, const struct kind *kind, bool force,
                 struct af_failure *why)
{
    struct look now;
    int result = look_at(&now, path, true, why);
    if (result == 0 && now.kind != kind)
        result = af_failure_set(why, AF_FAILURE_USAGE, path, "is a %s, and the copy a %s",
                                now.kind->name, kind->name);
    if (result == 0 && !af_db_is_alone(now.db))
        result = af_failure_set(why, AF_FAILURE_TRANSPORT, path,
                                "is in use by a running process; stop that first");
    const char *older = result == 0 ? goes_back(&now, copy) : NULL;
    if (older != NULL && !force)
        result = af_failure_set(why, AF_FAILURE_FLOW, copy, "%s; --force puts it back all the same",
                                older);
    else if (older != NULL)
        tell_again(&now);
    look_end(&now);
    return result;
}

static int put_back(const char *copy, const char *folder, const struct store_options *options,
                    struct af_failure *why)
{
    struct look look;
    struct stat info;
    struct af_buf to = AF_BUF_EMPTY, new = AF_BUF_EMPTY, before = AF_BUF_EMPTY;
    if (options->name != NULL && strchr(options->name, '/') != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "--name", "expected a file's name, not '%s'",
                              options->name);
    int result = look_at(&look, copy, false, why);
    if (result == 0 && look.wrong.len > 0)
        result = af_failure_set(why, AF_FAILURE_TRANSPORT, copy, "is damaged: %s",
                                af_buf_text(&look.wrong));
    if (result == 0 && (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode)))
        result = af_failure_set(why, AF_FAILURE_USAGE, folder, "is no folder");
    if (result == 0) {
        af_buf_printf(&to, "%s/%s", folder,
                      options->name == NULL ? look.kind->file : options->name);
        af_buf_printf(&new, "%s.copy", af_buf_text(&to));
        af_buf_printf(&before, "%s.before", af_buf_text(&to));
        if (access(af_buf_text(&before), F_OK) == 0)
            result =
                af_failure_set(why, AF_FAILURE_USAGE, af_buf_text(&before),
                               "is there already, from an earlier restore; move it away first");
        else if (access(af_buf_text(&to), F_OK) == 0)
            result = leave(af_buf_text(&to), copy, look.kind, options->force, why);
        else
            result = see_no_log(af_buf_text(&to), why);
    }
    if (result == 0) {
        unlink(af_buf_text(&new)); /* of a restore that was broken off */
        result = af_db_copy_file(look.db, af_buf_text(&new), why);
    }
    /* a file stands there at any moment */
    bool ok = result == 0 && (link(af_buf_text(&to), af_buf_text(&before)) == 0 || errno == ENOENT);
    if (ok) {
        af_kill_point("restore");
        ok = rename(af_buf_text(&new), af_buf_text(&to)) == 0;
    }
    if (result == 0 && !ok)
        result = af_failure_set(why, AF_FAILURE_TRANSPORT, af_buf_text(&to),
                                "cannot be written: %s", strerror(errno));
    if (result == 0)
        printf("%s: put back%s%s\n", af_buf_text(&to),
               access(af_buf_text(&before), F_OK) == 0 ? "; what was there is " : "",
               access(af_buf_text(&before), F_OK) == 0 ? af_buf_text(&before) : "");
    af_buf_release(&to);
    af_buf_release(&new);
    af_buf_release(&before);
    look_end(&look);
    return result;
}

/* ---- The commands. ---- */

#define OF struct store_options

static const struct af_opt store_opts[] = {
    {"json", 0, NULL, "tell it as one JSON object", "Options", AF_OPT_FLAG(OF, json)},
    AF_OPTS_LAST("Options"),
};

static const struct af_opts_command store_row = {
    "store", "check FILE [options]", "say what is in a store's file, and whether it is whole",
    "Reads a store of a service (`--bus local:FILE`), of a sidecar, of a node (node.db) or of a "
    "party "
    "(`--state FILE`), "
    "or a copy of one, and changes nothing. Exit status 1 if it is damaged.",
    store_opts};

static int run_store(int argc, char **argv, struct af_failure *why)
{
    struct store_options options = {0};
    int words = af_opts_parse(store_opts, argc, argv, &options, NULL, why);
    if (words < 0)
        return words;
    if (words == 0 || strcmp(argv[0], "check") != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "store", "expected: afrun store check FILE");
    if (words != 2)
        return af_failure_set(why, AF_FAILURE_USAGE, "store check", "name one file");
    return check(argv[1], options.json, why);
}

const struct af_command af_cmd_store = {&store_row, run_store};

static const struct af_opt restore_opts[] = {
    {"name", 0, "NAME",
     "the file's name there (default: node.db; of a service afrun.db, of a sidecar "
     "afrun-sidecar.db)",
     "Options", AF_OPT_TEXT(OF, name)},
    {"force", 0, NULL, "also where it goes back behind what was confirmed since", "Options",
     AF_OPT_FLAG(OF, force)},
    AF_OPTS_LAST("Options"),
};

static const struct af_opts_command restore_row = {
    "restore", "FILE DIR [options]", "put a copy of a store back",
    "Puts a copy that `afrun ctl backup` or POST /admin/backup has made into a folder, once it is "
    "known to "
    "be whole and to be no older than what is there. What was there stays beside it, as "
    "NAME.before. With "
    "--force it says which contracts must be asked for again.",
    restore_opts};

static int run_restore(int argc, char **argv, struct af_failure *why)
{
    struct store_options options = {0};
    int words = af_opts_parse(restore_opts, argc, argv, &options, NULL, why);
    if (words < 0)
        return words;
    if (words != 2)
        return af_failure_set(why, AF_FAILURE_USAGE, "restore", "expected: afrun restore FILE DIR");
    return put_back(argv[0], argv[1], &options, why);
}

const struct af_command af_cmd_restore = {&restore_row, run_restore};
