/* moves.c: parties that go over to another version of their flow, all at once.
 *
 * What each will be is written beside its row while it runs on; a row for no party (0) then says
 * that it is so, for all of them: one small transaction, however many there are. Their own rows
 * follow: some at a time, and before anything of a party is read or written. Without that row what
 * stands there is nothing, and so is what a party has moved on from: of another step. */
#include "store/impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/kill_point.h"

enum { AT_ONCE = 64 }; /* rows that are brought over in one job: about a millisecond's worth */

void af_store_write_move(struct af_store *store, const struct af_store_swap *swap)
{
    struct af_db_statement *row =
        af_db_use(store->db, "INSERT OR REPLACE INTO moves VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    unsigned char hash[16];
    af_store_pack(swap->data_hash, hash);
    af_db_integer(row, swap->party);
    af_db_integer(row, swap->seq);
    af_db_integer(row, swap->time_ns);
    af_db_text(row, swap->versions);
    af_db_text(row, swap->code);
    af_db_text(row, swap->about);
    af_db_text(row, swap->state);
    af_db_text(row, swap->timers);
    af_db_bytes(row, hash, sizeof hash);
    af_store_bind(store, row, swap->seals, swap->party, "data", (struct af_hash){0, 0}, swap->data,
                  swap->data_len);
    af_db_run(row);
    af_arena_release(&store->sealed);
}

/* Whether those that stand there have gone over. */
static bool is_swapped(struct af_store *store)
{
    struct af_db_statement *row = af_db_use(store->db, "SELECT 1 FROM moves WHERE party = 0");
    bool is = af_db_row(row);
    af_db_reset(row);
    return is;
}

/* Brings the rows of these parties over, if they have gone. */
static void bring(struct af_store *store, int64_t first, int64_t last)
{
#define GONE "m.party BETWEEN ? AND ? AND EXISTS (SELECT 1 FROM moves WHERE party = 0)"
    static const char entries[] =
        "INSERT INTO journal (id, party, seq, time, kind, name, state, data, bytes) "
        "SELECT " AF_STORE_ENTRY("m.party",
                                 "(m.seq + 1)") ", m.party, m.seq + 1, m.time, "
                                                "'reload', m.versions, m.state, m.hash, 0 FROM "
                                                "moves m CROSS JOIN party p ON p.id = "
                                                "m.party AND p.seq = m.seq WHERE " GONE;
    static const char rows[] =
        "UPDATE party SET about = m.about, code = m.code, state = m.state, data = m.data, timers = "
        "m.timers, seq = m.seq + 1 FROM moves m WHERE party.id = m.party AND party.seq = m.seq "
        "AND " GONE;
    static const char over[] = "DELETE FROM moves AS m WHERE " GONE;
    static const char *const sql[] = {entries, rows, over};
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++)
        af_db_run(af_db_integer(af_db_integer(af_db_use(store->db, sql[i]), first), last));
}

void af_store_bring(struct af_store *store, int64_t party)
{
    if (store->moves)
        bring(store, party, party);
}

void af_store_bring_some(struct af_store *store)
{
    struct af_db_statement *row =
        af_db_use(store->db, "SELECT ifnull(max(party), 0) FROM (SELECT party FROM moves WHERE "
                             "party > 0 ORDER BY party LIMIT ?)");
    int64_t last = af_db_row(af_db_integer(row, AT_ONCE)) ? af_db_column_integer(row, 0) : 0;
    af_db_reset(row);
    af_kill_point("bring");
    if (last > 0 && is_swapped(store))
        bring(store, 1, last);
    else if (last == 0)
        af_store_bring_all(store);
}

void af_store_bring_all(struct af_store *store)
{
    if (is_swapped(store)) {
        bring(store, 1, INT64_MAX);
        af_store_forget_code(store);
    }
    af_db_run(af_db_use(store->db, "DELETE FROM moves"));
    store->brings_all = true;
}

int af_store_swap(struct af_store *store, const struct af_store_code *code,
                  const struct af_store_swap *swaps, size_t count, struct af_failure *why)
{
    if (af_store_flush(store, why) != 0)
        return -1;
    pthread_mutex_lock(&store->db_lock);
    bool ok = af_db_begin(store->db);
    int result = 0;
    for (size_t i = 0; i < count && ok && result == 0; i++)
        if (swaps[i].seals)
            result = af_store_need_key(store, why);
    if (ok && result == 0) {
        if (is_swapped(store))
            af_store_bring_all(store);
        af_store_write_code(store, code);
        for (size_t i = 0; i < count; i++)
            af_store_write_move(store, &swaps[i]);
        af_db_run(af_db_use(store->db, "INSERT INTO moves (party) VALUES (0)"));
        af_kill_point("swap-written");
        ok = af_db_commit(store->db);
        af_kill_point("swap-kept");
    } else if (ok) {
        af_db_roll_back(store->db);
    }
    if (ok && result == 0)
        store->moves = true;
    if (!ok)
        result = af_store_fail(store, why);
    pthread_mutex_unlock(&store->db_lock);
    if (result == 0)
        af_store_bring_later(store);
    return result;
}
