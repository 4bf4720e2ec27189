/* sha256.c: see sha256.h. */
#include "base/sha256.h"

#include "base/mem.h"

#include <dlfcn.h>
#include <gnutls/crypto.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE_BYTES = 1 << 16 }; /* below, what GnuTLS is asked for costs more than it saves */

struct af_sha256 {
    gnutls_hash_hd_t fast; /* NULL: it is done by */
    crypto_hash_sha256_state plain;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_bool is_loaded;
static __typeof__(gnutls_hash_init) *hash_init;
static __typeof__(gnutls_hash) *hash_add;
static __typeof__(gnutls_hash_output) *hash_output;
static __typeof__(gnutls_hash_deinit) *hash_deinit;

/* It stays loaded until the process ends. */
static void load(void)
{
    const struct {
        const char *name;
        void *to;
    } functions[] = {{"gnutls_hash_init", &hash_init},
                     {"gnutls_hash", &hash_add},
                     {"gnutls_hash_output", &hash_output},
                     {"gnutls_hash_deinit", &hash_deinit}};
    void *library = dlopen("libgnutls.so.30", RTLD_LAZY | RTLD_LOCAL);
    bool is_there = library != NULL;
    for (size_t i = 0; is_there && i < sizeof functions / sizeof *functions; i++) {
        void *symbol = dlsym(library, functions[i].name);
        is_there = symbol != NULL;
        memcpy(functions[i].to, &symbol, sizeof symbol);
    }
    atomic_store(&is_loaded, is_there);
}

struct af_sha256 *af_sha256_new(void)
{
    struct af_sha256 *hash = af_mem_zero(1, sizeof *hash);
    pthread_once(&once, load);
    if (!is_loaded || hash_init(&hash->fast, GNUTLS_DIG_SHA256) < 0)
        hash->fast = NULL;
    crypto_hash_sha256_init(&hash->plain);
    return hash;
}

void af_sha256_add(struct af_sha256 *hash, const void *bytes, size_t len)
{
    if (hash->fast != NULL)
        hash_add(hash->fast, bytes, len);
    else
        crypto_hash_sha256_update(&hash->plain, bytes, len);
}

void af_sha256_hex(struct af_sha256 *hash, char hex[AF_SHA256_HEX_BYTES])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    if (hash->fast != NULL) {
        hash_output(hash->fast, digest);
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
        hash_deinit(hash->fast, NULL);
    free(hash);
}

void af_sha256_of(const void *bytes, size_t len, char hex[AF_SHA256_HEX_BYTES])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    if (len >= LARGE_BYTES && atomic_load(&is_loaded)) {
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
