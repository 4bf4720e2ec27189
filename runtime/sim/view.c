/* view.c: the world as invariants and monitors are shown it.
 *
 * Invariants are those of the first version until a party runs the second, and its from then on.
 * They are shown all parties as the second version has them: one that is not there yet, or has
 * ended before, as its migration would leave it now. One that cannot be brought there has nothing
 * checked, until it changes. */
#include "sim/impl.h"

#include "party/move.h"
#include "trace/veil.h"

#include <assert.h>

struct af_hash af_sim_veil(const struct af_sim *sim)
{
    return af_veil_key(af_party_seed(sim->options->seed, ""));
}

struct af_script *af_sim_judging(const struct af_sim *sim)
{
    return sim->scripts[sim->upgraded > 0 ? 1 : 0];
}

/* The node's party as the version that judges has it: a copy for the caller to free, or NULL, where
 * *as_it_is tells that it is of that version, and otherwise it cannot be brought to it. */
static struct af_script_party *judged_copy(struct af_sim_node *node, bool *as_it_is)
{
    struct af_sim *sim = node->sim;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_script *judge = af_sim_judging(sim);
    *as_it_is = judge == af_party_spec(node->party)->script;
    if (*as_it_is || af_party_state(node->party) == NULL)
        return NULL;
    sim->migrates = true;
    struct af_script_party *copy = af_party_moved_copy(node->party, judge, &why);
    sim->migrates = false;
    return copy;
}

static const char *state_name(const struct af_script *script, const char *role,
                              const struct af_script_party *party)
{
    const struct af_flow *flow = af_script_flow(script);
    int state = af_script_party_state(party);
    return state < 0 ? NULL : flow->roles[af_flow_find_role(flow, role)].states[state].name;
}

void af_sim_show(struct af_sim *sim, struct af_sim_node *node)
{
    static const char *const ended[] = {NULL, NULL, "done", "failed", "lost"};
    struct af_party *party = node->party;
    const struct af_party_spec *spec = af_party_spec(party);
    const char *role = af_script_flow(spec->script)->roles[spec->role].name;
    struct af_script *judge = af_sim_judging(sim);
    bool as_it_is;
    struct af_script_party *copy = judged_copy(node, &as_it_is);
    bool unseen = copy == NULL && !as_it_is;
    const struct af_script_party *shown = copy == NULL ? af_party_script(party) : copy;
    sim->unseen += (size_t)unseen - (size_t)node->unseen;
    assert(sim->unseen <= sim->node_count);
    node->unseen = unseen;
    if (unseen)
        return;
    struct af_view view = {.id = node->id,
                           .state = state_name(judge, role, shown),
                           .ended = ended[af_party_status(party)],
                           .result = af_party_result(party),
                           .reason = af_party_reason(party)};
    view.data = af_script_party_data(shown, &view.data_len);
    af_script_view(judge, node->number, &view);
    af_script_party_free(copy);
}
