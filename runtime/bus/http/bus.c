/* bus.c: a federated-service over HTTP: the platform's, or `afrun serve`.
 *
 * Which of the two it is shows in its first answer: ours has the header `Afrun-Service: 1`. Until
 * then, requests carry the fields that only ours knows; the platform's service passes them over.
 *
 *   what came                                        what it means
 *   a good envelope                                  OK
 *   401; 403; 404 and 410 in an envelope             REFUSED; NOT_MEMBER; NO_TASK
 *   409 in an envelope                               OLDER
 *   429, 503, 507                                    FULL: nothing was taken
 *   500, 502, 504; no answer, or one that cannot     UNREACHABLE: what happened is not known
 *   be read (a proxy's page, half of one)
 *   any other status or code                         INVALID */
#include "bus/http/impl.h"

#include "base/bounds.h"
#include "json/json.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <assert.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_PATH "/fed-service/api/v2"

/* ---- Ops. ---- */

struct af_bus_op *af_bus_op_new(struct af_bus *bus, const char *what, af_bus_done_fn *done,
                                void *arg)
{
    struct af_bus_http *http = af_bus_http_of(bus);
    struct af_bus_op *op = af_mem_zero(1, sizeof *op);
    op->bus = http;
    op->what = what;
    op->done = done;
    op->arg = arg;
    op->previous = http->last;
    if (http->last != NULL)
        http->last->next = op;
    else
        http->first = op;
    http->last = op;
    return op;
}

static void unlink_op(struct af_bus_http *bus, struct af_bus_op *op)
{
    if (op->previous != NULL)
        op->previous->next = op->next;
    else
        bus->first = op->next;
    if (op->next != NULL)
        op->next->previous = op->previous;
    else
        bus->last = op->previous;
    if (op->call != NULL)
        af_http_cancel(op->call);
    op->call = NULL;
    af_timer_cancel(op->timer);
}

static void end_op(struct af_bus_http *bus, struct af_bus_op *op,
                   const struct af_bus_result *result)
{
    unlink_op(bus, op);
    if (op->post_count > 0 && !bus->closing)
        af_bus_http_publish_next(bus, op);
    op->done(op->arg, result); /* may close the bus */
    if (op->body.data != NULL)
        sodium_memzero(op->body.data, op->body.len); /* a login, perhaps */
    af_buf_release(&op->body);
    af_arena_release(&op->arena);
    free(op);
}

void af_bus_op_end(struct af_bus_op *op, const struct af_bus_result *result)
{
    struct af_bus_result told = *result;
    told.age = op->age[0] == '\0' ? NULL : op->age;
    end_op(op->bus, op, &told);
}

static void end_now(void *arg)
{
    struct af_bus_op *op = arg;
    op->timer = NULL;
    struct af_bus_result result = {.code = op->code, .why = op->why};
    af_bus_op_end(op, &result);
}

void af_bus_op_end_soon(struct af_bus_op *op, enum af_bus_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(op->why, sizeof op->why, format, args);
    va_end(args);
    op->code = code;
    if (op->call != NULL)
        af_http_cancel(op->call);
    op->call = NULL;
    af_timer_cancel(op->timer);
    op->timer = af_timer_start(op->bus->head.loop, 0, end_now, op);
}

/* ---- What answers mean. ---- */

static enum af_bus_code code_of(int64_t number, bool in_envelope)
{
    static const struct {
        int number;
        enum af_bus_code code;
        bool in_envelope_only; /* else it may be anybody's */
    } rows[] = {{401, AF_BUS_REFUSED, false},     {403, AF_BUS_NOT_MEMBER, false},
                {404, AF_BUS_NO_TASK, true},      {410, AF_BUS_NO_TASK, true},
                {409, AF_BUS_OLDER, true},        {429, AF_BUS_FULL, false},
                {503, AF_BUS_FULL, false},        {507, AF_BUS_FULL, false},
                {500, AF_BUS_UNREACHABLE, false}, {502, AF_BUS_UNREACHABLE, false},
                {504, AF_BUS_UNREACHABLE, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].number == number && (in_envelope || !rows[i].in_envelope_only))
            return rows[i].code;
    return AF_BUS_INVALID;
}

/* A message of the service's, unless it repeats what only we should know. */
static const char *safe_message(const struct af_bus_http *bus, const struct af_envelope *envelope)
{
    const struct af_config *config = bus->config;
    if (envelope == NULL)
        return "";
    const char *secrets[] = {config == NULL ? NULL : config->token,
                             config == NULL ? NULL : config->bass_password, bus->bass_token};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        if (secrets[i] != NULL && strstr(envelope->message, secrets[i]) != NULL)
            return "";
    return envelope->message;
}

void af_bus_op_refused(struct af_bus_op *op, const struct af_http_answer *answer,
                       const struct af_envelope *envelope)
{
    char why[AF_FAILURE_TEXT_MAX];
    struct af_bus_result result = {.why = why};
    result.elsewhere = envelope == NULL && answer->status != 413;
    if (answer->end != AF_HTTP_ANSWERED) {
        result.code = answer->end == AF_HTTP_UNREACHABLE ? AF_BUS_UNREACHABLE : AF_BUS_INVALID;
        snprintf(why, sizeof why, "%s: %.900s", op->what, answer->why);
    } else {
        bool by_status = answer->status >= 300 || envelope == NULL;
        int64_t number = by_status ? answer->status : envelope->code;
        const char *message = safe_message(op->bus, envelope);
        result.code = code_of(number, envelope != NULL);
        result.retry_ns = answer->retry_ns;
        snprintf(why, sizeof why, "%s: the service answered %s %lld%s%s", op->what,
                 by_status ? "with status" : "with code", (long long)number,
                 message[0] == '\0' ? "" : ": ", message);
    }
    af_bus_op_end(op, &result);
}

void af_bus_op_unreadable(struct af_bus_op *op, const char *wrong)
{
    char why[AF_FAILURE_TEXT_MAX];
    struct af_bus_result result = {.code = AF_BUS_UNREACHABLE, .why = why};
    snprintf(why, sizeof why, "%s: the service's answer cannot be used: %s", op->what, wrong);
    af_bus_op_end(op, &result);
}

static void note_service(struct af_bus_http *bus, const struct af_http_answer *answer, bool good)
{
    size_t len;
    const char *value = af_http_answer_header(answer, "Afrun-Service", 0, &len);
    if (value != NULL && len == 1 && *value == '1') {
        bus->leases = 1;
    } else if (good && bus->leases < 0) {
        bus->leases = 0;
        af_log(AF_LOG_INFO,
               "%s is a plain platform service: it is polled, and a contract whose answer is lost "
               "is lost (at most once)",
               bus->root);
    }
}

static void note_age(struct af_bus_op *op, const struct af_http_answer *answer)
{
    size_t len;
    const char *value = af_http_answer_header(answer, "Afrun-Store-Age", 0, &len);
    if (value != NULL && len < sizeof op->age)
        snprintf(op->age, sizeof op->age, "%.*s", (int)len, value);
}

static void answer_came(void *arg, const struct af_http_answer *answer)
{
    struct af_bus_op *op = arg;
    struct af_envelope envelope;
    op->call = NULL;
    memcpy(op->sent_sha256, answer->sent_sha256, sizeof op->sent_sha256);
    note_age(op, answer);
    note_service(op->bus, answer, false);
    if (op->raw != NULL) {
        op->raw(op, answer);
        return;
    }
    if (answer->end != AF_HTTP_ANSWERED) {
        af_bus_op_refused(op, answer, NULL);
        return;
    }
    const char *wrong = af_envelope_read(&envelope, answer->body, answer->body_len);
    bool ok = answer->status >= 200 && answer->status < 300;
    note_service(op->bus, answer, ok && wrong == NULL && envelope.code == 0);
    if (ok && wrong != NULL)
        af_bus_op_unreadable(op, wrong);
    else if (!ok || envelope.code != 0)
        af_bus_op_refused(op, answer, wrong == NULL ? &envelope : NULL);
    else
        op->answered(op, envelope.data);
}

/* ---- Requests. ---- */

void af_bus_op_call_id(struct af_bus_op *op, const char *call_id)
{
    if (call_id != NULL)
        snprintf(op->call_id, sizeof op->call_id, "Idempotency-Key: %s", call_id);
}

void af_bus_op_start(struct af_bus_op *op, struct af_http_request *request)
{
    enum { OURS = 5, MAX = 10 };
    const char *headers[MAX];
    struct af_http_url target;
    size_t count = request->header_count;
    assert(count + OURS <= MAX && op->call == NULL);
    for (size_t i = 0; i < count; i++)
        headers[i] = request->headers[i];
    if (request->post)
        headers[count++] = "accept: application/json";
    if (request->post && request->upload == NULL)
        headers[count++] = "content-type: application/json";
    /* Our token is for the service alone: a URL may lead anywhere. */
    bool to_service = af_http_url_read(request->url, &target, NULL) == 0 &&
                      af_http_url_same_origin(&target, &op->bus->origin);
    if (to_service && op->bus->authorization != NULL)
        headers[count++] = op->bus->authorization;
    /* Not of a file: its URL is of who has uploaded it, where paths name nodes. */
    if (to_service && request->post && op->bus->node != NULL)
        headers[count++] = op->bus->node;
    if (request->post && op->call_id[0] != '\0')
        headers[count++] = op->call_id;
    request->headers = headers;
    request->header_count = count;
    op->call = af_http_start(op->bus->client, request, answer_came, op);
}

void af_bus_op_post(struct af_bus_op *op, const struct af_op_request *wanted)
{
    char url[AF_HTTP_URL_BYTES_MAX + 64];
    snprintf(url, sizeof url, "%s%s", op->bus->base, wanted->path);
    struct af_http_request request = {
        .post = true,
        .url = url,
        .body = op->body.data,
        .body_len = op->body.len,
        .max_bytes = AF_JSON_BYTES_MAX,
        .attempt_ns = wanted->attempt_ns > 0 ? wanted->attempt_ns : AF_BUS_HTTP_CALL_NS,
        .attempts = wanted->attempts,
        .resend = wanted->resend,
    };
    if (op->body.full || op->body.len > AF_JSON_BYTES_MAX)
        af_bus_op_end_soon(op, AF_BUS_INVALID, "%s: it is too large", op->what);
    else
        af_bus_op_start(op, &request);
}

/* ---- Bodies. ---- */

void af_bus_op_open(struct af_bus_op *op)
{
    af_buf_clear(&op->body);
    af_buf_append_char(&op->body, '{');
}

/* ---- Opening and closing. ---- */

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0;
}

static int check_url(const char *url, struct af_http_url *origin, struct af_failure *why)
{
    struct af_failure wrong = AF_FAILURE_INIT;
    if (af_http_url_read(url, origin, &wrong) != 0) {
        enum af_failure_kind kind = wrong.kind == AF_FAILURE_FLOW ? AF_FAILURE_USAGE : wrong.kind;
        return af_failure_set(why, kind, wrong.what, "%s", wrong.why);
    }
    if (strpbrk(url, "?#") != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "--bus",
                              "is the service's address, without a query");
    return 0;
}

/* As the service names itself to whoever sends it our Host header. */
static char *files_url(const struct af_http_url *origin, const char *root)
{
    const char *authority = strstr(root, "://") + 3;
    struct af_buf url = AF_BUF_EMPTY;
    af_buf_printf(&url, "http%s://%s", origin->secure ? "s" : "", origin->host);
    if (origin->port != (origin->secure ? 443 : 80))
        af_buf_printf(&url, ":%d", origin->port);
    af_buf_printf(&url, "%s/files/", authority + strcspn(authority, "/"));
    return af_buf_take(&url);
}

static struct af_bus *bus_open(const char *url, struct af_loop *loop,
                               const struct af_bus_options *options, struct af_failure *why)
{
    const struct af_config *config = options->config;
    struct af_http_options http_options = {0};
    struct af_http_url origin;
    if (check_url(url, &origin, why) != 0)
        return NULL;
    if (config != NULL) {
        http_options.ca = config->ca;
        http_options.certificate = config->certificate;
        http_options.key = config->key;
    }
    randombytes_buf(&http_options.rng, sizeof http_options.rng);
    struct af_http_client *client = af_http_client_new(loop, &http_options, why);
    if (client == NULL)
        return NULL;
    struct af_bus_http *bus = af_mem_zero(1, sizeof *bus);
    size_t root_len = strlen(url);
    while (root_len > 0 && url[root_len - 1] == '/')
        root_len--;
    bus->head = (struct af_bus){.driver = &af_bus_http, .loop = loop};
    bus->client = client;
    bus->origin = origin;
    bus->config = config;
    bus->leases = -1;
    bus->root = af_mem_copy(url, root_len);
    bus->files = files_url(&origin, bus->root);
    bus->base = af_mem_alloc(root_len + sizeof API_PATH);
    snprintf(bus->base, root_len + sizeof API_PATH, "%s%s", bus->root, API_PATH);
    if (options->node != NULL && options->node[strcspn(options->node, "\r\n")] == '\0') {
        size_t size = strlen(options->node) + sizeof "Afrun-Node: ";
        bus->node = af_mem_alloc(size);
        snprintf(bus->node, size, "Afrun-Node: %s", options->node);
    }
    if (config != NULL && config->token != NULL) {
        size_t size = strlen(config->token) + sizeof "Authorization: Bearer ";
        bus->authorization = af_mem_alloc(size);
        snprintf(bus->authorization, size, "Authorization: Bearer %s", config->token);
        if (!origin.secure && !is_loopback(origin.host))
            af_log(AF_LOG_WARNING, "the token is sent to %s without encryption; use https",
                   bus->root);
    }
    return &bus->head;
}

static void wipe(char *secret)
{
    if (secret != NULL)
        sodium_memzero(secret, strlen(secret));
    free(secret);
}

static void bus_close(struct af_bus *bus)
{
    struct af_bus_http *http = af_bus_http_of(bus);
    struct af_bus_result result = {.code = AF_BUS_CANCELLED, .why = "the bus was closed"};
    http->closing = true;
    while (http->first != NULL) {
        assert(http->first->previous == NULL);
        end_op(http, http->first, &result);
    }
    af_http_client_free(http->client);
    for (size_t i = 0; i < http->poll_count; i++) {
        free(http->polls[i].task);
        free(http->polls[i].channel);
    }
    free(http->polls);
    free(http->root);
    free(http->files);
    free(http->node);
    free(http->base);
    wipe(http->authorization);
    wipe(http->bass_token);
    wipe(http->bass_cookie);
    free(http);
}

static int bus_leases(const struct af_bus *bus)
{
    return ((const struct af_bus_http *)bus)->leases;
}

/* The length of scheme://host:port; 0: it has none. */
static size_t origin_length(const char *url)
{
    const char *host = strstr(url, "://");
    return host == NULL ? 0 : (size_t)(host + 3 - url) + strcspn(host + 3, "/?#");
}

static bool owns(const char *bus_url, const char *url)
{
    size_t len = origin_length(bus_url);
    return len > 0 && len == origin_length(url) && strncmp(bus_url, url, len) == 0;
}

static const char *bus_files(const struct af_bus *bus)
{
    return ((const struct af_bus_http *)bus)->files;
}

const struct af_bus_driver af_bus_http = {
    .scheme = "http://",
    .owns = owns,
    .open = bus_open,
    .close = bus_close,
    .publish = af_bus_http_publish,
    .take = af_bus_http_take,
    .cancel = af_bus_http_cancel,
    .ack = af_bus_http_ack,
    .revive = af_bus_http_revive,
    .members = af_bus_http_members,
    .put_file = af_bus_http_put_file,
    .get_file = af_bus_http_get_file,
    .tell = af_bus_http_tell,
    .leases = bus_leases,
    .files = bus_files,
};
