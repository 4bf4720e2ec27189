/* tasks.c: tasks and their members, as one record each, changed by compare-and-set: of two that
 * change it at once one reads it again. What was read is believed until the servers say that a
 * stream is not there any more, or a node is missed in it. */
#include "bus/nats/impl.h"

#include "base/bounds.h"
#include "bus/told.h"
#include "json/json.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGE_TRIES = 200 };

/* Names stand in paths of URLs, whence clients take dots away. */
static bool is_name(const char *text)
{
    return text != NULL && text[0] != '\0' && strlen(text) <= AF_BUS_ID_BYTES_MAX &&
           strcmp(text, ".") != 0 && strcmp(text, "..") != 0 && strcmp(text, "*") != 0 &&
           af_json_is_utf8(text, strlen(text));
}

static bool failed(struct af_nats_op *op, const struct af_nats_reply *reply)
{
    af_nats_fail(op, reply);
    return false;
}

/* ---- The record. ---- */

/* A member of the list that the reader is in. */
static bool read_member(struct af_nats_task *task, struct af_json_reader *reader)
{
    struct af_bus_member member = {"", "", 0};
    while (af_json_next(reader) == AF_JSON_KEY) {
        bool is_node = reader->string_len == 4 && memcmp(reader->string, "node", 4) == 0;
        bool is_role = reader->string_len == 4 && memcmp(reader->string, "role", 4) == 0;
        bool is_number = reader->string_len == 6 && memcmp(reader->string, "number", 6) == 0;
        enum af_json_token token = af_json_next(reader);
        if ((is_node || is_role) && token == AF_JSON_STRING) {
            const char *text = af_arena_copy(&task->arena, reader->string, reader->string_len);
            *(is_node ? &member.node : &member.role) = text;
        } else if (is_number && token == AF_JSON_INTEGER) {
            member.number = (int)reader->integer;
        } else if (!af_json_skip(reader, token)) {
            return false;
        }
    }
    if (!is_name(member.node) || strlen(member.role) > AF_BUS_ID_BYTES_MAX ||
        task->count == AF_BUS_MEMBERS_MAX)
        return false;
    task->members[task->count] = member;
    af_nats_token(member.node, task->tokens[task->count++]);
    return true;
}

static bool read_members(struct af_nats_task *task, const char *json, size_t len)
{
    struct af_json_reader reader;
    enum af_json_token token = AF_JSON_ERROR;
    size_t most = len / 16 + 1; /* what one takes as JSON, at least */
    most = most > AF_BUS_MEMBERS_MAX ? AF_BUS_MEMBERS_MAX : most;
    task->members = af_arena_alloc(&task->arena, most * sizeof *task->members);
    task->tokens = af_arena_alloc(&task->arena, most * sizeof *task->tokens);
    af_json_reader_init(&reader, json, len);
    bool ok = af_json_next(&reader) == AF_JSON_OBJECT_BEGIN;
    while (ok && (token = af_json_next(&reader)) == AF_JSON_KEY) {
        bool is_list = reader.string_len == 7 && memcmp(reader.string, "members", 7) == 0;
        token = af_json_next(&reader);
        if (is_list && token == AF_JSON_ARRAY_BEGIN)
            while (ok && (token = af_json_next(&reader)) == AF_JSON_OBJECT_BEGIN)
                ok = task->count < most && read_member(task, &reader);
        else
            ok = af_json_skip(&reader, token);
    }
    ok = ok && token == AF_JSON_OBJECT_END;
    af_json_reader_release(&reader);
    return ok;
}

/* Reads what is kept of a task; sequence 0: there is none. */
bool af_nats_read_task(struct af_nats_op *op, struct af_nats_task *task)
{
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    char subject[AF_NATS_SUBJECT_BYTES];
    int64_t open = 0;
    af_arena_release(&task->arena);
    task->arena = (struct af_arena){0};
    task->count = 0;
    task->sequence = task->ended_s = task->made_s = 0;
    snprintf(subject, sizeof subject, "aft.%s", task->token);
    if (!af_nats_last(&op->bus->port, &reply, &op->arena, AF_NATS_TASKS, subject, &kept))
        return failed(op, &reply);
    if (kept.sequence == 0)
        return true;
    af_nats_integer(kept.data, kept.len, "open", &open);
    af_nats_integer(kept.data, kept.len, "made", &task->made_s);
    af_nats_integer(kept.data, kept.len, "ended", &task->ended_s);
    const char *name = af_nats_text(&op->arena, kept.data, kept.len, "task");
    if (name == NULL || strcmp(name, task->name) != 0 || !read_members(task, kept.data, kept.len)) {
        af_nats_refuse(op, AF_BUS_INVALID, "the record of task '%s' on the NATS server is damaged",
                       task->name);
        return false;
    }
    task->open = open != 0;
    task->sequence = kept.sequence;
    return true;
}

/* Writes it with `more` changed or added; *again: somebody else was faster. */
static bool write_task(struct af_nats_op *op, struct af_nats_task *task,
                       const struct af_bus_member *more, size_t count, bool *again)
{
    struct af_buf text = AF_BUF_EMPTY;
    struct af_nats_reply reply;
    char subject[AF_NATS_SUBJECT_BYTES];
    int64_t sequence = task->sequence;
    af_json_open(&text, '{');
    af_buf_printf(&text, "\"open\":%d", task->open);
    af_json_add_text(&text, "task", task->name);
    af_json_add_integer(&text, "made", task->made_s);
    af_json_add_integer(&text, "ended", task->ended_s);
    af_buf_append_string(&text, ",\"members\":[");
    for (size_t i = 0; i < task->count + count; i++) {
        struct af_bus_member member = i < task->count ? task->members[i] : more[i - task->count];
        bool known = false;
        for (size_t k = 0; k < count && i < task->count; k++)
            if (strcmp(more[k].node, member.node) == 0)
                member = more[k];
        for (size_t k = 0; k < i && i >= task->count && !known; k++)
            known = strcmp(member.node, k < task->count ? task->members[k].node
                                                        : more[k - task->count].node) == 0;
        if (known)
            continue;
        af_json_open(&text, '{');
        af_buf_printf(&text, "\"number\":%d", member.number);
        af_json_add_text(&text, "node", member.node);
        af_json_add_text(&text, "role", member.role == NULL ? "" : member.role);
        af_buf_append_char(&text, '}');
    }
    af_buf_append_string(&text, "]}");
    snprintf(subject, sizeof subject, "aft.%s", task->token);
    bool ok = af_nats_put(&op->bus->port, &reply, subject, af_buf_text(&text), text.len, &sequence);
    af_buf_release(&text);
    *again = !ok && reply.error == AF_NATS_WRONG_SEQUENCE;
    return ok || *again ? af_nats_read_task(op, task) : failed(op, &reply);
}

/* Earlier versions kept them under other names. What stands there is no longer read: refused by
 * name, so that nobody begins anew beside it. */
static bool has_earlier(struct af_nats_op *op)
{
    struct af_nats_reply reply;
    bool there = af_nats_ask(&op->bus->port, &reply, "$JS.API.STREAM.INFO.KV_af-tasks", "%s", "");
    bool known = there || reply.error == AF_NATS_NO_STREAM;
    af_nats_reply_release(&reply);
    if (there)
        af_nats_refuse(op, AF_BUS_INVALID,
                       "the NATS server keeps tasks in an earlier format (streams KV_af-…), which "
                       "this version does not read: end them with the version that made them, and "
                       "remove those streams");
    else if (!known)
        failed(op, &reply);
    return there || !known;
}

bool af_nats_need_values(struct af_nats_op *op)
{
    static const struct {
        const char *stream, *subjects;
        int each;
        const char *more;
    } rows[] = {{AF_NATS_TASKS, "aft.>", 1, "\"discard\":\"new\",\"deny_delete\":true"},
                {AF_NATS_LOCKS, "afl.>", 1, "\"discard\":\"new\",\"deny_delete\":true"},
                {AF_NATS_NOTES, "afn.>", 64, "\"deny_delete\":true"}};
    struct af_nats_reply reply;
    if (op->bus->has_values)
        return true;
    if (has_earlier(op))
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char config[200];
        snprintf(config, sizeof config, "\"subjects\":[\"%s\"],\"max_msgs_per_subject\":%d,%s",
                 rows[i].subjects, rows[i].each, rows[i].more);
        bool ok = af_nats_need_stream(&op->bus->port, &reply, rows[i].stream, config, NULL);
        af_nats_reply_release(&reply);
        if (!ok)
            return failed(op, &reply);
    }
    op->bus->has_values = true;
    return true;
}

struct af_nats_task *af_nats_find_task(struct af_nats_op *op, const char *name)
{
    struct af_nats_task *task = op->bus->tasks;
    while (task != NULL && strcmp(task->name, name) != 0)
        task = task->next;
    if (task != NULL)
        return task;
    task = af_mem_zero(1, sizeof *task);
    task->name = af_mem_string(name);
    af_nats_token(name, task->token);
    task->next = op->bus->tasks;
    return op->bus->tasks = task;
}

static bool make_task(struct af_nats_op *op, struct af_nats_task *task, bool open,
                      const struct af_bus_member *members, size_t count, bool *again)
{
    task->open = open;
    task->made_s = af_loop_wall_ns(op->bus->head.loop) / AF_S_NS;
    return write_task(op, task, members, count, again);
}

void af_nats_forget_tasks(struct af_nats_bus *bus)
{
    for (struct af_nats_task *task = bus->tasks; task != NULL; task = task->next)
        task->sequence = 0;
    for (struct af_nats_place *place = bus->places; place != NULL; place = place->next)
        place->ready = false, place->sent = -1;
    bus->has_values = false;
}

static bool refuse_name(struct af_nats_op *op)
{
    af_nats_refuse(op, AF_BUS_INVALID, "a task's ID has 1 to %d bytes, and is neither '.' nor '..'",
                   AF_BUS_ID_BYTES_MAX);
    return false;
}

struct af_nats_task *af_nats_task(struct af_nats_op *op, const char *name, bool fresh)
{
    struct af_nats_bus *bus = op->bus;
    bool springs_up = bus->open_tasks || bus->member_count > 0, again;
    if (!is_name(name) && !refuse_name(op))
        return NULL;
    struct af_nats_task *task = af_nats_find_task(op, name);
    if ((fresh || task->sequence == 0) &&
        (!af_nats_need_values(op) || !af_nats_read_task(op, task)))
        return NULL;
    if (task->sequence == 0 && springs_up &&
        !make_task(op, task, bus->open_tasks, bus->members, bus->open_tasks ? 0 : bus->member_count,
                   &again))
        return NULL;
    if (task->sequence != 0 && task->ended_s == 0)
        return task;
    af_nats_refuse(op, AF_BUS_NO_TASK,
                   task->sequence == 0 ? "there is no task '%s'" : "the task '%s' has ended", name);
    return NULL;
}

/* ---- Members. ---- */

enum { NO_MEMBER = -2, HAS_ROLE = -1, NAMED_ONLY = 0, BY_USE = 2 };

const struct af_bus_member *af_nats_member(const struct af_nats_task *task, const char *node)
{
    for (size_t i = 0; i < task->count; i++)
        if (strcmp(task->members[i].node, node) == 0)
            return &task->members[i];
    return NULL;
}

static int standing(const struct af_nats_task *task, const char *node)
{
    const struct af_bus_member *member = af_nats_member(task, node);
    return member == NULL ? NO_MEMBER : member->role[0] != '\0' ? HAS_ROLE : member->number;
}

/* A node comes in this role, or with its number alone where it has no better; false: it is none of
 * the task, or op has failed. */
static bool come(struct af_nats_op *op, struct af_nats_task *task,
                 const struct af_bus_member *member)
{
    bool in_role = member->role[0] != '\0', again = true;
    for (int i = 0; i < CHANGE_TRIES && again; i++) {
        int known = standing(task, member->node);
        if (known == NO_MEMBER && !task->open)
            return i == 0 && af_nats_read_task(op, task) && task->ended_s == 0 &&
                   standing(task, member->node) != NO_MEMBER;
        if (known == NO_MEMBER && (!is_name(member->node) || task->count == AF_BUS_MEMBERS_MAX))
            return false;
        bool better = in_role ? known != HAS_ROLE : known == NAMED_ONLY && member->number != 0;
        if (known != NO_MEMBER && (!task->open || !better))
            return true;
        if (!write_task(op, task, member, 1, &again))
            return false;
    }
    if (again)
        af_nats_refuse(op, AF_BUS_UNREACHABLE, "too many nodes join task '%s' at once", task->name);
    return !again;
}

bool af_nats_need_member(struct af_nats_op *op, struct af_nats_task *task, const char *node)
{
    if (come(op, task, &(struct af_bus_member){node, "", BY_USE}))
        return true;
    if (op->result.code == AF_BUS_OK)
        af_nats_refuse(op, AF_BUS_NOT_MEMBER, "'%s' is no node of task '%s'", node, task->name);
    return false;
}

bool af_nats_need_target(struct af_nats_op *op, struct af_nats_task *task, const char *node)
{
    if (come(op, task, &(struct af_bus_member){node, "", NAMED_ONLY}))
        return true;
    if (op->result.code == AF_BUS_OK)
        af_nats_refuse(op, AF_BUS_INVALID, "the target '%s' is no node of task '%s'", node,
                       task->name);
    return false;
}

static void copy_members(struct af_nats_op *op, const struct af_nats_task *task)
{
    struct af_bus_member *members = af_arena_alloc(&op->arena, (task->count + 1) * sizeof *members);
    for (size_t i = 0; i < task->count; i++)
        members[i] = (struct af_bus_member){af_arena_string(&op->arena, task->members[i].node),
                                            af_arena_string(&op->arena, task->members[i].role),
                                            task->members[i].number};
    op->result.members = members;
    op->result.count = task->count;
    op->result.open = task->open;
}

/* Names of the streams of a task whose subjects begin so: "af", "aff". */
bool af_nats_list_streams(struct af_nats_op *op, const struct af_nats_task *task, const char *head,
                          af_nats_each_fn *each, void *arg)
{
    struct af_nats_reply reply;
    bool ok = af_nats_ask(&op->bus->port, &reply, "$JS.API.STREAM.NAMES",
                          "{\"subject\":\"%s.%s.>\"}", head, task->token);
    if (ok)
        af_nats_each(reply.data, reply.len, "streams", each, arg);
    af_nats_reply_release(&reply);
    return ok || failed(op, &reply);
}

void af_nats_members(struct af_nats_op *op)
{
    op->over = true;
    const struct af_bus_member *asker = &op->asker;
    int64_t files;
    struct af_nats_task *task = af_nats_task(op, op->task.task, true);
    if (task == NULL)
        return;
    if (asker->node != NULL && task->open && asker->role != NULL)
        come(op, task, asker);
    else if (asker->node != NULL && (task->open || af_nats_need_member(op, task, asker->node)))
        af_nats_count_files(op, task, &files, &op->result.files_bytes);
    if (op->result.code == AF_BUS_OK)
        copy_members(op, task);
}

/* ---- For who runs the tasks. ---- */

void af_nats_create_task(struct af_nats_op *op)
{
    op->over = true;
    const struct af_bus_task *wanted = &op->task;
    bool again = true;
    if ((!is_name(wanted->task) && !refuse_name(op)) || !af_nats_need_values(op))
        return;
    struct af_nats_task *task = af_nats_find_task(op, wanted->task);
    if (!af_nats_read_task(op, task))
        return;
    for (int i = 0; i < CHANGE_TRIES && again; i++) {
        if (task->ended_s != 0) {
            af_nats_refuse(op, AF_BUS_NO_TASK, "the task '%s' has ended; its name stays taken",
                           wanted->task);
            return;
        }
        if (task->count + wanted->member_count > AF_BUS_MEMBERS_MAX) {
            af_nats_refuse(op, AF_BUS_FULL, "a task has at most %d members", AF_BUS_MEMBERS_MAX);
            return;
        }
        bool ok =
            task->sequence == 0
                ? make_task(op, task, wanted->open, wanted->members, wanted->member_count, &again)
                : write_task(op, task, wanted->members, wanted->member_count, &again);
        if (!ok)
            return;
    }
}

struct removal {
    struct af_nats_op *op;
    bool ok;
};

static void remove_stream(void *arg, const char *name, int64_t number)
{
    struct removal *removal = arg;
    struct af_nats_reply reply;
    char subject[AF_NATS_SUBJECT_BYTES];
    (void)number;
    if (strncmp(name, "AF", 2) != 0 || strncmp(name, "AFK", 3) == 0 || !removal->ok)
        return;
    snprintf(subject, sizeof subject, "$JS.API.STREAM.DELETE.%s", name);
    removal->ok = af_nats_ask(&removal->op->bus->port, &reply, subject, "%s", "") ||
                  reply.error == AF_NATS_NO_STREAM || failed(removal->op, &reply);
    af_nats_reply_release(&reply);
}

/* Its streams go when it is known to have ended, so that who makes one of them anew sees that. */
static void remove_all(struct af_nats_op *op, struct af_nats_task *task)
{
    static const char *const heads[] = {"af", "afb", "afd", "aff"};
    struct removal removal = {op, true};
    struct af_nats_reply reply;
    for (size_t i = 0; i < 4 && removal.ok; i++)
        removal.ok =
            af_nats_list_streams(op, task, heads[i], remove_stream, &removal) && removal.ok;
    if (!removal.ok)
        return;
    if (!af_nats_ask(&op->bus->port, &reply, "$JS.API.STREAM.PURGE." AF_NATS_LOCKS,
                     "{\"filter\":\"afl.%s.>\"}", task->token))
        af_nats_fail(op, &reply);
    af_nats_reply_release(&reply);
}

void af_nats_end_task(struct af_nats_op *op)
{
    op->over = true;
    bool again = true;
    if ((!is_name(op->task.task) && !refuse_name(op)) || !af_nats_need_values(op))
        return;
    struct af_nats_task *task = af_nats_find_task(op, op->task.task);
    if (!af_nats_read_task(op, task))
        return;
    if (task->sequence == 0) {
        af_nats_refuse(op, AF_BUS_NO_TASK, "there is no task '%s'", op->task.task);
        return;
    }
    for (int i = 0; i < CHANGE_TRIES && again; i++) {
        if (task->ended_s == 0)
            task->ended_s = af_loop_wall_ns(op->bus->head.loop) / AF_S_NS;
        if (!write_task(op, task, NULL, 0, &again))
            return;
    }
    for (struct af_nats_place *place = op->bus->places; place != NULL; place = place->next)
        if (place->task == task)
            place->ready = false;
    remove_all(op, task);
}

/* ---- Places. ---- */

static bool need_streams(struct af_nats_op *op, struct af_nats_place *place)
{
    struct af_nats_bus *bus = op->bus;
    struct af_nats_task *task = place->task;
    struct af_nats_reply reply;
    char config[AF_NATS_SUBJECT_BYTES];
    bool made = false, made_all = false;
    snprintf(config, sizeof config,
             "\"subjects\":[\"af.%s.%s.*.*\"],\"retention\":\"workqueue\",\"discard\":\"new\","
             "\"discard_new_per_subject\":true,\"max_msgs_per_subject\":%lld,"
             "\"duplicate_window\":%lld,\"allow_direct\":true",
             task->token, place->channel, (long long)bus->queue_max,
             (long long)(AF_NATS_TWICE_S * AF_S_NS));
    bool ok = af_nats_need_stream(&bus->port, &reply, place->queues, config, &made);
    if (ok) {
        af_nats_reply_release(&reply);
        snprintf(config, sizeof config,
                 "\"subjects\":[\"afb.%s.%s.*\"],\"max_msgs\":%d,\"max_age\":%lld,"
                 "\"allow_direct\":true",
                 task->token, place->channel, AF_BUS_BROADCASTS_MAX,
                 (long long)(bus->keep_s * AF_S_NS));
        ok = af_nats_need_stream(&bus->port, &reply, place->all, config, &made_all);
    }
    af_nats_reply_release(&reply);
    if (!ok)
        return failed(op, &reply);
    if (!made && !made_all)
        return true;
    if (!af_nats_read_task(op, task)) /* it may have ended meanwhile */
        return false;
    if (task->ended_s == 0)
        return true;
    remove_all(op, task);
    af_nats_refuse(op, AF_BUS_NO_TASK, "the task '%s' has ended", task->name);
    return false;
}

struct af_nats_place *af_nats_place(struct af_nats_op *op, const char *name, const char *channel)
{
    char token[AF_NATS_TOKEN_BYTES];
    struct af_nats_task *task = af_nats_task(op, name, false);
    if (task == NULL)
        return NULL;
    af_nats_token(channel, token);
    struct af_nats_place *place = op->bus->places;
    while (place != NULL && (place->task != task || strcmp(place->channel, token) != 0))
        place = place->next;
    if (place == NULL) {
        place = af_mem_zero(1, sizeof *place);
        place->task = task;
        memcpy(place->channel, token, sizeof token);
        snprintf(place->queues, sizeof place->queues, "AF+%s+%s", task->token, token);
        snprintf(place->all, sizeof place->all, "AFB+%s+%s", task->token, token);
        place->next = op->bus->places;
        op->bus->places = place;
    }
    if (!place->ready && af_nats_task(op, name, true) == NULL)
        return NULL;
    if (!place->ready && !need_streams(op, place))
        return NULL;
    place->ready = true;
    return place;
}

/* ---- Notes. ---- */

static const char *const kinds[] = {"progress", "result", "dataset", "launch", "completion"};

static bool keep_note(struct af_nats_op *op, const struct af_nats_task *task,
                      const struct af_bus_note *note)
{
    struct af_buf text = AF_BUF_EMPTY;
    struct af_nats_reply reply;
    char subject[AF_NATS_SUBJECT_BYTES], node[AF_NATS_TOKEN_BYTES];
    int64_t sequence = -1;
    af_nats_token(note->node == NULL ? "" : note->node, node);
    af_json_open(&text, '{');
    af_json_add_text(&text, "kind", kinds[note->kind]);
    af_json_add_integer(&text, "number", note->number);
    af_json_add_integer(&text, "at", af_loop_wall_ns(op->bus->head.loop) / AF_S_NS);
    af_json_add_text(&text, "node_id", note->node);
    af_json_add_text(&text, "text", note->text);
    af_json_add_text(&text, "url", note->url);
    af_buf_append_char(&text, '}');
    snprintf(subject, sizeof subject, "afn.%s.%s.%s", task->token, node, kinds[note->kind]);
    bool ok = af_nats_put(&op->bus->port, &reply, subject, af_buf_text(&text), text.len, &sequence);
    af_buf_release(&text);
    return ok || failed(op, &reply);
}

void af_nats_tell(struct af_nats_op *op)
{
    op->over = true;
    const struct af_bus_note *note = &op->note;
    if (note->kind == AF_BUS_NOTE_LAUNCH && !op->bus->is_front) {
        af_nats_refuse(op, AF_BUS_INVALID,
                       "a launch is told by a front of the NATS servers (afrun serve --bus "
                       "nats://… without --node), not by a node of them");
        return;
    }
    struct af_nats_task *task = af_nats_task(op, note->task, false);
    if (task != NULL && (note->node == NULL || af_nats_need_member(op, task, note->node)))
        keep_note(op, task, note);
}

void af_nats_note_told(struct af_nats_op *op, const struct af_bus_post *post)
{
    struct af_bus_note note;
    if (af_bus_told(post, &op->arena, &note))
        keep_note(op, op->place->task, &note);
}
