/* many_runs.h: the same flow under many seeds, over processes. */
#ifndef AF_MANY_RUNS_H
#define AF_MANY_RUNS_H

struct af_failure;
struct af_run_options;

/* Runs options->runs seeds from options->sim.seed on, over all cores, tells what came of them, and
 * of the lowest failing seed everything, with the command that repeats it. Returns the exit status,
 * or -1 with *why filled. */
int af_many_runs(struct af_run_options *options, struct af_failure *why);

#endif
