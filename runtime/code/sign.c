/* sign.c: see sign.h.
 *
 * A secret key's file is a comment's line and a line of base64:
 *
 *   "Ed", "Sc" or two zeros (no password), "B2", salt (32 bytes), operations (8), memory (8),
 *   then, under a stream that scrypt makes of the password: number (8), Ed25519 key (64),
 *   BLAKE2b-256 of "Ed", number and key (32) */
#include "code/sign.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "code/code.h"
#include "code/trust.h"

#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file {
    unsigned char algorithm[2], kdf[2], checksum[2], salt[32], operations[8], memory[8];
    unsigned char number[8], secret[64], check[32];
};

enum { UNDER_PASSWORD = 8 + 64 + 32 };

static uint64_t read_number(const unsigned char bytes[8])
{
    uint64_t value = 0;
    for (size_t i = 8; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static bool read_file(const char *path, struct file *file, struct af_failure *why)
{
    struct af_buf text = AF_BUF_EMPTY;
    size_t got = 0;
    bool found = false;
    if (af_code_read_path(path, path, &text, why) != 0)
        return false;
    const char *line = strchr(af_buf_text(&text), '\n');
    if (line != NULL)
        found = sodium_base642bin((unsigned char *)file, sizeof *file, line + 1,
                                  strcspn(line + 1, "\r\n"), NULL, &got, NULL,
                                  sodium_base64_VARIANT_ORIGINAL) == 0 &&
                got == sizeof *file;
    if (text.data != NULL)
        sodium_memzero(text.data, text.len);
    af_buf_release(&text);
    return found && memcmp(file->algorithm, "Ed", 2) == 0 && memcmp(file->checksum, "B2", 2) == 0;
}

static int decrypt(struct file *file, const char *path, af_sign_password_fn *ask,
                   struct af_failure *why)
{
    unsigned char stream[UNDER_PASSWORD], *under = file->number;
    uint64_t operations = read_number(file->operations), memory = read_number(file->memory);
    if (operations > AF_SIGN_OPERATIONS_MAX || memory > AF_SIGN_MEMORY_BYTES_MAX)
        return af_failure_set(why, AF_FAILURE_USAGE, path,
                              "its password would take too much memory or time");
    char *password = ask(path, why);
    if (password == NULL)
        return -1;
    int result = crypto_pwhash_scryptsalsa208sha256(
        stream, sizeof stream, password, strlen(password), file->salt, operations, (size_t)memory);
    sodium_memzero(password, strlen(password));
    free(password);
    if (result != 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, path,
                              "there is no memory to try its password");
    for (size_t i = 0; i < sizeof stream; i++)
        under[i] ^= stream[i];
    sodium_memzero(stream, sizeof stream);
    return 0;
}

/* Of a key without a password minisign writes no checksum; half of it follows from the rest. */
static bool is_whole(const struct file *file, bool encrypted)
{
    unsigned char check[32], seed[crypto_sign_SEEDBYTES];
    unsigned char public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    crypto_generichash_state state;
    if (!encrypted) {
        crypto_sign_ed25519_sk_to_seed(seed, file->secret);
        crypto_sign_seed_keypair(public, secret, seed);
        bool same = sodium_memcmp(secret, file->secret, sizeof secret) == 0;
        sodium_memzero(seed, sizeof seed);
        sodium_memzero(secret, sizeof secret);
        return same;
    }
    crypto_generichash_init(&state, NULL, 0, sizeof check);
    crypto_generichash_update(&state, file->algorithm, sizeof file->algorithm);
    crypto_generichash_update(&state, file->number, sizeof file->number);
    crypto_generichash_update(&state, file->secret, sizeof file->secret);
    crypto_generichash_final(&state, check, sizeof check);
    return sodium_memcmp(check, file->check, sizeof check) == 0;
}

int af_sign_key_read(struct af_sign_key *key, const char *path, af_sign_password_fn *ask,
                     struct af_failure *why)
{
    struct file file = {.kdf = {0}};
    bool encrypted;
    int result = 0;
    if (!read_file(path, &file, why))
        result = af_failure_set(why, AF_FAILURE_USAGE, path,
                                "is no secret key of minisign (minisign -G makes one)");
    encrypted = result == 0 && memcmp(file.kdf, "Sc", 2) == 0;
    if (result == 0 && !encrypted && (file.kdf[0] != 0 || file.kdf[1] != 0))
        result = af_failure_set(why, AF_FAILURE_USAGE, path, "is encrypted in an unknown way");
    if (encrypted)
        result = decrypt(&file, path, ask, why);
    if (result == 0 && !is_whole(&file, encrypted))
        result = af_failure_set(why, AF_FAILURE_USAGE, path, "%s",
                                encrypted ? "is not opened by this password" : "is damaged");
    if (result == 0) {
        memcpy(key->number, file.number, sizeof key->number);
        memcpy(key->secret, file.secret, sizeof key->secret);
    }
    sodium_memzero(&file, sizeof file);
    return result;
}

void af_sign_key_name(const struct af_sign_key *key, char text[17])
{
    snprintf(text, 17, "%016llX", (unsigned long long)read_number(key->number));
}

static void append_base64(struct af_buf *out, const void *bytes, size_t len)
{
    char text[128];
    sodium_bin2base64(text, sizeof text, bytes, len, sodium_base64_VARIANT_ORIGINAL);
    af_buf_append_string(out, text);
    af_buf_append_char(out, '\n');
}

void af_sign(const struct af_sign_key *key, const char *name, const void *bytes, size_t len,
             struct af_buf *out)
{
    unsigned char hash[crypto_generichash_BYTES_MAX], global[crypto_sign_BYTES];
    unsigned char made[2 + 8 + crypto_sign_BYTES] = {'E', 'D'}, *signature = made + 10;
    struct af_buf comment = AF_BUF_EMPTY;
    memcpy(made + 2, key->number, sizeof key->number);
    crypto_generichash(hash, sizeof hash, bytes, len, NULL, 0);
    crypto_sign_detached(signature, NULL, hash, sizeof hash, key->secret);
    af_buf_append(&comment, signature, crypto_sign_BYTES);
    af_buf_printf(&comment, "file:%s\thashed", name);
    crypto_sign_detached(global, NULL, (const unsigned char *)comment.data, comment.len,
                         key->secret);
    af_buf_append_string(out, "untrusted comment: signature by afrun bundle\n");
    append_base64(out, made, sizeof made);
    af_buf_append_string(out, "trusted comment: ");
    af_buf_append(out, comment.data + crypto_sign_BYTES, comment.len - crypto_sign_BYTES);
    af_buf_append_char(out, '\n');
    append_base64(out, global, sizeof global);
    af_buf_release(&comment);
}
