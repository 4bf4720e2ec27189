/* test_early.c: what is handed out while a commit waits for the disk, and what becomes of it where
 * the disk says no.
 *
 * The test stands between SQLite and the disk: it lets a wait for it end, or fail, when it likes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "base/failure.h"
#include "base/mem.h"
#include "bus/bus.h"
#include "loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- The disk. ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_slow;  /* waits begin, and do not end … */
    int passes;    /* … but for so many */
    int error;     /* how they end, 0: well */
    bool is_full;  /* nothing can be written */
    int64_t begun; /* so many */
} disk = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0, 0, false, 0};

static int wait_for_disk(int fd)
{
    pthread_mutex_lock(&disk.lock);
    disk.begun++;
    pthread_cond_broadcast(&disk.changed);
    while (disk.is_slow && disk.passes == 0)
        pthread_cond_wait(&disk.changed, &disk.lock);
    disk.passes -= disk.passes > 0;
    int error = disk.error;
    pthread_mutex_unlock(&disk.lock);
    errno = error;
    return error != 0 ? -1 : (int)syscall(SYS_fdatasync, fd);
}

/* SQLite has one or the other of the C library. */
int fdatasync(int fd)
{
    return wait_for_disk(fd);
}

int fsync(int fd)
{
    return wait_for_disk(fd);
}

/* As SQLite calls it, or as its name is with offsets of 64 bits. */
ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    pthread_mutex_lock(&disk.lock);
    bool is_full = disk.is_full;
    pthread_mutex_unlock(&disk.lock);
    errno = ENOSPC;
    return is_full ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, bytes, len, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    return pwrite64(fd, bytes, len, at);
}

static void fill_disk(bool is_full)
{
    pthread_mutex_lock(&disk.lock);
    disk.is_full = is_full;
    pthread_mutex_unlock(&disk.lock);
}

static void set_disk(bool is_slow, int error)
{
    pthread_mutex_lock(&disk.lock);
    disk.is_slow = is_slow;
    disk.error = error;
    pthread_cond_broadcast(&disk.changed);
    pthread_mutex_unlock(&disk.lock);
}

/* Lets the one that waits go, and returns when the next does. */
static void await_next(void)
{
    pthread_mutex_lock(&disk.lock);
    int64_t before = disk.begun;
    disk.passes = 1;
    pthread_cond_broadcast(&disk.changed);
    while (disk.begun == before)
        pthread_cond_wait(&disk.changed, &disk.lock);
    pthread_mutex_unlock(&disk.lock);
}

/* Until a commit waits for the slow disk. */
static void await_disk(int64_t before)
{
    pthread_mutex_lock(&disk.lock);
    while (disk.begun == before)
        pthread_cond_wait(&disk.changed, &disk.lock);
    pthread_mutex_unlock(&disk.lock);
}

/* ---- A store, and calls. ---- */

struct answer {
    bool there;
    enum af_bus_code code;
    size_t count;
    char uuid[64];
    char age[AF_BUS_AGE_BYTES];
};

struct world {
    char folder[64], url[128];
    struct af_loop *loop;
    struct af_bus *bus;
    struct answer answers[10];
    size_t answer_count;
};

static struct answer *answer_of(struct world *world)
{
    assert_true(world->answer_count < 10);
    return &world->answers[world->answer_count++];
}

static void open_bus(struct world *world)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_bus_options options = {.open_tasks = true};
    world->bus = af_bus_open(world->url, world->loop, &options, &why);
    assert_non_null(world->bus);
}

static int set_up(void **state)
{
    struct world *world = af_mem_zero(1, sizeof *world);
    struct af_failure why = AF_FAILURE_INIT;
    snprintf(world->folder, sizeof world->folder, "/tmp/af-early-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->url, sizeof world->url, "local:%s/store.db", world->folder);
    world->loop = af_loop_ev_new(&why);
    open_bus(world);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    char command[100];
    set_disk(false, 0);
    af_bus_close(world->bus);
    af_loop_free(world->loop);
    snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    assert_int_equal(system(command), 0);
    free(world);
    return 0;
}

static void note(void *arg, const struct af_bus_result *result)
{
    struct answer *answer = arg;
    answer->there = true;
    answer->code = result->code;
    answer->count = result->count;
    if (result->items != NULL && result->count > 0)
        snprintf(answer->uuid, sizeof answer->uuid, "%s", result->items[0].uuid);
    if (result->age != NULL)
        snprintf(answer->age, sizeof answer->age, "%s", result->age);
}

static void wait_for(struct world *world, const struct answer *answer)
{
    while (!answer->there && af_loop_step(world->loop))
        ;
    assert_true(answer->there);
}

static void push_as(struct world *world, const char *uuid, const char *const *targets, size_t count,
                    struct answer *answer)
{
    struct af_bus_post post = {.task = "t",
                               .channel = "federated",
                               .title = "x",
                               .sender = "a",
                               .uuid = uuid,
                               .targets = targets,
                               .target_count = count,
                               .content = "{}",
                               .content_len = 2};
    af_bus_publish(world->bus, &post, 1, note, answer);
}

static void push(struct world *world, const char *const *targets, size_t count,
                 struct answer *answer)
{
    push_as(world, "u", targets, count, answer);
}

static struct af_bus_take take_of(const char *node, int64_t lease_ns, bool early)
{
    return (struct af_bus_take){.task = "t",
                                .channel = "federated",
                                .node = node,
                                .holder = node,
                                .lease_ns = lease_ns,
                                .early = early,
                                .wait_ns = AF_BUS_WAIT_MAX_S * AF_S_NS,
                                .max = 10};
}

static void take(struct world *world, const char *node, int64_t lease_ns, bool early,
                 struct answer *answer)
{
    struct af_bus_take wanted = take_of(node, lease_ns, early);
    af_bus_take(world->bus, &wanted, note, answer);
}

/* Takes that were asked for before wait for what comes, in commits that are on the disk. Returns
 * how old the store is then. */
static const struct answer *settle(struct world *world)
{
    struct answer *members = answer_of(world), *none = answer_of(world);
    struct af_bus_member asker = {"x", "asker", 2};
    struct af_bus_take looks = take_of("x", AF_S_NS, false);
    af_bus_members(world->bus, "t", &asker, note, members);
    wait_for(world, members);
    looks.wait_ns = 0;
    af_bus_take(world->bus, &looks, note, none);
    wait_for(world, none);
    return none;
}

static void make_slow(struct world *world, const char *const *targets, size_t count,
                      struct answer *pushed)
{
    set_disk(true, 0);
    int64_t before = disk.begun;
    push(world, targets, count, pushed);
    await_disk(before);
}

static void end_turn(void *arg)
{
    *(bool *)arg = true;
}

/* Whatever the store has told by now is heard: it tells before it waits for the disk. */
static void let_turn(struct world *world)
{
    bool over = false;
    af_loop_post(world->loop, end_turn, &over);
    while (!over)
        assert_true(af_loop_step(world->loop));
}

#define LEASE_NS (60 * AF_S_NS)

static void who_knows_uuids_is_answered_while_the_disk_is_waited_for(void **state)
{
    static const char *const targets[] = {"b"};
    struct world *world = *state;
    struct answer *taken = answer_of(world), *pushed = answer_of(world);
    take(world, "b", LEASE_NS, true, taken);
    const struct answer *before = settle(world);
    make_slow(world, targets, 1, pushed);
    wait_for(world, taken);
    assert_int_equal(taken->count, 1);
    assert_string_equal(taken->uuid, "u");
    assert_string_equal(taken->age, before->age); /* what is not on the disk is no age */
    assert_false(pushed->there);
    set_disk(false, 0);
    wait_for(world, pushed);
    assert_int_equal(pushed->code, AF_BUS_OK);
    assert_string_not_equal(pushed->age, before->age);
}

static void expect_late(struct world *world, int64_t lease_ns, bool early)
{
    static const char *const targets[] = {"b"};
    struct answer *taken = answer_of(world), *pushed = answer_of(world);
    take(world, "b", lease_ns, early, taken);
    settle(world);
    make_slow(world, targets, 1, pushed);
    let_turn(world);
    assert_false(taken->there);
    set_disk(false, 0);
    wait_for(world, taken);
    wait_for(world, pushed);
    assert_int_equal(taken->count, 1);
}

static void who_does_not_know_uuids_waits_for_the_disk(void **state)
{
    expect_late(*state, LEASE_NS, false);
}

static void a_plain_take_waits_for_the_disk(void **state)
{
    expect_late(*state, 0, false);
}

static void without_a_lease_nobody_knows_uuids(void **state)
{
    expect_late(*state, 0, true);
}

/* The one would tell the other of it, who is given it later. */
static void what_is_for_two_waits_for_the_disk(void **state)
{
    static const char *const targets[] = {"b", "c"};
    struct world *world = *state;
    struct answer *one = answer_of(world), *two = answer_of(world), *pushed = answer_of(world);
    take(world, "b", LEASE_NS, true, one);
    take(world, "c", LEASE_NS, true, two);
    settle(world);
    make_slow(world, targets, 2, pushed);
    let_turn(world);
    assert_false(one->there || two->there);
    set_disk(false, 0);
    wait_for(world, one);
    wait_for(world, two);
    wait_for(world, pushed);
}

static void so_does_what_is_for_all(void **state)
{
    static const char *const targets[] = {"*"};
    struct world *world = *state;
    struct answer *taken = answer_of(world), *pushed = answer_of(world);
    take(world, "b", LEASE_NS, true, taken);
    settle(world);
    make_slow(world, targets, 1, pushed);
    let_turn(world);
    assert_false(taken->there);
    set_disk(false, 0);
    wait_for(world, taken);
    wait_for(world, pushed);
}

/* A take and a push in one commit, which waits for the disk. */
static void take_and_push(struct world *world, const struct af_bus_take *wanted,
                          struct answer *taken, struct answer *pushed)
{
    static const char *const first[] = {"c"}, *const second[] = {"b"};
    struct answer *blocks = answer_of(world);
    set_disk(true, 0);
    int64_t before = disk.begun;
    push_as(world, "blocks", first, 1, blocks);
    await_disk(before);
    af_bus_take(world->bus, wanted, note, taken);
    push_as(world, "v", second, 1, pushed);
    await_next();
    wait_for(world, blocks);
}

static void a_take_of_the_same_commit_is_answered_as_early(void **state)
{
    struct world *world = *state;
    struct answer *taken = answer_of(world), *pushed = answer_of(world);
    struct af_bus_take wanted = take_of("b", LEASE_NS, true);
    settle(world);
    take_and_push(world, &wanted, taken, pushed);
    wait_for(world, taken);
    assert_string_equal(taken->uuid, "v");
    assert_false(pushed->there);
    set_disk(false, 0);
    wait_for(world, pushed);
    assert_int_equal(pushed->code, AF_BUS_OK);
}

/* That it has begun, and no earlier start of it goes on, must be sure. */
static void who_begins_waits_for_the_disk(void **state)
{
    struct world *world = *state;
    struct answer *taken = answer_of(world), *pushed = answer_of(world);
    struct af_bus_take wanted = take_of("b", LEASE_NS, true);
    wanted.holder = "b@1";
    wanted.begins = true;
    settle(world);
    take_and_push(world, &wanted, taken, pushed);
    let_turn(world);
    assert_false(taken->there);
    set_disk(false, 0);
    wait_for(world, taken);
    wait_for(world, pushed);
}

static void what_was_acknowledged_in_a_commit_that_failed_comes_again(void **state)
{
    static const char *const targets[] = {"b"}, *const acked[] = {"u"};
    struct world *world = *state;
    struct answer *first = answer_of(world), *taken = answer_of(world), *lost = answer_of(world),
                  *pushed = answer_of(world), *again = answer_of(world), *kept = answer_of(world);
    push(world, targets, 1, kept);
    wait_for(world, kept);
    take(world, "b", LEASE_NS, true, first);
    wait_for(world, first);
    struct af_bus_take wanted = take_of("b", LEASE_NS, true);
    wanted.acks = acked;
    wanted.ack_count = 1;
    take_and_push(world, &wanted, taken, lost);
    wait_for(world, taken);
    assert_int_equal(taken->code, AF_BUS_OK);
    set_disk(false, EIO);
    wait_for(world, lost);
    assert_int_equal(lost->code, AF_BUS_UNREACHABLE);
    set_disk(false, 0);
    push_as(world, "v", targets, 1, pushed);
    wait_for(world, pushed);
    take(world, "b", LEASE_NS, true, again);
    wait_for(world, again);
    assert_int_equal(again->count, 2);
    assert_string_equal(again->uuid, "u");
}

/* ---- Of takes that only acknowledge, and wait. ---- */

static void a_commit_that_nobody_waits_for_comes_all_the_same(void **state)
{
    struct world *world = *state;
    struct answer *taken = answer_of(world), *blocks = answer_of(world);
    static const char *const targets[] = {"c"};
    settle(world);
    set_disk(true, 0);
    int64_t before = disk.begun;
    take(world, "b", LEASE_NS, true, taken); /* b joins */
    await_disk(before);
    push(world, targets, 1, blocks);
    set_disk(false, 0);
    wait_for(world, blocks);
}

static void what_a_take_has_acknowledged_is_kept_when_the_store_is_closed(void **state)
{
    static const char *const targets[] = {"b"}, *const acked[] = {"u"};
    struct world *world = *state;
    struct answer *pushed = answer_of(world), *first = answer_of(world), *taken = answer_of(world),
                  *again = answer_of(world);
    push(world, targets, 1, pushed);
    take(world, "b", LEASE_NS, true, first);
    wait_for(world, first);
    struct af_bus_take wanted = take_of("b", LEASE_NS, true);
    wanted.acks = acked;
    wanted.ack_count = 1;
    af_bus_take(world->bus, &wanted, note, taken);
    af_bus_close(world->bus);
    open_bus(world);
    assert_int_equal(taken->code, AF_BUS_CANCELLED);
    struct af_bus_take looks = take_of("b", LEASE_NS, true);
    looks.wait_ns = 0;
    looks.again = true;
    af_bus_take(world->bus, &looks, note, again);
    wait_for(world, again);
    assert_int_equal(again->count, 0);
}

static void what_is_acknowledged_before_the_disk_has_answered_is_done(void **state)
{
    static const char *const targets[] = {"b"}, *const acked[] = {"u"};
    struct world *world = *state;
    struct answer *taken = answer_of(world), *pushed = answer_of(world), *done = answer_of(world),
                  *again = answer_of(world);
    take(world, "b", LEASE_NS, true, taken);
    settle(world);
    make_slow(world, targets, 1, pushed);
    wait_for(world, taken);
    struct af_bus_take acks = take_of("b", LEASE_NS, true);
    acks.acks = acked;
    acks.ack_count = 1;
    af_bus_ack(world->bus, &acks, note, done);
    set_disk(false, 0);
    wait_for(world, pushed);
    wait_for(world, done);
    assert_int_equal(done->code, AF_BUS_OK);
    struct af_bus_take looks = take_of("b", LEASE_NS, true);
    looks.again = true;
    looks.wait_ns = 0;
    af_bus_take(world->bus, &looks, note, again);
    wait_for(world, again);
    assert_int_equal(again->count, 0);
}

/* "There was no room, nothing was taken" would not be true. */
static void fail_when_handed_out(struct world *world, int error)
{
    static const char *const targets[] = {"b"};
    struct answer *taken = answer_of(world), *refused = answer_of(world),
                  *pushed = answer_of(world), *again = answer_of(world);
    take(world, "b", LEASE_NS, true, taken);
    settle(world);
    make_slow(world, targets, 1, refused);
    wait_for(world, taken);
    set_disk(false, error);
    wait_for(world, refused);
    assert_int_equal(refused->code, AF_BUS_UNREACHABLE);
    set_disk(false, 0);
    push(world, targets, 1, pushed); /* as our senders do */
    wait_for(world, pushed);
    assert_int_equal(pushed->code, AF_BUS_OK);
    take(world, "b", LEASE_NS, true, again);
    wait_for(world, again);
    assert_int_equal(again->count, 1);
    assert_string_equal(again->uuid, "u"); /* its holder knows it */
}

static void what_was_handed_out_and_not_kept_comes_again(void **state)
{
    fail_when_handed_out(*state, EIO);
}

static void a_full_disk_is_no_no_to_what_was_handed_out(void **state)
{
    fail_when_handed_out(*state, ENOSPC);
}

static void a_full_disk_is_a_no_to_what_was_not(void **state)
{
    static const char *const targets[] = {"b"}, *const others[] = {"c"};
    struct world *world = *state;
    struct answer *taken = answer_of(world), *pushed = answer_of(world),
                  *refused = answer_of(world);
    take(world, "b", LEASE_NS, true, taken);
    settle(world);
    make_slow(world, targets, 1, pushed);
    wait_for(world, taken); /* while the disk is waited for */
    set_disk(false, 0);
    wait_for(world, pushed);
    fill_disk(true);
    push_as(world, "v", others, 1, refused);
    wait_for(world, refused);
    fill_disk(false);
    assert_int_equal(refused->code, AF_BUS_FULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(who_knows_uuids_is_answered_while_the_disk_is_waited_for),
        CASE(who_does_not_know_uuids_waits_for_the_disk),
        CASE(a_plain_take_waits_for_the_disk),
        CASE(without_a_lease_nobody_knows_uuids),
        CASE(what_is_for_two_waits_for_the_disk),
        CASE(so_does_what_is_for_all),
        CASE(a_take_of_the_same_commit_is_answered_as_early),
        CASE(who_begins_waits_for_the_disk),
        CASE(what_was_acknowledged_in_a_commit_that_failed_comes_again),
        CASE(a_commit_that_nobody_waits_for_comes_all_the_same),
        CASE(what_a_take_has_acknowledged_is_kept_when_the_store_is_closed),
        CASE(what_is_acknowledged_before_the_disk_has_answered_is_done),
        CASE(what_was_handed_out_and_not_kept_comes_again),
        CASE(a_full_disk_is_no_no_to_what_was_handed_out),
        CASE(a_full_disk_is_a_no_to_what_was_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
