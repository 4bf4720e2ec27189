/* arena.h: memory of many sizes that goes all at once: what one call was given, and its result. */
#ifndef AF_ARENA_H
#define AF_ARENA_H

#include <stddef.h>

struct af_arena { /* zeroed to begin with */
    void *chunks;
    char *at; /* what is left of the newest chunk */
    size_t left_bytes;
};

/* Memory that lives until the arena is released; aligned for anything. Never NULL. */
void *af_arena_alloc(struct af_arena *arena, size_t size_bytes);

/* Copies; a 0 byte follows both. NULL stays NULL. */
char *af_arena_string(struct af_arena *arena, const char *text);
char *af_arena_copy(struct af_arena *arena, const void *bytes, size_t len);

/* A copy of a list of strings. */
const char *const *af_arena_strings(struct af_arena *arena, const char *const *items, size_t count);

void af_arena_release(struct af_arena *arena);

#endif
