/* ask.c: the connection to the servers, requests and their answers. The library connects again by
 * itself, with a pause that grows, to any of the servers. */
#include "bus/nats/impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/rng.h"
#include "bus/config.h"
#include "loop/loop.h"
#include "base/log.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t af_nats_now_ns(const struct af_nats_bus *bus)
{
    return af_loop_machine_ns(bus->head.loop);
}

/* From 50 ms, doubled, up to 3 s; a half of it by chance, so that not all come in one moment. */
static int64_t pause_ms(struct af_nats_connection *connection, int attempts, void *arg)
{
    int64_t most = attempts > 5 ? 3000 : INT64_C(50) << (attempts < 0 ? 0 : attempts);
    (void)connection;
    (void)arg;
    return most / 2 + (int64_t)randombytes_uniform((uint32_t)(most / 2 + 1));
}

/* ---- Connecting. ---- */

/* The servers of "nats://a,b:4223,tls://c?…": each with its scheme. */
static size_t list_servers(const struct af_nats_bus *bus, struct af_arena *arena,
                           const char *servers[AF_NATS_SERVERS_MAX])
{
    size_t count = 0, len;
    const char *at = bus->url;
    for (; *at != '\0' && *at != '?' && *at != '/' && count < AF_NATS_SERVERS_MAX; at += len) {
        len = strcspn(at, ",?/");
        char *server = af_arena_alloc(arena, len + 10);
        snprintf(server, len + 10, "%s%.*s", bus->secure ? "tls://" : "nats://", (int)len, at);
        servers[count++] = server;
        len += at[len] == ',';
    }
    return count;
}

static int set_identity(const struct af_config *config, struct af_nats_options *options)
{
    int status = 0;
    if (config == NULL)
        return 0;
    if (config->creds != NULL)
        status = af_natsOptions_SetUserCredentialsFromFiles(options, config->creds, NULL);
    else if (config->nkey != NULL)
        status = af_natsOptions_SetNKeyFromSeed(options, config->nkey, config->nkey_seed);
    else if (config->token != NULL)
        status = af_natsOptions_SetToken(options, config->token);
    if (status == 0 && config->ca != NULL)
        status = af_natsOptions_LoadCATrustedCertificates(options, config->ca);
    if (status == 0 && config->certificate != NULL)
        status = af_natsOptions_LoadCertificatesChain(options, config->certificate, config->key);
    return status;
}

static int set_options(struct af_nats_bus *bus, struct af_nats_options *options)
{
    const char *servers[AF_NATS_SERVERS_MAX];
    struct af_arena arena = {0};
    size_t count = list_servers(bus, &arena, servers);
    int status = af_natsOptions_SetServers(options, servers, (int)count);
    af_arena_release(&arena);
    if (status == 0 && bus->secure)
        status = af_natsOptions_SetSecure(options, true);
    if (status == 0)
        status = set_identity(bus->config, options);
    af_natsOptions_SetName(options, bus->node == NULL ? "afrun" : bus->node);
    af_natsOptions_SetTimeout(options, AF_NATS_CONNECT_MS);
    af_natsOptions_SetWriteDeadline(options, AF_NATS_CONNECT_MS);
    af_natsOptions_SetPingInterval(options, AF_NATS_PING_MS);
    af_natsOptions_SetMaxReconnect(options, -1);
    af_natsOptions_SetReconnectBufSize(options, -1); /* nothing is sent later, behind our back */
    af_natsOptions_SetCustomReconnectDelay(options, pause_ms, NULL);
    af_natsOptions_SetSendAsap(options, true);
    af_nats_set_ears(bus, options);
    return status;
}

/* A name of the library's last error, without what only we should know. */
static bool not_connected(struct af_nats_bus *bus, struct af_nats_reply *reply, int status)
{
    const char *text = af_nats_GetLastError(NULL);
    if (text == NULL || text[0] == '\0' || strchr(text, '@') != NULL)
        text = af_natsStatus_GetText(status);
    bool refused =
        strcasestr(text, "authorization") != NULL || strcasestr(text, "authentication") != NULL;
    reply->code = refused ? AF_BUS_REFUSED : AF_BUS_UNREACHABLE;
    snprintf(reply->why, sizeof reply->why, "no NATS server %s: %.300s",
             refused ? "lets us in" : "could be connected to", text);
    pthread_mutex_lock(&bus->lock);
    if (bus->cut_off[0] == '\0')
        af_nats_note_way(bus, false, reply->why);
    pthread_mutex_unlock(&bus->lock);
    bus->quiet_until_ns = af_nats_now_ns(bus) + AF_NATS_QUIET_NS;
    return false;
}

static int begin(struct af_nats_bus *bus)
{
    struct af_nats_options *options = NULL;
    unsigned char random[12];
    char hex[2 * sizeof random + 1], node[AF_NATS_TOKEN_BYTES];
    int status = af_natsOptions_Create(&options);
    af_nats_ears_open(bus);
    if (status == 0)
        status = set_options(bus, options);
    if (status == 0)
        status = af_natsConnection_Connect(&bus->connection, options);
    af_natsOptions_Destroy(options);
    if (status != 0)
        return status;
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(hex, sizeof hex, random, sizeof random);
    af_nats_token(bus->node == NULL ? "" : bus->node, node);
    af_nats_forget_refusals(bus);
    snprintf(bus->inbox, sizeof bus->inbox, "_AF.%s.%s", node, hex);
    return af_nats_hear(bus);
}

void af_nats_disconnect(struct af_nats_bus *bus)
{
    af_nats_ears_close(bus);
    if (bus->connection == NULL)
        return;
    af_natsSubscription_Destroy(bus->answers);
    af_natsSubscription_Destroy(bus->pulled);
    af_natsConnection_Close(bus->connection);
    af_natsConnection_Destroy(bus->connection);
    bus->answers = bus->pulled = NULL;
    bus->connection = NULL;
}

bool af_nats_connect(struct af_nats_port *port, struct af_nats_reply *reply)
{
    struct af_nats_bus *bus = port->bus;
    int status =
        bus->connection == NULL ? AF_NATS_CLOSED : af_natsConnection_Status(bus->connection);
    if (status == AF_NATS_CONNECTED)
        return !af_nats_is_refused(bus, "", reply);
    if (status != AF_NATS_CLOSED) { /* which it is for good: when servers refuse us */
        reply->code = AF_BUS_UNREACHABLE;
        snprintf(reply->why, sizeof reply->why, "the connection to the NATS servers is lost");
        return false;
    }
    reply->code = AF_BUS_UNREACHABLE;
    pthread_mutex_lock(&bus->lock);
    bool used = bus->threads > 0; /* the old one, by threads which see that it is closed */
    pthread_mutex_unlock(&bus->lock);
    if (used || af_nats_now_ns(bus) < bus->quiet_until_ns) {
        snprintf(reply->why, sizeof reply->why, "no NATS server could be connected to");
        return false; /* one try is enough for a moment */
    }
    af_nats_disconnect(bus);
    status = begin(bus);
    if (status == 0) {
        pthread_mutex_lock(&bus->lock);
        af_nats_note_way(bus, true, "");
        pthread_mutex_unlock(&bus->lock);
        atomic_store(&bus->reconnected, true);
        return !af_nats_is_refused(bus, "", reply);
    }
    not_connected(bus, reply, status);
    af_nats_disconnect(bus);
    return false;
}

uint64_t af_nats_epoch(struct af_nats_bus *bus)
{
    char id[64] = ""; /* each start of a server makes one */
    if (bus->connection == NULL ||
        af_natsConnection_GetConnectedServerId(bus->connection, id, sizeof id) != 0)
        return 0;
    return af_hash_bytes((struct af_hash){0, 0}, id, strlen(id)).a | 1;
}

/* ---- Asking. ---- */

const char *af_nats_header(struct af_nats_message *message, const char *name)
{
    const char *value = NULL;
    return af_natsMsgHeader_Get(message, name, &value) == 0 && value != NULL ? value : "";
}

const char *af_nats_last_header(struct af_nats_message *message, const char *name, bool *alone)
{
    const char **values = NULL, *last = "";
    int count = 0;
    if (af_natsMsgHeader_Values(message, name, &values, &count) == 0 && count > 0)
        last = values[count - 1];
    free(values);
    *alone = *alone && count == 1;
    return last;
}

/* A request as it is sent: by a leaf node it reaches JetStream by the name of its domain alone. */
static const char *in_domain(const struct af_nats_bus *bus, const char *subject,
                             char name[AF_NATS_SUBJECT_BYTES])
{
    static const char head[] = "$JS.API.";
    if (bus->domain[0] == '\0' || strncmp(subject, head, sizeof head - 1) != 0)
        return subject;
    snprintf(name, AF_NATS_SUBJECT_BYTES, "$JS.%s.API.%s", bus->domain, subject + sizeof head - 1);
    return name;
}

bool af_nats_send(struct af_nats_port *port, const struct af_nats_send *send, const char *what, ...)
{
    struct af_nats_bus *bus = port->bus;
    struct af_nats_message *message = NULL;
    char name[64], reply[sizeof bus->inbox + sizeof name + 16], full[AF_NATS_SUBJECT_BYTES];
    const char *subject = in_domain(bus, send->subject, full);
    if (what != NULL) {
        va_list args;
        va_start(args, what);
        vsnprintf(name, sizeof name, what, args);
        va_end(args);
        snprintf(reply, sizeof reply, "%s.%c.%d.%s", bus->inbox, af_nats_inbox_part(name),
                 port->number, name);
    }
    if (bus->connection == NULL || send->len > INT32_MAX ||
        af_natsMsg_Create(&message, subject, what == NULL ? NULL : reply, send->body,
                          (int)send->len) != 0)
        return false;
    bool ok = true;
    if (send->op != NULL)
        snprintf(send->op->subject, sizeof send->op->subject, "%s", subject);
    for (size_t i = 0; i < AF_NATS_HEADERS_MAX; i++)
        if (send->headers[i].name != NULL && send->headers[i].value != NULL)
            ok = ok &&
                 af_natsMsgHeader_Set(message, send->headers[i].name, send->headers[i].value) == 0;
    ok = ok && af_natsConnection_PublishMsg(bus->connection, message) == 0;
    af_natsMsg_Destroy(message);
    return ok;
}

/* What JetStream's errors mean to who called. */
static enum af_bus_code code_of(int64_t error, const char *why)
{
    static const int64_t full[] = {10023, 10028, 10047, 10002, 10026, 10027};
    for (size_t i = 0; i < sizeof full / sizeof full[0]; i++)
        if (error == full[i])
            return AF_BUS_FULL;
    if (strncmp(why, "maximum", 7) == 0)
        return AF_BUS_FULL;
    return error == 10054 ? AF_BUS_INVALID : AF_BUS_UNREACHABLE; /* the message is too large */
}

void af_nats_reply_read(struct af_nats_reply *reply, struct af_nats_message *message)
{
    struct af_arena arena = {0};
    int len = af_natsMsg_GetDataLength(message);
    *reply = (struct af_nats_reply){.message = message, .data = af_natsMsg_GetData(message)};
    reply->len = len < 0 || reply->data == NULL ? 0 : (size_t)len;
    const char *status;
    int wrong = af_natsMsgHeader_Get(message, "Nats-Sequence", &status);
    if (wrong == 0)
        return; /* a message that is kept, whose status and content are its sender's */
    if (wrong != AF_NATS_NOT_FOUND) { /* told once: the library goes on behind it the next time */
        reply->error = AF_NATS_NO_HEADERS;
        reply->code = AF_BUS_UNREACHABLE;
        return;
    }
    status = af_nats_header(message, "Status");
    if (status[0] != '\0')
        reply->error = atoi(status);
    if (reply->error == AF_NATS_NOBODY)
        snprintf(reply->why, sizeof reply->why, "no JetStream answers for it");
    else if (reply->error != 0)
        snprintf(reply->why, sizeof reply->why, "%.200s", af_nats_header(message, "Description"));
    else if (reply->len > 0 && reply->data[0] == '{' &&
             (af_nats_integer(reply->data, reply->len, "error.err_code", &reply->error) ||
              af_nats_integer(reply->data, reply->len, "error.code", &reply->error))) {
        const char *text = af_nats_text(&arena, reply->data, reply->len, "error.description");
        snprintf(reply->why, sizeof reply->why, "%.200s", text == NULL ? "" : text);
    }
    if (reply->error != 0)
        reply->code = code_of(reply->error, reply->why);
    af_arena_release(&arena);
}

void af_nats_reply_release(struct af_nats_reply *reply)
{
    if (reply->message != NULL)
        af_natsMsg_Destroy(reply->message);
    reply->message = NULL;
}

bool af_nats_await(struct af_nats_port *port, const char *name, const char *subject,
                   struct af_nats_reply *reply)
{
    struct af_nats_bus *bus = port->bus;
    int64_t until_ns = af_nats_now_ns(bus) + AF_NATS_ASK_NS, left_ns;
    struct af_nats_message *message;
    char full[AF_NATS_SUBJECT_BYTES];
    subject = in_domain(bus, subject, full);
    *reply = (struct af_nats_reply){.code = AF_BUS_UNREACHABLE};
    while ((message = af_nats_port_next_of(port, name)) == NULL &&
           (left_ns = until_ns - af_nats_now_ns(bus)) > 0) {
        if (left_ns > AF_NATS_CLOSE_NS && atomic_load(&bus->closing)) {
            until_ns = af_nats_now_ns(bus) + AF_NATS_CLOSE_NS;
            continue;
        }
        if (af_nats_is_refused(bus, subject, reply))
            return false;
        if (af_natsConnection_Status(bus->connection) != AF_NATS_CONNECTED)
            break;
        af_nats_port_wait(port, left_ns > 200 * AF_MS_NS ? 200 : (int)(left_ns / AF_MS_NS) + 1);
    }
    if (message != NULL) {
        af_nats_reply_read(reply, message);
        return true;
    }
    snprintf(reply->why, sizeof reply->why, "the NATS servers did not answer");
    if (port == &bus->port)
        bus->quiet_until_ns = af_nats_now_ns(bus) + AF_NATS_QUIET_NS;
    return false;
}

bool af_nats_ask_with(struct af_nats_port *port, struct af_nats_reply *reply,
                      const struct af_nats_send *send)
{
    char name[32];
    *reply = (struct af_nats_reply){.code = AF_BUS_UNREACHABLE};
    if (!af_nats_connect(port, reply))
        return false;
    snprintf(name, sizeof name, "q.%llu", (unsigned long long)++port->asked);
    if (!af_nats_send(port, send, "%s", name)) {
        snprintf(reply->why, sizeof reply->why, "nothing can be sent to the NATS servers");
        return false;
    }
    return af_nats_await(port, name, send->subject, reply) && reply->error == 0;
}

bool af_nats_ask(struct af_nats_port *port, struct af_nats_reply *reply, const char *subject,
                 const char *body_format, ...)
{
    char body[4 * AF_NATS_SUBJECT_BYTES];
    va_list args;
    va_start(args, body_format);
    vsnprintf(body, sizeof body, body_format, args);
    va_end(args);
    return af_nats_ask_with(
        port, reply, &(struct af_nats_send){.subject = subject, .body = body, .len = strlen(body)});
}
