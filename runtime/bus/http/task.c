/* task.c: a task's nodes and files, and what a node tells about it. These may be repeated
 * without harm, so they are, with pauses. */
#include "bus/http/impl.h"

#include "base/bounds.h"
#include "json/json.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

/* ---- Nodes. ---- */

static void listed(struct af_bus_op *op, struct af_json_span data)
{
    struct af_bus_result result = {0};
    const char *wrong = af_answer_members(data, &op->arena, &result.members, &result.count);
    result.open = af_answer_is_open(data);
    if (wrong != NULL)
        af_bus_op_unreadable(op, wrong);
    else
        af_bus_op_end(op, &result);
}

void af_bus_http_members(struct af_bus *bus, const char *task, const struct af_bus_member *asker,
                         af_bus_done_fn *done, void *arg)
{
    static const struct af_op_request request = {
        .path = "/task/nodelist", .attempts = AF_BUS_HTTP_ATTEMPTS, .resend = true};
    struct af_bus_op *op = af_bus_op_new(bus, "nodelist", done, arg);
    af_bus_op_open(op);
    af_json_add_text(&op->body, "task_id", task);
    af_json_add_integer(&op->body, "task_type", af_bus_http_is_automl(op->bus, task) ? 2 : 1);
    if (asker != NULL && asker->role != NULL) { /* who it is the service knows */
        af_json_add_text(&op->body, "role_name", asker->role);
        af_json_add_integer(&op->body, "role", asker->number);
    }
    af_buf_append_char(&op->body, '}');
    op->answered = listed;
    af_bus_op_post(op, &request);
}

/* ---- Files. ---- */

static void append_parameter(struct af_buf *url, const char *name, const char *value)
{
    af_buf_printf(url, "%s=", name);
    for (const char *at = value; *at != '\0'; at++) {
        if (isalnum((unsigned char)*at) || strchr("-._~", *at) != NULL)
            af_buf_append_char(url, *at);
        else
            af_buf_printf(url, "%%%02X", (unsigned)(unsigned char)*at);
    }
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* Whether the URL names the content by another SHA-256 than that of what was sent. A service that
 * names its files otherwise is believed. */
static bool is_of_other_bytes(const char *url, const char *sha256)
{
    const char *name = last_part(url);
    return strspn(name, "0123456789abcdef") == 64 && (name[64] == '\0' || name[64] == '.') &&
           sha256[0] != '\0' && memcmp(name, sha256, 64) != 0;
}

static void uploaded(struct af_bus_op *op, struct af_json_span data)
{
    struct af_http_url parts;
    const char *url = af_answer_string(data, "f_url", AF_HTTP_URL_BYTES_MAX, &op->arena);
    if (url == NULL || af_http_url_read(url, &parts, NULL) != 0) {
        af_bus_op_unreadable(op, "it has no `f_url` that is an http URL");
        return;
    }
    if (is_of_other_bytes(url, op->sent_sha256)) {
        af_bus_op_unreadable(op, "it keeps other bytes than those that were sent");
        return;
    }
    if (op->file.move && op->file.path != NULL)
        unlink(op->file.path); /* the service has it now */
    struct af_bus_result result = {.text = url, .text_len = strlen(url)};
    af_bus_op_end(op, &result);
}

void af_bus_http_put_file(struct af_bus *bus, const struct af_bus_file *file, af_bus_done_fn *done,
                          void *arg)
{
    struct af_bus_op *op = af_bus_op_new(bus, "upload", done, arg);
    struct af_buf url = AF_BUF_EMPTY;
    const char *name =
        file->name != NULL || file->path == NULL ? file->name : last_part(file->path);
    struct af_http_upload upload = {
        .part = "files",
        .filename = file->path != NULL ? last_part(file->path) : "files",
        .path = file->path,
        .bytes = file->bytes,
        .bytes_len = file->bytes_len,
        .sha256 = file->sha256,
    };
    op->file.path = af_arena_string(&op->arena, file->path);
    if (file->task == NULL) {
        op->what = "bundle";
        op->file.name = af_arena_string(&op->arena, name);
        af_bus_http_tell_bass(op);
        return;
    }
    op->file.move = file->move;
    op->answered = uploaded;
    af_bus_op_call_id(op, file->call_id);
    af_buf_printf(&url, "%s/file/upload?", op->bus->base);
    append_parameter(&url, "task_id", file->task);
    append_parameter(&url, "&durable", file->durable ? "True" : "False");
    if (name != NULL)
        append_parameter(&url, "&file_path", name);
    struct af_http_request request = {.post = true,
                                      .url = af_buf_text(&url),
                                      .upload = &upload,
                                      .progress = file->progress,
                                      .progress_arg = file->progress_arg,
                                      .max_bytes = AF_JSON_BYTES_MAX,
                                      .attempts = AF_BUS_HTTP_ATTEMPTS,
                                      .resend = true};
    af_bus_op_start(op, &request);
    af_buf_release(&url);
}

static void fetched(struct af_bus_op *op, const struct af_http_answer *answer)
{
    if (answer->end != AF_HTTP_ANSWERED || answer->status < 200 || answer->status >= 300) {
        af_bus_op_refused(op, answer, NULL);
        return;
    }
    struct af_bus_result result = {.code = AF_BUS_OK};
    if (op->fetch.path != NULL) {
        result.text = op->fetch.path;
        result.text_len = strlen(op->fetch.path);
    } else {
        result.bytes = answer->body;
        result.bytes_len = answer->body_len;
    }
    af_bus_op_end(op, &result);
}

void af_bus_http_get_file(struct af_bus *bus, const struct af_bus_fetch *fetch,
                          af_bus_done_fn *done, void *arg)
{
    struct af_bus_op *op = af_bus_op_new(bus, "download", done, arg);
    if (fetch->locate) {
        af_bus_op_end_soon(op, AF_BUS_INVALID, "download: the file is not on this machine");
        return;
    }
    op->fetch.path = af_arena_string(&op->arena, fetch->path);
    op->raw = fetched;
    struct af_http_request request = {.url = fetch->url,
                                      .path = fetch->path,
                                      .sha256 = fetch->sha256,
                                      .progress = fetch->progress,
                                      .progress_arg = fetch->progress_arg,
                                      .max_bytes = fetch->max_bytes < 0 ? 0 : fetch->max_bytes,
                                      .attempts = AF_BUS_HTTP_ATTEMPTS,
                                      .follow = true};
    af_bus_op_start(op, &request);
}

/* ---- Notes. ---- */

static void noted(struct af_bus_op *op, struct af_json_span data)
{
    struct af_bus_result result = {.code = AF_BUS_OK};
    (void)data;
    af_bus_op_end(op, &result);
}

static void tell_progress(struct af_bus_op *op)
{
    bool automl = strcmp(op->note.channel == NULL ? "" : op->note.channel, "automl") == 0;
    struct af_op_request request = {.path = automl ? "/automl/task/progress"
                                                   : "/federated/task/progress",
                                    .attempts = AF_BUS_HTTP_ATTEMPTS,
                                    .resend = true};
    af_bus_op_open(op);
    af_json_add_text(&op->body, "task_id", op->note.task);
    af_json_add_integer(&op->body, "progress_number", op->note.number);
    af_buf_append_char(&op->body, '}');
    af_bus_op_post(op, &request);
}

static void tell_result(struct af_bus_op *op)
{
    struct af_op_request request = {.path = op->note.number == 1 ? "/federated/task/verify/upload"
                                                                 : "/federated/task/train/upload",
                                    .attempts = AF_BUS_HTTP_ATTEMPTS,
                                    .resend = true};
    af_bus_op_open(op);
    af_json_add_text(&op->body, "task_id", op->note.task);
    af_json_add_text(&op->body, "f_url", op->note.url == NULL ? "" : op->note.url);
    af_json_add_text(&op->body, "file_type", op->note.text == NULL ? "" : op->note.text);
    af_buf_append_char(&op->body, '}');
    af_bus_op_post(op, &request);
}

void af_bus_http_tell(struct af_bus *bus, const struct af_bus_note *note, af_bus_done_fn *done,
                      void *arg)
{
    static const struct {
        const char *what;
        void (*tell)(struct af_bus_op *op);
    } rows[] = {
        [AF_BUS_NOTE_PROGRESS] = {"progress", tell_progress},
        [AF_BUS_NOTE_RESULT] = {"result", tell_result},
        [AF_BUS_NOTE_DATASET] = {"dataset", af_bus_http_tell_bass},
        [AF_BUS_NOTE_LAUNCH] = {"launch", af_bus_http_tell_bass},
    };
    struct af_bus_op *op = af_bus_op_new(bus, rows[note->kind].what, done, arg);
    op->note = *note;
    op->note.task = af_arena_string(&op->arena, note->task);
    op->note.channel = af_arena_string(&op->arena, note->channel);
    op->note.text = af_arena_string(&op->arena, note->text);
    op->note.url = af_arena_string(&op->arena, note->url);
    op->answered = noted;
    op->note.call_id = NULL; /* it is in the header */
    af_bus_op_call_id(op, note->call_id);
    rows[note->kind].tell(op);
}
