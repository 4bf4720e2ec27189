/* quotas.h: what callers share, how much of it there is, and what each has of it.
 *
 * One table says which budgets there are: options, status, metrics and tests go by it. Of what all
 * share one may have as much as is left for all the others (dynamic thresholds, Choudhury and Hahne
 * 1998): whoever comes alone may have half; whoever comes after somebody who took that still finds
 * half of the rest. */
#ifndef AF_SERVE_QUOTAS_H
#define AF_SERVE_QUOTAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum af_serve_quota {
    /* Of all callers together: a node may have as much as is left. */
    AF_SERVE_BODIES,      /* bytes of requests in memory */
    AF_SERVE_ANSWERS,     /* bytes of answers that are not yet read */
    AF_SERVE_CONNECTIONS, /* connections; a node's: with a request under way */
    AF_SERVE_POLLS,       /* polls that wait */
    AF_SERVE_LOGINS,      /* logins to the task manager */
    AF_SERVE_STREAMS,     /* pages that are told what is news */
    AF_SERVE_SHARED,
    /* Of a node alone. */
    AF_SERVE_REQUESTS = AF_SERVE_SHARED, /* that begin in a second; more begin later */
    AF_SERVE_BUNDLES,                    /* bytes of bundles; its oldest go */
    /* Of a task. */
    AF_SERVE_FILES, /* bytes of files; a node may have as much as is left */
    AF_SERVE_QUEUE, /* contracts that wait for one node in one channel */
    AF_SERVE_QUOTAS,
};

struct af_serve_quota_row {
    const char *name;
    const char *of; /* "all", "node", "task": whose it is */
    int64_t standard, most;
    bool is_bytes;
};

extern const struct af_serve_quota_row af_serve_quotas[AF_SERVE_QUOTAS];

#endif
