/* bass.c: what the platform's task manager answers: logins, bundles, launches, datasets.
 *
 * Its envelope is {"Response":{"Data":{…}}}. Where nobody has a token, and the place or a
 * certificate says who calls, a login is that node's, whatever user the client has built in; else
 * its user is a node, and its password a token of that node. What it gives, in an answer and as a
 * cookie, is a session that only these calls take. The state of a dataset is noted with the task,
 * for its admin to see; so is a launch, of which launch.c does more. */
#include "serve/impl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT(name, need, type, field, max)                                                         \
    {                                                                                              \
        name, SERVE_TEXT, need, offsetof(type, field), 0, max, NULL, 0                             \
    }

void af_serve_send_bass(struct serve_call *call, const char *key, const char *value)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_append_string(&out, "{\"Response\":{\"Data\":{");
    af_json_add_text(&out, key, value);
    af_buf_append_string(&out, "}}}");
    af_serve_count(call, 0);
    af_serve_send_text(call, 200, "application/json", &out);
}

/* ---- Login. ---- */

struct login {
    const char *user, *password;
};

static const struct serve_field login_rows[] = {
    TEXT("UserName", SERVE_NEEDED, struct login, user, AF_BUS_ID_BYTES_MAX),
    TEXT("Password", SERVE_NEEDED, struct login, password, 4096),
    {0},
};

/* All fronts know the session. */
static void logged_in(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    if (result->code != AF_BUS_OK)
        af_serve_bus_error(call, result);
    else
        af_serve_send_bass(call, "Token", call->login);
}

void af_serve_login(struct serve_call *call)
{
    const struct login *login = af_serve_read_body(call, login_rows, sizeof *login);
    char session[65], cookie[160];
    if (login == NULL)
        return;
    bool known = call->node != NULL && call->serve->options.tokens == NULL;
    const char *node = known ? call->node : login->user;
    if (!known && (!af_serve_is_id(login->user) ||
                   !af_serve_knows_password(call, login->user, login->password))) {
        call->late_ns = af_serve_guess_ns(call, login->user);
        af_serve_error(call, 401, 401, "there is no such user with this password");
        return;
    }
    af_serve_session_new(call, node, session);
    snprintf(cookie, sizeof cookie, "sid=%s; Path=/; HttpOnly; SameSite=Strict%s", session,
             af_exchange_is_tls(call->exchange) ? "; Secure" : "");
    af_exchange_add_header(call->exchange, "Set-Cookie", cookie);
    call->login = af_arena_string(&call->arena, session);
    if (call->serve->is_front)
        af_serve_session_keep(call, node, session, logged_in);
    else
        logged_in(call, &(struct af_bus_result){.code = AF_BUS_OK});
}

/* ---- What is noted. ---- */

static void noted(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    if (result->code != AF_BUS_OK)
        af_serve_bus_error(call, result);
    else
        af_serve_send_bass(call, "Status", "OK");
}

struct dataset {
    const char *task, *cause;
    bool is_verified;
};

static const struct serve_field dataset_rows[] = {
    {"TaskId", SERVE_TASK, SERVE_NEEDED, offsetof(struct dataset, task), 0, AF_BUS_ID_BYTES_MAX,
     NULL, 0},
    {"VerifyResult", SERVE_BOOLEAN, SERVE_NEEDED, offsetof(struct dataset, is_verified), 0, 0, NULL,
     0},
    TEXT("CauseOfFailure", SERVE_OR_NULL, struct dataset, cause, AF_SERVE_TEXT_BYTES_MAX),
    {0},
};

void af_serve_dataset(struct serve_call *call)
{
    const struct dataset *dataset = af_serve_read_body(call, dataset_rows, sizeof *dataset);
    if (dataset == NULL)
        return;
    call->task = dataset->task;
    struct af_bus_note note = {
        .kind = AF_BUS_NOTE_DATASET,
        .task = dataset->task,
        .channel = "federated",
        .node = call->node,
        .number = dataset->is_verified,
        .text = dataset->cause,
    };
    af_bus_tell(call->serve->bus, &note, noted, call);
}

/* ---- Bundles: beside the tasks' files, since a bundle comes before its task is named. ---- */

void af_serve_admit_bundle(struct serve_call *call)
{
    int64_t most = af_serve_quota(&call->serve->options, AF_SERVE_BUNDLES);
    struct af_exchange_disk disk = {call->serve->options.files,
                                    most < AF_BUS_FILE_BYTES_MAX ? most : AF_BUS_FILE_BYTES_MAX,
                                    &call->share->upload_bytes, 0};
    af_exchange_take_part(call->exchange, "File", &disk);
}

static void kept(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    if (result->code != AF_BUS_OK)
        af_serve_bus_error(call, result);
    else
        af_serve_send_bass(call, "FileKey", af_exchange_part(call->exchange)->sha256);
}

/* What may be a description of a launch is known to all fronts; a larger one is only noted. */
static void share_bundle(struct serve_call *call)
{
    const char *key = af_exchange_part(call->exchange)->sha256;
    char bytes[AF_SERVE_LAUNCH_BYTES];
    int fd = af_serve_open_bundle(call, key);
    ssize_t len = fd < 0 ? -1 : pread(fd, bytes, sizeof bytes, 0);
    if (fd >= 0)
        close(fd);
    if (len >= 0 && len < (ssize_t)sizeof bytes)
        af_bus_put_value(call->serve->bus, af_serve_bundle_key(call, key), bytes, (size_t)len, kept,
                         call);
    else
        af_serve_send_bass(call, "FileKey", key);
}

static void given(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    if (result->code != AF_BUS_OK)
        af_serve_bus_error(call, result);
    else
        af_serve_send_bass(call, "FileKey", result->text);
}

void af_serve_upload_bundle(struct serve_call *call)
{
    const struct af_exchange_part *part = af_exchange_part(call->exchange);
    if (part == NULL) {
        af_serve_error(call, 200, 400, "the body has no part `File`");
        return;
    }
    struct af_bus_file bundle = {.node = call->node, .name = "bundle", .path = part->path};
    if (call->serve->is_sidecar)
        af_bus_put_file(call->serve->bus, &bundle, given, call);
    else if (!af_serve_keep_bundle(call, part))
        af_serve_error(call, 200, 507,
                       "the bundle cannot be kept here: no room for it (--quota bundles)");
    else if (call->serve->is_front)
        share_bundle(call);
    else
        af_serve_send_bass(call, "FileKey", part->sha256);
}
