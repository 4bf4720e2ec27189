/* nodes.c: the nodes of a run, by their IDs. */
#include "sim/impl.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static size_t index_place(const struct af_sim *sim, const char *id)
{
    struct af_hash hash = af_hash_bytes((struct af_hash){3, 4}, id, strlen(id));
    size_t at = hash.a & (sim->index_cap - 1);
    while (sim->index[at] != 0 && strcmp(sim->nodes[sim->index[at] - 1]->id, id) != 0)
        at = (at + 1) & (sim->index_cap - 1);
    return at;
}

static void index_grow(struct af_sim *sim)
{
    sim->index_cap = sim->index_cap == 0 ? 64 : sim->index_cap * 2;
    free(sim->index);
    sim->index = af_mem_zero(sim->index_cap, sizeof *sim->index);
    for (size_t i = 0; i < sim->node_count; i++)
        sim->index[index_place(sim, sim->nodes[i]->id)] = (uint32_t)i + 1;
}

struct af_sim_node *af_sim_find_node(const struct af_sim *sim, const char *id)
{
    if (sim->index_cap == 0)
        return NULL;
    uint32_t number = sim->index[index_place(sim, id)];
    return number == 0 ? NULL : sim->nodes[number - 1];
}

struct af_sim_node *af_sim_node(struct af_sim *sim, const char *id)
{
    struct af_sim_node *node = af_sim_find_node(sim, id);
    if (node != NULL)
        return node;
    if (2 * (sim->node_count + 1) > sim->index_cap)
        index_grow(sim);
    node = af_mem_zero(1, sizeof *node);
    node->id = af_mem_string(id);
    node->sim = sim;
    node->number = (uint32_t)sim->node_count;
    node->settled = true; /* until a party runs there */
    af_mem_reserve(&sim->nodes, &sim->node_cap, sim->node_count + 1, sizeof(struct af_sim_node *));
    sim->nodes[sim->node_count++] = node;
    sim->index[index_place(sim, id)] = node->number + 1;
    return node;
}

const char *af_sim_intern(struct af_sim *sim, const char *text)
{
    for (size_t i = 0; i < sim->interned_count; i++)
        if (strcmp(sim->interned[i], text) == 0)
            return sim->interned[i];
    af_mem_reserve(&sim->interned, &sim->interned_cap, sim->interned_count + 1, sizeof(char *));
    sim->interned[sim->interned_count] = af_mem_string(text);
    return sim->interned[sim->interned_count++];
}

void af_sim_note_crash(struct af_sim *sim, const struct af_sim_node *node, int64_t until_ns)
{
    af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), "crash");
    af_trace_string(sim->trace, "party", node->id);
    af_trace_integer(sim->trace, "until", until_ns);
    af_trace_end(sim->trace);
}
