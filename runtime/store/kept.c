/* kept.c: bytes that parties keep beside their data, sealed by a key that lies beside the file: who
 * has a copy of the file alone has none of them. */
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
    HASH = crypto_hash_sha256_BYTES,
    KEY_TEXT = 2 * AF_STORE_KEY_BYTES + 1, /* 64 hex digits and the end of the line */
};

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

int af_store_may_keep(struct af_store *store, struct af_failure *why)
{
    if (store->has_key)
        return 0;
    pthread_mutex_lock(&store->db_lock);
    bool ok = af_db_begin(store->db);
    struct af_db_statement *row = ok ? af_db_use(store->db, "SELECT 1 FROM kept LIMIT 1") : NULL;
    bool has_some = ok && af_db_row(row);
    ok = ok && af_db_commit(store->db);
    int result = ok ? have_key(store, !has_some, why) : af_store_fail(store, why);
    pthread_mutex_unlock(&store->db_lock);
    return result;
}

/* ---- Rows: nonce, what is sealed, tag; bound to the party and the hash. ---- */

struct place {
    unsigned char party[8], hash[HASH];
};

static struct place place_of(int64_t party, const void *hash)
{
    struct place place;
    for (int i = 0; i < 8; i++)
        place.party[i] = (unsigned char)((uint64_t)party >> (56 - 8 * i));
    memcpy(place.hash, hash, HASH);
    return place;
}

void af_store_write_kept(struct af_store *store, int64_t party, const struct af_store_kept *kept)
{
    if (kept->bytes == NULL) {
        struct af_db_statement *gone =
            af_db_use(store->db, "DELETE FROM kept WHERE party = ? AND hash = ?");
        af_db_integer(gone, party);
        af_db_bytes(gone, kept->hash, HASH);
        af_db_run(gone);
        return;
    }
    size_t size = NONCE + kept->len + TAG;
    unsigned char *sealed = af_mem_alloc(size);
    struct place place = place_of(party, kept->hash);
    randombytes_buf(sealed, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE, NULL, kept->bytes, kept->len,
                                               (const unsigned char *)&place, sizeof place, NULL,
                                               sealed, store->key);
    struct af_db_statement *row =
        af_db_use(store->db, "INSERT OR REPLACE INTO kept (party, hash, sealed) VALUES (?, ?, ?)");
    af_db_integer(row, party);
    af_db_bytes(row, kept->hash, HASH);
    af_db_bytes(row, sealed, size);
    af_db_run(row);
    free(sealed);
}

static bool open_row(const struct af_store *store, int64_t party, struct af_db_statement *row,
                     const struct af_store_loader *loader)
{
    size_t hash_len, len;
    const char *hash = af_db_column_bytes(row, 0, &hash_len);
    const unsigned char *sealed = (const unsigned char *)af_db_column_bytes(row, 1, &len);
    if (hash_len != HASH || len < NONCE + TAG)
        return false;
    struct place place = place_of(party, hash);
    size_t size = len - NONCE - TAG;
    unsigned char *bytes = af_mem_alloc(size + 1);
    bool ok = crypto_aead_xchacha20poly1305_ietf_decrypt(bytes, NULL, NULL, sealed + NONCE,
                                                         len - NONCE, (const unsigned char *)&place,
                                                         sizeof place, sealed, store->key) == 0;
    if (ok)
        loader->kept(loader->arg, bytes, size);
    sodium_memzero(bytes, size);
    free(bytes);
    return ok;
}

int af_store_read_kept(struct af_store *store, int64_t party, const struct af_store_loader *loader,
                       struct af_failure *why)
{
    struct af_db_statement *row =
        af_db_use(store->db, "SELECT hash, sealed FROM kept WHERE party = ? ORDER BY hash");
    bool ok = true;
    int result = 0;
    af_db_integer(row, party);
    while (ok && result == 0 && af_db_row(row)) {
        result = have_key(store, false, why);
        ok = result != 0 || open_row(store, party, row, loader);
    }
    af_db_reset(row);
    if (!ok)
        result = af_failure_set(why, AF_FAILURE_TRANSPORT, store->key_path,
                                "does not open what a party has kept: it is another key, or that "
                                "is damaged; put back the key, or a copy of the store");
    return result;
}
