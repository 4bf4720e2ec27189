/* calls.c: see calls.h. */
#include "script/calls.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "json/json.h"
#include "script/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 6 };

static const struct row {
    const char *name;
    struct {
        const char *name;
        char kind; /* as in struct af_request_field */
    } fields[FIELDS_MAX];
} rows[AF_CALL_COUNT] = {
    [AF_CALL_OTHER] = {"", {{0}}},
    [AF_CALL_LOG] = {"log", {{0}}},
    [AF_CALL_NEXT_EVENT] = {"next_event", {{"task", 's'}, {"channel", 's'}}},
    [AF_CALL_PUBLISH] = {"publish",
                         {{"task", 's'},
                          {"channel", 's'},
                          {"title", 's'},
                          {"type", 's'},
                          {"uuid", 's'},
                          {"targets", 'l'}}},
    [AF_CALL_REJECT] = {"reject", {{0}}},
    [AF_CALL_SLEEP] = {"sleep", {{0}}},
    [AF_CALL_MOCK_ENTER] = {"mock_enter", {{0}}},
    [AF_CALL_MOCK_LEAVE] = {"mock_leave", {{0}}},
    [AF_CALL_NODES] = {"nodes", {{"task", 's'}}},
    [AF_CALL_WHOAMI] = {"whoami", {{0}}},
    [AF_CALL_UPLOAD] = {"upload", {{"task", 's'}}},
    [AF_CALL_DOWNLOAD] = {"download", {{"url", 's'}}},
    [AF_CALL_RUN] = {"run", {{0}}}, /* read by script/run.h */
    [AF_CALL_PROGRESS] = {"progress", {{"task", 's'}, {"percent", 'i'}}},
    [AF_CALL_LAUNCH] = {"launch", {{"task", 's'}, {"file_key", 's'}}},
    [AF_CALL_DATASET] = {"dataset", {{"task", 's'}, {"verified", 'b'}}},
    [AF_CALL_KEEP] = {"keep", {{0}}},
    [AF_CALL_KEPT] = {"kept", {{"ref", 's'}}},
    [AF_CALL_TEST] = {"test", {{"op", 's'}}},
};

enum af_call af_script_call_number(const char *name)
{
    int number = AF_CALL_COUNT - 1;
    while (number > AF_CALL_OTHER && strcmp(rows[number].name, name) != 0)
        number--;
    return (enum af_call)number;
}

static bool has(const struct af_request *request, const char *name, char kind)
{
    for (size_t i = 0; i < request->count; i++)
        if (strcmp(request->fields[i].name, name) == 0)
            return request->fields[i].kind == kind;
    return false;
}

int af_script_call_read(struct af_asked *asked, struct af_script_party *party,
                        const struct af_script_call *call, char *why, size_t size)
{
    *asked = (struct af_asked){
        .number = af_script_call_number(call->name), .call = call, .party = party};
    const struct row *row = &rows[asked->number];
    if (!af_request_read(&asked->request, call->request, call->request_len)) {
        snprintf(why, size, "%s: its request is no object that can be read", call->name);
        return -1;
    }
    if (af_request_cut(&asked->request) != NULL) {
        snprintf(why, size, "%s: a zero byte stands in '%s'", call->name,
                 af_request_cut(&asked->request));
        return -1;
    }
    for (size_t i = 0; i < FIELDS_MAX && row->fields[i].name != NULL; i++) {
        if (has(&asked->request, row->fields[i].name, row->fields[i].kind))
            continue;
        snprintf(why, size, "%s: its request has no '%s'", call->name, row->fields[i].name);
        return -1;
    }
    return 0;
}

void af_script_tell_nodes(struct af_buf *reply, const struct af_script_who *who,
                          const char *const *ids, size_t count)
{
    if (who != NULL) {
        af_json_open(reply, '{');
        af_json_add_bool(reply, "mock", who->mock);
        af_json_add_text(reply, "id", who->id);
        af_json_name(reply, "nodes");
    }
    af_json_open(reply, '[');
    for (size_t i = 0; i < count; i++)
        af_json_item(reply, ids[i]);
    af_buf_append_string(reply, who != NULL ? "]}" : "]");
}

void af_script_tell_members(struct af_buf *reply, const struct af_script_who *who,
                            const struct af_script *script)
{
    size_t count;
    const struct af_script_member *members = af_script_members(script, &count);
    const char **ids = af_mem_zero(count, sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = members[i].id;
    af_script_tell_nodes(reply, who, ids, count);
    free(ids);
}

bool af_script_is_sha256(const void *bytes, size_t len, const char *expected)
{
    char hex[AF_SHA256_HEX_BYTES];
    af_sha256_of(bytes, len, hex);
    return strcmp(hex, expected) == 0;
}

void af_script_ref(const void *bytes, size_t len, char ref[AF_SCRIPT_REF_BYTES])
{
    static const char prefix[] = "kept:";
    memcpy(ref, prefix, sizeof prefix);
    af_sha256_of(bytes, len, ref + sizeof prefix - 1);
}

const char *af_script_call_sha256(const struct af_asked *asked)
{
    const char *ref = af_request_string(&asked->request, "ref");
    return ref == NULL ? NULL : ref + sizeof "kept:" - 1;
}

const char *af_script_keeps_no_more(size_t count, size_t bytes, size_t len)
{
    if (count >= AF_PARTY_KEPT_MAX)
        return "party:keep: a party keeps at most 1000 texts of bytes";
    if (len > AF_PARTY_KEPT_BYTES_MAX - bytes)
        return "party:keep: a party keeps at most 192 MiB";
    return NULL;
}

void af_script_answer_ref(const struct af_asked *asked, const char *ref, int64_t now_ns)
{
    char reply[AF_SCRIPT_REF_BYTES + 2];
    int len = snprintf(reply, sizeof reply, "\"%s\"", ref);
    struct af_answer answer = {.reply = reply, .reply_len = (size_t)len, .now_ns = now_ns};
    af_script_answer(asked->party, asked->call->id, &answer);
}

void af_script_answer_kept(const struct af_asked *asked, const void *bytes, size_t len,
                           int64_t now_ns)
{
    const char *reply = bytes != NULL ? "true" : "false";
    struct af_answer answer = {.reply = reply,
                               .reply_len = strlen(reply),
                               .bytes = bytes,
                               .bytes_len = len,
                               .now_ns = now_ns};
    af_script_answer(asked->party, asked->call->id, &answer);
}

static void append_text(struct af_buf *out, const char *name, const char *text, size_t len)
{
    af_buf_printf(out, "\"%s\":", name);
    if (text == NULL || !af_json_write_string(out, text, len))
        af_buf_append_string(out, "null");
    af_buf_append_char(out, ',');
}

void af_script_give_event(struct af_script_party *party, uint64_t call_id,
                          const struct af_script_event *event, int64_t now_ns)
{
    struct af_buf reply = AF_BUF_EMPTY;
    af_buf_append_char(&reply, '{');
    append_text(&reply, "type", event->type, event->type_len);
    append_text(&reply, "from", event->from, event->from == NULL ? 0 : strlen(event->from));
    append_text(&reply, "uuid", event->uuid, strlen(event->uuid));
    af_buf_append_string(&reply, "\"time\":");
    af_json_write_double(&reply, event->time_s);
    af_buf_append_char(&reply, '}');
    struct af_answer answer = {af_buf_text(&reply), reply.len, event->content,
                               event->content_len,  NULL,      now_ns};
    af_script_answer(party, call_id, &answer);
    af_buf_release(&reply);
}
