/* check.h: every interleaving of a flow's parties, within bounds.
 *
 * A party is (state, data) and its handlers are pure, so what a handler does is a function of the
 * party and its input. Each distinct call is run in Lua once (and once more in a fresh instance),
 * and remembered as numbers; the search itself goes over small vectors of numbers: each party's,
 * those of the contracts in flight, and what is left of each fault. It goes breadth first, so that
 * the first run found into a violation is a shortest one. */
#ifndef AF_CHECK_H
#define AF_CHECK_H

#include "base/buf.h"
#include "trace/schedule.h"
#include "script/script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_check;
struct af_failure;

struct af_file_access;

struct af_check_count { /* how many parties of a role */
    const char *role;
    int64_t count;
};

enum { AF_CHECK_JOBS_MAX = 64 };

struct af_check_options { /* borrowed, as all that it points to */
    const char *path;
    const char *upgrade; /* a second version of the flow that parties are reloaded to, or NULL */
    const struct af_check_count *parties; /* others: as the flow says */
    size_t party_count;
    const struct af_script_arg *args;
    size_t arg_count;
    const struct af_file_access *files; /* what uploads may read of the disk */
    uint32_t budget[AF_FAULTS];         /* of each fault a run has at most so many */
    uint32_t away;    /* the instants of timers that a party may miss in one absence */
    bool any_timeout; /* any timeout at any moment: no clock */
    bool fifo;
    bool allow_fail; /* af.fail() is an outcome, also without a fault: af_check_may_fail() */
    bool reduce;
    uint64_t depth_max, states_max, bytes_max; /* UINT64_MAX: no bound */
    unsigned jobs;                             /* threads, at most AF_CHECK_JOBS_MAX */
};

enum af_check_kind {
    AF_CHECK_INVARIANT,
    AF_CHECK_ERROR,      /* a handler raised */
    AF_CHECK_FAILED,     /* af.fail(), where that is no outcome */
    AF_CHECK_UNEXPECTED, /* an event was dead-lettered */
    AF_CHECK_REFUSED,    /* a party cannot be brought to the second version */
    AF_CHECK_STUCK,
    AF_CHECK_MONITOR,    /* a monitor does not accept a step */
    AF_CHECK_EVENTUALLY, /* a fair run on which it never holds */
    AF_CHECK_LEADS_TO,   /* … on which what must follow never does */
    AF_CHECK_DOOMED,     /* no way left to the end */
};

struct af_check_violation {
    enum af_check_kind kind;
    const char *role;     /* NULL: of no one role */
    const char *where;    /* file:line, or NULL */
    const char *text;     /* what is wrong */
    const char *nameless; /* … whichever parties of a role it names */
    size_t length;        /* steps of the run into it */
    bool shortest;        /* which is a shortest one */
    const struct af_schedule *run;
    bool told;     /* when it was found */
    bool lasso;    /* a fair run, with its end or (run->loop) its loop … */
    uint64_t trap; /* … in so many states that nothing fair leaves */
};

struct af_check_end {    /* a way how runs end */
    const char *text;    /* in words */
    const char *parties; /* a JSON list of {"count", "role", "status", "state"} */
    uint64_t states;
};

struct af_check_unreached { /* something of the flow that no run reaches */
    const char *what;       /* in words */
    struct af_flow_line line;
    const char *role, *state, *event; /* event: NULL where it is the state */
};

struct af_check_result { /* borrowed from the check */
    const char *name;    /* of the flow */
    const char *file;    /* … its file's, as it is in messages */
    uint64_t states, transitions, depth;
    bool exhaustive;
    const char *bound;   /* which bound was hit, in words; NULL: none */
    const char *armed;   /* timers that waited for a party that was away for so long, or NULL */
    const char *growing; /* what grows without end, in words; NULL: nothing that is seen */
    const struct af_check_violation *violations;
    size_t violation_count;
    const struct af_check_end *ends;
    size_t end_count;
    const struct af_check_unreached *unreached;
    size_t unreached_count;
    uint64_t calls;     /* distinct calls, each of which ran twice */
    uint64_t locals;    /* distinct parties */
    uint64_t contracts; /* distinct contracts */
    uint64_t views;     /* distinct views of the world that invariants were given */
    uint64_t inert;     /* contracts that changed nothing, and were never in flight */
    bool same;          /* parties of a role were not told apart: of these ones … */
    const char *same_roles;
    bool same_believed;     /* … which is shown for many orders of names, and believed of all */
    const char *told_apart; /* why they were, or NULL */
    const char *asked_time; /* where a handler asked for the time, which is 0 here, or NULL */
    uint64_t state_bytes;   /* of all states */
    bool interrupted;       /* the progress said so */
};

/* How far it is, now and then. Returns false to stop it. */
struct af_check_progress {
    uint64_t states, transitions, depth, frontier, bytes;
    uint64_t exchanged; /* calls and views that were tried with names of parties exchanged */
    bool ending;        /* the states are all there: is a way left to the end? */
};
typedef bool af_check_progress_fn(void *arg, const struct af_check_progress *progress);

/* What was found first, when it is found: borrowed. Returns false if that is enough: the search
 * ends, its bound is "--first". */
typedef bool af_check_found_fn(void *arg, const struct af_check_violation *violation);

/* Whether af.fail() is an outcome, since that is said or for a fault. */
bool af_check_may_fail(const struct af_check_options *options);

/* Loads the flow and makes its parties. NULL with *why filled. */
struct af_check *af_check_new(const struct af_check_options *options, struct af_failure *why);
void af_check_free(struct af_check *check);

void af_check_on_found(struct af_check *check, af_check_found_fn *on_found, void *arg);

/* Explores. Returns 0 with *result filled, or -1 with *why filled: a party cannot be made. */
int af_check_run(struct af_check *check, af_check_progress_fn *progress, void *arg,
                 struct af_check_result *result, struct af_failure *why);

/* Something that can happen next. */
struct af_check_choice {
    const struct af_schedule_step *step;
    const char *from, *type; /* of the contract; of a recall that of what is taken up; or NULL */
    const char *content;     /* … as it may be shown */
    const char *wrong;       /* what is found wrong by it, or NULL … */
    bool last;               /* … behind which nothing is explored */
};
typedef void af_check_choice_fn(void *arg, const struct af_check_choice *choice);

struct af_check_place {
    const char *name;  /* of the flow */
    const char *rest;  /* "moves", "ended", "stuck"; "broken": nothing is explored behind it */
    const char *wrong; /* what the last step has made wrong, or NULL */
};

/* Instead of exploring all: follows a run, and tells what the plain search, without reductions,
 * looks at behind it. Returns -1 with *why filled: a step of the run cannot be done. */
int af_check_explore(struct af_check *check, const struct af_schedule *run,
                     af_check_choice_fn *each, void *arg, struct af_check_place *place,
                     struct af_failure *why);

/* Whether two violations, maybe of two checks of a flow, are of the same kind at the same place. Of
 * "no way left" there is one. */
bool af_check_same_violation(const struct af_check_violation *a,
                             const struct af_check_violation *b);

/* The word for a kind: "invariant", "error", "failed", "unexpected", "refused", "stuck",
 * "monitor", "eventually", "leads_to", "doomed". */
const char *af_check_kind_word(enum af_check_kind kind);

#endif
