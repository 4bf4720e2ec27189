/* calls.c: see calls.h. */
#include "script/calls.h"

#include "base/buf.h"
#include "json/json.h"
#include "script/request.h"
#include "script/script.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { FIELDS_MAX = 6 };

static const struct row {
    const char *call;
    struct {
        const char *name;
        char kind; /* as in struct af_request_field */
    } fields[FIELDS_MAX];
} rows[] = {
    {"next_event", {{"task", 's'}, {"channel", 's'}}},
    {"publish",
     {{"task", 's'},
      {"channel", 's'},
      {"title", 's'},
      {"type", 's'},
      {"uuid", 's'},
      {"targets", 'l'}}},
    {"upload", {{"task", 's'}}},
    {"download", {{"url", 's'}}},
    {"progress", {{"task", 's'}, {"percent", 'i'}}},
    {"nodes", {{"task", 's'}}},
    {"launch", {{"task", 's'}, {"file_key", 's'}}},
    {"dataset", {{"task", 's'}, {"verified", 'b'}}},
};

static bool has(const struct af_request *request, const char *name, char kind)
{
    for (size_t i = 0; i < request->count; i++)
        if (strcmp(request->fields[i].name, name) == 0)
            return request->fields[i].kind == kind;
    return false;
}

int af_script_call_read(const struct af_script_call *call, struct af_request *request, char *why,
                        size_t size)
{
    if (!af_request_read(request, call->request, call->request_len)) {
        snprintf(why, size, "%s: its request is no object that can be read", call->name);
        return -1;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].call, call->name) != 0)
            continue;
        for (size_t k = 0; k < FIELDS_MAX && rows[i].fields[k].name != NULL; k++) {
            if (has(request, rows[i].fields[k].name, rows[i].fields[k].kind))
                continue;
            snprintf(why, size, "%s: its request has no '%s'", call->name, rows[i].fields[k].name);
            return -1;
        }
    }
    return 0;
}

bool af_script_is_sha256(const void *bytes, size_t len, const char *expected)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof digest + 1];
    crypto_hash_sha256(digest, bytes, len);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    return strcmp(hex, expected) == 0;
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
