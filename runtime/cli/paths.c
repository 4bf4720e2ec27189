/* paths.c: see paths.h. */
#include "cli/paths.h"

#include "base/buf.h"
#include "base/failure.h"
#include "base/log.h"
#include "code/bundle.h"
#include "json/json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *flow_path = "";
static size_t folder_len; /* with its last slash */

static void mend(void *out, const char *text, uint64_t len)
{
    af_paths_append(out, text, (size_t)len);
}

void af_paths_beside(const char *flow)
{
    static struct af_buf bundle = AF_BUF_EMPTY;
    const char *dot = strrchr(flow, '.');
    if (af_bundle_is(flow) && (dot == NULL || strcmp(dot, AF_BUNDLE_SUFFIX) != 0)) {
        af_buf_clear(&bundle);
        af_buf_printf(&bundle, "%s%s", flow, flow[strlen(flow) - 1] == '/' ? "" : "/");
        flow = af_buf_text(&bundle);
    }
    const char *slash = strrchr(flow, '/');
    flow_path = flow;
    af_log_set_mend(mend);
    folder_len = slash == NULL ? 0 : (size_t)(slash - flow) + 1;
}

static bool is_there(const char *name, size_t len)
{
    struct af_buf path = AF_BUF_EMPTY;
    af_buf_append(&path, flow_path, folder_len);
    af_buf_append(&path, name, len);
    bool is = af_code_is_there(af_buf_text(&path));
    af_buf_release(&path);
    return is;
}

/* Whether it is called as a script is, or as the flow itself. */
static bool is_script(const char *name, size_t len)
{
    const char *own = flow_path + folder_len;
    return (len > 4 && memcmp(name + len - 4, ".lua", 4) == 0) ||
           (len > 0 && len == strlen(own) && memcmp(name, own, len) == 0);
}

/* Whether the word, up to a colon and a line, is a file beside the flow. */
static bool is_beside(const char *word, size_t len)
{
    size_t name = 0;
    while (name < len && word[name] != ':' && word[name] != '/')
        name++;
    if (name + 1 >= len || word[name] != ':' || word[name + 1] < '0' || word[name + 1] > '9' ||
        !is_script(word, name))
        return false;
    return is_there(word, name);
}

void af_paths_append_file(struct af_buf *out, const char *name)
{
    if (folder_len > 0 && strchr(name, '/') == NULL && is_there(name, strlen(name)))
        af_buf_append(out, flow_path, folder_len);
    af_buf_append_string(out, name);
}

static void append(struct af_buf *out, const char *text, size_t len, const struct af_buf *folder)
{
    size_t written = 0;
    for (size_t at = 0; at < len && folder_len > 0; at++) {
        bool begins = at == 0 || strchr(" '\"([\n\t", text[at - 1]) != NULL;
        if (!begins || !is_beside(text + at, len - at))
            continue;
        af_buf_append(out, text + written, at - written);
        af_buf_append(out, folder->data, folder->len);
        written = at;
    }
    af_buf_append(out, text + written, len - written);
}

void af_paths_append(struct af_buf *out, const char *text, size_t len)
{
    struct af_buf folder = AF_BUF_EMPTY;
    af_buf_append(&folder, flow_path, folder_len);
    append(out, text, len, &folder);
    af_buf_release(&folder);
}

void af_paths_append_json(struct af_buf *out, const char *text, size_t len)
{
    struct af_buf folder = AF_BUF_EMPTY, quoted = AF_BUF_EMPTY;
    if (af_json_write_string(&quoted, flow_path, folder_len)) /* else it has no name in JSON */
        af_buf_append(&folder, quoted.data + 1, quoted.len - 2);
    append(out, text, len, &folder);
    af_buf_release(&quoted);
    af_buf_release(&folder);
}

void af_paths_write(FILE *out, const char *text, size_t len)
{
    struct af_buf words = AF_BUF_EMPTY;
    af_paths_append(&words, text, len);
    af_log_write_safe(out, af_buf_text(&words), words.len);
    af_buf_release(&words);
}

bool af_paths_find(const char *text, struct af_buf *file, long *line)
{
    for (const char *at = text; (at = strchr(at, ':')) != NULL; at++) {
        const char *from = at;
        if (at[1] < '1' || at[1] > '9')
            continue;
        while (from > text && strchr(" '\"([\n\t:", from[-1]) == NULL)
            from--;
        size_t len = (size_t)(at - from);
        bool is_flow = len > 0 && len == strlen(flow_path) && memcmp(from, flow_path, len) == 0;
        if (!is_flow && !is_script(from, len))
            continue;
        af_buf_append(file, from, len);
        *line = strtol(at + 1, NULL, 10);
        return true;
    }
    return false;
}

void af_paths_write_failure(const struct af_failure *failure)
{
    struct af_buf text = AF_BUF_EMPTY;
    if (failure->what[0] != '\0')
        af_buf_printf(&text, "%s: ", failure->what);
    af_buf_append_string(&text, failure->why);
    af_log_tell(AF_LOG_ERROR, text.data, text.len);
    af_buf_release(&text);
}
