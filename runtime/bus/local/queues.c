/* queues.c: which contracts wait for whom: a queue for each node and channel of a task, made when
 * it is first asked for. */
#include "bus/local/impl.h"

#include "base/db.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdatomic.h>

/* One whose id is none of ours, so that what waits in it cannot be told: it goes, for a new one. */
static void set_queue_aside(struct af_local_store *store, int64_t task, const char *node,
                            const char *channel)
{
    struct af_db_statement *remove =
        af_db_use(store->db, "DELETE FROM queues WHERE task = ? AND node = ? AND channel = ?");
    af_db_run(af_db_text(af_db_text(af_db_integer(remove, task), node), channel));
    atomic_fetch_add(&store->set_aside, 1);
    af_log(AF_LOG_WARNING, "%s: a queue of node '%s' is set aside: its id is none of ours",
           store->path, node);
}

static int64_t find_queue(struct af_local_store *store, int64_t task, const char *node,
                          const char *channel)
{
    struct af_db_statement *find =
        af_db_use(store->db, "SELECT id FROM queues WHERE task = ? AND node = ? AND channel = ?");
    int64_t id = -1;
    if (af_db_row(af_db_text(af_db_text(af_db_integer(find, task), node), channel)))
        id = af_db_column_integer(find, 0) > 0 ? af_db_column_integer(find, 0) : 0;
    af_db_reset(find);
    if (id != 0)
        return id;
    set_queue_aside(store, task, node, channel);
    return -1;
}

int64_t af_local_make_queue(struct af_local_store *store, int64_t task, const char *node,
                            const char *channel)
{
    int64_t id = find_queue(store, task, node, channel);
    if (id >= 0)
        return id;
    struct af_db_statement *insert =
        af_db_use(store->db, "INSERT INTO queues (task, node, channel) VALUES (?, ?, ?)");
    af_db_run(af_db_text(af_db_text(af_db_integer(insert, task), node), channel));
    return af_db_last_id(store->db);
}

void af_local_touch(struct af_local_store *store, int64_t queue)
{
    if (store->touched_count > 0 && store->touched[store->touched_count - 1] == queue)
        return;
    af_mem_reserve(&store->touched, &store->touched_cap, store->touched_count + 1,
                   sizeof *store->touched);
    store->touched[store->touched_count++] = queue;
}

bool af_local_put_into(struct af_local_store *store, int64_t queue, int64_t contract)
{
    struct af_db_statement *insert =
        af_db_use(store->db, "INSERT OR IGNORE INTO deliveries (queue, contract) VALUES (?, ?)");
    if (af_db_run(af_db_integer(af_db_integer(insert, queue), contract)) == 0)
        return false;
    struct af_db_statement *count =
        af_db_use(store->db, "UPDATE queues SET length = length + 1 WHERE id = ?");
    af_db_run(af_db_integer(count, queue));
    af_local_touch(store, queue);
    return true;
}

void af_local_give_broadcasts(struct af_local_store *store, int64_t task, const char *node)
{
    struct af_db_statement *list = af_db_use(
        store->db, "SELECT id, channel FROM contracts WHERE task = ? AND broadcast = 1 ORDER BY "
                   "id");
    af_db_integer(list, task);
    while (af_db_row(list)) {
        int64_t contract = af_db_column_integer(list, 0);
        const char *channel = af_db_column_text(list, 1);
        if (channel != NULL &&
            af_local_put_into(store, af_local_make_queue(store, task, node, channel), contract)) {
            struct af_db_statement *note =
                af_db_use(store->db, "UPDATE contracts SET pending = pending + 1 WHERE id = ?");
            af_db_run(af_db_integer(note, contract));
        }
    }
}
