/* same.c: parties of a role that need not be told apart.
 *
 * If two neighbours of a role exchange their names everywhere, a state becomes one from which the
 * same can happen, with the names exchanged; so of all states that are the same but for such
 * exchanges one is enough. That is so only where each handler does the exchanged thing for the
 * exchanged call, and each invariant says the same: every distinct call and view is tried with each
 * exchange, and one that differs switches this off: then the search begins anew. */
#include "check/impl.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct swap { /* of two neighbours */
    uint32_t a, b;
    uint32_t *locals, *messages; /* what each becomes, or AF_CHECK_NONE: not known yet */
    size_t local_count, local_cap, message_count, message_cap;
};

struct af_check_same {
    struct swap *swaps;
    size_t count;
    size_t tried;       /* calls */
    uint64_t exchanged; /* calls and views that were tried for an exchange alone */
    bool off;
    char why[400];
    uint32_t *ranks; /* of each party: those of one role are put in order by it */
    size_t rank_count, rank_cap;
    struct af_check_words rank_keys;
};

struct af_check_same *af_check_same_new(const struct af_check *check)
{
    struct af_check_same *same = af_mem_zero(1, sizeof *same);
    same->swaps = af_mem_zero(check->members, sizeof *same->swaps);
    for (uint32_t i = 0; i + 1 < check->members; i++)
        if (check->roles[0][i] == check->roles[0][i + 1])
            same->swaps[same->count++] = (struct swap){.a = i, .b = i + 1};
    same->off = same->count == 0 || !check->options->reduce || check->version_count > 1;
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
    free(same->ranks);
    free(same->swaps);
    free(same);
}

bool af_check_same_on(const struct af_check *check)
{
    return !check->same->off;
}

uint64_t af_check_same_bytes(const struct af_check *check)
{
    const struct af_check_same *same = check->same;
    uint64_t bytes = same->rank_cap * sizeof *same->ranks + af_check_words_bytes(&same->rank_keys);
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
    return check->same->why[0] == '\0' ? NULL : check->same->why;
}

/* ---- Exchanging. ---- */

static uint32_t other(const struct swap *swap, uint32_t member)
{
    return member == swap->a ? swap->b : member == swap->b ? swap->a : member;
}

static uint32_t *slot(uint32_t **items, size_t *count, size_t *cap, uint32_t number)
{
    af_mem_reserve(items, cap, (size_t)number + 1, sizeof **items);
    while (*count <= number)
        (*items)[(*count)++] = AF_CHECK_NONE;
    return &(*items)[number];
}

static uint32_t swap_message(struct af_check *check, struct swap *swap, uint32_t number)
{
    if (number < swap->message_count && swap->messages[number] != AF_CHECK_NONE)
        return swap->messages[number];
    struct af_check_message message = check->messages[number];
    message.from = other(swap, message.from);
    message.to = other(swap, message.to);
    message.content = af_check_rename(check, message.content, swap->a, swap->b);
    uint32_t swapped = af_check_message(check, &message);
    *slot(&swap->messages, &swap->message_count, &swap->message_cap, number) = swapped;
    return swapped;
}

static uint32_t swap_text(struct af_check *check, const struct swap *swap, uint32_t text)
{
    return text == 0 ? 0 : af_check_rename(check, text - 1, swap->a, swap->b) + 1;
}

static void swap_identity(struct af_check *check, struct swap *swap, struct af_check_local *local)
{
    size_t len;
    af_check_word_bytes(&check->words, local->deferred, &len);
    size_t count = len / sizeof(uint32_t);
    uint32_t *deferred = af_mem_zero(count + 1, sizeof *deferred);
    memcpy(deferred, af_check_word_bytes(&check->words, local->deferred, NULL), len);
    for (size_t i = 0; i < count; i++)
        deferred[i] = swap_message(check, swap, deferred[i]);
    local->member = other(swap, local->member);
    local->data = af_check_rename(check, local->data, swap->a, swap->b);
    local->result = swap_text(check, swap, local->result);
    local->reason = swap_text(check, swap, local->reason);
    local->deferred = af_check_word(&check->words, deferred, len);
    free(deferred);
}

static uint32_t swap_local(struct af_check *check, struct swap *swap, uint32_t number)
{
    if (number < swap->local_count && swap->locals[number] != AF_CHECK_NONE)
        return swap->locals[number];
    struct af_check_local local = check->locals[number];
    swap_identity(check, swap, &local);
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
static bool known(const struct af_check *check, const struct af_check_vector *vector)
{
    const struct af_check_same *same = check->same;
    for (size_t s = 0; s < same->count; s++) {
        const struct swap *swap = &same->swaps[s];
        for (uint32_t i = 0; i < check->members; i++)
            if (vector->locals[i] >= swap->local_count ||
                swap->locals[vector->locals[i]] == AF_CHECK_NONE)
                return false;
        for (size_t i = 0; i < vector->count; i++)
            if (vector->contracts[i] >= swap->message_count ||
                swap->messages[vector->contracts[i]] == AF_CHECK_NONE)
                return false;
    }
    return ranks_known(check, vector);
}

static void apply(struct af_check *check, struct swap *swap, const struct af_check_vector *from,
                  struct af_check_vector *to)
{
    memcpy(to->budget, from->budget, sizeof to->budget);
    af_check_vector_reserve(to, from->count);
    for (uint32_t i = 0; i < check->members; i++)
        to->locals[other(swap, i)] = swap_local(check, swap, from->locals[i]);
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++) {
        to->contracts[i] = swap_message(check, swap, from->contracts[i]);
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

bool af_check_same_pick(struct af_check *check, struct af_check_vector *vector,
                        struct af_check_vector *scratch, bool asks, struct af_check_swaps *swaps)
{
    struct af_check_same *same = check->same;
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t s = 0; s < same->count; s++) {
            struct swap *swap = &same->swaps[s];
            if (!asks && !known(check, vector))
                return false;
            if (rank(check, vector->locals[swap->a]) < rank(check, vector->locals[swap->b]))
                continue;
            apply(check, swap, vector, scratch);
            if (!asks && !ranks_known(check, scratch))
                return false;
            if (compare(check, scratch, vector) >= 0)
                continue;
            af_check_vector_copy(check, vector, scratch);
            changed = true;
            if (swaps == NULL)
                continue;
            af_mem_reserve(&swaps->items, &swaps->cap, swaps->count + 1, sizeof *swaps->items);
            swaps->items[swaps->count++] = (uint32_t)s;
        }
    }
    return true;
}

uint32_t af_check_same_member(const struct af_check *check, const struct af_check_swaps *swaps,
                              uint32_t member)
{
    for (size_t i = 0; i < swaps->count; i++)
        member = other(&check->same->swaps[swaps->items[i]], member);
    return member;
}

uint32_t af_check_same_local(struct af_check *check, const struct af_check_swaps *swaps,
                             uint32_t local)
{
    for (size_t i = 0; i < swaps->count; i++)
        local = swap_local(check, &check->same->swaps[swaps->items[i]], local);
    return local;
}

uint32_t af_check_same_contract(struct af_check *check, const struct af_check_swaps *swaps,
                                uint32_t contract)
{
    for (size_t i = 0; i < swaps->count; i++)
        contract = swap_message(check, &check->same->swaps[swaps->items[i]], contract);
    return contract;
}

/* ---- Trying. ---- */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static bool same_sends(struct af_check *check, struct swap *swap,
                       const struct af_check_outcome *one, const struct af_check_outcome *two)
{
    if (one->send_count != two->send_count)
        return false;
    size_t count = one->send_count;
    uint32_t *a = af_mem_zero(count + 1, sizeof *a), *b = af_mem_zero(count + 1, sizeof *b);
    for (size_t i = 0; i < count; i++) {
        a[i] = swap_message(check, swap, one->sends[i]);
        b[i] = two->sends[i];
    }
    qsort(a, count, sizeof *a, by_number);
    qsort(b, count, sizeof *b, by_number);
    bool same = memcmp(a, b, count * sizeof *a) == 0;
    free(a);
    free(b);
    return same;
}

static bool exchanged(struct af_check *check, struct swap *swap, struct af_check_outcome one,
                      struct af_check_outcome two)
{
    struct af_check_local next = one.next;
    bool fine = (one.violation == AF_CHECK_NONE) == (two.violation == AF_CHECK_NONE) &&
                one.ends_run == two.ends_run && one.timer_count == two.timer_count;
    if (one.violation != AF_CHECK_NONE && fine)
        return check->found[one.violation].kind == check->found[two.violation].kind;
    swap_identity(check, swap, &next);
    if (!fine || memcmp(&next, &two.next, AF_CHECK_LOCAL_KEYS * sizeof(uint32_t)) != 0)
        return false;
    for (size_t i = 0; i < one.timer_count; i++) {
        size_t k = 0;
        while (k < two.timer_count && one.timers[i].name != two.timers[k].name)
            k++;
        if (k == two.timer_count || one.timers[i].left_ns != two.timers[k].left_ns)
            return false;
    }
    return same_sends(check, swap, &one, &two);
}

/* Counts a call or a view that is tried for an exchange alone. Too many of them switch this off. */
static bool may_exchange(struct af_check *check)
{
    struct af_check_same *same = check->same;
    if (++same->exchanged <= AF_CHECK_EXCHANGES_MAX)
        return true;
    same->off = true;
    snprintf(same->why, sizeof same->why,
             "to show that they need not be takes more than %d calls and views",
             AF_CHECK_EXCHANGES_MAX);
    return false;
}

static void switch_off(struct af_check *check, const char *place, const struct swap *swap,
                       const char *what)
{
    struct af_check_same *same = check->same;
    same->off = true;
    snprintf(same->why, sizeof same->why, "%s: %s tells %s from %s", place, what,
             check->who[swap->a].id, check->who[swap->b].id);
}

/* One call, with one exchange. */
static void try_call(struct af_check *check, struct swap *swap, uint32_t member, uint32_t from,
                     uint32_t input)
{
    uint32_t swapped_input = input, swapped_from = AF_CHECK_NONE;
    if (from != AF_CHECK_NONE)
        swapped_from = swap_local(check, swap, from);
    if (from != AF_CHECK_NONE && input < AF_CHECK_TIMER)
        swapped_input = swap_message(check, swap, input);
    uint32_t calls = check->call_keys.count;
    struct af_check_outcome one = *af_check_call(check, member, from, input);
    struct af_check_outcome two =
        *af_check_call(check, other(swap, member), swapped_from, swapped_input);
    if (check->why.kind != AF_FAILURE_NONE || af_script_interrupted() ||
        exchanged(check, swap, one, two)) {
        if (check->call_keys.count > calls)
            may_exchange(check);
        return;
    }
    struct af_buf where = AF_BUF_EMPTY, what = AF_BUF_EMPTY;
    af_check_describe_call(check, member, from, input, &where, &what);
    switch_off(check, af_buf_text(&where), swap, af_buf_text(&what));
    af_buf_release(&where);
    af_buf_release(&what);
}

/* The party of a call's key; any time left of its timers will do. */
static uint32_t local_of(struct af_check *check, const uint32_t *key)
{
    struct af_check_local local = {0};
    memcpy(&local, key, AF_CHECK_CALL_KEYS * sizeof *key);
    size_t len;
    const uint32_t *names = af_check_word_bytes(&check->words, local.timers, &len);
    size_t count = len / sizeof *names;
    struct af_check_timer *timers = af_mem_zero(count + 1, sizeof *timers);
    for (size_t i = 0; i < count; i++)
        timers[i].name = names[i];
    local.timers = count == 0 ? 0 : af_check_word(&check->words, timers, count * sizeof *timers);
    free(timers);
    return af_check_local(check, &local);
}

void af_check_same_try(struct af_check *check)
{
    struct af_check_same *same = check->same;
    for (; !same->off && af_check_goes_on(check) && same->tried < check->call_keys.count;
         same->tried++) {
        size_t len;
        uint32_t key[16];
        const void *bytes = af_check_word_bytes(&check->call_keys, (uint32_t)same->tried, &len);
        memcpy(key, bytes, len);
        uint32_t from = key[1] == AF_CHECK_NONE ? AF_CHECK_NONE : local_of(check, key + 3);
        for (size_t s = 0; s < same->count && !same->off && af_check_goes_on(check); s++)
            try_call(check, &same->swaps[s], key[0], from, key[2]);
    }
}

/* The walk through all views that are the same as a state's, by exchanges: where it stands, and the
 * exchanges by which it came there. An exchange undoes itself, so they lead back, too. */
struct walk {
    uint32_t *locals, *scratch; /* by member */
    uint32_t *trail;
    size_t count, cap;
};

static void exchange(struct af_check *check, struct walk *walk, struct swap *swap)
{
    for (uint32_t i = 0; i < check->members; i++)
        walk->scratch[other(swap, i)] = swap_local(check, swap, walk->locals[i]);
    uint32_t *moved = walk->scratch;
    walk->scratch = walk->locals;
    walk->locals = moved;
}

/* Goes to the view behind an exchange, if that is new: its own ones are looked at next. */
static bool goes_to(struct af_check *check, struct walk *walk, size_t s, bool fine)
{
    struct af_check_same *same = check->same;
    struct swap *swap = &same->swaps[s];
    uint32_t violation;
    exchange(check, walk, swap);
    const struct af_check_vector state = {.locals = walk->locals};
    bool known = af_check_world_known(check, &state, &violation);
    if (!known)
        violation = af_check_world_look(check, &state);
    if (!af_script_interrupted() && fine != (violation == AF_CHECK_NONE))
        switch_off(check, af_script_file(check->scripts[0])->name, swap, "an invariant");
    if (known || !may_exchange(check)) {
        exchange(check, walk, swap);
        return false;
    }
    af_mem_reserve(&walk->trail, &walk->cap, walk->count + 1, sizeof *walk->trail);
    walk->trail[walk->count++] = (uint32_t)s;
    return true;
}

uint32_t af_check_same_view(struct af_check *check, const struct af_check_vector *state)
{
    struct af_check_same *same = check->same;
    uint32_t violation;
    if (same->off || af_check_world_known(check, state, &violation))
        return af_check_world_look(check, state);
    violation = af_check_world_look(check, state);
    struct walk walk = {.locals = af_mem_zero(check->members, sizeof(uint32_t)),
                        .scratch = af_mem_zero(check->members, sizeof(uint32_t))};
    memcpy(walk.locals, state->locals, check->members * sizeof(uint32_t));
    size_t s = 0;
    while (!same->off && af_check_goes_on(check) && (s < same->count || walk.count > 0)) {
        if (s < same->count) {
            s = goes_to(check, &walk, s, violation == AF_CHECK_NONE) ? 0 : s + 1;
            continue;
        }
        s = walk.trail[--walk.count];
        exchange(check, &walk, &same->swaps[s++]);
    }
    free(walk.locals);
    free(walk.scratch);
    free(walk.trail);
    return violation;
}
