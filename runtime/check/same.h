/* same.h: what same.c and proof.c share: exchanges of names. */
#ifndef AF_CHECK_SAME_H
#define AF_CHECK_SAME_H

#include "check/swap.h"

struct swap { /* of two neighbours of a role */
    uint32_t a, b;
    uint32_t *locals, *messages; /* what each becomes, or AF_CHECK_NONE: not known yet */
    size_t local_count, local_cap, message_count, message_cap;
};

struct af_check_same {
    struct swap *swaps;
    size_t on,
        count; /* the first of them are made; those of roles that must be told apart are behind */
    struct af_buf why; /* they must be */
    uint32_t *ranks;   /* of each party: those of one role are put in order by it */
    size_t rank_count, rank_cap;
    struct af_check_words rank_keys;
    /* ---- proof.c ---- */
    uint32_t *calls; /* that the search asks for: numbers */
    size_t call_count, call_cap, calls_tried;
    uint32_t *ahead; /* … that exchanges have led to */
    size_t ahead_count, ahead_cap, ahead_tried;
    uint32_t *views; /* the same of views: as many parties as there are members, each */
    size_t view_count, view_cap, views_tried;
    uint64_t exchanged; /* calls and views that were made for an exchange alone */
    uint64_t asked;     /* … that the search asks for */
    bool trying;
    bool believed; /* there are orders of names that were not tried */
};

static inline uint32_t af_check_swap_other(const struct swap *swap, uint32_t member)
{
    return member == swap->a ? swap->b : member == swap->b ? swap->a : member;
}

/* Appends to one of the lists. */
void af_check_same_add(uint32_t **list, size_t *count, size_t *cap, const uint32_t *items,
                       size_t many);

/* What becomes of a contract, of a party's identity, of a party. */
uint32_t af_check_swap_message(struct af_check *check, struct swap *swap, uint32_t number);
void af_check_swap_identity(struct af_check *check, struct swap *swap,
                            struct af_check_local *local);
uint32_t af_check_swap_local(struct af_check *check, struct swap *swap, uint32_t number);

#endif
