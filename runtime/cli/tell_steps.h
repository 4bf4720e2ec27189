/* tell_steps.h: what `check` tells programs: a violation's run as steps, and all of the result. */
#ifndef AF_TELL_STEPS_H
#define AF_TELL_STEPS_H

#include "base/buf.h"
#include "cli/tell_check.h"

struct af_failure;
struct af_sim;

/* A violation that is being told, while the simulator follows its run. */
struct af_tell_steps {
    struct af_buf *out; /* the list of violations */
    const struct af_check_violation *violation;
    size_t calls; /* of af_tell_step(): one for each party that starts, then one for each step */
    bool ended;
};

void af_tell_violation_begin(struct af_tell_steps *steps);

/* Before each step of the simulator, which it is given as. */
bool af_tell_step(void *steps, struct af_sim *sim);
void af_tell_steps_end(struct af_tell_steps *steps, const struct af_sim *sim);

/* Prints the whole answer, or adds it to the table; violations: what the above have written. */
void af_tell_check_json(const struct af_tell_check *tell, const struct af_check_result *result,
                        const struct af_buf *violations, int status, const struct af_failure *why);

/* Prints the table. */
void af_tell_checks_json(const struct af_tell_check *tell, const char *role, int status,
                         const struct af_failure *why);

#endif
