/* bus.c: a sidecar: one node's place before a distant hub, for clients of its machine that know
 * nothing of leases, uuids and tokens.
 *
 * Any bus may be the hub. What is not said here or in the other files is passed on to it. */
#include "bus/sidecar/impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "bus/fetched.h"
#include "json/json.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIGEST = 64 };

/* ---- Ops. ---- */

struct af_sidecar_op *af_sidecar_op_new(struct af_sidecar *bus, af_bus_done_fn *done, void *arg)
{
    struct af_sidecar_op *op = af_mem_zero(1, sizeof *op);
    op->bus = bus;
    op->done = done;
    op->arg = arg;
    return op;
}

void af_sidecar_op_free(struct af_sidecar_op *op)
{
    af_buf_release(&op->text);
    af_arena_release(&op->arena);
    free(op);
}

void af_sidecar_end(struct af_sidecar_op *op)
{
    if (op->done != NULL)
        op->done(op->arg, &op->result);
    af_sidecar_op_free(op);
}

void af_sidecar_tell(struct af_sidecar_op *op)
{
    op->over = af_sidecar_end;
    af_group_tell(op->bus->group, &op->job);
}

void af_sidecar_refuse(struct af_sidecar_op *op, enum af_bus_code code, const char *format, ...)
{
    char why[AF_FAILURE_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    op->result = (struct af_bus_result){.code = code,
                                        .why = af_arena_string(&op->arena, why),
                                        .retry_ns = code == AF_BUS_FULL ? AF_S_NS : 0};
    af_sidecar_tell(op);
}

/* ---- Whether the hub is there. ---- */

static void greet(void *arg);

static void try_later(struct af_sidecar *bus)
{
    if (bus->retry != NULL || bus->closing)
        return;
    bus->retry = af_timer_start(bus->head.loop, bus->retry_ns, greet, bus);
    bus->retry_ns =
        bus->retry_ns * 2 < AF_LINK_RETRY_LAST_NS ? bus->retry_ns * 2 : AF_LINK_RETRY_LAST_NS;
}

static void set_error(struct af_sidecar *bus, const char *why)
{
    free(bus->error);
    bus->error = why == NULL ? NULL : af_mem_string(why);
}

void af_sidecar_heard(struct af_sidecar *bus, const struct af_bus_result *result)
{
    bool answered = result->code != AF_BUS_UNREACHABLE && !result->elsewhere;
    bool is_news = answered != bus->reachable || (!answered && bus->error == NULL);
    if (result->code == AF_BUS_CANCELLED || bus->closing)
        return;
    if (is_news)
        bus->since_s = af_loop_wall_ns(bus->head.loop) / AF_S_NS;
    if (result->code == AF_BUS_REFUSED && bus->error == NULL)
        af_log(AF_LOG_WARNING, "the hub does not know this node; is its token right? %s",
               result->why);
    if (!answered || result->code == AF_BUS_REFUSED)
        set_error(bus, result->why);
    else
        set_error(bus, NULL);
    if (!answered) {
        if (is_news)
            af_log(AF_LOG_WARNING, "the hub is away, so what is pushed is kept: %s", result->why);
        bus->reachable = false;
        try_later(bus);
        return;
    }
    bus->retry_ns = AF_LINK_RETRY_FIRST_NS;
    if (!is_news)
        return;
    bus->reachable = true;
    af_log(AF_LOG_INFO, "the hub answers; %llu contracts wait for it",
           (unsigned long long)bus->kept);
    af_timer_cancel(bus->retry);
    bus->retry = NULL;
    af_sidecar_acknowledge_all(bus);
    af_sidecar_go_on_all(bus);
}

/* A hub that greets and can do no more is tried no faster for it. */
static void greeted(void *arg, const struct af_bus_result *result)
{
    struct af_sidecar *bus = arg;
    int64_t retry_ns = bus->retry_ns;
    af_sidecar_heard(bus, result);
    bus->retry_ns = retry_ns > bus->retry_ns ? retry_ns : bus->retry_ns;
}

/* There is no such task: what it says to that shows that it is there, and what it is. */
static void greet(void *arg)
{
    struct af_sidecar *bus = arg;
    bus->retry = NULL;
    const struct af_bus_take none = {.task = "", .channel = "none", .node = bus->node, .max = 1};
    af_bus_take(bus->hub, &none, greeted, bus);
}

/* ---- Tasks and their nodes. ---- */

static bool is_idle(const struct af_sidecar_task *task)
{
    return task->first == NULL && task->pass == NULL && task->kept == 0 && task->writing == 0 &&
           !task->is_sending && task->timer == NULL;
}

static void free_task(struct af_sidecar_task *task)
{
    af_timer_cancel(task->timer);
    af_arena_release(&task->list);
    free(task->name);
    free(task);
}

/* The newest stand first; an idle one behind many is forgotten. */
struct af_sidecar_task *af_sidecar_task(struct af_sidecar *bus, const char *name)
{
    size_t count = 0;
    for (struct af_sidecar_task **place = &bus->tasks, *task; (task = *place) != NULL;) {
        if (strcmp(task->name, name) == 0)
            return task;
        if (++count > AF_SIDECAR_TASKS_MAX && is_idle(task)) {
            *place = task->next;
            free_task(task);
        } else {
            place = &task->next;
        }
    }
    struct af_sidecar_task *task = af_mem_zero(1, sizeof *task);
    task->bus = bus;
    task->name = af_mem_string(name);
    task->next = bus->tasks;
    bus->tasks = task;
    return task;
}

/* A question for a task's nodes. */
struct asking {
    struct af_sidecar *bus;
    char *name;
    af_bus_done_fn *done; /* NULL: it was answered from memory */
    void *arg;
    struct af_timer *timer;
};

static void remember(struct af_sidecar *bus, const char *name, const struct af_bus_result *result)
{
    struct af_sidecar_task *task = af_sidecar_task(bus, name);
    struct af_bus_member *members;
    af_arena_release(&task->list);
    task->list = (struct af_arena){0};
    members = af_arena_alloc(&task->list, (result->count + 1) * sizeof *members);
    for (size_t i = 0; i < result->count; i++)
        members[i] = (struct af_bus_member){af_arena_string(&task->list, result->members[i].node),
                                            af_arena_string(&task->list, result->members[i].role),
                                            result->members[i].number};
    task->members = members;
    task->member_count = result->count;
    task->open = result->open;
}

/* False: it was never told. */
static bool answer_from_memory(struct asking *asking)
{
    const struct af_sidecar_task *task = af_sidecar_task(asking->bus, asking->name);
    if (task->members == NULL)
        return false;
    struct af_bus_result result = {
        .members = task->members, .count = task->member_count, .open = task->open};
    af_bus_done_fn *done = asking->done;
    asking->done = NULL;
    done(asking->arg, &result);
    return true;
}

static void hub_is_slow(void *arg)
{
    struct asking *asking = arg;
    asking->timer = NULL;
    answer_from_memory(asking);
}

static void listed(void *arg, const struct af_bus_result *result)
{
    struct asking *asking = arg;
    af_timer_cancel(asking->timer);
    af_sidecar_heard(asking->bus, result);
    if (result->code == AF_BUS_OK)
        remember(asking->bus, asking->name, result);
    if (asking->done != NULL &&
        ((result->code != AF_BUS_UNREACHABLE && !result->elsewhere) || !answer_from_memory(asking)))
        asking->done(asking->arg, result);
    free(asking->name);
    free(asking);
}

static void members(struct af_bus *head, const char *task, const struct af_bus_member *asker,
                    af_bus_done_fn *done, void *arg)
{
    struct af_sidecar *bus = af_sidecar_of(head);
    struct asking *asking = af_mem_zero(1, sizeof *asking);
    *asking = (struct asking){bus, af_mem_string(task), done, arg, NULL};
    asking->timer =
        af_timer_start(head->loop, bus->reachable ? AF_SIDECAR_MEMBERS_NS : 0, hub_is_slow, asking);
    af_bus_members(bus->hub, task, asker, listed, asking);
}

/* ---- What is passed on. ---- */

struct passing {
    struct af_sidecar *bus;
    af_bus_done_fn *done;
    void *arg;
};

static struct passing *passing(struct af_sidecar *bus, af_bus_done_fn *done, void *arg)
{
    struct passing *call = af_mem_alloc(sizeof *call);
    *call = (struct passing){bus, done, arg};
    return call;
}

static void passed_on(void *arg, const struct af_bus_result *result)
{
    struct passing call = *(struct passing *)arg;
    free(arg);
    if (!result->elsewhere) /* a file of ours, perhaps */
        af_sidecar_heard(call.bus, result);
    call.done(call.arg, result);
}

static void ack(struct af_bus *head, const struct af_bus_take *acks, af_bus_done_fn *done,
                void *arg)
{
    struct af_sidecar *bus = af_sidecar_of(head);
    af_bus_ack(bus->hub, acks, passed_on, passing(bus, done, arg));
}

static void revive(struct af_bus *head, const struct af_bus_take *which, af_bus_done_fn *done,
                   void *arg)
{
    struct af_sidecar *bus = af_sidecar_of(head);
    if (which->sent)
        af_sidecar_revive(bus, which, done, arg);
    else
        af_bus_revive(bus->hub, which, passed_on, passing(bus, done, arg));
}

static void put_file(struct af_bus *head, const struct af_bus_file *file, af_bus_done_fn *done,
                     void *arg)
{
    struct af_sidecar *bus = af_sidecar_of(head);
    af_bus_put_file(bus->hub, file, passed_on, passing(bus, done, arg));
}

static void tell(struct af_bus *head, const struct af_bus_note *note, af_bus_done_fn *done,
                 void *arg)
{
    struct af_sidecar *bus = af_sidecar_of(head);
    af_bus_tell(bus->hub, note, passed_on, passing(bus, done, arg));
}

/* ---- Files: fetched whole, and kept for who asks again or for the rest. ---- */

static void fetched(void *arg, const struct af_bus_result *result)
{
    af_bus_fetched_make_room(((struct passing *)arg)->bus->files);
    passed_on(arg, result);
}

static void get_file(struct af_bus *head, const struct af_bus_fetch *fetch, af_bus_done_fn *done,
                     void *arg)
{
    struct af_sidecar *bus = af_sidecar_of(head);
    const char *name = strrchr(fetch->url, '/');
    if (!fetch->locate || name == NULL || strspn(name + 1, "0123456789abcdef") < DIGEST) {
        af_bus_get_file(bus->hub, fetch, passed_on, passing(bus, done, arg));
        return;
    }
    struct af_sidecar_op *op = af_sidecar_op_new(bus, done, arg);
    char *sha256 = af_arena_copy(&op->arena, name + 1, DIGEST), *path;
    size_t size = strlen(bus->files) + DIGEST + 2;
    path = af_arena_alloc(&op->arena, size);
    snprintf(path, size, "%s/%s", bus->files, sha256);
    if (access(path, R_OK) == 0) {
        op->result.text = path;
        op->result.text_len = strlen(path);
        af_sidecar_tell(op);
        return;
    }
    struct af_bus_fetch whole = *fetch;
    whole.locate = false;
    whole.path = path;
    whole.sha256 = sha256;
    whole.max_bytes = AF_BUS_FILE_BYTES_MAX;
    af_bus_get_file(bus->hub, &whole, fetched, passing(bus, done, arg));
    af_sidecar_op_free(op);
}

/* ---- What is told. ---- */

static void outbox(const struct af_bus *head, struct af_bus_outbox *told)
{
    const struct af_sidecar *bus = (const struct af_sidecar *)head;
    int64_t now_s = af_loop_wall_ns(head->loop) / AF_S_NS, first_s = INT64_MAX;
    for (const struct af_sidecar_task *task = bus->tasks; task != NULL; task = task->next)
        if (task->kept > 0 && task->oldest_s < first_s)
            first_s = task->oldest_s;
    *told = (struct af_bus_outbox){
        .reachable = bus->reachable,
        .since_s = bus->since_s,
        .error = bus->error,
        .contracts = bus->kept,
        .bytes = (uint64_t)bus->bytes,
        .dead = bus->dead,
        .oldest_s = first_s < now_s ? now_s - first_s : 0,
    };
}

static void status(struct af_bus *head, const char *task, af_bus_done_fn *done, void *arg)
{
    struct af_sidecar *bus = af_sidecar_of(head);
    struct af_sidecar_op *op = af_sidecar_op_new(bus, done, arg);
    op->name = af_arena_string(&op->arena, task);
    af_buf_append_string(&op->text, "{\"tasks\":[");
    op->run = af_sidecar_run_status;
    op->over = af_sidecar_end;
    af_group_write(bus->group, &op->job);
}

static const char *files(const struct af_bus *head)
{
    return af_bus_files(((const struct af_sidecar *)head)->hub);
}

static int leases(const struct af_bus *head)
{
    return af_bus_leases(((const struct af_sidecar *)head)->hub);
}

static void commits(struct af_bus *head, struct af_histogram *times)
{
    af_group_times(af_sidecar_of(head)->group, times);
}

/* ---- Opening and closing. ---- */

static void close_sidecar(struct af_bus *head)
{
    struct af_sidecar *bus = af_sidecar_of(head);
    bus->closing = true;
    af_timer_cancel(bus->retry);
    af_bus_close(bus->hub); /* completes all that waits for it */
    af_sidecar_close_pushes(bus);
    af_sidecar_store_close(bus);
    af_sidecar_close_queues(bus);
    while (bus->tasks != NULL) {
        struct af_sidecar_task *task = bus->tasks;
        bus->tasks = task->next;
        free_task(task);
    }
    free(bus->error);
    free(bus->files);
    free(bus->node);
    free(bus);
}

static const struct af_bus_driver driver = {
    .scheme = "",
    .close = close_sidecar,
    .publish = af_sidecar_publish,
    .take = af_sidecar_take,
    .cancel = af_sidecar_cancel,
    .ack = ack,
    .written = af_sidecar_written,
    .revive = revive,
    .members = members,
    .put_file = put_file,
    .get_file = get_file,
    .tell = tell,
    .end_task = af_sidecar_forget,
    .status = status,
    .leases = leases,
    .commits = commits,
    .files = files,
    .outbox = outbox,
};

struct af_bus *af_bus_sidecar_open(struct af_bus *hub_take, const struct af_bus_options *options,
                                   struct af_failure *why)
{
    struct af_sidecar *bus = af_mem_zero(1, sizeof *bus);
    bus->head = (struct af_bus){.driver = &driver, .loop = hub_take->loop};
    bus->hub = hub_take;
    bus->node = af_mem_string(options->node);
    bus->since_s = af_loop_wall_ns(hub_take->loop) / AF_S_NS;
    bus->retry_ns = AF_LINK_RETRY_FIRST_NS;
    bus->files = af_bus_fetched_folder(options->files, why);
    if (bus->files != NULL && af_sidecar_store_open(bus, options->outbox, why) == 0) {
        greet(bus);
        return &bus->head;
    }
    close_sidecar(&bus->head);
    return NULL;
}
