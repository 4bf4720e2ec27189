/* test_file.c: one file of tests: a sequential script, whose calls af.test makes of the host. */
#include "cli/test_impl.h"

#include "base/failure.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/paths.h"
#include "script/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file {
    struct af_test_asker asker;
    size_t cases;  /* of it */
    char *failure; /* what it raised outside of a case, or NULL */
    bool over;
};

static void answer(struct af_script_party *party, const struct af_script_call *call,
                   const struct af_buf *reply, const char *failure)
{
    struct af_answer given = {.failure = failure};
    if (failure == NULL && reply->len > 0) {
        given.reply = af_buf_text(reply);
        given.reply_len = reply->len;
    }
    af_script_answer(party, call->id, &given);
}

/* What a test prints: a comment of TAP. */
static void print_line(const struct file *file, const struct af_script_call *call)
{
    const char *at = call->bytes, *end = at + call->bytes_len;
    while (file->asker.run->tap && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline == NULL ? end : newline;
        fputs("# ", stdout);
        af_log_write_safe(stdout, at, (uint64_t)(stop - at));
        putchar('\n');
        at = newline == NULL ? end : newline + 1;
    }
}

static void note_case(struct file *file, const struct af_request *request)
{
    const char *name = af_request_string(request, "name");
    const char *message = af_request_string(request, "message");
    int64_t line = 0;
    af_request_integer(request, "line", &line);
    file->cases++;
    if (af_script_interrupted())
        return;
    af_test_note(file->asker.run, file->asker.path, name == NULL ? "" : name, (long)line,
                 af_request_bool(request, "ok") ? NULL
                 : message == NULL              ? ""
                                                : message);
}

static void take_call(void *arg, struct af_script_party *party, const struct af_script_call *call)
{
    struct file *file = arg;
    struct af_asked asked;
    struct af_failure failure = AF_FAILURE_INIT;
    struct af_buf reply = AF_BUF_EMPTY;
    char text[AF_FAILURE_TEXT_MAX + 300] = "";
    if (af_script_call_number(call->name) == AF_CALL_LOG) {
        print_line(file, call);
        return;
    }
    if (af_script_call_read(&asked, party, call, text, sizeof text) == 0) {
        const char *op = af_request_string(&asked.request, "op");
        if (asked.number != AF_CALL_TEST)
            snprintf(text, sizeof text,
                     "%s: a test asks for nothing outside; a party under test does", call->name);
        else if (strcmp(op, "case") == 0)
            note_case(file, &asked.request);
        else if (af_test_call(&file->asker, &asked, &reply, &failure) != 0)
            snprintf(text, sizeof text, "%s%s%s", failure.what, failure.what[0] == '\0' ? "" : ": ",
                     failure.why);
    }
    af_request_release(&asked.request);
    answer(party, call, &reply, text[0] == '\0' ? NULL : text);
    af_buf_release(&reply);
}

static void ended(void *arg, struct af_script_party *party, const struct af_effects *effects)
{
    struct file *file = arg;
    (void)party;
    file->over = true;
    if (effects->outcome == AF_OUTCOME_RAISED || effects->outcome == AF_OUTCOME_FAILED)
        file->failure = af_mem_string(effects->text);
}

static int run_script(struct file *file, struct af_script *script, struct af_failure *why)
{
    const struct af_script_member member = {"test", 0};
    const struct af_hash seed = {0x74657374u, 1};
    if (af_script_flow(script) != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "it is a flow; a file of tests requires \"af.test\"");
    af_script_set_owner(script, take_call, file);
    if (af_script_set_task(script, "test", &member, 1, NULL, 0, why) != 0)
        return -1;
    struct af_script_party *party = af_script_party_new(script, 0, seed, NULL, why);
    if (party == NULL)
        return -1;
    struct af_input start = {.kind = AF_INPUT_START};
    af_script_deliver(party, &start, ended, file);
    if (!file->over)
        af_failure_set(why, AF_FAILURE_FLOW, "", "it waits for what nobody gives");
    af_script_party_free(party);
    return file->over ? 0 : -1;
}

void af_test_file(struct af_test_run *run, const char *path)
{
    struct file file = {.asker = {.run = run, .path = path}};
    struct af_failure why = AF_FAILURE_INIT;
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    char text[AF_FAILURE_TEXT_MAX + 300];
    af_paths_beside(path);
    struct af_script *script = af_script_load(path, &why);
    if (script != NULL)
        run_script(&file, script, &why);
    af_script_free(script);
    af_test_parties_release(file.asker.parties);
    if (why.kind != AF_FAILURE_NONE) {
        snprintf(text, sizeof text, "%s%s%s", why.what, why.what[0] == '\0' ? "" : ": ", why.why);
        file.failure = file.failure == NULL ? af_mem_string(text) : file.failure;
    } else if (file.failure == NULL && file.cases == 0) {
        file.failure =
            af_mem_string("it has no cases: t.test(\"what must hold\", function() … end)");
    }
    if (file.failure != NULL && !af_script_interrupted())
        af_test_note(run, path, name, 0, file.failure);
    free(file.failure);
}
