/* move.c: see move.h. */
#include "party/move.h"

#include "party/impl.h"

#include "trace/contract.h"
#include "base/failure.h"
#include "json/json.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "party/reload.h"
#include "trace/trace.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct outcome { /* of a delivery that is over at once */
    enum af_outcome outcome;
    bool told, keeps_after, acts;
    int64_t after_ns;
    const struct af_party *mover; /* of a migration; or NULL */
    char text[AF_FAILURE_TEXT_MAX];
};

static const struct af_flow_role *role_of(const struct af_party *party)
{
    return &party->flow->roles[party->spec.role];
}

static void note(void *arg, struct af_script_party *party, const struct af_effects *effects)
{
    struct outcome *outcome = arg;
    (void)party;
    outcome->told = true;
    outcome->outcome = effects->outcome;
    if (outcome->mover != NULL)
        outcome->keeps_after =
            af_reload_keeps_after(outcome->mover->flow, role_of(outcome->mover)->name,
                                  af_party_state(outcome->mover)->name, effects);
    outcome->after_ns = effects->after_ns;
    outcome->acts = effects->send_count > 0 || effects->deadline_count > 0;
    snprintf(outcome->text, sizeof outcome->text, "%s", effects->text == NULL ? "" : effects->text);
}

static int refuse(const struct af_party *party, struct af_failure *why, const char *before,
                  const char *text)
{
    return af_failure_set(why, AF_FAILURE_FLOW, party->spec.id, "%s%s", before, text);
}

static int migrate(const struct af_party *party, struct af_script_party *fresh,
                   struct outcome *outcome, struct af_failure *why)
{
    struct af_buf old = AF_BUF_EMPTY;
    size_t len;
    const char *data = af_script_party_data(party->script, &len);
    af_reload_write_old(&old, role_of(party)->name, af_party_state(party)->name, NULL,
                        party->flow->version, data, len);
    struct af_input input = {.kind = AF_INPUT_MIGRATE,
                             .now_ns = party->spec.fixed ? 0 : af_loop_wall_ns(party->spec.loop),
                             .key = af_hash_bytes(party->spec.seed, "migrate", 7),
                             .content = old.data,
                             .content_len = old.len};
    af_script_deliver(fresh, &input, note, outcome);
    af_buf_release(&old);
    if (!outcome->told) {
        af_script_withdraw(fresh);
        return refuse(party, why, "", "a migration does not wait");
    }
    if (outcome->outcome != AF_OUTCOME_NONE)
        return refuse(party, why, "", outcome->text);
    return outcome->acts ? refuse(party, why, "", "a migration sends nothing") : 0;
}

static int check_deferred(const struct af_party *party, struct af_script_party *fresh,
                          const struct af_flow *flow, struct af_failure *why)
{
    char before[200];
    for (size_t i = 0; i < party->deferred_count; i++) {
        const struct af_contract *contract = party->deferred[i];
        struct outcome outcome = {.outcome = AF_OUTCOME_NONE};
        struct af_input input = {.kind = AF_INPUT_VALIDATE,
                                 .event =
                                     af_flow_find_event(flow, contract->type, contract->type_len),
                                 .content = contract->content,
                                 .content_len = contract->content_len};
        snprintf(before, sizeof before,
                 "a deferred '%.100s' does not fit any more: ", contract->type);
        if (input.event < 0)
            return refuse(party, why, before, "the flow knows no such event type");
        af_script_deliver(fresh, &input, note, &outcome);
        assert(outcome.told);
        if (outcome.outcome != AF_OUTCOME_NONE)
            return refuse(party, why, before, outcome.text);
    }
    return 0;
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

/* A party of the other version, brought to where this one stands. */
static struct af_script_party *bring(const struct af_party *party, struct af_script *script,
                                     void *user, struct outcome *outcome, struct af_failure *why)
{
    *outcome = (struct outcome){.outcome = AF_OUTCOME_NONE, .mover = party};
    struct af_script_party *fresh =
        af_script_party_new(script, party->spec.member, party->spec.seed, user, why);
    if (fresh == NULL || migrate(party, fresh, outcome, why) == 0)
        return fresh;
    af_script_party_free(fresh);
    return NULL;
}

struct af_script_party *af_party_moved_copy(const struct af_party *party, struct af_script *script,
                                            struct af_failure *why)
{
    struct outcome outcome;
    assert(af_party_state(party) != NULL);
    return bring(party, script, NULL, &outcome, why);
}

int af_party_move(struct af_party *party, struct af_script *script, uint32_t role,
                  struct af_failure *why)
{
    const struct af_flow *flow = af_script_flow(script);
    struct outcome outcome;
    assert(party->status == AF_PARTY_ACTIVE && !party->busy);
    struct af_script_party *fresh = bring(party, script, party, &outcome, why);
    if (fresh == NULL)
        return -1;
    if (check_deferred(party, fresh, flow, why) != 0) {
        af_script_party_free(fresh);
        return -1;
    }
    int64_t from = party->flow->version;
    af_script_party_free(party->script);
    party->script = fresh;
    party->flow = flow;
    party->spec.script = script;
    party->spec.role = role;
    party->look_at_deferred = party->deferred_count > 0;
    note_reload(party, from);
    if (!outcome.keeps_after)
        af_party_cancel_after(party);
    if (!outcome.keeps_after && outcome.after_ns >= 0)
        af_party_start_after(party, outcome.after_ns, outcome.after_ns);
    return 0;
}
