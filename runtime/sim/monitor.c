/* monitor.c: monitors are told of each step, and predicates are asked after it: eventually and
 * leads_to are judged when the run is over.
 *
 * Those of the first version of a flow watch until a party runs the second; then that one's do, and
 * go on with what those of the same name have seen. */
#include "sim/impl.h"

#include "base/mem.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct af_script *judge_of(const struct af_sim *sim)
{
    return af_sim_judging(sim);
}

static const struct af_flow *flow_of(const struct af_sim *sim)
{
    return af_script_flow(judge_of(sim));
}

static bool has_monitors(const struct af_sim *sim)
{
    return sim->flow != NULL && flow_of(sim)->monitor_count > 0;
}

bool af_sim_watches(const struct af_sim *sim)
{
    return sim->flow != NULL && (flow_of(sim)->has_invariants || flow_of(sim)->watched_count > 0);
}

/* ---- What is wrong. ---- */

static void note_violation(struct af_sim *sim, const struct af_flow_watched *watched,
                           const char *message)
{
    af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), "violation");
    af_trace_string(sim->trace, af_watched_word(watched->kind), watched->name);
    af_trace_string(sim->trace, "message", message);
    af_trace_end(sim->trace);
}

static void note_broken(struct af_sim *sim, const char *party,
                        const struct af_script_broken *broken)
{
    static const enum af_sim_finding_kind kinds[] = {AF_SIM_MONITOR, AF_SIM_EVENTUALLY,
                                                     AF_SIM_LEADS_TO};
    if (af_script_interrupted()) /* in its middle: that tells nothing */
        return;
    const struct af_flow_watched *watched = &flow_of(sim)->watched[broken->watched];
    char text[sizeof broken->where + sizeof broken->message + 4];
    snprintf(text, sizeof text, "%s%s%s", broken->where, broken->where[0] == '\0' ? "" : ": ",
             broken->message);
    sim->stopped = sim->watch.broke = true;
    note_violation(sim, watched, text);
    if (watched->kind == AF_WATCHED_MONITOR && party == NULL)
        af_sim_finding(sim, AF_SIM_MONITOR, party, "monitor '%s' cannot begin: %s", watched->name,
                       text);
    else if (watched->kind == AF_WATCHED_MONITOR)
        af_sim_finding(sim, AF_SIM_MONITOR, party, "monitor '%s' is broken after a step of %s: %s",
                       watched->name, party, text);
    else
        af_sim_finding(sim, kinds[watched->kind], party, "%s '%s' cannot be judged: %s",
                       af_watched_word(watched->kind), watched->name, text);
}

/* ---- Monitors. ---- */

static size_t line_of(const char *seen, size_t number)
{
    size_t at = 0;
    while (number-- > 0)
        at += strcspn(seen + at, "\n") + 1;
    return at;
}

/* A record for each monitor that has seen something new. */
static void note_seen(struct af_sim *sim, const char *party, const struct af_buf *before)
{
    const char *old = af_buf_text(before), *new = af_buf_text(&sim->watch.seen);
    const struct af_flow *flow = flow_of(sim);
    for (size_t i = 0; i < flow->monitor_count; i++) {
        size_t old_len = strcspn(old, "\n"), new_len = strcspn(new, "\n");
        if (old_len != new_len || memcmp(old, new, new_len) != 0) {
            af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), "monitor");
            af_trace_string(sim->trace, "party", party);
            af_trace_string(sim->trace, "monitor", flow->watched[i].name);
            af_trace_json(sim->trace, "seen", new, new_len);
            af_trace_end(sim->trace);
        }
        old += old_len + 1;
        new += new_len + 1;
    }
}

static void tell(struct af_sim *sim, const struct af_happened *happened)
{
    struct af_script_broken broken;
    const char *party = sim->nodes[happened->member]->id;
    struct af_buf before = AF_BUF_EMPTY;
    bool looked;
    if (sim->stopped || !has_monitors(sim))
        return;
    af_buf_append(&before, sim->watch.seen.data, sim->watch.seen.len);
    if (!af_script_watch_step(judge_of(sim), happened, &sim->watch.seen, &looked, &broken))
        note_broken(sim, party, &broken);
    else if (sim->trace != NULL)
        note_seen(sim, party, &before);
    af_buf_release(&before);
}

static void on_happened(void *arg, const struct af_happened *happened)
{
    const struct af_sim_node *node = arg;
    tell(node->sim, happened);
}

static void moved(void *arg)
{
    struct af_sim_node *node = arg;
    af_sim_show(node->sim, node);
}

static void tell_contract(struct af_sim *sim, enum af_happening kind, uint32_t to,
                          const struct af_contract *contract)
{
    const struct af_sim_node *node = sim->nodes[to];
    if (node->party == NULL)
        return;
    const struct af_flow_state *state = af_party_state(node->party);
    struct af_happened happened =
        af_happened_contract(kind, contract, to, node->id, state == NULL ? NULL : state->name);
    tell(sim, &happened);
}

static void tell_faults(struct af_sim *sim)
{
    for (size_t i = 0; i < sim->watch.fault_count; i++) {
        struct af_sim_fault *fault = &sim->watch.faults[i];
        tell_contract(sim, fault->kind, fault->to, fault->contract);
        af_contract_drop(fault->contract);
    }
    sim->watch.fault_count = 0;
}

void af_sim_watch_stepped(struct af_sim *sim, struct af_sim_node *node)
{
    if (!has_monitors(sim))
        return;
    af_happenings_tell(&sim->watch.happenings, node->party, on_happened, moved, node);
    tell_faults(sim);
}

/* What is drawn for a contract when it is sent comes behind the step that sends it. */
void af_sim_watch_fault(struct af_sim *sim, enum af_happening kind, uint32_t to,
                        struct af_contract *contract)
{
    if (!has_monitors(sim))
        return;
    if (sim->options->schedule != NULL) {
        tell_contract(sim, kind, to, contract);
        return;
    }
    af_mem_reserve(&sim->watch.faults, &sim->watch.fault_cap, sim->watch.fault_count + 1,
                   sizeof *sim->watch.faults);
    sim->watch.faults[sim->watch.fault_count++] =
        (struct af_sim_fault){kind, to, af_contract_hold(contract)};
}

/* What a party has made, or what came too late by its transaction; and what comes too late later.
 */
static void made(void *arg, struct af_party *party, struct af_contract *contract,
                 const uint32_t *targets, size_t target_count)
{
    struct af_sim *sim = arg;
    (void)party;
    if (has_monitors(sim))
        af_happenings_made(&sim->watch.happenings, contract, targets, target_count);
}

static void late(void *arg, struct af_party *party, struct af_contract *contract)
{
    struct af_sim *sim = arg;
    const struct af_sim_node *node = af_party_spec(party)->user;
    if (!has_monitors(sim))
        return;
    if (af_party_step(party)->effects != NULL)
        af_happenings_late(&sim->watch.happenings, contract);
    else
        tell_contract(sim, AF_HAPPENS_LATE, node->number, contract);
}

/* ---- Beginning. ---- */

static void start(struct af_sim *sim, const char *const *kept, const char *party)
{
    struct af_script_broken broken;
    if (!has_monitors(sim))
        return;
    if (!af_script_watch_start(judge_of(sim), kept, &sim->watch.seen, &broken))
        note_broken(sim, party, &broken);
}

void af_sim_watch_begin(struct af_sim *sim)
{
    if (sim->flow == NULL)
        return;
    sim->owner.made = made;
    sim->owner.late = late;
    for (size_t i = 0; has_monitors(sim) && i < sim->node_count; i++) {
        struct af_view view = {.id = sim->nodes[i]->id};
        if (sim->nodes[i]->party != NULL)
            af_script_view(judge_of(sim), (uint32_t)i, &view);
    }
    sim->watch.waiting = af_flow_waiting(sim->flow);
    start(sim, NULL, NULL);
}

void af_sim_watch_move(struct af_sim *sim)
{
    const struct af_flow *old = sim->flow, *new = flow_of(sim);
    struct af_buf seen = sim->watch.seen;
    const char **kept = af_mem_zero(new->monitor_count + 1, sizeof *kept);
    uint64_t waiting = af_flow_waiting(new);
    sim->watch.seen = (struct af_buf)AF_BUF_EMPTY;
    for (size_t i = 0; i < new->watched_count; i++) {
        int was = af_flow_find_watched(old, &new->watched[i]);
        if (was < 0)
            continue;
        if (i < new->monitor_count) {
            kept[i] = af_buf_text(&seen) + line_of(af_buf_text(&seen), (size_t)was);
            continue;
        }
        uint64_t bit = UINT64_C(1) << (i - new->monitor_count);
        bool waited = (sim->watch.waiting >> ((size_t)was - old->monitor_count) & 1) != 0;
        waiting = waited ? waiting | bit : waiting & ~bit;
    }
    sim->watch.waiting = waiting;
    start(sim, kept, NULL);
    free(kept);
    af_buf_release(&seen);
}

void af_sim_watch_free(struct af_sim *sim)
{
    for (size_t i = 0; i < sim->watch.fault_count; i++)
        af_contract_drop(sim->watch.faults[i].contract);
    free(sim->watch.faults);
    af_happenings_release(&sim->watch.happenings);
    af_buf_release(&sim->watch.seen);
}

/* ---- Properties. ---- */

void af_sim_watch_world(struct af_sim *sim, const struct af_sim_node *node)
{
    const struct af_flow *flow = flow_of(sim);
    struct af_script_held held;
    struct af_script_broken broken;
    if (flow->watched_count == flow->monitor_count)
        return;
    if (!af_script_watch_world(judge_of(sim), &held, &broken)) {
        note_broken(sim, node->id, &broken);
        return;
    }
    sim->watch.judged = true;
    sim->watch.waiting = af_script_waiting(sim->watch.waiting, &held);
    sim->watch.circling &= sim->watch.waiting;
}

static void note_unmet(struct af_sim *sim, const struct af_flow_watched *watched, const char *how)
{
    bool leads = watched->kind == AF_WATCHED_LEADS_TO;
    char text[300], place[AF_FLOW_PLACE_BYTES];
    snprintf(text, sizeof text,
             leads ? "what it leads to has not come when the run %s"
                   : "it has never held when the run %s",
             how);
    note_violation(sim, watched, text);
    af_sim_finding(
        sim, leads ? AF_SIM_LEADS_TO : AF_SIM_EVENTUALLY, NULL, "%s '%s' (%s): %s",
        af_watched_word(watched->kind), watched->name,
        af_flow_place(af_script_file(judge_of(sim))->name, watched->line, place, sizeof place),
        text);
}

void af_sim_watch_end(struct af_sim *sim, const char *how, uint64_t waiting)
{
    if (sim->flow == NULL || sim->stopped || !sim->watch.judged)
        return; /* of plain functions there is no world */
    const struct af_flow *flow = flow_of(sim);
    for (size_t i = flow->monitor_count; i < flow->watched_count; i++)
        if ((waiting >> (i - flow->monitor_count) & 1) != 0)
            note_unmet(sim, &flow->watched[i], how);
}
