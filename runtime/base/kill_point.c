/* kill_point.c: see kill_point.h. */
#include "base/kill_point.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *wanted; /* NAME:N, or NULL */
static atomic_long left;

static void read_environment(void)
{
    const char *text = getenv("AFRUN_KILL_AT");
    const char *colon = text == NULL ? NULL : strrchr(text, ':');
    if (colon == NULL)
        return;
    left = strtol(colon + 1, NULL, 10);
    wanted = text;
}

void af_kill_point(const char *name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_environment);
    if (wanted == NULL)
        return;
    size_t len = strlen(name);
    if (strncmp(wanted, name, len) == 0 && wanted[len] == ':' && atomic_fetch_sub(&left, 1) == 1)
        kill(getpid(), SIGKILL);
}
