/* rows.c: see rows.h. */
#include "json/rows.h"

#include "base/arena.h"

#include <string.h>

static const struct af_json_row *find(const struct af_json_row *rows,
                                      const struct af_json_reader *reader)
{
    for (; rows->name != NULL; rows++)
        if (strlen(rows->name) == reader->string_len &&
            memcmp(rows->name, reader->string, reader->string_len) == 0)
            return rows;
    return NULL;
}

static bool read_value(struct af_json_reader *reader, const struct af_json_row *row,
                       struct af_arena *arena, void *to)
{
    enum af_json_token token = af_json_next(reader);
    const char *start = reader->start + reader->offset;
    if (row != NULL && row->kind == AF_JSON_ROW_OWN)
        return row->read(reader, token, arena, to);
    if (row != NULL && row->kind == AF_JSON_ROW_TEXT && token == AF_JSON_STRING)
        *(const char **)to = af_arena_copy(arena, reader->string, reader->string_len);
    if (row != NULL && row->kind == AF_JSON_ROW_INTEGER && token == AF_JSON_INTEGER)
        *(int64_t *)to = reader->integer;
    if (!af_json_skip(reader, token))
        return false;
    if (row != NULL && row->kind == AF_JSON_ROW_SPAN &&
        (token == AF_JSON_OBJECT_BEGIN || token == AF_JSON_ARRAY_BEGIN))
        *(struct af_json_span *)to =
            (struct af_json_span){start, (size_t)(reader->start + reader->offset + 1 - start)};
    return true;
}

bool af_json_read_rows(struct af_json_reader *reader, const struct af_json_row *rows,
                       struct af_arena *arena, void *target)
{
    enum af_json_token token;
    while ((token = af_json_next(reader)) == AF_JSON_KEY) {
        const struct af_json_row *row = find(rows, reader);
        if (!read_value(reader, row, arena, row == NULL ? NULL : (char *)target + row->offset))
            return false;
    }
    return token == AF_JSON_OBJECT_END;
}
