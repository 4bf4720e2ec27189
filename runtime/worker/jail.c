/* jail.c: see jail.h. */
#include "worker/jail.h"

#include "base/failure.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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
        struct rlimit limit = {limits[i].max, limits[i].max};
        if (setrlimit((__rlimit_resource_t)limits[i].resource, &limit) != 0)
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

static int add_rules(scmp_filter_ctx filter)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < sizeof allowed / sizeof allowed[0]; i++)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; code == 0 && i < sizeof refused / sizeof refused[0]; i++)
        code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
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
static int filter_calls(struct af_failure *why)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return refuse(why, "no filter of system calls can be made", ENOMEM);
    int code = add_rules(filter);
    if (code == 0)
        code = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (code == 0)
        code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
    if (code == 0)
        code = seccomp_load(filter);
    seccomp_release(filter);
    return code == 0 ? 0 : refuse(why, "the kernel takes no filter of system calls", -code);
}

int af_jail_enter(const struct af_jail_spec *spec, struct af_failure *why)
{
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
    return HAS_FILTER && !spec->limits_only ? filter_calls(why) : 0;
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
