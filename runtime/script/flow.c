/* flow.c: looking things up in a flow. */
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
