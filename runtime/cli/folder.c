/* folder.c: see folder.h. */
#include "cli/folder.h"

#include "base/buf.h"
#include "base/failure.h"
#include "cli/answer.h"
#include "json/json.h"
#include "script/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Texts of people, which they share: of the mode that they have set. */
static int write_file(const char *path, const char *text, struct af_failure *why)
{
    FILE *file = fopen(path, "wxe");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, path, "cannot be written: %s",
                              strerror(errno));
    return 0;
}

int af_folder_make(const char *kind, const char *name, const struct af_request_field *files,
                   bool json, struct af_failure *why)
{
    struct af_buf out = AF_BUF_EMPTY, path = AF_BUF_EMPTY;
    int status = 0;
    if (mkdir(name, 0777) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, name,
                              errno == EEXIST ? "is there already, and is left alone"
                                              : "cannot be made: %s",
                              strerror(errno));
    af_answer_begin(&out, kind);
    af_json_add_text(&out, "folder", name);
    af_json_name(&out, "files");
    for (size_t i = 0; i + 1 < files->item_count && status == 0; i += 2) {
        af_buf_clear(&path);
        af_buf_printf(&path, "%s/%s", name, files->items[i]);
        status = write_file(af_buf_text(&path), files->items[i + 1], why);
        af_buf_append_char(&out, i == 0 ? '[' : ',');
        af_json_write_text(&out, files->items[i]);
    }
    af_buf_append_char(&out, ']');
    if (status == 0 && json)
        af_answer_print(&out);
    af_buf_release(&out);
    af_buf_release(&path);
    return status;
}
