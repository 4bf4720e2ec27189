/* note.c: what a search comes to: violations, where a run is stuck, how runs end. */
#include "check/note.h"
#include "check/known.h"
#include "check/search.h"
#include "check/seen.h"
#include "check/step.h"

#include "base/bounds.h"
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

uint32_t af_check_unsettled(struct af_check *check, uint64_t state, struct af_buf *out)
{
    struct af_check_vector *vector = &check->search->scratch;
    size_t len;
    const unsigned char *bytes = af_check_seen_state(check->seen, state, &len, NULL, NULL);
    af_check_unpack(check, bytes, len, vector);
    return unsettled(check, vector, out);
}

void af_check_note_unsettled(struct af_check *check, enum af_check_kind kind, uint64_t state)
{
    struct af_buf text = AF_BUF_EMPTY;
    uint32_t who = af_check_unsettled(check, state, &text);
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
    af_check_seen_mark(check->seen, state, AF_CHECK_GOOD | AF_CHECK_OVER);
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

/* "participant: the timeout of state 'asking' (flow.lua:12)", "…: deadline 'd' in state …" */
static void note_timer(struct af_check *check, const struct af_check_local *local, uint32_t name)
{
    struct af_buf text = AF_BUF_EMPTY;
    const char *word = af_check_word_bytes(&check->words, name, NULL);
    if (name == 0)
        af_buf_printf(&text, "%s: the timeout of", af_check_role_name(check, local->member));
    else
        af_buf_printf(&text, "%s: the deadline '%s' in", af_check_role_name(check, local->member),
                      word);
    af_buf_printf(&text, " state '%s' (", local->about->name);
    af_check_place(check, local, &text);
    af_buf_append_char(&text, ')');
    af_check_text(&check->search->armed_keys, af_buf_text(&text));
    af_buf_release(&text);
}

void af_check_note_forced(struct af_check *check, uint64_t state)
{
    struct af_check_vector *vector = &check->search->scratch;
    size_t len, count;
    const unsigned char *bytes = af_check_seen_state(check->seen, state, &len, NULL, NULL);
    af_check_unpack(check, bytes, len, vector);
    for (uint32_t i = 0; i < check->members; i++) {
        const struct af_check_local local = check->locals[vector->locals[i]];
        af_check_timers(check, &local, &count);
        for (size_t k = 0; local.takes && k < count; k++)
            note_timer(check, &local, af_check_timers(check, &local, &count)[k].name);
    }
}

/* The first step that sends a contract: its party and its input. */
static bool find_sender(const struct af_check *check, uint32_t contract, uint32_t *local,
                        uint32_t *input)
{
    const struct af_check_map *map = &check->step_index;
    uint32_t first = AF_CHECK_NONE;
    for (size_t i = 0; i < map->cap; i++) {
        if (map->keys[i] == 0 || map->values[i] > first)
            continue;
        const struct af_check_step *step = &check->steps[map->values[i]];
        for (uint32_t k = 0; k < step->send_count; k++) {
            if (check->sends[step->first_send + k] != contract)
                continue;
            first = map->values[i];
            *local = (uint32_t)((map->keys[i] - 1) >> 32);
            *input = (uint32_t)(map->keys[i] - 1);
        }
    }
    return first != AF_CHECK_NONE;
}

void af_check_note_crowd(struct af_check *check, uint32_t contract, bool deferred)
{
    struct af_check_search *search = check->search;
    const struct af_check_message *message = &check->messages[contract];
    uint32_t local = AF_CHECK_NONE, input = 0;
    struct af_buf text = AF_BUF_EMPTY;
    if (search->bound != NULL)
        return;
    af_buf_printf(&text, "more than %d copies of '%s' from %s to %s are %s", AF_CHECK_COPIES_MAX,
                  (const char *)af_check_word_bytes(&check->words, message->type, NULL),
                  check->who[message->from].id, check->who[message->to].id,
                  deferred ? "deferred" : "on their way");
    if (find_sender(check, contract, &local, &input)) {
        struct af_buf where = AF_BUF_EMPTY, what = AF_BUF_EMPTY;
        af_check_describe_call(check, message->from, local, local == AF_CHECK_NONE ? 0 : input,
                               &where, &what);
        af_buf_printf(&text, ": %s sends it, %s", af_buf_text(&what), af_buf_text(&where));
        af_buf_release(&where);
        af_buf_release(&what);
    }
    free(search->crowd);
    search->bound = search->crowd = af_buf_take(&text);
}
