/* server_impl.h: what the files of server.h share. Only http_*.c include it. */
#ifndef AF_HTTP_SERVER_IMPL_H
#define AF_HTTP_SERVER_IMPL_H

#include "http/libraries.h"
#include "http/multipart.h"
#include "http/server.h"
#include "loop/loop.h"

#include <sodium.h>
#include <sys/socket.h>

/* ---- Connections: peers.c. ---- */

enum { PEERS_FRESH, PEERS_IDLE, PEERS_BUSY, PEERS_DOOMED, PEERS_LISTS };

/* A connection. It is in one list: fresh (no request yet, or a stranger's), idle (between two),
 * busy (with an exchange of who is known), doomed (shut down by us, the library has not seen it
 * yet); each list in the order of entering it. */
struct http_peer {
    struct http_peer *previous, *next;
    struct af_exchange *exchange; /* of the request in progress */
    int64_t since_ns;             /* when it entered its list */
    int fd;
    unsigned char list;
    bool is_checked; /* its certificate was */
    bool is_false;
    bool is_gone; /* it sends no more */
    char *name;   /* which its certificate has, or NULL */
};

struct http_peer_list {
    struct http_peer *first, *last;
    size_t count;
};

struct af_http_server {
    struct af_loop *loop;
    struct af_http_server_options options;
    struct MHD_Daemon *daemon;
    int listen_fd, epoll_fd;
    int gone_fd; /* an epoll of our own, for peers that leave */
    char url[80];
    struct http_tls *tls; /* NULL: without */
    struct http_peer_list lists[PEERS_LISTS];
    size_t peer_count, connections_max;
    bool told_full;       /* that there are as many as may be */
    int64_t body_bytes;   /* of all bodies that are in memory */
    int64_t answer_bytes; /* of all answers that are in memory */
    uint64_t step_count;  /* what the library has done, seen by its calls of us */
    struct af_timer *run_timer, *tick, *drain_over;
    bool is_running, is_draining, is_freeing;
    void (*drained)(void *arg);
    void *drained_arg;
};

void af_http_peer_started(struct af_http_server *server, struct MHD_Connection *connection,
                          void **context);
void af_http_peer_ended(struct af_http_server *server, struct http_peer *peer);
void af_http_peer_move(struct af_http_server *server, struct http_peer *peer, int list);
/* The peer sends no more. */
void af_http_peer_gone(struct http_peer *peer);
/* Closes connections that have had their time. */
void af_http_peers_sweep(struct af_http_server *server);
void af_http_peers_dismiss(struct af_http_server *server);

/* ---- TLS: tls.c, tls_peer.c. ---- */

int af_http_tls_open(struct af_http_server *server, struct af_failure *why);
void af_http_tls_close(struct af_http_server *server);
/* How the library is to speak it; `options` has room for four, and for what ends them. */
void af_http_tls_options(const struct af_http_server *server, struct MHD_OptionItem *options);
gnutls_x509_trust_list_t af_http_tls_clients(const struct af_http_server *server);
void af_http_tls_check_peer(const struct af_http_server *server, struct MHD_Connection *connection,
                            struct http_peer *peer);

/* ---- Framing: framing.c. ---- */

/* What is ambiguous about where the request ends, or NULL. version is the library's own text. */
const char *af_http_framing_fault(struct MHD_Connection *connection, const char *version);

/* ---- Exchanges: exchange.c, body.c. ---- */

enum exchange_stage {
    STAGE_BEGIN,  /* within begin(), or held after it */
    STAGE_BODY,   /* it comes */
    STAGE_ANSWER, /* the owner's answer is awaited */
    STAGE_OVER,   /* the answer is the library's */
};

enum exchange_body { BODY_NONE, BODY_MEMORY, BODY_PART };

struct af_exchange {
    struct af_http_server *server;
    struct MHD_Connection *connection;
    struct http_peer *peer;
    const char *method, *path;
    void *data;
    int64_t body_length, received_bytes, max_bytes, answer_bytes;
    int64_t window_ns, window_bytes; /* when the time began in which it must keep up, and how much
                                        had come then */
    enum exchange_stage stage;
    enum exchange_body body;
    bool is_suspended, is_refused, is_told_gone, is_sent;
    enum af_exchange_refusal refusal;
    const char *refusal_why;
    struct MHD_Response *response; /* the answer, until it is the library's */
    unsigned status;
    const char *header_name; /* one more of the answer's, or NULL */
    char *header_value;
    const char *const *headers; /* besides those of every answer; or NULL */
    struct af_buf bytes;        /* the body in memory */
    int64_t *share;             /* its caller's of all bodies in memory, or NULL */
    struct upload *upload;
    struct af_buf pieces; /* of an answer that grows: those that the library does not have … */
    size_t given;         /* … but for so many bytes */
    bool is_whole;        /* no more will come */
};

enum MHD_Result af_http_exchange_step(void *server, struct MHD_Connection *connection,
                                      const char *url, const char *method, const char *version,
                                      const char *bytes, size_t *len, void **context);
void af_http_exchange_completed(void *server, struct MHD_Connection *connection, void **context,
                                enum MHD_RequestTerminationCode code);
void af_http_exchange_gone(struct af_exchange *exchange);
enum MHD_Result af_http_exchange_suspend(struct af_exchange *exchange);
void af_http_exchange_resume(struct af_exchange *exchange);

/* Keeps the answer until the library may have it; response NULL: there is no memory for it. */
void af_http_exchange_set_answer(struct af_exchange *exchange, int status, const char *content_type,
                                 struct MHD_Response *response);

/* Takes bytes of the body; refuses what is too much or broken. */
void af_http_body_receive(struct af_exchange *exchange, const char *bytes, size_t len);
/* The body is over. */
void af_http_body_finish(struct af_exchange *exchange);
void af_http_body_release(struct af_exchange *exchange);
void af_http_exchange_refuse(struct af_exchange *exchange, enum af_exchange_refusal refusal,
                             const char *why);

bool af_http_address_is_loopback(const struct sockaddr *address);

/* Has the library look at its connections soon. */
void af_http_server_run_soon(struct af_http_server *server);
/* An exchange has ended: perhaps the last one. */
void af_http_server_exchange_ended(struct af_http_server *server);

#endif
