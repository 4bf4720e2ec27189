/* test_request.c: the fields of a flat JSON object. */
#include "script/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void read_one(struct af_request *request, const char *json)
{
    assert_true(af_request_read(request, json, strlen(json)));
}

static void test_each_kind_is_read_by_its_own_function(void **state)
{
    (void)state;
    struct af_request request;
    double number = -1;
    int64_t integer = -1;
    read_one(&request, "{\"s\":\"caf\xC3\xA9\",\"i\":-9223372036854775808,\"d\":2.5,\"t\":true,"
                       "\"f\":false,\"n\":null,\"l\":[\"a\",\"b\"]}");
    assert_int_equal(request.count, 7);
    assert_string_equal(af_request_string(&request, "s"), "caf\xC3\xA9");
    assert_true(af_request_integer(&request, "i", &integer));
    assert_true(integer == INT64_MIN);
    assert_true(af_request_number(&request, "d", &number));
    assert_true(number == 2.5);
    assert_true(af_request_bool(&request, "t"));
    assert_false(af_request_bool(&request, "f"));
    const struct af_request_field *list = af_request_list(&request, "l");
    assert_non_null(list);
    assert_int_equal(list->item_count, 2);
    assert_string_equal(list->items[0], "a");
    assert_string_equal(list->items[1], "b");
    af_request_release(&request);
}

static void test_an_integer_is_a_number_too_and_a_double_no_integer(void **state)
{
    (void)state;
    struct af_request request;
    double number = -1;
    int64_t integer = -1;
    read_one(&request, "{\"i\":3,\"d\":3.0}");
    assert_true(af_request_number(&request, "i", &number));
    assert_true(number == 3);
    assert_false(af_request_integer(&request, "d", &integer));
    assert_int_equal(integer, -1);
    af_request_release(&request);
}

static void test_a_field_that_is_absent_or_of_another_kind_leaves_what_was_given(void **state)
{
    (void)state;
    struct af_request request;
    double number = 7;
    int64_t integer = 7;
    read_one(&request, "{\"s\":\"1\",\"n\":null,\"l\":[],\"b\":true}");
    static const char *const names[] = {"s", "n", "l", "b", "absent", ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_false(af_request_integer(&request, names[i], &integer));
        assert_false(af_request_number(&request, names[i], &number));
    }
    assert_int_equal(integer, 7);
    assert_true(number == 7);
    assert_null(af_request_string(&request, "n"));
    assert_null(af_request_string(&request, "absent"));
    assert_null(af_request_list(&request, "s"));
    assert_false(af_request_bool(&request, "s"));
    assert_int_equal(af_request_list(&request, "l")->item_count, 0);
    af_request_release(&request);
}

static void test_what_is_deeper_is_passed_over(void **state)
{
    (void)state;
    struct af_request request;
    read_one(&request, "{\"o\":{\"a\":[1,{\"b\":2}]},\"l\":[1,\"x\",[\"deep\"],{\"k\":\"v\"},null,"
                       "\"y\"],\"after\":\"here\"}");
    assert_int_equal(request.count, 3);
    assert_null(af_request_string(&request, "o"));
    const struct af_request_field *list = af_request_list(&request, "l");
    assert_int_equal(list->item_count, 2); /* its strings */
    assert_string_equal(list->items[0], "x");
    assert_string_equal(list->items[1], "y");
    assert_string_equal(af_request_string(&request, "after"), "here");
    af_request_release(&request);
}

static void test_an_empty_object_has_no_fields(void **state)
{
    (void)state;
    struct af_request request;
    read_one(&request, " { } ");
    assert_int_equal(request.count, 0);
    af_request_release(&request);
}

static void test_a_zero_byte_in_a_string_is_kept_and_counted(void **state)
{
    (void)state;
    struct af_request request;
    read_one(&request, "{\"s\":\"a\\u0000b\"}");
    assert_int_equal(request.fields[0].len, 3);
    assert_memory_equal(request.fields[0].text, "a\0b", 4);
    af_request_release(&request);
}

static void test_the_first_field_that_a_zero_byte_would_cut_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *json, *cut;
    } cases[] = {
        {"{\"a\":\"x\",\"l\":[\"y\",\"z\"],\"i\":0}", NULL},
        {"{\"a\":\"x\",\"b\":\"y\\u0000z\",\"c\":\"\\u0000\"}", "b"},
        {"{\"l\":[\"y\",\"\\u0000\"],\"a\":\"x\"}", "l"},
        {"{\"a\":1,\"n\\u0000m\":2}", "n"},
        {"{\"o\":{\"deep\":\"\\u0000\"}}", NULL}, /* that is passed over */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct af_request request;
        read_one(&request, cases[i].json);
        if (cases[i].cut == NULL)
            assert_null(af_request_cut(&request));
        else
            assert_string_equal(af_request_cut(&request), cases[i].cut);
        af_request_release(&request);
    }
}

static void test_what_is_no_object_is_refused_and_leaves_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "null",
        "[]",
        "\"s\"",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":}",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{\"a\":1}x",
        "{\"a\":1}{}",
        "{\"a\":[\"x\",",
        "{\"a\":[\"x\",{]}",
        "{\"a\":{\"b\":1}",
        "{\"a\":\"\xFF\"}",
        "{\"a\":1,\"a\":2}", /* twice */
        "{a:1}",
        "{\"a\":NaN}",
        "{\"a\":99999999999999999999}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct af_request request;
        if (af_request_read(&request, texts[i], strlen(texts[i])))
            fail_msg("accepted: %s", texts[i]);
        af_request_release(&request); /* allowed in either case */
        assert_int_equal(request.count, 0);
        af_request_release(&request);
    }
}

static void test_each_beginning_of_a_request_is_refused(void **state)
{
    (void)state;
    static const char text[] =
        "{\"s\":\"x\\n\",\"l\":[\"a\",[1],\"b\"],\"o\":{\"k\":[true]},\"d\":1.5e3}";
    for (size_t len = 0; len < sizeof text - 1; len++) {
        struct af_request request;
        assert_false(af_request_read(&request, text, len));
        af_request_release(&request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_is_read_by_its_own_function),
        cmocka_unit_test(test_an_integer_is_a_number_too_and_a_double_no_integer),
        cmocka_unit_test(test_a_field_that_is_absent_or_of_another_kind_leaves_what_was_given),
        cmocka_unit_test(test_what_is_deeper_is_passed_over),
        cmocka_unit_test(test_an_empty_object_has_no_fields),
        cmocka_unit_test(test_a_zero_byte_in_a_string_is_kept_and_counted),
        cmocka_unit_test(test_the_first_field_that_a_zero_byte_would_cut_is_named),
        cmocka_unit_test(test_what_is_no_object_is_refused_and_leaves_nothing),
        cmocka_unit_test(test_each_beginning_of_a_request_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
