/* peers.c: connections, how long each may take, and who goes when they become scarce.
 *
 * A peer that leaves: the library does not look at a suspended connection, and where the end came
 * together with the last bytes, it reads these and then waits for an event that has been. So each
 * connection is in a second epoll, of ours, that tells its end once; to shut down its reading then
 * makes another event for the library, and takes nothing that has arrived.
 *
 * The library knows a time without any byte, which a client that sends one byte now and then never
 * reaches. So connections are looked at once a second: one that has no request in time, or whose
 * body does not keep up, is shut down here, whereupon the library finds it closed. */
#include "http/server_impl.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <stdlib.h>
#include <sys/epoll.h>

static void list_remove(struct af_http_server *server, struct http_peer *peer)
{
    struct http_peer_list *list = &server->lists[peer->list];
    *(peer->previous == NULL ? &list->first : &peer->previous->next) = peer->next;
    *(peer->next == NULL ? &list->last : &peer->next->previous) = peer->previous;
    list->count--;
}

static void list_append(struct af_http_server *server, struct http_peer *peer, int which)
{
    struct http_peer_list *list = &server->lists[which];
    peer->list = (unsigned char)which;
    peer->since_ns = af_loop_now_ns(server->loop);
    peer->previous = list->last;
    peer->next = NULL;
    *(list->last == NULL ? &list->first : &list->last->next) = peer;
    list->last = peer;
    list->count++;
}

void af_http_peer_move(struct af_http_server *server, struct http_peer *peer, int list)
{
    if (peer->list == PEERS_DOOMED)
        return;
    list_remove(server, peer);
    list_append(server, peer, list);
}

static void shut_down(struct af_http_server *server, struct http_peer *peer)
{
    shutdown(peer->fd, SHUT_RDWR);
    af_http_peer_move(server, peer, PEERS_DOOMED);
}

static void make_room(struct af_http_server *server, const struct http_peer *newest)
{
    size_t gone = server->lists[PEERS_DOOMED].count;
    size_t spare = AF_HTTP_CONNECTIONS_SPARE;
    if (spare > server->connections_max / 4)
        spare = server->connections_max / 4;
    if (server->peer_count - gone + spare <= server->connections_max)
        return;
    struct http_peer *oldest = server->lists[PEERS_FRESH].first;
    if (oldest == newest)
        oldest = server->lists[PEERS_IDLE].first;
    if (oldest != NULL)
        shut_down(server, oldest);
}

void af_http_peer_started(struct af_http_server *server, struct MHD_Connection *connection,
                          void **context)
{
    struct http_peer *peer = af_mem_zero(1, sizeof *peer);
    peer->fd =
        af_MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    *context = peer;
    server->peer_count++;
    list_append(server, peer, PEERS_FRESH);
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.ptr = peer};
    epoll_ctl(server->gone_fd, EPOLL_CTL_ADD, peer->fd, &event); /* ends with the descriptor */
    make_room(server, peer);
}

void af_http_peer_gone(struct http_peer *peer)
{
    peer->is_gone = true;
    shutdown(peer->fd, SHUT_RD);
    if (peer->exchange != NULL)
        af_http_exchange_gone(peer->exchange);
}

void af_http_peer_ended(struct af_http_server *server, struct http_peer *peer)
{
    list_remove(server, peer);
    server->peer_count--;
    free(peer->name);
    free(peer);
}

/* Closes those that entered a list too long ago. */
static void sweep_list(struct af_http_server *server, int list, int64_t max_s)
{
    int64_t now_ns = af_loop_now_ns(server->loop);
    struct http_peer *peer;
    while ((peer = server->lists[list].first) != NULL && now_ns - peer->since_ns > max_s * AF_S_NS)
        shut_down(server, peer);
}

/* Each window is judged for itself: what came fast at first buys no time. */
static bool is_too_slow(struct af_exchange *exchange, int64_t now_ns)
{
    if (exchange->stage != STAGE_BODY || exchange->is_suspended ||
        now_ns - exchange->window_ns < AF_HTTP_BODY_WINDOW_S * AF_S_NS)
        return false;
    int64_t bytes = exchange->received_bytes - exchange->window_bytes;
    exchange->window_ns = now_ns;
    exchange->window_bytes = exchange->received_bytes;
    return bytes < AF_HTTP_BODY_WINDOW_S * AF_HTTP_BODY_RATE_MIN;
}

void af_http_peers_sweep(struct af_http_server *server)
{
    int64_t now_ns = af_loop_now_ns(server->loop);
    sweep_list(server, PEERS_FRESH, AF_HTTP_HEADERS_S);
    sweep_list(server, PEERS_IDLE, AF_HTTP_IDLE_S);
    struct http_peer *next;
    for (struct http_peer *peer = server->lists[PEERS_BUSY].first; peer != NULL; peer = next) {
        next = peer->next;
        if (is_too_slow(peer->exchange, now_ns))
            shut_down(server, peer);
        else if (peer->is_gone) /* it was before its request was understood */
            af_http_exchange_gone(peer->exchange);
    }
}

void af_http_peers_dismiss(struct af_http_server *server)
{
    while (server->lists[PEERS_FRESH].first != NULL)
        shut_down(server, server->lists[PEERS_FRESH].first);
    while (server->lists[PEERS_IDLE].first != NULL)
        shut_down(server, server->lists[PEERS_IDLE].first);
}
