/* child_files.c: the files of the flow, as the node gave them: all tasks of this process run the
 * same bytes, whatever happens to the files meanwhile. */
#include "worker/child.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct file {
    char *path;
    char *bytes;
    size_t len;
};

static struct file files[AF_WORKER_FILES_MAX];
static size_t file_count;

int af_worker_read_file(void *arg, const char *path, struct af_buf *out, struct af_failure *why)
{
    const struct af_worker_asks *asks = arg;
    if (strncmp(path, "./", 2) == 0)
        path += 2; /* the flow's folder is the node's affair */
    for (size_t i = 0; i < file_count; i++) {
        if (strcmp(files[i].path, path) == 0) {
            af_buf_append(out, files[i].bytes, files[i].len);
            return 0;
        }
    }
    struct af_buf bytes = AF_BUF_EMPTY;
    if (file_count == AF_WORKER_FILES_MAX)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "is one file too many");
    if (asks->file(path, &bytes, why) != 0) {
        af_buf_release(&bytes);
        return -1;
    }
    size_t len = bytes.len;
    af_buf_append(out, af_buf_text(&bytes), len);
    files[file_count++] = (struct file){af_mem_string(path), af_buf_take(&bytes), len};
    return 0;
}
