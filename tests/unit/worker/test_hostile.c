/* test_hostile.c: worker processes that break what a worker and its node have agreed on:
 * each is killed with a word for what it did, and the parties that share its process go on in the
 * next.
 *
 * The worker is this program: started as `afrun worker` it behaves, but that it breaks the rule
 * whose number is the name of its flow's file: while it is loaded, or when it is delivered a `bad`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/worker.h"
#include "worker/wire.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* ---- What it says of its flow. ---- */

enum { BAD, GOOD, EVENTS };
static uint8_t handled[EVENTS] = {AF_EVENT_HANDLED, AF_EVENT_HANDLED};
static struct af_flow_line lines[EVENTS] = {{3, NULL}, {4, NULL}};
static struct af_flow_event events[EVENTS] = {{.type = "bad", .type_len = 3, .fields = ""},
                                              {.type = "good", .type_len = 4, .fields = ""}};
static struct af_flow_state states[] = {
    {.name = "one", .events = handled, .lines = lines},
    {.name = "two", .has_after = true, .events = handled, .lines = lines}};
static struct af_flow_role role = {.name = "r", .states = states, .state_count = 2};
static struct af_flow flow = {.name = "hostile",
                              .version = 1,
                              .initiator = -1,
                              .roles = &role,
                              .role_count = 1,
                              .events = events,
                              .event_count = EVENTS};
static struct af_script_file file = {.name = "flow.lua"};

/* ---- The worker. ---- */

static struct af_wire_link node;
static struct af_buf body;

static void say(enum af_wire_type type)
{
    if (af_wire_send(&node, type, &body, NULL, 0) != 0 || af_wire_flush(&node) != 0)
        _exit(1);
    af_buf_clear(&body);
}

/* Bytes as they are, with descriptors. */
static void say_raw(const void *bytes, size_t len, const int *fds, size_t count)
{
    union {
        char bytes[CMSG_SPACE(16 * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec piece = {(void *)(uintptr_t)bytes, len};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    }
    if (sendmsg(AF_WORKER_SOCKET, &message, MSG_NOSIGNAL) < 0)
        _exit(1);
}

struct head { /* of a message, as it is on the socket */
    uint32_t len;
    uint8_t type, big;
    uint16_t zero;
};

static void say_head(uint32_t len, uint8_t type, uint8_t big, uint16_t zero)
{
    struct head head = {len, type, big, zero};
    say_raw(&head, sizeof head, NULL, 0);
}

/* The effects of a delivery that went well. */
static void say_done(const struct af_effects *effects, const struct af_wire_done *done)
{
    af_wire_put_done(&body, effects, done, &flow);
    say(AF_WIRE_DONE);
}

static const struct af_effects nothing = {.after_ns = -1, .progress = -1};

static void say_well(int state)
{
    struct af_wire_done done = {state, NULL, 0};
    say_done(&nothing, &done);
}

/* ---- Effects that may not be. ---- */

struct spoilt {
    struct af_effects effects;
    struct af_wire_done done;
    struct af_send send[2];
    uint32_t targets[4];
    struct af_deadline deadline;
    struct af_text log;
};

static char content[] = "{\"type\":\"good\"} {\"type\":\"bad\"} \"good\" \xFF name";
enum { AT_GOOD = 0, GOOD_LEN = 15, AT_BAD = 16, BAD_LEN = 14, AT_TEXT = 31, AT_BYTE = 38 };

static void one_send(struct spoilt *spoilt)
{
    spoilt->send[0] = (struct af_send){.first_target = 0,
                                       .target_count = 1,
                                       .content = AT_GOOD,
                                       .content_len = GOOD_LEN,
                                       .type = "good",
                                       .title = "task_inside"};
    spoilt->send[1] = spoilt->send[0];
    spoilt->effects.sends = spoilt->send;
    spoilt->effects.send_count = 1;
    spoilt->effects.targets = spoilt->targets;
    spoilt->effects.target_count = 1;
}

static void outcome_9(struct spoilt *s)
{
    s->effects.outcome = (enum af_outcome)9;
}

static void outcome_lost(struct spoilt *s)
{
    s->effects.outcome = AF_OUTCOME_LOST;
    s->effects.text = "gone";
}

static void done_without_json(struct spoilt *s)
{
    s->effects.outcome = AF_OUTCOME_DONE;
    s->effects.text = "{no json";
}

static void failed_without_reason(struct spoilt *s)
{
    s->effects.outcome = AF_OUTCOME_FAILED;
}

static void raised_and_sends(struct spoilt *s)
{
    one_send(s);
    s->effects.outcome = AF_OUTCOME_RAISED;
    s->effects.text = "an error";
}

static void state_7(struct spoilt *s)
{
    s->done.state = 7;
    s->effects.entered = true;
}

static void state_below_0(struct spoilt *s)
{
    s->done.state = -1;
}

static void state_that_was_not_entered(struct spoilt *s)
{
    s->done.state = 1;
}

static void after_where_there_is_none(struct spoilt *s)
{
    s->effects.entered = true;
    s->effects.after_ns = AF_S_NS;
}

static void after_ages(struct spoilt *s)
{
    s->done.state = 1;
    s->effects.entered = true;
    s->effects.after_ns = INT64_MAX;
}

static void progress_101(struct spoilt *s)
{
    s->effects.progress = 101;
}

static void data_no_json(struct spoilt *s)
{
    s->done.data = "{\"x\":";
    s->done.data_len = 5;
}

static void data_a_number(struct spoilt *s)
{
    s->done.data = "5";
    s->done.data_len = 1;
}

static void data_no_utf8(struct spoilt *s)
{
    s->done.data = "{\"x\":\"\xC0\x80\"}";
    s->done.data_len = 10;
}

static void data_of_17_mib(struct spoilt *s)
{
    static char large[17 << 20];
    memset(large, ' ', sizeof large);
    large[0] = '{';
    large[sizeof large - 1] = '}';
    s->done.data = large;
    s->done.data_len = sizeof large;
}

static void send_of_an_unknown_event(struct spoilt *s)
{
    one_send(s);
    s->send[0].type = "unheard of";
}

static void send_under_another_title(struct spoilt *s)
{
    one_send(s);
    s->send[0].title = "task_of_mine";
}

static void send_without_a_title(struct spoilt *s)
{
    one_send(s);
    s->send[0].title = NULL;
}

static void send_to_nobody(struct spoilt *s)
{
    one_send(s);
    s->send[0].target_count = 0;
}

static void send_to_a_node_beyond_the_task(struct spoilt *s)
{
    one_send(s);
    s->targets[0] = 3;
}

static void send_to_more_than_there_are(struct spoilt *s)
{
    one_send(s);
    s->send[0].target_count = 4;
}

static void send_of_another_type(struct spoilt *s)
{
    one_send(s);
    s->send[0].content = AT_BAD;
    s->send[0].content_len = BAD_LEN;
}

static void send_of_no_object(struct spoilt *s)
{
    one_send(s);
    s->send[0].content = AT_TEXT;
    s->send[0].content_len = 6;
}

static void send_beyond_its_bytes(struct spoilt *s)
{
    one_send(s);
    s->send[0].content_len = sizeof content + 100;
}

static void sends_that_overlap(struct spoilt *s)
{
    one_send(s);
    s->effects.send_count = 2;
}

static void deadline_beyond_its_bytes(struct spoilt *s)
{
    s->deadline = (struct af_deadline){sizeof content + 9, 1};
    s->effects.deadlines = &s->deadline;
    s->effects.deadline_count = 1;
}

static void deadline_no_utf8(struct spoilt *s)
{
    s->deadline = (struct af_deadline){AT_BYTE, 1};
    s->effects.deadlines = &s->deadline;
    s->effects.deadline_count = 1;
}

static void deadline_in_ages(struct spoilt *s)
{
    s->deadline = (struct af_deadline){AT_BYTE + 2, INT64_MAX};
    s->effects.deadlines = &s->deadline;
    s->effects.deadline_count = 1;
}

static void log_beyond_its_bytes(struct spoilt *s)
{
    s->log = (struct af_text){sizeof content - 2, 10};
    s->effects.logs = &s->log;
    s->effects.log_count = 1;
}

/* ---- Messages that may not be. ---- */

static void say_unknown_kind(void)
{
    say_head(0, 200, 0, 0);
}

static void say_what_a_node_says(void)
{
    af_wire_put_u32(&body, 0);
    say(AF_WIRE_ANSWER);
}

static void say_long_head(void)
{
    say_head(AF_WORKER_INLINE_BYTES + 1, AF_WIRE_DONE, 0, 0);
}

static void say_odd_head(void)
{
    say_head(0, AF_WIRE_DONE, 0, 7);
}

static void say_odd_size(void)
{
    say_head(0, AF_WIRE_DONE, 2, 0);
}

static void say_large_without_memfd(void)
{
    say_head(100000, AF_WIRE_DONE, 1, 0);
}

static void say_too_large(void)
{
    say_head(UINT32_MAX, AF_WIRE_DONE, 1, 0);
}

static void say_by(int fd, uint32_t len)
{
    struct head head = {len, AF_WIRE_DONE, 1, 0};
    say_raw(&head, sizeof head, &fd, 1);
}

static int memfd(size_t len, int seals)
{
    int fd = memfd_create("t", MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)len) != 0 || fcntl(fd, F_ADD_SEALS, seals) != 0)
        _exit(1);
    return fd;
}

enum { ALL_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL };

static void say_by_a_short_memfd(void)
{
    say_by(memfd(100, ALL_SEALS), 100000);
}

static void say_by_an_open_memfd(void)
{
    say_by(memfd(100000, F_SEAL_GROW | F_SEAL_SHRINK), 100000);
}

static void say_by_a_pipe(void)
{
    int ends[2];
    if (pipe(ends) != 0)
        _exit(1);
    say_by(ends[0], 100000);
}

static void say_by_a_file(void)
{
    say_by(open("/etc/passwd", O_RDONLY), 100000);
}

static void say_many_descriptors(void)
{
    int fds[16];
    struct head head = {100000, AF_WIRE_DONE, 1, 0};
    for (int i = 0; i < 16; i++)
        fds[i] = open("/dev/null", O_RDONLY);
    say_raw(&head, sizeof head, fds, 16);
}

static void say_hello_again(void)
{
    af_wire_put_hello(&body, 0);
    say(AF_WIRE_HELLO);
}

static void say_loaded_again(void)
{
    struct af_failure why = AF_FAILURE_INIT;
    af_wire_put_failure(&body, &why);
    af_wire_put_flow(&body, &file, &flow);
    say(AF_WIRE_LOADED);
}

static void say_checked(void)
{
    struct af_failure why = AF_FAILURE_INIT;
    af_wire_put_failure(&body, &why);
    say(AF_WIRE_CHECKED);
}

static void say_probed(void)
{
    af_wire_put_u64(&body, 0);
    say(AF_WIRE_PROBED);
}

static void say_waits(void)
{
    af_wire_put_string(&body, "flow.lua:1");
    say(AF_WIRE_WAITS);
}

static void say_call(uint64_t id, const char *name, const char *request)
{
    struct af_script_call call = {
        .id = id, .name = name, .request = request, .request_len = strlen(request)};
    af_wire_put_call(&body, &call);
    say(AF_WIRE_CALL);
}

static void say_call_without_name(void)
{
    say_call(1, "", "{}");
}

static void say_call_without_json(void)
{
    say_call(1, "upload", "{\"x\"}");
}

static void say_call_without_number(void)
{
    say_call(0, "upload", "{}");
}

static void say_call_after_done(void)
{
    say_well(0);
    say_call(2, "upload", "{}");
}

static void say_calls_for_ever(void)
{
    for (;;)
        say_call(0, "log", "{}");
}

static void say_calls_at_once(void)
{
    say_call(1, "upload", "{}");
    say_call(2, "upload", "{}");
}

static void say_call_and_done(void)
{
    say_call(1, "upload", "{}");
    say_well(0);
}

static void say_done_twice(void)
{
    say_well(0);
    say_well(0);
}

static void say_done_and_more(void)
{
    struct af_wire_done done = {0, NULL, 0};
    af_wire_put_done(&body, &nothing, &done, &flow);
    af_wire_put_u8(&body, 1);
    say(AF_WIRE_DONE);
}

static void say_done_in_part(void)
{
    struct af_wire_done done = {0, NULL, 0};
    af_wire_put_done(&body, &nothing, &done, &flow);
    body.len -= 6;
    say(AF_WIRE_DONE);
}

static void say_done_of_many(void)
{
    struct af_wire_done done = {0, NULL, 0};
    af_wire_put_done(&body, &nothing, &done, &flow);
    memset(body.data + body.len - 4, 0xFF, 4); /* the number of sends */
    say(AF_WIRE_DONE);
}

static void say_nothing_more(void)
{
    say_raw("\x10", 1, NULL, 0); /* of a head */
    pause();
}

static void say_lines_for_ever(void)
{
    for (;;) {
        af_wire_put_string(&body, "a line");
        say(AF_WIRE_LOG);
    }
}

static void compute_unasked(void)
{
    say_well(0);
    for (volatile uint64_t i = 0;; i++)
        continue;
}

static void ask_for(const char *path)
{
    af_wire_put_string(&body, path);
    say(AF_WIRE_READ);
}

static void ask_for_passwords(void)
{
    ask_for("../../../../etc/passwd");
}

static void ask_for_a_path(void)
{
    ask_for("/etc/passwd");
}

static void ask_for_a_hidden_file(void)
{
    ask_for(".ssh/id.lua");
}

static char own_file[100];

static void ask_again(void)
{
    ask_for(own_file);
    ask_for(own_file);
}

static void ask_for_ever(void)
{
    for (;;)
        ask_for("missing.lua");
}

static void leave(void)
{
    _exit(7);
}

static void hang_up(void)
{
    close(AF_WORKER_SOCKET);
    pause();
}

/* ---- While it is loaded. ---- */

static void load_without_hello(void)
{
    say_loaded_again();
}

static void load_as_another_version(void)
{
    af_wire_put_u32(&body, AF_WIRE_VERSION + 1);
    af_wire_put_string(&body, "afrun worker");
    af_wire_put_u8(&body, 1);
    say(AF_WIRE_HELLO);
}

static void load_without_jail(void)
{
    af_wire_put_hello(&body, AF_JAIL_LACKS_ALL);
    say(AF_WIRE_HELLO);
}

static void load_flow(void)
{
    af_wire_put_hello(&body, 0);
    say(AF_WIRE_HELLO);
    say_loaded_again();
}

static void load_without_roles(void)
{
    flow.role_count = 0;
    load_flow();
}

static void load_an_odd_name(void)
{
    states[0].name = "\x1b[2J";
    load_flow();
}

static void load_an_odd_disposition(void)
{
    handled[0] = 9;
    load_flow();
}

static void load_an_initiator_that_is_none(void)
{
    flow.initiator = 5;
    load_flow();
}

static void load_an_odd_hash(void)
{
    memset(file.hash, 'z', 64);
    load_flow();
}

/* A sequential script, which a node does not run; more: with something behind it. */
static void load_script(bool more)
{
    struct af_failure why = AF_FAILURE_INIT;
    af_wire_put_hello(&body, 0);
    say(AF_WIRE_HELLO);
    af_wire_put_failure(&body, &why);
    af_wire_put_flow(&body, &file, NULL);
    if (more)
        af_wire_put_u8(&body, 1);
    say(AF_WIRE_LOADED);
}

static void load_what_is_no_flow(void)
{
    load_script(false);
}

static void load_an_odd_script(void)
{
    load_script(true);
}

static void load_a_failure_that_is_none(void)
{
    struct af_failure why = {.kind = (enum af_failure_kind)77};
    af_wire_put_hello(&body, 0);
    say(AF_WIRE_HELLO);
    af_wire_put_failure(&body, &why);
    say(AF_WIRE_LOADED);
}

/* ---- All of them. ---- */

static const struct {
    void (*spoil)(struct spoilt *spoilt); /* one of these three */
    void (*break_rule)(void);
    void (*load)(void);
    const char *told;
} rules[] = {
    {.spoil = outcome_9, .told = "an outcome is unknown"},
    {.spoil = outcome_lost, .told = "an outcome is unknown"},
    {.spoil = done_without_json, .told = "a result is no JSON"},
    {.spoil = failed_without_reason, .told = "a failure has no reason"},
    {.spoil = raised_and_sends, .told = "a step that did not happen has effects"},
    {.spoil = state_7, .told = "a state is unknown"},
    {.spoil = state_below_0, .told = "a state is unknown"},
    {.spoil = state_that_was_not_entered, .told = "a state is new, and was not entered"},
    {.spoil = after_where_there_is_none, .told = "a state's time is malformed"},
    {.spoil = after_ages, .told = "a state's time is malformed"},
    {.spoil = progress_101, .told = "progress"},
    {.spoil = data_no_json, .told = "a party's data are no JSON"},
    {.spoil = data_a_number, .told = "a party's data are no JSON"},
    {.spoil = data_no_utf8, .told = "a party's data are no JSON"},
    {.spoil = data_of_17_mib, .told = "a party's data are no JSON"},
    {.spoil = send_of_an_unknown_event, .told = "a send is malformed"},
    {.spoil = send_under_another_title, .told = "a send is malformed"},
    {.spoil = send_without_a_title, .told = "a send is malformed"},
    {.spoil = send_to_nobody, .told = "a send is malformed"},
    {.spoil = send_to_more_than_there_are, .told = "a send is malformed"},
    {.spoil = send_to_a_node_beyond_the_task, .told = "a node that the task has not"},
    {.spoil = send_of_another_type, .told = "no event of its type"},
    {.spoil = send_of_no_object, .told = "no event of its type"},
    {.spoil = send_beyond_its_bytes, .told = "no event of its type"},
    {.spoil = sends_that_overlap, .told = "no event of its type"},
    {.spoil = deadline_beyond_its_bytes, .told = "a deadline is malformed"},
    {.spoil = deadline_no_utf8, .told = "a deadline is malformed"},
    {.spoil = deadline_in_ages, .told = "a deadline is malformed"},
    {.spoil = log_beyond_its_bytes, .told = "a log is malformed"},
    {.break_rule = say_unknown_kind, .told = "a message is of no known kind"},
    {.break_rule = say_what_a_node_says, .told = "a message is of no known kind"},
    {.break_rule = say_long_head, .told = "a message has a wrong head"},
    {.break_rule = say_odd_head, .told = "a message has a wrong head"},
    {.break_rule = say_odd_size, .told = "a message has a wrong head"},
    {.break_rule = say_large_without_memfd, .told = "came without its memfd"},
    {.break_rule = say_too_large, .told = "a message is too large"},
    {.break_rule = say_by_a_short_memfd, .told = "no sealed memfd of its length"},
    {.break_rule = say_by_an_open_memfd, .told = "no sealed memfd of its length"},
    {.break_rule = say_by_a_pipe, .told = "no sealed memfd of its length"},
    {.break_rule = say_by_a_file, .told = "no sealed memfd of its length"},
    {.break_rule = say_many_descriptors, .told = "no sealed memfd of its length"},
    {.break_rule = say_hello_again, .told = "it says hello again"},
    {.break_rule = say_loaded_again, .told = "it loads what it was not asked to"},
    {.break_rule = say_checked, .told = "it checks what it was not asked to"},
    {.break_rule = say_probed, .told = "it tries what it was not asked to"},
    {.break_rule = say_waits, .told = "it waits for nothing"},
    {.break_rule = say_call_without_name, .told = "a call is malformed"},
    {.break_rule = say_call_without_json, .told = "a call's request is no JSON"},
    {.break_rule = say_call_without_number, .told = "a call has a wrong number"},
    {.break_rule = say_calls_for_ever, .told = "more than 100,000 calls"},
    {.break_rule = say_calls_at_once, .told = "it calls while it waits for an answer"},
    {.break_rule = say_call_and_done, .told = "it ends while it waits for an answer"},
    {.break_rule = say_done_and_more, .told = "effects are malformed"},
    {.break_rule = say_done_in_part, .told = "malformed"},
    {.break_rule = say_done_of_many, .told = "malformed"},
    {.break_rule = say_nothing_more, .told = "hung for 1 s"},
    {.break_rule = say_lines_for_ever, .told = "it writes too much"},
    {.break_rule = ask_for_passwords, .told = "none of the flow's"},
    {.break_rule = ask_for_a_path, .told = "none of the flow's"},
    {.break_rule = ask_for_a_hidden_file, .told = "none of the flow's"},
    {.break_rule = ask_again, .told = "it asks for a file again"},
    {.break_rule = ask_for_ever, .told = "more than 1,000 files"},
    {.break_rule = leave, .told = "ended with status 7"},
    {.break_rule = hang_up, .told = "was killed"},
    {.load = load_without_hello, .told = "it does not say hello first"},
    {.load = load_as_another_version, .told = "no worker of this version"},
    {.load = load_without_jail, .told = "it is not jailed"},
    {.load = load_without_roles, .told = "the flow is malformed"},
    {.load = load_an_odd_name, .told = "the flow is malformed"},
    {.load = load_an_odd_disposition, .told = "the flow is malformed"},
    {.load = load_an_initiator_that_is_none, .told = "the flow is malformed"},
    {.load = load_an_odd_hash, .told = "the flow's file is malformed"},
    {.load = load_what_is_no_flow, .told = "it loads what is no flow"},
    {.load = load_an_odd_script, .told = "the script is malformed"},
    {.load = load_a_failure_that_is_none, .told = "a failure is malformed"},
};

enum { RULES = sizeof rules / sizeof rules[0] };

/* These come behind effects that are fine, so nothing is lost with the process. */
static void (*const later_rules[])(void) = {say_call_after_done, say_done_twice, compute_unasked};
static const char *const later_told[] = {"it calls without a delivery",
                                         "it ends what it was not given",
                                         "computed without having been asked"};
enum { LATER_RULES = sizeof later_rules / sizeof later_rules[0] };

static void break_effects(void (*spoil)(struct spoilt *spoilt))
{
    struct spoilt spoilt = {.effects = nothing};
    spoilt.effects.bytes = (struct af_buf){content, sizeof content, sizeof content, false};
    spoil(&spoilt);
    say_done(&spoilt.effects, &spoilt.done);
}

static void do_deliver(struct af_wire_in *in, int rule)
{
    uint32_t party;
    struct af_input input;
    if (!af_wire_get_deliver(in, &party, &input))
        _exit(1);
    if (input.kind == AF_INPUT_START) {
        struct af_effects effects = nothing;
        struct af_wire_done done = {0, "{}", 2};
        effects.entered = true;
        say_done(&effects, &done);
    } else if (input.event == GOOD) {
        say_well(0);
    } else if (rule >= RULES) {
        later_rules[rule - RULES]();
    } else if (rules[rule].spoil != NULL) {
        break_effects(rules[rule].spoil);
    } else {
        rules[rule].break_rule();
    }
}

static void do_load(struct af_wire_in *in, int *rule)
{
    snprintf(own_file, sizeof own_file, "%s", af_wire_get_string(in));
    *rule = atoi(own_file);
    memset(file.hash, '0', 64);
    if (*rule < RULES && rules[*rule].load != NULL)
        rules[*rule].load();
    else
        load_flow();
}

static int be_hostile(void)
{
    int rule = 0;
    af_wire_link_init(&node, AF_WORKER_SOCKET);
    for (;;) {
        struct af_wire_message message;
        const char *what;
        int got = af_wire_next(&node, &message, &what);
        if (got < 0 || (got == 0 && af_wire_fill(&node) <= 0))
            return 0;
        if (got > 0 && message.type == AF_WIRE_LOAD)
            do_load(&message.body, &rule);
        else if (got > 0 && message.type == AF_WIRE_DELIVER)
            do_deliver(&message.body, rule);
    }
}

/* ---- The node. ---- */

static const char *self(void)
{
    static char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(len > 0);
    path[len] = '\0';
    return path;
}

static void start_hostile(struct test_worker *test, int rule)
{
    char name[20];
    snprintf(name, sizeof name, "%d.lua", rule);
    write_file(name, "-- no Lua reads this");
    snprintf(test_path, sizeof test_path, "%s/%s", test_folder, name);
    const char *told = rule < RULES ? rules[rule].told : NULL;
    bool works_long = told != NULL && strstr(told, "more than") != NULL;
    start_with(test, self(), works_long ? 60 * AF_S_NS : AF_S_NS, false);
}

static void count_call(void *owner, struct af_script_party *party,
                       const struct af_script_call *call)
{
    (void)owner, (void)party, (void)call;
}

/* What two parties of a worker that breaks a rule see of it. */
struct meeting {
    struct test_worker test;
    struct af_script *script;
    struct af_script_party *one, *two;
    struct test_result result, other;
};

static void begin_meeting(struct meeting *meeting, int rule)
{
    struct af_input input = start_input();
    memset(meeting, 0, sizeof *meeting);
    start_hostile(&meeting->test, rule);
    if (meeting->test.why.kind != AF_FAILURE_NONE)
        fail_msg("rule %d: %s", rule, meeting->test.why.why);
    meeting->script = new_script(&meeting->test);
    af_script_set_owner(meeting->script, count_call, NULL);
    meeting->one = new_party(meeting->script, 0, NULL);
    meeting->two = new_party(meeting->script, 1, NULL);
    deliver(&meeting->test, meeting->one, &input, &meeting->result);
    deliver(&meeting->test, meeting->two, &input, &meeting->other);
    assert_int_equal(meeting->result.outcome, AF_OUTCOME_NONE);
    assert_int_equal(meeting->test.died, 0);
    input = event_input(meeting->script, "bad", "{\"type\":\"bad\"}", "a", 1);
    deliver(&meeting->test, meeting->one, &input, &meeting->result);
    wait_count(&meeting->test, &meeting->test.died, 1);
}

/* The others of its process go on. */
static void end_meeting(struct meeting *meeting)
{
    struct af_input input = event_input(meeting->script, "good", "{\"type\":\"good\"}", "a", 2);
    deliver(&meeting->test, meeting->two, &input, &meeting->other);
    assert_int_equal(meeting->other.outcome, AF_OUTCOME_NONE);
    deliver(&meeting->test, meeting->one, &input, &meeting->result);
    assert_int_equal(meeting->result.outcome, AF_OUTCOME_NONE);
    assert_int_equal(meeting->test.died, 1);
    release_result(&meeting->result);
    release_result(&meeting->other);
    af_script_party_free(meeting->one);
    af_script_party_free(meeting->two);
    af_script_free(meeting->script);
    stop(&meeting->test);
}

static void test_who_breaks_a_rule_is_killed_and_others_go_on(void **state)
{
    (void)state;
    for (int rule = 0; rule < RULES; rule++) {
        struct meeting meeting;
        if (rules[rule].load != NULL)
            continue;
        begin_meeting(&meeting, rule);
        if (strstr(meeting.test.death, rules[rule].told) == NULL ||
            strstr(meeting.test.death, "in delivery of 'bad' to i") == NULL)
            fail_msg("rule %d, '%s': it died of: %s", rule, rules[rule].told, meeting.test.death);
        assert_int_equal(meeting.result.outcome, AF_OUTCOME_LOST);
        assert_true(meeting.result.blamed);
        end_meeting(&meeting);
    }
}

static void test_who_goes_on_after_its_effects_is_killed_and_they_hold(void **state)
{
    (void)state;
    for (int i = 0; i < LATER_RULES; i++) {
        struct meeting meeting;
        begin_meeting(&meeting, RULES + i);
        if (strstr(meeting.test.death, later_told[i]) == NULL)
            fail_msg("'%s': it died of: %s", later_told[i], meeting.test.death);
        assert_int_equal(meeting.result.outcome, AF_OUTCOME_NONE);
        end_meeting(&meeting);
    }
}

static void test_who_breaks_a_rule_while_it_is_loaded_runs_no_flow(void **state)
{
    (void)state;
    for (int rule = 0; rule < RULES; rule++) {
        struct test_worker test;
        if (rules[rule].load == NULL ||
            (rules[rule].load == load_without_jail && !af_jail_has_filter()))
            continue;
        start_hostile(&test, rule);
        assert_int_equal(test.why.kind, AF_FAILURE_FLOW);
        if (strstr(test.why.why, rules[rule].told) == NULL)
            fail_msg("rule %d, '%s': told: %s", rule, rules[rule].told, test.why.why);
        stop(&test);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return be_hostile();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_breaks_a_rule_is_killed_and_others_go_on),
        cmocka_unit_test(test_who_goes_on_after_its_effects_is_killed_and_they_hold),
        cmocka_unit_test(test_who_breaks_a_rule_while_it_is_loaded_runs_no_flow),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
