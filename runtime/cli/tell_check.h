/* tell_check.h: what `check` tells when it finds something, and at its end: violations, each with
 * the shortest run as a chart, what was never reached, how runs end, one last line. */
#ifndef AF_TELL_CHECK_H
#define AF_TELL_CHECK_H

#include "check/check.h"

struct af_failure;

struct af_tell_check {
    const struct af_check_options *check;
    const char *trace_path; /* where the first counterexample goes, or NULL */
    bool json, quiet;
    const char *bound; /* another bound that was hit, or NULL */
    double elapsed_ms;
    struct af_buf *table; /* a row is added to it, and the last lines are left out; or NULL. With
                             JSON an item of a list */
    struct af_buf *found; /* with JSON: what was found first in all sizes is kept here; or NULL */
    const char *size;     /* … of which size, as "participant=3" */
    double began_ms;
    bool headed;   /* the size has been told */
    bool untraced; /* the trace could not be written: why is kept */
};

/* Tells a violation when it is found, unless all is told as JSON at the end. */
void af_tell_found(struct af_tell_check *tell, const struct af_check_violation *violation,
                   struct af_failure *why);

/* Tells it; returns the exit status, or -1 with *why filled: the trace cannot be written. */
int af_tell_check(struct af_tell_check *tell, const struct af_check_result *result,
                  struct af_failure *why);

/* The first row of a table. */
void af_tell_check_header(const char *role, struct af_buf *table);

#endif
