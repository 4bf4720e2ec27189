/* setup.c: what libcurl is told before an attempt, and what it asks of us meanwhile. */
#include "http/impl.h"

#include "base/bounds.h"
#include "loop/loop.h"
#include "base/version.h"

#include <stdio.h>

/* ---- What libcurl asks of us while it works. ---- */

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    struct af_http_call *call = arg;
    return af_http_sink_header(&call->sink, line, size * count) ? size * count : 0;
}

void af_http_call_tell_progress(void *arg)
{
    struct af_http_call *call = arg;
    call->progress_timer = NULL;
    if (call->post)
        call->progress(call->progress_arg, af_http_source_sent(&call->source),
                       call->source.middle_bytes);
    else
        call->progress(call->progress_arg, call->sink.bytes, call->sink.total_bytes);
}

static void progress_soon(struct af_http_call *call)
{
    if (call->progress != NULL && call->progress_timer == NULL)
        call->progress_timer = af_timer_start(call->client->loop, AF_HTTP_PROGRESS_NS,
                                              af_http_call_tell_progress, call);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct af_http_call *call = arg;
    if (!call->post)
        progress_soon(call);
    return af_http_sink_write(&call->sink, bytes, size * count) ? size * count : 0;
}

static size_t on_send(char *to, size_t size, size_t count, void *arg)
{
    struct af_http_call *call = arg;
    int64_t got = af_http_source_read(&call->source, to, size * count);
    if (got < 0) {
        call->source_failed = true;
        return CURL_READFUNC_ABORT;
    }
    progress_soon(call);
    return (size_t)got;
}

static int on_rewind(void *arg, curl_off_t offset, int origin)
{
    struct af_http_call *call = arg;
    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    call->source.at = 0;
    return CURL_SEEKFUNC_OK;
}

static int before_sending(void *arg, char *peer, char *own, int peer_port, int own_port)
{
    struct af_http_call *call = arg;
    (void)peer, (void)own, (void)peer_port, (void)own_port;
    call->sent_count++;
    return call->sent_count > (call->resend ? 2 : 1) ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* ---- An attempt. ---- */

static long milliseconds(int64_t ns)
{
    return (long)((ns + AF_MS_NS - 1) / AF_MS_NS);
}

static void set_limits(const struct af_http_call *call, int64_t left_ns)
{
    CURL *easy = call->easy;
    int64_t limit_ns =
        call->attempt_ns > 0 && call->attempt_ns < left_ns ? call->attempt_ns : left_ns;
    af_curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, AF_HTTP_CONNECT_S * 1000L);
    if (limit_ns < AF_TIME_MAX_NS)
        af_curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds(limit_ns));
    if (call->attempt_ns == 0) {
        af_curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        af_curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)AF_HTTP_STALL_S);
    }
    af_curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
                        (curl_off_t)(call->sink.max_bytes > AF_HTTP_ERROR_BYTES_MAX
                                         ? call->sink.max_bytes
                                         : AF_HTTP_ERROR_BYTES_MAX));
}

/* Whom we trust, who we are, and where we never go. */
static void set_safety(CURL *easy, const struct af_http_client *client)
{
    af_curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    af_curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    af_curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    af_curl_easy_setopt(easy, CURLOPT_PROXY, client->proxy == NULL ? "" : client->proxy);
    af_curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    af_curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    af_curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    af_curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (client->ca != NULL) {
        af_curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca);
        af_curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (client->certificate != NULL)
        af_curl_easy_setopt(easy, CURLOPT_SSLCERT, client->certificate);
    if (client->key != NULL)
        af_curl_easy_setopt(easy, CURLOPT_SSLKEY, client->key);
}

/* Files go in large pieces: each is a wake of ours and of the server's. */
static void set_pieces(const struct af_http_call *call)
{
    if (call->sink.path != NULL || call->sink.hash != NULL)
        af_curl_easy_setopt(call->easy, CURLOPT_BUFFERSIZE, AF_HTTP_PIECE_BYTES);
    if (call->source.hash != NULL)
        af_curl_easy_setopt(call->easy, CURLOPT_UPLOAD_BUFFERSIZE, AF_HTTP_PIECE_BYTES);
}

static void set_body(const struct af_http_call *call)
{
    CURL *easy = call->easy;
    const struct af_http_source *source = &call->source;
    if (!call->post) {
        char range[32];
        af_curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        snprintf(range, sizeof range, "%lld-", (long long)call->sink.from_bytes);
        if (call->sink.from_bytes > 0)
            af_curl_easy_setopt(easy, CURLOPT_RANGE, range);
        return;
    }
    af_curl_easy_setopt(easy, CURLOPT_POST, 1L);
    af_curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)source->total_bytes);
    if (source->boundary[0] == '\0') { /* in one piece with the header */
        af_curl_easy_setopt(easy, CURLOPT_POSTFIELDS, af_buf_text(&source->head));
        return;
    }
    af_curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send);
    af_curl_easy_setopt(easy, CURLOPT_READDATA, call);
    af_curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_rewind);
    af_curl_easy_setopt(easy, CURLOPT_SEEKDATA, call);
}

void af_http_call_set_up(struct af_http_call *call, int64_t left_ns)
{
    CURL *easy = call->easy;
    call->error[0] = '\0';
    af_curl_easy_setopt(easy, CURLOPT_URL, call->url);
    af_curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    af_curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    af_curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
    af_curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    af_curl_easy_setopt(easy, CURLOPT_USERAGENT, "afrun/" AF_VERSION);
    af_curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    af_curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    af_curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    af_curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    af_curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    af_curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_sending);
    af_curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    set_safety(easy, call->client);
    set_limits(call, left_ns);
    set_pieces(call);
    set_body(call);
}
