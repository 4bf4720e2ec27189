/* effects.c: see effects.h. */
#include "script/effects.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The most that a step may come to. ---- */

enum measure { SENDS, TARGETS, DEADLINES, LOGS, BYTES };

static const struct limit {
    size_t max;
    const char *why;
} limits[] = {
    [SENDS] = {AF_STEP_SENDS_MAX, "a step sends at most 100,000 contracts"},
    [TARGETS] = {AF_STEP_TARGETS_MAX, "a step sends to at most 2,000,000 targets"},
    [DEADLINES] = {AF_STEP_DEADLINES_MAX, "a step sets at most 10,000 deadlines"},
    [LOGS] = {AF_STEP_LOGS_MAX, "a step logs at most 100,000 lines"},
    [BYTES] = {AF_STEP_BYTES_MAX, "a step sends and logs at most 64 MiB"},
};

static const char *refuse(enum measure measure, size_t count)
{
    return count > limits[measure].max ? limits[measure].why : NULL;
}

static const char *refuse_bytes(const struct af_effects *effects, size_t more)
{
    return effects->bytes.full ? limits[BYTES].why : refuse(BYTES, effects->bytes.len + more);
}

/* ---- Sends. ---- */

struct af_send af_effects_begin_send(const struct af_effects *effects)
{
    return (struct af_send){.first_target = effects->target_count, .content = effects->bytes.len};
}

static const char *room_for_targets(struct af_effects *effects, const struct af_send *send,
                                    size_t more)
{
    size_t count = send->first_target + send->target_count + more;
    const char *why = refuse(TARGETS, count);
    if (why == NULL)
        af_mem_reserve(&effects->targets, &effects->target_cap, count, sizeof *effects->targets);
    return why;
}

const char *af_effects_add_target(struct af_effects *effects, struct af_send *send, uint32_t member)
{
    for (size_t i = 0; i < send->target_count; i++)
        if (effects->targets[send->first_target + i] == member)
            return NULL;
    const char *why = room_for_targets(effects, send, 1);
    if (why == NULL)
        effects->targets[send->first_target + send->target_count++] = member;
    return why;
}

const char *af_effects_add_everyone(struct af_effects *effects, struct af_send *send,
                                    size_t member_count, uint32_t but)
{
    assert(send->target_count == 0);
    const char *why = room_for_targets(effects, send, member_count - (but < member_count));
    for (uint32_t i = 0; why == NULL && i < member_count; i++)
        if (i != but)
            effects->targets[send->first_target + send->target_count++] = i;
    return why;
}

static const char *refuse_send(const struct af_effects *effects, const struct af_flow *flow,
                               const struct af_send *send)
{
    static char text[200];
    if (af_flow_find_event(flow, send->type, strlen(send->type)) < 0) {
        snprintf(text, sizeof text,
                 "event '%.100s' is none of the flow's: no state has a row for it", send->type);
        return text;
    }
    const char *why = refuse_bytes(effects, 0);
    return why != NULL ? why : refuse(SENDS, effects->send_count + (send->target_count > 0));
}

const char *af_effects_add_send(struct af_effects *effects, const struct af_flow *flow,
                                struct af_send *send)
{
    send->content_len = effects->bytes.len - send->content;
    send->facts.flow_version = flow->version;
    const char *why = refuse_send(effects, flow, send);
    if (why != NULL || send->target_count == 0) {
        effects->bytes.len = send->content;
        effects->bytes.full = false;
        return why;
    }
    af_mem_reserve(&effects->sends, &effects->send_cap, effects->send_count + 1,
                   sizeof *effects->sends);
    effects->sends[effects->send_count++] = *send;
    effects->target_count += send->target_count;
    return NULL;
}

/* ---- The rest. ---- */

const char *af_effects_add_deadline(struct af_effects *effects, const char *name, size_t len,
                                    int64_t delay_ns)
{
    if (strlen(name) != len || !af_flow_is_name(name))
        return "a deadline's name is a text of 1 to 1024 bytes without control characters";
    const char *why = refuse(DEADLINES, effects->deadline_count + 1);
    if (why == NULL)
        why = refuse_bytes(effects, len + 1);
    if (why != NULL)
        return why;
    af_mem_reserve(&effects->deadlines, &effects->deadline_cap, effects->deadline_count + 1,
                   sizeof *effects->deadlines);
    effects->deadlines[effects->deadline_count++] =
        (struct af_deadline){effects->bytes.len, delay_ns};
    af_buf_append(&effects->bytes, name, len + 1);
    return NULL;
}

const char *af_effects_add_log(struct af_effects *effects, const char *text, size_t len)
{
    const char *why = af_effects_refuse_line(effects->log_count);
    if (why == NULL)
        why = refuse_bytes(effects, len);
    if (why != NULL)
        return why;
    af_mem_reserve(&effects->logs, &effects->log_cap, effects->log_count + 1,
                   sizeof *effects->logs);
    effects->logs[effects->log_count++] = (struct af_text){effects->bytes.len, len};
    af_buf_append(&effects->bytes, text, len);
    return NULL;
}

const char *af_effects_refuse_line(size_t told)
{
    return refuse(LOGS, told + 1);
}

const char *af_effects_set_progress(struct af_effects *effects, int64_t percent)
{
    if (percent < 0 || percent > 100)
        return "progress is 0 to 100 percent";
    effects->progress = (int)percent;
    return NULL;
}

size_t af_effects_text_len(const char *text, size_t len)
{
    if (len <= AF_STEP_TEXT_BYTES_MAX)
        return len;
    for (len = AF_STEP_TEXT_BYTES_MAX; len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80;)
        len--;
    return len;
}

char *af_effects_copy_text(const char *text)
{
    return af_mem_copy(text, af_effects_text_len(text, strlen(text)));
}

void af_effects_clear(struct af_effects *effects, bool keep_logs)
{
    effects->send_count = effects->target_count = effects->deadline_count = 0;
    effects->passed_count = 0;
    effects->entered = effects->data_changed = effects->blamed = false;
    effects->after_ns = -1;
    effects->progress = -1;
    effects->outcome = AF_OUTCOME_NONE;
    effects->text = effects->traceback = NULL;
    if (!keep_logs) {
        effects->log_count = 0;
        af_buf_clear(&effects->bytes);
    }
}

void af_effects_release(struct af_effects *effects)
{
    free(effects->sends);
    free(effects->targets);
    free(effects->deadlines);
    free(effects->passed);
    free(effects->logs);
    af_buf_release(&effects->bytes);
    *effects = (struct af_effects){0};
}
