/* test_file.c: traces on disk and in memory, and what is refused when one is read. */
#include "base/failure.h"
#include "trace/trace.h"
#include "trace/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[256];

static int set_up(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%s/test_trace_file.XXXXXX", base == NULL ? "/tmp" : base);
    return mkdtemp(folder) == NULL || chdir(folder) != 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    char command[300];
    (void)state;
    if (chdir("/") != 0)
        return -1;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static int entries_here(void)
{
    int count = 0;
    DIR *dir = opendir(".");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

static void put(const char *path, const char *text, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static bool is_there(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

/* ---- Writing. ---- */

static void test_a_trace_takes_its_name_when_it_is_whole(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct stat info;
    char text[64] = "";
    mode_t mask = umask(0);
    struct af_trace_file *file = af_trace_file_create("t.jsonl", &why);
    umask(mask);
    assert_non_null(file);
    assert_false(is_there("t.jsonl"));
    af_trace_file_line(file, "{\"a\":1}", 7);
    af_trace_file_line(file, "{}xxx", 2);
    assert_false(is_there("t.jsonl"));
    assert_int_equal(af_trace_file_finish(file, true, &why), 0);
    assert_int_equal(entries_here(), 1);
    assert_int_equal(stat("t.jsonl", &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    FILE *in = fopen("t.jsonl", "rb");
    assert_int_equal(fread(text, 1, sizeof text, in), 11);
    assert_string_equal(text, "{\"a\":1}\n{}\n");
    fclose(in);
}

static void test_a_trace_replaces_an_older_one(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct stat info;
    put("t.jsonl", "older, and longer", 17);
    struct af_trace_file *file = af_trace_file_create("t.jsonl", &why);
    assert_int_equal(stat("t.jsonl", &info), 0);
    assert_int_equal(info.st_size, 17);
    assert_int_equal(af_trace_file_finish(file, true, &why), 0);
    assert_int_equal(stat("t.jsonl", &info), 0);
    assert_int_equal(info.st_size, 0);
    assert_int_equal(entries_here(), 1);
}

static void test_a_trace_that_is_not_kept_leaves_nothing(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    put("t.jsonl", "older", 5);
    struct af_trace_file *file = af_trace_file_create("t.jsonl", &why);
    af_trace_file_line(file, "{}", 2);
    assert_int_equal(entries_here(), 2);
    assert_int_equal(af_trace_file_finish(file, false, &why), 0);
    assert_int_equal(entries_here(), 1);
    struct stat info;
    assert_int_equal(stat("t.jsonl", &info), 0);
    assert_int_equal(info.st_size, 5);
}

static void test_a_file_that_cannot_be_made_is_told(void **state)
{
    (void)state;
    static const char *const paths[] = {"absent/t.jsonl", "file/t.jsonl", ""};
    put("file", "", 0);
    for (size_t i = 0; i < 3; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        struct af_trace_file *file = af_trace_file_create(paths[i], &why);
        if (file != NULL) { /* found out at the latest when it is to take its name */
            assert_int_equal(af_trace_file_finish(file, true, &why), -1);
        }
        assert_int_equal(why.kind, AF_FAILURE_TRANSPORT);
        assert_string_equal(why.what, paths[i]);
        assert_int_equal(entries_here(), 1);
    }
}

static void test_a_name_that_a_folder_has_is_told(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(mkdir("t.jsonl", 0700), 0);
    struct af_trace_file *file = af_trace_file_create("t.jsonl", &why);
    if (file != NULL)
        assert_int_equal(af_trace_file_finish(file, true, &why), -1);
    assert_int_equal(why.kind, AF_FAILURE_TRANSPORT);
    assert_non_null(strstr(why.why, "directory"));
    assert_int_equal(entries_here(), 1);
}

static void test_a_full_disk_is_told_with_its_cause(void **state)
{
    (void)state;
    char line[1000];
    memset(line, 'x', sizeof line);
    for (int lines = 1; lines <= 1000; lines += 999) { /* found at the end, or long before it */
        struct af_failure why = AF_FAILURE_INIT;
        struct af_trace_file *file = af_trace_file_create("/dev/full", &why);
        assert_non_null(file);
        for (int i = 0; i < lines; i++)
            af_trace_file_line(file, line, sizeof line);
        assert_int_equal(af_trace_file_finish(file, true, &why), -1);
        assert_int_equal(why.kind, AF_FAILURE_TRANSPORT);
        assert_string_equal(why.what, "/dev/full");
        assert_non_null(strstr(why.why, "No space left"));
        assert_true(is_there("/dev/full"));
    }
}

static void test_a_device_is_written_in_place(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct stat info;
    struct af_trace_file *file = af_trace_file_create("/dev/null", &why);
    assert_non_null(file);
    af_trace_file_line(file, "{}", 2);
    assert_int_equal(af_trace_file_finish(file, true, &why), 0);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
}

/* ---- Memory. ---- */

static void test_lines_are_walked_in_order(void **state)
{
    (void)state;
    struct af_trace_memory memory;
    size_t at = 0, len = 0;
    af_trace_memory_init(&memory);
    assert_null(af_trace_memory_next(&memory, &at, &len));
    af_trace_memory_line(&memory, "one", 3);
    af_trace_memory_line(&memory, "", 0);
    af_trace_memory_line(&memory, "three", 5);
    assert_int_equal(memory.count, 3);
    assert_memory_equal(af_trace_memory_next(&memory, &at, &len), "one", 3);
    assert_int_equal(len, 3);
    assert_non_null(af_trace_memory_next(&memory, &at, &len));
    assert_int_equal(len, 0);
    assert_memory_equal(af_trace_memory_next(&memory, &at, &len), "three", 5);
    assert_int_equal(len, 5);
    assert_null(af_trace_memory_next(&memory, &at, &len));
    assert_null(af_trace_memory_next(&memory, &at, &len));
    af_trace_memory_release(&memory);
    assert_int_equal(memory.count, 0);
}

/* ---- Reading. ---- */

#define HEADER                                                                                     \
    "{\"trace\":1,\"flow\":\"f\",\"version\":1,\"file\":[\"f.lua\"],\"hash\":[\"00\"],\"seed\":1," \
    "\"options\":[],\"parties\":[{\"id\":\"a\",\"role\":\"r\"}]}\n"
#define START "{\"t\":5,\"kind\":\"start\",\"party\":\"a\",\"state\":\"s\",\"data_hash\":\"00\"}\n"

/* Reads a text as a trace: 0, or -1 with *why. */
static int read_text(const char *text, size_t len, struct af_failure *why)
{
    struct af_trace_memory memory;
    put("t.jsonl", text, len);
    af_trace_memory_init(&memory);
    *why = AF_FAILURE_INIT;
    int result = af_trace_memory_read(&memory, "t.jsonl", why);
    if (result == 0)
        assert_int_equal(memory.lines.len, len);
    af_trace_memory_release(&memory);
    return result;
}

static void expect_refused(const char *text, const char *what, const char *why_part)
{
    struct af_failure why;
    if (read_text(text, strlen(text), &why) != -1)
        fail_msg("accepted: %s", text);
    assert_int_equal(why.kind, AF_FAILURE_USAGE);
    assert_string_equal(why.what, what);
    if (strstr(why.why, why_part) == NULL)
        fail_msg("'%s' does not tell '%s'", why.why, why_part);
}

static void test_what_was_written_is_read_back(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_trace_file *file = af_trace_file_create("t.jsonl", &why);
    struct af_trace *trace = af_trace_new(af_trace_file_line, file, true);
    af_trace_begin(trace, 0, NULL);
    af_trace_integer(trace, "trace", AF_TRACE_VERSION);
    af_trace_string(trace, "flow", "a \"flow\"\n");
    af_trace_json(trace, "file", "[\"f.lua\"]", 9);
    af_trace_json(trace, "hash", "[\"00\"]", 6);
    af_trace_integer(trace, "seed", INT64_MAX);
    af_trace_json(trace, "options", "[]", 2);
    af_trace_json(trace, "parties", "[]", 2);
    af_trace_end(trace);
    af_trace_party(trace, 7, "log", "a", "text", "\xFF is no UTF-8");
    af_trace_begin(trace, 7, "state");
    af_trace_string(trace, "party", "a");
    af_trace_string(trace, "state", NULL);
    af_trace_bool(trace, "entered", true);
    af_trace_data(trace, "{}", 2);
    af_trace_end(trace);
    af_trace_free(trace);
    assert_int_equal(af_trace_file_finish(file, true, &why), 0);

    struct af_trace_memory memory;
    size_t at = 0, len = 0;
    af_trace_memory_init(&memory);
    assert_int_equal(af_trace_memory_read(&memory, "t.jsonl", &why), 0);
    const char *line = af_trace_memory_next(&memory, &at, &len);
    assert_memory_equal(line, "{\"trace\":1,\"flow\":\"a \\\"flow\\\"\\n\"", 32);
    af_trace_memory_release(&memory);
}

static void test_a_trace_may_be_a_header_alone_and_lack_its_last_newline(void **state)
{
    (void)state;
    struct af_failure why;
    assert_int_equal(read_text(HEADER, strlen(HEADER), &why), 0);
    assert_int_equal(read_text(HEADER, strlen(HEADER) - 1, &why), 0);
    assert_int_equal(read_text(HEADER START, strlen(HEADER START) - 1, &why), 0);
}

static void test_what_is_no_file_is_told(void **state)
{
    (void)state;
    struct af_trace_memory memory;
    struct af_failure why = AF_FAILURE_INIT;
    af_trace_memory_init(&memory);
    assert_int_equal(af_trace_memory_read(&memory, "absent", &why), -1);
    assert_int_equal(why.kind, AF_FAILURE_USAGE);
    assert_string_equal(why.what, "absent");
    assert_non_null(strstr(why.why, "No such file"));
    why = AF_FAILURE_INIT;
    assert_int_equal(af_trace_memory_read(&memory, ".", &why), -1);
    assert_non_null(strstr(why.why, "folder"));
    af_trace_memory_release(&memory);
}

static void test_a_header_must_be_one(void **state)
{
    (void)state;
    expect_refused("", "t.jsonl", "empty");
    expect_refused("\n", "t.jsonl:1", "no JSON object");
    expect_refused("hello\n", "t.jsonl:1", "no JSON object");
    expect_refused("{}\n", "t.jsonl:1", "no field 'trace'");
    expect_refused("[]\n", "t.jsonl:1", "no JSON object");
    expect_refused("{\"trace\":\"1\"}\n", "t.jsonl:1", "no field 'trace'");
    expect_refused("{\"trace\":4}\n", "t.jsonl:1", "version 4; this program reads versions 1 to 3");
    expect_refused("{\"trace\":0}\n", "t.jsonl:1", "version 0; this program reads versions 1 to 3");
    expect_refused("{\"trace\":1,\"flow\":\"f\"}\n", "t.jsonl:1", "the header needs");
    expect_refused(START HEADER, "t.jsonl:1", "no field 'trace'");
}

#define SCHEDULED(version, schedule)                                                               \
    "{\"trace\":" version ",\"flow\":\"f\",\"version\":1,\"file\":[\"f.lua\"],\"hash\":[\"00\"],"  \
    "\"seed\":1,\"options\":[]," schedule "\"parties\":[]}\n"

static void test_a_schedule_is_in_headers_of_its_versions(void **state)
{
    (void)state;
    struct af_failure why;
    static const char *const fine[] = {SCHEDULED("1", ""), SCHEDULED("2", "\"schedule\":[],"),
                                       SCHEDULED("2", "\"schedule\":[\"crash\",\"a\"],")};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        assert_int_equal(read_text(fine[i], strlen(fine[i]), &why), 0);
    expect_refused(SCHEDULED("1", "\"schedule\":[],"), "t.jsonl:1", "version 1 has no 'schedule'");
    expect_refused(SCHEDULED("2", ""), "t.jsonl:1", "version 2 needs a list 'schedule'");
    expect_refused(SCHEDULED("3", ""), "t.jsonl:1", "version 3 needs a list 'schedule'");
    expect_refused(SCHEDULED("2", "\"schedule\":null,"), "t.jsonl:1", "needs a list 'schedule'");
    expect_refused(SCHEDULED("2", "\"schedule\":[\"crash\"],"), "t.jsonl:1",
                   "the schedule: step 1: 'crash' needs 1 more word, here are 0");
}

static void test_each_record_is_told_by_its_line(void **state)
{
    (void)state;
    expect_refused(HEADER START "\n", "t.jsonl:3", "no JSON object");
    expect_refused(HEADER START "{\"t\":5,\"kind\":\"no_such\"}\n", "t.jsonl:3",
                   "unknown kind of record 'no_such'");
    expect_refused(HEADER "{\"t\":5}\n", "t.jsonl:2", "unknown kind");
    expect_refused(HEADER "{\"t\":5,\"kind\":3}\n", "t.jsonl:2", "unknown kind");
    expect_refused(HEADER "{\"kind\":\"end\",\"outcome\":\"ok\"}\n", "t.jsonl:2", "'t'");
    expect_refused(HEADER "{\"t\":-1,\"kind\":\"end\",\"outcome\":\"ok\"}\n", "t.jsonl:2", "'t'");
    expect_refused(HEADER "{\"t\":1.5,\"kind\":\"end\",\"outcome\":\"ok\"}\n", "t.jsonl:2", "'t'");
    expect_refused(HEADER START "{\"t\":4,\"kind\":\"end\",\"outcome\":\"ok\"}\n", "t.jsonl:3",
                   "never goes back");
    expect_refused(HEADER "{\"t\":5,\"kind\":\"end\"}\n", "t.jsonl:2", "'outcome'");
    expect_refused(HEADER "{\"t\":5,\"kind\":\"end\",\"outcome\":null}\n", "t.jsonl:2",
                   "'outcome'");
    expect_refused(HEADER "{\"t\":5,\"kind\":\"restart\",\"party\":[\"a\"]}\n", "t.jsonl:2",
                   "'party'");
    expect_refused(HEADER "{\"t\":5,\"kind\":\"crash\",\"party\":\"a\",\"until\":\"6\"}\n",
                   "t.jsonl:2", "'until'");
    expect_refused(HEADER "{\"t\":5,\"kind\":\"done\",\"party\":\"a\"}\n", "t.jsonl:2", "'result'");
    expect_refused(HEADER "{\"t\":5,\"t\":6,\"kind\":\"lost\",\"party\":\"a\"}\n", "t.jsonl:2",
                   "no JSON object");
}

static void test_a_zero_byte_is_no_end(void **state)
{
    (void)state;
    struct af_failure why;
    static const char text[] = HEADER START "{}\0{}";
    assert_int_equal(read_text(text, sizeof text - 1, &why), -1);
    assert_string_equal(why.what, "t.jsonl:3");
}

static void test_null_stands_where_a_value_may_be_unknown(void **state)
{
    (void)state;
    struct af_failure why;
    static const char text[] = HEADER
        "{\"t\":5,\"kind\":\"start\",\"party\":\"a\",\"state\":null,\"data_hash\":\"00\"}\n"
        "{\"t\":5,\"kind\":\"deliver\",\"party\":\"a\",\"from\":null,\"type\":\"x\",\"uuid\":\"u\"}"
        "\n"
        "{\"t\":9223372036854775807,\"kind\":\"done\",\"party\":\"a\",\"result\":null}\n";
    assert_int_equal(read_text(text, strlen(text), &why), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_trace_takes_its_name_when_it_is_whole),
        CASE(test_a_trace_replaces_an_older_one),
        CASE(test_a_trace_that_is_not_kept_leaves_nothing),
        CASE(test_a_file_that_cannot_be_made_is_told),
        CASE(test_a_name_that_a_folder_has_is_told),
        CASE(test_a_full_disk_is_told_with_its_cause),
        CASE(test_a_device_is_written_in_place),
        CASE(test_lines_are_walked_in_order),
        CASE(test_what_was_written_is_read_back),
        CASE(test_a_trace_may_be_a_header_alone_and_lack_its_last_newline),
        CASE(test_what_is_no_file_is_told),
        CASE(test_a_header_must_be_one),
        CASE(test_a_schedule_is_in_headers_of_its_versions),
        CASE(test_each_record_is_told_by_its_line),
        CASE(test_a_zero_byte_is_no_end),
        CASE(test_null_stands_where_a_value_may_be_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
