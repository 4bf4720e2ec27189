/* next.h: what can happen next in a state, and where crashes belong. */
#ifndef AF_CHECK_NEXT_H
#define AF_CHECK_NEXT_H

#include "check/step.h"

/* What happened, as numbers. */
struct af_check_label {
    enum af_schedule_kind kind;
    uint32_t member; /* the receiver, or who it happens to */
    uint32_t what;   /* a contract, or the name of a timer */
};

/* What a state is, besides what can happen next. */
enum af_check_rest { AF_CHECK_MOVES, AF_CHECK_ENDED, AF_CHECK_STUCK_HERE };

struct af_check_was { /* a party before it became another */
    uint32_t member, local;
};

/* Looks for what can happen next. The fields above the line are the caller's. */
struct af_check_next {
    struct af_check *check;
    bool asks;                    /* what is not known is found out; else the state is missed */
    bool only_ways;               /* only what nobody's fault is: recalls, deliveries, timeouts,
                                     returns */
    bool all;                     /* sleeping contracts, too */
    bool sleeps;                  /* says which contracts of a child sleep */
    struct af_check_swaps *swaps; /* the exchanges of a pick are added here, unless NULL */
    void *arg;
    /* A state that may come next, borrowed. */
    void (*child)(void *arg, const struct af_check_label *label,
                  const struct af_check_vector *child);
    /* A violation on the way to one; contract: which makes it, unless AF_CHECK_NONE. NULL: nobody
     * asks. */
    void (*violation)(void *arg, const struct af_check_label *label, uint32_t violation,
                      uint32_t contract);
    /* ---- */
    struct af_check_vector state; /* whose next ones are looked for */
    struct af_check_vector made;
    struct af_check_was *changed; /* in it, besides what the step itself does */
    size_t changed_count;
    struct af_check_vector same, scratch[2]; /* for who picks one of those that are the same */
    uint64_t transitions, inert;
    bool fresh; /* somebody has just crashed */
    bool must_return;
    bool forced; /* a party that was away for long enough had to return before time passed */
    bool missed; /* a child() that has enough may set it, too: nothing more is looked for */
    bool cut;    /* something led to a violation behind which nothing is explored */
};

void af_check_next_init(struct af_check_next *next, struct af_check *check);
void af_check_next_release(struct af_check_next *next);
enum af_check_rest af_check_next(struct af_check_next *next);

/* The one that stands for a child among all that are the same, borrowed until the next one; NULL:
 * what that asks for is not known, and the state is missed. */
const struct af_check_vector *af_check_next_pick(struct af_check_next *next,
                                                 const struct af_check_vector *child);

/* What an input does to a party; NULL: it is not known, and the state is missed. */
static inline const struct af_check_step *af_check_next_step(struct af_check_next *next,
                                                             uint32_t local, uint32_t input)
{
    const struct af_check_step *step = af_check_step_asked(next->check, local, input, next->asks);
    if (step == NULL)
        next->missed = true;
    return step;
}

/* How many may change besides what the step itself does: each twice for what is left out
 * (AF_CHECK_SENT, AF_CHECK_TO_GET), once for an instant that it misses, and once as it stays away.
 */
static inline size_t af_check_next_changes(const struct af_check_next *next)
{
    return 4 * (size_t)next->check->members;
}

/* A member becomes another in the state that is made, until that was looked at. */
static inline void af_check_next_change(struct af_check_next *next, uint32_t member, uint32_t local)
{
    assert(next->changed_count < af_check_next_changes(next));
    next->changed[next->changed_count++] = (struct af_check_was){member, next->made.locals[member]};
    next->made.locals[member] = local;
}

/* All starts together: gives the first state to child(), unless a start raises. */
void af_check_first(struct af_check_next *next);

/* Whether time waits for a contract of the state to arrive. What a party that is down has sent may
 * not have gone out. */
bool af_check_next_hinders(const struct af_check_next *next, size_t i);

/* Whether a crash of a party need be looked at: time may pass next, or once others have crashed,
 * too; or the next step may be the last one. */
bool af_check_crash_may(const struct af_check_next *next, uint32_t who);

/* Whether the state that is made, behind a crash, is kept. Who has just crashed stays away where
 * the run would be over but for that. */
bool af_check_crash_keeps(struct af_check_next *next, enum af_schedule_kind kind);

#endif
