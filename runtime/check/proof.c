/* proof.c: whether parties of a role need be told apart.
 *
 * They need not where every handler does the exchanged thing for a call with names exchanged, and
 * every invariant says the same of the exchanged view. Each call that the search makes, and each
 * view, is tried with each exchange of two neighbours of a role; one that differs has the role be
 * told apart, and the search begins anew. Exchanges of neighbours make all orders: where calls and
 * views that they lead to are tried as well, until there are no new ones, that is proved. These may
 * be more than anybody can try, so only as many are as the search itself has, and some: then it is
 * believed that what treats neighbours alike in all calls and views of the search, and in those
 * that are one and more exchanges from them, does so in all. The work grows as the search does. */
#include "check/same.h"
#include "check/call.h"
#include "check/known.h"
#include "check/note.h"
#include "check/search.h"
#include "check/world.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- Comparing. ---- */

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
        a[i] = af_check_swap_message(check, swap, one->sends[i]);
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
    af_check_swap_identity(check, swap, &next);
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

/* The role's exchanges go behind those that are made. */
static void tell_apart(struct af_check *check, uint32_t role)
{
    struct af_check_same *same = check->same;
    size_t on = 0;
    for (size_t i = 0; i < same->on; i++) {
        struct swap swap = same->swaps[i];
        if (check->roles[0][swap.a] == role)
            continue;
        same->swaps[i] = same->swaps[on];
        same->swaps[on++] = swap;
    }
    same->on = on;
}

static void refute(struct af_check *check, const char *place, const struct swap *swap,
                   const char *what)
{
    struct af_check_same *same = check->same;
    af_buf_printf(&same->why, "%s%s: %s tells %s from %s", same->why.len > 0 ? "; " : "", place,
                  what, check->who[swap->a].id, check->who[swap->b].id);
    tell_apart(check, check->roles[0][swap->a]);
}

/* One call, with one exchange. Returns false if it differs. */
static bool try_call(struct af_check *check, struct swap *swap, uint32_t member, uint32_t from,
                     uint32_t input)
{
    uint32_t swapped_input = input, swapped_from = AF_CHECK_NONE;
    if (from != AF_CHECK_NONE)
        swapped_from = af_check_swap_local(check, swap, from);
    if (from != AF_CHECK_NONE && input < AF_CHECK_TIMER)
        swapped_input = af_check_swap_message(check, swap, input);
    struct af_check_outcome one = *af_check_call(check, member, from, input);
    struct af_check_outcome two =
        *af_check_call(check, af_check_swap_other(swap, member), swapped_from, swapped_input);
    if (check->why.kind != AF_FAILURE_NONE || af_script_interrupted() ||
        exchanged(check, swap, one, two))
        return true;
    struct af_buf where = AF_BUF_EMPTY, what = AF_BUF_EMPTY;
    af_check_describe_call(check, member, from, input, &where, &what);
    refute(check, af_buf_text(&where), swap, af_buf_text(&what));
    af_buf_release(&where);
    af_buf_release(&what);
    return false;
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

/* ---- Work. ---- */

/* Whether more may be tried of what exchanges have led to. */
static bool may_go_ahead(const struct af_check_same *same)
{
    return same->exchanged < AF_CHECK_EXCHANGES_MIN + same->asked;
}

/* With all exchanges, of which there may be fewer afterwards. */
static void try_all(struct af_check *check, uint32_t call)
{
    struct af_check_same *same = check->same;
    size_t len;
    uint32_t key[16];
    const void *bytes = af_check_word_bytes(&check->calls->keys, call, &len);
    memcpy(key, bytes, len);
    uint32_t from = key[1] == AF_CHECK_NONE ? AF_CHECK_NONE : local_of(check, key + 3);
    for (size_t s = 0; s < same->on && af_check_goes_on(check); s++)
        if (!try_call(check, &same->swaps[s], key[0], from, key[2]))
            s = SIZE_MAX; /* from the first of those that are left */
}

/* A view, the parties of whose names are exchanged in turn. */
static void try_view(struct af_check *check, const uint32_t *locals, bool asked)
{
    struct af_check_same *same = check->same;
    struct af_check_vector moved = {.locals = af_mem_zero(check->members, sizeof(uint32_t))};
    const struct af_check_vector state = {.locals = (uint32_t *)(uintptr_t)locals};
    bool fine = af_check_world_look(check, &state) == AF_CHECK_NONE;
    for (size_t s = 0; s < same->on && af_check_goes_on(check); s++) {
        struct swap *swap = &same->swaps[s];
        for (uint32_t i = 0; i < check->members; i++)
            moved.locals[af_check_swap_other(swap, i)] =
                af_check_swap_local(check, swap, locals[i]);
        uint64_t views = af_check_world_count(check);
        uint32_t violation = af_check_world_look(check, &moved);
        bool is_new = af_check_world_count(check) > views;
        same->exchanged += is_new ? 1 : 0;
        if (is_new && (asked || may_go_ahead(same)))
            af_check_same_add(&same->views, &same->view_count, &same->view_cap, moved.locals,
                              check->members);
        if (af_script_interrupted() || fine == (violation == AF_CHECK_NONE))
            continue;
        refute(check, af_script_file(check->scripts[0])->name, swap, "an invariant");
        s = SIZE_MAX;
    }
    free(moved.locals);
}

void af_check_same_try(struct af_check *check)
{
    struct af_check_same *same = check->same;
    same->trying = true;
    while (same->on > 0 && same->calls_tried < same->call_count && af_check_goes_on(check))
        try_all(check, same->calls[same->calls_tried++]);
    while (same->on > 0 && same->ahead_tried < same->ahead_count && may_go_ahead(same) &&
           af_check_goes_on(check))
        try_all(check, same->ahead[same->ahead_tried++]);
    uint32_t *locals = af_mem_zero(check->members, sizeof *locals);
    while (same->on > 0 && same->views_tried < same->view_count && may_go_ahead(same) &&
           af_check_goes_on(check)) {
        memcpy(locals, same->views + same->views_tried, check->members * sizeof *locals);
        same->views_tried += check->members;
        try_view(check, locals, false);
    }
    free(locals);
    same->trying = false;
    same->believed = same->ahead_tried < same->ahead_count || same->views_tried < same->view_count;
}

uint32_t af_check_same_view(struct af_check *check, const struct af_check_vector *state)
{
    struct af_check_same *same = check->same;
    uint32_t violation = af_check_world_look(check, state);
    if (same->on == 0 || !af_check_world_asked(check, state))
        return violation;
    uint32_t *locals = af_mem_alloc(check->members * sizeof *locals);
    memcpy(locals, state->locals, check->members * sizeof *locals);
    same->trying = true;
    same->asked++;
    try_view(check, locals, true);
    same->trying = false;
    free(locals);
    return violation;
}
