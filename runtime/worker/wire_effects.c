/* wire_effects.c: what a delivery came to, from a worker to its node.
 *
 * Contents, names and lines are parts of the effects' bytes. Those of one kind follow each other
 * without overlap, so that looking at all of them takes no longer than they are. Lines are mended
 * before anything else is looked at, as they may overlap the others. */
#include "worker/wire.h"

#include "base/bounds.h"
#include "trace/contract.h"
#include "json/json.h"
#include "base/mem.h"
#include "script/effects.h"

#include <string.h>

/* ---- Writing. ---- */

static void put_send(struct af_buf *out, const struct af_effects *effects,
                     const struct af_send *send, const struct af_flow *flow)
{
    af_wire_put_u32(out, (uint32_t)af_flow_find_event(flow, send->type, strlen(send->type)));
    af_wire_put_string(out, send->title);
    af_wire_put_hash(out, send->uuid);
    af_wire_put_u32(out, (uint32_t)send->content);
    af_wire_put_u32(out, (uint32_t)send->content_len);
    af_wire_put_u32(out, (uint32_t)send->target_count);
    for (size_t i = 0; i < send->target_count; i++)
        af_wire_put_u32(out, effects->targets[send->first_target + i]);
}

void af_wire_put_done(struct af_buf *out, const struct af_effects *effects,
                      const struct af_wire_done *done, const struct af_flow *flow)
{
    af_wire_put_u8(out, (uint8_t)effects->outcome);
    af_wire_put_u8(out, effects->entered);
    af_wire_put_u64(out, (uint64_t)effects->after_ns);
    af_wire_put_u32(out, (uint32_t)effects->progress);
    af_wire_put_u32(out, (uint32_t)done->state);
    af_wire_put_bytes(out, done->data, done->data_len);
    af_wire_put_string(out, effects->text);
    af_wire_put_string(out, effects->traceback);
    af_wire_put_bytes(out, effects->bytes.len == 0 ? "" : effects->bytes.data, effects->bytes.len);
    af_wire_put_u32(out, (uint32_t)effects->log_count);
    for (size_t i = 0; i < effects->log_count; i++) {
        af_wire_put_u32(out, (uint32_t)effects->logs[i].start);
        af_wire_put_u32(out, (uint32_t)effects->logs[i].len);
    }
    af_wire_put_u32(out, (uint32_t)effects->deadline_count);
    for (size_t i = 0; i < effects->deadline_count; i++) {
        af_wire_put_u32(out, (uint32_t)effects->deadlines[i].name);
        af_wire_put_u64(out, (uint64_t)effects->deadlines[i].delay_ns);
    }
    af_wire_put_u32(out, (uint32_t)effects->send_count);
    for (size_t i = 0; i < effects->send_count; i++)
        put_send(out, effects, &effects->sends[i], flow);
}

/* ---- Reading. ---- */

/* A count of what takes at least so many bytes each. */
static size_t get_count(struct af_wire_in *in, size_t max, size_t least_bytes)
{
    size_t count = af_wire_get_u32(in);
    if (count > max || count > (size_t)(in->end - in->at) / least_bytes) {
        in->bad = true;
        return 0;
    }
    return count;
}

/* Whether a part is within the bytes, and behind the last of its kind, which ended at *end. */
static bool follows(const struct af_effects *effects, size_t start, size_t len, size_t *end)
{
    if (start < *end || start > effects->bytes.len || len > effects->bytes.len - start)
        return false;
    *end = start + len;
    return true;
}

static const char *read_send(struct af_wire_in *in, const struct af_wire_expected *expected,
                             struct af_effects *effects, size_t *end)
{
    struct af_send *send = &effects->sends[effects->send_count];
    uint32_t event = af_wire_get_u32(in);
    const char *title = af_wire_get_string(in);
    send->title = title == NULL ? NULL : af_contract_title(title);
    send->uuid = af_wire_get_hash(in);
    send->facts = (struct af_facts){.flow_version = expected->flow->version};
    send->content = af_wire_get_u32(in);
    send->content_len = af_wire_get_u32(in);
    send->first_target = effects->target_count;
    send->target_count = get_count(in, expected->member_count, sizeof(uint32_t));
    if (in->bad || event >= expected->flow->event_count || send->title == NULL ||
        send->target_count == 0 || effects->target_count + send->target_count > AF_STEP_TARGETS_MAX)
        return "a send is malformed";
    send->type = expected->flow->events[event].type;
    if (!follows(effects, send->content, send->content_len, end) ||
        af_contract_unfit(effects->bytes.data + send->content, send->content_len) != NULL ||
        !af_wire_is_json(effects->bytes.data + send->content, send->content_len, send->type))
        return "a send's content is no event of its type";
    af_mem_reserve(&effects->targets, &effects->target_cap,
                   effects->target_count + send->target_count, sizeof *effects->targets);
    for (size_t i = 0; i < send->target_count; i++) {
        uint32_t member = af_wire_get_u32(in);
        if (member >= expected->member_count)
            return "a send goes to a node that the task has not";
        effects->targets[effects->target_count++] = member;
    }
    effects->send_count++;
    return NULL;
}

static const char *read_sends(struct af_wire_in *in, const struct af_wire_expected *expected,
                              struct af_effects *effects)
{
    size_t count = get_count(in, AF_STEP_SENDS_MAX, 36);
    const char *what = NULL;
    size_t end = 0;
    af_mem_reserve(&effects->sends, &effects->send_cap, count, sizeof *effects->sends);
    while (what == NULL && effects->send_count < count)
        what = read_send(in, expected, effects, &end);
    return what;
}

/* The length of the name that starts there, or SIZE_MAX. */
static size_t name_len(const struct af_effects *effects, size_t start)
{
    size_t room = start < effects->bytes.len ? effects->bytes.len - start : 0;
    if (room > AF_SCRIPT_NAME_BYTES_MAX + 1)
        room = AF_SCRIPT_NAME_BYTES_MAX + 1;
    const char *name = effects->bytes.data + start;
    const char *zero = room == 0 ? NULL : memchr(name, '\0', room);
    return zero != NULL && af_flow_is_name(name) ? (size_t)(zero - name) : SIZE_MAX;
}

static const char *read_deadlines(struct af_wire_in *in, struct af_effects *effects)
{
    size_t count = get_count(in, AF_STEP_DEADLINES_MAX, 12), end = 0;
    af_mem_reserve(&effects->deadlines, &effects->deadline_cap, count, sizeof *effects->deadlines);
    while (effects->deadline_count < count) {
        struct af_deadline *deadline = &effects->deadlines[effects->deadline_count++];
        deadline->name = af_wire_get_u32(in);
        deadline->delay_ns = (int64_t)af_wire_get_u64(in);
        size_t len = name_len(effects, deadline->name);
        if (in->bad || len == SIZE_MAX || !follows(effects, deadline->name, len, &end) ||
            deadline->delay_ns < -1 || deadline->delay_ns > AF_TIME_MAX_NS)
            return "a deadline is malformed";
    }
    return NULL;
}

static const char *read_logs(struct af_wire_in *in, struct af_effects *effects)
{
    size_t count = get_count(in, AF_STEP_LOGS_MAX, 8), end = 0;
    af_mem_reserve(&effects->logs, &effects->log_cap, count, sizeof *effects->logs);
    while (effects->log_count < count) {
        struct af_text *log = &effects->logs[effects->log_count++];
        log->start = af_wire_get_u32(in);
        log->len = af_wire_get_u32(in);
        if (in->bad || !follows(effects, log->start, log->len, &end))
            return "a log is malformed";
        af_wire_mend_utf8(effects->bytes.data + log->start, log->len);
    }
    return NULL;
}

/* What the outcome must have with it, and may not have. */
static const char *check_outcome(const struct af_wire_expected *expected,
                                 const struct af_effects *effects)
{
    bool event = expected->kind == AF_INPUT_EVENT || expected->kind == AF_INPUT_VALIDATE;
    switch (effects->outcome) {
    case AF_OUTCOME_NONE:
        return expected->role->sequential ? "a script ends without an outcome" : NULL;
    case AF_OUTCOME_DONE: /* a plain function may have no result */
        if (effects->text == NULL && expected->role->sequential)
            return NULL;
        return effects->text != NULL && af_wire_is_json(effects->text, strlen(effects->text), NULL)
                   ? NULL
                   : "a result is no JSON";
    case AF_OUTCOME_FAILED:
    case AF_OUTCOME_RAISED:
        return effects->text != NULL ? NULL : "a failure has no reason";
    case AF_OUTCOME_INVALID:
        return effects->text != NULL && event ? NULL : "an input that is no event is not valid";
    case AF_OUTCOME_LOST:
        break;
    }
    return "an outcome is unknown";
}

/* Whether nothing but logs came of it. */
static bool is_nothing(const struct af_effects *effects, const struct af_wire_done *done)
{
    return effects->send_count == 0 && effects->deadline_count == 0 && !effects->entered &&
           effects->progress == -1 && done->data == NULL;
}

static const char *check_state(const struct af_wire_expected *expected,
                               const struct af_effects *effects, const struct af_wire_done *done)
{
    bool committed =
        effects->outcome != AF_OUTCOME_RAISED && effects->outcome != AF_OUTCOME_INVALID;
    bool only_looked = expected->kind == AF_INPUT_VALIDATE || expected->role->sequential;
    if ((!committed || only_looked) && !is_nothing(effects, done))
        return "a step that did not happen has effects";
    if (!committed || expected->role->sequential)
        return NULL;
    if (expected->kind == AF_INPUT_VALIDATE && effects->outcome != AF_OUTCOME_NONE)
        return "looking at an event has an outcome";
    if (done->state < 0 || (size_t)done->state >= expected->role->state_count)
        return "a state is unknown";
    bool migrates = expected->kind == AF_INPUT_MIGRATE || expected->kind == AF_INPUT_BACK;
    if (migrates && (effects->outcome != AF_OUTCOME_NONE || effects->send_count > 0 ||
                     effects->deadline_count > 0 || effects->progress != -1))
        return "a migration does more than migrate";
    if (!effects->entered && done->state != expected->state && !migrates)
        return "a state is new, and was not entered";
    if (effects->after_ns < -1 || effects->after_ns > AF_TIME_MAX_NS ||
        (effects->after_ns >= 0 && !expected->role->states[done->state].has_after))
        return "a state's time is malformed";
    if (effects->progress < -1 || effects->progress > 100)
        return "a progress is malformed";
    if (done->data != NULL && (done->data_len > AF_PARTY_DATA_BYTES_MAX ||
                               (done->data[0] != '{' && done->data[0] != '[') ||
                               !af_wire_is_json(done->data, done->data_len, NULL)))
        return "a party's data are no JSON";
    return NULL;
}

const char *af_wire_read_done(struct af_wire_in *in, const struct af_wire_expected *expected,
                              struct af_effects *effects, struct af_wire_done *done)
{
    size_t text_len;
    const char *what;
    af_effects_clear(effects, false);
    effects->outcome = (enum af_outcome)af_wire_get_u8(in);
    uint8_t entered = af_wire_get_u8(in);
    effects->entered = entered == 1;
    effects->after_ns = (int64_t)af_wire_get_u64(in);
    effects->progress = (int)af_wire_get_u32(in);
    done->state = (int)af_wire_get_u32(in);
    done->data = af_wire_get_bytes(in, &done->data_len);
    effects->text = effects->outcome == AF_OUTCOME_DONE ? af_wire_get_bytes(in, &text_len)
                                                        : af_wire_get_text(in);
    effects->traceback = af_wire_get_text(in);
    effects->bytes.data = (char *)af_wire_get_bytes(in, &effects->bytes.len);
    effects->bytes.cap = effects->bytes.len;
    effects->data_changed = done->data != NULL;
    if (in->bad || entered > 1 || effects->bytes.data == NULL)
        return "effects are malformed";
    if ((what = read_logs(in, effects)) != NULL || (what = read_deadlines(in, effects)) != NULL ||
        (what = read_sends(in, expected, effects)) != NULL)
        return what;
    if (!af_wire_is_over(in))
        return "effects are malformed";
    if ((what = check_outcome(expected, effects)) == NULL)
        what = check_state(expected, effects, done);
    return what;
}
