/* age.c: whether the store is the one that it was.
 *
 * A store's age is a number that grows with each commit that is told to anybody, and the name of
 * the start in which that was: each start of a process makes a row of `starts` with a name by
 * chance and the age at which it began. Who was told an age gives it back: a store that was never
 * that old, or was another start's then, is an older copy that was put back, or another one. */
#include "bus/local/impl.h"

#include "base/bounds.h"
#include "base/log.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 17, STARTS_MAX = 1000 };

static void begin_start(struct af_local_store *store)
{
    unsigned char bytes[NAME_BYTES / 2];
    char name[NAME_BYTES];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(name, sizeof name, bytes, sizeof bytes);
    struct af_db_statement *insert = af_db_use(
        store->db, "INSERT INTO starts (began, age, name) SELECT ifnull(max(age), 0) + 1, "
                   "ifnull(max(age), 0) + 1, ? FROM starts");
    af_db_run(af_db_text(insert, name));
    struct af_db_statement *forget = af_db_use(
        store->db, "DELETE FROM starts WHERE began < (SELECT began FROM starts ORDER BY began DESC "
                   "LIMIT 1 OFFSET ?)");
    af_db_run(af_db_integer(forget, STARTS_MAX - 1));
}

void af_local_grow(struct af_local_store *store, bool is_told)
{
    if (!store->begun)
        begin_start(store);
    else if (!is_told || !af_db_has_changed(store->db))
        return;
    struct af_db_statement *grow =
        af_db_use(store->db, "UPDATE starts SET age = age + 1 WHERE began = (SELECT max(began) "
                             "FROM starts) RETURNING age, name");
    const char *name = af_db_row(grow) ? af_db_column_text(grow, 1) : NULL;
    store->age[0] = '\0';
    if (name != NULL)
        snprintf(store->age, sizeof store->age, "%lld.%.*s",
                 (long long)af_db_column_integer(grow, 0), NAME_BYTES - 1, name);
    af_db_reset(grow);
}

/* How old the store is. */
static int64_t read_age(struct af_local_store *store)
{
    struct af_db_statement *read =
        af_db_use(store->db, "SELECT age FROM starts ORDER BY began DESC LIMIT 1");
    int64_t age = af_db_row(read) ? af_db_column_integer(read, 0) : 0;
    af_db_reset(read);
    return age;
}

/* Whether another start than the named one was there at that age. Those of long ago are not known
 * any more. */
static bool was_another(struct af_local_store *store, int64_t age, const char *name)
{
    struct af_db_statement *read = af_db_use(
        store->db, "SELECT name FROM starts WHERE began <= ? ORDER BY began DESC LIMIT 1");
    bool found = af_db_row(af_db_integer(read, age));
    const char *text = found ? af_db_column_text(read, 0) : NULL;
    bool another = found && (text == NULL || strcmp(text, name) != 0);
    af_db_reset(read);
    return another;
}

bool af_local_is_older(struct af_local_store *store, struct af_local_op *op)
{
    char *point = NULL;
    const char *told = op->take.age;
    int64_t age = told == NULL ? 0 : strtoll(told, &point, 10);
    if (age <= 0 || *point != '.')
        return false;
    int64_t now = read_age(store);
    if (age <= now && !was_another(store, age, point + 1))
        return false;
    if (af_db_failed(store->db) != AF_DB_FINE)
        return true;
    const char *slash = strrchr(store->path, '/');
    af_local_refuse(op, AF_BUS_OLDER,
                    "'%s' is older than it was, or another (commit %lld was told, and it is at "
                    "%lld): put the newer one back; a node goes on with this one all the same by "
                    "`afrun ctl again`",
                    slash == NULL ? store->path : slash + 1, (long long)age, (long long)now);
    op->result.retry_ns = AF_S_NS;
    if (!store->told_older)
        af_log(AF_LOG_ERROR, "node '%s' knows of more than this store does: %s", op->take.node,
               op->result.why);
    store->told_older = true;
    return true;
}
