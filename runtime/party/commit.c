/* commit.c: what a transaction changes, once its handler has returned; how a party is
 * held over one that failed, and how it ends. With take.c it is one machine. */
#include "party/impl.h"

#include "base/bounds.h"
#include "trace/contract.h"
#include "base/failure.h"
#include "json/json.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "trace/trace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Ends. ---- */

void af_party_drop_as_late(struct af_party *party, struct af_contract *contract_take)
{
    struct af_contract *contract = contract_take;
    const struct af_party_owner *owner = party->spec.owner;
    party->counts.late++;
    af_trace_contract(party->spec.trace, af_party_now(party), "late", party->spec.id, contract,
                      NULL);
    if (owner->late != NULL)
        owner->late(owner->arg, party, contract);
    af_party_settle(party, contract);
    af_contract_drop(contract);
}

static void end(struct af_party *party, enum af_party_status status)
{
    assert(!party->busy); /* nothing is answered after the end */
    party->status = status;
    free(party->held);
    party->held = NULL;
    af_party_cancel_timers(party);
    for (size_t i = 0; i < party->deferred_count; i++)
        af_party_drop_as_late(party, party->deferred[i]);
    party->deferred_count = party->deferred_bytes = 0;
    while (party->queue_count > 0)
        af_party_drop_as_late(party, af_party_queue_take(party));
}

/* A row that is not as it was written may have had one already. */
static void replace(char **text, const char *with)
{
    char *old = *text;
    *text = af_mem_string(with);
    free(old);
}

static void end_done(struct af_party *party, const char *result)
{
    replace(&party->result, result);
    struct af_trace *trace = party->spec.trace;
    af_trace_begin(trace, af_party_now(party), "done");
    af_trace_string(trace, "party", party->spec.id);
    af_trace_json(trace, "result", result, strlen(result));
    af_trace_end(trace);
    end(party, AF_PARTY_DONE);
}

static void end_failed(struct af_party *party, enum af_finding finding, const char *reason)
{
    replace(&party->reason, reason);
    bool raised = finding == AF_FINDING_RAISED;
    af_trace_party(party->spec.trace, af_party_now(party), raised ? "error" : "fail",
                   party->spec.id, raised ? "message" : "reason", reason);
    end(party, AF_PARTY_FAILED);
    af_party_report_failure(party);
    party->spec.owner->finding(party->spec.owner->arg, party, finding, reason);
}

/* What a handler waits for must not be answered after the end. */
void af_party_withdraw(struct af_party *party)
{
    if (!party->busy)
        return;
    af_script_withdraw(party->script);
    party->busy = false;
    af_party_kept_drop(party);
    af_party_untake(party);
}

void af_party_fail(struct af_party *party, const char *reason)
{
    if (party->status != AF_PARTY_NEW && party->status != AF_PARTY_ACTIVE)
        return;
    af_party_withdraw(party);
    end_failed(party, AF_FINDING_FAILED, reason);
    af_party_stepped(party, AF_STEP_FAIL, NULL);
}

void af_party_lose(struct af_party *party)
{
    if (party->status != AF_PARTY_NEW && party->status != AF_PARTY_ACTIVE)
        return;
    af_party_withdraw(party);
    af_trace_party(party->spec.trace, af_party_now(party), "lost", party->spec.id, NULL, NULL);
    party->status = AF_PARTY_LOST;
    party->down = false;
    af_party_drop_pending(party);
    af_party_stepped(party, AF_STEP_OTHER, NULL);
}

/* ---- Commit. ---- */

/* The names of states that were passed through. */
static void note_passed(const struct af_party *party, const struct af_effects *effects)
{
    const struct af_flow_role *role = &party->flow->roles[party->spec.role];
    struct af_buf names = AF_BUF_EMPTY;
    if (effects->passed_count == 0)
        return;
    for (size_t i = 0; i < effects->passed_count; i++) {
        const char *name = role->states[effects->passed[i]].name;
        af_buf_append_char(&names, i == 0 ? '[' : ',');
        af_json_write_string(&names, name, strlen(name));
    }
    af_buf_append_char(&names, ']');
    af_trace_json(party->spec.trace, "through", names.data, names.len);
    af_buf_release(&names);
}

static void note_state(struct af_party *party, const struct af_effects *effects, const char *kind)
{
    struct af_trace *trace = party->spec.trace;
    size_t len;
    if (trace == NULL)
        return;
    const struct af_flow_state *state = af_party_state(party);
    const char *data = af_script_party_data(party->script, &len);
    af_trace_begin(trace, af_party_now(party), kind);
    af_trace_string(trace, "party", party->spec.id);
    af_trace_string(trace, "state", state == NULL ? NULL : state->name);
    if (strcmp(kind, "state") == 0)
        af_trace_bool(trace, "entered", effects->entered);
    note_passed(party, effects);
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
        af_trace_begin(trace, af_party_now(party), "log");
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
        af_party_cancel_after(party);
        party->look_at_deferred = party->deferred_count > 0;
        if (effects->after_ns >= 0 && effects->outcome == AF_OUTCOME_NONE)
            af_party_start_after(party, effects->after_ns, effects->after_ns);
    }
    for (size_t i = 0; i < effects->deadline_count; i++)
        af_party_set_deadline(party, effects->bytes.data + effects->deadlines[i].name,
                              effects->deadlines[i].delay_ns, effects->deadlines[i].delay_ns);
    if (effects->progress >= 0) {
        struct af_trace *trace = party->spec.trace;
        af_trace_begin(trace, af_party_now(party), "progress");
        af_trace_string(trace, "party", party->spec.id);
        af_trace_integer(trace, "percent", effects->progress);
        af_trace_end(trace);
        if (party->spec.owner->progress != NULL)
            party->spec.owner->progress(party->spec.owner->arg, party, effects->progress);
    }
    af_party_send_all(party, effects);
    warn_of_size(party);
    if (effects->outcome == AF_OUTCOME_DONE)
        end_done(party, effects->text);
    else if (effects->outcome == AF_OUTCOME_FAILED)
        end_failed(party, AF_FINDING_FAILED, effects->text);
    else if (party->deadline_count > AF_PARTY_DEADLINES_MAX)
        end_failed(party, AF_FINDING_RAISED, "more than 10,000 deadlines are armed");
}

void af_party_dead_letter(struct af_party *party, const struct af_contract *contract,
                          const char *why)
{
    char text[AF_FAILURE_TEXT_MAX], both[AF_FAILURE_TEXT_MAX];
    long long version = contract->facts.flow_version;
    party->counts.unexpected++;
    if (version > 0 && version != party->flow->version) {
        snprintf(both, sizeof both,
                 "%.700s; sent by version %lld of the flow, read by version %lld", why, version,
                 (long long)party->flow->version);
        why = both;
    }
    af_trace_contract(party->spec.trace, af_party_now(party), "unexpected", party->spec.id,
                      contract, why);
    snprintf(text, sizeof text, "event '%s' from %s: %s", contract->type,
             contract->from == NULL ? "an unknown sender" : contract->from, why);
    party->spec.owner->finding(party->spec.owner->arg, party, AF_FINDING_UNEXPECTED, text);
}

void af_party_go_down(struct af_party *party)
{
    assert(!party->down && !party->busy); /* what was under way was withdrawn, or is committed */
    party->down = true;
    party->counts.crashes++;
}

void af_party_crash(struct af_party *party)
{
    assert(party->status == AF_PARTY_ACTIVE && !party->down);
    af_party_withdraw(party);
    af_party_go_down(party);
    af_party_stepped(party, AF_STEP_OTHER, NULL);
}

/* Keeps a contract that is fit to be handled in a later state. */
static void keep_deferred(struct af_party *party, struct af_contract *contract)
{
    if (party->deferred_count >= AF_PARTY_DEFERRED_MAX ||
        contract->content_len > AF_PARTY_DEFERRED_BYTES_MAX - party->deferred_bytes) {
        end_failed(party, AF_FINDING_RAISED,
                   party->deferred_count >= AF_PARTY_DEFERRED_MAX
                       ? "more than 100,000 events are deferred"
                       : "events of more than 256 MiB are deferred");
        af_party_stepped(party, AF_STEP_REFUSE, contract);
        af_party_settle(party, contract);
        af_contract_drop(contract);
        return;
    }
    af_trace_contract(party->spec.trace, af_party_now(party), "defer", party->spec.id, contract,
                      NULL);
    af_party_deferred_insert(party, party->deferred_count, contract);
    af_party_stepped(party, AF_STEP_DEFER, contract);
    af_party_settle(party, contract);
}

/* What was taken is over: it need not be put back any more. */
static struct af_contract *forget_taken(struct af_party *party)
{
    struct af_contract *contract = party->taken.contract;
    af_party_deadline_free(party->taken.deadline);
    party->taken.contract = NULL;
    party->taken.deadline = NULL;
    party->attempts = 0;
    return contract;
}

/* A handler has returned, or failed, and what it was given is consumed. */
static void consume(struct af_party *party, const struct af_effects *effects, bool start)
{
    enum af_step_kind kind = party->taken.kind;
    struct af_contract *contract = party->taken.contract;
    party->step.effects = effects;
    party->step.was_deferred = party->taken.was_deferred;
    party->step.deadline = party->taken.deadline == NULL ? NULL : party->taken.deadline->name;
    if (effects->outcome == AF_OUTCOME_RAISED) {
        end_failed(party, AF_FINDING_RAISED, effects->text);
    } else if (effects->outcome == AF_OUTCOME_INVALID) {
        af_party_dead_letter(party, contract, effects->text);
        kind = AF_STEP_REFUSE;
    } else {
        af_party_kept_commit(party);
        apply(party, effects, start);
    }
    if (party->fate == AF_FATE_CRASH_AFTER && party->status == AF_PARTY_ACTIVE)
        af_party_go_down(party);
    else if (party->fate == AF_FATE_CRASH_AFTER)
        af_party_outbox_flush(party); /* it ended: what it committed goes out */
    af_party_stepped(party, kind, contract);
    af_party_settle(party, contract);
    party->step = (struct af_party_step){AF_STEP_OTHER, NULL, false, NULL, NULL, NULL};
    af_contract_drop(forget_taken(party));
}

/* ---- Holding. ---- */

void af_party_hold(struct af_party *party, const char *why)
{
    if (party->held != NULL || (party->status != AF_PARTY_NEW && party->status != AF_PARTY_ACTIVE))
        return;
    af_party_withdraw(party);
    replace(&party->held, why);
    party->spec.owner->finding(party->spec.owner->arg, party, AF_FINDING_RAISED, why);
    af_party_stepped(party, AF_STEP_HOLD, NULL);
}

/* The process of its script is gone, and with it the delivery: it is given again, but not for ever
 * to a process that dies over it. */
static void lost(struct af_party *party, const struct af_effects *effects)
{
    char why[AF_FAILURE_TEXT_MAX];
    if (effects->blamed && ++party->attempts >= AF_PARTY_ATTEMPTS_MAX) {
        snprintf(why, sizeof why, "its worker process ended %d times over the same input: %s",
                 AF_PARTY_ATTEMPTS_MAX, effects->text);
        party->attempts = 0;
        af_party_hold(party, why);
    }
    af_party_go_on(party);
}

/* A delivery is over. */
void af_party_delivered(void *arg, struct af_script_party *script, const struct af_effects *effects)
{
    (void)script;
    struct af_party *party = arg;
    bool start = party->status == AF_PARTY_NEW;
    assert(party->busy); /* it was not withdrawn */
    party->busy = false;
    tell_logs(party, effects);
    if (effects->outcome == AF_OUTCOME_RAISED && effects->traceback != NULL)
        af_log(AF_LOG_DEBUG, "%s: %s", party->spec.id, effects->traceback);
    if (effects->outcome > AF_OUTCOME_FAILED)
        af_party_kept_drop(party);
    if (effects->outcome == AF_OUTCOME_LOST) {
        af_party_untake(party);
        lost(party, effects);
        return;
    }
    if (effects->outcome == AF_OUTCOME_RAISED && party->spec.holds) {
        af_party_untake(party);
        af_party_hold(party, effects->text);
        return;
    }
    party->status = AF_PARTY_ACTIVE;
    /* an owner that is told of the step may have us go on: not before what was taken is over */
    bool pumping = party->pumping;
    party->pumping = true;
    if (party->taken.kind == AF_STEP_DEFER && effects->outcome == AF_OUTCOME_NONE)
        keep_deferred(party, forget_taken(party));
    else
        consume(party, effects, start);
    party->pumping = pumping;
    af_party_pump(party); /* nothing, where af_party_pump() is who delivered */
}
