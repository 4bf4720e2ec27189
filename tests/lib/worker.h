/* worker.h: what the tests of worker processes share: a folder with a flow, a worker that runs it,
 * and deliveries that are waited for.
 *
 * Include after cmocka.h. The program is $AFRUN, or the one beside the test's folder. */
#ifndef TESTS_LIB_WORKER_H
#define TESTS_LIB_WORKER_H

#include "bounds.h"
#include "failure.h"
#include "jail.h"
#include "loop.h"
#include "mem.h"
#include "script.h"
#include "script_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_NS (30 * AF_S_NS) /* that anything is waited for */

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

static int make_folder(void **state)
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

static int remove_folder(void **state)
{
    char command[400];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", test_folder);
    return system(command);
}

static void write_file(const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", test_folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
}

static const char *program(void)
{
    static char path[4096];
    const char *told = getenv("AFRUN");
    if (told != NULL)
        return told;
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(len > 0);
    path[len] = '\0';
    char *tests = strstr(path, "/tests/");
    assert_non_null(tests);
    snprintf(tests, sizeof path - (size_t)(tests - path), "/afrun");
    return path;
}

static void on_loaded(void *arg, struct af_worker *worker, const struct af_failure *why)
{
    struct test_worker *test = arg;
    (void)worker;
    assert_false(test->loaded);
    test->loaded = true;
    if (why != NULL)
        test->why = *why;
}

static void on_died(void *arg, struct af_worker *worker, const char *text)
{
    struct test_worker *test = arg;
    (void)worker;
    test->died++;
    snprintf(test->death, sizeof test->death, "%s", text);
}

static void on_log(void *arg, const char *text)
{
    struct test_worker *test = arg;
    size_t len = strlen(test->log);
    snprintf(test->log + len, sizeof test->log - len, "%s\n", text);
}

static void on_late(void *arg)
{
    ((struct test_worker *)arg)->late = true;
}

/* Steps until *flag is set. */
static void wait_for(struct test_worker *test, const bool *flag)
{
    struct af_timer *timer = af_timer_start(test->loop, WAIT_NS, on_late, test);
    while (!*flag && !test->late)
        assert_true(af_loop_step(test->loop));
    if (test->late)
        fail_msg("nothing came in 30 s; it died %u times: %s", test->died, test->death);
    af_timer_cancel(timer);
}

static void wait_count(struct test_worker *test, const unsigned *count, unsigned wanted)
{
    struct af_timer *timer = af_timer_start(test->loop, WAIT_NS, on_late, test);
    while (*count < wanted && !test->late)
        assert_true(af_loop_step(test->loop));
    if (test->late)
        fail_msg("nothing came in 30 s; it died %u times: %s", test->died, test->death);
    af_timer_cancel(timer);
}

/* Starts a worker for flow.lua and waits until it is loaded, or cannot be. */
static void start_with(struct test_worker *test, const char *binary, int64_t hang_ns, bool no_jail)
{
    memset(test, 0, sizeof *test);
    struct af_failure why = AF_FAILURE_INIT;
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

static void start_flow(struct test_worker *test, const char *text, int64_t hang_ns)
{
    write_file("flow.lua", text);
    start_with(test, program(), hang_ns, false);
    if (test->why.kind != AF_FAILURE_NONE)
        fail_msg("%s: %s", test->why.what, test->why.why);
}

static void stop(struct test_worker *test)
{
    af_worker_free(test->worker);
    af_loop_free(test->loop);
}

/* A script of the task "T" whose nodes are i (role 0) and a, b (role 1, if there is one). */
static void set_task(struct af_script *script)
{
    uint32_t other = af_script_flow(script)->role_count > 1;
    struct af_script_member members[] = {{"i", 0}, {"a", other}, {"b", other}};
    struct af_failure why = AF_FAILURE_INIT;
    if (af_script_set_task(script, "T", members, 3, NULL, 0, &why) != 0)
        fail_msg("%s: %s", why.what, why.why);
}

static struct af_script *new_script(struct test_worker *test)
{
    struct af_script *script = af_worker_script(test->worker);
    set_task(script);
    return script;
}

static struct af_script_party *new_party(struct af_script *script, uint32_t member, void *user)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_script_party *party =
        af_script_party_new(script, member, (struct af_hash){1, member}, user, &why);
    if (party == NULL)
        fail_msg("%s: %s", why.what, why.why);
    return party;
}

/* ---- Deliveries. ---- */

static void describe(struct test_result *result, struct af_script_party *party,
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

static void release_result(struct test_result *result)
{
    free(result->text);
    free(result->all);
    memset(result, 0, sizeof *result);
}

static void on_done(void *arg, struct af_script_party *party, const struct af_effects *effects)
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

static struct af_input start_input(void)
{
    return (struct af_input){.kind = AF_INPUT_START, .now_ns = 5 * AF_S_NS, .key = {7, 0}};
}

static struct af_input event_input(const struct af_script *script, const char *type,
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
static void deliver(struct test_worker *test, struct af_script_party *party,
                    const struct af_input *input, struct test_result *result)
{
    unsigned wanted = result->calls + 1;
    af_script_deliver(party, input, on_done, result);
    wait_count(test, &result->calls, wanted);
}

#endif
