/* client.h: HTTP and HTTPS requests on our loop.
 *
 * A client keeps connections alive and holds what all of its requests share: whom to trust, who we
 * are. Certificates are always verified. Proxies and redirects are not used unless asked for;
 * cookies, .netrc and the environment are not looked at. Answers are bounded: in memory, or into a
 * file of mode 0600 which is whole or not there.
 *
 * A request is sent at most once, but for what its caller allows: `attempts` (with growing pauses,
 * where no answer came, or 429, 500, 502, 503 or 504) and `resend` (once, at once, where a
 * connection that was kept alive turns out to be dead before any answer).
 *
 * Messages never hold headers, bodies, or the query of a URL. One thread. SIGPIPE must be ignored.
 */
#ifndef AF_HTTP_CLIENT_H
#define AF_HTTP_CLIENT_H

#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_failure;
struct af_http_call;
struct af_http_client;
struct af_loop;

struct af_http_options {
    const char *ca;                /* PEM: whom to trust, NULL: the system's */
    const char *certificate, *key; /* PEM: who we are, or NULL */
    const char *proxy;             /* NULL: none */
    struct af_rng rng;             /* for the pauses, and for boundaries of uploads */
};

/* Returns NULL with *why filled if a file of the options cannot be read. All is copied. */
struct af_http_client *af_http_client_new(struct af_loop *loop,
                                          const struct af_http_options *options,
                                          struct af_failure *why);

/* Cancels what is under way. Also from within done(). */
void af_http_client_free(struct af_http_client *client);

/* Told now and then, and when all bytes have been sent. */
typedef void af_http_progress_fn(void *arg, int64_t done_bytes, int64_t total_bytes);

/* A file that is sent as the one part of a multipart form. Either path or bytes. */
struct af_http_upload {
    const char *part;     /* the part's name */
    const char *filename; /* what the file is called */
    const char *path;
    const void *bytes;
    size_t bytes_len;
    const char *sha256; /* of these, if it is known; or NULL */
};

struct af_http_request {
    bool post; /* else GET */
    const char *url;
    const char *const *headers; /* "Name: value" */
    size_t header_count;
    const void *body; /* of a post without an upload */
    size_t body_len;
    const struct af_http_upload *upload; /* or NULL */
    const char *path;                    /* where a 2xx answer is written; NULL: into memory */
    const char *sha256; /* of the answer's bytes, hexadecimal: else it is refused; or NULL */
    af_http_progress_fn *progress; /* of an upload's file, or of a GET's answer; or NULL */
    void *progress_arg;
    int64_t max_bytes;  /* of the answer, at least 0 */
    int64_t timeout_ns; /* of all attempts together; 0: none, if only bytes keep moving */
    int64_t attempt_ns; /* of each; 0: only timeout_ns counts */
    int attempts;       /* 1 to AF_HTTP_ATTEMPTS_MAX */
    bool resend;        /* a post does no harm if it arrives twice (a GET never does) */
    bool follow;        /* go where a redirect of the same scheme, host and port leads */
};

enum af_http_end {
    AF_HTTP_ANSWERED,    /* whatever its status */
    AF_HTTP_UNREACHABLE, /* no whole answer came: what happened there is not known */
    AF_HTTP_UNUSABLE,    /* it cannot go well: URL, certificates, a file of ours, size, digest */
};

struct af_http_answer {
    enum af_http_end end;
    const char *why; /* unless ANSWERED: in words */
    int status;
    const char *body; /* in memory, "" if there is none; a 0 byte follows it */
    size_t body_len;
    int64_t bytes;        /* how many the body has, wherever it went */
    char sent_sha256[65]; /* of the file that was sent, hexadecimal; "": there was none */
    const char *headers;  /* for af_http_answer_header() */
    int64_t retry_ns; /* how soon the server says that it is worth trying again; 0: it does not */
};

/* The nth (from 0) header of a name, without blanks around it; NULL if there is none. Borrowed from
 * the answer; *len is its length, no 0 byte follows it. */
const char *af_http_answer_header(const struct af_http_answer *answer, const char *name, size_t nth,
                                  size_t *len);

/* The answer is borrowed until it returns. */
typedef void af_http_done_fn(void *arg, const struct af_http_answer *answer);

/* Sends a request; done(arg, …) is called once, on the loop's thread, never from within, unless it
 * is cancelled. All is copied; a file that is sent must stay as it is. */
struct af_http_call *af_http_start(struct af_http_client *client,
                                   const struct af_http_request *request, af_http_done_fn *done,
                                   void *arg);

/* Forgets a call that has not been answered yet; a connection that it was using is closed. */
void af_http_cancel(struct af_http_call *call);

#endif
