/* ready.c: see ready.h. */
#include "cli/ready.h"

#include "base/broker.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/mem.h"
#include "cli/jailed.h"
#include "cli/run_options.h"
#include "code/code.h"
#include "script/script.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WARM_BYTES = 2 << 20, /* about what a small run takes */
    OPEN_MOST = 32,       /* descriptors: more than such a process opens */
    LEAVE_MS = 10         /* to give memory back takes a processor: first who reads us has it */
};

static bool is_ready;

void af_ready_warm(void)
{
    if (!is_ready)
        return;
    af_mem_warm(WARM_BYTES);
}

/* What a run of the flow begins with; the broker, which knows what such a run may do, has done it
 * once then. */
static int begin_flow(char *flow, struct af_failure *why)
{
    static struct af_run_options options;
    struct af_buf text = AF_BUF_EMPTY;
    struct af_jailed_spec jail;
    af_run_options_init(&options);
    if (af_run_options_finish(&options, &flow, 1, why) != 0)
        return -1;
    af_run_options_jail(&options, &jail);
    if (af_jailed_begin_early(&jail, why) != 0)
        return -1;
    af_script_ready();
    af_code_read_path(flow, flow, &text, NULL); /* a run tells what is wrong with it */
    af_buf_release(&text);
    af_ready_warm();
    return 0;
}

static int read_words(int room, char **words)
{
    int count = 1;
    setvbuf(stdin, NULL, _IONBF, 0); /* what follows them is the command's */
    for (size_t size = 0; count < room; count++, size = 0) {
        words[count] = NULL;
        if (getdelim(&words[count], &size, '\0', stdin) <= 1)
            break;
    }
    return count;
}

int af_ready_words(int argc, char **argv, int room, char **words, struct af_failure *why)
{
    bool is_known = argc > 0 && strcmp(argv[0], "-") == 0;
    is_ready = argc > 0;
    words[0] = "afrun";
    if (argc > 0 && !is_known && begin_flow(argv[0], why) != 0)
        return -1;
    if (!is_known)
        return read_words(room, words);
    assert(argc < room);
    memcpy(words + 1, argv + 1, (size_t)(argc - 1) * sizeof *words);
    return argc;
}

void af_ready_leave(void)
{
    if (!is_ready || af_mem_is_watched()) /* which tells of leaks at the end */
        return;
    for (int fd = STDOUT_FILENO; fd < OPEN_MOST; fd++) /* the jail has no close_range() */
        if (fd != af_broker_socket())
            close(fd);
    poll(NULL, 0, LEAVE_MS);
}
