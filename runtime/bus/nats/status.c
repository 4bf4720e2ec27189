/* status.c: what is told of tasks: names, sizes and counts, never contents. */
#include "bus/nats/impl.h"

#include "base/bounds.h"
#include "json/json.h"
#include "loop/loop.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static bool failed(struct af_nats_op *op, const struct af_nats_reply *reply)
{
    af_nats_fail(op, reply);
    return false;
}

/* The name that a token stands for, as far as it can be told. */
const char *af_nats_name(struct af_arena *arena, const struct af_nats_task *task, const char *token)
{
    size_t len = strlen(token), got;
    for (size_t i = 0; i < task->count; i++)
        if (strcmp(task->tokens[i], token) == 0)
            return task->members[i].node;
    char *name = af_arena_alloc(arena, len + 1);
    if (token[0] != '=' ||
        sodium_base642bin((unsigned char *)name, len, token + 1, len - 1, NULL, &got, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return token;
    name[got] = '\0';
    return af_json_is_utf8(name, got) ? name : token;
}

/* ---- Files. ---- */

static void count_one(void *arg, const char *name, int64_t number)
{
    (void)name;
    *(int64_t *)arg += number > 0;
}

bool af_nats_count_files(struct af_nats_op *op, const struct af_nats_task *task, int64_t *files,
                         int64_t *bytes)
{
    struct af_nats_reply reply;
    char subject[AF_NATS_SUBJECT_BYTES];
    *files = *bytes = 0;
    snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.AFF+%s", task->token);
    bool ok = af_nats_ask(&op->bus->port, &reply, subject, "{\"subjects_filter\":\"aff.%s.*.end\"}",
                          task->token);
    if (ok) {
        af_nats_integer(reply.data, reply.len, "state.bytes", bytes);
        af_nats_each(reply.data, reply.len, "state.subjects", count_one, files);
    }
    af_nats_reply_release(&reply);
    return ok || reply.error == AF_NATS_NO_STREAM || failed(op, &reply);
}

/* ---- Queues. ---- */

struct telling {
    struct af_nats_op *op;
    const struct af_nats_task *task;
    struct af_buf *out;
    const char *stream, *channel; /* the last: a token */
    int64_t *lengths;             /* of the members' queues */
    bool ok;
};

/* af.<task>.<channel>.<node>.<sender> holds so many. */
static void count_queue(void *arg, const char *subject, int64_t number)
{
    struct telling *telling = arg;
    const char *at = subject;
    for (int i = 0; i < 3 && at != NULL; i++) {
        at = strchr(at, '.');
        at = at == NULL ? NULL : at + 1;
    }
    size_t len = at == NULL ? 0 : strcspn(at, ".");
    for (size_t i = 0; i < telling->task->count && at != NULL; i++)
        if (strlen(telling->task->tokens[i]) == len &&
            memcmp(telling->task->tokens[i], at, len) == 0)
            telling->lengths[i] += number;
}

/* What a node's consumer has handed out, whichever of its names that has. */
static bool ask_consumer(struct telling *telling, const char *token, int64_t *leased)
{
    bool ok = true, found = false;
    for (int i = 0; i < AF_NATS_GENERATIONS && ok && !found; i++) {
        struct af_nats_reply reply;
        char subject[AF_NATS_SUBJECT_BYTES];
        snprintf(subject, sizeof subject, "$JS.API.CONSUMER.INFO.%s.%s+%d", telling->stream, token,
                 i);
        found = af_nats_ask(&telling->op->bus->port, &reply, subject, "%s", "");
        if (found)
            af_nats_integer(reply.data, reply.len, "num_ack_pending", leased);
        af_nats_reply_release(&reply);
        ok = found || reply.error == AF_NATS_NO_CONSUMER || failed(telling->op, &reply);
    }
    return ok;
}

static void count_handed(void *arg, const char *entry, int64_t number)
{
    const char *uuid = strchr(entry, ' ');
    int64_t *leased = arg;
    (void)number;
    *leased += uuid != NULL && uuid[1] != '\0';
}

/* What a front has handed out stands in the queue's value; what nodes have, they asked a consumer
 * for. */
static bool ask_leased(struct telling *telling, const char *token, int64_t *leased)
{
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    struct af_arena arena = {0};
    char subject[AF_NATS_SUBJECT_BYTES];
    int64_t by_front = 0;
    snprintf(subject, sizeof subject, "afl.%s.%s.%s", telling->task->token, telling->channel,
             token);
    bool ok =
        af_nats_last(&telling->op->bus->port, &reply, &arena, AF_NATS_LOCKS, subject, &kept) ||
        failed(telling->op, &reply);
    if (ok && kept.sequence > 0)
        af_nats_integer(kept.data, kept.len, "front", &by_front);
    if (by_front != 0)
        af_nats_each(kept.data, kept.len, "hand", count_handed, leased);
    af_arena_release(&arena);
    return ok && (by_front != 0 || ask_consumer(telling, token, leased));
}

static bool append_queue(struct telling *telling, size_t member)
{
    const struct af_nats_task *task = telling->task;
    const char *token = task->tokens[member];
    struct af_nats_op *op = telling->op;
    struct af_nats_reply reply;
    struct af_nats_kept first;
    struct af_arena arena = {0};
    char subject[AF_NATS_SUBJECT_BYTES];
    int64_t leased = 0, now_s = af_loop_wall_ns(op->bus->head.loop) / AF_S_NS;
    snprintf(subject, sizeof subject, "af.%s.%s.%s.*", task->token, telling->channel, token);
    bool ok = ask_leased(telling, token, &leased);
    if (ok && !af_nats_next(&op->bus->port, &reply, &arena, telling->stream, subject, 1, &first))
        ok = failed(op, &reply);
    if (ok) {
        af_json_open(telling->out, '{');
        af_json_add_integer(telling->out, "length", telling->lengths[member]);
        af_json_add_integer(telling->out, "leased", leased);
        af_json_add_text(telling->out, "node_id", task->members[member].node);
        af_json_add_text(telling->out, "channel",
                         af_nats_name(&arena, &(struct af_nats_task){0}, telling->channel));
        if (first.sequence > 0)
            af_json_add_integer(telling->out, "oldest_s",
                                first.time_s > now_s ? 0 : now_s - first.time_s);
        af_buf_append_char(telling->out, '}');
    }
    af_arena_release(&arena);
    return ok;
}

/* The channel of "AF+task+channel"; NULL: it is another stream. */
static const char *channel_of(const struct af_nats_task *task, const char *stream, const char *head)
{
    size_t head_len = strlen(head), task_len = strlen(task->token);
    if (strncmp(stream, head, head_len) != 0 ||
        strncmp(stream + head_len, task->token, task_len) != 0 ||
        stream[head_len + task_len] != '+')
        return NULL;
    return stream + head_len + task_len + 1;
}

static void tell_queues(void *arg, const char *stream, int64_t number)
{
    struct telling *telling = arg;
    const struct af_nats_task *task = telling->task;
    struct af_nats_reply reply;
    char subject[AF_NATS_SUBJECT_BYTES];
    (void)number;
    telling->stream = stream;
    telling->channel = channel_of(task, stream, "AF+");
    if (telling->channel == NULL || !telling->ok)
        return;
    memset(telling->lengths, 0, (task->count + 1) * sizeof(int64_t));
    snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.%s", stream);
    telling->ok = af_nats_ask(&telling->op->bus->port, &reply, subject,
                              "{\"subjects_filter\":\"af.%s.>\"}", task->token);
    if (telling->ok)
        af_nats_each(reply.data, reply.len, "state.subjects", count_queue, telling);
    else
        failed(telling->op, &reply);
    af_nats_reply_release(&reply);
    for (size_t i = 0; i < task->count && telling->ok; i++)
        telling->ok = append_queue(telling, i);
}

/* ---- Dead letters and notes. ---- */

static void tell_dead(void *arg, const char *stream, int64_t number)
{
    static const char *const names[][2] = {
        {"message_uuid", "uuid"}, {"sender_id", "sender"}, {"reason", "reason"}};
    struct telling *telling = arg;
    const char *channel = channel_of(telling->task, stream, "AFD+");
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    int64_t at = 1;
    (void)number;
    for (int i = 0; i < AF_BUS_DEAD_MAX && channel != NULL && telling->ok; i++) {
        struct af_arena arena = {0};
        telling->ok = af_nats_next(&telling->op->bus->port, &reply, &arena, stream, ">", at, &kept);
        const char *node = kept.subject == NULL ? NULL : strrchr(kept.subject, '.');
        if (!telling->ok)
            failed(telling->op, &reply);
        if (telling->ok && node != NULL && kept.sequence >= at) {
            af_json_open(telling->out, '{');
            af_json_add_integer(telling->out, "at", kept.time_s);
            af_json_add_text(telling->out, "node_id",
                             af_nats_name(&arena, telling->task, node + 1));
            af_json_add_text(telling->out, "channel",
                             af_nats_name(&arena, &(struct af_nats_task){0}, channel));
            for (int k = 0; k < 3; k++)
                af_json_add_text(telling->out, names[k][0],
                                 af_nats_text(&arena, kept.item, strlen(kept.item), names[k][1]));
            af_buf_append_char(telling->out, '}');
            at = kept.sequence + 1;
        } else {
            channel = NULL;
        }
        af_arena_release(&arena);
    }
}

/* Calls each note of a task, a JSON object each that was read as one; progress alone, or all else.
 */
static bool each_note(struct telling *telling, bool progress)
{
    static const char *const texts[] = {"kind", "node_id", "text", "url"};
    struct af_nats_op *op = telling->op;
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    char subject[AF_NATS_SUBJECT_BYTES];
    int64_t at = 1;
    snprintf(subject, sizeof subject, "afn.%s.>", telling->task->token);
    for (;;) {
        struct af_arena arena = {0};
        bool ok = af_nats_next(&op->bus->port, &reply, &arena, AF_NATS_NOTES, subject, at, &kept);
        bool over = !ok || kept.sequence < at;
        if (!ok)
            failed(op, &reply);
        const char *kind = over ? NULL : af_nats_text(&arena, kept.data, kept.len, "kind");
        int64_t number = 0, at_s = 0;
        if (kind != NULL && (strcmp(kind, "progress") == 0) == progress) {
            af_nats_integer(kept.data, kept.len, "number", &number);
            af_nats_integer(kept.data, kept.len, "at", &at_s);
            const char *node = af_nats_text(&arena, kept.data, kept.len, "node_id");
            const struct af_bus_member *member =
                node == NULL ? NULL : af_nats_member(telling->task, node);
            if (progress && member != NULL)
                telling->lengths[member - telling->task->members] = number;
            if (!progress) {
                af_json_open(telling->out, '{');
                af_json_add_integer(telling->out, "number", number);
                af_json_add_integer(telling->out, "at", at_s);
                for (int i = 0; i < 4; i++)
                    af_json_add_text(telling->out, texts[i],
                                     af_nats_text(&arena, kept.data, kept.len, texts[i]));
                af_buf_append_char(telling->out, '}');
            }
        }
        at = kept.sequence + 1;
        af_arena_release(&arena);
        if (over)
            return ok;
    }
}

/* ---- A task. ---- */

static bool append_members(struct telling *telling)
{
    const struct af_nats_task *task = telling->task;
    for (size_t i = 0; i < task->count; i++)
        telling->lengths[i] = -1;
    if (!each_note(telling, true))
        return false;
    for (size_t i = 0; i < task->count; i++) {
        af_json_open(telling->out, '{');
        af_json_add_integer(telling->out, "number", task->members[i].number);
        af_json_add_text(telling->out, "node_id", task->members[i].node);
        af_json_add_text(telling->out, "role", task->members[i].role);
        if (telling->lengths[i] >= 0)
            af_json_add_integer(telling->out, "progress", telling->lengths[i]);
        af_buf_append_char(telling->out, '}');
    }
    return true;
}

static bool append_task(struct af_nats_op *op, const struct af_nats_task *task)
{
    struct af_buf *out = &op->text;
    int64_t files, bytes;
    struct telling telling = {.op = op, .task = task, .out = out, .ok = true};
    telling.lengths = af_arena_alloc(&op->arena, (task->count + 1) * sizeof(int64_t));
    if (!af_nats_count_files(op, task, &files, &bytes))
        return false;
    af_json_open(out, '{');
    af_buf_printf(out, "\"open\":%s", task->open ? "true" : "false");
    af_json_add_text(out, "task_id", task->name);
    af_json_add_integer(out, "made", task->made_s);
    af_json_add_integer(out, "files", files);
    af_json_add_integer(out, "file_bytes", bytes);
    if (task->ended_s != 0)
        af_json_add_integer(out, "ended", task->ended_s);
    af_buf_append_string(out, ",\"members\":[");
    telling.ok = append_members(&telling);
    af_buf_append_string(out, "],\"queues\":[");
    telling.ok =
        telling.ok && af_nats_list_streams(op, task, "af", tell_queues, &telling) && telling.ok;
    af_buf_append_string(out, "],\"dead_letters\":[");
    telling.ok =
        telling.ok && af_nats_list_streams(op, task, "afd", tell_dead, &telling) && telling.ok;
    af_buf_append_string(out, "],\"notes\":[");
    telling.ok = telling.ok && each_note(&telling, false);
    af_buf_append_string(out, "]}");
    return telling.ok;
}

/* Each task in the order of its record's last change. */
static bool append_all(struct af_nats_op *op)
{
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    int64_t at = 1;
    for (;;) {
        if (!af_nats_next(&op->bus->port, &reply, &op->arena, AF_NATS_TASKS, "aft.*", at, &kept))
            return failed(op, &reply);
        if (kept.sequence < at)
            return true;
        const char *name = af_nats_text(&op->arena, kept.data, kept.len, "task");
        struct af_nats_task *task = name == NULL ? NULL : af_nats_find_task(op, name);
        if (task != NULL && !af_nats_read_task(op, task))
            return false;
        if (task != NULL && task->sequence > 0 && !append_task(op, task))
            return false;
        op->result.count += task != NULL;
        at = kept.sequence + 1;
    }
}

void af_nats_status(struct af_nats_op *op)
{
    op->over = true;
    const char *name = op->task.task;
    bool ok = af_nats_need_values(op);
    af_buf_append_string(&op->text, "{\"tasks\":[");
    struct af_nats_task *task = NULL;
    if (ok && name != NULL) {
        task = af_nats_find_task(op, name);
        ok = af_nats_read_task(op, task);
        if (ok && task->sequence == 0) {
            af_nats_refuse(op, AF_BUS_NO_TASK, "there is no task '%s'", name);
            ok = false;
        }
        ok = ok && append_task(op, task);
    } else if (ok) {
        ok = append_all(op);
    }
    if (!ok)
        return;
    af_buf_printf(&op->text, "],\"set_aside\":%llu}", (unsigned long long)op->bus->set_aside);
    op->result.text = af_buf_text(&op->text);
    op->result.text_len = op->text.len;
    op->result.count += name != NULL;
}
