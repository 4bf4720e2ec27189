/* known.c: parties and contracts as numbers: see impl.h. */
#include "check/known.h"
#include "check/note.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <string.h>

const char *af_check_member_id(const struct af_check *check, uint32_t member)
{
    return check->who[member].id;
}

const char *af_check_role_name(const struct af_check *check, uint32_t member)
{
    return check->flows[0]->roles[check->roles[0][member]].name;
}

static void place(const struct af_check *check, uint32_t version, struct af_flow_line line,
                  struct af_buf *out)
{
    char text[AF_FLOW_PLACE_BYTES];
    af_buf_append_string(
        out, af_flow_place(af_script_file(check->scripts[version])->name, line, text, sizeof text));
}

void af_check_place(const struct af_check *check, const struct af_check_local *local,
                    struct af_buf *out)
{
    place(check, local->version,
          local->about == NULL ? (struct af_flow_line){0, NULL} : local->about->line, out);
}

void af_check_describe_call(const struct af_check *check, uint32_t member, uint32_t from,
                            uint32_t input, struct af_buf *where, struct af_buf *what)
{
    if (from == AF_CHECK_NONE) {
        place(check, 0, check->flows[0]->roles[check->roles[0][member]].line, where);
        af_buf_append_string(what, "the start");
        return;
    }
    const struct af_check_local *local = &check->locals[from];
    bool recalls = input == AF_CHECK_RECALL;
    if (input >= AF_CHECK_TIMER && !recalls) {
        af_check_place(check, local, where);
        af_buf_printf(what, "%s in state '%s'",
                      input == AF_CHECK_RELOAD ? "the upgrade" : "a timeout's handler",
                      local->about->name);
        return;
    }
    const struct af_check_message *message = &check->messages[recalls ? local->recalls : input];
    int event = message->event[local->version];
    place(check, local->version, event < 0 ? local->about->line : local->about->lines[event],
          where);
    af_buf_printf(what, "the handler of '%s' in state '%s'",
                  (const char *)af_check_word_bytes(&check->words, message->type, NULL),
                  local->about->name);
}

/* ---- Parties. ---- */

/* How it stands at the end of a run: "role\tdone", "role\tin\tstate". */
static uint32_t name_end(struct af_check *check, const struct af_check_local *local)
{
    struct af_buf text = AF_BUF_EMPTY;
    const char *role = af_check_role_name(check, local->member);
    static const char *const words[] = {NULL, NULL, "done", "failed", "lost"};
    if (local->over)
        af_buf_printf(&text, "%s\t%s", role, words[local->status]);
    else
        af_buf_printf(&text, "%s\tin\t%s", role, local->about == NULL ? "" : local->about->name);
    uint32_t word = af_check_text(&check->words, af_buf_text(&text));
    af_buf_release(&text);
    return word;
}

uint32_t af_check_recalls(const struct af_check *check, const struct af_check_local *local)
{
    size_t len;
    const uint32_t *deferred = af_check_word_bytes(&check->words, local->deferred, &len);
    if (local->status != AF_PARTY_ACTIVE || local->state == AF_CHECK_NONE)
        return AF_CHECK_NONE;
    const struct af_flow_state *state = &check->flows[local->version]
                                             ->roles[check->roles[local->version][local->member]]
                                             .states[local->state];
    for (size_t i = 0; i < len / sizeof *deferred; i++) {
        int event = check->messages[deferred[i]].event[local->version];
        if (event < 0 || state->events[event] != AF_EVENT_DEFERRED)
            return deferred[i];
    }
    return AF_CHECK_NONE;
}

/* A contract of which it has deferred too many copies. */
static uint32_t find_crowd(const struct af_check *check, const struct af_check_local *local)
{
    size_t len;
    const uint32_t *deferred = af_check_word_bytes(&check->words, local->deferred, &len);
    size_t count = len / sizeof *deferred;
    for (size_t i = 0; i + AF_CHECK_COPIES_MAX < count; i++) {
        size_t copies = 0;
        for (size_t k = i; k < count; k++)
            copies += deferred[k] == deferred[i] ? 1 : 0;
        if (copies > AF_CHECK_COPIES_MAX)
            return deferred[i];
    }
    return AF_CHECK_NONE;
}

static int64_t least_left(const struct af_check *check, const struct af_check_local *local)
{
    size_t count;
    const struct af_check_timer *timers = af_check_timers(check, local, &count);
    int64_t least_ns = -1;
    for (size_t i = 0; i < count; i++)
        if (least_ns < 0 || timers[i].left_ns < least_ns)
            least_ns = timers[i].left_ns;
    return least_ns;
}

/* Whether nothing moves it any more: no event is handled, no timer armed, and it is not reloaded.
 */
static bool is_still(const struct af_check *check, const struct af_check_local *local)
{
    size_t event_count = check->flows[0]->event_count, event = 0;
    if (check->version_count > 1 || local->about == NULL || local->timers != 0 ||
        local->status != AF_PARTY_ACTIVE || local->recalls != AF_CHECK_NONE)
        return false;
    while (event < event_count && local->about->events[event] != AF_EVENT_HANDLED)
        event++;
    return event == event_count;
}

static void derive(struct af_check *check, struct af_check_local *local)
{
    const struct af_flow_role *role =
        &check->flows[local->version]->roles[check->roles[local->version][local->member]];
    uint32_t view[] = {local->member,  local->status > AF_PARTY_ACTIVE ? local->status : 0,
                       local->version, local->state,
                       local->data,    local->result,
                       local->reason};
    bool lives = local->status == AF_PARTY_ACTIVE;
    local->stateless = local->state == AF_CHECK_NONE;
    local->about = local->stateless ? NULL : &role->states[local->state];
    local->recalls = af_check_recalls(check, local);
    local->up = lives && local->down == 0;
    local->takes = local->up && local->recalls == AF_CHECK_NONE;
    local->over = local->status > AF_PARTY_ACTIVE;
    local->gone = local->status == AF_PARTY_LOST;
    local->rests =
        lives && local->about != NULL && local->about->may_end && local->recalls == AF_CHECK_NONE;
    local->still = is_still(check, local);
    local->crowd = find_crowd(check, local);
    local->least_ns = least_left(check, local);
    local->view[0] = local->view[1] = af_check_word(&check->words, view, sizeof view);
    local->end = name_end(check, local);
}

uint32_t af_check_local(struct af_check *check, const struct af_check_local *local)
{
    uint32_t member = local->member, before = check->local_keys.count;
    uint32_t number =
        af_check_word(&check->local_keys, local, AF_CHECK_LOCAL_KEYS * sizeof(uint32_t));
    if (number < before)
        return number;
    af_mem_reserve(&check->locals, &check->local_cap, (size_t)number + 1, sizeof *check->locals);
    struct af_check_local *made = &check->locals[number];
    *made = *local;
    derive(check, made);
    made->number = (uint32_t)check->by_number_count[member]++;
    af_mem_reserve(&check->by_number[member], &check->by_number_cap[member],
                   check->by_number_count[member], sizeof **check->by_number);
    check->by_number[member][made->number] = number;
    return number;
}

/* ---- Contracts. ---- */

/* Whether a member's role has the event so in all of its states, in a version. */
static bool is_everywhere(const struct af_check *check, uint32_t member, size_t version, int event,
                          enum af_disposition how)
{
    const struct af_flow_role *role = &check->flows[version]->roles[check->roles[version][member]];
    for (size_t i = 0; i < role->state_count; i++)
        if ((event < 0 ? AF_EVENT_UNEXPECTED : role->states[i].events[event]) != how)
            return false;
    return true;
}

/* Fills in what a contract is in each version, and whether it does the same to its receiver
 * whenever it comes: that ignores it in all states; or expects it in none, where nothing that was
 * sent before may end it first. */
static void look_at_event(struct af_check *check, struct af_check_message *message)
{
    size_t len;
    const char *type = af_check_word_bytes(&check->words, message->type, &len);
    bool ignored = true;
    for (size_t version = 0; version < check->version_count; version++) {
        int event = af_flow_find_event(check->flows[version], type, len);
        message->event[version] = event;
        message->nowhere[version] =
            is_everywhere(check, message->to, version, event, AF_EVENT_UNEXPECTED);
        ignored = ignored && is_everywhere(check, message->to, version, event, AF_EVENT_IGNORED);
    }
    bool refused = message->nowhere[0] && !check->options->fifo && check->version_count == 1;
    message->inert = ignored || refused;
}

uint32_t af_check_message(struct af_check *check, const struct af_check_message *message)
{
    uint32_t before = check->message_keys.count;
    uint32_t number =
        af_check_word(&check->message_keys, message, AF_CHECK_MESSAGE_KEYS * sizeof(uint32_t));
    if (number < before)
        return number;
    af_mem_reserve(&check->messages, &check->message_cap, (size_t)number + 1,
                   sizeof *check->messages);
    struct af_check_message *made = &check->messages[number];
    *made = *message;
    made->link = message->to * check->members + message->from;
    look_at_event(check, made);
    return number;
}

uint32_t af_check_message_text(struct af_check *check, uint32_t from, uint32_t to, const char *type,
                               size_t type_len, const char *content, size_t content_len)
{
    struct af_check_message message = {
        .from = from,
        .to = to,
        .type = af_check_word(&check->words, type, type_len),
        .content = af_check_word(&check->words, content, content_len),
    };
    return af_check_message(check, &message);
}

/* ---- Violations. ---- */

/* A text in which it does not matter which party of a role is named: "worker-2" is "worker-". */
static uint32_t nameless(struct af_check *check, const char *text)
{
    struct af_buf out = AF_BUF_EMPTY;
    while (*text != '\0') {
        size_t longest = 0, kept = 0;
        for (uint32_t i = 0; i < check->members; i++) {
            const char *role = af_check_role_name(check, i);
            size_t len = strlen(check->who[i].id);
            if (len > longest && strncmp(text, check->who[i].id, len) == 0) {
                longest = len;
                kept = strlen(role) + 1;
            }
        }
        af_buf_append(&out, text, longest > 0 ? kept : 1);
        text += longest > 0 ? longest : 1;
    }
    uint32_t word = af_check_text(&check->words, af_buf_text(&out));
    af_buf_release(&out);
    return word;
}

uint32_t af_check_violation(struct af_check *check, enum af_check_kind kind, uint32_t role,
                            const char *where, const char *text)
{
    size_t len = where == NULL ? af_script_place_len(text) : 0;
    uint32_t place = where != NULL ? af_check_text(&check->words, where)
                                   : af_check_word(&check->words, text, len);
    if (len > 0)
        text += len + 1 + strspn(text + len + 1, " ");
    uint32_t said = af_check_text(&check->words, text);
    bool by_place = kind == AF_CHECK_ERROR && place != 0;
    uint32_t told = by_place ? 0 : nameless(check, text); /* of an error its place is enough */
    uint32_t key[] = {(uint32_t)kind, role, place, told};
    uint32_t before = check->found_keys.count;
    uint32_t number = af_check_word(&check->found_keys, key, sizeof key);
    if (number < before)
        return number;
    af_mem_reserve(&check->found, &check->found_cap, (size_t)number + 1, sizeof *check->found);
    check->found[number] = (struct af_check_found){.kind = kind,
                                                   .role = role,
                                                   .where = place,
                                                   .text = said,
                                                   .nameless = told,
                                                   .state = UINT64_MAX};
    return number;
}
