/* requests.c: see requests.h. */
#include "serve/requests.h"

#include <string.h>

#define ID_MAX AF_BUS_ID_BYTES_MAX

/* ---- Push. ---- */

struct message {
    const char *task, *channel, *title, *uuid;
    struct serve_texts targets;
    struct af_json_span content;
    int64_t time_s;
    struct af_facts facts;
};

struct push {
    struct message message;
    struct serve_records messages;
};

#define AT(field) offsetof(struct message, field)
#define FACT(name, kept)                                                                           \
    {#name, SERVE_INTEGER, SERVE_OR_NULL, AT(facts.name), 0, AF_FACT_MAX, NULL, 0},
#define MESSAGE_ROWS(need, list_need)                                                              \
    {"task_id", SERVE_TASK, need, AT(task), 1, ID_MAX, NULL, 0},                                   \
        {"channel", SERVE_TEXT, need, AT(channel), 1, ID_MAX, NULL, 0},                            \
        {"node_id_list", SERVE_TEXTS, list_need, AT(targets), 1, AF_BUS_TARGETS_MAX, NULL, 0},     \
        {"message_title", SERVE_TEXT, list_need, AT(title), 1, ID_MAX, NULL, 0},                   \
        {"message_content", SERVE_OBJECT, list_need, AT(content), 0, AF_JSON_BYTES_MAX, NULL, 0},  \
        {"message_time", SERVE_INTEGER, list_need, AT(time_s), 0, INT64_C(1) << 40, NULL, 0},      \
        AF_FACTS(FACT)                                                                             \
    {                                                                                              \
        "message_uuid", SERVE_TEXT, SERVE_OR_NULL, AT(uuid), 1, ID_MAX, NULL, 0                    \
    }

static const struct serve_field item_rows[] = {
    MESSAGE_ROWS(SERVE_OPTIONAL, SERVE_NEEDED),
    {0},
};

/* The fields of a request are needed where it is itself the message; that is looked at below. */
static const struct serve_field push_rows[] = {
    MESSAGE_ROWS(SERVE_OPTIONAL, SERVE_OPTIONAL),
    {"messages", SERVE_RECORDS, SERVE_OPTIONAL, offsetof(struct push, messages), 1,
     AF_BUS_POSTS_MAX, item_rows, sizeof(struct message)},
    {0},
};

static const struct serve_field single_rows[] = {
    MESSAGE_ROWS(SERVE_NEEDED, SERVE_NEEDED),
    {0},
};

static void need(struct serve_reading *reading, bool is_there, const char *field)
{
    if (!is_there)
        af_serve_complain(reading, field, "is missing");
}

/* Whether a body has a field of that name at its top, told cheaply and perhaps wrongly so. */
static bool mentions(const char *body, size_t len, const char *field)
{
    return memmem(body, len, field, strlen(field)) != NULL;
}

static struct af_bus_post post_of(const struct message *message, const struct message *defaults)
{
    return (struct af_bus_post){
        .task = message->task != NULL ? message->task : defaults->task,
        .channel = message->channel != NULL ? message->channel : defaults->channel,
        .title = message->title,
        .uuid = message->uuid,
        .targets = message->targets.items,
        .target_count = message->targets.count,
        .content = message->content.at,
        .content_len = message->content.len,
        .time_s = message->time_s,
        .facts = message->facts,
    };
}

static bool read_list(struct serve_reading *reading, struct serve_push *push,
                      const struct push *read)
{
    const struct message *items = read->messages.items;
    push->count = read->messages.count;
    push->is_list = true;
    push->posts = af_arena_alloc(reading->arena, push->count * sizeof *push->posts);
    for (size_t i = 0; i < push->count; i++) {
        push->posts[i] = post_of(&items[i], &read->message);
        need(reading, push->posts[i].task != NULL, "task_id");
        need(reading, push->posts[i].channel != NULL, "channel");
        if (reading->error_count > 0)
            return false;
    }
    return true;
}

static bool read_single(struct serve_reading *reading, struct serve_push *push,
                        const struct message *message)
{
    push->count = 1;
    push->is_list = false;
    push->posts = af_arena_alloc(reading->arena, sizeof *push->posts);
    push->posts[0] = post_of(message, message);
    return true;
}

bool af_serve_read_push(struct serve_reading *reading, struct serve_push *push, const char *body,
                        size_t len)
{
    struct push read = {0};
    if (body == NULL)
        body = "";
    if (mentions(body, len, "\"messages\"")) {
        if (!af_serve_read(reading, push_rows, &read, body, len))
            return false;
        if (read.messages.count > 0)
            return read_list(reading, push, &read);
    }
    return af_serve_read(reading, single_rows, &read.message, body, len) &&
           read_single(reading, push, &read.message);
}

/* ---- Pop and ack. ---- */

#undef AT
#define AT(field) offsetof(struct serve_pop, field)
#define ACKS_MAX (10 * AF_BUS_TAKE_MAX)

static const struct serve_field reject_rows[] = {
    {"uuid", SERVE_TEXT, SERVE_NEEDED, offsetof(struct serve_reject, uuid), 1, ID_MAX, NULL, 0},
    {"reason", SERVE_TEXT, SERVE_NEEDED, offsetof(struct serve_reject, reason), 1,
     AF_SERVE_TEXT_BYTES_MAX, NULL, 0},
    {0},
};

#define REJECT_ROW                                                                                 \
    {                                                                                              \
        "reject", SERVE_RECORDS, SERVE_OR_NULL, AT(reject), 0, AF_BUS_TAKE_MAX, reject_rows,       \
            sizeof(struct serve_reject)                                                            \
    }

static const struct serve_field pop_rows[] = {
    {"task_id", SERVE_TEXT, SERVE_NEEDED, AT(task), 1, ID_MAX, NULL, 0},
    {"channel", SERVE_TEXT, SERVE_NEEDED, AT(channel), 1, ID_MAX, NULL, 0},
    {"wait_seconds", SERVE_SECONDS, SERVE_OR_NULL, AT(wait_ns), 0, AF_BUS_WAIT_MAX_S, NULL, 0},
    {"lease_seconds", SERVE_SECONDS, SERVE_OR_NULL, AT(lease_ns), 0, AF_BUS_LEASE_MAX_S, NULL, 0},
    {"max", SERVE_INTEGER, SERVE_OR_NULL, AT(max), 1, AF_BUS_TAKE_MAX, NULL, 0},
    {"ack", SERVE_TEXTS, SERVE_OR_NULL, AT(ack), 0, ACKS_MAX, NULL, 0},
    {"holder", SERVE_TEXT, SERVE_OR_NULL, AT(holder), 0, ID_MAX, NULL, 0},
    {"mark", SERVE_INTEGER, SERVE_OR_NULL, AT(mark), 0, INT64_MAX, NULL, 0},
    {"begins", SERVE_BOOLEAN, SERVE_OR_NULL, AT(begins), 0, 0, NULL, 0},
    {"age", SERVE_TEXT, SERVE_OR_NULL, AT(age), 0, ID_MAX, NULL, 0},
    {"early", SERVE_BOOLEAN, SERVE_OR_NULL, AT(early), 0, 0, NULL, 0},
    {"again", SERVE_BOOLEAN, SERVE_OR_NULL, AT(again), 0, 0, NULL, 0},
    REJECT_ROW,
    {0},
};

static const struct serve_field ack_rows[] = {
    {"task_id", SERVE_TEXT, SERVE_NEEDED, AT(task), 1, ID_MAX, NULL, 0},
    {"channel", SERVE_TEXT, SERVE_NEEDED, AT(channel), 1, ID_MAX, NULL, 0},
    {"ack", SERVE_TEXTS, SERVE_NEEDED, AT(ack), 0, ACKS_MAX, NULL, 0},
    {"holder", SERVE_TEXT, SERVE_OR_NULL, AT(holder), 0, ID_MAX, NULL, 0},
    {"mark", SERVE_INTEGER, SERVE_OR_NULL, AT(mark), 0, INT64_MAX, NULL, 0},
    {"begins", SERVE_BOOLEAN, SERVE_OR_NULL, AT(begins), 0, 0, NULL, 0},
    {"age", SERVE_TEXT, SERVE_OR_NULL, AT(age), 0, ID_MAX, NULL, 0},
    {"release", SERVE_BOOLEAN, SERVE_OR_NULL, AT(release), 0, 0, NULL, 0},
    REJECT_ROW,
    {0},
};

#define AGAIN_ROWS                                                                                 \
    {"task_id", SERVE_TEXT, SERVE_NEEDED, AT(task), 1, ID_MAX, NULL, 0},                           \
        {"channel", SERVE_TEXT, SERVE_NEEDED, AT(channel), 1, ID_MAX, NULL, 0},                    \
    {                                                                                              \
        "message_uuids", SERVE_TEXTS, SERVE_OR_NULL, AT(ack), 0, AF_BUS_DEAD_MAX, NULL, 0          \
    }

static const struct serve_field again_rows[] = {AGAIN_ROWS, {0}};
static const struct serve_field admin_again_rows[] = {
    AGAIN_ROWS,
    {"node_id", SERVE_TEXT, SERVE_NEEDED, AT(node), 1, ID_MAX, NULL, 0},
    {0},
};

static bool read(struct serve_reading *reading, const struct serve_field *rows,
                 struct serve_pop *pop, const char *body, size_t len)
{
    memset(pop, 0, sizeof *pop);
    return af_serve_read(reading, rows, pop, body == NULL ? "" : body, len);
}

bool af_serve_read_pop(struct serve_reading *reading, struct serve_pop *pop, const char *body,
                       size_t len)
{
    return read(reading, pop_rows, pop, body, len);
}

bool af_serve_read_ack(struct serve_reading *reading, struct serve_pop *ack, const char *body,
                       size_t len)
{
    return read(reading, ack_rows, ack, body, len);
}

bool af_serve_read_again(struct serve_reading *reading, struct serve_pop *again, const char *body,
                         size_t len)
{
    return read(reading, again_rows, again, body, len);
}

bool af_serve_read_admin_again(struct serve_reading *reading, struct serve_pop *again,
                               const char *body, size_t len)
{
    return read(reading, admin_again_rows, again, body, len);
}
