/* test_notify.c: what a service manager hears. */
#include "loop/loop.h"
#include "loop/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct manager {
    struct af_loop *loop;
    int fd;
    char heard[300]; /* each message, and a space */
    int count;
    int enough; /* the loop stops after so many */
};

static void hear(void *arg)
{
    struct manager *manager = arg;
    char text[64];
    ssize_t len = recv(manager->fd, text, sizeof text - 1, MSG_DONTWAIT);
    assert_true(len > 0);
    text[len] = '\0';
    size_t at = strlen(manager->heard);
    snprintf(manager->heard + at, sizeof manager->heard - at, "%s ", text);
    if (++manager->count == manager->enough)
        af_loop_stop(manager->loop);
}

/* A manager that listens at name: a path, or @ and a name of the abstract namespace. */
static void listen_at(struct manager *manager, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    memset(manager, 0, sizeof *manager);
    manager->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(manager->fd, (struct sockaddr *)&address, size), 0);
    manager->loop = af_loop_ev_new(NULL);
    assert_int_equal(af_loop_watch(manager->loop, manager->fd, false, hear, manager, NULL), 0);
    setenv("NOTIFY_SOCKET", name, 1);
}

static void end(struct manager *manager)
{
    af_loop_unwatch(manager->loop, manager->fd);
    af_loop_free(manager->loop);
    close(manager->fd);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static void test_the_manager_hears_that_we_are_ready_alive_and_ending(void **state)
{
    (void)state;
    char path[64];
    struct manager manager;
    snprintf(path, sizeof path, "/tmp/test_notify-%ld", (long)getpid());
    listen_at(&manager, path);
    setenv("WATCHDOG_USEC", "4000", 1);
    manager.enough = 4;
    struct af_notify *notify = af_notify_ready(manager.loop);
    assert_non_null(notify);
    af_loop_run(manager.loop);
    assert_string_equal(manager.heard, "READY=1 WATCHDOG=1 WATCHDOG=1 WATCHDOG=1 ");
    manager.heard[0] = '\0';
    af_notify_stopping(notify);
    do
        hear(&manager);
    while (strstr(manager.heard, "STOPPING=1 ") == NULL);
    end(&manager);
    unlink(path);
}

static void test_without_a_watchdog_it_is_silent_meanwhile(void **state)
{
    (void)state;
    char name[64];
    struct manager manager;
    snprintf(name, sizeof name, "@test_notify-%ld", (long)getpid());
    listen_at(&manager, name);
    setenv("WATCHDOG_USEC", "4000", 1);
    setenv("WATCHDOG_PID", "1", 1); /* another process's */
    manager.enough = 1;
    struct af_notify *notify = af_notify_ready(manager.loop);
    af_loop_run(manager.loop);
    af_notify_stopping(notify);
    hear(&manager);
    assert_string_equal(manager.heard, "READY=1 STOPPING=1 ");
    end(&manager);
}

static void test_nobody_wants_to_know(void **state)
{
    (void)state;
    struct af_loop *loop = af_loop_ev_new(NULL);
    unsetenv("NOTIFY_SOCKET");
    assert_null(af_notify_ready(loop));
    af_notify_stopping(NULL);
    setenv("NOTIFY_SOCKET", "/nobody/listens/here", 1);
    setenv("WATCHDOG_USEC", "no number", 1);
    struct af_notify *notify = af_notify_ready(loop);
    assert_non_null(notify);
    af_notify_stopping(notify);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    af_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_manager_hears_that_we_are_ready_alive_and_ending),
        cmocka_unit_test(test_without_a_watchdog_it_is_silent_meanwhile),
        cmocka_unit_test(test_nobody_wants_to_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
