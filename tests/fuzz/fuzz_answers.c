/* fuzz_answers.c: whatever a service answers, each reader says what is wrong with it, or gives what
 * keeps its promises: within its bounds, and within the text. */
#include "base/arena.h"
#include "base/bounds.h"
#include "bus/http/read.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_answers: %s\n", what);
    abort();
}

static bool is_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= AF_BUS_ID_BYTES_MAX;
}

static void read_items(struct af_json_span data)
{
    struct af_arena arena = {0};
    const struct af_bus_item *items;
    size_t count;
    if (af_answer_items(data, "T", 5, &arena, &items, &count) == NULL) {
        demand(count <= 5, "more contracts than were asked for");
        for (size_t i = 0; i < count; i++) {
            const struct af_bus_item *item = &items[i];
            demand(is_name(item->uuid), "a uuid is no name");
            if (item->wrong != NULL) { /* cannot be read, but can be given back by its uuid */
                demand(item->content_len == 0, "what is wrong has a content");
                continue;
            }
            demand(item->title != NULL, "a contract without a title");
            demand(item->content >= data.at &&
                       item->content + item->content_len <= data.at + data.len,
                   "a content is outside of the answer");
            demand(item->content[0] == '{' && item->content[item->content_len - 1] == '}',
                   "a content is no object");
            for (size_t k = 0; k < item->target_count; k++)
                demand(is_name(item->targets[k]), "a target is no name");
        }
    }
    af_arena_release(&arena);
}

static void read_others(struct af_json_span data)
{
    struct af_arena arena = {0};
    const struct af_bus_member *members;
    const char *const *uuids;
    size_t count;
    if (af_answer_members(data, &arena, &members, &count) == NULL)
        for (size_t i = 0; i < count; i++)
            demand(is_name(members[i].node) && members[i].role != NULL, "a node has no name");
    for (size_t wanted = 1; wanted <= 2; wanted++)
        if (af_answer_uuids(data, "T", wanted, &arena, &uuids) == NULL)
            for (size_t i = 0; i < wanted; i++)
                demand(is_name(uuids[i]), "a confirmation without a uuid");
    const char *text = af_answer_string(data, "f_url", 100, &arena);
    demand(text == NULL || strlen(text) <= 100, "a text is too long");
    struct af_json_span object = af_answer_object(data, "Response");
    demand(object.at == NULL || object.at[0] == '{', "what is found is no object");
    af_answer_is_empty(object);
    af_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct af_envelope envelope;
    char *copy = malloc(size > 0 ? size : 1); /* a read beyond its end is seen */
    memcpy(copy, data, size);
    struct af_json_span whole = {copy, size};
    if (af_envelope_read(&envelope, copy, size) == NULL) {
        demand(envelope.code != AF_ENVELOPE_NO_CODE, "no code");
        demand(strlen(envelope.message) < sizeof envelope.message, "a message without an end");
        if (envelope.code == 0) {
            demand(envelope.data.at[0] == '{', "data are no object");
            read_items(envelope.data);
            read_others(envelope.data);
        }
    }
    read_items(whole);
    read_others(whole);
    free(copy);
    return 0;
}
