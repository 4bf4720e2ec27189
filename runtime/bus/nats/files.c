/* files.c: files in pieces, each a message of the task's stream: aff.<task>.<sha256>.<number>, and
 * last of all aff.<task>.<sha256>.end, which tells how many bytes they are. Those that outlive
 * their task are in a stream of all tasks (AFK, afk.…).
 *
 * A file is of the digest that names it, whoever has put it there: who fetches it works it out. A
 * thread of its own sends or fetches it, some pieces at a time, so memory is bounded, and what a
 * broken connection has left begins where it ended. */
#include "bus/nats/impl.h"

#include "base/bounds.h"
#include "bus/fetched.h"
#include "bus/file_url.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 1 << 17, WINDOW = 8 };

/* ---- Threads. ---- */

static void tell_progress(void *arg)
{
    struct af_nats_op *op = arg;
    if (op->file.progress != NULL)
        op->file.progress(op->file.progress_arg, atomic_load(&op->progress_bytes), op->total_bytes);
    if (op->fetch.progress != NULL)
        op->fetch.progress(op->fetch.progress_arg, atomic_load(&op->progress_bytes),
                           op->total_bytes);
}

static void note_progress(struct af_nats_op *op, int64_t done)
{
    int64_t before = atomic_exchange(&op->progress_bytes, done);
    bool wanted = op->file.progress != NULL || op->fetch.progress != NULL;
    if (wanted && before >> 22 != done >> 22)
        af_loop_post(op->bus->head.loop, tell_progress, op);
}

/* Before its op is freed. */
void af_nats_forget_progress(struct af_nats_op *op)
{
    if (op->file.progress != NULL || op->fetch.progress != NULL)
        af_loop_unpost(op->bus->head.loop, tell_progress, op);
}

static void end_thread(struct af_nats_op *op)
{
    struct af_nats_bus *bus = op->bus;
    af_nats_port_close(&op->port);
    af_nats_complete(op);
    pthread_mutex_lock(&bus->lock);
    if (--bus->threads == 0)
        pthread_cond_signal(&bus->threads_end);
    pthread_mutex_unlock(&bus->lock);
}

/* When the op has left the thread of all: see af_nats_begin_thread(). */
static void start_thread(struct af_nats_op *op, void *(*fn)(void *))
{
    op->over = false;
    op->thread = fn;
}

bool af_nats_begin_thread(struct af_nats_op *op)
{
    struct af_nats_bus *bus = op->bus;
    pthread_t thread;
    if (!af_nats_port_open(bus, &op->port, ++bus->next_port)) {
        af_nats_refuse(op, AF_BUS_FULL, "too many files are open");
        return false;
    }
    pthread_mutex_lock(&bus->lock);
    bus->threads++;
    pthread_mutex_unlock(&bus->lock);
    if (pthread_create(&thread, NULL, op->thread, op) == 0) {
        pthread_detach(thread);
        return true;
    }
    pthread_mutex_lock(&bus->lock);
    bus->threads--;
    pthread_mutex_unlock(&bus->lock);
    af_nats_port_close(&op->port);
    af_nats_refuse(op, AF_BUS_FULL, "no thread can be made for a file");
    return false;
}

static bool may_go_on(struct af_nats_op *op)
{
    if (!atomic_load(&op->bus->closing))
        return true;
    af_nats_refuse(op, AF_BUS_CANCELLED, "the bus is closed");
    return false;
}

static bool fail(struct af_nats_op *op, const char *what, const char *doing)
{
    int error = errno;
    af_nats_refuse(op, error == ENOSPC || error == EDQUOT ? AF_BUS_FULL : AF_BUS_INVALID,
                   "'%s' cannot be %s: %s", what, doing, strerror(error));
    return false;
}

/* What a file's stream and subjects are called. */
static void name_file(struct af_nats_op *op, const struct af_nats_task *task, bool durable)
{
    if (durable)
        snprintf(op->stream, sizeof op->stream, "AFK");
    else
        snprintf(op->stream, sizeof op->stream, "AFF+%s", task->token);
    snprintf(op->subject, sizeof op->subject, "%s.%s.%s", durable ? "afk" : "aff", task->token,
             op->sha256);
}

/* A connection that comes back in time is no failure: the tries that brought nothing are counted.
 */
static bool try_again(struct af_nats_op *op, const struct af_nats_reply *reply, int *tries)
{
    if (reply->code != AF_BUS_UNREACHABLE || ++*tries > AF_NATS_REPEATED_NS / AF_NATS_REPEAT_NS ||
        !may_go_on(op))
        return false;
    usleep(AF_NATS_REPEAT_NS / 1000);
    return true;
}

/* How many bytes a kept file has: -1: it is not there, -2: op has failed. */
static int64_t size_of_kept(struct af_nats_op *op)
{
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    char subject[AF_NATS_SUBJECT_BYTES];
    int64_t bytes = -1;
    int tries = 0;
    snprintf(subject, sizeof subject, "%s.end", op->subject);
    while (!af_nats_last(&op->port, &reply, &op->arena, op->stream, subject, &kept)) {
        if (reply.error == AF_NATS_NO_STREAM || reply.error == AF_NATS_NOBODY)
            return -1;
        if (!try_again(op, &reply, &tries)) {
            if (op->result.code == AF_BUS_OK)
                af_nats_refuse(op, reply.code, "%s", reply.why);
            return -2;
        }
    }
    if (kept.sequence > 0 && af_nats_integer(kept.data, kept.len, "bytes", &bytes) &&
        (bytes < 0 || bytes > AF_BUS_FILE_BYTES_MAX))
        bytes = -1;
    return bytes;
}

/* ---- Putting. ---- */

struct source { /* bytes, or a descriptor */
    int fd;
    const char *bytes;
    int64_t total;
};

static ssize_t read_at(const struct source *source, char *piece, int64_t at)
{
    int64_t left = source->total - at, len = left < PIECE_BYTES ? left : PIECE_BYTES;
    if (len <= 0)
        return 0;
    if (source->fd < 0) {
        memcpy(piece, source->bytes + at, (size_t)len);
        return (ssize_t)len;
    }
    ssize_t got, all = 0;
    while (all < len &&
           ((got = pread(source->fd, piece + all, (size_t)(len - all), at + all)) > 0 ||
            (got < 0 && errno == EINTR)))
        all += got > 0 ? got : 0;
    return all;
}

static bool open_source(struct af_nats_op *op, struct source *source)
{
    struct stat info;
    const char *path = op->file.path;
    source->bytes = op->file.bytes;
    source->total = (int64_t)op->file.bytes_len;
    if (path == NULL)
        return true;
    source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (source->fd < 0 || fstat(source->fd, &info) != 0)
        return fail(op, path, "read");
    if (!S_ISREG(info.st_mode)) {
        af_nats_refuse(op, AF_BUS_INVALID, "'%s' is not a plain file", path);
        return false;
    }
    source->total = info.st_size;
    errno = EFBIG;
    return source->total <= AF_BUS_FILE_BYTES_MAX || fail(op, path, "kept");
}

static bool work_out(struct af_nats_op *op, const struct source *source, char *piece)
{
    struct af_sha256 *hash = af_sha256_new();
    int64_t at = 0;
    ssize_t got = 0;
    while (at < source->total && may_go_on(op) && (got = read_at(source, piece, at)) > 0) {
        af_sha256_add(hash, piece, (size_t)got);
        at += got;
    }
    af_sha256_hex(hash, op->sha256);
    af_sha256_free(hash);
    if (at < source->total && op->result.code == AF_BUS_OK)
        return fail(op, op->file.path == NULL ? "the content" : op->file.path, "read");
    return at == source->total;
}

static bool has_piece(struct af_nats_op *op, int64_t number)
{
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    struct af_arena arena = {0};
    char subject[AF_NATS_SUBJECT_BYTES];
    snprintf(subject, sizeof subject, "%s.%lld", op->subject, (long long)number);
    bool has =
        af_nats_last(&op->port, &reply, &arena, op->stream, subject, &kept) && kept.sequence > 0;
    af_arena_release(&arena);
    return has;
}

/* The first piece that is not there: they are sent in order, some at a time. */
static int64_t first_missing(struct af_nats_op *op, int64_t count)
{
    int64_t low = 0, high = count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (has_piece(op, middle))
            low = middle + 1;
        else
            high = middle;
    }
    return low > WINDOW ? low - WINDOW : 0;
}

/* Sends the pieces from first to before last; false: reply says why. */
static bool send_pieces(struct af_nats_op *op, const struct source *source, char *piece,
                        int64_t first, int64_t last, struct af_nats_reply *reply)
{
    char subject[AF_NATS_SUBJECT_BYTES], name[32];
    bool ok = true;
    *reply = (struct af_nats_reply){.code = AF_BUS_UNREACHABLE};
    snprintf(reply->why, sizeof reply->why, "the connection to the NATS servers is lost");
    for (int64_t i = first; i < last && ok; i++) {
        ssize_t got = read_at(source, piece, i * PIECE_BYTES);
        snprintf(subject, sizeof subject, "%s.%lld", op->subject, (long long)i);
        struct af_nats_send send = {.subject = subject, .body = piece, .len = (size_t)got};
        ok = got > 0 && af_nats_connect(&op->port, reply) &&
             af_nats_send(&op->port, &send, "f.%lld", (long long)i);
    }
    for (int64_t i = first; i < last && ok; i++) {
        snprintf(name, sizeof name, "f.%lld", (long long)i);
        snprintf(subject, sizeof subject, "%s.%lld", op->subject, (long long)i);
        ok = af_nats_await(&op->port, name, subject, reply) && reply->error == 0;
        af_nats_reply_release(reply);
    }
    return ok;
}

static bool send_end(struct af_nats_op *op, int64_t bytes, struct af_nats_reply *reply)
{
    char subject[AF_NATS_SUBJECT_BYTES];
    snprintf(subject, sizeof subject, "%s.end", op->subject);
    bool ok = af_nats_ask(&op->port, reply, subject, "{\"bytes\":%lld}", (long long)bytes);
    af_nats_reply_release(reply);
    return ok;
}

static bool send_file(struct af_nats_op *op, const struct source *source, char *piece)
{
    struct af_nats_reply reply = {0};
    int64_t count = (source->total + PIECE_BYTES - 1) / PIECE_BYTES, at;
    int64_t kept = size_of_kept(op);
    int tries = 0;
    if (kept == source->total || kept == -2)
        return kept >= 0; /* it is there already */
    at = count > 2 * WINDOW ? first_missing(op, count) : 0;
    op->total_bytes = source->total;
    while (at < count && may_go_on(op)) {
        int64_t last = at + WINDOW < count ? at + WINDOW : count;
        if (send_pieces(op, source, piece, at, last, &reply)) {
            at = last;
            tries = 0;
            note_progress(op, at * PIECE_BYTES);
        } else if (!try_again(op, &reply, &tries)) {
            break;
        }
    }
    while (at == count && op->result.code == AF_BUS_OK && !send_end(op, source->total, &reply))
        if (!try_again(op, &reply, &tries))
            at = -1;
    if (at != count && op->result.code == AF_BUS_OK)
        af_nats_refuse(op, reply.code, "%s", reply.why);
    return op->result.code == AF_BUS_OK;
}

static void *put_in_thread(void *arg)
{
    struct af_nats_op *op = arg;
    struct source source = {.fd = -1};
    char *piece = af_mem_alloc(PIECE_BYTES);
    size_t named = strlen(op->subject);
    bool ok = open_source(op, &source) && work_out(op, &source, piece);
    snprintf(op->subject + named, sizeof op->subject - named, "%s", op->sha256);
    ok = ok && send_file(op, &source, piece);
    if (source.fd >= 0)
        close(source.fd);
    if (op->file.move)
        unlink(op->file.path);
    free(piece);
    if (ok) {
        af_bus_file_url_write(&op->text, AF_NATS_FILES, op->file.task, op->sha256, op->extension);
        op->result.text = af_buf_text(&op->text);
        op->result.text_len = op->text.len;
    }
    end_thread(op);
    return NULL;
}

/* Whether the node may, and where it goes. */
static void put(struct af_nats_op *op)
{
    const struct af_bus_file *file = &op->file;
    struct af_nats_reply reply;
    char config[AF_NATS_SUBJECT_BYTES];
    op->over = true;
    if (file->task == NULL) {
        af_nats_refuse(op, AF_BUS_INVALID, "a NATS server has no task manager for bundles");
        return;
    }
    struct af_nats_task *task = af_nats_task(op, file->task, false);
    if (task == NULL || (file->node != NULL && !af_nats_need_member(op, task, file->node)))
        return;
    op->sha256[0] = '\0';
    name_file(op, task, file->durable);
    snprintf(config, sizeof config,
             "\"subjects\":[\"%s%s.>\"],\"max_msgs_per_subject\":1,\"allow_direct\":true",
             file->durable ? "afk" : "aff.", file->durable ? "" : task->token);
    bool ok = af_nats_need_stream(&op->bus->port, &reply, op->stream, config, NULL);
    af_nats_reply_release(&reply);
    if (ok)
        start_thread(op, put_in_thread);
    else
        af_nats_fail(op, &reply);
}

void af_nats_put_file(struct af_bus *bus, const struct af_bus_file *file, af_bus_done_fn *done,
                      void *arg)
{
    struct af_nats_op *op = af_nats_op_new(bus, put, done, arg);
    op->file = af_bus_copy_file(&op->arena, file);
    op->file.sha256 = NULL;
    op->extension = af_bus_file_extension(&op->arena, file->name != NULL ? file->name : file->path);
    af_nats_submit_repeated(op);
}

/* ---- Getting. ---- */

/* Where the bytes go: a file, or memory of so many. */
struct sink {
    int fd;
    char *bytes;
    int64_t at, total;
    struct af_sha256 *hash;
};

static bool write_piece(struct sink *sink, const char *bytes, size_t len)
{
    af_sha256_add(sink->hash, bytes, len);
    if (sink->bytes != NULL)
        memcpy(sink->bytes + sink->at, bytes, len);
    sink->at += (int64_t)len;
    while (sink->fd >= 0 && len > 0) {
        ssize_t put = write(sink->fd, bytes, len);
        if (put <= 0 && errno != EINTR)
            return false;
        bytes += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    return true;
}

static void name_asked(const struct af_nats_op *op, int64_t number,
                       char subject[AF_NATS_SUBJECT_BYTES])
{
    snprintf(subject, AF_NATS_SUBJECT_BYTES, "$JS.API.DIRECT.GET.%s.%s.%lld", op->stream,
             op->subject, (long long)number);
}

static bool ask_piece(struct af_nats_op *op, int64_t number)
{
    char subject[AF_NATS_SUBJECT_BYTES];
    name_asked(op, number, subject);
    return af_nats_send(&op->port, &(struct af_nats_send){.subject = subject, .body = ""}, "g.%lld",
                        (long long)number);
}

/* Fetches the pieces from first to before last: each must be as long as it has to be. */
static int64_t fetch_pieces(struct af_nats_op *op, struct sink *sink, int64_t first, int64_t last,
                            struct af_nats_reply *reply)
{
    bool ok = true;
    int64_t at = first;
    char name[32], subject[AF_NATS_SUBJECT_BYTES];
    for (int64_t i = first; i < last && ok; i++)
        ok = af_nats_connect(&op->port, reply) && ask_piece(op, i);
    for (; at < last && ok; at += ok) {
        int64_t left = sink->total - sink->at;
        snprintf(name, sizeof name, "g.%lld", (long long)at);
        name_asked(op, at, subject);
        ok = af_nats_await(&op->port, name, subject, reply) && reply->error == 0;
        if (ok && (int64_t)reply->len != (left < PIECE_BYTES ? left : PIECE_BYTES)) {
            af_nats_refuse(op, AF_BUS_UNREACHABLE, "the kept file is damaged");
            ok = false;
        }
        if (ok && !write_piece(sink, reply->data, reply->len))
            ok = fail(op, op->fetch.path, "written");
        af_nats_reply_release(reply);
    }
    return at;
}

static bool fetch_all(struct af_nats_op *op, struct sink *sink)
{
    struct af_nats_reply reply = {.code = AF_BUS_UNREACHABLE};
    int64_t count = (sink->total + PIECE_BYTES - 1) / PIECE_BYTES, at = 0;
    char hex[AF_SHA256_HEX_BYTES];
    int tries = 0;
    while (at < count && may_go_on(op)) {
        int64_t before = at, last = at + WINDOW < count ? at + WINDOW : count;
        at = fetch_pieces(op, sink, at, last, &reply);
        tries = at > before ? 0 : tries;
        note_progress(op, sink->at);
        if (op->result.code != AF_BUS_OK || (at < last && !try_again(op, &reply, &tries)))
            break;
    }
    if (op->result.code != AF_BUS_OK)
        return false;
    af_sha256_hex(sink->hash, hex);
    if (at == count && strcmp(hex, op->sha256) == 0)
        return true;
    if (at == count)
        af_nats_refuse(op, AF_BUS_UNREACHABLE, "the kept file is damaged");
    else
        af_nats_refuse(op, reply.code, "%s",
                       reply.error == 404 ? "the kept file is damaged" : reply.why);
    return false;
}

static void write_out(struct af_nats_op *op, struct sink *sink)
{
    size_t size = strlen(op->fetch.path) + 20;
    char *temporary = af_arena_alloc(&op->arena, size);
    op->result.text = op->fetch.path;
    op->result.text_len = strlen(op->fetch.path);
    if (op->fetch.locate && access(op->fetch.path, R_OK) == 0)
        return; /* it was fetched before */
    snprintf(temporary, size, "%s.XXXXXX", op->fetch.path);
    sink->fd = mkostemp(temporary, O_CLOEXEC);
    if (sink->fd < 0) {
        fail(op, op->fetch.path, "written");
        return;
    }
    bool ok = fetch_all(op, sink);
    if (ok && fsync(sink->fd) != 0)
        ok = fail(op, op->fetch.path, "written");
    close(sink->fd);
    if (ok && rename(temporary, op->fetch.path) != 0)
        ok = fail(op, op->fetch.path, "written");
    if (!ok)
        unlink(temporary);
    else if (op->fetch.locate)
        af_bus_fetched_make_room(op->bus->fetched);
}

/* Of the task's own stream, or of what outlives it. */
static int64_t find_kept(struct af_nats_op *op)
{
    int64_t bytes = size_of_kept(op);
    if (bytes != -1)
        return bytes;
    memcpy(op->stream, "AFK", 4);
    memcpy(op->subject, "afk", 3);
    return size_of_kept(op);
}

static void *get_in_thread(void *arg)
{
    struct af_nats_op *op = arg;
    struct sink sink = {.fd = -1, .total = find_kept(op), .hash = af_sha256_new()};
    if (sink.total == -1) {
        af_nats_refuse(op, AF_BUS_INVALID, "there is no such file in task '%s'", op->fetch.task);
    } else if (sink.total >= 0 && op->fetch.max_bytes > 0 && sink.total > op->fetch.max_bytes) {
        af_nats_refuse(op, AF_BUS_INVALID, "the file is larger than %lld bytes",
                       (long long)op->fetch.max_bytes);
    } else if (sink.total >= 0 && op->fetch.path != NULL) {
        op->total_bytes = sink.total;
        write_out(op, &sink);
    } else if (sink.total >= 0) {
        op->total_bytes = sink.total;
        sink.bytes = af_arena_alloc(&op->arena, (size_t)sink.total + 1);
        if (fetch_all(op, &sink)) {
            op->result.bytes = sink.bytes;
            op->result.bytes_len = (size_t)sink.total;
        }
    }
    af_sha256_free(sink.hash);
    end_thread(op);
    return NULL;
}

static void get(struct af_nats_op *op)
{
    struct af_bus_fetch *fetch = &op->fetch;
    const char *task_name;
    op->over = true;
    if (!af_bus_file_url_read(&op->arena, AF_NATS_FILES, fetch->url, &task_name, op->sha256,
                              &op->extension)) {
        af_nats_refuse(op, AF_BUS_INVALID, "'%.200s' is no URL of this bus's files", fetch->url);
    } else if (fetch->locate && op->bus->fetched == NULL) {
        af_nats_refuse(op, AF_BUS_INVALID, "the file is not on this machine");
    } else if (fetch->sha256 != NULL && strcmp(fetch->sha256, op->sha256) != 0) {
        af_nats_refuse(op, AF_BUS_INVALID, "its SHA-256 is not the expected one");
    } else {
        struct af_nats_task *task = af_nats_task(op, task_name, false);
        if (task == NULL || (fetch->node != NULL && !af_nats_need_member(op, task, fetch->node)))
            return;
        fetch->task = task_name;
        if (fetch->locate) {
            size_t size = strlen(op->bus->fetched) + AF_SHA256_HEX_BYTES + 1;
            char *path = af_arena_alloc(&op->arena, size);
            snprintf(path, size, "%s/%s", op->bus->fetched, op->sha256);
            fetch->path = path;
        }
        name_file(op, task, false);
        start_thread(op, get_in_thread);
    }
}

void af_nats_get_file(struct af_bus *bus, const struct af_bus_fetch *fetch, af_bus_done_fn *done,
                      void *arg)
{
    struct af_nats_op *op = af_nats_op_new(bus, get, done, arg);
    op->fetch = af_bus_copy_fetch(&op->arena, fetch);
    af_nats_submit_repeated(op);
}
