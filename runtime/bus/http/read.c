/* read.c: see read.h. Keys may stand in any order, so an object that matters is
 * first found as a span of the text, and read when it is known what it is. */
#include "bus/http/read.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static bool is_object(struct af_json_span span)
{
    return span.at != NULL && span.at[0] == '{';
}

/* ---- Envelopes. ---- */

static bool read_message(struct af_json_reader *reader, enum af_json_token token,
                         struct af_arena *arena, void *to)
{
    struct af_envelope *envelope = to;
    size_t most = sizeof envelope->message - 4, len = reader->string_len;
    (void)arena;
    if (token != AF_JSON_STRING)
        return af_json_skip(reader, token);
    if (len > most)
        for (len = most; len > 0 && ((unsigned char)reader->string[len] & 0xC0) == 0x80;)
            len--;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)reader->string[i];
        envelope->message[i] = c < 0x20 || c == 0x7F ? ' ' : (char)c;
    }
    bool cut = len < reader->string_len;
    memcpy(envelope->message + len, cut ? "..." : "", cut ? 4 : 1);
    return true;
}

const char *af_envelope_read(struct af_envelope *envelope, const char *json, size_t len)
{
    static const struct af_json_row rows[] = {
        {"code", AF_JSON_ROW_INTEGER, offsetof(struct af_envelope, code), NULL},
        {"message", AF_JSON_ROW_OWN, 0, read_message},
        {"data", AF_JSON_ROW_SPAN, offsetof(struct af_envelope, data), NULL},
        {0}};
    *envelope = (struct af_envelope){.code = AF_ENVELOPE_NO_CODE};
    if (!af_json_read_object((struct af_json_span){json, len}, rows, NULL, envelope))
        return "it is no JSON object";
    if (envelope->code == AF_ENVELOPE_NO_CODE)
        return "it has no `code` that is an integer";
    if (!is_object(envelope->data))
        envelope->data = (struct af_json_span){NULL, 0};
    if (envelope->code == 0 && envelope->data.at == NULL)
        return "it has no `data` that is an object";
    return NULL;
}

/* ---- One field. ---- */

struct wanted {
    size_t max;
    const char *text;
};

static bool read_wanted(struct af_json_reader *reader, enum af_json_token token,
                        struct af_arena *arena, void *to)
{
    struct wanted *wanted = to;
    wanted->text = af_json_copy_name(reader, token, wanted->max, arena);
    return af_json_skip(reader, token);
}

const char *af_answer_string(struct af_json_span object, const char *name, size_t max,
                             struct af_arena *arena)
{
    const struct af_json_row rows[] = {{name, AF_JSON_ROW_OWN, 0, read_wanted}, {0}};
    struct wanted wanted = {max, NULL};
    return af_json_read_object(object, rows, arena, &wanted) ? wanted.text : NULL;
}

struct af_json_span af_answer_object(struct af_json_span object, const char *name)
{
    struct af_json_span found = af_json_find(object, name);
    return is_object(found) ? found : (struct af_json_span){NULL, 0};
}

size_t af_answer_count(struct af_json_span object)
{
    static const struct af_json_row rows[] = {{"count", AF_JSON_ROW_INTEGER, 0, NULL}, {0}};
    int64_t count = 0;
    return af_json_read_object(object, rows, NULL, &count) && count > 0 ? (size_t)count : 0;
}

static bool has_flag(struct af_json_span data, const char *name)
{
    const struct af_json_row rows[] = {{name, AF_JSON_ROW_FLAG, 0, NULL}, {0}};
    bool flag = false;
    return af_json_read_object(data, rows, NULL, &flag) && flag;
}

bool af_answer_is_held(struct af_json_span data)
{
    return has_flag(data, "held");
}

bool af_answer_is_open(struct af_json_span data)
{
    return has_flag(data, "open");
}

bool af_answer_is_empty(struct af_json_span object)
{
    struct af_json_reader reader;
    af_json_reader_init(&reader, object.at, object.len);
    bool has_any =
        af_json_next(&reader) == AF_JSON_OBJECT_BEGIN && af_json_next(&reader) == AF_JSON_KEY;
    af_json_reader_release(&reader);
    return !has_any;
}

/* ---- Lists of objects. ---- */

struct list {
    size_t max;
    struct af_json_span *items; /* the caller frees it */
    size_t count, cap;
};

static bool add_item(void *arg, struct af_json_span item)
{
    struct list *list = arg;
    if (list->count == list->max)
        return false;
    af_mem_reserve(&list->items, &list->cap, list->count + 1, sizeof *list->items);
    list->items[list->count++] = item;
    return true;
}

/* ---- Contracts. ---- */

struct item_reading {
    struct af_bus_item item;
    struct af_json_span content;
    const char *task;
    bool is_other_task, is_wrong;
};

static bool read_targets(struct af_json_reader *reader, enum af_json_token token,
                         struct af_arena *arena, void *to)
{
    struct item_reading *reading = to;
    const char **targets = NULL;
    size_t count = 0, cap = 0;
    if (token != AF_JSON_ARRAY_BEGIN)
        return af_json_skip(reader, token);
    while ((token = af_json_next(reader)) == AF_JSON_STRING) {
        const char *target = af_json_copy_name(reader, token, AF_BUS_ID_BYTES_MAX, arena);
        if (target == NULL || count == AF_BUS_TARGETS_MAX)
            reading->is_wrong = true;
        else
            af_mem_reserve(&targets, &cap, count + 1, sizeof *targets), targets[count++] = target;
    }
    reading->item.targets = af_arena_strings(arena, targets, count);
    reading->item.target_count = count;
    free(targets);
    return token == AF_JSON_ARRAY_END;
}

static bool read_task(struct af_json_reader *reader, enum af_json_token token,
                      struct af_arena *arena, void *to)
{
    struct item_reading *reading = to;
    (void)arena;
    reading->is_other_task = token != AF_JSON_STRING || !af_json_is(reader, reading->task);
    return af_json_skip(reader, token);
}

static const char *read_item(struct af_json_span text, const char *task, struct af_arena *arena,
                             struct af_bus_item *item)
{
#define FACT(name, kept)                                                                           \
    {#name, AF_JSON_ROW_INTEGER, offsetof(struct item_reading, item.facts.name), NULL},
    static const struct af_json_row rows[] = {
        AF_FACTS(FACT){"id", AF_JSON_ROW_INTEGER, offsetof(struct item_reading, item.id), NULL},
        {"message_time", AF_JSON_ROW_INTEGER, offsetof(struct item_reading, item.time_s), NULL},
        {"message_uuid", AF_JSON_ROW_NAME, offsetof(struct item_reading, item.uuid), NULL},
        {"message_title", AF_JSON_ROW_NAME, offsetof(struct item_reading, item.title), NULL},
        {"sender_id", AF_JSON_ROW_NAME, offsetof(struct item_reading, item.sender), NULL},
        {"task_id", AF_JSON_ROW_OWN, 0, read_task},
        {"node_id_list", AF_JSON_ROW_OWN, 0, read_targets},
        {"message_content", AF_JSON_ROW_SPAN, offsetof(struct item_reading, content), NULL},
        {0}};
    struct item_reading reading = {.task = task};
    if (!af_json_read_object(text, rows, arena, &reading))
        return "a contract in it is malformed";
    if (reading.item.uuid == NULL)
        return "a contract in it has no `message_uuid`";
    *item = reading.item;
    item->wrong = reading.is_wrong              ? "its targets are no list of nodes"
                  : reading.is_other_task       ? "it is of another task"
                  : !is_object(reading.content) ? "it has no `message_content` that is an object"
                  : reading.content.len > AF_BUS_CONTENT_BYTES_MAX ? "it is larger than 12 MiB"
                                                                   : NULL;
    item->content = item->wrong == NULL ? reading.content.at : "";
    item->content_len = item->wrong == NULL ? reading.content.len : 0;
    if (item->title == NULL)
        item->title = "";
    return NULL;
}

const char *af_answer_items(struct af_json_span data, const char *task, size_t max,
                            struct af_arena *arena, const struct af_bus_item **items, size_t *count)
{
    struct list list = {.max = max};
    struct af_json_span messages = af_json_find(data, "messages");
    const char *wrong = NULL;
    *items = NULL;
    *count = 0;
    if (messages.at != NULL && !af_json_each(messages, add_item, &list)) {
        wrong = "its `messages` are no list of contracts, or more than were asked for";
    } else {
        bool single = messages.at == NULL && !af_answer_is_empty(data);
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

/* ---- Confirmations. ---- */

struct uuids {
    const char **items;
    size_t max, count;
};

static bool read_uuids(struct af_json_reader *reader, enum af_json_token token,
                       struct af_arena *arena, void *to)
{
    struct uuids *uuids = to;
    if (token != AF_JSON_ARRAY_BEGIN)
        return false;
    while ((token = af_json_next(reader)) == AF_JSON_STRING) {
        const char *uuid = af_json_copy_name(reader, token, AF_BUS_ID_BYTES_MAX, arena);
        if (uuid == NULL || uuids->count == uuids->max)
            return false;
        uuids->items[uuids->count++] = uuid;
    }
    return token == AF_JSON_ARRAY_END;
}

const char *af_answer_uuids(struct af_json_span data, const char *task, size_t count,
                            struct af_arena *arena, const char *const **uuids)
{
    static const struct af_json_row rows[] = {{"message_uuids", AF_JSON_ROW_OWN, 0, read_uuids},
                                              {0}};
    const char **made = af_arena_alloc(arena, (count + 1) * sizeof *made);
    struct uuids reading = {made, count, 0};
    *uuids = made;
    if (count == 1) {
        made[0] = af_answer_string(data, "message_uuid", AF_BUS_ID_BYTES_MAX, arena);
        if (made[0] == NULL)
            return "it has no `message_uuid`";
    } else if (!af_json_read_object(data, rows, arena, &reading) || reading.count != count) {
        return "its `message_uuids` are not those of what was pushed";
    }
    const char *of = af_answer_string(data, "task_id", AF_BUS_ID_BYTES_MAX, arena);
    return of != NULL && strcmp(of, task) != 0 ? "it is about another task" : NULL;
}

/* ---- Nodes. ---- */

struct member_reading {
    const char *node, *role;
    int64_t number;
};

const char *af_answer_members(struct af_json_span data, struct af_arena *arena,
                              const struct af_bus_member **members, size_t *count)
{
    static const struct af_json_row rows[] = {
        {"node_id", AF_JSON_ROW_NAME, offsetof(struct member_reading, node), NULL},
        {"role_name", AF_JSON_ROW_NAME, offsetof(struct member_reading, role), NULL},
        {"role", AF_JSON_ROW_INTEGER, offsetof(struct member_reading, number), NULL},
        {0}};
    struct list list = {.max = AF_BUS_MEMBERS_MAX};
    const char *wrong = NULL;
    *members = NULL;
    *count = 0;
    if (!af_json_each(af_json_find(data, "records"), add_item, &list))
        wrong = "its `records` are no list of nodes, or too many";
    struct af_bus_member *made = af_arena_alloc(arena, (list.count + 1) * sizeof *made);
    for (size_t i = 0; i < list.count && wrong == NULL; i++) {
        struct member_reading reading = {NULL, NULL, 0};
        if (!af_json_read_object(list.items[i], rows, arena, &reading) || reading.node == NULL)
            wrong = "a record in it has no `node_id`";
        bool known = reading.number >= 0 && reading.number <= 1000;
        made[i] = (struct af_bus_member){reading.node, reading.role == NULL ? "" : reading.role,
                                         known ? (int)reading.number : 0};
    }
    if (wrong == NULL) {
        *members = made;
        *count = list.count;
    }
    free(list.items);
    return wrong;
}
