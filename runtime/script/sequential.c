/* sequential.c: see sequential.h. */
#include "script/sequential.h"

#include "base/buf.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "script/file_store.h"
#include "script/script.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer(struct af_sequential *sequential, const struct af_asked *asked,
                   const char *reply)
{
    sequential->owner->answer(sequential, asked->call->id, reply, NULL);
}

static void refuse(struct af_sequential *sequential, const struct af_asked *asked, const char *why)
{
    sequential->owner->answer(sequential, asked->call->id, NULL, why);
}

/* ---- Waiting for events, and for time. ---- */

static void stop_waiting(struct af_sequential *sequential)
{
    af_timer_cancel(sequential->timer);
    sequential->timer = NULL;
    sequential->wait = AF_SEQUENTIAL_RUNS;
    sequential->filter = (struct af_request_filter){NULL, NULL};
    af_request_release(&sequential->wanted);
}

bool af_sequential_wants(const struct af_sequential *sequential, const struct af_box *box,
                         const char *type)
{
    return sequential->wait == AF_SEQUENTIAL_EVENT && sequential->waits_at == box &&
           af_request_lets(&sequential->filter, type);
}

void af_sequential_give(struct af_sequential *sequential, const struct af_script_event *event)
{
    stop_waiting(sequential);
    af_script_give_event(sequential->party, sequential->call, event,
                         sequential->owner->now_ns(sequential));
}

void af_sequential_answer(struct af_sequential *sequential, const char *reply, const char *failure)
{
    stop_waiting(sequential);
    sequential->owner->answer(sequential, sequential->call, reply, failure);
}

static void time_is_over(void *arg)
{
    struct af_sequential *sequential = arg;
    bool sleeps = sequential->wait == AF_SEQUENTIAL_SLEEP;
    sequential->timer = NULL;
    if (!sleeps && sequential->owner->waited != NULL)
        sequential->owner->waited(sequential);
    af_sequential_answer(sequential, sleeps ? "null" : "{\"over\":true}", NULL);
}

static void note_wait(const struct af_sequential *sequential, const char *function)
{
    if (sequential->owner->waits != NULL)
        sequential->owner->waits(sequential, function);
}

static void next_event(struct af_sequential *sequential, const struct af_asked *asked)
{
    const struct af_sequential_owner *owner = sequential->owner;
    struct af_box *box = af_boxes_find(sequential->boxes, sequential->node,
                                       af_request_string(&asked->request, "task"),
                                       af_request_string(&asked->request, "channel"));
    struct af_request_filter filter = af_request_filter(&asked->request);
    double until_s;
    if (owner->settle != NULL)
        owner->settle(box);
    sequential->call = asked->call->id;
    sequential->waits_at = box;
    void *contract = af_box_take(box, &filter);
    if (contract != NULL) {
        owner->give(sequential, box, contract);
        return;
    }
    sequential->wait = AF_SEQUENTIAL_EVENT;
    af_request_read(&sequential->wanted, asked->call->request, asked->call->request_len);
    sequential->filter = af_request_filter(&sequential->wanted);
    if (owner->listen != NULL)
        owner->listen(sequential, box);
    if (af_request_number(&asked->request, "until_s", &until_s)) {
        int64_t delay_ns = (int64_t)llround(until_s * 1e9) - owner->now_ns(sequential);
        if (delay_ns <= 0) {
            af_sequential_answer(sequential, "{\"over\":true}", NULL);
            return;
        }
        sequential->timer = af_timer_start(sequential->loop, delay_ns, time_is_over, sequential);
    }
    note_wait(sequential, "contract_events");
}

static void wait_for_time(struct af_sequential *sequential, const struct af_asked *asked)
{
    double seconds = 0;
    af_request_number(&asked->request, "seconds", &seconds);
    sequential->call = asked->call->id;
    sequential->wait = AF_SEQUENTIAL_SLEEP;
    sequential->timer =
        af_timer_start(sequential->loop, (int64_t)llround(seconds * 1e9), time_is_over, sequential);
    note_wait(sequential, "af.sleep");
}

/* ---- Publishing. ---- */

static bool names(const struct af_sequential *sequential, const char *id)
{
    for (size_t i = 0; i < sequential->node_count; i++)
        if (strcmp(sequential->nodes[i], id) == 0)
            return true;
    return false;
}

/* Where nobody is named, and where the bus knows the nodes, anybody may be one. */
static const char *stranger(const struct af_sequential *sequential,
                            const struct af_request_field *list)
{
    if (sequential->real || sequential->node_count == 0)
        return NULL;
    for (size_t i = 0; i < list->item_count; i++)
        if (!names(sequential, list->items[i]) && strcmp(sequential->node, list->items[i]) != 0)
            return list->items[i];
    return NULL;
}

/* EVERYONE is the nodes that are named, and this one; for real, the bus knows who that is. */
static void publish_to_all(struct af_sequential *sequential, const struct af_asked *asked,
                           const struct af_request_field *list)
{
    if (sequential->real) {
        sequential->owner->send(sequential, asked, (const char *const *)list->items, 1);
        return;
    }
    size_t count = sequential->node_count;
    if (count == 0) {
        refuse(sequential, asked, "EVERYONE reaches nobody: the mock context names no nodes");
        return;
    }
    const char **targets = af_mem_zero(count + 1, sizeof *targets);
    for (size_t i = 0; i < count; i++)
        targets[i] = sequential->nodes[i];
    if (!names(sequential, sequential->node))
        targets[count++] = sequential->node; /* the sender's own copy */
    sequential->owner->send(sequential, asked, targets, count);
    free(targets);
}

static void publish(struct af_sequential *sequential, const struct af_asked *asked)
{
    const struct af_request_field *list = af_request_list(&asked->request, "targets");
    if (list->item_count == 1 && strcmp(list->items[0], "*") == 0) {
        publish_to_all(sequential, asked, list);
        return;
    }
    const char *id = stranger(sequential, list);
    if (id != NULL) {
        char why[AF_FAILURE_TEXT_MAX];
        snprintf(why, sizeof why, "'%s' is no node of the task", id);
        refuse(sequential, asked, why);
        return;
    }
    sequential->owner->send(sequential, asked, (const char *const *)list->items, list->item_count);
}

static void reject(struct af_sequential *sequential, const struct af_asked *asked)
{
    const char *why = af_request_string(&asked->request, "why");
    why = why == NULL ? "" : why;
    if (sequential->owner->rejected(sequential, &asked->request, why))
        af_log(AF_LOG_WARNING, "%s: a contract was not delivered: %s", sequential->node, why);
    answer(sequential, asked, "null");
}

/* ---- Who and where it is. ---- */

void af_sequential_set_nodes(struct af_sequential *sequential, const char *const *nodes,
                             size_t count)
{
    for (size_t i = 0; i < sequential->node_count; i++)
        free(sequential->nodes[i]);
    free(sequential->nodes);
    sequential->nodes = count == 0 ? NULL : af_mem_zero(count, sizeof(char *));
    sequential->node_count = count;
    for (size_t i = 0; i < count; i++)
        sequential->nodes[i] = af_mem_string(nodes[i]);
}

static void mock_enter(struct af_sequential *sequential, const struct af_asked *asked)
{
    const struct af_request_field *nodes = af_request_list(&asked->request, "nodes");
    const char *id = af_request_string(&asked->request, "id");
    if (sequential->in_context) {
        refuse(sequential, asked, "mock_context: is within another one");
        return;
    }
    if (sequential->owner->enters != NULL && !sequential->owner->enters(sequential, asked))
        return;
    if (nodes != NULL)
        af_sequential_set_nodes(sequential, (const char *const *)nodes->items, nodes->item_count);
    if (id == NULL && sequential->node_count > 0)
        id = sequential->nodes[0];
    if (id != NULL)
        sequential->node = sequential->owner->name(sequential, id);
    sequential->shown = sequential->node;
    sequential->in_context = true;
    sequential->owner->entered(sequential, asked);
    answer(sequential, asked, "null");
}

static void settle_all(struct af_sequential *sequential)
{
    for (size_t i = 0; sequential->owner->settle != NULL && i < sequential->boxes->all_count; i++)
        sequential->owner->settle(sequential->boxes->all[i]);
}

static void mock_leave(struct af_sequential *sequential, const struct af_asked *asked)
{
    settle_all(sequential);
    if (sequential->in_context)
        af_sequential_set_nodes(sequential, NULL, 0);
    sequential->in_context = false;
    sequential->node = sequential->home;
    answer(sequential, asked, "null");
}

static void tell_nodes(struct af_sequential *sequential, const struct af_asked *asked)
{
    const struct af_script_who who = {
        sequential->mock || (sequential->in_context && !sequential->real), sequential->node};
    struct af_buf reply = AF_BUF_EMPTY;
    if (asked->number == AF_CALL_NODES && sequential->real) {
        sequential->owner->ask_nodes(sequential, asked);
        return;
    }
    af_script_tell_nodes(&reply, asked->number == AF_CALL_WHOAMI ? &who : NULL,
                         (const char *const *)sequential->nodes, sequential->node_count);
    if (asked->number == AF_CALL_NODES && sequential->node_count == 0)
        af_log(AF_LOG_WARNING, "%s: query_nodes: the mock context names no nodes",
               sequential->node);
    answer(sequential, asked, af_buf_text(&reply));
    af_buf_release(&reply);
}

/* ---- Bytes that it keeps, for as long as it runs. ---- */

static const void *find_kept(const struct af_sequential *sequential, const char *ref, size_t *len)
{
    char url[AF_FILE_URL_BYTES];
    if (sequential->kept == NULL || strncmp(ref, "kept:", 5) != 0)
        return NULL;
    snprintf(url, sizeof url, "mock://file/%s", ref + 5);
    return af_file_store_get(sequential->kept, url, len);
}

static void keep(struct af_sequential *sequential, const struct af_asked *asked)
{
    const char *bytes = asked->call->bytes == NULL ? "" : asked->call->bytes;
    char ref[AF_SCRIPT_REF_BYTES], url[AF_FILE_URL_BYTES];
    size_t len = asked->call->bytes_len, known;
    af_script_ref(bytes, len, ref);
    if (find_kept(sequential, ref, &known) == NULL) {
        const char *why =
            af_script_keeps_no_more(sequential->kept_count, sequential->kept_bytes, len);
        if (why != NULL) {
            refuse(sequential, asked, why);
            return;
        }
        if (sequential->kept == NULL)
            sequential->kept = af_file_store_new();
        af_file_store_put_as(sequential->kept, ref + sizeof "kept:" - 1, bytes, len, url);
        sequential->kept_count++;
        sequential->kept_bytes += len;
    }
    af_script_answer_ref(asked, ref, sequential->owner->now_ns(sequential));
}

static void give_kept(struct af_sequential *sequential, const struct af_asked *asked)
{
    size_t len = 0;
    const void *bytes = find_kept(sequential, af_request_string(&asked->request, "ref"), &len);
    af_script_answer_kept(asked, bytes, len, sequential->owner->now_ns(sequential));
}

/* Takes an upload of what is not kept; of what is it fills the bytes. */
static bool take_upload(struct af_sequential *sequential, struct af_asked *asked,
                        struct af_script_call *filled)
{
    const char *ref =
        asked->number == AF_CALL_UPLOAD ? af_request_string(&asked->request, "ref") : NULL;
    if (ref == NULL)
        return false;
    *filled = *asked->call;
    filled->bytes = find_kept(sequential, ref, &filled->bytes_len);
    asked->call = filled;
    if (filled->bytes == NULL)
        give_kept(sequential, asked);
    return filled->bytes == NULL;
}

/* ---- Calls. ---- */

void af_sequential_print(const struct af_sequential *sequential, bool flow,
                         const struct af_script_call *call)
{
    if (flow) {
        af_log_party(af_loop_now_ns(sequential->loop), sequential->node, call->bytes,
                     call->bytes_len);
        return;
    }
    af_log_write_safe(stdout, call->bytes, call->bytes_len);
    putchar('\n');
}

void af_sequential_call(struct af_sequential *sequential, const struct af_script_call *call)
{
    static void (*const take[AF_CALL_COUNT])(struct af_sequential *, const struct af_asked *) = {
        [AF_CALL_NEXT_EVENT] = next_event,
        [AF_CALL_PUBLISH] = publish,
        [AF_CALL_REJECT] = reject,
        [AF_CALL_SLEEP] = wait_for_time,
        [AF_CALL_MOCK_ENTER] = mock_enter,
        [AF_CALL_MOCK_LEAVE] = mock_leave,
        [AF_CALL_NODES] = tell_nodes,
        [AF_CALL_WHOAMI] = tell_nodes,
        [AF_CALL_KEEP] = keep,
        [AF_CALL_KEPT] = give_kept};
    const struct af_sequential_owner *owner = sequential->owner;
    struct af_asked asked;
    struct af_script_call filled;
    char text[200];
    if (af_script_call_number(call->name) == AF_CALL_LOG) {
        owner->log(sequential, call);
        return;
    }
    int read = af_script_call_read(&asked, sequential->party, call, text, sizeof text);
    const char *why = read != 0 ? text : owner->forbids(sequential, asked.number);
    const char *task = af_request_string(&asked.request, "task");
    asked.node = sequential->node;
    asked.task = task != NULL ? task : sequential->task;
    if (why != NULL)
        refuse(sequential, &asked, why);
    else if (take[asked.number] != NULL)
        take[asked.number](sequential, &asked);
    else if (!take_upload(sequential, &asked, &filled) && !owner->other(sequential, &asked))
        refuse(sequential, &asked, "the host knows no such call");
    af_request_release(&asked.request);
}

/* ---- Life. ---- */

void af_sequential_begin(struct af_sequential *sequential)
{
    sequential->node = sequential->shown = sequential->home;
}

static void over(void *arg, struct af_script_party *party, const struct af_effects *effects)
{
    struct af_sequential *sequential = arg;
    (void)party;
    stop_waiting(sequential);
    sequential->ended = true;
    if (effects->outcome == AF_OUTCOME_DONE)
        settle_all(sequential);
    sequential->owner->over(sequential, effects);
}

void af_sequential_start(struct af_sequential *sequential)
{
    struct af_input input = {.kind = AF_INPUT_START,
                             .now_ns = sequential->owner->now_ns(sequential)};
    af_script_deliver(sequential->party, &input, over, sequential);
}

void af_sequential_withdraw(struct af_sequential *sequential)
{
    stop_waiting(sequential);
    af_script_withdraw(sequential->party);
}

void af_sequential_release(struct af_sequential *sequential)
{
    stop_waiting(sequential);
    af_sequential_set_nodes(sequential, NULL, 0);
    af_file_store_free(sequential->kept);
    if (sequential->party != NULL)
        af_script_party_free(sequential->party);
}
