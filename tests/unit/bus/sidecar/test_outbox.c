/* test_outbox.c: what a sidecar does with pushes: through, kept, sent later, refused later. The hub
 * is a bus of this file, which says what it is told to say; the outbox's file is a real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/mem.h"
#include "bus/bus.h"
#include "loop/loop.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- The hub. ---- */

enum mood { ANSWERS, AWAY, NO_ROOM };

struct hub {
    struct af_bus head;
    enum mood mood;
    struct af_buf *came; /* what it has taken, and a blank behind each */
    int asked;           /* how often it was asked to take something */
};

struct reply {
    af_bus_done_fn *done;
    void *arg;
    struct af_bus_result result;
};

static void give(void *arg)
{
    struct reply *reply = arg;
    reply->done(reply->arg, &reply->result);
    free(reply);
}

static void say(struct hub *hub, enum af_bus_code code, af_bus_done_fn *done, void *arg)
{
    struct reply *reply = af_mem_zero(1, sizeof *reply);
    *reply = (struct reply){done, arg, {.code = code, .retry_ns = AF_MS_NS}};
    if (code != AF_BUS_OK)
        reply->result.why = "so it says";
    af_loop_post(hub->head.loop, give, reply);
}

static void hub_publish(struct af_bus *bus, const struct af_bus_post *posts, size_t count,
                        af_bus_done_fn *done, void *arg)
{
    struct hub *hub = (struct hub *)bus;
    enum af_bus_code code = hub->mood == AWAY      ? AF_BUS_UNREACHABLE
                            : hub->mood == NO_ROOM ? AF_BUS_FULL
                                                   : AF_BUS_OK;
    hub->asked++;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(strlen(posts[i].uuid), 64); /* before it is sent for the first time */
        if (code == AF_BUS_OK && strstr(posts[i].content, "bad") != NULL)
            code = AF_BUS_INVALID;
    }
    for (size_t i = 0; i < count && code == AF_BUS_OK; i++)
        af_buf_printf(hub->came, "%.*s ", (int)posts[i].content_len, posts[i].content);
    say(hub, code, done, arg);
}

static uint64_t hub_take(struct af_bus *bus, const struct af_bus_take *take, af_bus_done_fn *done,
                         void *arg)
{
    struct hub *hub = (struct hub *)bus;
    (void)take; /* the greeting */
    say(hub, hub->mood == AWAY ? AF_BUS_UNREACHABLE : AF_BUS_NO_TASK, done, arg);
    return 1;
}

static void hub_close(struct af_bus *bus)
{
    free(bus);
}

static int hub_leases(const struct af_bus *bus)
{
    (void)bus;
    return 1;
}

static const struct af_bus_driver hub_driver = {
    .close = hub_close, .publish = hub_publish, .take = hub_take, .leases = hub_leases};

/* ---- A sidecar before it. ---- */

struct world {
    char folder[64], outbox[100];
    struct af_loop *loop;
    struct hub *hub;
    struct af_bus *bus;
    struct af_buf came;
    int answers;
    enum af_bus_code code;
    char why[200], uuid[80];
    size_t count;
};

static bool open_as(struct world *world, enum mood mood, const char *node, struct af_failure *why)
{
    struct af_bus_options options = {.node = node, .files = world->folder, .outbox = world->outbox};
    world->hub = af_mem_zero(1, sizeof *world->hub);
    *world->hub = (struct hub){{.driver = &hub_driver, .loop = world->loop}, mood, &world->came, 0};
    world->bus = af_bus_sidecar_open(&world->hub->head, &options, why);
    return world->bus != NULL;
}

static void open_sidecar(struct world *world, enum mood mood)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (!open_as(world, mood, "a", &why))
        fail_msg("%s: %s", why.what, why.why);
}

/* All that the hub still says is said before. */
static void close_sidecar(struct world *world)
{
    world->hub->mood = AWAY;
    while (af_loop_next_ns(world->loop) >= 0 &&
           af_loop_next_ns(world->loop) <= af_loop_now_ns(world->loop))
        af_loop_step(world->loop);
    af_bus_close(world->bus);
    world->bus = NULL;
}

static int set_up(void **state)
{
    struct world *world = af_mem_zero(1, sizeof *world);
    struct af_failure why = AF_FAILURE_INIT;
    af_log_set_level(AF_LOG_ERROR);
    snprintf(world->folder, sizeof world->folder, "%s/af-side-XXXXXX",
             getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    if (mkdtemp(world->folder) == NULL)
        return -1;
    snprintf(world->outbox, sizeof world->outbox, "%s/outbox.db", world->folder);
    world->loop = af_loop_ev_new(&why);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    char command[100];
    if (world->bus != NULL)
        close_sidecar(world);
    af_loop_free(world->loop);
    af_buf_release(&world->came);
    snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    int result = system(command);
    free(world);
    return result;
}

/* ---- Calls that are waited for. ---- */

static void answered(void *arg, const struct af_bus_result *result)
{
    struct world *world = arg;
    world->answers++;
    world->code = result->code;
    world->count = result->count;
    snprintf(world->why, sizeof world->why, "%s", result->why == NULL ? "" : result->why);
    snprintf(world->uuid, sizeof world->uuid, "%s",
             result->uuids == NULL || result->count == 0 ? "" : result->uuids[0]);
}

static void waited_in_vain(void *arg)
{
    (void)arg;
    fail_msg("what was waited for has not come in a minute");
}

static void wait_answers(struct world *world, int count)
{
    struct af_timer *timer = af_timer_start(world->loop, 60 * AF_S_NS, waited_in_vain, NULL);
    while (world->answers < count)
        assert_true(af_loop_step(world->loop));
    af_timer_cancel(timer);
    world->answers = 0;
}

static struct af_bus_outbox outbox_of(const struct world *world)
{
    struct af_bus_outbox outbox;
    assert_true(af_bus_outbox(world->bus, &outbox));
    return outbox;
}

static void wait_outbox(struct world *world, uint64_t contracts, uint64_t dead)
{
    struct af_timer *timer = af_timer_start(world->loop, 60 * AF_S_NS, waited_in_vain, NULL);
    while (outbox_of(world).contracts != contracts || outbox_of(world).dead != dead)
        assert_true(af_loop_step(world->loop));
    af_timer_cancel(timer);
}

static void wait_reachable(struct world *world, bool reachable)
{
    struct af_timer *timer = af_timer_start(world->loop, 60 * AF_S_NS, waited_in_vain, NULL);
    while (outbox_of(world).reachable != reachable ||
           (!reachable && outbox_of(world).error == NULL))
        assert_true(af_loop_step(world->loop));
    af_timer_cancel(timer);
}

static const char *const to_b[] = {"b"};

static void begin_push(struct world *world, const char *task, const char *word)
{
    char content[100];
    snprintf(content, sizeof content, "{\"w\":\"%s\"}", word);
    const struct af_bus_post post = {.task = task,
                                     .channel = "federated",
                                     .title = "t",
                                     .sender = "a",
                                     .targets = to_b,
                                     .target_count = 1,
                                     .content = content,
                                     .content_len = strlen(content)};
    af_bus_publish(world->bus, &post, 1, answered, world);
}

static enum af_bus_code push(struct world *world, const char *task, const char *word)
{
    begin_push(world, task, word);
    wait_answers(world, 1);
    return world->code;
}

static enum af_bus_code revive(struct world *world, const char *node, const char *task)
{
    const struct af_bus_take which = {
        .task = task, .channel = "federated", .node = node, .sent = true};
    af_bus_revive(world->bus, &which, answered, world);
    wait_answers(world, 1);
    return world->code;
}

/* Runs SQL on the file, which no sidecar has. */
static void in_file(const struct world *world, const char *sql)
{
    sqlite3 *db;
    assert_null(world->bus);
    assert_int_equal(sqlite3_open(world->outbox, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void expect_came(const struct world *world, const char *words)
{
    struct af_buf expected = AF_BUF_EMPTY;
    char copy[200], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        af_buf_printf(&expected, "{\"w\":\"%s\"} ", word);
    assert_string_equal(world->came.len == 0 ? "" : af_buf_text(&world->came),
                        expected.len == 0 ? "" : af_buf_text(&expected));
    af_buf_release(&expected);
}

/* ---- Through. ---- */

static void test_a_push_goes_through(void **state)
{
    struct world *world = *state;
    open_sidecar(world, ANSWERS);
    wait_reachable(world, true);
    assert_int_equal(push(world, "T", "x"), AF_BUS_OK);
    assert_int_equal(push(world, "T", "bad"), AF_BUS_INVALID); /* its refusal is the client's */
    assert_string_equal(world->why, "so it says");
    expect_came(world, "x");
    wait_outbox(world, 0, 0);
}

static void test_no_room_at_the_hub_is_the_clients_to_know(void **state)
{
    struct world *world = *state;
    open_sidecar(world, NO_ROOM);
    wait_reachable(world, true);
    assert_int_equal(push(world, "T", "x"), AF_BUS_FULL);
    wait_outbox(world, 0, 0);
}

/* ---- Kept. ---- */

static void test_a_task_keeps_its_order(void **state)
{
    struct world *world = *state;
    open_sidecar(world, AWAY);
    wait_reachable(world, false);
    for (int i = 0; i < 8; i++) {
        char word[8];
        snprintf(word, sizeof word, "%d", i);
        begin_push(world, "T", word);
    }
    wait_answers(world, 8);
    assert_int_equal(world->code, AF_BUS_OK);
    assert_int_equal(strlen(world->uuid), 64); /* the sidecar's */
    wait_outbox(world, 8, 0);
    world->hub->mood = ANSWERS;
    wait_outbox(world, 0, 0);
    expect_came(world, "0 1 2 3 4 5 6 7");
}

static void test_what_comes_behind_waits_behind(void **state)
{
    struct world *world = *state;
    open_sidecar(world, AWAY);
    wait_reachable(world, false);
    push(world, "T", "first");
    world->hub->mood = NO_ROOM; /* it is there again, but what waits goes on waiting */
    wait_reachable(world, true);
    assert_int_equal(push(world, "T", "second"), AF_BUS_OK);
    wait_outbox(world, 2, 0);
    world->hub->mood = ANSWERS;
    wait_outbox(world, 0, 0);
    expect_came(world, "first second");
}

static void test_it_stays_over_a_restart(void **state)
{
    struct world *world = *state;
    struct af_failure why = AF_FAILURE_INIT;
    open_sidecar(world, AWAY);
    push(world, "T", "x");
    push(world, "U", "y");
    close_sidecar(world);
    assert_false(open_as(world, AWAY, "b", &why)); /* another's is not sent as its own */
    assert_non_null(strstr(why.why, "is the outbox of node 'a', not of 'b'"));
    open_sidecar(world, AWAY);
    assert_int_equal(outbox_of(world).contracts, 2);
    assert_true(outbox_of(world).bytes > 0);
    push(world, "T", "z");
    world->hub->mood = ANSWERS;
    wait_outbox(world, 0, 0);
    assert_int_equal(outbox_of(world).bytes, 0);
    assert_non_null(strstr(af_buf_text(&world->came), "\"y\""));
    const char *x = strstr(af_buf_text(&world->came), "\"x\"");
    assert_true(x != NULL && x < strstr(af_buf_text(&world->came), "\"z\""));
}

/* A task may have a quarter of it: what is pushed to another is still taken. */
static void test_a_full_outbox_refuses(void **state)
{
    enum { SHARE = AF_SIDECAR_CONTRACTS_MAX / AF_SIDECAR_SHARES };
    struct world *world = *state;
    struct af_bus_post posts[AF_BUS_POSTS_MAX];
    open_sidecar(world, AWAY);
    wait_reachable(world, false);
    for (size_t i = 0; i < AF_BUS_POSTS_MAX; i++)
        posts[i] = (struct af_bus_post){.task = "T",
                                        .channel = "federated",
                                        .title = "t",
                                        .targets = to_b,
                                        .target_count = 1,
                                        .content = "{}",
                                        .content_len = 2};
    for (int i = 0; i < SHARE / AF_BUS_POSTS_MAX; i++)
        af_bus_publish(world->bus, posts, AF_BUS_POSTS_MAX, answered, world);
    wait_answers(world, SHARE / AF_BUS_POSTS_MAX);
    assert_int_equal(world->code, AF_BUS_OK);
    assert_int_equal(push(world, "T", "one more"), AF_BUS_FULL);
    assert_non_null(strstr(world->why, "is full for task 'T': 25000 contracts"));
    assert_non_null(strstr(world->why, "so it says")); /* and why they wait */
    assert_int_equal(push(world, "U", "of another"), AF_BUS_OK);
    wait_outbox(world, SHARE + 1, 0);
}

/* ---- Refused later. ---- */

static void test_what_is_refused_later_is_a_dead_letter(void **state)
{
    struct world *world = *state;
    open_sidecar(world, AWAY);
    wait_reachable(world, false);
    push(world, "T", "1");
    push(world, "T", "bad");
    push(world, "T", "2");
    world->hub->mood = ANSWERS;
    wait_outbox(world, 0, 1);
    expect_came(world, "1 2"); /* what was behind it goes on */
    close_sidecar(world);
    open_sidecar(world, ANSWERS);
    assert_int_equal(outbox_of(world).dead, 1);
    assert_int_equal(revive(world, "b", "T"), AF_BUS_INVALID);
    assert_string_equal(world->why, "the outbox is of node 'a', not of 'b'");
    assert_int_equal(revive(world, "a", "U"), AF_BUS_OK);
    assert_int_equal(world->count, 0);
    assert_int_equal(revive(world, "a", "T"), AF_BUS_OK);
    assert_int_equal(world->count, 1);
    wait_outbox(world, 0, 1); /* it is refused again */
    af_bus_end_task(world->bus, "T", answered, world);
    wait_answers(world, 1);
    wait_outbox(world, 0, 0);
}

static void test_no_room_is_waited_out(void **state)
{
    struct world *world = *state;
    open_sidecar(world, AWAY);
    wait_reachable(world, false);
    push(world, "T", "x");
    world->hub->mood = NO_ROOM;
    wait_reachable(world, true);
    struct af_timer *timer = af_timer_start(world->loop, 60 * AF_S_NS, waited_in_vain, NULL);
    int asked = world->hub->asked;
    while (world->hub->asked < asked + 3)
        assert_true(af_loop_step(world->loop));
    af_timer_cancel(timer);
    wait_outbox(world, 1, 0);
    world->hub->mood = ANSWERS;
    wait_outbox(world, 0, 0);
    expect_came(world, "x");
}

/* ---- Rows that are not as they should be. ---- */

static void keep_three(struct world *world)
{
    open_sidecar(world, AWAY);
    wait_reachable(world, false);
    push(world, "T", "1");
    push(world, "T", "2");
    push(world, "T", "3");
    close_sidecar(world);
}

static void expect_set_aside(struct world *world, const char *sql)
{
    keep_three(world);
    in_file(world, sql);
    open_sidecar(world, ANSWERS);
    wait_outbox(world, 0, 1);
    expect_came(world, "1 3");
}

static void test_damaged_targets(void **state)
{
    expect_set_aside(*state, "UPDATE contracts SET targets = x'62' WHERE id = 2");
}

static void test_no_targets(void **state)
{
    expect_set_aside(*state, "UPDATE contracts SET targets = x'' WHERE id = 2");
}

static void test_too_large_a_content(void **state)
{
    expect_set_aside(*state, "UPDATE contracts SET content = zeroblob(20000000) WHERE id = 2");
}

static void test_a_cut_uuid(void **state)
{
    expect_set_aside(*state, "UPDATE contracts SET uuid = 'x' || char(0) || 'y' WHERE id = 2");
}

static void test_false_sizes_count_for_no_more_than_is_there(void **state)
{
    struct world *world = *state;
    keep_three(world);
    in_file(world, "UPDATE contracts SET bytes = -5000 WHERE id = 2");
    open_sidecar(world, ANSWERS);
    wait_outbox(world, 0, 0);
    expect_came(world, "1 2 3");
    assert_int_equal(push(world, "T", "4"), AF_BUS_OK);
}

static void test_what_names_no_task_stays_and_holds_nothing_up(void **state)
{
    struct world *world = *state;
    keep_three(world);
    in_file(world, "UPDATE contracts SET task = '' WHERE id = 2");
    open_sidecar(world, ANSWERS);
    wait_outbox(world, 0, 0);
    expect_came(world, "1 3");
    close_sidecar(world);
    in_file(world, "UPDATE contracts SET task = 'T'"); /* somebody has mended it */
    open_sidecar(world, ANSWERS);
    wait_outbox(world, 0, 0);
    expect_came(world, "1 3 2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_push_goes_through),
        TEST(test_no_room_at_the_hub_is_the_clients_to_know),
        TEST(test_a_task_keeps_its_order),
        TEST(test_what_comes_behind_waits_behind),
        TEST(test_it_stays_over_a_restart),
        TEST(test_a_full_outbox_refuses),
        TEST(test_what_is_refused_later_is_a_dead_letter),
        TEST(test_no_room_is_waited_out),
        TEST(test_damaged_targets),
        TEST(test_no_targets),
        TEST(test_too_large_a_content),
        TEST(test_a_cut_uuid),
        TEST(test_false_sizes_count_for_no_more_than_is_there),
        TEST(test_what_names_no_task_stays_and_holds_nothing_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
