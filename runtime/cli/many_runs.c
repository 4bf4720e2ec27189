/* many_runs.c: see many_runs.h.
 *
 * Each worker takes every J-th seed and tells each run's outcome on its pipe: a fixed record, and
 * of a run that failed the way in which it did. All seeds are run, and taken in their order, so
 * that nothing told depends on the number of cores. They are forked before this process jails
 * itself, which may signal to them and to nobody else then, and begin when the flow is known to
 * load. */
#include "cli/many_runs.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/io.h"
#include "cli/interrupt.h"
#include "cli/jailed.h"
#include "base/mem.h"
#include "base/progress.h"
#include "cli/run_options.h"
#include "script/script.h"
#include "sim/sim.h"
#include "cli/tell.h"
#include "cli/ways.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct report {
    uint64_t seed;
    int32_t outcome;  /* an enum af_sim_outcome, -1: it could not be run */
    uint32_t way_len; /* of what follows: see ways.h */
    uint64_t messages, unexpected, upgraded, did[AF_FAULTS], held;
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
        struct af_buf way = AF_BUF_EMPTY;
        if (sim != NULL)
            af_sim_on_step(sim, not_interrupted, NULL);
        if (sim != NULL && af_sim_run(sim, &result, &why) == 0) {
            report.outcome = (int32_t)result.outcome;
            report.messages = result.messages;
            report.unexpected = result.unexpected;
            report.upgraded = result.upgraded;
            memcpy(report.did, result.did, sizeof report.did);
            report.held = result.held;
            report.virtual_ns = result.virtual_ns;
            if (result.outcome != AF_SIM_OK)
                af_ways_append(&way, &result);
            af_sim_result_release(&result);
        }
        af_sim_free(sim);
        report.way_len = (uint32_t)way.len;
        if (!af_script_interrupted() && (!af_io_write_all(fd, &report, sizeof report) ||
                                         !af_io_write_all(fd, way.data, way.len)))
            _exit(3);
        af_buf_release(&way);
    }
}

static bool broken_run; /* a run could not be run at all: a mistake of the flow's file */

static void add(struct af_tell_runs *totals, const struct report *report, const char *way)
{
    uint64_t faults = report->held;
    totals->runs++;
    totals->messages += report->messages;
    totals->unexpected += report->unexpected;
    totals->upgraded += report->upgraded;
    totals->held += report->held;
    for (size_t i = 0; i < AF_FAULTS; i++) {
        totals->did[i] += report->did[i];
        faults += report->did[i];
    }
    if (report->outcome == AF_SIM_OK)
        return;
    if (totals->failed_runs++ == 0)
        totals->lowest_seed = report->seed;
    if (report->outcome < 0) {
        broken_run = true;
        return;
    }
    if (totals->failing_count < AF_RUNS_FAILING_MAX) {
        af_mem_reserve(&totals->failing, &totals->failing_cap, totals->failing_count + 1,
                       sizeof *totals->failing);
        totals->failing[totals->failing_count++] =
            (struct af_tell_failing){report->seed, report->outcome};
    }
    af_ways_add(&totals->ways, report->seed, faults, way, report->way_len);
}

struct worker {
    pid_t pid;
    int fd; /* -1: it has said all */
    struct af_buf got;
    size_t taken; /* of that */
};

/* A worker waits for a byte, or for the end of who would write it. It ends with who would read: a
 * run may take long, and tells nothing before its end. */
static _Noreturn void begin_work(const struct af_run_options *options, uint64_t first,
                                 uint64_t step, pid_t parent, int go, int fd)
{
    char byte;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    af_jailed_enter_job();
    if (af_io_read(go, &byte, 1) == 1)
        work(options, first, step, fd);
    _exit(0);
}

static int start(const struct af_run_options *options, const int go[2], struct worker *workers,
                 size_t count, struct af_failure *why)
{
    pid_t parent = getpid();
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
            close(go[1]);
            begin_work(options, i, count, parent, go[0], ends[1]);
        }
        close(ends[1]);
        workers[i].fd = ends[0];
    }
    return 0;
}

/* Reads what a worker has to say, until it has ended. */
static void listen_to(struct worker *worker)
{
    char bytes[65536];
    ssize_t got = read(worker->fd, bytes, sizeof bytes);
    if (worker->taken > 0) {
        worker->got.len -= worker->taken;
        memmove(worker->got.data, worker->got.data + worker->taken, worker->got.len);
        worker->taken = 0;
    }
    if (got > 0)
        af_buf_append(&worker->got, bytes, (size_t)got);
    if (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN)))
        return;
    close(worker->fd);
    worker->fd = -1;
}

/* Takes one report of what was read; false where there is no whole one. */
static bool take_report(struct worker *worker, struct af_tell_runs *totals)
{
    struct report report;
    size_t left = worker->got.len - worker->taken;
    if (left < sizeof report)
        return false;
    const char *at = worker->got.data + worker->taken;
    memcpy(&report, at, sizeof report);
    if (left - sizeof report < report.way_len)
        return false;
    add(totals, &report, at + sizeof report);
    worker->taken += sizeof report + report.way_len;
    return true;
}

/* Each of them, for Ctrl-C reaches all and `kill` this process alone. */
static void stop(const struct worker *workers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (workers[i].pid > 0)
            kill(workers[i].pid, SIGINT);
}

/* One report of each in turn: the others wait in their pipes. */
static void listen_to_all(struct worker *workers, size_t count,
                          const struct af_run_options *options, struct af_tell_runs *totals,
                          struct af_progress *progress)
{
    size_t ended = 0; /* one after the other */
    bool is_stopping = false;
    for (size_t turn = 0; ended < count;) {
        struct worker *worker = &workers[turn];
        struct pollfd fd = {worker->fd, POLLIN, 0};
        if (af_script_interrupted() && !is_stopping) {
            is_stopping = true;
            af_interrupt_seen();
            stop(workers, count);
        }
        if (take_report(worker, totals)) {
            ended = 0;
            turn = (turn + 1) % count;
        } else if (worker->fd < 0) {
            ended++;
            turn = (turn + 1) % count;
        } else if (poll(&fd, 1, 100) > 0) {
            listen_to(worker);
        }
        if (af_progress_due(progress))
            af_progress_show(progress, "%llu of %lld runs, %llu failed",
                             (unsigned long long)totals->runs, (long long)options->runs,
                             (unsigned long long)totals->failed_runs);
    }
}

/* Jails this process, and loads the flow: mistakes are told once, here. */
static int load(const struct af_run_options *options, const struct worker *workers, size_t count,
                struct af_failure *why)
{
    struct af_sim_options first = options->sim;
    pid_t *jobs = af_mem_zero(count, sizeof *jobs);
    first.quiet = options->verbosity < 0;
    for (size_t i = 0; i < count; i++)
        jobs[i] = workers[i].pid;
    struct af_sim *sim =
        af_jailed_enter(jobs, count, why) != 0 ? NULL : af_sim_new(&first, NULL, why);
    free(jobs);
    af_sim_free(sim);
    return sim == NULL ? -1 : 0;
}

/* The workers, each with a byte to begin. */
static int run_workers(const struct af_run_options *options, struct worker *workers, size_t count,
                       struct af_tell_runs *totals, struct af_progress *progress,
                       struct af_failure *why)
{
    int go[2];
    if (pipe2(go, O_CLOEXEC) != 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, "--runs", "no pipe: %s", strerror(errno));
    int result = start(options, go, workers, count, why);
    close(go[0]);
    if (result == 0)
        result = load(options, workers, count, why);
    for (size_t i = 0; i < count && result == 0; i++)
        af_io_write_all(go[1], "g", 1);
    close(go[1]);
    if (result == 0)
        listen_to_all(workers, count, options, totals, progress);
    return result;
}

static int run_seeds(const struct af_run_options *options, struct af_tell_runs *totals,
                     struct af_progress *progress, struct af_failure *why)
{
    struct af_jailed_spec jail;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = cores < 1 ? 1 : (size_t)cores;
    if (count > (uint64_t)options->runs)
        count = (size_t)options->runs;
    af_run_options_jail(options, &jail);
    if (af_jailed_begin(&jail, why) != 0)
        return -1;
    struct worker *workers = af_mem_zero(count, sizeof *workers);
    int result = run_workers(options, workers, count, totals, progress, why);
    for (size_t i = 0; i < count; i++) {
        int status = 0;
        if (workers[i].pid > 0 && waitpid(workers[i].pid, &status, 0) > 0 && result == 0 &&
            !af_script_interrupted() && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
            result = af_failure_set(why, AF_FAILURE_TRANSPORT, "--runs",
                                    "a worker process died (status %d)", status);
        af_buf_release(&workers[i].got);
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
    af_progress_init(&progress, options->verbosity < 0);
    int status = run_seeds(options, &totals, &progress, why);
    totals.elapsed_ms = af_progress_elapsed_ms(&progress);
    totals.is_interrupted = af_script_interrupted();
    if (status == 0) {
        af_progress_end(&progress);
        status = broken_run ? tell_mistake(options, totals.lowest_seed, why)
                            : af_tell_runs(options, &totals);
    }
    af_ways_release(&totals.ways);
    free(totals.failing);
    return status;
}
