/* test_journal_trace.c: the journal of a party as a trace: each kind of entry, in its order,
 * without contents; and times that do not go back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "run/journal_trace.h"
#include "loop/loop.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world {
    char folder[200], path[220];
    struct af_loop *loop;
    struct af_store *store;
    int64_t party, seq;
};

static struct af_about_member members[] = {{"n", "asker"}, {"m", NULL}};
static const struct af_party_about about = {.file = "flow.lua",
                                            .flow = "x",
                                            .version = 3,
                                            .hash = "beef",
                                            .role = "asker",
                                            .members = members,
                                            .member_count = 2};

static int set_up(void **state)
{
    static struct world world;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_store_options options = {0};
    memset(&world, 0, sizeof world);
    snprintf(world.folder, sizeof world.folder, "%s/test_journal.XXXXXX",
             getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    if (mkdtemp(world.folder) == NULL)
        return -1;
    snprintf(world.path, sizeof world.path, "%s/node.db", world.folder);
    world.loop = af_loop_ev_new(&why);
    world.store = af_store_open(world.path, world.loop, &options, &why);
    struct af_store_party party = {
        .task = "T", .node = "n", .about = "{}", .code = "", .made_ns = 100 * AF_S_NS};
    world.party = af_store_add(world.store, &party, &why);
    *state = &world;
    return world.party < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    char command[300];
    af_store_close(world->store);
    af_loop_free(world->loop);
    snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    return system(command);
}

/* Adds an entry, at so many seconds since 1970. */
static void add(struct world *world, int64_t second, struct af_store_entry entry)
{
    struct af_store_record record = {.party = world->party, .entry = entry};
    record.entry.seq = ++world->seq;
    record.entry.time_ns = second * AF_S_NS;
    record.now = (struct af_store_party){.status = 1, .seq = world->seq, .progress = -1};
    af_store_put(world->store, &record, NULL, NULL);
}

static struct af_store_entry of_contract(const char *kind)
{
    return (struct af_store_entry){.kind = kind,
                                   .sender = "m",
                                   .type = "ask",
                                   .uuid = {0x1111111111111111, 0x2222222222222222},
                                   .content = "{\"type\":\"ask\",\"secret\":1}",
                                   .content_len = 25,
                                   .state = "open",
                                   .data = {10, 11}};
}

static void add_line(void *arg, const char *line, size_t len)
{
    struct af_buf *out = arg;
    af_buf_append(out, line, len);
    af_buf_append_char(out, '\n');
}

/* The trace of what was added, as the party is now. */
static char *trace(struct world *world, const char *result, const char *reason)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf out = AF_BUF_EMPTY;
    struct af_store_party party = {.id = world->party,
                                   .task = "T",
                                   .node = "n",
                                   .result = result,
                                   .reason = reason,
                                   .made_ns = 100 * AF_S_NS};
    struct af_journal_place place = {.seq = -1};
    do /* in small pieces it is the same */
        assert_int_equal(
            af_journal_trace(world->store, &party, &about, &place, 2, add_line, &out, &why), 0);
    while (!place.is_over);
    return af_buf_take(&out);
}

/* Lines `number` and on begin with what is expected; returns behind them. */
static void expect_lines(const char *text, const char *const *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strcspn(text, "\n");
        if (strstr(expected[i], "...") == NULL
                ? len != strlen(expected[i]) || strncmp(text, expected[i], len) != 0
                : strncmp(text, expected[i], strlen(expected[i]) - 3) != 0)
            fail_msg("line %zu is %.*s, not %s", i + 1, (int)len, text, expected[i]);
        text += len + 1;
    }
    assert_string_equal(text, "");
}

static void test_a_party_without_a_journal_has_a_head_and_an_end(void **state)
{
    static const char *const expected[] = {
        "{\"trace\":1,\"flow\":\"x\",\"version\":3,\"file\":[\"flow.lua\"],\"hash\":[\"beef\"],"
        "\"seed\":0,\"options\":[],\"parties\":[{\"id\":\"n\",\"role\":\"asker\"},"
        "{\"id\":\"m\",\"role\":\"unknown\"}],\"journal\":\"n\"}",
        "{\"t\":0,\"kind\":\"end\",\"outcome\":\"ok\"}"};
    char *text = trace(*state, NULL, NULL);
    expect_lines(text, expected, 2);
    free(text);
}

#define HASH "\"data_hash\":\"000000000000000a000000000000000b\"}"
#define ASK "\"from\":\"m\",\"type\":\"ask\",\"uuid\":\"11111111-1111-4111-a222-222222222222\""

static void test_each_kind_of_entry_has_its_record(void **state)
{
    struct world *world = *state;
    static const char *const expected[] = {
        "{\"trace\":1...",
        "{\"t\":1000000000,\"kind\":\"start\",\"party\":\"n\",\"state\":\"open\"," HASH,
        "{\"t\":2000000000,\"kind\":\"deliver\",\"party\":\"n\"," ASK "}",
        "{\"t\":2000000000,\"kind\":\"send\",\"party\":\"n\",\"to\":[\"m\",\"n\"],"
        "\"type\":\"reply\",\"uuid\":\"33333333-3333-4333-a444-444444444444\",\"bytes\":16,"
        "\"content\":{}}",
        "{\"t\":2000000000,\"kind\":\"state\",\"party\":\"n\",\"state\":\"open\","
        "\"entered\":true," HASH,
        "{\"t\":3000000000,\"kind\":\"defer\",\"party\":\"n\"," ASK "}",
        "{\"t\":4000000000,\"kind\":\"ignore\",\"party\":\"n\"," ASK "}",
        "{\"t\":5000000000,\"kind\":\"unexpected\",\"party\":\"n\"," ASK
        ",\"why\":\"not expected, or not valid\"}",
        "{\"t\":6000000000,\"kind\":\"timeout\",\"party\":\"n\",\"timer\":\"after\"}",
        "{\"t\":6000000000,\"kind\":\"state\"...",
        "{\"t\":7000000000,\"kind\":\"timeout\",\"party\":\"n\",\"timer\":\"soon\"}",
        "{\"t\":7000000000,\"kind\":\"state\"...",
        "{\"t\":8000000000,\"kind\":\"fail\",\"party\":\"n\",\"reason\":\"stopped\"}",
        "{\"t\":8000000000,\"kind\":\"end\",\"outcome\":\"failed\"}"};
    struct af_store_entry event = of_contract("event");
    event.sends = "[{\"to\":[\"m\",\"n\"],\"uuid\":\"33333333-3333-4333-a444-444444444444\","
                  "\"title\":\"task_inside\",\"type\":\"reply\",\"time\":5,"
                  "\"content\":{\"type\":\"reply\"}}]";
    add(world, 101, (struct af_store_entry){.kind = "start", .state = "open", .data = {10, 11}});
    add(world, 102, event);
    add(world, 103, of_contract("defer"));
    add(world, 104, of_contract("ignore"));
    add(world, 105, of_contract("refuse"));
    add(world, 106, (struct af_store_entry){.kind = "after", .state = "open"});
    add(world, 107, (struct af_store_entry){.kind = "deadline", .name = "soon", .state = "open"});
    add(world, 107, (struct af_store_entry){.kind = "hold"});
    add(world, 107, (struct af_store_entry){.kind = "retry"});
    add(world, 108, (struct af_store_entry){.kind = "fail"});
    char *text = trace(world, NULL, "stopped");
    assert_null(strstr(text, "secret")); /* contents are left out */
    size_t lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, sizeof expected / sizeof expected[0]);
    expect_lines(text, expected, lines);
    free(text);
}

static void test_a_result_is_told_and_no_time_goes_back(void **state)
{
    struct world *world = *state;
    static const char *const expected[] = {
        "{\"trace\":1...",
        "{\"t\":9000000000,\"kind\":\"ignore\"...",
        "{\"t\":9000000000,\"kind\":\"ignore\"...",
        "{\"t\":10000000000,\"kind\":\"ignore\"...",
        "{\"t\":10000000000,\"kind\":\"done\",\"party\":\"n\",\"result\":{\"sum\":3}}",
        "{\"t\":10000000000,\"kind\":\"end\",\"outcome\":\"ok\"}"};
    add(world, 109, of_contract("ignore"));
    add(world, 50, of_contract("ignore")); /* the clock was set back */
    add(world, 110, of_contract("ignore"));
    char *text = trace(world, "{\"sum\":3}", NULL);
    expect_lines(text, expected, 6);
    free(text);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_party_without_a_journal_has_a_head_and_an_end),
        CASE(test_each_kind_of_entry_has_its_record),
        CASE(test_a_result_is_told_and_no_time_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
