/* arena.c: see arena.h. */
#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 2048, ALIGN = alignof(max_align_t) };

struct chunk {
    alignas(max_align_t) struct chunk *next;
};

void *af_arena_alloc(struct af_arena *arena, size_t size_bytes)
{
    size_t size = (size_bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (size > arena->left_bytes) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        struct chunk *chunk = af_mem_alloc(sizeof *chunk + room);
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        if (size > CHUNK_BYTES) /* alone in its chunk: what is left of the last one is kept */
            return chunk + 1;
        arena->at = (char *)(chunk + 1);
        arena->left_bytes = room;
    }
    void *block = arena->at;
    arena->at += size;
    arena->left_bytes -= size;
    return block;
}

char *af_arena_copy(struct af_arena *arena, const void *bytes, size_t len)
{
    if (bytes == NULL)
        return NULL;
    char *copy = af_arena_alloc(arena, len + 1);
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

char *af_arena_string(struct af_arena *arena, const char *text)
{
    return text == NULL ? NULL : af_arena_copy(arena, text, strlen(text));
}

const char *const *af_arena_strings(struct af_arena *arena, const char *const *items, size_t count)
{
    const char **copies = af_arena_alloc(arena, (count + 1) * sizeof *copies);
    for (size_t i = 0; i < count; i++)
        copies[i] = af_arena_string(arena, items[i]);
    copies[count] = NULL;
    return copies;
}

void af_arena_release(struct af_arena *arena)
{
    struct chunk *chunk = arena->chunks;
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    *arena = (struct af_arena){NULL, NULL, 0};
}
