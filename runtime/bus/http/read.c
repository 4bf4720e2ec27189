/* read.c: see read.h. Keys may stand in any order, so an object that matters is
 * first found as a span of the text, and read when it is known what it is. */
#include "bus/http/read.h"

#include "base/bounds.h"
#include "json/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static bool is_key(const struct af_json_reader *reader, const char *name)
{
    return reader->string_len == strlen(name) && memcmp(reader->string, name, strlen(name)) == 0;
}

/* The span of the object that begins with the token just read; it is passed over. */
static bool take_object(struct af_json_reader *reader, struct af_span *span)
{
    size_t start = reader->offset;
    if (!af_json_skip(reader, AF_JSON_OBJECT_BEGIN))
        return false;
    *span = (struct af_span){reader->start + start, reader->offset + 1 - start};
    return true;
}

/* A string that is neither empty, too long, nor has a zero byte in it; else NULL. */
static const char *take_string(const struct af_json_reader *reader, enum af_json_token token,
                               size_t max, struct af_arena *arena)
{
    if (token != AF_JSON_STRING || reader->string_len == 0 || reader->string_len > max ||
        memchr(reader->string, '\0', reader->string_len) != NULL)
        return NULL;
    return af_arena_copy(arena, reader->string, reader->string_len);
}

/* Calls field() for each key of an object with its value's first token; field() reads the rest of
 * the value. Returns false if the text is no JSON object, or field() does. */
typedef bool field_fn(void *arg, struct af_json_reader *reader, const char *key,
                      enum af_json_token token);

static bool read_object(struct af_span text, field_fn *field, void *arg)
{
    struct af_json_reader reader;
    char key[64]; /* longer ones are none of ours */
    bool ok;
    af_json_reader_init(&reader, text.at, text.len);
    ok = af_json_next(&reader) == AF_JSON_OBJECT_BEGIN;
    while (ok) {
        enum af_json_token token = af_json_next(&reader);
        if (token != AF_JSON_KEY) {
            ok = token == AF_JSON_OBJECT_END && af_json_next(&reader) == AF_JSON_END;
            break;
        }
        size_t len = reader.string_len < sizeof key ? reader.string_len : 0;
        memcpy(key, reader.string, len);
        key[len] = '\0';
        ok = field(arg, &reader, key, af_json_next(&reader));
    }
    af_json_reader_release(&reader);
    return ok;
}

/* ---- Envelopes. ---- */

static void keep_message(struct af_envelope *envelope, const struct af_json_reader *reader)
{
    size_t len = reader->string_len < sizeof envelope->message - 4 ? reader->string_len
                                                                   : sizeof envelope->message - 4;
    while (len < reader->string_len && len > 0 &&
           ((unsigned char)reader->string[len] & 0xC0) == 0x80)
        len--;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)reader->string[i];
        envelope->message[i] = c < 0x20 || c == 0x7F ? ' ' : (char)c;
    }
    bool cut = len < reader->string_len;
    memcpy(envelope->message + len, cut ? "..." : "", cut ? 4 : 1);
}

static bool envelope_field(void *arg, struct af_json_reader *reader, const char *key,
                           enum af_json_token token)
{
    struct af_envelope *envelope = arg;
    if (strcmp(key, "code") == 0 && token == AF_JSON_INTEGER) {
        envelope->has_code = true;
        envelope->code = reader->integer;
    } else if (strcmp(key, "message") == 0 && token == AF_JSON_STRING) {
        keep_message(envelope, reader);
    } else if (strcmp(key, "data") == 0 && token == AF_JSON_OBJECT_BEGIN) {
        return take_object(reader, &envelope->data);
    }
    return af_json_skip(reader, token);
}

const char *af_envelope_read(struct af_envelope *envelope, const char *json, size_t len)
{
    memset(envelope, 0, sizeof *envelope);
    if (!read_object((struct af_span){json, len}, envelope_field, envelope))
        return "it is no JSON object";
    if (!envelope->has_code)
        return "it has no `code` that is an integer";
    if (envelope->code == 0 && envelope->data.at == NULL)
        return "it has no `data` that is an object";
    return NULL;
}

/* ---- One field. ---- */

struct search {
    const char *name;
    size_t max;
    struct af_arena *arena; /* NULL: an object is looked for */
    const char *text;
    struct af_span object;
    bool has_any;
};

static bool search_field(void *arg, struct af_json_reader *reader, const char *key,
                         enum af_json_token token)
{
    struct search *search = arg;
    search->has_any = true;
    if (search->name != NULL && strcmp(key, search->name) == 0) {
        if (search->arena == NULL && token == AF_JSON_OBJECT_BEGIN)
            return take_object(reader, &search->object);
        if (search->arena != NULL)
            search->text = take_string(reader, token, search->max, search->arena);
    }
    return af_json_skip(reader, token);
}

static bool count_field(void *arg, struct af_json_reader *reader, const char *key,
                        enum af_json_token token)
{
    size_t *count = arg;
    if (strcmp(key, "count") == 0 && token == AF_JSON_INTEGER && reader->integer > 0)
        *count = (size_t)reader->integer;
    return af_json_skip(reader, token);
}

size_t af_answer_count(struct af_span object)
{
    size_t count = 0;
    return read_object(object, count_field, &count) ? count : 0;
}

bool af_answer_string(struct af_span object, const char *name, size_t max, struct af_arena *arena,
                      const char **text)
{
    struct search search = {.name = name, .max = max, .arena = arena};
    bool ok = object.at != NULL && read_object(object, search_field, &search);
    *text = ok ? search.text : NULL;
    return ok;
}

bool af_answer_object(struct af_span object, const char *name, struct af_span *found)
{
    struct search search = {.name = name};
    bool ok = object.at != NULL && read_object(object, search_field, &search);
    *found = ok ? search.object : (struct af_span){NULL, 0};
    return ok;
}

bool af_answer_is_empty(struct af_span object)
{
    struct search search = {.name = NULL};
    return !read_object(object, search_field, &search) || !search.has_any;
}

/* ---- Lists of objects. ---- */

struct list {
    const char *name;
    size_t max;
    struct af_span *items; /* the caller frees it */
    size_t count, cap;
    bool found, is_wrong; /* is_wrong: no list, too long, or something else than objects in it */
};

static bool list_field(void *arg, struct af_json_reader *reader, const char *key,
                       enum af_json_token token)
{
    struct list *list = arg;
    if (strcmp(key, list->name) != 0)
        return af_json_skip(reader, token);
    list->found = true;
    if (token != AF_JSON_ARRAY_BEGIN) {
        list->is_wrong = true;
        return af_json_skip(reader, token);
    }
    while ((token = af_json_next(reader)) != AF_JSON_ARRAY_END) {
        if (token != AF_JSON_OBJECT_BEGIN || list->count == list->max) {
            list->is_wrong = true;
            if (!af_json_skip(reader, token))
                return false;
            continue;
        }
        af_mem_reserve(&list->items, &list->cap, list->count + 1, sizeof *list->items);
        if (!take_object(reader, &list->items[list->count++]))
            return false;
    }
    return true;
}

static bool read_list(struct af_span data, const char *name, size_t max, struct list *list)
{
    *list = (struct list){.name = name, .max = max};
    return read_object(data, list_field, list) && !list->is_wrong;
}

/* ---- Contracts. ---- */

struct item_reading {
    struct af_bus_item item;
    struct af_arena *arena;
    const char *task;
    bool is_other_task, is_wrong;
};

static bool read_targets(struct item_reading *reading, struct af_json_reader *reader)
{
    const char **targets = NULL;
    size_t count = 0, cap = 0;
    enum af_json_token token;
    while ((token = af_json_next(reader)) == AF_JSON_STRING) {
        const char *target = take_string(reader, token, AF_BUS_ID_BYTES_MAX, reading->arena);
        if (target == NULL || count == AF_BUS_TARGETS_MAX)
            reading->is_wrong = true;
        else
            af_mem_reserve(&targets, &cap, count + 1, sizeof *targets), targets[count++] = target;
    }
    reading->item.targets = af_arena_strings(reading->arena, targets, count);
    reading->item.target_count = count;
    free(targets);
    return token == AF_JSON_ARRAY_END;
}

static bool item_field(void *arg, struct af_json_reader *reader, const char *key,
                       enum af_json_token token)
{
    struct item_reading *reading = arg;
    struct af_bus_item *item = &reading->item;
    if (strcmp(key, "id") == 0 && token == AF_JSON_INTEGER)
        item->id = reader->integer;
    else if (strcmp(key, "message_time") == 0 && token == AF_JSON_INTEGER)
        item->time_s = reader->integer;
    else if (strcmp(key, "flow_version") == 0 && token == AF_JSON_INTEGER && reader->integer > 0)
        item->flow_version = reader->integer;
    else if (strcmp(key, "message_uuid") == 0)
        item->uuid = take_string(reader, token, AF_BUS_ID_BYTES_MAX, reading->arena);
    else if (strcmp(key, "message_title") == 0)
        item->title = take_string(reader, token, AF_BUS_ID_BYTES_MAX, reading->arena);
    else if (strcmp(key, "sender_id") == 0)
        item->sender = take_string(reader, token, AF_BUS_ID_BYTES_MAX, reading->arena);
    else if (strcmp(key, "task_id") == 0)
        reading->is_other_task = token != AF_JSON_STRING || !is_key(reader, reading->task);
    else if (strcmp(key, "node_id_list") == 0 && token == AF_JSON_ARRAY_BEGIN)
        return read_targets(reading, reader);
    else if (strcmp(key, "message_content") == 0 && token == AF_JSON_OBJECT_BEGIN) {
        struct af_span span;
        if (!take_object(reader, &span))
            return false;
        item->content = span.at;
        item->content_len = span.len;
        return true;
    }
    return af_json_skip(reader, token);
}

static const char *read_item(struct af_span text, const char *task, struct af_arena *arena,
                             struct af_bus_item *item)
{
    struct item_reading reading = {.arena = arena, .task = task};
    const char *wrong = NULL;
    if (!read_object(text, item_field, &reading))
        return "a contract in it is malformed";
    if (reading.item.uuid == NULL)
        return "a contract in it has no `message_uuid`";
    if (reading.is_wrong)
        wrong = "its targets are no list of nodes";
    else if (reading.is_other_task)
        wrong = "it is of another task";
    else if (reading.item.content == NULL)
        wrong = "it has no `message_content` that is an object";
    else if (reading.item.content_len > AF_BUS_CONTENT_BYTES_MAX)
        wrong = "it is larger than 12 MiB";
    *item = reading.item;
    if (item->title == NULL)
        item->title = "";
    item->wrong = wrong;
    if (wrong != NULL) {
        item->content = "";
        item->content_len = 0;
    }
    return NULL;
}

const char *af_answer_items(struct af_span data, const char *task, size_t max,
                            struct af_arena *arena, const struct af_bus_item **items, size_t *count)
{
    struct list list;
    const char *wrong = NULL;
    *items = NULL;
    *count = 0;
    if (!read_list(data, "messages", max, &list)) {
        wrong = "its `messages` are no list of contracts, or more than were asked for";
    } else {
        bool single = !list.found && !af_answer_is_empty(data);
        size_t item_count = single ? 1 : list.count;
        struct af_bus_item *made = af_arena_alloc(arena, (item_count + 1) * sizeof *made);
        for (size_t i = 0; i < item_count && wrong == NULL; i++)
            wrong = read_item(single ? data : list.items[i], task, arena, &made[i]);
        if (wrong == NULL) {
            *items = made;
            *count = item_count;
        }
    }
    free(list.items);
    return wrong;
}

struct flag {
    const char *name;
    bool is_true;
};

static bool flag_field(void *arg, struct af_json_reader *reader, const char *key,
                       enum af_json_token token)
{
    struct flag *flag = arg;
    if (strcmp(key, flag->name) == 0)
        flag->is_true = token == AF_JSON_TRUE;
    return af_json_skip(reader, token);
}

static bool has_flag(struct af_span data, const char *name)
{
    struct flag flag = {name, false};
    return read_object(data, flag_field, &flag) && flag.is_true;
}

bool af_answer_is_held(struct af_span data)
{
    return has_flag(data, "held");
}

bool af_answer_is_open(struct af_span data)
{
    return has_flag(data, "open");
}

/* ---- Confirmations. ---- */

struct uuid_reading {
    struct af_arena *arena;
    const char **uuids;
    size_t max, count;
    bool is_wrong;
};

static bool uuids_field(void *arg, struct af_json_reader *reader, const char *key,
                        enum af_json_token token)
{
    struct uuid_reading *reading = arg;
    if (strcmp(key, "message_uuids") != 0 || token != AF_JSON_ARRAY_BEGIN)
        return af_json_skip(reader, token);
    while ((token = af_json_next(reader)) != AF_JSON_ARRAY_END) {
        const char *uuid = take_string(reader, token, AF_BUS_ID_BYTES_MAX, reading->arena);
        if (uuid == NULL || reading->count == reading->max)
            reading->is_wrong = true;
        else
            reading->uuids[reading->count++] = uuid;
        if (!af_json_skip(reader, token))
            return false;
    }
    return true;
}

const char *af_answer_uuids(struct af_span data, const char *task, size_t count,
                            struct af_arena *arena, const char *const **uuids)
{
    const char *of = NULL, *single = NULL;
    const char **made = af_arena_alloc(arena, (count + 1) * sizeof *made);
    struct uuid_reading reading = {.arena = arena, .uuids = made, .max = count};
    *uuids = made;
    if (count == 1) {
        af_answer_string(data, "message_uuid", AF_BUS_ID_BYTES_MAX, arena, &single);
        made[0] = single;
        if (single == NULL)
            return "it has no `message_uuid`";
    } else if (!read_object(data, uuids_field, &reading) || reading.is_wrong ||
               reading.count != count) {
        return "its `message_uuids` are not those of what was pushed";
    }
    af_answer_string(data, "task_id", AF_BUS_ID_BYTES_MAX, arena, &of);
    return of != NULL && strcmp(of, task) != 0 ? "it is about another task" : NULL;
}

/* ---- Nodes. ---- */

struct member_reading {
    struct af_bus_member member;
    struct af_arena *arena;
};

static bool member_field(void *arg, struct af_json_reader *reader, const char *key,
                         enum af_json_token token)
{
    struct member_reading *reading = arg;
    if (strcmp(key, "node_id") == 0)
        reading->member.node = take_string(reader, token, AF_BUS_ID_BYTES_MAX, reading->arena);
    else if (strcmp(key, "role_name") == 0)
        reading->member.role = take_string(reader, token, AF_BUS_ID_BYTES_MAX, reading->arena);
    else if (strcmp(key, "role") == 0 && token == AF_JSON_INTEGER && reader->integer >= 0 &&
             reader->integer <= 1000)
        reading->member.number = (int)reader->integer;
    return af_json_skip(reader, token);
}

const char *af_answer_members(struct af_span data, struct af_arena *arena,
                              const struct af_bus_member **members, size_t *count)
{
    struct list list;
    const char *wrong = NULL;
    *members = NULL;
    *count = 0;
    if (!read_list(data, "records", AF_BUS_MEMBERS_MAX, &list) || !list.found)
        wrong = "its `records` are no list of nodes, or too many";
    struct af_bus_member *made = af_arena_alloc(arena, (list.count + 1) * sizeof *made);
    for (size_t i = 0; i < list.count && wrong == NULL; i++) {
        struct member_reading reading = {.arena = arena};
        if (!read_object(list.items[i], member_field, &reading) || reading.member.node == NULL)
            wrong = "a record in it has no `node_id`";
        if (reading.member.role == NULL)
            reading.member.role = "";
        made[i] = reading.member;
    }
    if (wrong == NULL) {
        *members = made;
        *count = list.count;
    }
    free(list.items);
    return wrong;
}
