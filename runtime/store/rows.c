/* rows.c: parties and their records as rows of the file. */
#include "store/impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "json/json.h"
#include "base/log.h"

#include <string.h>

#define JOURNAL                                                                                    \
    "CREATE TABLE journal ("                                                                       \
    "  id INTEGER PRIMARY KEY, party INTEGER NOT NULL, seq INTEGER NOT NULL,"                      \
    "  bytes INTEGER NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL, key BLOB, uuid BLOB,"    \
    "  sender TEXT, type TEXT, name TEXT, state TEXT, data BLOB,"                                  \
    "  content BLOB, sends TEXT, answers TEXT);" /* what is large comes last */

#define KEPT                                                                                       \
    "CREATE TABLE kept ("                                                                          \
    "  party INTEGER NOT NULL, hash BLOB NOT NULL, sealed BLOB NOT NULL,"                          \
    "  PRIMARY KEY (party, hash));"

#define ASKS "CREATE TABLE ask (task TEXT PRIMARY KEY, about TEXT NOT NULL);"

/* Of no party (0): it has come to all others. */
#define MOVES                                                                                      \
    "CREATE TABLE moves ("                                                                         \
    "  party INTEGER PRIMARY KEY, seq INTEGER, time INTEGER, versions TEXT, code TEXT,"            \
    "  about TEXT, state TEXT, timers TEXT, hash BLOB, data BLOB);"

/* A mark of whose file it is, and the version of all that stands below. */
const struct af_db_format af_store_format = {
    .name = "store of parties",
    .application_id = 0x61667374, /* "afst" */
    .version = 7,                 /* since then a swap is written beside what it swaps: moves.c */
    .exclusive = true,
    .upgrades =
        (const char *const[]){
            /* files of version 1 have a journal with this number, or an older one without */
            "ALTER TABLE journal RENAME TO journal_1;" JOURNAL
            "INSERT INTO journal SELECT " AF_STORE_ENTRY(
                "party", "seq") ", party, seq, bytes, time, kind, "
                                "key, uuid, sender, type, name, state, data, content, sends, "
                                "answers FROM journal_1;"
                                "DROP TABLE journal_1;",
            "ALTER TABLE party ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;", KEPT,
            "" /* seed, data and contents may be sealed: seal.c */, ASKS, MOVES},
    .schema =
        "CREATE TABLE party ("
        "  id INTEGER PRIMARY KEY, task TEXT NOT NULL, node TEXT NOT NULL,"
        "  about TEXT NOT NULL, code TEXT NOT NULL, seed BLOB NOT NULL,"
        "  made INTEGER NOT NULL,"
        "  status INTEGER NOT NULL DEFAULT 0, state TEXT, data BLOB NOT NULL DEFAULT '{}',"
        "  fired INTEGER NOT NULL DEFAULT 0, timers TEXT NOT NULL DEFAULT '[]',"
        "  result TEXT, reason TEXT, held TEXT, progress INTEGER NOT NULL DEFAULT -1,"
        "  seq INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL DEFAULT 0,"
        "  since INTEGER NOT NULL, paused INTEGER NOT NULL DEFAULT 0,"
        "  UNIQUE (task, node));"
        "CREATE TABLE deferred ("
        "  id INTEGER PRIMARY KEY, party INTEGER NOT NULL, key BLOB NOT NULL, sender TEXT,"
        "  type TEXT NOT NULL, uuid BLOB NOT NULL, time INTEGER NOT NULL,"
        "  content BLOB NOT NULL);"
        "CREATE INDEX deferred_of_party ON deferred (party, id);"
        "CREATE TABLE code ("
        "  hash TEXT NOT NULL, file TEXT NOT NULL, flow TEXT NOT NULL,"
        "  version INTEGER NOT NULL, adopted INTEGER NOT NULL, PRIMARY KEY (hash, file));"
        "CREATE TABLE code_file ("
        "  hash TEXT NOT NULL, place INTEGER NOT NULL, path TEXT NOT NULL, bytes BLOB NOT NULL,"
        "  PRIMARY KEY (hash, place));" JOURNAL KEPT ASKS MOVES,
};

/* ---- Hashes. ---- */

static struct af_hash hash_of(const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    struct af_hash hash = {0, 0};
    for (int i = 0; bytes != NULL && len == 16 && i < 8; i++) {
        hash.a = hash.a << 8 | bytes[i];
        hash.b = hash.b << 8 | bytes[8 + i];
    }
    return hash;
}

static struct af_hash column_hash(struct af_db_statement *row, int column)
{
    size_t len = 0;
    const char *bytes = af_db_column_bytes(row, column, &len);
    return hash_of(bytes, len);
}

/* ---- Columns. What they hold may have been written by somebody else, or the disk be damaged: what
 * is not as we write it is none, which whoever goes on from the row takes for damage. ---- */

static const char *column_utf8(struct af_db_statement *row, int column)
{
    const char *text = af_db_column_text(row, column);
    return text != NULL && af_json_is_utf8(text, strlen(text)) ? text : NULL;
}

/* Of a column that always has one. */
static const char *column_word(struct af_db_statement *row, int column)
{
    const char *text = column_utf8(row, column);
    return text == NULL ? "" : text;
}

static const char *column_json(struct af_db_statement *row, int column)
{
    const char *text = column_utf8(row, column);
    struct af_json_reader reader;
    if (text == NULL)
        return NULL;
    af_json_reader_init(&reader, text, strlen(text));
    bool ok = af_json_skip(&reader, af_json_next(&reader)) && af_json_next(&reader) == AF_JSON_END;
    af_json_reader_release(&reader);
    return ok ? text : NULL;
}

/* Null where a step has sent nothing; "" where what it sent cannot be read. */
static const char *column_sends(struct af_db_statement *row, int column)
{
    return af_db_column_is_null(row, column) ? NULL : column_word(row, column);
}

/* A count, or a time since 1970 with which one can reckon. */
static int64_t column_count(struct af_db_statement *row, int column)
{
    int64_t value = af_db_column_integer(row, column);
    return value < 0 || value > INT64_MAX / 2 ? 0 : value;
}

static int column_small(struct af_db_statement *row, int column)
{
    int64_t value = af_db_column_integer(row, column);
    return value < -1 || value > 100 ? -1 : (int)value;
}

/* ---- Writing. ---- */

static int64_t bytes_of(const struct af_store_entry *entry)
{
    return (int64_t)(entry->content_len + (entry->sends == NULL ? 0 : strlen(entry->sends)) +
                     (entry->answers == NULL ? 0 : strlen(entry->answers)));
}

/* A text of an entry; sealed it is a blob. */
static void bind_text(struct af_store *store, struct af_db_statement *row,
                      const struct af_store_record *record, const char *column, const char *text)
{
    struct af_hash at = {0, (uint64_t)record->entry.seq};
    if (record->seals && text != NULL)
        af_store_bind(store, row, true, record->party, column, at, text, strlen(text));
    else
        af_db_text(row, text);
}

static void write_entry(struct af_store *store, const struct af_store_record *record)
{
    const struct af_store_entry *entry = &record->entry;
    unsigned char key[16], uuid[16], data[16];
    struct af_db_statement *row =
        af_db_use(store->db, "INSERT INTO journal VALUES (" AF_STORE_ENTRY(
                                 "?1", "?2") ", ?1, ?2, "
                                             "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    af_store_pack(entry->key, key);
    af_store_pack(entry->uuid, uuid);
    af_store_pack(entry->data, data);
    af_db_integer(row, record->party);
    af_db_integer(row, entry->seq);
    af_db_integer(row, bytes_of(entry));
    af_db_integer(row, entry->time_ns);
    af_db_text(row, entry->kind);
    af_db_bytes(row, key, sizeof key);
    af_db_bytes(row, entry->type == NULL ? NULL : uuid, sizeof uuid);
    af_db_text(row, entry->sender);
    af_db_text(row, entry->type);
    af_db_text(row, entry->name);
    af_db_text(row, entry->state);
    af_db_bytes(row, data, sizeof data);
    struct af_hash at = {0, (uint64_t)entry->seq};
    af_store_bind(store, row, record->seals, record->party, "content", at, entry->content,
                  entry->content_len);
    bind_text(store, row, record, "sends", entry->sends);
    bind_text(store, row, record, "answers", entry->answers);
    af_db_run(row);
    store->bytes_since_trim += bytes_of(entry);
}

static void write_deferred(struct af_store *store, const struct af_store_record *record)
{
    const struct af_store_entry *entry = &record->entry;
    unsigned char key[16], uuid[16];
    af_store_pack(entry->key, key);
    af_store_pack(entry->uuid, uuid);
    if (record->was_deferred) {
        struct af_db_statement *gone =
            af_db_use(store->db, "DELETE FROM deferred WHERE party = ? AND key = ?");
        af_db_integer(gone, record->party);
        af_db_bytes(gone, key, sizeof key);
        af_db_run(gone);
    }
    if (!record->defers)
        return;
    struct af_db_statement *row =
        af_db_use(store->db, "INSERT INTO deferred (party, key, sender, type, uuid, time, content) "
                             "VALUES (?, ?, ?, ?, ?, ?, ?)");
    af_db_integer(row, record->party);
    af_db_bytes(row, key, sizeof key);
    af_db_text(row, entry->sender);
    af_db_text(row, entry->type);
    af_db_bytes(row, uuid, sizeof uuid);
    af_db_integer(row, record->contract_time_ns);
    af_store_bind(store, row, record->seals, record->party, "defer", entry->key, entry->content,
                  entry->content_len);
    af_db_run(row);
}

/* Who seals anything has its seed sealed, too: secret randomness is drawn from it. */
static bool needs_key(const struct af_store_record *record)
{
    return record->seals || record->kept_count > 0;
}

static void write_party(struct af_store *store, const struct af_store_record *record)
{
    static const struct af_hash whole = {0, 0};
    unsigned char seed[16];
    const struct af_store_party *now = &record->now;
    struct af_db_statement *row = af_db_use(
        store->db,
        "UPDATE party SET status = ?, state = ?, data = ifnull(?, data), fired = ?, "
        "timers = ifnull(?, timers), result = ?, reason = ?, held = ?, progress = ?, "
        "seq = ?, sent = max(ifnull(sent, 0), ?), since = ?, paused = ?, "
        "seed = CASE WHEN length(seed) > 16 THEN seed ELSE ifnull(?, seed) END WHERE id = ?");
    af_db_integer(row, now->status);
    af_db_text(row, now->state);
    af_store_bind(store, row, record->seals, record->party, "data", whole, now->data,
                  now->data_len);
    af_db_integer(row, (int64_t)now->fired);
    af_db_text(row, now->timers);
    af_db_text(row, now->result);
    af_db_text(row, now->reason);
    af_db_text(row, now->held);
    af_db_integer(row, now->progress);
    af_db_integer(row, now->seq);
    af_db_integer(row, now->sent);
    af_db_integer(row, now->since_ns);
    af_db_integer(row, now->paused_ns);
    af_store_pack(now->seed, seed);
    af_store_bind(store, row, true, record->party, "seed", whole,
                  needs_key(record) && (now->seed.a | now->seed.b) != 0 ? seed : NULL, sizeof seed);
    af_db_integer(row, record->party);
    af_db_run(row);
    if (now->status >= 2 && record->entry.kind != NULL) { /* it has ended: nothing is deferred */
        struct af_db_statement *gone = af_db_use(store->db, "DELETE FROM deferred WHERE party = ?");
        af_db_integer(gone, record->party);
        af_db_run(gone);
    }
}

int af_store_write(struct af_store *store, const struct af_store_record *record,
                   struct af_failure *why)
{
    if (needs_key(record) && af_store_need_key(store, why) != 0)
        return -1;
    af_store_bring(store, record->party);
    if (record->entry.kind != NULL)
        write_entry(store, record);
    if (record->defers || record->was_deferred)
        write_deferred(store, record);
    for (size_t i = 0; i < record->kept_count; i++)
        af_store_write_kept(store, record->party, &record->kept[i]);
    write_party(store, record);
    af_arena_release(&store->sealed);
    return 0;
}

void af_store_trim(struct af_store *store, int64_t party, int64_t now_ns)
{
    struct af_db_statement *find = af_db_use(
        store->db,
        "SELECT max(seq) FROM (SELECT seq, time, sum(bytes) OVER (ORDER BY seq DESC) AS total "
        "FROM journal WHERE " AF_STORE_OF_PARTY("?1") " AND bytes > 0) "
                                                      "WHERE total > ?2 OR time < ?3");
    af_db_integer(find, party);
    af_db_integer(find, store->options.journal_bytes);
    af_db_integer(find, now_ns - store->options.journal_age_ns);
    int64_t last = af_db_row(find) ? af_db_column_integer(find, 0) : 0;
    af_db_reset(find);
    if (last <= 0)
        return;
    struct af_db_statement *strip = af_db_use(
        store->db, "UPDATE journal SET content = NULL, sends = NULL, answers = NULL, bytes = -1 "
                   "WHERE id > ?1 << 40 AND id <= " AF_STORE_ENTRY(
                       "?1", "?2") " AND bytes >= 0 "
                                   "AND seq <= (SELECT sent FROM party WHERE id = ?1)");
    af_db_integer(strip, party);
    af_db_integer(strip, last);
    af_db_run(strip);
    struct af_db_statement *drop =
        af_db_use(store->db, "DELETE FROM journal WHERE " AF_STORE_OF_PARTY(
                                 "?1") " AND bytes < 0 AND seq < "
                                       "(SELECT seq FROM party WHERE id = ?1) - ?2");
    af_db_integer(drop, party);
    af_db_integer(drop, AF_PARTY_SEEN_MAX);
    af_db_run(drop);
}

/* ---- Parties. ---- */

int64_t af_store_add(struct af_store *store, const struct af_store_party *party,
                     struct af_failure *why)
{
    static const struct af_hash whole = {0, 0};
    unsigned char seed[16];
    int64_t id = -1;
    af_store_pack(party->seed, seed);
    pthread_mutex_lock(&store->db_lock);
    bool ok = af_db_begin(store->db);
    if (ok && party->seals && af_store_need_key(store, why) != 0) {
        af_db_roll_back(store->db);
        pthread_mutex_unlock(&store->db_lock);
        return -1;
    }
    if (ok) {
        struct af_db_statement *next =
            af_db_use(store->db, "SELECT coalesce(max(id), 0) + 1 FROM party WHERE id > 0 AND id "
                                 "< " AF_STORE_PARTIES);
        id = af_db_row(next) ? af_db_column_integer(next, 0) : -1;
        af_db_reset(next);
        struct af_db_statement *row = af_db_use(
            store->db, "INSERT INTO party (id, task, node, about, code, seed, made, since) VALUES "
                       "(?, ?, ?, ?, ?, ?, ?, ?)");
        af_db_integer(row, id);
        af_db_text(row, party->task);
        af_db_text(row, party->node);
        af_db_text(row, party->about);
        af_db_text(row, party->code);
        af_store_bind(store, row, party->seals, id, "seed", whole, seed, sizeof seed);
        af_db_integer(row, party->made_ns);
        af_db_integer(row, party->made_ns);
        af_db_run(row);
        af_arena_release(&store->sealed);
        ok = af_db_commit(store->db);
    }
    if (!ok)
        id = af_store_fail(store, why);
    pthread_mutex_unlock(&store->db_lock);
    return id;
}

int af_store_remove(struct af_store *store, int64_t party, struct af_failure *why)
{
    static const char *const sql[] = {"DELETE FROM journal WHERE " AF_STORE_OF_PARTY("?1"),
                                      "DELETE FROM deferred WHERE party = ?",
                                      "DELETE FROM kept WHERE party = ?",
                                      "DELETE FROM party WHERE id = ?"};
    if (af_store_flush(store, why) != 0)
        return -1;
    pthread_mutex_lock(&store->db_lock);
    bool ok = af_db_begin(store->db);
    if (ok)
        af_store_bring(store, party);
    for (size_t i = 0; i < sizeof sql / sizeof sql[0] && ok; i++) {
        struct af_db_statement *row = af_db_use(store->db, sql[i]);
        af_db_integer(row, party);
        af_db_run(row);
    }
    if (ok)
        af_store_forget_code(store);
    ok = ok && af_db_commit(store->db);
    int result = ok ? 0 : af_store_fail(store, why);
    pthread_mutex_unlock(&store->db_lock);
    return result;
}

struct af_store_party af_store_party_copy(struct af_arena *arena,
                                          const struct af_store_party *party)
{
    struct af_store_party copy = *party;
    const char **const texts[] = {&copy.task,   &copy.node,   &copy.about,  &copy.code, &copy.state,
                                  &copy.timers, &copy.result, &copy.reason, &copy.held};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = af_arena_string(arena, *texts[i]);
    copy.data = af_arena_copy(arena, party->data, party->data_len);
    return copy;
}

/* Data and seed of a party whose row is read, sealed or not. */
static void read_own(struct af_store *store, struct af_db_statement *row,
                     struct af_store_party *party)
{
    static const struct af_hash whole = {0, 0};
    size_t len;
    store->is_locked = false;
    if (af_store_is_sealed(row, 4)) {
        const char *seed = af_store_open_column(store, row, 4, party->id, "seed", whole, &len);
        party->seed = hash_of(seed, len);
    } else {
        af_db_column_bytes(row, 4, &len);
        party->torn = party->torn || len != sizeof party->seed; /* what it draws would be known */
    }
    if (af_store_is_sealed(row, 8)) {
        party->data =
            af_store_open_column(store, row, 8, party->id, "data", whole, &party->data_len);
        party->data = party->data == NULL ? "" : party->data;
    } else {
        party->data = af_db_column_bytes(row, 8, &party->data_len);
    }
    party->locked = store->is_locked;
}

static struct af_store_party read_party(struct af_store *store, struct af_db_statement *row)
{
    struct af_store_party party = {.id = af_db_column_integer(row, 0),
                                   .task = column_utf8(row, 1),
                                   .node = column_utf8(row, 2),
                                   .about = column_word(row, 3),
                                   .seed = column_hash(row, 4),
                                   .made_ns = column_count(row, 5),
                                   .status = column_small(row, 6),
                                   .state = column_utf8(row, 7),
                                   .fired = (uint64_t)af_db_column_integer(row, 9),
                                   .timers = column_word(row, 10),
                                   .result = column_json(row, 11),
                                   .reason = column_utf8(row, 12),
                                   .held = column_utf8(row, 13),
                                   .progress = column_small(row, 14),
                                   .seq = column_count(row, 15),
                                   .sent = column_count(row, 16),
                                   .since_ns = column_count(row, 17),
                                   .code = column_word(row, 18),
                                   .data_hash = column_hash(row, 19),
                                   .paused_ns = column_count(row, 21)};
    party.torn = af_db_column_integer(row, 15) != af_db_column_integer(row, 20);
    read_own(store, row, &party);
    return party;
}

/* The last entry of its journal, or none. */
#define LAST_ENTRY(column)                                                                         \
    "(SELECT j." column                                                                            \
    " FROM journal j WHERE " AF_STORE_OF_PARTY("party.id") " ORDER BY j.id DESC LIMIT 1)"

#define SELECT_PARTIES                                                                             \
    "SELECT id, task, node, about, seed, made, status, state, data, fired, timers, result, "       \
    "reason, held, progress, seq, sent, since, code, " LAST_ENTRY("data") ", ifnull(" LAST_ENTRY(  \
        "seq") ", 0), paused FROM party"

/* Two statements: one with "?1 = 0 OR" would go through the whole table for one party. */
static struct af_db_statement *use_parties(struct af_store *store, int64_t id)
{
    if (id == 0) {
        if (store->moves)
            af_store_bring_all(store);
        return af_db_use(store->db, SELECT_PARTIES " ORDER BY id");
    }
    af_store_bring(store, id);
    return af_db_integer(af_db_use(store->db, SELECT_PARTIES " WHERE id = ?"), id);
}

/* id 0: all */
static int read_parties(struct af_store *store, int64_t id,
                        void (*each)(void *arg, const struct af_store_party *), void *arg,
                        struct af_failure *why)
{
    pthread_mutex_lock(&store->db_lock);
    bool ok = af_db_begin(store->db);
    struct af_db_statement *row = ok ? use_parties(store, id) : NULL;
    while (ok && af_db_row(row)) {
        struct af_store_party party = read_party(store, row);
        const char *wrong =
            party.id <= 0 || party.id > AF_STORE_PARTY_MAX ? "its id is none of ours"
            : party.task == NULL || party.node == NULL     ? "its task or node is no text"
                                                           : NULL;
        if (wrong == NULL)
            each(arg, &party);
        else
            af_log(AF_LOG_WARNING, "party %lld is passed over: %s", (long long)party.id, wrong);
        af_arena_release(&store->opened);
    }
    ok = ok && af_db_commit(store->db);
    int result = ok ? 0 : af_store_fail(store, why);
    pthread_mutex_unlock(&store->db_lock);
    return result;
}

int af_store_each(struct af_store *store, void (*each)(void *arg, const struct af_store_party *),
                  void *arg, struct af_failure *why)
{
    return read_parties(store, 0, each, arg, why);
}

int af_store_read(struct af_store *store, int64_t party,
                  void (*each)(void *arg, const struct af_store_party *), void *arg,
                  struct af_failure *why)
{
    return read_parties(store, party, each, arg, why);
}

/* ---- Journals. ---- */

static const char entry_columns[] =
    "SELECT seq, time, kind, key, uuid, sender, type, name, state, "
    "data, sends, answers, bytes, content FROM journal "
    "WHERE id > " AF_STORE_ENTRY("?1", "?2") " AND id < (?1 + 1) << 40 ORDER BY id";

/* A column of an entry that may be sealed; NULL: it is not. */
static const char *opened(struct af_store *store, struct af_db_statement *row, int number,
                          int64_t party, const char *column, size_t *len)
{
    struct af_hash at = {0, (uint64_t)af_db_column_integer(row, 0)};
    return af_store_is_sealed(row, number)
               ? af_store_open_column(store, row, number, party, column, at, len)
               : NULL;
}

static struct af_store_entry read_entry(struct af_store *store, int64_t party,
                                        struct af_db_statement *row)
{
    struct af_store_entry entry = {.seq = af_db_column_integer(row, 0),
                                   .time_ns = column_count(row, 1),
                                   .kind = column_word(row, 2),
                                   .key = column_hash(row, 3),
                                   .uuid = column_hash(row, 4),
                                   .sender = column_utf8(row, 5),
                                   .type = column_utf8(row, 6),
                                   .name = column_utf8(row, 7),
                                   .state = column_utf8(row, 8),
                                   .data = column_hash(row, 9),
                                   .sends = column_sends(row, 10),
                                   .answers = column_utf8(row, 11),
                                   .whole = af_db_column_integer(row, 12) >= 0};
    size_t len;
    const char *sends = opened(store, row, 10, party, "sends", &len);
    const char *answers = opened(store, row, 11, party, "answers", &len);
    entry.sends = sends == NULL ? entry.sends : sends;
    entry.answers = answers == NULL ? entry.answers : answers;
    entry.content = opened(store, row, 13, party, "content", &entry.content_len);
    if (entry.content == NULL)
        entry.content = af_db_column_bytes(row, 13, &entry.content_len);
    return entry;
}

/* Calls each for the first entries behind `after`; the file is locked, and a transaction is open.
 */
static void read_entries(struct af_store *store, int64_t party, int64_t after, int64_t max,
                         af_store_entry_fn *each, void *arg)
{
    struct af_db_statement *row = af_db_use(store->db, entry_columns);
    af_db_integer(row, party);
    af_db_integer(row, after);
    while (max-- > 0 && af_db_row(row)) {
        struct af_store_entry entry = read_entry(store, party, row);
        if (!store->is_locked)
            each(arg, &entry);
        af_arena_release(&store->opened);
    }
    af_db_reset(row);
}

static void read_deferred(struct af_store *store, int64_t party,
                          const struct af_store_loader *loader)
{
    /* what is told of it stands in the entry by which it was deferred, as long as that is kept */
    struct af_db_statement *row =
        af_db_use(store->db,
                  "WITH told AS MATERIALIZED (SELECT key, name FROM journal WHERE "
                  "EXISTS (SELECT 1 FROM deferred WHERE party = ?1) AND " AF_STORE_OF_PARTY(
                      "?1") " AND kind = 'defer' AND name IS NOT NULL GROUP BY key) "
                            "SELECT d.key, uuid, sender, type, time, content, name FROM deferred d "
                            "LEFT JOIN told ON told.key = d.key WHERE party = ?1 ORDER BY id");
    af_db_integer(row, party);
    while (af_db_row(row)) {
        struct af_store_entry entry = {.key = column_hash(row, 0),
                                       .uuid = column_hash(row, 1),
                                       .sender = column_utf8(row, 2),
                                       .type = column_utf8(row, 3),
                                       .time_ns = column_count(row, 4),
                                       .name = column_utf8(row, 6),
                                       .whole = true};
        if (af_store_is_sealed(row, 5))
            entry.content =
                af_store_open_column(store, row, 5, party, "defer", entry.key, &entry.content_len);
        else
            entry.content = af_db_column_bytes(row, 5, &entry.content_len);
        if (!store->is_locked)
            loader->deferred(loader->arg, &entry);
        af_arena_release(&store->opened);
    }
}

static void read_seen(struct af_store *store, int64_t party, const struct af_store_loader *loader)
{
    struct af_db_statement *row =
        af_db_use(store->db, "SELECT key FROM journal WHERE " AF_STORE_OF_PARTY(
                                 "?1") " AND uuid IS NOT NULL ORDER BY id");
    af_db_integer(row, party);
    while (af_db_row(row))
        loader->seen(loader->arg, column_hash(row, 0));
}

int af_store_load(struct af_store *store, const struct af_store_party *party,
                  const struct af_store_loader *loader, struct af_failure *why)
{
    int result = 0;
    pthread_mutex_lock(&store->db_lock);
    bool ok = af_db_begin(store->db);
    store->is_locked = party->locked;
    if (ok) {
        af_store_bring(store, party->id);
        af_store_trim(store, party->id, party->since_ns);
        read_deferred(store, party->id, loader);
        read_seen(store, party->id, loader);
        if (party->sent < party->seq)
            read_entries(store, party->id, party->sent, INT64_MAX, loader->unsent, loader->arg);
        if (store->is_locked)
            result = af_store_sealed(store, why);
        else if (loader->kept != NULL)
            result = af_store_read_kept(store, party->id, loader, why);
        ok = af_db_commit(store->db);
    }
    if (!ok)
        result = af_store_fail(store, why);
    pthread_mutex_unlock(&store->db_lock);
    return result;
}

int af_store_journal(struct af_store *store, int64_t party, int64_t after, int64_t max,
                     af_store_entry_fn *each, void *arg, struct af_failure *why)
{
    af_store_flush(store, NULL); /* what cannot be written now is not told either */
    pthread_mutex_lock(&store->db_lock);
    bool ok = af_db_begin(store->db);
    int result = 0;
    store->is_locked = false;
    if (ok) {
        af_store_bring(store, party);
        read_entries(store, party, after, max, each, arg);
        if (store->is_locked)
            result = af_store_sealed(store, why);
        ok = af_db_commit(store->db);
    }
    if (!ok)
        result = af_store_fail(store, why);
    pthread_mutex_unlock(&store->db_lock);
    return result;
}
