/* tell.h: what `run` tells at its end: findings, the end of a failed run as a chart, one line; of
 * many runs how they failed. */
#ifndef AF_TELL_H
#define AF_TELL_H

#include "trace/schedule.h"
#include "cli/ways.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_buf;
struct af_failure;
struct af_live_result;
struct af_run_options;
struct af_sim;
struct af_sim_result;

/* Tells of one run; returns the exit status. */
int af_tell_run(const struct af_run_options *options, const struct af_sim *sim,
                const struct af_sim_result *result, double elapsed_ms);

/* A run that failed; outcome: an enum af_sim_outcome. */
struct af_tell_failing {
    uint64_t seed;
    int32_t outcome;
};

struct af_tell_runs {
    uint64_t runs, failed_runs, lowest_seed, messages, unexpected, upgraded;
    uint64_t did[AF_FAULTS], held; /* what faults did, in all runs: as in a result */
    struct af_ways ways;
    struct af_tell_failing *failing; /* in the order of seeds, the first AF_RUNS_FAILING_MAX */
    size_t failing_count, failing_cap;
    double elapsed_ms;
    bool is_interrupted;
};

/* The totals of many runs, or of those that had ended before Ctrl-C, the ways in which runs failed,
 * and the command that repeats the lowest failing seed, whose findings and end of its chart go to
 * standard error. Returns the exit status. */
int af_tell_runs(const struct af_run_options *options, const struct af_tell_runs *runs);

/* The same for programs; status: as it will be. repeat: the command, findings: a JSON list. */
void af_tell_run_json(const struct af_sim *sim, const struct af_sim_result *result, uint64_t seed,
                      double elapsed_ms, int status);
void af_tell_runs_json(const struct af_tell_runs *runs, uint64_t first, uint64_t last,
                       const char *repeat, struct af_buf *findings, int status);

/* Appends what a run has found as a JSON list. */
void af_tell_findings_json(struct af_buf *out, const struct af_sim *sim,
                           const struct af_sim_result *result);

/* Appends a blank and a word as a shell takes it. */
void af_tell_word(struct af_buf *out, const char *word);

/* The last line of a party for real; returns the exit status. */
int af_tell_live(const struct af_run_options *options, const struct af_live_result *result);

#endif
