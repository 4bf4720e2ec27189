/* reload.h: what the two files of a reload share.
 *
 *   reload.c  its phases: loaded, tried, paused, swapped, told
 *   trial.c   of one party: its snapshot on a copy, and what of that is written beside its row
 */
#ifndef AF_NODE_RELOAD_H
#define AF_NODE_RELOAD_H

#include "node/impl.h"
#include "party/migrate.h"
#include "party/reload.h"

enum af_node_reload_phase {
    AF_RELOAD_LOADING,
    AF_RELOAD_TRYING,
    AF_RELOAD_PAUSING,
    AF_RELOAD_MIGRATING,
    AF_RELOAD_OVER, /* parties have gone over; what they left is freed */
};

struct af_node_move { /* of one party */
    struct af_node_reload *reload;
    struct af_node_party *party;
    int64_t version; /* before */

    /* Of its trial: */
    struct af_store_party kept;    /* what was tried, … */
    const struct af_party_run *of; /* … of what runs of it; NULL: as it stood in the store */
    uint64_t of_number;
    bool tried, tried_last;           /* last: while those that moved pause */
    bool is_new;                      /* it has not started: only its code changes */
    bool alone;                       /* it needs a script of its own */
    const struct af_node_party *with; /* whose script it had */
    struct af_node_flow *runs;        /* held: it may be stopped meanwhile; or NULL */
    struct af_script *back;           /* of that, to go back */
    struct af_migration_deferred *deferred;
    struct af_reload *try;
    struct af_reload_result result; /* its texts are of `try` */

    /* For the swap: */
    struct af_script *script; /* the new one, … */
    uint32_t member, role;
    struct af_script_party *fresh; /* … and the party there, to go over to; or NULL */
    struct af_hash data_hash;
    bool data_hides, hides, staged;
    int64_t paused_ns, pause_ns;
    struct af_node_left left;
};

/* A script for trials: loading it costs more than a migration, which sees nothing of a party but
 * its snapshot, role and arguments. Where those are the same one will do for all. */
struct af_node_trial {
    struct af_node_trial *next;
    struct af_script *script;
    const struct af_node_party *party; /* whose task it has */
    uint32_t member;
};

struct af_node_reload {
    struct af_node *node;
    struct af_node_flow *flow; /* held */
    bool flow_hides;           /* it may have secrets */
    struct af_node_reload_how how;
    struct af_node_reloader *reloaders;
    size_t reloader_count, reloader_cap;
    char *file;
    enum af_node_reload_phase phase;
    struct af_arena arena;
    struct af_node_move *moves;
    size_t count, cap, at;
    int rounds; /* of trials while all run */
    struct af_node_trial *trials;
    size_t staging; /* rows on their way to the disk */
    int64_t until_ns;
    struct af_timer *timer;
    const struct af_node_party *busy; /* whose handler refused it, or NULL */
    struct af_buf answer;
    /* reload.c's, for trial.c: all have been tried; one is refused, and with it all */
    void (*tried)(struct af_node_reload *reload);
    void (*refuse)(const struct af_node_move *move, const char *text);
    bool tells; /* what became of it is told already */
};

/* ---- trial.c ---- */

/* Tries all that need it, one after the other; then reload->tried(). */
void af_node_trials(struct af_node_reload *reload);

/* Whether what was tried last is not the party as it is now. */
bool af_node_trial_needed(const struct af_node_move *move);

/* Whether what was tried runs still: not another one, at the same address maybe. */
bool af_node_move_runs(const struct af_node_move *move);

/* What the store is to make of a party; its texts are the move's, or live in the arena. */
struct af_store_swap af_node_trial_swap(struct af_node_move *move);

void af_node_move_release(struct af_node_move *move);
void af_node_trials_free(struct af_node_reload *reload);

#endif
