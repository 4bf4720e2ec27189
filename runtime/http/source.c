/* source.c: the body of a request. A form is written by hand, not by libcurl, so that it is
 * byte for byte what the platform's own client sends. */
#include "http/impl.h"

#include "base/failure.h"
#include "base/mem.h"
#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A name inside of quotes: what would end it, or the line, is percent-encoded, as browsers do. */
static void append_quoted(struct af_buf *buf, const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\' || (unsigned char)*at < 0x20 || *at == 0x7F)
            af_buf_printf(buf, "%%%02X", (unsigned)(unsigned char)*at);
        else
            af_buf_append_char(buf, *at);
    }
}

static void make_form(struct af_http_source *source, const struct af_http_upload *upload)
{
    const char *boundary = source->boundary;
    af_buf_printf(&source->head, "--%s\r\nContent-Disposition: form-data; name=\"", boundary);
    append_quoted(&source->head, upload->part);
    af_buf_append_string(&source->head, "\"; filename=\"");
    append_quoted(&source->head, upload->filename);
    af_buf_append_string(&source->head, "\"\r\n\r\n");
    af_buf_printf(&source->tail, "\r\n--%s--\r\n", boundary);
    if (upload->path != NULL) {
        source->path = af_mem_string(upload->path);
    } else {
        source->bytes = af_mem_copy(upload->bytes, upload->bytes_len);
        source->middle_bytes = (int64_t)upload->bytes_len;
    }
}

void af_http_source_init(struct af_http_source *source, const struct af_http_request *request,
                         struct af_rng *rng)
{
    *source = (struct af_http_source){.fd = -1, .middle_bytes = -1};
    if (request->upload == NULL) {
        af_buf_append(&source->head, request->body, request->body_len);
        source->middle_bytes = 0;
        return;
    }
    if (request->upload->sha256 != NULL)
        snprintf(source->sha256, sizeof source->sha256, "%s", request->upload->sha256);
    else
        source->hash = af_sha256_new();
    unsigned long long first = af_rng_next(rng), second = af_rng_next(rng);
    snprintf(source->boundary, sizeof source->boundary, "%016llx%016llx", first, second);
    make_form(source, request->upload);
}

void af_http_source_release(struct af_http_source *source)
{
    if (source->fd >= 0)
        close(source->fd);
    if (source->head.data != NULL)
        sodium_memzero(source->head.data, source->head.len); /* a login, perhaps */
    af_buf_release(&source->head);
    af_buf_release(&source->tail);
    free(source->path);
    free(source->bytes);
    af_sha256_free(source->hash);
}

/* Opens the file that is sent; -1: see errno. */
static int open_file(struct af_http_source *source)
{
    struct stat info;
    if (source->fd < 0)
        source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (source->fd < 0 || fstat(source->fd, &info) != 0)
        return -1;
    if (!S_ISREG(info.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    source->middle_bytes = info.st_size;
    return 0;
}

int af_http_source_rewind(struct af_http_source *source, struct af_failure *why)
{
    if (source->path != NULL && open_file(source) != 0)
        return af_failure_set(why, AF_FAILURE_FLOW, source->path, "cannot be read: %s",
                              errno == EINVAL ? "it is not a plain file" : strerror(errno));
    source->total_bytes =
        (int64_t)source->head.len + source->middle_bytes + (int64_t)source->tail.len;
    source->at = source->hashed_bytes = 0;
    if (source->hash != NULL)
        af_sha256_restart(source->hash);
    return 0;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t read_middle(struct af_http_source *source, char *to, int64_t size)
{
    int64_t at = source->at - (int64_t)source->head.len;
    int64_t want = smaller(size, source->middle_bytes - at);
    ssize_t got = (ssize_t)want;
    if (source->bytes != NULL) {
        memcpy(to, source->bytes + at, (size_t)want);
    } else {
        while ((got = pread(source->fd, to, (size_t)want, at)) < 0 && errno == EINTR)
            continue;
    }
    if (got > 0 && source->hash != NULL && at == source->hashed_bytes) {
        af_sha256_add(source->hash, to, (size_t)got);
        source->hashed_bytes += got;
    }
    return got == 0 ? -1 : got; /* it has become shorter */
}

void af_http_source_digest(struct af_http_source *source, char hex[65])
{
    memcpy(hex, source->sha256, sizeof source->sha256);
    if (source->hash != NULL && source->hashed_bytes == source->middle_bytes)
        af_sha256_hex(source->hash, hex);
}

int64_t af_http_source_read(struct af_http_source *source, char *to, size_t size)
{
    int64_t head_len = (int64_t)source->head.len;
    int64_t tail_start = head_len + source->middle_bytes, got;
    if (source->at < head_len) {
        got = smaller((int64_t)size, head_len - source->at);
        memcpy(to, source->head.data + source->at, (size_t)got);
    } else if (source->at < tail_start) {
        got = read_middle(source, to, (int64_t)size);
    } else {
        got = smaller((int64_t)size, source->total_bytes - source->at);
        if (got > 0)
            memcpy(to, source->tail.data + (source->at - tail_start), (size_t)got);
    }
    if (got > 0)
        source->at += got;
    return got;
}

int64_t af_http_source_sent(const struct af_http_source *source)
{
    int64_t sent = source->at - (int64_t)source->head.len;
    return sent < 0 ? 0 : smaller(sent, source->middle_bytes);
}
