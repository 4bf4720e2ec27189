/* party_move.h: a party that goes on under another version of its flow, where it is: its queue,
 * what it has deferred, its timers and what it has seen stay. For scripts that run in this process;
 * a party that is kept goes through its store instead (reload.h). */
#ifndef AF_PARTY_MOVE_H
#define AF_PARTY_MOVE_H

#include <stdint.h>

struct af_failure;
struct af_party;
struct af_script;

/* Between two transactions of a party that has started and not ended, up or down. role is that of
 * the new flow. Returns -1 with *why filled, and nothing has changed: it cannot be migrated, or
 * what it has deferred fits no more. */
int af_party_move(struct af_party *party, struct af_script *script, uint32_t role,
                  struct af_failure *why);

#endif
