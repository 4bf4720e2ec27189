/* cmd_node.c: `afrun node`: the parties of a node. */
#include "cli/command.h"
#include "cli/opts_file.h"

#include "base/arena.h"
#include "base/bounds.h"
#include "bus/config.h"
#include "base/failure.h"
#include "worker/jail.h"
#include "base/log.h"
#include "base/mem.h"
#include "node/node.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node_command {
    struct af_node_options node;
    struct af_arena arena; /* of values from the file */
    af_opts_given given;   /* on the command line, which goes before the file */
    const char *config_path;
    int verbosity;
};

#define OF struct node_command
#define SIZE_BYTES_MAX ((int64_t)1 << 40)

static int set_trust(void *trust, const char *value, struct af_failure *why)
{
    return af_trust_add(trust, value, why);
}

static const struct af_opt opts[] = {
    {"node", 0, "ID", "who this node is", "Node", AF_OPT_ID(OF, node.node)},
    {"bus", 0, "URL",
     "the transport: local:FILE, http[s]://HOST:PORT, nats://HOST:PORT or tls://HOST:PORT", "Node",
     AF_OPT_TEXT(OF, node.bus)},
    {"flows", 0, "DIR", "the flows that may be launched: a file, or a bundle, each", "Node",
     AF_OPT_TEXT(OF, node.flows)},
    {"state", 0, "DIR", "where parties, logs and the control socket are kept", "Node",
     AF_OPT_TEXT(OF, node.state)},
    {"key", 0, "FILE",
     "the key that seals secrets, and what parties keep (default: node.db.key in the state folder; "
     "made at need)",
     "Node", AF_OPT_TEXT(OF, node.key)},
    {"control", 0, "SOCKET", "where afrun ctl asks (default: control.sock in the state folder)",
     "Node", AF_OPT_TEXT(OF, node.control)},
    {"config", 0, "FILE",
     "options of this command, and token, certificates, BASS login, as `name = value` (mode 600)",
     "Node", AF_OPT_TEXT(OF, config_path)},
    {"audit", 0, "FILE",
     "log there who launched, reloaded, stopped, sent or took out what; `afrun audit verify` "
     "checks",
     "Node", AF_OPT_TEXT(OF, node.audit)},
    {"metrics", 0, "ADDR:PORT", "answer /metrics, /healthz and /readyz there, to whoever asks",
     "Node", AF_OPT_TEXT(OF, node.metrics)},
    {"ui", 0, "ADDR:PORT",
     "a page for its operator there, on this machine alone; its link is in ui.link in the state "
     "folder",
     "Node", AF_OPT_TEXT(OF, node.ui)},
    {"launches", 0, "FILE",
     "who may launch what: rules as `allow fed_* from hospital-1`, `ask *`, the first that fits "
     "counts, what none fits is refused; read again when it changes",
     "Node", AF_OPT_TEXT(OF, node.launches)},
    {"no-launches", 0, NULL,
     "launch by afrun ctl alone, not when the service tells that a task was launched", "Node",
     AF_OPT_FLAG(OF, node.no_launches)},
    {"no-watch", 0, NULL,
     "take a changed flow by afrun ctl reload or SIGHUP alone, not when it is seen", "Node",
     AF_OPT_FLAG(OF, node.no_watch)},
    {"allow-read", 0, "DIR", "parties may read files below DIR", "What parties may reach",
     AF_OPT_READ(OF, node.grants, af_opts_grant_read)},
    {"allow-write", 0, "DIR", "parties may write files below DIR", "What parties may reach",
     AF_OPT_READ(OF, node.grants, af_opts_grant_write)},
    {"allow-net", 0, "HOST[:PORT]", "parties may download from HOST", "What parties may reach",
     AF_OPT_READ(OF, node.grants, af_opts_grant_host)},
    {"allow-run", 0, "PROGRAM", "parties may run PROGRAM", "What parties may reach",
     AF_OPT_READ(OF, node.grants, af_opts_grant_program)},
    {"trust", 0, "KEY",
     "take only flows that this key signed (of minisign: RW…, or its file); 'KEY fed_*': flows of "
     "such names only; may be repeated",
     "What parties may reach", AF_OPT_READ(OF, node.trust, set_trust)},
    {"hang", 0, "T", "a worker that is at one delivery for so long is killed (default 10s)",
     "Limits", AF_OPT_DURATION(OF, node.hang_ns, 1)},
    {"worker-memory", 0, "MIB",
     "that a worker may take, where the system lets it have a cgroup (default 4096)", "Limits",
     AF_OPT_SIZE(OF, node.memory_bytes, 1 << 20, SIZE_BYTES_MAX)},
    {"log-size", 0, "MIB", "of a task's log before another is begun (default 10)", "Limits",
     AF_OPT_SIZE(OF, node.log_bytes, 1 << 20, SIZE_BYTES_MAX)},
    {"journal-size", 0, "MIB", "of a party's journal (default 64)", "Limits",
     AF_OPT_SIZE(OF, node.journal_bytes, 1 << 20, SIZE_BYTES_MAX)},
    {"journal-age", 0, "T", "how long entries are kept whole (default 720h)", "Limits",
     AF_OPT_DURATION(OF, node.journal_age_ns, 1)},
    {"keep-sent", 0, "T",
     "how long to keep what a NATS server has confirmed, and send it again to another start of it, "
     "which may have lost it (default 0s)",
     "Limits", AF_OPT_DURATION(OF, node.keep_sent_ns, 0)},
    {"no-jail", 0, NULL, "run workers without seccomp, where the kernel refuses it", "Limits",
     AF_OPT_FLAG(OF, node.no_jail)},
    {"quiet", 'q', NULL, "warnings and errors only", "Output", AF_OPT_CONSTANT(OF, verbosity, -1),
     .excludes = "verbose"},
    {"verbose", 'v', NULL, "say more", "Output", AF_OPT_CONSTANT(OF, verbosity, 1)},
    AF_OPTS_LAST("Output"),
};

static const struct af_opts_command row = {
    "node", "[options]", "host flows on a node: launch, supervise, resume",
    "Runs the parties of this node's tasks, each flow in a jailed worker process, and goes on with "
    "all of them after a crash. Parties are launched and looked at by `afrun ctl`. What scripts "
    "may "
    "reach is nothing but what is allowed here.",
    opts};

static int check(struct node_command *command, struct af_failure *why)
{
    const char *missing = command->node.node == NULL    ? "--node"
                          : command->node.bus == NULL   ? "--bus"
                          : command->node.flows == NULL ? "--flows"
                          : command->node.state == NULL ? "--state"
                                                        : NULL;
    if (missing != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, missing,
                              "is missing; a node needs --node, --bus, --flows and --state");
    if (!command->node.no_jail && !af_jail_supported(why))
        return -1;
    return 0;
}

static int run(int argc, char **argv, struct af_failure *why)
{
    struct af_config config = {0};
    struct node_command command = {.node = {.memory_bytes = AF_WORKER_MEMORY_BYTES,
                                            .hang_ns = AF_WORKER_HANG_NS,
                                            .log_bytes = AF_NODE_LOG_BYTES,
                                            .journal_bytes = AF_JOURNAL_BYTES,
                                            .journal_age_ns = AF_JOURNAL_AGE_NS}};
    int others = af_opts_parse(opts, argc, argv, &command, &command.given, why);
    if (others == AF_OPTS_HELP) {
        af_grants_release(&command.node.grants);
        af_trust_release(&command.node.trust);
        return others;
    }
    if (others > 0)
        af_failure_set(why, AF_FAILURE_USAGE, argv[0], "node takes options only");
    const struct af_opts_file file = {&row, &command, command.given, &command.arena, &config};
    if (why->kind == AF_FAILURE_NONE && command.config_path != NULL)
        af_opts_read_file(command.config_path, &file, why);
    af_log_set_verbosity(command.verbosity);
    command.node.config = &config;
    if (why->kind == AF_FAILURE_NONE)
        af_grants_add_hosts(&command.node.grants, config.files_hosts, why);
    af_mem_hold(AF_MEM_HELD_BYTES);
    if (why->kind == AF_FAILURE_NONE && check(&command, why) == 0)
        af_node_run(&command.node, why);
    af_config_release(&config);
    af_arena_release(&command.arena);
    af_grants_release(&command.node.grants);
    af_trust_release(&command.node.trust);
    return why->kind == AF_FAILURE_NONE ? 0 : -1;
}

const struct af_command af_cmd_node = {&row, run};
