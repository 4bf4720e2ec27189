/* crash.c: a party crashes late, where time passes next.
 *
 * What one that is down keeps from happening (its own steps) may just as well wait while it is up.
 * What it brings about is that time passes without it: over its timers, over contracts to it, and
 * over those that it has sent. So a crash goes where time passes next, behind all that happened in
 * between, for which it is the same whether the party is up; and one after which the party returns
 * before time has passed does nothing, but for having been one. Of what both lead to nothing is
 * left out, and no run becomes longer.
 *
 * But where the run would be over if the party were up it goes on without it. So such a step is
 * taken behind a crash, too, and the party stays away then like one without which time has passed.
 * That may be so only where one step settles everything: elsewhere nothing but a crash, or a timer
 * for which time passes, comes behind one. Where monitors see crashes, or fairness counts, a crash
 * is as any other step. */
#include "check/next.h"
#include "check/known.h"

bool af_check_next_hinders(const struct af_check_next *next, size_t i)
{
    const struct af_check *check = next->check;
    const uint32_t *locals = next->state.locals;
    const struct af_check_message *message = &check->messages[next->state.contracts[i]];
    const struct af_check_local *sender = &check->locals[locals[message->from]];
    const struct af_check_local *receiver = &check->locals[locals[message->to]];
    return receiver->down == 0 && !receiver->gone && (sender->down == 0 || sender->over);
}

static bool crashes_late(const struct af_check *check)
{
    return check->options->reduce && !check->watches;
}

static bool is_up(const struct af_check_local *local)
{
    return !local->over && local->down <= AF_CHECK_FRESH;
}

/* What keeps the run from being over if those who have just crashed had not: contracts and recalls,
 * and parties that have neither ended nor rest. Counted as far as two. */
static void count_open(const struct af_check *check, const struct af_check_vector *state,
                       size_t *moves, size_t *unsettled)
{
    *moves = *unsettled = 0;
    for (uint32_t member = 0; member < check->members; member++) {
        const struct af_check_local *local = &check->locals[state->locals[member]];
        bool recalls = is_up(local) && local->recalls != AF_CHECK_NONE;
        *moves += recalls;
        *unsettled += !local->over && !(is_up(local) && (local->rests || recalls));
    }
    for (size_t i = 0; i < state->count && *moves < 2; i++) {
        const struct af_check_message *message = &check->messages[state->contracts[i]];
        const struct af_check_local *from = &check->locals[state->locals[message->from]];
        const struct af_check_local *to = &check->locals[state->locals[message->to]];
        *moves += (to->over ? !to->gone : is_up(to)) && (from->over || is_up(from));
    }
}

bool af_check_crash_keeps(struct af_check_next *next, enum af_schedule_kind kind)
{
    struct af_check *check = next->check;
    struct af_check_vector *made = &next->made;
    bool fresh = false;
    for (uint32_t member = 0; member < check->members; member++)
        fresh = fresh || check->locals[made->locals[member]].down == AF_CHECK_FRESH;
    if (!fresh)
        return true;
    size_t moves, unsettled;
    count_open(check, made, &moves, &unsettled);
    if (crashes_late(check) && moves + unsettled > 0)
        return kind == AF_SCHEDULE_CRASH;
    for (uint32_t member = 0; member < check->members; member++) {
        uint32_t local = made->locals[member];
        if (check->locals[local].down != AF_CHECK_FRESH)
            continue;
        const struct af_check_step *done = af_check_next_step(next, local, AF_CHECK_STAYS);
        if (done == NULL)
            return false;
        af_check_next_change(next, member, done->next);
    }
    return true;
}

bool af_check_crash_may(const struct af_check_next *next, uint32_t who)
{
    const struct af_check *check = next->check;
    const struct af_check_vector *state = &next->state;
    bool armed = false, waits = !check->options->any_timeout;
    bool passes = true;
    size_t moves, unsettled;
    if (!crashes_late(check))
        return true;
    for (uint32_t member = 0; member < check->members; member++) {
        const struct af_check_local *local = &check->locals[state->locals[member]];
        if (member == who || !local->up)
            continue;
        armed = armed || local->least_ns >= 0;
        passes = passes && !(waits && (local->least_ns == 0 || !local->takes));
    }
    for (size_t i = 0; i < state->count && waits && passes; i++) {
        const struct af_check_message *message = &check->messages[state->contracts[i]];
        passes = message->from == who || message->to == who || !af_check_next_hinders(next, i);
    }
    if (armed && (passes || state->budget[AF_FAULT_CRASH] > 1))
        return true;
    count_open(check, state, &moves, &unsettled);
    return unsettled <= 1 && (moves <= 1 || state->budget[AF_FAULT_LOSE] > 0);
}
