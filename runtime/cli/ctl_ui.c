/* ctl_ui.c: see ctl_ui.h.
 *
 * POST /api/ask has one question as its body, as control.c of the node has them; those that page's
 * table has are passed on, the answer is that of `afrun ctl … --json`. Of a journal the answer is
 * that of `afrun chart --json`, which is run for it. GET /api/events?task=T&from=N goes on telling
 * what `status` says, where it is news, and what came to T's log from byte N on: the node is asked
 * once a second. */
#include "cli/ctl_ui.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/ctl.h"
#include "cli/interrupt.h"
#include "cli/visitor.h"
#include "http/events.h"
#include "http/pages.h"
#include "http/server.h"
#include "json/rows.h"
#include "loop/loop.h"
#include "loop/process.h"
#include "script/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct ui {
    const struct af_ctl *ctl;
    struct af_loop *loop;
    struct af_http_server *http;
    struct call *calls; /* that are not answered */
    struct af_visitor visitor;
};

struct call {
    struct call *next, **at;
    struct ui *ui;
    struct af_exchange *exchange;
    const char *command; /* of the table below */
    int fd;              /* to the node, or -1 */
    struct af_buf told;  /* by it */
    struct af_process *chart;
    struct stream *stream; /* or NULL */
};

struct stream {
    struct af_timer *timer; /* to the next look */
    unsigned char status[AF_EVENTS_DIGEST_BYTES], log[AF_EVENTS_DIGEST_BYTES]; /* as told */
    int64_t from, spoke_ns;
};

/* What a page may ask of the node: what reads, and what changes one party or flow. */
static const char *const commands[] = {"status", "data",     "log",   "trace", "approve",
                                       "reload", "rollback", "retry", "again", "pause",
                                       "resume", "send",     "stop",  NULL};

/* ---- Answering. ---- */

static void leave(struct call *call)
{
    if (call->at != NULL) {
        *call->at = call->next;
        if (call->next != NULL)
            call->next->at = call->at;
        call->at = NULL;
    }
    if (call->fd >= 0) {
        af_loop_unwatch(call->ui->loop, call->fd);
        close(call->fd);
        call->fd = -1;
    }
    af_process_cancel(call->chart);
    call->chart = NULL;
    if (call->stream != NULL) {
        af_timer_cancel(call->stream->timer);
        call->stream->timer = NULL;
    }
}

static void tell(struct call *call, struct af_buf *text);

static void answer(struct call *call, int status, const char *type, struct af_buf *text)
{
    if (call->stream != NULL) {
        tell(call, text);
        return;
    }
    leave(call);
    af_exchange_answer(call->exchange, status, type, text);
}

static void answer_failure(struct call *call, int status, const struct af_failure *why)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_answer_begin(&out, "error");
    af_answer_add_error(&out, why);
    af_buf_append_char(&out, '}');
    answer(call, status, "application/json", &out);
}

static void refuse(struct call *call, int status, const char *words)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_printf(&out, "%s\n", words);
    answer(call, status, "text/plain; charset=utf-8", &out);
}

/* ---- A journal as rows. ---- */

static bool add_line(void *arg, struct af_json_span line)
{
    af_buf_append(arg, line.at, line.len);
    af_buf_append_char(arg, '\n');
    return true;
}

static void on_drawn(void *arg, const struct af_process_result *result)
{
    struct call *call = arg;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf out = AF_BUF_EMPTY;
    call->chart = NULL;
    if (result->failure != NULL || result->output_len == 0) {
        af_failure_set(&why, AF_FAILURE_TRANSPORT, "chart", "%s",
                       result->failure != NULL ? result->failure : result->errors);
        answer_failure(call, 502, &why);
        return;
    }
    af_buf_append(&out, result->output, result->output_len);
    answer(call, 200, "application/json", &out);
}

static void draw(struct call *call)
{
    static const char *const words[] = {"chart", "-", "--json", "--tail=5000"};
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf lines = AF_BUF_EMPTY;
    struct af_json_span all =
        af_json_find((struct af_json_span){call->told.data, call->told.len}, "lines");
    af_json_each(all, add_line, &lines);
    const struct af_process_spec spec = {
        .path = "/proc/self/exe",
        .name = "afrun",
        .args = words,
        .arg_count = sizeof words / sizeof words[0],
        .input = af_buf_text(&lines),
        .input_len = lines.len,
        .timeout_ns = AF_STUDIO_WORK_NS,
        .max_bytes = AF_PROCESS_OUTPUT_BYTES_MAX,
    };
    call->chart = af_process_start(call->ui->loop, &spec, on_drawn, call, &why);
    if (call->chart == NULL)
        answer_failure(call, 502, &why);
    af_buf_release(&lines);
}

/* ---- What the node is asked. ---- */

static void finish(struct call *call)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf out = AF_BUF_EMPTY;
    char kind[32];
    af_loop_unwatch(call->ui->loop, call->fd);
    close(call->fd);
    call->fd = -1;
    if (af_ctl_check(&call->told, &why) != 0) {
        answer_failure(call, 200, &why);
    } else if (strcmp(call->command, "trace") == 0) {
        draw(call);
    } else {
        snprintf(kind, sizeof kind, "ctl-%s", call->command);
        af_ctl_answer(&out, kind, &call->told);
        answer(call, 200, "application/json", &out);
    }
}

static void on_told(void *arg)
{
    struct call *call = arg;
    char piece[65536];
    ssize_t some = recv(call->fd, piece, sizeof piece, 0);
    if (some < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (some > 0 && call->told.len < AF_JOURNAL_BYTES)
        af_buf_append(&call->told, piece, (size_t)some);
    else
        finish(call);
}

static void ask(struct call *call, const struct af_buf *body)
{
    struct sockaddr_un address = {0};
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf line = AF_BUF_EMPTY;
    af_buf_clear(&call->told);
    af_buf_append(&line, body->data, body->len);
    af_buf_append_char(&line, '\n');
    if (af_ctl_socket(call->ui->ctl, &address, &why) == 0) {
        call->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (call->fd < 0 ||
            connect(call->fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
            send(call->fd, line.data, line.len, MSG_NOSIGNAL) != (ssize_t)line.len ||
            af_loop_watch(call->ui->loop, call->fd, false, on_told, call, NULL) != 0)
            af_failure_set(&why, AF_FAILURE_TRANSPORT, address.sun_path,
                           "no node answers there: %s", strerror(errno));
    }
    af_buf_release(&line);
    if (why.kind == AF_FAILURE_NONE)
        return;
    if (call->fd >= 0)
        close(call->fd);
    call->fd = -1;
    answer_failure(call, 502, &why);
}

/* A question is one line, with a command that the table has. */
static void take_question(struct call *call)
{
    const struct af_buf *body = af_exchange_body(call->exchange);
    struct af_failure why = AF_FAILURE_INIT;
    struct af_request request = {0};
    const char *name = NULL;
    if (body->len > 0 && memchr(body->data, '\n', body->len) == NULL &&
        af_request_read(&request, body->data, body->len) && af_request_cut(&request) == NULL)
        name = af_request_string(&request, "cmd");
    for (const char *const *at = commands; name != NULL && *at != NULL; at++)
        if (strcmp(*at, name) == 0)
            call->command = *at;
    af_request_release(&request);
    if (call->command != NULL) {
        ask(call, body);
        return;
    }
    af_failure_set(&why, AF_FAILURE_USAGE, "cmd", "expected an object with a command of a page");
    answer_failure(call, 400, &why);
}

/* ---- What is told without being asked for. ---- */

static void look(void *arg);

static void ask_log(struct call *call, const char *task)
{
    struct af_buf question = AF_BUF_EMPTY;
    call->command = "log";
    af_buf_append_string(&question, "{\"cmd\":\"log\"");
    af_json_add_text(&question, "task", task);
    af_json_add_integer(&question, "from", call->stream->from);
    af_buf_append_char(&question, '}');
    ask(call, &question);
    af_buf_release(&question);
}

/* An answer has come: of the status, and then of the log. */
static void tell(struct call *call, struct af_buf *text)
{
    struct stream *stream = call->stream;
    const char *task = af_exchange_query(call->exchange, "task");
    struct af_buf out = AF_BUF_EMPTY;
    int64_t now_ns = af_loop_now_ns(call->ui->loop);
    bool is_log = strcmp(call->command, "log") == 0;
    if (af_events_is_news(is_log ? stream->log : stream->status, text))
        af_events_write(&out, call->command, af_buf_text(text), text->len);
    else if (is_log || now_ns - stream->spoke_ns > AF_EVENTS_QUIET_NS)
        af_buf_append_string(&out, is_log ? "" : AF_EVENTS_COMMENT);
    struct af_json_span next =
        af_json_find((struct af_json_span){af_buf_text(text), text->len}, "next");
    if (is_log && next.len > 0)
        stream->from = strtoll(next.at, NULL, 10);
    af_buf_release(text);
    if (out.len > 0) {
        af_exchange_stream_add(call->exchange, out.data, out.len);
        stream->spoke_ns = now_ns;
    }
    af_buf_release(&out);
    if (task != NULL && !is_log)
        ask_log(call, task);
    else
        stream->timer = af_timer_start(call->ui->loop, AF_CTL_EVENTS_NS, look, call);
}

static void ask_status(struct call *call)
{
    struct af_buf question = AF_BUF_EMPTY;
    call->command = "status";
    af_buf_append_string(&question, "{\"cmd\":\"status\"}");
    ask(call, &question);
    af_buf_release(&question);
}

static void look(void *arg)
{
    struct call *call = arg;
    call->stream->timer = NULL;
    if (af_exchange_stream_waits(call->exchange))
        ask_status(call);
    else /* its peer does not keep up */
        call->stream->timer = af_timer_start(call->ui->loop, AF_CTL_EVENTS_NS, look, call);
}

static void begin_stream(struct call *call)
{
    const char *from = af_exchange_query(call->exchange, "from");
    size_t count = 0;
    for (const struct call *at = call->ui->calls; at != NULL; at = at->next)
        count += at->stream != NULL;
    if (count >= AF_CTL_EVENTS_MAX) {
        refuse(call, 503, "Too many pages follow what is going on: ask again and again.");
        return;
    }
    call->stream = af_mem_zero(1, sizeof *call->stream);
    call->stream->from = from == NULL ? 0 : strtoll(from, NULL, 10);
    af_exchange_stream(call->exchange, AF_EVENTS_TYPE);
    ask_status(call);
}

/* What it was asked for comes to nothing. */
static void give_up(struct call *call, const char *words)
{
    if (call->stream == NULL) {
        refuse(call, 503, words);
        return;
    }
    leave(call);
    af_exchange_stream_end(call->exchange);
}

/* Where the link is asked for in a file, the next browser's stands there. */
static int tell_link(struct ui *ui, struct af_failure *why)
{
    const char *path = ui->ctl->link, *link = ui->visitor.link;
    char text[sizeof ui->visitor.link + 1];
    if (path == NULL)
        return 0;
    int len = snprintf(text, sizeof text, "%s\n", link);
    return af_io_replace(path, text, (size_t)len)
               ? 0
               : af_failure_set(why, AF_FAILURE_TRANSPORT, path, "cannot be written: %s",
                                strerror(errno));
}

static void on_begin(void *arg, struct af_exchange *exchange)
{
    struct ui *ui = arg;
    struct call *call = af_mem_zero(1, sizeof *call);
    *call = (struct call){
        .next = ui->calls, .at = &ui->calls, .ui = ui, .exchange = exchange, .fd = -1};
    if (call->next != NULL)
        call->next->at = &call->next;
    ui->calls = call;
    af_exchange_set_data(exchange, call);
    const char *path = af_exchange_path(exchange), *words;
    bool asks = strcmp(path, "/api/ask") == 0;
    int status;
    if (!af_visitor_admit(&ui->visitor, exchange, strcmp(path, "/") == 0, asks, &status, &words)) {
        refuse(call, status, words);
        return;
    }
    if (ui->visitor.token[0] == '\0' && ui->ctl->link != NULL) {
        struct af_failure why = AF_FAILURE_INIT;
        af_visitor_invite(&ui->visitor, af_http_server_url(ui->http));
        if (tell_link(ui, &why) != 0)
            af_log(AF_LOG_ERROR, "%s: %s", why.what, why.why);
    }
    if (strcmp(af_exchange_method(exchange), asks ? "POST" : "GET") != 0)
        refuse(call, 405, "Another method is expected.");
    else
        af_exchange_take_body(exchange, asks ? AF_NODE_REQUEST_BYTES_MAX - 1 : 0, NULL);
}

static void on_ready(void *arg, struct af_exchange *exchange)
{
    struct call *call = af_exchange_data(exchange);
    const char *path = af_exchange_path(exchange);
    (void)arg;
    if (strcmp(path, "/api/ask") == 0) {
        take_question(call);
        return;
    }
    if (strcmp(path, "/api/events") == 0) {
        begin_stream(call);
        return;
    }
    const char *name = strcmp(path, "/") == 0 ? "node.html" : path + 1;
    leave(call);
    if (!af_pages_answer(call->exchange, name))
        refuse(call, 404, "There is no such page.");
}

static void on_refused(void *arg, struct af_exchange *exchange, enum af_exchange_refusal refusal,
                       const char *why)
{
    (void)arg, (void)refusal;
    refuse(af_exchange_data(exchange), 413, why);
}

static void on_gone(void *arg, struct af_exchange *exchange)
{
    (void)arg;
    give_up(af_exchange_data(exchange), "Nobody waits for it.");
}

static void on_end(void *arg, struct af_exchange *exchange)
{
    struct call *call = af_exchange_data(exchange);
    (void)arg;
    leave(call);
    free(call->stream);
    af_buf_release(&call->told);
    free(call);
}

/* ---- Making and ending. ---- */

static void on_interrupt(void *arg)
{
    af_interrupt_seen();
    af_loop_stop(arg);
}

static int begin(struct ui *ui, struct af_failure *why)
{
    const char *address = ui->ctl->listen == NULL ? "127.0.0.1:0" : ui->ctl->listen;
    const struct af_http_server_options options = {
        .listen = address,
        .headers = af_pages_headers,
        .connections_max = AF_STUDIO_CONNECTIONS_MAX,
        .owner = {on_begin, on_ready, on_refused, on_gone, on_end, ui},
    };
    struct sockaddr_un node = {0};
    int is_loopback = af_http_server_is_loopback(address, why);
    if (is_loopback == 0)
        return af_failure_set(why, AF_FAILURE_USAGE, address,
                              "others can reach this address: the page is for this machine");
    if (is_loopback < 0 || af_ctl_socket(ui->ctl, &node, why) != 0)
        return -1;
    ui->http = af_http_server_new(ui->loop, &options, why);
    if (ui->http == NULL)
        return -1;
    af_visitor_begin(&ui->visitor, "node", af_http_server_url(ui->http));
    return tell_link(ui, why);
}

static void end(struct ui *ui)
{
    while (ui->calls != NULL)
        give_up(ui->calls, "The page ends.");
    af_http_server_free(ui->http);
    if (ui->http != NULL && ui->ctl->link != NULL)
        unlink(ui->ctl->link);
}

int af_ctl_ui(const struct af_ctl *ctl, const char *nothing, struct af_failure *why)
{
    struct ui ui = {.ctl = ctl};
    int interrupt = af_interrupt_catch(), result = -1;
    (void)nothing;
    ui.loop = af_loop_ev_new(why);
    if (ui.loop == NULL)
        return -1;
    if (begin(&ui, why) == 0 &&
        af_loop_watch(ui.loop, interrupt, false, on_interrupt, ui.loop, why) == 0) {
        const char *url = af_http_server_url(ui.http);
        const char *link = ctl->link == NULL ? ui.visitor.link : url;
        af_log_start(stdout, "address", link, link);
        af_loop_run(ui.loop);
        af_loop_unwatch(ui.loop, interrupt);
        result = 0;
    }
    end(&ui);
    af_loop_free(ui.loop);
    return result;
}
