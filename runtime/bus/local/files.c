/* files.c: files, named by the SHA-256 of their bytes.
 *
 * Bytes are copied by a thread of their own, so that a gigabyte holds up neither the loop nor the
 * commits: put copies first and then has the store note the file, get asks the store first. A file
 * appears under its name when all of it is on the disk; the same bytes are kept once, whatever the
 * task. Its URL, local://<task>/<sha256>.<extension>, is of one task: only its nodes get it. */
#include "bus/local/impl.h"

#include "base/bounds.h"
#include "bus/file_url.h"
#include "base/failure.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 1 << 18 };

static const char url_head[] = "local://";

/* ---- Names. ---- */

bool af_local_owns(const char *bus_url, const char *url)
{
    (void)bus_url;
    return strncmp(url, url_head, sizeof url_head - 1) == 0;
}

/* Reads a URL of ours into the op: its task (which must be the fetch's), digest and extension. */
static bool read_url(struct af_local_op *op, const char *url)
{
    return af_bus_file_url_read(&op->arena, url_head, url, &op->fetch.task, op->sha256,
                                &op->extension);
}

static char *place_of(struct af_local_op *op)
{
    const struct af_local_store *store = af_local_store_of(op->bus);
    size_t size = strlen(store->files) + sizeof op->sha256 + 1;
    char *place = af_arena_alloc(&op->arena, size);
    snprintf(place, size, "%s/%s", store->files, op->sha256);
    return place;
}

/* ---- Copying, in a thread. ---- */

struct source { /* bytes, or a descriptor */
    int fd;
    const char *bytes;
    size_t left;
    int64_t total;
};

static ssize_t read_piece(struct source *source, char *piece)
{
    if (source->fd >= 0) {
        ssize_t got;
        while ((got = read(source->fd, piece, PIECE_BYTES)) < 0 && errno == EINTR)
            ;
        return got;
    }
    size_t len = source->left < PIECE_BYTES ? source->left : PIECE_BYTES;
    memcpy(piece, source->bytes, len);
    source->bytes += len;
    source->left -= len;
    return (ssize_t)len;
}

static bool write_piece(int fd, const char *piece, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, piece, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        piece += put;
        len -= (size_t)put;
    }
    return true;
}

void af_local_tell_progress(void *arg)
{
    struct af_local_op *op = arg;
    op->file.progress(op->file.progress_arg, atomic_load(&op->progress_bytes), op->total_bytes);
}

static void note_progress(struct af_local_op *op, int64_t done, int64_t total)
{
    if (op->file.progress == NULL)
        return;
    op->total_bytes = total;
    atomic_store(&op->progress_bytes, done);
    af_loop_post(op->bus->loop, af_local_tell_progress, op);
}

static bool fail(struct af_local_op *op, const char *what, const char *doing)
{
    int error = errno;
    af_local_refuse(op, error == ENOSPC || error == EDQUOT ? AF_BUS_FULL : AF_BUS_INVALID,
                    "'%s' cannot be %s: %s", what, doing, strerror(error));
    return false;
}

/* Copies all of source to the descriptor `to`, and works the digest out. */
static bool copy(struct af_local_op *op, struct source *source, int to, const char *from_name)
{
    struct af_sha256 *hash = af_sha256_new();
    char *piece = af_mem_alloc(PIECE_BYTES);
    const atomic_bool *closing = &af_local_store_of(op->bus)->closing;
    int64_t done = 0, told = 0;
    bool ok = true;
    ssize_t got = 0;
    while (ok && !atomic_load(closing) && (got = read_piece(source, piece)) > 0) {
        af_sha256_add(hash, piece, (size_t)got);
        done += got;
        if (done > AF_BUS_FILE_BYTES_MAX) {
            errno = EFBIG;
            ok = fail(op, from_name, "kept");
        } else if (to >= 0 && !write_piece(to, piece, (size_t)got)) {
            ok = fail(op, from_name, "copied");
        }
        if (done - told >= 16 * PIECE_BYTES) {
            note_progress(op, done, source->total);
            told = done;
        }
    }
    if (ok && got < 0)
        ok = fail(op, from_name, "read");
    if (ok && atomic_load(closing)) {
        af_local_refuse(op, AF_BUS_CANCELLED, "the bus is closed");
        ok = false;
    }
    af_sha256_hex(hash, op->sha256);
    af_sha256_free(hash);
    op->file_bytes = done;
    free(piece);
    return ok;
}

static void sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static bool open_source(struct af_local_op *op, struct source *source, const char *path)
{
    struct stat info;
    source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (source->fd < 0 || fstat(source->fd, &info) != 0)
        return fail(op, path, "read");
    if (!S_ISREG(info.st_mode)) {
        af_local_refuse(op, AF_BUS_INVALID, "'%s' is not a plain file", path);
        return false;
    }
    source->total = info.st_size;
    return true;
}

/* ---- Putting. ---- */

/* Copies the bytes to a temporary file of the store's folder; its name, or NULL. */
static char *copy_in(struct af_local_op *op)
{
    const struct af_local_store *store = af_local_store_of(op->bus);
    const struct af_bus_file *file = &op->file;
    struct source source = {-1, file->bytes, file->bytes_len, (int64_t)file->bytes_len};
    const char *name = file->path == NULL ? "the content" : file->path;
    size_t size = strlen(store->files) + 20;
    char *temporary = af_arena_alloc(&op->arena, size);
    snprintf(temporary, size, "%s/.put-XXXXXX", store->files);
    int to = -1;
    bool ok = file->path == NULL || open_source(op, &source, file->path);
    if (ok && (to = mkostemp(temporary, O_CLOEXEC)) < 0)
        ok = fail(op, store->files, "written to");
    ok = ok && copy(op, &source, to, name);
    if (ok && fsync(to) != 0)
        ok = fail(op, name, "kept");
    if (to >= 0)
        close(to);
    if (source.fd >= 0)
        close(source.fd);
    if (!ok && to >= 0)
        unlink(temporary);
    return ok ? temporary : NULL;
}

/* Sees that a file whose digest is known is on the disk, and not too large. */
static const char *keep_in_place(struct af_local_op *op)
{
    struct source source = {-1, NULL, 0, 0};
    const char *path = op->file.path;
    bool ok = open_source(op, &source, path);
    if (ok && source.total > AF_BUS_FILE_BYTES_MAX) {
        errno = EFBIG;
        ok = fail(op, path, "kept");
    }
    if (ok && fsync(source.fd) != 0)
        ok = fail(op, path, "kept");
    if (source.fd >= 0)
        close(source.fd);
    snprintf(op->sha256, sizeof op->sha256, "%s", op->file.sha256);
    op->file_bytes = source.total;
    return ok ? path : NULL;
}

static void *put_in_thread(void *arg)
{
    struct af_local_op *op = arg;
    struct af_bus *bus = op->bus;
    const char *from = op->file.move && op->file.sha256 != NULL ? keep_in_place(op) : copy_in(op);
    if (op->file.move && from != op->file.path)
        unlink(op->file.path);
    if (from != NULL && rename(from, place_of(op)) != 0) {
        fail(op, from, "kept");
        unlink(from);
        from = NULL;
    }
    if (from == NULL) {
        af_local_complete(op);
    } else {
        sync_folder(af_local_store_of(bus)->files);
        af_local_submit(op);
    }
    af_local_thread_ends(bus);
    return NULL;
}

static void start_thread(struct af_local_op *op, void *(*fn)(void *))
{
    pthread_t thread;
    struct af_bus *bus = op->bus;
    af_local_thread_begins(bus);
    if (pthread_create(&thread, NULL, fn, op) == 0) {
        pthread_detach(thread);
        return;
    }
    af_local_thread_ends(bus);
    af_local_refuse(op, AF_BUS_FULL, "no thread can be made for a file");
    af_local_complete(op);
}

void af_local_put_file(struct af_bus *bus, const struct af_bus_file *file, af_bus_done_fn *done,
                       void *arg)
{
    struct af_local_op *op = af_local_op_new(bus, af_local_keep_file, done, arg);
    op->file = af_bus_copy_file(&op->arena, file);
    op->extension = af_bus_file_extension(&op->arena, file->name != NULL ? file->name : file->path);
    start_thread(op, put_in_thread);
}

void af_local_keep_file(struct af_local_store *store, struct af_local_op *op)
{
    const struct af_bus_file *file = &op->file;
    struct af_local_task task;
    if (!af_local_need_room(store, op) || !af_local_task(store, op, file->task, &task) ||
        (file->node != NULL && !af_local_need_member(store, op, &task, file->task, file->node)))
        return;
    struct af_db_statement *insert = af_db_use(
        store->db, "INSERT INTO files (task, sha256, extension, bytes, durable, node, made) VALUES "
                   "(?, ?, ?, ?, ?, ?, ?) ON CONFLICT (task, sha256, extension) DO UPDATE SET "
                   "durable = max(durable, excluded.durable)");
    af_db_text(af_db_text(af_db_integer(insert, task.id), op->sha256), op->extension);
    af_db_integer(af_db_integer(insert, op->file_bytes), file->durable);
    af_db_run(af_db_integer(af_db_text(insert, file->node), store->wall_s));
    af_buf_clear(&op->text);
    af_bus_file_url_write(&op->text, url_head, file->task, op->sha256, op->extension);
    op->result.text = af_buf_text(&op->text);
    op->result.text_len = op->text.len;
}

/* ---- Getting. ---- */

void af_local_find_file(struct af_local_store *store, struct af_local_op *op)
{
    const struct af_bus_fetch *fetch = &op->fetch;
    struct af_local_task task;
    if (!af_local_task(store, op, fetch->task, &task) ||
        (fetch->node != NULL && !af_local_need_member(store, op, &task, fetch->task, fetch->node)))
        return;
    struct af_db_statement *find = af_db_use(
        store->db, "SELECT bytes FROM files WHERE task = ? AND sha256 = ? AND extension = ?");
    af_db_text(af_db_text(af_db_integer(find, task.id), op->sha256), op->extension);
    bool found = af_db_row(find);
    op->file_bytes = found ? af_db_column_integer(find, 0) : 0;
    found = found && op->file_bytes >= 0 && op->file_bytes <= AF_BUS_FILE_BYTES_MAX;
    af_db_reset(find);
    if (!found)
        af_local_refuse(op, AF_BUS_INVALID, "there is no such file in task '%s'", fetch->task);
    else if (fetch->max_bytes > 0 && op->file_bytes > fetch->max_bytes)
        af_local_refuse(op, AF_BUS_INVALID, "the file is larger than %lld bytes",
                        (long long)fetch->max_bytes);
    else if (fetch->sha256 != NULL && strcmp(fetch->sha256, op->sha256) != 0)
        af_local_refuse(op, AF_BUS_INVALID, "its SHA-256 is not the expected one");
    op->result.text = place_of(op);
    op->result.text_len = strlen(op->result.text);
}

static void read_into_memory(struct af_local_op *op, struct source *source)
{
    if (source->total != op->file_bytes) { /* before memory is taken for it */
        af_local_refuse(op, AF_BUS_UNREACHABLE, "the kept file is damaged");
        return;
    }
    char *bytes = af_arena_alloc(&op->arena, (size_t)op->file_bytes + PIECE_BYTES + 1);
    size_t len = 0;
    ssize_t got;
    while ((got = read_piece(source, bytes + len)) > 0 && (int64_t)len + got <= op->file_bytes)
        len += (size_t)got;
    char hex[AF_SHA256_HEX_BYTES];
    af_sha256_of(bytes, len, hex);
    if (got != 0 || (int64_t)len != op->file_bytes || strcmp(hex, op->sha256) != 0)
        af_local_refuse(op, AF_BUS_UNREACHABLE, "the kept file is damaged");
    op->result.bytes = bytes;
    op->result.bytes_len = len;
}

static void copy_out(struct af_local_op *op, struct source *source)
{
    size_t size = strlen(op->fetch.path) + 20;
    char *temporary = af_arena_alloc(&op->arena, size);
    char expected[65];
    memcpy(expected, op->sha256, sizeof expected);
    snprintf(temporary, size, "%s.XXXXXX", op->fetch.path);
    int to = mkostemp(temporary, O_CLOEXEC);
    if (to < 0) {
        fail(op, op->fetch.path, "written");
        return;
    }
    bool ok = copy(op, source, to, op->fetch.path);
    if (ok && strcmp(op->sha256, expected) != 0) {
        af_local_refuse(op, AF_BUS_UNREACHABLE, "the kept file is damaged");
        ok = false;
    }
    if (ok && fsync(to) != 0)
        ok = fail(op, op->fetch.path, "written");
    close(to);
    if (ok && rename(temporary, op->fetch.path) != 0)
        ok = fail(op, op->fetch.path, "written");
    if (!ok)
        unlink(temporary);
    op->result.text = op->fetch.path;
    op->result.text_len = strlen(op->fetch.path);
}

static void *get_in_thread(void *arg)
{
    struct af_local_op *op = arg;
    struct af_bus *bus = op->bus;
    struct source source = {-1, NULL, 0, 0};
    if (open_source(op, &source, op->result.text)) {
        if (op->fetch.path != NULL)
            copy_out(op, &source);
        else
            read_into_memory(op, &source);
    }
    if (source.fd >= 0)
        close(source.fd);
    af_local_complete(op);
    af_local_thread_ends(bus);
    return NULL;
}

/* The store knows the file: now its bytes. */
static void found(struct af_local_op *op)
{
    op->after = NULL;
    if (op->result.code == AF_BUS_OK && !op->fetch.locate)
        start_thread(op, get_in_thread);
    else
        af_local_complete(op);
}

void af_local_get_file(struct af_bus *bus, const struct af_bus_fetch *fetch, af_bus_done_fn *done,
                       void *arg)
{
    struct af_local_op *op = af_local_op_new(bus, af_local_find_file, done, arg);
    op->fetch = af_bus_copy_fetch(&op->arena, fetch);
    op->after = found;
    if (!read_url(op, fetch->url)) {
        af_local_refuse(op, AF_BUS_INVALID, "'%.200s' is no URL of this bus's files", fetch->url);
        op->after = NULL;
        af_local_complete(op);
        return;
    }
    af_local_submit(op);
}

/* ---- A copy of all. ---- */

static bool list_files(struct af_local_op *op, struct af_db *db)
{
    size_t size = strlen(op->file.path) + sizeof ".files";
    char *name = af_arena_alloc(&op->arena, size);
    snprintf(name, size, "%s.files", op->file.path);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (out == NULL)
        return fail(op, name, "written");
    bool ok = af_db_begin(db);
    struct af_db_statement *row =
        af_db_use(db, "SELECT DISTINCT sha256, bytes FROM files ORDER BY sha256");
    while (ok && af_db_row(row)) {
        const char *sha256 = af_db_column_text(row, 0);
        if (sha256 != NULL)
            fprintf(out, "%s %lld\n", sha256, (long long)af_db_column_integer(row, 1));
        op->result.count++;
    }
    ok = ok && af_db_commit(db);
    ok = fflush(out) == 0 && fsync(fd) == 0 && ok;
    fclose(out);
    return ok || fail(op, name, "written");
}

/* By a connection of its own, so that the others go on. */
static void *back_up_in_thread(void *arg)
{
    struct af_local_op *op = arg;
    struct af_bus *bus = op->bus;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_db *db = af_db_open(af_local_store_of(bus)->path, &af_local_format, &why);
    if (db == NULL || af_db_copy(db, op->file.path, &why) != 0)
        af_local_refuse(op, why.kind == AF_FAILURE_USAGE ? AF_BUS_INVALID : AF_BUS_FULL, "%s",
                        why.why);
    else if (list_files(op, db))
        op->result.text = op->file.path;
    af_db_close(db);
    af_local_complete(op);
    af_local_thread_ends(bus);
    return NULL;
}

void af_local_backup(struct af_bus *bus, const char *path, af_bus_done_fn *done, void *arg)
{
    struct af_local_op *op = af_local_op_new(bus, NULL, done, arg);
    op->file.path = af_arena_string(&op->arena, path);
    start_thread(op, back_up_in_thread);
}
