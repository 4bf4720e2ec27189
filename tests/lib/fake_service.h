/* fake_service.h: fake_service.py as a child of a test, and a loop that runs until something is
 * there, bounded. */
#ifndef AF_FAKE_SERVICE_H
#define AF_FAKE_SERVICE_H

#include "base/bounds.h"
#include "base/failure.h"
#include "loop/loop.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

struct fake_service {
    pid_t pid;
    FILE *to, *from;
    int port;
    char line[1 << 20];
};

/* Sends a line and returns the first line of the answer. */
static inline const char *fake_tell(struct fake_service *fake, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline const char *fake_read(struct fake_service *fake)
{
    if (fgets(fake->line, sizeof fake->line, fake->from) == NULL)
        fail_msg("the fake service is gone");
    fake->line[strcspn(fake->line, "\n")] = '\0';
    return fake->line;
}

static inline const char *fake_tell(struct fake_service *fake, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(fake->to, format, args);
    va_end(args);
    fputc('\n', fake->to);
    fflush(fake->to);
    return fake_read(fake);
}

/* certificate NULL: without TLS; ca NULL: of anybody. */
static inline struct fake_service *fake_start_secure(const char *certificate, const char *key,
                                                     const char *ca)
{
    struct fake_service *fake = calloc(1, sizeof *fake);
    int to[2], from[2];
    const char *script = "tests/lib/fake_service.py";
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    signal(SIGPIPE, SIG_IGN);
    fake->pid = fork();
    if (fake->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[0]), close(to[1]), close(from[0]), close(from[1]);
        execlp("python3", "python3", script, certificate, key, ca, NULL);
        _exit(127);
    }
    close(to[0]), close(from[1]);
    fake->to = fdopen(to[1], "w");
    fake->from = fdopen(from[0], "r");
    fake->port = atoi(fake_read(fake));
    assert_true(fake->port > 0);
    return fake;
}

static inline struct fake_service *fake_start(void)
{
    return fake_start_secure(NULL, NULL, NULL);
}

static inline void fake_stop(struct fake_service *fake)
{
    int status = -1;
    fclose(fake->to);
    waitpid(fake->pid, &status, 0);
    fclose(fake->from);
    free(fake);
    assert_int_equal(status, 0);
}

static inline void waited_in_vain(void *arg)
{
    (void)arg;
    fail_msg("waited in vain");
}

/* Steps the loop until *count has reached what is wanted. */
static inline void run_until(struct af_loop *loop, const int *count, int wanted)
{
    struct af_timer *timer = af_timer_start(loop, 60 * AF_S_NS, waited_in_vain, NULL);
    while (*count < wanted)
        assert_true(af_loop_step(loop));
    af_timer_cancel(timer);
}

#endif
