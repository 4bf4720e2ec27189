/* party.c: see party.h. */
#include "party/impl.h"

#include "trace/contract.h"
#include "base/failure.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "trace/trace.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Life. ---- */

struct af_hash af_party_seed(uint64_t run_seed, const char *id)
{
    return af_hash_bytes((struct af_hash){run_seed, 0x7061727479}, id, strlen(id));
}

struct af_party *af_party_new(const struct af_party_spec *spec, struct af_failure *why)
{
    struct af_party *party = af_mem_zero(1, sizeof *party);
    party->spec = *spec;
    party->flow = af_script_flow(spec->script);
    party->script = af_script_party_new(spec->script, spec->member, spec->seed, party, why);
    if (party->script == NULL) {
        free(party);
        return NULL;
    }
    return party;
}

/* Gives up all that it holds but its instance. */
static void empty(struct af_party *party)
{
    af_party_drop_pending(party);
    af_contract_drop(party->taken.contract);
    af_party_deadline_free(party->taken.deadline);
    party->taken.contract = NULL;
    party->taken.deadline = NULL;
    af_seen_release(&party->seen);
    af_party_kept_free(party);
    free(party->result);
    free(party->reason);
    free(party->held);
    party->result = party->reason = party->held = NULL;
}

void af_party_free(struct af_party *party)
{
    if (party == NULL)
        return;
    empty(party);
    if (party->script != NULL)
        af_script_party_free(party->script);
    free(party->queue);
    free(party->deferred);
    free(party->deadlines);
    free(party->outbox);
    free(party);
}

void af_party_rewind(struct af_party *party)
{
    assert(!party->busy);
    empty(party);
    party->status = AF_PARTY_NEW;
    party->down = party->look_at_deferred = false;
    party->fired = 0;
    party->counts = (struct af_party_counts){0};
}

int af_party_restart(struct af_party *party, struct af_failure *why)
{
    if (!party->down)
        return 0;
    size_t len;
    const char *data = af_script_party_data(party->script, &len);
    struct af_script_party *fresh =
        af_script_party_new(party->spec.script, party->spec.member, party->spec.seed, party, why);
    if (fresh == NULL)
        return -1;
    if (af_script_party_restore(fresh, af_script_party_state(party->script), data, len, why) != 0) {
        af_script_party_free(fresh);
        return -1;
    }
    af_script_party_free(party->script);
    party->script = fresh;
    party->down = false;
    party->fate = AF_FATE_NONE;
    party->look_at_deferred = party->deferred_count > 0;
    af_trace_party(party->spec.trace, af_party_now(party), "restart", party->spec.id, NULL, NULL);
    af_party_outbox_flush(party);
    af_party_stepped(party, AF_STEP_OTHER, NULL);
    af_party_pump(party);
    return 0;
}

/* ---- Looking at it. ---- */

const struct af_party_step *af_party_step(const struct af_party *party)
{
    return &party->step;
}

const char *af_party_held(const struct af_party *party)
{
    return party->held;
}

const struct af_party_spec *af_party_spec(const struct af_party *party)
{
    return &party->spec;
}

struct af_script_party *af_party_script(struct af_party *party)
{
    return party->script;
}

enum af_party_status af_party_status(const struct af_party *party)
{
    return party->status;
}

const struct af_party_counts *af_party_counts(const struct af_party *party)
{
    return &party->counts;
}

bool af_party_is_down(const struct af_party *party)
{
    return party->down;
}

bool af_party_waits(const struct af_party *party)
{
    return party->busy;
}

bool af_party_rests(const struct af_party *party)
{
    const struct af_flow_state *state = af_party_state(party);
    return party->status == AF_PARTY_ACTIVE && !party->busy && !party->down &&
           party->queue_count == 0 && party->held == NULL && state != NULL && state->may_end &&
           af_party_recalls(party) == NULL;
}

const char *af_party_result(const struct af_party *party)
{
    return party->result;
}

const char *af_party_reason(const struct af_party *party)
{
    return party->reason;
}

size_t af_party_queued(const struct af_party *party)
{
    return party->queue_count;
}

size_t af_party_deferred(const struct af_party *party)
{
    return party->deferred_count;
}

const struct af_contract *af_party_waiting_contract(const struct af_party *party, size_t i)
{
    if (i < party->queue_count)
        return party->queue[(party->queue_first + i) % party->queue_cap];
    return party->deferred[i - party->queue_count];
}
