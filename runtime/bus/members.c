/* members.c: see members.h. */
#include "bus/members.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/mem.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

int af_bus_check_id(const char *text, struct af_failure *why)
{
    if (text[0] == '\0' || strlen(text) > AF_BUS_ID_BYTES_MAX || strcmp(text, "*") == 0 ||
        strpbrk(text, " \t\r\n") != NULL || !af_json_is_utf8(text, strlen(text)))
        return af_failure_set(why, AF_FAILURE_USAGE, "", "expected an ID without blanks, not '%s'",
                              text);
    return 0;
}

static int add(struct af_bus_member_list *list, const char *role, size_t role_len, const char *node,
               size_t node_len, struct af_failure *why)
{
    af_mem_reserve(&list->items, &list->cap, list->count + 1, sizeof *list->items);
    struct af_bus_member *member = &list->items[list->count];
    *member = (struct af_bus_member){af_mem_copy(node, node_len), af_mem_copy(role, role_len), 0};
    list->count++;
    for (size_t i = 0; i + 1 < list->count; i++)
        if (strcmp(list->items[i].node, member->node) == 0)
            return af_failure_set(why, AF_FAILURE_USAGE, "", "names the node '%s' twice",
                                  member->node);
    return af_bus_check_id(member->role, why) != 0 ? -1 : af_bus_check_id(member->node, why);
}

/* Whether an ID looks like role=ID: '=' at the end of one may be base64. */
static bool is_another_role(const char *node, size_t len)
{
    const char *equals = memchr(node, '=', len);
    return equals != NULL && equals + 1 < node + len && equals[1] != '=';
}

int af_bus_members_read(struct af_bus_member_list *list, const char *text, struct af_failure *why)
{
    for (const char *at = text;;) {
        size_t group = strcspn(at, ";");
        const char *equals = memchr(at, '=', group);
        if (equals == NULL || equals == at)
            return af_failure_set(why, AF_FAILURE_USAGE, "",
                                  "expected role=ID,ID;role=ID, not '%s'", text);
        for (const char *node = equals + 1;;) {
            size_t len = strcspn(node, ",;");
            if (len == 0)
                return af_failure_set(why, AF_FAILURE_USAGE, "",
                                      "expected role=ID,ID;role=ID, not '%s': an ID is empty",
                                      text);
            if (is_another_role(node, len))
                return af_failure_set(why, AF_FAILURE_USAGE, "",
                                      "expected role=ID,ID;role=ID, not '%s': roles are separated "
                                      "by ';'",
                                      text);
            if (add(list, at, (size_t)(equals - at), node, len, why) != 0)
                return -1;
            if (node[len] != ',')
                break;
            node += len + 1;
        }
        if (at[group] == '\0')
            return 0;
        at += group + 1;
    }
}

void af_bus_members_release(struct af_bus_member_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free((char *)(uintptr_t)list->items[i].node);
        free((char *)(uintptr_t)list->items[i].role);
    }
    free(list->items);
    *list = (struct af_bus_member_list){NULL, 0, 0};
}
