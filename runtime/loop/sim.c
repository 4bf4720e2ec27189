/* sim.c: virtual time.
 *
 * Nothing here reads a clock: time is that of the timer that runs, so that a year of virtual time
 * passes as fast as its callbacks run, and every run is the same. Posts come before timers, because
 * they are due now. See core.h for the heap. */
#include "loop/core.h"

#include "base/failure.h"
#include "base/mem.h"

#include <assert.h>
#include <stdio.h>

static bool sim_step(struct af_loop *loop)
{
    if (af_loop_run_posts(loop))
        return true;
    if (loop->count == 0)
        return false;
    assert(loop->heap[0].due_ns >= loop->now_ns);
    loop->now_ns = loop->heap[0].due_ns;
    af_loop_run_first_timer(loop);
    return true;
}

static void sim_release(struct af_loop *loop)
{
    (void)loop;
}

static int sim_watch(struct af_loop *loop, int fd, bool write, af_loop_fn *fn, void *arg,
                     struct af_failure *why)
{
    (void)loop, (void)write, (void)fn, (void)arg;
    char what[40];
    snprintf(what, sizeof what, "file descriptor %d", fd);
    return af_failure_set(why, AF_FAILURE_TRANSPORT, what, "cannot be watched in virtual time");
}

static void sim_unwatch(struct af_loop *loop, int fd)
{
    (void)loop, (void)fd;
}

static const struct af_loop_driver sim_driver = {
    .step = sim_step,
    .release = sim_release,
    .watch = sim_watch,
    .unwatch = sim_unwatch,
};

void af_loop_sim_advance(struct af_loop *loop, int64_t to_ns)
{
    assert(loop->driver == &sim_driver && !loop->stepping);
    if (to_ns > loop->now_ns)
        loop->now_ns = to_ns;
}

struct af_loop *af_loop_sim_new(void)
{
    struct af_loop *loop = af_mem_zero(1, sizeof *loop);
    af_loop_init(loop, &sim_driver);
    return loop;
}
