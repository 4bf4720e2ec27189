/* manifest.h: manifest.json, which says what a bundle is: a flow, all of its files, and what it
 * asks of who runs it.
 *
 *     {"format": 1, "name": "fed_avg", "version": 3, "flow": "fed_avg.lua", "least_next": 2,
 *      "least_af": "0.1.0", "grants": {"read": [], "write": [], "net": [], "run": ["train"]},
 *      "files": [{"name": "fed_avg.lua", "size": 5120, "sha256": "…"}]}
 *
 * name and version are the flow's own; least_next (or none) is the least version that may take this
 * one's place. No field else is allowed, so that nothing is signed that nobody reads. */
#ifndef AF_MANIFEST_H
#define AF_MANIFEST_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_buf;
struct af_failure;

#define AF_MANIFEST_NAME "manifest.json"

enum af_manifest_grant {
    AF_MANIFEST_READ,
    AF_MANIFEST_WRITE,
    AF_MANIFEST_NET,
    AF_MANIFEST_RUN,
    AF_MANIFEST_GRANTS
};

struct af_manifest_list {
    const char **items;
    size_t count, cap;
};

struct af_manifest_file {
    const char *name; /* "folder/module.lua": see af_manifest_is_file_name() */
    int64_t size;     /* bytes */
    char sha256[65];  /* hexadecimal */
};

struct af_manifest { /* zeroed to begin with; texts are borrowed, or live in the arena */
    struct af_arena arena;
    const char *name, *flow, *least_af;
    int64_t version;
    int64_t least_next; /* 0: any */
    struct af_manifest_list grants[AF_MANIFEST_GRANTS];
    struct af_manifest_file *files;
    size_t file_count, file_cap;
};

/* Reads one of anybody's. Returns -1 with *why filled, which names the field. Release it in either
 * case. */
int af_manifest_read(struct af_manifest *manifest, const char *text, size_t len,
                     struct af_failure *why);
void af_manifest_write(const struct af_manifest *manifest, struct af_buf *out);
void af_manifest_release(struct af_manifest *manifest);

/* Adds a copy to a list of grants; a file with its size and hash. */
void af_manifest_add_grant(struct af_manifest *manifest, enum af_manifest_grant grant,
                           const char *item);
void af_manifest_add_file(struct af_manifest *manifest, const char *name, const void *bytes,
                          size_t len);
const struct af_manifest_file *af_manifest_find(const struct af_manifest *manifest,
                                                const char *name);

/* "read", "write", "net", "run". */
const char *af_manifest_grant_word(enum af_manifest_grant grant);

/* Words of letters, digits, '_', '-' and '.', none of which begins with '.', joined by '/'; at most
 * AF_BUNDLE_NAME_BYTES_MAX bytes, and neither the manifest's name nor that of a signature. */
bool af_manifest_is_file_name(const char *name);

/* Whether a version of this program, as 1.2.3, is one, and is at least `least`. */
bool af_manifest_is_af(const char *version);
bool af_manifest_af_is_least(const char *version, const char *least);

#endif
