/* process_spawn.c: from a spec to a running child.
 *
 * fork() and not posix_spawn(), for the sake of PR_SET_PDEATHSIG: a child that outlived us would
 * work beside the one that is started when its handler runs again. Between fork() and execve() only
 * system calls are made, so threads of ours do not matter. Why it could not be executed comes back
 * through a pipe that execve() closes. */
#include "loop/process.h"

#include "base/failure.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ, WRITE };

struct plan {
    char **argv;
    char *environment[5];
    int input[2], output[2], errors[2], trouble[2]; /* pipes; -1: not open */
    char *output_file;                              /* instead of the pipe, or NULL */
};

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static char *variable(const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 2;
    char *text = af_mem_alloc(size);
    snprintf(text, size, "%s=%s", name, value);
    return text;
}

static void plan_init(struct plan *plan, const struct af_process_spec *spec)
{
    static const int none[2] = {-1, -1};
    size_t count = 0;
    const char *path = getenv("PATH"), *home = getenv("HOME"), *lang = getenv("LANG");
    memset(plan, 0, sizeof *plan);
    memcpy(plan->input, none, sizeof none);
    memcpy(plan->output, none, sizeof none);
    memcpy(plan->errors, none, sizeof none);
    memcpy(plan->trouble, none, sizeof none);
    plan->argv = af_mem_zero(spec->arg_count + 2, sizeof(char *));
    plan->argv[0] = (char *)spec->name;
    for (size_t i = 0; i < spec->arg_count; i++)
        plan->argv[i + 1] = (char *)spec->args[i];
    plan->environment[count++] = variable("PATH", path != NULL ? path : "/usr/bin:/bin");
    plan->environment[count++] = variable("LANG", lang != NULL ? lang : "C.UTF-8");
    if (home != NULL)
        plan->environment[count++] = variable("HOME", home);
    if (spec->call_id != NULL)
        plan->environment[count++] = variable("AFRUN_CALL_ID", spec->call_id);
}

static void plan_release(struct plan *plan)
{
    for (int way = READ; way <= WRITE; way++) {
        close_one(&plan->input[way]);
        close_one(&plan->output[way]);
        close_one(&plan->errors[way]);
        close_one(&plan->trouble[way]);
    }
    for (size_t i = 0; plan->environment[i] != NULL; i++)
        free(plan->environment[i]);
    free(plan->argv);
    if (plan->output_file != NULL)
        unlink(plan->output_file);
    free(plan->output_file);
}

/* A descriptor below 3 would be overwritten when the child's own three are put in place. */
static int open_pipe(int fds[2])
{
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    for (int way = READ; way <= WRITE; way++) {
        if (fds[way] > STDERR_FILENO)
            continue;
        int moved = fcntl(fds[way], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (moved < 0)
            return -1;
        close(fds[way]);
        fds[way] = moved;
    }
    return 0;
}

static int open_input(struct plan *plan, const struct af_process_spec *spec)
{
    struct stat info;
    if (spec->input != NULL || spec->waits)
        return open_pipe(plan->input);
    const char *path = spec->input_path != NULL ? spec->input_path : "/dev/null";
    plan->input[READ] = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (plan->input[READ] < 0 || fstat(plan->input[READ], &info) != 0)
        return -1;
    if (spec->input_path == NULL || S_ISREG(info.st_mode))
        return 0;
    errno = EINVAL;
    return -1;
}

/* A pipe, or a file beside its place. */
static int open_output(struct plan *plan, const struct af_process_spec *spec)
{
    if (spec->output_path == NULL)
        return open_pipe(plan->output);
    size_t size = strlen(spec->output_path) + sizeof ".XXXXXX";
    plan->output_file = af_mem_alloc(size);
    snprintf(plan->output_file, size, "%s.XXXXXX", spec->output_path);
    plan->output[WRITE] = mkostemp(plan->output_file, O_CLOEXEC); /* 0600 */
    if (plan->output[WRITE] >= 0)
        return 0;
    free(plan->output_file);
    plan->output_file = NULL;
    return -1;
}

static int plan_open(struct plan *plan, const struct af_process_spec *spec)
{
    if (open_input(plan, spec) != 0 || open_output(plan, spec) != 0 ||
        open_pipe(plan->errors) != 0 || open_pipe(plan->trouble) != 0)
        return -1;
    if (plan->input[WRITE] >= 0)
        fcntl(plan->input[WRITE], F_SETFL, O_NONBLOCK);
    if (plan->output[READ] >= 0)
        fcntl(plan->output[READ], F_SETFL, O_NONBLOCK);
    fcntl(plan->errors[READ], F_SETFL, O_NONBLOCK);
    return 0;
}

/* How it is bounded; errno is set where that fails. */
static bool bind_child(const struct af_process_spec *spec)
{
#ifndef __SANITIZE_ADDRESS__
    const struct rlimit limit = {(rlim_t)spec->address_bytes, (rlim_t)spec->address_bytes};
    if (spec->address_bytes > 0 && setrlimit(RLIMIT_AS, &limit) != 0)
        return false;
#endif
    if (spec->nice > 0 && setpriority(PRIO_PROCESS, 0, spec->nice) != 0)
        return false;
    return spec->folder == NULL || chdir(spec->folder) == 0;
}

/* The child: never returns. dup2() leaves its copy open over execve(); a descriptor that is in its
 * place already is not copied, so its flag is taken off by hand. */
static void become(const struct plan *plan, const struct af_process_spec *spec, pid_t parent)
{
    const int wanted[3] = {plan->input[READ], plan->output[WRITE], plan->errors[WRITE]};
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127); /* we were gone before it could ask */
    for (int fd = 0; fd < 3; fd++) {
        if (wanted[fd] == fd)
            fcntl(fd, F_SETFD, 0);
        else if (dup2(wanted[fd], fd) < 0)
            goto fail;
    }
    close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    if (!bind_child(spec))
        goto fail;
    execve(spec->path, plan->argv, plan->environment);
fail:;
    int code = errno;
    ssize_t put = write(plan->trouble[WRITE], &code, sizeof code);
    _exit(put == sizeof code ? 127 : 126);
}

/* Why execve() failed; 0 if it did not. */
static int read_trouble(int fd)
{
    int code = 0;
    ssize_t got;
    while ((got = read(fd, &code, sizeof code)) < 0 && errno == EINTR)
        continue;
    return got == sizeof code ? code : 0;
}

static int give_up(const struct af_process_spec *spec, int code, struct af_failure *why)
{
    return af_failure_set(why, AF_FAILURE_FLOW, spec->name, "cannot be started: %s",
                          strerror(code));
}

/* Takes our ends of a child that runs, or ends it. */
static int take(struct plan *plan, pid_t pid, const struct af_process_spec *spec,
                struct af_process_child *child, struct af_failure *why)
{
    close_one(&plan->trouble[WRITE]);
    int code = read_trouble(plan->trouble[READ]);
    int pidfd = code == 0 ? pidfd_open(pid, 0) : -1;
    if (pidfd < 0) {
        code = code == 0 ? errno : code;
        kill(-pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return give_up(spec, code, why);
    }
    *child = (struct af_process_child){
        pid, pidfd, plan->input[WRITE], plan->output[READ], plan->errors[READ], plan->output_file};
    plan->input[WRITE] = plan->output[READ] = plan->errors[READ] = -1;
    plan->output_file = NULL;
    return 0;
}

int af_process_spawn(const struct af_process_spec *spec, struct af_process_child *child,
                     struct af_failure *why)
{
    struct plan plan;
    pid_t parent = getpid();
    int result;
    plan_init(&plan, spec);
    pid_t pid = plan_open(&plan, spec) == 0 ? fork() : -1;
    if (pid == 0)
        become(&plan, spec, parent);
    if (pid < 0) {
        result = give_up(spec, errno, why);
    } else {
        setpgid(pid, pid); /* whoever of us is first */
        result = take(&plan, pid, spec, child, why);
    }
    plan_release(&plan);
    return result;
}
