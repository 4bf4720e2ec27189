/* run.h: a flow's party at its node, over a bus: what it sends goes out in order until the
 * bus has it, what comes is given to it, and acknowledged once it has been dealt with.
 *
 * With a store it is crash-safe. Each step of the party is one record; only when that is on the
 * disk does the world hear of it: sends leave, contracts are acknowledged, the owner is told. One
 * that comes back goes on from its last record, sends again what the bus had not confirmed, and
 * knows what it has dealt with; a handler that was cut short runs again from its event. */
#ifndef AF_PARTY_RUN_H
#define AF_PARTY_RUN_H

#include "bus/bus.h"
#include "party/party.h"

struct af_arena;
struct af_buf;
struct af_grants;
struct af_party_moved;
struct af_party_run;
struct af_store;
struct af_store_party;

struct af_party_run_owner {
    void *arg;

    /* Something is wrong with the protocol, or the party is held; text is for people. */
    void (*finding)(void *arg, enum af_finding finding, const char *text);
    void (*log)(void *arg, const char *text, size_t len);

    /* Something happened, and is kept. */
    void (*moved)(void *arg);

    /* The bus is away, and is tried again: why; NULL: it is back. */
    void (*trouble)(void *arg, const char *why);

    /* The bus will never take what this party sends or asks. */
    void (*refused)(void *arg, const char *why);

    /* The party is done or has failed, and that is kept; what it sent may still be on its way. */
    void (*ended)(void *arg);

    /* All that it sent is confirmed. */
    void (*sent_all)(void *arg);

    /* What the operator's hand did under this number (below) is kept. NULL: no hand is laid on it.
     */
    void (*kept)(void *arg, int64_t number);
};

struct af_party_run_spec { /* all is borrowed, and outlives the party, but kept */
    struct af_party_run_owner owner;
    struct af_loop *loop;
    struct af_bus *bus;
    const char *bus_url;
    const struct af_grants *grants;
    struct af_script *script; /* whose task is set */
    const char *node, *task;
    const char *holder; /* which process of the node, see bus.h */
    uint32_t member, role;
    bool quiet;
    int64_t keep_sent_ns;              /* see keep_ns of bus/link.h */
    struct af_store *store;            /* or NULL: nothing is kept … */
    const struct af_store_party *kept; /* … else the party as it was kept */
};

/* Returns NULL with *why filled if the script cannot be instantiated, or the party not be put back
 * where it was. */
struct af_party_run *af_party_run_new(const struct af_party_run_spec *spec, struct af_failure *why);

/* For af_script_set_owner(): a call of a party that was made here. */
void af_party_run_call(void *arg, struct af_script_party *party, const struct af_script_call *call);

/* The holder of a party that is kept: the party by its seed, and this start of it. */
enum { AF_RUN_HOLDER_BYTES = 64 };
void af_party_run_name_holder(struct af_hash seed, char holder[AF_RUN_HOLDER_BYTES]);

/* Starts it, or has it go on. */
void af_party_run_begin(struct af_party_run *run);

/* Has it take nothing for a while, or go on; whether nothing of it is under way: no handler, and no
 * step that is not kept yet. */
void af_party_run_pause(struct af_party_run *run, bool pauses);
bool af_party_run_is_quiet(const struct af_party_run *run);

/* Whether all that it did is kept, and confirmed by the bus; a handler may wait for the outside. */
bool af_party_run_is_settled(const struct af_party_run *run);

/* The number of its last step, which may not be kept yet. */
int64_t af_party_run_seq(const struct af_party_run *run);

/* ---- Another version of its flow. ---- */

/* The party as its last step left it, kept or not; its texts are the arena's. False: a handler is
 * under way. */
bool af_party_run_snapshot(struct af_party_run *run, struct af_arena *arena,
                           struct af_store_party *now);

struct af_party_run_over {
    const struct af_party_moved *to;
    struct af_hash data_hash;    /* of its data there */
    bool data_hides, flow_hides; /* whether they have secrets, or the flow may */
};

/* Goes over to what such a snapshot has become; the store has it so already, as one step more.
 * Returns the party of the old script, which is the caller's. */
struct af_script_party *af_party_run_put_over(struct af_party_run *run,
                                              const struct af_party_run_over *over);

/* ---- The operator's hand; each number is below 0, and told once by the owner's kept(). ---- */

/* Gives it an event from outside, without a sender: af_party_hand_in(). content: all of it, with
 * its type. */
void af_party_run_hand_in(struct af_party_run *run, const char *type, const char *content,
                          size_t content_len, int64_t number);

/* Has it take no input, whatever comes or is due, until it goes on: also after a restart. A handler
 * that is under way comes to its end. */
void af_party_run_suspend(struct af_party_run *run, bool suspends, int64_t number);

/* Since when it does, nanoseconds since 1970; 0: it does not. */
int64_t af_party_run_suspended_ns(const struct af_party_run *run);

/* Ends it wherever it is; what was kept stays. NULL is allowed. */
void af_party_run_free(struct af_party_run *run);

/* Gives back what the bus has handed out, and is over then. */
void af_party_run_leave(struct af_party_run *run, void (*over)(void *arg), void *arg);

struct af_party *af_party_run_party(const struct af_party_run *run);
size_t af_party_run_unsent(const struct af_party_run *run); /* posts, also of steps not kept yet */
size_t af_party_run_kept(const struct af_party_run *run);   /* confirmed, and kept all the same */
uint64_t af_party_run_sent(const struct af_party_run *run);
uint64_t af_party_run_received(const struct af_party_run *run);

/* Appends a JSON list of what came last and could not be read, each in words. */
void af_party_run_rejected(const struct af_party_run *run, struct af_buf *out);

/* "state 'querying' (flow.lua:12), for sync; nothing has come from p1" */
void af_party_run_describe(const struct af_party_run *run, struct af_buf *out);

/* The same for programs, as members of a JSON object that is open: af_party_add_wait(), the call
 * that a handler waits for, and from whom nothing has come. */
void af_party_run_add_wait(const struct af_party_run *run, struct af_buf *out);

/* When its last step was, or its handler began to wait: nanoseconds since 1970. */
int64_t af_party_run_since_ns(const struct af_party_run *run);

/* How far it said it is, percent; -1: it did not. */
int af_party_run_progress(const struct af_party_run *run);

#endif
