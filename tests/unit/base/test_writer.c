/* test_writer.c: a file is what was added to it, and so is its digest, with a thread and without.
 */
#include "base/writer.h"

#include "base/bounds.h"
#include "base/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

enum { BYTES = 4 * AF_WRITER_ALONE_BYTES + 12345 };

static char *bytes;

static int make_bytes(void **state)
{
    (void)state;
    bytes = malloc(BYTES);
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    return 0;
}

static int free_bytes(void **state)
{
    (void)state;
    free(bytes);
    return 0;
}

static struct af_writer *begin(int *fd, struct af_sha256 *hash)
{
    *fd = memfd_create("writer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(*fd >= 0);
    return af_writer_new(*fd, 0, hash);
}

static void add(struct af_writer *writer, size_t from, size_t to, size_t piece)
{
    for (size_t at = from; at < to; at += piece)
        assert_true(af_writer_add(writer, bytes + at, at + piece > to ? to - at : piece));
}

/* The file's, and then it is closed. */
static void assert_is(int fd, struct af_sha256 *hash, size_t len)
{
    char expected[AF_SHA256_HEX_BYTES], got[AF_SHA256_HEX_BYTES];
    char *there = malloc(len + 1);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(af_io_read(fd, there, len + 1), len);
    assert_memory_equal(there, bytes, len);
    af_sha256_of(bytes, len, expected);
    af_sha256_hex(hash, got);
    assert_string_equal(got, expected);
    free(there);
    close(fd);
}

static void test_pieces_of_any_size(void **state)
{
    (void)state;
    static const size_t pieces[] = {8021, AF_WRITER_PIECE_BYTES, AF_WRITER_PIECE_BYTES + 1, BYTES};
    struct af_sha256 *hash = af_sha256_new();
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        int fd;
        struct af_writer *writer = begin(&fd, hash);
        add(writer, 0, BYTES, pieces[i]);
        assert_true(af_writer_flush(writer));
        af_writer_free(writer);
        assert_is(fd, hash, BYTES);
    }
    af_sha256_free(hash);
}

static void test_goes_on_after_a_flush(void **state)
{
    (void)state;
    static const size_t ends[] = {0, 10, 2 * AF_WRITER_ALONE_BYTES + 1, BYTES - 1, BYTES};
    int fd;
    struct af_sha256 *hash = af_sha256_new();
    struct af_writer *writer = begin(&fd, hash);
    for (size_t i = 1; i < sizeof ends / sizeof *ends; i++) {
        add(writer, ends[i - 1], ends[i], 5000);
        assert_true(af_writer_flush(writer));
        assert_int_equal(lseek(fd, 0, SEEK_END), ends[i]);
    }
    af_writer_free(writer);
    assert_is(fd, hash, BYTES);
    af_sha256_free(hash);
}

/* More at a time than there are threads for. */
static void test_many_at_a_time(void **state)
{
    (void)state;
    enum { FILES = 2 * AF_WRITER_THREADS_MAX };
    int fds[FILES];
    struct af_sha256 *hashes[FILES];
    struct af_writer *writers[FILES];
    for (size_t i = 0; i < FILES; i++) {
        hashes[i] = af_sha256_new();
        writers[i] = begin(&fds[i], hashes[i]);
    }
    for (size_t at = 0; at < BYTES; at += 50000)
        for (size_t i = 0; i < FILES; i++)
            add(writers[i], at, at + 50000 > BYTES ? BYTES : at + 50000, 50000);
    for (size_t i = 0; i < FILES; i++) {
        assert_true(af_writer_flush(writers[i]));
        af_writer_free(writers[i]);
        assert_is(fds[i], hashes[i], BYTES);
        af_sha256_free(hashes[i]);
    }
}

/* Told at once or later, by whichever call comes next, and not forgotten. */
static void test_a_disk_that_takes_no_more_is_told(void **state)
{
    (void)state;
    static const size_t lens[] = {100, BYTES};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        struct af_writer *writer = af_writer_new(fd, 0, NULL);
        af_writer_add(writer, bytes, lens[i]);
        assert_false(af_writer_flush(writer));
        assert_false(af_writer_add(writer, bytes, 1) && af_writer_flush(writer));
        af_writer_free(writer);
        close(fd);
    }
}

/* The same, where the thread meets it. */
static void test_a_file_that_is_full_later_is_told(void **state)
{
    (void)state;
    int fd;
    struct af_writer *writer = begin(&fd, NULL);
    add(writer, 0, 2 * AF_WRITER_ALONE_BYTES, 100000);
    assert_true(af_writer_flush(writer));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    bool ok = true;
    for (int i = 0; i < 4 && ok; i++)
        ok = af_writer_add(writer, bytes, AF_WRITER_PIECE_BYTES);
    assert_false(ok && af_writer_flush(writer));
    assert_false(af_writer_flush(writer));
    af_writer_free(writer);
    close(fd);
}

static void test_freed_with_bytes_on_their_way(void **state)
{
    (void)state;
    int fd;
    struct af_writer *writer = begin(&fd, NULL);
    add(writer, 0, BYTES, 70000);
    af_writer_free(writer);
    assert_int_equal(lseek(fd, 0, SEEK_END), BYTES);
    close(fd);
    af_writer_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_of_any_size),
        cmocka_unit_test(test_goes_on_after_a_flush),
        cmocka_unit_test(test_many_at_a_time),
        cmocka_unit_test(test_a_disk_that_takes_no_more_is_told),
        cmocka_unit_test(test_a_file_that_is_full_later_is_told),
        cmocka_unit_test(test_freed_with_bytes_on_their_way),
    };
    return cmocka_run_group_tests(tests, make_bytes, free_bytes);
}
