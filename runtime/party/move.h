/* move.h: a party that goes on under another version of its flow, where it is: its queue,
 * what it has deferred, its timers and what it has seen stay. For scripts that run in this process;
 * a party that is kept goes through its store instead (reload.h). */
#ifndef AF_PARTY_MOVE_H
#define AF_PARTY_MOVE_H

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

/* How the party's last snapshot, also of one that has ended, looks under the other version: a party
 * of that script, which the caller frees and only looks at. Nothing changes. NULL with *why filled:
 * it cannot be migrated. */
struct af_script_party *af_party_moved_copy(const struct af_party *party, struct af_script *script,
                                            struct af_failure *why);

#endif
