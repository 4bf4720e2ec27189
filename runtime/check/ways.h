/* ways.h: what is asked of the graph of all states. */
#ifndef AF_CHECK_WAYS_H
#define AF_CHECK_WAYS_H

#include "check/impl.h"

/* Finds the states from which no way is left to the end. */
void af_check_ways(struct af_check *check, af_check_progress_fn *progress, void *arg);

/* Gives the mark to all states, of *left, from which one that has it may come; leaves the others.
 * AF_CHECK_MET: those before a violation have a way, those at which a run may end have none.
 * Returns false if it is told to stop. Before af_check_ways(). */
bool af_check_ways_to(struct af_check *check, unsigned mark, uint64_t *states, size_t *left,
                      af_check_progress_fn *progress, void *arg);

/* Finds properties that wait for ever on some fair run. Before af_check_ways(). */
void af_check_lassos(struct af_check *check, af_check_progress_fn *progress, void *arg);

#endif
