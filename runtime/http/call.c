/* call.c: one request, from its first attempt to the telling of its end.
 *
 *   begin ── libcurl ── over ──┬── settle ── tell        answered, or beyond hope
 *     ▲                        │
 *     └── pause, or redirect ──┘                         another attempt
 *
 * Libcurl repeats a request by itself where a connection that it had kept is dead before any byte
 * of an answer; what was sent may have been handled. It asks before_sending() each time, which ends
 * it unless the caller allows it: a lost answer must not be hidden. */
#include "http/impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "http/url.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Its end. ---- */

static void wipe_headers(struct curl_slist *headers)
{
    for (struct curl_slist *header = headers; header != NULL; header = header->next)
        sodium_memzero(header->data, strlen(header->data));
    af_curl_slist_free_all(headers);
}

static void unlink_call(struct af_http_call *call)
{
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        call->client->calls = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
    af_timer_cancel(call->timer);
    af_timer_cancel(call->progress_timer);
}

static void free_call(struct af_http_call *call)
{
    af_http_source_release(&call->source);
    af_http_sink_release(&call->sink);
    wipe_headers(call->headers);
    free(call->url);
    free(call);
}

static int64_t retry_after_ns(const struct af_http_answer *answer)
{
    size_t len;
    const char *value = af_http_answer_header(answer, "Retry-After", 0, &len);
    if (value == NULL || len == 0 || len > 9 || strspn(value, "0123456789") < len)
        return 0;
    int64_t seconds = atoi(value);
    return (seconds < AF_HTTP_RETRY_AFTER_MAX_S ? seconds : AF_HTTP_RETRY_AFTER_MAX_S) * AF_S_NS;
}

static struct af_http_answer make_answer(const struct af_http_call *call)
{
    struct af_http_answer answer = {.end = call->end, .headers = af_buf_text(&call->sink.headers)};
    if (call->end == AF_HTTP_ANSWERED) {
        answer.status = call->sink.status;
        answer.body = af_buf_text(&call->sink.body);
        answer.body_len = call->sink.body.len;
        answer.bytes = call->sink.bytes;
        answer.retry_ns = retry_after_ns(&answer);
    } else {
        answer.why = call->why.why;
        answer.body = "";
    }
    return answer;
}

/* done() may free the client: the call is none of its own any more. */
static void tell(void *arg)
{
    struct af_http_call *call = arg;
    call->timer = NULL;
    struct af_http_answer answer = make_answer(call);
    af_http_source_digest(&call->source, answer.sent_sha256);
    unlink_call(call);
    call->done(call->arg, &answer);
    free_call(call);
}

/* The end is told soon, after the last progress. */
static void settle(struct af_http_call *call, enum af_http_end end)
{
    struct af_loop *loop = call->client->loop;
    call->end = end;
    if (call->progress_timer != NULL) {
        af_timer_cancel(call->progress_timer);
        call->progress_timer = af_timer_start(loop, 0, af_http_call_tell_progress, call);
    }
    assert(call->timer == NULL);
    call->timer = af_timer_start(loop, 0, tell, call);
}

static void fail(struct af_http_call *call, enum af_http_end end, const char *what,
                 const char *text)
{
    char shown[AF_HTTP_SHOWN_BYTES];
    af_http_url_show(call->url, shown);
    af_failure_set(&call->why, AF_FAILURE_TRANSPORT, shown, "%s%s%s: %s", what,
                   what[0] == '\0' ? "" : " ", shown, text);
    settle(call, end);
}

/* ---- An attempt. ---- */

static void begin(void *arg)
{
    struct af_http_call *call = arg;
    struct af_failure why = AF_FAILURE_INIT;
    int64_t left_ns = call->until_ns - af_loop_now_ns(call->client->loop);
    call->timer = NULL;
    call->sent_count = 0;
    call->source_failed = false;
    af_http_sink_clear(&call->sink);
    if (af_http_source_rewind(&call->source, &why) != 0) {
        af_failure_set(&call->why, why.kind, why.what, "%s: %s", why.what, why.why);
        settle(call, AF_HTTP_UNUSABLE);
        return;
    }
    call->easy = af_curl_easy_init();
    if (call->easy == NULL || left_ns <= 0) {
        af_curl_easy_cleanup(call->easy);
        call->easy = NULL;
        fail(call, AF_HTTP_UNREACHABLE, "no answer from", "its time is over");
        return;
    }
    call->attempts++;
    call->attempts_left--;
    af_http_call_set_up(call, left_ns);
    af_curl_multi_add_handle(call->client->multi, call->easy);
}

/* ---- What came of it. ---- */

/* Codes that another attempt would not mend. */
static bool is_beyond_hope(CURLcode code)
{
    static const CURLcode codes[] = {
        CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT,    CURLE_PEER_FAILED_VERIFICATION,
        CURLE_SSL_CERTPROBLEM,      CURLE_SSL_CIPHER,       CURLE_SSL_CACERT_BADFILE,
        CURLE_SSL_ISSUER_ERROR,     CURLE_FILESIZE_EXCEEDED};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i] == code)
            return true;
    return false;
}

static bool is_worth_another(int status)
{
    return status == 429 || status == 500 || (status >= 502 && status <= 504);
}

/* Starts another attempt after a pause, if there may be one. */
static bool try_again(struct af_http_call *call, int64_t wanted_ns)
{
    struct af_loop *loop = call->client->loop;
    int64_t pause_ns = AF_HTTP_PAUSE_MIN_NS;
    for (int i = 1; i < call->attempts && pause_ns < AF_HTTP_PAUSE_MAX_NS; i++)
        pause_ns *= 2;
    if (pause_ns > AF_HTTP_PAUSE_MAX_NS)
        pause_ns = AF_HTTP_PAUSE_MAX_NS;
    /* Between half and all of it, so that many that failed together do not come back together. */
    pause_ns =
        pause_ns / 2 + (int64_t)af_rng_below(&call->client->rng, (uint64_t)(pause_ns / 2) + 1);
    if (pause_ns < wanted_ns)
        pause_ns = wanted_ns;
    if (call->attempts_left == 0 || af_loop_now_ns(loop) + pause_ns >= call->until_ns)
        return false;
    call->timer = af_timer_start(loop, pause_ns, begin, call);
    return true;
}

/* Goes where the answer points, if that is the same origin. */
static bool redirected(struct af_http_call *call, const char *target)
{
    struct af_http_url from, to;
    int status = call->sink.status;
    if (!call->follow || call->post || target == NULL || status < 301 || status > 308 ||
        call->redirects == AF_HTTP_REDIRECTS_MAX || af_http_url_read(call->url, &from, NULL) != 0 ||
        af_http_url_read(target, &to, NULL) != 0 || !af_http_url_same_origin(&from, &to))
        return false;
    free(call->url);
    call->url = af_mem_string(target);
    call->redirects++;
    call->attempts--;
    call->attempts_left++;
    call->timer = af_timer_start(call->client->loop, 0, begin, call);
    return true;
}

/* What an earlier try has left of the file was all of it, or not of it: once more, without. */
static bool starts_over(struct af_http_call *call)
{
    if (call->sink.from_bytes == 0 || call->started_over)
        return false;
    call->started_over = true;
    af_http_sink_drop(&call->sink);
    call->attempts--;
    call->attempts_left++;
    call->timer = af_timer_start(call->client->loop, 0, begin, call);
    return true;
}

static void answered(struct af_http_call *call, const char *target)
{
    call->end = AF_HTTP_ANSWERED;
    struct af_http_answer answer = make_answer(call);
    if (redirected(call, target))
        return;
    if (is_worth_another(answer.status) && try_again(call, answer.retry_ns))
        return;
    bool is_whole = answer.status != 416 && af_http_sink_finish(&call->sink);
    if (!is_whole && starts_over(call))
        return;
    if (is_whole || answer.status == 416)
        settle(call, AF_HTTP_ANSWERED);
    else
        fail(call, AF_HTTP_UNUSABLE, "", call->sink.trouble);
}

void af_http_call_over(struct af_http_call *call, CURLcode code)
{
    char *target = NULL;
    if (code == CURLE_OK) {
        af_curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_URL, &target);
        target = target == NULL ? NULL : af_mem_string(target);
    }
    af_curl_easy_cleanup(call->easy);
    call->easy = NULL;
    if (code == CURLE_OK && !call->sink.has_header)
        code = CURLE_GOT_NOTHING; /* libcurl takes a header that was cut off for one */
    const char *text = call->error[0] != '\0' ? call->error : af_curl_easy_strerror(code);
    if (code == CURLE_OK)
        answered(call, target);
    else if (call->sink.trouble != NULL)
        fail(call, AF_HTTP_UNUSABLE, "", call->sink.trouble);
    else if (call->source_failed)
        fail(call, AF_HTTP_UNUSABLE, "", "the file that is sent cannot be read, or has changed");
    else if (code == CURLE_FILESIZE_EXCEEDED)
        fail(call, AF_HTTP_UNUSABLE, "", "it is larger than allowed");
    else if (is_beyond_hope(code))
        fail(call, AF_HTTP_UNUSABLE, "", text);
    else if (!try_again(call, 0))
        fail(call, AF_HTTP_UNREACHABLE, "no answer from",
             code == CURLE_ABORTED_BY_CALLBACK ? "the connection was closed" : text);
    free(target);
}

/* ---- Its beginning. ---- */

static void add_header(struct af_http_call *call, const char *line)
{
    struct curl_slist *headers = af_curl_slist_append(call->headers, line);
    if (headers != NULL)
        call->headers = headers;
}

static void add_headers(struct af_http_call *call, const struct af_http_request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        assert(strpbrk(request->headers[i], "\r\n") == NULL);
        add_header(call, request->headers[i]);
    }
    if (call->post)
        add_header(call, "Expect:"); /* no wait for a 100 that many servers do not send */
    if (call->source.boundary[0] != '\0') {
        char line[100];
        snprintf(line, sizeof line, "Content-Type: multipart/form-data; boundary=%s",
                 call->source.boundary);
        add_header(call, line);
    }
}

struct af_http_call *af_http_start(struct af_http_client *client,
                                   const struct af_http_request *request, af_http_done_fn *done,
                                   void *arg)
{
    struct af_http_call *call = af_mem_zero(1, sizeof *call);
    struct af_http_url parts;
    struct af_failure why = AF_FAILURE_INIT;
    assert(request->attempts >= 1 && request->attempts <= AF_HTTP_ATTEMPTS_MAX);
    assert(request->max_bytes >= 0 && request->timeout_ns >= 0 && request->attempt_ns >= 0);
    call->client = client;
    call->next = client->calls;
    if (client->calls != NULL)
        client->calls->previous = call;
    client->calls = call;
    call->post = request->post;
    call->resend = request->resend || !request->post;
    call->follow = request->follow;
    call->url = af_mem_string(request->url);
    af_http_source_init(&call->source, request, &client->rng);
    af_http_sink_init(&call->sink, request);
    add_headers(call, request);
    call->progress = request->progress;
    call->progress_arg = request->progress_arg;
    call->attempt_ns = request->attempt_ns;
    call->until_ns = af_loop_now_ns(client->loop) +
                     (request->timeout_ns > 0 ? request->timeout_ns : AF_TIME_MAX_NS);
    call->attempts_left = request->attempts;
    call->done = done;
    call->arg = arg;
    if (af_http_url_read(request->url, &parts, &why) != 0) {
        af_failure_set(&call->why, why.kind, why.what, "%s: %s", why.what, why.why);
        settle(call, AF_HTTP_UNUSABLE);
    } else {
        begin(call);
    }
    return call;
}

void af_http_cancel(struct af_http_call *call)
{
    unlink_call(call);
    if (call->easy != NULL) {
        af_curl_multi_remove_handle(call->client->multi, call->easy);
        af_curl_easy_cleanup(call->easy);
    }
    free_call(call);
}
