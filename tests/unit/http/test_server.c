/* test_server.c: a real service on a real loop, asked by a thread with blocking sockets. */
#include "http/server.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "loop/loop.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define GIVE_UP_NS (60 * AF_S_NS)

struct world {
    struct af_loop *loop;
    struct af_http_server *server;
    struct sockaddr_in address;
    char folder[40];
    int begun, ended, gone, refused;
    struct af_exchange *parked[64];
    size_t parked_count;
    struct af_exchange *stream; /* that grows */
    bool is_drained;
    void (*script)(struct world *world); /* what the client does, on its thread */
    struct af_timer *give_up;
};

/* ---- The owner. ---- */

static void answer(struct af_exchange *exchange, int status, const char *text, size_t len)
{
    struct af_buf buf = AF_BUF_EMPTY;
    af_buf_append(&buf, text, len);
    af_exchange_answer(exchange, status, "text/plain", &buf);
}

static void on_begin(void *arg, struct af_exchange *exchange)
{
    struct world *world = arg;
    const char *path = af_exchange_path(exchange);
    world->begun++;
    if (strcmp(path, "/part") == 0)
        af_exchange_take_part(exchange, "files",
                              &(struct af_exchange_disk){world->folder, 100000, NULL, 0});
    else if (strcmp(path, "/no") == 0)
        answer(exchange, 403, "no", 2);
    else if (strcmp(path, "/held") != 0)
        af_exchange_take_body(exchange, 100000, NULL);
    else
        world->parked[world->parked_count++] = exchange;
}

static void unpark_all(struct world *world, const char *text)
{
    size_t count = world->parked_count;
    world->parked_count = 0;
    for (size_t i = 0; i < count; i++)
        answer(world->parked[i], 200, text, strlen(text));
}

static void let_go(struct world *world)
{
    size_t count = world->parked_count;
    world->parked_count = 0;
    for (size_t i = 0; i < count; i++)
        af_exchange_take_body(world->parked[i], 100000, NULL);
}

static void on_ready(void *arg, struct af_exchange *exchange)
{
    struct world *world = arg;
    const char *path = af_exchange_path(exchange);
    const struct af_buf *body = af_exchange_body(exchange);
    char text[256];
    if (strcmp(path, "/park") == 0) {
        world->parked[world->parked_count++] = exchange;
    } else if (strcmp(path, "/wake") == 0) {
        unpark_all(world, "awake");
        answer(exchange, 200, "woke", 4);
    } else if (strcmp(path, "/go") == 0) {
        let_go(world);
        answer(exchange, 200, "went", 4);
    } else if (strcmp(path, "/stream") == 0) {
        world->stream = exchange;
        af_exchange_stream(exchange, "text/event-stream");
        af_exchange_stream_add(exchange, "first;", 6);
    } else if (strcmp(path, "/more") == 0) {
        af_exchange_stream_add(world->stream, body->data, body->len);
        answer(exchange, 200, "more", 4);
    } else if (strcmp(path, "/end") == 0) {
        af_exchange_stream_end(world->stream);
        world->stream = NULL;
        answer(exchange, 200, "over", 4);
    } else if (strcmp(path, "/file") == 0) {
        int fd = open(world->folder, O_TMPFILE | O_RDWR, 0600);
        assert_int_equal(write(fd, "of a file", 9), 9);
        af_exchange_answer_file(exchange, fd, 9, "application/octet-stream");
    } else if (strcmp(path, "/part") == 0) {
        const struct af_exchange_part *part = af_exchange_part(exchange);
        if (part == NULL) {
            answer(exchange, 200, "none", 4);
            return;
        }
        snprintf(text, sizeof text, "%s %d %s", part->file_name, (int)part->size_bytes,
                 part->sha256);
        answer(exchange, 200, text, strlen(text));
    } else {
        const char *query = af_exchange_query(exchange, "q");
        af_exchange_add_header(exchange, "X-Query", query == NULL ? "(none)" : query);
        answer(exchange, 200, body->data == NULL ? "" : body->data, body->len);
    }
}

static void on_refused(void *arg, struct af_exchange *exchange, enum af_exchange_refusal refusal,
                       const char *why)
{
    struct world *world = arg;
    world->refused++;
    (void)refusal;
    answer(exchange, 413, why, strlen(why));
}

static void on_gone(void *arg, struct af_exchange *exchange)
{
    struct world *world = arg;
    world->gone++;
    if (world->stream == exchange) {
        world->stream = NULL;
        af_exchange_stream_end(exchange);
        return;
    }
    for (size_t i = 0; i < world->parked_count; i++)
        if (world->parked[i] == exchange)
            world->parked[i] = world->parked[--world->parked_count];
    answer(exchange, 200, "", 0);
}

static void on_end(void *arg, struct af_exchange *exchange)
{
    struct world *world = arg;
    (void)exchange;
    world->ended++;
}

/* ---- The client. ---- */

static int dial(const struct world *world)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval timeout = {20, 0};
    assert_int_equal(connect(fd, (const struct sockaddr *)&world->address, sizeof world->address),
                     0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads one answer with its Content-Length; "" when the connection is closed. */
static char *hear(int fd)
{
    static __thread char text[1 << 17];
    size_t len = 0;
    for (;;) {
        ssize_t got = recv(fd, text + len, sizeof text - 1 - len, 0);
        if (got <= 0)
            break;
        len += (size_t)got;
        text[len] = '\0';
        const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");
        if (end != NULL && length != NULL &&
            len >= (size_t)(end + 4 - text) + strtoul(length + 16, NULL, 10))
            return text;
    }
    text[len] = '\0';
    return text;
}

static void expect(int fd, const char *request, const char *status, const char *end)
{
    say(fd, request);
    char *text = hear(fd);
    if (strncmp(text + 9, status, 3) != 0 || strlen(text) < strlen(end) ||
        strcmp(text + strlen(text) - strlen(end), end) != 0)
        fail_msg("asked %.60s; expected %s … %s; got %s", request, status, end, text);
    assert_non_null(strstr(text, "X-Ours: 1"));
}

#define POST(path, len) "POST " path " HTTP/1.1\r\nHost: x\r\nContent-Length: " len "\r\n"

/* ---- Running both. ---- */

static void give_up(void *arg)
{
    (void)arg;
    fail_msg("waited in vain");
}

static void stop(void *arg)
{
    struct world *world = arg;
    af_loop_stop(world->loop);
}

static void *run_script(void *arg)
{
    struct world *world = arg;
    world->script(world);
    af_loop_post(world->loop, stop, world);
    return NULL;
}

static void play(struct world *world, void (*script)(struct world *))
{
    pthread_t thread;
    world->script = script;
    world->give_up = af_timer_start(world->loop, GIVE_UP_NS, give_up, world);
    assert_int_equal(pthread_create(&thread, NULL, run_script, world), 0);
    af_loop_run(world->loop);
    pthread_join(thread, NULL);
    af_timer_cancel(world->give_up);
}

static int set_up_with(void **state, size_t connections)
{
    struct world *world = calloc(1, sizeof *world);
    struct af_failure why = AF_FAILURE_INIT;
    assert_non_null(world);
    snprintf(world->folder, sizeof world->folder, "/tmp/test_http_XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    world->loop = af_loop_ev_new(&why);
    static const char *const headers[] = {"X-Ours", "1", NULL};
    struct af_http_server_options options = {
        .listen = "127.0.0.1:0",
        .headers = headers,
        .connections_max = connections,
        .owner = {on_begin, on_ready, on_refused, on_gone, on_end, world},
    };
    world->server = af_http_server_new(world->loop, &options, &why);
    if (world->server == NULL)
        fail_msg("%s: %s", why.what, why.why);
    const char *url = af_http_server_url(world->server);
    world->address.sin_family = AF_INET;
    world->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    world->address.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
    *state = world;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, 0);
}

static int set_up_small(void **state)
{
    return set_up_with(state, 8);
}

static int tear_down(void **state)
{
    struct world *world = *state;
    unpark_all(world, "late");
    af_http_server_free(world->server);
    assert_int_equal(world->begun, world->ended);
    assert_false(af_loop_step(world->loop)); /* it waits for nothing any more */
    af_loop_free(world->loop);
    assert_int_equal(rmdir(world->folder), 0); /* nothing was left in it */
    free(world);
    return 0;
}

/* ---- Cases. ---- */

static void ask_simple(struct world *world)
{
    int fd = dial(world);
    expect(fd, POST("/echo?q=a%20b", "5") "\r\nhello", "200", "\r\n\r\nhello");
    expect(fd, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", "200", "\r\n\r\n");
    expect(fd, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n", "200", "\r\n\r\nof a file");
    expect(fd,
           "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
           "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
           "200", "\r\n\r\nabc");
    close(fd);
}

static void test_a_body_is_answered(void **state)
{
    play(*state, ask_simple);
}

static void ask_ranges(struct world *world)
{
    static const struct {
        const char *headers, *status, *end;
    } rows[] = {
        {"Range: bytes=3-\r\n", "206", "\r\n\r\na file"},
        {"Range: bytes=8-\r\n", "206", "\r\n\r\ne"},
        {"Range: bytes=0-\r\n", "200", "\r\n\r\nof a file"},
        {"Range: bytes=9-\r\n", "200", "\r\n\r\nof a file"},
        {"Range: bytes=3-4\r\n", "200", "\r\n\r\nof a file"},
        {"Range: bytes=-3\r\n", "200", "\r\n\r\nof a file"},
        {"Range: lines=3-\r\n", "200", "\r\n\r\nof a file"},
        {"Range: bytes=000000000000000000000003-\r\n", "200", "\r\n\r\nof a file"},
        {"Range: bytes=3-\r\nIf-Range: \"a\"\r\n", "200", "\r\n\r\nof a file"},
    };
    int fd = dial(world);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char request[300];
        snprintf(request, sizeof request, "GET /file HTTP/1.1\r\nHost: x\r\n%s\r\n",
                 rows[i].headers);
        expect(fd, request, rows[i].status, rows[i].end);
    }
    say(fd, "GET /file HTTP/1.1\r\nHost: x\r\nRange: bytes=3-\r\n\r\n");
    assert_non_null(strstr(hear(fd), "Content-Range: bytes 3-8/9\r\n"));
    close(fd);
}

static void test_a_file_is_sent_from_a_byte_on(void **state)
{
    play(*state, ask_ranges);
}

static void ask_pieces(struct world *world)
{
    static const char request[] = POST("/echo?q=a%20b", "5") "\r\nhello";
    int fd = dial(world);
    for (const char *at = request; at[1] != '\0'; at++)
        assert_int_equal(send(fd, at, 1, 0), 1);
    expect(fd, request + sizeof request - 2, "200", "\r\n\r\nhello");
    close(fd);
}

static void test_a_request_may_come_in_pieces(void **state)
{
    play(*state, ask_pieces);
}

static void ask_parked(struct world *world)
{
    int fds[10], waker = dial(world);
    for (int i = 0; i < 10; i++) {
        fds[i] = dial(world);
        say(fds[i], POST("/park", "2") "\r\n{}");
    }
    expect(waker, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", "200", "");
    while (__atomic_load_n(&world->parked_count, __ATOMIC_SEQ_CST) < 10)
        usleep(1000);
    expect(waker, "GET /wake HTTP/1.1\r\nHost: x\r\n\r\n", "200", "woke");
    for (int i = 0; i < 10; i++) {
        assert_non_null(strstr(hear(fds[i]), "\r\n\r\nawake"));
        expect(fds[i], POST("/echo", "2") "\r\nhi", "200", "\r\n\r\nhi");
        close(fds[i]);
    }
    close(waker);
}

static void test_an_answer_may_come_later(void **state)
{
    play(*state, ask_parked);
}

/* Reads on until the text ends so. */
static void hear_until(int fd, char *text, size_t size, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    while (len < end_len || strcmp(text + len - end_len, end) != 0) {
        ssize_t got = recv(fd, text + len, size - 1 - len, 0);
        if (got <= 0)
            fail_msg("expected … %s; got %s", end, text);
        len += (size_t)got;
        text[len] = '\0';
    }
}

static void ask_growing(struct world *world)
{
    enum { MUCH = 90000 };
    static char text[2 * MUCH], request[MUCH + 200];
    int fd = dial(world), other = dial(world);
    text[0] = '\0';
    say(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_until(fd, text, sizeof text, "first;\r\n");
    assert_non_null(strstr(text, "Content-Type: text/event-stream"));
    expect(other, POST("/more", "7") "\r\nsecond;", "200", "more");
    hear_until(fd, text, sizeof text, "second;\r\n");
    int len = snprintf(request, sizeof request, "%s\r\n", POST("/more", "90000"));
    memset(request + len, 'm', MUCH - 1); /* more than goes into one block */
    strcpy(request + len + MUCH - 1, "!");
    expect(other, request, "200", "more");
    hear_until(fd, text, sizeof text, "m!\r\n");
    expect(other, "GET /end HTTP/1.1\r\nHost: x\r\n\r\n", "200", "over");
    hear_until(fd, text, sizeof text, "\r\n0\r\n\r\n");
    size_t count = 0;
    for (const char *at = text; *at != '\0'; at++)
        count += *at == 'm';
    assert_true(count >= MUCH - 1);
    expect(fd, POST("/echo", "2") "\r\nhi", "200", "\r\n\r\nhi"); /* the connection lives */
    close(fd);
    close(other);
}

static void test_an_answer_may_grow(void **state)
{
    struct world *world = *state;
    play(world, ask_growing);
    assert_int_equal(af_http_server_answer_bytes(world->server), 0); /* they are not held */
}

static void leave_growing(struct world *world)
{
    static char text[1000];
    int fd = dial(world);
    text[0] = '\0';
    say(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_until(fd, text, sizeof text, "first;\r\n");
    close(fd);
    while (__atomic_load_n(&world->ended, __ATOMIC_SEQ_CST) == 0)
        usleep(1000);
}

static void test_who_leaves_an_answer_that_grows_is_told(void **state)
{
    struct world *world = *state;
    play(world, leave_growing);
    assert_int_equal(world->gone, 1);
}

static void ask_held(struct world *world)
{
    int fd = dial(world), other = dial(world);
    say(fd, POST("/held", "5") "\r\nhello");
    while (__atomic_load_n(&world->parked_count, __ATOMIC_SEQ_CST) < 1)
        usleep(1000);
    expect(other, "GET /go HTTP/1.1\r\nHost: x\r\n\r\n", "200", "went");
    assert_non_null(strstr(hear(fd), "\r\n\r\nhello"));
    say(fd, POST("/held", "5") "\r\nhello");
    while (__atomic_load_n(&world->parked_count, __ATOMIC_SEQ_CST) < 1)
        usleep(1000);
    expect(other, "GET /wake HTTP/1.1\r\nHost: x\r\n\r\n", "200", "woke");
    assert_non_null(strstr(hear(fd), "\r\n\r\nawake"));
    expect(fd, POST("/echo", "2") "\r\nhi", "200", "\r\n\r\nhi");
    close(fd);
    close(other);
}

static void test_a_request_is_held_before_its_body_is_read(void **state)
{
    play(*state, ask_held);
}

static void leave_parked(struct world *world)
{
    int fd = dial(world);
    say(fd, POST("/park", "2") "\r\n{}");
    while (__atomic_load_n(&world->parked_count, __ATOMIC_SEQ_CST) < 1)
        usleep(1000);
    close(fd);
    while (__atomic_load_n(&world->ended, __ATOMIC_SEQ_CST) < 1)
        usleep(1000);
}

static void test_a_peer_that_leaves_while_it_waits_is_told(void **state)
{
    struct world *world = *state;
    play(world, leave_parked);
    assert_int_equal(world->gone, 1);
}

static void ask_refused(struct world *world)
{
    int fd = dial(world);
    expect(fd, POST("/no", "5") "\r\nhello", "403", "no");
    expect(fd, POST("/echo", "2") "\r\nhi", "200", "hi"); /* the connection lives on */
    expect(fd, POST("/no", "5") "Expect: 100-continue\r\n\r\n", "403", "no");
    assert_string_equal(hear(fd), "");
    close(fd);
    fd = dial(world);
    expect(fd, POST("/echo", "100001") "Expect: 100-continue\r\n\r\n", "413", "too large");
    close(fd);
    fd = dial(world);
    expect(fd, POST("/no", "99999999999") "\r\nbegins", "403", "no");
    assert_string_equal(hear(fd), "");
    close(fd);
}

static void test_a_refusal_arrives_and_its_body_is_not_a_request(void **state)
{
    play(*state, ask_refused);
}

static void ask_too_much(struct world *world)
{
    int fd = dial(world);
    static char chunk[20010];
    int head = snprintf(chunk, sizeof chunk, "4e20\r\n");
    memset(chunk + head, 'x', 20000);
    memcpy(chunk + head + 20000, "\r\n", 3);
    say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 10; i++)
        say(fd, chunk);
    expect(fd, "0\r\n\r\n", "413", "too large");
    say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 1000; i++)
        if (send(fd, chunk, strlen(chunk), MSG_NOSIGNAL) <= 0)
            break;
    assert_string_equal(hear(fd), ""); /* without end */
    close(fd);
    fd = dial(world);
    say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 10; i++)
        if (send(fd, chunk, strlen(chunk), MSG_NOSIGNAL) <= 0)
            break;
    char *text = hear(fd);
    assert_true(text[0] == '\0' || strncmp(text + 9, "4", 1) == 0);
    close(fd);
}

static void test_bodies_and_headers_are_bounded(void **state)
{
    play(*state, ask_too_much);
}

static void expect_part(int fd, const char *type, const char *body, const char *status,
                        const char *end)
{
    char request[1024];
    snprintf(request, sizeof request,
             "POST /part HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n%s", strlen(body),
             type, body);
    expect(fd, request, status, end);
}

#define MULTIPART "Content-Type: multipart/form-data; boundary=b\r\n"
#define FILE_HEAD "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\n"

static void ask_part(struct world *world)
{
    int fd = dial(world);
    expect_part(fd, MULTIPART, FILE_HEAD "abc\r\n--b--\r\n", "200",
                "a 3 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect_part(fd, MULTIPART, "--b--\r\n", "200", "none");
    expect_part(fd, MULTIPART, "--b\r\n\r\nx", "200", "none");
    expect_part(fd, MULTIPART, FILE_HEAD "abc\r\n--", "413", "the body ends within a part");
    expect_part(fd, MULTIPART, "--b\r\nA: b\n", "413", "does not end with CR LF");
    expect_part(fd, "", "--b--\r\n", "413", "with a boundary");
    close(fd);
    fd = dial(world); /* leaves in the middle */
    say(fd, POST("/part", "186") MULTIPART "\r\n" FILE_HEAD);
    close(fd);
    while (__atomic_load_n(&world->ended, __ATOMIC_SEQ_CST) < 7)
        usleep(1000);
}

static void test_a_part_becomes_a_file_that_does_not_stay(void **state)
{
    play(*state, ask_part);
}

static void crowd(struct world *world)
{
    int silent[30], kept = dial(world);
    expect(kept, POST("/echo", "2") "\r\nhi", "200", "hi");
    for (int i = 0; i < 30; i++) {
        silent[i] = dial(world);
        say(silent[i], "POST /ec");
    }
    int fd = dial(world);
    expect(fd, POST("/echo", "2") "\r\nhi", "200", "hi");
    expect(kept, POST("/echo", "2") "\r\nhi", "200", "hi"); /* it has asked before */
    close(fd);
    close(kept);
    for (int i = 0; i < 30; i++)
        close(silent[i]);
}

static void test_those_who_only_connect_do_not_stop_others(void **state)
{
    play(*state, crowd);
}

static void drained(void *arg)
{
    struct world *world = arg;
    world->is_drained = true;
}

static void begin_drain(void *arg)
{
    struct world *world = arg;
    af_http_server_drain(world->server, drained, world);
    assert_false(world->is_drained);
    unpark_all(world, "bye");
}

static void leave_slowly(struct world *world)
{
    int fd = dial(world), idle = dial(world);
    expect(idle, POST("/echo", "2") "\r\nhi", "200", "hi");
    say(fd, POST("/park", "2") "\r\n{}");
    while (__atomic_load_n(&world->parked_count, __ATOMIC_SEQ_CST) < 1)
        usleep(1000);
    af_loop_post(world->loop, begin_drain, world);
    char *text = hear(fd);
    assert_non_null(strstr(text, "\r\n\r\nbye"));
    assert_non_null(strstr(text, "Connection: close"));
    assert_string_equal(hear(idle), "");
    close(fd);
    close(idle);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_not_equal(
        connect(fd, (const struct sockaddr *)&world->address, sizeof world->address), 0);
    close(fd);
    while (!__atomic_load_n(&world->is_drained, __ATOMIC_SEQ_CST))
        usleep(1000);
}

static void test_it_ends_when_all_is_answered(void **state)
{
    play(*state, leave_slowly);
}

static void test_an_address_is_loopback_or_not(void **state)
{
    struct af_failure why = AF_FAILURE_INIT;
    (void)state;
    assert_int_equal(af_http_server_is_loopback("127.0.0.1:80", &why), 1);
    assert_int_equal(af_http_server_is_loopback("127.9.9.9:0", &why), 1);
    assert_int_equal(af_http_server_is_loopback("[::1]:80", &why), 1);
    assert_int_equal(af_http_server_is_loopback("0.0.0.0:80", &why), 0);
    assert_int_equal(af_http_server_is_loopback(":80", &why), 0);
    assert_int_equal(af_http_server_is_loopback("192.0.2.1:80", &why), 0);
    static const char *const wrong[] = {"127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
                                        "127.0.0.1:-1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        why = AF_FAILURE_INIT;
        assert_int_equal(af_http_server_is_loopback(wrong[i], &why), -1);
        assert_int_equal(why.kind, AF_FAILURE_USAGE);
    }
}

/* A copy of tests/data/tls/server.key: others may not read it. */
static void copy_key(const char *to)
{
    char text[1000];
    int from = open("tests/data/tls/server.key", O_RDONLY);
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
    ssize_t len = read(from, text, sizeof text);
    assert_true(len > 0 && fd >= 0);
    assert_int_equal(write(fd, text, (size_t)len), len);
    close(from);
    close(fd);
}

static void test_a_certificate_is_read_again_or_stays(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    char folder[] = "/tmp/test_http_XXXXXX", key[60];
    assert_non_null(mkdtemp(folder));
    snprintf(key, sizeof key, "%s/server.key", folder);
    copy_key(key);
    struct af_loop *loop = af_loop_ev_new(&why);
    struct af_http_server_options options = {.listen = "127.0.0.1:0",
                                             .certificate = "tests/data/tls/server.pem",
                                             .key = key,
                                             .client_ca = "tests/data/tls/ca.pem"};
    struct af_http_server *server = af_http_server_new(loop, &options, &why);
    if (server == NULL)
        fail_msg("%s: %s", why.what, why.why);
    assert_int_equal(strncmp(af_http_server_url(server), "https://", 8), 0);
    assert_false(af_http_server_tls_changed(server));
    assert_int_equal(af_http_server_tls_reload(server, &why), 0);
    assert_int_equal(chmod(key, 0644), 0);
    assert_int_equal(af_http_server_tls_reload(server, &why), -1);
    assert_non_null(strstr(why.why, "others may read"));
    assert_int_equal(chmod(key, 0600), 0);
    assert_int_equal(af_http_server_tls_reload(server, &why), 0);
    af_http_server_free(server);
    af_loop_free(loop);
    assert_int_equal(unlink(key), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_a_body_is_answered),
        CASE(test_a_file_is_sent_from_a_byte_on),
        CASE(test_a_request_may_come_in_pieces),
        CASE(test_an_answer_may_come_later),
        CASE(test_an_answer_may_grow),
        CASE(test_who_leaves_an_answer_that_grows_is_told),
        CASE(test_a_request_is_held_before_its_body_is_read),
        CASE(test_a_peer_that_leaves_while_it_waits_is_told),
        CASE(test_a_refusal_arrives_and_its_body_is_not_a_request),
        CASE(test_bodies_and_headers_are_bounded),
        CASE(test_a_part_becomes_a_file_that_does_not_stay),
        cmocka_unit_test_setup_teardown(test_those_who_only_connect_do_not_stop_others,
                                        set_up_small, tear_down),
        CASE(test_it_ends_when_all_is_answered),
        cmocka_unit_test(test_an_address_is_loopback_or_not),
        cmocka_unit_test(test_a_certificate_is_read_again_or_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
