/* nodes.c: see nodes.h. */
#include "serve/nodes.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Where the node is, or belongs. */
static size_t place_of(const struct serve_nodes *nodes, const char *name, bool *found)
{
    size_t low = 0, high = nodes->count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, nodes->items[middle]->name);
        *found = order == 0;
        if (order <= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return high;
}

struct serve_node *af_serve_nodes_get(struct serve_nodes *nodes, const char *name)
{
    bool found;
    size_t place = place_of(nodes, name, &found);
    if (found)
        return nodes->items[place];
    if (nodes->count >= AF_SERVE_NODES_MAX)
        return &nodes->others;
    af_mem_reserve(&nodes->items, &nodes->cap, nodes->count + 1, sizeof(struct serve_node *));
    memmove(nodes->items + place + 1, nodes->items + place,
            (nodes->count++ - place) * sizeof(struct serve_node *));
    nodes->items[place] = af_mem_zero(1, sizeof(struct serve_node));
    nodes->items[place]->name = af_mem_string(name);
    return nodes->items[place];
}

const struct serve_node *af_serve_nodes_find(const struct serve_nodes *nodes, const char *name)
{
    bool found;
    size_t place = place_of(nodes, name, &found);
    return found ? nodes->items[place] : NULL;
}

void af_serve_nodes_release(struct serve_nodes *nodes)
{
    for (size_t i = 0; i < nodes->count; i++) {
        free(nodes->items[i]->name);
        free(nodes->items[i]);
    }
    free(nodes->items);
}
