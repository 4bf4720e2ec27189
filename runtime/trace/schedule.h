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

/* clang-format off */
/* What can happen to whom, and what can go wrong on purpose: a row a kind. Schedules take their words
 * from here, a trace the records of faults, a check and a run their faults (enum af_fault).
 *
 *   DROP       a contract is lost; why: "loss", or "lost" where its receiver is gone
 *   DUPLICATE  a copy of a contract, uuid, is delivered; the contract itself, `of`, stays on its way
 *   TIMEOUT    time passes until a timer is due, and it fires
 *   EARLY      a timer fires at once
 *   CRASH      a party is down, until it returns with what it had committed
 *   LOSE       it vanishes for good
 *   RELOAD     it goes on with the second version of the flow
 *   RECALL     it takes up the oldest event of those that it has deferred and its state no longer
 *              defers; before that it takes nothing else
 *
 * A row has the kind, its word, what it happens to, and its name as something that a run needs. That
 * of a fault has its record in a trace, too: the kind of that, and its fields as in trace/file.c. */
#define AF_SCHEDULE_ROWS(STEP, FAULT) \
    STEP(DELIVER, "deliver", CONTRACT, "'%s' from %s") \
    FAULT(DROP, "drop", CONTRACT, "the loss of '%s' from %s to %s", \
          "drop", "s party", "S from", "s type", "s uuid", "s why") \
    FAULT(DUPLICATE, "duplicate", CONTRACT, "a copy of '%s' from %s to %s", \
          "duplicate", "s party", "S from", "s type", "s uuid", "s of") \
    STEP(TIMEOUT, "timeout", TIMER, "the %s%s of %s") \
    FAULT(EARLY, "early", TIMER, "the early %s%s of %s", "timeout", "s party", "s timer") \
    FAULT(CRASH, "crash", PARTY, "the crash of %s", "crash", "s party", "i until") \
    STEP(RETURN, "return", PARTY, "the return of %s") \
    FAULT(LOSE, "lose", PARTY, "the loss of %s", "lost", "s party") \
    STEP(RELOAD, "reload", PARTY, "the upgrade of %s") \
    STEP(RECALL, "recall", PARTY, "what %s has deferred")
/* clang-format on */

#define AF_SCHEDULE_STEP_KIND(KIND, ...) AF_SCHEDULE_##KIND,
enum af_schedule_kind { AF_SCHEDULE_ROWS(AF_SCHEDULE_STEP_KIND, AF_SCHEDULE_STEP_KIND) };

/* Faults, in the order in which a check's state counts them. */
enum af_fault {
    AF_FAULT_DROP,
    AF_FAULT_DUPLICATE,
    AF_FAULT_CRASH,
    AF_FAULT_LOSE,
    AF_FAULT_EARLY, /* those before it may make an honest protocol fail */
    AF_FAULTS
};

/* What a step happens to: a party; a timer of it; a contract to it. */
enum af_schedule_about { AF_SCHEDULE_PARTY, AF_SCHEDULE_TIMER, AF_SCHEDULE_CONTRACT };

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

/* The word for a kind of step; what it happens to; the fault that it is, or AF_FAULTS. */
const char *af_schedule_word(enum af_schedule_kind kind);
enum af_schedule_about af_schedule_about(enum af_schedule_kind kind);
enum af_fault af_schedule_fault(enum af_schedule_kind kind);

/* The word for the step that is a fault. */
const char *af_schedule_fault_word(enum af_fault fault);

/* What a step does, in words for people: "deliver 'query' from a to b". text is cut where it does
 * not fit. */
void af_schedule_describe(const struct af_schedule_step *step, char *text, size_t size);

/* The same as something that a run may need: "the loss of 'query' from a to b". */
void af_schedule_describe_need(const struct af_schedule_step *step, char *text, size_t size);

#endif
