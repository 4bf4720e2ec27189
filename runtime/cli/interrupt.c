/* interrupt.c: see interrupt.h. */
#include "cli/interrupt.h"

#include "script/script.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <unistd.h>

static int pipe_fds[2] = {-1, -1};

static void on_alarm(int signal_number)
{
    (void)signal_number;
    af_script_abandon();
}

static void on_interrupt(int signal_number)
{
    int error = errno;
    struct itimerval soon = {{0, 0}, {0, 250000}};
    (void)signal_number;
    af_script_interrupt();
    setitimer(ITIMER_REAL, &soon, NULL);
    if (write(pipe_fds[1], "i", 1) < 0)
        errno = error; /* it is full: it can be read */
    errno = error;
}

int af_interrupt_catch(void)
{
    struct sigaction action = {0};
    if (pipe_fds[0] < 0 && pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) != 0)
        pipe_fds[0] = pipe_fds[1] = -1;
    action.sa_handler = on_interrupt;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
    return pipe_fds[0];
}

void af_interrupt_seen(void)
{
    struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &never, NULL);
}
