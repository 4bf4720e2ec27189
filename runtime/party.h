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

#include "script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

struct af_party_owner {
    void *arg;

    /* Sends a committed contract to members of the task. The contract is the owner's
     * (af_contract_drop), targets are borrowed. */
    void (*publish)(void *arg, struct af_party *party, struct af_contract *contract,
                    const uint32_t *targets, size_t target_count);

    /* Asked before each input; may be NULL. For a crash the owner calls af_party_restart() later.
     */
    enum af_fate (*fate)(void *arg, struct af_party *party);

    /* Something is wrong with the protocol; text is borrowed. */
    void (*finding)(void *arg, struct af_party *party, enum af_finding finding, const char *text);

    /* The contract need not come again: its transaction is committed, or it is deferred, ignored,
     * late, repeated or refused. May be NULL. */
    void (*settled)(void *arg, struct af_party *party, const struct af_contract *contract);

    /* The party reported how far it is, in percent. May be NULL. */
    void (*progress)(void *arg, struct af_party *party, int percent);

    /* A line that the party logged. */
    void (*log)(void *arg, struct af_party *party, const char *text, size_t len);

    /* After each transaction, crash, restart and end. */
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
    void *user; /* the owner's own */
};

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

/* It comes back, with what it had committed, in a fresh instance. Returns -1 with *why filled if
 * that cannot be made. */
int af_party_restart(struct af_party *party, struct af_failure *why);

/* It vanishes and tells nobody. */
void af_party_lose(struct af_party *party);

/* Ends it with a reason, as if a handler had failed. */
void af_party_fail(struct af_party *party, const char *reason);

/* ---- Looking at it. Texts are borrowed. ---- */

const struct af_party_spec *af_party_spec(const struct af_party *party);
struct af_script_party *af_party_script(struct af_party *party);
enum af_party_status af_party_status(const struct af_party *party);
const struct af_party_counts *af_party_counts(const struct af_party *party);
bool af_party_is_down(const struct af_party *party);
bool af_party_waits(const struct af_party *party); /* a handler waits for an answer */
bool af_party_rests(const struct af_party *party); /* in a may_end state with nothing to do */
const struct af_flow_state *
af_party_state(const struct af_party *party);              /* NULL before the start */
const char *af_party_result(const struct af_party *party); /* JSON, or NULL */
const char *af_party_reason(const struct af_party *party); /* of a failure, or NULL */
size_t af_party_queued(const struct af_party *party);
size_t af_party_deferred(const struct af_party *party);

/* The i-th contract that waits: queued ones first, then deferred ones. */
const struct af_contract *af_party_waiting_contract(const struct af_party *party, size_t i);

#endif
