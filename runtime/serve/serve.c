/* serve.c: the table of endpoints, and the way of a request through them.
 *
 * begin: which endpoint, who calls, may they, how is the body taken; ready: the endpoint's
 * function, which asks the bus; its answer comes by a callback, in which the call is answered. A
 * call lives as long as its exchange, which does not end before it is answered: so a callback of
 * the bus always finds its call. */
#include "serve/impl.h"

#include "audit/audit.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/pages.h"
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define API SERVE_BASE
#define JSON SERVE_BODY_JSON
#define NONE SERVE_BODY_NONE
#define PART SERVE_BODY_PART

static const struct serve_endpoint endpoints[] = {
    {"pop", "POST", API "/message/pop", NULL, SERVE_NODE, JSON, af_serve_pop, NULL, false},
    {"push", "POST", API "/message/push", NULL, SERVE_NODE, JSON, af_serve_push, NULL, false},
    {"ack", "POST", API "/message/ack", NULL, SERVE_NODE, JSON, af_serve_ack, NULL, false},
    {"again", "POST", API "/message/again", NULL, SERVE_NODE, JSON, af_serve_again, NULL, true},
    {"nodelist", "POST", API "/task/nodelist", NULL, SERVE_NODE, JSON, af_serve_nodelist, NULL,
     false},
    {"node_detail", "POST", API "/fed/network/node/detail", NULL, SERVE_NODE, JSON,
     af_serve_node_detail, NULL, false},
    {"progress", "POST", API "/federated/task/progress", NULL, SERVE_NODE, JSON, af_serve_progress,
     NULL, false},
    {"automl_progress", "POST", API "/automl/task/progress", NULL, SERVE_NODE, JSON,
     af_serve_progress, NULL, false},
    {"verify_upload", "POST", API "/federated/task/verify/upload", NULL, SERVE_NODE, JSON,
     af_serve_result, NULL, false},
    {"train_upload", "POST", API "/federated/task/train/upload", NULL, SERVE_NODE, JSON,
     af_serve_result, NULL, false},
    {"upload", "POST", API "/file/upload", NULL, SERVE_NODE, PART, af_serve_upload,
     af_serve_admit_upload, true},
    {"download", "GET", SERVE_FILES, NULL, SERVE_NODE, NONE, af_serve_download, NULL, true},
    {"login", "POST", SERVE_BASS, "Login", SERVE_ANYBODY, JSON, af_serve_login, NULL, true},
    {"launch", "POST", SERVE_BASS, "StartCalculationTaskRunning", SERVE_NODE, JSON, af_serve_launch,
     NULL, true},
    {"dataset", "POST", SERVE_BASS, "VerifyTaskDataSetCallback", SERVE_NODE, JSON, af_serve_dataset,
     NULL, true},
    {"bundle", "POST", SERVE_BASS, "UploadFile", SERVE_NODE, PART, af_serve_upload_bundle,
     af_serve_admit_bundle, true},
    {"create_task", "POST", "/admin/tasks", NULL, SERVE_ADMIN, JSON, af_serve_create_task, NULL,
     true},
    {"list_tasks", "GET", "/admin/tasks", NULL, SERVE_ADMIN, NONE, af_serve_list_tasks, NULL,
     false},
    {"show_task", "GET", "/admin/tasks/", NULL, SERVE_ADMIN, NONE, af_serve_show_task, NULL, false},
    {"admin_again", "POST", "/admin/again", NULL, SERVE_ADMIN, JSON, af_serve_admin_again, NULL,
     true},
    {"end_task", "DELETE", "/admin/tasks/", NULL, SERVE_ADMIN, NONE, af_serve_end_task, NULL, true},
    {"end_task", "POST", "/admin/tasks/", NULL, SERVE_ADMIN, NONE, af_serve_end_task, NULL, true},
    {"backup", "POST", "/admin/backup", NULL, SERVE_ADMIN, JSON, af_serve_backup, NULL, true},
    {"health", "GET", "/healthz", NULL, SERVE_ANYBODY, NONE, af_serve_health, NULL, false},
    {"ready", "GET", "/readyz", NULL, SERVE_ANYBODY, NONE, af_serve_ready, NULL, false},
    {"metrics", "GET", "/metrics", NULL, SERVE_OPERATOR, NONE, af_serve_metrics, NULL, false},
    {"status", "GET", "/status", NULL, SERVE_OPERATOR, NONE, af_serve_status, NULL, false},
    {"ui_login", "POST", SERVE_UI "/login", NULL, SERVE_ANYBODY, JSON, af_serve_ui_login, NULL,
     true},
    {"ui_logout", "POST", SERVE_UI "/logout", NULL, SERVE_ANYBODY, NONE, af_serve_ui_logout, NULL,
     false},
    {"ui_status", "GET", SERVE_UI "/status", NULL, SERVE_VIEWER, NONE, af_serve_status, NULL,
     false},
    {"ui_metrics", "GET", SERVE_UI "/metrics", NULL, SERVE_VIEWER, NONE, af_serve_metrics, NULL,
     false},
    {"ui_tasks", "GET", SERVE_UI "/tasks", NULL, SERVE_VIEWER, NONE, af_serve_list_tasks, NULL,
     false},
    {"ui_live", "GET", SERVE_UI "/live", NULL, SERVE_VIEWER, NONE, af_serve_ui_live, NULL, false},
    {"ui_events", "GET", SERVE_UI "/events", NULL, SERVE_VIEWER, NONE, af_serve_ui_events, NULL,
     false},
    {"ui_audit", "GET", SERVE_UI "/audit", NULL, SERVE_VIEWER, NONE, af_serve_ui_audit, NULL,
     false},
    {"ui", "GET", SERVE_UI, NULL, SERVE_ANYBODY, NONE, af_serve_ui_page, NULL, false},
    {"ui", "GET", SERVE_UI "/", NULL, SERVE_ANYBODY, NONE, af_serve_ui_page, NULL, false},
    {0},
};

_Static_assert(sizeof endpoints / sizeof endpoints[0] <= SERVE_ENDPOINTS_MAX,
               "counts have a row for each endpoint");

/* ---- Which endpoint. ---- */

static bool is_path(const struct serve_endpoint *row, const char *path)
{
    size_t len = strlen(row->path);
    return row->path[len - 1] == '/' ? strncmp(path, row->path, len) == 0 &&
                                           (path[len] != '\0' || row->run == af_serve_ui_page)
                                     : strcmp(path, row->path) == 0;
}

static const struct serve_endpoint *find_endpoint(struct serve_call *call, bool *is_known)
{
    const char *method = af_exchange_method(call->exchange);
    const char *cmb = NULL;
    *is_known = false;
    for (const struct serve_endpoint *row = endpoints; row->name != NULL; row++) {
        if (!is_path(row, call->path))
            continue;
        if (row->cmb != NULL && cmb == NULL)
            cmb = af_exchange_query(call->exchange, "cmb");
        if (row->cmb != NULL && (cmb == NULL || strcmp(cmb, row->cmb) != 0))
            continue;
        *is_known = true;
        if (strcmp(method, row->method) == 0 ||
            (strcmp(method, "HEAD") == 0 && strcmp(row->method, "GET") == 0))
            return row; /* to a HEAD the library answers without the body */
    }
    return NULL;
}

/* /node/<id>/rest: who calls, and what. Returns false if it was answered. */
static bool take_prefix(struct serve_call *call)
{
    static const char head[] = "/node/";
    const char *path = call->path;
    if (!call->serve->options.prefix_nodes || strncmp(path, head, sizeof head - 1) != 0)
        return true;
    const char *id = path + sizeof head - 1, *rest = strchr(id, '/');
    if (rest != NULL) {
        call->prefix_node = af_arena_copy(&call->arena, id, (size_t)(rest - id));
        call->path = rest;
    }
    if (rest != NULL && af_serve_is_id(call->prefix_node))
        return true;
    af_serve_error(call, 404, 404, "expected /node/<id>/…");
    return false;
}

/* ---- The way of a request. ---- */

/* A node's requests that are under way have a connection each, which nobody else has then. */
static bool has_connection(struct serve_call *call)
{
    if (call->share == NULL || af_serve_has_share(call, AF_SERVE_CONNECTIONS, 0))
        return true;
    af_serve_error(call, 200, 503, "too many requests of this node are under way; try again");
    return false;
}

/* Whether it is a request to one of the endpoints; else it was answered. */
static bool is_addressed(struct serve_call *call)
{
    bool is_known;
    if (!take_prefix(call))
        return false;
    call->endpoint = find_endpoint(call, &is_known);
    bool is_ui = strncmp(call->path, SERVE_UI "/", sizeof SERVE_UI) == 0;
    if (is_ui)
        af_exchange_set_headers(call->exchange, af_pages_headers + 2); /* all say the first */
    const char *origin = af_exchange_header(call->exchange, "Origin");
    if (origin != NULL && !(is_ui && af_serve_ui_is_own_origin(call, origin))) {
        /* Whoever is local may be trusted as this node; a page in somebody's browser may not. */
        af_serve_error(call, 403, 403, "web pages may not call this service");
        return false;
    }
    const char *host = af_exchange_header(call->exchange, "Host");
    if (host != NULL && !af_serve_is_our_name(call, host)) {
        af_serve_error(call, 400, 400,
                       "'%.200s' is no name of this service (--host says which there are)", host);
        return false;
    }
    if (call->endpoint == NULL) {
        af_serve_error(call, is_known ? 405 : 404, is_known ? 405 : 404, "%s",
                       is_known ? "another method is expected" : "there is no such path");
        return false;
    }
    return true;
}

static void take_body(struct serve_call *call)
{
    struct af_exchange *exchange = call->exchange;
    if (call->endpoint->body == SERVE_BODY_PART && af_exchange_body_length(exchange) != 0)
        call->endpoint->admit(call);
    else if (call->share == NULL && !call->is_admin) /* not known yet */
        af_exchange_take_body(exchange, AF_SERVE_LOGIN_BYTES_MAX, NULL);
    else
        af_exchange_take_body(exchange,
                              call->endpoint->body == SERVE_BODY_JSON ? AF_JSON_BYTES_MAX : 65536,
                              call->share == NULL ? NULL : &call->share->used[AF_SERVE_BODIES]);
}

static bool is_logged(struct serve_call *call)
{
    if (af_serve_audit_is_ready(call))
        return true;
    af_serve_error(call, 503, 503, "this must be logged, and the log cannot be written: try later");
    return false;
}

/* Who calls, and may they? Then the body is taken. */
static bool enter(struct serve_call *call)
{
    if (!af_serve_identify(call) || !has_connection(call) || !is_logged(call))
        return false;
    int64_t wait_ns = call->share == NULL ? 0 : af_serve_request_ns(call);
    if (wait_ns > 0)
        af_serve_hold(call, wait_ns, take_body);
    else
        take_body(call);
    return true;
}

/* Another front has made the session, or nobody. */
static void session_came(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    if (result->code != AF_BUS_OK) {
        af_serve_bus_error(call, result);
        return;
    }
    if (result->bytes != NULL)
        af_serve_session_came(call, result->bytes, result->bytes_len);
    enter(call);
}

static void begin(struct serve_call *call)
{
    if (af_serve_session_asked(call, session_came))
        return;
    enter(call);
    if (call->share == NULL && !call->is_admin)
        af_exchange_is_strangers(call->exchange);
}

static void on_begin(void *arg, struct af_exchange *exchange)
{
    struct serve_call *call = af_mem_zero(1, sizeof *call);
    call->serve = arg;
    call->began_ns = af_loop_now_ns(call->serve->loop);
    call->exchange = exchange;
    call->path = af_exchange_path(exchange);
    call->fd = -1;
    af_exchange_set_data(exchange, call);
    if (!is_addressed(call))
        af_exchange_is_strangers(exchange);
    else if (!af_serve_awaits_revoked(call, begin))
        begin(call);
}

static void on_ready(void *arg, struct af_exchange *exchange)
{
    struct serve_call *call = af_exchange_data(exchange);
    (void)arg;
    call->endpoint->run(call);
}

static void on_refused(void *arg, struct af_exchange *exchange, enum af_exchange_refusal refusal,
                       const char *why)
{
    static const int codes[] = {
        [AF_EXCHANGE_TOO_LARGE] = 413,
        [AF_EXCHANGE_BUSY] = 503,
        [AF_EXCHANGE_BROKEN] = 400,
        [AF_EXCHANGE_DISK] = 507,
    };
    (void)arg;
    af_serve_error(af_exchange_data(exchange), 200, codes[refusal], "%s", why);
}

static void on_gone(void *arg, struct af_exchange *exchange)
{
    struct serve_call *call = af_exchange_data(exchange);
    (void)arg;
    af_serve_release(call);
    af_serve_events_end(call);
    if (call->is_parked)
        af_bus_cancel(call->serve->bus, call->ticket);
}

static void on_end(void *arg, struct af_exchange *exchange)
{
    struct serve_call *call = af_exchange_data(exchange);
    (void)arg;
    af_serve_unpark(call);
    af_serve_events_free(call);
    if (call->share != NULL) {
        call->share->used[AF_SERVE_ANSWERS] -= call->answer_bytes;
        call->share->used[AF_SERVE_CONNECTIONS]--;
    }
    if (call->unwritten != NULL && call->serve->bus != NULL)
        af_bus_written(call->serve->bus, call->unwritten, af_exchange_is_sent(exchange));
    if (call->fd >= 0)
        close(call->fd);
    af_arena_release(&call->arena);
    free(call);
}

/* ---- Making and ending. ---- */

static int check_options(struct af_serve *serve, struct af_failure *why)
{
    const struct af_serve_options *options = &serve->options;
    int is_loopback = af_http_server_is_loopback(options->listen, why);
    if (is_loopback < 0)
        return -1;
    serve->is_loopback = is_loopback == 1;
    bool knows_callers = options->tokens != NULL || options->client_ca != NULL;
    if (!serve->is_loopback && serve->is_sidecar)
        return af_failure_set(why, AF_FAILURE_USAGE, options->listen,
                              "others can reach this address: a sidecar serves its own machine "
                              "alone");
    if (!serve->is_loopback && !knows_callers)
        return af_failure_set(why, AF_FAILURE_USAGE, options->listen,
                              "others can reach this address: --tokens or --client-ca must say "
                              "who they are");
    if (!knows_callers && options->node == NULL && !options->prefix_nodes)
        return af_failure_set(why, AF_FAILURE_USAGE, "serve",
                              "nobody could call: say who callers are by --tokens, --client-ca, "
                              "--node or --prefix-nodes");
    if (options->node != NULL && !af_serve_is_id(options->node))
        return af_failure_set(why, AF_FAILURE_USAGE, "--node", "is no node's ID");
    if ((options->certificate == NULL) != (options->key == NULL) ||
        (options->client_ca != NULL && options->certificate == NULL) ||
        (options->client_crl != NULL && options->client_ca == NULL))
        return af_failure_set(why, AF_FAILURE_USAGE, "serve",
                              "TLS takes --tls-cert and --tls-key, --client-ca only with them, and "
                              "--client-crl only with that");
    if (!serve->is_loopback && options->certificate == NULL)
        af_log(AF_LOG_WARNING,
               "%s: without TLS, tokens and contracts can be read on the way (--tls-cert)",
               options->listen);
    return 0;
}

static int open_shared_disk(struct af_serve *serve, struct af_failure *why)
{
    const char *folder = serve->options.shared_disk;
    if (folder == NULL)
        return 0;
    serve->shared_disk = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return serve->shared_disk >= 0
               ? 0
               : af_failure_set(why, AF_FAILURE_USAGE, folder, "%s", strerror(errno));
}

/* ---- Tokens and certificates that change. ---- */

static void reload_tokens(struct af_serve *serve)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (af_serve_callers_reload(serve, &why) != 0) {
        af_log(AF_LOG_ERROR, "serve: callers are known as before: %s: %s", why.what, why.why);
        return;
    }
    af_log(AF_LOG_INFO, "serve: tokens are read again: %zu",
           af_serve_callers_count(serve->callers));
    af_serve_end_polls(serve);
}

/* Polls that wait come again, and say anew whose they are. */
static void reload_certificates(struct af_serve *serve)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (serve->options.certificate == NULL)
        return;
    if (af_http_server_tls_reload(serve->http, &why) != 0) {
        af_log(AF_LOG_ERROR, "serve: certificates stay as they were: %s: %s", why.what, why.why);
        return;
    }
    af_log(AF_LOG_INFO, "serve: certificates are read again");
    for (struct serve_call *call = serve->parked; call != NULL; call = call->next)
        if (serve->options.client_ca != NULL)
            af_bus_cancel(serve->bus, call->ticket);
}

void af_serve_reload(struct af_serve *serve)
{
    reload_tokens(serve);
    reload_certificates(serve);
}

static void look(void *arg)
{
    struct af_serve *serve = arg;
    af_serve_audit_flush(serve, false);
    if (af_serve_callers_changed(serve->callers, &serve->options))
        reload_tokens(serve);
    af_serve_look_revoked(serve);
    if (af_http_server_tls_changed(serve->http))
        reload_certificates(serve);
    serve->look = af_timer_start(serve->loop, AF_SERVE_LOOK_NS, look, serve);
}

static int start(struct af_serve *serve, struct af_failure *why)
{
    if (check_options(serve, why) != 0 || open_shared_disk(serve, why) != 0)
        return -1;
    serve->endpoints = endpoints;
    serve->lost = af_serve_lost;
    serve->callers = af_serve_callers_new(&serve->options, why);
    if (serve->callers == NULL)
        return -1;
    serve->nodes = af_serve_nodes_of(serve->callers);
    if (serve->options.audit != NULL &&
        (serve->audit = af_audit_open(serve->options.audit, why)) == NULL)
        return -1;
    if (serve->options.tokens != NULL && af_serve_callers_count(serve->callers) == 0)
        return af_failure_set(why, AF_FAILURE_USAGE, serve->options.tokens, "holds no token");
    af_exchange_clean_folder(serve->options.files);
    /* A browser is to take nothing for what it is not said to be. */
    static const char *const headers[] = {"Afrun-Service", "1", "X-Content-Type-Options", "nosniff",
                                          NULL};
    struct af_http_server_options http = {
        .listen = serve->options.listen,
        .certificate = serve->options.certificate,
        .key = serve->options.key,
        .client_ca = serve->options.client_ca,
        .client_crl = serve->options.client_crl,
        .headers = headers,
        .connections_max = (size_t)af_serve_quota(&serve->options, AF_SERVE_CONNECTIONS),
        .body_bytes_max = af_serve_quota(&serve->options, AF_SERVE_BODIES),
        .owner = {on_begin, on_ready, on_refused, on_gone, on_end, serve},
    };
    serve->http = af_http_server_new(serve->loop, &http, why);
    if (serve->http == NULL)
        return -1;
    serve->options.quotas[AF_SERVE_CONNECTIONS] =
        (int64_t)af_http_server_connections_max(serve->http); /* as the system lets us have */
    if (serve->options.tokens != NULL || serve->options.admin_token != NULL ||
        serve->audit != NULL || serve->options.certificate != NULL || serve->is_front)
        serve->look = af_timer_start(serve->loop, AF_SERVE_LOOK_NS, look, serve);
    af_serve_look_revoked(serve);
    af_serve_open_launches(serve);
    af_serve_open_mock(serve);
    return 0;
}

struct af_serve *af_serve_new(struct af_loop *loop, struct af_bus *bus,
                              const struct af_serve_options *options, struct af_failure *why)
{
    struct af_serve *serve = af_mem_zero(1, sizeof *serve);
    serve->loop = loop;
    struct af_bus_outbox outbox;
    serve->bus = bus;
    serve->is_sidecar = af_bus_outbox(bus, &outbox);
    serve->is_front = af_bus_keeps_values(bus);
    serve->options = *options;
    serve->shared_disk = -1;
    serve->time_s = -1;
    randombytes_buf(serve->guess_key, sizeof serve->guess_key);
    if (start(serve, why) == 0)
        return serve;
    af_serve_free(serve);
    return NULL;
}

const char *af_serve_url(const struct af_serve *serve)
{
    return af_http_server_url(serve->http);
}

char *af_serve_describe(const struct af_serve *serve)
{
    const struct af_serve_options *options = &serve->options;
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_printf(&out, "listening at %s, bus %s, callers known by",
                  af_http_server_url(serve->http), options->bus_name);
    const char *comma = " ";
    if (options->tokens != NULL) {
        size_t count = af_serve_callers_count(serve->callers);
        af_buf_printf(&out, "%s%zu token%s", comma, count, count == 1 ? "" : "s");
        comma = ", ";
    }
    if (options->client_ca != NULL) {
        af_buf_printf(&out, "%scertificates", comma);
        comma = ", ";
    }
    if (options->node != NULL) {
        af_buf_printf(&out, "%sbeing on this machine (node %s)", comma, options->node);
        comma = ", ";
    }
    if (options->prefix_nodes)
        af_buf_printf(&out, "%sthe path /node/<id>/, on this machine", comma);
    return af_buf_take(&out);
}

static void release_held(struct af_serve *serve)
{
    while (serve->held != NULL)
        af_serve_release(serve->held);
}

static void end_streams(struct af_serve *serve)
{
    for (struct serve_call *call = serve->streams; call != NULL; call = call->next)
        af_serve_events_end(call);
}

void af_serve_stop(struct af_serve *serve, void (*done)(void *arg), void *arg)
{
    serve->is_stopping = true;
    af_timer_cancel(serve->look);
    serve->look = NULL;
    for (struct serve_call *call = serve->parked; call != NULL; call = call->next)
        af_bus_cancel(serve->bus, call->ticket);
    end_streams(serve);
    release_held(serve);
    af_http_server_drain(serve->http, done, arg);
}

void af_serve_free(struct af_serve *serve)
{
    if (serve == NULL)
        return;
    serve->bus = NULL; /* it is closed */
    af_timer_cancel(serve->look);
    release_held(serve);
    end_streams(serve);
    af_http_server_free(serve->http);
    if (serve->audit != NULL)
        af_serve_audit_flush(serve, true);
    af_audit_close(serve->audit);
    free(serve->refusals);
    af_serve_revoking_free(serve);
    af_serve_sights_free(serve);
    af_serve_callers_free(serve->callers);
    af_serve_reading_release(&serve->reading);
    if (serve->shared_disk >= 0)
        close(serve->shared_disk);
    free(serve);
}
