/* cmd_check.c: `afrun check FLOW.lua`: explore every interleaving. */
#include "cli/command.h"

#include "base/bounds.h"
#include "check/check.h"
#include "base/failure.h"
#include "script/args.h"
#include "script/file_access.h"
#include "cli/interrupt.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "script/script.h"
#include "cli/tell_check.h"
#include "trace/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct check_options {
    struct af_check_options check;
    struct af_file_access files;
    struct af_opts_counts parties;
    struct af_check_count *counts;
    struct af_script_arg_list args;
    int64_t time_ns;
    const char *trace_path;
    bool json, quiet, help;
};

#define OPTIONS(target) ((struct check_options *)(target))

enum { BUDGET_MAX = 1000, JOBS_MAX = 64 };

static int set_parties(void *target, const char *value, struct af_failure *why)
{
    return af_opts_counts(value, 0, 999, &OPTIONS(target)->parties, why);
}

static int set_arg(void *target, const char *value, struct af_failure *why)
{
    return af_script_args_read(&OPTIONS(target)->args, value, why);
}

static int set_upgrade(void *target, const char *value, struct af_failure *why)
{
    (void)why;
    OPTIONS(target)->check.upgrade = value;
    return 0;
}

static int set_allow_fail(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    OPTIONS(target)->check.allow_fail = true;
    return 0;
}

static int set_budget(void *target, const char *value, enum af_check_fault fault,
                      struct af_failure *why)
{
    int64_t count;
    if (af_opts_integer(value, 0, BUDGET_MAX, &count, why) != 0)
        return -1;
    OPTIONS(target)->check.budget[fault] = (uint32_t)count;
    return 0;
}

static int set_drop(void *target, const char *value, struct af_failure *why)
{
    return set_budget(target, value, AF_CHECK_DROP, why);
}

static int set_duplicate(void *target, const char *value, struct af_failure *why)
{
    return set_budget(target, value, AF_CHECK_DUPLICATE, why);
}

static int set_crash(void *target, const char *value, struct af_failure *why)
{
    return set_budget(target, value, AF_CHECK_CRASH, why);
}

static int set_lose(void *target, const char *value, struct af_failure *why)
{
    return set_budget(target, value, AF_CHECK_LOSE, why);
}

static int set_timeouts(void *target, const char *value, struct af_failure *why)
{
    struct check_options *options = target;
    options->check.any_timeout = strcmp(value, "any") == 0;
    options->check.budget[AF_CHECK_EARLY] = 0;
    if (options->check.any_timeout || strcmp(value, "quiet") == 0)
        return 0;
    if (value[0] < '0' || value[0] > '9')
        return af_failure_set(why, AF_FAILURE_USAGE, "", "'%s' is not quiet, any or a number",
                              value);
    return set_budget(target, value, AF_CHECK_EARLY, why);
}

static int set_fifo(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    OPTIONS(target)->check.fifo = true;
    return 0;
}

static int set_count(const char *value, uint64_t *count, struct af_failure *why)
{
    int64_t number;
    if (af_opts_integer(value, 1, INT64_MAX, &number, why) != 0)
        return -1;
    *count = (uint64_t)number;
    return 0;
}

static int set_depth(void *target, const char *value, struct af_failure *why)
{
    return set_count(value, &OPTIONS(target)->check.depth_max, why);
}

static int set_states(void *target, const char *value, struct af_failure *why)
{
    return set_count(value, &OPTIONS(target)->check.states_max, why);
}

static int set_time(void *target, const char *value, struct af_failure *why)
{
    int64_t *time_ns = &OPTIONS(target)->time_ns;
    if (af_opts_duration(value, time_ns, why) != 0)
        return -1;
    return *time_ns > 0 ? 0
                        : af_failure_set(why, AF_FAILURE_USAGE, "",
                                         "expected more than no time, not '%s'", value);
}

static int set_memory(void *target, const char *value, struct af_failure *why)
{
    static const char units[] = "KMGT";
    char digits[24];
    size_t len = strspn(value, "0123456789");
    const char *unit = value[len] == '\0' ? NULL : strchr(units, value[len]);
    int64_t number;
    if (len == 0 || len >= sizeof digits ||
        (value[len] != '\0' && (unit == NULL || value[len + 1] != '\0')))
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "'%s' is not a size: digits, perhaps with K, M, G or T", value);
    snprintf(digits, sizeof digits, "%.*s", (int)len, value);
    if (af_opts_integer(digits, 1, INT64_MAX >> 40, &number, NULL) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "'%s' is no memory that a machine has: expected such as 500M or 8G",
                              value);
    OPTIONS(target)->check.bytes_max = (uint64_t)number
                                       << (unit == NULL ? 0 : 10 * (unit - units + 1));
    return 0;
}

static int set_no_reduction(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    OPTIONS(target)->check.reduce = false;
    return 0;
}

static int set_jobs(void *target, const char *value, struct af_failure *why)
{
    int64_t count;
    if (af_opts_integer(value, 1, JOBS_MAX, &count, why) != 0)
        return -1;
    OPTIONS(target)->check.jobs = (unsigned)count;
    return 0;
}

static int set_trace(void *target, const char *value, struct af_failure *why)
{
    (void)why;
    OPTIONS(target)->trace_path = value;
    return 0;
}

static int set_json(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    OPTIONS(target)->json = true;
    return 0;
}

static int set_quiet(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    OPTIONS(target)->quiet = true;
    return 0;
}

static int set_color(void *target, const char *value, struct af_failure *why)
{
    int mode = 0;
    (void)target;
    if (af_opts_choice(value, "auto|always|never", &mode, why) != 0)
        return -1;
    af_log_set_color((enum af_color_mode)mode);
    return 0;
}

static int set_help(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    OPTIONS(target)->help = true;
    return 0;
}

static const struct af_opt opts[] = {
    {"parties", 0, "ROLE=N,…", "how many of each role (default: as the flow says)", "Run",
     set_parties},
    {"arg", 0, "NAME=VALUE", "an argument of the flow: strings as they are, the rest as JSON",
     "Run", set_arg},
    {"allow-fail", 0, NULL,
     "af.fail is an outcome, not a violation (the default where a fault is allowed)", "Run",
     set_allow_fail},
    {"upgrade", 0, "FLOW2", "each party may be reloaded to this version of the flow at any point",
     "Run", set_upgrade},
    {"drop", 0, "N", "at most N contracts are lost, anywhere in a run", "Faults", set_drop},
    {"duplicate", 0, "N", "at most N contracts are delivered twice", "Faults", set_duplicate},
    {"crash", 0, "N", "parties crash at most N times, and come back at any later step", "Faults",
     set_crash},
    {"lose", 0, "N", "at most N parties vanish for good", "Faults", set_lose},
    {"timeouts", 0, "quiet|N|any",
     "quiet (the default): time passes only when nothing is in flight. N: besides, at most N "
     "timeouts come early. any: any timeout at any moment",
     "Faults", set_timeouts},
    {"fifo", 0, NULL, "keep the order of each sender and receiver (default: any order)", "Faults",
     set_fifo},
    {"depth", 0, "D", "runs of at most D steps", "Bounds", set_depth},
    {"states", 0, "N", "about N states", "Bounds", set_states},
    {"time", 0, "T", "stop after this time", "Bounds", set_time},
    {"memory", 0, "SIZE", "what the states may take, as 4G (default: half of the machine's)",
     "Bounds", set_memory},
    {"no-reduction", 0, NULL, "explore every state by every way, for plain counts", "Bounds",
     set_no_reduction},
    {"jobs", 0, "J", "threads (default: the machine's cores); the answer is the same", "Bounds",
     set_jobs},
    {"trace", 0, "FILE", "write the first counterexample as a trace, for `chart` and `replay`",
     "Output", set_trace},
    {"json", 0, NULL, "tell the result as one JSON object", "Output", set_json},
    {"quiet", 'q', NULL, "violations and the last line only", "Output", set_quiet},
    {"color", 0, "auto|always|never", "colours (default: on a terminal)", "Output", set_color},
    {"help", 'h', NULL, "show this", "Output", set_help},
    {0},
};

static const struct af_opts_command row = {
    "check", "FLOW.lua [options]", "explore every interleaving",
    "Walks every order of messages, losses, duplicates, crashes and timeouts within the given "
    "bounds, and tells what can go wrong, by the shortest run: a broken invariant, a handler that "
    "raises, af.fail, an unexpected event, stuck parties, no way left to the end.\n\n"
    "Exit status: 0 no violation was found; 1 one was; 2 the command line or the flow file is "
    "wrong; 3 the trace cannot be written; 130 interrupted. The last line says whether the answer "
    "is exhaustive.",
    opts};

/* ---- Running. ---- */

struct watch {
    struct af_progress progress;
    int64_t time_ns;
    uint64_t exchanged; /* as it was shown last */
    bool late;
};

static bool watch(void *arg, const struct af_check_progress *now)
{
    struct watch *watch = arg;
    double elapsed_ms = af_progress_elapsed_ms(&watch->progress);
    if (af_script_interrupted()) {
        af_interrupt_seen();
        return false;
    }
    if (watch->time_ns > 0 && elapsed_ms * 1e6 >= (double)watch->time_ns) {
        watch->late = true;
        return false;
    }
    if (!af_progress_due(&watch->progress))
        return true;
    if (now->ending)
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
    check->files = &options->files;
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

static int check_flow(struct check_options *options, struct af_failure *why)
{
    struct watch watched = {.time_ns = options->time_ns};
    struct af_check_result result;
    int status = -1;
    af_interrupt_catch(false);
    af_progress_init(&watched.progress, options->quiet);
    struct af_check *check = af_check_new(&options->check, why);
    if (check != NULL && af_check_run(check, watch, &watched, &result, why) == 0) {
        struct af_tell_check tell = {.check = &options->check,
                                     .trace_path = options->trace_path,
                                     .json = options->json,
                                     .quiet = options->quiet,
                                     .bound = watched.late ? "--time" : NULL,
                                     .elapsed_ms = af_progress_elapsed_ms(&watched.progress)};
        af_progress_end(&watched.progress);
        status = af_tell_check(&tell, &result, why);
    }
    af_progress_end(&watched.progress);
    if (af_mem_is_watched())
        af_check_free(check);
    return status;
}

static int run(int argc, char **argv)
{
    struct af_failure why = AF_FAILURE_INIT;
    long cores = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES);
    struct check_options options = {
        .check = {.reduce = true,
                  .depth_max = UINT64_MAX,
                  .states_max = UINT64_MAX,
                  .bytes_max = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) / 2,
                  .jobs = cores < 1          ? 1
                          : cores > JOBS_MAX ? JOBS_MAX
                                             : (unsigned)cores}};
    int status = -1;
    int words = af_opts_parse(opts, argc, argv, &options, &why);
    if (words >= 0 && options.help) {
        af_opts_help(stdout, &row, af_opts_columns(stdout));
        status = 0;
    } else if (words == 0) {
        af_failure_set(&why, AF_FAILURE_USAGE, "check", "name a flow: afrun check FLOW.lua");
    } else if (words > 1) {
        af_failure_set(&why, AF_FAILURE_USAGE, argv[1], "one flow is checked at a time");
    } else if (words == 1) {
        finish_options(&options, argv[0]);
        if (can_trace(&options, &why) && af_file_access_grant(&options.files, 0, ".", &why) == 0)
            status = check_flow(&options, &why);
    }
    af_script_args_release(&options.args);
    free(options.counts);
    af_file_access_release(&options.files);
    af_opts_counts_release(&options.parties);
    if (status >= 0)
        return status;
    af_failure_print(&why);
    return af_failure_exit_status(&why);
}

const struct af_command af_cmd_check = {&row, run};
