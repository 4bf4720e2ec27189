/* next.c: what can happen next in a state.
 *
 * Recalls, then in the order of cli.md: deliveries, drops, duplicates, timeouts, crashes, returns,
 * losses, and reloads. A recall is what a party does before anything else, so contracts to it wait
 * as if it were down, its timers do, and no time passes; others may step before it does, and it may
 * crash, vanish or be reloaded.
 *
 * A delivery to one party and a delivery to another do the same in both orders, so a
 * contract whose delivery was possible before another was chosen, and stands before that in order,
 * sleeps behind it: the state that both lead to is found the other way round.
 *
 * Crashes come late: see crash.c.
 *
 * A contract that changes nothing is left out: its receiver has ended, or ignores it in all states,
 * or in one that it does not leave any more. But as long as it is on its way the run has not ended:
 * parties may still crash, vanish, be reloaded, and timeouts come that are due, or early. So where
 * such things may come a state says from whom, and to which that live, something was left out since
 * time last passed; what one that is down has sent, or is to get, outlasts that. */
#include "check/next.h"
#include "check/known.h"
#include "check/monitor.h"
#include "check/swap.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void af_check_next_init(struct af_check_next *next, struct af_check *check)
{
    memset(next, 0, sizeof *next);
    next->check = check;
    af_check_vector_init(check, &next->state);
    af_check_vector_init(check, &next->made);
    af_check_vector_init(check, &next->same);
    af_check_vector_init(check, &next->scratch[0]);
    af_check_vector_init(check, &next->scratch[1]);
    next->changed = af_mem_zero(af_check_next_changes(next), sizeof *next->changed);
}

void af_check_next_release(struct af_check_next *next)
{
    af_check_vector_release(&next->state);
    af_check_vector_release(&next->made);
    af_check_vector_release(&next->same);
    af_check_vector_release(&next->scratch[0]);
    af_check_vector_release(&next->scratch[1]);
    free(next->changed);
}

/* ---- Steps. ---- */

static void tell_violation(const struct af_check_next *next, const struct af_check_label *label,
                           uint32_t violation, uint32_t contract)
{
    if (violation != AF_CHECK_NONE && next->violation != NULL)
        next->violation(next->arg, label, violation, contract);
}

/* Notes at a member of the state that is made that something was left out. */
static void note_left(struct af_check_next *next, uint32_t member, uint32_t late)
{
    uint32_t local = next->made.locals[member];
    if ((next->check->locals[local].late & late) != 0)
        return;
    const struct af_check_step *done = af_check_next_step(next, local, AF_CHECK_LEFT | late);
    if (done == NULL)
        return;
    af_check_next_change(next, member, done->next);
}

static void turn_back(struct af_check_next *next)
{
    while (next->changed_count > 0) {
        const struct af_check_was *was = &next->changed[--next->changed_count];
        next->made.locals[was->member] = was->local;
    }
}

static void leave_out(struct af_check_next *next, uint32_t contract)
{
    const struct af_check *check = next->check;
    const struct af_check_message *message = &check->messages[contract];
    next->inert++;
    if (!check->keeps_late)
        return;
    note_left(next, message->from, AF_CHECK_SENT);
    if (!check->locals[next->made.locals[message->to]].over)
        note_left(next, message->to, AF_CHECK_TO_GET);
}

/* One whose receiver lives may block what comes behind it, or vanish with it, or wait while others
 * may not: whether one is left out is known, but not which. */
static bool must_be_seen(const struct af_check *check)
{
    const uint32_t *budget = check->options->budget;
    return check->keeps_late && (check->options->fifo || budget[AF_FAULT_LOSE] > 0 ||
                                 (budget[AF_FAULT_CRASH] > 0 && budget[AF_FAULT_EARLY] > 0));
}

/* Whether a party ignores a contract in the state that it does not leave any more. */
static bool is_deaf(const struct af_check *check, uint32_t local, uint32_t contract)
{
    int event = check->messages[contract].event[0];
    return check->locals[local].still && event >= 0 &&
           check->locals[local].about->events[event] == AF_EVENT_IGNORED;
}

/* Whether a contract of the state that is made need not be on its way: it changes nothing, now or
 * later. One that is unexpected is told of. */
static bool vanishes(struct af_check_next *next, const struct af_check_label *label,
                     uint32_t contract, bool fresh)
{
    struct af_check *check = next->check;
    const struct af_check_message *message = &check->messages[contract];
    uint32_t receiver = next->made.locals[message->to];
    if (check->locals[receiver].gone)
        return true;
    if (!check->options->reduce || check->exact || check->monitors)
        return false; /* monitors may see it come */
    if (check->locals[receiver].over) {
        leave_out(next, contract);
        return true;
    }
    bool inert = (fresh && message->inert) || is_deaf(check, receiver, contract);
    if (!inert || !check->locals[receiver].takes || must_be_seen(check))
        return false;
    const struct af_check_step *done =
        af_check_next_step(next, receiver, AF_CHECK_CONTRACT | contract);
    if (done != NULL)
        tell_violation(next, label, done->violation, contract);
    leave_out(next, contract);
    return true;
}

/* ---- Making the next state. ---- */

struct change {
    struct af_check_label label;
    uint32_t member, local;           /* who is another now; AF_CHECK_NONE: nobody */
    size_t without;                   /* the contract at this place is gone; SIZE_MAX: none */
    int budget;                       /* a fault that was used; -1: none */
    const struct af_check_step *step; /* whose sends go out; NULL: none */
    uint32_t notes;                   /* what monitors are told before that */
    uint32_t awake;     /* contracts to this member do not sleep; AF_CHECK_NONE: none does */
    size_t sleep_below; /* those before this place sleep */
};

static void add(struct af_check_vector *made, uint32_t contract, uint8_t flags)
{
    made->contracts[made->count] = contract;
    made->flags[made->count++] = flags;
}

/* Contracts that were on their way before, of so many places, where nothing asks to look at them.
 */
static void add_same(struct af_check_next *next, size_t from, size_t to)
{
    struct af_check_vector *made = &next->made;
    if (from == to)
        return; /* there may be none at all */
    memcpy(made->contracts + made->count, next->state.contracts + from,
           (to - from) * sizeof *made->contracts);
    made->count += to - from;
}

static void add_run(struct af_check_next *next, const struct change *change, size_t from, size_t to)
{
    bool holed = change->without >= from && change->without < to;
    add_same(next, from, holed ? change->without : to);
    if (holed)
        add_same(next, change->without + 1, to);
}

/* A contract that was on its way before. */
static void add_old(struct af_check_next *next, const struct change *change, size_t i,
                    bool look_again)
{
    const struct af_check_vector *state = &next->state;
    uint32_t contract = state->contracts[i];
    uint8_t flags = 0;
    if (i == change->without)
        return;
    if (look_again && next->check->messages[contract].to == change->member &&
        vanishes(next, &change->label, contract, false))
        return; /* nobody else has ended */
    if (change->awake != AF_CHECK_NONE && next->check->messages[contract].to != change->awake &&
        (i < change->sleep_below || (state->flags[i] & AF_CHECK_SLEEPS) != 0))
        flags = AF_CHECK_SLEEPS;
    add(&next->made, contract, flags);
}

static void add_olds(struct af_check_next *next, const struct change *change, size_t from,
                     size_t to, bool look_again)
{
    if (!look_again && !next->sleeps) {
        add_run(next, change, from, to);
        return;
    }
    for (size_t i = from; i < to && !next->missed; i++)
        add_old(next, change, i, look_again);
}

/* What is watched behind the change; a violation of it is told of. */
static void watch(struct af_check_next *next, const struct change *change)
{
    if (next->missed || !next->check->watches)
        return;
    struct af_check_watched watched = {
        .asks = next->asks,
        .judged = true,
        .before = next->state.locals,
        .notes = {change->notes, change->step == NULL ? 0 : change->step->notes}};
    uint32_t violation;
    next->made.watch = next->state.watch;
    if (!af_check_watch_step(next->check, &watched, &next->made, &violation))
        next->missed = true;
    else
        tell_violation(next, &change->label, violation, AF_CHECK_NONE);
}

static void make(struct af_check_next *next, const struct change *change)
{
    struct af_check *check = next->check;
    const struct af_check_vector *state = &next->state;
    struct af_check_vector *made = &next->made;
    size_t sends = change->step == NULL ? 0 : change->step->send_count;
    size_t first = change->step == NULL ? 0 : change->step->first_send;
    bool ended = false;
    next->transitions++;
    if (change->step != NULL) {
        bool over = change->step->ends_run;
        tell_violation(next, &change->label, change->step->violation, AF_CHECK_NONE);
        if (over) {
            next->cut = true;
            return;
        }
    }
    af_check_vector_reserve(made, state->count + sends);
    if (change->member != AF_CHECK_NONE) {
        const struct af_check_local *now = &check->locals[change->local],
                                    *before = &check->locals[made->locals[change->member]];
        ended = (now->over && !before->over) || (now->still && !before->still);
        made->locals[change->member] = change->local;
    }
    if (change->budget >= 0) {
        assert(made->budget[change->budget] > 0); /* no run has more faults than it may */
        made->budget[change->budget]--;
    }
    made->count = 0;
    size_t i = 0;
    for (size_t k = 0; k < sends && !next->missed; k++) {
        uint32_t contract = check->sends[first + k];
        uint32_t order = af_check_order(check, contract);
        size_t from = i;
        while (i < state->count && af_check_order(check, state->contracts[i]) <= order)
            i++;
        add_olds(next, change, from, i, ended);
        if (!vanishes(next, &change->label, contract, true))
            add(made, contract, 0);
    }
    add_olds(next, change, i, state->count, ended);
    watch(next, change);
    if ((next->fresh || change->label.kind == AF_SCHEDULE_CRASH) && !next->missed &&
        !af_check_crash_keeps(next, change->label.kind))
        next->transitions--;
    else if (!next->missed)
        next->child(next->arg, &change->label, made);
    turn_back(next);
    if (change->member != AF_CHECK_NONE)
        made->locals[change->member] = state->locals[change->member];
    if (change->budget >= 0)
        made->budget[change->budget]++;
}

/* ---- Contracts. ---- */

/* Whether one changes nothing, and blocks nothing. */
static bool is_late(const struct af_check_next *next, size_t i)
{
    const struct af_check *check = next->check;
    const struct af_check_message *message = &check->messages[next->state.contracts[i]];
    uint32_t receiver = next->state.locals[message->to];
    bool ignored = (message->inert && !message->nowhere[0]) ||
                   is_deaf(check, receiver, next->state.contracts[i]);
    return check->locals[receiver].over || (ignored && !check->options->fifo);
}

/* What monitors are told of a fault that befalls a contract to a member. */
static uint32_t fault_notes(struct af_check_next *next, uint32_t member, uint32_t input)
{
    if (!next->check->monitors)
        return 0;
    const struct af_check_step *done = af_check_next_step(next, next->state.locals[member], input);
    return done == NULL ? 0 : done->notes;
}

static void deliver(struct af_check_next *next, size_t i, enum af_schedule_kind kind)
{
    struct af_check *check = next->check;
    uint32_t contract = next->state.contracts[i], member = check->messages[contract].to;
    const struct af_check_step *done =
        af_check_next_step(next, next->state.locals[member], AF_CHECK_CONTRACT | contract);
    if (done == NULL)
        return;
    struct af_check_step copy = *done; /* steps may move */
    bool copied = kind == AF_SCHEDULE_DUPLICATE;
    uint32_t notes = copied ? fault_notes(next, member, AF_CHECK_FAULT(DUPLICATE) | contract) : 0;
    struct change change = {.label = {kind, member, contract},
                            .member = member,
                            .local = copy.next,
                            .without = copied ? SIZE_MAX : i,
                            .budget = copied ? AF_FAULT_DUPLICATE : -1,
                            .step = &copy,
                            .notes = notes,
                            .awake = copied ? AF_CHECK_NONE : member,
                            .sleep_below = i};
    make(next, &change);
}

static void drop(struct af_check_next *next, size_t i)
{
    uint32_t contract = next->state.contracts[i];
    struct change change = {
        .label = {AF_SCHEDULE_DROP, next->check->messages[contract].to, contract},
        .member = AF_CHECK_NONE,
        .without = i,
        .budget = AF_FAULT_DROP,
        .notes =
            fault_notes(next, next->check->messages[contract].to, AF_CHECK_FAULT(DROP) | contract),
        .awake = AF_CHECK_NONE};
    make(next, &change);
}

/* Where nothing is left out, what changes nothing is delivered one by one, when nothing else
 * hinders time from passing: a run in which it comes earlier is no shorter. */
static void late_contract(struct af_check_next *next)
{
    const struct af_check_vector *state = &next->state;
    for (size_t i = 0; i < state->count; i++) {
        if (!af_check_next_hinders(next, i))
            continue;
        deliver(next, i, AF_SCHEDULE_DELIVER);
        return;
    }
}

static void contracts(struct af_check_next *next, bool busy)
{
    struct af_check *check = next->check;
    const struct af_check_vector *state = &next->state;
    if (check->exact && !busy)
        late_contract(next);
    for (size_t i = 0; i < state->count && !next->missed; i++) {
        uint32_t contract = state->contracts[i];
        if (check->exact && is_late(next, i))
            continue;
        const struct af_check_local *receiver =
            &check->locals[state->locals[check->messages[contract].to]];
        bool first = i == 0 || af_check_order(check, state->contracts[i - 1]) !=
                                   af_check_order(check, contract);
        if (receiver->down != 0 || receiver->gone || receiver->recalls != AF_CHECK_NONE || !first)
            continue;
        if (next->all || (state->flags[i] & AF_CHECK_SLEEPS) == 0)
            deliver(next, i, AF_SCHEDULE_DELIVER);
        if (!next->only_ways && !next->missed && state->budget[AF_FAULT_DROP] > 0)
            drop(next, i);
        if (!next->only_ways && !next->missed && state->budget[AF_FAULT_DUPLICATE] > 0)
            deliver(next, i, AF_SCHEDULE_DUPLICATE);
    }
}

/* ---- Timeouts. ---- */

/* Without a clock each timeout is an instant that those who are down miss. Returns false if that is
 * not known. */
static bool misses(struct af_check_next *next)
{
    const struct af_check *check = next->check;
    for (uint32_t i = 0; i < check->members; i++) {
        uint32_t local = next->made.locals[i];
        if (check->locals[local].down == 0 || check->locals[local].over)
            continue;
        const struct af_check_step *done = af_check_next_step(next, local, AF_CHECK_MISSES);
        if (done == NULL)
            return false;
        af_check_next_change(next, i, done->next);
    }
    return true;
}

static void fire(struct af_check_next *next, uint32_t member, uint32_t name,
                 enum af_schedule_kind kind, bool costs)
{
    const struct af_check_step *done =
        af_check_next_step(next, next->made.locals[member], AF_CHECK_TIMER | name);
    if (done == NULL)
        return;
    struct af_check_step copy = *done;
    if (next->check->options->any_timeout && !costs && !misses(next))
        return;
    struct change change = {.label = {kind, member, name},
                            .member = member,
                            .local = copy.next,
                            .without = SIZE_MAX,
                            .budget = costs ? AF_FAULT_EARLY : -1,
                            .step = &copy,
                            .awake = AF_CHECK_NONE};
    uint32_t before = next->made.locals[member];
    make(next, &change);
    next->made.locals[member] = before; /* it may have waited */
}

/* Fires the timers that have so much left, or (early) any others. */
static void fire_some(struct af_check_next *next, int64_t left_ns, bool early)
{
    struct af_check *check = next->check;
    bool any = check->options->any_timeout;
    for (uint32_t member = 0; member < check->members && !next->missed; member++) {
        uint32_t number = next->state.locals[member];
        size_t count;
        if (!check->locals[number].takes || check->locals[number].timers == 0)
            continue;
        uint32_t word = check->locals[number].timers;
        af_check_timers(check, &check->locals[number], &count);
        for (size_t i = 0; i < count && !next->missed; i++) {
            const struct af_check_timer *timer =
                (const struct af_check_timer *)af_check_word_bytes(&check->words, word, NULL) + i;
            if ((timer->left_ns == left_ns) != early)
                fire(next, member, timer->name,
                     early || any ? AF_SCHEDULE_EARLY : AF_SCHEDULE_TIMEOUT, early);
        }
    }
}

/* Has time pass at all parties. Returns false if that is not known. */
static bool wait_for(struct af_check_next *next, int64_t ns)
{
    struct af_check *check = next->check;
    uint32_t input = next->asks ? af_check_wait_new(check, ns) : af_check_wait_input(check, ns);
    if (input == AF_CHECK_NONE) {
        next->missed = true;
        return false;
    }
    for (uint32_t member = 0; member < check->members; member++) {
        uint32_t local = next->state.locals[member];
        if (check->locals[local].timers == 0 && check->locals[local].late == 0 &&
            check->locals[local].down == 0)
            continue;
        const struct af_check_step *done = af_check_next_step(next, local, input);
        if (done == NULL)
            return false;
        next->made.locals[member] = done->next;
    }
    return true;
}

/* late: something that was left out may be in flight, or not */
static void timeouts(struct af_check_next *next, int64_t least_ns, bool in_flight, bool late)
{
    struct af_check *check = next->check;
    if (next->must_return && (least_ns > 0 || check->options->any_timeout)) {
        next->forced = next->forced || (least_ns >= 0 && !in_flight);
        least_ns = -1; /* none fires but early */
    }
    bool now = least_ns == 0 || (least_ns > 0 && !in_flight);
    if (now && least_ns > 0) {
        /* what is fired has exactly so much left, before time has passed */
        if (wait_for(next, least_ns))
            fire_some(next, least_ns, false);
        memcpy(next->made.locals, next->state.locals, check->members * sizeof(uint32_t));
    } else if (now) {
        fire_some(next, 0, false);
    }
    if (!next->missed && !next->only_ways && next->state.budget[AF_FAULT_EARLY] > 0)
        fire_some(next, now && (least_ns == 0 || !late) ? least_ns : -1, true);
}

/* ---- Parties. ---- */

static void happen(struct af_check_next *next, uint32_t member, uint32_t input, int budget,
                   enum af_schedule_kind kind)
{
    const struct af_check_step *done = af_check_next_step(next, next->state.locals[member], input);
    if (done == NULL)
        return;
    struct af_check_step copy = *done;
    struct change change = {.label = {kind, member, 0},
                            .member = member,
                            .local = copy.next,
                            .without = SIZE_MAX,
                            .budget = budget,
                            .step = &copy,
                            .awake = AF_CHECK_NONE};
    make(next, &change);
}

/* Whoever has just crashed returns as if it had not. */
static void undo_crash(struct af_check_next *next, uint32_t member)
{
    next->made.budget[AF_FAULT_CRASH]++;
    next->fresh = false; /* what it was before is kept */
    happen(next, member, AF_CHECK_UP, -1, AF_SCHEDULE_RETURN);
    next->fresh = true;
    next->made.budget[AF_FAULT_CRASH]--;
}

static void recalls(struct af_check_next *next)
{
    struct af_check *check = next->check;
    for (uint32_t member = 0; member < check->members && !next->missed; member++) {
        const struct af_check_local *local = &check->locals[next->state.locals[member]];
        if (local->up && local->recalls != AF_CHECK_NONE)
            happen(next, member, AF_CHECK_RECALL, -1, AF_SCHEDULE_RECALL);
    }
}

static void parties(struct af_check_next *next)
{
    struct af_check *check = next->check;
    const uint32_t *budget = next->state.budget;
    for (uint32_t member = 0; member < check->members && !next->missed; member++) {
        const struct af_check_local *local = &check->locals[next->state.locals[member]];
        bool up = local->up, down = local->down != 0 && !local->over, old = local->version == 0;
        bool fresh = local->down == AF_CHECK_FRESH; /* a step may move them */
        if (up && !next->only_ways && budget[AF_FAULT_CRASH] > 0 &&
            af_check_crash_may(next, member))
            happen(next, member, AF_CHECK_FAULT(CRASH), AF_FAULT_CRASH, AF_SCHEDULE_CRASH);
        if (down && !next->missed && !fresh)
            happen(next, member, AF_CHECK_UP, -1, AF_SCHEDULE_RETURN);
        if (down && !next->missed && fresh && next->only_ways)
            undo_crash(next, member);
        if (up && !next->only_ways && !next->missed && budget[AF_FAULT_LOSE] > 0)
            happen(next, member, AF_CHECK_FAULT(LOSE), AF_FAULT_LOSE, AF_SCHEDULE_LOSE);
        if (up && old && check->version_count > 1 && !next->only_ways && !next->missed)
            happen(next, member, AF_CHECK_RELOAD, -1, AF_SCHEDULE_RELOAD);
    }
}

/* ---- All of it. ---- */

struct standing {
    bool down, all_settled;
    bool fresh;       /* somebody has just crashed */
    bool busy;        /* something that changes something hinders time from passing */
    bool in_flight;   /* anything does: a contract, or what a party recalls */
    bool late;        /* something that was left out may do so */
    int64_t least_ns; /* among parties that are up; -1: no timer */
    bool armed;       /* a timer, at any live party */
    bool must_return; /* one has missed as many instants as it may */
};

static struct standing look(const struct af_check_next *next)
{
    const struct af_check *check = next->check;
    const struct af_check_vector *state = &next->state;
    struct standing standing = {.all_settled = true, .least_ns = -1};
    for (uint32_t member = 0; member < check->members; member++) {
        const struct af_check_local *local = &check->locals[state->locals[member]];
        standing.down = standing.down || (local->down != 0 && !local->over);
        standing.must_return = standing.must_return ||
                               (local->down != 0 && !local->over &&
                                (local->down < AF_CHECK_AWAY ? 0 : local->down - AF_CHECK_AWAY) >=
                                    check->options->away);
        standing.fresh = standing.fresh || local->down == AF_CHECK_FRESH;
        standing.all_settled = standing.all_settled && (local->over || local->rests);
        standing.busy = standing.busy || (local->up && local->recalls != AF_CHECK_NONE);
        standing.late = standing.late || (local->late != 0 && (local->down == 0 || local->over));
        if (local->least_ns < 0 || local->over)
            continue;
        standing.armed = true;
        if (local->takes && (standing.least_ns < 0 || local->least_ns < standing.least_ns))
            standing.least_ns = local->least_ns;
    }
    standing.in_flight = standing.busy;
    for (size_t i = 0; i < state->count && !standing.busy; i++) {
        bool hindering = af_check_next_hinders(next, i);
        standing.in_flight = standing.in_flight || hindering;
        standing.busy = hindering && !(check->exact && is_late(next, i));
    }
    return standing;
}

enum af_check_rest af_check_next(struct af_check_next *next)
{
    struct af_check *check = next->check;
    struct standing standing = look(next);
    bool over = !standing.in_flight && !standing.down && standing.all_settled;
    next->missed = next->cut = next->forced = false;
    next->must_return = standing.must_return;
    next->fresh = standing.fresh;
    if (over && standing.least_ns == 0 && !check->keeps_late)
        __atomic_store_n(&check->wants_late, check->options->reduce, __ATOMIC_RELAXED);
    if (over && !standing.late)
        return AF_CHECK_ENDED;
    memcpy(next->made.locals, next->state.locals, check->members * sizeof(uint32_t));
    memcpy(next->made.budget, next->state.budget, sizeof next->made.budget);
    if (!over) {
        recalls(next);
        if (!next->missed)
            contracts(next, standing.busy);
    }
    if (!next->missed)
        timeouts(next, standing.least_ns, standing.in_flight || over, standing.late);
    if (!next->missed)
        parties(next);
    return over                                                       ? AF_CHECK_ENDED
           : !standing.in_flight && !standing.down && !standing.armed ? AF_CHECK_STUCK_HERE
                                                                      : AF_CHECK_MOVES;
}

const struct af_check_vector *af_check_next_pick(struct af_check_next *next,
                                                 const struct af_check_vector *child)
{
    if (af_check_same_on(next->check) == 0)
        return child;
    af_check_vector_copy(next->check, &next->same, child);
    if (af_check_same_pick(next->check, &next->same, next->scratch, next->asks, next->swaps))
        return &next->same;
    next->missed = true;
    return NULL;
}

/* ---- The first state. ---- */

/* A member has started, others may not have. A violation is the last that is told. */
static void watch_start(struct af_check_next *next, uint32_t member, uint32_t notes)
{
    static const struct af_check_label start = {AF_SCHEDULE_DELIVER, 0, AF_CHECK_NONE};
    struct af_check *check = next->check;
    struct af_check_vector *made = &next->made, *state = &next->state;
    struct af_check_watched watched = {.asks = true,
                                       .judged = member + 1 == check->members,
                                       .before = state->locals,
                                       .notes = {0, notes}};
    uint32_t violation;
    if (!check->watches || made->watch == AF_CHECK_BROKEN)
        return;
    af_check_watch_step(check, &watched, made, &violation);
    tell_violation(next, &start, violation, AF_CHECK_NONE);
    state->locals[member] = made->locals[member];
}

void af_check_first(struct af_check_next *next)
{
    static const struct af_check_label start = {AF_SCHEDULE_DELIVER, 0, AF_CHECK_NONE};
    struct af_check *check = next->check;
    struct af_check_vector *made = &next->made, *state = &next->state;
    uint32_t violation = AF_CHECK_NONE;
    state->count = made->count = 0;
    made->watch = 0;
    for (uint32_t member = 0; member < check->members; member++)
        made->locals[member] = state->locals[member] = AF_CHECK_NONE;
    if (check->watches && !af_check_watch_begin(check, made, &violation))
        tell_violation(next, &start, violation, AF_CHECK_NONE);
    memcpy(made->budget, check->options->budget, sizeof made->budget);
    next->changed_count = 0;
    for (uint32_t member = 0; member < check->members; member++) {
        uint32_t number = af_check_step(check, AF_CHECK_NONE, member); /* steps may move */
        struct af_check_step done = check->steps[number];
        tell_violation(next, &start, done.violation, AF_CHECK_NONE);
        if (done.ends_run)
            return;
        made->locals[member] = done.next;
        watch_start(next, member, done.notes);
        af_check_vector_reserve(state, state->count + done.send_count);
        for (size_t k = 0; k < done.send_count; k++) {
            uint32_t contract = check->sends[done.first_send + k];
            size_t at = state->count++;
            for (; at > 0 && af_check_order(check, state->contracts[at - 1]) >
                                 af_check_order(check, contract);
                 at--)
                state->contracts[at] = state->contracts[at - 1];
            state->contracts[at] = contract;
        }
    }
    af_check_vector_reserve(made, state->count);
    for (size_t i = 0; i < state->count; i++)
        if (!vanishes(next, &start, state->contracts[i], true))
            add(made, state->contracts[i], 0);
    next->child(next->arg, &start, made);
}
