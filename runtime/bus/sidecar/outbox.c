/* outbox.c: pushes: passed through while the hub answers, else kept and sent later.
 *
 *   push ─► the task's outbox is empty ─► the hub ─┬─► its answer, to the client
 *             │ it is not                          └─► none came, or not in time: into the outbox
 *             └─► into the outbox ─► on the disk: code 0 ─► the hub, later ─► forgotten, or a dead
 *                                                                             letter
 *
 * Each contract has an uuid before it is sent for the first time, so that the hub keeps once what
 * it is sent twice. A task's pushes go one after the other, so they stay in their order. What the
 * hub says no to is what may never come; that it has no room, or does not know who we are, passes.
 */
#include "bus/sidecar/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* A push that the hub is asked to take. */
struct af_sidecar_pass {
    struct af_sidecar_op *op; /* NULL: it has been kept meanwhile */
    struct af_sidecar *bus;
    struct af_sidecar_task *task;
    struct af_timer *timer;
};

static int64_t wall_s(const struct af_sidecar *bus)
{
    return af_loop_wall_ns(bus->head.loop) / AF_S_NS;
}

/* ---- Into the outbox. ---- */

static void note_kept(struct af_sidecar *bus, struct af_sidecar_task *task, uint64_t count,
                      int64_t bytes)
{
    if (task->kept == 0)
        task->oldest_s = wall_s(bus);
    task->kept += count;
    task->bytes += bytes;
    bus->kept += count;
    bus->bytes += bytes;
}

static void note_gone(struct af_sidecar *bus, struct af_sidecar_task *task, uint64_t count,
                      int64_t bytes)
{
    task->kept -= count < task->kept ? count : task->kept;
    task->bytes -= bytes < task->bytes ? bytes : task->bytes;
    bus->kept -= count < bus->kept ? count : bus->kept;
    bus->bytes -= bytes < bus->bytes ? bytes : bus->bytes;
    if (task->kept == 0)
        task->oldest_s = 0;
}

static void kept(struct af_sidecar_op *op)
{
    struct af_sidecar *bus = op->bus;
    struct af_sidecar_task *task = op->task;
    task->writing--;
    if (op->result.code != AF_BUS_OK)
        note_gone(bus, task, op->count, op->bytes);
    af_sidecar_end(op);
    af_sidecar_go_on(task);
}

static size_t count_tasks(const struct af_sidecar *bus)
{
    size_t count = 0;
    for (const struct af_sidecar_task *task = bus->tasks; task != NULL; task = task->next)
        count += task->kept > 0;
    return count;
}

/* Whether there is room for the push; else it is refused. */
static bool has_room(struct af_sidecar *bus, struct af_sidecar_op *op)
{
    const struct af_sidecar_task *task = op->task;
    uint64_t most = AF_SIDECAR_CONTRACTS_MAX;
    int64_t most_bytes = AF_SIDECAR_BYTES_MAX;
    const char *away = bus->error == NULL ? "the hub is slow" : bus->error;
    if (bus->kept + op->count > most || bus->bytes + op->bytes > most_bytes)
        af_sidecar_refuse(op, AF_BUS_FULL,
                          "the outbox of this sidecar is full: %llu contracts (%lld MiB) wait for "
                          "the hub: %s",
                          (unsigned long long)bus->kept, (long long)(bus->bytes >> 20), away);
    else if (task->kept + op->count > most / AF_SIDECAR_SHARES ||
             task->bytes + op->bytes > most_bytes / AF_SIDECAR_SHARES)
        af_sidecar_refuse(op, AF_BUS_FULL,
                          "the outbox of this sidecar is full for task '%s': %llu contracts (%lld "
                          "MiB) of it wait for the hub: %s",
                          task->name, (unsigned long long)task->kept,
                          (long long)(task->bytes >> 20), away);
    else if (task->kept == 0 && count_tasks(bus) >= AF_SIDECAR_TASKS_MAX)
        af_sidecar_refuse(op, AF_BUS_FULL,
                          "the outbox of this sidecar has contracts of %d tasks, and no room for "
                          "another: %s",
                          AF_SIDECAR_TASKS_MAX, away);
    else
        return true;
    return false;
}

static void keep(struct af_sidecar_op *op)
{
    struct af_sidecar *bus = op->bus;
    if (!has_room(bus, op))
        return;
    note_kept(bus, op->task, op->count, op->bytes);
    op->task->writing++;
    op->run = af_sidecar_run_keep;
    op->over = kept;
    af_group_write(bus->group, &op->job);
}

/* ---- Through. ---- */

static void passed(void *arg, const struct af_bus_result *result)
{
    struct af_sidecar_pass *pass = arg;
    struct af_sidecar *bus = pass->bus;
    struct af_sidecar_op *op = pass->op;
    struct af_sidecar_task *task = pass->task;
    task->pass = NULL;
    af_timer_cancel(pass->timer);
    free(pass);
    af_sidecar_heard(bus, result);
    if (op != NULL && (result->code == AF_BUS_UNREACHABLE || result->elsewhere)) {
        keep(op);
    } else if (op != NULL) {
        op->done(op->arg, result);
        af_sidecar_op_free(op);
    }
    af_sidecar_go_on(task);
}

/* What the hub makes of it is not known: it is kept, and sent again with its uuid. */
static void is_slow(void *arg)
{
    struct af_sidecar_pass *pass = arg;
    struct af_sidecar_op *op = pass->op;
    pass->timer = NULL;
    pass->op = NULL;
    keep(op);
    af_sidecar_go_on(pass->task);
}

static void pass_through(struct af_sidecar *bus, struct af_sidecar_op *op)
{
    struct af_sidecar_pass *pass = af_mem_zero(1, sizeof *pass);
    *pass = (struct af_sidecar_pass){op, bus, op->task, NULL};
    op->task->pass = pass;
    pass->timer = af_timer_start(bus->head.loop, AF_SIDECAR_PASS_NS, is_slow, pass);
    af_bus_publish(bus->hub, op->posts, op->count, passed, pass);
}

/* ---- Out of the outbox. ---- */

static void try_again(void *arg)
{
    struct af_sidecar_task *task = arg;
    task->timer = NULL;
    af_sidecar_go_on(task);
}

/* Ends what was being sent; pause_ns: the task is not sent from so long, 0: goes on. */
static void end_sending(struct af_sidecar_op *op, int64_t pause_ns)
{
    struct af_sidecar_task *task = op->task;
    task->is_sending = false;
    if (pause_ns > 0 && task->timer == NULL && !op->bus->closing)
        task->timer = af_timer_start(op->bus->head.loop, pause_ns, try_again, task);
    af_sidecar_op_free(op);
    af_sidecar_go_on(task);
}

static void settled(struct af_sidecar_op *op)
{
    struct af_sidecar *bus = op->bus;
    struct af_sidecar_task *task = op->task;
    if (op->result.code != AF_BUS_OK) { /* the disk is full: they will be sent again */
        end_sending(op, AF_S_NS);
        return;
    }
    note_gone(bus, task, op->count, op->bytes);
    if (op->reason != NULL)
        bus->dead += op->count;
    bus->dead -= op->dropped < bus->dead ? op->dropped : bus->dead;
    if (op->dropped > 0)
        af_log(AF_LOG_WARNING, "%llu dead letters of the outbox had to go: it keeps %d of them",
               (unsigned long long)op->dropped, AF_SIDECAR_DEAD_MAX);
    task->one_push = false;
    end_sending(op, 0);
}

static void settle(struct af_sidecar_op *op, const char *reason)
{
    op->reason = af_arena_string(&op->arena, reason);
    op->result = (struct af_bus_result){0};
    op->run = af_sidecar_run_settle;
    op->over = settled;
    if (reason != NULL)
        af_log(AF_LOG_WARNING,
               "the hub refuses %zu contract%s of task '%s' from the outbox, first '%s': %s",
               op->count, op->count == 1 ? "" : "s", op->name, op->posts[0].uuid, reason);
    af_group_write(op->bus->group, &op->job);
}

/* Whether the hub itself has said that it will never take them. */
static bool is_refusal(const struct af_bus_result *result)
{
    return !result->elsewhere &&
           (result->code == AF_BUS_NO_TASK || result->code == AF_BUS_NOT_MEMBER ||
            result->code == AF_BUS_INVALID);
}

static void sent(void *arg, const struct af_bus_result *result)
{
    struct af_sidecar_op *op = arg;
    af_sidecar_heard(op->bus, result);
    if (result->code == AF_BUS_OK) {
        settle(op, NULL);
    } else if (is_refusal(result) && op->count > 1 && !op->one_push) {
        op->task->one_push = true; /* to find the one */
        end_sending(op, 0);
    } else if (is_refusal(result)) {
        settle(op, result->why == NULL ? "it was refused" : result->why);
    } else if (result->code == AF_BUS_FULL || result->code == AF_BUS_REFUSED) {
        end_sending(op, result->retry_ns > 0 ? result->retry_ns : AF_S_NS);
    } else { /* it is away; the bus says when it is there */
        end_sending(op, 0);
    }
}

static void was_read(struct af_sidecar_op *op)
{
    struct af_sidecar *bus = op->bus;
    struct af_sidecar_task *task = op->task;
    if (op->result.code != AF_BUS_OK) {
        end_sending(op, AF_S_NS);
        return;
    }
    if (op->unreadable > 0) {
        note_gone(bus, task, op->unreadable, op->unreadable_bytes);
        bus->dead += op->unreadable;
        af_log(AF_LOG_WARNING,
               "a row of the outbox, of task '%s', is not as it should be; it is "
               "set aside",
               task->name);
    }
    if (op->count > 0 && !bus->closing) {
        task->oldest_s = op->made_s;
        af_bus_publish(bus->hub, op->posts, op->count, sent, op);
        return;
    }
    if (op->unreadable == 0 && task->writing == 0) /* somebody else has emptied the file */
        note_gone(bus, task, task->kept, task->bytes);
    end_sending(op, 0);
}

static void read_more(struct af_sidecar *bus, struct af_sidecar_task *task)
{
    struct af_sidecar_op *op = af_sidecar_op_new(bus, NULL, NULL);
    task->is_sending = true;
    op->task = task;
    op->name = af_arena_string(&op->arena, task->name);
    op->one_row = af_bus_leases(bus->hub) != 1; /* others take one at a time */
    op->one_push = task->one_push;
    op->run = af_sidecar_run_read;
    op->over = was_read;
    af_group_write(bus->group, &op->job);
}

static bool may_send(const struct af_sidecar *bus, const struct af_sidecar_task *task)
{
    return task->kept > task->writing && !task->is_sending && task->timer == NULL &&
           task->pass == NULL && !bus->closing;
}

void af_sidecar_go_on(struct af_sidecar_task *task)
{
    struct af_sidecar *bus = task->bus;
    while (task->first != NULL && !bus->closing) {
        struct af_sidecar_op *op = task->first;
        bool into = task->kept > 0 || (!bus->reachable && bus->kept > 0);
        if (!into && task->pass != NULL)
            break;
        task->first = op->next;
        if (into)
            keep(op);
        else
            pass_through(bus, op);
    }
    if (bus->reachable && may_send(bus, task))
        read_more(bus, task);
}

void af_sidecar_go_on_all(struct af_sidecar *bus)
{
    for (struct af_sidecar_task *task = bus->tasks; task != NULL; task = task->next)
        af_sidecar_go_on(task);
}

/* ---- Pushing. ---- */

/* Returns false if it was refused: it could not be sent later, either. */
static bool prepare(struct af_sidecar_op *op, struct af_bus_post *posts)
{
    const char **uuids = af_arena_alloc(&op->arena, op->count * sizeof *uuids);
    char why[AF_BUS_UNFIT_BYTES];
    for (size_t i = 0; i < op->count; i++) {
        if (posts[i].uuid == NULL)
            posts[i].uuid = af_bus_random_uuid(&op->arena);
        uuids[i] = posts[i].uuid;
        op->bytes += (int64_t)af_bus_post_bytes(&posts[i]);
        if (strcmp(posts[i].task, posts[0].task) != 0) {
            af_sidecar_refuse(op, AF_BUS_INVALID,
                              "push: several contracts go together only to "
                              "one task");
            return false;
        }
        if (!af_bus_post_fits(&posts[i], why)) {
            af_sidecar_refuse(op, AF_BUS_INVALID, "push: %s", why);
            return false;
        }
    }
    op->result.uuids = uuids;
    op->result.count = op->count;
    return true;
}

void af_sidecar_publish(struct af_bus *head, const struct af_bus_post *posts, size_t count,
                        af_bus_done_fn *done, void *arg)
{
    struct af_sidecar *bus = af_sidecar_of(head);
    struct af_sidecar_op *op = af_sidecar_op_new(bus, done, arg);
    struct af_bus_post *copies =
        (struct af_bus_post *)af_bus_copy_posts(&op->arena, posts, count); /* ours */
    op->posts = copies;
    op->count = count;
    if (count == 0)
        af_sidecar_tell(op);
    if (count == 0 || !prepare(op, copies))
        return;
    op->task = af_sidecar_task(bus, posts[0].task);
    struct af_sidecar_op **place = &op->task->first;
    while (*place != NULL)
        place = &(*place)->next;
    *place = op;
    af_sidecar_go_on(op->task);
}

/* ---- Dead letters. ---- */

static void revived(struct af_sidecar_op *op)
{
    struct af_sidecar *bus = op->bus;
    struct af_sidecar_task *task = af_sidecar_task(bus, op->name);
    if (op->result.code == AF_BUS_OK && op->count > 0) {
        bus->dead -= op->count < bus->dead ? op->count : bus->dead;
        note_kept(bus, task, op->count, op->bytes);
    }
    af_sidecar_end(op);
    af_sidecar_go_on(task);
}

void af_sidecar_revive(struct af_sidecar *bus, const struct af_bus_take *which,
                       af_bus_done_fn *done, void *arg)
{
    struct af_sidecar_op *op = af_sidecar_op_new(bus, done, arg);
    if (which->node != NULL && strcmp(which->node, bus->node) != 0) {
        af_sidecar_refuse(op, AF_BUS_INVALID, "the outbox is of node '%s', not of '%s'", bus->node,
                          which->node);
        return;
    }
    op->name = af_arena_string(&op->arena, which->task);
    op->which.channel = af_arena_string(&op->arena, which->channel);
    op->which.acks = af_arena_strings(&op->arena, which->acks, which->ack_count);
    op->which.ack_count = which->ack_count;
    op->run = af_sidecar_run_revive;
    op->over = revived;
    af_group_write(bus->group, &op->job);
}

static void forgotten(struct af_sidecar_op *op)
{
    if (op->result.code == AF_BUS_OK)
        op->bus->dead -= op->count < op->bus->dead ? op->count : op->bus->dead;
    af_sidecar_end(op);
}

void af_sidecar_forget(struct af_bus *head, const char *task, af_bus_done_fn *done, void *arg)
{
    struct af_sidecar *bus = af_sidecar_of(head);
    struct af_sidecar_op *op = af_sidecar_op_new(bus, done, arg);
    op->name = af_arena_string(&op->arena, task);
    op->run = af_sidecar_run_forget;
    op->over = forgotten;
    af_group_write(bus->group, &op->job);
}

/* ---- Closing. ---- */

void af_sidecar_close_pushes(struct af_sidecar *bus)
{
    struct af_bus_result result = {.code = AF_BUS_CANCELLED, .why = "the bus was closed"};
    for (struct af_sidecar_task *task = bus->tasks; task != NULL; task = task->next) {
        struct af_sidecar_op *op;
        while ((op = task->first) != NULL) {
            task->first = op->next;
            op->done(op->arg, &result);
            af_sidecar_op_free(op);
        }
    }
}
