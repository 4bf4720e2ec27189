/* trust.c: see trust.h.
 *
 * A signature's file has four lines:
 *
 *   untrusted comment: …
 *   base64 of: algorithm (2 bytes), key's number (8), signature of the file or of its BLAKE2b (64)
 *   trusted comment: …
 *   base64 of: signature of the signature's 64 bytes and the trusted comment (64)
 *
 * A key is base64 of: "Ed", its number (8), the Ed25519 key (32). */
#include "code/trust.h"

#include "base/buf.h"
#include "code/code.h"
#include "base/failure.h"
#include "base/mem.h"

#include <assert.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALGORITHM = 2,
    NUMBER = 8,
    KEY_BYTES = ALGORITHM + NUMBER + crypto_sign_PUBLICKEYBYTES,
    KEY_TEXT = 56,
    SIGNED_BYTES = ALGORITHM + NUMBER + crypto_sign_BYTES,
    LINES = 4,
    COMMENT_MAX = 8192, /* as minisign has it */
};

static const char untrusted[] = "untrusted comment: ", trusted[] = "trusted comment: ";

struct af_trust_key {
    unsigned char number[NUMBER];
    unsigned char key[crypto_sign_PUBLICKEYBYTES];
    char *flows; /* a pattern; NULL: all */
};

/* Exactly `size` bytes, or none. */
static bool decode(const char *text, size_t len, unsigned char *bytes, size_t size)
{
    size_t got = 0;
    const char *end = NULL;
    return sodium_base642bin(bytes, size, text, len, NULL, &got, &end,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           got == size && end == text + len;
}

/* ---- Keys. ---- */

static bool read_key(const char *text, size_t len, struct af_trust_key *key)
{
    unsigned char bytes[KEY_BYTES];
    if (len != KEY_TEXT || !decode(text, len, bytes, sizeof bytes) ||
        memcmp(bytes, "Ed", ALGORITHM) != 0)
        return false;
    memcpy(key->number, bytes + ALGORITHM, NUMBER);
    memcpy(key->key, bytes + ALGORITHM + NUMBER, sizeof key->key);
    key->flows = NULL;
    return true;
}

static bool read_key_file(const char *text, size_t len, struct af_trust_key *key)
{
    bool found = false;
    for (const char *at = text, *end = text + len; at < end && !found;) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t line = (size_t)((line_end == NULL ? end : line_end) - at);
        found = read_key(at, line > 0 && at[line - 1] == '\r' ? line - 1 : line, key);
        at += line + 1;
    }
    return found;
}

static bool find_key(const char *text, struct af_trust_key *key)
{
    if (read_key(text, strlen(text), key))
        return true;
    struct af_buf file = AF_BUF_EMPTY;
    bool found = af_code_read_path(text, text, &file, NULL) == 0 &&
                 read_key_file(af_buf_text(&file), file.len, key);
    af_buf_release(&file);
    return found;
}

int af_trust_add(struct af_trust *trust, const char *text, struct af_failure *why)
{
    struct af_trust_key key;
    const char *space = strrchr(text, ' ');
    bool found = find_key(text, &key); /* a file's name may have spaces */
    if (!found && space != NULL && space[1] != '\0') {
        char *alone = af_mem_copy(text, (size_t)(space - text));
        found = find_key(alone, &key);
        if (found)
            key.flows = af_mem_string(space + 1);
        free(alone);
    }
    if (!found)
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "expected a public key of minisign (56 characters that begin "
                              "with RW), or a file that holds one, and a pattern of flows' names "
                              "behind it if it is not for all");
    af_mem_reserve(&trust->keys, &trust->cap, trust->count + 1, sizeof *trust->keys);
    trust->keys[trust->count++] = key;
    return 0;
}

void af_trust_release(struct af_trust *trust)
{
    for (size_t i = 0; i < trust->count; i++)
        free(trust->keys[i].flows);
    free(trust->keys);
    *trust = (struct af_trust){NULL, 0, 0};
}

/* ---- Signatures. ---- */

struct signature {
    unsigned char made[SIGNED_BYTES];
    unsigned char global[crypto_sign_BYTES];
    const char *comment; /* the trusted one */
    size_t comment_len;
};

static bool starts_with(const char *line, size_t len, const char *with)
{
    size_t with_len = strlen(with);
    return len >= with_len && memcmp(line, with, with_len) == 0;
}

static bool read_signature(const char *text, size_t len, struct signature *signature)
{
    const char *lines[LINES];
    size_t lens[LINES];
    const char *at = text, *end = text + len;
    for (int i = 0; i < LINES; i++) {
        const char *line_end = at >= end ? NULL : memchr(at, '\n', (size_t)(end - at));
        if (at >= end || (line_end == NULL && i + 1 < LINES))
            return false;
        lines[i] = at;
        lens[i] = (size_t)((line_end == NULL ? end : line_end) - at);
        at += lens[i] + 1;
        if (lens[i] > 0 && lines[i][lens[i] - 1] == '\r')
            lens[i]--;
        if (lens[i] > COMMENT_MAX)
            return false;
    }
    signature->comment = lines[2] + strlen(trusted);
    signature->comment_len = lens[2] - strlen(trusted);
    return at >= end && starts_with(lines[0], lens[0], untrusted) &&
           starts_with(lines[2], lens[2], trusted) &&
           decode(lines[1], lens[1], signature->made, sizeof signature->made) &&
           decode(lines[3], lens[3], signature->global, sizeof signature->global);
}

static const struct af_trust_key *find(const struct af_trust *trust, const unsigned char *number)
{
    for (size_t i = 0; i < trust->count; i++)
        if (memcmp(trust->keys[i].number, number, NUMBER) == 0)
            return &trust->keys[i];
    return NULL;
}

/* As minisign writes it from 0.12 on: the last byte first, and all digits. */
static void write_number(const unsigned char *number, char text[2 * NUMBER + 1])
{
    uint64_t value = 0;
    static_assert(sizeof value == NUMBER, "a key's number is one of 64 bits");
    for (size_t i = NUMBER; i-- > 0;)
        value = value << 8 | number[i];
    snprintf(text, 2 * NUMBER + 1, "%016" PRIX64, value);
}

static bool fits_file(const struct signature *signature, const struct af_trust_key *key,
                      const void *bytes, size_t len)
{
    const unsigned char *made = signature->made + ALGORITHM + NUMBER;
    unsigned char hash[crypto_generichash_BYTES_MAX];
    if (memcmp(signature->made, "Ed", ALGORITHM) == 0)
        return crypto_sign_verify_detached(made, bytes, len, key->key) == 0;
    crypto_generichash(hash, sizeof hash, bytes, len, NULL, 0);
    return memcmp(signature->made, "ED", ALGORITHM) == 0 &&
           crypto_sign_verify_detached(made, hash, sizeof hash, key->key) == 0;
}

static bool fits_comment(const struct signature *signature, const struct af_trust_key *key)
{
    struct af_buf both = AF_BUF_EMPTY;
    af_buf_append(&both, (const char *)signature->made + ALGORITHM + NUMBER, crypto_sign_BYTES);
    af_buf_append(&both, signature->comment, signature->comment_len);
    bool fits = crypto_sign_verify_detached(signature->global, (const unsigned char *)both.data,
                                            both.len, key->key) == 0;
    af_buf_release(&both);
    return fits;
}

/* The trusted comment's field `file:NAME`, between tabs; -1: it has none. */
static int file_of(const struct signature *signature, const char **name)
{
    const char *at = signature->comment, *end = at + signature->comment_len;
    while (at < end) {
        const char *tab = memchr(at, '\t', (size_t)(end - at));
        size_t len = (size_t)((tab == NULL ? end : tab) - at);
        if (starts_with(at, len, "file:")) {
            *name = at + strlen("file:");
            return (int)(len - strlen("file:"));
        }
        at += len + 1;
    }
    return -1;
}

int af_trust_check(const struct af_trust *trust, const char *path, const void *bytes, size_t len,
                   const char *text, size_t text_len, struct af_failure *why)
{
    struct signature signature;
    char number[2 * NUMBER + 1];
    const char *slash = strrchr(path, '/'), *base = slash == NULL ? path : slash + 1, *name = NULL;
    if (text == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, path,
                              "is not signed, and this node takes signed flows only (--trust); its "
                              "author signs it with: minisign -S -m %s",
                              base);
    if (!read_signature(text, text_len, &signature))
        return af_failure_set(why, AF_FAILURE_USAGE, path,
                              "its %s file is no signature of minisign", AF_TRUST_SUFFIX);
    const struct af_trust_key *key = find(trust, signature.made + ALGORITHM);
    write_number(signature.made + ALGORITHM, number);
    if (key == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, path,
                              "is signed by key %s, which is none of --trust", number);
    if (!fits_file(&signature, key, bytes, len))
        return af_failure_set(why, AF_FAILURE_USAGE, path,
                              "is not what key %s signed: it was changed afterwards, or its %s is "
                              "another file's",
                              number, AF_TRUST_SUFFIX);
    if (!fits_comment(&signature, key))
        return af_failure_set(why, AF_FAILURE_USAGE, path,
                              "the comment of its signature was changed after key %s signed it",
                              number);
    int name_len = file_of(&signature, &name);
    if (name_len >= 0 &&
        (strlen(base) != (size_t)name_len || memcmp(base, name, (size_t)name_len) != 0))
        return af_failure_set(why, AF_FAILURE_USAGE, path, "was signed under another name, '%.*s'",
                              name_len, name);
    return 0;
}

int af_trust_covers(const struct af_trust *trust, const char *text, size_t text_len,
                    const char *flow, struct af_failure *why)
{
    struct signature signature;
    char number[2 * NUMBER + 1] = "?";
    if (text != NULL && read_signature(text, text_len, &signature)) {
        write_number(signature.made + ALGORITHM, number);
        for (size_t i = 0; i < trust->count; i++) {
            const struct af_trust_key *key = &trust->keys[i];
            if (memcmp(key->number, signature.made + ALGORITHM, NUMBER) == 0 &&
                (key->flows == NULL || fnmatch(key->flows, flow, 0) == 0))
                return 0;
        }
    }
    return af_failure_set(why, AF_FAILURE_USAGE, flow,
                          "is signed by key %s, which --trust lets sign other flows only", number);
}

void af_trust_signer(const char *text, size_t text_len, char number[AF_TRUST_NUMBER_BYTES])
{
    struct signature signature;
    static_assert(AF_TRUST_NUMBER_BYTES == 2 * NUMBER + 1, "two digits for each byte");
    number[0] = '\0';
    if (text != NULL && read_signature(text, text_len, &signature))
        write_number(signature.made + ALGORITHM, number);
}
