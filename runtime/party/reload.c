/* reload.c: see reload.h. */
#include "party/reload.h"

#include "base/arena.h"
#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "json/json.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "script/calls.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Flows. ---- */

/* One line of an event's fields: "path: kind?". */
struct field {
    const char *path, *kind;
    size_t path_len, kind_len;
    bool optional;
};

static bool next_field(const char **at, struct field *field)
{
    const char *line = *at, *end = strchr(line, '\n'), *colon;
    if (end == NULL)
        return false;
    *at = end + 1;
    for (colon = end; colon > line && !(colon[0] == ':' && colon[1] == ' ');)
        colon--;
    *field = (struct field){line, colon + 2, (size_t)(colon - line), (size_t)(end - colon) - 2,
                            end[-1] == '?'};
    field->kind_len -= field->optional;
    return true;
}

static bool find_field(const char *fields, const struct field *wanted, struct field *found)
{
    while (next_field(&fields, found))
        if (found->path_len == wanted->path_len &&
            memcmp(found->path, wanted->path, wanted->path_len) == 0)
            return true;
    return false;
}

/* Whether what was sent as `old` can be read as `new`. */
static int compare_event(const struct af_flow_event *old, const struct af_flow_event *new,
                         const char *file, struct af_failure *why)
{
    struct field field, before;
    char place[300];
    snprintf(place, sizeof place, "%.200s:%d", file, new->line);
    for (const char *at = new->fields; next_field(&at, &field);) {
        bool was = find_field(old->fields, &field, &before);
        if (was && (field.kind_len != before.kind_len ||
                    memcmp(field.kind, before.kind, field.kind_len) != 0))
            return af_failure_set(why, AF_FAILURE_USAGE, place,
                                  "event '%s': field '%.*s' was a %.*s and is a %.*s: what is on "
                                  "its way could not be read; give it another name",
                                  new->type, (int)field.path_len, field.path, (int)before.kind_len,
                                  before.kind, (int)field.kind_len, field.kind);
        if (!field.optional && (!was || before.optional))
            return af_failure_set(why, AF_FAILURE_USAGE, place,
                                  "event '%s': field '%.*s' is %s: what is on its way may be "
                                  "without it; make it af.optional",
                                  new->type, (int)field.path_len, field.path,
                                  was ? "required now" : "new and required");
    }
    return 0;
}

static int compare_events(const struct af_flow *old, const struct af_flow *new, const char *file,
                          struct af_failure *why)
{
    for (size_t i = 0; i < old->event_count; i++) {
        const struct af_flow_event *event = &old->events[i];
        int index = af_flow_find_event(new, event->type, event->type_len);
        if (event->predefined)
            continue;
        if (index < 0)
            return af_failure_set(why, AF_FAILURE_USAGE, file,
                                  "event '%s' is gone, and contracts of it may be on their way: "
                                  "let a state ignore it for one version",
                                  event->type);
        if (compare_event(event, &new->events[index], file, why) != 0)
            return -1;
    }
    return 0;
}

int af_reload_compare(const struct af_flow *old, const struct af_flow *new, const char *file,
                      const struct af_reload_rules *rules, struct af_failure *why)
{
    long long from = old->version, to = new->version;
    if (strcmp(old->name, new->name) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, file,
                              "is the flow '%s' now, and was '%s': another flow is another file",
                              new->name, old->name);
    if (from == to && !rules->mends)
        return af_failure_set(
            why, AF_FAILURE_USAGE, file,
            "has changed, but its version is still %lld: raise it, so that it can "
            "be told which one a node runs",
            to);
    if (to < from && !rules->back)
        return af_failure_set(why, AF_FAILURE_USAGE, file,
                              "would go back from version %lld to %lld; afrun ctl rollback does "
                              "that",
                              from, to);
    return rules->back || rules->tries ? 0 : compare_events(old, new, file, why);
}

/* ---- A party. ---- */

struct deferred {
    const char *type, *content;
    size_t content_len;
};

struct af_reload {
    struct af_reload_spec spec;
    struct af_arena arena;
    struct af_script_party *party;   /* the copy */
    struct af_script_party *leaving; /* under the version that it leaves, to go back */
    struct af_buf old, timers;
    struct deferred *deferred;
    size_t deferred_count, deferred_cap, checked;
    struct af_reload_result result;
    char why[AF_FAILURE_TEXT_MAX + 300];
    bool waits; /* for the script */
    bool keeps_after;
    int64_t after_ns;
};

void af_reload_call(void *owner, struct af_script_party *party, const struct af_script_call *call)
{
    char text[200];
    struct af_answer answer = {.failure = text};
    (void)owner;
    if (af_script_call_number(call->name) == AF_CALL_LOG)
        return;
    snprintf(text, sizeof text, "%.60s: a migration has nothing but the old snapshot", call->name);
    af_script_answer(party, call->id, &answer);
}

static void finish(struct af_reload *reload)
{
    reload->spec.done(reload->spec.arg, reload->why[0] == '\0' ? &reload->result : NULL,
                      reload->why[0] == '\0' ? NULL : reload->why);
}

static void write_timer(struct af_buf *out, const char *name, size_t name_len, int64_t due_ns,
                        int64_t length_ns)
{
    af_buf_append_string(out, out->len == 1 ? "[" : ",[");
    if (name == NULL)
        af_buf_append_string(out, "null");
    else
        af_json_write_string(out, name, name_len);
    af_buf_printf(out, ",%lld,%lld]", (long long)due_ns, (long long)length_ns);
}

bool af_reload_keeps_after(const struct af_flow *old, const char *role, const char *state,
                           const struct af_effects *effects)
{
    if (effects->entered || effects->after_ns < 0)
        return false;
    if (old == NULL)
        return true;
    int role_at = af_flow_find_role(old, role);
    int state_at = role_at < 0 ? -1 : af_flow_find_state(&old->roles[role_at], state);
    return state_at >= 0 && old->roles[role_at].states[state_at].has_after;
}

void af_reload_write_old(struct af_buf *out, const char *role, const char *state, const char *was,
                         int64_t version, const char *data, size_t len)
{
    af_buf_append_string(out, "{\"role\":");
    af_json_write_string(out, role, strlen(role));
    af_buf_append_string(out, ",\"state\":");
    af_json_write_string(out, state, strlen(state));
    if (was != NULL) {
        af_buf_append_string(out, ",\"was\":");
        af_json_write_string(out, was, strlen(was));
    }
    af_buf_printf(out, ",\"version\":%lld,\"data\":", (long long)version);
    af_buf_append(out, data, len);
    af_buf_append_char(out, '}');
}

/* Those that it had, but for the `after` of a state that begins anew, or has none any more. */
static bool move_timers(struct af_reload *reload)
{
    struct af_json_reader reader;
    const char *json = reload->spec.party->timers;
    enum af_json_token token;
    bool has_after = false;
    af_json_reader_init(&reader, json, strlen(json));
    af_buf_append_char(&reload->timers, '[');
    bool ok = af_json_next(&reader) == AF_JSON_ARRAY_BEGIN;
    while (ok && (token = af_json_next(&reader)) != AF_JSON_ARRAY_END) {
        char *name = NULL;
        size_t name_len = 0;
        int64_t numbers[2] = {0, 0};
        ok = token == AF_JSON_ARRAY_BEGIN;
        token = ok ? af_json_next(&reader) : AF_JSON_ERROR;
        if (token == AF_JSON_STRING) {
            name = af_arena_copy(&reload->arena, reader.string, reader.string_len);
            name_len = reader.string_len;
        }
        ok = ok && (token == AF_JSON_STRING || token == AF_JSON_NULL);
        for (int i = 0; i < 2 && ok; i++) {
            ok = af_json_next(&reader) == AF_JSON_INTEGER;
            numbers[i] = reader.integer;
        }
        ok = ok && af_json_next(&reader) == AF_JSON_ARRAY_END;
        has_after = has_after || (ok && name == NULL);
        if (ok && (name != NULL || reload->keeps_after))
            write_timer(&reload->timers, name, name_len, numbers[0], numbers[1]);
    }
    if (reload->spec.old == NULL && !has_after)
        reload->keeps_after = false;
    if (!reload->keeps_after && reload->after_ns >= 0)
        write_timer(&reload->timers, NULL, 0, reload->spec.now_ns + reload->after_ns,
                    reload->after_ns);
    af_buf_append_char(&reload->timers, ']');
    af_json_reader_release(&reader);
    return ok;
}

static void check_next(void *arg);

static void checked(void *arg, struct af_script_party *party, const struct af_effects *effects)
{
    struct af_reload *reload = arg;
    (void)party;
    reload->waits = false;
    if (effects->outcome != AF_OUTCOME_NONE) {
        snprintf(reload->why, sizeof reload->why, "a deferred '%s' does not fit any more: %s",
                 reload->deferred[reload->checked].type,
                 effects->text == NULL ? "it cannot be looked at" : effects->text);
        finish(reload);
        return;
    }
    reload->checked++;
    check_next(reload);
}

/* Validates what is deferred, one after the other. */
static void check_next(void *arg)
{
    struct af_reload *reload = arg;
    if (reload->checked == reload->deferred_count) {
        finish(reload);
        return;
    }
    const struct deferred *deferred = &reload->deferred[reload->checked];
    struct af_input input = {.kind = AF_INPUT_VALIDATE,
                             .event = af_flow_find_event(af_script_flow(reload->spec.script),
                                                         deferred->type, strlen(deferred->type)),
                             .content = deferred->content,
                             .content_len = deferred->content_len};
    if (input.event < 0) {
        snprintf(reload->why, sizeof reload->why,
                 "a '%s' is deferred, which the flow does not know any more", deferred->type);
        finish(reload);
        return;
    }
    reload->waits = true;
    af_script_deliver(reload->party, &input, checked, reload);
}

static void migrated(void *arg, struct af_script_party *party, const struct af_effects *effects)
{
    struct af_reload *reload = arg;
    const struct af_flow_role *role;
    size_t len;
    reload->waits = false;
    if (effects->outcome != AF_OUTCOME_NONE || effects->send_count > 0 ||
        effects->deadline_count > 0) {
        snprintf(reload->why, sizeof reload->why, "%s",
                 effects->outcome == AF_OUTCOME_NONE ? "migrate: a migration sends nothing"
                 : effects->text == NULL             ? "its migration failed"
                                                     : effects->text);
        finish(reload);
        return;
    }
    const struct af_flow *flow = af_script_flow(reload->spec.script);
    role = &flow->roles[af_flow_find_role(flow, reload->spec.role)];
    const char *data = af_script_party_data(party, &len);
    reload->keeps_after = af_reload_keeps_after(reload->spec.old, reload->spec.role,
                                                reload->spec.party->state, effects);
    reload->after_ns = effects->after_ns;
    if (!move_timers(reload)) {
        snprintf(reload->why, sizeof reload->why, "what is kept of its timers is damaged");
        finish(reload);
        return;
    }
    reload->result =
        (struct af_reload_result){.state = role->states[af_script_party_state(party)].name,
                                  .data = af_arena_copy(&reload->arena, data, len),
                                  .timers = af_buf_text(&reload->timers),
                                  .data_len = len,
                                  .begins = !reload->keeps_after && reload->after_ns >= 0};
    check_next(reload);
}

static void take_deferred(void *arg, const struct af_store_entry *entry)
{
    struct af_reload *reload = arg;
    af_mem_reserve(&reload->deferred, &reload->deferred_cap, reload->deferred_count + 1,
                   sizeof *reload->deferred);
    reload->deferred[reload->deferred_count++] = (struct deferred){
        af_arena_string(&reload->arena, entry->type),
        af_arena_copy(&reload->arena, entry->content, entry->content_len), entry->content_len};
}

static void pass_over_key(void *arg, struct af_hash key)
{
    (void)arg, (void)key;
}

static void pass_over(void *arg, const struct af_store_entry *entry)
{
    (void)arg, (void)entry;
}

/* The snapshot as a migration sees it; was: its state before it was brought back, or NULL. */
static void write_old(struct af_reload *reload, const char *state, const char *data, size_t len,
                      const char *was)
{
    af_buf_clear(&reload->old);
    af_reload_write_old(&reload->old, reload->spec.role, state, was, reload->spec.version, data,
                        len);
}

static void deliver(struct af_reload *reload, struct af_script_party *party,
                    enum af_input_kind kind, bool as_it_is, af_script_done_fn *done)
{
    struct af_input input = {.kind = kind,
                             .now_ns = reload->spec.now_ns,
                             .key = af_hash_bytes(reload->spec.party->seed, "migrate", 7),
                             .event = as_it_is,
                             .content = reload->old.data,
                             .content_len = reload->old.len};
    reload->waits = true;
    af_script_deliver(party, &input, done, reload);
}

/* {"data":…,"state":"…"}: what migrate_back has made. False: it is something else. */
static bool take_brought_back(struct af_reload *reload, const char *json, size_t len)
{
    struct af_json_reader reader;
    const char *state = NULL, *data = NULL;
    size_t data_len = 0;
    af_json_reader_init(&reader, json, len);
    bool ok = af_json_next(&reader) == AF_JSON_OBJECT_BEGIN;
    while (ok && af_json_next(&reader) == AF_JSON_KEY) {
        bool is_state = reader.string_len == 5 && memcmp(reader.string, "state", 5) == 0;
        bool is_data = reader.string_len == 4 && memcmp(reader.string, "data", 4) == 0;
        enum af_json_token token = af_json_next(&reader);
        size_t start = reader.offset;
        if (is_state && token == AF_JSON_STRING)
            state = af_arena_copy(&reload->arena, reader.string, reader.string_len);
        ok = af_json_skip(&reader, token);
        if (ok && is_data && (token == AF_JSON_OBJECT_BEGIN || token == AF_JSON_ARRAY_BEGIN)) {
            data = json + start;
            data_len = reader.offset + 1 - start;
        }
    }
    af_json_reader_release(&reader);
    if (state == NULL || data == NULL)
        return false;
    write_old(reload, state, data, data_len, reload->spec.party->state);
    return true;
}

static void brought_back(void *arg, struct af_script_party *party, const struct af_effects *effects)
{
    struct af_reload *reload = arg;
    size_t len;
    reload->waits = false;
    if (effects->outcome != AF_OUTCOME_NONE) {
        snprintf(reload->why, sizeof reload->why, "%s",
                 effects->text == NULL ? "its migration back failed" : effects->text);
        finish(reload);
        return;
    }
    const char *data = af_script_party_data(party, &len);
    if (!take_brought_back(reload, data, len)) {
        snprintf(reload->why, sizeof reload->why,
                 "migrate_back: expected { state =, data = } with a text and a table");
        finish(reload);
        return;
    }
    deliver(reload, reload->party, AF_INPUT_MIGRATE, true, migrated);
}

static int make_parties(struct af_reload *reload, struct af_failure *why)
{
    const struct af_reload_spec *spec = &reload->spec;
    const struct af_store_party *kept = spec->party;
    reload->party = af_script_party_new(spec->script, spec->member, kept->seed, NULL, why);
    if (reload->party == NULL || spec->back == NULL)
        return reload->party == NULL ? -1 : 0;
    const struct af_flow *flow = af_script_flow(spec->back);
    const struct af_flow_role *role = &flow->roles[af_flow_find_role(flow, spec->role)];
    reload->leaving = af_script_party_new(spec->back, spec->back_member, kept->seed, NULL, why);
    return reload->leaving == NULL
               ? -1
               : af_script_party_restore(reload->leaving, af_flow_find_state(role, kept->state),
                                         kept->data, kept->data_len, why);
}

static void begin(void *arg)
{
    struct af_reload *reload = arg;
    const struct af_store_party *kept = reload->spec.party;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_store_loader loader = {reload, take_deferred, pass_over_key, pass_over};
    if (make_parties(reload, &why) != 0 ||
        af_store_load(reload->spec.store, kept, &loader, &why) != 0) {
        snprintf(reload->why, sizeof reload->why, "%s: %s", why.what, why.why);
        finish(reload);
        return;
    }
    write_old(reload, kept->state, kept->data, kept->data_len, NULL);
    if (reload->leaving != NULL)
        deliver(reload, reload->leaving, AF_INPUT_BACK, false, brought_back);
    else
        deliver(reload, reload->party, AF_INPUT_MIGRATE, false, migrated);
}

struct af_reload *af_reload_begin(const struct af_reload_spec *spec)
{
    struct af_reload *reload = af_mem_zero(1, sizeof *reload);
    reload->spec = *spec;
    af_loop_post(spec->loop, begin, reload);
    return reload;
}

void af_reload_free(struct af_reload *reload)
{
    if (reload == NULL)
        return;
    af_loop_unpost(reload->spec.loop, begin, reload);
    struct af_script_party *parties[] = {reload->leaving, reload->party};
    for (int i = 0; i < 2; i++) {
        if (parties[i] != NULL && reload->waits)
            af_script_withdraw(parties[i]);
        if (parties[i] != NULL)
            af_script_party_free(parties[i]);
    }
    af_buf_release(&reload->old);
    af_buf_release(&reload->timers);
    free(reload->deferred);
    af_arena_release(&reload->arena);
    free(reload);
}
