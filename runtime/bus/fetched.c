/* fetched.c: see fetched.h. */
#include "bus/fetched.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "loop/loop.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *af_bus_fetched_folder(const char *files, struct af_failure *why)
{
    struct af_buf path = AF_BUF_EMPTY;
    af_buf_printf(&path, "%s/fetched", files);
    char *folder = af_buf_take(&path);
    if (mkdir(folder, 0700) == 0 || errno == EEXIST)
        return folder;
    af_failure_set(why, AF_FAILURE_TRANSPORT, folder, "cannot be made: %s", strerror(errno));
    free(folder);
    return NULL;
}

void af_bus_fetched_make_room(const char *folder)
{
    for (;;) {
        struct stat info;
        int64_t bytes = 0, oldest_ns = INT64_MAX;
        struct af_buf path = AF_BUF_EMPTY, oldest = AF_BUF_EMPTY;
        DIR *entries = opendir(folder);
        struct dirent *entry;
        while (entries != NULL && (entry = readdir(entries)) != NULL) {
            af_buf_clear(&path);
            af_buf_printf(&path, "%s/%s", folder, entry->d_name);
            if (lstat(af_buf_text(&path), &info) != 0 || !S_ISREG(info.st_mode))
                continue;
            int64_t made_ns = info.st_mtim.tv_sec * AF_S_NS + info.st_mtim.tv_nsec;
            bytes += info.st_size;
            if (made_ns < oldest_ns) {
                oldest_ns = made_ns;
                af_buf_clear(&oldest);
                af_buf_append_string(&oldest, af_buf_text(&path));
            }
        }
        if (entries != NULL)
            closedir(entries);
        bool ok = bytes <= AF_BUS_FETCHED_BYTES_MAX || unlink(af_buf_text(&oldest)) != 0;
        af_buf_release(&path);
        af_buf_release(&oldest);
        if (ok)
            return;
    }
}
