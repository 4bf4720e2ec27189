/* calls.c: what scripts ask of the outside, answered from the mock. In mock an answer takes no
 * virtual time. */
#include "sim/impl.h"

#include "base/bounds.h"
#include "json/json.h"
#include "base/mem.h"
#include "script/calls.h"
#include "script/mock.h"
#include "script/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer(struct af_sim *sim, struct af_script_party *party, uint64_t call,
                   const char *reply, const void *bytes, size_t len, const char *failure)
{
    struct af_answer answer = {reply,   reply == NULL ? 0 : strlen(reply), bytes, len,
                               failure, af_loop_now_ns(sim->loop)};
    af_script_answer(party, call, &answer);
}

void af_sim_answer(struct af_sim *sim, struct af_script_party *party, uint64_t call,
                   const char *reply)
{
    answer(sim, party, call, reply, NULL, 0, NULL);
}

void af_sim_refuse(struct af_sim *sim, struct af_script_party *party, uint64_t call,
                   const char *why)
{
    answer(sim, party, call, NULL, NULL, 0, why);
}

/* ---- Files. ---- */

/* Gives what the mock answers, or says what why tells; `name` is the function's. */
static void give(struct af_sim *sim, const struct af_asked *asked, struct af_answer given,
                 const char *name, const struct af_failure *why)
{
    char text[AF_FAILURE_TEXT_MAX + 300];
    if (why->kind != AF_FAILURE_NONE) {
        snprintf(text, sizeof text, "%s: %s: %s", name, why->what, why->why);
        given.failure = text;
    }
    given.now_ns = af_loop_now_ns(sim->loop);
    af_script_answer(asked->party, asked->call->id, &given);
}

static void upload(struct af_sim *sim, const struct af_asked *asked)
{
    const struct af_script_mock mock = {sim->store, &sim->options->grants.files, false};
    struct af_failure why = AF_FAILURE_INIT;
    struct af_script_mock_file file = {0};
    struct af_answer given = {0};
    if (af_script_mock_upload(&mock, asked, &file, &given, &why) == 0) {
        const struct af_sim_done done = {"upload", asked->node, "upload",         "url",
                                         file.url, "bytes",     (int64_t)file.len};
        af_sim_answer_after(sim, asked, af_sim_transfer_ns(sim, asked->node, file.len), &done,
                            &given);
    } else {
        give(sim, asked, given, "upload_file", &why);
    }
    af_script_mock_release(&file);
}

static void download(struct af_sim *sim, const struct af_asked *asked)
{
    const struct af_script_mock mock = {sim->store, &sim->options->grants.files, false};
    const struct af_sim_done done = {.call = "download", .node = asked->node};
    struct af_failure why = AF_FAILURE_INIT;
    struct af_script_mock_file file = {0};
    struct af_answer given = {0};
    if (af_script_mock_download(&mock, asked, &file, &given, &why) == 0)
        af_sim_answer_after(sim, asked, af_sim_transfer_ns(sim, asked->node, file.len), &done,
                            &given);
    else
        give(sim, asked, given, "af.download", &why);
    af_script_mock_release(&file);
}

/* ---- Programs. They run beside virtual time: the run stands still until they are over; how long
 * that took in it is drawn. ---- */

static void ran(struct af_sim *sim, const struct af_asked *asked, bool told, int status,
                const struct af_answer *answer)
{
    const char *program = af_request_string(&asked->request, "program");
    const char *slash = strrchr(program, '/');
    const char *name = slash == NULL ? program : slash + 1;
    const struct af_sim_done done = {"run",    asked->node, told ? "run" : NULL, "program", name,
                                     "status", status};
    af_sim_answer_after(sim, asked, af_sim_work_ns(sim, asked->node), &done, answer);
}

static void run_program(struct af_sim *sim, const struct af_asked *asked)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_script_ran over;
    int64_t stood_in;
    if (af_request_integer(&asked->request, "stood_in", &stood_in)) {
        ran(sim, asked, true, (int)stood_in, &(struct af_answer){.reply = "null", .reply_len = 4});
        return;
    }
    if (af_script_run_wait(&sim->options->grants, asked->call, af_script_interrupted, &over,
                           &why) == 0) {
        const char *text = af_buf_text(&over.text);
        const struct af_answer answer = {.reply = over.ended ? text : NULL,
                                         .reply_len = over.ended ? over.text.len : 0,
                                         .bytes = over.ended ? af_buf_text(&over.bytes) : NULL,
                                         .bytes_len = over.bytes.len,
                                         .failure = over.ended ? NULL : text};
        ran(sim, asked, over.ended, over.status, &answer);
    }
    af_script_ran_release(&over);
    const char *program = af_request_string(&asked->request, "program");
    if (sim->flow != NULL && program != NULL && strcmp(why.what, program) == 0)
        snprintf(why.why + strlen(why.why), sizeof why.why - strlen(why.why),
                 ", or have the flow answer for it: mock_programs");
    if (why.kind != AF_FAILURE_NONE)
        give(sim, asked, (struct af_answer){0}, "af.process.run", &why);
}

/* ---- The task manager: no effect in mock, but it is seen in the trace. ---- */

static void note_request(struct af_sim *sim, const struct af_asked *asked, const char *reply)
{
    const struct af_script_call *call = asked->call;
    af_trace_begin(sim->trace, af_loop_now_ns(sim->loop), call->name);
    af_trace_string(sim->trace, "party", asked->node);
    af_trace_json(sim->trace, "request", call->request, call->request_len);
    af_trace_end(sim->trace);
    af_sim_answer(sim, asked->party, call->id, reply);
}

static void launch(struct af_sim *sim, const struct af_asked *asked)
{
    note_request(sim, asked, "true");
}

static void dataset(struct af_sim *sim, const struct af_asked *asked)
{
    note_request(sim, asked, "null");
}

bool af_sim_common_call(struct af_sim *sim, const struct af_asked *asked)
{
    static void (*const take[AF_CALL_COUNT])(struct af_sim *, const struct af_asked *) = {
        [AF_CALL_UPLOAD] = upload,
        [AF_CALL_DOWNLOAD] = download,
        [AF_CALL_RUN] = run_program,
        [AF_CALL_LAUNCH] = launch,
        [AF_CALL_DATASET] = dataset};
    if (take[asked->number] == NULL)
        return false;
    take[asked->number](sim, asked);
    return true;
}
