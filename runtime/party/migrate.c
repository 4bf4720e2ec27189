/* migrate.c: see migrate.h. */
#include "party/migrate.h"

#include "base/arena.h"
#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/mem.h"
#include "json/json.h"
#include "script/calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct af_migration {
    struct af_migration_spec spec;
    struct af_arena arena;
    struct af_buf old;
    struct af_migration_result result;
    struct af_script_party *waits; /* for this one's answer; or NULL */
    size_t checked;
};

void af_migration_call(void *owner, struct af_script_party *party,
                       const struct af_script_call *call)
{
    char text[200];
    struct af_answer answer = {.failure = text};
    (void)owner;
    if (af_script_call_number(call->name) == AF_CALL_LOG)
        return;
    snprintf(text, sizeof text, "%.60s: a migration has nothing but the old snapshot", call->name);
    af_script_answer(party, call->id, &answer);
}

static void refuse(const struct af_migration *migration, const char *why)
{
    migration->spec.done(migration->spec.arg, NULL, why);
}

/* ---- What it has deferred. ---- */

static void check_next(struct af_migration *migration);

static void refuse_deferred(const struct af_migration *migration, const char *why)
{
    char text[AF_FAILURE_TEXT_MAX];
    snprintf(text, sizeof text, "a deferred '%.100s' does not fit any more: %s",
             migration->spec.deferred[migration->checked].type, why);
    refuse(migration, text);
}

static void checked(void *arg, struct af_script_party *party, const struct af_effects *effects)
{
    struct af_migration *migration = arg;
    (void)party;
    migration->waits = NULL;
    if (effects->outcome != AF_OUTCOME_NONE) {
        refuse_deferred(migration,
                        effects->text == NULL ? "it cannot be looked at" : effects->text);
        return;
    }
    migration->checked++;
    check_next(migration);
}

/* Validates one after the other. */
static void check_next(struct af_migration *migration)
{
    const struct af_migration_spec *spec = &migration->spec;
    if (migration->checked == spec->deferred_count) {
        spec->done(spec->arg, &migration->result, NULL);
        return;
    }
    const struct af_migration_deferred *deferred = &spec->deferred[migration->checked];
    struct af_input input = {.kind = AF_INPUT_VALIDATE,
                             .event =
                                 af_flow_find_event(spec->flow, deferred->type, deferred->type_len),
                             .content = deferred->content,
                             .content_len = deferred->content_len};
    if (input.event < 0) {
        refuse_deferred(migration, "the flow knows no such event type");
        return;
    }
    migration->waits = spec->party;
    af_script_deliver(spec->party, &input, checked, migration);
}

/* ---- Its snapshot. ---- */

static bool keeps_after(const struct af_migration_spec *spec, const struct af_effects *effects)
{
    if (effects->entered || effects->after_ns < 0)
        return false;
    if (spec->old == NULL)
        return true;
    int role = af_flow_find_role(spec->old, spec->role);
    int state = role < 0 ? -1 : af_flow_find_state(&spec->old->roles[role], spec->state);
    return state >= 0 && spec->old->roles[role].states[state].has_after;
}

static void migrated(void *arg, struct af_script_party *party, const struct af_effects *effects)
{
    struct af_migration *migration = arg;
    (void)party;
    migration->waits = NULL;
    if (effects->outcome != AF_OUTCOME_NONE) {
        refuse(migration, effects->text == NULL ? "its migration failed" : effects->text);
        return;
    }
    migration->result =
        (struct af_migration_result){keeps_after(&migration->spec, effects), effects->after_ns};
    check_next(migration);
}

/* The snapshot as a migration sees it; was: its state before it was brought back, or NULL. */
static void write_old(struct af_migration *migration, const char *state, const char *was,
                      const char *data, size_t len)
{
    struct af_buf *out = &migration->old;
    const struct af_migration_spec *spec = &migration->spec;
    af_buf_clear(out);
    af_buf_append_string(out, "{\"role\":");
    af_json_write_string(out, spec->role, strlen(spec->role));
    af_buf_append_string(out, ",\"state\":");
    af_json_write_string(out, state, strlen(state));
    if (was != NULL) {
        af_buf_append_string(out, ",\"was\":");
        af_json_write_string(out, was, strlen(was));
    }
    af_buf_printf(out, ",\"version\":%lld,\"data\":", (long long)spec->version);
    af_buf_append(out, data, len);
    af_buf_append_char(out, '}');
}

static void deliver(struct af_migration *migration, struct af_script_party *party,
                    enum af_input_kind kind, bool as_it_is, af_script_done_fn *done)
{
    struct af_input input = {.kind = kind,
                             .now_ns = migration->spec.now_ns,
                             .key = af_hash_bytes(migration->spec.seed, "migrate", 7),
                             .event = as_it_is,
                             .content = migration->old.data,
                             .content_len = migration->old.len};
    migration->waits = party;
    af_script_deliver(party, &input, done, migration);
}

/* ---- The way back. ---- */

/* {"data":…,"state":"…"}: what migrate_back has made. False: it is something else. */
static bool take_brought_back(struct af_migration *migration, const char *json, size_t len)
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
            state = af_arena_copy(&migration->arena, reader.string, reader.string_len);
        ok = af_json_skip(&reader, token);
        if (ok && is_data && (token == AF_JSON_OBJECT_BEGIN || token == AF_JSON_ARRAY_BEGIN)) {
            data = json + start;
            data_len = reader.offset + 1 - start;
        }
    }
    af_json_reader_release(&reader);
    if (state == NULL || data == NULL)
        return false;
    write_old(migration, state, migration->spec.state, data, data_len);
    return true;
}

static void brought_back(void *arg, struct af_script_party *party, const struct af_effects *effects)
{
    struct af_migration *migration = arg;
    size_t len;
    migration->waits = NULL;
    if (effects->outcome != AF_OUTCOME_NONE) {
        refuse(migration, effects->text == NULL ? "its migration back failed" : effects->text);
        return;
    }
    const char *data = af_script_party_data(party, &len);
    if (take_brought_back(migration, data, len))
        deliver(migration, migration->spec.party, AF_INPUT_MIGRATE, true, migrated);
    else
        refuse(migration, "migrate_back: expected { state =, data = } with a text and a table");
}

/* ---- All of it. ---- */

struct af_migration *af_migration_new(const struct af_migration_spec *spec)
{
    struct af_migration *migration = af_mem_zero(1, sizeof *migration);
    migration->spec = *spec;
    return migration;
}

void af_migration_start(struct af_migration *migration)
{
    const struct af_migration_spec *spec = &migration->spec;
    write_old(migration, spec->state, NULL, spec->data, spec->data_len);
    if (spec->back != NULL)
        deliver(migration, spec->back, AF_INPUT_BACK, false, brought_back);
    else
        deliver(migration, spec->party, AF_INPUT_MIGRATE, false, migrated);
}

void af_migration_free(struct af_migration *migration)
{
    if (migration == NULL)
        return;
    if (migration->waits != NULL)
        af_script_withdraw(migration->waits);
    af_buf_release(&migration->old);
    af_arena_release(&migration->arena);
    free(migration);
}
