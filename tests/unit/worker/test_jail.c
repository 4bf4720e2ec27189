/* test_jail.c: what a jailed process cannot do, and what it still can: in a child of this test by
 * the C library, and in a worker by machine code of its own (worker/child_probe.c). Each attempt is
 * made outside as well, where it succeeds.
 *
 * A sanitize build has no filter of system calls: there the same tests show that the limits are
 * all there is, so nobody takes them for a jail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/worker.h"
#include "worker/child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* ---- A child that jails itself. ---- */

enum { DESCRIPTORS = 32 }; /* open in it at most */
static const size_t file_bytes = 1 << 20;

static int server = -1; /* listens at server_address */
static struct sockaddr_un server_address = {.sun_family = AF_UNIX};

/* What an attempt came to: its result if >= 0, or -errno. */
static int64_t told(int64_t result)
{
    return result < 0 ? -errno : result;
}

static int64_t try_open(void)
{
    return told(syscall(SYS_open, "/etc/passwd", O_RDONLY));
}

static int64_t try_openat(void)
{
    return told(open("/etc/passwd", O_RDONLY));
}

static int64_t try_make_file(void)
{
    return told(open("/tmp", O_TMPFILE | O_RDWR, 0600));
}

static int64_t try_stat(void)
{
    struct stat info;
    return told(stat("/etc/passwd", &info));
}

static int64_t try_socket(void)
{
    return told(socket(AF_INET, SOCK_STREAM, 0));
}

static int64_t try_unix_socket(void)
{
    return told(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int spare = -1; /* a socket that was made before the jail */

static int64_t try_connect(void)
{
    return told(connect(spare, (struct sockaddr *)&server_address, sizeof server_address));
}

static int64_t try_fork(void)
{
    pid_t pid = (pid_t)syscall(SYS_fork);
    if (pid == 0)
        _exit(0);
    return told(pid);
}

static int64_t try_execve(void)
{
    char *argv[] = {"true", NULL}, *environment[] = {NULL};
    return told(execve("/bin/true", argv, environment));
}

static int64_t try_ptrace(void)
{
    return told(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int64_t try_kill(void)
{
    return told(kill(getppid(), 0));
}

static int64_t try_executable_memory(void)
{
    return told(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                     -1, 0) == MAP_FAILED
                    ? -1
                    : 0);
}

static int64_t try_dumpable(void)
{
    return told(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int64_t try_more_descriptors(void)
{
    struct rlimit limit = {DESCRIPTORS - 1, DESCRIPTORS - 1};
    return told(setrlimit(RLIMIT_NOFILE, &limit));
}

enum fate { REFUSED, KILLED };

static const struct attempt {
    const char *name;
    int64_t (*attempt)(void);
    enum fate fate;
} attempts[] = {
    {"open", try_open, REFUSED},
    {"openat", try_openat, REFUSED},
    {"make a file", try_make_file, REFUSED},
    {"stat", try_stat, REFUSED},
    {"socket", try_socket, KILLED},
    {"unix socket", try_unix_socket, KILLED},
    {"connect", try_connect, KILLED},
    {"fork", try_fork, KILLED},
    {"execve", try_execve, KILLED},
    {"ptrace", try_ptrace, KILLED},
    {"kill", try_kill, KILLED},
    {"executable memory", try_executable_memory, KILLED},
    {"be looked into", try_dumpable, KILLED},
    {"set a limit", try_more_descriptors, REFUSED},
};

struct end {
    bool told; /* by its socket */
    int64_t result;
    int status; /* of waitpid() */
};

static bool without_filter;
static bool as_engine; /* as a command that runs flows by itself jails itself */

/* What the child of run_in() does: jails itself, acts, tells what came of it. */
static _Noreturn void act(int socket, bool jailed, pid_t parent, int64_t (*attempt)(void))
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_jail_spec spec = {parent, SIZE_MAX, file_bytes, DESCRIPTORS, without_filter};
    if (jailed && as_engine) {
        unsigned lacks = af_jail_enter_engine(NULL, 0);
        if (((lacks & AF_JAIL_LACKS_FILTER) == 0) != af_jail_has_filter())
            _exit(100);
    } else if (jailed && af_jail_enter(&spec, &why) != 0) {
        _exit(100);
    }
    int64_t result = attempt();
    if (write(socket, &result, sizeof result) != (ssize_t)sizeof result)
        _exit(101);
    _exit(0);
}

static struct end run_in(bool jailed, int64_t (*attempt)(void))
{
    struct end end = {0};
    int pair[2];
    pid_t parent = getpid();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    spare = socket(AF_UNIX, SOCK_STREAM, 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        act(pair[1], jailed, parent, attempt);
    close(pair[1]);
    close(spare);
    end.told = read(pair[0], &end.result, sizeof end.result) == (ssize_t)sizeof end.result;
    close(pair[0]);
    assert_int_equal(waitpid(pid, &end.status, 0), pid);
    return end;
}

static int listen_in_folder(void **state)
{
    if (make_folder(state) != 0)
        return -1;
    snprintf(server_address.sun_path, sizeof server_address.sun_path, "%.80s/socket", test_folder);
    server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server, (struct sockaddr *)&server_address, sizeof server_address) != 0)
        return -1;
    return listen(server, 100);
}

static int stop_listening(void **state)
{
    close(server);
    return remove_folder(state);
}

static void test_what_a_jailed_process_tries_fails_or_kills_it(void **state)
{
    (void)state;
    if (!af_jail_has_filter())
        print_message("# this build has no filter of system calls: only limits hold\n");
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        struct end end = run_in(true, attempts[i].attempt);
        bool killed = WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGSYS && !end.told;
        bool refused = end.told && end.result == -EPERM;
        bool expected = attempts[i].fate == KILLED ? killed : refused;
        if (!af_jail_has_filter())
            expected = !killed && WIFEXITED(end.status) && WEXITSTATUS(end.status) == 0;
        if (!expected)
            fail_msg("%s: status %x, told %d: %lld", attempts[i].name, (unsigned)end.status,
                     end.told, (long long)end.result);
    }
}

static void test_nor_may_an_engine_do_so(void **state)
{
    as_engine = true;
    test_what_a_jailed_process_tries_fails_or_kills_it(state);
    as_engine = false;
}

static void test_outside_it_succeeds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        struct end end = run_in(false, attempts[i].attempt);
        bool ran = attempts[i].attempt == try_execve && WIFEXITED(end.status) &&
                   WEXITSTATUS(end.status) == 0 && !end.told;
        if (!ran && !(end.told && end.result >= 0))
            fail_msg("%s: status %x, told %d: %lld", attempts[i].name, (unsigned)end.status,
                     end.told, (long long)end.result);
    }
}

/* ---- What it can do. ---- */

static int64_t compute_and_talk(void)
{
    char *memory = malloc(8 << 20);
    memset(memory, 'x', 8 << 20);
    int fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool fine = fd >= 0 && write(fd, memory, 1000) == 1000 &&
                fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0 && pread(fd, memory, 10, 990) == 10 &&
                lseek(fd, 0, SEEK_END) == 1000 && close(fd) == 0;
    free(memory);
    return fine ? 42 : -1;
}

static void test_it_can_compute_and_use_what_it_has(void **state)
{
    (void)state;
    struct end end = run_in(true, compute_and_talk);
    assert_true(end.told);
    assert_int_equal(end.result, 42);
    assert_int_equal(end.status, 0);
}

static int64_t give_up(void)
{
    abort();
}

static void test_it_can_end_itself_as_a_bug_does(void **state)
{
    (void)state;
    struct end end = run_in(true, give_up);
    assert_false(end.told);
    assert_true(WIFSIGNALED(end.status));
    assert_int_equal(WTERMSIG(end.status), SIGABRT);
}

static void *mark(void *arg)
{
    *(int *)arg = 42;
    return NULL;
}

static int64_t use_what_an_engine_needs(void)
{
    pthread_t thread;
    int marked = 0, pair[2];
    char byte = 0;
    struct pollfd fd = {-1, POLLIN, 0};
    if (pthread_create(&thread, NULL, mark, &marked) != 0 || pthread_join(thread, NULL) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    fd.fd = pair[1];
    bool fine = marked == 42 && write(pair[0], "x", 1) == 1 && poll(&fd, 1, 1000) == 1 &&
                read(pair[1], &byte, 1) == 1 && byte == 'x';
    return fine && isatty(pair[0]) == 0 && compute_and_talk() == 42 ? 42 : -1;
}

static void test_an_engine_has_threads_and_sockets_of_its_own(void **state)
{
    (void)state;
    as_engine = true;
    struct end end = run_in(true, use_what_an_engine_needs);
    as_engine = false;
    assert_int_equal(end.status, 0);
    assert_true(end.told);
    assert_int_equal(end.result, 42);
}

static int64_t make_network_pair(void)
{
    int pair[2];
    return told(socketpair(AF_INET, SOCK_STREAM, 0, pair));
}

static int64_t make_process(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return told(pid);
}

static int64_t type_into_terminal(void)
{
    return told(ioctl(spare, TIOCSTI, "x"));
}

static void test_and_nothing_like_them(void **state)
{
    int64_t (*const tries[])(void) = {make_network_pair, make_process, type_into_terminal};
    (void)state;
    as_engine = true;
    for (size_t i = 0; i < sizeof tries / sizeof tries[0] && af_jail_has_filter(); i++) {
        struct end end = run_in(true, tries[i]);
        assert_true(WIFSIGNALED(end.status));
        assert_int_equal(WTERMSIG(end.status), SIGSYS);
    }
    as_engine = false;
}

/* ---- An engine where a part is missing. ---- */

/* Has a system call fail from here on, as a container's profile does. */
static void take_away(int call)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL || seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0) != 0 ||
        seccomp_load(filter) != 0)
        _exit(101);
    seccomp_release(filter);
}

/* The status of a child that jails itself without a part: what it lacks, and whether it reads a
 * file then. */
static unsigned enter_without(int call, bool *reads)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        take_away(call);
        unsigned lacks = af_jail_enter_engine(NULL, 0);
        _exit((int)(lacks | (open("/etc/passwd", O_RDONLY) >= 0 ? 8 : 0)));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    *reads = (WEXITSTATUS(status) & 8) != 0;
    return (unsigned)WEXITSTATUS(status) & 7u;
}

static void test_each_wall_stands_without_the_other(void **state)
{
    bool reads;
    (void)state;
    unsigned whole = enter_without(SCMP_SYS(swapon), &reads); /* which nobody needs */
    if (whole != 0) {
        print_message("# this system, or this build, lacks a part of the jail\n");
        skip();
    }
    assert_false(reads);
    assert_int_equal(enter_without(SCMP_SYS(seccomp), &reads), AF_JAIL_LACKS_FILTER);
    assert_false(reads);
    assert_int_equal(enter_without(444 /* landlock_create_ruleset */, &reads),
                     AF_JAIL_LACKS_LANDLOCK);
    assert_false(reads);
}

static int64_t write_much(void)
{
    static char block[64 << 10];
    int fd = memfd_create("t", MFD_CLOEXEC);
    signal(SIGXFSZ, SIG_IGN);
    int64_t written = 0;
    for (ssize_t some; (some = write(fd, block, sizeof block)) > 0 && written < (8 << 20);)
        written += some;
    return written;
}

static int64_t open_many(void)
{
    int64_t count = 0;
    while (count < 1000 && memfd_create("t", 0) >= 0)
        count++;
    return count;
}

/* In a jail signal() is none of what it may do, so its end by SIGXFSZ is the limit there. */
static int64_t count_capabilities(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &head, data) != 0)
        return -1;
    int64_t count = 0;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        count += __builtin_popcount(data[i].effective | data[i].permitted | data[i].inheritable);
    return count;
}

/* It is asked in a jail without the filter, which lets nobody ask. */
static void test_capabilities_are_given_up(void **state)
{
    (void)state;
    without_filter = true;
    struct end end = run_in(true, count_capabilities);
    without_filter = false;
    assert_true(end.told);
    assert_int_equal(end.result, 0);
    if (geteuid() == 0)
        assert_true(run_in(false, count_capabilities).result > 0);
}

static void test_limits_hold_in_every_build(void **state)
{
    (void)state;
    struct end end = run_in(true, open_many);
    assert_true(end.told);
    assert_true(end.result < DESCRIPTORS);
    assert_true(run_in(false, open_many).result > DESCRIPTORS);
    if (af_jail_has_filter())
        return;
    end = run_in(true, write_much);
    assert_true(end.told);
    assert_int_equal(end.result, (int64_t)file_bytes);
    assert_true(run_in(false, write_much).result > (int64_t)file_bytes);
}

static void test_a_process_whose_parent_is_another_does_not_enter(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_jail_spec spec = {1, SIZE_MAX, file_bytes, DESCRIPTORS, false};
    pid_t pid = fork();
    if (pid == 0)
        _exit(af_jail_enter(&spec, &why) == -1 && strstr(why.why, "parent") != NULL ? 7 : 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 7);
}

/* The child of a child: says that it is jailed, and waits for what never comes. */
static _Noreturn void wait_jailed(int socket, pid_t parent)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_jail_spec spec = {parent, SIZE_MAX, file_bytes, DESCRIPTORS, false};
    char byte = af_jail_enter(&spec, &why) == 0 ? 'j' : 'x';
    if (write(socket, &byte, 1) == 1 && read(socket, &byte, 1) < 0)
        _exit(1);
    _exit(0);
}

static void test_a_jailed_process_dies_with_its_parent(void **state)
{
    (void)state;
    int pair[2], status;
    char byte = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    pid_t pid = fork();
    if (pid == 0) {
        pid_t self = getpid();
        if (fork() == 0)
            wait_jailed(pair[1], self);
        pause();
        _exit(0);
    }
    close(pair[1]);
    assert_int_equal(read(pair[0], &byte, 1), 1);
    assert_int_equal(byte, 'j');
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(read(pair[0], &byte, 1), 0); /* the end: nobody holds the other side */
    close(pair[0]);
}

static void test_whether_the_kernel_has_it_is_told(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    assert_true(af_jail_supported(&why));
    assert_int_equal(why.kind, AF_FAILURE_NONE);
}

/* ---- Machine code in a worker. ---- */

static const char flow[] = "local af = require 'af'\n"
                           "return af.flow { name = 'x', roles = { r = { start = 's',\n"
                           "  states = { s = { may_end = true } } } } }\n";

struct probed {
    unsigned count;
    int64_t result;
};

static void on_probed(void *arg, int64_t result)
{
    struct probed *probed = arg;
    probed->count++;
    probed->result = result;
}

/* One attempt in a process of its own; how that went is told by death, "" if it lives. */
static int64_t probe(unsigned attempt, bool no_jail, char death[AF_FAILURE_TEXT_MAX])
{
    struct test_worker test;
    struct probed probed = {0};
    start_with(&test, program(), 20 * AF_S_NS, no_jail);
    assert_int_equal(test.why.kind, AF_FAILURE_NONE);
    af_worker_probe(test.worker, attempt, on_probed, &probed);
    wait_count(&test, &probed.count, 1);
    if (probed.result == AF_WORKER_PROBE_KILLED)
        wait_count(&test, &test.died, 1);
    snprintf(death, AF_FAILURE_TEXT_MAX, "%s", test.death);
    stop(&test);
    return probed.result;
}

static void test_machine_code_in_a_worker_gets_nowhere(void **state)
{
    (void)state;
    char death[AF_FAILURE_TEXT_MAX];
    unsigned killed = 0, refused = 0;
    write_file("flow.lua", flow);
    for (unsigned i = 0; af_jail_has_filter() && af_worker_attempt_name(i) != NULL; i++) {
        int64_t result = probe(i, false, death);
        if (result == AF_WORKER_PROBE_KILLED)
            assert_string_equal(death, "was killed for a system call that its jail forbids");
        else if (result != -EPERM)
            fail_msg("%s: %lld", af_worker_attempt_name(i), (long long)result);
        killed += result == AF_WORKER_PROBE_KILLED;
        refused += result == -EPERM;
    }
    if (af_jail_has_filter())
        print_message("# %u attempts: %u killed, %u refused\n", killed + refused, killed, refused);
    else
        print_message("# this build has no filter of system calls: nothing to probe\n");
    assert_true(!af_jail_has_filter() || killed + refused > 50);
}

/* Without the filter (limits alone) what matters most succeeds: files, sockets, programs, signals;
 * so it is the filter that prevents it. */
static void test_the_same_machine_code_outside_succeeds(void **state)
{
    (void)state;
    static const char *const names[] = {
        "open a file for reading", "open a file for writing", "look into /proc",
        "list a folder",           "open by openat2",         "look whether a file is there",
        "make a unix socket",      "make a network socket",   "make a packet socket",
        "make a pair of sockets",  "signal its node",         "map memory that runs",
        "copy a descriptor",       "be looked into",          "run a program"};
    char death[AF_FAILURE_TEXT_MAX];
    size_t found = 0, count = sizeof names / sizeof names[0];
    write_file("flow.lua", flow);
    for (unsigned i = 0; af_worker_attempt_name(i) != NULL; i++) {
        bool wanted = false;
        for (size_t k = 0; k < count; k++)
            wanted = wanted || strcmp(names[k], af_worker_attempt_name(i)) == 0;
        if (!wanted)
            continue;
        int64_t result = probe(i, true, death);
        bool ran = strcmp(af_worker_attempt_name(i), "run a program") == 0 &&
                   strcmp(death, "ended with status 0") == 0;
        if (!ran && result < 0)
            fail_msg("%s: %lld %s", af_worker_attempt_name(i), (long long)result, death);
        found++;
    }
    assert_int_equal(found, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whether_the_kernel_has_it_is_told),
        cmocka_unit_test(test_what_a_jailed_process_tries_fails_or_kills_it),
        cmocka_unit_test(test_nor_may_an_engine_do_so),
        cmocka_unit_test(test_an_engine_has_threads_and_sockets_of_its_own),
        cmocka_unit_test(test_and_nothing_like_them),
        cmocka_unit_test(test_each_wall_stands_without_the_other),
        cmocka_unit_test(test_outside_it_succeeds),
        cmocka_unit_test(test_it_can_compute_and_use_what_it_has),
        cmocka_unit_test(test_it_can_end_itself_as_a_bug_does),
        cmocka_unit_test(test_capabilities_are_given_up),
        cmocka_unit_test(test_limits_hold_in_every_build),
        cmocka_unit_test(test_a_process_whose_parent_is_another_does_not_enter),
        cmocka_unit_test(test_a_jailed_process_dies_with_its_parent),
        cmocka_unit_test(test_machine_code_in_a_worker_gets_nowhere),
        cmocka_unit_test(test_the_same_machine_code_outside_succeeds),
    };
    return cmocka_run_group_tests(tests, listen_in_folder, stop_listening);
}
