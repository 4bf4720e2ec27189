/* contract.c: a contract as a run's party has it: its strings are those of the run. */
#include "run/impl.h"

#include "trace/contract.h"

#include <string.h>

const char *af_run_member_name(struct af_party_run *run, const char *id)
{
    size_t count;
    const struct af_script_member *members = af_script_members(run->spec.script, &count);
    for (size_t i = 0; i < count && id != NULL; i++) {
        if (strcmp(members[i].id, id) != 0)
            continue;
        run->heard[i] = true;
        return members[i].id;
    }
    return NULL;
}

struct af_contract *af_run_contract(struct af_party_run *run, struct af_contract_parts parts)
{
    parts.task = run->spec.task;
    parts.channel = "federated";
    parts.title = "task_inside";
    parts.from = af_run_member_name(run, parts.from);
    parts.type_len = strlen(parts.type);
    return af_contract_new(&parts);
}
