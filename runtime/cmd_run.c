/* cmd_run.c: `afrun run FLOW.lua… --mock`: one simulated run, or many. */
#include "command.h"

#include "failure.h"
#include "log.h"
#include "many_runs.h"
#include "progress.h"
#include "run_options.h"
#include "script.h"
#include "sim.h"
#include "tell.h"
#include "trace.h"
#include "trace_file.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static const struct af_opts_command row = {
    "run", "FLOW.lua… [options]", "run a flow, or sequential scripts",
    "Runs all parties of a flow in this process, on a virtual clock, from a seed; the "
    "same flow, seed "
    "and options give the same run on every machine. A file without `return af.flow{…}` "
    "is a "
    "sequential script: it is one party; several scripts run together.\n\n"
    "Exit status: 0 all parties ended well; 1 the flow failed; 2 the command line or the "
    "flow file is "
    "wrong; 3 a file could not be written; 130 interrupted.",
    af_run_opts};

/* ---- Ctrl-C: the script that runs is asked to stop; a quarter of a second later, if it stands in
 * a loop inside of a C function, it is not asked. ---- */

static void on_alarm(int signal_number)
{
    (void)signal_number;
    af_script_abandon();
}

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    struct itimerval soon = {{0, 0}, {0, 250000}};
    af_script_interrupt();
    setitimer(ITIMER_REAL, &soon, NULL);
}

static void catch_interrupt(void)
{
    struct sigaction action = {0};
    action.sa_handler = on_interrupt;
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
}

static void stop_alarm(void)
{
    struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &never, NULL);
}

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
    struct af_sim *sim = af_sim_new(&options->sim, trace, why);
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
    af_sim_free(sim);
    af_trace_free(trace);
    return status;
}

/* ---- The command. ---- */

static int check_mode(const struct af_run_options *options, int file_count, char **files,
                      struct af_failure *why)
{
    if (file_count == 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "name a flow: afrun FLOW.lua --mock (see afrun run --help)");
    (void)files;
    (void)options;
    return 0;
}

static int run(int argc, char **argv)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_run_options options;
    int status = -1;
    af_run_options_init(&options);
    int files = af_opts_parse(af_run_opts, argc, argv, &options, &why);
    if (files >= 0 && options.help) {
        af_opts_help(stdout, &row, af_opts_columns(stdout));
        af_run_options_release(&options);
        return 0;
    }
    if (files >= 0 && check_mode(&options, files, argv, &why) == 0 &&
        af_run_options_finish(&options, argv, files, &why) == 0) {
        if (options.verbosity > 0)
            af_log_set_level(AF_LOG_DEBUG);
        options.sim.quiet = options.verbosity < 0 || options.runs > 1;
        options.sim.needs_mock = !options.mock;
        catch_interrupt();
        status = options.runs > 1 ? af_many_runs(&options, &why) : run_one(&options, &why);
        stop_alarm();
    }
    af_run_options_release(&options);
    if (status >= 0)
        return status;
    af_failure_print(&why);
    return af_failure_exit_status(&why);
}

const struct af_command af_cmd_run = {&row, run};
