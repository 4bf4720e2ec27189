/* rows.c: see rows.h. */
#include "json/rows.h"

#include "base/arena.h"

static const struct af_json_row *find_row(const struct af_json_row *rows,
                                          const struct af_json_reader *reader)
{
    while (rows->name != NULL && !af_json_is(reader, rows->name))
        rows++;
    return rows;
}

const char *af_json_copy_name(const struct af_json_reader *reader, enum af_json_token token,
                              size_t most, struct af_arena *arena)
{
    size_t len = reader->string_len;
    return token != AF_JSON_STRING || len == 0 || len > most ||
                   memchr(reader->string, '\0', len) != NULL
               ? NULL
               : af_arena_copy(arena, reader->string, len);
}

static bool read_value(struct af_json_reader *reader, const struct af_json_row *row,
                       struct af_arena *arena, void *to)
{
    enum af_json_token token = af_json_next(reader);
    if (row->name == NULL)
        return af_json_skip(reader, token);
    if (row->kind == AF_JSON_ROW_OWN)
        return row->read(reader, token, arena, to);
    if (row->kind == AF_JSON_ROW_SPAN)
        return af_json_take(reader, token, to);
    if (row->kind == AF_JSON_ROW_TEXT && token == AF_JSON_STRING)
        *(const char **)to = af_arena_copy(arena, reader->string, reader->string_len);
    else if (row->kind == AF_JSON_ROW_NAME)
        *(const char **)to = af_json_copy_name(reader, token, AF_BUS_ID_BYTES_MAX, arena);
    else if (row->kind == AF_JSON_ROW_INTEGER && token == AF_JSON_INTEGER)
        *(int64_t *)to = reader->integer;
    else if (row->kind == AF_JSON_ROW_FLAG)
        *(bool *)to = token == AF_JSON_TRUE;
    return af_json_skip(reader, token);
}

bool af_json_read_rows(struct af_json_reader *reader, const struct af_json_row *rows,
                       struct af_arena *arena, void *target)
{
    enum af_json_token token;
    while ((token = af_json_next(reader)) == AF_JSON_KEY) {
        const struct af_json_row *row = find_row(rows, reader);
        if (!read_value(reader, row, arena, (char *)target + row->offset))
            return false;
    }
    return token == AF_JSON_OBJECT_END;
}

bool af_json_read_object(struct af_json_span text, const struct af_json_row *rows,
                         struct af_arena *arena, void *target)
{
    struct af_json_reader reader;
    af_json_reader_init(&reader, text.at, text.len);
    bool ok = af_json_next(&reader) == AF_JSON_OBJECT_BEGIN &&
              af_json_read_rows(&reader, rows, arena, target) &&
              af_json_next(&reader) == AF_JSON_END;
    af_json_reader_release(&reader);
    return ok;
}

struct af_json_span af_json_find(struct af_json_span text, const char *name)
{
    const struct af_json_row rows[] = {{name, AF_JSON_ROW_SPAN, 0, NULL}, {0}};
    struct af_json_span found = {NULL, 0};
    return af_json_read_object(text, rows, NULL, &found) ? found : (struct af_json_span){NULL, 0};
}

bool af_json_each(struct af_json_span list, af_json_item_fn *item, void *arg)
{
    struct af_json_reader reader;
    struct af_json_span span;
    enum af_json_token token = AF_JSON_ERROR;
    af_json_reader_init(&reader, list.at, list.len);
    bool ok = af_json_next(&reader) == AF_JSON_ARRAY_BEGIN;
    while (ok && (token = af_json_next(&reader)) == AF_JSON_OBJECT_BEGIN)
        ok = af_json_take(&reader, token, &span) && item(arg, span);
    af_json_reader_release(&reader);
    return ok && token == AF_JSON_ARRAY_END;
}
