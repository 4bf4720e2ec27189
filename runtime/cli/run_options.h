/* run_options.h: what `run --mock` takes, as rows; a trace's header records the same words, and
 * replay reads them back through the same rows. */
#ifndef AF_RUN_OPTIONS_H
#define AF_RUN_OPTIONS_H

#include "bus/members.h"
#include "cli/jailed.h"
#include "live/live.h"
#include "cli/opts.h"
#include "script/args.h"
#include "sim/sim.h"
#include "trace/schedule.h"

struct af_run_options {
    struct af_sim_options sim;
    struct af_opts_counts parties;
    struct af_script_arg_list args;
    bool mock;
    bool watch;                           /* run again at each save */
    const char *shared;                   /* the store of a shared mock, or NULL */
    const char *bus, *role, *node, *task; /* for real */
    struct af_bus_member_list peers;
    const char *config_path;
    const char *state; /* where a party for real is kept, or NULL */
    int64_t runs;
    struct af_schedule schedule; /* whose steps are followed, if sim.schedule is set */
    const char *trace_path;
    bool trace_data;
    bool json;
    int verbosity; /* -q: -1, -v: 1 */
    bool help;
    struct af_buf recorded; /* a JSON list of the words that decide the run */
    const char **flows;     /* all files of flows, the version that parties are brought to too */
    size_t flow_count;
};

extern const struct af_opt af_run_opts[];

/* Whether the options ask for one party for real, or for a shared mock. */
bool af_run_is_live(const struct af_run_options *options);

/* Those as the live driver takes them. Returns -1 with *why filled for options that are for a
 * simulation only, or that do not go together. */
int af_run_live_options(const struct af_run_options *options, struct af_live_options *live,
                        struct af_failure *why);

void af_run_options_init(struct af_run_options *options);
void af_run_options_release(struct af_run_options *options);

/* What the flows of a simulated run may have done for them; it borrows the options. */
void af_run_options_jail(const struct af_run_options *options, struct af_jailed_spec *jail);

/* Completes what was parsed: files are the positional words. Returns -1 with *why filled. */
int af_run_options_finish(struct af_run_options *options, char **files, int file_count,
                          struct af_failure *why);

#endif
