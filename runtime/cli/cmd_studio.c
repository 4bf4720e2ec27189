/* cmd_studio.c: `afrun studio FLOW`: look at a flow, and turn the knobs of its runs, in a browser.
 */
#include "cli/command.h"

#include "base/failure.h"
#include "base/log.h"
#include "cli/interrupt.h"
#include "cli/jailed.h"
#include "cli/studio.h"
#include "code/code.h"
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct studio_command {
    struct af_studio_options studio;
    bool no_browser;
    bool help;
};

#define OF struct studio_command

static const struct af_opt opts[] = {
    {"listen", 0, "ADDRESS:PORT", "of this machine (default 127.0.0.1:0, any port)", "Page",
     AF_OPT_TEXT(OF, studio.listen)},
    {"upgrade", 0, "FLOW2",
     "a second version of the flow: what it makes of each party; checks may reload to it", "Page",
     AF_OPT_TEXT(OF, studio.upgrade)},
    {"no-browser", 0, NULL, "print the link, and open no browser", "Page",
     AF_OPT_FLAG(OF, no_browser)},
    {"no-jail", 0, NULL, "run flows without a jail, as for a debugger", "Page",
     AF_OPT_FLAG(OF, studio.no_jail), .excludes = "require-jail"},
    {"require-jail", 0, NULL, "run nothing (status 3) where the system lacks a part of the jail",
     "Page", AF_OPT_FLAG(OF, studio.require_jail)},
    {"color", 0, "auto|always|never", "colours (default: on a terminal)", "Page", AF_OPT_COLOR},
    {"log", 0, "text|json", "messages as text (default) or lines of JSON", "Page", AF_OPT_LOG},
    {"help", 'h', NULL, "show this", "Page", AF_OPT_FLAG(OF, help)},
    {0},
};

static const struct af_opts_command row = {
    "studio", "FLOW.lua [options]", "a flow in a browser: its states, its runs, what fails",
    "Opens a page of this machine: the states of each role, a run as a sequence chart with what "
    "each party holds at each row, a thousand seeds at a glance, the knobs of a simulation, the "
    "lines of the flow; a check, and a path on which each step that can come next is a link; two "
    "runs side by side. A trace, or what `afrun ctl trace` gives, is shown when it is dropped on "
    "it. Each turn of a knob, and each save of a file, runs the flow again, in a "
    "process of its own, jailed as by `afrun run --mock`. Nothing leaves the machine.\n\n"
    "The link is good for one browser, the one that opens it first. Ctrl-C ends it.",
    opts};

/* A browser of the desktop; where there is none, the link is printed all the same. Who starts it
 * ends at once, so that nobody here need wait for a browser. */
static void open_browser(const char *link)
{
    pid_t pid = fork();
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (pid != 0)
        return;
    if (fork() != 0)
        _exit(0);
    int nothing = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2 && nothing >= 0; fd++)
        dup2(nothing, fd);
    setsid();
    execlp("xdg-open", "xdg-open", link, (char *)NULL);
    _exit(127);
}

static void on_interrupt(void *arg)
{
    af_interrupt_seen();
    af_loop_stop(arg);
}

static int serve(const struct studio_command *command, struct af_failure *why)
{
    int interrupt = af_interrupt_catch(), result = -1;
    struct af_loop *loop = af_loop_ev_new(why);
    if (loop == NULL)
        return -1;
    struct af_studio *studio = af_studio_new(loop, &command->studio, why);
    if (studio != NULL && af_loop_watch(loop, interrupt, false, on_interrupt, loop, why) == 0) {
        const char *link = af_studio_link(studio);
        af_log_start(stdout, "address", link, link);
        if (!command->no_browser)
            open_browser(link);
        af_loop_run(loop);
        af_loop_unwatch(loop, interrupt);
        result = 0;
    }
    af_studio_free(studio);
    af_loop_free(loop);
    return result;
}

static int run(int argc, char **argv, struct af_failure *why)
{
    struct studio_command command = {.studio = {.listen = "127.0.0.1:0"}};
    int files = af_opts_parse(opts, argc, argv, &command, NULL, why);
    if (files >= 0 && command.help) {
        af_opts_help(stdout, &row, af_opts_columns(stdout));
        return 0;
    }
    if (files < 0)
        return -1;
    if (files != 1)
        return af_failure_set(why, AF_FAILURE_USAGE, "studio",
                              "name one flow: afrun studio FLOW.lua");
    command.studio.flow = argv[0];
    if (af_code_is_input(argv[0]))
        return af_failure_set(why, AF_FAILURE_USAGE, "-",
                              "the studio reads a flow again and again: name a file");
    const char *named[] = {argv[0], command.studio.upgrade};
    for (size_t i = 0; i < 2; i++)
        if (named[i] != NULL && access(named[i], R_OK) != 0)
            return af_failure_set(why, AF_FAILURE_USAGE, named[i], "cannot be read: %s",
                                  strerror(errno));
    return serve(&command, why);
}

const struct af_command af_cmd_studio = {&row, run};
