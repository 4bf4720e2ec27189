/* What bus.h promises, of every bus: local:FILE, http: with an `afrun serve` of this build, nats:
 * with a nats-server of the system, and two fronts of that one. Each node has a bus of its own, as
 * a process has; a service runs in a folder of its own, on a free port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "bus/bus.h"
#include "loop/loop.h"
#include "lib/descriptors.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Services. ---- */

enum kind { LOCAL, HTTP, NATS, FRONT, OTHER_FRONT, KINDS };

static char folder[64];
static int ports[KINDS];
static pid_t services[KINDS];

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static bool answers(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool ok = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return ok;
}

/* The program that was built beside this test. */
static void program(char path[4096])
{
    ssize_t len = readlink("/proc/self/exe", path, 3000);
    assert_true(len > 0);
    path[len] = '\0';
    char *unit = strstr(path, "/tests/unit/");
    assert_non_null(unit);
    memcpy(unit, "/afrun", 7);
}

static void run_service(enum kind kind)
{
    char listen_at[64], store[128], path[4096], port[16], files[128];
    char *const hub[] = {path,           "serve",          "--listen", listen_at, "--bus", store,
                         "--open-tasks", "--prefix-nodes", "--files",  files,     NULL};
    char *const nats[] = {"nats-server", "-a", "127.0.0.1", "-p", port, "-c", store, NULL};
    int out = open("/dev/null", O_RDWR);
    snprintf(listen_at, sizeof listen_at, "127.0.0.1:%d", ports[kind]);
    snprintf(port, sizeof port, "%d", ports[kind]);
    dup2(out, 1);
    dup2(out, 2);
    if (kind != NATS) {
        program(path);
        if (kind == HTTP)
            snprintf(store, sizeof store, "local:%s/hub.db", folder);
        else
            snprintf(store, sizeof store, "nats://127.0.0.1:%d", ports[NATS]);
        snprintf(files, sizeof files, "%s/files-%d", folder, kind);
        execv(path, hub);
    }
    snprintf(store, sizeof store, "%s/nats.conf", folder);
    execvp(nats[0], nats);
    _exit(127);
}

static bool start_service(enum kind kind)
{
    if (ports[kind] == 0)
        ports[kind] = free_port();
    services[kind] = fork();
    if (services[kind] == 0)
        run_service(kind);
    for (int i = 0; i < 1000 && !answers(ports[kind]); i++) {
        if (waitpid(services[kind], NULL, WNOHANG) == services[kind]) {
            services[kind] = 0;
            return false;
        }
        usleep(10000);
    }
    return true;
}

static void stop_service(enum kind kind, int signal_number)
{
    if (services[kind] > 0) {
        kill(services[kind], signal_number);
        waitpid(services[kind], NULL, 0);
    }
    services[kind] = 0;
}

static int begin(void **state)
{
    char path[128];
    (void)state;
    snprintf(folder, sizeof folder, "%s/af-buses-XXXXXX",
             getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/nats.conf", folder);
    FILE *file = fopen(path, "w");
    fprintf(file, "max_payload: 16MB\nmax_pending: 128MB\njetstream { store_dir: \"%s/js\" }\n",
            folder);
    fclose(file);
    start_service(HTTP);
    if (start_service(NATS)) {
        start_service(FRONT);
        start_service(OTHER_FRONT);
    }
    return 0;
}

static int end(void **state)
{
    char command[120];
    (void)state;
    for (int kind = KINDS - 1; kind > LOCAL; kind--)
        stop_service((enum kind)kind, SIGTERM);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* ---- A world: a task of its own; calls that are waited for. ---- */

enum { BUSES = 12 };

struct world {
    enum kind kind;
    char task[32];
    struct af_loop *loop;
    struct {
        char name[32];
        struct af_bus *bus;
    } buses[BUSES];
    int64_t queue_max;
    bool closed_tasks;
};

struct answer {
    bool there, held;
    enum af_bus_code code;
    char why[400];
    size_t count;
    char *text;       /* of items: their contents; of members: name:role; of files: the URL */
    char uuids[2000]; /* with blanks between */
    char sender[64];
};

static int cases; /* so each has a task of its own */

static int set_up(void **state, enum kind kind)
{
    struct world *world = af_mem_zero(1, sizeof *world);
    struct af_failure why = AF_FAILURE_INIT;
    world->kind = kind;
    world->loop = af_loop_ev_new(&why);
    snprintf(world->task, sizeof world->task, "task %d", ++cases); /* a blank: no token of NATS's */
    *state = world;
    return 0;
}

static int set_up_local(void **state)
{
    return set_up(state, LOCAL);
}

static int set_up_http(void **state)
{
    return set_up(state, HTTP);
}

static int set_up_nats(void **state)
{
    return set_up(state, NATS);
}

static int set_up_front(void **state)
{
    return set_up(state, FRONT);
}

static bool is_served(const struct world *world)
{
    return world->kind == HTTP || world->kind == FRONT;
}

/* A library that was loaded, and what stands for all buses, has its own from the first case on. */
static void see_that_none_is_left_open(const struct world *world)
{
    static int most[KINDS];
    int count = count_descriptors();
    if (most[world->kind] == 0)
        most[world->kind] = count;
    if (count > most[world->kind])
        fail_msg("%d descriptors are open, %d were before", count, most[world->kind]);
}

static int tear_down(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < BUSES; i++)
        af_bus_close(world->buses[i].bus);
    assert_int_equal(af_loop_next_ns(world->loop), -1); /* no timer and no post is left */
    af_loop_free(world->loop);
    see_that_none_is_left_open(world);
    free(world);
    return 0;
}

/* Not where the bus lacks it: people see which cases those are. */
static void need(const struct world *world, bool ok)
{
    if (!ok || (world->kind != LOCAL && services[world->kind] == 0))
        skip();
}

/* The bus of a node; "b2": of another process of node b. */
static struct af_bus *bus_of(struct world *world, const char *name)
{
    struct af_failure why = AF_FAILURE_INIT;
    char url[160], node[2] = {name[0], '\0'};
    struct af_bus_options options = {.node = node,
                                     .open_tasks = !world->closed_tasks,
                                     .party = true,
                                     .queue_max = world->queue_max};
    int i = 0;
    while (world->buses[i].bus != NULL && strcmp(world->buses[i].name, name) != 0)
        assert_true(++i < BUSES);
    if (world->buses[i].bus != NULL)
        return world->buses[i].bus;
    if (world->kind == LOCAL)
        snprintf(url, sizeof url, "local:%s/store.db", folder);
    else if (world->kind == HTTP)
        snprintf(url, sizeof url, "http://127.0.0.1:%d/node/%s", ports[HTTP], node);
    else if (world->kind == FRONT) /* of two processes of a node each has another one */
        snprintf(url, sizeof url, "http://127.0.0.1:%d/node/%s",
                 ports[strcmp(name, "b") == 0 ? FRONT : OTHER_FRONT], node);
    else
        snprintf(url, sizeof url, "nats://127.0.0.1:%d", ports[NATS]);
    snprintf(world->buses[i].name, sizeof world->buses[i].name, "%s", name);
    world->buses[i].bus = af_bus_open(url, world->loop, &options, &why);
    if (world->buses[i].bus == NULL)
        fail_msg("%s: %s", why.what, why.why);
    return world->buses[i].bus;
}

static void close_bus(struct world *world, const char *name)
{
    for (int i = 0; i < BUSES; i++)
        if (world->buses[i].bus != NULL && strcmp(world->buses[i].name, name) == 0) {
            af_bus_close(world->buses[i].bus);
            world->buses[i].bus = NULL;
            for (; i + 1 < BUSES; i++)
                world->buses[i] = world->buses[i + 1];
            world->buses[BUSES - 1].bus = NULL;
            return;
        }
    fail();
}

static void note(void *arg, const struct af_bus_result *result)
{
    struct answer *answer = arg;
    struct af_buf text = AF_BUF_EMPTY;
    assert_false(answer->there);
    answer->there = true;
    answer->code = result->code;
    answer->count = result->count;
    answer->held = result->held;
    snprintf(answer->why, sizeof answer->why, "%s", result->why == NULL ? "" : result->why);
    for (size_t i = 0; i < result->count && result->items != NULL; i++) {
        const struct af_bus_item *item = &result->items[i];
        assert_true(item->id > (i == 0 ? 0 : result->items[i - 1].id));
        af_buf_append(&text, item->content, item->content_len);
        if (strlen(answer->uuids) < 1900)
            snprintf(answer->uuids + strlen(answer->uuids), 100, "%s%s", i == 0 ? "" : " ",
                     item->uuid);
        if (i == 0 && item->sender != NULL)
            snprintf(answer->sender, sizeof answer->sender, "%s", item->sender);
    }
    for (size_t i = 0; i < result->count && result->uuids != NULL && i < 20; i++)
        snprintf(answer->uuids + strlen(answer->uuids), 80, "%s%s", i == 0 ? "" : " ",
                 result->uuids[i]);
    for (size_t i = 0; i < result->count && result->members != NULL; i++)
        af_buf_printf(&text, "%s%s:%s", i == 0 ? "" : " ", result->members[i].node,
                      result->members[i].role);
    if (result->text != NULL && result->bytes == NULL)
        af_buf_append(&text, result->text, result->text_len);
    if (result->bytes != NULL)
        af_buf_append(&text, result->bytes, result->bytes_len);
    answer->text = af_buf_take(&text);
}

static void wait_for(struct world *world, struct answer *answer)
{
    while (!answer->there && af_loop_step(world->loop))
        ;
    assert_true(answer->there);
}

static void stop_waiting(void *arg)
{
    *(bool *)arg = true;
}

static void let_pass(struct world *world, int64_t ns)
{
    bool over = false;
    af_timer_start(world->loop, ns, stop_waiting, &over);
    while (!over)
        af_loop_step(world->loop);
}

static void forget(struct answer *answer)
{
    free(answer->text);
    memset(answer, 0, sizeof *answer);
}

static struct answer publish(struct world *world, const char *by, const struct af_bus_post *posts,
                             size_t count)
{
    struct answer answer = {0};
    af_bus_publish(bus_of(world, by), posts, count, note, &answer);
    wait_for(world, &answer);
    return answer;
}

static struct af_bus_post post_of(struct world *world, const char *from, const char *const *to,
                                  const char *uuid, const char *content)
{
    return (struct af_bus_post){.task = world->task,
                                .channel = "federated",
                                .title = "task_inside",
                                .sender = from,
                                .uuid = uuid,
                                .targets = to,
                                .target_count = 1,
                                .content = content,
                                .content_len = strlen(content),
                                .time_s = 1234};
}

static struct answer push_of(struct world *world, const char *from, const char *to,
                             const char *uuid, const char *content)
{
    struct af_bus_post post = post_of(world, from, &to, uuid, content);
    return publish(world, from, &post, 1);
}

/* Its servers are not there yet, or again; a front says so by 503, which is FULL by HTTP. */
static bool is_away(const struct answer *answer)
{
    return answer->code == AF_BUS_UNREACHABLE ||
           (answer->code == AF_BUS_FULL && strstr(answer->why, "503") != NULL);
}

static void push(struct world *world, const char *from, const char *to, const char *uuid,
                 const char *content)
{
    struct answer answer = push_of(world, from, to, uuid, content);
    for (int i = 0; i < 50 && is_away(&answer); i++) {
        forget(&answer);
        let_pass(world, 100 * AF_MS_NS);
        answer = push_of(world, from, to, uuid, content);
    }
    if (answer.code != AF_BUS_OK)
        fail_msg("%s", answer.why);
    forget(&answer);
}

static struct af_bus_take take_of(struct world *world, const char *node, int64_t lease_ms,
                                  int64_t wait_ms, size_t max)
{
    return (struct af_bus_take){.task = world->task,
                                .channel = "federated",
                                .node = node,
                                .lease_ns = lease_ms * AF_MS_NS,
                                .wait_ns = wait_ms * AF_MS_NS,
                                .max = max};
}

static struct answer take_by(struct world *world, const char *by, const struct af_bus_take *take)
{
    struct answer answer = {0};
    af_bus_take(bus_of(world, by), take, note, &answer);
    wait_for(world, &answer);
    return answer;
}

static void expect_taken_by(struct world *world, const char *by, const struct af_bus_take *take,
                            const char *contents)
{
    struct answer answer = take_by(world, by, take);
    for (int i = 0; i < 50 && world->kind == NATS && contents[0] != '\0' &&
                    answer.code == AF_BUS_OK && answer.text[0] == '\0';
         i++) { /* a server tells its consumers of what it has confirmed a moment later */
        forget(&answer);
        let_pass(world, 20 * AF_MS_NS);
        answer = take_by(world, by, take);
    }
    if (answer.code != AF_BUS_OK)
        fail_msg("%s", answer.why);
    if (strlen(contents) > 10000 || strlen(answer.text) > 10000)
        assert_true(strcmp(answer.text, contents) == 0);
    else
        assert_string_equal(answer.text, contents);
    forget(&answer);
}

static void expect_taken(struct world *world, const struct af_bus_take *take, const char *contents)
{
    expect_taken_by(world, take->node, take, contents);
}

static void expect_acked(struct world *world, struct af_bus_take acks, const char *uuid,
                         const char *reason)
{
    struct answer answer = {0};
    acks.acks = &uuid;
    acks.reasons = reason == NULL ? NULL : &reason;
    acks.ack_count = 1;
    af_bus_ack(bus_of(world, acks.node), &acks, note, &answer);
    wait_for(world, &answer);
    if (answer.code != AF_BUS_OK)
        fail_msg("%s", answer.why);
    forget(&answer);
}

static void expect(struct answer answer, enum af_bus_code code, const char *why)
{
    if (answer.code != code || strstr(answer.why, why) == NULL)
        fail_msg("code %d: %s", answer.code, answer.why);
    forget(&answer);
}

/* ---- Contracts. ---- */

static void test_contracts_come_in_the_order_in_which_they_were_taken(void **state)
{
    struct world *world = *state;
    need(world, true);
    push(world, "a", "b", "u1", "{\"1\":0}");
    push(world, "c", "b", "u2", "{\"2\":0}");
    push(world, "a", "b", "u3", "{\"3\":0}");
    struct af_bus_take two = take_of(world, "b", 60000, 0, 2);
    expect_taken(world, &two, "{\"1\":0}{\"2\":0}");
    expect_taken(world, &two, "{\"3\":0}");
    expect_taken(world, &two, "");
}

static void test_a_contract_comes_with_all_that_it_was_pushed_with(void **state)
{
    struct world *world = *state;
    need(world, true);
    push(world, "a", "b", "u \"1\"\n", "{\"text\":\"\\u0000 ä\"}");
    struct af_bus_take take = take_of(world, "b", 60000, 0, 2);
    struct answer answer = take_by(world, "b", &take);
    assert_string_equal(answer.text, "{\"text\":\"\\u0000 ä\"}");
    assert_string_equal(answer.uuids, "u \"1\"\n");
    assert_string_equal(answer.sender, "a");
    forget(&answer);
}

static void test_a_take_that_consumes_has_each_once(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take all = take_of(world, "b", 0, 0, 10);
    push(world, "a", "b", "u1", "{\"1\":0}");
    push(world, "a", "b", "u2", "{\"2\":0}");
    expect_taken(world, &all, "{\"1\":0}{\"2\":0}");
    expect_taken(world, &all, "");
    push(world, "a", "b", "u3", "{\"3\":0}");
    expect_taken(world, &all, "{\"3\":0}");
}

static void test_a_uuid_that_is_pushed_again_changes_nothing(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take all = take_of(world, "b", 0, 0, 10);
    push(world, "a", "b", "u1", "{\"1\":0}");
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &all, "{\"1\":0}");
    push(world, "a", "b", "u1", "{\"1\":0}"); /* remembered though it was consumed */
    expect_taken(world, &all, "");
    push(world, "c", "b", "u1", "{\"c\":0}"); /* of another sender it is another */
    expect_taken(world, &all, "{\"c\":0}");
}

static void test_a_push_of_many_is_kept_whole_or_not_at_all(void **state)
{
    struct world *world = *state;
    need(world, true);
    const char *b = "b", *star_among[] = {"b", "*"};
    struct af_bus_post posts[2] = {post_of(world, "a", &b, "u1", "{\"1\":0}"),
                                   post_of(world, "a", star_among, "u2", "{\"2\":0}")};
    struct af_bus_take all = take_of(world, "b", 0, 0, 10);
    posts[1].target_count = 2;
    push(world, "a", "b", "first", "{}"); /* so that it is known that the service takes many */
    expect_taken(world, &all, "{}");
    expect(publish(world, "a", posts, 2), AF_BUS_INVALID, "");
    expect_taken(world, &all, "");
    posts[1].targets = &b;
    posts[1].target_count = 1;
    struct answer answer = publish(world, "a", posts, 2);
    assert_int_equal(answer.code, AF_BUS_OK);
    assert_string_equal(answer.uuids, "u1 u2");
    forget(&answer);
    expect_taken(world, &all, "{\"1\":0}{\"2\":0}");
}

static void test_the_bus_chooses_a_uuid_where_the_sender_has_none(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct answer first = push_of(world, "a", "b", NULL, "{\"1\":0}");
    struct answer second = push_of(world, "a", "b", NULL, "{\"1\":0}");
    assert_true(strlen(first.uuids) >= 32);
    assert_string_not_equal(first.uuids, second.uuids);
    forget(&first);
    forget(&second);
    struct af_bus_take all = take_of(world, "b", 0, 0, 10);
    expect_taken(world, &all, "{\"1\":0}{\"1\":0}");
}

static void test_a_target_that_is_named_twice_gets_one(void **state)
{
    struct world *world = *state;
    need(world, true);
    const char *targets[] = {"b", "c", "b"};
    struct af_bus_post post = post_of(world, "a", targets, "u1", "{\"1\":0}");
    post.target_count = 3;
    struct answer answer = publish(world, "a", &post, 1);
    assert_int_equal(answer.code, AF_BUS_OK);
    forget(&answer);
    struct af_bus_take b = take_of(world, "b", 0, 0, 10), c = take_of(world, "c", 0, 0, 10);
    expect_taken(world, &b, "{\"1\":0}");
    expect_taken(world, &c, "{\"1\":0}");
}

static void test_a_broadcast_reaches_its_sender_and_nodes_that_join_later(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take a = take_of(world, "a", 0, 0, 10), b = take_of(world, "b", 0, 0, 10);
    struct af_bus_take late = take_of(world, "l", 0, 0, 10);
    expect_taken(world, &b, "");
    push(world, "a", "*", "u1", "{\"all\":0}");
    push(world, "a", "*", "u2", "{\"all\":1}");
    expect_taken(world, &a, "{\"all\":0}{\"all\":1}");
    expect_taken(world, &b, "{\"all\":0}{\"all\":1}");
    expect_taken(world, &late, "{\"all\":0}{\"all\":1}");
    expect_taken(world, &late, "");
}

/* One that is named in a contract before it comes gets all in the order of its sender. */
static void test_broadcasts_keep_their_place_among_what_their_sender_sends(void **state)
{
    struct world *world = *state;
    need(world, true);
    push(world, "a", "*", "u1", "{\"all\":1}");
    push(world, "a", "l", "u2", "{\"one\":2}");
    push(world, "a", "*", "u3", "{\"all\":3}");
    push(world, "a", "l", "u4", "{\"one\":4}");
    struct af_bus_take late = take_of(world, "l", 60000, 0, 10);
    const char *const uuids[] = {"u1", "u2", "u3", "u4"};
    struct af_buf all = AF_BUF_EMPTY;
    for (int i = 0; i < 6 && all.len < 4 * 9; i++) {
        struct answer answer = take_by(world, "l", &late);
        assert_int_equal(answer.code, AF_BUS_OK);
        af_buf_append_string(&all, answer.text);
        forget(&answer);
    }
    assert_string_equal(af_buf_text(&all), "{\"all\":1}{\"one\":2}{\"all\":3}{\"one\":4}");
    af_buf_release(&all);
    late.acks = uuids;
    late.ack_count = 4;
    expect_taken(world, &late, "");
    late.ack_count = 0;
    late.again = true;
    expect_taken(world, &late, ""); /* none of them for ever */
}

static void test_tasks_and_channels_have_queues_of_their_own(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take other_channel = take_of(world, "b", 60000, 0, 10), other_task;
    other_task = other_channel;
    other_channel.channel = "automl";
    other_task.task = "t2";
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &other_channel, "");
    expect_taken(world, &other_task, "");
    struct af_bus_take right = take_of(world, "b", 60000, 0, 10);
    expect_taken(world, &right, "{\"1\":0}");
}

/* A content of so many bytes, and of so many levels. */
static char *content_of(size_t bytes, size_t levels)
{
    struct af_buf text = AF_BUF_EMPTY;
    for (size_t i = 0; i < levels; i++)
        af_buf_append_string(&text, i + 1 < levels ? "{\"x\":" : "{\"s\":\"");
    while (text.len + levels + 1 < bytes)
        af_buf_append_char(&text, 's');
    af_buf_append_char(&text, '"');
    for (size_t i = 0; i < levels; i++)
        af_buf_append_char(&text, '}');
    return af_buf_take(&text);
}

static void test_what_is_too_large_is_refused_and_the_largest_comes(void **state)
{
    struct world *world = *state;
    need(world, true);
    char *unfit = content_of(AF_BUS_CONTENT_BYTES_MAX + 1, 1);
    char *deep = content_of(0, AF_VALUE_DEPTH_MAX + 1);
    char *largest = content_of(AF_BUS_CONTENT_BYTES_MAX, AF_VALUE_DEPTH_MAX);
    struct af_bus_take take = take_of(world, "b", 60000, 0, 10);
    push(world, "a", "b", "u1", "{}");
    expect(push_of(world, "a", "b", "u2", unfit), AF_BUS_INVALID, "");
    expect(push_of(world, "a", "b", "u3", deep), AF_BUS_INVALID, "");
    push(world, "a", "b", "u4", largest);
    expect_taken(world, &take, "{}");
    expect_taken(world, &take, largest);
    free(unfit);
    free(deep);
    free(largest);
}

static void test_a_take_hands_out_no_more_than_goes_into_one_answer(void **state)
{
    struct world *world = *state;
    need(world, true);
    char *first = content_of(AF_BUS_TAKE_BYTES - 2000, 1);
    struct af_bus_take take = take_of(world, "b", 60000, 0, 10);
    push(world, "a", "b", "u1", first);
    push(world, "a", "b", "u2", first);
    push(world, "a", "b", "u3", "{\"3\":0}");
    expect_taken(world, &take, first);
    struct answer answer = take_by(world, "b", &take);
    assert_true(answer.count >= 1 && strncmp(answer.uuids, "u2", 2) == 0);
    size_t count = answer.count;
    forget(&answer);
    expect_taken(world, &take, count == 1 ? "{\"3\":0}" : "");
    free(first);
}

/* ---- Leases. ---- */

static void test_what_is_leased_and_not_acknowledged_comes_again_in_the_old_order(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take take = take_of(world, "b", 2000, 0, 2);
    push(world, "a", "b", "u1", "{\"1\":0}");
    push(world, "a", "b", "u2", "{\"2\":0}");
    push(world, "a", "b", "u3", "{\"3\":0}");
    expect_taken(world, &take, "{\"1\":0}{\"2\":0}");
    expect_taken(world, &take, "{\"3\":0}");
    expect_taken(world, &take, "");
    expect_acked(world, take, "u2", NULL);
    push(world, "a", "b", "u4", "{\"4\":0}");
    let_pass(world, 2500 * AF_MS_NS);
    expect_taken(world, &take, "{\"1\":0}{\"3\":0}");
    expect_taken(world, &take, "{\"4\":0}");
}

static void test_acknowledged_contracts_are_gone(void **state)
{
    struct world *world = *state;
    need(world, true);
    const char *acks[] = {"u1", "u2", "of nobody"};
    struct af_bus_take take = take_of(world, "b", 60000, 0, 10);
    push(world, "a", "b", "u1", "{\"1\":0}");
    push(world, "a", "b", "u2", "{\"2\":0}");
    push(world, "a", "b", "u3", "{\"3\":0}");
    expect_taken(world, &take, "{\"1\":0}{\"2\":0}{\"3\":0}");
    take.acks = acks;
    take.ack_count = 3;
    expect_taken(world, &take, "");
    take.ack_count = 0;
    take.again = true;
    expect_taken(world, &take, "{\"3\":0}");
}

static void test_a_holder_that_lost_an_answer_asks_for_it_again(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take take = take_of(world, "b", 60000, 0, 10);
    push(world, "a", "b", "u1", "{\"1\":0}");
    push(world, "a", "*", "u2", "{\"2\":0}");
    expect_taken(world, &take, "{\"1\":0}{\"2\":0}");
    expect_taken(world, &take, "");
    take.again = true;
    expect_taken(world, &take, "{\"1\":0}{\"2\":0}");
}

static void test_one_holder_at_a_time_has_leases(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take first = take_of(world, "b", 3000, 0, 10), second = first;
    first.holder = "one";
    second.holder = "two";
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &first, "{\"1\":0}");
    struct answer answer = take_by(world, "b2", &second);
    assert_int_equal(answer.code, AF_BUS_OK);
    assert_int_equal(answer.count, 0);
    assert_true(answer.held);
    forget(&answer);
    second.wait_ns = 20 * AF_S_NS; /* the first does not come back */
    for (int i = 0; i < 10 && answer.count == 0; i++) {
        forget(&answer);
        answer = take_by(world, "b2", &second);
        assert_int_equal(answer.code, AF_BUS_OK);
        assert_true(answer.count == 1 || answer.held);
    }
    assert_string_equal(answer.text, "{\"1\":0}");
    forget(&answer);
}

static void test_what_is_given_back_is_anothers_at_once(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take first = take_of(world, "b", 60000, 0, 10), second = first;
    struct answer answer = {0};
    first.holder = "one";
    second.holder = "two";
    push(world, "a", "b", "u1", "{\"1\":0}");
    push(world, "a", "b", "u2", "{\"2\":0}");
    expect_taken(world, &first, "{\"1\":0}{\"2\":0}");
    first.release = true;
    first.acks = (const char *const[]){"u1"};
    first.ack_count = 1;
    af_bus_ack(bus_of(world, "b"), &first, note, &answer);
    wait_for(world, &answer);
    expect(answer, AF_BUS_OK, "");
    expect_taken_by(world, "b2", &second, "{\"2\":0}");
}

static void test_of_two_starts_of_one_party_the_last_has_all(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take first = take_of(world, "b", 60000, 0, 10), second = first;
    first.holder = "party@1";
    second.holder = "party@2";
    first.begins = second.begins = true;
    first.mark = second.mark = 3;
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &first, "{\"1\":0}");
    expect_taken_by(world, "b2", &second, "{\"1\":0}");
    first.begins = false;
    first.acks = (const char *const[]){"u1"};
    first.ack_count = 1;
    struct answer answer = {0};
    if (world->kind == NATS) /* it learns of it by itself: when it renews, or soon after */
        let_pass(world, 100 * AF_MS_NS);
    first.wait_ns = 0;
    for (int i = 0; i < 40 && answer.code == AF_BUS_OK; i++) {
        forget(&answer);
        answer = take_by(world, "b", &first);
        if (answer.code == AF_BUS_OK)
            let_pass(world, AF_S_NS);
    }
    expect(answer, AF_BUS_INVALID, "another process goes on");
}

static void test_a_holder_that_is_older_than_it_was_is_refused(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take first = take_of(world, "b", 60000, 0, 10), second = first;
    first.holder = "party@1";
    second.holder = "party@2";
    first.begins = second.begins = true;
    first.mark = 3;
    push(world, "a", "b", "u1", "{\"1\":0}");
    push(world, "a", "b", "u2", "{\"2\":0}");
    expect_taken(world, &first, "{\"1\":0}{\"2\":0}");
    first.begins = false;
    first.mark = 7;
    expect_acked(world, first, "u1", NULL);
    second.mark = 6;
    expect(take_by(world, "b2", &second), AF_BUS_INVALID, "goes on from step 6, and was at 7");
    second.mark = 7;
    expect_taken_by(world, "b2", &second, "{\"2\":0}");
}

static void test_a_waiting_take_keeps_its_leases(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take take = take_of(world, "b", 3000, 0, 1);
    struct answer waited = {0};
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &take, "{\"1\":0}");
    take.wait_ns = 5 * AF_S_NS;
    af_bus_take(bus_of(world, "b"), &take, note, &waited);
    wait_for(world, &waited);
    assert_int_equal(waited.code, AF_BUS_OK);
    assert_int_equal(waited.count, 0);
    forget(&waited);
    expect_acked(world, take, "u1", NULL);
    take.wait_ns = 0;
    take.again = true;
    expect_taken(world, &take, "");
}

static void test_a_take_that_waits_is_given_what_comes(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take take = take_of(world, "b", 60000, 30000, 10);
    struct answer answer = {0};
    af_bus_take(bus_of(world, "b"), &take, note, &answer);
    let_pass(world, 100 * AF_MS_NS);
    assert_false(answer.there);
    int64_t began_ns = af_loop_now_ns(world->loop);
    push(world, "a", "b", "u1", "{\"1\":0}");
    wait_for(world, &answer);
    assert_string_equal(answer.text, "{\"1\":0}");
    assert_true(af_loop_now_ns(world->loop) - began_ns < 2 * AF_S_NS);
    forget(&answer);
}

static void test_a_wait_ends_with_nothing_in_its_time(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take take = take_of(world, "b", 60000, 1000, 10);
    int64_t began_ns = af_loop_now_ns(world->loop);
    expect_taken(world, &take, "");
    int64_t took_ns = af_loop_now_ns(world->loop) - began_ns;
    assert_in_range(took_ns / AF_MS_NS, 990, 4000);
}

static void test_a_wait_is_cancelled_and_a_closed_bus_cancels_all(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take take = take_of(world, "b", 60000, 30000, 10);
    struct answer cancelled = {0}, closed = {0};
    push(world, "a", "c", "u1", "{}");
    uint64_t ticket = af_bus_take(bus_of(world, "b"), &take, note, &cancelled);
    let_pass(world, 100 * AF_MS_NS);
    af_bus_cancel(bus_of(world, "b"), ticket);
    wait_for(world, &cancelled);
    assert_int_equal(cancelled.code, AF_BUS_CANCELLED);
    af_bus_take(bus_of(world, "b"), &take, note, &closed);
    af_bus_cancel(bus_of(world, "b"), ticket); /* an old ticket is ignored */
    let_pass(world, 100 * AF_MS_NS);
    assert_false(closed.there);
    close_bus(world, "b");
    assert_int_equal(closed.code, AF_BUS_CANCELLED);
    forget(&cancelled);
    forget(&closed);
}

static void test_what_was_confirmed_is_there_after_opening_again(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take take = take_of(world, "b", 60000, 0, 10);
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &take, "{\"1\":0}");
    close_bus(world, "a");
    close_bus(world, "b");
    push(world, "a", "b", "u2", "{\"2\":0}");
    take.again = true;
    expect_taken(world, &take, "{\"1\":0}{\"2\":0}");
}

static void test_what_cannot_be_read_is_a_dead_letter_until_it_is_revived(void **state)
{
    struct world *world = *state;
    need(world, true);
    struct af_bus_take take = take_of(world, "b", 60000, 0, 10), which = take;
    struct answer answer = {0};
    push(world, "a", "b", "u1", "{\"1\":0}");
    push(world, "a", "b", "u2", "{\"2\":0}");
    expect_taken(world, &take, "{\"1\":0}{\"2\":0}");
    expect_acked(world, take, "u1", "I cannot read it");
    take.again = true;
    expect_taken(world, &take, "{\"2\":0}");
    take.again = false;
    which.acks = (const char *const[]){"u1"};
    which.ack_count = 1;
    af_bus_revive(bus_of(world, "b"), &which, note, &answer);
    wait_for(world, &answer);
    assert_int_equal(answer.code, AF_BUS_OK);
    assert_int_equal(answer.count, 1);
    forget(&answer);
    take.again = true;
    answer = take_by(world, "b", &take);
    assert_non_null(strstr(answer.text, "{\"1\":0}"));
    assert_non_null(strstr(answer.text, "{\"2\":0}"));
    assert_string_equal(answer.sender, "a");
    forget(&answer);
}

/* ---- Tasks. ---- */

static struct answer members_by(struct world *world, const char *by,
                                const struct af_bus_member *asker)
{
    struct answer answer = {0};
    af_bus_members(bus_of(world, by), world->task, asker, note, &answer);
    wait_for(world, &answer);
    return answer;
}

static void test_members_are_listed_in_their_order_with_their_roles(void **state)
{
    struct world *world = *state;
    need(world, true);
    const struct af_bus_member asker = {"b", "client", 2}, again = {"b", "server", 2};
    push(world, "a", "b", "u1", "{}");
    struct answer answer = members_by(world, "b", &asker);
    assert_int_equal(answer.code, AF_BUS_OK);
    assert_string_equal(answer.text, "a: b:client");
    forget(&answer);
    answer = members_by(world, "b", &again); /* the first role stays */
    assert_string_equal(answer.text, "a: b:client");
    forget(&answer);
}

static void make_task(struct world *world)
{
    const struct af_bus_member members[] = {{"a", "initiator", 1}, {"b", "participant", 2}};
    struct af_bus_task task = {.task = world->task, .members = members, .member_count = 2};
    struct answer answer = {0};
    world->closed_tasks = true;
    af_bus_create_task(bus_of(world, "m"), &task, note, &answer);
    wait_for(world, &answer);
    expect(answer, AF_BUS_OK, "");
}

static void test_a_node_outside_of_a_task_can_do_nothing_to_it(void **state)
{
    struct world *world = *state;
    need(world, !is_served(world)); /* who makes tasks has a door of its own there */
    make_task(world);
    struct af_bus_take take = take_of(world, "x", 60000, 0, 1);
    expect(push_of(world, "x", "b", "u1", "{}"), AF_BUS_NOT_MEMBER, "'x' is no node of task");
    expect(push_of(world, "a", "x", "u2", "{}"), AF_BUS_INVALID, "the target 'x' is no node");
    expect(take_by(world, "x", &take), AF_BUS_NOT_MEMBER, "'x' is no node of task");
    expect(members_by(world, "x", &(struct af_bus_member){"x", NULL, 0}), AF_BUS_NOT_MEMBER,
           "'x' is no node of task");
    push(world, "a", "b", "u3", "{\"3\":0}");
    take.node = "b";
    expect_taken(world, &take, "{\"3\":0}");
    snprintf(world->task, sizeof world->task, "not there %d", cases);
    expect(push_of(world, "a", "b", "u4", "{}"), AF_BUS_NO_TASK, "there is no task");
}

static struct answer end_task(struct world *world)
{
    struct answer answer = {0};
    af_bus_end_task(bus_of(world, "m"), world->task, note, &answer);
    wait_for(world, &answer);
    return answer;
}

static struct answer put_text(struct world *world, const char *node, const char *text, bool durable)
{
    struct answer answer = {0};
    struct af_bus_file file = {.task = world->task,
                               .node = node,
                               .name = "x/model.ZIP",
                               .bytes = text,
                               .bytes_len = strlen(text),
                               .durable = durable};
    af_bus_put_file(bus_of(world, node), &file, note, &answer);
    wait_for(world, &answer);
    return answer;
}

static void test_an_ended_task_takes_nothing_more(void **state)
{
    struct world *world = *state;
    need(world, !is_served(world));
    struct answer waits = {0}, file;
    make_task(world);
    struct af_bus_take take = take_of(world, "b", 60000, 0, 1);
    push(world, "a", "b", "u1", "{}");
    expect_taken(world, &take, "{}");
    file = put_text(world, "a", "text", false);
    assert_int_equal(file.code, AF_BUS_OK);
    forget(&file);
    take.wait_ns = 20 * AF_S_NS;
    af_bus_take(bus_of(world, "b"), &take, note, &waits);
    let_pass(world, 100 * AF_MS_NS);
    expect(end_task(world), AF_BUS_OK, "");
    expect(end_task(world), AF_BUS_OK, ""); /* twice is once */
    if (world->kind == NATS) {              /* who waits is told */
        wait_for(world, &waits);
        expect(waits, AF_BUS_NO_TASK, "has ended");
        waits.text = NULL;
    }
    expect(push_of(world, "a", "b", "u2", "{}"), AF_BUS_NO_TASK, "has ended");
    take.wait_ns = 0;
    expect(take_by(world, "b", &take), AF_BUS_NO_TASK, "has ended");
    expect(put_text(world, "a", "text", false), AF_BUS_NO_TASK, "has ended");
    struct af_bus_task again = {.task = world->task};
    struct answer answer = {0};
    af_bus_create_task(bus_of(world, "m"), &again, note, &answer);
    wait_for(world, &answer);
    expect(answer, AF_BUS_NO_TASK, "has ended; its name stays taken");
    close_bus(world, "b");
    free(waits.text);
}

static void test_a_full_queue_is_an_error_to_who_pushes(void **state)
{
    struct world *world = *state;
    need(world, !is_served(world));
    struct af_bus_take take = take_of(world, "b", 60000, 0, 1);
    world->queue_max = 3;
    for (int i = 0; i < 3; i++)
        push(world, "a", "b", NULL, "{}");
    expect(push_of(world, "a", "b", "u4", "{\"4\":0}"), AF_BUS_FULL, "the queue of 'b' is full");
    push(world, "a", "c", "u5", "{}");
    struct answer first = take_by(world, "b", &take);
    assert_int_equal(first.count, 1);
    expect_acked(world, take, first.uuids, NULL);
    forget(&first);
    push(world, "a", "b", "u4", "{\"4\":0}");
}

static void test_status_tells_sizes_and_names_but_no_contents(void **state)
{
    struct world *world = *state;
    need(world, !is_served(world));
    struct af_bus_take take = take_of(world, "b", 60000, 0, 1);
    struct answer answer = {0};
    push(world, "a", "b", "u1", "{\"secret\":0}");
    push(world, "a", "b", "u2", "{\"secret\":0}");
    expect_taken(world, &take, "{\"secret\":0}");
    expect_acked(world, take, "u1", "a reason");
    struct af_bus_note progress = {
        .kind = AF_BUS_NOTE_PROGRESS, .task = world->task, .node = "b", .number = 42};
    struct af_bus_note result = {.kind = AF_BUS_NOTE_RESULT,
                                 .task = world->task,
                                 .node = "a",
                                 .text = "model",
                                 .url = "x:y"};
    af_bus_tell(bus_of(world, "b"), &progress, note, &answer);
    wait_for(world, &answer);
    expect(answer, AF_BUS_OK, "");
    answer = (struct answer){0};
    af_bus_tell(bus_of(world, "a"), &result, note, &answer);
    wait_for(world, &answer);
    expect(answer, AF_BUS_OK, "");
    answer = (struct answer){0};
    af_bus_status(bus_of(world, "m"), world->task, note, &answer);
    wait_for(world, &answer);
    assert_int_equal(answer.code, AF_BUS_OK);
    static const char *const parts[] = {
        "\"task_id\":\"task ",       "\"progress\":42",         "\"length\":1",
        "\"channel\":\"federated\"", "\"reason\":\"a reason\"", "\"message_uuid\":\"u1\"",
        "\"sender_id\":\"a\"",       "\"kind\":\"result\"",     "\"url\":\"x:y\""};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strstr(answer.text, parts[i]) == NULL)
            fail_msg("%s is not in %s", parts[i], answer.text);
    assert_null(strstr(answer.text, "secret"));
    forget(&answer);
}

/* ---- Files. ---- */

static struct answer fetch(struct world *world, const char *node, const char *url, const char *path,
                           int64_t max_bytes)
{
    struct answer answer = {0};
    struct af_bus_fetch wanted = {
        .task = world->task, .node = node, .url = url, .path = path, .max_bytes = max_bytes};
    af_bus_get_file(bus_of(world, node), &wanted, note, &answer);
    wait_for(world, &answer);
    return answer;
}

/* A thread that is made while `hurried` is set has done its work, and has been told of, before who
 * made it is told that there is one: so it is where a machine has much to do. */
static atomic_bool hurried;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *arg)
{
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = NULL;
    void *symbol = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&create, &symbol, sizeof create);
    int status = create(thread, attributes, run, arg);
    for (int i = 0; i < 5000 && atomic_load(&hurried); i++)
        usleep(1000);
    return status;
}

static void test_a_call_that_is_over_at_once_is_let_go(void **state)
{
    struct world *world = *state;
    struct answer first = {0}, second = {0};
    need(world, world->kind == NATS); /* has a thread for each file */
    push(world, "a", "b", "u1", "{}");
    struct af_bus_file file = {
        .task = world->task, .node = "a", .name = "x", .bytes = "text", .bytes_len = 4};
    atomic_store(&hurried, true);
    af_bus_put_file(bus_of(world, "a"), &file, note, &first);
    wait_for(world, &first);
    assert_int_equal(first.code, AF_BUS_OK);
    struct af_bus_take take = take_of(world, "a", 60000, 0, 1);
    af_bus_ack(bus_of(world, "a"), &take, note, &second); /* it may be where the first one was */
    atomic_store(&hurried, false);
    wait_for(world, &second);
    assert_int_equal(second.code, AF_BUS_OK);
    forget(&first);
    forget(&second);
}

static void test_a_file_comes_back_to_the_nodes_of_its_task(void **state)
{
    struct world *world = *state;
    need(world, true);
    push(world, "a", "b", "u1", "{}");
    struct answer kept = put_text(world, "a", "the text", false);
    if (kept.code != AF_BUS_OK)
        fail_msg("%s", kept.why);
    struct answer twice = put_text(world, "a", "the text", false);
    assert_string_equal(twice.text, kept.text);
    forget(&twice);
    assert_true(strlen(kept.text) > 68 && strcmp(kept.text + strlen(kept.text) - 4, ".zip") == 0);
    struct answer answer = fetch(world, "b", kept.text, NULL, 100);
    if (answer.code != AF_BUS_OK)
        fail_msg("%s", answer.why);
    assert_string_equal(answer.text, "the text");
    forget(&answer);
    answer = fetch(world, "b", kept.text, NULL, 3);
    assert_int_not_equal(answer.code, AF_BUS_OK);
    forget(&answer);
    forget(&kept);
}

static void test_a_file_is_written_whole_with_the_owners_mode(void **state)
{
    struct world *world = *state;
    need(world, true);
    char from[128], to[128], first[65], second[65];
    size_t len = 3000001;
    unsigned char *bytes = af_mem_alloc(len);
    struct answer kept = {0};
    struct stat info;
    randombytes_buf(bytes, len);
    snprintf(from, sizeof from, "%s/from.bin", folder);
    snprintf(to, sizeof to, "%s/to.bin", folder);
    FILE *file = fopen(from, "w");
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
    push(world, "a", "b", "u1", "{}");
    struct af_bus_file wanted = {.task = world->task, .node = "a", .path = from};
    af_bus_put_file(bus_of(world, "a"), &wanted, note, &kept);
    wait_for(world, &kept);
    if (kept.code != AF_BUS_OK)
        fail_msg("%s", kept.why);
    expect(fetch(world, "b", kept.text, to, 10000000), AF_BUS_OK, "");
    assert_int_equal(stat(to, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_size, len);
    af_sha256_of(bytes, len, first);
    file = fopen(to, "r");
    assert_int_equal(fread(bytes, 1, len, file), len);
    fclose(file);
    af_sha256_of(bytes, len, second);
    assert_string_equal(first, second);
    unlink(to);
    free(bytes);
    forget(&kept);
}

static void test_urls_and_files_that_are_not_there_are_refused(void **state)
{
    struct world *world = *state;
    need(world, !is_served(world));
    char url[200];
    push(world, "a", "b", "u1", "{}");
    snprintf(url, sizeof url, "%stask%%20%d/%064d", af_bus_files(bus_of(world, "a")), cases, 7);
    expect(fetch(world, "a", url, NULL, 10), AF_BUS_INVALID, "there is no such file");
    expect(fetch(world, "a", "ftp://x/y", NULL, 10), AF_BUS_INVALID, "is no URL of this bus");
    struct answer answer = {0};
    struct af_bus_file wanted = {.task = world->task, .node = "a", .path = "/nonexistent"};
    af_bus_put_file(bus_of(world, "a"), &wanted, note, &answer);
    wait_for(world, &answer);
    expect(answer, AF_BUS_INVALID, "'/nonexistent' cannot be read: No such file");
}

static void test_a_durable_file_outlives_its_task_elsewhere(void **state)
{
    struct world *world = *state;
    need(world, world->kind == NATS);
    push(world, "a", "b", "u1", "{}");
    struct answer kept = put_text(world, "a", "durable", true);
    assert_int_equal(kept.code, AF_BUS_OK);
    struct answer answer = fetch(world, "b", kept.text, NULL, 100);
    assert_string_equal(answer.text, "durable");
    forget(&answer);
    forget(&kept);
}

/* ---- What goes wrong. ---- */

/* What the service hands out when it is there again. */
static void expect_taken_soon(struct world *world, const struct af_bus_take *take,
                              const char *contents)
{
    struct answer answer = take_by(world, take->node, take);
    for (int i = 0; i < 100 && is_away(&answer); i++) {
        forget(&answer);
        let_pass(world, 100 * AF_MS_NS);
        answer = take_by(world, take->node, take);
    }
    assert_int_equal(answer.code, AF_BUS_OK);
    assert_string_equal(answer.text, contents);
    forget(&answer);
}

static void test_a_service_that_dies_loses_nothing_that_was_confirmed(void **state)
{
    struct world *world = *state;
    need(world, world->kind != LOCAL);
    struct af_bus_take take = take_of(world, "b", 60000, 0, 10);
    struct answer waits = {0};
    push(world, "a", "b", "u1", "{\"1\":0}");
    push(world, "a", "b", "u2", "{\"2\":0}");
    take.max = 1;
    expect_taken_soon(world, &take, "{\"1\":0}"); /* a front may look for its server still */
    take.max = 10;
    stop_service(world->kind, SIGKILL);
    if (world->kind == FRONT)
        stop_service(OTHER_FRONT, SIGKILL);
    int64_t began_ns = af_loop_now_ns(world->loop);
    expect(push_of(world, "a", "b", "u3", "{\"3\":0}"), AF_BUS_UNREACHABLE, "");
    take.wait_ns = 5 * AF_S_NS;
    waits = take_by(world, "b", &take);
    assert_int_equal(waits.code, AF_BUS_UNREACHABLE);
    forget(&waits);
    assert_true(af_loop_now_ns(world->loop) - began_ns < 60 * AF_S_NS);
    assert_true(start_service(world->kind));
    assert_true(world->kind != FRONT || start_service(OTHER_FRONT));
    struct answer pushed = {0};
    for (int i = 0; i < 100; i++) {
        forget(&pushed);
        pushed = push_of(world, "a", "b", "u3", "{\"3\":0}");
        if (pushed.code == AF_BUS_OK)
            break;
        let_pass(world, 100 * AF_MS_NS);
    }
    expect(pushed, AF_BUS_OK, "");
    take.again = true;
    expect_taken_soon(world, &take, "{\"1\":0}{\"2\":0}{\"3\":0}");
}

/* ---- Of nats: alone. ---- */

/* Tells the server these lines of its protocol, and reads what it says until that ends so; the
 * connection. */
static int talk_to_server(const char *lines, char *heard, size_t size, const char *end)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)ports[NATS])};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t len = 0;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, lines, strlen(lines)), strlen(lines));
    do {
        ssize_t got = read(fd, heard + len, size - 1 - len);
        assert_true(got > 0);
        len += (size_t)got;
        heard[len] = '\0';
    } while (strstr(heard, end) == NULL);
    return fd;
}

/* … and waits until it has read them. */
static int tell_server(const char *lines)
{
    char heard[8192];
    return talk_to_server(lines, heard, sizeof heard, "PONG");
}

/* Another takes it from the node's own consumer, as one whose server has lost it would never hand
 * it out. */
static void test_what_a_consumer_keeps_back_comes_all_the_same(void **state)
{
    struct world *world = *state;
    need(world, true);
    snprintf(world->task, sizeof world->task, "kept-back"); /* a token */
    struct af_bus_take take = take_of(world, "b", 60000, 0, 10);
    push(world, "a", "b", "u1", "{\"1\":0}");
    expect_taken(world, &take, "{\"1\":0}");
    expect_acked(world, take, "u1", NULL);
    int fd = tell_server("CONNECT {}\r\nSUB elsewhere 1\r\n"
                         "PUB $JS.API.CONSUMER.MSG.NEXT.AF+kept-back+federated.b+1 elsewhere 34\r\n"
                         "{\"batch\":9,\"expires\":300000000000}\r\nPING\r\n");
    push(world, "a", "b", "u2", "{\"2\":0}");
    take.wait_ns = AF_NATS_ASK_NS;
    expect_taken(world, &take, "");
    push(world, "a", "b", "u3", "{\"3\":0}");
    expect_taken(world, &take, "");
    expect_taken(world, &take, "{\"2\":0}{\"3\":0}");
    close(fd);
}

static bool has_stream(const char *name)
{
    static char heard[1 << 17];
    int fd = talk_to_server("CONNECT {}\r\nSUB names 1\r\nPUB $JS.API.STREAM.NAMES names 0\r\n\r\n",
                            heard, sizeof heard, "]}\r\n");
    close(fd);
    return strstr(heard, name) != NULL;
}

static void test_streams_of_a_task_go_when_it_ends(void **state)
{
    struct world *world = *state;
    need(world, true);
    snprintf(world->task, sizeof world->task, "is-over"); /* a token */
    push(world, "a", "b", "u1", "{}");
    struct answer passing = put_text(world, "a", "passing", false);
    struct answer durable = put_text(world, "a", "durable", true);
    assert_int_equal(passing.code, AF_BUS_OK);
    assert_int_equal(durable.code, AF_BUS_OK);
    forget(&passing);
    forget(&durable);
    assert_true(has_stream("\"AF+is-over+federated\""));
    assert_true(has_stream("\"AFF+is-over\""));
    expect(end_task(world), AF_BUS_OK, "");
    assert_false(has_stream("+is-over"));
    assert_true(has_stream("\"AFK\""));
}

#define OF(kind, name)                                                                             \
    {                                                                                              \
#kind ": " #name, name, set_up_##kind, tear_down, NULL                                     \
    }
#define CASE(name) OF(local, name), OF(http, name), OF(nats, name), OF(front, name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_contracts_come_in_the_order_in_which_they_were_taken),
        CASE(test_a_contract_comes_with_all_that_it_was_pushed_with),
        CASE(test_a_take_that_consumes_has_each_once),
        CASE(test_a_uuid_that_is_pushed_again_changes_nothing),
        CASE(test_a_push_of_many_is_kept_whole_or_not_at_all),
        CASE(test_the_bus_chooses_a_uuid_where_the_sender_has_none),
        CASE(test_a_target_that_is_named_twice_gets_one),
        CASE(test_a_broadcast_reaches_its_sender_and_nodes_that_join_later),
        CASE(test_broadcasts_keep_their_place_among_what_their_sender_sends),
        CASE(test_tasks_and_channels_have_queues_of_their_own),
        CASE(test_what_is_too_large_is_refused_and_the_largest_comes),
        CASE(test_a_take_hands_out_no_more_than_goes_into_one_answer),
        CASE(test_what_is_leased_and_not_acknowledged_comes_again_in_the_old_order),
        CASE(test_acknowledged_contracts_are_gone),
        CASE(test_a_holder_that_lost_an_answer_asks_for_it_again),
        CASE(test_one_holder_at_a_time_has_leases),
        CASE(test_what_is_given_back_is_anothers_at_once),
        CASE(test_of_two_starts_of_one_party_the_last_has_all),
        CASE(test_a_holder_that_is_older_than_it_was_is_refused),
        CASE(test_a_waiting_take_keeps_its_leases),
        CASE(test_a_take_that_waits_is_given_what_comes),
        CASE(test_a_wait_ends_with_nothing_in_its_time),
        CASE(test_a_wait_is_cancelled_and_a_closed_bus_cancels_all),
        CASE(test_what_was_confirmed_is_there_after_opening_again),
        CASE(test_what_cannot_be_read_is_a_dead_letter_until_it_is_revived),
        CASE(test_members_are_listed_in_their_order_with_their_roles),
        CASE(test_a_node_outside_of_a_task_can_do_nothing_to_it),
        CASE(test_an_ended_task_takes_nothing_more),
        CASE(test_a_full_queue_is_an_error_to_who_pushes),
        CASE(test_status_tells_sizes_and_names_but_no_contents),
        CASE(test_a_file_comes_back_to_the_nodes_of_its_task),
        CASE(test_a_call_that_is_over_at_once_is_let_go),
        CASE(test_a_file_is_written_whole_with_the_owners_mode),
        CASE(test_urls_and_files_that_are_not_there_are_refused),
        CASE(test_a_durable_file_outlives_its_task_elsewhere),
        CASE(test_a_service_that_dies_loses_nothing_that_was_confirmed),
        OF(nats, test_what_a_consumer_keeps_back_comes_all_the_same),
        OF(nats, test_streams_of_a_task_go_when_it_ends),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
