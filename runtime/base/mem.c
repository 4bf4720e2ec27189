/* mem.c: see mem.h. */
#include "base/mem.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *checked(void *memory, size_t size_bytes)
{
    if (memory == NULL) {
        fprintf(stderr, "afrun: out of memory: no %zu bytes left\n", size_bytes);
        abort();
    }
    return memory;
}

enum { LARGE_PAGE_BYTES = 2 << 20 };

/* Whole large pages, from the beginning of one. */
static void *large(size_t size_bytes)
{
    void *pages = NULL;
    if (size_bytes <= SIZE_MAX - LARGE_PAGE_BYTES) {
        size_bytes = (size_bytes + LARGE_PAGE_BYTES - 1) / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
        pages = aligned_alloc(LARGE_PAGE_BYTES, size_bytes);
    }
    madvise(checked(pages, size_bytes), size_bytes, MADV_HUGEPAGE); /* a wish */
    return pages;
}

void *af_mem_alloc(size_t size_bytes)
{
    if (size_bytes >= AF_MEM_LARGE_BYTES)
        return large(size_bytes);
    return checked(malloc(size_bytes == 0 ? 1 : size_bytes), size_bytes);
}

void *af_mem_zero(size_t count, size_t size_bytes)
{
    return checked(calloc(count == 0 ? 1 : count, size_bytes == 0 ? 1 : size_bytes),
                   count * size_bytes);
}

void *af_mem_grow(void *old, size_t size_bytes)
{
    return checked(realloc(old, size_bytes == 0 ? 1 : size_bytes), size_bytes);
}

char *af_mem_copy(const void *bytes, size_t len)
{
    char *copy = af_mem_alloc(len + 1);
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

char *af_mem_string(const char *text)
{
    return af_mem_copy(text, strlen(text));
}

void af_mem_reserve(void *items, size_t *cap, size_t need, size_t size_bytes)
{
    if (need <= *cap)
        return;
    size_t wanted = *cap == 0 ? 8 : *cap;
    while (wanted < need)
        wanted = wanted > SIZE_MAX / 4 / size_bytes ? need : wanted * 2;
    void *grown;
    memcpy(&grown, items, sizeof grown); /* items is the address of a typed pointer */
    grown = af_mem_grow(grown, wanted * size_bytes);
    memcpy(items, &grown, sizeof grown);
    *cap = wanted;
}

void *af_mem_large_pages(size_t count)
{
    return large(count > SIZE_MAX / LARGE_PAGE_BYTES ? SIZE_MAX : count * LARGE_PAGE_BYTES);
}

void af_mem_hold(size_t size_bytes)
{
    static size_t held_bytes;
    if (size_bytes <= held_bytes)
        return;
    held_bytes = size_bytes;
    mallopt(M_MMAP_THRESHOLD, (int)size_bytes);
    mallopt(M_TRIM_THRESHOLD, (int)size_bytes);
}

void af_mem_warm(size_t size_bytes)
{
    af_mem_hold(2 * size_bytes);
    void *pages = checked(aligned_alloc((size_t)sysconf(_SC_PAGESIZE), size_bytes), size_bytes);
    madvise(pages, size_bytes, MADV_POPULATE_WRITE); /* a wish */
    free(pages);
}

bool af_mem_is_watched(void)
{
#ifdef __SANITIZE_ADDRESS__
    return true;
#else
    return false;
#endif
}
