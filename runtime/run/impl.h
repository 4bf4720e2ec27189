/* impl.h: what the files of a party at its node share.
 *
 *   run.c       its life; what comes for it, what becomes of it
 *   steps.c     its steps: kept, then announced
 *   resume.c    from what was kept back to a party
 *   describe.c  what it waits for, in words
 */
#ifndef AF_PARTY_RUN_IMPL_H
#define AF_PARTY_RUN_IMPL_H

#include "base/arena.h"
#include "base/buf.h"
#include "bus/link.h"
#include "run/calls.h"
#include "run/run.h"
#include "store/store.h"

struct af_run_post { /* what a step sends */
    struct af_contract *contract;
    uint32_t *targets;
    size_t target_count;
};

struct af_run_step { /* on its way to the disk */
    struct af_run_step *next;
    struct af_party_run *run;
    int64_t seq;
    struct af_run_post *posts;
    size_t post_count, post_cap;
    int64_t
        *acks; /* contracts that are dealt with, by the bus's numbers; the operator's: below 0 */
    size_t ack_count, ack_cap;
    int progress; /* to be told to the task manager, or -1 */
    bool ended;
    size_t bytes; /* that the store is to keep of it */
};

struct af_run_sent { /* posts of an entry of the journal that the bus has not confirmed */
    int64_t seq;
    size_t posts;
};

enum { AF_RUN_REJECTED_SHOWN = 5, AF_RUN_REJECTED_BYTES = 500 };

struct af_party_run {
    struct af_party_run_spec spec;
    struct af_party_owner owner; /* the party's: us */
    struct af_party *party;
    struct af_link *link;
    struct af_calls *calls;
    struct af_arena names;
    const struct af_flow *flow;
    bool *heard; /* of each member: whether anything has come from it */
    uint64_t sent, received, rejected_count;
    char rejected[AF_RUN_REJECTED_SHOWN][AF_RUN_REJECTED_BYTES]; /* the last ones, in words */

    struct af_run_step *open;          /* what the step that is being taken sends; or NULL */
    struct af_run_step *first, **last; /* steps that are not kept yet: */
    size_t behind, behind_bytes;
    int64_t *early_acks; /* of contracts that came too late for the end to come */
    size_t early_count, early_cap;
    bool end_put;
    bool came_back; /* it had ended in an earlier life, and … */
    bool drains;    /* … settles now what that held */
    bool settled;   /* it has ended, and the bus knows all of it */
    struct af_timer *drain_by;
    void (*left)(void *arg);
    void *left_arg;
    bool waits_for_bus;   /* what it sent is too much to go on */
    int64_t suspended_ns; /* since when its operator has it wait, or 0 */

    int64_t party_id;           /* in the store */
    int64_t seq, announced;     /* the last step, the last one that was announced */
    struct af_run_sent *on_way; /* a queue, oldest first */
    size_t on_way_count, on_way_cap;
    struct af_timer *confirm_soon;
    struct af_buf answers; /* of the handler under way: a JSON list without its end */
    struct af_hash data_hash;
    struct af_hash veil;         /* under which its secrets are shown */
    bool data_hides, flow_hides; /* its data have some, its flow declares some */
    int64_t since_ns;
    int progress;
};

/* ---- contract.c ---- */

/* The name of a node as contracts borrow it: that of a member, who has been heard of now; or NULL.
 */
const char *af_run_member_name(struct af_party_run *run, const char *id);

/* A contract that came, or had come: of its parts but for the task, and by its sender's ID. */
struct af_contract_parts;
struct af_contract *af_run_contract(struct af_party_run *run, struct af_contract_parts parts);

/* ---- steps.c ---- */
void af_run_publish(void *arg, struct af_party *party, struct af_contract *contract,
                    const uint32_t *targets, size_t target_count);
void af_run_progress(void *arg, struct af_party *party, int percent);
void af_run_settled(void *arg, struct af_party *party, const struct af_contract *contract);
void af_run_stepped(void *arg, struct af_party *party);

/* Keeps a step that is none of the party: its kind in the journal; number: to be told by kept(). */
void af_run_note(struct af_party_run *run, const char *kind, int64_t number);

/* Has the next step told by kept(), too. */
void af_run_answer_step(struct af_party_run *run, int64_t number);
void af_run_withdrawn(void *arg, struct af_party *party);
bool af_run_keeps(void *arg, struct af_buf *why);
void af_run_answered(void *arg, const char *name, const struct af_answer *answer);
void af_run_confirmed(void *arg, struct af_link *link, size_t count);

/* Keeps how much of it the bus has confirmed. */
void af_run_keep_confirmed(struct af_party_run *run);

/* Sends a post over the link to members of the task; it counts to entry seq of the journal. */
void af_run_send(struct af_party_run *run, struct af_bus_post post, int64_t seq);
void af_run_steps_free(struct af_party_run *run);

/* ---- resume.c ---- */

/* Puts the party where it was kept; returns -1 with *why filled. */
int af_run_restore(struct af_party_run *run, struct af_failure *why);

#endif
