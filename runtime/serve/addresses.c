/* addresses.c: see addresses.h. */
#include "serve/addresses.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the node is, or belongs. */
static size_t place_of(const struct serve_addresses *addresses, const char *node, bool *found)
{
    size_t low = 0, high = addresses->count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(node, addresses->items[middle].node);
        *found = order == 0;
        if (order <= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return high;
}

void af_serve_addresses_note(struct serve_addresses *addresses, const char *node, const char *text)
{
    bool found;
    size_t place = place_of(addresses, node, &found);
    if (!found && addresses->count >= AF_SERVE_ADDRESSES_MAX)
        return;
    if (!found) {
        af_mem_reserve(&addresses->items, &addresses->cap, addresses->count + 1,
                       sizeof *addresses->items);
        memmove(addresses->items + place + 1, addresses->items + place,
                (addresses->count++ - place) * sizeof *addresses->items);
        addresses->items[place].node = af_mem_string(node);
    }
    snprintf(addresses->items[place].text, sizeof addresses->items[place].text, "%s", text);
}

const char *af_serve_addresses_find(const struct serve_addresses *addresses, const char *node)
{
    bool found;
    size_t place = place_of(addresses, node, &found);
    return found ? addresses->items[place].text : NULL;
}

void af_serve_addresses_release(struct serve_addresses *addresses)
{
    for (size_t i = 0; i < addresses->count; i++)
        free(addresses->items[i].node);
    free(addresses->items);
}
