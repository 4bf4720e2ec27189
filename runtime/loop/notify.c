/* notify.c: see notify.h. */
#include "loop/notify.h"

#include "base/mem.h"
#include "loop/loop.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct af_notify {
    struct af_loop *loop;
    struct af_timer *timer; /* NULL without a watchdog */
    int64_t every_ns;
};

/* A manager that does not listen any more is no reason to stop. */
static void say(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = path == NULL ? 0 : strlen(path);
    if (len < 2 || len >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') /* the abstract namespace */
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    while (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, size) < 0 &&
           errno == EINTR)
        continue;
    close(fd);
}

/* Half of the watchdog's time, or 0: there is none, or it is another process's. */
static int64_t watchdog_ns(void)
{
    const char *time = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (time == NULL || (pid != NULL && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    long long us = strtoll(time, NULL, 10);
    return us < 1000 || us > INT64_MAX / 1000 ? 0 : us * 1000 / 2;
}

static void alive(void *arg)
{
    struct af_notify *notify = arg;
    say("WATCHDOG=1");
    notify->timer = af_timer_start(notify->loop, notify->every_ns, alive, notify);
}

struct af_notify *af_notify_ready(struct af_loop *loop)
{
    if (getenv("NOTIFY_SOCKET") == NULL)
        return NULL;
    struct af_notify *notify = af_mem_zero(1, sizeof *notify);
    notify->loop = loop;
    notify->every_ns = watchdog_ns();
    say("READY=1");
    if (notify->every_ns > 0)
        alive(notify);
    return notify;
}

void af_notify_stopping(struct af_notify *notify)
{
    if (notify == NULL)
        return;
    af_timer_cancel(notify->timer);
    free(notify);
    say("STOPPING=1");
}
