/* scripts.c: sequential scripts and roles, on the simulated network and in virtual time; what
 * arrives while no loop listens waits in a box of the run, also where nobody runs.
 *
 * Here alone: all is traced; a role may crash; a script without --mock has no network outside of a
 * mock context, but the other calls; the parties of a flow have their nodes, and no mock context.
 */
#include "sim/impl.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct af_trace *trace_of(const struct af_sequential *sequential)
{
    return ((const struct af_sim_sequential *)sequential->arg)->sim->trace;
}

/* Begins a line of the trace, of this party. */
static struct af_trace *note(const struct af_sequential *sequential, const char *kind)
{
    struct af_trace *trace = trace_of(sequential);
    af_trace_begin(trace, af_loop_now_ns(sequential->loop), kind);
    af_trace_string(trace, "party", sequential->node);
    return trace;
}

/* ---- Boxes. ---- */

static void opened(void *arg, struct af_box *box)
{
    (void)arg;
    box->of = af_mem_zero(1, sizeof(struct af_seen));
}

static void closed(struct af_box *box)
{
    af_seen_release(box->of);
    free(box->of);
}

static void drop(void *contract_take)
{
    af_contract_drop(contract_take);
}

void af_sim_boxes_begin(struct af_sim *sim)
{
    sim->boxes = (struct af_boxes){.arg = sim, .opened = opened, .closed = closed, .drop = drop};
}

static void answer_event(struct af_sim_sequential *sequential, struct af_box *box,
                         struct af_contract *contract_take);

void af_sim_mail(struct af_sim *sim, uint32_t node, struct af_contract *contract_take)
{
    const char *id = sim->nodes[node]->id;
    struct af_box *box =
        af_boxes_find(&sim->boxes, id, contract_take->task, contract_take->channel);
    struct af_sim_sequential *home = sim->nodes[node]->sequential;
    bool repeated = !af_seen_add(box->of, contract_take->key);
    for (size_t i = 0; !repeated && i < sim->sequential_count; i++)
        if (af_sequential_wants(&sim->sequentials[i]->run, box, contract_take->type)) {
            answer_event(sim->sequentials[i], box, contract_take);
            return;
        }
    if (!repeated && (home == NULL || !home->run.ended)) {
        af_box_put(box, contract_take->type, contract_take);
        return;
    }
    af_trace_contract(sim->trace, af_loop_now_ns(sim->loop), repeated ? "repeated" : "late", id,
                      contract_take, NULL);
    af_contract_drop(contract_take);
}

/* ---- Life. ---- */

static const struct af_sequential_owner owner;

int af_sim_sequential_new(struct af_sim *sim, struct af_script *script, uint32_t member,
                          struct af_sim_node *node, struct af_failure *why)
{
    struct af_sim_sequential *sequential = af_mem_zero(1, sizeof *sequential);
    struct af_sequential *run = &sequential->run;
    sequential->sim = sim;
    sequential->script = script;
    sequential->home = node;
    sequential->seed = af_party_seed(sim->options->seed, node->id);
    *run = (struct af_sequential){.owner = &owner,
                                  .arg = sequential,
                                  .loop = sim->loop,
                                  .boxes = &sim->boxes,
                                  .home = node->id,
                                  .mock = !sim->options->needs_mock};
    af_sequential_begin(run);
    if (sim->flow != NULL) {
        size_t count;
        const struct af_script_member *members = af_script_members(script, &count);
        const char **ids = af_mem_zero(count, sizeof *ids);
        for (size_t i = 0; i < count; i++)
            ids[i] = members[i].id;
        af_sequential_set_nodes(run, ids, count);
        free(ids);
    }
    node->sequential = sequential;
    sim->sequentials = af_mem_grow(sim->sequentials, (sim->sequential_count + 1) *
                                                         sizeof(struct af_sim_sequential *));
    sim->sequentials[sim->sequential_count++] = sequential;
    run->party = af_script_party_new(script, member, sequential->seed, sequential, why);
    return run->party == NULL ? -1 : 0;
}

void af_sim_sequential_free(struct af_sim_sequential *sequential)
{
    af_timer_cancel(sequential->back);
    af_sequential_release(&sequential->run);
    free(sequential);
}

/* The script has returned, or raised. */
static void over(struct af_sequential *run, const struct af_effects *effects)
{
    struct af_sim_sequential *sequential = run->arg;
    struct af_sim *sim = sequential->sim;
    struct af_trace *trace = sim->trace;
    int64_t now_ns = af_loop_now_ns(sim->loop);
    bool allow = sim->options->allow_fail || af_fault_options_any(&sim->options->faults);
    sequential->failed = effects->outcome != AF_OUTCOME_DONE;
    if (effects->outcome == AF_OUTCOME_DONE) {
        const char *result = effects->text == NULL ? "null" : effects->text;
        af_trace_begin(trace, now_ns, "done");
        af_trace_string(trace, "party", run->shown);
        af_trace_json(trace, "result", result, strlen(result));
        af_trace_end(trace);
    } else if (effects->outcome == AF_OUTCOME_FAILED) {
        af_trace_party(trace, now_ns, "fail", run->shown, "reason", effects->text);
        if (!allow)
            af_sim_finding(sim, AF_SIM_PARTY_FAILED, run->shown, "%s failed: %s", run->shown,
                           effects->text);
    } else if (af_script_flow_too_late(sequential->script)) {
        af_failure_set(&sim->why, AF_FAILURE_USAGE, "", "%s", effects->text);
        sim->stopped = true;
    } else {
        af_trace_party(trace, now_ns, "error", run->shown, "message", effects->text);
        af_sim_finding(sim, AF_SIM_RAISED, run->shown, "%s: %s", run->shown, effects->text);
    }
    af_sim_stepped(sim, sequential->home);
}

static void note_start(const struct af_sequential *sequential)
{
    struct af_trace *trace = note(sequential, "start");
    af_trace_string(trace, "state", NULL);
    af_trace_data(trace, "{}", 2);
    af_trace_end(trace);
}

void af_sim_sequential_start(struct af_sim_sequential *sequential)
{
    if (sequential->sim->flow != NULL) /* a script is seen under the name of its mock context */
        note_start(&sequential->run);
    af_sequential_start(&sequential->run);
}

/* ---- Crashes of sequential roles: they start again from their first line. ---- */

static void come_back(void *arg)
{
    struct af_sim_sequential *sequential = arg;
    struct af_sim *sim = sequential->sim;
    struct af_sim_node *home = sequential->home;
    sequential->back = NULL;
    af_script_party_free(sequential->run.party);
    sequential->run.party = af_script_party_new(sequential->script, home->number, sequential->seed,
                                                sequential, &sim->why);
    if (sequential->run.party == NULL) {
        sim->stopped = true;
        return;
    }
    sequential->down = false;
    af_trace_end(note(&sequential->run, "restart"));
    af_sim_stepped(sim, home);
    af_sim_sequential_start(sequential);
}

static bool crashes(struct af_sim_sequential *sequential)
{
    struct af_sim *sim = sequential->sim;
    const struct af_fault_options *options = sim->faults.options;
    if (!af_rng_chance(&sim->faults.chance[AF_FAULT_CRASH], sequential->home->crash))
        return false;
    int64_t down_ns =
        af_faults_between_ns(&sim->faults.down, options->down_min_ns, options->down_max_ns);
    af_sequential_withdraw(&sequential->run);
    sequential->down = true;
    af_sim_note_crash(sim, sequential->home, af_loop_now_ns(sim->loop) + down_ns);
    sequential->back = af_timer_start(sim->loop, down_ns, come_back, sequential);
    af_sim_stepped(sim, sequential->home);
    return true;
}

/* ---- Events, and what is waited for. ---- */

static void give(struct af_sequential *sequential, struct af_box *box, void *contract_take)
{
    struct af_contract *contract = contract_take;
    char uuid[AF_UUID_TEXT_BYTES];
    struct af_script_event event = {contract->type,
                                    contract->type_len,
                                    contract->from,
                                    uuid,
                                    (double)contract->time_ns / 1e9,
                                    contract->content,
                                    contract->content_len};
    (void)box;
    af_uuid_format(contract->uuid, uuid);
    af_trace_contract(trace_of(sequential), af_loop_now_ns(sequential->loop), "deliver",
                      sequential->node, contract, NULL);
    af_sequential_give(sequential, &event);
    af_contract_drop(contract);
}

static void answer_event(struct af_sim_sequential *sequential, struct af_box *box,
                         struct af_contract *contract_take)
{
    if (crashes(sequential))
        af_box_put(box, contract_take->type, contract_take);
    else
        give(&sequential->run, box, contract_take);
}

static void waited(const struct af_sequential *sequential)
{
    struct af_trace *trace = note(sequential, "timeout");
    af_trace_string(trace, "timer", "contract_events");
    af_trace_end(trace);
}

static void waits(const struct af_sequential *sequential, const char *function)
{
    if (trace_of(sequential) == NULL)
        return;
    struct af_trace *trace = note(sequential, "wait");
    af_trace_string(trace, "call", function);
    const char *colon = strrchr(af_script_party_where(sequential->party), ':');
    if (colon != NULL)
        af_trace_integer(trace, "line", atoi(colon + 1));
    af_trace_end(trace);
}

/* ---- Calls. ---- */

static int64_t now_ns(const struct af_sequential *sequential)
{
    return af_loop_now_ns(sequential->loop);
}

static void answer(struct af_sequential *sequential, uint64_t call, const char *reply,
                   const char *failure)
{
    struct af_sim *sim = ((struct af_sim_sequential *)sequential->arg)->sim;
    if (failure != NULL)
        af_sim_refuse(sim, sequential->party, call, failure);
    else
        af_sim_answer(sim, sequential->party, call, reply);
}

static const char *forbids(const struct af_sequential *sequential, enum af_call number)
{
    const struct af_sim *sim = ((const struct af_sim_sequential *)sequential->arg)->sim;
    if (number == AF_CALL_MOCK_ENTER && sim->flow != NULL)
        return "mock_context: the parties of a flow have their nodes";
    if ((number == AF_CALL_NEXT_EVENT || number == AF_CALL_PUBLISH) && !sequential->mock &&
        !sequential->in_context)
        return "there is no network: run the script with --mock, or in af.mock_context";
    return NULL;
}

static void send(struct af_sequential *sequential, const struct af_asked *asked,
                 const char *const *targets, size_t count)
{
    struct af_sim *sim = ((struct af_sim_sequential *)sequential->arg)->sim;
    const char *type = af_request_string(&asked->request, "type");
    const char *uuid = af_request_string(&asked->request, "uuid");
    struct af_contract_parts parts = {
        .time_ns = af_loop_now_ns(sim->loop),
        .task = af_sim_intern(sim, asked->task),
        .channel = af_sim_intern(sim, af_request_string(&asked->request, "channel")),
        .title = af_sim_intern(sim, af_request_string(&asked->request, "title")),
        .from = sequential->node,
        .type = type,
        .type_len = strlen(type),
        .content = asked->call->bytes,
        .content_len = asked->call->bytes_len};
    uint32_t *numbers = af_mem_zero(count, sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] = af_sim_node(sim, targets[i])->number;
    if (!af_uuid_parse(uuid, &parts.uuid))
        parts.uuid = af_hash_bytes((struct af_hash){5, 6}, uuid, strlen(uuid));
    af_bus_mock_publish(sim->bus, af_sim_node(sim, sequential->node)->number,
                        af_contract_new(&parts), numbers, count);
    free(numbers);
    answer(sequential, asked->call->id, "null", NULL);
}

static const char *name(struct af_sequential *sequential, const char *id)
{
    return af_sim_node(((struct af_sim_sequential *)sequential->arg)->sim, id)->id;
}

static void entered(struct af_sequential *sequential, const struct af_asked *asked)
{
    (void)asked;
    note_start(sequential);
}

static void log_line(const struct af_sequential *sequential, const struct af_script_call *call)
{
    const struct af_sim *sim = ((const struct af_sim_sequential *)sequential->arg)->sim;
    struct af_trace *trace = note(sequential, "log");
    af_trace_text(trace, "text", call->bytes, call->bytes_len);
    af_trace_end(trace);
    if (!sim->options->quiet)
        af_sequential_print(sequential, sim->flow != NULL, call);
}

static bool other(struct af_sequential *sequential, const struct af_asked *asked)
{
    int64_t percent = 0;
    if (asked->number != AF_CALL_PROGRESS)
        return af_sim_common_call(((struct af_sim_sequential *)sequential->arg)->sim, asked);
    af_request_integer(&asked->request, "percent", &percent);
    struct af_trace *trace = note(sequential, "progress");
    af_trace_integer(trace, "percent", percent);
    af_trace_end(trace);
    answer(sequential, asked->call->id, "null", NULL);
    return true;
}

static bool rejected(struct af_sequential *sequential, const struct af_request *request,
                     const char *why)
{
    struct af_sim *sim = ((struct af_sim_sequential *)sequential->arg)->sim;
    struct af_trace *trace = note(sequential, "unexpected");
    const char *type = af_request_string(request, "type");
    size_t known = sim->interned_count;
    sim->unexpected++;
    af_trace_string(trace, "from", af_request_string(request, "from"));
    af_trace_string(trace, "type", type == NULL ? "" : type);
    af_trace_string(trace, "uuid", af_request_string(request, "uuid"));
    af_trace_string(trace, "why", af_request_string(request, "why"));
    af_trace_end(trace);
    af_sim_intern(sim, why);
    return sim->interned_count > known && !sim->options->quiet; /* once for each reason */
}

static const struct af_sequential_owner owner = {.now_ns = now_ns,
                                                 .answer = answer,
                                                 .forbids = forbids,
                                                 .other = other,
                                                 .name = name,
                                                 .entered = entered,
                                                 .send = send,
                                                 .give = give,
                                                 .waits = waits,
                                                 .waited = waited,
                                                 .rejected = rejected,
                                                 .log = log_line,
                                                 .over = over};

void af_sim_sequential_call(struct af_sim_sequential *sequential, const struct af_script_call *call)
{
    af_sequential_call(&sequential->run, call);
}
