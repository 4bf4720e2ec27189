/* note.c: what a search comes to: violations, where a run is stuck, how runs end. */
#include "check/impl.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void af_check_note(struct af_check *check, uint32_t violation, uint64_t state, uint32_t contract)
{
    struct af_check_found *found = &check->found[violation];
    if (found->found)
        return;
    found->found = true;
    found->state = state;
    found->contract = contract;
}

/* Where a party stands, as one number: its role, its version, its state. */
static uint64_t standing(const struct af_check *check, const struct af_check_local *local)
{
    return (uint64_t)check->roles[0][local->member] << 40 | (uint64_t)local->version << 32 |
           local->state;
}

/* Who has not ended, and where, in words, whichever parties of a role they are; the first of them,
 * or AF_CHECK_NONE. */
static uint32_t unsettled(const struct af_check *check, const struct af_check_vector *state,
                          struct af_buf *out)
{
    uint32_t first = AF_CHECK_NONE;
    for (uint64_t told = 0;;) { /* the least standing that is not told yet, + 1 */
        const struct af_check_local *next = NULL;
        for (uint32_t i = 0; i < check->members; i++) {
            const struct af_check_local *local = &check->locals[state->locals[i]];
            if (local->over || local->rests || local->about == NULL ||
                standing(check, local) < told)
                continue;
            if (next == NULL || standing(check, local) < standing(check, next))
                next = local;
        }
        if (next == NULL)
            break;
        af_buf_append_string(out, first == AF_CHECK_NONE ? "" : "; ");
        af_buf_printf(out, "%s is in state '%s' (", af_check_role_name(check, next->member),
                      next->about->name);
        af_check_place(check, next, out);
        af_buf_append_char(out, ')');
        first = first == AF_CHECK_NONE ? next->member : first;
        told = standing(check, next) + 1;
    }
    if (first == AF_CHECK_NONE)
        af_buf_append_string(out, "all have ended or rest, but something is always on its way");
    return first;
}

void af_check_note_unsettled(struct af_check *check, enum af_check_kind kind, uint64_t state)
{
    struct af_check_vector *vector = &check->search->scratch;
    struct af_buf text = AF_BUF_EMPTY;
    size_t len;
    const unsigned char *bytes = af_check_seen_state(check->seen, state, &len, NULL, NULL);
    af_check_unpack(check, bytes, len, vector);
    uint32_t who = unsettled(check, vector, &text);
    uint32_t role = who == AF_CHECK_NONE ? AF_CHECK_NONE : check->roles[0][who];
    uint32_t violation = af_check_violation(check, kind, role, "", af_buf_text(&text));
    af_check_note(check, violation, state, AF_CHECK_NONE);
    af_buf_release(&text);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

void af_check_note_end(struct af_check *check, uint64_t state)
{
    struct af_check_search *search = check->search;
    struct af_check_vector *vector = &search->scratch;
    size_t len;
    const unsigned char *bytes = af_check_seen_state(check->seen, state, &len, NULL, NULL);
    af_check_unpack(check, bytes, len, vector);
    af_check_seen_mark(check->seen, state, AF_CHECK_GOOD);
    for (uint32_t i = 0; i < check->members; i++)
        vector->locals[i] = check->locals[vector->locals[i]].end;
    qsort(vector->locals, check->members, sizeof(uint32_t), by_number);
    uint32_t before = search->end_keys.count;
    uint32_t end =
        af_check_word(&search->end_keys, vector->locals, check->members * sizeof(uint32_t));
    af_mem_reserve(&search->end_counts, &search->end_cap, (size_t)end + 1, sizeof(uint64_t));
    if (end == before)
        search->end_counts[end] = 0;
    search->end_counts[end]++;
}
