/* describe.c: what a party waits for, in words for people. */
#include "run/impl.h"

#include "base/bounds.h"
#include "json/json.h"

#include <string.h>

enum { SILENT_SHOWN = 5 };

/* "; nothing has come from p1, p2 …" */
static void name_silent(const struct af_party_run *run, struct af_buf *out)
{
    size_t count, silent = 0;
    const struct af_script_member *members = af_script_members(run->spec.script, &count);
    for (size_t i = 0; i < count; i++) {
        if (run->heard[i] || silent++ >= SILENT_SHOWN)
            continue;
        af_buf_printf(out, "%s%s", silent == 1 ? "; nothing has come from " : ", ", members[i].id);
    }
    if (silent > SILENT_SHOWN)
        af_buf_printf(out, " and %zu more", silent - SILENT_SHOWN);
}

/* "; deadline 'quorum' in 59 min" */
static void name_timer(const struct af_party_run *run, struct af_buf *out)
{
    const char *name;
    int64_t left_ns = af_party_next_timer_ns(run->party, &name);
    long long left_s = (left_ns + AF_S_NS - 1) / AF_S_NS;
    if (left_ns < 0)
        return;
    if (strcmp(name, "after") == 0)
        af_buf_append_string(out, "; its time is over in ");
    else
        af_buf_printf(out, "; deadline '%s' in ", name);
    if (left_s < 120)
        af_buf_printf(out, "%lld s", left_s);
    else if (left_s < 7200)
        af_buf_printf(out, "%lld min", left_s / 60);
    else
        af_buf_printf(out, "%lld h", left_s / 3600);
}

void af_party_run_describe(const struct af_party_run *run, struct af_buf *out)
{
    const struct af_flow_state *state = af_party_state(run->party);
    const char *comma = "";
    if (af_party_waits(run->party)) {
        const char *call = af_calls_waits_for(run->calls);
        const char *where = af_script_party_where(af_party_script(run->party));
        if (where[0] == '\0')
            af_buf_append_string(out, "its handler runs");
        else
            af_buf_printf(out, "its handler waits at %s", where);
        if (call != NULL)
            af_buf_printf(out, " (%s)", call);
        return;
    }
    char place[AF_FLOW_PLACE_BYTES];
    if (state == NULL)
        return;
    af_flow_place(af_script_file(run->spec.script)->name, state->line, place, sizeof place);
    if (af_party_held(run->party) != NULL) {
        af_buf_printf(out, "state '%s' (%s), until its flow is mended and it is tried again",
                      state->name, place);
        return;
    }
    af_buf_printf(out, "state '%s' (%s), for ", state->name, place);
    for (size_t i = 0; i < run->flow->event_count; i++) {
        if (state->events[i] != AF_EVENT_HANDLED)
            continue;
        af_buf_printf(out, "%s%s", comma, run->flow->events[i].type);
        comma = ", ";
    }
    if (comma[0] == '\0')
        af_buf_append_string(out, state->has_after ? "its time" : "nothing that can come");
    name_timer(run, out);
    name_silent(run, out);
    if (af_party_deferred(run->party) > 0)
        af_buf_printf(out, "; %zu deferred", af_party_deferred(run->party));
}

void af_party_run_add_wait(const struct af_party_run *run, struct af_buf *out)
{
    size_t count;
    const struct af_script_member *members = af_script_members(run->spec.script, &count);
    af_party_add_wait(run->party, af_script_file(run->spec.script)->name, out);
    af_json_add_text(out, "call",
                     af_party_waits(run->party) ? af_calls_waits_for(run->calls) : NULL);
    af_json_begin(out, "silent", '[');
    for (size_t i = 0; i < count; i++)
        if (!run->heard[i])
            af_json_item(out, members[i].id);
    af_buf_append_char(out, ']');
}
