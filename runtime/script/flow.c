/* flow.c: looking things up in a flow, and telling what it does not have; see script.h. */
#include "base/failure.h"
#include "base/near.h"
#include "script/script.h"

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
