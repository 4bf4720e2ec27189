/* fuzz_serve.c: whatever the bytes, a push, pop or ack is refused with reasons that are JSON, or
 * what was read is within all bounds, and each content is a JSON object. The first byte says which
 * of them it is. `make fuzz FUZZ=serve` starts from corpus/serve. */
#include "serve/requests.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_serve: %s\n", what);
    abort();
}

static bool is_id(const char *text)
{
    return text != NULL && text[0] != '\0' && strlen(text) <= AF_BUS_ID_BYTES_MAX;
}

static void demand_value(const char *text, size_t len, enum af_json_token first, const char *what)
{
    struct af_json_reader reader;
    af_json_reader_init(&reader, text, len);
    demand(af_json_next(&reader) == first && af_json_skip(&reader, first) &&
               af_json_next(&reader) == AF_JSON_END,
           what);
    af_json_reader_release(&reader);
}

static void demand_reasons(const struct serve_reading *reading)
{
    struct af_buf list = AF_BUF_EMPTY;
    demand(reading->error_count > 0, "refused without a reason");
    af_buf_append_char(&list, '[');
    af_buf_append(&list, reading->errors.data, reading->errors.len);
    af_buf_append_char(&list, ']');
    demand_value(list.data, list.len, AF_JSON_ARRAY_BEGIN, "reasons that are no JSON");
    af_buf_release(&list);
}

static void look_at_push(const struct serve_push *push)
{
    demand(push->count >= 1 && push->count <= AF_BUS_POSTS_MAX, "so many posts");
    for (size_t i = 0; i < push->count; i++) {
        const struct af_bus_post *post = &push->posts[i];
        demand(is_id(post->task) && is_id(post->channel) && is_id(post->title), "a name is none");
        demand(post->uuid == NULL || is_id(post->uuid), "a uuid is none");
        demand(post->target_count >= 1 && post->target_count <= AF_BUS_TARGETS_MAX, "targets");
        for (size_t k = 0; k < post->target_count; k++)
            demand(is_id(post->targets[k]), "a target is none");
        demand(post->time_s >= 0, "time");
        demand_value(post->content, post->content_len, AF_JSON_OBJECT_BEGIN,
                     "a content is no object");
    }
}

static void look_at_pop(const struct serve_pop *pop)
{
    demand(is_id(pop->task) && is_id(pop->channel), "a name is none");
    demand(pop->wait_ns >= 0 && pop->wait_ns <= AF_BUS_WAIT_MAX_S * AF_S_NS, "wait");
    demand(pop->lease_ns >= 0 && pop->lease_ns <= AF_BUS_LEASE_MAX_S * AF_S_NS, "lease");
    demand(pop->max >= 0 && pop->max <= AF_BUS_TAKE_MAX, "max");
    for (size_t i = 0; i < pop->ack.count; i++)
        demand(is_id(pop->ack.items[i]), "an acknowledged uuid is none");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct af_arena arena = {0};
    struct serve_reading reading = {.arena = &arena};
    struct serve_push push;
    struct serve_pop pop;
    bool ok;
    if (size == 0)
        return -1;
    char *body = malloc(size); /* of its own, so that reading beyond it is found */
    memcpy(body, data + 1, size - 1);
    if (data[0] % 3 == 0) {
        ok = af_serve_read_push(&reading, &push, body, size - 1);
        if (ok)
            look_at_push(&push);
    } else {
        ok = data[0] % 3 == 1 ? af_serve_read_pop(&reading, &pop, body, size - 1)
                              : af_serve_read_ack(&reading, &pop, body, size - 1);
        if (ok)
            look_at_pop(&pop);
    }
    if (!ok)
        demand_reasons(&reading);
    af_serve_reading_release(&reading);
    af_arena_release(&arena);
    free(body);
    return 0;
}
