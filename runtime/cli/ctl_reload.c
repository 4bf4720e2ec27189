/* ctl_reload.c: see ctl_reload.h. */
#include "cli/ctl_reload.h"

#include "base/buf.h"
#include "base/failure.h"
#include "json/rows.h"
#include "base/log.h"
#include "base/mem.h"
#include "script/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Data, before and after. ---- */

/* The values of a JSON text, each with its path, in the text's order: canonical, so keys are
 * sorted. */
struct leaf {
    char *path, *text;
};

struct leaves {
    struct leaf *items;
    size_t count, cap;
};

static bool add_leaves(struct leaves *leaves, struct af_json_reader *reader, const char *json,
                       enum af_json_token token, const char *path);

static bool add_members(struct leaves *leaves, struct af_json_reader *reader, const char *json,
                        bool list, const char *path)
{
    struct af_buf inner = AF_BUF_EMPTY;
    enum af_json_token token;
    bool ok = true;
    for (size_t i = 1;
         ok && (token = af_json_next(reader)) != AF_JSON_ARRAY_END && token != AF_JSON_OBJECT_END;
         i++) {
        af_buf_clear(&inner);
        if (list)
            af_buf_printf(&inner, "%s[%zu]", path, i);
        else
            af_buf_printf(&inner, "%s.%.*s", path, (int)reader->string_len, reader->string);
        if (!list)
            token = af_json_next(reader);
        ok = token != AF_JSON_ERROR && add_leaves(leaves, reader, json, token, af_buf_text(&inner));
    }
    af_buf_release(&inner);
    return ok;
}

static bool add_leaves(struct leaves *leaves, struct af_json_reader *reader, const char *json,
                       enum af_json_token token, const char *path)
{
    size_t start = reader->offset, before = leaves->count;
    bool list = token == AF_JSON_ARRAY_BEGIN, object = token == AF_JSON_OBJECT_BEGIN;
    if (list || object) {
        if (!add_members(leaves, reader, json, list, path))
            return false;
        if (leaves->count > before)
            return true; /* an empty one is a value too */
    } else if (!af_json_skip(reader, token)) {
        return false;
    }
    struct af_buf text = AF_BUF_EMPTY;
    if (list || object)
        af_buf_append_string(&text, list ? "[]" : "{}");
    else if (token == AF_JSON_STRING)
        af_json_write_string(&text, reader->string, reader->string_len);
    else
        af_buf_append(&text, json + start, strcspn(json + start, ",]} \n"));
    af_mem_reserve(&leaves->items, &leaves->cap, leaves->count + 1, sizeof *leaves->items);
    leaves->items[leaves->count++] = (struct leaf){af_mem_string(path), af_buf_take(&text)};
    return true;
}

static void read_leaves(struct leaves *leaves, struct af_json_span json)
{
    struct af_json_reader reader;
    af_json_reader_init(&reader, json.at, json.len);
    add_leaves(leaves, &reader, json.at, af_json_next(&reader), "data");
    af_json_reader_release(&reader);
}

static const struct leaf *find(const struct leaves *leaves, const char *path)
{
    for (size_t i = 0; i < leaves->count; i++)
        if (strcmp(leaves->items[i].path, path) == 0)
            return &leaves->items[i];
    return NULL;
}

static void print_leaf(const char *mark, const struct leaf *leaf)
{
    fputs(mark, stdout);
    af_log_write_safe(stdout, leaf->path, strlen(leaf->path));
    fputs(" = ", stdout);
    af_log_write_safe(stdout, leaf->text, strlen(leaf->text));
    putchar('\n');
}

static void release(struct leaves *leaves)
{
    for (size_t i = 0; i < leaves->count; i++) {
        free(leaves->items[i].path);
        free(leaves->items[i].text);
    }
    free(leaves->items);
}

static void print_diff(struct af_json_span before, struct af_json_span after)
{
    struct leaves old = {NULL, 0, 0}, new = {NULL, 0, 0};
    read_leaves(&old, before);
    read_leaves(&new, after);
    for (size_t i = 0; i < old.count; i++) {
        const struct leaf *now = find(&new, old.items[i].path);
        if (now == NULL || strcmp(now->text, old.items[i].text) != 0)
            print_leaf("    - ", &old.items[i]);
        if (now != NULL && strcmp(now->text, old.items[i].text) != 0)
            print_leaf("    + ", now);
    }
    for (size_t i = 0; i < new.count; i++)
        if (find(&old, new.items[i].path) == NULL)
            print_leaf("    + ", &new.items[i]);
    release(&old);
    release(&new);
}

/* ---- Parties. ---- */

struct telling { /* of a node's answer */
    const char *file;
    int64_t version;
    bool dry_run;
    size_t count;
};

static const char *or_new(const char *state)
{
    return state == NULL ? "not started" : state;
}

static bool print_party(void *arg, struct af_json_span json)
{
    struct telling *telling = arg;
    struct af_request party;
    int64_t old_version = 0;
    if (telling->count++ == 0)
        printf("%s: version %lld%s\n", telling->file, (long long)telling->version,
               telling->dry_run ? " would be taken; nothing was changed" : " is taken");
    if (!af_request_read(&party, json.at, json.len)) {
        af_request_release(&party);
        return false;
    }
    const char *task = af_request_string(&party, "task"), *role = af_request_string(&party, "role");
    af_request_integer(&party, "version", &old_version);
    fputs("  ", stdout);
    af_log_write_safe(stdout, task == NULL ? "-" : task, task == NULL ? 1 : strlen(task));
    printf("  %s: version %lld to %lld, state '%s' to '%s'\n", role == NULL ? "-" : role,
           (long long)old_version, (long long)telling->version,
           or_new(af_request_string(&party, "state")),
           or_new(af_request_string(&party, "new_state")));
    struct af_json_span after = af_json_find(json, "new_data");
    if (after.at != NULL)
        print_diff(af_json_find(json, "data"), after);
    af_request_release(&party);
    return true;
}

int af_ctl_print_reload(const struct af_buf *answer, struct af_failure *why)
{
    struct af_request told;
    struct telling telling = {.version = 0};
    bool ok = af_request_read(&told, answer->data, answer->len);
    if (ok) {
        telling.file = af_request_string(&told, "file");
        telling.dry_run = af_request_bool(&told, "dry_run");
        af_request_integer(&told, "version", &telling.version);
        ok = af_json_each(af_json_find((struct af_json_span){answer->data, answer->len}, "parties"),
                          print_party, &telling);
    }
    if (ok && telling.count == 0)
        printf("%s: no party runs another version than %lld\n", telling.file,
               (long long)telling.version);
    af_request_release(&told);
    return ok ? 0
              : af_failure_set(why, AF_FAILURE_TRANSPORT, "ctl",
                               "the node's answer cannot be read");
}
