/* replay.c: see replay.h. */
#include "live/replay.h"

#include "base/arena.h"
#include "base/bounds.h"
#include "base/broker.h"
#include "base/io.h"
#include "base/mem.h"
#include "code/bundle.h"
#include "json/rows.h"
#include "live/impl.h"
#include "run/about.h"
#include "run/journal.h"
#include "script/calls.h"
#include "trace/contract.h"
#include "trace/veil.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct player {
    struct af_arena arena;
    struct af_store_party kept;
    struct af_party_about about;
    struct af_store_entry *entries;
    size_t count, cap, at; /* at: the next that is to come */
    struct af_loop *loop;  /* virtual: its time is that of the entries */
    struct af_code code;
    struct af_script *script;
    struct af_party_owner owner;
    struct af_party *party;
    struct af_buf sends;           /* of the step that is taken */
    struct af_json_reader answers; /* of its entry */
    bool answers_open;
    struct af_live_replayed result;
    struct af_buf input;
};

static void cannot_go_on(struct player *player, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void cannot_go_on(struct player *player, const char *format, ...)
{
    char text[600];
    va_list args;
    if (player->result.ends != NULL)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    player->result.ends = af_arena_string(&player->arena, text);
}

/* ---- What was kept. ---- */

static void copy_entry(void *arg, const struct af_store_entry *entry)
{
    struct player *player = arg;
    struct af_arena *arena = &player->arena;
    af_mem_reserve(&player->entries, &player->cap, player->count + 1, sizeof *player->entries);
    struct af_store_entry *copy = &player->entries[player->count++];
    *copy = *entry;
    const char **const texts[] = {&copy->kind,  &copy->sender, &copy->type,   &copy->name,
                                  &copy->state, &copy->sends,  &copy->answers};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = af_arena_string(arena, *texts[i]);
    if (entry->content != NULL)
        copy->content = af_arena_copy(arena, entry->content, entry->content_len);
}

static bool is_kind(const struct af_store_entry *entry, const char *kind)
{
    return strcmp(entry->kind, kind) == 0;
}

/* The next entry that is a step of the party itself; NULL: there is none. */
static const struct af_store_entry *next_entry(struct player *player)
{
    static const char *const others[] = {"hold", "retry", "pause", "resume", "reload", "hand"};
    while (player->at < player->count) {
        const struct af_store_entry *entry = &player->entries[player->at];
        bool other = false;
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            other = other || is_kind(entry, others[i]);
        if (!other)
            return entry;
        player->at++;
    }
    return NULL;
}

/* Why a journal cannot be played from its start, or not to its end. */
static void look_through(struct player *player, bool own_code)
{
    int64_t last_ns = 0;
    for (size_t i = 0; i < player->count; i++) {
        const struct af_store_entry *entry = &player->entries[i];
        long long from = 0, to = 0;
        size_t end = own_code ? 0 : i; /* where to stop */
        if (!entry->whole)
            cannot_go_on(player, "what came before is kept no more: a journal is kept whole for 30 "
                                 "days, and up to 64 MiB");
        else if (is_kind(entry, "reload") &&
                 sscanf(entry->name == NULL ? "" : entry->name, "%lld to %lld", &from, &to) == 2 &&
                 from != to)
            cannot_go_on(player,
                         "at step %lld it was brought from version %lld to %lld: what was "
                         "before ran other code%s",
                         (long long)entry->seq, from, to,
                         own_code ? " (name it: afrun replay STATE FLOW.lua)" : "");
        else if (entry->time_ns < last_ns)
            cannot_go_on(player, "at step %lld the clock was set back", (long long)entry->seq),
                end = i;
        last_ns = entry->time_ns;
        if (player->result.ends != NULL) {
            player->count = entry->whole ? end : 0;
            return;
        }
    }
}

/* ---- Comparing. ---- */

static void differs(struct player *player, const char *what, const char *recorded, const char *now)
{
    const struct af_store_entry *entry = next_entry(player);
    struct af_live_replayed *result = &player->result;
    if (result->differs_at != 0)
        return;
    result->differs_at = entry == NULL ? player->kept.seq + 1 : entry->seq;
    const char *asks = af_script_asked_time(player->script);
    char text[AF_FAILURE_TEXT_MAX];
    snprintf(text, sizeof text,
             asks[0] == '\0' ? "%s" : "%s (it asks for the time at %s, which was another)", what,
             asks);
    result->what = af_arena_string(&player->arena, text);
    result->recorded = af_arena_string(&player->arena, recorded);
    result->now = af_arena_string(&player->arena, now);
    af_buf_clear(&player->input);
    if (entry == NULL)
        af_buf_append_string(&player->input, "nothing that was kept");
    else if (entry->type != NULL)
        af_buf_printf(&player->input, "event '%s' from %s", entry->type,
                      entry->sender == NULL ? "nobody" : entry->sender);
    else
        af_buf_printf(&player->input, "%s%s%s", entry->kind, entry->name == NULL ? "" : " ",
                      entry->name == NULL ? "" : entry->name);
    result->input = af_buf_text(&player->input);
}

/* Sends without the times at which they were made: a real clock went on meanwhile. */
static const char *without_times(struct player *player, const char *sends)
{
    static const char mark[] = ",\"time\":";
    struct af_buf out = AF_BUF_EMPTY;
    const char *at;
    if (sends == NULL)
        return NULL;
    while ((at = strstr(sends, mark)) != NULL) {
        af_buf_append(&out, sends, (size_t)(at - sends));
        sends = at + sizeof mark - 1;
        sends += strspn(sends, "0123456789");
    }
    af_buf_append_string(&out, sends);
    const char *copy = af_arena_string(&player->arena, af_buf_text(&out));
    af_buf_release(&out);
    return copy;
}

static void compare_texts(struct player *player, const char *what, const char *recorded,
                          const char *now)
{
    if ((recorded == NULL) != (now == NULL) || (recorded != NULL && strcmp(recorded, now) != 0))
        differs(player, what, recorded, now);
}

/* Sends as they may be shown; of a flow that has no secrets, as they are. */
static const char *shown_sends(struct player *player, const char *sends)
{
    struct af_buf out = AF_BUF_EMPTY;
    if (sends == NULL || !af_veil_in_flow(af_script_flow(player->script)))
        return sends;
    af_veil_sends(af_veil_key(player->kept.seed), sends, strlen(sends), &out);
    const char *copy = af_arena_string(&player->arena, af_buf_text(&out));
    af_buf_release(&out);
    return copy;
}

static const char *shown_data(struct player *player, const char *data, size_t len)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_veil_data(af_veil_key(player->kept.seed), data, len, &out);
    const char *copy = af_arena_string(&player->arena, af_buf_text(&out));
    af_buf_release(&out);
    return copy;
}

static void compare_sends(struct player *player, const char *recorded, const char *now)
{
    if ((recorded == NULL) != (now == NULL) || (recorded != NULL && strcmp(recorded, now) != 0))
        differs(player, "what it sends", shown_sends(player, recorded), shown_sends(player, now));
}

static void stepped(void *arg, struct af_party *party)
{
    struct player *player = arg;
    const struct af_party_step *step = af_party_step(party);
    const struct af_store_entry *entry = next_entry(player);
    const struct af_flow_state *state = af_party_state(party);
    size_t len;
    if (step->kind == AF_STEP_OTHER || step->kind == AF_STEP_HAND || player->result.differs_at != 0)
        return;
    const char *data = af_script_party_data(af_party_script(party), &len);
    if (player->sends.len > 0)
        af_buf_append_char(&player->sends, ']');
    if (entry == NULL) {
        differs(player, "its steps", NULL, af_run_step_kind(step->kind));
        return;
    }
    compare_texts(player, "its step", entry->kind, af_run_step_kind(step->kind));
    if (step->contract != NULL &&
        (step->contract->key.a != entry->key.a || step->contract->key.b != entry->key.b))
        differs(player, "what it takes", entry->type, step->contract->type);
    compare_texts(player, "its state", entry->state, state == NULL ? NULL : state->name);
    compare_sends(player, without_times(player, entry->sends),
                  player->sends.len == 0 ? NULL
                                         : without_times(player, af_buf_text(&player->sends)));
    if (!af_veil_is(af_veil_key(player->kept.seed), data, len, entry->data))
        differs(player, "its data", NULL, shown_data(player, data, len));
    af_buf_clear(&player->sends);
    if (player->result.differs_at != 0)
        return;
    player->at++;
    player->result.steps++;
    if ((entry = next_entry(player)) != NULL) /* it may be taken from within */
        af_loop_sim_advance(player->loop, entry->time_ns);
    if (player->answers_open)
        af_json_reader_release(&player->answers);
    player->answers_open = false;
}

/* ---- What it asks of its owner. ---- */

static void publish(void *arg, struct af_party *party, struct af_contract *contract,
                    const uint32_t *targets, size_t target_count)
{
    struct player *player = arg;
    if (target_count > 0)
        af_run_write_send(af_party_spec(party)->script, contract, targets, target_count,
                          &player->sends);
    af_contract_drop(contract);
}

static void finding(void *arg, struct af_party *party, enum af_finding kind, const char *text)
{
    struct player *player = arg;
    if (kind == AF_FINDING_RAISED && af_party_held(party) != NULL)
        differs(player, "its handler: it raises", NULL, text);
}

static void log_line(void *arg, struct af_party *party, const char *text, size_t len)
{
    (void)arg, (void)party, (void)text, (void)len;
}

struct kept_answer {
    const char *call, *failure;
    struct af_json_span reply;
    int64_t bytes;
};

static bool next_answer(struct player *player, struct kept_answer *answer)
{
    static const struct af_json_row rows[] = {
        {"call", AF_JSON_ROW_TEXT, offsetof(struct kept_answer, call), NULL},
        {"failure", AF_JSON_ROW_TEXT, offsetof(struct kept_answer, failure), NULL},
        {"reply", AF_JSON_ROW_SPAN, offsetof(struct kept_answer, reply), NULL},
        {"bytes", AF_JSON_ROW_INTEGER, offsetof(struct kept_answer, bytes), NULL},
        {0}};
    const struct af_store_entry *entry = next_entry(player);
    if (entry == NULL || entry->answers == NULL)
        return false;
    if (!player->answers_open) {
        af_json_reader_init_kept(&player->answers, entry->answers, strlen(entry->answers));
        af_json_next(&player->answers);
        player->answers_open = true;
    }
    return af_json_next(&player->answers) == AF_JSON_OBJECT_BEGIN &&
           af_json_read_rows(&player->answers, rows, &player->arena, answer);
}

static void call(void *arg, struct af_script_party *party, const struct af_script_call *call)
{
    struct player *player = arg;
    struct kept_answer kept = {NULL, NULL, {NULL, 0}, 0};
    if (af_script_call_number(call->name) == AF_CALL_LOG)
        return;
    struct af_script_call filled = *call;
    if (af_party_take_call(af_script_party_user(party), &filled))
        return;
    if (!next_answer(player, &kept)) {
        differs(player, "what it asks for", NULL, call->name);
        return;
    }
    if (kept.call == NULL || strcmp(kept.call, call->name) != 0) {
        differs(player, "what it asks for", kept.call, call->name);
        return;
    }
    if (kept.bytes > 0) {
        cannot_go_on(player, "what its call '%s' was answered is kept by its hash alone",
                     call->name);
        return;
    }
    struct af_answer answer = {.reply = kept.reply.at,
                               .reply_len = kept.reply.len,
                               .bytes = "",
                               .failure = kept.failure,
                               .now_ns = af_loop_wall_ns(player->loop)};
    af_script_answer(party, call->id, &answer);
}

/* ---- Feeding. ---- */

/* A node of the task as contracts borrow its name. */
static const char *member_name(const struct player *player, const char *id)
{
    size_t count;
    const struct af_script_member *members = af_script_members(player->script, &count);
    for (size_t i = 0; i < count && id != NULL; i++)
        if (strcmp(members[i].id, id) == 0)
            return members[i].id;
    return NULL;
}

static struct af_contract *contract_of(const struct player *player,
                                       const struct af_store_entry *entry)
{
    struct af_contract_parts parts = {.uuid = entry->uuid,
                                      .time_ns = entry->time_ns,
                                      .task = player->kept.task,
                                      .channel = "federated",
                                      .title = "task_inside",
                                      .from = member_name(player, entry->sender),
                                      .type = entry->type,
                                      .type_len = strlen(entry->type),
                                      .content = entry->content == NULL ? "{}" : entry->content,
                                      .content_len =
                                          entry->content == NULL ? 2 : entry->content_len};
    return af_contract_new(&parts);
}

/* What the operator gave is given when it is taken: meanwhile a handler may have been under way. */
static struct af_contract *take_handed(struct player *player, struct af_hash key)
{
    for (size_t i = 0; i < player->count; i++) {
        const struct af_store_entry *entry = &player->entries[i];
        if (i < player->at && is_kind(entry, "hand") && entry->key.a == key.a &&
            entry->key.b == key.b)
            return contract_of(player, entry);
    }
    return NULL;
}

static void feed(struct player *player, const struct af_store_entry *entry)
{
    struct af_party *party = player->party;
    struct af_contract *handed;
    af_loop_sim_advance(player->loop, entry->time_ns);
    if (is_kind(entry, "start") && af_party_status(party) == AF_PARTY_NEW)
        af_party_start(party);
    else if (is_kind(entry, "fail"))
        af_party_fail(party, player->kept.reason == NULL ? "" : player->kept.reason);
    else if (is_kind(entry, "after") || is_kind(entry, "deadline"))
        af_party_fire(party, is_kind(entry, "after") ? NULL : entry->name);
    else if (entry->type != NULL && (handed = take_handed(player, entry->key)) != NULL &&
             af_party_status(party) == AF_PARTY_ACTIVE)
        af_party_hand_in(party, handed);
    else if (entry->type != NULL)
        af_party_receive(party, contract_of(player, entry));
}

static void compare_end(struct player *player)
{
    if (player->result.ends != NULL || player->result.differs_at != 0)
        return;
    compare_texts(player, "its result", player->kept.result, af_party_result(player->party));
    compare_texts(player, "why it failed", player->kept.reason, af_party_reason(player->party));
}

static void play(struct player *player)
{
    const struct af_store_entry *entry;
    while (player->result.differs_at == 0 && (entry = next_entry(player)) != NULL) {
        size_t before = player->at;
        feed(player, entry);
        if (player->at != before)
            continue;
        if (af_party_waits(player->party) && player->result.ends != NULL)
            return; /* for what is not kept */
        differs(player, "its step", entry->kind, NULL);
    }
    compare_end(player);
}

/* ---- One party. ---- */

struct loader {
    const char *flow; /* the path of its own file */
    struct af_code *code;
};

static int read_file(void *arg, const char *path, struct af_buf *out, struct af_failure *why)
{
    struct loader *loader = arg;
    return af_bundle_give(loader->code, loader->flow, path, out, why);
}

/* From its code; what is not in it, from the folder, and adds it. */
static struct af_script *load_kept(const char *path, struct af_code *code, struct af_failure *why)
{
    char *flow = af_bundle_open(path, code, why);
    struct loader loader = {flow, code};
    struct af_script_source source = {read_file, &loader};
    struct af_script *script = NULL;
    if (flow != NULL && af_bundle_is_code(code))
        script = af_script_load_bundle(flow, code, why);
    else if (flow != NULL && (script = af_script_load_from(flow, &source, why)) != NULL)
        af_script_source_ends(script); /* what is required later is read where it is */
    free(flow);
    return script;
}

static int load(struct player *player, const char *flow, struct af_failure *why)
{
    struct af_script_member *members;
    const struct af_party_about *about = &player->about;
    const char *slash = strrchr(about->file, '/');
    player->script = flow != NULL
                         ? af_script_load(flow, why)
                         : load_kept(slash == NULL ? about->file : slash + 1, &player->code, why);
    if (player->script == NULL)
        return -1;
    const struct af_flow *of = af_script_flow(player->script);
    int role = of == NULL ? -1 : af_flow_find_role(of, about->role);
    if (of == NULL || role < 0)
        return of == NULL ? af_failure_set(why, AF_FAILURE_USAGE, flow, "is no flow")
                          : af_flow_refuse_role(of, about->role, about->file, why);
    if (af_party_about_members(about, of, &player->arena, &members, why) != 0 ||
        af_script_set_task(player->script, player->kept.task, members, about->member_count,
                           about->args, about->arg_count, why) != 0)
        return -1;
    af_script_set_owner(player->script, call, player);
    player->owner = (struct af_party_owner){
        .arg = player, .publish = publish, .finding = finding, .log = log_line, .stepped = stepped};
    struct af_party_spec spec = {.owner = &player->owner,
                                 .loop = player->loop,
                                 .script = player->script,
                                 .id = player->kept.node,
                                 .task = player->kept.task,
                                 .role = (uint32_t)role,
                                 .seed = player->kept.seed,
                                 .holds = true};
    for (size_t i = 0; i < about->member_count; i++)
        if (strcmp(members[i].id, player->kept.node) == 0)
            spec.member = (uint32_t)i;
    player->party = af_party_new(&spec, why);
    return player->party == NULL ? -1 : 0;
}

static void release(struct player *player)
{
    af_party_free(player->party);
    if (player->script != NULL)
        af_script_free(player->script);
    if (player->answers_open)
        af_json_reader_release(&player->answers);
    af_loop_free(player->loop);
    af_code_release(&player->code);
    free(player->entries);
    af_buf_release(&player->sends);
    af_buf_release(&player->input);
    af_arena_release(&player->arena);
}

enum { TEXTS = 5 };

/* What a child tells of a party: this, the failure's two texts, then those that it names. */
struct told {
    int64_t version, steps, differs_at, failure;
    int64_t lens[TEXTS]; /* -1: there is none */
};

static void list_texts(struct af_live_replayed *result, const char **texts[TEXTS])
{
    const char **const all[TEXTS] = {&result->ends, &result->input, &result->what,
                                     &result->recorded, &result->now};
    memcpy(texts, all, sizeof all);
}

/* Loads the flow and plays, with what there is in memory, and tells. */
static _Noreturn void play_apart(struct player *player, const char *flow,
                                 int (*jail)(struct af_failure *why), int out)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_live_replayed *result = &player->result;
    const char **texts[TEXTS];
    af_broker_close_others(out);
    if (jail(&why) == 0 && load(player, flow, &why) == 0) {
        result->version = af_script_flow(player->script)->version;
        look_through(player, flow == NULL);
        play(player);
    }
    struct told told = {.version = result->version,
                        .steps = result->steps,
                        .differs_at = result->differs_at,
                        .failure = why.kind};
    list_texts(result, texts);
    for (size_t i = 0; i < TEXTS; i++)
        told.lens[i] = *texts[i] == NULL ? -1 : (int64_t)strlen(*texts[i]);
    fflush(NULL);
    bool ok = af_io_write_all(out, &told, sizeof told) &&
              af_io_write_all(out, why.what, sizeof why.what) &&
              af_io_write_all(out, why.why, sizeof why.why);
    for (size_t i = 0; i < TEXTS && ok; i++)
        ok = *texts[i] == NULL || af_io_write_all(out, *texts[i], strlen(*texts[i]));
    _exit(0);
}

/* Hears what a child tells, which is believed no further than its form. */
static int hear(struct player *player, int in, struct af_failure *why)
{
    struct told told;
    struct af_failure own = AF_FAILURE_INIT;
    struct af_live_replayed *result = &player->result;
    const char **texts[TEXTS];
    bool ok = af_io_read(in, &told, sizeof told) == (ssize_t)sizeof told &&
              af_io_read(in, own.what, sizeof own.what) == (ssize_t)sizeof own.what &&
              af_io_read(in, own.why, sizeof own.why) == (ssize_t)sizeof own.why;
    list_texts(result, texts);
    for (size_t i = 0; i < TEXTS && ok; i++) {
        if (told.lens[i] < 0)
            continue;
        ok = told.lens[i] <= AF_BUF_BYTES_MAX;
        char *text = ok ? af_arena_alloc(&player->arena, (size_t)told.lens[i] + 1) : NULL;
        ok = ok && af_io_read(in, text, (size_t)told.lens[i]) == told.lens[i];
        if (ok)
            text[told.lens[i]] = '\0';
        *texts[i] = ok ? text : NULL;
    }
    if (!ok)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, player->kept.node,
                              "the process that played its journal has died");
    own.what[sizeof own.what - 1] = own.why[sizeof own.why - 1] = '\0';
    if (told.failure != AF_FAILURE_NONE)
        return af_failure_set(why,
                              told.failure == AF_FAILURE_USAGE  ? AF_FAILURE_USAGE
                              : told.failure == AF_FAILURE_FLOW ? AF_FAILURE_FLOW
                                                                : AF_FAILURE_TRANSPORT,
                              own.what, "%s", own.why);
    result->version = told.version;
    result->steps = told.steps;
    result->differs_at = told.differs_at;
    return 0;
}

static int play_in_child(struct player *player, const char *flow,
                         int (*jail)(struct af_failure *why), struct af_failure *why)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, "replay", "no pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        play_apart(player, flow, jail, ends[1]);
    }
    close(ends[1]);
    struct pollfd fd = {ends[0], POLLIN, 0};
    while (pid > 0 && poll(&fd, 1, 100) <= 0)
        if (af_script_interrupted())
            kill(pid, SIGINT);
    int result = pid < 0 ? af_failure_set(why, AF_FAILURE_TRANSPORT, "replay",
                                          "no process can be made: %s", strerror(errno))
                         : hear(player, ends[0], why);
    close(ends[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return result;
}

static int replay_party(struct af_store *store, const struct af_store_party *row,
                        const struct af_live_replay_spec *spec, struct af_failure *why)
{
    struct player player = {.loop = af_loop_sim_new(), .kept = *row};
    int result = -1;
    if (af_party_about_read(row->about, &player.arena, &player.about, why) == 0 &&
        af_store_journal(store, row->id, 0, INT64_MAX, copy_entry, &player, why) == 0 &&
        (spec->flow != NULL || af_store_read_code(store, row->code, &player.code, why) == 0) &&
        play_in_child(&player, spec->flow, spec->jail, why) == 0) {
        player.result.task = row->task;
        player.result.node = row->node;
        player.result.role = player.about.role;
        player.result.flow = player.about.flow;
        spec->each(spec->arg, &player.result);
        result = 0;
    }
    release(&player);
    return result;
}

/* ---- All of a store. ---- */

struct rows {
    struct af_arena arena;
    struct af_store_party *items;
    size_t count, cap;
};

static void copy_row(void *arg, const struct af_store_party *row)
{
    struct rows *rows = arg;
    af_mem_reserve(&rows->items, &rows->cap, rows->count + 1, sizeof *rows->items);
    rows->items[rows->count++] = af_store_party_copy(&rows->arena, row);
}

int af_live_replay(const char *path, const struct af_live_replay_spec *spec, struct af_failure *why)
{
    struct af_store_options options = {.key = spec->key, .reads = true};
    struct rows rows = {0};
    struct af_loop *loop = af_loop_ev_new(why);
    struct af_store *store = loop == NULL ? NULL : af_store_open(path, loop, &options, why);
    int result = store == NULL ? -1 : af_store_each(store, copy_row, &rows, why);
    for (size_t i = 0; i < rows.count && result == 0; i++)
        result = replay_party(store, &rows.items[i], spec, why);
    if (store != NULL)
        af_store_close(store);
    if (loop != NULL)
        af_loop_free(loop);
    free(rows.items);
    af_arena_release(&rows.arena);
    return result;
}
