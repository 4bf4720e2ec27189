/* publish.c: contracts on their way into queues.
 *
 * Each post is a message for each of its targets, under the sender's own name in the subject. They
 * go together; the next post goes when all of them are confirmed, so that none is overtaken where
 * one queue is full. A post for all goes first to where those who come later read it, and then to
 * the members of that moment: who joins in between gets it twice, and never not at all.
 *
 * Each message says, too, how far the sender's posts for all had gone before (`sent`): by that who
 * comes later knows which of those it will get in its queue, at their place (queue.c). */
#include "bus/nats/impl.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { STEP = 1 << 14 }; /* a message's number is its step's, times this, and its target's */
_Static_assert(STEP > AF_BUS_MEMBERS_MAX && STEP > AF_BUS_TARGETS_MAX, "targets have numbers");

static bool is_broadcast(const struct af_bus_post *post)
{
    return post->target_count == 1 && strcmp(post->targets[0], "*") == 0;
}

/* ---- Who waits for whom. ---- */

static bool is_of_one_sender(const struct af_nats_op *a, const struct af_nats_op *b)
{
    const struct af_bus_post *left = a->posts, *right = b->posts;
    if (a->run != b->run || a->count == 0 || b->count == 0)
        return false;
    bool same = left->sender == NULL || right->sender == NULL
                    ? left->sender == right->sender
                    : strcmp(left->sender, right->sender) == 0;
    return same && strcmp(left->task, right->task) == 0;
}

void af_nats_publish_next(struct af_nats_bus *bus, const struct af_nats_op *over)
{
    for (size_t i = 0; i < bus->active_count; i++) {
        struct af_nats_op *op = bus->active[i];
        if (op != over && !op->over && is_of_one_sender(op, over)) {
            if (!op->began)
                af_nats_publish(op);
            return;
        }
    }
}

static bool waits(const struct af_nats_op *op)
{
    for (size_t i = 0; i < op->bus->active_count && op->bus->active[i] != op; i++)
        if (!op->bus->active[i]->over && is_of_one_sender(op->bus->active[i], op))
            return true;
    return false;
}

/* ---- Whether they may be sent. ---- */

static bool may_send(struct af_nats_op *op, const struct af_bus_post *post)
{
    char why[AF_BUS_UNFIT_BYTES];
    if (!af_bus_post_fits(post, why)) {
        af_nats_refuse(op, AF_BUS_INVALID, "%s", why);
        return false;
    }
    struct af_nats_task *task = af_nats_task(op, post->task, false);
    if (task == NULL || (post->sender != NULL && !af_nats_need_member(op, task, post->sender)))
        return false;
    for (size_t i = 0; i < post->target_count && !is_broadcast(post); i++) {
        if (strcmp(post->targets[i], "*") == 0) {
            af_nats_refuse(op, AF_BUS_INVALID, "\"*\" stands for every node, and alone");
            return false;
        }
        if (!af_nats_need_target(op, task, post->targets[i]))
            return false;
    }
    return true;
}

/* ---- Sending. ---- */

/* By what the server knows a message that comes twice: soon after, and of the same sender. times:
 * how often it had said so of one that it does not have. */
static void name_message(const struct af_bus_post *post, const char *target, size_t times,
                         char name[33])
{
    struct af_buf text = AF_BUF_EMPTY;
    char hex[AF_SHA256_HEX_BYTES];
    af_buf_printf(&text, "%s\n%zu\n%s\n%s", post->sender == NULL ? "" : post->sender,
                  strlen(post->uuid), post->uuid, target);
    if (times > 0)
        af_buf_printf(&text, "\n%zu", times);
    af_sha256_of(text.data, text.len, hex);
    snprintf(name, 33, "%.32s", hex);
    af_buf_release(&text);
}

/* Sends the post to the target of that number, or to those who come later; false: op has failed. */
static bool send_one(struct af_nats_op *op, size_t number)
{
    const struct af_nats_place *place = op->place;
    const struct af_bus_post *post = &op->posts[op->at];
    bool later = op->targets == NULL;
    const char *target = later ? "*" : place->task->tokens[op->targets[number]];
    int64_t sent = place->sent - (!later && op->to_all);
    char sender[AF_NATS_TOKEN_BYTES] = "=", subject[AF_NATS_SUBJECT_BYTES];
    if (post->sender != NULL)
        af_nats_token(post->sender, sender);
    if (later)
        snprintf(subject, sizeof subject, "afb.%s.%s.%s", place->task->token, place->channel,
                 sender);
    else
        snprintf(subject, sizeof subject, "af.%s.%s.%s.%s", place->task->token, place->channel,
                 target, sender);
    int64_t most = af_natsConnection_GetMaxPayload(op->bus->connection);
    struct af_buf header = AF_BUF_EMPTY;
    char name[33];
    name_message(post, target, op->times, name);
    af_nats_write_item(&header, post, sent);
    struct af_nats_send send = {.subject = subject,
                                .body = post->content,
                                .len = post->content_len,
                                .op = op,
                                .headers = {{"Nats-Msg-Id", name}, {"Af", af_buf_text(&header)}}};
    bool fits = (int64_t)(header.len + post->content_len) + 200 < most;
    bool ok = fits && af_nats_send(&op->bus->port, &send, "p.%llu.%zu",
                                   (unsigned long long)op->ticket, op->step * STEP + number);
    if (!fits)
        af_nats_refuse(op, AF_BUS_INVALID,
                       "the contract takes %zu bytes, and the NATS server takes messages of %lld; "
                       "set its max_payload to 16MB",
                       header.len + post->content_len, (long long)most);
    else if (!ok)
        af_nats_refuse(op, AF_BUS_UNREACHABLE, "push: the connection to the NATS servers is lost");
    af_buf_release(&header);
    return ok;
}

/* How far this sender's posts for all have gone. */
static bool know_sent(struct af_nats_op *op, const char *sender)
{
    struct af_nats_place *place = op->place;
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    char subject[AF_NATS_SUBJECT_BYTES];
    if (place->sent >= 0 && !op->bus->is_front && strcmp(place->sender, sender) == 0)
        return true; /* of a front others may have sent for it meanwhile */
    snprintf(subject, sizeof subject, "afb.%s.%s.%s", place->task->token, place->channel, sender);
    if (!af_nats_last(&op->bus->port, &reply, &op->arena, place->all, subject, &kept)) {
        af_nats_fail(op, &reply);
        return false;
    }
    snprintf(place->sender, sizeof place->sender, "%s", sender);
    place->sent = kept.sequence;
    return true;
}

static bool choose_targets(struct af_nats_op *op, const struct af_bus_post *post)
{
    const struct af_nats_task *task = op->place->task;
    size_t most = !is_broadcast(post) ? post->target_count : post->moved ? 0 : task->count;
    op->target_count = 0;
    op->targets = af_arena_alloc(&op->arena, (most + 1) * sizeof *op->targets);
    op->kept = af_arena_alloc(&op->arena, task->count + 1);
    memset(op->kept, 0, task->count + 1);
    for (size_t i = 0; i < most; i++) {
        size_t member = i;
        if (!is_broadcast(post))
            member = (size_t)(af_nats_member(task, post->targets[i]) - task->members);
        if (op->kept[member])
            continue; /* one that is named twice gets it once */
        op->kept[member] = true;
        op->targets[op->target_count++] = member;
    }
    memset(op->kept, 0, task->count + 1);
    return true;
}

static bool send_to_targets(struct af_nats_op *op, const struct af_bus_post *post)
{
    choose_targets(op, post);
    op->open = op->target_count;
    for (size_t i = 0; i < op->target_count; i++)
        if (!send_one(op, i))
            return false;
    return true;
}

/* The next messages; false: op has failed. */
static bool send_step(struct af_nats_op *op)
{
    const struct af_bus_post *post = &op->posts[op->at];
    char sender[AF_NATS_TOKEN_BYTES] = "=";
    if (post->epoch != 0 && post->epoch != af_nats_epoch(op->bus)) {
        af_nats_refuse(op, AF_BUS_UNREACHABLE, "another NATS server is connected to than before");
        return false;
    }
    if ((op->place = af_nats_place(op, post->task, post->channel)) == NULL)
        return false;
    if (post->sender != NULL)
        af_nats_token(post->sender, sender);
    op->step++;
    op->open = op->times = 0;
    if (!know_sent(op, sender))
        return false;
    if (is_broadcast(post) && !op->to_all) {
        op->to_all = true;
        op->open = op->target_count = 1;
        op->targets = NULL;
        op->kept = af_arena_alloc(&op->arena, 1);
        op->kept[0] = false;
        return send_one(op, 0);
    }
    if (is_broadcast(post) && af_nats_task(op, post->task, true) == NULL)
        return false;
    if (!post->moved)
        af_nats_note_told(op, post);
    return send_to_targets(op, post);
}

static void go_on(struct af_nats_op *op)
{
    while (op->open == 0 && op->result.code == AF_BUS_OK && op->at < op->count) {
        if (!send_step(op))
            break;
        if (op->open == 0) { /* it was for nobody */
            op->at++;
            op->to_all = false;
        }
    }
    if (op->result.code != AF_BUS_OK || op->at == op->count)
        op->over = true;
}

void af_nats_publish(struct af_nats_op *op)
{
    const char **uuids = af_arena_alloc(&op->arena, (op->count + 1) * sizeof *uuids);
    struct af_bus_post *posts = af_arena_alloc(&op->arena, (op->count + 1) * sizeof *posts);
    if (waits(op))
        return;
    op->began = true;
    memcpy(posts, op->posts, op->count * sizeof *posts);
    for (size_t i = 0; i < op->count; i++) {
        if (posts[i].uuid == NULL)
            posts[i].uuid = af_bus_random_uuid(&op->arena);
        uuids[i] = posts[i].uuid;
        if (!may_send(op, &posts[i])) {
            op->over = true;
            return;
        }
    }
    op->posts = posts;
    go_on(op);
    op->result.uuids = uuids;
    op->result.count = op->count;
}

/* ---- Confirmed. ---- */

static void refused(struct af_nats_op *op, const struct af_nats_reply *reply, size_t target)
{
    struct af_nats_place *place = op->place;
    bool known = op->targets != NULL && op->targets[target] < place->task->count;
    if (reply->code == AF_BUS_FULL && known && strncmp(reply->why, "maximum messages per", 20) == 0)
        af_nats_refuse(op, AF_BUS_FULL,
                       "the queue of '%s' is full: %lld contracts of this sender wait for it; what "
                       "is sent behind this waits, too, so that the order is kept",
                       place->task->members[op->targets[target]].node,
                       (long long)op->bus->queue_max);
    else
        af_nats_fail(op, reply);
    op->result.retry_ns = op->result.code == AF_BUS_FULL ? AF_S_NS : 0;
    op->over = true;
}

/* Whether the stream has what the server says to have had before. A server that has lost the lead
 * in a moment may know a message's name alone, with no number (0) or with one that another has;
 * what was acknowledged meanwhile is not there either. */
static bool is_kept(struct af_nats_op *op, int64_t sequence)
{
    const struct af_nats_place *place = op->place;
    struct af_nats_reply reply;
    struct af_nats_kept kept = {0};
    struct af_arena arena = {0};
    const char *stream = op->targets == NULL ? place->all : place->queues, *uuid = NULL;
    if (sequence > 0 &&
        af_nats_next(&op->bus->port, &reply, &arena, stream, ">", sequence, &kept) &&
        kept.sequence == sequence)
        uuid = af_nats_text(&arena, kept.item, strlen(kept.item), "uuid");
    bool same = uuid != NULL && strcmp(uuid, op->posts[op->at].uuid) == 0;
    af_arena_release(&arena);
    return same;
}

/* Sends under another name what the server says to have had, and does not have: who had it knows it
 * by its uuid. False: it is not to be sent again. */
static bool send_again(struct af_nats_op *op, const struct af_nats_reply *reply, int64_t sequence,
                       size_t target)
{
    bool known =
        reply->data != NULL && memmem(reply->data, reply->len, "\"duplicate\"", 11) != NULL;
    if (!known || op->times >= AF_NATS_TIMES_MAX ||
        (sequence > 0 && (op->bus->replicas < 2 || is_kept(op, sequence))))
        return false;
    op->times++;
    if (!send_one(op, target))
        op->over = true;
    return true;
}

void af_nats_published(struct af_nats_op *op, int64_t number, struct af_nats_message *message)
{
    size_t target = (size_t)(number % STEP);
    struct af_nats_reply reply;
    int64_t sequence = 0;
    if (op->run != af_nats_publish || op->open == 0 || number < 0 ||
        (uint64_t)number / STEP != op->step || target >= op->target_count || op->kept[target])
        return;
    af_nats_reply_read(&reply, message);
    af_nats_integer(reply.data, reply.len, "seq", &sequence);
    if (reply.error == 0 && send_again(op, &reply, sequence, target))
        return;
    if (reply.error == 0 && sequence <= 0) {
        snprintf(reply.why, sizeof reply.why, "the NATS server's answer cannot be used");
        reply.error = -1;
        reply.code = AF_BUS_UNREACHABLE;
    }
    if (reply.error != 0) {
        refused(op, &reply, target);
        return;
    }
    op->kept[target] = true;
    if (--op->open > 0)
        return;
    if (op->targets == NULL) {
        op->place->sent = sequence;
    } else {
        op->at++;
        op->to_all = false;
    }
    op->targets = NULL;
    go_on(op);
}
