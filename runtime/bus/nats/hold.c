/* hold.c: whose a queue is.
 *
 * One process of a node at a time has its leases: the one that has written itself into AFL by
 * compare-and-set. It writes again while anything is leased; another may have the queue when its
 * value has not changed for one and a half of its leases, by the other's own clock, so that no two
 * clocks are compared. A later start of the same party has it at once (see bus.h).
 *
 * Who has a queue anew makes its consumer anew: then the server hands out all that is not
 * acknowledged, at once and in the old order. So it does, too, after whatever may have lost a
 * contract on its way: another connection, or a gap in the numbers of what came. */
#include "bus/nats/impl.h"

#include "base/bounds.h"
#include "json/json.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGE_TRIES = 10 };

static bool failed(struct af_nats_op *op, const struct af_nats_reply *reply)
{
    af_nats_fail(op, reply);
    return false;
}

/* ---- What was handed out. ---- */

static void release_entry(struct af_nats_entry *entry)
{
    if (entry->message != NULL)
        af_natsMsg_Destroy(entry->message);
    free(entry->uuid);
    free(entry->reply);
    free(entry->subject);
    free(entry->header);
    free(entry->content);
}

void af_nats_drop(struct af_nats_queue *queue, size_t entry)
{
    release_entry(&queue->entries[entry]);
    memmove(queue->entries + entry, queue->entries + entry + 1,
            (--queue->count - entry) * sizeof *queue->entries);
}

struct af_nats_entry *af_nats_add_entry(struct af_nats_queue *queue, size_t at)
{
    assert(at <= queue->count);
    af_mem_reserve(&queue->entries, &queue->cap, queue->count + 1, sizeof *queue->entries);
    memmove(queue->entries + at + 1, queue->entries + at,
            (queue->count++ - at) * sizeof *queue->entries);
    return &queue->entries[at];
}

void af_nats_clear(struct af_nats_queue *queue, bool all)
{
    size_t kept = 0;
    for (size_t i = 0; i < queue->count; i++) {
        struct af_nats_entry *entry = &queue->entries[i];
        if (!all && (entry->before || entry->handed)) {
            free(entry->reply); /* of a consumer that goes */
            entry->reply = NULL;
            queue->entries[kept++] = *entry;
        } else {
            release_entry(entry);
        }
    }
    queue->count = kept;
    queue->ready = false;
}

void af_nats_hand_out_again(struct af_nats_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++) {
        struct af_nats_entry *entry = &queue->entries[i];
        if (entry->done)
            continue;
        free(entry->uuid);
        entry->uuid = NULL;
        entry->handed = false; /* and so goes, to come again; or stays, of those from before */
    }
    af_nats_clear(queue, false);
}

bool af_nats_has_handed(const struct af_nats_queue *queue)
{
    bool some = false;
    for (size_t i = 0; i < queue->count && !some; i++)
        some = queue->entries[i].handed && !queue->entries[i].done;
    return some;
}

/* ---- The value that says whose it is. ---- */

void af_nats_lock_subject(const struct af_nats_queue *queue, char subject[AF_NATS_SUBJECT_BYTES])
{
    snprintf(subject, AF_NATS_SUBJECT_BYTES, "afl.%s.%s.%s", queue->place->task->token,
             queue->place->channel, queue->token);
}

void af_nats_queue_subject(const struct af_nats_queue *queue, const char *sender,
                           char subject[AF_NATS_SUBJECT_BYTES])
{
    snprintf(subject, AF_NATS_SUBJECT_BYTES, "af.%s.%s.%s.%s", queue->place->task->token,
             queue->place->channel, queue->token, sender);
}

void af_nats_print_lock(struct af_buf *out, const struct af_nats_queue *queue)
{
    af_json_open(out, '{');
    if (queue->of_front)
        af_nats_front_print(out, queue);
    af_json_add_text(out, "holder", queue->holder);
    af_json_add_integer(out, "mark", queue->mark);
    af_json_add_integer(out, "lease_ms", queue->lease_ns / AF_MS_NS);
    af_json_add_integer(out, "consumer", queue->generation);
    af_buf_printf(out, ",\"free\":%d,\"heard\":%d}", queue->is_free, queue->heard);
}

bool af_nats_write_lock(struct af_nats_op *op, struct af_nats_queue *queue, bool *again)
{
    struct af_buf text = AF_BUF_EMPTY;
    struct af_nats_reply reply;
    char subject[AF_NATS_SUBJECT_BYTES];
    af_nats_lock_subject(queue, subject);
    af_nats_print_lock(&text, queue);
    bool ok = af_nats_put(&op->bus->port, &reply, subject, af_buf_text(&text), text.len,
                          &queue->sequence);
    af_buf_release(&text);
    queue->written_ns = af_nats_now_ns(op->bus);
    *again = !ok && reply.error == AF_NATS_WRONG_SEQUENCE;
    return ok || (!*again && failed(op, &reply));
}

/* What is written of the queue; nothing is known of one that has no value. */
bool af_nats_read_lock(struct af_nats_op *op, struct af_nats_queue *queue)
{
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    char subject[AF_NATS_SUBJECT_BYTES];
    struct af_arena arena = {0};
    int64_t is_free = 1, heard = 0, lease_ms = 0, mark = 0, generation = 0;
    af_nats_lock_subject(queue, subject);
    if (!af_nats_last(&op->bus->port, &reply, &arena, AF_NATS_LOCKS, subject, &kept)) {
        af_arena_release(&arena);
        return failed(op, &reply);
    }
    const char *holder = af_nats_text(&arena, kept.data, kept.len, "holder");
    if (kept.sequence > 0) {
        af_nats_integer(kept.data, kept.len, "free", &is_free);
        af_nats_integer(kept.data, kept.len, "heard", &heard);
        af_nats_integer(kept.data, kept.len, "mark", &mark);
        af_nats_integer(kept.data, kept.len, "consumer", &generation);
        af_nats_integer(kept.data, kept.len, "lease_ms", &lease_ms);
    }
    snprintf(queue->holder, sizeof queue->holder, "%s", holder == NULL ? "" : holder);
    queue->generation = generation < 0 ? 0 : generation % AF_NATS_GENERATIONS;
    queue->is_free = is_free != 0;
    queue->heard = heard != 0;
    if (!queue->held || mark > queue->mark || kept.sequence != queue->sequence)
        queue->mark = mark > 0 ? mark : 0; /* else ours is on its way */
    if (lease_ms < 0 || lease_ms > AF_BUS_LEASE_MAX_S * 1000)
        lease_ms = AF_BUS_LEASE_MAX_S * 1000;
    queue->wait_ns = lease_ms * AF_MS_NS * 3 / 2;
    queue->sequence = kept.sequence;
    if (queue->of_front) {
        queue->lease_ns = lease_ms * AF_MS_NS;
        af_nats_front_read(queue, kept.data, kept.len);
    }
    af_arena_release(&arena);
    return true;
}

/* ---- The consumer. ----
 *
 * Its name ends with a number that each new one changes, in turn: so what an earlier holder asks of
 * its own reaches nobody. */

bool af_nats_delete_consumer(struct af_nats_op *op, const struct af_nats_queue *queue, int number)
{
    struct af_nats_reply reply;
    char subject[AF_NATS_SUBJECT_BYTES];
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DELETE.%s.%s+%d", queue->place->queues,
             queue->token, number);
    bool ok = af_nats_ask(&op->bus->port, &reply, subject, "%s", "") ||
              reply.error == AF_NATS_NO_CONSUMER;
    af_nats_reply_release(&reply);
    return ok || failed(op, &reply);
}

static bool create_consumer(struct af_nats_op *op, const struct af_nats_queue *queue,
                            struct af_nats_reply *reply)
{
    const struct af_nats_place *place = queue->place;
    char subject[2 * AF_NATS_SUBJECT_BYTES], filter[AF_NATS_SUBJECT_BYTES];
    af_nats_queue_subject(queue, "*", filter);
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.CREATE.%s.%s+%d.%s", place->queues,
             queue->token, (int)queue->generation, filter);
    bool ok =
        af_nats_ask(&op->bus->port, reply, subject,
                    "{\"stream_name\":\"%s\",\"config\":{\"name\":\"%s+%d\","
                    "\"durable_name\":\"%s+%d\",\"filter_subject\":\"%s\","
                    "\"ack_policy\":\"explicit\",\"ack_wait\":%lld,"
                    "\"deliver_policy\":\"all\",\"max_ack_pending\":%d}}",
                    place->queues, queue->token, (int)queue->generation, queue->token,
                    (int)queue->generation, filter, (long long)AF_NATS_ACK_NS, 2 * AF_BUS_TAKE_MAX);
    af_nats_reply_release(reply);
    return ok;
}

bool af_nats_renew_consumer(struct af_nats_op *op, struct af_nats_queue *queue, bool *again)
{
    struct af_nats_reply reply;
    *again = false;
    if (!af_nats_delete_consumer(op, queue, (int)queue->generation))
        return false;
    queue->generation = (queue->generation + 1) % AF_NATS_GENERATIONS;
    if (!af_nats_write_lock(op, queue, again))
        return false;
    bool ok = create_consumer(op, queue, &reply);
    if (!ok && reply.error == AF_NATS_NOT_ALONE) { /* one is left of somebody who died */
        for (int i = 0; i < AF_NATS_GENERATIONS; i++)
            if (!af_nats_delete_consumer(op, queue, i))
                return false;
        ok = create_consumer(op, queue, &reply);
    }
    queue->ready = ok;
    queue->came = queue->credit = 0;
    queue->drained = false;
    queue->renew_ns = af_nats_now_ns(op->bus) + AF_NATS_ACK_NS / 3;
    return ok || failed(op, &reply);
}

/* ---- The broadcasts from before the node came. ----
 *
 * They are handed out once, in front of all. But a sender that already knew of the node has sent
 * some of them into its queue, too, and perhaps something before them: of each sender the first
 * that waits there says how far its broadcasts had gone then, and what is behind that comes at its
 * place in the queue. What is not in it after all comes when the queue is empty. */

bool af_nats_first_sent(struct af_nats_op *op, const struct af_nats_queue *queue,
                        const char *sender, int64_t *sent)
{
    const struct af_nats_place *place = queue->place;
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    char subject[AF_NATS_SUBJECT_BYTES];
    *sent = INT64_MAX;
    af_nats_queue_subject(queue, sender, subject);
    if (!af_nats_next(&op->bus->port, &reply, &op->arena, place->queues, subject, 1, &kept))
        return failed(op, &reply);
    if (kept.sequence > 0 && !af_nats_integer(kept.item, strlen(kept.item), "sent", sent))
        *sent = INT64_MAX;
    return true;
}

static void add_before(struct af_nats_queue *queue, const struct af_nats_kept *kept, bool later)
{
    *af_nats_add_entry(queue, queue->count) =
        (struct af_nats_entry){.id = kept->sequence,
                               .subject = af_mem_string(kept->subject),
                               .header = af_mem_string(kept->item),
                               .content = af_mem_copy(kept->data, kept->len),
                               .content_len = kept->len,
                               .before = true,
                               .later = later};
}

static bool read_before(struct af_nats_op *op, struct af_nats_queue *queue)
{
    const struct af_nats_place *place = queue->place;
    struct af_nats_reply reply;
    struct af_nats_kept kept;
    char subject[AF_NATS_SUBJECT_BYTES], sender[AF_NATS_TOKEN_BYTES] = "";
    int64_t sent = INT64_MAX, at = 1;
    snprintf(subject, sizeof subject, "afb.%s.%s.*", place->task->token, place->channel);
    for (int i = 0; i < AF_BUS_BROADCASTS_MAX; i++, at = kept.sequence + 1) {
        struct af_arena arena = {0};
        if (!af_nats_next(&op->bus->port, &reply, &arena, place->all, subject, at, &kept)) {
            af_arena_release(&arena);
            return failed(op, &reply);
        }
        const char *last = kept.sequence == 0 ? NULL : strrchr(kept.subject, '.');
        bool over = last == NULL || kept.sequence < at, ok = true;
        if (!over && strcmp(last + 1, sender) != 0) {
            snprintf(sender, sizeof sender, "%s", last + 1);
            ok = strpbrk(sender, "*>\" ") == NULL && af_nats_first_sent(op, queue, sender, &sent);
        }
        if (!over && ok)
            add_before(queue, &kept, kept.sequence > sent);
        af_arena_release(&arena);
        if (over || !ok)
            break;
    }
    queue->heard = op->result.code == AF_BUS_OK && queue->count == 0;
    return op->result.code == AF_BUS_OK;
}

/* ---- Holders. ---- */

/* Whether two holders are one party, in two processes perhaps: what a start makes anew stands
 * behind '@'. */
bool af_nats_is_same_party(const char *left, const char *right)
{
    const char *l = strrchr(left, '@'), *r = strrchr(right, '@');
    size_t len = l == NULL ? strlen(left) : (size_t)(l - left);
    return len > 0 && len == (r == NULL ? strlen(right) : (size_t)(r - right)) &&
           memcmp(left, right, len) == 0;
}

bool af_nats_is_recent(struct af_nats_op *op, const struct af_nats_queue *queue, bool mine,
                       bool another)
{
    const struct af_bus_take *take = &op->take;
    if (another && !take->begins)
        af_nats_refuse(op, AF_BUS_INVALID,
                       "another process goes on with what node '%s' keeps of task '%s', perhaps "
                       "from a copy of it: stop one of the two; `afrun ctl retry` has this one go "
                       "on",
                       take->node, take->task);
    else if (take->begins && (mine || another) && take->mark < queue->mark)
        af_nats_refuse(op, AF_BUS_INVALID,
                       "what node '%s' keeps of task '%s' is older than what it had: it goes on "
                       "from step %lld, and was at %lld; put the newer store back, or have it go "
                       "on all the same by `afrun ctl again` and `retry`",
                       take->node, take->task, (long long)take->mark, (long long)queue->mark);
    return op->result.code == AF_BUS_OK;
}

/* Whether another holder's leases run. */
static bool runs(const struct af_nats_op *op, struct af_nats_queue *queue, bool ours)
{
    int64_t now_ns = af_nats_now_ns(op->bus);
    if (queue->holder[0] == '\0' && !ours)
        return false;
    if (ours)
        return af_nats_has_handed(queue) && queue->until_ns > now_ns;
    if (queue->seen != queue->sequence) {
        queue->seen = queue->sequence;
        queue->seen_ns = now_ns;
    }
    return !queue->is_free && now_ns - queue->seen_ns < queue->wait_ns;
}

/* Takes it over: all that is not acknowledged is handed out anew. */
static bool take_over(struct af_nats_op *op, struct af_nats_queue *queue, bool same_party,
                      bool *again)
{
    const struct af_bus_take *take = &op->take;
    int64_t mark = same_party ? queue->mark : 0;
    queue->held = false;
    af_nats_clear(queue, true);
    queue->lease_ns = take->lease_ns;
    if (!queue->heard && !read_before(op, queue))
        return false;
    snprintf(queue->holder, sizeof queue->holder, "%s", take->holder);
    queue->mark = take->mark > mark ? take->mark : mark;
    queue->is_free = take->lease_ns == 0;
    queue->held = af_nats_renew_consumer(op, queue, again);
    return queue->held;
}

enum af_nats_hold af_nats_hold(struct af_nats_op *op, struct af_nats_queue *queue)
{
    struct af_bus_take *take = &op->take;
    bool again = true;
    for (int i = 0; i < CHANGE_TRIES && again; i++) {
        int64_t now_ns = af_nats_now_ns(op->bus);
        bool ours = queue->held;
        bool known = ours && (now_ns < queue->written_ns + queue->lease_ns || i > 0);
        int64_t sequence = queue->sequence;
        again = false;
        if (!known && !af_nats_read_lock(op, queue))
            return AF_NATS_FAILED;
        ours = ours && queue->sequence == sequence;
        bool mine = strcmp(queue->holder, take->holder) == 0 && queue->sequence > 0;
        bool another = !mine && af_nats_is_same_party(queue->holder, take->holder);
        if (!af_nats_is_recent(op, queue, mine, another))
            return AF_NATS_FAILED;
        bool goes_on = ours && mine && !take->begins;
        if (goes_on && take->lease_ns > 0 && queue->until_ns <= now_ns && af_nats_has_handed(queue))
            goes_on = false; /* its leases have run out */
        if (goes_on || op->run == af_nats_ack)
            break; /* who only acknowledges begins nothing */
        if (!mine && !another && runs(op, queue, ours))
            return AF_NATS_BLOCKED;
        if (!take_over(op, queue, mine || another, &again) && !again)
            return AF_NATS_FAILED;
    }
    if (again) {
        af_nats_refuse(op, AF_BUS_UNREACHABLE, "too many want the queue of '%s' at once",
                       take->node);
        return AF_NATS_FAILED;
    }
    take->begins = false; /* it has: one that waits does so once */
    return AF_NATS_HELD;
}
