/* sha256.h: the SHA-256 of bytes that come in pieces.
 *
 * GnuTLS works it out with what the processor has for it, some five times as fast as libsodium; it
 * is loaded when the first of these is made. Where it is not there, libsodium does. Bytes that are
 * there at once and few are libsodium's business: see crypto_hash_sha256(). On any thread, one at a
 * time each. */
#ifndef AF_SHA256_H
#define AF_SHA256_H

#include <stddef.h>

enum { AF_SHA256_HEX_BYTES = 65 }; /* with the 0 byte */

struct af_sha256;

struct af_sha256 *af_sha256_new(void);
void af_sha256_add(struct af_sha256 *hash, const void *bytes, size_t len);
/* The digest of what was added, hexadecimal; then it begins anew. */
void af_sha256_hex(struct af_sha256 *hash, char hex[AF_SHA256_HEX_BYTES]);
void af_sha256_restart(struct af_sha256 *hash);
void af_sha256_free(struct af_sha256 *hash); /* NULL is allowed */

#endif
