/* impl.h: what the files of a party share.
 *
 *   party.c    its life, and looking at it
 *   step.c     what a step is, and who is told
 *   wait.c     what it has not taken yet: its queue, its timers
 *   take.c     which input it takes next, and what becomes of it
 *   commit.c   what a transaction changes, how a party is held, and how it ends
 *   send.c     what it sends
 *   describe.c what it waits for
 *   kept.c     bytes beside its data
 *   saved.c    what is kept of it, and how it goes on from that
 */
#ifndef AF_PARTY_IMPL_H
#define AF_PARTY_IMPL_H

#include "loop/loop.h"
#include "trace/contract.h"
#include "party/party.h"

struct af_party_deadline {
    char *name;
    struct af_party *party;
    struct af_timer *timer; /* NULL: it is due, and waits for its turn */
    int64_t due_ns;
    int64_t due_wall_ns, length_ns; /* for what is kept of it */
};

struct af_party_outgoing {
    struct af_contract *contract;
    uint32_t *targets;
    size_t target_count;
};

/* The input of the delivery under way, so that it can be put back. */
struct af_party_taken {
    enum af_step_kind kind;
    struct af_contract *contract;       /* or NULL */
    bool was_deferred;                  /* … which stood in the deferred ones … */
    size_t deferred_at;                 /* … here */
    struct af_party_deadline *deadline; /* or NULL */
};

struct af_party {
    struct af_party_spec spec;
    struct af_script_party *script;
    const struct af_flow *flow;
    enum af_party_status status;
    bool down;
    bool busy;    /* a delivery is under way */
    bool pauses;  /* its owner has it wait */
    bool pumping; /* the party takes its inputs */
    bool look_at_deferred;
    bool timers_wait;  /* it came back, and has not yet heard what the bus holds for it */
    uint8_t attempts;  /* how often the process of its script died over the next input */
    enum af_fate fate; /* of the delivery under way */

    struct af_contract **queue; /* a ring */
    size_t queue_first, queue_count, queue_cap;
    struct af_contract **deferred;
    size_t deferred_count, deferred_cap;
    size_t deferred_bytes; /* of their contents */
    struct af_party_taken taken;
    struct af_party_step step; /* for the owner, while it is told */
    struct af_seen seen;

    struct af_timer *after;
    bool after_due;
    int64_t after_due_ns;
    int64_t after_due_wall_ns, after_length_ns;
    struct af_party_deadline **deadlines;
    size_t deadline_count, deadline_cap;
    uint64_t fired; /* timeouts so far: keys their inputs */

    struct af_party_outgoing *outbox;
    size_t outbox_count, outbox_cap;

    struct af_party_kept *kept;
    size_t kept_count, kept_cap;
    size_t kept_bytes;

    char *result, *reason;
    char *held; /* why it takes nothing until it is told to go on, or NULL */
    bool warned_of_size;
    struct af_party_counts counts;
};

static inline int64_t af_party_now(const struct af_party *party)
{
    return af_loop_now_ns(party->spec.loop);
}

/* ---- step.c ---- */

/* Tells the owner of a step; contract (or NULL) is what the input was, still the caller's. */
void af_party_stepped(struct af_party *party, enum af_step_kind kind,
                      const struct af_contract *contract);

/* The contract has been dealt with. */
void af_party_settle(struct af_party *party, const struct af_contract *contract);

/* ---- wait.c ---- */
void af_party_queue_push(struct af_party *party, struct af_contract *contract);
void af_party_queue_push_front(struct af_party *party, struct af_contract *contract);
struct af_contract *af_party_queue_take(struct af_party *party);
void af_party_deferred_insert(struct af_party *party, size_t at, struct af_contract *contract);
struct af_contract *af_party_deferred_remove(struct af_party *party, size_t at);

/* `left` of `length` is still to pass; from an earlier life: less than all of it. */
void af_party_start_after(struct af_party *party, int64_t length_ns, int64_t left_ns);
void af_party_cancel_after(struct af_party *party);
void af_party_set_deadline(struct af_party *party, const char *name, int64_t length_ns,
                           int64_t left_ns);
void af_party_deadline_add(struct af_party *party, struct af_party_deadline *deadline_take);
struct af_party_deadline *af_party_deadline_remove(struct af_party *party, size_t i);
void af_party_deadline_free(struct af_party_deadline *deadline); /* NULL is allowed */
void af_party_cancel_timers(struct af_party *party);

/* What has not been taken and what has not left: queue, deferred, timers, outbox. In party.c. */
void af_party_drop_pending(struct af_party *party);

/* ---- saved.c ---- */

/* What is left of a timer: never more than its length, though the clock was set back. */
int64_t af_party_left(const struct af_party *party, int64_t due_wall_ns, int64_t length_ns);

/* ---- take.c ---- */

/* Whether nothing keeps it from its next input, or its start. */
bool af_party_is_free(const struct af_party *party);

/* Takes inputs as long as there are any that it may take. */
void af_party_pump(struct af_party *party);

/* Gives an input to the script; what it is stands in party->taken. */
void af_party_deliver(struct af_party *party, struct af_input *input);

/* Puts the input of the delivery under way back to where it was taken from. */
void af_party_untake(struct af_party *party);

/* ---- commit.c ---- */
void af_party_delivered(void *arg, struct af_script_party *script,
                        const struct af_effects *effects);
void af_party_go_down(struct af_party *party);
void af_party_drop_as_late(struct af_party *party, struct af_contract *contract_take);
void af_party_dead_letter(struct af_party *party, const struct af_contract *contract,
                          const char *why);
void af_party_withdraw(struct af_party *party);

/* ---- kept.c ---- */

/* What a handler has kept stays, or is forgotten with its transaction. */
void af_party_kept_commit(struct af_party *party);
void af_party_kept_drop(struct af_party *party);

/* Before its owner is told of a step: what nothing names any more goes. And after it. */
void af_party_kept_step(struct af_party *party);
void af_party_kept_told(struct af_party *party);

void af_party_kept_free(struct af_party *party);

/* ---- send.c ---- */
void af_party_send_all(struct af_party *party, const struct af_effects *effects);
void af_party_outbox_flush(struct af_party *party);
void af_party_report_failure(struct af_party *party);

#endif
