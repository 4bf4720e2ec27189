/* resume.c: from what was kept back to a party that goes on. What the store holds was written
 * by us, but a disk may give anything: all of it is read as strictly as what comes from outside. */
#include "run/impl.h"
#include "run/journal.h"

#include "base/bounds.h"
#include "trace/contract.h"
#include "base/failure.h"
#include "json/rows.h"
#include "base/mem.h"
#include "party/move.h"
#include "trace/veil.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct resume {
    struct af_party_run *run;
    struct af_party_saved_timer *timers;
    size_t timer_count, timer_cap;
    struct af_contract **deferred;
    size_t deferred_count, deferred_cap;
    bool damaged; /* something was not as we write it */
};

/* ---- Timers: [[name or null, due, length], …] ---- */

static bool read_timer(struct af_json_reader *reader, struct af_arena *arena,
                       struct af_party_saved_timer *timer)
{
    enum af_json_token token = af_json_next(reader);
    if (token == AF_JSON_STRING)
        timer->name = af_arena_copy(arena, reader->string, reader->string_len);
    else if (token != AF_JSON_NULL)
        return false;
    if (af_json_next(reader) != AF_JSON_INTEGER || reader->integer < 0 ||
        reader->integer > INT64_MAX / 2)
        return false;
    timer->due_wall_ns = reader->integer;
    if (af_json_next(reader) != AF_JSON_INTEGER || reader->integer < 0 ||
        reader->integer > AF_TIME_MAX_NS)
        return false;
    timer->length_ns = reader->integer;
    return af_json_next(reader) == AF_JSON_ARRAY_END;
}

static void read_timers(struct resume *resume, const char *json)
{
    struct af_json_reader reader;
    enum af_json_token token;
    af_json_reader_init(&reader, json, strlen(json));
    bool ok = af_json_next(&reader) == AF_JSON_ARRAY_BEGIN;
    while (ok && (token = af_json_next(&reader)) != AF_JSON_ARRAY_END) {
        struct af_party_saved_timer timer = {NULL, 0, 0};
        ok = token == AF_JSON_ARRAY_BEGIN && read_timer(&reader, &resume->run->names, &timer);
        af_mem_reserve(&resume->timers, &resume->timer_cap, resume->timer_count + 1,
                       sizeof *resume->timers);
        resume->timers[resume->timer_count++] = timer;
    }
    resume->damaged = resume->damaged || !ok || af_json_next(&reader) != AF_JSON_END;
    af_json_reader_release(&reader);
}

/* ---- What was deferred, and what was seen. ---- */

static void take_deferred(void *arg, const struct af_store_entry *entry)
{
    struct resume *resume = arg;
    struct af_facts facts;
    if (entry->type == NULL || entry->content == NULL || !af_run_read_facts(entry->name, &facts)) {
        resume->damaged = true;
        return;
    }
    struct af_contract_parts incoming = {.uuid = entry->uuid,
                                         .from = entry->sender,
                                         .type = entry->type,
                                         .content = entry->content,
                                         .content_len = entry->content_len,
                                         .time_ns = entry->time_ns,
                                         .facts = facts};
    af_mem_reserve(&resume->deferred, &resume->deferred_cap, resume->deferred_count + 1,
                   sizeof *resume->deferred);
    resume->deferred[resume->deferred_count++] = af_run_contract(resume->run, incoming);
}

static void take_seen(void *arg, struct af_hash key)
{
    struct resume *resume = arg;
    af_party_note_seen(resume->run->party, key);
}

static void take_kept(void *arg, const void *bytes, size_t len)
{
    struct resume *resume = arg;
    af_party_restore_kept(resume->run->party, bytes, len);
}

/* ---- Sends that the bus has not confirmed: [{"to":[…], "uuid", "title", "type", "time",
 * "content"}, …] ---- */

struct send {
    const char *targets[AF_BUS_TARGETS_MAX];
    struct af_bus_post post;
    struct af_json_span content;
    int64_t time_ns;
};

static bool read_targets(struct af_json_reader *reader, enum af_json_token token,
                         struct af_arena *arena, void *to)
{
    struct send *send = to;
    if (token != AF_JSON_ARRAY_BEGIN)
        return false;
    while ((token = af_json_next(reader)) == AF_JSON_STRING) {
        if (send->post.target_count == AF_BUS_TARGETS_MAX)
            return false;
        send->targets[send->post.target_count++] =
            af_arena_copy(arena, reader->string, reader->string_len);
    }
    return token == AF_JSON_ARRAY_END;
}

static bool read_send(struct af_json_reader *reader, struct af_arena *arena, struct send *send)
{
#define KEPT(name, kept) {#kept, AF_JSON_ROW_INTEGER, offsetof(struct send, post.facts.name), NULL},
    static const struct af_json_row rows[] = {
        AF_FACTS(KEPT){"to", AF_JSON_ROW_OWN, 0, read_targets},
        {"uuid", AF_JSON_ROW_TEXT, offsetof(struct send, post.uuid), NULL},
        {"title", AF_JSON_ROW_TEXT, offsetof(struct send, post.title), NULL},
        {"time", AF_JSON_ROW_INTEGER, offsetof(struct send, time_ns), NULL},
        {"content", AF_JSON_ROW_SPAN, offsetof(struct send, content), NULL},
        {0}};
    struct af_bus_post *post = &send->post;
    memset(send, 0, sizeof *send);
    bool ok = af_json_read_rows(reader, rows, arena, send);
    post->targets = send->targets;
    post->time_s = send->time_ns / AF_S_NS;
    post->content = send->content.at;
    post->content_len = send->content.len;
    return ok && post->uuid != NULL && post->title != NULL && post->content != NULL &&
           post->content[0] == '{' && post->target_count > 0;
}

static void send_again(void *arg, const struct af_store_entry *entry)
{
    struct resume *resume = arg;
    struct af_json_reader reader;
    struct af_arena arena = {0};
    enum af_json_token token;
    if (entry->sends == NULL)
        return;
    struct send *send = af_mem_alloc(sizeof *send);
    af_json_reader_init_kept(&reader, entry->sends, strlen(entry->sends));
    bool ok = af_json_next(&reader) == AF_JSON_ARRAY_BEGIN;
    while (ok && (token = af_json_next(&reader)) != AF_JSON_ARRAY_END) {
        ok = token == AF_JSON_OBJECT_BEGIN && read_send(&reader, &arena, send);
        if (ok)
            af_run_send(resume->run, send->post, entry->seq);
    }
    resume->damaged = resume->damaged || !ok || af_json_next(&reader) != AF_JSON_END;
    af_json_reader_release(&reader);
    af_arena_release(&arena);
    free(send);
}

/* ---- Together. ---- */

static int put_back(struct resume *resume, const struct af_store_party *kept,
                    struct af_failure *why)
{
    struct af_party_run *run = resume->run;
    struct af_party_saved saved = {.status = (enum af_party_status)kept->status,
                                   .state = kept->state,
                                   .data = kept->data,
                                   .data_len = kept->data_len,
                                   .fired = kept->fired,
                                   .timers = resume->timers,
                                   .timer_count = resume->timer_count,
                                   .deferred = resume->deferred,
                                   .deferred_count = resume->deferred_count,
                                   .result = kept->result,
                                   .reason = kept->reason,
                                   .held = kept->held};
    if (kept->torn || !af_veil_is(run->veil, kept->data, kept->data_len, kept->data_hash))
        return af_failure_set(
            why, AF_FAILURE_TRANSPORT, kept->task,
            "what is kept of its party is damaged: its data are not those that its "
            "last step left; put back a copy of the store");
    if (resume->damaged || kept->status < AF_PARTY_NEW || kept->status > AF_PARTY_FAILED ||
        (kept->status == AF_PARTY_ACTIVE && kept->state == NULL))
        return af_failure_set(why, AF_FAILURE_TRANSPORT, kept->task,
                              "what is kept of its party is damaged");
    if (af_party_restore(run->party, &saved, why) != 0)
        return -1;
    resume->deferred_count = 0; /* the party's now */
    run->end_put = kept->status > AF_PARTY_ACTIVE;
    run->settled = run->end_put && kept->sent >= kept->seq;
    return 0;
}

int af_run_restore(struct af_party_run *run, struct af_failure *why)
{
    const struct af_store_party *kept = run->spec.kept;
    struct resume resume = {.run = run};
    struct af_store_loader loader = {&resume, take_deferred, take_seen, take_kept, send_again};
    run->party_id = kept->id;
    run->seq = run->announced = kept->seq;
    af_link_mark(run->link, kept->seq);
    run->progress = kept->progress;
    run->since_ns = kept->since_ns;
    run->suspended_ns = kept->paused_ns;
    run->data_hides = af_veil_in_data(kept->data, kept->data_len);
    run->data_hash = af_veil_hash(run->veil, kept->data, kept->data_len);
    read_timers(&resume, kept->timers);
    int result = af_store_load(run->spec.store, kept, &loader, why);
    if (result == 0)
        result = put_back(&resume, kept, why);
    for (size_t i = 0; i < resume.deferred_count; i++)
        af_contract_drop(resume.deferred[i]);
    free(resume.deferred);
    free(resume.timers);
    return result;
}

struct af_script_party *af_party_run_put_over(struct af_party_run *run,
                                              const struct af_party_run_over *over)
{
    const struct af_party_moved *to = over->to;
    assert(run->first == NULL && run->announced == run->seq);
    run->spec.script = to->script;
    run->spec.member = to->member;
    run->spec.role = to->role;
    run->flow = af_script_flow(to->script);
    run->flow_hides = over->flow_hides;
    run->data_hash = over->data_hash;
    run->data_hides = over->data_hides;
    run->announced = ++run->seq;
    af_link_mark(run->link, run->seq);
    af_calls_set_script(run->calls, to->script);
    return af_party_put_over(run->party, to);
}
