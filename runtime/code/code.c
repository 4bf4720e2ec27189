/* code.c: see code.h. */
#include "code/code.h"

#include "base/bounds.h"
#include "base/broker.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/io.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void af_code_add(struct af_code *code, const char *path, const void *bytes, size_t len)
{
    af_mem_reserve(&code->files, &code->cap, code->count + 1, sizeof *code->files);
    code->files[code->count++] = (struct af_code_file){
        af_mem_string(path), bytes == NULL ? NULL : af_mem_copy(bytes, len), len};
}

const struct af_code_file *af_code_find(const struct af_code *code, const char *path)
{
    for (size_t i = 0; i < code->count; i++)
        if (strcmp(code->files[i].path, path) == 0)
            return &code->files[i];
    return NULL;
}

void af_code_release(struct af_code *code)
{
    for (size_t i = 0; i < code->count; i++) {
        free(code->files[i].path);
        free(code->files[i].bytes);
    }
    free(code->files);
    *code = (struct af_code){NULL, 0, 0};
}

static int compare(const void *left, const void *right)
{
    const struct af_code_file *const *a = left, *const *b = right;
    return strcmp((*a)->path, (*b)->path);
}

void af_code_hash(const struct af_code *code, char hash[65])
{
    crypto_hash_sha256_state state;
    unsigned char digest[crypto_hash_sha256_BYTES];
    const struct af_code_file **sorted = af_mem_alloc((code->count + 1) * sizeof *sorted);
    for (size_t i = 0; i < code->count; i++)
        sorted[i] = &code->files[i];
    if (code->count > 1)
        qsort(sorted + 1, code->count - 1, sizeof *sorted, compare);
    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < code->count; i++) {
        char head[64];
        snprintf(head, sizeof head, "%zu %zu ", strlen(sorted[i]->path), sorted[i]->len);
        crypto_hash_sha256_update(&state, (const unsigned char *)head, strlen(head));
        crypto_hash_sha256_update(&state, (const unsigned char *)sorted[i]->path,
                                  strlen(sorted[i]->path));
        if (sorted[i]->len > 0)
            crypto_hash_sha256_update(&state, (const unsigned char *)sorted[i]->bytes,
                                      sorted[i]->len);
    }
    crypto_hash_sha256_final(&state, digest);
    sodium_bin2hex(hash, 65, digest, sizeof digest);
    free(sorted);
}

static int cannot_read(const char *name, int code, struct af_failure *why)
{
    return af_failure_set(why, AF_FAILURE_USAGE, name, "cannot be read: %s", strerror(code));
}

int af_code_read_bounded(int fd, const char *name, size_t max, struct af_buf *out,
                         struct af_failure *why)
{
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0)
        return cannot_read(name, errno, why);
    if (!S_ISREG(info.st_mode))
        return af_failure_set(why, AF_FAILURE_USAGE, name, "is not a file");
    if (af_io_read_all(fd, out, max))
        return 0;
    if (errno != EFBIG)
        return cannot_read(name, errno, why);
    if (max == AF_SCRIPT_FILE_BYTES_MAX)
        return af_failure_set(why, AF_FAILURE_USAGE, name,
                              "is larger than 4 MiB, too large for a script");
    return af_failure_set(why, AF_FAILURE_USAGE, name, "is larger than %zu bytes", max);
}

int af_code_read_file(int fd, const char *name, struct af_buf *out, struct af_failure *why)
{
    return af_code_read_bounded(fd, name, AF_SCRIPT_FILE_BYTES_MAX, out, why);
}

int af_code_open_below(int folder, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

/* From its words, for it may have come from another process. */
bool af_code_is_missing(const struct af_failure *why)
{
    static const int codes[] = {ENOENT, ENOTDIR};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct af_failure missing = AF_FAILURE_INIT;
        cannot_read("", codes[i], &missing);
        if (strcmp(why->why, missing.why) == 0)
            return true;
    }
    return false;
}

int af_code_miss(const char *name, struct af_failure *why)
{
    return cannot_read(name, ENOENT, why);
}

/* Standard input can be read once, and a flow is loaded more often: for each run, each worker. */
static int read_input(const char *name, struct af_buf *out, struct af_failure *why)
{
    static struct af_buf input = AF_BUF_EMPTY;
    static bool is_read;
    if (!is_read && !af_io_read_all(STDIN_FILENO, &input, AF_SCRIPT_FILE_BYTES_MAX))
        return cannot_read(name, errno, why);
    is_read = true;
    af_buf_append(out, af_buf_text(&input), input.len);
    return 0;
}

/* Asks the broker. */
static int ask(const char *path, const char *name, bool looks, struct af_buf *out,
               struct af_failure *why)
{
    const struct af_broker_question question = {path, looks, name, strlen(name)};
    struct af_broker_answer answer = {*out, -1};
    int result = af_broker_ask(AF_BROKER_CODE, &question, NULL, &answer, why);
    *out = answer.bytes;
    return result;
}

bool af_code_is_there(const char *path)
{
    struct af_buf none = AF_BUF_EMPTY;
    return af_broker_is_there() ? ask(path, path, true, &none, NULL) == 0 : access(path, F_OK) == 0;
}

bool af_code_is_input(const char *path)
{
    return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0;
}

int af_code_read_path(const char *path, const char *name, struct af_buf *out,
                      struct af_failure *why)
{
    if (af_code_is_input(path))
        return read_input(name, out, why);
    if (af_broker_is_there())
        return ask(path, name, false, out, why);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int result = af_code_read_file(fd, name, out, why);
    if (fd >= 0)
        close(fd);
    return result;
}

bool af_code_is_current(const struct af_code *code, const char *folder, const char *except)
{
    struct af_buf path = AF_BUF_EMPTY, bytes = AF_BUF_EMPTY;
    bool same = true;
    for (size_t i = 0; i < code->count && same; i++) {
        const struct af_code_file *file = &code->files[i];
        if (except != NULL && af_text_ends_with(file->path, except))
            continue;
        af_buf_clear(&path);
        af_buf_clear(&bytes);
        af_buf_printf(&path, "%s/%s", folder, file->path);
        bool is_there = af_code_read_path(af_buf_text(&path), file->path, &bytes, NULL) == 0;
        same = file->bytes == NULL
                   ? !is_there
                   : is_there && bytes.len == file->len &&
                         (bytes.len == 0 || memcmp(bytes.data, file->bytes, bytes.len) == 0);
    }
    af_buf_release(&path);
    af_buf_release(&bytes);
    return same;
}

/* ---- What a broker reads. ---- */

bool af_code_is_module(const char *path)
{
    size_t len = strlen(path);
    if (len < 5 || strcmp(path + len - 4, ".lua") != 0)
        return false;
    for (const char *c = path; c < path + len - 4; c++) {
        bool word = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= '0' && *c <= '9') || *c == '_' || *c == '-';
        bool join = *c == '/' && c > path && c[-1] != '/' && c[1] != '.';
        if (!word && !join)
            return false;
    }
    return true;
}

/* Whether a file is called *.lua; a link leads to another, and to nothing else. */
static bool is_lua(const char *path)
{
    char *real = realpath(path, NULL);
    bool is = af_text_ends_with(path, ".lua") && (real == NULL || af_text_ends_with(real, ".lua"));
    free(real);
    return is;
}

/* Whether a path is one of a module below the folder of a flow. */
static bool is_below(const char *path, const char *flow)
{
    const char *slash = strrchr(flow, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - flow) + 1;
    if (strncmp(path, flow, len) != 0)
        return false;
    const char *rest = path + len + (strncmp(path + len, "./", 2) == 0 ? 2 : 0);
    return af_code_is_module(rest) && is_lua(path);
}

bool af_code_reaches(const struct af_code_reach *reach, const char *path)
{
    bool is = reach->any && is_lua(path);
    for (size_t i = 0; i < reach->count && !is; i++)
        is = strcmp(path, reach->paths[i]) == 0 || is_below(path, reach->paths[i]);
    return is;
}

int af_code_serve(const void *reach, const struct af_broker_question *question,
                  struct af_broker_answer *answer, struct af_failure *why)
{
    const char *path = question->text, *name = question->bytes == NULL ? path : question->bytes;
    if (af_code_is_input(path) || !af_code_reaches(reach, path))
        return af_failure_set(why, AF_FAILURE_USAGE, name, "is no file of the flow");
    if (question->number == 1)
        return access(path, F_OK);
    return af_code_read_path(path, name, &answer->bytes, why);
}

char *af_code_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL   ? af_mem_string(".")
           : slash == path ? af_mem_string("/")
                           : af_mem_copy(path, (size_t)(slash - path));
}
