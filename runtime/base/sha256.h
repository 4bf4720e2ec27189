/* sha256.h: the SHA-256 of bytes that come in pieces.
 *
 * GnuTLS works it out with what the processor has for it, some five times as fast as libsodium; it
 * is loaded when the first of these is made. Where it is not there, libsodium does. On any thread,
 * one at a time each. Bytes that are there at once, af_sha256_of(), load nothing, for that may be
 * called in a jail: where they are many, and GnuTLS is loaded, it does them. */
#ifndef AF_SHA256_H
#define AF_SHA256_H

#include <stdbool.h>
#include <stddef.h>

enum { AF_SHA256_HEX_BYTES = 65 }; /* with the 0 byte */

struct af_sha256;

struct af_sha256 *af_sha256_new(void);
void af_sha256_add(struct af_sha256 *hash, const void *bytes, size_t len);
/* The digest of what was added, hexadecimal; then it begins anew. */
void af_sha256_hex(struct af_sha256 *hash, char hex[AF_SHA256_HEX_BYTES]);
void af_sha256_restart(struct af_sha256 *hash);
void af_sha256_free(struct af_sha256 *hash); /* NULL is allowed */

/* The digest of bytes that are there at once, hexadecimal; bytes may be NULL where len is 0. */
void af_sha256_of(const void *bytes, size_t len, char hex[AF_SHA256_HEX_BYTES]);

/* Whether a text is a digest, and nothing else: 64 small hexadecimal digits. */
bool af_sha256_is(const char *text);

#endif
