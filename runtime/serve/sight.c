/* sight.c: the contracts of a task as they pass, for a page that looks at it: types, sizes, names
 * and times, never contents.
 *
 * Nothing is noted of tasks that nobody looks at, and that is one comparison. Of one that is, the
 * last rows are kept, each as the text that it is told by, until nobody has asked for a while. */
#include "serve/impl.h"

#include "base/bounds.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "serve/requests.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct serve_sight {
    struct serve_sight *next;
    char *task;
    int64_t asked_ns;
    uint64_t count; /* of rows that were noted; the last AF_SERVE_SIGHT_ROWS are kept */
    char *rows[AF_SERVE_SIGHT_ROWS];
};

static void forget(struct serve_sight **at)
{
    struct serve_sight *sight = *at;
    *at = sight->next;
    for (size_t i = 0; i < AF_SERVE_SIGHT_ROWS; i++)
        free(sight->rows[i]);
    free(sight->task);
    free(sight);
}

void af_serve_sights_free(struct af_serve *serve)
{
    while (serve->sights != NULL)
        forget(&serve->sights);
}

static struct serve_sight *find(struct af_serve *serve, const char *task)
{
    struct serve_sight **at = &serve->sights;
    int64_t now_ns = serve->sights == NULL ? 0 : af_loop_now_ns(serve->loop);
    while (*at != NULL && strcmp((*at)->task, task) != 0) {
        if (now_ns - (*at)->asked_ns > AF_SERVE_SIGHT_NS)
            forget(at);
        else
            at = &(*at)->next;
    }
    return *at;
}

/* ---- Noting. ---- */

static struct af_buf begin(struct serve_call *call, const struct serve_sight *sight,
                           const char *what)
{
    struct af_buf row = AF_BUF_EMPTY;
    af_buf_printf(&row, "{\"n\":%" PRIu64 ",\"t\":%" PRId64 ",\"what\":\"%s\"", sight->count,
                  af_loop_wall_ns(call->serve->loop) / AF_MS_NS, what);
    return row;
}

static void add(struct serve_sight *sight, struct af_buf *row)
{
    char **place = &sight->rows[sight->count++ % AF_SERVE_SIGHT_ROWS];
    af_buf_append_char(row, '}');
    free(*place);
    *place = af_buf_take(row);
}

/* What there is to be seen of a contract. */
static void add_contract(struct af_buf *row, const struct af_bus_item *item)
{
    struct af_buf type = AF_BUF_EMPTY;
    af_bus_item_type(item, &type);
    af_json_add_text(row, "uuid", item->uuid);
    af_json_add_text(row, "from", item->sender);
    af_json_add_text(row, "title", item->title);
    af_json_add_text(row, "type", af_buf_text(&type));
    af_json_add_integer(row, "bytes", (int64_t)item->content_len);
    af_buf_release(&type);
}

void af_serve_saw_push(struct serve_call *call, const struct af_bus_result *result)
{
    const struct serve_push *push = call->request;
    for (size_t i = 0; i < push->count && i < result->count; i++) {
        const struct af_bus_post *post = &push->posts[i];
        struct serve_sight *sight = find(call->serve, post->task);
        if (sight == NULL)
            continue;
        struct af_buf row = begin(call, sight, "pushed");
        add_contract(&row, &(struct af_bus_item){.uuid = result->uuids[i],
                                                 .sender = post->sender,
                                                 .title = post->title,
                                                 .content = post->content,
                                                 .content_len = post->content_len});
        af_json_add_texts(&row, "to", post->targets,
                          post->target_count > AF_SERVE_SIGHT_TARGETS ? AF_SERVE_SIGHT_TARGETS
                                                                      : post->target_count);
        af_json_add_integer(&row, "nodes", (int64_t)post->target_count);
        add(sight, &row);
    }
}

void af_serve_saw_pop(struct serve_call *call, const struct af_bus_result *result)
{
    const struct serve_pop *pop = call->request;
    struct serve_sight *sight = find(call->serve, pop->task);
    const struct serve_reject *rejects = pop->reject.items;
    size_t told = sight == NULL ? 0 : pop->ack.count + pop->reject.count;
    for (size_t i = 0; i < told; i++) {
        bool is_done = i < pop->ack.count;
        struct af_buf row = begin(call, sight, is_done ? "acknowledged" : "rejected");
        af_json_add_text(&row, "uuid",
                         is_done ? pop->ack.items[i] : rejects[i - pop->ack.count].uuid);
        af_json_add_texts(&row, "to", &call->node, 1);
        add(sight, &row);
    }
    for (size_t i = 0; sight != NULL && i < result->count; i++) {
        struct af_buf row = begin(call, sight, "handed out");
        add_contract(&row, &result->items[i]);
        af_json_add_texts(&row, "to", &call->node, 1);
        add(sight, &row);
    }
}

/* ---- Telling. ---- */

static void add_parked(struct af_buf *out, const struct af_serve *serve)
{
    int64_t now_ns = af_loop_now_ns(serve->loop);
    for (const struct serve_call *call = serve->parked; call != NULL; call = call->next) {
        const struct serve_pop *pop = call->request;
        af_json_open(out, '{');
        af_json_add_text(out, "task_id", pop->task);
        af_json_add_text(out, "node_id", call->node);
        af_json_add_text(out, "channel", pop->channel);
        af_json_add_integer(out, "ms", (now_ns - call->began_ns) / AF_MS_NS);
        af_buf_append_char(out, '}');
    }
}

static struct serve_sight *look_at(struct af_serve *serve, const char *task)
{
    struct serve_sight *sight = find(serve, task);
    size_t count = 0;
    if (sight == NULL) {
        sight = af_mem_zero(1, sizeof *sight);
        sight->task = af_mem_string(task);
        sight->next = serve->sights;
        serve->sights = sight;
        for (struct serve_sight **at = &serve->sights; *at != NULL;)
            if (++count > AF_SERVE_SIGHTS_MAX)
                forget(at);
            else
                at = &(*at)->next;
    }
    sight->asked_ns = af_loop_now_ns(serve->loop);
    return sight;
}

/* Of which task the call is told, or NULL; and from which row on. */
static const char *task_of(struct serve_call *call)
{
    const char *task = af_exchange_query(call->exchange, "task");
    const char *after = af_exchange_query(call->exchange, "after");
    if (!call->has_row)
        call->row = after == NULL ? 0 : strtoull(after, NULL, 10);
    return task != NULL && strlen(task) <= AF_BUS_ID_BYTES_MAX ? task : NULL;
}

bool af_serve_sees_more(struct serve_call *call)
{
    const char *task = task_of(call);
    return task != NULL && (look_at(call->serve, task)->count != call->row || !call->has_row);
}

/* GET /ui/live: polls that wait; ?task=T&after=N: and its contracts from number N on. */
void af_serve_ui_live(struct serve_call *call)
{
    const char *task = task_of(call);
    struct af_buf out = af_serve_data();
    af_buf_printf(&out, "{\"format\":1,\"kind\":\"ui-live\",\"now\":%" PRId64 ",\"parked\":[",
                  af_loop_wall_ns(call->serve->loop) / AF_MS_NS);
    add_parked(&out, call->serve);
    af_buf_append_char(&out, ']');
    if (task != NULL) {
        const struct serve_sight *sight = look_at(call->serve, task);
        uint64_t kept = sight->count > AF_SERVE_SIGHT_ROWS ? sight->count - AF_SERVE_SIGHT_ROWS : 0;
        uint64_t from = call->row > sight->count || call->row < kept ? kept : call->row;
        af_json_add_text(&out, "task_id", task);
        af_buf_printf(&out, ",\"next\":%" PRIu64 ",\"contracts\":[", sight->count);
        for (uint64_t n = from; n < sight->count; n++)
            af_buf_printf(&out, "%s%s", n == from ? "" : ",", sight->rows[n % AF_SERVE_SIGHT_ROWS]);
        call->row = sight->count;
        call->has_row = true;
        af_buf_append_char(&out, ']');
    }
    af_buf_append_char(&out, '}');
    af_serve_send(call, &out);
}
