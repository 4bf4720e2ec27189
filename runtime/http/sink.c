/* sink.c: what comes back. A file is written beside its place, under another name, and takes
 * its name when all of it is there and has the right digest. Answers that are no 2xx go to memory,
 * where a little of them is enough to tell what is wrong.
 *
 * A file whose digest is known is fetched in as many pieces as it takes: what has come stays in
 * PATH.<digest>.part, and the next attempt asks for the rest. */
#include "http/impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/writer.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void af_http_sink_init(struct af_http_sink *sink, const struct af_http_request *request)
{
    *sink = (struct af_http_sink){
        .max_bytes = request->max_bytes, .needs_length = !request->post, .fd = -1};
    if (request->sha256 != NULL) {
        sink->sha256 = af_mem_string(request->sha256);
        sink->hash = af_sha256_new();
    }
    if (request->path != NULL) {
        size_t size = strlen(request->path) + sizeof ".0123456789abcdef.part";
        sink->path = af_mem_string(request->path);
        sink->temporary = af_mem_alloc(size);
    }
    af_http_sink_clear(sink);
}

/* Before the file or the hash is touched otherwise than by it. Returns whether all was written. */
static bool end_writer(struct af_http_sink *sink)
{
    bool ok = sink->writer == NULL || af_writer_flush(sink->writer);
    af_writer_free(sink->writer);
    sink->writer = NULL;
    return ok;
}

void af_http_sink_drop(struct af_http_sink *sink)
{
    if (sink->fd < 0)
        return;
    end_writer(sink);
    close(sink->fd);
    unlink(sink->temporary);
    sink->fd = -1;
}

/* Takes up what another process has left; false: it is none that can be gone on with. */
static bool read_part(struct af_http_sink *sink)
{
    struct stat info;
    unsigned char piece[65536];
    ssize_t got = 0;
    if (flock(sink->fd, LOCK_EX | LOCK_NB) != 0 || fstat(sink->fd, &info) != 0 ||
        !S_ISREG(info.st_mode) || info.st_nlink != 1 || info.st_size > sink->max_bytes)
        return false;
    while ((got = read(sink->fd, piece, sizeof piece)) > 0) {
        af_sha256_add(sink->hash, piece, (size_t)got);
        sink->bytes += got;
    }
    return got == 0;
}

static void start_over(struct af_http_sink *sink)
{
    end_writer(sink);
    sink->bytes = sink->from_bytes = 0;
    if (sink->hash != NULL)
        af_sha256_restart(sink->hash);
}

/* Opens what will be the file. */
static void open_file(struct af_http_sink *sink)
{
    size_t size = strlen(sink->path) + sizeof ".0123456789abcdef.part";
    if (sink->sha256 != NULL) {
        start_over(sink);
        snprintf(sink->temporary, size, "%s.%.16s.part", sink->path, sink->sha256);
        sink->fd = open(sink->temporary, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (sink->fd >= 0 && read_part(sink))
            return;
        if (sink->fd >= 0)
            close(sink->fd); /* whoever has it keeps it */
        start_over(sink);
    }
    snprintf(sink->temporary, size, "%s.XXXXXX", sink->path);
    sink->fd = mkostemp(sink->temporary, O_CLOEXEC); /* 0600 */
}

void af_http_sink_clear(struct af_http_sink *sink)
{
    bool goes_on = sink->path != NULL && sink->sha256 != NULL;
    if (!goes_on)
        af_http_sink_drop(sink);
    else if (sink->fd < 0)
        open_file(sink);
    if (!goes_on || sink->fd < 0)
        start_over(sink);
    af_buf_clear(&sink->headers);
    af_buf_clear(&sink->body);
    sink->from_bytes = sink->bytes;
    sink->total_bytes = -1;
    sink->status = 0;
    sink->has_header = sink->has_begun = false;
    sink->trouble = NULL;
}

void af_http_sink_release(struct af_http_sink *sink)
{
    af_http_sink_drop(sink);
    af_buf_release(&sink->headers);
    af_buf_release(&sink->body);
    free(sink->path);
    free(sink->temporary);
    free(sink->sha256);
    af_sha256_free(sink->hash);
}

static bool is_good(const struct af_http_sink *sink)
{
    return sink->status >= 200 && sink->status < 300;
}

bool af_http_sink_header(struct af_http_sink *sink, const char *line, size_t len)
{
    if (len > 9 && memcmp(line, "HTTP/", 5) == 0) { /* of the last answer: not of a 100 before it */
        const char *space = memchr(line, ' ', len);
        af_buf_clear(&sink->headers);
        sink->status = 0;
        sink->has_header = false;
        for (const char *at = space == NULL ? line + len : space + 1;
             at < line + len && isdigit((unsigned char)*at) && sink->status < 100; at++)
            sink->status = sink->status * 10 + (*at - '0');
        return true;
    }
    if (len <= 2 && (line[0] == '\r' || line[0] == '\n'))
        sink->has_header = true;
    if (sink->headers.len + len > AF_HTTP_HEADER_BYTES_MAX) {
        sink->trouble = "its header is too large";
        return false;
    }
    af_buf_append(&sink->headers, line, len);
    return true;
}

static int64_t header_number(const struct af_http_sink *sink, const char *name, const char *before)
{
    struct af_http_answer answer = {.headers = af_buf_text(&sink->headers)};
    size_t len, before_len = strlen(before);
    const char *value = af_http_answer_header(&answer, name, 0, &len);
    if (value == NULL || len > before_len + 40 || strncasecmp(value, before, before_len) != 0 ||
        !isdigit((unsigned char)value[before_len]))
        return -1;
    return strtoll(value + before_len, NULL, 10);
}

/* Whether the body that begins is what is missing; a server that knows no parts sends all of it. */
static bool begin_body(struct af_http_sink *sink)
{
    sink->has_begun = true;
    if (sink->from_bytes > 0 && sink->status != 206) {
        end_writer(sink);
        if (sink->fd >= 0 && (ftruncate(sink->fd, 0) != 0 || lseek(sink->fd, 0, SEEK_SET) != 0))
            sink->trouble = "the file cannot be written";
        start_over(sink);
    } else if (sink->status == 206 &&
               header_number(sink, "Content-Range", "bytes ") != sink->from_bytes) {
        sink->trouble = "it came in another part than was asked for";
    }
    int64_t length = header_number(sink, "Content-Length", "");
    sink->total_bytes = length < 0 ? -1 : sink->from_bytes + length;
    if (sink->path == NULL && length > 0 && length <= sink->max_bytes)
        af_buf_reserve(&sink->body, (size_t)length + 1); /* and its 0 byte */
    return sink->trouble == NULL;
}

static bool write_file(struct af_http_sink *sink, const char *bytes, size_t len)
{
    if (sink->fd < 0)
        open_file(sink);
    if (sink->writer == NULL && sink->fd >= 0)
        sink->writer = af_writer_new(sink->fd, sink->bytes, sink->hash);
    if (sink->fd < 0 || !af_writer_add(sink->writer, bytes, len))
        sink->trouble = "the file cannot be written";
    sink->bytes += (int64_t)len;
    return sink->trouble == NULL;
}

bool af_http_sink_write(struct af_http_sink *sink, const char *bytes, size_t len)
{
    if (!is_good(sink)) {
        size_t room = AF_HTTP_ERROR_BYTES_MAX - sink->body.len;
        af_buf_append(&sink->body, bytes, len < room ? len : room);
        return true;
    }
    if (!sink->has_begun && !begin_body(sink))
        return false;
    if ((int64_t)len > sink->max_bytes - sink->bytes) {
        sink->trouble = "it is larger than allowed";
        return false;
    }
    if (sink->path != NULL)
        return write_file(sink, bytes, len);
    sink->bytes += (int64_t)len;
    if (sink->hash != NULL)
        af_sha256_add(sink->hash, bytes, len);
    af_buf_append(&sink->body, bytes, len);
    if (sink->body.full)
        sink->trouble = "it is larger than allowed";
    return sink->trouble == NULL;
}

static bool has_digest(struct af_http_sink *sink)
{
    char hex[AF_SHA256_HEX_BYTES];
    if (sink->sha256 == NULL)
        return true;
    af_sha256_hex(sink->hash, hex);
    return strcasecmp(hex, sink->sha256) == 0;
}

/* Libcurl takes an answer without a length for whole when the connection ends. */
static bool is_whole(const struct af_http_sink *sink)
{
    struct af_http_answer answer = {.headers = af_buf_text(&sink->headers)};
    size_t len;
    return !sink->needs_length || sink->status == 204 ||
           af_http_answer_header(&answer, "Content-Length", 0, &len) != NULL ||
           af_http_answer_header(&answer, "Transfer-Encoding", 0, &len) != NULL;
}

bool af_http_sink_finish(struct af_http_sink *sink)
{
    if (!is_good(sink) || (!sink->has_begun && !begin_body(sink)))
        return !is_good(sink);
    if (sink->sha256 == NULL && !is_whole(sink))
        sink->trouble = "its length is not told, so nobody knows whether it is whole";
    else if (!end_writer(sink))
        sink->trouble = "the file cannot be written";
    else if (!has_digest(sink))
        sink->trouble = "its SHA-256 is not the expected one";
    else if (sink->path != NULL && write_file(sink, "", 0)) { /* an empty one is a file too */
        end_writer(sink);
        bool ok = fsync(sink->fd) == 0;
        ok = close(sink->fd) == 0 && ok;
        ok = ok && rename(sink->temporary, sink->path) == 0;
        if (!ok) {
            unlink(sink->temporary);
            sink->trouble = "the file cannot be written";
        }
        sink->fd = -1;
    }
    return sink->trouble == NULL;
}

const char *af_http_answer_header(const struct af_http_answer *answer, const char *name, size_t nth,
                                  size_t *len)
{
    size_t name_len = strlen(name);
    for (const char *line = answer->headers, *end; line != NULL && *line != '\0'; line = end) {
        end = strchr(line, '\n');
        const char *stop = end == NULL ? line + strlen(line) : end;
        end = end == NULL ? stop : end + 1;
        if (strncasecmp(line, name, name_len) != 0 || line[name_len] != ':' || nth-- > 0)
            continue;
        const char *start = line + name_len + 1;
        while (start < stop && isspace((unsigned char)*start))
            start++;
        while (stop > start && isspace((unsigned char)stop[-1]))
            stop--;
        *len = (size_t)(stop - start);
        return start;
    }
    return NULL;
}
