/* work.c: what is done beside the network takes virtual time, where --work and --bandwidth say so:
 * a program, a file up or down. It is done at once, and told when its time is over: its record in
 * the trace, and the answer to who waits for it. */
#include "sim/impl.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct af_sim_job { /* an answer whose time has not come */
    struct af_sim_job *next;
    struct af_sim *sim;
    struct af_script_party *party;
    uint64_t call;
    struct af_timer *timer;
    int64_t due_ns;
    struct af_sim_done done;
    char *reply, *bytes, *failure, *text;
    size_t reply_len, bytes_len;
};

/* ---- How long. ---- */

/* What holds for a node: of its role, else of all. */
static const struct af_role_span *
find_span(const struct af_sim *sim, const struct af_role_span *spans, size_t count, const char *id)
{
    const struct af_sim_node *node = af_sim_find_node(sim, id);
    const struct af_role_span *found = NULL;
    size_t member_count;
    const struct af_script_member *members = af_script_members(sim->scripts[0], &member_count);
    const char *role = NULL;
    if (sim->flow != NULL && node != NULL && node->number < member_count)
        role = sim->flow->roles[members[node->number].role].name;
    for (size_t i = 0; i < count; i++)
        if (spans[i].role == NULL ? found == NULL
                                  : role != NULL && strcmp(spans[i].role, role) == 0)
            found = &spans[i];
    return found;
}

int64_t af_sim_work_ns(struct af_sim *sim, const char *id)
{
    const struct af_fault_options *options = sim->faults.options;
    const struct af_role_span *span = find_span(sim, options->works, options->work_count, id);
    return span == NULL ? 0 : af_faults_between_ns(&sim->faults.work, span->low, span->high);
}

int64_t af_sim_transfer_ns(const struct af_sim *sim, const char *id, size_t bytes)
{
    const struct af_fault_options *options = sim->faults.options;
    const struct af_role_span *span = find_span(sim, options->rates, options->rate_count, id);
    if (span == NULL)
        return 0;
    int64_t whole_s = (int64_t)bytes / span->low, rest = (int64_t)bytes % span->low;
    return whole_s > AF_TIME_MAX_S ? AF_TIME_MAX_NS
                                   : whole_s * AF_S_NS + rest * AF_S_NS / span->low;
}

/* ---- When it is over. ---- */

static void note_done(struct af_sim *sim, const struct af_sim_done *done)
{
    if (done->kind == NULL)
        return;
    af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), done->kind);
    af_trace_string(sim->trace, "party", done->node);
    af_trace_string(sim->trace, done->what, done->text);
    af_trace_integer(sim->trace, done->measure, done->number);
    af_trace_end(sim->trace);
}

static void job_free(struct af_sim_job *job)
{
    struct af_sim_job **at = &job->sim->jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    af_timer_cancel(job->timer);
    free(job->reply);
    free(job->bytes);
    free(job->failure);
    free(job->text);
    free(job);
}

static void over(void *arg)
{
    struct af_sim_job *job = arg, own = *job;
    struct af_answer answer = {job->reply,     job->reply_len, job->bytes,
                               job->bytes_len, job->failure,   af_loop_now_ns(job->sim->loop)};
    job->timer = NULL;
    note_done(job->sim, &job->done);
    own.reply = job->reply, job->reply = NULL;
    own.bytes = job->bytes, job->bytes = NULL;
    own.failure = job->failure, job->failure = NULL;
    job_free(job);
    af_script_answer(own.party, own.call, &answer);
    free(own.reply);
    free(own.bytes);
    free(own.failure);
}

void af_sim_answer_after(struct af_sim *sim, const struct af_asked *asked, int64_t after_ns,
                         const struct af_sim_done *done, const struct af_answer *answer)
{
    struct af_answer now = *answer;
    if (after_ns <= 0) {
        note_done(sim, done);
        now.now_ns = af_loop_now_ns(sim->loop);
        af_script_answer(asked->party, asked->call->id, &now);
        return;
    }
    struct af_sim_job *job = af_mem_zero(1, sizeof *job);
    *job = (struct af_sim_job){.next = sim->jobs,
                               .sim = sim,
                               .party = asked->party,
                               .call = asked->call->id,
                               .due_ns = af_loop_now_ns(sim->loop) + after_ns,
                               .done = *done,
                               .reply_len = now.reply_len,
                               .bytes_len = now.bytes_len};
    if (now.reply != NULL)
        job->reply = af_mem_copy(now.reply, now.reply_len);
    if (now.bytes != NULL)
        job->bytes = af_mem_copy(now.bytes, now.bytes_len);
    if (now.failure != NULL)
        job->failure = af_mem_string(now.failure);
    if (done->text != NULL)
        job->done.text = job->text = af_mem_string(done->text);
    job->done.node = af_sim_node(sim, done->node)->id;
    sim->jobs = job;
    af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), "wait");
    af_trace_string(sim->trace, "party", job->done.node);
    af_trace_string(sim->trace, "call", done->call);
    af_trace_end(sim->trace);
    job->timer = af_timer_start(sim->loop, after_ns, over, job);
}

void af_sim_jobs_withdraw(struct af_sim *sim, const struct af_script_party *party)
{
    for (struct af_sim_job *job = sim->jobs, *next; job != NULL; job = next) {
        next = job->next;
        if (party == NULL || job->party == party)
            job_free(job);
    }
}

int64_t af_sim_job_left_ns(const struct af_sim *sim, const struct af_script_party *party)
{
    const struct af_sim_job *job = sim->jobs;
    while (job != NULL && job->party != party)
        job = job->next;
    return job == NULL ? 0 : job->due_ns - af_loop_now_ns(sim->loop);
}
