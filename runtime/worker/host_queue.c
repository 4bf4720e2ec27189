/* host_queue.c: what a process is to do: held back, sent, over.
 *
 * What is sent is collected and written once a turn of the loop. */
#include "worker/host_impl.h"

#include "base/bounds.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Lists of jobs. ---- */

void af_jobs_init(struct af_jobs *jobs)
{
    *jobs = (struct af_jobs){NULL, &jobs->first, 0};
}

void af_jobs_push(struct af_jobs *jobs, struct af_job *job)
{
    job->next = NULL;
    *jobs->end = job;
    jobs->end = &job->next;
    jobs->count++;
}

struct af_job *af_jobs_pop(struct af_jobs *jobs)
{
    struct af_job *job = jobs->first;
    if (job == NULL)
        return NULL;
    jobs->first = job->next;
    if (jobs->first == NULL)
        jobs->end = &jobs->first;
    jobs->count--;
    return job;
}

void af_job_free(struct af_job *job)
{
    if (job == NULL)
        return;
    af_buf_release(&job->body);
    if (job->packed >= 0)
        close(job->packed);
    free(job);
}

struct af_job *af_job_new(enum af_job_kind kind)
{
    struct af_job *job = af_mem_zero(1, sizeof *job);
    job->kind = kind;
    job->packed = -1;
    return job;
}

struct af_job *af_worker_queue(struct af_worker *worker, enum af_job_kind kind)
{
    struct af_job *job = af_job_new(kind);
    af_jobs_push(&worker->ready, job);
    af_worker_wake(worker);
    return job;
}

struct af_job *af_worker_take_first(struct af_worker *worker)
{
    struct af_job *job = af_jobs_pop(&worker->sent);
    assert(job != NULL);
    af_worker_begins(worker);
    worker->log_count = worker->read_count = 0;
    if (job->kind == AF_JOB_ANSWER && job->party != NULL)
        job->party->answers--;
    if (worker->ready.first != NULL)
        af_worker_wake(worker);
    return job;
}

static void forget(struct af_jobs *jobs, const struct af_script_party *party,
                   const struct af_script *script)
{
    for (struct af_job *job = jobs->first; job != NULL; job = job->next) {
        if (party != NULL && job->party == party)
            job->party = NULL;
        if (script != NULL && job->script == script)
            job->script = NULL;
    }
}

void af_worker_forget_party(struct af_worker *worker, struct af_script_party *party)
{
    forget(&worker->ready, party, NULL);
    forget(&worker->sent, party, NULL);
    party->answers = 0;
}

void af_worker_forget_script(struct af_worker *worker, struct af_script *script)
{
    forget(&worker->ready, NULL, script);
    forget(&worker->sent, NULL, script);
}

/* ---- What the process knows. ---- */

static uint32_t take_number(struct af_worker_numbers *numbers)
{
    return numbers->free_count > 0 ? numbers->free[--numbers->free_count] : numbers->next++;
}

static void give_number(struct af_worker_numbers *numbers, uint32_t number)
{
    af_mem_reserve(&numbers->free, &numbers->free_cap, numbers->free_count + 1,
                   sizeof *numbers->free);
    numbers->free[numbers->free_count++] = number;
}

static void tell(struct af_worker *worker, enum af_wire_type type, struct af_buf *body)
{
    if (worker->broke == NULL && af_wire_send(&worker->link, type, body, NULL, 0) != 0)
        af_worker_break(worker, "a message cannot be handed to it");
    af_buf_release(body);
}

static void tell_number(struct af_worker *worker, enum af_wire_type type, uint32_t number)
{
    struct af_buf body = AF_BUF_EMPTY;
    af_wire_put_u32(&body, number);
    tell(worker, type, &body);
    af_worker_wake(worker);
}

void af_worker_drop_party(struct af_script_party *party)
{
    struct af_worker *worker = party->script->worker;
    if (party->process == worker->process && worker->pid != 0) {
        tell_number(worker, AF_WIRE_FREE_PARTY, party->number);
        give_number(&worker->party_numbers, party->number);
    }
    party->process = 0;
}

void af_worker_drop_script(struct af_script *script)
{
    struct af_worker *worker = script->worker;
    if (script->process == worker->process && worker->pid != 0) {
        tell_number(worker, AF_WIRE_FREE_SCRIPT, script->number);
        give_number(&worker->script_numbers, script->number);
    }
    script->process = 0;
}

static void tell_script(struct af_script *script)
{
    struct af_worker *worker = script->worker;
    struct af_buf body = AF_BUF_EMPTY;
    if (script->process == worker->process)
        return;
    script->process = worker->process;
    script->number = take_number(&worker->script_numbers);
    struct af_wire_script told = {script->number,       script->task_id, script->members,
                                  script->member_count, script->args,    script->arg_count};
    af_wire_put_script(&body, &told);
    tell(worker, AF_WIRE_SCRIPT, &body);
}

static void tell_party(struct af_script_party *party)
{
    struct af_worker *worker = party->script->worker;
    struct af_buf body = AF_BUF_EMPTY;
    if (party->process == worker->process)
        return;
    tell_script(party->script);
    party->process = worker->process;
    party->number = take_number(&worker->party_numbers);
    struct af_wire_party told = {.script = party->script->number,
                                 .party = party->number,
                                 .member = party->member,
                                 .seed = party->seed,
                                 .restored = party->state >= 0,
                                 .state = party->state};
    told.data = af_script_party_data(party, &told.data_len);
    af_wire_put_party(&body, &told);
    tell(worker, AF_WIRE_PARTY, &body);
}

/* ---- Sending. ---- */

void af_worker_take_back(struct af_script_party *party)
{
    if (!party->given)
        return;
    party->given = false;
    *party->given_at = party->given_next;
    if (party->given_next != NULL)
        party->given_next->given_at = party->given_at;
}

static void give(struct af_script_party *party)
{
    struct af_worker *worker = party->script->worker;
    party->given = true;
    party->calls_count = 0;
    party->given_next = worker->given;
    party->given_at = &worker->given;
    if (worker->given != NULL)
        worker->given->given_at = &party->given_next;
    worker->given = party;
}

static void send_job(struct af_worker *worker, struct af_job *job)
{
    static const enum af_wire_type types[] = {
        [AF_JOB_LOAD] = AF_WIRE_LOAD,       [AF_JOB_CHECK] = AF_WIRE_CHECK,
        [AF_JOB_DELIVER] = AF_WIRE_DELIVER, [AF_JOB_ANSWER] = AF_WIRE_ANSWER,
        [AF_JOB_PROBE] = AF_WIRE_PROBE,
    };
    if (job->kind == AF_JOB_CHECK) {
        tell_script(job->script);
        af_wire_put_u32(&job->body, job->script->number);
    } else if (job->party != NULL) {
        tell_party(job->party);
        memcpy(job->body.data, &job->party->number, sizeof job->party->number);
        if (job->packed >= 0 && pwrite(job->packed, job->body.data, sizeof job->party->number, 0) !=
                                    (ssize_t)sizeof job->party->number)
            af_worker_break(worker, "a message cannot be handed to it");
        if (job->kind == AF_JOB_DELIVER)
            give(job->party);
    }
    if (worker->sent.first == NULL)
        af_worker_begins(worker);
    af_jobs_push(&worker->sent, job);
    if (job->packed < 0) {
        tell(worker, types[job->kind], &job->body);
        return;
    }
    if (worker->broke == NULL &&
        af_wire_send_packed(&worker->link, types[job->kind], job->packed) != 0)
        af_worker_break(worker, "a message cannot be handed to it");
    job->packed = -1;
}

static bool is_forgotten(const struct af_job *job)
{
    bool of_party = job->kind == AF_JOB_DELIVER || job->kind == AF_JOB_ANSWER;
    return (of_party && job->party == NULL) || (job->kind == AF_JOB_CHECK && job->script == NULL);
}

void af_worker_pump(struct af_worker *worker)
{
    while (worker->ready.first != NULL && worker->state == AF_WORKER_READY &&
           worker->broke == NULL && worker->sent.count < AF_WORKER_WINDOW &&
           af_wire_unsent(&worker->link) < AF_WORKER_OUT_BYTES) {
        struct af_job *job = af_jobs_pop(&worker->ready);
        if (is_forgotten(job))
            af_job_free(job);
        else
            send_job(worker, job);
    }
}

static void on_turn(void *arg)
{
    struct af_worker *worker = arg;
    worker->posted = false;
    af_worker_write(worker);
}

void af_worker_wake(struct af_worker *worker)
{
    if (worker->posted)
        return;
    worker->posted = true;
    af_loop_post(worker->spec.loop, on_turn, worker);
}

void af_worker_sleep(struct af_worker *worker)
{
    af_loop_unpost(worker->spec.loop, on_turn, worker);
    worker->posted = false;
}
