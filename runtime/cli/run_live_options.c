/* run_live_options.c: the options as a party for real takes them: see run_options.h. */
#include "cli/run_options.h"

#include "base/failure.h"
#include "json/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

bool af_run_is_live(const struct af_run_options *options)
{
    return options->bus != NULL || options->shared != NULL;
}

/* The first option that decides a simulated run, and nothing of a real one; NULL: there is none. */
static char *simulation_option(const struct af_run_options *options)
{
    struct af_json_reader reader;
    char *found = NULL;
    af_json_reader_init(&reader, options->sim.recorded, strlen(options->sim.recorded));
    af_json_next(&reader);
    while (found == NULL && af_json_next(&reader) == AF_JSON_STRING) {
        char *word = af_mem_copy(reader.string, reader.string_len);
        word[strcspn(word, "=")] = '\0';
        if (strcmp(word, "--arg") != 0 && strcmp(word, "--allow-fail") != 0)
            found = word;
        else
            free(word);
    }
    af_json_reader_release(&reader);
    return found;
}

static int check_together(const struct af_run_options *options, struct af_failure *why)
{
    char *simulated = simulation_option(options);
    if (simulated == NULL && options->runs > 1)
        simulated = af_mem_string("--runs");
    if (simulated == NULL && options->sim.schedule != NULL)
        simulated = af_mem_string("--schedule");
    if (simulated != NULL) {
        af_failure_set(why, AF_FAILURE_USAGE, simulated, "is for a simulation (--mock alone)");
        free(simulated);
        return -1;
    }
    if (options->trace_path != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "--trace",
                              "is for a simulation (--mock alone)");
    if (options->sim.path_count > 1)
        return af_failure_set(why, AF_FAILURE_USAGE, options->sim.paths[1],
                              "one file is one party; several scripts run together with --mock "
                              "alone");
    if (options->bus != NULL && options->mock)
        return af_failure_set(why, AF_FAILURE_USAGE, "--mock",
                              "does not go with --bus: a run is simulated, or for real");
    return 0;
}

int af_run_live_options(const struct af_run_options *options, struct af_live_options *live,
                        struct af_failure *why)
{
    if (check_together(options, why) != 0)
        return -1;
    *live = (struct af_live_options){.path = options->sim.paths[0],
                                     .bus = options->bus,
                                     .node = options->node,
                                     .role = options->role,
                                     .task = options->task,
                                     .peers = options->peers.items,
                                     .peer_count = options->peers.count,
                                     .args = options->args.items,
                                     .arg_count = options->args.count,
                                     .grants = &options->sim.grants,
                                     .mock = options->bus == NULL,
                                     .state = options->state,
                                     .allow_fail = options->sim.allow_fail,
                                     .quiet = options->verbosity < 0,
                                     .interrupt_fd = -1};
    return 0;
}
