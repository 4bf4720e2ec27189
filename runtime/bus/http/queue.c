/* queue.c: the contracts of a queue.
 *
 * `afrun serve` holds a take's answer until a contract is there, and leases what it hands out. A
 * platform's service answers at once, one contract or none, and forgets it: there a take is a loop
 * of pops, with pauses that grow while nothing comes. A request is aborted only where the service
 * leases; elsewhere its answer may hold a contract that is nowhere else any more.
 *
 * The platform's own fields come first, ours behind them. */
#include "bus/http/impl.h"

#include "base/bounds.h"
#include "json/json.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static bool same(const char *a, const char *b)
{
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

/* ---- Pauses. ---- */

struct af_http_poll *af_bus_http_poll(struct af_bus_http *bus, const char *task,
                                      const char *channel)
{
    for (size_t i = 0; i < bus->poll_count; i++)
        if (same(bus->polls[i].task, task) && same(bus->polls[i].channel, channel))
            return &bus->polls[i];
    af_mem_reserve(&bus->polls, &bus->poll_cap, bus->poll_count + 1, sizeof *bus->polls);
    bus->polls[bus->poll_count] = (struct af_http_poll){af_mem_string(task), af_mem_string(channel),
                                                        AF_BUS_HTTP_POLL_FIRST_NS};
    return &bus->polls[bus->poll_count++];
}

bool af_bus_http_is_automl(const struct af_bus_http *bus, const char *task)
{
    bool automl = false;
    for (size_t i = 0; i < bus->poll_count; i++) {
        if (!same(bus->polls[i].task, task))
            continue;
        if (!same(bus->polls[i].channel, "automl"))
            return false;
        automl = true;
    }
    return automl;
}

/* ---- Publishing. ---- */

static void write_post(struct af_bus_op *op, const struct af_bus_post *post)
{
    af_json_add_text(&op->body, "task_id", post->task);
    af_json_add_texts(&op->body, "node_id_list", post->targets, post->target_count);
    af_json_add_text(&op->body, "message_title", post->title);
    af_json_name(&op->body, "message_content");
    af_buf_append(&op->body, post->content, post->content_len);
    af_json_add_integer(&op->body, "message_time", post->time_s);
    af_json_add_text(&op->body, "channel", post->channel);
    if (post->uuid != NULL)
        af_json_add_text(&op->body, "message_uuid", post->uuid);
    if (op->bus->leases != 0) /* the platform's would drop them */
        af_bus_write_facts(&op->body, &post->facts);
}

static void pushed(struct af_bus_op *op, struct af_json_span data)
{
    const char *const *uuids;
    const char *wrong =
        af_answer_uuids(data, op->posts[0].task, op->post_count, &op->arena, &uuids);
    if (wrong != NULL) {
        af_bus_op_unreadable(op, wrong);
        return;
    }
    struct af_bus_result result = {.uuids = uuids, .count = op->post_count};
    af_bus_op_end(op, &result);
}

static void push(struct af_bus_op *op)
{
    static const struct af_op_request request = {
        .path = "/message/push", .attempts = 1, .resend = true};
    op->started = true;
    af_bus_op_open(op);
    if (op->post_count == 1) {
        write_post(op, &op->posts[0]);
    } else {
        af_json_begin(&op->body, "messages", '[');
        for (size_t i = 0; i < op->post_count; i++) {
            af_json_open(&op->body, '{');
            write_post(op, &op->posts[i]);
            af_buf_append_char(&op->body, '}');
        }
        af_buf_append_char(&op->body, ']');
    }
    af_buf_append_char(&op->body, '}');
    op->answered = pushed;
    af_bus_op_post(op, &request);
}

/* Pushes of one sender to one task go one after the other, so that they arrive in their order. */
static bool is_behind(const struct af_bus_op *op, const struct af_bus_op *before)
{
    return before->post_count > 0 && same(before->posts[0].task, op->posts[0].task) &&
           same(before->posts[0].sender, op->posts[0].sender);
}

void af_bus_http_publish_next(struct af_bus_http *bus, const struct af_bus_op *over)
{
    for (struct af_bus_op *op = bus->first; op != NULL; op = op->next) {
        if (op->post_count == 0 || !is_behind(op, over))
            continue;
        if (!op->started)
            push(op);
        return;
    }
}

void af_bus_http_publish(struct af_bus *bus, const struct af_bus_post *posts, size_t count,
                         af_bus_done_fn *done, void *arg)
{
    struct af_bus_http *http = af_bus_http_of(bus);
    struct af_bus_op *op = af_bus_op_new(bus, "push", done, arg);
    bool one_task = true, fit = true;
    char why[AF_BUS_UNFIT_BYTES];
    for (size_t i = 0; i < count && fit; i++) {
        one_task = one_task && same(posts[i].task, posts[0].task);
        fit = af_bus_post_fits(&posts[i], why);
    }
    if (count == 0) {
        af_bus_op_end_soon(op, AF_BUS_OK, "%s", "");
        return;
    }
    if (!one_task || (count > 1 && http->leases != 1) || count > AF_BUS_POSTS_MAX) {
        af_bus_op_end_soon(op, AF_BUS_INVALID,
                           "push: several contracts go together only to one task, by a service "
                           "that takes them");
        return;
    }
    if (!fit) {
        af_bus_op_end_soon(op, AF_BUS_INVALID, "push: %s", why);
        return;
    }
    op->posts = af_bus_copy_posts(&op->arena, posts, count);
    for (struct af_bus_op *before = http->first; before != op; before = before->next) {
        if (is_behind(op, before)) {
            op->post_count = count;
            return;
        }
    }
    op->post_count = count;
    push(op);
}

/* ---- Taking. ---- */

static void write_seconds(struct af_bus_op *op, const char *name, int64_t ns)
{
    if (ns % AF_S_NS == 0) {
        af_json_add_integer(&op->body, name, ns / AF_S_NS);
        return;
    }
    af_json_name(&op->body, name);
    af_json_write_double(&op->body, (double)ns / 1e9);
}

static void write_holder(struct af_bus_op *op)
{
    const struct af_bus_take *take = &op->take;
    if (take->lease_ns > 0)
        write_seconds(op, "lease_seconds", take->lease_ns);
    if (take->holder != NULL)
        af_json_add_text(&op->body, "holder", take->holder);
    if (take->mark > 0)
        af_json_add_integer(&op->body, "mark", take->mark);
    if (take->begins)
        af_json_add_bool(&op->body, "begins", true);
    if (take->early)
        af_json_add_bool(&op->body, "early", true);
    if (take->age != NULL && take->age[0] != '\0')
        af_json_add_text(&op->body, "age", take->age);
}

/* What is done with, and what cannot be read. */
static void write_acks(struct af_bus_op *op, bool needed)
{
    const struct af_bus_take *take = &op->take;
    const char **done = af_arena_alloc(&op->arena, (take->ack_count + 1) * sizeof *done);
    size_t done_count = 0;
    for (size_t i = 0; i < take->ack_count; i++)
        if (take->reasons == NULL || take->reasons[i] == NULL)
            done[done_count++] = take->acks[i];
    if (needed || done_count > 0)
        af_json_add_texts(&op->body, "ack", done, done_count);
    if (done_count == take->ack_count)
        return;
    af_json_begin(&op->body, "reject", '[');
    for (size_t i = 0; i < take->ack_count; i++) {
        if (take->reasons[i] == NULL)
            continue;
        af_json_open(&op->body, '{');
        af_json_add_text(&op->body, "uuid", take->acks[i]);
        af_json_add_text(&op->body, "reason", take->reasons[i]);
        af_buf_append_char(&op->body, '}');
    }
    af_buf_append_char(&op->body, ']');
}

static int64_t left_ns(const struct af_bus_op *op)
{
    int64_t left = op->until_ns - af_loop_now_ns(op->bus->head.loop);
    return left > 0 ? left : 0;
}

static void pop(void *arg)
{
    struct af_bus_op *op = arg;
    int64_t wait_ns = left_ns(op);
    if (wait_ns > AF_BUS_WAIT_MAX_S * AF_S_NS)
        wait_ns = AF_BUS_WAIT_MAX_S * AF_S_NS;
    struct af_op_request request = {.path = "/message/pop", .attempts = 1};
    op->timer = NULL;
    af_bus_op_open(op);
    af_json_add_text(&op->body, "task_id", op->take.task);
    af_json_add_text(&op->body, "channel", op->take.channel);
    if (op->bus->leases != 0) {
        write_holder(op);
        write_acks(op, false);
        af_json_add_integer(&op->body, "max", (int64_t)op->take.max);
        if (wait_ns > 0)
            write_seconds(op, "wait_seconds", wait_ns);
        if (op->take.again)
            af_json_add_bool(&op->body, "again", true);
        request.attempt_ns = wait_ns + AF_BUS_HTTP_CALL_NS;
    }
    af_buf_append_char(&op->body, '}');
    af_bus_op_post(op, &request);
}

static void popped(struct af_bus_op *op, struct af_json_span data)
{
    struct af_bus_result result = {0};
    const char *wrong = af_answer_items(data, op->take.task, op->take.max, &op->arena,
                                        &result.items, &result.count);
    struct af_http_poll *poll = af_bus_http_poll(op->bus, op->take.task, op->take.channel);
    if (wrong != NULL) {
        af_bus_op_unreadable(op, wrong);
        return;
    }
    result.held = result.count == 0 && op->bus->leases == 1 && af_answer_is_held(data);
    int64_t pause_ns = poll->pause_ns;
    poll->pause_ns =
        pause_ns * 2 < AF_BUS_HTTP_POLL_LAST_NS ? pause_ns * 2 : AF_BUS_HTTP_POLL_LAST_NS;
    if (result.count > 0)
        poll->pause_ns = AF_BUS_HTTP_POLL_FIRST_NS;
    if (result.count > 0 || op->bus->leases == 1 || op->cancelled || left_ns(op) == 0) {
        if (result.count == 0 && op->cancelled)
            result = (struct af_bus_result){.code = AF_BUS_CANCELLED, .why = "pop: cancelled"};
        af_bus_op_end(op, &result);
        return;
    }
    if (pause_ns > left_ns(op))
        pause_ns = left_ns(op);
    op->timer = af_timer_start(op->bus->head.loop, pause_ns, pop, op);
}

uint64_t af_bus_http_take(struct af_bus *bus, const struct af_bus_take *take, af_bus_done_fn *done,
                          void *arg)
{
    struct af_bus_op *op = af_bus_op_new(bus, "pop", done, arg);
    op->take = af_bus_copy_take(&op->arena, take);
    if (op->take.max == 0 || op->take.max > AF_BUS_TAKE_MAX)
        op->take.max = op->take.max == 0 ? 1 : AF_BUS_TAKE_MAX;
    op->ticket = ++op->bus->tickets;
    op->until_ns = af_loop_now_ns(bus->loop) + take->wait_ns;
    op->answered = popped;
    af_bus_http_poll(op->bus, take->task, take->channel); /* notes the task's channel */
    pop(op);
    return op->ticket;
}

void af_bus_http_cancel(struct af_bus *bus, uint64_t ticket)
{
    struct af_bus_http *http = af_bus_http_of(bus);
    struct af_bus_op *op = http->first;
    while (op != NULL && op->ticket != ticket)
        op = op->next;
    if (op == NULL || ticket == 0 || op->cancelled)
        return;
    op->cancelled = true;
    if (op->call == NULL || http->leases != 0)
        af_bus_op_end_soon(op, AF_BUS_CANCELLED, "pop: cancelled");
}

/* ---- Acknowledging. ---- */

static void acknowledged(struct af_bus_op *op, struct af_json_span data)
{
    struct af_bus_result result = {.code = AF_BUS_OK};
    (void)data;
    af_bus_op_end(op, &result);
}

void af_bus_http_ack(struct af_bus *bus, const struct af_bus_take *acks, af_bus_done_fn *done,
                     void *arg)
{
    static const struct af_op_request request = {
        .path = "/message/ack", .attempts = 1, .resend = true};
    struct af_bus_op *op = af_bus_op_new(bus, "ack", done, arg);
    if (op->bus->leases == 0) { /* it was consumed when it was handed out */
        af_bus_op_end_soon(op, AF_BUS_OK, "%s", "");
        return;
    }
    op->take = af_bus_copy_take(&op->arena, acks);
    af_bus_op_open(op);
    af_json_add_text(&op->body, "task_id", op->take.task);
    af_json_add_text(&op->body, "channel", op->take.channel);
    write_holder(op);
    write_acks(op, true);
    if (op->take.release)
        af_json_add_bool(&op->body, "release", true);
    af_buf_append_char(&op->body, '}');
    op->answered = acknowledged;
    af_bus_op_post(op, &request);
}

static void revived(struct af_bus_op *op, struct af_json_span data)
{
    struct af_bus_result result = {.code = AF_BUS_OK, .count = af_answer_count(data)};
    af_bus_op_end(op, &result);
}

void af_bus_http_revive(struct af_bus *bus, const struct af_bus_take *which, af_bus_done_fn *done,
                        void *arg)
{
    static const struct af_op_request request = {
        .path = "/message/again", .attempts = 1, .resend = true};
    struct af_bus_op *op = af_bus_op_new(bus, "again", done, arg);
    op->take = af_bus_copy_take(&op->arena, which);
    af_bus_op_open(op);
    af_json_add_text(&op->body, "task_id", op->take.task);
    af_json_add_text(&op->body, "channel", op->take.channel);
    af_json_add_texts(&op->body, "message_uuids", op->take.acks, op->take.ack_count);
    af_buf_append_char(&op->body, '}');
    op->answered = revived;
    af_bus_op_post(op, &request);
}
