/* many_runs.c: see many_runs.h.
 *
 * Each worker takes every J-th seed and tells each run's outcome by a fixed record on its pipe. All
 * seeds are run, so that the counts do not depend on the number of cores. */
#include "cli/many_runs.h"

#include "base/failure.h"
#include "base/io.h"
#include "cli/interrupt.h"
#include "base/mem.h"
#include "base/progress.h"
#include "cli/run_options.h"
#include "script/script.h"
#include "sim/sim.h"
#include "cli/tell.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct report {
    uint64_t seed;
    int32_t outcome; /* an enum af_sim_outcome, -1: it could not be run */
    int32_t unused;
    uint64_t messages, dropped, unexpected, upgraded, duplicated, crashes, lost, held;
    int64_t virtual_ns;
};

static bool not_interrupted(void *arg, struct af_sim *sim)
{
    (void)arg, (void)sim;
    return !af_script_interrupted();
}

static void work(const struct af_run_options *options, uint64_t first, uint64_t step, int fd)
{
    for (uint64_t i = first; i < (uint64_t)options->runs && !af_script_interrupted(); i += step) {
        struct af_failure why = AF_FAILURE_INIT;
        struct af_sim_options one = options->sim;
        struct af_sim_result result;
        one.seed += i;
        struct report report = {.seed = one.seed, .outcome = -1};
        struct af_sim *sim = af_sim_new(&one, NULL, &why);
        if (sim != NULL)
            af_sim_on_step(sim, not_interrupted, NULL);
        if (sim != NULL && af_sim_run(sim, &result, &why) == 0) {
            report.outcome = (int32_t)result.outcome;
            report.messages = result.messages;
            report.dropped = result.dropped;
            report.unexpected = result.unexpected;
            report.upgraded = result.upgraded;
            report.duplicated = result.duplicated;
            report.crashes = result.crashes;
            report.lost = result.lost;
            report.held = result.held;
            report.virtual_ns = result.virtual_ns;
            af_sim_result_release(&result);
        }
        af_sim_free(sim);
        if (!af_script_interrupted() && !af_io_write_all(fd, &report, sizeof report))
            _exit(3);
    }
}

static bool broken_run; /* a run could not be run at all: a mistake of the flow's file */

static void add(struct af_tell_runs *totals, const struct report *report)
{
    totals->runs++;
    totals->messages += report->messages;
    totals->dropped += report->dropped;
    totals->unexpected += report->unexpected;
    totals->upgraded += report->upgraded;
    totals->duplicated += report->duplicated;
    totals->crashes += report->crashes;
    totals->lost += report->lost;
    totals->held += report->held;
    if (report->outcome == AF_SIM_OK)
        return;
    if (report->outcome < 0)
        broken_run = true;
    if (totals->failed_runs++ == 0 || report->seed < totals->lowest_seed)
        totals->lowest_seed = report->seed;
}

struct worker {
    pid_t pid;
    int fd;
    struct report report;
    size_t got;
};

static int start(const struct af_run_options *options, struct worker *workers, size_t count,
                 struct af_failure *why)
{
    fflush(NULL);
    for (size_t i = 0; i < count; i++) {
        int ends[2];
        if (pipe(ends) != 0)
            return af_failure_set(why, AF_FAILURE_TRANSPORT, "--runs", "no pipe: %s",
                                  strerror(errno));
        workers[i].pid = fork();
        if (workers[i].pid < 0)
            return af_failure_set(why, AF_FAILURE_TRANSPORT, "--runs", "no process: %s",
                                  strerror(errno));
        if (workers[i].pid == 0) {
            close(ends[0]);
            work(options, i, count, ends[1]);
            _exit(0);
        }
        close(ends[1]);
        workers[i].fd = ends[0];
    }
    return 0;
}

/* Takes what a worker has to say; false when it has ended. */
static bool listen_to(struct worker *worker, struct af_tell_runs *totals)
{
    ssize_t got = read(worker->fd, (char *)&worker->report + worker->got,
                       sizeof worker->report - worker->got);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (got <= 0)
        return false;
    worker->got += (size_t)got;
    if (worker->got == sizeof worker->report) {
        add(totals, &worker->report);
        worker->got = 0;
    }
    return true;
}

/* Each of them, for Ctrl-C reaches all and `kill` this process alone. */
static void stop(const struct worker *workers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (workers[i].pid > 0)
            kill(workers[i].pid, SIGINT);
}

static void listen_to_all(struct worker *workers, size_t count,
                          const struct af_run_options *options, struct af_tell_runs *totals,
                          struct af_progress *progress)
{
    struct pollfd *fds = af_mem_zero(count, sizeof *fds);
    size_t open_count = count;
    for (size_t i = 0; i < count; i++)
        fds[i] = (struct pollfd){workers[i].fd, POLLIN, 0};
    bool is_stopping = false;
    while (open_count > 0) {
        if (af_script_interrupted() && !is_stopping) {
            is_stopping = true;
            af_interrupt_seen();
            stop(workers, count);
        }
        if (poll(fds, count, 100) < 0 && errno != EINTR)
            break;
        for (size_t i = 0; i < count; i++) {
            if (fds[i].fd < 0 || (fds[i].revents & (POLLIN | POLLHUP)) == 0)
                continue;
            if (!listen_to(&workers[i], totals)) {
                close(fds[i].fd);
                fds[i].fd = -1;
                open_count--;
            }
        }
        if (af_progress_due(progress))
            af_progress_show(progress, "%llu of %lld runs, %llu failed",
                             (unsigned long long)totals->runs, (long long)options->runs,
                             (unsigned long long)totals->failed_runs);
    }
    free(fds);
}

static int run_seeds(const struct af_run_options *options, struct af_tell_runs *totals,
                     struct af_progress *progress, struct af_failure *why)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = cores < 1 ? 1 : (size_t)cores;
    if (count > (uint64_t)options->runs)
        count = (size_t)options->runs;
    struct worker *workers = af_mem_zero(count, sizeof *workers);
    int result = start(options, workers, count, why);
    if (result == 0)
        listen_to_all(workers, count, options, totals, progress);
    for (size_t i = 0; i < count; i++) {
        int status = 0;
        if (workers[i].pid > 0 && waitpid(workers[i].pid, &status, 0) > 0 && result == 0 &&
            !af_script_interrupted() && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
            result = af_failure_set(why, AF_FAILURE_TRANSPORT, "--runs",
                                    "a worker process died (status %d)", status);
    }
    free(workers);
    return result;
}

/* Runs the seed again here, to learn why it could not be run. */
static int tell_mistake(const struct af_run_options *options, uint64_t seed, struct af_failure *why)
{
    struct af_sim_options one = options->sim;
    struct af_sim_result result;
    one.seed = seed;
    struct af_sim *sim = af_sim_new(&one, NULL, why);
    if (sim != NULL && af_sim_run(sim, &result, why) == 0)
        af_sim_result_release(&result);
    af_sim_free(sim);
    return af_failure_set(why, AF_FAILURE_TRANSPORT, "--runs", "seed %llu could not be run",
                          (unsigned long long)seed);
}

int af_many_runs(struct af_run_options *options, struct af_failure *why)
{
    struct af_tell_runs totals = {0};
    struct af_progress progress;
    struct af_sim_options first = options->sim;
    first.quiet = options->verbosity < 0;
    struct af_sim *sim = af_sim_new(&first, NULL, why); /* mistakes are told once, here */
    if (sim == NULL)
        return -1;
    af_sim_free(sim);
    af_progress_init(&progress, options->verbosity < 0);
    if (run_seeds(options, &totals, &progress, why) != 0)
        return -1;
    totals.elapsed_ms = af_progress_elapsed_ms(&progress);
    af_progress_end(&progress);
    totals.is_interrupted = af_script_interrupted();
    if (broken_run)
        return tell_mistake(options, totals.lowest_seed, why);
    return af_tell_runs(options, &totals);
}
