/* keys.c: see keys.h.
 *
 * Up to KEYS_SEARCHED_MAX keys are compared one by one. Beyond, an object has a hash table with
 * open addressing, at most half full: slots hold 1 + the key's place among the object's keys, 0 if
 * free. The hash is keyed by what the system gives each process, so that nobody can choose keys
 * which all fall together; the order of anything never depends on it. */
#include "json/keys.h"

#include "base/mem.h"
#include "base/rng.h"

#include <assert.h>
#include <string.h>
#include <sys/auxv.h>

#define KEYS_SEARCHED_MAX 16
#define FIRST_SLOTS_COUNT 64

static const char *text_of(const struct af_json_reader *reader, const struct af_json_key *key)
{
    return (key->is_unescaped ? reader->unescaped.data : reader->start) + key->start;
}

static bool is_same(const struct af_json_reader *reader, const struct af_json_key *key)
{
    return key->len == reader->string_len &&
           memcmp(text_of(reader, key), reader->string, key->len) == 0;
}

static uint32_t hash_of(const char *text, size_t len)
{
    struct af_hash secret = {0, 0};
    const void *random = (const void *)getauxval(AT_RANDOM); /* 16 bytes */
    if (random != NULL)
        memcpy(&secret, random, sizeof secret);
    return (uint32_t)af_hash_bytes(secret, text, len).a;
}

static void put_in_table(uint32_t *slots, uint32_t slot_count, uint32_t hash, uint32_t place)
{
    uint32_t at = hash & (slot_count - 1);
    while (slots[at] != 0)
        at = (at + 1) & (slot_count - 1);
    slots[at] = place + 1;
}

/* Gives the innermost object a table that is larger than its last one, or its first. */
static void grow_table(struct af_json_reader *reader, struct af_json_level *level)
{
    struct af_json_key *keys = reader->keys + level->first_key;
    uint32_t count = (uint32_t)reader->key_count - level->first_key;
    if (level->slot_count == 0)
        for (uint32_t i = 0; i < count; i++)
            keys[i].hash = hash_of(text_of(reader, &keys[i]), keys[i].len);
    level->slot_count = level->slot_count == 0 ? FIRST_SLOTS_COUNT : level->slot_count * 2;
    reader->slot_count = level->first_slot + level->slot_count;
    af_mem_reserve(&reader->slots, &reader->slot_cap, reader->slot_count, sizeof *reader->slots);
    uint32_t *slots = reader->slots + level->first_slot;
    memset(slots, 0, level->slot_count * sizeof *slots);
    for (uint32_t i = 0; i < count; i++)
        put_in_table(slots, level->slot_count, keys[i].hash, i);
}

static bool is_in_table(const struct af_json_reader *reader, const struct af_json_level *level,
                        uint32_t hash)
{
    const struct af_json_key *keys = reader->keys + level->first_key;
    const uint32_t *slots = reader->slots + level->first_slot;
    uint32_t at = hash & (level->slot_count - 1);
    for (; slots[at] != 0; at = (at + 1) & (level->slot_count - 1)) {
        const struct af_json_key *key = &keys[slots[at] - 1];
        if (key->hash == hash && is_same(reader, key))
            return true;
    }
    return false;
}

bool af_json_keys_add(struct af_json_reader *reader, bool is_unescaped)
{
    assert(reader->depth > 0);
    struct af_json_level *level = &reader->levels[reader->depth - 1];
    uint32_t count = (uint32_t)reader->key_count - level->first_key;
    uint32_t hash = 0;
    if (count < KEYS_SEARCHED_MAX) {
        for (uint32_t i = 0; i < count; i++)
            if (is_same(reader, &reader->keys[level->first_key + i]))
                return false;
    } else {
        hash = hash_of(reader->string, reader->string_len);
        if (2 * (count + 1) > level->slot_count)
            grow_table(reader, level);
        if (is_in_table(reader, level, hash))
            return false;
        put_in_table(reader->slots + level->first_slot, level->slot_count, hash, count);
    }
    const char *from = is_unescaped ? reader->unescaped.data : reader->start;
    af_mem_reserve(&reader->keys, &reader->key_cap, reader->key_count + 1, sizeof *reader->keys);
    reader->keys[reader->key_count++] = (struct af_json_key){
        .start = (uint32_t)(reader->string - from),
        .len = (uint32_t)reader->string_len,
        .hash = hash,
        .is_unescaped = is_unescaped,
    };
    if (is_unescaped)
        reader->kept_len = reader->unescaped.len;
    return true;
}
