/* file_store.c: see file_store.h. */
#include "script/file_store.h"

#include "base/mem.h"
#include "base/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stored {
    char url[AF_FILE_URL_BYTES];
    char *bytes;
    size_t len;
};

struct af_file_store {
    struct stored *files;
    size_t count, cap;
};

struct af_file_store *af_file_store_new(void)
{
    return af_mem_zero(1, sizeof(struct af_file_store));
}

void af_file_store_free(struct af_file_store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->count; i++)
        free(store->files[i].bytes);
    free(store->files);
    free(store);
}

static const struct stored *find(const struct af_file_store *store, const char *url)
{
    for (size_t i = 0; i < store->count; i++)
        if (strcmp(store->files[i].url, url) == 0)
            return &store->files[i];
    return NULL;
}

void af_file_store_put(struct af_file_store *store, const void *bytes, size_t len,
                       char url[AF_FILE_URL_BYTES])
{
    char hex[AF_SHA256_HEX_BYTES];
    af_sha256_of(bytes, len, hex);
    af_file_store_put_as(store, hex, bytes, len, url);
}

void af_file_store_put_as(struct af_file_store *store, const char *sha256, const void *bytes,
                          size_t len, char url[AF_FILE_URL_BYTES])
{
    snprintf(url, AF_FILE_URL_BYTES, "mock://file/%s", sha256);
    if (find(store, url) != NULL)
        return;
    af_mem_reserve(&store->files, &store->cap, store->count + 1, sizeof *store->files);
    struct stored *file = &store->files[store->count++];
    memcpy(file->url, url, AF_FILE_URL_BYTES);
    file->bytes = af_mem_copy(bytes, len);
    file->len = len;
}

const void *af_file_store_get(const struct af_file_store *store, const char *url, size_t *len)
{
    const struct stored *file = find(store, url);
    if (file == NULL)
        return NULL;
    *len = file->len;
    return file->bytes;
}
