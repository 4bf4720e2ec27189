/* main.c: the table of commands, and which of them a command line means. */
#include "cli/command.h"

#include "base/failure.h"
#include "base/near.h"
#include "base/version.h"
#include "cli/paths.h"
#include "worker/child.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct af_command *const commands[] = {&af_cmd_run,    &af_cmd_check, &af_cmd_chart,
                                                    &af_cmd_replay, &af_cmd_serve, &af_cmd_node,
                                                    &af_cmd_ctl};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static struct af_opts_command rows[COMMANDS + 1]; /* ends with an empty one */

static void print_help(FILE *out)
{
    fputs("afrun runs multi-party protocols written as Lua state machines.\n\n"
          "  afrun FLOW.lua --mock     simulate all parties of a flow, from a seed\n\n",
          out);
    af_opts_help_commands(out, rows, af_opts_columns(out));
    fputs("\n`afrun FLOW.lua` is `afrun run FLOW.lua`; every command has --help.\n", out);
}

/* What stands for a command, but is none: --help, --version, --completion. */
static int run_global(int argc, char **argv, struct af_failure *why)
{
    if (strcmp(argv[1], "--version") == 0) {
        puts("afrun " AF_VERSION);
        return 0;
    }
    if (strcmp(argv[1], "--completion") == 0 || strcmp(argv[1], "--completion=bash") == 0) {
        if (argv[1][12] == '\0' && (argc < 3 || strcmp(argv[2], "bash") != 0))
            return af_failure_set(why, AF_FAILURE_USAGE, "--completion",
                                  "takes the name of a shell: bash");
        af_opts_complete(stdout, rows, "run");
        return 0;
    }
    print_help(stdout);
    return 0;
}

static bool is_file_name(const char *word)
{
    return strchr(word, '.') != NULL || strchr(word, '/') != NULL;
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
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0 || strncmp(argv[1], "--completion", 12) == 0 ||
        strcmp(argv[1], "--version") == 0)
        return run_global(argc, argv, why);
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], rows[i].name) == 0)
            return commands[i]->run(argc - 2, argv + 2, why);
    if (argv[1][0] != '-' && !is_file_name(argv[1]))
        return refuse_word(argv[1], why);
    return af_cmd_run.run(argc - 1, argv + 1, why);
}

/* What was printed is written here at the latest: whoever reads it must not take a part for all. */
static int finish_output(int status)
{
    struct af_failure why = AF_FAILURE_INIT;
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    af_failure_set(&why, AF_FAILURE_TRANSPORT, "standard output", "cannot be written%s%s",
                   errno == 0 ? "" : ": ", errno == 0 ? "" : strerror(errno));
    af_paths_write_failure(&why);
    return af_failure_exit_status(&why);
}

int main(int argc, char **argv)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (sodium_init() < 0)
        return 3;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < COMMANDS; i++)
        rows[i] = *commands[i]->row;
    if (argc > 1 && strcmp(argv[1], "worker") == 0) /* for nodes, not for people: in no list */
        return af_worker_main(argc - 2, argv + 2);
    int status = dispatch(argc, argv, &why);
    if (status < 0) {
        af_paths_write_failure(&why);
        status = af_failure_exit_status(&why);
    }
    return finish_output(status);
}
