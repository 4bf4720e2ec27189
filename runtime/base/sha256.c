/* sha256.c: see sha256.h. */
#include "base/sha256.h"

#include "base/library.h"
#include "base/mem.h"

#include <gnutls/crypto.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE_BYTES = 1 << 16 }; /* below, what GnuTLS is asked for costs more than it saves */

struct af_sha256 {
    gnutls_hash_hd_t fast; /* NULL: it is done by */
    crypto_hash_sha256_state plain;
};

#define FUNCTIONS(X) X(gnutls_hash_init) X(gnutls_hash) X(gnutls_hash_output) X(gnutls_hash_deinit)
#define DEFINE(name) static __typeof__(name) *own_##name;
FUNCTIONS(DEFINE)
#define ENTRY(name) {#name, &own_##name},

static const struct af_library_function functions[] = {FUNCTIONS(ENTRY)};
static struct af_library gnutls = {
    .files = {"libgnutls.so.30"}, .package = "libgnutls30", AF_LIBRARY_LIST(functions)};

struct af_sha256 *af_sha256_new(void)
{
    struct af_sha256 *hash = af_mem_zero(1, sizeof *hash);
    if (af_library_need(&gnutls, NULL) != 0 ||
        own_gnutls_hash_init(&hash->fast, GNUTLS_DIG_SHA256) < 0)
        hash->fast = NULL;
    crypto_hash_sha256_init(&hash->plain);
    return hash;
}

void af_sha256_add(struct af_sha256 *hash, const void *bytes, size_t len)
{
    if (hash->fast != NULL)
        own_gnutls_hash(hash->fast, bytes, len);
    else
        crypto_hash_sha256_update(&hash->plain, bytes, len);
}

void af_sha256_hex(struct af_sha256 *hash, char hex[AF_SHA256_HEX_BYTES])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    if (hash->fast != NULL) {
        own_gnutls_hash_output(hash->fast, digest);
    } else {
        crypto_hash_sha256_final(&hash->plain, digest);
        crypto_hash_sha256_init(&hash->plain);
    }
    sodium_bin2hex(hex, AF_SHA256_HEX_BYTES, digest, sizeof digest);
}

void af_sha256_restart(struct af_sha256 *hash)
{
    char unwanted[AF_SHA256_HEX_BYTES];
    af_sha256_hex(hash, unwanted);
}

void af_sha256_free(struct af_sha256 *hash)
{
    if (hash != NULL && hash->fast != NULL)
        own_gnutls_hash_deinit(hash->fast, NULL);
    free(hash);
}

void af_sha256_of(const void *bytes, size_t len, char hex[AF_SHA256_HEX_BYTES])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    if (len >= LARGE_BYTES && af_library_is_loaded(&gnutls)) {
        struct af_sha256 *hash = af_sha256_new();
        af_sha256_add(hash, bytes, len);
        af_sha256_hex(hash, hex);
        af_sha256_free(hash);
        return;
    }
    crypto_hash_sha256(digest, len == 0 ? (const unsigned char *)"" : bytes, len);
    sodium_bin2hex(hex, AF_SHA256_HEX_BYTES, digest, sizeof digest);
}

bool af_sha256_is(const char *text)
{
    enum { DIGITS = AF_SHA256_HEX_BYTES - 1 };
    return strspn(text, "0123456789abcdef") == DIGITS && text[DIGITS] == '\0';
}
