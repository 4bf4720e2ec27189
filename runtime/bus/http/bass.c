/* bass.c: the task manager (BASS).
 *
 *   login ─► token and cookies, kept for all later calls ─► the call ─► its answer
 *     ▲                                                                  │
 *     └──────────── once, where the token may have run out ◄────────────┘
 *
 * Its answers are {"Response":{"Data":{…}}}. Who we are comes from the config, never from here; a
 * service of ours takes the call with our token alone. A call is not repeated but after a login:
 * starting a task twice is not harmless. */
#include "bus/http/impl.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASS_PATH "/alpha-med/fed-bass"

static void send_call(struct af_bus_op *op);
static void send_login(struct af_bus_op *op);

static bool has_login(const struct af_bus_http *bus)
{
    return bus->config != NULL && bus->config->bass_user != NULL &&
           bus->config->bass_password != NULL;
}

static void forget_login(struct af_bus_http *bus)
{
    char **kept[] = {&bus->bass_token, &bus->bass_cookie};
    for (size_t i = 0; i < 2; i++) {
        if (*kept[i] != NULL)
            sodium_memzero(*kept[i], strlen(*kept[i]));
        free(*kept[i]);
        *kept[i] = NULL;
    }
}

/* Where the task manager is; NULL: where the service is, said or not. */
static const char *elsewhere(const struct af_bus_http *bus)
{
    const char *given = bus->config == NULL ? NULL : bus->config->bass_url;
    size_t root_len = strlen(bus->root);
    if (given == NULL || strncmp(given, bus->root, root_len) != 0)
        return given;
    return given[root_len + strspn(given + root_len, "/")] == '\0' ? NULL : given;
}

/* Posts op->body, or a file, to the task manager. */
static void post(struct af_bus_op *op, const char *call, const struct af_http_upload *upload,
                 af_op_raw_fn *raw)
{
    const struct af_bus_http *bus = op->bus;
    const char *given = elsewhere(bus), *root = given == NULL ? bus->root : given;
    const char *authority = strstr(root, "://");
    const char *slash = authority == NULL ? NULL : strchr(authority + 3, '/');
    bool has_path = given != NULL && slash != NULL && slash[1] != '\0';
    struct af_buf url = AF_BUF_EMPTY;
    size_t root_len = strlen(root);
    while (root_len > 0 && root[root_len - 1] == '/')
        root_len--;
    af_buf_append(&url, root, root_len);
    af_buf_printf(&url, "%s?cmb=%s", has_path ? "" : BASS_PATH, call);
    const char *headers[2];
    size_t count = 0;
    if (bus->bass_token != NULL)
        headers[count++] = bus->bass_token;
    if (bus->bass_cookie != NULL)
        headers[count++] = bus->bass_cookie;
    struct af_http_request request = {.post = true,
                                      .url = af_buf_text(&url),
                                      .headers = headers,
                                      .header_count = count,
                                      .body = op->body.data,
                                      .body_len = upload == NULL ? op->body.len : 0,
                                      .upload = upload,
                                      .max_bytes = AF_BUS_HTTP_BASS_BYTES_MAX,
                                      .attempt_ns = upload == NULL ? AF_BUS_HTTP_CALL_NS : 0,
                                      .attempts = 1};
    op->raw = raw;
    af_bus_op_start(op, &request);
    af_buf_release(&url);
}

/* Response.Data of an answer; NULL and an empty span if it has none. */
static struct af_json_span response_data(const struct af_http_answer *answer)
{
    struct af_json_span whole = {answer->body, answer->body_len};
    return af_answer_object(af_answer_object(whole, "Response"), "Data");
}

static bool is_answer(const struct af_http_answer *answer)
{
    return answer->end == AF_HTTP_ANSWERED && answer->status >= 200 && answer->status < 300;
}

/* ---- Login. ---- */

static char *header_of(const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 1;
    char *header = af_mem_alloc(size);
    snprintf(header, size, "%s%s", name, value);
    return header;
}

static bool is_printable(const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            return false;
    return true;
}

/* The cookies of an answer as one header; NULL if there are none. */
static char *cookie_header(const struct af_http_answer *answer)
{
    struct af_buf cookie = AF_BUF_EMPTY;
    size_t len;
    const char *value;
    for (size_t i = 0; i < AF_BUS_HTTP_COOKIES_MAX &&
                       (value = af_http_answer_header(answer, "Set-Cookie", i, &len)) != NULL;
         i++) {
        const char *semicolon = memchr(value, ';', len);
        af_buf_append_string(&cookie, i == 0 ? "cookie: " : "; ");
        af_buf_append(&cookie, value, semicolon == NULL ? len : (size_t)(semicolon - value));
    }
    char *header = cookie.len == 0 ? NULL : af_buf_take(&cookie);
    if (header != NULL && !is_printable(header)) {
        free(header);
        header = NULL;
    }
    af_buf_release(&cookie);
    return header;
}

static void logged_in(struct af_bus_op *op, const struct af_http_answer *answer)
{
    if (!is_answer(answer)) {
        af_bus_op_refused(op, answer, NULL);
        return;
    }
    const char *token =
        af_answer_string(response_data(answer), "Token", AF_BUS_HTTP_TOKEN_BYTES_MAX, &op->arena);
    if (token == NULL || !is_printable(token)) {
        struct af_bus_result result = {.code = AF_BUS_REFUSED,
                                       .why = "the task manager refused the login"};
        af_bus_op_end(op, &result);
        return;
    }
    forget_login(op->bus);
    op->bus->bass_token = header_of("token: ", token);
    op->bus->bass_cookie = cookie_header(answer);
    send_call(op);
}

static void send_login(struct af_bus_op *op)
{
    const struct af_config *config = op->bus->config;
    op->has_logged_in = true;
    forget_login(op->bus);
    af_bus_op_open(op);
    af_json_add_text(&op->body, "UserName", config->bass_user);
    af_json_add_text(&op->body, "Password", config->bass_password);
    af_json_add_text(&op->body, "Captcha",
                     config->bass_captcha == NULL ? "" : config->bass_captcha);
    af_buf_append_char(&op->body, '}');
    post(op, "Login", NULL, logged_in);
    sodium_memzero(op->body.data, op->body.len);
}

/* ---- The call. ---- */

static bool is_granted(struct af_bus_op *op, const struct af_http_answer *answer)
{
    struct af_json_span data = response_data(answer);
    if (op->file.path != NULL) {
        op->note.text = af_answer_string(data, "FileKey", AF_BUS_HTTP_TOKEN_BYTES_MAX, &op->arena);
        return op->note.text != NULL;
    }
    if (op->note.kind == AF_BUS_NOTE_DATASET)
        return data.at != NULL && !af_answer_is_empty(data);
    const char *status = af_answer_string(data, "Status", 64, &op->arena);
    return status != NULL && strcmp(status, "OK") == 0;
}

static void call_answered(struct af_bus_op *op, const struct af_http_answer *answer)
{
    struct af_bus_result result = {.code = AF_BUS_OK};
    bool came = answer->end == AF_HTTP_ANSWERED;
    bool granted = is_answer(answer) && is_granted(op, answer);
    bool may_be_stale =
        came && (is_answer(answer) || answer->status == 401 || answer->status == 403);
    if (!granted && may_be_stale && !op->has_logged_in && has_login(op->bus)) {
        send_login(op);
        return;
    }
    if (!granted && !is_answer(answer)) {
        af_bus_op_refused(op, answer, NULL);
        return;
    }
    if (!granted) {
        result.code = AF_BUS_REFUSED;
        result.why = op->file.path != NULL ? "bundle: the task manager did not take the bundle"
                     : op->note.kind == AF_BUS_NOTE_LAUNCH
                         ? "launch: the task manager did not start the task"
                         : "dataset: the task manager did not take the dataset's state";
    }
    if (granted && op->file.path != NULL) {
        result.text = op->note.text;
        result.text_len = strlen(result.text);
    }
    af_bus_op_end(op, &result);
}

static void send_bundle(struct af_bus_op *op)
{
    struct af_http_upload upload = {
        .part = "File", .filename = op->file.name, .path = op->file.path};
    post(op, "UploadFile", &upload, call_answered);
}

static void send_call(struct af_bus_op *op)
{
    if (op->file.path != NULL) {
        send_bundle(op);
        return;
    }
    bool launch = op->note.kind == AF_BUS_NOTE_LAUNCH;
    af_bus_op_open(op);
    af_json_add_text(&op->body, "TaskId", op->note.task);
    if (launch) {
        af_json_add_text(&op->body, "ProgramObject", op->note.text == NULL ? "" : op->note.text);
    } else {
        bool verified = op->note.number == 1;
        af_json_add_bool(&op->body, "VerifyResult", verified);
        af_json_add_text(&op->body, "CauseOfFailure", verified ? NULL : op->note.text);
    }
    af_buf_append_char(&op->body, '}');
    post(op, launch ? "StartCalculationTaskRunning" : "VerifyTaskDataSetCallback", NULL,
         call_answered);
}

void af_bus_http_tell_bass(struct af_bus_op *op)
{
    struct af_bus_http *bus = op->bus;
    /* Before any answer has come it may be one. */
    bool own_service = bus->leases != 0 && elsewhere(bus) == NULL;
    if (bus->bass_token != NULL || (own_service && !has_login(bus)))
        send_call(op);
    else if (has_login(bus))
        send_login(op);
    else
        af_bus_op_end_soon(op, AF_BUS_REFUSED,
                           "%s: the task manager wants a login; give bass_user, bass_password and "
                           "bass_captcha in the file of --config",
                           op->what);
}
