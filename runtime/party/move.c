/* move.c: see move.h. */
#include "party/move.h"

#include "party/impl.h"

#include "trace/contract.h"
#include "base/failure.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "party/migrate.h"
#include "trace/trace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct outcome { /* of a migration that is over at once */
    const struct af_party *party;
    struct af_failure *why;
    struct af_migration_result result;
    bool over, refused;
};

static const struct af_flow_role *role_of(const struct af_party *party)
{
    return &party->flow->roles[party->spec.role];
}

static void note(void *arg, const struct af_migration_result *result, const char *why)
{
    struct outcome *outcome = arg;
    outcome->over = true;
    outcome->refused = why != NULL;
    if (why == NULL)
        outcome->result = *result;
    else
        af_failure_set(outcome->why, AF_FAILURE_FLOW, outcome->party->spec.id, "%s", why);
}

static void note_reload(const struct af_party *party, int64_t from)
{
    struct af_trace *trace = party->spec.trace;
    size_t len;
    char versions[64];
    const char *data = af_script_party_data(party->script, &len);
    snprintf(versions, sizeof versions, "%lld to %lld", (long long)from,
             (long long)party->flow->version);
    af_trace_begin(trace, af_party_now(party), "reload");
    af_trace_string(trace, "party", party->spec.id);
    af_trace_string(trace, "versions", versions);
    af_trace_string(trace, "state", af_party_state(party)->name);
    af_trace_data(trace, data, len);
    af_trace_end(trace);
}

static struct af_migration_deferred *list_deferred(const struct af_party *party)
{
    struct af_migration_deferred *list = af_mem_zero(party->deferred_count + 1, sizeof *list);
    for (size_t i = 0; i < party->deferred_count; i++) {
        const struct af_contract *contract = party->deferred[i];
        list[i] = (struct af_migration_deferred){contract->type, contract->content,
                                                 contract->type_len, contract->content_len};
    }
    return list;
}

/* A party of the other version, brought to where this one stands. */
static struct af_script_party *bring(const struct af_party *party, struct af_script *script,
                                     void *user, bool with_deferred,
                                     struct af_migration_result *result, struct af_failure *why)
{
    struct outcome outcome = {.party = party, .why = why};
    struct af_failure not_made = AF_FAILURE_INIT;
    struct af_migration_spec spec = {
        .party = af_script_party_new(script, party->spec.member, party->spec.seed, user, &not_made),
        .flow = af_script_flow(script),
        .old = party->flow,
        .role = role_of(party)->name,
        .state = af_party_state(party)->name,
        .version = party->flow->version,
        .seed = party->spec.seed,
        .now_ns = party->spec.fixed ? 0 : af_loop_wall_ns(party->spec.loop),
        .deferred_count = with_deferred ? party->deferred_count : 0,
        .arg = &outcome,
        .done = note};
    if (spec.party == NULL) {
        af_failure_set(why, AF_FAILURE_FLOW, party->spec.id, "%s: %s", not_made.what, not_made.why);
        return NULL;
    }
    spec.data = af_script_party_data(party->script, &spec.data_len);
    struct af_migration_deferred *deferred = list_deferred(party);
    spec.deferred = deferred;
    struct af_migration *migration = af_migration_new(&spec);
    af_migration_start(migration);
    assert(outcome.over); /* what it asks for is refused at once */
    af_migration_free(migration);
    free(deferred);
    *result = outcome.result;
    if (!outcome.refused)
        return spec.party;
    af_script_party_free(spec.party);
    return NULL;
}

struct af_script_party *af_party_moved_copy(const struct af_party *party, struct af_script *script,
                                            struct af_failure *why)
{
    struct af_migration_result result;
    assert(af_party_state(party) != NULL);
    return bring(party, script, NULL, false, &result, why);
}

struct af_script_party *af_party_put_over(struct af_party *party, const struct af_party_moved *to)
{
    struct af_script_party *old = party->script;
    int64_t from = party->flow->version;
    assert(party->status == AF_PARTY_ACTIVE && !party->busy);
    party->script = to->party;
    party->flow = af_script_flow(to->script);
    party->spec.script = to->script;
    party->spec.member = to->member;
    party->spec.role = to->role;
    party->look_at_deferred = party->deferred_count > 0;
    if (party->spec.trace != NULL)
        note_reload(party, from);
    if (!to->keeps_after)
        af_party_cancel_after(party);
    if (to->begins)
        af_party_start_after(party, to->length_ns, af_party_left(party, to->due_ns, to->length_ns));
    return old;
}

int af_party_move(struct af_party *party, struct af_script *script, uint32_t role,
                  struct af_failure *why)
{
    struct af_migration_result result;
    assert(party->status == AF_PARTY_ACTIVE && !party->busy);
    struct af_script_party *fresh = bring(party, script, party, true, &result, why);
    if (fresh == NULL)
        return -1;
    struct af_party_moved to = {.script = script,
                                .party = fresh,
                                .member = party->spec.member,
                                .role = role,
                                .keeps_after = result.keeps_after,
                                .begins = !result.keeps_after && result.after_ns >= 0,
                                .due_ns = af_loop_wall_ns(party->spec.loop) + result.after_ns,
                                .length_ns = result.after_ns};
    af_script_party_free(af_party_put_over(party, &to));
    return 0;
}
