/* host_hear.c: what a worker says, believed only as far as it can be.
 *
 * Each function does one kind of message, and returns NULL or what is wrong with it. It calls an
 * owner back at its very end: that may free the party, the script and the worker. */
#include "worker/host_impl.h"

#include "base/bounds.h"
#include "worker/jail.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char *hear_hello(struct af_worker *worker, struct af_wire_in *in)
{
    unsigned lacks;
    const struct af_worker_spec *spec = &worker->spec;
    const char *what = af_wire_read_hello(in, &lacks);
    if (what != NULL || worker->hello)
        return what != NULL ? what : "it says hello again";
    worker->hello = true;
    if (spec->jailed != NULL
            ? spec->jailed(spec->arg, lacks, &worker->refused) != 0
            : (lacks & AF_JAIL_LACKS_FILTER) != 0 && !spec->no_jail && af_jail_has_filter())
        return "it is not jailed";
    return NULL;
}

static const char *hear_log(struct af_worker *worker, struct af_wire_in *in)
{
    const char *text = af_wire_get_text(in);
    if (!af_wire_is_over(in) || text == NULL || ++worker->log_count > AF_WORKER_LINES_MAX)
        return "it writes too much";
    if (worker->spec.log != NULL)
        worker->spec.log(worker->spec.arg, text);
    return NULL;
}

/* Whether the process is at a job of the kind; of the others it may say nothing. */
static bool is_at(const struct af_worker *worker, enum af_job_kind kind)
{
    return worker->sent.first != NULL && worker->sent.first->kind == kind;
}

static bool is_at_party(const struct af_worker *worker)
{
    return is_at(worker, AF_JOB_DELIVER) || is_at(worker, AF_JOB_ANSWER);
}

static const char *hear_loaded(struct af_worker *worker, struct af_wire_in *in)
{
    if (!is_at(worker, AF_JOB_LOAD))
        return "it loads what it was not asked to";
    af_job_free(af_worker_take_first(worker));
    return af_worker_loaded(worker, in);
}

static const char *hear_checked(struct af_worker *worker, struct af_wire_in *in)
{
    struct af_failure why;
    if (!is_at(worker, AF_JOB_CHECK) || af_wire_read_failure(in, &why) != NULL ||
        !af_wire_is_over(in))
        return "it checks what it was not asked to";
    struct af_job *job = af_worker_take_first(worker);
    af_worker_checked_fn *checked = job->script == NULL ? NULL : job->checked;
    void *arg = job->arg;
    af_job_free(job);
    if (checked != NULL)
        checked(arg, why.kind == AF_FAILURE_NONE ? NULL : &why);
    return NULL;
}

static const char *hear_probed(struct af_worker *worker, struct af_wire_in *in)
{
    int64_t result = (int64_t)af_wire_get_u64(in);
    if (!is_at(worker, AF_JOB_PROBE) || !af_wire_is_over(in))
        return "it tries what it was not asked to";
    struct af_job *job = af_worker_take_first(worker);
    af_worker_probed_fn *probed = job->probed;
    void *arg = job->arg;
    af_job_free(job);
    probed(arg, result);
    return NULL;
}

/* ---- Of the delivery that it is at. ---- */

static const char *hear_call(struct af_worker *worker, struct af_wire_in *in)
{
    struct af_script_call call;
    if (!is_at_party(worker))
        return "it calls without a delivery";
    struct af_script_party *party = worker->sent.first->party;
    const char *what = af_wire_read_call(in, &call);
    if (what != NULL || party == NULL)
        return what;
    if (++party->calls_count > AF_WORKER_CALLS_MAX)
        return "it makes more than 100,000 calls in one step";
    if (call.id != 0) {
        if (party->call != 0)
            return "it calls while it waits for an answer";
        party->call = call.id;
    }
    if (party->script->call != NULL)
        party->script->call(party->script->owner, party, &call);
    return NULL;
}

static const char *hear_waits(struct af_worker *worker, struct af_wire_in *in)
{
    const char *where = af_wire_get_text(in);
    if (!is_at_party(worker) || !af_wire_is_over(in) || where == NULL ||
        strlen(where) > AF_SCRIPT_NAME_BYTES_MAX)
        return "it waits without a delivery";
    struct af_script_party *party = worker->sent.first->party;
    size_t this_answer = is_at(worker, AF_JOB_ANSWER);
    if (party != NULL && party->call == 0 && party->answers == this_answer)
        return "it waits for nothing";
    af_job_free(af_worker_take_first(worker));
    if (party == NULL)
        return NULL;
    free(party->where);
    party->where = af_mem_string(where);
    if (party->role->sequential) /* a step of it is over: all of them are one delivery */
        party->calls_count = 0;
    return NULL;
}

/* The snapshot as the delivery leaves it; after an error the process makes the party anew. */
static void keep(struct af_script_party *party, const struct af_effects *effects,
                 const struct af_wire_done *done)
{
    if (effects->outcome == AF_OUTCOME_RAISED) {
        af_worker_drop_party(party);
        return;
    }
    if (effects->outcome == AF_OUTCOME_INVALID || party->role->sequential)
        return;
    party->state = done->state;
    if (done->data == NULL)
        return;
    party->data = af_mem_grow(party->data, done->data_len + 1);
    memcpy(party->data, done->data, done->data_len + 1); /* a 0 is behind what was read */
    party->data_len = done->data_len;
}

static const char *hear_done(struct af_worker *worker, struct af_wire_in *in)
{
    struct af_wire_done done;
    if (!is_at_party(worker))
        return "it ends what it was not given";
    struct af_script_party *party = worker->sent.first->party;
    if (party == NULL) {
        af_job_free(af_worker_take_first(worker));
        return NULL;
    }
    /* Whoever does what was asked for would answer a party that has gone on. */
    if (party->call != 0)
        return "it ends while it waits for an answer";
    struct af_wire_expected expected = {worker->flow, party->role, party->script->member_count,
                                        party->state, party->kind};
    const char *what = af_wire_read_done(in, &expected, &worker->effects, &done);
    if (what != NULL)
        return what;
    af_job_free(af_worker_take_first(worker));
    if (party->answers > 0) /* to a call that was not waited for after all */
        af_worker_forget_party(worker, party);
    af_worker_take_back(party);
    keep(party, &worker->effects, &done);
    party->delivering = false;
    party->call = 0;
    worker->restart_ns = AF_WORKER_RESTART_FIRST_NS;
    party->done(party->arg, party, &worker->effects);
    return NULL;
}

const char *af_worker_hear(struct af_worker *worker, struct af_wire_message *message)
{
    struct af_wire_in *in = &message->body;
    if (message->type == AF_WIRE_HELLO)
        return hear_hello(worker, in);
    if (message->type == AF_WIRE_LOG)
        return hear_log(worker, in);
    if (!worker->hello)
        return "it does not say hello first";
    switch (message->type) {
    case AF_WIRE_READ:
        return af_worker_give_file(worker, in);
    case AF_WIRE_LOADED:
        return hear_loaded(worker, in);
    case AF_WIRE_CHECKED:
        return hear_checked(worker, in);
    case AF_WIRE_PROBED:
        return hear_probed(worker, in);
    case AF_WIRE_CALL:
        return hear_call(worker, in);
    case AF_WIRE_WAITS:
        return hear_waits(worker, in);
    case AF_WIRE_DONE:
        return hear_done(worker, in);
    default:
        return "a message is of no known kind";
    }
}
