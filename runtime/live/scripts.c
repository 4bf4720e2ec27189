/* scripts.c: sequential scripts and roles for real: a link for each task and channel that the
 * script names; what arrives while no loop listens waits in a box.
 *
 * A contract is acknowledged when the script comes back for the next one, or ends well: a script
 * that dies with it starts again from its first line, and finds it again. */
#include "live/impl.h"

#include "base/bounds.h"
#include "json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "script/calls.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A contract that came and was not given to the script. */
struct held {
    struct held *next;
    struct af_arena arena;
    const char *type, *from, *uuid, *content;
    size_t type_len, content_len;
    int64_t time_s, id;
};

struct box {
    struct box *next;
    char *task, *channel, *node;
    struct af_link *link;
    struct held *first, **last;
    int64_t given; /* the id of what the script has now; 0: none */
};

enum wait { WAIT_NONE, WAIT_EVENT, WAIT_SLEEP, WAIT_SENT };

struct af_live_sequential {
    struct af_live *live;
    struct af_script_party *party;
    const char *node; /* who it is now, NULL: nobody, outside of any mock context */
    const char *shown;
    bool in_context, clean;
    const char **nodes; /* those of the mock context */
    size_t node_count;
    struct box *boxes;
    enum wait wait;
    uint64_t call; /* that it waits in */
    struct box *waits_at;
    struct af_request_filter filter; /* the types that it waits for */
    struct af_request wanted;        /* of a wait for events: what the filter is of */
    struct af_timer *timer;
    bool ended;
    struct af_buf reasons; /* of contracts that were not delivered: each is told once */
    struct af_buf waits;
};

/* ---- Boxes. ---- */

static struct box *find_box(struct af_live_sequential *sequential, const struct af_link *link)
{
    struct box *box = sequential->boxes;
    while (box != NULL && box->link != link)
        box = box->next;
    return box;
}

static void held_free(struct held *held)
{
    af_arena_release(&held->arena);
    free(held);
}

static void box_free(struct box *box)
{
    while (box->first != NULL) {
        struct held *held = box->first;
        box->first = held->next;
        held_free(held);
    }
    af_link_free(box->link);
    free(box->task);
    free(box->channel);
    free(box->node);
    free(box);
}

static void came(void *arg, struct af_link *link, const struct af_bus_item *item);

static void begun(void *arg, const struct af_bus_result *result)
{
    struct af_live *live = arg;
    if (result->code != AF_BUS_OK && result->code != AF_BUS_CANCELLED)
        af_live_tell(live, "the task cannot be cleared: %s", result->why);
}

static bool knows_task(const struct af_live_sequential *sequential, const char *task)
{
    for (const struct box *box = sequential->boxes; box != NULL; box = box->next)
        if (strcmp(box->task, task) == 0)
            return true;
    return false;
}

/* The box of a task and channel, for the node that the script is now. */
static struct box *box_of(struct af_live_sequential *sequential, const char *task,
                          const char *channel)
{
    struct af_live *live = sequential->live;
    for (struct box *box = sequential->boxes; box != NULL; box = box->next)
        if (strcmp(box->task, task) == 0 && strcmp(box->channel, channel) == 0 &&
            strcmp(box->node, sequential->node) == 0)
            return box;
    if (live->options->mock && !knows_task(sequential, task))
        af_bus_begin(live->bus, task, sequential->clean, begun, live);
    struct box *box = af_mem_zero(1, sizeof *box);
    box->task = af_mem_string(task);
    box->channel = af_mem_string(channel);
    box->node = af_mem_string(sequential->node);
    struct af_link_spec spec = {.bus = live->bus,
                                .loop = live->loop,
                                .task = task,
                                .channel = channel,
                                .node = sequential->node,
                                .holder = live->holder,
                                .owner = af_live_link_owner(live, came)};
    box->link = af_link_new(&spec);
    box->next = sequential->boxes;
    sequential->boxes = box;
    return box;
}

static struct held *take_held(struct box *box, const struct af_request_filter *filter)
{
    struct held **at = &box->first;
    for (; *at != NULL; at = &(*at)->next) {
        struct held *held = *at;
        if (!af_request_lets(filter, held->type))
            continue;
        *at = held->next;
        if (held->next == NULL)
            box->last = at;
        return held;
    }
    return NULL;
}

/* What the script was given before is dealt with. */
static void settle(struct box *box)
{
    if (box->given != 0)
        af_link_ack(box->link, box->given);
    box->given = 0;
}

/* A script that passes over what it does not want must not be kept from what comes behind: where
 * its hands are full of that, it is acknowledged, and held here alone. */
static void make_room(struct box *box)
{
    if (af_link_in_hand(box->link) < AF_BUS_WINDOW)
        return;
    for (const struct held *held = box->first; held != NULL; held = held->next)
        af_link_ack(box->link, held->id);
}

/* ---- Events. ---- */

static void stop_waiting(struct af_live_sequential *sequential)
{
    af_timer_cancel(sequential->timer);
    sequential->timer = NULL;
    sequential->wait = WAIT_NONE;
    sequential->filter = (struct af_request_filter){NULL, NULL};
    af_request_release(&sequential->wanted);
}

static void give(struct af_live_sequential *sequential, struct box *box, struct held *held_take)
{
    struct af_live *live = sequential->live;
    struct held *held = held_take;
    struct af_script_event event = {held->type,       held->type_len,       held->from,
                                    held->uuid,       (double)held->time_s, held->content,
                                    held->content_len};
    uint64_t call = sequential->call;
    box->given = held->id;
    stop_waiting(sequential);
    af_live_moved(live);
    af_script_give_event(sequential->party, call, &event, af_loop_wall_ns(live->loop));
    held_free(held);
}

static void came(void *arg, struct af_link *link, const struct af_bus_item *item)
{
    struct af_live *live = arg;
    struct af_live_sequential *sequential = live->sequential;
    struct box *box = find_box(sequential, link);
    struct af_buf type = AF_BUF_EMPTY;
    live->result->received++;
    if (!af_bus_item_type(item, &type)) {
        af_live_tell(live, "a contract from %.100s is not delivered: its content is no JSON object",
                     item->sender == NULL ? "an unknown sender" : item->sender);
        live->result->unexpected++;
        af_link_ack(link, item->id);
        af_buf_release(&type);
        return;
    }
    struct held *held = af_mem_zero(1, sizeof *held);
    held->type = af_arena_copy(&held->arena, af_buf_text(&type), type.len);
    held->type_len = type.len;
    held->from = af_arena_string(&held->arena, item->sender);
    held->uuid = af_arena_string(&held->arena, item->uuid);
    held->content = af_arena_copy(&held->arena, item->content, item->content_len);
    held->content_len = item->content_len;
    held->time_s = item->time_s;
    held->id = item->id;
    if (box->first == NULL)
        box->last = &box->first;
    *box->last = held;
    box->last = &held->next;
    af_buf_release(&type);
    if (sequential->wait != WAIT_EVENT || sequential->waits_at != box)
        return;
    struct held *wanted = take_held(box, &sequential->filter);
    if (wanted != NULL)
        give(sequential, box, wanted);
    else
        make_room(box);
}

static void time_is_over(void *arg)
{
    struct af_live_sequential *sequential = arg;
    bool sleeps = sequential->wait == WAIT_SLEEP;
    sequential->timer = NULL;
    stop_waiting(sequential);
    af_calls_answer(sequential->live->calls, sequential->party, sequential->call,
                    sleeps ? "null" : "{\"over\":true}");
}

static void next_event(struct af_live_sequential *sequential, const struct af_script_call *call,
                       const struct af_request *request)
{
    struct af_live *live = sequential->live;
    struct box *box = box_of(sequential, af_request_string(request, "task"),
                             af_request_string(request, "channel"));
    double until_s;
    settle(box);
    sequential->call = call->id;
    sequential->waits_at = box;
    af_request_read(&sequential->wanted, call->request, call->request_len);
    sequential->filter = af_request_filter(&sequential->wanted);
    sequential->wait = WAIT_EVENT;
    struct held *held = take_held(box, &sequential->filter);
    if (held != NULL) {
        give(sequential, box, held);
        return;
    }
    af_link_listen(box->link);
    make_room(box);
    if (!af_request_number(request, "until_s", &until_s))
        return;
    int64_t delay_ns = (int64_t)llround(until_s * 1e9) - af_loop_wall_ns(live->loop);
    if (delay_ns <= 0) {
        stop_waiting(sequential);
        af_calls_answer(live->calls, sequential->party, call->id, "{\"over\":true}");
        return;
    }
    sequential->timer = af_timer_start(live->loop, delay_ns, time_is_over, sequential);
}

static void wait_for_time(struct af_live_sequential *sequential, uint64_t call,
                          const struct af_request *request)
{
    double seconds = 0;
    af_request_number(request, "seconds", &seconds);
    sequential->call = call;
    sequential->wait = WAIT_SLEEP;
    sequential->timer = af_timer_start(sequential->live->loop, (int64_t)llround(seconds * 1e9),
                                       time_is_over, sequential);
}

/* ---- Publishing. ---- */

static bool knows(const struct af_live_sequential *sequential, const char *id)
{
    if (!sequential->live->options->mock || strcmp(sequential->node, id) == 0)
        return true; /* the bus knows the nodes */
    for (size_t i = 0; i < sequential->node_count; i++)
        if (strcmp(sequential->nodes[i], id) == 0)
            return true;
    return sequential->node_count == 0;
}

/* In a mock context EVERYONE is its nodes, and this one. */
static bool everyone(const struct af_live_sequential *sequential, struct af_bus_post *post,
                     const char **room)
{
    size_t count = 0;
    bool self = false;
    if (!sequential->live->options->mock)
        return true;
    for (size_t i = 0; i < sequential->node_count; i++) {
        self = self || strcmp(sequential->nodes[i], sequential->node) == 0;
        room[count++] = sequential->nodes[i];
    }
    if (count > 0 && !self)
        room[count++] = sequential->node;
    post->targets = room;
    post->target_count = count;
    return count > 0;
}

static void publish(struct af_live_sequential *sequential, const struct af_script_call *call,
                    const struct af_request *request)
{
    struct af_live *live = sequential->live;
    const struct af_request_field *list = af_request_list(request, "targets");
    struct af_bus_post post = {.title = af_request_string(request, "title"),
                               .uuid = af_request_string(request, "uuid"),
                               .targets = (const char *const *)list->items,
                               .target_count = list->item_count,
                               .content = call->bytes,
                               .content_len = call->bytes_len,
                               .time_s = af_loop_wall_ns(live->loop) / AF_S_NS};
    bool all = list->item_count == 1 && strcmp(list->items[0], "*") == 0;
    const char **room = af_mem_zero(sequential->node_count + 1, sizeof *room);
    const char *stranger = NULL;
    for (size_t i = 0; !all && i < list->item_count && stranger == NULL; i++)
        stranger = knows(sequential, list->items[i]) ? NULL : list->items[i];
    if (stranger != NULL) {
        af_calls_refuse(live->calls, sequential->party, call->id, "'%s' is no node of the task",
                        stranger);
    } else if (all && !everyone(sequential, &post, room)) {
        af_calls_refuse(live->calls, sequential->party, call->id,
                        "EVERYONE reaches nobody: the mock context names no nodes");
    } else {
        struct box *box = box_of(sequential, af_request_string(request, "task"),
                                 af_request_string(request, "channel"));
        sequential->call = call->id;
        sequential->wait = WAIT_SENT;
        sequential->waits_at = box;
        live->result->sent++;
        af_link_send(box->link, &post);
    }
    free(room);
}

void af_live_sequential_sent(struct af_live_sequential *sequential, struct af_link *link)
{
    if (sequential->wait != WAIT_SENT || sequential->waits_at->link != link)
        return;
    stop_waiting(sequential);
    af_calls_answer(sequential->live->calls, sequential->party, sequential->call, "null");
}

bool af_live_sequential_refused(struct af_live_sequential *sequential, struct af_link *link,
                                const char *why)
{
    if (sequential->wait != WAIT_SENT || sequential->waits_at->link != link)
        return false;
    stop_waiting(sequential);
    af_calls_refuse(sequential->live->calls, sequential->party, sequential->call, "%s", why);
    return true;
}

/* ---- Who and where it is. ---- */

/* --bus and --node say that the script runs for real, whatever its mock context says; but not as
 * another node than the script means. */
static void pass_over_mock(struct af_live_sequential *sequential, uint64_t call, const char *id)
{
    struct af_live *live = sequential->live;
    if (id != NULL && strcmp(id, live->options->node) != 0) {
        af_calls_refuse(live->calls, sequential->party, call,
                        "mock_context: it is '%s', but the script runs for real, as node '%s'", id,
                        live->options->node);
        return;
    }
    if (!live->options->quiet)
        af_log(AF_LOG_INFO, "%s: its mock context is passed over: it runs for real, on %s",
               live->options->node, live->options->bus);
    sequential->in_context = true;
    af_calls_answer(live->calls, sequential->party, call, "null");
}

static void mock_enter(struct af_live_sequential *sequential, uint64_t call,
                       const struct af_request *request)
{
    struct af_live *live = sequential->live;
    const char *id = af_request_string(request, "id");
    const struct af_request_field *nodes = af_request_list(request, "nodes");
    if (sequential->in_context) {
        af_calls_refuse(live->calls, sequential->party, call,
                        "mock_context: is within another one");
        return;
    }
    if (!live->options->mock) {
        pass_over_mock(sequential, call, id);
        return;
    }
    sequential->node_count = nodes == NULL ? 0 : nodes->item_count;
    sequential->nodes =
        nodes == NULL ? NULL
                      : (const char **)af_arena_strings(
                            &live->names, (const char *const *)nodes->items, nodes->item_count);
    if (id == NULL && sequential->node_count > 0)
        id = sequential->nodes[0];
    if (id == NULL) {
        af_calls_refuse(live->calls, sequential->party, call,
                        "mock_context: needs an id where the store is shared");
        return;
    }
    sequential->node = sequential->shown = af_live_name(live, id);
    sequential->in_context = true;
    sequential->clean = af_request_bool(request, "clean");
    af_calls_answer(live->calls, sequential->party, call, "null");
}

static void mock_leave(struct af_live_sequential *sequential, uint64_t call)
{
    for (struct box *box = sequential->boxes; box != NULL; box = box->next)
        settle(box);
    sequential->in_context = false;
    sequential->node = sequential->live->options->node;
    sequential->node_count = 0;
    af_calls_answer(sequential->live->calls, sequential->party, call, "null");
}

static void append_ids(struct af_buf *out, const char *const *ids, size_t count)
{
    af_buf_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            af_buf_append_char(out, ',');
        af_json_write_string(out, ids[i], strlen(ids[i]));
    }
    af_buf_append_char(out, ']');
}

static void tell_who(struct af_live_sequential *sequential, uint64_t call)
{
    struct af_buf reply = AF_BUF_EMPTY;
    af_buf_printf(&reply,
                  "{\"mock\":%s,\"id\":", sequential->live->options->mock ? "true" : "false");
    if (sequential->node == NULL ||
        !af_json_write_string(&reply, sequential->node, strlen(sequential->node)))
        af_buf_append_string(&reply, "null");
    af_buf_append_string(&reply, ",\"nodes\":");
    append_ids(&reply, sequential->nodes, sequential->node_count);
    af_buf_append_char(&reply, '}');
    af_calls_answer(sequential->live->calls, sequential->party, call, af_buf_text(&reply));
    af_buf_release(&reply);
}

struct question {
    struct af_live_sequential *sequential;
    uint64_t call;
};

static void members_came(void *arg, const struct af_bus_result *result)
{
    struct question *question = arg;
    struct af_live_sequential *sequential = question->sequential;
    if (result->code == AF_BUS_CANCELLED || sequential->ended) {
        free(question);
        return;
    }
    if (result->code != AF_BUS_OK) {
        af_calls_refuse(sequential->live->calls, sequential->party, question->call,
                        "query_nodes: %s", result->why);
    } else {
        struct af_buf reply = AF_BUF_EMPTY;
        const char **ids = af_mem_zero(result->count, sizeof *ids);
        for (size_t i = 0; i < result->count; i++)
            ids[i] = result->members[i].node;
        append_ids(&reply, ids, result->count);
        af_calls_answer(sequential->live->calls, sequential->party, question->call,
                        af_buf_text(&reply));
        af_buf_release(&reply);
        free(ids);
    }
    free(question);
}

static void tell_nodes(struct af_live_sequential *sequential, uint64_t call,
                       const struct af_request *request)
{
    struct af_live *live = sequential->live;
    if (!live->options->mock) {
        struct question *question = af_mem_alloc(sizeof *question);
        struct af_bus_member self = {.node = sequential->node};
        *question = (struct question){sequential, call};
        af_bus_members(live->bus, af_request_string(request, "task"), &self, members_came,
                       question);
        return;
    }
    struct af_buf reply = AF_BUF_EMPTY;
    append_ids(&reply, sequential->nodes, sequential->node_count);
    if (sequential->node_count == 0)
        af_log(AF_LOG_WARNING, "%s: query_nodes: the mock context names no nodes",
               sequential->node == NULL ? "script" : sequential->node);
    af_calls_answer(live->calls, sequential->party, call, af_buf_text(&reply));
    af_buf_release(&reply);
}

/* ---- Small calls. ---- */

static void log_line(struct af_live_sequential *sequential, const struct af_script_call *call)
{
    struct af_live *live = sequential->live;
    if (live->options->quiet)
        return;
    if (live->flow != NULL) {
        af_log_party(af_loop_now_ns(live->loop), sequential->node, call->bytes, call->bytes_len);
        return;
    }
    af_log_write_safe(stdout, call->bytes, call->bytes_len); /* a script's own output */
    putchar('\n');
    fflush(stdout);
}

static void reject(struct af_live_sequential *sequential, uint64_t call,
                   const struct af_request *request)
{
    struct af_live *live = sequential->live;
    const char *why = af_request_string(request, "why");
    live->result->unexpected++;
    struct af_buf line = AF_BUF_EMPTY;
    af_buf_printf(&line, "\n%.300s\n", why == NULL ? "" : why);
    if (strstr(af_buf_text(&sequential->reasons), af_buf_text(&line)) == NULL) {
        if (sequential->reasons.len < 100000)
            af_buf_append_string(&sequential->reasons, af_buf_text(&line));
        af_log(AF_LOG_WARNING, "%s: a contract was not delivered: %s", sequential->node,
               why == NULL ? "" : why);
    }
    af_buf_release(&line);
    af_calls_answer(live->calls, sequential->party, call, "null");
}

/* Those that need no node. */
static bool take_outside(struct af_live_sequential *sequential, const struct af_asked *asked)
{
    switch (asked->number) {
    case AF_CALL_WHOAMI:
        tell_who(sequential, asked->call->id);
        return true;
    case AF_CALL_SLEEP:
        wait_for_time(sequential, asked->call->id, &asked->request);
        return true;
    case AF_CALL_MOCK_ENTER:
        mock_enter(sequential, asked->call->id, &asked->request);
        return true;
    case AF_CALL_MOCK_LEAVE:
        mock_leave(sequential, asked->call->id);
        return true;
    default:
        return false;
    }
}

static void take_at_node(struct af_live_sequential *sequential, const struct af_asked *asked)
{
    switch (asked->number) {
    case AF_CALL_NEXT_EVENT:
        next_event(sequential, asked->call, &asked->request);
        break;
    case AF_CALL_PUBLISH:
        publish(sequential, asked->call, &asked->request);
        break;
    case AF_CALL_NODES:
        tell_nodes(sequential, asked->call->id, &asked->request);
        break;
    case AF_CALL_REJECT:
        reject(sequential, asked->call->id, &asked->request);
        break;
    default:
        if (!af_calls_common(sequential->live->calls, asked))
            af_calls_refuse(sequential->live->calls, sequential->party, asked->call->id,
                            "the host knows no such call");
    }
}

void af_live_sequential_call(struct af_live_sequential *sequential,
                             const struct af_script_call *call)
{
    struct af_live *live = sequential->live;
    struct af_asked asked;
    char why[200];
    if (af_script_call_number(call->name) == AF_CALL_LOG) {
        log_line(sequential, call);
        return;
    }
    int read = af_script_call_read(&asked, sequential->party, call, why, sizeof why);
    const char *task = af_request_string(&asked.request, "task");
    asked.node = sequential->node;
    asked.task = task != NULL ? task : live->options->task;
    if (read != 0)
        af_calls_refuse(live->calls, sequential->party, call->id, "%s", why);
    else if (!take_outside(sequential, &asked)) {
        if (sequential->node == NULL)
            af_calls_refuse(live->calls, sequential->party, call->id,
                            "there is no node outside of af.mock_context");
        else
            take_at_node(sequential, &asked);
    }
    af_request_release(&asked.request);
}

/* ---- Life. ---- */

static void over(void *arg, struct af_script_party *party, const struct af_effects *effects)
{
    struct af_live_sequential *sequential = arg;
    struct af_live *live = sequential->live;
    struct af_live_result *result = live->result;
    bool done = effects->outcome == AF_OUTCOME_DONE;
    (void)party;
    stop_waiting(sequential);
    sequential->ended = true;
    for (struct box *box = sequential->boxes; box != NULL && done; box = box->next)
        settle(box);
    if (done) {
        result->result = effects->text == NULL ? NULL : af_mem_string(effects->text);
    } else {
        result->raised = effects->outcome != AF_OUTCOME_FAILED;
        result->reason = af_mem_string(effects->text == NULL ? "" : effects->text);
        af_live_tell(live, "%s%s: %s", sequential->shown == NULL ? "script" : sequential->shown,
                     effects->outcome == AF_OUTCOME_FAILED ? " failed" : "", result->reason);
    }
    af_live_end(live, done ? AF_LIVE_DONE : AF_LIVE_FAILED);
}

int af_live_sequential_start(struct af_live *live, struct af_failure *why)
{
    struct af_live_sequential *sequential = af_mem_zero(1, sizeof *sequential);
    struct af_hash seed;
    randombytes_buf(&seed, sizeof seed);
    sequential->live = live;
    sequential->node = sequential->shown = live->options->node;
    live->sequential = sequential;
    sequential->party = af_script_party_new(live->script, live->member, seed, sequential, why);
    if (sequential->party == NULL)
        return -1;
    struct af_input input = {.kind = AF_INPUT_START, .now_ns = af_loop_wall_ns(live->loop)};
    af_script_deliver(sequential->party, &input, over, sequential);
    return 0;
}

void af_live_sequential_stop(struct af_live_sequential *sequential, const char *reason)
{
    if (sequential->ended)
        return;
    stop_waiting(sequential);
    af_script_withdraw(sequential->party);
    sequential->ended = true;
    sequential->live->result->reason = af_mem_string(reason);
    af_live_end(sequential->live, AF_LIVE_FAILED);
}

void af_live_sequential_free(struct af_live_sequential *sequential)
{
    stop_waiting(sequential);
    while (sequential->boxes != NULL) {
        struct box *box = sequential->boxes;
        sequential->boxes = box->next;
        box_free(box);
    }
    if (sequential->party != NULL)
        af_script_party_free(sequential->party);
    af_buf_release(&sequential->reasons);
    af_buf_release(&sequential->waits);
    free(sequential);
}

size_t af_live_sequential_links(struct af_live_sequential *sequential,
                                void (*each)(struct af_link *link, void *arg), void *arg)
{
    size_t count = 0;
    for (struct box *box = sequential->boxes; box != NULL; box = box->next, count++)
        if (each != NULL)
            each(box->link, arg);
    return count;
}

size_t af_live_sequential_unsent(const struct af_live_sequential *sequential)
{
    size_t count = 0;
    for (const struct box *box = sequential->boxes; box != NULL; box = box->next)
        count += af_link_unsent(box->link);
    return count;
}

const char *af_live_sequential_node(const struct af_live_sequential *sequential)
{
    return sequential->shown;
}

const char *af_live_sequential_waits(struct af_live_sequential *sequential)
{
    static const char *const words[] = {"runs", "for an event", "for time to pass",
                                        "for the bus to take what it sent"};
    af_buf_clear(&sequential->waits);
    af_buf_printf(&sequential->waits, "%s, at %s", words[sequential->wait],
                  af_script_party_where(sequential->party));
    return af_buf_text(&sequential->waits);
}
