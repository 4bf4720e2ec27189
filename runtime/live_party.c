/* live_party.c: what a flow's party asks of its owner, where it runs for real: sends go over the
 * link, and a contract is acknowledged once it has been dealt with. */
#include "live_impl.h"

#include "bounds.h"
#include "log.h"
#include "mem.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static void publish(void *arg, struct af_party *party, struct af_contract *contract,
                    const uint32_t *targets, size_t target_count)
{
    struct af_live *live = arg;
    static const char *const everyone[] = {"*"};
    char uuid[AF_UUID_TEXT_BYTES];
    size_t member_count;
    const struct af_script_member *members = af_script_members(live->script, &member_count);
    const char **ids = af_mem_zero(target_count, sizeof *ids);
    (void)party;
    for (size_t i = 0; i < target_count; i++)
        ids[i] = members[targets[i]].id;
    af_uuid_format(contract->uuid, uuid);
    /* all of the task's nodes: as the platform says it, so that nodes that join later have it too
     */
    bool all = target_count == member_count && member_count > 1;
    struct af_bus_post post = {.title = contract->title,
                               .uuid = uuid,
                               .targets = all ? everyone : ids,
                               .target_count = all ? 1 : target_count,
                               .content = contract->content,
                               .content_len = contract->content_len,
                               .time_s = contract->time_ns / AF_S_NS};
    if (target_count > 0) {
        live->result->sent++;
        af_link_send(live->link, &post);
    }
    free(ids);
    af_contract_drop(contract);
}

static void finding(void *arg, struct af_party *party, enum af_finding kind, const char *text)
{
    struct af_live *live = arg;
    const struct af_flow_state *state = af_party_state(party);
    live->result->raised = live->result->raised || kind == AF_FINDING_RAISED;
    if (kind == AF_FINDING_UNEXPECTED)
        af_live_tell(live, "%s (%s:%d): %s", live->options->node,
                     af_script_file(live->script)->name, state == NULL ? 0 : state->line, text);
    else if (kind == AF_FINDING_RAISED)
        af_live_tell(live, "%s: %s", live->options->node, text);
    else
        af_live_tell(live, "%s failed: %s", live->options->node, text);
}

static void settled(void *arg, struct af_party *party, const struct af_contract *contract)
{
    struct af_live *live = arg;
    (void)party;
    af_link_ack(live->link, contract->number);
}

static void progress(void *arg, struct af_party *party, int percent)
{
    struct af_live *live = arg;
    struct af_bus_note note = {.kind = AF_BUS_NOTE_PROGRESS,
                               .task = live->options->task,
                               .channel = "federated",
                               .node = live->options->node,
                               .number = percent};
    (void)party;
    af_live_note(live, &note);
}

static void log_line(void *arg, struct af_party *party, const char *text, size_t len)
{
    struct af_live *live = arg;
    (void)party;
    if (!live->options->quiet)
        af_log_party(af_loop_now_ns(live->loop), live->options->node, text, len);
}

static void stepped(void *arg, struct af_party *party)
{
    struct af_live *live = arg;
    af_live_moved(live);
    if (af_party_status(party) == AF_PARTY_DONE)
        af_live_end(live, AF_LIVE_DONE);
    else if (af_party_status(party) == AF_PARTY_FAILED)
        af_live_end(live, AF_LIVE_FAILED);
}

/* The name of a node as contracts borrow it: that of a member, who has been heard of now. */
static const char *member_name(struct af_live *live, const char *id)
{
    size_t count;
    const struct af_script_member *members = af_script_members(live->script, &count);
    for (size_t i = 0; i < count && id != NULL; i++) {
        if (strcmp(members[i].id, id) != 0)
            continue;
        live->heard[i] = true;
        return members[i].id;
    }
    return NULL;
}

/* What came as a contract; NULL with a message told: it is not fit to be one. */
static struct af_contract *contract_of(struct af_live *live, const struct af_bus_item *item)
{
    struct af_buf type = AF_BUF_EMPTY;
    struct af_contract *contract = NULL;
    const char *from = member_name(live, item->sender);
    if (!af_live_type(item, &type)) {
        af_live_tell(live, "a contract from %s is not delivered: its content is no JSON object",
                     from == NULL ? "an unknown sender" : from);
    } else if (item->sender != NULL && from == NULL) {
        af_live_tell(live,
                     "a contract is not delivered: its sender '%.100s' is no node of the task",
                     item->sender);
    } else {
        struct af_contract_parts parts = {.time_ns = item->time_s * AF_S_NS,
                                          .number = item->id,
                                          .task = live->options->task,
                                          .channel = "federated",
                                          .title = "task_inside",
                                          .from = from,
                                          .type = af_buf_text(&type),
                                          .type_len = type.len,
                                          .content = item->content,
                                          .content_len = item->content_len};
        if (!af_uuid_parse(item->uuid, &parts.uuid))
            parts.uuid = af_hash_bytes((struct af_hash){5, 6}, item->uuid, strlen(item->uuid));
        contract = af_contract_new(&parts);
    }
    af_buf_release(&type);
    return contract;
}

static void came(void *arg, struct af_link *link, const struct af_bus_item *item)
{
    struct af_live *live = arg;
    struct af_contract *contract = contract_of(live, item);
    live->result->received++;
    if (contract != NULL)
        af_party_receive(live->party, contract);
    else
        af_link_ack(link, item->id);
}

static struct af_hash random_seed(void)
{
    struct af_hash seed;
    randombytes_buf(&seed, sizeof seed);
    return seed;
}

int af_live_party_start(struct af_live *live, struct af_failure *why)
{
    live->owner = (struct af_party_owner){.arg = live,
                                          .publish = publish,
                                          .finding = finding,
                                          .settled = settled,
                                          .progress = progress,
                                          .log = log_line,
                                          .stepped = stepped};
    struct af_party_spec spec = {.owner = &live->owner,
                                 .loop = live->loop,
                                 .script = live->script,
                                 .id = live->options->node,
                                 .task = live->options->task,
                                 .member = live->member,
                                 .role = live->role,
                                 .seed = random_seed()};
    struct af_link_spec link = {.bus = live->bus,
                                .loop = live->loop,
                                .task = live->options->task,
                                .channel = "federated",
                                .node = live->options->node,
                                .holder = live->holder,
                                .owner = af_live_link_owner(live, came)};
    size_t member_count;
    af_script_members(live->script, &member_count);
    live->heard = af_mem_zero(member_count, sizeof *live->heard);
    live->heard[live->member] = true;
    live->party = af_party_new(&spec, why);
    if (live->party == NULL)
        return -1;
    live->link = af_link_new(&link);
    af_party_start(live->party);
    if (af_party_status(live->party) <= AF_PARTY_ACTIVE)
        af_link_listen(live->link);
    return 0;
}
