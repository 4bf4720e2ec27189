/* pool.c: see pool.h. */
#include "base/pool.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CHUNK_BYTES = 64 << 10, HUGE_CHUNK_BYTES = 2 << 20, HUGE_FROM_BYTES = 4 << 20 };

struct chunk {
    struct chunk *next;
    void *padding; /* keeps blocks at multiples of 16 bytes */
};

/* A pool that has become large goes on in huge pages: with a hundred thousand parties, getting one
 * small page after the other, and finding them again, took a fifth of a run's time. */
static struct chunk *new_chunk(const struct af_pool *pool, size_t *size_bytes)
{
    void *chunk = NULL;
    if (pool->taken_bytes < HUGE_FROM_BYTES) {
        *size_bytes = CHUNK_BYTES;
        return af_mem_alloc(CHUNK_BYTES);
    }
    *size_bytes = HUGE_CHUNK_BYTES;
    if (posix_memalign(&chunk, HUGE_CHUNK_BYTES, HUGE_CHUNK_BYTES) != 0)
        return af_mem_alloc(HUGE_CHUNK_BYTES);
    madvise(chunk, HUGE_CHUNK_BYTES, MADV_HUGEPAGE); /* where the system has none: as they were */
    return chunk;
}

void *af_pool_cut(struct af_pool *pool, size_t size_bytes)
{
    size_t block_bytes = ((size_bytes - 1) / AF_POOL_STEP_BYTES + 1) * AF_POOL_STEP_BYTES;
    if (pool->left_bytes < block_bytes) { /* what is left over is lost: less than a block */
        size_t chunk_bytes;
        struct chunk *chunk = new_chunk(pool, &chunk_bytes);
        chunk->next = pool->chunks;
        pool->chunks = chunk;
        pool->at = (char *)(chunk + 1);
        pool->left_bytes = chunk_bytes - sizeof *chunk;
        pool->taken_bytes += chunk_bytes;
    }
    void *block = pool->at;
    pool->at += block_bytes;
    pool->left_bytes -= block_bytes;
    return block;
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
