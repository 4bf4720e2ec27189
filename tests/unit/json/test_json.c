/* test_json.c: the grammar and the numbers of runtime/json/json.h; json/test_strings.c and
 * json/test_limits.c have the rest, and json/test_oracle.c compares all with jansson.
 *
 * Each text is copied into memory of just its size, so that reading beyond it is noticed. */
#include "json/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct af_json_reader reader; /* restarted by each test, as a node does for each message */
static struct af_buf seen;

/* The tokens of a text in a line, an error as !message@offset. */
static const char *tokens_of_bytes(const char *text, size_t len)
{
    static const char *const marks[] = {
        [AF_JSON_OBJECT_BEGIN] = "{", [AF_JSON_OBJECT_END] = "}", [AF_JSON_ARRAY_BEGIN] = "[",
        [AF_JSON_ARRAY_END] = "]",    [AF_JSON_TRUE] = "true",    [AF_JSON_FALSE] = "false",
        [AF_JSON_NULL] = "null",      [AF_JSON_END] = ".",
    };
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    af_buf_clear(&seen);
    af_json_reader_restart(&reader, copy, len);
    for (enum af_json_token token = AF_JSON_NULL; token > AF_JSON_END;) {
        token = af_json_next(&reader);
        if (token == AF_JSON_ERROR)
            af_buf_printf(&seen, "!%s@%zu ", reader.message, reader.offset);
        else if (token == AF_JSON_KEY || token == AF_JSON_STRING)
            af_buf_printf(&seen, "%c<%.*s> ", token == AF_JSON_KEY ? 'k' : 's',
                          (int)reader.string_len, reader.string);
        else if (token == AF_JSON_INTEGER)
            af_buf_printf(&seen, "i%lld ", (long long)reader.integer);
        else if (token == AF_JSON_DOUBLE)
            af_buf_printf(&seen, "d%.17g ", reader.number);
        else
            af_buf_printf(&seen, "%s ", marks[token]);
    }
    free(copy);
    seen.len--; /* the last space */
    return af_buf_text(&seen);
}

static const char *tokens_of(const char *text)
{
    return tokens_of_bytes(text, strlen(text));
}

static void test_what_is_json(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"null", "null ."},
        {" \t\r\n true \t\r\n ", "true ."},
        {"false", "false ."},
        {"\"\"", "s<> ."},
        {"[]", "[ ] ."},
        {"{}", "{ } ."},
        {" [ ] ", "[ ] ."},
        {" { } ", "{ } ."},
        {"[1,[2,[]],3]", "[ i1 [ i2 [ ] ] i3 ] ."},
        {"{\"a\":1,\"b\":{\"a\":[]},\"c\":null}", "{ k<a> i1 k<b> { k<a> [ ] } k<c> null } ."},
        {"[ { \"a\" : [ true , false ] , \"\" : { } } , \"x\" ]",
         "[ { k<a> [ true false ] k<> { } } s<x> ] ."},
        {"[{\"a\":1},{\"a\":2}]", "[ { k<a> i1 } { k<a> i2 } ] ."},
        {"\"\\\"\\\\\\/\\u00e9\\u4e2d\\ud83d\\ude00\"", "s<\"\\/\u00e9\u4e2d\U0001f600> ."},
        {"\"\\b\\f\\n\\r\\t\"", "s<\b\f\n\r\t> ."},
        {"\"\x7f\u2028\uffff\U0010ffff\"", "s<\x7f\u2028\uffff\U0010ffff> ."},
        {"\"\\uABcd\"", "s<\uabcd> ."},
        {"{\"\\u0061\":1,\"\\u0062c\":\"\\u0064\",\"d\":2}", "{ k<a> i1 k<bc> s<d> k<d> i2 } ."},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(tokens_of(rows[i][0]), rows[i][1]);
}

static void test_what_is_not_json(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "!the text ends too early@0"},
        {"  ", "!the text ends too early@2"},
        {"[", "[ !the text ends too early@1"},
        {"{", "{ !the text ends too early@1"},
        {"[1", "[ i1 !the text ends too early@2"},
        {"[1,", "[ i1 !the text ends too early@3"},
        {"{\"a\"", "{ !the text ends too early@4"},
        {"{\"a\":", "{ k<a> !the text ends too early@5"},
        {"{\"a\":1", "{ k<a> i1 !the text ends too early@6"},
        {"{\"a\":1, ", "{ k<a> i1 !the text ends too early@8"},
        {"]", "!expected a value@0"},
        {"}", "!expected a value@0"},
        {"'a'", "!expected a value@0"},
        {"nul", "!expected a value@0"},
        {"nulL", "!expected a value@0"},
        {"True", "!expected a value@0"},
        {"NaN", "!expected a value@0"},
        {"Infinity", "!expected a value@0"},
        {"\xef\xbb\xbf[]", "!expected a value@0"},
        {"[,1]", "[ !expected a value or ']'@1"},
        {"[1,]", "[ i1 !expected a value@3"},
        {"[1 2]", "[ i1 !expected ',' or ']'@3"},
        {"[1}", "[ i1 !expected ',' or ']'@2"},
        {"[}", "[ !expected a value or ']'@1"},
        {"[1:2]", "[ i1 !expected ',' or ']'@2"},
        {"[nullnull]", "[ null !expected ',' or ']'@5"},
        {"{]", "{ !expected a key or '}'@1"},
        {"{1:2}", "{ !expected a key or '}'@1"},
        {"{,}", "{ !expected a key or '}'@1"},
        {"{\"a\" 1}", "{ !expected ':'@5"},
        {"{\"a\":}", "{ k<a> !expected a value@5"},
        {"{\"a\":1,}", "{ k<a> i1 !expected a key@7"},
        {"{\"a\":1]", "{ k<a> i1 !expected ',' or '}'@6"},
        {"{\"a\":1 \"b\":2}", "{ k<a> i1 !expected ',' or '}'@7"},
        {"1 2", "i1 !something follows the value@2"},
        {"[]]", "[ ] !something follows the value@2"},
        {"{} // comment", "{ } !something follows the value@3"},
        {"/**/1", "!expected a value@0"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(tokens_of(rows[i][0]), rows[i][1]);
}

static void test_what_is_no_string_or_key(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"\"a", "!a string without its closing quote@2"},
        {"\"a\\", "!no such escape@2"},
        {"\"a\\\"", "!a string without its closing quote@4"},
        {"\"\\x41\"", "!no such escape@1"},
        {"\"\\'\"", "!no such escape@1"},
        {"\"\\\xc3\xa9\"", "!no such escape@1"},
        {"\"\\u12\"", "!\\u needs four hexadecimal digits@1"},
        {"\"\\u12g4\"", "!\\u needs four hexadecimal digits@1"},
        {"\"\\u", "!\\u needs four hexadecimal digits@1"},
        {"\"\\u+123\"", "!\\u needs four hexadecimal digits@1"},
        {"\"abc\\ud800\"", "!half a surrogate pair@4"},
        {"\"\\udc00\\ud800\"", "!half a surrogate pair@1"},
        {"\"\\ud800\\u0041\"", "!half a surrogate pair@1"},
        {"\"\\ud800\\n\"", "!half a surrogate pair@1"},
        {"\"\\ud800\\udc0", "!half a surrogate pair@1"},
        {"\"a\tb\"", "!a control character in a string@2"},
        {"\"\\n\n\"", "!a control character in a string@3"},
        {"\"abc\xff\"", "!invalid UTF-8 in a string@4"},
        {"{\"a\xc3\":1}", "{ !invalid UTF-8 in a string@3"},
        {"{\"a\":1,\"a\":2}", "{ k<a> i1 !a key for the second time@7"},
        {"{\"\":1,\"\":2}", "{ k<> i1 !a key for the second time@6"},
        {"{\"a\":1,\"\\u0061\":2}", "{ k<a> i1 !a key for the second time@7"},
        {"{\"\\u0061\":1,\"a\":2}", "{ k<a> i1 !a key for the second time@12"},
        {"{\"\\n\":{\"x\":\"\\n\"},\"\\u000a\":2}",
         "{ k<\n> { k<x> s<\n> } !a key for the second time@17"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(tokens_of(rows[i][0]), rows[i][1]);
}

static void test_a_raw_nul_is_not_json(void **state)
{
    (void)state;
    assert_string_equal(tokens_of_bytes("1\0", 2), "i1 !something follows the value@1");
    assert_string_equal(tokens_of_bytes("\0", 1), "!expected a value@0");
    assert_string_equal(tokens_of_bytes("\"\0\"", 3), "!a control character in a string@1");
}

/* ---- Numbers. ---- */

static void test_numbers(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"0", "i0 ."},
        {"-0", "i0 ."},
        {"-1", "i-1 ."},
        {"1234567890", "i1234567890 ."},
        {"9223372036854775807", "i9223372036854775807 ."},
        {"-9223372036854775808", "i-9223372036854775808 ."},
        {"9223372036854775808", "!an integer beyond 64 bits@0"},
        {"-9223372036854775809", "!an integer beyond 64 bits@0"},
        {"[18446744073709551616]", "[ !an integer beyond 64 bits@1"},
        {"100000000000000000000000000000", "!an integer beyond 64 bits@0"},
        {"0.0", "d0 ."},
        {"-0.0", "d-0 ."},
        {"-0e0", "d-0 ."},
        {"1.0", "d1 ."},
        {"1e0", "d1 ."},
        {"1E+2", "d100 ."},
        {"-2.5e-1", "d-0.25 ."},
        {"[1.5]", "[ d1.5 ] ."},
        {"9223372036854775808.0", "d9.2233720368547758e+18 ."},
        {"9007199254740993.0", "d9007199254740992 ."},
        {"9007199254740993.00000000000000000000001", "d9007199254740994 ."},
        {"0.1234567890123456789012345678901234567890", "d0.12345678901234568 ."},
        {"4.9406564584124654e-324", "d4.9406564584124654e-324 ."},
        {"1e-400", "d0 ."},
        {"0e99999999999999999999", "d0 ."},
        {"1.7976931348623157e308", "d1.7976931348623157e+308 ."},
        {"1.8e308", "!a number beyond the range of a double@0"},
        {"[-1e999]", "[ !a number beyond the range of a double@1"},
        {"1e99999999999999999999", "!a number beyond the range of a double@0"},
        {"-", "!expected a digit@1"},
        {"-a", "!expected a digit@1"},
        {"+1", "!expected a value@0"},
        {".5", "!expected a value@0"},
        {"1.", "!expected a digit@2"},
        {"1.e5", "!expected a digit@2"},
        {"1e", "!expected a digit@2"},
        {"1e+", "!expected a digit@3"},
        {"1e+-1", "!expected a digit@3"},
        {"1.5.5", "d1.5 !something follows the value@3"},
        {"01", "!a number that starts with 0@0"},
        {"-01", "!a number that starts with 0@1"},
        {"00", "!a number that starts with 0@0"},
        {"0x10", "i0 !something follows the value@1"},
        {"1_000", "i1 !something follows the value@1"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(tokens_of(rows[i][0]), rows[i][1]);
}

/* The C library, which reads some of them, would not stop there. */
static void test_a_number_ends_with_the_text(void **state)
{
    (void)state;
    af_json_reader_restart(&reader, "2.5e10", 5);
    assert_int_equal(af_json_next(&reader), AF_JSON_DOUBLE);
    assert_true(reader.number == 25);
    af_json_reader_restart(&reader, "12", 1);
    assert_int_equal(af_json_next(&reader), AF_JSON_INTEGER);
    assert_int_equal(reader.integer, 1);
    assert_int_equal(af_json_next(&reader), AF_JSON_END);
}

static void test_integers_come_back(void **state)
{
    (void)state;
    struct af_buf buf = AF_BUF_EMPTY;
    for (int bit = 0; bit < 64; bit++) {
        for (uint64_t near = 0; near < 3; near++) {
            int64_t value = (int64_t)((UINT64_C(1) << bit) + near - 1);
            char expected[32];
            snprintf(expected, sizeof expected, "%lld", (long long)value);
            af_buf_clear(&buf);
            af_json_write_integer(&buf, value);
            assert_string_equal(af_buf_text(&buf), expected);
            snprintf(expected, sizeof expected, "i%lld .", (long long)value);
            assert_string_equal(tokens_of(af_buf_text(&buf)), expected);
        }
    }
    af_buf_release(&buf);
}

static void test_doubles_are_written_short(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {-1.5, "-1.5"},
        {100, "100.0"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {0.0001, "0.0001"},
        {-0.00015, "-0.00015"},
        {0.00001, "1e-05"},
        {1.005, "1.005"},
        {12.000001, "12.000001"},
        {99999999.99, "99999999.99"},
        {123456789012345.6, "123456789012345.6"},
        {1e15, "1000000000000000.0"},
        {1e15 + 0.5, "1000000000000000.5"},
        {9007199254740991.0, "9007199254740991.0"},
        {9007199254740992.0, "9007199254740992.0"},
        {-9007199254740994.0, "-9007199254740994.0"},
        {1e16, "1e+16"},
        {1e22, "1e+22"},
        {1e300, "1e+300"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {2.2250738585072009e-308, "2.225073858507201e-308"},
        {5e-324, "5e-324"},
        {1e-323, "1e-323"},
    };
    struct af_buf buf = AF_BUF_EMPTY;
    for (size_t i = 0; i < COUNT(rows); i++) {
        af_buf_clear(&buf);
        assert_true(af_json_write_double(&buf, rows[i].value));
        assert_string_equal(af_buf_text(&buf), rows[i].text);
        tokens_of(rows[i].text);
        assert_memory_equal(&reader.number, &rows[i].value, sizeof reader.number);
    }
    af_buf_release(&buf);
}

static void test_what_is_no_number_is_not_written(void **state)
{
    (void)state;
    struct af_buf buf = AF_BUF_EMPTY;
    af_buf_append_string(&buf, "[");
    assert_false(af_json_write_double(&buf, NAN));
    assert_false(af_json_write_double(&buf, INFINITY));
    assert_false(af_json_write_double(&buf, -INFINITY));
    assert_string_equal(af_buf_text(&buf), "[");
    af_buf_release(&buf);
}

static int release(void **state)
{
    (void)state;
    af_json_reader_release(&reader);
    af_buf_release(&seen);
    return 0;
}

/* ---- Members and items. ---- */

static void test_a_member_has_the_comma_that_it_needs(void **state)
{
    (void)state;
    struct af_buf out = AF_BUF_EMPTY;
    af_json_open(&out, '[');
    for (int i = 0; i < 2; i++) {
        af_json_open(&out, '{');
        af_json_add_integer(&out, "n", i);
        af_json_add_text(&out, "text", "{");
        af_json_name(&out, "list");
        af_json_open(&out, '[');
        af_buf_append_string(&out, "]}");
    }
    af_buf_append_char(&out, ']');
    assert_string_equal(af_buf_text(&out), "[{\"n\":0,\"text\":\"{\",\"list\":[]},"
                                           "{\"n\":1,\"text\":\"{\",\"list\":[]}]");
    af_buf_release(&out);
}

static void test_a_text_of_anybody_is_always_written(void **state)
{
    (void)state;
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_append_char(&out, '{');
    af_json_add_text(&out, "none", NULL);
    af_json_add_text(&out, "broken", "a\xFFz");
    af_json_add_text(&out, "quoted", "\"");
    assert_string_equal(af_buf_text(&out),
                        "{\"none\":null,\"broken\":\"(not valid UTF-8)\",\"quoted\":\"\\\"\"");
    af_buf_release(&out);
}

static void test_plain_pieces_are_what_the_reader_reads(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
        int behind; /* bytes of it; -1: no plain one */
    } integers[] = {
        {"0,", 0, 1},
        {"-0]", 0, 2},
        {"-17}", -17, 3},
        {"999999999999999999", 999999999999999999, 18},
        {"1000000000000000000", 0, -1},
        {"01", 0, -1},
        {"1.5", 0, -1},
        {"1e3", 0, -1},
        {"-", 0, -1},
        {"", 0, -1},
        {"\"1\"", 0, -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        const char *text = integers[i].text;
        int64_t value = 0;
        const char *behind = af_json_plain_integer(text, text + strlen(text), &value);
        assert_int_equal(behind == NULL ? -1 : behind - text, integers[i].behind);
        assert_int_equal(value, integers[i].value);
    }
    static const struct {
        const char *text;
        int behind;
    } strings[] = {
        {"\"\",", 2},
        {"\"some plain text\"", 17},
        {"\"caf\xC3\xA9\"", 7},
        {"\"open", -1},
        {"bare", -1},
        {"\"a\\n\"", -1},
        {"\"bad \xFF\"", -1},
        {"\"\x01\"", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        const char *text = strings[i].text;
        const char *behind = af_json_plain_string(text, text + strlen(text));
        assert_int_equal(behind == NULL ? -1 : behind - text, strings[i].behind);
    }
}

static void test_members_and_items_have_their_commas(void **state)
{
    static const char *const items[] = {"a", "\"", "\xff"};
    struct af_buf buf = AF_BUF_EMPTY;
    (void)state;
    af_json_open(&buf, '{');
    af_json_add_bool(&buf, "yes", true);
    af_json_add_json(&buf, "none", NULL);
    af_json_add_json(&buf, "list", "[1,2]");
    af_json_add_texts(&buf, "texts", items, 3);
    af_json_add_texts(&buf, "empty", NULL, 0);
    af_json_begin(&buf, "inner", '[');
    af_json_open(&buf, '{');
    af_json_add_text(&buf, "comma", ",");
    af_buf_append_char(&buf, '}');
    af_json_item(&buf, NULL);
    af_buf_append_string(&buf, "]}");
    assert_string_equal(af_buf_text(&buf),
                        "{\"yes\":true,\"none\":null,\"list\":[1,2],\"texts\":[\"a\",\"\\\"\","
                        "\"(not valid UTF-8)\"],\"empty\":[],\"inner\":[{\"comma\":\",\"},null]}");
    af_buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_and_items_have_their_commas),
        cmocka_unit_test(test_what_is_json),
        cmocka_unit_test(test_what_is_not_json),
        cmocka_unit_test(test_what_is_no_string_or_key),
        cmocka_unit_test(test_a_raw_nul_is_not_json),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_a_number_ends_with_the_text),
        cmocka_unit_test(test_integers_come_back),
        cmocka_unit_test(test_doubles_are_written_short),
        cmocka_unit_test(test_what_is_no_number_is_not_written),
        cmocka_unit_test(test_a_member_has_the_comma_that_it_needs),
        cmocka_unit_test(test_a_text_of_anybody_is_always_written),
        cmocka_unit_test(test_plain_pieces_are_what_the_reader_reads),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
