/* io.c: see io.h. */
#include "base/io.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 16, WRITE_OUT = 8 << 20 };

bool af_io_write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t put = write(fd, at, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        at += put;
        len -= (size_t)put;
    }
    return true;
}

bool af_io_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    int failed = errno;
    if (fd >= 0)
        close(fd);
    errno = failed;
    return ok;
}

static bool sync_folder_of(const char *path)
{
    char *folder = af_mem_string(path), *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder ? 1 : 0] = '\0';
    bool ok = af_io_sync(slash == NULL ? "." : folder);
    int failed = errno;
    free(folder);
    errno = failed;
    return ok;
}

bool af_io_replace(const char *path, const void *bytes, size_t len)
{
    struct af_buf name = AF_BUF_EMPTY;
    af_buf_printf(&name, "%s" AF_IO_UNFINISHED, path);
    const char *new = af_buf_text(&name);
    unlink(new); /* of one that was broken off */
    int fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && af_io_write_all(fd, bytes, len) && fsync(fd) == 0 &&
              rename(new, path) == 0 && sync_folder_of(path);
    int failed = errno;
    if (fd >= 0)
        close(fd);
    if (!ok)
        unlink(new);
    af_buf_release(&name);
    errno = failed;
    return ok;
}

ssize_t af_io_read(int fd, void *bytes, size_t max)
{
    size_t len = 0;
    while (len < max) {
        ssize_t got = read(fd, (char *)bytes + len, max - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        len += (size_t)got;
    }
    return (ssize_t)len;
}

bool af_io_read_all(int fd, struct af_buf *out, size_t max)
{
    size_t before = out->len;
    ssize_t got = PIECE;
    while (got == PIECE && out->len - before <= max) {
        if (!af_buf_reserve(out, PIECE))
            break;
        got = af_io_read(fd, out->data + out->len, PIECE);
        if (got < 0)
            return false;
        out->len += (size_t)got;
    }
    if (!out->full && out->len - before <= max)
        return true;
    errno = EFBIG;
    return false;
}

void af_io_write_out(int fd, int64_t bytes, int64_t *told)
{
    if (bytes - *told < WRITE_OUT)
        return;
    sync_file_range(fd, *told, bytes - *told, SYNC_FILE_RANGE_WRITE);
    *told = bytes;
}

bool af_io_is_same_file(const char *path, const struct stat *was)
{
    struct stat now;
    if (path == NULL)
        return true;
    if (stat(path, &now) != 0)
        return was->st_ino == 0; /* nor was it there */
    return (now.st_ino == was->st_ino && now.st_dev == was->st_dev && now.st_size == was->st_size &&
            now.st_mtim.tv_sec == was->st_mtim.tv_sec &&
            now.st_mtim.tv_nsec == was->st_mtim.tv_nsec);
}
