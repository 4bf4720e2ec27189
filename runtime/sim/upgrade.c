/* upgrade.c: --upgrade: each party is reloaded to a second version of the flow, at a moment
 * and in an order that the seed draws, while the run goes on under its faults.
 *
 * What an operator's node would refuse before it does anything (another flow, a version that did
 * not move, a role that is gone) is refused before the run. An event that changed is not: what that
 * does to contracts on their way is what a designer wants to see.
 */
#include "sim/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "base/mem.h"
#include "party/move.h"
#include "party/reload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Before the run. ---- */

static int set_task(struct af_sim *sim, struct af_script *script, struct af_failure *why)
{
    size_t count;
    const struct af_script_member *old = af_script_members(sim->scripts[0], &count);
    const struct af_flow *flow = af_script_flow(script);
    struct af_script_member *members = af_mem_zero(count, sizeof *members);
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        const char *name = sim->flow->roles[old[i].role].name;
        int role = af_flow_find_role(flow, name);
        members[i] = (struct af_script_member){old[i].id, (uint32_t)role};
        if (role < 0 || flow->roles[role].sequential || sim->flow->roles[old[i].role].sequential)
            result = af_failure_set(why, AF_FAILURE_USAGE, sim->options->upgrade,
                                    "role '%s' is %s, which no party can be reloaded to", name,
                                    role < 0 ? "gone" : "a plain function");
    }
    if (result == 0)
        result = af_script_set_task(script, sim->task, members, count, sim->options->args,
                                    sim->options->arg_count, why);
    free(members);
    return result;
}

static int compare(const struct af_sim *sim, const struct af_flow *flow, const char *file,
                   struct af_failure *why)
{
    const struct af_reload_rules tries = {.tries = true}, node = {.tries = false};
    struct af_failure refusal = AF_FAILURE_INIT;
    if (af_reload_compare(sim->flow, flow, file, &tries, why) != 0)
        return -1;
    if (af_reload_compare(sim->flow, flow, file, &node, &refusal) != 0 && !sim->options->quiet)
        af_log(AF_LOG_WARNING, "a node would refuse this upgrade: %s: %s", refusal.what,
               refusal.why);
    return 0;
}

int af_sim_upgrade_load(struct af_sim *sim, struct af_failure *why)
{
    const char *path = sim->options->upgrade;
    if (path == NULL)
        return 0;
    if (sim->flow == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "--upgrade",
                              "is for flows; a sequential script cannot be reloaded");
    struct af_script *script = af_script_load(path, why);
    if (script == NULL)
        return -1;
    sim->scripts[sim->script_count++] = script;
    af_script_set_owner(script, af_sim_call, sim);
    af_script_simulate(script);
    af_script_veil(script, af_sim_veil(sim));
    const struct af_flow *flow = af_script_flow(script);
    af_trace_veil(sim->trace, af_sim_veil(sim), flow);
    if (flow == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "is no flow");
    if (compare(sim, flow, af_script_file(script)->name, why) != 0)
        return -1;
    return set_task(sim, script, why);
}

/* ---- A party's moment. ---- */

static void refuse(struct af_sim_node *node, const char *why)
{
    struct af_sim *sim = node->sim;
    const struct af_flow_state *state = af_party_state(node->party);
    af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), "refused");
    af_trace_string(sim->trace, "party", node->id);
    af_trace_string(sim->trace, "state", state->name);
    af_trace_string(sim->trace, "why", why);
    af_trace_end(sim->trace);
    af_sim_finding(sim, AF_SIM_REFUSED, node->id, "the upgrade of %s in state '%s' is refused: %s",
                   node->id, state->name, why);
}

/* The second version has the say from now on. */
static void show_all(struct af_sim *sim)
{
    for (size_t i = 0; i < sim->node_count; i++)
        if (sim->nodes[i]->party != NULL)
            af_sim_show(sim, sim->nodes[i]);
}

void af_sim_upgrade_node(struct af_sim_node *node)
{
    struct af_sim *sim = node->sim;
    struct af_failure why = AF_FAILURE_INIT;
    const struct af_flow *flow = af_script_flow(sim->scripts[1]);
    const char *role = sim->flow->roles[af_party_spec(node->party)->role].name;
    assert(!sim->migrates && af_party_spec(node->party)->script == sim->scripts[0]);
    node->upgrades = false;
    sim->migrates = true;
    int result =
        af_party_move(node->party, sim->scripts[1], (uint32_t)af_flow_find_role(flow, role), &why);
    sim->migrates = false;
    if (result != 0) {
        refuse(node, why.why);
        return;
    }
    if (++sim->upgraded == 1 && af_sim_watches(sim)) {
        show_all(sim);
        af_sim_watch_move(sim);
    }
    af_sim_stepped(sim, node);
    af_party_go_on(node->party);
}

/* One that is down is a node's affair at its start. */
static void upgrade_one(void *arg)
{
    struct af_sim_node *node = arg;
    if (af_party_status(node->party) != AF_PARTY_ACTIVE)
        return;
    int64_t left_ns = af_sim_job_left_ns(node->sim, af_party_script(node->party));
    if (left_ns > 0) /* never in the middle of a handler */
        af_timer_start(node->sim->loop, left_ns, upgrade_one, node);
    else if (af_party_is_down(node->party))
        node->upgrades = true;
    else
        af_sim_upgrade_node(node);
}

/* Around a time that is given; otherwise the seed draws when, and how fast, from one of the longest
 * latencies to a thousand of them: in a quick rollout contracts meet the other version on their
 * way, in a slow one parties of both live together. */
static void draw_rollout(struct af_sim *sim, int64_t *begin_ns, int64_t *length_ns)
{
    struct af_rng *rng = &sim->faults.upgrade;
    int64_t latency_ns = sim->faults.options->latency_max_ns;
    *begin_ns = sim->options->upgrade_ns;
    *length_ns = 10 * latency_ns;
    if (*begin_ns >= 0)
        return;
    *begin_ns = af_faults_between_ns(rng, 0, *length_ns);
    if (latency_ns < 3600 * AF_S_NS) /* not beyond what fits */
        *length_ns = latency_ns << af_rng_below(rng, 11);
}

void af_sim_upgrade_start(struct af_sim *sim)
{
    int64_t begin_ns, length_ns;
    if (sim->options->upgrade == NULL || sim->options->schedule != NULL)
        return;
    draw_rollout(sim, &begin_ns, &length_ns);
    for (size_t i = 0; i < sim->node_count; i++) {
        if (sim->nodes[i]->party == NULL)
            continue;
        int64_t later_ns = af_faults_between_ns(&sim->faults.upgrade, 0, length_ns);
        af_timer_start(sim->loop, begin_ns + later_ns, upgrade_one, sim->nodes[i]);
    }
}
