/* test_io.c: all of a file, whatever its pieces, and no more than is allowed. */
#include "base/buf.h"
#include "base/io.h"
#include "lib/descriptors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

/* A file of len bytes that differ from their neighbours, read from its start. */
static int make_file(size_t len)
{
    int fd = memfd_create("io", MFD_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t i = 0; i < len; i++) {
        char byte = (char)('a' + i % 23);
        assert_true(af_io_write_all(fd, &byte, 1));
    }
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void test_a_file_of_any_length_is_read_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 200000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct af_buf out = AF_BUF_EMPTY;
        int fd = make_file(sizes[i]);
        af_buf_append_string(&out, "before");
        assert_true(af_io_read_all(fd, &out, sizes[i]));
        assert_int_equal(out.len, 6 + sizes[i]);
        assert_memory_equal(out.data, "before", 6);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(out.data[6 + k], 'a' + k % 23);
        af_buf_release(&out);
        close(fd);
    }
}

static void test_a_byte_too_many_is_told(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 65536, 65537};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct af_buf out = AF_BUF_EMPTY;
        int fd = make_file(sizes[i]);
        assert_false(af_io_read_all(fd, &out, sizes[i] - 1));
        assert_int_equal(errno, EFBIG);
        af_buf_release(&out);
        close(fd);
    }
}

static void test_pieces_of_a_pipe_are_put_together(void **state)
{
    (void)state;
    int ends[2];
    char text[16] = "";
    assert_int_equal(pipe(ends), 0);
    assert_true(af_io_write_all(ends[1], "one ", 4));
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        _exit(af_io_write_all(ends[1], "two", 3) ? 0 : 1);
    }
    close(ends[1]);
    assert_int_equal(af_io_read(ends[0], text, sizeof text), 7);
    assert_string_equal(text, "one two");
    close(ends[0]);
}

static void test_what_cannot_be_read_is_told(void **state)
{
    (void)state;
    struct af_buf out = AF_BUF_EMPTY;
    char byte;
    assert_false(af_io_read_all(-1, &out, 10));
    assert_int_equal(errno, EBADF);
    assert_int_equal(af_io_read(-1, &byte, 1), -1);
    af_buf_release(&out);
}

static void test_a_file_that_is_synced_is_closed_again(void **state)
{
    (void)state;
    int before = count_descriptors();
    assert_true(af_io_sync("/"));
    assert_false(af_io_sync("/nowhere"));
    assert_int_equal(errno, ENOENT);
    assert_int_equal(count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_of_any_length_is_read_whole),
        cmocka_unit_test(test_a_byte_too_many_is_told),
        cmocka_unit_test(test_pieces_of_a_pipe_are_put_together),
        cmocka_unit_test(test_what_cannot_be_read_is_told),
        cmocka_unit_test(test_a_file_that_is_synced_is_closed_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
