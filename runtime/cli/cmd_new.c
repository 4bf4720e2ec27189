/* cmd_new.c: `afrun new NAME`: a flow to begin with. What is written is made by scripts/tool/new.
 */
#include "cli/command.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/near.h"
#include "cli/folder.h"
#include "json/json.h"
#include "script/request.h"
#include "script/tool.h"
#include "trace/file.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct new_options {
    const char *from;
    bool json;
};

#define PATTERNS "states|ask|gather|part|sequential"

static const struct af_opt opts[] = {
    {"from", 0, PATTERNS, "what to begin with (default: states)", "Options",
     AF_OPT_TEXT(struct new_options, from)},
    {"json", 0, NULL, "tell the result as one JSON object", "Options",
     AF_OPT_FLAG(struct new_options, json)},
    {"log", 0, "text|json", "messages as text (default) or lines of JSON", "Options", AF_OPT_LOG},
    {"help", 'h', NULL, "show this", "Options", AF_OPT_HELP},
    {0},
};

static const struct af_opts_command row = {
    "new", "NAME [options]", "a new flow, its tests, and a README",
    "Makes the folder NAME with NAME.lua, NAME_test.lua, README.md and .luarc.json, which tells an "
    "editor where the library is. The flow runs, checks and passes its tests as it is. A folder "
    "that is there is left alone (exit status 2).\n\n"
    "--from: states, two roles with states of their own; ask and gather, the patterns of these "
    "names; part, for other flows to build on; sequential, roles as plain functions.",
    opts};

/* A flow's name, a file's and, for who requires it, a module's. */
static int check_name(const char *name, struct af_failure *why)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t len = strlen(name), plain = strspn(name, letters);
    for (; plain > 0 && plain < len; plain++)
        if (strchr(letters, name[plain]) == NULL && strchr("0123456789", name[plain]) == NULL)
            break;
    if (len == 0 || plain < len || len > AF_NEW_NAME_BYTES_MAX)
        return af_failure_set(why, AF_FAILURE_USAGE, name,
                              "cannot name a flow: a letter or '_', then letters, digits and '_', "
                              "at most %d",
                              AF_NEW_NAME_BYTES_MAX);
    if (len >= 5 && strcmp(name + len - 5, "_test") == 0)
        return af_failure_set(why, AF_FAILURE_USAGE, name,
                              "cannot name a flow: files called *_test.lua are tests of others");
    return 0;
}

/* Where an installed program has the library for editors: PREFIX/share/afrun/lua. */
static void append_library(struct af_buf *out)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    path[len < 0 ? 0 : len] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(path, '/');
        if (slash != NULL)
            *slash = '\0';
    }
    af_buf_printf(out, "%s/share/afrun/lua", path);
    if (access(af_buf_text(out), R_OK) != 0) {
        af_buf_clear(out);
        af_buf_append_string(out, "/usr/local/share/afrun/lua");
    }
}

static char *ask(const char *name, const char *from, struct af_failure *why)
{
    struct af_buf request = AF_BUF_EMPTY, library = AF_BUF_EMPTY;
    append_library(&library);
    af_json_open(&request, '{');
    af_json_add_text(&request, "name", name);
    if (from != NULL)
        af_json_add_text(&request, "from", from);
    af_json_add_text(&request, "library", af_buf_text(&library));
    af_buf_append_char(&request, '}');
    char *answer = af_tool_work("new", request.data, request.len, why);
    af_buf_release(&request);
    af_buf_release(&library);
    return answer;
}

static int refuse_pattern(const char *from, const struct af_request_field *names,
                          struct af_failure *why)
{
    struct af_near near;
    af_near_init(&near, from);
    for (size_t i = 0; names != NULL && i < names->item_count; i++)
        af_near_add(&near, names->items[i]);
    af_failure_set(why, AF_FAILURE_USAGE, "--from", "there is no pattern '%s'%s", from,
                   af_near_text(&near, "there are"));
    af_near_release(&near);
    return -1;
}

static int make(const char *name, const struct new_options *options, struct af_failure *why)
{
    struct af_request answer = {0};
    int status = -1;
    if (check_name(name, why) != 0)
        return -1;
    char *text = ask(name, options->from, why);
    if (text != NULL && af_request_read(&answer, text, strlen(text))) {
        const struct af_request_field *files = af_request_list(&answer, "files");
        status = files == NULL
                     ? refuse_pattern(options->from, af_request_list(&answer, "patterns"), why)
                     : af_folder_make("new", name, files, options->json, why);
    }
    if (status == 0 && !options->json)
        printf("%s: made; cd %s, then afrun %s.lua --mock and afrun test\n", name, name, name);
    af_request_release(&answer);
    free(text);
    return status;
}

static int run(int argc, char **argv, struct af_failure *why)
{
    struct new_options options = {0};
    int words = af_opts_parse(opts, argc, argv, &options, NULL, why);
    if (words < 0)
        return words;
    if (words != 1)
        return af_failure_set(why, AF_FAILURE_USAGE, words == 0 ? "new" : argv[1],
                              words == 0 ? "name the flow: afrun new NAME"
                                         : "is one word too many: a flow has one name");
    return make(argv[0], &options, why);
}

const struct af_command af_cmd_new = {&row, run};
