/* run.c: see run.h.
 *
 *   request  {"program", "args":[…], "input":true if the call's bytes are its standard input,
 *             "timeout":seconds, "max_bytes", "input_path", "output_path"}
 *   reply    {"status", "output":how many of the bytes are its output; the others are its errors}
 */
#include "script/run.h"

#include "base/bounds.h"
#include "base/broker.h"
#include "base/buf.h"
#include "base/failure.h"
#include "script/grants.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_limits(struct af_script_run *run, struct af_failure *why)
{
    double timeout_s = AF_PROCESS_TIME_S;
    int64_t max_bytes = AF_PROCESS_OUTPUT_BYTES_MAX;
    af_request_number(&run->request, "timeout", &timeout_s);
    af_request_integer(&run->request, "max_bytes", &max_bytes);
    if (!(timeout_s > 0 && timeout_s <= (double)AF_TIME_MAX_S))
        return af_failure_set(why, AF_FAILURE_FLOW, "timeout",
                              "expected more than 0 and at most %lld seconds",
                              (long long)AF_TIME_MAX_S);
    if (max_bytes < 0 || max_bytes > AF_PROCESS_OUTPUT_BYTES_MAX)
        return af_failure_set(why, AF_FAILURE_FLOW, "max_bytes", "expected 0 to %u",
                              AF_PROCESS_OUTPUT_BYTES_MAX);
    run->spec.timeout_ns = (int64_t)ceil(timeout_s * 1e9);
    run->spec.max_bytes = (size_t)max_bytes;
    return 0;
}

/* Files that it reads and writes itself. */
static int find_files(struct af_script_run *run, const struct af_grants *grants,
                      struct af_failure *why)
{
    const char *input = af_request_string(&run->request, "input_path");
    const char *output = af_request_string(&run->request, "output_path");
    if ((input != NULL && (run->input_path = af_file_find(&grants->files, input, why)) == NULL) ||
        (output != NULL &&
         (run->output_path = af_file_target(&grants->files, output, why)) == NULL))
        return -1;
    run->spec.input_path = run->input_path;
    run->spec.output_path = run->output_path;
    return 0;
}

int af_script_run_read(struct af_script_run *run, const struct af_grants *grants,
                       const struct af_script_call *call, struct af_failure *why)
{
    memset(run, 0, sizeof *run);
    const char *program = NULL;
    if (af_request_read(&run->request, call->request, call->request_len))
        program = af_request_string(&run->request, "program");
    if (program == NULL)
        af_failure_set(why, AF_FAILURE_FLOW, "request", "names no program");
    else
        run->spec.path = af_grants_program(grants, program, why);
    if (run->spec.path == NULL || read_limits(run, why) != 0 || find_files(run, grants, why) != 0) {
        af_script_run_release(run);
        return -1;
    }
    const struct af_request_field *args = af_request_list(&run->request, "args");
    if (args != NULL) {
        run->spec.args = (const char *const *)args->items;
        run->spec.arg_count = args->item_count;
    }
    if (af_request_bool(&run->request, "input")) {
        run->spec.input = call->bytes == NULL ? "" : call->bytes;
        run->spec.input_len = call->bytes_len;
    }
    af_uuid_format(call->key, run->call_id);
    run->spec.name = program;
    run->spec.call_id = run->call_id;
    return 0;
}

void af_script_run_release(struct af_script_run *run)
{
    af_request_release(&run->request);
    free(run->input_path);
    free(run->output_path);
}

const struct af_answer *af_script_run_answer(struct af_script_run_answer *run,
                                             const struct af_process_result *result, int64_t now_ns)
{
    memset(run, 0, sizeof *run);
    run->answer.now_ns = now_ns;
    if (result->failure != NULL) {
        snprintf(run->text, sizeof run->text, "af.process.run: %s", result->failure);
        run->answer.failure = run->text;
        return &run->answer;
    }
    int len = snprintf(run->text, sizeof run->text, "{\"status\":%d,\"output\":%zu}",
                       result->status, result->output_len);
    af_buf_append(&run->bytes, result->output, result->output_len);
    af_buf_append(&run->bytes, result->errors, result->errors_len);
    run->answer.reply = run->text;
    run->answer.reply_len = (size_t)len;
    run->answer.bytes = af_buf_text(&run->bytes);
    run->answer.bytes_len = run->bytes.len;
    return &run->answer;
}

void af_script_run_answer_release(struct af_script_run_answer *run)
{
    af_buf_release(&run->bytes);
}

/* ---- Waited for. ---- */

void af_script_ran_release(struct af_script_ran *ran)
{
    af_buf_release(&ran->text);
    af_buf_release(&ran->bytes);
}

static void take_result(void *arg, const struct af_process_result *result)
{
    struct af_script_ran *ran = arg;
    struct af_script_run_answer over;
    const struct af_answer *answer = af_script_run_answer(&over, result, 0);
    ran->ended = result->failure == NULL;
    ran->status = result->status;
    af_buf_append_string(&ran->text, ran->ended ? answer->reply : answer->failure);
    af_buf_append(&ran->bytes, answer->bytes, answer->bytes_len);
    af_script_run_answer_release(&over);
}

/* What crosses to the broker: a call before its bytes, and what came of it before its. */
struct crossing {
    struct af_hash key;
    bool has_bytes;
};
struct crossing_back {
    bool ended;
    int status;
    size_t text_len;
};

static int ask_to_run(const struct af_script_call *call, bool (*stopped)(void),
                      struct af_script_ran *ran, struct af_failure *why)
{
    struct af_buf bytes = AF_BUF_EMPTY;
    struct af_broker_answer answer = AF_BROKER_ANSWER;
    struct crossing_back back = {0};
    const struct crossing head = {call->key, call->bytes != NULL};
    af_buf_append(&bytes, &head, sizeof head);
    af_buf_append(&bytes, call->bytes, call->bytes_len);
    const struct af_broker_question question = {call->request, 0, bytes.data, bytes.len};
    int result = af_broker_ask(AF_BROKER_PROGRAM, &question, stopped, &answer, why);
    af_buf_release(&bytes);
    if (result == 0 && answer.bytes.len >= sizeof back) {
        const char *at = answer.bytes.data + sizeof back;
        memcpy(&back, answer.bytes.data, sizeof back);
        ran->ended = back.ended;
        ran->status = back.status;
        af_buf_append(&ran->text, at, back.text_len);
        af_buf_append(&ran->bytes, at + back.text_len,
                      answer.bytes.len - sizeof back - back.text_len);
    }
    af_buf_release(&answer.bytes);
    return result;
}

int af_script_run_wait(const struct af_grants *grants, const struct af_script_call *call,
                       bool (*stopped)(void), struct af_script_ran *ran, struct af_failure *why)
{
    struct af_script_run run;
    *ran = (struct af_script_ran){.ended = false};
    if (af_broker_is_there())
        return ask_to_run(call, stopped, ran, why);
    if (af_script_run_read(&run, grants, call, why) != 0)
        return -1;
    int result = af_process_run(&run.spec, stopped, take_result, ran, why);
    af_script_run_release(&run);
    return result;
}

int af_script_serve_run(const void *grants, const struct af_broker_question *question,
                        struct af_broker_answer *answer, struct af_failure *why)
{
    struct af_script_ran ran;
    struct crossing head;
    if (question->len < sizeof head)
        return -1;
    memcpy(&head, question->bytes, sizeof head);
    const char *bytes = (const char *)question->bytes + sizeof head;
    const struct af_script_call call = {.key = head.key,
                                        .request = question->text,
                                        .request_len = strlen(question->text),
                                        .bytes = head.has_bytes ? bytes : NULL,
                                        .bytes_len = question->len - sizeof head};
    int result = af_script_run_wait(grants, &call, af_broker_is_given_up, &ran, why);
    const struct crossing_back back = {ran.ended, ran.status, ran.text.len};
    af_buf_append(&answer->bytes, &back, sizeof back);
    af_buf_append(&answer->bytes, ran.text.data, ran.text.len);
    af_buf_append(&answer->bytes, ran.bytes.data, ran.bytes.len);
    af_script_ran_release(&ran);
    return result;
}
