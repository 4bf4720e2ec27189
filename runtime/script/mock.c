/* mock.c: see mock.h. */
#include "script/mock.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "script/file_access.h"
#include "script/calls.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int af_script_mock_upload(const struct af_script_mock *mock, const struct af_asked *asked,
                          struct af_script_mock_file *file, struct af_answer *answer,
                          struct af_failure *why)
{
    const char *path = af_request_string(&asked->request, "path");
    const void *bytes = asked->call->bytes;
    file->len = asked->call->bytes_len;
    if (path != NULL) {
        if (af_file_read(mock->files, path, AF_BUF_BYTES_MAX, &file->bytes, why) != 0)
            return -1;
        bytes = af_buf_text(&file->bytes);
        file->len = file->bytes.len;
    }
    const char *sha256 = af_script_call_sha256(asked);
    if (sha256 != NULL)
        af_file_store_put_as(mock->store, sha256, bytes, file->len, file->url);
    else
        af_file_store_put(mock->store, bytes, file->len, file->url);
    af_buf_printf(&file->reply, "{\"url\":\"%s\"}", file->url);
    answer->reply = af_buf_text(&file->reply);
    answer->reply_len = file->reply.len;
    return 0;
}

/* The bytes of a URL: NULL with *why filled. */
static const void *fetch(const struct af_script_mock *mock, const char *url, int64_t max_bytes,
                         struct af_script_mock_file *file, struct af_failure *why)
{
    if (strncmp(url, "mock://", 7) == 0) {
        const void *bytes = af_file_store_get(mock->store, url, &file->len);
        if (bytes == NULL)
            af_failure_set(why, AF_FAILURE_FLOW, url, "nothing was uploaded under this URL");
        return bytes;
    }
    if (strncmp(url, "file://", 7) == 0) {
        if (af_file_read(mock->files, url + 7, max_bytes, &file->bytes, why) != 0)
            return NULL;
        file->len = file->bytes.len;
        return af_buf_text(&file->bytes);
    }
    af_failure_set(why, AF_FAILURE_FLOW, url, "in mock only mock:// and file:// can be downloaded");
    return NULL;
}

/* Whether the bytes have this SHA-256. The store's are named by it: it was worked out once. */
static bool has_digest(const char *url, const void *bytes, size_t len, const char *sha256)
{
    static const char place[] = "mock://file/";
    if (strncmp(url, place, sizeof place - 1) == 0)
        return strcmp(url + sizeof place - 1, sha256) == 0;
    return af_script_is_sha256(bytes, len, sha256);
}

int af_script_mock_download(const struct af_script_mock *mock, const struct af_asked *asked,
                            struct af_script_mock_file *file, struct af_answer *answer,
                            struct af_failure *why)
{
    const struct af_request *request = &asked->request;
    const char *url = af_request_string(request, "url");
    const char *path = af_request_string(request, "path");
    const char *sha256 = af_request_string(request, "sha256");
    int64_t max_bytes = AF_BUF_BYTES_MAX;
    af_request_integer(request, "max_bytes", &max_bytes);
    const void *bytes = fetch(mock, url, max_bytes, file, why);
    if (bytes == NULL)
        return -1;
    if ((int64_t)file->len > max_bytes)
        return af_failure_set(why, AF_FAILURE_FLOW, url, "is larger than %lld bytes",
                              (long long)max_bytes);
    if (sha256 != NULL && !has_digest(url, bytes, file->len, sha256))
        return af_failure_set(why, AF_FAILURE_FLOW, url, "its SHA-256 is not the expected one");
    if (path != NULL && mock->reads_only) { /* it could be, and is not */
        char *target = af_file_target(mock->files, path, why);
        free(target);
        if (target == NULL)
            return -1;
    } else if (path != NULL && af_file_write(mock->files, path, bytes, file->len, why) != 0) {
        return -1;
    }
    answer->reply = "null";
    answer->reply_len = strlen(answer->reply);
    answer->bytes = path != NULL ? NULL : bytes;
    answer->bytes_len = path != NULL ? 0 : file->len;
    return 0;
}

void af_script_mock_release(struct af_script_mock_file *file)
{
    af_buf_release(&file->bytes);
    af_buf_release(&file->reply);
}
