/* cmd_check.c: `afrun check FLOW.lua`: explore every interleaving. */
#include "cli/command.h"

#include "base/bounds.h"
#include "check/check.h"
#include "base/failure.h"
#include "script/args.h"
#include "script/grants.h"
#include "cli/answer.h"
#include "cli/explore.h"
#include "cli/schedule.h"
#include "cli/interrupt.h"
#include "cli/jailed.h"
#include "cli/paths.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "json/json.h"
#include "script/script.h"
#include "cli/tell_check.h"
#include "cli/tell_steps.h"
#include "cli/watch.h"
#include "trace/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct check_options {
    struct af_check_options check;
    struct af_grants grants; /* the working directory */
    struct af_opts_counts parties;
    struct af_check_count *counts;
    struct af_script_arg_list args;
    struct af_opts_count
        range; /* the role of which several sizes are checked, and the first; or NULL */
    int64_t range_end;
    int64_t time_ns;
    const char *trace_path;
    struct af_schedule explored; /* a run, behind which it is looked at what can happen next */
    bool explore;
    bool first, watch, json, quiet, progress;
};

enum { BUDGET_MAX = 1000, PARTIES_MAX = 999 };

#define OF struct check_options

/* "participant=1..5": the first of them is the count that is read. */
static int set_range(struct check_options *options, const char *item, size_t len,
                     struct af_buf *counts, struct af_failure *why)
{
    char text[300];
    snprintf(text, sizeof text, "%.*s", (int)(len < sizeof text ? len : sizeof text - 1), item);
    char *dots = strstr(text, ".."), *equals = strchr(text, '=');
    af_buf_append(counts, text, dots == NULL ? len : (size_t)(dots - text));
    if (dots == NULL)
        return 0;
    if (options->range.name != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "a range of one role at a time");
    *dots = '\0';
    if (equals == NULL || equals > dots ||
        af_opts_integer(equals + 1, 0, PARTIES_MAX, &options->range.count, why) != 0 ||
        af_opts_integer(dots + 2, options->range.count, PARTIES_MAX, &options->range_end, why) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "expected ROLE=A..B, A not above B, got '%.*s'", (int)len, item);
    *equals = '\0';
    options->range.name = af_mem_string(text);
    return 0;
}

static int set_parties(void *target, const char *value, struct af_failure *why)
{
    struct check_options *options = target;
    struct af_buf counts = AF_BUF_EMPTY;
    int status = 0;
    for (const char *at = value; status == 0; at += strcspn(at, ",") + 1) {
        status = set_range(options, at, strcspn(at, ","), &counts, why);
        if (at[strcspn(at, ",")] == '\0')
            break;
        af_buf_append_char(&counts, ',');
    }
    if (status == 0)
        status = af_opts_counts(af_buf_text(&counts), 0, PARTIES_MAX, &options->parties, why);
    af_buf_release(&counts);
    return status;
}

static int set_timeouts(void *target, const char *value, struct af_failure *why)
{
    struct check_options *options = target;
    int64_t early = 0;
    options->check.any_timeout = strcmp(value, "any") == 0;
    if (!options->check.any_timeout && strcmp(value, "quiet") != 0) {
        if (value[0] < '0' || value[0] > '9')
            return af_failure_set(why, AF_FAILURE_USAGE, "", "'%s' is not quiet, any or a number",
                                  value);
        if (af_opts_integer(value, 0, BUDGET_MAX, &early, why) != 0)
            return -1;
    }
    options->check.budget[AF_FAULT_EARLY] = (uint32_t)early;
    return 0;
}

static int set_explore(void *target, const char *value, struct af_failure *why)
{
    struct check_options *options = target;
    options->explore = true;
    af_schedule_release(&options->explored);
    return af_schedule_option(&options->explored, value, why);
}

static const struct af_opt opts[] = {
    {"parties", 0, "ROLE=N,…",
     "how many of each role (default: as the flow says); ROLE=A..B: each of these sizes in turn, "
     "told "
     "as one table",
     "Run", .set = set_parties},
    {"watch", 0, NULL, "check again at each save of the flow or a module; Ctrl-C ends", "Run",
     AF_OPT_FLAG(OF, watch)},
    {"explore", 0, "SCHEDULE",
     "follow a run instead, and tell as JSON what can happen next: a JSON list of steps, as in a "
     "trace's header, a file with one, or a trace (-: standard input)",
     "Run", .set = set_explore, .excludes = "watch first depth states time memory"},
    {"arg", 0, "NAME=VALUE", "an argument of the flow: strings as they are, the rest as JSON",
     "Run", AF_OPT_READ(OF, args, af_opts_add_arg)},
    {"allow-fail", 0, NULL,
     "af.fail is an outcome, not a violation (the default where a fault is allowed)", "Run",
     AF_OPT_FLAG(OF, check.allow_fail)},
    {"upgrade", 0, "FLOW2", "each party may be reloaded to this version of the flow at any point",
     "Run", AF_OPT_TEXT(OF, check.upgrade)},
    {"drop", 0, "N", "at most N contracts are lost, anywhere in a run", "Faults",
     AF_OPT_COUNT(OF, check.budget[AF_FAULT_DROP], 0, BUDGET_MAX)},
    {"duplicate", 0, "N", "at most N contracts are delivered twice", "Faults",
     AF_OPT_COUNT(OF, check.budget[AF_FAULT_DUPLICATE], 0, BUDGET_MAX)},
    {"crash", 0, "N", "parties crash at most N times, and come back at any later step", "Faults",
     AF_OPT_COUNT(OF, check.budget[AF_FAULT_CRASH], 0, BUDGET_MAX)},
    {"away", 0, "K",
     "in one absence a party misses at most K instants of timers, then it comes back (default: 2)",
     "Faults", AF_OPT_COUNT(OF, check.away, 0, BUDGET_MAX)},
    {"lose", 0, "N", "at most N parties vanish for good", "Faults",
     AF_OPT_COUNT(OF, check.budget[AF_FAULT_LOSE], 0, BUDGET_MAX)},
    {"timeouts", 0, "quiet|N|any",
     "quiet (the default): time passes only when nothing is in flight. N: besides, at most N "
     "timeouts come early. any: any timeout at any moment",
     "Faults", .set = set_timeouts},
    {"fifo", 0, NULL, "keep the order of each sender and receiver (default: any order)", "Faults",
     AF_OPT_FLAG(OF, check.fifo)},
    {"depth", 0, "D", "runs of at most D steps", "Bounds",
     AF_OPT_COUNT(OF, check.depth_max, 1, INT64_MAX)},
    {"states", 0, "N", "N states, and what comes next after the last ones", "Bounds",
     AF_OPT_COUNT(OF, check.states_max, 1, INT64_MAX)},
    {"time", 0, "T", "stop after this time", "Bounds", AF_OPT_DURATION(OF, time_ns, 1)},
    {"memory", 0, "SIZE",
     "what it may take, as 4G (default: half of what the machine, or a limit, has)", "Bounds",
     AF_OPT_SIZE(OF, check.bytes_max, 1, INT64_MAX)},
    {"first", 0, NULL, "end with the first violation (default: it is told, and the search goes on)",
     "Bounds", AF_OPT_FLAG(OF, first)},
    {"no-reduction", 0, NULL, "explore every state by every way, for plain counts", "Bounds",
     AF_OPT_CONSTANT(OF, check.reduce, false)},
    {"jobs", 0, "J", "threads (default: the machine's cores); the answer is the same", "Bounds",
     AF_OPT_COUNT(OF, check.jobs, 1, AF_CHECK_JOBS_MAX)},
    {"trace", 0, "FILE", "write the first counterexample as a trace, for `chart` and `replay`",
     "Output", AF_OPT_TEXT(OF, trace_path)},
    {"json", 0, NULL, "tell the result as one JSON object", "Output", AF_OPT_FLAG(OF, json)},
    {"progress", 0, NULL, "how far it is: lines of JSON on standard error, ten a second at most",
     "Output", AF_OPT_FLAG(OF, progress)},
    {"quiet", 'q', NULL, "violations and the last line only", "Output", AF_OPT_FLAG(OF, quiet)},
    {"color", 0, "auto|always|never", "colours (default: on a terminal)", "Output", AF_OPT_COLOR},
    AF_JAILED_OPTS("Output"),
    {"log", 0, "text|json", "messages as text (default) or lines of JSON", "Output", AF_OPT_LOG},
    {"help", 'h', NULL, "show this", "Output", AF_OPT_HELP},
    {0},
};

static const struct af_opts_command row = {
    "check", "FLOW.lua [options]", "explore every interleaving",
    "Walks every order of messages, losses, duplicates, crashes and timeouts within the given "
    "bounds, and tells what can go wrong, by the shortest run: a broken invariant or monitor, a "
    "handler that raises, af.fail, an unexpected event, stuck parties, a property over time that "
    "need not come true, no way left to the end.\n\n"
    "Exit status: 0 no violation was found; 1 one was; 2 the command line or the flow file is "
    "wrong; 3 the trace cannot be written; 130 interrupted before one was found. The last line "
    "says whether the answer "
    "is exhaustive.",
    opts};

/* ---- Running. ---- */

struct watch {
    struct af_progress progress;
    int64_t time_ns;
    uint64_t exchanged; /* as it was shown last */
    bool late, stopped, first;
    struct af_tell_check *tell;
    struct af_failure *why;
};

static void tell_progress(struct af_progress *progress, const struct af_check_progress *now)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_answer_begin(&out, "check-progress");
    af_json_add_integer(&out, "states", (int64_t)now->states);
    af_json_add_integer(&out, "transitions", (int64_t)now->transitions);
    af_json_add_integer(&out, "depth", (int64_t)now->depth);
    af_json_add_integer(&out, "frontier", (int64_t)now->frontier);
    af_json_add_integer(&out, "bytes", (int64_t)now->bytes);
    af_json_add_bool(&out, "ending", now->ending);
    af_answer_add_number(&out, "elapsed_ms", af_progress_elapsed_ms(progress), 1);
    af_buf_append_char(&out, '}');
    af_progress_line(progress, af_buf_text(&out));
    af_buf_release(&out);
}

static bool watch(void *arg, const struct af_check_progress *now)
{
    struct watch *watch = arg;
    double elapsed_ms = af_progress_elapsed_ms(&watch->progress);
    if (af_script_interrupted()) {
        af_interrupt_seen();
        af_script_forget_interrupt(); /* what was found is run again, to be told */
        watch->stopped = true;
    }
    if (watch->stopped)
        return false;
    if (watch->time_ns > 0 && elapsed_ms * 1e6 >= (double)watch->time_ns) {
        watch->late = true;
        return false;
    }
    if (!af_progress_due(&watch->progress))
        return true;
    if (watch->progress.lines)
        tell_progress(&watch->progress, now);
    else if (now->ending)
        af_progress_show(&watch->progress,
                         "is a way left to the end? depth %llu, %.1f million states left",
                         (unsigned long long)now->depth, (double)now->states / 1e6);
    else if (now->exchanged > watch->exchanged)
        af_progress_show(&watch->progress,
                         "need parties of a role be told apart? %llu calls and views tried, depth "
                         "%llu, %.0f MB",
                         (unsigned long long)now->exchanged, (unsigned long long)now->depth,
                         (double)now->bytes / 1e6);
    else
        af_progress_show(&watch->progress,
                         "%.2f million states, %.0f k/s, depth %llu, %llu in the frontier, %.0f MB",
                         (double)now->states / 1e6,
                         elapsed_ms <= 0 ? 0.0 : (double)now->states / elapsed_ms,
                         (unsigned long long)now->depth, (unsigned long long)now->frontier,
                         (double)now->bytes / 1e6);
    watch->exchanged = now->exchanged;
    return true;
}

static bool on_found(void *arg, const struct af_check_violation *violation)
{
    struct watch *watch = arg;
    af_progress_end(&watch->progress);
    af_tell_found(watch->tell, violation, watch->why);
    return !watch->first;
}

static void finish_options(struct check_options *options, const char *path)
{
    struct af_check_options *check = &options->check;
    check->path = path;
    options->counts = af_mem_zero(options->parties.count + 1, sizeof *options->counts);
    for (size_t i = 0; i < options->parties.count; i++)
        options->counts[i] = (struct af_check_count){options->parties.items[i].name,
                                                     options->parties.items[i].count};
    check->parties = options->counts;
    check->party_count = options->parties.count;
    check->args = options->args.items;
    check->arg_count = options->args.count;
    check->files = &options->grants.files;
}

/* A trace that cannot be written is told before the search, which may take hours. */
static bool can_trace(const struct check_options *options, struct af_failure *why)
{
    if (options->trace_path == NULL)
        return true;
    struct af_trace_file *file = af_trace_file_create(options->trace_path, why);
    if (file != NULL)
        af_trace_file_finish(file, false, NULL);
    return file != NULL;
}

/* Half of the machine's memory, or of what this process may have of it. */
static uint64_t half_of_memory(void)
{
    static const char *const limits[] = {"/sys/fs/cgroup/memory.max",
                                         "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur < bytes)
        bytes = limit.rlim_cur;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        unsigned long long most = 0;
        FILE *file = fopen(limits[i], "re");
        if (file != NULL && fscanf(file, "%llu", &most) == 1 && most > 0 && most < bytes)
            bytes = most;
        if (file != NULL)
            fclose(file);
    }
    return bytes / 2;
}

/* One size; tell and watched go on from one to the next. */
static int check_size(struct check_options *options, struct af_tell_check *tell,
                      struct watch *watched, struct af_failure *why)
{
    struct af_check_result result;
    int status = -1;
    struct af_check *check = af_check_new(&options->check, why);
    tell->began_ms = af_progress_elapsed_ms(&watched->progress);
    if (check != NULL)
        af_check_on_found(check, on_found, watched);
    if (check != NULL && af_check_run(check, watch, watched, &result, why) == 0) {
        tell->bound = watched->late ? "--time" : NULL;
        tell->elapsed_ms = af_progress_elapsed_ms(&watched->progress);
        af_progress_end(&watched->progress);
        status = af_tell_check(tell, &result, why);
        if (result.violation_count > 0)
            tell->trace_path = NULL; /* it has the first counterexample */
    }
    if (tell->table != NULL || af_mem_is_watched())
        af_check_free(check);
    return status;
}

static int check_range(struct check_options *options, struct af_tell_check *tell,
                       struct watch *watched, struct af_failure *why)
{
    struct af_buf table = AF_BUF_EMPTY, found = AF_BUF_EMPTY;
    size_t at = 0;
    int status = 0;
    while (strcmp(options->counts[at].role, options->range.name) != 0)
        at++;
    tell->table = &table;
    tell->found = &found;
    if (!options->json)
        af_tell_check_header(options->range.name, &table);
    for (int64_t size = options->range.count; size <= options->range_end && status >= 0; size++) {
        char text[400];
        snprintf(text, sizeof text, "%s=%lld", options->range.name, (long long)size);
        options->counts[at].count = size;
        tell->size = text;
        tell->headed = false;
        int one = check_size(options, tell, watched, why);
        status = one < 0 || status == 0 ? one : status;
        if (watched->stopped || watched->late || (one == 1 && options->first))
            break;
    }
    bool has_row = status >= 0 || options->counts[at].count > options->range.count;
    if (has_row && options->json)
        af_tell_checks_json(tell, options->range.name, status, why);
    else if (has_row)
        fputs(af_buf_text(&table), stdout);
    af_buf_release(&table);
    af_buf_release(&found);
    tell->table = tell->found = NULL;
    tell->size = NULL;
    return status;
}

static int check_flow(struct check_options *options, struct af_failure *why)
{
    struct af_tell_check tell = {.check = &options->check,
                                 .trace_path = options->trace_path,
                                 .json = options->json,
                                 .quiet = options->quiet};
    struct watch watched = {
        .time_ns = options->time_ns, .first = options->first, .tell = &tell, .why = why};
    af_interrupt_catch();
    af_progress_init(&watched.progress, options->quiet);
    watched.progress.lines = options->progress;
    int status = options->range.name != NULL ? check_range(options, &tell, &watched, why)
                                             : check_size(options, &tell, &watched, why);
    af_progress_end(&watched.progress);
    return status;
}

static int enter_jail(struct check_options *options, struct af_failure *why)
{
    const char *flows[] = {options->check.path, options->check.upgrade};
    const struct af_jailed_spec jail = {.flows = flows,
                                        .flow_count = options->check.upgrade == NULL ? 1 : 2,
                                        .grants = &options->grants,
                                        .output = options->trace_path};
    return af_file_access_grant(&options->grants.files, 0, ".", why) != 0 ? -1
                                                                          : af_jailed(&jail, why);
}

static int run(int argc, char **argv, struct af_failure *why)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct check_options options = {.check = {.reduce = true,
                                              .away = 2,
                                              .depth_max = UINT64_MAX,
                                              .states_max = UINT64_MAX,
                                              .bytes_max = half_of_memory(),
                                              .jobs = cores < 1 ? 1
                                                      : cores > AF_CHECK_JOBS_MAX
                                                          ? AF_CHECK_JOBS_MAX
                                                          : (unsigned)cores}};
    struct af_watch_words typed;
    af_watch_words_init(&typed, "check", argc, argv);
    int words = af_opts_parse(opts, argc, argv, &options, NULL, why);
    int status = words < 0 ? words : -1;
    if (words == 0) {
        af_failure_set(why, AF_FAILURE_USAGE, "check", "name a flow: afrun check FLOW.lua");
    } else if (words > 1) {
        af_failure_set(why, AF_FAILURE_USAGE, argv[1], "one flow is checked at a time");
    } else if (words == 1 && options.watch) {
        const char *watched[] = {argv[0], options.check.upgrade};
        status = af_watch(&typed, watched, options.check.upgrade == NULL ? 1 : 2, why);
    } else if (words == 1) {
        af_paths_beside(argv[0]);
        finish_options(&options, argv[0]);
        if (can_trace(&options, why) && enter_jail(&options, why) == 0)
            status = options.explore
                         ? af_explore(&options.check, &options.explored, options.trace_path, why)
                         : check_flow(&options, why);
    }
    af_watch_words_release(&typed);
    af_script_args_release(&options.args);
    af_schedule_release(&options.explored);
    free(options.counts);
    free(options.range.name);
    af_grants_release(&options.grants);
    af_opts_counts_release(&options.parties);
    return status;
}

const struct af_command af_cmd_check = {&row, run};
