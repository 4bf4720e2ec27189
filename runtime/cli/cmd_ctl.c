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

static void add(struct af_ctl_list *list, const char *text, size_t len)
{
    af_mem_reserve(&list->items, &list->cap, list->count + 1, sizeof(char *));
    list->items[list->count++] = af_mem_copy(text, len);
}

static int set_arg(void *target, const char *value, struct af_failure *why)
{
    const char *equals = strchr(value, '=');
    if (equals == NULL || equals == value)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "expected name=value, got '%s'", value);
    add(&CTL(target)->args, value, strlen(value));
    return 0;
}

/* role=ID,ID;role=ID → "role=ID" each */
static int set_peers(void *target, const char *value, struct af_failure *why)
{
    for (const char *at = value;;) {
        size_t group = strcspn(at, ";");
        const char *equals = memchr(at, '=', group);
        if (equals == NULL || equals == at)
            return af_failure_set(why, AF_FAILURE_USAGE, "",
                                  "expected role=ID,ID;role=ID, got '%s'", value);
        size_t role = (size_t)(equals - at) + 1;
        for (const char *id = equals + 1;;) {
            size_t len = strcspn(id, ",;");
            char text[2 * AF_BUS_ID_BYTES_MAX + 2];
            if (len == 0 || role + len >= sizeof text)
                return af_failure_set(why, AF_FAILURE_USAGE, "",
                                      "expected role=ID,ID;role=ID, got '%s'", value);
            memcpy(text, at, role);
            memcpy(text + role, id, len);
            add(&CTL(target)->peers, text, role + len);
            if (id[len] != ',')
                break;
            id += len + 1;
        }
        if (at[group] == '\0')
            return 0;
        at += group + 1;
    }
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
    for (size_t i = 0; i < ctl.peers.count; i++)
        free(ctl.peers.items[i]);
    for (size_t i = 0; i < ctl.args.count; i++)
        free(ctl.args.items[i]);
    free(ctl.peers.items);
    free(ctl.args.items);
    if (status >= 0)
        return status;
    af_failure_print(&why);
    return af_failure_exit_status(&why);
}

const struct af_command af_cmd_ctl = {&row, run};
