/* cmd_ctl.c: `afrun ctl`: what an operator asks of a running node. */
#include "cli/command.h"

#include "base/bounds.h"
#include "cli/ctl.h"
#include "base/failure.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OF struct af_ctl

static const struct af_opt opts[] = {
    {"control", 0, "SOCKET", "the node's socket (default: $AFRUN_CONTROL)", "Which node",
     AF_OPT_TEXT(OF, control)},
    {"state", 0, "DIR", "the node's state folder, where its socket is", "Which node",
     AF_OPT_TEXT(OF, state)},
    {"task", 0, "T", "the task to take part in", "launch", AF_OPT_ID(OF, task)},
    {"role", 0, "R", "this node's role in it", "launch", AF_OPT_ID(OF, role)},
    {"peers", 0, "role=ID,…",
     "the task's nodes and their roles: role=ID,ID;role=ID (default: as the bus lists them)",
     "launch", AF_OPT_READ(OF, peers, af_opts_add_members)},
    {"arg", 0, "name=value", "an argument of the flow", "launch",
     AF_OPT_READ(OF, args, af_opts_add_arg)},
    {"refuse", 0, NULL, "have it go instead; it is not launched", "approve",
     AF_OPT_FLAG(OF, refuse)},
    {"data", 0, NULL, "show results as they are, not only their types and sizes", "status",
     AF_OPT_FLAG(OF, data)},
    {"dry-run", 0, NULL, "say what would become of each party, its data too; change nothing",
     "reload", AF_OPT_FLAG(OF, dry_run)},
    {"wait", 0, "T", "give handlers that wait so long to end (default 10s)", "reload",
     AF_OPT_DURATION(OF, wait_ns, 0)},
    {"restart-waiting", 0, NULL,
     "do not wait for them: run them again, from their event, in the new version", "reload",
     AF_OPT_FLAG(OF, restart_waiting)},
    {"follow", 'f', NULL, "go on with what comes, until Ctrl-C", "log", AF_OPT_FLAG(OF, follow),
     .excludes = "json output"},
    {"listen", 0, "ADDRESS:PORT", "of this machine (default 127.0.0.1:0, any port)", "ui",
     AF_OPT_TEXT(OF, listen)},
    {"link", 0, "FILE",
     "write the link there (mode 600), another after each browser that has used one", "ui",
     AF_OPT_TEXT(OF, link)},
    {"output", 'o', "FILE", "where to write the trace (default: standard output)", "trace",
     AF_OPT_TEXT(OF, output), .excludes = "json"},
    {"json", 0, NULL, "print the node's answer as one JSON object", "Output",
     AF_OPT_FLAG(OF, json)},
    {"color", 0, "auto|always|never", "colours (default: on a terminal)", "Output", AF_OPT_COLOR},
    {"log", 0, "text|json", "messages as text (default) or lines of JSON", "Output", AF_OPT_LOG},
    {"help", 'h', NULL, "show this", "Output", AF_OPT_FLAG(OF, help)},
    {0},
};

static const struct af_opts_command row = {
    "ctl", "COMMAND [options]", "talk to a running node: launch, status, reload, retry, stop …",
    "  launch FLOW --task T --role R   start a party of a flow of the node's folder\n"
    "  approve TASK [--refuse]         launch what the node's rules have wait, or have it go\n"
    "  status [TASK]                   what each party is at: waiting for what, from whom\n"
    "  reload FLOW [--dry-run]         bring its parties to the version in the folder, all or "
    "none\n"
    "  rollback FLOW [--dry-run]       bring them back to the version before\n"
    "  retry TASK                      give a held party its event again\n"
    "  again TASK                      have what it could not read handed out again\n"
    "  send TASK EVENT [JSON]          give a party an event from outside, with these fields\n"
    "  pause TASK                      have a party take nothing, until it goes on\n"
    "  resume TASK                     have it go on\n"
    "  stop TASK                       end a party; the others are told that it failed\n"
    "  forget TASK                     remove a party that has ended, with its journal and log\n"
    "  backup FILE                     copy what the node keeps, while it runs\n"
    "  support FILE                    write its status, versions and sizes, without contents\n"
    "  latencies FILE                  write how long contracts took to it, for simulations\n"
    "  log TASK [-f]                   what its party logged\n"
    "  data TASK                       what it keeps, secrets as their hashes\n"
    "  trace TASK [-o FILE | -f]       its journal as a trace, for afrun chart\n"
    "  ui                              all of that in a browser of this machine",
    opts};

/* ---- A page for each command: the rows of the table above that it takes. ---- */

static const char everywhere[] = "control state json color log help";

static const struct page {
    const char *name, *arguments, *summary;
    const char *options; /* besides those everywhere */
    const char *text;    /* NULL: the summary says it all */
} pages[AF_CTL_COMMANDS] = {
    {"ctl launch", "FLOW --task T --role R [options]",
     "start a party of a flow of the node's folder", "task role peers arg", NULL},
    {"ctl approve", "TASK [--refuse] [options]",
     "launch what the node's rules (--launches) have wait, or have it go", "refuse",
     "`afrun ctl status` shows what waits: who wants which flow launched, in which role, with "
     "which "
     "arguments; the flow's version, files and signer, what it wants to reach, and what `afrun "
     "check` says of it. If the files have changed since, nothing is launched, and it waits as "
     "they are now."},
    {"ctl status", "[TASK] [options]", "what each party is at: waiting for what, from whom", "data",
     NULL},
    {"ctl reload", "FLOW [options]", "bring its parties to the version in the folder, all or none",
     "dry-run wait restart-waiting", NULL},
    {"ctl rollback", "FLOW [options]", "bring them back to the version before",
     "dry-run wait restart-waiting", NULL},
    {"ctl retry", "TASK [options]", "give a held party its event again", "", NULL},
    {"ctl again", "TASK [options]",
     "have what it could not read, its dead letters, handed out again", "", NULL},
    {"ctl send", "TASK EVENT [JSON] [options]",
     "give a party an event from outside: its type, and its fields as a JSON object", "",
     "The party takes it as soon as its state does not defer it, before what was received; its "
     "handler is given no sender (`from` is nil). EVENT is a type of the flow, JSON has its fields "
     "and is checked as what comes from the bus is; without JSON the event has none:\n"
     "  afrun ctl send t7 stop '{\"reason\": \"maintenance\"}' --state DIR"},
    {"ctl pause", "TASK [options]",
     "have a party take nothing, whatever comes or is due, until it goes on", "", NULL},
    {"ctl resume", "TASK [options]", "have a paused party go on", "", NULL},
    {"ctl stop", "TASK [options]", "end a party; the others are told that it failed", "", NULL},
    {"ctl forget", "TASK [options]", "remove a party that has ended, with its journal and log", "",
     NULL},
    {"ctl backup", "FILE [options]", "copy what the node keeps into a new file, while it runs", "",
     NULL},
    {"ctl support", "FILE [options]",
     "write status, versions and sizes into a new file, without contents", "", NULL},
    {"ctl latencies", "FILE [options]",
     "write how long contracts took from each sender to it into a new file, for afrun run "
     "--latency-model",
     "",
     "Of each contract that a NATS server handed out the first time: from the server's taking it "
     "to "
     "its coming here, by the clocks of both; what had waited while the node was away, too. "
     "`least_us` below 0 tells that they differ, `beyond` how many took more than 10 s and count "
     "for nothing. A last link, from * to *, has all."},
    {"ctl log", "TASK [options]", "what its party logged", "follow", NULL},
    {"ctl trace", "TASK [options]", "its journal as a trace, for afrun chart", "output follow",
     NULL},
    {"ctl data", "TASK [options]", "what a party keeps, secrets as their hashes", "", NULL},
    {"ctl ui", "[options]", "the node in a browser of this machine", "listen link",
     "Prints the link of a page: its parties and what they wait for, their journals and logs, "
     "launches that wait, reloads. What the page does it asks of the control socket, as these "
     "commands do, and the node's audit log has it. The link is good for one browser, the one that "
     "opens it first. Ctrl-C ends it."},
};

const struct af_opts_command *af_ctl_rows(void)
{
    static struct af_opt options[AF_CTL_COMMANDS][sizeof opts / sizeof opts[0]];
    static struct af_opts_command rows[AF_CTL_COMMANDS];
    for (size_t i = 0; i < AF_CTL_COMMANDS && rows[i].name == NULL; i++) {
        size_t count = 0;
        for (const struct af_opt *opt = opts; opt->name != NULL; opt++)
            if (af_opts_lists(everywhere, opt->name) || af_opts_lists(pages[i].options, opt->name))
                options[i][count++] = *opt;
        rows[i] = (struct af_opts_command){pages[i].name, pages[i].arguments, pages[i].summary,
                                           pages[i].text, options[i]};
    }
    return rows;
}

/* The page of the command that the words name; that of ctl itself where they name none. */
static const struct af_opts_command *find_page(char **words, int count)
{
    const struct af_opts_command *rows = af_ctl_rows();
    for (size_t i = 0; count > 0 && i < AF_CTL_COMMANDS; i++)
        if (strcmp(rows[i].name + strlen("ctl "), words[0]) == 0)
            return &rows[i];
    return &row;
}

static int check_options(const struct af_opts_command *page, af_opts_given given,
                         struct af_failure *why)
{
    for (const struct af_opt *opt = opts; opt->name != NULL; opt++) {
        bool takes = false;
        for (const struct af_opt *own = page->opts; own->name != NULL; own++)
            takes = takes || strcmp(own->name, opt->name) == 0;
        if (!takes && (given >> (opt - opts) & 1) != 0) {
            char what[80];
            snprintf(what, sizeof what, "--%s", opt->name);
            return af_failure_set(why, AF_FAILURE_USAGE, what,
                                  "is no option of afrun %s (see afrun %s --help)", page->name,
                                  page->name);
        }
    }
    return 0;
}

static int run(int argc, char **argv, struct af_failure *why)
{
    struct af_ctl ctl = {.wait_ns = AF_NODE_RELOAD_WAIT_NS};
    af_opts_given given = 0;
    int words = af_opts_parse(opts, argc, argv, &ctl, &given, why);
    const struct af_opts_command *page = find_page(argv, words);
    int status = -1;
    if (words >= 0 && ctl.help) {
        af_opts_help(stdout, page, af_opts_columns(stdout));
        status = 0;
    } else if (words >= 0 && check_options(page, given, why) == 0) {
        status = af_ctl_run(&ctl, argv, words, why);
    }
    af_bus_members_release(&ctl.peers);
    af_script_args_release(&ctl.args);
    return status;
}

const struct af_command af_cmd_ctl = {&row, run};
