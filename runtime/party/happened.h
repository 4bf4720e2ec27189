/* happened.h: what a step of a party was, as monitors are told of it: the same in a simulated run
 * and in a check. */
#ifndef AF_PARTY_HAPPENED_H
#define AF_PARTY_HAPPENED_H

#include "script/script.h"

#include <stddef.h>
#include <stdint.h>

struct af_contract;
struct af_party;

struct af_happening_item { /* what a transaction has made, or what came too late by it */
    struct af_contract *contract;
    uint32_t *targets; /* NULL: it came too late */
    size_t target_count;
};

struct af_happenings { /* of the transaction under way; zeroed to begin with */
    struct af_happening_item *items;
    size_t count, cap;
};

/* What owners are told of by made() and, within a transaction, by late(). */
void af_happenings_made(struct af_happenings *happenings, struct af_contract *contract,
                        const uint32_t *targets, size_t target_count);
void af_happenings_late(struct af_happenings *happenings, struct af_contract *contract);

typedef void af_happened_fn(void *arg, const struct af_happened *happened);

/* Tells of the step that the owner's stepped() tells of, in the order of what happened: first what
 * is seen with the world before it; then moved(arg), unless that is NULL; then the rest. What was
 * gathered is given up. */
void af_happenings_tell(struct af_happenings *happenings, struct af_party *party,
                        af_happened_fn *fn, void (*moved)(void *arg), void *arg);

/* Of a contract on its way to a member: it was lost, came twice, or came too late. */
struct af_happened af_happened_contract(enum af_happening kind, const struct af_contract *contract,
                                        uint32_t member, const char *to, const char *state);

void af_happenings_release(struct af_happenings *happenings);

#endif
