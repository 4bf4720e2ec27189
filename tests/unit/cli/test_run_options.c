/* test_run_options.c: each option of `run`, what it sets, what it refuses, and what a trace records
 * of it. */
#include "base/bounds.h"
#include "base/failure.h"
#include "base/rng.h"
#include "cli/run_options.h"
#include "sim/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define WORDS_MAX 32

struct parsed {
    struct af_run_options options;
    struct af_failure why;
    char text[1024];
    char *argv[WORDS_MAX];
    int result;
};

/* Parses and completes words that are separated by single spaces. */
static void parse(struct parsed *parsed, const char *words)
{
    int argc = 0;
    parsed->why = AF_FAILURE_INIT;
    af_run_options_init(&parsed->options);
    snprintf(parsed->text, sizeof parsed->text, "%s", words);
    for (char *word = strtok(parsed->text, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(argc < WORDS_MAX);
        parsed->argv[argc++] = word;
    }
    parsed->result =
        af_opts_parse(af_run_opts, argc, parsed->argv, &parsed->options, NULL, &parsed->why);
    if (parsed->result >= 0 &&
        af_run_options_finish(&parsed->options, parsed->argv, parsed->result, &parsed->why) != 0)
        parsed->result = -1;
}

static void parse_well(struct parsed *parsed, const char *words)
{
    parse(parsed, words);
    if (parsed->result < 0)
        fail_msg("%s: %s", parsed->why.what, parsed->why.why);
}

/* Each of the words, alone behind a flow, must be refused under its option's name. */
static void expect_refused(const char *words, const char *what)
{
    struct parsed p;
    parse(&p, words);
    if (p.result >= 0)
        fail_msg("accepted: %s", words);
    assert_int_equal(p.why.kind, AF_FAILURE_USAGE);
    if (strcmp(p.why.what, what) != 0 || p.why.why[0] == '\0')
        fail_msg("%s: told of '%s': %s", words, p.why.what, p.why.why);
    af_run_options_release(&p.options);
}

/* ---- What is set. ---- */

static void test_without_options_there_are_defaults(void **state)
{
    (void)state;
    struct parsed p;
    parse_well(&p, "flow.lua");
    const struct af_sim_options *sim = &p.options.sim;
    assert_int_equal(sim->path_count, 1);
    assert_string_equal(sim->paths[0], "flow.lua");
    assert_int_equal(sim->seed, 1);
    assert_int_equal(sim->until_ns, 24 * 3600 * AF_S_NS);
    assert_int_equal(p.options.runs, 1);
    assert_false(p.options.mock);
    assert_false(p.options.watch);
    assert_false(p.options.json);
    assert_int_equal(p.options.verbosity, 0);
    assert_null(p.options.trace_path);
    assert_false(sim->allow_fail);
    assert_false(af_fault_options_any(&sim->faults));
    assert_int_equal(sim->grants.files.read_count, 1); /* the working directory */
    assert_int_equal(sim->grants.files.write_count, 1);
    assert_string_equal(sim->recorded, "[]");
    af_run_options_release(&p.options);
}

static void test_what_to_run_is_set(void **state)
{
    (void)state;
    struct parsed p;
    parse_well(&p,
               "--mock --watch --parties server=1,client=30 --parties=x-y=0 flow.lua --arg round=5 "
               "--arg name=a=b --arg empty= --seed 9223372036854775806 --until 2.5s "
               "--allow-fail --runs 1");
    const struct af_sim_options *sim = &p.options.sim;
    assert_true(p.options.mock);
    assert_true(p.options.watch);
    assert_int_equal(sim->party_count, 3);
    assert_string_equal(sim->parties[0].role, "server");
    assert_int_equal(sim->parties[0].count, 1);
    assert_string_equal(sim->parties[1].role, "client");
    assert_int_equal(sim->parties[1].count, 30);
    assert_string_equal(sim->parties[2].role, "x-y");
    assert_int_equal(sim->parties[2].count, 0);
    assert_int_equal(sim->arg_count, 3);
    assert_string_equal(sim->args[0].name, "round");
    assert_string_equal(sim->args[0].value, "5");
    assert_string_equal(sim->args[1].name, "name");
    assert_string_equal(sim->args[1].value, "a=b");
    assert_string_equal(sim->args[2].value, "");
    assert_true(sim->seed == INT64_MAX - 1);
    assert_int_equal(sim->until_ns, 2500 * AF_MS_NS);
    assert_true(sim->allow_fail);
    af_run_options_release(&p.options);
}

static void test_faults_are_set(void **state)
{
    (void)state;
    struct parsed p;
    parse_well(&p, "flow.lua --latency 1ms..2s --fifo --drop 0.25 --duplicate=1 --crash server:0.5 "
                   "--crash client:0 --down 5s --lose server:2 --lose client:1@3s "
                   "--partition random:0.125 --upgrade dir/two@x.lua@7s");
    const struct af_fault_options *faults = &p.options.sim.faults;
    assert_int_equal(faults->latency_min_ns, AF_MS_NS);
    assert_int_equal(faults->latency_max_ns, 2 * AF_S_NS);
    assert_true(faults->fifo);
    assert_true(faults->wishes[AF_FAULT_DROP].probability == 0.25);
    assert_true(faults->wishes[AF_FAULT_DUPLICATE].probability == 1);
    assert_int_equal(faults->wishes[AF_FAULT_CRASH].role_count, 2);
    assert_string_equal(faults->wishes[AF_FAULT_CRASH].roles[0].role, "server");
    assert_true(faults->wishes[AF_FAULT_CRASH].roles[0].probability == 0.5);
    assert_string_equal(faults->wishes[AF_FAULT_CRASH].roles[1].role, "client");
    assert_int_equal(faults->down_min_ns, 5 * AF_S_NS);
    assert_int_equal(faults->down_max_ns, 5 * AF_S_NS);
    assert_int_equal(faults->wishes[AF_FAULT_LOSE].role_count, 2);
    assert_string_equal(faults->wishes[AF_FAULT_LOSE].roles[0].role, "server");
    assert_int_equal(faults->wishes[AF_FAULT_LOSE].roles[0].count, 2);
    assert_int_equal(faults->wishes[AF_FAULT_LOSE].roles[0].at_ns, -1);
    assert_int_equal(faults->wishes[AF_FAULT_LOSE].roles[1].count, 1);
    assert_int_equal(faults->wishes[AF_FAULT_LOSE].roles[1].at_ns, 3 * AF_S_NS);
    assert_true(faults->random_partition == 0.125);
    assert_string_equal(p.options.sim.upgrade, "dir/two@x.lua");
    assert_int_equal(p.options.sim.upgrade_ns, 7 * AF_S_NS);
    assert_int_equal(faults->partition_count, 0);
    af_run_options_release(&p.options);
}

static void test_work_and_bandwidth_are_of_roles(void **state)
{
    (void)state;
    struct parsed p;
    parse_well(&p, "flow.lua --work client=1s..30s,2s --bandwidth 10M,server=1K");
    const struct af_fault_options *faults = &p.options.sim.faults;
    assert_int_equal(faults->work_count, 2);
    assert_string_equal(faults->works[0].role, "client");
    assert_int_equal(faults->works[0].low, AF_S_NS);
    assert_int_equal(faults->works[0].high, 30 * AF_S_NS);
    assert_null(faults->works[1].role);
    assert_int_equal(faults->works[1].low, 2 * AF_S_NS);
    assert_int_equal(faults->works[1].high, 2 * AF_S_NS);
    assert_int_equal(faults->rate_count, 2);
    assert_null(faults->rates[0].role);
    assert_int_equal(faults->rates[0].low, 10 << 20);
    assert_string_equal(faults->rates[1].role, "server");
    assert_int_equal(faults->rates[1].low, 1024);
    assert_false(af_fault_options_any(faults));
    af_run_options_release(&p.options);
}

static void test_partitions_are_groups_of_nodes(void **state)
{
    (void)state;
    struct parsed p;
    parse_well(&p, "flow.lua --partition a,b|c@5s..20s --partition x|y|z@0..1ms");
    const struct af_fault_options *faults = &p.options.sim.faults;
    static const char *const nodes[] = {"a", "b", "c"};
    static const unsigned groups[] = {0, 0, 1};
    assert_int_equal(faults->partition_count, 2);
    assert_int_equal(faults->partitions[0].node_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(faults->partitions[0].nodes[i], nodes[i]);
        assert_int_equal(faults->partitions[0].groups[i], groups[i]);
    }
    assert_string_equal(faults->partitions[0].text, "a,b|c@5s..20s");
    assert_int_equal(faults->partitions[0].from_ns, 5 * AF_S_NS);
    assert_int_equal(faults->partitions[0].until_ns, 20 * AF_S_NS);
    assert_int_equal(faults->partitions[1].node_count, 3);
    assert_int_equal(faults->partitions[1].groups[2], 2);
    assert_int_equal(faults->partitions[1].from_ns, 0);
    assert_int_equal(faults->partitions[1].until_ns, AF_MS_NS);
    af_run_options_release(&p.options);
}

static void test_output_and_files_are_set(void **state)
{
    (void)state;
    struct parsed p;
    parse_well(&p, "flow.lua --trace t.jsonl --trace-data --json -v --color=never --log=text "
                   "--allow-read / --allow-write /tmp --allow-net a.example:80 --allow-run sh");
    assert_string_equal(p.options.trace_path, "t.jsonl");
    assert_true(p.options.trace_data);
    assert_true(p.options.json);
    assert_int_equal(p.options.verbosity, 1);
    assert_int_equal(p.options.sim.grants.files.read_count, 2);
    assert_string_equal(p.options.sim.grants.files.read_dirs[0], "/");
    assert_int_equal(p.options.sim.grants.files.write_count, 2);
    assert_int_equal(p.options.sim.grants.host_count, 1);
    assert_int_equal(p.options.sim.grants.program_count, 1);
    af_run_options_release(&p.options);

    parse_well(&p, "flow.lua -q --runs=7 -h");
    assert_int_equal(p.options.verbosity, -1);
    assert_int_equal(p.options.runs, 7);
    assert_true(p.options.help);
    af_run_options_release(&p.options);
}

static void test_a_party_for_real_is_described(void **state)
{
    (void)state;
    struct parsed p;
    struct af_live_options live;
    struct af_failure why = AF_FAILURE_INIT;
    parse_well(&p, "flow.lua --bus local:x --role r --node n1 --task t --peers r=n1,n2;s=n3 "
                   "--config c --arg a=1 --allow-fail --state s");
    assert_true(af_run_is_live(&p.options));
    assert_int_equal(af_run_live_options(&p.options, &live, &why), 0);
    assert_string_equal(live.state, "s");
    assert_string_equal(live.bus, "local:x");
    assert_string_equal(live.role, "r");
    assert_string_equal(live.node, "n1");
    assert_string_equal(live.task, "t");
    assert_int_equal(live.peer_count, 3);
    assert_string_equal(live.peers[1].role, "r");
    assert_string_equal(live.peers[1].node, "n2");
    assert_string_equal(live.peers[2].role, "s");
    assert_string_equal(live.peers[2].node, "n3");
    assert_int_equal(live.arg_count, 1);
    assert_true(live.allow_fail);
    assert_false(live.mock);
    assert_string_equal(p.options.config_path, "c");
    af_run_options_release(&p.options);

    parse_well(&p, "script.lua --mock --shared store.db");
    assert_true(af_run_is_live(&p.options));
    assert_int_equal(af_run_live_options(&p.options, &live, &why), 0);
    assert_true(live.mock);
    assert_string_equal(p.options.shared, "store.db");
    af_run_options_release(&p.options);
}

static void test_what_is_for_a_simulation_is_refused_for_real(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        {"f.lua --bus local:x --drop 0.1", "--drop"},     {"f.lua --bus local:x --fifo", "--fifo"},
        {"f.lua --bus local:x --runs 2", "--runs"},       {"f.lua --bus local:x --mock", "--mock"},
        {"f.lua --bus local:x --trace t", "--trace"},     {"f.lua g.lua --bus local:x", "g.lua"},
        {"f.lua --mock --shared s --lose r:1", "--lose"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct parsed p;
        struct af_live_options live;
        struct af_failure why = AF_FAILURE_INIT;
        parse_well(&p, lines[i][0]);
        assert_int_equal(af_run_live_options(&p.options, &live, &why), -1);
        assert_int_equal(why.kind, AF_FAILURE_USAGE);
        assert_string_equal(why.what, lines[i][1]);
        af_run_options_release(&p.options);
    }
}

static void test_a_run_is_given_its_steps_and_its_links(void **state)
{
    (void)state;
    static const char model[] =
        "{\"afrun_latency_model\":1,\"links\":[{\"from\":\"a\",\"to\":\"*\",\"up_to_us\":[7],"
        "\"counts\":[1]}]}";
    char path[] = "/tmp/latency_model_XXXXXX", words[200];
    int file = mkstemp(path);
    assert_true(file >= 0 && write(file, model, strlen(model)) == (ssize_t)strlen(model));
    close(file);
    struct parsed p;
    snprintf(words, sizeof words, "--mock --schedule=[] --latency-model %s flow.lua", path);
    parse_well(&p, words);
    assert_ptr_equal(p.options.sim.schedule, &p.options.schedule);
    struct af_rng rng;
    af_rng_init(&rng, 1, "latency");
    assert_in_range(af_latency_draw_ns(p.options.sim.faults.latencies, &rng, "a", "b"), 1,
                    7 * AF_US_NS);
    assert_int_equal(af_latency_draw_ns(p.options.sim.faults.latencies, &rng, "b", "a"), -1);
    af_run_options_release(&p.options);
    expect_refused("--mock flow.lua --schedule=[1]", "--schedule");
    snprintf(words, sizeof words, "--mock flow.lua --latency-model %s.none", path);
    expect_refused(words, "--latency-model");
    unlink(path);
}

static void test_all_options_are_tried_here(void **state)
{
    (void)state;
    static const char *const known[] = {
        "mock",         "parties", "arg",       "seed",       "runs",         "until",
        "allow-fail",   "latency", "fifo",      "drop",       "duplicate",    "crash",
        "down",         "lose",    "partition", "trace",      "trace-data",   "json",
        "quiet",        "verbose", "color",     "allow-read", "allow-write",  "allow-net",
        "allow-run",    "help",    "bus",       "role",       "node",         "task",
        "peers",        "config",  "shared",    "state",      "upgrade",      "log",
        "watch",        "work",    "bandwidth", "no-jail",    "require-jail", "schedule",
        "latency-model"};
    for (const struct af_opt *opt = af_run_opts; opt->name != NULL; opt++) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            found = found || strcmp(known[i], opt->name) == 0;
        if (!found)
            fail_msg("no case has --%s", opt->name);
    }
}

/* ---- What is recorded. ---- */

static void test_what_decides_the_run_is_recorded_in_order(void **state)
{
    (void)state;
    struct parsed p;
    parse_well(&p, "flow.lua --mock --drop 0.5 -q --seed 5 --fifo --arg a=\"x\" --trace t.jsonl "
                   "--partition a|b@1s..2s --json --parties=r=2 --until=5s --color never");
    assert_string_equal(p.options.sim.recorded,
                        "[\"--drop=0.5\",\"--fifo\",\"--arg=a=\\\"x\\\"\","
                        "\"--partition=a|b@1s..2s\",\"--parties=r=2\",\"--until=5s\"]");
    af_run_options_release(&p.options);
}

static void test_a_recorded_run_is_read_back_the_same(void **state)
{
    (void)state;
    struct parsed p, again;
    parse_well(&p, "flow.lua --latency 1ms..2ms --duplicate 0.1 --crash r:0.1 --down 1s "
                   "--lose r:1@5s --allow-fail --trace-data --upgrade two.lua");
    char words[512] = "flow.lua ";
    size_t len = strlen(words);
    for (const char *at = p.options.sim.recorded; *at != '\0'; at++) /* no word has these inside */
        if (strchr("[]\"", *at) == NULL)
            words[len++] = *at == ',' ? ' ' : *at;
    parse_well(&again, words);
    assert_string_equal(again.options.sim.recorded, p.options.sim.recorded);
    assert_int_equal(again.options.sim.faults.down_max_ns, AF_S_NS);
    assert_int_equal(again.options.sim.faults.wishes[AF_FAULT_LOSE].roles[0].at_ns, 5 * AF_S_NS);
    assert_true(again.options.trace_data);
    assert_string_equal(again.options.sim.upgrade, "two.lua");
    assert_int_equal(again.options.sim.upgrade_ns, -1);
    af_run_options_release(&p.options);
    af_run_options_release(&again.options);
}

/* ---- What is refused. ---- */

static void test_a_wrong_value_is_told_with_its_option(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *values[12];
    } rows[] = {
        {"--parties", {"r", "r=", "r=-1", "r=x", "=1", "r=1,", "r=1,r=2", "r=2000001", "1r=1"}},
        {"--seed", {"-1", "x", "1.5", "9223372036854775808", "99999999999999999999"}},
        {"--runs", {"0", "-1", "x", "100000001"}},
        {"--until", {"5", "-1s", "s", "1d", "8761h", "1.5.5s"}},
        {"--latency", {"2s..1s", "1..2", "1s..", "..1s", "1s...2s", "x"}},
        {"--drop", {"-0.1", "1.1", "x", "nan", "inf", "0x1p-1", "0.5x", "1e"}},
        {"--duplicate", {"2", "half"}},
        {"--crash", {"r", "r:", ":0.5", "r:2", "r:x", "r 0.5"}},
        {"--down", {"2s..1s", "x"}},
        {"--lose",
         {"r", "r:", ":1", "r:-1", "r:x", "r:1@", "r:1@x", "r@5s", "r@1s:5", "r:@5s", "r:2000001"}},
        {"--partition",
         {"a|b", "a@1s..2s", "@1s..2s", "a|b@", "a|b@2s..1s", "a|b@x", "random:2",
          "random:", "random:x", "|@1s..2s", "a|,@1s..2s"}},
        {"--arg", {"a", "=1", "="}},
        {"--upgrade", {"", "@5s", "two.lua@5x", "two.lua@", "two.lua@soon", "two@@1s@"}},
        {"--color", {"blue", "Always"}},
        {"--peers", {"r", "r=", "=a", "r=a,", "r=a;", "r=a;s=a", "r=*", "r=a,,b"}},
        {"--node", {"", "*", "a\tb"}},
        {"--role", {""}},
        {"--task", {"", "a\tb"}},
        {"--shared", {""}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t k = 0; k < 12 && rows[i].values[k] != NULL; k++) {
            char words[256];
            snprintf(words, sizeof words, "flow.lua %s=%s", rows[i].what, rows[i].values[k]);
            expect_refused(words, rows[i].what);
        }
    }
}

static void test_a_folder_that_cannot_be_granted_is_told(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "flow.lua --allow-read /no/such/folder");
    assert_int_equal(p.result, -1);
    assert_int_equal(p.why.kind, AF_FAILURE_USAGE);
    assert_string_equal(p.why.why, "cannot be used: No such file or directory");
    af_run_options_release(&p.options);
    expect_refused("flow.lua --allow-write=", "--allow-write");
    expect_refused("flow.lua --allow-read=\xC3\xC3", "\xC3\xC3"); /* as it was typed */
}

static void test_options_that_contradict_are_told(void **state)
{
    (void)state;
    expect_refused("flow.lua --runs 2 --trace t.jsonl", "--trace");
    expect_refused("flow.lua --seed 9223372036854775807 --runs 2", "--seed"); /* 2^63 is no seed */
    expect_refused("flow.lua --no-jail --require-jail", "--require-jail");
    struct parsed p;
    parse_well(&p, "flow.lua --seed 9223372036854775806 --runs 2");
    af_run_options_release(&p.options);
}

static void test_an_option_that_is_refused_late_leaves_no_memory(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "flow.lua --parties r=1 --arg a=1 --crash r:0.5 --lose r:1 --lose r:x "
              "--partition a|b@1s..2s");
    assert_int_equal(p.result, -1);
    assert_string_equal(p.why.what, "--lose");
    af_run_options_release(&p.options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_options_there_are_defaults),
        cmocka_unit_test(test_what_to_run_is_set),
        cmocka_unit_test(test_faults_are_set),
        cmocka_unit_test(test_work_and_bandwidth_are_of_roles),
        cmocka_unit_test(test_partitions_are_groups_of_nodes),
        cmocka_unit_test(test_output_and_files_are_set),
        cmocka_unit_test(test_a_party_for_real_is_described),
        cmocka_unit_test(test_what_is_for_a_simulation_is_refused_for_real),
        cmocka_unit_test(test_a_run_is_given_its_steps_and_its_links),
        cmocka_unit_test(test_all_options_are_tried_here),
        cmocka_unit_test(test_what_decides_the_run_is_recorded_in_order),
        cmocka_unit_test(test_a_recorded_run_is_read_back_the_same),
        cmocka_unit_test(test_a_wrong_value_is_told_with_its_option),
        cmocka_unit_test(test_a_folder_that_cannot_be_granted_is_told),
        cmocka_unit_test(test_options_that_contradict_are_told),
        cmocka_unit_test(test_an_option_that_is_refused_late_leaves_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
