/* child_probe.c: what machine code in a worker could try, for the tests of its jail.
 *
 * Each is a system call made by hand, so that nothing of the C library stands before the kernel.
 * They are chosen to do no harm where they succeed. What is shipped can try none of them. */
#include "worker/wire.h"
#include "worker/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { ARGS = 6 };

/* A number of an argument that is only known when it is made: */
enum { PARENT = -1000001, BUFFER, PAGE };

struct attempt {
    const char *name;
    long number;
    long args[ARGS];
};

static char buffer[4096];
static pid_t parent; /* noted before the jail, which does not let it be asked */

#define AT AT_FDCWD
#define TEXT(text) ((long)(text))

static const struct attempt attempts[] = {
    {"open a file for reading", SYS_openat, {AT, TEXT("/etc/passwd"), O_RDONLY}},
    {"open a file for writing", SYS_openat, {AT, TEXT("/tmp"), O_WRONLY | O_TMPFILE, 0600}},
    {"look into /proc", SYS_openat, {AT, TEXT("/proc/self/maps"), O_RDONLY}},
    {"list a folder", SYS_openat, {AT, TEXT("/"), O_RDONLY | O_DIRECTORY}},
    {"open by openat2", SYS_openat2, {AT, TEXT("/etc/passwd"), BUFFER, 24}},
    {"look whether a file is there", SYS_faccessat, {AT, TEXT("/etc/passwd"), 0}},
    {"change the folder", SYS_chdir, {TEXT("/")}},
    {"change the root", SYS_chroot, {TEXT("/")}},
    {"rename a file", SYS_renameat2, {AT, TEXT("/none"), AT, TEXT("/none2"), 0}},
    {"remove a file", SYS_unlinkat, {AT, TEXT("/none"), 0}},
    {"make a folder", SYS_mkdirat, {AT, TEXT("/none/none"), 0}},
    {"make a link", SYS_symlinkat, {TEXT("/none"), AT, TEXT("/none/none")}},
    {"open by a handle", SYS_open_by_handle_at, {AT, BUFFER, 0}},
    {"watch files", SYS_inotify_init1, {0}},
    {"make a unix socket", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
    {"make a network socket", SYS_socket, {AF_INET, SOCK_STREAM, 0}},
    {"make a packet socket", SYS_socket, {AF_INET6, SOCK_DGRAM, 0}},
    {"make a netlink socket", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}},
    {"make a pair of sockets", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, BUFFER}},
    {"connect", SYS_connect, {AF_WORKER_SOCKET, BUFFER, 2}},
    {"bind", SYS_bind, {AF_WORKER_SOCKET, BUFFER, 2}},
    {"listen", SYS_listen, {AF_WORKER_SOCKET, 1}},
    {"run a program", SYS_execve, {TEXT("/bin/true"), 0, 0}},
    {"run a program by its descriptor", SYS_execveat, {0, TEXT(""), 0, 0, AT_EMPTY_PATH}},
#ifdef SYS_fork /* newer architectures have clone() alone */
    {"fork", SYS_fork, {0}},
#endif
    {"make a process", SYS_clone, {SIGCHLD, 0, 0, 0, 0}},
    {"make a thread", SYS_clone3, {BUFFER, 88}},
    {"trace its node", SYS_ptrace, {PTRACE_SEIZE, PARENT, 0, 0}},
    {"read its node's memory", SYS_process_vm_readv, {PARENT, BUFFER, 0, BUFFER, 0, 0}},
    {"write its node's memory", SYS_process_vm_writev, {PARENT, BUFFER, 0, BUFFER, 0, 0}},
    {"signal its node", SYS_kill, {PARENT, SIGURG}},
    {"signal a thread of its node", SYS_tgkill, {PARENT, PARENT, SIGURG}},
    {"abort its node", SYS_tgkill, {PARENT, PARENT, SIGABRT}},
    {"signal everyone", SYS_kill, {-1, 0}},
    {"hold its node", SYS_pidfd_open, {PARENT, 0}},
    {"take its node's descriptors", SYS_pidfd_getfd, {0, 0, 0}},
    {"map memory that runs",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
    {"map a file", SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE, 0, 0}},
    {"have its memory run", SYS_mprotect, {PAGE, 4096, PROT_READ | PROT_EXEC}},
    {"have its memory run, with a key", SYS_pkey_mprotect, {PAGE, 4096, PROT_EXEC, -1}},
    {"make an io_uring", SYS_io_uring_setup, {1, BUFFER}},
    {"load a program into the kernel", SYS_bpf, {0, BUFFER, 0}},
    {"measure the machine", SYS_perf_event_open, {BUFFER, 0, -1, -1, 0}},
    {"handle page faults", SYS_userfaultfd, {0}},
    {"keep keys", SYS_add_key, {TEXT("user"), TEXT("none"), BUFFER, 1, -3}},
    {"mount", SYS_mount, {0, TEXT("/none"), 0, 0, 0}},
    {"make namespaces", SYS_unshare, {CLONE_NEWUSER}},
    {"enter a namespace", SYS_setns, {0, 0}},
    {"type into a terminal", SYS_ioctl, {AF_WORKER_SOCKET, 0x5412, BUFFER}},
    {"be looked into", SYS_prctl, {PR_SET_DUMPABLE, 1, 0, 0, 0}},
    {"outlive its node", SYS_prctl, {PR_SET_PDEATHSIG, 0, 0, 0, 0}},
    {"filter its calls anew", SYS_seccomp, {1, 0, BUFFER}},
    {"change its user", SYS_setuid, {65534}},
    {"raise its limits", SYS_prlimit64, {0, RLIMIT_NOFILE, BUFFER, 0}},
    {"change its node's limits", SYS_prlimit64, {PARENT, RLIMIT_NOFILE, 0, BUFFER}},
    {"wait for events", SYS_epoll_create1, {0}},
    {"make a timer", SYS_timer_create, {0, 0, BUFFER}},
    {"share memory", SYS_shmget, {0, 4096, 01600}},
    {"make a message queue", SYS_msgget, {0, 01600}},
    {"copy a descriptor", SYS_dup, {AF_WORKER_SOCKET}},
    {"have its socket not wait", SYS_fcntl, {AF_WORKER_SOCKET, F_SETFL, O_NONBLOCK}},
    {"have signals of its socket sent to its node",
     SYS_fcntl,
     {AF_WORKER_SOCKET, F_SETOWN, PARENT}},
    {"act as an older system", SYS_personality, {0xFFFFFFFF}},
    {"set the clock", SYS_clock_settime, {0, 0}},
    {"hold the processor", SYS_sched_setscheduler, {0, 0, BUFFER}},
    {"ask for the system's messages", SYS_syslog, {10, 0, 0}},
};

enum { ATTEMPT_COUNT = sizeof attempts / sizeof attempts[0] };

static bool is_one(unsigned number)
{
#ifdef AF_SHIPPED
    (void)number;
    return false;
#else
    return number < ATTEMPT_COUNT;
#endif
}

const char *af_worker_attempt_name(unsigned attempt)
{
    return is_one(attempt) ? attempts[attempt].name : NULL;
}

void af_worker_probe_prepare(void)
{
    parent = getppid();
}

static long argument(long told)
{
    if (told == PARENT)
        return parent;
    if (told == BUFFER)
        return (long)buffer;
    return told == PAGE ? (long)buffer & -4096L : told;
}

int64_t af_worker_try(unsigned number)
{
    if (!is_one(number))
        return -ENOSYS;
    const struct attempt *attempt = &attempts[number];
    long args[ARGS];
    for (int i = 0; i < ARGS; i++)
        args[i] = argument(attempt->args[i]);
    pid_t self = getpid();
    long result = syscall(attempt->number, args[0], args[1], args[2], args[3], args[4], args[5]);
    if (result == 0 && getpid() != self)
        _exit(0); /* a copy of this process */
    return result < 0 ? -errno : result;
}
