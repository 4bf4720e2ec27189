/* host.c: see host.h: one process after the other. */
#include "worker/host_impl.h"

#include "base/bounds.h"
#include "loop/loop.h"
#include "loop/process.h"
#include "base/mem.h"
#include "script/effects.h"
#include "worker/group.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_readable(void *arg);
static void on_writable(void *arg);
static void on_end(void *arg);
static void on_watchdog(void *arg);

/* ---- Callbacks. ---- */

static void release(struct af_worker *worker);

void af_worker_enter(struct af_worker *worker)
{
    worker->depth++;
}

bool af_worker_leave(struct af_worker *worker)
{
    if (--worker->depth > 0 || !worker->doomed)
        return !worker->doomed;
    release(worker);
    return false;
}

/* ---- The end of a process. ---- */

/* What the process was at, as ", in delivery of 'sync' to x". */
static void tell_job(const struct af_worker *worker, char *text, size_t size)
{
    const struct af_job *job = worker->sent.first;
    const struct af_script_party *party = job == NULL ? NULL : job->party;
    text[0] = '\0';
    if (job != NULL && job->kind == AF_JOB_LOAD)
        snprintf(text, size, ", while it was loaded");
    if (job != NULL && job->kind == AF_JOB_CHECK)
        snprintf(text, size, ", while its arguments were looked at");
    if (party == NULL)
        return;
    const char *id = party->script->members[party->member].id;
    static const char *const kinds[] = {[AF_INPUT_START] = "at the start of",
                                        [AF_INPUT_AFTER] = "after a time, in",
                                        [AF_INPUT_DEADLINE] = "at a deadline of",
                                        [AF_INPUT_MIGRATE] = "in the migration of",
                                        [AF_INPUT_BACK] = "in the migration back of"};
    if (party->kind == AF_INPUT_EVENT || party->kind == AF_INPUT_VALIDATE)
        snprintf(text, size, ", in delivery of '%s' to %s", worker->flow->events[party->event].type,
                 id);
    else
        snprintf(text, size, ", %s %s", kinds[party->kind], id);
}

/* ate: its cgroup says that it took too much. */
static void tell_end(const struct af_worker *worker, int status, bool ate, char *text, size_t size)
{
    char job[AF_BUS_ID_BYTES_MAX + 200];
    tell_job(worker, job, sizeof job);
    if (worker->hung)
        snprintf(text, size, "hung for %lld s%s, and was killed",
                 (long long)(worker->spec.hang_ns / AF_S_NS), job);
    else if (worker->broke != NULL)
        snprintf(text, size, "was killed since %s%s", worker->broke, job);
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        snprintf(text, size, "was killed for a system call that its jail forbids%s", job);
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        snprintf(text, size, "computed without having been asked, and was killed%s", job);
    else if (WIFSIGNALED(status) && ate)
        snprintf(text, size, "took more than %lld MiB of memory%s, and was killed",
                 (long long)(worker->spec.memory_bytes >> 20), job);
    else if (WIFSIGNALED(status))
        snprintf(text, size, "was killed by signal %d%s", WTERMSIG(status), job);
    else if (WEXITSTATUS(status) == 127)
        snprintf(text, size, "could not be executed");
    else
        snprintf(text, size, "ended with status %d%s", WEXITSTATUS(status), job);
}

/* Tells the owners of what was lost; `blamed` is the party whose delivery the process was at. */
static void tell_lost(struct af_worker *worker, const struct af_script_party *blamed,
                      const char *text)
{
    while (worker->given != NULL) {
        struct af_script_party *party = worker->given;
        struct af_effects effects = {.after_ns = -1,
                                     .progress = -1,
                                     .outcome = AF_OUTCOME_LOST,
                                     .blamed = party == blamed,
                                     .text = text};
        af_worker_take_back(party);
        party->delivering = false;
        party->call = 0;
        party->answers = 0;
        party->done(party->arg, party, &effects);
    }
}

static void tell_failed_jobs(struct af_jobs *jobs, const char *text)
{
    struct af_job *job;
    while ((job = af_jobs_pop(jobs)) != NULL) {
        struct af_failure why = AF_FAILURE_INIT;
        af_failure_set(&why, AF_FAILURE_FLOW, "worker", "%s", text);
        if (job->kind == AF_JOB_CHECK && job->script != NULL)
            job->checked(job->arg, &why);
        if (job->kind == AF_JOB_PROBE)
            job->probed(job->arg, AF_WORKER_PROBE_KILLED);
        af_job_free(job);
    }
}

/* Of what waited to be sent, answers are for deliveries that are lost. */
static void forget_answers(struct af_worker *worker)
{
    for (struct af_job *job = worker->ready.first; job != NULL; job = job->next)
        if (job->kind == AF_JOB_ANSWER)
            job->party = NULL;
}

static void close_process(struct af_worker *worker)
{
    af_timer_cancel(worker->watchdog);
    worker->watchdog = NULL;
    af_worker_sleep(worker);
    if (worker->pid == 0)
        return;
    af_loop_unwatch(worker->spec.loop, worker->link.fd);
    af_loop_unwatch(worker->spec.loop, worker->pidfd);
    af_wire_link_release(&worker->link);
    close(worker->pidfd);
    worker->pid = 0;
    worker->pidfd = -1;
    worker->writing = worker->hello = false;
    worker->script_numbers.free_count = worker->party_numbers.free_count = 0;
    worker->script_numbers.next = worker->party_numbers.next = 0;
}

static void start(void *arg);

static void fail_to_load(struct af_worker *worker, const struct af_failure *why)
{
    worker->state = AF_WORKER_DEAD;
    worker->spec.loaded(worker->spec.arg, worker, why);
}

static void restart_later(struct af_worker *worker)
{
    worker->state = AF_WORKER_DOWN;
    worker->restart = af_timer_start(worker->spec.loop, worker->restart_ns, start, worker);
    worker->restart_ns *= 2;
    if (worker->restart_ns > AF_WORKER_RESTART_LAST_NS)
        worker->restart_ns = AF_WORKER_RESTART_LAST_NS;
}

/* The process is gone. */
static void mourn(struct af_worker *worker, int status)
{
    char text[AF_FAILURE_TEXT_MAX];
    struct af_failure why = AF_FAILURE_INIT;
    const struct af_job *at = worker->sent.first;
    const struct af_script_party *blamed = at == NULL ? NULL : at->party;
    tell_end(worker, status, af_worker_group_end(worker->pid), text, sizeof text);
    forget_answers(worker);
    close_process(worker);
    af_worker_enter(worker);
    if (worker->flow == NULL) {
        if (worker->refused.kind != AF_FAILURE_NONE)
            why = worker->refused;
        else
            af_failure_set(&why, AF_FAILURE_FLOW, worker->base, "its worker %s", text);
        tell_failed_jobs(&worker->sent, text);
        fail_to_load(worker, &why);
    } else {
        restart_later(worker);
        tell_lost(worker, blamed, text);
        tell_failed_jobs(&worker->sent, text);
        if (worker->spec.died != NULL && !worker->doomed)
            worker->spec.died(worker->spec.arg, worker, text);
    }
    af_worker_leave(worker);
}

static void kill_process(struct af_worker *worker)
{
    if (worker->pid != 0)
        kill(worker->pid, SIGKILL); /* it is not waited for yet: the number is still its own */
}

void af_worker_break(struct af_worker *worker, const char *what)
{
    if (worker->broke == NULL)
        worker->broke = what;
    kill_process(worker);
}

/* ---- Hearing. ---- */

/* Does what was said, until there is no more, or may be no more. */
static bool hear_all(struct af_worker *worker)
{
    struct af_wire_message message;
    const char *what = NULL;
    int got;
    while (worker->broke == NULL && !worker->doomed && worker->pid != 0 &&
           (got = af_wire_next(&worker->link, &message, &what)) != 0) {
        if (got > 0)
            what = af_worker_hear(worker, &message);
        if (what != NULL)
            af_worker_break(worker, what);
    }
    return worker->broke == NULL && !worker->doomed && worker->pid != 0;
}

/* Reads at most so often. Returns false at the end of what can be read. */
static bool read_some(struct af_worker *worker, int times)
{
    for (int i = 0; i < times; i++) {
        int got = af_wire_fill(&worker->link);
        if (got < 0 && errno == EAGAIN)
            return true;
        if (got <= 0 || !hear_all(worker))
            return false;
    }
    return true;
}

static void on_readable(void *arg)
{
    struct af_worker *worker = arg;
    af_worker_enter(worker);
    if (worker->broke != NULL || !read_some(worker, AF_WORKER_READS)) {
        if (!worker->doomed && worker->pid != 0) { /* its end is told by its pidfd */
            af_loop_unwatch(worker->spec.loop, worker->link.fd);
            worker->writing = false;
            kill_process(worker);
        }
    }
    af_worker_leave(worker);
}

/* The process has ended: what it had said before still holds. */
static void on_end(void *arg)
{
    struct af_worker *worker = arg;
    int status = 0;
    af_worker_enter(worker);
    while (worker->broke == NULL && !worker->hung && !worker->doomed) {
        int got = af_wire_fill(&worker->link);
        if (got <= 0 || !hear_all(worker))
            break;
    }
    if (worker->gone != NULL) {
        worker->gone(worker->gone_arg);
    } else if (!worker->doomed) {
        while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
            continue;
        mourn(worker, status);
    }
    af_worker_leave(worker);
}

/* ---- Writing. ---- */

static void watch_writing(struct af_worker *worker, bool wanted)
{
    if (worker->writing == wanted)
        return;
    worker->writing = wanted;
    af_loop_unwatch(worker->spec.loop, worker->link.fd);
    af_loop_watch(worker->spec.loop, worker->link.fd, false, on_readable, worker, NULL);
    if (wanted)
        af_loop_watch(worker->spec.loop, worker->link.fd, true, on_writable, worker, NULL);
}

void af_worker_write(struct af_worker *worker)
{
    if (worker->pid == 0 || worker->broke != NULL)
        return;
    int left = 0;
    do {
        af_worker_pump(worker);
        left = af_wire_flush(&worker->link);
    } while (left == 0 && af_wire_unsent(&worker->link) > 0);
    if (left >= 0) /* else it is gone, which on_end() is told */
        watch_writing(worker, left == 1);
    if (worker->watchdog == NULL && worker->sent.first != NULL)
        worker->watchdog =
            af_timer_start(worker->spec.loop, worker->spec.hang_ns, on_watchdog, worker);
}

static void on_writable(void *arg)
{
    af_worker_write(arg);
}

/* ---- The watchdog: one timer, moved on when it finds that the process is at something newer. ----
 */

static void on_watchdog(void *arg)
{
    struct af_worker *worker = arg;
    worker->watchdog = NULL;
    af_worker_enter(worker);
    if (worker->broke == NULL)
        read_some(worker, AF_WORKER_READS); /* we may have been away ourselves */
    if (af_worker_leave(worker) && worker->pid != 0 && worker->sent.first != NULL) {
        int64_t left_ns =
            worker->busy_since_ns + worker->spec.hang_ns - af_loop_now_ns(worker->spec.loop);
        if (left_ns <= 0 && worker->broke == NULL) {
            worker->hung = true;
            kill_process(worker);
        } else {
            worker->watchdog = af_timer_start(
                worker->spec.loop, left_ns > AF_MS_NS ? left_ns : AF_MS_NS, on_watchdog, worker);
        }
    }
}

/* ---- The processor: by the watchdog a delivery may take as long as hang_ns; without one nothing
 * is to be computed. So the kernel is told, at most once a second, how long the process may have
 * computed in all. ---- */

void af_worker_begins(struct af_worker *worker)
{
    struct rlimit limit;
    int64_t now_ns = af_loop_now_ns(worker->spec.loop);
    worker->busy_since_ns = now_ns;
    if (worker->pid == 0 || now_ns - worker->allowed_ns < AF_S_NS)
        return;
    int64_t computed_ns = af_process_computed_ns(worker->pid);
    if (computed_ns < 0 || prlimit(worker->pid, RLIMIT_CPU, NULL, &limit) != 0)
        return;
    worker->allowed_ns = now_ns;
    rlim_t most = (rlim_t)((computed_ns + worker->spec.hang_ns) / AF_S_NS + AF_WORKER_IDLE_CPU_S);
    limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
    prlimit(worker->pid, RLIMIT_CPU, &limit, NULL);
}

/* ---- The beginning. ---- */

static int start_process(struct af_worker *worker, struct af_failure *why)
{
    struct af_buf name = AF_BUF_EMPTY;
    worker->broke = NULL;
    worker->hung = false;
    worker->log_count = worker->read_count = 0;
    if (af_worker_spawn(worker, why) != 0)
        return -1;
    worker->process++;
    worker->state = AF_WORKER_LOADS;
    worker->allowed_ns = -AF_S_NS;
    af_worker_begins(worker);
    af_loop_watch(worker->spec.loop, worker->link.fd, false, on_readable, worker, NULL);
    af_loop_watch(worker->spec.loop, worker->pidfd, false, on_end, worker, NULL);
    af_jobs_push(&worker->sent, af_job_new(AF_JOB_LOAD));
    af_wire_put_string(&name, worker->base);
    af_wire_put_u8(&name, worker->spec.alone);
    af_wire_send(&worker->link, AF_WIRE_LOAD, &name, NULL, 0);
    af_buf_release(&name);
    af_worker_write(worker);
    return 0;
}

/* After a pause. */
static void start(void *arg)
{
    struct af_worker *worker = arg;
    struct af_failure why = AF_FAILURE_INIT;
    worker->restart = NULL;
    if (start_process(worker, &why) == 0)
        return;
    restart_later(worker);
    if (worker->spec.died != NULL)
        worker->spec.died(worker->spec.arg, worker, why.why);
}

const char *af_worker_loaded(struct af_worker *worker, struct af_wire_in *in)
{
    struct af_failure why;
    const char *begin = in->at;
    size_t len = (size_t)(in->end - in->at);
    const char *what = af_wire_read_failure(in, &why);
    if (what != NULL)
        return what;
    if (worker->flow != NULL) {
        if (len != worker->told.len || memcmp(begin, worker->told.data, len) != 0)
            return "the flow did not load the same way again";
        worker->state = AF_WORKER_READY;
        af_worker_wake(worker);
        return NULL;
    }
    if (why.kind != AF_FAILURE_NONE) {
        worker->state = AF_WORKER_DEAD;
        fail_to_load(worker, &why);
        return NULL;
    }
    /* what is refused leaves no trace: the next process would have to say the same */
    struct af_flow *flow = NULL;
    bool is_script = false;
    af_buf_append(&worker->told, begin, len);
    what = af_wire_read_flow(in, &worker->arena, &worker->file, &flow, &is_script);
    if (what == NULL && is_script && !worker->spec.alone)
        what = "it loads what is no flow";
    if (what != NULL) {
        af_buf_clear(&worker->told);
        return what;
    }
    worker->flow = flow;
    worker->is_script = is_script;
    worker->state = AF_WORKER_READY;
    worker->spec.loaded(worker->spec.arg, worker, NULL);
    return NULL;
}

struct af_worker *af_worker_start(const struct af_worker_spec *spec, struct af_failure *why)
{
    struct af_worker *worker = af_mem_zero(1, sizeof *worker);
    worker->spec = *spec;
    worker->path = af_mem_string(spec->path);
    const char *slash = strrchr(worker->path, '/');
    worker->base = slash == NULL ? worker->path : slash + 1;
    worker->program = af_mem_string(spec->program == NULL ? "/proc/self/exe" : spec->program);
    worker->pidfd = worker->link.fd = -1;
    worker->restart_ns = AF_WORKER_RESTART_FIRST_NS;
    if (worker->spec.hang_ns == 0)
        worker->spec.hang_ns = AF_WORKER_HANG_NS;
    af_jobs_init(&worker->ready);
    af_jobs_init(&worker->sent);
    if (spec->code != NULL)
        af_worker_take_code(worker, spec->code);
    worker->spec.code = NULL; /* was borrowed for this */
    if (start_process(worker, why) == 0)
        return worker;
    release(worker);
    return NULL;
}

/* ---- Looking at it, and its end. ---- */

static void free_jobs(struct af_jobs *jobs)
{
    struct af_job *job;
    while ((job = af_jobs_pop(jobs)) != NULL)
        af_job_free(job);
}

static void release(struct af_worker *worker)
{
    pid_t pid = worker->pid;
    kill_process(worker);
    close_process(worker);
    while (pid != 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (pid != 0)
        af_worker_group_end(pid);
    af_timer_cancel(worker->restart);
    free_jobs(&worker->ready);
    free_jobs(&worker->sent);
    af_worker_release_files(worker);
    worker->effects.bytes = AF_BUF_EMPTY; /* they were a message's */
    af_effects_release(&worker->effects);
    af_arena_release(&worker->arena);
    af_buf_release(&worker->told);
    free(worker->script_numbers.free);
    free(worker->party_numbers.free);
    free(worker->path);
    free(worker->program);
    free(worker);
}

void af_worker_free(struct af_worker *worker)
{
    if (worker == NULL)
        return;
    assert(worker->script_count == 0);
    worker->doomed = true;
    if (worker->depth == 0)
        release(worker);
}

bool af_worker_end(struct af_worker *worker, void (*gone)(void *arg), void *arg)
{
    assert(worker->script_count == 0);
    if (worker->pid == 0)
        return false;
    worker->gone = gone;
    worker->gone_arg = arg;
    af_worker_break(worker, "nobody needs it");
    return true;
}

const struct af_flow *af_worker_flow(const struct af_worker *worker)
{
    return worker->is_script ? NULL : worker->flow;
}

const struct af_script_file *af_worker_file(const struct af_worker *worker)
{
    return worker->flow == NULL ? NULL : &worker->file;
}

int af_worker_pid(const struct af_worker *worker)
{
    return worker->pid;
}

uint64_t af_worker_restarts(const struct af_worker *worker)
{
    return worker->process - 1;
}

void af_worker_probe(struct af_worker *worker, unsigned attempt, af_worker_probed_fn *probed,
                     void *arg)
{
    struct af_job *job = af_worker_queue(worker, AF_JOB_PROBE);
    job->probed = probed;
    job->arg = arg;
    af_wire_put_u32(&job->body, attempt);
}
