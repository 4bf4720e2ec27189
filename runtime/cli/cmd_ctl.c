/* cmd_ctl.c: `afrun ctl`: what an operator asks of a running node. */
#include "cli/command.h"

#include "base/bounds.h"
#include "cli/ctl.h"
#include "base/failure.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CTL(target) ((struct af_ctl *)(target))
#define TEXT_OPTION(name, field)                                                                   \
    static int set_##name(void *target, const char *value, struct af_failure *why)                 \
    {                                                                                              \
        if (value[0] == '\0')                                                                      \
            return af_failure_set(why, AF_FAILURE_USAGE, "", "has no value");                      \
        CTL(target)->field = value;                                                                \
        return 0;                                                                                  \
    }
#define FLAG_OPTION(name, field)                                                                   \
    static int set_##name(void *target, const char *value, struct af_failure *why)                 \
    {                                                                                              \
        (void)value, (void)why;                                                                    \
        CTL(target)->field = true;                                                                 \
        return 0;                                                                                  \
    }

TEXT_OPTION(control, control)
TEXT_OPTION(state, state)
TEXT_OPTION(task, task)
TEXT_OPTION(role, role)
TEXT_OPTION(output, output)
FLAG_OPTION(json, json)
FLAG_OPTION(follow, follow)
FLAG_OPTION(dry_run, dry_run)
FLAG_OPTION(restart_waiting, restart_waiting)
FLAG_OPTION(help, help)

static int set_wait(void *target, const char *value, struct af_failure *why)
{
    return af_opts_duration(value, &CTL(target)->wait_ns, why);
}

static int set_arg(void *target, const char *value, struct af_failure *why)
{
    return af_script_args_read(&CTL(target)->args, value, why);
}

static int set_peers(void *target, const char *value, struct af_failure *why)
{
    return af_bus_members_read(&CTL(target)->peers, value, why);
}

static const struct af_opt opts[] = {
    {"control", 0, "SOCKET", "the node's socket (default: $AFRUN_CONTROL)", "Which node",
     set_control},
    {"state", 0, "DIR", "the node's state folder, where its socket is", "Which node", set_state},
    {"task", 0, "T", "the task to take part in", "launch", set_task},
    {"role", 0, "R", "this node's role in it", "launch", set_role},
    {"peers", 0, "role=ID,…",
     "the task's nodes and their roles: role=ID,ID;role=ID (default: as the bus lists them)",
     "launch", set_peers},
    {"arg", 0, "name=value", "an argument of the flow", "launch", set_arg},
    {"dry-run", 0, NULL, "say what would become of each party, its data too; change nothing",
     "reload", set_dry_run},
    {"wait", 0, "T", "give handlers that wait so long to end (default 10s)", "reload", set_wait},
    {"restart-waiting", 0, NULL,
     "do not wait for them: run them again, from their event, in the new version", "reload",
     set_restart_waiting},
    {"follow", 'f', NULL, "go on with what comes, until Ctrl-C", "log", set_follow},
    {"output", 'o', "FILE", "where to write the trace (default: standard output)", "trace",
     set_output},
    {"json", 0, NULL, "print the node's answer as it is", "Output", set_json},
    {"help", 'h', NULL, "show this", "Output", set_help},
    {0},
};

static const struct af_opts_command row = {
    "ctl", "COMMAND [options]", "talk to a running node: launch, status, reload, retry, stop …",
    "  launch FLOW --task T --role R   start a party of a flow of the node's folder\n"
    "  status [TASK]                   what each party is at: waiting for what, from whom\n"
    "  reload FLOW [--dry-run]         bring its parties to the version in the folder, all or "
    "none\n"
    "  rollback FLOW [--dry-run]       bring them back to the version before\n"
    "  retry TASK                      give a held party its event again\n"
    "  stop TASK                       end a party; the others are told that it failed\n"
    "  log TASK [-f]                   what its party logged\n"
    "  trace TASK [-o FILE]            its journal as a trace, for afrun chart",
    opts};

static int run(int argc, char **argv)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_ctl ctl = {.wait_ns = 10 * AF_S_NS};
    int words = af_opts_parse(opts, argc, argv, &ctl, &why);
    int status = -1;
    if (words >= 0 && ctl.help) {
        af_opts_help(stdout, &row, af_opts_columns(stdout));
        status = 0;
    } else if (words >= 0) {
        status = af_ctl_run(&ctl, argv, words, &why);
    }
    af_bus_members_release(&ctl.peers);
    af_script_args_release(&ctl.args);
    if (status >= 0)
        return status;
    af_failure_print(&why);
    return af_failure_exit_status(&why);
}

const struct af_command af_cmd_ctl = {&row, run};
