/* process.c: see process.h. A child is over when its first process has ended; what is left of its
 * group is killed then, and what the pipes still hold is read. */
#include "loop/process.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/io.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS (100 * AF_MS_NS) /* between two looks at whether to stop */

/* One of output and errors. */
struct stream {
    struct af_process *process;
    int fd; /* -1: it is over */
    struct af_buf bytes;
};

struct af_process {
    struct af_loop *loop;
    struct af_process_child child;
    char *name;
    char *output_path; /* what child.output_file becomes */
    char *input;
    size_t input_len, input_at;
    struct stream output, errors;
    size_t max_bytes;
    int64_t timeout_ns;
    bool waits; /* for its input */
    struct af_timer *timer;
    void (*heard)(void *arg, const char *errors, size_t len);
    af_process_done_fn *done, *closed; /* closed may be NULL */
    void *arg;
};

static void drop(struct af_process *process, int *fd)
{
    if (*fd < 0)
        return;
    if (fd != &process->child.input || !process->waits)
        af_loop_unwatch(process->loop, *fd);
    close(*fd);
    *fd = -1;
}

static void free_process(struct af_process *process)
{
    drop(process, &process->child.input);
    drop(process, &process->output.fd);
    drop(process, &process->errors.fd);
    drop(process, &process->child.pidfd);
    af_timer_cancel(process->timer);
    af_buf_release(&process->output.bytes);
    af_buf_release(&process->errors.bytes);
    if (process->child.output_file != NULL)
        unlink(process->child.output_file);
    free(process->child.output_file);
    free(process->output_path);
    free(process->input);
    free(process->name);
    free(process);
}

/* Kills the whole group before its first process is reaped, while its number is surely ours.
 * Returns the status of that process. */
static int kill_group(struct af_process *process)
{
    int status = 0;
    kill(-process->child.pid, SIGKILL);
    while (waitpid(process->child.pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void fail(struct af_process *process, const char *text)
{
    struct af_process_result result = {.failure = text};
    kill_group(process);
    process->done(process->arg, &result);
    free_process(process);
}

static void too_slow(void *arg)
{
    struct af_process *process = arg;
    char text[AF_FAILURE_TEXT_MAX];
    process->timer = NULL;
    snprintf(text, sizeof text, "%.200s: not over after %.10g s, so it was ended", process->name,
             (double)process->timeout_ns / 1e9);
    fail(process, text);
}

static void too_much(struct af_process *process)
{
    char text[AF_FAILURE_TEXT_MAX];
    snprintf(text, sizeof text, "%.200s: wrote more than %zu bytes, so it was ended", process->name,
             process->max_bytes);
    fail(process, text);
}

/* ---- What it writes. ---- */

enum reading { READ_ALL, READ_END, READ_TOO_MUCH };

/* Reads what is there, at most one piece if `once`. */
static enum reading read_stream(struct stream *stream, bool once)
{
    char piece[65536];
    do {
        ssize_t got = read(stream->fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN ? READ_ALL : READ_END;
        if (got == 0)
            return READ_END;
        if ((size_t)got > stream->process->max_bytes - stream->bytes.len)
            return READ_TOO_MUCH;
        af_buf_append(&stream->bytes, piece, (size_t)got);
    } while (!once);
    return READ_ALL;
}

static struct af_process_result written(const struct af_process *process)
{
    return (struct af_process_result){
        .output = af_buf_text(&process->output.bytes),
        .output_len = process->output.bytes.len,
        .errors = af_buf_text(&process->errors.bytes),
        .errors_len = process->errors.bytes.len,
    };
}

/* Its output is over; what it has to say about that it has said before. */
static void close_output(struct af_process *process)
{
    drop(process, &process->output.fd);
    if (process->closed == NULL)
        return;
    if (process->errors.fd >= 0 && read_stream(&process->errors, false) == READ_TOO_MUCH) {
        too_much(process);
        return;
    }
    struct af_process_result result = written(process);
    process->closed(process->arg, &result);
}

static void on_written(void *arg)
{
    struct stream *stream = arg;
    struct af_process *process = stream->process;
    enum reading reading = read_stream(stream, true);
    if (reading == READ_TOO_MUCH)
        too_much(process);
    else if (reading == READ_END && stream == &process->output)
        close_output(process);
    else if (reading == READ_END)
        drop(process, &stream->fd);
    else if (stream == &process->errors && process->heard != NULL)
        process->heard(process->arg, af_buf_text(&stream->bytes), stream->bytes.len);
}

/* ---- What it reads. ---- */

static void on_room(void *arg)
{
    struct af_process *process = arg;
    ssize_t put = write(process->child.input, process->input + process->input_at,
                        process->input_len - process->input_at);
    if (put < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (put > 0)
        process->input_at += (size_t)put;
    if (put < 0 || process->input_at == process->input_len)
        drop(process, &process->child.input); /* it has all, or wants no more */
}

/* ---- Its end. ---- */

/* Gives the file that a program has written whole its name. False, with errno, if it cannot be. */
static bool put_output_in_place(struct af_process *process, int status)
{
    char *file = process->child.output_file;
    if (file == NULL || status != 0)
        return true;
    if (!af_io_sync(file) || rename(file, process->output_path) != 0)
        return false;
    free(file);
    process->child.output_file = NULL;
    return true;
}

static void on_end(void *arg)
{
    struct af_process *process = arg;
    int status = kill_group(process);
    struct stream *streams[] = {&process->output, &process->errors};
    char text[AF_FAILURE_TEXT_MAX];
    const char *failure = NULL;
    for (size_t i = 0; i < 2 && failure == NULL; i++) {
        if (streams[i]->fd >= 0 && read_stream(streams[i], false) == READ_TOO_MUCH) {
            snprintf(text, sizeof text, "%.200s: wrote more than %zu bytes", process->name,
                     process->max_bytes);
            failure = text;
        }
    }
    if (failure == NULL && !put_output_in_place(process, status)) {
        snprintf(text, sizeof text, "%.200s: its output cannot be written: %s", process->name,
                 strerror(errno));
        failure = text;
    }
    struct af_process_result result = written(process);
    result.failure = failure;
    result.status = status;
    process->done(process->arg, &result);
    free_process(process);
}

/* ---- Starting. ---- */

static int watch(struct af_process *process, struct af_failure *why)
{
    struct af_loop *loop = process->loop;
    const struct af_process_child *child = &process->child;
    if (af_loop_watch(loop, child->pidfd, false, on_end, process, why) != 0 ||
        (child->output >= 0 &&
         af_loop_watch(loop, child->output, false, on_written, &process->output, why) != 0) ||
        af_loop_watch(loop, child->errors, false, on_written, &process->errors, why) != 0)
        return -1;
    return child->input < 0 || process->waits
               ? 0
               : af_loop_watch(loop, child->input, true, on_room, process, why);
}

struct af_process *af_process_start(struct af_loop *loop, const struct af_process_spec *spec,
                                    af_process_done_fn *done, void *arg, struct af_failure *why)
{
    struct af_process_child child;
    assert(spec->timeout_ns > 0);
    if (af_process_spawn(spec, &child, why) != 0)
        return NULL;
    struct af_process *process = af_mem_zero(1, sizeof *process);
    process->loop = loop;
    process->child = child;
    process->name = af_mem_string(spec->name);
    process->output_path = spec->output_path == NULL ? NULL : af_mem_string(spec->output_path);
    process->output = (struct stream){process, child.output, AF_BUF_EMPTY};
    process->errors = (struct stream){process, child.errors, AF_BUF_EMPTY};
    process->max_bytes = spec->max_bytes;
    process->timeout_ns = spec->timeout_ns;
    process->heard = spec->heard;
    process->waits = spec->waits;
    process->done = done;
    process->arg = arg;
    if (spec->input != NULL) {
        process->input = af_mem_copy(spec->input, spec->input_len);
        process->input_len = spec->input_len;
    }
    if (watch(process, why) != 0) {
        kill_group(process);
        free_process(process);
        return NULL;
    }
    if (!process->waits)
        process->timer = af_timer_start(loop, spec->timeout_ns, too_slow, process);
    return process;
}

void af_process_give(struct af_process *process, const void *input, size_t len,
                     af_process_done_fn *done, void *arg)
{
    struct af_failure ignored = AF_FAILURE_INIT;
    assert(process->waits);
    process->waits = false;
    process->input = af_mem_copy(input, len);
    process->input_len = len;
    process->done = done;
    process->arg = arg;
    process->timer = af_timer_start(process->loop, process->timeout_ns, too_slow, process);
    if (len == 0 ||
        af_loop_watch(process->loop, process->child.input, true, on_room, process, &ignored) != 0) {
        close(process->child.input);
        process->child.input = -1;
    }
}

void af_process_on_closed(struct af_process *process, af_process_done_fn *closed)
{
    process->closed = closed;
}

void af_process_pass(struct af_process *process, af_process_done_fn *done, void *arg)
{
    process->closed = NULL;
    process->done = done;
    process->arg = arg;
}

void af_process_cancel(struct af_process *process)
{
    if (process == NULL)
        return;
    kill_group(process);
    free_process(process);
}

/* ---- Without a loop of one's own: a loop for it alone. ---- */

struct wait {
    struct af_loop *loop;
    struct af_process *process;
    struct af_timer *look;
    bool (*stopped)(void);
    bool was_stopped;
    af_process_done_fn *done;
    void *arg;
};

static void look(void *arg)
{
    struct wait *wait = arg;
    wait->look = NULL;
    if (wait->stopped()) {
        wait->was_stopped = true;
        af_process_cancel(wait->process);
    } else {
        wait->look = af_timer_start(wait->loop, LOOK_NS, look, wait);
    }
}

static void waited(void *arg, const struct af_process_result *result)
{
    struct wait *wait = arg;
    af_timer_cancel(wait->look);
    wait->look = NULL;
    wait->done(wait->arg, result);
}

int af_process_run(const struct af_process_spec *spec, bool (*stopped)(void),
                   af_process_done_fn *done, void *arg, struct af_failure *why)
{
    struct wait wait = {.stopped = stopped, .done = done, .arg = arg};
    wait.loop = af_loop_ev_new(why);
    if (wait.loop == NULL)
        return -1;
    wait.process = af_process_start(wait.loop, spec, waited, &wait, why);
    if (wait.process != NULL && stopped != NULL)
        wait.look = af_timer_start(wait.loop, LOOK_NS, look, &wait);
    if (wait.process != NULL)
        af_loop_run(wait.loop);
    af_loop_free(wait.loop);
    if (wait.was_stopped)
        af_failure_set(why, AF_FAILURE_INTERRUPTED, spec->name, "was interrupted");
    return wait.process == NULL || wait.was_stopped ? -1 : 0;
}

int64_t af_process_computed_ns(int pid)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return -1;
    return time.tv_sec * AF_S_NS + time.tv_nsec;
}
