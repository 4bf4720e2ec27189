/* request.c: see request.h. */
#include "script/request.h"

#include "json/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static bool is_cut(const struct af_json_reader *reader)
{
    return memchr(reader->string, '\0', reader->string_len) != NULL;
}

static bool read_items(struct af_request_field *field, struct af_json_reader *reader, bool *cut)
{
    size_t cap = 0;
    for (;;) {
        enum af_json_token token = af_json_next(reader);
        if (token == AF_JSON_ARRAY_END)
            return true;
        if (token == AF_JSON_ERROR || !(token == AF_JSON_STRING || af_json_skip(reader, token)))
            return false;
        if (token != AF_JSON_STRING)
            continue;
        af_mem_reserve(&field->items, &cap, field->item_count + 1, sizeof(char *));
        *cut = *cut || is_cut(reader);
        field->items[field->item_count++] = af_mem_copy(reader->string, reader->string_len);
    }
}

static bool read_field(struct af_request_field *field, struct af_json_reader *reader,
                       enum af_json_token token, bool *cut)
{
    switch (token) {
    case AF_JSON_STRING:
        field->kind = 's';
        *cut = *cut || is_cut(reader);
        field->text = af_mem_copy(reader->string, reader->string_len);
        field->len = reader->string_len;
        return true;
    case AF_JSON_INTEGER:
        field->kind = 'i';
        field->integer = reader->integer;
        field->number = (double)reader->integer;
        return true;
    case AF_JSON_DOUBLE:
        field->kind = 'd';
        field->number = reader->number;
        return true;
    case AF_JSON_TRUE:
    case AF_JSON_FALSE:
        field->kind = 'b';
        field->integer = token == AF_JSON_TRUE;
        return true;
    case AF_JSON_ARRAY_BEGIN:
        field->kind = 'l';
        return read_items(field, reader, cut);
    case AF_JSON_ERROR:
        return false;
    default:
        field->kind = 'n';
        return af_json_skip(reader, token);
    }
}

bool af_request_read(struct af_request *request, const char *json, size_t len)
{
    struct af_json_reader reader;
    *request = (struct af_request){0};
    af_json_reader_init(&reader, json, len);
    bool ok = af_json_next(&reader) == AF_JSON_OBJECT_BEGIN;
    while (ok) {
        enum af_json_token token = af_json_next(&reader);
        if (token != AF_JSON_KEY) {
            ok = token == AF_JSON_OBJECT_END && af_json_next(&reader) == AF_JSON_END;
            break;
        }
        af_mem_reserve(&request->fields, &request->cap, request->count + 1,
                       sizeof *request->fields);
        struct af_request_field *field = &request->fields[request->count++];
        memset(field, 0, sizeof *field);
        field->name = af_mem_copy(reader.string, reader.string_len);
        bool cut = is_cut(&reader);
        ok = read_field(field, &reader, af_json_next(&reader), &cut);
        if (cut && request->cut == 0)
            request->cut = request->count;
    }
    af_json_reader_release(&reader);
    return ok;
}

void af_request_release(struct af_request *request)
{
    for (size_t i = 0; i < request->count; i++) {
        struct af_request_field *field = &request->fields[i];
        for (size_t k = 0; k < field->item_count; k++)
            free(field->items[k]);
        free(field->items);
        free(field->name);
        free(field->text);
    }
    free(request->fields);
    *request = (struct af_request){0};
}

const char *af_request_cut(const struct af_request *request)
{
    return request->cut == 0 ? NULL : request->fields[request->cut - 1].name;
}

static const struct af_request_field *find(const struct af_request *request, const char *name,
                                           const char *kinds)
{
    for (size_t i = 0; i < request->count; i++)
        if (strcmp(request->fields[i].name, name) == 0)
            return strchr(kinds, request->fields[i].kind) != NULL ? &request->fields[i] : NULL;
    return NULL;
}

const char *af_request_string(const struct af_request *request, const char *name)
{
    const struct af_request_field *field = find(request, name, "s");
    return field == NULL ? NULL : field->text;
}

bool af_request_bool(const struct af_request *request, const char *name)
{
    const struct af_request_field *field = find(request, name, "b");
    return field != NULL && field->integer != 0;
}

bool af_request_number(const struct af_request *request, const char *name, double *value)
{
    const struct af_request_field *field = find(request, name, "id");
    if (field != NULL)
        *value = field->number;
    return field != NULL;
}

bool af_request_integer(const struct af_request *request, const char *name, int64_t *value)
{
    const struct af_request_field *field = find(request, name, "i");
    if (field != NULL)
        *value = field->integer;
    return field != NULL;
}

const struct af_request_field *af_request_list(const struct af_request *request, const char *name)
{
    return find(request, name, "l");
}

struct af_request_filter af_request_filter(const struct af_request *request)
{
    return (struct af_request_filter){af_request_list(request, "only"),
                                      af_request_list(request, "except")};
}

static bool has(const struct af_request_field *list, const char *word)
{
    for (size_t i = 0; i < list->item_count; i++)
        if (strcmp(list->items[i], word) == 0)
            return true;
    return false;
}

bool af_request_lets(const struct af_request_filter *filter, const char *word)
{
    return (filter->only == NULL || has(filter->only, word)) &&
           (filter->except == NULL || !has(filter->except, word));
}
