/* schedule.c: see schedule.h. */
#include "cli/schedule.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/io.h"
#include "json/json.h"
#include "script/request.h"
#include "trace/schedule.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int read_file(const char *path, struct af_buf *out, struct af_failure *why)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    bool is_read = fd >= 0 && af_io_read_all(fd, out, AF_PROCESS_OUTPUT_BYTES_MAX);
    int error = errno;
    if (fd >= 0 && !standard)
        close(fd);
    return is_read
               ? 0
               : af_failure_set(why, AF_FAILURE_USAGE, path, "cannot be read: %s", strerror(error));
}

/* Whether a text is a list of strings, all of it. */
static bool is_list(const char *text, size_t len)
{
    struct af_json_reader reader;
    enum af_json_token token;
    af_json_reader_init(&reader, text, len);
    bool is = af_json_next(&reader) == AF_JSON_ARRAY_BEGIN;
    while (is && (token = af_json_next(&reader)) != AF_JSON_ARRAY_END)
        is = token == AF_JSON_STRING;
    is = is && af_json_next(&reader) == AF_JSON_END;
    af_json_reader_release(&reader);
    return is;
}

int af_schedule_option(void *schedule, const char *value, struct af_failure *why)
{
    struct af_buf text = AF_BUF_EMPTY, object = AF_BUF_EMPTY;
    struct af_request request = {0};
    int status = 0;
    if (value[0] == '[')
        af_buf_append_string(&text, value);
    else
        status = read_file(value, &text, why);
    const char *line = af_buf_text(&text);
    if (line[0] == '{') /* a trace: its header */
        af_buf_append(&object, line, strcspn(line, "\n"));
    else
        af_buf_printf(&object, "{\"schedule\":%s}", line);
    if (status == 0) {
        bool is_json = (line[0] == '{' || is_list(text.data, text.len)) &&
                       af_request_read(&request, object.data, object.len);
        const struct af_request_field *words =
            is_json ? af_request_list(&request, "schedule") : NULL;
        status = words != NULL
                     ? af_schedule_read(schedule, words->items, words->item_count, why)
                     : af_failure_set(why, AF_FAILURE_USAGE, "",
                                      "expected a JSON list of steps, a file of one, or a trace "
                                      "that follows one");
    }
    af_request_release(&request);
    af_buf_release(&object);
    af_buf_release(&text);
    return status;
}
