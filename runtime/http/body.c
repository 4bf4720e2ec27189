/* body.c: where a request's body goes: into memory, or a part of it into a file. */
#include "http/server_impl.h"

#include "base/bounds.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/writer.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define UPLOAD_PREFIX ".upload-"

struct upload {
    struct af_multipart multipart;
    struct af_exchange *exchange;
    struct af_sha256 *sha256;
    struct af_exchange_disk disk;
    int fd;
    struct af_writer *writer; /* NULL: no file could be made */
    char *path;
    struct af_exchange_part part;
};

/* ---- Into memory. ---- */

void af_exchange_take_body(struct af_exchange *exchange, size_t max_bytes, int64_t *share)
{
    exchange->body = BODY_MEMORY;
    exchange->share = share;
    exchange->max_bytes = (int64_t)max_bytes;
    af_http_exchange_resume(exchange);
}

const struct af_buf *af_exchange_body(const struct af_exchange *exchange)
{
    return &exchange->bytes;
}

static void count_bytes(struct af_exchange *exchange, int64_t bytes)
{
    exchange->server->body_bytes += bytes;
    if (exchange->share != NULL)
        *exchange->share += bytes;
}

static void forget_bytes(struct af_exchange *exchange)
{
    count_bytes(exchange, -(int64_t)exchange->bytes.len);
    af_buf_release(&exchange->bytes);
}

static void keep_bytes(struct af_exchange *exchange, const char *bytes, size_t len)
{
    int64_t left = exchange->server->options.body_bytes_max - exchange->server->body_bytes;
    int64_t own = exchange->share == NULL ? 0 : *exchange->share;
    if (own + (int64_t)len > left) {
        af_http_exchange_refuse(exchange, AF_EXCHANGE_BUSY,
                                "too many large requests at a time; try again");
        forget_bytes(exchange); /* or those that grow together would all be refused */
        return;
    }
    size_t before = exchange->bytes.len;
    af_buf_append(&exchange->bytes, bytes, len);
    count_bytes(exchange, (int64_t)(exchange->bytes.len - before));
}

/* ---- Into a file. ---- */

/* Whether so many bytes leave room for others than this caller, and than files: contracts and
 * acknowledgements. A file system that does not say has it. */
static bool has_room(const struct upload *upload, int64_t bytes)
{
    struct statvfs disk;
    bytes += upload->disk.kept_bytes + (upload->disk.share == NULL ? 0 : *upload->disk.share);
    return fstatvfs(upload->fd, &disk) != 0 ||
           (int64_t)(disk.f_bavail * disk.f_frsize) >= bytes + AF_HTTP_UPLOAD_SPARE_BYTES;
}

static void refuse_full(struct upload *upload)
{
    af_http_exchange_refuse(upload->exchange, AF_EXCHANGE_DISK,
                            "the file cannot be kept here: no room, or the disk failed");
}

static bool keep(struct upload *upload, const char *bytes, size_t len)
{
    bool is_look_due =
        upload->part.size_bytes >> 20 != (upload->part.size_bytes + (int64_t)len) >> 20;
    if ((!is_look_due || has_room(upload, 0)) && af_writer_add(upload->writer, bytes, len))
        return true;
    refuse_full(upload);
    return false;
}

static bool write_part(void *arg, const char *bytes, size_t len)
{
    struct upload *upload = arg;
    if (!keep(upload, bytes, len))
        return false;
    upload->part.size_bytes += (int64_t)len;
    if (upload->disk.share != NULL)
        *upload->disk.share += (int64_t)len;
    return true;
}

void af_exchange_take_part(struct af_exchange *exchange, const char *name,
                           const struct af_exchange_disk *disk)
{
    struct upload *upload = af_mem_zero(1, sizeof *upload);
    exchange->body = BODY_PART;
    exchange->max_bytes = disk->max_bytes;
    exchange->upload = upload;
    upload->disk = *disk;
    upload->exchange = exchange;
    upload->fd = -1;
    upload->sha256 = af_sha256_new();
    if (!af_multipart_init(&upload->multipart, af_exchange_header(exchange, "Content-Type"), name,
                           write_part, upload)) {
        af_http_exchange_refuse(exchange, AF_EXCHANGE_BROKEN,
                                "expected a body of multipart/form-data with a boundary");
    } else {
        struct af_buf path = AF_BUF_EMPTY;
        af_buf_printf(&path, "%s/" UPLOAD_PREFIX "XXXXXX", disk->folder);
        upload->path = af_buf_take(&path);
        upload->fd = mkostemp(upload->path, O_CLOEXEC); /* mode 0600 */
        if (upload->fd < 0)
            af_http_exchange_refuse(exchange, AF_EXCHANGE_DISK, "no file can be made here");
        else if (!has_room(upload, exchange->body_length < 0 ? 0 : exchange->body_length))
            refuse_full(upload);
        if (upload->fd >= 0)
            upload->writer = af_writer_new(upload->fd, 0, upload->sha256);
    }
    af_http_exchange_resume(exchange);
}

static void finish_upload(struct af_exchange *exchange)
{
    struct upload *upload = exchange->upload;
    if (upload->multipart.found && !upload->multipart.complete)
        af_http_exchange_refuse(exchange, AF_EXCHANGE_BROKEN, "the body ends within a part");
    if (!af_writer_flush(upload->writer))
        refuse_full(upload);
    af_sha256_hex(upload->sha256, upload->part.sha256);
    upload->part.path = upload->path;
    upload->part.file_name = upload->multipart.file_name;
}

static void release_upload(struct upload *upload)
{
    if (upload->disk.share != NULL)
        *upload->disk.share -= upload->part.size_bytes;
    af_writer_free(upload->writer);
    if (upload->fd >= 0) {
        close(upload->fd);
        unlink(upload->path); /* who wanted it has moved it by now */
    }
    free(upload->path);
    af_sha256_free(upload->sha256);
    af_multipart_release(&upload->multipart);
    free(upload);
}

const struct af_exchange_part *af_exchange_part(const struct af_exchange *exchange)
{
    const struct upload *upload = exchange->upload;
    return upload != NULL && upload->multipart.complete ? &upload->part : NULL;
}

void af_exchange_clean_folder(const char *folder)
{
    DIR *entries = opendir(folder);
    if (entries == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (strncmp(entry->d_name, UPLOAD_PREFIX, sizeof UPLOAD_PREFIX - 1) == 0)
            unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
}

/* ---- Both. ---- */

void af_http_body_receive(struct af_exchange *exchange, const char *bytes, size_t len)
{
    exchange->received_bytes += (int64_t)len;
    if (exchange->is_refused || exchange->body == BODY_NONE)
        return;
    if (exchange->received_bytes > exchange->max_bytes) {
        af_http_exchange_refuse(exchange, AF_EXCHANGE_TOO_LARGE, "the body is too large");
        return;
    }
    if (exchange->body == BODY_MEMORY)
        keep_bytes(exchange, bytes, len);
    else if (!af_multipart_read(&exchange->upload->multipart, bytes, len))
        af_http_exchange_refuse(exchange, AF_EXCHANGE_BROKEN, exchange->upload->multipart.error);
}

void af_http_body_finish(struct af_exchange *exchange)
{
    if (exchange->body == BODY_PART && !exchange->is_refused)
        finish_upload(exchange);
}

void af_http_body_release(struct af_exchange *exchange)
{
    forget_bytes(exchange);
    if (exchange->upload != NULL)
        release_upload(exchange->upload);
    exchange->upload = NULL;
}
