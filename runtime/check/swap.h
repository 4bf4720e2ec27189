/* swap.h: exchanges of names: parties of a role that need not be told apart. */
#ifndef AF_CHECK_SWAP_H
#define AF_CHECK_SWAP_H

#include "check/impl.h"

struct af_check_swaps { /* exchanges of names, one after the other: numbers of same.c */
    uint32_t *items;
    size_t count, cap;
};

struct af_check_same *af_check_same_new(const struct af_check *check);
void af_check_same_free(struct af_check_same *same);

/* How many exchanges of names are made: fewer than before once a role must be told apart. */
size_t af_check_same_on(const struct af_check *check);
bool af_check_same_role(const struct af_check *check, uint32_t role);

/* What its tables take; how many calls and views were tried for an exchange alone. */
uint64_t af_check_same_bytes(const struct af_check *check);
uint64_t af_check_same_exchanged(const struct af_check *check);

/* Why parties of a role are told apart, or NULL; whether it is believed, not proved, that those of
 * others need not be. */
const char *af_check_same_why(const struct af_check *check);
bool af_check_same_believed(const struct af_check *check);

/* Makes a state the one that stands for all that are the same; of a role of more than four parties
 * two of them may be left, which costs no more than looking at both. Adds the exchanges to swaps,
 * unless that is NULL. Returns false if what that asks for is not known, unless it asks. */
bool af_check_same_pick(struct af_check *check, struct af_check_vector *vector,
                        struct af_check_vector scratch[2], bool asks, struct af_check_swaps *swaps);

/* What becomes of a member, a party, a contract when names are exchanged. One thread. */
uint32_t af_check_same_member(const struct af_check *check, const struct af_check_swaps *swaps,
                              uint32_t member);
uint32_t af_check_same_local(struct af_check *check, const struct af_check_swaps *swaps,
                             uint32_t local);
uint32_t af_check_same_contract(struct af_check *check, const struct af_check_swaps *swaps,
                                uint32_t contract);

/* A call was asked for. */
void af_check_same_called(struct af_check *check, uint32_t call, bool is_new);

/* Tries all new calls with names exchanged, unless it is told to stop. One thread, like the next.
 */
void af_check_same_try(struct af_check *check);

/* What invariants say of a state, having been asked of it with names exchanged, unless told to
 * stop.
 */
uint32_t af_check_same_view(struct af_check *check, const struct af_check_vector *state);

/* The text of JSON in which the names of two parties are exchanged. */
uint32_t af_check_rename(struct af_check *check, uint32_t word, uint32_t a, uint32_t b);

#endif
