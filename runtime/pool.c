/* pool.c: see pool.h. A free block holds the address of the next one of its class. */
#include "pool.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 64 << 10 };

struct chunk {
    struct chunk *next;
    void *padding; /* keeps blocks at multiples of 16 bytes */
};

static void *cut(struct af_pool *pool, size_t block_bytes)
{
    if (pool->left_bytes < block_bytes) { /* what is left over is lost: less than a block */
        struct chunk *chunk = af_mem_alloc(CHUNK_BYTES);
        chunk->next = pool->chunks;
        pool->chunks = chunk;
        pool->at = (char *)(chunk + 1);
        pool->left_bytes = CHUNK_BYTES - sizeof *chunk;
    }
    void *block = pool->at;
    pool->at += block_bytes;
    pool->left_bytes -= block_bytes;
    return block;
}

void *af_pool_alloc(struct af_pool *pool, size_t size_bytes)
{
    size_t class = (size_bytes - 1) / AF_POOL_STEP_BYTES;
    void *block = pool->free_blocks[class];
    if (block == NULL)
        return cut(pool, (class + 1) * AF_POOL_STEP_BYTES);
    memcpy(&pool->free_blocks[class], block, sizeof(void *));
    return block;
}

void af_pool_free(struct af_pool *pool, void *block, size_t size_bytes)
{
    size_t class = (size_bytes - 1) / AF_POOL_STEP_BYTES;
    memcpy(block, &pool->free_blocks[class], sizeof(void *));
    pool->free_blocks[class] = block;
}

void af_pool_release(struct af_pool *pool)
{
    for (struct chunk *chunk = pool->chunks; chunk != NULL;) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    memset(pool, 0, sizeof *pool);
}
