/* control.c: the socket of a node, for its operator alone: mode 0600, and what it is asked is
 * one line, an object with "cmd"; the answer is one line too, and the connection ends.
 *
 *     {"cmd":"status", "task", "data"}          what status.c tells
 *     {"cmd":"launch", "flow", "task", "role", "peers":["role=id"…], "args":["name=value"…]}
 *                                               {"ok", "asked":true}: it waits for `approve`
 *     {"cmd":"approve", "task", "refuse"}       launches what waits, or has it go
 *     {"cmd":"retry"|"stop", "task"}
 *     {"cmd":"forget", "task"}                  one that has ended, with journal and log
 *     {"cmd":"backup", "file":path}             a copy of the store, while it is used
 *     {"cmd":"support"}                         versions, sizes and status, without contents
 *     {"cmd":"latencies"}                       a model (sim/latency.h) of what came over the bus
 *     {"cmd":"send", "task", "event", "fields":"{…}"}   {"ok", "task", "event", "became"}
 *     {"cmd":"pause"|"resume", "task"}          {"ok", "task", "became"}
 *     {"cmd":"again", "task"}                   {"ok", "count"} of dead letters
 *     {"cmd":"reload", "flow", "dry_run", "restart_waiting", "wait":seconds}
 *     {"cmd":"rollback", …}                     what reload.c did per party
 *     {"cmd":"log", "task", "from":bytes}       {"ok", "text", "next":bytes}; from -N: the last N
 *     {"cmd":"data", "task"}                    {"ok", "task", "state", "data"}
 *     {"cmd":"trace", "task", "from", "at",     {"ok", "lines":[…], "next", "at", "over"}: a piece;
 *      "follow"}                                 from -1: the first. Without "at": {"ok", "lines"},
 * all
 *
 * What goes wrong is {"ok":false, "exit":status, "what", "why"}. */
#include "node/socket.h"

#include "bus/age.h"
#include "bus/latency.h"
#include "base/bounds.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/version.h"
#include "run/journal_trace.h"
#include "json/json.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "base/near.h"
#include "script/request.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Commands. ---- */

typedef void command_fn(struct af_node_connection *connection, const struct af_request *request);

static void refuse_task(const struct af_node *node, const char *task, struct af_failure *why)
{
    struct af_near near;
    if (af_node_ask_find(node, task) != NULL) {
        af_failure_set(why, AF_FAILURE_USAGE, task,
                       "waits to be launched: afrun ctl approve (or --refuse) comes first");
        return;
    }
    af_near_init(&near, task);
    for (const struct af_node_party *party = node->parties; party != NULL; party = party->next)
        af_near_add(&near, party->task);
    af_failure_set(why, AF_FAILURE_USAGE, task, "this node runs no party of such a task%s",
                   af_near_text(&near, "it has"));
    af_near_release(&near);
}

static struct af_node_party *party_of(struct af_node_connection *connection,
                                      const struct af_request *request)
{
    struct af_failure why = AF_FAILURE_INIT;
    const char *task = af_request_string(request, "task");
    struct af_node_party *party = task == NULL ? NULL : af_node_party_find(connection->node, task);
    if (party != NULL)
        return party;
    if (task == NULL)
        af_failure_set(&why, AF_FAILURE_USAGE, "task", "is missing");
    else
        refuse_task(connection->node, task, &why);
    af_node_answer_failure(connection, &why);
    return NULL;
}

static void answer_outcome(struct af_node_connection *connection, int status,
                           const struct af_failure *why)
{
    static const char fine[] = "{\"ok\":true}";
    if (status == 0)
        af_node_answer(connection, fine, sizeof fine - 1);
    else
        af_node_answer_failure(connection, why);
}

struct look {
    struct af_node_connection *connection; /* NULL: it was answered */
    struct af_node *node;
    struct af_timer *timer;
    char *task;
    bool data;
};

static void tell_status(struct look *look, const struct af_bus_cluster *cluster)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_timer_cancel(look->timer);
    look->timer = NULL;
    af_node_status(look->node, look->task, look->data, cluster, &out);
    af_node_answer(look->connection, af_buf_text(&out), out.len);
    look->connection = NULL;
    af_buf_release(&out);
}

/* Nobody waits for servers that hang: then it is as it was seen last. */
static void look_in_time(void *arg)
{
    struct look *look = arg;
    struct af_bus_cluster cluster = look->node->cluster;
    look->timer = NULL;
    snprintf(cluster.cut_off, sizeof cluster.cut_off, "no NATS server answers in time");
    tell_status(look, &cluster);
}

static void looked(void *arg, const struct af_bus_result *result)
{
    struct look *look = arg;
    const struct af_bus_cluster *cluster = result == NULL ? NULL : result->cluster;
    bool ends = result != NULL && result->code == AF_BUS_CANCELLED; /* nobody asks any more */
    if (cluster != NULL && look->task == NULL) {
        look->node->cluster = *cluster;
        look->node->has_cluster = true;
    }
    if (look->connection != NULL && !ends)
        tell_status(look, cluster);
    af_timer_cancel(look->timer);
    free(look->task);
    free(look);
}

static char *copy_of(const struct af_request *request, const char *name)
{
    const char *text = af_request_string(request, name);
    return text == NULL ? NULL : af_mem_string(text);
}

/* Of a cluster, how that is, too. */
static void status(struct af_node_connection *connection, const struct af_request *request)
{
    const char *task = af_request_string(request, "task");
    if (task != NULL && af_node_ask_find(connection->node, task) == NULL &&
        party_of(connection, request) == NULL)
        return;
    struct look *look = af_mem_alloc(sizeof *look);
    *look = (struct look){.connection = connection,
                          .node = connection->node,
                          .task = copy_of(request, "task"),
                          .data = af_request_bool(request, "data")};
    if (af_bus_cluster(look->node->bus, look->task, looked, look))
        look->timer = af_timer_start(look->node->loop, AF_NODE_LOOK_NS, look_in_time, look);
    else
        looked(look, NULL);
}

static void launched(void *arg, bool waits, const struct af_failure *why)
{
    static const char asked[] = "{\"ok\":true,\"asked\":true}";
    struct af_node_connection *connection = arg;
    if (waits && connection->deed != NULL)
        connection->deed = "ask";
    if (waits)
        af_node_answer(connection, asked, sizeof asked - 1);
    else
        answer_outcome(connection, why == NULL ? 0 : -1, why);
}

static void launch(struct af_node_connection *connection, const struct af_request *request)
{
    const struct af_node_launcher launcher = {.asker = {launched, connection}};
    af_node_launch(connection->node, &launcher, request);
}

static void approved(void *arg, bool waits, const struct af_failure *why)
{
    struct af_failure changed = AF_FAILURE_INIT;
    if (waits)
        af_failure_set(&changed, AF_FAILURE_FLOW, "approve",
                       "the flow's files have changed since they were shown: look at what it is "
                       "now (afrun ctl status), and approve that");
    answer_outcome(arg, why == NULL && !waits ? 0 : -1, waits ? &changed : why);
}

static void approve(struct af_node_connection *connection, const struct af_request *request)
{
    struct af_failure why = AF_FAILURE_INIT;
    const char *task = af_request_string(request, "task");
    struct af_node_ask *ask = task == NULL ? NULL : af_node_ask_find(connection->node, task);
    bool refuses = af_request_bool(request, "refuse");
    if (refuses && connection->deed != NULL)
        connection->deed = "refuse";
    if (ask == NULL) {
        af_node_asks_near(connection->node, task == NULL ? "" : task, &why);
        af_node_answer_failure(connection, &why);
        return;
    }
    free(connection->flow);
    connection->flow = af_mem_string(af_node_ask_flow(ask));
    if (refuses)
        answer_outcome(connection, af_node_ask_refuse(connection->node, ask, &why), &why);
    else
        af_node_launch_approved(connection->node, ask,
                                (struct af_node_asker){approved, connection});
}

static void revived(void *arg, const struct af_bus_result *result)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf out = AF_BUF_EMPTY;
    if (result->code == AF_BUS_CANCELLED)
        return; /* the node ends, and nobody asks any more */
    if (result->code == AF_BUS_OK) {
        struct af_bus *bus = ((struct af_node_connection *)arg)->node->bus;
        if (af_bus_older(bus) != NULL) /* its operator has this node go on with it */
            af_bus_set_age(bus, result->age == NULL ? "" : result->age);
        af_buf_printf(&out, "{\"ok\":true,\"count\":%zu}", result->count);
        af_node_answer(arg, af_buf_text(&out), out.len);
    } else {
        af_failure_set(&why, AF_FAILURE_TRANSPORT, "again", "%s", result->why);
        af_node_answer_failure(arg, &why);
    }
    af_buf_release(&out);
}

/* The bus hands out again what the party could not read. */
static void again(struct af_node_connection *connection, const struct af_request *request)
{
    const struct af_node_party *party = party_of(connection, request);
    if (party == NULL)
        return;
    const struct af_bus_take which = {
        .task = party->task, .channel = "federated", .node = connection->node->options->node};
    af_bus_revive(connection->node->bus, &which, revived, connection);
}

static void mended(void *arg, const char *json, const struct af_failure *reload_why)
{
    struct af_node_connection *connection = arg;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_node_party *party = af_node_party_find(connection->node, connection->task);
    (void)json;
    if (reload_why != NULL)
        af_node_answer_failure(connection, reload_why);
    else
        answer_outcome(connection, party == NULL ? -1 : af_node_party_retry(party, &why), &why);
}

/* One that was broken goes on already. */
static void brought_back(void *arg, const char *json, const struct af_failure *why)
{
    (void)json;
    answer_outcome(arg, why == NULL ? 0 : -1, why);
}

/* A flow that was mended is taken first, so that the handler is not the same again. */
static void retry(struct af_node_connection *connection, const struct af_request *request)
{
    struct af_failure why = AF_FAILURE_INIT;
    const struct af_node_reload_how how = {.wait_ns = AF_NODE_RELOAD_WAIT_NS};
    struct af_node_party *party = party_of(connection, request);
    if (party == NULL)
        return;
    bool broken = party->phase == AF_NODE_BROKEN && party->code_refused;
    if (broken ||
        (party->phase == AF_NODE_RUNNING && af_party_held(af_party_run_party(party->run)) != NULL &&
         !af_node_flow_is_current(party->flow) &&
         !af_node_refusal_is_left(connection->node, party->about.file))) {
        af_node_reload(connection->node, party->about.file, &how,
                       (struct af_node_reloader){broken ? brought_back : mended, connection});
        return;
    }
    answer_outcome(connection, af_node_party_retry(party, &why), &why);
}

static void reloaded(void *arg, const char *json, const struct af_failure *why)
{
    if (json != NULL)
        af_node_answer(arg, json, strlen(json));
    else
        af_node_answer_failure(arg, why);
}

static void move_flow(struct af_node_connection *connection, const struct af_request *request,
                      bool back)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_node_reload_how how = {.dry_run = af_request_bool(request, "dry_run"),
                                     .restart_waiting = af_request_bool(request, "restart_waiting"),
                                     .back = back,
                                     .wait_ns = AF_NODE_RELOAD_WAIT_NS};
    const char *flow = af_request_string(request, "flow");
    double wait_s;
    if (af_request_number(request, "wait", &wait_s) && wait_s >= 0 && wait_s < 1e6)
        how.wait_ns = (int64_t)(wait_s * 1e9);
    if (flow == NULL || flow[0] == '\0' || strlen(flow) > AF_BUS_ID_BYTES_MAX) {
        af_failure_set(&why, AF_FAILURE_USAGE, "flow", "is missing, or too long");
        af_node_answer_failure(connection, &why);
        return;
    }
    char *file = af_node_flow_file(flow);
    af_node_reload(connection->node, file, &how, (struct af_node_reloader){reloaded, connection});
    free(file);
}

static void reload(struct af_node_connection *connection, const struct af_request *request)
{
    move_flow(connection, request, false);
}

static void rollback(struct af_node_connection *connection, const struct af_request *request)
{
    move_flow(connection, request, true);
}

static void stop(struct af_node_connection *connection, const struct af_request *request)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_node_party *party = party_of(connection, request);
    if (party != NULL)
        answer_outcome(connection, af_node_party_stop(party, &why), &why);
}

static void forget(struct af_node_connection *connection, const struct af_request *request)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_node_party *party = party_of(connection, request);
    if (party != NULL)
        answer_outcome(connection, af_node_party_forget(party, &why), &why);
}

static void backup(struct af_node_connection *connection, const struct af_request *request)
{
    struct af_failure why = AF_FAILURE_INIT;
    const char *file = af_request_string(request, "file");
    if (file == NULL || file[0] != '/')
        af_failure_set(&why, AF_FAILURE_USAGE, "file", "is missing, or its path is not whole");
    answer_outcome(connection,
                   why.kind == AF_FAILURE_NONE ? af_store_copy(connection->node->store, file, &why)
                                               : -1,
                   &why);
}

static void append_sizes(struct af_buf *out, const char *folder, const char *below)
{
    struct af_buf path = AF_BUF_EMPTY;
    af_buf_printf(&path, "%s/%s", folder, below);
    DIR *dir = opendir(af_buf_text(&path));
    const struct dirent *entry;
    struct stat info;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode))
            continue;
        af_json_open(out, '{');
        af_json_add_text(out, "name", entry->d_name);
        af_json_add_integer(out, "bytes", info.st_size);
        af_json_add_integer(out, "changed", info.st_mtime);
        af_buf_append_char(out, '}');
    }
    if (dir != NULL)
        closedir(dir);
    af_buf_release(&path);
}

/* What somebody needs who is asked for help: no contents of events, data or logs. */
static void support(struct af_node_connection *connection, const struct af_request *request)
{
    struct af_node *node = connection->node;
    struct af_buf out = AF_BUF_EMPTY;
    (void)request;
    af_buf_append_string(&out, "{\"ok\":true");
    af_json_add_text(&out, "version", AF_VERSION);
    af_json_add_integer(&out, "resident_bytes", (int64_t)af_metrics_resident_bytes());
    af_buf_append_string(&out, ",\"files\":[");
    append_sizes(&out, node->options->state, ".");
    append_sizes(&out, node->options->state, "logs");
    af_buf_append_string(&out, "],\"status\":");
    af_node_status(node, NULL, false, node->has_cluster ? &node->cluster : NULL, &out);
    af_buf_append_char(&out, '}');
    af_node_answer(connection, af_buf_text(&out), out.len);
    af_buf_release(&out);
}

/* A model for simulations: how long contracts were on their way to this node. */
static void latencies(struct af_node_connection *connection, const struct af_request *request)
{
    struct af_node *node = connection->node;
    struct af_buf out = AF_BUF_EMPTY;
    (void)request;
    af_buf_append_string(&out, "{\"ok\":true");
    af_bus_tell_latencies(node->bus, node->options->node, &out);
    af_buf_append_char(&out, '}');
    af_node_answer(connection, af_buf_text(&out), out.len);
    af_buf_release(&out);
}

static void send_event(struct af_node_connection *connection, const struct af_request *request)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_node_party *party = party_of(connection, request);
    const char *event = af_request_string(request, "event");
    const char *fields = af_request_string(request, "fields");
    if (party == NULL)
        return;
    if (event == NULL) {
        af_failure_set(&why, AF_FAILURE_USAGE, "event", "is missing");
        af_node_answer_failure(connection, &why);
    } else {
        af_node_hand_send(party, connection, event, fields == NULL ? "{}" : fields);
    }
}

static void pause_party(struct af_node_connection *connection, const struct af_request *request)
{
    struct af_node_party *party = party_of(connection, request);
    if (party != NULL)
        af_node_hand_pause(party, connection, true);
}

static void resume_party(struct af_node_connection *connection, const struct af_request *request)
{
    struct af_node_party *party = party_of(connection, request);
    if (party != NULL)
        af_node_hand_pause(party, connection, false);
}

/* A piece of a log; one that has begun anew meanwhile is read from its start. */
static void log_piece(struct af_node_connection *connection, const struct af_request *request)
{
    struct af_node_party *party = party_of(connection, request);
    struct af_buf out = AF_BUF_EMPTY;
    char piece[65536];
    int64_t from = 0;
    struct stat info;
    if (party == NULL)
        return;
    af_request_integer(request, "from", &from);
    char *path = af_node_log_path(connection->node, party->task);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t len = 0;
    if (fd >= 0 && fstat(fd, &info) == 0) {
        bool is_tail = from < 0 && from > -info.st_size;
        from = is_tail ? info.st_size + from : from < 0 || from > info.st_size ? 0 : from;
        len = pread(fd, piece, sizeof piece, from);
        const char *line = is_tail && len > 0 ? memchr(piece, '\n', (size_t)len) : NULL;
        if (line != NULL) { /* whole lines here as well */
            from += line + 1 - piece;
            len -= line + 1 - piece;
            memmove(piece, line + 1, (size_t)len);
        }
    }
    if (len == (ssize_t)sizeof piece) /* whole lines, so that no character is cut */
        while (len > 0 && piece[len - 1] != '\n')
            len--;
    af_buf_append_string(&out, "{\"ok\":true,\"text\":");
    if (len <= 0 || !af_json_write_string(&out, piece, (size_t)len))
        af_buf_append_string(&out, "\"\"");
    af_buf_printf(&out, ",\"next\":%lld}", (long long)(from + (len > 0 ? len : 0)));
    af_node_answer(connection, af_buf_text(&out), out.len);
    if (fd >= 0)
        close(fd);
    af_buf_release(&out);
    free(path);
}

static void add_line(void *arg, const char *line, size_t len)
{
    struct af_buf *out = arg;
    if (out->data[out->len - 1] != '[')
        af_buf_append_char(out, ',');
    af_buf_append(out, line, len);
}

enum { TRACE_PIECE = 200 }; /* steps */

static void trace(struct af_node_connection *connection, const struct af_request *request)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_node_party *party = party_of(connection, request);
    struct af_buf out = AF_BUF_EMPTY;
    struct af_journal_place place = {.seq = -1, .stays = af_request_bool(request, "follow")};
    bool is_piece = af_request_integer(request, "at", &place.t_ns);
    if (party == NULL)
        return;
    if (is_piece)
        af_request_integer(request, "from", &place.seq);
    af_buf_append_string(&out, "{\"ok\":true,\"lines\":[");
    if (af_journal_trace(connection->node->store, &party->kept, &party->about, &place,
                         is_piece ? TRACE_PIECE : INT64_MAX, add_line, &out, &why) != 0) {
        af_node_answer_failure(connection, &why);
    } else {
        af_buf_append_char(&out, ']');
        if (is_piece)
            af_buf_printf(&out, ",\"next\":%lld,\"at\":%lld,\"over\":%s", (long long)place.seq,
                          (long long)place.t_ns, place.is_over ? "true" : "false");
        af_buf_append_char(&out, '}');
        af_node_answer(connection, af_buf_text(&out), out.len);
    }
    af_buf_release(&out);
}

static void data(struct af_node_connection *connection, const struct af_request *request)
{
    struct af_node_party *party = party_of(connection, request);
    struct af_buf out = AF_BUF_EMPTY;
    if (party == NULL)
        return;
    af_node_party_data(party, &out);
    af_node_answer(connection, af_buf_text(&out), out.len);
    af_buf_release(&out);
}

static const struct {
    const char *name;
    command_fn *run;
    bool is_audited;
} commands[] = {
    {"status", status, false},  {"launch", launch, true},        {"retry", retry, true},
    {"stop", stop, true},       {"log", log_piece, false},       {"trace", trace, true},
    {"reload", reload, true},   {"rollback", rollback, true},    {"again", again, true},
    {"send", send_event, true}, {"pause", pause_party, true},    {"resume", resume_party, true},
    {"forget", forget, true},   {"backup", backup, true},        {"support", support, true},
    {"approve", approve, true}, {"latencies", latencies, false}, {"data", data, true},
};

/* Whether it may be done: what cannot be logged may not. */
static bool note_deed(struct af_node_connection *connection, const char *name,
                      const struct af_request *request, struct af_failure *why)
{
    if (!af_node_audit_is_ready(connection->node, why))
        return false;
    af_node_audit_user(connection->fd, connection->who);
    connection->deed = name;
    connection->task = copy_of(request, "task");
    connection->flow = copy_of(request, "flow");
    return true;
}

static void take_request(struct af_node_connection *connection, size_t len)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_request request;
    const char *name = NULL;
    connection->asked = true;
    if (af_request_read(&request, connection->in.data, len) && af_request_cut(&request) == NULL)
        name = af_request_string(&request, "cmd");
    size_t i = 0, count = sizeof commands / sizeof commands[0];
    while (name != NULL && i < count && strcmp(commands[i].name, name) != 0)
        i++;
    if (name == NULL || i == count)
        af_failure_set(&why, AF_FAILURE_USAGE, "cmd",
                       "expected an object with a known command, no zero byte in it");
    else if (!commands[i].is_audited || note_deed(connection, commands[i].name, &request, &why))
        commands[i].run(connection, &request);
    if (why.kind != AF_FAILURE_NONE)
        af_node_answer_failure(connection, &why);
    af_request_release(&request);
}

int af_node_control_open(struct af_node *node, struct af_failure *why)
{
    return af_node_socket_open(node, take_request, why);
}
