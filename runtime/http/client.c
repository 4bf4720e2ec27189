/* client.c: libcurl's multi interface on our loop: it names the descriptors to be watched and
 * the time of its next timer, and is told what became ready. */
#include "http/impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "http/libraries.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A descriptor of libcurl's that is watched. */
struct socket {
    struct af_http_client *client;
    int fd;
};

/* Takes the handles that are done out of the multi; whoever waits for them is called later. */
static void collect(struct af_http_client *client)
{
    CURLMsg *message;
    int left;
    while ((message = af_curl_multi_info_read(client->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;
        char *call = NULL;
        af_curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
        af_curl_multi_remove_handle(client->multi, easy); /* the message is gone by it */
        af_http_call_over((struct af_http_call *)(void *)call, code);
    }
}

static void on_event(struct af_http_client *client, curl_socket_t fd, int what)
{
    int running;
    af_curl_multi_socket_action(client->multi, fd, what, &running);
    collect(client);
}

static void on_readable(void *arg)
{
    struct socket *socket = arg; /* may be freed by it */
    on_event(socket->client, socket->fd, CURL_CSELECT_IN);
}

static void on_writable(void *arg)
{
    struct socket *socket = arg;
    on_event(socket->client, socket->fd, CURL_CSELECT_OUT);
}

static void on_due(void *arg)
{
    struct af_http_client *client = arg;
    client->timer = NULL;
    on_event(client, CURL_SOCKET_TIMEOUT, 0);
}

/* Unwatching takes both ways back, so what is still wanted is watched anew. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct af_http_client *client = arg;
    struct socket *socket = known;
    (void)easy;
    af_loop_unwatch(client->loop, fd);
    if (what == CURL_POLL_REMOVE) {
        free(socket);
        af_curl_multi_assign(client->multi, fd, NULL);
        return 0;
    }
    if (socket == NULL) {
        socket = af_mem_alloc(sizeof *socket);
        *socket = (struct socket){client, fd};
        af_curl_multi_assign(client->multi, fd, socket);
    }
    struct af_failure why = AF_FAILURE_INIT;
    if ((what & CURL_POLL_IN) != 0 &&
        af_loop_watch(client->loop, fd, false, on_readable, socket, &why) != 0)
        return -1;
    if ((what & CURL_POLL_OUT) != 0 &&
        af_loop_watch(client->loop, fd, true, on_writable, socket, &why) != 0)
        return -1;
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct af_http_client *client = arg;
    (void)multi;
    af_timer_cancel(client->timer);
    client->timer = timeout_ms < 0 ? NULL
                                   : af_timer_start(client->loop, (int64_t)timeout_ms * AF_MS_NS,
                                                    on_due, client);
    return 0;
}

static int check_file(const char *path, struct af_failure *why)
{
    if (path == NULL || access(path, R_OK) == 0)
        return 0;
    return af_failure_set(why, AF_FAILURE_USAGE, path, "cannot be read: %s", strerror(errno));
}

static char *copy(const char *text)
{
    return text == NULL ? NULL : af_mem_string(text);
}

struct af_http_client *af_http_client_new(struct af_loop *loop,
                                          const struct af_http_options *options,
                                          struct af_failure *why)
{
    if (check_file(options->ca, why) != 0 || check_file(options->certificate, why) != 0 ||
        check_file(options->key, why) != 0 || af_http_need_client(why) != 0)
        return NULL;
    CURLM *multi = af_curl_multi_init();
    if (multi == NULL) {
        af_failure_set(why, AF_FAILURE_TRANSPORT, "libcurl", "cannot be started");
        return NULL;
    }
    struct af_http_client *client = af_mem_zero(1, sizeof *client);
    client->loop = loop;
    client->multi = multi;
    client->rng = options->rng;
    client->ca = copy(options->ca);
    client->certificate = copy(options->certificate);
    client->key = copy(options->key);
    client->proxy = copy(options->proxy);
    af_curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    af_curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client);
    af_curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    af_curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client);
    return client;
}

void af_http_client_free(struct af_http_client *client)
{
    if (client == NULL)
        return;
    while (client->calls != NULL)
        af_http_cancel(client->calls);
    af_curl_multi_cleanup(client->multi); /* closes connections, so it unwatches them */
    af_timer_cancel(client->timer);
    free(client->ca);
    free(client->certificate);
    free(client->key);
    free(client->proxy);
    free(client);
}
