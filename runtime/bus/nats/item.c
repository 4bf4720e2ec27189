/* item.c: a contract as a message: its content is the body, all else is one header, Af, of JSON in
 * a line, so that no name can be taken for a header. */
#include "bus/nats/impl.h"

#include "base/bounds.h"
#include "json/json.h"

#include <stdio.h>
#include <string.h>

void af_nats_write_item(struct af_buf *out, const struct af_bus_post *post, int64_t sent)
{
    af_json_open(out, '{');
    af_json_add_text(out, "uuid", post->uuid);
    af_json_add_text(out, "title", post->title);
    if (post->sender != NULL)
        af_json_add_text(out, "sender", post->sender);
    af_json_add_integer(out, "time", post->time_s);
    af_bus_write_facts(out, &post->facts);
    af_json_add_integer(out, "sent", sent);
    af_buf_append_string(out, ",\"targets\":[");
    for (size_t i = 0; i < post->target_count; i++) {
        if (i > 0)
            af_buf_append_char(out, ',');
        af_json_write_text(out, post->targets[i]);
    }
    af_buf_append_string(out, "]}");
}

/* The rest of a list of names; NULL: it is none. */
static const char *const *read_names(struct af_arena *arena, struct af_json_reader *reader,
                                     size_t most, size_t *count)
{
    const char **names = af_arena_alloc(arena, (most + 1) * sizeof *names);
    enum af_json_token token;
    for (*count = 0; (token = af_json_next(reader)) == AF_JSON_STRING; (*count)++) {
        if (*count == most || memchr(reader->string, '\0', reader->string_len) != NULL)
            return NULL;
        names[*count] = af_arena_copy(arena, reader->string, reader->string_len);
    }
    return token == AF_JSON_ARRAY_END ? names : NULL;
}

bool af_nats_read_item(struct af_arena *arena, const char *header, const char *content, size_t len,
                       struct af_bus_item *item, int64_t *sent, char why[AF_BUS_UNFIT_BYTES])
{
#define FACT(name, kept) {#name, NULL, &item->facts.name},
    struct {
        const char *name;
        const char **text;
        int64_t *integer;
    } rows[] = {{"uuid", &item->uuid, NULL},
                {"title", &item->title, NULL},
                {"sender", &item->sender, NULL},
                {"time", NULL, &item->time_s},
                {"sent", NULL, sent},
                AF_FACTS(FACT)};
    const size_t count = sizeof rows / sizeof rows[0];
    struct af_json_reader reader;
    enum af_json_token token = AF_JSON_ERROR;
    size_t header_len = strlen(header);
    *item = (struct af_bus_item){.content = content, .content_len = len};
    *sent = 0;
    af_json_reader_init(&reader, header, header_len);
    bool ok = af_json_next(&reader) == AF_JSON_OBJECT_BEGIN;
    while (ok && (token = af_json_next(&reader)) == AF_JSON_KEY) {
        size_t row = 0;
        bool targets = reader.string_len == 7 && memcmp(reader.string, "targets", 7) == 0;
        while (row < count && (strlen(rows[row].name) != reader.string_len ||
                               memcmp(rows[row].name, reader.string, reader.string_len) != 0))
            row++;
        token = af_json_next(&reader);
        bool text = token == AF_JSON_STRING && row < count && rows[row].text != NULL;
        if (text && memchr(reader.string, '\0', reader.string_len) == NULL)
            *rows[row].text = af_arena_copy(arena, reader.string, reader.string_len);
        else if (token == AF_JSON_INTEGER && row < count && rows[row].integer != NULL)
            *rows[row].integer = reader.integer;
        else if (targets && token == AF_JSON_ARRAY_BEGIN)
            ok = (item->targets = read_names(
                      arena, &reader,
                      header_len / 3 < AF_BUS_TARGETS_MAX ? header_len / 3 : AF_BUS_TARGETS_MAX,
                      &item->target_count)) != NULL;
        else
            ok = af_json_skip(&reader, token);
    }
    af_json_reader_release(&reader);
    if (ok && token == AF_JSON_OBJECT_END)
        return af_bus_item_fits(item, why);
    snprintf(why, AF_BUS_UNFIT_BYTES, "its header is none of ours");
    return false;
}
