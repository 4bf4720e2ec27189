/* pointer_set.h: which addresses were met already, in a walk over a graph.
 *
 * Forgetting all of them costs nothing, so one set serves many walks. The order of addresses is
 * never seen: only whether one is there. */
#ifndef AF_POINTER_SET_H
#define AF_POINTER_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_pointer_set {
    struct af_pointer_entry {
        const void *pointer;
        uint64_t stamp;
    } * entries;
    size_t cap, count;
    uint64_t stamp;
};

/* A set of all zero bytes is empty and ready after the first clear. */
void af_pointer_set_clear(struct af_pointer_set *set);
void af_pointer_set_release(struct af_pointer_set *set);

/* Adds a pointer; true if it was not there. */
bool af_pointer_set_add(struct af_pointer_set *set, const void *pointer);

#endif
