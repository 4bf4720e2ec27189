/* test_schedule.c: a schedule as words and back, and which words are refused, with what is told. */
#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "json/json.h"
#include "base/mem.h"
#include "trace/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(items) (sizeof(items) / sizeof(items)[0])

/* One of each kind, and a timer of both forms. */
static const struct af_schedule_step all_kinds[] = {
    {AF_SCHEDULE_DELIVER, "b", "a", "note", {1, UINT64_MAX}, NULL},
    {AF_SCHEDULE_DROP, "b", "a", "note", {0, 0}, NULL},
    {AF_SCHEDULE_DUPLICATE, "b", "a", "", {0x0123456789abcdef, 0xfedcba9876543210}, NULL},
    {AF_SCHEDULE_TIMEOUT, "a", NULL, NULL, {0, 0}, NULL},
    {AF_SCHEDULE_TIMEOUT, "a", NULL, NULL, {0, 0}, "vote \"1\""},
    {AF_SCHEDULE_EARLY, "a", NULL, NULL, {0, 0}, "vote"},
    {AF_SCHEDULE_CRASH, "a", NULL, NULL, {0, 0}, NULL},
    {AF_SCHEDULE_RETURN, "a", NULL, NULL, {0, 0}, NULL},
    {AF_SCHEDULE_LOSE, "ü", NULL, NULL, {0, 0}, NULL},
    {AF_SCHEDULE_RELOAD, "b", NULL, NULL, {0, 0}, NULL},
    {AF_SCHEDULE_RECALL, "b", NULL, NULL, {0, 0}, NULL},
};

static const char all_words[] =
    "[\"deliver\",\"b\",\"a\",\"note\",\"0000000000000001ffffffffffffffff\","
    "\"drop\",\"b\",\"a\",\"note\",\"00000000000000000000000000000000\","
    "\"duplicate\",\"b\",\"a\",\"\",\"0123456789abcdeffedcba9876543210\","
    "\"timeout\",\"a\",\"\",\"timeout\",\"a\",\"vote \\\"1\\\"\",\"early\",\"a\",\"vote\","
    "\"crash\",\"a\",\"return\",\"a\",\"lose\",\"ü\",\"reload\",\"b\",\"recall\",\"b\"]";

static void same_text(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        assert_ptr_equal(a, b);
    else
        assert_string_equal(a, b);
}

static void same_step(const struct af_schedule_step *a, const struct af_schedule_step *b)
{
    assert_int_equal(a->kind, b->kind);
    same_text(a->party, b->party);
    same_text(a->from, b->from);
    same_text(a->type, b->type);
    same_text(a->timer, b->timer);
    assert_true(a->content.a == b->content.a && a->content.b == b->content.b);
}

static void add_all(struct af_schedule *schedule)
{
    for (size_t i = 0; i < COUNT(all_kinds); i++)
        af_schedule_add(schedule, &all_kinds[i]);
}

/* The strings of a JSON list; the caller frees them by free_words(). */
static size_t words_of(const char *json, size_t len, char *words[100])
{
    struct af_json_reader reader;
    size_t count = 0;
    af_json_reader_init(&reader, json, len);
    assert_int_equal(af_json_next(&reader), AF_JSON_ARRAY_BEGIN);
    while (af_json_next(&reader) == AF_JSON_STRING) {
        assert_true(count < 100);
        words[count++] = af_mem_copy(reader.string, reader.string_len);
    }
    assert_int_equal(af_json_next(&reader), AF_JSON_END);
    af_json_reader_release(&reader);
    return count;
}

static void free_words(char *words[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(words[i]);
}

static void test_a_schedule_is_a_flat_list_of_words(void **state)
{
    (void)state;
    struct af_schedule schedule = AF_SCHEDULE_EMPTY;
    struct af_buf out = AF_BUF_EMPTY;
    add_all(&schedule);
    af_schedule_write(&schedule, &out);
    assert_string_equal(af_buf_text(&out), all_words);
    af_buf_release(&out);
    af_schedule_release(&schedule);
    assert_int_equal(schedule.count, 0);
    af_schedule_write(&schedule, &out);
    assert_string_equal(af_buf_text(&out), "[]");
    af_buf_release(&out);
}

static void test_what_was_written_is_read_back(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_schedule schedule = AF_SCHEDULE_EMPTY;
    char *words[100];
    size_t count = words_of(all_words, sizeof all_words - 1, words);
    assert_int_equal(af_schedule_read(&schedule, words, count, &why), 0);
    free_words(words, count); /* the steps have copies */
    assert_int_equal(schedule.count, COUNT(all_kinds));
    for (size_t i = 0; i < schedule.count; i++)
        same_step(&schedule.steps[i], &all_kinds[i]);
    af_schedule_release(&schedule);
    assert_int_equal(af_schedule_read(&schedule, NULL, 0, &why), 0);
    assert_int_equal(schedule.count, 0);
}

/* What is done again and again begins between two steps, or before the first. */
static void test_a_loop_begins_before_a_step(void **state)
{
    (void)state;
    for (size_t loop = 0; loop <= COUNT(all_kinds); loop++) {
        struct af_schedule schedule = AF_SCHEDULE_EMPTY, again = AF_SCHEDULE_EMPTY;
        struct af_failure why = AF_FAILURE_INIT;
        struct af_buf out = AF_BUF_EMPTY;
        char *words[100];
        add_all(&schedule);
        schedule.loop = loop;
        af_schedule_write(&schedule, &out);
        size_t count = words_of(out.data, out.len, words);
        assert_int_equal(af_schedule_read(&again, words, count, &why), 0);
        assert_int_equal(again.loop, loop);
        assert_int_equal(again.count, COUNT(all_kinds));
        free_words(words, count);
        af_buf_release(&out);
        af_schedule_release(&schedule);
        af_schedule_release(&again);
        assert_int_equal(again.loop, 0);
    }
}

static void refused(char *const words[], size_t count, const char *text)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_schedule schedule = AF_SCHEDULE_EMPTY;
    assert_int_equal(af_schedule_read(&schedule, words, count, &why), -1);
    assert_int_equal(why.kind, AF_FAILURE_USAGE);
    assert_string_equal(why.what, "the schedule");
    if (strstr(why.why, text) == NULL)
        fail_msg("'%s' is not in '%s'", text, why.why);
    assert_int_equal(schedule.count, 0);
    assert_null(schedule.steps);
}

static void test_mangled_words_are_refused_by_place(void **state)
{
    (void)state;
    char *unknown[] = {"crash", "a", "zork", "a"};
    refused(unknown, 4, "step 2: 'zork' is no kind of step");
    char *empty[] = {""};
    refused(empty, 1, "step 1: '' is no kind of step");
    char *loops[] = {"loop", "crash", "a", "loop", "return", "a"};
    refused(loops, 6, "step 2: 'loop' is no kind of step");
    refused(loops, 1, "step 1: 'loop' is no kind of step"); /* of nothing */
    char *missing[] = {"crash", "a", "crash"};
    refused(missing, 3, "step 2: 'crash' needs 1 more word, here are 0");
    char *timer[] = {"timeout", "a"};
    refused(timer, 2, "step 1: 'timeout' needs 2 more words, here are 1");
    char *contract[] = {"return", "a", "deliver", "a", "b", "note"};
    refused(contract, 6, "step 2: 'deliver' needs 4 more words, here are 3");
    char *hashes[] = {"",
                      "0000000000000000000000000000000",
                      "000000000000000000000000000000000",
                      "0000000000000000000000000000000g",
                      "0000000000000000000000000000000A",
                      "-0000000000000000000000000000001"};
    for (size_t i = 0; i < COUNT(hashes); i++) {
        char *words[] = {"drop", "a", "b", "note", hashes[i]};
        refused(words, COUNT(words), "is no hash of a content");
    }
}

/* Each beginning of a schedule is one, exactly where a step ends. */
static void test_a_schedule_cut_anywhere_is_whole_or_refused(void **state)
{
    (void)state;
    char *words[100];
    size_t count = words_of(all_words, sizeof all_words - 1, words), whole = 0;
    for (size_t i = 0; i <= count; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        struct af_schedule schedule = AF_SCHEDULE_EMPTY;
        bool read = af_schedule_read(&schedule, words, i, &why) == 0;
        assert_int_equal(schedule.count, read ? whole : 0);
        whole += read;
        af_schedule_release(&schedule);
    }
    assert_int_equal(whole, COUNT(all_kinds) + 1);
    free_words(words, count);
}

static void test_too_many_steps_are_refused(void **state)
{
    (void)state;
    size_t count = 2 * ((size_t)AF_SCHEDULE_STEPS_MAX + 1);
    char **words = af_mem_zero(count, sizeof(char *));
    for (size_t i = 0; i < count; i++)
        words[i] = i % 2 == 0 ? "crash" : "a";
    refused(words, count, "has more than 100000 steps");
    struct af_failure why = AF_FAILURE_INIT;
    struct af_schedule schedule = AF_SCHEDULE_EMPTY;
    assert_int_equal(af_schedule_read(&schedule, words, count - 2, &why), 0);
    assert_int_equal(schedule.count, AF_SCHEDULE_STEPS_MAX);
    af_schedule_release(&schedule);
    free(words);
}

static void test_a_content_is_known_by_its_bytes(void **state)
{
    (void)state;
    struct af_hash a = af_schedule_content("{\"n\":1}", 7), b = af_schedule_content("{\"n\":2}", 7);
    assert_true(a.a != b.a && a.b != b.b);
    /* pinned: traces that were written name contents by it */
    assert_true(a.a == UINT64_C(0x8acb279a07e8778c) && a.b == UINT64_C(0x0918ba2cde741f38));
}

static void test_a_step_is_told_in_words(void **state)
{
    (void)state;
    static const char *const texts[] = {"deliver 'note' from a to b",
                                        "drop 'note' from a to b",
                                        "duplicate '' from a to b",
                                        "timeout of a",
                                        "timeout 'vote \"1\"' of a",
                                        "early 'vote' of a",
                                        "crash of a",
                                        "return of a",
                                        "lose of ü",
                                        "reload of b",
                                        "recall of b"};
    for (size_t i = 0; i < COUNT(all_kinds); i++) {
        char text[100];
        af_schedule_describe(&all_kinds[i], text, sizeof text);
        assert_string_equal(text, texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_schedule_is_a_flat_list_of_words),
        cmocka_unit_test(test_what_was_written_is_read_back),
        cmocka_unit_test(test_a_loop_begins_before_a_step),
        cmocka_unit_test(test_mangled_words_are_refused_by_place),
        cmocka_unit_test(test_a_schedule_cut_anywhere_is_whole_or_refused),
        cmocka_unit_test(test_too_many_steps_are_refused),
        cmocka_unit_test(test_a_content_is_known_by_its_bytes),
        cmocka_unit_test(test_a_step_is_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
