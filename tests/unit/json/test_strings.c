/* test_strings.c: strings and UTF-8 of runtime/json/json.h, exhaustively where that is
 * possible. */
#include "json/json.h"
#include "base/mem.h"

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

static struct af_json_reader reader;

static void test_every_byte_behind_a_backslash(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        const char text[] = {'"', '\\', (char)byte, '"'};
        const char *at = byte == 0 ? NULL : strchr("\"\\/bfnrt", byte);
        af_json_reader_restart(&reader, text, sizeof text);
        if (at == NULL) {
            assert_int_equal(af_json_next(&reader), AF_JSON_ERROR);
            assert_int_equal(reader.offset, 1);
        } else {
            assert_int_equal(af_json_next(&reader), AF_JSON_STRING);
            assert_int_equal(reader.string_len, 1);
            assert_int_equal(reader.string[0], "\"\\/\b\f\n\r\t"[at - "\"\\/bfnrt"]);
        }
    }
}

/* Every byte, at every place of strings around a few machine words. */
static void test_every_byte_at_every_place(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 35; len++) {
        for (size_t place = 0; place < len; place++) {
            for (int byte = 0; byte < 256; byte++) {
                char text[64];
                memset(text, 'a', sizeof text);
                text[0] = text[len + 1] = '"';
                text[place + 1] = (char)byte;
                char *copy = af_mem_alloc(len + 2);
                memcpy(copy, text, len + 2);
                af_json_reader_restart(&reader, copy, len + 2);
                enum af_json_token token = af_json_next(&reader);
                if (byte == '\\') { /* \a is no escape, and \" leaves the end open */
                    assert_int_equal(token, AF_JSON_ERROR);
                } else if (byte < 0x20 || byte >= 0x80) {
                    assert_int_equal(token, AF_JSON_ERROR);
                    assert_int_equal(reader.offset, place + 1);
                } else {
                    assert_int_equal(token, AF_JSON_STRING);
                    assert_int_equal(reader.string_len, byte == '"' ? place : len);
                    assert_ptr_equal(reader.string, copy + 1); /* not copied */
                }
                free(copy);
            }
        }
    }
}

/* The same, written: only what must be escaped is, wherever it stands. */
static void test_every_byte_is_written_at_every_place(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 35; len++) {
        for (size_t place = 0; place < len; place++) {
            for (int byte = 0; byte < 256; byte++) {
                char escape[8] = {(char)byte, '\0'}, expected[64];
                const char *at = byte == 0 ? NULL : strchr("\"\\\b\f\n\r\t", byte);
                if (at != NULL)
                    snprintf(escape, sizeof escape, "\\%c", "\"\\bfnrt"[at - "\"\\\b\f\n\r\t"]);
                else if (byte < 0x20)
                    snprintf(escape, sizeof escape, "\\u%04x", (unsigned)byte);
                char *text = af_mem_alloc(len); /* so that a look beyond it is seen */
                memset(text, 'a', len);
                memset(expected, 'a', sizeof expected);
                text[place] = (char)byte;
                size_t size = (size_t)snprintf(expected + 1 + place, 8, "%s", escape);
                expected[1 + place + size] = 'a';
                expected[0] = expected[len + size] = '"';
                struct af_buf out = AF_BUF_EMPTY;
                assert_int_equal(af_json_write_string(&out, text, len), byte < 0x80);
                assert_int_equal(out.len, byte < 0x80 ? len + size + 1 : 0);
                assert_memory_equal(out.data, expected, out.len);
                af_buf_release(&out);
                free(text);
            }
        }
    }
}

/* The UTF-8 of a code point, by the table of RFC 3629. */
static size_t encode(uint32_t code, char bytes[4])
{
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = len; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3F));
    bytes[0] = (char)(leads[len] | code);
    return len;
}

/* Escaped, each code point is decoded to its UTF-8, and that is a string of its own. */
static void test_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        char text[16], bytes[4];
        size_t len = encode(code, bytes);
        unsigned high = 0xD800 + ((code - 0x10000) >> 10), low = 0xDC00 + (code & 0x3FF);
        int text_len = code < 0x10000
                           ? snprintf(text, sizeof text, "\"\\u%04x\"", code)
                           : snprintf(text, sizeof text, "\"\\u%04x\\u%04X\"", high, low);
        bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
        af_json_reader_restart(&reader, text, (size_t)text_len);
        bool is_read = af_json_next(&reader) == AF_JSON_STRING;
        if (is_read != !is_surrogate || af_json_is_utf8(bytes, len) != !is_surrogate)
            fail_msg("U+%04X", code);
        if (is_read && (reader.string_len != len || memcmp(reader.string, bytes, len) != 0))
            fail_msg("U+%04X is decoded wrongly", code);
    }
}

/* Whether bytes are one character, by decoding and encoding again. */
static bool is_character(const unsigned char *s, size_t len)
{
    char again[4];
    static const unsigned masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = s[0] & masks[len];
    for (size_t i = 1; i < len; i++)
        code = code << 6 | (s[i] & 0x3Fu);
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return false;
    return encode(code, again) == len && memcmp(again, s, len) == 0;
}

/* All sequences of up to three bytes, and of four those whose bytes are at some border. */
static void test_every_sequence_of_bytes(void **state)
{
    (void)state;
    static const unsigned char borders[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                            0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0,
                                            0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFF};
    for (uint32_t word = 0; word < 1u << 24; word++) {
        unsigned char s[3] = {(unsigned char)(word >> 16), (unsigned char)(word >> 8),
                              (unsigned char)word};
        /* What is no character of three bytes can be one of one and one of two, and so on. */
        bool one = s[0] < 0x80, one_last = s[2] < 0x80;
        bool expected = is_character(s, 3) || (one && is_character(s + 1, 2)) ||
                        (is_character(s, 2) && one_last) || (one && s[1] < 0x80 && one_last);
        if (af_json_is_utf8((const char *)s, 3) != expected)
            fail_msg("%06x", word);
    }
    size_t n = COUNT(borders);
    for (size_t i = 0; i < n * n * n * n; i++) {
        unsigned char s[4] = {borders[i / n / n / n], borders[i / n / n % n], borders[i / n % n],
                              borders[i % n]};
        if (s[0] >= 0xE0 && af_json_is_utf8((const char *)s, 4) !=
                                (is_character(s, 4) || (is_character(s, 3) && s[3] < 0x80)))
            fail_msg("%02x %02x %02x %02x", s[0], s[1], s[2], s[3]);
    }
}

static void test_a_character_cut_off_is_no_utf8(void **state)
{
    (void)state;
    static const char *const characters[] = {"\u00e9", "\u4e2d", "\U0001f600"};
    for (size_t i = 0; i < COUNT(characters); i++) {
        for (size_t shift = 0; shift < 20; shift++) {
            char text[32];
            memset(text, 'a', sizeof text);
            memcpy(text + shift, characters[i], strlen(characters[i]));
            for (size_t len = 1; len <= strlen(characters[i]); len++) {
                char *copy = af_mem_alloc(shift + len);
                memcpy(copy, text, shift + len);
                assert_int_equal(af_json_is_utf8(copy, shift + len), len == strlen(characters[i]));
                free(copy);
            }
        }
    }
    assert_true(af_json_is_utf8("", 0));
}

static void test_written_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *written;
    } rows[] = {
        {"", 0, "\"\""},
        {"plain text of some length", 25, "\"plain text of some length\""},
        {"\0\1\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\""},
        {"\b\f\n\r\t\v\033", 7, "\"\\b\\f\\n\\r\\t\\u000b\\u001b\""},
        {"\"\\/", 3, "\"\\\"\\\\/\""},
        {"caf\u00e9 \u4e2d\u6587 \U0001f600", 17, "\"caf\u00e9 \u4e2d\u6587 \U0001f600\""},
        {"\u00e9\"\u00e9", 5, "\"\u00e9\\\"\u00e9\""},
    };
    struct af_buf buf = AF_BUF_EMPTY;
    for (size_t i = 0; i < COUNT(rows); i++) {
        af_buf_clear(&buf);
        assert_true(af_json_write_string(&buf, rows[i].text, rows[i].len));
        assert_string_equal(af_buf_text(&buf), rows[i].written);
        af_json_reader_restart(&reader, buf.data, buf.len);
        assert_int_equal(af_json_next(&reader), AF_JSON_STRING);
        assert_int_equal(reader.string_len, rows[i].len);
        assert_memory_equal(reader.string, rows[i].text, rows[i].len);
    }
    af_buf_release(&buf);
}

static void test_what_is_no_utf8_is_not_written(void **state)
{
    (void)state;
    static const char *const texts[] = {"\xff", "abc\xc3", "\n\xed\xa0\x80",
                                        "\u00e9\"\xc0\x80 abc"};
    struct af_buf buf = AF_BUF_EMPTY;
    af_buf_append_string(&buf, "[1,");
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_false(af_json_write_string(&buf, texts[i], strlen(texts[i])));
        assert_string_equal(af_buf_text(&buf), "[1,");
    }
    af_buf_release(&buf);
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
        cmocka_unit_test(test_every_byte_at_every_place),
        cmocka_unit_test(test_every_byte_is_written_at_every_place),
        cmocka_unit_test(test_every_byte_behind_a_backslash),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_every_sequence_of_bytes),
        cmocka_unit_test(test_a_character_cut_off_is_no_utf8),
        cmocka_unit_test(test_written_strings),
        cmocka_unit_test(test_what_is_no_utf8_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
