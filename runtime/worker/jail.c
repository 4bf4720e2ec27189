/* jail.c: see jail.h. */
#include "worker/jail.h"

#include "base/failure.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_FILTER false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_FILTER false
#endif
#endif
#ifndef HAS_FILTER
#define HAS_FILTER true
#endif

bool af_jail_has_filter(void)
{
    return HAS_FILTER;
}

static int refuse(struct af_failure *why, const char *step, int code)
{
    return af_failure_set(why, AF_FAILURE_TRANSPORT, "jail", "%s: %s", step, strerror(code));
}

/* ---- Limits. ---- */

static int set_limits(const struct af_jail_spec *spec, struct af_failure *why)
{
    const struct {
        int resource;
        rlim_t max;
    } limits[] = {
        {RLIMIT_AS, HAS_FILTER ? spec->address_bytes : RLIM_INFINITY}, /* shadow memory is huge */
        {RLIMIT_CORE, 0},
        {RLIMIT_NPROC, 0},
        {RLIMIT_FSIZE, spec->file_bytes},
        {RLIMIT_NOFILE, spec->descriptors},
        {RLIMIT_MEMLOCK, 0},
        {RLIMIT_MSGQUEUE, 0},
        {RLIMIT_RTPRIO, 0},
        {RLIMIT_SIGPENDING, 0},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        __rlimit_resource_t resource = (__rlimit_resource_t)limits[i].resource;
        struct rlimit limit;
        if (getrlimit(resource, &limit) != 0)
            return refuse(why, "a limit cannot be read", errno);
        if (limit.rlim_max > limits[i].max) /* a lower one stays: it may not be raised */
            limit.rlim_max = limits[i].max;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(resource, &limit) != 0)
            return refuse(why, "a limit cannot be set", errno);
    }
    return 0;
}

/* What root may do besides: none of it, in this process. */
static int drop_capabilities(struct af_failure *why)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};
    if (syscall(SYS_capset, &head, none) != 0)
        return refuse(why, "capabilities cannot be given up", errno);
    return 0;
}

/* ---- System calls. ---- */

/* What a process that computes and talks needs. Memory that can be executed is none of it. */
static const int allowed[] = {
    SCMP_SYS(read),          SCMP_SYS(write),           SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),       SCMP_SYS(close),           SCMP_SYS(memfd_create),
    SCMP_SYS(ftruncate),     SCMP_SYS(pread64),         SCMP_SYS(lseek),
    SCMP_SYS(munmap),        SCMP_SYS(mremap),          SCMP_SYS(brk),
    SCMP_SYS(madvise),       SCMP_SYS(futex),           SCMP_SYS(exit),
    SCMP_SYS(exit_group),    SCMP_SYS(rt_sigreturn),    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),    SCMP_SYS(getpid),
    SCMP_SYS(gettid),        SCMP_SYS(restart_syscall),
};

/* What an engine needs besides. */
static const int allowed_engine[] = {
    SCMP_SYS(poll),      SCMP_SYS(ppoll),
    SCMP_SYS(wait4),     SCMP_SYS(rt_sigaction),
    SCMP_SYS(setitimer), SCMP_SYS(dup2),
    SCMP_SYS(dup3),      SCMP_SYS(writev),
    SCMP_SYS(getrandom), SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),      SCMP_SYS(sched_yield),
    SCMP_SYS(pipe2),     SCMP_SYS(fstat),
};

/* What the C library tries, and can do without. */
static const int refused[] = {
    SCMP_SYS(open),       SCMP_SYS(openat),    SCMP_SYS(stat),
    SCMP_SYS(lstat),      SCMP_SYS(statx),     SCMP_SYS(newfstatat),
    SCMP_SYS(access),     SCMP_SYS(faccessat), SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(ioctl),     SCMP_SYS(getcwd),
    SCMP_SYS(getrandom),  SCMP_SYS(getrlimit), SCMP_SYS(sysinfo),
    SCMP_SYS(uname),      SCMP_SYS(prlimit64), SCMP_SYS(sched_getaffinity),
};

/* abort() sends a signal to this process; no signal goes to another. */
static int allow_abort(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()),
                            SCMP_A2(SCMP_CMP_EQ, SIGABRT));
}

static int add_list(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < count; i++)
        code = seccomp_rule_add(filter, action, calls[i], 0);
    return code;
}

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

struct engine {
    const pid_t *jobs; /* that it may interrupt */
    size_t job_count;
};

/* A call with a value of one argument. */
static const struct {
    int call;
    unsigned argument;
    uint64_t mask, value;
} allowed_with[] = {
    {SCMP_SYS(clone), 0, CLONE_VM | CLONE_THREAD, CLONE_VM | CLONE_THREAD}, /* no processes */
    {SCMP_SYS(socketpair), 0, UINT64_MAX, AF_UNIX},
    {SCMP_SYS(ioctl), 1, UINT64_MAX, TIOCGWINSZ},
    {SCMP_SYS(ioctl), 1, UINT64_MAX, 0x5401},     /* TCGETS, of <asm/ioctls.h>: is it a terminal? */
    {SCMP_SYS(ioctl), 1, UINT64_MAX, 0x802c542a}, /* … and TCGETS2, by a later C library */
    {SCMP_SYS(fcntl), 1, UINT64_MAX, F_DUPFD_CLOEXEC},
    {SCMP_SYS(fcntl), 1, UINT64_MAX, F_GETFL},
};

static int add_engine_rules(scmp_filter_ctx filter, const struct engine *engine)
{
    int code = add_list(filter, SCMP_ACT_ALLOW, allowed_engine, COUNT(allowed_engine));
    for (size_t i = 0; code == 0 && i < COUNT(allowed_with); i++) {
        struct scmp_arg_cmp wanted = {allowed_with[i].argument, SCMP_CMP_MASKED_EQ,
                                      allowed_with[i].mask, allowed_with[i].value};
        code = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed_with[i].call, 1, &wanted);
    }
    for (size_t i = 0; code == 0 && i < engine->job_count; i++)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 2,
                                SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)engine->jobs[i]),
                                SCMP_A1(SCMP_CMP_EQ, SIGINT));
    if (code == 0) /* the C library makes a thread by clone() then */
        code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return code;
}

/* engine NULL: of a worker. */
static int add_rules(scmp_filter_ctx filter, const struct engine *engine)
{
    int code = add_list(filter, SCMP_ACT_ALLOW, allowed, COUNT(allowed));
    for (size_t i = 0; code == 0 && i < COUNT(refused); i++)
        if (engine == NULL || (refused[i] != SCMP_SYS(getrandom) && refused[i] != SCMP_SYS(ioctl)))
            code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
    if (code == 0 && engine != NULL)
        code = add_engine_rules(filter, engine);
    if (code == 0)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                                SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                                SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
    if (code == 0)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (code == 0)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                SCMP_A1(SCMP_CMP_EQ, F_ADD_SEALS));
    if (code == 0)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                SCMP_A1(SCMP_CMP_EQ, F_GET_SEALS));
    return code != 0 ? code : allow_abort(filter);
}

/* A call by another architecture's numbers (int 0x80, x32) kills as well: libseccomp's default. */
static int filter_calls(const struct engine *engine, struct af_failure *why)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return refuse(why, "no filter of system calls can be made", ENOMEM);
    int code = add_rules(filter, engine);
    if (code == 0)
        code = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (code == 0)
        code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
    if (code == 0)
        code = seccomp_load(filter);
    seccomp_release(filter);
    return code == 0 ? 0 : refuse(why, "the kernel takes no filter of system calls", -code);
}

/* ---- Files. ---- */

/* By what this system's Landlock knows, whichever its headers know: all of it is handled, and
 * nothing is granted. What is open stays open. */
static int fence_files(bool has_jobs)
{
    static const struct {
        long least; /* version of the interface */
        uint64_t files, ports;
    } rights[] = {{1, 0x1fff, 0}, {2, 0x2000, 0}, {3, 0x4000, 0}, {4, 0, 3}, {5, 0x8000, 0}};
    enum { CREATE = 444, RESTRICT = 446, VERSION = 1, SOCKETS = 1, SIGNALS = 2 };
    struct {
        uint64_t files, ports, scopes;
    } rules = {0, 0, 0};
    long version = syscall(CREATE, NULL, 0, VERSION);
    for (size_t i = 0; i < COUNT(rights) && rights[i].least <= version; i++) {
        rules.files |= rights[i].files;
        rules.ports |= rights[i].ports;
    }
    if (version >= 6)
        rules.scopes = SOCKETS | (has_jobs ? 0 : SIGNALS);
    size_t size = version >= 6   ? sizeof rules
                  : version >= 4 ? 2 * sizeof(uint64_t)
                                 : sizeof(uint64_t);
    int fd = version < 1 ? -1 : (int)syscall(CREATE, &rules, size, 0);
    int result = fd < 0 ? -1 : (int)syscall(RESTRICT, fd, 0);
    if (fd >= 0)
        close(fd);
    return result;
}

/* ---- A worker. ---- */

int af_jail_enter_far(const struct af_jail_spec *spec, unsigned *lacks, struct af_failure *why)
{
    *lacks = AF_JAIL_LACKS_ALL;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return refuse(why, "privileges cannot be given up", errno);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return refuse(why, "memory cannot be hidden", errno);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return refuse(why, "it cannot be tied to its parent", errno);
    if (getppid() != spec->parent)
        return refuse(why, "its parent is gone", ESRCH);
    if (set_limits(spec, why) != 0 || drop_capabilities(why) != 0)
        return -1;
    if (!HAS_FILTER || spec->limits_only)
        return 0;
    if (fence_files(false) == 0)
        *lacks &= ~(unsigned)AF_JAIL_LACKS_LANDLOCK;
    if (filter_calls(NULL, why) == 0)
        *lacks &= ~(unsigned)AF_JAIL_LACKS_FILTER;
    return 0;
}

int af_jail_enter(const struct af_jail_spec *spec, struct af_failure *why)
{
    unsigned lacks;
    bool filters = HAS_FILTER && !spec->limits_only;
    int result = af_jail_enter_far(spec, &lacks, why);
    return result == 0 && filters && (lacks & AF_JAIL_LACKS_FILTER) != 0 ? -1 : result;
}

/* ---- An engine. ---- */

unsigned af_jail_enter_engine(const pid_t *jobs, size_t job_count)
{
    struct af_failure ignored = AF_FAILURE_INIT;
    const struct engine engine = {jobs, job_count};
    unsigned lacks = 0;
    if (isatty(STDOUT_FILENO)) /* which is not to be asked any more */
        setvbuf(stdout, NULL, _IOLBF, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return AF_JAIL_LACKS_ALL;
    drop_capabilities(&ignored); /* who has none loses none */
    if (!HAS_FILTER || fence_files(job_count > 0) != 0)
        lacks |= AF_JAIL_LACKS_LANDLOCK;
    if (!HAS_FILTER || filter_calls(&engine, &ignored) != 0)
        lacks |= AF_JAIL_LACKS_FILTER;
    return lacks;
}

/* ---- Whether it works here. ---- */

bool af_jail_supported(struct af_failure *why)
{
    int status = 0;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        struct af_failure ignored = AF_FAILURE_INIT;
        struct af_jail_spec spec = {parent, RLIM_INFINITY, 0, 3, false};
        _exit(af_jail_enter(&spec, &ignored) == 0 ? 0 : 1);
    }
    if (pid < 0) {
        refuse(why, "no process can be made", errno);
        return false;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    af_failure_set(why, AF_FAILURE_TRANSPORT, "jail",
                   "this kernel does not let a process jail itself (seccomp)");
    return false;
}
