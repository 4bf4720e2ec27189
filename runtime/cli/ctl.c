/* ctl.c: see ctl.h. */
#include "cli/ctl.h"

#include "base/buf.h"
#include "cli/ctl_reload.h"
#include "cli/ctl_status.h"
#include "cli/ctl_ui.h"
#include "base/failure.h"
#include "base/io.h"
#include "cli/answer.h"
#include "json/rows.h"
#include "base/near.h"
#include "script/request.h"
#include "trace/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FOLLOW_EVERY_US = 300000 };

static void print_answer(const char *kind, const struct af_buf *answer)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_ctl_begin_answer(&out, kind, answer);
    af_answer_print(&out);
}

/* ---- Commands. ---- */

static bool waits_for_approval(const struct af_buf *answer)
{
    struct af_request fields;
    bool waits =
        af_request_read(&fields, answer->data, answer->len) && af_request_bool(&fields, "asked");
    af_request_release(&fields);
    return waits;
}

static int launch(const struct af_ctl *ctl, const char *flow, struct af_failure *why)
{
    struct af_buf question = AF_BUF_EMPTY, answer = AF_BUF_EMPTY;
    const char *missing = ctl->task == NULL ? "--task" : ctl->role == NULL ? "--role" : NULL;
    if (missing != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, missing, "is missing");
    af_buf_append_string(&question, "{\"cmd\":\"launch\"");
    af_json_add_text(&question, "flow", flow);
    af_json_add_text(&question, "task", ctl->task);
    af_json_add_text(&question, "role", ctl->role);
    af_json_begin(&question, "peers", '[');
    for (size_t i = 0; i < ctl->peers.count; i++)
        af_json_item_pair(&question, ctl->peers.items[i].role, ctl->peers.items[i].node);
    af_buf_append_string(&question, "],\"args\":[");
    for (size_t i = 0; i < ctl->args.count; i++)
        af_json_item_pair(&question, ctl->args.items[i].name, ctl->args.items[i].value);
    af_buf_append_string(&question, "]}\n");
    int result = af_ctl_ask(ctl, &question, &answer, why);
    if (result == 0)
        result = af_ctl_check_answer(&answer, why);
    if (result == 0 && ctl->json)
        print_answer("ctl-launch", &answer);
    else if (result == 0)
        printf(waits_for_approval(&answer)
                   ? "task '%s', role %s of %s waits for afrun ctl approve\n"
                   : "launched: task '%s', role %s of %s\n",
               ctl->task, ctl->role, flow);
    af_buf_release(&question);
    af_buf_release(&answer);
    return result;
}

static int status(const struct af_ctl *ctl, const char *task, struct af_failure *why)
{
    struct af_buf answer = AF_BUF_EMPTY;
    int result = af_ctl_ask_about(ctl, "status", task, 0, &answer, why);
    if (result == 0 && ctl->json)
        print_answer("ctl-status", &answer);
    else if (result == 0)
        result = af_ctl_print_status(&answer, why);
    af_buf_release(&answer);
    return result;
}

static int data(const struct af_ctl *ctl, const char *task, struct af_failure *why)
{
    struct af_buf answer = AF_BUF_EMPTY;
    int result = af_ctl_ask_about(ctl, "data", task, 0, &answer, why);
    if (result == 0 && ctl->json) {
        print_answer("ctl-data", &answer);
    } else if (result == 0) {
        struct af_json_span found =
            af_json_find((struct af_json_span){answer.data, answer.len}, "data");
        printf("%.*s\n", (int)found.len, found.at);
    }
    af_buf_release(&answer);
    return result;
}

/* What became of an order, in words. */
static void tell_order(const char *task, const char *words, const struct af_buf *answer)
{
    struct af_request fields;
    int64_t count = -1;
    if (af_request_read(&fields, answer->data, answer->len) &&
        af_request_integer(&fields, "count", &count))
        printf(count == 0   ? "%s: has no dead letters; if an older store broke it, `afrun ctl "
                              "retry` has it go on\n"
               : count == 1 ? "%s: its dead letter is handed out again\n"
                            : "%s: its %lld dead letters are handed out again\n",
               task, (long long)count);
    else
        printf("%s: %s\n", task, words);
    af_request_release(&fields);
}

static int order(const struct af_ctl *ctl, const char *command, const char *words, const char *task,
                 struct af_failure *why)
{
    struct af_buf answer = AF_BUF_EMPTY;
    char kind[32];
    snprintf(kind, sizeof kind, "ctl-%s", command);
    int result = af_ctl_ask_about(ctl, command, task, 0, &answer, why);
    if (result == 0 && ctl->json)
        print_answer(kind, &answer);
    else if (result == 0)
        tell_order(task, words, &answer);
    af_buf_release(&answer);
    return result;
}

static int send_event(const struct af_ctl *ctl, const char *task, struct af_failure *why)
{
    struct af_buf question = AF_BUF_EMPTY, answer = AF_BUF_EMPTY;
    struct af_request fields;
    static const char *const became[][2] = {{"given", "was given"},
                                            {"deferred", "was given; its state defers it"},
                                            {"ignored", "was given; its state ignores it"}};
    if (ctl->event == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "send", "name the event");
    af_buf_append_string(&question, "{\"cmd\":\"send\"");
    af_json_add_text(&question, "task", task);
    af_json_add_text(&question, "event", ctl->event);
    af_json_add_text(&question, "fields", ctl->fields);
    af_buf_append_string(&question, "}\n");
    int result = af_ctl_ask(ctl, &question, &answer, why);
    if (result == 0)
        result = af_ctl_check_answer(&answer, why);
    if (result == 0 && ctl->json) {
        print_answer("ctl-send", &answer);
    } else if (result == 0 && af_request_read(&fields, answer.data, answer.len)) {
        const char *word = af_request_string(&fields, "became");
        for (size_t i = 0; i < sizeof became / sizeof became[0]; i++)
            if (word != NULL && strcmp(word, became[i][0]) == 0)
                printf("%s: %s %s\n", task, ctl->event, became[i][1]);
        af_request_release(&fields);
    }
    af_buf_release(&question);
    af_buf_release(&answer);
    return result;
}

static int print_log(const struct af_ctl *ctl, const char *task, struct af_failure *why)
{
    struct af_buf whole = AF_BUF_EMPTY; /* for --json */
    int64_t from = 0, next = 0;
    int result;
    do {
        struct af_buf answer = AF_BUF_EMPTY;
        struct af_request fields;
        result = af_ctl_ask_about(ctl, "log", task, from, &answer, why);
        if (result == 0 && af_request_read(&fields, answer.data, answer.len)) {
            const char *text = af_request_string(&fields, "text");
            af_request_integer(&fields, "next", &next);
            if (text != NULL && ctl->json)
                af_buf_append_string(&whole, text);
            else if (text != NULL)
                fputs(text, stdout);
            af_request_release(&fields);
        }
        fflush(stdout);
        af_buf_release(&answer);
        if (result == 0 && next == from && ctl->follow)
            usleep(FOLLOW_EVERY_US);
        else if (next == from)
            break;
        from = next;
    } while (result == 0);
    if (result == 0 && ctl->json) {
        struct af_buf out = AF_BUF_EMPTY;
        af_answer_begin(&out, "ctl-log");
        af_json_add_bool(&out, "ok", true);
        af_json_add_text(&out, "task", task);
        af_json_add_text(&out, "text", af_buf_text(&whole));
        af_answer_print(&out);
    }
    af_buf_release(&whole);
    return result;
}

static bool print_line(void *arg, struct af_json_span line)
{
    af_trace_file_line(arg, line.at, line.len);
    return true;
}

/* {"ok":true,"lines":[{…},…]}: each a line of the trace. */
static int print_lines(const struct af_buf *answer, struct af_trace_file *file,
                       struct af_failure *why)
{
    struct af_json_span lines =
        af_json_find((struct af_json_span){answer->data, answer->len}, "lines");
    return af_json_each(lines, print_line, file)
               ? 0
               : af_failure_set(why, AF_FAILURE_TRANSPORT, "ctl",
                                "the node's answer cannot be read");
}

struct trace_place {
    int64_t seq, t_ns;
    bool is_over;
};

/* A piece of a trace, and where the next one begins. */
static int ask_trace(const struct af_ctl *ctl, const char *task, struct trace_place *place,
                     struct af_buf *answer, struct af_failure *why)
{
    struct af_buf question = AF_BUF_EMPTY;
    struct af_request fields;
    af_buf_append_string(&question, "{\"cmd\":\"trace\"");
    af_json_add_text(&question, "task", task);
    af_buf_printf(&question, ",\"from\":%lld,\"at\":%lld,\"follow\":%s}\n", (long long)place->seq,
                  (long long)place->t_ns, ctl->follow ? "true" : "false");
    int result = af_ctl_ask(ctl, &question, answer, why);
    af_buf_release(&question);
    if (result == 0)
        result = af_ctl_check_answer(answer, why);
    if (result != 0)
        return result;
    place->is_over = !af_request_read(&fields, answer->data, answer->len) ||
                     !af_request_integer(&fields, "next", &place->seq) ||
                     !af_request_integer(&fields, "at", &place->t_ns) ||
                     af_request_bool(&fields, "over");
    af_request_release(&fields);
    return 0;
}

static int write_trace(const struct af_ctl *ctl, const char *task, struct trace_place *place,
                       struct af_buf *first, struct af_trace_file *file, struct af_failure *why)
{
    int result = print_lines(first, file, why);
    while (result == 0 && !place->is_over) {
        int64_t before = place->seq;
        af_buf_clear(first);
        result = ask_trace(ctl, task, place, first, why);
        if (result == 0)
            result = print_lines(first, file, why);
        if (result == 0 && !place->is_over && place->seq == before) {
            af_trace_file_flush(file);
            usleep(FOLLOW_EVERY_US);
        }
    }
    return result;
}

static int trace(const struct af_ctl *ctl, const char *task, struct af_failure *why)
{
    struct af_buf answer = AF_BUF_EMPTY;
    struct trace_place place = {.seq = -1};
    int result = ctl->json ? af_ctl_ask_about(ctl, "trace", task, 0, &answer, why)
                           : ask_trace(ctl, task, &place, &answer, why);
    if (result == 0 && ctl->json) {
        print_answer("ctl-trace", &answer);
    } else if (result == 0) {
        struct af_trace_file *file =
            af_trace_file_create(ctl->output == NULL ? "-" : ctl->output, why);
        result = file == NULL ? -1 : write_trace(ctl, task, &place, &answer, file, why);
        if (file != NULL && af_trace_file_finish(file, result == 0, result == 0 ? why : NULL) != 0)
            result = -1;
    }
    af_buf_release(&answer);
    return result;
}

/* `reload` and `rollback`. */
static int move_flow(const struct af_ctl *ctl, const char *command, const char *flow,
                     struct af_failure *why)
{
    struct af_buf question = AF_BUF_EMPTY, answer = AF_BUF_EMPTY;
    char kind[32];
    snprintf(kind, sizeof kind, "ctl-%s", command);
    af_buf_printf(&question, "{\"cmd\":\"%s\"", command);
    af_json_add_text(&question, "flow", flow);
    af_buf_printf(&question, ",\"dry_run\":%s,\"restart_waiting\":%s,\"wait\":%.3f}\n",
                  ctl->dry_run ? "true" : "false", ctl->restart_waiting ? "true" : "false",
                  (double)ctl->wait_ns / 1e9);
    int result = af_ctl_ask(ctl, &question, &answer, why);
    if (result == 0)
        result = af_ctl_check_answer(&answer, why);
    if (result == 0 && ctl->json)
        print_answer(kind, &answer);
    else if (result == 0)
        result = af_ctl_print_reload(&answer, why);
    af_buf_release(&question);
    af_buf_release(&answer);
    return result;
}

static int reload(const struct af_ctl *ctl, const char *flow, struct af_failure *why)
{
    return move_flow(ctl, "reload", flow, why);
}

static int rollback(const struct af_ctl *ctl, const char *flow, struct af_failure *why)
{
    return move_flow(ctl, "rollback", flow, why);
}

static int retry(const struct af_ctl *ctl, const char *task, struct af_failure *why)
{
    return order(ctl, "retry", "tried again", task, why);
}

static int approve(const struct af_ctl *ctl, const char *task, struct af_failure *why)
{
    return order(ctl, "approve", ctl->refuse ? "refused" : "launched", task, why);
}

static int again(const struct af_ctl *ctl, const char *task, struct af_failure *why)
{
    return order(ctl, "again", "", task, why);
}

static int stop(const struct af_ctl *ctl, const char *task, struct af_failure *why)
{
    return order(ctl, "stop", "stopped", task, why);
}

static int pause_party(const struct af_ctl *ctl, const char *task, struct af_failure *why)
{
    return order(ctl, "pause", "paused", task, why);
}

static int resume_party(const struct af_ctl *ctl, const char *task, struct af_failure *why)
{
    return order(ctl, "resume", "goes on", task, why);
}

static int forget(const struct af_ctl *ctl, const char *task, struct af_failure *why)
{
    return order(ctl, "forget", "forgotten", task, why);
}

/* The node writes the file, from another folder than ours. */
static int backup(const struct af_ctl *ctl, const char *file, struct af_failure *why)
{
    struct af_buf path = AF_BUF_EMPTY, question = AF_BUF_EMPTY, answer = AF_BUF_EMPTY;
    char folder[PATH_MAX];
    if (file[0] != '/' && getcwd(folder, sizeof folder) != NULL)
        af_buf_printf(&path, "%s/", folder);
    af_buf_append_string(&path, file);
    af_buf_append_string(&question, "{\"cmd\":\"backup\"");
    af_json_add_text(&question, "file", af_buf_text(&path));
    af_buf_append_string(&question, "}\n");
    int result = af_ctl_ask(ctl, &question, &answer, why);
    if (result == 0)
        result = af_ctl_check_answer(&answer, why);
    if (result == 0 && ctl->json)
        print_answer("ctl-backup", &answer);
    else if (result == 0)
        printf("%s: written\n", file);
    af_buf_release(&path);
    af_buf_release(&question);
    af_buf_release(&answer);
    return result;
}

/* What the node tells, in a new file. */
static int write_file(const struct af_ctl *ctl, const char *command, const char *file,
                      const char *holds, struct af_failure *why)
{
    struct af_buf answer = AF_BUF_EMPTY;
    char kind[32];
    int result = af_ctl_ask_about(ctl, command, NULL, 0, &answer, why);
    int fd = result != 0 ? -1 : open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (result == 0 && (fd < 0 || !af_io_write_all(fd, answer.data, answer.len)))
        result = af_failure_set(why, AF_FAILURE_TRANSPORT, file, "cannot be written: %s",
                                strerror(errno));
    if (fd >= 0)
        close(fd);
    snprintf(kind, sizeof kind, "ctl-%s", command);
    if (result == 0 && ctl->json)
        print_answer(kind, &answer);
    else if (result == 0)
        printf("%s: written; it holds %s\n", file, holds);
    af_buf_release(&answer);
    return result;
}

static int support(const struct af_ctl *ctl, const char *file, struct af_failure *why)
{
    return write_file(ctl, "support", file, "names of tasks and nodes, and no contents", why);
}

static int latencies(const struct af_ctl *ctl, const char *file, struct af_failure *why)
{
    return write_file(ctl, "latencies", file, "names of nodes; see afrun run --latency-model", why);
}

static const struct {
    const char *name;
    const char *word; /* what it is about; NULL: it may be about all */
    int more;         /* words that may follow; -1: it is about nothing */
    int (*run)(const struct af_ctl *ctl, const char *about, struct af_failure *why);
} commands[] = {
    {"launch", "flow", 0, launch},       {"status", NULL, 0, status},
    {"approve", "task", 0, approve},     {"reload", "flow", 0, reload},
    {"rollback", "flow", 0, rollback},   {"retry", "task", 0, retry},
    {"again", "task", 0, again},         {"stop", "task", 0, stop},
    {"log", "task", 0, print_log},       {"trace", "task", 0, trace},
    {"send", "task", 2, send_event},     {"pause", "task", 0, pause_party},
    {"resume", "task", 0, resume_party}, {"forget", "task", 0, forget},
    {"backup", "file", 0, backup},       {"support", "file", 0, support},
    {"data", "task", 0, data},           {"ui", NULL, -1, af_ctl_ui},
    {"latencies", "file", 0, latencies},
};

static int refuse_command(const char *word, struct af_failure *why)
{
    struct af_near near;
    af_near_init(&near, word);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        af_near_add(&near, commands[i].name);
    af_failure_set(
        why, AF_FAILURE_USAGE, "ctl", "%s%s%s%s", word[0] == '\0' ? "which command" : "'", word,
        word[0] == '\0' ? "" : "' is no command of it", af_near_text(&near, "commands are"));
    af_near_release(&near);
    return -1;
}

int af_ctl_run(struct af_ctl *ctl, char **words, int count, struct af_failure *why)
{
    const char *command = count > 0 ? words[0] : "", *about = count > 1 ? words[1] : NULL;
    size_t i = 0, known = sizeof commands / sizeof commands[0];
    while (i < known && strcmp(commands[i].name, command) != 0)
        i++;
    if (i == known)
        return refuse_command(command, why);
    if (commands[i].word != NULL && about == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, command, "name the %s", commands[i].word);
    if (count > 2 + commands[i].more)
        return af_failure_set(why, AF_FAILURE_USAGE, words[2 + commands[i].more],
                              "is one word too many");
    ctl->event = count > 2 ? words[2] : NULL;
    ctl->fields = count > 3 ? words[3] : NULL;
    return commands[i].run(ctl, about, why);
}
