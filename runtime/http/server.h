/* server.h: HTTP/1.1 to many connections at once, on our loop (libmicrohttpd).
 *
 * An exchange is one request and its answer. Its owner is told
 *
 *   begin    the headers are there: say how the body is taken (af_exchange_take_…), or answer; to
 *            do neither is to think about it: nothing is read until one of them is called;
 *   ready    the body is there: answer, now or later;
 *   refused  instead of ready: the body is too large, broken, or there is no room for it; answer;
 *   gone     the peer has left while an answer was awaited; it must be answered all the same, so
 *            that it ends (nobody reads it);
 *   end      it is over: forget it. Comes once for each exchange, whatever happened.
 *
 * Each exchange is answered once, on the loop's thread; answering may happen within any of these
 * but end.
 *
 * What bounds it: so many connections; when they become scarce, those that wait for a request of
 * theirs are closed, first who has never made one and who is not known
 * (af_exchange_is_strangers()), the longest-waiting first. A request's headers must be there in
 * AF_HTTP_HEADERS_S, bodies keep up AF_HTTP_BODY_RATE_MIN, connections without a request are closed
 * after AF_HTTP_IDLE_S, and bodies in memory are bounded each and together. A small body of a
 * request that is refused is read, so that the answer arrives; a large one closes the connection.
 * SIGPIPE must be ignored. */
#ifndef AF_HTTP_SERVER_H
#define AF_HTTP_SERVER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_exchange;
struct af_failure;
struct af_http_server;
struct af_loop;

enum af_exchange_refusal {
    AF_EXCHANGE_TOO_LARGE,
    AF_EXCHANGE_BUSY,   /* all bodies together take too much memory: later */
    AF_EXCHANGE_BROKEN, /* the body is not what its headers say */
    AF_EXCHANGE_DISK,   /* it could not be written */
};

struct af_exchange_owner {
    void (*begin)(void *arg, struct af_exchange *exchange);
    void (*ready)(void *arg, struct af_exchange *exchange);
    void (*refused)(void *arg, struct af_exchange *exchange, enum af_exchange_refusal refusal,
                    const char *why); /* in words for people */
    void (*gone)(void *arg, struct af_exchange *exchange);
    void (*end)(void *arg, struct af_exchange *exchange);
    void *arg;
};

struct af_http_server_options {
    const char *listen;         /* ADDRESS:PORT, [IPV6]:PORT; port 0: any */
    const char *certificate;    /* PEM files: TLS; or NULL */
    const char *key;            /* not readable by everybody */
    const char *client_ca;      /* who signs clients' certificates, or NULL */
    const char *client_crl;     /* which of these are revoked, or NULL */
    const char *const *headers; /* of every answer: names and values by turns, NULL; or NULL */
    size_t connections_max;     /* 0: AF_HTTP_CONNECTIONS_MAX */
    int64_t body_bytes_max;     /* of all bodies in memory; 0: AF_HTTP_BODIES_BYTES_MAX */
    struct af_exchange_owner owner;
};

/* Listens. What options point to must live as long as the server. Returns NULL with *why filled. */
struct af_http_server *af_http_server_new(struct af_loop *loop,
                                          const struct af_http_server_options *options,
                                          struct af_failure *why);

/* Whether ADDRESS:PORT is one that only this machine reaches: 1 or 0, or -1 with *why filled. */
int af_http_server_is_loopback(const char *listen, struct af_failure *why);

/* Whether one of the PEM files is another than the one that was read last. */
bool af_http_server_tls_changed(const struct af_http_server *server);

/* Reads the PEM files again. Connections that are open stay, and whom they are of is asked again by
 * what they showed. Returns -1 with *why filled if what is there cannot be used: all stays as it
 * was, until a file changes again. */
int af_http_server_tls_reload(struct af_http_server *server, struct af_failure *why);

/* The address listened at, as http://ADDRESS:PORT (or https). */
const char *af_http_server_url(const struct af_http_server *server);
size_t af_http_server_connections(const struct af_http_server *server);
size_t af_http_server_connections_max(const struct af_http_server *server);

/* Of these: with a request under way of who is known. */
size_t af_http_server_busy(const struct af_http_server *server);

/* Of all bodies in memory. */
int64_t af_http_server_body_bytes(const struct af_http_server *server);

/* Of answers, files aside, that are not yet sent. */
int64_t af_http_server_answer_bytes(const struct af_http_server *server);

/* Takes no more connections, lets go those without a request, and calls done when no exchange is
 * left, or after AF_HTTP_DRAIN_S. */
void af_http_server_drain(struct af_http_server *server, void (*done)(void *arg), void *arg);

/* Closes all connections. No exchange may be waiting for its answer any more. NULL is allowed. */
void af_http_server_free(struct af_http_server *server);

/* ---- What was asked. Texts are borrowed until the exchange ends. ---- */

const char *af_exchange_method(const struct af_exchange *exchange);
const char *af_exchange_path(const struct af_exchange *exchange); /* unescaped */
const char *af_exchange_header(const struct af_exchange *exchange, const char *name); /* or NULL */

/* A field of the query, unescaped; NULL if it is not there or holds a 0 byte. */
const char *af_exchange_query(const struct af_exchange *exchange, const char *name);

/* The common name of the client's certificate, signed by the client CA, or NULL; and whether there
 * was a certificate that is not to be trusted. */
const char *af_exchange_peer_name(const struct af_exchange *exchange);
bool af_exchange_peer_is_false(const struct af_exchange *exchange);

/* Whether the peer is on this machine. */
bool af_exchange_is_local(const struct af_exchange *exchange);
/* Its numeric address. Borrowed until the next call. */
const char *af_exchange_address(const struct af_exchange *exchange);
/* The numeric address of this machine at which it came in. Borrowed until the next call. */
const char *af_exchange_own_address(const struct af_exchange *exchange);
bool af_exchange_is_tls(const struct af_exchange *exchange);

/* The bytes the client says will come: 0 without a body, -1 unknown. */
int64_t af_exchange_body_length(const struct af_exchange *exchange);

/* ---- How the body is taken. ---- */

/* Into memory, up to max bytes. share, unless it is NULL, counts the bytes of one caller's bodies,
 * as long as these live: it may have no more than is left for all the others. */
void af_exchange_take_body(struct af_exchange *exchange, size_t max_bytes, int64_t *share);

/* Where a part goes. Of the disk's room 32 MiB stay free, and one caller may have as much as is
 * left for all the others. */
struct af_exchange_disk {
    const char *folder;
    int64_t max_bytes;
    int64_t *share;     /* counts what of one caller's is on its way; or NULL */
    int64_t kept_bytes; /* that this caller has on the disk already */
};

/* The part `name` of a multipart body, into a new file (mode 0600). */
void af_exchange_take_part(struct af_exchange *exchange, const char *name,
                           const struct af_exchange_disk *disk);

const struct af_buf *af_exchange_body(const struct af_exchange *exchange);

struct af_exchange_part {
    const char *path;      /* removed when the exchange ends, if it is still there */
    const char *file_name; /* as the client called it, or NULL */
    int64_t size_bytes;
    char sha256[65]; /* hexadecimal */
};
/* NULL: the body had no such part. */
const struct af_exchange_part *af_exchange_part(const struct af_exchange *exchange);

/* Removes what uploads left in a folder when a process was killed. */
void af_exchange_clean_folder(const char *folder);

/* ---- The answer. ---- */

/* One more header of the answer that will be given; name is borrowed, value copied. */
void af_exchange_add_header(struct af_exchange *exchange, const char *name, const char *value);

/* More of them, whatever the answer: names and values by turns, NULL. Borrowed. */
void af_exchange_set_headers(struct af_exchange *exchange, const char *const *headers);

/* The text is emptied by it. */
void af_exchange_answer(struct af_exchange *exchange, int status, const char *content_type,
                        struct af_buf *text_take);

/* The bytes of an open file, which is closed afterwards: all of them, or those from N on where the
 * client asks for `Range: bytes=N-`. */
void af_exchange_answer_file(struct af_exchange *exchange, int fd_take, int64_t size_bytes,
                             const char *content_type);

/* An answer (status 200) that grows: begins it, adds to it, ends it, which must be done. Its owner
 * is told that the peer is gone as while an answer is awaited, and must end it all the same. */
void af_exchange_stream(struct af_exchange *exchange, const char *content_type);
void af_exchange_stream_add(struct af_exchange *exchange, const void *bytes, size_t len);
void af_exchange_stream_end(struct af_exchange *exchange);
/* Whether all that was added has been given to the connection. As long as nothing is added then,
 * the exchange does not end. */
bool af_exchange_stream_waits(const struct af_exchange *exchange);

/* Whether all of the answer was given to the connection; known when the exchange ends. */
bool af_exchange_is_sent(const struct af_exchange *exchange);

/* Nobody knows who asks: until it is answered its connection is among the first that are closed
 * when these become scarce, or after AF_HTTP_HEADERS_S. Within begin(). */
void af_exchange_is_strangers(struct af_exchange *exchange);

/* For the owner's own data. */
void af_exchange_set_data(struct af_exchange *exchange, void *data);
void *af_exchange_data(const struct af_exchange *exchange);

#endif
