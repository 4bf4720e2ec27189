/* schedule.h: what happens in a run, step by step, where that is said and not drawn.
 *
 * `afrun check` finds a run as such a list; the simulator follows one, so that what was found can
 * be drawn, kept as a trace and run again. */
#ifndef AF_SCHEDULE_H
#define AF_SCHEDULE_H

#include "base/buf.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>

struct af_failure;

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
    AF_SCHEDULE_RECALL, /* … takes up the oldest event of those that it has deferred and its state
                           no longer defers; before that it takes nothing else */
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
    size_t loop;          /* 1 + the first step of those that are done again and again; 0: none */
    bool recalls_at_once; /* has no step for that: a party takes up all such events in the step that
                             lets them go, as in traces of version 2 */
};

#define AF_SCHEDULE_EMPTY                                                                          \
    {                                                                                              \
        NULL, 0, 0, 0, false                                                                       \
    }

/* By what a step knows a contract, besides its ends and its type: equal contents are one. */
struct af_hash af_schedule_content(const char *content, size_t len);

/* Appends a step; its strings, those that its kind has, are copied. */
void af_schedule_add(struct af_schedule *schedule, const struct af_schedule_step *step);
void af_schedule_release(struct af_schedule *schedule);

/* ---- As words. A schedule is a flat list of strings: for each step the word for its kind, then
 *
 *     deliver, drop, duplicate             party, from, type, content as 32 hexadecimal digits
 *     timeout, early                       party, timer ("" for the state's `after`)
 *     crash, return, lose, reload, recall  party
 *
 * The word "loop" between two steps says that what follows is done again and again.
 */

/* Appends it as a JSON list. */
void af_schedule_write(const struct af_schedule *schedule, struct af_buf *out);

/* Reads such words, from wherever they come. Returns 0 with *schedule, which was empty, filled; -1
 * with *why telling which step cannot be read, and *schedule empty. */
int af_schedule_read(struct af_schedule *schedule, char *const *words, size_t count,
                     struct af_failure *why);

/* The word for a kind of step. */
const char *af_schedule_word(enum af_schedule_kind kind);

/* What a step does, in words for people: "deliver 'query' from a to b". text is cut where it does
 * not fit. */
void af_schedule_describe(const struct af_schedule_step *step, char *text, size_t size);

#endif
