/* host_proxy.c: scripts and parties of a worker, for their owners.
 *
 * A party's snapshot is kept here, so most of this asks nobody. */
#include "worker/host_impl.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Scripts. ---- */

struct af_script *af_worker_script(struct af_worker *worker)
{
    assert(worker->flow != NULL);
    struct af_script *script = af_mem_zero(1, sizeof *script);
    script->head.driver = &af_worker_driver;
    script->worker = worker;
    worker->script_count++;
    return script;
}

static void free_task(struct af_script *script)
{
    for (size_t i = 0; i < script->member_count; i++)
        free((char *)script->members[i].id);
    for (size_t i = 0; i < script->arg_count; i++) {
        free((char *)script->args[i].name);
        free((char *)script->args[i].value);
    }
    free(script->members);
    free(script->args);
    free(script->task_id);
}

static void proxy_free(struct af_script *script)
{
    assert(script->party_count == 0);
    af_worker_forget_script(script->worker, script);
    af_worker_drop_script(script);
    script->worker->script_count--;
    free_task(script);
    free(script);
}

static const struct af_flow *proxy_flow(const struct af_script *script)
{
    return af_worker_flow(script->worker);
}

static const struct af_script_file *proxy_file(const struct af_script *script)
{
    return &script->worker->file;
}

static int proxy_set_task(struct af_script *script, const char *task_id,
                          const struct af_script_member *members, size_t member_count,
                          const struct af_script_arg *args, size_t arg_count,
                          struct af_failure *why)
{
    if (member_count > AF_WORKER_MEMBERS_MAX)
        return af_failure_set(why, AF_FAILURE_USAGE, task_id, "has more than 1,000,000 nodes");
    assert(script->party_count == 0);
    af_worker_drop_script(script);
    free_task(script);
    script->task_id = af_mem_string(task_id);
    script->members = af_mem_zero(member_count, sizeof *script->members);
    script->member_count = member_count;
    for (size_t i = 0; i < member_count; i++)
        script->members[i] =
            (struct af_script_member){af_mem_string(members[i].id), members[i].role};
    script->args = af_mem_zero(arg_count, sizeof *script->args);
    script->arg_count = arg_count;
    for (size_t i = 0; i < arg_count; i++)
        script->args[i] =
            (struct af_script_arg){af_mem_string(args[i].name), af_mem_string(args[i].value)};
    return 0;
}

void af_worker_check_task(struct af_script *script, af_worker_checked_fn *checked, void *arg)
{
    assert(script->task_id != NULL);
    struct af_job *job = af_worker_queue(script->worker, AF_JOB_CHECK);
    job->script = script;
    job->checked = checked;
    job->arg = arg;
}

void af_worker_pass_names(struct af_script *from, struct af_script *to)
{
    assert(from->member_count == to->member_count);
    for (size_t i = 0; i < from->member_count; i++) {
        const char *id = to->members[i].id;
        to->members[i].id = from->members[i].id;
        from->members[i].id = id;
    }
}

static const struct af_script_member *proxy_members(const struct af_script *script, size_t *count)
{
    *count = script->member_count;
    return script->members;
}

static void proxy_set_owner(struct af_script *script, af_script_call_fn *call, void *owner)
{
    script->call = call;
    script->owner = owner;
}

/* ---- Parties. ---- */

static struct af_script_party *proxy_party_new(struct af_script *script, uint32_t member,
                                               struct af_hash seed, void *user,
                                               struct af_failure *why)
{
    assert(member < script->member_count);
    uint32_t role = script->members[member].role;
    if (role >= script->worker->flow->role_count) {
        af_failure_set(why, AF_FAILURE_USAGE, script->members[member].id, "its role is not known");
        return NULL;
    }
    struct af_script_party *party = af_mem_zero(1, sizeof *party);
    party->script = script;
    party->user = user;
    party->member = member;
    party->role = &script->worker->flow->roles[role];
    party->seed = seed;
    party->state = -1;
    script->party_count++;
    return party;
}

/* Whatever the process does with the party is of no interest any more. */
static void let_go(struct af_script_party *party)
{
    if (party->delivering || party->answers > 0)
        af_worker_forget_party(party->script->worker, party);
    af_worker_take_back(party);
    af_worker_drop_party(party);
    party->delivering = false;
    party->call = 0;
}

static void proxy_party_free(struct af_script_party *party)
{
    let_go(party);
    party->script->party_count--;
    free(party->where);
    free(party->data);
    free(party);
}

static void *proxy_party_user(const struct af_script_party *party)
{
    return party->user;
}

static bool proxy_party_sequential(const struct af_script_party *party)
{
    return party->role->sequential;
}

static int proxy_party_state(const struct af_script_party *party)
{
    return party->state;
}

static const char *proxy_party_data(const struct af_script_party *party, size_t *len)
{
    *len = party->data == NULL ? 2 : party->data_len;
    return party->data == NULL ? "{}" : party->data;
}

static int proxy_party_restore(struct af_script_party *party, int state, const char *data,
                               size_t len, struct af_failure *why)
{
    const char *id = party->script->members[party->member].id;
    if (state < -1 || state >= (int)party->role->state_count)
        return af_failure_set(why, AF_FAILURE_FLOW, id, "role '%s' has no such state",
                              party->role->name);
    if (len > AF_PARTY_DATA_BYTES_MAX || len == 0 || !af_wire_is_json(data, len, NULL) ||
        (data[0] != '{' && data[0] != '['))
        return af_failure_set(why, AF_FAILURE_FLOW, id, "the data are no JSON object");
    char *copy = af_mem_copy(data, len);
    let_go(party); /* it is made there anew, from this */
    free(party->data);
    party->data = copy;
    party->data_len = len;
    party->state = state;
    return 0;
}

/* ---- Deliveries. ---- */

static const char *proxy_party_where(struct af_script_party *party)
{
    return party->delivering && party->where != NULL ? party->where : "";
}

static void proxy_deliver(struct af_script_party *party, const struct af_input *input,
                          af_script_done_fn *done, void *arg)
{
    assert(!party->delivering);
    struct af_job *job = af_worker_queue(party->script->worker, AF_JOB_DELIVER);
    job->party = party;
    af_wire_put_deliver(&job->body, 0, input); /* its number is told when it is sent */
    party->delivering = true;
    party->kind = input->kind;
    party->event = input->event;
    party->done = done;
    party->arg = arg;
    party->call = 0;
    free(party->where);
    party->where = NULL;
}

static void proxy_withdraw(struct af_script_party *party)
{
    if (party->delivering)
        let_go(party);
}

static void proxy_answer(struct af_script_party *party, uint64_t call_id,
                         const struct af_answer *answer)
{
    struct af_answer refused = {.failure = "the host's answer is too large for a script",
                                .now_ns = answer->now_ns};
    if (!party->delivering || party->call != call_id || call_id == 0)
        return; /* withdrawn, or lost meanwhile */
    struct af_job *job = af_worker_queue(party->script->worker, AF_JOB_ANSWER);
    bool fits = answer->reply_len <= AF_WORKER_BODY_BYTES_MAX / 4 &&
                answer->bytes_len <= AF_WORKER_BODY_BYTES_MAX / 2;
    job->party = party;
    if (!fits)
        answer = &refused;
    af_wire_put_answer(&job->body, 0, call_id, answer); /* its number is told when it is sent */
    if (answer->bytes_len > AF_WORKER_INLINE_BYTES)
        job->packed = af_wire_pack(&job->body, answer->bytes, answer->bytes_len);
    if (job->packed < 0 && answer->bytes != NULL) {
        af_buf_append(&job->body, answer->bytes, answer->bytes_len);
        af_buf_append_char(&job->body, '\0');
    }
    party->call = 0;
    party->answers++;
}

const struct af_script_driver af_worker_driver = {
    .free = proxy_free,
    .flow = proxy_flow,
    .file = proxy_file,
    .set_task = proxy_set_task,
    .members = proxy_members,
    .set_owner = proxy_set_owner,
    .answer = proxy_answer,
    .party_new = proxy_party_new,
    .party_free = proxy_party_free,
    .party_user = proxy_party_user,
    .party_sequential = proxy_party_sequential,
    .party_state = proxy_party_state,
    .party_data = proxy_party_data,
    .party_restore = proxy_party_restore,
    .party_where = proxy_party_where,
    .deliver = proxy_deliver,
    .withdraw = proxy_withdraw,
};
