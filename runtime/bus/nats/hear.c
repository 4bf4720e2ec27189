/* hear.c: what comes from the servers, and whose it is.
 *
 * All that comes goes into the list of the port that it is for: an answer's subject has the port's
 * number behind our inbox's; a contract comes under its own subject, to the first port. There are
 * two subscriptions: what is pulled, and all other answers.
 *
 * The bus's own thread reads and writes the connection's socket, as an external event loop of the
 * library's, and takes what is pulled from there: so a contract passes two threads less. Other
 * answers are handed on by a thread of the library's, since it keeps to itself which request nobody
 * answers where it hands on none. With TLS it reads by itself, too: there a read may wait in the
 * library for the rest of a record. */
#include "bus/nats/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* All that comes to a part of our inbox: see af_nats_inbox_part(). */
enum { INBOX_BYTES = sizeof((struct af_nats_bus *)NULL)->inbox + 4 };
static void print_inbox(const struct af_nats_bus *bus, char part, char subject[INBOX_BYTES])
{
    snprintf(subject, INBOX_BYTES, "%s.%c.>", bus->inbox, part);
}

/* ---- Ports. ---- */

static void wake(const struct af_nats_port *port)
{
    uint64_t one = 1;
    while (write(port->fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

bool af_nats_port_open(struct af_nats_bus *bus, struct af_nats_port *port, int number)
{
    *port = (struct af_nats_port){.bus = bus, .number = number};
    port->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (port->fd < 0)
        return false;
    pthread_mutex_lock(&bus->lock);
    port->next = bus->ports;
    bus->ports = port;
    pthread_mutex_unlock(&bus->lock);
    return true;
}

void af_nats_port_close(struct af_nats_port *port)
{
    struct af_nats_bus *bus = port->bus;
    struct af_nats_message *message;
    pthread_mutex_lock(&bus->lock);
    for (struct af_nats_port **at = &bus->ports; *at != NULL; at = &(*at)->next)
        if (*at == port) {
            *at = port->next;
            break;
        }
    pthread_mutex_unlock(&bus->lock);
    while ((message = af_nats_port_next(port)) != NULL)
        af_natsMsg_Destroy(message);
    close(port->fd);
}

bool af_nats_port_is_empty(struct af_nats_port *port)
{
    pthread_mutex_lock(&port->bus->lock);
    bool empty = port->first == NULL;
    pthread_mutex_unlock(&port->bus->lock);
    return empty;
}

struct af_nats_message *af_nats_port_next_of(struct af_nats_port *port, const char *name)
{
    struct af_nats_bus *bus = port->bus;
    struct af_nats_message *message = NULL;
    pthread_mutex_lock(&bus->lock);
    struct af_nats_came **at = &port->first;
    for (; *at != NULL; at = &(*at)->next) {
        const char *answers = name == NULL ? NULL : af_nats_answers(bus, (*at)->message);
        if (name == NULL || (answers != NULL && strcmp(answers, name) == 0))
            break;
    }
    struct af_nats_came *came = *at;
    if (came != NULL) {
        *at = came->next;
        if (came->next == NULL)
            port->last = at;
        message = came->message;
        free(came);
    }
    pthread_mutex_unlock(&bus->lock);
    return message;
}

struct af_nats_message *af_nats_port_next(struct af_nats_port *port)
{
    return af_nats_port_next_of(port, NULL);
}

const char *af_nats_answers(const struct af_nats_bus *bus, const struct af_nats_message *message)
{
    const char *subject = af_natsMsg_GetSubject(message);
    size_t len = strlen(bus->inbox);
    if (strncmp(subject, bus->inbox, len) != 0 || subject[len] != '.' || subject[len + 1] == '\0' ||
        subject[len + 2] != '.')
        return NULL;
    const char *dot = strchr(subject + len + 3, '.');
    return dot == NULL ? NULL : dot + 1;
}

/* ---- On the library's threads. ---- */

/* What the library calls with, also when a bus has just been closed: so it stays for ever. */
struct af_nats_ears {
    pthread_mutex_t lock;
    struct af_nats_bus *bus; /* NULL: closed */
    struct af_nats_ears *next;
    pthread_t thread;   /* the bus's */
    int socket;         /* which it reads and writes itself, … */
    uint32_t interest;  /* … and what epoll is to tell of it */
    atomic_bool unsent; /* that thread has something to send */
};

static struct af_nats_ears *all_ears; /* so that nobody thinks they are lost; of the next lock */
static pthread_mutex_t ears_lock = PTHREAD_MUTEX_INITIALIZER;

void af_nats_ears_open(struct af_nats_bus *bus)
{
    struct af_nats_ears *ears = af_mem_zero(1, sizeof *ears);
    pthread_mutex_init(&ears->lock, NULL);
    ears->bus = bus;
    ears->thread = pthread_self();
    pthread_mutex_lock(&ears_lock);
    ears->next = all_ears;
    all_ears = ears;
    pthread_mutex_unlock(&ears_lock);
    bus->ears = ears;
}

void af_nats_ears_close(struct af_nats_bus *bus)
{
    struct af_nats_ears *ears = bus->ears;
    if (ears == NULL)
        return;
    pthread_mutex_lock(&ears->lock);
    ears->bus = NULL;
    pthread_mutex_unlock(&ears->lock);
    bus->ears = NULL;
}

static void give(struct af_nats_bus *bus, struct af_nats_message *message)
{
    bool answers = af_nats_answers(bus, message) != NULL;
    int number = answers ? atoi(af_natsMsg_GetSubject(message) + strlen(bus->inbox) + 3) : 0;
    pthread_mutex_lock(&bus->lock);
    struct af_nats_port *port = bus->ports;
    while (port != NULL && port->number != number)
        port = port->next;
    if (port != NULL) {
        struct af_nats_came *node = af_mem_alloc(sizeof *node);
        *node = (struct af_nats_came){NULL, message};
        if (port->first == NULL)
            port->last = &port->first;
        *port->last = node;
        port->last = &node->next;
        if (port != &bus->port || !pthread_equal(bus->ears->thread, pthread_self()))
            wake(port);
    }
    pthread_mutex_unlock(&bus->lock);
    if (port == NULL)
        af_natsMsg_Destroy(message);
}

static void came(struct af_nats_connection *connection, struct af_nats_subscription *subscription,
                 struct af_nats_message *message, void *arg)
{
    struct af_nats_ears *ears = arg;
    (void)connection;
    (void)subscription;
    pthread_mutex_lock(&ears->lock);
    if (ears->bus != NULL)
        give(ears->bus, message);
    else
        af_natsMsg_Destroy(message);
    pthread_mutex_unlock(&ears->lock);
}

/* ---- What the server does not permit. ---- */

static bool is_refusal(const char *text)
{
    return text != NULL && strcasestr(text, "permissions violation") != NULL;
}

static void note_refusal(struct af_nats_bus *bus, const char *text)
{
    pthread_mutex_lock(&bus->lock);
    snprintf(bus->refusals[bus->refusal_count++ % AF_NATS_REFUSALS_MAX], AF_NATS_WHY_BYTES, "%s",
             text);
    for (struct af_nats_port *port = bus->ports; port != NULL; port = port->next)
        wake(port);
    pthread_mutex_unlock(&bus->lock);
}

/* The server's word names the subject in quotes; the library may have cut it off. */
static bool is_of(const char *text, const char *subject)
{
    const char *name = strchr(text, '"');
    size_t len = name == NULL ? 0 : strcspn(++name, "\"");
    return len > 0 && strncmp(name, subject, len) == 0 &&
           (name[len] == '\0' || subject[len] == '\0');
}

bool af_nats_is_refused(struct af_nats_bus *bus, const char *subject, struct af_nats_reply *reply)
{
    char answers[INBOX_BYTES], pulled[INBOX_BYTES];
    bool found = false;
    print_inbox(bus, AF_NATS_ANSWERS, answers);
    print_inbox(bus, AF_NATS_PULLED, pulled);
    pthread_mutex_lock(&bus->lock);
    for (size_t i = 0; i < AF_NATS_REFUSALS_MAX && i < bus->refusal_count && !found; i++) {
        const char *text = bus->refusals[i];
        found = is_of(text, answers) || is_of(text, pulled) || is_of(text, subject);
        if (found)
            snprintf(reply->why, sizeof reply->why, "the NATS server refuses it: %.300s", text);
    }
    pthread_mutex_unlock(&bus->lock);
    if (found)
        reply->code = AF_BUS_REFUSED;
    return found;
}

void af_nats_forget_refusals(struct af_nats_bus *bus)
{
    pthread_mutex_lock(&bus->lock);
    bus->refusal_count = 0;
    pthread_mutex_unlock(&bus->lock);
}

/* ---- What else the library calls. ---- */

static void went_wrong(struct af_nats_connection *connection,
                       struct af_nats_subscription *subscription, int status, void *arg)
{
    struct af_nats_ears *ears = arg;
    const char *text = NULL;
    (void)subscription;
    af_natsConnection_GetLastError(connection, &text);
    bool refused = is_refusal(text);
    pthread_mutex_lock(&ears->lock);
    if (ears->bus != NULL && refused)
        note_refusal(ears->bus, text);
    pthread_mutex_unlock(&ears->lock);
    if (!refused)
        af_log(AF_LOG_DEBUG, "nats: %s", text == NULL ? af_natsStatus_GetText(status) : text);
}

void af_nats_note_way(struct af_nats_bus *bus, bool is_there, const char *why)
{
    bus->way_ns = af_loop_wall_ns(bus->head.loop);
    bus->connects += is_there;
    snprintf(bus->cut_off, sizeof bus->cut_off, "%s", why);
}

static void is_cut(struct af_nats_connection *connection, void *arg)
{
    struct af_nats_ears *ears = arg;
    const char *text = NULL;
    af_natsConnection_GetLastError(connection, &text);
    pthread_mutex_lock(&ears->lock);
    if (ears->bus != NULL) {
        pthread_mutex_lock(&ears->bus->lock);
        af_nats_note_way(ears->bus, false,
                         text == NULL || text[0] == '\0' ? "the connection was closed" : text);
        pthread_mutex_unlock(&ears->bus->lock);
    }
    pthread_mutex_unlock(&ears->lock);
}

static void is_back(struct af_nats_connection *connection, void *arg)
{
    struct af_nats_ears *ears = arg;
    (void)connection;
    pthread_mutex_lock(&ears->lock);
    if (ears->bus != NULL) {
        af_nats_forget_refusals(ears->bus);
        pthread_mutex_lock(&ears->bus->lock);
        af_nats_note_way(ears->bus, true, "");
        pthread_mutex_unlock(&ears->bus->lock);
        atomic_store(&ears->bus->reconnected, true);
        wake(&ears->bus->port);
    }
    pthread_mutex_unlock(&ears->lock);
}

/* ---- The socket. ---- */

enum { OF_PORT, OF_SOCKET }; /* what epoll tells of */

/* Under the ears' lock. */
static int watch(struct af_nats_ears *ears, uint32_t interest)
{
    struct epoll_event event = {.events = interest, .data = {.u32 = OF_SOCKET}};
    int what = interest == 0 ? EPOLL_CTL_DEL : ears->interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (ears->bus == NULL || interest == ears->interest)
        return 0;
    ears->interest = interest;
    return epoll_ctl(ears->bus->events_fd, what, ears->socket, &event) == 0 ? 0 : AF_NATS_ERROR;
}

static int attach(void **user, void *loop, struct af_nats_connection *connection, int socket)
{
    struct af_nats_ears *ears = loop;
    (void)connection;
    *user = ears;
    pthread_mutex_lock(&ears->lock);
    ears->socket = socket;
    ears->interest = 0; /* the one before was closed */
    int status = watch(ears, EPOLLIN);
    pthread_mutex_unlock(&ears->lock);
    return status;
}

static int change(struct af_nats_ears *ears, uint32_t bit, bool add)
{
    pthread_mutex_lock(&ears->lock);
    int status = watch(ears, add ? ears->interest | bit : ears->interest & ~bit);
    pthread_mutex_unlock(&ears->lock);
    return status;
}

static int want_read(void *user, bool add)
{
    return change(user, EPOLLIN, add);
}

/* What the bus's own thread has to send goes out before it waits; another's wakes it. */
static int want_write(void *user, bool add)
{
    struct af_nats_ears *ears = user;
    bool own = add && pthread_equal(ears->thread, pthread_self());
    atomic_store(&ears->unsent, own);
    return own ? 0 : change(ears, EPOLLOUT, add);
}

static int detach(void *user)
{
    return change(user, EPOLLIN, false);
}

void af_nats_flush(struct af_nats_bus *bus)
{
    struct af_nats_ears *ears = bus->ears;
    if (ears == NULL || bus->connection == NULL || !atomic_load(&ears->unsent))
        return;
    af_natsConnection_ProcessWriteEvent(bus->connection);
    if (atomic_exchange(&ears->unsent, false)) /* the socket takes no more now */
        change(ears, EPOLLOUT, true);
}

/* What the library has read for the bus's own thread. It tells that nobody answers a pull, but not
 * which: so none goes on. */
static void take_over(struct af_nats_bus *bus)
{
    struct af_nats_message *message;
    int count = 0, refused = 0, status; /* it says once that some were dropped */
    while (refused < 2 && af_natsSubscription_GetPending(bus->pulled, &count, NULL) == 0 &&
           count > 0) {
        status = af_natsSubscription_NextMsg(&message, bus->pulled, 0);
        if (status == 0)
            give(bus, message);
        else if (status == AF_NATS_NO_RESPONDERS)
            af_nats_pulls_lost(bus);
        else
            refused++;
    }
}

void af_nats_pump(struct af_nats_bus *bus, int wait_ms)
{
    struct epoll_event events[2];
    uint64_t woken;
    af_nats_flush(bus);
    int count = epoll_wait(bus->events_fd, events, 2, wait_ms);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u32 == OF_PORT) {
            if (read(bus->port.fd, &woken, sizeof woken) < 0)
                continue; /* a signal: the next time */
        } else if (bus->connection != NULL) {
            if ((events[i].events & EPOLLOUT) != 0)
                af_natsConnection_ProcessWriteEvent(bus->connection);
            if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0)
                af_natsConnection_ProcessReadEvent(bus->connection);
            take_over(bus);
        }
    }
}

void af_nats_port_wait(struct af_nats_port *port, int wait_ms)
{
    struct pollfd fd = {port->fd, POLLIN, 0};
    uint64_t woken;
    if (port == &port->bus->port) {
        af_nats_pump(port->bus, wait_ms);
        return;
    }
    poll(&fd, 1, wait_ms);
    if (read(port->fd, &woken, sizeof woken) < 0)
        return; /* nothing has come */
}

bool af_nats_events_open(struct af_nats_bus *bus)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = OF_PORT}};
    bus->events_fd = epoll_create1(EPOLL_CLOEXEC);
    return bus->events_fd >= 0 && af_nats_port_open(bus, &bus->port, 0) &&
           epoll_ctl(bus->events_fd, EPOLL_CTL_ADD, bus->port.fd, &event) == 0;
}

/* ---- Hearing. ---- */

void af_nats_set_ears(struct af_nats_bus *bus, struct af_nats_options *options)
{
    af_natsOptions_SetErrorHandler(options, went_wrong, bus->ears);
    af_natsOptions_SetDisconnectedCB(options, is_cut, bus->ears);
    af_natsOptions_SetReconnectedCB(options, is_back, bus->ears);
    af_natsOptions_UseGlobalMessageDelivery(options, bus->is_front); /* else a thread each */
    if (!bus->secure)
        af_natsOptions_SetEventLoop(options, bus->ears, attach, want_read, want_write, detach);
}

static int subscribe(struct af_nats_bus *bus, char part, bool by_thread,
                     struct af_nats_subscription **to)
{
    char subject[INBOX_BYTES];
    print_inbox(bus, part, subject);
    int status = by_thread
                     ? af_natsConnection_Subscribe(to, bus->connection, subject, came, bus->ears)
                     : af_natsConnection_SubscribeSync(to, bus->connection, subject);
    if (status == 0)
        af_natsSubscription_SetPendingLimits(*to, -1, AF_NATS_PENDING_BYTES_MAX);
    return status;
}

int af_nats_hear(struct af_nats_bus *bus)
{
    int status = subscribe(bus, AF_NATS_ANSWERS, true, &bus->answers);
    return status == 0 ? subscribe(bus, AF_NATS_PULLED, bus->secure, &bus->pulled) : status;
}

bool af_nats_listen(struct af_nats_bus *bus, struct af_nats_queue *queue, const char *subject)
{
    return bus->connection != NULL && af_natsConnection_Subscribe(&queue->wake, bus->connection,
                                                                  subject, came, bus->ears) == 0;
}
