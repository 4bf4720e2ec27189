/* file_access.c: see file_access.h. */
#include "script/file_access.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/io.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int af_file_access_grant(struct af_file_access *access, int write, const char *dir,
                         struct af_failure *why)
{
    if (af_broker_is_there())
        return 0;
    char *real = realpath(dir, NULL);
    struct stat info;
    if (real == NULL || stat(real, &info) != 0 || !S_ISDIR(info.st_mode)) {
        const char *name = strcmp(dir, ".") == 0 ? "the working directory" : dir;
        int error = real == NULL ? errno : ENOTDIR;
        free(real);
        return error == ENOTDIR ? af_failure_set(why, AF_FAILURE_USAGE, name, "is not a folder")
                                : af_failure_set(why, AF_FAILURE_USAGE, name, "cannot be used: %s",
                                                 strerror(error));
    }
    char ***dirs = write ? &access->write_dirs : &access->read_dirs;
    size_t *count = write ? &access->write_count : &access->read_count;
    size_t *cap = write ? &access->write_cap : &access->read_cap;
    af_mem_reserve(dirs, cap, *count + 1, sizeof(char *));
    (*dirs)[(*count)++] = real;
    return 0;
}

void af_file_access_release(struct af_file_access *access)
{
    for (size_t i = 0; i < access->read_count; i++)
        free(access->read_dirs[i]);
    for (size_t i = 0; i < access->write_count; i++)
        free(access->write_dirs[i]);
    free(access->read_dirs);
    free(access->write_dirs);
    *access = (struct af_file_access){0};
}

/* The folder that a real path is, or is below; NULL: none of them. */
static const char *below(const char *path, char *const *dirs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(dirs[i]);
        if (strcmp(dirs[i], "/") == 0 ||
            (strncmp(path, dirs[i], len) == 0 && (path[len] == '/' || path[len] == '\0')))
            return dirs[i];
    }
    return NULL;
}

bool af_file_access_has(const struct af_file_access *access, int write, const char *dir)
{
    char *real = realpath(dir, NULL);
    bool has = real != NULL && (write ? below(real, access->write_dirs, access->write_count)
                                      : below(real, access->read_dirs, access->read_count)) != NULL;
    free(real);
    return has;
}

/* The real path of the folder that a new file is to stand in; the caller frees it. */
static char *real_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return realpath(".", NULL);
    char *folder = af_mem_copy(path, slash == path ? 1 : (size_t)(slash - path));
    char *real = realpath(folder, NULL);
    free(folder);
    return real;
}

void af_file_access_keep(struct af_file_access *access, const char *path)
{
    size_t count = 0;
    while (count < AF_FILE_OWN_MAX && access->own[count] != NULL)
        count++;
    assert(count < AF_FILE_OWN_MAX);
    access->own[count] = path;
}

/* Whether a real path is a file, or what SQLite, a bus or a store keeps beside it under its name.
 */
static bool is_beside(const char *real, const char *file)
{
    static const char *const ends[] = {"",      "-wal", "-shm", "-journal", "-parts",
                                       "-wake", ".age", ".key", ".files"};
    size_t len = strlen(file);
    bool is = false;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0] && strncmp(real, file, len) == 0; i++) {
        const char *rest = real + len;
        size_t end = strlen(ends[i]);
        is = is || (strncmp(rest, ends[i], end) == 0 && (rest[end] == '\0' || rest[end] == '/'));
    }
    return is;
}

/* As it is named, there or not, and as what a link leads to. */
static bool is_own(const struct af_file_access *access, const char *real)
{
    bool is = false;
    for (size_t i = 0; i < AF_FILE_OWN_MAX && access->own[i] != NULL && !is; i++) {
        char *folder = real_folder(access->own[i]), *target = realpath(access->own[i], NULL);
        const char *slash = strrchr(access->own[i], '/');
        char named[PATH_MAX];
        int len = snprintf(named, sizeof named, "%s/%s", folder == NULL ? "" : folder,
                           slash == NULL ? access->own[i] : slash + 1);
        is = (folder != NULL && len < PATH_MAX && is_beside(real, named)) ||
             (target != NULL && is_beside(real, target));
        free(folder);
        free(target);
    }
    return is;
}

static void refuse_own(const char *path, struct af_failure *why)
{
    af_failure_set(why, AF_FAILURE_FLOW, path,
                   "is what the run itself keeps or reads, and not for scripts");
}

static int refuse(const char *path, const char *option, struct af_failure *why)
{
    return af_failure_set(why, AF_FAILURE_FLOW, path,
                          "is outside of what the script may reach; grant its folder with %s",
                          option);
}

static int read_all(int fd, const char *path, int64_t max_bytes, struct af_buf *bytes,
                    struct af_failure *why)
{
    if (af_io_read_all(fd, bytes, (size_t)max_bytes))
        return 0;
    if (errno != EFBIG)
        return af_failure_set(why, AF_FAILURE_FLOW, path, "cannot be read: %s", strerror(errno));
    return af_failure_set(why, AF_FAILURE_FLOW, path, "is larger than %lld bytes",
                          (long long)max_bytes);
}

char *af_file_find(const struct af_file_access *access, const char *path, struct af_failure *why)
{
    char *real = realpath(path, NULL);
    if (real == NULL) {
        af_failure_set(why, AF_FAILURE_FLOW, path, "cannot be read: %s", strerror(errno));
    } else if (below(real, access->read_dirs, access->read_count) == NULL) {
        refuse(path, "--allow-read", why);
        free(real);
        real = NULL;
    } else if (is_own(access, real)) {
        refuse_own(path, why);
        free(real);
        real = NULL;
    }
    return real;
}

int af_file_read(const struct af_file_access *access, const char *path, int64_t max_bytes,
                 struct af_buf *bytes, struct af_failure *why)
{
    if (af_broker_is_there()) {
        const struct af_broker_question question = {path, max_bytes, NULL, 0};
        struct af_broker_answer answer = {*bytes, -1};
        int read = af_broker_ask(AF_BROKER_FILE_READ, &question, NULL, &answer, why);
        *bytes = answer.bytes;
        return read;
    }
    char *real = af_file_find(access, path, why);
    struct stat info;
    int fd = -1;
    int result = 0;
    if (real == NULL)
        return -1;
    if ((fd = open(real, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)) < 0)
        result = af_failure_set(why, AF_FAILURE_FLOW, path, "cannot be read: %s", strerror(errno));
    else if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        result = af_failure_set(why, AF_FAILURE_FLOW, path, "is not a plain file");
    else if (info.st_nlink > 1 && below(real, access->write_dirs, access->write_count) != NULL)
        result = af_failure_set(why, AF_FAILURE_FLOW, path,
                                "has another name elsewhere (a hard link), and stands where "
                                "scripts may write");
    else
        result = read_all(fd, path, max_bytes, bytes, why);
    if (fd >= 0)
        close(fd);
    free(real);
    return result;
}

/* A file that a shell, an editor or a web server would take for its own, or a name that a terminal
 * would obey. path is below one of the folders. */
static bool is_odd(const char *path)
{
    for (const char *at = path; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f || (at[0] == '/' && at[1] == '.'))
            return true;
    return false;
}

char *af_file_target(const struct af_file_access *access, const char *path, struct af_failure *why)
{
    if (af_broker_is_there()) {
        const struct af_broker_question question = {path, 0, NULL, 0};
        struct af_broker_answer answer = AF_BROKER_ANSWER;
        int found = af_broker_ask(AF_BROKER_FILE_TARGET, &question, NULL, &answer, why);
        char *real = found == 0 ? af_mem_string(af_buf_text(&answer.bytes)) : NULL;
        af_buf_release(&answer.bytes);
        return real;
    }
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    char *folder = real_folder(path);
    char target[PATH_MAX];
    if (folder == NULL) {
        af_failure_set(why, AF_FAILURE_FLOW, path, "cannot be written: %s", strerror(errno));
        return NULL;
    }
    const char *granted = below(folder, access->write_dirs, access->write_count);
    int size = snprintf(target, sizeof target, "%s/%s", folder, name);
    free(folder);
    if (granted == NULL || name[0] == '\0' || strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
        refuse(path, "--allow-write", why);
    else if (size < PATH_MAX && is_odd(target + (granted[1] == '\0' ? 0 : strlen(granted))))
        af_failure_set(why, AF_FAILURE_FLOW, path,
                       "may not be written: names that begin with a dot, and control characters, "
                       "are not for scripts");
    else if (size >= PATH_MAX)
        af_failure_set(why, AF_FAILURE_FLOW, path, "is too long a path");
    else if (is_own(access, target))
        refuse_own(path, why);
    else
        return af_mem_string(target);
    return NULL;
}

int af_file_write(const struct af_file_access *access, const char *path, const void *bytes,
                  size_t len, struct af_failure *why)
{
    if (af_broker_is_there()) {
        const struct af_broker_question question = {path, 0, bytes, len};
        return af_broker_ask(AF_BROKER_FILE_WRITE, &question, NULL, &AF_BROKER_ANSWER, why);
    }
    char *target = af_file_target(access, path, why);
    if (target == NULL)
        return -1;
    struct af_buf temporary = AF_BUF_EMPTY;
    const char *slash = strrchr(target, '/');
    af_buf_append(&temporary, target, (size_t)(slash - target));
    af_buf_printf(&temporary, "/.%s.XXXXXX", slash + 1);
    int fd = mkostemp((char *)af_buf_text(&temporary), O_CLOEXEC); /* 0600 */
    bool ok = fd >= 0 && af_io_write_all(fd, bytes, len) && fsync(fd) == 0;
    ok = (fd < 0 || close(fd) == 0) && ok;
    ok = ok && rename(temporary.data, target) == 0;
    if (!ok)
        af_failure_set(why, AF_FAILURE_FLOW, path, "cannot be written: %s", strerror(errno));
    if (!ok && fd >= 0)
        unlink(temporary.data);
    af_buf_release(&temporary);
    free(target);
    return ok ? 0 : -1;
}

/* ---- What a broker does. ---- */

int af_file_serve_read(const void *access, const struct af_broker_question *question,
                       struct af_broker_answer *answer, struct af_failure *why)
{
    int64_t max = question->number < 0 || question->number > AF_BUF_BYTES_MAX ? AF_BUF_BYTES_MAX
                                                                              : question->number;
    return af_file_read(access, question->text, max, &answer->bytes, why);
}

int af_file_serve_write(const void *access, const struct af_broker_question *question,
                        struct af_broker_answer *answer, struct af_failure *why)
{
    (void)answer;
    return af_file_write(access, question->text, question->bytes, question->len, why);
}

int af_file_serve_target(const void *access, const struct af_broker_question *question,
                         struct af_broker_answer *answer, struct af_failure *why)
{
    char *target = af_file_target(access, question->text, why);
    if (target != NULL)
        af_buf_append_string(&answer->bytes, target);
    free(target);
    return target == NULL ? -1 : 0;
}
