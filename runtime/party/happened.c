/* happened.c: see happened.h. */
#include "party/happened.h"

#include "base/mem.h"
#include "party/party.h"
#include "trace/contract.h"

#include <stdlib.h>
#include <string.h>

static void add(struct af_happenings *happenings, struct af_contract *contract,
                const uint32_t *targets, size_t target_count)
{
    af_mem_reserve(&happenings->items, &happenings->cap, happenings->count + 1,
                   sizeof *happenings->items);
    struct af_happening_item *item = &happenings->items[happenings->count++];
    *item = (struct af_happening_item){af_contract_hold(contract), NULL, target_count};
    if (targets != NULL) {
        item->targets = af_mem_alloc((target_count + 1) * sizeof *targets);
        memcpy(item->targets, targets, target_count * sizeof *targets);
    }
}

void af_happenings_made(struct af_happenings *happenings, struct af_contract *contract,
                        const uint32_t *targets, size_t target_count)
{
    add(happenings, contract, targets, target_count);
}

void af_happenings_late(struct af_happenings *happenings, struct af_contract *contract)
{
    add(happenings, contract, NULL, 0);
}

static void clear(struct af_happenings *happenings)
{
    for (size_t i = 0; i < happenings->count; i++) {
        af_contract_drop(happenings->items[i].contract);
        free(happenings->items[i].targets);
    }
    happenings->count = 0;
}

void af_happenings_release(struct af_happenings *happenings)
{
    clear(happenings);
    free(happenings->items);
}

struct af_happened af_happened_contract(enum af_happening kind, const struct af_contract *contract,
                                        uint32_t member, const char *to, const char *state)
{
    return (struct af_happened){.kind = kind,
                                .member = member,
                                .from = contract->from,
                                .to = to,
                                .type = contract->type,
                                .type_len = contract->type_len,
                                .content = contract->content,
                                .content_len = contract->content_len,
                                .state = state};
}

struct telling {
    struct af_party *party;
    const struct af_party_step *step;
    uint32_t member;
    const char *id, *state; /* now */
    const struct af_script_member *members;
    af_happened_fn *fn;
    void *arg;
};

static const char *name_of(const struct af_flow_state *state)
{
    return state == NULL ? NULL : state->name;
}

static void tell(const struct telling *telling, enum af_happening kind, const char *state)
{
    struct af_happened happened = {.kind = kind, .member = telling->member, .state = state};
    if (kind == AF_HAPPENS_DEADLINE)
        happened.timer = telling->step->deadline;
    telling->fn(telling->arg, &happened);
}

static void tell_contract(const struct telling *telling, enum af_happening kind,
                          const struct af_contract *contract, const char *state)
{
    struct af_happened happened =
        af_happened_contract(kind, contract, telling->member, telling->id, state);
    telling->fn(telling->arg, &happened);
}

/* What is seen with the world as it was before. */
static void tell_input(const struct telling *telling)
{
    const struct af_party_step *step = telling->step;
    const char *was = name_of(step->was);
    switch (step->kind) {
    case AF_STEP_START:
        tell(telling, AF_HAPPENS_START, NULL);
        break;
    case AF_STEP_EVENT:
        tell_contract(telling, AF_HAPPENS_DELIVER, step->contract, was);
        break;
    case AF_STEP_AFTER:
        tell(telling, AF_HAPPENS_AFTER, was);
        break;
    case AF_STEP_DEADLINE:
        tell(telling, AF_HAPPENS_DEADLINE, step->effects == NULL ? telling->state : was);
        break;
    default:
        break;
    }
}

static void tell_states(const struct telling *telling)
{
    const struct af_party_spec *spec = af_party_spec(telling->party);
    const struct af_effects *effects = telling->step->effects;
    const struct af_flow_role *role = &af_script_flow(spec->script)->roles[spec->role];
    if (effects == NULL || !effects->entered)
        return;
    for (size_t i = 0; i < effects->passed_count; i++)
        tell(telling, AF_HAPPENS_STATE, role->states[effects->passed[i]].name);
    tell(telling, AF_HAPPENS_STATE, telling->state);
}

static void tell_items(const struct telling *telling, const struct af_happenings *happenings,
                       bool late)
{
    for (size_t i = 0; i < happenings->count; i++) {
        const struct af_happening_item *item = &happenings->items[i];
        if (late && item->targets == NULL)
            tell_contract(telling, AF_HAPPENS_LATE, item->contract, telling->state);
        for (size_t k = 0; !late && item->targets != NULL && k < item->target_count; k++) {
            struct af_happened happened =
                af_happened_contract(AF_HAPPENS_SEND, item->contract, telling->member,
                                     telling->members[item->targets[k]].id, telling->state);
            telling->fn(telling->arg, &happened);
        }
    }
}

/* What a step was for which no handler ran. */
static void tell_other(const struct telling *telling)
{
    const struct af_party_step *step = telling->step;
    switch (step->kind) {
    case AF_STEP_DEFER:
        tell_contract(telling, AF_HAPPENS_DEFER, step->contract, telling->state);
        break;
    case AF_STEP_IGNORE:
        tell_contract(telling, AF_HAPPENS_IGNORE, step->contract, telling->state);
        break;
    case AF_STEP_REFUSE:
        tell_contract(telling, AF_HAPPENS_UNEXPECTED, step->contract, telling->state);
        break;
    case AF_STEP_OTHER:
        tell(telling,
             af_party_status(telling->party) == AF_PARTY_LOST ? AF_HAPPENS_LOST
             : af_party_is_down(telling->party)               ? AF_HAPPENS_CRASH
                                                              : AF_HAPPENS_RETURN,
             telling->state);
        break;
    default:
        break;
    }
}

void af_happenings_tell(struct af_happenings *happenings, struct af_party *party,
                        af_happened_fn *fn, void (*moved)(void *arg), void *arg)
{
    const struct af_party_spec *spec = af_party_spec(party);
    struct telling telling = {.party = party,
                              .step = af_party_step(party),
                              .member = spec->member,
                              .id = spec->id,
                              .state = name_of(af_party_state(party)),
                              .fn = fn,
                              .arg = arg};
    size_t count;
    enum af_party_status status = af_party_status(party);
    bool ran = telling.step->effects != NULL || telling.step->kind == AF_STEP_FAIL;
    telling.members = af_script_members(spec->script, &count);
    tell_input(&telling);
    if (moved != NULL)
        moved(arg);
    tell_states(&telling);
    tell_other(&telling);
    tell_items(&telling, happenings, false);
    if (ran && (status == AF_PARTY_DONE || status == AF_PARTY_FAILED))
        tell(&telling, status == AF_PARTY_DONE ? AF_HAPPENS_DONE : AF_HAPPENS_FAILED,
             telling.state);
    tell_items(&telling, happenings, true);
    if (ran && af_party_is_down(party))
        tell(&telling, AF_HAPPENS_CRASH, telling.state);
    clear(happenings);
}
