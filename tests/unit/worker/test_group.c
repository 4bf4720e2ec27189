/* test_group.c: where the memory cgroups of workers are, by what the kernel says of this process;
 * what is written to them, in a folder that looks as the kernel's do. That the kernel does as it is
 * told is e2e/node_memory.sh's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "worker/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[200];

static const char *path_of(const char *name)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void make(const char *name)
{
    assert_int_equal(mkdir(path_of(name), 0700), 0);
}

static void expect(const char *name, const char *text)
{
    char got[100] = "";
    FILE *file = fopen(path_of(name), "rb");
    assert_non_null(file);
    size_t len = fread(got, 1, sizeof got - 1, file);
    got[len] = '\0';
    fclose(file);
    assert_string_equal(got, text);
}

static int begin(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%.150s/test_group.XXXXXX", base == NULL ? "/tmp" : base);
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int end(void **state)
{
    char command[300];
    (void)state;
    af_worker_group_close();
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static pid_t ended_process(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return pid;
}

static void test_where_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool unified;
        const char *base; /* NULL: nowhere */
    } rows[] = {
        {"0::/system.slice/afrun-node@a.service\n", true,
         "/sys/fs/cgroup/system.slice/afrun-node@a.service"},
        {"0::/\n", true, "/sys/fs/cgroup/"},
        {"9:name=systemd:/\n4:memory:/user/a\n1:cpu:/\n0::/\n", false,
         "/sys/fs/cgroup/memory/user/a"},
        {"4:cpu,memory:/b\n", false, "/sys/fs/cgroup/memory/b"},
        {"4:cpu:/memory\n0::/memory\n", false, NULL},
        {"4:memory:/b\n", true, NULL},
        {"", true, NULL},
        {"nothing", false, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char base[100] = "";
        bool found = af_worker_group_find(rows[i].text, rows[i].unified, base, sizeof base);
        assert_int_equal(found, rows[i].base != NULL);
        if (found)
            assert_string_equal(base, rows[i].base);
    }
    char small[20];
    assert_false(af_worker_group_find(rows[0].text, true, small, sizeof small));
}

static void test_what_is_written_in_version_2(void **state)
{
    (void)state;
    char why[400] = "", own[32];
    snprintf(own, sizeof own, "%d", (int)getpid());
    write_file("cgroup.controllers", "cpu memory_of_others pids\n");
    assert_false(af_worker_group_begin_at(folder, 2, why, sizeof why));
    assert_non_null(strstr(why, "memory is not counted in its cgroup"));
    assert_false(af_worker_group_is_there());
    assert_false(af_worker_group_put(7, 1 << 20));
    write_file("cgroup.controllers", "cpu memory pids\n");
    assert_false(af_worker_group_begin_at(folder, 2, why, sizeof why)); /* it may not move there */
    assert_non_null(strstr(why, "is not its own"));
    write_file("cgroup.procs", "");
    write_file("afrun-node/cgroup.procs", "");
    assert_false(af_worker_group_begin_at(folder, 2, why, sizeof why)); /* others are there */
    assert_non_null(strstr(why, "can have none below"));
    expect("cgroup.procs", own);
    write_file("cgroup.subtree_control", "");
    assert_true(af_worker_group_begin_at(folder, 2, why, sizeof why));
    expect("afrun-node/cgroup.procs", own);
    expect("cgroup.subtree_control", "+memory");

    make("afrun-worker-7");
    write_file("afrun-worker-7/cgroup.procs", "");
    write_file("afrun-worker-7/memory.max", "max");
    write_file("afrun-worker-7/memory.swap.max", "max");
    assert_true(af_worker_group_put(7, 48 << 20));
    expect("afrun-worker-7/cgroup.procs", "7");
    expect("afrun-worker-7/memory.max", "50331648");
    expect("afrun-worker-7/memory.swap.max", "0");
    write_file("afrun-worker-7/memory.events", "low 0\nhigh 0\nmax 9\noom 0\noom_kill 0\n");
    assert_false(af_worker_group_end(7));
    write_file("afrun-worker-7/memory.events", "low 0\noom 1\noom_kill 1\noom_group_kill 0\n");
    assert_true(af_worker_group_end(7));
    assert_false(af_worker_group_end(8));
    assert_false(af_worker_group_put(9, 48 << 20)); /* it has no file of a limit */
    write_file("cgroup.procs", "");
    af_worker_group_close();
    expect("cgroup.procs", own);
    expect("cgroup.subtree_control", "-memory");
}

static void test_what_is_read_in_version_1(void **state)
{
    (void)state;
    char why[400] = "";
    assert_true(af_worker_group_begin_at(folder, 1, why, sizeof why));
    make("afrun-worker-5");
    write_file("afrun-worker-5/memory.oom_control",
               "oom_kill_disable 1\nunder_oom 0\noom_kill 0\n");
    assert_false(af_worker_group_end(5));
    write_file("afrun-worker-5/memory.oom_control",
               "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    assert_true(af_worker_group_end(5));
    char dead[40], alive[40];
    snprintf(dead, sizeof dead, "afrun-worker-%d", (int)ended_process());
    snprintf(alive, sizeof alive, "afrun-worker-%d", (int)getpid());
    make(dead);  /* of a node that was killed */
    make(alive); /* of another node, which is about to put its worker there */
    make("others");
    assert_false(af_worker_group_put(9, 1 << 20));
    assert_int_equal(access(path_of(dead), F_OK), -1);
    assert_int_equal(access(path_of(alive), F_OK), 0);
    assert_int_equal(access(path_of("others"), F_OK), 0);
    af_worker_group_close();
    assert_false(af_worker_group_begin_at("/no/such/folder", 1, why, sizeof why));
    assert_non_null(strstr(why, "is not its own"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_they_are),
        cmocka_unit_test_setup_teardown(test_what_is_written_in_version_2, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_read_in_version_1, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
