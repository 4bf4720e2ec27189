/* chores.c: what is done behind the calls, in small pieces, so that nobody waits for it: what a
 * task that has ended leaves goes, then files that nothing names, and what the file holds in vain.
 * And how much room there is on the disk. */
#include "bus/local/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "base/sha256.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PIECE_ROWS = 100, PIECE_FILES = 50 };

static int64_t run_for(struct af_local_store *store, const char *sql, int64_t id)
{
    struct af_db_statement *run = af_db_use(store->db, sql);
    af_db_integer(run, id);
    return af_db_run(af_db_integer(run, PIECE_ROWS));
}

/* ---- What ended tasks leave. ---- */

static int64_t first_of(struct af_local_store *store, const char *sql, int64_t *task)
{
    struct af_db_statement *find = af_db_use(store->db, sql);
    int64_t id = -1;
    if (af_db_row(find)) {
        id = af_db_column_integer(find, 0);
        *task = af_db_column_integer(find, 1);
    }
    af_db_reset(find);
    return id;
}

/* The newest contract's row stays, so that its id is not given again. */
#define AND_NOT_NEWEST " AND id < (SELECT max(id) FROM contracts)"
#define EMPTY "UPDATE contracts SET broadcast = 0, task = 0, key = 0 WHERE id IN "
#define DELETE_CONTENTS "DELETE FROM contents WHERE contract IN "
#define DELETE "DELETE FROM contracts WHERE id IN "
#define FIRST_OF(table)                                                                            \
    "(SELECT contract FROM " table " WHERE queue = ?1 ORDER BY contract LIMIT ?2)"
#define FIRST_BROADCASTS                                                                           \
    "(SELECT id FROM contracts WHERE task = ?1 AND broadcast = 1 ORDER BY id LIMIT ?2)"
#define TO_FIRST_OF(table)                                                                         \
    " WHERE queue = ?1 AND contract <= (SELECT max(contract) FROM " FIRST_OF(table) ")"

/* A piece of one queue; the queue, when nothing is left of it. */
static void empty_queue(struct af_local_store *store, int64_t queue)
{
    run_for(store, DELETE_CONTENTS FIRST_OF("deliveries"), queue);
    run_for(store, DELETE FIRST_OF("deliveries") AND_NOT_NEWEST, queue);
    run_for(store, EMPTY FIRST_OF("deliveries"), queue); /* what is left of them: the newest */
    int64_t gone = run_for(store, "DELETE FROM deliveries" TO_FIRST_OF("deliveries"), queue);
    if (gone == 0) {
        run_for(store, DELETE_CONTENTS FIRST_OF("dead"), queue);
        run_for(store, DELETE FIRST_OF("dead") AND_NOT_NEWEST, queue);
        run_for(store, EMPTY FIRST_OF("dead"), queue);
        gone = run_for(store, "DELETE FROM dead" TO_FIRST_OF("dead"), queue);
    }
    if (gone == 0)
        run_for(store, "DELETE FROM queues WHERE id = ?1 AND ?2 > 0", queue);
}

/* Returns whether there may be more. */
static bool empty_ended(struct af_local_store *store)
{
    int64_t task = 0;
    int64_t queue =
        first_of(store,
                 "SELECT q.id, q.task FROM tasks t JOIN queues q ON q.task = t.id WHERE "
                 "t.ended IS NOT NULL LIMIT 1",
                 &task);
    if (queue >= 0) {
        empty_queue(store, queue);
        return true;
    }
    if (first_of(store,
                 "SELECT c.id, c.task FROM tasks t JOIN contracts c ON c.task = t.id AND "
                 "c.broadcast = 1 WHERE t.ended IS NOT NULL LIMIT 1",
                 &task) < 0)
        return false;
    run_for(store, DELETE_CONTENTS FIRST_BROADCASTS, task);
    if (run_for(store, DELETE FIRST_BROADCASTS AND_NOT_NEWEST, task) == 0)
        run_for(store, EMPTY FIRST_BROADCASTS, task); /* it is the newest */
    return true;
}

/* ---- Files that nothing names. ---- */

static bool is_named(struct af_local_store *store, const char *sha256)
{
    struct af_db_statement *find =
        af_db_use(store->db, "SELECT 1 FROM files WHERE sha256 = ? LIMIT 1");
    bool named = af_db_row(af_db_text(find, sha256)) || af_db_failed(store->db) != AF_DB_FINE;
    af_db_reset(find);
    return named;
}

static void look_at_file(struct af_local_store *store, int folder, const char *name)
{
    struct stat info;
    bool is_part = strncmp(name, ".put-", 5) == 0; /* of a copy that was broken off */
    bool is_file = af_sha256_is(name);
    if ((is_part || is_file) && fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(info.st_mode) && info.st_mtime < store->wall_s - store->keep_files_s &&
        (is_part || !is_named(store, name)))
        unlinkat(folder, name, 0);
}

/* Returns whether there may be more. */
static bool sweep(struct af_local_store *store)
{
    const struct dirent *entry = NULL;
    if (store->sweep == NULL)
        store->sweep = opendir(store->files);
    for (int i = 0; store->sweep != NULL && i < PIECE_FILES; i++) {
        entry = readdir(store->sweep);
        if (entry == NULL)
            break;
        look_at_file(store, dirfd(store->sweep), entry->d_name);
    }
    if (entry == NULL)
        af_local_end_sweep(store);
    return entry != NULL;
}

void af_local_end_sweep(struct af_local_store *store)
{
    if (store->sweep != NULL)
        closedir(store->sweep);
    store->sweep = NULL;
}

/* ---- In turn. ---- */

void af_local_do_chore(struct af_local_store *store)
{
    if (store->chore == AF_LOCAL_ENDED && !empty_ended(store))
        store->chore = store->is_party ? AF_LOCAL_SHRINK : AF_LOCAL_SWEEP;
    else if (store->chore == AF_LOCAL_SWEEP && !sweep(store))
        store->chore = AF_LOCAL_SHRINK;
    else if (store->chore == AF_LOCAL_SHRINK && !af_db_shrink(store->db))
        store->chore = AF_LOCAL_IDLE;
}

/* ---- Room. ---- */

void af_local_look_for_room(struct af_local_store *store)
{
    struct statvfs disk;
    if (statvfs(store->files, &disk) != 0)
        return;
    int64_t block = (int64_t)disk.f_frsize, all = (int64_t)disk.f_blocks * block;
    int64_t free_bytes = (int64_t)disk.f_bavail * block;
    int64_t reserve = all / 8 < AF_BUS_RESERVE_BYTES ? all / 8 : AF_BUS_RESERVE_BYTES;
    int64_t least = all / 4 < store->min_free ? all / 4 : store->min_free;
    enum af_local_room room = free_bytes < reserve ? AF_LOCAL_NO_ROOM
                              : free_bytes < least ? AF_LOCAL_LITTLE_ROOM
                                                   : AF_LOCAL_ROOM;
    if (room != store->room && !store->is_party)
        af_log(room == AF_LOCAL_ROOM ? AF_LOG_INFO : AF_LOG_WARNING,
               "%s: %lld MiB are free on its disk; %s", store->path, (long long)(free_bytes >> 20),
               room == AF_LOCAL_ROOM ? "that is enough again"
               : room == AF_LOCAL_LITTLE_ROOM
                   ? "make room before it is full"
                   : "nothing more is taken, so that what is there can be "
                     "handed out and acknowledged");
    atomic_store(&store->free_bytes, free_bytes);
    store->left_bytes = free_bytes - reserve;
    store->room = room;
}

bool af_local_need_room(struct af_local_store *store, struct af_local_op *op)
{
    if (store->room != AF_LOCAL_NO_ROOM)
        return true;
    const char *slash = strrchr(store->path, '/');
    af_local_refuse(op, AF_BUS_FULL,
                    "the disk of '%s' is full: what is free is kept for acknowledgements",
                    slash == NULL ? store->path : slash + 1);
    op->result.retry_ns = AF_S_NS;
    return false;
}
