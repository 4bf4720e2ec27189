/* test_process.c: programs beside us: what they are given, what they give, and that nothing of them
 * is left. */
#include "base/bounds.h"
#include "base/failure.h"
#include "loop/loop.h"
#include "loop/process.h"
#include "lib/descriptors.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct got {
    int count;
    int status;
    char *failure, *output, *errors;
    size_t output_len, errors_len;
};

static void keep(void *arg, const struct af_process_result *result)
{
    struct got *got = arg;
    got->count++;
    got->status = result->status;
    got->failure = result->failure == NULL ? NULL : strdup(result->failure);
    got->output_len = result->output_len;
    got->errors_len = result->errors_len;
    got->output = result->output == NULL ? NULL : strdup(result->output);
    got->errors = result->errors == NULL ? NULL : strdup(result->errors);
}

static void forget(struct got *got)
{
    free(got->failure);
    free(got->output);
    free(got->errors);
    *got = (struct got){0};
}

static struct af_process_spec shell(const char *const args[2])
{
    return (struct af_process_spec){.path = "/bin/sh",
                                    .name = "sh",
                                    .args = args,
                                    .arg_count = 2,
                                    .timeout_ns = 60 * AF_S_NS,
                                    .max_bytes = 1 << 20};
}

/* Runs a script of the shell on a loop of its own. */
static void run_with(struct got *got, const char *text, const char *input, int64_t timeout_ns,
                     size_t max_bytes)
{
    struct af_failure why = AF_FAILURE_INIT;
    const char *const args[2] = {"-c", text};
    struct af_process_spec spec = shell(args);
    spec.input = input;
    spec.input_len = input == NULL ? 0 : strlen(input);
    spec.call_id = "an-id";
    if (timeout_ns > 0)
        spec.timeout_ns = timeout_ns;
    if (max_bytes > 0)
        spec.max_bytes = max_bytes;
    struct af_loop *loop = af_loop_ev_new(&why);
    assert_non_null(loop);
    if (af_process_start(loop, &spec, keep, got, &why) == NULL)
        fail_msg("%s: %s", why.what, why.why);
    assert_int_equal(got->count, 0); /* never from within */
    af_loop_run(loop);               /* ends: nothing is watched any more, no timer left */
    assert_int_equal(got->count, 1);
    af_loop_free(loop);
}

static void run(struct got *got, const char *text)
{
    run_with(got, text, NULL, 0, 0);
}

static int fds_before;

static int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    fds_before = count_descriptors();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return count_descriptors() == fds_before ? 0 : -1;
}

static void test_output_errors_and_status_come_back(void **state)
{
    (void)state;
    struct got got = {0};
    run(&got, "echo out; echo err >&2; exit 7");
    assert_null(got.failure);
    assert_int_equal(got.status, 7);
    assert_string_equal(got.output, "out\n");
    assert_string_equal(got.errors, "err\n");
    forget(&got);
    run(&got, "kill -TERM $$");
    assert_int_equal(got.status, 128 + SIGTERM);
    assert_string_equal(got.output, "");
    forget(&got);
}

static void test_it_reads_what_it_is_given_or_nothing(void **state)
{
    (void)state;
    struct got got = {0};
    run_with(&got, "cat", "what it reads", 0, 0);
    assert_string_equal(got.output, "what it reads");
    forget(&got);
    run(&got, "cat; echo over");
    assert_string_equal(got.output, "over\n");
    forget(&got);
    run_with(&got, "cat; echo over", "", 0, 0);
    assert_string_equal(got.output, "over\n");
    forget(&got);
}

static void test_large_input_and_output_pass_each_other(void **state)
{
    (void)state;
    struct got got = {0};
    size_t len = 3 << 20;
    char *input = malloc(len + 1);
    memset(input, 'x', len);
    input[len] = '\0';
    run_with(&got, "cat", input, 0, 4 << 20);
    assert_null(got.failure);
    assert_int_equal(got.output_len, len);
    assert_string_equal(got.output, input);
    forget(&got);
    run_with(&got, "exec <&-; echo 'does not read'", input, 0, 0);
    assert_int_equal(got.status, 0);
    assert_string_equal(got.output, "does not read\n");
    forget(&got);
    free(input);
}

static void test_its_environment_is_small(void **state)
{
    (void)state;
    struct got got = {0};
    setenv("A_SECRET", "s3cret", 1);
    run(&got, "env | grep -vE '^(PATH|HOME|LANG|AFRUN_CALL_ID|PWD|SHLVL|_|OLDPWD)='; "
              "echo $AFRUN_CALL_ID; ls /proc/self/fd | wc -w");
    /* 0, 1, 2, and the one by which ls reads the folder */
    assert_string_equal(got.output, "an-id\n4\n");
    forget(&got);
}

static void test_too_slow_is_a_failure_and_ends_its_children_too(void **state)
{
    (void)state;
    struct got got = {0};
    run_with(&got, "sleep 1000 & sleep 1000", NULL, 50 * AF_MS_NS, 0);
    assert_non_null(strstr(got.failure, "sh: not over after 0.05 s"));
    forget(&got);
}

/* A zombie that its new parent has not collected is not. */
static bool is_alive(int pid)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    bool alive = file != NULL && fgets(line, sizeof line, file) != NULL &&
                 strstr(line, ") Z") == NULL && strstr(line, ") X") == NULL;
    if (file != NULL)
        fclose(file);
    return alive;
}

static void test_what_it_leaves_behind_is_ended(void **state)
{
    (void)state;
    struct got got = {0};
    run(&got, "sleep 1000 & echo $!"); /* holds the pipes open */
    assert_int_equal(got.status, 0);
    int left = atoi(got.output);
    assert_true(left > 1);
    bool alive = true;
    for (int i = 0; i < 20000 && alive; i++) { /* it was killed, and is dying perhaps */
        alive = is_alive(left);
        usleep(alive ? 1000 : 0);
    }
    assert_false(alive);
    forget(&got);
}

static void test_too_much_is_a_failure(void **state)
{
    (void)state;
    struct got got = {0};
    run_with(&got, "yes", NULL, 0, 100000);
    assert_non_null(strstr(got.failure, "sh: wrote more than 100000 bytes"));
    forget(&got);
    run_with(&got, "yes >&2", NULL, 0, 100000);
    assert_non_null(strstr(got.failure, "wrote more than"));
    forget(&got);
    run_with(&got, "printf 12345", NULL, 0, 5);
    assert_null(got.failure);
    assert_string_equal(got.output, "12345");
    forget(&got);
    run_with(&got, "printf 123456", NULL, 0, 5);
    assert_non_null(got.failure);
    forget(&got);
}

static void test_what_cannot_be_started_is_told(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct got got = {0};
    const char *const args[2] = {"-c", "true"};
    struct af_process_spec spec = shell(args);
    struct af_loop *loop = af_loop_ev_new(&why);
    spec.path = "/nowhere/program";
    spec.name = "program";
    assert_null(af_process_start(loop, &spec, keep, &got, &why));
    assert_string_equal(why.what, "program");
    assert_string_equal(why.why, "cannot be started: No such file or directory");
    why = AF_FAILURE_INIT;
    assert_int_equal(af_process_run(&spec, NULL, keep, &got, &why), -1);
    assert_non_null(strstr(why.why, "No such file"));
    assert_int_equal(got.count, 0);
    af_loop_free(loop);
    loop = af_loop_sim_new();
    why = AF_FAILURE_INIT;
    spec.path = "/bin/sh";
    assert_null(af_process_start(loop, &spec, keep, &got, &why)); /* it watches nothing */
    assert_true(why.kind != AF_FAILURE_NONE);
    af_loop_free(loop);
}

static void test_a_cancelled_one_is_forgotten(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct got got = {0};
    const char *const args[2] = {"-c", "sleep 1000"};
    struct af_process_spec spec = shell(args);
    struct af_loop *loop = af_loop_ev_new(&why);
    struct af_process *process = af_process_start(loop, &spec, keep, &got, &why);
    assert_non_null(process);
    af_process_cancel(process);
    af_process_cancel(NULL);
    af_loop_run(loop);
    assert_int_equal(got.count, 0);
    af_loop_free(loop);
}

static void test_one_that_waits_is_given_its_input_later(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct got got = {0}, lost = {0};
    const char *const args[2] = {"-c", "cat; echo over"};
    struct af_process_spec spec = shell(args);
    spec.waits = true;
    struct af_loop *loop = af_loop_ev_new(&why);
    static const char *const inputs[] = {"what comes later", ""};
    for (size_t i = 0; i < 2; i++) {
        struct af_process *process = af_process_start(loop, &spec, keep, &lost, &why);
        assert_non_null(process);
        af_process_give(process, inputs[i], strlen(inputs[i]), keep, &got);
        af_loop_run(loop);
        assert_int_equal(got.count, 1);
        assert_int_equal(strncmp(got.output, inputs[i], strlen(inputs[i])), 0);
        assert_string_equal(got.output + strlen(inputs[i]), "over\n");
        forget(&got);
    }
    struct af_process *process = af_process_start(loop, &spec, keep, &lost, &why);
    af_process_cancel(process); /* before it is given any */
    assert_int_equal(lost.count, 0);
    const char *const ends[2] = {"-c", "exit 3"};
    spec.args = ends;
    assert_non_null(af_process_start(loop, &spec, keep, &lost, &why));
    af_loop_run(loop);
    assert_int_equal(lost.count, 1); /* it has ended by itself */
    assert_int_equal(lost.status, 3);
    forget(&lost);
    af_loop_free(loop);
}

struct closing {
    struct af_process *process;
    struct got got, end;
    bool passes;
};

static void on_closed(void *arg, const struct af_process_result *result)
{
    struct closing *closing = arg;
    keep(&closing->got, result);
    if (closing->passes)
        af_process_pass(closing->process, keep, &closing->end);
}

static void on_over(void *arg, const struct af_process_result *result)
{
    struct closing *closing = arg;
    keep(&closing->end, result);
}

static void run_until_closed(struct af_loop *loop, const char *text, struct closing *closing)
{
    struct af_failure why = AF_FAILURE_INIT;
    const char *const args[2] = {"-c", text};
    struct af_process_spec spec = shell(args);
    closing->process = af_process_start(loop, &spec, on_over, closing, &why);
    assert_non_null(closing->process);
    af_process_on_closed(closing->process, on_closed);
    while (closing->got.count == 0)
        af_loop_step(loop);
    assert_int_equal(closing->end.count, 0);
}

static void test_one_that_has_closed_its_output_tells_it_before_its_end(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_loop *loop = af_loop_ev_new(&why);
    for (int passes = 0; passes < 2; passes++) {
        struct closing closing = {.passes = passes == 1};
        run_until_closed(loop, "echo wrong >&2; echo whole; exec >&-; sleep 0.2; exit 3", &closing);
        assert_string_equal(closing.got.output, "whole\n");
        assert_string_equal(closing.got.errors, "wrong\n");
        af_loop_run(loop);
        assert_int_equal(closing.got.count, 1);
        assert_int_equal(closing.end.count, 1);
        assert_int_equal(closing.end.status, 3);
        assert_string_equal(closing.end.output, "whole\n");
        forget(&closing.got);
        forget(&closing.end);
    }
    af_loop_free(loop);
}

static void test_one_that_has_closed_its_output_can_be_cancelled(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_loop *loop = af_loop_ev_new(&why);
    struct closing closing = {.passes = true};
    run_until_closed(loop, "exec >&-; sleep 1000", &closing);
    af_process_cancel(closing.process);
    af_loop_run(loop);
    assert_int_equal(closing.end.count, 0);
    forget(&closing.got);
    af_loop_free(loop);
}

static int looks;

static bool at_the_second_look(void)
{
    return ++looks == 2;
}

static void test_who_has_no_loop_waits(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct got got = {0};
    const char *args[2] = {"-c", "echo done"};
    struct af_process_spec spec = shell(args);
    looks = 100; /* never */
    assert_int_equal(af_process_run(&spec, at_the_second_look, keep, &got, &why), 0);
    assert_string_equal(got.output, "done\n");
    forget(&got);
    args[1] = "sleep 1000";
    looks = 0;
    assert_int_equal(af_process_run(&spec, at_the_second_look, keep, &got, &why), -1);
    assert_int_equal(why.kind, AF_FAILURE_INTERRUPTED);
    assert_int_equal(got.count, 0);
}

static void test_output_whose_place_is_gone_is_told(void **state)
{
    (void)state;
    struct got got = {0};
    struct af_failure why = AF_FAILURE_INIT;
    char folder[] = "/tmp/test_process_XXXXXX", text[100], path[100];
    assert_non_null(mkdtemp(folder));
    snprintf(text, sizeof text, "echo said; rm -r %s", folder);
    snprintf(path, sizeof path, "%s/said", folder);
    const char *const args[2] = {"-c", text};
    struct af_process_spec spec = shell(args);
    spec.output_path = path;
    struct af_loop *loop = af_loop_ev_new(&why);
    assert_non_null(af_process_start(loop, &spec, keep, &got, &why));
    af_loop_run(loop);
    assert_int_equal(got.count, 1);
    assert_non_null(got.failure);
    assert_non_null(strstr(got.failure, "its output cannot be written"));
    forget(&got);
    af_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_output_whose_place_is_gone_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_output_errors_and_status_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_reads_what_it_is_given_or_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_large_input_and_output_pass_each_other, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_its_environment_is_small, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_slow_is_a_failure_and_ends_its_children_too,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_it_leaves_behind_is_ended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_much_is_a_failure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_started_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_cancelled_one_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_waits_is_given_its_input_later, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_has_closed_its_output_tells_it_before_its_end,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_has_closed_its_output_can_be_cancelled,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_has_no_loop_waits, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
