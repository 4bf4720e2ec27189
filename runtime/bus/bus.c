/* bus.c: the table of buses, and who answers what a bus cannot do. */
#include "bus/age.h"
#include "bus/latency.h"

#include "base/arena.h"
#include "base/bounds.h"
#include "base/buf.h"
#include "trace/contract.h"
#include "base/failure.h"
#include "json/rows.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct af_bus_driver *const drivers[] = {&af_bus_local, &af_bus_http, &af_bus_nats};

static const struct af_bus_driver *find_driver(const char *url)
{
    for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++)
        if (strncmp(url, drivers[i]->scheme, strlen(drivers[i]->scheme)) == 0)
            return drivers[i];
    if (strncmp(url, "tls://", 6) == 0)
        return &af_bus_nats;
    return strncmp(url, "https://", 8) == 0 ? &af_bus_http : NULL;
}

const char *af_bus_file_of(const char *url)
{
    const struct af_bus_driver *driver = find_driver(url);
    return driver != NULL && driver->is_file ? url + strlen(driver->scheme) : NULL;
}

bool af_bus_is_distant(const char *url)
{
    const struct af_bus_driver *driver = find_driver(url);
    return driver != NULL && !driver->is_file;
}

bool af_bus_has_fronts(const char *url)
{
    const struct af_bus_driver *driver = find_driver(url);
    return driver != NULL && driver->has_fronts;
}

bool af_bus_owns(const char *bus_url, const char *url)
{
    const struct af_bus_driver *driver = find_driver(bus_url);
    return driver != NULL && driver->owns(bus_url, url);
}

struct af_bus *af_bus_open(const char *url, struct af_loop *loop,
                           const struct af_bus_options *options, struct af_failure *why)
{
    const struct af_bus_driver *driver = find_driver(url);
    if (driver == NULL) {
        af_failure_set(why, AF_FAILURE_USAGE, url,
                       "is no bus; expected local:FILE, http://HOST:PORT, https://HOST:PORT, "
                       "nats://HOST:PORT or tls://HOST:PORT");
        return NULL;
    }
    struct af_bus *bus = driver->open(url, loop, options, why);
    if (bus != NULL && options->outbox != NULL)
        bus = af_bus_sidecar_open(bus, options, why);
    if (bus != NULL && af_bus_age_begin(&bus->age, url, options->age, why) != 0) {
        af_bus_close(bus);
        bus = NULL;
    }
    return bus;
}

void af_bus_close(struct af_bus *bus)
{
    if (bus == NULL)
        return;
    struct af_bus_age age = bus->age;
    struct af_bus_latencies latencies = bus->latencies;
    bus->driver->close(bus);
    af_bus_forget_latencies(&latencies);
    af_bus_age_end(&age);
}

const struct af_bus_post *af_bus_copy_posts(struct af_arena *arena, const struct af_bus_post *posts,
                                            size_t count)
{
    struct af_bus_post *copies = af_arena_alloc(arena, (count + 1) * sizeof *copies);
    for (size_t i = 0; i < count; i++) {
        copies[i] = posts[i];
        copies[i].task = af_arena_string(arena, posts[i].task);
        copies[i].channel = af_arena_string(arena, posts[i].channel);
        copies[i].title = af_arena_string(arena, posts[i].title);
        copies[i].sender = af_arena_string(arena, posts[i].sender);
        copies[i].uuid = af_arena_string(arena, posts[i].uuid);
        copies[i].targets = af_arena_strings(arena, posts[i].targets, posts[i].target_count);
        copies[i].content = af_arena_copy(arena, posts[i].content, posts[i].content_len);
    }
    return copies;
}

struct af_bus_take af_bus_copy_take(struct af_arena *arena, const struct af_bus_take *take)
{
    struct af_bus_take copy = *take;
    copy.task = af_arena_string(arena, take->task);
    copy.channel = af_arena_string(arena, take->channel);
    copy.node = af_arena_string(arena, take->node);
    copy.holder = af_arena_string(arena, take->holder);
    copy.age = af_arena_string(arena, take->age);
    copy.acks = af_arena_strings(arena, take->acks, take->ack_count);
    if (take->reasons != NULL)
        copy.reasons = af_arena_strings(arena, take->reasons, take->ack_count);
    return copy;
}

struct af_bus_file af_bus_copy_file(struct af_arena *arena, const struct af_bus_file *file)
{
    struct af_bus_file copy = *file;
    copy.task = af_arena_string(arena, file->task);
    copy.node = af_arena_string(arena, file->node);
    copy.path = af_arena_string(arena, file->path);
    copy.sha256 = af_arena_string(arena, file->sha256);
    copy.bytes = af_arena_copy(arena, file->bytes, file->bytes_len);
    copy.name = copy.call_id = NULL;
    return copy;
}

struct af_bus_fetch af_bus_copy_fetch(struct af_arena *arena, const struct af_bus_fetch *fetch)
{
    struct af_bus_fetch copy = *fetch;
    copy.task = af_arena_string(arena, fetch->task);
    copy.node = af_arena_string(arena, fetch->node);
    copy.url = af_arena_string(arena, fetch->url);
    copy.path = af_arena_string(arena, fetch->path);
    copy.sha256 = af_arena_string(arena, fetch->sha256);
    return copy;
}

bool af_bus_take_names(const struct af_bus_take *which, const char *uuid)
{
    for (size_t i = 0; i < which->ack_count; i++)
        if (uuid != NULL && strcmp(which->acks[i], uuid) == 0)
            return true;
    return which->ack_count == 0;
}

const char *af_bus_random_uuid(struct af_arena *arena)
{
    unsigned char bytes[32];
    char text[65];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(text, sizeof text, bytes, sizeof bytes);
    return af_arena_string(arena, text);
}

/* ---- What is told of a contract. ---- */

void af_bus_write_facts(struct af_buf *out, const struct af_facts *facts)
{
#define WRITE(name, kept)                                                                          \
    if (facts->name > 0)                                                                           \
        af_json_add_integer(out, #name, facts->name);
    AF_FACTS(WRITE)
}

/* ---- What fits. ---- */

static size_t json_bytes(const char *text)
{
    size_t bytes = 3; /* quotes and a comma */
    for (; text != NULL && *text != '\0'; text++)
        bytes += (unsigned char)*text < 0x20 || *text == '"' || *text == '\\' ? 6 : 1;
    return bytes;
}

size_t af_bus_item_bytes(const struct af_bus_item *item)
{
    size_t bytes = 300 + json_bytes(item->uuid) + json_bytes(item->title) +
                   json_bytes(item->sender) + item->content_len; /* 300: keys and numbers */
    for (size_t i = 0; i < item->target_count; i++)
        bytes += json_bytes(item->targets[i]);
    return bytes;
}

static struct af_bus_item item_of(const struct af_bus_post *post)
{
    return (struct af_bus_item){.uuid = post->uuid,
                                .title = post->title,
                                .sender = post->sender,
                                .targets = post->targets,
                                .target_count = post->target_count,
                                .content = post->content,
                                .content_len = post->content_len};
}

size_t af_bus_post_bytes(const struct af_bus_post *post)
{
    struct af_bus_item item = item_of(post);
    return af_bus_item_bytes(&item);
}

static bool name_fits(const char *what, const char *name, char why[AF_BUS_UNFIT_BYTES])
{
    if (name == NULL || strlen(name) <= AF_BUS_ID_BYTES_MAX)
        return true;
    snprintf(why, AF_BUS_UNFIT_BYTES, "the %s is longer than %d bytes", what, AF_BUS_ID_BYTES_MAX);
    return false;
}

static bool item_fits(const struct af_bus_item *item, char why[AF_BUS_UNFIT_BYTES])
{
    const char *unfit = af_contract_unfit(item->content, item->content_len);
    if (!name_fits("title", item->title, why) || !name_fits("uuid", item->uuid, why) ||
        !name_fits("sender", item->sender, why))
        return false;
    if (item->target_count > AF_BUS_TARGETS_MAX)
        snprintf(why, AF_BUS_UNFIT_BYTES, "more than %d targets", AF_BUS_TARGETS_MAX);
    else if (unfit != NULL)
        snprintf(why, AF_BUS_UNFIT_BYTES, "the content is %s", unfit);
    else if (af_bus_item_bytes(item) > AF_BUS_ITEM_BYTES_MAX)
        snprintf(why, AF_BUS_UNFIT_BYTES, "the content and the names of its targets are too large");
    else
        return true;
    return false;
}

bool af_bus_post_fits(const struct af_bus_post *post, char why[AF_BUS_UNFIT_BYTES])
{
    struct af_bus_item item = item_of(post);
    return name_fits("channel", post->channel, why) && item_fits(&item, why);
}

static bool is_name(const char *text)
{
    return text != NULL && text[0] != '\0' && af_json_is_utf8(text, strlen(text));
}

bool af_bus_item_fits(const struct af_bus_item *item, char why[AF_BUS_UNFIT_BYTES])
{
    struct af_json_reader reader;
    const char *wrong = NULL;
    af_json_reader_init(&reader, item->content, item->content_len);
    if (af_json_next(&reader) != AF_JSON_OBJECT_BEGIN ||
        !af_json_skip(&reader, AF_JSON_OBJECT_BEGIN) || af_json_next(&reader) != AF_JSON_END)
        wrong = "its content is no JSON object";
    af_json_reader_release(&reader);
    if (!is_name(item->uuid) || !is_name(item->title) ||
        (item->sender != NULL && !is_name(item->sender)))
        wrong = "its uuid, title or sender is no name";
    else if (item->target_count == 0)
        wrong = "its targets are no list of names";
    if (wrong != NULL)
        snprintf(why, AF_BUS_UNFIT_BYTES, "%s", wrong);
    return wrong == NULL && item_fits(item, why);
}

/* ---- What a bus cannot do. ---- */

struct refusal {
    af_bus_done_fn *done;
    void *arg;
};

static void refuse_now(void *arg)
{
    struct refusal *refusal = arg;
    struct af_bus_result result = {.code = AF_BUS_INVALID, .why = "this bus does not offer it"};
    refusal->done(refusal->arg, &result);
    free(refusal);
}

static void refuse(struct af_bus *bus, af_bus_done_fn *done, void *arg)
{
    struct refusal *refusal = af_mem_alloc(sizeof *refusal);
    *refusal = (struct refusal){done, arg};
    af_loop_post(bus->loop, refuse_now, refusal);
}

/* ---- Calls. ---- */

void af_bus_publish(struct af_bus *bus, const struct af_bus_post *posts, size_t count,
                    af_bus_done_fn *done, void *arg)
{
    bus->driver->publish(bus, posts, count, done, arg);
}

uint64_t af_bus_take(struct af_bus *bus, const struct af_bus_take *take, af_bus_done_fn *done,
                     void *arg)
{
    return bus->driver->take(bus, take, done, arg);
}

void af_bus_cancel(struct af_bus *bus, uint64_t ticket)
{
    bus->driver->cancel(bus, ticket);
}

void af_bus_ack(struct af_bus *bus, const struct af_bus_take *acks, af_bus_done_fn *done, void *arg)
{
    bus->driver->ack(bus, acks, done, arg);
}

void af_bus_written(struct af_bus *bus, const struct af_bus_take *which, bool ok)
{
    if (bus->driver->written != NULL)
        bus->driver->written(bus, which, ok);
}

void af_bus_revive(struct af_bus *bus, const struct af_bus_take *which, af_bus_done_fn *done,
                   void *arg)
{
    bus->driver->revive(bus, which, done, arg);
}

void af_bus_members(struct af_bus *bus, const char *task, const struct af_bus_member *asker,
                    af_bus_done_fn *done, void *arg)
{
    bus->driver->members(bus, task, asker, done, arg);
}

void af_bus_put_file(struct af_bus *bus, const struct af_bus_file *file, af_bus_done_fn *done,
                     void *arg)
{
    bus->driver->put_file(bus, file, done, arg);
}

void af_bus_get_file(struct af_bus *bus, const struct af_bus_fetch *fetch, af_bus_done_fn *done,
                     void *arg)
{
    bus->driver->get_file(bus, fetch, done, arg);
}

void af_bus_tell(struct af_bus *bus, const struct af_bus_note *note, af_bus_done_fn *done,
                 void *arg)
{
    bus->driver->tell(bus, note, done, arg);
}

void af_bus_create_task(struct af_bus *bus, const struct af_bus_task *task, af_bus_done_fn *done,
                        void *arg)
{
    if (bus->driver->create_task == NULL)
        refuse(bus, done, arg);
    else
        bus->driver->create_task(bus, task, done, arg);
}

void af_bus_end_task(struct af_bus *bus, const char *task, af_bus_done_fn *done, void *arg)
{
    if (bus->driver->end_task == NULL)
        refuse(bus, done, arg);
    else
        bus->driver->end_task(bus, task, done, arg);
}

void af_bus_begin(struct af_bus *bus, const char *task, bool clean, af_bus_done_fn *done, void *arg)
{
    if (bus->driver->begin == NULL)
        refuse(bus, done, arg);
    else
        bus->driver->begin(bus, task, clean, done, arg);
}

void af_bus_backup(struct af_bus *bus, const char *path, af_bus_done_fn *done, void *arg)
{
    if (bus->driver->backup == NULL)
        refuse(bus, done, arg);
    else
        bus->driver->backup(bus, path, done, arg);
}

void af_bus_status(struct af_bus *bus, const char *task, af_bus_done_fn *done, void *arg)
{
    if (bus->driver->status == NULL)
        refuse(bus, done, arg);
    else
        bus->driver->status(bus, task, done, arg);
}

bool af_bus_keeps_values(const struct af_bus *bus)
{
    return bus->driver->put_value != NULL;
}

void af_bus_put_value(struct af_bus *bus, const char *key, const void *value, size_t len,
                      af_bus_done_fn *done, void *arg)
{
    bus->driver->put_value(bus, key, value, len, done, arg);
}

void af_bus_get_value(struct af_bus *bus, const char *key, af_bus_done_fn *done, void *arg)
{
    bus->driver->get_value(bus, key, done, arg);
}

void af_bus_revoke(struct af_bus *bus, const char *digest, af_bus_done_fn *done, void *arg)
{
    bus->driver->revoke(bus, digest, done, arg);
}

void af_bus_revoked(struct af_bus *bus, af_bus_done_fn *done, void *arg)
{
    bus->driver->revoked(bus, done, arg);
}

bool af_bus_cluster(struct af_bus *bus, const char *task, af_bus_done_fn *done, void *arg)
{
    if (bus->driver->cluster == NULL)
        return false;
    bus->driver->cluster(bus, task, done, arg);
    return true;
}

int af_bus_leases(const struct af_bus *bus)
{
    return bus->driver->leases(bus);
}

uint64_t af_bus_epoch(const struct af_bus *bus)
{
    return bus->driver->epoch == NULL ? 0 : bus->driver->epoch(bus);
}

const struct af_bus_times *af_bus_times(const struct af_bus *bus)
{
    return &bus->times;
}

bool af_bus_commits(struct af_bus *bus, struct af_histogram *times)
{
    if (bus->driver->commits == NULL)
        return false;
    bus->driver->commits(bus, times);
    return true;
}

const char *af_bus_files(const struct af_bus *bus)
{
    return bus->driver->files(bus);
}

bool af_bus_outbox(const struct af_bus *bus, struct af_bus_outbox *outbox)
{
    if (bus->driver->outbox == NULL)
        return false;
    bus->driver->outbox(bus, outbox);
    return true;
}

bool af_bus_limits(const struct af_bus *bus, struct af_bus_limits *limits)
{
    if (bus->driver->limits == NULL)
        return false;
    bus->driver->limits(bus, limits);
    return true;
}

bool af_bus_item_type(const struct af_bus_item *item, struct af_buf *type)
{
    static const struct af_json_row rows[] = {{"type", AF_JSON_ROW_TEXT, 0, NULL}, {0}};
    struct af_json_span content = {item->content, item->content_len};
    struct af_arena arena = {0};
    const char *found = "";
    bool ok = af_json_read_object(content, rows, &arena, &found);
    af_buf_append_string(type, found);
    af_arena_release(&arena);
    return ok;
}
