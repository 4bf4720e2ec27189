/* cmd_replay.c: `afrun replay TRACE`: run a recorded run again. */
#include "cli/command.h"

#include "base/failure.h"
#include "cli/interrupt.h"
#include "cli/jailed.h"
#include "cli/replay.h"
#include "cli/replay_state.h"
#include "trace/file.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

struct replay_options {
    struct af_replay_options replay;
};

static const struct af_opt opts[] = {
    {"step", 0, NULL,
     "step by step, back as well as forth: what happens, what changes, stops at a state, an event "
     "or a line",
     "Options", AF_OPT_FLAG(struct replay_options, replay.step), .excludes = "json"},
    {"key", 0, "FILE", "the key that opens the secrets of a STATE (default: STATE.key)", "Options",
     AF_OPT_TEXT(struct replay_options, replay.key)},
    {"json", 0, NULL, "tell the result as one JSON object", "Options",
     AF_OPT_FLAG(struct replay_options, replay.json)},
    {"color", 0, "auto|always|never", "colours (default: on a terminal)", "Options", AF_OPT_COLOR},
    AF_JAILED_OPTS("Options"),
    {"log", 0, "text|json", "messages as text (default) or lines of JSON", "Options", AF_OPT_LOG},
    {"help", 'h', NULL, "show this", "Options", AF_OPT_HELP},
    {0},
};

static const struct af_opts_command row = {
    "replay", "TRACE.jsonl|STATE [FLOW.lua…] [options]",
    "run a recorded run, or what a party has kept, again, step by step",
    "Runs what `afrun run --mock --trace TRACE.jsonl` recorded again, from the trace's "
    "seed and "
    "options, and stops where the flow's code now behaves otherwise (exit status 1). The "
    "flow is "
    "looked for beside the trace, here and in flows/, unless it is named.\n\n"
    "STATE is what `afrun run --state FILE` or a node (its node.db) has kept: the journal of each "
    "party is fed, in its order, to a party in this process, and its states, data and sends are "
    "compared. It runs the code that is kept with it, unless a flow is named.",
    opts};

static bool is_pipe(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISFIFO(info.st_mode);
}

static int run(int argc, char **argv, struct af_failure *why)
{
    struct replay_options options = {0};
    struct af_trace_memory trace;
    int status = -1;
    int words = af_opts_parse(opts, argc, argv, &options, NULL, why);
    if (words < 0)
        return words;
    af_trace_memory_init(&trace);
    if (words == 0)
        af_failure_set(why, AF_FAILURE_USAGE, "replay", "name a trace: afrun replay TRACE.jsonl");
    if (!options.replay.step) /* who walks through it is at the keyboard */
        af_interrupt_catch();
    options.replay.trace_path = words > 0 ? argv[0] : NULL;
    options.replay.files = (const char **)argv + 1;
    options.replay.file_count = words > 0 ? (size_t)words - 1 : 0;
    if (words > 0 && is_pipe(argv[0])) /* to open one waits for who writes, and it is read twice */
        af_failure_set(why, AF_FAILURE_USAGE, argv[0],
                       "is a pipe, no file; a trace that comes by one is read so: afrun replay -");
    else if (words > 0 && af_replay_is_state(argv[0]))
        status = af_replay_state(&options.replay, why);
    else if (words > 0 && af_trace_memory_read(&trace, argv[0], why) == 0) {
        status = af_replay(&trace, &options.replay, why);
    }
    af_trace_memory_release(&trace);
    return status;
}

const struct af_command af_cmd_replay = {&row, run};
