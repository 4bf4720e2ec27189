/* take.c: which input a party takes next, and what becomes of it. With commit.c it is one machine:
 * the script is called here, its answer is told there, and what comes of that takes the next input.
 */
#include "party/impl.h"

#include "base/bounds.h"
#include "trace/contract.h"
#include "json/json.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "trace/trace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void af_party_deliver(struct af_party *party, struct af_input *input)
{
    assert(!party->busy && !party->down); /* a party is at one input at a time */
    party->busy = true;
    party->step.was = af_party_state(party);
    input->now_ns = party->spec.fixed ? 0 : af_loop_wall_ns(party->spec.loop);
    af_script_deliver(party->script, input, af_party_delivered, party);
}

/* Of an input that is the same whenever it comes. */
static struct af_hash fixed_key(const char *from, const char *type, const char *content,
                                size_t content_len)
{
    struct af_hash key = {2, 0};
    if (from != NULL)
        key = af_hash_bytes(key, from, strlen(from) + 1);
    key = af_hash_bytes(key, type, strlen(type) + 1);
    return af_hash_bytes(key, content, content_len);
}

static void deliver_contract(struct af_party *party, enum af_step_kind kind, int event)
{
    const struct af_contract *contract = party->taken.contract;
    struct af_input input = {kind == AF_STEP_EVENT ? AF_INPUT_EVENT : AF_INPUT_VALIDATE,
                             0,
                             party->spec.fixed ? fixed_key(contract->from, contract->type,
                                                           contract->content, contract->content_len)
                                               : contract->key,
                             contract->from,
                             event,
                             contract->content,
                             contract->content_len,
                             NULL};
    party->taken.kind = kind;
    af_party_deliver(party, &input);
}

void af_party_untake(struct af_party *party)
{
    struct af_party_taken *taken = &party->taken;
    if (taken->contract != NULL && taken->was_deferred)
        af_party_deferred_insert(party, taken->deferred_at, taken->contract);
    else if (taken->contract != NULL)
        af_party_queue_push_front(party, taken->contract);
    if (taken->deadline != NULL)
        af_party_deadline_add(party, taken->deadline);
    if (taken->kind == AF_STEP_AFTER)
        party->after_due = true;
    if (taken->kind == AF_STEP_AFTER || taken->kind == AF_STEP_DEADLINE)
        party->fired--;
    party->look_at_deferred = party->deferred_count > 0;
    *taken = (struct af_party_taken){AF_STEP_OTHER, NULL, false, 0, NULL};
    if (party->spec.owner->withdrawn != NULL)
        party->spec.owner->withdrawn(party->spec.owner->arg, party);
}

static void refuse(struct af_party *party, int event, struct af_contract *contract)
{
    char why[300];
    if (event < 0)
        snprintf(why, sizeof why, "the flow knows no such event type");
    else
        snprintf(why, sizeof why, "not expected in state '%s'", af_party_state(party)->name);
    af_party_dead_letter(party, contract, why);
}

/* Whether it is no contract that anybody may handle: then it is gone. */
static bool is_forged(struct af_party *party, struct af_contract *contract)
{
    if (contract->type_len != 12 || strcmp(contract->type, "party_failed") != 0 ||
        tells_of_sender(contract))
        return false;
    af_trace_contract(party->spec.trace, af_party_now(party), "drop", party->spec.id, contract,
                      "it tells of another than its sender");
    af_party_settle(party, contract);
    af_contract_drop(contract);
    return true;
}

/* What no handler is called for is over at once. */
static void over_at_once(struct af_party *party, enum af_step_kind kind)
{
    struct af_contract *contract = party->taken.contract;
    party->step.was_deferred = party->taken.was_deferred;
    af_party_stepped(party, kind, contract);
    af_party_settle(party, contract);
    party->step = (struct af_party_step){.kind = AF_STEP_OTHER};
    party->taken.contract = NULL;
    af_contract_drop(contract);
}

/* Takes one contract, the party's, which stood in the queue, or at an index of what is deferred. */
static void take(struct af_party *party, struct af_contract *contract, bool was_deferred, size_t at)
{
    if (is_forged(party, contract))
        return;
    int event = af_flow_find_event(party->flow, contract->type, contract->type_len);
    assert(party->taken.contract == NULL && party->taken.deadline == NULL);
    party->taken = (struct af_party_taken){AF_STEP_OTHER, contract, was_deferred, at, NULL};
    switch (disposition(party, event)) {
    case AF_EVENT_HANDLED:
        af_trace_contract(party->spec.trace, af_party_now(party), "deliver", party->spec.id,
                          contract, NULL);
        deliver_contract(party, AF_STEP_EVENT, event);
        break;
    case AF_EVENT_DEFERRED: /* what is kept must be fit to be handled later */
        deliver_contract(party, AF_STEP_DEFER, event);
        break;
    case AF_EVENT_IGNORED:
        party->counts.ignored++;
        af_trace_contract(party->spec.trace, af_party_now(party), "ignore", party->spec.id,
                          contract, NULL);
        over_at_once(party, AF_STEP_IGNORE);
        break;
    case AF_EVENT_UNEXPECTED:
        refuse(party, event, contract);
        over_at_once(party, AF_STEP_REFUSE);
        break;
    }
}

/* The first deferred contract that the state no longer defers: its index, or the count. */
static size_t wanted_deferred(const struct af_party *party)
{
    for (size_t i = 0; party->look_at_deferred && i < party->deferred_count; i++) {
        const struct af_contract *contract = party->deferred[i];
        int event = af_flow_find_event(party->flow, contract->type, contract->type_len);
        if (disposition(party, event) != AF_EVENT_DEFERRED)
            return i;
    }
    return party->deferred_count;
}

const struct af_contract *af_party_recalls(const struct af_party *party)
{
    size_t i = party->status == AF_PARTY_ACTIVE ? wanted_deferred(party) : party->deferred_count;
    return i < party->deferred_count ? party->deferred[i] : NULL;
}

/* A timeout that is due: -1 none, 0 `after`, i + 1 the deadline i. */
static int due_timeout(const struct af_party *party)
{
    int due = party->after_due ? 0 : -1;
    int64_t earliest = party->after_due ? party->after_due_ns : INT64_MAX;
    if (party->timers_wait)
        return -1;
    for (size_t i = 0; i < party->deadline_count; i++) {
        if (party->deadlines[i]->timer == NULL && party->deadlines[i]->due_ns < earliest) {
            due = (int)i + 1;
            earliest = party->deadlines[i]->due_ns;
        }
    }
    return due;
}

static bool state_names(const struct af_flow_state *state, const char *deadline)
{
    size_t i = 0;
    while (i < state->timeout_count && strcmp(state->timeouts[i], deadline) != 0)
        i++;
    return i < state->timeout_count;
}

static void take_timeout(struct af_party *party, int due)
{
    struct af_input input = {AF_INPUT_AFTER, 0, {1, ++party->fired}, NULL, 0, NULL, 0, NULL};
    struct af_party_taken *taken = &party->taken;
    *taken = (struct af_party_taken){AF_STEP_AFTER, NULL, false, 0, NULL};
    if (due == 0) {
        party->after_due = false;
    } else {
        taken->kind = AF_STEP_DEADLINE;
        taken->deadline = af_party_deadline_remove(party, (size_t)due - 1);
        input.kind = AF_INPUT_DEADLINE;
        input.deadline = taken->deadline->name;
    }
    if (party->spec.fixed)
        input.key = fixed_key(NULL, due == 0 ? "" : input.deadline, "", 0);
    af_trace_party(party->spec.trace, af_party_now(party), "timeout", party->spec.id, "timer",
                   due == 0 ? "after" : input.deadline);
    if (due == 0 || state_names(af_party_state(party), input.deadline)) {
        af_party_deliver(party, &input);
        return;
    }
    party->step.deadline = input.deadline; /* a state that does not name it ignores it */
    af_party_stepped(party, AF_STEP_DEADLINE, NULL);
    party->step.deadline = NULL;
    af_party_deadline_free(taken->deadline);
    taken->deadline = NULL;
}

/* Asks the owner before an input; false: the party crashes, the input is not taken. */
static bool survives(struct af_party *party)
{
    const struct af_party_owner *owner = party->spec.owner;
    party->fate = owner->fate == NULL ? AF_FATE_NONE : owner->fate(owner->arg, party);
    if (party->fate != AF_FATE_CRASH)
        return true;
    af_party_go_down(party);
    af_party_stepped(party, AF_STEP_OTHER, NULL);
    return false;
}

/* What was taken may have run no handler: the crash that was to come after it comes now. */
static void crash_if_fated(struct af_party *party)
{
    if (party->fate == AF_FATE_CRASH_AFTER && !party->busy && !party->down &&
        party->status == AF_PARTY_ACTIVE) {
        af_party_go_down(party);
        af_party_stepped(party, AF_STEP_OTHER, NULL);
    }
}

bool af_party_is_free(const struct af_party *party)
{
    const struct af_party_owner *owner = party->spec.owner;
    return !party->down && !party->busy && !party->pauses && party->held == NULL &&
           (owner->ready == NULL || owner->ready(owner->arg, party));
}

static bool may_take(const struct af_party *party)
{
    return party->status == AF_PARTY_ACTIVE && af_party_is_free(party);
}

void af_party_pump(struct af_party *party)
{
    if (party->pumping)
        return;
    party->pumping = true;
    while (may_take(party)) {
        size_t deferred = wanted_deferred(party);
        int due = -1;
        party->look_at_deferred = deferred < party->deferred_count;
        if (deferred == party->deferred_count && party->queue_count == 0 &&
            (due = due_timeout(party)) < 0)
            break;
        if (!survives(party))
            break;
        if (deferred < party->deferred_count)
            take(party, af_party_deferred_remove(party, deferred), true, deferred);
        else if (party->queue_count > 0)
            take(party, af_party_queue_take(party), false, 0);
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
        take(party, contract, false, 0);
        crash_if_fated(party);
    } else {
        af_party_queue_push(party, contract);
    }
    party->pumping = false;
}

void af_party_receive(struct af_party *party, struct af_contract *contract_take)
{
    party->counts.received++;
    if (party->status == AF_PARTY_LOST) {
        af_trace_contract(party->spec.trace, af_party_now(party), "drop", party->spec.id,
                          contract_take, "lost");
        af_contract_drop(contract_take);
        return;
    }
    if (!party->spec.once && !af_seen_add(&party->seen, contract_take->key)) {
        party->counts.repeated++;
        af_trace_contract(party->spec.trace, af_party_now(party), "repeated", party->spec.id,
                          contract_take, NULL);
        af_party_settle(party, contract_take);
        af_contract_drop(contract_take);
        return;
    }
    if (party->status == AF_PARTY_DONE || party->status == AF_PARTY_FAILED) {
        af_party_drop_as_late(party, contract_take);
        return;
    }
    bool idle = !party->pumping && party->queue_count == 0 && !party->look_at_deferred;
    if (idle && may_take(party))
        take_at_once(party, contract_take);
    else
        af_party_queue_push(party, contract_take);
    af_party_pump(party);
}

void af_party_hand_in(struct af_party *party, struct af_contract *contract_take)
{
    assert(party->status == AF_PARTY_ACTIVE);
    af_party_deferred_insert(party, party->deferred_count, contract_take);
    party->look_at_deferred = true;
    af_party_stepped(party, AF_STEP_HAND, contract_take);
    af_party_pump(party);
}

void af_party_pause(struct af_party *party, bool pauses)
{
    party->pauses = pauses;
    if (!pauses)
        af_party_go_on(party);
}

/* ---- Going on. ---- */

void af_party_start(struct af_party *party)
{
    assert(party->status == AF_PARTY_NEW);
    struct af_input input = {AF_INPUT_START, 0, {0, 0}, NULL, 0, NULL, 0, NULL};
    party->fate = AF_FATE_NONE;
    party->taken = (struct af_party_taken){AF_STEP_START, NULL, false, 0, NULL};
    af_party_deliver(party, &input);
}

void af_party_go_on(struct af_party *party)
{
    if (party->status == AF_PARTY_NEW && af_party_is_free(party))
        af_party_start(party);
    else
        af_party_pump(party);
}
