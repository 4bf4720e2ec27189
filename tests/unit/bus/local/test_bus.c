/* Contracts, leases, tasks and files of local:FILE, on a real store; two buses on one file stand
 * for two processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "base/buf.h"
#include "bus/bus.h"
#include "base/failure.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- A store in a folder of its own; calls that are waited for. ---- */

struct world {
    char folder[64], url[128], path[128];
    struct af_loop *loop;
    struct af_bus *bus, *other;
};

struct answer {
    bool there, held;
    enum af_bus_code code;
    char why[300];
    size_t count;
    char *text;       /* of items: their contents, one after the other; of files: the URL */
    char uuids[2000]; /* of items or posts, with blanks between */
    char first_sender[64];
    char age[AF_BUS_AGE_BYTES];
};

static struct af_bus *open_bus(struct world *world, bool open_tasks)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_bus_options options = {.open_tasks = open_tasks};
    struct af_bus *bus = af_bus_open(world->url, world->loop, &options, &why);
    if (bus == NULL)
        fail_msg("%s: %s", why.what, why.why);
    return bus;
}

static int set_up(void **state)
{
    struct world *world = af_mem_zero(1, sizeof *world);
    struct af_failure why = AF_FAILURE_INIT;
    snprintf(world->folder, sizeof world->folder, "%s/af-bus-XXXXXX",
             getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    if (mkdtemp(world->folder) == NULL)
        return -1;
    snprintf(world->path, sizeof world->path, "%s/store.db", world->folder);
    snprintf(world->url, sizeof world->url, "local:%s", world->path);
    world->loop = af_loop_ev_new(&why);
    world->bus = open_bus(world, true);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    char command[120];
    af_bus_close(world->other);
    af_bus_close(world->bus);
    assert_int_equal(af_loop_next_ns(world->loop), -1); /* no timer and no post is left */
    af_loop_free(world->loop);
    snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    int status = system(command);
    free(world);
    return status;
}

static void note(void *arg, const struct af_bus_result *result)
{
    struct answer *answer = arg;
    struct af_buf text = AF_BUF_EMPTY;
    assert_false(answer->there);
    answer->there = true;
    answer->code = result->code;
    answer->count = result->count;
    answer->held = result->held;
    snprintf(answer->age, sizeof answer->age, "%s", result->age == NULL ? "" : result->age);
    snprintf(answer->why, sizeof answer->why, "%s", result->why == NULL ? "" : result->why);
    for (size_t i = 0; i < result->count && result->items != NULL; i++) {
        af_buf_append(&text, result->items[i].content, result->items[i].content_len);
        if (strlen(answer->uuids) < 1900)
            snprintf(answer->uuids + strlen(answer->uuids), 100, "%s%s", i == 0 ? "" : " ",
                     result->items[i].uuid);
        if (i == 0 && result->items[i].sender != NULL)
            snprintf(answer->first_sender, sizeof answer->first_sender, "%s",
                     result->items[i].sender);
    }
    for (size_t i = 0; i < result->count && result->uuids != NULL && i < 20; i++)
        snprintf(answer->uuids + strlen(answer->uuids), 80, "%s%s", i == 0 ? "" : " ",
                 result->uuids[i]);
    for (size_t i = 0; i < result->count && result->members != NULL; i++)
        af_buf_printf(&text, "%s%s:%s", i == 0 ? "" : " ", result->members[i].node,
                      result->members[i].role);
    if (result->text != NULL)
        af_buf_append(&text, result->text, result->text_len);
    if (result->bytes != NULL)
        af_buf_append(&text, result->bytes, result->bytes_len);
    answer->text = af_buf_take(&text);
}

static void wait_for(struct world *world, struct answer *answer)
{
    while (!answer->there && af_loop_step(world->loop))
        ;
    assert_true(answer->there);
}

static void stop_waiting(void *arg)
{
    *(bool *)arg = true;
}

static void let_pass(struct world *world, int64_t ns)
{
    bool over = false;
    af_timer_start(world->loop, ns, stop_waiting, &over);
    while (!over)
        af_loop_step(world->loop);
}

static void forget(struct answer *answer)
{
    free(answer->text);
    memset(answer, 0, sizeof *answer);
}

static struct answer push_on(struct world *world, struct af_bus *bus, const char *from,
                             const char *to, const char *uuid, const char *content)
{
    struct answer answer = {0};
    struct af_bus_post post = {.task = "t",
                               .channel = "federated",
                               .title = "task_inside",
                               .sender = from,
                               .uuid = uuid,
                               .targets = &to,
                               .target_count = 1,
                               .content = content,
                               .content_len = strlen(content)};
    af_bus_publish(bus, &post, 1, note, &answer);
    wait_for(world, &answer);
    return answer;
}

static struct af_bus_post post_of(const char *uuid, const char *const *targets, size_t count,
                                  const char *content)
{
    return (struct af_bus_post){.task = "t",
                                .channel = "federated",
                                .title = "x",
                                .sender = "a",
                                .uuid = uuid,
                                .targets = targets,
                                .target_count = count,
                                .content = content,
                                .content_len = strlen(content)};
}

static void push(struct world *world, const char *from, const char *to, const char *uuid,
                 const char *content)
{
    struct answer answer = push_on(world, world->bus, from, to, uuid, content);
    if (answer.code != AF_BUS_OK)
        fail_msg("%s", answer.why);
    forget(&answer);
}

static struct af_bus_take take_of(const char *node, int64_t lease_ms, int64_t wait_ms, size_t max)
{
    return (struct af_bus_take){.task = "t",
                                .channel = "federated",
                                .node = node,
                                .lease_ns = lease_ms * AF_MS_NS,
                                .wait_ns = wait_ms * AF_MS_NS,
                                .max = max};
}

static void expect_taken(struct world *world, const struct af_bus_take *take, const char *contents)
{
    struct answer answer = {0};
    af_bus_take(world->bus, take, note, &answer);
    wait_for(world, &answer);
    if (answer.code != AF_BUS_OK)
        fail_msg("%s", answer.why);
    assert_string_equal(answer.text, contents);
    forget(&answer);
}

static void expect_acked(struct world *world, const char *node, const char *uuid)
{
    struct answer answer = {0};
    struct af_bus_take acks = take_of(node, 0, 0, 1);
    acks.acks = &uuid;
    acks.ack_count = 1;
    af_bus_ack(world->bus, &acks, note, &answer);
    wait_for(world, &answer);
    assert_int_equal(answer.code, AF_BUS_OK);
    forget(&answer);
}

static int64_t count_rows(struct world *world, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *count = NULL;
    assert_int_equal(sqlite3_open(world->path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &count, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(count), SQLITE_ROW);
    int64_t rows = sqlite3_column_int64(count, 0);
    sqlite3_finalize(count);
    sqlite3_close(db);
    return rows;
}

/* ---- Contracts. ---- */

static void test_contracts_come_in_the_order_in_which_they_were_taken(void **state)
{
    struct world *world = *state;
    push(world, "a", "b", "u1", "{\"1\":0}");
    push(world, "c", "b", "u2", "{\"2\":0}");
    push(world, "a", "b", "u3", "{\"3\":0}");
    struct af_bus_take two = take_of("b", 0, 0, 2);
    expect_taken(world, &two, "{\"1\":0}{\"2\":0}");
    expect_taken(world, &two, "{\"3\":0}");
    expect_taken(world, &two, "");
}

static void test_a_uuid_that_is_pushed_again_changes_nothing(void **state)
{
    struct world *world = *state;
    struct af_bus_take all = take_of("b", 0, 0, 10);
    push(world, "a", "b", "u1", "{\"1\":0}");
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &all, "{\"1\":0}");
    push(world, "a", "b", "u1", "{\"1\":0}"); /* remembered though it was consumed */
    expect_taken(world, &all, "");
    push(world, "c", "b", "u1", "{\"c\":0}"); /* of another sender it is another */
    expect_taken(world, &all, "{\"c\":0}");
}

static void test_a_push_of_many_is_kept_whole_or_not_at_all(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    const char *b = "b", *star_among[] = {"b", "*"};
    struct af_bus_post posts[2] = {post_of("u1", &b, 1, "{\"1\":0}"),
                                   post_of("u2", star_among, 2, "{\"2\":0}")};
    struct af_bus_take all = take_of("b", 0, 0, 10);
    af_bus_publish(world->bus, posts, 2, note, &answer);
    wait_for(world, &answer);
    assert_int_equal(answer.code, AF_BUS_INVALID);
    assert_non_null(strstr(answer.why, "stands for every node"));
    forget(&answer);
    expect_taken(world, &all, "");
    posts[1].targets = &b;
    posts[1].target_count = 1;
    af_bus_publish(world->bus, posts, 2, note, &answer);
    wait_for(world, &answer);
    assert_int_equal(answer.code, AF_BUS_OK);
    assert_string_equal(answer.uuids, "u1 u2");
    forget(&answer);
    expect_taken(world, &all, "{\"1\":0}{\"2\":0}");
}

static void test_the_bus_chooses_a_uuid_where_the_sender_has_none(void **state)
{
    struct world *world = *state;
    struct answer first = push_on(world, world->bus, "a", "b", NULL, "{\"1\":0}");
    struct answer second = push_on(world, world->bus, "a", "b", NULL, "{\"1\":0}");
    assert_int_equal(strlen(first.uuids), 64);
    assert_string_not_equal(first.uuids, second.uuids);
    forget(&first);
    forget(&second);
}

static void test_a_broadcast_reaches_its_sender_and_nodes_that_join_later(void **state)
{
    struct world *world = *state;
    struct af_bus_take a = take_of("a", 0, 0, 10), b = take_of("b", 0, 0, 10);
    struct af_bus_take late = take_of("late", 0, 0, 10);
    expect_taken(world, &b, "");
    push(world, "a", "*", "u1", "{\"all\":0}");
    expect_taken(world, &a, "{\"all\":0}");
    expect_taken(world, &b, "{\"all\":0}");
    expect_taken(world, &late, "{\"all\":0}");
    expect_taken(world, &late, "");
}

static void test_tasks_and_channels_have_queues_of_their_own(void **state)
{
    struct world *world = *state;
    struct af_bus_take other_channel = take_of("b", 0, 0, 10), other_task = other_channel;
    other_channel.channel = "automl";
    other_task.task = "t2";
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &other_channel, "");
    expect_taken(world, &other_task, "");
    struct af_bus_take right = take_of("b", 0, 0, 10);
    expect_taken(world, &right, "{\"1\":0}");
}

/* A content of so many bytes, and of so many levels. */
static char *content_of(size_t bytes, size_t levels)
{
    struct af_buf text = AF_BUF_EMPTY;
    for (size_t i = 0; i < levels; i++)
        af_buf_append_string(&text, i + 1 < levels ? "{\"x\":" : "{\"s\":\"");
    while (text.len + levels + 1 < bytes)
        af_buf_append_char(&text, 's');
    af_buf_append_char(&text, '"');
    for (size_t i = 0; i < levels; i++)
        af_buf_append_char(&text, '}');
    return af_buf_take(&text);
}

static void expect_unfit(struct world *world, size_t bytes, size_t levels, const char *why)
{
    char *content = content_of(bytes, levels);
    struct answer answer = push_on(world, world->bus, "a", "b", "unfit", content);
    assert_int_equal(answer.code, AF_BUS_INVALID);
    assert_string_equal(answer.why, why);
    forget(&answer);
    free(content);
}

static void test_a_content_that_no_answer_could_hold_is_refused(void **state)
{
    struct world *world = *state;
    expect_unfit(world, AF_BUS_CONTENT_BYTES_MAX + 1, 1,
                 "the content is larger than 12 MiB; send large things as a file, by its URL");
    expect_unfit(world, 0, AF_VALUE_DEPTH_MAX + 1,
                 "the content is deeper than 120 levels; keep it flatter");
    char *largest = content_of(AF_BUS_CONTENT_BYTES_MAX, AF_VALUE_DEPTH_MAX);
    struct af_bus_take take = take_of("b", 0, 0, 10);
    push(world, "a", "b", "largest", largest);
    expect_taken(world, &take, largest);
    free(largest);
}

static void test_a_take_hands_out_no_more_than_goes_into_one_answer(void **state)
{
    struct world *world = *state;
    char *first = content_of(AF_BUS_TAKE_BYTES - 2000, 1);
    char *second = content_of(AF_BUS_CONTENT_BYTES_MAX, 1);
    struct af_bus_take take = take_of("b", 1000, 0, 10);
    push(world, "a", "b", "u1", first);
    push(world, "a", "b", "u2", second);
    push(world, "a", "b", "u3", "{\"3\":0}");
    push(world, "a", "b", "u4", "{\"4\":0}");
    expect_taken(world, &take, first);
    expect_taken(world, &take, second);
    expect_taken(world, &take, "{\"3\":0}{\"4\":0}");
    free(first);
    free(second);
}

/* Names of targets count: a thousand contracts with as many targets each are no single answer. */
static void test_the_names_of_targets_count_as_what_they_take(void **state)
{
    struct world *world = *state;
    enum { TARGETS = 1000, POSTS = 100 };
    static char names[TARGETS][200];
    const char *targets[TARGETS];
    struct af_bus_post posts[POSTS];
    for (int i = 0; i < TARGETS; i++) {
        snprintf(names[i], sizeof names[i], "%0190d", i);
        targets[i] = names[i];
    }
    for (int i = 0; i < POSTS; i++)
        posts[i] = post_of(NULL, targets, TARGETS, "{}");
    struct answer answer = {0};
    af_bus_publish(world->bus, posts, POSTS, note, &answer);
    wait_for(world, &answer);
    assert_int_equal(answer.code, AF_BUS_OK);
    forget(&answer);
    struct af_bus_take take = take_of(names[0], 1000, 0, AF_BUS_TAKE_MAX);
    af_bus_take(world->bus, &take, note, &answer);
    wait_for(world, &answer);
    assert_in_range(answer.count, 15, 22); /* of 190,000 bytes each */
    forget(&answer);
}

/* ---- Leases. ---- */

static void test_what_is_leased_and_not_acknowledged_comes_again_in_the_old_order(void **state)
{
    struct world *world = *state;
    struct af_bus_take take = take_of("b", 1500, 0, 2);
    push(world, "a", "b", "u1", "{\"1\":0}");
    push(world, "a", "b", "u2", "{\"2\":0}");
    push(world, "a", "b", "u3", "{\"3\":0}");
    expect_taken(world, &take, "{\"1\":0}{\"2\":0}");
    expect_taken(world, &take, "{\"3\":0}");
    expect_taken(world, &take, "");
    expect_acked(world, "b", "u2");
    let_pass(world, 1600 * AF_MS_NS);
    expect_taken(world, &take, "{\"1\":0}{\"3\":0}");
}

static void test_acknowledged_contracts_are_gone(void **state)
{
    struct world *world = *state;
    const char *acks[] = {"u1", "u2", "of nobody"};
    struct af_bus_take take = take_of("b", 50, 0, 10);
    push(world, "a", "b", "u1", "{\"1\":0}");
    push(world, "a", "b", "u2", "{\"2\":0}");
    expect_taken(world, &take, "{\"1\":0}{\"2\":0}");
    take.acks = acks;
    take.ack_count = 3;
    expect_taken(world, &take, "");
    let_pass(world, 80 * AF_MS_NS);
    take.ack_count = 0;
    expect_taken(world, &take, "");
}

static void test_a_holder_that_lost_an_answer_asks_for_it_again(void **state)
{
    struct world *world = *state;
    struct af_bus_take take = take_of("b", 60000, 0, 10);
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &take, "{\"1\":0}");
    expect_taken(world, &take, "");
    take.again = true;
    expect_taken(world, &take, "{\"1\":0}");
}

static void test_one_holder_at_a_time_has_leases(void **state)
{
    struct world *world = *state;
    struct af_bus_take first = take_of("b", 1500, 0, 10), second = first;
    second.holder = "another process";
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &first, "{\"1\":0}");
    push(world, "a", "b", "u2", "{\"2\":0}");
    expect_taken(world, &second, "");
    second.wait_ns = 10 * AF_S_NS; /* until the leases of the first run out */
    int64_t before_ns = af_loop_now_ns(world->loop);
    expect_taken(world, &second, "{\"1\":0}{\"2\":0}");
    int64_t waited_ns = af_loop_now_ns(world->loop) - before_ns;
    assert_true(waited_ns > 50 * AF_MS_NS && waited_ns < 8 * AF_S_NS);
}

static void expect_take_refused(struct world *world, const struct af_bus_take *take,
                                enum af_bus_code code, const char *why)
{
    struct answer answer = {0};
    af_bus_take(world->bus, take, note, &answer);
    wait_for(world, &answer);
    assert_int_equal(answer.code, code);
    if (strstr(answer.why, why) == NULL)
        fail_msg("expected '%s' in: %s", why, answer.why);
    forget(&answer);
}

static void test_of_two_starts_of_one_party_the_last_has_all(void **state)
{
    struct world *world = *state;
    struct answer waiting = {0};
    struct af_bus_take first = take_of("b", 60000, 0, 10), second = first;
    const char *another = "another process goes on with what node 'b' keeps of task 't'";
    first.holder = "party@1";
    second.holder = "party@2";
    first.begins = second.begins = true;
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &first, "{\"1\":0}");
    first.wait_ns = 30 * AF_S_NS;
    af_bus_take(world->bus, &first, note, &waiting); /* waits, and has begun */
    expect_taken(world, &second, "{\"1\":0}");
    wait_for(world, &waiting);
    assert_int_equal(waiting.code, AF_BUS_INVALID);
    forget(&waiting);
    first.begins = second.begins = false;
    expect_take_refused(world, &first, AF_BUS_INVALID, another);
    expect_taken(world, &second, ""); /* holds it, and goes on */
    first.begins = true;              /* an operator has told it so */
    first.wait_ns = 0;
    expect_taken(world, &first, "{\"1\":0}");
    expect_take_refused(world, &second, AF_BUS_INVALID, another);
}

static void test_an_age_that_the_store_has_not_had_is_told(void **state)
{
    struct world *world = *state;
    struct answer answer = push_on(world, world->bus, "a", "b", "u1", "{\"1\":0}");
    struct af_bus_take take = take_of("b", 60000, 0, 10);
    char age[AF_BUS_AGE_BYTES], name[AF_BUS_AGE_BYTES];
    snprintf(age, sizeof age, "%s", answer.age);
    snprintf(name, sizeof name, "%s", strchr(age, '.'));
    forget(&answer);
    take.age = age;
    expect_taken(world, &take, "{\"1\":0}");
    af_bus_close(world->bus); /* another start of the same store */
    world->bus = open_bus(world, true);
    expect_taken(world, &take, "");
    snprintf(age, sizeof age, "1000%s", name);
    expect_take_refused(world, &take, AF_BUS_OLDER, "commit 1000 was told");
    snprintf(age, sizeof age, "2.0123456789abcdef");
    expect_take_refused(world, &take, AF_BUS_OLDER, "'store.db' is older than it was, or another");
    struct af_bus_take acks = take;
    const char *uuid = "u1";
    acks.acks = &uuid;
    acks.ack_count = 1;
    af_bus_ack(world->bus, &acks, note, &answer);
    wait_for(world, &answer);
    assert_int_equal(answer.code, AF_BUS_OLDER);
    forget(&answer);
    const char *none[] = {"", "x", ".", "-5.x", "5", "99999999999999999999"};
    take.again = true;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        take.age = none[i];
        expect_taken(world, &take, "{\"1\":0}"); /* it was not acknowledged */
    }
}

static void test_a_holder_whose_wait_breaks_off_has_a_moment_to_come_back(void **state)
{
    struct world *world = *state;
    struct answer waiting = {0};
    struct af_bus_take first = take_of("b", 60000, 60000, 10), second = first;
    second.holder = "another process";
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &first, "{\"1\":0}");
    uint64_t ticket = af_bus_take(world->bus, &first, note, &waiting);
    af_bus_cancel(world->bus, ticket); /* as the service does when a connection is gone */
    wait_for(world, &waiting);
    int64_t before_ns = af_loop_now_ns(world->loop);
    expect_taken(world, &second, "{\"1\":0}");
    int64_t waited_ns = af_loop_now_ns(world->loop) - before_ns;
    assert_true(waited_ns > AF_S_NS && waited_ns < 10 * AF_S_NS);
    forget(&waiting);
}

static void test_who_waits_for_another_holder_is_told(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    struct af_bus_take first = take_of("b", 60000, 0, 10), second = take_of("b", 60000, 60000, 10);
    second.holder = "another process";
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &first, "{\"1\":0}");
    af_bus_take(world->bus, &second, note, &answer);
    wait_for(world, &answer);
    assert_int_equal(answer.count, 0);
    assert_true(answer.held);
    forget(&answer);
}

static void test_leases_of_a_party_end_with_its_process(void **state)
{
    struct world *world = *state;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_bus_options options = {.open_tasks = true, .party = true};
    struct answer answer = {0};
    struct af_bus_take first = take_of("b", 60000, 0, 10), second = take_of("b", 60000, 2000, 10);
    first.holder = "a party";
    second.holder = "the next one";
    world->other = af_bus_open(world->url, world->loop, &options, &why);
    push(world, "a", "b", "u1", "{\"1\":0}");
    af_bus_take(world->other, &first, note, &answer);
    wait_for(world, &answer);
    assert_string_equal(answer.text, "{\"1\":0}");
    forget(&answer);
    expect_taken(world, &second, "");
    af_bus_close(world->other); /* without a word: as when it is killed */
    world->other = NULL;
    int64_t before_ns = af_loop_now_ns(world->loop);
    expect_taken(world, &second, "{\"1\":0}");
    assert_true(af_loop_now_ns(world->loop) - before_ns <
                10 * AF_S_NS); /* they were for a minute */
}

static void test_a_waiting_take_keeps_its_leases(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    struct af_bus_take holder = take_of("b", 1000, 5000, 10), other = take_of("b", 1000, 0, 10);
    other.holder = "other";
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &holder, "{\"1\":0}");
    af_bus_take(world->bus, &holder, note, &answer);
    let_pass(world, 2200 * AF_MS_NS);
    assert_false(answer.there);
    expect_taken(world, &other, "");
    wait_for(world, &answer);
    assert_int_equal(answer.count, 0);
    forget(&answer);
}

static void test_a_lease_is_changed_by_its_holder_alone(void **state)
{
    static const char until[] = "SELECT max(until) FROM queues";
    struct world *world = *state;
    struct answer answer = {0};
    const char *uuid = "of nobody";
    struct af_bus_take first = take_of("b", 20000, 0, 10), other = take_of("b", 60000, 60000, 10);
    other.holder = "another process";
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &first, "{\"1\":0}");
    int64_t ends_ns = count_rows(world, until);
    uint64_t ticket = af_bus_take(world->bus, &other, note, &answer);
    af_bus_cancel(world->bus, ticket);
    wait_for(world, &answer);
    forget(&answer);
    assert_int_equal(count_rows(world, until), ends_ns);
    other.acks = first.acks = &uuid;
    other.ack_count = first.ack_count = 1;
    af_bus_ack(world->bus, &other, note, &answer);
    wait_for(world, &answer);
    forget(&answer);
    assert_int_equal(count_rows(world, until), ends_ns);
    af_bus_ack(world->bus, &first, note, &answer);
    wait_for(world, &answer);
    forget(&answer);
    assert_true(count_rows(world, until) > ends_ns);
}

/* ---- Waiting. ---- */

static int64_t wal_bytes(const struct world *world)
{
    char path[160];
    struct stat info = {0};
    snprintf(path, sizeof path, "%s-wal", world->path);
    stat(path, &info);
    return info.st_size;
}

/* Each that waits looks again when another has written. Were that to write something, the other
 * would look again, and so on for ever. */
static void test_takes_that_wait_do_not_wake_each_other(void **state)
{
    struct world *world = *state;
    struct answer parked[2] = {{0}, {0}};
    static const char *const nodes[] = {"b", "c"};
    world->other = open_bus(world, true);
    for (int i = 0; i < 2; i++) {
        struct af_bus *bus = i == 0 ? world->bus : world->other;
        push(world, "a", nodes[i], i == 0 ? "u1" : "u2", "{}");
        struct af_bus_take take = take_of(nodes[i], 10000, 0, 1);
        struct answer taken = {0};
        af_bus_take(bus, &take, note, &taken);
        wait_for(world, &taken);
        assert_int_equal(taken.count, 1); /* … and not acknowledged */
        forget(&taken);
        take.wait_ns = 5 * AF_S_NS;
        af_bus_take(bus, &take, note, &parked[i]);
    }
    let_pass(world, 200 * AF_MS_NS);
    int64_t before = wal_bytes(world);
    let_pass(world, 500 * AF_MS_NS);
    assert_true(wal_bytes(world) - before < 10 * 4096);
    af_bus_close(world->other);
    world->other = NULL;
    af_bus_close(world->bus);
    world->bus = NULL;
    for (int i = 0; i < 2; i++)
        forget(&parked[i]);
}

static void test_a_take_that_waits_is_given_what_comes(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    struct af_bus_take take = take_of("b", 1000, 10000, 10);
    af_bus_take(world->bus, &take, note, &answer);
    let_pass(world, 20 * AF_MS_NS);
    assert_false(answer.there);
    push(world, "a", "b", "u1", "{\"1\":0}");
    wait_for(world, &answer);
    assert_string_equal(answer.text, "{\"1\":0}");
    assert_string_equal(answer.first_sender, "a");
    forget(&answer);
}

static void test_a_push_by_another_process_wakes_at_once(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    struct af_bus_take take = take_of("b", 1000, 10000, 10);
    world->other = open_bus(world, true);
    af_bus_take(world->bus, &take, note, &answer);
    let_pass(world, 20 * AF_MS_NS);
    struct answer pushed = push_on(world, world->other, "a", "b", "u1", "{\"1\":0}");
    int64_t before_ns = af_loop_now_ns(world->loop);
    wait_for(world, &answer);
    assert_string_equal(answer.text, "{\"1\":0}");
    assert_true(af_loop_now_ns(world->loop) - before_ns < 5 * AF_S_NS); /* it waits for 10 s */
    forget(&answer);
    forget(&pushed);
}

static void test_a_wait_ends_with_nothing_in_its_time(void **state)
{
    struct world *world = *state;
    struct af_bus_take take = take_of("b", 0, 50, 1);
    int64_t before_ns = af_loop_now_ns(world->loop);
    expect_taken(world, &take, "");
    assert_true(af_loop_now_ns(world->loop) - before_ns >= 50 * AF_MS_NS);
}

static void test_a_wait_is_cancelled_and_a_closed_bus_cancels_all(void **state)
{
    struct world *world = *state;
    struct answer answer = {0}, closed = {0};
    struct af_bus_take take = take_of("b", 0, 10000, 1);
    uint64_t ticket = af_bus_take(world->bus, &take, note, &answer);
    af_bus_cancel(world->bus, ticket);
    af_bus_cancel(world->bus, ticket + 100);
    wait_for(world, &answer);
    assert_int_equal(answer.code, AF_BUS_CANCELLED);
    af_bus_take(world->bus, &take, note, &closed);
    let_pass(world, 20 * AF_MS_NS);
    af_bus_close(world->bus);
    world->bus = NULL;
    assert_true(closed.there);
    assert_int_equal(closed.code, AF_BUS_CANCELLED);
    forget(&answer);
    forget(&closed);
}

/* ---- Tasks. ---- */

static void make_closed_task(struct world *world)
{
    struct answer answer = {0};
    struct af_bus_member members[] = {{"a", "initiator", 1}, {"b", "participant", 2}};
    struct af_bus_task task = {"t", members, 2, false};
    af_bus_close(world->bus);
    world->bus = open_bus(world, false);
    af_bus_create_task(world->bus, &task, note, &answer);
    wait_for(world, &answer);
    assert_int_equal(answer.code, AF_BUS_OK);
    forget(&answer);
}

static void expect_refused(struct world *world, struct answer answer, enum af_bus_code code,
                           const char *why)
{
    (void)world;
    assert_int_equal(answer.code, code);
    if (strstr(answer.why, why) == NULL)
        fail_msg("'%s' is not in: %s", why, answer.why);
    forget(&answer);
}

static void test_a_node_outside_of_a_task_can_do_nothing_to_it(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    struct af_bus_take take = take_of("outsider", 0, 0, 1);
    make_closed_task(world);
    expect_refused(world, push_on(world, world->bus, "outsider", "a", "u", "{}"), AF_BUS_NOT_MEMBER,
                   "'outsider' is no node of task 't'");
    expect_refused(world, push_on(world, world->bus, "a", "outsider", "u", "{}"), AF_BUS_INVALID,
                   "the target 'outsider' is no node of task 't'");
    af_bus_take(world->bus, &take, note, &answer);
    wait_for(world, &answer);
    expect_refused(world, answer, AF_BUS_NOT_MEMBER, "outsider");
    answer = (struct answer){0};
    af_bus_members(world->bus, "t", &(struct af_bus_member){.node = "outsider"}, note, &answer);
    wait_for(world, &answer);
    expect_refused(world, answer, AF_BUS_NOT_MEMBER, "outsider");
    answer = (struct answer){0};
    struct af_bus_note progress = {.kind = AF_BUS_NOTE_PROGRESS, .task = "t", .node = "outsider"};
    af_bus_tell(world->bus, &progress, note, &answer);
    wait_for(world, &answer);
    expect_refused(world, answer, AF_BUS_NOT_MEMBER, "outsider");
}

static void test_members_are_listed_as_they_were_named(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    make_closed_task(world);
    af_bus_members(world->bus, "t", &(struct af_bus_member){.node = "b"}, note, &answer);
    wait_for(world, &answer);
    assert_string_equal(answer.text, "a:initiator b:participant");
    forget(&answer);
}

static void test_an_ended_task_takes_nothing_more(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    struct af_bus_take take = take_of("b", 0, 0, 10);
    make_closed_task(world);
    push(world, "a", "b", "u1", "{\"1\":0}");
    af_bus_end_task(world->bus, "t", note, &answer);
    wait_for(world, &answer);
    assert_int_equal(answer.code, AF_BUS_OK);
    forget(&answer);
    expect_refused(world, push_on(world, world->bus, "a", "b", "u2", "{\"2\":0}"), AF_BUS_NO_TASK,
                   "'t' has ended");
    af_bus_take(world->bus, &take, note, &answer);
    wait_for(world, &answer);
    expect_refused(world, answer, AF_BUS_NO_TASK, "'t' has ended");
}

static void test_status_tells_sizes_and_names_but_no_contents(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    make_closed_task(world);
    push(world, "a", "b", "u1", "{\"secret\":1}");
    struct af_bus_note progress = {
        .kind = AF_BUS_NOTE_PROGRESS, .task = "t", .node = "a", .number = 42};
    af_bus_tell(world->bus, &progress, note, &answer);
    wait_for(world, &answer);
    forget(&answer);
    struct af_bus_note launch = {
        .kind = AF_BUS_NOTE_LAUNCH, .task = "t", .node = "a", .text = "bundle-key"};
    af_bus_tell(world->bus, &launch, note, &answer);
    wait_for(world, &answer);
    forget(&answer);
    af_bus_status(world->bus, NULL, note, &answer);
    wait_for(world, &answer);
    assert_non_null(strstr(answer.text, "\"task_id\":\"t\""));
    assert_non_null(strstr(answer.text, "\"progress\":42"));
    assert_non_null(strstr(answer.text, "\"kind\":\"launch\""));
    assert_non_null(strstr(answer.text, "{\"length\":1,\"leased\":0,\"node_id\":\"b\""));
    assert_null(strstr(answer.text, "secret"));
    forget(&answer);
}

/* ---- Files. ---- */

static void test_a_file_comes_back_to_the_nodes_of_its_task_only(void **state)
{
    struct world *world = *state;
    struct answer put = {0}, got = {0};
    make_closed_task(world);
    struct af_bus_file file = {
        .task = "t", .node = "a", .name = "model.ZIP", .bytes = "weights", .bytes_len = 7};
    af_bus_put_file(world->bus, &file, note, &put);
    wait_for(world, &put);
    assert_int_equal(put.code, AF_BUS_OK);
    assert_non_null(strstr(put.text, "local://t/"));
    assert_string_equal(put.text + strlen(put.text) - 4, ".zip");
    struct af_bus_fetch fetch = {.node = "b", .url = put.text};
    af_bus_get_file(world->bus, &fetch, note, &got);
    wait_for(world, &got);
    assert_int_equal(got.code, AF_BUS_OK);
    assert_string_equal(got.text + strlen(got.text) - 7, "weights");
    forget(&got);
    fetch.node = "outsider";
    af_bus_get_file(world->bus, &fetch, note, &got);
    wait_for(world, &got);
    expect_refused(world, got, AF_BUS_NOT_MEMBER, "outsider");
    forget(&put);
}

static void test_a_file_is_written_whole_with_the_owners_mode(void **state)
{
    struct world *world = *state;
    struct answer put = {0}, got = {0};
    char path[150], digest[65] = "0";
    struct stat info;
    snprintf(path, sizeof path, "%s/copy", world->folder);
    struct af_bus_file file = {.task = "t", .node = "a", .path = world->path};
    af_bus_put_file(world->bus, &file, note, &put);
    wait_for(world, &put);
    struct af_bus_fetch fetch = {.node = "a", .url = put.text, .path = path, .sha256 = digest};
    af_bus_get_file(world->bus, &fetch, note, &got);
    wait_for(world, &got);
    expect_refused(world, got, AF_BUS_INVALID, "SHA-256");
    assert_int_equal(stat(path, &info), -1);
    got = (struct answer){0};
    fetch.sha256 = NULL;
    af_bus_get_file(world->bus, &fetch, note, &got);
    wait_for(world, &got);
    assert_int_equal(got.code, AF_BUS_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    forget(&got);
    forget(&put);
}

static void test_urls_that_are_not_ours_are_refused(void **state)
{
    static const char *const urls[] = {
        "",           "local://",     "local://t", "local://t/../../etc/passwd", "local://t/%zz/aa",
        "http://x/y", "local://t%2/0"};
    struct world *world = *state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct answer got = {0};
        struct af_bus_fetch fetch = {.node = "a", .url = urls[i]};
        af_bus_get_file(world->bus, &fetch, note, &got);
        wait_for(world, &got);
        expect_refused(world, got, AF_BUS_INVALID, "is no URL of this bus's files");
    }
}

static void test_files_that_cannot_be_read_are_named(void **state)
{
    struct world *world = *state;
    const char *const paths[] = {"/does/not/exist", world->folder};
    for (size_t i = 0; i < 2; i++) {
        struct answer put = {0};
        struct af_bus_file file = {.task = "t", .node = "a", .path = paths[i]};
        af_bus_put_file(world->bus, &file, note, &put);
        wait_for(world, &put);
        expect_refused(world, put, AF_BUS_INVALID, paths[i]);
    }
}

/* ---- The store itself. ---- */

static void test_what_was_confirmed_is_there_after_opening_again(void **state)
{
    struct world *world = *state;
    struct af_bus_take take = take_of("b", 60000, 0, 10);
    struct stat info;
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &take, "{\"1\":0}");
    af_bus_close(world->bus);
    assert_int_equal(stat(world->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    world->bus = open_bus(world, true);
    expect_taken(world, &take, ""); /* the lease too */
    take.again = true;
    expect_taken(world, &take, "{\"1\":0}");
}

static void expect_no_store(struct world *world, const char *why_not)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_bus_options options = {.open_tasks = true};
    assert_null(af_bus_open(world->url, world->loop, &options, &why));
    assert_int_equal(why.kind, AF_FAILURE_TRANSPORT);
    if (strstr(why.why, why_not) == NULL)
        fail_msg("'%s' is not in: %s", why_not, why.why);
}

static void change_store(struct world *world, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(world->path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000); /* the store may be about to commit */
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void expect_status(struct world *world, const char *text)
{
    struct answer answer = {0};
    af_bus_status(world->bus, NULL, note, &answer);
    wait_for(world, &answer);
    if (strstr(answer.text, text) == NULL)
        fail_msg("expected %s in %s", text, answer.text);
    forget(&answer);
}

static void test_a_queue_that_says_it_is_full_is_counted(void **state)
{
    struct world *world = *state;
    static const char *const lengths[] = {"9223372036854775807", "-5", "100000"};
    struct af_bus_take take = take_of("b", 0, 0, 10);
    char sql[100], uuid[8];
    for (int i = 0; i < 3; i++) {
        snprintf(uuid, sizeof uuid, "u%d", i);
        push(world, "a", "b", uuid, "{\"1\":0}");
        let_pass(world, AF_S_NS + 50 * AF_MS_NS); /* counted once a second, at most */
        snprintf(sql, sizeof sql, "UPDATE queues SET length = %s", lengths[i]);
        change_store(world, sql);
        snprintf(uuid, sizeof uuid, "v%d", i);
        push(world, "a", "b", uuid, "{\"1\":0}"); /* taken, not refused as too many */
        expect_status(world, "\"length\":2,");
        expect_taken(world, &take, "{\"1\":0}{\"1\":0}");
        expect_status(world, "\"length\":0,");
    }
}

static void test_an_age_that_cannot_be_is_none(void **state)
{
    struct world *world = *state;
    push(world, "a", "b", "u1", "{\"1\":0}");
    change_store(world, "UPDATE contracts SET taken = -9223372036854775807");
    expect_status(world, "\"oldest_s\":0}");
}

static void test_a_target_that_is_named_twice_gets_one_and_lengths_stay_right(void **state)
{
    struct world *world = *state;
    const char *targets[] = {"b", "c", "b"}, *acks[] = {"u1", "u2", "u1"};
    struct af_bus_post post = post_of("u1", targets, 3, "{\"1\":0}");
    struct answer answer = {0};
    af_bus_publish(world->bus, &post, 1, note, &answer);
    wait_for(world, &answer);
    assert_int_equal(answer.code, AF_BUS_OK);
    forget(&answer);
    push(world, "a", "b", "u2", "{\"2\":0}");
    push(world, "a", "b", "u3", "{\"3\":0}");
    expect_status(world, "{\"length\":3,\"leased\":0,\"node_id\":\"b\"");
    struct af_bus_take take = take_of("b", 60000, 0, 10);
    expect_taken(world, &take, "{\"1\":0}{\"2\":0}{\"3\":0}");
    take.acks = acks;
    take.ack_count = 3;
    expect_taken(world, &take, "");
    expect_status(world, "{\"length\":1,\"leased\":1,\"node_id\":\"b\"");
    struct af_bus_take plain = take_of("c", 0, 0, 10);
    expect_taken(world, &plain, "{\"1\":0}"); /* what one has done with, the other still gets */
    expect_status(world, "{\"length\":0,\"leased\":0,\"node_id\":\"c\"");
}

static void test_newer_and_foreign_files_are_refused_by_name(void **state)
{
    struct world *world = *state;
    af_bus_close(world->bus);
    world->bus = NULL;
    change_store(world, "PRAGMA user_version = 99");
    expect_no_store(world, "is a message store of version 99");
    change_store(world, "PRAGMA application_id = 7");
    expect_no_store(world, "of another program");
    FILE *file = fopen(world->path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        fputs("no database", file);
    fclose(file);
    expect_no_store(world, "not a database");
}

/* ---- Rows that are not as they should be. ---- */

static void expect_set_aside(struct world *world, const char *sql)
{
    static int done; /* all cases, of all worlds */
    char count[40];
    struct af_bus_take take = take_of("b", 1000, 0, 10);
    snprintf(count, sizeof count, "\"set_aside\":%d}", ++done);
    push(world, "a", "b", NULL, "{\"bad\":0}");
    push(world, "a", "b", NULL, "{\"good\":0}");
    change_store(world, sql);
    take.again = true;
    expect_taken(world, &take, "{\"good\":0}");
    expect_taken(world, &take, "{\"good\":0}"); /* the other one is not looked at again */
    expect_status(world, "\"length\":1,");
    expect_status(world, count);
    take.lease_ns = 0;
    expect_taken(world, &take, "{\"good\":0}");
}

static void test_a_contract_that_is_not_as_it_should_be_is_set_aside(void **state)
{
#define FIRST " WHERE id = (SELECT min(contract) FROM deliveries)"
#define OF_FIRST " WHERE contract = (SELECT min(contract) FROM deliveries)"
    static const char *const changes[] = {
        "UPDATE contents SET targets = NULL" OF_FIRST,
        "UPDATE contents SET targets = '[1]'" OF_FIRST,
        "UPDATE contents SET targets = '[]'" OF_FIRST,
        "UPDATE contents SET targets = '[\"a'" OF_FIRST,
        "UPDATE contents SET targets = '[\"b\"]x'" OF_FIRST,
        "UPDATE contents SET targets = '[\"a\\u0000b\"]'" OF_FIRST,
        "UPDATE contracts SET title = NULL" FIRST,
        "UPDATE contracts SET title = 'a' || char(0)" FIRST,
        "UPDATE contracts SET title = CAST(x'ff' AS TEXT)" FIRST,
        "UPDATE contracts SET uuid = ''" FIRST,
        "UPDATE contracts SET uuid = hex(zeroblob(200))" FIRST,
        "UPDATE contracts SET sender = CAST(x'c328' AS TEXT)" FIRST,
        "UPDATE contents SET content = NULL" OF_FIRST,
        "UPDATE contents SET content = x''" OF_FIRST,
        "UPDATE contents SET content = CAST('{\"bad\":' AS BLOB)" OF_FIRST,
        "UPDATE contents SET content = CAST('[1]' AS BLOB)" OF_FIRST,
        "UPDATE contents SET content = CAST('{} {}' AS BLOB)" OF_FIRST,
        "UPDATE contents SET content = CAST('{\"s\":\"' || hex(zeroblob(6300000)) || '\"}' AS "
        "BLOB)" OF_FIRST,
        "UPDATE contents SET content = CAST('{\"s\":' || replace(hex(zeroblob(60)), '0', '[') || "
        "replace(hex(zeroblob(60)), '0', ']') || '}' AS BLOB)" OF_FIRST,
        "UPDATE contracts SET task = 7" FIRST, /* another's */
        "UPDATE contracts SET channel = 'automl'" FIRST,
        "DELETE FROM contracts" FIRST,
    };
#undef FIRST
    struct world *world = *state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        expect_set_aside(world, changes[i]);
}

static void test_other_rows_that_are_not_as_they_should_be_do_no_harm(void **state)
{
    static const char *const changes[] = {
        "UPDATE queues SET holder = 'a' || char(0), handed = 1000, until = 1 << 62, boot = 1",
        "INSERT INTO members (task, node, place, role, number) VALUES (1, 'x' || char(0), 9, '', "
        "0)",
        "UPDATE contracts SET broadcast = 1, channel = 'a' || char(0)",
        "INSERT INTO notes (task, kind, node, number, text, made) VALUES (1, 99, char(0), 0, "
        "CAST(x'ff' AS TEXT), 0)",
        "UPDATE tasks SET made = -1",
    };
    struct world *world = *state;
    struct answer answer = {0};
    push(world, "a", "b", "u1", "{\"1\":0}");
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        change_store(world, changes[i]);
    push(world, "newcomer", "b", "u2", "{\"2\":0}");
    const char *all = "*";
    struct af_bus_post post = post_of("u3", &all, 1, "{\"3\":0}");
    af_bus_publish(world->bus, &post, 1, note, &answer);
    wait_for(world, &answer);
    assert_int_equal(answer.code, AF_BUS_OK);
    forget(&answer);
    struct af_bus_take take = take_of("b", 0, 0, 10);
    take.again = true;
    expect_taken(world, &take, "{\"2\":0}{\"3\":0}");
    af_bus_members(world->bus, "t", NULL, note, &answer);
    wait_for(world, &answer);
    assert_string_equal(answer.text, "a: b: newcomer:");
    forget(&answer);
    expect_status(world, "\"notes\"");
}

/* Pushes 1,000 contracts from a at once. */
static enum af_bus_code push_many_to(struct world *world, const char *target)
{
    struct af_bus_post posts[1000];
    struct answer answer = {0};
    for (int i = 0; i < 1000; i++)
        posts[i] = post_of(NULL, &target, 1, "{}");
    af_bus_publish(world->bus, posts, 1000, note, &answer);
    wait_for(world, &answer);
    enum af_bus_code code = answer.code;
    forget(&answer);
    return code;
}

static enum af_bus_code push_many(struct world *world)
{
    return push_many_to(world, "b");
}

static void test_a_full_queue_is_an_error_to_who_pushes(void **state)
{
    struct world *world = *state;
    for (int round = 0; round < AF_BUS_QUEUE_MAX / 1000; round++)
        assert_int_equal(push_many(world), AF_BUS_OK);
    assert_int_equal(push_many(world), AF_BUS_FULL);
    struct answer full = push_on(world, world->bus, "a", "b", "u", "{}");
    assert_non_null(strstr(full.why, "the queue of 'b' is full: 100000 contracts wait for it; what "
                                     "is sent behind this waits, too"));
    forget(&full);
    struct af_bus_take one = take_of("b", 0, 0, 1);
    expect_taken(world, &one, "{}");
    push(world, "a", "b", "after", "{}"); /* there is room again */
}

static void test_what_is_settled_and_old_is_forgotten_as_fast_as_more_comes(void **state)
{
    struct world *world = *state;
    push(world, "a", "c", "waits", "{}");
    for (int i = 0; i < 3; i++)
        assert_int_equal(push_many(world), AF_BUS_OK);
    struct af_bus_take all = take_of("b", 0, 0, 1000);
    struct answer answer = {0};
    for (int i = 0; i < 3; i++) {
        af_bus_take(world->bus, &all, note, &answer);
        wait_for(world, &answer);
        forget(&answer);
    }
    change_store(world, "UPDATE contracts SET taken = 0");
    for (int i = 0; i < 4; i++)
        assert_int_equal(push_many(world), AF_BUS_OK);
    assert_int_equal(count_rows(world, "SELECT count(*) FROM contracts WHERE taken = 0"), 1);
    assert_int_equal(count_rows(world, "SELECT count(*) FROM contracts"), 4001);
    struct af_bus_take one = take_of("c", 0, 0, 1);
    expect_taken(world, &one, "{}");
    for (int i = 0; i < 4; i++)
        assert_int_equal(push_many(world), AF_BUS_OK);
    assert_int_equal(count_rows(world, "SELECT count(*) FROM contracts WHERE taken = 0"), 0);
}

/* Takes all that waits for a node; returns how many. */
static size_t take_all(struct world *world, const char *node)
{
    struct af_bus_take all = take_of(node, 0, 0, 1000);
    struct answer answer = {0};
    size_t count = 0, some;
    do {
        af_bus_take(world->bus, &all, note, &answer);
        wait_for(world, &answer);
        some = answer.count;
        count += some;
        forget(&answer);
    } while (some > 0);
    return count;
}

static void test_broadcasts_that_all_have_go_but_for_the_last(void **state)
{
    enum { ROUNDS = 13 };
    static const char held[] =
        "SELECT count(*) FROM contracts JOIN contents ON contract = id WHERE broadcast = 1";
    struct world *world = *state;
    assert_int_equal(take_all(world, "a") + take_all(world, "b"), 0);
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(push_many_to(world, "*"), AF_BUS_OK);
        take_all(world, "a");
        if (i < ROUNDS - 1)
            assert_int_equal(take_all(world, "b"), 1000);
    }
    for (int i = 0; i < ROUNDS; i++) /* all are looked at */
        assert_int_equal(push_many(world), AF_BUS_OK);
    assert_int_equal(count_rows(world, held), AF_BUS_BROADCASTS_MAX);
    assert_int_equal(take_all(world, "b"), 1000 + ROUNDS * 1000);
    assert_int_equal(take_all(world, "late"), AF_BUS_BROADCASTS_MAX);
    change_store(world, "UPDATE contracts SET taken = 0");
    push(world, "a", "*", "last", "{}");
    for (int i = 0; i < 2 * ROUNDS; i++)
        assert_int_equal(push_many(world), AF_BUS_OK);
    assert_int_equal(count_rows(world, held), 1); /* they were old */
    assert_int_equal(count_rows(world, "SELECT count(*) FROM contracts WHERE taken = 0"), 0);
}

static void test_a_broadcast_that_a_node_has_not_stays(void **state)
{
    struct world *world = *state;
    assert_int_equal(take_all(world, "a") + take_all(world, "b") + take_all(world, "c"), 0);
    push(world, "a", "*", "u1", "{\"1\":0}");
    struct af_bus_take b = take_of("b", 0, 0, 10), c = take_of("c", 60000, 0, 10);
    expect_taken(world, &b, "{\"1\":0}");
    expect_taken(world, &c, "{\"1\":0}");
    const char *uuid = "u1", *reason = "it cannot be read";
    struct af_bus_take reject = c;
    struct answer answer = {0};
    reject.acks = &uuid;
    reject.reasons = &reason;
    reject.ack_count = 1;
    af_bus_ack(world->bus, &reject, note, &answer);
    wait_for(world, &answer);
    forget(&answer);
    expect_taken(world,
                 &(struct af_bus_take){.task = "t", .channel = "federated", .node = "a", .max = 9},
                 "{\"1\":0}");
    change_store(world, "UPDATE contracts SET taken = 0");
    for (int i = 0; i < 3; i++)
        assert_int_equal(push_many(world), AF_BUS_OK);
    af_bus_revive(world->bus, &c, note, &answer); /* as a dead letter it was wanted still */
    wait_for(world, &answer);
    assert_int_equal(answer.count, 1);
    forget(&answer);
    c.lease_ns = 0;
    expect_taken(world, &c, "{\"1\":0}");
    for (int i = 0; i < 3; i++)
        assert_int_equal(push_many(world), AF_BUS_OK);
    assert_int_equal(count_rows(world, "SELECT count(*) FROM contracts WHERE taken = 0"), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_contracts_come_in_the_order_in_which_they_were_taken),
        CASE(test_a_uuid_that_is_pushed_again_changes_nothing),
        CASE(test_a_push_of_many_is_kept_whole_or_not_at_all),
        CASE(test_the_bus_chooses_a_uuid_where_the_sender_has_none),
        CASE(test_a_broadcast_reaches_its_sender_and_nodes_that_join_later),
        CASE(test_tasks_and_channels_have_queues_of_their_own),
        CASE(test_a_content_that_no_answer_could_hold_is_refused),
        CASE(test_a_take_hands_out_no_more_than_goes_into_one_answer),
        CASE(test_the_names_of_targets_count_as_what_they_take),
        CASE(test_what_is_leased_and_not_acknowledged_comes_again_in_the_old_order),
        CASE(test_acknowledged_contracts_are_gone),
        CASE(test_a_holder_that_lost_an_answer_asks_for_it_again),
        CASE(test_one_holder_at_a_time_has_leases),
        CASE(test_of_two_starts_of_one_party_the_last_has_all),
        CASE(test_an_age_that_the_store_has_not_had_is_told),
        CASE(test_a_holder_whose_wait_breaks_off_has_a_moment_to_come_back),
        CASE(test_who_waits_for_another_holder_is_told),
        CASE(test_leases_of_a_party_end_with_its_process),
        CASE(test_a_waiting_take_keeps_its_leases),
        CASE(test_a_lease_is_changed_by_its_holder_alone),
        CASE(test_takes_that_wait_do_not_wake_each_other),
        CASE(test_a_take_that_waits_is_given_what_comes),
        CASE(test_a_push_by_another_process_wakes_at_once),
        CASE(test_a_wait_ends_with_nothing_in_its_time),
        CASE(test_a_wait_is_cancelled_and_a_closed_bus_cancels_all),
        CASE(test_a_node_outside_of_a_task_can_do_nothing_to_it),
        CASE(test_members_are_listed_as_they_were_named),
        CASE(test_an_ended_task_takes_nothing_more),
        CASE(test_status_tells_sizes_and_names_but_no_contents),
        CASE(test_a_file_comes_back_to_the_nodes_of_its_task_only),
        CASE(test_a_file_is_written_whole_with_the_owners_mode),
        CASE(test_urls_that_are_not_ours_are_refused),
        CASE(test_files_that_cannot_be_read_are_named),
        CASE(test_what_was_confirmed_is_there_after_opening_again),
        CASE(test_newer_and_foreign_files_are_refused_by_name),
        CASE(test_a_target_that_is_named_twice_gets_one_and_lengths_stay_right),
        CASE(test_a_queue_that_says_it_is_full_is_counted),
        CASE(test_an_age_that_cannot_be_is_none),
        CASE(test_a_contract_that_is_not_as_it_should_be_is_set_aside),
        CASE(test_other_rows_that_are_not_as_they_should_be_do_no_harm),
        CASE(test_a_full_queue_is_an_error_to_who_pushes),
        CASE(test_what_is_settled_and_old_is_forgotten_as_fast_as_more_comes),
        CASE(test_broadcasts_that_all_have_go_but_for_the_last),
        CASE(test_a_broadcast_that_a_node_has_not_stays),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
