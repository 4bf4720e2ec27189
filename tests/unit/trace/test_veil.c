/* test_veil.c: what is shown in the place of secrets: of events by their fields, of data, of sends;
 * and that nothing of them is left, whatever a content looks like. */
#include "base/buf.h"
#include "trace/veil.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct af_hash key = {3, 5};

static const char fields[] =
    "by: map\nby{}: secret number\nkey: secret bytes\nmore: any\n"
    "note: string?\nparts: list\nparts[]: record\n"
    "parts[].of: secret any?\nparts[].plain: string\nword: secret string\n";

/* Words without their hashes, which stand where "#" is left. */
static void cut_hashes(struct af_buf *text)
{
    static const char digits[] = "0123456789abcdef";
    struct af_buf cut = AF_BUF_EMPTY;
    for (const char *at = af_buf_text(text); *at != '\0'; at++) {
        af_buf_append_char(&cut, *at);
        if (*at == '#' && strspn(at + 1, digits) == 8)
            at += 8;
    }
    af_buf_release(text);
    *text = cut;
}

static void shows_event(const char *lines, const char *content, const char *expected)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_append_string(&out, "> ");
    af_veil_event(key, lines, content, strlen(content), &out);
    cut_hashes(&out);
    assert_string_equal(af_buf_text(&out) + 2, expected);
    af_buf_release(&out);
}

static void shows_data(const char *data, const char *expected)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_veil_data(key, data, strlen(data), &out);
    cut_hashes(&out);
    assert_string_equal(af_buf_text(&out), expected);
    af_buf_release(&out);
}

static void test_secret_fields_are_hidden_wherever_they_stand(void **state)
{
    (void)state;
    shows_event(
        fields,
        "{\"type\":\"give\",\"by\":{\"a\":1,\"b\":2.5},\"key\":\"AAEC\",\"more\":{\"by\":7},"
        "\"note\":null,\"parts\":[{\"of\":[1],\"plain\":\"x\"},{\"of\":null,\"plain\":\"y\"}],"
        "\"word\":\"\\u00e9\"}",
        "{\"type\":\"give\",\"by\":{\"a\":\"secret number #\",\"b\":\"secret number #\"},"
        "\"key\":\"secret of 3 bytes #\",\"more\":{\"by\":7},"
        "\"note\":null,\"parts\":[{\"of\":\"secret table #\",\"plain\":\"x\"},"
        "{\"of\":null,\"plain\":\"y\"}],\"word\":\"secret of 2 bytes #\"}");
    shows_event(fields, "{\"type\":\"give\",\"word\":\"a\"}",
                "{\"type\":\"give\",\"word\":\"secret of 1 byte #\"}");
    shows_event("word: string\n", "{\"type\":\"give\",\"word\":\"a\",\"more\":1}",
                "{\"type\":\"give\",\"word\":\"a\",\"more\":1}");
    shows_event(NULL, "{\"word\":\"a\"}", "{\"word\":\"a\"}");
}

static void test_what_is_not_as_declared_is_hidden_too(void **state)
{
    static const char *const shapes[] = {
        "{\"other\":\"needle\"}",
        "{\"type\":\"give\",\"x\":{\"y\":[\"needle\"]}}",
        "{\"by\":\"needle\"}",
        "{\"by\":[\"needle\"]}",
        "{\"parts\":\"needle\"}",
        "{\"parts\":{\"of\":\"needle\"}}",
        "{\"parts\":[[\"needle\"]]}",
        "{\"parts\":[{\"of \":\"needle\"}]}",
        "{\"word\":{\"needle\":\"needle\"}}",
        "{\"word\\u0000\":\"needle\"}",
        "{\"type\\u0000\":\"needle\"}",
        "{\"key\":\"needle, which is no base64\"}",
        "{\"word\":\"needle\"",
        "needle",
        "{\"word: secret \":\"needle\"}",
        "{\"\":\"needle\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct af_buf out = AF_BUF_EMPTY;
        af_veil_event(key, fields, shapes[i], strlen(shapes[i]), &out);
        if (strstr(af_buf_text(&out), "needle") != NULL)
            fail_msg("%s is shown as %s", shapes[i], af_buf_text(&out));
        assert_non_null(strstr(af_buf_text(&out), "secret"));
        af_buf_release(&out);
    }
}

static void test_of_data_the_names_of_secrets_are_shown(void **state)
{
    (void)state;
    shows_data("{\"n\":1,\"secret\":{\"a\":\"xy\",\"b\":{\"c\":\"xy\"},\"d\":true,"
               "\"e\":\"\\u0000bytes:AAECAw==\"},\"z\":{\"secret\":\"shown\"}}",
               "{\"n\":1,\"secret\":{\"a\":\"secret of 2 bytes #\",\"b\":\"secret table #\","
               "\"d\":\"secret boolean #\",\"e\":\"secret of 4 bytes #\"},\"z\":{\"secret\":"
               "\"shown\"}}");
    shows_data("{\"secret\":\"xyz\"}", "{\"secret\":\"secret of 3 bytes #\"}");
    shows_data("{\"secret\":[1,2]}", "{\"secret\":\"secret table #\"}");
    shows_data("{\"secret\":{}}", "{\"secret\":{}}");
    shows_data("{\"a\":{\"secret\":1}}", "{\"a\":{\"secret\":1}}");
    shows_data("[\"secret\"]", "[\"secret\"]");
}

static void test_of_sends_the_contents_are_hidden(void **state)
{
    static const char sends[] = "[{\"to\":[\"a\"],\"type\":\"give\",\"content\":{\"word\":\"x\"}}]";
    struct af_buf out = AF_BUF_EMPTY;
    (void)state;
    af_veil_sends(key, sends, strlen(sends), &out);
    cut_hashes(&out);
    assert_string_equal(af_buf_text(&out),
                        "[{\"to\":[\"a\"],\"type\":\"give\",\"content\":\"secret table #\"}]");
    af_buf_release(&out);
}

static void test_hashes_depend_on_the_key_and_the_bytes_alone(void **state)
{
    static const struct af_hash other = {3, 6};
    char first[AF_VEIL_WORD_BYTES], again[AF_VEIL_WORD_BYTES], third[AF_VEIL_WORD_BYTES];
    struct af_buf as_bytes = AF_BUF_EMPTY, as_text = AF_BUF_EMPTY;
    (void)state;
    af_veil_word(key, NULL, "xyz", 3, first);
    af_veil_word(key, NULL, "xyz", 3, again);
    af_veil_word(other, NULL, "xyz", 3, third);
    assert_string_equal(first, again);
    assert_string_not_equal(first, third);
    assert_true(strncmp(first, "secret of 3 bytes #", 19) == 0 && strlen(first) == 27);
    af_veil_event(key, fields, "{\"key\":\"eHl6\"}", 14, &as_bytes);
    af_veil_event(key, fields, "{\"word\":\"xyz\"}", 14, &as_text);
    assert_non_null(strstr(af_buf_text(&as_bytes), first)); /* in base64 or not: the same secret */
    assert_non_null(strstr(af_buf_text(&as_text), first));
    af_buf_release(&as_bytes);
    af_buf_release(&as_text);
    struct af_hash plain = af_veil_hash(key, "{\"n\":1}", 7);
    assert_true(af_veil_is(other, "{\"n\":1}", 7, plain));
    struct af_hash before = af_hash_bytes(
        (struct af_hash){0x6166727564617461u, 0x6861736876657231u}, "{\"secret\":1}", 12);
    assert_true(af_veil_is(key, "{\"secret\":1}", 12, before)); /* of an older store */
    struct af_hash hidden = af_veil_hash(key, "{\"secret\":1}", 12);
    assert_true(af_veil_is(key, "{\"secret\":1}", 12, hidden));
    assert_false(af_veil_is(other, "{\"secret\":1}", 12, hidden));
    assert_true(af_veil_is(other, "{\"secret\":1}", 12, (struct af_hash){0, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_fields_are_hidden_wherever_they_stand),
        cmocka_unit_test(test_what_is_not_as_declared_is_hidden_too),
        cmocka_unit_test(test_of_data_the_names_of_secrets_are_shown),
        cmocka_unit_test(test_of_sends_the_contents_are_hidden),
        cmocka_unit_test(test_hashes_depend_on_the_key_and_the_bytes_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
