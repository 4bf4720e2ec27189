/* test_effects.c: what a step may come to, and one more. */
#include "script/effects.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct af_flow_event known = {.type = "known", .type_len = 5};
static const struct af_flow flow = {.events = &known, .event_count = 1};

static struct af_send begin(const struct af_effects *effects, const char *type)
{
    struct af_send send = af_effects_begin_send(effects);
    send.type = type;
    return send;
}

static void expect_refused(const char *why, const char *text)
{
    assert_non_null(why);
    assert_non_null(strstr(why, text));
}

static void test_a_send_counts_once_it_is_added(void **state)
{
    (void)state;
    struct af_effects effects = {0};
    struct af_send given_up = begin(&effects, "known"), send;
    assert_null(af_effects_add_target(&effects, &given_up, 7));
    send = begin(&effects, "known");
    assert_null(af_effects_add_target(&effects, &send, 3));
    assert_null(af_effects_add_target(&effects, &send, 3));
    assert_null(af_effects_add_target(&effects, &send, 1));
    af_buf_append_string(&effects.bytes, "{}");
    assert_null(af_effects_add_send(&effects, &flow, &send));
    assert_int_equal(effects.send_count, 1);
    assert_int_equal(effects.target_count, 2);
    assert_int_equal(effects.targets[0], 3);
    assert_int_equal(effects.targets[1], 1);
    assert_int_equal(effects.sends[0].content_len, 2);

    send = begin(&effects, "known"); /* to nobody */
    af_buf_append_string(&effects.bytes, "{}");
    assert_null(af_effects_add_send(&effects, &flow, &send));
    assert_int_equal(effects.send_count, 1);
    assert_int_equal(effects.bytes.len, 2);
    af_effects_release(&effects);
}

static void test_a_refused_send_leaves_nothing(void **state)
{
    (void)state;
    struct af_effects effects = {0};
    struct af_send send = begin(&effects, "stray");
    assert_null(af_effects_add_everyone(&effects, &send, 3, 1));
    af_buf_append_string(&effects.bytes, "{}");
    expect_refused(af_effects_add_send(&effects, &flow, &send),
                   "event 'stray' is none of the flow");
    assert_int_equal(effects.send_count, 0);
    assert_int_equal(effects.target_count, 0);
    assert_int_equal(effects.bytes.len, 0);
    af_effects_release(&effects);
}

static void test_counts_have_a_most(void **state)
{
    (void)state;
    struct af_effects effects = {0};
    for (int i = 0; i < AF_STEP_SENDS_MAX; i++) {
        struct af_send send = begin(&effects, "known");
        assert_null(af_effects_add_target(&effects, &send, 0));
        assert_null(af_effects_add_send(&effects, &flow, &send));
    }
    struct af_send send = begin(&effects, "known");
    assert_null(af_effects_add_target(&effects, &send, 0));
    expect_refused(af_effects_add_send(&effects, &flow, &send), "at most 100,000 contracts");

    send = begin(&effects, "known");
    size_t left = AF_STEP_TARGETS_MAX - AF_STEP_SENDS_MAX;
    assert_null(af_effects_add_everyone(&effects, &send, left + 1, 0));
    expect_refused(af_effects_add_target(&effects, &send, 0), "at most 2,000,000 targets");
    send = begin(&effects, "known");
    expect_refused(af_effects_add_everyone(&effects, &send, left + 1, UINT32_MAX), "targets");

    for (int i = 0; i < AF_STEP_DEADLINES_MAX; i++)
        assert_null(af_effects_add_deadline(&effects, "x", 1, -1));
    expect_refused(af_effects_add_deadline(&effects, "x", 1, -1), "at most 10,000 deadlines");
    for (int i = 0; i < AF_STEP_LOGS_MAX; i++)
        assert_null(af_effects_add_log(&effects, "x", 1));
    expect_refused(af_effects_add_log(&effects, "x", 1), "at most 100,000 lines");
    af_effects_clear(&effects, true);
    assert_int_equal(effects.log_count, AF_STEP_LOGS_MAX);
    assert_int_equal(effects.send_count + effects.target_count + effects.deadline_count, 0);
    af_effects_clear(&effects, false);
    assert_int_equal(effects.log_count + effects.bytes.len, 0);
    af_effects_release(&effects);
}

static void test_bytes_have_a_most_of_all_kinds_together(void **state)
{
    (void)state;
    struct af_effects effects = {0};
    char *text = af_mem_zero(1, AF_STEP_BYTES_MAX);
    assert_null(af_effects_add_log(&effects, text, AF_STEP_BYTES_MAX - 3));
    expect_refused(af_effects_add_log(&effects, "abcd", 4), "at most 64 MiB");
    expect_refused(af_effects_add_deadline(&effects, "abc", 3, 0), "at most 64 MiB");
    assert_null(af_effects_add_deadline(&effects, "ab", 2, 0));
    struct af_send send = begin(&effects, "known");
    assert_null(af_effects_add_target(&effects, &send, 0));
    af_buf_append_char(&effects.bytes, '{');
    expect_refused(af_effects_add_send(&effects, &flow, &send), "at most 64 MiB");
    assert_int_equal(effects.bytes.len, AF_STEP_BYTES_MAX);
    free(text);
    af_effects_release(&effects);
}

static void test_names_and_percents(void **state)
{
    (void)state;
    struct af_effects effects = {0};
    static const char *const odd[] = {"", "a\nb", "\x7F", "\xC0\x80"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        expect_refused(af_effects_add_deadline(&effects, odd[i], strlen(odd[i]), 0), "name");
    expect_refused(af_effects_add_deadline(&effects, "a\0b", 3, 0), "name");
    assert_null(af_effects_add_deadline(&effects, "caf\xC3\xA9", 5, 0));
    expect_refused(af_effects_set_progress(&effects, INT64_C(1) << 32), "0 to 100");
    expect_refused(af_effects_set_progress(&effects, -1), "0 to 100");
    expect_refused(af_effects_set_progress(&effects, 101), "0 to 100");
    assert_null(af_effects_set_progress(&effects, 100));
    assert_int_equal(effects.progress, 100);
    assert_null(af_effects_refuse_line(AF_STEP_LOGS_MAX - 1));
    expect_refused(af_effects_refuse_line(AF_STEP_LOGS_MAX), "lines");
    af_effects_release(&effects);
}

static void test_a_long_text_is_cut_at_a_character(void **state)
{
    (void)state;
    char *text = af_mem_zero(1, AF_STEP_TEXT_BYTES_MAX + 2);
    memset(text, 'x', AF_STEP_TEXT_BYTES_MAX + 1);
    memcpy(text + AF_STEP_TEXT_BYTES_MAX - 1, "\xC3\xA9", 2);
    assert_int_equal(af_effects_text_len(text, AF_STEP_TEXT_BYTES_MAX + 1),
                     AF_STEP_TEXT_BYTES_MAX - 1);
    assert_int_equal(af_effects_text_len(text, AF_STEP_TEXT_BYTES_MAX), AF_STEP_TEXT_BYTES_MAX);
    char *kept = af_effects_copy_text(text);
    assert_int_equal(strlen(kept), AF_STEP_TEXT_BYTES_MAX - 1);
    free(kept);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_send_counts_once_it_is_added),
        cmocka_unit_test(test_a_refused_send_leaves_nothing),
        cmocka_unit_test(test_counts_have_a_most),
        cmocka_unit_test(test_bytes_have_a_most_of_all_kinds_together),
        cmocka_unit_test(test_names_and_percents),
        cmocka_unit_test(test_a_long_text_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
