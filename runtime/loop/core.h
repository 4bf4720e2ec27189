/* core.h: what the two drivers of loop.h share. Only loop*.c include it.
 *
 * A driver embeds struct af_loop as its first member and fills in a table of functions; timers,
 * posts and dispatch are loop.c's. Pending timers are in a 4-ary heap: with half the levels of a
 * binary one, and the four children that are compared next to each other, it misses the cache half
 * as often when millions are pending. An entry holds what is compared, so that comparing never
 * follows a pointer. */
#ifndef AF_LOOP_CORE_H
#define AF_LOOP_CORE_H

#include "loop/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

struct af_timer_chunk;

struct af_timer {
    struct af_loop *loop; /* NULL: on the free list */
    union {
        af_loop_fn *fn;
        struct af_timer *next_free;
    };
    void *arg;
    size_t index; /* of its entry in the heap */
};

struct af_timer_entry {
    int64_t due_ns;
    uint64_t start; /* how many timers were started before: decides between equal times */
    struct af_timer *timer;
};

struct af_post {
    af_loop_fn *fn;
    void *arg;
};

struct af_post_list {
    struct af_post *items;
    size_t count, cap;
};

struct af_loop_driver {
    /* See af_loop_step(). */
    bool (*step)(struct af_loop *loop);
    /* Releases what the driver itself holds; the timers are still there. */
    void (*release)(struct af_loop *loop);
    /* The time by the clock, for use between steps. NULL: time passes in steps only. */
    int64_t (*clock_ns)(const struct af_loop *loop);
    /* See af_loop_wall_ns() and af_loop_machine_ns(). NULL: as af_loop_now_ns(). */
    int64_t (*wall_ns)(const struct af_loop *loop);
    int64_t (*machine_ns)(const struct af_loop *loop);
    /* Ends a wait in step(), now or the next. Called on any thread. NULL: it never waits. */
    void (*wake)(struct af_loop *loop);
    int (*watch)(struct af_loop *loop, int fd, bool write, af_loop_fn *fn, void *arg,
                 struct af_failure *why);
    void (*unwatch)(struct af_loop *loop, int fd);
};

struct af_loop {
    const struct af_loop_driver *driver;
    int64_t now_ns; /* while stepping; set by the driver before each callback, never back */
    bool stepping;
    bool stopped;

    struct af_timer_entry *heap;
    size_t count, cap;
    uint64_t started_count;
    struct af_timer *free_timers;
    struct af_timer_chunk *chunks;

    atomic_bool posted;         /* whether posts may hold any: looked at without the lock */
    atomic_int waking;          /* threads that have posted, and may still be waking it */
    pthread_mutex_t posts_lock; /* over posts */
    struct af_post_list posts;
    struct af_post_list taken; /* those that a step is running */
};

/* Puts an empty loop at time 0 into zeroed memory from base/mem.h, which af_loop_free() frees. */
void af_loop_init(struct af_loop *loop, const struct af_loop_driver *driver);

/* Runs the posts made so far, in order. Returns false if there are none. */
bool af_loop_run_posts(struct af_loop *loop);

/* Takes the first timer out of the heap, which is not empty, and runs it. */
void af_loop_run_first_timer(struct af_loop *loop);

#endif
