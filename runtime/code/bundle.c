/* bundle.c: see bundle.h. */
#include "code/bundle.h"

#include "base/bounds.h"
#include "base/broker.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/version.h"
#include "code/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char signature_name[] = AF_MANIFEST_NAME AF_TRUST_SUFFIX;

static bool is_archive(const char *path)
{
    size_t len = strlen(path), end = strlen(AF_BUNDLE_SUFFIX);
    return len > end && strcmp(path + len - end, AF_BUNDLE_SUFFIX) == 0;
}

bool af_bundle_is(const char *path)
{
    struct stat info;
    struct af_buf manifest = AF_BUF_EMPTY;
    if (af_broker_is_there()) {
        const struct af_broker_question question = {path, 1, NULL, 0};
        return af_broker_ask(AF_BROKER_BUNDLE, &question, NULL, &AF_BROKER_ANSWER, NULL) == 0;
    }
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return is_archive(path);
    af_buf_printf(&manifest, "%s/" AF_MANIFEST_NAME, path);
    bool has = access(af_buf_text(&manifest), F_OK) == 0;
    af_buf_release(&manifest);
    return has;
}

bool af_bundle_is_code(const struct af_code *code)
{
    return af_code_find(code, AF_MANIFEST_NAME) != NULL;
}

/* ---- Whether it is as it should be. ---- */

static int check_file(const struct af_code_file *file, const struct af_manifest_file *said,
                      struct af_failure *why)
{
    char hash[AF_SHA256_HEX_BYTES];
    if (file == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, said->name,
                              "is missing; " AF_MANIFEST_NAME " lists it");
    if (file->len != (size_t)said->size)
        return af_failure_set(why, AF_FAILURE_USAGE, said->name,
                              "has %zu bytes, and " AF_MANIFEST_NAME " says %lld", file->len,
                              (long long)said->size);
    af_sha256_of(file->bytes, file->len, hash);
    return strcmp(hash, said->sha256) == 0
               ? 0
               : af_failure_set(why, AF_FAILURE_USAGE, said->name,
                                "has other bytes than " AF_MANIFEST_NAME " says");
}

/* The signature first, so that nothing of a stranger's is looked at. */
static int read_manifest(const struct af_code *code, const struct af_trust *trust,
                         struct af_manifest *manifest, struct af_failure *why)
{
    const struct af_code_file *file = af_code_find(code, AF_MANIFEST_NAME);
    const struct af_code_file *signature = af_code_find(code, signature_name);
    if (file == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, AF_MANIFEST_NAME, "is missing");
    if (trust != NULL && trust->count > 0 &&
        af_trust_check(trust, AF_MANIFEST_NAME, file->bytes, file->len,
                       signature == NULL ? NULL : signature->bytes,
                       signature == NULL ? 0 : signature->len, why) != 0)
        return -1;
    if (af_manifest_read(manifest, file->bytes, file->len, why) != 0)
        return -1;
    if (!af_manifest_af_is_least(AF_VERSION, manifest->least_af))
        return af_failure_set(why, AF_FAILURE_USAGE, AF_MANIFEST_NAME,
                              "needs afrun %s, and this is " AF_VERSION, manifest->least_af);
    return 0;
}

static int check_files(const struct af_code *code, const struct af_manifest *manifest,
                       struct af_failure *why)
{
    for (size_t i = 0; i < manifest->file_count; i++)
        if (check_file(af_code_find(code, manifest->files[i].name), &manifest->files[i], why) != 0)
            return -1;
    for (size_t i = 0; i < code->count; i++) {
        const char *name = code->files[i].path;
        if (strcmp(name, AF_MANIFEST_NAME) != 0 && strcmp(name, signature_name) != 0 &&
            af_manifest_find(manifest, name) == NULL)
            return af_failure_set(why, AF_FAILURE_USAGE, name,
                                  "is not in the list of " AF_MANIFEST_NAME);
    }
    return 0;
}

int af_bundle_check(const struct af_code *code, const struct af_trust *trust,
                    struct af_manifest *manifest, struct af_failure *why)
{
    return read_manifest(code, trust, manifest, why) != 0 ? -1 : check_files(code, manifest, why);
}

/* What the manifest says; false: there is none. It was read before. */
static bool read_known(const struct af_code *code, struct af_manifest *manifest)
{
    const struct af_code_file *file = af_code_find(code, AF_MANIFEST_NAME);
    return file != NULL && af_manifest_read(manifest, file->bytes, file->len, NULL) == 0;
}

int af_bundle_declares(const struct af_code *code, const char *name, int64_t version,
                       struct af_failure *why)
{
    struct af_manifest manifest = {.name = NULL};
    int result = 0;
    if (read_known(code, &manifest) &&
        (strcmp(name, manifest.name) != 0 || version != manifest.version))
        result = af_failure_set(why, AF_FAILURE_USAGE, AF_MANIFEST_NAME,
                                "says version %lld of '%s', and %s is version %lld of '%s'",
                                (long long)manifest.version, manifest.name, manifest.flow,
                                (long long)version, name);
    af_manifest_release(&manifest);
    return result;
}

int af_bundle_may_follow(const struct af_code *code, int64_t version, struct af_failure *why)
{
    struct af_manifest manifest = {.name = NULL};
    int result = 0;
    if (read_known(code, &manifest) && version < manifest.least_next && version != manifest.version)
        result = af_failure_set(why, AF_FAILURE_USAGE, manifest.name,
                                "version %lld may not follow version %lld, whose manifest says "
                                "that the least is %lld",
                                (long long)version, (long long)manifest.version,
                                (long long)manifest.least_next);
    af_manifest_release(&manifest);
    return result;
}

/* ---- Reading. ---- */

static int take(void *arg, const char *name, const char *bytes, size_t len, struct af_failure *why)
{
    struct af_code *code = arg;
    if (code->count == AF_BUNDLE_FILES_MAX + 2)
        return af_failure_set(why, AF_FAILURE_USAGE, name, "is one file too many");
    if (af_code_find(code, name) != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, name, "comes twice");
    af_code_add(code, name, len == 0 ? "" : bytes, len);
    return 0;
}

static void swap(struct af_code *code, size_t a, size_t b)
{
    struct af_code_file file = code->files[a];
    code->files[a] = code->files[b];
    code->files[b] = file;
}

static size_t index_of(const struct af_code *code, const char *name)
{
    size_t i = 0;
    while (i < code->count && strcmp(code->files[i].path, name) != 0)
        i++;
    return i;
}

static int compare(const void *left, const void *right)
{
    const struct af_code_file *a = left, *b = right;
    return strcmp(a->path, b->path);
}

/* The same order, and so the same code, however the files came. */
static void put_in_order(struct af_code *code, const char *flow)
{
    swap(code, 0, index_of(code, flow));
    size_t end = code->count;
    for (size_t i = end; i-- > 1;)
        if (strcmp(code->files[i].path, AF_MANIFEST_NAME) == 0 ||
            strcmp(code->files[i].path, signature_name) == 0)
            swap(code, i, --end);
    qsort(code->files + 1, end - 1, sizeof *code->files, compare);
    qsort(code->files + end, code->count - end, sizeof *code->files, compare);
}

/* Ends a reading: what is wrong is told as part of the path. */
static int finish(const char *path, int result, const char *flow, struct af_code *code,
                  const struct af_failure *own, struct af_failure *why)
{
    struct af_buf what = AF_BUF_EMPTY;
    if (result == 0) {
        put_in_order(code, flow);
        return 0;
    }
    af_code_release(code);
    af_buf_printf(&what, "%s%s%s", path, own->what[0] == '\0' ? "" : "/", own->what);
    af_failure_set(why, own->kind, af_buf_text(&what), "%s", own->why);
    af_buf_release(&what);
    return -1;
}

int af_bundle_unpack(const char *bytes, size_t len, const char *path, const struct af_trust *trust,
                     struct af_code *code, struct af_failure *why)
{
    struct af_failure own = AF_FAILURE_INIT;
    struct af_manifest manifest = {.name = NULL};
    int result = af_tar_read(bytes, len, take, code, &own);
    if (result == 0)
        result = af_bundle_check(code, trust, &manifest, &own);
    result = finish(path, result, manifest.flow, code, &own, why);
    af_manifest_release(&manifest);
    return result;
}

static int read_archive(const char *path, const struct af_trust *trust, struct af_code *code,
                        struct af_failure *why)
{
    struct af_buf bytes = AF_BUF_EMPTY;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int result = af_code_read_bounded(fd, path, AF_BUNDLE_BYTES_MAX, &bytes, why);
    if (fd >= 0)
        close(fd);
    if (result == 0)
        result = af_bundle_unpack(af_buf_text(&bytes), bytes.len, path, trust, code, why);
    af_buf_release(&bytes);
    return result;
}

static int read_below(int folder, const char *name, size_t most, struct af_code *code,
                      struct af_failure *why)
{
    struct af_buf bytes = AF_BUF_EMPTY;
    int fd = af_code_open_below(folder, name);
    int result = af_code_read_bounded(fd, name, most, &bytes, why);
    if (result == 0)
        af_code_add(code, name, af_buf_text(&bytes), bytes.len);
    if (fd >= 0)
        close(fd);
    af_buf_release(&bytes);
    return result;
}

/* All through one descriptor: where the path leads elsewhere meanwhile, this is what it was. */
static int read_files(int folder, const struct af_trust *trust, struct af_code *code,
                      struct af_manifest *manifest, struct af_failure *why)
{
    struct af_failure missing = AF_FAILURE_INIT;
    if (read_below(folder, AF_MANIFEST_NAME, AF_BUNDLE_MANIFEST_BYTES_MAX, code, why) != 0)
        return -1;
    if (read_below(folder, signature_name, AF_BUNDLE_MANIFEST_BYTES_MAX, code, &missing) != 0 &&
        !af_code_is_missing(&missing)) {
        *why = missing;
        return -1;
    }
    if (read_manifest(code, trust, manifest, why) != 0)
        return -1;
    for (size_t i = 0; i < manifest->file_count; i++)
        if (read_below(folder, manifest->files[i].name, (size_t)manifest->files[i].size, code,
                       why) != 0)
            return -1;
    return check_files(code, manifest, why);
}

static int read_folder(const char *path, const struct af_trust *trust, struct af_code *code,
                       struct af_failure *why)
{
    struct af_failure own = AF_FAILURE_INIT;
    struct af_manifest manifest = {.name = NULL};
    int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "cannot be read: %s", strerror(errno));
    int result = read_files(folder, trust, code, &manifest, &own);
    close(folder);
    result = finish(path, result, manifest.flow, code, &own, why);
    af_manifest_release(&manifest);
    return result;
}

/* Has it read by the broker. */
static int ask(const char *path, const struct af_trust *trust, struct af_code *code,
               struct af_failure *why)
{
    const struct af_broker_question question = {path, 0, NULL, 0};
    struct af_broker_answer answer = AF_BROKER_ANSWER;
    int result = af_broker_ask(AF_BROKER_BUNDLE, &question, NULL, &answer, why);
    if (result == 0)
        result =
            af_bundle_unpack(af_buf_text(&answer.bytes), answer.bytes.len, path, trust, code, why);
    af_buf_release(&answer.bytes);
    return result;
}

int af_bundle_serve(const void *reach, const struct af_broker_question *question,
                    struct af_broker_answer *answer, struct af_failure *why)
{
    const struct af_code_reach *flows = reach;
    struct af_code code = {NULL, 0, 0};
    bool is_named = flows->any;
    for (size_t i = 0; i < flows->count && !is_named; i++)
        is_named = strcmp(question->text, flows->paths[i]) == 0;
    if (!is_named || !af_bundle_is(question->text))
        return -1;
    if (question->number == 1)
        return 0;
    if (af_bundle_read(question->text, NULL, &code, why) != 0)
        return -1;
    af_bundle_pack(&code, &answer->bytes);
    af_code_release(&code);
    return 0;
}

int af_bundle_read(const char *path, const struct af_trust *trust, struct af_code *code,
                   struct af_failure *why)
{
    if (af_broker_is_there())
        return ask(path, trust, code, why);
    struct stat info;
    bool folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    return folder ? read_folder(path, trust, code, why) : read_archive(path, trust, code, why);
}

char *af_bundle_open(const char *path, struct af_code *code, struct af_failure *why)
{
    struct af_buf flow = AF_BUF_EMPTY;
    size_t len = strlen(path);
    if (code->count == 0 && !af_bundle_is(path))
        return af_mem_string(path);
    if (code->count == 0 && af_bundle_read(path, NULL, code, why) != 0)
        return NULL;
    while (len > 1 && path[len - 1] == '/')
        len--;
    char *folder = af_bundle_is_code(code) ? af_mem_copy(path, len) : af_code_folder(path);
    af_buf_printf(&flow, "%s/%s", folder, code->files[0].path);
    free(folder);
    return af_buf_take(&flow);
}

int af_bundle_give(struct af_code *code, const char *flow, const char *path, struct af_buf *out,
                   struct af_failure *why)
{
    const char *slash = strrchr(flow, '/'), *name = path;
    size_t folder = slash == NULL ? 0 : (size_t)(slash - flow) + 1, before = out->len;
    if (strncmp(path, flow, folder) == 0)
        name += folder;
    if (strncmp(name, "./", 2) == 0)
        name += 2;
    const struct af_code_file *file = af_code_find(code, name);
    if (file != NULL) {
        af_buf_append(out, file->bytes, file->len);
        return 0;
    }
    if (af_bundle_is_code(code))
        return af_code_miss(name, why);
    if (af_code_read_path(path, path, out, why) != 0)
        return -1;
    af_code_add(code, name, out->len == before ? "" : out->data + before, out->len - before);
    return 0;
}

/* ---- What stands there. ---- */

static bool same_file(const struct af_code *a, const struct af_code *b, const char *name)
{
    const struct af_code_file *left = af_code_find(a, name), *right = af_code_find(b, name);
    if (left == NULL || right == NULL)
        return left == right;
    return left->len == right->len &&
           (left->len == 0 || memcmp(left->bytes, right->bytes, left->len) == 0);
}

/* Manifest and signature; they tell all. Nothing of a bundle that cannot be read. */
static void read_head(const char *path, struct af_code *code)
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        read_archive(path, NULL, code, NULL);
        return;
    }
    int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return;
    read_below(folder, AF_MANIFEST_NAME, AF_BUNDLE_MANIFEST_BYTES_MAX, code, NULL);
    read_below(folder, signature_name, AF_BUNDLE_MANIFEST_BYTES_MAX, code, NULL);
    close(folder);
}

bool af_bundle_is_current(const struct af_code *code, const char *path, bool signatures)
{
    struct af_code now = {NULL, 0, 0};
    if (af_bundle_is(path) != af_bundle_is_code(code))
        return false;
    if (!af_bundle_is_code(code)) {
        char *folder = af_code_folder(path);
        bool same = af_code_is_current(code, folder, signatures ? NULL : AF_TRUST_SUFFIX);
        free(folder);
        return same;
    }
    read_head(path, &now);
    bool same = same_file(code, &now, AF_MANIFEST_NAME) &&
                (!signatures || same_file(code, &now, signature_name));
    af_code_release(&now);
    return same;
}

/* ---- Making. ---- */

bool af_bundle_is_program(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot == NULL || (strcmp(dot, ".lua") != 0 && strcmp(dot, ".json") != 0 &&
                           strcmp(dot, AF_TRUST_SUFFIX) != 0);
}

void af_bundle_pack(const struct af_code *code, struct af_buf *out)
{
    const struct af_code_file **sorted = af_mem_alloc((code->count + 1) * sizeof *sorted);
    for (size_t i = 0; i < code->count; i++) {
        size_t at = i;
        for (; at > 0 && strcmp(sorted[at - 1]->path, code->files[i].path) > 0; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = &code->files[i];
    }
    for (size_t i = 0; i < code->count; i++)
        af_tar_add(out, sorted[i]->path, af_bundle_is_program(sorted[i]->path), sorted[i]->bytes,
                   sorted[i]->len);
    af_tar_end(out);
    free(sorted);
}
