/* steps.c: the steps of a party: what each one sends and settles is gathered, kept with the
 * party in one record, and announced once that is on the disk. */
#include "run/impl.h"
#include "run/journal.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "trace/contract.h"
#include "json/json.h"
#include "base/kill_point.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "trace/veil.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* How soon what the bus has confirmed is kept, where no step comes first. Until then it may be sent
 * once more after a crash, which the bus or the receiver sees by its uuid. */
static const int64_t confirm_after_ns = 50 * AF_MS_NS;

/* ---- Gathering. ---- */

static struct af_run_step *open_step(struct af_party_run *run)
{
    if (run->open == NULL) {
        run->open = af_mem_zero(1, sizeof *run->open);
        run->open->run = run;
        run->open->progress = -1;
    }
    return run->open;
}

void af_run_publish(void *arg, struct af_party *party, struct af_contract *contract,
                    const uint32_t *targets, size_t target_count)
{
    struct af_party_run *run = arg;
    (void)party;
    if (target_count == 0) {
        af_contract_drop(contract);
        return;
    }
    struct af_run_step *step = open_step(run);
    af_mem_reserve(&step->posts, &step->post_cap, step->post_count + 1, sizeof *step->posts);
    struct af_run_post *post = &step->posts[step->post_count++];
    post->contract = contract;
    post->targets = af_mem_alloc(target_count * sizeof *targets);
    post->target_count = target_count;
    memcpy(post->targets, targets, target_count * sizeof *targets);
    run->sent++;
}

void af_run_progress(void *arg, struct af_party *party, int percent)
{
    struct af_party_run *run = arg;
    (void)party;
    open_step(run)->progress = percent;
    run->progress = percent;
}

static void add_ack(int64_t **acks, size_t *count, size_t *cap, int64_t id)
{
    af_mem_reserve(acks, cap, *count + 1, sizeof **acks);
    (*acks)[(*count)++] = id;
}

static void acknowledge(struct af_party_run *run, int64_t id)
{
    if (id > 0)
        af_link_ack(run->link, id);
    else
        run->spec.owner.kept(run->spec.owner.arg, id);
}

/* The last step that is not kept yet; NULL: all are. */
static struct af_run_step *last_step(const struct af_party_run *run)
{
    struct af_run_step *step = run->first;
    while (step != NULL && step->next != NULL)
        step = step->next;
    return step;
}

void af_run_settled(void *arg, struct af_party *party, const struct af_contract *contract)
{
    struct af_party_run *run = arg;
    struct af_run_step *last = last_step(run);
    if (contract->number == 0)
        return; /* it was acknowledged in an earlier life */
    if (af_party_status(party) > AF_PARTY_ACTIVE && !run->end_put)
        add_ack(&run->early_acks, &run->early_count, &run->early_cap, contract->number);
    else if (last != NULL)
        add_ack(&last->acks, &last->ack_count, &last->ack_cap, contract->number);
    else
        af_link_ack(run->link, contract->number);
}

void af_run_withdrawn(void *arg, struct af_party *party)
{
    struct af_party_run *run = arg;
    (void)party;
    af_calls_cancel(run->calls);
    af_buf_clear(&run->answers);
}

/* What a host call was answered, for the journal: small bytes as they are, large ones by their
 * hash.
 */
void af_run_answered(void *arg, const char *name, const struct af_answer *answer)
{
    struct af_party_run *run = arg;
    struct af_buf *out = &run->answers;
    if (run->spec.store == NULL)
        return;
    if (out->len == 0)
        af_json_open(out, '[');
    af_json_open(out, '{');
    af_json_add_text(out, "call", name);
    if (answer->failure != NULL) {
        af_json_add_text(out, "failure", answer->failure);
    } else {
        af_json_name(out, "reply");
        if (answer->reply == NULL)
            af_buf_append_string(out, "null");
        else
            af_buf_append(out, answer->reply, answer->reply_len);
    }
    if (answer->bytes != NULL) {
        char hex[AF_SHA256_HEX_BYTES];
        af_sha256_of(answer->bytes, answer->bytes_len, hex);
        af_buf_printf(out, ",\"bytes\":%zu,\"sha256\":\"%s\"", answer->bytes_len, hex);
    }
    af_buf_append_char(out, '}');
    run->spec.owner.moved(run->spec.owner.arg);
}

/* ---- Announcing. ---- */

void af_run_send(struct af_party_run *run, struct af_bus_post post, int64_t seq)
{
    static const char *const everyone[] = {"*"};
    size_t member_count;
    af_script_members(run->spec.script, &member_count);
    if (post.target_count == member_count && member_count > 1) {
        /* as the platform says it, so that nodes that join later have it too */
        post.targets = everyone;
        post.target_count = 1;
    }
    if (run->on_way_count == 0 || run->on_way[run->on_way_count - 1].seq != seq) {
        af_mem_reserve(&run->on_way, &run->on_way_cap, run->on_way_count + 1, sizeof *run->on_way);
        run->on_way[run->on_way_count++] = (struct af_run_sent){seq, 0};
    }
    run->on_way[run->on_way_count - 1].posts++;
    af_kill_point("send");
    af_link_send(run->link, &post);
}

static void send_post(struct af_party_run *run, const struct af_run_post *what, int64_t seq)
{
    const struct af_contract *contract = what->contract;
    char uuid[AF_UUID_TEXT_BYTES];
    size_t member_count;
    const struct af_script_member *members = af_script_members(run->spec.script, &member_count);
    const char **ids = af_mem_zero(what->target_count, sizeof *ids);
    for (size_t i = 0; i < what->target_count; i++)
        ids[i] = members[what->targets[i]].id;
    af_uuid_format(contract->uuid, uuid);
    af_run_send(run,
                (struct af_bus_post){.title = contract->title,
                                     .uuid = uuid,
                                     .targets = ids,
                                     .target_count = what->target_count,
                                     .content = contract->content,
                                     .content_len = contract->content_len,
                                     .time_s = contract->time_ns / AF_S_NS,
                                     .facts = contract->facts},
                seq);
    free(ids);
}

static void step_free(struct af_run_step *step)
{
    for (size_t i = 0; i < step->post_count; i++) {
        af_contract_drop(step->posts[i].contract);
        free(step->posts[i].targets);
    }
    free(step->posts);
    free(step->acks);
    free(step);
}

/* The task manager is told of the newest progress alone. */
static void tell_progress(struct af_party_run *run, int percent)
{
    struct af_bus_note note = {.kind = AF_BUS_NOTE_PROGRESS,
                               .task = run->spec.task,
                               .channel = "federated",
                               .node = run->spec.node,
                               .number = percent};
    af_calls_note(run->calls, &note);
}

/* The oldest step is kept: now the world may hear of it. */
static void announce(void *arg)
{
    struct af_run_step *step = arg;
    struct af_party_run *run = step->run;
    assert(run->first == step && step->seq > run->announced); /* in the order of the journal */
    run->first = step->next;
    if (run->first == NULL)
        run->last = &run->first;
    run->behind--;
    run->behind_bytes -= step->bytes;
    for (size_t i = 0; i < step->post_count; i++)
        send_post(run, &step->posts[i], step->seq);
    run->announced = step->seq;
    if (run->spec.store != NULL)
        af_link_mark(run->link, step->seq);
    if (step->ack_count > 0)
        af_kill_point("ack");
    for (size_t i = 0; i < step->ack_count; i++)
        acknowledge(run, step->acks[i]);
    if (step->progress >= 0)
        tell_progress(run, step->progress);
    bool ended = step->ended;
    step_free(step);
    run->spec.owner.moved(run->spec.owner.arg);
    if (ended)
        run->spec.owner.ended(run->spec.owner.arg);
    else
        af_party_go_on(run->party); /* it may have waited for the disk */
}

/* ---- What the bus has confirmed. ---- */

static void fill_party(struct af_party_run *run, struct af_store_party *now);

void af_run_keep_confirmed(struct af_party_run *run)
{
    struct af_store_record record = {.party = run->party_id};
    fill_party(run, &record.now);
    record.now.data = NULL;
    record.now.timers = NULL;
    af_store_put(run->spec.store, &record, NULL, NULL);
}

static void keep_confirmed(void *arg)
{
    struct af_party_run *run = arg;
    run->confirm_soon = NULL;
    af_run_keep_confirmed(run);
}

void af_run_confirmed(void *arg, struct af_link *link, size_t count)
{
    struct af_party_run *run = arg;
    af_kill_point("confirmed");
    while (count > 0 && run->on_way_count > 0) {
        struct af_run_sent *oldest = &run->on_way[0];
        size_t some = count < oldest->posts ? count : oldest->posts;
        oldest->posts -= some;
        count -= some;
        if (oldest->posts > 0)
            break;
        memmove(run->on_way, run->on_way + 1, --run->on_way_count * sizeof *run->on_way);
    }
    if (run->spec.store != NULL && run->confirm_soon == NULL)
        run->confirm_soon = af_timer_start(run->spec.loop, confirm_after_ns, keep_confirmed, run);
    if (run->waits_for_bus && !af_link_is_full(link)) {
        run->waits_for_bus = false;
        af_party_go_on(run->party);
    }
}

/* ---- Keeping. ---- */

static void write_timers(const struct af_party *party, struct af_buf *out)
{
    af_buf_append_char(out, '[');
    for (size_t i = 0; i < af_party_timer_count(party); i++) {
        struct af_party_saved_timer timer = af_party_timer(party, i);
        af_buf_append_string(out, i == 0 ? "[" : ",[");
        af_json_write_text(out, timer.name);
        af_buf_printf(out, ",%lld,%lld]", (long long)timer.due_wall_ns, (long long)timer.length_ns);
    }
    af_buf_append_char(out, ']');
}

/* All of the party but its timers: those need a buffer. */
static void fill_party(struct af_party_run *run, struct af_store_party *now)
{
    const struct af_party *party = run->party;
    const struct af_flow_state *state = af_party_state(party);
    now->status = (int)af_party_status(party);
    now->state = state == NULL ? NULL : state->name;
    now->data = af_script_party_data(af_party_script(run->party), &now->data_len);
    now->fired = af_party_fired(party);
    now->result = af_party_result(party);
    now->reason = af_party_reason(party);
    now->held = af_party_held(party);
    now->progress = run->progress;
    now->seq = run->seq;
    now->sent = run->on_way_count == 0 ? run->announced : run->on_way[0].seq - 1;
    if (now->status > AF_PARTY_ACTIVE && !run->settled && now->sent >= run->seq)
        now->sent = run->seq - 1; /* it comes back until the bus knows what it has dealt with */
    now->since_ns = run->since_ns;
    now->paused_ns = run->suspended_ns;
    now->seed = af_party_spec(party)->seed;
}

bool af_party_run_snapshot(struct af_party_run *run, struct af_arena *arena,
                           struct af_store_party *now)
{
    struct af_buf timers = AF_BUF_EMPTY;
    if (af_party_waits(run->party))
        return false;
    *now = (struct af_store_party){.id = run->party_id};
    fill_party(run, now);
    write_timers(run->party, &timers);
    now->timers = af_buf_text(&timers);
    *now = af_store_party_copy(arena, now);
    af_buf_release(&timers);
    return true;
}

static void write_sends(const struct af_party_run *run, const struct af_run_step *step,
                        struct af_buf *out)
{
    for (size_t i = 0; i < step->post_count; i++)
        af_run_write_send(run->spec.script, step->posts[i].contract, step->posts[i].targets,
                          step->posts[i].target_count, out);
    if (step->post_count > 0)
        af_buf_append_char(out, ']');
}

static void fill_entry(struct af_party_run *run, const struct af_party_step *step, const char *kind,
                       struct af_store_entry *entry)
{
    const struct af_contract *contract = step->contract;
    entry->seq = run->seq;
    entry->time_ns = af_loop_wall_ns(run->spec.loop);
    entry->kind = kind;
    entry->name = step->deadline;
    entry->data = run->data_hash;
    if (contract == NULL) {
        entry->key = (struct af_hash){1, af_party_fired(run->party)};
        return;
    }
    entry->key = contract->key;
    entry->uuid = contract->uuid;
    entry->sender = contract->from;
    entry->type = contract->type;
    entry->content = contract->content;
    entry->content_len = contract->content_len;
}

/* What the step keeps beside the party's data, and what it forgets; freed by the caller. */
static struct af_store_kept *list_kept(const struct af_party_run *run, size_t *count, size_t *bytes)
{
    size_t all;
    const struct af_party_kept *kept = af_party_kept(run->party, &all);
    struct af_store_kept *list = all == 0 ? NULL : af_mem_zero(all, sizeof *list);
    *count = *bytes = 0;
    for (size_t i = 0; i < all; i++) {
        if (kept[i].is != AF_KEPT_NEW && kept[i].is != AF_KEPT_GONE)
            continue;
        struct af_store_kept *one = &list[(*count)++];
        sodium_hex2bin(one->hash, sizeof one->hash, strchr(kept[i].ref, ':') + 1,
                       2 * sizeof one->hash, NULL, NULL, NULL);
        one->bytes = kept[i].bytes;
        one->len = kept[i].len;
        *bytes += kept[i].bytes == NULL ? 0 : kept[i].len;
    }
    return list;
}

bool af_run_keeps(void *arg, struct af_buf *why)
{
    struct af_party_run *run = arg;
    struct af_failure failure = AF_FAILURE_INIT;
    if (run->spec.store == NULL || af_store_may_keep(run->spec.store, &failure) == 0)
        return true;
    af_buf_printf(why, "party:keep: %s: %s", failure.what, failure.why);
    return false;
}

/* Keeps a step, with the party as it is after it. */
static void keep(struct af_party_run *run, const struct af_party_step *step, const char *kind,
                 struct af_run_step *ours)
{
    struct af_store_record record = {.party = run->party_id,
                                     .defers =
                                         step->kind == AF_STEP_DEFER || step->kind == AF_STEP_HAND,
                                     .was_deferred = step->was_deferred};
    struct af_buf timers = AF_BUF_EMPTY, sends = AF_BUF_EMPTY, answers = AF_BUF_EMPTY;
    struct af_buf facts = AF_BUF_EMPTY;
    fill_party(run, &record.now);
    if (step->effects != NULL && step->effects->data_changed) {
        run->data_hash = af_veil_hash(run->veil, record.now.data, record.now.data_len);
        run->data_hides = af_veil_in_data(record.now.data, record.now.data_len);
    } else {
        record.now.data = NULL;
    }
    record.seals = run->data_hides || run->flow_hides;
    fill_entry(run, step, kind, &record.entry);
    record.entry.state = record.now.state;
    if (step->contract != NULL)
        record.contract_time_ns = step->contract->time_ns;
    if (step->contract != NULL && record.defers)
        af_run_write_facts(&step->contract->facts, &facts);
    if (facts.len > 0)
        record.entry.name = af_buf_text(&facts);
    write_sends(run, ours, &sends);
    if (!af_party_waits(run->party)) { /* else of a handler under way, over what it was given */
        write_timers(run->party, &timers);
        record.now.timers = af_buf_text(&timers);
        answers = run->answers;
        run->answers = AF_BUF_EMPTY;
    }
    if (answers.len > 0)
        af_buf_append_char(&answers, ']');
    record.entry.sends = sends.len == 0 ? NULL : af_buf_text(&sends);
    record.entry.answers = answers.len == 0 ? NULL : af_buf_text(&answers);
    size_t kept_bytes;
    struct af_store_kept *kept = list_kept(run, &record.kept_count, &kept_bytes);
    record.kept = kept;
    ours->bytes = timers.len + sends.len + answers.len + record.entry.content_len + kept_bytes +
                  (record.now.data == NULL ? 0 : record.now.data_len);
    af_store_put(run->spec.store, &record, announce, ours);
    free(kept);
    af_buf_release(&answers);
    af_buf_release(&timers);
    af_buf_release(&sends);
    af_buf_release(&facts);
}

/* A step is complete: it is kept, and announced then. */
static void put_step(struct af_party_run *run, const struct af_party_step *what, const char *kind)
{
    struct af_run_step *step = open_step(run);
    run->open = NULL;
    step->seq = ++run->seq;
    step->ended = af_party_status(run->party) > AF_PARTY_ACTIVE;
    run->end_put = run->end_put || step->ended;
    for (size_t i = 0; i < run->early_count; i++)
        add_ack(&step->acks, &step->ack_count, &step->ack_cap, run->early_acks[i]);
    run->early_count = 0;
    af_timer_cancel(run->confirm_soon);
    run->confirm_soon = NULL;
    if (run->spec.store != NULL)
        keep(run, what, kind, step);
    *run->last = step;
    run->last = &step->next;
    run->behind++;
    run->behind_bytes += step->bytes;
    if (run->spec.store == NULL)
        announce(step);
}

void af_run_stepped(void *arg, struct af_party *party)
{
    struct af_party_run *run = arg;
    const struct af_party_step *step = af_party_step(party);
    if (step->kind == AF_STEP_OTHER)
        return;
    run->since_ns = af_loop_wall_ns(run->spec.loop);
    put_step(run, step, af_run_step_kind(step->kind));
}

void af_run_note(struct af_party_run *run, const char *kind, int64_t number)
{
    static const struct af_party_step none = {.kind = AF_STEP_OTHER};
    af_run_answer_step(run, number);
    put_step(run, &none, kind);
}

void af_run_answer_step(struct af_party_run *run, int64_t number)
{
    struct af_run_step *step = open_step(run);
    add_ack(&step->acks, &step->ack_count, &step->ack_cap, number);
}

void af_run_steps_free(struct af_party_run *run)
{
    if (run->open != NULL)
        step_free(run->open);
    while (run->first != NULL) {
        struct af_run_step *step = run->first;
        run->first = step->next;
        if (run->spec.store != NULL)
            af_store_forget(run->spec.store, step);
        step_free(step);
    }
    af_timer_cancel(run->confirm_soon);
    free(run->early_acks);
    free(run->on_way);
    af_buf_release(&run->answers);
}
