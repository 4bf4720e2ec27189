/* schedule.c: a run whose steps are given, one by one: nothing is drawn, nothing moves by
 * itself, and time passes only for a timer that is to fire.
 *
 * It is the same run as that in which `afrun check` found the steps: handlers draw by their input
 * alone (party/party.h, fixed), and invariants are looked at between two steps. Since equal calls
 * draw equal uuids then, each contract that is sent is given one of its own: else it would be taken
 * for a copy. */
#include "sim/impl.h"

#include "base/bounds.h"
#include "trace/schedule.h"

#include <assert.h>
#include <string.h>

/* ---- Before the run. ---- */

/* A party takes one input by a step: what it recalls then it takes by another one. */
static bool ready(void *arg, const struct af_party *party)
{
    const struct af_sim *sim = arg;
    (void)party;
    return sim->may_take || sim->options->schedule->recalls_at_once;
}

static enum af_fate fate(void *arg, struct af_party *party)
{
    struct af_sim *sim = arg;
    (void)party;
    sim->may_take = false;
    return AF_FATE_NONE;
}

int af_sim_schedule_begin(struct af_sim *sim, struct af_failure *why)
{
    static const char what[] = "the schedule";
    if (sim->options->schedule == NULL)
        return 0;
    if (sim->flow == NULL || sim->sequential_count > 0)
        return af_failure_set(why, AF_FAILURE_USAGE, what,
                              "is for flows all of whose roles have states");
    if (af_fault_options_any(&sim->options->faults))
        return af_failure_set(why, AF_FAILURE_USAGE, what,
                              "says which faults there are; none can be drawn besides");
    af_bus_mock_keep(sim->bus);
    sim->owner.ready = ready;
    sim->owner.fate = fate;
    return 0;
}

static struct af_hash own_uuid(struct af_sim *sim)
{
    uint64_t number = ++sim->own_uuids;
    return af_hash_bytes((struct af_hash){sim->options->seed, 0x7363686564756c65u}, &number,
                         sizeof number);
}

struct af_contract *af_sim_schedule_sent(struct af_sim *sim, struct af_contract *contract_take)
{
    struct af_contract *own = af_contract_repeat(contract_take, own_uuid(sim));
    af_contract_drop(contract_take);
    return own;
}

/* ---- Steps: each returns NULL, or why it cannot be done. ---- */

typedef const char *step_fn(struct af_sim *sim, struct af_sim_node *node,
                            const struct af_schedule_step *step);

static const char *why_not_live(const struct af_sim_node *node)
{
    enum af_party_status status = af_party_status(node->party);
    if (status == AF_PARTY_LOST)
        return "the party has vanished";
    return status == AF_PARTY_ACTIVE ? NULL : "the party has ended";
}

static const char *why_not_up(const struct af_sim_node *node)
{
    const char *why = why_not_live(node);
    return why == NULL && af_party_is_down(node->party) ? "the party is down" : why;
}

static const char *why_not_ready(const struct af_sim_node *node)
{
    return af_party_recalls(node->party) == NULL
               ? NULL
               : "the party takes up what it has deferred before anything else";
}

/* The first contract in flight that a step means, or how many there are. */
static size_t find_contract(const struct af_sim *sim, const struct af_sim_node *node,
                            const struct af_schedule_step *step)
{
    size_t count = af_bus_mock_in_flight(sim->bus);
    for (size_t i = 0; i < count; i++) {
        uint32_t to;
        const struct af_contract *contract = af_bus_mock_kept(sim->bus, i, &to);
        if (to != node->number || strcmp(contract->from, step->from) != 0 ||
            strcmp(contract->type, step->type) != 0)
            continue;
        struct af_hash content = af_schedule_content(contract->content, contract->content_len);
        if (content.a == step->content.a && content.b == step->content.b)
            return i;
    }
    return count;
}

/* Whether one that was sent before it, by the same to the same, is still on its way. */
static bool waits_behind_another(const struct af_sim *sim, size_t i)
{
    uint32_t to, earlier_to;
    const struct af_contract *contract = af_bus_mock_kept(sim->bus, i, &to);
    while (i-- > 0)
        if (strcmp(af_bus_mock_kept(sim->bus, i, &earlier_to)->from, contract->from) == 0 &&
            earlier_to == to)
            return true;
    return false;
}

static const char *move_contract(struct af_sim *sim, struct af_sim_node *node,
                                 const struct af_schedule_step *step)
{
    size_t i = find_contract(sim, node, step);
    if (i == af_bus_mock_in_flight(sim->bus))
        return "no such contract is on its way";
    if (sim->options->faults.fifo && waits_behind_another(sim, i))
        return "an earlier one of the same sender and receiver is still on its way (--fifo)";
    if (af_party_is_down(node->party))
        return "the party is down";
    if (why_not_ready(node) != NULL)
        return why_not_ready(node);
    sim->may_take = step->kind != AF_SCHEDULE_DROP;
    if (step->kind == AF_SCHEDULE_DELIVER)
        af_bus_mock_deliver(sim->bus, i);
    else if (step->kind == AF_SCHEDULE_DROP)
        af_bus_mock_drop(sim->bus, i, "loss");
    else
        af_bus_mock_repeat(sim->bus, i, own_uuid(sim));
    return NULL;
}

static bool is_named(const struct af_party_saved_timer *timer, const char *name)
{
    return name == NULL || timer->name == NULL ? name == timer->name
                                               : strcmp(name, timer->name) == 0;
}

/* Whether something should arrive, or be taken up, before time passes. What one that is down has
 * sent may not have gone out. */
static bool time_waits(const struct af_sim *sim)
{
    uint32_t to;
    for (size_t i = 0; i < sim->node_count; i++)
        if (why_not_up(sim->nodes[i]) == NULL && af_party_recalls(sim->nodes[i]->party) != NULL)
            return true;
    for (size_t i = 0; i < af_bus_mock_in_flight(sim->bus); i++) {
        const struct af_contract *contract = af_bus_mock_kept(sim->bus, i, &to);
        const struct af_sim_node *from = af_sim_find_node(sim, contract->from);
        if (!af_party_is_down(sim->nodes[to]->party) && from != NULL &&
            !af_party_is_down(from->party))
            return true;
    }
    return false;
}

static const char *fire(struct af_sim *sim, struct af_sim_node *node,
                        const struct af_schedule_step *step)
{
    const char *why = why_not_up(node);
    size_t count = af_party_timer_count(node->party), i = 0;
    if (why == NULL)
        why = why_not_ready(node);
    if (why != NULL)
        return why;
    struct af_party_saved_timer timer = {NULL, 0, 0};
    for (; i < count; i++) {
        timer = af_party_timer(node->party, i);
        if (is_named(&timer, step->timer))
            break;
    }
    if (i == count)
        return "no such timer is armed";
    if (step->kind == AF_SCHEDULE_TIMEOUT) {
        if (timer.due_wall_ns > AF_SIM_SCHEDULE_NS_MAX)
            return "it is due after a hundred years";
        if (sim->options->keeps_time && timer.due_wall_ns > af_loop_now_ns(sim->loop) &&
            time_waits(sim))
            return "something is on its way: time does not pass";
        af_loop_sim_advance(sim->loop, timer.due_wall_ns); /* a virtual loop's wall is its time */
    }
    sim->may_take = true;
    af_party_fire(node->party, step->timer);
    return NULL;
}

static const char *recall(struct af_sim *sim, struct af_sim_node *node,
                          const struct af_schedule_step *step)
{
    const char *why = why_not_up(node);
    (void)step;
    if (why != NULL)
        return why;
    if (af_party_recalls(node->party) == NULL)
        return "the party has deferred nothing that it may take up now";
    sim->may_take = true;
    af_party_go_on(node->party);
    return NULL;
}

static const char *crash(struct af_sim *sim, struct af_sim_node *node,
                         const struct af_schedule_step *step)
{
    const char *why = why_not_up(node);
    (void)step;
    if (why != NULL)
        return why;
    af_sim_note_crash(sim, node, af_loop_now_ns(sim->loop));
    af_party_crash(node->party);
    return NULL;
}

static const char *come_back(struct af_sim *sim, struct af_sim_node *node,
                             const struct af_schedule_step *step)
{
    (void)step;
    if (!af_party_is_down(node->party))
        return "the party is not down";
    if (af_party_restart(node->party, &sim->why) != 0)
        sim->stopped = true;
    return NULL;
}

static const char *lose(struct af_sim *sim, struct af_sim_node *node,
                        const struct af_schedule_step *step)
{
    const char *why = why_not_live(node);
    (void)step;
    if (why != NULL)
        return why;
    af_party_lose(node->party);
    for (size_t i = 0; i < af_bus_mock_in_flight(sim->bus);) {
        uint32_t to;
        af_bus_mock_kept(sim->bus, i, &to);
        if (to == node->number)
            af_bus_mock_drop(sim->bus, i, "lost");
        else
            i++;
    }
    return NULL;
}

static const char *reload(struct af_sim *sim, struct af_sim_node *node,
                          const struct af_schedule_step *step)
{
    const char *why = why_not_live(node);
    (void)step;
    if (sim->options->upgrade == NULL)
        return "the run has no second version of the flow";
    if (why != NULL)
        return why;
    if (af_party_spec(node->party)->script == sim->scripts[1])
        return "the party has been reloaded already";
    af_sim_upgrade_node(node);
    return NULL;
}

static step_fn *const step_fns[] = {
    [AF_SCHEDULE_DELIVER] = move_contract,
    [AF_SCHEDULE_DROP] = move_contract,
    [AF_SCHEDULE_DUPLICATE] = move_contract,
    [AF_SCHEDULE_TIMEOUT] = fire,
    [AF_SCHEDULE_EARLY] = fire,
    [AF_SCHEDULE_CRASH] = crash,
    [AF_SCHEDULE_RETURN] = come_back,
    [AF_SCHEDULE_LOSE] = lose,
    [AF_SCHEDULE_RELOAD] = reload,
    [AF_SCHEDULE_RECALL] = recall,
};
static_assert(sizeof step_fns / sizeof *step_fns == AF_SCHEDULE_RECALL + 1, "each kind is done");

/* ---- The run. ---- */

static void do_step(struct af_sim *sim, size_t number, const struct af_schedule_step *step)
{
    struct af_sim_node *node = af_sim_find_node(sim, step->party);
    const char *why = node == NULL || node->party == NULL ? "the run has no such party"
                                                          : step_fns[step->kind](sim, node, step);
    sim->may_take = false;
    if (why == NULL) {
        af_sim_judge(sim, node);
        return;
    }
    char text[300];
    af_schedule_describe(step, text, sizeof text);
    sim->stopped = true;
    af_sim_finding(sim, AF_SIM_SCHEDULE, step->party,
                   "step %zu of the schedule cannot be done: %s: %s", number, text, why);
}

static bool can_move(const struct af_sim *sim)
{
    if (sim->down > 0 || af_bus_mock_in_flight(sim->bus) > 0)
        return true;
    size_t i = 0;
    while (i < sim->node_count && af_party_timer_count(sim->nodes[i]->party) == 0 &&
           af_party_recalls(sim->nodes[i]->party) == NULL)
        i++;
    return i < sim->node_count;
}

/* Where the steps begin, and end, that are done again and again. */
static void note_loop(struct af_sim *sim, bool ends)
{
    af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), "loop");
    af_trace_bool(sim->trace, "ends", ends);
    af_trace_end(sim->trace);
}

static enum af_sim_outcome end(struct af_sim *sim)
{
    size_t count = sim->options->schedule->count;
    if (sim->options->schedule->loop > 0) {
        note_loop(sim, true);
        af_sim_watch_end(sim, "goes on like this", sim->watch.circling);
    }
    if (sim->failed)
        return AF_SIM_FAILED;
    if (af_sim_is_over(sim))
        return AF_SIM_OK;
    if (!can_move(sim))
        return AF_SIM_STUCK;
    af_sim_finding(sim, AF_SIM_SCHEDULE, NULL, "the schedule ends here, after %zu step%s", count,
                   count == 1 ? "" : "s");
    return AF_SIM_UNTIL;
}

enum af_sim_outcome af_sim_schedule_run(struct af_sim *sim)
{
    const struct af_schedule *schedule = sim->options->schedule;
    if (!sim->stopped) /* nobody was told to leave between two starts */
        af_sim_judge(sim, sim->nodes[sim->node_count - 1]);
    for (size_t i = 0; i < schedule->count && !sim->stopped; i++) {
        if (!af_sim_may_step(sim))
            return AF_SIM_INTERRUPTED;
        sim->steps++;
        if (schedule->loop == i + 1) {
            note_loop(sim, false);
            sim->watch.circling = sim->watch.waiting;
        }
        do_step(sim, i + 1, &schedule->steps[i]);
    }
    return sim->stopped ? AF_SIM_FAILED : end(sim);
}
