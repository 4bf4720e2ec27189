/* admin.c: tasks, for who runs them. */
#include "serve/impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADMIN_TASKS "/admin/tasks/"

struct member {
    const char *node, *role;
    int64_t number;
};

struct create {
    const char *task;
    struct serve_records members;
    bool open;
};

static const struct serve_field member_rows[] = {
    {"node_id", SERVE_TEXT, SERVE_NEEDED, offsetof(struct member, node), 1, AF_BUS_ID_BYTES_MAX,
     NULL, 0},
    {"role", SERVE_TEXT, SERVE_OR_NULL, offsetof(struct member, role), 0, AF_BUS_ID_BYTES_MAX, NULL,
     0},
    {"number", SERVE_INTEGER, SERVE_OR_NULL, offsetof(struct member, number), 0, 2, NULL, 0},
    {0},
};

static const struct serve_field create_rows[] = {
    {"task_id", SERVE_TASK, SERVE_NEEDED, offsetof(struct create, task), 1, AF_BUS_ID_BYTES_MAX,
     NULL, 0},
    {"members", SERVE_RECORDS, SERVE_NEEDED, offsetof(struct create, members), 0,
     AF_BUS_MEMBERS_MAX, member_rows, sizeof(struct member)},
    {"open", SERVE_BOOLEAN, SERVE_OR_NULL, offsetof(struct create, open), 0, 0, NULL, 0},
    {0},
};

static void changed(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    if (result->code != AF_BUS_OK)
        af_serve_bus_error(call, result);
    else
        af_serve_send_task(call, call->request);
}

static bool has_initiator(const struct member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (members[i].role != NULL && strcmp(members[i].role, "initiator") == 0)
            return true;
    return false;
}

void af_serve_create_task(struct serve_call *call)
{
    const struct create *create = af_serve_read_body(call, create_rows, sizeof *create);
    if (create == NULL)
        return;
    size_t count = create->members.count;
    const struct member *members = create->members.items;
    bool initiated = has_initiator(members, count);
    struct af_bus_member *list = af_arena_alloc(&call->arena, (count + 1) * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i].node = members[i].node;
        list[i].role = members[i].role == NULL ? "" : members[i].role;
        list[i].number = members[i].number > 0 ? (int)members[i].number
                                               : af_serve_role_number(members[i].role, initiated);
        if (!af_serve_is_id(list[i].node)) {
            af_serve_complain(&call->serve->reading, "members", "'%s' is no node's ID",
                              list[i].node);
            af_serve_malformed(call);
            return;
        }
    }
    call->task = create->task;
    if (!af_serve_is_id(create->task)) {
        af_serve_complain(&call->serve->reading, "task_id", "is no task's ID");
        af_serve_malformed(call);
        return;
    }
    call->request = af_arena_string(&call->arena, create->task);
    struct af_bus_task task = {create->task, list, count, create->open};
    af_bus_create_task(call->serve->bus, &task, changed, call);
}

/* ---- Looking. ---- */

/* The bus's status is one JSON object. */
static void told_status(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    if (result->code != AF_BUS_OK) {
        af_serve_bus_error(call, result);
        return;
    }
    struct af_buf out = af_serve_data();
    af_buf_append(&out, result->text, result->text_len);
    af_serve_send(call, &out);
}

void af_serve_list_tasks(struct serve_call *call)
{
    af_bus_status(call->serve->bus, NULL, told_status, call);
}

void af_serve_show_task(struct serve_call *call)
{
    af_bus_status(call->serve->bus, call->path + sizeof ADMIN_TASKS - 1, told_status, call);
}

/* DELETE /admin/tasks/<id>, or POST /admin/tasks/<id>/end. */
void af_serve_end_task(struct serve_call *call)
{
    static const char end[] = "/end";
    char *task = af_arena_string(&call->arena, call->path + sizeof ADMIN_TASKS - 1);
    size_t len = strlen(task);
    if (strcmp(call->endpoint->method, "POST") == 0) {
        if (len < sizeof end || strcmp(task + len - (sizeof end - 1), end) != 0) {
            af_serve_error(call, 404, 404, "expected /admin/tasks/<id>/end");
            return;
        }
        task[len - (sizeof end - 1)] = '\0';
    }
    call->task = task;
    if (af_serve_is_own_task(task)) {
        af_serve_error(call, 403, 403, "this task is the service's own");
        return;
    }
    call->request = task;
    af_bus_end_task(call->serve->bus, task, changed, call);
}

/* ---- A copy of the store. ---- */

struct backup {
    const char *name;
};

static const struct serve_field backup_rows[] = {
    {"name", SERVE_TEXT, SERVE_NEEDED, offsetof(struct backup, name), 1, 200, NULL, 0},
    {0},
};

static void backed_up(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    if (result->code != AF_BUS_OK) {
        af_serve_bus_error(call, result);
        return;
    }
    struct af_buf out = af_serve_data();
    af_buf_append_char(&out, '{');
    af_json_add_text(&out, "file", result->text);
    af_buf_printf(&out, ",\"files\":%zu}", result->count);
    af_serve_send(call, &out);
}

/* POST /admin/backup {"name"}: into the folder of --backups, and nowhere else. */
void af_serve_backup(struct serve_call *call)
{
    const char *folder = call->serve->options.backups;
    const struct backup *backup = af_serve_read_body(call, backup_rows, sizeof *backup);
    if (backup == NULL)
        return;
    if (folder == NULL) {
        af_serve_error(call, 404, 404, "the service was started without --backups DIR");
        return;
    }
    if (backup->name[0] == '.' || strchr(backup->name, '/') != NULL) {
        af_serve_complain(&call->serve->reading, "name", "is no plain name of a file");
        af_serve_malformed(call);
        return;
    }
    size_t size = strlen(folder) + strlen(backup->name) + 2;
    char *path = af_arena_alloc(&call->arena, size);
    snprintf(path, size, "%s/%s", folder, backup->name);
    af_bus_backup(call->serve->bus, path, backed_up, call);
}
