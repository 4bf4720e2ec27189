/* messages.c: push, pop, ack: contracts between HTTP and the bus.
 *
 * A content is passed on as its bytes: it was read strictly once, when it came in. */
#include "serve/impl.h"

#include "loop/loop.h"
#include "serve/requests.h"

#include <string.h>
#include <time.h>

static void add_age(struct serve_call *call, const struct af_bus_result *result)
{
    if (result->age != NULL)
        af_exchange_add_header(call->exchange, "Afrun-Store-Age", result->age);
}

/* ---- Push. ---- */

static void pushed(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    const struct serve_push *push = call->request;
    if (result->code != AF_BUS_OK) {
        af_serve_bus_error(call, result);
        return;
    }
    add_age(call, result);
    call->serve->counts.pushed += result->count;
    af_serve_saw_push(call, result);
    struct af_buf out = af_serve_data();
    af_buf_append_char(&out, '{');
    if (push->is_list)
        af_json_add_texts(&out, "message_uuids", result->uuids, result->count);
    af_json_add_text(&out, "message_uuid", result->uuids[0]);
    af_json_add_text(&out, "task_id", push->posts[0].task);
    af_buf_append_char(&out, '}');
    af_serve_send(call, &out);
}

void af_serve_push(struct serve_call *call)
{
    struct serve_reading *reading = &call->serve->reading;
    const struct af_buf *body = af_exchange_body(call->exchange);
    struct serve_push *push = af_arena_alloc(&call->arena, sizeof *push);
    reading->arena = &call->arena;
    if (!af_serve_read_push(reading, push, body->data, body->len)) {
        af_serve_malformed(call);
        return;
    }
    for (size_t i = 0; i < push->count; i++) {
        struct af_bus_post *post = &push->posts[i];
        struct af_json_span content =
            af_serve_translate(call, post->content, post->content_len, true);
        post->sender = call->node;
        post->content = content.at;
        post->content_len = content.len;
    }
    call->request = push;
    af_bus_publish(call->serve->bus, push->posts, push->count, pushed, call);
}

/* ---- Pop. ---- */

static const char *time_text(struct af_serve *serve)
{
    time_t now_s = (time_t)(af_loop_wall_ns(serve->loop) / AF_S_NS);
    if (now_s != serve->time_s) {
        struct tm parts;
        gmtime_r(&now_s, &parts);
        strftime(serve->time_text, sizeof serve->time_text, "%Y-%m-%dT%H:%M:%S", &parts);
        serve->time_s = now_s;
    }
    return serve->time_text;
}

static void append_item(struct serve_call *call, struct af_buf *out, const char *task,
                        const struct af_bus_item *item)
{
    af_json_open(out, '{');
    af_json_add_integer(out, "id", item->id);
    af_json_add_text(out, "task_id", task);
    af_json_add_texts(out, "node_id_list", item->targets, item->target_count);
    af_json_add_text(out, "consume_by", "system");
    af_json_add_text(out, "consume_time", time_text(call->serve));
    af_json_add_text(out, "message_uuid", item->uuid);
    af_json_add_text(out, "message_title", item->title);
    if (item->sender != NULL)
        af_json_add_text(out, "sender_id", item->sender);
    struct af_json_span content = af_serve_translate(call, item->content, item->content_len, false);
    af_json_name(out, "message_content");
    af_buf_append(out, content.at, content.len);
    af_json_add_integer(out, "message_time", item->time_s);
    af_bus_write_facts(out, &item->facts);
    af_buf_append_string(out, ",\"status\":1}");
}

static void park(struct serve_call *call)
{
    struct af_serve *serve = call->serve;
    call->is_parked = call->has_waited = true;
    af_serve_list_add(&serve->parked, call);
    af_serve_use(serve, call->share, AF_SERVE_POLLS, 1);
}

void af_serve_unpark(struct serve_call *call)
{
    if (!call->is_parked)
        return;
    call->is_parked = false;
    af_serve_list_remove(&call->serve->parked, call);
    af_serve_use(call->serve, call->share, AF_SERVE_POLLS, -1);
}

/* Nodes that ask and do not read what they get must not take all memory. What is leased comes
 * again; what is consumed must be given. */
static bool is_crowded(const struct serve_call *call)
{
    return !af_serve_has_share(call, AF_SERVE_ANSWERS, 0);
}

static void refuse_crowded(struct serve_call *call)
{
    af_serve_error(call, 200, 503, "too many large answers to this node are under way; try again");
}

/* What of the answer the bus will ask for when it was written, or not. */
static void note_unwritten(struct serve_call *call, const struct af_bus_result *result)
{
    const struct serve_pop *pop = call->request;
    struct af_bus_take *take = af_arena_alloc(&call->arena, sizeof *take);
    const char **uuids = af_arena_alloc(&call->arena, (result->count + 1) * sizeof *uuids);
    for (size_t i = 0; i < result->count; i++)
        uuids[i] = af_arena_string(&call->arena, result->items[i].uuid);
    *take = (struct af_bus_take){.task = pop->task,
                                 .channel = pop->channel,
                                 .node = call->node,
                                 .acks = uuids,
                                 .ack_count = result->count};
    call->unwritten = take;
}

static void popped(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    const struct serve_pop *pop = call->request;
    af_serve_unpark(call);
    if (result->code != AF_BUS_OK && result->code != AF_BUS_CANCELLED) {
        af_serve_bus_error(call, result);
        return;
    }
    call->serve->counts.acknowledged += pop->ack.count + pop->reject.count;
    if (result->count > 0 && pop->lease_ns > 0 && is_crowded(call)) {
        refuse_crowded(call);
        return;
    }
    add_age(call, result);
    call->serve->counts.handed_out += result->count;
    af_serve_saw_pop(call, result);
    if (result->unwritten)
        note_unwritten(call, result);
    struct af_buf out = af_serve_data();
    if (pop->max > 0)
        af_buf_append_string(&out, "{\"messages\":[");
    for (size_t i = 0; i < result->count; i++)
        append_item(call, &out, pop->task, &result->items[i]);
    if (pop->max > 0)
        af_buf_append_string(&out, result->held ? "],\"held\":true}" : "]}");
    else if (result->count == 0)
        af_buf_append_string(&out, "{}");
    af_serve_send(call, &out);
}

static struct serve_pop *read_pop(struct serve_call *call,
                                  bool (*read)(struct serve_reading *, struct serve_pop *,
                                               const char *, size_t))
{
    struct serve_reading *reading = &call->serve->reading;
    const struct af_buf *body = af_exchange_body(call->exchange);
    struct serve_pop *pop = af_arena_alloc(&call->arena, sizeof *pop);
    reading->arena = &call->arena;
    call->request = pop;
    if (read(reading, pop, body->data, body->len)) {
        if (!af_serve_is_own_task(pop->task) || strcmp(pop->task, AF_BUS_LAUNCH_TASK) == 0)
            return pop; /* a node takes what it is told of launches */
        af_serve_complain(reading, "task_id", "names a task of the service's own");
    }
    af_serve_malformed(call);
    return NULL;
}

static struct af_bus_take take_of(struct serve_call *call, const struct serve_pop *pop)
{
    const struct serve_reject *rejects = pop->reject.items;
    size_t count = pop->ack.count + pop->reject.count;
    const char **acks = af_arena_alloc(&call->arena, (count + 1) * sizeof *acks);
    const char **reasons = af_arena_alloc(&call->arena, (count + 1) * sizeof *reasons);
    for (size_t i = 0; i < count; i++) {
        bool done = i < pop->ack.count;
        acks[i] = done ? pop->ack.items[i] : rejects[i - pop->ack.count].uuid;
        reasons[i] = done ? NULL : rejects[i - pop->ack.count].reason;
    }
    return (struct af_bus_take){
        .task = pop->task,
        .channel = pop->channel,
        .node = pop->node == NULL ? call->node : pop->node,
        .holder = pop->holder,
        .mark = pop->mark,
        .begins = pop->begins,
        .early = pop->early,
        .age = pop->age,
        .lease_ns = pop->lease_ns,
        .wait_ns = pop->wait_ns,
        .max = pop->max == 0 ? 1 : (size_t)pop->max,
        .release = pop->release,
        .again = pop->again,
        .acks = acks,
        .reasons = reasons,
        .ack_count = count,
    };
}

void af_serve_pop(struct serve_call *call)
{
    struct af_serve *serve = call->serve;
    const struct serve_pop *pop = read_pop(call, af_serve_read_pop);
    if (pop == NULL)
        return;
    if (is_crowded(call)) {
        refuse_crowded(call);
        return;
    }
    struct af_bus_take take = take_of(call, pop);
    if (take.wait_ns == 0 && take.lease_ns == 0)
        take.wait_ns = serve->options.hold_ns;
    if (serve->is_stopping || !af_serve_has_share(call, AF_SERVE_POLLS, 1))
        take.wait_ns = 0;
    call->ticket = af_bus_take(serve->bus, &take, popped, call);
    if (take.wait_ns > 0)
        park(call);
}

/* ---- Ack. ---- */

static void acknowledged(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    const struct serve_pop *pop = call->request;
    if (result->code != AF_BUS_OK) {
        af_serve_bus_error(call, result);
        return;
    }
    add_age(call, result);
    call->serve->counts.acknowledged += pop->ack.count + pop->reject.count;
    af_serve_saw_pop(call, result);
    af_serve_send_task(call, pop->task);
}

void af_serve_ack(struct serve_call *call)
{
    const struct serve_pop *pop = read_pop(call, af_serve_read_ack);
    if (pop == NULL)
        return;
    struct af_bus_take take = take_of(call, pop);
    af_bus_ack(call->serve->bus, &take, acknowledged, call);
}

/* ---- Dead letters, handed out again. ---- */

static void revived(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    if (result->code != AF_BUS_OK) {
        af_serve_bus_error(call, result);
        return;
    }
    struct af_buf out = af_serve_data();
    add_age(call, result);
    af_buf_printf(&out, "{\"count\":%zu}", result->count);
    af_serve_send(call, &out);
}

static void revive(struct serve_call *call, const struct serve_pop *again, bool sent)
{
    if (again == NULL)
        return;
    call->task = again->task;
    struct af_bus_take which = take_of(call, again);
    which.sent = sent;
    af_bus_revive(call->serve->bus, &which, revived, call);
}

void af_serve_again(struct serve_call *call)
{
    revive(call, read_pop(call, af_serve_read_again), false);
}

void af_serve_admin_again(struct serve_call *call)
{
    revive(call, read_pop(call, af_serve_read_admin_again), call->serve->is_sidecar);
}

void af_serve_end_polls(struct af_serve *serve)
{
    for (struct serve_call *call = serve->parked; call != NULL; call = call->next)
        if (!af_serve_token_stands(serve->callers, call->token))
            af_bus_cancel(serve->bus, call->ticket);
}
