/* code.h: the files of a flow as they are run: its own and the modules that it requires, so that
 * what a party runs can be kept with it, and told from what stands in the folder now. Of a bundle
 * (code/bundle.h) all of its files, with the manifest. */
#ifndef AF_CODE_H
#define AF_CODE_H

#include <stdbool.h>
#include <stddef.h>

struct af_buf;
struct af_failure;

struct af_code_file {
    char *path;  /* "flow.lua", "module.lua", "folder/module.lua": below the flow's folder */
    char *bytes; /* NULL: it is not there, which matters as well */
    size_t len;
};

struct af_code {
    struct af_code_file *files; /* the flow's own is the first */
    size_t count, cap;
};

/* Appends a copy of a file. */
void af_code_add(struct af_code *code, const char *path, const void *bytes, size_t len);
const struct af_code_file *af_code_find(const struct af_code *code, const char *path);
void af_code_release(struct af_code *code);

/* The SHA-256 of all paths and bytes, hexadecimal; the same in any order but the first file. */
void af_code_hash(const struct af_code *code, char hash[65]);

/* Whether each file stands in the folder as it is here; those whose path ends in `except` (or NULL)
 * do not count. */
bool af_code_is_current(const struct af_code *code, const char *folder, const char *except);

/* The same by its path. */
int af_code_read_path(const char *path, const char *name, struct af_buf *out,
                      struct af_failure *why);

/* Reads a file of at most AF_SCRIPT_FILE_BYTES_MAX. Returns -1 with *why (or NULL) filled; it is no
 * file, or cannot be read. */
int af_code_read_file(int fd, const char *name, struct af_buf *out, struct af_failure *why);

/* The same of at most so many bytes. */
int af_code_read_bounded(int fd, const char *name, size_t max, struct af_buf *out,
                         struct af_failure *why);

/* Opens a file below a folder, to read it, so that no link leads out of there; -1 with errno set.
 */
int af_code_open_below(int folder, const char *path);

/* Whether a path is one of a module: word/word.lua. */
bool af_code_is_module(const char *path);

/* ---- For a process that has jailed itself: its broker (base/broker.h) reads. ---- */

struct af_code_reach {
    const char *const *paths; /* the flows that are run, as they were named */
    size_t count;
    bool any; /* whatever is called *.lua: a test names its flows while it runs */
};

struct af_broker_question;
struct af_broker_answer;

/* Whether a path is one of those files, or of a module below their folders. */
bool af_code_reaches(const struct af_code_reach *reach, const char *path);

/* AF_BROKER_CODE of a reach: what af_code_read_path() reads of a path, under the name that the
 * bytes are, of those files and of the modules below their folders; number 1: nothing, it only
 * fails where the file is not there. */
int af_code_serve(const void *reach, const struct af_broker_question *question,
                  struct af_broker_answer *answer, struct af_failure *why);

/* Whether a path means standard input, which is read once and kept. */
bool af_code_is_input(const char *path);

/* Whether a path is there. */
bool af_code_is_there(const char *path);

/* Whether that is why a file could not be read: it does not exist. */
bool af_code_is_missing(const struct af_failure *why);
int af_code_miss(const char *name, struct af_failure *why); /* says so of a file; -1 */

/* The folder that a path stands in; the caller frees it. */
char *af_code_folder(const char *path);

#endif
