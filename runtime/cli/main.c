/* main.c: the table of commands, and which of them a command line means. */
#include "cli/command.h"

#include "base/failure.h"
#include "base/near.h"
#include "base/sqlite.h"
#include "base/version.h"
#include "cli/answer.h"
#include "cli/paths.h"
#include "cli/ready.h"
#include "cli/reference.h"
#include "code/bundle.h"
#include "json/json.h"
#include "script/tool.h"
#include "worker/child.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct af_command *const commands[] = {
    &af_cmd_run,   &af_cmd_check,  &af_cmd_new,    &af_cmd_lint,    &af_cmd_bundle, &af_cmd_test,
    &af_cmd_chart, &af_cmd_replay, &af_cmd_studio, &af_cmd_serve,   &af_cmd_node,   &af_cmd_ctl,
    &af_cmd_token, &af_cmd_audit,  &af_cmd_store,  &af_cmd_restore, &af_cmd_move,   &af_cmd_nats};

enum { COMMANDS = sizeof commands / sizeof commands[0], READY_WORDS_MAX = 128 };

/* Both end with an empty row. */
static struct af_opts_command rows[COMMANDS + 1];
static struct af_opts_command pages[COMMANDS + AF_CTL_COMMANDS + 1]; /* with those of ctl */

static const char intro[] = "afrun runs multi-party protocols written as Lua state machines.";

static void fill_tables(void)
{
    for (size_t i = 0; i < COMMANDS; i++)
        rows[i] = pages[i] = *commands[i]->row;
    for (size_t i = 0; i < AF_CTL_COMMANDS; i++)
        pages[COMMANDS + i] = af_ctl_rows()[i];
}

static void print_help(FILE *out)
{
    fprintf(out, "%s\n\n  afrun FLOW.lua --mock     %s\n\n", af_opts_say(intro),
            af_opts_say("simulate all parties of a flow, from a seed"));
    af_opts_help_commands(out, rows, af_opts_columns(out));
    fputc('\n', out);
    fputs(
        af_opts_say("`afrun FLOW.lua` is `afrun run FLOW.lua`; every command has --help.\n"
                    "`afrun help af` lists what flows and scripts see, `afrun help af.event` tells "
                    "of one name.\n"),
        out);
}

/* ---- What stands for a command, but is none: it takes words of its own. ---- */

static int refuse_page(const char *what, const char *name, struct af_failure *why)
{
    struct af_near near;
    af_near_init(&near, name);
    for (const struct af_opts_command *page = pages; page->name != NULL; page++)
        af_near_add(&near, page->name);
    af_failure_set(why, AF_FAILURE_USAGE, what, "there is no command '%s'%s", name,
                   af_near_text(&near, "commands are"));
    af_near_release(&near);
    return -1;
}

static bool has_word(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (; *text != '\0'; text += strcspn(text, " "), text += strspn(text, " "))
        if (strcspn(text, " ") == len && memcmp(text, word, len) == 0)
            return len > 0 && word[0] >= 'a' && word[0] <= 'z'; /* FILE is none */
    return false;
}

/* The page of the command that one or two words name. NULL with *why filled. */
static const struct af_opts_command *find_page(const char *what, int count, char **words,
                                               struct af_failure *why)
{
    char name[AF_NEAR_WORD_MAX];
    snprintf(name, sizeof name, "%s%s%s", words[0], count > 1 ? " " : "",
             count > 1 ? words[1] : "");
    const struct af_opts_command *page = af_opts_find_command(pages, name);
    if (page == NULL && count > 1) { /* "nats config": a word of the first one's */
        page = af_opts_find_command(pages, words[0]);
        if (page != NULL && !has_word(page->arguments, words[1]))
            page = NULL;
    }
    if (page == NULL)
        refuse_page(what, name, why);
    return page;
}

static void print_version_json(const struct scmp_version *seccomp)
{
    struct af_buf out = AF_BUF_EMPTY;
    char libev[32], libseccomp[48];
    snprintf(libev, sizeof libev, "%d.%d", ev_version_major(), ev_version_minor());
    snprintf(libseccomp, sizeof libseccomp, "%u.%u.%u", seccomp->major, seccomp->minor,
             seccomp->micro);
    af_answer_begin(&out, "version");
    af_json_add_text(&out, "version", AF_VERSION);
    af_json_add_text(&out, "lua", af_tool_lua_version() + strlen("Lua "));
    af_json_add_text(&out, "sqlite", af_sqlite3_libversion());
    af_json_add_text(&out, "libsodium", sodium_version_string());
    af_json_add_text(&out, "libev", libev);
    af_json_add_text(&out, "libseccomp", libseccomp);
    af_answer_print(&out);
}

static int print_version(int count, char **words, struct af_failure *why)
{
    const struct scmp_version *seccomp = seccomp_version();
    if (af_sqlite_need(why) != 0)
        return -1;
    if (count == 1 && strcmp(words[0], "--json") == 0) {
        print_version_json(seccomp);
        return 0;
    }
    if (count == 1)
        return af_failure_set(why, AF_FAILURE_USAGE, words[0],
                              "is one word too many for --version");
    printf("afrun " AF_VERSION "\n%s, SQLite %s, libsodium %s, libev %d.%d, libseccomp %u.%u.%u\n",
           af_tool_lua_version(), af_sqlite3_libversion(), sodium_version_string(),
           ev_version_major(), ev_version_minor(), seccomp->major, seccomp->minor, seccomp->micro);
    return 0;
}

static int print_page_help(int count, char **words, struct af_failure *why)
{
    if (count == 0) {
        print_help(stdout);
        return 0;
    }
    if (count == 1 && af_reference_is_name(words[0]))
        return af_reference_print(stdout, words[0]) ? 0 : af_reference_refuse(words[0], why);
    const struct af_opts_command *page = find_page("help", count, words, why);
    if (page == NULL)
        return count == 1 && af_reference_print(stdout, words[0]) ? 0 : -1;
    af_opts_help(stdout, page, af_opts_columns(stdout));
    return 0;
}

static int print_completion(int count, char **words, struct af_failure *why)
{
    if (count == 1 && af_opts_complete(stdout, pages, "run", words[0]))
        return 0;
    return af_failure_set(why, AF_FAILURE_USAGE, "--completion",
                          "takes the name of a shell: " AF_OPTS_SHELLS);
}

/* `--man list` is for `make install`: the names of all pages. */
static int print_man(int count, char **words, struct af_failure *why)
{
    const struct af_opts_command *page = NULL;
    if (count == 1 && strcmp(words[0], "list") == 0) {
        for (page = pages; page->name != NULL; page++)
            puts(page->name);
        return 0;
    }
    if (count > 0 && (page = find_page("--man", count, words, why)) == NULL)
        return -1;
    af_opts_man(stdout, page, pages, intro);
    return 0;
}

static const struct {
    const char *name;
    int words_max;
    int (*run)(int count, char **words, struct af_failure *why);
} globals[] = {
    {"--help", 0, print_page_help}, {"-h", 0, print_page_help},
    {"help", 2, print_page_help},   {"--version", 1, print_version},
    {"--man", 2, print_man},        {"--completion", 1, print_completion},
};

/* Runs one of them, whose words may be joined to it by '='. Returns -2 where the line means none.
 */
static int run_global(int argc, char **argv, struct af_failure *why)
{
    size_t len = strcspn(argv[1], "=");
    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++) {
        if (strlen(globals[i].name) != len || strncmp(globals[i].name, argv[1], len) != 0)
            continue;
        char *joined = argv[1][len] == '=' ? argv[1] + len + 1 : NULL;
        int count = joined != NULL ? argc - 1 : argc - 2;
        if (joined != NULL)
            argv[1] = joined;
        char **words = joined != NULL ? argv + 1 : argv + 2;
        if (count > globals[i].words_max)
            return af_failure_set(why, AF_FAILURE_USAGE, words[globals[i].words_max],
                                  "is one word too many for %s", globals[i].name);
        return globals[i].run(count, words, why);
    }
    return -2;
}

static bool is_file_name(const char *word)
{
    return strchr(word, '.') != NULL || strchr(word, '/') != NULL || af_bundle_is(word);
}

static int refuse_word(const char *word, struct af_failure *why)
{
    struct af_near near;
    af_near_init(&near, word);
    for (size_t i = 0; i < COMMANDS; i++)
        af_near_add(&near, rows[i].name);
    af_failure_set(why, AF_FAILURE_USAGE, word, "neither a command nor a file%s",
                   af_near_text(&near, "commands are"));
    af_near_release(&near);
    return -1;
}

static int dispatch(int argc, char **argv, struct af_failure *why)
{
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    int status = run_global(argc, argv, why);
    if (status != -2)
        return status;
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], rows[i].name) != 0)
            continue;
        status = commands[i]->run(argc - 2, argv + 2, why);
        if (status == AF_OPTS_HELP)
            af_opts_help(stdout, commands[i]->row, af_opts_columns(stdout));
        return status == AF_OPTS_HELP ? 0 : status;
    }
    if (argv[1][0] != '-' && !is_file_name(argv[1]))
        return refuse_word(argv[1], why);
    return af_cmd_run.run(argc - 1, argv + 1, why);
}

/* What was printed is written here at the latest: whoever reads it must not take a part for all. */
static int finish_output(int status)
{
    struct af_failure why = AF_FAILURE_INIT;
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        af_ready_leave();
        return status;
    }
    af_failure_set(&why, AF_FAILURE_TRANSPORT, "standard output", "cannot be written%s%s",
                   errno == 0 ? "" : ": ", errno == 0 ? "" : strerror(errno));
    af_paths_write_failure(&why);
    return af_failure_exit_status(&why);
}

/* SIGTERM is as Ctrl-C: commands with something to tell or to finish catch both, of others there is
 * nothing to wait for. */
static void end_at_once(int signal_number)
{
    (void)signal_number;
    _exit(130);
}

/* Of a standard stream that is closed the number is taken, or what is opened next would get it, and
 * what is meant for people would go there. Who reads or writes the stream is told still. */
static void hold_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    struct af_failure why = AF_FAILURE_INIT;
    hold_standard_streams();
    if (sodium_init() < 0)
        return 3;
    signal(SIGPIPE, SIG_IGN);
    fill_tables();
    if (argc > 1 && strcmp(argv[1], "worker") == 0) /* for nodes, not for people: in no list */
        return af_worker_main(argc - 2, argv + 2);
    signal(SIGTERM, end_at_once);
    char *words[READY_WORDS_MAX];
    if (argc > 1 && strcmp(argv[1], "ready") == 0) { /* for the studio, in no list */
        argc = af_ready_words(argc - 2, argv + 2, READY_WORDS_MAX, words, &why);
        argv = words;
    }
    bool json = argc >= 0 && af_answer_wanted(argc, argv); /* now: parsing moves the words */
    int status = argc < 0 ? -1 : dispatch(argc, argv, &why);
    if (status < 0) {
        af_paths_write_failure(&why);
        if (json)
            af_answer_failure(&why);
        status = af_failure_exit_status(&why);
    }
    return finish_output(status);
}
