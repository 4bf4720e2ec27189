/* explore.h: `afrun check FLOW --explore`: a run, and what can happen next behind it. */
#ifndef AF_EXPLORE_H
#define AF_EXPLORE_H

#include "check/check.h"

struct af_failure;

/* Prints the answer; the run goes to trace_path, with the parties' data, unless that is NULL.
 * Returns 0, or -1 with *why filled. */
int af_explore(const struct af_check_options *options, const struct af_schedule *run,
               const char *trace_path, struct af_failure *why);

#endif
