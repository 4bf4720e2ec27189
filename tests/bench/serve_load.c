/* serve_load.c: serve_load PORT load CONNECTIONS SECONDS [RATE [follow]], or
 * serve_load PORT park CONNECTIONS, or serve_load PORT late QUEUED
 *
 * load: half of the connections push, one contract a request, each to a partner, who pops up to 100
 * at a time with a lease, waits where there is nothing, and acknowledges on its next pop. Prints
 * contracts a second that were pushed, popped and acknowledged, by confirmation of the last. Not
 * more than RATE are pushed in a second (0: as many as can be); with `follow` a process reads what
 * a page with the task's live chart is told meanwhile.
 * park: each connection polls for a node of its own, where nothing comes; ends, and prints nothing,
 * when the service says that all are parked.
 * late: a node acknowledges a hundred contracts a second time, behind which so many others are
 * queued for it. Prints the seconds from the request to its answer. */
#include "client.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { TAKE_MAX = 100, UUID_BYTES = 32, ANSWER_MAX = 1 << 17, REQUEST_MAX = 8192 };

static const double warm_up_s = 0.5;

struct connection {
    int fd;
    bool pushes, rests;
    char node[16], partner[16];
    unsigned long long number;                  /* of the next contract */
    char acks[TAKE_MAX * (UUID_BYTES + 3) + 1]; /* "a","b" */
    long ack_count;
    char *answer; /* as far as it has come */
    size_t len;
};

static struct connection *connections;
static long acknowledged, sent;
static double rate, since_s; /* of pushes a second; 0: any */

/* ---- Requests. ---- */

static void send_push(struct connection *at)
{
    char request[REQUEST_MAX], body[2048];
    snprintf(body, sizeof body,
             "{\"task_id\":\"T\",\"channel\":\"federated\",\"node_id_list\":[\"%s\"],"
             "\"message_title\":\"task_inside\",\"message_content\":{\"type\":\"sync\",\"data\":"
             "\"%0192d\"},\"message_time\":1795427047,\"message_uuid\":\"%016llx%016llx\"}",
             at->partner, 0, (unsigned long long)(at - connections), at->number++);
    client_write(at->fd, request, client_request(request, sizeof request, at->node, "push", body));
    sent++;
}

static void push_in_time(struct connection *at)
{
    at->rests = rate > 0 && (double)sent >= (now_s() - since_s) * rate;
    if (!at->rests)
        send_push(at);
}

static void send_pop(struct connection *at)
{
    char request[REQUEST_MAX], body[REQUEST_MAX];
    snprintf(body, sizeof body,
             "{\"task_id\":\"T\",\"channel\":\"federated\",\"wait_seconds\":60,"
             "\"lease_seconds\":60,\"max\":%d,\"ack\":[%s]}",
             TAKE_MAX, at->acks);
    client_write(at->fd, request, client_request(request, sizeof request, at->node, "pop", body));
}

/* ---- Answers. ---- */

static void read_messages(struct connection *at, const char *body)
{
    char uuid[UUID_BYTES + 1], *to = at->acks;
    acknowledged += at->ack_count;
    at->ack_count = 0;
    *to = '\0';
    while ((body = client_find_text(body, "\"message_uuid\":\"", uuid, sizeof uuid)) != NULL) {
        to += sprintf(to, "%s\"%s\"", at->ack_count > 0 ? "," : "", uuid);
        at->ack_count++;
    }
}

static void read_answer(struct connection *at)
{
    ssize_t got = recv(at->fd, at->answer + at->len, ANSWER_MAX - 1 - at->len, MSG_DONTWAIT);
    const char *body;
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        die("the service has closed a connection");
    at->len += (size_t)got;
    at->answer[at->len] = '\0';
    if (client_answer_length(at->answer, at->len, &body) == 0)
        return;
    at->len = 0;
    if (at->pushes) {
        push_in_time(at);
    } else {
        read_messages(at, body);
        send_pop(at);
    }
}

/* ---- Load. ---- */

static void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Connections of partners are neighbours. */
static void open_connections(int port, size_t count)
{
    connections = calloc(count, sizeof *connections);
    for (size_t i = 0; i < count && connections != NULL; i++) {
        struct connection *at = &connections[i];
        at->fd = client_connect(port);
        at->pushes = i % 2 == 1;
        snprintf(at->node, sizeof at->node, "n%zu", i);
        snprintf(at->partner, sizeof at->partner, "n%zu", i ^ 1);
        at->answer = malloc(ANSWER_MAX);
        if (at->answer == NULL)
            die("no memory");
    }
}

static int watch_connections(size_t count)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event) != 0)
            die("a connection cannot be watched");
    }
    return epoll;
}

static void answer_until(int epoll, size_t connection_count, double end_s)
{
    struct epoll_event events[256];
    while (now_s() < end_s) {
        int count = epoll_wait(epoll, events, 256, rate > 0 ? 1 : 10);
        for (int i = 0; i < count; i++)
            read_answer(events[i].data.ptr);
        for (size_t i = 0; rate > 0 && i < connection_count; i++)
            if (connections[i].rests)
                push_in_time(&connections[i]);
    }
}

/* A page, as far as the service sees it: ends with its parent. */
static void follow(int port)
{
    static const char request[] = "GET /ui/events?task=T HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char piece[65536];
    int fd = client_connect(port);
    client_write(fd, request, sizeof request - 1);
    ssize_t told = read(fd, piece, sizeof piece - 1);
    piece[told < 0 ? 0 : told] = '\0';
    if (strstr(piece, "Content-Type: text/event-stream") == NULL)
        die("the service tells no events");
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (read(fd, piece, sizeof piece) > 0)
            continue;
        _exit(1);
    }
    close(fd);
}

static void load(int port, size_t count, double seconds, bool follows)
{
    open_connections(port, count);
    int epoll = watch_connections(count);
    if (follows)
        follow(port);
    since_s = now_s();
    for (size_t i = 0; i < count; i++)
        (connections[i].pushes ? push_in_time : send_pop)(&connections[i]);
    answer_until(epoll, count, now_s() + warm_up_s);
    double begin_s = now_s();
    long before = acknowledged;
    answer_until(epoll, count, begin_s + seconds);
    printf("%.1f\n", (double)(acknowledged - before) / (now_s() - begin_s));
}

/* ---- Parking. ---- */

static long count_parked(int fd)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static char text[65536];
    size_t len = 0;
    const char *found = NULL;
    client_write(fd, request, sizeof request - 1);
    while (found == NULL || strchr(found + 1, '\n') == NULL) {
        ssize_t got = read(fd, text + len, sizeof text - 1 - len);
        if (got <= 0)
            die("the service does not tell how many polls are parked");
        text[len += (size_t)got] = '\0';
        found = strstr(text, "\nafrun_polls_parked ");
    }
    return strtol(found + 20, NULL, 10);
}

static void park(int port, size_t count)
{
    open_connections(port, count);
    for (size_t i = 0; i < count; i++)
        send_pop(&connections[i]);
    for (double end_s = now_s() + 30;;) {
        int fd = client_connect(port); /* what else it tells is left unread */
        long parked = count_parked(fd);
        close(fd);
        if (parked >= (long)count)
            return;
        if (now_s() > end_s)
            die("only %ld polls are parked", parked);
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
}

/* ---- Late acknowledgements. ---- */

static const char *ask(struct connection *at, void (*send)(struct connection *at))
{
    send(at);
    return client_read(at->fd, at->answer, ANSWER_MAX);
}

/* Takes one contract at most, and does not wait for one. */
static void send_acks(struct connection *at)
{
    char request[REQUEST_MAX], body[REQUEST_MAX];
    snprintf(body, sizeof body,
             "{\"task_id\":\"T\",\"channel\":\"federated\",\"lease_seconds\":60,\"max\":1,"
             "\"ack\":[%s]}",
             at->acks);
    client_write(at->fd, request, client_request(request, sizeof request, at->node, "pop", body));
}

static void late(int port, size_t queued)
{
    open_connections(port, 2);
    struct connection *takes = &connections[0], *pushes = &connections[1];
    for (int i = 0; i < TAKE_MAX; i++)
        ask(pushes, send_push);
    while (takes->ack_count < TAKE_MAX) /* all of them, with one pop */
        read_messages(takes, ask(takes, send_pop));
    ask(takes, send_acks);
    for (size_t i = 0; i < queued; i++)
        ask(pushes, send_push);
    double begin_s = now_s();
    ask(takes, send_acks);
    printf("%.9f\n", now_s() - begin_s);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    allow_descriptors();
    rate = argc > 5 ? atof(argv[5]) : 0;
    if (argc >= 5 && strcmp(argv[2], "load") == 0)
        load(atoi(argv[1]), strtoul(argv[3], NULL, 10), atof(argv[4]), argc > 6);
    else if (strcmp(argv[2], "park") == 0)
        park(atoi(argv[1]), strtoul(argv[3], NULL, 10));
    else if (strcmp(argv[2], "late") == 0)
        late(atoi(argv[1]), strtoul(argv[3], NULL, 10));
    else
        return 2;
    return 0;
}
