/* run_options.h: what `run --mock` takes, as rows; a trace's header records the same words, and
 * replay reads them back through the same rows. */
#ifndef AF_RUN_OPTIONS_H
#define AF_RUN_OPTIONS_H

#include "opts.h"
#include "sim.h"

struct af_run_options {
    struct af_sim_options sim;
    struct af_opts_counts parties;
    size_t arg_cap;
    bool mock;
    int64_t runs;
    const char *trace_path;
    bool trace_data;
    bool json;
    int verbosity; /* -q: -1, -v: 1 */
    bool help;
    struct af_buf recorded; /* a JSON list of the words that decide the run */
};

extern const struct af_opt af_run_opts[];

void af_run_options_init(struct af_run_options *options);
void af_run_options_release(struct af_run_options *options);

/* Completes what was parsed: files are the positional words. Returns -1 with *why filled. */
int af_run_options_finish(struct af_run_options *options, char **files, int file_count,
                          struct af_failure *why);

#endif
