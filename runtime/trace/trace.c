/* trace.c: see trace.h. */
#include "trace/trace.h"

#include "trace/contract.h"
#include "trace/veil.h"
#include "json/json.h"
#include "script/script.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct af_trace {
    af_trace_line_fn *fn;
    void *arg;
    bool with_data;
    struct af_hash veil;
    bool hides;                     /* one of them declares secrets: */
    const struct af_flow *flows[2]; /* a run has two at most */
    struct af_buf line;
    size_t time_len; /* of the line's beginning, which a record of the same time has, too; or 0 */
    int64_t time_ns;
};

struct af_trace *af_trace_new(af_trace_line_fn *fn, void *arg, bool with_data)
{
    struct af_trace *trace = af_mem_zero(1, sizeof *trace);
    trace->fn = fn;
    trace->arg = arg;
    trace->with_data = with_data;
    return trace;
}

void af_trace_free(struct af_trace *trace)
{
    if (trace == NULL)
        return;
    af_buf_release(&trace->line);
    free(trace);
}

bool af_trace_with_data(const struct af_trace *trace)
{
    return trace != NULL && trace->with_data;
}

/* Begins a field, with room for more bytes behind its name; returns where they go, or NULL. */
static char *name_field(struct af_trace *trace, const char *name, size_t more)
{
    size_t len = strlen(name);
    struct af_buf *line = &trace->line;
    if (!af_buf_reserve(line, len + 4 + more))
        return NULL;
    char *to = line->data + line->len;
    if (line->len > 1)
        *to++ = ',';
    *to++ = '"';
    to = mempcpy(to, name, len);
    *to++ = '"';
    *to++ = ':';
    line->len = (size_t)(to - line->data);
    return to;
}

/* A field whose text has nothing to escape. */
static void plain_field(struct af_trace *trace, const char *name, const char *text, size_t len)
{
    char *to = name_field(trace, name, len + 2);
    if (to == NULL)
        return;
    to[0] = '"';
    memcpy(to + 1, text, len);
    to[len + 1] = '"';
    trace->line.len += len + 2;
}

void af_trace_begin(struct af_trace *trace, int64_t now_ns, const char *kind)
{
    if (trace == NULL)
        return;
    if (kind == NULL || trace->time_len == 0 || trace->time_ns != now_ns) {
        af_buf_clear(&trace->line);
        af_buf_append_char(&trace->line, '{');
        trace->time_len = 0;
        if (kind == NULL)
            return;
        af_trace_integer(trace, "t", now_ns);
        trace->time_ns = now_ns;
        trace->time_len = trace->line.len;
    }
    trace->line.len = trace->time_len;
    trace->line.full = false;
    plain_field(trace, "kind", kind, strlen(kind));
}

void af_trace_text(struct af_trace *trace, const char *name, const char *text, size_t len)
{
    if (trace == NULL)
        return;
    name_field(trace, name, 0);
    if (text == NULL)
        af_buf_append_string(&trace->line, "null");
    else if (!af_json_write_string(&trace->line, text, len))
        af_buf_append_string(&trace->line, "\"(not valid UTF-8)\"");
}

void af_trace_string(struct af_trace *trace, const char *name, const char *text)
{
    af_trace_text(trace, name, text, text == NULL ? 0 : strlen(text));
}

void af_trace_integer(struct af_trace *trace, const char *name, int64_t value)
{
    if (trace == NULL)
        return;
    name_field(trace, name, 0);
    af_json_write_integer(&trace->line, value);
}

void af_trace_bool(struct af_trace *trace, const char *name, bool value)
{
    af_trace_json(trace, name, value ? "true" : "false", value ? 4 : 5);
}

void af_trace_json(struct af_trace *trace, const char *name, const char *json, size_t len)
{
    if (trace == NULL)
        return;
    name_field(trace, name, 0);
    af_buf_append(&trace->line, json, len);
}

void af_trace_uuid(struct af_trace *trace, const char *name, struct af_hash uuid)
{
    char text[AF_UUID_TEXT_BYTES];
    if (trace == NULL)
        return;
    af_uuid_format(uuid, text);
    plain_field(trace, name, text, AF_UUID_TEXT_BYTES - 1);
}

void af_trace_veil(struct af_trace *trace, struct af_hash key, const struct af_flow *flow)
{
    if (trace == NULL)
        return;
    trace->veil = key;
    trace->flows[trace->flows[0] == NULL ? 0 : 1] = flow;
    trace->hides = trace->hides || af_veil_in_flow(flow);
}

void af_trace_content(struct af_trace *trace, const struct af_contract *contract)
{
    if (trace == NULL)
        return;
    const char *fields = NULL;
    for (size_t i = 0; trace->hides && i < 2 && !af_veil_in_fields(fields); i++) {
        const struct af_flow *flow = trace->flows[i];
        int event =
            flow == NULL ? -1 : af_flow_find_event(flow, contract->type, contract->type_len);
        fields = event < 0 ? NULL : flow->events[event].fields;
    }
    name_field(trace, "content", 0);
    af_veil_event(trace->veil, fields, contract->content, contract->content_len, &trace->line);
}

void af_trace_data(struct af_trace *trace, const char *data, size_t len)
{
    char text[AF_HASH_HEX_BYTES];
    if (trace == NULL)
        return;
    af_hash_hex(af_veil_hash(trace->veil, data, len), text);
    plain_field(trace, "data_hash", text, sizeof text - 1);
    if (trace->with_data) {
        name_field(trace, "data", 0);
        af_veil_data(trace->veil, data, len, &trace->line);
    }
}

void af_trace_end(struct af_trace *trace)
{
    if (trace == NULL)
        return;
    af_buf_append_char(&trace->line, '}');
    trace->fn(trace->arg, af_buf_text(&trace->line), trace->line.len);
}

void af_trace_contract(struct af_trace *trace, int64_t now_ns, const char *kind, const char *party,
                       const struct af_contract *contract, const char *why)
{
    if (trace == NULL)
        return;
    af_trace_begin(trace, now_ns, kind);
    af_trace_string(trace, "party", party);
    af_trace_string(trace, "from", contract->from);
    af_trace_text(trace, "type", contract->type, contract->type_len);
    af_trace_uuid(trace, "uuid", contract->uuid);
    if (why != NULL)
        af_trace_string(trace, "why", why);
    af_trace_end(trace);
}

void af_trace_party(struct af_trace *trace, int64_t now_ns, const char *kind, const char *party,
                    const char *name, const char *text)
{
    if (trace == NULL)
        return;
    af_trace_begin(trace, now_ns, kind);
    af_trace_string(trace, "party", party);
    if (name != NULL)
        af_trace_string(trace, name, text);
    af_trace_end(trace);
}
