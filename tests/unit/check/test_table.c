/* test_table.c: each distinct thing has one number, and numbers rise by one. */
#include "check/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { MANY = 30000 };

static void test_a_word_keeps_its_number_and_its_bytes(void **state)
{
    (void)state;
    struct af_check_words words = {0};
    char text[32];
    assert_int_equal(af_check_word_known(&words, "word 0", 6), UINT32_MAX);
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "word %u", i);
        assert_int_equal(af_check_text(&words, text), i);
    }
    assert_int_equal(words.count, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        size_t len;
        snprintf(text, sizeof text, "word %u", i);
        const char *bytes = af_check_word_bytes(&words, i, &len);
        assert_int_equal(len, strlen(text));
        assert_string_equal(bytes, text); /* a 0 byte stands behind it */
        assert_int_equal((uintptr_t)bytes % 8, 0);
        assert_int_equal(af_check_text(&words, text), i);
        assert_int_equal(af_check_word_known(&words, text, strlen(text)), i);
    }
    assert_int_equal(words.count, MANY);
    assert_int_equal(af_check_word_known(&words, "none", 4), UINT32_MAX);
    assert_int_equal(words.count, MANY);
    assert_true(af_check_words_bytes(&words) > MANY * strlen("word 1"));
    af_check_words_release(&words);
}

static void test_words_differ_in_any_byte_and_in_length(void **state)
{
    (void)state;
    struct af_check_words words = {0};
    static const char zeros[20];
    for (uint32_t len = 0; len < sizeof zeros; len++)
        assert_int_equal(af_check_word(&words, zeros, len), len);
    for (uint32_t len = 0; len < sizeof zeros; len++)
        assert_int_equal(af_check_word(&words, zeros, len), len);
    for (uint32_t at = 0; at < sizeof zeros; at++) {
        char one[sizeof zeros] = {0};
        one[at] = 1;
        assert_int_equal(af_check_word(&words, one, sizeof one), sizeof zeros + at);
    }
    af_check_words_release(&words);
}

static void test_a_map_has_what_was_put_and_nothing_else(void **state)
{
    (void)state;
    struct af_check_map map = {0};
    uint32_t value = 7;
    assert_false(af_check_map_get(&map, 0, &value));
    for (uint64_t i = 0; i < MANY; i++) {
        af_check_map_put(&map, i << 32 | (i & 3), (uint32_t)i);
        assert_true(2 * map.count <= map.cap); /* looking ends soon */
    }
    for (uint64_t i = 0; i < MANY; i++) {
        assert_true(af_check_map_get(&map, i << 32 | (i & 3), &value));
        assert_int_equal(value, i);
        assert_false(af_check_map_get(&map, i << 32 | 4, &value));
    }
    assert_int_equal(map.count, MANY);
    af_check_map_release(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_word_keeps_its_number_and_its_bytes),
        cmocka_unit_test(test_words_differ_in_any_byte_and_in_length),
        cmocka_unit_test(test_a_map_has_what_was_put_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
