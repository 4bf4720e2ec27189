/* stepper.h: walking through a run by hand: before each step it shows what the last one did, and
 * takes commands from standard input. */
#ifndef AF_STEPPER_H
#define AF_STEPPER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct af_sim;

struct af_stepper {        /* zeroed to begin with */
    struct af_buf records; /* of the step that was made */
    bool greeted, runs_on, left;
};

void af_stepper_record(struct af_stepper *stepper, const char *line, size_t len);

/* Shows what happened and asks. Returns false if the user has left. */
bool af_stepper_ask(struct af_stepper *stepper, struct af_sim *sim);
void af_stepper_release(struct af_stepper *stepper);

#endif
