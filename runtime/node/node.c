/* node.c: see node.h. */
#include "node/impl.h"

#include "audit/audit.h"
#include "base/bounds.h"
#include "worker/group.h"
#include "worker/jail.h"
#include "base/log.h"
#include "http/server.h"
#include "loop/loop.h"
#include "loop/notify.h"
#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Folders. ---- */

static int make_folder(const char *path, struct af_failure *why)
{
    struct stat info;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "cannot be made: %s", strerror(errno));
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return af_failure_set(why, AF_FAILURE_USAGE, path, "is no folder");
    if (info.st_uid != geteuid())
        return af_failure_set(why, AF_FAILURE_USAGE, path,
                              "is another user's folder; what parties keep stands in one's own");
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, path,
                              "may be written by others; what parties keep stands in one's own: "
                              "chmod 700 it");
    return 0;
}

static int prepare(const struct af_node_options *options, struct af_failure *why)
{
    struct stat info;
    struct af_buf logs = AF_BUF_EMPTY;
    if (stat(options->flows, &info) != 0 || !S_ISDIR(info.st_mode))
        return af_failure_set(why, AF_FAILURE_USAGE, options->flows, "is no folder of flows");
    af_buf_printf(&logs, "%s/logs", options->state);
    int result = make_folder(options->state, why);
    if (result == 0)
        result = make_folder(af_buf_text(&logs), why);
    af_buf_release(&logs);
    return result;
}

/* ---- The store. ---- */

static void store_trouble(void *arg, const char *why)
{
    struct af_node *node = arg;
    free(node->store_trouble);
    node->store_trouble = why == NULL ? NULL : af_mem_string(why);
    if (why != NULL)
        af_log(AF_LOG_ERROR,
               "what happens cannot be kept: %s; nothing is lost, parties wait, it is "
               "tried again every second",
               why);
    else
        af_log(AF_LOG_INFO, "what happens can be kept again");
}

static int open_store(struct af_node *node, struct af_failure *why)
{
    struct af_buf path = AF_BUF_EMPTY;
    struct af_store_options options = {.journal_bytes = node->options->journal_bytes,
                                       .journal_age_ns = node->options->journal_age_ns,
                                       .key = node->options->key,
                                       .trouble = store_trouble,
                                       .arg = node};
    af_buf_printf(&path, "%s/node.db", node->options->state);
    int tries = 0;
    do
        node->store = af_store_open(af_buf_text(&path), node->loop, &options, why);
    while (node->store == NULL && why->passing && af_node_start_again(tries++, why));
    af_buf_release(&path);
    return node->store == NULL ? -1 : 0;
}

/* ---- Ending. ----
 *
 * What was published is confirmed, what was taken acknowledged or handed back, before it ends: as
 * far as the bus answers, and in AF_NODE_DRAIN_NS. What is left is as after a kill. */

static void has_left(void *arg)
{
    struct af_node_party *party = arg;
    party->left = true;
}

/* Whether there is something of it to wait for. */
static bool drain_party(struct af_node_party *party)
{
    if (party->run == NULL || party->left || party->trouble != NULL)
        return false;
    if (party->phase == AF_NODE_RUNNING && !party->leaves && af_party_run_is_settled(party->run)) {
        party->leaves = true;
        af_party_run_leave(party->run, has_left, party);
    }
    return true;
}

static void drain(void *arg)
{
    struct af_node *node = arg;
    bool waits = false;
    node->drain = NULL;
    for (struct af_node_party *at = node->parties; at != NULL; at = at->next)
        waits = drain_party(at) || waits;
    if (waits && af_loop_now_ns(node->loop) < node->stop_by_ns)
        node->drain = af_timer_start(node->loop, 5 * AF_MS_NS, drain, node);
    else
        af_loop_stop(node->loop);
}

static void begin_to_end(struct af_node *node)
{
    if (node->stopping) { /* told twice */
        af_loop_stop(node->loop);
        return;
    }
    af_log(AF_LOG_INFO, "node: ending; its parties are kept");
    node->stopping = true;
    node->stop_by_ns = af_loop_now_ns(node->loop) + AF_NODE_DRAIN_NS;
    af_node_reload_end(node);
    for (struct af_node_party *at = node->parties; at != NULL; at = at->next)
        if (at->run != NULL)
            af_party_run_pause(at->run, true);
    drain(node);
}

/* ---- Signals. ---- */

static void on_signal(void *arg)
{
    struct af_node *node = arg;
    struct signalfd_siginfo info;
    if (read(node->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo == SIGHUP) {
        af_node_watch_ask(node);
        af_node_launches_ask(node);
        return;
    }
    begin_to_end(node);
}

static int take_signals(struct af_node *node, struct af_failure *why)
{
    node->signals = af_loop_signals();
    return af_loop_watch(node->loop, node->signals, false, on_signal, node, why);
}

/* ---- Life. ---- */

/* Where no cgroup counts what workers take there are their other limits, which is told. */
static void begin_groups(const struct af_node_options *options)
{
    char why[AF_FAILURE_TEXT_MAX];
    if (af_worker_group_begin(why, sizeof why))
        af_log(AF_LOG_DEBUG, "memory: the cgroup of each worker lets it take %lld MiB",
               (long long)(options->memory_bytes >> 20));
    else
        af_log(AF_LOG_DEBUG,
               "memory: no cgroup for workers (%s): each has %lld MiB of addresses instead "
               "(RLIMIT_AS), and %u memory files",
               why, (long long)(AF_WORKER_ADDRESS_BYTES >> 20), AF_WORKER_DESCRIPTORS);
}

/* Goes on with who waited for a flow: launches, parties that the store holds, a reload. */
static void flow_came(struct af_node_flow *flow, const struct af_failure *why)
{
    for (struct af_node_party *at = flow->node->parties, *next; at != NULL; at = next) {
        next = at->next;
        if (at->flow != flow || at->phase != AF_NODE_LOADING)
            continue;
        if (at->kept.id == 0)
            af_node_launch_loaded(at, why);
        else
            af_node_party_loaded(at, why);
    }
    af_node_reload_loaded(flow, why);
}

static int open_all(struct af_node *node, struct af_failure *why)
{
    const struct af_node_options *options = node->options;
    struct af_buf age = AF_BUF_EMPTY;
    if (prepare(options, why) != 0)
        return -1;
    begin_groups(options);
    node->flow_came = flow_came;
    node->look = af_node_watch_look;
    node->loop = af_loop_ev_new(why);
    if (node->loop == NULL || take_signals(node, why) != 0 || open_store(node, why) != 0)
        return -1;
    if (options->audit != NULL && (node->audit = af_audit_open(options->audit, why)) == NULL)
        return -1;
    node->began_ns = af_loop_wall_ns(node->loop);
    af_buf_printf(&age, "%s/bus.age", options->state);
    const struct af_bus_options bus = {.node = options->node,
                                       .party = true,
                                       .open_tasks = true,
                                       .config = options->config,
                                       .age = af_buf_text(&age)};
    node->bus = af_bus_open(options->bus, node->loop, &bus, why);
    af_buf_release(&age);
    if (node->bus == NULL || af_node_control_open(node, why) != 0 ||
        af_node_metrics_open(node, why) != 0 || af_node_ui_begin(node, why) != 0)
        return -1;
    if (af_node_launches_begin(node, why) != 0 || af_node_resume(node, why) != 0 ||
        af_node_asks_begin(node, why) != 0)
        return -1;
    af_node_offers_begin(node);
    return af_node_watch_begin(node, why);
}

static void release(struct af_node *node)
{
    af_timer_cancel(node->drain);
    af_node_socket_close(node);
    af_http_server_free(node->metrics);
    af_node_watch_free(node);
    af_node_reload_free(node);
    while (node->parties != NULL)
        af_node_party_free(node->parties);
    if (node->loop != NULL)
        af_node_flows_free(node);
    af_worker_group_close();
    af_store_close(node->store);
    af_bus_close(node->bus);
    af_node_offers_free(node); /* what it asked of the bus has ended */
    af_node_asks_free(node);
    af_node_launches_free(node);
    af_node_ui_free(node);
    if (node->loop != NULL && node->signals >= 0)
        af_loop_unwatch(node->loop, node->signals);
    if (node->signals >= 0)
        close(node->signals);
    af_loop_free(node->loop);
    af_audit_close(node->audit);
    free(node->store_trouble);
}

int af_node_run(const struct af_node_options *options, struct af_failure *why)
{
    struct af_node node = {.options = options, .signals = -1};
    node.parties_end = &node.parties;
    int result = open_all(&node, why);
    if (result == 0) {
        size_t count = 0, keys = options->trust.count;
        for (const struct af_node_party *at = node.parties; at != NULL; at = at->next)
            count += at->phase != AF_NODE_ENDED;
        struct af_buf line = AF_BUF_EMPTY;
        af_buf_printf(
            &line,
            "afrun node: node %s, over %s, %sflows of %s; goes on with %zu part%s; workers are "
            "%s",
            options->node, options->bus, keys > 0 ? "signed " : "", options->flows, count,
            count == 1 ? "y" : "ies",
            options->no_jail       ? "NOT jailed"
            : af_jail_has_filter() ? "jailed"
                                   : "limited but not filtered (a build for sanitizers)");
        af_log_start(stdout, "node", options->node, af_buf_text(&line));
        if (node.metrics != NULL) {
            af_buf_clear(&line);
            af_buf_printf(&line, "afrun node: metrics at %s/metrics",
                          af_http_server_url(node.metrics));
            af_log_start(stdout, "address", af_http_server_url(node.metrics), af_buf_text(&line));
        }
        if (node.ui != NULL)
            af_log(AF_LOG_INFO, "node: the link of its page is in %s/ui.link", options->state);
        af_buf_release(&line);
        struct af_notify *notify = af_notify_ready(node.loop);
        af_loop_run(node.loop);
        af_notify_stopping(notify);
    }
    release(&node);
    return result;
}
