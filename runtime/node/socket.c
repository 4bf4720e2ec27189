/* socket.c: the socket of a node, a connection a request, and how that is answered. */
#include "node/socket.h"

#include "base/bounds.h"
#include "base/log.h"
#include "base/mem.h"
#include "json/json.h"
#include "loop/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct af_node_control {
    int fd;
    char *path;
    struct af_node_connection *connections;
    af_node_take_fn *take;
    struct af_timer *again; /* when it is listened to again: no descriptor was left */
    bool is_full;
};

/* ---- Connections. ---- */

/* Of a connection that is out of the list. */
static void connection_release(struct af_node_connection *connection)
{
    if (connection->fd >= 0) {
        af_loop_unwatch(connection->node->loop, connection->fd);
        close(connection->fd);
    }
    af_buf_release(&connection->in);
    af_buf_release(&connection->out);
    free(connection->task);
    free(connection->flow);
    free(connection);
}

static void connection_free(struct af_node_connection *connection)
{
    struct af_node_connection **at = &connection->node->control->connections;
    while (*at != connection)
        at = &(*at)->next;
    *at = connection->next;
    connection_release(connection);
}

/* Nobody is there any more; what is under way still answers to it. */
static void hang_up(struct af_node_connection *connection)
{
    if (connection->asked && !connection->answered) {
        af_loop_unwatch(connection->node->loop, connection->fd);
        close(connection->fd);
        connection->fd = -1;
        connection->gone = true;
    } else {
        connection_free(connection);
    }
}

static void write_more(void *arg)
{
    struct af_node_connection *connection = arg;
    while (connection->written < connection->out.len) {
        ssize_t some = send(connection->fd, connection->out.data + connection->written,
                            connection->out.len - connection->written, MSG_NOSIGNAL);
        if (some < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (some < 0)
            break;
        connection->written += (size_t)some;
    }
    connection_free(connection);
}

/* Once, when it is known what came of it. */
static void log_deed(struct af_node_connection *connection, const struct af_failure *why)
{
    const struct af_node_deed deed = {connection->who, NULL, connection->deed, connection->task,
                                      connection->flow};
    if (connection->deed != NULL)
        af_node_audit(connection->node, &deed, why);
    connection->deed = NULL;
}

void af_node_answer(struct af_node_connection *connection, const char *json, size_t len)
{
    if (connection == NULL || connection->answered)
        return;
    log_deed(connection, NULL);
    connection->answered = true;
    if (connection->gone) {
        connection_free(connection);
        return;
    }
    af_buf_append(&connection->out, json, len);
    af_buf_append_char(&connection->out, '\n');
    af_loop_unwatch(connection->node->loop, connection->fd);
    if (af_loop_watch(connection->node->loop, connection->fd, true, write_more, connection, NULL) !=
        0)
        connection_free(connection);
}

void af_node_answer_failure(struct af_node_connection *connection, const struct af_failure *why)
{
    struct af_buf out = AF_BUF_EMPTY;
    if (connection != NULL)
        log_deed(connection, why);
    af_buf_printf(&out, "{\"ok\":false,\"exit\":%d", af_failure_exit_status(why));
    af_json_add_text(&out, "what", why->what);
    af_json_add_text(&out, "why", why->why);
    af_buf_append_char(&out, '}');
    af_node_answer(connection, af_buf_text(&out), out.len);
    af_buf_release(&out);
}

static void read_more(void *arg)
{
    struct af_node_connection *connection = arg;
    char piece[4096];
    ssize_t some = recv(connection->fd, piece, sizeof piece, 0);
    if (some < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (some <= 0 || connection->in.len + (size_t)some > AF_NODE_REQUEST_BYTES_MAX) {
        hang_up(connection);
        return;
    }
    if (connection->asked)
        return; /* one request a connection */
    af_buf_append(&connection->in, piece, (size_t)some);
    const char *newline = memchr(connection->in.data, '\n', connection->in.len);
    if (newline != NULL)
        connection->node->control->take(connection, (size_t)(newline - connection->in.data));
}

/* ---- The socket. ---- */

static void accept_one(void *arg);

static void listen_again(void *arg)
{
    struct af_node *node = arg;
    node->control->again = NULL;
    af_loop_watch(node->loop, node->control->fd, false, accept_one, node, NULL);
}

static void accept_one(void *arg)
{
    struct af_node *node = arg;
    int fd = accept4(node->control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
        if (!node->control->is_full)
            af_log(AF_LOG_WARNING, "nobody can be answered at %s: %s (see `ulimit -n`)",
                   node->control->path, strerror(errno));
        node->control->is_full = true;
        af_loop_unwatch(node->loop, node->control->fd); /* it would be seen at once again */
        node->control->again = af_timer_start(node->loop, AF_NODE_AGAIN_NS, listen_again, node);
    }
    if (fd < 0)
        return;
    node->control->is_full = false;
    struct af_node_connection *connection = af_mem_zero(1, sizeof *connection);
    connection->node = node;
    connection->fd = fd;
    connection->next = node->control->connections;
    node->control->connections = connection;
    if (af_loop_watch(node->loop, fd, false, read_more, connection, NULL) != 0)
        connection_free(connection);
}

static bool is_left_behind(const struct sockaddr_un *address)
{
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool left = connect(probe, (const struct sockaddr *)address, sizeof *address) != 0 &&
                errno == ECONNREFUSED;
    close(probe);
    return left;
}

/* A socket that was left behind is taken away; one that somebody listens at is not. A node that was
 * killed while it started a worker leaves a child that has the socket until it is that worker: it
 * is given some time. */
static int bind_at(int fd, const struct sockaddr_un *address)
{
    enum { TRIES = 200, PAUSE_MS = 10 };
    mode_t mask = umask(0177);
    int result = bind(fd, (const struct sockaddr *)address, sizeof *address);
    for (int i = 0; i < TRIES && result != 0 && errno == EADDRINUSE; i++) {
        if (!is_left_behind(address))
            poll(NULL, 0, PAUSE_MS);
        else if (unlink(address->sun_path) != 0)
            break;
        result = bind(fd, (const struct sockaddr *)address, sizeof *address);
    }
    umask(mask);
    return result;
}

int af_node_socket_open(struct af_node *node, af_node_take_fn *take, struct af_failure *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct af_buf path = AF_BUF_EMPTY;
    if (node->options->control != NULL)
        af_buf_append_string(&path, node->options->control);
    else
        af_buf_printf(&path, "%s/control.sock", node->options->state);
    struct af_node_control *control = af_mem_zero(1, sizeof *control);
    control->fd = -1;
    control->take = take;
    control->path = af_buf_take(&path);
    node->control = control;
    if (strlen(control->path) >= sizeof address.sun_path)
        return af_failure_set(why, AF_FAILURE_USAGE, control->path,
                              "is too long for a socket (%zu bytes at most); name another by "
                              "--control",
                              sizeof address.sun_path - 1);
    memcpy(address.sun_path, control->path, strlen(control->path));
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (control->fd < 0 || bind_at(control->fd, &address) != 0 || listen(control->fd, 16) != 0) {
        int result = af_failure_set(why, AF_FAILURE_TRANSPORT, control->path,
                                    "cannot be listened at: %s", strerror(errno));
        free(control->path);
        control->path = NULL; /* it is not ours */
        return result;
    }
    return af_loop_watch(node->loop, control->fd, false, accept_one, node, why);
}

void af_node_socket_close(struct af_node *node)
{
    struct af_node_control *control = node->control;
    if (control == NULL)
        return;
    while (control->connections != NULL) {
        struct af_node_connection *connection = control->connections;
        control->connections = connection->next;
        connection_release(connection);
    }
    if (control->fd >= 0) {
        if (control->again == NULL)
            af_loop_unwatch(node->loop, control->fd);
        af_timer_cancel(control->again);
        close(control->fd);
    }
    if (control->path != NULL)
        unlink(control->path);
    free(control->path);
    free(control);
    node->control = NULL;
}
