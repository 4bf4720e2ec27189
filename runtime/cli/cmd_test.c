/* cmd_test.c: `afrun test`: the tests beside flows. */
#include "cli/command.h"

#include "base/failure.h"
#include "base/mem.h"
#include "cli/interrupt.h"
#include "cli/jailed.h"
#include "cli/test_impl.h"
#include "cli/watch.h"
#include "script/script.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct test_options {
    const char *junit;
    bool watch, coverage, json, quiet;
};

static const struct af_opt opts[] = {
    {"watch", 0, NULL, "run them again at each save of a test, a flow or a module; Ctrl-C ends",
     "Options", AF_OPT_FLAG(struct test_options, watch)},
    {"junit", 0, "FILE", "write the result to FILE as JUnit's XML", "Options",
     AF_OPT_TEXT(struct test_options, junit)},
    {"coverage", 0, NULL, "tell which states were never entered and which handlers never run",
     "Options", AF_OPT_FLAG(struct test_options, coverage)},
    {"json", 0, NULL, "tell the result as one JSON object", "Options",
     AF_OPT_FLAG(struct test_options, json)},
    {"quiet", 'q', NULL, "no progress", "Options", AF_OPT_FLAG(struct test_options, quiet)},
    {"color", 0, "auto|always|never", "colours (default: on a terminal)", "Options", AF_OPT_COLOR},
    AF_JAILED_OPTS("Options"),
    {"log", 0, "text|json", "messages as text (default) or lines of JSON", "Options", AF_OPT_LOG},
    {"help", 'h', NULL, "show this", "Options", AF_OPT_HELP},
    {0},
};

static const struct af_opts_command row = {
    "test", "[DIR|FILE.lua…] [options]", "run the tests beside flows",
    "Runs the files called *_test.lua below the folders (default: here), and the files that are "
    "named. Such a file requires \"af.test\": a party by itself that is given events, whole "
    "simulated runs, and checks.\n\n"
    "Each file runs in a Lua state of its own. The result is told as TAP, version 13. Exit status: "
    "0 all have passed; 1 one has failed; 2 the command line is wrong, or there are no tests; 130 "
    "interrupted.",
    opts};

/* ---- Which files. ---- */

struct files {
    char **paths;
    size_t count, cap;
};

static void add_file(struct files *files, const char *path)
{
    af_mem_reserve(&files->paths, &files->cap, files->count + 1, sizeof(char *));
    files->paths[files->count++] = af_mem_string(strncmp(path, "./", 2) == 0 ? path + 2 : path);
}

static void release_files(struct files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->paths[i]);
    free(files->paths);
}

static bool is_test(const char *name)
{
    static const char ending[] = "_test.lua";
    size_t len = strlen(name);
    return len >= sizeof ending - 1 && strcmp(name + len - (sizeof ending - 1), ending) == 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int find_below(struct files *files, char *folder, struct af_failure *why)
{
    char *const roots[] = {folder, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    const FTSENT *entry;
    if (tree == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, folder, "cannot be read: %s", strerror(errno));
    while ((entry = fts_read(tree)) != NULL) {
        if (entry->fts_info == FTS_D && entry->fts_level > 0 && entry->fts_name[0] == '.')
            fts_set(tree, (FTSENT *)entry, FTS_SKIP);
        else if (entry->fts_info == FTS_F && is_test(entry->fts_name))
            add_file(files, entry->fts_path);
    }
    fts_close(tree);
    return 0;
}

static int find_files(struct files *files, int count, char **words, struct af_failure *why)
{
    char here[] = ".";
    char *const only[] = {here};
    char *const *at = count == 0 ? only : words;
    for (int i = 0; i < (count == 0 ? 1 : count); i++) {
        struct stat status;
        if (stat(at[i], &status) != 0)
            return af_failure_set(why, AF_FAILURE_USAGE, at[i], "%s", strerror(errno));
        if (!S_ISDIR(status.st_mode))
            add_file(files, at[i]);
        else if (find_below(files, at[i], why) != 0)
            return -1;
    }
    if (files->count == 0)
        return af_failure_set(why, AF_FAILURE_USAGE, at[0],
                              "there are no tests: no file there is called *_test.lua");
    return 0;
}

/* ---- The run. ---- */

static int run_files(const struct test_options *options, const struct files *files,
                     struct af_failure *why)
{
    struct af_test_run run = {.tap = !options->json};
    const struct af_jailed_spec jail = {.flows = (const char *const *)files->paths,
                                        .flow_count = files->count,
                                        .any_lua = true,
                                        .grants = &run.grants,
                                        .output = options->junit,
                                        .check = af_test_serve_check};
    int status = -1;
    af_interrupt_catch();
    af_progress_init(&run.progress, options->quiet);
    if (options->coverage)
        run.cover = af_test_cover_new();
    if (run.tap)
        puts("TAP version 13");
    if (af_file_access_grant(&run.grants.files, 0, ".", why) == 0 &&
        af_file_access_grant(&run.grants.files, 1, ".", why) == 0 && af_jailed(&jail, why) == 0) {
        for (size_t i = 0; i < files->count && !af_script_interrupted(); i++)
            af_test_file(&run, files->paths[i]);
        af_progress_end(&run.progress);
        status = af_script_interrupted() ? 130 : run.failed > 0 ? 1 : 0;
        af_interrupt_seen();
        if (options->junit != NULL && af_test_tell_junit(&run, options->junit, why) != 0)
            status = -1;
    }
    if (status >= 0 && options->json)
        af_test_tell_json(&run, status);
    else if (status >= 0)
        af_test_tell_end(&run);
    af_test_release(&run);
    return status;
}

static int run(int argc, char **argv, struct af_failure *why)
{
    struct test_options options = {0};
    struct files files = {NULL, 0, 0};
    struct af_watch_words words;
    af_watch_words_init(&words, "test", argc, argv);
    int count = af_opts_parse(opts, argc, argv, &options, NULL, why);
    int status = count < 0 ? count : -1;
    if (count >= 0 && options.watch) {
        status = af_watch(&words, (const char *const *)argv, (size_t)count, why);
    } else if (count >= 0 && find_files(&files, count, argv, why) == 0) {
        status = run_files(&options, &files, why);
    }
    release_files(&files);
    af_watch_words_release(&words);
    return status;
}

const struct af_command af_cmd_test = {&row, run};
