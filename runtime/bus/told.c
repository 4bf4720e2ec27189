/* told.c: see told.h. */
#include "bus/told.h"

#include "base/arena.h"
#include "base/bounds.h"
#include "json/rows.h"

#include <stddef.h>
#include <string.h>

struct told { /* by what a party sends */
    const char *type, *url;
    struct af_json_span result;
};

static const char *short_text(const char *text)
{
    return text != NULL && strlen(text) <= AF_SERVE_TEXT_BYTES_MAX ? text : NULL;
}

bool af_bus_told(const struct af_bus_post *post, struct af_arena *arena, struct af_bus_note *note)
{
    bool is_file = strcmp(post->title, "task_file_upload") == 0;
    if (!is_file && strcmp(post->title, "task_finish") != 0)
        return false;
    static const struct af_json_row rows[] = {
        {"file_type", AF_JSON_ROW_TEXT, offsetof(struct told, type), NULL},
        {"file_url", AF_JSON_ROW_TEXT, offsetof(struct told, url), NULL},
        {"result", AF_JSON_ROW_SPAN, offsetof(struct told, result), NULL},
        {0}};
    struct af_json_span content = {post->content, post->content_len};
    struct told told = {NULL, NULL, {"", 0}};
    *note = (struct af_bus_note){.kind = is_file ? AF_BUS_NOTE_RESULT : AF_BUS_NOTE_COMPLETION,
                                 .node = post->sender};
    af_json_read_object(content, rows, arena, &told);
    if (is_file) {
        note->text = short_text(told.type);
        note->url = short_text(told.url);
    } else if (told.result.at[0] == 't' || told.result.at[0] == 'f') {
        note->number = told.result.at[0] == 't';
        note->text = note->number ? "finished" : "failed";
    }
    return is_file ? note->url != NULL : note->text != NULL;
}
