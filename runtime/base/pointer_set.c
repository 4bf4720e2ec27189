/* pointer_set.c: see pointer_set.h. Open addressing; entries of an older stamp count as free. */
#include "base/pointer_set.h"

#include "base/mem.h"

#include <stdlib.h>

static size_t place(const struct af_pointer_set *set, const void *pointer)
{
    size_t at = ((uintptr_t)pointer >> 4) * 0x9E3779B97F4A7C15u >> 20 & (set->cap - 1);
    while (set->entries[at].stamp == set->stamp && set->entries[at].pointer != pointer)
        at = (at + 1) & (set->cap - 1);
    return at;
}

static void grow(struct af_pointer_set *set)
{
    struct af_pointer_entry *old = set->entries;
    size_t old_cap = set->cap;
    set->cap = old_cap == 0 ? 64 : old_cap * 2;
    set->entries = af_mem_zero(set->cap, sizeof *set->entries);
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].stamp == set->stamp)
            set->entries[place(set, old[i].pointer)] = old[i];
    free(old);
}

void af_pointer_set_clear(struct af_pointer_set *set)
{
    set->stamp++;
    set->count = 0;
}

void af_pointer_set_release(struct af_pointer_set *set)
{
    free(set->entries);
    *set = (struct af_pointer_set){NULL, 0, 0, 0};
}

bool af_pointer_set_add(struct af_pointer_set *set, const void *pointer)
{
    if (2 * set->count >= set->cap)
        grow(set);
    size_t at = place(set, pointer);
    if (set->entries[at].stamp == set->stamp)
        return false;
    set->entries[at] = (struct af_pointer_entry){pointer, set->stamp};
    set->count++;
    return true;
}
