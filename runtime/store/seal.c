/* seal.c: what of parties is sealed on the disk, and the key, which lies beside the file: who has a
 * copy of the file alone has none of it.
 *
 * Sealed is what parties keep beside their data (kept.c); of a party with secrets (trace/veil.h)
 * its data, its journal's contents and what it has deferred; and of either its seed, from which its
 * secret randomness is drawn. A column that may be so holds what it holds else, or a mark that
 * begins no JSON, a nonce, what is sealed and its tag; bound to the party, the column and the row.
 */
#include "store/impl.h"

#include "base/failure.h"
#include "base/io.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    MARK = 1,                              /* the byte before what is sealed in a column */
    KEY_TEXT = 2 * AF_STORE_KEY_BYTES + 1, /* 64 hex digits and the end of the line */
};

_Static_assert(NONCE + TAG == AF_STORE_SEAL_BYTES, "of one cipher");
_Static_assert(AF_STORE_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "one cipher");

/* ---- The key's file. ---- */

static int refuse_key(const struct af_store *store, const char *what, struct af_failure *why)
{
    return af_failure_set(why, AF_FAILURE_TRANSPORT, store->key_path,
                          "the key of what parties keep %s: %s", what, strerror(errno));
}

/* Reads the key. Returns 1, or 0: there is no file; -1 with *why filled. */
static int read_key(struct af_store *store, struct af_failure *why)
{
    char text[KEY_TEXT + 1];
    size_t len = 0;
    int fd = open(store->key_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? 0 : refuse_key(store, "cannot be read", why);
    ssize_t got = af_io_read(fd, text, sizeof text);
    close(fd);
    if (got < 0)
        return refuse_key(store, "cannot be read", why);
    store->has_key =
        got == KEY_TEXT && text[KEY_TEXT - 1] == '\n' &&
        sodium_hex2bin(store->key, sizeof store->key, text, KEY_TEXT - 1, NULL, &len, NULL) == 0 &&
        len == sizeof store->key;
    sodium_memzero(text, sizeof text);
    if (store->has_key)
        return 1;
    return af_failure_set(why, AF_FAILURE_TRANSPORT, store->key_path,
                          "is no key of what parties keep: it has 64 hex digits; put back the file "
                          "that was there");
}

static int make_key(struct af_store *store, struct af_failure *why)
{
    char text[KEY_TEXT + 1];
    randombytes_buf(store->key, sizeof store->key);
    sodium_bin2hex(text, sizeof text, store->key, sizeof store->key);
    text[KEY_TEXT - 1] = '\n';
    text[KEY_TEXT] = '\0';
    store->has_key = af_io_replace(store->key_path, text, KEY_TEXT);
    int failed = errno;
    sodium_memzero(text, sizeof text);
    errno = failed;
    return store->has_key ? 0 : refuse_key(store, "cannot be made", why);
}

/* Has the key, of an earlier life if there is one. */
static int have_key(struct af_store *store, bool may_make, struct af_failure *why)
{
    int found = store->has_key ? 1 : read_key(store, why);
    if (found != 0)
        return found > 0 ? 0 : -1;
    if (may_make)
        return make_key(store, why);
    return af_failure_set(why, AF_FAILURE_TRANSPORT, store->key_path,
                          "is missing, and what parties have kept is sealed by it: put it back");
}

/* Whether something is sealed, within a transaction. */
static bool has_sealed(struct af_store *store)
{
    struct af_db_statement *row =
        af_db_use(store->db, "SELECT 1 WHERE EXISTS (SELECT 1 FROM kept) OR EXISTS (SELECT 1 FROM "
                             "party WHERE length(seed) > 16 OR substr(data, 1, 1) = x'01')");
    bool some = af_db_row(row);
    af_db_reset(row);
    return some;
}

/* Whether the key opens what one party has sealed, if one has. */
static bool opens_one(struct af_store *store)
{
    struct af_db_statement *row =
        af_db_use(store->db, "SELECT id, seed FROM party WHERE length(seed) > 16 LIMIT 1");
    size_t len;
    bool ok = !af_db_row(row) || af_store_open_column(store, row, 1, af_db_column_integer(row, 0),
                                                      "seed", (struct af_hash){0, 0}, &len) != NULL;
    af_db_reset(row);
    af_arena_release(&store->opened);
    return ok;
}

int af_store_need_key(struct af_store *store, struct af_failure *why)
{
    if (store->may_seal)
        return 0;
    if (have_key(store, !has_sealed(store), why) != 0)
        return -1;
    if (!opens_one(store))
        return af_store_sealed(store, why);
    store->may_seal = true;
    return 0;
}

int af_store_read_key(struct af_store *store, struct af_failure *why)
{
    return have_key(store, false, why);
}

int af_store_may_keep(struct af_store *store, struct af_failure *why)
{
    if (store->may_seal)
        return 0;
    pthread_mutex_lock(&store->db_lock);
    bool ok = af_db_begin(store->db);
    int result = ok ? af_store_need_key(store, why) : 0;
    ok = ok && af_db_commit(store->db);
    if (!ok)
        result = af_store_fail(store, why);
    pthread_mutex_unlock(&store->db_lock);
    return result;
}

int af_store_sealed(struct af_store *store, struct af_failure *why)
{
    if (af_store_read_key(store, why) != 0)
        return -1;
    return af_failure_set(why, AF_FAILURE_TRANSPORT, store->key_path,
                          "does not open what a party has kept: it is another key, or that is "
                          "damaged; put back the key, or a copy of the store");
}

/* ---- Sealing: nonce, what is sealed, tag. ---- */

void af_store_seal(const struct af_store *store, const void *place, size_t place_len,
                   const void *bytes, size_t len, unsigned char *sealed)
{
    randombytes_buf(sealed, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE, NULL, bytes, len, place, place_len,
                                               NULL, sealed, store->key);
}

void *af_store_unseal(const struct af_store *store, const void *place, size_t place_len,
                      const void *sealed, size_t size, size_t *len)
{
    const unsigned char *nonce = sealed;
    if (size < NONCE + TAG)
        return NULL;
    *len = size - NONCE - TAG;
    unsigned char *bytes = af_mem_zero(1, *len + 1);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(bytes, NULL, NULL, nonce + NONCE, size - NONCE,
                                                   place, place_len, nonce, store->key) == 0)
        return bytes;
    free(bytes);
    return NULL;
}

void af_store_pack(struct af_hash hash, unsigned char bytes[16])
{
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(hash.a >> (56 - 8 * i));
        bytes[8 + i] = (unsigned char)(hash.b >> (56 - 8 * i));
    }
}

/* ---- Columns. ---- */

struct place {
    unsigned char party[8], row[16], column[8];
};

static struct place place_of(int64_t party, const char *column, struct af_hash row)
{
    struct place place = {0};
    for (int i = 0; i < 8; i++)
        place.party[i] = (unsigned char)((uint64_t)party >> (56 - 8 * i));
    af_store_pack(row, place.row);
    snprintf((char *)place.column, sizeof place.column, "%s", column);
    return place;
}

void af_store_bind(struct af_store *store, struct af_db_statement *to, bool seals, int64_t party,
                   const char *column, struct af_hash row, const void *bytes, size_t len)
{
    if (!seals || bytes == NULL) {
        af_db_bytes(to, bytes, len);
        return;
    }
    struct place place = place_of(party, column, row);
    size_t size = 1 + len + AF_STORE_SEAL_BYTES;
    unsigned char *sealed = af_arena_alloc(&store->sealed, size); /* until the row is written */
    sealed[0] = MARK;
    af_store_seal(store, &place, sizeof place, bytes, len, sealed + 1);
    af_db_bytes(to, sealed, size);
}

bool af_store_is_sealed(struct af_db_statement *from, int number)
{
    size_t size = 0;
    const char *bytes = af_db_column_bytes(from, number, &size);
    return size > NONCE + TAG && bytes[0] == MARK;
}

const char *af_store_open_column(struct af_store *store, struct af_db_statement *from, int number,
                                 int64_t party, const char *column, struct af_hash row, size_t *len)
{
    struct af_failure why = AF_FAILURE_INIT;
    size_t size = 0;
    const char *sealed = af_db_column_bytes(from, number, &size);
    struct place place = place_of(party, column, row);
    char *bytes = af_store_read_key(store, &why) != 0
                      ? NULL
                      : af_store_unseal(store, &place, sizeof place, sealed + 1, size - 1, len);
    if (bytes == NULL) {
        store->is_locked = true;
        *len = 0;
        return NULL;
    }
    const char *copy = af_arena_copy(&store->opened, bytes, *len);
    sodium_memzero(bytes, *len);
    free(bytes);
    return copy;
}
