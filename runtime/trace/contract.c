/* contract.c: see contract.h. */
#include "trace/contract.h"

#include "base/bounds.h"
#include "json/json.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *const af_contract_titles[] = {"task_inside", "task_file_upload", "task_finish", NULL};

const char *af_contract_title(const char *text)
{
    size_t i = 0;
    while (af_contract_titles[i] != NULL && strcmp(af_contract_titles[i], text) != 0)
        i++;
    return af_contract_titles[i];
}

const char *af_contract_unfit(const char *content, size_t len)
{
    static_assert(AF_BUS_CONTENT_BYTES_MAX == 12 << 20 && AF_VALUE_DEPTH_MAX == 120, "as told");
    return len > AF_BUS_CONTENT_BYTES_MAX
               ? "larger than 12 MiB; send large things as a file, by its URL"
           : af_json_depth(content, len) > AF_VALUE_DEPTH_MAX
               ? "deeper than 120 levels; keep it flatter"
               : NULL;
}

struct af_contract *af_contract_new(const struct af_contract_parts *parts)
{
    struct af_contract *contract =
        af_mem_alloc(sizeof *contract + parts->type_len + parts->content_len + 2);
    char *bytes = (char *)(contract + 1);
    contract->refs = 1;
    contract->uuid = parts->uuid;
    contract->time_ns = parts->time_ns;
    contract->facts = parts->facts;
    contract->number = parts->number;
    contract->task = parts->task;
    contract->channel = parts->channel;
    contract->title = parts->title;
    contract->from = parts->from;
    contract->key = parts->from == NULL || parts->own_uuid
                        ? parts->uuid
                        : af_hash_bytes(parts->uuid, parts->from, strlen(parts->from));
    memcpy(bytes, parts->type, parts->type_len);
    bytes[parts->type_len] = '\0';
    contract->type = bytes;
    contract->type_len = (uint32_t)parts->type_len;
    bytes += parts->type_len + 1;
    memcpy(bytes, parts->content, parts->content_len);
    bytes[parts->content_len] = '\0';
    contract->content = bytes;
    contract->content_len = parts->content_len;
    return contract;
}

struct af_contract *af_contract_repeat(const struct af_contract *contract, struct af_hash uuid)
{
    struct af_contract_parts parts = {.uuid = uuid,
                                      .time_ns = contract->time_ns,
                                      .facts = contract->facts,
                                      .task = contract->task,
                                      .channel = contract->channel,
                                      .title = contract->title,
                                      .from = contract->from,
                                      .type = contract->type,
                                      .type_len = contract->type_len,
                                      .content = contract->content,
                                      .content_len = contract->content_len};
    return af_contract_new(&parts);
}

struct af_contract *af_contract_hold(struct af_contract *contract)
{
    contract->refs++;
    return contract;
}

void af_contract_drop(struct af_contract *contract)
{
    if (contract != NULL && --contract->refs == 0)
        free(contract);
}

/* ---- Seen keys. ----
 *
 * The keys stand in the order in which they came; a table of small slots says where. A key that is
 * new, as most are, is nearly always told so by its slot alone: with a hundred thousand keys a look
 * at another key would be a miss of the cache, and took a tenth of a run's time.
 *
 * A slot holds the number of a key, from 1, and some bits of it; 0 is free. When the set is full it
 * becomes the previous one, which is forgotten at the next turn. */

enum { NUMBER_BITS = 20, NUMBER_MASK = (1 << NUMBER_BITS) - 1, SLOTS_MIN = 4 };

static_assert(AF_PARTY_SEEN_MAX < NUMBER_MASK, "a slot cannot number that many keys");

static size_t room(size_t cap)
{
    return cap / 4 * 3;
}

/* The slots stand behind the keys, in one block. */
static uint32_t *slots_of(const struct af_seen_keys *set)
{
    return (uint32_t *)(void *)(set->keys + room(set->cap));
}

static uint32_t slot_value(struct af_hash key, size_t number)
{
    return ((uint32_t)key.b & ~(uint32_t)NUMBER_MASK) | (uint32_t)number;
}

/* The slot of a key: where it is, or would be. */
static uint32_t *find(const struct af_seen_keys *set, struct af_hash key)
{
    uint32_t *slots = slots_of(set);
    uint32_t bits = slot_value(key, 0);
    size_t at = key.a & (set->cap - 1);
    for (; slots[at] != 0; at = (at + 1) & (set->cap - 1)) {
        if ((slots[at] & ~(uint32_t)NUMBER_MASK) != bits)
            continue;
        const struct af_hash *known = &set->keys[(slots[at] & NUMBER_MASK) - 1];
        if (known->a == key.a && known->b == key.b)
            break;
    }
    return &slots[at];
}

/* The keys stay where they are, or are moved by the system as whole pages. */
static void grow(struct af_seen_keys *set)
{
    set->cap = set->cap == 0 ? SLOTS_MIN : set->cap * 2;
    size_t slot_bytes = set->cap * sizeof(uint32_t);
    set->keys = af_mem_grow(set->keys, room(set->cap) * sizeof *set->keys + slot_bytes);
    memset(slots_of(set), 0, slot_bytes);
    for (size_t i = 0; i < set->count; i++)
        *find(set, set->keys[i]) = slot_value(set->keys[i], i + 1);
}

int af_seen_add(struct af_seen *seen, struct af_hash key)
{
    struct af_seen_keys *current = &seen->current, *previous = &seen->previous;
    if (previous->cap > 0 && *find(previous, key) != 0)
        return 0;
    if (current->cap > 0 && *find(current, key) != 0)
        return 0;
    if (current->count >= AF_PARTY_SEEN_MAX) {
        free(previous->keys);
        *previous = *current;
        *current = (struct af_seen_keys){NULL, 0, 0};
    }
    if (current->count == room(current->cap))
        grow(current);
    current->keys[current->count++] = key;
    *find(current, key) = slot_value(key, current->count);
    return 1;
}

void af_seen_release(struct af_seen *seen)
{
    free(seen->current.keys);
    free(seen->previous.keys);
    memset(seen, 0, sizeof *seen);
}
