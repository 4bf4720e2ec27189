/* impl.h: what the files of a sidecar share.
 *
 *   bus.c      opening, closing, node lists and files; whether the hub is there
 *   outbox.c   pushes: passed through, or kept and sent later
 *   store.c    the outbox's file, in SQL; one thread runs it in batches, one commit each
 *   pops.c     pops without a lease: taken with one, acknowledged when the answer was written */
#ifndef AF_BUS_SIDECAR_IMPL_H
#define AF_BUS_SIDECAR_IMPL_H

#include "base/arena.h"
#include "base/buf.h"
#include "bus/bus.h"
#include "base/db.h"
#include "loop/group_commit.h"

#define AF_SIDECAR_HOLDER "afrun:sidecar"

struct af_sidecar;
struct af_sidecar_op;
struct af_sidecar_pass;
struct af_sidecar_queue;

/* A job: of the thread, or one whose end is told soon. */
struct af_sidecar_op {
    struct af_group_job job;
    struct af_sidecar *bus;
    void (*run)(struct af_sidecar_op *op);  /* on the thread, within a transaction; or NULL */
    void (*over)(struct af_sidecar_op *op); /* on the loop, when it was committed or failed */
    struct af_arena arena;
    struct af_bus_result result; /* what done is told */
    af_bus_done_fn *done;        /* or NULL */
    void *arg;
    struct af_sidecar_op *next; /* of the pushes that wait for one before them */

    struct af_sidecar_task *task;
    const char *name;                /* of the task */
    const struct af_bus_post *posts; /* of a push, or those of the file that are sent together */
    size_t count;
    int64_t bytes;
    int64_t first, last;    /* rows */
    bool one_row, one_push; /* what may be sent together: no more than this */
    size_t unreadable;      /* rows that were not as they should be; they have been set aside */
    int64_t unreadable_bytes;
    int64_t made_s;     /* of the first of them */
    const char *reason; /* why the hub has refused them, or NULL: it has them */
    uint64_t dropped;   /* dead letters that had to go */
    struct af_bus_take which;
    struct af_buf text;
};

/* A task in which something was pushed or asked. */
struct af_sidecar_task {
    struct af_sidecar_task *next;
    struct af_sidecar *bus;
    char *name;
    struct af_sidecar_op *first; /* pushes that wait for one that is passed through */
    struct af_sidecar_pass *pass;
    uint64_t kept; /* contracts in the file, or on their way into it */
    int64_t bytes;
    int64_t oldest_s; /* since when the first of them waits, 0: none does */
    size_t writing;   /* pushes on their way into the file */
    bool is_sending, one_push;
    struct af_timer *timer;              /* when it is tried again: the hub has no room */
    struct af_arena list;                /* the nodes, as the hub told them last … */
    const struct af_bus_member *members; /* … or NULL: it was never asked */
    size_t member_count;
    bool open;
};

struct af_sidecar {
    struct af_bus head;
    struct af_bus *hub;
    char *node, *files; /* who we are; where fetched files are */
    struct af_db *db;
    struct af_group *group;
    struct af_sidecar_task *tasks;
    struct af_sidecar_queue *queues;
    uint64_t tickets;
    uint64_t kept, dead;
    int64_t bytes;
    bool reachable, closing;
    int64_t since_s;
    char *error;            /* or NULL */
    struct af_timer *retry; /* when the hub is tried again */
    int64_t retry_ns;
};

static inline struct af_sidecar *af_sidecar_of(struct af_bus *bus)
{
    return (struct af_sidecar *)bus; /* its first member */
}

/* ---- bus.c ---- */

/* What a call of the hub says about the way to it. */
void af_sidecar_heard(struct af_sidecar *bus, const struct af_bus_result *result);

struct af_sidecar_op *af_sidecar_op_new(struct af_sidecar *bus, af_bus_done_fn *done, void *arg);
void af_sidecar_op_free(struct af_sidecar_op *op);

/* Has done told soon, with this code and reason (a format), or op->result as it is. */
void af_sidecar_refuse(struct af_sidecar_op *op, enum af_bus_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void af_sidecar_tell(struct af_sidecar_op *op);

/* Tells done and frees the op: an `over`. */
void af_sidecar_end(struct af_sidecar_op *op);

/* Finds a task, or makes it. */
struct af_sidecar_task *af_sidecar_task(struct af_sidecar *bus, const char *name);

/* ---- outbox.c ---- */

void af_sidecar_publish(struct af_bus *bus, const struct af_bus_post *posts, size_t count,
                        af_bus_done_fn *done, void *arg);

/* Goes on with a task, or with all of them. */
void af_sidecar_go_on(struct af_sidecar_task *task);
void af_sidecar_go_on_all(struct af_sidecar *bus);

void af_sidecar_revive(struct af_sidecar *bus, const struct af_bus_take *which,
                       af_bus_done_fn *done, void *arg);
void af_sidecar_forget(struct af_bus *bus, const char *task, af_bus_done_fn *done, void *arg);

/* Ends what has not been confirmed, as cancelled. */
void af_sidecar_close_pushes(struct af_sidecar *bus);

/* ---- store.c ---- */

/* Opens the file, and finds what waits in it. Returns -1 with *why filled. */
int af_sidecar_store_open(struct af_sidecar *bus, const char *path, struct af_failure *why);
void af_sidecar_store_close(struct af_sidecar *bus);

void af_sidecar_run_keep(struct af_sidecar_op *op);   /* posts */
void af_sidecar_run_read(struct af_sidecar_op *op);   /* the first of a task, into posts */
void af_sidecar_run_settle(struct af_sidecar_op *op); /* from first to last: forgets or refuses */
void af_sidecar_run_revive(struct af_sidecar_op *op); /* which */
void af_sidecar_run_forget(struct af_sidecar_op *op); /* a task's dead letters */
void af_sidecar_run_status(struct af_sidecar_op *op); /* into text, behind what stands there */

/* ---- pops.c ---- */

uint64_t af_sidecar_take(struct af_bus *bus, const struct af_bus_take *take, af_bus_done_fn *done,
                         void *arg);
void af_sidecar_cancel(struct af_bus *bus, uint64_t ticket);
void af_sidecar_written(struct af_bus *bus, const struct af_bus_take *which, bool ok);
void af_sidecar_acknowledge_all(struct af_sidecar *bus);
void af_sidecar_close_queues(struct af_sidecar *bus);

#endif
