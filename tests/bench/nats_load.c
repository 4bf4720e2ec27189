/* nats_load.c: nats_load ours|bare PORT[,PORT…] NODES TOKENS SECONDS REPLICAS
 *
 * NODES nodes in a ring, each with a connection of its own; TOKENS contracts go round it: who is
 * handed one acknowledges it and pushes the next. Prints how many were handed out a second.
 *
 *   ours   by links of our bus
 *   bare   by libnats alone, on a stream that promises the same: a work queue on the disk, target
 *          and sender in the subject, a bound for each; pushes with an id that are confirmed, pulls
 *          of 16, acknowledgements that are confirmed */
#include "client.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "bus/link.h"
#include "bus/nats/library.h"
#include "loop/loop.h"

#include <stdatomic.h>

enum { NODES_MAX = 1000, PULL = 16, WARM_MS = 1500 };

static const char content[] = "{\"type\":\"sync\",\"aggregator\":\"d54a3af2-83e2-4da6-bc8d-"
                              "2dc03634612c\",\"current_round\":11}";
static char url[1000], prefix[64];
static int node_count, token_count, replicas;
static double seconds;

/* ---- Ours. ---- */

struct member {
    char name[24];
    struct af_bus *bus;
    struct af_link *link;
};
static struct member members[NODES_MAX];
static uint64_t counted;
static struct af_loop *loop;

static void send_on(struct member *member)
{
    const char *targets[] = {members[(member - members + 1) % node_count].name};
    struct af_bus_post post = {.title = "task_inside",
                               .targets = targets,
                               .target_count = 1,
                               .content = content,
                               .content_len = sizeof content - 1,
                               .time_s = 1};
    char uuid[64];
    static uint64_t sent;
    snprintf(uuid, sizeof uuid, "%s-%llu", prefix, (unsigned long long)++sent);
    post.uuid = uuid;
    af_link_send(member->link, &post);
}

static void came(void *arg, struct af_link *link, const struct af_bus_item *item)
{
    counted++;
    af_link_ack(link, item->id);
    send_on(arg);
}

static void trouble(void *arg, struct af_link *link, const char *why)
{
    (void)arg, (void)link;
    if (why != NULL && getenv("VERBOSE") != NULL)
        fprintf(stderr, "trouble: %s\n", why);
}

static bool refused(void *arg, struct af_link *link, enum af_bus_code code, const char *why)
{
    (void)arg, (void)link, (void)code;
    die("refused: %s", why);
    return false;
}

static void stop(void *arg)
{
    (void)arg;
    af_loop_stop(loop);
}

static void run_for(double how_long_s)
{
    af_timer_start(loop, (int64_t)(how_long_s * 1e9), stop, NULL);
    af_loop_run(loop);
}

static void run_ours(void)
{
    struct af_failure why = AF_FAILURE_INIT;
    loop = af_loop_ev_new(&why);
    for (int i = 0; i < node_count; i++) {
        struct member *member = &members[i];
        snprintf(member->name, sizeof member->name, "n%d", i);
        const struct af_bus_options options = {
            .node = member->name, .party = true, .open_tasks = true};
        if ((member->bus = af_bus_open(url, loop, &options, &why)) == NULL)
            die("%s: %s", why.what, why.why);
        const struct af_link_spec spec = {
            .bus = member->bus,
            .loop = loop,
            .task = prefix,
            .channel = "federated",
            .node = member->name,
            .holder = member->name,
            .knows_uuids = true,
            .owner = {.arg = member, .came = came, .trouble = trouble, .refused = refused}};
        member->link = af_link_new(&spec);
        af_link_listen(member->link);
    }
    run_for(1 + 0.02 * node_count * replicas);
    for (int i = 0; i < token_count; i++)
        send_on(&members[i % node_count]);
    for (int i = 0; i < 60 && counted == 0; i++) /* streams are made meanwhile, leaders chosen */
        run_for(1);
    run_for(WARM_MS / 1e3);
    counted = 0;
    double begin_s = now_s();
    run_for(seconds);
    printf("%.1f\n", (double)counted / (now_s() - begin_s));
    for (int i = 0; i < node_count; i++) {
        af_link_free(members[i].link);
        af_bus_close(members[i].bus);
    }
    af_loop_free(loop);
}

/* ---- Bare. ---- */

struct bare {
    struct af_nats_connection *connection;
    struct af_nats_subscription *subscription;
    int number, left;
    _Atomic int answered;
    uint64_t sent;
};
static struct bare bares[NODES_MAX];
static _Atomic uint64_t handed_out;
static _Atomic bool over;

static void put(struct bare *bare, const char *subject, const char *answer, const char *text,
                bool with_id)
{
    struct af_nats_message *message;
    char reply[128], id[64];
    snprintf(reply, sizeof reply, "_B%s.%d.%s", prefix, bare->number, answer);
    if (af_natsMsg_Create(&message, subject, reply, text, (int)strlen(text)) != 0)
        die("no memory");
    snprintf(id, sizeof id, "%d-%llu", bare->number, (unsigned long long)++bare->sent);
    if (with_id)
        af_natsMsgHeader_Set(message, "Nats-Msg-Id", id);
    if (af_natsConnection_PublishMsg(bare->connection, message) != 0)
        die("%s cannot be sent", subject);
    af_natsMsg_Destroy(message);
}

static void pull(struct bare *bare)
{
    char subject[128];
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.%s.c%d", prefix, bare->number);
    put(bare, subject, "n", "{\"batch\":16,\"expires\":60000000000}", false);
    bare->left = PULL;
}

static void push_on(struct bare *bare)
{
    char subject[128];
    snprintf(subject, sizeof subject, "%s.%d.%d", prefix, (bare->number + 1) % node_count,
             bare->number);
    put(bare, subject, "p", content, true);
}

static void came_bare(struct af_nats_connection *connection,
                      struct af_nats_subscription *subscription, struct af_nats_message *message,
                      void *arg)
{
    struct bare *bare = arg;
    (void)connection, (void)subscription;
    const char *reply = af_natsMsg_GetReply(message);
    if (reply != NULL && !atomic_load(&over)) {
        atomic_fetch_add(&handed_out, 1);
        put(bare, reply, "a", "+ACK", false);
        push_on(bare);
        if (--bare->left == 0)
            pull(bare);
    } else {
        const char *data = af_natsMsg_GetData(message);
        if (data != NULL && strstr(data, "\"error\"") != NULL)
            die("the server says: %s", data);
        atomic_fetch_add(&bare->answered, 1);
    }
    af_natsMsg_Destroy(message);
}

static void ask(struct bare *bare, const char *subject, const char *text)
{
    int before = atomic_load(&bare->answered);
    put(bare, subject, "q", text, false);
    for (int i = 0; atomic_load(&bare->answered) == before; i++) {
        if (i == 10000)
            die("%s was not answered", subject);
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
}

static void connect_bare(struct bare *bare)
{
    struct af_nats_options *options;
    const char *server = url; /* the first one: what stands behind it is another's */
    char subject[128], text[400];
    if (af_natsOptions_Create(&options) != 0 ||
        af_natsOptions_SetServers(options, &server, 1) != 0 ||
        af_natsOptions_SetSendAsap(options, true) != 0 ||
        af_natsConnection_Connect(&bare->connection, options) != 0)
        die("%s: cannot be connected to", url);
    af_natsOptions_Destroy(options);
    snprintf(subject, sizeof subject, "_B%s.%d.>", prefix, bare->number);
    if (af_natsConnection_Subscribe(&bare->subscription, bare->connection, subject, came_bare,
                                    bare) != 0)
        die("no subscription");
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.CREATE.%s.c%d.%s.%d.*", prefix,
             bare->number, prefix, bare->number);
    snprintf(
        text, sizeof text,
        "{\"stream_name\":\"%s\",\"config\":{\"name\":\"c%d\",\"durable_name\":\"c%d\","
        "\"filter_subject\":\"%s.%d.*\",\"ack_policy\":\"explicit\",\"deliver_policy\":\"all\"}}",
        prefix, bare->number, bare->number, prefix, bare->number);
    if (bare->number == 0) {
        char stream[128], config[400];
        snprintf(stream, sizeof stream, "$JS.API.STREAM.CREATE.%s", prefix);
        snprintf(config, sizeof config,
                 "{\"name\":\"%s\",\"subjects\":[\"%s.>\"],\"retention\":\"workqueue\",\"storage\":"
                 "\"file\",\"num_replicas\":%d,\"duplicate_window\":600000000000,"
                 "\"discard\":\"new\",\"discard_new_per_subject\":true,"
                 "\"max_msgs_per_subject\":100000}",
                 prefix, prefix, replicas);
        ask(bare, stream, config);
    }
    ask(bare, subject, text);
}

static void run_bare(void)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (af_nats_need_library(&why) != 0)
        die("%s: %s", why.what, why.why);
    for (int i = 0; i < node_count; i++) {
        bares[i].number = i;
        connect_bare(&bares[i]);
    }
    for (int i = 0; i < node_count; i++)
        pull(&bares[i]);
    for (int i = 0; i < token_count; i++)
        push_on(&bares[i % node_count]);
    nanosleep(&(struct timespec){WARM_MS / 1000, WARM_MS % 1000 * 1000000}, NULL);
    uint64_t before = atomic_load(&handed_out);
    double begin_s = now_s();
    nanosleep(&(struct timespec){(time_t)seconds, 0}, NULL);
    printf("%.1f\n", (double)(atomic_load(&handed_out) - before) / (now_s() - begin_s));
    fflush(stdout);
    atomic_store(&over, true);
    _exit(0); /* its threads have nothing to lose */
}

int main(int argc, char **argv)
{
    if (argc != 7)
        return 2;
    bool bare = strcmp(argv[1], "bare") == 0;
    node_count = atoi(argv[3]);
    token_count = atoi(argv[4]);
    seconds = atof(argv[5]);
    replicas = atoi(argv[6]);
    if (node_count < 2 || node_count > NODES_MAX)
        return 2;
    snprintf(prefix, sizeof prefix, "t%d", (int)getpid());
    const char *separator = "nats://127.0.0.1:";
    size_t len = 0;
    for (char *port = strtok(argv[2], ","); port != NULL; port = strtok(NULL, ",")) {
        len += (size_t)snprintf(url + len, sizeof url - len, "%s%s", separator, port);
        if (bare)
            break;
        separator = ",127.0.0.1:";
    }
    if (!bare)
        snprintf(url + len, sizeof url - len, "?replicas=%d", replicas);
    if (bare)
        run_bare();
    run_ours();
    return 0;
}
