/* queue.c: what a queue hands out.
 *
 * A take that finds nothing pulls from its consumer and waits; what comes is kept as the queue's
 * entries until it is acknowledged, in the order of the stream. */
#include "bus/nats/impl.h"

#include "base/bounds.h"
#include "json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOCK_NUMBER = 1 << 20 }; /* of an op's messages: the value of AFL */

static void go_on(struct af_nats_op *op);

/* ---- Finding. ---- */

struct af_nats_queue *af_nats_find_queue(struct af_nats_op *op)
{
    struct af_nats_bus *bus = op->bus;
    const struct af_bus_take *take = &op->take;
    struct af_nats_place *place = af_nats_place(op, take->task, take->channel);
    if (place == NULL || !af_nats_need_member(op, place->task, take->node))
        return NULL;
    struct af_nats_queue *queue = bus->queues;
    while (queue != NULL && (queue->place != place || strcmp(queue->node, take->node) != 0))
        queue = queue->next;
    if (queue != NULL)
        return queue;
    queue = af_mem_zero(1, sizeof *queue);
    queue->place = place;
    queue->node = af_mem_string(take->node);
    af_nats_token(take->node, queue->token);
    queue->number = ++bus->queue_numbers;
    queue->of_front = bus->is_front;
    queue->next = bus->queues;
    return bus->queues = queue;
}

/* ---- Acknowledging. ---- */

size_t af_nats_find_entry(const struct af_nats_queue *queue, const char *uuid)
{
    size_t i = 0;
    while (i < queue->count && (!queue->entries[i].handed || queue->entries[i].done ||
                                strcmp(queue->entries[i].uuid, uuid) != 0))
        i++;
    return i;
}

/* Keeps a contract that the node cannot read, with the reason in its header, for whoever looks
 * after the task. */
bool af_nats_bury(struct af_nats_op *op, const struct af_nats_queue *queue, const char *header,
                  const char *content, size_t len, const char *reason)
{
    const struct af_nats_place *place = queue->place;
    struct af_nats_reply reply;
    struct af_buf text = AF_BUF_EMPTY;
    char stream[3 * AF_NATS_TOKEN_BYTES + 8], config[AF_NATS_SUBJECT_BYTES];
    char subject[AF_NATS_SUBJECT_BYTES];
    size_t header_len = strlen(header);
    snprintf(stream, sizeof stream, "AFD+%s+%s", place->task->token, place->channel);
    snprintf(config, sizeof config, "\"subjects\":[\"afd.%s.%s.*\"],\"max_msgs_per_subject\":%d",
             place->task->token, place->channel, AF_BUS_DEAD_MAX);
    bool ok = af_nats_need_stream(&op->bus->port, &reply, stream, config, NULL);
    af_nats_reply_release(&reply);
    if (ok) {
        if (header_len > 1 && header[header_len - 1] == '}')
            af_buf_append(&text, header, header_len - 1);
        else
            af_json_open(&text, '{');
        af_json_add_text(&text, "reason", reason);
        af_buf_append_char(&text, '}');
        snprintf(subject, sizeof subject, "afd.%s.%s.%s", place->task->token, place->channel,
                 queue->token);
        struct af_nats_send send = {.subject = subject,
                                    .body = content,
                                    .len = len,
                                    .headers = {{"Af", af_buf_text(&text)}}};
        ok = af_nats_ask_with(&op->bus->port, &reply, &send);
        af_nats_reply_release(&reply);
    }
    af_buf_release(&text);
    if (!ok)
        af_nats_fail(op, &reply);
    return ok;
}

/* The same of one that was handed out. */
bool af_nats_bury_entry(struct af_nats_op *op, struct af_nats_queue *queue,
                        const struct af_nats_entry *entry, const char *reason)
{
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    struct af_arena arena = {0};
    if (entry->before && entry->header != NULL)
        return af_nats_bury(op, queue, entry->header, entry->content, entry->content_len, reason);
    int64_t sequence = entry->before ? entry->id : entry->id - AF_NATS_QUEUE_IDS;
    const struct af_nats_place *place = queue->place;
    bool ok = af_nats_next(&op->bus->port, &reply, &arena,
                           entry->before ? place->all : place->queues, ">", sequence, &kept);
    if (!ok)
        af_nats_fail(op, &reply);
    else if (kept.sequence == sequence)
        ok = af_nats_bury(op, queue, kept.item, kept.data, kept.len, reason);
    af_arena_release(&arena);
    return ok;
}

/* Tells the server that one is done with; false: op has failed. */
static bool acknowledge(struct af_nats_op *op, struct af_nats_queue *queue, size_t i)
{
    struct af_nats_entry *entry = &queue->entries[i];
    if (entry->before) {
        af_nats_drop(queue, i);
        return true;
    }
    if (entry->reply == NULL) { /* it comes again, and is told then */
        entry->done = true;
        return true;
    }
    struct af_nats_send send = {.subject = entry->reply, .body = "+ACK", .len = 4, .op = op};
    if (!af_nats_send(&op->bus->port, &send, "a.%llu.%zu", (unsigned long long)op->ticket,
                      op->acks_open)) {
        af_nats_refuse(op, AF_BUS_UNREACHABLE, "ack: the connection to the NATS servers is lost");
        return false;
    }
    op->acks_open++;
    af_nats_drop(queue, i);
    return true;
}

static bool has_before(const struct af_nats_queue *queue)
{
    return queue->count > 0 && queue->entries[0].before;
}

/* Writes how far the holder is, and that the broadcasts from before are dealt with, beside the
 * acknowledgements: who has lost the queue to another learns it so. */
static bool note_lock(struct af_nats_op *op, struct af_nats_queue *queue)
{
    struct af_buf text = AF_BUF_EMPTY;
    char subject[AF_NATS_SUBJECT_BYTES], expected[32];
    if (!queue->dirty || queue->writing || !queue->held)
        return true;
    af_nats_lock_subject(queue, subject);
    af_nats_print_lock(&text, queue);
    snprintf(expected, sizeof expected, "%lld", (long long)queue->sequence);
    struct af_nats_send send = {.subject = subject,
                                .body = af_buf_text(&text),
                                .len = text.len,
                                .op = op,
                                .headers = {{"Nats-Expected-Last-Subject-Sequence", expected}}};
    bool ok = af_nats_send(&op->bus->port, &send, "a.%llu.%d", (unsigned long long)op->ticket,
                           LOCK_NUMBER);
    af_buf_release(&text);
    if (!ok)
        af_nats_refuse(op, AF_BUS_UNREACHABLE, "ack: the connection to the NATS servers is lost");
    op->acks_open += ok;
    queue->writing = ok;
    queue->dirty = !ok;
    return ok;
}

/* What a take and an ack are done with. */
static bool send_acks(struct af_nats_op *op)
{
    struct af_nats_queue *queue = op->queue;
    const struct af_bus_take *take = &op->take;
    size_t done = 0;
    for (size_t k = 0; k < take->ack_count; k++) {
        const char *reason = take->reasons == NULL ? NULL : take->reasons[k];
        size_t i = af_nats_find_entry(queue, take->acks[k]);
        if (i == queue->count)
            continue;
        if (reason != NULL && !af_nats_bury_entry(op, queue, &queue->entries[i], reason))
            return false;
        if (!acknowledge(op, queue, i))
            return false;
        done++;
    }
    bool mine = strcmp(queue->holder, take->holder) == 0;
    if (done > 0 && mine && take->mark > queue->mark) {
        queue->mark = take->mark;
        queue->dirty = true;
    }
    if (!queue->heard && queue->held && !has_before(queue)) {
        queue->heard = true;
        queue->dirty = true;
    }
    return note_lock(op, queue);
}

void af_nats_acked(struct af_nats_op *op, int64_t number, struct af_nats_message *message)
{
    struct af_nats_queue *queue = op->queue;
    struct af_nats_reply reply;
    if (queue == NULL || op->acks_open == 0)
        return;
    af_nats_reply_read(&reply, message);
    if (number == LOCK_NUMBER) {
        int64_t sequence = 0;
        queue->writing = false;
        if (reply.error == AF_NATS_WRONG_SEQUENCE)
            queue->held = false;
        else if (af_nats_integer(reply.data, reply.len, "seq", &sequence) && sequence > 0)
            queue->sequence = sequence;
        queue->written_ns = af_nats_now_ns(op->bus);
    }
    if (reply.error != 0 && reply.error != AF_NATS_WRONG_SEQUENCE && op->result.code == AF_BUS_OK) {
        if (reply.error == AF_NATS_NOBODY)
            queue->ready = false; /* its consumer has gone */
        af_nats_fail(op, &reply);
    }
    if (--op->acks_open == 0)
        go_on(op);
}

/* ---- What comes. ---- */

/* The parts of $JS.ACK.[domain.account.]stream.consumer.times.sequence.number.time.pending[.…] */
struct ack_subject {
    char stream[3 * AF_NATS_TOKEN_BYTES + 8], consumer[AF_NATS_TOKEN_BYTES + 8];
    int64_t times, sequence, number, time_ns, pending;
};

static bool read_ack_subject(const char *reply, struct ack_subject *parts)
{
    const char *at = reply, *tokens[13];
    size_t count = 0;
    for (; at != NULL && count < 13; count++) {
        tokens[count] = at;
        at = strchr(at, '.');
        at = at == NULL ? NULL : at + 1;
    }
    size_t first = count == 9 ? 2 : 4;
    if ((count != 9 && count < 11) || strncmp(reply, "$JS.ACK.", 8) != 0)
        return false;
    size_t stream_len = (size_t)(tokens[first + 1] - tokens[first] - 1);
    size_t consumer_len = (size_t)(tokens[first + 2] - tokens[first + 1] - 1);
    if (stream_len >= sizeof parts->stream || consumer_len >= sizeof parts->consumer)
        return false;
    snprintf(parts->stream, sizeof parts->stream, "%.*s", (int)stream_len, tokens[first]);
    snprintf(parts->consumer, sizeof parts->consumer, "%.*s", (int)consumer_len, tokens[first + 1]);
    parts->times = strtoll(tokens[first + 2], NULL, 10);
    parts->sequence = strtoll(tokens[first + 3], NULL, 10);
    parts->number = strtoll(tokens[first + 4], NULL, 10);
    parts->time_ns = strtoll(tokens[first + 5], NULL, 10);
    parts->pending = strtoll(tokens[first + 6], NULL, 10);
    return parts->sequence > 0 && parts->sequence < INT64_MAX / 2;
}

/* The entry of this id, or where it belongs. */
static size_t place_of(const struct af_nats_queue *queue, int64_t id)
{
    size_t i = queue->count;
    while (i > 0 && queue->entries[i - 1].id >= id)
        i--;
    return i;
}

static void keep(struct af_nats_bus *bus, struct af_nats_queue *queue, const char *reply,
                 int64_t id, struct af_nats_message *message)
{
    size_t i = place_of(queue, id);
    struct af_nats_entry *entry = i < queue->count ? &queue->entries[i] : NULL;
    if (entry != NULL && entry->id == id && entry->done) {
        af_nats_send(&bus->port, &(struct af_nats_send){.subject = reply, .body = "+ACK", .len = 4},
                     NULL);
        af_nats_drop(queue, i);
        af_natsMsg_Destroy(message);
        return;
    }
    if (entry != NULL && entry->id == id) { /* it comes again; what was handed out is known */
        free(entry->reply);
        entry->reply = af_mem_string(reply);
        af_natsMsg_Destroy(message);
        return;
    }
    *af_nats_add_entry(queue, i) =
        (struct af_nats_entry){.id = id, .reply = af_mem_string(reply), .message = message};
}

static void serve_takes(struct af_nats_bus *bus, const struct af_nats_queue *queue)
{
    for (size_t i = 0; i < bus->active_count; i++) {
        struct af_nats_op *op = bus->active[i];
        if (op->queue != queue || !op->taking || op->over)
            continue;
        if (bus->is_front)
            op->look_ns = 0;
        else
            go_on(op);
    }
}

void af_nats_delivered(struct af_nats_bus *bus, struct af_nats_message *message)
{
    const char *reply = af_natsMsg_GetReply(message);
    struct ack_subject parts;
    struct af_nats_queue *queue = NULL;
    if (bus->is_front)
        af_nats_front_woken(bus, af_natsMsg_GetSubject(message));
    if (reply != NULL && read_ack_subject(reply, &parts)) {
        queue = bus->queues;
        char *plus = strrchr(parts.consumer, '+');
        int64_t generation = plus == NULL ? -1 : atoi(plus + 1);
        if (plus != NULL)
            *plus = '\0';
        while (queue != NULL &&
               (queue->generation != generation || strcmp(queue->token, parts.consumer) != 0 ||
                strcmp(queue->place->queues, parts.stream) != 0))
            queue = queue->next;
    }
    if (queue == NULL || !queue->ready) {
        af_natsMsg_Destroy(message);
        return;
    }
    queue->credit -= queue->credit > 0;
    if (parts.number != queue->came + 1) { /* one is lost: all come again */
        af_natsMsg_Destroy(message);
        af_nats_clear(queue, false);
    } else {
        queue->came++;
        queue->drained = parts.pending == 0;
        if (queue->drained && queue->no_wait)
            queue->credit = 0;
        keep(bus, queue, reply, AF_NATS_QUEUE_IDS + parts.sequence, message);
    }
    serve_takes(bus, queue);
}

static void end_pull(struct af_nats_bus *bus, struct af_nats_queue *queue, int status)
{
    queue->credit = 0;
    queue->drained = status == 404 || status == 408;
    if (!queue->drained) { /* the consumer, or the stream, has gone: another may have the queue */
        af_nats_clear(queue, false);
        queue->written_ns = INT64_MIN / 2;
        queue->place->ready = queue->place->ready && status != AF_NATS_NOBODY;
    }
    serve_takes(bus, queue);
}

void af_nats_pulled(struct af_nats_bus *bus, int64_t number, int64_t pull,
                    struct af_nats_message *message)
{
    struct af_nats_queue *queue = bus->queues;
    int status = atoi(af_nats_header(message, "Status"));
    while (queue != NULL && queue->number != number)
        queue = queue->next;
    if (queue != NULL && queue->pull == pull && status >= 400)
        end_pull(bus, queue, status);
}

void af_nats_pulls_lost(struct af_nats_bus *bus)
{
    for (struct af_nats_queue *queue = bus->queues; queue != NULL; queue = queue->next)
        if (queue->credit > 0)
            end_pull(bus, queue, AF_NATS_NOBODY);
}

/* ---- Handing out. ---- */

void af_nats_note_set_aside(const struct af_nats_op *op, const char *why)
{
    op->bus->set_aside++;
    af_log(AF_LOG_WARNING, "%s: a contract of task '%s', for node '%s', is set aside: %s",
           "the NATS server", op->take.task, op->take.node, why);
}

/* What is not as it should be leaves the queue, as a dead letter. */
static bool set_aside(struct af_nats_op *op, struct af_nats_queue *queue, size_t i, const char *why)
{
    struct af_nats_entry *entry = &queue->entries[i];
    struct af_nats_message *message = entry->message;
    af_nats_note_set_aside(op, why);
    int len = message == NULL ? 0 : af_natsMsg_GetDataLength(message);
    bool ok = message == NULL
                  ? af_nats_bury(op, queue, "", entry->content, entry->content_len, why)
                  : af_nats_bury(op, queue, "", af_natsMsg_GetData(message), (size_t)len, why);
    if (ok && entry->reply != NULL)
        af_nats_send(&op->bus->port,
                     &(struct af_nats_send){.subject = entry->reply, .body = "+ACK", .len = 4},
                     NULL);
    if (ok)
        af_nats_drop(queue, i);
    return ok;
}

/* Whether the subject proves the sender that the contract names: the server lets each node send
 * under its own name alone. What the node has sent again by hand is its own word. */
static bool is_by(const struct af_nats_queue *queue, const char *subject,
                  const struct af_bus_item *item)
{
    char token[AF_NATS_TOKEN_BYTES] = "=";
    const char *last = strrchr(subject, '.');
    if (item->sender != NULL)
        af_nats_token(item->sender, token);
    return last != NULL && (strcmp(last + 1, token) == 0 || strcmp(last + 1, queue->token) == 0);
}

bool af_nats_accept(struct af_nats_op *op, struct af_nats_queue *queue, const char *subject,
                    const struct af_bus_item *item, char why[AF_BUS_UNFIT_BYTES])
{
    struct af_nats_task *task = queue->place->task;
    char own[AF_NATS_SUBJECT_BYTES], all[AF_NATS_SUBJECT_BYTES];
    af_nats_queue_subject(queue, "", own);
    int all_len = snprintf(all, sizeof all, "afb.%s.%s.", task->token, queue->place->channel);
    bool ours =
        strncmp(subject, own, strlen(own)) == 0 || strncmp(subject, all, (size_t)all_len) == 0;
    if (!ours || !is_by(queue, subject, item)) {
        snprintf(why, AF_BUS_UNFIT_BYTES, "it is not by the sender that it names");
        return false;
    }
    if (item->sender != NULL && af_nats_member(task, item->sender) == NULL &&
        !af_nats_need_member(op, task, item->sender)) {
        snprintf(why, AF_BUS_UNFIT_BYTES, "its sender is no node of the task");
        if (op->result.code == AF_BUS_NOT_MEMBER)
            op->result = (struct af_bus_result){.code = AF_BUS_OK};
        return false;
    }
    return true;
}

static bool read_entry(struct af_nats_op *op, struct af_nats_queue *queue,
                       const struct af_nats_entry *entry, struct af_bus_item *item,
                       char why[AF_BUS_UNFIT_BYTES])
{
    int64_t sent;
    struct af_nats_message *message = entry->message;
    const char *header = message == NULL ? entry->header : af_nats_header(message, "Af");
    int message_len = message == NULL ? 0 : af_natsMsg_GetDataLength(message);
    size_t len = message == NULL ? entry->content_len : (size_t)message_len;
    const char *content = message == NULL ? entry->content : af_natsMsg_GetData(message);
    content = af_arena_copy(&op->arena, len == 0 ? "" : content, len);
    if (!af_nats_read_item(&op->arena, header, content, len, item, &sent, why))
        return false;
    if (message != NULL && (af_nats_header(message, "Nats-Stream")[0] != '\0' ||
                            af_nats_header(message, "Nats-Subject")[0] != '\0' ||
                            af_nats_header(message, "Nats-Stream-Source")[0] != '\0')) {
        snprintf(why, AF_BUS_UNFIT_BYTES, "it was sent on by another stream");
        return false;
    }
    item->id = entry->id;
    struct ack_subject parts;
    if (entry->reply != NULL && read_ack_subject(entry->reply, &parts) && parts.times == 1)
        item->taken_ns = parts.time_ns; /* one that comes again has waited for something else */
    return af_nats_accept(
        op, queue, message == NULL ? entry->subject : af_natsMsg_GetSubject(message), item, why);
}
/* A broadcast from before that came at its place in the queue, too. */
static void drop_later(struct af_nats_queue *queue, const char *uuid, const char *sender)
{
    for (size_t i = 0; i < queue->count && queue->entries[i].before; i++) {
        struct af_nats_entry *entry = &queue->entries[i];
        struct af_arena arena = {0};
        struct af_bus_item item;
        char why[AF_BUS_UNFIT_BYTES];
        int64_t sent;
        bool same = entry->later &&
                    af_nats_read_item(&arena, entry->header, entry->content, entry->content_len,
                                      &item, &sent, why) &&
                    strcmp(item.uuid, uuid) == 0 && item.sender != NULL && sender != NULL &&
                    strcmp(item.sender, sender) == 0;
        af_arena_release(&arena);
        if (same) {
            af_nats_drop(queue, i);
            return;
        }
    }
}

static bool is_left(const struct af_nats_entry *entry)
{
    return !entry->handed && !entry->later;
}

/* What is left of the broadcasts from before comes when the queue is empty. */
static void end_later(struct af_nats_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        if (is_left(&queue->entries[i]))
            return;
    for (size_t i = 0; i < queue->count && queue->drained; i++)
        queue->entries[i].later = false;
}

/* As many as go into one answer. */
static void read_items(struct af_nats_op *op, struct af_nats_queue *queue)
{
    struct af_bus_item *items = af_arena_alloc(&op->arena, op->take.max * sizeof *items), item;
    char why[AF_BUS_UNFIT_BYTES];
    size_t count = 0, bytes = 0;
    end_later(queue);
    for (size_t i = 0; i < queue->count && count < op->take.max;) {
        struct af_nats_entry *entry = &queue->entries[i];
        if (!is_left(entry)) {
            i++;
            continue;
        }
        if (!read_entry(op, queue, entry, &item, why)) {
            if (op->result.code != AF_BUS_OK || !set_aside(op, queue, i, why))
                return;
            continue;
        }
        bytes += af_bus_item_bytes(&item);
        if (count > 0 && bytes > AF_BUS_TAKE_BYTES)
            break;
        entry->handed = true;
        entry->uuid = af_mem_string(item.uuid);
        if (entry->message != NULL)
            af_natsMsg_Destroy(entry->message);
        entry->message = NULL;
        items[count++] = item;
        if (!entry->before) {
            size_t before = queue->count;
            drop_later(queue, item.uuid, item.sender);
            i -= before - queue->count;
        }
        i++;
    }
    op->result.items = items;
    op->result.count = count;
}

static bool renew(struct af_nats_op *op, struct af_nats_queue *queue)
{
    int64_t now_ns = af_nats_now_ns(op->bus), lease_ns = op->take.lease_ns;
    bool again;
    if (lease_ns == 0)
        return true;
    queue->until_ns = now_ns + lease_ns;
    bool longer = lease_ns > queue->lease_ns || queue->is_free;
    queue->lease_ns = lease_ns;
    if (!longer && now_ns < queue->written_ns + lease_ns / 3)
        return true;
    queue->is_free = false;
    if (queue->writing || af_nats_write_lock(op, queue, &again))
        return true;
    queue->held = false; /* it is another's now */
    if (again)
        af_nats_refuse(op, AF_BUS_UNREACHABLE, "the queue was another's meanwhile");
    return false;
}

/* Contracts that are there, and may be handed out now. */
static bool has_left(const struct af_nats_queue *queue, size_t *count)
{
    bool later = false;
    *count = 0;
    for (size_t i = 0; i < queue->count; i++) {
        *count += is_left(&queue->entries[i]);
        later = later || queue->entries[i].later;
    }
    return *count > 0 || (later && queue->drained);
}

static bool pull(struct af_nats_op *op, struct af_nats_queue *queue)
{
    char subject[AF_NATS_SUBJECT_BYTES], body[128], until[64] = "\"no_wait\":true";
    int64_t left_ns = op->until_ns - af_nats_now_ns(op->bus);
    queue->no_wait = op->take.wait_ns == 0 || left_ns <= AF_MS_NS;
    if (!queue->no_wait)
        snprintf(until, sizeof until, "\"expires\":%lld", (long long)left_ns);
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.%s.%s+%d", queue->place->queues,
             queue->token, (int)queue->generation);
    snprintf(body, sizeof body, "{\"batch\":%zu,%s}", op->take.max, until);
    struct af_nats_send send = {.subject = subject, .body = body, .len = strlen(body), .op = op};
    queue->credit = (int64_t)op->take.max;
    queue->drained = false;
    queue->pull_until_ns = op->until_ns;
    if (af_nats_send(&op->bus->port, &send, "n.%lld.%lld", (long long)queue->number,
                     (long long)++queue->pull))
        return true;
    af_nats_refuse(op, AF_BUS_UNREACHABLE, "pop: the connection to the NATS servers is lost");
    return false;
}

/* Hands out what is there; a take that consumes has it acknowledged before it is told of it. */
static void hand_out(struct af_nats_op *op, struct af_nats_queue *queue)
{
    read_items(op, queue);
    if (op->result.code != AF_BUS_OK || op->result.count == 0)
        return;
    op->taking = false;
    op->until_ns = af_nats_now_ns(op->bus) + AF_NATS_CALL_NS; /* for acknowledgements */
    if (op->take.lease_ns > 0) {
        renew(op, queue);
        return;
    }
    const struct af_bus_item *items = op->result.items;
    for (size_t k = 0; k < op->result.count; k++) {
        size_t i = af_nats_find_entry(queue, items[k].uuid);
        if (i < queue->count && !acknowledge(op, queue, i))
            break;
    }
    if (!queue->heard && !has_before(queue))
        queue->heard = queue->dirty = true;
    if (op->result.code == AF_BUS_OK)
        note_lock(op, queue);
}

/* What the stream has behind all that was handed out. A consumer on a server whose copy of the
 * stream is broken hands out nothing more, and says so to nobody: where the same is there after two
 * takes that waited in vain, the next take makes the consumer anew. */
static void look_at_rest(struct af_nats_op *op, struct af_nats_queue *queue)
{
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    struct af_arena arena = {0};
    char subject[AF_NATS_SUBJECT_BYTES];
    int64_t last = queue->count == 0 ? 0 : queue->entries[queue->count - 1].id;
    int64_t from = last < AF_NATS_QUEUE_IDS ? 1 : last - AF_NATS_QUEUE_IDS + 1;
    if (op->take.wait_ns < AF_NATS_ASK_NS)
        return;
    af_nats_queue_subject(queue, "*", subject);
    bool ok =
        af_nats_next(&op->bus->port, &reply, &arena, queue->place->queues, subject, from, &kept);
    int64_t rest = ok ? kept.sequence : 0;
    af_arena_release(&arena);
    if (rest > 0 && rest == queue->rest) {
        af_log(AF_LOG_INFO,
               "the NATS server does not hand out what waits for node '%s' of task '%s'; "
               "its consumer is made anew",
               queue->node, queue->place->task->name);
        af_nats_clear(queue, false);
        rest = 0;
    }
    queue->rest = rest;
}

/* A take that has the queue: what is there, or what comes. */
static void look(struct af_nats_op *op, struct af_nats_queue *queue)
{
    int64_t now_ns = af_nats_now_ns(op->bus);
    size_t left;
    bool some = has_left(queue, &left);
    bool all = left >= op->take.max || queue->drained || queue->credit == 0;
    if (some && (all || now_ns >= op->look_ns)) {
        hand_out(op, queue);
        if (!op->taking || op->result.code != AF_BUS_OK)
            return;
    } else if (some) {
        op->look_ns = op->look_ns == INT64_MAX ? now_ns + AF_NATS_GATHER_NS : op->look_ns;
        return;
    }
    bool asked = op->take.wait_ns > 0 ? queue->credit > 0 : op->asked;
    if (now_ns >= op->until_ns && (op->take.wait_ns > 0 || op->asked) && queue->credit == 0) {
        look_at_rest(op, queue);
        op->taking = false;
        return;
    }
    if (queue->credit > 0 && now_ns > queue->pull_until_ns + AF_NATS_ASK_NS) {
        af_nats_refuse(op, AF_BUS_UNREACHABLE, "pop: the NATS servers did not answer");
        af_nats_clear(queue, false);
        return;
    }
    if (!asked && queue->credit == 0) {
        op->asked = true;
        pull(op, queue);
    }
}

/* ---- Takes and acks. ---- */

static void give_back(struct af_nats_op *op, struct af_nats_queue *queue)
{
    bool again;
    if (!queue->held || strcmp(queue->holder, op->take.holder) != 0)
        return;
    af_nats_clear(queue, true);
    if (queue->mark == 0)
        queue->holder[0] = '\0';
    queue->is_free = true;
    if (!af_nats_write_lock(op, queue, &again) && again)
        queue->held = false;
    queue->held = false;
}

void af_nats_wait_for_other(struct af_nats_op *op)
{
    int64_t now_ns = af_nats_now_ns(op->bus);
    if (op->began_ns == 0)
        op->began_ns = now_ns;
    if (op->until_ns > op->began_ns + AF_BUS_HELD_TELL_NS)
        op->until_ns = op->began_ns + AF_BUS_HELD_TELL_NS;
    op->look_ns = now_ns + AF_BUS_HELD_LOOK_NS;
    if (op->take.wait_ns > 0 && now_ns < op->until_ns)
        return;
    op->result.held = true;
    op->taking = false;
}

/* A take: has it the queue, and what does that hand out? */
static void take_on(struct af_nats_op *op, struct af_nats_queue *queue)
{
    bool has_it = op->began && queue->held && strcmp(queue->holder, op->take.holder) == 0 &&
                  queue->written_ns > 0;
    enum af_nats_hold hold = has_it ? AF_NATS_HELD : af_nats_hold(op, queue);
    if (hold == AF_NATS_BLOCKED)
        af_nats_wait_for_other(op);
    if (hold != AF_NATS_HELD)
        return;
    if (!op->began && op->take.again)
        af_nats_hand_out_again(queue);
    if (!op->began)
        op->look_ns = INT64_MAX;
    op->began = true;
    bool again = false;
    if (!queue->ready && !af_nats_renew_consumer(op, queue, &again)) {
        queue->held = queue->held && !again;
        if (again)
            op->look_ns = 0; /* whose is it now? */
        return;
    }
    if (renew(op, queue))
        look(op, queue);
}

static void go_on(struct af_nats_op *op)
{
    if (op->over || op->acks_open > 0)
        return;
    if (op->result.code == AF_BUS_OK && op->taking)
        take_on(op, op->queue);
    else if (op->result.code == AF_BUS_OK && op->take.release)
        give_back(op, op->queue);
    if ((op->result.code != AF_BUS_OK || !op->taking) && op->acks_open == 0)
        op->over = true;
}

void af_nats_take(struct af_nats_op *op)
{
    if (op->bus->is_front) {
        af_nats_front_take(op);
        return;
    }
    if (op->queue == NULL) {
        op->taking = true;
        op->look_ns = INT64_MAX;
        op->queue = af_nats_find_queue(op);
        /* who it is comes first: a start that another has taken over may not acknowledge */
        if (op->queue != NULL && op->take.ack_count > 0 &&
            af_nats_hold(op, op->queue) == AF_NATS_HELD)
            send_acks(op);
    }
    go_on(op);
}

void af_nats_ack(struct af_nats_op *op)
{
    if (op->bus->is_front) {
        af_nats_front_ack(op);
        return;
    }
    struct af_nats_queue *queue = op->queue = af_nats_find_queue(op);
    if (queue != NULL && af_nats_hold(op, queue) == AF_NATS_HELD) {
        if (queue->held && strcmp(queue->holder, op->take.holder) == 0)
            queue->until_ns = af_nats_now_ns(op->bus) + queue->lease_ns;
        send_acks(op);
    }
    go_on(op);
}

/* Who waited has gone without a word. It has a moment to come back. */
void af_nats_vanish(struct af_nats_op *op)
{
    struct af_nats_queue *queue = op->queue;
    int64_t until_ns = af_nats_now_ns(op->bus) + AF_BUS_VANISHED_NS;
    if (queue != NULL && queue->of_front)
        af_nats_front_vanish(op);
    else if (queue != NULL && queue->held && strcmp(queue->holder, op->take.holder) == 0 &&
             queue->until_ns > until_ns)
        queue->until_ns = until_ns;
}

/* ---- Dead letters. ---- */

static bool is_named(const struct af_bus_take *which, const char *uuid)
{
    for (size_t i = 0; i < which->ack_count; i++)
        if (uuid != NULL && strcmp(which->acks[i], uuid) == 0)
            return true;
    return which->ack_count == 0;
}

/* Sends one to itself again, as its own word of what another had sent. */
static bool send_again(struct af_nats_op *op, const struct af_nats_queue *queue, const char *stream,
                       const struct af_nats_kept *kept)
{
    struct af_nats_reply reply;
    char subject[AF_NATS_SUBJECT_BYTES], name[64];
    af_nats_queue_subject(queue, queue->token, subject);
    snprintf(name, sizeof name, "again-%lld", (long long)kept->sequence);
    struct af_nats_send send = {.subject = subject,
                                .body = kept->data,
                                .len = kept->len,
                                .headers = {{"Nats-Msg-Id", name}, {"Af", kept->item}}};
    bool ok = af_nats_ask_with(&op->bus->port, &reply, &send);
    af_nats_reply_release(&reply);
    snprintf(subject, sizeof subject, "$JS.API.STREAM.MSG.DELETE.%s", stream);
    ok = ok &&
         af_nats_ask(&op->bus->port, &reply, subject, "{\"seq\":%lld}", (long long)kept->sequence);
    af_nats_reply_release(&reply);
    if (!ok)
        af_nats_fail(op, &reply);
    return ok;
}

static void revive_all(struct af_nats_op *op, struct af_nats_queue *queue)
{
    const struct af_nats_place *place = queue->place;
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    char stream[3 * AF_NATS_TOKEN_BYTES + 8], subject[AF_NATS_SUBJECT_BYTES];
    int64_t at = 1;
    snprintf(stream, sizeof stream, "AFD+%s+%s", place->task->token, place->channel);
    snprintf(subject, sizeof subject, "afd.%s.%s.%s", place->task->token, place->channel,
             queue->token);
    for (int i = 0; i < AF_BUS_DEAD_MAX; i++, at = kept.sequence + 1) {
        struct af_arena arena = {0};
        bool ok = af_nats_next(&op->bus->port, &reply, &arena, stream, subject, at, &kept);
        if (!ok && reply.error != AF_NATS_NO_STREAM && reply.error != AF_NATS_NOBODY)
            af_nats_fail(op, &reply);
        ok = ok && kept.sequence >= at;
        if (ok && is_named(&op->take, af_nats_text(&arena, kept.item, strlen(kept.item), "uuid"))) {
            ok = send_again(op, queue, stream, &kept);
            op->result.count += ok;
        }
        af_arena_release(&arena);
        if (!ok)
            return;
    }
}

void af_nats_revive(struct af_nats_op *op)
{
    struct af_nats_queue *queue = af_nats_find_queue(op);
    bool again = true;
    op->over = true;
    if (queue == NULL || op->take.sent) /* nobody refuses here what was sent */
        return;
    for (int i = 0; i < 5 && again; i++) { /* by hand: also from an older copy */
        if (!queue->held && !af_nats_read_lock(op, queue))
            return;
        again = false;
        queue->mark = 0;
        if (queue->sequence > 0 && !af_nats_write_lock(op, queue, &again) && !again)
            return;
        queue->held = queue->held && !again;
    }
    revive_all(op, queue);
}

/* ---- Time. ---- */

int64_t af_nats_queue_due_ns(const struct af_nats_bus *bus)
{
    int64_t due_ns = INT64_MAX;
    for (const struct af_nats_queue *queue = bus->queues; queue != NULL; queue = queue->next)
        if (((queue->held && queue->ready && queue->count > 0) || queue->unwritten > 0) &&
            queue->renew_ns < due_ns)
            due_ns = queue->renew_ns;
    return due_ns;
}

static bool is_waited_for(const struct af_nats_bus *bus, const struct af_nats_queue *queue)
{
    for (size_t i = 0; i < bus->active_count; i++)
        if (bus->active[i]->queue == queue && bus->active[i]->taking &&
            bus->active[i]->take.lease_ns > 0 && bus->active[i]->began)
            return true;
    return false;
}

/* What is in hand stays so at the server, and to others, while its leases run. */
void af_nats_queues_turn(struct af_nats_bus *bus)
{
    int64_t now_ns = af_nats_now_ns(bus);
    for (struct af_nats_queue *queue = bus->queues; queue != NULL; queue = queue->next) {
        if (queue->unwritten > 0 && queue->renew_ns <= now_ns)
            af_nats_front_turn(bus, queue);
        if (!queue->held || !queue->ready || queue->count == 0 || queue->renew_ns > now_ns)
            continue;
        int64_t pause_ns = queue->lease_ns / 3;
        pause_ns = pause_ns <= 0 || pause_ns > AF_NATS_ACK_NS / 3 ? AF_NATS_ACK_NS / 3 : pause_ns;
        queue->renew_ns = now_ns + pause_ns;
        if (is_waited_for(bus, queue))
            queue->until_ns = now_ns + queue->lease_ns;
        if (queue->until_ns <= now_ns || now_ns < bus->quiet_until_ns)
            continue;
        for (size_t i = 0; i < queue->count; i++)
            if (queue->entries[i].reply != NULL)
                af_nats_send(&bus->port,
                             &(struct af_nats_send){
                                 .subject = queue->entries[i].reply, .body = "+WPI", .len = 4},
                             NULL);
        struct af_nats_op none = {.bus = bus};
        bool again;
        if (!queue->writing && now_ns >= queue->written_ns + pause_ns &&
            !af_nats_write_lock(&none, queue, &again) && again)
            queue->held = false;
    }
}

void af_nats_queues_pull_again(struct af_nats_bus *bus)
{
    for (size_t i = 0; i < bus->active_count; i++)
        bus->active[i]->asked = false;
    for (struct af_nats_queue *queue = bus->queues; queue != NULL; queue = queue->next) {
        af_nats_clear(queue, false);
        queue->credit = 0;
        queue->writing = false;
        queue->written_ns = INT64_MIN / 2; /* whose it is is to be seen */
        if (queue->wake != NULL)
            af_natsSubscription_Destroy(queue->wake);
        queue->wake = NULL;
        serve_takes(bus, queue);
    }
}

void af_nats_queues_release(struct af_nats_bus *bus, bool free_leases)
{
    while (bus->queues != NULL) {
        struct af_nats_queue *queue = bus->queues;
        struct af_nats_op none = {.bus = bus};
        bool again;
        if (free_leases && queue->held && !queue->is_free &&
            af_nats_now_ns(bus) >= bus->quiet_until_ns) {
            queue->is_free = true;
            af_nats_write_lock(&none, queue, &again);
        }
        af_nats_clear(queue, true);
        bus->queues = queue->next;
        if (queue->wake != NULL)
            af_natsSubscription_Destroy(queue->wake);
        free(queue->limits);
        free(queue->entries);
        free(queue->node);
        free(queue);
    }
}
