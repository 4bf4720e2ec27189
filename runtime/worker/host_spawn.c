/* host_spawn.c: from a worker's spec to a running process.
 *
 * As in loop/process_spawn.c only system calls are made before execve(), and the child dies with
 * us. It is given nothing but its socket: no environment, no terminal, no folder that matters.
 *
 * vfork(), not fork(): behind that each page that a node writes to first is a fault, thousands of
 * them while it brings its parties to a new version. */
#include "worker/host_impl.h"

#include "worker/group.h"
#include "worker/jail.h"
#include "worker/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A descriptor above those that the child puts in place. */
static int above(int fd)
{
    if (fd < 0 || fd > AF_WORKER_SOCKET)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, AF_WORKER_SOCKET + 1);
    int code = errno;
    close(fd);
    errno = code;
    return moved;
}

/* The child: never returns. */
static void become(const struct af_worker *worker, int socket, int null, pid_t parent)
{
    char *argv[] = {"afrun", "worker", worker->spec.no_jail ? AF_WORKER_LIMITS_ONLY : NULL, NULL};
    char *environment[] = {NULL};
    bool tells = !af_jail_has_filter(); /* the sanitizers, on standard error */
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        (!tells && dup2(null, STDERR_FILENO) < 0) || dup2(socket, AF_WORKER_SOCKET) < 0)
        _exit(127);
    close_range(AF_WORKER_SOCKET + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    execve(worker->program, argv, environment);
    _exit(127);
}

static int give_up(const struct af_worker *worker, int code, struct af_failure *why)
{
    return af_failure_set(why, AF_FAILURE_TRANSPORT, worker->base,
                          "its worker cannot be started: %s", strerror(code));
}

/* A process that cannot have its cgroup has its other limits, and its owner is told. */
static void bound_memory(const struct af_worker *worker, pid_t pid)
{
    char text[200];
    if (worker->spec.memory_bytes <= 0 || !af_worker_group_is_there() ||
        af_worker_group_put(pid, worker->spec.memory_bytes) || worker->spec.log == NULL)
        return;
    snprintf(text, sizeof text,
             "its worker has no cgroup (%s): it has %lld MiB of addresses instead of %lld MiB of "
             "memory",
             strerror(errno), (long long)(AF_WORKER_ADDRESS_BYTES >> 20),
             (long long)(worker->spec.memory_bytes >> 20));
    worker->spec.log(worker->spec.arg, text);
}

int af_worker_spawn(struct af_worker *worker, struct af_failure *why)
{
    int pair[2] = {-1, -1};
    pid_t parent = getpid(), pid = -1;
    sigset_t all, before;
    if (access(worker->program, X_OK) != 0)
        return give_up(worker, errno, why);
    int null = above(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (null < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        goto fail;
    pair[0] = above(pair[0]);
    pair[1] = above(pair[1]);
    if (pair[0] < 0 || pair[1] < 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0)
        goto fail;
    sigfillset(&all); /* the child has our memory: no handler of ours may run there */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid = vfork();
    if (pid == 0)
        become(worker, pair[1], null, parent);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    worker->pidfd = pid < 0 ? -1 : pidfd_open(pid, 0);
    if (worker->pidfd < 0)
        goto fail;
    close(null);
    close(pair[1]);
    bound_memory(worker, pid);
    worker->pid = pid;
    af_wire_link_init(&worker->link, pair[0]);
    return 0;

fail:;
    int code = errno;
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    if (null >= 0)
        close(null);
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            close(pair[i]);
    return give_up(worker, code, why);
}
