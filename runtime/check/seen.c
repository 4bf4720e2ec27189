/* seen.c: the states that were seen, each as packed bytes, compared byte by byte.
 *
 * They are spread over shards by their hash, so that threads need not wait for each other. A record
 * is
 *
 *   2 bytes   its length
 *   1 byte    its marks
 *   5 bytes   the address of the state from which it was found first
 *   5 bytes   … and of one that may come next, its lead
 *   4 bytes   which of its first 32 contracts sleep
 *   …         the packed state
 *
 * and its address the shard (5 bits) and where it begins there (35 bits). */
#include "check/seen.h"
#include "check/table.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MARKS = 2, PARENT = 3, LEAD = 8, SLEEP = 13, HEAD = 17 };
enum { SEGMENT_BITS = AF_CHECK_PART_BITS, SEGMENTS_MAX = 1 << (35 - SEGMENT_BITS) };

struct shard {
    unsigned char **segments; /* room for all: other threads look at them while one is added */
    size_t segment_count;
    uint64_t end;    /* where the next record begins */
    uint64_t *slots; /* 0, or 24 bits of the hash and where the record begins, + 1 */
    size_t slot_cap;
    uint64_t count;
    uint64_t level_begin; /* where its first record is */
    char apart[64];       /* threads write to different cache lines */
};

struct af_check_seen {
    struct shard shards[AF_CHECK_SHARDS];
    struct af_check_pages *pages;
};

/* Of how many parts of pages so many slots are made; 0: they are small. */
static size_t slot_parts(size_t cap)
{
    return cap * sizeof(uint64_t) / AF_CHECK_PART;
}

struct af_check_seen *af_check_seen_new(void)
{
    struct af_check_seen *seen = af_mem_zero(1, sizeof *seen);
    seen->pages = af_check_pages_new();
    for (unsigned i = 0; i < AF_CHECK_SHARDS; i++) {
        seen->shards[i].segments = af_mem_zero(SEGMENTS_MAX, sizeof *seen->shards[i].segments);
        seen->shards[i].slot_cap = 64;
        seen->shards[i].slots = af_mem_zero(64, sizeof(uint64_t));
    }
    return seen;
}

void af_check_seen_free(struct af_check_seen *seen)
{
    if (seen == NULL)
        return;
    for (unsigned i = 0; i < AF_CHECK_SHARDS; i++) {
        struct shard *shard = &seen->shards[i];
        free(shard->segments);
        if (slot_parts(shard->slot_cap) == 0)
            free(shard->slots);
    }
    af_check_pages_free(seen->pages);
    free(seen);
}

/* ---- Records. ---- */

static inline unsigned char *record_at(const struct shard *shard, uint64_t offset)
{
    return shard->segments[offset >> SEGMENT_BITS] + (offset & ((1u << SEGMENT_BITS) - 1));
}

static inline size_t record_len(const unsigned char *record)
{
    return (size_t)(record[0] | record[1] << 8);
}

static inline void put_address(unsigned char *at, uint64_t address)
{
    for (int i = 0; i < 5; i++)
        at[i] = (unsigned char)(address >> 8 * i);
}

static inline uint64_t get_address(const unsigned char *at)
{
    uint64_t address = 0;
    for (int i = 0; i < 5; i++)
        address |= (uint64_t)at[i] << 8 * i;
    return address;
}

static uint64_t write_record(struct af_check_pages *pages, struct shard *shard, uint64_t parent,
                             uint32_t sleep, const unsigned char *bytes, size_t len)
{
    size_t size = HEAD + len,
           room = ((size_t)1 << SEGMENT_BITS) - (shard->end & ((1u << SEGMENT_BITS) - 1));
    if (shard->segment_count == 0 || room < size ||
        (shard->end >> SEGMENT_BITS) >= shard->segment_count) {
        assert(shard->segment_count < SEGMENTS_MAX); /* beyond it an address has no bits */
        shard->end = (uint64_t)shard->segment_count << SEGMENT_BITS;
        shard->segments[shard->segment_count++] = af_check_pages_take(pages, 1);
    }
    uint64_t offset = shard->end;
    unsigned char *record = record_at(shard, offset);
    record[0] = (unsigned char)len;
    record[1] = (unsigned char)(len >> 8);
    record[MARKS] = 0;
    put_address(record + PARENT, parent);
    put_address(record + LEAD, AF_CHECK_NO_STATE);
    memcpy(record + SLEEP, &sleep, 4);
    memcpy(record + HEAD, bytes, len);
    shard->end += size;
    return offset;
}

/* ---- Finding. ---- */

static inline uint64_t slot_of(uint64_t hash, uint64_t offset)
{
    return (hash << 40) | (offset + 1);
}

/* Where the record of a slot that is taken begins. */
static inline uint64_t slot_offset(uint64_t slot)
{
    return (slot & ((UINT64_C(1) << 40) - 1)) - 1;
}

static inline size_t first_slot(const struct shard *shard, uint64_t hash)
{
    return (size_t)(hash >> 24) & (shard->slot_cap - 1);
}

static void grow(struct af_check_pages *pages, struct shard *shard)
{
    uint64_t *old = shard->slots;
    size_t old_cap = shard->slot_cap;
    shard->slot_cap *= 2;
    size_t parts = slot_parts(shard->slot_cap), old_parts = slot_parts(old_cap);
    shard->slots = parts > 0 ? af_check_pages_take(pages, parts)
                             : af_mem_alloc(shard->slot_cap * sizeof *shard->slots);
    memset(shard->slots, 0, shard->slot_cap * sizeof *shard->slots);
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i] == 0)
            continue;
        const unsigned char *record = record_at(shard, slot_offset(old[i]));
        uint64_t hash = af_check_hash(record + HEAD, record_len(record));
        size_t at = first_slot(shard, hash);
        while (shard->slots[at] != 0)
            at = (at + 1) & (shard->slot_cap - 1);
        shard->slots[at] = old[i];
    }
    if (old_parts > 0)
        af_check_pages_give(pages, old, old_parts);
    else
        free(old);
}

/* The slot of a state, or the free one where it belongs. */
static size_t find(const struct shard *shard, uint64_t hash, const unsigned char *bytes, size_t len)
{
    size_t at = first_slot(shard, hash);
    for (; shard->slots[at] != 0; at = (at + 1) & (shard->slot_cap - 1)) {
        if ((shard->slots[at] ^ hash << 40) >> 40 != 0)
            continue;
        const unsigned char *record = record_at(shard, slot_offset(shard->slots[at]));
        if (record_len(record) == len && memcmp(record + HEAD, bytes, len) == 0)
            break;
    }
    return at;
}

void af_check_seen_prefetch(const struct af_check_seen *seen, uint64_t hash)
{
    const struct shard *shard = &seen->shards[af_check_shard(hash)];
    __builtin_prefetch(&shard->slots[first_slot(shard, hash)]);
}

void af_check_seen_prefetch_state(const struct af_check_seen *seen, uint64_t hash)
{
    const struct shard *shard = &seen->shards[af_check_shard(hash)];
    size_t at = first_slot(shard, hash);
    while (shard->slots[at] != 0 && (shard->slots[at] ^ hash << 40) >> 40 != 0)
        at = (at + 1) & (shard->slot_cap - 1);
    if (shard->slots[at] != 0) {
        const unsigned char *record = record_at(shard, slot_offset(shard->slots[at]));
        __builtin_prefetch(record);
        __builtin_prefetch(record + 63);
    }
}

uint64_t af_check_seen_add(struct af_check_seen *seen, uint64_t hash, uint64_t parent,
                           uint32_t sleep, const unsigned char *bytes, size_t len, bool *fresh)
{
    unsigned number = af_check_shard(hash);
    struct shard *shard = &seen->shards[number];
    size_t at = find(shard, hash, bytes, len);
    *fresh = shard->slots[at] == 0;
    if (!*fresh) {
        uint64_t offset = slot_offset(shard->slots[at]);
        if (offset >= shard->level_begin) {
            uint32_t both;
            unsigned char *record = record_at(shard, offset);
            memcpy(&both, record + SLEEP, 4);
            if ((both & ~sleep) != 0) { /* most sleep not at all: they are only looked at */
                both &= sleep;
                memcpy(record + SLEEP, &both, 4);
            }
        }
        return (uint64_t)number << 35 | offset;
    }
    if (4 * (shard->count + 1) > 3 * shard->slot_cap) {
        grow(seen->pages, shard);
        at = find(shard, hash, bytes, len);
    }
    uint64_t offset = write_record(seen->pages, shard, parent, sleep, bytes, len);
    shard->slots[at] = slot_of(hash, offset);
    shard->count++;
    return (uint64_t)number << 35 | offset;
}

uint64_t af_check_seen_known(const struct af_check_seen *seen, uint64_t hash, uint32_t sleep,
                             const unsigned char *bytes, size_t len)
{
    unsigned number = af_check_shard(hash);
    const struct shard *shard = &seen->shards[number];
    size_t at = find(shard, hash, bytes, len);
    uint32_t sleeps;
    if (shard->slots[at] == 0)
        return AF_CHECK_NO_STATE;
    uint64_t offset = slot_offset(shard->slots[at]);
    memcpy(&sleeps, record_at(shard, offset) + SLEEP, 4);
    return offset >= shard->level_begin && (sleeps & ~sleep) != 0 ? AF_CHECK_NO_STATE
                                                                  : (uint64_t)number << 35 | offset;
}

uint64_t af_check_seen_find(const struct af_check_seen *seen, const unsigned char *bytes,
                            size_t len)
{
    uint64_t hash = af_check_hash(bytes, len);
    unsigned number = af_check_shard(hash);
    const struct shard *shard = &seen->shards[number];
    size_t at = find(shard, hash, bytes, len);
    if (shard->slots[at] == 0)
        return AF_CHECK_NO_STATE;
    return (uint64_t)number << 35 | slot_offset(shard->slots[at]);
}

static unsigned char *record_of(const struct af_check_seen *seen, uint64_t address)
{
    return record_at(&seen->shards[address >> 35], address & ((UINT64_C(1) << 35) - 1));
}

const unsigned char *af_check_seen_state(const struct af_check_seen *seen, uint64_t address,
                                         size_t *len, uint64_t *parent, uint32_t *sleep)
{
    const unsigned char *record = record_of(seen, address);
    *len = record_len(record);
    if (parent != NULL)
        *parent = get_address(record + PARENT);
    if (sleep != NULL)
        memcpy(sleep, record + SLEEP, 4);
    return record + HEAD;
}

unsigned af_check_seen_marks(const struct af_check_seen *seen, uint64_t address)
{
    return __atomic_load_n(record_of(seen, address) + MARKS, __ATOMIC_RELAXED);
}

void af_check_seen_mark(struct af_check_seen *seen, uint64_t address, unsigned mark)
{
    __atomic_fetch_or(record_of(seen, address) + MARKS, (unsigned char)mark, __ATOMIC_RELAXED);
}

void af_check_seen_unmark(struct af_check_seen *seen, uint64_t address, unsigned marks)
{
    record_of(seen, address)[MARKS] &= (unsigned char)~marks;
}

uint64_t af_check_seen_lead(const struct af_check_seen *seen, uint64_t address)
{
    return get_address(record_of(seen, address) + LEAD);
}

void af_check_seen_prefetch_lead(const struct af_check_seen *seen, uint64_t address)
{
    uint64_t lead = af_check_seen_lead(seen, address);
    if (lead != AF_CHECK_NO_STATE)
        __builtin_prefetch(record_of(seen, lead));
}

void af_check_seen_set_lead(struct af_check_seen *seen, uint64_t address, uint64_t lead)
{
    put_address(record_of(seen, address) + LEAD, lead);
}

uint64_t af_check_seen_count(const struct af_check_seen *seen)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < AF_CHECK_SHARDS; i++)
        count += seen->shards[i].count;
    return count;
}

uint64_t af_check_seen_bytes(const struct af_check_seen *seen)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < AF_CHECK_SHARDS; i++)
        bytes += ((uint64_t)seen->shards[i].segment_count << SEGMENT_BITS) +
                 seen->shards[i].slot_cap * sizeof(uint64_t);
    return bytes;
}

void af_check_seen_level(struct af_check_seen *seen)
{
    for (unsigned i = 0; i < AF_CHECK_SHARDS; i++)
        seen->shards[i].level_begin = seen->shards[i].end;
}
