/* path.h: the run into a violation. */
#ifndef AF_CHECK_PATH_H
#define AF_CHECK_PATH_H

#include "check/impl.h"

/* A label as a step, which borrows from the check. */
struct af_schedule_step af_check_path_step(const struct af_check *check, enum af_schedule_kind kind,
                                           uint32_t member, uint32_t what);

/* Fills found->run with the run into it that the search came by. */
void af_check_path(struct af_check *check, struct af_check_found *found);

/* Fills in the runs of all that was found, each of them a shortest one unless it says otherwise. */
void af_check_paths(struct af_check *check, af_check_progress_fn *progress, void *arg);

#endif
