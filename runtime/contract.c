/* contract.c: see contract.h. */
#include "contract.h"

#include "bounds.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

struct af_contract *af_contract_new(const struct af_contract_parts *parts)
{
    struct af_contract *contract =
        af_mem_alloc(sizeof *contract + parts->type_len + parts->content_len + 2);
    char *bytes = (char *)(contract + 1);
    contract->refs = 1;
    contract->uuid = parts->uuid;
    contract->time_ns = parts->time_ns;
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

/* ---- Seen keys: open addressing; a key of all zero bits counts as free, and never occurs. When
 * the set is full it becomes the previous one, which is forgotten at the next turn. ---- */

static size_t find(const struct af_hash *keys, size_t cap, struct af_hash key)
{
    size_t at = key.a & (cap - 1);
    while ((keys[at].a != 0 || keys[at].b != 0) && (keys[at].a != key.a || keys[at].b != key.b))
        at = (at + 1) & (cap - 1);
    return at;
}

static int holds(const struct af_hash *keys, size_t cap, struct af_hash key)
{
    if (cap == 0)
        return 0;
    size_t at = find(keys, cap, key);
    return keys[at].a != 0 || keys[at].b != 0;
}

static void make_room(struct af_seen *seen)
{
    if (seen->count >= AF_PARTY_SEEN_MAX) {
        free(seen->previous);
        seen->previous = seen->current;
        seen->previous_cap = seen->cap;
        seen->current = NULL;
        seen->count = seen->cap = 0;
    }
    size_t cap = seen->cap == 0 ? 8 : seen->cap * 2;
    struct af_hash *keys = af_mem_zero(cap, sizeof *keys);
    for (size_t i = 0; i < seen->cap; i++)
        if (seen->current[i].a != 0 || seen->current[i].b != 0)
            keys[find(keys, cap, seen->current[i])] = seen->current[i];
    free(seen->current);
    seen->current = keys;
    seen->cap = cap;
}

int af_seen_add(struct af_seen *seen, struct af_hash key)
{
    if (holds(seen->previous, seen->previous_cap, key) || holds(seen->current, seen->cap, key))
        return 0;
    if (4 * (seen->count + 1) > 3 * seen->cap)
        make_room(seen);
    seen->current[find(seen->current, seen->cap, key)] = key;
    seen->count++;
    return 1;
}

void af_seen_release(struct af_seen *seen)
{
    free(seen->current);
    free(seen->previous);
    *seen = (struct af_seen){NULL, NULL, 0, 0, 0};
}
