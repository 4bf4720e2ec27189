/* test_paths.c: names of files as they were given, and the first place that a text names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int make_files(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/afrun-test-paths-XXXXXX");
    if (mkdtemp(folder) == NULL || chdir(folder) != 0 || mkdir("a \"b", 0700) != 0)
        return -1;
    fclose(fopen("a \"b/ask.lua", "w"));
    fclose(fopen("a \"b/flow", "w"));
    af_paths_beside("a \"b/flow");
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    unlink("a \"b/ask.lua");
    unlink("a \"b/flow");
    rmdir("a \"b");
    return rmdir(folder);
}

static void assert_appended(void (*append)(struct af_buf *out, const char *text, size_t len),
                            const char *text, const char *expected)
{
    struct af_buf out = AF_BUF_EMPTY;
    append(&out, text, strlen(text));
    assert_string_equal(af_buf_text(&out), expected);
    af_buf_release(&out);
}

static void test_a_name_with_a_line_becomes_a_path_if_it_is_beside_the_flow(void **state)
{
    (void)state;
    assert_appended(af_paths_append, "p: ask.lua:3: no", "p: a \"b/ask.lua:3: no");
    assert_appended(af_paths_append, "flow:12: no", "a \"b/flow:12: no");
    assert_appended(af_paths_append, "('ask.lua:3')", "('a \"b/ask.lua:3')");
    assert_appended(af_paths_append, "other.lua:3", "other.lua:3");
    assert_appended(af_paths_append, "x/ask.lua:3", "x/ask.lua:3");
    assert_appended(af_paths_append, "ask.lua", "ask.lua");
    assert_appended(af_paths_append, "ask.lua: 3", "ask.lua: 3");
    assert_appended(af_paths_append, "", "");
}

static void test_in_json_the_folder_is_quoted(void **state)
{
    (void)state;
    assert_appended(af_paths_append_json, "{\"why\":\"ask.lua:3\"}",
                    "{\"why\":\"a \\\"b/ask.lua:3\"}");
}

static void append_file(struct af_buf *out, const char *text, size_t len)
{
    (void)len;
    af_paths_append_file(out, text);
}

static void test_a_name_alone(void **state)
{
    (void)state;
    assert_appended(append_file, "ask.lua", "a \"b/ask.lua");
    assert_appended(append_file, "other.lua", "other.lua");
}

static void assert_found(const char *text, const char *expected, long expected_line)
{
    struct af_buf file = AF_BUF_EMPTY;
    long line = 0;
    assert_int_equal(af_paths_find(text, &file, &line), expected != NULL);
    if (expected != NULL)
        assert_string_equal(af_buf_text(&file), expected);
    assert_int_equal(line, expected_line);
    af_buf_release(&file);
}

static void test_the_first_place_is_found(void **state)
{
    (void)state;
    assert_found("p: sub/x.lua:14: no", "sub/x.lua", 14);
    assert_found("x.lua:1: y.lua:2: no", "x.lua", 1);
    assert_found("at 10:30, (x.lua:7)", "x.lua", 7);
    assert_found("http://127.0.0.1:9080 is away", NULL, 0);
    assert_found("x.lua:0", NULL, 0);
    assert_found("x.lua: no", NULL, 0);
    assert_found("", NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_with_a_line_becomes_a_path_if_it_is_beside_the_flow),
        cmocka_unit_test(test_in_json_the_folder_is_quoted),
        cmocka_unit_test(test_a_name_alone),
        cmocka_unit_test(test_the_first_place_is_found),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
