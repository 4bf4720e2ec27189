/* bundles.c: what nodes upload to the task manager, below the files as
 * bundles/<SHA-256 of the node's name>/<SHA-256 of the bundle>.
 *
 * A bundle comes before its task is named, so it is its node's, and needed until it is launched:
 * for more than a node may have, its oldest go. Earlier versions kept all in one folder; these are
 * still found. */
#include "serve/impl.h"

#include "base/bounds.h"
#include "base/io.h"
#include "base/log.h"
#include "base/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct kept { /* the bundles of a node */
    int64_t bytes, count;
    int64_t oldest_ns; /* when it came */
    char oldest[AF_SHA256_HEX_BYTES];
};

static void append_folder(struct af_buf *path, const struct af_serve *serve, const char *node)
{
    char name[AF_SHA256_HEX_BYTES];
    af_sha256_of(node, strlen(node), name);
    af_buf_printf(path, "%s/bundles/%s", serve->options.files, name);
}

/* Looks at all but the one that is called so. */
static struct kept look(const char *folder, const char *except)
{
    struct kept kept = {0};
    struct stat status;
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        if (strlen(entry->d_name) != AF_SHA256_HEX_BYTES - 1 ||
            strcmp(entry->d_name, except) == 0 ||
            fstatat(dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        int64_t at_ns = status.st_mtim.tv_sec * AF_S_NS + status.st_mtim.tv_nsec;
        if (kept.count == 0 || at_ns < kept.oldest_ns) {
            kept.oldest_ns = at_ns;
            memcpy(kept.oldest, entry->d_name, sizeof kept.oldest);
        }
        kept.bytes += status.st_size;
        kept.count++;
    }
    if (entries != NULL)
        closedir(entries);
    return kept;
}

/* As much as the node may have: its quota, and no more than is left on the disk. */
static int64_t limit_of(const struct serve_call *call, const char *folder)
{
    struct statvfs disk;
    int64_t limit = af_serve_quota(&call->serve->options, AF_SERVE_BUNDLES);
    int64_t left = statvfs(folder, &disk) != 0
                       ? limit
                       : (int64_t)(disk.f_bavail * disk.f_frsize) - AF_HTTP_UPLOAD_SPARE_BYTES;
    return left < limit ? left : limit;
}

/* Whether there is room for one more, beside which the oldest have gone. */
static bool make_room(const struct serve_call *call, const char *folder,
                      const struct af_exchange_part *part)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct kept kept;
    while ((kept = look(folder, part->sha256)).count > 0 && fd >= 0 &&
           (kept.count >= AF_SERVE_BUNDLES_MAX ||
            kept.bytes + part->size_bytes > limit_of(call, folder)) &&
           unlinkat(fd, kept.oldest, 0) == 0)
        af_log(AF_LOG_INFO, "serve: the oldest bundle of '%s' goes, for a newer one: %s",
               call->node, kept.oldest);
    if (fd >= 0)
        close(fd);
    return fd >= 0 && kept.count < AF_SERVE_BUNDLES_MAX &&
           kept.bytes + part->size_bytes <= limit_of(call, folder);
}

static bool make_folder(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

void af_serve_measure_bundles(struct serve_call *call)
{
    struct af_buf folder = AF_BUF_EMPTY;
    append_folder(&folder, call->serve, call->node);
    af_serve_use(call->serve, call->share, AF_SERVE_BUNDLES,
                 look(af_buf_text(&folder), "").bytes - call->share->used[AF_SERVE_BUNDLES]);
    af_buf_release(&folder);
}

bool af_serve_keep_bundle(struct serve_call *call, const struct af_exchange_part *part)
{
    struct af_buf folder = AF_BUF_EMPTY, path = AF_BUF_EMPTY;
    af_buf_printf(&path, "%s/bundles", call->serve->options.files);
    append_folder(&folder, call->serve, call->node);
    bool ok = make_folder(af_buf_text(&path)) && make_folder(af_buf_text(&folder)) &&
              make_room(call, af_buf_text(&folder), part);
    af_buf_clear(&path);
    af_buf_printf(&path, "%s/%s", af_buf_text(&folder), part->sha256);
    ok = ok && af_io_sync(part->path) && rename(part->path, af_buf_text(&path)) == 0 &&
         af_io_sync(af_buf_text(&folder));
    af_buf_release(&folder);
    af_buf_release(&path);
    af_serve_measure_bundles(call);
    return ok;
}

char *af_serve_bundle_key(struct serve_call *call, const char *key)
{
    struct af_buf text = AF_BUF_EMPTY;
    af_buf_printf(&text, "bundle %s %s", key, call->node);
    char *copy = af_arena_string(&call->arena, af_buf_text(&text));
    af_buf_release(&text);
    return copy;
}

int af_serve_open_bundle(const struct serve_call *call, const char *key)
{
    struct af_buf path = AF_BUF_EMPTY;
    if (!af_sha256_is(key))
        return -1;
    append_folder(&path, call->serve, call->node);
    af_buf_printf(&path, "/%s", key);
    int fd = open(af_buf_text(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        af_buf_clear(&path);
        af_buf_printf(&path, "%s/bundles/%s", call->serve->options.files, key);
        fd = open(af_buf_text(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    af_buf_release(&path);
    return fd;
}
