/* bus.c: `local:FILE`: one SQLite file, shared by processes of one machine.
 *
 * Each call becomes an operation; the thread of a group commit runs all that have come. A take that
 * finds nothing is parked with the thread; a publish of the same batch that feeds it is handed out
 * in the same commit, and told while the disk is waited for where its holder knows uuids.
 *
 * Other processes: after a commit that changed something the thread touches FILE-wake, and each
 * thread watches that file by inotify; what SQLite calls data_version says whether anybody else was
 * it. Nobody polls the database. */
#include "bus/local/impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "base/rng.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORGET_EVERY = 1000 }; /* contracts; af_local_forget() looks at twice as many */

struct bus_local {
    struct af_bus head;
    struct af_local_store store;
    char *path;
    struct af_group *group;
    pthread_mutex_t lock; /* of the next two */
    pthread_cond_t file_threads_end;
    size_t file_threads;
    int inotify_fd, wake_fd;
    uint64_t tickets;
    bool closing;
    /* the thread's own */
    struct af_local_op **parked;
    size_t parked_count, parked_cap;
    int64_t others;
    bool has_changed; /* the store, by what was committed last: others are to be woken */
    bool lingers;     /* a transaction is open, for more until … */
    int64_t linger_ns;
    char sure_age[AF_BUS_AGE_BYTES]; /* of what is on the disk */
    bool told_early;                 /* by the commit that goes on, before its end */
    int64_t *early;                  /* the queues, until a commit is on the disk */
    size_t early_count, early_cap;
};

static struct bus_local *of(struct af_bus *bus)
{
    return (struct bus_local *)bus; /* its first member */
}

struct af_local_store *af_local_store_of(struct af_bus *bus)
{
    return &of(bus)->store;
}

/* ---- Operations. ---- */

struct af_local_op *af_local_op_new(struct af_bus *bus, af_local_op_fn *run, af_bus_done_fn *done,
                                    void *arg)
{
    struct af_local_op *op = af_mem_zero(1, sizeof *op);
    op->bus = bus;
    op->run = run;
    op->done = done;
    op->arg = arg;
    af_group_hold(of(bus)->group);
    return op;
}

void af_local_op_free(struct af_local_op *op)
{
    if (op->file.progress != NULL)
        af_loop_unpost(op->bus->loop, af_local_tell_progress, op);
    af_buf_release(&op->text);
    af_arena_release(&op->arena);
    free(op);
}

void af_local_submit(struct af_local_op *op)
{
    af_group_write(of(op->bus)->group, &op->job);
}

void af_local_complete(struct af_local_op *op)
{
    af_group_tell(of(op->bus)->group, &op->job);
}

/* On the loop. */
static void completed(void *arg, struct af_group_job *job)
{
    struct bus_local *bus = arg;
    struct af_local_op *op = (struct af_local_op *)job;
    if (op->after != NULL && !bus->closing) {
        op->after(op);
        return;
    }
    if (bus->closing && bus->store.is_party)
        af_local_refuse(op, AF_BUS_CANCELLED, "the bus is closed");
    if (op->done != NULL)
        op->done(op->arg, &op->result);
    af_group_release(bus->group);
    af_local_op_free(op);
}

/* ---- The thread: a batch. ---- */

static void unpark(struct bus_local *bus, size_t i)
{
    memmove(bus->parked + i, bus->parked + i + 1,
            (bus->parked_count - i - 1) * sizeof(struct af_local_op *));
    bus->parked_count--;
}

static void park(struct bus_local *bus, struct af_local_op *op)
{
    af_mem_reserve(&bus->parked, &bus->parked_cap, bus->parked_count + 1,
                   sizeof(struct af_local_op *));
    assert(bus->parked_count == 0 || bus->parked[bus->parked_count - 1]->ticket < op->ticket);
    bus->parked[bus->parked_count++] = op;
}

/* Takes come in the order of their tickets, and so are parked. */
static void run_cancel(struct bus_local *bus, uint64_t ticket, bool begun,
                       struct af_group_jobs *cancelled)
{
    size_t low = 0, high = bus->parked_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bus->parked[middle]->ticket < ticket)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == bus->parked_count || bus->parked[low]->ticket != ticket)
        return;
    struct af_local_op *op = bus->parked[low];
    unpark(bus, low);
    op->parked = false;
    if (begun)
        af_local_vanish(&bus->store, op);
    af_local_refuse(op, AF_BUS_CANCELLED, "the wait was cancelled");
    af_group_add(cancelled, &op->job);
}

static int compare_queues(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* They must be sorted. */
static bool is_touched(const struct af_local_store *store, int64_t queue)
{
    return store->touched_count > 0 && bsearch(&queue, store->touched, store->touched_count,
                                               sizeof queue, compare_queues) != NULL;
}

/* Parked takes whose queue was fed, whose time is over, or that asked to be looked at. Those that
 * are over stay parked until the commit: should it fail, they must wait on. */
static void run_parked(struct bus_local *bus, bool all)
{
    struct af_local_store *store = &bus->store;
    if (store->touched_count > 1 && bus->parked_count > 0)
        qsort(store->touched, store->touched_count, sizeof *store->touched, compare_queues);
    for (size_t i = 0; i < bus->parked_count; i++) {
        struct af_local_op *op = bus->parked[i];
        bool due = store->machine_ns >= op->until_ns || store->machine_ns >= op->look_ns;
        if (op->parked && (all || due || is_touched(store, op->queue)))
            af_local_take(store, op);
    }
}

/* In a commit, when it stands in the log: takes of those who know uuids are told what they are
 * handed, and an age that is on the disk. Should the commit come to nothing the sender pushes
 * again, and what they have acknowledged is handed out again. Where others would be given what
 * comes to nothing, all wait for the disk: they would know of an effect before its cause. */
static void tell_early(void *arg)
{
    struct bus_local *bus = arg;
    size_t kept = 0;
    if (bus->store.others_too)
        return;
    for (size_t i = 0; i < bus->parked_count; i++) {
        struct af_local_op *op = bus->parked[i];
        if (!op->early || op->parked || op->result.count == 0) {
            bus->parked[kept++] = op;
            continue;
        }
        if (bus->sure_age[0] != '\0')
            op->result.age = af_arena_string(&op->arena, bus->sure_age);
        af_mem_reserve(&bus->early, &bus->early_cap, bus->early_count + 1, sizeof *bus->early);
        bus->early[bus->early_count++] = op->queue;
        af_local_complete(op);
        bus->told_early = true;
    }
    bus->parked_count = kept;
}

/* Whoever is told that nothing was taken may leave it at that: not where it was handed out. */
static void fail_op(struct bus_local *bus, struct af_local_op *op)
{
    bool is_unknown = bus->told_early || af_db_failed(bus->store.db) == AF_DB_BROKEN;
    op->result = (struct af_bus_result){.code = AF_BUS_OK};
    af_local_refuse(op, is_unknown ? AF_BUS_UNREACHABLE : AF_BUS_FULL, "%s",
                    af_db_why(bus->store.db));
    op->result.retry_ns = AF_S_NS;
}

/* After the commit: those that are not parked any more are over. Where it failed, what was handed
 * out is void: old ones wait on, those of this batch fail with it. */
static void leave_parked(struct bus_local *bus, bool committed, struct af_group_jobs *over)
{
    size_t kept = 0;
    for (size_t i = 0; i < bus->parked_count; i++) {
        struct af_local_op *op = bus->parked[i];
        if (!committed && op->fresh) {
            fail_op(bus, op);
            op->parked = false;
        } else if (!committed && !op->parked) {
            op->parked = true;
            op->look_ns = bus->store.machine_ns + AF_S_NS;
            op->result = (struct af_bus_result){.code = AF_BUS_OK};
        }
        op->fresh = false;
        if (op->parked)
            bus->parked[kept++] = op;
        else
            af_group_add(over, &op->job);
    }
    bus->parked_count = kept;
}

/* Runs what a batch asks for; parked ones go to the others, all else to `over`. */
static void run_ops(struct bus_local *bus, struct af_group_job *batch, bool begun,
                    struct af_group_jobs *over, struct af_group_jobs *cancelled)
{
    struct af_local_store *store = &bus->store;
    struct af_group_job *next;
    for (struct af_group_job *job = batch; job != NULL; job = next) {
        struct af_local_op *op = (struct af_local_op *)job;
        next = job->next;
        bool fine = begun && af_db_failed(store->db) == AF_DB_FINE;
        if (op->run == NULL) {
            run_cancel(bus, op->ticket, begun, cancelled);
            af_group_add(cancelled, job);
            continue;
        }
        if (fine)
            op->run(store, op);
        op->fresh = op->parked;
        if (op->parked)
            park(bus, op);
        else
            af_group_add(over, job);
    }
}

static void tell_age(const struct af_local_store *store, const struct af_group_jobs *over)
{
    for (struct af_group_job *job = over->first; job != NULL && store->age[0] != '\0';
         job = job->next) {
        struct af_local_op *op = (struct af_local_op *)job;
        op->result.age = af_arena_string(&op->arena, store->age);
    }
}

/* Whether anybody will be answered by the batch. */
static bool answers(const struct bus_local *bus, const struct af_group_jobs *over)
{
    bool some = over->first != NULL;
    for (size_t i = 0; i < bus->parked_count && !some; i++)
        some = !bus->parked[i]->parked;
    return some;
}

/* Begins a transaction, or goes on with one that has waited for more. */
static bool begin_batch(struct bus_local *bus)
{
    struct af_local_store *store = &bus->store;
    store->machine_ns = af_loop_machine_ns(bus->head.loop);
    store->wall_s = af_loop_wall_ns(bus->head.loop) / AF_S_NS;
    store->touched_count = 0;
    af_local_look_for_room(store);
    if (bus->lingers)
        return true;
    store->others_too = false;
    bus->told_early = false;
    bool begun = af_db_begin(store->db);
    for (size_t i = 0; i < bus->early_count && begun; i++)
        af_local_hand_out_again(store, bus->early[i]);
    return begun;
}

/* Whether the transaction waits a moment for more, so that one wait for the disk is of both: a take
 * that acknowledges and then waits itself is not worth one. Not where other processes would wait.
 */
static bool may_linger(struct bus_local *bus, const struct af_group_jobs *over,
                       const struct af_group_jobs *cancelled)
{
    const struct af_local_store *store = &bus->store;
    bool is_told = answers(bus, over) || cancelled->first != NULL;
    if (store->is_party || !store->begun || is_told || bus->early_count > 0 ||
        !af_db_has_changed(store->db) || af_db_failed(store->db) != AF_DB_FINE)
        return false;
    if (!bus->lingers)
        bus->linger_ns = store->machine_ns + AF_BUS_LINGER_NS;
    return store->machine_ns < bus->linger_ns;
}

/* One transaction, or a part of one. */
static void run_batch(struct bus_local *bus, struct af_group_job *batch, bool look_at_all,
                      struct af_group_jobs *over)
{
    struct af_local_store *store = &bus->store;
    struct af_group_jobs cancelled = {NULL, NULL};
    uint64_t published = store->published;
    bool begun = begin_batch(bus);
    run_ops(bus, batch, begun, over, &cancelled);
    if (begun)
        run_parked(bus, look_at_all);
    if (begun && published / FORGET_EVERY != store->published / FORGET_EVERY)
        af_local_forget(store);
    bool is_due = store->chore != AF_LOCAL_IDLE && store->machine_ns >= store->chore_ns;
    if (begun && is_due)
        af_local_do_chore(store);
    bus->lingers = begun && !is_due && may_linger(bus, over, &cancelled);
    if (bus->lingers)
        return;
    if (begun)
        af_local_grow(store, answers(bus, over));
    bool committed = begun && af_group_commit(bus->group, store->db);
    store->begun = store->begun || committed;
    for (struct af_group_job *job = over->first; job != NULL; job = job->next) {
        struct af_local_op *op = (struct af_local_op *)job;
        if (op->run == af_local_begin)
            af_local_share(store, op);
        if (!committed)
            fail_op(bus, op);
    }
    if (is_due)
        store->chore_ns = committed ? 0 : store->machine_ns + AF_S_NS;
    leave_parked(bus, committed, over);
    if (committed) {
        bus->early_count = 0;
        memcpy(bus->sure_age, store->age, sizeof bus->sure_age);
        tell_age(store, over);
    }
    af_group_join(over, &cancelled);
    bus->has_changed = committed && af_db_has_changed(store->db);
}

/* Wakes other processes: after our own loop, which somebody waits for. */
static void wake_others(void *arg)
{
    struct bus_local *bus = arg;
    if (bus->has_changed && futimens(bus->wake_fd, NULL) != 0)
        fprintf(stderr, "afrun: %s-wake: %s\n", bus->path, strerror(errno));
    bus->has_changed = false;
}

static void write_batch(void *arg, struct af_group_job *batch, struct af_group_jobs *over)
{
    struct bus_local *bus = arg;
    if (bus->store.chore_ns == INT64_MAX) /* the first call: the group is there */
        bus->store.chore_ns = 0;
    run_batch(bus, batch, false, over);
}

/* ---- The thread: waiting. ---- */

/* Whether another process has changed the store; forgets the wake-ups that said so. */
static bool others_wrote(struct bus_local *bus)
{
    char events[4096];
    while (read(bus->inotify_fd, events, sizeof events) > 0)
        ;
    int64_t others = af_db_others(bus->store.db);
    bool changed = others != bus->others;
    bus->others = others;
    return changed;
}

static int wait_ms(void *arg)
{
    const struct bus_local *bus = arg;
    int64_t first_ns = bus->lingers ? bus->linger_ns : INT64_MAX;
    int64_t now_ns = af_loop_machine_ns(bus->head.loop);
    if (bus->store.chore != AF_LOCAL_IDLE && bus->store.chore_ns < first_ns)
        first_ns = bus->store.chore_ns;
    for (size_t i = 0; i < bus->parked_count; i++) {
        const struct af_local_op *op = bus->parked[i];
        int64_t due_ns = op->until_ns < op->look_ns ? op->until_ns : op->look_ns;
        first_ns = due_ns < first_ns ? due_ns : first_ns;
    }
    if (first_ns == INT64_MAX)
        return -1;
    return first_ns <= now_ns ? 0 : (int)((first_ns - now_ns + AF_MS_NS - 1) / AF_MS_NS);
}

static void woken(void *arg, bool readable, struct af_group_jobs *over)
{
    struct bus_local *bus = arg;
    bool changed = readable && others_wrote(bus);
    if ((changed && bus->parked_count > 0) || wait_ms(bus) == 0)
        run_batch(bus, NULL, changed, over);
}

/* ---- Calls. ---- */

static void publish(struct af_bus *bus, const struct af_bus_post *posts, size_t count,
                    af_bus_done_fn *done, void *arg)
{
    struct af_local_op *op = af_local_op_new(bus, af_local_publish, done, arg);
    op->posts = af_bus_copy_posts(&op->arena, posts, count);
    op->count = count;
    af_local_submit(op);
}

static void copy_take(struct af_local_op *op, const struct af_bus_take *take)
{
    op->take = af_bus_copy_take(&op->arena, take);
    if (op->take.holder == NULL)
        op->take.holder = "";
}

static uint64_t take(struct af_bus *bus, const struct af_bus_take *take, af_bus_done_fn *done,
                     void *arg)
{
    struct af_local_op *op = af_local_op_new(bus, af_local_take, done, arg);
    copy_take(op, take);
    op->early = take->early && take->lease_ns > 0 && !take->begins;
    op->ticket = ++of(bus)->tickets;
    op->until_ns = af_loop_machine_ns(bus->loop) + take->wait_ns;
    assert(take->max >= 1 && take->max <= AF_BUS_TAKE_MAX);
    uint64_t ticket = op->ticket; /* the thread has it from here on */
    af_local_submit(op);
    return ticket;
}

static void cancel(struct af_bus *bus, uint64_t ticket)
{
    struct af_local_op *op = af_local_op_new(bus, NULL, NULL, NULL);
    op->ticket = ticket;
    af_local_submit(op);
}

static void ack(struct af_bus *bus, const struct af_bus_take *acks, af_bus_done_fn *done, void *arg)
{
    struct af_local_op *op = af_local_op_new(bus, af_local_ack, done, arg);
    copy_take(op, acks);
    af_local_submit(op);
}

static void revive(struct af_bus *bus, const struct af_bus_take *which, af_bus_done_fn *done,
                   void *arg)
{
    struct af_local_op *op = af_local_op_new(bus, af_local_revive, done, arg);
    copy_take(op, which);
    af_local_submit(op);
}

static void members(struct af_bus *bus, const char *task, const struct af_bus_member *asker,
                    af_bus_done_fn *done, void *arg)
{
    struct af_local_op *op = af_local_op_new(bus, af_local_members, done, arg);
    op->task.task = af_arena_string(&op->arena, task);
    if (asker != NULL)
        op->asker = (struct af_bus_member){af_arena_string(&op->arena, asker->node),
                                           af_arena_string(&op->arena, asker->role), asker->number};
    af_local_submit(op);
}

static void tell(struct af_bus *bus, const struct af_bus_note *note, af_bus_done_fn *done,
                 void *arg)
{
    struct af_local_op *op = af_local_op_new(bus, af_local_tell, done, arg);
    op->note = *note;
    op->note.task = af_arena_string(&op->arena, note->task);
    op->note.channel = af_arena_string(&op->arena, note->channel);
    op->note.node = af_arena_string(&op->arena, note->node);
    op->note.text = af_arena_string(&op->arena, note->text);
    op->note.url = af_arena_string(&op->arena, note->url);
    op->note.call_id = NULL; /* a note of the same machine is not made twice */
    af_local_submit(op);
}

static struct af_bus_member *copy_members(struct af_arena *arena,
                                          const struct af_bus_member *members, size_t count)
{
    struct af_bus_member *copies = af_arena_alloc(arena, (count + 1) * sizeof *copies);
    for (size_t i = 0; i < count; i++)
        copies[i] = (struct af_bus_member){
            af_arena_string(arena, members[i].node),
            af_arena_string(arena, members[i].role == NULL ? "" : members[i].role),
            members[i].number};
    return copies;
}

static void create_task(struct af_bus *bus, const struct af_bus_task *task, af_bus_done_fn *done,
                        void *arg)
{
    struct af_local_op *op = af_local_op_new(bus, af_local_create_task, done, arg);
    op->task = *task;
    op->task.task = af_arena_string(&op->arena, task->task);
    op->task.members = copy_members(&op->arena, task->members, task->member_count);
    af_local_submit(op);
}

static void about_task(struct af_bus *bus, const char *task, af_local_op_fn *run,
                       af_bus_done_fn *done, void *arg)
{
    struct af_local_op *op = af_local_op_new(bus, run, done, arg);
    op->task.task = af_arena_string(&op->arena, task);
    af_local_submit(op);
}

static void end_task(struct af_bus *bus, const char *task, af_bus_done_fn *done, void *arg)
{
    about_task(bus, task, af_local_end_task, done, arg);
}

static void begin(struct af_bus *bus, const char *task, bool clean, af_bus_done_fn *done, void *arg)
{
    struct af_local_op *op = af_local_op_new(bus, af_local_begin, done, arg);
    op->task.task = af_arena_string(&op->arena, task);
    op->clean = clean;
    af_local_submit(op);
}

static void status(struct af_bus *bus, const char *task, af_bus_done_fn *done, void *arg)
{
    about_task(bus, task, af_local_status, done, arg);
}

static int leases(const struct af_bus *bus)
{
    (void)bus;
    return 1;
}

static const char *files(const struct af_bus *bus)
{
    (void)bus;
    return "local://";
}

static void limits(const struct af_bus *bus, struct af_bus_limits *limits)
{
    const struct af_local_store *store = &((const struct bus_local *)bus)->store;
    *limits = (struct af_bus_limits){store->keep_contracts_s, store->keep_files_s, store->min_free};
}

static void commits(struct af_bus *bus, struct af_histogram *times)
{
    af_group_times(of(bus)->group, times);
}

/* ---- Threads that copy files. ---- */

void af_local_thread_begins(struct af_bus *bus)
{
    pthread_mutex_lock(&of(bus)->lock);
    of(bus)->file_threads++;
    pthread_mutex_unlock(&of(bus)->lock);
}

void af_local_thread_ends(struct af_bus *bus)
{
    pthread_mutex_lock(&of(bus)->lock);
    if (--of(bus)->file_threads == 0)
        pthread_cond_signal(&of(bus)->file_threads_end);
    pthread_mutex_unlock(&of(bus)->lock);
}

/* ---- Opening and closing. ---- */

static int64_t read_boot(void)
{
    char text[64] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file != NULL) {
        if (fgets(text, sizeof text, file) == NULL)
            text[0] = '\0';
        fclose(file);
    }
    return (int64_t)(af_hash_bytes((struct af_hash){9, 10}, text, strlen(text)).a >> 1);
}

/* A file beside the store, made if it is not there. */
static int open_beside(struct bus_local *bus, const char *suffix, struct af_failure *why)
{
    struct af_buf name = AF_BUF_EMPTY;
    af_buf_printf(&name, "%s%s", bus->path, suffix);
    int fd = open(af_buf_text(&name), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        af_failure_set(why, AF_FAILURE_TRANSPORT, af_buf_text(&name), "cannot be opened: %s",
                       strerror(errno));
    af_buf_release(&name);
    return fd;
}

static int open_wake(struct bus_local *bus, struct af_failure *why)
{
    struct af_buf name = AF_BUF_EMPTY;
    af_buf_printf(&name, "%s-wake", bus->path);
    if ((bus->wake_fd = open_beside(bus, "-wake", why)) < 0 ||
        (bus->store.parts_fd = open_beside(bus, "-parts", why)) < 0) {
        af_buf_release(&name);
        return -1;
    }
    bus->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int result = 0;
    if (bus->inotify_fd < 0 ||
        inotify_add_watch(bus->inotify_fd, af_buf_text(&name), IN_ATTRIB) < 0)
        result = af_failure_set(why, AF_FAILURE_TRANSPORT, af_buf_text(&name),
                                "cannot be watched: %s", strerror(errno));
    af_buf_release(&name);
    return result;
}

static int make_files_folder(struct bus_local *bus, const char *given, struct af_failure *why)
{
    struct af_buf name = AF_BUF_EMPTY;
    af_buf_printf(&name, given == NULL ? "%s.files" : "%s", given == NULL ? bus->path : given);
    bus->store.files = af_buf_take(&name);
    if (mkdir(bus->store.files, 0700) == 0 || errno == EEXIST)
        return 0;
    return af_failure_set(why, AF_FAILURE_TRANSPORT, bus->store.files, "cannot be made: %s",
                          strerror(errno));
}

static void release_members(struct af_local_store *store)
{
    for (size_t i = 0; i < store->member_count; i++) {
        free((char *)store->members[i].node);
        free((char *)store->members[i].role);
    }
    free(store->members);
}

static void bus_free(struct bus_local *bus)
{
    int fds[] = {bus->inotify_fd, bus->wake_fd, bus->store.parts_fd};
    for (size_t i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    af_local_end_sweep(&bus->store);
    af_db_close(bus->store.db);
    release_members(&bus->store);
    af_local_forget_weights(&bus->store);
    pthread_mutex_destroy(&bus->lock);
    pthread_cond_destroy(&bus->file_threads_end);
    free(bus->store.touched);
    free(bus->store.files);
    free(bus->parked);
    free(bus->early);
    free(bus->path);
    free(bus);
}

static struct af_bus *open_local(const char *url, struct af_loop *loop,
                                 const struct af_bus_options *options, struct af_failure *why)
{
    struct bus_local *bus = af_mem_zero(1, sizeof *bus);
    bus->head = (struct af_bus){.driver = &af_bus_local, .loop = loop};
    bus->path = af_mem_string(url + strlen("local:"));
    bus->inotify_fd = bus->wake_fd = bus->store.parts_fd = -1;
    pthread_mutex_init(&bus->lock, NULL);
    pthread_cond_init(&bus->file_threads_end, NULL);
    bus->store.path = bus->path;
    bus->store.open_tasks = options->open_tasks;
    bus->store.is_party = options->party;
    bus->store.boot = read_boot();
    bus->store.chore = AF_LOCAL_ENDED; /* what an earlier process has left */
    bus->store.chore_ns = INT64_MAX;
    bus->store.keep_contracts_s =
        options->keep_contracts_ns > 0 ? options->keep_contracts_ns / AF_S_NS : AF_BUS_UUID_AGE_S;
    bus->store.keep_files_s =
        options->keep_files_ns > 0 ? options->keep_files_ns / AF_S_NS : AF_BUS_FILES_AGE_S;
    bus->store.min_free =
        options->min_free_bytes > 0 ? options->min_free_bytes : AF_BUS_MIN_FREE_BYTES;
    bus->store.queue_max = options->queue_max > 0 ? options->queue_max : AF_BUS_QUEUE_MAX;
    bus->store.members = af_mem_zero(options->member_count, sizeof *bus->store.members);
    for (size_t i = 0; i < options->member_count; i++)
        bus->store.members[bus->store.member_count++] = (struct af_bus_member){
            af_mem_string(options->members[i].node), af_mem_string(options->members[i].role),
            options->members[i].number};
    if (bus->path[0] == '\0')
        af_failure_set(why, AF_FAILURE_USAGE, url, "names no file; expected local:FILE");
    else if ((bus->store.db = af_db_open(bus->path, &af_local_format, why)) != NULL &&
             open_wake(bus, why) == 0 && make_files_folder(bus, options->files, why) == 0) {
        bus->others = af_db_others(bus->store.db);
        af_db_on_written(bus->store.db, tell_early, bus);
        struct af_group_spec spec = {.loop = loop,
                                     .arg = bus,
                                     .write = write_batch,
                                     .told_loop = wake_others,
                                     .told = completed,
                                     .wait_ms = wait_ms,
                                     .woken = woken,
                                     .fd = bus->inotify_fd};
        if ((bus->group = af_group_new(&spec, url, why)) != NULL)
            return &bus->head;
    }
    bus_free(bus);
    return NULL;
}

/* All that was submitted is done; what waits is cancelled. */
static void close_local(struct af_bus *head)
{
    struct bus_local *bus = of(head);
    struct af_group_jobs left = {NULL, NULL};
    struct af_group_job *next;
    atomic_store(&bus->store.closing, true);
    pthread_mutex_lock(&bus->lock);
    while (bus->file_threads > 0)
        pthread_cond_wait(&bus->file_threads_end, &bus->lock);
    pthread_mutex_unlock(&bus->lock);
    bus->closing = true;
    af_group_stop(bus->group, &left);
    if (bus->lingers)
        af_db_commit(bus->store.db);
    for (size_t i = 0; i < bus->parked_count; i++) {
        af_local_refuse(bus->parked[i], AF_BUS_CANCELLED, "the bus is closed");
        af_group_add(&left, &bus->parked[i]->job);
    }
    bus->parked_count = 0;
    for (struct af_group_job *job = left.first; job != NULL; job = next) {
        next = job->next;
        completed(bus, job);
    }
    af_group_free(bus->group);
    bus_free(bus);
}

const struct af_bus_driver af_bus_local = {
    .scheme = "local:",
    .owns = af_local_owns,
    .is_file = true,
    .open = open_local,
    .close = close_local,
    .publish = publish,
    .take = take,
    .cancel = cancel,
    .ack = ack,
    .revive = revive,
    .members = members,
    .put_file = af_local_put_file,
    .get_file = af_local_get_file,
    .tell = tell,
    .create_task = create_task,
    .end_task = end_task,
    .begin = begin,
    .backup = af_local_backup,
    .status = status,
    .leases = leases,
    .commits = commits,
    .limits = limits,
    .files = files,
};
