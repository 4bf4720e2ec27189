/* step.c: what an input does to a party, remembered as numbers. */
#include "check/step.h"
#include "check/call.h"
#include "check/known.h"
#include "check/monitor.h"

#include "base/mem.h"

#include <stdlib.h>

/* ---- Timers. ---- */

static int by_name(const void *a, const void *b)
{
    uint32_t x = ((const struct af_check_timer *)a)->name;
    uint32_t y = ((const struct af_check_timer *)b)->name;
    return x < y ? -1 : x > y;
}

static uint32_t timers_word(struct af_check *check, struct af_check_timer *timers, size_t count)
{
    if (count == 0)
        return 0;
    qsort(timers, count, sizeof *timers, by_name);
    return af_check_word(&check->words, timers, count * sizeof *timers);
}

/* Those of an outcome, where those that go on have left what they had. */
static uint32_t timers_after(struct af_check *check, const struct af_check_local *before,
                             const struct af_check_outcome *out)
{
    size_t had = 0;
    const struct af_check_timer *old = before == NULL ? NULL : af_check_timers(check, before, &had);
    struct af_check_timer *timers = af_mem_zero(out->timer_count + 1, sizeof *timers);
    for (size_t i = 0; i < out->timer_count; i++) {
        const struct af_check_left *left = &out->timers[i];
        timers[i].name = left->name;
        timers[i].left_ns = left->left_ns;
        for (size_t k = 0; left->kept && k < had; k++)
            if (old[k].name == left->name)
                timers[i].left_ns = old[k].left_ns;
        if (check->options->any_timeout)
            timers[i].left_ns = 0;
    }
    uint32_t word = timers_word(check, timers, out->timer_count);
    free(timers);
    return word;
}

/* Time passes: no timer has less than nothing left. */
static uint32_t timers_later(struct af_check *check, uint32_t word, int64_t ns)
{
    size_t len;
    const struct af_check_timer *old = af_check_word_bytes(&check->words, word, &len);
    size_t count = len / sizeof *old;
    if (count == 0)
        return word;
    struct af_check_timer *timers = af_mem_alloc(len);
    for (size_t i = 0; i < count; i++) {
        timers[i] = old[i];
        timers[i].left_ns = old[i].left_ns > ns ? old[i].left_ns - ns : 0;
    }
    uint32_t later = timers_word(check, timers, count);
    free(timers);
    return later;
}

/* ---- Steps. ---- */

static int by_order(const struct af_check *check, uint32_t a, uint32_t b)
{
    uint32_t x = af_check_order(check, a), y = af_check_order(check, b);
    return x < y ? -1 : x > y;
}

/* Stable: with --fifo those of one link stay in order. */
static void sort_sends(const struct af_check *check, uint32_t *sends, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint32_t one = sends[i];
        size_t at = i;
        for (; at > 0 && by_order(check, sends[at - 1], one) > 0; at--)
            sends[at] = sends[at - 1];
        sends[at] = one;
    }
}

static void take_outcome(struct af_check *check, struct af_check_step *step, uint32_t local,
                         uint32_t member, uint32_t input)
{
    const struct af_check_outcome *out = af_check_call(check, member, local, input);
    struct af_check_local next = out->next;
    step->notes = out->notes;
    step->violation = out->violation;
    step->ends_run = out->ends_run;
    step->first_send = (uint32_t)check->send_count;
    step->send_count = (uint32_t)out->send_count;
    af_mem_reserve(&check->sends, &check->send_cap, check->send_count + out->send_count,
                   sizeof *check->sends);
    for (size_t i = 0; i < out->send_count; i++)
        check->sends[check->send_count + i] = out->sends[i];
    sort_sends(check, check->sends + check->send_count, out->send_count);
    check->send_count += out->send_count;
    if (out->ends_run && check->why.kind != AF_FAILURE_NONE)
        return;
    next.late = local == AF_CHECK_NONE ? 0 : check->locals[local].late;
    next.timers = timers_after(check, local == AF_CHECK_NONE ? NULL : &check->locals[local], out);
    step->next = af_check_local(check, &next);
}

/* One that is down has missed one more. */
static uint32_t instants(uint32_t down)
{
    return (down == AF_CHECK_FRESH ? AF_CHECK_AWAY : down) + 1;
}

static void fill(struct af_check *check, struct af_check_step *step, uint32_t number,
                 uint32_t input)
{
    struct af_check_local local = check->locals[number];
    switch (input & ~(uint32_t)AF_CHECK_NUMBER) {
    case AF_CHECK_CONTRACT:
        if (local.over) {
            step->notes =
                af_check_watch_contract(check, AF_HAPPENS_LATE, &local, input & AF_CHECK_NUMBER);
            return;
        }
        take_outcome(check, step, number, local.member, input);
        return;
    case AF_CHECK_TIMER:
    case AF_CHECK_RECALL:
    case AF_CHECK_RELOAD:
        take_outcome(check, step, number, local.member, input);
        return;
    case AF_CHECK_WAIT:
        local.timers = timers_later(check, local.timers, check->waits[input & AF_CHECK_NUMBER]);
        if (local.down != 0 && !local.over)
            local.down = instants(local.down);
        local.late = local.down != 0 && !local.over ? local.late
                                                    : 0; /* what waits for no one comes before */
        break;
    case AF_CHECK_LEFT:
        local.late |= input & AF_CHECK_NUMBER;
        break;
    case AF_CHECK_MISSES:
        local.down = instants(local.down);
        break;
    case AF_CHECK_STAYS:
        local.down = AF_CHECK_AWAY;
        break;
    case AF_CHECK_FAULT(DROP):
    case AF_CHECK_FAULT(DUPLICATE):
        step->notes = af_check_watch_contract(
            check,
            (input & ~(uint32_t)AF_CHECK_NUMBER) == AF_CHECK_FAULT(DUPLICATE) ? AF_HAPPENS_DUPLICATE
                                                                              : AF_HAPPENS_DROP,
            &local, input & AF_CHECK_NUMBER);
        return;
    case AF_CHECK_FAULT(CRASH):
        step->notes = af_check_watch_party(check, AF_HAPPENS_CRASH, &local);
        local.down = AF_CHECK_FRESH;
        break;
    case AF_CHECK_UP:
        step->notes = af_check_watch_party(check, AF_HAPPENS_RETURN, &local);
        local.down = 0;
        break;
    case AF_CHECK_FAULT(LOSE):
        step->notes = af_check_watch_party(check, AF_HAPPENS_LOST, &local);
        local.status = AF_PARTY_LOST;
        local.down = local.deferred = local.timers = 0;
        break;
    default:
        assert(false); /* no such input is made */
    }
    step->next = af_check_local(check, &local);
}

uint32_t af_check_step(struct af_check *check, uint32_t local, uint32_t input)
{
    uint32_t number;
    if (af_check_step_known(check, local, input, &number))
        return number;
    struct af_check_step step = {.next = local, .violation = AF_CHECK_NONE};
    if (local == AF_CHECK_NONE)
        take_outcome(check, &step, AF_CHECK_NONE, input, 0);
    else
        fill(check, &step, local, input);
    af_mem_reserve(&check->steps, &check->step_cap, check->step_count + 1, sizeof *check->steps);
    check->steps[check->step_count] = step;
    af_check_map_put(&check->step_index, (uint64_t)local << 32 | input,
                     (uint32_t)check->step_count);
    return (uint32_t)check->step_count++;
}

const struct af_check_step *af_check_step_asked(struct af_check *check, uint32_t local,
                                                uint32_t input, bool asks)
{
    uint32_t number;
    if (!af_check_step_known(check, local, input, &number)) {
        if (!asks)
            return NULL;
        number = af_check_step(check, local, input);
    }
    return &check->steps[number];
}

uint32_t af_check_wait_input(struct af_check *check, int64_t ns)
{
    for (size_t i = 0; i < check->wait_count; i++)
        if (check->waits[i] == ns)
            return AF_CHECK_WAIT | (uint32_t)i;
    return AF_CHECK_NONE;
}

uint32_t af_check_wait_new(struct af_check *check, int64_t ns)
{
    uint32_t known = af_check_wait_input(check, ns);
    if (known != AF_CHECK_NONE)
        return known;
    af_mem_reserve(&check->waits, &check->wait_cap, check->wait_count + 1, sizeof *check->waits);
    check->waits[check->wait_count] = ns;
    return AF_CHECK_WAIT | (uint32_t)check->wait_count++;
}
