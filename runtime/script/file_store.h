/* file_store.h: files by their content, kept until the run ends: what uploads go to in mock. */
#ifndef AF_FILE_STORE_H
#define AF_FILE_STORE_H

#include <stddef.h>

struct af_file_store;

struct af_file_store *af_file_store_new(void);
void af_file_store_free(struct af_file_store *store);

/* Keeps the bytes, once; url gets mock://file/<SHA-256 of the bytes>. */
#define AF_FILE_URL_BYTES 80
void af_file_store_put(struct af_file_store *store, const void *bytes, size_t len,
                       char url[AF_FILE_URL_BYTES]);

/* The same where the SHA-256 is known. */
void af_file_store_put_as(struct af_file_store *store, const char *sha256, const void *bytes,
                          size_t len, char url[AF_FILE_URL_BYTES]);

/* The bytes of a URL, borrowed; NULL: there are none. */
const void *af_file_store_get(const struct af_file_store *store, const char *url, size_t *len);

#endif
