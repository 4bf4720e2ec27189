/* studio_work.c: the program's own commands, run for a page: see studio.h. */
#include "cli/studio.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "loop/process.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 96 };

enum { ANY, RUNS, DRAWS, READY };

/* One that has answered, and has not ended yet. */
struct leaving {
    struct leaving *next, **at;
    struct af_process *process;
};

struct af_studio_ready {
    struct af_loop *loop;
    const struct af_studio_options *options;
    struct af_process *waiting[READY]; /* NULL: there is none */
    struct leaving *leaving;
    struct af_timer *soon;
};

struct af_studio_work {
    struct af_studio_ready *ready;
    struct af_studio_asked asked;
    struct af_process *process;
    struct af_buf answer; /* of a run, that is being drawn */
    bool is_drawn;
    size_t heard; /* how much of its progress was told */
};

struct words {
    const char *items[WORDS_MAX];
    char *made[WORDS_MAX]; /* those that are ours */
    size_t count, made_count;
};

/* What decides a run, of a sample the seed being the first; what bounds a check. */
static const char *const run_knobs[] = {"seed",      "parties", "arg",       "latency", "drop",
                                        "duplicate", "crash",   "partition", "until",   NULL};
static const char *const check_knobs[] = {"parties", "arg",  "drop", "duplicate", "crash",
                                          "away",    "lose", "time", "timeouts",  "depth",
                                          "states",  "fifo", NULL};

/* The command of each kind. */
static const struct {
    const char *words[8];
    const char *const *knobs;
    bool draws;    /* writes a trace, whose rows are part of the answer */
    bool is_plain; /* its output is the answer, as it is */
    bool has_flow;
} kinds[] = {
    [AF_STUDIO_RUN] = {{"run", "--mock", "--json", "-q", "--trace", "-", "--trace-data"},
                       run_knobs,
                       .draws = true,
                       .has_flow = true},
    [AF_STUDIO_RUNS] = {{"run", "--mock", "--json", "-q", "--runs=1000"},
                        run_knobs,
                        .has_flow = true},
    [AF_STUDIO_STATES] = {{"chart", "--states", "--json"}, .has_flow = true},
    [AF_STUDIO_PICTURE] = {{"chart", "--states", "--svg"}, .is_plain = true, .has_flow = true},
    [AF_STUDIO_CHECK] = {{"check", "--json", "--progress"}, check_knobs, .has_flow = true},
    [AF_STUDIO_EXPLORE] = {{"check", "--json", "--explore", "-", "--trace", "-"},
                           check_knobs,
                           .draws = true,
                           .has_flow = true},
    [AF_STUDIO_STEPS] = {{"check", "--json", "--explore", "-"}, check_knobs, .has_flow = true},
    [AF_STUDIO_EXPORT] = {{"check", "--json", "--explore", "-", "--trace", "-"},
                          check_knobs,
                          .is_plain = true,
                          .has_flow = true},
    [AF_STUDIO_TRACE] = {.words = {"chart", "-", "--json", "--data"}},
};

static void add(struct words *words, const char *word)
{
    if (words->count < WORDS_MAX)
        words->items[words->count++] = word;
}

/* Each line of a knob's value as an option. */
static void add_knob(struct words *words, const char *name, const char *value)
{
    while (*value != '\0' && words->made_count < WORDS_MAX / 2) {
        size_t len = strcspn(value, "\n");
        struct af_buf word = AF_BUF_EMPTY;
        af_buf_printf(&word, "--%s=%.*s", name, (int)len, value);
        char *made = af_buf_take(&word);
        if (len > 0)
            add(words, words->made[words->made_count++] = made);
        else
            free(made);
        value += len + (value[len] != '\0');
    }
}

static void add_knobs(struct words *words, const struct af_studio_asked *asked)
{
    const char *const *knobs = kinds[asked->kind].knobs;
    for (; knobs != NULL && *knobs != NULL; knobs++) {
        const char *value = asked->knob(asked->arg, *knobs);
        if (value != NULL && strcmp(*knobs, "fifo") == 0) /* a flag */
            add(words, "--fifo");
        else if (value != NULL)
            add_knob(words, *knobs, value);
    }
}

static void add_command(struct words *words, enum af_studio_kind kind)
{
    for (const char *const *word = kinds[kind].words; *word != NULL; word++)
        add(words, *word);
}

static void add_jail(struct words *words, const struct af_studio_options *options)
{
    if (options->no_jail)
        add(words, "--no-jail");
    if (options->require_jail)
        add(words, "--require-jail");
}

/* ---- Processes that are ready: a page need not wait for their beginning. ---- */

static const struct af_process_spec plain = {.path = "/proc/self/exe",
                                             .name = "afrun",
                                             .timeout_ns = AF_STUDIO_WORK_NS,
                                             .max_bytes = AF_PROCESS_OUTPUT_BYTES_MAX};

/* One has ended before it was asked. */
static void on_lost(void *arg, const struct af_process_result *result)
{
    (void)result;
    *(struct af_process **)arg = NULL;
}

static void make_ready(void *arg)
{
    struct af_studio_ready *ready = arg;
    struct af_failure ignored = AF_FAILURE_INIT;
    ready->soon = NULL;
    for (int i = 0; i < READY; i++) {
        struct words words = {.count = 0};
        add(&words, "ready");
        if (i == DRAWS) {
            add(&words, "-");
            add_command(&words, AF_STUDIO_TRACE);
            add_jail(&words, ready->options);
        }
        if (i == RUNS && !ready->options->no_jail)
            add(&words, ready->options->flow);
        struct af_process_spec spec = plain;
        spec.args = words.items;
        spec.arg_count = words.count;
        spec.waits = true;
        if (i == DRAWS)
            spec.max_bytes = AF_STUDIO_ANSWER_BYTES_MAX;
        if (ready->waiting[i] == NULL)
            ready->waiting[i] =
                af_process_start(ready->loop, &spec, on_lost, &ready->waiting[i], &ignored);
    }
}

struct af_studio_ready *af_studio_ready_new(struct af_loop *loop,
                                            const struct af_studio_options *options)
{
    struct af_studio_ready *ready = af_mem_zero(1, sizeof *ready);
    ready->loop = loop;
    ready->options = options;
    return ready;
}

static void forget_leaving(struct leaving *one)
{
    *one->at = one->next;
    if (one->next != NULL)
        one->next->at = one->at;
    free(one);
}

static void on_left(void *arg, const struct af_process_result *result)
{
    (void)result;
    forget_leaving(arg);
}

/* Waits for the end of one that nobody else waits for. */
static void let_leave(struct af_studio_ready *ready, struct af_process *process)
{
    struct leaving *one = af_mem_zero(1, sizeof *one);
    *one = (struct leaving){.next = ready->leaving, .at = &ready->leaving, .process = process};
    if (one->next != NULL)
        one->next->at = &one->next;
    ready->leaving = one;
    af_process_pass(process, on_left, one);
}

void af_studio_ready_free(struct af_studio_ready *ready)
{
    if (ready == NULL)
        return;
    for (int i = 0; i < READY; i++)
        af_process_cancel(ready->waiting[i]);
    for (struct leaving *one = ready->leaving, *next; one != NULL; one = next) {
        next = one->next;
        af_process_cancel(one->process);
        free(one);
    }
    af_timer_cancel(ready->soon);
    free(ready);
}

/* The next ones begin once the answer is out. */
static void forget(struct af_studio_work *work)
{
    struct af_studio_ready *ready = work->ready;
    if (ready->soon == NULL)
        ready->soon = af_timer_start(ready->loop, AF_STUDIO_READY_NS, make_ready, ready);
    af_buf_release(&work->answer);
    free(work);
}

static void tell(struct af_studio_work *work, struct af_buf *answer, const struct af_failure *why)
{
    work->asked.done(work->asked.arg, answer, why);
    forget(work);
}

static void fail(struct af_studio_work *work, const char *text)
{
    struct af_failure why = AF_FAILURE_INIT;
    af_failure_set(&why, AF_FAILURE_TRANSPORT, "afrun", "%s", text);
    tell(work, NULL, &why);
}

/* The answer of --json: the last line that is one, and whole. Its length, or 0. */
static size_t find_answer(const char *text, size_t len, const char **line)
{
    static const char head[] = "{\"format\":";
    while (len > 0 && text[len - 1] != '\n')
        len--;
    while (len > 0) {
        size_t end = len - 1, start = end;
        while (start > 0 && text[start - 1] != '\n')
            start--;
        *line = text + start;
        if (end - start >= sizeof head && memcmp(*line, head, sizeof head - 1) == 0)
            return end - start;
        len = start;
    }
    return 0;
}

static void on_done(void *arg, const struct af_process_result *result);

/* It has written its answer; it is the answer's own word whether it is whole. */
static void on_closed(void *arg, const struct af_process_result *result)
{
    struct af_studio_work *work = arg;
    let_leave(work->ready, work->process);
    on_done(work, result);
}

/* Each line of a check's progress, once. */
static void on_heard(void *arg, const char *errors, size_t len)
{
    struct af_studio_work *work = arg;
    static const char head[] = "{\"format\":1,\"kind\":\"check-progress\"";
    const char *end;
    while ((end = memchr(errors + work->heard, '\n', len - work->heard)) != NULL) {
        const char *line = errors + work->heard;
        work->heard = (size_t)(end - errors) + 1;
        if ((size_t)(end - line) > sizeof head && memcmp(line, head, sizeof head - 1) == 0)
            work->asked.progress(work->asked.arg, line, (size_t)(end - line));
    }
}

static int start(struct af_studio_work *work, enum af_studio_kind kind, const struct words *words,
                 const void *input, size_t input_len, struct af_failure *why)
{
    bool is_long = work->asked.kind == AF_STUDIO_RUNS || work->asked.kind == AF_STUDIO_CHECK;
    bool draws = kind == AF_STUDIO_TRACE;
    struct af_process **waiting = &work->ready->waiting[draws                   ? DRAWS
                                                        : kind == AF_STUDIO_RUN ? RUNS
                                                                                : ANY];
    struct af_process_spec spec = plain;
    if (!is_long && *waiting != NULL) {
        struct af_buf all = AF_BUF_EMPTY;
        for (size_t i = 0; i < words->count && !draws; i++)
            af_buf_append(&all, words->items[i], strlen(words->items[i]) + 1);
        if (!draws)
            af_buf_append_char(&all, '\0');
        af_buf_append(&all, input, input_len);
        work->process = *waiting;
        *waiting = NULL;
        af_process_give(work->process, all.data, all.len, on_done, work);
        if (waiting != &work->ready->waiting[ANY])
            af_process_on_closed(work->process, on_closed);
        af_buf_release(&all);
        return 0;
    }
    spec.args = words->items;
    spec.arg_count = words->count;
    spec.input = input;
    spec.input_len = input_len;
    spec.nice = is_long ? 10 : 0; /* a single run is waited for */
    if (draws)
        spec.max_bytes = AF_STUDIO_ANSWER_BYTES_MAX;
    spec.heard = work->asked.progress == NULL ? NULL : on_heard;
    if (work->asked.kind == AF_STUDIO_CHECK)
        spec.timeout_ns = AF_STUDIO_CHECK_NS;
    work->process = af_process_start(work->ready->loop, &spec, on_done, work, why);
    return work->process == NULL ? -1 : 0;
}

/* Has the program begin with another command. */
static int go_on(struct af_studio_work *work, enum af_studio_kind kind, const void *input,
                 size_t input_len)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct words words = {.count = 0};
    add_command(&words, kind);
    add_jail(&words, work->ready->options);
    if (kinds[kind].has_flow) {
        add(&words, "--");
        add(&words, work->ready->options->flow);
    }
    return start(work, kind, &words, input, input_len, &why);
}

static void add_part(struct af_buf *out, const char *name, const char *json, size_t len)
{
    af_buf_printf(out, ",\"%s\":", name);
    if (len == 0)
        af_buf_append_string(out, "null");
    else
        af_buf_append(out, json, len);
}

static void take_run(struct af_studio_work *work, const char *answer, size_t len,
                     const struct af_process_result *result)
{
    af_buf_append_string(&work->answer, "{\"format\":1,\"kind\":\"studio-run\"");
    add_part(&work->answer, "run", answer, len);
    work->is_drawn = true;
    if (result->output_len > 0 && result->output[0] == '{' && answer != result->output &&
        go_on(work, AF_STUDIO_TRACE, result->output, result->output_len) == 0)
        return;
    add_part(&work->answer, "chart", NULL, 0);
    af_buf_append_char(&work->answer, '}');
    tell(work, &work->answer, NULL);
}

static void on_done(void *arg, const struct af_process_result *result)
{
    struct af_studio_work *work = arg;
    const char *answer = NULL;
    work->process = NULL;
    size_t len = find_answer(result->output, result->output_len, &answer);
    if (len == 0)
        len = find_answer(result->errors, result->errors_len, &answer);
    if (result->failure != NULL) {
        fail(work, result->failure);
    } else if (kinds[work->asked.kind].is_plain && result->status == 0) {
        af_buf_append(&work->answer, result->output, result->output_len);
        tell(work, &work->answer, NULL);
    } else if (work->asked.kind == AF_STUDIO_PICTURE) { /* why there is none, as JSON */
        work->asked.kind = AF_STUDIO_STATES;
        if (go_on(work, AF_STUDIO_STATES, NULL, 0) != 0)
            fail(work, "cannot be started");
    } else if (len == 0) {
        fail(work, result->errors_len > 0 ? result->errors : "has told nothing");
    } else if (work->is_drawn) {
        add_part(&work->answer, "chart", answer, len);
        af_buf_append_char(&work->answer, '}');
        tell(work, &work->answer, NULL);
    } else if (kinds[work->asked.kind].draws) {
        take_run(work, answer, len, result);
    } else {
        af_buf_append(&work->answer, answer, len);
        tell(work, &work->answer, NULL);
    }
}

struct af_studio_work *af_studio_work_start(struct af_studio_ready *ready,
                                            const struct af_studio_asked *asked,
                                            struct af_failure *why)
{
    const struct af_studio_options *options = ready->options;
    struct af_studio_work *work = af_mem_zero(1, sizeof *work);
    struct words words = {.count = 0};
    *work = (struct af_studio_work){.ready = ready, .asked = *asked};
    add_command(&words, asked->kind);
    add_jail(&words, options);
    add_knobs(&words, asked);
    if (kinds[asked->kind].knobs == check_knobs && options->upgrade != NULL) {
        add(&words, "--upgrade");
        add(&words, options->upgrade);
    }
    if (kinds[asked->kind].has_flow) {
        add(&words, "--");
        add(&words, options->flow);
    }
    int result = start(work, asked->kind, &words, asked->body->data, asked->body->len, why);
    for (size_t i = 0; i < words.made_count; i++)
        free(words.made[i]);
    if (result == 0)
        return work;
    forget(work);
    return NULL;
}

void af_studio_work_cancel(struct af_studio_work *work)
{
    if (work == NULL)
        return;
    af_process_cancel(work->process);
    forget(work);
}
