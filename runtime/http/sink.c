/* sink.c: what comes back. A file is written beside its place, under another name, and takes
 * its name when all of it is there and has the right digest. Answers that are no 2xx go to memory,
 * where a little of them is enough to tell what is wrong. */
#include "http/impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/io.h"
#include "base/mem.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

void af_http_sink_init(struct af_http_sink *sink, const struct af_http_request *request)
{
    *sink = (struct af_http_sink){
        .max_bytes = request->max_bytes, .needs_length = !request->post, .fd = -1};
    if (request->sha256 != NULL)
        sink->sha256 = af_mem_string(request->sha256);
    if (request->path != NULL) {
        size_t size = strlen(request->path) + sizeof ".XXXXXX";
        sink->path = af_mem_string(request->path);
        sink->temporary = af_mem_alloc(size);
    }
    af_http_sink_clear(sink);
}

static void drop_file(struct af_http_sink *sink)
{
    if (sink->fd < 0)
        return;
    close(sink->fd);
    unlink(sink->temporary);
    sink->fd = -1;
}

void af_http_sink_clear(struct af_http_sink *sink)
{
    drop_file(sink);
    af_buf_clear(&sink->headers);
    af_buf_clear(&sink->body);
    sink->bytes = 0;
    sink->status = 0;
    sink->has_header = false;
    sink->trouble = NULL;
    crypto_hash_sha256_init(&sink->hash);
}

void af_http_sink_release(struct af_http_sink *sink)
{
    drop_file(sink);
    af_buf_release(&sink->headers);
    af_buf_release(&sink->body);
    free(sink->path);
    free(sink->temporary);
    free(sink->sha256);
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

static bool write_file(struct af_http_sink *sink, const char *bytes, size_t len)
{
    if (sink->fd < 0) {
        size_t path_len = strlen(sink->path);
        memcpy(sink->temporary, sink->path, path_len);
        memcpy(sink->temporary + path_len, ".XXXXXX", sizeof ".XXXXXX");
        sink->fd = mkostemp(sink->temporary, O_CLOEXEC); /* 0600 */
    }
    if (sink->fd < 0 || !af_io_write_all(sink->fd, bytes, len))
        sink->trouble = "the file cannot be written";
    return sink->trouble == NULL;
}

bool af_http_sink_write(struct af_http_sink *sink, const char *bytes, size_t len)
{
    if (!is_good(sink)) {
        size_t room = AF_HTTP_ERROR_BYTES_MAX - sink->body.len;
        af_buf_append(&sink->body, bytes, len < room ? len : room);
        return true;
    }
    if ((int64_t)len > sink->max_bytes - sink->bytes) {
        sink->trouble = "it is larger than allowed";
        return false;
    }
    sink->bytes += (int64_t)len;
    if (sink->sha256 != NULL)
        crypto_hash_sha256_update(&sink->hash, (const unsigned char *)bytes, len);
    if (sink->path != NULL)
        return write_file(sink, bytes, len);
    af_buf_append(&sink->body, bytes, len);
    if (sink->body.full)
        sink->trouble = "it is larger than allowed";
    return sink->trouble == NULL;
}

static bool has_digest(struct af_http_sink *sink)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof digest + 1];
    if (sink->sha256 == NULL)
        return true;
    crypto_hash_sha256_final(&sink->hash, digest);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
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
    if (!is_good(sink))
        return true;
    if (sink->sha256 == NULL && !is_whole(sink))
        sink->trouble = "its length is not told, so nobody knows whether it is whole";
    else if (!has_digest(sink))
        sink->trouble = "its SHA-256 is not the expected one";
    else if (sink->path != NULL && write_file(sink, "", 0)) { /* an empty one is a file too */
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
