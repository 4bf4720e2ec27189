/* cmd_run.c: `afrun run FLOW.lua… --mock`: one simulated run, or many. */
#include "cli/command.h"

#include "bus/config.h"
#include "base/failure.h"
#include "cli/interrupt.h"
#include "cli/jailed.h"
#include "base/log.h"
#include "cli/many_runs.h"
#include "cli/paths.h"
#include "base/mem.h"
#include "base/progress.h"
#include "cli/run_options.h"
#include "script/script.h"
#include "sim/sim.h"
#include "cli/tell.h"
#include "cli/watch.h"
#include "trace/trace.h"
#include "trace/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct af_opts_command row = {
    "run", "FLOW.lua… [options]", "run a flow, or sequential scripts",
    "With --mock: runs all parties of a flow in this process, on a virtual clock, from a seed; the "
    "same flow, seed and options give the same run on every machine. A file without `return "
    "af.flow{…}` is a sequential script: it is one party; several scripts run together.\n\n"
    "With --bus: runs one party for real, on a transport; the others are other processes, on this "
    "machine or on others.\n\n"
    "Exit status: 0 all parties ended well; 1 the flow failed; 2 the command line or the "
    "flow file is "
    "wrong; 3 the transport or a file failed; 130 interrupted.",
    af_run_opts};

/* ---- One run. ---- */

struct watched {
    struct af_progress progress;
    uint64_t seen_steps;
};

static bool watch(void *arg, struct af_sim *sim)
{
    struct watched *watched = arg;
    if ((++watched->seen_steps & 1023) == 0 && af_progress_due(&watched->progress))
        af_progress_show(&watched->progress, "%llu steps, %.3f s virtual",
                         (unsigned long long)af_sim_steps(sim), (double)af_sim_now_ns(sim) / 1e9);
    return !af_script_interrupted();
}

static int run_one(struct af_run_options *options, struct af_failure *why)
{
    struct watched watched = {.seen_steps = 0};
    struct af_trace_file *file = NULL;
    struct af_trace *trace = NULL;
    struct af_sim_result result;
    int status = -1;
    af_progress_init(&watched.progress, options->verbosity < 0);
    if (options->trace_path != NULL) {
        file = af_trace_file_create(options->trace_path, why);
        if (file == NULL)
            return -1;
        trace = af_trace_new(af_trace_file_line, file, options->trace_data);
    }
    struct af_jailed_spec jail;
    af_run_options_jail(options, &jail);
    struct af_sim *sim = af_jailed(&jail, why) != 0 ? NULL : af_sim_new(&options->sim, trace, why);
    if (sim != NULL) {
        af_sim_on_step(sim, watch, &watched);
        status = af_sim_run(sim, &result, why);
    }
    af_progress_end(&watched.progress);
    if (file != NULL && af_trace_file_finish(file, status == 0, status == 0 ? why : NULL) != 0)
        status = -1;
    if (status == 0) {
        fflush(stdout);
        status = af_tell_run(options, sim, &result, af_progress_elapsed_ms(&watched.progress));
        af_sim_result_release(&result);
    }
    if (af_mem_is_watched()) /* it is the process's only run */
        af_sim_free(sim);
    af_trace_free(trace);
    return status;
}

/* ---- For real. ---- */

static int run_live(struct af_run_options *options, struct af_failure *why)
{
    struct af_live_options live;
    struct af_live_result result;
    struct af_config config = {0};
    struct af_buf bus = AF_BUF_EMPTY;
    int status = -1;
    if (af_run_live_options(options, &live, why) == 0 &&
        (options->config_path == NULL || af_config_read(options->config_path, &config, why) == 0) &&
        af_grants_add_hosts(&options->sim.grants, config.files_hosts, why) == 0) {
        if (live.bus == NULL) {
            af_buf_printf(&bus, "local:%s", options->shared);
            live.bus = af_buf_text(&bus);
        }
        struct af_file_access *files = &options->sim.grants.files;
        af_file_access_keep(files, af_bus_file_of(live.bus));
        af_file_access_keep(files, options->state);
        af_file_access_keep(files, options->config_path);
        af_file_access_keep(files, config.key);
        live.config = &config;
        live.interrupt_fd = af_interrupt_catch();
        live.interrupted = af_interrupt_seen;
        live.no_jail = af_jailed_is_off();
        live.jailed = af_jailed_beside;
        af_jailed_tell_grants(live.grants);
        status = af_live_run(&live, &result, why);
        if (status == 0) {
            fflush(stdout);
            status = af_tell_live(options, &result);
            af_live_result_release(&result);
        }
    }
    af_config_release(&config);
    af_buf_release(&bus);
    return status;
}

/* What the environment says, where the command line says nothing. */
static void read_environment(struct af_run_options *options)
{
    const char *config = getenv("AFRUN_CONFIG");
    const char *shared = getenv("AFRUN_MOCK");
    if (options->config_path == NULL && config != NULL && config[0] != '\0')
        options->config_path = config;
    if (options->bus == NULL && options->shared == NULL && shared != NULL && shared[0] != '\0')
        options->shared = shared;
}

/* ---- The command. ---- */

static int check_mode(const struct af_run_options *options, int file_count, struct af_failure *why)
{
    if (file_count == 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "name a flow: afrun FLOW.lua --mock (see afrun run --help)");
    const char *alone = options->role != NULL      ? "--role"
                        : options->node != NULL    ? "--node"
                        : options->task != NULL    ? "--task"
                        : options->peers.count > 0 ? "--peers"
                        : options->state != NULL   ? "--state"
                                                   : NULL;
    if (options->watch && !options->mock)
        return af_failure_set(why, AF_FAILURE_USAGE, "--watch",
                              "is for a simulated run; add --mock");
    if (alone != NULL && options->bus == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, alone,
                              "is for a party for real; add --bus, the transport");
    return 0;
}

/* Again at each save of a file, or of the version that parties are reloaded to. */
static int run_watched(const struct af_run_options *options, const struct af_watch_words *words,
                       char **files, int count, struct af_failure *why)
{
    const char **watched = af_mem_zero((size_t)count + 1, sizeof *watched);
    size_t used = 0;
    for (int i = 0; i < count; i++)
        watched[used++] = files[i];
    if (options->sim.upgrade != NULL)
        watched[used++] = options->sim.upgrade;
    int status = af_watch(words, watched, used, why);
    free(watched);
    return status;
}

static int run_by_options(struct af_run_options *options, struct af_failure *why)
{
    if (af_run_is_live(options))
        return run_live(options, why);
    af_interrupt_catch();
    return options->runs > 1 ? af_many_runs(options, why) : run_one(options, why);
}

static int run(int argc, char **argv, struct af_failure *why)
{
    struct af_run_options options;
    int status = -1;
    struct af_watch_words words;
    af_run_options_init(&options);
    af_watch_words_init(&words, "run", argc, argv);
    int files = af_opts_parse(af_run_opts, argc, argv, &options, NULL, why);
    if (files >= 0 && options.help) {
        af_opts_help(stdout, &row, af_opts_columns(stdout));
        af_watch_words_release(&words);
        af_run_options_release(&options);
        return 0;
    }
    read_environment(&options);
    if (files > 0)
        af_paths_beside(argv[0]);
    if (files >= 0 && check_mode(&options, files, why) == 0 &&
        af_run_options_finish(&options, argv, files, why) == 0) {
        af_log_set_verbosity(options.verbosity > 0); /* -q is about the parties' own lines */
        options.sim.quiet = options.verbosity < 0 || options.runs > 1;
        options.sim.needs_mock = !options.mock;
        status = options.watch ? run_watched(&options, &words, argv, files, why)
                               : run_by_options(&options, why);
        af_interrupt_seen();
    }
    af_watch_words_release(&words);
    af_run_options_release(&options);
    return status;
}

const struct af_command af_cmd_run = {&row, run};
