/* cmd_nats.c: `afrun nats config FOLDER`: what NATS servers are started with, so that each node can
 * be itself alone. What is written is made by scripts/tool/nats_config. */
#include "cli/command.h"

#include "base/buf.h"
#include "base/failure.h"
#include "cli/folder.h"
#include "json/json.h"
#include "script/request.h"
#include "script/tool.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct nats_options {
    const char *nodes, *servers, *operators, *fronts;
    struct af_buf leaves; /* with a blank behind each */
    bool json, help;
};

static int add_leaf(void *field, const char *text, struct af_failure *why)
{
    (void)why;
    af_buf_printf(field, "%s ", text);
    return 0;
}

#define OF struct nats_options

static const struct af_opt opts[] = {
    {"nodes", 0, "LIST", "the nodes, divided by commas: each has a certificate of its name",
     "Options", AF_OPT_TEXT(OF, nodes)},
    {"operators", 0, "LIST", "the same, of those who may do everything: they end tasks", "Options",
     AF_OPT_TEXT(OF, operators)},
    {"fronts", 0, "LIST",
     "the same, of `afrun serve` before these servers, which acts for all nodes", "Options",
     AF_OPT_TEXT(OF, fronts)},
    {"leaf", 0, "NAME[@HOST:PORT]=LIST",
     "a leaf node, of a certificate NAME, for these nodes (again for more); where they find it "
     "(default: 127.0.0.1:4222)",
     "Options", AF_OPT_READ(OF, leaves, add_leaf)},
    {"servers", 0, "HOST:PORT,…", "where clients find each server (default: 127.0.0.1:4222)",
     "Options", AF_OPT_TEXT(OF, servers)},
    {"json", 0, NULL, "tell the result as one JSON object", "Options", AF_OPT_FLAG(OF, json)},
    {"log", 0, "text|json", "messages as text (default) or lines of JSON", "Options", AF_OPT_LOG},
    {"help", 'h', NULL, "show this", "Options", AF_OPT_FLAG(OF, help)},
    {0},
};

static const struct af_opts_command row = {
    "nats", "config FOLDER --nodes LIST [options]", "what NATS servers are started with",
    "Makes the folder with a configuration for each server, server-1.conf and so on, and "
    "nodes.conf, "
    "which says what each node may send and hear there. A server needs ca.pem, and its own "
    "server-1.pem and server-1.key, beside it; several are a cluster, and hear each other at their "
    "port and 2000. A leaf node is started with leaf-NAME.conf, beside ca.pem, NAME.pem and "
    "NAME.key; it goes to the servers at their port and 3200, and its nodes to it with "
    "?domain=afrun. A folder that is there is left alone (exit status 2).",
    opts};

static char *ask(const struct nats_options *options, struct af_failure *why)
{
    struct af_buf request = AF_BUF_EMPTY;
    unsigned char bytes[24];
    char secret[2 * sizeof bytes + 1];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(secret, sizeof secret, bytes, sizeof bytes);
    af_json_open(&request, '{');
    af_json_add_text(&request, "nodes", options->nodes);
    af_json_add_text(&request, "servers",
                     options->servers == NULL ? "127.0.0.1:4222" : options->servers);
    af_json_add_text(&request, "operators", options->operators == NULL ? "" : options->operators);
    af_json_add_text(&request, "fronts", options->fronts == NULL ? "" : options->fronts);
    af_json_add_text(&request, "leaves",
                     options->leaves.len == 0 ? ""
                                              : af_buf_text((struct af_buf *)&options->leaves));
    af_json_add_text(&request, "secret", secret);
    af_buf_append_char(&request, '}');
    char *answer = af_tool_work("nats_config", request.data, request.len, why);
    af_buf_release(&request);
    return answer;
}

static int make(const char *folder, const struct nats_options *options, struct af_failure *why)
{
    struct af_request answer = {0};
    int status = -1;
    char *text = ask(options, why);
    if (text != NULL && af_request_read(&answer, text, strlen(text))) {
        const struct af_request_field *files = af_request_list(&answer, "files");
        umask(077); /* servers have a secret */
        status = files != NULL
                     ? af_folder_make("nats-config", folder, files, options->json, why)
                     : af_failure_set(why, AF_FAILURE_USAGE, af_request_string(&answer, "what"),
                                      "%s", af_request_string(&answer, "refused"));
    }
    if (status == 0 && !options->json)
        printf("%s: made; put the certificates there, cd %s, then nats-server -c server-1.conf\n",
               folder, folder);
    af_request_release(&answer);
    free(text);
    return status;
}

static int run(int argc, char **argv, struct af_failure *why)
{
    struct nats_options options = {0};
    int words = af_opts_parse(opts, argc, argv, &options, NULL, why), status = words < 0 ? -1 : 0;
    if (status == 0 && options.help)
        af_opts_help(stdout, &row, af_opts_columns(stdout));
    else if (status == 0 && (words != 2 || strcmp(argv[0], "config") != 0 || options.nodes == NULL))
        status = af_failure_set(why, AF_FAILURE_USAGE, "nats",
                                "expected: afrun nats config FOLDER --nodes LIST");
    else if (status == 0)
        status = make(argv[1], &options, why);
    af_buf_release(&options.leaves);
    return status;
}

const struct af_command af_cmd_nats = {&row, run};
