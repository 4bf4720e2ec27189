/* tell_rerun.h: a counterexample is run by the simulator, step by step as the check found it: what
 * is drawn, kept and explained is that run. */
#ifndef AF_TELL_RERUN_H
#define AF_TELL_RERUN_H

#include "check/check.h"
#include "sim/sim.h"
#include "trace/trace.h"

struct af_failure;
struct af_tell_steps;
struct af_trace_file;

struct af_tell_rerun {
    struct af_trace_memory *memory; /* its trace, with paths, as it is drawn; or NULL, as … */
    struct af_trace_file *file;
    struct af_tell_steps *steps;
    bool keeps_time;     /* as in a check without --timeouts any */
    struct af_buf *ends; /* how its parties stand at its end, in words */
    /* ---- */
    enum af_sim_outcome outcome;
    int finding; /* the first one, an enum af_sim_finding_kind; -1: none */
};

/* Runs a violation's run. Returns -1 with *why filled; 1 if the simulator finds nothing wrong with
 * it; else 0. */
int af_tell_rerun(const struct af_check_options *check, const struct af_schedule *schedule,
                  struct af_tell_rerun *rerun, struct af_failure *why);

/* ---- tell_why.c ---- */

/* Prints a paragraph: which faults and which orders the violation needs, having tried without them;
 * how all parties stand at its end. known: of its own run. */
void af_tell_why(const struct af_check_options *check, const struct af_check_violation *violation,
                 const struct af_tell_rerun *known);

#endif
