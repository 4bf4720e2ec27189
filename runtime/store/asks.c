/* asks.c: launches that wait for an operator, as rows. */
#include "store/impl.h"

#include "json/json.h"

#include <string.h>

int af_store_keep_ask(struct af_store *store, const char *task, const char *about,
                      struct af_failure *why)
{
    pthread_mutex_lock(&store->db_lock);
    bool ok = af_db_begin(store->db);
    if (ok) {
        af_db_run(af_db_text(af_db_use(store->db, "DELETE FROM ask WHERE task = ?"), task));
        if (about != NULL)
            af_db_run(af_db_text(
                af_db_text(af_db_use(store->db, "INSERT INTO ask (task, about) VALUES (?, ?)"),
                           task),
                about));
        ok = af_db_commit(store->db);
    }
    int result = ok ? 0 : af_store_fail(store, why);
    pthread_mutex_unlock(&store->db_lock);
    return result;
}

int af_store_each_ask(struct af_store *store,
                      void (*each)(void *arg, const char *task, const char *about), void *arg,
                      struct af_failure *why)
{
    pthread_mutex_lock(&store->db_lock);
    bool ok = af_db_begin(store->db);
    struct af_db_statement *row =
        ok ? af_db_use(store->db, "SELECT task, about FROM ask ORDER BY task") : NULL;
    while (ok && af_db_row(row)) {
        const char *task = af_db_column_text(row, 0), *about = af_db_column_text(row, 1);
        if (task != NULL && about != NULL && af_json_is_utf8(task, strlen(task)))
            each(arg, task, about);
    }
    ok = ok && af_db_commit(store->db);
    int result = ok ? 0 : af_store_fail(store, why);
    pthread_mutex_unlock(&store->db_lock);
    return result;
}
