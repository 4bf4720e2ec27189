/* bundle_out.c: see bundle_out.h. */
#include "cli/bundle_out.h"

#include "base/buf.h"
#include "base/failure.h"
#include "base/io.h"
#include "base/mem.h"
#include "code/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int cannot(const char *path, struct af_failure *why)
{
    return af_failure_set(why, AF_FAILURE_TRANSPORT, path, "cannot be written: %s",
                          strerror(errno));
}

/* Beside the path, hidden from who looks for flows; the caller frees it. */
static char *beside(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash == NULL ? path : slash + 1;
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_append(&out, path, (size_t)(base - path));
    af_buf_printf(&out, ".%s.XXXXXX", base);
    return af_buf_take(&out);
}

static bool write_file(const char *path, bool program, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, program ? 0777 : 0666);
    bool ok = fd >= 0 && af_io_write_all(fd, bytes, len) && fsync(fd) == 0;
    if (fd >= 0 && close(fd) != 0)
        ok = false;
    return ok;
}

/* ---- A tar. ---- */

static int write_archive(const struct af_code *code, const char *path, struct af_failure *why)
{
    struct af_buf bytes = AF_BUF_EMPTY;
    char *new = beside(path);
    int fd = mkostemp(new, O_CLOEXEC);
    bool ok = fd >= 0;
    af_bundle_pack(code, &bytes);
    if (ok)
        close(fd);
    ok = ok && unlink(new) == 0 && write_file(new, false, bytes.data, bytes.len) &&
         rename(new, path) == 0;
    if (!ok) {
        cannot(path, why);
        unlink(new);
    }
    free(new);
    af_buf_release(&bytes);
    return ok ? 0 : -1;
}

/* ---- A folder. ---- */

static void remove_folder(char *path)
{
    char *const roots[] = {path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const FTSENT *entry;
    while (tree != NULL && (entry = fts_read(tree)) != NULL)
        if (entry->fts_info != FTS_D)
            remove(entry->fts_accpath);
    if (tree != NULL)
        fts_close(tree);
}

static bool make_folders(const char *root, const char *name)
{
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        struct af_buf path = AF_BUF_EMPTY;
        af_buf_printf(&path, "%s/%.*s", root, (int)(slash - name), name);
        bool ok = mkdir(af_buf_text(&path), 0777) == 0 || errno == EEXIST;
        af_buf_release(&path);
        if (!ok)
            return false;
    }
    return true;
}

static bool write_files(const struct af_code *code, const char *root)
{
    struct af_buf path = AF_BUF_EMPTY;
    bool ok = true;
    for (size_t i = 0; i < code->count && ok; i++) {
        const struct af_code_file *file = &code->files[i];
        af_buf_clear(&path);
        af_buf_printf(&path, "%s/%s", root, file->path);
        ok = make_folders(root, file->path) &&
             write_file(af_buf_text(&path), af_bundle_is_program(file->path), file->bytes,
                        file->len);
    }
    af_buf_release(&path);
    return ok;
}

/* The new one stands there from one moment to the next; what stood there has its name then. */
static bool put_in_place(const char *new, const char *path, bool replaces)
{
    return renameat2(AT_FDCWD, new, AT_FDCWD, path,
                     replaces ? RENAME_EXCHANGE : RENAME_NOREPLACE) == 0;
}

static int write_folder(const struct af_code *code, const char *path, struct af_failure *why)
{
    struct stat info;
    bool replaces = lstat(path, &info) == 0;
    if (replaces && (!S_ISDIR(info.st_mode) || !af_bundle_is(path)))
        return af_failure_set(why, AF_FAILURE_USAGE, path,
                              "is there already, is no bundle, and is left alone");
    char *new = beside(path);
    mode_t mask = umask(0);
    umask(mask);
    bool made = mkdtemp(new) != NULL;
    bool ok = made && write_files(code, new) && chmod(new, 0777 & ~mask) == 0 &&
              put_in_place(new, path, replaces);
    if (!ok)
        cannot(path, why);
    if (made && (!ok || replaces))
        remove_folder(new);
    free(new);
    return ok ? 0 : -1;
}

int af_bundle_out(const struct af_code *code, const char *path, struct af_failure *why)
{
    size_t len = strlen(path), end = strlen(AF_BUNDLE_SUFFIX);
    bool archive = len > end && strcmp(path + len - end, AF_BUNDLE_SUFFIX) == 0;
    char *plain = af_mem_string(path);
    while (len > 1 && plain[len - 1] == '/')
        plain[--len] = '\0';
    int result = archive ? write_archive(code, path, why) : write_folder(code, plain, why);
    free(plain);
    return result;
}
