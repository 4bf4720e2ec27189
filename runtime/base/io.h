/* io.h: bytes into a file descriptor, and out of one. */
#ifndef AF_IO_H
#define AF_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct af_buf;

/* Writes all of the bytes, also where the system takes them in pieces or a signal comes between.
 * Returns false, with errno set, where it takes no more; some may have been written. */
bool af_io_write_all(int fd, const void *bytes, size_t len);

/* Behind the name of a file that is written beside its place first. One of before, that was broken
 * off, is removed: nobody else's has such a name. */
#define AF_IO_UNFINISHED ".unfinished"

/* Writes a file anew, with mode 0600: it and its name are on the disk, whole, when this returns, or
 * all is as before. One caller at a time: what it writes is PATH.unfinished until then. Returns
 * false, with errno set, where that fails. */
bool af_io_replace(const char *path, const void *bytes, size_t len);

/* Has the disk know all of a file, or of a folder by which names its files go. Returns false, with
 * errno set, where that fails. */
bool af_io_sync(const char *path);

/* Reads until the end, or until max bytes are there. Returns how many, or -1 with errno set. */
ssize_t af_io_read(int fd, void *bytes, size_t max);

/* Appends all up to the end. Returns false with errno set: EFBIG where that is more than max bytes;
 * some may have been appended. */
bool af_io_read_all(int fd, struct af_buf *out, size_t max);

/* Of a large file of which so many bytes are there: has the disk begin with them, so that whoever
 * makes the file durable need not wait for all of it. *told is how many it has been told of. A
 * hint: where it fails, that one waits longer. */
void af_io_write_out(int fd, int64_t bytes, int64_t *told);

/* Whether the file at path is the one that stat() told of then, and has not been written since;
 * none was there if *was is zeroed. A path of NULL is always so. */
bool af_io_is_same_file(const char *path, const struct stat *was);

#endif
