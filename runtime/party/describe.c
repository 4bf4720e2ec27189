/* describe.c: what a party waits for, for programs: see party.h. */
#include "party/impl.h"

#include "json/json.h"

void af_party_add_wait(const struct af_party *party, const char *file, struct af_buf *out)
{
    const struct af_flow *flow = af_script_flow(party->spec.script);
    const struct af_flow_state *state = af_party_state(party);
    const char *name;
    int64_t left_ns = af_party_next_timer_ns(party, &name);
    bool handles = af_party_waits(party);
    af_json_add_text(out, "state", state == NULL ? NULL : state->name);
    af_json_add_text(out, "file",
                     state == NULL || state->line.file == NULL ? file : state->line.file);
    af_json_add_integer(out, "line", state == NULL ? 0 : state->line.number);
    af_json_add_text(
        out, "handler",
        handles ? af_script_party_where(af_party_script((struct af_party *)(uintptr_t)party))
                : NULL);
    af_json_name(out, "events");
    af_json_open(out, '[');
    for (size_t i = 0; state != NULL && !handles && i < flow->event_count; i++) {
        if (state->events[i] != AF_EVENT_HANDLED)
            continue;
        af_buf_append_string(out, out->data[out->len - 1] == '[' ? "" : ",");
        af_json_write_text(out, flow->events[i].type);
    }
    af_buf_append_char(out, ']');
    af_json_name(out, "timer");
    if (left_ns < 0) {
        af_buf_append_string(out, "null");
    } else {
        af_json_open(out, '{');
        af_json_add_text(out, "name", name);
        af_buf_printf(out, ",\"in_s\":%.9f}", (double)left_ns / 1e9);
    }
    af_json_add_integer(out, "deferred", (int64_t)af_party_deferred(party));
}
