/* answer.c: see answer.h. */
#include "cli/answer.h"

#include "base/failure.h"
#include "cli/jailed.h"
#include "cli/paths.h"
#include "json/json.h"
#include "party/party.h"

#include <stdio.h>
#include <string.h>

enum { FORMAT = 1 };

static bool was_printed;

void af_answer_begin(struct af_buf *out, const char *kind)
{
    af_json_open(out, '{');
    af_json_add_integer(out, "format", FORMAT);
    af_json_add_text(out, "kind", kind);
}

void af_answer_add_number(struct af_buf *out, const char *name, double value, int decimals)
{
    af_json_name(out, name);
    af_buf_printf(out, "%.*f", decimals, value);
}

void af_answer_add_words(struct af_buf *out, const char *name, const char *text)
{
    struct af_buf words = AF_BUF_EMPTY;
    if (text != NULL)
        af_paths_append(&words, text, strlen(text));
    af_json_add_text(out, name, text == NULL ? NULL : af_buf_text(&words));
    af_buf_release(&words);
}

void af_answer_add_place(struct af_buf *out, const char *text)
{
    struct af_buf file = AF_BUF_EMPTY, words = AF_BUF_EMPTY;
    long line = 0;
    if (text != NULL)
        af_paths_append(&words, text, strlen(text));
    bool found = af_paths_find(af_buf_text(&words), &file, &line);
    af_json_add_text(out, "file", found ? af_buf_text(&file) : NULL);
    if (found)
        af_json_add_integer(out, "line", line);
    else
        af_json_add_json(out, "line", NULL);
    af_buf_release(&file);
    af_buf_release(&words);
}

void af_answer_add_wait(struct af_buf *out, const struct af_party *party)
{
    struct af_buf file = AF_BUF_EMPTY;
    af_paths_append_file(&file, af_script_file(af_party_spec(party)->script)->name);
    af_party_add_wait(party, af_buf_text(&file), out);
    af_buf_release(&file);
}

void af_answer_add_error(struct af_buf *out, const struct af_failure *why)
{
    static const char *const kinds[] = {
        [AF_FAILURE_NONE] = "none",
        [AF_FAILURE_FLOW] = "flow",
        [AF_FAILURE_USAGE] = "usage",
        [AF_FAILURE_TRANSPORT] = "transport",
        [AF_FAILURE_INTERRUPTED] = "interrupted",
    };
    struct af_buf text = AF_BUF_EMPTY;
    af_buf_printf(&text, "%s: %s", why->what, why->why);
    af_json_begin(out, "error", '{');
    af_json_add_text(out, "kind", kinds[why->kind]);
    af_json_add_integer(out, "status", af_failure_exit_status(why));
    af_answer_add_words(out, "what", why->what[0] == '\0' ? NULL : why->what);
    af_answer_add_place(out, af_buf_text(&text));
    af_answer_add_words(out, "message", why->why);
    af_buf_append_char(out, '}');
    af_buf_release(&text);
}

void af_answer_add_status(struct af_buf *out, int status, const char *text)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (status == 130)
        af_failure_set(&why, AF_FAILURE_INTERRUPTED, "", "interrupted");
    else if (status != 0)
        af_failure_set(&why, AF_FAILURE_FLOW, "", "%s", text);
    if (status != 0)
        af_answer_add_error(out, &why);
}

static void print(struct af_buf *out)
{
    af_buf_append_char(out, '}');
    puts(af_buf_text(out));
    af_buf_release(out);
    was_printed = true;
}

void af_answer_print(struct af_buf *out)
{
    af_jailed_add(out);
    print(out);
}

void af_answer_failure(const struct af_failure *why)
{
    struct af_buf out = AF_BUF_EMPTY;
    if (was_printed)
        return;
    af_answer_begin(&out, "error");
    af_answer_add_error(&out, why);
    print(&out);
}

bool af_answer_wanted(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}
