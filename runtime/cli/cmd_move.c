/* cmd_move.c: `afrun move --from local:FILE --to nats://… TASK…`: what a service keeps of a task
 * goes to NATS servers, by the calls that every bus has.
 *
 * Each queue is taken under a lease, and acknowledged never: the store has all of it until the task
 * is ended there, which is last. So a move that was broken off is made again; what went before is
 * known by its uuid. */
#include "cli/command.h"

#include "base/arena.h"
#include "base/bounds.h"
#include "base/buf.h"
#include "base/db.h"
#include "base/failure.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/sqlite.h"
#include "bus/bus.h"
#include "bus/config.h"
#include "bus/file_url.h"
#include "cli/answer.h"
#include "json/rows.h"
#include "loop/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOLDER "afrun-move"  /* of the queues that are read */
#define VISITOR "afrun:move" /* who joins an open task last, and is given what late nodes are */

struct move_options {
    const char *from, *to, *config;
    bool json;
};

struct digest { /* of a file, in hexadecimal; no 0 byte */
    char hex[64];
};

struct move {
    struct af_loop *loop;
    struct af_bus *from, *to;
    const char *task;
    struct digest *files; /* of the task, sorted */
    size_t files_count, files_cap;
    struct af_arena arena;
    bool is_over, is_open;
    struct af_failure *why;
    int result;
    size_t nodes, contracts, broadcasts, file_count, notes;
    int64_t file_bytes;
    struct af_progress progress;
    struct af_bus_member *members; /* as many as nodes */
    size_t member_cap;
    struct af_buf channels; /* each with a zero byte behind it */
    const char *text;       /* of the last answer that had one */
    size_t text_len;
    struct af_bus_post *posts; /* of the last answer to a take */
    size_t count;
    bool is_held;
    struct queue {
        const char *node, *channel;
        bool is_late; /* its contracts are those that late nodes are given */
    } queue;
};

/* ---- Calls, which are waited for. ---- */

static bool failed(struct move *move, enum af_failure_kind kind, const char *what, const char *why)
{
    if (move->result == 0)
        move->result = af_failure_set(move->why, kind, what, "%s", why);
    return false;
}

static bool came(struct move *move, const struct af_bus_result *result)
{
    move->is_over = true;
    if (result->code == AF_BUS_OK)
        return true;
    return failed(move,
                  result->code == AF_BUS_NO_TASK || result->code == AF_BUS_INVALID
                      ? AF_FAILURE_USAGE
                      : AF_FAILURE_TRANSPORT,
                  move->task, result->why == NULL ? "it was not done" : result->why);
}

static void answered(void *arg, const struct af_bus_result *result)
{
    struct move *move = arg;
    if (!came(move, result) || result->text == NULL)
        return;
    move->text_len = result->text_len;
    move->text = af_arena_copy(&move->arena, result->text, result->text_len);
}

static bool wait_for(struct move *move)
{
    while (!move->is_over)
        af_loop_step(move->loop);
    move->is_over = false;
    return move->result == 0;
}

/* ---- Contracts. ---- */

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

/* The URLs of the task's files in a content, as the servers call them: those of the store, and what
 * a service that stood before it has made of them. */
static struct af_json_span translate(struct move *move, const char *text, size_t len)
{
    struct af_buf needle = AF_BUF_EMPTY, head = AF_BUF_EMPTY, out = AF_BUF_EMPTY;
    const char *at = text, *end = text + len, *found;
    af_bus_file_url_write(&needle, "/", move->task, "", "");
    af_bus_file_url_write(&head, af_bus_files(move->to), move->task, "", "");
    for (const char *look = text;
         (found = memmem(look, (size_t)(end - look), needle.data, needle.len)) != NULL;) {
        const char *digest = found + needle.len, *begin = found;
        look = digest;
        while (begin > at && begin[-1] != '"' && begin[-1] != ' ')
            begin--;
        bool is_url = memmem(begin, (size_t)(found - begin) + 1, "://", 3) != NULL;
        if (is_url && end - digest > 64 &&
            bsearch(digest, move->files, move->files_count, sizeof *move->files, compare_digests) !=
                NULL) {
            af_buf_append(&out, at, (size_t)(begin - at));
            af_buf_append(&out, head.data, head.len);
            at = digest;
        }
    }
    af_buf_append(&out, at, (size_t)(end - at));
    struct af_json_span result = {af_arena_copy(&move->arena, out.data, out.len), out.len};
    af_buf_release(&needle);
    af_buf_release(&head);
    af_buf_release(&out);
    return result;
}

static bool is_for_all(const struct af_bus_item *item)
{
    return item->target_count == 1 && strcmp(item->targets[0], "*") == 0;
}

static void taken(void *arg, const struct af_bus_result *result)
{
    struct move *move = arg;
    const struct queue *queue = &move->queue;
    move->count = 0;
    if (!came(move, result))
        return;
    move->is_held = result->held;
    move->posts = af_arena_alloc(&move->arena, (result->count + 1) * sizeof *move->posts);
    for (size_t i = 0; i < result->count; i++) {
        const struct af_bus_item *item = &result->items[i];
        const char **target = af_arena_alloc(&move->arena, sizeof *target);
        if (item->wrong != NULL)
            af_log(AF_LOG_WARNING, "a contract for '%s' cannot be read, and stays: %s", queue->node,
                   item->wrong);
        if (item->wrong != NULL || (queue->is_late && !is_for_all(item)))
            continue;
        *target = queue->is_late ? "*" : queue->node;
        struct af_bus_post post = {.task = move->task,
                                   .channel = queue->channel,
                                   .title = item->title,
                                   .sender = item->sender,
                                   .uuid = item->uuid,
                                   .targets = target,
                                   .target_count = 1,
                                   .time_s = item->time_s,
                                   .facts = item->facts,
                                   .moved = true};
        struct af_json_span content = translate(move, item->content, item->content_len);
        post.content = content.at;
        post.content_len = content.len;
        move->posts[move->count++] = *af_bus_copy_posts(&move->arena, &post, 1);
    }
}

/* Takes what follows in a queue, or nothing; the leases of whoever had it before run out first. */
static bool take(struct move *move, struct af_bus *bus, bool again)
{
    struct af_bus_take take = {.task = move->task,
                               .channel = move->queue.channel,
                               .node = move->queue.node,
                               .holder = HOLDER,
                               .lease_ns = 60 * AF_S_NS,
                               .max = AF_BUS_TAKE_MAX,
                               .again = again};
    for (move->is_held = true; move->is_held;) {
        af_bus_take(bus, &take, taken, move);
        if (!wait_for(move))
            return false;
        if (move->is_held && take.wait_ns == 0)
            af_log(AF_LOG_INFO, "the queue of '%s' is leased; waiting for its end",
                   move->queue.node);
        take.wait_ns = 5 * AF_S_NS;
    }
    return true;
}

static bool publish(struct move *move)
{
    if (move->count > 0)
        af_bus_publish(move->to, move->posts, move->count, answered, move);
    return move->count == 0 || wait_for(move);
}

/* Gives a queue back; what is in it stays there. */
static bool leave(struct move *move, struct af_bus *bus)
{
    struct af_bus_take release = {.task = move->task,
                                  .channel = move->queue.channel,
                                  .node = move->queue.node,
                                  .holder = HOLDER,
                                  .release = true};
    af_bus_ack(bus, &release, answered, move);
    return wait_for(move);
}

static bool carry_queue(struct move *move, size_t *counted)
{
    struct af_arena arena = {0};
    bool ok = true, again = true;
    do {
        struct af_arena kept = move->arena; /* what a batch takes goes with it */
        move->arena = arena;
        ok = take(move, move->from, again) && publish(move);
        *counted += move->count;
        if (af_progress_due(&move->progress))
            af_progress_show(&move->progress, "%zu contracts", *counted);
        arena = move->arena;
        move->arena = kept;
        af_arena_release(&arena);
        again = false;
    } while (ok && move->count > 0);
    return ok && leave(move, move->from);
}

/* ---- The parts of a task. ---- */

struct part {
    const char *node, *role, *channel, *kind, *text, *url, *sha256, *extension;
    int64_t number, progress, bytes;
    bool durable;
};

static bool read_part(struct move *move, struct af_json_span json, struct part *part)
{
#define ROW(name, kind, field)                                                                     \
    {                                                                                              \
        name, kind, offsetof(struct part, field), NULL                                             \
    }
    static const struct af_json_row rows[] = {ROW("node_id", AF_JSON_ROW_NAME, node),
                                              ROW("role", AF_JSON_ROW_TEXT, role),
                                              ROW("channel", AF_JSON_ROW_NAME, channel),
                                              ROW("kind", AF_JSON_ROW_TEXT, kind),
                                              ROW("text", AF_JSON_ROW_TEXT, text),
                                              ROW("url", AF_JSON_ROW_TEXT, url),
                                              ROW("sha256", AF_JSON_ROW_TEXT, sha256),
                                              ROW("extension", AF_JSON_ROW_TEXT, extension),
                                              ROW("number", AF_JSON_ROW_INTEGER, number),
                                              ROW("progress", AF_JSON_ROW_INTEGER, progress),
                                              ROW("bytes", AF_JSON_ROW_INTEGER, bytes),
                                              ROW("durable", AF_JSON_ROW_FLAG, durable),
                                              {0}};
    *part = (struct part){.progress = -1};
    return af_json_read_object(json, rows, &move->arena, part) ||
           failed(move, AF_FAILURE_TRANSPORT, move->task, "what its store tells cannot be read");
}

/* A node of it, in its place. */
static bool add_member(void *arg, struct af_json_span json)
{
    struct move *move = arg;
    struct part part;
    if (!read_part(move, json, &part))
        return false;
    if (part.node == NULL || strcmp(part.node, VISITOR) == 0)
        return true;
    af_mem_reserve(&move->members, &move->member_cap, move->nodes + 1, sizeof *move->members);
    move->members[move->nodes++] =
        (struct af_bus_member){part.node, part.role == NULL ? "" : part.role, (int)part.number};
    return true;
}

/* A task that is there already, of a move that was broken off, keeps its nodes. */
static bool make_task(struct move *move)
{
    struct af_bus_task task = {move->task, move->members, move->nodes, move->is_open};
    af_bus_create_task(move->to, &task, answered, move);
    return wait_for(move);
}

static bool tell_progress(void *arg, struct af_json_span json)
{
    struct move *move = arg;
    struct part part;
    if (!read_part(move, json, &part))
        return false;
    if (part.node == NULL || strcmp(part.node, VISITOR) == 0 || part.progress < 0)
        return true;
    struct af_bus_note note = {.kind = AF_BUS_NOTE_PROGRESS,
                               .task = move->task,
                               .node = part.node,
                               .number = part.progress};
    af_bus_tell(move->to, &note, answered, move);
    return wait_for(move);
}

static bool read_queue(struct move *move, struct af_json_span json)
{
    struct part part;
    if (!read_part(move, json, &part))
        return false;
    if (part.node == NULL || part.channel == NULL)
        return failed(move, AF_FAILURE_TRANSPORT, move->task, "a queue of it has no name");
    move->queue = (struct queue){.node = part.node, .channel = part.channel};
    return true;
}

/* A node that has come is not given there what was sent to all before. */
static bool open_one(void *arg, struct af_json_span json)
{
    struct move *move = arg;
    const char *at, *end;
    if (!read_queue(move, json))
        return false;
    if (strcmp(move->queue.node, VISITOR) == 0)
        return true;
    at = move->channels.data;
    end = at + move->channels.len;
    while (at < end && strcmp(at, move->queue.channel) != 0)
        at += strlen(at) + 1;
    if (at == end)
        af_buf_append(&move->channels, move->queue.channel, strlen(move->queue.channel) + 1);
    return take(move, move->to, false) && leave(move, move->to);
}

static bool carry_one(void *arg, struct af_json_span json)
{
    struct move *move = arg;
    af_kill_point("move");
    return read_queue(move, json) &&
           (strcmp(move->queue.node, VISITOR) == 0 || carry_queue(move, &move->contracts));
}

/* What nodes that come later are to be given: of an open task alone. */
static bool carry_late(struct move *move)
{
    const char *at = move->channels.data, *end = at + move->channels.len;
    bool ok = true;
    for (; ok && move->is_open && at < end; at += strlen(at) + 1) {
        move->queue = (struct queue){VISITOR, at, true};
        ok = carry_queue(move, &move->broadcasts);
    }
    return ok;
}

/* Dead letters wait in their queues again, and are moved as what is in these. */
static bool revive_one(void *arg, struct af_json_span json)
{
    struct move *move = arg;
    if (!read_queue(move, json))
        return false;
    struct af_bus_take which = {
        .task = move->task, .channel = move->queue.channel, .node = move->queue.node};
    af_bus_revive(move->from, &which, answered, move);
    return wait_for(move);
}

static bool carry_file(void *arg, struct af_json_span json)
{
    struct move *move = arg;
    struct part part;
    struct af_buf url = AF_BUF_EMPTY;
    if (!read_part(move, json, &part))
        return false;
    if (part.sha256 == NULL || strlen(part.sha256) != sizeof(struct digest) ||
        part.extension == NULL)
        return failed(move, AF_FAILURE_TRANSPORT, move->task, "a file of it has no name");
    af_mem_reserve(&move->files, &move->files_cap, move->files_count + 1, sizeof *move->files);
    memcpy(&move->files[move->files_count++], part.sha256, sizeof *move->files);
    af_bus_file_url_write(&url, af_bus_files(move->from), move->task, part.sha256, part.extension);
    struct af_bus_fetch fetch = {
        .task = move->task, .url = af_buf_text(&url), .locate = true, .max_bytes = INT64_MAX};
    af_bus_get_file(move->from, &fetch, answered, move);
    bool ok = wait_for(move);
    if (ok) {
        struct af_bus_file file = {.task = move->task,
                                   .node = part.node,
                                   .name = part.extension,
                                   .path = move->text,
                                   .sha256 = part.sha256,
                                   .durable = part.durable};
        af_log(AF_LOG_INFO, "a file of %lld bytes", (long long)part.bytes);
        af_bus_put_file(move->to, &file, answered, move);
        ok = wait_for(move);
    }
    af_buf_release(&url);
    move->file_count += ok;
    move->file_bytes += ok ? part.bytes : 0;
    return ok;
}

static bool carry_note(void *arg, struct af_json_span json)
{
    static const char *const kinds[] = {"progress", "result", "dataset", "launch", "completion"};
    struct move *move = arg;
    struct part part;
    size_t kind = 0;
    if (!read_part(move, json, &part))
        return false;
    while (kind < sizeof kinds / sizeof kinds[0] &&
           (part.kind == NULL || strcmp(kinds[kind], part.kind) != 0))
        kind++;
    if (kind == sizeof kinds / sizeof kinds[0])
        return true; /* of a later version */
    struct af_json_span url = {0};
    if (part.url != NULL)
        url = translate(move, part.url, strlen(part.url));
    struct af_bus_note note = {.kind = (enum af_bus_note_kind)kind,
                               .task = move->task,
                               .node = part.node,
                               .number = part.number,
                               .text = part.text,
                               .url = url.at};
    af_bus_tell(move->to, &note, answered, move);
    bool ok = wait_for(move);
    move->notes += ok;
    return ok;
}

/* ---- A task. ---- */

static bool read_status(struct move *move, struct af_json_span *task)
{
    af_bus_status(move->from, move->task, answered, move);
    if (!wait_for(move))
        return false;
    struct af_json_span tasks =
        af_json_find((struct af_json_span){move->text, move->text_len}, "tasks");
    struct {
        bool open;
        int64_t ended;
    } told = {0};
    static const struct af_json_row rows[] = {{"open", AF_JSON_ROW_FLAG, 0, NULL},
                                              {"ended", AF_JSON_ROW_INTEGER, sizeof(int64_t), NULL},
                                              {0}};
    *task = (struct af_json_span){0};
    if (tasks.len > 2) /* "[" and "]": it is the one */
        *task = (struct af_json_span){tasks.at + 1, tasks.len - 2};
    if (task->at == NULL || !af_json_read_object(*task, rows, &move->arena, &told))
        return failed(move, AF_FAILURE_TRANSPORT, move->task,
                      "what its store tells cannot be read");
    if (told.ended != 0)
        return failed(move, AF_FAILURE_USAGE, move->task, "has ended there");
    move->is_open = told.open;
    return true;
}

static bool each(struct move *move, struct af_json_span task, const char *name,
                 af_json_item_fn *item)
{
    return af_json_each(af_json_find(task, name), item, move) ||
           failed(move, AF_FAILURE_TRANSPORT, move->task, "what its store tells cannot be read");
}

static bool move_task(struct move *move)
{
    struct af_json_span task;
    af_mem_reserve(&move->files, &move->files_cap, 1, sizeof *move->files); /* also for none */
    if (!read_status(move, &task) || !each(move, task, "dead_letters", revive_one) ||
        !each(move, task, "members", add_member) || !make_task(move) ||
        !each(move, task, "members", tell_progress) || !each(move, task, "file_list", carry_file))
        return false;
    qsort(move->files, move->files_count, sizeof *move->files, compare_digests);
    return each(move, task, "queues", open_one) && carry_late(move) &&
           each(move, task, "queues", carry_one) && each(move, task, "notes", carry_note) &&
           (af_kill_point("move-end"), af_bus_end_task(move->from, move->task, answered, move),
            wait_for(move));
}

/* ---- The command. ---- */

/* Whether it may be a store of messages: one that is in use cannot be asked. */
static bool is_ours(const char *path)
{
    enum { MESSAGES = 0x61666c62 }; /* "aflb", as in bus/local */
    sqlite3 *db = NULL;
    int64_t mark = af_sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK
                       ? af_db_number(db, "PRAGMA application_id")
                       : -1;
    af_sqlite3_close(db);
    return mark < 0 || mark == MESSAGES;
}

/* That nobody else has the store: what he takes meanwhile would be lost. */
static int see_alone(const char *path, struct af_failure *why)
{
    sqlite3 *db = NULL;
    bool is_there = access(path, R_OK | W_OK) == 0;
    if (af_sqlite_need(why) != 0)
        return -1;
    if (is_there && !is_ours(path))
        return 0; /* the bus says so, and leaves it as it is */
    bool alone = is_there &&
                 af_sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
                 af_db_is_alone(db);
    af_sqlite3_close(db);
    if (!is_there)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "is no store that can be read");
    if (!alone)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, path,
                              "is in use by a running process; stop that first: parties wait "
                              "meanwhile");
    return 0;
}

static int open_buses(struct move *move, const struct move_options *options,
                      const struct af_config *config)
{
    struct af_bus_options from = {.party = false}, to = {.config = config};
    const char *path = af_bus_file_of(options->from);
    if (path == NULL)
        return af_failure_set(move->why, AF_FAILURE_USAGE, "--from",
                              "expected local:FILE, not '%s'", options->from);
    if (!af_bus_has_fronts(options->to))
        return af_failure_set(move->why, AF_FAILURE_USAGE, "--to",
                              "expected nats://HOST or tls://HOST, not '%s'", options->to);
    if (see_alone(path, move->why) != 0 || (move->loop = af_loop_ev_new(move->why)) == NULL)
        return -1;
    move->from = af_bus_open(options->from, move->loop, &from, move->why);
    if (move->from != NULL)
        move->to = af_bus_open(options->to, move->loop, &to, move->why);
    return move->to == NULL ? -1 : 0;
}

static void tell(const struct move *move, const struct move_options *options)
{
    struct af_buf out = AF_BUF_EMPTY;
    if (options->json) {
        af_answer_begin(&out, "move");
        af_json_add_text(&out, "task", move->task);
        af_json_add_integer(&out, "nodes", (int64_t)move->nodes);
        af_json_add_integer(&out, "contracts", (int64_t)move->contracts);
        af_json_add_integer(&out, "broadcasts", (int64_t)move->broadcasts);
        af_json_add_integer(&out, "files", (int64_t)move->file_count);
        af_json_add_integer(&out, "file_bytes", move->file_bytes);
        af_json_add_integer(&out, "notes", (int64_t)move->notes);
        af_answer_print(&out);
        return;
    }
    printf(
        "task '%s' is moved: %zu nodes, %zu contracts that waited, %zu for nodes that come later, "
        "%zu files (%lld bytes), %zu notes; it has ended in %s\n",
        move->task, move->nodes, move->contracts, move->broadcasts, move->file_count,
        (long long)move->file_bytes, move->notes, options->from);
}

#define OF struct move_options

static const struct af_opt opts[] = {
    {"from", 0, "URL", "the store, as its service has it: local:FILE", "Options",
     AF_OPT_TEXT(OF, from)},
    {"to", 0, "URL", "the servers: nats://HOST,HOST… or tls://…", "Options", AF_OPT_TEXT(OF, to)},
    {"config", 0, "FILE", "who we are there: an operator", "Options", AF_OPT_TEXT(OF, config)},
    {"json", 0, NULL, "tell each task as one JSON object", "Options", AF_OPT_FLAG(OF, json)},
    AF_OPTS_LAST("Options"),
};

static const struct af_opts_command row = {"move", "--from URL --to URL TASK… [options]",
                                           "move tasks from a service to NATS servers",
                                           "Moves what a service keeps of tasks (nodes, contracts "
                                           "that wait, files, notes) to NATS servers, "
                                           "and ends them in its store, last of all. Stop the "
                                           "service first: parties wait for it, and go on "
                                           "at what stands at its address then, `afrun serve --bus "
                                           "nats://…`. A move that was broken off is "
                                           "made again.",
                                           opts};

static int run(int argc, char **argv, struct af_failure *why)
{
    struct move_options options = {0};
    struct af_config config = {0};
    int words = af_opts_parse(opts, argc, argv, &options, NULL, why), result = 0;
    if (words < 0)
        return words;
    if (words == 0 || options.from == NULL || options.to == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "move",
                              "expected: afrun move --from local:FILE --to nats://HOST TASK…");
    if (options.config != NULL && af_config_read(options.config, &config, why) != 0)
        return -1;
    struct move move = {.why = why, .channels = AF_BUF_EMPTY};
    result = open_buses(&move, &options, &config);
    for (int i = 0; i < words && result == 0; i++) {
        move = (struct move){.loop = move.loop,
                             .from = move.from,
                             .to = move.to,
                             .why = why,
                             .task = argv[i],
                             .channels = AF_BUF_EMPTY};
        af_progress_init(&move.progress, options.json);
        bool ok = move_task(&move);
        af_progress_end(&move.progress);
        if (ok)
            tell(&move, &options);
        result = move.result;
        af_buf_release(&move.channels);
        free(move.members);
        free(move.files);
        af_arena_release(&move.arena);
    }
    af_bus_close(move.from);
    af_bus_close(move.to);
    af_loop_free(move.loop);
    af_config_release(&config);
    return result;
}

const struct af_command af_cmd_move = {&row, run};
