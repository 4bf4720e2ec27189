/* about.h: what a kept party is: which flow, role, nodes and arguments. A store keeps it as
 * JSON beside the party, so that a process that starts again needs to be told nothing.
 *
 *   {"file", "flow", "version", "hash", "role", "members":[[id, role or null]…], "args":[[name,
 *    value]…]} */
#ifndef AF_PARTY_ABOUT_H
#define AF_PARTY_ABOUT_H

#include "base/arena.h"
#include "base/buf.h"
#include "script/script.h"

struct af_bus_member;
struct af_bus_result;
struct af_failure;

struct af_party_about {
    const char *file; /* the flow's, as it was named */
    const char *flow;
    int64_t version;
    const char *hash; /* of the file */
    const char *role;
    struct af_about_member {
        const char *id, *role; /* role NULL: not known */
    } * members;
    size_t member_count;
    struct af_script_arg *args;
    size_t arg_count;
};

/* What is so of a script whose task is set. All is borrowed from it, or lives in the arena. */
struct af_party_about af_party_about_of(struct af_script *script, const char *file,
                                        const char *role, const struct af_script_arg *args,
                                        size_t arg_count, struct af_arena *arena);

void af_party_about_write(const struct af_party_about *about, struct af_buf *out);

/* Reads it; texts live in the arena. Returns -1 with *why filled: it is not what we write. */
int af_party_about_read(const char *json, struct af_arena *arena, struct af_party_about *about,
                        struct af_failure *why);

/* Its members as the script takes them, in the arena. Returns -1 with *why filled: the flow has no
 * such role (any more). */
int af_party_about_members(const struct af_party_about *about, const struct af_flow *flow,
                           struct af_arena *arena, struct af_script_member **members,
                           struct af_failure *why);

/* The role of a node as a bus lists it: by its name, else by the platform's number;
 * AF_ROLE_UNKNOWN. */
uint32_t af_party_about_role(const struct af_flow *flow, const struct af_bus_member *member);

/* The same the other way: how a node in this role is listed. */
struct af_bus_member af_party_about_self(const struct af_flow *flow, const char *node,
                                         uint32_t role);

/* Whether more must come to an open task before a party can rely on its list: each role needs a
 * node, and each node a role. Says for whom it waits. */
bool af_party_about_waits(const struct af_flow *flow, const struct af_bus_result *members,
                          char *text, size_t size);

#endif
