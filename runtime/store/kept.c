/* kept.c: bytes that parties keep beside their data, as rows, sealed; bound to party and hash. */
#include "store/impl.h"

#include "base/failure.h"
#include "base/mem.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { HASH = crypto_hash_sha256_BYTES };

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
    struct place place = place_of(party, kept->hash);
    size_t size = kept->len + AF_STORE_SEAL_BYTES;
    unsigned char *sealed = af_mem_alloc(size);
    af_store_seal(store, &place, sizeof place, kept->bytes, kept->len, sealed);
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
    const char *sealed = af_db_column_bytes(row, 1, &len);
    if (hash_len != HASH)
        return false;
    struct place place = place_of(party, hash);
    size_t size;
    void *bytes = af_store_unseal(store, &place, sizeof place, sealed, len, &size);
    if (bytes == NULL)
        return false;
    loader->kept(loader->arg, bytes, size);
    sodium_memzero(bytes, size);
    free(bytes);
    return true;
}

int af_store_read_kept(struct af_store *store, int64_t party, const struct af_store_loader *loader,
                       struct af_failure *why)
{
    struct af_db_statement *row =
        af_db_use(store->db, "SELECT hash, sealed FROM kept WHERE party = ? ORDER BY hash");
    int result = 0;
    af_db_integer(row, party);
    while (result == 0 && af_db_row(row)) {
        result = af_store_read_key(store, why);
        if (result == 0 && !open_row(store, party, row, loader))
            result = af_store_sealed(store, why);
    }
    af_db_reset(row);
    return result;
}
