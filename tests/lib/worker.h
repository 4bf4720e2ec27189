/* worker/child.h: what the tests of worker processes share: a folder with a flow, a worker that
 * runs it, and deliveries that are waited for. stop() looks for what was left: processes,
 * descriptors, timers and posts of the loop.
 *
 * Include after cmocka.h. The program is $AFRUN, or the one beside the test's folder. */
#ifndef TESTS_LIB_WORKER_H
#define TESTS_LIB_WORKER_H

#include "base/bounds.h"
#include "base/failure.h"
#include "worker/jail.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "script/script.h"
#include "worker/host.h"
#include "lib/descriptors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_NS (60 * AF_S_NS) /* that anything is waited for */

static char test_folder[256], test_path[300];

struct test_worker {
    struct af_loop *loop;
    struct af_worker *worker;
    bool loaded;
    struct af_failure why; /* of loading */
    unsigned died;
    char death[AF_FAILURE_TEXT_MAX]; /* the last */
    char log[4096];
    bool late;
    int descriptors; /* that were open before */
};

/* What a delivery came to, copied. */
struct test_result {
    unsigned calls; /* of done() */
    enum af_outcome outcome;
    bool blamed, entered, data_changed;
    int64_t after_ns;
    int progress;
    char *text;
    char *all; /* all of the effects and the snapshot, as a text to compare */
};

static inline int make_folder(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(test_folder, sizeof test_folder, "%s/test_worker.XXXXXX",
             base == NULL ? "/tmp" : base);
    if (mkdtemp(test_folder) == NULL)
        return -1;
    snprintf(test_path, sizeof test_path, "%s/flow.lua", test_folder);
    return 0;
}

static inline int remove_folder(void **state)
{
    char command[400];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", test_folder);
    return system(command);
}

static inline void write_file(const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", test_folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
}

/* The path of this program up to a folder of it: build/MODE for "/tests/", the repository for
 * "/build/". */
static inline char *above(const char *folder, char *path, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", path, size - 1);
    assert_true(len > 0);
    path[len] = '\0';
    char *end = strstr(path, folder);
    assert_non_null(end);
    *end = '\0';
    return path;
}

static inline const char *program(void)
{
    static char path[4096];
    const char *told = getenv("AFRUN");
    if (told != NULL)
        return told;
    above("/tests/", path, sizeof path - 10);
    return strcat(path, "/afrun");
}

/* A file of tests/data/worker as the flow. */
static inline void use_data(const char *name)
{
    char root[4096], command[9000];
    above("/build/", root, sizeof root);
    snprintf(command, sizeof command, "cp '%s/tests/data/worker/%s' '%s'", root, name, test_path);
    assert_int_equal(system(command), 0);
}

static inline void on_loaded(void *arg, struct af_worker *worker, const struct af_failure *why)
{
    struct test_worker *test = arg;
    (void)worker;
    assert_false(test->loaded);
    test->loaded = true;
    if (why != NULL)
        test->why = *why;
}

static inline void on_died(void *arg, struct af_worker *worker, const char *text)
{
    struct test_worker *test = arg;
    (void)worker;
    test->died++;
    snprintf(test->death, sizeof test->death, "%s", text);
}

static inline void on_log(void *arg, const char *text)
{
    struct test_worker *test = arg;
    size_t len = strlen(test->log);
    snprintf(test->log + len, sizeof test->log - len, "%s\n", text);
}

static inline void on_late(void *arg)
{
    ((struct test_worker *)arg)->late = true;
}

/* Steps until *flag is set. */
static inline void wait_for(struct test_worker *test, const bool *flag)
{
    struct af_timer *timer = af_timer_start(test->loop, WAIT_NS, on_late, test);
    while (!*flag && !test->late)
        assert_true(af_loop_step(test->loop));
    if (test->late)
        fail_msg("nothing came in 60 s; it died %u times: %s", test->died, test->death);
    af_timer_cancel(timer);
}

static inline void wait_count(struct test_worker *test, const unsigned *count, unsigned wanted)
{
    struct af_timer *timer = af_timer_start(test->loop, WAIT_NS, on_late, test);
    while (*count < wanted && !test->late)
        assert_true(af_loop_step(test->loop));
    if (test->late)
        fail_msg("nothing came in 60 s; it died %u times: %s", test->died, test->death);
    af_timer_cancel(timer);
}

/* Starts a worker for flow.lua and waits until it is loaded, or cannot be. */
static inline void start_with(struct test_worker *test, const char *binary, int64_t hang_ns,
                              bool no_jail)
{
    memset(test, 0, sizeof *test);
    struct af_failure why = AF_FAILURE_INIT;
    test->descriptors = count_descriptors();
    test->loop = af_loop_ev_new(NULL);
    struct af_worker_spec spec = {.loop = test->loop,
                                  .path = test_path,
                                  .program = binary,
                                  .no_jail = no_jail,
                                  .hang_ns = hang_ns,
                                  .arg = test,
                                  .loaded = on_loaded,
                                  .died = on_died,
                                  .log = on_log};
    test->worker = af_worker_start(&spec, &why);
    if (test->worker == NULL)
        fail_msg("%s: %s", why.what, why.why);
    wait_for(test, &test->loaded);
}

static inline void start_flow(struct test_worker *test, const char *text, int64_t hang_ns)
{
    write_file("flow.lua", text);
    start_with(test, program(), hang_ns, false);
    if (test->why.kind != AF_FAILURE_NONE)
        fail_msg("%s: %s", test->why.what, test->why.why);
}

static inline void stop(struct test_worker *test)
{
    af_worker_free(test->worker);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* there is no child, alive or dead */
    assert_int_equal(errno, ECHILD);
    if (af_loop_next_ns(test->loop) <= af_loop_now_ns(test->loop))
        af_loop_step(test->loop); /* a post that was taken back leaves a turn to take */
    assert_int_equal(af_loop_next_ns(test->loop), -1);
    af_loop_free(test->loop);
    assert_int_equal(count_descriptors(), test->descriptors);
}

/* A script of the task "T" whose nodes are i (role 0), a and b (role 1, if there is one), and w
 * (role 2, if there is one). */
static inline void set_task_with(struct af_script *script, const char *task,
                                 const struct af_script_arg *args, size_t arg_count)
{
    size_t roles = af_script_flow(script)->role_count;
    uint32_t other = roles > 1;
    struct af_script_member members[] = {{"i", 0}, {"a", other}, {"b", other}, {"w", 2}};
    struct af_failure why = AF_FAILURE_INIT;
    if (af_script_set_task(script, task, members, roles > 2 ? 4 : 3, args, arg_count, &why) != 0)
        fail_msg("%s: %s", why.what, why.why);
}

static inline void set_task(struct af_script *script)
{
    set_task_with(script, "T", NULL, 0);
}

static inline struct af_script *new_script(struct test_worker *test)
{
    struct af_script *script = af_worker_script(test->worker);
    set_task(script);
    return script;
}

static inline struct af_script_party *new_party(struct af_script *script, uint32_t member,
                                                void *user)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_script_party *party =
        af_script_party_new(script, member, (struct af_hash){1, member}, user, &why);
    if (party == NULL)
        fail_msg("%s: %s", why.what, why.why);
    return party;
}

/* ---- Deliveries. ---- */

static inline void describe(struct test_result *result, struct af_script_party *party,
                            const struct af_effects *effects)
{
    struct af_buf out = AF_BUF_EMPTY;
    char uuid[AF_UUID_TEXT_BYTES];
    size_t len;
    const char *data = af_script_party_data(party, &len);
    af_buf_printf(&out, "outcome %d, state %d, entered %d, after %lld, changed %d, progress %d\n",
                  effects->outcome, af_script_party_state(party), effects->entered,
                  (long long)effects->after_ns, effects->data_changed, effects->progress);
    af_buf_printf(&out, "data %.*s\n", (int)len, data);
    af_buf_printf(&out, "text %s\n", effects->text == NULL ? "(none)" : effects->text);
    af_buf_printf(&out, "traceback %s\n",
                  effects->traceback == NULL ? "(none)" : effects->traceback);
    for (size_t i = 0; i < effects->send_count; i++) {
        const struct af_send *send = &effects->sends[i];
        af_uuid_format(send->uuid, uuid);
        af_buf_printf(&out, "send %s %s %s %.*s to", send->type, send->title, uuid,
                      (int)send->content_len, effects->bytes.data + send->content);
        for (size_t t = 0; t < send->target_count; t++)
            af_buf_printf(&out, " %u", effects->targets[send->first_target + t]);
        af_buf_append_string(&out, "\n");
    }
    for (size_t i = 0; i < effects->deadline_count; i++)
        af_buf_printf(&out, "deadline %s %lld\n", effects->bytes.data + effects->deadlines[i].name,
                      (long long)effects->deadlines[i].delay_ns);
    for (size_t i = 0; i < effects->log_count; i++)
        af_buf_printf(&out, "log %.*s\n", (int)effects->logs[i].len,
                      effects->bytes.data + effects->logs[i].start);
    result->all = af_buf_take(&out);
}

static inline void release_result(struct test_result *result)
{
    free(result->text);
    free(result->all);
    memset(result, 0, sizeof *result);
}

static inline void on_done(void *arg, struct af_script_party *party,
                           const struct af_effects *effects)
{
    struct test_result *result = arg;
    unsigned calls = result->calls + 1;
    release_result(result);
    result->calls = calls;
    result->outcome = effects->outcome;
    result->blamed = effects->blamed;
    result->entered = effects->entered;
    result->data_changed = effects->data_changed;
    result->after_ns = effects->after_ns;
    result->progress = effects->progress;
    result->text = effects->text == NULL ? NULL : af_mem_string(effects->text);
    describe(result, party, effects);
}

static inline struct af_input start_input(void)
{
    return (struct af_input){.kind = AF_INPUT_START, .now_ns = 5 * AF_S_NS, .key = {7, 0}};
}

static inline struct af_input event_input(const struct af_script *script, const char *type,
                                          const char *content, const char *from, uint64_t key)
{
    int event = af_flow_find_event(af_script_flow(script), type, strlen(type));
    assert_true(event >= 0);
    return (struct af_input){.kind = AF_INPUT_EVENT,
                             .now_ns = 6 * AF_S_NS,
                             .key = {8, key},
                             .from = from,
                             .event = event,
                             .content = content,
                             .content_len = strlen(content)};
}

/* Delivers and waits for the end. */
static inline void deliver(struct test_worker *test, struct af_script_party *party,
                           const struct af_input *input, struct test_result *result)
{
    unsigned wanted = result->calls + 1;
    af_script_deliver(party, input, on_done, result);
    wait_count(test, &result->calls, wanted);
}

/* ---- Host calls: each is written down, and answered by its name. ---- */

enum test_when { TEST_AT_ONCE, TEST_LATER, TEST_NEVER };

struct test_calls {
    struct af_loop *loop;
    enum test_when when;
    unsigned count;
    struct af_buf told; /* all that was asked */
    struct af_script_party *party;
    uint64_t id; /* the newest call */
    char name[32], url[64];
};

static inline void release_calls(struct test_calls *calls)
{
    af_buf_release(&calls->told);
}

/* Answers the newest call: a download of mock://file/1 by 20 MiB, of another by three bytes, an
 * upload of bytes by a URL; all else by a failure. */
static inline void answer_call(struct test_calls *calls)
{
    static char large[20 << 20];
    struct af_answer answer = {.reply = "{}", .reply_len = 2, .now_ns = 9 * AF_S_NS};
    memset(large, 'm', sizeof large);
    memcpy(large, "begin", 5);
    memcpy(large + sizeof large - 3, "end", 3);
    if (strcmp(calls->name, "download") == 0) {
        bool is_large = strcmp(calls->url, "mock://file/1") == 0;
        answer.bytes = is_large ? large : "xyz";
        answer.bytes_len = is_large ? sizeof large : 3;
    } else if (strcmp(calls->name, "upload") == 0 && calls->url[0] == '\0') {
        answer.reply = "{\"url\":\"mock://file/9\"}";
        answer.reply_len = strlen(answer.reply);
    } else {
        answer.failure = "the host refuses it";
    }
    af_script_answer(calls->party, calls->id, &answer);
}

static inline void answer_soon(void *arg)
{
    answer_call(arg);
}

static inline void on_call(void *owner, struct af_script_party *party,
                           const struct af_script_call *call)
{
    struct test_calls *calls = owner;
    struct af_hash hash = af_hash_bytes((struct af_hash){1, 2}, call->bytes, call->bytes_len);
    const char *url = strstr(call->request, "mock://"), *path = strstr(call->request, "no/such");
    af_buf_printf(&calls->told, "call %llu %s %.*s %zu %llx %llx\n", (unsigned long long)call->id,
                  call->name, (int)call->request_len, call->request, call->bytes_len,
                  (unsigned long long)hash.a, (unsigned long long)call->key.a);
    if (call->id == 0)
        return;
    calls->count++;
    calls->party = party;
    calls->id = call->id;
    snprintf(calls->name, sizeof calls->name, "%s", call->name);
    url = url != NULL ? url : path != NULL ? path : "";
    snprintf(calls->url, sizeof calls->url, "%.*s", (int)strcspn(url, "\""), url);
    if (calls->when == TEST_AT_ONCE)
        answer_call(calls);
    else if (calls->when == TEST_LATER)
        af_loop_post(calls->loop, answer_soon, calls);
}

#endif
