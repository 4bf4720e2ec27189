/* test_db.c: a transaction is all or nothing, also where SQLite gives it up by itself: it is out of
 * memory or room in the middle of a statement. Another connection looks at what is in the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bounds.h"
#include "base/db.h"
#include "base/failure.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- SQLite's memory, which may run out. ---- */

static sqlite3_mem_methods real;
static bool is_out_of_memory;
static int left; /* calls before the one that finds none, 0: all find some */

static bool finds_none(void)
{
    return is_out_of_memory || (left > 0 && --left == 0);
}

static void *allocate(int size)
{
    return finds_none() ? NULL : real.xMalloc(size);
}

static void *reallocate(void *old, int size)
{
    return finds_none() ? NULL : real.xRealloc(old, size);
}

static void take_over_memory(void)
{
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real), SQLITE_OK);
    sqlite3_mem_methods methods = real;
    methods.xMalloc = allocate;
    methods.xRealloc = reallocate;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
}

/* ---- A file of words. ---- */

static const struct af_db_format format = {.name = "list of words",
                                           .application_id = 0x61667465,
                                           .version = 1,
                                           .schema = "CREATE TABLE words (word);"};
static const char insert[] = "INSERT INTO words VALUES (?)";
static const char other_insert[] = "INSERT INTO words (word) VALUES (?)";
static const char narrow[] = "PRAGMA max_page_count = 3";
static const char wide[] = "PRAGMA max_page_count = 1000000";
static char big[200000];

struct world {
    char folder[100], path[120];
    struct af_db *db;
    sqlite3 *other;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct af_failure why = AF_FAILURE_INIT;
    snprintf(world->folder, sizeof world->folder, "/tmp/af-test-db-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->path, sizeof world->path, "%s/words.db", world->folder);
    memset(big, 'x', sizeof big - 1);
    is_out_of_memory = false;
    world->db = af_db_open(world->path, &format, &why);
    assert_non_null(world->db);
    assert_int_equal(sqlite3_open(world->path, &world->other), SQLITE_OK);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    char name[140];
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    is_out_of_memory = false;
    af_db_close(world->db);
    assert_int_equal(sqlite3_close(world->other), SQLITE_OK);
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", world->path, suffixes[i]);
        unlink(name);
    }
    assert_int_equal(rmdir(world->folder), 0);
    free(world);
    return 0;
}

static int64_t add(struct world *world, const char *sql, const char *word)
{
    return af_db_run(af_db_text(af_db_use(world->db, sql), word));
}

static void set_room(struct world *world, const char *sql)
{
    struct af_db_statement *statement = af_db_use(world->db, sql);
    af_db_row(statement);
    af_db_reset(statement);
}

/* What the file holds, to another connection. */
static int words(const struct world *world)
{
    sqlite3_stmt *count = NULL;
    assert_int_equal(
        sqlite3_prepare_v2(world->other, "SELECT count(*) FROM words", -1, &count, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(count), SQLITE_ROW);
    int result = sqlite3_column_int(count, 0);
    sqlite3_finalize(count);
    return result;
}

/* The next transaction is whole. */
static void assert_goes_on(struct world *world, int before)
{
    assert_true(af_db_begin(world->db));
    set_room(world, wide);
    assert_int_equal(add(world, insert, "a"), 1);
    assert_int_equal(add(world, other_insert, "b"), 1);
    assert_true(af_db_commit(world->db));
    assert_int_equal(words(world), before + 2);
}

/* ---- Statements behind one that failed. ---- */

static void nothing_runs_behind_a_statement_that_found_no_room(void **state)
{
    struct world *world = *state;
    assert_true(af_db_begin(world->db));
    set_room(world, narrow);
    assert_int_equal(add(world, insert, "first"), 1);
    assert_int_equal(add(world, insert, big), 0);
    assert_int_equal(af_db_failed(world->db), AF_DB_DISK_FULL);
    assert_int_equal(add(world, insert, "behind"), 0);
    assert_int_equal(add(world, other_insert, "behind it"), 0);
    assert_int_equal(words(world), 0);
    assert_false(af_db_commit(world->db));
    assert_int_equal(words(world), 0);
    assert_string_equal(af_db_why(world->db), "the disk of 'words.db' is full");
    assert_goes_on(world, 0);
}

static void nothing_runs_behind_a_statement_that_found_no_memory(void **state)
{
    struct world *world = *state;
    assert_true(af_db_begin(world->db));
    assert_int_equal(add(world, insert, "first"), 1);
    is_out_of_memory = true;
    assert_int_equal(add(world, insert, big), 0);
    is_out_of_memory = false;
    assert_int_equal(af_db_failed(world->db), AF_DB_BROKEN);
    assert_int_equal(add(world, insert, "behind"), 0);
    assert_int_equal(words(world), 0);
    af_db_roll_back(world->db);
    assert_int_equal(words(world), 0);
    assert_non_null(strstr(af_db_why(world->db), "out of memory"));
    assert_goes_on(world, 0);
}

static void a_statement_that_could_not_be_compiled_fails_its_transaction_only(void **state)
{
    struct world *world = *state;
    assert_true(af_db_begin(world->db));
    assert_int_equal(add(world, insert, "first"), 1);
    is_out_of_memory = true;
    assert_int_equal(add(world, other_insert, "second"), 0);
    is_out_of_memory = false;
    assert_int_equal(add(world, insert, "third"), 0);
    assert_false(af_db_commit(world->db));
    assert_goes_on(world, 0); /* both statements run */
}

static void a_part_that_is_undone_saves_no_transaction_that_failed(void **state)
{
    struct world *world = *state;
    assert_true(af_db_begin(world->db));
    assert_int_equal(add(world, insert, "first"), 1);
    af_db_mark(world->db);
    set_room(world, narrow);
    assert_int_equal(add(world, insert, big), 0);
    af_db_undo(world->db);
    assert_int_equal(add(world, insert, "behind"), 0);
    assert_false(af_db_commit(world->db));
    assert_int_equal(words(world), 0);
    assert_goes_on(world, 0);
}

static void a_read_ends_where_its_transaction_has_failed(void **state)
{
    struct world *world = *state;
    assert_goes_on(world, 0);
    assert_true(af_db_begin(world->db));
    struct af_db_statement *read = af_db_use(world->db, "SELECT word FROM words");
    assert_true(af_db_row(read));
    is_out_of_memory = true;
    assert_int_equal(add(world, insert, big), 0);
    is_out_of_memory = false;
    assert_false(af_db_row(read));
    assert_false(af_db_commit(world->db));
    assert_goes_on(world, 2);
}

static void a_transaction_that_was_rolled_back_unseen_goes_no_further(void **state)
{
    struct world *world = *state;
    assert_true(af_db_begin(world->db));
    assert_int_equal(add(world, insert, "first"), 1);
    struct af_db_statement *away = af_db_use(world->db, "ROLLBACK");
    assert_false(af_db_row(away)); /* as SQLite does it by itself */
    assert_int_equal(add(world, insert, "behind"), 0);
    assert_int_equal(af_db_failed(world->db), AF_DB_BROKEN);
    assert_int_equal(words(world), 0);
    assert_false(af_db_commit(world->db));
    assert_goes_on(world, 0);
}

static void a_transaction_whose_roll_back_found_no_memory_is_rolled_back(void **state)
{
    struct world *world = *state;
    assert_true(af_db_begin(world->db));
    assert_int_equal(add(world, insert, "first"), 1);
    is_out_of_memory = true;
    af_db_roll_back(world->db);
    is_out_of_memory = false;
    assert_goes_on(world, 0);
}

static void without_a_transaction_nothing_runs(void **state)
{
    struct world *world = *state;
    assert_int_equal(add(world, insert, "alone"), 0);
    assert_false(af_db_commit(world->db));
    assert_int_equal(words(world), 0);
    assert_goes_on(world, 0);
}

/* ---- Columns. ---- */

static void a_column_is_a_text_or_none(void **state)
{
    struct world *world = *state;
    size_t len = 0;
    assert_true(af_db_begin(world->db));
    struct af_db_statement *read =
        af_db_use(world->db, "SELECT 'text', NULL, 7, x'616263', 'a' || char(0) || 'b', '', 'zzz'");
    assert_true(af_db_row(read));
    assert_string_equal(af_db_column_text(read, 0), "text");
    for (int i = 1; i <= 4; i++)
        assert_null(af_db_column_text(read, i));
    assert_string_equal(af_db_column_text(read, 5), "");
    assert_string_equal(af_db_column_bytes(read, 1, &len), "");
    assert_int_equal(len, 0);
    assert_memory_equal(af_db_column_bytes(read, 3, &len), "abc", 3);
    assert_int_equal(len, 3);
    assert_int_equal(af_db_column_integer(read, 1), 0);
    assert_int_equal(af_db_column_integer(read, 6), 0);
    af_db_reset(read);
    assert_true(af_db_commit(world->db));
}

static void a_text_for_which_there_is_no_memory_fails_the_transaction(void **state)
{
    struct world *world = *state;
    assert_true(af_db_begin(world->db));
    assert_int_equal(add(world, insert, big), 1);
    assert_true(af_db_commit(world->db));
    assert_true(af_db_begin(world->db));
    struct af_db_statement *read = af_db_use(world->db, "SELECT word FROM words");
    assert_true(af_db_row(read));
    is_out_of_memory = true;
    const char *text = af_db_column_text(read, 0);
    is_out_of_memory = false;
    if (text != NULL) { /* newer libraries have it at hand, and need no memory: then it is whole */
        assert_string_equal(text, big);
        assert_int_equal(af_db_failed(world->db), AF_DB_FINE);
        af_db_reset(read);
        assert_true(af_db_commit(world->db));
        return;
    }
    assert_int_equal(af_db_failed(world->db), AF_DB_BROKEN);
    assert_int_equal(add(world, insert, "behind"), 0);
    af_db_reset(read);
    assert_false(af_db_commit(world->db));
    assert_goes_on(world, 1);
}

/* ---- A file that is another. ---- */

static const char moved_why[] =
    "'words.db' was moved, removed or replaced while it was open; put it "
    "back, or stop this process before another copy is used";

static bool commits(struct world *world)
{
    return af_db_begin(world->db) && add(world, insert, "a") == 1 && af_db_commit(world->db);
}

static void nothing_is_confirmed_while_the_file_is_away(void **state)
{
    struct world *world = *state;
    char away[140];
    snprintf(away, sizeof away, "%s-away", world->path);
    assert_goes_on(world, 0);
    assert_int_equal(rename(world->path, away), 0);
    assert_false(commits(world));
    assert_string_equal(af_db_why(world->db), moved_why);
    assert_int_equal(af_db_failed(world->db), AF_DB_BROKEN);
    assert_int_equal(words(world), 2);
    FILE *other = fopen(world->path, "w"); /* another file in its place */
    assert_non_null(other);
    fclose(other);
    assert_false(commits(world));
    assert_int_equal(rename(away, world->path), 0);
    assert_goes_on(world, 2);
}

static void a_log_that_was_removed_is_told_and_nothing_of_it_is_lost(void **state)
{
    struct world *world = *state;
    struct af_failure why = AF_FAILURE_INIT;
    char log[140];
    snprintf(log, sizeof log, "%s-wal", world->path);
    assert_goes_on(world, 0);
    assert_int_equal(sqlite3_close(world->other), SQLITE_OK);
    world->other = NULL;
    assert_int_equal(unlink(log), 0);
    assert_false(commits(world));
    assert_non_null(strstr(af_db_why(world->db), "'words.db-wal' was removed or replaced"));
    af_db_close(world->db);
    world->db = af_db_open(world->path, &format, &why);
    assert_non_null(world->db);
    assert_int_equal(sqlite3_open(world->path, &world->other), SQLITE_OK);
    assert_goes_on(world, 2);
}

static void what_is_no_file_is_no_store(void **state)
{
    const struct world *world = *state;
    char other[140];
    const char *says[] = {"is no file", "is no file", "is a link; name the file that it leads to"};
    for (int i = 0; i < 3; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        snprintf(other, sizeof other, "%s-other", world->path);
        assert_int_equal(i == 0   ? mkdir(other, 0700)
                         : i == 1 ? mkfifo(other, 0600)
                                  : symlink(world->path, other),
                         0);
        assert_null(af_db_open(other, &format, &why));
        assert_string_equal(why.why, says[i]);
        assert_int_equal(remove(other), 0);
    }
}

static void a_log_without_its_file_is_left_as_it_is(void **state)
{
    struct world *world = *state;
    char away[140], log[140];
    struct stat before, after;
    snprintf(away, sizeof away, "%s-away", world->path);
    snprintf(log, sizeof log, "%s-wal", world->path);
    assert_goes_on(world, 0);
    af_db_close(world->db); /* the other connection still needs the log */
    assert_int_equal(rename(world->path, away), 0);
    assert_int_equal(stat(log, &before), 0);
    assert_true(before.st_size > 0);
    for (int i = 0; i < 2; i++) { /* there is no file, or an empty one */
        struct af_failure why = AF_FAILURE_INIT;
        world->db = af_db_open(world->path, &format, &why);
        assert_null(world->db);
        assert_non_null(strstr(why.why, "is not there, and its log 'words.db-wal' is: put back "));
        FILE *empty = fopen(world->path, "w");
        assert_non_null(empty);
        fclose(empty);
    }
    assert_int_equal(stat(log, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_int_equal(rename(away, world->path), 0);
    struct af_failure why = AF_FAILURE_INIT;
    world->db = af_db_open(world->path, &format, &why);
    assert_non_null(world->db);
    assert_goes_on(world, 2);
}

/* Writes over a page in the middle. */
static void damage(const struct world *world)
{
    FILE *file = fopen(world->path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long pages = ftell(file) / 4096;
    assert_int_equal(fseek(file, pages / 2 * 4096, SEEK_SET), 0);
    for (int i = 0; i < 4096; i++)
        fputc(0xff, file);
    fclose(file);
}

static void fill(struct world *world, int count)
{
    assert_true(af_db_begin(world->db));
    for (int i = 0; i < count; i++) {
        char word[900];
        snprintf(word, sizeof word, "%0800d", i);
        assert_int_equal(add(world, insert, word), 1);
    }
    assert_true(af_db_commit(world->db));
    af_db_close(world->db);
    assert_int_equal(sqlite3_close(world->other), SQLITE_OK);
    world->db = NULL;
    world->other = NULL;
    damage(world);
}

static void a_damaged_file_is_refused_where_it_is_opened(void **state)
{
    struct world *world = *state;
    struct af_failure why = AF_FAILURE_INIT;
    fill(world, 100);
    assert_null(af_db_open(world->path, &format, &why));
    assert_non_null(strstr(why.why, "is damaged: "));
    assert_non_null(strstr(why.why, "put back a copy of it"));
}

/* All that is read of it is as it should be. */
static void a_page_that_nothing_knows_is_damage_as_well(void **state)
{
    struct world *world = *state;
    struct af_failure why = AF_FAILURE_INIT;
    af_db_close(world->db);
    assert_int_equal(sqlite3_close(world->other), SQLITE_OK);
    world->db = NULL;
    world->other = NULL;
    FILE *file = fopen(world->path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long pages = ftell(file) / 4096 + 1;
    assert_int_equal(ftruncate(fileno(file), pages * 4096), 0);
    assert_int_equal(fseek(file, 31, SEEK_SET), 0); /* how many there are, at its end */
    fputc((int)pages, file);
    fclose(file);
    assert_null(af_db_open(world->path, &format, &why));
    assert_non_null(strstr(why.why, "never used"));
}

static void damage_of_a_large_file_is_found_while_it_is_used(void **state)
{
    struct world *world = *state;
    struct af_failure why = AF_FAILURE_INIT;
    bool is_found = false;
    fill(world, (int)(AF_DB_CHECKED_BYTES / 800));
    world->db = af_db_open(world->path, &format, &why);
    assert_non_null(world->db);
    for (int i = 0; i < 3000 && !is_found; i++) {
        is_found = !commits(world);
        usleep(10000);
    }
    assert_true(is_found);
    assert_non_null(strstr(af_db_why(world->db), "'words.db' is damaged: "));
    assert_non_null(strstr(af_db_why(world->db), "put back a copy of it"));
    assert_false(commits(world));
}

/* At calls for memory all along while it is opened; at each of them: tests/e2e/faults_resume.sh. */
static void a_file_for_which_there_is_no_memory_for_a_moment_is_opened(void **state)
{
    struct world *world = *state;
    int tried = 0;
    assert_goes_on(world, 0);
    assert_true(af_db_begin(world->db));
    assert_int_equal(add(world, insert, big), 1); /* many pages */
    assert_true(af_db_commit(world->db));
    do {
        struct af_failure why = AF_FAILURE_INIT;
        af_db_close(world->db);
        left = tried += 9;
        world->db = af_db_open(world->path, &format, &why);
        if (world->db == NULL)
            fail_msg("call %d: %s", tried, why.why);
    } while (left == 0);
    assert_true(tried > 100);
    left = 0;
    assert_goes_on(world, 3);
}

/* ---- Room that is given back. ---- */

static void execute(sqlite3 *handle, const char *sql)
{
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* More pages than one step gives back. */
static void leave_pages(sqlite3 *handle)
{
    execute(handle, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400) "
                    "INSERT INTO words SELECT zeroblob(3900) FROM n; DELETE FROM words");
}

static bool shrinks(const struct world *world)
{
    assert_true(af_db_begin(world->db));
    bool more = af_db_shrink(world->db);
    assert_true(af_db_commit(world->db));
    return more;
}

static void free_pages_are_given_back_some_at_a_time_but_for_a_few(void **state)
{
    struct world *world = *state;
    int steps = 1;
    leave_pages(world->other);
    while (shrinks(world))
        steps++;
    assert_in_range(steps, 2, 20);
    assert_false(shrinks(world));
}

static void an_older_file_keeps_its_free_pages(void **state)
{
    struct world *world = *state;
    struct af_failure why = AF_FAILURE_INIT;
    af_db_close(world->db);
    assert_int_equal(sqlite3_close(world->other), SQLITE_OK);
    unlink(world->path);
    assert_int_equal(sqlite3_open(world->path, &world->other), SQLITE_OK);
    execute(world->other, "PRAGMA application_id = 0x61667465; PRAGMA user_version = 1; "
                          "PRAGMA journal_mode = WAL; CREATE TABLE words (word)");
    leave_pages(world->other);
    world->db = af_db_open(world->path, &format, &why);
    assert_non_null(world->db);
    assert_false(shrinks(world));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    take_over_memory();
    const struct CMUnitTest tests[] = {
        CASE(nothing_runs_behind_a_statement_that_found_no_room),
        CASE(nothing_runs_behind_a_statement_that_found_no_memory),
        CASE(a_statement_that_could_not_be_compiled_fails_its_transaction_only),
        CASE(a_part_that_is_undone_saves_no_transaction_that_failed),
        CASE(a_read_ends_where_its_transaction_has_failed),
        CASE(a_transaction_that_was_rolled_back_unseen_goes_no_further),
        CASE(a_transaction_whose_roll_back_found_no_memory_is_rolled_back),
        CASE(without_a_transaction_nothing_runs),
        CASE(a_column_is_a_text_or_none),
        CASE(a_text_for_which_there_is_no_memory_fails_the_transaction),
        CASE(nothing_is_confirmed_while_the_file_is_away),
        CASE(a_log_that_was_removed_is_told_and_nothing_of_it_is_lost),
        CASE(what_is_no_file_is_no_store),
        CASE(a_log_without_its_file_is_left_as_it_is),
        CASE(a_damaged_file_is_refused_where_it_is_opened),
        CASE(a_page_that_nothing_knows_is_damage_as_well),
        CASE(damage_of_a_large_file_is_found_while_it_is_used),
        CASE(a_file_for_which_there_is_no_memory_for_a_moment_is_opened),
        CASE(free_pages_are_given_back_some_at_a_time_but_for_a_few),
        CASE(an_older_file_keeps_its_free_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
