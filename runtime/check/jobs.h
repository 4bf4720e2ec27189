/* jobs.h: threads that share the work of a round. */
#ifndef AF_CHECK_JOBS_H
#define AF_CHECK_JOBS_H

#include <stddef.h>
#include <stdint.h>

struct af_check_jobs *af_check_jobs_new(unsigned count);
void af_check_jobs_free(struct af_check_jobs *jobs);

/* Calls fn(arg, worker, i) for each i below count, on as many threads as there are. */
void af_check_jobs_run(struct af_check_jobs *jobs, size_t count,
                       void (*fn)(void *arg, unsigned worker, size_t i), void *arg);

#endif
