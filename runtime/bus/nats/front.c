/* front.c: queues of a front: a service that acts for many nodes, beside others that do the same.
 *
 * A node's calls come to any of the fronts, so none of them keeps what a queue has handed out: that
 * stands in the queue's value in AF_NATS_LOCKS, with its holder and with how far the stream was
 * read. Each step reads it, and what it changes is written by compare-and-set before anybody is
 * told: of two fronts that hand out at once one begins again. There is no consumer: a contract is
 * read by its number, and removed when it is acknowledged. So a front that dies leaves nothing
 * behind, and none has to ask another.
 *
 * A take without a lease is one of the front's own, which ends when its answer has been written. */
#include "bus/nats/impl.h"

#include "base/bounds.h"
#include "base/mem.h"
#include "json/json.h"
#include "loop/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGE_TRIES = 50, HAND_MAX = 2 * AF_BUS_TAKE_MAX };

static bool failed(struct af_nats_op *op, const struct af_nats_reply *reply)
{
    af_nats_fail(op, reply);
    return false;
}

/* ---- The value. ---- */

/* "ID uuid" was handed out, "ID " is to be handed out again. */
static void read_hand(void *arg, const char *text, int64_t number)
{
    struct af_nats_queue *queue = arg;
    char *uuid;
    int64_t id = strtoll(text, &uuid, 10);
    int64_t last = queue->count == 0 ? 0 : queue->entries[queue->count - 1].id;
    (void)number;
    if (id <= last || *uuid++ != ' ' || queue->count == HAND_MAX)
        return;
    *af_nats_add_entry(queue, queue->count) =
        (struct af_nats_entry){.id = id,
                               .before = id < AF_NATS_QUEUE_IDS,
                               .uuid = *uuid == '\0' ? NULL : af_mem_string(uuid),
                               .handed = *uuid != '\0'};
}

void af_nats_front_read(struct af_nats_queue *queue, const char *json, size_t len)
{
    struct af_arena arena = {0};
    int64_t by_front = 0;
    af_nats_clear(queue, true);
    free(queue->limits);
    queue->at = queue->before_at = 1;
    queue->before_last = -1;
    queue->lease_until_ms = 0;
    if (json != NULL) {
        af_nats_integer(json, len, "front", &by_front);
        af_nats_integer(json, len, "at", &queue->at);
        af_nats_integer(json, len, "before_at", &queue->before_at);
        af_nats_integer(json, len, "before_last", &queue->before_last);
        af_nats_integer(json, len, "until_ms", &queue->lease_until_ms);
        af_nats_each(json, len, "hand", read_hand, queue);
    }
    const char *limits = json == NULL ? NULL : af_nats_text(&arena, json, len, "limits");
    queue->limits = af_mem_string(limits == NULL ? "" : limits);
    queue->by_front = by_front != 0;
    af_arena_release(&arena);
}

void af_nats_front_print(struct af_buf *out, const struct af_nats_queue *queue)
{
    af_json_add_integer(out, "front", 1);
    af_json_add_integer(out, "at", queue->at);
    af_json_add_integer(out, "until_ms", queue->lease_until_ms);
    if (!queue->heard) {
        af_json_add_integer(out, "before_at", queue->before_at);
        af_json_add_integer(out, "before_last", queue->before_last);
        af_json_add_text(out, "limits", queue->limits);
    }
    af_json_begin(out, "hand", '[');
    for (size_t i = 0; i < queue->count; i++) {
        const struct af_nats_entry *entry = &queue->entries[i];
        struct af_buf text = AF_BUF_EMPTY;
        af_buf_printf(&text, "%lld %s", (long long)entry->id, entry->handed ? entry->uuid : "");
        af_json_item(out, af_buf_text(&text));
        af_buf_release(&text);
    }
    af_buf_append_char(out, ']');
}

static int64_t wall_ms(const struct af_nats_op *op)
{
    return af_loop_wall_ns(op->bus->head.loop) / AF_MS_NS;
}

static void lease_until(const struct af_nats_op *op, struct af_nats_queue *queue, int64_t lease_ns)
{
    queue->lease_ns = lease_ns;
    queue->lease_until_ms = wall_ms(op) + lease_ns / AF_MS_NS;
    queue->is_free = false;
}

static void set_free(struct af_nats_queue *queue)
{
    queue->is_free = true;
    if (queue->mark == 0)
        queue->holder[0] = '\0';
}

/* ---- Removing. ---- */

/* Whose answers are waited for together; what is not there any more is removed. */
static bool remove_all(struct af_nats_op *op, const struct af_nats_queue *queue,
                       const int64_t *sequences, size_t count)
{
    struct af_nats_reply reply = {.code = AF_BUS_UNREACHABLE};
    char subject[AF_NATS_SUBJECT_BYTES], body[64], name[64];
    uint64_t first = op->bus->port.asked + 1;
    bool ok = true;
    snprintf(subject, sizeof subject, "$JS.API.STREAM.MSG.DELETE.%s", queue->place->queues);
    snprintf(reply.why, sizeof reply.why, "the connection to the NATS servers is lost");
    op->bus->port.asked += count;
    for (size_t i = 0; i < count && ok; i++) {
        snprintf(body, sizeof body, "{\"seq\":%lld,\"no_erase\":true}", (long long)sequences[i]);
        struct af_nats_send send = {.subject = subject, .body = body, .len = strlen(body)};
        ok = af_nats_send(&op->bus->port, &send, "q.%llu", (unsigned long long)(first + i));
    }
    for (size_t i = 0; i < count && ok; i++) {
        snprintf(name, sizeof name, "q.%llu", (unsigned long long)(first + i));
        ok = af_nats_await(&op->bus->port, name, subject, &reply) &&
             (reply.error == 0 || reply.error == AF_NATS_NO_SEQUENCE ||
              reply.error == AF_NATS_NOT_DELETED);
        af_nats_reply_release(&reply);
    }
    return ok || failed(op, &reply);
}

/* What the call is done with; *count of them. */
static bool settle(struct af_nats_op *op, struct af_nats_queue *queue, size_t *count)
{
    const struct af_bus_take *take = &op->take;
    int64_t *sequences = af_arena_alloc(&op->arena, (take->ack_count + 1) * sizeof *sequences);
    size_t in_queue = 0;
    *count = 0;
    for (size_t k = 0; k < take->ack_count; k++) {
        const char *reason = take->reasons == NULL ? NULL : take->reasons[k];
        size_t i = af_nats_find_entry(queue, take->acks[k]);
        if (i == queue->count)
            continue;
        if (reason != NULL && !af_nats_bury_entry(op, queue, &queue->entries[i], reason))
            return false;
        if (!queue->entries[i].before)
            sequences[in_queue++] = queue->entries[i].id - AF_NATS_QUEUE_IDS;
        af_nats_drop(queue, i);
        ++*count;
    }
    if (*count > 0 && strcmp(queue->holder, take->holder) == 0 && take->mark > queue->mark)
        queue->mark = take->mark;
    return remove_all(op, queue, sequences, in_queue);
}

static void take_back(struct af_nats_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++) {
        free(queue->entries[i].uuid);
        queue->entries[i].uuid = NULL;
        queue->entries[i].handed = false;
    }
}

/* ---- Whose it is. ---- */

/* Whether another holder's leases run: by our own clock, since its value has changed. */
static bool runs(const struct af_nats_op *op, struct af_nats_queue *queue)
{
    int64_t now_ns = af_nats_now_ns(op->bus);
    if (queue->seen != queue->sequence) {
        queue->seen = queue->sequence;
        queue->seen_ns = now_ns;
    }
    bool in_use = !queue->by_front || af_nats_has_handed(queue);
    return in_use && !queue->is_free && queue->holder[0] != '\0' &&
           now_ns - queue->seen_ns < queue->wait_ns;
}

static bool take_over(struct af_nats_op *op, struct af_nats_queue *queue, bool same_party)
{
    const struct af_bus_take *take = &op->take;
    int64_t mark = same_party ? queue->mark : 0;
    if (!queue->by_front && queue->sequence > 0 &&
        !af_nats_delete_consumer(op, queue, (int)queue->generation))
        return false;
    take_back(queue);
    snprintf(queue->holder, sizeof queue->holder, "%s", take->holder);
    queue->mark = take->mark > mark ? take->mark : mark;
    return true;
}

/* *changed: the value is to be written. */
static enum af_nats_hold hold(struct af_nats_op *op, struct af_nats_queue *queue, bool *changed)
{
    const struct af_bus_take *take = &op->take;
    *changed = false;
    if (!af_nats_read_lock(op, queue))
        return AF_NATS_FAILED;
    bool mine = strcmp(queue->holder, take->holder) == 0 && queue->sequence > 0;
    bool another = !mine && af_nats_is_same_party(queue->holder, take->holder);
    if (!af_nats_is_recent(op, queue, mine, another))
        return AF_NATS_FAILED;
    bool over = af_nats_has_handed(queue) && queue->lease_until_ms <= wall_ms(op);
    if ((mine && queue->by_front && !take->begins && !over) || op->run == af_nats_ack)
        return AF_NATS_HELD;
    if (!mine && !another && runs(op, queue))
        return AF_NATS_BLOCKED;
    *changed = true;
    return take_over(op, queue, mine || another) ? AF_NATS_HELD : AF_NATS_FAILED;
}

/* ---- The broadcasts from before the node came. ----
 *
 * They are read once, in front of all, up to the last that was there when the queue was first
 * looked at; of a sender that has something in the queue, up to where it knew of the node. */

static void add_sender(void *arg, const char *subject, int64_t number)
{
    struct af_buf *senders = arg;
    const char *last = strrchr(subject, '.');
    (void)number;
    if (last != NULL && strpbrk(last, ":* >\"") == NULL)
        af_buf_printf(senders, "%s ", last + 1);
}

static bool begin_before(struct af_nats_op *op, struct af_nats_queue *queue)
{
    const struct af_nats_place *place = queue->place;
    struct af_nats_reply reply;
    struct af_buf senders = AF_BUF_EMPTY, limits = AF_BUF_EMPTY;
    char subject[AF_NATS_SUBJECT_BYTES], sender[AF_NATS_TOKEN_BYTES];
    int64_t messages = 0, last = 0, sent;
    snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.%s", place->all);
    bool ok = af_nats_ask(&op->bus->port, &reply, subject, "{\"subjects_filter\":\"afb.%s.%s.*\"}",
                          place->task->token, place->channel) ||
              failed(op, &reply);
    if (ok) {
        af_nats_integer(reply.data, reply.len, "state.messages", &messages);
        af_nats_integer(reply.data, reply.len, "state.last_seq", &last);
        af_nats_each(reply.data, reply.len, "state.subjects", add_sender, &senders);
    }
    af_nats_reply_release(&reply);
    int used = 0;
    for (const char *at = af_buf_text(&senders); ok && sscanf(at, "%83s %n", sender, &used) == 1;
         at += used) {
        ok = af_nats_first_sent(op, queue, sender, &sent);
        if (ok && sent < last)
            af_buf_printf(&limits, "%s:%lld ", sender, (long long)sent);
    }
    if (ok) {
        free(queue->limits);
        queue->limits = af_mem_string(af_buf_text(&limits));
        queue->before_last = messages == 0 ? 0 : last;
        queue->before_at = 1;
    }
    af_buf_release(&senders);
    af_buf_release(&limits);
    return ok;
}

static bool is_within_limit(const struct af_nats_queue *queue, const struct af_nats_kept *kept)
{
    const char *last = strrchr(kept->subject, '.'), *at = queue->limits;
    size_t len = last == NULL ? 0 : strlen(++last);
    for (; len > 0 && (at = strstr(at, last)) != NULL; at += len)
        if (at[len] == ':' && (at == queue->limits || at[-1] == ' '))
            return kept->sequence <= strtoll(at + len + 1, NULL, 10);
    return true;
}

/* ---- Choosing. ---- */

struct choice {
    struct af_bus_item *items;
    size_t count, bytes;
    bool full;
};

/* Reads what is kept into an item, and takes it if there is room; false: op has failed. *gone: it
 * is none that can be handed out. */
static bool take_kept(struct af_nats_op *op, struct af_nats_queue *queue, struct choice *choice,
                      const struct af_nats_kept *kept, bool before, bool *gone)
{
    struct af_bus_item *item = &choice->items[choice->count];
    char why[AF_BUS_UNFIT_BYTES];
    int64_t sent;
    *gone = false;
    if (af_nats_read_item(&op->arena, kept->item, kept->data, kept->len, item, &sent, why) &&
        af_nats_accept(op, queue, kept->subject, item, why)) {
        item->id = before ? kept->sequence : AF_NATS_QUEUE_IDS + kept->sequence;
        choice->bytes += af_bus_item_bytes(item);
        choice->full = choice->count > 0 && choice->bytes > AF_BUS_TAKE_BYTES;
        choice->count += !choice->full;
        choice->full = choice->full || choice->count == op->take.max;
        return true;
    }
    if (op->result.code != AF_BUS_OK)
        return false;
    *gone = true;
    af_nats_note_set_aside(op, why);
    return af_nats_bury(op, queue, kept->item, kept->data, kept->len, why) &&
           (before || remove_all(op, queue, &kept->sequence, 1));
}

/* What stands at a sequence, or, of the queue's own or of the broadcasts, from there on. A server
 * that is behind the others may lack what is there: then it is not known now (choice->full). */
static bool read_kept(struct af_nats_op *op, const struct af_nats_queue *queue,
                      struct choice *choice, bool before, const char *subject, int64_t sequence,
                      struct af_nats_kept *kept)
{
    const char *stream = before ? queue->place->all : queue->place->queues;
    struct af_nats_port *port = &op->bus->port;
    struct af_nats_reply reply;
    if (!af_nats_read(port, &reply, &op->arena, stream, subject, sequence, kept))
        return failed(op, &reply);
    if (kept->sequence > 0 || (subject != NULL && !before))
        return true;
    struct af_nats_kept there;
    struct af_arena arena = {0};
    bool ok = af_nats_next(port, &reply, &arena, stream, subject == NULL ? ">" : subject, sequence,
                           &there);
    af_arena_release(&arena);
    choice->full =
        choice->full || (subject == NULL ? there.sequence == sequence : there.sequence >= sequence);
    return ok || failed(op, &reply);
}

/* What is to be handed out again, by its number. */
static bool choose_again(struct af_nats_op *op, struct af_nats_queue *queue, struct choice *choice)
{
    struct af_nats_kept kept;
    for (size_t i = 0; i < queue->count && !choice->full;) {
        struct af_nats_entry *entry = &queue->entries[i];
        int64_t sequence = entry->before ? entry->id : entry->id - AF_NATS_QUEUE_IDS;
        size_t chosen = choice->count;
        bool gone;
        if (entry->handed) {
            i++;
            continue;
        }
        if (!read_kept(op, queue, choice, entry->before, NULL, sequence, &kept))
            return false;
        gone = kept.sequence != sequence;
        if (gone && choice->full)
            return true;
        if (!gone && !take_kept(op, queue, choice, &kept, entry->before, &gone))
            return false;
        if (gone) {
            af_nats_drop(queue, i);
            continue;
        }
        entry->handed = choice->count > chosen;
        if (entry->handed)
            entry->uuid = af_mem_string(choice->items[chosen].uuid);
        i++;
    }
    return true;
}

/* What was not handed out yet: from where its stream was read to. */
static bool choose_next(struct af_nats_op *op, struct af_nats_queue *queue, struct choice *choice,
                        bool before)
{
    const struct af_nats_place *place = queue->place;
    struct af_nats_kept kept;
    char subject[AF_NATS_SUBJECT_BYTES];
    int64_t *at = before ? &queue->before_at : &queue->at;
    int64_t last = before ? queue->before_last : INT64_MAX;
    if (before)
        snprintf(subject, sizeof subject, "afb.%s.%s.*", place->task->token, place->channel);
    else
        af_nats_queue_subject(queue, "*", subject);
    while (*at <= last && !choice->full && queue->count < HAND_MAX) {
        size_t chosen = choice->count;
        bool gone = false;
        if (!read_kept(op, queue, choice, before, subject, *at, &kept))
            return false;
        if (kept.sequence < *at || kept.sequence > last) {
            if (before && !choice->full)
                *at = last + 1;
            return true;
        }
        if ((!before || is_within_limit(queue, &kept)) &&
            !take_kept(op, queue, choice, &kept, before, &gone))
            return false;
        if (choice->full && choice->count == chosen)
            return true; /* there was no room for it */
        *at = kept.sequence + 1;
        if (choice->count == chosen)
            continue;
        *af_nats_add_entry(queue, queue->count) =
            (struct af_nats_entry){.id = choice->items[chosen].id,
                                   .before = before,
                                   .uuid = af_mem_string(choice->items[chosen].uuid),
                                   .handed = true};
    }
    return true;
}

/* *changed as well where nothing was there to be handed out. */
static bool choose(struct af_nats_op *op, struct af_nats_queue *queue, struct choice *choice,
                   bool *changed)
{
    int64_t at = queue->at, before_at = queue->before_at;
    bool heard = queue->heard;
    if (op->items == NULL)
        op->items = af_arena_alloc(&op->arena, op->take.max * sizeof *op->items);
    choice->items = op->items;
    if (!heard && queue->before_last < 0) {
        if (!begin_before(op, queue))
            return false;
        *changed = true;
    }
    if (!choose_again(op, queue, choice) || (!heard && !choose_next(op, queue, choice, true)) ||
        !choose_next(op, queue, choice, false))
        return false;
    bool left = queue->before_at <= queue->before_last;
    for (size_t i = 0; i < queue->count && !left; i++)
        left = queue->entries[i].before;
    queue->heard = heard || !left;
    *changed = *changed || choice->count > 0 || queue->heard != heard || queue->at != at ||
               queue->before_at != before_at;
    return true;
}

/* ---- Takes. ---- */

/* Something may be there: it is looked for at once, and, since word of it comes before it is kept,
 * again soon. */
void af_nats_front_woken(struct af_nats_bus *bus, const char *subject)
{
    for (size_t i = 0; i < bus->active_count; i++) {
        struct af_nats_op *op = bus->active[i];
        struct af_nats_queue *queue = op->queue;
        char wanted[AF_NATS_SUBJECT_BYTES];
        if (op->over || !op->taking || queue == NULL)
            continue;
        af_nats_queue_subject(queue, "", wanted);
        if (strncmp(subject, wanted, strlen(wanted)) == 0) {
            queue->pause_ns = 2 * AF_MS_NS;
            op->look_ns = 0;
        }
    }
}

static void wait_on(struct af_nats_op *op, struct af_nats_queue *queue)
{
    char subject[AF_NATS_SUBJECT_BYTES];
    int64_t now_ns = af_nats_now_ns(op->bus), most_ns = AF_NATS_LOOK_NS;
    if (now_ns >= op->until_ns) {
        op->taking = false;
        return;
    }
    af_nats_queue_subject(queue, "*", subject);
    if (queue->wake == NULL) {
        af_nats_listen(op->bus, queue, subject);
        queue->pause_ns = 2 * AF_MS_NS; /* what came just now */
    }
    if (op->take.lease_ns < 4 * most_ns)
        most_ns = op->take.lease_ns / 4 + AF_MS_NS;
    queue->pause_ns = queue->pause_ns <= 0 || queue->pause_ns > most_ns ? most_ns : queue->pause_ns;
    op->look_ns = now_ns + queue->pause_ns;
    queue->pause_ns *= 4;
}

/* One look: false: the value was another's meanwhile, and all is to be done anew. */
static bool look(struct af_nats_op *op, struct af_nats_queue *queue)
{
    struct choice choice = {0};
    bool changed, again = false;
    size_t settled = 0;
    enum af_nats_hold have = hold(op, queue, &changed);
    if (have == AF_NATS_BLOCKED)
        af_nats_wait_for_other(op);
    if (have != AF_NATS_HELD)
        return true;
    changed = changed && !op->plain; /* whom nothing is given needs nothing */
    if (!op->began && !settle(op, queue, &settled))
        return true;
    if (!op->began && op->take.again)
        take_back(queue);
    changed = changed || settled > 0;
    if (!choose(op, queue, &choice, &changed))
        return true;
    if (!op->plain && wall_ms(op) + op->take.lease_ns * 2 / 3 / AF_MS_NS >= queue->lease_until_ms)
        changed = true;
    if (changed && (!op->plain || choice.count > 0))
        lease_until(op, queue, op->take.lease_ns);
    else if (changed)
        set_free(queue);
    if (changed && !af_nats_write_lock(op, queue, &again))
        return !again;
    op->began = true;
    op->take.begins = false;
    op->result.items = choice.items;
    op->result.count = choice.count;
    if (choice.count == 0) {
        wait_on(op, queue);
        return true;
    }
    op->taking = false;
    op->result.unwritten = op->plain;
    queue->unwritten += op->plain;
    queue->renew_ns = af_nats_now_ns(op->bus) + op->take.lease_ns / 3;
    return true;
}

void af_nats_front_take(struct af_nats_op *op)
{
    if (op->queue == NULL) {
        op->queue = af_nats_find_queue(op);
        op->taking = op->queue != NULL;
        if (op->take.lease_ns == 0 && !op->plain) {
            op->plain = true;
            op->take.holder = op->bus->front;
            op->take.lease_ns = AF_NATS_PLAIN_NS;
        }
    }
    bool done = !op->taking;
    for (int i = 0; i < CHANGE_TRIES && !done; i++)
        done = look(op, op->queue);
    if (!done)
        af_nats_refuse(op, AF_BUS_UNREACHABLE, "too many want the queue of '%s' at once",
                       op->take.node);
    op->over = op->over || op->result.code != AF_BUS_OK || !op->taking;
}

/* ---- Acknowledging. ---- */

typedef void change_fn(struct af_nats_op *op, struct af_nats_queue *queue);

/* Changes the value by what the call is about, until nobody is in between. */
static void change(struct af_nats_op *op, struct af_nats_queue *queue, change_fn *fn,
                   bool only_mine)
{
    bool again = queue != NULL, changed;
    size_t settled;
    op->over = true;
    for (int i = 0; i < CHANGE_TRIES && again; i++) {
        again = false;
        bool known =
            only_mine ? af_nats_read_lock(op, queue) : hold(op, queue, &changed) == AF_NATS_HELD;
        bool mine = known && strcmp(queue->holder, op->take.holder) == 0;
        if (!known || (only_mine && !mine) || !settle(op, queue, &settled))
            return;
        if (mine)
            fn(op, queue);
        if ((mine || settled > 0) && !af_nats_write_lock(op, queue, &again) && !again)
            return;
    }
    if (again)
        af_nats_refuse(op, AF_BUS_UNREACHABLE, "too many want the queue of '%s' at once",
                       op->take.node);
}

static void acknowledged(struct af_nats_op *op, struct af_nats_queue *queue)
{
    if (op->take.release) {
        take_back(queue);
        set_free(queue);
    } else if (queue->lease_ns > 0) {
        lease_until(op, queue, queue->lease_ns);
    }
}

void af_nats_front_ack(struct af_nats_op *op)
{
    change(op, af_nats_find_queue(op), acknowledged, false);
}

/* Who has what is in hand still is away: it waits for nobody any more. */
static void written(struct af_nats_op *op, struct af_nats_queue *queue)
{
    if (op->take.release)
        take_back(queue);
    if (!af_nats_has_handed(queue))
        set_free(queue);
}

/* An answer was written; release: it was not. */
void af_nats_front_written(struct af_nats_op *op)
{
    if (op->take.release)
        op->take.ack_count = 0;
    op->take.holder = op->bus->front;
    struct af_nats_queue *queue = af_nats_find_queue(op);
    change(op, queue, written, true);
    if (queue != NULL && queue->unwritten > 0)
        queue->unwritten--;
}

static void vanished(struct af_nats_op *op, struct af_nats_queue *queue)
{
    if (queue->lease_ns > AF_BUS_VANISHED_NS)
        lease_until(op, queue, AF_BUS_VANISHED_NS);
}

/* Who waited has gone without a word. It has a moment to come back. */
void af_nats_front_vanish(struct af_nats_op *op)
{
    struct af_nats_op none = {.bus = op->bus, .take = op->take};
    none.take.ack_count = 0;
    if (!op->plain)
        change(&none, op->queue, vanished, true);
    af_arena_release(&none.arena);
}

static void renew(struct af_nats_op *op, struct af_nats_queue *queue)
{
    lease_until(op, queue, AF_NATS_PLAIN_NS);
}

/* An answer takes long to be written. */
void af_nats_front_turn(struct af_nats_bus *bus, struct af_nats_queue *queue)
{
    struct af_nats_op none = {.bus = bus, .take = {.node = queue->node, .holder = bus->front}};
    queue->renew_ns = af_nats_now_ns(bus) + AF_NATS_PLAIN_NS / 3;
    if (queue->renew_ns > bus->quiet_until_ns)
        change(&none, queue, renew, true);
    af_arena_release(&none.arena);
}
