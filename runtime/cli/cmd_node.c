/* cmd_node.c: `afrun node`: the parties of a node. */
#include "cli/command.h"

#include "base/arena.h"
#include "base/bounds.h"
#include "bus/config.h"
#include "base/failure.h"
#include "worker/jail.h"
#include "base/log.h"
#include "node/node.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node_command {
    struct af_node_options node;
    struct af_arena arena; /* of values from the file */
    char **words;          /* of the command line, which goes before the file */
    int word_count;
    const char *config_path;
    bool help;
    int verbosity;
    enum af_color_mode color;
};

#define COMMAND(target) ((struct node_command *)(target))
#define TEXT_OPTION(name, field)                                                                   \
    static int set_##name(void *target, const char *value, struct af_failure *why)                 \
    {                                                                                              \
        if (value[0] == '\0')                                                                      \
            return af_failure_set(why, AF_FAILURE_USAGE, "", "has no value");                      \
        COMMAND(target)->field = value;                                                            \
        return 0;                                                                                  \
    }

TEXT_OPTION(node, node.node)
TEXT_OPTION(bus, node.bus)
TEXT_OPTION(flows, node.flows)
TEXT_OPTION(state, node.state)
TEXT_OPTION(control, node.control)
TEXT_OPTION(config, config_path)

static int set_no_jail(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    COMMAND(target)->node.no_jail = true;
    return 0;
}

static int set_no_launches(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    COMMAND(target)->node.no_launches = true;
    return 0;
}

static int set_no_watch(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    COMMAND(target)->node.no_watch = true;
    return 0;
}

static int set_help(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    COMMAND(target)->help = true;
    return 0;
}

static int set_quiet(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    COMMAND(target)->verbosity--;
    return 0;
}

static int set_verbose(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    COMMAND(target)->verbosity++;
    return 0;
}

static int set_color(void *target, const char *value, struct af_failure *why)
{
    int index;
    if (af_opts_choice(value, "auto|always|never", &index, why) != 0)
        return -1;
    COMMAND(target)->color = (enum af_color_mode)index;
    return 0;
}

static int set_hang(void *target, const char *value, struct af_failure *why)
{
    return af_opts_duration(value, &COMMAND(target)->node.hang_ns, why);
}

static int set_journal_age(void *target, const char *value, struct af_failure *why)
{
    return af_opts_duration(value, &COMMAND(target)->node.journal_age_ns, why);
}

/* Sizes in MiB. */
static int set_size(const char *value, int64_t *bytes, struct af_failure *why)
{
    int64_t mib;
    if (af_opts_integer(value, 1, 1 << 20, &mib, why) != 0)
        return -1;
    *bytes = mib << 20;
    return 0;
}

static int set_log_size(void *target, const char *value, struct af_failure *why)
{
    return set_size(value, &COMMAND(target)->node.log_bytes, why);
}

static int set_journal_size(void *target, const char *value, struct af_failure *why)
{
    return set_size(value, &COMMAND(target)->node.journal_bytes, why);
}

static int set_allow_read(void *target, const char *value, struct af_failure *why)
{
    return af_file_access_grant(&COMMAND(target)->node.grants.files, 0, value, why);
}

static int set_allow_write(void *target, const char *value, struct af_failure *why)
{
    return af_file_access_grant(&COMMAND(target)->node.grants.files, 1, value, why);
}

static int set_allow_net(void *target, const char *value, struct af_failure *why)
{
    return af_grants_add_host(&COMMAND(target)->node.grants, value, why);
}

static int set_allow_run(void *target, const char *value, struct af_failure *why)
{
    return af_grants_add_program(&COMMAND(target)->node.grants, value, why);
}

static int set_trust(void *target, const char *value, struct af_failure *why)
{
    return af_trust_add(&COMMAND(target)->node.trust, value, why);
}

static const struct af_opt opts[] = {
    {"node", 0, "ID", "who this node is", "Node", set_node},
    {"bus", 0, "URL", "the transport: local:FILE, http://HOST:PORT or https://HOST:PORT", "Node",
     set_bus},
    {"flows", 0, "DIR", "the flows that may be launched, a file each", "Node", set_flows},
    {"state", 0, "DIR", "where parties, logs and the control socket are kept", "Node", set_state},
    {"control", 0, "SOCKET", "where afrun ctl asks (default: control.sock in the state folder)",
     "Node", set_control},
    {"config", 0, "FILE",
     "options of this command, and token, certificates, BASS login, as `name = value` (mode 600)",
     "Node", set_config},
    {"no-launches", 0, NULL,
     "launch by afrun ctl alone, not when the service tells that a task was launched", "Node",
     set_no_launches},
    {"no-watch", 0, NULL,
     "take a changed flow by afrun ctl reload or SIGHUP alone, not when it is seen", "Node",
     set_no_watch},
    {"allow-read", 0, "DIR", "parties may read files below DIR", "What parties may reach",
     set_allow_read},
    {"allow-write", 0, "DIR", "parties may write files below DIR", "What parties may reach",
     set_allow_write},
    {"allow-net", 0, "HOST[:PORT]", "parties may download from HOST", "What parties may reach",
     set_allow_net},
    {"allow-run", 0, "PROGRAM", "parties may run PROGRAM", "What parties may reach", set_allow_run},
    {"trust", 0, "KEY",
     "take only flows that this key signed (of minisign: RW…, or its file); may be repeated",
     "What parties may reach", set_trust},
    {"hang", 0, "T", "a worker that is at one delivery for so long is killed (default 10s)",
     "Limits", set_hang},
    {"log-size", 0, "MIB", "of a task's log before another is begun (default 10)", "Limits",
     set_log_size},
    {"journal-size", 0, "MIB", "of a party's journal (default 64)", "Limits", set_journal_size},
    {"journal-age", 0, "T", "how long entries are kept whole (default 720h)", "Limits",
     set_journal_age},
    {"no-jail", 0, NULL, "run workers without seccomp, where the kernel refuses it", "Limits",
     set_no_jail},
    {"quiet", 'q', NULL, "warnings and errors only", "Output", set_quiet},
    {"verbose", 'v', NULL, "say more", "Output", set_verbose},
    {"color", 0, "auto|always|never", "colour messages", "Output", set_color},
    {"help", 'h', NULL, "show this", "Output", set_help},
    {0},
};

static const struct af_opts_command row = {
    "node", "[options]", "host flows on a node: launch, supervise, resume",
    "Runs the parties of this node's tasks, each flow in a jailed worker process, and goes on with "
    "all of them after a crash. Parties are launched and looked at by `afrun ctl`. What scripts "
    "may "
    "reach is nothing but what is allowed here.",
    opts};

/* ---- The file. ---- */

static bool is_given(const struct node_command *command, const char *name)
{
    size_t len = strlen(name);
    for (int i = 0; i < command->word_count; i++) {
        const char *word = command->words[i];
        if (strncmp(word, "--", 2) == 0 && strncmp(word + 2, name, len) == 0 &&
            (word[2 + len] == '\0' || word[2 + len] == '='))
            return true;
    }
    return false;
}

/* A line of the config file that is no secret: an option of this command by its long name. */
static int set_from_file(void *arg, const char *name, const char *value, struct af_failure *why)
{
    struct node_command *command = arg;
    for (const struct af_opt *opt = opts; opt->name != NULL; opt++) {
        if (strcmp(opt->name, name) != 0 || opt->set == set_config || opt->set == set_help)
            continue;
        if (opt->arg == NULL && strcmp(value, "true") != 0)
            return af_failure_set(why, AF_FAILURE_USAGE, "", "'%s': expected true, or no such line",
                                  name);
        if (is_given(command, name))
            return 0;
        return opt->set(command, opt->arg == NULL ? NULL : af_arena_string(&command->arena, value),
                        why);
    }
    return af_failure_set(why, AF_FAILURE_USAGE, "",
                          "unknown name; known are the long options of afrun node (see afrun node "
                          "--help), token, ca, certificate, key, bass_url, bass_user, "
                          "bass_password, bass_captcha");
}

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

static int run(int argc, char **argv)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_config config = {0};
    struct node_command command = {
        .node = {.log_bytes = 10 << 20}, .color = AF_COLOR_AUTO, .words = argv, .word_count = argc};
    int others = af_opts_parse(opts, argc, argv, &command, &why);
    if (others >= 0 && command.help) {
        af_opts_help(stdout, &row, af_opts_columns(stdout));
        af_grants_release(&command.node.grants);
        af_trust_release(&command.node.trust);
        return 0;
    }
    if (others > 0)
        af_failure_set(&why, AF_FAILURE_USAGE, argv[0], "node takes options only");
    if (why.kind == AF_FAILURE_NONE && command.config_path != NULL)
        af_config_read_with(command.config_path, &config, set_from_file, &command, &why);
    af_log_set_color(command.color);
    af_log_set_level(command.verbosity < 0   ? AF_LOG_WARNING
                     : command.verbosity > 0 ? AF_LOG_DEBUG
                                             : AF_LOG_INFO);
    command.node.config = &config;
    if (why.kind == AF_FAILURE_NONE && check(&command, &why) == 0)
        af_node_run(&command.node, &why);
    af_config_release(&config);
    af_arena_release(&command.arena);
    af_grants_release(&command.node.grants);
    af_trust_release(&command.node.trust);
    if (why.kind == AF_FAILURE_NONE)
        return 0;
    af_failure_print(&why);
    return af_failure_exit_status(&why);
}

const struct af_command af_cmd_node = {&row, run};
