/* ev.c: real time, on libev.
 *
 * libev only waits: for descriptors, for the first timer of our heap (one ev_timer, set before each
 * wait), and for another thread's post (one ev_async). Which timer runs, and when a post does, is
 * decided here and in loop.c as it is in virtual time: equal due times run in the order of their
 * start, which libev does not promise.
 *
 * A step first looks at the descriptors, so that timers and posts cannot keep them waiting, and
 * then runs all posts, or else one timer that is due. The clock is read before each of these, and
 * stands still while they run.
 *
 * A thread that may post later does not keep the loop alive; only timers, watches and posts that
 * were made do. Who waits for a thread has a timer or a watch as well. */
#include "loop/core.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

struct watch {
    struct ev_io io;
    struct loop_ev *loop;
    af_loop_fn *fn; /* NULL: not watched this way */
    void *arg;
};

/* Reading and writing can be watched at once. */
struct descriptor {
    struct watch ways[2];
};

struct loop_ev {
    struct af_loop head;
    struct ev_loop *ev;
    struct ev_timer alarm; /* running only while waiting */
    struct ev_async posted;
    int64_t made_ns;                 /* by the system's clock */
    int64_t made_wall_ns;            /* since 1970 */
    struct descriptor **descriptors; /* by their number; NULL: not watched */
    size_t descriptor_cap;
    size_t watch_count;
    uint64_t called_count; /* how often a watch has called back */
};

static struct loop_ev *of(struct af_loop *loop)
{
    return (struct loop_ev *)loop; /* its first member */
}

/* ---- Time. ---- */

static int64_t system_clock_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * AF_S_NS + time.tv_nsec;
}

static int64_t clock_ns(const struct af_loop *loop)
{
    return system_clock_ns() - ((const struct loop_ev *)loop)->made_ns;
}

/* The wall clock was read once, when the loop was made: from then on it moves as the other one. */
static int64_t wall_ns(const struct af_loop *loop)
{
    return ((const struct loop_ev *)loop)->made_wall_ns + clock_ns(loop);
}

static int64_t machine_ns(const struct af_loop *loop)
{
    (void)loop;
    return system_clock_ns();
}

static void read_clock(struct loop_ev *loop)
{
    loop->head.now_ns = clock_ns(&loop->head);
}

/* ---- Waiting. ---- */

/* What they tell is looked at after each wait. */
static void on_alarm(struct ev_loop *ev, struct ev_timer *alarm, int events)
{
    (void)ev, (void)alarm, (void)events;
}

static void on_posted(struct ev_loop *ev, struct ev_async *posted, int events)
{
    (void)ev, (void)posted, (void)events;
}

/* Runs the watches of the descriptors that are ready, and waits for them if nothing is due. */
static void look_at_descriptors(struct loop_ev *loop)
{
    struct af_loop *head = &loop->head;
    read_clock(loop);
    int64_t wait_ns = head->count == 0 ? INT64_MAX : head->heap[0].due_ns - head->now_ns;
    if (wait_ns <= 0 || atomic_load(&head->posted)) {
        ev_run(loop->ev, EVRUN_NOWAIT);
        return;
    }
    if (head->count > 0) {
        ev_now_update(loop->ev); /* the alarm counts from libev's idea of now */
        ev_timer_set(&loop->alarm, (double)wait_ns / 1e9, 0);
        ev_timer_start(loop->ev, &loop->alarm);
    }
    ev_run(loop->ev, EVRUN_ONCE);
    ev_timer_stop(loop->ev, &loop->alarm);
}

/* A wait may end with nothing to do: the alarm was early by a rounding, a signal came. */
static bool ev_step(struct af_loop *head)
{
    struct loop_ev *loop = of(head);
    uint64_t called_before = loop->called_count;
    while (head->count > 0 || loop->watch_count > 0 || atomic_load(&head->posted)) {
        look_at_descriptors(loop);
        bool called = loop->called_count != called_before;
        if (called && head->stopped)
            return true;
        read_clock(loop);
        if (af_loop_run_posts(head))
            return true;
        if (head->count > 0 && head->heap[0].due_ns <= head->now_ns) {
            af_loop_run_first_timer(head);
            return true;
        }
        if (called)
            return true;
    }
    return false;
}

static void ev_wake(struct af_loop *loop)
{
    ev_async_send(of(loop)->ev, &of(loop)->posted);
}

/* ---- Descriptors. ---- */

static void on_ready(struct ev_loop *ev, struct ev_io *io, int events)
{
    (void)ev, (void)events;
    struct watch *watch = (struct watch *)io; /* its first member */
    watch->loop->called_count++;
    read_clock(watch->loop);
    watch->fn(watch->arg); /* may unwatch, which frees the watch */
}

static struct descriptor *find_descriptor(struct loop_ev *loop, int fd)
{
    return fd >= 0 && (size_t)fd < loop->descriptor_cap ? loop->descriptors[fd] : NULL;
}

static struct descriptor *add_descriptor(struct loop_ev *loop, int fd)
{
    size_t cap = loop->descriptor_cap;
    af_mem_reserve(&loop->descriptors, &loop->descriptor_cap, (size_t)fd + 1,
                   sizeof(struct descriptor *));
    for (; cap < loop->descriptor_cap; cap++)
        loop->descriptors[cap] = NULL;
    loop->descriptors[fd] = af_mem_zero(1, sizeof *loop->descriptors[fd]);
    return loop->descriptors[fd];
}

static int ev_watch(struct af_loop *head, int fd, bool write, af_loop_fn *fn, void *arg,
                    struct af_failure *why)
{
    struct loop_ev *loop = of(head);
    char what[40];
    snprintf(what, sizeof what, "file descriptor %d", fd);
    if (fcntl(fd, F_GETFD) == -1)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, what, "cannot be watched: %s",
                              strerror(errno));
    struct descriptor *descriptor = find_descriptor(loop, fd);
    if (descriptor == NULL)
        descriptor = add_descriptor(loop, fd);
    struct watch *watch = &descriptor->ways[write];
    if (watch->fn != NULL)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, what, "is watched for %s already",
                              write ? "writing" : "reading");
    watch->loop = loop;
    watch->fn = fn;
    watch->arg = arg;
    ev_io_init(&watch->io, on_ready, fd, write ? EV_WRITE : EV_READ);
    ev_io_start(loop->ev, &watch->io);
    loop->watch_count++;
    return 0;
}

static void ev_unwatch(struct af_loop *head, int fd)
{
    struct loop_ev *loop = of(head);
    struct descriptor *descriptor = find_descriptor(loop, fd);
    if (descriptor == NULL)
        return;
    for (int way = 0; way < 2; way++) {
        if (descriptor->ways[way].fn == NULL)
            continue;
        ev_io_stop(loop->ev, &descriptor->ways[way].io);
        assert(loop->watch_count > 0);
        loop->watch_count--;
    }
    loop->descriptors[fd] = NULL;
    free(descriptor);
}

/* ---- Making and freeing. ---- */

static void ev_release(struct af_loop *head)
{
    struct loop_ev *loop = of(head);
    for (size_t fd = 0; fd < loop->descriptor_cap; fd++)
        ev_unwatch(head, (int)fd);
    assert(loop->watch_count == 0);
    free(loop->descriptors);
    ev_async_stop(loop->ev, &loop->posted);
    ev_loop_destroy(loop->ev);
}

static const struct af_loop_driver ev_driver = {
    .step = ev_step,
    .release = ev_release,
    .clock_ns = clock_ns,
    .wall_ns = wall_ns,
    .machine_ns = machine_ns,
    .wake = ev_wake,
    .watch = ev_watch,
    .unwatch = ev_unwatch,
};

struct af_loop *af_loop_ev_new(struct af_failure *why)
{
    /* What LIBEV_FLAGS says in the environment is not for us: a run must not depend on it. */
    struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (ev == NULL) {
        af_failure_set(why, AF_FAILURE_TRANSPORT, "event loop",
                       "the system offers no way to wait for events");
        return NULL;
    }
    struct loop_ev *loop = af_mem_zero(1, sizeof *loop);
    af_loop_init(&loop->head, &ev_driver);
    loop->ev = ev;
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    loop->made_ns = system_clock_ns();
    loop->made_wall_ns = wall.tv_sec * AF_S_NS + wall.tv_nsec;
    ev_timer_init(&loop->alarm, on_alarm, 0, 0);
    ev_async_init(&loop->posted, on_posted);
    ev_async_start(ev, &loop->posted);
    return &loop->head;
}

int af_loop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}
