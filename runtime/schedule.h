/* schedule.h: what happens in a run, step by step, where that is said and not drawn.
 *
 * `afrun check` finds a run as such a list; the simulator follows one, so that what was found can
 * be drawn, kept as a trace and run again. */
#ifndef AF_SCHEDULE_H
#define AF_SCHEDULE_H

#include "rng.h"

#include <stddef.h>

enum af_schedule_kind {
    AF_SCHEDULE_DELIVER,   /* a contract reaches its receiver */
    AF_SCHEDULE_DROP,      /* … is lost */
    AF_SCHEDULE_DUPLICATE, /* … a copy of it is delivered, itself stays on its way */
    AF_SCHEDULE_TIMEOUT,   /* time passes until a timer is due, and it fires */
    AF_SCHEDULE_EARLY,     /* a timer fires at once */
    AF_SCHEDULE_CRASH,
    AF_SCHEDULE_RETURN,
    AF_SCHEDULE_LOSE,
    AF_SCHEDULE_RELOAD, /* the party goes on with the second version of the flow */
};

struct af_schedule_step {
    enum af_schedule_kind kind;
    char *party;            /* the receiver, or who it happens to */
    char *from, *type;      /* of a contract, else NULL */
    struct af_hash content; /* of a contract: af_schedule_content() */
    char *timer;            /* its name, NULL: the state's `after`; only of a timeout */
};

struct af_schedule {
    struct af_schedule_step *steps;
    size_t count, cap;
};

#define AF_SCHEDULE_EMPTY                                                                          \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

#endif
