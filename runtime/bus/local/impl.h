/* impl.h: what the files of the local bus share.
 *
 *   bus.c         calls become operations; one thread runs them in batches, one commit each
 *   store.c   the operations on contracts and queues, in SQL; the schema
 *   tasks.c   tasks, members, notes, and what is told about them
 *   files.c   files, by the SHA-256 of their bytes
 *   chores.c  what is done behind the calls, in small pieces; room on the disk
 *   age.c     whether the store is the one that it was
 */
#ifndef AF_BUS_LOCAL_IMPL_H
#define AF_BUS_LOCAL_IMPL_H

#include "base/arena.h"
#include "base/buf.h"
#include "bus/bus.h"
#include "base/db.h"
#include "loop/group_commit.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>

struct af_local_op;
struct af_local_store;

/* Runs in the store's thread, inside of a transaction. */
typedef void af_local_op_fn(struct af_local_store *store, struct af_local_op *op);

/* One call of the bus. All it was given, and its result, is in its arena. */
struct af_local_op {
    struct af_group_job job;
    af_local_op_fn *run;
    struct af_arena arena;
    struct af_bus_result result;
    af_bus_done_fn *done;
    void *arg;
    void (*after)(struct af_local_op *op); /* instead of done, on the loop's thread */
    struct af_bus *bus;

    const struct af_bus_post *posts;
    size_t count;
    struct af_bus_take take;
    struct af_bus_task task;
    struct af_bus_note note;
    struct af_bus_fetch fetch;
    struct af_bus_file file;
    struct af_bus_member asker;
    char sha256[65];
    const char *extension; /* "" or ".zip" */
    int64_t file_bytes, total_bytes;
    _Atomic int64_t progress_bytes;

    bool clean;
    uint64_t ticket;    /* of a take, and of a cancel */
    bool parked, fresh; /* fresh: since this commit */
    bool early;         /* it may be answered before the disk has it */
    int64_t queue;      /* that a take waits for */
    int64_t until_ns;   /* how long it waits, by the machine's clock */
    int64_t parked_ns;  /* since when it has waited; 0: it has not */
    int64_t look_ns;    /* when to look again though nothing came: a lease runs out */
    struct af_buf text; /* a long result */
};

enum af_local_chore { AF_LOCAL_IDLE, AF_LOCAL_ENDED, AF_LOCAL_SWEEP, AF_LOCAL_SHRINK };
enum af_local_room { AF_LOCAL_ROOM, AF_LOCAL_LITTLE_ROOM, AF_LOCAL_NO_ROOM };

struct af_local_store {
    struct af_db *db;
    const char *path;
    char *files;   /* the folder */
    int parts_fd;  /* FILE-parts: who takes part in which task, as locks */
    bool is_party; /* one node's process, not a service: its holders are seen to live by a lock */
    bool open_tasks;
    struct af_bus_member *members; /* of a task that springs up closed */
    size_t member_count;
    int64_t boot; /* of this start of the machine: its clock means nothing in another */
    int64_t machine_ns, wall_s; /* of this batch */
    bool others_too;            /* the commit gives more than one contract to one node */
    int64_t *touched;           /* queues that were given contracts in this batch, perhaps twice */
    size_t touched_count, touched_cap;
    atomic_bool closing;        /* copying files is cut short */
    _Atomic uint64_t set_aside; /* contracts that were not as they should be */
    int64_t counted_s;          /* when a queue that seemed full was counted last */
    uint64_t published;         /* contracts so far: now and then old ones are forgotten */
    int64_t looked_at;          /* by af_local_forget(), the last row */
    int64_t keep_contracts_s, keep_files_s, min_free, queue_max;
    enum af_local_chore chore; /* the one that is next */
    int64_t chore_ns;          /* not before; INT64_MAX: not before the first call */
    DIR *sweep;                /* the files folder, while it is looked through */
    enum af_local_room room;
    _Atomic int64_t free_bytes; /* of the disk */
    int64_t left_bytes;         /* of it, beyond what is kept for acknowledgements */
    struct af_local_weight *weights;
    size_t weight_count, weight_cap;
    int64_t weighed_s;
    char age[AF_BUS_AGE_BYTES]; /* of this batch; "": not known */
    bool begun;                 /* this start of the store is in it */
    bool told_older;            /* the log says so already */
};

extern const struct af_db_format af_local_format;

/* The operations. */
void af_local_publish(struct af_local_store *store, struct af_local_op *op);
void af_local_take(struct af_local_store *store, struct af_local_op *op); /* may park it */
void af_local_ack(struct af_local_store *store, struct af_local_op *op);
void af_local_revive(struct af_local_store *store, struct af_local_op *op);
void af_local_members(struct af_local_store *store, struct af_local_op *op);
void af_local_create_task(struct af_local_store *store, struct af_local_op *op);
void af_local_end_task(struct af_local_store *store, struct af_local_op *op);
void af_local_begin(struct af_local_store *store, struct af_local_op *op);
void af_local_tell(struct af_local_store *store, struct af_local_op *op);
void af_local_status(struct af_local_store *store, struct af_local_op *op);
void af_local_keep_file(struct af_local_store *store, struct af_local_op *op);
void af_local_find_file(struct af_local_store *store, struct af_local_op *op);

void af_local_live(struct af_local_store *store, const char *holder);
bool af_local_lives(struct af_local_store *store, const char *holder);
void af_local_hand_out_again(struct af_local_store *store, int64_t queue);
void af_local_vanish(struct af_local_store *store, const struct af_local_op *op);

/* After the commit of af_local_begin(): others may take part as well. */
void af_local_share(struct af_local_store *store, struct af_local_op *op);

/* Forgets what need not be remembered any more: a few rows a call. */
void af_local_forget(struct af_local_store *store);

/* ---- chores.c ---- */

/* Does a piece of the chore that is next, within a transaction: some milliseconds. */
void af_local_do_chore(struct af_local_store *store);
void af_local_end_sweep(struct af_local_store *store);

void af_local_look_for_room(struct af_local_store *store);

/* Whether there is room for more than acknowledgements; else op has failed. */
bool af_local_need_room(struct af_local_store *store, struct af_local_op *op);

/* ---- share.c ---- */

/* Whether there is room for what the sender of these posts has, and more; else op has failed. */
bool af_local_need_share(struct af_local_store *store, struct af_local_op *op);
void af_local_forget_weights(struct af_local_store *store);

/* ---- age.c ---- */

/* At the end of a batch, within its transaction: sets the store's age, which grows where the batch
 * has changed anything and somebody is told. */
void af_local_grow(struct af_local_store *store, bool is_told);

/* Whether who asks was told of an age that the store has not had: then op has failed. */
bool af_local_is_older(struct af_local_store *store, struct af_local_op *op);

/* ---- tasks.c, for the other operations. ---- */

struct af_local_task {
    int64_t id;
    bool open;
};

/* Finds the task, makes it where tasks spring up by use; false: op has failed. */
bool af_local_task(struct af_local_store *store, struct af_local_op *op, const char *name,
                   struct af_local_task *task);

/* Whether a node is one of the task's; it joins an open one. */
bool af_local_is_member(struct af_local_store *store, const struct af_local_task *task,
                        const char *node, bool join);

/* As above, and fails op if it is none: who names it in the message ("the sender", …). */
bool af_local_need_member(struct af_local_store *store, struct af_local_op *op,
                          const struct af_local_task *task, const char *name, const char *node);

/* Keeps what is noted of a task, and forgets the oldest of many. */
void af_local_keep_note(struct af_local_store *store, int64_t task, const struct af_bus_note *note);

/* Notes what a contract tells the task manager: files and completion, by its title. */
void af_local_note_told(struct af_local_store *store, int64_t task, const struct af_bus_post *post);

/* ---- queues.c ---- */

/* The queue of a node, made if need be. */
int64_t af_local_make_queue(struct af_local_store *store, int64_t task, const char *node,
                            const char *channel);

/* Returns false if it is there already. */
bool af_local_put_into(struct af_local_store *store, int64_t queue, int64_t contract);

/* Notes that something waits in it now; some more than once. */
void af_local_touch(struct af_local_store *store, int64_t queue);

/* A node that joins is given the broadcasts that were before it. */
void af_local_give_broadcasts(struct af_local_store *store, int64_t task, const char *node);

/* ---- refuse.c ---- */

/* Fails an operation. */
void af_local_refuse(struct af_local_op *op, enum af_bus_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- bus.c, for files. ---- */

struct af_local_op *af_local_op_new(struct af_bus *bus, af_local_op_fn *run, af_bus_done_fn *done,
                                    void *arg);
void af_local_op_free(struct af_local_op *op);
void af_local_submit(struct af_local_op *op);

/* Has the op completed on the loop's thread; from any thread. */
void af_local_complete(struct af_local_op *op);
struct af_local_store *af_local_store_of(struct af_bus *bus);

/* Counts threads that work on files, which close() waits for. */
void af_local_thread_begins(struct af_bus *bus);
void af_local_thread_ends(struct af_bus *bus);

/* ---- files.c ---- */

void af_local_tell_progress(void *op); /* posted by a thread that copies */

bool af_local_owns(const char *bus_url, const char *url);
void af_local_put_file(struct af_bus *bus, const struct af_bus_file *file, af_bus_done_fn *done,
                       void *arg);
void af_local_backup(struct af_bus *bus, const char *path, af_bus_done_fn *done, void *arg);
void af_local_get_file(struct af_bus *bus, const struct af_bus_fetch *fetch, af_bus_done_fn *done,
                       void *arg);

#endif
