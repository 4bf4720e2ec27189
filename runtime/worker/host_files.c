/* host_files.c: the files that a worker asks for: the flow's and its modules'.
 *
 * A module is a path of plain words below the flow's folder, opened so that no link leads out of
 * there. What was given once is kept, for a process that is started again runs the same bytes. A
 * bundle is here whole from the beginning (code/bundle.h), and nothing of it comes from elsewhere.
 * On a node that takes signed flows only, the signature of its manifest counts; a file that is no
 * bundle's has one of its own, which is kept with it (code/trust.h), and no modules. */
#include "worker/host_impl.h"

#include "base/bounds.h"
#include "base/mem.h"
#include "code/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_below(const struct af_worker *worker, const char *path)
{
    char *folder = worker->base == worker->path
                       ? af_mem_string(".")
                       : af_mem_copy(worker->path, (size_t)(worker->base - worker->path));
    int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (at < 0)
        return -1;
    int fd = af_code_open_below(at, path);
    int code = errno;
    close(at);
    errno = code;
    return fd;
}

static struct af_worker_file *find(struct af_worker *worker, const char *path)
{
    for (size_t i = 0; i < worker->file_count; i++)
        if (strcmp(worker->files[i].path, path) == 0)
            return &worker->files[i];
    return NULL;
}

static int read_file(const struct af_worker *worker, const char *path, struct af_buf *bytes,
                     struct af_failure *why)
{
    bool flow = strcmp(path, worker->base) == 0;
    const struct af_script_source *source = worker->spec.source;
    if (source != NULL) {
        struct af_buf whole = AF_BUF_EMPTY;
        af_buf_append(&whole, worker->path, (size_t)(worker->base - worker->path));
        af_buf_append_string(&whole, path);
        int result = source->read(source->arg, af_buf_text(&whole), bytes, why);
        af_buf_release(&whole);
        return result;
    }
    int fd =
        flow ? open(worker->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : open_below(worker, path);
    int result = af_code_read_file(fd, flow ? worker->path : path, bytes, why);
    if (fd >= 0)
        close(fd);
    return result;
}

/* Takes the bytes; NULL: no such file. */
static struct af_worker_file *add(struct af_worker *worker, const char *path, struct af_buf *bytes,
                                  struct af_failure *why)
{
    size_t len = bytes == NULL ? 0 : bytes->len;
    if (worker->file_count == AF_WORKER_FILES_MAX ||
        worker->file_bytes + len > AF_WORKER_FILES_BYTES_MAX) {
        af_failure_set(why, AF_FAILURE_USAGE, path, "is too much: a flow has at most 64 MiB");
        return NULL;
    }
    struct af_worker_file *file = &worker->files[worker->file_count++];
    worker->file_bytes += len;
    *file = (struct af_worker_file){af_mem_string(path), bytes == NULL ? NULL : af_buf_take(bytes),
                                    len, 0};
    return file;
}

/* ---- Signatures. ---- */

static bool wants_signatures(const struct af_worker *worker)
{
    return worker->spec.trust != NULL && worker->spec.trust->count > 0;
}

static char *signature_path(const char *path)
{
    struct af_buf signature = AF_BUF_EMPTY;
    af_buf_printf(&signature, "%s" AF_TRUST_SUFFIX, path);
    return af_buf_take(&signature);
}

/* Keeps what stands beside a file, so that it is checked each time and goes where the file goes. */
static int keep_signature(struct af_worker *worker, const char *path, struct af_failure *why)
{
    struct af_buf bytes = AF_BUF_EMPTY;
    char *beside = signature_path(path);
    bool is_there = read_file(worker, beside, &bytes, NULL) == 0;
    const struct af_worker_file *file = add(worker, beside, is_there ? &bytes : NULL, why);
    af_buf_release(&bytes);
    free(beside);
    return file == NULL ? -1 : 0;
}

/* Once a process, before it is given the first file. */
static int check_bundle(const struct af_worker *worker, struct af_failure *why)
{
    struct af_code code = {NULL, 0, 0};
    struct af_manifest manifest = {.name = NULL};
    af_worker_code(worker, &code);
    int result = af_bundle_check(&code, worker->spec.trust, &manifest, why);
    af_manifest_release(&manifest);
    af_code_release(&code);
    return result;
}

static int check_signature(struct af_worker *worker, const struct af_worker_file *file,
                           struct af_failure *why)
{
    if (strcmp(file->path, worker->base) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, file->path,
                              "is a module of %s, and a node with --trust takes a flow with "
                              "modules as a signed bundle only: afrun bundle %s --sign KEY",
                              worker->base, worker->base);
    char *beside = signature_path(file->path);
    const struct af_worker_file *signature = find(worker, beside);
    free(beside);
    return af_trust_check(worker->spec.trust, file->path, file->bytes, file->len,
                          signature == NULL ? NULL : signature->bytes,
                          signature == NULL ? 0 : signature->len, why);
}

/* ---- Giving. ---- */

/* Reads and keeps a file, and its signature; NULL with *why filled. */
static struct af_worker_file *keep(struct af_worker *worker, const char *path,
                                   struct af_failure *why)
{
    struct af_buf bytes = AF_BUF_EMPTY;
    struct af_worker_file *file = NULL;
    if (read_file(worker, path, &bytes, why) == 0)
        file = add(worker, path, &bytes, why);
    if (file != NULL && wants_signatures(worker) && keep_signature(worker, path, why) != 0)
        file = NULL;
    af_buf_release(&bytes);
    return file;
}

const char *af_worker_give_file(struct af_worker *worker, struct af_wire_in *in)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf body = AF_BUF_EMPTY;
    const char *path = af_wire_get_string(in);
    if (!af_wire_is_over(in) || path == NULL ||
        (strcmp(path, worker->base) != 0 && !af_code_is_module(path)))
        return "it asks for a file that is none of the flow's";
    if (++worker->read_count > AF_WORKER_FILES_MAX)
        return "it asks for more than 1,000 files in one step";
    struct af_worker_file *file = find(worker, path);
    bool bundle = find(worker, AF_MANIFEST_NAME) != NULL;
    if (file != NULL && file->process == worker->process)
        return "it asks for a file again";
    if (file == NULL && bundle)
        af_code_miss(path, &why);
    else if (file == NULL)
        file = keep(worker, path, &why);
    if (file != NULL)
        file->process = worker->process;
    if (file != NULL && bundle && strcmp(path, worker->base) == 0 &&
        check_bundle(worker, &why) != 0)
        file = NULL;
    if (file != NULL && !bundle && wants_signatures(worker) &&
        check_signature(worker, file, &why) != 0)
        file = NULL;
    af_wire_put_failure(&body, &why);
    af_wire_put_bytes(&body, file == NULL ? NULL : file->bytes, file == NULL ? 0 : file->len);
    int sent = af_wire_send(&worker->link, AF_WIRE_FILE, &body, NULL, 0);
    af_buf_release(&body);
    if (sent != 0)
        return "a file cannot be handed to it";
    af_worker_wake(worker);
    return NULL;
}

void af_worker_take_code(struct af_worker *worker, const struct af_code *code)
{
    for (size_t i = 0; i < code->count && i < AF_WORKER_FILES_MAX; i++) {
        const struct af_code_file *file = &code->files[i];
        worker->files[worker->file_count++] = (struct af_worker_file){
            af_mem_string(file->path), af_mem_copy(file->bytes, file->len), file->len, 0};
        worker->file_bytes += file->len;
    }
}

void af_worker_code(const struct af_worker *worker, struct af_code *code)
{
    for (size_t i = 0; i < worker->file_count; i++)
        af_code_add(code, worker->files[i].path, worker->files[i].bytes, worker->files[i].len);
}

void af_worker_release_files(struct af_worker *worker)
{
    for (size_t i = 0; i < worker->file_count; i++) {
        free(worker->files[i].path);
        free(worker->files[i].bytes);
    }
}
