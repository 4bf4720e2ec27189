/* cluster.c: how the servers are: which one we are connected to, who leads, what waits there for
 * us, whose replicas are behind. A node may ask for all of it (scripts/tool/nats_config.lua). */
#include "bus/nats/impl.h"

#include "json/rows.h"
#include "loop/loop.h"

#include <stdio.h>
#include <string.h>

/* Of these so many are looked at in one call. */
enum { QUEUES_MAX = 100 };

static void count_replica(void *arg, const char *json, size_t len)
{
    struct af_bus_cluster *cluster = arg;
    int64_t lag = 0;
    bool current = memmem(json, len, "\"current\":true", 14) != NULL;
    bool offline = memmem(json, len, "\"offline\":true", 14) != NULL;
    af_nats_integer(json, len, "lag", &lag);
    cluster->behind += offline || !current;
    if (lag > cluster->behind_most)
        cluster->behind_most = lag;
}

static bool each_replica(void *arg, struct af_json_span replica)
{
    count_replica(arg, replica.at, replica.len);
    return true;
}

static void count_waiting(void *arg, const char *subject, int64_t number)
{
    struct af_bus_cluster *cluster = arg;
    (void)subject;
    cluster->waiting += number;
}

/* Of a stream: who leads it, its replicas, and what of it has the subject. */
static bool look(struct af_nats_op *op, struct af_bus_cluster *cluster, const char *stream,
                 const char *subject)
{
    struct af_nats_reply reply;
    char info[AF_NATS_SUBJECT_BYTES];
    snprintf(info, sizeof info, "$JS.API.STREAM.INFO.%s", stream);
    bool ok = af_nats_ask(&op->bus->port, &reply, info, "{\"subjects_filter\":\"%s\"}", subject);
    if (ok) {
        const char *name = af_nats_text(&op->arena, reply.data, reply.len, "cluster.name");
        const char *leader = af_nats_text(&op->arena, reply.data, reply.len, "cluster.leader");
        struct af_json_span json = {reply.data, reply.len};
        struct af_json_span replicas = af_json_find(af_json_find(json, "cluster"), "replicas");
        leader = leader == NULL ? "" : leader;
        cluster->one_leader = cluster->leader[0] == '\0' ||
                              (cluster->one_leader && strcmp(cluster->leader, leader) == 0);
        if (cluster->leader[0] == '\0')
            snprintf(cluster->leader, sizeof cluster->leader, "%s", leader);
        snprintf(cluster->name, sizeof cluster->name, "%s", name == NULL ? "" : name);
        if (replicas.at != NULL)
            af_json_each(replicas, each_replica, cluster);
        af_nats_each(reply.data, reply.len, "state.subjects", count_waiting, cluster);
    }
    ok = ok || reply.error == AF_NATS_NO_STREAM; /* its task has ended */
    if (!ok)
        snprintf(cluster->cut_off, sizeof cluster->cut_off, "%s", reply.why);
    af_nats_reply_release(&reply);
    return ok;
}

static void look_at_queues(struct af_nats_op *op, struct af_bus_cluster *cluster)
{
    bool ok = op->task.task != NULL || look(op, cluster, AF_NATS_TASKS, "=");
    for (const struct af_nats_queue *queue = op->bus->queues; queue != NULL; queue = queue->next) {
        const struct af_nats_place *place = queue->place;
        char subject[AF_NATS_SUBJECT_BYTES];
        if (op->task.task != NULL && strcmp(place->task->name, op->task.task) != 0)
            continue;
        cluster->queues++;
        for (size_t i = 0; i < queue->count; i++)
            cluster->unacknowledged += queue->entries[i].handed && !queue->entries[i].done;
        af_nats_queue_subject(queue, "*", subject);
        if (!ok || cluster->asked == QUEUES_MAX || af_nats_now_ns(op->bus) >= op->until_ns)
            continue;
        ok = look(op, cluster, place->queues, subject);
        cluster->asked += ok;
    }
}

void af_nats_cluster(struct af_nats_op *op)
{
    struct af_nats_bus *bus = op->bus;
    struct af_bus_cluster *cluster = af_arena_alloc(&op->arena, sizeof *cluster);
    struct af_nats_reply reply = {0};
    *cluster = (struct af_bus_cluster){0};
    bool is_there = af_nats_connect(&bus->port, &reply);
    if (is_there)
        look_at_queues(op, cluster);
    if (is_there && cluster->cut_off[0] == '\0')
        af_natsConnection_GetConnectedUrl(bus->connection, cluster->server, sizeof cluster->server);
    pthread_mutex_lock(&bus->lock);
    cluster->since_s = bus->way_ns / AF_S_NS;
    cluster->reconnects = bus->connects > 0 ? bus->connects - 1 : 0;
    if (!is_there)
        snprintf(cluster->cut_off, sizeof cluster->cut_off, "%s",
                 bus->cut_off[0] == '\0' ? reply.why : bus->cut_off);
    pthread_mutex_unlock(&bus->lock);
    op->result.cluster = cluster;
    op->over = true;
}
