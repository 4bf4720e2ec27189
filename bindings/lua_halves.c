/* lua_halves.c: see lua_halves.h. */
#include "lua_halves.h"

#include "script/script.h"

#include <pthread.h>
#include <stdbool.h>

static bool one_thread; /* af_script_stay_single() */

void af_script_stay_single(void)
{
    one_thread = true;
}

struct half {
    af_halves_part *part;
    void *arg;
    size_t from, to;
};

static void *do_half(void *arg)
{
    const struct half *half = arg;
    half->part(half->arg, half->from, half->to);
    return NULL;
}

void af_halves_do(af_halves_part *part, void *arg, size_t count, size_t unit, size_t worth)
{
    struct half first = {part, arg, 0, count / 2 / unit * unit};
    struct half second = {part, arg, first.to, count};
    pthread_t thread;
    bool both =
        !one_thread && count >= worth && pthread_create(&thread, NULL, do_half, &second) == 0;
    do_half(&first);
    if (both)
        pthread_join(thread, NULL);
    else
        do_half(&second);
}
