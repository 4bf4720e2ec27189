/* launch.c: a launch of a task: noted, and told to the nodes of the task.
 *
 * What is launched is named by a bundle's key or by the URL of one of the task's files. Where that
 * is a description of ours,
 *
 *     {"afrun_launch":1, "flow":"fed_avg.lua", "args":["rounds=5"]}
 *
 * each node of the task is told, by a contract in the queue that `afrun node` takes launches from;
 * a node runs it if it has such a flow, in the role that the task's list gives it. Any other bundle
 * is a program of the platform's, and only noted. */
#include "serve/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "loop/loop.h"
#include "script/request.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LAUNCH_VERSION = 1 };

struct launch {
    const char *task, *bundle;
    const char *told; /* what the nodes are told, or NULL: nothing */
};

static const struct serve_field launch_rows[] = {
    {"TaskId", SERVE_TASK, SERVE_NEEDED, offsetof(struct launch, task), 0, AF_BUS_ID_BYTES_MAX,
     NULL, 0},
    {"ProgramObject", SERVE_TEXT, SERVE_NEEDED, offsetof(struct launch, bundle), 0,
     AF_SERVE_TEXT_BYTES_MAX, NULL, 0},
    {0},
};

/* ---- The nodes are told. ---- */

static void published(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    if (result->code != AF_BUS_OK)
        af_serve_bus_error(call, result);
    else
        af_serve_send_bass(call, "Status", "OK");
}

/* The service is nobody's node: what it says has no sender, and that is how nodes know it. */
static void members_came(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    const struct launch *launch = call->request;
    if (result->code != AF_BUS_OK) {
        af_serve_bus_error(call, result);
        return;
    }
    const char **targets = af_arena_alloc(&call->arena, (result->count + 1) * sizeof(const char *));
    for (size_t i = 0; i < result->count; i++)
        targets[i] = result->members[i].node;
    struct af_bus_post post = {
        .task = AF_BUS_LAUNCH_TASK,
        .channel = AF_BUS_LAUNCH_CHANNEL,
        .title = "launch",
        .targets = targets,
        .target_count = result->count,
        .content = launch->told,
        .content_len = strlen(launch->told),
        .time_s = af_loop_wall_ns(call->serve->loop) / AF_S_NS,
    };
    af_bus_publish(call->serve->bus, &post, 1, published, call);
}

static void noted(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    const struct launch *launch = call->request;
    struct af_bus_member self = {.node = call->node};
    if (result->code != AF_BUS_OK)
        af_serve_bus_error(call, result);
    else if (launch->told == NULL)
        af_serve_send_bass(call, "Status", "OK");
    else
        af_bus_members(call->serve->bus, launch->task, &self, members_came, call);
}

static void note(struct serve_call *call)
{
    const struct launch *launch = call->request;
    struct af_bus_note told = {
        .kind = AF_BUS_NOTE_LAUNCH,
        .task = launch->task,
        .channel = "federated",
        .node = call->node,
        .text = launch->bundle,
    };
    af_bus_tell(call->serve->bus, &told, noted, call);
}

/* ---- The description. ---- */

static void append_args(struct af_buf *out, const struct af_request_field *args)
{
    for (size_t i = 0; args != NULL && i < args->item_count; i++)
        af_json_item(out, args->items[i]);
}

/* Reads a bundle's bytes. Returns false if it was answered: a description that is wrong. */
static bool read_description(struct serve_call *call, const void *bytes, size_t len)
{
    struct launch *launch = call->request;
    struct af_request request = {0};
    int64_t version = 0;
    bool fine = true;
    if (af_request_read(&request, bytes, len) &&
        af_request_integer(&request, "afrun_launch", &version)) {
        const char *flow = af_request_string(&request, "flow");
        const char *cut = af_request_cut(&request);
        fine = version == LAUNCH_VERSION && cut == NULL && flow != NULL && flow[0] != '\0';
        if (version != LAUNCH_VERSION)
            af_serve_error(call, 200, 400,
                           "the launch is of format %lld; this service knows format %d",
                           (long long)version, LAUNCH_VERSION);
        else if (cut != NULL)
            af_serve_error(call, 200, 400, "a zero byte stands in '%s' of the launch", cut);
        else if (!fine)
            af_serve_error(call, 200, 400, "the launch names no `flow`");
        else {
            struct af_buf told = AF_BUF_EMPTY;
            af_buf_append_string(&told, "{\"type\":\"launch\"");
            af_json_add_text(&told, "task", launch->task);
            af_json_add_text(&told, "flow", flow);
            af_json_add_text(&told, "by", call->node);
            af_buf_append_string(&told, ",\"args\":[");
            append_args(&told, af_request_list(&request, "args"));
            af_buf_append_string(&told, "]}");
            launch->told = af_arena_string(&call->arena, af_buf_text(&told));
            af_buf_release(&told);
        }
    }
    af_request_release(&request);
    return fine;
}

static void file_came(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    if (result->code == AF_BUS_CANCELLED)
        af_serve_bus_error(call, result);
    else if (result->code != AF_BUS_OK || result->bytes == NULL ||
             read_description(call, result->bytes, result->bytes_len))
        note(call);
}

/* A bundle that was uploaded to the task manager; false: there is none of this key, or it is too
 * large to be a description. */
static bool read_bundle(const struct serve_call *call, const char *key, char *bytes, ssize_t *len)
{
    int fd = af_serve_open_bundle(call, key);
    *len = fd < 0 ? -1 : pread(fd, bytes, AF_SERVE_LAUNCH_BYTES, 0);
    if (fd >= 0)
        close(fd);
    return *len >= 0 && *len < AF_SERVE_LAUNCH_BYTES;
}

void af_serve_launch(struct serve_call *call)
{
    char bytes[AF_SERVE_LAUNCH_BYTES];
    ssize_t len;
    struct launch *launch = af_serve_read_body(call, launch_rows, sizeof *launch);
    if (launch == NULL)
        return;
    call->request = launch;
    call->task = launch->task;
    if (call->serve->is_sidecar) { /* the hub tells the nodes */
        launch->bundle = af_serve_translate(call, launch->bundle, strlen(launch->bundle), true).at;
        note(call);
        return;
    }
    const char *file = strstr(launch->bundle, SERVE_FILES);
    if (file != NULL) {
        struct af_buf url = AF_BUF_EMPTY;
        af_buf_printf(&url, "%s%s", af_bus_files(call->serve->bus), file + strlen(SERVE_FILES));
        struct af_bus_fetch fetch = {.task = launch->task,
                                     .node = call->node,
                                     .url = af_buf_text(&url),
                                     .max_bytes = AF_SERVE_LAUNCH_BYTES};
        af_bus_get_file(call->serve->bus, &fetch, file_came, call);
        af_buf_release(&url);
    } else if (read_bundle(call, launch->bundle, bytes, &len)) {
        if (read_description(call, bytes, (size_t)len))
            note(call);
    } else if (call->serve->is_front) { /* another may have been given it */
        af_bus_get_value(call->serve->bus, af_serve_bundle_key(call, launch->bundle), file_came,
                         call);
    } else {
        note(call);
    }
}

/* ---- Where launches are told. ---- */

static void opened(void *arg, const struct af_bus_result *result)
{
    struct af_serve *serve = arg;
    if (result->code == AF_BUS_OK || result->code == AF_BUS_CANCELLED)
        return;
    af_log(AF_LOG_WARNING, "nodes cannot be told of launches: %s", result->why);
    if (result->code == AF_BUS_UNREACHABLE && serve->is_front && !serve->is_stopping)
        af_serve_open_launches(serve); /* it was tried for a while */
}

void af_serve_open_launches(struct af_serve *serve)
{
    static const struct af_bus_task task = {.task = AF_BUS_LAUNCH_TASK, .open = true};
    if (!serve->is_sidecar)
        af_bus_create_task(serve->bus, &task, opened, serve);
}
