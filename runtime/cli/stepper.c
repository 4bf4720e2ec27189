/* stepper.c: see stepper.h. */
#include "cli/stepper.h"

#include "trace/contract.h"
#include "base/bounds.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/near.h"
#include "json/json.h"
#include "party/party.h"
#include "script/request.h"
#include "script/script.h"
#include "script/tool.h"
#include "sim/sim.h"
#include "trace/veil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] = "  Enter, n [N]          the next step, or N of them\n"
                           "  b [N]                 back by a step, or N\n"
                           "  t N                   to step N\n"
                           "  s state NAME          stop when a party has entered the state\n"
                           "  s event TYPE          … has taken such an event\n"
                           "  s line [FILE:]N       … has run this line\n"
                           "  s, s none             the stops; none any more\n"
                           "  g                     go on to the next stop\n"
                           "  p                     all parties: state, queue\n"
                           "  d PARTY               its data\n"
                           "  q PARTY               its queue and what it has deferred\n"
                           "  c                     go on to the end\n"
                           "  x                     leave\n";

enum kind { STATE, EVENT, LINE };
static const char *const kind_words[] = {"state", "event", "line"};

struct af_stepper_stop {
    enum kind kind;
    char name[200]; /* of a line: the file, or "" */
    int line;
};

/* ---- What happens. ---- */

static void reach(struct af_stepper *stepper, enum kind kind, const char *name, const char *party)
{
    for (size_t i = 0; name != NULL && i < stepper->stop_count; i++)
        if (stepper->stops[i].kind == kind && strcmp(stepper->stops[i].name, name) == 0)
            snprintf(stepper->reached, sizeof stepper->reached, "%s: %s %s", party,
                     kind_words[kind], name);
}

static void look_for_stops(struct af_stepper *stepper, const char *line, size_t len)
{
    struct af_request record;
    const char *kind, *party;
    if (af_request_read(&record, line, len) &&
        (kind = af_request_string(&record, "kind")) != NULL &&
        (party = af_request_string(&record, "party")) != NULL) {
        const struct af_request_field *through = af_request_list(&record, "through");
        bool starts = strcmp(kind, "start") == 0;
        for (size_t i = 0; through != NULL && i < through->item_count; i++)
            reach(stepper, STATE, through->items[i], party);
        if (starts || (strcmp(kind, "state") == 0 && af_request_bool(&record, "entered")))
            reach(stepper, STATE, af_request_string(&record, "state"), party);
        if (strcmp(kind, "deliver") == 0)
            reach(stepper, EVENT, af_request_string(&record, "type"), party);
    }
    af_request_release(&record);
}

void af_stepper_record(struct af_stepper *stepper, const char *line, size_t len)
{
    if (stepper->runs_on)
        return;
    if (stepper->records.len > 0)
        af_buf_append_char(&stepper->records, ',');
    af_buf_append(&stepper->records, line, len);
    if (stepper->stop_count > 0)
        look_for_stops(stepper, line, len);
}

void af_stepper_begin(struct af_stepper *stepper)
{
    for (size_t i = 0; i < stepper->data_count; i++)
        free(stepper->data[i]);
    free(stepper->data);
    stepper->data = NULL;
    stepper->data_count = 0;
    stepper->again = false;
    af_buf_clear(&stepper->records);
    stepper->reached[0] = '\0';
}

void af_stepper_release(struct af_stepper *stepper)
{
    af_stepper_begin(stepper);
    af_buf_release(&stepper->records);
    free(stepper->stops);
    af_script_unwatch_lines();
}

/* ---- Showing it. ---- */

/* Prints what scripts/tool/steps makes of a request, which is ended here; or the texts as they are.
 */
static void print_lines(struct af_buf *request, const char *otherwise)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_request answer = {0};
    af_buf_append_char(request, '}');
    char *text = af_tool_work("steps", request->data, request->len, &why);
    if (text == NULL || !af_request_read(&answer, text, strlen(text))) {
        af_log_write_safe(stdout, otherwise, strlen(otherwise));
        putchar('\n');
    } else {
        const struct af_request_field *lines = af_request_list(&answer, "lines");
        for (size_t i = 0; lines != NULL && i < lines->item_count; i++) {
            af_log_write_safe(stdout, lines->items[i], strlen(lines->items[i]));
            putchar('\n');
        }
    }
    af_request_release(&answer);
    af_buf_release(request);
    free(text);
}

static const char *data_of(const struct af_sim *sim, size_t i, size_t *len)
{
    struct af_party *party = af_sim_party(sim, i);
    if (party == NULL) {
        *len = 0;
        return NULL;
    }
    return af_script_party_data(af_party_script(party), len);
}

/* Notes what the parties have now; what differs from before is added to the list. */
static void note_data(struct af_stepper *stepper, const struct af_sim *sim, struct af_buf *changes)
{
    size_t count = af_sim_party_count(sim), len;
    bool first = stepper->data == NULL;
    if (first || count > stepper->data_count) {
        stepper->data = af_mem_grow(stepper->data, count * sizeof(char *));
        memset(stepper->data + stepper->data_count, 0,
               (count - stepper->data_count) * sizeof(char *));
        stepper->data_count = count;
    }
    for (size_t i = 0; i < count; i++) {
        const char *now = data_of(sim, i, &len), *before = stepper->data[i];
        if (now == NULL ||
            (before != NULL && strlen(before) == len && memcmp(before, now, len) == 0))
            continue;
        if (!first) {
            af_buf_append_string(changes, changes->len == 0 ? "{\"party\":" : ",{\"party\":");
            af_json_write_text(changes, af_sim_party_id(sim, i));
            af_buf_append_string(changes, ",\"before\":");
            af_veil_data(af_sim_veil(sim), before == NULL ? "{}" : before,
                         before == NULL ? 2 : strlen(before), changes);
            af_buf_append_string(changes, ",\"after\":");
            af_veil_data(af_sim_veil(sim), now, len, changes);
            af_buf_append_char(changes, '}');
        }
        free(stepper->data[i]);
        stepper->data[i] = af_mem_copy(now, len);
    }
}

static void show_step(struct af_stepper *stepper, const struct af_buf *changes)
{
    struct af_buf request = AF_BUF_EMPTY;
    if (stepper->records.len > 0 || changes->len > 0) {
        af_buf_append_string(&request, "{\"records\":[");
        af_buf_append_string(&request, af_buf_text(&stepper->records));
        af_buf_append_string(&request, "],\"changes\":[");
        af_buf_append_string(&request, af_buf_text(changes));
        af_buf_append_char(&request, ']');
        print_lines(&request, af_buf_text(&stepper->records));
    }
    if (stepper->reached[0] != '\0')
        printf("  stopped at %s\n", stepper->reached);
}

/* ---- Commands. ---- */

static void show_parties(const struct af_sim *sim)
{
    static const char *const words[] = {"not started", "", "done", "failed", "lost"};
    for (size_t i = 0; i < af_sim_party_count(sim); i++) {
        const struct af_party *party = af_sim_party(sim, i);
        const char *plain = af_sim_plain_word(sim, i);
        if (plain != NULL)
            printf("  %-20s a plain function, %s\n", af_sim_party_id(sim, i), plain);
        if (party == NULL)
            continue;
        const struct af_flow_state *state = af_party_state(party);
        printf("  %-20s %-24s %zu queued, %zu deferred%s%s%s\n", af_sim_party_id(sim, i),
               state == NULL ? "-" : state->name, af_party_queued(party), af_party_deferred(party),
               af_party_is_down(party) ? ", down" : "",
               words[af_party_status(party)][0] ? ", " : "", words[af_party_status(party)]);
    }
}

static void show_data(const struct af_sim *sim, struct af_party *party)
{
    struct af_buf request = AF_BUF_EMPTY, shown = AF_BUF_EMPTY;
    size_t len;
    const char *data = af_script_party_data(af_party_script(party), &len);
    af_veil_data(af_sim_veil(sim), data, len, &shown);
    af_buf_append_string(&request, "{\"show\":");
    af_buf_append(&request, shown.data, shown.len);
    print_lines(&request, af_buf_text(&shown));
    af_buf_release(&shown);
}

static void show_queue(const struct af_party *party)
{
    size_t queued = af_party_queued(party), count = queued + af_party_deferred(party);
    for (size_t i = 0; i < count; i++) {
        const struct af_contract *contract = af_party_waiting_contract(party, i);
        printf("  %s %s from %s\n", i < queued ? "queued  " : "deferred", contract->type,
               contract->from == NULL ? "?" : contract->from);
    }
    if (count == 0)
        puts("  empty");
}

static void look_at(char command, const struct af_sim *sim, const char *name)
{
    size_t at = af_sim_find_party(sim, name), count = af_sim_party_count(sim);
    struct af_party *party = at < count ? af_sim_party(sim, at) : NULL;
    if (party != NULL && command == 'd') {
        show_data(sim, party);
    } else if (party != NULL) {
        show_queue(party);
    } else if (at < count) {
        printf("  %s is a plain function: it has no data, and no queue\n", name);
    } else {
        struct af_near near;
        af_near_init(&near, name);
        for (size_t i = 0; i < count; i++)
            af_near_add(&near, af_sim_party_id(sim, i));
        printf("  there is no party '%s'%s\n", name, af_near_text(&near, "there are"));
        af_near_release(&near);
    }
}

static void show_stops(const struct af_stepper *stepper)
{
    for (size_t i = 0; i < stepper->stop_count; i++) {
        const struct af_stepper_stop *stop = &stepper->stops[i];
        if (stop->kind == LINE)
            printf("  line %s%s%d\n", stop->name, stop->name[0] == '\0' ? "" : ":", stop->line);
        else
            printf("  %s %s\n", kind_words[stop->kind], stop->name);
    }
    if (stepper->stop_count == 0)
        puts("  there are no stops: s state NAME, s event TYPE or s line N");
}

/* Whether the flow has such a state or event; else says which it has. */
static bool is_known(struct af_sim *sim, enum kind kind, const char *name)
{
    const struct af_flow *flow = af_script_flow(af_sim_script(sim, 0));
    struct af_near near;
    bool known = false;
    if (flow == NULL) {
        puts("  a script has no states and no events of a flow; s line [FILE:]N");
        return false;
    }
    af_near_init(&near, name);
    for (size_t i = 0; kind == EVENT && i < flow->event_count; i++) {
        if (!flow->events[i].predefined)
            af_near_add(&near, flow->events[i].type);
        known = known || strcmp(flow->events[i].type, name) == 0;
    }
    for (size_t i = 0; kind == STATE && i < flow->role_count; i++)
        for (size_t k = 0; k < flow->roles[i].state_count; k++) {
            af_near_add(&near, flow->roles[i].states[k].name);
            known = known || strcmp(flow->roles[i].states[k].name, name) == 0;
        }
    if (!known)
        printf("  there is no %s '%s'%s\n", kind_words[kind], name,
               af_near_text(&near, "there are"));
    af_near_release(&near);
    return known;
}

/* Reads "[FILE:]N". Returns false, which is told, if none of the scripts has that line. */
static bool read_line(const struct af_sim *sim, const char *text, struct af_stepper_stop *stop)
{
    const char *colon = strrchr(text, ':'), *digits = colon == NULL ? text : colon + 1;
    size_t len = strlen(digits);
    enum af_script_line is = AF_LINE_OF_NO_FILE;
    if (len == 0 || len > 8 || digits[strspn(digits, "0123456789")] != '\0' || atoi(digits) == 0) {
        printf("  '%s' is no line: s line 12, s line FILE:12\n", text);
        return false;
    }
    stop->line = atoi(digits);
    snprintf(stop->name, sizeof stop->name, "%.*s", (int)(digits - text - (colon != NULL)), text);
    for (size_t i = 0; is != AF_LINE_MAY_RUN && af_sim_script(sim, i) != NULL; i++) {
        enum af_script_line here = af_script_line_at(af_sim_script(sim, i), stop->name, stop->line);
        is = here > is ? here : is;
    }
    const char *own = af_script_file(af_sim_script(sim, 0))->name;
    const char *file = stop->name[0] == '\0' ? own : stop->name;
    if (is == AF_LINE_OF_NO_FILE)
        printf("  the flow has no file '%s'\n", file);
    else if (is == AF_LINE_IS_NONE)
        printf("  %s has no line %d%s\n", file, stop->line,
               colon == NULL ? "; a module's is FILE:N" : "");
    else if (is == AF_LINE_HAS_NO_CODE)
        printf("  nothing runs at line %d of %s: it has no code\n", stop->line, file);
    return is == AF_LINE_MAY_RUN;
}

/* Adds a stop. Lines are noted by runs that begin later: true if this one must begin again. */
static bool add_stop(struct af_stepper *stepper, struct af_sim *sim, const char *kind,
                     const char *name)
{
    struct af_stepper_stop stop = {.kind = STATE};
    size_t i = 0;
    while (i < sizeof kind_words / sizeof kind_words[0] && strcmp(kind_words[i], kind) != 0)
        i++;
    if (i == sizeof kind_words / sizeof kind_words[0] || name[0] == '\0') {
        puts("  s state NAME, s event TYPE or s line [FILE:]N");
        return false;
    }
    stop.kind = (enum kind)i;
    if (stop.kind != LINE && !is_known(sim, stop.kind, name))
        return false;
    if (stop.kind != LINE)
        snprintf(stop.name, sizeof stop.name, "%s", name);
    else if (!read_line(sim, name, &stop))
        return false;
    else if (!af_script_watch_line(stop.name, stop.line)) {
        puts("  there are too many stops: s none");
        return false;
    }
    af_mem_reserve(&stepper->stops, &stepper->stop_cap, stepper->stop_count + 1,
                   sizeof *stepper->stops);
    stepper->stops[stepper->stop_count++] = stop;
    return stop.kind == LINE;
}

/* s …: returns whether the run must begin again. */
static bool obey_stop(struct af_stepper *stepper, struct af_sim *sim, const char *kind,
                      const char *name)
{
    if (kind[0] == '\0')
        show_stops(stepper);
    else if (strcmp(kind, "none") != 0)
        return add_stop(stepper, sim, kind, name);
    else {
        stepper->stop_count = 0;
        af_script_unwatch_lines();
    }
    return false;
}

/* Has the run go on to before step `goal`, or come back to it. */
static void go_to(struct af_stepper *stepper, uint64_t here, uint64_t goal)
{
    stepper->goal = goal;
    stepper->again = goal <= here;
}

/* How many steps, or which: 1 where nothing is said; 0, which is told: it is no number of steps. */
static uint64_t read_number(char command, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t number = text[0] == '\0' && command != 't' ? 1 : strtoull(text, NULL, 10);
    if (text[digits] != '\0' || digits > 18 || number == 0) {
        printf(command == 't' ? "  '%s' is no step: t N, from 1\n"
                              : "  '%s' is no number of steps\n",
               text);
        return 0;
    }
    return number;
}

/* One command, before step `here`; returns whether the run is to go on, or to be left. */
static bool obey(struct af_stepper *stepper, const char *line, struct af_sim *sim, uint64_t here)
{
    char word[8] = "n", first[200] = "", second[200] = "";
    sscanf(line, "%7s %199s %199s", word, first, second);
    char command = word[1] == '\0' ? word[0] : '?';
    uint64_t by = strchr("nbt", command) == NULL ? 1 : read_number(command, first);
    if (by == 0)
        return false;
    switch (command) {
    case 'n':
        go_to(stepper, here - 1, here + by);
        return true;
    case 'b':
        go_to(stepper, here, by < here ? here - by : 1);
        return true;
    case 't':
        if (by == here)
            return false;
        go_to(stepper, here, by);
        return true;
    case 'g':
        stepper->goes = stepper->stop_count > 0;
        if (!stepper->goes)
            show_stops(stepper);
        return stepper->goes;
    case 'c':
        stepper->runs_on = true;
        return true;
    case 'x':
        stepper->left = true;
        return true;
    case 's':
        if (!obey_stop(stepper, sim, first, second))
            return false;
        go_to(stepper, here, here);
        return true;
    case 'p':
        show_parties(sim);
        return false;
    case 'd':
    case 'q':
        look_at(command, sim, first);
        return false;
    default:
        fputs(help, stdout);
        return false;
    }
}

/* Asks until the run is to go on, or to be left. */
static void ask(struct af_stepper *stepper, struct af_sim *sim, uint64_t here, bool over)
{
    char line[512];
    do {
        if (over)
            printf("the run is over, %.6f s> ", (double)af_sim_now_ns(sim) / 1e9);
        else
            printf("step %llu, %.6f s> ", (unsigned long long)here,
                   (double)af_sim_now_ns(sim) / 1e9);
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL) {
            stepper->runs_on = true;
            putchar('\n');
            return;
        }
        if (isatty(STDIN_FILENO) == 0) /* nobody has seen it being typed */
            af_log_write_safe(stdout, line, strcspn(line, "\n")), putchar('\n');
    } while (!obey(stepper, line, sim, here));
}

static bool note_step(struct af_stepper *stepper, struct af_sim *sim, uint64_t here, bool over,
                      struct af_buf *changes)
{
    char place[240];
    bool line = af_script_line_reached(place, sizeof place) && here > 1;
    note_data(stepper, sim, changes);
    if (line)
        snprintf(stepper->reached, sizeof stepper->reached, "line %s", place);
    return over || (stepper->goes ? stepper->reached[0] != '\0' : here >= stepper->goal);
}

bool af_stepper_ask(struct af_stepper *stepper, struct af_sim *sim)
{
    struct af_buf changes = AF_BUF_EMPTY;
    uint64_t here = af_sim_steps(sim) + 1;
    if (stepper->runs_on)
        return true;
    if (!stepper->greeted)
        fputs(help, stdout);
    stepper->greeted = true;
    bool asks = note_step(stepper, sim, here, false, &changes);
    if (asks)
        show_step(stepper, &changes);
    af_buf_clear(&stepper->records);
    af_buf_release(&changes);
    stepper->reached[0] = '\0';
    if (asks) {
        stepper->goes = false;
        ask(stepper, sim, here, false);
    }
    return !stepper->left && !stepper->again;
}

void af_stepper_ask_at_end(struct af_stepper *stepper, struct af_sim *sim)
{
    struct af_buf changes = AF_BUF_EMPTY;
    uint64_t here = af_sim_steps(sim) + 1;
    if (stepper->runs_on || stepper->left || stepper->again)
        return;
    note_step(stepper, sim, here, true, &changes);
    show_step(stepper, &changes);
    af_buf_release(&changes);
    stepper->goes = false;
    ask(stepper, sim, here, true);
}
