/* test_broker.c: what a broker is asked it does, for several at once, and for nobody who has gone.
 * Each case has one in a child of its own, for a process has at most one. */
#include "base/broker.h"
#include "base/buf.h"
#include "base/failure.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { TWICE, FAIL, HAND, WAIT, SIGNAL, LACKING };

static int twice(const void *arg, const struct af_broker_question *question,
                 struct af_broker_answer *answer, struct af_failure *why)
{
    (void)why;
    af_buf_printf(&answer->bytes, "%s%s%s%lld", (const char *)arg, question->text, question->text,
                  (long long)question->number);
    af_buf_append(&answer->bytes, question->bytes, question->len);
    return question->bytes == NULL ? 7 : 0;
}

static int refuse(const void *arg, const struct af_broker_question *question,
                  struct af_broker_answer *answer, struct af_failure *why)
{
    (void)arg, (void)answer;
    return af_failure_set(why, AF_FAILURE_USAGE, question->text, "is refused");
}

static int hand(const void *arg, const struct af_broker_question *question,
                struct af_broker_answer *answer, struct af_failure *why)
{
    (void)arg, (void)question, (void)why;
    answer->fd = memfd_create("broker", MFD_CLOEXEC);
    af_buf_append_string(&answer->bytes, "here it is");
    return write(answer->fd, "inside", 6) == 6 && lseek(answer->fd, 0, SEEK_SET) == 0 ? 0 : -1;
}

/* Writes to a pipe, given by number, once its asker has gone. */
static int wait_for_end(const void *arg, const struct af_broker_question *question,
                        struct af_broker_answer *answer, struct af_failure *why)
{
    (void)arg, (void)answer, (void)why;
    while (!af_broker_is_given_up())
        usleep(1000);
    return write((int)question->number, "e", 1) == 1 ? 0 : -1;
}

static int get_signal(const void *arg, const struct af_broker_question *question,
                      struct af_broker_answer *answer, struct af_failure *why)
{
    (void)arg, (void)answer, (void)why;
    return raise((int)question->number);
}

static void begin(void)
{
    static const struct af_broker_service services[AF_BROKER_OPS] = {
        [TWICE] = {.fn = twice, .arg = ">"},
        [FAIL] = {.fn = refuse, .arg = NULL},
        [HAND] = {.fn = hand, .arg = NULL},
        [WAIT] = {.fn = wait_for_end, .arg = NULL, .apart = true},
        [SIGNAL] = {.fn = get_signal, .arg = NULL},
    };
    struct af_failure why = AF_FAILURE_INIT;
    assert_false(af_broker_is_there());
    assert_int_equal(af_broker_begin(services, &why), 0);
    assert_true(af_broker_is_there());
}

/* Runs a case in a process of its own; a failed assertion there ends it with a status. */
static void apart(void (*fn)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGPIPE, SIG_IGN);
        begin();
        fn();
        _exit(42);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

#define must(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "# %s:%d: %s\n", __FILE__, __LINE__, #condition);                      \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static int ask(int op, const struct af_broker_question *question, struct af_broker_answer *answer,
               struct af_failure *why)
{
    *answer = AF_BROKER_ANSWER;
    *why = AF_FAILURE_INIT;
    return af_broker_ask((enum af_broker_op)op, question, NULL, answer, why);
}

static void answers(void)
{
    struct af_broker_answer answer;
    struct af_failure why;
    must(ask(TWICE, &(struct af_broker_question){"ab", -5, "x\0y", 3}, &answer, &why) == 0);
    must(answer.bytes.len == 10 && memcmp(answer.bytes.data, ">abab-5x\0y", 10) == 0);
    must(answer.fd == -1 && why.kind == AF_FAILURE_NONE);
    must(ask(TWICE, &(struct af_broker_question){"", 0, NULL, 0}, &answer, &why) == 7);
    must(strcmp(af_buf_text(&answer.bytes), ">0") == 0);
    must(ask(FAIL, &(struct af_broker_question){"it", 0, NULL, 0}, &answer, &why) == -1);
    must(why.kind == AF_FAILURE_USAGE && strcmp(why.what, "it") == 0);
    must(strcmp(why.why, "is refused") == 0 && answer.bytes.len == 0);
    must(af_broker_ask((enum af_broker_op)FAIL, &(struct af_broker_question){"it", 0, NULL, 0},
                       NULL, &answer, NULL) == -1);
    must(ask(LACKING, &(struct af_broker_question){"it", 0, NULL, 0}, &answer, &why) == -1);
    must(why.kind == AF_FAILURE_TRANSPORT && strstr(why.why, "has ended") != NULL);
}

static void test_a_question_is_answered(void **state)
{
    (void)state;
    apart(answers);
}

/* Who asks is ended by them, and may have something to ask still. */
static void outlives(void)
{
    struct af_broker_answer answer;
    struct af_failure why;
    must(ask(SIGNAL, &(struct af_broker_question){"", SIGINT, NULL, 0}, &answer, &why) == 0);
    must(ask(SIGNAL, &(struct af_broker_question){"", SIGTERM, NULL, 0}, &answer, &why) == 0);
    must(ask(TWICE, &(struct af_broker_question){"", 0, "", 0}, &answer, &why) == 0);
}

static void test_it_outlives_what_is_to_end_its_asker(void **state)
{
    (void)state;
    apart(outlives);
}

/* Descriptor 0 is one as any other. */
static void test_it_answers_where_there_is_no_standard_input(void **state)
{
    (void)state;
    int input = dup(STDIN_FILENO);
    close(STDIN_FILENO);
    apart(answers);
    if (input >= 0) {
        dup2(input, STDIN_FILENO);
        close(input);
    }
}

static void large(void)
{
    struct af_broker_answer answer;
    struct af_failure why;
    size_t len = 20 << 20;
    char *bytes = malloc(len);
    must(bytes != NULL);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i % 251);
    must(ask(TWICE, &(struct af_broker_question){"", 0, bytes, len}, &answer, &why) == 0);
    must(answer.bytes.len == len + 2 && memcmp(answer.bytes.data + 2, bytes, len) == 0);
}

static void test_large_ones_are_whole(void **state)
{
    (void)state;
    apart(large);
}

static void hands(void)
{
    struct af_broker_answer answer;
    struct af_failure why;
    char text[7] = "";
    must(ask(HAND, &(struct af_broker_question){"", 0, NULL, 0}, &answer, &why) == 0);
    must(answer.fd >= 0 && read(answer.fd, text, 6) == 6 && strcmp(text, "inside") == 0);
    must(strcmp(af_buf_text(&answer.bytes), "here it is") == 0);
}

static void test_a_descriptor_comes_with_an_answer(void **state)
{
    (void)state;
    apart(hands);
}

static void *ask_often(void *arg)
{
    for (int i = 0; i < 200; i++) {
        struct af_broker_answer answer;
        struct af_failure why;
        char expected[40];
        must(ask(TWICE, &(struct af_broker_question){arg, i, "", 0}, &answer, &why) == 0);
        snprintf(expected, sizeof expected, ">%s%s%d", (char *)arg, (char *)arg, i);
        must(strcmp(af_buf_text(&answer.bytes), expected) == 0);
        af_buf_release(&answer.bytes);
    }
    return NULL;
}

static void many(void)
{
    static char *names[] = {"thread-1", "thread-2", "thread-3"};
    pthread_t threads[3];
    pid_t child = fork();
    if (child == 0) {
        ask_often("process");
        _exit(0);
    }
    for (int i = 0; i < 3; i++)
        must(pthread_create(&threads[i], NULL, ask_often, names[i]) == 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    int status;
    must(waitpid(child, &status, 0) == child && status == 0);
}

static void test_threads_and_children_ask_at_once(void **state)
{
    (void)state;
    apart(many);
}

static bool at_once(void)
{
    return true;
}

static int given_up[2];

/* What is apart stops nobody else, and hears that it is waited for no longer. */
static void gives_up(void)
{
    struct af_broker_answer answer = AF_BROKER_ANSWER;
    struct af_failure why = AF_FAILURE_INIT;
    const struct af_broker_question question = {"", given_up[1], NULL, 0};
    must(af_broker_ask((enum af_broker_op)WAIT, &question, at_once, &answer, &why) == -1);
    must(why.kind == AF_FAILURE_INTERRUPTED);
    ask_often("meanwhile");
}

static void test_who_waits_no_longer_is_told_of(void **state)
{
    (void)state;
    char byte;
    assert_int_equal(pipe(given_up), 0);
    apart(gives_up);
    assert_int_equal(read(given_up[0], &byte, 1), 1);
}

static int over[2];

/* It has the other end of `over`, which ends with it. */
static void test_it_ends_with_the_last_who_could_ask(void **state)
{
    (void)state;
    char byte;
    int status;
    assert_int_equal(pipe(over), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(over[0]);
        begin();
        raise(SIGKILL);
    }
    close(over[1]);
    assert_int_equal(read(over[0], &byte, 1), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_question_is_answered),
        cmocka_unit_test(test_it_outlives_what_is_to_end_its_asker),
        cmocka_unit_test(test_it_answers_where_there_is_no_standard_input),
        cmocka_unit_test(test_large_ones_are_whole),
        cmocka_unit_test(test_a_descriptor_comes_with_an_answer),
        cmocka_unit_test(test_threads_and_children_ask_at_once),
        cmocka_unit_test(test_who_waits_no_longer_is_told_of),
        cmocka_unit_test(test_it_ends_with_the_last_who_could_ask),
    };
    return cmocka_run_group_tests_name("broker", tests, NULL, NULL);
}
