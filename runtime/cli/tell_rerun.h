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
    bool data;            /* the trace has the parties' data */
    struct af_buf *marks; /* a JSON list: how many lines of the trace there were before each start
                            and each step; or NULL */
    bool keeps_time;      /* as in a check without --timeouts any */
    struct af_buf *ends;  /* how its parties stand at its end, in words */
    /* ---- */
    enum af_sim_outcome outcome;
    size_t lines;  /* of the trace */
    bool is_wrong; /* something was, beside that the schedule has ended or cannot be followed */
};

/* Runs a violation's run. Returns -1 with *why filled; 1 if the simulator finds nothing wrong with
 * it; else 0. */
int af_tell_rerun(const struct af_check_options *check, const struct af_schedule *schedule,
                  struct af_tell_rerun *rerun, struct af_failure *why);

/* ---- tell_why.c ---- */

struct af_tell_need { /* something that a violation needs */
    char *text;       /* in words */
    size_t steps[2];  /* which of its run's: a fault; or two things, in the order that it needs */
    size_t step_count;
    bool believed; /* not all that may happen without it was explored */
};

struct af_tell_needs {
    struct af_tell_need *items;
    size_t count, cap;
};

/* Finds which faults and which orders a violation needs, having tried without them. Released by
 * af_tell_needs_release(). */
void af_tell_needs(const struct af_check_options *check, const struct af_check_violation *violation,
                   struct af_tell_needs *needs);
void af_tell_needs_release(struct af_tell_needs *needs);

/* Prints a paragraph: what it needs; how all parties stand at its end. */
void af_tell_why(const struct af_tell_needs *needs, const struct af_buf *ends);

#endif
