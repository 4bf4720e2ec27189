/* cuts.c: partitions and parties lost for good, at their times. */
#include "sim/impl.h"

#include "base/mem.h"
#include "base/near.h"

#include <stdlib.h>
#include <string.h>

/* ---- Parties that vanish. ---- */

static void lose_one(void *arg)
{
    struct af_sim_node *node = arg;
    af_party_lose(node->party);
}

/* The parties of a role, in the order of the nodes; the caller frees the list. */
static struct af_sim_node **nodes_of_role(struct af_sim *sim, const char *role, size_t *count)
{
    size_t member_count;
    const struct af_script_member *members = af_script_members(sim->scripts[0], &member_count);
    int wanted = af_flow_find_role(sim->flow, role);
    struct af_sim_node **nodes = af_mem_zero(member_count, sizeof(struct af_sim_node *));
    *count = 0;
    for (size_t i = 0; i < member_count; i++)
        if ((int)members[i].role == wanted && sim->nodes[i]->party != NULL)
            nodes[(*count)++] = sim->nodes[i];
    return nodes;
}

/* Draws who vanishes, and when: if no time is given, within ten of the longest latencies, while the
 * run is most likely under way. */
static int plan_losses(struct af_sim *sim, const struct af_role_fault *fault,
                       struct af_failure *why)
{
    const struct af_fault_options *options = sim->faults.options;
    struct af_rng *rng = &sim->faults.chance[AF_FAULT_LOSE];
    size_t count;
    if (sim->flow == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "--lose", "a sequential script has no roles");
    if (af_flow_find_role(sim->flow, fault->role) < 0)
        return af_flow_refuse_role(sim->flow, fault->role, "--lose", why);
    struct af_sim_node **nodes = nodes_of_role(sim, fault->role, &count);
    if (fault->count > count) {
        free(nodes);
        return af_failure_set(why, AF_FAILURE_USAGE, "--lose",
                              "role '%s' has %zu parties, cannot lose %llu", fault->role, count,
                              (unsigned long long)fault->count);
    }
    for (uint64_t k = 0; k < fault->count; k++) {
        size_t drawn = k + af_rng_below(rng, count - k);
        struct af_sim_node *node = nodes[drawn];
        nodes[drawn] = nodes[k];
        nodes[k] = node;
        int64_t at_ns = fault->at_ns >= 0
                            ? fault->at_ns
                            : af_faults_between_ns(rng, 0, 10 * options->latency_max_ns);
        af_timer_start(sim->loop, at_ns, lose_one, node);
    }
    free(nodes);
    return 0;
}

/* ---- Cuts. ---- */

struct af_sim_cut {
    struct af_sim_cut *next;
    struct af_sim *sim;
    uint8_t *groups;
    size_t node_count;
    size_t number;
    int64_t until_ns;
};

static void note_cut(struct af_sim *sim, const struct af_sim_cut *cut, const char *kind)
{
    if (sim->trace == NULL)
        return;
    struct af_buf list = AF_BUF_EMPTY;
    af_buf_append_char(&list, '[');
    for (unsigned group = 0, groups = 0; group < UINT8_MAX; group++) {
        size_t named = 0;
        for (size_t i = 0; i < cut->node_count; i++) {
            if (cut->groups[i] != group)
                continue;
            if (named++ == 0)
                af_buf_append_string(&list, groups++ == 0 ? "[" : ",[");
            else
                af_buf_append_char(&list, ',');
            af_buf_printf(&list, "\"%s\"", sim->nodes[i]->id);
        }
        if (named > 0)
            af_buf_append_char(&list, ']');
    }
    af_buf_append_char(&list, ']');
    af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), kind);
    af_trace_json(sim->trace, "groups", list.data, list.len);
    af_trace_end(sim->trace);
    af_buf_release(&list);
}

static void heal(void *arg)
{
    struct af_sim_cut *cut = arg;
    af_bus_mock_heal(cut->sim->bus, cut->number);
    note_cut(cut->sim, cut, "heal");
}

static void begin(void *arg)
{
    struct af_sim_cut *cut = arg;
    struct af_sim *sim = cut->sim;
    cut->number = af_bus_mock_cut(sim->bus, cut->groups, cut->node_count, cut->until_ns);
    note_cut(sim, cut, "cut");
    af_timer_start(sim->loop, cut->until_ns - af_loop_now_ns(sim->loop), heal, cut);
}

static struct af_sim_cut *cut_new(struct af_sim *sim, int64_t until_ns)
{
    struct af_sim_cut *cut = af_mem_zero(1, sizeof *cut);
    cut->sim = sim;
    cut->node_count = sim->node_count;
    cut->groups = af_mem_alloc(cut->node_count);
    memset(cut->groups, UINT8_MAX, cut->node_count);
    cut->until_ns = until_ns;
    cut->next = sim->cuts;
    sim->cuts = cut;
    return cut;
}

/* Puts the nodes that a name means into a group: one node, or all parties of a role. */
static bool join_group(struct af_sim *sim, struct af_sim_cut *cut, const char *name, unsigned group)
{
    struct af_sim_node *node = af_sim_find_node(sim, name);
    if (node != NULL) {
        cut->groups[node->number] = (uint8_t)group;
        return true;
    }
    if (sim->flow == NULL || af_flow_find_role(sim->flow, name) < 0)
        return false;
    size_t count;
    struct af_sim_node **nodes = nodes_of_role(sim, name, &count);
    for (size_t i = 0; i < count; i++)
        cut->groups[nodes[i]->number] = (uint8_t)group;
    free(nodes);
    return true;
}

static int refuse_node(const struct af_sim *sim, const char *name, struct af_failure *why)
{
    struct af_near near;
    af_near_init(&near, name);
    for (uint32_t i = 0; sim->flow != NULL && i < sim->flow->role_count; i++)
        af_near_add(&near, sim->flow->roles[i].name);
    for (size_t i = 0; i < sim->node_count; i++)
        af_near_add(&near, sim->nodes[i]->id);
    af_failure_set(why, AF_FAILURE_USAGE, "--partition",
                   "'%s' is neither a node nor a role of this run%s", name,
                   af_near_text(&near, "it has"));
    af_near_release(&near);
    return -1;
}

static int plan_partition(struct af_sim *sim, const struct af_partition *partition,
                          struct af_failure *why)
{
    struct af_sim_cut *cut = cut_new(sim, partition->until_ns);
    for (size_t i = 0; i < partition->node_count; i++) {
        if (!join_group(sim, cut, partition->nodes[i], partition->groups[i]))
            return refuse_node(sim, partition->nodes[i], why);
    }
    af_timer_start(sim->loop, partition->from_ns, begin, cut);
    return 0;
}

void af_sim_cuts_free(struct af_sim *sim)
{
    while (sim->cuts != NULL) {
        struct af_sim_cut *cut = sim->cuts;
        sim->cuts = cut->next;
        free(cut->groups);
        free(cut);
    }
}

int af_sim_cuts_start(struct af_sim *sim, struct af_failure *why)
{
    const struct af_fault_options *options = sim->faults.options;
    const struct af_fault_wish *losses = &options->wishes[AF_FAULT_LOSE];
    for (size_t i = 0; i < losses->role_count; i++)
        if (plan_losses(sim, &losses->roles[i], why) != 0)
            return -1;
    for (size_t i = 0; i < options->partition_count; i++)
        if (plan_partition(sim, &options->partitions[i], why) != 0)
            return -1;
    return 0;
}

void af_sim_cuts_maybe(struct af_sim *sim)
{
    const struct af_fault_options *options = sim->faults.options;
    struct af_rng *rng = &sim->faults.partition;
    if (options->random_partition <= 0 || af_bus_mock_is_cut(sim->bus) ||
        !af_rng_chance(rng, options->random_partition))
        return;
    int64_t length_ns = af_faults_between_ns(rng, options->down_min_ns, options->down_max_ns);
    struct af_sim_cut *cut = cut_new(sim, af_loop_now_ns(sim->loop) + length_ns);
    for (size_t i = 0; i < cut->node_count; i++)
        cut->groups[i] = (uint8_t)af_rng_below(rng, 2);
    begin(cut);
}
