/* sign.h: signatures as minisign makes them, by its secret keys: the other side of trust.h. */
#ifndef AF_SIGN_H
#define AF_SIGN_H

#include <stdbool.h>
#include <stddef.h>

struct af_buf;
struct af_failure;

struct af_sign_key {
    unsigned char number[8];
    unsigned char secret[64];
};

/* Asks for the password of an encrypted key; its text, which the reader wipes and frees, or NULL
 * with *why filled. */
typedef char *af_sign_password_fn(const char *path, struct af_failure *why);

/* Reads a secret key's file, of `minisign -G` or, without a password, of `minisign -G -W`. Returns
 * -1 with *why filled. */
int af_sign_key_read(struct af_sign_key *key, const char *path, af_sign_password_fn *ask,
                     struct af_failure *why);

/* The key's number, as minisign shows it. */
void af_sign_key_name(const struct af_sign_key *key, char text[17]);

/* Appends the text of a .minisig file of these bytes, as the file `name`. The same bytes give the
 * same signature: it says no time. */
void af_sign(const struct af_sign_key *key, const char *name, const void *bytes, size_t len,
             struct af_buf *out);

#endif
