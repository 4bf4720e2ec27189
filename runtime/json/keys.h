/* keys.h: the keys of the objects that a reader is in. Only read.c includes it.
 *
 * Keys, their tables and their unescaped texts lie on three stacks in the reader, because only the
 * innermost object is given keys, and all that belongs to it goes when it ends. */
#ifndef AF_JSON_KEYS_H
#define AF_JSON_KEYS_H

#include "json/json.h"

/* Begins an object. */
static inline void af_json_keys_open(struct af_json_reader *reader, struct af_json_level *level)
{
    level->first_key = (uint32_t)reader->key_count;
    level->first_slot = (uint32_t)reader->slot_count;
    level->slot_count = 0;
    level->unescaped_len = (uint32_t)reader->kept_len;
}

/* Forgets the keys of the object that ends. */
static inline void af_json_keys_close(struct af_json_reader *reader,
                                      const struct af_json_level *level)
{
    reader->key_count = level->first_key;
    reader->slot_count = level->first_slot;
    reader->kept_len = level->unescaped_len;
}

/* Adds the string that was just read to the innermost object's keys. Returns false if it is among
 * them already. */
bool af_json_keys_add(struct af_json_reader *reader, bool is_unescaped);

#endif
