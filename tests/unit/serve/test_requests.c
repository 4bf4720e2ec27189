/* test_requests.c: what push, pop and ack ask for, and what is said of those that are wrong.
 */
#include "serve/requests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct world {
    struct af_arena arena;
    struct serve_reading reading;
    struct serve_push push;
    struct serve_pop pop;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->reading.arena = &world->arena;
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    af_serve_reading_release(&world->reading);
    af_arena_release(&world->arena);
    free(world);
    return 0;
}

static bool read_push(struct world *world, const char *body)
{
    return af_serve_read_push(&world->reading, &world->push, body, strlen(body));
}

static void expect_errors(struct world *world, const char *errors)
{
    assert_string_equal(af_buf_text(&world->reading.errors), errors);
}

#define MESSAGE                                                                                    \
    "\"node_id_list\":[\"a\",\"b\"],\"message_title\":\"t\",\"message_content\": {\"x\" : [1] } ," \
    "\"message_time\":7"

static void test_a_push_is_one_post(void **state)
{
    struct world *world = *state;
    assert_true(read_push(world, "{\"task_id\":\"T\",\"channel\":\"c\"," MESSAGE ",\"more\":{}}"));
    const struct af_bus_post *post = world->push.posts;
    assert_int_equal(world->push.count, 1);
    assert_false(world->push.is_list);
    assert_string_equal(post->task, "T");
    assert_string_equal(post->channel, "c");
    assert_string_equal(post->title, "t");
    assert_null(post->uuid);
    assert_int_equal(post->target_count, 2);
    assert_string_equal(post->targets[1], "b");
    assert_int_equal(post->time_s, 7);
    assert_int_equal(post->content_len, strlen("{\"x\" : [1] }"));
    assert_memory_equal(post->content, "{\"x\" : [1] }", post->content_len); /* as it stands */
}

static void test_messages_take_what_they_lack_from_the_request(void **state)
{
    struct world *world = *state;
    assert_true(read_push(world, "{\"messages\":[{" MESSAGE ",\"message_uuid\":\"u\"},"
                                 "{\"task_id\":\"U\"," MESSAGE "}],"
                                 "\"task_id\":\"T\",\"channel\":\"c\"}"));
    assert_int_equal(world->push.count, 2);
    assert_true(world->push.is_list);
    assert_string_equal(world->push.posts[0].task, "T");
    assert_string_equal(world->push.posts[0].uuid, "u");
    assert_string_equal(world->push.posts[1].task, "U");
    assert_string_equal(world->push.posts[1].channel, "c");
}

static void test_a_content_may_speak_of_messages(void **state)
{
    struct world *world = *state;
    assert_true(read_push(world, "{\"task_id\":\"T\",\"channel\":\"c\",\"node_id_list\":[\"a\"],"
                                 "\"message_title\":\"t\",\"message_time\":0,"
                                 "\"message_content\":{\"messages\":1}}"));
    assert_false(world->push.is_list);
}

static void test_all_that_is_wrong_is_said_with_its_place(void **state)
{
    struct world *world = *state;
    assert_false(read_push(world, "{\"task_id\":\"\",\"channel\":\"c\",\"node_id_list\":[1],"
                                  "\"message_content\":[{}],\"message_time\":false}"));
    expect_errors(world, "\"task_id: expected 1 to 256 bytes, got 0\","
                         "\"node_id_list: expected a list of strings\","
                         "\"message_content: expected a JSON object\","
                         "\"message_time: expected an integer\",\"message_title: is missing\"");
    assert_false(read_push(world,
                           "{\"task_id\":\"T\",\"channel\":\"c\",\"messages\":[{" MESSAGE "},"
                           "{" MESSAGE ",\"message_uuid\":\"a\\u0000\"}]}"));
    expect_errors(world, "\"messages[1].message_uuid: holds a character \\\\u0000\"");
    assert_false(read_push(world, "{\"messages\":[{" MESSAGE "}]}"));
    expect_errors(world, "\"task_id: is missing\",\"channel: is missing\"");
    assert_false(read_push(world, "{\"task_id\":\"T\",\"task_id\":\"T\"}"));
    expect_errors(world, "\"byte 15: a key for the second time\"");
    assert_false(read_push(world, "[]"));
    expect_errors(world, "\"expected a JSON object\"");
    assert_false(read_push(world, ""));
    assert_false(af_serve_read_push(&world->reading, &world->push, NULL, 0));
}

static void test_a_text_may_be_as_long_as_is_said(void **state)
{
    struct world *world = *state;
    char name[AF_BUS_ID_BYTES_MAX + 2], body[1000];
    for (int more = 0; more < 2; more++) {
        memset(name, 'n', sizeof name);
        name[AF_BUS_ID_BYTES_MAX + more] = '\0';
        snprintf(body, sizeof body, "{\"task_id\":\"%s\",\"channel\":\"c\"," MESSAGE "}", name);
        assert_int_equal(read_push(world, body), more == 0);
    }
    expect_errors(world, "\"task_id: expected 1 to 256 bytes, got 257\"");
}

static void test_errors_never_repeat_what_was_sent(void **state)
{
    struct world *world = *state;
    assert_false(read_push(world, "{\"task_id\":[\"SECRET\"],\"message_content\":\"SECRET\","
                                  "\"channel\":{\"SECRET\":1},\"SECRET\":1}"));
    assert_null(strstr(af_buf_text(&world->reading.errors), "SECRET"));
}

static void test_errors_are_not_without_end(void **state)
{
    struct world *world = *state;
    struct af_buf body = AF_BUF_EMPTY;
    af_buf_append_string(&body, "{\"messages\":[{}");
    for (int i = 1; i < AF_BUS_POSTS_MAX; i++)
        af_buf_append_string(&body, ",{}");
    af_buf_append_string(&body, "]}");
    assert_false(read_push(world, af_buf_text(&body)));
    assert_true(world->reading.errors.len < 4096);
    af_buf_release(&body);
}

static bool read_pop(struct world *world, const char *fields)
{
    struct af_buf body = AF_BUF_EMPTY;
    af_buf_printf(&body, "{\"task_id\":\"T\",\"channel\":\"c\"%s}", fields);
    bool ok = af_serve_read_pop(&world->reading, &world->pop, body.data, body.len);
    af_buf_release(&body);
    return ok;
}

static void test_a_pop_has_the_platforms_fields_or_ours(void **state)
{
    struct world *world = *state;
    assert_true(read_pop(world, ""));
    assert_int_equal(world->pop.max, 0);
    assert_int_equal(world->pop.lease_ns, 0);
    assert_null(world->pop.holder);
    assert_true(read_pop(world, ",\"wait_seconds\":0.5,\"lease_seconds\":30,\"max\":1000,"
                                "\"ack\":[\"a\",\"b\"],\"holder\":\"\",\"again\":true"));
    assert_int_equal(world->pop.wait_ns, AF_S_NS / 2);
    assert_int_equal(world->pop.lease_ns, 30 * AF_S_NS);
    assert_int_equal(world->pop.max, 1000);
    assert_int_equal(world->pop.ack.count, 2);
    assert_string_equal(world->pop.ack.items[1], "b");
    assert_string_equal(world->pop.holder, "");
    assert_true(world->pop.again);
    assert_true(read_pop(world, ",\"wait_seconds\":null,\"ack\":null,\"max\":null,\"again\":null"));
    static const char *const wrong[] = {
        ",\"wait_seconds\":60.1", ",\"lease_seconds\":1e300", ",\"max\":0",   ",\"max\":1001",
        ",\"max\":2.0",           ",\"ack\":[\"\"]",          ",\"again\":0", ",\"holder\":[]",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(read_pop(world, wrong[i]));
}

static void test_an_ack_names_what_is_done_with(void **state)
{
    struct world *world = *state;
    static const char body[] =
        "{\"task_id\":\"T\",\"channel\":\"c\",\"ack\":[],\"holder\":\"h\",\"release\":true}";
    static const char without[] = "{\"task_id\":\"T\",\"channel\":\"c\"}";
    assert_true(af_serve_read_ack(&world->reading, &world->pop, body, sizeof body - 1));
    assert_true(world->pop.release);
    assert_string_equal(world->pop.holder, "h");
    assert_false(af_serve_read_ack(&world->reading, &world->pop, without, sizeof without - 1));
    expect_errors(world, "\"ack: is missing\"");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_a_push_is_one_post),
        CASE(test_messages_take_what_they_lack_from_the_request),
        CASE(test_a_content_may_speak_of_messages),
        CASE(test_all_that_is_wrong_is_said_with_its_place),
        CASE(test_a_text_may_be_as_long_as_is_said),
        CASE(test_errors_never_repeat_what_was_sent),
        CASE(test_errors_are_not_without_end),
        CASE(test_a_pop_has_the_platforms_fields_or_ours),
        CASE(test_an_ack_names_what_is_done_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
