/* wire_flow.c: what a file describes, from a worker to its node. */
#include "worker/wire.h"

#include "base/arena.h"
#include "base/bounds.h"
#include "base/failure.h"
#include "base/sha256.h"

#include <string.h>

/* ---- What a node takes. ---- */

static int check_name(const char *name, const char *kind, const char *what, struct af_failure *why)
{
    if (af_flow_is_name(name))
        return 0;
    return af_failure_set(why, AF_FAILURE_USAGE, what,
                          "the name of %s is empty, longer than 1024 bytes, no UTF-8, or has "
                          "control characters",
                          kind);
}

static int check_role(const struct af_flow_role *role, const char *what, struct af_failure *why)
{
    if (check_name(role->name, "a role", what, why) != 0)
        return -1;
    if (role->state_count > AF_WORKER_STATES_MAX)
        return af_failure_set(why, AF_FAILURE_USAGE, what, "role '%s' has more than 10,000 states",
                              role->name);
    for (size_t s = 0; s < role->state_count; s++) {
        const struct af_flow_state *state = &role->states[s];
        if (check_name(state->name, "a state", what, why) != 0)
            return -1;
        if (state->timeout_count > AF_WORKER_DEADLINES_MAX)
            return af_failure_set(why, AF_FAILURE_USAGE, what,
                                  "state '%s' names more than 10,000 deadlines", state->name);
        for (size_t t = 0; t < state->timeout_count; t++)
            if (check_name(state->timeouts[t], "a deadline", what, why) != 0)
                return -1;
    }
    return 0;
}

int af_wire_check_flow(const struct af_flow *flow, const char *what, struct af_failure *why)
{
    size_t states = 0;
    if (flow->event_count > AF_WORKER_EVENTS_MAX)
        return af_failure_set(why, AF_FAILURE_USAGE, what, "knows more than 10,000 event types");
    if (flow->role_count > AF_WORKER_ROLES_MAX)
        return af_failure_set(why, AF_FAILURE_USAGE, what, "has more than 1,000 roles");
    if (check_name(flow->name, "the flow", what, why) != 0)
        return -1;
    for (size_t i = 0; i < flow->event_count; i++)
        if (check_name(flow->events[i].type, "an event type", what, why) != 0)
            return -1;
    for (size_t r = 0; r < flow->role_count; r++) {
        if (check_role(&flow->roles[r], what, why) != 0)
            return -1;
        states += flow->roles[r].state_count;
    }
    if (states * flow->event_count > AF_WORKER_FLOW_BYTES_MAX / 2)
        return af_failure_set(why, AF_FAILURE_USAGE, what, "has too many states and event types");
    return 0;
}

/* ---- Writing. ---- */

static void put_line(struct af_buf *out, struct af_flow_line line)
{
    af_wire_put_u32(out, (uint32_t)line.number);
    af_wire_put_u8(out, line.file != NULL);
    if (line.file != NULL)
        af_wire_put_string(out, line.file);
}

void af_wire_put_flow(struct af_buf *out, const struct af_script_file *file,
                      const struct af_flow *flow)
{
    af_wire_put_string(out, file->name);
    af_wire_put_string(out, file->hash);
    af_wire_put_u8(out, flow == NULL);
    if (flow == NULL)
        return;
    af_wire_put_string(out, flow->name);
    af_wire_put_u64(out, (uint64_t)flow->version);
    af_wire_put_u8(out, flow->report_failure);
    af_wire_put_u8(out, flow->has_invariants);
    af_wire_put_u32(out, (uint32_t)flow->initiator);
    af_wire_put_u32(out, (uint32_t)flow->event_count);
    for (size_t i = 0; i < flow->event_count; i++) {
        af_wire_put_bytes(out, flow->events[i].type, flow->events[i].type_len);
        af_wire_put_u8(out, flow->events[i].predefined);
        put_line(out, flow->events[i].line);
        af_wire_put_string(out, flow->events[i].fields);
    }
    af_wire_put_u32(out, (uint32_t)flow->role_count);
    for (size_t r = 0; r < flow->role_count; r++) {
        const struct af_flow_role *role = &flow->roles[r];
        af_wire_put_string(out, role->name);
        put_line(out, role->line);
        af_wire_put_u8(out, role->sequential);
        af_wire_put_u64(out, role->mock_count);
        af_wire_put_u32(out, (uint32_t)role->state_count);
        for (size_t s = 0; s < role->state_count; s++) {
            const struct af_flow_state *state = &role->states[s];
            af_wire_put_string(out, state->name);
            put_line(out, state->line);
            af_wire_put_u8(out, state->may_end);
            af_wire_put_u8(out, state->has_after);
            for (size_t e = 0; e < flow->event_count; e++) {
                af_wire_put_u8(out, state->events[e]);
                put_line(out, state->lines[e]);
            }
            af_wire_put_u32(out, (uint32_t)state->timeout_count);
            for (size_t t = 0; t < state->timeout_count; t++)
                af_wire_put_string(out, state->timeouts[t]);
        }
    }
}

/* ---- Reading. ---- */

struct reading {
    struct af_wire_in *in;
    struct af_arena *arena;
    size_t bytes; /* taken for what was read */
    bool bad;
};

static void *take(struct reading *reading, size_t count, size_t size)
{
    reading->bytes += count * size; /* both are bounded: no overflow */
    if (reading->bytes > AF_WORKER_FLOW_BYTES_MAX) {
        reading->bad = true;
        return NULL;
    }
    void *memory = af_arena_alloc(reading->arena, count * size + 1);
    memset(memory, 0, count * size + 1);
    return memory;
}

static const char *name(struct reading *reading)
{
    const char *text = af_wire_get_string(reading->in);
    if (!af_flow_is_name(text)) {
        reading->bad = true;
        return "";
    }
    reading->bytes += strlen(text);
    return af_arena_string(reading->arena, text);
}

/* A text of many lines. */
static const char *lines(struct reading *reading)
{
    const char *text = af_wire_get_text(reading->in);
    if (text == NULL || reading->bytes + strlen(text) > AF_WORKER_FLOW_BYTES_MAX) {
        reading->bad = true;
        return "";
    }
    reading->bytes += strlen(text);
    return af_arena_string(reading->arena, text);
}

static size_t count(struct reading *reading, size_t max)
{
    size_t read = af_wire_get_u32(reading->in);
    if (read > max || read > (size_t)(reading->in->end - reading->in->at)) {
        reading->bad = true;
        return 0;
    }
    return read;
}

static bool flag(struct reading *reading)
{
    uint8_t read = af_wire_get_u8(reading->in);
    reading->bad = reading->bad || read > 1;
    return read == 1;
}

static struct af_flow_line line(struct reading *reading)
{
    uint32_t read = af_wire_get_u32(reading->in);
    reading->bad = reading->bad || read > INT32_MAX;
    return (struct af_flow_line){(int)(read & INT32_MAX), flag(reading) ? name(reading) : NULL};
}

static void read_events(struct reading *reading, struct af_flow *flow)
{
    size_t events = count(reading, AF_WORKER_EVENTS_MAX);
    flow->events = take(reading, events, sizeof *flow->events);
    for (; !reading->bad && flow->event_count < events; flow->event_count++) {
        struct af_flow_event *event = &flow->events[flow->event_count];
        event->type = name(reading);
        event->type_len = strlen(event->type);
        event->predefined = flag(reading);
        event->line = line(reading);
        event->fields = lines(reading);
    }
}

static void read_state(struct reading *reading, const struct af_flow *flow,
                       struct af_flow_state *state)
{
    state->name = name(reading);
    state->line = line(reading);
    state->may_end = flag(reading);
    state->has_after = flag(reading);
    state->events = take(reading, flow->event_count, 1);
    state->lines = take(reading, flow->event_count, sizeof *state->lines);
    for (size_t e = 0; !reading->bad && e < flow->event_count; e++) {
        state->events[e] = af_wire_get_u8(reading->in);
        state->lines[e] = line(reading);
        reading->bad = reading->bad || state->events[e] > AF_EVENT_IGNORED;
    }
    size_t timeouts = count(reading, AF_WORKER_DEADLINES_MAX);
    state->timeouts = take(reading, timeouts, sizeof *state->timeouts);
    for (; !reading->bad && state->timeout_count < timeouts; state->timeout_count++)
        state->timeouts[state->timeout_count] = name(reading);
}

static void read_roles(struct reading *reading, struct af_flow *flow)
{
    size_t roles = count(reading, AF_WORKER_ROLES_MAX);
    flow->roles = take(reading, roles, sizeof *flow->roles);
    for (; !reading->bad && flow->role_count < roles; flow->role_count++) {
        struct af_flow_role *role = &flow->roles[flow->role_count];
        role->name = name(reading);
        role->line = line(reading);
        role->sequential = flag(reading);
        role->mock_count = (size_t)af_wire_get_u64(reading->in);
        reading->bad = reading->bad || role->mock_count > AF_PARTIES_MAX;
        size_t states = count(reading, AF_WORKER_STATES_MAX);
        role->states = take(reading, states, sizeof *role->states);
        for (; !reading->bad && role->state_count < states; role->state_count++)
            read_state(reading, flow, &role->states[role->state_count]);
        reading->bad = reading->bad || (states == 0 && !role->sequential);
    }
    reading->bad = reading->bad || roles == 0;
}

/* What a script is to who runs it: one role, a plain function. */
static struct af_flow *script_flow(struct reading *reading, const struct af_script_file *file)
{
    struct af_flow *flow = take(reading, 1, sizeof *flow);
    flow->name = file->name;
    flow->initiator = -1;
    flow->roles = take(reading, 1, sizeof *flow->roles);
    flow->roles[0].name = file->name;
    flow->roles[0].sequential = true;
    flow->role_count = 1;
    return flow;
}

const char *af_wire_read_flow(struct af_wire_in *in, struct af_arena *arena,
                              struct af_script_file *file, struct af_flow **result, bool *is_script)
{
    struct reading reading = {in, arena, 0, false};
    file->name = name(&reading);
    const char *hash = name(&reading);
    if (!af_sha256_is(hash))
        return "the flow's file is malformed";
    memcpy(file->hash, hash, 65);
    *is_script = flag(&reading);
    if (*is_script) {
        *result = script_flow(&reading, file);
        return reading.bad || !af_wire_is_over(in) ? "the script is malformed" : NULL;
    }
    struct af_flow *flow = take(&reading, 1, sizeof *flow);
    flow->name = name(&reading);
    flow->version = (int64_t)af_wire_get_u64(in);
    flow->report_failure = flag(&reading);
    flow->has_invariants = flag(&reading);
    flow->initiator = (int)af_wire_get_u32(in);
    read_events(&reading, flow);
    read_roles(&reading, flow);
    if (reading.bad || !af_wire_is_over(in) || flow->initiator < -1 ||
        flow->initiator >= (int)flow->role_count)
        return "the flow is malformed";
    *result = flow;
    return NULL;
}
