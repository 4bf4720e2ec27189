/* fuzz_wire.c: whatever a worker says, each reader says what is wrong with it, or gives what keeps
 * its promises: within its bounds, within the body, of the flow and of the task. The first byte
 * says what is read: one of the bodies, or a stream of messages. */
#include "base/arena.h"
#include "base/bounds.h"
#include "trace/contract.h"
#include "base/failure.h"
#include "json/json.h"
#include "script/effects.h"
#include "worker/wire.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMBERS = 3 };

static void demand(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_wire: %s\n", what);
    abort();
}

static bool is_text(const char *text)
{
    return text == NULL ||
           (strlen(text) <= AF_STEP_TEXT_BYTES_MAX && af_json_is_utf8(text, strlen(text)));
}

/* ---- Bodies. ---- */

static void read_hello(struct af_wire_in *in)
{
    unsigned lacks;
    if (af_wire_read_hello(in, &lacks) == NULL)
        demand(af_wire_is_over(in), "a hello is longer than it is");
}

static bool is_line(struct af_flow_line line)
{
    return line.number >= 0 && (line.file == NULL || is_text(line.file));
}

static void look_at_flow(const struct af_flow *flow)
{
    demand(af_flow_is_name(flow->name) && flow->role_count > 0, "a flow without name or roles");
    demand(flow->initiator >= -1 && flow->initiator < (int)flow->role_count, "an initiator");
    for (size_t i = 0; i < flow->event_count; i++)
        demand(af_flow_is_name(flow->events[i].type) &&
                   strlen(flow->events[i].type) == flow->events[i].type_len,
               "an event's name");
    for (size_t r = 0; r < flow->role_count; r++) {
        const struct af_flow_role *role = &flow->roles[r];
        demand(af_flow_is_name(role->name) && is_line(role->line), "a role");
        demand(role->sequential || role->state_count > 0, "a role without states");
        for (size_t s = 0; s < role->state_count; s++) {
            const struct af_flow_state *state = &role->states[s];
            demand(af_flow_is_name(state->name) && is_line(state->line), "a state");
            for (size_t e = 0; e < flow->event_count; e++)
                demand(state->events[e] <= AF_EVENT_IGNORED && is_line(state->lines[e]),
                       "a disposition");
            for (size_t t = 0; t < state->timeout_count; t++)
                demand(af_flow_is_name(state->timeouts[t]), "a timeout's name");
        }
    }
}

static void read_loaded(struct af_wire_in *in)
{
    struct af_failure why;
    struct af_arena arena = {0};
    struct af_script_file file;
    struct af_flow *flow = NULL;
    bool is_script;
    if (af_wire_read_failure(in, &why) == NULL) {
        demand(is_text(why.what) && is_text(why.why), "a failure's text");
        if (why.kind == AF_FAILURE_NONE &&
            af_wire_read_flow(in, &arena, &file, &flow, &is_script) == NULL) {
            demand(af_flow_is_name(file.name) && strlen(file.hash) == 64, "a flow's file");
            look_at_flow(flow);
        }
    }
    af_arena_release(&arena);
}

static void read_call(struct af_wire_in *in)
{
    struct af_script_call call;
    if (af_wire_read_call(in, &call) != NULL)
        return;
    demand(af_flow_is_name(call.name), "a call's name");
    demand((call.id == 0) == (strcmp(call.name, "log") == 0), "a call's number");
    demand(af_wire_is_json(call.request, call.request_len, NULL), "a call's request");
    demand(call.bytes != NULL || call.bytes_len == 0, "a call's bytes");
}

/* ---- Effects. ---- */

static bool is_inside(const struct af_effects *effects, size_t start, size_t len)
{
    return start <= effects->bytes.len && len <= effects->bytes.len - start;
}

static void look_at_parts(const struct af_effects *effects, const struct af_flow *flow)
{
    for (size_t i = 0; i < effects->send_count; i++) {
        const struct af_send *send = &effects->sends[i];
        demand(af_flow_find_event(flow, send->type, strlen(send->type)) >= 0, "a send's type");
        demand(af_contract_title(send->title) != NULL, "a send's title");
        demand(
            send->content_len <= AF_BUS_CONTENT_BYTES_MAX &&
                is_inside(effects, send->content, send->content_len) &&
                af_wire_is_json(effects->bytes.data + send->content, send->content_len, send->type),
            "a send's content");
        demand(send->target_count > 0 &&
                   send->first_target + send->target_count <= effects->target_count,
               "a send's targets");
    }
    for (size_t i = 0; i < effects->target_count; i++)
        demand(effects->targets[i] < MEMBERS, "a target");
    for (size_t i = 0; i < effects->deadline_count; i++) {
        const struct af_deadline *deadline = &effects->deadlines[i];
        demand(deadline->name < effects->bytes.len &&
                   af_flow_is_name(effects->bytes.data + deadline->name),
               "a deadline's name");
        demand(deadline->delay_ns >= -1 && deadline->delay_ns <= AF_TIME_MAX_NS, "a deadline");
    }
    for (size_t i = 0; i < effects->log_count; i++)
        demand(
            is_inside(effects, effects->logs[i].start, effects->logs[i].len) &&
                af_json_is_utf8(effects->bytes.data + effects->logs[i].start, effects->logs[i].len),
            "a log");
}

static void look_at_done(const struct af_wire_expected *expected, const struct af_effects *effects,
                         const struct af_wire_done *done)
{
    bool committed =
        effects->outcome != AF_OUTCOME_RAISED && effects->outcome != AF_OUTCOME_INVALID;
    demand(effects->outcome < AF_OUTCOME_LOST && !effects->blamed, "an outcome");
    demand(effects->outcome != AF_OUTCOME_DONE || effects->text == NULL ||
               af_wire_is_json(effects->text, strlen(effects->text), NULL),
           "a result");
    demand(effects->outcome == AF_OUTCOME_DONE || is_text(effects->text), "a text");
    demand(is_text(effects->traceback), "a traceback");
    demand(committed || effects->send_count + effects->deadline_count == 0, "effects of nothing");
    look_at_parts(effects, expected->flow);
    if (!committed || expected->role->sequential)
        return;
    demand(done->state >= 0 && (size_t)done->state < expected->role->state_count, "a state");
    demand(effects->progress >= -1 && effects->progress <= 100, "progress");
    demand(done->data == NULL || (done->data_len <= AF_PARTY_DATA_BYTES_MAX &&
                                  af_wire_is_json(done->data, done->data_len, NULL)),
           "data");
}

/* kind: which input it is of, and whether of a plain function. */
static void read_done(struct af_wire_in *in, unsigned kind)
{
    static uint8_t handled[2] = {AF_EVENT_HANDLED, AF_EVENT_HANDLED};
    static struct af_flow_event events[2] = {{.type = "ask", .type_len = 3},
                                             {.type = "reply", .type_len = 5}};
    static struct af_flow_state states[2] = {{.name = "one", .events = handled},
                                             {.name = "two", .has_after = true, .events = handled}};
    static struct af_flow_role roles[2] = {{.name = "r", .states = states, .state_count = 2},
                                           {.name = "f", .sequential = true}};
    static const struct af_flow flow = {
        .name = "x", .roles = roles, .role_count = 2, .events = events, .event_count = 2};
    struct af_effects effects = {0};
    struct af_wire_done done;
    struct af_wire_expected expected = {&flow, &roles[kind >> 3 & 1], MEMBERS, 0,
                                        (enum af_input_kind)(kind % (AF_INPUT_VALIDATE + 1))};
    if (af_wire_read_done(in, &expected, &effects, &done) == NULL)
        look_at_done(&expected, &effects, &done);
    effects.bytes = AF_BUF_EMPTY; /* they are the body's */
    af_effects_release(&effects);
}

/* ---- A stream. ---- */

static void read_stream(const char *bytes, size_t len)
{
    struct af_wire_link link;
    struct af_wire_message message;
    const char *what = NULL;
    int got;
    af_wire_link_init(&link, -1);
    af_buf_append(&link.in, bytes, len);
    while ((got = af_wire_next(&link, &message, &what)) > 0) {
        demand(message.body.end - message.body.at <= AF_WORKER_INLINE_BYTES, "a large message");
        read_call(&message.body);
    }
    demand(got == 0 || what != NULL, "refused without a word");
    af_wire_link_release(&link);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return -1;
    char *body = malloc(size); /* of its own, so that reading beyond it is found */
    memcpy(body, data + 1, size - 1);
    struct af_wire_in in = {body, body + size - 1, false};
    switch (data[0] & 7) {
    case 0:
        read_hello(&in);
        break;
    case 1:
        read_loaded(&in);
        break;
    case 2:
        read_call(&in);
        break;
    case 3:
        read_stream(body, size - 1);
        break;
    default:
        read_done(&in, data[0] >> 3);
    }
    free(body);
    return 0;
}
