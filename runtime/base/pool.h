/* pool.h: many small blocks of memory, whose sizes their owner remembers.
 *
 * Blocks of a size class are cut from large chunks and reused by lists; chunks are given back all
 * at once. With a hundred thousand parties the C library's allocator spent a third of a run on
 * joining neighbours that were about to be used again. */
#ifndef AF_POOL_H
#define AF_POOL_H

#include <stddef.h>
#include <string.h>

enum { AF_POOL_STEP_BYTES = 16, AF_POOL_BLOCK_BYTES_MAX = 256 };

struct af_pool { /* zeroed to begin with */
    void *free_blocks[AF_POOL_BLOCK_BYTES_MAX / AF_POOL_STEP_BYTES];
    char *at; /* what is left of the chunk */
    size_t left_bytes;
    size_t taken_bytes; /* by chunks */
    void *chunks;
};

void *af_pool_cut(struct af_pool *pool, size_t size_bytes); /* where none of that class is free */

/* A block of 1 to AF_POOL_BLOCK_BYTES_MAX bytes, and its end; size_bytes is that of the beginning.
 * A free block holds the address of the next one of its class. */
static inline void *af_pool_alloc(struct af_pool *pool, size_t size_bytes)
{
    size_t class = (size_bytes - 1) / AF_POOL_STEP_BYTES;
    void *block = pool->free_blocks[class];
    if (block == NULL)
        return af_pool_cut(pool, size_bytes);
    memcpy(&pool->free_blocks[class], block, sizeof(void *));
    return block;
}

static inline void af_pool_free(struct af_pool *pool, void *block, size_t size_bytes)
{
    size_t class = (size_bytes - 1) / AF_POOL_STEP_BYTES;
    memcpy(block, &pool->free_blocks[class], sizeof(void *));
    pool->free_blocks[class] = block;
}

/* Whether two sizes are those of one class: a block need not move then. */
static inline int af_pool_same_class(size_t a_bytes, size_t b_bytes)
{
    return (a_bytes - 1) / AF_POOL_STEP_BYTES == (b_bytes - 1) / AF_POOL_STEP_BYTES;
}

/* Gives all chunks back: no block may be used any more. */
void af_pool_release(struct af_pool *pool);

#endif
