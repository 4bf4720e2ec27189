/* test_limits.c: bounds, keys that come twice, skipping and the life of a reader
 * (json/json.h). */
#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct af_json_reader reader;
static struct af_buf buf;

static void append_times(const char *part, size_t count)
{
    for (size_t i = 0; i < count; i++)
        af_buf_append_string(&buf, part);
}

/* Reads buf to the end. */
static enum af_json_token last_token(void)
{
    enum af_json_token token;
    af_json_reader_restart(&reader, buf.data, buf.len);
    do
        token = af_json_next(&reader);
    while (token > AF_JSON_END);
    return token;
}

static void assert_error(const char *message, size_t offset)
{
    assert_int_equal(last_token(), AF_JSON_ERROR);
    assert_string_equal(reader.message, message);
    assert_int_equal(reader.offset, offset);
}

/* ---- Depth and size. ---- */

static void test_depth_is_bounded(void **state)
{
    (void)state;
    static const char *const opens[] = {"[", "{\"a\":"};
    static const char *const closes[] = {"]", "}"};
    for (size_t i = 0; i < COUNT(opens); i++) {
        af_buf_clear(&buf);
        append_times(opens[i], AF_JSON_DEPTH_MAX);
        af_buf_append_string(&buf, "1");
        append_times(closes[i], AF_JSON_DEPTH_MAX);
        assert_int_equal(last_token(), AF_JSON_END);
        af_buf_clear(&buf);
        append_times(opens[i], AF_JSON_DEPTH_MAX + 1);
        assert_error("nested too deeply", AF_JSON_DEPTH_MAX * strlen(opens[i]));
    }
}

static void test_depth_is_of_what_is_open(void **state)
{
    (void)state;
    af_buf_clear(&buf);
    af_buf_append_string(&buf, "[");
    append_times("{\"a\":[[]]},", 1000);
    af_buf_append_string(&buf, "0]");
    assert_int_equal(last_token(), AF_JSON_END);
    static const int depths[] = {1, 2, 2, 3, 2, 1, 2, 1, 0, 0};
    af_json_reader_restart(&reader, "[{\"a\":[]},{}]", 13);
    for (size_t i = 0; i < COUNT(depths); i++) {
        af_json_next(&reader);
        assert_int_equal(reader.depth, depths[i]);
    }
}

static void test_depth_is_told_of_a_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int depth;
    } cases[] = {{"1", 0},
                 {"{}", 1},
                 {"[[],{\"a\":[]},[]]", 3},
                 {"{\"[{\":\"[\\\"[[\",\"b\":[1]}", 2},
                 {"[\"\\\\\",[[]],\"\xc3\xa9[\"]", 3},
                 {"[\"[[", 1}};
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(af_json_depth(cases[i].text, strlen(cases[i].text)), cases[i].depth);
}

static void test_size_is_bounded(void **state)
{
    (void)state;
    af_buf_clear(&buf);
    assert_true(af_buf_reserve(&buf, AF_JSON_BYTES_MAX + 1));
    memset(buf.data, ' ', AF_JSON_BYTES_MAX + 1);
    buf.data[0] = '1';
    buf.len = AF_JSON_BYTES_MAX;
    assert_int_equal(last_token(), AF_JSON_END);
    buf.len++;
    assert_error("a text of more than 16 MiB", 0);
}

static void test_a_number_may_be_as_long_as_the_text(void **state)
{
    (void)state;
    af_buf_clear(&buf);
    af_buf_append_string(&buf, "0.");
    append_times("0000000000", 100000);
    af_buf_append_string(&buf, "25e1000001");
    assert_int_equal(last_token(), AF_JSON_END);
    assert_true(reader.number == 2.5);
    af_buf_append_string(&buf, " ");
    assert_int_equal(last_token(), AF_JSON_END);
    assert_true(reader.number == 2.5);
}

/* ---- Keys. ---- */

/* Appends an open object of the keys k0 … k<count-1>. */
static void append_keys(size_t count, const char *value)
{
    for (size_t i = 0; i < count; i++)
        af_buf_printf(&buf, "%c\"k%zu\":%s", i > 0 ? ',' : '{', i, value);
}

/* The object grows from one that is searched to one with a table, which grows in turn. The second
 * one is written plainly or with an escape, and in every place. */
static void test_a_key_that_comes_twice_is_found_wherever_it_is(void **state)
{
    (void)state;
    for (size_t count = 1; count < 140; count++) {
        for (size_t twice = 0; twice <= count; twice++) {
            af_buf_clear(&buf);
            append_keys(count, twice % 2 > 0 ? "1" : "{\"k0\":1}");
            size_t offset = buf.len + 1;
            af_buf_printf(&buf, ",\"%s%zu\":2}", twice % 3 > 0 ? "k" : "\\u006b", twice);
            if (twice < count)
                assert_error("a key for the second time", offset);
            else
                assert_int_equal(last_token(), AF_JSON_END);
        }
    }
}

static void test_escaped_keys_are_kept_while_their_object_is_open(void **state)
{
    (void)state;
    af_buf_clear(&buf);
    for (size_t i = 0; i < 100; i++)
        af_buf_printf(&buf, "%c\"\\u006b%zu\":[\"\\n\",{\"\\u006b%zu\":\"\\t\",\"\\n\":{}}]",
                      i > 0 ? ',' : '{', i, i);
    size_t len = buf.len;
    af_buf_append_string(&buf, "}");
    assert_int_equal(last_token(), AF_JSON_END);
    for (size_t i = 0; i < 100; i++) {
        buf.len = len;
        af_buf_printf(&buf, ",\"k%zu\":1}", i);
        assert_error("a key for the second time", len + 1);
    }
}

/* Tables of open objects lie behind each other, and an outer one is used again after an inner. */
static void test_large_objects_in_large_objects(void **state)
{
    (void)state;
    char *inner;
    af_buf_clear(&buf);
    append_keys(100, "1");
    af_buf_append_string(&buf, "}");
    inner = af_buf_take(&buf);
    append_keys(60, inner);
    size_t len = buf.len;
    af_buf_append_string(&buf, ",\"last\":");
    append_keys(50, inner);
    af_buf_append_string(&buf, "}}");
    assert_int_equal(last_token(), AF_JSON_END);
    for (size_t i = 0; i < 60; i++) {
        buf.len = len;
        af_buf_printf(&buf, ",\"k%zu\":1}", i);
        assert_error("a key for the second time", len + 1);
    }
    free(inner);
}

/* Two million keys: a search for each would take hours. */
static void test_a_huge_object_is_read_in_time(void **state)
{
    (void)state;
    af_buf_clear(&buf);
    af_buf_append_char(&buf, '{');
    for (unsigned i = 0; buf.len < AF_JSON_BYTES_MAX - 16; i++)
        af_buf_printf(&buf, "%s\"%x\":1", i > 0 ? "," : "", i);
    size_t len = buf.len;
    clock_t start = clock();
    af_buf_append_string(&buf, "}");
    assert_int_equal(last_token(), AF_JSON_END);
    buf.len = len;
    af_buf_append_string(&buf, ",\"abcd\":1}");
    assert_error("a key for the second time", len + 1);
    assert_true((clock() - start) / CLOCKS_PER_SEC < 30);
}

/* ---- Skipping. ---- */

static void test_skipping_stops_behind_the_value(void **state)
{
    (void)state;
    static const char *const values[] = {
        "1",
        "-2.5",
        "true",
        "null",
        "\"a\\n\"",
        "[]",
        "{}",
        "[1,[2],{\"a\":[]}]",
        "{\"z\":{\"z\":[]}}",
    };
    for (size_t i = 0; i < COUNT(values); i++) {
        for (int by_key = 0; by_key < 2; by_key++) {
            af_buf_clear(&buf);
            af_buf_printf(&buf, "{\"a\":%s,\"z\":7}", values[i]);
            af_json_reader_restart(&reader, buf.data, buf.len);
            af_json_next(&reader);
            enum af_json_token token = af_json_next(&reader);
            assert_int_equal(token, AF_JSON_KEY);
            assert_true(af_json_skip(&reader, by_key ? token : af_json_next(&reader)));
            assert_int_equal(reader.depth, 1);
            assert_int_equal(af_json_next(&reader), AF_JSON_KEY);
            assert_memory_equal(reader.string, "z", reader.string_len);
            assert_int_equal(af_json_next(&reader), AF_JSON_INTEGER);
            assert_int_equal(af_json_next(&reader), AF_JSON_OBJECT_END);
            assert_int_equal(af_json_next(&reader), AF_JSON_END);
        }
    }
}

static void test_skipping_is_as_strict_as_reading(void **state)
{
    (void)state;
    static const char *const texts[] = {"[1,]", "[[[}", "{\"a\":1,\"a\":2}", "[\"\xff\"]", "[1e]",
                                        "nul",  "",     "[\"\\ud8\"]",       "1e999"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        af_json_reader_restart(&reader, texts[i], strlen(texts[i]));
        assert_false(af_json_skip(&reader, af_json_next(&reader)));
        assert_non_null(reader.message);
    }
}

static void test_what_is_only_skipped_need_not_mean_anything_to_us(void **state)
{
    (void)state;
    static const char *const texts[] = {"[1e999]", "[123456789012345678901234567890]",
                                        "[\"\\ud800\",{\"\\udc00\":[-1e999]}]"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        af_json_reader_restart(&reader, texts[i], strlen(texts[i]));
        assert_true(af_json_skip(&reader, af_json_next(&reader)));
        assert_int_equal(af_json_next(&reader), AF_JSON_END);
        af_json_reader_restart(&reader, texts[i], strlen(texts[i]));
        while (af_json_next(&reader) > AF_JSON_END)
            ;
        assert_non_null(reader.message); /* read, it is wrong */
    }
}

/* ---- The life of a reader. ---- */

static void test_an_end_or_error_stays(void **state)
{
    (void)state;
    af_json_reader_restart(&reader, "[1 2", 4);
    assert_int_equal(af_json_next(&reader), AF_JSON_ARRAY_BEGIN);
    assert_int_equal(af_json_next(&reader), AF_JSON_INTEGER);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(af_json_next(&reader), AF_JSON_ERROR);
        assert_string_equal(reader.message, "expected ',' or ']'");
        assert_int_equal(reader.offset, 3);
    }
    af_json_reader_restart(&reader, " 1 ", 3);
    assert_int_equal(af_json_next(&reader), AF_JSON_INTEGER);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(af_json_next(&reader), AF_JSON_END);
        assert_int_equal(reader.offset, 3);
    }
}

static void test_offsets_are_those_of_the_tokens(void **state)
{
    (void)state;
    const char *text = " { \"a\" : [ 1 , \"\\n\" ] }";
    static const size_t offsets[] = {1, 3, 9, 11, 15, 20, 22};
    af_json_reader_restart(&reader, text, strlen(text));
    for (size_t i = 0; i < COUNT(offsets); i++) {
        assert_true(af_json_next(&reader) > AF_JSON_END);
        assert_int_equal(reader.offset, offsets[i]);
    }
}

/* Whatever a text left behind, half read, must not be seen by the next. */
static void test_a_restarted_reader_is_like_a_new_one(void **state)
{
    (void)state;
    struct af_json_reader other;
    af_buf_clear(&buf);
    append_keys(50, "[{\"\\u0061\":\"\\n\"}]");
    memset(&other, 0, sizeof other);
    for (size_t tokens = 0; tokens < 150; tokens++) {
        af_json_reader_restart(&other, buf.data, buf.len);
        for (size_t i = 0; i < tokens; i++)
            af_json_next(&other);
        af_json_reader_restart(&other, "{\"k0\":1,\"a\":{}}", 15);
        assert_true(af_json_skip(&other, af_json_next(&other)));
        assert_int_equal(af_json_next(&other), AF_JSON_END);
    }
    af_json_reader_release(&other);
}

/* What belongs to an object goes with it, and what a text left goes with the next: else a reader
 * that is kept for years grows. */
static void test_memory_is_that_of_what_is_open(void **state)
{
    (void)state;
    struct af_json_reader other;
    af_buf_clear(&buf);
    append_keys(30, "{\"\\u0061\":0}");
    af_buf_append_string(&buf, ",\"\\u0062\":0");
    af_json_reader_init(&other, buf.data, buf.len);
    for (int i = 0; i < 2000; i++) {
        af_json_reader_restart(&other, buf.data, buf.len);
        while (af_json_next(&other) > AF_JSON_END)
            continue;
    }
    af_buf_append_string(&buf, ",\"z\":[");
    for (int i = 0; i < 2000; i++) {
        append_keys(30, "{\"\\u0061\":0}");
        af_buf_append_string(&buf, "},");
    }
    af_buf_append_string(&buf, "0]}");
    af_json_reader_restart(&other, buf.data, buf.len);
    assert_true(af_json_skip(&other, af_json_next(&other)));
    assert_true(other.key_cap <= 64);
    assert_true(other.slot_cap <= 256);
    assert_true(other.unescaped.cap <= 64);
    af_json_reader_release(&other);
}

static void test_a_released_reader_can_be_started_again(void **state)
{
    (void)state;
    struct af_json_reader other;
    af_json_reader_init(&other, "{\"\\u0061\":1}", 12);
    assert_true(af_json_skip(&other, af_json_next(&other)));
    af_json_reader_release(&other);
    assert_int_equal(af_json_next(&other), AF_JSON_ERROR);
    af_json_reader_release(&other);
    af_json_reader_init(&other, NULL, 0);
    assert_int_equal(af_json_next(&other), AF_JSON_ERROR);
    af_json_reader_restart(&other, "{\"\\u0061\":1}", 12);
    assert_true(af_json_skip(&other, af_json_next(&other)));
    af_json_reader_release(&other);
}

static int release(void **state)
{
    (void)state;
    af_json_reader_release(&reader);
    af_buf_release(&buf);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_depth_is_of_what_is_open),
        cmocka_unit_test(test_depth_is_told_of_a_text),
        cmocka_unit_test(test_size_is_bounded),
        cmocka_unit_test(test_a_number_may_be_as_long_as_the_text),
        cmocka_unit_test(test_a_key_that_comes_twice_is_found_wherever_it_is),
        cmocka_unit_test(test_escaped_keys_are_kept_while_their_object_is_open),
        cmocka_unit_test(test_large_objects_in_large_objects),
        cmocka_unit_test(test_a_huge_object_is_read_in_time),
        cmocka_unit_test(test_skipping_stops_behind_the_value),
        cmocka_unit_test(test_skipping_is_as_strict_as_reading),
        cmocka_unit_test(test_what_is_only_skipped_need_not_mean_anything_to_us),
        cmocka_unit_test(test_an_end_or_error_stays),
        cmocka_unit_test(test_offsets_are_those_of_the_tokens),
        cmocka_unit_test(test_a_restarted_reader_is_like_a_new_one),
        cmocka_unit_test(test_memory_is_that_of_what_is_open),
        cmocka_unit_test(test_a_released_reader_can_be_started_again),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
