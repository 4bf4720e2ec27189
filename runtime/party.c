/* party.c: see party.h. */
#include "party.h"

#include "bounds.h"
#include "contract.h"
#include "failure.h"
#include "json.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "trace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct deadline {
    char *name;
    struct af_party *party;
    struct af_timer *timer; /* NULL: it is due, and waits for its turn */
    int64_t due_ns;
};

struct outgoing {
    struct af_contract *contract;
    uint32_t *targets;
    size_t target_count;
};

struct af_party {
    struct af_party_spec spec;
    struct af_script_party *script;
    const struct af_flow *flow;
    enum af_party_status status;
    bool down;
    bool busy;      /* a delivery is under way */
    bool deferring; /* … which only validates what is to be deferred */
    bool pumping;   /* the party takes its inputs */
    bool look_at_deferred;
    enum af_fate fate; /* of the delivery under way */

    struct af_contract **queue; /* a ring */
    size_t queue_first, queue_count, queue_cap;
    struct af_contract **deferred;
    size_t deferred_count, deferred_cap;
    struct af_contract *current; /* that of the delivery under way */
    struct af_seen seen;

    struct af_timer *after;
    bool after_due;
    int64_t after_due_ns;
    struct deadline **deadlines;
    size_t deadline_count, deadline_cap;
    uint64_t fired; /* timeouts so far: keys their inputs */

    struct outgoing *outbox;
    size_t outbox_count, outbox_cap;

    char *result, *reason;
    bool warned_of_size;
    struct af_party_counts counts;
};

static void pump(struct af_party *party);

static int64_t now(const struct af_party *party)
{
    return af_loop_now_ns(party->spec.loop);
}

static void stepped(struct af_party *party)
{
    party->spec.owner->stepped(party->spec.owner->arg, party);
}

/* The contract has been dealt with; it is not the party's any more. */
static void settle(struct af_party *party, struct af_contract *contract)
{
    const struct af_party_owner *owner = party->spec.owner;
    if (contract != NULL && owner->settled != NULL)
        owner->settled(owner->arg, party, contract);
    af_contract_drop(contract);
}

/* ---- Queues. ---- */

static void queue_grow(struct af_party *party)
{
    size_t cap = party->queue_cap == 0 ? 4 : party->queue_cap * 2;
    struct af_contract **queue = af_mem_alloc(cap * sizeof *queue);
    for (size_t i = 0; i < party->queue_count; i++)
        queue[i] = party->queue[(party->queue_first + i) % party->queue_cap];
    free(party->queue);
    party->queue = queue;
    party->queue_first = 0;
    party->queue_cap = cap;
}

static void queue_push(struct af_party *party, struct af_contract *contract)
{
    if (party->queue_count == party->queue_cap)
        queue_grow(party);
    party->queue[(party->queue_first + party->queue_count++) % party->queue_cap] = contract;
}

static struct af_contract *queue_take(struct af_party *party)
{
    struct af_contract *contract = party->queue[party->queue_first];
    party->queue_first = (party->queue_first + 1) % party->queue_cap;
    party->queue_count--;
    return contract;
}

/* ---- Timers. ---- */

static void after_fires(void *arg)
{
    struct af_party *party = arg;
    party->after = NULL;
    party->after_due = true;
    pump(party);
}

static void cancel_after(struct af_party *party)
{
    af_timer_cancel(party->after);
    party->after = NULL;
    party->after_due = false;
}

static void note_timer(struct af_party *party, const char *name, int64_t due_ns)
{
    struct af_trace *trace = party->spec.trace;
    af_trace_begin(trace, now(party), "timer");
    af_trace_string(trace, "party", party->spec.id);
    af_trace_string(trace, "timer", name);
    af_trace_integer(trace, "due", due_ns);
    af_trace_end(trace);
}

static void start_after(struct af_party *party, int64_t delay_ns)
{
    party->after_due_ns = now(party) + delay_ns;
    party->after = af_timer_start(party->spec.loop, delay_ns, after_fires, party);
    note_timer(party, "after", party->after_due_ns);
}

static void deadline_fires(void *arg)
{
    struct deadline *deadline = arg;
    deadline->timer = NULL;
    pump(deadline->party);
}

static void deadline_remove(struct af_party *party, size_t i)
{
    struct deadline *deadline = party->deadlines[i];
    af_timer_cancel(deadline->timer);
    free(deadline->name);
    free(deadline);
    memmove(party->deadlines + i, party->deadlines + i + 1,
            (party->deadline_count - i - 1) * sizeof *party->deadlines);
    party->deadline_count--;
}

static void set_deadline(struct af_party *party, const char *name, int64_t delay_ns)
{
    for (size_t i = 0; i < party->deadline_count; i++) {
        if (strcmp(party->deadlines[i]->name, name) == 0) {
            deadline_remove(party, i);
            break;
        }
    }
    if (delay_ns < 0)
        return;
    struct deadline *deadline = af_mem_alloc(sizeof *deadline);
    deadline->name = af_mem_string(name);
    deadline->party = party;
    deadline->due_ns = now(party) + delay_ns;
    deadline->timer = af_timer_start(party->spec.loop, delay_ns, deadline_fires, deadline);
    af_mem_reserve(&party->deadlines, &party->deadline_cap, party->deadline_count + 1,
                   sizeof(struct deadline *));
    party->deadlines[party->deadline_count++] = deadline;
    note_timer(party, name, deadline->due_ns);
}

static void cancel_timers(struct af_party *party)
{
    cancel_after(party);
    while (party->deadline_count > 0)
        deadline_remove(party, party->deadline_count - 1);
}

/* ---- Sends. ---- */

static void outbox_add(struct af_party *party, struct af_contract *contract,
                       const uint32_t *targets, size_t count)
{
    struct outgoing outgoing = {contract, af_mem_alloc(count * sizeof *targets), count};
    memcpy(outgoing.targets, targets, count * sizeof *targets);
    af_mem_reserve(&party->outbox, &party->outbox_cap, party->outbox_count + 1,
                   sizeof *party->outbox);
    party->outbox[party->outbox_count++] = outgoing;
}

static void outbox_flush(struct af_party *party)
{
    for (size_t i = 0; i < party->outbox_count; i++) {
        struct outgoing *outgoing = &party->outbox[i];
        party->spec.owner->publish(party->spec.owner->arg, party, outgoing->contract,
                                   outgoing->targets, outgoing->target_count);
        free(outgoing->targets);
    }
    party->outbox_count = 0;
}

static struct af_contract *make_contract(struct af_party *party, const struct af_effects *effects,
                                         const struct af_send *send)
{
    struct af_contract_parts parts = {.uuid = send->uuid,
                                      .time_ns = af_loop_wall_ns(party->spec.loop),
                                      .task = party->spec.task,
                                      .channel = "federated",
                                      .title = send->title,
                                      .from = party->spec.id,
                                      .type = send->type,
                                      .type_len = strlen(send->type),
                                      .content = effects->bytes.data + send->content,
                                      .content_len = send->content_len,
                                      .own_uuid = true};
    return af_contract_new(&parts);
}

/* Sends go out at once, unless the party crashes now: then when it is back. */
static void send_all(struct af_party *party, const struct af_effects *effects)
{
    const struct af_party_owner *owner = party->spec.owner;
    for (size_t i = 0; i < effects->send_count; i++) {
        const struct af_send *send = &effects->sends[i];
        struct af_contract *contract = make_contract(party, effects, send);
        const uint32_t *targets = effects->targets + send->first_target;
        if (party->fate == AF_FATE_CRASH_AFTER)
            outbox_add(party, contract, targets, send->target_count);
        else
            owner->publish(owner->arg, party, contract, targets, send->target_count);
    }
}

/* A failure is told to every other node of the task: af.PartyFailed { peer_id =, reason = }. */
static void report_failure(struct af_party *party)
{
    static const char type[] = "party_failed";
    size_t count = 0;
    af_script_members(party->spec.script, &count);
    if (!party->flow->report_failure || count < 2)
        return;
    struct af_buf content = AF_BUF_EMPTY;
    af_buf_append_string(&content, "{\"type\":\"party_failed\",\"peer_id\":");
    af_json_write_string(&content, party->spec.id, strlen(party->spec.id));
    af_buf_append_string(&content, ",\"reason\":");
    if (!af_json_write_string(&content, party->reason, strlen(party->reason)))
        af_buf_append_string(&content, "\"(not valid UTF-8)\"");
    af_buf_append_char(&content, '}');
    struct af_hash uuid = af_hash_bytes(party->spec.seed, type, sizeof type);
    struct af_contract_parts parts = {.uuid = uuid,
                                      .time_ns = af_loop_wall_ns(party->spec.loop),
                                      .task = party->spec.task,
                                      .channel = "federated",
                                      .title = "task_inside",
                                      .from = party->spec.id,
                                      .type = type,
                                      .type_len = sizeof type - 1,
                                      .content = content.data,
                                      .content_len = content.len,
                                      .own_uuid = true};
    uint32_t *targets = af_mem_alloc(count * sizeof *targets);
    size_t target_count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (i != party->spec.member)
            targets[target_count++] = i;
    party->spec.owner->publish(party->spec.owner->arg, party, af_contract_new(&parts), targets,
                               target_count);
    free(targets);
    af_buf_release(&content);
}

/* ---- Ends. ---- */

static void drop_as_late(struct af_party *party, struct af_contract *contract)
{
    party->counts.late++;
    af_trace_contract(party->spec.trace, now(party), "late", party->spec.id, contract, NULL);
    settle(party, contract);
}

static void end(struct af_party *party, enum af_party_status status)
{
    party->status = status;
    cancel_timers(party);
    for (size_t i = 0; i < party->deferred_count; i++)
        drop_as_late(party, party->deferred[i]);
    party->deferred_count = 0;
    while (party->queue_count > 0)
        drop_as_late(party, queue_take(party));
}

static void end_done(struct af_party *party, const char *result)
{
    party->result = af_mem_string(result);
    struct af_trace *trace = party->spec.trace;
    af_trace_begin(trace, now(party), "done");
    af_trace_string(trace, "party", party->spec.id);
    af_trace_json(trace, "result", result, strlen(result));
    af_trace_end(trace);
    end(party, AF_PARTY_DONE);
}

static void end_failed(struct af_party *party, enum af_finding finding, const char *reason)
{
    party->reason = af_mem_string(reason);
    bool raised = finding == AF_FINDING_RAISED;
    af_trace_party(party->spec.trace, now(party), raised ? "error" : "fail", party->spec.id,
                   raised ? "message" : "reason", reason);
    end(party, AF_PARTY_FAILED);
    report_failure(party);
    party->spec.owner->finding(party->spec.owner->arg, party, finding, reason);
}

/* What a handler waits for must not be answered after the end. */
static void withdraw(struct af_party *party)
{
    if (!party->busy)
        return;
    af_script_withdraw(party->script);
    party->busy = party->deferring = false;
}

void af_party_fail(struct af_party *party, const char *reason)
{
    if (party->status != AF_PARTY_NEW && party->status != AF_PARTY_ACTIVE)
        return;
    withdraw(party);
    end_failed(party, AF_FINDING_FAILED, reason);
    stepped(party);
}

void af_party_lose(struct af_party *party)
{
    if (party->status != AF_PARTY_NEW && party->status != AF_PARTY_ACTIVE)
        return;
    withdraw(party);
    af_trace_party(party->spec.trace, now(party), "lost", party->spec.id, NULL, NULL);
    party->status = AF_PARTY_LOST;
    party->down = false;
    cancel_timers(party);
    while (party->queue_count > 0)
        af_contract_drop(queue_take(party));
    for (size_t i = 0; i < party->deferred_count; i++)
        af_contract_drop(party->deferred[i]);
    party->deferred_count = 0;
    for (size_t i = 0; i < party->outbox_count; i++) {
        af_contract_drop(party->outbox[i].contract);
        free(party->outbox[i].targets);
    }
    party->outbox_count = 0;
    stepped(party);
}

/* ---- Commit. ---- */

static void note_state(struct af_party *party, const struct af_effects *effects, const char *kind)
{
    struct af_trace *trace = party->spec.trace;
    size_t len;
    if (trace == NULL)
        return;
    const struct af_flow_state *state = af_party_state(party);
    const char *data = af_script_party_data(party->script, &len);
    af_trace_begin(trace, now(party), kind);
    af_trace_string(trace, "party", party->spec.id);
    af_trace_string(trace, "state", state == NULL ? NULL : state->name);
    if (strcmp(kind, "state") == 0)
        af_trace_bool(trace, "entered", effects->entered);
    af_trace_data(trace, data, len);
    af_trace_end(trace);
}

static void warn_of_size(struct af_party *party)
{
    size_t len;
    af_script_party_data(party->script, &len);
    if (len <= AF_PARTY_DATA_BYTES_WARN || party->warned_of_size)
        return;
    party->warned_of_size = true;
    af_log(AF_LOG_WARNING,
           "%s: its data are %zu KiB as JSON, written at every step; large things belong in files "
           "(party:upload_file), by their URL",
           party->spec.id, len >> 10);
}

static void tell_logs(struct af_party *party, const struct af_effects *effects)
{
    for (size_t i = 0; i < effects->log_count; i++) {
        const char *text = effects->bytes.data + effects->logs[i].start;
        struct af_trace *trace = party->spec.trace;
        af_trace_begin(trace, now(party), "log");
        af_trace_string(trace, "party", party->spec.id);
        af_trace_text(trace, "text", text, effects->logs[i].len);
        af_trace_end(trace);
        party->spec.owner->log(party->spec.owner->arg, party, text, effects->logs[i].len);
    }
}

static void apply(struct af_party *party, const struct af_effects *effects, bool start)
{
    if (start)
        note_state(party, effects, "start");
    else if (effects->entered || effects->data_changed)
        note_state(party, effects, "state");
    if (effects->entered) {
        cancel_after(party);
        party->look_at_deferred = party->deferred_count > 0;
        if (effects->after_ns >= 0 && effects->outcome == AF_OUTCOME_NONE)
            start_after(party, effects->after_ns);
    }
    for (size_t i = 0; i < effects->deadline_count; i++)
        set_deadline(party, effects->bytes.data + effects->deadlines[i].name,
                     effects->deadlines[i].delay_ns);
    if (effects->progress >= 0) {
        struct af_trace *trace = party->spec.trace;
        af_trace_begin(trace, now(party), "progress");
        af_trace_string(trace, "party", party->spec.id);
        af_trace_integer(trace, "percent", effects->progress);
        af_trace_end(trace);
        if (party->spec.owner->progress != NULL)
            party->spec.owner->progress(party->spec.owner->arg, party, effects->progress);
    }
    send_all(party, effects);
    warn_of_size(party);
    if (effects->outcome == AF_OUTCOME_DONE)
        end_done(party, effects->text);
    else if (effects->outcome == AF_OUTCOME_FAILED)
        end_failed(party, AF_FINDING_FAILED, effects->text);
}

static void dead_letter(struct af_party *party, const struct af_contract *contract, const char *why)
{
    char text[AF_FAILURE_TEXT_MAX];
    party->counts.unexpected++;
    af_trace_contract(party->spec.trace, now(party), "unexpected", party->spec.id, contract, why);
    snprintf(text, sizeof text, "event '%s' from %s: %s", contract->type,
             contract->from == NULL ? "an unknown sender" : contract->from, why);
    party->spec.owner->finding(party->spec.owner->arg, party, AF_FINDING_UNEXPECTED, text);
}

static void go_down(struct af_party *party)
{
    party->down = true;
    party->counts.crashes++;
}

static void keep_deferred(struct af_party *party, struct af_contract *contract)
{
    if (party->deferred_count >= AF_PARTY_DEFERRED_MAX) {
        settle(party, contract);
        end_failed(party, AF_FINDING_RAISED, "more than 100,000 events are deferred");
        return;
    }
    af_trace_contract(party->spec.trace, now(party), "defer", party->spec.id, contract, NULL);
    af_mem_reserve(&party->deferred, &party->deferred_cap, party->deferred_count + 1,
                   sizeof(struct af_contract *));
    party->deferred[party->deferred_count++] = contract;
    if (party->spec.owner->settled != NULL)
        party->spec.owner->settled(party->spec.owner->arg, party, contract);
}

/* A delivery is over. */
static void delivered(void *arg, struct af_script_party *script, const struct af_effects *effects)
{
    (void)script;
    struct af_party *party = arg;
    struct af_contract *contract = party->current;
    bool start = party->status == AF_PARTY_NEW;
    bool deferring = party->deferring;
    party->busy = party->deferring = false;
    party->current = NULL;
    party->status = AF_PARTY_ACTIVE;
    tell_logs(party, effects);
    if (deferring && effects->outcome == AF_OUTCOME_NONE) {
        keep_deferred(party, contract);
        stepped(party);
        pump(party);
        return;
    }
    if (effects->outcome == AF_OUTCOME_RAISED) {
        if (effects->traceback != NULL)
            af_log(AF_LOG_DEBUG, "%s: %s", party->spec.id, effects->traceback);
        end_failed(party, AF_FINDING_RAISED, effects->text);
    } else if (effects->outcome == AF_OUTCOME_INVALID) {
        dead_letter(party, contract, effects->text);
    } else {
        apply(party, effects, start);
    }
    settle(party, contract);
    if (party->fate == AF_FATE_CRASH_AFTER && party->status == AF_PARTY_ACTIVE)
        go_down(party);
    else if (party->fate == AF_FATE_CRASH_AFTER)
        outbox_flush(party); /* it ended: what it committed goes out */
    stepped(party);
    pump(party); /* nothing, where pump() is who delivered */
}

static void deliver(struct af_party *party, struct af_input *input)
{
    party->busy = true;
    input->now_ns = af_loop_wall_ns(party->spec.loop);
    af_script_deliver(party->script, input, delivered, party);
}

/* ---- Taking inputs. ---- */

static enum af_disposition disposition(const struct af_party *party, int event)
{
    if (event < 0)
        return AF_EVENT_UNEXPECTED;
    return (enum af_disposition)af_party_state(party)->events[event];
}

/* Whether a party_failed tells of its own sender, as far as the sender is known. */
static bool tells_of_sender(const struct af_contract *contract)
{
    struct af_json_reader reader;
    bool same = false;
    if (contract->from == NULL)
        return true;
    af_json_reader_init(&reader, contract->content, contract->content_len);
    bool ok = af_json_next(&reader) == AF_JSON_OBJECT_BEGIN;
    while (ok && af_json_next(&reader) == AF_JSON_KEY) {
        bool peer = reader.string_len == 7 && memcmp(reader.string, "peer_id", 7) == 0;
        enum af_json_token token = af_json_next(&reader);
        if (peer && token == AF_JSON_STRING)
            same = reader.string_len == strlen(contract->from) &&
                   memcmp(reader.string, contract->from, reader.string_len) == 0;
        ok = af_json_skip(&reader, token);
    }
    af_json_reader_release(&reader);
    return same;
}

static void deliver_contract(struct af_party *party, enum af_input_kind kind, int event,
                             struct af_contract *contract)
{
    struct af_input input = {
        kind, 0, contract->key, contract->from, event, contract->content, contract->content_len,
        NULL};
    party->current = contract;
    deliver(party, &input);
}

static void refuse(struct af_party *party, int event, struct af_contract *contract)
{
    char why[300];
    if (event < 0)
        snprintf(why, sizeof why, "the flow knows no such event type");
    else
        snprintf(why, sizeof why, "not expected in state '%s'", af_party_state(party)->name);
    dead_letter(party, contract, why);
    settle(party, contract);
}

/* Takes one contract; it is the party's. */
static void take(struct af_party *party, struct af_contract *contract)
{
    int event = af_flow_find_event(party->flow, contract->type, contract->type_len);
    bool about_failure = contract->type_len == 12 && strcmp(contract->type, "party_failed") == 0;
    if (about_failure && !tells_of_sender(contract)) {
        af_trace_contract(party->spec.trace, now(party), "drop", party->spec.id, contract,
                          "it tells of another than its sender");
        settle(party, contract);
        return;
    }
    switch (disposition(party, event)) {
    case AF_EVENT_HANDLED:
        af_trace_contract(party->spec.trace, now(party), "deliver", party->spec.id, contract, NULL);
        deliver_contract(party, AF_INPUT_EVENT, event, contract);
        return;
    case AF_EVENT_DEFERRED: /* what is kept must be fit to be handled later */
        party->deferring = true;
        deliver_contract(party, AF_INPUT_VALIDATE, event, contract);
        return;
    case AF_EVENT_IGNORED:
        party->counts.ignored++;
        af_trace_contract(party->spec.trace, now(party), "ignore", party->spec.id, contract, NULL);
        settle(party, contract);
        break;
    case AF_EVENT_UNEXPECTED:
        refuse(party, event, contract);
        break;
    }
    stepped(party);
}

/* The first deferred contract that the state no longer defers: its index, or the count. */
static size_t wanted_deferred(struct af_party *party)
{
    size_t i = party->deferred_count;
    if (party->look_at_deferred) {
        for (i = 0; i < party->deferred_count; i++) {
            const struct af_contract *contract = party->deferred[i];
            int event = af_flow_find_event(party->flow, contract->type, contract->type_len);
            if (disposition(party, event) != AF_EVENT_DEFERRED)
                break;
        }
        party->look_at_deferred = i < party->deferred_count;
    }
    return i;
}

static void take_deferred(struct af_party *party, size_t i)
{
    struct af_contract *contract = party->deferred[i];
    memmove(party->deferred + i, party->deferred + i + 1,
            (party->deferred_count - i - 1) * sizeof(struct af_contract *));
    party->deferred_count--;
    take(party, contract);
}

/* A timeout that is due: -1 none, 0 `after`, i + 1 the deadline i. */
static int due_timeout(const struct af_party *party)
{
    int due = party->after_due ? 0 : -1;
    int64_t earliest = party->after_due ? party->after_due_ns : INT64_MAX;
    for (size_t i = 0; i < party->deadline_count; i++) {
        if (party->deadlines[i]->timer == NULL && party->deadlines[i]->due_ns < earliest) {
            due = (int)i + 1;
            earliest = party->deadlines[i]->due_ns;
        }
    }
    return due;
}

static void take_timeout(struct af_party *party, int due)
{
    struct af_input input = {AF_INPUT_AFTER, 0, {1, ++party->fired}, NULL, 0, NULL, 0, NULL};
    char *name = NULL;
    if (due == 0) {
        party->after_due = false;
    } else {
        name = af_mem_string(party->deadlines[due - 1]->name);
        deadline_remove(party, (size_t)due - 1);
        input.kind = AF_INPUT_DEADLINE;
        input.deadline = name;
    }
    const struct af_flow_state *state = af_party_state(party);
    bool named = due == 0;
    for (size_t i = 0; !named && i < state->timeout_count; i++)
        named = strcmp(state->timeouts[i], name) == 0;
    af_trace_party(party->spec.trace, now(party), "timeout", party->spec.id, "timer",
                   name == NULL ? "after" : name);
    if (named)
        deliver(party, &input);
    else
        stepped(party); /* a state that does not name it ignores it */
    free(name);
}

/* Asks the owner before an input; false: the party crashes, the input is not taken. */
static bool survives(struct af_party *party)
{
    const struct af_party_owner *owner = party->spec.owner;
    party->fate = owner->fate == NULL ? AF_FATE_NONE : owner->fate(owner->arg, party);
    if (party->fate != AF_FATE_CRASH)
        return true;
    go_down(party);
    stepped(party);
    return false;
}

/* What was taken may have run no handler: the crash that was to come after it comes now. */
static void crash_if_fated(struct af_party *party)
{
    if (party->fate == AF_FATE_CRASH_AFTER && !party->busy && !party->down &&
        party->status == AF_PARTY_ACTIVE) {
        go_down(party);
        stepped(party);
    }
}

static void pump(struct af_party *party)
{
    if (party->pumping)
        return;
    party->pumping = true;
    while (party->status == AF_PARTY_ACTIVE && !party->down && !party->busy) {
        size_t deferred = wanted_deferred(party);
        int due = -1;
        if (deferred == party->deferred_count && party->queue_count == 0 &&
            (due = due_timeout(party)) < 0)
            break;
        if (!survives(party))
            break;
        if (deferred < party->deferred_count)
            take_deferred(party, deferred);
        else if (party->queue_count > 0)
            take(party, queue_take(party));
        else
            take_timeout(party, due);
        crash_if_fated(party);
    }
    party->pumping = false;
}

/* Takes a contract that nothing stands before: it need not pass through the queue. */
static void take_at_once(struct af_party *party, struct af_contract *contract)
{
    party->pumping = true;
    if (survives(party)) {
        take(party, contract);
        crash_if_fated(party);
    } else {
        queue_push(party, contract);
    }
    party->pumping = false;
}

void af_party_receive(struct af_party *party, struct af_contract *contract_take)
{
    party->counts.received++;
    if (party->status == AF_PARTY_LOST) {
        af_trace_contract(party->spec.trace, now(party), "drop", party->spec.id, contract_take,
                          "lost");
        af_contract_drop(contract_take);
        return;
    }
    if (!af_seen_add(&party->seen, contract_take->key)) {
        party->counts.repeated++;
        af_trace_contract(party->spec.trace, now(party), "repeated", party->spec.id, contract_take,
                          NULL);
        settle(party, contract_take);
        return;
    }
    if (party->status == AF_PARTY_DONE || party->status == AF_PARTY_FAILED) {
        drop_as_late(party, contract_take);
        return;
    }
    bool idle = party->status == AF_PARTY_ACTIVE && !party->down && !party->busy &&
                !party->pumping && party->queue_count == 0 && !party->look_at_deferred;
    if (idle)
        take_at_once(party, contract_take);
    else
        queue_push(party, contract_take);
    pump(party);
}

/* ---- Life. ---- */

struct af_party *af_party_new(const struct af_party_spec *spec, struct af_failure *why)
{
    struct af_party *party = af_mem_zero(1, sizeof *party);
    party->spec = *spec;
    party->flow = af_script_flow(spec->script);
    party->script = af_script_party_new(spec->script, spec->member, spec->seed, party, why);
    if (party->script == NULL) {
        free(party);
        return NULL;
    }
    return party;
}

void af_party_free(struct af_party *party)
{
    if (party == NULL)
        return;
    cancel_timers(party);
    while (party->queue_count > 0)
        af_contract_drop(queue_take(party));
    for (size_t i = 0; i < party->deferred_count; i++)
        af_contract_drop(party->deferred[i]);
    for (size_t i = 0; i < party->outbox_count; i++) {
        af_contract_drop(party->outbox[i].contract);
        free(party->outbox[i].targets);
    }
    af_contract_drop(party->current);
    af_seen_release(&party->seen);
    if (party->script != NULL)
        af_script_party_free(party->script);
    free(party->queue);
    free(party->deferred);
    free(party->deadlines);
    free(party->outbox);
    free(party->result);
    free(party->reason);
    free(party);
}

void af_party_start(struct af_party *party)
{
    assert(party->status == AF_PARTY_NEW);
    struct af_input input = {AF_INPUT_START, 0, {0, 0}, NULL, 0, NULL, 0, NULL};
    party->fate = AF_FATE_NONE;
    deliver(party, &input);
}

int af_party_restart(struct af_party *party, struct af_failure *why)
{
    if (!party->down)
        return 0;
    size_t len;
    const char *data = af_script_party_data(party->script, &len);
    struct af_script_party *fresh =
        af_script_party_new(party->spec.script, party->spec.member, party->spec.seed, party, why);
    if (fresh == NULL)
        return -1;
    if (af_script_party_restore(fresh, af_script_party_state(party->script), data, len, why) != 0) {
        af_script_party_free(fresh);
        return -1;
    }
    af_script_party_free(party->script);
    party->script = fresh;
    party->down = false;
    party->fate = AF_FATE_NONE;
    party->look_at_deferred = party->deferred_count > 0;
    af_trace_party(party->spec.trace, now(party), "restart", party->spec.id, NULL, NULL);
    outbox_flush(party);
    stepped(party);
    pump(party);
    return 0;
}

/* ---- Looking at it. ---- */

const struct af_party_spec *af_party_spec(const struct af_party *party)
{
    return &party->spec;
}

struct af_script_party *af_party_script(struct af_party *party)
{
    return party->script;
}

enum af_party_status af_party_status(const struct af_party *party)
{
    return party->status;
}

const struct af_party_counts *af_party_counts(const struct af_party *party)
{
    return &party->counts;
}

bool af_party_is_down(const struct af_party *party)
{
    return party->down;
}

bool af_party_waits(const struct af_party *party)
{
    return party->busy;
}

bool af_party_rests(const struct af_party *party)
{
    const struct af_flow_state *state = af_party_state(party);
    return party->status == AF_PARTY_ACTIVE && !party->busy && !party->down &&
           party->queue_count == 0 && state != NULL && state->may_end;
}

const struct af_flow_state *af_party_state(const struct af_party *party)
{
    int state = af_script_party_state(party->script);
    if (state < 0 || party->flow == NULL)
        return NULL;
    return &party->flow->roles[party->spec.role].states[state];
}

const char *af_party_result(const struct af_party *party)
{
    return party->result;
}

const char *af_party_reason(const struct af_party *party)
{
    return party->reason;
}

size_t af_party_queued(const struct af_party *party)
{
    return party->queue_count;
}

size_t af_party_deferred(const struct af_party *party)
{
    return party->deferred_count;
}

const struct af_contract *af_party_waiting_contract(const struct af_party *party, size_t i)
{
    if (i < party->queue_count)
        return party->queue[(party->queue_first + i) % party->queue_cap];
    return party->deferred[i - party->queue_count];
}
