/* send.c: what a party sends: contracts of its handlers, and that it has failed. */
#include "party/impl.h"

#include "base/buf.h"
#include "trace/contract.h"
#include "json/json.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- Sends. ---- */

static void outbox_add(struct af_party *party, struct af_contract *contract,
                       const uint32_t *targets, size_t count)
{
    struct af_party_outgoing outgoing = {contract, af_mem_alloc(count * sizeof *targets), count};
    memcpy(outgoing.targets, targets, count * sizeof *targets);
    af_mem_reserve(&party->outbox, &party->outbox_cap, party->outbox_count + 1,
                   sizeof *party->outbox);
    party->outbox[party->outbox_count++] = outgoing;
}

void af_party_outbox_flush(struct af_party *party)
{
    for (size_t i = 0; i < party->outbox_count; i++) {
        struct af_party_outgoing *outgoing = &party->outbox[i];
        party->spec.owner->publish(party->spec.owner->arg, party, outgoing->contract,
                                   outgoing->targets, outgoing->target_count);
        free(outgoing->targets);
    }
    party->outbox_count = 0;
}

static struct af_contract *make_contract(struct af_party *party, const struct af_effects *effects,
                                         const struct af_send *send)
{
    struct af_contract_parts parts = {.uuid = send->uuid,
                                      .time_ns = af_loop_wall_ns(party->spec.loop),
                                      .task = party->spec.task,
                                      .channel = "federated",
                                      .title = send->title,
                                      .from = party->spec.id,
                                      .type = send->type,
                                      .type_len = strlen(send->type),
                                      .content = effects->bytes.data + send->content,
                                      .content_len = send->content_len,
                                      .facts = send->facts,
                                      .own_uuid = true};
    return af_contract_new(&parts);
}

/* Sends go out at once, unless the party crashes now: then when it is back. */
void af_party_send_all(struct af_party *party, const struct af_effects *effects)
{
    const struct af_party_owner *owner = party->spec.owner;
    for (size_t i = 0; i < effects->send_count; i++) {
        const struct af_send *send = &effects->sends[i];
        struct af_contract *contract = make_contract(party, effects, send);
        const uint32_t *targets = effects->targets + send->first_target;
        if (owner->made != NULL)
            owner->made(owner->arg, party, contract, targets, send->target_count);
        if (party->fate == AF_FATE_CRASH_AFTER)
            outbox_add(party, contract, targets, send->target_count);
        else
            owner->publish(owner->arg, party, contract, targets, send->target_count);
    }
}

/* A failure is told to every other node of the task: af.PartyFailed { peer_id =, reason = }. */
void af_party_report_failure(struct af_party *party)
{
    static const char type[] = "party_failed";
    size_t count = 0;
    af_script_members(party->spec.script, &count);
    if (!party->flow->report_failure || count < 2)
        return;
    struct af_buf content = AF_BUF_EMPTY;
    af_buf_append_string(&content, "{\"type\":\"party_failed\"");
    af_json_add_text(&content, "peer_id", party->spec.id);
    af_json_add_text(&content, "reason", party->reason);
    af_buf_append_char(&content, '}');
    struct af_hash uuid = af_hash_bytes(party->spec.seed, type, sizeof type);
    struct af_contract_parts parts = {.uuid = uuid,
                                      .time_ns = af_loop_wall_ns(party->spec.loop),
                                      .task = party->spec.task,
                                      .channel = "federated",
                                      .title = "task_inside",
                                      .from = party->spec.id,
                                      .type = type,
                                      .type_len = sizeof type - 1,
                                      .content = content.data,
                                      .content_len = content.len,
                                      .facts.flow_version = party->flow->version,
                                      .own_uuid = true};
    uint32_t *targets = af_mem_alloc(count * sizeof *targets);
    size_t target_count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (i != party->spec.member)
            targets[target_count++] = i;
    const struct af_party_owner *owner = party->spec.owner;
    struct af_contract *contract = af_contract_new(&parts);
    if (owner->made != NULL)
        owner->made(owner->arg, party, contract, targets, target_count);
    owner->publish(owner->arg, party, contract, targets, target_count);
    free(targets);
    af_buf_release(&content);
}
