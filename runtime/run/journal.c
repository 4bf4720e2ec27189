/* journal.c: see journal.h. */
#include "run/journal.h"

#include "base/arena.h"
#include "json/rows.h"
#include "trace/contract.h"

#include <string.h>

const char *af_run_step_kind(enum af_step_kind kind)
{
    static const char *const names[] = {
        [AF_STEP_START] = "start",       [AF_STEP_EVENT] = "event",   [AF_STEP_DEFER] = "defer",
        [AF_STEP_IGNORE] = "ignore",     [AF_STEP_REFUSE] = "refuse", [AF_STEP_AFTER] = "after",
        [AF_STEP_DEADLINE] = "deadline", [AF_STEP_FAIL] = "fail",     [AF_STEP_HOLD] = "hold",
        [AF_STEP_RETRY] = "retry",       [AF_STEP_HAND] = "hand",
    };
    return names[kind];
}

void af_run_write_facts(const struct af_facts *facts, struct af_buf *out)
{
#define ADD(name, kept)                                                                            \
    if (facts->name > 0) {                                                                         \
        if (out->len == 0)                                                                         \
            af_json_open(out, '{');                                                                \
        af_json_add_integer(out, #kept, facts->name);                                              \
    }
    AF_FACTS(ADD)
    if (out->len > 0)
        af_buf_append_char(out, '}');
}

bool af_run_read_facts(const char *text, struct af_facts *facts)
{
#define ROW(name, kept) {#kept, AF_JSON_ROW_INTEGER, offsetof(struct af_facts, name), NULL},
    static const struct af_json_row rows[] = {AF_FACTS(ROW){0}};
    struct af_arena arena = {0};
    *facts = (struct af_facts){0};
    bool ok = text == NULL ||
              af_json_read_object((struct af_json_span){text, strlen(text)}, rows, &arena, facts);
    af_arena_release(&arena);
    return ok;
}

void af_run_write_send(struct af_script *script, const struct af_contract *contract,
                       const uint32_t *targets, size_t target_count, struct af_buf *out)
{
    size_t member_count;
    const struct af_script_member *members = af_script_members(script, &member_count);
    char uuid[AF_UUID_TEXT_BYTES];
    af_buf_append_string(out, out->len == 0 ? "[{\"to\":[" : ",{\"to\":[");
    for (size_t i = 0; i < target_count; i++)
        af_json_item(out, members[targets[i]].id);
    af_uuid_format(contract->uuid, uuid);
    af_buf_printf(out, "],\"uuid\":\"%s\"", uuid);
    af_json_add_text(out, "title", contract->title);
    af_buf_append_string(out, ",\"type\":");
    af_json_write_string(out, contract->type, contract->type_len);
    af_json_add_integer(out, "time", contract->time_ns);
#define KEEP(name, kept) af_json_add_integer(out, #kept, contract->facts.name);
    AF_FACTS(KEEP)
    af_json_name(out, "content");
    af_buf_append(out, contract->content, contract->content_len);
    af_buf_append_char(out, '}');
}
