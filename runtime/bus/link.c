/* link.c: see link.h. */
#include "bus/link.h"

#include "bus/age.h"
#include "bus/latency.h"

#include "base/arena.h"
#include "base/bounds.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct outgoing {
    struct outgoing *next;
    struct af_arena arena;
    struct af_bus_post post;
    int64_t confirmed_ns; /* when it was, of one that is kept; … */
    uint64_t epoch;       /* … in this epoch of the bus */
};

struct place {       /* of a contract */
    int64_t number;  /* ours */
    int64_t id;      /* in the queue; a store that loses power may give one twice */
    int64_t came_ns; /* when it came */
};

struct names { /* contracts: their uuids, which are ours, their places, and … */
    char **items;
    char **reasons; /* … ours too: NULL; or why one that is dealt with cannot be read */
    struct place *places;
    size_t count, cap, reason_cap, place_cap;
};

struct af_link {
    struct af_link_spec spec;
    struct af_arena arena; /* of the spec's texts */
    struct af_rng chance;  /* spreads retries */

    struct outgoing *first, **last;
    struct outgoing *kept, **kept_last; /* confirmed, and before all of these */
    size_t kept_count;
    struct af_timer *keep_look;
    uint64_t push_epoch;    /* of the push under way */
    size_t unsent, in_push; /* in_push: of those, under way now */
    size_t unsent_bytes;    /* of their contents */
    int64_t push_ns;        /* when it began */
    struct af_timer *push_again;
    int64_t push_delay_ns;

    struct names in_hand, acks; /* acks: dealt with, and not told yet */
    int64_t given;              /* so far */
    uint64_t ticket;
    char asked[AF_BUS_AGE_BYTES];    /* the age that the take or ack under way has */
    size_t acks_taking, acks_acking; /* how many of acks the take or ack under way carries */
    struct af_timer *take_again;
    int64_t take_delay_ns;

    void (*left)(void *arg);
    void *left_arg;
    struct af_timer *leave_by;

    size_t calls; /* under way: the link lives until they are over */
    bool freed;
    bool stopped; /* refused for good, or leaving */
    bool listening, taking, acking;
    bool heard; /* the bus had nothing more for us, once */
    bool begun; /* a take was answered */
    bool again; /* the next take asks for all that is not acknowledged */
    bool ack_posted;
    bool in_trouble;
};

static void push(struct af_link *link);
static void take(struct af_link *link);
static void after_leave(struct af_link *link);

/* ---- Names. ---- */

static void names_add(struct names *names, const char *uuid, struct place place, const char *reason)
{
    af_mem_reserve(&names->items, &names->cap, names->count + 1, sizeof(char *));
    af_mem_reserve(&names->reasons, &names->reason_cap, names->count + 1, sizeof(char *));
    af_mem_reserve(&names->places, &names->place_cap, names->count + 1, sizeof *names->places);
    names->places[names->count] = place;
    names->reasons[names->count] = reason == NULL ? NULL : af_mem_string(reason);
    names->items[names->count++] = af_mem_string(uuid);
}

static size_t names_find(const struct names *names, int64_t number)
{
    size_t i = 0;
    while (i < names->count && names->places[i].number != number)
        i++;
    return i;
}

static bool names_has(const struct names *names, const struct af_bus_item *item)
{
    size_t i = 0;
    while (i < names->count &&
           (names->places[i].id != item->id || strcmp(names->items[i], item->uuid) != 0))
        i++;
    return i < names->count;
}

static void names_drop(struct names *names, size_t first, size_t count)
{
    if (count == 0)
        return;
    for (size_t i = first; i < first + count; i++) {
        free(names->items[i]);
        free(names->reasons[i]);
    }
    names->count -= count;
    memmove(names->reasons + first, names->reasons + first + count,
            (names->count - first) * sizeof(char *));
    memmove(names->items + first, names->items + first + count,
            (names->count - first) * sizeof(char *));
    memmove(names->places + first, names->places + first + count,
            (names->count - first) * sizeof *names->places);
}

static void names_release(struct names *names)
{
    names_drop(names, 0, names->count);
    free(names->items);
    free(names->reasons);
    free(names->places);
}

/* ---- Trouble. ---- */

static void well_again(struct af_link *link)
{
    if (!link->in_trouble)
        return;
    link->in_trouble = false;
    link->spec.owner.trouble(link->spec.owner.arg, link, NULL);
}

static bool may_try_again(enum af_bus_code code)
{
    return code == AF_BUS_UNREACHABLE || code == AF_BUS_FULL || code == AF_BUS_OLDER;
}

/* What a result that is no success means: true if it is tried again, after *delay_ns. */
static bool trouble(struct af_link *link, const struct af_bus_result *result, int64_t *delay_ns)
{
    if (!may_try_again(result->code)) {
        link->stopped = true;
        if (link->spec.owner.refused(link->spec.owner.arg, link, result->code, result->why))
            link->stopped = false;
        return false;
    }
    link->in_trouble = true;
    link->spec.owner.trouble(link->spec.owner.arg, link, result->why);
    *delay_ns = *delay_ns == 0 ? AF_LINK_RETRY_FIRST_NS : *delay_ns * 2;
    if (*delay_ns > AF_LINK_RETRY_LAST_NS)
        *delay_ns = AF_LINK_RETRY_LAST_NS;
    return true;
}

/* Between a half and all of the delay, so that many nodes do not come back in one moment. */
static int64_t spread(struct af_link *link, int64_t delay_ns)
{
    return delay_ns / 2 + (int64_t)af_rng_below(&link->chance, (uint64_t)delay_ns / 2);
}

/* A call is over; false: the link is not there any more. */
static bool call_over(struct af_link *link)
{
    link->calls--;
    if (!link->freed)
        return true;
    af_link_free(link);
    return false;
}

/* ---- Sending. ---- */

static void push_later(void *arg)
{
    struct af_link *link = arg;
    link->push_again = NULL;
    push(link);
}

static void outgoing_free(struct outgoing *outgoing)
{
    af_arena_release(&outgoing->arena);
    free(outgoing);
}

static void confirm(struct af_link *link, size_t count)
{
    if (link->spec.owner.confirmed != NULL && count > 0)
        link->spec.owner.confirmed(link->spec.owner.arg, link, count);
}

static void forget(struct af_link *link, struct outgoing *outgoing)
{
    link->unsent_bytes -= outgoing->post.content_len;
    outgoing_free(outgoing);
}

/* The first posts are with the bus: they go, or are kept for a while. */
static void leave_posts(struct af_link *link, size_t count, bool kept)
{
    for (size_t i = 0; i < count; i++) {
        struct outgoing *outgoing = link->first;
        link->first = outgoing->next;
        link->unsent--;
        if (!kept) {
            forget(link, outgoing);
            continue;
        }
        outgoing->confirmed_ns = af_loop_now_ns(link->spec.loop);
        outgoing->epoch = link->push_epoch;
        outgoing->next = NULL;
        *(link->kept == NULL ? &link->kept : link->kept_last) = outgoing;
        link->kept_last = &outgoing->next;
        link->kept_count++;
    }
}

/* What was confirmed by a server that is another now is sent once more, before all else: who had it
 * knows it by its uuid. */
static void send_kept_again(struct af_link *link)
{
    if (link->kept == NULL || link->in_push > 0 ||
        link->kept->epoch == af_bus_epoch(link->spec.bus))
        return;
    if (link->first == NULL)
        link->last = link->kept_last;
    *link->kept_last = link->first;
    link->first = link->kept;
    link->unsent += link->kept_count;
    link->kept = NULL;
    link->kept_count = 0;
}

static void look_at_kept(void *arg)
{
    struct af_link *link = arg;
    int64_t until_ns = af_loop_now_ns(link->spec.loop) - link->spec.keep_ns;
    size_t count = 0;
    link->keep_look = NULL;
    send_kept_again(link);
    for (; link->kept != NULL && link->kept->confirmed_ns <= until_ns; count++) {
        struct outgoing *outgoing = link->kept;
        link->kept = outgoing->next;
        link->kept_count--;
        forget(link, outgoing);
    }
    confirm(link, count);
    push(link);
    if (link->kept == NULL && link->unsent == 0 && link->spec.owner.sent_all != NULL)
        link->spec.owner.sent_all(link->spec.owner.arg, link);
    else if (link->kept != NULL)
        link->keep_look = af_timer_start(link->spec.loop, AF_LINK_KEPT_LOOK_NS, look_at_kept, link);
}

static void pushed(void *arg, const struct af_bus_result *result)
{
    struct af_link *link = arg;
    size_t count = link->in_push;
    link->in_push = 0;
    af_bus_note_age(link->spec.bus, NULL, result);
    if (!call_over(link) || link->stopped)
        return;
    if (result->code != AF_BUS_OK) {
        if (trouble(link, result, &link->push_delay_ns))
            link->push_again = af_timer_start(link->spec.loop, spread(link, link->push_delay_ns),
                                              push_later, link);
        if (link->stopped || link->push_again != NULL)
            return;
    }
    link->push_delay_ns = 0;
    bool kept = result->code == AF_BUS_OK && link->spec.keep_ns > 0 && link->push_epoch != 0;
    leave_posts(link, count, kept);
    if (!kept)
        confirm(link, count);
    else if (link->keep_look == NULL)
        link->keep_look = af_timer_start(link->spec.loop, AF_LINK_KEPT_LOOK_NS, look_at_kept, link);
    if (result->code == AF_BUS_OK) {
        af_histogram_note(&link->spec.bus->times.pushes,
                          af_loop_now_ns(link->spec.loop) - link->push_ns);
        well_again(link);
    }
    push(link);
    if (link->unsent == 0 && link->spec.owner.sent_all != NULL)
        link->spec.owner.sent_all(link->spec.owner.arg, link);
}

/* One push at a time, so that the order is kept; what has gathered meanwhile goes together where
 * the bus takes several. */
static void push(struct af_link *link)
{
    struct af_bus_post posts[AF_LINK_POSTS_MAX];
    size_t most = af_bus_leases(link->spec.bus) == 1 ? AF_LINK_POSTS_MAX : 1;
    size_t count = 0, bytes = 0;
    send_kept_again(link);
    if (link->in_push > 0 || link->unsent == 0 || link->push_again != NULL || link->stopped)
        return;
    if (af_bus_older(link->spec.bus) != NULL) {
        link->push_again = af_timer_start(link->spec.loop, AF_S_NS, push_later, link);
        return;
    }
    for (struct outgoing *at = link->first; at != NULL && count < most; at = at->next) {
        bytes += af_bus_post_bytes(&at->post);
        if (count > 0 && bytes > AF_BUS_TAKE_BYTES)
            break;
        posts[count] = at->post;
        posts[count++].epoch = link->kept == NULL ? 0 : link->kept->epoch;
    }
    link->in_push = count;
    link->push_epoch = af_bus_epoch(link->spec.bus);
    link->push_ns = af_loop_now_ns(link->spec.loop);
    link->calls++;
    af_bus_publish(link->spec.bus, posts, count, pushed, link);
}

void af_link_send(struct af_link *link, const struct af_bus_post *post)
{
    struct outgoing *outgoing = af_mem_zero(1, sizeof *outgoing);
    struct af_arena *arena = &outgoing->arena;
    outgoing->post = *post;
    outgoing->post.task = link->spec.task;
    outgoing->post.channel = link->spec.channel;
    outgoing->post.sender = link->spec.node;
    outgoing->post.title = af_arena_string(arena, post->title);
    outgoing->post.uuid = af_arena_string(arena, post->uuid);
    outgoing->post.targets = af_arena_strings(arena, post->targets, post->target_count);
    outgoing->post.content = af_arena_copy(arena, post->content, post->content_len);
    if (link->first == NULL)
        link->last = &link->first;
    *link->last = outgoing;
    link->last = &outgoing->next;
    link->unsent++;
    link->unsent_bytes += post->content_len;
    push(link);
}

size_t af_link_kept(const struct af_link *link)
{
    return link->kept_count;
}

bool af_link_is_full(const struct af_link *link)
{
    return link->unsent_bytes > AF_LINK_UNSENT_BYTES_MAX;
}

size_t af_link_unsent(const struct af_link *link)
{
    return link->unsent;
}

/* ---- Acknowledging. ---- */

static struct af_bus_take request(struct af_link *link)
{
    snprintf(link->asked, sizeof link->asked, "%s", af_bus_age(link->spec.bus));
    return (struct af_bus_take){.task = link->spec.task,
                                .channel = link->spec.channel,
                                .node = link->spec.node,
                                .holder = link->spec.holder,
                                .mark = link->spec.mark,
                                .early = link->spec.knows_uuids,
                                .age = link->asked,
                                .lease_ns = AF_LINK_LEASE_NS,
                                .wait_ns = AF_LINK_WAIT_NS,
                                .max = 1,
                                .acks = (const char *const *)link->acks.items,
                                .reasons = (const char *const *)link->acks.reasons,
                                .ack_count = link->acks.count};
}

static void acknowledged(void *arg, const struct af_bus_result *result)
{
    struct af_link *link = arg;
    size_t count = link->acks_acking;
    link->acking = false;
    link->acks_acking = 0;
    af_bus_note_age(link->spec.bus, link->asked, result);
    if (!call_over(link))
        return;
    if (result->code == AF_BUS_OK && count <= link->acks.count)
        names_drop(&link->acks, 0, count); /* else the next take tells them again */
    if (link->left != NULL)
        after_leave(link);
    else
        take(link); /* one may have ended meanwhile, and waited for this */
}

static void send_acks(struct af_link *link, bool release)
{
    struct af_bus_take acks = request(link);
    acks.release = release;
    link->acking = true;
    link->acks_acking = link->acks.count;
    link->calls++;
    af_bus_ack(link->spec.bus, &acks, acknowledged, link);
}

/* All acknowledgements of one turn of the loop go together. Where a take waits they need a call of
 * their own; else the next take carries them. */
static void ack_soon(void *arg)
{
    struct af_link *link = arg;
    link->ack_posted = false;
    if (link->stopped)
        return;
    if (!link->taking)
        take(link);
    else if (!link->acking && link->acks_taking == 0 && link->acks.count > 0)
        send_acks(link, false);
}

void af_link_reject(struct af_link *link, int64_t number, const char *reason)
{
    size_t i = names_find(&link->in_hand, number);
    if (i == link->in_hand.count)
        return;
    struct place place = link->in_hand.places[i];
    af_histogram_note(&link->spec.bus->times.contracts,
                      af_loop_now_ns(link->spec.loop) - place.came_ns);
    if (af_bus_leases(link->spec.bus) != 0) /* else it was consumed when it was handed out */
        names_add(&link->acks, link->in_hand.items[i], place, reason);
    names_drop(&link->in_hand, i, 1);
    if (!link->ack_posted) {
        link->ack_posted = true;
        af_loop_post(link->spec.loop, ack_soon, link);
    }
}

void af_link_mark(struct af_link *link, int64_t mark)
{
    link->spec.mark = mark;
}

void af_link_ack(struct af_link *link, int64_t number)
{
    af_link_reject(link, number, NULL);
}

size_t af_link_in_hand(const struct af_link *link)
{
    return link->in_hand.count;
}

bool af_link_is_settled(const struct af_link *link)
{
    return link->acks.count == 0 && link->in_hand.count == 0;
}

/* ---- Taking. ---- */

static void take_later(void *arg)
{
    struct af_link *link = arg;
    link->take_again = NULL;
    take(link);
}

/* Gives what has come, but for what is in hand, or was and the bus does not know it yet. */
static void give(struct af_link *link, const struct af_bus_result *result)
{
    for (size_t i = 0; i < result->count && !link->freed; i++) {
        struct af_bus_item item = result->items[i];
        bool leased = af_bus_leases(link->spec.bus) != 0;
        if (leased && (names_has(&link->in_hand, &item) || names_has(&link->acks, &item)))
            continue;
        struct place place = {++link->given, item.id, af_loop_now_ns(link->spec.loop)};
        if (item.taken_ns > 0 && item.sender != NULL)
            af_bus_note_latency(link->spec.bus, item.sender,
                                af_loop_wall_ns(link->spec.loop) - item.taken_ns);
        names_add(&link->in_hand, item.uuid, place, NULL);
        item.id = place.number;
        link->spec.owner.came(link->spec.owner.arg, link, &item);
    }
}

static void taken(void *arg, const struct af_bus_result *result)
{
    struct af_link *link = arg;
    size_t carried = link->acks_taking;
    link->taking = false;
    link->acks_taking = 0;
    af_bus_note_age(link->spec.bus, link->asked, result);
    if (link->freed || link->stopped) {
        if (call_over(link) && link->left != NULL)
            after_leave(link);
        return;
    }
    if (result->code == AF_BUS_OK) {
        link->begun = true;
        names_drop(&link->acks, 0, carried);
        link->take_delay_ns = 0;
        if (result->held) {
            link->in_trouble = true;
            link->spec.owner.trouble(link->spec.owner.arg, link,
                                     "another process of this node holds the task's contracts");
        } else {
            well_again(link);
        }
        give(link, result); /* may free the link: the call still counts */
        if (!link->freed && !link->heard && result->count == 0 && !result->held) {
            link->heard = true;
            if (link->spec.owner.heard != NULL)
                link->spec.owner.heard(link->spec.owner.arg, link);
        }
    } else {
        link->again = true; /* an answer may be lost */
        if (result->code == AF_BUS_OLDER)
            link->begun = false; /* another start of us may hold what is there then */
        if (trouble(link, result, &link->take_delay_ns))
            link->take_again = af_timer_start(link->spec.loop, spread(link, link->take_delay_ns),
                                              take_later, link);
    }
    if (call_over(link))
        take(link);
}

static void take(struct af_link *link)
{
    if (link->taking || link->acking || link->take_again != NULL || link->stopped ||
        !link->listening || link->in_hand.count >= AF_BUS_WINDOW)
        return;
    struct af_bus_take wanted = request(link);
    wanted.max = AF_BUS_WINDOW - link->in_hand.count;
    if (link->in_trouble ? link->again : !link->heard)
        wanted.wait_ns = 0; /* to know soon that all is well again, or that nothing is there */
    wanted.again = link->again;
    wanted.begins = !link->begun && link->spec.comes_back;
    link->again = false;
    link->taking = true;
    link->acks_taking = link->acks.count;
    link->calls++;
    link->ticket = af_bus_take(link->spec.bus, &wanted, taken, link);
}

void af_link_listen(struct af_link *link)
{
    link->listening = true;
    take(link);
}

/* ---- Leaving. ---- */

static void left(void *arg)
{
    struct af_link *link = arg;
    void (*over)(void *) = link->left;
    af_timer_cancel(link->leave_by);
    link->leave_by = NULL;
    link->left = NULL;
    over(link->left_arg); /* may free the link */
}

static void leave_in_time(void *arg)
{
    struct af_link *link = arg;
    link->leave_by = NULL;
    left(link);
}

/* When the take that was cancelled is over, the rest is told; when that is answered, we have left.
 */
static void after_leave(struct af_link *link)
{
    if (link->taking || link->acking)
        return;
    bool tell = link->listening && af_bus_leases(link->spec.bus) == 1;
    link->listening = false;
    if (tell)
        send_acks(link, true);
    else
        left(link);
}

void af_link_leave(struct af_link *link, void (*over)(void *arg), void *arg)
{
    link->stopped = true;
    link->left = over;
    link->left_arg = arg;
    link->leave_by = af_timer_start(link->spec.loop, AF_LINK_LEAVE_NS, leave_in_time, link);
    if (link->taking)
        af_bus_cancel(link->spec.bus, link->ticket);
    else if (!link->acking)
        after_leave(link);
}

/* ---- Life. ---- */

struct af_link *af_link_new(const struct af_link_spec *spec)
{
    struct af_link *link = af_mem_zero(1, sizeof *link);
    struct af_arena *arena = &link->arena;
    link->spec = *spec;
    link->spec.task = af_arena_string(arena, spec->task);
    link->spec.channel = af_arena_string(arena, spec->channel);
    link->spec.node = af_arena_string(arena, spec->node);
    link->spec.holder = af_arena_string(arena, spec->holder);
    link->again = spec->comes_back;
    struct af_hash key =
        af_hash_bytes((struct af_hash){11, 12}, spec->holder, strlen(spec->holder));
    af_rng_init_keyed(&link->chance, key);
    return link;
}

void af_link_free(struct af_link *link)
{
    if (link == NULL)
        return;
    if (!link->freed) {
        af_timer_cancel(link->push_again);
        af_timer_cancel(link->keep_look);
        af_timer_cancel(link->take_again);
        af_timer_cancel(link->leave_by);
        if (link->ack_posted)
            af_loop_unpost(link->spec.loop, ack_soon, link);
        if (link->taking)
            af_bus_cancel(link->spec.bus, link->ticket);
        link->freed = link->stopped = true;
    }
    if (link->calls > 0)
        return; /* the last of them frees it */
    link->push_epoch = 0;
    leave_posts(link, link->unsent, false);
    while (link->kept != NULL) {
        struct outgoing *outgoing = link->kept;
        link->kept = outgoing->next;
        outgoing_free(outgoing);
    }
    names_release(&link->in_hand);
    names_release(&link->acks);
    af_arena_release(&link->arena);
    free(link);
}

const char *af_link_task(const struct af_link *link)
{
    return link->spec.task;
}

const char *af_link_channel(const struct af_link *link)
{
    return link->spec.channel;
}

void *af_link_arg(const struct af_link *link)
{
    return link->spec.owner.arg;
}
