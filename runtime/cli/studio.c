/* studio.c: see studio.h. */
#include "cli/studio.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/visitor.h"
#include "cli/watch.h"
#include "http/events.h"
#include "http/pages.h"
#include "http/server.h"
#include "json/json.h"
#include "loop/loop.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct call {
    struct call *next, **at;
    struct af_studio *studio;
    struct af_exchange *exchange;
    struct af_studio_work *work;
    struct af_timer *timer; /* it waits for a save */
    bool is_page;
    bool waits;
    bool streams; /* its answer is events */
};

struct af_studio {
    struct af_studio_options options;
    struct af_loop *loop;
    struct af_http_server *http;
    struct call *calls; /* that are not answered */
    struct af_studio_ready *ready;
    size_t working;
    int saves_fd;
    uint64_t saves;
    struct af_visitor visitor;
};

/* ---- Answering. ---- */

static void add_event(struct call *call, const char *name, const char *data, size_t len)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_events_write(&out, name, data, len);
    af_exchange_stream_add(call->exchange, out.data, out.len);
    af_buf_release(&out);
}

/* It waits no more. */
static void leave(struct call *call)
{
    if (call->at != NULL) {
        *call->at = call->next;
        if (call->next != NULL)
            call->next->at = call->at;
        call->at = NULL;
    }
    af_timer_cancel(call->timer);
    call->timer = NULL;
}

static void answer(struct call *call, int status, const char *type, struct af_buf *text)
{
    leave(call);
    if (call->streams) {
        call->streams = false;
        add_event(call, "answer", text->data, text->len);
        af_buf_release(text);
        af_exchange_stream_end(call->exchange);
    } else {
        af_exchange_answer(call->exchange, status, type, text);
    }
}

static void answer_json(struct call *call, int status, struct af_buf *text)
{
    answer(call, status, "application/json", text);
}

static void answer_failure(struct call *call, int status, const struct af_failure *why)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_answer_begin(&out, "error");
    af_answer_add_error(&out, why);
    af_buf_append_char(&out, '}');
    answer_json(call, status, &out);
}

/* What a person may read who has opened an address by hand. */
static void refuse(struct call *call, int status, const char *words)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_printf(&out, "%s\n", words);
    answer(call, status, "text/plain; charset=utf-8", &out);
}

/* Whether the call may go on; else it was answered. */
static bool admit(struct call *call, bool works)
{
    int status;
    const char *words;
    if (af_visitor_admit(&call->studio->visitor, call->exchange, call->is_page, works, &status,
                         &words))
        return true;
    refuse(call, status, words);
    return false;
}

static void give_page(struct call *call, const char *name)
{
    leave(call);
    if (!af_pages_answer(call->exchange, name))
        refuse(call, 404, "There is no such page.");
}

/* ---- Saves of the flow. ---- */

static void tell_saves(struct call *call)
{
    struct af_buf out = AF_BUF_EMPTY;
    const struct af_studio_options *options = &call->studio->options;
    af_answer_begin(&out, "studio-saves");
    af_json_add_integer(&out, "saves", (int64_t)call->studio->saves);
    af_json_add_text(&out, "file", options->flow);
    af_json_add_text(&out, "upgrade", options->upgrade);
    af_buf_append_char(&out, '}');
    answer_json(call, 200, &out);
}

static void on_late(void *arg)
{
    struct call *call = arg;
    call->timer = NULL;
    tell_saves(call);
}

/* Waits for a save that the page has not seen. */
static void wait_for_save(struct call *call)
{
    const char *seen = af_exchange_query(call->exchange, "seen");
    if (seen == NULL || strtoull(seen, NULL, 10) != call->studio->saves) {
        tell_saves(call);
        return;
    }
    call->waits = true;
    call->timer = af_timer_start(call->studio->loop, AF_STUDIO_POLL_NS, on_late, call);
}

static void on_saves(void *arg)
{
    struct af_studio *studio = arg;
    if (!af_watch_read(studio->saves_fd))
        return;
    studio->saves++;
    for (struct call *call = studio->calls, *next; call != NULL; call = next) {
        next = call->next;
        if (call->waits)
            tell_saves(call);
    }
}

/* ---- What the program is asked. ---- */

static const char *knob_of(const void *arg, const char *name)
{
    const struct call *call = arg;
    return af_exchange_query(call->exchange, name);
}

static void on_worked(void *arg, struct af_buf *text, const struct af_failure *why)
{
    struct call *call = arg;
    call->work = NULL;
    call->studio->working--;
    if (why != NULL)
        answer_failure(call, 200, why); /* the program's word, as that of a flow that is broken */
    else
        answer(call, 200,
               text->len > 0 && text->data[0] == '<' ? "image/svg+xml" : "application/json", text);
}

static void on_progress(void *arg, const char *line, size_t len)
{
    add_event(arg, "progress", line, len);
}

static void work(struct call *call, enum af_studio_kind kind)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_studio *studio = call->studio;
    if (studio->working >= AF_STUDIO_WORK_MAX) {
        af_failure_set(&why, AF_FAILURE_TRANSPORT, "studio", "is at work; try again");
        answer_failure(call, 503, &why);
        return;
    }
    const struct af_studio_asked asked = {.kind = kind,
                                          .body = af_exchange_body(call->exchange),
                                          .knob = knob_of,
                                          .done = on_worked,
                                          .progress = kind == AF_STUDIO_CHECK ? on_progress : NULL,
                                          .arg = call};
    call->work = af_studio_work_start(studio->ready, &asked, &why);
    if (call->work == NULL) {
        answer_failure(call, 502, &why);
        return;
    }
    studio->working++;
    call->streams = kind == AF_STUDIO_CHECK;
    if (call->streams)
        af_exchange_stream(call->exchange, AF_EVENTS_TYPE);
}

static const struct {
    const char *path;
    int kind;
} works[] = {{"/api/run", AF_STUDIO_RUN},       {"/api/runs", AF_STUDIO_RUNS},
             {"/api/states", AF_STUDIO_STATES}, {"/api/picture", AF_STUDIO_PICTURE},
             {"/api/check", AF_STUDIO_CHECK},   {"/api/explore", AF_STUDIO_EXPLORE},
             {"/api/steps", AF_STUDIO_STEPS},   {"/api/export", AF_STUDIO_EXPORT},
             {"/api/trace", AF_STUDIO_TRACE}};

static int find_work(const char *path)
{
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++)
        if (strcmp(works[i].path, path) == 0)
            return works[i].kind;
    return -1;
}

/* ---- The way of a request. ---- */

static void on_begin(void *arg, struct af_exchange *exchange)
{
    struct af_studio *studio = arg;
    struct call *call = af_mem_zero(1, sizeof *call);
    *call = (struct call){
        .next = studio->calls, .at = &studio->calls, .studio = studio, .exchange = exchange};
    if (call->next != NULL)
        call->next->at = &call->next;
    studio->calls = call;
    af_exchange_set_data(exchange, call);
    const char *path = af_exchange_path(exchange), *method = af_exchange_method(exchange);
    bool works_for = find_work(path) >= 0;
    call->is_page = strcmp(path, "/") == 0;
    if (!admit(call, works_for))
        return;
    if (strcmp(method, works_for ? "POST" : "GET") != 0)
        refuse(call, 405, "Another method is expected.");
    else
        af_exchange_take_body(exchange, works_for ? AF_STUDIO_BODY_BYTES_MAX : 0, NULL);
}

static void on_ready(void *arg, struct af_exchange *exchange)
{
    struct call *call = af_exchange_data(exchange);
    const char *path = af_exchange_path(exchange);
    int kind = find_work(path);
    (void)arg;
    if (kind >= 0)
        work(call, (enum af_studio_kind)kind);
    else if (strcmp(path, "/api/saves") == 0)
        wait_for_save(call);
    else
        give_page(call, call->is_page ? "index.html" : path + 1);
}

static void on_refused(void *arg, struct af_exchange *exchange, enum af_exchange_refusal refusal,
                       const char *why)
{
    (void)arg, (void)refusal;
    refuse(af_exchange_data(exchange), 413, why);
}

static void stop_work(struct call *call)
{
    if (call->work == NULL)
        return;
    af_studio_work_cancel(call->work);
    call->work = NULL;
    call->studio->working--;
}

static void on_gone(void *arg, struct af_exchange *exchange)
{
    struct call *call = af_exchange_data(exchange);
    (void)arg;
    stop_work(call);
    refuse(call, 503, "Nobody waits for it.");
}

static void on_end(void *arg, struct af_exchange *exchange)
{
    struct call *call = af_exchange_data(exchange);
    (void)arg;
    stop_work(call);
    leave(call);
    free(call);
}

/* ---- Making and ending. ---- */

static int listen_here(struct af_studio *studio, struct af_failure *why)
{
    const char *address = studio->options.listen;
    const struct af_http_server_options options = {
        .listen = address,
        .headers = af_pages_headers,
        .connections_max = AF_STUDIO_CONNECTIONS_MAX,
        .owner = {on_begin, on_ready, on_refused, on_gone, on_end, studio},
    };
    int is_loopback = af_http_server_is_loopback(address, why);
    if (is_loopback == 0)
        return af_failure_set(why, AF_FAILURE_USAGE, address,
                              "others can reach this address: the studio is for this machine");
    studio->http = is_loopback < 0 ? NULL : af_http_server_new(studio->loop, &options, why);
    if (studio->http == NULL)
        return -1;
    af_visitor_begin(&studio->visitor, "studio", af_http_server_url(studio->http));
    return 0;
}

struct af_studio *af_studio_new(struct af_loop *loop, const struct af_studio_options *options,
                                struct af_failure *why)
{
    struct af_studio *studio = af_mem_zero(1, sizeof *studio);
    studio->options = *options;
    studio->loop = loop;
    studio->ready = af_studio_ready_new(loop, &studio->options);
    studio->saves_fd = af_watch_open(options->flow, why);
    if (studio->saves_fd >= 0 &&
        af_loop_watch(loop, studio->saves_fd, false, on_saves, studio, why) == 0 &&
        listen_here(studio, why) == 0)
        return studio;
    af_studio_free(studio);
    return NULL;
}

const char *af_studio_link(const struct af_studio *studio)
{
    return studio->visitor.link;
}

void af_studio_free(struct af_studio *studio)
{
    if (studio == NULL)
        return;
    while (studio->calls != NULL) {
        struct call *call = studio->calls;
        stop_work(call);
        refuse(call, 503, "The studio ends.");
    }
    af_studio_ready_free(studio->ready);
    af_http_server_free(studio->http);
    if (studio->saves_fd >= 0) {
        af_loop_unwatch(studio->loop, studio->saves_fd);
        close(studio->saves_fd);
    }
    free(studio);
}
