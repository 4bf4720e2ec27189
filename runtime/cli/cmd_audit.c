/* cmd_audit.c: `afrun audit verify FILE…`: whether audit logs are whole. */
#include "cli/command.h"

#include "audit/audit.h"
#include "base/buf.h"
#include "base/failure.h"
#include "cli/answer.h"
#include "json/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct audit_options {
    bool json;
};

#define OF struct audit_options

static const struct af_opt opts[] = {
    {"json", 0, NULL, "tell it as one JSON object", "Options", AF_OPT_FLAG(OF, json)},
    AF_OPTS_LAST("Options"),
};

static const struct af_opts_command row = {
    "audit", "verify FILE… [options]", "whether an audit log is whole",
    "Reads logs that `afrun serve --audit` and `afrun node --audit` have written, the older ones "
    "first, and says whether "
    "each "
    "line is as it was written, in one chain. Lines that were cut off at the end leave no trace in "
    "the file: compare the last chain with one that you have noted. Exit status 1 if a line was "
    "changed or is missing.",
    opts};

static void tell(struct af_buf *out, const char *path, const struct af_audit_found *found,
                 bool json)
{
    if (json) {
        af_json_open(out, '{');
        af_json_add_text(out, "file", path);
        af_json_add_integer(out, "first", found->first);
        af_json_add_integer(out, "last", found->last);
        af_json_add_text(out, "chain", found->chain);
        af_buf_append_char(out, '}');
    } else if (found->last < found->first) {
        af_buf_printf(out, "%s: whole, without an entry; its chain is %s\n", path, found->chain);
    } else {
        af_buf_printf(out, "%s: whole, entries %lld to %lld; its chain is %s\n", path,
                      (long long)found->first, (long long)found->last, found->chain);
    }
}

/* Whether a log goes on from another. */
static int follow(const char *path, const struct af_audit_found *before,
                  const struct af_audit_found *found, struct af_failure *why)
{
    if (found->first == before->last + 1 && strcmp(found->after, before->chain) == 0)
        return 0;
    return af_failure_set(why, AF_FAILURE_FLOW, path,
                          "does not go on from the log before it: one is missing between them");
}

static int verify(int count, char **paths, bool json, struct af_failure *why)
{
    struct af_buf out = AF_BUF_EMPTY;
    struct af_audit_found before = {0}, found;
    int result = 0;
    if (json) {
        af_answer_begin(&out, "audit");
        af_json_begin(&out, "logs", '[');
    }
    for (int i = 0; i < count && result == 0; i++, before = found) {
        result = af_audit_verify(paths[i], &found, why);
        if (result == 0 && i > 0)
            result = follow(paths[i], &before, &found, why);
        if (result != 0)
            break;
        if (json && i > 0)
            af_buf_append_char(&out, ',');
        tell(&out, paths[i], &found, json);
    }
    if (json && result == 0) {
        af_buf_append_char(&out, ']');
        af_answer_print(&out);
    } else if (!json) {
        fputs(af_buf_text(&out), stdout);
    }
    af_buf_release(&out);
    return result;
}

static int run(int argc, char **argv, struct af_failure *why)
{
    struct audit_options options = {0};
    int words = af_opts_parse(opts, argc, argv, &options, NULL, why);
    if (words < 0)
        return words;
    if (words < 2 || strcmp(argv[0], "verify") != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "audit", "expected: afrun audit verify FILE…");
    return verify(words - 1, argv + 1, options.json, why);
}

const struct af_command af_cmd_audit = {&row, run};
