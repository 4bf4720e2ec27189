/* answer.c: the platform's envelope, and its errors: HTTP 200 with a code other than 0, but
 * for callers who are unknown or outside of a task, and for what is no endpoint. */
#include "serve/impl.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char json_type[] = "application/json";

struct af_buf af_serve_data(void)
{
    static const char head[] = "{\"code\":0,\"message\":\"\",\"data\":";
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_append(&out, head, sizeof head - 1);
    return out;
}

void af_serve_send_text(struct serve_call *call, int status, const char *content_type,
                        struct af_buf *text_take)
{
    if (call->events != NULL)
        call->takes(call, text_take);
    else
        af_exchange_answer(call->exchange, status, content_type, text_take);
}

void af_serve_send(struct serve_call *call, struct af_buf *envelope_take)
{
    af_buf_append_char(envelope_take, '}');
    if (envelope_take->full) {
        af_buf_release(envelope_take);
        af_serve_error(call, 200, 507, "the answer is too large");
        return;
    }
    af_serve_count(call, 0);
    if (call->share != NULL && call->events == NULL) {
        call->answer_bytes = (int64_t)envelope_take->len;
        call->share->used[AF_SERVE_ANSWERS] += call->answer_bytes;
    }
    af_serve_send_text(call, 200, json_type, envelope_take);
}

void af_serve_send_task(struct serve_call *call, const char *task)
{
    struct af_buf out = af_serve_data();
    af_buf_append_char(&out, '{');
    af_json_add_text(&out, "task_id", task);
    af_buf_append_char(&out, '}');
    af_serve_send(call, &out);
}

/* ---- Errors. ---- */

static void send_late(struct serve_call *call)
{
    af_serve_send_text(call, call->late_status, json_type, &call->late);
}

static void send_error(struct serve_call *call, int status, int code, const char *message,
                       const char *data)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_serve_count(call, code);
    af_log(AF_LOG_DEBUG, "serve: %s %s of %s: %d: %s", af_exchange_method(call->exchange),
           call->path, call->node == NULL ? "?" : call->node, code, message);
    if (af_serve_is_bass(call)) {
        af_buf_printf(&out, "{\"Response\":{\"Data\":{},\"Error\":{\"Code\":\"%d\"", code);
        af_json_add_text(&out, "Message", message);
        af_buf_append_string(&out, data[0] == '\0' ? "" : ",");
        af_buf_append_string(&out, data);
        af_buf_append_string(&out, "}}}");
    } else {
        af_buf_printf(&out, "{\"code\":%d", code);
        af_json_add_text(&out, "message", message);
        af_buf_append_string(&out, ",\"data\":{");
        af_buf_append_string(&out, data);
        af_buf_append_string(&out, "}}");
    }
    if (status == 401)
        af_exchange_add_header(call->exchange, "WWW-Authenticate", "Bearer");
    if (call->late_ns > 0) {
        call->late = out;
        call->late_status = status;
        af_serve_hold(call, call->late_ns, send_late);
        return;
    }
    af_serve_send_text(call, status, json_type, &out);
}

void af_serve_error(struct serve_call *call, int status, int code, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    send_error(call, status, code, message, "");
}

static void send_errors(struct serve_call *call, const char *message, const char *errors)
{
    struct af_buf data = AF_BUF_EMPTY;
    af_buf_printf(&data, "\"errors\":[%s]", errors);
    send_error(call, 200, 400, message, af_buf_text(&data));
    af_buf_release(&data);
}

void af_serve_malformed(struct serve_call *call)
{
    send_errors(call, "the request is malformed", af_buf_text(&call->serve->reading.errors));
}

void af_serve_bus_error(struct serve_call *call, const struct af_bus_result *result)
{
    const char *why = result->why == NULL ? "it failed" : result->why;
    struct af_buf data = AF_BUF_EMPTY;
    switch (result->code) {
    case AF_BUS_NO_TASK:
        af_serve_error(call, 200, 404, "%s", why);
        break;
    case AF_BUS_NOT_MEMBER:
        af_serve_error(call, 403, 403, "%s", why);
        break;
    case AF_BUS_INVALID:
        af_json_write_text(&data, why);
        send_errors(call, why, af_buf_text(&data));
        break;
    case AF_BUS_OLDER:
        af_serve_error(call, 200, 409, "%s", why);
        break;
    case AF_BUS_FULL:
        af_buf_printf(&data, "\"retry_seconds\":%.3f", (double)result->retry_ns / 1e9);
        send_error(call, 200, 507, why, af_buf_text(&data));
        break;
    default:
        af_serve_error(call, 200, 503, "%s", why);
    }
    af_buf_release(&data);
}

void *af_serve_read_body(struct serve_call *call, const struct serve_field *rows, size_t bytes)
{
    struct serve_reading *reading = &call->serve->reading;
    const struct af_buf *body = af_exchange_body(call->exchange);
    void *request = af_arena_alloc(&call->arena, bytes);
    memset(request, 0, bytes);
    reading->arena = &call->arena;
    if (af_serve_read(reading, rows, request, body->data == NULL ? "" : body->data, body->len))
        return request;
    af_serve_malformed(call);
    return NULL;
}
