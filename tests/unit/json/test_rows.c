/* test_rows.c: an object's members read into a struct, by rows. */
#include "json/rows.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct target {
    const char *text;
    int64_t integer;
    struct af_json_span span;
    int sum;
    bool flag;
    const char *name;
};

static bool read_sum(struct af_json_reader *reader, enum af_json_token first,
                     struct af_arena *arena, void *to)
{
    enum af_json_token token;
    (void)arena;
    if (first != AF_JSON_ARRAY_BEGIN)
        return false;
    while ((token = af_json_next(reader)) == AF_JSON_INTEGER)
        *(int *)to += (int)reader->integer;
    return token == AF_JSON_ARRAY_END;
}

static const struct af_json_row rows[] = {
    {"text", AF_JSON_ROW_TEXT, offsetof(struct target, text), NULL},
    {"integer", AF_JSON_ROW_INTEGER, offsetof(struct target, integer), NULL},
    {"span", AF_JSON_ROW_SPAN, offsetof(struct target, span), NULL},
    {"sum", AF_JSON_ROW_OWN, offsetof(struct target, sum), read_sum},
    {"flag", AF_JSON_ROW_FLAG, offsetof(struct target, flag), NULL},
    {"name", AF_JSON_ROW_NAME, offsetof(struct target, name), NULL},
    {0}};

static struct af_json_span text_of(const char *json)
{
    return (struct af_json_span){json, strlen(json)};
}

static bool read_all(const char *json, struct af_arena *arena, struct target *target)
{
    *target = (struct target){"none", -1, {"", 0}, 0, false, "none"};
    return af_json_read_object(text_of(json), rows, arena, target);
}

static void test_members_go_where_their_rows_say(void **state)
{
    (void)state;
    struct af_arena arena = {0};
    struct target target;
    assert_true(
        read_all("{\"sum\":[1,2,3],\"span\":{\"a\":[1, 2]},\"integer\":-7,\"text\":\"\\u0041b\"}",
                 &arena, &target));
    assert_string_equal(target.text, "Ab");
    assert_true(target.integer == -7);
    assert_int_equal(target.sum, 6);
    assert_int_equal(target.span.len, strlen("{\"a\":[1, 2]}"));
    assert_memory_equal(target.span.at, "{\"a\":[1, 2]}", target.span.len);
    assert_true(read_all("{\"span\":[ ]}", &arena, &target));
    assert_int_equal(target.span.len, 3);
    af_arena_release(&arena);
}

static void test_what_has_no_row_or_another_kind_is_passed_over(void **state)
{
    (void)state;
    struct af_arena arena = {0};
    struct target target;
    assert_true(read_all("{\"other\":{\"text\":\"x\"},\"tex\":\"x\",\"texts\":\"x\",\"text\":1,"
                         "\"integer\":1.5,\"flag\":1}",
                         &arena, &target));
    assert_string_equal(target.text, "none");
    assert_true(target.integer == -1);
    assert_int_equal(target.span.len, 0);
    assert_false(target.flag);
    af_arena_release(&arena);
}

static void test_a_span_is_any_value(void **state)
{
    static const char *const values[] = {"\"a\\nb\"", "-1.5", "null", "[ ]", "{\"a\":{}}"};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char json[64];
        snprintf(json, sizeof json, "{ \"a\" :0, \"b\" : %s , \"c\":[]}", values[i]);
        struct af_json_span found = af_json_find(text_of(json), "b");
        assert_int_equal(found.len, strlen(values[i]));
        assert_memory_equal(found.at, values[i], found.len);
    }
    assert_null(af_json_find(text_of("{\"a\":1}"), "b").at);
    assert_null(af_json_find(text_of("{\"b\":1} 2"), "b").at);
    assert_null(af_json_find(text_of("[1]"), "b").at);
    assert_null(af_json_find(text_of(""), "b").at);
}

static void test_a_name_is_short_and_whole(void **state)
{
    (void)state;
    struct af_arena arena = {0};
    struct target target;
    char longest[AF_BUS_ID_BYTES_MAX + 20];
    assert_true(read_all("{\"name\":\"n-1\",\"flag\":true}", &arena, &target));
    assert_string_equal(target.name, "n-1");
    assert_true(target.flag);
    assert_true(read_all("{\"name\":\"\"}", &arena, &target));
    assert_null(target.name);
    assert_true(read_all("{\"name\":\"a\\u0000\"}", &arena, &target));
    assert_null(target.name);
    assert_true(read_all("{\"name\":7}", &arena, &target));
    assert_null(target.name);
    for (int more = 0; more <= 1; more++) {
        snprintf(longest, sizeof longest, "{\"name\":\"%0*d\"}", AF_BUS_ID_BYTES_MAX + more, 0);
        assert_true(read_all(longest, &arena, &target));
        assert_true((target.name == NULL) == (more == 1));
    }
    af_arena_release(&arena);
}

static bool add_item(void *arg, struct af_json_span item)
{
    size_t *bytes = arg;
    *bytes += item.len;
    return item.len < 10;
}

static void test_each_object_of_a_list_is_told(void **state)
{
    static const char *const wrong[] = {
        "", "{}", "[{},1]", "[{}", "[{},[]]", "[{\"a\":}]", "[{\"a\":\"long\"}]"};
    (void)state;
    size_t bytes = 0;
    assert_true(af_json_each(text_of("[]"), add_item, &bytes));
    assert_int_equal(bytes, 0);
    assert_true(af_json_each(text_of("[{}, {\"a\":1} ]"), add_item, &bytes));
    assert_int_equal(bytes, 9);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(af_json_each(text_of(wrong[i]), add_item, &bytes));
}

static void test_what_is_no_json_or_refused_is_not_read(void **state)
{
    static const char *const wrong[] = {"{\"text\":\"a\"",
                                        "{\"text\":}",
                                        "{\"span\":{\"a\":}}",
                                        "{\"other\":[1,}",
                                        "{\"sum\":7}",
                                        "{\"sum\":[1,\"2\"]}",
                                        "{\"text\":\"a\",\"text\":\"b\"}"};
    (void)state;
    struct af_arena arena = {0};
    struct target target;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(read_all(wrong[i], &arena, &target));
    af_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_go_where_their_rows_say),
        cmocka_unit_test(test_what_has_no_row_or_another_kind_is_passed_over),
        cmocka_unit_test(test_a_span_is_any_value),
        cmocka_unit_test(test_a_name_is_short_and_whole),
        cmocka_unit_test(test_each_object_of_a_list_is_told),
        cmocka_unit_test(test_what_is_no_json_or_refused_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
