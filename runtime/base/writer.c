/* writer.c: see writer.h.
 *
 * The caller fills one piece while the thread has the other: `full` is the piece that is the
 * thread's, and it is NULL when the thread waits for one. */
#include "base/writer.h"

#include "base/bounds.h"
#include "base/io.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct piece {
    size_t len;
    char bytes[AF_WRITER_PIECE_BYTES];
};

struct af_writer {
    int fd;
    int64_t at, written_out;
    struct af_sha256 *hash;
    int64_t added;        /* until there are enough for a thread */
    struct piece *pieces; /* two; NULL: it has no thread */
    struct piece *filling;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct piece *full;
    bool failed, ends;
};

static atomic_int thread_count;

struct af_writer *af_writer_new(int fd, int64_t at, struct af_sha256 *hash)
{
    struct af_writer *writer = af_mem_zero(1, sizeof *writer);
    *writer = (struct af_writer){.fd = fd, .at = at, .written_out = at, .hash = hash};
    return writer;
}

static bool put(struct af_writer *writer, const void *bytes, size_t len)
{
    if (!af_io_write_all(writer->fd, bytes, len))
        return false;
    if (writer->hash != NULL)
        af_sha256_add(writer->hash, bytes, len);
    writer->at += (int64_t)len;
    af_io_write_out(writer->fd, writer->at, &writer->written_out);
    return true;
}

/* ---- With a thread. ---- */

static void *run(void *arg)
{
    struct af_writer *writer = arg;
    pthread_mutex_lock(&writer->lock);
    for (;;) {
        while (writer->full == NULL && !writer->ends)
            pthread_cond_wait(&writer->changed, &writer->lock);
        if (writer->full == NULL)
            break;
        bool ok = !writer->failed;
        pthread_mutex_unlock(&writer->lock);
        ok = ok && put(writer, writer->full->bytes, writer->full->len);
        pthread_mutex_lock(&writer->lock);
        writer->full = NULL;
        writer->failed = !ok;
        pthread_cond_signal(&writer->changed);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

static void start_thread(struct af_writer *writer)
{
    if (atomic_fetch_add(&thread_count, 1) < AF_WRITER_THREADS_MAX) {
        writer->pieces = af_mem_alloc(2 * sizeof *writer->pieces);
        writer->filling = writer->pieces;
        writer->pieces[0].len = writer->pieces[1].len = 0;
        pthread_mutex_init(&writer->lock, NULL);
        pthread_cond_init(&writer->changed, NULL);
        if (pthread_create(&writer->thread, NULL, run, writer) == 0)
            return;
        pthread_cond_destroy(&writer->changed);
        pthread_mutex_destroy(&writer->lock);
        free(writer->pieces);
        writer->pieces = NULL;
    }
    atomic_fetch_sub(&thread_count, 1);
}

static void end_thread(struct af_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    writer->ends = true;
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->lock);
    free(writer->pieces);
    atomic_fetch_sub(&thread_count, 1);
}

/* Waits until the thread has none, then gives it the one that was filled, if there is something in
 * it. Returns whether all was well up to here. */
static bool hand_over(struct af_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    while (writer->full != NULL)
        pthread_cond_wait(&writer->changed, &writer->lock);
    bool ok = !writer->failed;
    if (writer->filling->len > 0) {
        writer->full = writer->filling;
        writer->filling = &writer->pieces[writer->filling == writer->pieces];
        writer->filling->len = 0;
        pthread_cond_signal(&writer->changed);
    }
    pthread_mutex_unlock(&writer->lock);
    return ok;
}

static bool fill(struct af_writer *writer, const char *bytes, size_t len)
{
    while (len > 0) {
        struct piece *piece = writer->filling;
        size_t room = sizeof piece->bytes - piece->len;
        size_t some = len < room ? len : room;
        memcpy(piece->bytes + piece->len, bytes, some);
        piece->len += some;
        bytes += some;
        len -= some;
        if (some == room && !hand_over(writer))
            return false;
    }
    return true;
}

/* ---- Either way. ---- */

bool af_writer_add(struct af_writer *writer, const void *bytes, size_t len)
{
    if (writer->pieces == NULL && writer->added >= AF_WRITER_ALONE_BYTES) {
        writer->added = 0; /* where it gets none it asks again after as many */
        if (!writer->failed)
            start_thread(writer);
    }
    if (writer->pieces != NULL)
        return fill(writer, bytes, len);
    writer->failed = writer->failed || !put(writer, bytes, len);
    writer->added += (int64_t)len;
    return !writer->failed;
}

bool af_writer_flush(struct af_writer *writer)
{
    if (writer->pieces == NULL)
        return !writer->failed;
    hand_over(writer);
    return hand_over(writer);
}

void af_writer_free(struct af_writer *writer)
{
    if (writer == NULL)
        return;
    af_writer_flush(writer);
    if (writer->pieces != NULL)
        end_thread(writer);
    free(writer);
}
