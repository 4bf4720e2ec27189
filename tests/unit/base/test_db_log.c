/* test_db_log.c: what a commit has written is told when a kill would leave it, and others do not
 * see it yet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/db.h"
#include "base/failure.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct af_db_format format = {.name = "list of words",
                                           .application_id = 0x61667465,
                                           .version = 1,
                                           .schema = "CREATE TABLE words (word);"};

struct world {
    char folder[100], path[120], copy[140];
    struct af_db *db;
    sqlite3 *other;
    int told, left, seen; /* told: how often; then, what a kill would have left, and others saw */
};

static int count(sqlite3 *handle)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(handle, "SELECT count(*) FROM words", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int result = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return result;
}

/* The file and its log as they are now, without what the process has in memory. */
static int left_by_a_kill(const struct world *world)
{
    char command[700];
    sqlite3 *copy = NULL;
    snprintf(command, sizeof command, "rm -f '%s'*; cp '%s' '%s' && cp '%s-wal' '%s-wal'",
             world->copy, world->path, world->copy, world->path, world->copy);
    assert_int_equal(system(command), 0);
    assert_int_equal(sqlite3_open(world->copy, &copy), SQLITE_OK);
    int result = count(copy);
    sqlite3_close(copy);
    return result;
}

static void written(void *arg)
{
    struct world *world = arg;
    world->told++;
    world->left = left_by_a_kill(world);
    world->seen = count(world->other);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct af_failure why = AF_FAILURE_INIT;
    snprintf(world->folder, sizeof world->folder, "/tmp/af-test-log-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->path, sizeof world->path, "%s/words.db", world->folder);
    snprintf(world->copy, sizeof world->copy, "%s/copy.db", world->folder);
    world->db = af_db_open(world->path, &format, &why);
    assert_non_null(world->db);
    af_db_on_written(world->db, written, world);
    assert_int_equal(sqlite3_open(world->path, &world->other), SQLITE_OK);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    char command[120];
    af_db_close(world->db);
    assert_int_equal(sqlite3_close(world->other), SQLITE_OK);
    snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    assert_int_equal(system(command), 0);
    free(world);
    return 0;
}

static void add(struct world *world, const char *word)
{
    assert_true(af_db_begin(world->db));
    af_db_run(af_db_text(af_db_use(world->db, "INSERT INTO words VALUES (?)"), word));
    assert_true(af_db_commit(world->db));
}

static void what_is_written_is_told_before_others_see_it(void **state)
{
    struct world *world = *state;
    add(world, "a");
    add(world, "b");
    assert_int_equal(world->told, 2);
    assert_int_equal(world->left, 2);
    assert_int_equal(world->seen, 1);
    assert_int_equal(count(world->other), 2);
}

static void of_a_commit_without_changes_nothing_is_told(void **state)
{
    struct world *world = *state;
    assert_true(af_db_begin(world->db));
    struct af_db_statement *read = af_db_use(world->db, "SELECT word FROM words");
    assert_false(af_db_row(read));
    assert_true(af_db_commit(world->db));
    assert_int_equal(world->told, 0);
}

/* The disk is waited for twice then: the first time there is nothing but the log's new head. */
static void in_a_log_that_begins_anew_it_is_told_once_and_is_there(void **state)
{
    struct world *world = *state;
    add(world, "a");
    assert_int_equal(sqlite3_exec(world->other, "PRAGMA wal_checkpoint(RESTART)", NULL, NULL, NULL),
                     SQLITE_OK);
    add(world, "b");
    assert_int_equal(world->told, 2);
    assert_int_equal(world->left, 2);
}

/* Pages that did not fit into memory are in the log before the commit. */
static void of_a_large_transaction_it_is_told_at_its_end(void **state)
{
    static char big[1000000];
    struct world *world = *state;
    memset(big, 'x', sizeof big - 1);
    assert_true(af_db_begin(world->db));
    for (int i = 0; i < 50; i++)
        af_db_run(af_db_text(af_db_use(world->db, "INSERT INTO words VALUES (?)"), big));
    assert_int_equal(world->told, 0);
    assert_true(af_db_commit(world->db));
    assert_int_equal(world->told, 1);
    assert_int_equal(world->left, 50);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_written_is_told_before_others_see_it),
        CASE(of_a_commit_without_changes_nothing_is_told),
        CASE(in_a_log_that_begins_anew_it_is_told_once_and_is_there),
        CASE(of_a_large_transaction_it_is_told_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
