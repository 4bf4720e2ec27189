/* server.c: listening, and libmicrohttpd on our loop; see server.h.
 *
 * The library waits by an epoll descriptor of its own, which our loop watches. It is run again as
 * long as it says that something is left to do at once, and soon after each resumption. What it
 * would like to be woken for later is only its time-outs, and a tick each second is exact enough
 * for these; it stops when nobody is connected. */
#include "http/server_impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "http/libraries.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { RUNS_IN_A_ROW_MAX = 64, GONE_AT_A_TIME = 64, DESCRIPTORS_FOR_OTHERS = 256 };

/* ---- Running. ---- */

static void run_daemon(struct af_http_server *server)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    af_timer_cancel(server->run_timer);
    server->run_timer = NULL;
    server->is_running = true;
    for (int i = 0; i < RUNS_IN_A_ROW_MAX && wait_ms == 0; i++) {
        uint64_t steps = server->step_count;
        af_MHD_run(server->daemon);
        wait_ms = 1;
        if (server->step_count != steps || af_MHD_get_timeout(server->daemon, &wait_ms) != MHD_YES)
            wait_ms = server->step_count == steps;
    }
    server->is_running = false;
    if (wait_ms == 0)
        af_http_server_run_soon(server);
}

static void tick(void *arg);

static void on_ready(void *arg)
{
    struct af_http_server *server = arg;
    run_daemon(server);
    if (server->tick == NULL && server->peer_count > 0)
        server->tick = af_timer_start(server->loop, AF_S_NS, tick, server);
}

static void tick(void *arg)
{
    struct af_http_server *server = arg;
    server->tick = NULL;
    af_http_peers_sweep(server);
    on_ready(server);
}

static void run_now(void *arg)
{
    struct af_http_server *server = arg;
    server->run_timer = NULL; /* the loop has freed it */
    run_daemon(server);
}

/* By a timer, which can be withdrawn when the server is freed. */
void af_http_server_run_soon(struct af_http_server *server)
{
    server->step_count++;
    if (server->run_timer == NULL && !server->is_running && !server->is_freeing)
        server->run_timer = af_timer_start(server->loop, 0, run_now, server);
}

static void on_gone(void *arg)
{
    struct af_http_server *server = arg;
    struct epoll_event events[GONE_AT_A_TIME];
    int count = epoll_wait(server->gone_fd, events, GONE_AT_A_TIME, 0);
    for (int i = 0; i < count; i++)
        af_http_peer_gone(events[i].data.ptr);
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct af_http_server *server = arg;
    server->step_count++;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        af_http_peer_started(server, connection, context);
    else if (*context != NULL)
        af_http_peer_ended(server, *context);
    bool is_full = server->peer_count >= server->connections_max;
    if (is_full && !server->told_full)
        af_log(
            AF_LOG_WARNING,
            "%zu connections are open, as many as may be (see `ulimit -n`); others wait until one "
            "ends",
            server->peer_count);
    server->told_full =
        is_full || (server->told_full && server->peer_count > server->connections_max / 2);
}

static void log_message(void *arg, const char *format, va_list args)
{
    char text[AF_FAILURE_TEXT_MAX];
    (void)arg;
    if (!af_log_shows(AF_LOG_DEBUG))
        return;
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    af_log(AF_LOG_DEBUG, "http: %s", text);
}

/* ---- Addresses. ---- */

bool af_http_address_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family != AF_INET6)
        return false;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

/* ADDRESS:PORT, [IPV6]:PORT or :PORT. The caller frees the list with freeaddrinfo(). */
static struct addrinfo *resolve(const char *listen_at, struct af_failure *why)
{
    char host[256];
    const char *colon = strrchr(listen_at, ':');
    size_t len = colon == NULL ? sizeof host : (size_t)(colon - listen_at);
    if (len >= sizeof host || colon[1] == '\0' || strspn(colon + 1, "0123456789") > 5 ||
        colon[1 + strspn(colon + 1, "0123456789")] != '\0' || atoi(colon + 1) > 65535) {
        af_failure_set(why, AF_FAILURE_USAGE, listen_at, "expected ADDRESS:PORT");
        return NULL;
    }
    bool is_bracketed = len >= 2 && listen_at[0] == '[' && colon[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(is_bracketed ? len - 2 : len),
             listen_at + (is_bracketed ? 1 : 0));
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int error = getaddrinfo(host[0] == '\0' ? NULL : host, colon + 1, &hints, &list);
    if (error == 0)
        return list;
    af_failure_set(why, AF_FAILURE_USAGE, listen_at, "no address to listen at: %s",
                   gai_strerror(error));
    return NULL;
}

int af_http_server_is_loopback(const char *listen_at, struct af_failure *why)
{
    struct addrinfo *list = resolve(listen_at, why);
    if (list == NULL)
        return -1;
    bool is_loopback = af_http_address_is_loopback(list->ai_addr);
    freeaddrinfo(list);
    return is_loopback;
}

static void write_url(struct af_http_server *server)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "";
    getsockname(server->listen_fd, (struct sockaddr *)&address, &len);
    getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    bool is_v6 = address.ss_family == AF_INET6;
    snprintf(server->url, sizeof server->url, "http%s://%s%s%s:%s", server->tls == NULL ? "" : "s",
             is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
}

/* What connections inherit: answers leave at once; a peer that vanished is found within a minute.
 */
static void set_socket_options(int fd)
{
    static const struct {
        int level, option, value;
    } rows[] = {{SOL_SOCKET, SO_REUSEADDR, 1},    {SOL_SOCKET, SO_KEEPALIVE, 1},
                {IPPROTO_TCP, TCP_NODELAY, 1},    {IPPROTO_TCP, TCP_KEEPIDLE, 20},
                {IPPROTO_TCP, TCP_KEEPINTVL, 10}, {IPPROTO_TCP, TCP_KEEPCNT, 3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        setsockopt(fd, rows[i].level, rows[i].option, &rows[i].value, sizeof rows[i].value);
}

static int open_socket(struct af_http_server *server, bool *is_v6, struct af_failure *why)
{
    const char *listen_at = server->options.listen;
    struct addrinfo *list = resolve(listen_at, why);
    if (list == NULL)
        return -1;
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        set_socket_options(fd);
    bool ok =
        fd >= 0 && bind(fd, list->ai_addr, list->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0;
    *is_v6 = list->ai_family == AF_INET6;
    freeaddrinfo(list);
    server->listen_fd = fd;
    return ok ? 0
              : af_failure_set(why, AF_FAILURE_TRANSPORT, listen_at, "cannot listen: %s",
                               strerror(errno));
}

/* ---- Making. ---- */

/* A connection takes a descriptor: as many as the system lets us have. */
static void set_connections_max(struct af_http_server *server)
{
    struct rlimit limit;
    size_t max = server->options.connections_max;
    max = max == 0 ? AF_HTTP_CONNECTIONS_MAX : max;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < max + DESCRIPTORS_FOR_OTHERS)
            max = limit.rlim_max > 2 * DESCRIPTORS_FOR_OTHERS
                      ? (size_t)limit.rlim_max - DESCRIPTORS_FOR_OTHERS
                      : (size_t)limit.rlim_max / 2;
    }
    server->connections_max = max;
}

static int start_daemon(struct af_http_server *server, bool is_v6, struct af_failure *why)
{
    struct MHD_OptionItem tls[4];
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    bool is_tls = server->tls != NULL;
    if (is_tls)
        af_http_tls_options(server, tls);
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (is_tls ? (unsigned)MHD_USE_TLS : 0) | (is_v6 ? (unsigned)MHD_USE_IPv6 : 0);
    server->daemon = af_MHD_start_daemon(
        flags, 0, NULL, NULL, af_http_exchange_step, server, MHD_OPTION_EXTERNAL_LOGGER,
        log_message, NULL, MHD_OPTION_LISTEN_SOCKET, server->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)server->connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)AF_HTTP_CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)AF_HTTP_IDLE_S,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP,
        1 /* so that files go by sendfile() */, MHD_OPTION_NOTIFY_COMPLETED,
        af_http_exchange_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_ARRAY, is_tls ? tls : none, MHD_OPTION_END);
    if (server->daemon == NULL)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, server->options.listen,
                              "the HTTP service cannot start");
    server->epoll_fd = af_MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    return 0;
}

static int start(struct af_http_server *server, struct af_failure *why)
{
    bool is_v6 = false;
    set_connections_max(server);
    if (af_http_need_server(why) != 0 || af_http_tls_open(server, why) != 0 ||
        open_socket(server, &is_v6, why) != 0)
        return -1;
    server->gone_fd = epoll_create1(EPOLL_CLOEXEC);
    if (server->gone_fd < 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, server->options.listen, "%s",
                              strerror(errno));
    write_url(server);
    if (start_daemon(server, is_v6, why) != 0 ||
        af_loop_watch(server->loop, server->gone_fd, false, on_gone, server, why) != 0)
        return -1;
    return af_loop_watch(server->loop, server->epoll_fd, false, on_ready, server, why);
}

struct af_http_server *af_http_server_new(struct af_loop *loop,
                                          const struct af_http_server_options *options,
                                          struct af_failure *why)
{
    struct af_http_server *server = af_mem_zero(1, sizeof *server);
    server->loop = loop;
    server->options = *options;
    if (server->options.body_bytes_max == 0)
        server->options.body_bytes_max = AF_HTTP_BODIES_BYTES_MAX;
    server->listen_fd = server->epoll_fd = server->gone_fd = -1;
    if (start(server, why) == 0)
        return server;
    af_http_server_free(server);
    return NULL;
}

const char *af_http_server_url(const struct af_http_server *server)
{
    return server->url;
}

size_t af_http_server_connections(const struct af_http_server *server)
{
    return server->peer_count;
}

size_t af_http_server_connections_max(const struct af_http_server *server)
{
    return server->connections_max;
}

size_t af_http_server_busy(const struct af_http_server *server)
{
    return server->lists[PEERS_BUSY].count;
}

int64_t af_http_server_body_bytes(const struct af_http_server *server)
{
    return server->body_bytes;
}

int64_t af_http_server_answer_bytes(const struct af_http_server *server)
{
    return server->answer_bytes;
}

/* ---- Ending. ---- */

static void drain_over(void *arg)
{
    struct af_http_server *server = arg;
    void (*drained)(void *) = server->drained;
    af_timer_cancel(server->drain_over);
    server->drain_over = NULL;
    server->drained = NULL;
    if (drained != NULL)
        drained(server->drained_arg);
}

static void drain_timed_out(void *arg)
{
    struct af_http_server *server = arg;
    server->drain_over = NULL; /* the loop has freed it */
    drain_over(server);
}

/* Hops through the loop: the library is in the middle of its work. */
void af_http_server_exchange_ended(struct af_http_server *server)
{
    if (server->drained == NULL || server->lists[PEERS_BUSY].count > 0 || server->is_freeing)
        return;
    af_timer_cancel(server->drain_over);
    server->drain_over = af_timer_start(server->loop, 0, drain_timed_out, server);
}

void af_http_server_drain(struct af_http_server *server, void (*done)(void *arg), void *arg)
{
    assert(!server->is_draining);
    server->is_draining = true;
    server->drained = done;
    server->drained_arg = arg;
    int fd = af_MHD_quiesce_daemon(server->daemon);
    if (fd >= 0)
        close(fd);
    af_http_peers_dismiss(server);
    server->drain_over =
        af_timer_start(server->loop, AF_HTTP_DRAIN_S * AF_S_NS, drain_timed_out, server);
    af_http_server_exchange_ended(server);
    af_http_server_run_soon(server);
}

void af_http_server_free(struct af_http_server *server)
{
    if (server == NULL)
        return;
    server->is_freeing = true;
    af_timer_cancel(server->run_timer);
    af_timer_cancel(server->tick);
    af_timer_cancel(server->drain_over);
    if (server->epoll_fd >= 0)
        af_loop_unwatch(server->loop, server->epoll_fd);
    if (server->gone_fd >= 0)
        af_loop_unwatch(server->loop, server->gone_fd);
    for (struct http_peer *peer = server->lists[PEERS_BUSY].first; peer != NULL; peer = peer->next)
        assert(!peer->exchange->is_suspended);
    if (server->daemon != NULL) {
        af_MHD_run(server->daemon); /* resumed connections must be known as such before it stops */
        af_MHD_stop_daemon(server->daemon);
    } else if (server->listen_fd >= 0)
        close(server->listen_fd);
    if (server->gone_fd >= 0)
        close(server->gone_fd);
    assert(server->peer_count == 0 && server->body_bytes == 0);
    af_http_tls_close(server);
    free(server);
}
