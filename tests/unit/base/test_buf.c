/* test_buf.c: runtime/base/buf.h, runtime/base/mem.h and runtime/base/failure.h. */
#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- buf ---- */

static void test_an_empty_buf_is_an_empty_text(void **state)
{
    (void)state;
    struct af_buf buf;
    af_buf_init(&buf);
    assert_string_equal(af_buf_text(&buf), "");
    char *taken = af_buf_take(&buf);
    assert_string_equal(taken, "");
    free(taken);
    af_buf_append(&buf, NULL, 0);
    assert_string_equal(af_buf_text(&buf), "");
    af_buf_release(&buf);
    assert_null(buf.data);
}

static void test_appends_follow_each_other(void **state)
{
    (void)state;
    struct af_buf buf = AF_BUF_EMPTY;
    af_buf_append(&buf, "a\0b", 3);
    af_buf_append_string(&buf, "cd");
    af_buf_append_char(&buf, 'e');
    af_buf_printf(&buf, "%d-%s", 7, "f");
    assert_int_equal(buf.len, 9);
    assert_memory_equal(af_buf_text(&buf), "a\0bcde7-f", 10);
    af_buf_release(&buf);
}

static void test_a_buf_grows_byte_by_byte(void **state)
{
    (void)state;
    struct af_buf buf = AF_BUF_EMPTY;
    for (size_t i = 0; i < 5000; i++) {
        af_buf_append_char(&buf, (char)('a' + i % 26));
        assert_int_equal(buf.len, i + 1);
        assert_true(buf.cap > buf.len); /* for the 0 byte */
        assert_int_equal(af_buf_text(&buf)[i + 1], 0);
    }
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(buf.data[i], 'a' + i % 26);
    af_buf_release(&buf);
}

/* A short text is formatted on the stack, a longer one in the buf: both sides of that. */
static void test_printf_of_every_length(void **state)
{
    (void)state;
    struct af_buf buf = AF_BUF_EMPTY;
    for (int len = 0; len < 600; len++) {
        af_buf_clear(&buf);
        af_buf_printf(&buf, "%*s|", len, "");
        assert_int_equal(buf.len, len + 1);
        assert_int_equal(strspn(af_buf_text(&buf), " "), len);
        assert_string_equal(af_buf_text(&buf) + len, "|");
    }
    af_buf_release(&buf);
}

static void test_a_cleared_buf_keeps_its_memory(void **state)
{
    (void)state;
    struct af_buf buf = AF_BUF_EMPTY;
    af_buf_append_string(&buf, "abc");
    const char *data = buf.data;
    af_buf_clear(&buf);
    af_buf_append_string(&buf, "d");
    assert_ptr_equal(buf.data, data);
    assert_string_equal(af_buf_text(&buf), "d");
    af_buf_release(&buf);
}

static void test_take_gives_the_content_away(void **state)
{
    (void)state;
    struct af_buf buf = AF_BUF_EMPTY;
    af_buf_append_string(&buf, "abc");
    char *taken = af_buf_take(&buf);
    assert_string_equal(taken, "abc");
    assert_null(buf.data);
    assert_int_equal(buf.len, 0);
    free(taken);
    af_buf_append_string(&buf, "d");
    assert_string_equal(af_buf_text(&buf), "d");
    af_buf_release(&buf);
}

static void test_reserve_makes_room_for_all_of_it(void **state)
{
    (void)state;
    struct af_buf buf = AF_BUF_EMPTY;
    assert_true(af_buf_reserve(&buf, 1000));
    const char *data = buf.data;
    for (int i = 0; i < 1000; i++)
        af_buf_append_char(&buf, 'x');
    assert_ptr_equal(buf.data, data);
    assert_int_equal(strlen(af_buf_text(&buf)), 1000);
    af_buf_release(&buf);
}

static void test_a_size_beyond_all_is_refused(void **state)
{
    (void)state;
    struct af_buf buf = AF_BUF_EMPTY;
    assert_false(af_buf_reserve(&buf, SIZE_MAX));
    assert_true(buf.full);
    assert_null(buf.data);
    af_buf_release(&buf);
}

static void test_a_full_buf_refuses_all_until_it_is_cleared(void **state)
{
    (void)state;
    struct af_buf buf = AF_BUF_EMPTY;
    af_buf_append_string(&buf, "a");
    assert_false(af_buf_reserve(&buf, AF_BUF_BYTES_MAX));
    assert_true(buf.full);
    af_buf_append_char(&buf, 'b'); /* would fit, but something is missing before it */
    af_buf_append(&buf, "c", 1);
    af_buf_append_string(&buf, "d");
    af_buf_printf(&buf, "%d", 1);
    af_buf_printf(&buf, "%300d", 1);
    assert_false(af_buf_reserve(&buf, 0));
    assert_string_equal(af_buf_text(&buf), "a");
    af_buf_clear(&buf);
    af_buf_append_string(&buf, "again");
    assert_string_equal(af_buf_text(&buf), "again");
    af_buf_release(&buf);
}

/* ---- mem ---- */

static void test_memory_of_no_size_is_memory(void **state)
{
    (void)state;
    free(memset(af_mem_alloc(0), 1, 1));
    free(memset(af_mem_grow(NULL, 0), 1, 1));
    char *zero = af_mem_zero(0, 0);
    assert_int_equal(*zero, 0);
    free(zero);
}

static void test_zero_is_zero(void **state)
{
    (void)state;
    static const char zeros[300];
    char *memory = af_mem_zero(3, 100);
    assert_memory_equal(memory, zeros, 300);
    free(memory);
}

static void test_copies_end_in_a_zero_byte(void **state)
{
    (void)state;
    char *copy = af_mem_copy("a\0bcd", 4);
    assert_memory_equal(copy, "a\0bc", 5);
    free(copy);
    copy = af_mem_copy(NULL, 0);
    assert_string_equal(copy, "");
    free(copy);
    copy = af_mem_string("text");
    assert_string_equal(copy, "text");
    free(copy);
}

static void test_an_array_grows_and_keeps_its_items(void **state)
{
    (void)state;
    uint32_t *items = NULL;
    size_t cap = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        af_mem_reserve(&items, &cap, i + 1, sizeof *items);
        assert_true(cap > i);
        items[i] = i;
    }
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(items[i], i);
    size_t cap_before = cap;
    const uint32_t *before = items;
    af_mem_reserve(&items, &cap, 10, sizeof *items);
    assert_int_equal(cap, cap_before);
    assert_ptr_equal(items, before);
    free(items);
}

/* In a child, because it must end. */
static void test_out_of_memory_ends_the_process(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        volatile size_t too_much = SIZE_MAX / 4;
        bool is_quiet = freopen("/dev/null", "w", stderr) != NULL;
        void *memory = af_mem_alloc(too_much);
        _exit(memory != NULL && is_quiet ? 0 : 77);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 77));
}

/* ---- failure ---- */

static void test_the_first_failure_is_kept(void **state)
{
    (void)state;
    struct af_failure failure = AF_FAILURE_INIT;
    assert_int_equal(af_failure_set(&failure, AF_FAILURE_USAGE, "a.lua:1", "no %s", "state"), -1);
    assert_int_equal(af_failure_set(&failure, AF_FAILURE_FLOW, "b.lua:2", "later"), -1);
    assert_int_equal(failure.kind, AF_FAILURE_USAGE);
    assert_string_equal(failure.what, "a.lua:1");
    assert_string_equal(failure.why, "no state");
    assert_int_equal(af_failure_set(NULL, AF_FAILURE_FLOW, "", "nobody asks"), -1);
}

static void test_exit_statuses(void **state)
{
    (void)state;
    static const int expected[] = {0, 1, 2, 3, 130};
    for (int kind = AF_FAILURE_NONE; kind <= AF_FAILURE_INTERRUPTED; kind++) {
        struct af_failure failure = {.kind = (enum af_failure_kind)kind};
        assert_int_equal(af_failure_exit_status(&failure), expected[kind]);
    }
}

static bool is_whole_utf8(const char *text, const char *character)
{
    size_t step = strlen(character);
    size_t len = strlen(text);
    if (len % step != 0)
        return false;
    for (size_t i = 0; i < len; i += step)
        if (memcmp(text + i, character, step) != 0)
            return false;
    return true;
}

/* Characters of each length, at each place relative to the end of the array. */
static void test_a_long_message_is_cut_at_a_character(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "\u00e9", "\u4e2d", "\U0001f600"};
    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++) {
        size_t step = strlen(characters[i]);
        for (size_t shift = 0; shift < 4; shift++) {
            char text[1200] = "xxxx";
            for (size_t at = shift; at + step < sizeof text; at += step)
                memcpy(text + at, characters[i], step + 1);
            struct af_failure failure = AF_FAILURE_INIT;
            af_failure_set(&failure, AF_FAILURE_FLOW, text, "%s", text);
            assert_true(is_whole_utf8(failure.why + shift, characters[i]));
            assert_true(is_whole_utf8(failure.what + shift, characters[i]));
            assert_true(strlen(failure.why) >= sizeof failure.why - 4);
            assert_true(strlen(failure.what) >= sizeof failure.what - 4);
        }
    }
}

static void test_a_short_message_is_not_cut(void **state)
{
    (void)state;
    struct af_failure failure = AF_FAILURE_INIT;
    af_failure_set(&failure, AF_FAILURE_FLOW, "\u4e2d\u6587", "caf\u00e9");
    assert_string_equal(failure.what, "\u4e2d\u6587");
    assert_string_equal(failure.why, "caf\u00e9");
}

/* What af_failure_print() writes to standard error, which is a file meanwhile. */
static void assert_printed(const struct af_failure *failure, const char *expected)
{
    char text[100];
    FILE *file = tmpfile();
    assert_non_null(file);
    int stderr_fd = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    af_failure_print(failure);
    dup2(stderr_fd, STDERR_FILENO);
    close(stderr_fd);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

static void test_a_failure_is_printed_with_what_failed(void **state)
{
    (void)state;
    struct af_failure failure = {
        .kind = AF_FAILURE_USAGE, .what = "flow.lua:12", .why = "unknown state 'waiting'"};
    assert_printed(&failure, "afrun: flow.lua:12: unknown state 'waiting'\n");
    failure.what[0] = '\0';
    assert_printed(&failure, "afrun: unknown state 'waiting'\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_buf_is_an_empty_text),
        cmocka_unit_test(test_appends_follow_each_other),
        cmocka_unit_test(test_a_buf_grows_byte_by_byte),
        cmocka_unit_test(test_printf_of_every_length),
        cmocka_unit_test(test_a_cleared_buf_keeps_its_memory),
        cmocka_unit_test(test_take_gives_the_content_away),
        cmocka_unit_test(test_reserve_makes_room_for_all_of_it),
        cmocka_unit_test(test_a_size_beyond_all_is_refused),
        cmocka_unit_test(test_a_full_buf_refuses_all_until_it_is_cleared),
        cmocka_unit_test(test_memory_of_no_size_is_memory),
        cmocka_unit_test(test_zero_is_zero),
        cmocka_unit_test(test_copies_end_in_a_zero_byte),
        cmocka_unit_test(test_an_array_grows_and_keeps_its_items),
        cmocka_unit_test(test_out_of_memory_ends_the_process),
        cmocka_unit_test(test_the_first_failure_is_kept),
        cmocka_unit_test(test_exit_statuses),
        cmocka_unit_test(test_a_long_message_is_cut_at_a_character),
        cmocka_unit_test(test_a_short_message_is_not_cut),
        cmocka_unit_test(test_a_failure_is_printed_with_what_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
