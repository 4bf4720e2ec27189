/* cmd_token.c: `afrun token new|list|revoke`: whose tokens a service takes. The file holds digests;
 * a token is shown once, by the command that draws it. */
#include "cli/command.h"

#include "base/buf.h"
#include "base/bounds.h"
#include "base/failure.h"
#include "base/log.h"
#include "cli/answer.h"
#include "json/json.h"
#include "loop/loop.h"
#include "serve/tokens.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ID_DIGITS = 12, LABEL_BYTES_MAX = 200 };

struct token_options {
    const char *label;
    int64_t expires_ns, now_s;
    bool json;
};

#define OF struct token_options

static const struct af_opt opts[] = {
    {"expires", 0, "T", "of a new one: how long it is taken, as 90d is 2160h (default: for ever)",
     "Options", AF_OPT_DURATION(OF, expires_ns, AF_S_NS)},
    {"label", 0, "TEXT", "of a new one: what people know it by", "Options", AF_OPT_TEXT(OF, label)},
    {"json", 0, NULL, "tell it as one JSON object", "Options", AF_OPT_FLAG(OF, json)},
    AF_OPTS_LAST("Options"),
};

static const struct af_opts_command row = {
    "token", "new FILE NODE | list FILE | revoke FILE ID [options]", "tokens of a service",
    "Changes the file that `afrun serve --tokens` reads; a running service takes a change by "
    "itself. "
    "`new` draws a token for a node and prints it: the file keeps its digest alone, so it cannot "
    "be "
    "shown again. `list` names each by the first digits of its digest, its ID; `revoke` removes "
    "it.",
    opts};

static void write_id(const struct af_serve_token *token, char id[ID_DIGITS + 1])
{
    char hex[2 * AF_SERVE_DIGEST_BYTES + 1];
    sodium_bin2hex(hex, sizeof hex, token->digest, sizeof token->digest);
    snprintf(id, ID_DIGITS + 1, "%s", hex);
}

/* ---- new ---- */

static bool is_label(const char *label)
{
    for (const char *at = label; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return false;
    return strlen(label) <= LABEL_BYTES_MAX && af_json_is_utf8(label, strlen(label));
}

static int make_new(char **words, const struct token_options *options, struct af_failure *why)
{
    char text[AF_SERVE_TOKEN_TEXT];
    const char *label = options->label == NULL ? "" : options->label, *node = words[2];
    if (!af_serve_is_id(node) || strpbrk(node, " #") != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "token new", "'%.200s' is no node's ID", node);
    if (!is_label(label))
        return af_failure_set(why, AF_FAILURE_USAGE, "--label",
                              "expected one line of at most %d bytes", LABEL_BYTES_MAX);
    int64_t expires_s =
        options->expires_ns == 0 ? 0 : options->now_s + options->expires_ns / AF_S_NS;
    if (af_serve_token_add(words[1], node, label, expires_s, text, why) != 0)
        return -1;
    if (options->json) {
        struct af_buf out = AF_BUF_EMPTY;
        af_answer_begin(&out, "token-new");
        af_json_add_text(&out, "node", node);
        af_json_add_text(&out, "token", text);
        af_answer_print(&out);
    } else {
        printf("%s\n", text);
    }
    sodium_memzero(text, sizeof text);
    return 0;
}

/* ---- list ---- */

static const char *describe_end(const struct af_serve_token *token, int64_t now_s, char text[40])
{
    struct tm parts;
    time_t time_s = (time_t)token->expires_s;
    if (token->expires_s == 0)
        return "never";
    if (token->expires_s <= now_s)
        return "has run out";
    strftime(text, 40, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&time_s, &parts));
    return text;
}

static void list_json(const struct af_serve_tokens *tokens)
{
    struct af_buf out = AF_BUF_EMPTY;
    char id[ID_DIGITS + 1];
    af_answer_begin(&out, "token-list");
    af_json_begin(&out, "tokens", '[');
    for (size_t i = 0; i < tokens->count; i++) {
        const struct af_serve_token *token = &tokens->items[i];
        af_json_open(&out, '{');
        write_id(token, id);
        af_json_add_text(&out, "id", id);
        af_json_add_text(&out, "node", token->node);
        af_json_add_text(&out, "label", token->label);
        af_json_add_integer(&out, "expires_s", token->expires_s);
        af_json_add_bool(&out, "plain", token->is_plain);
        af_buf_append_char(&out, '}');
    }
    af_buf_append_char(&out, ']');
    af_answer_print(&out);
}

static int list(char **words, const struct token_options *options, struct af_failure *why)
{
    struct af_serve_tokens tokens = {0};
    char id[ID_DIGITS + 1], end[40];
    if (af_serve_tokens_read(&tokens, words[1], why) != 0)
        return -1;
    if (options->json) {
        list_json(&tokens);
    } else {
        printf("%-12s  %-20s  %-20s  %s\n", "ID", "NODE", "EXPIRES", "LABEL");
        for (size_t i = 0; i < tokens.count; i++) {
            const struct af_serve_token *token = &tokens.items[i];
            write_id(token, id);
            printf("%-12s  %-20s  %-20s  %s\n", id, token->node,
                   describe_end(token, options->now_s, end),
                   token->is_plain ? "(the file holds the token itself)" : token->label);
        }
    }
    af_serve_tokens_release(&tokens);
    return 0;
}

/* ---- revoke ---- */

static int revoke(char **words, const struct token_options *options, struct af_failure *why)
{
    struct af_serve_tokens tokens = {0};
    const struct af_serve_token *found = NULL;
    size_t matches = 0;
    char id[ID_DIGITS + 1];
    int result = -1;
    if (af_serve_tokens_read(&tokens, words[1], why) != 0)
        return -1;
    for (size_t i = 0; i < tokens.count; i++) {
        write_id(&tokens.items[i], id);
        if (strcmp(id, words[2]) == 0) {
            found = &tokens.items[i];
            matches++;
        }
    }
    if (matches != 1)
        af_failure_set(why, AF_FAILURE_USAGE, words[1],
                       "has %s token of ID '%.40s' (afrun token list names them)",
                       matches == 0 ? "no" : "more than one", words[2]);
    else
        result = af_serve_token_remove(words[1], found->digest, why);
    if (result == 0 && options->json) {
        struct af_buf out = AF_BUF_EMPTY;
        af_answer_begin(&out, "token-revoke");
        af_json_add_text(&out, "id", words[2]);
        af_json_add_text(&out, "node", found->node);
        af_answer_print(&out);
    } else if (result == 0) {
        printf("%s, of node %s, is taken no more\n", words[2], found->node);
    }
    af_serve_tokens_release(&tokens);
    return result;
}

/* ---- The command. ---- */

static int read_clock(struct token_options *options, struct af_failure *why)
{
    struct af_loop *loop = af_loop_ev_new(why);
    if (loop == NULL)
        return -1;
    options->now_s = af_loop_wall_ns(loop) / AF_S_NS;
    af_loop_free(loop);
    return 0;
}

static int run(int argc, char **argv, struct af_failure *why)
{
    static const struct {
        const char *name;
        int words;
        int (*run)(char **words, const struct token_options *options, struct af_failure *why);
        const char *usage;
    } ways[] = {{"new", 3, make_new, "afrun token new FILE NODE"},
                {"list", 2, list, "afrun token list FILE"},
                {"revoke", 3, revoke, "afrun token revoke FILE ID"}};
    struct token_options options = {0};
    int words = af_opts_parse(opts, argc, argv, &options, NULL, why);
    for (size_t i = 0; words > 0 && i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(argv[0], ways[i].name) != 0)
            continue;
        if (words != ways[i].words)
            return af_failure_set(why, AF_FAILURE_USAGE, "token", "expected: %s", ways[i].usage);
        if (i > 0 && (options.label != NULL || options.expires_ns != 0))
            return af_failure_set(why, AF_FAILURE_USAGE, "token",
                                  "--label and --expires are for a new one");
        return read_clock(&options, why) == 0 ? ways[i].run(argv, &options, why) : -1;
    }
    return words < 0 ? words
                     : af_failure_set(why, AF_FAILURE_USAGE, "token",
                                      "expected: afrun token new, list or revoke");
}

const struct af_command af_cmd_token = {&row, run};
