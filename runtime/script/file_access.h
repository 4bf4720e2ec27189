/* file_access.h: which files a script's calls may reach: those below the folders that were granted.
 */
#ifndef AF_FILE_ACCESS_H
#define AF_FILE_ACCESS_H

#include "base/bounds.h"
#include "base/broker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_failure;

struct af_file_access {
    char **read_dirs, **write_dirs; /* real paths */
    size_t read_count, read_cap, write_count, write_cap;
    const char *own[AF_FILE_OWN_MAX]; /* see below; NULL: none */
};

/* Keeps scripts from a file, and from what SQLite and a key put beside it, in whatever folder that
 * was granted it stands: a store, a bus, a secret of the command itself. Borrowed; NULL: nothing.
 */
void af_file_access_keep(struct af_file_access *access, const char *path);

/* Grants a folder. Returns -1 with *why filled if it is none. */
int af_file_access_grant(struct af_file_access *access, int write, const char *dir,
                         struct af_failure *why);
/* Whether a folder is one, or below one. */
bool af_file_access_has(const struct af_file_access *access, int write, const char *dir);
void af_file_access_release(struct af_file_access *access);

/* Appends a file's bytes, at most max_bytes. Returns -1 with *why filled: outside of the granted
 * folders (also by a link or ..), no plain file, too large, unreadable. */
int af_file_read(const struct af_file_access *access, const char *path, int64_t max_bytes,
                 struct af_buf *bytes, struct af_failure *why);

/* The real path of a file that may be read, or of one that may be written: for who does it later.
 * The caller frees it. NULL with *why filled, as above. */
char *af_file_find(const struct af_file_access *access, const char *path, struct af_failure *why);
char *af_file_target(const struct af_file_access *access, const char *path, struct af_failure *why);

/* Writes a file, of mode 0600, whole or not at all. */
int af_file_write(const struct af_file_access *access, const char *path, const void *bytes,
                  size_t len, struct af_failure *why);

/* In a process that has jailed itself its broker (base/broker.h) reads and writes, by what was
 * granted before: this does AF_BROKER_FILE_READ, at most `number` bytes; AF_BROKER_FILE_WRITE; and
 * AF_BROKER_FILE_TARGET, where nothing is written. A grant after that changes nothing. */
int af_file_serve_read(const void *access, const struct af_broker_question *question,
                       struct af_broker_answer *answer, struct af_failure *why);
int af_file_serve_write(const void *access, const struct af_broker_question *question,
                        struct af_broker_answer *answer, struct af_failure *why);
int af_file_serve_target(const void *access, const struct af_broker_question *question,
                         struct af_broker_answer *answer, struct af_failure *why);

#endif
