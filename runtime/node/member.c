/* member.c: which member of a task this node is, by what its party is about, and a script of the
 * party's flow for it. */
#include "node/impl.h"

#include "base/arena.h"
#include "run/about.h"
#include "worker/host.h"

#include <string.h>

static int find_self(const struct af_node_party *party, const struct af_node_flow *flow,
                     const struct af_script_member *members, uint32_t *member, uint32_t *role,
                     struct af_failure *why)
{
    const struct af_flow *of = af_worker_flow(flow->worker);
    int index = af_flow_find_role(of, party->about.role);
    if (index < 0)
        return af_flow_refuse_role(of, party->about.role, flow->file, why);
    if (of->roles[index].sequential)
        return af_failure_set(why, AF_FAILURE_USAGE, flow->file,
                              "role '%s' is a plain function, which cannot go on after a crash; "
                              "run it by `afrun run`",
                              party->about.role);
    *role = (uint32_t)index;
    for (size_t i = 0; i < party->about.member_count; i++) {
        if (strcmp(members[i].id, party->node->options->node) != 0)
            continue;
        *member = (uint32_t)i;
        return 0;
    }
    return af_failure_set(why, AF_FAILURE_USAGE, "peers", "'%s' (this node) is not among them",
                          party->node->options->node);
}

struct af_script *af_node_party_script(const struct af_node_party *party,
                                       const struct af_node_flow *flow, uint32_t *member,
                                       uint32_t *role, struct af_failure *why)
{
    struct af_arena arena = {0};
    struct af_script_member *members;
    struct af_script *script = NULL;
    const struct af_flow *of = af_worker_flow(flow->worker);
    if (strcmp(of->name, party->about.flow) != 0)
        af_failure_set(why, AF_FAILURE_USAGE, flow->file,
                       "is the flow '%s' now; the party runs '%s'", of->name, party->about.flow);
    else if (af_party_about_members(&party->about, of, &arena, &members, why) == 0 &&
             find_self(party, flow, members, member, role, why) == 0)
        script = af_worker_script(flow->worker);
    if (script != NULL &&
        af_script_set_task(script, party->task, members, party->about.member_count,
                           party->about.args, party->about.arg_count, why) != 0) {
        af_script_free(script);
        script = NULL;
    }
    af_arena_release(&arena);
    return script;
}
