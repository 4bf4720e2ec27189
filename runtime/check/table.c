/* table.c: see table.h. */
#include "check/table.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Words. ---- */

static size_t word_len(const struct af_check_words *words, uint32_t word)
{
    const char *start = words->bytes + words->starts[word];
    uint64_t len;
    memcpy(&len, start - 8, 8);
    return (size_t)len;
}

static size_t find_slot(const struct af_check_words *words, const void *bytes, size_t len)
{
    size_t at = af_check_hash(bytes, len) >> 7 & (words->slot_cap - 1);
    while (words->slots[at] != 0) {
        uint32_t word = words->slots[at] - 1;
        if (word_len(words, word) == len &&
            memcmp(words->bytes + words->starts[word], bytes, len) == 0)
            break;
        at = (at + 1) & (words->slot_cap - 1);
    }
    return at;
}

static void grow_slots(struct af_check_words *words)
{
    words->slot_cap = words->slot_cap == 0 ? 64 : words->slot_cap * 2;
    free(words->slots);
    words->slots = af_mem_zero(words->slot_cap, sizeof *words->slots);
    for (uint32_t i = 0; i < words->count; i++)
        words->slots[find_slot(words, words->bytes + words->starts[i], word_len(words, i))] = i + 1;
}

uint32_t af_check_word(struct af_check_words *words, const void *bytes, size_t len)
{
    if (2 * ((size_t)words->count + 1) > words->slot_cap)
        grow_slots(words);
    size_t slot = find_slot(words, bytes, len);
    if (words->slots[slot] != 0)
        return words->slots[slot] - 1;
    size_t need = 8 + ((len + 8) & ~(size_t)7);
    uint64_t length = len;
    af_mem_reserve(&words->bytes, &words->cap, words->len + need, 1);
    af_mem_reserve(&words->starts, &words->start_cap, (size_t)words->count + 1,
                   sizeof *words->starts);
    memcpy(words->bytes + words->len, &length, 8);
    memset(words->bytes + words->len + need - 8, 0, 8);
    memcpy(words->bytes + words->len + 8, bytes, len);
    words->starts[words->count] = words->len + 8;
    words->len += need;
    words->slots[slot] = ++words->count;
    return words->count - 1;
}

uint32_t af_check_word_known(const struct af_check_words *words, const void *bytes, size_t len)
{
    return words->slot_cap == 0 ? UINT32_MAX : words->slots[find_slot(words, bytes, len)] - 1;
}

uint32_t af_check_text(struct af_check_words *words, const char *text)
{
    return af_check_word(words, text, strlen(text));
}

const void *af_check_word_bytes(const struct af_check_words *words, uint32_t word, size_t *len)
{
    if (len != NULL)
        *len = word_len(words, word);
    return words->bytes + words->starts[word];
}

void af_check_words_release(struct af_check_words *words)
{
    free(words->bytes);
    free(words->starts);
    free(words->slots);
    *words = (struct af_check_words){0};
}

/* ---- Maps. ---- */

void af_check_map_put(struct af_check_map *map, uint64_t key, uint32_t value)
{
    if (2 * (map->count + 1) > map->cap) {
        struct af_check_map old = *map;
        map->cap = old.cap == 0 ? 256 : old.cap * 2;
        map->keys = af_mem_zero(map->cap, sizeof *map->keys);
        map->values = af_mem_zero(map->cap, sizeof *map->values);
        for (size_t i = 0; i < old.cap; i++) {
            if (old.keys[i] == 0)
                continue;
            size_t at = af_check_map_place(map, old.keys[i] - 1);
            map->keys[at] = old.keys[i];
            map->values[at] = old.values[i];
        }
        free(old.keys);
        free(old.values);
    }
    size_t at = af_check_map_place(map, key);
    map->count += map->keys[at] == 0;
    map->keys[at] = key + 1;
    map->values[at] = value;
}

void af_check_map_release(struct af_check_map *map)
{
    free(map->keys);
    free(map->values);
    *map = (struct af_check_map){0};
}
