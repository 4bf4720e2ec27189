/* path.c: the shortest run into a violation, as a schedule.
 *
 * A state remembers the one from which it was found first; what happened between the two is found
 * by looking again. The schedule holds what the search left out, too: contracts that change nothing
 * arrive before time passes, before a later one of their link with --fifo, and before the end, as
 * whoever follows the schedule has them in flight.
 *
 * Where one state stands for all that are the same, the search went from one of these to the next.
 * What the exchanges of names on the way add up to turns each step back into that of a run. */
#include "check/path.h"
#include "check/known.h"
#include "check/next.h"
#include "check/note.h"
#include "check/seen.h"
#include "check/swap.h"
#include "check/world.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct path {
    struct af_check *check;
    struct af_check_next next;
    unsigned char *packed;
    const unsigned char *target; /* the packed state that is looked for, or NULL: … */
    size_t target_len;
    uint32_t violation; /* … the violation */
    bool at_it;
    struct af_check_label label; /* that leads there */
    uint32_t contract;
    struct af_check_swaps picked; /* by which it became the target */
    struct af_check_swaps turn;   /* from next.state to the state of the run */
    uint32_t *flight; /* all contracts that are on their way, also those that change nothing */
    size_t flight_count, flight_cap;
    size_t extra; /* steps that change nothing */
    struct af_schedule *run;
};

/* ---- Looking for one step. ---- */

static void take(struct path *path, const struct af_check_label *label, uint32_t contract)
{
    path->at_it = true;
    path->label = *label;
    path->contract = contract;
    path->next.missed = true; /* it is enough */
}

static void on_child(void *arg, const struct af_check_label *label,
                     const struct af_check_vector *child)
{
    struct path *path = arg;
    struct af_check *check = path->check;
    if (path->at_it)
        return;
    path->picked.count = 0;
    const struct af_check_vector *one = af_check_next_pick(&path->next, child);
    if (path->target != NULL) {
        size_t len = af_check_pack(check, one, path->packed);
        if (len == path->target_len && memcmp(path->packed, path->target, len) == 0)
            take(path, label, AF_CHECK_NONE);
    } else if (check->found[path->violation].kind == AF_CHECK_INVARIANT &&
               af_check_world_look(check, one) == path->violation) {
        take(path, label, AF_CHECK_NONE);
    }
}

static void on_violation(void *arg, const struct af_check_label *label, uint32_t violation,
                         uint32_t contract)
{
    struct path *path = arg;
    if (!path->at_it && path->target == NULL && violation == path->violation)
        take(path, label, contract);
}

/* ---- The schedule. ---- */

struct af_schedule_step af_check_path_step(const struct af_check *check, enum af_schedule_kind kind,
                                           uint32_t member, uint32_t what)
{
    struct af_schedule_step step = {.kind = kind,
                                    .party = (char *)(uintptr_t)af_check_member_id(check, member)};
    if (af_schedule_about(kind) == AF_SCHEDULE_CONTRACT) {
        const struct af_check_message *message = &check->messages[what];
        size_t len;
        const char *content = af_check_word_bytes(&check->words, message->content, &len);
        step.content = af_schedule_content(content, len);
        step.from = (char *)(uintptr_t)af_check_member_id(check, message->from);
        step.type = (char *)(uintptr_t)af_check_word_bytes(&check->words, message->type, NULL);
    } else if (af_schedule_about(kind) == AF_SCHEDULE_TIMER && what != 0) {
        step.timer = (char *)(uintptr_t)af_check_word_bytes(&check->words, what, NULL);
    }
    return step;
}

static void add_step(struct path *path, enum af_schedule_kind kind, uint32_t member, uint32_t what)
{
    struct af_schedule_step step = af_check_path_step(path->check, kind, member, what);
    af_schedule_add(path->run, &step);
}

static void fly(struct path *path, uint32_t step)
{
    const struct af_check *check = path->check;
    const struct af_check_step *done = &check->steps[step];
    af_mem_reserve(&path->flight, &path->flight_cap, path->flight_count + done->send_count,
                   sizeof *path->flight);
    for (uint32_t i = 0; i < done->send_count; i++)
        path->flight[path->flight_count++] = check->sends[done->first_send + i];
}

static void land(struct path *path, uint32_t contract)
{
    for (size_t i = 0; i < path->flight_count; i++) {
        if (path->flight[i] != contract)
            continue;
        memmove(path->flight + i, path->flight + i + 1,
                (--path->flight_count - i) * sizeof *path->flight);
        return;
    }
}

/* The party of the run that a member is now. */
static const struct af_check_local *party_of(const struct path *path, uint32_t member)
{
    const struct af_check *check = path->check;
    for (uint32_t i = 0; i < check->members; i++)
        if (af_check_same_member(check, &path->turn, i) == member)
            return &check->locals[path->next.state.locals[i]];
    return NULL;
}

/* Delivers what changes nothing: all of a link, or (AF_CHECK_NONE) all that hinders time. */
static void land_left_out(struct path *path, uint32_t link)
{
    struct af_check *check = path->check;
    size_t left = 0;
    for (size_t i = 0; i < path->flight_count; i++) {
        uint32_t contract = path->flight[i];
        const struct af_check_message *message = &check->messages[contract];
        const struct af_check_local *from = party_of(path, message->from),
                                    *to = party_of(path, message->to);
        bool lands = link != AF_CHECK_NONE ? message->link == link
                                           : to->down == 0 && (from->down == 0 || from->over);
        if (lands && !to->gone) {
            add_step(path, AF_SCHEDULE_DELIVER, message->to, contract);
            path->extra++;
        }
        if (!lands && !to->gone)
            path->flight[left++] = contract;
    }
    path->flight_count = left;
}

/* Whether time passes until a timer fires. */
static bool passes(const struct path *path, const struct af_check_label *label)
{
    const struct af_check *check = path->check;
    size_t count;
    const struct af_check_timer *timers =
        af_check_timers(check, &check->locals[path->next.state.locals[label->member]], &count);
    for (size_t i = 0; label->kind == AF_SCHEDULE_TIMEOUT && i < count; i++)
        if (timers[i].name == label->what)
            return timers[i].left_ns > 0;
    return false;
}

/* What must arrive before a step: with --fifo all that stands before its contract. */
static void land_before(struct path *path, const struct af_check_label *label, uint32_t contract)
{
    const struct af_check *check = path->check;
    if (passes(path, label))
        land_left_out(path, AF_CHECK_NONE);
    if (af_schedule_about(label->kind) != AF_SCHEDULE_CONTRACT || !check->options->fifo)
        return;
    uint32_t link = check->messages[contract].link;
    size_t count = path->flight_count, first = 0;
    while (first < count && path->flight[first] != contract)
        first++;
    path->flight_count = first; /* what was sent before */
    land_left_out(path, link);
    memmove(path->flight + path->flight_count, path->flight + first,
            (count - first) * sizeof *path->flight);
    path->flight_count += count - first;
}

/* What a label does to what is in flight. */
static void follow(struct path *path, const struct af_check_label *label)
{
    struct af_check *check = path->check;
    uint32_t local =
        af_check_same_local(check, &path->turn, path->next.state.locals[label->member]);
    uint32_t what = label->what, input = AF_CHECK_NONE;
    if (af_schedule_about(label->kind) == AF_SCHEDULE_CONTRACT)
        what = af_check_same_contract(check, &path->turn, what);
    switch (label->kind) {
    case AF_SCHEDULE_DELIVER:
    case AF_SCHEDULE_DUPLICATE:
        input = AF_CHECK_CONTRACT | what;
        break;
    case AF_SCHEDULE_TIMEOUT:
    case AF_SCHEDULE_EARLY:
        input = AF_CHECK_TIMER | label->what;
        break;
    case AF_SCHEDULE_RECALL:
        input = AF_CHECK_RECALL;
        break;
    case AF_SCHEDULE_RELOAD:
        input = AF_CHECK_RELOAD;
        break;
    default:
        break;
    }
    land_before(path, label, what);
    if (label->kind == AF_SCHEDULE_DELIVER || label->kind == AF_SCHEDULE_DROP)
        land(path, what);
    if (input != AF_CHECK_NONE)
        fly(path, af_check_step(check, local, input));
    add_step(path, label->kind, af_check_same_member(check, &path->turn, label->member), what);
}

/* ---- All of it. ---- */

/* The addresses from the first state to the last: returns how many. */
static size_t chain_to(const struct af_check *check, uint64_t last, uint64_t **chain)
{
    size_t count = 0, cap = 0, len;
    *chain = NULL;
    for (uint64_t at = last; at != AF_CHECK_ROOT;) {
        af_mem_reserve(chain, &cap, count + 1, sizeof **chain);
        (*chain)[count++] = at;
        af_check_seen_state(check->seen, at, &len, &at, NULL);
    }
    for (size_t i = 0; i < count / 2; i++) {
        uint64_t swapped = (*chain)[i];
        (*chain)[i] = (*chain)[count - 1 - i];
        (*chain)[count - 1 - i] = swapped;
    }
    return count;
}

static bool look(struct path *path)
{
    path->at_it = false;
    af_check_next(&path->next);
    if (path->at_it)
        follow(path, &path->label);
    return path->at_it;
}

/* The target is where we are: what led there is undone first, the last exchange before the others.
 */
static void arrive(struct path *path)
{
    struct af_check_swaps *picked = &path->picked, *turn = &path->turn;
    af_check_unpack(path->check, path->target, path->target_len, &path->next.state);
    af_mem_reserve(&turn->items, &turn->cap, turn->count + picked->count, sizeof *turn->items);
    if (turn->count > 0)
        memmove(turn->items + picked->count, turn->items, turn->count * sizeof *turn->items);
    for (size_t i = 0; i < picked->count; i++)
        turn->items[i] = picked->items[picked->count - 1 - i];
    turn->count += picked->count;
}

/* On from the state of a lasso: to the run's end, or once round its loop. */
static void walk_on(struct path *path, const struct af_check_found *found)
{
    struct af_check *check = path->check;
    path->next.only_ways = true;
    for (size_t i = 0; i < found->way_count; i++) {
        if (i == found->loop_at)
            path->run->loop = path->run->count + 1;
        path->target =
            af_check_seen_state(check->seen, found->way[i], &path->target_len, NULL, NULL);
        look(path);
        arrive(path);
    }
    if (found->loop_at == SIZE_MAX)
        land_left_out(path, AF_CHECK_NONE);
}

static void walk(struct path *path, const struct af_check_found *found)
{
    struct af_check *check = path->check;
    uint64_t *chain;
    size_t count = chain_to(check, found->state, &chain);
    bool ends_there = found->kind == AF_CHECK_STUCK || found->kind == AF_CHECK_DOOMED;
    if (chain == NULL)
        return; /* not even the first state was left */
    for (uint32_t member = 0; member < check->members; member++)
        fly(path, af_check_step(check, AF_CHECK_NONE, member));
    for (size_t i = 0; i < count; i++) {
        path->target = af_check_seen_state(check->seen, chain[i], &path->target_len, NULL, NULL);
        if (i == 0)
            af_check_first(&path->next);
        else
            look(path);
        arrive(path);
    }
    if (found->lasso)
        walk_on(path, found);
    path->target = NULL;
    if (!found->lasso && !ends_there && look(path) && path->contract != AF_CHECK_NONE) {
        uint32_t contract = af_check_same_contract(check, &path->turn, path->contract);
        add_step(path, AF_SCHEDULE_DELIVER, check->messages[contract].to, contract);
    }
    if (found->kind == AF_CHECK_STUCK)
        land_left_out(path, AF_CHECK_NONE);
    free(chain);
}

void af_check_path(struct af_check *check, struct af_check_found *found)
{
    struct path path = {.check = check, .run = &found->run};
    path.violation = (uint32_t)(found - check->found);
    struct af_schedule run = AF_SCHEDULE_EMPTY;
    size_t place = path.violation; /* check->found may move */
    path.run = &run;
    if (found->state == AF_CHECK_NO_STATE) { /* it is in the starts */
        if (found->contract != AF_CHECK_NONE)
            add_step(&path, AF_SCHEDULE_DELIVER, check->messages[found->contract].to,
                     found->contract);
        af_schedule_release(&found->run);
        found->run = run;
        found->length = run.count;
        return;
    }
    path.packed = af_mem_alloc(AF_CHECK_PACKED_MAX);
    af_check_next_init(&path.next, check);
    path.next.asks = path.next.all = true;
    path.next.swaps = &path.picked;
    path.next.arg = &path;
    path.next.child = on_child;
    path.next.violation = on_violation;
    struct af_check_found copy = *found;
    walk(&path, &copy);
    af_check_next_release(&path.next);
    free(path.picked.items);
    free(path.turn.items);
    free(path.packed);
    free(path.flight);
    af_schedule_release(&check->found[place].run);
    check->found[place].run = run;
    check->found[place].length = run.count;
    check->found[place].extra = path.extra;
}
