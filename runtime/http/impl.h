/* impl.h: what the files of the client share.
 *
 *   client.c   libcurl's multi interface on our loop
 *   call.c     one request: attempts, pauses, its end
 *   setup.c    what libcurl is told before an attempt, and asks meanwhile
 *   source.c   the body that is sent: bytes, or a multipart form around a file
 *   sink.c     the answer: headers, and the body in memory or in a file
 *
 * Libcurl must not lose a handle while it calls us. Its callbacks therefore touch sources and sinks
 * only; whoever asked is called from a timer. */
#ifndef AF_HTTP_IMPL_H
#define AF_HTTP_IMPL_H

#include "base/buf.h"
#include "base/failure.h"
#include "http/client.h"
#include "http/libraries.h"

#include <sodium.h>

struct af_timer;

/* ---- source.c ---- */

/* A body: head, then a file's or memory's bytes, then tail. */
struct af_http_source {
    struct af_buf head, tail;
    char boundary[40]; /* of the form; "": it is none */
    char *path;        /* of a file, or */
    char *bytes;       /* … or both are NULL */
    int fd;
    int64_t middle_bytes, total_bytes;
    int64_t at;             /* how far it has been read */
    struct af_sha256 *hash; /* of the file's bytes … */
    int64_t hashed_bytes;   /* … that have been read */
    char sha256[65];        /* … where it was known before; "": it was not */
};

void af_http_source_init(struct af_http_source *source, const struct af_http_request *request,
                         struct af_rng *rng);
/* The SHA-256 of what was sent as a file, hexadecimal, once all of it was; "" else. Asked once. */
void af_http_source_digest(struct af_http_source *source, char hex[65]);
void af_http_source_release(struct af_http_source *source);

/* To its beginning; opens its file. Returns -1 with *why filled if that cannot be read, or is no
 * longer of the same size. */
int af_http_source_rewind(struct af_http_source *source, struct af_failure *why);

/* The next bytes: how many, 0 at the end, -1 if the file cannot be read or is too short. */
int64_t af_http_source_read(struct af_http_source *source, char *to, size_t size);

/* How many bytes of the file itself have been read. */
int64_t af_http_source_sent(const struct af_http_source *source);

/* ---- sink.c ---- */

struct af_http_sink {
    struct af_buf headers, body;
    int64_t max_bytes, bytes;
    int status;
    bool has_header;        /* all of it has come */
    bool needs_length;      /* of a GET: else nobody knows whether all of it has come */
    char *path, *temporary; /* NULL: into memory */
    int fd;
    struct af_writer *writer; /* of fd and hash, from its first byte on; or NULL */
    int64_t from_bytes;       /* what was there of the file when this attempt began */
    int64_t total_bytes;      /* what it will be; -1: not told */
    bool has_begun;           /* the body has */
    char *sha256;
    struct af_sha256 *hash; /* where a digest is expected */
    const char *trouble;    /* what was wrong with our side: too large, the disk … */
};

void af_http_sink_init(struct af_http_sink *sink, const struct af_http_request *request);
void af_http_sink_release(struct af_http_sink *sink);

/* Empties it, for another attempt: but for what has come of a file whose digest is known. Where an
 * earlier process was killed over that file, it goes on from there, too. */
void af_http_sink_clear(struct af_http_sink *sink);

/* Removes what has come of a file, of an earlier process, too. */
void af_http_sink_drop(struct af_http_sink *sink);

/* A line of the header, and a piece of the body; false: enough, see `trouble`. */
bool af_http_sink_header(struct af_http_sink *sink, const char *line, size_t len);
bool af_http_sink_write(struct af_http_sink *sink, const char *bytes, size_t len);

/* Puts a whole 2xx answer in its place: checks the digest, names the file. False: see `trouble`. */
bool af_http_sink_finish(struct af_http_sink *sink);

/* ---- client.c ---- */

struct af_http_client {
    struct af_loop *loop;
    CURLM *multi;
    struct af_timer *timer;
    struct af_http_call *calls; /* a list */
    struct af_rng rng;
    char *ca, *certificate, *key, *proxy;
};

/* ---- call.c ---- */

struct af_http_call {
    struct af_http_client *client;
    struct af_http_call *next, *previous;
    bool post, resend, follow;
    char *url;
    struct curl_slist *headers;
    struct af_http_source source;
    struct af_http_sink sink;
    af_http_progress_fn *progress;
    void *progress_arg;
    int64_t attempt_ns;
    int64_t until_ns; /* as loop time */
    int attempts_left, attempts, redirects;
    int sent_count; /* how often this attempt's request went out */
    bool source_failed, started_over;
    CURL *easy; /* NULL: none is under way */
    char error[CURL_ERROR_SIZE];
    struct af_timer *timer;          /* for the next attempt, or for telling the end */
    struct af_timer *progress_timer; /* for telling how far it is */
    enum af_http_end end;
    struct af_failure why;
    af_http_done_fn *done;
    void *arg;
};

/* Libcurl is done with the call's handle, which is out of the multi again. */
void af_http_call_over(struct af_http_call *call, CURLcode code);

/* ---- setup.c ---- */

/* Prepares call->easy for an attempt that ends in left_ns at the latest. */
void af_http_call_set_up(struct af_http_call *call, int64_t left_ns);

/* Tells how far a file is (a timer's function). */
void af_http_call_tell_progress(void *call);

#endif
