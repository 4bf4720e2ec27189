/* group_commit.h: a thread that writes in one transaction what has gathered while it wrote the
 * last one, and has it told on the loop once that is on the disk. So many share one fsync, and
 * nothing is confirmed before its own.
 *
 * Group commit: DeWitt et al., "Implementation techniques for main memory database systems",
 * SIGMOD 1984. */
#ifndef AF_LOOP_GROUP_COMMIT_H
#define AF_LOOP_GROUP_COMMIT_H

#include <stdbool.h>

struct af_db;
struct af_failure;
struct af_group;
struct af_histogram;
struct af_loop;

struct af_group_job { /* the first member of the owner's own */
    struct af_group_job *next;
};

struct af_group_jobs { /* zeroed: none */
    struct af_group_job *first, **last;
};

void af_group_add(struct af_group_jobs *jobs, struct af_group_job *job);
void af_group_join(struct af_group_jobs *jobs, struct af_group_jobs *others); /* empties others */

struct af_group_spec {
    struct af_loop *loop;
    void *arg;

    /* On the thread: writes a batch, a list; adds to *over what is over: others may be kept. */
    void (*write)(void *arg, struct af_group_job *batch, struct af_group_jobs *over);

    /* On the thread, when the loop has been given what is over: for what nobody on the loop waits
     * for; or NULL. */
    void (*told_loop)(void *arg);

    /* On the loop, of each job that is over, in that order. */
    void (*told)(void *arg, struct af_group_job *job);

    /* On the thread, while there is nothing to write: how long it waits (-1: for ever); it has,
     * or `fd` can be read. All are for owners that have something else to wait for. */
    int (*wait_ms)(void *arg);
    void (*woken)(void *arg, bool readable, struct af_group_jobs *over);
    int fd;
};

/* Returns NULL with *why filled, of `what`, if there is no thread to be had. */
struct af_group *af_group_new(const struct af_group_spec *spec, const char *what,
                              struct af_failure *why);

/* For the thread; or for the loop, without it. From any thread. */
void af_group_write(struct af_group *group, struct af_group_job *job);
void af_group_tell(struct af_group *group, struct af_group_job *job);

/* The loop goes on as long as something is held: it does not count threads. On the loop. */
void af_group_hold(struct af_group *group);
void af_group_release(struct af_group *group);

/* Whether all that was given to write is on the disk; whether it stops. From any thread. */
bool af_group_is_idle(struct af_group *group);
bool af_group_stops(struct af_group *group);

/* Commits, on the thread: af_db_commit(); how long that took is noted if there was anything to
 * write. */
bool af_group_commit(struct af_group *group, struct af_db *db);

/* Sets *times to what was noted so far. From any thread. */
void af_group_times(struct af_group *group, struct af_histogram *times);

/* Calls each(job, arg) for all jobs that wait, are written or are over and not told: only for an
 * owner whose write() leaves its batch as it is. On the loop. */
void af_group_each(struct af_group *group, void (*each)(struct af_group_job *job, const void *arg),
                   const void *arg);

/* Ends the thread, once all that was given is written; adds to *left what was not told. */
void af_group_stop(struct af_group *group, struct af_group_jobs *left);
void af_group_free(struct af_group *group);

#endif
