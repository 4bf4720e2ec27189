/* scripts.c: sequential scripts and roles: they wait for contracts of a task and channel on the
 * node that they are; what arrives while no loop listens waits in a mailbox. */
#include "sim/impl.h"

#include "json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "script/calls.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer_event(struct af_sim_sequential *sequential, struct af_contract *contract_take);

/* ---- Mailboxes. ---- */

static struct af_sim_mailbox *mailbox(struct af_sim *sim, uint32_t node, const char *task,
                                      const char *channel)
{
    for (size_t i = 0; i < sim->mailbox_count; i++) {
        struct af_sim_mailbox *box = sim->mailboxes[i];
        if (box->node == node && strcmp(box->task, task) == 0 && strcmp(box->channel, channel) == 0)
            return box;
    }
    struct af_sim_mailbox *box = af_mem_zero(1, sizeof *box);
    box->node = node;
    box->task = af_mem_string(task);
    box->channel = af_mem_string(channel);
    af_mem_reserve(&sim->mailboxes, &sim->mailbox_cap, sim->mailbox_count + 1,
                   sizeof(struct af_sim_mailbox *));
    sim->mailboxes[sim->mailbox_count++] = box;
    return box;
}

static struct af_contract *mailbox_take(struct af_sim_mailbox *box)
{
    if (box->first == box->count)
        return NULL;
    struct af_contract *contract = box->queue[box->first++];
    if (box->first == box->count)
        box->first = box->count = 0;
    return contract;
}

/* Takes the first contract that the filter lets through. */
static struct af_contract *mailbox_take_by(struct af_sim_mailbox *box,
                                           const struct af_request_filter *filter)
{
    for (size_t i = box->first; i < box->count; i++) {
        struct af_contract *contract = box->queue[i];
        if (!af_request_lets(filter, contract->type))
            continue;
        memmove(box->queue + i, box->queue + i + 1,
                (box->count - i - 1) * sizeof(struct af_contract *));
        box->count--;
        return contract;
    }
    return NULL;
}

static void mailbox_clear(struct af_sim_mailbox *box)
{
    struct af_contract *contract;
    while ((contract = mailbox_take(box)) != NULL)
        af_contract_drop(contract);
}

void af_sim_mailbox_free(struct af_sim_mailbox *box)
{
    mailbox_clear(box);
    af_seen_release(&box->seen);
    free(box->queue);
    free(box->task);
    free(box->channel);
    free(box);
}

void af_sim_mail(struct af_sim *sim, uint32_t node, struct af_contract *contract_take)
{
    struct af_sim_mailbox *box = mailbox(sim, node, contract_take->task, contract_take->channel);
    if (!af_seen_add(&box->seen, contract_take->key)) {
        af_trace_contract(sim->trace, af_loop_now_ns(sim->loop), "repeated", sim->nodes[node]->id,
                          contract_take, NULL);
        af_contract_drop(contract_take);
        return;
    }
    for (size_t i = 0; i < sim->sequential_count; i++) {
        struct af_sim_sequential *sequential = sim->sequentials[i];
        if (sequential->wait == AF_SIM_WAIT_EVENT && sequential->node == node &&
            strcmp(sequential->task, box->task) == 0 &&
            strcmp(sequential->channel, box->channel) == 0 &&
            af_request_lets(&sequential->filter, contract_take->type)) {
            answer_event(sequential, contract_take);
            return;
        }
    }
    struct af_sim_sequential *home = sim->nodes[node]->sequential;
    if (home != NULL && home->ended) {
        af_trace_contract(sim->trace, af_loop_now_ns(sim->loop), "late", sim->nodes[node]->id,
                          contract_take, NULL);
        af_contract_drop(contract_take);
        return;
    }
    af_mem_reserve(&box->queue, &box->cap, box->count + 1, sizeof(struct af_contract *));
    box->queue[box->count++] = contract_take;
}

/* ---- Life. ---- */

struct af_sim_sequential *af_sim_sequential_new(struct af_sim *sim, struct af_script *script,
                                                uint32_t member, struct af_sim_node *node)
{
    (void)member;
    struct af_sim_sequential *sequential = af_mem_zero(1, sizeof *sequential);
    sequential->sim = sim;
    sequential->script = script;
    sequential->node = sequential->home = sequential->shown = node->number;
    node->sequential = sequential;
    sim->sequentials = af_mem_grow(sim->sequentials, (sim->sequential_count + 1) *
                                                         sizeof(struct af_sim_sequential *));
    sim->sequentials[sim->sequential_count++] = sequential;
    return sequential;
}

static void stop_waiting(struct af_sim_sequential *sequential)
{
    af_timer_cancel(sequential->timer);
    sequential->timer = NULL;
    sequential->wait = AF_SIM_WAIT_NONE;
    sequential->filter = (struct af_request_filter){NULL, NULL};
    af_request_release(&sequential->wanted);
}

static void forget_nodes(struct af_sim_sequential *sequential)
{
    for (size_t i = 0; i < sequential->node_count; i++)
        free(sequential->nodes[i]);
    free(sequential->nodes);
    sequential->nodes = NULL;
    sequential->node_count = 0;
}

void af_sim_sequential_free(struct af_sim_sequential *sequential)
{
    stop_waiting(sequential);
    forget_nodes(sequential);
    if (sequential->party != NULL)
        af_script_party_free(sequential->party);
    free(sequential->task);
    free(sequential->channel);
    free(sequential);
}

static const char *name_of(const struct af_sim_sequential *sequential)
{
    return sequential->sim->nodes[sequential->node]->id;
}

/* The name under which it is known when it ends: that of its last mock context. */
static const char *last_name_of(const struct af_sim_sequential *sequential)
{
    return sequential->sim->nodes[sequential->shown]->id;
}

/* The script has returned, or raised. */
static void over(void *arg, struct af_script_party *party, const struct af_effects *effects)
{
    (void)party;
    struct af_sim_sequential *sequential = arg;
    struct af_sim *sim = sequential->sim;
    struct af_trace *trace = sim->trace;
    int64_t now_ns = af_loop_now_ns(sim->loop);
    bool allow = sim->options->allow_fail || af_fault_options_any(&sim->options->faults);
    stop_waiting(sequential);
    sequential->ended = true;
    sequential->failed = effects->outcome != AF_OUTCOME_DONE;
    if (effects->outcome == AF_OUTCOME_DONE) {
        const char *result = effects->text == NULL ? "null" : effects->text;
        af_trace_begin(trace, now_ns, "done");
        af_trace_string(trace, "party", last_name_of(sequential));
        af_trace_json(trace, "result", result, strlen(result));
        af_trace_end(trace);
    } else if (effects->outcome == AF_OUTCOME_FAILED) {
        af_trace_party(trace, now_ns, "fail", last_name_of(sequential), "reason", effects->text);
        if (!allow)
            af_sim_finding(sim, true, "%s failed: %s", last_name_of(sequential), effects->text);
    } else if (af_script_flow_too_late(sequential->script)) {
        af_failure_set(&sim->why, AF_FAILURE_USAGE, "", "%s", effects->text);
        sim->stopped = true;
    } else {
        af_trace_party(trace, now_ns, "error", last_name_of(sequential), "message", effects->text);
        af_sim_finding(sim, true, "%s: %s", last_name_of(sequential), effects->text);
    }
    af_sim_stepped(sim, sim->nodes[sequential->home]);
}

static void note_start(struct af_sim_sequential *sequential)
{
    struct af_trace *trace = sequential->sim->trace;
    af_trace_begin(trace, af_loop_now_ns(sequential->sim->loop), "start");
    af_trace_string(trace, "party", name_of(sequential));
    af_trace_string(trace, "state", NULL);
    af_trace_data(trace, "{}", 2);
    af_trace_end(trace);
}

void af_sim_sequential_start(struct af_sim_sequential *sequential)
{
    struct af_sim *sim = sequential->sim;
    struct af_input input = {.kind = AF_INPUT_START, .now_ns = af_loop_now_ns(sim->loop)};
    if (sim->flow != NULL) /* a script is seen under the name that its mock context gives it */
        note_start(sequential);
    af_script_deliver(sequential->party, &input, over, sequential);
}

/* ---- Crashes of sequential roles: they start again from their first line. ---- */

static void come_back(void *arg)
{
    struct af_sim_sequential *sequential = arg;
    struct af_sim *sim = sequential->sim;
    sequential->timer = NULL;
    af_script_party_free(sequential->party);
    sequential->party = af_script_party_new(sequential->script, sequential->home, sequential->seed,
                                            sequential, &sim->why);
    if (sequential->party == NULL) {
        sim->stopped = true;
        return;
    }
    sequential->down = false;
    af_trace_party(sim->trace, af_loop_now_ns(sim->loop), "restart", name_of(sequential), NULL,
                   NULL);
    af_sim_stepped(sim, sim->nodes[sequential->home]);
    af_sim_sequential_start(sequential);
}

static bool crashes(struct af_sim_sequential *sequential)
{
    struct af_sim *sim = sequential->sim;
    const struct af_fault_options *options = sim->faults.options;
    struct af_sim_node *node = sim->nodes[sequential->home];
    if (!af_rng_chance(&sim->faults.crash, node->crash))
        return false;
    int64_t down_ns =
        af_faults_between_ns(&sim->faults.down, options->down_min_ns, options->down_max_ns);
    stop_waiting(sequential);
    af_script_withdraw(sequential->party);
    sequential->down = true;
    af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), "crash");
    af_trace_string(sim->trace, "party", node->id);
    af_trace_integer(sim->trace, "until", af_loop_now_ns(sim->loop) + down_ns);
    af_trace_end(sim->trace);
    sequential->timer = af_timer_start(sim->loop, down_ns, come_back, sequential);
    af_sim_stepped(sim, node);
    return true;
}

/* ---- Waiting for events, and for time. ---- */

static void give_event(struct af_sim_sequential *sequential, struct af_contract *contract)
{
    struct af_sim *sim = sequential->sim;
    char uuid[AF_UUID_TEXT_BYTES];
    struct af_script_event event = {contract->type,
                                    contract->type_len,
                                    contract->from,
                                    uuid,
                                    (double)contract->time_ns / 1e9,
                                    contract->content,
                                    contract->content_len};
    uint64_t call = sequential->call;
    af_uuid_format(contract->uuid, uuid);
    af_trace_contract(sim->trace, af_loop_now_ns(sim->loop), "deliver", name_of(sequential),
                      contract, NULL);
    stop_waiting(sequential);
    af_script_give_event(sequential->party, call, &event, af_loop_now_ns(sim->loop));
    af_contract_drop(contract);
}

static void answer_event(struct af_sim_sequential *sequential, struct af_contract *contract_take)
{
    struct af_sim *sim = sequential->sim;
    if (crashes(sequential)) {
        struct af_sim_mailbox *box =
            mailbox(sim, sequential->node, contract_take->task, contract_take->channel);
        af_mem_reserve(&box->queue, &box->cap, box->count + 1, sizeof(struct af_contract *));
        box->queue[box->count++] = contract_take;
        return;
    }
    give_event(sequential, contract_take);
}

static void time_is_over(void *arg)
{
    struct af_sim_sequential *sequential = arg;
    uint64_t call = sequential->call;
    bool sleeps = sequential->wait == AF_SIM_WAIT_SLEEP;
    sequential->timer = NULL;
    stop_waiting(sequential);
    if (!sleeps)
        af_trace_party(sequential->sim->trace, af_loop_now_ns(sequential->sim->loop), "timeout",
                       name_of(sequential), "timer", "contract_events");
    af_sim_answer(sequential->sim, sequential->party, call, sleeps ? "null" : "{\"over\":true}");
}

static void note_wait(struct af_sim_sequential *sequential, const char *call)
{
    struct af_trace *trace = sequential->sim->trace;
    if (trace == NULL)
        return;
    af_trace_begin(trace, af_loop_now_ns(sequential->sim->loop), "wait");
    af_trace_string(trace, "party", name_of(sequential));
    af_trace_string(trace, "call", call);
    const char *colon = strrchr(af_script_party_where(sequential->party), ':');
    if (colon != NULL)
        af_trace_integer(trace, "line", atoi(colon + 1));
    af_trace_end(trace);
}

static void next_event(struct af_sim_sequential *sequential, const struct af_script_call *asked,
                       const struct af_request *request)
{
    uint64_t call = asked->id;
    struct af_sim *sim = sequential->sim;
    const char *task = af_request_string(request, "task");
    const char *channel = af_request_string(request, "channel");
    struct af_request_filter filter = af_request_filter(request);
    double until_s;
    sequential->call = call;
    struct af_sim_mailbox *box = mailbox(sim, sequential->node, task, channel);
    struct af_contract *contract = mailbox_take_by(box, &filter);
    if (contract != NULL) {
        give_event(sequential, contract);
        return;
    }
    free(sequential->task);
    free(sequential->channel);
    sequential->task = af_mem_string(task);
    sequential->channel = af_mem_string(channel);
    sequential->wait = AF_SIM_WAIT_EVENT;
    af_request_read(&sequential->wanted, asked->request, asked->request_len);
    sequential->filter = af_request_filter(&sequential->wanted);
    if (af_request_number(request, "until_s", &until_s)) {
        int64_t delay_ns = (int64_t)llround(until_s * 1e9) - af_loop_now_ns(sim->loop);
        if (delay_ns <= 0) {
            stop_waiting(sequential);
            af_sim_answer(sim, sequential->party, call, "{\"over\":true}");
            return;
        }
        sequential->timer = af_timer_start(sim->loop, delay_ns, time_is_over, sequential);
    }
    note_wait(sequential, "contract_events");
}

static void wait_for_time(struct af_sim_sequential *sequential, uint64_t call,
                          const struct af_request *request)
{
    double seconds = 0;
    af_request_number(request, "seconds", &seconds);
    sequential->call = call;
    sequential->wait = AF_SIM_WAIT_SLEEP;
    sequential->timer = af_timer_start(sequential->sim->loop, (int64_t)llround(seconds * 1e9),
                                       time_is_over, sequential);
    note_wait(sequential, "af.sleep");
}

/* ---- Publishing. ---- */

/* Whether the nodes that this script knows of include one; all, if it knows of none. */
static bool knows(const struct af_sim_sequential *sequential, const char *id)
{
    if (sequential->sim->flow != NULL)
        return af_sim_find_node(sequential->sim, id) != NULL;
    for (size_t i = 0; i < sequential->node_count; i++)
        if (strcmp(sequential->nodes[i], id) == 0)
            return true;
    return sequential->node_count == 0 || strcmp(name_of(sequential), id) == 0;
}

static size_t everyone(struct af_sim_sequential *sequential, uint32_t **targets)
{
    struct af_sim *sim = sequential->sim;
    size_t count = 0;
    if (sim->flow != NULL) {
        af_script_members(sequential->script, &count);
        *targets = af_mem_zero(count, sizeof **targets);
        for (size_t i = 0; i < count; i++)
            (*targets)[i] = (uint32_t)i;
        return count;
    }
    *targets = af_mem_zero(sequential->node_count + 1, sizeof **targets);
    bool self = false;
    for (size_t i = 0; i < sequential->node_count; i++) {
        (*targets)[count++] = af_sim_node(sim, sequential->nodes[i])->number;
        self = self || (*targets)[i] == sequential->node;
    }
    if (!self && count > 0) /* the sender's own copy */
        (*targets)[count++] = sequential->node;
    return count;
}

static void publish(struct af_sim_sequential *sequential, const struct af_script_call *call,
                    const struct af_request *request)
{
    struct af_sim *sim = sequential->sim;
    const struct af_request_field *list = af_request_list(request, "targets");
    const char *type = af_request_string(request, "type");
    uint32_t *targets = NULL;
    size_t count = 0;
    if (list->item_count == 1 && strcmp(list->items[0], "*") == 0) {
        count = everyone(sequential, &targets);
        if (count == 0) {
            free(targets);
            af_sim_refuse(sim, sequential->party, call->id,
                          "EVERYONE reaches nobody: the mock context names no nodes");
            return;
        }
    } else {
        targets = af_mem_zero(list->item_count, sizeof *targets);
        for (size_t i = 0; i < list->item_count; i++) {
            if (!knows(sequential, list->items[i])) {
                char why[300];
                snprintf(why, sizeof why, "'%s' is no node of the task", list->items[i]);
                free(targets);
                af_sim_refuse(sim, sequential->party, call->id, why);
                return;
            }
            targets[count++] = af_sim_node(sim, list->items[i])->number;
        }
    }
    const char *uuid = af_request_string(request, "uuid");
    struct af_contract_parts parts = {
        .time_ns = af_loop_now_ns(sim->loop),
        .task = af_sim_intern(sim, af_request_string(request, "task")),
        .channel = af_sim_intern(sim, af_request_string(request, "channel")),
        .title = af_sim_intern(sim, af_request_string(request, "title")),
        .from = name_of(sequential),
        .type = type,
        .type_len = strlen(type),
        .content = call->bytes,
        .content_len = call->bytes_len};
    if (!af_uuid_parse(uuid, &parts.uuid))
        parts.uuid = af_hash_bytes((struct af_hash){5, 6}, uuid, strlen(uuid));
    af_bus_mock_publish(sim->bus, sequential->node, af_contract_new(&parts), targets, count);
    free(targets);
    af_sim_answer(sim, sequential->party, call->id, "null");
}

/* ---- Mock contexts. ---- */

static void mock_enter(struct af_sim_sequential *sequential, uint64_t call,
                       const struct af_request *request)
{
    struct af_sim *sim = sequential->sim;
    const char *id = af_request_string(request, "id");
    const struct af_request_field *nodes = af_request_list(request, "nodes");
    if (sim->flow != NULL || sequential->in_context) {
        af_sim_refuse(sim, sequential->party, call,
                      sim->flow != NULL ? "mock_context: the parties of a flow have their nodes"
                                        : "mock_context: is within another one");
        return;
    }
    forget_nodes(sequential);
    if (nodes != NULL && nodes->item_count > 0) {
        sequential->nodes = af_mem_zero(nodes->item_count, sizeof(char *));
        for (size_t i = 0; i < nodes->item_count; i++)
            sequential->nodes[sequential->node_count++] = af_mem_string(nodes->items[i]);
    }
    if (id == NULL && sequential->node_count > 0)
        id = sequential->nodes[0];
    if (id != NULL)
        sequential->node = af_sim_node(sim, id)->number;
    sequential->in_context = true;
    sequential->shown = sequential->node;
    note_start(sequential);
    af_sim_answer(sim, sequential->party, call, "null");
}

static void mock_leave(struct af_sim_sequential *sequential, uint64_t call)
{
    sequential->in_context = false;
    sequential->node = sequential->home;
    forget_nodes(sequential);
    af_sim_answer(sequential->sim, sequential->party, call, "null");
}

static void tell_nodes(struct af_sim_sequential *sequential, uint64_t call, bool whoami)
{
    struct af_sim *sim = sequential->sim;
    struct af_buf reply = AF_BUF_EMPTY;
    uint32_t *targets;
    size_t count = everyone(sequential, &targets);
    const char *id = name_of(sequential);
    if (whoami) {
        bool mock = !sim->options->needs_mock || sequential->in_context;
        af_buf_printf(&reply, "{\"mock\":%s,\"id\":", mock ? "true" : "false");
        af_json_write_string(&reply, id, strlen(id));
        af_buf_append_string(&reply, ",\"nodes\":");
    }
    af_buf_append_char(&reply, '[');
    for (size_t i = 0; i < count && (sim->flow != NULL || i < sequential->node_count); i++) {
        if (i > 0)
            af_buf_append_char(&reply, ',');
        af_json_write_string(&reply, sim->nodes[targets[i]]->id,
                             strlen(sim->nodes[targets[i]]->id));
    }
    af_buf_append_string(&reply, whoami ? "]}" : "]");
    if (!whoami && count == 0)
        af_log(AF_LOG_WARNING, "%s: query_nodes: the mock context names no nodes", id);
    free(targets);
    af_sim_answer(sim, sequential->party, call, af_buf_text(&reply));
    af_buf_release(&reply);
}

/* ---- Calls. ---- */

static void log_line(struct af_sim_sequential *sequential, const struct af_script_call *call)
{
    struct af_sim *sim = sequential->sim;
    af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), "log");
    af_trace_string(sim->trace, "party", name_of(sequential));
    af_trace_text(sim->trace, "text", call->bytes, call->bytes_len);
    af_trace_end(sim->trace);
    if (sim->options->quiet)
        return;
    if (sim->flow != NULL) {
        af_log_party(af_loop_now_ns(sim->loop), name_of(sequential), call->bytes, call->bytes_len);
        return;
    }
    af_log_write_safe(stdout, call->bytes, call->bytes_len); /* a script's own output */
    putchar('\n');
}

static void progress(struct af_sim_sequential *sequential, uint64_t call,
                     const struct af_request *request)
{
    int64_t percent = 0;
    af_request_integer(request, "percent", &percent);
    af_trace_begin(sequential->sim->trace, af_loop_now_ns(sequential->sim->loop), "progress");
    af_trace_string(sequential->sim->trace, "party", name_of(sequential));
    af_trace_integer(sequential->sim->trace, "percent", percent);
    af_trace_end(sequential->sim->trace);
    af_sim_answer(sequential->sim, sequential->party, call, "null");
}

static void reject(struct af_sim_sequential *sequential, uint64_t call,
                   const struct af_request *request)
{
    struct af_sim *sim = sequential->sim;
    const char *why = af_request_string(request, "why");
    const char *type = af_request_string(request, "type");
    sim->unexpected++;
    af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), "unexpected");
    af_trace_string(sim->trace, "party", name_of(sequential));
    af_trace_string(sim->trace, "from", af_request_string(request, "from"));
    af_trace_string(sim->trace, "type", type == NULL ? "" : type);
    af_trace_string(sim->trace, "uuid", af_request_string(request, "uuid"));
    af_trace_string(sim->trace, "why", why);
    af_trace_end(sim->trace);
    const char *text = why == NULL ? "" : why;
    size_t known = sim->interned_count;
    af_sim_intern(sim, text);
    if (sim->interned_count > known && !sim->options->quiet) /* once for each reason */
        af_log(AF_LOG_WARNING, "%s: a contract was not delivered: %s", name_of(sequential), text);
    af_sim_answer(sim, sequential->party, call, "null");
}

static void take(struct af_sim_sequential *sequential, const struct af_asked *asked)
{
    const struct af_script_call *call = asked->call;
    const struct af_request *request = &asked->request;
    switch (asked->number) {
    case AF_CALL_NEXT_EVENT:
        next_event(sequential, call, request);
        break;
    case AF_CALL_PUBLISH:
        publish(sequential, call, request);
        break;
    case AF_CALL_SLEEP:
        wait_for_time(sequential, call->id, request);
        break;
    case AF_CALL_MOCK_ENTER:
        mock_enter(sequential, call->id, request);
        break;
    case AF_CALL_MOCK_LEAVE:
        mock_leave(sequential, call->id);
        break;
    case AF_CALL_NODES:
    case AF_CALL_WHOAMI:
        tell_nodes(sequential, call->id, asked->number == AF_CALL_WHOAMI);
        break;
    case AF_CALL_PROGRESS:
        progress(sequential, call->id, request);
        break;
    case AF_CALL_REJECT:
        reject(sequential, call->id, request);
        break;
    default:
        if (!af_sim_common_call(sequential->sim, asked))
            af_sim_refuse(sequential->sim, sequential->party, call->id,
                          "the host knows no such call");
    }
}

void af_sim_sequential_call(struct af_sim_sequential *sequential, const struct af_script_call *call)
{
    struct af_sim *sim = sequential->sim;
    struct af_asked asked;
    char why[200];
    if (af_script_call_number(call->name) == AF_CALL_LOG) {
        log_line(sequential, call);
        return;
    }
    int read = af_script_call_read(&asked, sequential->party, call, why, sizeof why);
    bool network = asked.number == AF_CALL_NEXT_EVENT || asked.number == AF_CALL_PUBLISH;
    asked.node = name_of(sequential);
    if (read != 0)
        af_sim_refuse(sim, sequential->party, call->id, why);
    else if (network && sim->options->needs_mock && !sequential->in_context)
        af_sim_refuse(sim, sequential->party, call->id,
                      "there is no network: run the script with --mock, or in af.mock_context");
    else
        take(sequential, &asked);
    af_request_release(&asked.request);
}
