/* fields.c: see fields.h. */
#include "serve/fields.h"

#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHERE_BYTES 128

/* Where in the body we are: "messages[2]." or "". */
struct place {
    char prefix[WHERE_BYTES];
};

/* ---- What is wrong. ---- */

static void add_error(struct serve_reading *reading, const char *text)
{
    if (++reading->error_count > AF_SERVE_ERRORS_MAX)
        return;
    af_json_item(&reading->errors, text);
}

void af_serve_complain(struct serve_reading *reading, const char *field, const char *format, ...)
{
    char text[512];
    int len = snprintf(text, sizeof text, "%s%s", field, field[0] == '\0' ? "" : ": ");
    va_list args;
    va_start(args, format);
    vsnprintf(text + len, sizeof text - (size_t)len, format, args);
    va_end(args);
    add_error(reading, text);
}

static void complain_of(struct serve_reading *reading, const struct place *place,
                        const struct serve_field *row, const char *format, ...)
{
    char field[WHERE_BYTES + 64], text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(field, sizeof field, "%s%s", place->prefix, row->name);
    af_serve_complain(reading, field, "%s", text);
}

/* ---- Values: each reads one whose first token was given. Returns false if the JSON is broken; a
 * value that is only not what it should be has been complained of. ---- */

static bool skip_wrong(struct serve_reading *reading, const struct place *place,
                       const struct serve_field *row, enum af_json_token token,
                       const char *expected)
{
    complain_of(reading, place, row, "expected %s", expected);
    return af_json_skip(&reading->json, token);
}

/* Passes over the rest of a list, of which one item, whose first token was given, is wrong. */
static bool skip_rest(struct serve_reading *reading, const struct place *place,
                      const struct serve_field *row, enum af_json_token token, const char *expected)
{
    complain_of(reading, place, row, "expected %s", expected);
    while (token != AF_JSON_ARRAY_END) {
        if (!af_json_skip(&reading->json, token))
            return false;
        token = af_json_next(&reading->json);
    }
    return true;
}

/* Copies the string that was just read, if it has min to max bytes and no 0 byte; else NULL. */
static const char *take_text(struct serve_reading *reading, const struct place *place,
                             const struct serve_field *row, int64_t min, int64_t max)
{
    const struct af_json_reader *json = &reading->json;
    if ((int64_t)json->string_len < min || (int64_t)json->string_len > max) {
        complain_of(reading, place, row, "expected %" PRId64 " to %" PRId64 " bytes, got %zu", min,
                    max, json->string_len);
        return NULL;
    }
    if (memchr(json->string, '\0', json->string_len) != NULL) {
        complain_of(reading, place, row, "holds a character \\u0000");
        return NULL;
    }
    return af_arena_copy(reading->arena, json->string, json->string_len);
}

static bool read_text(struct serve_reading *reading, const struct place *place,
                      const struct serve_field *row, enum af_json_token token, void *to)
{
    if (token != AF_JSON_STRING)
        return skip_wrong(reading, place, row, token, "a string");
    *(const char **)to = take_text(reading, place, row, row->min, row->max);
    return true;
}

bool af_serve_is_own_task(const char *task)
{
    static const char prefix[] = "afrun:";
    return strncmp(task, prefix, sizeof prefix - 1) == 0;
}

static bool read_task(struct serve_reading *reading, const struct place *place,
                      const struct serve_field *row, enum af_json_token token, void *to)
{
    if (!read_text(reading, place, row, token, to))
        return false;
    const char *task = *(const char **)to;
    if (token == AF_JSON_STRING && task != NULL && af_serve_is_own_task(task))
        complain_of(reading, place, row, "names a task of the service's own");
    return true;
}

static void complain_of_count(struct serve_reading *reading, const struct place *place,
                              const struct serve_field *row, size_t count)
{
    if ((int64_t)count < row->min || (int64_t)count > row->max)
        complain_of(reading, place, row, "expected %" PRId64 " to %" PRId64 " items", row->min,
                    row->max);
}

static const char **copy_items(struct serve_reading *reading, const char **items, size_t count)
{
    const char **copy = af_arena_alloc(reading->arena, (count + 1) * sizeof *copy);
    if (items != NULL)
        memcpy(copy, items, count * sizeof *copy);
    return copy;
}

static bool read_texts(struct serve_reading *reading, const struct place *place,
                       const struct serve_field *row, enum af_json_token token, void *to)
{
    struct serve_texts *texts = to;
    const char **items = NULL;
    size_t count = 0, cap = 0, errors = reading->error_count;
    if (token != AF_JSON_ARRAY_BEGIN)
        return skip_wrong(reading, place, row, token, "a list of strings");
    while ((token = af_json_next(&reading->json)) == AF_JSON_STRING) {
        if ((int64_t)++count > row->max || reading->error_count > errors)
            continue; /* it is refused anyhow */
        af_mem_reserve(&items, &cap, count, sizeof *items);
        items[count - 1] = take_text(reading, place, row, 1, AF_BUS_ID_BYTES_MAX);
    }
    bool ok = token == AF_JSON_ARRAY_END;
    if (ok && reading->error_count == errors)
        complain_of_count(reading, place, row, count);
    else if (!ok && token != AF_JSON_ERROR)
        ok = skip_rest(reading, place, row, token, "a list of strings");
    texts->items = reading->error_count == errors ? copy_items(reading, items, count) : NULL;
    texts->count = texts->items == NULL ? 0 : count;
    free(items);
    return ok;
}

static bool read_object(struct serve_reading *reading, const struct place *place,
                        const struct serve_field *row, enum af_json_token token, void *to)
{
    struct af_json_reader *json = &reading->json;
    struct af_json_span *bytes = to;
    if (token != AF_JSON_OBJECT_BEGIN)
        return skip_wrong(reading, place, row, token, "a JSON object");
    if (!af_json_take(json, token, bytes))
        return false;
    if ((int64_t)bytes->len > row->max)
        complain_of(reading, place, row, "expected at most %" PRId64 " bytes, got %zu", row->max,
                    bytes->len);
    return true;
}

static bool read_integer(struct serve_reading *reading, const struct place *place,
                         const struct serve_field *row, enum af_json_token token, void *to)
{
    if (token != AF_JSON_INTEGER)
        return skip_wrong(reading, place, row, token, "an integer");
    if (reading->json.integer < row->min || reading->json.integer > row->max)
        complain_of(reading, place, row, "expected %" PRId64 " to %" PRId64, row->min, row->max);
    *(int64_t *)to = reading->json.integer;
    return true;
}

static bool read_boolean(struct serve_reading *reading, const struct place *place,
                         const struct serve_field *row, enum af_json_token token, void *to)
{
    if (token != AF_JSON_TRUE && token != AF_JSON_FALSE)
        return skip_wrong(reading, place, row, token, "true or false");
    *(bool *)to = token == AF_JSON_TRUE;
    return true;
}

static bool read_seconds(struct serve_reading *reading, const struct place *place,
                         const struct serve_field *row, enum af_json_token token, void *to)
{
    if (token != AF_JSON_INTEGER && token != AF_JSON_DOUBLE)
        return skip_wrong(reading, place, row, token, "a number of seconds");
    double seconds =
        token == AF_JSON_INTEGER ? (double)reading->json.integer : reading->json.number;
    if (seconds < (double)row->min || seconds > (double)row->max)
        complain_of(reading, place, row, "expected %" PRId64 " to %" PRId64 " seconds", row->min,
                    row->max);
    else
        *(int64_t *)to = (int64_t)(seconds * 1e9);
    return true;
}

static bool read_fields(struct serve_reading *reading, const struct place *place,
                        const struct serve_field *rows, void *target);

static bool read_records(struct serve_reading *reading, const struct place *place,
                         const struct serve_field *row, enum af_json_token token, void *to)
{
    char *items = NULL;
    size_t count = 0, cap = 0;
    if (token != AF_JSON_ARRAY_BEGIN)
        return skip_wrong(reading, place, row, token, "a list of objects");
    while ((token = af_json_next(&reading->json)) == AF_JSON_OBJECT_BEGIN &&
           (int64_t)count < row->max) {
        struct place inner;
        snprintf(inner.prefix, sizeof inner.prefix, "%s%s[%zu].", place->prefix, row->name, count);
        af_mem_reserve(&items, &cap, count + 1, row->record_bytes);
        void *item = items + count * row->record_bytes;
        memset(item, 0, row->record_bytes);
        count++;
        if (!read_fields(reading, &inner, row->record, item)) {
            free(items);
            return false;
        }
    }
    bool ok = token == AF_JSON_ARRAY_END;
    if (ok)
        complain_of_count(reading, place, row, count);
    else if (token != AF_JSON_ERROR)
        ok = skip_rest(reading, place, row, token,
                       token == AF_JSON_OBJECT_BEGIN ? "fewer items" : "a list of objects");
    struct serve_records *records = to;
    records->items = af_arena_copy(reading->arena, items, count * row->record_bytes);
    records->count = count;
    free(items);
    return ok;
}

static bool (*const readers[])(struct serve_reading *, const struct place *,
                               const struct serve_field *, enum af_json_token, void *) = {
    [SERVE_TEXT] = read_text,       [SERVE_TASK] = read_task,       [SERVE_TEXTS] = read_texts,
    [SERVE_OBJECT] = read_object,   [SERVE_INTEGER] = read_integer, [SERVE_BOOLEAN] = read_boolean,
    [SERVE_SECONDS] = read_seconds, [SERVE_RECORDS] = read_records,
};

/* ---- Objects. ---- */

/* The row of the key that was just read, or NULL. */
static const struct serve_field *find_row(const struct serve_field *rows,
                                          const struct af_json_reader *json)
{
    for (const struct serve_field *row = rows; row->name != NULL; row++)
        if (af_json_is(json, row->name))
            return row;
    return NULL;
}

static void complain_of_missing(struct serve_reading *reading, const struct place *place,
                                const struct serve_field *rows, uint32_t seen)
{
    for (const struct serve_field *row = rows; row->name != NULL; row++)
        if (row->need == SERVE_NEEDED && (seen >> (row - rows) & 1) == 0)
            complain_of(reading, place, row, "is missing");
}

/* Reads an object that has begun. Returns false if the JSON is broken. */
static bool read_fields(struct serve_reading *reading, const struct place *place,
                        const struct serve_field *rows, void *target)
{
    struct af_json_reader *json = &reading->json;
    uint32_t seen = 0;
    enum af_json_token token;
    while ((token = af_json_next(json)) == AF_JSON_KEY) {
        const struct serve_field *row = find_row(rows, json);
        token = af_json_next(json);
        if (row == NULL) {
            if (!af_json_skip(json, token))
                return false;
            continue;
        }
        seen |= UINT32_C(1) << (row - rows);
        if (token == AF_JSON_NULL && row->need == SERVE_OR_NULL)
            continue;
        if (token == AF_JSON_ERROR ||
            !readers[row->kind](reading, place, row, token, (char *)target + row->offset))
            return false;
    }
    if (token != AF_JSON_OBJECT_END)
        return false;
    complain_of_missing(reading, place, rows, seen);
    return true;
}

bool af_serve_read(struct serve_reading *reading, const struct serve_field *rows, void *target,
                   const char *body, size_t len)
{
    struct af_json_reader *json = &reading->json;
    static const struct place top = {""};
    reading->error_count = 0;
    af_buf_clear(&reading->errors);
    af_json_reader_restart(json, body, len);
    enum af_json_token token = af_json_next(json);
    bool ok = token == AF_JSON_OBJECT_BEGIN && read_fields(reading, &top, rows, target) &&
              af_json_next(json) == AF_JSON_END;
    if (!ok && json->message != NULL)
        af_serve_complain(reading, "", "byte %zu: %s", json->offset, json->message);
    else if (!ok)
        af_serve_complain(reading, "", "expected a JSON object");
    return ok && reading->error_count == 0;
}

void af_serve_reading_release(struct serve_reading *reading)
{
    af_json_reader_release(&reading->json);
    af_buf_release(&reading->errors);
}
