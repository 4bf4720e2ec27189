/* bus.c: `nats://HOST[:PORT][,HOST…]` and `tls://…`: a NATS server with JetStream, or a cluster.
 *
 * Each call becomes an op, which one thread runs; see impl.h. An op is over in a bounded time,
 * whatever the servers do. */
#include "bus/nats/impl.h"

#include "base/failure.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "bus/fetched.h"
#include "bus/file_url.h"

#include <assert.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Ops. ---- */

struct af_nats_op *af_nats_op_new(struct af_bus *bus, af_nats_op_fn *run, af_bus_done_fn *done,
                                  void *arg)
{
    struct af_nats_bus *nats = af_nats_of(bus);
    struct af_nats_op *op = af_mem_zero(1, sizeof *op);
    op->bus = nats;
    op->run = run;
    op->done = done;
    op->arg = arg;
    op->ticket = ++nats->tickets;
    op->look_ns = INT64_MAX;
    op->until_ns = af_nats_now_ns(nats) + AF_NATS_CALL_NS;
    af_group_hold(nats->group);
    return op;
}

void af_nats_submit_repeated(struct af_nats_op *op)
{
    op->repeat_until_ns = af_nats_now_ns(op->bus) + AF_NATS_REPEATED_NS;
    af_nats_submit(op);
}

void af_nats_submit(struct af_nats_op *op)
{
    af_group_write(op->bus->group, &op->job);
}

void af_nats_complete(struct af_nats_op *op)
{
    af_group_tell(op->bus->group, &op->job);
}

static void op_free(struct af_nats_op *op)
{
    af_nats_forget_progress(op);
    af_buf_release(&op->text);
    af_arena_release(&op->arena);
    free(op);
}

/* On the loop. */
static void completed(void *arg, struct af_group_job *job)
{
    struct af_nats_bus *bus = arg;
    struct af_nats_op *op = (struct af_nats_op *)job;
    if (bus->is_party && atomic_load(&bus->closing))
        af_nats_refuse(op, AF_BUS_CANCELLED, "the bus is closed");
    if (op->done != NULL)
        op->done(op->arg, &op->result);
    af_group_release(bus->group);
    op_free(op);
}

void af_nats_refuse(struct af_nats_op *op, enum af_bus_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(op->why, sizeof op->why, format, args);
    va_end(args);
    op->result = (struct af_bus_result){.code = code, .why = op->why};
}

void af_nats_fail(struct af_nats_op *op, const struct af_nats_reply *reply)
{
    enum af_bus_code code = reply->code == AF_BUS_OK ? AF_BUS_UNREACHABLE : reply->code;
    op->missing = reply->error == AF_NATS_NOBODY || reply->error == AF_NATS_NO_STREAM;
    af_nats_refuse(op, code, "%s%s", reply->error == 0 ? "" : "the NATS server says: ",
                   reply->why[0] == '\0' ? "no reason" : reply->why);
}

/* ---- The thread. ---- */

static struct af_nats_op *find_op(const struct af_nats_bus *bus, uint64_t ticket)
{
    size_t low = 0, high = bus->active_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bus->active[middle]->ticket < ticket)
            low = middle + 1;
        else
            high = middle;
    }
    return low < bus->active_count && bus->active[low]->ticket == ticket ? bus->active[low] : NULL;
}

/* An answer: "p.TICKET.NUMBER" of a push, "a.…" of acknowledgements, "n.QUEUE.PULL". One to a
 * question that nobody waits for any more is dropped. */
static void answered(struct af_nats_bus *bus, const char *name, struct af_nats_message *message)
{
    long long first = -1, second = -1;
    if (sscanf(name + 1, ".%lld.%lld", &first, &second) != 2 || first < 0 || second < 0)
        return;
    struct af_nats_op *op = find_op(bus, (uint64_t)first);
    if (name[0] == 'n')
        af_nats_pulled(bus, first, second, message);
    else if (op != NULL && !op->over && name[0] == 'p')
        af_nats_published(op, second, message);
    else if (op != NULL && !op->over && name[0] == 'a')
        af_nats_acked(op, second, message);
}

static void take_what_came(struct af_nats_bus *bus)
{
    struct af_nats_message *message;
    while ((message = af_nats_port_next(&bus->port)) != NULL) {
        const char *name = af_nats_answers(bus, message);
        if (name == NULL) {
            af_nats_delivered(bus, message);
            continue;
        }
        answered(bus, name, message);
        af_natsMsg_Destroy(message);
    }
}

static void run_repeated(struct af_nats_bus *bus, struct af_nats_op *op)
{
    struct af_nats_reply reply = {0};
    op->look_ns = INT64_MAX;
    op->result = (struct af_bus_result){.code = AF_BUS_OK};
    af_buf_clear(&op->text);
    op->over = true;
    if (af_nats_connect(&bus->port, &reply))
        op->run(op);
    else
        af_nats_refuse(op, reply.code, "%s", reply.why);
}

/* Ops that wait for answers end where there are none; takes that wait look now and then. */
static void look_at_time(struct af_nats_bus *bus)
{
    int64_t now_ns = af_nats_now_ns(bus);
    bool away =
        bus->connection == NULL || af_natsConnection_Status(bus->connection) != AF_NATS_CONNECTED;
    for (size_t i = 0; i < bus->active_count; i++) {
        struct af_nats_op *op = bus->active[i];
        if (op->over || op->thread != NULL)
            continue;
        if (op->repeat_until_ns > 0 && op->look_ns != INT64_MAX) {
            if (now_ns >= op->look_ns)
                run_repeated(bus, op);
            continue;
        }
        struct af_nats_reply reply;
        bool late = now_ns >= op->until_ns + (op->taking ? AF_NATS_CALL_NS : 0);
        if (af_nats_is_refused(bus, op->subject, &reply)) {
            af_nats_refuse(op, reply.code, "%s", reply.why);
            op->over = true;
        } else if (away || late) {
            af_nats_refuse(op, AF_BUS_UNREACHABLE,
                           away ? "the connection to the NATS servers is lost"
                                : "the NATS servers did not answer");
            op->over = true;
        } else if (op->taking && op->acks_open == 0 &&
                   (now_ns >= op->look_ns || now_ns >= op->until_ns)) {
            op->run(op);
        }
    }
    af_nats_queues_turn(bus);
}

/* A stream has gone that should be there: its task has ended, or somebody has removed it. What was
 * known is read again, and the call made once more. */
static void run_again(struct af_nats_bus *bus, struct af_nats_op *op)
{
    af_nats_forget_tasks(bus);
    op->retried = true;
    op->over = op->missing = op->asked = op->began = op->to_all = op->told = false;
    op->taking = op->run == af_nats_take;
    op->queue = NULL;
    op->targets = NULL;
    op->open = 0;
    op->result = (struct af_bus_result){.code = AF_BUS_OK};
    af_buf_clear(&op->text);
    op->run(op);
    if (op->result.code != AF_BUS_OK && op->acks_open == 0 && op->thread == NULL)
        op->over = true;
}

/* What may be repeated without harm is, while the servers are away: it is no party's business. */
static void repeat(struct af_nats_bus *bus, struct af_nats_op *op)
{
    int64_t now_ns = af_nats_now_ns(bus);
    if (op->result.code != AF_BUS_UNREACHABLE || now_ns >= op->repeat_until_ns)
        return;
    op->over = op->missing = op->retried = false;
    op->look_ns = now_ns + AF_NATS_REPEAT_NS;
    op->until_ns = op->look_ns + AF_NATS_CALL_NS;
}

static void leave_active(struct af_nats_bus *bus, struct af_group_jobs *over)
{
    bool more = true;
    for (size_t i = 0; i < bus->active_count; i++)
        if (bus->active[i]->over && bus->active[i]->missing && !bus->active[i]->retried)
            run_again(bus, bus->active[i]);
    for (size_t i = 0; i < bus->active_count; i++)
        if (bus->active[i]->over)
            repeat(bus, bus->active[i]);
    while (more) { /* one that is over may let another begin, and that may be over at once */
        size_t kept = 0, count = bus->active_count;
        more = false;
        for (size_t i = 0; i < count; i++)
            if (bus->active[i]->over && bus->active[i]->run == af_nats_publish &&
                !bus->active[i]->told) {
                bus->active[i]->told = more = true;
                af_nats_publish_next(bus, bus->active[i]);
            }
        if (more)
            continue;
        for (size_t i = 0; i < count; i++) {
            struct af_nats_op *op = bus->active[i];
            if (!op->over && op->thread != NULL && af_nats_begin_thread(op))
                continue; /* that thread's own from here on: it may be over, and freed, by now */
            if (op->over || op->thread != NULL)
                af_group_add(over, &op->job);
            else
                bus->active[kept++] = op;
        }
        bus->active_count = kept;
    }
}

/* Another connection has lost what was on its way, and what was asked for. */
static void note_connection(struct af_nats_bus *bus)
{
    if (!atomic_exchange(&bus->reconnected, false))
        return;
    uint64_t epoch = af_nats_epoch(bus);
    if (epoch != 0 && epoch != atomic_exchange(&bus->epoch, epoch))
        af_nats_forget_tasks(bus); /* its records may be older than they were */
    af_nats_queues_pull_again(bus);
}

static void turn(struct af_nats_bus *bus, struct af_group_jobs *over)
{
    af_nats_pump(bus, 0);
    note_connection(bus);
    take_what_came(bus);
    look_at_time(bus);
    leave_active(bus, over);
    af_nats_flush(bus);
}

static void run_cancel(struct af_nats_bus *bus, struct af_nats_op *cancel)
{
    struct af_nats_op *op = find_op(bus, (uint64_t)cancel->look_ns);
    cancel->over = true;
    if (op == NULL || op->over || !op->taking)
        return;
    af_nats_vanish(op);
    af_nats_refuse(op, AF_BUS_CANCELLED, "the wait was cancelled");
    op->over = true;
}

static void begin(struct af_nats_bus *bus, struct af_nats_op *op)
{
    struct af_nats_reply reply = {0};
    bool closing = atomic_load(&bus->closing) && op->run != af_nats_front_written;
    bool connected = op->cancel || op->anyway || (!closing && af_nats_connect(&bus->port, &reply));
    note_connection(bus);
    af_mem_reserve(&bus->active, &bus->active_cap, bus->active_count + 1,
                   sizeof(struct af_nats_op *));
    assert(bus->active_count == 0 || bus->active[bus->active_count - 1]->ticket < op->ticket);
    bus->active[bus->active_count++] = op;
    if (op->cancel) {
        run_cancel(bus, op);
    } else if (closing) {
        af_nats_refuse(op, AF_BUS_CANCELLED, "the bus is closed");
        op->over = true;
    } else if (!connected) {
        af_nats_refuse(op, reply.code, "%s", reply.why);
        op->over = true;
    } else if (af_nats_now_ns(bus) >= op->until_ns && !op->taking) {
        af_nats_refuse(op, AF_BUS_UNREACHABLE, "the NATS servers did not answer");
        op->over = true;
    } else {
        op->run(op);
        if (op->result.code != AF_BUS_OK && op->acks_open == 0 && op->thread == NULL)
            op->over = true;
    }
}

static void run_batch(void *arg, struct af_group_job *batch, struct af_group_jobs *over)
{
    struct af_nats_bus *bus = arg;
    struct af_group_job *next;
    for (struct af_group_job *job = batch; job != NULL; job = next) {
        next = job->next;
        begin(bus, (struct af_nats_op *)job);
    }
    turn(bus, over);
}

static int wait_ms(void *arg)
{
    const struct af_nats_bus *bus = arg;
    int64_t now_ns = af_nats_now_ns(bus), due_ns = af_nats_queue_due_ns(bus);
    if (!af_nats_port_is_empty((struct af_nats_port *)&bus->port))
        return 0;
    for (size_t i = 0; i < bus->active_count; i++) {
        const struct af_nats_op *op = bus->active[i];
        int64_t op_ns = op->until_ns < op->look_ns ? op->until_ns : op->look_ns;
        due_ns = op_ns < due_ns ? op_ns : due_ns;
    }
    if (bus->active_count > 0 && due_ns > now_ns + AF_NATS_LOOK_NS)
        due_ns = now_ns + AF_NATS_LOOK_NS; /* is there a connection still? */
    if (due_ns == INT64_MAX)
        return -1;
    int64_t least_ns = AF_MS_NS; /* what is due and cannot be done yet spins for nobody */
    int64_t left_ns = due_ns - now_ns < least_ns ? least_ns : due_ns - now_ns;
    return left_ns > 3600 * AF_S_NS ? 3600 * 1000 : (int)((left_ns + AF_MS_NS - 1) / AF_MS_NS);
}

static void woken(void *arg, bool readable, struct af_group_jobs *over)
{
    struct af_nats_bus *bus = arg;
    (void)readable;
    turn(bus, over);
}

/* ---- Calls. ---- */

static void publish(struct af_bus *bus, const struct af_bus_post *posts, size_t count,
                    af_bus_done_fn *done, void *arg)
{
    struct af_nats_op *op = af_nats_op_new(bus, af_nats_publish, done, arg);
    op->posts = af_bus_copy_posts(&op->arena, posts, count);
    op->count = count;
    af_nats_submit(op);
}

static struct af_nats_op *take_op(struct af_bus *bus, af_nats_op_fn *run,
                                  const struct af_bus_take *take, af_bus_done_fn *done, void *arg)
{
    struct af_nats_op *op = af_nats_op_new(bus, run, done, arg);
    struct af_arena *arena = &op->arena;
    op->take = *take;
    op->take.task = af_arena_string(arena, take->task);
    op->take.channel = af_arena_string(arena, take->channel);
    op->take.node = af_arena_string(arena, take->node);
    op->take.holder = af_arena_string(arena, take->holder == NULL ? "" : take->holder);
    op->take.age = NULL; /* these servers have none */
    op->take.acks = af_arena_strings(arena, take->acks, take->ack_count);
    if (take->reasons != NULL)
        op->take.reasons = af_arena_strings(arena, take->reasons, take->ack_count);
    return op;
}

static uint64_t take(struct af_bus *bus, const struct af_bus_take *take, af_bus_done_fn *done,
                     void *arg)
{
    struct af_nats_op *op = take_op(bus, af_nats_take, take, done, arg);
    op->until_ns = af_nats_now_ns(op->bus) + take->wait_ns;
    op->taking = true;
    assert(take->max >= 1 && take->max <= AF_BUS_TAKE_MAX);
    uint64_t ticket = op->ticket; /* the thread has it from here on */
    af_nats_submit(op);
    return ticket;
}

static void cancel(struct af_bus *bus, uint64_t ticket)
{
    struct af_nats_op *op = af_nats_op_new(bus, NULL, NULL, NULL);
    op->cancel = true;
    op->look_ns = (int64_t)ticket;
    af_nats_submit(op);
}

static void ack(struct af_bus *bus, const struct af_bus_take *acks, af_bus_done_fn *done, void *arg)
{
    af_nats_submit(take_op(bus, af_nats_ack, acks, done, arg));
}

static void revive(struct af_bus *bus, const struct af_bus_take *which, af_bus_done_fn *done,
                   void *arg)
{
    af_nats_submit(take_op(bus, af_nats_revive, which, done, arg));
}

/* Of a front: what became of an answer; a bus of one node has acknowledged it before. */
static void written(struct af_bus *bus, const struct af_bus_take *which, bool ok)
{
    struct af_bus_take copy = *which;
    copy.release = !ok;
    if (af_nats_of(bus)->is_front)
        af_nats_submit(take_op(bus, af_nats_front_written, &copy, NULL, NULL));
}

static struct af_bus_member copy_member(struct af_arena *arena, const struct af_bus_member *member)
{
    return (struct af_bus_member){af_arena_string(arena, member->node),
                                  af_arena_string(arena, member->role), member->number};
}

static void members(struct af_bus *bus, const char *task, const struct af_bus_member *asker,
                    af_bus_done_fn *done, void *arg)
{
    struct af_nats_op *op = af_nats_op_new(bus, af_nats_members, done, arg);
    op->task.task = af_arena_string(&op->arena, task);
    if (asker != NULL)
        op->asker = copy_member(&op->arena, asker);
    af_nats_submit_repeated(op);
}

static void tell(struct af_bus *bus, const struct af_bus_note *note, af_bus_done_fn *done,
                 void *arg)
{
    struct af_nats_op *op = af_nats_op_new(bus, af_nats_tell, done, arg);
    op->note = *note;
    op->note.task = af_arena_string(&op->arena, note->task);
    op->note.channel = op->note.call_id = NULL; /* a note that comes twice stands twice */
    op->note.node = af_arena_string(&op->arena, note->node);
    op->note.text = af_arena_string(&op->arena, note->text);
    op->note.url = af_arena_string(&op->arena, note->url);
    af_nats_submit_repeated(op);
}

static void create_task(struct af_bus *bus, const struct af_bus_task *task, af_bus_done_fn *done,
                        void *arg)
{
    struct af_nats_op *op = af_nats_op_new(bus, af_nats_create_task, done, arg);
    struct af_bus_member *copies =
        af_arena_alloc(&op->arena, (task->member_count + 1) * sizeof *copies);
    op->task = *task;
    op->task.task = af_arena_string(&op->arena, task->task);
    for (size_t i = 0; i < task->member_count; i++)
        copies[i] = copy_member(&op->arena, &task->members[i]);
    op->task.members = copies;
    af_nats_submit_repeated(op);
}

static void about_task(struct af_bus *bus, const char *task, af_nats_op_fn *run,
                       af_bus_done_fn *done, void *arg)
{
    struct af_nats_op *op = af_nats_op_new(bus, run, done, arg);
    op->task.task = af_arena_string(&op->arena, task);
    af_nats_submit_repeated(op);
}

static void end_task(struct af_bus *bus, const char *task, af_bus_done_fn *done, void *arg)
{
    about_task(bus, task, af_nats_end_task, done, arg);
}

static void status(struct af_bus *bus, const char *task, af_bus_done_fn *done, void *arg)
{
    struct af_nats_op *op = af_nats_op_new(bus, af_nats_status, done, arg);
    op->task.task = af_arena_string(&op->arena, task);
    if (op->bus->is_front) /* whoever asks a service wants to know how it is doing now */
        af_nats_submit(op);
    else
        af_nats_submit_repeated(op);
}

static struct af_nats_op *value_op(struct af_bus *bus, af_nats_op_fn *run, const char *key,
                                   af_bus_done_fn *done, void *arg)
{
    struct af_nats_op *op = af_nats_op_new(bus, run, done, arg);
    op->key = af_arena_string(&op->arena, key);
    return op;
}

static void put_value(struct af_bus *bus, const char *key, const void *value, size_t len,
                      af_bus_done_fn *done, void *arg)
{
    struct af_nats_op *op = value_op(bus, af_nats_put_value, key, done, arg);
    op->file.bytes = af_arena_copy(&op->arena, value, len);
    op->file.bytes_len = len;
    af_nats_submit_repeated(op);
}

static void get_value(struct af_bus *bus, const char *key, af_bus_done_fn *done, void *arg)
{
    af_nats_submit_repeated(value_op(bus, af_nats_get_value, key, done, arg));
}

static void revoke_token(struct af_bus *bus, const char *digest, af_bus_done_fn *done, void *arg)
{
    af_nats_submit_repeated(value_op(bus, af_nats_revoke, digest, done, arg));
}

static void revoked(struct af_bus *bus, af_bus_done_fn *done, void *arg)
{
    af_nats_submit_repeated(af_nats_op_new(bus, af_nats_revoked, done, arg));
}

static void cluster(struct af_bus *bus, const char *task, af_bus_done_fn *done, void *arg)
{
    struct af_nats_op *op = af_nats_op_new(bus, af_nats_cluster, done, arg);
    op->task.task = af_arena_string(&op->arena, task);
    op->anyway = true;
    af_nats_submit(op);
}

static int leases(const struct af_bus *bus)
{
    (void)bus;
    return 1;
}

static uint64_t epoch(const struct af_bus *bus)
{
    return atomic_load(&((const struct af_nats_bus *)bus)->epoch);
}

static const char *files(const struct af_bus *bus)
{
    (void)bus;
    return AF_NATS_FILES;
}

static bool owns(const char *bus_url, const char *url)
{
    (void)bus_url;
    return strncmp(url, AF_NATS_FILES, strlen(AF_NATS_FILES)) == 0;
}

/* ---- Opening and closing. ---- */

static bool read_url(struct af_nats_bus *bus, const char *url, struct af_failure *why)
{
    const char *hosts = strstr(url, "://") + 3, *query = strchr(hosts, '?');
    bus->secure = strncmp(url, "tls:", 4) == 0;
    bus->url = af_mem_string(hosts);
    bus->replicas = 1;
    if (strcspn(hosts, "?/") == 0) {
        af_failure_set(why, AF_FAILURE_USAGE, url,
                       "names no server; expected nats://HOST[:PORT][,HOST[:PORT]…]");
        return false;
    }
    if (strchr(hosts, '@') != NULL) {
        af_failure_set(why, AF_FAILURE_USAGE, "the NATS URL",
                       "holds a login, which everybody sees in the list of processes; put "
                       "'creds', 'nkey' or 'token' into the file of --config");
        return false;
    }
    for (size_t len; query != NULL && query[0] != '\0'; query += len) {
        len = 1 + strcspn(query + 1, "&");
        if (len == 11 && memcmp(query + 1, "replicas=", 9) == 0 && query[10] >= '1' &&
            query[10] <= '5')
            bus->replicas = query[10] - '0';
        else if (len > 8 && len - 8 < sizeof bus->domain && memcmp(query + 1, "domain=", 7) == 0 &&
                 strcspn(query + 8, "*>. \t&") == len - 8)
            memcpy(bus->domain, query + 8, len - 8);
        else {
            af_failure_set(why, AF_FAILURE_USAGE, url,
                           "expected ?replicas=1 to 5 behind the servers, ?domain=NAME, or both "
                           "with '&' between them");
            return false;
        }
    }
    return true;
}

static void bus_free(struct af_nats_bus *bus)
{
    af_nats_disconnect(bus);
    if (bus->port.fd >= 0)
        af_nats_port_close(&bus->port);
    if (bus->events_fd >= 0)
        close(bus->events_fd);
    while (bus->places != NULL) {
        struct af_nats_place *place = bus->places;
        bus->places = place->next;
        free(place);
    }
    while (bus->tasks != NULL) {
        struct af_nats_task *task = bus->tasks;
        bus->tasks = task->next;
        af_arena_release(&task->arena);
        free(task->name);
        free(task);
    }
    for (size_t i = 0; i < bus->member_count; i++) {
        free((char *)bus->members[i].node);
        free((char *)bus->members[i].role);
    }
    pthread_mutex_destroy(&bus->lock);
    pthread_cond_destroy(&bus->threads_end);
    free(bus->members);
    free(bus->fetched);
    free(bus->active);
    free(bus->url);
    free(bus->node);
    free(bus);
}

static void set_options(struct af_nats_bus *bus, const struct af_bus_options *options)
{
    unsigned char random[12];
    bus->node = options->node == NULL ? NULL : af_mem_string(options->node);
    bus->is_party = options->party;
    bus->is_front = options->node == NULL;
    randombytes_buf(random, sizeof random);
    snprintf(bus->front, sizeof bus->front, "front:");
    sodium_bin2hex(bus->front + 6, sizeof bus->front - 6, random, sizeof random);
    bus->open_tasks = options->open_tasks;
    bus->config = options->config;
    bus->queue_max = options->queue_max > 0 ? options->queue_max : AF_BUS_QUEUE_MAX;
    bus->keep_s =
        options->keep_contracts_ns > 0 ? options->keep_contracts_ns / AF_S_NS : AF_BUS_UUID_AGE_S;
    bus->members = af_mem_zero(options->member_count + 1, sizeof *bus->members);
    for (size_t i = 0; i < options->member_count; i++)
        bus->members[bus->member_count++] = (struct af_bus_member){
            af_mem_string(options->members[i].node), af_mem_string(options->members[i].role),
            options->members[i].number};
}

static struct af_bus *open_nats(const char *url, struct af_loop *loop,
                                const struct af_bus_options *options, struct af_failure *why)
{
    if (af_nats_need_library(why) != 0)
        return NULL;
    struct af_nats_bus *bus = af_mem_zero(1, sizeof *bus);
    bus->head = (struct af_bus){.driver = &af_bus_nats, .loop = loop};
    bus->port.fd = bus->events_fd = -1;
    pthread_mutex_init(&bus->lock, NULL);
    pthread_cond_init(&bus->threads_end, NULL);
    set_options(bus, options);
    if (bus->is_front && options->files != NULL &&
        (bus->fetched = af_bus_fetched_folder(options->files, why)) == NULL) {
        bus_free(bus);
        return NULL;
    }
    if (read_url(bus, url, why) && af_nats_events_open(bus)) {
        struct af_group_spec spec = {.loop = loop,
                                     .arg = bus,
                                     .write = run_batch,
                                     .told = completed,
                                     .wait_ms = wait_ms,
                                     .woken = woken,
                                     .fd = bus->events_fd};
        if ((bus->group = af_group_new(&spec, url, why)) != NULL)
            return &bus->head;
    }
    af_failure_set(why, AF_FAILURE_TRANSPORT, url, "cannot be opened: too many open files");
    bus_free(bus);
    return NULL;
}

/* What waits is cancelled; what a party's process leased is another's at once. */
static void close_nats(struct af_bus *head)
{
    struct af_nats_bus *bus = af_nats_of(head);
    struct af_group_jobs left = {NULL, NULL};
    struct af_group_job *next;
    atomic_store(&bus->closing, true);
    pthread_mutex_lock(&bus->lock);
    while (bus->threads > 0)
        pthread_cond_wait(&bus->threads_end, &bus->lock);
    pthread_mutex_unlock(&bus->lock);
    af_group_stop(bus->group, &left);
    for (size_t i = 0; i < bus->active_count; i++) {
        af_nats_refuse(bus->active[i], AF_BUS_CANCELLED, "the bus is closed");
        af_group_add(&left, &bus->active[i]->job);
    }
    bus->active_count = 0;
    for (struct af_group_job *job = left.first; job != NULL; job = next) {
        next = job->next;
        completed(bus, job);
    }
    af_nats_queues_release(bus, bus->is_party);
    af_group_free(bus->group);
    bus_free(bus);
}

const struct af_bus_driver af_bus_nats = {
    .scheme = "nats://",
    .has_fronts = true,
    .owns = owns,
    .open = open_nats,
    .close = close_nats,
    .publish = publish,
    .take = take,
    .cancel = cancel,
    .ack = ack,
    .written = written,
    .revive = revive,
    .members = members,
    .put_file = af_nats_put_file,
    .get_file = af_nats_get_file,
    .tell = tell,
    .create_task = create_task,
    .end_task = end_task,
    .status = status,
    .put_value = put_value,
    .get_value = get_value,
    .revoke = revoke_token,
    .revoked = revoked,
    .cluster = cluster,
    .leases = leases,
    .epoch = epoch,
    .files = files,
};
