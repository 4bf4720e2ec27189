/* socket.h: the socket of a node: who is connected, what he asks, his answer. */
#ifndef AF_NODE_SOCKET_H
#define AF_NODE_SOCKET_H

#include "node/impl.h"

struct af_node_connection {
    struct af_node_connection *next;
    struct af_node *node;
    int fd;
    char who[AF_NODE_WHO_BYTES];
    const char *deed; /* what was asked for, if it is to be logged and was not yet */
    char *task, *flow;
    struct af_buf in, out;
    size_t written;
    bool asked;    /* its request was taken */
    bool answered; /* out is whole */
    bool gone;     /* nobody reads the answer: to be freed when it comes */
};

/* The request is the first len bytes of connection->in. It is answered once, now or later. */
typedef void af_node_take_fn(struct af_node_connection *connection, size_t len);

int af_node_socket_open(struct af_node *node, af_node_take_fn *take, struct af_failure *why);

#endif
