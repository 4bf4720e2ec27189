/* stepper.h: walking through a run by hand, back as well as forth: before a step it shows what the
 * last one did, and takes commands from standard input.
 *
 * A run does not go back: it is made again, and goes to where it was to be without a word. So who
 * runs it looks, when a run is over, whether it is wanted once more. */
#ifndef AF_STEPPER_H
#define AF_STEPPER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_sim;
struct af_stepper_stop;

struct af_stepper {        /* zeroed to begin with */
    struct af_buf records; /* of the step that was made: items of a JSON list */
    char **data;           /* of each party, before that step */
    size_t data_count;
    struct af_stepper_stop *stops;
    size_t stop_count, stop_cap;
    char reached[300]; /* the stop that the step has reached, in words; or empty */
    uint64_t goal;     /* the step before which it asks next; on the way there all is silent */
    bool greeted, goes, runs_on, left;
    bool again; /* the run is wanted once more, from its beginning */
};

/* Before a run. */
void af_stepper_begin(struct af_stepper *stepper);

void af_stepper_record(struct af_stepper *stepper, const char *line, size_t len);

/* Shows what happened and asks. Returns false if the user has left, or wants the run once more. */
bool af_stepper_ask(struct af_stepper *stepper, struct af_sim *sim);

/* The same when the run is over. */
void af_stepper_ask_at_end(struct af_stepper *stepper, struct af_sim *sim);
void af_stepper_release(struct af_stepper *stepper);

#endif
