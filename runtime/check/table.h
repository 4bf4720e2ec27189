/* table.h: numbers for things.
 *
 * Texts, parties, contracts, calls: each distinct one is kept once and known by its number, so that
 * to compare is to compare numbers. Numbers are given in the order of the first asking. */
#ifndef AF_CHECK_TABLE_H
#define AF_CHECK_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t af_check_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product =
        (unsigned __int128)(a ^ 0x9E3779B97F4A7C15u) * (b ^ 0xD6E8FEB86659FD93u);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* What both hashes below do: the last word is read whole, or as many bytes of it as there are. */
static inline uint64_t af_check_hash_words(const void *bytes, size_t len, bool whole)
{
    const unsigned char *at = bytes;
    uint64_t hash = len * 0xFF51AFD7ED558CCDu, word;
    for (; len >= 8; at += 8, len -= 8) {
        memcpy(&word, at, 8);
        hash = af_check_mix(hash, word);
    }
    word = 0;
    if (len > 0)
        memcpy(&word, at, whole ? 8 : len);
    return af_check_mix(hash, word);
}

/* A hash that is quick; equal hashes are looked at again, where it matters. */
static inline uint64_t af_check_hash(const void *bytes, size_t len)
{
    return af_check_hash_words(bytes, len, false);
}

/* The same of bytes behind which zeros follow up to a whole word. */
static inline uint64_t af_check_hash_padded(const void *bytes, size_t len)
{
    return af_check_hash_words(bytes, len, true);
}

struct af_check_words { /* zeroed to begin with */
    char *bytes;
    size_t len, cap;
    size_t *starts; /* of each; behind the last one the end */
    size_t start_cap;
    uint32_t count;
    uint32_t *slots; /* number + 1 */
    size_t slot_cap;
};

/* The number of some bytes, given to them now if they are new. A 0 byte is kept behind them. */
uint32_t af_check_word(struct af_check_words *words, const void *bytes, size_t len);
uint32_t af_check_text(struct af_check_words *words, const char *text);

/* The number of bytes that are there, or UINT32_MAX. Several threads may ask. */
uint32_t af_check_word_known(const struct af_check_words *words, const void *bytes, size_t len);

/* Its bytes, borrowed until the next word is added, and aligned for 64-bit numbers. */
const void *af_check_word_bytes(const struct af_check_words *words, uint32_t word, size_t *len);

/* What they take. */
static inline size_t af_check_words_bytes(const struct af_check_words *words)
{
    return words->cap + words->start_cap * sizeof *words->starts +
           words->slot_cap * sizeof *words->slots;
}

void af_check_words_release(struct af_check_words *words);

struct af_check_map { /* zeroed to begin with; from 64-bit keys to numbers */
    uint64_t *keys;   /* + 1 */
    uint32_t *values;
    size_t count, cap;
};

static inline size_t af_check_map_place(const struct af_check_map *map, uint64_t key)
{
    size_t at = (size_t)((key * 0x9E3779B97F4A7C15u) >> 20) & (map->cap - 1);
    while (map->keys[at] != 0 && map->keys[at] != key + 1)
        at = (at + 1) & (map->cap - 1);
    return at;
}

/* Returns whether the key is there, with its value. */
static inline bool af_check_map_get(const struct af_check_map *map, uint64_t key, uint32_t *value)
{
    if (map->cap == 0)
        return false;
    size_t at = af_check_map_place(map, key);
    *value = map->values[at];
    return map->keys[at] != 0;
}

void af_check_map_put(struct af_check_map *map, uint64_t key, uint32_t value);
void af_check_map_release(struct af_check_map *map);

#endif
