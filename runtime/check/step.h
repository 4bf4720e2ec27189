/* step.h: what an input does to a party, remembered. */
#ifndef AF_CHECK_STEP_H
#define AF_CHECK_STEP_H

#include "check/impl.h"

/* What an input does to a party, if that is known already. Several threads may ask. */
static inline bool af_check_step_known(const struct af_check *check, uint32_t local, uint32_t input,
                                       uint32_t *step)
{
    return af_check_map_get(&check->step_index, (uint64_t)local << 32 | input, step);
}

/* The same, found out now if it must. One thread. local AF_CHECK_NONE: the start of the member that
 * is the input. */
uint32_t af_check_step(struct af_check *check, uint32_t local, uint32_t input);

/* The step itself, until another one is found out; NULL: it is not known, and nobody asks. */
const struct af_check_step *af_check_step_asked(struct af_check *check, uint32_t local,
                                                uint32_t input, bool asks);
uint32_t af_check_wait_input(struct af_check *check, int64_t ns); /* AF_CHECK_NONE: not known … */
uint32_t af_check_wait_new(struct af_check *check, int64_t ns);   /* … but now */

#endif
