/* note.h: what is found: violations, where runs are stuck, how they end. */
#ifndef AF_CHECK_NOTE_H
#define AF_CHECK_NOTE_H

#include "check/impl.h"

/* A violation as it was found: from which state, by which input. */
struct af_check_found {
    enum af_check_kind kind;
    uint32_t role;        /* AF_CHECK_NONE: none */
    uint32_t where, text; /* words; where "": none */
    uint32_t nameless;    /* a word: the text, whichever parties of a role it names */
    bool found;
    uint64_t state;    /* the address of the last state before it (of it: stuck, doomed), or
                          AF_CHECK_NO_STATE: it is in the starts */
    uint32_t contract; /* in the starts: which makes it, or AF_CHECK_NONE */
    struct af_schedule run;
    size_t length, extra;      /* of its steps, and how many of them change nothing */
    bool longer;               /* there may be a shorter one */
    bool run_known, shortened; /* that was looked for */
    bool told;                 /* when it was found */
    bool lasso;                /* from its state the run goes on: … */
    uint64_t *way; /* … to these, one after the other; from loop_at on again and again */
    size_t way_count, loop_at; /* SIZE_MAX: it ends there */
    uint64_t trap;             /* how many states there are that it does not leave */
};

/* Notes a violation where it is found first. */
void af_check_note(struct af_check *check, uint32_t violation, uint64_t state, uint32_t contract);

/* Who has not ended in a state, and where, in words; the first of them, or AF_CHECK_NONE. */
uint32_t af_check_unsettled(struct af_check *check, uint64_t state, struct af_buf *out);

/* A state in which the run is stuck, or from which no way is left to the end; one in which it has
 * ended. */
void af_check_note_unsettled(struct af_check *check, enum af_check_kind kind, uint64_t state);
void af_check_note_end(struct af_check *check, uint64_t state);

/* A state in which a party had to return; too many copies of a contract, which ends the search. */
void af_check_note_forced(struct af_check *check, uint64_t state);
void af_check_note_crowd(struct af_check *check, uint32_t contract, bool deferred);

#endif
