/* wire.c: the bodies of messages, both ways; flows and effects have files of their own. */
#include "worker/wire.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "json/json.h"
#include "base/mem.h"
#include "script/calls.h"
#include "base/version.h"
#include "script/effects.h"
#include "worker/jail.h"

#include <stdlib.h>
#include <string.h>

static const char magic[] = "afrun worker " AF_VERSION;

/* ---- Pieces. ---- */

void af_wire_put_u8(struct af_buf *out, uint8_t value)
{
    af_buf_append(out, &value, sizeof value);
}

void af_wire_put_u32(struct af_buf *out, uint32_t value)
{
    af_buf_append(out, &value, sizeof value);
}

void af_wire_put_u64(struct af_buf *out, uint64_t value)
{
    af_buf_append(out, &value, sizeof value);
}

void af_wire_put_hash(struct af_buf *out, struct af_hash hash)
{
    af_wire_put_u64(out, hash.a);
    af_wire_put_u64(out, hash.b);
}

/* Length + 1, so that 0 says NULL. */
void af_wire_put_tail(struct af_buf *out, const void *bytes, size_t len)
{
    if (len >= UINT32_MAX)
        out->full = true;
    else
        af_wire_put_u32(out, bytes == NULL ? 0 : (uint32_t)len + 1);
}

void af_wire_put_bytes(struct af_buf *out, const void *bytes, size_t len)
{
    af_wire_put_tail(out, bytes, len);
    if (bytes == NULL || out->full)
        return;
    af_buf_append(out, bytes, len);
    af_buf_append_char(out, '\0');
}

void af_wire_put_string(struct af_buf *out, const char *text)
{
    af_wire_put_bytes(out, text, text == NULL ? 0 : strlen(text));
}

static void get(struct af_wire_in *in, void *value, size_t size)
{
    if ((size_t)(in->end - in->at) < size) {
        in->bad = true;
        in->at = in->end;
        memset(value, 0, size);
        return;
    }
    memcpy(value, in->at, size);
    in->at += size;
}

uint8_t af_wire_get_u8(struct af_wire_in *in)
{
    uint8_t value;
    get(in, &value, sizeof value);
    return value;
}

uint32_t af_wire_get_u32(struct af_wire_in *in)
{
    uint32_t value;
    get(in, &value, sizeof value);
    return value;
}

uint64_t af_wire_get_u64(struct af_wire_in *in)
{
    uint64_t value;
    get(in, &value, sizeof value);
    return value;
}

struct af_hash af_wire_get_hash(struct af_wire_in *in)
{
    struct af_hash hash;
    hash.a = af_wire_get_u64(in);
    hash.b = af_wire_get_u64(in);
    return hash;
}

const char *af_wire_get_bytes(struct af_wire_in *in, size_t *len)
{
    size_t size = af_wire_get_u32(in); /* with the 0 behind them */
    *len = size == 0 ? 0 : size - 1;
    if (size == 0)
        return NULL;
    if ((size_t)(in->end - in->at) < size || in->at[*len] != '\0') {
        in->bad = true;
        in->at = in->end;
        *len = 0;
        return NULL;
    }
    const char *bytes = in->at;
    in->at += size;
    return bytes;
}

const char *af_wire_get_string(struct af_wire_in *in)
{
    size_t len;
    const char *text = af_wire_get_bytes(in, &len);
    if (text != NULL && strlen(text) != len) {
        in->bad = true;
        return NULL;
    }
    return text;
}

const char *af_wire_get_text(struct af_wire_in *in)
{
    size_t len;
    const char *bytes = af_wire_get_bytes(in, &len);
    if (bytes == NULL)
        return NULL;
    char *text = (char *)bytes; /* the body is the reader's own */
    len = af_effects_text_len(text, len);
    text[len] = '\0';
    af_wire_mend_utf8(text, len);
    for (char *zero; (zero = memchr(text, '\0', len)) != NULL;)
        *zero = '?';
    return text;
}

bool af_wire_is_over(const struct af_wire_in *in)
{
    return !in->bad && in->at == in->end;
}

void af_wire_mend_utf8(char *text, size_t len)
{
    if (af_json_is_utf8(text, len))
        return;
    for (size_t at = 0; at < len;) {
        size_t step = 1;
        while (step < 4 && at + step <= len && !af_json_is_utf8(text + at, step))
            step++;
        if (at + step > len || !af_json_is_utf8(text + at, step)) {
            text[at] = '?';
            step = 1;
        }
        at += step;
    }
}

/* ---- Node to worker. ---- */

void af_wire_put_script(struct af_buf *out, const struct af_wire_script *script)
{
    af_wire_put_u32(out, script->script);
    af_wire_put_string(out, script->task_id);
    af_wire_put_u32(out, (uint32_t)script->member_count);
    for (size_t i = 0; i < script->member_count; i++) {
        af_wire_put_string(out, script->members[i].id);
        af_wire_put_u32(out, script->members[i].role);
    }
    af_wire_put_u32(out, (uint32_t)script->arg_count);
    for (size_t i = 0; i < script->arg_count; i++) {
        af_wire_put_string(out, script->args[i].name);
        af_wire_put_string(out, script->args[i].value);
    }
}

bool af_wire_get_script(struct af_wire_in *in, struct af_wire_script *script)
{
    memset(script, 0, sizeof *script);
    script->script = af_wire_get_u32(in);
    script->task_id = af_wire_get_string(in);
    script->member_count = af_wire_get_u32(in);
    if (script->member_count > (size_t)(in->end - in->at))
        return false;
    script->members = af_mem_zero(script->member_count, sizeof *script->members);
    for (size_t i = 0; i < script->member_count; i++) {
        script->members[i].id = af_wire_get_string(in);
        script->members[i].role = af_wire_get_u32(in);
    }
    script->arg_count = af_wire_get_u32(in);
    if (script->arg_count > (size_t)(in->end - in->at))
        return false;
    script->args = af_mem_zero(script->arg_count, sizeof *script->args);
    for (size_t i = 0; i < script->arg_count; i++) {
        script->args[i].name = af_wire_get_string(in);
        script->args[i].value = af_wire_get_string(in);
    }
    return af_wire_is_over(in);
}

void af_wire_put_party(struct af_buf *out, const struct af_wire_party *party)
{
    af_wire_put_u32(out, party->script);
    af_wire_put_u32(out, party->party);
    af_wire_put_u32(out, party->member);
    af_wire_put_hash(out, party->seed);
    af_wire_put_u8(out, party->restored);
    af_wire_put_u32(out, (uint32_t)party->state);
    af_wire_put_bytes(out, party->data, party->data_len);
}

bool af_wire_get_party(struct af_wire_in *in, struct af_wire_party *party)
{
    party->script = af_wire_get_u32(in);
    party->party = af_wire_get_u32(in);
    party->member = af_wire_get_u32(in);
    party->seed = af_wire_get_hash(in);
    party->restored = af_wire_get_u8(in) != 0;
    party->state = (int)af_wire_get_u32(in);
    party->data = af_wire_get_bytes(in, &party->data_len);
    return af_wire_is_over(in);
}

void af_wire_put_deliver(struct af_buf *out, uint32_t party, const struct af_input *input)
{
    af_wire_put_u32(out, party);
    af_wire_put_u8(out, (uint8_t)input->kind);
    af_wire_put_u64(out, (uint64_t)input->now_ns);
    af_wire_put_hash(out, input->key);
    af_wire_put_u32(out, (uint32_t)input->event);
    af_wire_put_string(out, input->from);
    af_wire_put_bytes(out, input->content, input->content_len);
    af_wire_put_string(out, input->deadline);
}

bool af_wire_get_deliver(struct af_wire_in *in, uint32_t *party, struct af_input *input)
{
    *party = af_wire_get_u32(in);
    input->kind = (enum af_input_kind)af_wire_get_u8(in);
    input->now_ns = (int64_t)af_wire_get_u64(in);
    input->key = af_wire_get_hash(in);
    input->event = (int)af_wire_get_u32(in);
    input->from = af_wire_get_string(in);
    input->content = af_wire_get_bytes(in, &input->content_len);
    input->deadline = af_wire_get_string(in);
    return af_wire_is_over(in);
}

void af_wire_put_answer(struct af_buf *out, uint32_t party, uint64_t call,
                        const struct af_answer *answer)
{
    af_wire_put_u32(out, party);
    af_wire_put_u64(out, call);
    af_wire_put_u64(out, (uint64_t)answer->now_ns);
    af_wire_put_bytes(out, answer->reply, answer->reply_len);
    af_wire_put_string(out, answer->failure);
    af_wire_put_tail(out, answer->bytes, answer->bytes_len);
}

bool af_wire_get_answer(struct af_wire_in *in, uint32_t *party, uint64_t *call,
                        struct af_answer *answer)
{
    *party = af_wire_get_u32(in);
    *call = af_wire_get_u64(in);
    answer->now_ns = (int64_t)af_wire_get_u64(in);
    answer->reply = af_wire_get_bytes(in, &answer->reply_len);
    answer->failure = af_wire_get_string(in);
    answer->bytes = af_wire_get_bytes(in, &answer->bytes_len);
    return af_wire_is_over(in);
}

/* ---- Worker to node. ---- */

void af_wire_put_hello(struct af_buf *out, unsigned lacks)
{
    af_wire_put_u32(out, AF_WIRE_VERSION);
    af_wire_put_string(out, magic);
    af_wire_put_u8(out, (uint8_t)lacks);
}

const char *af_wire_read_hello(struct af_wire_in *in, unsigned *lacks)
{
    uint32_t version = af_wire_get_u32(in);
    const char *text = af_wire_get_string(in);
    *lacks = af_wire_get_u8(in);
    if (!af_wire_is_over(in) || version != AF_WIRE_VERSION || text == NULL ||
        strcmp(text, magic) != 0 || *lacks > AF_JAIL_LACKS_ALL)
        return "it is no worker of this version of afrun";
    return NULL;
}

void af_wire_put_failure(struct af_buf *out, const struct af_failure *why)
{
    af_wire_put_u8(out, (uint8_t)why->kind);
    af_wire_put_string(out, why->what);
    af_wire_put_string(out, why->why);
}

const char *af_wire_read_failure(struct af_wire_in *in, struct af_failure *why)
{
    unsigned kind = af_wire_get_u8(in);
    const char *what = af_wire_get_text(in), *text = af_wire_get_text(in);
    *why = AF_FAILURE_INIT;
    if (in->bad || kind > AF_FAILURE_INTERRUPTED || what == NULL || text == NULL)
        return "a failure is malformed";
    if (kind != AF_FAILURE_NONE)
        af_failure_set(why, (enum af_failure_kind)kind, what, "%s", text);
    return NULL;
}

void af_wire_put_call(struct af_buf *out, const struct af_script_call *call)
{
    af_wire_put_u64(out, call->id);
    af_wire_put_string(out, call->name);
    af_wire_put_bytes(out, call->request, call->request_len);
    af_wire_put_hash(out, call->key);
    af_wire_put_tail(out, call->bytes, call->bytes_len);
}

const char *af_wire_read_call(struct af_wire_in *in, struct af_script_call *call)
{
    call->id = af_wire_get_u64(in);
    call->name = af_wire_get_string(in);
    call->request = af_wire_get_bytes(in, &call->request_len);
    call->key = af_wire_get_hash(in);
    call->bytes = af_wire_get_bytes(in, &call->bytes_len);
    if (!af_wire_is_over(in) || !af_flow_is_name(call->name) || call->request == NULL)
        return "a call is malformed";
    if ((call->id == 0) != (af_script_call_number(call->name) == AF_CALL_LOG))
        return "a call has a wrong number";
    if (!af_wire_is_json(call->request, call->request_len, NULL))
        return "a call's request is no JSON";
    return NULL;
}

bool af_wire_is_json(const char *text, size_t len, const char *type)
{
    static struct af_json_reader reader; /* its memory is kept */
    af_json_reader_restart(&reader, text, len);
    enum af_json_token token = af_json_next(&reader);
    if (token == AF_JSON_ERROR)
        return false;
    if (type == NULL)
        return af_json_skip(&reader, token) && af_json_next(&reader) == AF_JSON_END;
    bool named = false;
    if (token != AF_JSON_OBJECT_BEGIN)
        return false;
    while ((token = af_json_next(&reader)) == AF_JSON_KEY) {
        bool is_type = af_json_is(&reader, "type");
        token = af_json_next(&reader);
        if (is_type)
            named = token == AF_JSON_STRING && af_json_is(&reader, type);
        if (token == AF_JSON_ERROR || !af_json_skip(&reader, token))
            return false;
    }
    return token == AF_JSON_OBJECT_END && named && af_json_next(&reader) == AF_JSON_END;
}
