/* keep.c: streams, the messages they keep, and values by key. */
#include "bus/nats/impl.h"

#include "base/bounds.h"
#include "base/log.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Servers of before 2.10 tell no time (`ts`) with a stream. Their clusters may lose what two of
 * them have confirmed, when one dies. */
static void look_at_version(struct af_nats_bus *bus, const struct af_nats_reply *reply)
{
    if (bus->replicas < 2 || memmem(reply->data, reply->len, "\"ts\":", 5) != NULL ||
        atomic_exchange(&bus->told_old, true))
        return;
    af_log(AF_LOG_WARNING,
           "the NATS servers are older than 2.10: a cluster of them may lose what it "
           "has confirmed when a server dies, whatever ?replicas= says");
}

/* Whether it takes messages from elsewhere, or under another subject than they were sent to, so
 * that the subject proves nothing. */
static bool has_other_ways(const struct af_nats_reply *reply)
{
    static const char *const ways[] = {"\"sources\":", "\"mirror\":", "\"subject_transform\":"};
    bool found = false;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        found = found || memmem(reply->data, reply->len, ways[i], strlen(ways[i])) != NULL;
    return found;
}

bool af_nats_need_stream(struct af_nats_port *port, struct af_nats_reply *reply, const char *name,
                         const char *config, bool *made)
{
    char subject[AF_NATS_SUBJECT_BYTES];
    if (made != NULL)
        *made = false;
    snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.%s", name);
    bool there = af_nats_ask(port, reply, subject, "%s", "");
    if (there)
        look_at_version(port->bus, reply);
    if (there && has_other_ways(reply)) {
        reply->code = AF_BUS_REFUSED;
        snprintf(reply->why, sizeof reply->why,
                 "the stream %s takes what other streams have: it is none of afrun's", name);
        return false;
    }
    if (there || reply->error != AF_NATS_NO_STREAM)
        return there;
    af_nats_reply_release(reply);
    snprintf(subject, sizeof subject, "$JS.API.STREAM.CREATE.%s", name);
    if (!af_nats_ask(port, reply, subject, "{\"name\":\"%s\",\"num_replicas\":%lld,%s}", name,
                     (long long)port->bus->replicas, config))
        return reply->error == AF_NATS_OTHER_CONFIG; /* another one was faster, and set it so */
    look_at_version(port->bus, reply);
    if (made != NULL)
        *made = true;
    return true;
}

/* ---- Messages that are kept. ---- */

static const char *decode(struct af_arena *arena, const char *text, size_t *len)
{
    size_t bytes = text == NULL ? 0 : strlen(text);
    unsigned char *data = af_arena_alloc(arena, bytes + 1);
    *len = 0;
    if (bytes > 0 && sodium_base642bin(data, bytes, text, bytes, NULL, len, NULL,
                                       sodium_base64_VARIANT_ORIGINAL) != 0)
        *len = 0;
    data[*len] = '\0';
    return (char *)data;
}

/* The value of the line `Af: …` of a block of headers. */
static const char *find_item(struct af_arena *arena, const char *headers)
{
    const char *line = strstr(headers, "\r\nAf: ");
    if (line == NULL)
        return "";
    line += strlen("\r\nAf: ");
    return af_arena_copy(arena, line, strcspn(line, "\r\n"));
}

/* 2026-11-29T11:42:19.123Z as seconds since 1970; 0: it is none. */
static int64_t read_time(const char *text)
{
    int year, month, day, hour, minute, second;
    if (text == NULL ||
        sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second) != 6)
        return 0;
    int64_t y = month <= 2 ? year - 1 : year; /* days by the civil calendar */
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t days = y * 365 + y / 4 - y / 100 + y / 400 + doy - 719468;
    return days * 86400 + hour * 3600 + minute * 60 + second;
}

/* What another stream has sent on, under whatever subject its maker chose, tells nothing. */
static const char stream_header[] = "\r\nNats-Stream";

static bool get(struct af_nats_port *port, struct af_nats_reply *reply, struct af_arena *arena,
                const char *stream, const char *question, struct af_nats_kept *kept)
{
    char subject[AF_NATS_SUBJECT_BYTES];
    struct af_arena texts = {0};
    size_t headers_len;
    *kept = (struct af_nats_kept){0};
    snprintf(subject, sizeof subject, "$JS.API.STREAM.MSG.GET.%s", stream);
    bool ok = af_nats_ask(port, reply, subject, "%s", question);
    if (!ok && reply->error == AF_NATS_NO_MESSAGE) {
        ok = true;
    } else if (ok) {
        const char *json = reply->data;
        size_t len = reply->len;
        const char *headers =
            decode(&texts, af_nats_text(&texts, json, len, "message.hdrs"), &headers_len);
        bool sent_on = memmem(headers, headers_len, stream_header, strlen(stream_header)) != NULL;
        kept->data = decode(arena, af_nats_text(&texts, json, len, "message.data"), &kept->len);
        if (sent_on)
            kept->data = "", kept->len = 0;
        kept->subject = af_nats_text(arena, json, len, "message.subject");
        kept->item = sent_on ? "" : find_item(arena, headers);
        kept->time_s = read_time(af_nats_text(&texts, json, len, "message.time"));
        if (!af_nats_integer(json, len, "message.seq", &kept->sequence) || kept->sequence <= 0 ||
            kept->subject == NULL) {
            ok = false;
            reply->code = AF_BUS_UNREACHABLE;
            snprintf(reply->why, sizeof reply->why, "the NATS server's answer cannot be used");
        }
    }
    af_arena_release(&texts);
    af_nats_reply_release(reply);
    return ok;
}

bool af_nats_last(struct af_nats_port *port, struct af_nats_reply *reply, struct af_arena *arena,
                  const char *stream, const char *subject, struct af_nats_kept *kept)
{
    char question[AF_NATS_SUBJECT_BYTES + 32];
    snprintf(question, sizeof question, "{\"last_by_subj\":\"%s\"}", subject);
    return get(port, reply, arena, stream, question, kept);
}

bool af_nats_next(struct af_nats_port *port, struct af_nats_reply *reply, struct af_arena *arena,
                  const char *stream, const char *subject, int64_t sequence,
                  struct af_nats_kept *kept)
{
    char question[AF_NATS_SUBJECT_BYTES + 64];
    snprintf(question, sizeof question, "{\"seq\":%lld,\"next_by_subj\":\"%s\"}",
             (long long)sequence, subject);
    return get(port, reply, arena, stream, question, kept);
}

bool af_nats_read(struct af_nats_port *port, struct af_nats_reply *reply, struct af_arena *arena,
                  const char *stream, const char *subject, int64_t sequence,
                  struct af_nats_kept *kept)
{
    char request[AF_NATS_SUBJECT_BYTES], question[AF_NATS_SUBJECT_BYTES + 64];
    *kept = (struct af_nats_kept){0};
    snprintf(question, sizeof question,
             subject == NULL ? "{\"seq\":%lld}" : "{\"seq\":%lld,\"next_by_subj\":\"%s\"}",
             (long long)sequence, subject);
    snprintf(request, sizeof request, "$JS.API.DIRECT.GET.%s", stream);
    bool ok = af_nats_ask(port, reply, request, "%s", question);
    if (reply->error == AF_NATS_NO_HEADERS) { /* those of its sender */
        af_nats_reply_release(reply);
        return get(port, reply, arena, stream, question, kept);
    }
    if (ok) {
        struct af_nats_message *message = reply->message;
        bool own = af_nats_header(message, "Nats-Stream-Source")[0] == '\0';
        kept->sequence = strtoll(af_nats_last_header(message, "Nats-Sequence", &own), NULL, 10);
        kept->subject = af_arena_string(arena, af_nats_last_header(message, "Nats-Subject", &own));
        af_nats_last_header(message, "Nats-Stream", &own);
        kept->item = af_arena_string(arena, own ? af_nats_header(message, "Af") : "");
        kept->data = af_arena_copy(arena, reply->len == 0 ? "" : reply->data, reply->len);
        kept->len = reply->len;
        ok = kept->sequence > 0;
        if (!ok) {
            reply->code = AF_BUS_UNREACHABLE;
            snprintf(reply->why, sizeof reply->why, "the NATS server's answer cannot be used");
        }
    }
    af_nats_reply_release(reply);
    return ok || reply->error == 404;
}

bool af_nats_put(struct af_nats_port *port, struct af_nats_reply *reply, const char *subject,
                 const char *value, size_t len, int64_t *sequence)
{
    char expected[32];
    snprintf(expected, sizeof expected, "%lld", (long long)*sequence);
    struct af_nats_send send = {
        .subject = subject,
        .body = value,
        .len = len,
        .headers = {{"Nats-Expected-Last-Subject-Sequence", *sequence < 0 ? NULL : expected}}};
    bool ok = af_nats_ask_with(port, reply, &send);
    if (ok && !af_nats_integer(reply->data, reply->len, "seq", sequence)) {
        snprintf(reply->why, sizeof reply->why, "the NATS server's answer cannot be used");
        reply->code = AF_BUS_UNREACHABLE;
        ok = false;
    }
    af_nats_reply_release(reply);
    return ok;
}

/* ---- Values of the fronts. ---- */

static bool need_values(struct af_nats_op *op, struct af_nats_reply *reply)
{
    char config[160];
    snprintf(config, sizeof config,
             "\"subjects\":[\"afu.*\"],\"max_msgs_per_subject\":1,\"max_age\":%lld",
             (long long)(AF_BUS_VALUE_AGE_S * AF_S_NS));
    bool ok = af_nats_need_stream(&op->bus->port, reply, AF_NATS_VALUES, config, NULL);
    af_nats_reply_release(reply);
    return ok;
}

static void name_value(const struct af_nats_op *op, char subject[AF_NATS_SUBJECT_BYTES])
{
    char token[AF_NATS_TOKEN_BYTES];
    af_nats_token(op->key, token);
    snprintf(subject, AF_NATS_SUBJECT_BYTES, "afu.%s", token);
}

void af_nats_put_value(struct af_nats_op *op)
{
    struct af_nats_reply reply;
    char subject[AF_NATS_SUBJECT_BYTES];
    int64_t sequence = -1;
    op->over = true;
    name_value(op, subject);
    if (!need_values(op, &reply) || !af_nats_put(&op->bus->port, &reply, subject, op->file.bytes,
                                                 op->file.bytes_len, &sequence))
        af_nats_fail(op, &reply);
}

void af_nats_get_value(struct af_nats_op *op)
{
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    char subject[AF_NATS_SUBJECT_BYTES];
    op->over = true;
    name_value(op, subject);
    bool ok = af_nats_last(&op->bus->port, &reply, &op->arena, AF_NATS_VALUES, subject, &kept);
    if (!ok && reply.error != AF_NATS_NO_STREAM) {
        af_nats_fail(op, &reply);
    } else if (ok && kept.sequence > 0) {
        op->result.bytes = kept.data;
        op->result.bytes_len = kept.len;
    }
}

/* ---- Tokens that are revoked. ----
 *
 * They have a stream without an end of their age: a front that was away for a year still has the
 * token in its file. */

static bool need_revoked(struct af_nats_op *op, struct af_nats_reply *reply)
{
    char config[160];
    snprintf(config, sizeof config,
             "\"subjects\":[\"afu.revoked.*\"],\"max_msgs_per_subject\":1,\"max_msgs\":%d,"
             "\"discard\":\"new\"",
             AF_BUS_REVOKED_MAX);
    return af_nats_need_stream(&op->bus->port, reply, AF_NATS_REVOKED, config, NULL);
}

void af_nats_revoke(struct af_nats_op *op)
{
    struct af_nats_reply reply;
    char subject[AF_NATS_SUBJECT_BYTES];
    int64_t sequence = -1;
    op->over = true;
    snprintf(subject, sizeof subject, "afu.revoked.%s", op->key);
    bool ok = need_revoked(op, &reply);
    af_nats_reply_release(&reply);
    if (!ok || !af_nats_put(&op->bus->port, &reply, subject, "", 0, &sequence))
        af_nats_fail(op, &reply);
}

static void add_revoked(void *arg, const char *subject, int64_t number)
{
    (void)number;
    af_buf_printf(arg, "\n%s", strrchr(subject, '.') + 1);
}

/* All are listed when the stream's last is another: a server that lost its power may be behind. */
void af_nats_revoked(struct af_nats_op *op)
{
    struct af_nats_bus *bus = op->bus;
    struct af_nats_reply reply;
    int64_t seen = bus->revoked_seen, last = 0;
    op->over = true;
    bus->revoked_seen = 0;
    bool ok = need_revoked(op, &reply);
    if (ok)
        af_nats_integer(reply.data, reply.len, "state.last_seq", &last);
    if (ok && last + 1 != seen) {
        af_nats_reply_release(&reply);
        ok = af_nats_ask(&bus->port, &reply, "$JS.API.STREAM.INFO." AF_NATS_REVOKED,
                         "{\"subjects_filter\":\"afu.revoked.*\"}");
        if (ok) {
            af_nats_integer(reply.data, reply.len, "state.last_seq", &last);
            af_nats_each(reply.data, reply.len, "state.subjects", add_revoked, &op->text);
            op->result.bytes = af_buf_text(&op->text);
            op->result.bytes_len = op->text.len;
        }
    }
    af_nats_reply_release(&reply);
    if (ok)
        bus->revoked_seen = last + 1;
    else
        af_nats_fail(op, &reply);
}
