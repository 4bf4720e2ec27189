/* status.c: what each party is at: types, sizes and names; contents are shown where they are asked
 * for. */
#include "node/impl.h"

#include "bus/age.h"
#include "base/bounds.h"
#include "json/json.h"
#include "loop/loop.h"
#include "trace/veil.h"
#include "worker/group.h"
#include "worker/host.h"

#include <string.h>

/* Slow is who has a handler under way; waiting, who has nothing to do before something comes. */
static const char *running_word(const struct af_node_party *party)
{
    const struct af_party *of = af_party_run_party(party->run);
    if (af_party_held(of) != NULL)
        return "held";
    if (af_party_run_suspended_ns(party->run) != 0)
        return "paused";
    if (party->trouble != NULL)
        return "lost contact";
    if (af_party_waits(of))
        return "slow";
    return af_party_rests(of) ? "resting" : "waiting";
}

const char *af_node_party_word(const struct af_node_party *party)
{
    switch (party->phase) {
    case AF_NODE_LOADING:
        return "loading";
    case AF_NODE_RUNNING:
        return running_word(party);
    case AF_NODE_LEAVING:
        return "sending";
    case AF_NODE_BROKEN:
        return "broken";
    case AF_NODE_ENDED:
    case AF_NODE_DROPPED:
        break;
    }
    return party->kept.status == AF_PARTY_DONE ? "done" : "failed";
}

static void describe_running(const struct af_node_party *party, struct af_buf *out)
{
    struct af_buf waits = AF_BUF_EMPTY;
    const struct af_party *of = af_party_run_party(party->run);
    const struct af_party_counts *counts = af_party_counts(of);
    const struct af_flow_state *state = af_party_state(of);
    size_t data_len = 0;
    af_script_party_data(af_party_script((struct af_party *)(uintptr_t)of), &data_len);
    af_party_run_describe(party->run, &waits);
    af_json_add_text(out, "state", state == NULL ? NULL : state->name);
    af_json_add_integer(out, "since", af_party_run_since_ns(party->run) / AF_S_NS);
    if (af_party_run_suspended_ns(party->run) != 0)
        af_json_add_integer(out, "paused", af_party_run_suspended_ns(party->run) / AF_S_NS);
    af_json_add_text(out, "waits", waits.len == 0 ? NULL : af_buf_text(&waits));
    af_json_begin(out, "waits_for", '{');
    af_party_run_add_wait(party->run, out);
    af_buf_append_char(out, '}');
    af_json_add_text(out, "error", af_party_held(of) != NULL ? af_party_held(of) : party->trouble);
    af_json_add_integer(out, "progress", af_party_run_progress(party->run));
    af_json_add_integer(out, "queue", (int64_t)af_party_queued(of));
    af_json_add_integer(out, "deferred", (int64_t)af_party_deferred(of));
    af_json_add_integer(out, "unsent", (int64_t)af_party_run_unsent(party->run));
    af_json_add_integer(out, "kept", (int64_t)af_party_run_kept(party->run));
    af_json_add_integer(out, "dead_letters", (int64_t)counts->unexpected);
    af_json_name(out, "rejected");
    af_party_run_rejected(party->run, out);
    af_json_add_integer(out, "data_bytes", (int64_t)data_len);
    af_buf_release(&waits);
}

static void describe_resting(const struct af_node_party *party, struct af_buf *out)
{
    af_json_add_text(out, "state", party->kept.state);
    af_json_add_integer(out, "since", party->kept.since_ns / AF_S_NS);
    af_json_add_text(out, "waits", NULL);
    af_json_add_text(out, "waits_for", NULL);
    af_json_add_text(out, "error",
                     party->phase == AF_NODE_BROKEN ? party->why : party->kept.reason);
    af_json_add_integer(out, "progress", party->kept.progress);
}

void af_node_party_data(const struct af_node_party *party, struct af_buf *out)
{
    const struct af_party *of = party->run == NULL ? NULL : af_party_run_party(party->run);
    const struct af_flow_state *state = of == NULL ? NULL : af_party_state(of);
    size_t len = party->kept.data_len;
    const char *text =
        of == NULL ? party->kept.data
                   : af_script_party_data(af_party_script((struct af_party *)(uintptr_t)of), &len);
    af_buf_append_string(out, "{\"ok\":true");
    af_json_add_text(out, "task", party->task);
    af_json_add_text(out, "state",
                     of == NULL      ? party->kept.state
                     : state == NULL ? NULL
                                     : state->name);
    af_json_name(out, "data");
    if (text == NULL || len == 0)
        af_buf_append_string(out, "null");
    else
        af_veil_data(af_veil_key(party->kept.seed), text, len, out);
    af_buf_append_char(out, '}');
}

static void describe_result(const char *result, bool data, struct af_buf *out)
{
    af_json_begin(out, "result", '{');
    af_json_add_text(out, "type", af_node_type_of(result));
    af_json_add_integer(out, "bytes", (int64_t)strlen(result));
    if (data) {
        af_json_name(out, "value");
        af_buf_append_string(out, result);
    }
    af_buf_append_char(out, '}');
}

static void describe(const struct af_node_party *party, bool data, struct af_buf *out)
{
    af_json_open(out, '{');
    af_json_add_text(out, "task", party->task);
    af_json_add_text(out, "flow", party->about.flow);
    af_json_add_text(out, "file", party->about.file);
    af_json_add_integer(out, "version", party->about.version);
    af_json_add_text(out, "role", party->about.role);
    af_json_add_text(out, "status", af_node_party_word(party));
    if (party->run != NULL)
        describe_running(party, out);
    else
        describe_resting(party, out);
    if (party->kept.status == AF_PARTY_DONE && party->kept.result != NULL)
        describe_result(party->kept.result, data, out);
    if (party->flow != NULL && party->flow->wants != NULL) {
        af_json_name(out, "wants");
        af_buf_append_string(out, party->flow->wants);
        af_json_name(out, "not_granted");
        af_buf_append_string(out, party->flow->lacks);
    }
    if (party->flow != NULL && party->flow->worker != NULL) {
        af_json_add_integer(out, "worker", af_worker_pid(party->flow->worker));
        af_json_add_integer(out, "worker_restarts",
                            (int64_t)af_worker_restarts(party->flow->worker));
    }
    af_buf_append_char(out, '}');
}

/* What its options come to: what was given, or the defaults. */
static void describe_settings(const struct af_node_options *options, struct af_buf *out)
{
    af_json_begin(out, "settings", '{');
    af_json_add_integer(out, "hang_ms", options->hang_ns / AF_MS_NS);
    af_json_add_integer(out, "worker_memory_bytes", options->memory_bytes);
    af_json_add_integer(out, "log_bytes", options->log_bytes);
    af_json_add_integer(out, "journal_bytes", options->journal_bytes);
    af_json_add_integer(out, "journal_age_s", options->journal_age_ns / AF_S_NS);
    af_json_add_integer(out, "keep_sent_ms", options->keep_sent_ns / AF_MS_NS);
    af_buf_append_char(out, '}');
}

static void describe_cluster(const struct af_bus_cluster *cluster, struct af_buf *out)
{
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"since", cluster->since_s},   {"reconnects", cluster->reconnects},
                   {"queues", cluster->queues},   {"asked", cluster->asked},
                   {"waiting", cluster->waiting}, {"unacknowledged", cluster->unacknowledged},
                   {"behind", cluster->behind},   {"behind_most", cluster->behind_most}};
    const struct {
        const char *name, *value;
    } texts[] = {{"name", cluster->name},
                 {"server", cluster->server},
                 {"cut_off", cluster->cut_off},
                 {"leader", cluster->leader}};
    af_json_begin(out, "cluster", '{');
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        af_json_add_text(out, texts[i].name, texts[i].value[0] == '\0' ? NULL : texts[i].value);
    af_json_add_bool(out, "one_leader", cluster->one_leader);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        af_json_add_integer(out, numbers[i].name, numbers[i].value);
    af_buf_append_char(out, '}');
}

void af_node_status(struct af_node *node, const char *task, bool data,
                    const struct af_bus_cluster *cluster, struct af_buf *out)
{
    af_buf_append_string(out, "{\"ok\":true");
    af_json_add_text(out, "node", node->options->node);
    af_json_add_text(out, "bus", node->options->bus);
    af_json_add_text(out, "store", node->store_trouble);
    af_json_add_text(out, "bus_older", af_bus_older(node->bus));
    af_json_add_text(out, "launches_wrong", af_node_launches_wrong(node));
    af_json_add_integer(out, "now", af_loop_wall_ns(node->loop) / AF_S_NS);
    af_json_add_integer(out, "began", node->began_ns / AF_S_NS);
    af_json_add_bool(out, "jail", !node->options->no_jail);
    af_json_add_text(out, "memory", af_worker_group_is_there() ? "cgroup" : "addresses");
    if (cluster != NULL)
        describe_cluster(cluster, out);
    else
        af_json_add_text(out, "cluster", NULL);
    describe_settings(node->options, out);
    af_buf_append_string(out, ",\"parties\":[");
    for (const struct af_node_party *at = node->parties; at != NULL; at = at->next) {
        if (at->phase == AF_NODE_DROPPED || (task != NULL && strcmp(at->task, task) != 0))
            continue;
        describe(at, data, out);
    }
    af_buf_append_string(out, "],\"asked\":");
    af_node_asks_list(node, task, out);
    af_buf_append_string(out, ",\"refused\":");
    af_node_offers_refused(node, out);
    af_buf_append_string(out, ",\"not_taken\":");
    af_node_refusals_list(node, out);
    af_buf_append_char(out, '}');
}
