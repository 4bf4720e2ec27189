/* run_options.c: see run_options.h. */
#include "cli/run_options.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "cli/schedule.h"
#include "base/io.h"
#include "json/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void af_run_options_init(struct af_run_options *options)
{
    memset(options, 0, sizeof *options);
    options->sim.seed = 1;
    options->sim.until_ns = 24 * 3600 * AF_S_NS;
    options->runs = 1;
    af_fault_options_init(&options->sim.faults);
}

void af_run_options_release(struct af_run_options *options)
{
    af_script_args_release(&options->args);
    free(options->sim.parties);
    free(options->flows);
    af_opts_counts_release(&options->parties);
    af_fault_options_release(&options->sim.faults);
    free(options->sim.upgrade);
    af_schedule_release(&options->schedule);
    af_bus_members_release(&options->peers);
    af_grants_release(&options->sim.grants);
    af_buf_release(&options->recorded);
}

/* Notes an option that decides the run, for the trace's header. */
static void record(void *target, const char *name, const char *value)
{
    struct af_run_options *options = target;
    struct af_buf word = AF_BUF_EMPTY;
    af_buf_printf(&word, value == NULL ? "--%s" : "--%s=%s", name, value);
    af_buf_append_char(&options->recorded, options->recorded.len == 0 ? '[' : ',');
    if (!af_json_write_string(&options->recorded, word.data, word.len))
        af_buf_append_string(&options->recorded, "\"\"");
    af_buf_release(&word);
}

/* ---- What is more than a value. ---- */

#define OF struct af_run_options
#define OPTIONS(target) ((struct af_run_options *)(target))
#define SIM(target) (&OPTIONS(target)->sim)

static int set_parties(void *target, const char *value, struct af_failure *why)
{
    return af_opts_counts(value, 0, AF_PARTIES_MAX, &OPTIONS(target)->parties, why);
}

static int set_latency(void *target, const char *value, struct af_failure *why)
{
    struct af_fault_options *faults = &SIM(target)->faults;
    return af_opts_duration_range(value, &faults->latency_min_ns, &faults->latency_max_ns, why);
}

static bool is_model(const char *value)
{
    return value[strspn(value, " \t\r\n")] == '{';
}

/* Whole or not at all: *text holds what the file says, or the value itself. */
static int read_model(const char *value, struct af_buf *text, struct af_failure *why)
{
    int fd = is_model(value) ? -1 : open(value, O_RDONLY | O_CLOEXEC);
    if (is_model(value))
        af_buf_append_string(text, value);
    else if (fd < 0)
        af_failure_set(why, AF_FAILURE_USAGE, "", "'%s' cannot be read: %s", value,
                       strerror(errno));
    else if (!af_io_read_all(fd, text, AF_LATENCY_FILE_BYTES_MAX))
        af_failure_set(why, AF_FAILURE_USAGE, "", "'%s' cannot be read, or is too large", value);
    while (text->len > 0 && strchr(" \t\r\n", text->data[text->len - 1]) != NULL)
        text->data[--text->len] = '\0';
    if (fd >= 0)
        close(fd);
    return why->kind == AF_FAILURE_NONE ? 0 : -1;
}

static int set_latency_model(void *target, const char *value, struct af_failure *why)
{
    struct af_fault_options *faults = &SIM(target)->faults;
    struct af_buf text = AF_BUF_EMPTY;
    af_latency_model_free(faults->latencies);
    faults->latencies = NULL;
    if (read_model(value, &text, why) == 0)
        faults->latencies = af_latency_model_read(text.data, text.len, why);
    af_buf_release(&text);
    return faults->latencies == NULL ? -1 : 0;
}

/* In the trace stands the model itself, not where it is. */
static void record_model(void *target, const char *name, const char *value)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf text = AF_BUF_EMPTY;
    if (read_model(value, &text, &why) == 0)
        record(target, name, af_buf_text(&text));
    af_buf_release(&text);
}

static struct af_role_fault *add_fault(void *target, enum af_fault kind)
{
    struct af_fault_wish *wish = &SIM(target)->faults.wishes[kind];
    wish->roles = af_mem_grow(wish->roles, (wish->role_count + 1) * sizeof *wish->roles);
    struct af_role_fault *fault = &wish->roles[wish->role_count++];
    *fault = (struct af_role_fault){NULL, 0, 0, -1};
    return fault;
}

static int set_crash(void *target, const char *value, struct af_failure *why)
{
    struct af_role_fault *fault = add_fault(target, AF_FAULT_CRASH);
    return af_opts_role_probability(value, &fault->role, &fault->probability, why);
}

static int set_down(void *target, const char *value, struct af_failure *why)
{
    struct af_fault_options *faults = &SIM(target)->faults;
    return af_opts_duration_range(value, &faults->down_min_ns, &faults->down_max_ns, why);
}

static int set_lose(void *target, const char *value, struct af_failure *why)
{
    const char *colon = strchr(value, ':');
    const char *at = strchr(value, '@');
    int64_t count;
    if (colon == NULL || colon == value || (at != NULL && at < colon))
        return af_failure_set(why, AF_FAILURE_USAGE, "", "expected role:N or role:N@T, got '%s'",
                              value);
    struct af_role_fault *fault = add_fault(target, AF_FAULT_LOSE);
    fault->role = af_mem_copy(value, (size_t)(colon - value));
    size_t digits = at == NULL ? strlen(colon + 1) : (size_t)(at - colon - 1);
    char *number = af_mem_copy(colon + 1, digits);
    int result = af_opts_integer(number, 0, AF_PARTIES_MAX, &count, why);
    free(number);
    if (result != 0)
        return -1;
    fault->count = (uint64_t)count;
    return at == NULL ? 0 : af_opts_duration(at + 1, &fault->at_ns, why);
}

/* A span of all, or "role=span,role=span". */
static int add_spans(const char *value, struct af_role_span **spans, size_t *count,
                     int (*read)(const char *text, struct af_role_span *span,
                                 struct af_failure *why),
                     struct af_failure *why)
{
    int result = 0;
    while (result == 0) {
        size_t len = strcspn(value, ",");
        const char *equals = memchr(value, '=', len);
        *spans = af_mem_grow(*spans, (*count + 1) * sizeof **spans);
        struct af_role_span *span = &(*spans)[(*count)++];
        *span = (struct af_role_span){NULL, 0, 0};
        const char *from = equals == NULL ? value : equals + 1;
        char *text = af_mem_copy(from, len - (size_t)(from - value));
        if (equals != NULL)
            span->role = af_mem_copy(value, (size_t)(equals - value));
        result = read(text, span, why);
        free(text);
        if (value[len] == '\0')
            break;
        value += len + 1;
    }
    return result;
}

static int read_work(const char *text, struct af_role_span *span, struct af_failure *why)
{
    return af_opts_duration_range(text, &span->low, &span->high, why);
}

static int read_rate(const char *text, struct af_role_span *span, struct af_failure *why)
{
    return af_opts_size(text, 1, AF_SIM_RATE_MAX, &span->low, why);
}

static int set_work(void *target, const char *value, struct af_failure *why)
{
    struct af_fault_options *faults = &SIM(target)->faults;
    return add_spans(value, &faults->works, &faults->work_count, read_work, why);
}

static int set_bandwidth(void *target, const char *value, struct af_failure *why)
{
    struct af_fault_options *faults = &SIM(target)->faults;
    return add_spans(value, &faults->rates, &faults->rate_count, read_rate, why);
}

/* Where @T begins in FLOW2.lua[@T]; NULL: nowhere, what has an @ is a folder's or the file's name.
 */
static const char *find_moment(const char *value)
{
    const char *slash = strrchr(value, '/'), *at = strrchr(value, '@');
    size_t len = strlen(value);
    bool names = len > 4 && strcmp(value + len - 4, ".lua") == 0;
    return names || (slash != NULL && at < slash) ? NULL : at;
}

/* A trace names files, not paths. */
static int set_upgrade(void *target, const char *value, struct af_failure *why)
{
    struct af_sim_options *sim = SIM(target);
    const char *slash = strrchr(value, '/'), *at = find_moment(value);
    record(target, "upgrade", slash == NULL ? value : slash + 1);
    free(sim->upgrade);
    sim->upgrade = af_mem_copy(value, at == NULL ? strlen(value) : (size_t)(at - value));
    sim->upgrade_ns = -1;
    if (sim->upgrade[0] == '\0')
        return af_failure_set(why, AF_FAILURE_USAGE, "", "expected FLOW.lua or FLOW.lua@T");
    return at == NULL ? 0 : af_opts_duration(at + 1, &sim->upgrade_ns, why);
}

static int set_schedule(void *target, const char *value, struct af_failure *why)
{
    struct af_run_options *options = target;
    options->sim.schedule = &options->schedule;
    af_schedule_release(&options->schedule);
    return af_schedule_option(&options->schedule, value, why);
}

/* Takes the groups of 'a,b|c' apart. */
static int read_groups(struct af_partition *partition, char *text, struct af_failure *why)
{
    unsigned group = 0;
    size_t cap = 0, group_cap = 0;
    char *save_group = NULL;
    for (char *part = strtok_r(text, "|", &save_group); part != NULL;
         part = strtok_r(NULL, "|", &save_group), group++) {
        char *save_node = NULL;
        size_t count_before = partition->node_count;
        for (char *node = strtok_r(part, ",", &save_node); node != NULL;
             node = strtok_r(NULL, ",", &save_node)) {
            af_mem_reserve(&partition->nodes, &cap, partition->node_count + 1, sizeof(char *));
            af_mem_reserve(&partition->groups, &group_cap, partition->node_count + 1,
                           sizeof(unsigned));
            partition->nodes[partition->node_count] = af_mem_string(node);
            partition->groups[partition->node_count++] = group;
        }
        if (partition->node_count == count_before)
            return af_failure_set(why, AF_FAILURE_USAGE, "", "a group without nodes, '%s'", part);
    }
    if (group < 2 || group > 200)
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "expected groups of nodes such as 'a,b|c@5s..20s', got %u group%s",
                              group, group == 1 ? "" : "s");
    return 0;
}

static int set_partition(void *target, const char *value, struct af_failure *why)
{
    struct af_fault_options *faults = &SIM(target)->faults;
    if (strncmp(value, "random:", 7) == 0)
        return af_opts_probability(value + 7, &faults->random_partition, why);
    const char *at = strrchr(value, '@');
    if (at == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "expected 'a,b|c@5s..20s' or random:P, got '%s'", value);
    faults->partitions =
        af_mem_grow(faults->partitions, (faults->partition_count + 1) * sizeof *faults->partitions);
    struct af_partition *partition = &faults->partitions[faults->partition_count++];
    memset(partition, 0, sizeof *partition);
    partition->text = af_mem_string(value);
    char *groups = af_mem_copy(value, (size_t)(at - value));
    int result = read_groups(partition, groups, why);
    free(groups);
    if (result == 0)
        result = af_opts_duration_range(at + 1, &partition->from_ns, &partition->until_ns, why);
    return result;
}

const struct af_opt af_run_opts[] = {
    {"mock", 0, NULL, "all parties in this process, on a virtual clock", "Run",
     AF_OPT_FLAG(OF, mock)},
    {"parties", 0, "ROLE=N,…", "how many of each role (default: as the flow says)", "Run",
     .set = set_parties, .note = record},
    {"arg", 0, "NAME=VALUE", "an argument of the flow: strings as they are, the rest as JSON",
     "Run", AF_OPT_READ(OF, args, af_opts_add_arg), .note = record},
    {"seed", 0, "S", "the run's only source of chance (default 1)", "Run",
     AF_OPT_COUNT(OF, sim.seed, 0, INT64_MAX)},
    {"runs", 0, "N", "N runs, with the seeds S, S+1, … on all cores", "Run",
     AF_OPT_COUNT(OF, runs, 1, AF_SIM_RUNS_MAX)},
    {"watch", 0, NULL, "with --mock: run again at each save of the flow or a module; Ctrl-C ends",
     "Run", AF_OPT_FLAG(OF, watch)},
    {"until", 0, "T", "stop after this virtual time (default 24h)", "Run",
     AF_OPT_DURATION(OF, sim.until_ns, 0), .note = record},
    {"schedule", 0, "SCHEDULE",
     "follow these steps, and draw nothing: a JSON list, as in the header of a counterexample's "
     "trace, a file with one, or such a trace (-: standard input)",
     "Run", .set = set_schedule, .excludes = "runs"},
    {"allow-fail", 0, NULL,
     "af.fail is an outcome, not a failure of the run (the default where a fault is allowed)",
     "Run", AF_OPT_FLAG(OF, sim.allow_fail), .note = record},
    {"bus", 0, "URL",
     "be one party for real: local:FILE, http[s]://HOST:PORT, nats://HOST:PORT or tls://HOST:PORT",
     "For real", AF_OPT_TEXT(OF, bus)},
    {"role", 0, "ROLE", "the party's role", "For real", AF_OPT_ID(OF, role)},
    {"node", 0, "ID", "the node that we are", "For real", AF_OPT_ID(OF, node)},
    {"task", 0, "ID", "the task", "For real", AF_OPT_ID(OF, task)},
    {"peers", 0, "ROLE=ID,ID;ROLE=ID",
     "the task's nodes and their roles (default: as the bus lists them)", "For real",
     AF_OPT_READ(OF, peers, af_opts_add_members)},
    {"state", 0, "FILE",
     "keep the party in FILE (SQLite): the same command goes on after a crash or Ctrl-C",
     "For real", AF_OPT_TEXT(OF, state)},
    {"config", 0, "FILE",
     "token, CA, client certificate and key, login (default: $AFRUN_CONFIG); never on the command "
     "line",
     "For real", AF_OPT_TEXT(OF, config_path)},
    {"shared", 0, "FILE",
     "with --mock: share the mock contexts of a script with other processes through FILE, in real "
     "time (default: $AFRUN_MOCK)",
     "For real", AF_OPT_TEXT(OF, shared)},
    {"latency", 0, "A..B", "delay of each message (default 1ms..10ms; messages overtake)", "Faults",
     .set = set_latency, .note = record},
    {"latency-model", 0, "FILE",
     "delays by link, drawn as they were measured (afrun ctl latencies); --latency is for links "
     "that it has not",
     "Faults", .set = set_latency_model, .note = record_model},
    {"work", 0, "[ROLE=]A..B,…",
     "how long a program takes (af.process.run), of a role or of all (default: no time)", "Faults",
     .set = set_work, .note = record},
    {"bandwidth", 0, "[ROLE=]RATE,…",
     "bytes a second that a file takes up or down, such as 10M (default: no time)", "Faults",
     .set = set_bandwidth, .note = record},
    {"fifo", 0, NULL, "keep the order of each sender and receiver", "Faults",
     AF_OPT_FLAG(OF, sim.faults.fifo), .note = record},
    {"drop", 0, "P", "lose each message with probability P", "Faults",
     AF_OPT_PROBABILITY(OF, sim.faults.wishes[AF_FAULT_DROP].probability), .note = record},
    {"duplicate", 0, "P", "deliver each message twice with probability P", "Faults",
     AF_OPT_PROBABILITY(OF, sim.faults.wishes[AF_FAULT_DUPLICATE].probability), .note = record},
    {"crash", 0, "ROLE:P", "a party of the role crashes before an event, with probability P",
     "Faults", .set = set_crash, .note = record},
    {"down", 0, "A..B", "how long it is down then (default 10ms..60s)", "Faults", .set = set_down,
     .note = record},
    {"lose", 0, "ROLE:N[@T]",
     "N parties of the role, drawn by the seed, vanish for good (at T, or at an early moment drawn "
     "by "
     "the seed)",
     "Faults", .set = set_lose, .note = record},
    {"partition", 0, "'A,B|C@T..U'",
     "cut nodes or roles off from each other from T to U; random:P cuts at random, before a "
     "message "
     "with probability P, as long as --down says",
     "Faults", .set = set_partition, .note = record},
    {"upgrade", 0, "FLOW2[@T]",
     "reload each party to this version of the flow while the run goes on, one after the other "
     "around T; without T the order, when, and how fast are drawn by the seed",
     "Faults", .set = set_upgrade},
    {"trace", 0, "FILE",
     "write the run as JSON Lines, for `afrun chart` and `afrun replay` (-: standard output)",
     "Output", AF_OPT_TEXT(OF, trace_path)},
    {"trace-data", 0, NULL, "with all of the parties' data, not only a hash", "Output",
     AF_OPT_FLAG(OF, trace_data), .note = record},
    {"json", 0, NULL, "tell the result as one JSON object", "Output", AF_OPT_FLAG(OF, json)},
    {"quiet", 'q', NULL, "no logs of the parties", "Output", AF_OPT_CONSTANT(OF, verbosity, -1),
     .excludes = "verbose"},
    {"verbose", 'v', NULL, "tracebacks, and more", "Output", AF_OPT_CONSTANT(OF, verbosity, 1)},
    {"color", 0, "auto|always|never", "colours (default: on a terminal)", "Output", AF_OPT_COLOR},
    {"log", 0, "text|json", "messages as text (default) or lines of JSON", "Output", AF_OPT_LOG},
    {"allow-read", 0, "DIR", "scripts may read files below DIR too", "Grants",
     AF_OPT_READ(OF, sim.grants, af_opts_grant_read)},
    {"allow-write", 0, "DIR", "scripts may write files below DIR too", "Grants",
     AF_OPT_READ(OF, sim.grants, af_opts_grant_write)},
    {"allow-net", 0, "HOST[:PORT]", "scripts may download from HOST", "Grants",
     AF_OPT_READ(OF, sim.grants, af_opts_grant_host)},
    {"allow-run", 0, "PROGRAM", "scripts may run PROGRAM: a path, or a name found in PATH",
     "Grants", AF_OPT_READ(OF, sim.grants, af_opts_grant_program)},
    AF_JAILED_OPTS("Grants"),
    {"help", 'h', NULL, "show this", "Output", AF_OPT_FLAG(OF, help)},
    {0},
};

void af_run_options_jail(const struct af_run_options *options, struct af_jailed_spec *jail)
{
    *jail = (struct af_jailed_spec){
        .flows = options->flows, .flow_count = options->flow_count, .grants = &options->sim.grants};
}

int af_run_options_finish(struct af_run_options *options, char **files, int file_count,
                          struct af_failure *why)
{
    struct af_sim_options *sim = &options->sim;
    sim->paths = (const char **)files;
    sim->path_count = (size_t)file_count;
    options->flows = af_mem_zero((size_t)file_count + 1, sizeof *options->flows);
    for (int i = 0; i < file_count; i++)
        options->flows[options->flow_count++] = files[i];
    if (sim->upgrade != NULL)
        options->flows[options->flow_count++] = sim->upgrade;
    sim->args = options->args.items;
    sim->arg_count = options->args.count;
    sim->parties = af_mem_zero(options->parties.count, sizeof *sim->parties);
    sim->party_count = options->parties.count;
    for (size_t i = 0; i < sim->party_count; i++)
        sim->parties[i] =
            (struct af_sim_count){options->parties.items[i].name, options->parties.items[i].count};
    if (af_file_access_grant(&sim->grants.files, 0, ".", why) != 0 ||
        af_file_access_grant(&sim->grants.files, 1, ".", why) != 0)
        return -1;
    if (options->recorded.len == 0)
        af_buf_append_char(&options->recorded, '[');
    af_buf_append_char(&options->recorded, ']');
    sim->recorded = af_buf_text(&options->recorded);
    if (options->runs > 1 && options->trace_path != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "--trace",
                              "traces one run; with --runs, trace the failing seed afterwards");
    if (sim->seed > (uint64_t)(INT64_MAX - (options->runs - 1))) /* the last one is a seed too */
        return af_failure_set(why, AF_FAILURE_USAGE, "--seed", "the seeds of --runs overflow");
    return 0;
}
