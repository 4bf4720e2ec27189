/* journal_trace.c: see journal_trace.h. */
#include "run/journal_trace.h"

#include "base/arena.h"
#include "base/failure.h"
#include "json/rows.h"

#include <stdio.h>
#include <string.h>

struct writer {
    struct af_trace *trace;
    const struct af_store_party *party;
    const struct af_party_about *about;
    int64_t began_ns;
    struct af_journal_place *place;
    int64_t count;
};

static void add_list(struct af_trace *trace, const char *name, const struct af_buf *items)
{
    struct af_buf list = AF_BUF_EMPTY;
    af_buf_printf(&list, "[%s]", af_buf_text(items));
    af_trace_json(trace, name, af_buf_text(&list), list.len);
    af_buf_release(&list);
}

static void write_header(struct writer *writer)
{
    const struct af_party_about *about = writer->about;
    struct af_trace *trace = writer->trace;
    struct af_buf items = AF_BUF_EMPTY;
    af_trace_begin(trace, 0, NULL);
    af_trace_integer(trace, "trace", AF_TRACE_VERSION);
    af_trace_string(trace, "flow", about->flow);
    af_trace_integer(trace, "version", about->version);
    af_json_write_text(&items, about->file);
    add_list(trace, "file", &items);
    af_buf_clear(&items);
    af_json_write_text(&items, about->hash);
    add_list(trace, "hash", &items);
    af_buf_clear(&items);
    af_trace_integer(trace, "seed", 0);
    af_trace_json(trace, "options", "[]", 2);
    for (size_t i = 0; i < about->member_count; i++) {
        const char *role = about->members[i].role;
        af_json_open(&items, '{');
        af_json_add_text(&items, "id", about->members[i].id);
        af_json_add_text(&items, "role", role == NULL ? "unknown" : role);
        af_buf_append_char(&items, '}');
    }
    add_list(trace, "parties", &items);
    af_trace_string(trace, "journal", writer->party->node);
    af_trace_end(trace);
    af_buf_release(&items);
}

/* What came, as the party took it. */
static void write_input(struct writer *writer, const struct af_store_entry *entry, int64_t t_ns)
{
    static const struct {
        const char *kind, *record;
    } records[] = {{"event", "deliver"},     {"defer", "defer"},   {"ignore", "ignore"},
                   {"refuse", "unexpected"}, {"after", "timeout"}, {"deadline", "timeout"},
                   {"fail", "fail"},         {"pause", "pause"},   {"resume", "resume"},
                   {"hand", "hand"}};
    struct af_trace *trace = writer->trace;
    size_t i = 0, count = sizeof records / sizeof records[0];
    while (i < count && strcmp(records[i].kind, entry->kind) != 0)
        i++;
    if (i == count)
        return;
    af_trace_begin(trace, t_ns, records[i].record);
    af_trace_string(trace, "party", writer->party->node);
    if (entry->type != NULL) {
        if (strcmp(entry->kind, "hand") != 0)
            af_trace_string(trace, "from", entry->sender);
        af_trace_string(trace, "type", entry->type);
        af_trace_uuid(trace, "uuid", entry->uuid);
        if (strcmp(entry->kind, "refuse") == 0)
            af_trace_string(trace, "why", "not expected, or not valid");
    } else if (strcmp(entry->kind, "fail") == 0) {
        af_trace_string(trace, "reason", writer->party->reason);
    } else if (strcmp(records[i].record, "timeout") == 0) {
        af_trace_string(trace, "timer", entry->name == NULL ? "after" : entry->name);
    }
    af_trace_end(trace);
}

static void write_state(struct writer *writer, const struct af_store_entry *entry, int64_t t_ns)
{
    bool start = strcmp(entry->kind, "start") == 0;
    char hash[AF_HASH_HEX_BYTES];
    bool reload = strcmp(entry->kind, "reload") == 0;
    if (!start && !reload && strcmp(entry->kind, "event") != 0 &&
        strcmp(entry->kind, "after") != 0 && strcmp(entry->kind, "deadline") != 0)
        return;
    af_hash_hex(entry->data, hash);
    af_trace_begin(writer->trace, t_ns, start ? "start" : reload ? "reload" : "state");
    af_trace_string(writer->trace, "party", writer->party->node);
    if (reload)
        af_trace_string(writer->trace, "versions", entry->name);
    af_trace_string(writer->trace, "state", entry->state);
    if (!start && !reload)
        af_trace_bool(writer->trace, "entered", true);
    af_trace_string(writer->trace, "data_hash", hash);
    af_trace_end(writer->trace);
}

/* One object of `sends`, whose content is not told. */
static bool write_send(struct writer *writer, struct af_json_reader *reader, int64_t t_ns)
{
    struct sent {
        const char *type, *uuid;
        struct af_json_span to, content;
    } sent = {"", "", {"[]", 2}, {NULL, 0}};
    static const struct af_json_row rows[] = {
        {"type", AF_JSON_ROW_TEXT, offsetof(struct sent, type), NULL},
        {"uuid", AF_JSON_ROW_TEXT, offsetof(struct sent, uuid), NULL},
        {"to", AF_JSON_ROW_SPAN, offsetof(struct sent, to), NULL},
        {"content", AF_JSON_ROW_SPAN, offsetof(struct sent, content), NULL},
        {0}};
    struct af_arena arena = {0};
    struct af_hash uuid = {0, 0};
    bool ok = af_json_read_rows(reader, rows, &arena, &sent);
    af_uuid_parse(sent.uuid, &uuid);
    af_trace_begin(writer->trace, t_ns, "send");
    af_trace_string(writer->trace, "party", writer->party->node);
    af_trace_json(writer->trace, "to", sent.to.at, sent.to.len);
    af_trace_string(writer->trace, "type", sent.type);
    af_trace_uuid(writer->trace, "uuid", uuid);
    af_trace_integer(writer->trace, "bytes", (int64_t)sent.content.len);
    af_trace_json(writer->trace, "content", "{}", 2);
    af_trace_end(writer->trace);
    af_arena_release(&arena);
    return ok;
}

static void write_sends(struct writer *writer, const char *sends, int64_t t_ns)
{
    struct af_json_reader reader;
    af_json_reader_init_kept(&reader, sends, strlen(sends));
    bool ok = af_json_next(&reader) == AF_JSON_ARRAY_BEGIN;
    while (ok && af_json_next(&reader) == AF_JSON_OBJECT_BEGIN)
        ok = write_send(writer, &reader, t_ns);
    af_json_reader_release(&reader);
}

static void write_entry(void *arg, const struct af_store_entry *entry)
{
    struct writer *writer = arg;
    int64_t t_ns = entry->time_ns - writer->began_ns;
    if (t_ns < writer->place->t_ns) /* the clock was set back between two lives */
        t_ns = writer->place->t_ns;
    writer->place->t_ns = t_ns;
    writer->place->seq = entry->seq;
    writer->count++;
    write_input(writer, entry, t_ns);
    if (entry->sends != NULL)
        write_sends(writer, entry->sends, t_ns);
    write_state(writer, entry, t_ns);
}

static void write_end(struct writer *writer)
{
    const struct af_store_party *party = writer->party;
    if (party->result != NULL) {
        af_trace_begin(writer->trace, writer->place->t_ns, "done");
        af_trace_string(writer->trace, "party", party->node);
        af_trace_json(writer->trace, "result", party->result, strlen(party->result));
        af_trace_end(writer->trace);
    }
    af_trace_begin(writer->trace, writer->place->t_ns, "end");
    af_trace_string(writer->trace, "outcome", party->reason != NULL ? "failed" : "ok");
    af_trace_end(writer->trace);
}

int af_journal_trace(struct af_store *store, const struct af_store_party *party,
                     const struct af_party_about *about, struct af_journal_place *place,
                     int64_t max, af_trace_line_fn *fn, void *arg, struct af_failure *why)
{
    struct writer writer = {.trace = af_trace_new(fn, arg, false),
                            .party = party,
                            .about = about,
                            .began_ns = party->made_ns,
                            .place = place};
    bool has_ended = party->result != NULL || party->reason != NULL;
    if (place->seq < 0) {
        write_header(&writer);
        place->seq = 0;
    }
    int result = af_store_journal(store, party->id, place->seq, max, write_entry, &writer, why);
    place->is_over = writer.count < max && (has_ended || !place->stays);
    if (place->is_over)
        write_end(&writer);
    af_trace_free(writer.trace);
    return result;
}
