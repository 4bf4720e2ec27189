/* cmd_serve.c: `afrun serve`: the message service for a node or a network. */
#include "cli/command.h"
#include "cli/opts_file.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/bounds.h"
#include "bus/config.h"
#include "bus/members.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/near.h"
#include "loop/loop.h"
#include "loop/notify.h"
#include "serve/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

struct serve_command {
    struct af_serve_options serve;
    struct af_bus_options bus;
    struct af_bus_member_list members;
    const char *config_path;
    struct af_config config; /* and who a sidecar is to its hub */
    struct af_arena arena;   /* what the file says */
    af_opts_given given;
    int verbosity;
    /* while it runs */
    struct af_loop *loop;
    struct af_serve *service;
    int signals;
    bool is_stopping;
};

/* ---- Options. ---- */

static int refuse_quota(const char *text, size_t len, struct af_failure *why)
{
    char *name = af_mem_copy(text, text[len] == '=' ? len : 0);
    struct af_near near;
    af_near_init(&near, name);
    for (int i = 0; i < AF_SERVE_QUOTAS; i++)
        af_near_add(&near, af_serve_quotas[i].name);
    af_failure_set(why, AF_FAILURE_USAGE, "", "expected NAME=VALUE, got '%s'%s", text,
                   af_near_text(&near, "names are"));
    af_near_release(&near);
    free(name);
    return -1;
}

static int set_quota(void *field, const char *text, struct af_failure *why)
{
    int64_t *quotas = field;
    size_t len = strcspn(text, "=");
    for (int i = 0; i < AF_SERVE_QUOTAS && text[len] == '='; i++) {
        const struct af_serve_quota_row *row = &af_serve_quotas[i];
        struct af_failure failure = AF_FAILURE_INIT;
        if (strlen(row->name) != len || memcmp(row->name, text, len) != 0)
            continue;
        if ((row->is_bytes ? af_opts_size : af_opts_integer)(text + len + 1, 1, row->most,
                                                             &quotas[i], &failure) == 0)
            return 0;
        return af_failure_set(why, AF_FAILURE_USAGE, "", "%s: %s", row->name, failure.why);
    }
    return refuse_quota(text, len, why);
}

#define OF struct serve_command

static const struct af_opt opts[] = {
    {"listen", 0, "ADDR:PORT", "where to listen (default 127.0.0.1:9080); port 0: any free one",
     "Service", AF_OPT_TEXT(OF, serve.listen)},
    {"bus", 0, "URL",
     "where contracts live (default local:afrun.db); nats://… or tls://…: be one of any number of "
     "fronts of these servers; with --node, and at http://… or https://…, a hub: be the sidecar of "
     "that node",
     "Service", AF_OPT_TEXT(OF, serve.bus_name)},
    {"config", 0, "FILE",
     "options of this command, and who a sidecar or a front is to --bus (token, certificates, "
     "creds, BASS login), as `name = value` (mode 600)",
     "Service", AF_OPT_TEXT(OF, config_path)},
    {"state", 0, "FILE",
     "of a sidecar: where contracts wait while the hub is away (default afrun-sidecar.db)",
     "Service", AF_OPT_TEXT(OF, bus.outbox)},
    {"hold", 0, "T", "hold a plain poll so long where nothing is there, at most 1s (default 0)",
     "Service", AF_OPT_DURATION(OF, serve.hold_ns, 0)},
    {"host", 0, "NAME",
     "a name by which callers without TLS call this service, beside this machine's, the address "
     "listened at, federated-service and playground-backend (again for more)",
     "Service", AF_OPT_READ(OF, serve.hosts, af_serve_add_host)},
    {"proxy", 0, "ADDRESS",
     "believe the X-Forwarded-For, -Host and -Proto of the proxy at ADDRESS (again for more)",
     "Service", AF_OPT_READ(OF, serve.proxies, af_serve_add_proxy)},
    {"files", 0, "DIR", "where files are kept (default: beside the bus's file)", "Service",
     AF_OPT_TEXT(OF, serve.files)},
    {"shared-disk", 0, "DIR",
     "let an upload name a file below DIR instead of sending it (any caller can read all of DIR)",
     "Service", AF_OPT_TEXT(OF, serve.shared_disk)},
    {"mock-uploads", 0, NULL,
     "take what the platform's client uploads in its mock mode (all callers share its one task)",
     "Service", AF_OPT_FLAG(OF, serve.mock_uploads)},
    {"tls-cert", 0, "FILE", "serve TLS with this certificate (PEM)", "Service",
     AF_OPT_TEXT(OF, serve.certificate)},
    {"tls-key", 0, "FILE", "its key (PEM, mode 600)", "Service", AF_OPT_TEXT(OF, serve.key)},
    {"tokens", 0, "FILE",
     "who a caller with `Authorization: Bearer TOKEN` is: a file that `afrun token` writes, or "
     "lines "
     "of `token node-id` (mode 600)",
     "Callers", AF_OPT_TEXT(OF, serve.tokens)},
    {"client-ca", 0, "FILE",
     "trust clients' certificates signed by this CA; their DNS name, else their common name, is "
     "the node",
     "Callers", AF_OPT_TEXT(OF, serve.client_ca)},
    {"client-crl", 0, "FILE", "but none that this list of that CA's says are revoked", "Callers",
     AF_OPT_TEXT(OF, serve.client_crl)},
    {"node", 0, "ID", "a caller without a token, on this machine, is this node", "Callers",
     AF_OPT_ID(OF, serve.node)},
    {"prefix-nodes", 0, NULL,
     "a caller without a token, on this machine, is named by the path: /node/<id>/… (for tests)",
     "Callers", AF_OPT_FLAG(OF, serve.prefix_nodes)},
    {"admin-token", 0, "FILE", "a file that holds the token of who creates and ends tasks", "Tasks",
     AF_OPT_TEXT(OF, serve.admin_token)},
    {"members", 0, "role=ID,…", "the nodes of every task that is used; role=ID,ID;role=ID", "Tasks",
     AF_OPT_READ(OF, members, af_opts_add_members)},
    {"open-tasks", 0, NULL, "tasks spring up by use, and nodes join them by use", "Tasks",
     AF_OPT_FLAG(OF, bus.open_tasks)},
    {"audit", 0, "FILE",
     "log who did what (logins, tasks, launches, files, refusals; never contents) in a chain that "
     "`afrun audit verify` checks",
     "Tasks", AF_OPT_TEXT(OF, serve.audit)},
    {"backups", 0, "DIR", "where POST /admin/backup writes copies of the bus's file", "Tasks",
     AF_OPT_TEXT(OF, serve.backups)},
    {"keep-contracts", 0, "T",
     "how long a contract that all have acknowledged is known, so that it is not taken twice, and "
     "a broadcast kept for nodes that join later (default 168h)",
     "Limits", AF_OPT_DURATION(OF, bus.keep_contracts_ns, 1)},
    {"keep-files", 0, "T", "how long a file that no task names stays (default 24h)", "Limits",
     AF_OPT_DURATION(OF, bus.keep_files_ns, 1)},
    {"min-free", 0, "MIB", "warn when less is free on the disk of the bus (default 256)", "Limits",
     AF_OPT_SIZE(OF, bus.min_free_bytes, 1 << 20, INT64_C(1) << 40)},
    {"quota", 0, "NAME=VALUE",
     "how much there is, of all callers: bodies, answers, connections, polls, logins, streams; of "
     "a node: requests, bundles; of a task: files, queue (again for more)",
     "Limits", AF_OPT_READ(OF, serve.quotas, set_quota)},
    {"quiet", 'q', NULL, "warnings and errors only", "Output", AF_OPT_CONSTANT(OF, verbosity, -1),
     .excludes = "verbose"},
    {"verbose", 'v', NULL, "say more", "Output", AF_OPT_CONSTANT(OF, verbosity, 1)},
    AF_OPTS_LAST("Output"),
};

static const struct af_opts_command row = {
    "serve", "[options]", "the message service for a node or a network",
    "Serves the federated-service API of the platform over a bus, so that parties, and the "
    "platform's own clients, exchange contracts and files. Secrets are in files, never on the "
    "command line. Beyond this machine it listens only if callers have tokens or certificates.",
    opts};

/* ---- Preparing. ---- */

/* The members' numbers, as the platform counts roles. */
static void number_members(struct serve_command *command)
{
    const struct af_bus_member_list *list = &command->members;
    bool has_initiator = false;
    for (size_t i = 0; i < list->count; i++)
        has_initiator |= strcmp(list->items[i].role, "initiator") == 0;
    for (size_t i = 0; i < list->count; i++)
        list->items[i].number = af_serve_role_number(list->items[i].role, has_initiator);
    command->bus.members = list->items;
    command->bus.member_count = list->count;
}

/* An option that was given and is for who keeps tasks, or NULL; of a front: contracts alone are
 * kept elsewhere. */
static const char *find_hub_option(const struct serve_command *command, bool is_front)
{
    const struct af_serve_options *serve = &command->serve;
    const struct af_bus_options *bus = &command->bus;
    const struct {
        const char *name;
        bool is_given, of_store; /* which a front has not, either */
    } rows[] = {{"--tokens", serve->tokens != NULL, false},
                {"--client-ca", serve->client_ca != NULL, false},
                {"--client-crl", serve->client_crl != NULL, false},
                {"--prefix-nodes", serve->prefix_nodes, false},
                {"--members", command->members.count > 0, false},
                {"--open-tasks", bus->open_tasks, false},
                {"--backups", serve->backups != NULL, true},
                {"--keep-contracts", bus->keep_contracts_ns > 0, false},
                {"--keep-files", bus->keep_files_ns > 0, true},
                {"--min-free", bus->min_free_bytes > 0, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].is_given && (rows[i].of_store || !is_front))
            return rows[i].name;
    return NULL;
}

/* A sidecar is one node's, and everything about tasks is its hub's. */
static int check(struct serve_command *command, struct af_failure *why)
{
    const struct af_serve_options *serve = &command->serve;
    const struct af_config *config = &command->config;
    bool is_distant = af_bus_is_distant(serve->bus_name);
    bool is_front = af_bus_has_fronts(serve->bus_name) && serve->node == NULL;
    bool is_sidecar = is_distant && !is_front;
    const char *misplaced = find_hub_option(command, is_front);
    if (serve->backups != NULL && access(serve->backups, W_OK | X_OK) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, serve->backups, "%s", strerror(errno));
    if (serve->hold_ns > AF_SERVE_HOLD_MAX_NS)
        return af_failure_set(why, AF_FAILURE_USAGE, "--hold", "is at most 1s");
    if (is_sidecar && serve->node == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "--bus",
                              "%s is a service itself, and is served to one node of this machine "
                              "only: say which by --node",
                              serve->bus_name);
    if (is_sidecar && misplaced != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, misplaced,
                              "is no option of a sidecar: the service at %s knows tasks and nodes",
                              serve->bus_name);
    if (is_front && misplaced != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, misplaced,
                              "is no option of a front: the NATS servers keep contracts and files");
    if (!is_sidecar && command->bus.outbox != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "--state",
                              "is for a sidecar, whose --bus is another service, of one --node");
    if (!is_distant && !af_config_is_empty(config))
        return af_failure_set(why, AF_FAILURE_USAGE, command->config_path,
                              "holds who we are to a service (token, certificate, login), which "
                              "afrun serve has no use for unless its --bus is one");
    if (is_sidecar && command->bus.outbox == NULL)
        command->bus.outbox = "afrun-sidecar.db";
    command->bus.node = is_sidecar ? serve->node : NULL;
    command->bus.config = config;
    command->bus.queue_max = serve->quotas[AF_SERVE_QUEUE];
    return 0;
}

/* Files are given to the bus by renaming, so its folder is named here, and is there. */
static char *prepare_files(struct serve_command *command, struct af_failure *why)
{
    const char *bus = af_bus_file_of(command->serve.bus_name), *given = command->serve.files;
    struct af_buf path = AF_BUF_EMPTY;
    if (given != NULL)
        af_buf_append_string(&path, given);
    else
        af_buf_printf(&path, "%s.files",
                      bus != NULL                   ? bus
                      : command->bus.outbox != NULL ? command->bus.outbox
                                                    : "afrun");
    char *files = af_buf_take(&path);
    if (mkdir(files, 0700) != 0 && errno != EEXIST)
        af_failure_set(why, AF_FAILURE_USAGE, files, "cannot be made: %s", strerror(errno));
    else if (access(files, R_OK | W_OK | X_OK) != 0)
        af_failure_set(why, AF_FAILURE_USAGE, files, "%s", strerror(errno));
    command->serve.files = command->bus.files = files;
    return files;
}

/* ---- Running. ---- */

static void stopped(void *arg)
{
    struct serve_command *command = arg;
    af_loop_stop(command->loop);
}

static void on_signal(void *arg)
{
    struct serve_command *command = arg;
    struct signalfd_siginfo info;
    if (read(command->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo == SIGHUP) {
        af_serve_reload(command->service);
        return;
    }
    if (command->is_stopping) { /* somebody is in a hurry */
        af_loop_stop(command->loop);
        return;
    }
    command->is_stopping = true;
    af_log(AF_LOG_INFO, "serve: ending; what is being answered is finished");
    af_serve_stop(command->service, stopped, command);
}

static int run_loop(struct serve_command *command, struct af_failure *why)
{
    if (af_loop_watch(command->loop, command->signals, false, on_signal, command, why) != 0)
        return -1;
    char *described = af_serve_describe(command->service);
    struct af_buf line = AF_BUF_EMPTY;
    af_buf_printf(&line, "afrun serve: %s", described);
    af_log_start(stdout, "address", af_serve_url(command->service), af_buf_text(&line));
    af_buf_release(&line);
    free(described);
    struct af_notify *notify = af_notify_ready(command->loop);
    af_loop_run(command->loop);
    af_notify_stopping(notify);
    af_loop_unwatch(command->loop, command->signals);
    return 0;
}

static int serve(struct serve_command *command, struct af_failure *why)
{
    struct af_bus *bus = NULL;
    int result = -1;
    af_mem_hold(AF_MEM_HELD_BYTES);
    command->signals = af_loop_signals(); /* a terminal that goes takes no service with it */
    command->loop = af_loop_ev_new(why);
    if (command->loop == NULL)
        return -1;
    bus = af_bus_open(command->serve.bus_name, command->loop, &command->bus, why);
    if (bus != NULL)
        command->service = af_serve_new(command->loop, bus, &command->serve, why);
    if (command->service != NULL)
        result = run_loop(command, why);
    af_bus_close(bus); /* answers all that still waits for it */
    af_serve_free(command->service);
    af_loop_free(command->loop);
    close(command->signals);
    return result;
}

static int run(int argc, char **argv, struct af_failure *why)
{
    struct serve_command command = {
        .serve = {.listen = "127.0.0.1:9080", .bus_name = "local:afrun.db"},
    };
    int others = af_opts_parse(opts, argc, argv, &command, &command.given, why);
    if (others == AF_OPTS_HELP) {
        af_bus_members_release(&command.members);
        return others;
    }
    if (others > 0)
        af_failure_set(why, AF_FAILURE_USAGE, argv[0], "serve takes options only");
    const struct af_opts_file file = {&row, &command, command.given, &command.arena,
                                      &command.config};
    if (why->kind == AF_FAILURE_NONE && command.config_path != NULL)
        af_opts_read_file(command.config_path, &file, why);
    af_log_set_verbosity(command.verbosity);
    char *files = NULL;
    if (why->kind == AF_FAILURE_NONE && check(&command, why) == 0) {
        number_members(&command);
        files = prepare_files(&command, why);
    }
    if (why->kind == AF_FAILURE_NONE)
        serve(&command, why);
    free(files);
    af_bus_members_release(&command.members);
    af_arena_release(&command.arena);
    af_config_release(&command.config);
    return why->kind == AF_FAILURE_NONE ? 0 : -1;
}

const struct af_command af_cmd_serve = {&row, run};
