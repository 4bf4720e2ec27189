/* scripts.c: sequential scripts and roles for real: a link for each box, that is for each task and
 * channel that the script names.
 *
 * A contract is acknowledged when the script comes back for the next one, or ends well: a script
 * that dies with it starts again from its first line, and finds it again.
 *
 * Here alone: a send is answered once the bus has it; only outside of a node nothing but time and
 * mock contexts is to be had; on a bus the nodes are the bus's to know, and mock contexts are
 * passed over; with --mock on a shared store a mock context says who the script is. */
#include "live/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "base/mem.h"
#include "script/sequential.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A contract that came and was not given to the script. */
struct held {
    struct af_arena arena;
    struct af_script_event event;
    int64_t id;
};

/* What a box is filled by. */
struct source {
    struct af_link *link;
    int64_t given; /* the id of what the script has now; 0: none */
};

struct af_live_sequential {
    struct af_sequential run;
    struct af_live *live;
    struct af_boxes boxes;
    bool clean;
    struct af_buf reasons; /* of contracts that were not delivered: each is told once */
    struct af_buf waits;
};

static struct af_live *live_of(const struct af_sequential *sequential)
{
    return ((const struct af_live_sequential *)sequential->arg)->live;
}

static struct source *source(const struct af_box *box)
{
    return box->of;
}

/* ---- Boxes. ---- */

static void came(void *arg, struct af_link *link, const struct af_bus_item *item);

static void begun(void *arg, const struct af_bus_result *result)
{
    struct af_live *live = arg;
    if (result->code != AF_BUS_OK && result->code != AF_BUS_CANCELLED)
        af_live_tell(live, "the task cannot be cleared: %s", result->why);
}

static bool knows_task(const struct af_boxes *boxes, const char *task)
{
    for (size_t i = 0; i < boxes->all_count; i++)
        if (strcmp(boxes->all[i]->task, task) == 0)
            return true;
    return false;
}

static void opened(void *arg, struct af_box *box)
{
    struct af_live_sequential *sequential = arg;
    struct af_live *live = sequential->live;
    struct source *of = box->of = af_mem_zero(1, sizeof *of);
    if (live->options->mock && !knows_task(&sequential->boxes, box->task))
        af_bus_begin(live->bus, box->task, sequential->clean, begun, live);
    struct af_link_spec spec = {.bus = live->bus,
                                .loop = live->loop,
                                .task = box->task,
                                .channel = box->channel,
                                .node = box->node,
                                .holder = live->holder,
                                .owner = af_live_link_owner(live, came)};
    of->link = af_link_new(&spec);
}

static void closed(struct af_box *box)
{
    af_link_free(source(box)->link);
    free(box->of);
}

static void drop(void *contract_take)
{
    struct held *held = contract_take;
    af_arena_release(&held->arena);
    free(held);
}

/* What the script was given before is dealt with. */
static void settle(struct af_box *box)
{
    struct source *of = source(box);
    if (of->given != 0)
        af_link_ack(of->link, of->given);
    of->given = 0;
}

/* A script that passes over what it does not want must not be kept from what comes behind: where
 * its hands are full of that, it is acknowledged, and held here alone. */
static void make_room(struct af_box *box)
{
    struct af_link *link = source(box)->link;
    if (af_link_in_hand(link) < AF_BUS_WINDOW)
        return;
    for (size_t i = 0; i < box->count; i++)
        af_link_ack(link, ((const struct held *)box->held[i].contract)->id);
}

static void listen(struct af_sequential *sequential, struct af_box *box)
{
    (void)sequential;
    af_link_listen(source(box)->link);
    make_room(box);
}

/* ---- Events. ---- */

static void give(struct af_sequential *sequential, struct af_box *box, void *contract_take)
{
    struct held *held = contract_take;
    source(box)->given = held->id;
    af_live_moved(live_of(sequential));
    af_sequential_give(sequential, &held->event);
    drop(held);
}

static struct af_box *box_of(const struct af_live_sequential *sequential,
                             const struct af_link *link)
{
    size_t i = 0;
    while (source(sequential->boxes.all[i])->link != link)
        i++;
    return sequential->boxes.all[i];
}

static void came(void *arg, struct af_link *link, const struct af_bus_item *item)
{
    struct af_live *live = arg;
    struct af_sequential *sequential = &live->sequential->run;
    struct af_box *box = box_of(live->sequential, link);
    struct af_buf type = AF_BUF_EMPTY;
    live->result->received++;
    const char *why = item->wrong;
    if (why == NULL && !af_bus_item_type(item, &type))
        why = "its content is no JSON object";
    if (why != NULL) {
        af_live_tell(live, "a contract from %.100s is not delivered: %s",
                     item->sender == NULL ? "an unknown sender" : item->sender, why);
        live->result->unexpected++;
        af_link_reject(link, item->id, why);
        af_buf_release(&type);
        return;
    }
    struct held *held = af_mem_zero(1, sizeof *held);
    held->event = (struct af_script_event){
        .type = af_arena_copy(&held->arena, af_buf_text(&type), type.len),
        .type_len = type.len,
        .from = af_arena_string(&held->arena, item->sender),
        .uuid = af_arena_string(&held->arena, item->uuid),
        .content = af_arena_copy(&held->arena, item->content, item->content_len),
        .content_len = item->content_len,
        .time_s = (double)item->time_s};
    held->id = item->id;
    af_buf_release(&type);
    if (af_sequential_wants(sequential, box, held->event.type)) {
        give(sequential, box, held);
        return;
    }
    af_box_put(box, held->event.type, held);
    if (sequential->wait == AF_SEQUENTIAL_EVENT && sequential->waits_at == box)
        make_room(box);
}

/* ---- Publishing. ---- */

static void send(struct af_sequential *sequential, const struct af_asked *asked,
                 const char *const *targets, size_t count)
{
    struct af_live *live = live_of(sequential);
    struct af_bus_post post = {.title = af_request_string(&asked->request, "title"),
                               .uuid = af_request_string(&asked->request, "uuid"),
                               .targets = targets,
                               .target_count = count,
                               .content = asked->call->bytes,
                               .content_len = asked->call->bytes_len,
                               .time_s = af_loop_wall_ns(live->loop) / AF_S_NS};
    struct af_box *box = af_boxes_find(sequential->boxes, sequential->node, asked->task,
                                       af_request_string(&asked->request, "channel"));
    sequential->call = asked->call->id;
    sequential->wait = AF_SEQUENTIAL_SENT;
    sequential->waits_at = box;
    live->result->sent++;
    af_link_send(source(box)->link, &post);
}

static bool waits_for(const struct af_sequential *sequential, const struct af_link *link)
{
    return sequential->wait == AF_SEQUENTIAL_SENT && source(sequential->waits_at)->link == link;
}

void af_live_sequential_sent(struct af_live_sequential *sequential, struct af_link *link)
{
    if (waits_for(&sequential->run, link))
        af_sequential_answer(&sequential->run, "null", NULL);
}

bool af_live_sequential_refused(struct af_live_sequential *sequential, struct af_link *link,
                                const char *why)
{
    bool waits = waits_for(&sequential->run, link);
    if (waits)
        af_sequential_answer(&sequential->run, NULL, why);
    return waits;
}

/* ---- Who and where it is. ---- */

static const char *name(struct af_sequential *sequential, const char *id)
{
    return af_live_name(live_of(sequential), id);
}

/* --bus and --node say that the script runs for real, whatever its mock context says; but not as
 * another node than the script means. */
static void pass_over_mock(struct af_sequential *sequential, const struct af_asked *asked,
                           const char *id)
{
    struct af_live *live = live_of(sequential);
    if (id != NULL && strcmp(id, live->options->node) != 0) {
        af_calls_refuse(live->calls, sequential->party, asked->call->id,
                        "mock_context: it is '%s', but the script runs for real, as node '%s'", id,
                        live->options->node);
        return;
    }
    if (!live->options->quiet)
        af_log(AF_LOG_INFO, "%s: its mock context is passed over: it runs for real, on %s",
               live->options->node, live->options->bus);
    sequential->in_context = true;
    af_calls_answer(live->calls, sequential->party, asked->call->id, "null");
}

static bool enters(struct af_sequential *sequential, const struct af_asked *asked)
{
    const char *id = af_request_string(&asked->request, "id");
    const struct af_request_field *nodes = af_request_list(&asked->request, "nodes");
    if (sequential->real) {
        pass_over_mock(sequential, asked, id);
        return false;
    }
    if (id != NULL || (nodes != NULL && nodes->item_count > 0))
        return true;
    af_calls_refuse(live_of(sequential)->calls, sequential->party, asked->call->id,
                    "mock_context: needs an id where the store is shared");
    return false;
}

static void entered(struct af_sequential *sequential, const struct af_asked *asked)
{
    struct af_live_sequential *of = sequential->arg;
    of->clean = af_request_bool(&asked->request, "clean");
}

struct question {
    struct af_sequential *sequential;
    uint64_t call;
};

static void members_came(void *arg, const struct af_bus_result *result)
{
    struct question *question = arg;
    struct af_sequential *sequential = question->sequential;
    if (result->code == AF_BUS_CANCELLED || sequential->ended) {
        free(question);
        return;
    }
    if (result->code != AF_BUS_OK) {
        af_calls_refuse(live_of(sequential)->calls, sequential->party, question->call,
                        "query_nodes: %s", result->why);
    } else {
        struct af_buf reply = AF_BUF_EMPTY;
        const char **ids = af_mem_zero(result->count, sizeof *ids);
        for (size_t i = 0; i < result->count; i++)
            ids[i] = result->members[i].node;
        af_script_tell_nodes(&reply, NULL, ids, result->count);
        af_calls_answer(live_of(sequential)->calls, sequential->party, question->call,
                        af_buf_text(&reply));
        af_buf_release(&reply);
        free(ids);
    }
    free(question);
}

static void ask_nodes(struct af_sequential *sequential, const struct af_asked *asked)
{
    struct question *question = af_mem_alloc(sizeof *question);
    struct af_bus_member self = {.node = sequential->node};
    *question = (struct question){sequential, asked->call->id};
    af_bus_members(live_of(sequential)->bus, asked->task, &self, members_came, question);
}

/* ---- Small calls. ---- */

static int64_t now_ns(const struct af_sequential *sequential)
{
    return af_loop_wall_ns(sequential->loop);
}

static void answer(struct af_sequential *sequential, uint64_t call, const char *reply,
                   const char *failure)
{
    struct af_calls *calls = live_of(sequential)->calls;
    if (failure != NULL)
        af_calls_refuse(calls, sequential->party, call, "%s", failure);
    else
        af_calls_answer(calls, sequential->party, call, reply);
}

static const char *forbids(const struct af_sequential *sequential, enum af_call number)
{
    bool anywhere = number == AF_CALL_WHOAMI || number == AF_CALL_SLEEP ||
                    number == AF_CALL_MOCK_ENTER || number == AF_CALL_MOCK_LEAVE;
    return anywhere || sequential->node != NULL ? NULL
                                                : "there is no node outside of af.mock_context";
}

static bool other(struct af_sequential *sequential, const struct af_asked *asked)
{
    return af_calls_common(live_of(sequential)->calls, asked);
}

static void log_line(const struct af_sequential *sequential, const struct af_script_call *call)
{
    const struct af_live *live = live_of(sequential);
    if (live->options->quiet)
        return;
    af_sequential_print(sequential, live->flow != NULL, call);
    fflush(stdout);
}

static bool rejected(struct af_sequential *sequential, const struct af_request *request,
                     const char *why)
{
    struct af_live_sequential *of = sequential->arg;
    struct af_buf line = AF_BUF_EMPTY;
    (void)request;
    of->live->result->unexpected++;
    af_buf_printf(&line, "\n%.300s\n", why);
    bool is_new = strstr(af_buf_text(&of->reasons), af_buf_text(&line)) == NULL;
    if (is_new && of->reasons.len < 100000)
        af_buf_append_string(&of->reasons, af_buf_text(&line));
    af_buf_release(&line);
    return is_new;
}

void af_live_sequential_call(struct af_live_sequential *sequential,
                             const struct af_script_call *call)
{
    af_sequential_call(&sequential->run, call);
}

/* ---- Life. ---- */

static void over(struct af_sequential *sequential, const struct af_effects *effects)
{
    struct af_live *live = live_of(sequential);
    struct af_live_result *result = live->result;
    bool done = effects->outcome == AF_OUTCOME_DONE;
    if (done) {
        result->result = effects->text == NULL ? NULL : af_mem_string(effects->text);
    } else {
        result->raised = effects->outcome != AF_OUTCOME_FAILED;
        result->reason = af_mem_string(effects->text == NULL ? "" : effects->text);
        af_live_tell(live, "%s%s: %s", sequential->shown == NULL ? "script" : sequential->shown,
                     effects->outcome == AF_OUTCOME_FAILED ? " failed" : "", result->reason);
    }
    af_live_end(live, done ? AF_LIVE_DONE : AF_LIVE_FAILED);
}

static const struct af_sequential_owner owner = {.now_ns = now_ns,
                                                 .answer = answer,
                                                 .forbids = forbids,
                                                 .other = other,
                                                 .name = name,
                                                 .enters = enters,
                                                 .entered = entered,
                                                 .send = send,
                                                 .ask_nodes = ask_nodes,
                                                 .give = give,
                                                 .settle = settle,
                                                 .listen = listen,
                                                 .rejected = rejected,
                                                 .log = log_line,
                                                 .over = over};

int af_live_sequential_start(struct af_live *live, struct af_failure *why)
{
    struct af_live_sequential *sequential = af_mem_zero(1, sizeof *sequential);
    struct af_sequential *run = &sequential->run;
    struct af_hash seed;
    randombytes_buf(&seed, sizeof seed);
    sequential->live = live;
    sequential->boxes =
        (struct af_boxes){.arg = sequential, .opened = opened, .closed = closed, .drop = drop};
    *run = (struct af_sequential){.owner = &owner,
                                  .arg = sequential,
                                  .loop = live->loop,
                                  .boxes = &sequential->boxes,
                                  .home = live->options->node,
                                  .task = live->options->task,
                                  .mock = live->options->mock,
                                  .real = !live->options->mock};
    af_sequential_begin(run);
    live->sequential = sequential;
    run->party = af_script_party_new(live->script, live->member, seed, sequential, why);
    if (run->party == NULL)
        return -1;
    af_sequential_start(run);
    return 0;
}

void af_live_sequential_stop(struct af_live_sequential *sequential, const char *reason)
{
    if (sequential->run.ended)
        return;
    af_sequential_withdraw(&sequential->run);
    sequential->run.ended = true;
    sequential->live->result->reason = af_mem_string(reason);
    af_live_end(sequential->live, AF_LIVE_FAILED);
}

void af_live_sequential_free(struct af_live_sequential *sequential)
{
    af_boxes_release(&sequential->boxes);
    af_sequential_release(&sequential->run);
    af_buf_release(&sequential->reasons);
    af_buf_release(&sequential->waits);
    free(sequential);
}

size_t af_live_sequential_links(struct af_live_sequential *sequential,
                                void (*each)(struct af_link *link, void *arg), void *arg)
{
    for (size_t i = 0; each != NULL && i < sequential->boxes.all_count; i++)
        each(source(sequential->boxes.all[i])->link, arg);
    return sequential->boxes.all_count;
}

size_t af_live_sequential_unsent(const struct af_live_sequential *sequential)
{
    size_t count = 0;
    for (size_t i = 0; i < sequential->boxes.all_count; i++)
        count += af_link_unsent(source(sequential->boxes.all[i])->link);
    return count;
}

const char *af_live_sequential_node(const struct af_live_sequential *sequential)
{
    return sequential->run.shown;
}

const char *af_live_sequential_waits(struct af_live_sequential *sequential)
{
    static const char *const words[] = {"runs", "for an event", "for time to pass",
                                        "for the bus to take what it sent"};
    af_buf_clear(&sequential->waits);
    af_buf_printf(&sequential->waits, "%s, at %s", words[sequential->run.wait],
                  af_script_party_where(sequential->run.party));
    return af_buf_text(&sequential->waits);
}
