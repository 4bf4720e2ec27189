/* seen.h: the states that were seen, and the memory that they are kept in. */
#ifndef AF_CHECK_SEEN_H
#define AF_CHECK_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AF_CHECK_SHARDS = 32 };

enum { AF_CHECK_PART_BITS = 18, AF_CHECK_PART = 1 << AF_CHECK_PART_BITS };

/* So many parts, one behind the other, for any thread; they are not zero. Given back they are taken
 * again; all are freed with the pages. */
struct af_check_pages *af_check_pages_new(void);
void af_check_pages_free(struct af_check_pages *pages);
void *af_check_pages_take(struct af_check_pages *pages, size_t count);
void af_check_pages_give(struct af_check_pages *pages, void *memory, size_t count);

enum { /* marks of a state */
       AF_CHECK_GOOD = 1,
       AF_CHECK_BAD = 2,
       AF_CHECK_TRIED = 4,
       AF_CHECK_OVER = 8, /* a run may end here */
       AF_CHECK_MET = 16, /* the property that is looked at does not wait, or need not for ever */
       AF_CHECK_MET_TRIED = 32,
};

#define AF_CHECK_NO_STATE ((UINT64_C(1) << 40) - 1)
#define AF_CHECK_ROOT (AF_CHECK_NO_STATE - 1) /* from which the first state is found */

struct af_check_seen *af_check_seen_new(void);
void af_check_seen_free(struct af_check_seen *seen);

static inline unsigned af_check_shard(uint64_t hash)
{
    return (unsigned)(hash >> 59);
}

/* Adds a state to its shard, one thread a shard; one that is there sleeps where both did, if it was
 * added in this level. Returns its address, and whether it is new. */
uint64_t af_check_seen_add(struct af_check_seen *seen, uint64_t hash, uint64_t parent,
                           uint32_t sleep, const unsigned char *bytes, size_t len, bool *fresh);

/* Its address if adding it would change nothing, or AF_CHECK_NO_STATE. Several threads may ask
 * while none adds. */
uint64_t af_check_seen_known(const struct af_check_seen *seen, uint64_t hash, uint32_t sleep,
                             const unsigned char *bytes, size_t len);

/* Has the processor fetch what af_check_seen_add() will look at: first where the state's address
 * would be; some time later, that being there, the state that has the same hash. */
void af_check_seen_prefetch(const struct af_check_seen *seen, uint64_t hash);
void af_check_seen_prefetch_state(const struct af_check_seen *seen, uint64_t hash);

/* Its address, or AF_CHECK_NO_STATE. */
uint64_t af_check_seen_find(const struct af_check_seen *seen, const unsigned char *bytes,
                            size_t len);
const unsigned char *af_check_seen_state(const struct af_check_seen *seen, uint64_t address,
                                         size_t *len, uint64_t *parent, uint32_t *sleep);
unsigned af_check_seen_marks(const struct af_check_seen *seen, uint64_t address);
void af_check_seen_mark(struct af_check_seen *seen, uint64_t address, unsigned mark);

void af_check_seen_unmark(struct af_check_seen *seen, uint64_t address, unsigned marks);

/* One of the states that may come next by nobody's fault, or AF_CHECK_NO_STATE. It is set once, by
 * any thread. */
uint64_t af_check_seen_lead(const struct af_check_seen *seen, uint64_t address);

/* Has the processor fetch what its lead has for marks. */
void af_check_seen_prefetch_lead(const struct af_check_seen *seen, uint64_t address);
void af_check_seen_set_lead(struct af_check_seen *seen, uint64_t address, uint64_t lead);

uint64_t af_check_seen_count(const struct af_check_seen *seen);
uint64_t af_check_seen_bytes(const struct af_check_seen *seen);

/* What is added from here on is of another level. */
void af_check_seen_level(struct af_check_seen *seen);

#endif
