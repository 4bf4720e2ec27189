/* test_multipart.c: one file out of a multipart body, however the body is cut. */
#include "http/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TYPE "multipart/form-data; boundary=b42"

struct sink {
    struct af_buf bytes;
    bool refuse;
};

static bool write_sink(void *arg, const char *bytes, size_t len)
{
    struct sink *sink = arg;
    af_buf_append(&sink->bytes, bytes, len);
    return !sink->refuse;
}

struct outcome {
    char *bytes;
    size_t len;
    bool ok, complete;
    char *name;
};

/* Reads a body in pieces of so many bytes. */
static struct outcome read_body(const char *body, size_t len, const char *wanted, size_t piece)
{
    struct sink sink = {AF_BUF_EMPTY, false};
    struct af_multipart multipart;
    struct outcome outcome = {NULL, 0, true, false, NULL};
    assert_true(af_multipart_init(&multipart, TYPE, wanted, write_sink, &sink));
    for (size_t at = 0; at < len && outcome.ok; at += piece) {
        outcome.ok = af_multipart_read(&multipart, body + at, len - at < piece ? len - at : piece);
        assert_int_equal(outcome.ok, multipart.error == NULL); /* it is told at once */
    }
    outcome.complete = multipart.complete;
    outcome.name = multipart.file_name == NULL ? NULL : strdup(multipart.file_name);
    outcome.len = sink.bytes.len;
    outcome.bytes = af_buf_take(&sink.bytes);
    af_multipart_release(&multipart);
    return outcome;
}

static void expect(const char *body, const char *wanted, const char *bytes, const char *name)
{
    size_t len = strlen(body);
    for (size_t piece = 1; piece <= len + 1; piece++) {
        struct outcome outcome = read_body(body, len, wanted, piece);
        assert_true(outcome.ok);
        assert_true(outcome.complete);
        assert_string_equal(outcome.bytes, bytes);
        if (name == NULL)
            assert_null(outcome.name);
        else
            assert_string_equal(outcome.name, name);
        free(outcome.bytes);
        free(outcome.name);
    }
}

static void refuse(const char *body)
{
    for (size_t piece = 1; piece <= strlen(body); piece++) {
        struct outcome outcome = read_body(body, strlen(body), "files", piece);
        assert_false(outcome.ok);
        assert_false(outcome.complete);
        free(outcome.bytes);
        free(outcome.name);
    }
}

#define PART(name)                                                                                 \
    "--b42\r\nContent-Disposition: form-data; name=\"" name "\"; filename=\"a.zip\"\r\n"

static void test_a_part_is_found_however_the_body_is_cut(void **state)
{
    (void)state;
    expect(PART("files") "\r\nxyz\r\n--b42--\r\n", "files", "xyz", "a.zip");
    expect(PART("files") "Content-Type: x\r\n\r\nxyz\r\n--b42--\r\n", "files", "xyz", "a.zip");
    expect("before\r\n" PART("files") "\r\nxyz\r\n--b42--\r\nafter", "files", "xyz", "a.zip");
}

static void test_what_looks_like_a_delimiter_is_data(void **state)
{
    (void)state;
    expect(PART("files") "\r\n\r\r\n\r\n--\r\n--b4\r\n--b4\r\n--b42--", "files",
           "\r\r\n\r\n--\r\n--b4\r\n--b4", "a.zip");
    expect(PART("files") "\r\n\r\n--b42--", "files", "", "a.zip");
}

static void test_only_the_first_part_of_that_name_counts(void **state)
{
    (void)state;
    expect(PART("other") "\r\nno\r\n" PART("files") "\r\nyes\r\n" PART(
               "files") "\r\nno\r\n--b42--\r\n",
           "files", "yes", "a.zip");
    expect(PART("other") "\r\nyes\r\n--b42--\r\n", NULL, "yes", "a.zip");
}

static void test_names_in_all_their_forms(void **state)
{
    (void)state;
#define NAMED(text)                                                                                \
    "--b42\r\ncontent-disposition: form-data; name=files" text "\r\n\r\nx\r\n--b42--\r\n"
    expect(NAMED(""), "files", "x", NULL);
    expect(NAMED("; filename=plain.py"), "files", "x", "plain.py");
    expect(NAMED("; filename=\"a;\\\"b\\\\.py\""), "files", "x", "a;\"b\\.py");
    expect(NAMED("; filename*=utf-8''%E8%8A%82.zip"), "files", "x", "\xe8\x8a\x82.zip");
    expect(NAMED("; filename=old; filename*=utf-8''%zz%4"), "files", "x", "%zz%4");
}

static void test_a_name_that_is_too_long_is_none(void **state)
{
    (void)state;
    for (int len = AF_MULTIPART_FILE_NAME_MAX; len <= AF_MULTIPART_FILE_NAME_MAX + 1; len++) {
        char body[AF_MULTIPART_FILE_NAME_MAX + 200];
        int size = snprintf(body, sizeof body, NAMED("; filename=%0*d"), len, 0);
        struct outcome outcome = read_body(body, (size_t)size, "files", (size_t)size);
        assert_true(outcome.complete);
        if (len == AF_MULTIPART_FILE_NAME_MAX)
            assert_int_equal(strlen(outcome.name), len);
        else
            assert_null(outcome.name);
        free(outcome.bytes);
        free(outcome.name);
    }
}

static void test_a_broken_body_is_refused(void **state)
{
    (void)state;
    refuse("--b42x\r\n\r\n");
    refuse("--b42-\r\n");
    refuse("--b42\r\nA: b\n\r\nxyz\r\n--b42--");
}

static void test_endless_headers_are_refused(void **state)
{
    (void)state;
    struct af_buf body = AF_BUF_EMPTY;
    af_buf_append_string(&body, "--b42\r\nA: ");
    for (int i = 0; i < AF_MULTIPART_HEADERS_MAX; i++)
        af_buf_append_char(&body, 'x');
    struct outcome outcome = read_body(body.data, body.len, "files", 100);
    assert_false(outcome.ok);
    free(outcome.bytes);
    af_buf_release(&body);
}

static void test_a_body_that_ends_early_is_not_complete(void **state)
{
    (void)state;
    static const char body[] = PART("files") "\r\nxyz\r\n--b4";
    struct outcome outcome = read_body(body, sizeof body - 1, "files", 7);
    assert_true(outcome.ok);
    assert_false(outcome.complete);
    free(outcome.bytes);
    free(outcome.name);
}

static void test_only_multipart_with_a_boundary_is_read(void **state)
{
    (void)state;
    struct af_multipart multipart;
#define BOUNDARY_OF_71 "12345678901234567890123456789012345678901234567890123456789012345678901"
    static const char *const types[] = {
        "application/json",
        "multipart/form-data",
        "multipart/form-dataX; boundary=b",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a",
        "multipart/form-data; boundary=\"a\x01\"",
        ("multipart/form-data; boundary=" BOUNDARY_OF_71),
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        assert_false(af_multipart_init(&multipart, types[i], "files", write_sink, NULL));
        af_multipart_release(&multipart);
    }
    assert_false(af_multipart_init(&multipart, NULL, "files", write_sink, NULL));
    assert_true(af_multipart_init(&multipart, "Multipart/Form-Data; x=y; Boundary=\"b c\"", "files",
                                  write_sink, NULL));
    af_multipart_release(&multipart);
}

static void test_a_write_that_fails_ends_the_reading(void **state)
{
    (void)state;
    struct sink sink = {AF_BUF_EMPTY, true};
    struct af_multipart multipart;
    static const char body[] = PART("files") "\r\nxyz";
    assert_true(af_multipart_init(&multipart, TYPE, "files", write_sink, &sink));
    assert_false(af_multipart_read(&multipart, body, sizeof body - 1));
    assert_false(af_multipart_read(&multipart, "more", 4));
    assert_int_equal(sink.bytes.len, 3);
    af_multipart_release(&multipart);
    af_buf_release(&sink.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_part_is_found_however_the_body_is_cut),
        cmocka_unit_test(test_what_looks_like_a_delimiter_is_data),
        cmocka_unit_test(test_only_the_first_part_of_that_name_counts),
        cmocka_unit_test(test_names_in_all_their_forms),
        cmocka_unit_test(test_a_name_that_is_too_long_is_none),
        cmocka_unit_test(test_a_broken_body_is_refused),
        cmocka_unit_test(test_endless_headers_are_refused),
        cmocka_unit_test(test_a_body_that_ends_early_is_not_complete),
        cmocka_unit_test(test_only_multipart_with_a_boundary_is_read),
        cmocka_unit_test(test_a_write_that_fails_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
