/* test_rows.c: an object's members read into a struct, by rows. */
#include "json/rows.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct target {
    const char *text;
    int64_t integer;
    struct af_json_span span;
    int sum;
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
    {0}};

/* Reads an object and wants its text to be over then. */
static bool read_all(const char *json, struct af_arena *arena, struct target *target)
{
    struct af_json_reader reader;
    *target = (struct target){"none", -1, {"", 0}, 0};
    af_json_reader_init(&reader, json, strlen(json));
    bool ok = af_json_next(&reader) == AF_JSON_OBJECT_BEGIN &&
              af_json_read_rows(&reader, rows, arena, target) &&
              af_json_next(&reader) == AF_JSON_END;
    af_json_reader_release(&reader);
    return ok;
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
                         "\"integer\":1.5,\"span\":\"s\"}",
                         &arena, &target));
    assert_string_equal(target.text, "none");
    assert_true(target.integer == -1);
    assert_int_equal(target.span.len, 0);
    af_arena_release(&arena);
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
        cmocka_unit_test(test_what_is_no_json_or_refused_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
