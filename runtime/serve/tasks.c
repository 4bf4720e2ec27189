/* tasks.c: who is in a task, and what nodes tell about it. */
#include "serve/impl.h"

#include <stdio.h>
#include <string.h>

#define NAME(kind, name, need, type, field)                                                        \
    {                                                                                              \
        name, kind, need, offsetof(type, field), 1, AF_BUS_ID_BYTES_MAX, NULL, 0                   \
    }
#define ID(name, need, type, field) NAME(SERVE_TEXT, name, need, type, field)
#define TASK(type) NAME(SERVE_TASK, "task_id", SERVE_NEEDED, type, task)

int af_serve_role_number(const char *role, bool has_initiator)
{
    if (role == NULL || role[0] == '\0')
        return 0;
    return strcmp(role, has_initiator ? "initiator" : "aggregator") == 0 ? 1 : 2;
}

/* ---- The node list. ---- */

struct nodelist {
    const char *task, *role;
    int64_t type, number;
};

static const struct serve_field nodelist_rows[] = {
    TASK(struct nodelist),
    {"task_type", SERVE_INTEGER, SERVE_OR_NULL, offsetof(struct nodelist, type), 1, 2, NULL, 0},
    ID("role_name", SERVE_OPTIONAL, struct nodelist, role), /* of ours: in which the caller joins */
    {"role", SERVE_INTEGER, SERVE_OPTIONAL, offsetof(struct nodelist, number), 1, 2, NULL, 0},
    {0},
};

/* The platform has two numbers; 0 is ours, for who was only named, where nodes join by use. */
static void append_record(struct af_buf *out, const char *task, const struct af_bus_member *member,
                          bool open)
{
    af_json_open(out, '{');
    af_json_add_text(out, "task_id", task);
    af_json_add_text(out, "node_id", member->node);
    af_json_add_integer(out, "role", member->number == 0 && !open ? 2 : member->number);
    if (member->role != NULL && member->role[0] != '\0')
        af_json_add_text(out, "role_name", member->role);
    af_buf_append_string(out, ",\"status\":1,\"dataset_status\":2,\"node_task_status\":0,"
                              "\"verify_time\":null,\"start_time\":null,\"end_time\":null}");
}

static void listed(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    const struct nodelist *request = call->request;
    if (result->code != AF_BUS_OK) {
        af_serve_bus_error(call, result);
        return;
    }
    struct af_buf out = af_serve_data();
    af_buf_append_string(&out, "{\"current\":1,\"page\":1,\"records\":[");
    for (size_t i = 0; i < result->count; i++)
        append_record(&out, request->task, &result->members[i], result->open);
    af_buf_printf(&out, "],\"size\":%zu,\"total\":%zu%s}", result->count, result->count,
                  result->open ? ",\"open\":true" : "");
    af_serve_send(call, &out);
}

void af_serve_nodelist(struct serve_call *call)
{
    struct nodelist *request = af_serve_read_body(call, nodelist_rows, sizeof *request);
    call->request = request;
    if (request == NULL)
        return;
    struct af_bus_member self = {call->node, request->role,
                                 request->number == 0 ? 2 : (int)request->number};
    af_bus_members(call->serve->bus, request->task, &self, listed, call);
}

/* ---- Where a node is. ---- */

struct node_detail {
    const char *task, *node;
};

static const struct serve_field node_detail_rows[] = {
    TASK(struct node_detail),
    ID("node_id", SERVE_NEEDED, struct node_detail, node),
    {0},
};

static bool is_among(const struct af_bus_result *result, const char *node)
{
    for (size_t i = 0; i < result->count; i++)
        if (strcmp(result->members[i].node, node) == 0)
            return true;
    return false;
}

static void send_address(struct serve_call *call, const char *address)
{
    const struct node_detail *request = call->request;
    if (address == NULL && call->serve->is_loopback && !call->serve->is_sidecar)
        address = "127.0.0.1"; /* where else could it be */
    if (address == NULL) {
        af_serve_error(call, 200, 404, "the node has not called yet, so its address is not known");
        return;
    }
    struct af_buf out = af_serve_data();
    af_buf_append_char(&out, '{');
    af_json_add_text(&out, "node_id", request->node);
    af_json_add_text(&out, "node_ip", address);
    af_json_add_text(&out, "node_name", request->node);
    af_buf_append_char(&out, '}');
    af_serve_send(call, &out);
}

/* It has called another front, or none. */
static void address_came(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    if (result->code != AF_BUS_OK)
        af_serve_bus_error(call, result);
    else
        send_address(call, result->bytes == NULL
                               ? NULL
                               : af_arena_copy(&call->arena, result->bytes, result->bytes_len));
}

static void found_node(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    const struct node_detail *request = call->request;
    const char *address = af_serve_address_of(call->serve->callers, request->node);
    if (result->code != AF_BUS_OK)
        af_serve_bus_error(call, result);
    else if (!is_among(result, request->node))
        af_serve_error(call, 200, 404, "the task has no such node");
    else if (address == NULL && call->serve->is_front)
        af_serve_address_ask(call, request->node, address_came);
    else
        send_address(call, address);
}

void af_serve_node_detail(struct serve_call *call)
{
    struct node_detail *request = af_serve_read_body(call, node_detail_rows, sizeof *request);
    call->request = request;
    struct af_bus_member self = {.node = call->node};
    if (request != NULL)
        af_bus_members(call->serve->bus, request->task, &self, found_node, call);
}

/* ---- Progress and results. ---- */

struct told {
    const char *task, *url, *file_type;
    int64_t percent;
};

static void told(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    const struct told *request = call->request;
    if (result->code != AF_BUS_OK)
        af_serve_bus_error(call, result);
    else
        af_serve_send_task(call, request->task);
}

static const struct serve_field progress_rows[] = {
    TASK(struct told),
    {"progress_number", SERVE_INTEGER, SERVE_NEEDED, offsetof(struct told, percent), 0, 100, NULL,
     0},
    {0},
};

void af_serve_progress(struct serve_call *call)
{
    struct told *request = af_serve_read_body(call, progress_rows, sizeof *request);
    call->request = request;
    if (request == NULL)
        return;
    struct af_bus_note note = {
        .kind = AF_BUS_NOTE_PROGRESS,
        .task = request->task,
        .channel = strcmp(call->endpoint->name, "progress") == 0 ? "federated" : "automl",
        .node = call->node,
        .number = request->percent,
    };
    af_bus_tell(call->serve->bus, &note, told, call);
}

static const struct serve_field result_rows[] = {
    TASK(struct told),
    {"f_url", SERVE_TEXT, SERVE_NEEDED, offsetof(struct told, url), 1, AF_SERVE_TEXT_BYTES_MAX,
     NULL, 0},
    ID("file_type", SERVE_NEEDED, struct told, file_type),
    {0},
};

void af_serve_result(struct serve_call *call)
{
    struct told *request = af_serve_read_body(call, result_rows, sizeof *request);
    call->request = request;
    if (request == NULL)
        return;
    if (strcmp(request->file_type, "py") != 0 && strcmp(request->file_type, "pickle") != 0) {
        af_serve_complain(&call->serve->reading, "file_type", "expected py or pickle");
        af_serve_malformed(call);
        return;
    }
    struct af_bus_note note = {
        .kind = AF_BUS_NOTE_RESULT,
        .task = request->task,
        .channel = "federated",
        .node = call->node,
        .number = strcmp(call->endpoint->name, "verify_upload") == 0 ? 1 : 2,
        .text = request->file_type,
        .url = af_serve_translate(call, request->url, strlen(request->url), true).at,
    };
    af_bus_tell(call->serve->bus, &note, told, call);
}
