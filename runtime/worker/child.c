/* child.c: see child.h.
 *
 * It reads a message, does what it says, and reads the next. Lua runs only while a DELIVER or an
 * ANSWER is done, or a file is loaded; each ends in one message, which is written at once: the node
 * knows by that what this process is busy with. */
#include "worker/child.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "worker/jail.h"
#include "base/log.h"
#include "base/mem.h"
#include "script/script.h"
#include "worker/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct task {
    struct af_script *script; /* NULL: it could not be made */
    struct af_failure why;
};

struct party {
    struct task *task;
    struct af_script_party *party; /* NULL: it could not be made */
    struct af_failure why;
    struct af_buf input; /* what it was delivered last: a delivery borrows it */
};

struct late { /* a message that came while a file was waited for */
    struct late *next;
    uint8_t type;
    struct af_buf body;
};

static struct {
    struct af_wire_link link;
    struct af_buf out;  /* a body that is being written */
    struct af_buf body; /* the message that is being done */
    struct late *late, **late_end;
    char *name;              /* of the flow's file */
    bool alone;              /* it runs one party */
    struct af_script *spare; /* from LOAD: the first task's */
    struct task **tasks;
    size_t task_cap;
    struct party **parties;
    size_t party_cap;
    bool over; /* the delivery that is being done has told its effects */
} worker;

/* ---- Talking. ---- */

/* The node is gone, or it is no node: there is nobody to tell. */
static _Noreturn void end(void)
{
    _exit(0);
}

static void flush(void)
{
    int left;
    while ((left = af_wire_flush(&worker.link)) > 0)
        continue;
    if (left < 0)
        end();
}

static bool put_with(enum af_wire_type type, const void *tail, size_t tail_len)
{
    bool sent = af_wire_send(&worker.link, type, &worker.out, tail, tail_len) == 0;
    af_buf_release(&worker.out);
    if (af_wire_unsent(&worker.link) > AF_WORKER_INLINE_BYTES)
        flush();
    return sent;
}

static bool put(enum af_wire_type type)
{
    return put_with(type, NULL, 0);
}

static void say(enum af_wire_type type)
{
    put(type);
    flush();
}

/* Reads a message, to the body that it is given; waits for it. */
static uint8_t hear(struct af_buf *body)
{
    struct af_wire_message message;
    const char *what;
    int got;
    while ((got = af_wire_next(&worker.link, &message, &what)) == 0)
        if (af_wire_fill(&worker.link) <= 0)
            end();
    if (got < 0)
        end();
    if (message.body.at == worker.link.big.data && message.body.at != NULL) { /* as it is */
        struct af_buf spent = *body;
        *body = worker.link.big;
        worker.link.big = spent;
        return message.type;
    }
    af_buf_clear(body);
    af_buf_append(body, message.body.at, (size_t)(message.body.end - message.body.at));
    return message.type;
}

static uint8_t next(struct af_buf *body)
{
    struct late *late = worker.late;
    if (late == NULL)
        return hear(body);
    uint8_t type = late->type;
    worker.late = late->next;
    if (worker.late == NULL)
        worker.late_end = &worker.late;
    af_buf_release(body);
    *body = late->body;
    free(late);
    return type;
}

static struct af_wire_in reader(const struct af_buf *body)
{
    const char *text = af_buf_text(body);
    return (struct af_wire_in){text, text + body->len, false};
}

static int ask_file(const char *path, struct af_buf *out, struct af_failure *why)
{
    struct af_buf body = AF_BUF_EMPTY;
    uint8_t type;
    af_wire_put_string(&worker.out, path);
    say(AF_WIRE_READ);
    while ((type = hear(&body)) != AF_WIRE_FILE) {
        struct late *late = af_mem_zero(1, sizeof *late);
        late->type = type;
        late->body = body;
        body = AF_BUF_EMPTY;
        *worker.late_end = late;
        worker.late_end = &late->next;
    }
    struct af_wire_in in = reader(&body);
    struct af_failure failure;
    size_t len;
    if (af_wire_read_failure(&in, &failure) != NULL)
        end();
    const char *bytes = af_wire_get_bytes(&in, &len);
    if (bytes != NULL)
        af_buf_append(out, bytes, len);
    else
        af_failure_set(why, AF_FAILURE_USAGE, failure.what, "%s", failure.why);
    af_buf_release(&body);
    return bytes != NULL ? 0 : -1;
}

/* What is written to standard error is a line for the node to tell: a flow's prints while it is
 * loaded, a bug of ours. */
static ssize_t tell(void *cookie, const char *text, size_t len)
{
    (void)cookie;
    static struct af_buf line;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\n' && line.len < AF_SCRIPT_NAME_BYTES_MAX) {
            af_buf_append_char(&line, text[i]);
            continue;
        }
        struct af_buf body = AF_BUF_EMPTY;
        af_wire_put_bytes(&body, af_buf_text(&line), line.len);
        af_wire_send(&worker.link, AF_WIRE_LOG, &body, NULL, 0);
        af_buf_release(&body);
        af_buf_clear(&line);
        flush();
    }
    return (ssize_t)len;
}

/* ---- Deliveries. ---- */

static void tell_raised(const char *text)
{
    struct af_effects effects = {
        .after_ns = -1, .progress = -1, .outcome = AF_OUTCOME_RAISED, .text = text};
    struct af_wire_done done = {-1, NULL, 0};
    af_buf_clear(&worker.out);
    af_wire_put_done(&worker.out, &effects, &done, af_script_flow(worker.spare));
    worker.over = true;
    say(AF_WIRE_DONE);
}

/* A delivery is over. What it came to is within script/effects.h's bounds, and so is its message.
 */
static void done(void *arg, struct af_script_party *party, const struct af_effects *effects)
{
    (void)arg;
    struct af_wire_done done = {af_script_party_state(party), NULL, 0};
    if (effects->data_changed)
        done.data = af_script_party_data(party, &done.data_len);
    af_wire_put_done(&worker.out, effects, &done, af_script_flow(worker.spare));
    worker.over = true;
    if (!put(AF_WIRE_DONE))
        tell_raised("a step's data and effects are too large");
    flush();
}

/* If it is not over, it waits. */
static void settle(const struct party *party)
{
    if (worker.over)
        return;
    af_wire_put_string(&worker.out, af_script_party_where(party->party));
    say(AF_WIRE_WAITS);
}

static void call(void *owner, struct af_script_party *party, const struct af_script_call *call)
{
    (void)owner;
    af_wire_put_call(&worker.out, call);
    if (!put_with(AF_WIRE_CALL, call->bytes, call->bytes_len) && call->id != 0) {
        struct af_answer answer = {.failure = "what it hands over is larger than 128 MiB"};
        af_script_answer(party, call->id, &answer);
    }
    if (call->id == 0)
        flush(); /* a line that people wait for */
}

static struct party *find_party(uint32_t number)
{
    if (number >= worker.party_cap || worker.parties[number] == NULL)
        end();
    return worker.parties[number];
}

static void do_deliver(struct af_buf *body)
{
    struct af_wire_in in = reader(body);
    struct party *party = find_party(af_wire_get_u32(&in));
    struct af_buf spent = party->input;
    party->input = *body;
    *body = spent;
    uint32_t number;
    struct af_input input;
    in = reader(&party->input);
    if (!af_wire_get_deliver(&in, &number, &input))
        end();
    worker.over = false;
    if (party->party == NULL) {
        char text[sizeof party->why + 4];
        snprintf(text, sizeof text, "%s: %s", party->why.what, party->why.why);
        tell_raised(text);
        return;
    }
    af_script_deliver(party->party, &input, done, NULL);
    settle(party);
}

static void do_answer(struct af_buf *body)
{
    struct af_wire_in in = reader(body);
    uint32_t number;
    uint64_t id;
    struct af_answer answer;
    if (!af_wire_get_answer(&in, &number, &id, &answer))
        end();
    struct party *party = find_party(number);
    worker.over = false;
    if (party->party == NULL)
        end();
    af_script_answer(party->party, id, &answer);
    settle(party);
}

/* ---- Files, tasks, parties. ---- */

static struct af_worker_asks asks = {ask_file};
static const struct af_script_source source = {af_worker_read_file, &asks};

static void do_load(struct af_buf *body)
{
    struct af_wire_in in = reader(body);
    struct af_failure why = AF_FAILURE_INIT;
    worker.name = af_mem_string(af_wire_get_string(&in));
    worker.alone = af_wire_get_u8(&in) == 1;
    worker.spare = af_script_load_from(worker.name, &source, &why);
    const struct af_flow *flow = worker.spare == NULL ? NULL : af_script_flow(worker.spare);
    if (worker.spare != NULL && flow == NULL && !worker.alone)
        af_failure_set(&why, AF_FAILURE_USAGE, worker.name,
                       "is no flow: a node runs files that `return af.flow {…}`");
    else if (flow != NULL)
        af_wire_check_flow(flow, worker.name, &why);
    af_wire_put_failure(&worker.out, &why);
    if (why.kind == AF_FAILURE_NONE)
        af_wire_put_flow(&worker.out, af_script_file(worker.spare), flow);
    say(AF_WIRE_LOADED);
    af_log_set_level(AF_LOG_ERROR); /* what the file printed is told once */
}

static void do_script(struct af_buf *body)
{
    struct af_wire_in in = reader(body);
    struct af_wire_script told;
    struct task *task = af_mem_zero(1, sizeof *task);
    if (!af_wire_get_script(&in, &told) || told.script >= AF_WORKER_TASKS_MAX)
        end();
    size_t cap = worker.task_cap;
    af_mem_reserve(&worker.tasks, &worker.task_cap, told.script + 1, sizeof(struct task *));
    for (; cap < worker.task_cap; cap++)
        worker.tasks[cap] = NULL;
    worker.tasks[told.script] = task;
    task->script = af_script_load_from(worker.name, &source, &task->why);
    if (task->script != NULL &&
        (af_script_flow(task->script) == NULL) != (af_script_flow(worker.spare) == NULL))
        af_failure_set(&task->why, AF_FAILURE_USAGE, worker.name,
                       "the flow did not load the same way again");
    if (task->why.kind == AF_FAILURE_NONE) {
        af_script_limit_memory(task->script,
                               worker.alone ? AF_WORKER_ALONE_BYTES : AF_WORKER_STATE_BYTES);
        af_script_set_owner(task->script, call, NULL);
        af_script_set_task(task->script, told.task_id, told.members, told.member_count, told.args,
                           told.arg_count, &task->why);
    }
    free(told.members);
    free(told.args);
}

static struct task *find_task(uint32_t number)
{
    if (number >= worker.task_cap || worker.tasks[number] == NULL)
        end();
    return worker.tasks[number];
}

static void do_check(struct af_buf *body)
{
    struct af_wire_in in = reader(body);
    af_wire_put_failure(&worker.out, &find_task(af_wire_get_u32(&in))->why);
    say(AF_WIRE_CHECKED);
}

static void do_party(struct af_buf *body)
{
    struct af_wire_in in = reader(body);
    struct af_wire_party told;
    struct party *party = af_mem_zero(1, sizeof *party);
    if (!af_wire_get_party(&in, &told) || told.party >= AF_WORKER_TASKS_MAX)
        end();
    size_t cap = worker.party_cap;
    af_mem_reserve(&worker.parties, &worker.party_cap, told.party + 1, sizeof(struct party *));
    for (; cap < worker.party_cap; cap++)
        worker.parties[cap] = NULL;
    worker.parties[told.party] = party;
    party->task = find_task(told.script);
    party->why = party->task->why;
    if (party->why.kind != AF_FAILURE_NONE)
        return;
    party->party =
        af_script_party_new(party->task->script, told.member, told.seed, NULL, &party->why);
    if (party->party == NULL || !told.restored ||
        af_script_party_restore(party->party, told.state, told.data, told.data_len, &party->why) ==
            0)
        return;
    af_script_party_free(party->party);
    party->party = NULL;
}

static void do_free_party(struct af_buf *body)
{
    struct af_wire_in in = reader(body);
    uint32_t number = af_wire_get_u32(&in);
    struct party *party = find_party(number);
    af_script_party_free(party->party);
    af_buf_release(&party->input);
    free(party);
    worker.parties[number] = NULL;
}

static void do_free_script(struct af_buf *body)
{
    struct af_wire_in in = reader(body);
    uint32_t number = af_wire_get_u32(&in);
    struct task *task = find_task(number);
    af_script_free(task->script);
    free(task);
    worker.tasks[number] = NULL;
}

static void do_probe(struct af_buf *body)
{
    struct af_wire_in in = reader(body);
    af_wire_put_u64(&worker.out, (uint64_t)af_worker_try(af_wire_get_u32(&in)));
    say(AF_WIRE_PROBED);
}

static void serve(void)
{
    static void (*const acts[])(struct af_buf *) = {
        [AF_WIRE_LOAD] = do_load,
        [AF_WIRE_SCRIPT] = do_script,
        [AF_WIRE_PARTY] = do_party,
        [AF_WIRE_CHECK] = do_check,
        [AF_WIRE_DELIVER] = do_deliver,
        [AF_WIRE_ANSWER] = do_answer,
        [AF_WIRE_PROBE] = do_probe,
        [AF_WIRE_FREE_PARTY] = do_free_party,
        [AF_WIRE_FREE_SCRIPT] = do_free_script,
    };
    for (;;) {
        uint8_t type = next(&worker.body);
        if (type >= sizeof acts / sizeof acts[0] || acts[type] == NULL)
            end();
        acts[type](&worker.body);
    }
}

/* ---- Becoming one. ---- */

static bool has_node(void)
{
    int domain = 0, type = 0;
    socklen_t len = sizeof domain;
    return getsockopt(AF_WORKER_SOCKET, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
           getsockopt(AF_WORKER_SOCKET, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
           domain == AF_UNIX && type == SOCK_STREAM;
}

/* If memory runs short for the machine, this process goes before its node. */
static void offer_for_killing(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "1000", 4) != 4)
        errno = 0; /* no such kernel: nothing depends on it */
    if (fd >= 0)
        close(fd);
}

/* Gives up all but the socket; reports of the sanitizers, which have no jail anyway, stay. */
static void let_go(bool jailed)
{
    static const cookie_io_functions_t told = {.write = tell};
    offer_for_killing();
    clearenv();
    close_range(AF_WORKER_SOCKET + 1, UINT_MAX, 0);
    if (jailed)
        close_range(0, AF_WORKER_SOCKET - 1, 0);
    FILE *lines = fopencookie(NULL, "w", told);
    if (lines == NULL)
        return;
    setvbuf(lines, NULL, _IOLBF, 0);
    stderr = lines;
}

int af_worker_main(int argc, char **argv)
{
    struct af_failure why = AF_FAILURE_INIT;
    bool limits_only = argc == 1 && strcmp(argv[0], AF_WORKER_LIMITS_ONLY) == 0;
    unsigned lacks;
    if (!has_node() || argc > 1 || (argc == 1 && !limits_only)) {
        fputs("afrun: worker: a node starts workers by itself; there is nothing to start by hand\n",
              stderr);
        return 2;
    }
    struct af_jail_spec spec = {getppid(), (size_t)AF_WORKER_ADDRESS_BYTES,
                                AF_WORKER_BODY_BYTES_MAX, AF_WORKER_DESCRIPTORS, limits_only};
    af_worker_probe_prepare();
    let_go(af_jail_has_filter() && !limits_only);
    af_wire_link_init(&worker.link, AF_WORKER_SOCKET);
    worker.late_end = &worker.late;
    af_script_stay_single();
    if (af_jail_enter_far(&spec, &lacks, &why) != 0) {
        af_failure_print(&why);
        return 3;
    }
    af_wire_put_hello(&worker.out, lacks);
    say(AF_WIRE_HELLO);
    serve();
    return 0;
}
