/* calls.c: see calls.h. Each call is under way until it is answered; a party that ends withdraws
 * what it has asked. */
#include "run/calls.h"

#include "base/bounds.h"
#include "bus/bus.h"
#include "base/failure.h"
#include "script/grants.h"
#include "json/json.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "loop/process.h"
#include "base/progress.h"
#include "script/script.h"
#include "script/calls.h"
#include "script/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct under_way {
    struct under_way *next, *previous; /* of the calls that are under way */
    bool under_way;                    /* false: withdrawn */
    struct af_calls *calls;
    struct af_script_party *party;
    uint64_t id;
    const char *what; /* for messages */
    char name[32];    /* of the call */
    struct af_process *process;
    struct af_timer *timer;      /* when it has taken too long; NULL: it may take its time */
    struct af_progress progress; /* of a file, on a terminal */
    bool to_path;
};

struct af_calls {
    struct af_calls_spec spec;
    struct af_bus *web;      /* for http URLs where the bus is local; NULL: not yet */
    struct under_way *first; /* of the calls that are under way */
    char name[32];           /* of the newest call */
};

/* ---- Answers. ---- */

static void give(struct af_calls *calls, struct af_script_party *party, uint64_t call,
                 const struct af_answer *answer)
{
    char name[sizeof calls->name];
    memcpy(name, calls->name, sizeof name);
    calls->name[0] = '\0';
    if (calls->spec.answered != NULL)
        calls->spec.answered(calls->spec.arg, name, answer);
    af_script_answer(party, call, answer);
}

static void answer(struct af_calls *calls, struct af_script_party *party, uint64_t call,
                   const char *reply, const void *bytes, size_t len, const char *failure)
{
    struct af_answer answer = {reply,   reply == NULL ? 0 : strlen(reply), bytes, len,
                               failure, af_loop_wall_ns(calls->spec.loop)};
    give(calls, party, call, &answer);
}

void af_calls_answer(struct af_calls *calls, struct af_script_party *party, uint64_t call,
                     const char *reply)
{
    answer(calls, party, call, reply, NULL, 0, NULL);
}

void af_calls_refuse(struct af_calls *calls, struct af_script_party *party, uint64_t call,
                     const char *format, ...)
{
    char why[AF_FAILURE_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    answer(calls, party, call, NULL, NULL, 0, why);
}

static void refuse(struct af_calls *calls, const struct af_asked *asked, const char *function,
                   const struct af_failure *why)
{
    af_calls_refuse(calls, asked->party, asked->call->id, "%s: %s: %s", function, why->what,
                    why->why);
}

/* ---- Calls under way. ---- */

static struct under_way *begin(struct af_calls *calls, const struct af_asked *asked,
                               const char *what)
{
    struct under_way *call = af_mem_zero(1, sizeof *call);
    call->calls = calls;
    call->party = asked->party;
    call->id = asked->call->id;
    call->what = what;
    memcpy(call->name, calls->name, sizeof call->name);
    call->under_way = true;
    call->next = calls->first;
    if (call->next != NULL)
        call->next->previous = call;
    calls->first = call;
    return call;
}

static void unlink_call(struct under_way *call)
{
    af_timer_cancel(call->timer);
    call->timer = NULL;
    if (call->next != NULL)
        call->next->previous = call->previous;
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        call->calls->first = call->next;
    call->under_way = false;
}

/* The call is over; false: it was withdrawn, there is nobody to answer. */
static bool is_wanted(struct under_way *call)
{
    af_progress_end(&call->progress);
    if (!call->under_way)
        return false;
    unlink_call(call);
    return true;
}

void af_calls_cancel(struct af_calls *calls)
{
    struct under_way *call = calls->first;
    while (call != NULL) {
        struct under_way *next = call->next;
        unlink_call(call);
        if (call->process != NULL) { /* else the bus completes it later */
            af_process_cancel(call->process);
            free(call);
        }
        call = next;
    }
}

/* The bus completes it later, for nobody. */
static void took_too_long(void *arg)
{
    struct under_way *call = arg;
    call->timer = NULL;
    unlink_call(call);
    af_calls_refuse(call->calls, call->party, call->id, "%s: not done in time", call->what);
}

/* What a bus said, as the answer to a call: true unless it failed, which is answered. */
static bool went_well(struct under_way *call, const struct af_bus_result *result)
{
    if (result->code == AF_BUS_OK)
        return true;
    af_calls_refuse(call->calls, call->party, call->id, "%s: %s", call->what, result->why);
    return false;
}

/* ---- Files. ---- */

static void uploaded(void *arg, const struct af_bus_result *result)
{
    struct under_way *call = arg;
    if (is_wanted(call) && went_well(call, result)) {
        struct af_buf reply = AF_BUF_EMPTY;
        af_buf_append_string(&reply, "{\"url\":");
        if (!af_json_write_string(&reply, result->text, result->text_len))
            af_buf_append_string(&reply, "null");
        af_buf_append_char(&reply, '}');
        af_calls_answer(call->calls, call->party, call->id, af_buf_text(&reply));
        af_buf_release(&reply);
    }
    free(call);
}

static void file_goes_on(void *arg, int64_t done_bytes, int64_t total_bytes)
{
    struct under_way *call = arg;
    if (!af_progress_due(&call->progress))
        return;
    if (total_bytes < 0)
        af_progress_show(&call->progress, "%s: %lld MiB", call->name,
                         (long long)(done_bytes >> 20));
    else
        af_progress_show(&call->progress, "%s: %lld of %lld MiB", call->name,
                         (long long)(done_bytes >> 20), (long long)(total_bytes >> 20));
}

static void upload(struct af_calls *calls, const struct af_asked *asked)
{
    const struct af_script_call *call = asked->call;
    const struct af_request *request = &asked->request;
    struct af_failure why = AF_FAILURE_INIT;
    const char *path = af_request_string(request, "path");
    char *real = NULL;
    char call_id[AF_UUID_TEXT_BYTES];
    af_uuid_format(call->key, call_id);
    if (path != NULL && (real = af_file_find(&calls->spec.grants->files, path, &why)) == NULL) {
        refuse(calls, asked, "upload_file", &why);
        return;
    }
    struct under_way *under_way = begin(calls, asked, "upload_file");
    af_progress_init(&under_way->progress, calls->spec.quiet);
    struct af_bus_file file = {.task = asked->task,
                               .node = asked->node,
                               .name = af_request_string(request, "name"),
                               .path = real,
                               .bytes = path == NULL ? call->bytes : NULL,
                               .bytes_len = path == NULL ? call->bytes_len : 0,
                               .sha256 = path == NULL ? af_script_call_sha256(asked) : NULL,
                               .durable = af_request_bool(request, "persistent"),
                               .call_id = call_id,
                               .progress = file_goes_on,
                               .progress_arg = under_way};
    af_bus_put_file(calls->spec.bus, &file, uploaded, under_way);
    free(real);
}

static void downloaded(void *arg, const struct af_bus_result *result)
{
    struct under_way *call = arg;
    if (is_wanted(call) && went_well(call, result))
        answer(call->calls, call->party, call->id, "null", call->to_path ? NULL : result->bytes,
               call->to_path ? 0 : result->bytes_len, NULL);
    free(call);
}

/* file:// URLs, where the folder is granted. */
static void read_file(struct af_calls *calls, const struct af_asked *asked, int64_t max_bytes)
{
    const struct af_request *request = &asked->request;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf bytes = AF_BUF_EMPTY;
    const struct af_file_access *files = &calls->spec.grants->files;
    const char *url = af_request_string(request, "url");
    const char *path = af_request_string(request, "path");
    const char *sha256 = af_request_string(request, "sha256");
    bool ok = af_file_read(files, url + 7, max_bytes, &bytes, &why) == 0;
    if (ok && sha256 != NULL && !af_script_is_sha256(af_buf_text(&bytes), bytes.len, sha256))
        ok = af_failure_set(&why, AF_FAILURE_FLOW, url, "its SHA-256 is not the expected one") == 0;
    if (ok && path != NULL)
        ok = af_file_write(files, path, af_buf_text(&bytes), bytes.len, &why) == 0;
    if (ok)
        answer(calls, asked->party, asked->call->id, "null",
               path == NULL ? af_buf_text(&bytes) : NULL, path == NULL ? bytes.len : 0, NULL);
    else
        refuse(calls, asked, "af.download", &why);
    af_buf_release(&bytes);
}

/* What fetches the URLs of others: the bus, if it is a service; else one that is opened for it, and
 * knows no secrets. */
static struct af_bus *web(struct af_calls *calls, struct af_failure *why)
{
    struct af_bus_options options = {0};
    if (af_bus_is_distant(calls->spec.bus_url))
        return calls->spec.bus;
    if (calls->web == NULL)
        calls->web = af_bus_open("http://127.0.0.1", calls->spec.loop, &options, why);
    return calls->web;
}

static void download(struct af_calls *calls, const struct af_asked *asked)
{
    const struct af_request *request = &asked->request;
    struct af_failure why = AF_FAILURE_INIT;
    const char *url = af_request_string(request, "url");
    const char *path = af_request_string(request, "path");
    int64_t max_bytes = path == NULL ? (int64_t)AF_BUF_BYTES_MAX : AF_BUS_FILE_BYTES_MAX;
    char *target = NULL;
    double seconds;
    bool is_of_bus = af_bus_owns(calls->spec.bus_url, url); /* those need no grant */
    af_request_integer(request, "max_bytes", &max_bytes);
    if (strncmp(url, "file://", 7) == 0) {
        read_file(calls, asked, max_bytes);
        return;
    }
    if ((!is_of_bus && af_grants_host(calls->spec.grants, url, &why) != 0) ||
        (path != NULL &&
         (target = af_file_target(&calls->spec.grants->files, path, &why)) == NULL)) {
        refuse(calls, asked, "af.download", &why);
        return;
    }
    struct under_way *under_way = begin(calls, asked, "af.download");
    under_way->to_path = path != NULL;
    af_progress_init(&under_way->progress, calls->spec.quiet);
    if (af_request_number(request, "timeout", &seconds))
        under_way->timer =
            af_timer_start(calls->spec.loop, (int64_t)(seconds * 1e9), took_too_long, under_way);
    struct af_bus_fetch fetch = {.task = asked->task,
                                 .node = asked->node,
                                 .url = url,
                                 .path = target,
                                 .sha256 = af_request_string(request, "sha256"),
                                 .max_bytes = max_bytes,
                                 .progress = file_goes_on,
                                 .progress_arg = under_way};
    struct af_bus *from = is_of_bus ? calls->spec.bus : web(calls, &why);
    if (from != NULL) {
        af_bus_get_file(from, &fetch, downloaded, under_way);
    } else {
        unlink_call(under_way);
        free(under_way);
        refuse(calls, asked, "af.download", &why);
    }
    free(target);
}

/* ---- Programs. ---- */

static void program_ended(void *arg, const struct af_process_result *result)
{
    struct under_way *call = arg;
    if (is_wanted(call)) {
        struct af_script_run_answer run;
        give(call->calls, call->party, call->id,
             af_script_run_answer(&run, result, af_loop_wall_ns(call->calls->spec.loop)));
        af_script_run_answer_release(&run);
    }
    free(call);
}

static void run_program(struct af_calls *calls, const struct af_asked *asked)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_script_run run;
    if (af_script_run_read(&run, calls->spec.grants, asked->call, &why) != 0) {
        refuse(calls, asked, "af.process.run", &why);
        return;
    }
    struct under_way *under_way = begin(calls, asked, "af.process.run");
    under_way->process =
        af_process_start(calls->spec.loop, &run.spec, program_ended, under_way, &why);
    af_script_run_release(&run);
    if (under_way->process == NULL) {
        unlink_call(under_way);
        free(under_way);
        refuse(calls, asked, "af.process.run", &why);
    }
}

/* ---- The task manager. ---- */

static void noted(void *arg, const struct af_bus_result *result)
{
    struct under_way *call = arg;
    if (is_wanted(call) && went_well(call, result))
        af_calls_answer(call->calls, call->party, call->id, "true");
    free(call);
}

static void noted_quietly(void *arg, const struct af_bus_result *result)
{
    (void)arg;
    if (result->code != AF_BUS_OK && result->code != AF_BUS_CANCELLED)
        af_log(AF_LOG_WARNING, "the task manager was not told: %s", result->why);
}

void af_calls_note(struct af_calls *calls, const struct af_bus_note *note)
{
    af_bus_tell(calls->spec.bus, note, noted_quietly, NULL);
}

static void tell_note(struct af_calls *calls, const struct af_asked *asked, const char *what,
                      struct af_bus_note note)
{
    const char *channel = af_request_string(&asked->request, "channel");
    char call_id[AF_UUID_TEXT_BYTES];
    af_uuid_format(asked->call->key, call_id);
    note.task = asked->task;
    note.channel = channel != NULL ? channel : "federated";
    note.node = asked->node;
    note.call_id = call_id;
    af_bus_tell(calls->spec.bus, &note, noted, begin(calls, asked, what));
}

static void progress(struct af_calls *calls, const struct af_asked *asked)
{
    struct af_bus_note note = {.kind = AF_BUS_NOTE_PROGRESS};
    af_request_integer(&asked->request, "percent", &note.number);
    tell_note(calls, asked, "report_progress", note);
}

static void launch(struct af_calls *calls, const struct af_asked *asked)
{
    struct af_bus_note note = {.kind = AF_BUS_NOTE_LAUNCH,
                               .text = af_request_string(&asked->request, "file_key")};
    tell_note(calls, asked, "launch_task", note);
}

static void dataset(struct af_calls *calls, const struct af_asked *asked)
{
    struct af_bus_note note = {.kind = AF_BUS_NOTE_DATASET,
                               .number = af_request_bool(&asked->request, "verified"),
                               .text = af_request_string(&asked->request, "cause")};
    tell_note(calls, asked, "notify_dataset_state", note);
}

/* ---- Calls. ---- */

bool af_calls_common(struct af_calls *calls, const struct af_asked *asked)
{
    static void (*const take[AF_CALL_COUNT])(struct af_calls *, const struct af_asked *) = {
        [AF_CALL_UPLOAD] = upload,     [AF_CALL_DOWNLOAD] = download, [AF_CALL_RUN] = run_program,
        [AF_CALL_PROGRESS] = progress, [AF_CALL_LAUNCH] = launch,     [AF_CALL_DATASET] = dataset};
    snprintf(calls->name, sizeof calls->name, "%s", asked->call->name);
    if (take[asked->number] == NULL)
        return false;
    take[asked->number](calls, asked);
    return true;
}

static void tell_members(struct af_calls *calls, const struct af_asked *asked)
{
    const struct af_script_who who = {false, asked->node};
    struct af_buf reply = AF_BUF_EMPTY;
    af_script_tell_members(&reply, asked->number == AF_CALL_WHOAMI ? &who : NULL,
                           calls->spec.script);
    af_calls_answer(calls, asked->party, asked->call->id, af_buf_text(&reply));
    af_buf_release(&reply);
}

void af_calls_take(struct af_calls *calls, struct af_script_party *party, const char *node,
                   const char *task, const struct af_script_call *call)
{
    struct af_asked asked;
    char why[200];
    int read = af_script_call_read(&asked, party, call, why, sizeof why);
    asked.node = node;
    asked.task = task;
    if (read != 0)
        af_calls_refuse(calls, party, call->id, "%s", why);
    else if (asked.number == AF_CALL_NODES || asked.number == AF_CALL_WHOAMI)
        tell_members(calls, &asked);
    else if (!af_calls_common(calls, &asked))
        af_calls_refuse(calls, party, call->id, "not to be had in a handler");
    af_request_release(&asked.request);
}

/* ---- Life. ---- */

struct af_calls *af_calls_new(const struct af_calls_spec *spec)
{
    struct af_calls *calls = af_mem_zero(1, sizeof *calls);
    calls->spec = *spec;
    return calls;
}

void af_calls_set_script(struct af_calls *calls, struct af_script *script)
{
    calls->spec.script = script;
}

void af_calls_free(struct af_calls *calls)
{
    if (calls == NULL)
        return;
    af_calls_cancel(calls);
    af_bus_close(calls->web);
    free(calls);
}

const char *af_calls_waits_for(const struct af_calls *calls)
{
    return calls->first == NULL ? NULL : calls->first->name;
}
