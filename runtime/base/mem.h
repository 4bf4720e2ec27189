/* mem.h: memory that is always there.
 *
 * Out of memory ends the process with a message: every driver is crash-safe, so there is nothing
 * better to do. Sizes that a peer or a script chose are checked against bounds.h before they come
 * here. Results are freed with free(). */
#ifndef AF_MEM_H
#define AF_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* Like malloc, calloc and realloc, but never NULL (a size of 0 counts as 1). A block of at least
 * AF_MEM_LARGE_BYTES that is new is in large pages (af_mem_large_pages): getting one small page
 * after the other costs more than what is done with the bytes. */
#define AF_MEM_LARGE_BYTES ((size_t)4 << 20)
void *af_mem_alloc(size_t size_bytes);
void *af_mem_zero(size_t count, size_t size_bytes);
void *af_mem_grow(void *old, size_t size_bytes);

/* Copies of a string and of a range of bytes; a 0 byte follows both. */
char *af_mem_string(const char *text);
char *af_mem_copy(const void *bytes, size_t len);

/* Makes room for at least `need` items in the array *items of *cap items of size_bytes each, by
 * doubling. */
void af_mem_reserve(void *items, size_t *cap, size_t need, size_t size_bytes);

/* So many times 2 MiB, which begin at a multiple of that; the system is asked to have them as large
 * pages, so that who goes everywhere in them waits less. */
void *af_mem_large_pages(size_t count);

/* Lets the process hold so many bytes that were given back, for who takes them next, and take
 * blocks of up to as many from there: to ask the system for memory again and again, as a service
 * does batch by batch, costs each thread more than what is done with it. The most that was asked
 * for is held; one thread. */
void af_mem_hold(size_t size_bytes);

/* Gets so many bytes, whole pages, from the system at once, for who is about to take as many in
 * small blocks: one page after the other costs a fault each. What is held is held as above, twice
 * as much. */
void af_mem_warm(size_t size_bytes);

/* Whether what is left at the process's end must be given back first, because somebody looks for
 * what is not: in a sanitize build. Else the system takes it, in much less time. */
bool af_mem_is_watched(void);

#endif
