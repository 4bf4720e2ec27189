/* trust.h: whose flows a node runs. A file is signed beside itself, as `minisign -S -m FILE` does
 * it (Ed25519, in FILE.minisig), and is let in where one of the keys made the signature. */
#ifndef AF_TRUST_H
#define AF_TRUST_H

#include <stddef.h>

struct af_failure;
struct af_trust_key;

#define AF_TRUST_SUFFIX ".minisig"

struct af_trust {
    struct af_trust_key *keys; /* none: everything is let in */
    size_t count, cap;
};

/* Adds a public key: the 56 characters of a minisign key ("RW…"), or the path of a file that has
 * them on a line of their own; behind it a space and a pattern, if it is trusted for flows whose
 * name fits only ("KEY fed_*": `*`, `?` and `[…]` as a shell has them). A key may be added for
 * several. Returns -1 with *why filled. */
int af_trust_add(struct af_trust *trust, const char *key, struct af_failure *why);
void af_trust_release(struct af_trust *trust);

/* Whether a key of ours signed these bytes, as the file `path`; a signature that names another file
 * (minisign's own comment does) is refused. `signature` is the text of the .minisig file, NULL:
 * there is none. Returns -1 with *why filled. */
int af_trust_check(const struct af_trust *trust, const char *path, const void *bytes, size_t len,
                   const char *signature, size_t signature_len, struct af_failure *why);

/* Whether the key that made the signature, which was checked, is trusted for a flow of this name.
 * Returns -1 with *why filled. */
int af_trust_covers(const struct af_trust *trust, const char *signature, size_t signature_len,
                    const char *flow, struct af_failure *why);

/* The number of the key that a signature names, as minisign shows it; "" where it is none. */
#define AF_TRUST_NUMBER_BYTES 17
void af_trust_signer(const char *signature, size_t signature_len,
                     char number[AF_TRUST_NUMBER_BYTES]);

#endif
