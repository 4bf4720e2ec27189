/* pages.c: what the states that were seen, and the tables that find them, are kept in.
 *
 * A search goes everywhere in them, and in small pages would wait for their addresses as long as
 * for what they hold. So once there is more than a small search has, they are parts of large ones.
 */
#include "check/seen.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>

enum { PARTS = (2 << 20) / AF_CHECK_PART }; /* of a large page */
enum { SMALL = 4 * PARTS };                 /* parts of a small search */

struct af_check_pages {
    pthread_mutex_t lock;
    void **owned; /* what is to be freed */
    size_t owned_count, owned_cap;
    unsigned char *open; /* a large page of which so many parts are left, the last ones */
    size_t open_left;
    void **spare; /* parts that nobody has */
    size_t spare_count, spare_cap;
};

struct af_check_pages *af_check_pages_new(void)
{
    struct af_check_pages *pages = af_mem_zero(1, sizeof *pages);
    pthread_mutex_init(&pages->lock, NULL);
    return pages;
}

void af_check_pages_free(struct af_check_pages *pages)
{
    for (size_t i = 0; i < pages->owned_count; i++)
        free(pages->owned[i]);
    pthread_mutex_destroy(&pages->lock);
    free(pages->owned);
    free(pages->spare);
    free(pages);
}

static void *own(struct af_check_pages *pages, void *memory)
{
    af_mem_reserve(&pages->owned, &pages->owned_cap, pages->owned_count + 1, sizeof *pages->owned);
    pages->owned[pages->owned_count++] = memory;
    return memory;
}

static void spare(struct af_check_pages *pages, unsigned char *memory, size_t count)
{
    af_mem_reserve(&pages->spare, &pages->spare_cap, pages->spare_count + count,
                   sizeof *pages->spare);
    for (size_t i = 0; i < count; i++)
        pages->spare[pages->spare_count++] = memory + i * AF_CHECK_PART;
}

static void *take(struct af_check_pages *pages, size_t count)
{
    if (count == 1 && pages->spare_count > 0)
        return pages->spare[--pages->spare_count];
    if (count == 1 && pages->owned_count < SMALL)
        return own(pages, af_mem_alloc(AF_CHECK_PART));
    if (count >= PARTS)
        return own(pages, af_mem_large_pages((count + PARTS - 1) / PARTS));
    if (pages->open_left < count) {
        spare(pages, pages->open, pages->open_left);
        pages->open = own(pages, af_mem_large_pages(1));
        pages->open_left = PARTS;
    }
    pages->open_left -= count;
    return pages->open + pages->open_left * AF_CHECK_PART;
}

void *af_check_pages_take(struct af_check_pages *pages, size_t count)
{
    pthread_mutex_lock(&pages->lock);
    void *memory = take(pages, count);
    pthread_mutex_unlock(&pages->lock);
    return memory;
}

void af_check_pages_give(struct af_check_pages *pages, void *memory, size_t count)
{
    pthread_mutex_lock(&pages->lock);
    spare(pages, memory, count);
    pthread_mutex_unlock(&pages->lock);
}
