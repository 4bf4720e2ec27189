/* sim_upgrade.c: --upgrade: each party is reloaded to a second version of the flow, at a moment
 * around a time and in an order that the seed draws, while the run goes on under its faults.
 *
 * What an operator's node would refuse before it does anything (another flow, a version that did
 * not move, a role that is gone) is refused before the run. An event that changed is not: what that
 * does to contracts on their way is what a designer wants to see. */
#include "sim_impl.h"

#include "mem.h"
#include "party_move.h"
#include "reload.h"

#include <stdio.h>
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

int af_sim_upgrade_load(struct af_sim *sim, struct af_failure *why)
{
    const char *path = sim->options->upgrade;
    const struct af_reload_rules rules = {.back = true}; /* events are the run's affair */
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
    const struct af_flow *flow = af_script_flow(script);
    if (flow == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "is no flow");
    if (af_reload_compare(sim->flow, flow, path, &rules, why) != 0)
        return -1;
    return set_task(sim, script, why);
}

/* ---- A party's moment. ---- */

void af_sim_upgrade_node(struct af_sim_node *node)
{
    struct af_sim *sim = node->sim;
    struct af_failure why = AF_FAILURE_INIT;
    const struct af_flow_state *state = af_party_state(node->party);
    const char *role = sim->flow->roles[af_party_spec(node->party)->role].name;
    node->upgrades = false;
    int next = af_flow_find_role(af_script_flow(sim->scripts[1]), role);
    if (af_party_move(node->party, sim->scripts[1], (uint32_t)next, &why) != 0) {
        af_sim_finding(sim, true, "the upgrade of %s in state '%s' is refused: %s", node->id,
                       state->name, why.why);
        return;
    }
    node->upgraded = true;
    sim->upgraded++;
    af_sim_stepped(sim, node);
    af_party_go_on(node->party);
}

/* One that is down is a node's affair at its start. */
static void upgrade_one(void *arg)
{
    struct af_sim_node *node = arg;
    if (af_party_status(node->party) != AF_PARTY_ACTIVE)
        return;
    if (af_party_is_down(node->party))
        node->upgrades = true;
    else
        af_sim_upgrade_node(node);
}

void af_sim_upgrade_start(struct af_sim *sim)
{
    const struct af_sim_options *options = sim->options;
    int64_t around_ns = 10 * sim->faults.options->latency_max_ns;
    if (options->upgrade == NULL)
        return;
    int64_t begin_ns = options->upgrade_ns >= 0
                           ? options->upgrade_ns
                           : af_faults_between_ns(&sim->faults.upgrade, 0, around_ns);
    for (size_t i = 0; i < sim->node_count; i++)
        if (sim->nodes[i]->party != NULL)
            af_timer_start(sim->loop,
                           begin_ns + af_faults_between_ns(&sim->faults.upgrade, 0, around_ns),
                           upgrade_one, sim->nodes[i]);
}
