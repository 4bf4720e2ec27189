/* judge.c: after each step: who has ended or rests, what is judged, whether the run is over. */
#include "sim/impl.h"

#include <assert.h>

void af_sim_stepped(struct af_sim *sim, struct af_sim_node *node)
{
    bool settled;
    bool down = false;
    if (node->party != NULL) {
        enum af_party_status status = af_party_status(node->party);
        settled = status > AF_PARTY_ACTIVE || af_party_rests(node->party);
        down = af_party_is_down(node->party);
    } else {
        settled = node->sequential == NULL || node->sequential->run.ended;
        down = node->sequential != NULL && node->sequential->down;
    }
    const struct af_effects *effects =
        node->party == NULL ? NULL : af_party_step(node->party)->effects;
    if (node->party == NULL || settled != node->settled || down != node->down ||
        (effects != NULL && effects->data_changed))
        sim->changed_at = sim->steps;
    sim->unsettled += (size_t)node->settled - (size_t)settled;
    sim->down += (size_t)down - (size_t)node->down;
    assert(sim->unsettled <= sim->node_count && sim->down <= sim->node_count);
    node->settled = settled;
    node->down = down;
    if (node->party == NULL || !af_sim_watches(sim))
        return;
    af_sim_show(sim, node);
    if (sim->options->schedule == NULL)
        af_sim_judge(sim, node);
}

void af_sim_judge(struct af_sim *sim, const struct af_sim_node *node)
{
    const char *name, *message;
    if (!af_sim_watches(sim) || !sim->started || (sim->stopped && !sim->watch.broke) ||
        sim->unseen > 0)
        return;
    sim->watch.broke = false;
    af_sim_watch_world(sim, node);
    if (af_script_check_invariants(af_sim_judging(sim), &name, &message) ||
        af_script_interrupted()) /* in its middle: that tells nothing */
        return;
    sim->stopped = true;
    af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), "violation");
    af_trace_string(sim->trace, "invariant", name);
    af_trace_string(sim->trace, "message", message);
    af_trace_end(sim->trace);
    af_sim_finding(sim, AF_SIM_INVARIANT, node->id,
                   "invariant '%s' is broken after a step of %s: %s", name, node->id, message);
}

bool af_sim_may_step(struct af_sim *sim)
{
    return sim->on_step == NULL || sim->on_step(sim->on_step_arg, sim);
}

bool af_sim_is_over(const struct af_sim *sim)
{
    return sim->unsettled == 0 && sim->down == 0 && af_bus_mock_in_flight(sim->bus) == 0;
}
