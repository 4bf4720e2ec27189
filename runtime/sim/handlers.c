/* handlers.c: whose a call is: a migration's, a sequential script's, or a handler's, which may ask
 * for less. */
#include "sim/impl.h"

#include "base/buf.h"
#include "party/migrate.h"
#include "script/calls.h"

static void tell_members(struct af_sim *sim, const struct af_asked *asked)
{
    const struct af_script_who who = {true, asked->node};
    struct af_buf reply = AF_BUF_EMPTY;
    af_script_tell_members(&reply, asked->number == AF_CALL_WHOAMI ? &who : NULL, sim->scripts[0]);
    af_sim_answer(sim, asked->party, asked->call->id, af_buf_text(&reply));
    af_buf_release(&reply);
}

void af_sim_call(void *arg, struct af_script_party *party, const struct af_script_call *call)
{
    struct af_sim *sim = arg;
    if (sim->migrates) {
        af_migration_call(NULL, party, call);
        return;
    }
    if (af_script_party_sequential(party)) {
        af_sim_sequential_call(af_script_party_user(party), call);
        return;
    }
    struct af_script_call filled = *call;
    if (af_party_take_call(af_script_party_user(party), &filled))
        return;
    struct af_asked asked;
    char why[200];
    int read = af_script_call_read(&asked, party, &filled, why, sizeof why);
    asked.node = af_party_spec(af_script_party_user(party))->id;
    if (read != 0)
        af_sim_refuse(sim, party, call->id, why);
    else if (asked.number == AF_CALL_NODES || asked.number == AF_CALL_WHOAMI)
        tell_members(sim, &asked);
    else if (!af_sim_common_call(sim, &asked))
        af_sim_refuse(sim, party, call->id, "not to be had in a handler");
    af_request_release(&asked.request);
}
