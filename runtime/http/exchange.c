/* exchange.c: one request and its answer.
 *
 * The library calls af_http_exchange_step() when a request's headers are there, for each piece of
 * its body, at its end, and again after each suspension; `stage` tells these apart. An answer can
 * be handed to the library at two moments only: before the body, which then is never read and the
 * connection closed, or after it. So the answer to a request that is refused at once waits for the
 * end of a small body, and is given before a large one. */
#include "http/server_impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* ---- What was asked. ---- */

const char *af_exchange_method(const struct af_exchange *exchange)
{
    return exchange->method;
}

const char *af_exchange_path(const struct af_exchange *exchange)
{
    return exchange->path;
}

const char *af_exchange_header(const struct af_exchange *exchange, const char *name)
{
    return af_MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

const char *af_exchange_query(const struct af_exchange *exchange, const char *name)
{
    const char *value = NULL;
    size_t len = 0;
    if (af_MHD_lookup_connection_value_n(exchange->connection, MHD_GET_ARGUMENT_KIND, name,
                                         strlen(name), &value, &len) != MHD_YES ||
        value == NULL || strlen(value) != len)
        return NULL;
    return value;
}

const char *af_exchange_peer_name(const struct af_exchange *exchange)
{
    return exchange->peer->name;
}

bool af_exchange_peer_is_false(const struct af_exchange *exchange)
{
    return exchange->peer->is_false;
}

static const struct sockaddr *address_of(const struct af_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        af_MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info == NULL ? NULL : info->client_addr;
}

bool af_exchange_is_local(const struct af_exchange *exchange)
{
    const struct sockaddr *address = address_of(exchange);
    return address != NULL && af_http_address_is_loopback(address);
}

/* Writes it without a port; an IPv4 address that came by IPv6 is one of IPv4. */
static void write_address(const struct sockaddr *address, char text[INET6_ADDRSTRLEN])
{
    static const char mapped[] = "::ffff:";
    const void *bytes = NULL;
    text[0] = '\0';
    if (address != NULL && address->sa_family == AF_INET)
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    else if (address != NULL && address->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (bytes != NULL)
        inet_ntop(address->sa_family, bytes, text, INET6_ADDRSTRLEN);
    if (strncmp(text, mapped, sizeof mapped - 1) == 0 && strchr(text, '.') != NULL)
        memmove(text, text + sizeof mapped - 1, strlen(text) - sizeof mapped + 2);
}

const char *af_exchange_address(const struct af_exchange *exchange)
{
    static char text[INET6_ADDRSTRLEN];
    write_address(address_of(exchange), text);
    return text;
}

const char *af_exchange_own_address(const struct af_exchange *exchange)
{
    static char text[INET6_ADDRSTRLEN];
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    getsockname(exchange->peer->fd, (struct sockaddr *)&address, &len);
    write_address((const struct sockaddr *)&address, text);
    return text;
}

bool af_exchange_is_tls(const struct af_exchange *exchange)
{
    return exchange->server->tls != NULL;
}

int64_t af_exchange_body_length(const struct af_exchange *exchange)
{
    return exchange->body_length;
}

bool af_exchange_is_sent(const struct af_exchange *exchange)
{
    return exchange->is_sent;
}

void af_exchange_is_strangers(struct af_exchange *exchange)
{
    af_http_peer_move(exchange->server, exchange->peer, PEERS_FRESH);
}

void af_exchange_set_data(struct af_exchange *exchange, void *data)
{
    exchange->data = data;
}

void *af_exchange_data(const struct af_exchange *exchange)
{
    return exchange->data;
}

/* ---- Waiting. ---- */

enum MHD_Result af_http_exchange_suspend(struct af_exchange *exchange)
{
    exchange->is_suspended = true;
    af_MHD_suspend_connection(exchange->connection);
    return MHD_YES;
}

void af_http_exchange_resume(struct af_exchange *exchange)
{
    if (!exchange->is_suspended)
        return;
    exchange->is_suspended = false;
    af_MHD_resume_connection(exchange->connection);
    af_http_server_run_soon(exchange->server);
}

void af_http_exchange_gone(struct af_exchange *exchange)
{
    const struct af_exchange_owner *owner = &exchange->server->options.owner;
    if (!exchange->is_suspended || exchange->is_told_gone)
        return;
    exchange->is_told_gone = true;
    owner->gone(owner->arg, exchange);
}

/* ---- Answering. ---- */

void af_exchange_add_header(struct af_exchange *exchange, const char *name, const char *value)
{
    free(exchange->header_value);
    exchange->header_name = name;
    exchange->header_value = af_mem_string(value);
}

void af_exchange_set_headers(struct af_exchange *exchange, const char *const *headers)
{
    exchange->headers = headers;
}

static void add_headers(struct MHD_Response *response, const char *const *at)
{
    for (; at != NULL && *at != NULL; at += 2)
        af_MHD_add_response_header(response, at[0], at[1]);
}

void af_http_exchange_set_answer(struct af_exchange *exchange, int status, const char *content_type,
                                 struct MHD_Response *response)
{
    assert(exchange->response == NULL && exchange->stage != STAGE_OVER);
    exchange->status = (unsigned)status;
    exchange->response = response;
    if (content_type != NULL)
        af_MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    add_headers(response, exchange->server->options.headers);
    add_headers(response, exchange->headers);
    if (exchange->header_name != NULL)
        af_MHD_add_response_header(response, exchange->header_name, exchange->header_value);
    if (exchange->server->is_draining)
        af_MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    af_http_peer_move(exchange->server, exchange->peer, PEERS_BUSY); /* a stranger's, too */
    af_http_exchange_resume(exchange);
}

void af_exchange_answer(struct af_exchange *exchange, int status, const char *content_type,
                        struct af_buf *text_take)
{
    size_t len = text_take->len;
    char *text = af_buf_take(text_take);
    exchange->answer_bytes = (int64_t)len;
    exchange->server->answer_bytes += (int64_t)len;
    af_http_exchange_set_answer(
        exchange, status, content_type,
        af_MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE));
}

/* Where `Range: bytes=N-` wants to begin; 0: at the beginning, as with any other range. */
static int64_t range_start(const struct af_exchange *exchange, int64_t size_bytes)
{
    const char *range = af_exchange_header(exchange, MHD_HTTP_HEADER_RANGE);
    char *end;
    if (range == NULL || strncmp(range, "bytes=", 6) != 0 || !isdigit((unsigned char)range[6]) ||
        strlen(range) > 30 || af_exchange_header(exchange, MHD_HTTP_HEADER_IF_RANGE) != NULL)
        return 0;
    int64_t start = strtoll(range + 6, &end, 10);
    return strcmp(end, "-") == 0 && start < size_bytes ? start : 0;
}

void af_exchange_answer_file(struct af_exchange *exchange, int fd_take, int64_t size_bytes,
                             const char *content_type)
{
    int64_t start = range_start(exchange, size_bytes);
    struct MHD_Response *response = af_MHD_create_response_from_fd_at_offset64(
        (uint64_t)(size_bytes - start), fd_take, (uint64_t)start);
    if (start > 0) {
        char text[100];
        snprintf(text, sizeof text, "bytes %lld-%lld/%lld", (long long)start,
                 (long long)size_bytes - 1, (long long)size_bytes);
        af_MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, text);
    }
    af_http_exchange_set_answer(exchange, start > 0 ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK,
                                content_type, response);
}

static enum MHD_Result hand_over(struct af_exchange *exchange)
{
    if (exchange->response == NULL)
        return MHD_NO; /* the server ends */
    exchange->stage = STAGE_OVER;
    enum MHD_Result result =
        af_MHD_queue_response(exchange->connection, exchange->status, exchange->response);
    af_MHD_destroy_response(exchange->response);
    exchange->response = NULL;
    return result;
}

/* ---- The course of a request. ---- */

void af_http_exchange_refuse(struct af_exchange *exchange, enum af_exchange_refusal refusal,
                             const char *why)
{
    if (exchange->is_refused)
        return;
    exchange->is_refused = true;
    exchange->refusal = refusal;
    exchange->refusal_why = why;
}

static void tell_refusal(struct af_exchange *exchange)
{
    const struct af_exchange_owner *owner = &exchange->server->options.owner;
    owner->refused(owner->arg, exchange, exchange->refusal, exchange->refusal_why);
}

/* Whether a body will come that is too large, or for which the client first asks. */
static bool must_answer_before_body(const struct af_exchange *exchange)
{
    return exchange->body_length > AF_HTTP_DISCARD_BYTES_MAX || exchange->body_length < 0 ||
           (exchange->body_length > 0 &&
            af_exchange_header(exchange, MHD_HTTP_HEADER_EXPECT) != NULL);
}

/* After begin(), and again when what was held there goes on. */
static enum MHD_Result leave_begin(struct af_exchange *exchange)
{
    if (exchange->response == NULL && exchange->body == BODY_NONE)
        return exchange->server->is_freeing ? MHD_NO : af_http_exchange_suspend(exchange);
    if (exchange->body != BODY_NONE && exchange->body_length > exchange->max_bytes)
        af_http_exchange_refuse(exchange, AF_EXCHANGE_TOO_LARGE, "the body is too large");
    if (exchange->is_refused && exchange->response == NULL)
        tell_refusal(exchange);
    if (exchange->response != NULL && must_answer_before_body(exchange)) {
        af_MHD_add_response_header(exchange->response, MHD_HTTP_HEADER_CONNECTION, "close");
        return hand_over(exchange);
    }
    exchange->stage = STAGE_BODY;
    exchange->window_ns = af_loop_now_ns(exchange->server->loop);
    return MHD_YES;
}

static enum MHD_Result receive(struct af_exchange *exchange, const char *bytes, size_t len)
{
    af_http_body_receive(exchange, bytes, len);
    if (!exchange->is_refused || exchange->body_length >= 0)
        return MHD_YES; /* as much as it has said, which is not too much */
    return exchange->received_bytes > exchange->max_bytes + AF_HTTP_DISCARD_BYTES_MAX ? MHD_NO
                                                                                      : MHD_YES;
}

static enum MHD_Result leave_body(struct af_exchange *exchange)
{
    const struct af_exchange_owner *owner = &exchange->server->options.owner;
    exchange->stage = STAGE_ANSWER;
    af_http_body_finish(exchange);
    if (exchange->response == NULL && exchange->is_refused)
        tell_refusal(exchange);
    else if (exchange->response == NULL)
        owner->ready(owner->arg, exchange);
    return exchange->response == NULL ? af_http_exchange_suspend(exchange) : hand_over(exchange);
}

static int64_t read_body_length(const struct af_exchange *exchange)
{
    const char *length = af_exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (af_exchange_header(exchange, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL)
        return -1;
    return length == NULL ? 0 : strtoll(length, NULL, 10); /* the library has checked it */
}

/* Nobody else hears of it: what it asks for is not certain. */
static enum MHD_Result refuse_framing(struct MHD_Connection *connection, const char *fault)
{
    char text[128];
    int len = snprintf(text, sizeof text, "bad request: %s\n", fault);
    struct MHD_Response *response =
        af_MHD_create_response_from_buffer((size_t)len, text, MHD_RESPMEM_MUST_COPY);
    af_log(AF_LOG_DEBUG, "http: bad request: %s", fault);
    if (response == NULL)
        return MHD_NO;
    af_MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result result = af_MHD_queue_response(connection, MHD_HTTP_BAD_REQUEST, response);
    af_MHD_destroy_response(response);
    return result;
}

static struct af_exchange *begin(struct af_http_server *server, struct MHD_Connection *connection,
                                 const char *path, const char *method)
{
    struct af_exchange *exchange = af_mem_zero(1, sizeof *exchange);
    exchange->server = server;
    exchange->connection = connection;
    exchange->peer =
        af_MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    exchange->peer->exchange = exchange;
    exchange->method = method;
    exchange->path = path;
    exchange->body_length = read_body_length(exchange);
    af_http_peer_move(server, exchange->peer, PEERS_BUSY);
    if (af_http_tls_clients(server) != NULL && !exchange->peer->is_checked)
        af_http_tls_check_peer(server, connection, exchange->peer);
    return exchange;
}

enum MHD_Result af_http_exchange_step(void *arg, struct MHD_Connection *connection, const char *url,
                                      const char *method, const char *version, const char *bytes,
                                      size_t *len, void **context)
{
    struct af_http_server *server = arg;
    struct af_exchange *exchange = *context;
    server->step_count++;
    if (exchange == NULL) {
        const char *fault = af_http_framing_fault(connection, version);
        if (server->is_freeing)
            return MHD_NO;
        if (fault != NULL)
            return refuse_framing(connection, fault);
        *context = exchange = begin(server, connection, url, method);
        server->options.owner.begin(server->options.owner.arg, exchange);
        return leave_begin(exchange);
    }
    if (server->is_freeing && exchange->response == NULL)
        return MHD_NO; /* the owner has ended */
    if (*len > 0) {
        size_t given = *len;
        *len = 0;
        return receive(exchange, bytes, given);
    }
    switch (exchange->stage) {
    case STAGE_BEGIN:
        return leave_begin(exchange);
    case STAGE_BODY:
        return leave_body(exchange);
    default:
        return hand_over(exchange);
    }
}

void af_http_exchange_completed(void *arg, struct MHD_Connection *connection, void **context,
                                enum MHD_RequestTerminationCode code)
{
    struct af_http_server *server = arg;
    struct af_exchange *exchange = *context;
    (void)connection;
    server->step_count++;
    if (exchange == NULL)
        return;
    *context = NULL;
    exchange->is_sent = code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    server->options.owner.end(server->options.owner.arg, exchange);
    af_http_body_release(exchange);
    server->answer_bytes -= exchange->answer_bytes;
    if (exchange->response != NULL)
        af_MHD_destroy_response(exchange->response);
    free(exchange->header_value);
    af_buf_release(&exchange->pieces);
    exchange->peer->exchange = NULL;
    af_http_peer_move(server, exchange->peer, PEERS_IDLE);
    free(exchange);
    af_http_server_exchange_ended(server);
}
