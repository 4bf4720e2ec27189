/* code.c: what parties run, kept beside them. */
#include "store/impl.h"

#include "base/bounds.h"
#include "code/code.h"
#include "base/failure.h"

#include <string.h>

/* ---- Code. ---- */

void af_store_write_code(struct af_store *store, const struct af_store_code *code)
{
    struct af_db_statement *row =
        af_db_use(store->db, "INSERT INTO code (hash, file, flow, version, adopted) VALUES (?, ?, "
                             "?, ?, (SELECT coalesce(max(adopted), 0) + 1 FROM code)) ON CONFLICT "
                             "(hash, file) DO UPDATE SET adopted = excluded.adopted");
    af_db_text(row, code->hash);
    af_db_text(row, code->file);
    af_db_text(row, code->flow);
    af_db_integer(row, code->version);
    af_db_run(row);
    for (size_t i = 0; i < code->code->count; i++) {
        const struct af_code_file *file = &code->code->files[i];
        if (file->bytes == NULL)
            continue;
        row = af_db_use(store->db, "INSERT INTO code_file (hash, place, path, bytes) VALUES (?, ?, "
                                   "?, ?) ON CONFLICT DO NOTHING");
        af_db_text(row, code->hash);
        af_db_integer(row, (int64_t)i);
        af_db_text(row, file->path);
        af_db_bytes(row, file->bytes, file->len);
        af_db_run(row);
    }
}

/* Forgets what no party runs any more, but the version before for a rollback, and the highest. */
void af_store_forget_code(struct af_store *store)
{
    af_db_run(af_db_use(store->db,
                        "DELETE FROM code WHERE hash NOT IN (SELECT code FROM party) AND adopted < "
                        "(SELECT min(adopted) FROM (SELECT adopted FROM code o WHERE o.file = "
                        "code.file ORDER BY adopted DESC LIMIT 2)) AND version < (SELECT "
                        "max(version) FROM code o WHERE o.file = code.file)"));
    af_db_run(
        af_db_use(store->db, "DELETE FROM code_file WHERE hash NOT IN (SELECT hash FROM code)"));
}

int af_store_keep_code(struct af_store *store, const struct af_store_code *code,
                       struct af_failure *why)
{
    pthread_mutex_lock(&store->db_lock);
    bool ok = af_db_begin(store->db);
    if (ok) {
        af_store_write_code(store, code);
        ok = af_db_commit(store->db);
    }
    int result = ok ? 0 : af_store_fail(store, why);
    pthread_mutex_unlock(&store->db_lock);
    return result;
}

int af_store_read_code(struct af_store *store, const char *hash, struct af_code *code,
                       struct af_failure *why)
{
    pthread_mutex_lock(&store->db_lock);
    bool ok = af_db_begin(store->db);
    if (ok) {
        struct af_db_statement *row =
            af_db_use(store->db, "SELECT path, bytes FROM code_file WHERE hash = ? ORDER BY place");
        af_db_text(row, hash);
        while (af_db_row(row)) {
            size_t len = 0;
            const void *bytes = af_db_column_bytes(row, 1, &len);
            const char *path = af_db_column_text(row, 0);
            if (path != NULL) /* else its hash tells that something is missing */
                af_code_add(code, path, bytes, len);
        }
        ok = af_db_commit(store->db);
    }
    int result = ok ? 0 : af_store_fail(store, why);
    pthread_mutex_unlock(&store->db_lock);
    if (result == 0 && code->count == 0)
        result = af_failure_set(why, AF_FAILURE_TRANSPORT, "state",
                                "the code that its party runs is not there");
    return result;
}

int af_store_code_before(struct af_store *store, const char *file, int64_t version, char hash[65],
                         int64_t *found_version, struct af_failure *why)
{
    pthread_mutex_lock(&store->db_lock);
    bool found = false;
    if (af_db_begin(store->db)) {
        struct af_db_statement *row = af_db_use(
            store->db, "SELECT hash, version FROM code WHERE file = ? AND version < ? ORDER BY "
                       "version DESC, adopted DESC LIMIT 1");
        af_db_text(row, file);
        af_db_integer(row, version);
        const char *text = af_db_row(row) ? af_db_column_text(row, 0) : NULL;
        found = text != NULL && strlen(text) == 64;
        if (found)
            memcpy(hash, text, 65);
        if (found && found_version != NULL)
            *found_version = af_db_column_integer(row, 1);
        af_db_reset(row);
        af_db_commit(store->db);
    }
    pthread_mutex_unlock(&store->db_lock);
    return found ? 0
                 : af_failure_set(why, AF_FAILURE_USAGE, file,
                                  "no version before %lld is kept here", (long long)version);
}
