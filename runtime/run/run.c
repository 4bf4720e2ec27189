/* run.c: see run.h. */
#include "run/impl.h"

#include "base/bounds.h"
#include "trace/contract.h"
#include "trace/veil.h"
#include "base/failure.h"
#include "json/json.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- What the party tells. ---- */

static void finding(void *arg, struct af_party *party, enum af_finding kind, const char *text)
{
    struct af_party_run *run = arg;
    const struct af_flow_state *state = af_party_state(party);
    char line[AF_FAILURE_TEXT_MAX + 300], place[AF_FLOW_PLACE_BYTES];
    if (kind == AF_FINDING_UNEXPECTED)
        snprintf(line, sizeof line, "%s (%s): %s", run->spec.node,
                 af_flow_place(af_script_file(run->spec.script)->name,
                               state == NULL ? (struct af_flow_line){0, NULL} : state->line, place,
                               sizeof place),
                 text);
    else
        snprintf(line, sizeof line, "%s%s: %s", run->spec.node,
                 kind == AF_FINDING_FAILED ? " failed" : "", text);
    run->spec.owner.finding(run->spec.owner.arg, kind, line);
}

static void log_line(void *arg, struct af_party *party, const char *text, size_t len)
{
    struct af_party_run *run = arg;
    (void)party;
    run->spec.owner.log(run->spec.owner.arg, text, len);
}

/* Where the disk is far behind, or the bus, the party waits for it; and for its operator. */
static bool ready(void *arg, const struct af_party *party)
{
    struct af_party_run *run = arg;
    (void)party;
    run->waits_for_bus = af_link_is_full(run->link);
    return !run->waits_for_bus && run->suspended_ns == 0 && run->behind < AF_PARTY_BEHIND_MAX &&
           run->behind_bytes < AF_PARTY_BEHIND_BYTES_MAX;
}

/* ---- What comes. ---- */

static void not_delivered(struct af_party_run *run, struct af_link *link,
                          const struct af_bus_item *item, const char *why)
{
    const char *from = item->sender == NULL ? "an unknown sender" : item->sender;
    char line[400];
    snprintf(line, sizeof line, "%s: a contract from %.100s is not delivered: %s", run->spec.node,
             from, why);
    run->spec.owner.finding(run->spec.owner.arg, AF_FINDING_UNEXPECTED, line);
    snprintf(run->rejected[run->rejected_count++ % AF_RUN_REJECTED_SHOWN], AF_RUN_REJECTED_BYTES,
             "%.100s from %.100s: %s", item->uuid, from, why);
    af_link_reject(link, item->id, why);
}

static void came(void *arg, struct af_link *link, const struct af_bus_item *item)
{
    struct af_party_run *run = arg;
    struct af_buf type = AF_BUF_EMPTY;
    const char *why = NULL;
    run->received++;
    if (item->wrong != NULL)
        why = item->wrong;
    else if (!af_bus_item_type(item, &type))
        why = "its content is no JSON object";
    else if (item->sender != NULL && af_run_member_name(run, item->sender) == NULL)
        why = "its sender was no node of the task when this party began";
    if (why != NULL) {
        not_delivered(run, link, item, why);
    } else {
        struct af_contract_parts incoming = {.number = item->id,
                                             .from = item->sender,
                                             .type = af_buf_text(&type),
                                             .content = item->content,
                                             .content_len = item->content_len,
                                             .time_ns = item->time_s * AF_S_NS,
                                             .facts = item->facts};
        if (!af_uuid_parse(item->uuid, &incoming.uuid))
            incoming.uuid = af_hash_bytes((struct af_hash){5, 6}, item->uuid, strlen(item->uuid));
        af_party_receive(run->party, af_run_contract(run, incoming));
    }
    af_buf_release(&type);
}

static void trouble(void *arg, struct af_link *link, const char *why)
{
    struct af_party_run *run = arg;
    (void)link;
    run->spec.owner.trouble(run->spec.owner.arg, why);
}

static bool refused(void *arg, struct af_link *link, enum af_bus_code code, const char *why)
{
    struct af_party_run *run = arg;
    (void)link;
    (void)code;
    run->spec.owner.refused(run->spec.owner.arg, why);
    return false;
}

static void sent_all(void *arg, struct af_link *link)
{
    struct af_party_run *run = arg;
    (void)link;
    run->spec.owner.sent_all(run->spec.owner.arg);
}

static void leave(struct af_party_run *run);

static void heard(void *arg, struct af_link *link)
{
    struct af_party_run *run = arg;
    (void)link;
    if (run->drains)
        leave(run);
    else
        af_party_heard(run->party);
}

/* ---- Calls of its script. ---- */

void af_party_run_call(void *arg, struct af_script_party *party, const struct af_script_call *call)
{
    const struct af_party *of = af_script_party_user(party);
    struct af_party_run *run = af_party_spec(of)->user;
    struct af_script_call filled = *call;
    (void)arg;
    if (af_party_take_call(run->party, &filled))
        return; /* nothing of the outside, and not for the journal */
    af_calls_take(run->calls, party, run->spec.node, run->spec.task, &filled);
}

/* ---- Life. ---- */

static struct af_hash random_seed(void)
{
    struct af_hash seed;
    randombytes_buf(&seed, sizeof seed);
    return seed;
}

void af_party_run_name_holder(struct af_hash seed, char holder[AF_RUN_HOLDER_BYTES])
{
    char uuid[AF_UUID_TEXT_BYTES];
    af_uuid_format(af_hash_bytes(seed, "holder", 6), uuid);
    snprintf(holder, AF_RUN_HOLDER_BYTES, "party-%s@%016llx", uuid,
             (unsigned long long)random_seed().a);
}

static void open_link(struct af_party_run *run)
{
    struct af_link_spec link = {.bus = run->spec.bus,
                                .loop = run->spec.loop,
                                .task = run->spec.task,
                                .channel = "federated",
                                .node = run->spec.node,
                                .holder = run->spec.holder,
                                .comes_back = run->spec.store != NULL,
                                .knows_uuids = true,
                                .keep_ns = run->spec.keep_sent_ns,
                                .owner = {.arg = run,
                                          .came = came,
                                          .trouble = trouble,
                                          .refused = refused,
                                          .confirmed = af_run_confirmed,
                                          .sent_all = sent_all,
                                          .heard = heard}};
    run->link = af_link_new(&link);
}

static void open_calls(struct af_party_run *run)
{
    struct af_calls_spec calls = {.loop = run->spec.loop,
                                  .bus = run->spec.bus,
                                  .bus_url = run->spec.bus_url,
                                  .script = run->spec.script,
                                  .grants = run->spec.grants,
                                  .quiet = run->spec.quiet,
                                  .arg = run,
                                  .answered = af_run_answered};
    run->calls = af_calls_new(&calls);
}

struct af_party_run *af_party_run_new(const struct af_party_run_spec *spec, struct af_failure *why)
{
    struct af_party_run *run = af_mem_zero(1, sizeof *run);
    size_t member_count;
    run->spec = *spec;
    run->last = &run->first;
    run->progress = -1;
    run->since_ns = af_loop_wall_ns(spec->loop);
    run->flow = af_script_flow(spec->script);
    run->flow_hides = af_veil_in_flow(run->flow);
    run->owner = (struct af_party_owner){.arg = run,
                                         .ready = ready,
                                         .publish = af_run_publish,
                                         .finding = finding,
                                         .settled = af_run_settled,
                                         .withdrawn = af_run_withdrawn,
                                         .keeps = af_run_keeps,
                                         .progress = af_run_progress,
                                         .log = log_line,
                                         .stepped = af_run_stepped};
    struct af_party_spec party = {.owner = &run->owner,
                                  .loop = spec->loop,
                                  .script = spec->script,
                                  .id = spec->node,
                                  .task = spec->task,
                                  .member = spec->member,
                                  .role = spec->role,
                                  .seed = spec->kept == NULL ? random_seed() : spec->kept->seed,
                                  .holds = spec->store != NULL,
                                  .user = run};
    af_script_members(spec->script, &member_count);
    run->heard = af_mem_zero(member_count, sizeof *run->heard);
    run->heard[spec->member] = true;
    open_link(run);
    open_calls(run);
    run->party = af_party_new(&party, why);
    run->veil = af_veil_key(party.seed);
    if (run->party == NULL || (spec->kept != NULL && af_run_restore(run, why) != 0)) {
        af_party_run_free(run);
        return NULL;
    }
    run->spec.kept = NULL; /* was borrowed for as long */
    return run;
}

void af_party_run_begin(struct af_party_run *run)
{
    run->came_back = af_party_status(run->party) > AF_PARTY_ACTIVE && !run->settled;
    if (af_party_status(run->party) > AF_PARTY_ACTIVE) {
        run->spec.owner.ended(run->spec.owner.arg); /* in an earlier life */
        return;
    }
    af_party_go_on(run->party);
    if (af_party_status(run->party) <= AF_PARTY_ACTIVE)
        af_link_listen(run->link);
}

void af_party_run_free(struct af_party_run *run)
{
    if (run == NULL)
        return;
    af_timer_cancel(run->drain_by);
    af_calls_free(run->calls);
    run->calls = NULL;
    af_run_steps_free(run);
    af_party_free(run->party);
    af_link_free(run->link);
    af_arena_release(&run->names);
    free(run->heard);
    free(run);
}

void af_party_run_pause(struct af_party_run *run, bool pauses)
{
    af_party_pause(run->party, pauses);
}

void af_party_run_suspend(struct af_party_run *run, bool suspends, int64_t number)
{
    run->suspended_ns = suspends ? af_loop_wall_ns(run->spec.loop) : 0;
    af_run_note(run, suspends ? "pause" : "resume", number);
    if (!suspends)
        af_party_go_on(run->party);
}

int64_t af_party_run_suspended_ns(const struct af_party_run *run)
{
    return run->suspended_ns;
}

void af_party_run_hand_in(struct af_party_run *run, const char *type, const char *content,
                          size_t content_len, int64_t number)
{
    struct af_contract_parts incoming = {.uuid = random_seed(),
                                         .type = type,
                                         .content = content,
                                         .content_len = content_len,
                                         .time_ns = af_loop_wall_ns(run->spec.loop)};
    af_run_answer_step(run, number);
    af_party_hand_in(run->party, af_run_contract(run, incoming));
}

bool af_party_run_is_quiet(const struct af_party_run *run)
{
    return !af_party_waits(run->party) && run->first == NULL;
}

bool af_party_run_is_settled(const struct af_party_run *run)
{
    bool computes = af_party_waits(run->party) && af_calls_waits_for(run->calls) == NULL;
    return !computes && run->first == NULL && af_link_unsent(run->link) == 0;
}

int64_t af_party_run_seq(const struct af_party_run *run)
{
    return run->seq;
}

static void left(void *arg)
{
    struct af_party_run *run = arg;
    run->settled = run->settled ||
                   (af_party_status(run->party) > AF_PARTY_ACTIVE && af_link_is_settled(run->link));
    if (run->spec.store != NULL && (run->settled || run->confirm_soon != NULL))
        af_run_keep_confirmed(run);
    run->left(run->left_arg);
}

static void leave(struct af_party_run *run)
{
    run->drains = false;
    af_timer_cancel(run->drain_by);
    run->drain_by = NULL;
    af_link_leave(run->link, left, run);
}

static void drain_in_time(void *arg)
{
    struct af_party_run *run = arg;
    run->drain_by = NULL;
    leave(run);
}

/* What ended in an earlier life may have been killed before it acknowledged what it held: that
 * comes again, is known, and settled. */
void af_party_run_leave(struct af_party_run *run, void (*over)(void *arg), void *arg)
{
    af_calls_cancel(run->calls);
    run->left = over;
    run->left_arg = arg;
    if (!run->came_back || run->spec.store == NULL) {
        leave(run);
        return;
    }
    run->drains = true;
    run->drain_by = af_timer_start(run->spec.loop, AF_LINK_LEAVE_NS, drain_in_time, run);
    af_link_listen(run->link);
}

struct af_party *af_party_run_party(const struct af_party_run *run)
{
    return run->party;
}

size_t af_party_run_unsent(const struct af_party_run *run)
{
    size_t posts = af_link_unsent(run->link);
    for (const struct af_run_step *step = run->first; step != NULL; step = step->next)
        posts += step->post_count;
    return posts;
}

size_t af_party_run_kept(const struct af_party_run *run)
{
    return af_link_kept(run->link);
}

void af_party_run_rejected(const struct af_party_run *run, struct af_buf *out)
{
    size_t shown = run->rejected_count < AF_RUN_REJECTED_SHOWN ? (size_t)run->rejected_count
                                                               : AF_RUN_REJECTED_SHOWN;
    af_json_open(out, '[');
    for (size_t i = run->rejected_count - shown; i < run->rejected_count; i++)
        af_json_item(out, run->rejected[i % AF_RUN_REJECTED_SHOWN]);
    af_buf_append_char(out, ']');
}

uint64_t af_party_run_sent(const struct af_party_run *run)
{
    return run->sent;
}

uint64_t af_party_run_received(const struct af_party_run *run)
{
    return run->received;
}

int af_party_run_progress(const struct af_party_run *run)
{
    return run->progress;
}

int64_t af_party_run_since_ns(const struct af_party_run *run)
{
    return run->since_ns;
}
