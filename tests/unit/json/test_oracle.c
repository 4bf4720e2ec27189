/* test_oracle.c: random documents and doubles, judged by jansson; see ../lib/json_oracle.h.
 *
 * AF_TEST_DOCUMENTS says how many documents (default 20000). Each is generated from its number, so
 * that a failure can be looked at again. */
#include "lib/json_oracle.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define DEPTH_MAX 6

static struct af_json_reader reader;

static uint64_t document_count(void)
{
    const char *count = getenv("AF_TEST_DOCUMENTS");
    return count == NULL ? 20000 : strtoull(count, NULL, 10);
}

/* ---- Documents. ---- */

static const char *pick(struct af_rng *rng, const char *const *items, size_t count)
{
    return items[af_rng_below(rng, count)];
}

static void add_space(struct af_buf *to, struct af_rng *rng)
{
    static const char *const spaces[] = {"", "", "", "", " ", "\n", "\t\r\n  "};
    af_buf_append_string(to, pick(rng, spaces, COUNT(spaces)));
}

static void add_number(struct af_buf *to, struct af_rng *rng)
{
    static const char *const numbers[] = {
        "0",    "-0",     "-0.0",  "0e0",    "1e22",   "1e23",   "1E-7",  "9007199254740993.0",
        "2e-3", "5e-324", "1e308", "1e-400", "1e+400", "-1.5e9", "0.001", "9223372036854775808",
    };
    uint64_t bits = af_rng_next(rng) >> af_rng_below(rng, 64);
    double number;
    switch (af_rng_below(rng, 5)) {
    case 0:
        af_buf_printf(to, "%lld", (long long)bits);
        break;
    case 1:
        af_buf_printf(to, "%lld.%llue%d", (long long)(bits >> 1) * (bits % 2 > 0 ? 1 : -1),
                      (unsigned long long)af_rng_next(rng), (int)af_rng_below(rng, 700) - 350);
        break;
    case 2:
        af_buf_printf(to, "%llu.%0*u", (unsigned long long)af_rng_below(rng, 1000),
                      (int)af_rng_below(rng, 30) + 1, (unsigned)af_rng_below(rng, 100));
        break;
    case 3:
        bits = af_rng_next(rng);
        memcpy(&number, &bits, sizeof number);
        if (!af_json_write_double(to, number))
            af_buf_append_string(to, "1");
        break;
    default:
        af_buf_append_string(to, pick(rng, numbers, COUNT(numbers)));
    }
}

/* A string with its quotes, of characters and escapes, few of them not allowed. */
static void add_string(struct af_buf *to, struct af_rng *rng, size_t parts_max)
{
    static const char *const parts[] = {
        "a",       "b",    "key",     "some plain text", "\u00e9",     "\u4e2d\u6587", "\\n",
        "\\\"",    "\\\\", "\\u0041", "\\ud83d\\ude00",  "\U0001f600", "\\u00e9",      "\\/",
        "\\u0000", "\x7f", " ",       "0123456789",
    };
    static const char *const wrongs[] = {"\\ud83d", "\\x", "\n", "\xff", "\xed\xa0\x80", "\\u12"};
    af_buf_append_char(to, '"');
    for (uint64_t i = af_rng_below(rng, parts_max + 1); i > 0; i--)
        af_buf_append_string(to, pick(rng, parts, COUNT(parts)));
    if (af_rng_below(rng, 500) == 0)
        af_buf_append_string(to, pick(rng, wrongs, COUNT(wrongs)));
    af_buf_append_char(to, '"');
}

static void add_key(struct af_buf *to, struct af_rng *rng, uint64_t place)
{
    if (af_rng_below(rng, 8) == 0) { /* perhaps one that is there */
        add_string(to, rng, 2);
    } else {
        af_buf_printf(to, "\"%s%llu\"", af_rng_below(rng, 4) > 0 ? "k" : "\\u006b",
                      (unsigned long long)place);
    }
    add_space(to, rng);
    af_buf_append_char(to, ':');
}

static void add_value(struct af_buf *to, struct af_rng *rng, int depth)
{
    static const char *const words[] = {"true", "false", "null"};
    uint64_t kind = af_rng_below(rng, depth < DEPTH_MAX ? 7 : 4);
    add_space(to, rng);
    if (kind < 2) {
        add_number(to, rng);
    } else if (kind == 2) {
        add_string(to, rng, 8);
    } else if (kind == 3) {
        af_buf_append_string(to, pick(rng, words, COUNT(words)));
    } else {
        bool is_object = kind < 6;
        uint64_t count = af_rng_below(rng, af_rng_below(rng, 20) == 0 ? 60 : 5);
        af_buf_append_char(to, is_object ? '{' : '[');
        add_space(to, rng);
        for (uint64_t i = 0; i < count; i++) {
            if (i > 0)
                af_buf_append_char(to, ',');
            add_space(to, rng);
            if (is_object)
                add_key(to, rng, i);
            add_value(to, rng, count > 10 ? DEPTH_MAX : depth + 1);
        }
        af_buf_append_char(to, is_object ? '}' : ']');
    }
    add_space(to, rng);
}

/* Changes a few bytes: removes, repeats, replaces or swaps them. */
static void mutate(struct af_buf *text, struct af_rng *rng)
{
    static const char bytes[] = "{}[]:,\"\\0123456789.eE+-tfnu \n\t\x80\xc3\xff";
    for (uint64_t i = af_rng_below(rng, 3) + 1; i > 0 && text->len > 1; i--) {
        size_t at = af_rng_below(rng, text->len);
        size_t other = af_rng_below(rng, text->len);
        char byte = text->data[at];
        switch (af_rng_below(rng, 4)) {
        case 0:
            memmove(text->data + at, text->data + at + 1, --text->len - at);
            break;
        case 1:
            text->data[at] = bytes[af_rng_below(rng, sizeof bytes - 1)];
            break;
        case 2:
            text->data[at] = text->data[other];
            text->data[other] = byte;
            break;
        default:
            af_buf_append_char(text, byte);
            memmove(text->data + at + 1, text->data + at, text->len - at - 1);
        }
    }
}

/* Compares a copy of just its size, so that reading beyond it is noticed. */
static bool compare(const struct af_buf *text, uint64_t number)
{
    bool is_accepted;
    char *copy = malloc(text->len + 1);
    assert_non_null(copy);
    char *exact = copy + 1; /* not aligned either */
    memcpy(exact, text->data, text->len);
    const char *difference = oracle_compare(&reader, exact, text->len, &is_accepted);
    if (difference != NULL)
        fail_msg("document %llu: %s\n%.*s", (unsigned long long)number, difference, (int)text->len,
                 exact);
    free(copy);
    return is_accepted;
}

static void test_jansson_agrees_on_documents(void **state)
{
    (void)state;
    struct af_buf text = AF_BUF_EMPTY;
    uint64_t accepted_count = 0, mutants_accepted_count = 0, count = document_count();
    for (uint64_t number = 0; number < count; number++) {
        struct af_rng rng;
        af_rng_init(&rng, number, "document");
        af_buf_clear(&text);
        add_value(&text, &rng, 0);
        accepted_count += compare(&text, number);
        mutate(&text, &rng);
        mutants_accepted_count += compare(&text, number);
    }
    /* Else the test has become one of refusing, or of accepting, alone. */
    assert_true(accepted_count >= count / 2);
    assert_true(count < 1000 || mutants_accepted_count >= count / 20);
    assert_true(count < 1000 || mutants_accepted_count <= count - count / 20);
    af_buf_release(&text);
}

/* What jansson writes of what it read is the same value to us. */
static void test_we_read_what_jansson_writes(void **state)
{
    (void)state;
    struct af_buf text = AF_BUF_EMPTY;
    for (uint64_t number = 0; number < document_count(); number++) {
        struct af_rng rng;
        af_rng_init(&rng, number, "jansson");
        af_buf_clear(&text);
        add_value(&text, &rng, 0);
        json_t *value = json_loadb(text.data, text.len, ORACLE_FLAGS, NULL);
        size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(17);
        flags |= number % 2 > 0 ? JSON_COMPACT : JSON_INDENT(2);
        flags |= number % 3 > 0 ? JSON_ENSURE_ASCII : JSON_ESCAPE_SLASH;
        char *written = value == NULL ? NULL : json_dumps(value, flags);
        if (written != NULL) {
            const char *difference = oracle_compare_text(&reader, written, strlen(written), value);
            if (difference != NULL)
                fail_msg("document %llu: %s\n%s", (unsigned long long)number, difference, written);
        }
        free(written);
        json_decref(value);
    }
    af_buf_release(&text);
}

static void test_jansson_agrees_on_strings(void **state)
{
    (void)state;
    static const char bytes[] = "ab\"\\\n\x7f\x80\xbf\xc3\xa9\xe4\xb8\xad\xed\xf0\x9f\x98\x80\xf4";
    for (uint64_t number = 0; number < document_count(); number++) {
        struct af_rng rng;
        char text[40];
        af_rng_init(&rng, number, "string");
        size_t len = af_rng_below(&rng, sizeof text + 1);
        for (size_t i = 0; i < len; i++)
            text[i] = bytes[af_rng_below(&rng, number % 2 > 0 ? 3 : sizeof bytes - 1)];
        const char *difference = oracle_compare_string(text, len);
        if (difference != NULL)
            fail_msg("string %llu: %s", (unsigned long long)number, difference);
    }
}

/* ---- Doubles. ---- */

static void check_double(double number)
{
    const char *difference = oracle_compare_double(number);
    if (difference != NULL)
        fail_msg("%.17g: %s", number, difference);
}

/* A text read by us and by the C library. */
static void check_double_text(const char *text)
{
    double expected = strtod(text, NULL);
    af_json_reader_restart(&reader, text, strlen(text));
    enum af_json_token token = af_json_next(&reader);
    if (expected - expected != 0
            ? token != AF_JSON_ERROR
            : token != AF_JSON_DOUBLE || !oracle_same_double(reader.number, expected))
        fail_msg("%s is read as %.17g", text, reader.number);
}

static void test_random_doubles_come_back(void **state)
{
    (void)state;
    struct af_rng rng;
    af_rng_init(&rng, 1, "doubles");
    for (uint64_t i = 0; i < document_count(); i++) {
        uint64_t bits = af_rng_next(&rng);
        double number;
        memcpy(&number, &bits, sizeof number);
        check_double(number);
        bits &= (UINT64_C(1) << 52) - 1; /* below the normal range */
        memcpy(&number, &bits, sizeof number);
        check_double(number);
        check_double((double)(int64_t)bits / 1000); /* and those that people write */
        check_double((double)af_rng_below(&rng, 1000000) / 100);
        check_double(-(double)af_rng_below(&rng, 100000000000) * 1e-7);
        check_double((double)(bits >> af_rng_below(&rng, 52)));
    }
}

static void test_powers_come_back(void **state)
{
    (void)state;
    char text[32];
    for (int exponent = -1074; exponent <= 1023; exponent++) {
        double power = strtod((snprintf(text, sizeof text, "0x1p%d", exponent), text), NULL);
        check_double(power);
        check_double(power * (1 + 0x1p-52));
        check_double(power * (1 - 0x1p-53));
    }
    for (int exponent = -330; exponent <= 308; exponent++) {
        snprintf(text, sizeof text, "1e%d", exponent);
        check_double(strtod(text, NULL));
        check_double_text(text);
    }
}

/* Whole numbers over and times powers of ten, on both sides of what one division does exactly. */
static void test_decimal_texts_are_rounded_as_by_the_c_library(void **state)
{
    (void)state;
    struct af_rng rng;
    af_rng_init(&rng, 2, "decimals");
    for (uint64_t i = 0; i < document_count(); i++) {
        char text[64];
        uint64_t digits = af_rng_next(&rng) >> af_rng_below(&rng, 64);
        uint64_t more = af_rng_next(&rng) >> af_rng_below(&rng, 64);
        int places = (int)af_rng_below(&rng, 24);
        snprintf(text, sizeof text, "%llu.%0*llu", (unsigned long long)(digits >> 20), places,
                 (unsigned long long)(more >> 30));
        check_double_text(text);
        snprintf(text, sizeof text, "-%llu.%llu", (unsigned long long)(digits % 1000),
                 (unsigned long long)more);
        check_double_text(text);
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits, places - 12);
        check_double_text(text);
        snprintf(text, sizeof text, "%llu.0",
                 (unsigned long long)((UINT64_C(1) << 53) + digits % 64 - 32));
        check_double_text(text);
    }
}

static int release(void **state)
{
    (void)state;
    af_json_reader_release(&reader);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jansson_agrees_on_documents),
        cmocka_unit_test(test_we_read_what_jansson_writes),
        cmocka_unit_test(test_jansson_agrees_on_strings),
        cmocka_unit_test(test_random_doubles_come_back),
        cmocka_unit_test(test_powers_come_back),
        cmocka_unit_test(test_decimal_texts_are_rounded_as_by_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
