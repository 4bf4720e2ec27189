/* store.c: contracts and queues in SQLite.
 *
 *   contracts    one row a contract, whoever it is for; `pending` counts who has not got it.
 *   contents     what it says, and to whom. When all have it this goes and the other row, which is
 *                small, stays, so that its uuid is remembered.
 *   deliveries   one row for each queue that a contract waits in.
 *   queues       one row for each (task, channel, node), with its leases: `handed` is the last
 *                contract that was handed out and perhaps not acknowledged. Leases of a queue are
 *                one holder's, so they need no rows of their own. `first` was the first of them
 *                the last time that it began to hand out from the front, `times` how often.
 *   dead         what the node of a queue has refused, as it cannot read it, and why.
 *   starts       which processes have had the store, and how old it was then (age.c).
 *
 * A contract's id is its place in the order of all: what was pushed later is handed out later.
 * Times of leases are by the machine's clock, which nobody sets, and are void after a restart of
 * the machine; ages of uuids are by the wall clock. */
#include "bus/local/impl.h"

#include "base/bounds.h"
#include "json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEAD_LETTERS                                                                               \
    "CREATE TABLE dead (queue INTEGER NOT NULL, contract INTEGER NOT NULL, reason TEXT, made "     \
    "INTEGER NOT NULL, PRIMARY KEY (queue, contract)) STRICT, WITHOUT ROWID;"

#define STARTS                                                                                     \
    "CREATE TABLE starts (began INTEGER PRIMARY KEY, age INTEGER NOT NULL, name TEXT NOT NULL) "   \
    "STRICT;"

/* Of whom a broadcast is wanted yet was not counted before version 4. */
#define COUNT_BROADCASTS                                                                           \
    "UPDATE contracts SET pending = (SELECT count(*) FROM queues q WHERE q.task = contracts.task " \
    "AND (EXISTS (SELECT 1 FROM deliveries d WHERE d.queue = q.id AND d.contract = contracts.id) " \
    "OR EXISTS (SELECT 1 FROM dead x WHERE x.queue = q.id AND x.contract = contracts.id))) WHERE " \
    "broadcast = 1;"

#define CONTENTS                                                                                   \
    "CREATE TABLE contents (contract INTEGER PRIMARY KEY, targets TEXT, content BLOB) STRICT;"

#define DIVIDE_CONTRACTS                                                                           \
    CONTENTS                                                                                       \
    "INSERT INTO contents SELECT id, targets, content FROM contracts WHERE content IS NOT NULL;"   \
    "ALTER TABLE contracts DROP COLUMN targets; ALTER TABLE contracts DROP COLUMN content;"

const struct af_db_format af_local_format = {
    .name = "message store",
    .application_id = 0x61666c62, /* aflb */
    .version = 4,
    .upgrades =
        (const char *const[]){
            "ALTER TABLE contracts ADD COLUMN flow_version INTEGER NOT NULL DEFAULT 0;",
            "ALTER TABLE queues ADD COLUMN first INTEGER NOT NULL DEFAULT 0;"
            "ALTER TABLE queues ADD COLUMN times INTEGER NOT NULL DEFAULT 0;" DEAD_LETTERS,
            STARTS COUNT_BROADCASTS DIVIDE_CONTRACTS},
    .schema =
        "CREATE TABLE tasks (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, open INTEGER NOT "
        "NULL, made INTEGER NOT NULL, ended INTEGER) STRICT;"
        "CREATE TABLE members (task INTEGER NOT NULL, node TEXT NOT NULL, place INTEGER NOT NULL, "
        "role TEXT NOT NULL, number INTEGER NOT NULL, progress INTEGER, seen INTEGER, "
        "PRIMARY KEY (task, node)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE queues (id INTEGER PRIMARY KEY, task INTEGER NOT NULL, node TEXT NOT NULL, "
        "channel TEXT NOT NULL, length INTEGER NOT NULL DEFAULT 0, handed INTEGER NOT NULL DEFAULT "
        "0, holder TEXT NOT NULL DEFAULT '', locked INTEGER NOT NULL DEFAULT 0, boot INTEGER NOT "
        "NULL DEFAULT 0, until INTEGER NOT "
        "NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0, first INTEGER NOT NULL DEFAULT 0, times "
        "INTEGER NOT NULL DEFAULT 0, UNIQUE (task, node, channel)) STRICT;" DEAD_LETTERS STARTS
        "CREATE TABLE contracts (id INTEGER PRIMARY KEY, task INTEGER NOT NULL, key INTEGER NOT "
        "NULL, uuid TEXT NOT NULL, channel TEXT NOT NULL, title TEXT, sender TEXT, time INTEGER, "
        "taken INTEGER NOT NULL, pending INTEGER NOT NULL, broadcast INTEGER NOT NULL, "
        "flow_version INTEGER NOT NULL DEFAULT 0) STRICT;" CONTENTS
        "CREATE INDEX contracts_by_key ON contracts (key);"
        "CREATE INDEX broadcasts ON contracts (task, id) WHERE broadcast = 1;"
        "CREATE TABLE deliveries (queue INTEGER NOT NULL, contract INTEGER NOT NULL, PRIMARY KEY "
        "(queue, contract)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE files (task INTEGER NOT NULL, sha256 TEXT NOT NULL, extension TEXT NOT NULL, "
        "bytes INTEGER NOT NULL, durable INTEGER NOT NULL, node TEXT, made INTEGER NOT NULL, "
        "PRIMARY KEY (task, sha256, extension)) STRICT, WITHOUT ROWID;"
        "CREATE INDEX files_by_content ON files (sha256);"
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, task INTEGER NOT NULL, kind INTEGER NOT NULL, "
        "node TEXT, number INTEGER NOT NULL, text TEXT, url TEXT, made INTEGER NOT NULL) STRICT;"
        "CREATE INDEX notes_by_task ON notes (task, kind);"};

/* ---- Publishing. ---- */

static int64_t key_of(const char *uuid)
{
    struct af_hash hash = af_hash_bytes((struct af_hash){7, 8}, uuid, strlen(uuid));
    return (int64_t)hash.a;
}

/* Whether the contract was taken before, from the same sender. */
static bool is_known(struct af_local_store *store, int64_t task, const struct af_bus_post *post)
{
    struct af_db_statement *find =
        af_db_use(store->db, "SELECT 1 FROM contracts WHERE key = ? AND task = ? AND uuid = ? AND "
                             "sender IS ?");
    bool known = af_db_row(af_db_text(
        af_db_text(af_db_integer(af_db_integer(find, key_of(post->uuid)), task), post->uuid),
        post->sender));
    af_db_reset(find);
    return known;
}

static bool is_broadcast(const struct af_bus_post *post)
{
    return post->target_count == 1 && strcmp(post->targets[0], "*") == 0;
}

/* How long a queue is said to be is a row like others: one that says there is no room, or what
 * cannot be, is counted again, at most once a second, and set right. Returns the length. */
static int64_t length_of(struct af_local_store *store, int64_t queue, int64_t said)
{
    if ((said >= 0 && said < store->queue_max) || store->counted_s == store->wall_s)
        return said;
    struct af_db_statement *count =
        af_db_use(store->db, "SELECT count(*) FROM deliveries WHERE queue = ?");
    bool counted = af_db_row(af_db_integer(count, queue));
    int64_t length = counted ? af_db_column_integer(count, 0) : said;
    af_db_reset(count);
    store->counted_s = store->wall_s;
    if (length == said)
        return said;
    af_log(AF_LOG_WARNING,
           "%s: queue %lld said that %lld contracts wait in it, and %lld do; set right",
           store->path, (long long)queue, (long long)said, (long long)length);
    struct af_db_statement *set = af_db_use(store->db, "UPDATE queues SET length = ? WHERE id = ?");
    af_db_run(af_db_integer(af_db_integer(set, length), queue));
    return length;
}

/* The queue, made if need be, in which there is room for one more; -1: it is full. */
static int64_t queue_with_room(struct af_local_store *store, struct af_local_op *op, int64_t task,
                               const char *node, const char *channel)
{
    struct af_db_statement *find = af_db_use(
        store->db, "SELECT id, length FROM queues WHERE task = ? AND node = ? AND channel = ?");
    bool found = af_db_row(af_db_text(af_db_text(af_db_integer(find, task), node), channel)) &&
                 af_db_column_integer(find, 0) > 0;
    int64_t id = found ? af_db_column_integer(find, 0) : -1;
    int64_t length = found ? af_db_column_integer(find, 1) : 0;
    af_db_reset(find);
    if (!found)
        return af_local_make_queue(store, task, node, channel);
    if (length_of(store, id, length) < store->queue_max)
        return id;
    af_local_refuse(op, AF_BUS_FULL,
                    "the queue of '%s' is full: %lld contracts wait for it; what is sent "
                    "behind this waits, too, so that the order is kept",
                    node, (long long)store->queue_max);
    op->result.retry_ns = AF_S_NS;
    return -1;
}

/* The targets' queues, in their order; NULL: they may not all be sent to. */
static const int64_t *find_queues(struct af_local_store *store, struct af_local_op *op,
                                  const struct af_local_task *task, const struct af_bus_post *post)
{
    int64_t *queues = af_arena_alloc(&op->arena, post->target_count * sizeof *queues);
    for (size_t i = 0; i < post->target_count; i++) {
        const char *target = post->targets[i];
        if (strcmp(target, "*") == 0) {
            af_local_refuse(op, AF_BUS_INVALID, "\"*\" stands for every node, and alone");
            return NULL;
        }
        if (!af_local_is_member(store, task, target, true)) {
            af_local_refuse(op, AF_BUS_INVALID, "the target '%s' is no node of task '%s'", target,
                            post->task);
            return NULL;
        }
        queues[i] = queue_with_room(store, op, task->id, target, post->channel);
        if (queues[i] < 0)
            return NULL;
    }
    return queues;
}

static void write_targets(struct af_buf *out, const struct af_bus_post *post)
{
    af_json_open(out, '[');
    for (size_t i = 0; i < post->target_count; i++)
        af_json_item(out, post->targets[i]);
    af_buf_append_char(out, ']');
}

static int64_t insert_contract(struct af_local_store *store, int64_t task,
                               const struct af_bus_post *post, int64_t pending)
{
    struct af_buf targets = AF_BUF_EMPTY;
    struct af_db_statement *insert = af_db_use(
        store->db, "INSERT INTO contracts (task, key, uuid, channel, title, sender, time, taken, "
                   "pending, broadcast, flow_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    af_db_integer(insert, task);
    af_db_integer(insert, key_of(post->uuid));
    af_db_text(af_db_text(insert, post->uuid), post->channel);
    af_db_text(af_db_text(insert, post->title), post->sender);
    af_db_integer(af_db_integer(insert, post->time_s), store->wall_s);
    af_db_integer(af_db_integer(insert, pending), is_broadcast(post));
    af_db_run(af_db_integer(insert, post->facts.flow_version));
    int64_t contract = af_db_last_id(store->db);
    write_targets(&targets, post);
    struct af_db_statement *keep =
        af_db_use(store->db, "INSERT INTO contents (contract, targets, content) VALUES (?, ?, ?)");
    af_db_text(af_db_integer(keep, contract), af_buf_text(&targets));
    af_db_run(af_db_bytes(keep, post->content, post->content_len));
    af_buf_release(&targets);
    return contract;
}

/* The task's nodes, collected first: a statement must not run while it is used again. */
static size_t list_nodes(struct af_local_store *store, struct af_local_op *op, int64_t task,
                         const char ***nodes)
{
    struct af_db_statement *list =
        af_db_use(store->db, "SELECT node FROM members WHERE task = ? ORDER BY place");
    size_t count = 0;
    *nodes = af_arena_alloc(&op->arena, AF_BUS_MEMBERS_MAX * sizeof **nodes);
    af_db_integer(list, task);
    while (count < AF_BUS_MEMBERS_MAX && af_db_row(list)) {
        const char *node = af_db_column_text(list, 0);
        if (node != NULL)
            (*nodes)[count++] = af_arena_string(&op->arena, node);
    }
    af_db_reset(list);
    return count;
}

static bool publish_to_all(struct af_local_store *store, struct af_local_op *op, int64_t task,
                           const struct af_bus_post *post)
{
    const char **nodes;
    size_t count = list_nodes(store, op, task, &nodes);
    int64_t *queues = af_arena_alloc(&op->arena, (count + 1) * sizeof *queues);
    for (size_t i = 0; i < count; i++) {
        queues[i] = queue_with_room(store, op, task, nodes[i], post->channel);
        if (queues[i] < 0)
            return false;
    }
    int64_t contract = insert_contract(store, task, post, (int64_t)count);
    af_local_note_told(store, task, post);
    for (size_t i = 0; i < count; i++)
        af_local_put_into(store, queues[i], contract);
    return true;
}

static bool publish_one(struct af_local_store *store, struct af_local_op *op,
                        struct af_bus_post *post)
{
    struct af_local_task task;
    char why[AF_BUS_UNFIT_BYTES];
    if (!af_bus_post_fits(post, why)) {
        af_local_refuse(op, AF_BUS_INVALID, "%s", why);
        return false;
    }
    if (!af_local_task(store, op, post->task, &task))
        return false;
    if (post->sender != NULL && !af_local_need_member(store, op, &task, post->task, post->sender))
        return false;
    if (post->target_count == 0 || is_known(store, task.id, post))
        return true;
    if (is_broadcast(post))
        return publish_to_all(store, op, task.id, post);
    const int64_t *queues = find_queues(store, op, &task, post);
    if (queues == NULL)
        return false;
    int64_t contract = insert_contract(store, task.id, post, 0), pending = 0;
    af_local_note_told(store, task.id, post);
    for (size_t i = 0; i < post->target_count; i++)
        pending +=
            af_local_put_into(store, queues[i], contract); /* a target named twice counts once */
    if (pending != 1) { /* 0 in the row stands for one: most have one target */
        struct af_db_statement *note =
            af_db_use(store->db, "UPDATE contracts SET pending = ? WHERE id = ?");
        af_db_run(af_db_integer(af_db_integer(note, pending), contract));
    }
    return true;
}

/* One contract for one node. */
static bool is_alone(const struct af_local_op *op)
{
    return op->count == 1 && op->posts[0].target_count == 1 && !is_broadcast(&op->posts[0]);
}

void af_local_publish(struct af_local_store *store, struct af_local_op *op)
{
    const char **uuids = af_arena_alloc(&op->arena, (op->count + 1) * sizeof *uuids);
    size_t touched = store->touched_count;
    bool ok = true;
    store->others_too = store->others_too || !is_alone(op);
    if (!af_local_need_room(store, op) || !af_local_need_share(store, op))
        return;
    af_db_mark(store->db);
    for (size_t i = 0; i < op->count && ok; i++) {
        struct af_bus_post post = op->posts[i];
        if (post.uuid == NULL)
            post.uuid = af_bus_random_uuid(&op->arena);
        uuids[i] = post.uuid;
        ok = publish_one(store, op, &post);
    }
    if (!ok) {
        store->touched_count = touched;
        af_db_undo(store->db);
        return;
    }
    af_db_keep(store->db);
    store->published += op->count;
    op->result.uuids = uuids;
    op->result.count = op->count;
}

/* ---- Acknowledging. ---- */

static bool leave_queue(struct af_local_store *store, int64_t queue, int64_t contract)
{
    struct af_db_statement *remove =
        af_db_use(store->db, "DELETE FROM deliveries WHERE queue = ? AND contract = ?");
    return af_db_run(af_db_integer(af_db_integer(remove, queue), contract)) > 0;
}

/* One node less wants the contract: the last one takes its content away, unless others may join to
 * whom it goes, too. */
static void let_go(struct af_local_store *store, int64_t contract)
{
    struct af_db_statement *count = af_db_use(
        store->db, "UPDATE contracts SET pending = pending - 1 WHERE id = ? AND (pending > 1 OR "
                   "broadcast = 1)");
    if (af_db_run(af_db_integer(count, contract)) > 0)
        return;
    struct af_db_statement *empty = af_db_use(store->db, "DELETE FROM contents WHERE contract = ?");
    af_db_run(af_db_integer(empty, contract));
}

/* The node is done with the contract. Returns whether it waited in the queue, which must be
 * shortened by it. */
static bool complete(struct af_local_store *store, int64_t queue, int64_t contract)
{
    if (!leave_queue(store, queue, contract))
        return false;
    let_go(store, contract);
    return true;
}

static void shorten(struct af_local_store *store, int64_t queue, int64_t by)
{
    struct af_db_statement *count =
        af_db_use(store->db, "UPDATE queues SET length = length - ? WHERE id = ?");
    if (by > 0)
        af_db_run(af_db_integer(af_db_integer(count, by), queue));
}

/* A dead letter of the queue; -1: there are few. */
static int64_t oldest_of_many_dead(struct af_local_store *store, int64_t queue)
{
    struct af_db_statement *find =
        af_db_use(store->db, "SELECT min(contract), count(*) FROM dead WHERE queue = ?");
    bool many =
        af_db_row(af_db_integer(find, queue)) && af_db_column_integer(find, 1) > AF_BUS_DEAD_MAX;
    int64_t oldest = many ? af_db_column_integer(find, 0) : -1;
    af_db_reset(find);
    return oldest;
}

static void unbury(struct af_local_store *store, int64_t queue, int64_t contract)
{
    struct af_db_statement *remove =
        af_db_use(store->db, "DELETE FROM dead WHERE queue = ? AND contract = ?");
    af_db_run(af_db_integer(af_db_integer(remove, queue), contract));
}

/* The node cannot read the contract: it leaves the queue, and stays, for whoever looks after the
 * task. Returns as above. */
static bool bury(struct af_local_store *store, int64_t queue, int64_t contract, const char *reason)
{
    if (!leave_queue(store, queue, contract))
        return false;
    struct af_db_statement *insert = af_db_use(
        store->db, "INSERT OR REPLACE INTO dead (queue, contract, reason, made) VALUES (?, ?, ?, "
                   "?)");
    af_db_text(af_db_integer(af_db_integer(insert, queue), contract), reason);
    af_db_run(af_db_integer(insert, store->wall_s));
    int64_t oldest = oldest_of_many_dead(store, queue);
    if (oldest >= 0) {
        unbury(store, queue, oldest);
        let_go(store, oldest);
    }
    return true;
}

static bool acknowledge(struct af_local_store *store, int64_t queue, const char *uuid,
                        const char *reason)
{
    struct af_db_statement *find = af_db_use(
        store->db, "SELECT c.id FROM contracts c CROSS JOIN deliveries d ON d.queue = ? AND "
                   "d.contract = c.id WHERE c.key = ? AND c.uuid = ?"); /* in this order */
    af_db_text(af_db_integer(af_db_integer(find, queue), key_of(uuid)), uuid);
    int64_t contract = af_db_row(find) ? af_db_column_integer(find, 0) : -1;
    af_db_reset(find);
    if (contract < 0)
        return false;
    return reason == NULL ? complete(store, queue, contract) : bury(store, queue, contract, reason);
}

/* ---- Taking. ---- */

struct lease {
    int64_t handed, until_ns, lease_ns;
    int64_t mark; /* of its holder, behind a '#' in the row */
    bool runs, mine;
    bool another; /* start of who asks holds it */
};

/* Whether two holders are one party, in two processes perhaps: what a start makes anew stands
 * behind
 * '@'. */
static bool is_same_party(const char *left, const char *right)
{
    const char *l = strrchr(left, '@'), *r = strrchr(right, '@');
    size_t len = l == NULL ? strlen(left) : (size_t)(l - left);
    return len > 0 && len == (r == NULL ? strlen(right) : (size_t)(r - right)) &&
           memcmp(left, right, len) == 0;
}

/* Takes the mark off a holder's name. */
static int64_t take_mark(char *holder)
{
    char *sign = strrchr(holder, '#'), *end = NULL;
    long long mark = sign == NULL ? 0 : strtoll(sign + 1, &end, 10);
    if (sign == NULL || end == sign + 1 || *end != '\0' || mark < 0)
        return 0;
    *sign = '\0';
    return mark;
}

static struct lease read_lease(struct af_local_store *store, int64_t queue, const char *holder)
{
    struct lease lease = {0};
    struct af_db_statement *read = af_db_use(
        store->db, "SELECT handed, holder, boot, until, lease, locked FROM queues WHERE id = ?");
    if (af_db_row(af_db_integer(read, queue))) {
        const char *text = af_db_column_text(read, 1);
        char by[AF_BUS_ID_BYTES_MAX + 32] = "";
        if (text != NULL)
            snprintf(by, sizeof by, "%s", text);
        int64_t mark = take_mark(by);
        lease.handed = af_db_column_integer(read, 0);
        lease.mine = text != NULL && strcmp(by, holder) == 0;
        lease.another = text != NULL && !lease.mine && is_same_party(by, holder);
        lease.mark = lease.mine || lease.another ? mark : 0;
        lease.until_ns = af_db_column_integer(read, 3);
        lease.lease_ns = af_db_column_integer(read, 4);
        lease.runs = lease.handed > 0 && af_db_column_integer(read, 2) == store->boot &&
                     lease.until_ns > store->machine_ns &&
                     lease.until_ns <= store->machine_ns + AF_BUS_LEASE_MAX_S * AF_S_NS;
        if (lease.runs && !lease.mine && af_db_column_integer(read, 5) != 0)
            lease.runs = text != NULL && af_local_lives(store, by);
    }
    af_db_reset(read);
    return lease;
}

static void write_lease(struct af_local_store *store, int64_t queue, const char *holder,
                        const struct lease *lease)
{
    char text[AF_BUS_ID_BYTES_MAX + 32];
    struct af_db_statement *write = af_db_use(
        store->db, "UPDATE queues SET handed = ?, holder = ?, locked = ?, boot = ?, until "
                   "= ?, lease = ? WHERE id = ?");
    if (store->is_party && holder[0] != '\0')
        af_local_live(store, holder);
    if (lease->mark > 0)
        snprintf(text, sizeof text, "%.*s#%lld", AF_BUS_ID_BYTES_MAX, holder,
                 (long long)lease->mark);
    else
        snprintf(text, sizeof text, "%.*s", AF_BUS_ID_BYTES_MAX, holder);
    af_db_text(af_db_integer(write, lease->handed), text);
    af_db_integer(write, store->is_party);
    af_db_integer(af_db_integer(write, store->boot), lease->until_ns);
    af_db_integer(af_db_integer(write, lease->lease_ns), queue);
    af_db_run(write);
}

/* All that is not acknowledged comes again at once: to whoever waits for it, too. */
static void release(struct af_local_store *store, int64_t queue, const char *holder,
                    const struct lease *lease)
{
    const struct lease none = {.mark = lease->mark};
    write_lease(store, queue, holder, &none);
    af_local_touch(store, queue);
}

/* Whether the holder may go on: what it keeps may be an older copy than what it had, for it has
 * told of more; or another process has begun with what it keeps. The last to begin takes all over.
 */
static bool is_recent(struct af_local_store *store, struct af_local_op *op)
{
    const struct af_bus_take *take = &op->take;
    struct lease lease = read_lease(store, op->queue, take->holder);
    if (lease.another && !take->begins) {
        af_local_refuse(op, AF_BUS_INVALID,
                        "another process goes on with what node '%s' keeps of task '%s', perhaps "
                        "from a copy of it: stop one of the two; `afrun ctl retry` has this one "
                        "go on",
                        take->node, take->task);
        return false;
    }
    if (!take->begins || take->mark >= lease.mark) {
        if (lease.another)
            release(store, op->queue, take->holder, &lease);
        return true;
    }
    af_local_refuse(
        op, AF_BUS_INVALID,
        "what node '%s' keeps of task '%s' is older than what it had: it goes on from step "
        "%lld, and was at %lld; put the newer store back, or have it go on all the same by "
        "`afrun ctl again` and `retry`",
        take->node, take->task, (long long)take->mark, (long long)lease.mark);
    return false;
}

/* Reads targets back: none, where they are no list of names. */
static void read_targets(struct af_local_op *op, struct af_bus_item *item, const char *json)
{
    struct af_json_reader reader;
    size_t len = json == NULL ? 0 : strlen(json), count = 0;
    const char **targets = af_arena_alloc(&op->arena, (len / 2 + 1) * sizeof *targets);
    enum af_json_token token;
    af_json_reader_init(&reader, json, len);
    bool ok = af_json_next(&reader) == AF_JSON_ARRAY_BEGIN;
    while (ok && (token = af_json_next(&reader)) != AF_JSON_ARRAY_END) {
        ok = token == AF_JSON_STRING && memchr(reader.string, '\0', reader.string_len) == NULL;
        if (ok)
            targets[count++] = af_arena_copy(&op->arena, reader.string, reader.string_len);
    }
    ok = ok && af_json_next(&reader) == AF_JSON_END;
    af_json_reader_release(&reader);
    item->targets = targets;
    item->target_count = ok ? count : 0;
}

/* Reads a contract that is to be handed out. Returns false, having filled why, if it is not as it
 * should be: somebody else has written it, or an older program, or the file is damaged. */
static bool read_item(struct af_local_op *op, struct af_db_statement *row, struct af_bus_item *item,
                      char why[AF_BUS_UNFIT_BYTES])
{
    memset(item, 0, sizeof *item);
    item->id = af_db_column_integer(row, 0);
    if (af_db_column_integer(row, 8) == 0) {
        snprintf(why, AF_BUS_UNFIT_BYTES, "there is no such contract in its task and channel");
        return false;
    }
    item->uuid = af_arena_string(&op->arena, af_db_column_text(row, 1));
    item->title = af_arena_string(&op->arena, af_db_column_text(row, 2));
    item->sender = af_arena_string(&op->arena, af_db_column_text(row, 3));
    item->time_s = af_db_column_integer(row, 4);
    read_targets(op, item, af_db_column_text(row, 5));
    item->content = af_db_column_bytes(row, 6, &item->content_len);
    item->facts.flow_version = af_db_column_integer(row, 7);
    return af_bus_item_fits(item, why);
}

/* Contracts that can be handed out to nobody, or what was never one: they leave the queue, and stay
 * where they are, for whoever wants to know. */
struct aside {
    int64_t *contracts;
    size_t count, cap;
    char why[AF_BUS_UNFIT_BYTES]; /* of the first */
};

static void set_aside(struct af_local_store *store, const struct af_local_op *op,
                      struct aside *aside)
{
    struct af_db_statement *remove;
    int64_t removed = 0;
    for (size_t i = 0; i < aside->count; i++) {
        remove = af_db_use(store->db, "DELETE FROM deliveries WHERE queue = ? AND contract = ?");
        removed += af_db_run(af_db_integer(af_db_integer(remove, op->queue), aside->contracts[i]));
    }
    shorten(store, op->queue, removed);
    if (aside->count > 0 && af_db_failed(store->db) == AF_DB_FINE) {
        atomic_fetch_add(&store->set_aside, aside->count);
        af_log(AF_LOG_WARNING, "%s: contract %lld of task '%s', for node '%s', is set aside: %s%s",
               store->path, (long long)aside->contracts[0], op->take.task, op->take.node,
               aside->why, aside->count > 1 ? "; more behind it, too" : "");
    }
    free(aside->contracts);
}

static struct af_db_statement *list_items(struct af_local_store *store, int64_t queue,
                                          int64_t after)
{
    struct af_db_statement *read = af_db_use(
        store->db, "SELECT d.contract, c.uuid, c.title, c.sender, c.time, x.targets, x.content, "
                   "c.flow_version, c.task IS q.task AND c.channel IS q.channel FROM deliveries d "
                   "JOIN queues q ON q.id = d.queue LEFT JOIN contracts c ON c.id = d.contract "
                   "LEFT JOIN contents x ON x.contract = d.contract "
                   "WHERE d.queue = ? AND d.contract > ? ORDER BY d.contract");
    return af_db_integer(af_db_integer(read, queue), after);
}

/* As many as go into one answer. */
static size_t read_items(struct af_local_store *store, struct af_local_op *op, int64_t after)
{
    struct af_db_statement *read = list_items(store, op->queue, after);
    struct aside aside = {NULL, 0, 0, ""};
    struct af_bus_item *items = NULL, item;
    char why[AF_BUS_UNFIT_BYTES];
    size_t count = 0, bytes = 0;
    while (count < op->take.max && af_db_row(read)) {
        if (!read_item(op, read, &item, why)) {
            if (aside.count == 0)
                memcpy(aside.why, why, sizeof why);
            af_mem_reserve(&aside.contracts, &aside.cap, aside.count + 1, sizeof(int64_t));
            aside.contracts[aside.count++] = item.id;
            continue;
        }
        bytes += af_bus_item_bytes(&item);
        if (count > 0 && bytes > AF_BUS_TAKE_BYTES)
            break;
        if (items == NULL)
            items = af_arena_alloc(&op->arena, op->take.max * sizeof *items);
        item.content = af_arena_copy(&op->arena, item.content, item.content_len);
        items[count++] = item;
    }
    af_db_reset(read);
    set_aside(store, op, &aside);
    op->result.items = items;
    op->result.count = count;
    return count;
}

/* Waits, if it may. What it holds stays its own meanwhile: the leases are renewed at half their
 * time, so that they run out soon if this process dies. Not sooner: who waits looks whenever
 * another process has written, and two who then write would wake each other for ever. */
static void park(struct af_local_store *store, struct af_local_op *op, const struct lease *lease)
{
    const struct af_bus_take *take = &op->take;
    int64_t half_ns = take->lease_ns / 2;
    if (take->wait_ns <= 0 || store->machine_ns >= op->until_ns)
        return; /* nothing, at once */
    op->parked = true;
    op->look_ns = INT64_MAX;
    if (lease->runs && !lease->mine) { /* looks now and then whether the other one lives */
        op->look_ns = store->machine_ns + AF_BUS_HELD_LOOK_NS;
        if (op->look_ns > lease->until_ns)
            op->look_ns = lease->until_ns;
        if (op->until_ns > op->parked_ns + AF_BUS_HELD_TELL_NS)
            op->until_ns = op->parked_ns + AF_BUS_HELD_TELL_NS;
    }
    if (take->lease_ns > 0 && lease->mine && lease->handed > 0) {
        struct lease longer = *lease;
        if (lease->until_ns - store->machine_ns <= half_ns || lease->lease_ns != take->lease_ns) {
            longer.until_ns = store->machine_ns + take->lease_ns;
            longer.lease_ns = take->lease_ns;
            write_lease(store, op->queue, take->holder, &longer);
        }
        op->look_ns = longer.until_ns - half_ns;
    }
}

/* A queue is handed out from its front: how often already with this contract there? What nobody
 * acknowledges stays; who looks after the task is told. */
static void count_first(struct af_local_store *store, const struct af_local_op *op)
{
    struct af_db_statement *count = af_db_use(
        store->db, "UPDATE queues SET times = CASE first WHEN ?1 THEN times + 1 ELSE 1 END, first "
                   "= ?1 WHERE id = ?2 RETURNING times");
    af_db_integer(af_db_integer(count, op->result.items[0].id), op->queue);
    int64_t times = af_db_row(count) ? af_db_column_integer(count, 0) : 0;
    af_db_reset(count);
    if (times > 0 && times % AF_BUS_HANDED_OUT_WARN == 0)
        af_log(AF_LOG_WARNING,
               "%s: contract %s of task '%s' has been handed out %lld times to node '%s', which "
               "has not acknowledged it",
               store->path, op->result.items[0].uuid, op->take.task, (long long)times,
               op->take.node);
}

static void hand_out(struct af_local_store *store, struct af_local_op *op)
{
    const struct af_bus_take *take = &op->take;
    struct lease lease = read_lease(store, op->queue, take->holder);
    bool blocked = lease.runs && !lease.mine;
    if (!lease.runs || (lease.mine && take->again))
        lease.handed = 0;
    op->take.again = false; /* once: a parked take goes on from there */
    if (op->parked_ns == 0)
        op->parked_ns = store->machine_ns;
    if (lease.another && !is_recent(store, op)) /* it has begun while this one waited */
        return;
    if (blocked || read_items(store, op, lease.handed) == 0) {
        park(store, op, &lease);
        op->result.held = blocked && !op->parked;
        return;
    }
    if (take->lease_ns > 0) {
        if (lease.handed == 0)
            count_first(store, op);
        lease.handed = op->result.items[op->result.count - 1].id;
        lease.lease_ns = take->lease_ns;
        lease.until_ns = store->machine_ns + take->lease_ns;
        lease.mark = take->mark > lease.mark ? take->mark : lease.mark;
        write_lease(store, op->queue, take->holder, &lease);
        return;
    }
    int64_t completed = 0;
    for (size_t i = 0; i < op->result.count; i++)
        completed += complete(store, op->queue, op->result.items[i].id);
    shorten(store, op->queue, completed);
}

static bool find_queue_of(struct af_local_store *store, struct af_local_op *op)
{
    const struct af_bus_take *take = &op->take;
    struct af_local_task task;
    if (!af_local_task(store, op, take->task, &task) ||
        !af_local_need_member(store, op, &task, take->task, take->node))
        return false;
    op->queue = af_local_make_queue(store, task.id, take->node, take->channel);
    return true;
}

/* Remembers how far the holder is, where that was told with acknowledgements. */
static void note_mark(struct af_local_store *store, const struct af_local_op *op)
{
    struct lease lease = read_lease(store, op->queue, op->take.holder);
    if (!lease.mine || op->take.mark <= lease.mark)
        return;
    lease.mark = op->take.mark;
    write_lease(store, op->queue, op->take.holder, &lease);
}

/* What a take and an ack have in common: the queue, and what is done with. */
static bool find_and_ack(struct af_local_store *store, struct af_local_op *op)
{
    struct af_bus_take *take = &op->take;
    if (!find_queue_of(store, op) || af_local_is_older(store, op) || !is_recent(store, op))
        return false;
    take->begins = false; /* it has: one that waits does so once */
    int64_t completed = 0;
    for (size_t i = 0; i < take->ack_count; i++)
        completed += acknowledge(store, op->queue, take->acks[i],
                                 take->reasons == NULL ? NULL : take->reasons[i]);
    shorten(store, op->queue, completed);
    if (completed > 0 && take->mark > 0)
        note_mark(store, op);
    return true;
}

/* Who waited has gone without a word: a connection has broken, or its process has died. It has a
 * moment to come back before its leases are another's. */
void af_local_vanish(struct af_local_store *store, const struct af_local_op *op)
{
    struct lease lease = read_lease(store, op->queue, op->take.holder);
    int64_t until_ns = store->machine_ns + AF_BUS_VANISHED_NS;
    if (op->take.lease_ns > 0 && lease.mine && lease.runs && lease.until_ns > until_ns) {
        lease.until_ns = until_ns;
        write_lease(store, op->queue, op->take.holder, &lease);
    }
}

/* As if its leases had run out. */
void af_local_hand_out_again(struct af_local_store *store, int64_t queue)
{
    struct af_db_statement *begin =
        af_db_use(store->db, "UPDATE queues SET handed = 0 WHERE id = ?");
    af_db_run(af_db_integer(begin, queue));
}

void af_local_take(struct af_local_store *store, struct af_local_op *op)
{
    if (!op->parked && !find_and_ack(store, op)) /* else it was looked at before */
        return;
    op->parked = false;
    hand_out(store, op);
}

void af_local_ack(struct af_local_store *store, struct af_local_op *op)
{
    if (!find_and_ack(store, op))
        return;
    struct lease lease = read_lease(store, op->queue, op->take.holder);
    if (lease.mine && op->take.release)
        release(store, op->queue, lease.mark > 0 ? op->take.holder : "", &lease);
    else if (lease.mine && lease.runs && lease.until_ns < store->machine_ns + lease.lease_ns) {
        lease.until_ns = store->machine_ns + lease.lease_ns;
        write_lease(store, op->queue, op->take.holder, &lease);
    }
}

/* ---- Dead letters. ---- */

/* They stand in the queue where they stood, so what was handed out behind the first of them is
 * handed out again; who holds it knows it. */
void af_local_revive(struct af_local_store *store, struct af_local_op *op)
{
    store->others_too = true;
    if (!find_queue_of(store, op))
        return;
    /* by hand: also from an older copy */
    struct af_db_statement *unmark = af_db_use(
        store->db,
        "UPDATE queues SET holder = substr(holder, 1, instr(holder, '#') - 1) WHERE id = ? "
        "AND instr(holder, '#') > 0");
    af_db_run(af_db_integer(unmark, op->queue));
    int64_t *contracts = NULL;
    size_t count = 0, cap = 0;
    struct af_db_statement *list = af_db_use(
        store->db, "SELECT d.contract, c.uuid FROM dead d JOIN contracts c ON c.id = d.contract "
                   "WHERE d.queue = ? ORDER BY d.contract");
    af_db_integer(list, op->queue);
    while (af_db_row(list)) {
        if (!af_bus_take_names(&op->take, af_db_column_text(list, 1)))
            continue;
        af_mem_reserve(&contracts, &cap, count + 1, sizeof *contracts);
        contracts[count++] = af_db_column_integer(list, 0);
    }
    af_db_reset(list);
    for (size_t i = 0; i < count; i++) {
        unbury(store, op->queue, contracts[i]);
        af_local_put_into(store, op->queue, contracts[i]);
    }
    if (count > 0) {
        struct af_db_statement *back =
            af_db_use(store->db, "UPDATE queues SET handed = min(handed, ?) WHERE id = ?");
        af_db_run(af_db_integer(af_db_integer(back, contracts[0] - 1), op->queue));
    }
    op->result.count = count;
    free(contracts);
}

/* ---- Forgetting. ---- */

enum { LOOKED_AT = 5000 }; /* of 1,000 that come: who must go is a fourth of all behind */

/* Broadcasts that all nodes have stay for those that join later, but neither for ever nor all: the
 * last of each task. */
static void forget_broadcasts(struct af_local_store *store, int64_t first)
{
    struct af_db_statement *leave = af_db_use(
        store->db,
        "WITH found AS MATERIALIZED (SELECT DISTINCT task FROM contracts WHERE id >= ?1 AND id < "
        "?1 + ?2 AND broadcast = 1 AND pending <= 0), kept AS MATERIALIZED (SELECT task, (SELECT "
        "id FROM contracts c WHERE c.task = found.task AND c.broadcast = 1 ORDER BY id DESC LIMIT "
        "1 OFFSET ?3) AS oldest FROM found) UPDATE contracts SET broadcast = 0, pending = -1 WHERE "
        "id >= ?1 AND id < ?1 + ?2 AND broadcast = 1 AND pending <= 0 AND (taken < ?4 OR id < "
        "(SELECT oldest FROM kept WHERE kept.task = contracts.task))");
    af_db_integer(af_db_integer(leave, first), LOOKED_AT);
    af_db_integer(leave, AF_BUS_BROADCASTS_MAX - 1);
    if (af_db_run(af_db_integer(leave, store->wall_s - store->keep_contracts_s)) == 0)
        return;
    struct af_db_statement *empty = af_db_use(
        store->db, "DELETE FROM contents WHERE contract >= ?1 AND contract < ?1 + ?2 AND (SELECT "
                   "pending = -1 FROM contracts WHERE id = contract)");
    af_db_run(af_db_integer(af_db_integer(empty, first), LOOKED_AT));
}

/* Looks at the next few rows in the order of their ids, and begins anew after the last: rows that
 * must stay, however many, cost no more than this look. */
void af_local_forget(struct af_local_store *store)
{
    int64_t first = 0, newest = 0;
    struct af_db_statement *bounds = af_db_use(
        store->db, "SELECT (SELECT min(id) FROM contracts WHERE id > ?), max(id) FROM contracts");
    if (af_db_row(af_db_integer(bounds, store->looked_at))) {
        first = af_db_column_integer(bounds, 0);
        newest = af_db_column_integer(bounds, 1);
        newest = newest < 0 ? 0 : newest;
    }
    af_db_reset(bounds);
    forget_broadcasts(store, first);
    struct af_db_statement *forget = af_db_use(
        store->db,
        "DELETE FROM contracts WHERE id >= ?1 AND id < ?1 + ?2 AND id < ?3 AND (id < ?4 OR taken < "
        "?5) AND NOT EXISTS (SELECT 1 FROM contents WHERE contract = id)");
    af_db_integer(af_db_integer(forget, first), LOOKED_AT);
    af_db_integer(forget, newest);
    af_db_integer(forget, newest - AF_BUS_UUIDS_MAX);
    af_db_integer(forget, store->wall_s - store->keep_contracts_s);
    af_db_run(forget);
    bool more = (uint64_t)newest - (uint64_t)first > LOOKED_AT; /* whatever ids a row has */
    store->looked_at = more ? first + LOOKED_AT - 1 : 0;
}
