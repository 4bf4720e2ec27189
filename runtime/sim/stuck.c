/* stuck.c: who has not ended when a run has, and for what it waits. */
#include "sim/impl.h"

#include <stdlib.h>
#include <string.h>

/* What a party waits for, in words: the events that its state handles, its timer. */
static void describe_wait(const struct af_flow *flow, const struct af_flow_state *state,
                          struct af_buf *words)
{
    size_t named = 0;
    for (size_t i = 0; i < flow->event_count; i++) {
        if (state->events[i] != AF_EVENT_HANDLED)
            continue;
        af_buf_printf(words, "%s%s", named++ == 0 ? "" : " or ", flow->events[i].type);
    }
    if (named == 0)
        af_buf_append_string(words,
                             state->has_after ? "its time" : "nothing: its state handles no event");
}

/* By --until a party need not be stuck: it is named as still being there. */
static void name_stuck_party(struct af_sim *sim, struct af_sim_node *node, bool stuck)
{
    struct af_buf words = AF_BUF_EMPTY;
    const struct af_flow_state *state = af_party_state(node->party);
    struct af_script *script = af_party_spec(node->party)->script;
    const char *file = af_script_file(script)->name;
    if (state == NULL)
        return;
    describe_wait(af_script_flow(script), state, &words);
    char place[AF_FLOW_PLACE_BYTES];
    af_flow_place(file, state->line, place, sizeof place);
    af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), "stuck");
    af_trace_string(sim->trace, "party", node->id);
    af_trace_string(sim->trace, "state", state->name);
    af_trace_string(sim->trace, "waits_for", af_buf_text(&words));
    if (state->line.file != NULL)
        af_trace_string(sim->trace, "file", state->line.file);
    af_trace_integer(sim->trace, "line", state->line.number);
    af_trace_end(sim->trace);
    af_sim_finding(sim, AF_SIM_PARTY_STUCK, node->id,
                   "%s is %s in state '%s' (%s): waits for %s; %zu deferred", node->id,
                   stuck ? "stuck" : "still", state->name, place, af_buf_text(&words),
                   af_party_deferred(node->party));
    af_buf_release(&words);
}

static void name_stuck_script(struct af_sim *sim, const struct af_sim_sequential *sequential,
                              bool stuck)
{
    const char *where = af_script_party_where(sequential->run.party);
    const char *id = sequential->run.node;
    const char *colon = strrchr(where, ':');
    const char *call = sequential->run.wait == AF_SEQUENTIAL_SLEEP ? "af.sleep" : "contract_events";
    af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), "stuck");
    af_trace_string(sim->trace, "party", id);
    af_trace_string(sim->trace, "state", NULL);
    af_trace_string(sim->trace, "waits_for", "an event");
    af_trace_integer(sim->trace, "line", colon == NULL ? 0 : atoi(colon + 1));
    af_trace_end(sim->trace);
    af_sim_finding(sim, AF_SIM_PARTY_STUCK, id, "%s (%s) %s at %s in %s%s", id,
                   af_script_file(sequential->script)->name,
                   stuck ? "is stuck: it waits" : "still waits", where, call,
                   stuck ? ", and no event can come any more" : "");
}

void af_sim_name_stuck(struct af_sim *sim, bool stuck)
{
    for (size_t i = 0; i < sim->node_count; i++)
        if (!sim->nodes[i]->settled && sim->nodes[i]->party != NULL)
            name_stuck_party(sim, sim->nodes[i], stuck);
    for (size_t i = 0; i < sim->sequential_count; i++)
        if (!sim->sequentials[i]->run.ended)
            name_stuck_script(sim, sim->sequentials[i], stuck);
}
