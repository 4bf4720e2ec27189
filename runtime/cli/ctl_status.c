/* ctl_status.c: see ctl_status.h. */
#include "cli/ctl_status.h"

#include "base/buf.h"
#include "base/failure.h"
#include "json/rows.h"
#include "base/log.h"
#include "script/request.h"

#include <stdio.h>
#include <string.h>

static const char *or_dash(const char *text)
{
    return text == NULL || text[0] == '\0' ? "-" : text;
}

/* 75 → "1 min 15 s" */
static void print_duration(int64_t seconds)
{
    if (seconds < 60)
        printf("%lld s", (long long)seconds);
    else if (seconds < 3600)
        printf("%lld min %lld s", (long long)(seconds / 60), (long long)(seconds % 60));
    else if (seconds < 86400)
        printf("%lld h %lld min", (long long)(seconds / 3600), (long long)(seconds % 3600 / 60));
    else
        printf("%lld d %lld h", (long long)(seconds / 86400), (long long)(seconds % 86400 / 3600));
}

static void print_number(const struct af_request *party, const char *name, const char *words)
{
    int64_t value = 0;
    if (af_request_integer(party, name, &value) && value > 0)
        printf("; %lld %s", (long long)value, words);
}

static void print_safe(const char *text)
{
    af_log_write_safe(stdout, text, strlen(text));
}

/* "    words a, b" */
static void print_words(const struct af_request *item, const char *name, const char *words)
{
    const struct af_request_field *list = af_request_list(item, name);
    for (size_t i = 0; list != NULL && i < list->item_count; i++) {
        printf(i == 0 ? "    %s " : ", ", words);
        print_safe(list->items[i]);
    }
    if (list != NULL && list->item_count > 0)
        putchar('\n');
}

static void print_rejected(const struct af_request *party)
{
    const struct af_request_field *rejected = af_request_list(party, "rejected");
    for (size_t i = 0; rejected != NULL && i < rejected->item_count; i++) {
        fputs("    cannot read ", stdout);
        print_safe(rejected->items[i]);
        putchar('\n');
    }
}

/* "    its result: object, 12 bytes", or as it is: the last member of {"type", "bytes", "value"}.
 */
static void print_result(const struct af_json_span *result)
{
    static const char mark[] = ",\"value\":";
    struct af_request about;
    int64_t bytes = 0;
    if (result->at == NULL)
        return;
    const char *value = memmem(result->at, result->len, mark, sizeof mark - 1);
    fputs("    its result: ", stdout);
    if (value != NULL) {
        value += sizeof mark - 1;
        af_log_write_safe(stdout, value, (size_t)(result->at + result->len - 1 - value));
    } else if (af_request_read(&about, result->at, result->len)) {
        af_request_integer(&about, "bytes", &bytes);
        printf("%s, %lld bytes", or_dash(af_request_string(&about, "type")), (long long)bytes);
        af_request_release(&about);
    }
    putchar('\n');
}

static void print_party(const struct af_request *party, struct af_json_span json, int64_t now_s)
{
    const struct af_json_span result = af_json_find(json, "result");
    int64_t since = now_s, progress = -1, version = 0, paused = 0;
    const char *waits = af_request_string(party, "waits"),
               *error = af_request_string(party, "error");
    af_request_integer(party, "since", &since);
    af_request_integer(party, "progress", &progress);
    af_request_integer(party, "version", &version);
    print_safe(or_dash(af_request_string(party, "task")));
    printf("  %s of %s (version %lld)  %s  for ", or_dash(af_request_string(party, "role")),
           or_dash(af_request_string(party, "flow")), (long long)version,
           or_dash(af_request_string(party, "status")));
    print_duration(now_s > since ? now_s - since : 0);
    if (progress >= 0)
        printf("; %lld %%", (long long)progress);
    if (af_request_integer(party, "paused", &paused)) {
        fputs("; paused for ", stdout);
        print_duration(now_s > paused ? now_s - paused : 0);
    }
    print_number(party, "queue", "queued");
    print_number(party, "deferred", "deferred");
    print_number(party, "unsent", "not taken by the bus yet");
    print_number(party, "kept", "taken by it, and kept (--keep-sent)");
    print_number(party, "dead_letters", "dead letters");
    print_number(party, "worker_restarts", "restarts of its worker");
    putchar('\n');
    if (waits != NULL) {
        fputs("    ", stdout);
        print_safe(waits);
        putchar('\n');
    }
    print_words(party, "not_granted", "its bundle wants, and has not:");
    print_rejected(party);
    print_result(&result);
    if (error != NULL) {
        fputs("    ", stdout);
        print_safe(error);
        putchar('\n');
    }
}

/* A launch that the service told of and that does not run here. */
static void print_refused(const struct af_request *refused, struct af_json_span json, int64_t now_s)
{
    (void)json;
    int64_t at = now_s;
    af_request_integer(refused, "at", &at);
    print_safe(or_dash(af_request_string(refused, "task")));
    fputs("  not launched, ", stdout);
    print_duration(now_s > at ? now_s - at : 0);
    fputs(" ago: ", stdout);
    print_safe(or_dash(af_request_string(refused, "why")));
    putchar('\n');
}

/* What stands in the flows folder and is not run, and why. */
static void print_not_taken(const struct af_request *refused, struct af_json_span json,
                            int64_t now_s)
{
    (void)json;
    int64_t at = now_s;
    af_request_integer(refused, "at", &at);
    print_safe(or_dash(af_request_string(refused, "file")));
    fputs("  changed, and is not taken since ", stdout);
    print_duration(now_s > at ? now_s - at : 0);
    fputs(": ", stdout);
    print_safe(or_dash(af_request_string(refused, "why")));
    putchar('\n');
}

/* An object of a list: its flat members, and as it stands in the answer. */
typedef void print_fn(const struct af_request *item, struct af_json_span json, int64_t now_s);

struct each {
    print_fn *print;
    int64_t now_s;
    size_t count;
};

static bool print_item(void *arg, struct af_json_span json)
{
    struct each *each = arg;
    struct af_request item;
    if (af_request_read(&item, json.at, json.len))
        each->print(&item, json, each->now_s);
    af_request_release(&item);
    each->count++;
    return true;
}

static void print_file(const struct af_request *file, struct af_json_span json, int64_t now_s)
{
    (void)json, (void)now_s;
    int64_t bytes = 0;
    af_request_integer(file, "bytes", &bytes);
    fputs("    file ", stdout);
    print_safe(or_dash(af_request_string(file, "name")));
    printf(", %lld bytes, SHA-256 %s\n", (long long)bytes,
           or_dash(af_request_string(file, "sha256")));
}

/* A launch that waits for the operator who reads this. */
static void print_asked(const struct af_request *ask, struct af_json_span json, int64_t now_s)
{
    int64_t asked = now_s, version = 0;
    const char *from = af_request_string(ask, "from"), *signer = af_request_string(ask, "signer"),
               *verdict = af_request_string(ask, "verdict");
    struct af_json_span files = af_json_find(json, "files");
    af_request_integer(ask, "asked", &asked);
    af_request_integer(ask, "version", &version);
    print_safe(or_dash(af_request_string(ask, "task")));
    fputs("  waits for afrun ctl approve (or --refuse) for ", stdout);
    print_duration(now_s > asked ? now_s - asked : 0);
    fputs(": ", stdout);
    print_safe(from == NULL ? "the operator" : or_dash(from));
    printf(" wants %s launched in role %s\n", or_dash(af_request_string(ask, "flow")),
           or_dash(af_request_string(ask, "role")));
    print_words(ask, "args", "with");
    print_words(ask, "peers", "among");
    printf("    it is %s, version %lld, ", or_dash(af_request_string(ask, "name")),
           (long long)version);
    if (signer == NULL)
        puts("of whoever wrote it (no --trust)");
    else
        printf("signed by key %s\n", signer);
    af_json_each(files, print_item, &(struct each){print_file, now_s, 0});
    print_words(ask, "wants", "it wants");
    print_words(ask, "not_granted", "of which it has not");
    printf("    afrun check (%s): %s", or_dash(af_request_string(ask, "sizes")),
           verdict == NULL                     ? "under way"
           : strcmp(verdict, "none") == 0      ? "no verdict: "
           : strcmp(verdict, "violation") == 0 ? "a violation: "
                                               : "");
    if (verdict != NULL)
        print_safe(or_dash(af_request_string(ask, "verdict_text")));
    putchar('\n');
}

static void print_nothing_runs(void)
{
    puts("no parties; launch one: afrun ctl launch FLOW --task T --role R");
}

/* The lists of a node's status. */
static const struct {
    const char *name;
    print_fn *print;
    void (*none)(void);
} lists[] = {{"parties", print_party, print_nothing_runs},
             {"asked", print_asked, NULL},
             {"refused", print_refused, NULL},
             {"not_taken", print_not_taken, NULL}};

static bool print_lists(struct af_json_span answer, int64_t now_s)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct each each = {lists[i].print, now_s, 0};
        struct af_json_span list = af_json_find(answer, lists[i].name);
        if (list.at != NULL && !af_json_each(list, print_item, &each))
            return false;
        if (list.at != NULL && each.count == 0 && lists[i].none != NULL)
            lists[i].none();
    }
    return true;
}

static int64_t number(const struct af_request *request, const char *name)
{
    int64_t value = 0;
    af_request_integer(request, name, &value);
    return value;
}

/* Of a bus of many servers: "NATS: …" */
static void print_cluster(struct af_json_span json, int64_t now_s)
{
    struct af_request cluster;
    if (json.at == NULL || !af_request_read(&cluster, json.at, json.len))
        return;
    const char *cut = af_request_string(&cluster, "cut_off"),
               *name = af_request_string(&cluster, "name");
    int64_t since_s = number(&cluster, "since");
    if (cut == NULL)
        printf("at %s%s%s", or_dash(af_request_string(&cluster, "server")),
               name == NULL ? "" : " of cluster ", name == NULL ? "" : name);
    else
        printf("CUT OFF (%s)", cut);
    fputs(" for ", stdout);
    print_duration(now_s > since_s ? now_s - since_s : 0);
    print_number(&cluster, "reconnects", "times connected again");
    if (cut == NULL) {
        const char *leader = af_request_string(&cluster, "leader");
        if (leader != NULL && name != NULL)
            printf("; %s leads%s", leader,
                   af_request_bool(&cluster, "one_leader") ? "" : ", among others");
        printf("; %lld wait, %lld of them in hand, in %lld of %lld queues",
               (long long)number(&cluster, "waiting"),
               (long long)number(&cluster, "unacknowledged"), (long long)number(&cluster, "asked"),
               (long long)number(&cluster, "queues"));
        print_number(&cluster, "behind", "replicas are behind, or away");
    }
    putchar('\n');
    af_request_release(&cluster);
}

int af_ctl_print_status(const struct af_buf *answer, struct af_failure *why)
{
    struct af_request node;
    int64_t now_s = 0, began_s = 0;
    bool ok = af_request_read(&node, answer->data, answer->len);
    if (ok) {
        af_request_integer(&node, "now", &now_s);
        af_request_integer(&node, "began", &began_s);
        printf("node %s over %s, up for ", or_dash(af_request_string(&node, "node")),
               or_dash(af_request_string(&node, "bus")));
        print_duration(now_s - began_s);
        puts(af_request_bool(&node, "jail") ? "" : "; its workers are NOT jailed");
        if (af_request_string(&node, "store") != NULL)
            printf("what happens cannot be kept: %s\n", af_request_string(&node, "store"));
        if (af_request_string(&node, "launches_wrong") != NULL)
            printf("the rules of launches stay as they were: %s\n",
                   af_request_string(&node, "launches_wrong"));
        if (af_request_string(&node, "bus_older") != NULL)
            printf("nothing is sent or acknowledged: %s\n", af_request_string(&node, "bus_older"));
    }
    print_cluster(af_json_find((struct af_json_span){answer->data, answer->len}, "cluster"), now_s);
    af_request_release(&node);
    ok = ok && print_lists((struct af_json_span){answer->data, answer->len}, now_s);
    return ok ? 0
              : af_failure_set(why, AF_FAILURE_TRANSPORT, "ctl",
                               "the node's answer cannot be read");
}
