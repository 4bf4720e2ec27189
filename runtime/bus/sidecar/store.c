/* store.c: the outbox's file.
 *
 * One row a contract, in the order of its coming. One that has a reason was refused by the hub: a
 * dead letter; the others wait. Rows with the same `push` came together, and go together. */
#include "bus/sidecar/impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "json/json.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct af_db_format format = {
    .name = "sidecar's outbox",
    .application_id = 0x61666f62, /* afob */
    .version = 1,
    .schema =
        "CREATE TABLE contracts (id INTEGER PRIMARY KEY, push INTEGER NOT NULL, task TEXT NOT "
        "NULL, channel TEXT NOT NULL, title TEXT NOT NULL, sender TEXT, uuid TEXT NOT NULL, "
        "targets BLOB NOT NULL, content BLOB NOT NULL, time INTEGER NOT NULL, flow_version INTEGER "
        "NOT NULL, made INTEGER NOT NULL, bytes INTEGER NOT NULL, reason TEXT, died INTEGER) "
        "STRICT;"
        "CREATE INDEX waiting ON contracts (task, id) WHERE reason IS NULL;"
        "CREATE INDEX dead ON contracts (id) WHERE reason IS NOT NULL;"
        "CREATE TABLE owner (node TEXT NOT NULL) STRICT;",
    .exclusive = true,
};

#define UNREADABLE "its row in the outbox is not as it should be"

static int64_t number_of(struct af_db *db, const char *sql)
{
    struct af_db_statement *statement = af_db_use(db, sql);
    int64_t value = af_db_row(statement) ? af_db_column_integer(statement, 0) : 0;
    af_db_reset(statement);
    return value;
}

static int64_t wall_s(const struct af_sidecar *bus)
{
    return af_loop_wall_ns(bus->head.loop) / AF_S_NS;
}

/* ---- Keeping. ---- */

/* Names one after the other, a 0 byte behind each. */
static void append_targets(struct af_buf *out, const struct af_bus_post *post)
{
    for (size_t i = 0; i < post->target_count; i++)
        af_buf_append(out, post->targets[i], strlen(post->targets[i]) + 1);
}

void af_sidecar_run_keep(struct af_sidecar_op *op)
{
    struct af_db *db = op->bus->db;
    int64_t push = number_of(db, "SELECT coalesce(max(id), 0) + 1 FROM contracts");
    af_kill_point("outbox-before");
    for (size_t i = 0; i < op->count; i++) {
        const struct af_bus_post *post = &op->posts[i];
        struct af_buf targets = AF_BUF_EMPTY;
        append_targets(&targets, post);
        struct af_db_statement *insert = af_db_use(
            db, "INSERT INTO contracts (push, task, channel, title, sender, uuid, targets, "
                "content, time, flow_version, made, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                "?, ?)");
        af_db_text(af_db_text(af_db_integer(insert, push), post->task), post->channel);
        af_db_text(af_db_text(af_db_text(insert, post->title), post->sender), post->uuid);
        af_db_bytes(insert, targets.data == NULL ? "" : targets.data, targets.len);
        af_db_bytes(insert, post->content, post->content_len);
        af_db_integer(af_db_integer(insert, post->time_s), post->facts.flow_version);
        af_db_run(af_db_integer(af_db_integer(insert, wall_s(op->bus)),
                                (int64_t)af_bus_post_bytes(post)));
        af_buf_release(&targets);
    }
}

/* ---- Reading. ---- */

#define COLUMNS                                                                                    \
    "id, push, channel, title, sender, uuid, targets, content, time, flow_version, made, bytes"

static bool read_targets(struct af_sidecar_op *op, const char *bytes, size_t len,
                         struct af_bus_post *post)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += bytes[i] == '\0';
    if (count == 0 || count > AF_BUS_TARGETS_MAX || bytes[len - 1] != '\0')
        return false;
    const char *at = af_arena_copy(&op->arena, bytes, len);
    const char **targets = af_arena_alloc(&op->arena, count * sizeof *targets);
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        targets[i] = at;
    post->targets = targets;
    post->target_count = count;
    return true;
}

static bool read_post(struct af_sidecar_op *op, struct af_db_statement *row,
                      struct af_bus_post *post)
{
    size_t targets_len, content_len;
    char why[AF_BUS_UNFIT_BYTES];
    const char *targets = af_db_column_bytes(row, 6, &targets_len);
    *post = (struct af_bus_post){
        .task = op->name,
        .channel = af_arena_string(&op->arena, af_db_column_text(row, 2)),
        .title = af_arena_string(&op->arena, af_db_column_text(row, 3)),
        .sender = af_arena_string(&op->arena, af_db_column_text(row, 4)),
        .uuid = af_arena_string(&op->arena, af_db_column_text(row, 5)),
        .time_s = af_db_column_integer(row, 8),
        .facts.flow_version = af_db_column_integer(row, 9),
    };
    bool ok = post->channel != NULL && post->title != NULL && post->uuid != NULL &&
              read_targets(op, targets, targets_len, post);
    const char *content = af_db_column_bytes(row, 7, &content_len);
    if (content_len > AF_BUS_CONTENT_BYTES_MAX)
        return false;
    post->content = af_arena_copy(&op->arena, content, content_len);
    post->content_len = content_len;
    return ok && af_bus_post_fits(post, why);
}

static void set_aside(struct af_sidecar_op *op, int64_t first, int64_t last, const char *reason)
{
    struct af_db_statement *set = af_db_use(
        op->bus->db, "UPDATE contracts SET reason = ?, died = ? WHERE task = ? AND reason IS NULL "
                     "AND id BETWEEN ? AND ?");
    af_db_text(af_db_integer(af_db_text(set, reason), wall_s(op->bus)), op->name);
    af_db_run(af_db_integer(af_db_integer(set, first), last));
}

/* Whole pushes, as many as go together; a row that cannot be read ends them. */
void af_sidecar_run_read(struct af_sidecar_op *op)
{
    struct af_db_statement *list =
        af_db_use(op->bus->db, "SELECT " COLUMNS " FROM contracts WHERE task = ? AND reason IS "
                               "NULL ORDER BY id");
    struct af_bus_post *posts =
        af_arena_alloc(&op->arena, (AF_LINK_POSTS_MAX + AF_BUS_POSTS_MAX) * sizeof *posts);
    int64_t push = 0, wrong = 0;
    af_db_text(list, op->name);
    while (wrong == 0 && op->count < AF_LINK_POSTS_MAX + AF_BUS_POSTS_MAX && af_db_row(list)) {
        bool another = op->count > 0 && af_db_column_integer(list, 1) != push;
        if (op->count > 0 &&
            (op->one_row || (another && (op->one_push || op->count >= AF_LINK_POSTS_MAX ||
                                         op->bytes > AF_BUS_TAKE_BYTES))))
            break;
        int64_t id = af_db_column_integer(list, 0), bytes = af_db_column_integer(list, 11);
        push = af_db_column_integer(list, 1);
        if (!read_post(op, list, &posts[op->count])) {
            wrong = id;
            op->unreadable_bytes = bytes;
            break;
        }
        if (op->count++ == 0) {
            op->first = id;
            op->made_s = af_db_column_integer(list, 10);
        }
        op->last = id;
        op->bytes += bytes;
    }
    af_db_reset(list);
    op->posts = posts;
    if (wrong != 0) {
        op->unreadable = 1;
        set_aside(op, wrong, wrong, UNREADABLE);
    }
}

/* ---- Settling. ---- */

/* Dead letters beyond their bounds go, the oldest first. */
static void drop_dead(struct af_sidecar_op *op)
{
    struct af_db *db = op->bus->db;
    int64_t count = number_of(db, "SELECT count(*) FROM contracts WHERE reason IS NOT NULL");
    int64_t bytes =
        number_of(db, "SELECT coalesce(sum(bytes), 0) FROM contracts WHERE reason IS NOT NULL");
    while ((count > AF_SIDECAR_DEAD_MAX || bytes > AF_SIDECAR_DEAD_BYTES_MAX) && count > 1) {
        bytes -= number_of(db, "SELECT bytes FROM contracts WHERE reason IS NOT NULL ORDER BY id "
                               "LIMIT 1");
        if (af_db_run(af_db_use(db, "DELETE FROM contracts WHERE id = (SELECT min(id) FROM "
                                    "contracts WHERE reason IS NOT NULL)")) == 0)
            return;
        count--;
        op->dropped++;
    }
}

void af_sidecar_run_settle(struct af_sidecar_op *op)
{
    af_kill_point("outbox-sent");
    if (op->reason != NULL) {
        set_aside(op, op->first, op->last, op->reason);
        drop_dead(op);
        return;
    }
    struct af_db_statement *forget =
        af_db_use(op->bus->db, "DELETE FROM contracts WHERE task = ? AND reason IS NULL AND id "
                               "BETWEEN ? AND ?");
    af_db_run(af_db_integer(af_db_integer(af_db_text(forget, op->name), op->first), op->last));
}

/* ---- Dead letters. ---- */

/* They go behind all that waits, each as a push of its own. */
void af_sidecar_run_revive(struct af_sidecar_op *op)
{
    struct af_db *db = op->bus->db;
    int64_t *ids = af_arena_alloc(&op->arena, AF_SIDECAR_DEAD_MAX * sizeof *ids);
    size_t count = 0;
    struct af_db_statement *list = af_db_use(
        db, "SELECT id, uuid, bytes FROM contracts WHERE reason IS NOT NULL AND task = ? AND "
            "channel = ? ORDER BY id");
    af_db_text(af_db_text(list, op->name), op->which.channel);
    while (count < AF_SIDECAR_DEAD_MAX && af_db_row(list)) {
        if (!af_bus_take_names(&op->which, af_db_column_text(list, 1)))
            continue;
        ids[count++] = af_db_column_integer(list, 0);
        op->bytes += af_db_column_integer(list, 2);
    }
    af_db_reset(list);
    for (size_t i = 0; i < count; i++) {
        int64_t last = number_of(db, "SELECT coalesce(max(id), 0) + 1 FROM contracts");
        struct af_db_statement *move =
            af_db_use(db, "UPDATE contracts SET id = ?1, push = ?1, reason = NULL, died = NULL, "
                          "made = ?2 WHERE id = ?3");
        af_db_run(af_db_integer(af_db_integer(af_db_integer(move, last), wall_s(op->bus)), ids[i]));
    }
    op->count = op->result.count = count;
}

void af_sidecar_run_forget(struct af_sidecar_op *op)
{
    struct af_db_statement *forget =
        af_db_use(op->bus->db, "DELETE FROM contracts WHERE task = ? AND reason IS NOT NULL");
    op->count = (size_t)af_db_run(af_db_text(forget, op->name));
}

/* ---- What is told. ---- */

static void append_dead(struct af_sidecar_op *op, const char *task, struct af_buf *out)
{
    struct af_db_statement *list = af_db_use(
        op->bus->db, "SELECT died, sender, channel, uuid, title, reason FROM contracts WHERE "
                     "reason IS NOT NULL AND task = ? ORDER BY id LIMIT 1000");
    static const char *const names[] = {"node_id", "channel", "message_uuid", "message_title",
                                        "reason"};
    af_db_text(list, task);
    while (af_db_row(list)) {
        af_json_open(out, '{');
        af_json_add_integer(out, "at", af_db_column_integer(list, 0));
        for (int i = 0; i < 5; i++)
            af_json_add_text(out, names[i], af_db_column_text(list, i + 1));
        af_buf_append_char(out, '}');
    }
}

void af_sidecar_run_status(struct af_sidecar_op *op)
{
    struct af_db_statement *list = af_db_use(
        op->bus->db,
        "SELECT task, sum(reason IS NULL), sum(CASE WHEN reason IS NULL THEN bytes ELSE 0 END), "
        "min(CASE WHEN reason IS NULL THEN made END) FROM contracts WHERE ?1 IS NULL OR task = ?1 "
        "GROUP BY task ORDER BY task");
    struct af_buf *out = &op->text;
    int64_t now_s = wall_s(op->bus);
    af_db_text(list, op->name);
    while (af_db_row(list)) {
        int64_t made = af_db_column_integer(list, 3);
        const char *task = af_arena_string(&op->arena, af_db_column_text(list, 0));
        if (task == NULL)
            continue;
        af_json_open(out, '{');
        af_json_add_integer(out, "outbox", af_db_column_integer(list, 1));
        af_json_add_integer(out, "outbox_bytes", af_db_column_integer(list, 2));
        if (!af_db_column_is_null(list, 3))
            af_json_add_integer(out, "outbox_oldest_s",
                                made > now_s || made < 0 ? 0 : now_s - made);
        af_json_add_text(out, "task_id", task);
        af_buf_append_string(out, ",\"dead_letters\":[");
        append_dead(op, task, out);
        af_buf_append_string(out, "]}");
        op->result.count++;
    }
    af_buf_append_string(out, "]}");
    op->result.text = af_buf_text(out);
    op->result.text_len = out->len;
}

/* ---- The thread. ---- */

static void fail(struct af_sidecar_op *op)
{
    enum af_db_trouble trouble = af_db_failed(op->bus->db);
    char why[300];
    snprintf(why, sizeof why, "the outbox's file cannot be written: %s", af_db_why(op->bus->db));
    op->result = (struct af_bus_result){
        .code = trouble == AF_DB_BROKEN ? AF_BUS_UNREACHABLE : AF_BUS_FULL,
        .why = af_arena_string(&op->arena, why),
        .retry_ns = AF_S_NS,
    };
}

static void write_batch(void *arg, struct af_group_job *batch, struct af_group_jobs *over)
{
    struct af_sidecar *bus = arg;
    struct af_group_job *next;
    bool begun = af_db_begin(bus->db);
    for (struct af_group_job *job = batch; job != NULL; job = next) {
        struct af_sidecar_op *op = (struct af_sidecar_op *)job;
        next = job->next;
        if (begun && af_db_failed(bus->db) == AF_DB_FINE)
            op->run(op);
        af_group_add(over, job);
    }
    bool committed = begun && af_group_commit(bus->group, bus->db);
    for (struct af_group_job *job = over->first; !committed && job != NULL; job = job->next)
        fail((struct af_sidecar_op *)job);
    af_kill_point("outbox-after");
}

static void told(void *arg, struct af_group_job *job)
{
    struct af_sidecar_op *op = (struct af_sidecar_op *)job;
    (void)arg;
    op->over(op);
}

/* ---- Opening. ---- */

static void find_tasks(struct af_sidecar *bus)
{
    struct af_db_statement *list = af_db_use(
        bus->db, "SELECT task, count(*), sum(bytes), min(made) FROM contracts WHERE reason IS "
                 "NULL GROUP BY task");
    while (af_db_row(list)) {
        const char *name = af_db_column_text(list, 0);
        if (name == NULL || name[0] == '\0' || strlen(name) > AF_BUS_ID_BYTES_MAX) {
            af_log(AF_LOG_WARNING, "the outbox has contracts of a task without a name; they stay");
            continue;
        }
        struct af_sidecar_task *task = af_sidecar_task(bus, name);
        task->kept = (uint64_t)af_db_column_integer(list, 1);
        task->bytes = af_db_column_integer(list, 2);
        task->oldest_s = af_db_column_integer(list, 3);
        bus->kept += task->kept;
        bus->bytes += task->bytes;
    }
    bus->dead = (uint64_t)number_of(bus->db, "SELECT count(*) FROM contracts WHERE reason IS NOT "
                                             "NULL");
}

/* The hub takes what is sent for its sender's: what one node has left is not another's to send. */
static int check_owner(struct af_sidecar *bus, const char *path, struct af_failure *why)
{
    struct af_db_statement *owner = af_db_use(bus->db, "SELECT node FROM owner");
    char *node = af_db_row(owner) ? af_mem_string(af_db_column_text(owner, 0)) : NULL;
    int result = 0;
    af_db_reset(owner);
    if (node == NULL)
        af_db_run(af_db_text(af_db_use(bus->db, "INSERT INTO owner VALUES (?)"), bus->node));
    else if (strcmp(node, bus->node) != 0)
        result = af_failure_set(why, AF_FAILURE_USAGE, path,
                                "is the outbox of node '%s', not of '%s'; name another with "
                                "--state",
                                node, bus->node);
    free(node);
    return result;
}

int af_sidecar_store_open(struct af_sidecar *bus, const char *path, struct af_failure *why)
{
    struct af_group_spec spec = {
        .loop = bus->head.loop, .arg = bus, .write = write_batch, .told = told, .fd = -1};
    bus->db = af_db_open(path, &format, why);
    if (bus->db == NULL)
        return -1;
    af_db_begin(bus->db);
    int result = check_owner(bus, path, why);
    find_tasks(bus);
    if (!af_db_commit(bus->db))
        result = af_failure_set(why, AF_FAILURE_TRANSPORT, path, "%s", af_db_why(bus->db));
    if (result != 0)
        return -1;
    bus->group = af_group_new(&spec, path, why);
    return bus->group == NULL ? -1 : 0;
}

void af_sidecar_store_close(struct af_sidecar *bus)
{
    struct af_group_jobs left = {NULL, NULL};
    struct af_group_job *next;
    if (bus->group != NULL) {
        af_group_stop(bus->group, &left);
        for (struct af_group_job *job = left.first; job != NULL; job = next) {
            next = job->next;
            told(bus, job);
        }
        af_group_free(bus->group);
    }
    af_db_close(bus->db);
}
