/* hand.c: an operator's hand on a party that runs: an event from outside, a pause. Each is answered
 * once it is on the disk.
 *
 * An event is looked at by a copy of the party's script first, as nothing that is refused may stand
 * in its journal; then it is given to the party as any that is received. It is the version that
 * will read it that looks: a party that goes over meanwhile has it looked at again, and one that
 * stands for that is given nothing before. */
#include "node/impl.h"

#include "base/bounds.h"
#include "base/mem.h"
#include "base/near.h"
#include "json/json.h"
#include "loop/loop.h"
#include "party/migrate.h"
#include "script/request.h"

#include <stdlib.h>
#include <string.h>

struct af_node_hand { /* what is to be answered */
    struct af_node_hand *next;
    struct af_node_party *party;
    struct af_node_connection *connection;
    int64_t number;
    const char *word; /* for the answer: what becomes of it */
    bool put;         /* it is on its way to the disk */
    /* of an event: */
    char *type, *json;
    int64_t version; /* of the flow when it was asked */
    struct af_buf content;
    struct af_node_flow *flow; /* for looking at it: its party may go over meanwhile */
    struct af_script *script;
    struct af_script_party *copy; /* or NULL: it waits for its party to go on */
};

/* ---- Answers. ---- */

/* It is looked at no more. */
static void look_away(struct af_node_hand *hand)
{
    if (hand->copy != NULL)
        af_script_party_free(hand->copy);
    if (hand->script != NULL)
        af_script_free(hand->script);
    af_node_flow_drop(hand->flow);
    hand->copy = NULL;
    hand->script = NULL;
    hand->flow = NULL;
    af_buf_clear(&hand->content);
}

static void hand_free(struct af_node_hand *hand)
{
    struct af_node_hand **at = &hand->party->hands;
    while (*at != hand)
        at = &(*at)->next;
    *at = hand->next;
    look_away(hand);
    af_buf_release(&hand->content);
    free(hand->type);
    free(hand->json);
    free(hand);
}

static struct af_node_hand *hand_new(struct af_node_party *party,
                                     struct af_node_connection *connection, const char *word)
{
    struct af_node_hand *hand = af_mem_zero(1, sizeof *hand);
    hand->party = party;
    hand->connection = connection;
    hand->number = --party->node->last_hand;
    hand->word = word;
    hand->next = party->hands;
    party->hands = hand;
    return hand;
}

static void refuse(struct af_node_hand *hand, const struct af_failure *why)
{
    if (hand->party->node->control != NULL) /* else the node ends, and nobody asks any more */
        af_node_answer_failure(hand->connection, why);
    hand_free(hand);
}

static void look_again(void *arg);

/* It is on the disk. */
static void kept(struct af_node_hand *hand)
{
    struct af_node_party *party = hand->party;
    struct af_buf out = AF_BUF_EMPTY;
    af_node_log(party->node, party->task, "%s%s by its operator",
                hand->type == NULL ? "" : hand->type,
                hand->type == NULL ? hand->word : " was given");
    af_buf_append_string(&out, "{\"ok\":true");
    af_json_add_text(&out, "task", party->task);
    if (hand->type != NULL)
        af_json_add_text(&out, "event", hand->type);
    af_json_add_text(&out, "became", hand->word);
    af_buf_append_char(&out, '}');
    af_node_answer(hand->connection, af_buf_text(&out), out.len);
    af_buf_release(&out);
    hand_free(hand);
}

void af_node_hand_kept(void *arg, int64_t number)
{
    struct af_node_party *party = arg;
    struct af_node_hand *hand = party->hands;
    while (hand->number != number)
        hand = hand->next;
    kept(hand);
}

/* What is on its way to the disk is not called back: it is waited for, unless nobody asks any more.
 */
static bool is_kept(const struct af_node_party *party)
{
    const struct af_node_hand *hand = party->hands;
    while (hand != NULL && !hand->put)
        hand = hand->next;
    return hand != NULL && party->node->control != NULL &&
           af_store_flush(party->node->store, NULL) == 0;
}

void af_node_hands_drop(struct af_node_party *party)
{
    struct af_failure why = AF_FAILURE_INIT, late = AF_FAILURE_INIT;
    bool all_kept = is_kept(party);
    af_loop_unpost(party->node->loop, look_again, party);
    af_failure_set(&why, AF_FAILURE_FLOW, party->task,
                   "was stopped, or brought to another version, before it had taken that; ask "
                   "again");
    af_failure_set(&late, AF_FAILURE_TRANSPORT, party->task,
                   "was stopped before that was on the disk, which cannot be written now; it will "
                   "be there as soon as it can, so look at it (afrun ctl trace) before you ask "
                   "again");
    while (party->hands != NULL) {
        if (!party->hands->put)
            refuse(party->hands, &why);
        else if (all_kept)
            kept(party->hands);
        else
            refuse(party->hands, &late);
    }
}

/* ---- Who may be touched. ---- */

/* Refuses what does not run. */
static int check_runs(const struct af_node_party *party, struct af_failure *why)
{
    if (party->phase == AF_NODE_RUNNING)
        return 0;
    return af_failure_set(why, AF_FAILURE_FLOW, party->task,
                          party->phase == AF_NODE_BROKEN
                              ? "cannot be touched before its flow can be loaded"
                          : party->phase == AF_NODE_LOADING ? "is starting; ask again in a moment"
                                                            : "does not run");
}

/* ---- An event. ---- */

/* Whether it may be given now, and the state that the party is in would take it. */
static int check_wanted(const struct af_node_party *party, const char *type, int *event,
                        struct af_failure *why)
{
    const struct af_party *of = party->run == NULL ? NULL : af_party_run_party(party->run);
    struct af_near near;
    if (check_runs(party, why) != 0)
        return -1;
    if (af_party_status(of) != AF_PARTY_ACTIVE)
        return af_failure_set(why, AF_FAILURE_FLOW, party->task, "has not started");
    if (af_party_deferred(of) >= AF_PARTY_DEFERRED_MAX)
        return af_failure_set(why, AF_FAILURE_FLOW, party->task, "has too many deferred events");
    const struct af_flow *flow = af_script_flow(party->script);
    const struct af_flow_state *state = af_party_state(of);
    *event = af_flow_find_event(flow, type, strlen(type));
    if (*event >= 0 && state->events[*event] != AF_EVENT_UNEXPECTED)
        return 0;
    af_near_init(&near, type);
    for (size_t i = 0; i < flow->event_count; i++)
        if (!flow->events[i].predefined && (*event < 0 || state->events[i] != AF_EVENT_UNEXPECTED))
            af_near_add(&near, flow->events[i].type);
    if (*event < 0)
        af_failure_set(why, AF_FAILURE_USAGE, type, "is no event of the flow '%s'%s", flow->name,
                       af_near_text(&near, "it has"));
    else
        af_failure_set(why, AF_FAILURE_FLOW, type, "is not expected in state '%s'%s", state->name,
                       af_near_text(&near, "it takes"));
    af_near_release(&near);
    return -1;
}

/* Whether the event has a field of that name: `fields` has lines "name: type", "name[]: type". The
 * names that near borrows live in the arena. */
static bool has_field(const char *fields, const char *name, struct af_arena *arena,
                      struct af_near *near)
{
    bool found = false;
    while (*fields != '\0') {
        size_t line = strcspn(fields, "\n"), len = strcspn(fields, ":.[{\n");
        if (fields[len] == ':') {
            const char *own = af_arena_copy(arena, fields, len);
            found = found || strcmp(own, name) == 0;
            af_near_add(near, own);
        }
        fields += line + (fields[line] == '\n');
    }
    return found;
}

static int check_field(const struct af_flow_event *event, const char *name, struct af_failure *why)
{
    struct af_arena arena = {0};
    struct af_near near;
    af_near_init(&near, name);
    if (!has_field(event->fields, name, &arena, &near))
        af_failure_set(why, AF_FAILURE_USAGE, event->type, "has no field '%s'%s", name,
                       af_near_text(&near, "it has"));
    af_near_release(&near);
    af_arena_release(&arena);
    return why->kind == AF_FAILURE_NONE ? 0 : -1;
}

/* Writes the contract of an event with these fields, {…}; one that the event does not have is
 * refused, where the host knows them. */
static int write_content(const struct af_flow_event *event, const char *json, struct af_buf *out,
                         struct af_failure *why)
{
    struct af_json_reader reader;
    bool typed = false, any = false;
    af_json_reader_init(&reader, json, strlen(json));
    bool ok = af_json_next(&reader) == AF_JSON_OBJECT_BEGIN;
    size_t begin = reader.offset + 1;
    while (ok && af_json_next(&reader) == AF_JSON_KEY && why->kind == AF_FAILURE_NONE) {
        char *name = af_mem_copy(reader.string, reader.string_len);
        bool type = strcmp(name, "type") == 0;
        any = true;
        typed = typed || type;
        if (!type && event->fields[0] != '\0')
            check_field(event, name, why);
        free(name);
        enum af_json_token token = af_json_next(&reader);
        ok = af_json_skip(&reader, token);
        if (type && (token != AF_JSON_STRING || !af_json_is(&reader, event->type)))
            af_failure_set(why, AF_FAILURE_USAGE, event->type, "is not the type that its JSON has");
    }
    if (why->kind == AF_FAILURE_NONE && (!ok || af_json_next(&reader) != AF_JSON_END))
        af_failure_set(why, AF_FAILURE_USAGE, event->type,
                       "its fields must be one JSON object, as {\"name\":\"value\"}");
    af_json_reader_release(&reader);
    if (why->kind != AF_FAILURE_NONE)
        return -1;
    if (!typed) {
        af_json_open(out, '{');
        af_json_add_text(out, "type", event->type);
        af_buf_append_string(out, any ? "," : "");
        json += begin;
    }
    af_buf_append_string(out, json);
    return 0;
}

/* As refuse(), by a version that may be another than the one that was asked. */
static void refuse_event(struct af_node_hand *hand, const struct af_failure *why)
{
    struct af_failure told = AF_FAILURE_INIT;
    long long asked = hand->version, now = hand->party->about.version;
    if (asked != now)
        af_failure_set(&told, why->kind, why->what,
                       "%.800s (the party went over from version %lld of the flow to %lld "
                       "meanwhile)",
                       why->why, asked, now);
    refuse(hand, asked == now ? why : &told);
}

static void look(struct af_node_hand *hand);

static void looked_at(void *arg, struct af_script_party *copy, const struct af_effects *effects)
{
    struct af_node_hand *hand = arg;
    struct af_failure why = AF_FAILURE_INIT;
    int event;
    (void)copy;
    if (hand->flow != hand->party->flow || hand->party->stands) {
        look(hand);
        return;
    }
    if (effects->outcome != AF_OUTCOME_NONE) {
        af_failure_set(
            &why, effects->outcome == AF_OUTCOME_INVALID ? AF_FAILURE_USAGE : AF_FAILURE_FLOW,
            hand->type, "%s", effects->text == NULL ? "it cannot be looked at" : effects->text);
        refuse_event(hand, &why);
    } else if (check_wanted(hand->party, hand->type, &event, &why) != 0) {
        refuse_event(hand, &why);
    } else {
        static const char *const words[] = {[AF_EVENT_HANDLED] = "given",
                                            [AF_EVENT_DEFERRED] = "deferred",
                                            [AF_EVENT_IGNORED] = "ignored"};
        hand->word = words[af_party_state(af_party_run_party(hand->party->run))->events[event]];
        hand->put = true;
        af_party_run_hand_in(hand->party->run, hand->type, hand->content.data, hand->content.len,
                             hand->number);
    }
}

/* Has a copy of the party look at the event. */
static int look_at(struct af_node_hand *hand, int event, struct af_failure *why)
{
    struct af_node_party *party = hand->party;
    struct af_input input = {.kind = AF_INPUT_VALIDATE,
                             .event = event,
                             .content = hand->content.data,
                             .content_len = hand->content.len};
    struct af_script_party *self = af_party_script(af_party_run_party(party->run));
    size_t len;
    const char *data = af_script_party_data(self, &len);
    uint32_t member, role;
    hand->flow = af_node_flow_share(party->flow);
    hand->script = af_node_party_script(party, hand->flow, &member, &role, why);
    if (hand->script == NULL)
        return -1;
    af_script_set_owner(hand->script, af_migration_call, NULL);
    hand->copy = af_script_party_new(hand->script, member, party->kept.seed, NULL, why);
    if (hand->copy == NULL ||
        af_script_party_restore(hand->copy, af_script_party_state(self), data, len, why) != 0)
        return -1;
    af_script_deliver(hand->copy, &input, looked_at, hand);
    return 0;
}

/* Looks at it from the beginning, as soon as its party does not stand. */
static void look(struct af_node_hand *hand)
{
    struct af_node_party *party = hand->party;
    struct af_failure why = AF_FAILURE_INIT;
    int event = -1;
    look_away(hand);
    if (party->stands)
        return;
    if (check_wanted(party, hand->type, &event, &why) != 0 ||
        write_content(&af_script_flow(party->script)->events[event], hand->json, &hand->content,
                      &why) != 0 ||
        look_at(hand, event, &why) != 0)
        refuse_event(hand, &why);
}

/* The first that waits for its party to go on, or NULL. */
static struct af_node_hand *first_waiting(const struct af_node_party *party)
{
    struct af_node_hand *first = NULL;
    for (struct af_node_hand *at = party->hands; at != NULL; at = at->next)
        if (at->type != NULL && at->copy == NULL)
            first = at; /* the newest stands first in the list */
    return first;
}

static void look_again(void *arg)
{
    struct af_node_party *party = arg;
    struct af_node_hand *hand;
    while (!party->stands && (hand = first_waiting(party)) != NULL)
        look(hand);
}

void af_node_hands_go_on(struct af_node_party *party)
{
    if (first_waiting(party) != NULL)
        af_loop_post(party->node->loop, look_again, party);
}

void af_node_hand_send(struct af_node_party *party, struct af_node_connection *connection,
                       const char *type, const char *json)
{
    struct af_node_hand *hand = hand_new(party, connection, NULL);
    hand->type = af_mem_string(type);
    hand->json = af_mem_string(json);
    hand->version = party->about.version;
    look(hand);
}

/* ---- A pause. ---- */

void af_node_hand_pause(struct af_node_party *party, struct af_node_connection *connection,
                        bool pauses)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (check_runs(party, &why) != 0 ||
        ((af_party_run_suspended_ns(party->run) != 0) == pauses &&
         af_failure_set(&why, AF_FAILURE_FLOW, party->task,
                        pauses ? "is paused already" : "is not paused") != 0)) {
        af_node_answer_failure(connection, &why);
        return;
    }
    struct af_node_hand *hand = hand_new(party, connection, pauses ? "paused" : "resumed");
    hand->put = true;
    af_party_run_suspend(party->run, pauses, hand->number);
}
