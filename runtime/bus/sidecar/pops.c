/* pops.c: pops of clients that know no leases.
 *
 * Each is a take from the hub with a lease. What came is in hand until its answer was written to
 * the client: then it is acknowledged, and named as done in every take until the hub has that. One
 * that could not be written is handed out again, as is what the hub may have handed out in an
 * answer that was lost: the next take asks for all that is not acknowledged, and passes over what
 * is in hand. So it goes one take of a queue at a time. */
#include "bus/sidecar/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* A contract that the hub has handed out. */
struct hand {
    char *uuid;
    char *reason; /* why it cannot be read, or NULL */
    bool is_done; /* to be acknowledged */
};

/* A client's pop. */
struct waiter {
    struct waiter *next;
    uint64_t ticket;
    size_t max;
    int64_t until_ns;
    bool was_there; /* when the take began that is under way */
    af_bus_done_fn *done;
    void *arg;
};

struct af_sidecar_queue {
    struct af_sidecar_queue *next;
    struct af_sidecar *bus;
    char *task, *channel;
    struct waiter *waiters;
    struct hand *hands;
    size_t hand_count, hand_cap;
    uint64_t taking;   /* the hub's ticket, 0: no take is under way */
    size_t acks_taken; /* how many it names */
    bool is_acking, lost;
    struct af_timer *timer; /* when a take has taken too long */
};

static void run(struct af_sidecar_queue *queue);
static void acknowledge(struct af_sidecar_queue *queue);

/* ---- Queues. ---- */

static bool is_idle(const struct af_sidecar_queue *queue)
{
    return queue->waiters == NULL && queue->hand_count == 0 && queue->taking == 0 &&
           !queue->is_acking;
}

static void free_queue(struct af_sidecar_queue *queue)
{
    for (size_t i = 0; i < queue->hand_count; i++) {
        free(queue->hands[i].uuid);
        free(queue->hands[i].reason);
    }
    af_timer_cancel(queue->timer);
    free(queue->hands);
    free(queue->task);
    free(queue->channel);
    free(queue);
}

/* A queue that was forgotten begins anew: by asking for all that is not acknowledged. */
static struct af_sidecar_queue *find_queue(struct af_sidecar *bus, const char *task,
                                           const char *channel, bool make)
{
    size_t count = 0;
    for (struct af_sidecar_queue **place = &bus->queues, *queue; (queue = *place) != NULL;) {
        if (strcmp(queue->task, task) == 0 && strcmp(queue->channel, channel) == 0)
            return queue;
        if (++count > AF_SIDECAR_QUEUES_MAX && is_idle(queue)) {
            *place = queue->next;
            free_queue(queue);
        } else {
            place = &queue->next;
        }
    }
    if (!make)
        return NULL;
    struct af_sidecar_queue *queue = af_mem_zero(1, sizeof *queue);
    queue->bus = bus;
    queue->task = af_mem_string(task);
    queue->channel = af_mem_string(channel);
    queue->lost = true;
    queue->next = bus->queues;
    bus->queues = queue;
    return queue;
}

static struct hand *find_hand(struct af_sidecar_queue *queue, const char *uuid)
{
    for (size_t i = 0; i < queue->hand_count; i++)
        if (strcmp(queue->hands[i].uuid, uuid) == 0)
            return &queue->hands[i];
    return NULL;
}

static void add_hand(struct af_sidecar_queue *queue, const struct af_bus_item *item)
{
    af_mem_reserve(&queue->hands, &queue->hand_cap, queue->hand_count + 1, sizeof *queue->hands);
    queue->hands[queue->hand_count++] = (struct hand){
        .uuid = af_mem_string(item->uuid),
        .reason = item->wrong == NULL ? NULL : af_mem_string(item->wrong),
        .is_done = item->wrong != NULL,
    };
}

static void drop_hand(struct af_sidecar_queue *queue, struct hand *hand)
{
    free(hand->uuid);
    free(hand->reason);
    size_t i = (size_t)(hand - queue->hands);
    memmove(hand, hand + 1, (--queue->hand_count - i) * sizeof *hand);
}

/* ---- Acknowledging. ---- */

/* What is done, as texts of the arena. */
static struct af_bus_take done_of(struct af_sidecar_queue *queue, struct af_arena *arena)
{
    const char **acks = af_arena_alloc(arena, (queue->hand_count + 1) * sizeof *acks);
    const char **reasons = af_arena_alloc(arena, (queue->hand_count + 1) * sizeof *reasons);
    struct af_bus_take take = {
        .task = queue->task,
        .channel = queue->channel,
        .node = queue->bus->node,
        .holder = AF_SIDECAR_HOLDER,
        .lease_ns = AF_SIDECAR_LEASE_NS,
        .acks = acks,
        .reasons = reasons,
    };
    for (size_t i = 0; i < queue->hand_count && take.ack_count < AF_BUS_TAKE_MAX; i++) {
        const struct hand *hand = &queue->hands[i];
        if (!hand->is_done)
            continue;
        acks[take.ack_count] = af_arena_string(arena, hand->uuid);
        reasons[take.ack_count++] = af_arena_string(arena, hand->reason);
    }
    return take;
}

/* The hub has them. */
static void forget_done(struct af_sidecar_queue *queue, const struct af_bus_take *take)
{
    for (size_t i = 0; i < take->ack_count; i++) {
        struct hand *hand = find_hand(queue, take->acks[i]);
        if (hand != NULL && hand->is_done)
            drop_hand(queue, hand);
    }
}

/* A call of the hub about a queue, with what it names. */
struct call {
    struct af_sidecar_queue *queue;
    struct af_arena arena;
    struct af_bus_take take;
};

static struct call *call_new(struct af_sidecar_queue *queue)
{
    struct call *call = af_mem_zero(1, sizeof *call);
    call->queue = queue;
    call->take = done_of(queue, &call->arena);
    return call;
}

static void call_free(struct call *call)
{
    af_arena_release(&call->arena);
    free(call);
}

static void acknowledged(void *arg, const struct af_bus_result *result)
{
    struct call *call = arg;
    struct af_sidecar_queue *queue = call->queue;
    bool answered = result->code != AF_BUS_UNREACHABLE && !result->elsewhere;
    queue->is_acking = false;
    if (answered) /* what it refuses to hear is over as well */
        forget_done(queue, &call->take);
    call_free(call);
    af_sidecar_heard(queue->bus, result);
    if (answered)
        acknowledge(queue);
}

static void acknowledge(struct af_sidecar_queue *queue)
{
    if (queue->is_acking || queue->bus->closing)
        return;
    struct call *call = call_new(queue);
    if (call->take.ack_count == 0) {
        call_free(call);
        return;
    }
    queue->is_acking = true;
    af_bus_ack(queue->bus->hub, &call->take, acknowledged, call);
}

void af_sidecar_acknowledge_all(struct af_sidecar *bus)
{
    for (struct af_sidecar_queue *queue = bus->queues; queue != NULL; queue = queue->next)
        acknowledge(queue);
}

void af_sidecar_written(struct af_bus *head, const struct af_bus_take *which, bool ok)
{
    struct af_sidecar_queue *queue =
        find_queue(af_sidecar_of(head), which->task, which->channel, false);
    for (size_t i = 0; queue != NULL && i < which->ack_count; i++) {
        struct hand *hand = find_hand(queue, which->acks[i]);
        if (hand == NULL)
            continue;
        hand->is_done = ok;
        if (!ok)
            drop_hand(queue, hand);
        queue->lost = queue->lost || !ok;
    }
    if (queue != NULL && ok)
        acknowledge(queue);
}

/* ---- Taking. ---- */

/* Answers the first waiter, or all that were there when the take began. */
static void answer(struct af_sidecar_queue *queue, const struct af_bus_result *result, bool all)
{
    for (struct waiter **place = &queue->waiters, *waiter; (waiter = *place) != NULL;) {
        if (all && !waiter->was_there) {
            place = &waiter->next;
            continue;
        }
        *place = waiter->next;
        waiter->done(waiter->arg, result);
        free(waiter);
        if (!all)
            return;
    }
}

/* Gives what has come to the first that waits; false: there was nothing new. */
static bool give(struct af_sidecar_queue *queue, const struct af_bus_result *result)
{
    struct af_arena arena = {0};
    struct af_bus_item *items = af_arena_alloc(&arena, (result->count + 1) * sizeof *items);
    struct af_bus_result given = {.items = items, .unwritten = true};
    for (size_t i = 0; i < result->count; i++) {
        if (find_hand(queue, result->items[i].uuid) != NULL)
            continue;
        if (queue->waiters == NULL) { /* nobody is there any more */
            queue->lost = true;
            break;
        }
        add_hand(queue, &result->items[i]);
        if (result->items[i].wrong == NULL)
            items[given.count++] = result->items[i];
        else
            af_log(AF_LOG_WARNING, "contract '%s' of task '%s' cannot be read, and is rejected: %s",
                   result->items[i].uuid, queue->task, result->items[i].wrong);
    }
    if (given.count > 0)
        answer(queue, &given, false);
    af_arena_release(&arena);
    return given.count > 0;
}

static void took(void *arg, const struct af_bus_result *result)
{
    struct call *call = arg;
    struct af_sidecar_queue *queue = call->queue;
    struct af_bus_result none = {0};
    bool is_away = result->code == AF_BUS_UNREACHABLE || result->elsewhere;
    queue->taking = 0;
    af_timer_cancel(queue->timer);
    queue->timer = NULL;
    if (result->code == AF_BUS_OK) {
        forget_done(queue, &call->take);
        bool is_new = result->count > 0 && give(queue, result);
        bool is_over = queue->waiters != NULL &&
                       queue->waiters->until_ns <= af_loop_now_ns(queue->bus->head.loop);
        if (result->count == 0 || (!is_new && is_over))
            answer(queue, &none, true);
    } else {
        queue->lost = true; /* whatever its answer held */
        if (is_away || result->code == AF_BUS_FULL ||
            (result->code == AF_BUS_CANCELLED && !queue->bus->closing))
            answer(queue, &none, true);
        else
            answer(queue, result, true);
    }
    call_free(call);
    af_sidecar_heard(queue->bus, result);
    acknowledge(queue);
    run(queue);
}

static void takes_too_long(void *arg)
{
    struct af_sidecar_queue *queue = arg;
    queue->timer = NULL;
    af_bus_cancel(queue->bus->hub, queue->taking);
}

static void run(struct af_sidecar_queue *queue)
{
    struct af_sidecar *bus = queue->bus;
    if (queue->taking != 0 || queue->waiters == NULL || bus->closing)
        return;
    struct call *call = call_new(queue);
    int64_t wait_ns = queue->waiters->until_ns - af_loop_now_ns(bus->head.loop);
    for (struct waiter *waiter = queue->waiters; waiter != NULL; waiter = waiter->next)
        waiter->was_there = true;
    call->take.wait_ns = wait_ns > 0 ? wait_ns : 0;
    call->take.max = queue->waiters->max;
    call->take.again = queue->lost;
    queue->lost = false;
    queue->timer = af_timer_start(bus->head.loop, call->take.wait_ns + AF_SIDECAR_PASS_NS,
                                  takes_too_long, queue);
    queue->taking = af_bus_take(bus->hub, &call->take, took, call);
}

/* Tickets of the hub's takes are even, ours are odd. */
uint64_t af_sidecar_take(struct af_bus *head, const struct af_bus_take *take, af_bus_done_fn *done,
                         void *arg)
{
    struct af_sidecar *bus = af_sidecar_of(head);
    if (take->lease_ns > 0)
        return 2 * af_bus_take(bus->hub, take, done, arg);
    struct af_sidecar_queue *queue = find_queue(bus, take->task, take->channel, true);
    struct waiter *waiter = af_mem_zero(1, sizeof *waiter), **place = &queue->waiters;
    *waiter = (struct waiter){
        .ticket = 2 * ++bus->tickets + 1,
        .max = take->max,
        .until_ns = af_loop_now_ns(head->loop) + take->wait_ns,
        .done = done,
        .arg = arg,
    };
    while (*place != NULL)
        place = &(*place)->next;
    *place = waiter;
    run(queue);
    return waiter->ticket;
}

/* The waiter is answered by its take, which is ended where it was the only one. */
void af_sidecar_cancel(struct af_bus *head, uint64_t ticket)
{
    struct af_sidecar *bus = af_sidecar_of(head);
    if (ticket % 2 == 0) {
        af_bus_cancel(bus->hub, ticket / 2);
        return;
    }
    for (struct af_sidecar_queue *queue = bus->queues; queue != NULL; queue = queue->next)
        for (struct waiter *waiter = queue->waiters; waiter != NULL; waiter = waiter->next)
            if (waiter->ticket == ticket && queue->taking != 0)
                af_bus_cancel(bus->hub, queue->taking);
}

void af_sidecar_close_queues(struct af_sidecar *bus)
{
    struct af_bus_result result = {.code = AF_BUS_CANCELLED, .why = "the bus was closed"};
    while (bus->queues != NULL) {
        struct af_sidecar_queue *queue = bus->queues;
        bus->queues = queue->next;
        for (struct waiter *waiter = queue->waiters; waiter != NULL; waiter = waiter->next)
            waiter->was_there = true;
        answer(queue, &result, true);
        free_queue(queue);
    }
}
