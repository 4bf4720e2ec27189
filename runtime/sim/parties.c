/* parties.c: what a flow's parties ask of their owner, the simulator. */
#include "sim/impl.h"

#include "base/log.h"

#include <string.h>

static struct af_sim_node *node_of(struct af_party *party)
{
    return af_party_spec(party)->user;
}

static void publish(void *arg, struct af_party *party, struct af_contract *contract,
                    const uint32_t *targets, size_t target_count)
{
    struct af_sim *sim = arg;
    if (sim->options->schedule != NULL)
        contract = af_sim_schedule_sent(sim, contract);
    af_sim_cuts_maybe(sim);
    af_bus_mock_publish(sim->bus, node_of(party)->number, contract, targets, target_count);
}

static void come_back(void *arg)
{
    struct af_party *party = arg;
    struct af_sim *sim = node_of(party)->sim;
    if (node_of(party)->upgrades && af_party_status(party) == AF_PARTY_ACTIVE)
        af_sim_upgrade_node(node_of(party)); /* as a node does at its start */
    if (af_party_restart(party, &sim->why) != 0)
        sim->stopped = true;
}

/* The crash itself happens in the party; here is drawn whether, how, and for how long. A crash in
 * the middle of a transaction is the same as one before it, since nothing of it holds; one after
 * the commit, before the sends are out, is not. */
static enum af_fate fate(void *arg, struct af_party *party)
{
    struct af_sim *sim = arg;
    const struct af_fault_options *options = sim->faults.options;
    struct af_sim_node *node = node_of(party);
    if (!af_rng_chance(&sim->faults.chance[AF_FAULT_CRASH], node->crash))
        return AF_FATE_NONE;
    bool after = af_rng_below(&sim->faults.chance[AF_FAULT_CRASH], 2) == 1;
    int64_t down_ns =
        af_faults_between_ns(&sim->faults.down, options->down_min_ns, options->down_max_ns);
    af_sim_note_crash(sim, node, af_loop_now_ns(sim->loop) + down_ns);
    af_timer_start(sim->loop, down_ns, come_back, party);
    return after ? AF_FATE_CRASH_AFTER : AF_FATE_CRASH;
}

static void finding(void *arg, struct af_party *party, enum af_finding kind, const char *text)
{
    struct af_sim *sim = arg;
    const char *id = node_of(party)->id;
    bool allow = sim->options->allow_fail || af_fault_options_any(&sim->options->faults);
    const struct af_flow_state *state = af_party_state(party);
    char place[AF_FLOW_PLACE_BYTES];
    switch (kind) {
    case AF_FINDING_RAISED:
        af_sim_finding(sim, AF_SIM_RAISED, id, "%s: %s", id, text);
        break;
    case AF_FINDING_UNEXPECTED:
        sim->unexpected++;
        af_sim_finding(sim, AF_SIM_UNEXPECTED, id, "%s (%s): %s", id,
                       af_flow_place(af_script_file(af_party_spec(party)->script)->name,
                                     state == NULL ? (struct af_flow_line){0, NULL} : state->line,
                                     place, sizeof place),
                       text);
        break;
    case AF_FINDING_FAILED:
        if (!allow)
            af_sim_finding(sim, AF_SIM_PARTY_FAILED, id, "%s failed: %s", id, text);
        break;
    }
}

static void log_line(void *arg, struct af_party *party, const char *text, size_t len)
{
    struct af_sim *sim = arg;
    if (!sim->options->quiet)
        af_log_party(af_loop_now_ns(sim->loop), node_of(party)->id, text, len);
}

static void withdrawn(void *arg, struct af_party *party)
{
    af_sim_jobs_withdraw(arg, af_party_script(party));
}

static void stepped(void *arg, struct af_party *party)
{
    af_sim_watch_stepped(arg, node_of(party));
    af_sim_stepped(arg, node_of(party));
}

void af_sim_parties_own(struct af_sim *sim)
{
    sim->owner = (struct af_party_owner){.arg = sim,
                                         .publish = publish,
                                         .fate = fate,
                                         .finding = finding,
                                         .withdrawn = withdrawn,
                                         .log = log_line,
                                         .stepped = stepped};
}
