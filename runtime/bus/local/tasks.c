/* tasks.c: tasks, their members, what nodes tell about them, and what is told of all
 * that: names, sizes and counts, never contents. */
#include "bus/local/impl.h"

#include "base/bounds.h"
#include "base/mem.h"
#include "base/rng.h"
#include "bus/told.h"
#include "json/json.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Tasks. ---- */

static bool read_task(struct af_local_store *store, const char *name, struct af_local_task *task,
                      bool *ended)
{
    struct af_db_statement *find =
        af_db_use(store->db, "SELECT id, open, ended IS NOT NULL FROM tasks WHERE name = ?");
    bool found = af_db_row(af_db_text(find, name));
    if (found) {
        task->id = af_db_column_integer(find, 0);
        task->open = af_db_column_integer(find, 1) != 0;
        *ended = af_db_column_integer(find, 2) != 0;
    }
    af_db_reset(find);
    return found;
}

static int64_t count(struct af_local_store *store, const char *sql)
{
    struct af_db_statement *statement = af_db_use(store->db, sql);
    int64_t value = af_db_row(statement) ? af_db_column_integer(statement, 0) : 0;
    af_db_reset(statement);
    return value;
}

/* Names stand in paths of URLs, whence clients take dots away. */
static bool is_name(const char *text)
{
    return text[0] != '\0' && strlen(text) <= AF_BUS_ID_BYTES_MAX && strcmp(text, ".") != 0 &&
           strcmp(text, "..") != 0;
}

static bool make_task(struct af_local_store *store, struct af_local_op *op, const char *name,
                      bool open, struct af_local_task *task)
{
    if (!is_name(name)) {
        af_local_refuse(op, AF_BUS_INVALID,
                        "a task's ID has 1 to %d bytes, and is neither '.' nor '..'",
                        AF_BUS_ID_BYTES_MAX);
        return false;
    }
    if (count(store, "SELECT count(*) FROM tasks") >= AF_BUS_TASKS_MAX) {
        af_local_refuse(op, AF_BUS_FULL, "the store has %d tasks, and no room for one more",
                        AF_BUS_TASKS_MAX);
        return false;
    }
    struct af_db_statement *insert =
        af_db_use(store->db, "INSERT INTO tasks (name, open, made) VALUES (?, ?, ?)");
    af_db_text(insert, name);
    af_db_run(af_db_integer(af_db_integer(insert, open), store->wall_s));
    *task = (struct af_local_task){af_db_last_id(store->db), open};
    return true;
}

static void join(struct af_local_store *store, int64_t task, const struct af_bus_member *member)
{
    struct af_db_statement *insert = af_db_use(
        store->db, "INSERT INTO members (task, node, place, role, number) VALUES (?1, ?2, (SELECT "
                   "count(*) FROM members WHERE task = ?1), ?3, ?4) ON CONFLICT (task, node) DO "
                   "UPDATE SET role = ?3, number = ?4");
    af_db_text(af_db_integer(insert, task), member->node);
    af_db_run(af_db_integer(af_db_text(insert, member->role), member->number));
    af_local_give_broadcasts(store, task, member->node);
}

bool af_local_task(struct af_local_store *store, struct af_local_op *op, const char *name,
                   struct af_local_task *task)
{
    bool ended = false;
    if (read_task(store, name, task, &ended)) {
        if (ended)
            af_local_refuse(op, AF_BUS_NO_TASK, "the task '%s' has ended", name);
        return !ended;
    }
    if (is_name(name) && !store->open_tasks && store->member_count == 0) {
        af_local_refuse(op, AF_BUS_NO_TASK, "there is no task '%s'", name);
        return false;
    }
    if (!make_task(store, op, name, store->open_tasks, task))
        return false;
    for (size_t i = 0; i < store->member_count; i++)
        join(store, task->id, &store->members[i]);
    return true;
}

/* ---- Members. ---- */

enum { NO_MEMBER = -2, HAS_ROLE = -1, NAMED_ONLY = 0, BY_USE = 2 };

/* What the task knows of a node: NO_MEMBER, HAS_ROLE (by its name), or the role's number. */
static int standing(struct af_local_store *store, int64_t task, const char *node)
{
    struct af_db_statement *find = af_db_use(
        store->db,
        "SELECT CASE role WHEN '' THEN number ELSE -1 END FROM members WHERE task = ? AND node = "
        "?");
    bool found = af_db_row(af_db_text(af_db_integer(find, task), node));
    int known = found ? (int)af_db_column_integer(find, 0) : NO_MEMBER;
    af_db_reset(find);
    return known;
}

static void set_role(struct af_local_store *store, int64_t task, const struct af_bus_member *member)
{
    struct af_db_statement *set =
        af_db_use(store->db, "UPDATE members SET role = ?, number = ? WHERE task = ? AND node = ?");
    af_db_integer(af_db_text(set, member->role), member->number);
    af_db_run(af_db_text(af_db_integer(set, task), member->node));
}

static int64_t count_members(struct af_local_store *store, int64_t task)
{
    struct af_db_statement *find =
        af_db_use(store->db, "SELECT count(*) FROM members WHERE task = ?");
    int64_t members = af_db_row(af_db_integer(find, task)) ? af_db_column_integer(find, 0) : 0;
    af_db_reset(find);
    return members;
}

static bool may_join(struct af_local_store *store, const struct af_local_task *task,
                     const char *node)
{
    bool fit = is_name(node) && strcmp(node, "*") != 0;
    return fit && task->open && count_members(store, task->id) < AF_BUS_MEMBERS_MAX;
}

bool af_local_is_member(struct af_local_store *store, const struct af_local_task *task,
                        const char *node, bool joins)
{
    if (standing(store, task->id, node) != NO_MEMBER)
        return true;
    if (!joins || !may_join(store, task, node))
        return false;
    join(store, task->id, &(struct af_bus_member){node, "", NAMED_ONLY});
    return true;
}

/* A node comes itself, in this role; NULL: it does not say which. False: it is none of the task. */
static bool come(struct af_local_store *store, const struct af_local_task *task, const char *node,
                 const struct af_bus_member *in_role)
{
    struct af_bus_member member = {node, in_role == NULL ? "" : in_role->role,
                                   in_role == NULL ? BY_USE : in_role->number};
    int known = standing(store, task->id, node);
    if (known == NO_MEMBER && !may_join(store, task, node))
        return false;
    if (known == NO_MEMBER)
        join(store, task->id, &member);
    else if (task->open && (in_role == NULL ? known == NAMED_ONLY : known != HAS_ROLE))
        set_role(store, task->id, &member);
    return true;
}

bool af_local_need_member(struct af_local_store *store, struct af_local_op *op,
                          const struct af_local_task *task, const char *name, const char *node)
{
    if (come(store, task, node, NULL))
        return true;
    af_local_refuse(op, AF_BUS_NOT_MEMBER, "'%s' is no node of task '%s'", node, name);
    return false;
}

static void count_files(struct af_local_store *store, int64_t task, struct af_local_op *op)
{
    struct af_db_statement *sum = af_db_use(
        store->db,
        "SELECT coalesce(sum(bytes), 0), coalesce(sum(CASE WHEN node = ? THEN bytes END), 0) FROM "
        "files WHERE task = ?");
    if (af_db_row(af_db_integer(af_db_text(sum, op->asker.node), task))) {
        op->result.files_bytes = af_db_column_integer(sum, 0);
        op->result.own_files_bytes = af_db_column_integer(sum, 1);
    }
    af_db_reset(sum);
}

void af_local_members(struct af_local_store *store, struct af_local_op *op)
{
    struct af_local_task task;
    if (!af_local_task(store, op, op->task.task, &task))
        return;
    if (op->asker.node != NULL && task.open && op->asker.role != NULL)
        come(store, &task, op->asker.node, &op->asker);
    else if (op->asker.node != NULL && !task.open && /* asking is not joining */
             !af_local_need_member(store, op, &task, op->task.task, op->asker.node))
        return;
    else if (op->asker.node != NULL)
        count_files(store, task.id, op);
    size_t most = (size_t)count_members(store, task.id), found = 0;
    struct af_bus_member *members = af_arena_alloc(&op->arena, (most + 1) * sizeof *members);
    struct af_db_statement *list = af_db_use(
        store->db, "SELECT node, role, number FROM members WHERE task = ? ORDER BY place");
    af_db_integer(list, task.id);
    while (found < most && af_db_row(list)) {
        const char *node = af_db_column_text(list, 0), *role = af_db_column_text(list, 1);
        if (node == NULL || role == NULL)
            continue; /* somebody else's row: no node is called so */
        members[found].node = af_arena_string(&op->arena, node);
        members[found].role = af_arena_string(&op->arena, role);
        members[found++].number = (int)af_db_column_integer(list, 2);
    }
    af_db_reset(list);
    op->result.members = members;
    op->result.open = task.open;
    op->result.count = found;
}

/* ---- For who runs the tasks. ---- */

void af_local_create_task(struct af_local_store *store, struct af_local_op *op)
{
    const struct af_bus_task *wanted = &op->task;
    struct af_local_task task;
    bool ended = false;
    if (!read_task(store, wanted->task, &task, &ended)) {
        if (!make_task(store, op, wanted->task, wanted->open, &task))
            return;
    } else if (ended) {
        af_local_refuse(op, AF_BUS_NO_TASK, "the task '%s' has ended; its name stays taken",
                        wanted->task);
        return;
    }
    if (count_members(store, task.id) + (int64_t)wanted->member_count > AF_BUS_MEMBERS_MAX) {
        af_local_refuse(op, AF_BUS_FULL, "a task has at most %d members", AF_BUS_MEMBERS_MAX);
        return;
    }
    for (size_t i = 0; i < wanted->member_count; i++)
        join(store, task.id, &wanted->members[i]);
}

static void run_for(struct af_local_store *store, int64_t task, const char *sql)
{
    af_db_run(af_db_integer(af_db_use(store->db, sql), task));
}

static void forget_contracts(struct af_local_store *store, int64_t task)
{
    run_for(store, task,
            "DELETE FROM deliveries WHERE queue IN (SELECT id FROM queues WHERE task = ?)");
    run_for(store, task, "DELETE FROM dead WHERE queue IN (SELECT id FROM queues WHERE task = ?)");
    run_for(store, task, "UPDATE queues SET length = 0, handed = 0 WHERE task = ?");
    /* the newest row stays, so that its id is not given again */
    run_for(store, task,
            "DELETE FROM contents WHERE contract IN (SELECT id FROM contracts WHERE task = ?)");
    run_for(store, task, "UPDATE contracts SET broadcast = 0, task = 0, key = 0 WHERE task = ?");
    run_for(store, 0,
            "DELETE FROM contracts WHERE task = ? AND id < (SELECT max(id) FROM contracts)");
}

void af_local_end_task(struct af_local_store *store, struct af_local_op *op)
{
    struct af_local_task task;
    bool ended = false;
    if (!read_task(store, op->task.task, &task, &ended)) {
        af_local_refuse(op, AF_BUS_NO_TASK, "there is no task '%s'", op->task.task);
        return;
    }
    if (ended)
        return;
    struct af_db_statement *end = af_db_use(store->db, "UPDATE tasks SET ended = ? WHERE id = ?");
    af_db_run(af_db_integer(af_db_integer(end, store->wall_s), task.id));
    run_for(store, task.id, "UPDATE queues SET length = 0, handed = 0 WHERE task = ?");
    run_for(store, task.id, "DELETE FROM files WHERE task = ? AND durable = 0");
    store->chore = AF_LOCAL_ENDED; /* the rest goes in pieces, so that nobody waits for it */
}

/* ---- Taking part. ----
 *
 * A process that takes part in a task holds a shared lock on one byte of FILE-parts, which byte the
 * task's name says. Who is to clean takes it for itself alone, which works only where nobody else
 * takes part; it keeps it until the cleaning is committed, and others wait for that. */

static struct flock lock_of(const char *name, uint64_t kind, short type)
{
    struct af_hash hash = af_hash_bytes((struct af_hash){13, kind}, name, strlen(name));
    return (struct flock){
        .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)(hash.a >> 2), .l_len = 1};
}

static bool lock_part(struct af_local_store *store, const char *task, short type, int command)
{
    struct flock lock = lock_of(task, 14, type);
    return fcntl(store->parts_fd, command, &lock) == 0;
}

/* A party's process holds a lock for the name that its leases have, so that others see it die. */
void af_local_live(struct af_local_store *store, const char *holder)
{
    struct flock lock = lock_of(holder, 15, F_RDLCK);
    fcntl(store->parts_fd, F_OFD_SETLK, &lock);
}

bool af_local_lives(struct af_local_store *store, const char *holder)
{
    struct flock lock = lock_of(holder, 15, F_WRLCK);
    return fcntl(store->parts_fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

void af_local_begin(struct af_local_store *store, struct af_local_op *op)
{
    struct af_local_task task;
    bool ended = false;
    bool alone = op->clean && lock_part(store, op->task.task, F_WRLCK, F_OFD_SETLK);
    if (!alone)
        lock_part(store, op->task.task, F_RDLCK, F_OFD_SETLKW);
    if (!alone || !read_task(store, op->task.task, &task, &ended))
        return;
    forget_contracts(store, task.id);
    run_for(store, task.id, "DELETE FROM members WHERE task = ?");
    run_for(store, task.id, "DELETE FROM queues WHERE task = ?");
    run_for(store, task.id, "DELETE FROM notes WHERE task = ?");
    run_for(store, task.id, "DELETE FROM files WHERE task = ?");
    run_for(store, task.id, "UPDATE tasks SET ended = NULL WHERE id = ?");
}

void af_local_share(struct af_local_store *store, struct af_local_op *op)
{
    lock_part(store, op->task.task, F_RDLCK, F_OFD_SETLK);
}

/* ---- Notes. ---- */

enum { NOTES_OF_A_KIND = 1000 };

void af_local_keep_note(struct af_local_store *store, int64_t task, const struct af_bus_note *note)
{
    struct af_db_statement *insert = af_db_use(
        store->db, "INSERT INTO notes (task, kind, node, number, text, url, made) VALUES (?, ?, ?, "
                   "?, ?, ?, ?)");
    af_db_text(af_db_integer(af_db_integer(insert, task), note->kind), note->node);
    af_db_text(af_db_text(af_db_integer(insert, note->number), note->text), note->url);
    af_db_run(af_db_integer(insert, store->wall_s));
    struct af_db_statement *forget = af_db_use(
        store->db, "DELETE FROM notes WHERE id IN (SELECT id FROM notes WHERE task = ? AND kind = "
                   "? ORDER BY id DESC LIMIT 1000 OFFSET ?)");
    af_db_run(
        af_db_integer(af_db_integer(af_db_integer(forget, task), note->kind), NOTES_OF_A_KIND));
}

void af_local_tell(struct af_local_store *store, struct af_local_op *op)
{
    const struct af_bus_note *note = &op->note;
    struct af_local_task task;
    if (!af_local_task(store, op, note->task, &task) ||
        (note->node != NULL && !af_local_need_member(store, op, &task, note->task, note->node)))
        return;
    if (note->kind == AF_BUS_NOTE_PROGRESS) { /* the last one counts */
        struct af_db_statement *set = af_db_use(
            store->db, "UPDATE members SET progress = ?, seen = ? WHERE task = ? AND node = ?");
        af_db_integer(af_db_integer(set, note->number), store->wall_s);
        af_db_run(af_db_text(af_db_integer(set, task.id), note->node));
    } else {
        af_local_keep_note(store, task.id, note);
    }
}

void af_local_note_told(struct af_local_store *store, int64_t task, const struct af_bus_post *post)
{
    struct af_bus_note note;
    struct af_arena texts = {0};
    if (af_bus_told(post, &texts, &note))
        af_local_keep_note(store, task, &note);
    af_arena_release(&texts);
}

/* ---- Status. ---- */

static void append_members(struct af_local_store *store, int64_t task, struct af_buf *out)
{
    struct af_db_statement *list = af_db_use(
        store->db, "SELECT node, role, number, progress, progress IS NULL FROM members WHERE task "
                   "= ? ORDER BY place");
    af_db_integer(list, task);
    while (af_db_row(list)) {
        af_json_open(out, '{');
        af_json_add_integer(out, "number", (int)af_db_column_integer(list, 2));
        af_json_add_text(out, "node_id", af_db_column_text(list, 0));
        af_json_add_text(out, "role", af_db_column_text(list, 1));
        if (af_db_column_integer(list, 4) == 0)
            af_json_add_integer(out, "progress", (int)af_db_column_integer(list, 3));
        af_buf_append_char(out, '}');
    }
}

static void append_queues(struct af_local_store *store, int64_t task, struct af_buf *out)
{
    struct af_db_statement *list = af_db_use(
        store->db,
        "SELECT node, channel, length, (SELECT min(c.taken) FROM deliveries d JOIN contracts c ON "
        "c.id = d.contract WHERE d.queue = q.id AND d.contract = (SELECT min(contract) FROM "
        "deliveries WHERE queue = q.id)), (SELECT count(*) FROM deliveries WHERE queue = q.id AND "
        "contract <= q.handed), CASE WHEN EXISTS (SELECT 1 FROM deliveries WHERE queue = q.id AND "
        "contract = q.first) THEN times ELSE 0 END, holder FROM queues q WHERE task = ? ORDER BY "
        "id");
    af_db_integer(list, task);
    while (af_db_row(list)) {
        int64_t length = af_db_column_integer(list, 2);
        af_json_open(out, '{');
        af_json_add_integer(out, "length", length);
        af_json_add_integer(out, "leased", af_db_column_integer(list, 4));
        af_json_add_text(out, "node_id", af_db_column_text(list, 0));
        af_json_add_text(out, "channel", af_db_column_text(list, 1));
        if (af_db_column_integer(list, 5) >= AF_BUS_HANDED_OUT_WARN)
            af_json_add_integer(out, "first_handed_out", af_db_column_integer(list, 5));
        if (af_db_column_integer(list, 4) > 0) { /* its name, without what a start makes anew */
            const char *holder = af_db_column_text(list, 6);
            char *name = holder == NULL ? NULL : af_mem_copy(holder, strcspn(holder, "@#"));
            af_json_add_text(out, "holder", name);
            free(name);
        }
        int64_t taken = af_db_column_integer(list, 3);
        if (length > 0) /* a row may say anything: an age that cannot be is none */
            af_json_add_integer(out, "oldest_s",
                                taken < 0 || taken > store->wall_s ? 0 : store->wall_s - taken);
        af_buf_append_char(out, '}');
    }
}

static void append_dead(struct af_local_store *store, int64_t task, struct af_buf *out)
{
    struct af_db_statement *list = af_db_use(
        store->db, "SELECT q.node, q.channel, c.uuid, c.sender, d.reason, d.made FROM dead d JOIN "
                   "queues q ON q.id = d.queue JOIN contracts c ON c.id = d.contract WHERE q.task "
                   "= ? ORDER BY d.contract, d.queue LIMIT 1000");
    af_db_integer(list, task);
    while (af_db_row(list)) {
        static const char *const names[] = {"node_id", "channel", "message_uuid", "sender_id",
                                            "reason"};
        af_json_open(out, '{');
        af_json_add_integer(out, "at", af_db_column_integer(list, 5));
        for (int i = 0; i < 5; i++)
            af_json_add_text(out, names[i], af_db_column_text(list, i));
        af_buf_append_char(out, '}');
    }
}

static void append_notes(struct af_local_store *store, int64_t task, struct af_buf *out)
{
    static const char *const kinds[] = {"progress",   "result",  "dataset", "launch",
                                        "completion", "unknown", "unknown", "unknown"};
    struct af_db_statement *list = af_db_use(
        store->db, "SELECT kind, node, number, text, url, made FROM notes WHERE task = ? ORDER BY "
                   "id");
    af_db_integer(list, task);
    while (af_db_row(list)) {
        size_t kind = (size_t)af_db_column_integer(list, 0) & 7;
        af_json_open(out, '{');
        af_json_add_text(out, "kind", kinds[kind]);
        af_json_add_integer(out, "number", af_db_column_integer(list, 2));
        af_json_add_integer(out, "at", af_db_column_integer(list, 5));
        af_json_add_text(out, "node_id", af_db_column_text(list, 1));
        af_json_add_text(out, "text", af_db_column_text(list, 3));
        af_json_add_text(out, "url", af_db_column_text(list, 4));
        af_buf_append_char(out, '}');
    }
}

static void append_files(struct af_local_store *store, int64_t task, struct af_buf *out)
{
    struct af_db_statement *list =
        af_db_use(store->db, "SELECT sha256, extension, bytes, durable, node FROM files WHERE task "
                             "= ? ORDER BY made, sha256, extension");
    af_db_integer(list, task);
    af_json_begin(out, "file_list", '[');
    while (af_db_row(list)) {
        af_json_open(out, '{');
        af_json_add_text(out, "sha256", af_db_column_text(list, 0));
        af_json_add_text(out, "extension", af_db_column_text(list, 1));
        af_json_add_integer(out, "bytes", af_db_column_integer(list, 2));
        af_json_add_bool(out, "durable", af_db_column_integer(list, 3) != 0);
        af_json_add_text(out, "node_id", af_db_column_text(list, 4));
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

void af_local_status(struct af_local_store *store, struct af_local_op *op)
{
    struct af_db_statement *list = af_db_use(
        store->db, "SELECT id, name, open, made, ended IS NOT NULL, ended, (SELECT count(*) FROM "
                   "files f WHERE f.task = t.id), (SELECT coalesce(sum(bytes), 0) FROM files f "
                   "WHERE f.task = t.id) FROM tasks t WHERE ?1 IS NULL OR name = ?1 ORDER BY id");
    struct af_buf *out = &op->text;
    size_t found = 0;
    af_buf_append_string(out, "{\"tasks\":[");
    af_db_text(list, op->task.task);
    while (af_db_row(list)) {
        int64_t task = af_db_column_integer(list, 0);
        af_json_open(out, '{');
        af_buf_printf(out, "\"open\":%s", af_db_column_integer(list, 2) ? "true" : "false");
        af_json_add_text(out, "task_id", af_db_column_text(list, 1));
        af_json_add_integer(out, "made", af_db_column_integer(list, 3));
        af_json_add_integer(out, "files", af_db_column_integer(list, 6));
        af_json_add_integer(out, "file_bytes", af_db_column_integer(list, 7));
        if (af_db_column_integer(list, 4))
            af_json_add_integer(out, "ended", af_db_column_integer(list, 5));
        af_buf_append_string(out, ",\"members\":[");
        append_members(store, task, out);
        af_buf_append_string(out, "],\"queues\":[");
        append_queues(store, task, out);
        af_buf_append_string(out, "],\"dead_letters\":[");
        append_dead(store, task, out);
        af_buf_append_string(out, "],\"notes\":[");
        append_notes(store, task, out);
        af_buf_append_char(out, ']');
        if (op->task.task != NULL)
            append_files(store, task, out);
        af_buf_append_char(out, '}');
        found++;
    }
    af_buf_printf(out, "],\"free_bytes\":%lld,\"set_aside\":%llu}", (long long)store->free_bytes,
                  (unsigned long long)store->set_aside);
    if (op->task.task != NULL && found == 0)
        af_local_refuse(op, AF_BUS_NO_TASK, "there is no task '%s'", op->task.task);
    op->result.full = store->room == AF_LOCAL_NO_ROOM;
    if (store->room != AF_LOCAL_ROOM)
        op->result.warning = op->result.full ? "its disk is full" : "its disk is nearly full";
    op->result.text = af_buf_text(out);
    op->result.text_len = out->len;
    op->result.count = found;
}
