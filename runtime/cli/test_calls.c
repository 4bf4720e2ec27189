/* test_calls.c: what af.test asks of the host: parties by themselves, whole runs, checks. */
#include "cli/test_impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/opts.h"
#include "cli/run_options.h"
#include "cli/tell.h"
#include "cli/watch.h"
#include "code/bundle.h"
#include "json/json.h"
#include "loop/process.h"
#include "sim/bench.h"
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Parties. ---- */

struct party {
    struct af_request request; /* of its making: the bench's options borrow it */
    struct af_sim_member *members;
    struct af_script_arg_list args;
    struct af_bench_options options;
    struct af_test_watch *watch;
    struct af_bench *bench;
};

struct af_test_parties {
    struct party **items;
    size_t count, cap;
};

static void free_party(struct party *party)
{
    af_bench_free(party->bench);
    af_test_watch_free(party->watch);
    af_script_args_release(&party->args);
    af_request_release(&party->request);
    free(party->members);
    free(party);
}

void af_test_parties_release(struct af_test_parties *parties)
{
    for (size_t i = 0; parties != NULL && i < parties->count; i++)
        free_party(parties->items[i]);
    if (parties != NULL)
        free(parties->items);
    free(parties);
}

/* Tells of the party as it is after a step; a step that went wrong is told with it. */
static void tell_party(const struct party *party, size_t number, const struct af_failure *wrong,
                       struct af_buf *reply)
{
    char text[AF_FAILURE_TEXT_MAX + 300];
    snprintf(text, sizeof text, "%s: %s", wrong->what, wrong->why);
    af_json_open(reply, '{');
    af_json_add_integer(reply, "id", (int64_t)number);
    af_bench_tell(party->bench, reply);
    af_json_add_text(reply, "wrong", wrong->kind == AF_FAILURE_NONE ? NULL : text);
    af_buf_append_char(reply, '}');
}

static int read_members(struct party *party, struct af_failure *why)
{
    const struct af_request_field *nodes = af_request_list(&party->request, "nodes");
    const struct af_request_field *roles = af_request_list(&party->request, "roles");
    const struct af_request_field *args = af_request_list(&party->request, "args");
    size_t count = nodes == NULL || roles == NULL ? 0 : nodes->item_count;
    if (count == 0 || roles->item_count != count)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "'nodes' names none");
    party->members = af_mem_zero(count, sizeof *party->members);
    for (size_t i = 0; i < count; i++)
        party->members[i] = (struct af_sim_member){nodes->items[i], roles->items[i]};
    party->options.members = party->members;
    party->options.member_count = count;
    for (size_t i = 0; args != NULL && i < args->item_count; i++)
        if (af_script_args_read(&party->args, args->items[i], why) != 0)
            return -1;
    party->options.args = party->args.items;
    party->options.arg_count = party->args.count;
    return 0;
}

static int make_party(struct af_test_asker *asker, struct af_asked *asked, struct af_buf *reply,
                      struct af_failure *why)
{
    struct party *party = af_mem_zero(1, sizeof *party);
    party->request = asked->request;
    asked->request = (struct af_request){0};
    party->options.path = af_request_string(&party->request, "flow");
    party->options.id = af_request_string(&party->request, "node");
    party->options.grants = &asker->run->grants;
    party->watch = af_test_watch_new(asker->run->cover);
    if (party->options.path != NULL && party->options.id != NULL && read_members(party, why) == 0)
        party->bench = af_bench_new(&party->options, af_test_watch_trace(party->watch), why);
    if (party->bench == NULL) {
        free_party(party);
        return -1;
    }
    af_test_watch_begin(party->watch, party->options.path, af_bench_sim(party->bench));
    if (asker->parties == NULL)
        asker->parties = af_mem_zero(1, sizeof *asker->parties);
    struct af_test_parties *parties = asker->parties;
    af_mem_reserve(&parties->items, &parties->cap, parties->count + 1, sizeof(struct party *));
    parties->items[parties->count++] = party;
    struct af_failure wrong = AF_FAILURE_INIT;
    af_bench_start(party->bench, &wrong);
    tell_party(party, parties->count, &wrong, reply);
    return 0;
}

static int step_party(struct af_test_asker *asker, struct af_asked *asked, struct af_buf *reply,
                      struct af_failure *why)
{
    int64_t number = 0;
    struct af_failure wrong = AF_FAILURE_INIT;
    const struct af_request *request = &asked->request;
    const char *type = af_request_string(request, "type");
    const char *timer = af_request_string(request, "timer");
    af_request_integer(request, "id", &number);
    if (asker->parties == NULL || number < 1 || (uint64_t)number > asker->parties->count)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "there is no such party");
    struct party *party = asker->parties->items[number - 1];
    if (type != NULL)
        af_bench_receive(party->bench, af_request_string(request, "from"), type, asked->call->bytes,
                         asked->call->bytes_len, &wrong);
    else if (timer != NULL)
        af_bench_fire(party->bench, timer, &wrong);
    tell_party(party, (size_t)number, &wrong, reply);
    return 0;
}

/* ---- Files: beside the test. ---- */

static char *beside(const struct af_test_asker *asker, const char *flow)
{
    struct af_buf path = AF_BUF_EMPTY;
    const char *slash = strrchr(asker->path, '/');
    if (flow[0] != '/' && slash != NULL)
        af_buf_append(&path, asker->path, (size_t)(slash - asker->path) + 1);
    af_buf_append_string(&path, flow);
    return af_buf_take(&path);
}

static int tell_path(struct af_test_asker *asker, struct af_asked *asked, struct af_buf *reply,
                     struct af_failure *why)
{
    const char *flow = af_request_string(&asked->request, "flow");
    if (flow == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "names no flow");
    char *path = beside(asker, flow);
    af_watch_note(path);
    af_json_write_text(reply, path);
    free(path);
    return 0;
}

/* ---- Whole runs. ---- */

static void tell_wrong(struct af_buf *reply, const char *text)
{
    af_json_open(reply, '{');
    af_json_add_text(reply, "wrong", text);
    af_buf_append_char(reply, '}');
}

/* Of the options those that say what a run is, not how it is told, nor where. */
static int check_word(const struct af_opt *opts, const char *word, struct af_failure *why)
{
    bool is_option = strncmp(word, "--", 2) == 0;
    for (const struct af_opt *opt = opts; is_option && opt->name != NULL; opt++) {
        size_t len = strlen(opt->name);
        if (strncmp(word + 2, opt->name, len) == 0 && (word[len + 2] & ~'=') == 0 &&
            strcmp(opt->section, "Run") != 0 && strcmp(opt->section, "Faults") != 0 &&
            strcmp(opt->section, "Bounds") != 0)
            is_option = false;
    }
    return is_option ? 0
                     : af_failure_set(why, AF_FAILURE_USAGE, word, "is no option of a test's run");
}

static int check_words(const struct af_request_field *words, struct af_failure *why)
{
    for (size_t i = 0; words != NULL && i < words->item_count; i++)
        if (check_word(af_run_opts, words->items[i], why) != 0)
            return -1;
    return 0;
}

static bool go_on(void *arg, struct af_sim *sim)
{
    (void)arg, (void)sim;
    return !af_script_interrupted();
}

/* Whether a finding is the flow's mistake. Under a schedule it is none that its steps cannot be
 * done any more, or end before the run does, with parties in the middle of something. */
static bool is_mistake(const struct af_sim_options *options, const struct af_sim_result *result,
                       enum af_sim_finding_kind kind)
{
    return options->schedule == NULL ||
           (kind != AF_SIM_SCHEDULE && kind != AF_SIM_NOT_OVER &&
            (kind != AF_SIM_PARTY_STUCK || result->outcome == AF_SIM_STUCK));
}

/* What a run has found, in words, or NULL. */
static const char *wrong_of(const struct af_sim_options *options,
                            const struct af_sim_result *result)
{
    if (result->outcome == AF_SIM_OK)
        return NULL;
    for (size_t i = 0; i < result->finding_count; i++)
        if (is_mistake(options, result, result->findings[i].kind))
            return result->findings[i].text;
    return options->schedule != NULL && result->outcome != AF_SIM_INTERRUPTED
               ? NULL
               : af_sim_outcome_word(result->outcome);
}

/* Runs one seed; wrong is what was found, or empty. */
static int run_seed(struct af_test_asker *asker, const struct af_sim_options *options,
                    struct af_buf *wrong, struct af_failure *why)
{
    struct af_sim_result result;
    struct af_test_watch *watch = af_test_watch_new(asker->run->cover);
    struct af_sim *sim = af_sim_new(options, af_test_watch_trace(watch), why);
    int status = -1;
    if (sim != NULL) {
        af_test_watch_begin(watch, options->paths[0], sim);
        af_sim_on_step(sim, go_on, NULL);
        status = af_sim_run(sim, &result, why);
    }
    if (status == 0 && wrong_of(options, &result) != NULL)
        af_buf_append_string(wrong, wrong_of(options, &result));
    if (status == 0)
        af_sim_result_release(&result);
    af_sim_free(sim);
    af_test_watch_free(watch);
    return status;
}

static int run_seeds(struct af_test_asker *asker, struct af_run_options *options,
                     const struct af_request_field *words, struct af_buf *reply,
                     struct af_failure *why)
{
    struct af_buf wrong = AF_BUF_EMPTY;
    struct af_sim_options one = options->sim;
    int status = 0;
    one.quiet = true;
    for (int64_t i = 0; i < options->runs && status == 0 && wrong.len == 0; i++) {
        if (af_script_interrupted())
            break;
        if (af_progress_due(&asker->run->progress))
            af_progress_show(&asker->run->progress, "%s: run %lld of %lld", one.paths[0],
                             (long long)i + 1, (long long)options->runs);
        one.seed = options->sim.seed + (uint64_t)i;
        status = run_seed(asker, &one, &wrong, why);
    }
    if (wrong.len > 0) {
        af_buf_printf(&wrong, "; repeat it with: afrun %s --mock", one.paths[0]);
        for (size_t i = 0; words != NULL && i < words->item_count; i++)
            if (strncmp(words->items[i], "--runs=", 7) != 0 &&
                strncmp(words->items[i], "--seed=", 7) != 0)
                af_tell_word(&wrong, words->items[i]);
        af_buf_printf(&wrong, " --seed %llu", (unsigned long long)one.seed);
    }
    tell_wrong(reply, wrong.len == 0 ? NULL : af_buf_text(&wrong));
    af_buf_release(&wrong);
    return status;
}

static int run_flow(struct af_test_asker *asker, struct af_asked *asked, struct af_buf *reply,
                    struct af_failure *why)
{
    const char *flow = af_request_string(&asked->request, "flow");
    const struct af_request_field *words = af_request_list(&asked->request, "words");
    struct af_run_options options;
    if (flow == NULL || check_words(words, why) != 0)
        return -1;
    char *files[] = {beside(asker, flow)};
    int status = -1;
    af_watch_note(files[0]);
    af_run_options_init(&options);
    if ((words == NULL || af_opts_parse(af_run_opts, (int)words->item_count, words->items, &options,
                                        NULL, why) >= 0) &&
        af_run_options_finish(&options, files, 1, why) == 0)
        status = run_seeds(asker, &options, words, reply, why);
    af_run_options_release(&options);
    free(files[0]);
    return status;
}

/* ---- Checks: as the command does them. ---- */

struct check {
    const char *path;
    struct af_buf *output;
    struct af_failure *why;
};

static void checked(void *arg, const struct af_process_result *result)
{
    const struct check *check = arg;
    if (result->failure != NULL) {
        af_failure_set(check->why, AF_FAILURE_TRANSPORT, check->path, "%s", result->failure);
        return;
    }
    size_t len = result->output_len;
    while (len > 0 && result->output[len - 1] == '\n')
        len--;
    if (len == 0)
        af_failure_set(check->why, AF_FAILURE_TRANSPORT, check->path,
                       "its check ended with status %d and no answer", result->status);
    else
        af_buf_append(check->output, result->output, len);
}

/* Runs the command; words: its options, each ended by a zero byte. */
static int run_check(const char *path, const struct af_buf *words, bool (*stopped)(void),
                     struct af_buf *output, struct af_failure *why)
{
    const char **args = af_mem_zero(words->len + 3, sizeof *args);
    size_t used = 0;
    args[used++] = "check";
    args[used++] = path;
    args[used++] = "--json";
    for (size_t at = 0; at < words->len; at += strlen(words->data + at) + 1)
        args[used++] = words->data + at;
    struct af_process_spec spec = {.path = "/proc/self/exe",
                                   .name = "afrun",
                                   .args = args,
                                   .arg_count = used,
                                   .timeout_ns = AF_PROCESS_TIME_S * AF_S_NS,
                                   .max_bytes = AF_PROCESS_OUTPUT_BYTES_MAX};
    struct check check = {path, output, why};
    struct af_failure own = AF_FAILURE_INIT;
    check.why = &own;
    int status = af_process_run(&spec, stopped, checked, &check, &own);
    free(args);
    return status == 0 && own.kind == AF_FAILURE_NONE
               ? 0
               : af_failure_set(why, own.kind, own.what, "%s", own.why);
}

int af_test_serve_check(const void *arg, const struct af_broker_question *question,
                        struct af_broker_answer *answer, struct af_failure *why)
{
    struct af_buf words = AF_BUF_EMPTY;
    int result = 0;
    (void)arg;
    af_buf_append(&words, question->bytes, question->len);
    if (words.len > 0 && words.data[words.len - 1] != '\0')
        af_buf_append_char(&words, '\0');
    for (size_t at = 0; at < words.len && result == 0; at += strlen(words.data + at) + 1)
        result = check_word(af_cmd_check.row->opts, words.data + at, why);
    const char *dot = strrchr(question->text, '.');
    if (result == 0 && (question->text[0] == '-' || !((dot != NULL && strcmp(dot, ".lua") == 0) ||
                                                      af_bundle_is(question->text))))
        result = af_failure_set(why, AF_FAILURE_USAGE, question->text, "is no flow");
    if (result == 0)
        result = run_check(question->text, &words, af_broker_is_given_up, &answer->bytes, why);
    af_buf_release(&words);
    return result;
}

static int check_flow(struct af_test_asker *asker, struct af_asked *asked, struct af_buf *reply,
                      struct af_failure *why)
{
    const char *flow = af_request_string(&asked->request, "flow");
    const struct af_request_field *words = af_request_list(&asked->request, "words");
    struct af_buf joined = AF_BUF_EMPTY;
    int status;
    if (flow == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "names no flow");
    char *path = beside(asker, flow);
    for (size_t i = 0; words != NULL && i < words->item_count; i++)
        af_buf_append(&joined, words->items[i], strlen(words->items[i]) + 1);
    af_watch_note(path);
    if (af_broker_is_there()) {
        const struct af_broker_question question = {path, 0, af_buf_text(&joined), joined.len};
        struct af_broker_answer answer = {*reply, -1};
        status = af_broker_ask(AF_BROKER_CHECK, &question, af_script_interrupted, &answer, why);
        *reply = answer.bytes;
    } else {
        status = run_check(path, &joined, af_script_interrupted, reply, why);
    }
    if (status == 0)
        af_test_cover_check(asker->run->cover, path, af_buf_text(reply), reply->len);
    af_buf_release(&joined);
    free(path);
    return status;
}

int af_test_call(struct af_test_asker *asker, struct af_asked *asked, struct af_buf *reply,
                 struct af_failure *why)
{
    static const struct {
        const char *op;
        int (*take)(struct af_test_asker *, struct af_asked *, struct af_buf *,
                    struct af_failure *);
    } ops[] = {{"party", make_party}, {"receive", step_party}, {"fire", step_party},
               {"path", tell_path},   {"run", run_flow},       {"check", check_flow}};
    const char *op = af_request_string(&asked->request, "op");
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(ops[i].op, op) == 0)
            return ops[i].take(asker, asked, reply, why);
    return af_failure_set(why, AF_FAILURE_USAGE, op, "is nothing that a test can ask for");
}
