/* paths.c: see paths.h. */
#include "cli/paths.h"

#include "base/buf.h"
#include "base/failure.h"
#include "base/log.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static const char *flow_path;
static size_t folder_len; /* with its last slash */

void af_paths_beside(const char *flow)
{
    const char *slash = strrchr(flow, '/');
    flow_path = flow;
    folder_len = slash == NULL ? 0 : (size_t)(slash - flow) + 1;
}

/* Whether the word, up to a colon and a line, is a file beside the flow. */
static bool is_beside(const char *word, size_t len)
{
    size_t name = 0;
    while (name < len && word[name] != ':' && word[name] != '/')
        name++;
    if (name < 5 || name + 1 >= len || word[name] != ':' || word[name + 1] < '0' ||
        word[name + 1] > '9' || memcmp(word + name - 4, ".lua", 4) != 0)
        return false;
    struct af_buf path = AF_BUF_EMPTY;
    af_buf_append(&path, flow_path, folder_len);
    af_buf_append(&path, word, name);
    bool is_there = access(af_buf_text(&path), F_OK) == 0;
    af_buf_release(&path);
    return is_there;
}

void af_paths_write(FILE *out, const char *text, size_t len)
{
    size_t written = 0;
    for (size_t at = 0; at < len && folder_len > 0; at++) {
        bool begins = at == 0 || strchr(" '\"([\n\t", text[at - 1]) != NULL;
        if (!begins || !is_beside(text + at, len - at))
            continue;
        af_log_write_safe(out, text + written, at - written);
        af_log_write_safe(out, flow_path, folder_len);
        written = at;
    }
    af_log_write_safe(out, text + written, len - written);
}

void af_paths_write_failure(const struct af_failure *failure)
{
    fputs("afrun: ", stderr);
    if (failure->what[0] != '\0') {
        struct af_buf what = AF_BUF_EMPTY;
        af_buf_printf(&what, "%s: ", failure->what);
        af_paths_write(stderr, what.data, what.len);
        af_buf_release(&what);
    }
    af_paths_write(stderr, failure->why, strlen(failure->why));
    fputc('\n', stderr);
}
