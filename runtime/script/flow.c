/* flow.c: looking things up in a flow, telling what it does not have, and what a name in it may be;
 * see script.h. */
#include "base/bounds.h"
#include "base/failure.h"
#include "base/near.h"
#include "json/json.h"
#include "script/script.h"

#include <stdio.h>
#include <string.h>

int af_flow_find_event(const struct af_flow *flow, const char *type, size_t len)
{
    for (size_t i = 0; i < flow->event_count; i++)
        if (flow->events[i].type_len == len && memcmp(flow->events[i].type, type, len) == 0)
            return (int)i;
    return -1;
}

int af_flow_find_role(const struct af_flow *flow, const char *name)
{
    for (size_t i = 0; i < flow->role_count; i++)
        if (strcmp(flow->roles[i].name, name) == 0)
            return (int)i;
    return -1;
}

int af_flow_find_state(const struct af_flow_role *role, const char *name)
{
    for (size_t i = 0; i < role->state_count; i++)
        if (strcmp(role->states[i].name, name) == 0)
            return (int)i;
    return -1;
}

const char *af_watched_word(enum af_watched_kind kind)
{
    static const char *const words[] = {"monitor", "eventually", "leads_to"};
    return words[kind];
}

const char *af_happening_word(enum af_happening kind)
{
    static const char *const words[] = {"start", "deliver", "after", "deadline", "duplicate",
                                        "state", "send",    "done",  "failed",   "unexpected",
                                        "late",  "ignore",  "defer", "crash",    "return",
                                        "lost",  "drop"};
    return words[kind];
}

int af_flow_find_watched(const struct af_flow *flow, const struct af_flow_watched *watched)
{
    for (size_t i = 0; i < flow->watched_count; i++)
        if (flow->watched[i].kind == watched->kind &&
            strcmp(flow->watched[i].name, watched->name) == 0)
            return (int)i;
    return -1;
}

uint64_t af_flow_waiting(const struct af_flow *flow)
{
    uint64_t waiting = 0;
    for (size_t i = flow->monitor_count; i < flow->watched_count; i++)
        if (flow->watched[i].kind == AF_WATCHED_EVENTUALLY)
            waiting |= UINT64_C(1) << (i - flow->monitor_count);
    return waiting;
}

int af_flow_refuse_role(const struct af_flow *flow, const char *name, const char *what,
                        struct af_failure *why)
{
    struct af_near near;
    af_near_init(&near, name);
    for (uint32_t i = 0; i < flow->role_count; i++)
        af_near_add(&near, flow->roles[i].name);
    af_failure_set(why, AF_FAILURE_USAGE, what, "the flow '%s' has no role '%s'%s", flow->name,
                   name, af_near_text(&near, "it has"));
    af_near_release(&near);
    return -1;
}

bool af_flow_is_name(const char *text)
{
    size_t len = text == NULL ? 0 : strlen(text);
    if (len == 0 || len > AF_SCRIPT_NAME_BYTES_MAX || !af_json_is_utf8(text, len))
        return false;
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            return false;
    return true;
}

const char *af_flow_place(const char *file, struct af_flow_line line, char *to, size_t size)
{
    snprintf(to, size, line.number > 0 ? "%s:%d" : "%s", line.file == NULL ? file : line.file,
             line.number);
    return to;
}
