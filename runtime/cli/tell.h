/* tell.h: what `run` tells at its end: findings, the end of a failed run as a chart, one last line.
 */
#ifndef AF_TELL_H
#define AF_TELL_H

#include <stdbool.h>
#include <stdint.h>

struct af_failure;
struct af_live_result;
struct af_run_options;
struct af_sim;
struct af_sim_result;

/* Tells of one run; returns the exit status. */
int af_tell_run(const struct af_run_options *options, const struct af_sim *sim,
                const struct af_sim_result *result, double elapsed_ms);

/* Runs the options' seed again and tells its findings and the end of its chart on standard error.
 */
void af_tell_failure(const struct af_run_options *options);

struct af_tell_runs {
    uint64_t runs, failed_runs, lowest_seed, messages, dropped, unexpected, upgraded;
    double elapsed_ms;
    bool is_interrupted;
};

/* The last line of many runs, or of those that had ended before Ctrl-C, and the command that
 * repeats the lowest failing seed. */
void af_tell_runs(const struct af_run_options *options, const struct af_tell_runs *runs);

/* The last line of a party for real; returns the exit status. */
int af_tell_live(const struct af_run_options *options, const struct af_live_result *result);

#endif
