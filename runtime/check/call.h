/* call.h: a call of a handler, run twice. */
#ifndef AF_CHECK_CALL_H
#define AF_CHECK_CALL_H

#include "check/impl.h"
#include "party/happened.h"

struct af_file_store;

struct af_check_left { /* a timer after a call */
    uint32_t name;
    int64_t left_ns; /* from now on; or … */
    bool kept;       /* it goes on */
};

struct af_check_outcome {
    bool known;
    bool asked;                 /* by the search, not only with names exchanged */
    struct af_check_local next; /* its identity; timers are not filled */
    struct af_check_left *timers;
    size_t timer_count, timer_cap;
    uint32_t *sends;
    size_t send_count, send_cap;
    uint32_t notes;
    uint32_t violation;
    bool ends_run;
};

struct af_check_calls {
    struct af_check_words keys;        /* base and input of each distinct call */
    struct af_check_outcome *outcomes; /* of each */
    size_t outcome_cap;
    struct af_party **old[2];    /* of each version, for each member: an instance that serves all */
    uint64_t contract_count;     /* that were made: each has a uuid of its own */
    struct af_file_store *store; /* of uploads */
    struct af_file_store *kept;  /* what parties have kept beside their data */
    bool **passed; /* of each role's states: whether one was entered and left at once */
    /* Of the call that runs: */
    struct af_check_outcome *recording;
    uint32_t recorded_input;
    bool may_take; /* … which the party has not taken yet */
    struct af_happenings happenings;
};

/* What an input (a contract, a timer, AF_CHECK_RECALL or AF_CHECK_RELOAD) does to a party, and no
 * more than that: what it recalls then is an input of its own. from is its number, or AF_CHECK_NONE
 * to have the member start. Borrowed until the next call. */
const struct af_check_outcome *af_check_call(struct af_check *check, uint32_t member, uint32_t from,
                                             uint32_t input);
void af_check_calls_new(struct af_check *check);
void af_check_calls_free(struct af_check *check);

#endif
