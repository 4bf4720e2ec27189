/* test_store.c: what is kept of parties: that it comes back as it was, what is dropped of a journal
 * and what is not, and that a disk which fails is told and leaves nothing in part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/io.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "code/code.h"
#include "store/store.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- A store in a folder of its own. ---- */

struct world {
    char folder[200], path[220];
    struct af_loop *loop;
    struct af_store *store;
    struct af_store_options options;
    unsigned troubles, recoveries;
    char trouble[300];
    struct af_buf told; /* of done(): a character each */
    int64_t party;
};

static void on_trouble(void *arg, const char *why)
{
    struct world *world = arg;
    world->troubles += why != NULL;
    world->recoveries += why == NULL;
    if (why != NULL)
        snprintf(world->trouble, sizeof world->trouble, "%s", why);
}

static void open_store(struct world *world)
{
    struct af_failure why = AF_FAILURE_INIT;
    world->store = af_store_open(world->path, world->loop, &world->options, &why);
    if (world->store == NULL)
        fail_msg("%s: %s", why.what, why.why);
}

static void reopen(struct world *world)
{
    af_store_close(world->store);
    open_store(world);
}

static int64_t add_party(struct world *world, const char *task)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_store_party party = {.task = task,
                                   .node = "n",
                                   .about = "{\"flow\":\"x\"}",
                                   .code = "c0de",
                                   .seed = {1, UINT64_MAX},
                                   .made_ns = 5};
    int64_t id = af_store_add(world->store, &party, &why);
    if (id < 0)
        fail_msg("%s: %s", why.what, why.why);
    return id;
}

static int set_up(void **state)
{
    struct world *world = af_mem_zero(1, sizeof *world);
    struct af_failure why = AF_FAILURE_INIT;
    snprintf(world->folder, sizeof world->folder, "%s/test_store.XXXXXX",
             getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    if (mkdtemp(world->folder) == NULL)
        return -1;
    snprintf(world->path, sizeof world->path, "%s/node.db", world->folder);
    world->options = (struct af_store_options){.trouble = on_trouble, .arg = world};
    world->loop = af_loop_ev_new(&why);
    open_store(world);
    world->party = add_party(world, "T");
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    char command[300];
    af_store_close(world->store);
    if (af_loop_next_ns(world->loop) <= af_loop_now_ns(world->loop))
        af_loop_step(world->loop); /* a post that was taken back leaves a turn to take */
    assert_int_equal(af_loop_next_ns(world->loop), -1);
    af_loop_free(world->loop);
    af_buf_release(&world->told);
    snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    free(world);
    return system(command);
}

/* ---- Records. ---- */

struct mark {
    struct world *world;
    char sign;
};

static void on_done(void *arg)
{
    struct mark *mark = arg;
    af_buf_append_char(&mark->world->told, mark->sign);
}

/* A step: the entry seq, by an event of `size` bytes, whose sends are confirmed up to `sent`. */
static struct af_store_record step(const struct world *world, int64_t seq, int64_t sent,
                                   const char *content, size_t size)
{
    return (struct af_store_record){.party = world->party,
                                    .entry = {.seq = seq,
                                              .time_ns = seq * AF_S_NS,
                                              .kind = "event",
                                              .key = {7, (uint64_t)seq},
                                              .uuid = {8, (uint64_t)seq},
                                              .sender = "a",
                                              .type = "ask",
                                              .content = content,
                                              .content_len = size,
                                              .state = "open",
                                              .data = {9, (uint64_t)seq},
                                              .sends = "[{\"to\":[\"a\"]}]"},
                                    .now = {.status = 1,
                                            .state = "open",
                                            .data = "{\"n\":1}",
                                            .data_len = 7,
                                            .timers = "[[null,1,2]]",
                                            .fired = 3,
                                            .progress = -1,
                                            .seq = seq,
                                            .sent = sent,
                                            .since_ns = seq * AF_S_NS}};
}

static void put_and_wait(struct world *world, const struct af_store_record *record)
{
    struct mark mark = {world, '.'};
    size_t wanted = world->told.len + 1;
    af_store_put(world->store, record, on_done, &mark);
    while (world->told.len < wanted)
        assert_true(af_loop_step(world->loop));
}

/* ---- What comes back. ---- */

struct found {
    unsigned parties, entries, deferred, seen, unsent;
    struct af_arena arena;
    struct af_store_party party;
    struct af_buf text; /* of entries: "seq kind type content-or-dash whole; " */
};

static void found_party(void *arg, const struct af_store_party *party)
{
    struct found *found = arg;
    found->parties++;
    found->party = af_store_party_copy(&found->arena, party);
    af_buf_printf(&found->text, "%s ", party->task);
}

static void found_entry(void *arg, const struct af_store_entry *entry)
{
    struct found *found = arg;
    found->entries++;
    af_buf_printf(&found->text, "%lld %s %s %zu%s; ", (long long)entry->seq, entry->kind,
                  entry->type == NULL ? "-" : entry->type, entry->content_len,
                  entry->whole ? "" : " stripped");
    assert_int_equal(entry->whole, entry->sends != NULL || entry->content_len > 0);
}

static void found_deferred(void *arg, const struct af_store_entry *entry)
{
    struct found *found = arg;
    found->deferred++;
    af_buf_printf(&found->text, "deferred %.*s from %s at %lld%s%s; ", (int)entry->content_len,
                  entry->content, entry->sender, (long long)entry->time_ns,
                  entry->name == NULL ? "" : " with ", entry->name == NULL ? "" : entry->name);
}

static void found_seen(void *arg, struct af_hash key)
{
    struct found *found = arg;
    found->seen++;
    af_buf_printf(&found->text, "seen %llu; ", (unsigned long long)key.b);
}

static void found_unsent(void *arg, const struct af_store_entry *entry)
{
    struct found *found = arg;
    found->unsent++;
    af_buf_printf(&found->text, "unsent %lld; ", (long long)entry->seq);
}

static void release(struct found *found)
{
    af_arena_release(&found->arena);
    af_buf_release(&found->text);
    memset(found, 0, sizeof *found);
}

static void read_parties(struct world *world, struct found *found)
{
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_store_each(world->store, found_party, found, &why), 0);
}

static void read_journal(struct world *world, int64_t party, struct found *found)
{
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_store_journal(world->store, party, 0, INT64_MAX, found_entry, found, &why),
                     0);
}

/* What a party needs to go on; trims first. */
static void load(struct world *world, struct found *found)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct found parties = {0};
    struct af_store_loader loader = {found, found_deferred, found_seen, NULL, found_unsent};
    assert_int_equal(af_store_read(world->store, world->party, found_party, &parties, &why), 0);
    assert_int_equal(af_store_load(world->store, &parties.party, &loader, &why), 0);
    release(&parties);
}

static void test_a_party_comes_back_as_it_was_kept(void **state)
{
    struct world *world = *state;
    struct found found = {0};
    struct stat info;
    assert_int_equal(stat(world->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    read_parties(world, &found);
    assert_int_equal(found.parties, 1);
    assert_null(found.party.state);
    assert_string_equal(found.party.data, "{}");
    assert_int_equal(found.party.seq, 0);
    release(&found);

    struct af_store_record record = step(world, 1, 0, "{\"type\":\"ask\"}", 14);
    record.now.held = "why";
    record.now.progress = 40;
    put_and_wait(world, &record);
    reopen(world);
    read_parties(world, &found);
    assert_string_equal(found.party.task, "T");
    assert_string_equal(found.party.node, "n");
    assert_string_equal(found.party.about, "{\"flow\":\"x\"}");
    assert_string_equal(found.party.code, "c0de");
    assert_int_equal(found.party.seed.a, 1);
    assert_true(found.party.seed.b == UINT64_MAX);
    assert_int_equal(found.party.status, 1);
    assert_string_equal(found.party.state, "open");
    assert_string_equal(found.party.data, "{\"n\":1}");
    assert_string_equal(found.party.timers, "[[null,1,2]]");
    assert_string_equal(found.party.held, "why");
    assert_null(found.party.result);
    assert_int_equal(found.party.fired, 3);
    assert_int_equal(found.party.progress, 40);
    assert_int_equal(found.party.made_ns, 5);
    release(&found);
}

static void test_data_and_timers_stay_where_a_record_has_none(void **state)
{
    struct world *world = *state;
    struct found found = {0};
    struct af_store_record record = step(world, 1, 0, "x", 1);
    put_and_wait(world, &record);
    record = step(world, 1, 1, NULL, 0);
    record.entry.kind = NULL; /* nothing for the journal: what was sent is confirmed */
    record.now.data = record.now.timers = NULL;
    put_and_wait(world, &record);
    record.now.sent = 0; /* it is never taken back */
    put_and_wait(world, &record);
    read_parties(world, &found);
    assert_string_equal(found.party.data, "{\"n\":1}");
    assert_string_equal(found.party.timers, "[[null,1,2]]");
    assert_int_equal(found.party.sent, 1);
    release(&found);
    read_journal(world, world->party, &found);
    assert_int_equal(found.entries, 1);
    release(&found);
}

static void test_a_party_goes_on_with_what_it_needs_in_order(void **state)
{
    struct world *world = *state;
    struct found found = {0};
    for (int64_t seq = 1; seq <= 4; seq++) {
        char content[20];
        snprintf(content, sizeof content, "{%lld}", (long long)seq);
        struct af_store_record record = step(world, seq, 1, content, strlen(content));
        record.entry.kind = "defer";
        record.defers = true;
        record.entry.name = seq == 3 ? "{\"version\":2}" : NULL;
        record.contract_time_ns = 100 - seq;
        put_and_wait(world, &record);
    }
    struct af_store_record taken = step(world, 5, 1, "{2}", 3);
    taken.entry.key = (struct af_hash){7, 2};
    taken.was_deferred = true;
    put_and_wait(world, &taken);
    reopen(world);
    load(world, &found);
    assert_string_equal(
        af_buf_text(&found.text),
        "deferred {1} from a at 99; deferred {3} from a at 97 with {\"version\":2}; "
        "deferred {4} from a at 96; seen 1; seen 2; seen 3; seen 4; seen 2; "
        "unsent 2; unsent 3; unsent 4; unsent 5; ");
    release(&found);
    struct af_store_record end = step(world, 6, 6, NULL, 0);
    end.now.status = 2; /* nothing is deferred any more */
    put_and_wait(world, &end);
    load(world, &found);
    assert_int_equal(found.deferred, 0);
    assert_int_equal(found.unsent, 0);
    release(&found);
}

static void test_journals_of_parties_do_not_mix_and_go_with_them(void **state)
{
    struct world *world = *state;
    struct found found = {0};
    struct af_failure why = AF_FAILURE_INIT;
    int64_t ids[3] = {world->party, add_party(world, "U"), add_party(world, "V")};
    for (int64_t i = 0; i < 9; i++) {
        struct af_store_record record = step(world, i / 3 + 1, 0, "abcdefghi", (size_t)i + 1);
        record.party = ids[i % 3];
        put_and_wait(world, &record);
    }
    read_journal(world, ids[1], &found);
    assert_string_equal(af_buf_text(&found.text), "1 event ask 2; 2 event ask 5; 3 event ask 8; ");
    release(&found);
    assert_int_equal(af_store_remove(world->store, ids[1], &why), 0);
    read_parties(world, &found);
    assert_string_equal(af_buf_text(&found.text), "T V ");
    release(&found);
    read_journal(world, ids[1], &found);
    assert_int_equal(found.entries, 0);
    read_journal(world, ids[2], &found);
    assert_string_equal(af_buf_text(&found.text), "1 event ask 3; 2 event ask 6; 3 event ask 9; ");
    release(&found);
    struct af_store_party again = {.task = "T", .node = "n", .about = "{}", .code = ""};
    assert_int_equal(af_store_add(world->store, &again, &why), -1); /* there is one */
    assert_int_equal(why.kind, AF_FAILURE_TRANSPORT);
}

static void test_records_are_told_in_their_order_unless_forgotten(void **state)
{
    struct world *world = *state;
    struct mark marks[4] = {{world, 'a'}, {world, 'b'}, {world, 'c'}, {world, 'd'}};
    for (int64_t i = 0; i < 4; i++) {
        struct af_store_record record = step(world, i + 1, 0, "x", 1);
        af_store_put(world->store, &record, on_done, &marks[i]);
    }
    af_store_forget(world->store, &marks[1]);
    while (world->told.len < 3)
        assert_true(af_loop_step(world->loop));
    assert_string_equal(af_buf_text(&world->told), "acd");
}

/* ---- What is dropped. ---- */

enum { SIZE = 1000 };

/* `count` entries of SIZE bytes, all confirmed but those behind `sent`. */
static void fill(struct world *world, int64_t count, int64_t sent)
{
    char content[SIZE];
    memset(content, 'x', sizeof content);
    for (int64_t seq = 1; seq <= count; seq++) {
        struct af_store_record record =
            step(world, seq, seq < sent ? seq : sent, content, sizeof content);
        put_and_wait(world, &record);
    }
}

/* Of the journal's entries, oldest first: how many are stripped, and then how many are whole. */
static void count_whole(struct world *world, unsigned *stripped, unsigned *whole)
{
    struct found found = {0};
    read_journal(world, world->party, &found);
    const char *text = af_buf_text(&found.text);
    *stripped = *whole = 0;
    for (const char *at = text; (at = strstr(at, "ask ")) != NULL; at += 4) {
        bool is_stripped = strncmp(at, "ask 0 stripped", 14) == 0;
        assert_false(is_stripped && *whole > 0); /* the oldest go first */
        *(is_stripped ? stripped : whole) += 1;
    }
    assert_int_equal(*stripped + *whole, found.entries);
    release(&found);
}

static void test_older_contents_go_where_the_journal_is_too_large(void **state)
{
    struct world *world = *state;
    unsigned stripped, whole;
    world->options.journal_bytes = 20 * SIZE;
    reopen(world);
    fill(world, 100, 100);
    count_whole(world, &stripped, &whole);
    assert_int_equal(stripped + whole, 100); /* keys stay: a copy may still come */
    assert_in_range(whole, 15, 25);
    struct found found = {0};
    load(world, &found);
    assert_int_equal(found.seen, 100);
    release(&found);
}

static void test_what_the_bus_has_not_confirmed_stays_whole(void **state)
{
    struct world *world = *state;
    unsigned stripped, whole;
    struct found found = {0};
    world->options.journal_bytes = 20 * SIZE;
    reopen(world);
    fill(world, 100, 30);
    count_whole(world, &stripped, &whole);
    assert_in_range(stripped, 1, 30);
    load(world, &found);
    assert_int_equal(found.unsent, 70);
    release(&found);
}

static void test_contents_go_with_their_age(void **state)
{
    struct world *world = *state;
    unsigned stripped, whole;
    struct found found = {0};
    fill(world, 50, 50);
    count_whole(world, &stripped, &whole);
    assert_int_equal(stripped, 0);
    world->options.journal_age_ns = 10 * AF_S_NS;
    reopen(world);
    load(world, &found);
    release(&found);
    count_whole(world, &stripped, &whole);
    assert_int_equal(whole, 11); /* of 40 to 50 s */
    assert_int_equal(stripped, 39);
}

/* ---- A disk that fails. ---- */

/* Files can grow no more: every write fails that would. */
static void fill_disk(bool full)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = full ? 1 : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_IGN);
}

static void test_a_disk_that_fails_is_told_and_what_waits_is_written_later(void **state)
{
    struct world *world = *state;
    struct mark mark = {world, '.'};
    struct found found = {0};
    fill_disk(true);
    for (int64_t seq = 1; seq <= 3; seq++) {
        struct af_store_record record = step(world, seq, 0, "x", 1);
        af_store_put(world->store, &record, on_done, &mark);
    }
    while (world->troubles == 0)
        assert_true(af_loop_step(world->loop));
    assert_int_equal(world->told.len, 0);
    assert_int_not_equal(world->trouble[0], '\0');
    fill_disk(false);
    while (world->told.len < 3)
        assert_true(af_loop_step(world->loop));
    assert_int_equal(world->troubles, 1); /* once, not at each attempt */
    assert_int_equal(world->recoveries, 1);
    read_journal(world, world->party, &found);
    assert_int_equal(found.entries, 3);
    release(&found);
}

static void test_what_a_failing_disk_did_not_take_is_not_there_in_part(void **state)
{
    struct world *world = *state;
    struct found found = {0};
    struct af_failure why = AF_FAILURE_INIT;
    struct af_store_record record = step(world, 1, 0, "{1}", 3);
    put_and_wait(world, &record);
    fill_disk(true);
    record = step(world, 2, 1, "{2}", 3);
    record.defers = true;
    record.now.data = "{\"n\":2}";
    af_store_put(world->store, &record, NULL, NULL);
    while (world->troubles == 0)
        assert_true(af_loop_step(world->loop));
    struct af_store_party party = {.task = "U", .node = "n", .about = "{}", .code = ""};
    assert_int_equal(af_store_add(world->store, &party, &why), -1);
    assert_int_equal(why.kind, AF_FAILURE_TRANSPORT);
    af_store_close(world->store); /* it is not waited for */
    fill_disk(false);
    open_store(world);
    read_parties(world, &found);
    assert_int_equal(found.parties, 1);
    assert_string_equal(found.party.data, "{\"n\":1}");
    assert_int_equal(found.party.seq, 1);
    release(&found);
    load(world, &found);
    assert_string_equal(af_buf_text(&found.text), "seen 1; unsent 1; ");
    release(&found);
}

/* ---- What a party keeps beside its data. ---- */

static void found_kept(void *arg, const void *bytes, size_t len)
{
    struct found *found = arg;
    af_buf_printf(&found->text, "%.*s; ", (int)len, (const char *)bytes);
}

static void pass_entry(void *arg, const struct af_store_entry *entry)
{
    (void)arg, (void)entry;
}

static void pass_key(void *arg, struct af_hash key)
{
    (void)arg, (void)key;
}

/* What its party keeps, or why it cannot be told; the caller releases found. */
static int load_kept(struct world *world, struct found *found, struct af_failure *why)
{
    struct found parties = {0};
    struct af_store_loader loader = {found, pass_entry, pass_key, found_kept, pass_entry};
    assert_int_equal(af_store_read(world->store, world->party, found_party, &parties, why), 0);
    int result = af_store_load(world->store, &parties.party, &loader, why);
    release(&parties);
    return result;
}

static void expect_kept(struct world *world, const char *expected)
{
    struct found found = {0};
    struct af_failure why = AF_FAILURE_INIT;
    if (load_kept(world, &found, &why) != 0)
        fail_msg("%s: %s", why.what, why.why);
    assert_string_equal(af_buf_text(&found.text), expected);
    release(&found);
}

static void expect_sealed(struct world *world, const char *expected)
{
    struct found found = {0};
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(load_kept(world, &found, &why), -1);
    assert_non_null(strstr(why.what, "node.db.key"));
    if (strstr(why.why, expected) == NULL)
        fail_msg("told: %s", why.why);
    release(&found);
}

/* A step that keeps or forgets one text; the hash is a number here. */
static void keep_text(struct world *world, int64_t seq, unsigned char number, const char *text)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_store_record record = step(world, seq, seq, NULL, 0);
    struct af_store_kept kept = {.bytes = text, .len = text == NULL ? 0 : strlen(text)};
    kept.hash[0] = number;
    record.kept = &kept;
    record.kept_count = 1;
    assert_int_equal(af_store_may_keep(world->store, &why), 0);
    put_and_wait(world, &record);
}

static void change(const struct world *world, const char *sql);

static void test_what_a_party_keeps_is_sealed_and_comes_back(void **state)
{
    struct world *world = *state;
    char key[240], moved[240];
    struct stat info;
    snprintf(key, sizeof key, "%s.key", world->path);
    snprintf(moved, sizeof moved, "%s.moved", world->path);
    assert_int_equal(stat(key, &info), -1); /* nobody has kept anything */
    keep_text(world, 1, 2, "the second text");
    keep_text(world, 2, 1, "the first");
    keep_text(world, 3, 3, "");
    assert_int_equal(stat(key, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    reopen(world);
    expect_kept(world, "the first; the second text; ; ");
    keep_text(world, 4, 1, NULL);
    reopen(world);
    expect_kept(world, "the second text; ; ");
    af_store_close(world->store);

    struct af_buf bytes = AF_BUF_EMPTY;
    int fd = open(world->path, O_RDONLY);
    assert_true(fd >= 0 && af_io_read_all(fd, &bytes, 1 << 24));
    assert_null(memmem(bytes.data, bytes.len, "second text", strlen("second text")));
    close(fd);
    af_buf_release(&bytes);

    assert_int_equal(rename(key, moved), 0);
    open_store(world);
    expect_sealed(world, "is missing");
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_store_may_keep(world->store, &why), -1); /* what is there could be lost */
    assert_int_equal(stat(key, &info), -1);
    assert_int_equal(rename(moved, key), 0);
    expect_kept(world, "the second text; ; ");
    af_store_close(world->store);

    change(world, "UPDATE kept SET hash = x'09' || substr(hash, 2) WHERE hex(hash) LIKE '02%'");
    open_store(world);
    expect_sealed(world, "does not open what a party has kept");
    af_store_close(world->store);
    change(world, "UPDATE kept SET hash = 5, sealed = 'x' WHERE hex(hash) LIKE '09%'");
    open_store(world);
    expect_sealed(world, "does not open");
    assert_int_equal(truncate(key, 20), 0);
    reopen(world);
    expect_sealed(world, "is no key of what parties keep");

    why = (struct af_failure)AF_FAILURE_INIT;
    assert_int_equal(af_store_remove(world->store, world->party, &why), 0);
    af_store_close(world->store);
    assert_int_equal(unlink(key), 0);
    open_store(world);
    assert_int_equal(af_store_may_keep(world->store, &why), 0); /* nothing is sealed: a new one */
    assert_int_equal(stat(key, &info), 0);
}

/* ---- Parties with secrets. ---- */

static void expect_nowhere(const struct world *world, const void *text, size_t len)
{
    static const char *const ends[] = {"", "-wal"};
    for (size_t i = 0; i < 2; i++) {
        struct af_buf bytes = AF_BUF_EMPTY;
        char path[240];
        snprintf(path, sizeof path, "%s%s", world->path, ends[i]);
        int fd = open(path, O_RDONLY);
        if (fd >= 0) {
            assert_true(af_io_read_all(fd, &bytes, 1 << 24));
            assert_null(memmem(bytes.data, bytes.len, text, len));
            close(fd);
        }
        af_buf_release(&bytes);
    }
}

/* A step that has deferred a secret, sends one, and has one in its data. */
static void put_secret(struct world *world, int64_t seq)
{
    struct af_store_record record = step(world, seq, seq - 1, "{\"key\":\"needle\"}", 16);
    record.seals = record.defers = true;
    record.contract_time_ns = 4;
    record.entry.sends = "[{\"to\":[\"a\"],\"content\":\"needle\"}]";
    record.entry.answers = "[\"needle\"]";
    record.now.data = "{\"secret\":\"needle\"}";
    record.now.data_len = strlen(record.now.data);
    record.now.seed = (struct af_hash){0x6e65656465656e65, 0x656c646e6e656564};
    put_and_wait(world, &record);
}

static void test_what_a_party_with_secrets_has_is_sealed_and_comes_back(void **state)
{
    struct world *world = *state;
    struct found found = {0};
    struct af_failure why = AF_FAILURE_INIT;
    char key[240], moved[240];
    snprintf(key, sizeof key, "%s.key", world->path);
    snprintf(moved, sizeof moved, "%s.moved", world->path);
    put_secret(world, 1);
    put_secret(world, 2);
    expect_nowhere(world, "needle", 6);
    expect_nowhere(world, "needeeneeldnneed", 16); /* its seed */
    reopen(world);
    read_parties(world, &found);
    assert_string_equal(found.party.data, "{\"secret\":\"needle\"}");
    assert_true(found.party.seed.a == 0x6e65656465656e65 && !found.party.locked);
    release(&found);
    read_journal(world, world->party, &found);
    assert_string_equal(af_buf_text(&found.text), "1 event ask 16; 2 event ask 16; ");
    release(&found);
    load(world, &found);
    assert_string_equal(af_buf_text(&found.text),
                        "deferred {\"key\":\"needle\"} from a at 4; deferred {\"key\":\"needle\"} "
                        "from a at 4; seen 1; seen 2; unsent 2; ");
    release(&found);

    af_store_close(world->store);
    change(world, "UPDATE journal SET content = (SELECT content FROM journal WHERE seq = 2)");
    open_store(world); /* each is bound to its row */
    assert_int_equal(
        af_store_journal(world->store, world->party, 0, INT64_MAX, found_entry, &found, &why), -1);
    assert_non_null(strstr(why.why, "does not open what a party has kept"));
    release(&found);
    af_store_close(world->store);

    assert_int_equal(rename(key, moved), 0);
    open_store(world);
    read_parties(world, &found); /* it is told of, but cannot go on */
    assert_true(found.party.locked);
    release(&found);
    expect_sealed(world, "is missing");
    struct af_store_party another = {
        .task = "T2", .node = "n", .about = "{}", .code = "c", .seals = true};
    why = (struct af_failure)AF_FAILURE_INIT;
    assert_int_equal(af_store_add(world->store, &another, &why), -1);
    assert_non_null(strstr(why.why, "is missing"));
    af_store_close(world->store);
    FILE *file = fopen(key, "w"); /* another key */
    fprintf(file, "%064d\n", 0);
    fclose(file);
    open_store(world);
    expect_sealed(world, "does not open");
    why = (struct af_failure)AF_FAILURE_INIT;
    assert_int_equal(af_store_add(world->store, &another, &why), -1); /* nor is more sealed by it */
    assert_non_null(strstr(why.why, "does not open"));
    struct mark mark = {world, '!'};
    struct af_store_record record = step(world, 3, 3, "{\"key\":\"needle\"}", 16);
    record.seals = true;
    af_store_put(world->store, &record, on_done, &mark); /* it waits, as for a disk that is full */
    while (strstr(world->trouble, "does not open") == NULL)
        assert_true(af_loop_step(world->loop));
    assert_null(strchr(af_buf_text(&world->told), '!'));
    expect_nowhere(world, "needle", 6);
}

/* ---- Files that are none of ours. ---- */

static void change(const struct world *world, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(world->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void expect_no_store(struct world *world, const char *part)
{
    struct af_failure why = AF_FAILURE_INIT;
    world->store = af_store_open(world->path, world->loop, &world->options, &why);
    assert_null(world->store);
    assert_int_equal(why.kind, AF_FAILURE_TRANSPORT);
    assert_non_null(strstr(why.what, "node.db"));
    if (strstr(why.why, part) == NULL)
        fail_msg("told: %s", why.why);
}

static void test_files_of_newer_and_other_programs_are_refused_by_name(void **state)
{
    struct world *world = *state;
    af_store_close(world->store);
    change(world, "PRAGMA user_version = 99");
    expect_no_store(world, "a store of parties of version 99; this program knows versions up to 7");
    change(world, "PRAGMA user_version = 4; PRAGMA application_id = 5");
    expect_no_store(world, "is a database of another program, not a store of parties");
    world->store = NULL;
}

static void test_a_file_that_was_cut_is_refused(void **state)
{
    struct world *world = *state;
    fill(world, 50, 50);
    af_store_close(world->store);
    assert_int_equal(truncate(world->path, 12288), 0);
    expect_no_store(world, "");
    assert_int_equal(truncate(world->path, 100), 0);
    expect_no_store(world, "");
    FILE *file = fopen(world->path, "wb");
    fputs("this is a text of some length, and no database at all, though it is long enough for "
          "one: at least that is what its size says.",
          file);
    for (int i = 0; i < 1000; i++)
        fputs("and more of it ", file);
    fclose(file);
    expect_no_store(world, "");
}

/* ---- Going over to another version. ---- */

static struct af_store_swap swap_of(int64_t party, int64_t seq)
{
    return (struct af_store_swap){.party = party,
                                  .seq = seq,
                                  .about = "{\"flow\":\"y\"}",
                                  .code = "new",
                                  .state = "shut",
                                  .data = "{\"m\":2}",
                                  .data_len = 7,
                                  .timers = "[]",
                                  .versions = "1 to 2",
                                  .data_hash = {4, 4},
                                  .time_ns = 9};
}

static void stage_and_wait(struct world *world, struct af_store_swap swap)
{
    struct mark mark = {world, 's'};
    size_t wanted = world->told.len + 1;
    af_store_stage(world->store, &swap, on_done, &mark);
    while (world->told.len < wanted)
        assert_true(af_loop_step(world->loop));
}

static void swap_all(struct world *world, const struct af_store_swap *swaps, size_t count)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_code files = {NULL, 0, 0};
    struct af_store_code code = {"new", "x.lua", "x", 2, &files};
    if (af_store_swap(world->store, &code, swaps, count, &why) != 0)
        fail_msg("%s: %s", why.what, why.why);
}

static void expect_party(struct world *world, int64_t id, const char *code, const char *data,
                         int64_t seq)
{
    struct found found = {0};
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_store_read(world->store, id, found_party, &found, &why), 0);
    assert_int_equal(found.parties, 1);
    assert_string_equal(found.party.code, code);
    assert_int_equal(found.party.data_len, strlen(data));
    assert_memory_equal(found.party.data, data, strlen(data));
    assert_int_equal(found.party.seq, seq);
    assert_false(found.party.torn);
    release(&found);
}

/* 100 parties and world->party, each with one step: more than are brought over at a time. */
enum { MANY = 100 };
static void add_many(struct world *world, int64_t ids[MANY])
{
    int64_t first = world->party;
    struct af_store_record record = step(world, 1, 1, "{}", 2);
    put_and_wait(world, &record);
    for (int i = 0; i < MANY; i++) {
        char task[20];
        snprintf(task, sizeof task, "T%d", i);
        ids[i] = world->party = add_party(world, task);
        record = step(world, 1, 1, "{}", 2);
        put_and_wait(world, &record);
    }
    world->party = first;
}

static void wait_until_brought(struct world *world)
{
    while (af_loop_next_ns(world->loop) >= 0)
        assert_true(af_loop_step(world->loop));
}

static void test_a_swap_is_of_all_that_were_staged_and_have_made_no_step_since(void **state)
{
    struct world *world = *state;
    int64_t ids[MANY];
    add_many(world, ids);
    stage_and_wait(world, swap_of(world->party, 1));
    for (int i = 0; i < MANY; i++)
        stage_and_wait(world, swap_of(ids[i], 1));
    expect_party(world, ids[0], "c0de", "{\"n\":1}", 1);
    struct af_store_record record = step(world, 2, 2, "{}", 2);
    put_and_wait(world, &record);
    struct af_store_swap other = swap_of(ids[3], 1);
    other.data = "{\"m\":3}";
    swap_all(world, &other, 1);
    expect_party(world, world->party, "c0de", "{\"n\":1}", 2); /* it has made one */
    expect_party(world, ids[0], "new", "{\"m\":2}", 2);        /* before all are brought over */
    expect_party(world, ids[3], "new", "{\"m\":3}", 2);
    world->party = ids[MANY - 1];
    record = step(world, 3, 3, "{}", 2); /* the next step of one */
    put_and_wait(world, &record);
    expect_party(world, ids[MANY - 1], "new", "{\"n\":1}", 3);
    wait_until_brought(world);
    for (int i = 0; i < MANY - 1; i++)
        expect_party(world, ids[i], "new", i == 3 ? "{\"m\":3}" : "{\"m\":2}", 2);
    stage_and_wait(world, swap_of(ids[5], 2)); /* nothing is left of the swap: this is none */
    reopen(world);
    expect_party(world, ids[5], "new", "{\"m\":2}", 2);
}

static void test_what_was_staged_and_not_swapped_is_nothing(void **state)
{
    struct world *world = *state;
    struct af_store_record record = step(world, 1, 1, "{}", 2);
    put_and_wait(world, &record);
    int64_t first = world->party, second = add_party(world, "U");
    record.party = second;
    put_and_wait(world, &record);
    stage_and_wait(world, swap_of(first, 1));
    reopen(world);
    expect_party(world, first, "c0de", "{\"n\":1}", 1);
    stage_and_wait(world, swap_of(first, 1));
    af_store_unstage(world->store);
    stage_and_wait(world, swap_of(second, 1));
    swap_all(world, NULL, 0);
    swap_all(world, NULL, 0); /* before the first is over */
    expect_party(world, first, "c0de", "{\"n\":1}", 1);
    expect_party(world, second, "new", "{\"m\":2}", 2);
}

static void test_a_swap_that_was_cut_short_is_whole_at_the_next_start(void **state)
{
    struct world *world = *state;
    int64_t ids[MANY];
    add_many(world, ids);
    for (int i = 0; i < MANY; i++)
        stage_and_wait(world, swap_of(ids[i], 1));
    af_store_close(world->store);
    change(
        world,
        "INSERT OR REPLACE INTO moves SELECT id, seq, 9, '1 to 2', 'new', about, 'shut', timers, "
        "x'00', data FROM party; INSERT INTO moves (party) VALUES (0)");
    open_store(world);
    for (int i = 0; i < MANY; i++)
        expect_party(world, ids[i], "new", "{\"n\":1}", 2);
    reopen(world);
    expect_party(world, world->party, "new", "{\"n\":1}", 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void expect_result(struct world *world, const char *sql, const char *expected)
{
    struct found found = {0};
    af_store_close(world->store);
    change(world, sql);
    open_store(world);
    read_parties(world, &found);
    if (expected == NULL)
        assert_null(found.party.result);
    else
        assert_string_equal(found.party.result, expected);
    release(&found);
}

static void test_a_result_that_is_no_json_is_none(void **state)
{
    struct world *world = *state;
    expect_result(world, "UPDATE party SET result = '{\"n\":1}'", "{\"n\":1}");
    expect_result(world, "UPDATE party SET result = '{\"n\":'", NULL);
    expect_result(world, "UPDATE party SET result = '{\"n\":1} 2'", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_party_comes_back_as_it_was_kept),
        CASE(test_a_result_that_is_no_json_is_none),
        CASE(test_data_and_timers_stay_where_a_record_has_none),
        CASE(test_a_party_goes_on_with_what_it_needs_in_order),
        CASE(test_journals_of_parties_do_not_mix_and_go_with_them),
        CASE(test_records_are_told_in_their_order_unless_forgotten),
        CASE(test_older_contents_go_where_the_journal_is_too_large),
        CASE(test_what_the_bus_has_not_confirmed_stays_whole),
        CASE(test_contents_go_with_their_age),
        CASE(test_a_disk_that_fails_is_told_and_what_waits_is_written_later),
        CASE(test_what_a_failing_disk_did_not_take_is_not_there_in_part),
        CASE(test_what_a_party_keeps_is_sealed_and_comes_back),
        CASE(test_what_a_party_with_secrets_has_is_sealed_and_comes_back),
        CASE(test_a_swap_is_of_all_that_were_staged_and_have_made_no_step_since),
        CASE(test_what_was_staged_and_not_swapped_is_nothing),
        CASE(test_a_swap_that_was_cut_short_is_whole_at_the_next_start),
        CASE(test_files_of_newer_and_other_programs_are_refused_by_name),
        CASE(test_a_file_that_was_cut_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
