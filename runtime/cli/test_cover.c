/* test_cover.c: which states and handlers of flows the tests have reached, as traces tell it. */
#include "cli/test_impl.h"

#include "base/failure.h"
#include "base/mem.h"
#include "json/rows.h"
#include "party/party.h"
#include "script/request.h"
#include "script/script.h"
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

struct af_test_flow {
    char *path;
    struct af_script *script; /* whose description the things borrow */
    struct af_test_thing *things;
    size_t count, cap;
};

struct af_test_cover {
    struct af_test_flow **flows;
    size_t count, cap;
};

struct af_test_watch {
    struct af_test_cover *cover;
    struct af_test_flow *flow;
    struct af_trace *trace;
    const struct af_sim *sim;
    const char **states; /* where each party of the sim is; NULL: it is not watched */
    const char **roles;
    size_t count;
};

/* ---- A flow's things. ---- */

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static struct af_test_thing *find(struct af_test_flow *flow, const struct af_test_thing *like)
{
    for (size_t i = 0; i < flow->count; i++) {
        struct af_test_thing *thing = &flow->things[i];
        if (same(thing->role, like->role) && same(thing->state, like->state) &&
            same(thing->event, like->event) && same(thing->timer, like->timer))
            return thing;
    }
    return NULL;
}

static void add(struct af_test_flow *flow, struct af_test_thing thing, struct af_flow_line line)
{
    if (find(flow, &thing) != NULL)
        return;
    thing.line = line.number;
    thing.file = line.file;
    af_mem_reserve(&flow->things, &flow->cap, flow->count + 1, sizeof thing);
    flow->things[flow->count++] = thing;
}

static void add_state(struct af_test_flow *flow, const struct af_flow *of,
                      const struct af_flow_role *role, const struct af_flow_state *state)
{
    add(flow, (struct af_test_thing){.role = role->name, .state = state->name}, state->line);
    for (size_t i = 0; i < of->event_count; i++)
        if (state->events[i] == AF_EVENT_HANDLED)
            add(flow,
                (struct af_test_thing){.role = role->name,
                                       .state = state->always[i] ? NULL : state->name,
                                       .event = of->events[i].type},
                state->lines[i]);
    if (state->has_after)
        add(flow,
            (struct af_test_thing){.role = role->name, .state = state->name, .timer = "after"},
            state->line);
    for (size_t i = 0; i < state->timeout_count; i++)
        add(flow, (struct af_test_thing){.role = role->name, .timer = state->timeouts[i]},
            role->line);
}

static struct af_test_flow *flow_of(struct af_test_cover *cover, const char *path)
{
    struct af_failure why = AF_FAILURE_INIT;
    for (size_t i = 0; i < cover->count; i++)
        if (strcmp(cover->flows[i]->path, path) == 0)
            return cover->flows[i];
    struct af_script *script = af_script_load(path, &why);
    const struct af_flow *of = script == NULL ? NULL : af_script_flow(script);
    if (of == NULL) {
        af_script_free(script);
        return NULL;
    }
    struct af_test_flow *flow = af_mem_zero(1, sizeof *flow);
    flow->path = af_mem_string(path);
    flow->script = script;
    for (size_t i = 0; i < of->role_count; i++)
        for (size_t j = 0; j < of->roles[i].state_count; j++)
            add_state(flow, of, &of->roles[i], &of->roles[i].states[j]);
    af_mem_reserve(&cover->flows, &cover->cap, cover->count + 1, sizeof(struct af_test_flow *));
    cover->flows[cover->count++] = flow;
    return flow;
}

struct af_test_cover *af_test_cover_new(void)
{
    return af_mem_zero(1, sizeof(struct af_test_cover));
}

void af_test_cover_free(struct af_test_cover *cover)
{
    for (size_t i = 0; cover != NULL && i < cover->count; i++) {
        struct af_test_flow *flow = cover->flows[i];
        af_script_free(flow->script);
        free(flow->path);
        free(flow->things);
        free(flow);
    }
    if (cover != NULL)
        free(cover->flows);
    free(cover);
}

const struct af_test_thing *af_test_cover_of(const struct af_test_cover *cover, size_t i,
                                             const char **path, size_t *count)
{
    if (cover == NULL || i >= cover->count)
        return NULL;
    *path = cover->flows[i]->path;
    *count = cover->flows[i]->count;
    return cover->flows[i]->things;
}

/* ---- Watching a run. ---- */

static void reach(struct af_test_flow *flow, struct af_test_thing like)
{
    struct af_test_thing *thing = find(flow, &like);
    if (thing == NULL && like.state != NULL) { /* a row of all states, a deadline */
        like.state = NULL;
        thing = find(flow, &like);
    }
    if (thing != NULL)
        thing->reached = true;
}

/* The state's name as the flow has it, which outlives the record. */
static const char *enter(struct af_test_watch *watch, size_t party, const char *state)
{
    struct af_test_thing like = {.role = watch->roles[party], .state = state};
    struct af_test_thing *thing = find(watch->flow, &like);
    if (thing != NULL)
        thing->reached = true;
    return thing == NULL ? NULL : thing->state;
}

static void take_record(struct af_test_watch *watch, const struct af_request *record, size_t party)
{
    const char *kind = af_request_string(record, "kind");
    const char *state = af_request_string(record, "state");
    const struct af_request_field *through = af_request_list(record, "through");
    struct af_test_thing like = {.role = watch->roles[party], .state = watch->states[party]};
    if (strcmp(kind, "reload") == 0)
        watch->roles[party] = watch->states[party] = NULL;
    if (like.role == NULL)
        return;
    if (strcmp(kind, "deliver") == 0 && like.state != NULL) {
        like.event = af_request_string(record, "type");
        reach(watch->flow, like);
    } else if (strcmp(kind, "timeout") == 0 && like.state != NULL) {
        like.timer = af_request_string(record, "timer");
        reach(watch->flow, like);
    } else if (strcmp(kind, "start") == 0 || strcmp(kind, "state") == 0) {
        for (size_t i = 0; through != NULL && i < through->item_count; i++)
            enter(watch, party, through->items[i]);
        watch->states[party] = state == NULL ? NULL : enter(watch, party, state);
    }
}

static void take_line(void *arg, const char *line, size_t len)
{
    struct af_test_watch *watch = arg;
    struct af_request record;
    if (watch->flow != NULL && af_request_read(&record, line, len)) {
        const char *id = af_request_string(&record, "party");
        size_t party = id == NULL ? watch->count : af_sim_find_party(watch->sim, id);
        if (party < watch->count && af_request_string(&record, "kind") != NULL)
            take_record(watch, &record, party);
        af_request_release(&record);
    }
}

struct af_test_watch *af_test_watch_new(struct af_test_cover *cover)
{
    if (cover == NULL)
        return NULL;
    struct af_test_watch *watch = af_mem_zero(1, sizeof *watch);
    watch->cover = cover;
    watch->trace = af_trace_new(take_line, watch, false);
    return watch;
}

struct af_trace *af_test_watch_trace(const struct af_test_watch *watch)
{
    return watch == NULL ? NULL : watch->trace;
}

void af_test_watch_begin(struct af_test_watch *watch, const char *path, const struct af_sim *sim)
{
    if (watch == NULL || (watch->flow = flow_of(watch->cover, path)) == NULL)
        return;
    const struct af_flow *flow = af_script_flow(watch->flow->script);
    watch->sim = sim;
    watch->count = af_sim_party_count(sim);
    watch->states = af_mem_zero(watch->count, sizeof *watch->states);
    watch->roles = af_mem_zero(watch->count, sizeof *watch->roles);
    for (size_t i = 0; i < watch->count; i++) {
        const struct af_party *party = af_sim_party(sim, i);
        if (party != NULL)
            watch->roles[i] = flow->roles[af_party_spec(party)->role].name;
    }
}

void af_test_watch_free(struct af_test_watch *watch)
{
    if (watch == NULL)
        return;
    af_trace_free(watch->trace);
    free(watch->states);
    free(watch->roles);
    free(watch);
}

/* ---- A check's answer: all was reached but what it names; of timers it says nothing. ---- */

/* Notes in `left` what one object of the list names. */
struct unreached {
    struct af_test_flow *flow;
    bool *left; /* of each of its things */
};

static bool read_left(void *arg, struct af_json_span json)
{
    struct unreached *unreached = arg;
    struct af_test_flow *flow = unreached->flow;
    struct af_request one;
    if (af_request_read(&one, json.at, json.len)) {
        struct af_test_thing like = {.role = af_request_string(&one, "role"),
                                     .state = af_request_string(&one, "state"),
                                     .event = af_request_string(&one, "event")};
        struct af_test_thing *thing = find(flow, &like);
        if (thing == NULL) {
            like.state = NULL;
            thing = find(flow, &like);
        }
        if (thing != NULL)
            unreached->left[thing - flow->things] = true;
    }
    af_request_release(&one);
    return true;
}

void af_test_cover_check(struct af_test_cover *cover, const char *path, const char *json,
                         size_t len)
{
    struct af_test_flow *flow = cover == NULL ? NULL : flow_of(cover, path);
    if (flow == NULL)
        return;
    struct unreached unreached = {flow, af_mem_zero(flow->count, sizeof(bool))};
    struct af_json_span list = af_json_find((struct af_json_span){json, len}, "unreached");
    af_json_each(list, read_left, &unreached);
    if (list.at != NULL)
        for (size_t i = 0; i < flow->count; i++)
            flow->things[i].reached =
                flow->things[i].reached || (flow->things[i].timer == NULL && !unreached.left[i]);
    free(unreached.left);
}
