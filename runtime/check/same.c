/* same.c: parties of a role that need not be told apart.
 *
 * If two neighbours of a role exchange their names everywhere, a state becomes one from which the
 * same can happen, with the names exchanged; so of all states that are the same but for such
 * exchanges one is enough. That is so only where each handler does the exchanged thing for the
 * exchanged call, and each invariant says the same: proof.c looks whether they do, role by role. */
#include "check/same.h"
#include "check/call.h"
#include "check/known.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct af_check_same *af_check_same_new(const struct af_check *check)
{
    struct af_check_same *same = af_mem_zero(1, sizeof *same);
    same->swaps = af_mem_zero(check->members, sizeof *same->swaps);
    for (uint32_t i = 0; i + 1 < check->members; i++)
        if (check->roles[0][i] == check->roles[0][i + 1])
            same->swaps[same->count++] = (struct swap){.a = i, .b = i + 1};
    if (!check->options->reduce || check->version_count > 1)
        same->count = 0;
    if (same->count > 0 && check->watches) {
        same->count = 0;
        af_buf_append_string(&same->why, "what is watched over time may name them");
    }
    same->on = same->count;
    return same;
}

void af_check_same_free(struct af_check_same *same)
{
    if (same == NULL)
        return;
    for (size_t i = 0; i < same->count; i++) {
        free(same->swaps[i].locals);
        free(same->swaps[i].messages);
    }
    af_check_words_release(&same->rank_keys);
    af_buf_release(&same->why);
    free(same->calls);
    free(same->ahead);
    free(same->views);
    free(same->ranks);
    free(same->swaps);
    free(same);
}

size_t af_check_same_on(const struct af_check *check)
{
    return check->same->on;
}

bool af_check_same_role(const struct af_check *check, uint32_t role)
{
    for (size_t i = 0; i < check->same->on; i++)
        if (check->roles[0][check->same->swaps[i].a] == role)
            return true;
    return false;
}

bool af_check_same_believed(const struct af_check *check)
{
    return check->same->believed;
}

uint64_t af_check_same_bytes(const struct af_check *check)
{
    const struct af_check_same *same = check->same;
    uint64_t bytes = same->rank_cap * sizeof *same->ranks + af_check_words_bytes(&same->rank_keys) +
                     (same->call_cap + same->ahead_cap + same->view_cap) * sizeof(uint32_t);
    for (size_t i = 0; i < same->count; i++)
        bytes += (same->swaps[i].local_cap + same->swaps[i].message_cap) * sizeof(uint32_t);
    return bytes;
}

uint64_t af_check_same_exchanged(const struct af_check *check)
{
    return check->same->exchanged;
}

const char *af_check_same_why(const struct af_check *check)
{
    return check->same->why.len == 0 ? NULL : af_buf_text(&check->same->why);
}

/* ---- Exchanging. ---- */

static uint32_t *slot(uint32_t **items, size_t *count, size_t *cap, uint32_t number)
{
    af_mem_reserve(items, cap, (size_t)number + 1, sizeof **items);
    while (*count <= number)
        (*items)[(*count)++] = AF_CHECK_NONE;
    return &(*items)[number];
}

uint32_t af_check_swap_message(struct af_check *check, struct swap *swap, uint32_t number)
{
    if (number < swap->message_count && swap->messages[number] != AF_CHECK_NONE)
        return swap->messages[number];
    struct af_check_message message = check->messages[number];
    message.from = af_check_swap_other(swap, message.from);
    message.to = af_check_swap_other(swap, message.to);
    message.content = af_check_rename(check, message.content, swap->a, swap->b);
    uint32_t swapped = af_check_message(check, &message);
    *slot(&swap->messages, &swap->message_count, &swap->message_cap, number) = swapped;
    return swapped;
}

static uint32_t swap_text(struct af_check *check, const struct swap *swap, uint32_t text)
{
    return text == 0 ? 0 : af_check_rename(check, text - 1, swap->a, swap->b) + 1;
}

void af_check_swap_identity(struct af_check *check, struct swap *swap, struct af_check_local *local)
{
    size_t len;
    af_check_word_bytes(&check->words, local->deferred, &len);
    size_t count = len / sizeof(uint32_t);
    uint32_t *deferred = af_mem_zero(count + 1, sizeof *deferred);
    memcpy(deferred, af_check_word_bytes(&check->words, local->deferred, NULL), len);
    for (size_t i = 0; i < count; i++)
        deferred[i] = af_check_swap_message(check, swap, deferred[i]);
    local->member = af_check_swap_other(swap, local->member);
    local->data = af_check_rename(check, local->data, swap->a, swap->b);
    local->result = swap_text(check, swap, local->result);
    local->reason = swap_text(check, swap, local->reason);
    local->deferred = af_check_word(&check->words, deferred, len);
    free(deferred);
}

uint32_t af_check_swap_local(struct af_check *check, struct swap *swap, uint32_t number)
{
    if (number < swap->local_count && swap->locals[number] != AF_CHECK_NONE)
        return swap->locals[number];
    struct af_check_local local = check->locals[number];
    af_check_swap_identity(check, swap, &local);
    uint32_t swapped = af_check_local(check, &local);
    *slot(&swap->locals, &swap->local_count, &swap->local_cap, number) = swapped;
    return swapped;
}

/* By what parties of a role are put in order: all of it that does not name others. */
static uint32_t rank(struct af_check *check, uint32_t number)
{
    struct af_check_same *same = check->same;
    if (number < same->rank_count && same->ranks[number] != AF_CHECK_NONE)
        return same->ranks[number];
    const struct af_check_local local = check->locals[number];
    size_t len;
    af_check_word_bytes(&check->words, local.deferred, &len);
    uint32_t data = local.data;
    /* its own name becomes that of the role's first */
    uint32_t first = local.member;
    while (first > 0 && check->roles[0][first - 1] == check->roles[0][local.member])
        first--;
    if (first != local.member)
        data = af_check_rename(check, data, first, local.member);
    uint32_t key[] = {check->roles[0][local.member],
                      local.status,
                      local.down,
                      local.late,
                      local.state,
                      data,
                      local.timers,
                      (uint32_t)len};
    uint32_t found = af_check_word(&same->rank_keys, key, sizeof key);
    *slot(&same->ranks, &same->rank_count, &same->rank_cap, number) = found;
    return found;
}

/* ---- One of all that are the same. ---- */

static void sort_contracts(const struct af_check *check, struct af_check_vector *vector)
{
    uint32_t *contracts = vector->contracts;
    for (size_t i = 1; i < vector->count; i++) {
        uint32_t one = contracts[i], order = af_check_order(check, one);
        size_t at = i;
        for (; at > 0 && af_check_order(check, contracts[at - 1]) > order; at--)
            contracts[at] = contracts[at - 1];
        contracts[at] = one;
    }
}

static bool ranks_known(const struct af_check *check, const struct af_check_vector *vector)
{
    const struct af_check_same *same = check->same;
    for (uint32_t i = 0; i < check->members; i++)
        if (vector->locals[i] >= same->rank_count ||
            same->ranks[vector->locals[i]] == AF_CHECK_NONE)
            return false;
    return true;
}

/* Whether all that an exchange asks of this state is known. */
static bool known(const struct af_check *check, const struct swap *swap,
                  const struct af_check_vector *vector)
{
    for (uint32_t i = 0; i < check->members; i++)
        if (vector->locals[i] >= swap->local_count ||
            swap->locals[vector->locals[i]] == AF_CHECK_NONE)
            return false;
    for (size_t i = 0; i < vector->count; i++)
        if (vector->contracts[i] >= swap->message_count ||
            swap->messages[vector->contracts[i]] == AF_CHECK_NONE)
            return false;
    return true;
}

static void apply(struct af_check *check, struct swap *swap, const struct af_check_vector *from,
                  struct af_check_vector *to)
{
    memcpy(to->budget, from->budget, sizeof to->budget);
    af_check_vector_reserve(to, from->count);
    for (uint32_t i = 0; i < check->members; i++)
        to->locals[af_check_swap_other(swap, i)] =
            af_check_swap_local(check, swap, from->locals[i]);
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++) {
        to->contracts[i] = af_check_swap_message(check, swap, from->contracts[i]);
        to->flags[i] = 0;
    }
    sort_contracts(check, to);
}

/* Ranks first. An exchange may change that of a party which names others, so all of them count: a
 * state that is always left for a lesser one is never come back to. */
static int compare(struct af_check *check, const struct af_check_vector *a,
                   const struct af_check_vector *b)
{
    for (uint32_t i = 0; i < check->members; i++) {
        uint32_t x = rank(check, a->locals[i]), y = rank(check, b->locals[i]);
        if (x != y)
            return x < y ? -1 : 1;
    }
    for (uint32_t i = 0; i < check->members; i++)
        if (a->locals[i] != b->locals[i])
            return a->locals[i] < b->locals[i] ? -1 : 1;
    for (size_t i = 0; i < a->count; i++)
        if (a->contracts[i] != b->contracts[i])
            return a->contracts[i] < b->contracts[i] ? -1 : 1;
    return 0;
}

static void add_swap(struct af_check_swaps *swaps, size_t s)
{
    if (swaps == NULL)
        return;
    af_mem_reserve(&swaps->items, &swaps->cap, swaps->count + 1, sizeof *swaps->items);
    swaps->items[swaps->count++] = (uint32_t)s;
}

/* Exchanges neighbours until no exchange makes a lesser state. Returns false if what that asks for
 * is not known. */
static bool sort(struct af_check *check, struct af_check_vector *vector,
                 struct af_check_vector *scratch, bool asks, struct af_check_swaps *swaps)
{
    struct af_check_same *same = check->same;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t s = 0; s < same->on; s++) {
            struct swap *swap = &same->swaps[s];
            if (rank(check, vector->locals[swap->a]) < rank(check, vector->locals[swap->b]))
                continue;
            if (!asks && !known(check, swap, vector))
                return false;
            apply(check, swap, vector, scratch);
            if (!asks && !ranks_known(check, scratch))
                return false;
            if (compare(check, scratch, vector) >= 0)
                continue;
            af_check_vector_copy(check, vector, scratch);
            changed = true;
            add_swap(swaps, s);
        }
    }
    return true;
}

/* Exchanges by which three, or four, parties come to stand in every order. */
static const uint8_t three[] = {1, 0, 1, 0, 1};
static const uint8_t four[] = {2, 1, 0, 2, 0, 1, 2, 0, 2, 1, 0, 2, 0, 1, 2, 0, 2, 1, 0, 2, 0, 1, 2};

/* The least of all orders of a role, whose first exchange is this one. Returns false if what that
 * asks for is not known. */
static bool try_orders(struct af_check *check, struct af_check_vector *vector, size_t first,
                       const uint8_t *order, size_t count, struct af_check_vector scratch[2],
                       bool asks, struct af_check_swaps *swaps)
{
    struct af_check_vector *least = &scratch[1];
    size_t best = 0;
    af_check_vector_copy(check, least, vector);
    for (size_t i = 0; i < count; i++) {
        struct swap *swap = &check->same->swaps[first + order[i]];
        if (!asks && !known(check, swap, vector))
            return false;
        apply(check, swap, vector, &scratch[0]);
        if (!asks && !ranks_known(check, &scratch[0]))
            return false;
        af_check_vector_copy(check, vector, &scratch[0]);
        if (compare(check, vector, least) >= 0)
            continue;
        af_check_vector_copy(check, least, vector);
        best = i + 1;
    }
    af_check_vector_copy(check, vector, least);
    for (size_t i = 0; i < best; i++)
        add_swap(swaps, first + order[i]);
    return true;
}

bool af_check_same_pick(struct af_check *check, struct af_check_vector *vector,
                        struct af_check_vector scratch[2], bool asks, struct af_check_swaps *swaps)
{
    struct af_check_same *same = check->same;
    if ((!asks && !ranks_known(check, vector)) || !sort(check, vector, &scratch[0], asks, swaps))
        return false;
    for (size_t first = 0, end; first < same->on; first = end) {
        for (end = first + 1; end < same->on && same->swaps[end].a == same->swaps[end - 1].b;)
            end++;
        bool is_three = end - first == 2, is_four = end - first == 3;
        if (!is_three && !is_four)
            continue;
        if (!try_orders(check, vector, first, is_three ? three : four,
                        is_three ? sizeof three : sizeof four, scratch, asks, swaps))
            return false;
    }
    return true;
}

uint32_t af_check_same_member(const struct af_check *check, const struct af_check_swaps *swaps,
                              uint32_t member)
{
    for (size_t i = 0; i < swaps->count; i++)
        member = af_check_swap_other(&check->same->swaps[swaps->items[i]], member);
    return member;
}

uint32_t af_check_same_local(struct af_check *check, const struct af_check_swaps *swaps,
                             uint32_t local)
{
    for (size_t i = 0; i < swaps->count; i++)
        local = af_check_swap_local(check, &check->same->swaps[swaps->items[i]], local);
    return local;
}

uint32_t af_check_same_contract(struct af_check *check, const struct af_check_swaps *swaps,
                                uint32_t contract)
{
    for (size_t i = 0; i < swaps->count; i++)
        contract = af_check_swap_message(check, &check->same->swaps[swaps->items[i]], contract);
    return contract;
}

void af_check_same_add(uint32_t **list, size_t *count, size_t *cap, const uint32_t *items,
                       size_t many)
{
    af_mem_reserve(list, cap, *count + many, sizeof **list);
    memcpy(*list + *count, items, many * sizeof *items);
    *count += many;
}

void af_check_same_called(struct af_check *check, uint32_t call, bool is_new)
{
    struct af_check_same *same = check->same;
    struct af_check_outcome *out = &check->calls->outcomes[call];
    if (same->on == 0 || out->asked)
        return;
    if (!same->trying) {
        out->asked = true;
        same->asked++;
        af_check_same_add(&same->calls, &same->call_count, &same->call_cap, &call, 1);
    } else if (is_new) {
        same->exchanged++;
        af_check_same_add(&same->ahead, &same->ahead_count, &same->ahead_cap, &call, 1);
    }
}
