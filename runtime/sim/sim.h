/* sim.h: all parties of a run in one process, on virtual time.
 *
 * One seed gives one run, byte for byte: chance comes from streams of the seed, time from the
 * virtual loop, order from counters. Nothing here reads a clock, an address or a table's order. */
#ifndef AF_SIM_H
#define AF_SIM_H

#include "base/buf.h"
#include "sim/faults.h"
#include "script/grants.h"
#include "trace/schedule.h"
#include "script/script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_failure;
struct af_party;
struct af_sim;
struct af_trace;

struct af_sim_count {
    char *role;
    int64_t count;
};

/* A node by name, with its role. */
struct af_sim_member {
    const char *id, *role;
};

struct af_sim_options {
    const char **paths; /* one flow, or sequential scripts */
    size_t path_count;
    struct af_sim_count *parties; /* how many of each role; others: as the flow says */
    size_t party_count;
    const struct af_sim_member *members; /* … in place of that: the nodes; none: `<role>-N` */
    size_t member_count;
    const char *alone; /* the only one of them of which a party is made, or NULL */
    struct af_script_arg *args;
    size_t arg_count;
    uint64_t seed;
    int64_t until_ns;
    bool allow_fail; /* af.fail() is an outcome */
    bool allow_fail_given;
    bool quiet;      /* logs and prints are not shown */
    bool needs_mock; /* without --mock: a flow is refused, a script must make a mock context */
    struct af_fault_options faults;
    char *upgrade;      /* a second version of the flow that parties are reloaded to, or NULL */
    int64_t upgrade_ns; /* around when; -1: drawn by the seed */
    const struct af_schedule *schedule; /* what happens, where it is not drawn; or NULL: then chance
                                           and time decide */
    bool keeps_time; /* under a schedule: time passes only when nothing is on its way that may come
                      */
    struct af_grants grants; /* what scripts may reach */
    const char *recorded;    /* the options as JSON, for the trace's header */
};

enum af_sim_outcome {
    AF_SIM_OK,
    AF_SIM_FAILED, /* a party failed, a handler raised, an event was unexpected, an invariant broke
                    */
    AF_SIM_STUCK,  /* nothing can move any more, and the run has not ended */
    AF_SIM_UNTIL,  /* --until came first, or a schedule's end */
    AF_SIM_INTERRUPTED,
};

enum af_sim_finding_kind {
    AF_SIM_RAISED,
    AF_SIM_UNEXPECTED,
    AF_SIM_PARTY_FAILED,
    AF_SIM_INVARIANT,
    AF_SIM_REFUSED, /* an upgrade */
    AF_SIM_PARTY_STUCK,
    AF_SIM_NOT_OVER, /* --until came first */
    AF_SIM_NO_TIME,  /* the flow does not move on in time */
    AF_SIM_SCHEDULE, /* a schedule cannot be followed, or ends too soon */
    AF_SIM_MONITOR,
    AF_SIM_EVENTUALLY,
    AF_SIM_LEADS_TO,
};

struct af_sim_finding {
    enum af_sim_finding_kind kind;
    char *party; /* NULL: of no one party */
    char *text;  /* one line, for people */
};

struct af_sim_result {
    enum af_sim_outcome outcome;
    const char *name; /* of the flow, or of the scripts; borrowed from the sim */
    uint64_t parties, done, failed, resting;
    uint64_t messages, unexpected, late;
    uint64_t did[AF_FAULTS]; /* how often each fault befell a contract or a party */
    uint64_t held;           /* contracts, by a partition */
    uint64_t upgraded;       /* parties that went on under the second version */
    uint64_t steps;
    int64_t virtual_ns;
    struct af_sim_finding *findings; /* what was wrong: the first of them */
    size_t finding_count;            /* of those */
    size_t findings_left_out;
};

/* Called before each step (for replay and stepping) and now and then while a long run goes on;
 * returns false to stop it. */
typedef bool af_sim_step_fn(void *arg, struct af_sim *sim);

/* Loads the files and makes the parties. Returns NULL with *why filled. trace may be NULL; it and
 * the options are borrowed. */
struct af_sim *af_sim_new(const struct af_sim_options *options, struct af_trace *trace,
                          struct af_failure *why);
void af_sim_free(struct af_sim *sim);
void af_sim_on_step(struct af_sim *sim, af_sim_step_fn *fn, void *arg);

/* Runs it to its end. result is released by af_sim_result_release(). Returns 0; -1 with *why filled
 * if it could not be run (a party cannot be made). */
int af_sim_run(struct af_sim *sim, struct af_sim_result *result, struct af_failure *why);
void af_sim_result_release(struct af_sim_result *result);

/* The word for an outcome: "ok", "failed", "stuck", "until", "interrupted". */
const char *af_sim_outcome_word(enum af_sim_outcome outcome);

/* The word for a kind: "error", "unexpected", "failed", "invariant", "refused", "stuck", "until",
 * "steps", "schedule", "monitor", "eventually", "leads_to". */
const char *af_sim_finding_word(enum af_sim_finding_kind kind);

/* ---- Looking at it, between two steps. ---- */

int64_t af_sim_now_ns(const struct af_sim *sim);
uint64_t af_sim_steps(const struct af_sim *sim);
size_t af_sim_party_count(const struct af_sim *sim);
struct af_party *af_sim_party(const struct af_sim *sim, size_t i); /* NULL: a sequential one */
const char *af_sim_party_id(const struct af_sim *sim, size_t i);

/* How the i-th stands, a plain function: "runs", "down", "done", "failed"; NULL: it is none. */
const char *af_sim_plain_word(const struct af_sim *sim, size_t i);

/* The i-th script that runs; NULL: there are no more. */
struct af_script *af_sim_script(const struct af_sim *sim, size_t i);

/* The key under which secrets are shown: of the run's seed. */
struct af_hash af_sim_veil(const struct af_sim *sim);

/* Which of them has the ID; how many there are if none has. */
size_t af_sim_find_party(const struct af_sim *sim, const char *id);

/* Whether anything has come to i from j; for the first AF_SIM_HEARD_MAX, of others it is true. */
bool af_sim_has_heard(const struct af_sim *sim, size_t i, size_t j);

#endif
