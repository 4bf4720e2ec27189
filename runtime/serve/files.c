/* files.c: files of a task, up and down.
 *
 * A file's URL is http://<as the caller named us>/files/<task>/<sha256>.<extension>: what the bus
 * calls it, with our address before it. Whoever asks for it must be a node of that task. What
 * stands in a request's path is never used as a path: the bus says where it keeps the file of that
 * digest.
 */
#include "serve/impl.h"

#include "base/buf.h"
#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DIGEST = 64, EXTENSION_MAX = 16 };

struct upload {
    const char *task, *file_path;
    bool durable;
    int64_t left, own; /* bytes that may come, and that this node has in the task */
};

/* ---- URLs. ---- */

static void append_escaped(struct af_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (isalnum(byte) || byte == '-' || byte == '_' || byte == '.')
            af_buf_append_char(out, *text);
        else
            af_buf_printf(out, "%%%02X", byte);
    }
}

/* Our address as this caller knows it: where its next request will go, too. */
static void append_base(struct af_buf *out, const struct serve_call *call)
{
    af_serve_append_base(out, call);
    if (call->prefix_node != NULL) {
        af_buf_append_string(out, "/node/");
        append_escaped(out, call->prefix_node);
    }
}

/* The text with all that is `from` as `to`, in the call's arena. */
static struct af_json_span replace(struct serve_call *call, const char *text, size_t len,
                                   const char *from, const char *to)
{
    struct af_buf out = AF_BUF_EMPTY;
    const char *at = text, *end = text + len, *found;
    size_t from_len = strlen(from);
    while ((found = memmem(at, (size_t)(end - at), from, from_len)) != NULL) {
        af_buf_append(&out, at, (size_t)(found - at));
        af_buf_append_string(&out, to);
        at = found + from_len;
    }
    struct af_json_span result = {text, len};
    if (at != text && !out.full) {
        af_buf_append(&out, at, (size_t)(end - at));
        result = (struct af_json_span){af_arena_copy(&call->arena, out.data, out.len), out.len};
    }
    af_buf_release(&out);
    return result;
}

struct af_json_span af_serve_translate(struct serve_call *call, const char *text, size_t len,
                                       bool outward)
{
    struct af_json_span result = {text, len};
    bool elsewhere = call->serve->is_sidecar || call->serve->is_front;
    if (!elsewhere || text == NULL || memmem(text, len, "://", 3) == NULL)
        return result;
    struct af_buf own = AF_BUF_EMPTY;
    append_base(&own, call);
    af_buf_append_string(&own, SERVE_FILES);
    const char *here = af_buf_text(&own), *there = af_bus_files(call->serve->bus);
    result = replace(call, text, len, outward ? here : there, outward ? there : here);
    af_buf_release(&own);
    return result;
}

/* ---- Up. ---- */

static bool is_true(const char *text)
{
    return text != NULL && (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

/* Reads the query; NULL: it was answered. */
static struct upload *read_query(struct serve_call *call)
{
    struct upload *upload = af_arena_alloc(&call->arena, sizeof *upload);
    upload->task = af_exchange_query(call->exchange, "task_id");
    upload->file_path = af_exchange_query(call->exchange, "file_path");
    upload->durable = is_true(af_exchange_query(call->exchange, "durable"));
    call->request = upload;
    call->task = upload->task;
    if (upload->task != NULL && af_serve_is_id(upload->task) &&
        !af_serve_is_own_task(upload->task) &&
        (upload->file_path == NULL ||
         (strlen(upload->file_path) <= AF_SERVE_TEXT_BYTES_MAX &&
          af_json_is_utf8(upload->file_path, strlen(upload->file_path)))))
        return upload;
    af_serve_error(call, 200, 400, "expected the query's task_id, and file_path as UTF-8");
    return NULL;
}

static void keep_shared(struct serve_call *call, const struct upload *upload);

/* Whether a file of so many bytes, -1 for unknown, is within what the task's files may have; else
 * answers. */
static bool has_files_left(struct serve_call *call, int64_t bytes)
{
    const struct upload *upload = call->request;
    if (upload->left > 0 && bytes <= upload->left)
        return true;
    af_serve_error(
        call, 200, 507,
        "the task's files may have %lld bytes, and this node as much of them as is left: "
        "it has %lld (--quota files)",
        (long long)af_serve_quota(&call->serve->options, AF_SERVE_FILES), (long long)upload->own);
    return false;
}

/* Gigabytes are not taken from somebody who may not give them. */
static void admitted(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    struct upload *upload = call->request;
    int64_t length = af_exchange_body_length(call->exchange);
    if (result->code != AF_BUS_OK) {
        af_serve_bus_error(call, result);
        return;
    }
    upload->own = result->own_files_bytes + call->share->upload_bytes;
    upload->left =
        af_serve_quota(&call->serve->options, AF_SERVE_FILES) - result->files_bytes - upload->own;
    if (length == 0) {
        keep_shared(call, upload);
        return;
    }
    int64_t most = upload->left < AF_BUS_FILE_BYTES_MAX ? upload->left : AF_BUS_FILE_BYTES_MAX;
    struct af_exchange_disk disk = {call->serve->options.files, most, &call->share->upload_bytes,
                                    result->own_files_bytes};
    if (has_files_left(call, length))
        af_exchange_take_part(call->exchange, "files", &disk);
}

void af_serve_admit_upload(struct serve_call *call)
{
    const struct upload *upload = read_query(call);
    struct af_bus_member self = {.node = call->node};
    if (upload != NULL)
        af_bus_members(call->serve->bus, upload->task, &self, admitted, call);
}

static void kept(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    const struct upload *upload = call->request;
    if (result->code != AF_BUS_OK) {
        af_serve_bus_error(call, result);
        return;
    }
    const char *files = af_bus_files(call->serve->bus);
    bool is_ours = strncmp(result->text, files, strlen(files)) == 0;
    struct af_buf url = AF_BUF_EMPTY, out = af_serve_data();
    if (is_ours) {
        append_base(&url, call);
        af_buf_append_string(&url, SERVE_FILES);
    }
    af_buf_append_string(&url, result->text + (is_ours ? strlen(files) : 0));
    af_buf_append_char(&out, '{');
    af_json_add_text(&out, "task_id", upload->task);
    af_json_add_text(&out, "file_path", upload->file_path);
    af_json_add_bool(&out, "durable", upload->durable);
    af_json_add_text(&out, "f_url", af_buf_text(&url));
    af_buf_append_char(&out, '}');
    af_buf_release(&url);
    af_serve_send(call, &out);
}

static bool has_extension(const char *name)
{
    return name != NULL && strrchr(name, '.') != NULL;
}

static void keep_part(struct serve_call *call, const struct af_exchange_part *part)
{
    const struct upload *upload = call->request;
    struct af_bus_file file = {
        .task = upload->task,
        .node = call->node,
        .name = has_extension(part->file_name) ? part->file_name : upload->file_path,
        .path = part->path,
        .move = true,
        .sha256 = part->sha256,
        .durable = upload->durable,
    };
    if (file.name == NULL)
        file.name = "file";
    af_bus_put_file(call->serve->bus, &file, kept, call);
}

/* ---- A path on a shared disk. ---- */

/* Opens a plain file below the shared folder, whatever links there are. */
static int open_shared(const struct serve_call *call, const char *path)
{
    const char *folder = call->serve->options.shared_disk;
    size_t len = strlen(folder);
    while (len > 1 && folder[len - 1] == '/')
        len--;
    if (path[0] == '/') {
        if (strncmp(path, folder, len) != 0 || path[len] != '/')
            return -1;
        path += len;
        path += strspn(path, "/");
    }
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    struct stat status;
    int fd = (int)syscall(SYS_openat2, call->serve->shared_disk, path, &how, sizeof how);
    if (fd >= 0 && (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void keep_shared(struct serve_call *call, const struct upload *upload)
{
    char path[40];
    struct stat status;
    if (upload->file_path == NULL) {
        af_serve_error(call, 200, 400, "expected a part `files`, or the query's file_path");
        return;
    }
    if (call->serve->options.shared_disk == NULL) {
        af_serve_error(
            call, 200, 403,
            "this service reads no files of its own disk (--shared-disk): send the bytes "
            "as a part `files`");
        return;
    }
    call->fd = open_shared(call, upload->file_path);
    if (call->fd < 0 || fstat(call->fd, &status) != 0) {
        af_serve_error(call, 200, 404, "there is no such file on the shared disk");
        return;
    }
    if (!has_files_left(call, status.st_size))
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", call->fd);
    struct af_bus_file file = {
        .task = upload->task,
        .node = call->node,
        .name = upload->file_path,
        .path = path,
        .durable = upload->durable,
    };
    af_bus_put_file(call->serve->bus, &file, kept, call);
}

void af_serve_upload(struct serve_call *call)
{
    const struct af_exchange_part *part = af_exchange_part(call->exchange);
    if (call->request == NULL) { /* it has no body, so nobody was asked yet */
        af_serve_admit_upload(call);
    } else if (part != NULL) {
        keep_part(call, part);
    } else {
        af_serve_error(call, 200, 400, "the body has no part `files`");
    }
}

/* ---- In mock. ---- */

/* The task that the platform's client names in its mock mode, whatever task the script is of. */
#define MOCK_TASK "5df72f4a97ef4e358e7c610bc2bdfa14"

static void mock_opened(void *arg, const struct af_bus_result *result)
{
    (void)arg;
    if (result->code != AF_BUS_OK && result->code != AF_BUS_CANCELLED)
        af_log(AF_LOG_WARNING, "uploads of mock mode are refused: %s", result->why);
}

void af_serve_open_mock(struct af_serve *serve)
{
    static const struct af_bus_task task = {.task = MOCK_TASK, .open = true};
    if (serve->options.mock_uploads && !serve->is_sidecar)
        af_bus_create_task(serve->bus, &task, mock_opened, NULL);
}

/* ---- Down. ---- */

/* Whether it is <sha256> or <sha256>.<extension>. */
static bool is_file_name(const char *name)
{
    const char *extension = name + DIGEST;
    if (strlen(name) < DIGEST || strspn(name, "0123456789abcdef") < DIGEST)
        return false;
    if (*extension == '\0')
        return true;
    size_t len = strspn(extension + 1, "abcdefghijklmnopqrstuvwxyz0123456789");
    return *extension == '.' && len > 0 && len < EXTENSION_MAX && extension[1 + len] == '\0';
}

static void located(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    struct stat status;
    if (result->code == AF_BUS_INVALID || result->code == AF_BUS_NO_TASK) {
        af_serve_error(call, 404, 404, "there is no such file");
        return;
    }
    if (result->code != AF_BUS_OK) {
        af_serve_bus_error(call, result);
        return;
    }
    int fd = open(result->text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        if (fd >= 0)
            close(fd);
        af_serve_error(call, 404, 404, "the file is not there any more");
        return;
    }
    af_serve_count(call, 0);
    /* Whatever a node has uploaded, a browser is to keep it, not to show it. */
    af_exchange_add_header(call->exchange, "Content-Disposition", "attachment");
    af_exchange_answer_file(call->exchange, fd, status.st_size, "application/octet-stream");
}

void af_serve_download(struct serve_call *call)
{
    char *task = af_arena_string(&call->arena, call->path + sizeof SERVE_FILES - 1);
    char *name = strrchr(task, '/');
    if (name != NULL)
        *name++ = '\0';
    if (name == NULL || !is_file_name(name) || !af_serve_is_id(task)) {
        af_serve_error(call, 404, 404, "expected /files/<task>/<sha256>.<extension>");
        return;
    }
    call->task = task;
    struct af_buf url = AF_BUF_EMPTY;
    af_buf_append_string(&url, af_bus_files(call->serve->bus));
    append_escaped(&url, task);
    af_buf_printf(&url, "/%s", name);
    struct af_bus_fetch fetch = {
        .task = task,
        .node = call->node,
        .url = af_buf_text(&url),
        .locate = true,
    };
    af_bus_get_file(call->serve->bus, &fetch, located, call);
    af_buf_release(&url);
}
