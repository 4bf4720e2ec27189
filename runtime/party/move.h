/* move.h: a party that goes on under another version of its flow, where it is: its queue,
 * what it has deferred, its timers and what it has seen stay. */
#ifndef AF_PARTY_MOVE_H
#define AF_PARTY_MOVE_H

#include <stdbool.h>
#include <stdint.h>

struct af_failure;
struct af_party;
struct af_script;
struct af_script_party;

/* Between two transactions of a party that has started and not ended, up or down. role is that of
 * the new flow. Its contracts are taken when the owner says so, by af_party_go_on(). What the
 * migration asks of the outside goes to the script's owner, who must refuse it
 * (af_migration_call()). Returns -1 with *why filled, and nothing has changed: it cannot be
 * migrated, or what it has deferred fits no more. */
int af_party_move(struct af_party *party, struct af_script *script, uint32_t role,
                  struct af_failure *why);

/* The same of one whose snapshot was brought there before (reload.h), and which has made no step
 * since: nothing is asked of a script. */
struct af_party_moved {
    struct af_script *script;      /* the new one, … */
    struct af_script_party *party; /* … and the party in it, which is the party's from here on */
    uint32_t member, role;
    bool keeps_after, begins;  /* its state's `after`: … */
    int64_t due_ns, length_ns; /* … wall clock */
};

/* Returns the party of the old script, which is the caller's. */
struct af_script_party *af_party_put_over(struct af_party *party, const struct af_party_moved *to);

/* How the party's last snapshot, also of one that has ended, looks under the other version: a party
 * of that script, which the caller frees and only looks at. Nothing changes. NULL with *why filled:
 * it cannot be migrated. */
struct af_script_party *af_party_moved_copy(const struct af_party *party, struct af_script *script,
                                            struct af_failure *why);

#endif
