/* party.h: one running instance of a role.
 *
 * A party takes contracts and timeouts, decides by its state what is handled, deferred, ignored or
 * unexpected, has its script handle one at a time as a transaction, and commits the effects. Queue,
 * defer, deduplication by (sender, uuid), timers and dead letters are here, so that they are the
 * same for every driver; what a driver decides (when a contract comes, when a party crashes, where
 * sends go) it does through its owner table.
 *
 * Order: what was deferred and is wanted now, oldest first; then what was received; then timeouts
 * that are due. */
#ifndef AF_PARTY_H
#define AF_PARTY_H

#include "script/calls.h"
#include "script/script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_buf;
struct af_contract;
struct af_failure;
struct af_loop;
struct af_party;
struct af_trace;

enum af_party_status {
    AF_PARTY_NEW, /* not started: contracts wait for it */
    AF_PARTY_ACTIVE,
    AF_PARTY_DONE,
    AF_PARTY_FAILED,
    AF_PARTY_LOST, /* vanished for good */
};

enum af_finding {
    AF_FINDING_RAISED,     /* a handler raised */
    AF_FINDING_UNEXPECTED, /* an event was dead-lettered */
    AF_FINDING_FAILED,     /* af.fail(): an outcome, a failure of the run unless allowed */
};

/* What happens to a party before it handles its next input. */
enum af_fate {
    AF_FATE_NONE,
    AF_FATE_CRASH,       /* it crashes: the input is not taken */
    AF_FATE_CRASH_AFTER, /* it crashes once the transaction is committed, its sends still unsent */
};

/* What a step of a party was. */
enum af_step_kind {
    AF_STEP_OTHER, /* a crash, a return, a loss: nothing that is kept */
    AF_STEP_START,
    AF_STEP_EVENT,
    AF_STEP_DEFER,
    AF_STEP_IGNORE,
    AF_STEP_REFUSE, /* dead-lettered: unexpected, or not valid */
    AF_STEP_AFTER,
    AF_STEP_DEADLINE,
    AF_STEP_FAIL, /* ended from outside */
    AF_STEP_HOLD, /* its input was put back; nothing else has happened */
    AF_STEP_RETRY,
    AF_STEP_HAND, /* it was handed a contract, which it takes as soon as its state wants it */
};

struct af_party_step {
    enum af_step_kind kind;
    const struct af_contract *contract; /* its input, or NULL */
    bool was_deferred;                  /* … which had been deferred */
    const char *deadline;               /* its input, or NULL */
    const struct af_flow_state *was;    /* its state before a handler's, NULL: it started */
    const struct af_effects *effects;   /* of a handler that returned, or NULL */
};

struct af_party_owner {
    void *arg;

    /* Whether it may take an input now; NULL: always. Once it may again, af_party_go_on(). */
    bool (*ready)(void *arg, const struct af_party *party);

    /* Sends a committed contract to members of the task. The contract is the owner's
     * (af_contract_drop), targets are borrowed. */
    void (*publish)(void *arg, struct af_party *party, struct af_contract *contract,
                    const uint32_t *targets, size_t target_count);

    /* Asked before each input; may be NULL. For a crash the owner calls af_party_restart() later.
     */
    enum af_fate (*fate)(void *arg, struct af_party *party);

    /* Something is wrong with the protocol; text is borrowed. */
    void (*finding)(void *arg, struct af_party *party, enum af_finding finding, const char *text);

    /* The contract need not come again, once the step is kept that stepped() told of last: its
     * transaction is committed, or it is deferred, ignored, repeated or refused; or it came too
     * late for a party that has ended, which is told of next if it has not been. May be NULL. */
    void (*settled)(void *arg, struct af_party *party, const struct af_contract *contract);

    /* What its handler waits for is not wanted any more: it will be run again, or never. May be
     * NULL. */
    void (*withdrawn)(void *arg, struct af_party *party);

    /* Whether bytes that a handler wants to have kept can be; false: *why says why not. NULL: they
     * can. */
    bool (*keeps)(void *arg, struct af_buf *why);

    /* The party reported how far it is, in percent. May be NULL. */
    void (*progress)(void *arg, struct af_party *party, int percent);

    /* For who watches a run; may be NULL. A transaction has made a contract, whenever it goes out;
     * a contract came too late, or was still deferred at the party's end. Both are borrowed. */
    void (*made)(void *arg, struct af_party *party, struct af_contract *contract,
                 const uint32_t *targets, size_t target_count);
    void (*late)(void *arg, struct af_party *party, struct af_contract *contract);

    /* A line that the party logged. */
    void (*log)(void *arg, struct af_party *party, const char *text, size_t len);

    /* After each transaction, crash, restart and end; af_party_step() tells what it was. */
    void (*stepped)(void *arg, struct af_party *party);
};

struct af_party_spec {
    const struct af_party_owner *owner;
    struct af_loop *loop;
    struct af_trace *trace; /* or NULL */
    struct af_script *script;
    const char *id, *task; /* borrowed, outlive the party */
    uint32_t member, role;
    struct af_hash seed;
    bool holds; /* a handler that raises does not end the party: it is held */
    bool fixed; /* chance and uuids of a handler depend on its input alone, and its time is 0: equal
                   inputs to equal parties do the same, whenever they come */
    bool once;  /* no contract is ever given to it twice: it remembers none */
    void *user; /* the owner's own */
};

/* The seed of a party of this ID in a run of this seed. */
struct af_hash af_party_seed(uint64_t run_seed, const char *id);

struct af_party_counts {
    uint64_t received, unexpected, late, repeated, ignored, crashes;
};

/* Makes a party that has not started. NULL with *why filled if its script cannot be instantiated.
 */
struct af_party *af_party_new(const struct af_party_spec *spec, struct af_failure *why);
void af_party_free(struct af_party *party);

/* Its first transaction. */
void af_party_start(struct af_party *party);

/* A contract has come for it; the reference is the party's from here on. */
void af_party_receive(struct af_party *party, struct af_contract *contract_take);

/* Its operator gives it a contract, which waits where deferred ones do, and so survives whatever
 * comes before it is taken: as soon as its state does not defer it, before what was received. The
 * reference is the party's. Only one that is active. */
void af_party_hand_in(struct af_party *party, struct af_contract *contract_take);

/* It crashes between two inputs, and stays down until af_party_restart(); what reaches it meanwhile
 * waits. Only one that is active and not down. */
void af_party_crash(struct af_party *party);

/* It comes back, with what it had committed, in a fresh instance. Returns -1 with *why filled if
 * that cannot be made. */
int af_party_restart(struct af_party *party, struct af_failure *why);

/* It vanishes and tells nobody. */
void af_party_lose(struct af_party *party);

/* Ends it with a reason, as if a handler had failed. */
void af_party_fail(struct af_party *party, const char *reason);

/* ---- Holding: it takes nothing until it is told to go on; the input that it was held over, kept
 * at its place, is taken again then. ---- */

/* Why it is held, borrowed, or NULL. */
const char *af_party_held(const struct af_party *party);
void af_party_hold(struct af_party *party, const char *why);
void af_party_retry(struct af_party *party);

/* A party that pauses takes no input, whatever comes or is due, until it goes on. */
void af_party_pause(struct af_party *party, bool pauses);

/* Has an armed timer (name NULL: the state's `after`) fire now, whenever it is due, before any
 * other. Returns false if none of that name is armed. */
bool af_party_fire(struct af_party *party, const char *name);

/* Starts if it had not, and takes inputs: after it was restored, or its owner was not ready. */
void af_party_go_on(struct af_party *party);

/* ---- What is kept of it, and going on from that. ---- */

struct af_party_saved_timer {
    const char *name; /* NULL: the state's `after` */
    int64_t due_wall_ns, length_ns;
};

size_t af_party_timer_count(const struct af_party *party);
struct af_party_saved_timer af_party_timer(const struct af_party *party, size_t i);
uint64_t af_party_fired(const struct af_party *party); /* how many timeouts it is done with */

struct af_party_saved {
    enum af_party_status status;
    const char *state; /* NULL: not started */
    const char *data;
    size_t data_len;
    uint64_t fired;
    const struct af_party_saved_timer *timers;
    size_t timer_count;
    struct af_contract *const *deferred; /* their references are the party's from here on */
    size_t deferred_count;
    const char *result, *reason, *held; /* or NULL */
};

/* Puts a party that was just made where it was; nothing is taken until af_party_go_on(), and no
 * timer until the owner has said, by af_party_heard(), that it has been given what the bus held for
 * it. Returns -1 with *why filled, having taken nothing, if the flow has no such
 * state or the data are no data. */
int af_party_restore(struct af_party *party, const struct af_party_saved *saved,
                     struct af_failure *why);

/* Makes it a party that has not started, in the instance of its script that it has: for
 * af_party_restore(). */
void af_party_rewind(struct af_party *party);

/* A contract that it has dealt with in an earlier life. */
void af_party_note_seen(struct af_party *party, struct af_hash key);

void af_party_heard(struct af_party *party);

/* ---- Bytes beside its data, by their content: kept by a transaction, gone when neither data, a
 * deferred contract nor the result of a party that has ended names them ("kept:<SHA-256>", a whole
 * text). ---- */

enum af_party_kept_is {
    AF_KEPT_PENDING, /* of a handler that has not returned */
    AF_KEPT_NEW,     /* since the step that is told of */
    AF_KEPT_HELD,
    AF_KEPT_GONE, /* by that step */
};

struct af_party_kept {
    char ref[AF_SCRIPT_REF_BYTES];
    char *bytes; /* NULL: gone */
    size_t len;
    enum af_party_kept_is is;
    bool named;
};

/* Answers a call of its script by which bytes are kept or given back; false: it is another call. An
 * upload of what is kept gets its bytes here, borrowed until the party is told or given anything.
 */
bool af_party_take_call(struct af_party *party, struct af_script_call *call);

/* All that it has; borrowed until it is told or given anything. */
const struct af_party_kept *af_party_kept(const struct af_party *party, size_t *count);

/* What an earlier life had kept: before af_party_restore(). */
void af_party_restore_kept(struct af_party *party, const void *bytes, size_t len);

/* Calls each(arg, name) for what is named so in JSON. */
void af_party_each_ref(const char *json, size_t len, void (*each)(void *arg, const char *ref),
                       void *arg);

/* ---- Looking at it. Texts are borrowed. ---- */

/* What its owner is being told of by stepped(). */
const struct af_party_step *af_party_step(const struct af_party *party);

const struct af_party_spec *af_party_spec(const struct af_party *party);
struct af_script_party *af_party_script(struct af_party *party);
enum af_party_status af_party_status(const struct af_party *party);
const struct af_party_counts *af_party_counts(const struct af_party *party);
bool af_party_is_down(const struct af_party *party);
bool af_party_waits(const struct af_party *party); /* a handler waits for an answer */
bool af_party_rests(const struct af_party *party); /* in a may_end state with nothing to do */

/* The contract that it takes before anything else, having deferred it in an earlier state, or NULL.
 */
const struct af_contract *af_party_recalls(const struct af_party *party);

const struct af_flow_state *
af_party_state(const struct af_party *party);              /* NULL before the start */
const char *af_party_result(const struct af_party *party); /* JSON, or NULL */
const char *af_party_reason(const struct af_party *party); /* of a failure, or NULL */
size_t af_party_queued(const struct af_party *party);
size_t af_party_deferred(const struct af_party *party);

/* How long until its next timer fires, 0 if it is due; -1: none is armed. name: "after", or the
 * deadline's. */
int64_t af_party_next_timer_ns(const struct af_party *party, const char **name);

/* Adds what it waits for to a JSON object that is open: its state, with this file and line, the
 * events that the state handles, the timer that fires next, and, if a handler waits itself, where.
 */
void af_party_add_wait(const struct af_party *party, const char *file, struct af_buf *out);

/* The i-th contract that waits: queued ones first, then deferred ones. */
const struct af_contract *af_party_waiting_contract(const struct af_party *party, size_t i);

#endif
