/* step.c: a party's step: the state that it stands in, and who is told of it. */
#include "party/impl.h"

const struct af_flow_state *af_party_state(const struct af_party *party)
{
    int state = af_script_party_state(party->script);
    if (state < 0 || party->flow == NULL)
        return NULL;
    return &party->flow->roles[party->spec.role].states[state];
}

void af_party_stepped(struct af_party *party, enum af_step_kind kind,
                      const struct af_contract *contract)
{
    party->step.kind = kind;
    party->step.contract = contract;
    af_party_kept_step(party);
    party->spec.owner->stepped(party->spec.owner->arg, party);
    af_party_kept_told(party);
}

void af_party_settle(struct af_party *party, const struct af_contract *contract)
{
    const struct af_party_owner *owner = party->spec.owner;
    if (contract != NULL && owner->settled != NULL)
        owner->settled(owner->arg, party, contract);
}
