/* test_opts.c: parsing, help and completion, all from one table of rows. */
#include "base/bounds.h"
#include "base/failure.h"
#include "cli/opts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- A command. ---- */

struct target {
    int mock_count, quiet_count;
    const char *trace;
    double drop;
    int64_t from_ns, to_ns;
};

static int set_mock(void *target, const char *value, struct af_failure *why)
{
    (void)why;
    assert_null(value);
    ((struct target *)target)->mock_count++;
    return 0;
}

static int set_quiet(void *target, const char *value, struct af_failure *why)
{
    (void)why;
    assert_null(value);
    ((struct target *)target)->quiet_count++;
    return 0;
}

static int set_trace(void *target, const char *value, struct af_failure *why)
{
    if (strcmp(value, "/") == 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, value, "is a directory");
    ((struct target *)target)->trace = value;
    return 0;
}

static int set_drop(void *target, const char *value, struct af_failure *why)
{
    return af_opts_probability(value, &((struct target *)target)->drop, why);
}

static int set_latency(void *target, const char *value, struct af_failure *why)
{
    struct target *t = target;
    return af_opts_duration_range(value, &t->from_ns, &t->to_ns, why);
}

static const struct af_opt opts[] = {
    {"mock", 0, NULL, "all parties in this process", "What to run", .set = set_mock},
    {"latency", 0, "A..B", "delay of a message; by default each has its own", "Faults",
     .set = set_latency},
    {"drop", 0, "P", "lose a message with probability P", "Faults", .set = set_drop},
    {"duplicate", 0, "P", "deliver a message twice", "Faults", .set = set_drop},
    {"trace", 't', "FILE", "write the run", "Output", .set = set_trace},
    {"color", 0, "auto|always|never", "colours", "Output", .set = set_trace},
    {"quiet", 'q', NULL, "say less", "Output", .set = set_quiet},
    {0},
};

static const struct af_opt few_opts[] = {
    {"state", 0, "DIR", "where state is kept", NULL, .set = set_trace},
    {0},
};

static const struct af_opts_command commands[] = {
    {"run", "FLOW.lua… [options]", "run a flow or scripts", "First.\n\nSecond.", opts},
    {"check", "FLOW.lua", "explore every interleaving", NULL, few_opts},
    {"ctl", "COMMAND …", "talk to a node", NULL, few_opts},
    {"ctl status", "[TASK]", "what parties do", NULL, few_opts},
    {0},
};

/* ---- Parsing. ---- */

#define WORDS_MAX 32

struct parsed {
    struct target target;
    struct af_failure why;
    char text[256]; /* the words */
    char *argv[WORDS_MAX];
    int count;
};

/* Parses words that are separated by single spaces ('~' stands for an empty one). */
static void parse(struct parsed *parsed, const char *words)
{
    *parsed = (struct parsed){.why = AF_FAILURE_INIT};
    snprintf(parsed->text, sizeof parsed->text, "%s", words);
    int argc = 0;
    for (char *word = strtok(parsed->text, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(argc < WORDS_MAX);
        if (strcmp(word, "~") == 0)
            *word = '\0';
        parsed->argv[argc++] = word;
    }
    parsed->count = af_opts_parse(opts, argc, parsed->argv, &parsed->target, NULL, &parsed->why);
}

static void test_options_stand_anywhere_and_positionals_keep_their_order(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "one.lua --mock two.lua --drop 0.5 - --latency=1ms..2.5s -- --quiet -q");
    assert_int_equal(p.count, 5);
    static const char *const expected[] = {"one.lua", "two.lua", "-", "--quiet", "-q"};
    for (int i = 0; i < 5; i++)
        assert_string_equal(p.argv[i], expected[i]);
    assert_int_equal(p.target.mock_count, 1);
    assert_int_equal(p.target.quiet_count, 0);
    assert_true(p.target.drop == 0.5);
    assert_int_equal(p.target.from_ns, AF_MS_NS);
    assert_int_equal(p.target.to_ns, 2500 * AF_MS_NS);
    parse(&p, "");
    assert_int_equal(p.count, 0);
}

static void test_short_options_are_joined_and_take_values(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "-qq -t out -q x");
    assert_int_equal(p.count, 1);
    assert_int_equal(p.target.quiet_count, 3);
    assert_string_equal(p.target.trace, "out");
    parse(&p, "-qtout");
    assert_string_equal(p.target.trace, "out");
    parse(&p, "-t -");
    assert_string_equal(p.target.trace, "-");
}

static void test_a_later_option_wins_and_an_empty_value_is_one(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "--trace=a --trace=b=c");
    assert_string_equal(p.target.trace, "b=c");
    parse(&p, "--trace= --quiet");
    assert_string_equal(p.target.trace, "");
    parse(&p, "--trace ~ x");
    assert_string_equal(p.target.trace, "");
    assert_int_equal(p.count, 1);
    parse(&p, "--trace --strange"); /* no option of ours: a value */
    assert_string_equal(p.target.trace, "--strange");
}

static const struct {
    const char *words, *what, *why;
} refused[] = {
    {"--drp", "--drp", "unknown option; did you mean '--drop'?"},
    {"x --drp=3 y", "--drp", "unknown option; did you mean '--drop'?"},
    {"--dorp 1", "--dorp", "unknown option; did you mean '--drop'?"},
    {"--mokc", "--mokc", "unknown option; did you mean '--mock'?"},
    {"--dup 0.1", "--dup", "unknown option; did you mean '--duplicate'?"}, /* no abbreviations */
    {"--Mock", "--Mock", "unknown option; did you mean '--mock'?"},
    {"--something-else", "--something-else", "unknown option"},
    {"---", "---", "unknown option"},
    {"--drop", "--drop", "needs a value: --drop=P"},
    {"--trace --mock", "--trace", "needs a value: --trace=FILE"},
    {"--trace --drop=1", "--trace", "needs a value: --trace=FILE"},
    {"--trace -- x", "--trace", "needs a value: --trace=FILE"},
    {"-t", "-t", "needs a value: --trace=FILE"},
    {"--mock=1", "--mock", "takes no value"},
    {"--mock=", "--mock", "takes no value"},
    {"-q=1", "-q", "takes no value"},
    {"--=x", "--=x", "an option without a name"},
    {"-x", "-x", "unknown option"},
    {"-qx", "-x", "unknown option"},
    {"-mock", "-mock", "unknown option; did you mean '--mock'?"},
    {"-5", "-5", "unknown option"},
    {"-\xc3\xa9", "-\xc3\xa9", "unknown option"},
    {"--drop=2", "--drop", "expected a probability from 0 to 1, such as 0.05, not '2'"},
    {"--drop=", "--drop", "expected a probability from 0 to 1, such as 0.05, not ''"},
};

static void test_what_is_wrong_is_named_as_typed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct parsed p;
        parse(&p, refused[i].words);
        assert_int_equal(p.count, -1);
        assert_int_equal(p.why.kind, AF_FAILURE_USAGE);
        assert_string_equal(p.why.what, refused[i].what);
        assert_string_equal(p.why.why, refused[i].why);
    }
}

static void test_a_setter_may_name_what_and_kind_itself(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "--trace=/");
    assert_int_equal(p.why.kind, AF_FAILURE_TRANSPORT);
    assert_string_equal(p.why.what, "/");
}

static void test_an_endless_name_is_refused(void **state)
{
    (void)state;
    char word[5000] = "--";
    memset(word + 2, 'x', sizeof word - 3);
    char *argv[] = {word};
    struct target target = {0};
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_opts_parse(opts, 1, argv, &target, NULL, &why), -1);
    assert_string_equal(why.why, "unknown option");
}

static void test_commands_are_found(void **state)
{
    (void)state;
    assert_ptr_equal(af_opts_find_command(commands, "ctl status"), &commands[3]);
    assert_null(af_opts_find_command(commands, "chec"));
}

/* ---- Help and completion. ---- */

static char *printed;
static size_t printed_len;

static FILE *begin_print(void)
{
    FILE *out = open_memstream(&printed, &printed_len);
    assert_non_null(out);
    return out;
}

static void test_help_is_aligned_and_wrapped(void **state)
{
    (void)state;
    FILE *out = begin_print();
    af_opts_help(out, &commands[0], 50);
    fclose(out);
    assert_string_equal(printed, "usage: afrun run FLOW.lua… [options]\n"
                                 "\n"
                                 "First.\n"
                                 "\n"
                                 "Second.\n"
                                 "\n"
                                 "What to run:\n"
                                 "      --mock          all parties in this process\n"
                                 "\n"
                                 "Faults:\n"
                                 "      --latency A..B  delay of a message; by\n"
                                 "                      default each has its own\n"
                                 "      --drop P        lose a message with\n"
                                 "                      probability P\n"
                                 "      --duplicate P   deliver a message twice\n"
                                 "\n"
                                 "Output:\n"
                                 "  -t, --trace FILE    write the run\n"
                                 "      --color auto|always|never\n"
                                 "                      colours\n"
                                 "  -q, --quiet         say less\n");
    free(printed);

    out = begin_print();
    af_opts_help_commands(out, commands, 80);
    fclose(out);
    assert_string_equal(printed, "  run         run a flow or scripts\n"
                                 "  check       explore every interleaving\n"
                                 "  ctl         talk to a node\n"
                                 "  ctl status  what parties do\n");
    free(printed);
}

static void test_columns_of_what_is_no_terminal(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(af_opts_columns(file), 80);
    fclose(file);
}

static const struct {
    const char *words; /* as bash splits them; the last one is being typed */
    const char *completed;
} completions[] = {
    {"'' c", "check,ctl,"},
    {"'' r", "run,"},
    {"'' --d", "--drop,--duplicate,"}, /* run is meant */
    {"'' run --d", "--drop,--duplicate,"},
    {"'' run f.lua --mo", "--mock,"},
    {"'' run --color ''", "auto,always,never,"},
    {"'' run --color = a", "auto,always,"},
    {"'' run --color =", "auto,always,never,"},
    {"'' run --drop ''", ""},
    {"'' check --d", ""},
    {"'' check --", "--state,"},
    {"'' check --state p", "parties,"},
    {"'' run -t s", "some.jsonl,"},
    {"'' run -t p", "parties,"},
    {"'' run so", "some.jsonl,"},
    {"'' ctl st", "status,"},
    {"'' ctl status --s", "--state,"},
};

/* Writes the script, and what tries it in bash, without a terminal (where compopt complains). */
static void write_trial(const char *path)
{
    FILE *script = fopen(path, "w");
    assert_non_null(script);
    assert_true(af_opts_complete(script, commands, "run", "bash"));
    fputs("compopt() { :; }\n"
          "try() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _afrun;"
          " local IFS=,; echo \"${COMPREPLY[*]}${COMPREPLY:+,}\"; }\n"
          "set -u; export LC_ALL=C; cd \"${0%/*}\"; mkdir parties; touch some.jsonl\n",
          script);
    for (size_t i = 0; i < sizeof completions / sizeof completions[0]; i++)
        fprintf(script, "try %s\n", completions[i].words);
    fputs("rmdir parties; rm some.jsonl \"$0\"\n", script);
    fclose(script);
}

static void test_bash_completes(void **state)
{
    (void)state;
    if (access("/bin/bash", X_OK) != 0)
        skip();
    char directory[] = "/tmp/afrun-test-opts-XXXXXX", path[64], command[96];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/trial", directory);
    write_trial(path);
    snprintf(command, sizeof command, "/bin/bash %s 2>&1", path);
    FILE *answers = popen(command, "r");
    assert_non_null(answers);
    for (size_t i = 0; i < sizeof completions / sizeof completions[0]; i++) {
        char answer[512] = "";
        assert_non_null(fgets(answer, sizeof answer, answers));
        answer[strcspn(answer, "\n")] = '\0';
        assert_string_equal(answer, completions[i].completed);
    }
    assert_int_equal(pclose(answers), 0);
    assert_int_equal(rmdir(directory), 0);
}

/* ---- Rows that say what kind of value goes where. ---- */

struct typed {
    bool flag, kept;
    int verbosity;
    int32_t columns;
    uint32_t budget[2];
    uint64_t depth;
    int64_t bytes, time_ns;
    double drop;
    const char *file, *node;
};

#define OF struct typed

static void note(void *target, const char *name, const char *value)
{
    struct typed *typed = target;
    assert_string_equal(name, "kept");
    assert_null(value);
    assert_false(typed->flag); /* it is not set yet */
    typed->kept = true;
}

static const struct af_opt typed_opts[] = {
    {"kept", 0, NULL, "", NULL, AF_OPT_FLAG(OF, flag), .note = note},
    {"quiet", 'q', NULL, "", NULL, AF_OPT_CONSTANT(OF, verbosity, -1), .excludes = "loud kept"},
    {"loud", 0, NULL, "", NULL, AF_OPT_CONSTANT(OF, verbosity, 1)},
    {"columns", 0, "N", "", NULL, AF_OPT_COUNT(OF, columns, 40, 1000)},
    {"crash", 0, "N", "", NULL, AF_OPT_COUNT(OF, budget[1], 0, 9)},
    {"depth", 0, "N", "", NULL, AF_OPT_COUNT(OF, depth, 1, INT64_MAX)},
    {"memory", 0, "SIZE", "", NULL, AF_OPT_SIZE(OF, bytes, 1 << 20, INT64_MAX)},
    {"time", 0, "T", "", NULL, AF_OPT_DURATION(OF, time_ns, 1)},
    {"drop", 0, "P", "", NULL, AF_OPT_PROBABILITY(OF, drop)},
    {"file", 'o', "FILE", "", NULL, AF_OPT_TEXT(OF, file)},
    {"node", 0, "ID", "", NULL, AF_OPT_ID(OF, node)},
    {0},
};

static int parse_typed(struct typed *typed, const char *words, af_opts_given *given,
                       struct af_failure *why)
{
    static char text[256];
    char *argv[WORDS_MAX];
    int argc = 0;
    *typed = (struct typed){.depth = 7};
    *why = AF_FAILURE_INIT;
    snprintf(text, sizeof text, "%s", words);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    return af_opts_parse(typed_opts, argc, argv, typed, given, why);
}

static void test_a_value_goes_into_its_field_and_no_other(void **state)
{
    (void)state;
    struct typed t;
    struct af_failure why;
    af_opts_given given = 0;
    assert_int_equal(parse_typed(&t,
                                 "--kept --loud --columns 1000 --crash=9 --depth "
                                 "9223372036854775807 --memory 3 --time 1ns --drop 0.5 -o x "
                                 "--node n",
                                 &given, &why),
                     0);
    assert_true(t.flag);
    assert_true(t.kept);
    assert_int_equal(t.verbosity, 1);
    assert_int_equal(t.columns, 1000);
    assert_int_equal(t.budget[0], 0);
    assert_int_equal(t.budget[1], 9);
    assert_true(t.depth == INT64_MAX);
    assert_int_equal(t.bytes, 3 << 20);
    assert_int_equal(t.time_ns, 1);
    assert_true(t.drop == 0.5);
    assert_string_equal(t.file, "x");
    assert_string_equal(t.node, "n");
    assert_int_equal(given, 0x7FD); /* all but --quiet */

    assert_int_equal(parse_typed(&t, "-q --memory 5G", &given, &why), 0);
    assert_int_equal(t.verbosity, -1);
    assert_int_equal(t.bytes, (int64_t)5 << 30);
    assert_int_equal(t.depth, 7); /* as it was */
    assert_int_equal(given, 0x42);
}

static void test_a_value_out_of_its_row_is_refused(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"--columns=39", "--columns", "from 40 to 1000, not '39'"},
        {"--columns=1001", "--columns", "from 40 to 1000"},
        {"--crash=-1", "--crash", "from 0 to 9"},
        {"--depth=9223372036854775808", "--depth", "expected an integer"},
        {"--memory=0", "--memory", "'0' is too large or nothing"},
        {"--memory=8388608T", "--memory", "is too large or nothing"},
        {"--memory=9223372036854775808", "--memory", "is too large or nothing"},
        {"--memory=5GB", "--memory", "'5GB' is not a size"},
        {"--memory=G", "--memory", "'G' is not a size"},
        {"--time=0", "--time", "expected more than no time, not '0'"},
        {"--drop=2", "--drop", "a probability"},
        {"--file=", "--file", "expected FILE, not ''"},
        {"--node=*", "--node", "expected an ID without blanks, not '*'"},
        {"--kept=yes", "--kept", "takes no value"},
        {"-q --loud", "--loud", "does not go with --quiet"},
        {"--loud -q", "-q", "does not go with --loud"},
        {"--kept --quiet", "--quiet", "does not go with --kept"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct typed t;
        struct af_failure why;
        if (parse_typed(&t, rows[i][0], NULL, &why) != -1)
            fail_msg("accepted: %s", rows[i][0]);
        assert_int_equal(why.kind, AF_FAILURE_USAGE);
        assert_string_equal(why.what, rows[i][1]);
        if (strstr(why.why, rows[i][2]) == NULL)
            fail_msg("%s: %s", rows[i][0], why.why);
    }
}

static void test_help_is_asked_for_where_all_else_is_well(void **state)
{
    static const struct af_opt helped[] = {AF_OPTS_LAST("Output")};
    char *words[] = {"file", "--help", "--log=text"}, *wrong[] = {"-h", "--other"};
    struct af_failure why = AF_FAILURE_INIT;
    (void)state;
    assert_int_equal(af_opts_parse(helped, 3, words, NULL, NULL, &why), AF_OPTS_HELP);
    assert_int_equal(af_opts_parse(helped, 1, words, NULL, NULL, &why), 1);
    assert_int_equal(why.kind, AF_FAILURE_NONE);
    assert_int_equal(af_opts_parse(helped, 2, wrong, NULL, NULL, &why), -1);
    assert_string_equal(why.what, "--other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help_is_asked_for_where_all_else_is_well),
        cmocka_unit_test(test_a_value_goes_into_its_field_and_no_other),
        cmocka_unit_test(test_a_value_out_of_its_row_is_refused),
        cmocka_unit_test(test_options_stand_anywhere_and_positionals_keep_their_order),
        cmocka_unit_test(test_short_options_are_joined_and_take_values),
        cmocka_unit_test(test_a_later_option_wins_and_an_empty_value_is_one),
        cmocka_unit_test(test_what_is_wrong_is_named_as_typed),
        cmocka_unit_test(test_a_setter_may_name_what_and_kind_itself),
        cmocka_unit_test(test_an_endless_name_is_refused),
        cmocka_unit_test(test_commands_are_found),
        cmocka_unit_test(test_help_is_aligned_and_wrapped),
        cmocka_unit_test(test_columns_of_what_is_no_terminal),
        cmocka_unit_test(test_bash_completes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
