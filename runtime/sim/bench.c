/* bench.c: see bench.h. */
#include "sim/bench.h"

#include "base/mem.h"
#include "json/json.h"
#include "sim/impl.h"

#include <stdlib.h>
#include <string.h>

struct af_bench {
    struct af_sim_options options;
    struct af_sim *sim;
    struct af_sim_node *node;
    struct af_buf sent, logged; /* items of JSON lists */
    struct af_failure wrong;    /* with the step that goes on */
    uint64_t received;
};

/* ---- What the party asks of its owner. ---- */

static void publish(void *arg, struct af_party *party, struct af_contract *contract_take,
                    const uint32_t *targets, size_t target_count)
{
    struct af_bench *bench = arg;
    size_t count;
    const struct af_script_member *members =
        af_script_members(af_party_spec(party)->script, &count);
    af_json_open(&bench->sent, '{');
    af_json_begin(&bench->sent, "to", '[');
    for (size_t i = 0; i < target_count; i++)
        af_json_item(&bench->sent, members[targets[i]].id);
    af_buf_append_char(&bench->sent, ']');
    af_json_add_text(&bench->sent, "type", contract_take->type);
    af_json_name(&bench->sent, "content");
    af_json_write_string(&bench->sent, contract_take->content, contract_take->content_len);
    af_buf_append_char(&bench->sent, '}');
    af_contract_drop(contract_take);
}

static void finding(void *arg, struct af_party *party, enum af_finding kind, const char *text)
{
    struct af_bench *bench = arg;
    if (kind != AF_FINDING_FAILED) /* which is an outcome */
        af_failure_set(&bench->wrong, AF_FAILURE_FLOW, af_party_spec(party)->id, "%s", text);
}

static void log_line(void *arg, struct af_party *party, const char *text, size_t len)
{
    struct af_bench *bench = arg;
    (void)party;
    if (bench->logged.len > 0)
        af_buf_append_char(&bench->logged, ',');
    if (!af_json_write_string(&bench->logged, text, len))
        af_buf_append_string(&bench->logged, "\"(no valid UTF-8)\"");
}

static void stepped(void *arg, struct af_party *party)
{
    (void)arg, (void)party;
}

/* ---- Its life. ---- */

struct af_bench *af_bench_new(const struct af_bench_options *options, struct af_trace *trace,
                              struct af_failure *why)
{
    struct af_bench *bench = af_mem_zero(1, sizeof *bench);
    bench->options = (struct af_sim_options){.paths = (const char **)&options->path,
                                             .path_count = 1,
                                             .args = (struct af_script_arg *)options->args,
                                             .arg_count = options->arg_count,
                                             .seed = 1,
                                             .quiet = true,
                                             .members = options->members,
                                             .member_count = options->member_count,
                                             .alone = options->id,
                                             .grants = *options->grants};
    af_fault_options_init(&bench->options.faults);
    bench->wrong = AF_FAILURE_INIT;
    bench->sim = af_sim_new(&bench->options, trace, why);
    if (bench->sim != NULL && bench->sim->flow == NULL)
        af_failure_set(why, AF_FAILURE_USAGE, options->path,
                       "is a sequential script; a party under test is one of a flow");
    bench->node = bench->sim == NULL ? NULL : af_sim_find_node(bench->sim, options->id);
    if (bench->node == NULL || bench->node->party == NULL) {
        af_failure_set(why, AF_FAILURE_USAGE, options->id,
                       "its role is a plain function; a party under test has states");
        af_bench_free(bench);
        return NULL;
    }
    bench->sim->owner = (struct af_party_owner){
        .arg = bench, .publish = publish, .finding = finding, .log = log_line, .stepped = stepped};
    return bench;
}

void af_bench_free(struct af_bench *bench)
{
    if (bench == NULL)
        return;
    af_sim_free(bench->sim);
    af_fault_options_release(&bench->options.faults);
    af_buf_release(&bench->sent);
    af_buf_release(&bench->logged);
    free(bench);
}

const struct af_sim *af_bench_sim(const struct af_bench *bench)
{
    return bench->sim;
}

/* ---- Steps. ---- */

static void begin_step(struct af_bench *bench)
{
    af_buf_clear(&bench->sent);
    af_buf_clear(&bench->logged);
    bench->wrong = AF_FAILURE_INIT;
}

static int end_step(struct af_bench *bench, struct af_failure *why)
{
    if (bench->wrong.kind == AF_FAILURE_NONE)
        return 0;
    *why = bench->wrong;
    return -1;
}

int af_bench_start(struct af_bench *bench, struct af_failure *why)
{
    begin_step(bench);
    af_party_start(bench->node->party);
    return end_step(bench, why);
}

int af_bench_receive(struct af_bench *bench, const char *from, const char *type,
                     const char *content, size_t len, struct af_failure *why)
{
    struct af_sim *sim = bench->sim;
    uint64_t number = ++bench->received;
    begin_step(bench);
    if (from != NULL && af_sim_find_node(sim, from) == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, from, "is no node of the task");
    struct af_contract_parts parts = {
        .uuid = af_hash_bytes((struct af_hash){sim->options->seed, 0x62656e6368u}, &number,
                              sizeof number),
        .time_ns = af_loop_now_ns(sim->loop),
        .task = sim->task,
        .channel = "federated",
        .title = af_contract_titles[0],
        .from = from == NULL ? NULL : af_sim_intern(sim, from),
        .type = type,
        .type_len = strlen(type),
        .content = content,
        .content_len = len,
        .facts.flow_version = sim->flow->version,
        .own_uuid = true};
    af_party_receive(bench->node->party, af_contract_new(&parts));
    return end_step(bench, why);
}

/* The armed timers as words. */
static void name_timers(const struct af_party *party, struct af_buf *out)
{
    size_t count = af_party_timer_count(party);
    for (size_t i = 0; i < count; i++) {
        const char *name = af_party_timer(party, i).name;
        af_buf_printf(out, "%s%s", i == 0 ? "" : ", ", name == NULL ? "after" : name);
    }
    if (count == 0)
        af_buf_append_string(out, "none");
}

int af_bench_fire(struct af_bench *bench, const char *timer, struct af_failure *why)
{
    struct af_party *party = bench->node->party;
    const char *name = strcmp(timer, "after") == 0 ? NULL : timer;
    size_t count = af_party_timer_count(party), i = 0;
    begin_step(bench);
    for (; i < count; i++) {
        struct af_party_saved_timer armed = af_party_timer(party, i);
        if (name == NULL || armed.name == NULL ? name == armed.name
                                               : strcmp(name, armed.name) == 0) {
            af_loop_sim_advance(bench->sim->loop, armed.due_wall_ns);
            break;
        }
    }
    if (i == count) {
        struct af_buf armed = AF_BUF_EMPTY;
        name_timers(party, &armed);
        af_failure_set(why, AF_FAILURE_USAGE, bench->node->id, "no timer '%s' is armed; armed: %s",
                       timer, af_buf_text(&armed));
        af_buf_release(&armed);
        return -1;
    }
    af_party_fire(party, name);
    return end_step(bench, why);
}

/* ---- Looking at it. ---- */

static void add_list(struct af_buf *out, const char *name, const struct af_buf *items)
{
    af_json_name(out, name);
    af_buf_append_char(out, '[');
    af_buf_append(out, items->len == 0 ? "" : items->data, items->len);
    af_buf_append_char(out, ']');
}

static void add_deadlines(struct af_buf *out, const struct af_bench *bench)
{
    const struct af_party *party = bench->node->party;
    int64_t now_ns = af_loop_now_ns(bench->sim->loop);
    af_json_begin(out, "deadlines", '{');
    for (size_t i = 0; i < af_party_timer_count(party); i++) {
        struct af_party_saved_timer timer = af_party_timer(party, i);
        int64_t left_ns = timer.due_wall_ns - now_ns;
        af_json_name(out, timer.name == NULL ? "after" : timer.name);
        af_json_write_double(out, left_ns > 0 ? (double)left_ns / 1e9 : 0);
    }
    af_buf_append_char(out, '}');
}

void af_bench_tell(const struct af_bench *bench, struct af_buf *out)
{
    static const char *const ended[] = {NULL, NULL, "done", "failed", "lost"};
    struct af_party *party = bench->node->party;
    const struct af_flow_state *state = af_party_state(party);
    size_t len;
    const char *data = af_script_party_data(af_party_script(party), &len);
    af_json_add_text(out, "state", state == NULL ? NULL : state->name);
    af_json_name(out, "data"); /* as a text: its strings may be any bytes, which the reader knows */
    af_json_write_string(out, data == NULL ? "null" : data, data == NULL ? 4 : len);
    add_list(out, "sent", &bench->sent);
    add_list(out, "logged", &bench->logged);
    add_deadlines(out, bench);
    af_json_add_text(out, "ended", ended[af_party_status(party)]);
    af_json_add_json(out, "result", af_party_result(party));
    af_json_add_text(out, "reason", af_party_reason(party));
}
