/* members.h: the nodes of a task and their roles, as people write them: role=ID,ID;role=ID. */
#ifndef AF_BUS_MEMBERS_H
#define AF_BUS_MEMBERS_H

#include "bus/bus.h"

struct af_bus_member_list {      /* zeroed to begin with */
    struct af_bus_member *items; /* their numbers are 0 */
    size_t count, cap;
};

/* Appends what the text says. Returns -1 with *why filled (AF_FAILURE_USAGE, an empty `what`) for
 * text of another form, what is no ID, and a node that the list has already: a node is in one role.
 * Some may have been appended then. */
int af_bus_members_read(struct af_bus_member_list *list, const char *text, struct af_failure *why);
void af_bus_members_release(struct af_bus_member_list *list);

/* Whether a text can name a node, a task or a role: 0, or -1 with *why filled likewise. It is not
 * empty, at most AF_BUS_ID_BYTES_MAX bytes of UTF-8, without blanks, and not "*". */
int af_bus_check_id(const char *text, struct af_failure *why);

#endif
