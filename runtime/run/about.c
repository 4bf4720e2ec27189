/* about.c: see about.h. */
#include "run/about.h"

#include "base/bounds.h"
#include "bus/bus.h"
#include "base/failure.h"
#include "json/rows.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct af_party_about af_party_about_of(struct af_script *script, const char *file,
                                        const char *role, const struct af_script_arg *args,
                                        size_t arg_count, struct af_arena *arena)
{
    const struct af_flow *flow = af_script_flow(script);
    struct af_party_about about = {.file = file,
                                   .flow = flow->name,
                                   .version = flow->version,
                                   .hash = af_script_file(script)->hash,
                                   .role = role,
                                   .arg_count = arg_count};
    const struct af_script_member *members = af_script_members(script, &about.member_count);
    about.members = af_arena_alloc(arena, about.member_count * sizeof *about.members);
    for (size_t i = 0; i < about.member_count; i++) {
        about.members[i].id = members[i].id;
        about.members[i].role =
            members[i].role == AF_ROLE_UNKNOWN ? NULL : flow->roles[members[i].role].name;
    }
    about.args = af_arena_alloc(arena, arg_count * sizeof *about.args);
    if (arg_count > 0)
        memcpy(about.args, args, arg_count * sizeof *args);
    return about;
}

/* ---- Writing. ---- */

/* What is no UTF-8 is refused when it is read again: no other text may stand for it. */
static void write_text(struct af_buf *out, const char *before, const char *text)
{
    af_buf_append_string(out, before);
    if (text == NULL || !af_json_write_string(out, text, strlen(text)))
        af_buf_append_string(out, "null");
}

void af_party_about_write(const struct af_party_about *about, struct af_buf *out)
{
    write_text(out, "{\"file\":", about->file);
    write_text(out, ",\"flow\":", about->flow);
    af_buf_printf(out, ",\"version\":%lld", (long long)about->version);
    write_text(out, ",\"hash\":", about->hash);
    write_text(out, ",\"role\":", about->role);
    af_buf_append_string(out, ",\"members\":[");
    for (size_t i = 0; i < about->member_count; i++) {
        write_text(out, i == 0 ? "[" : ",[", about->members[i].id);
        write_text(out, ",", about->members[i].role);
        af_buf_append_char(out, ']');
    }
    af_buf_append_string(out, "],\"args\":[");
    for (size_t i = 0; i < about->arg_count; i++) {
        write_text(out, i == 0 ? "[" : ",[", about->args[i].name);
        write_text(out, ",", about->args[i].value);
        af_buf_append_char(out, ']');
    }
    af_buf_append_string(out, "]}");
}

/* ---- Reading. ---- */

struct pairs {
    const char *(*items)[2];
    size_t count, cap;
};

/* [["a", "b" or null], …] */
static bool read_pairs(struct af_json_reader *reader, enum af_json_token token,
                       struct af_arena *arena, struct pairs *pairs)
{
    if (token != AF_JSON_ARRAY_BEGIN)
        return false;
    while ((token = af_json_next(reader)) == AF_JSON_ARRAY_BEGIN) {
        af_mem_reserve(&pairs->items, &pairs->cap, pairs->count + 1, sizeof *pairs->items);
        for (int i = 0; i < 2; i++) {
            token = af_json_next(reader);
            if (token != AF_JSON_STRING && (i == 0 || token != AF_JSON_NULL))
                return false;
            pairs->items[pairs->count][i] =
                token == AF_JSON_NULL ? NULL
                                      : af_arena_copy(arena, reader->string, reader->string_len);
        }
        pairs->count++;
        if (af_json_next(reader) != AF_JSON_ARRAY_END)
            return false;
    }
    return token == AF_JSON_ARRAY_END;
}

static bool read_members(struct af_json_reader *reader, enum af_json_token first,
                         struct af_arena *arena, void *to)
{
    struct af_party_about *about = to;
    struct pairs pairs = {0};
    bool ok = read_pairs(reader, first, arena, &pairs);
    about->member_count = ok ? pairs.count : 0;
    about->members = af_arena_alloc(arena, pairs.count * sizeof *about->members);
    for (size_t i = 0; i < about->member_count; i++)
        about->members[i] = (struct af_about_member){pairs.items[i][0], pairs.items[i][1]};
    free(pairs.items);
    return ok;
}

static bool read_args(struct af_json_reader *reader, enum af_json_token first,
                      struct af_arena *arena, void *to)
{
    struct af_party_about *about = to;
    struct pairs pairs = {0};
    bool ok = read_pairs(reader, first, arena, &pairs);
    about->arg_count = ok ? pairs.count : 0;
    about->args = af_arena_alloc(arena, pairs.count * sizeof *about->args);
    for (size_t i = 0; i < about->arg_count; i++) {
        about->args[i] = (struct af_script_arg){pairs.items[i][0], pairs.items[i][1]};
        ok = ok && about->args[i].value != NULL;
    }
    free(pairs.items);
    return ok;
}

int af_party_about_read(const char *json, struct af_arena *arena, struct af_party_about *about,
                        struct af_failure *why)
{
    static const struct af_json_row rows[] = {
        {"file", AF_JSON_ROW_TEXT, offsetof(struct af_party_about, file), NULL},
        {"flow", AF_JSON_ROW_TEXT, offsetof(struct af_party_about, flow), NULL},
        {"hash", AF_JSON_ROW_TEXT, offsetof(struct af_party_about, hash), NULL},
        {"role", AF_JSON_ROW_TEXT, offsetof(struct af_party_about, role), NULL},
        {"version", AF_JSON_ROW_INTEGER, offsetof(struct af_party_about, version), NULL},
        {"members", AF_JSON_ROW_OWN, 0, read_members},
        {"args", AF_JSON_ROW_OWN, 0, read_args},
        {0}};
    memset(about, 0, sizeof *about);
    bool ok = af_json_read_object((struct af_json_span){json, strlen(json)}, rows, arena, about) &&
              about->flow != NULL && about->role != NULL && about->file != NULL &&
              about->hash != NULL && about->member_count > 0;
    return ok ? 0
              : af_failure_set(why, AF_FAILURE_TRANSPORT, "state",
                               "what is kept of a party's flow is damaged");
}

int af_party_about_members(const struct af_party_about *about, const struct af_flow *flow,
                           struct af_arena *arena, struct af_script_member **members,
                           struct af_failure *why)
{
    *members = af_arena_alloc(arena, about->member_count * sizeof **members);
    for (size_t i = 0; i < about->member_count; i++) {
        const struct af_about_member *member = &about->members[i];
        int role = member->role == NULL ? -1 : af_flow_find_role(flow, member->role);
        if (role < 0 && member->role != NULL)
            return af_failure_set(why, AF_FAILURE_USAGE, flow->name,
                                  "has no role '%s', which node '%s' has in the task", member->role,
                                  member->id);
        (*members)[i] =
            (struct af_script_member){member->id, role < 0 ? AF_ROLE_UNKNOWN : (uint32_t)role};
    }
    return 0;
}

uint32_t af_party_about_role(const struct af_flow *flow, const struct af_bus_member *member)
{
    int role = member->role[0] == '\0' ? -1 : af_flow_find_role(flow, member->role);
    if (role < 0 && member->number == 1)
        role = flow->initiator;
    if (role < 0 && member->number == 2 && flow->role_count == 2 && flow->initiator >= 0)
        role = 1 - flow->initiator;
    return role < 0 ? AF_ROLE_UNKNOWN : (uint32_t)role;
}

struct af_bus_member af_party_about_self(const struct af_flow *flow, const char *node,
                                         uint32_t role)
{
    return (struct af_bus_member){node, flow->roles[role].name,
                                  flow->initiator == (int)role ? 1 : 2};
}

bool af_party_about_waits(const struct af_flow *flow, const struct af_bus_result *members,
                          char *text, size_t size)
{
    for (size_t i = 0; i < members->count && members->open; i++) {
        const struct af_bus_member *member = &members->members[i];
        if (member->number == 0 && member->role[0] == '\0') {
            snprintf(text, size, "its node '%.100s' has not come yet", member->node);
            return true;
        }
    }
    for (uint32_t role = 0; role < flow->role_count && members->open; role++) {
        bool taken = false;
        for (size_t i = 0; i < members->count && !taken; i++) {
            uint32_t has = af_party_about_role(flow, &members->members[i]);
            taken = has == role || has == AF_ROLE_UNKNOWN;
        }
        if (!taken) {
            snprintf(text, size, "it has no node of role '%.100s' yet", flow->roles[role].name);
            return true;
        }
    }
    return false;
}
