/* lasso.c: eventually and leads_to, on every fair run.
 *
 * A run is fair if what is nobody's fault (recalls, deliveries, timeouts, returns) happens at last
 * where it is possible again and again: it ends, or comes to a set of states that such steps do not
 * leave and goes through all of it. So a property is broken exactly if a state in which it waits
 * has no way, by such steps, to one in which it does not. Of such states the first is told: the run
 * goes on from there to its end, or into a loop. */
#include "check/ways.h"
#include "check/known.h"
#include "check/monitor.h"
#include "check/next.h"
#include "check/note.h"
#include "check/search.h"
#include "check/seen.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- What can be reached from a state. ---- */

struct node {
    uint64_t state;
    uint32_t from;              /* by which it was found first */
    uint32_t first_edge, edges; /* in graph->edges */
    uint32_t order, low;        /* of Tarjan's search; order 0: not met */
    uint32_t next_edge;
    bool on_stack;
};

struct graph { /* breadth first from its first node */
    struct af_check *check;
    struct af_check_next next;
    struct node *nodes;
    size_t count, cap;
    uint32_t *edges;
    size_t edge_count, edge_cap;
    struct af_check_map index;
    uint32_t now; /* whose next ones are looked for */
    unsigned char packed[AF_CHECK_PACKED_MAX];
};

static uint32_t add_node(struct graph *graph, uint64_t state, uint32_t from)
{
    uint32_t number;
    if (af_check_map_get(&graph->index, state, &number))
        return number;
    number = (uint32_t)graph->count;
    af_mem_reserve(&graph->nodes, &graph->cap, graph->count + 1, sizeof *graph->nodes);
    graph->nodes[graph->count++] = (struct node){.state = state, .from = from};
    af_check_map_put(&graph->index, state, number);
    return number;
}

static void on_child(void *arg, const struct af_check_label *label,
                     const struct af_check_vector *child)
{
    struct graph *graph = arg;
    size_t len = af_check_pack(graph->check, child, graph->packed);
    uint64_t state = af_check_seen_find(graph->check->seen, graph->packed, len);
    (void)label;
    if (state == AF_CHECK_NO_STATE)
        return;
    uint32_t number = add_node(graph, state, graph->now);
    af_mem_reserve(&graph->edges, &graph->edge_cap, graph->edge_count + 1, sizeof *graph->edges);
    graph->edges[graph->edge_count++] = number;
    graph->nodes[graph->now].edges++;
}

/* Looks for all that follows; returns the first node at which a run ends, or AF_CHECK_NONE. */
static uint32_t spread(struct graph *graph, uint64_t state)
{
    struct af_check *check = graph->check;
    size_t len;
    add_node(graph, state, AF_CHECK_NONE);
    for (graph->now = 0; graph->now < graph->count; graph->now++) {
        struct node *node = &graph->nodes[graph->now];
        const unsigned char *bytes =
            af_check_seen_state(check->seen, node->state, &len, NULL, NULL);
        node->first_edge = (uint32_t)graph->edge_count;
        af_check_unpack(check, bytes, len, &graph->next.state);
        if (af_check_next(&graph->next) != AF_CHECK_MOVES)
            return graph->now;
    }
    return AF_CHECK_NONE;
}

/* ---- A set that fair runs do not leave. ---- */

/* Finds one, by Tarjan's search: the first component that is complete has no way out. Its nodes are
 * those on_stack; returns the one that was found first of all. */
static uint32_t find_trap(struct graph *graph)
{
    uint32_t *trail = af_mem_alloc(graph->count * sizeof *trail);
    uint32_t *stack = af_mem_alloc(graph->count * sizeof *stack);
    size_t depth = 0, height = 0;
    uint32_t met = 0, entry = 0;
    trail[depth++] = stack[height++] = 0;
    graph->nodes[0].order = graph->nodes[0].low = ++met;
    graph->nodes[0].on_stack = true;
    while (depth > 0) {
        struct node *node = &graph->nodes[trail[depth - 1]];
        if (node->next_edge < node->edges) {
            uint32_t number = graph->edges[node->first_edge + node->next_edge++];
            struct node *next = &graph->nodes[number];
            if (next->order == 0) {
                next->order = next->low = ++met;
                next->on_stack = true;
                trail[depth++] = stack[height++] = number;
            } else if (next->order < node->low) {
                node->low = next->order;
            }
            continue;
        }
        if (node->low == node->order)
            break; /* all that stands on the stack from it on */
        depth--;
        if (node->low < graph->nodes[trail[depth - 1]].low)
            graph->nodes[trail[depth - 1]].low = node->low;
    }
    uint32_t root = trail[depth - 1];
    for (size_t i = 0; stack[i] != root; i++)
        graph->nodes[stack[i]].on_stack = false;
    while (!graph->nodes[entry].on_stack)
        entry++;
    free(trail);
    free(stack);
    return entry;
}

/* A shortest way from a node of the trap back to it: numbers, the node last. Returns how many. */
static size_t go_round(struct graph *graph, uint32_t entry, uint32_t **way)
{
    uint32_t *from = af_mem_alloc(graph->count * sizeof *from);
    uint32_t *queue = af_mem_alloc((graph->count + 1) * sizeof *queue);
    size_t count = 0, length = 1;
    uint32_t last = AF_CHECK_NONE;
    memset(from, 0xFF, graph->count * sizeof *from);
    queue[count++] = entry;
    for (size_t i = 0; i < count && last == AF_CHECK_NONE; i++) {
        const struct node *node = &graph->nodes[queue[i]];
        for (uint32_t k = 0; k < node->edges; k++) {
            uint32_t number = graph->edges[node->first_edge + k];
            if (number == entry && last == AF_CHECK_NONE)
                last = queue[i];
            if (number == entry || from[number] != AF_CHECK_NONE)
                continue;
            from[number] = queue[i];
            queue[count++] = number;
        }
    }
    for (uint32_t at = last; at != entry; at = from[at])
        length++;
    *way = af_mem_alloc(length * sizeof **way);
    (*way)[length - 1] = entry;
    for (size_t i = length - 1; i-- > 0; last = from[last])
        (*way)[i] = last;
    free(from);
    free(queue);
    return length;
}

static size_t distance(const struct graph *graph, uint32_t number)
{
    size_t steps = 0;
    for (; graph->nodes[number].from != AF_CHECK_NONE; number = graph->nodes[number].from)
        steps++;
    return steps;
}

/* How the run goes on from the state that was found: to its end, or into a loop. */
static void find_way(struct af_check *check, struct af_check_found *found)
{
    struct graph *graph = af_mem_zero(1, sizeof *graph);
    uint32_t *round = NULL;
    size_t length = 0;
    graph->check = check;
    af_check_next_init(&graph->next, check);
    graph->next.only_ways = graph->next.all = graph->next.asks = true;
    graph->next.arg = graph;
    graph->next.child = on_child;
    uint32_t last = spread(graph, found->state);
    if (last == AF_CHECK_NONE) {
        last = find_trap(graph);
        length = go_round(graph, last, &round);
        for (size_t i = 0; i < graph->count; i++)
            found->trap += graph->nodes[i].on_stack ? 1 : 0;
    }
    size_t before = distance(graph, last);
    found->way_count = before + length;
    found->loop_at = length == 0 ? SIZE_MAX : before;
    found->way = af_mem_alloc((found->way_count + 1) * sizeof *found->way);
    for (size_t i = before; i-- > 0; last = graph->nodes[last].from)
        found->way[i] = graph->nodes[last].state;
    for (size_t i = 0; i < length; i++)
        found->way[before + i] = graph->nodes[round[i]].state;
    af_check_next_release(&graph->next);
    af_check_map_release(&graph->index);
    free(round);
    free(graph->nodes);
    free(graph->edges);
    free(graph);
}

/* ---- Properties. ---- */

static void note(struct af_check *check, unsigned version, size_t number, uint64_t state)
{
    const struct af_flow_watched *watched = &check->flows[version]->watched[number];
    bool leads = watched->kind == AF_WATCHED_LEADS_TO;
    char where[AF_FLOW_PLACE_BYTES], text[300];
    af_flow_place(af_script_file(check->scripts[version])->name, watched->line, where,
                  sizeof where);
    snprintf(text, sizeof text, "%s '%s': a fair run on which %s", af_watched_word(watched->kind),
             watched->name, leads ? "what must follow never does" : "it never holds");
    uint32_t violation = af_check_violation(check, leads ? AF_CHECK_LEADS_TO : AF_CHECK_EVENTUALLY,
                                            AF_CHECK_NONE, where, text);
    af_check_note(check, violation, state, AF_CHECK_NONE);
    struct af_check_found *found = &check->found[violation];
    found->lasso = true;
    struct af_check_found copy = *found; /* they may move */
    find_way(check, &copy);
    check->found[violation] = copy;
}

/* Returns false if it is told to stop. */
static bool look(struct af_check *check, unsigned version, size_t number,
                 af_check_progress_fn *progress, void *arg)
{
    struct af_check_search *search = check->search;
    struct af_check_vector *vector = &search->scratch;
    uint64_t *states = af_mem_alloc((search->order_count + 1) * sizeof *states);
    size_t left = search->order_count, len;
    if (left > 0)
        memcpy(states, search->order, left * sizeof *states);
    for (size_t i = 0; i < left; i++) {
        const unsigned char *bytes = af_check_seen_state(check->seen, states[i], &len, NULL, NULL);
        af_check_unpack(check, bytes, len, vector);
        af_check_seen_unmark(check->seen, states[i], AF_CHECK_MET | AF_CHECK_MET_TRIED);
        if (!af_check_watch_waits(check, vector->watch, version, number))
            af_check_seen_mark(check->seen, states[i], AF_CHECK_MET);
    }
    bool goes_on = af_check_ways_to(check, AF_CHECK_MET, states, &left, progress, arg);
    if (goes_on && left > 0)
        note(check, version, number, states[0]);
    free(states);
    return goes_on;
}

void af_check_lassos(struct af_check *check, af_check_progress_fn *progress, void *arg)
{
    bool goes_on = true;
    for (unsigned version = 0; version < check->version_count; version++) {
        const struct af_flow *flow = check->flows[version];
        for (size_t i = flow->monitor_count; i < flow->watched_count && goes_on; i++)
            goes_on = look(check, version, i, progress, arg);
    }
    check->search->interrupted = check->search->interrupted || !goes_on;
}
