/* reload.c: see reload.h. */
#include "party/reload.h"

#include "base/arena.h"
#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "json/json.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "party/migrate.h"
#include "store/store.h"
#include "trace/veil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Flows. ---- */

/* One line of an event's fields: "path: kind?"; whether it is a secret is nothing to who reads it.
 */
struct field {
    const char *path, *kind;
    size_t path_len, kind_len;
    bool optional;
};

static bool next_field(const char **at, struct field *field)
{
    static const char secret[] = "secret ";
    const char *line = *at, *end = strchr(line, '\n'), *colon;
    if (end == NULL)
        return false;
    *at = end + 1;
    for (colon = end; colon > line && !(colon[0] == ':' && colon[1] == ' ');)
        colon--;
    *field = (struct field){line, colon + 2, (size_t)(colon - line), (size_t)(end - colon) - 2,
                            end[-1] == '?'};
    if (strncmp(field->kind, secret, sizeof secret - 1) == 0) {
        field->kind += sizeof secret - 1;
        field->kind_len -= sizeof secret - 1;
    }
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
    char place[AF_FLOW_PLACE_BYTES];
    af_flow_place(file, new->line, place, sizeof place);
    for (const char *at = new->fields; next_field(&at, &field);) {
        bool was = find_field(old->fields, &field, &before);
        if (was && (field.kind_len != before.kind_len ||
                    memcmp(field.kind, before.kind, field.kind_len) != 0))
            return af_failure_set(
                why, AF_FAILURE_USAGE, place,
                "event '%s': field '%.*s' was of type %.*s and is of type %.*s: what is on "
                "its way could not be read; give it another name",
                new->type, (int)field.path_len, field.path, (int)before.kind_len, before.kind,
                (int)field.kind_len, field.kind);
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

struct af_reload {
    struct af_reload_spec spec;
    struct af_arena arena;
    struct af_script_party *party;   /* the copy */
    struct af_script_party *leaving; /* under the version that it leaves, to go back */
    struct af_migration *migration;
    struct af_buf timers;
    struct af_migration_deferred *deferred;
    size_t deferred_count, deferred_cap;
};

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

/* Those that it had, but for the `after` of a state that begins anew, or has none any more: that is
 * told by *result. */
static bool move_timers(struct af_reload *reload, const struct af_migration_result *migrated,
                        struct af_reload_result *result)
{
    struct af_json_reader reader;
    const char *json = reload->spec.party->timers;
    enum af_json_token token;
    bool has_after = false, keeps_after = migrated->keeps_after;
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
        if (ok && (name != NULL || keeps_after))
            write_timer(&reload->timers, name, name_len, numbers[0], numbers[1]);
    }
    ok = ok && af_json_next(&reader) == AF_JSON_END;
    if (reload->spec.old == NULL && !has_after)
        keeps_after = false;
    result->keeps_after = keeps_after;
    result->begins = !keeps_after && migrated->after_ns >= 0;
    result->due_ns = reload->spec.now_ns + migrated->after_ns;
    result->length_ns = migrated->after_ns;
    if (result->begins)
        write_timer(&reload->timers, NULL, 0, result->due_ns, result->length_ns);
    af_buf_append_char(&reload->timers, ']');
    af_json_reader_release(&reader);
    return ok;
}

static void refuse(const struct af_reload *reload, const char *why)
{
    reload->spec.done(reload->spec.arg, NULL, why);
}

static void migrated(void *arg, const struct af_migration_result *migrated, const char *why)
{
    struct af_reload *reload = arg;
    struct af_reload_result result = {0};
    if (why != NULL) {
        refuse(reload, why);
        return;
    }
    if (!move_timers(reload, migrated, &result)) {
        refuse(reload, "what is kept of its timers is damaged");
        return;
    }
    const struct af_flow *flow = af_script_flow(reload->spec.script);
    const struct af_flow_role *role = &flow->roles[af_flow_find_role(flow, reload->spec.role)];
    const char *data = af_script_party_data(reload->party, &result.data_len);
    result.state = role->states[af_script_party_state(reload->party)].name;
    result.data = af_arena_copy(&reload->arena, data, result.data_len);
    result.timers = af_buf_text(&reload->timers);
    reload->spec.done(reload->spec.arg, &result, NULL);
}

static void take_deferred(void *arg, const struct af_store_entry *entry)
{
    struct af_reload *reload = arg;
    af_mem_reserve(&reload->deferred, &reload->deferred_cap, reload->deferred_count + 1,
                   sizeof *reload->deferred);
    reload->deferred[reload->deferred_count++] = (struct af_migration_deferred){
        af_arena_string(&reload->arena, entry->type),
        af_arena_copy(&reload->arena, entry->content, entry->content_len), strlen(entry->type),
        entry->content_len};
}

static void pass_over_key(void *arg, struct af_hash key)
{
    (void)arg, (void)key;
}

static void pass_over(void *arg, const struct af_store_entry *entry)
{
    (void)arg, (void)entry;
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
    struct af_store_loader loader = {reload, take_deferred, pass_over_key, NULL, pass_over};
    if (make_parties(reload, &why) != 0 ||
        (reload->spec.store != NULL &&
         af_store_load(reload->spec.store, kept, &loader, &why) != 0)) {
        char text[AF_FAILURE_TEXT_MAX + 300];
        snprintf(text, sizeof text, "%s: %s", why.what, why.why);
        refuse(reload, text);
        return;
    }
    bool given = reload->spec.store == NULL;
    if (!given && (kept->torn || !af_veil_is(af_veil_key(kept->seed), kept->data, kept->data_len,
                                             kept->data_hash))) {
        refuse(reload, "what is kept of its data is damaged: they are not those of its last step");
        return;
    }
    struct af_migration_spec spec = {.party = reload->party,
                                     .flow = af_script_flow(reload->spec.script),
                                     .back = reload->leaving,
                                     .old = reload->spec.old,
                                     .role = reload->spec.role,
                                     .state = kept->state,
                                     .data = kept->data,
                                     .data_len = kept->data_len,
                                     .version = reload->spec.version,
                                     .seed = kept->seed,
                                     .now_ns = reload->spec.now_ns,
                                     .deferred = given ? reload->spec.deferred : reload->deferred,
                                     .deferred_count = given ? reload->spec.deferred_count
                                                             : reload->deferred_count,
                                     .arg = reload,
                                     .done = migrated};
    reload->migration = af_migration_new(&spec);
    af_migration_start(reload->migration);
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
    af_migration_free(reload->migration);
    af_script_party_free(reload->leaving);
    af_script_party_free(reload->party);
    af_buf_release(&reload->timers);
    free(reload->deferred);
    af_arena_release(&reload->arena);
    free(reload);
}
