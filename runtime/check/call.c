/* call.c: one call of a handler: the party is put where it is, given its input, and looked
 * at.
 *
 * The party is the same as in a simulated run and on a node, so that what is handled, deferred,
 * ignored and unexpected is decided in one place. Each distinct call runs twice: in an instance
 * that has served all calls before it, and in a fresh one. A difference means that the handler
 * depends on something else than its input. */
#include "check/call.h"
#include "check/known.h"
#include "check/monitor.h"
#include "check/swap.h"

#include "base/bounds.h"
#include "trace/contract.h"
#include "base/failure.h"
#include "json/json.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "party/move.h"
#include "party/migrate.h"
#include "script/calls.h"
#include "script/mock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Timers from before a call are put back with this and more left, so that they are known again. */
static const int64_t kept_ns = INT64_C(1) << 60;

/* ---- What a party asks of its owner. ---- */

static void publish(void *arg, struct af_party *party, struct af_contract *contract,
                    const uint32_t *targets, size_t target_count)
{
    struct af_check *check = arg;
    struct af_check_outcome *out = check->calls->recording;
    uint32_t from = af_party_spec(party)->member;
    for (size_t i = 0; i < target_count; i++) {
        af_mem_reserve(&out->sends, &out->send_cap, out->send_count + 1, sizeof *out->sends);
        out->sends[out->send_count++] =
            af_check_message_text(check, from, targets[i], contract->type, contract->type_len,
                                  contract->content, contract->content_len);
    }
    af_contract_drop(contract);
}

/* "event 'x' from a: why" without who sent it: that is one violation, whoever did. */
static void leave_out_sender(char *text)
{
    char *from = strstr(text, "' from "), *why = from == NULL ? NULL : strstr(from, ": ");
    if (why != NULL)
        memmove(from + 1, why, strlen(why) + 1);
}

/* What is expected in none of a role's states is one finding, not one for each of them. */
static void leave_out_state(char *text)
{
    char *state = strstr(text, " in state '");
    if (state != NULL)
        snprintf(state, strlen(state) + 1, " in any state");
}

/* One call takes one input: what the party recalls by it is taken by a call of its own. */
static bool ready(void *arg, const struct af_party *party)
{
    const struct af_check *check = arg;
    (void)party;
    return check->calls->may_take;
}

static enum af_fate fate(void *arg, struct af_party *party)
{
    struct af_check *check = arg;
    (void)party;
    check->calls->may_take = false;
    return AF_FATE_NONE;
}

static void finding(void *arg, struct af_party *party, enum af_finding kind, const char *text)
{
    static const enum af_check_kind kinds[] = {[AF_FINDING_RAISED] = AF_CHECK_ERROR,
                                               [AF_FINDING_UNEXPECTED] = AF_CHECK_UNEXPECTED,
                                               [AF_FINDING_FAILED] = AF_CHECK_FAILED};
    struct af_check *check = arg;
    struct af_check_outcome *out = check->calls->recording;
    const struct af_party_spec *spec = af_party_spec(party);
    const struct af_flow_state *state = af_party_state(party);
    char where[AF_FLOW_PLACE_BYTES], said[AF_FAILURE_TEXT_MAX + 300];
    if (kind == AF_FINDING_FAILED && check->allow_fail)
        return;
    bool never =
        check->calls->recorded_input < AF_CHECK_TIMER &&
        check->messages[check->calls->recorded_input].nowhere[spec->script == check->scripts[1]];
    struct af_flow_line line = never ? af_script_flow(spec->script)->roles[spec->role].line
                               : state == NULL ? (struct af_flow_line){0, NULL}
                                               : state->line;
    af_flow_place(af_script_file(spec->script)->name, line, where, sizeof where);
    snprintf(said, sizeof said, "%s", text);
    if (kind == AF_FINDING_UNEXPECTED)
        leave_out_sender(said);
    if (kind == AF_FINDING_UNEXPECTED && never)
        leave_out_state(said);
    out->violation = af_check_violation(check, kinds[kind], check->roles[0][spec->member],
                                        kind == AF_FINDING_UNEXPECTED ? where : NULL, said);
    out->ends_run = kind != AF_FINDING_UNEXPECTED;
}

static void log_line(void *arg, struct af_party *party, const char *text, size_t len)
{
    (void)arg, (void)party, (void)text, (void)len;
}

static void made(void *arg, struct af_party *party, struct af_contract *contract,
                 const uint32_t *targets, size_t target_count)
{
    struct af_check *check = arg;
    (void)party;
    if (check->monitors)
        af_happenings_made(&check->calls->happenings, contract, targets, target_count);
}

static void late(void *arg, struct af_party *party, struct af_contract *contract)
{
    struct af_check *check = arg;
    (void)party;
    if (check->monitors)
        af_happenings_late(&check->calls->happenings, contract);
}

static void note(void *arg, const struct af_happened *happened)
{
    af_check_watch_note(arg, happened);
}

static void stepped(void *arg, struct af_party *party)
{
    struct af_check *check = arg;
    const struct af_party_spec *spec = af_party_spec(party);
    const struct af_effects *effects = af_party_step(party)->effects;
    if (effects != NULL && spec->script == check->scripts[0])
        for (size_t i = 0; i < effects->passed_count; i++)
            check->calls->passed[spec->role][effects->passed[i]] = true;
    if (check->monitors)
        af_happenings_tell(&check->calls->happenings, party, note, NULL, check);
}

/* What the mock answers depends on the call alone; the rest of the outside has no answer here. */
static void take_call(struct af_check *check, const struct af_asked *asked,
                      struct af_script_mock_file *file, struct af_answer *answer,
                      struct af_failure *why)
{
    const struct af_script_mock mock = {check->calls->store, check->options->files, true};
    const struct af_script_who who = {true, asked->node};
    int64_t status;
    switch (asked->number) {
    case AF_CALL_UPLOAD:
        af_script_mock_upload(&mock, asked, file, answer, why);
        break;
    case AF_CALL_DOWNLOAD:
        af_script_mock_download(&mock, asked, file, answer, why);
        break;
    case AF_CALL_NODES:
    case AF_CALL_WHOAMI:
        af_script_tell_members(&file->reply, asked->number == AF_CALL_WHOAMI ? &who : NULL,
                               check->scripts[0]);
        answer->reply = af_buf_text(&file->reply);
        answer->reply_len = file->reply.len;
        break;
    case AF_CALL_RUN: /* by a stand-in of the flow, or not at all */
        if (!af_request_integer(&asked->request, "stood_in", &status))
            af_failure_set(
                why, AF_FAILURE_FLOW, "af.process.run",
                "cannot be checked: what a program does is not part of the flow; give it "
                "a stand-in in the flow's mock_programs");
        break;
    default:
        af_failure_set(why, AF_FAILURE_FLOW, asked->call->name,
                       "cannot be checked: what the outside answers is not part of the flow");
    }
}

static void answer_call(void *owner, struct af_script_party *party,
                        const struct af_script_call *call)
{
    const struct af_check *check = owner;
    if ((check->calls->recorded_input & ~(uint32_t)AF_CHECK_NUMBER) == AF_CHECK_RELOAD) {
        af_migration_call(NULL, party, call);
        return;
    }
    struct af_script_call filled = *call;
    if (af_party_take_call(af_script_party_user(party), &filled))
        return;
    struct af_script_mock_file file = {0};
    struct af_answer answer = {0};
    struct af_failure why = AF_FAILURE_INIT;
    struct af_asked asked;
    char text[AF_FAILURE_TEXT_MAX + 300];
    if (af_script_call_read(&asked, party, &filled, text, sizeof text) != 0) {
        answer.failure = text;
    } else {
        asked.node = af_party_spec(af_script_party_user(party))->id;
        take_call(owner, &asked, &file, &answer, &why);
    }
    if (why.kind != AF_FAILURE_NONE) {
        snprintf(text, sizeof text, "%s: %s", why.what, why.why);
        answer.failure = text;
    }
    af_script_answer(party, call->id, &answer);
    af_request_release(&asked.request);
    af_script_mock_release(&file);
}

/* ---- Putting a party where it is. ---- */

static struct af_contract *make_contract(struct af_check *check, uint32_t number)
{
    const struct af_check_message *message = &check->messages[number];
    struct af_contract_parts parts = {
        .uuid = {++check->calls->contract_count, number}, /* no two are the same one */
        .task = "check",
        .channel = "federated",
        .title = "task_inside",
        .from = check->who[message->from].id,
        .own_uuid = true};
    parts.type = af_check_word_bytes(&check->words, message->type, &parts.type_len);
    parts.content = af_check_word_bytes(&check->words, message->content, &parts.content_len);
    return af_contract_new(&parts);
}

/* Bytes are known by their content: what a name stands for is the same for all. */
struct put_kept {
    const struct af_check *check;
    struct af_party *party;
};

static void put_kept(void *arg, const char *ref)
{
    const struct put_kept *to = arg;
    char url[AF_FILE_URL_BYTES];
    size_t len;
    snprintf(url, sizeof url, "mock://file/%s", strchr(ref, ':') + 1);
    const void *bytes = af_file_store_get(to->check->calls->kept, url, &len);
    if (bytes != NULL)
        af_party_restore_kept(to->party, bytes, len);
}

static int put(struct af_check *check, struct af_party *party, const struct af_check_local *local,
               struct af_failure *why)
{
    struct af_party_saved saved = {.status = AF_PARTY_ACTIVE, .state = local->about->name};
    struct af_party_saved_timer timers[64];
    struct af_contract **deferred = NULL;
    size_t len, timer_count;
    const struct af_check_timer *armed = af_check_timers(check, local, &timer_count);
    saved.data = af_check_word_bytes(&check->words, local->data, &saved.data_len);
    if (timer_count > sizeof timers / sizeof timers[0])
        return af_failure_set(why, AF_FAILURE_FLOW, check->who[local->member].id,
                              "more than 64 timers are armed at once: a check takes no more");
    for (size_t i = 0; i < timer_count; i++) {
        const char *name = af_check_word_bytes(&check->words, armed[i].name, NULL);
        timers[i] = (struct af_party_saved_timer){armed[i].name == 0 ? NULL : name,
                                                  kept_ns + (int64_t)i, kept_ns + (int64_t)i};
    }
    saved.timers = timers;
    saved.timer_count = timer_count;
    const uint32_t *numbers = af_check_word_bytes(&check->words, local->deferred, &len);
    saved.deferred_count = len / sizeof *numbers;
    deferred = af_mem_zero(saved.deferred_count + 1, sizeof(struct af_contract *));
    struct put_kept kept = {check, party};
    af_party_each_ref(saved.data, saved.data_len, put_kept, &kept);
    for (size_t i = 0; i < saved.deferred_count; i++) {
        deferred[i] = make_contract(check, numbers[i]);
        af_party_each_ref(deferred[i]->content, deferred[i]->content_len, put_kept, &kept);
    }
    saved.deferred = deferred;
    int result = af_party_restore(party, &saved, why);
    free(deferred);
    if (result == 0)
        af_party_heard(party);
    return result;
}

/* ---- Looking at it afterwards. ---- */

static uint32_t text_or_none(struct af_check *check, const char *text)
{
    return text == NULL ? 0 : af_check_text(&check->words, text) + 1;
}

static void look_at_timers(struct af_check *check, const struct af_party *party,
                           struct af_check_outcome *out)
{
    out->timer_count = 0;
    for (size_t i = 0; i < af_party_timer_count(party); i++) {
        struct af_party_saved_timer timer = af_party_timer(party, i);
        af_mem_reserve(&out->timers, &out->timer_cap, out->timer_count + 1, sizeof *out->timers);
        out->timers[out->timer_count++] = (struct af_check_left){
            .name = timer.name == NULL ? 0 : af_check_text(&check->words, timer.name),
            .left_ns = timer.length_ns,
            .kept = timer.length_ns >= kept_ns};
    }
}

static void note_kept(struct af_check *check, const struct af_party *party)
{
    size_t count;
    const struct af_party_kept *kept = af_party_kept(party, &count);
    char url[AF_FILE_URL_BYTES];
    for (size_t i = 0; i < count; i++)
        af_file_store_put_as(check->calls->kept, kept[i].ref + sizeof "kept:" - 1, kept[i].bytes,
                             kept[i].len, url);
}

static void look(struct af_check *check, struct af_party *party, uint32_t version,
                 struct af_check_outcome *out)
{
    struct af_check_local *next = &out->next;
    struct af_script_party *script = af_party_script(party);
    struct af_buf deferred = AF_BUF_EMPTY;
    size_t len;
    const char *data = af_script_party_data(script, &len);
    int state = af_script_party_state(script);
    *next = (struct af_check_local){.member = af_party_spec(party)->member,
                                    .status = (uint32_t)af_party_status(party),
                                    .version = version,
                                    .state = state < 0 ? AF_CHECK_NONE : (uint32_t)state};
    next->data = data == NULL ? 0 : af_check_word(&check->words, data, len);
    next->result = text_or_none(check, af_party_result(party));
    next->reason = text_or_none(check, af_party_reason(party));
    for (size_t i = 0; i < af_party_deferred(party); i++) {
        const struct af_contract *contract =
            af_party_waiting_contract(party, af_party_queued(party) + i);
        uint32_t from = 0;
        while (strcmp(check->who[from].id, contract->from) != 0)
            from++;
        uint32_t number =
            af_check_message_text(check, from, next->member, contract->type, contract->type_len,
                                  contract->content, contract->content_len);
        af_buf_append(&deferred, &number, sizeof number);
    }
    next->deferred =
        af_check_word(&check->words, deferred.data == NULL ? "" : deferred.data, deferred.len);
    af_buf_release(&deferred);
    look_at_timers(check, party, out);
    note_kept(check, party);
}

/* ---- The call. ---- */

static struct af_party *make(struct af_check *check, uint32_t version, uint32_t member)
{
    struct af_party_spec spec = {.owner = &check->owner,
                                 .loop = check->loop,
                                 .script = check->scripts[version],
                                 .id = check->who[member].id,
                                 .task = "check",
                                 .member = member,
                                 .role = check->roles[version][member],
                                 .seed = af_party_seed(1, check->who[member].id),
                                 .fixed = true};
    return af_party_new(&spec, &check->why);
}

static void refuse_reload(struct af_check *check, struct af_party *party,
                          struct af_check_outcome *out, const struct af_failure *why)
{
    char text[AF_FAILURE_TEXT_MAX + 100];
    char where[AF_FLOW_PLACE_BYTES];
    const struct af_flow_state *state = af_party_state(party);
    snprintf(text, sizeof text, "the upgrade in state '%s' is refused: %s", state->name, why->why);
    af_flow_place(af_script_file(check->scripts[0])->name, state->line, where, sizeof where);
    out->violation = af_check_violation(check, AF_CHECK_REFUSED,
                                        check->roles[0][af_party_spec(party)->member], where, text);
}

static void give(struct af_check *check, struct af_party *party, uint32_t input,
                 struct af_check_outcome *out, uint32_t *version)
{
    uint32_t number = input & AF_CHECK_NUMBER, kind = input & ~(uint32_t)AF_CHECK_NUMBER;
    check->calls->may_take = kind != AF_CHECK_RELOAD;
    switch (kind) {
    case AF_CHECK_CONTRACT:
        af_party_receive(party, make_contract(check, number));
        break;
    case AF_CHECK_TIMER:
        af_party_fire(party, number == 0 ? NULL : af_check_word_bytes(&check->words, number, NULL));
        break;
    case AF_CHECK_RECALL:
        af_party_go_on(party);
        break;
    default: {
        assert(kind == AF_CHECK_RELOAD); /* all else is no call */
        struct af_failure why = AF_FAILURE_INIT;
        uint32_t member = af_party_spec(party)->member;
        if (af_party_move(party, check->scripts[1], check->roles[1][member], &why) != 0) {
            refuse_reload(check, party, out, &why);
            break;
        }
        *version = 1;
    }
    }
}

static int run_call(struct af_check *check, struct af_party *party, uint32_t from, uint32_t input,
                    struct af_check_outcome *out)
{
    struct af_check_local local;
    uint32_t version = 0;
    out->violation = AF_CHECK_NONE;
    check->calls->recording = out;
    check->calls->may_take = false;
    check->calls->recorded_input = from == AF_CHECK_NONE ? AF_CHECK_TIMER : input;
    if (from == AF_CHECK_NONE) {
        af_party_start(party);
    } else {
        local = check->locals[from];
        version = local.version;
        if (put(check, party, &local, &check->why) != 0)
            return -1;
        give(check, party, input, out, &version);
    }
    look(check, party, version, out);
    out->notes = af_check_watch_noted(check);
    return 0;
}

static void outcome_release(struct af_check_outcome *out)
{
    free(out->timers);
    free(out->sends);
}

/* Two that raise are the same, whatever they say: a limit is met here by memory, there by depth. */
static bool same_outcome(const struct af_check_outcome *a, const struct af_check_outcome *b)
{
    if (a->violation != AF_CHECK_NONE && b->violation != AF_CHECK_NONE && a->ends_run &&
        b->ends_run)
        return true;
    if (memcmp(&a->next, &b->next, AF_CHECK_LOCAL_KEYS * sizeof(uint32_t)) != 0 ||
        a->send_count != b->send_count || a->timer_count != b->timer_count ||
        a->violation != b->violation ||
        (a->send_count > 0 && memcmp(a->sends, b->sends, a->send_count * sizeof *a->sends) != 0))
        return false;
    for (size_t i = 0; i < a->timer_count; i++)
        if (a->timers[i].name != b->timers[i].name || a->timers[i].left_ns != b->timers[i].left_ns)
            return false;
    return true;
}

/* What differs between the two, in words. */
static const char *difference(const struct af_check_outcome *a, const struct af_check_outcome *b)
{
    return a->next.state != b->next.state     ? "the next state"
           : a->next.data != b->next.data     ? "party.data"
           : a->next.result != b->next.result ? "the result"
           : a->next.reason != b->next.reason ? "the reason"
           : a->violation != b->violation     ? "an error"
           : a->send_count != b->send_count   ? "what is sent"
                                              : "what is sent, or when";
}

static void note_impure(struct af_check *check, uint32_t member, uint32_t from, uint32_t input,
                        struct af_check_outcome *out, const struct af_check_outcome *other)
{
    struct af_buf text = AF_BUF_EMPTY, where = AF_BUF_EMPTY;
    af_check_describe_call(check, member, from, input, &where, &text);
    af_buf_printf(&text,
                  " is not pure: the same call in a fresh instance differs in %s; it depends on "
                  "something else than party, event and sender",
                  difference(out, other));
    out->violation = af_check_violation(check, AF_CHECK_ERROR, check->roles[0][member],
                                        af_buf_text(&where), af_buf_text(&text));
    out->ends_run = true;
    af_buf_release(&text);
    af_buf_release(&where);
}

static int run_twice(struct af_check *check, uint32_t member, uint32_t from, uint32_t input,
                     struct af_check_outcome *out)
{
    uint32_t version = from == AF_CHECK_NONE ? 0 : check->locals[from].version;
    struct af_check_outcome again = {0};
    struct af_party *fresh = make(check, version, member);
    struct af_party **old = &check->calls->old[version][member];
    bool moves = (input & ~(uint32_t)AF_CHECK_NUMBER) == AF_CHECK_RELOAD && from != AF_CHECK_NONE;
    int result = -1;
    if (*old == NULL)
        *old = make(check, version, member);
    if (fresh != NULL && *old != NULL) {
        af_party_rewind(*old);
        result = run_call(check, *old, from, input, out);
    }
    if (result == 0)
        result = run_call(check, fresh, from, input, &again);
    if (af_script_interrupted()) { /* in its middle, perhaps: what it did tells nothing */
        result = 0;
        check->why = (struct af_failure)AF_FAILURE_INIT;
        out->violation = AF_CHECK_NONE;
        out->ends_run = true;
    } else if (result == 0 && !same_outcome(out, &again))
        note_impure(check, member, from, input, out, &again);
    outcome_release(&again);
    af_party_free(fresh);
    if (moves) { /* it is of the second version now */
        af_party_free(*old);
        *old = NULL;
    }
    return result;
}

const struct af_check_outcome *af_check_call(struct af_check *check, uint32_t member, uint32_t from,
                                             uint32_t input)
{
    uint32_t key[16] = {member, AF_CHECK_NONE, input};
    size_t words = 3;
    if (from != AF_CHECK_NONE) { /* the time left of its timers is nothing that a handler sees */
        const struct af_check_local *local = &check->locals[from];
        size_t count;
        struct af_buf names = AF_BUF_EMPTY;
        const struct af_check_timer *timers = af_check_timers(check, local, &count);
        for (size_t i = 0; i < count; i++)
            af_buf_append(&names, &timers[i].name, sizeof timers[i].name);
        memcpy(key + 3, local, AF_CHECK_CALL_KEYS * sizeof(uint32_t));
        key[2 + AF_CHECK_CALL_KEYS] =
            af_check_word(&check->words, names.data == NULL ? "" : names.data, names.len);
        key[1] = 0;
        words += AF_CHECK_CALL_KEYS;
        af_buf_release(&names);
    }
    uint32_t number = af_check_word(&check->calls->keys, key, words * sizeof *key);
    size_t had = check->calls->outcome_cap;
    af_mem_reserve(&check->calls->outcomes, &check->calls->outcome_cap, (size_t)number + 1,
                   sizeof *check->calls->outcomes);
    if (check->calls->outcome_cap > had)
        memset(check->calls->outcomes + had, 0,
               (check->calls->outcome_cap - had) * sizeof *check->calls->outcomes);
    bool is_new = !check->calls->outcomes[number].known;
    if (!is_new) {
        af_check_same_called(check, number, false);
        return &check->calls->outcomes[number];
    }
    struct af_check_outcome out = {.known = true, .violation = AF_CHECK_NONE};
    if (run_twice(check, member, from, input, &out) != 0)
        out.ends_run = true;
    check->calls->outcomes[number] = out;
    af_check_same_called(check, number, true);
    return &check->calls->outcomes[number];
}

void af_check_calls_new(struct af_check *check)
{
    const struct af_flow *flow = check->flows[0];
    struct af_check_calls *calls = check->calls = af_mem_zero(1, sizeof *calls);
    check->owner = (struct af_party_owner){.arg = check,
                                           .ready = ready,
                                           .publish = publish,
                                           .fate = fate,
                                           .finding = finding,
                                           .made = made,
                                           .late = late,
                                           .log = log_line,
                                           .stepped = stepped};
    for (size_t version = 0; version < check->version_count; version++) {
        af_script_set_owner(check->scripts[version], answer_call, check);
        af_script_simulate(check->scripts[version]);
        calls->old[version] = af_mem_zero(check->members, sizeof(struct af_party *));
    }
    calls->store = af_file_store_new();
    calls->kept = af_file_store_new();
    calls->passed = af_mem_zero(flow->role_count, sizeof(bool *));
    for (size_t i = 0; i < flow->role_count; i++)
        calls->passed[i] = af_mem_zero(flow->roles[i].state_count + 1, sizeof(bool));
}

void af_check_calls_free(struct af_check *check)
{
    struct af_check_calls *calls = check->calls;
    if (calls == NULL)
        return;
    for (size_t version = 0; version < check->version_count; version++) {
        for (uint32_t i = 0; i < check->members; i++)
            af_party_free(calls->old[version][i]);
        free(calls->old[version]);
    }
    for (size_t i = 0; i < calls->outcome_cap; i++)
        outcome_release(&calls->outcomes[i]);
    free(calls->outcomes);
    af_check_words_release(&calls->keys);
    af_happenings_release(&calls->happenings);
    af_file_store_free(calls->store);
    af_file_store_free(calls->kept);
    for (size_t i = 0; i < check->flows[0]->role_count; i++)
        free(calls->passed[i]);
    free(calls->passed);
    free(calls);
}
