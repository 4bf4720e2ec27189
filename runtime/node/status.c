/* status.c: what each party is at: types, sizes and names, never contents. */
#include "node/impl.h"

#include "base/bounds.h"
#include "json/json.h"
#include "loop/loop.h"
#include "worker/host.h"

#include <string.h>

static void text(struct af_buf *out, const char *name, const char *value)
{
    af_buf_printf(out, ",\"%s\":", name);
    if (value == NULL || !af_json_write_string(out, value, strlen(value)))
        af_buf_append_string(out, "null");
}

static void number(struct af_buf *out, const char *name, int64_t value)
{
    af_buf_printf(out, ",\"%s\":%lld", name, (long long)value);
}

/* Slow is who has a handler under way; waiting, who has nothing to do before something comes. */
static const char *running_word(const struct af_node_party *party)
{
    const struct af_party *of = af_party_run_party(party->run);
    if (af_party_held(of) != NULL)
        return "held";
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
    text(out, "state", state == NULL ? NULL : state->name);
    number(out, "since", af_party_run_since_ns(party->run) / AF_S_NS);
    text(out, "waits", waits.len == 0 ? NULL : af_buf_text(&waits));
    text(out, "error", af_party_held(of) != NULL ? af_party_held(of) : party->trouble);
    number(out, "progress", af_party_run_progress(party->run));
    number(out, "queue", (int64_t)af_party_queued(of));
    number(out, "deferred", (int64_t)af_party_deferred(of));
    number(out, "unsent", (int64_t)af_party_run_unsent(party->run));
    number(out, "dead_letters", (int64_t)counts->unexpected);
    number(out, "data_bytes", (int64_t)data_len);
    af_buf_release(&waits);
}

static void describe_resting(const struct af_node_party *party, struct af_buf *out)
{
    text(out, "state", party->kept.state);
    number(out, "since", party->kept.since_ns / AF_S_NS);
    text(out, "waits", NULL);
    text(out, "error", party->phase == AF_NODE_BROKEN ? party->why : party->kept.reason);
    number(out, "progress", party->kept.progress);
}

static void describe(const struct af_node_party *party, struct af_buf *out)
{
    af_buf_append_string(out, "{\"task\":");
    af_json_write_string(out, party->task, strlen(party->task));
    text(out, "flow", party->about.flow);
    text(out, "file", party->about.file);
    number(out, "version", party->about.version);
    text(out, "role", party->about.role);
    text(out, "status", af_node_party_word(party));
    if (party->run != NULL)
        describe_running(party, out);
    else
        describe_resting(party, out);
    if (party->flow != NULL && party->flow->worker != NULL) {
        number(out, "worker", af_worker_pid(party->flow->worker));
        number(out, "worker_restarts", (int64_t)af_worker_restarts(party->flow->worker));
    }
    af_buf_append_char(out, '}');
}

void af_node_status(struct af_node *node, const char *task, struct af_buf *out)
{
    const char *comma = "";
    af_buf_append_string(out, "{\"ok\":true,\"node\":");
    af_json_write_string(out, node->options->node, strlen(node->options->node));
    text(out, "bus", node->options->bus);
    text(out, "store", node->store_trouble);
    number(out, "now", af_loop_wall_ns(node->loop) / AF_S_NS);
    number(out, "began", node->began_ns / AF_S_NS);
    af_buf_append_string(out, ",\"jail\":");
    af_buf_append_string(out, node->options->no_jail ? "false" : "true");
    af_buf_append_string(out, ",\"parties\":[");
    for (const struct af_node_party *at = node->parties; at != NULL; at = at->next) {
        if (at->phase == AF_NODE_DROPPED || (task != NULL && strcmp(at->task, task) != 0))
            continue;
        af_buf_append_string(out, comma);
        describe(at, out);
        comma = ",";
    }
    af_buf_append_string(out, "],\"refused\":");
    af_node_offers_refused(node, out);
    af_buf_append_string(out, ",\"not_taken\":");
    af_node_watch_refused(node, out);
    af_buf_append_char(out, '}');
}
