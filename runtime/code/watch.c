/* watch.c: see watch.h. */
#include "code/watch.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/mem.h"
#include "code/code.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

int af_code_watch_open(void)
{
    return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

static int add(int fd, const char *folder)
{
    return inotify_add_watch(fd, folder,
                             IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                                 IN_ONLYDIR) < 0
               ? -1
               : 0;
}

static char *join(const char *folder, const char *name)
{
    struct af_buf path = AF_BUF_EMPTY;
    af_buf_printf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name);
    return af_buf_take(&path);
}

/* ---- On the way. ---- */

static int add_way(int fd, const char *path, int *links);

/* Where the beginning of a path is a link: its folder is watched, and the way that it leads. */
static int add_link(int fd, const char *link, const char *rest, int *links)
{
    char target[PATH_MAX];
    ssize_t len = readlink(link, target, sizeof target - 1);
    if (len < 0 || ++*links > AF_CODE_LINKS_MAX) {
        errno = len < 0 ? errno : ELOOP;
        return -1;
    }
    target[len] = '\0';
    char *folder = af_code_folder(link);
    char *to = target[0] == '/' ? af_mem_string(target) : join(folder, target);
    char *whole = rest[0] == '\0' ? af_mem_string(to) : join(to, rest);
    int result = add(fd, folder) != 0 ? -1 : add_way(fd, whole, links);
    free(whole);
    free(to);
    free(folder);
    return result;
}

/* The folder that a path stands in, or where that is not there yet, the nearest above it that is.
 */
static int add_nearest(int fd, const char *path)
{
    char *folder = af_code_folder(path);
    int result = add(fd, folder);
    if (result != 0 && errno == ENOENT && strcmp(folder, ".") != 0 && strcmp(folder, "/") != 0)
        result = add_nearest(fd, folder);
    free(folder);
    return result;
}

static int add_way(int fd, const char *path, int *links)
{
    size_t len = strlen(path), at = strspn(path, "/");
    while (at < len) {
        size_t end = at + strcspn(path + at, "/");
        char *part = af_mem_copy(path, end);
        struct stat info;
        bool is_link = lstat(part, &info) == 0 && S_ISLNK(info.st_mode);
        at = end + strspn(path + end, "/");
        int result = is_link ? add_link(fd, part, path + at, links) : 0;
        free(part);
        if (is_link)
            return result;
    }
    struct stat info;
    int result = add_nearest(fd, path); /* where it is replaced */
    return result == 0 && stat(path, &info) == 0 && S_ISDIR(info.st_mode) ? add(fd, path) : result;
}

int af_code_watch_path(int fd, const char *path)
{
    int links = 0;
    char *plain = af_mem_string(path);
    for (size_t len = strlen(plain); len > 1 && plain[len - 1] == '/'; len--)
        plain[len - 1] = '\0';
    int result = add_way(fd, plain, &links);
    free(plain);
    return result;
}

/* ---- All below. ---- */

struct walk {
    void (*each)(struct walk *walk, const char *path, const struct stat *info, bool link);
    int fd, left;
    crypto_hash_sha256_state state;
};

/* A hidden entry is not looked at: a ConfigMap's are reached by the links to them. */
static void walk_below(struct walk *walk, const char *path, int level)
{
    struct dirent **entries = NULL;
    int count = level < AF_CODE_LEVELS_MAX ? scandir(path, &entries, NULL, alphasort) : 0;
    for (int i = 0; i < count; i++) {
        struct stat info, own;
        char *inner = join(path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && lstat(inner, &own) == 0 && walk->left > 0) {
            bool link = S_ISLNK(own.st_mode);
            bool leads = stat(inner, &info) == 0;
            walk->each(walk, inner, leads ? &info : &own, link);
            if (leads && S_ISDIR(info.st_mode))
                walk_below(walk, inner, level + 1);
        }
        free(inner);
        free(entries[i]);
    }
    free(entries);
}

static void watch_entry(struct walk *walk, const char *path, const struct stat *info, bool link)
{
    if (!link && !S_ISDIR(info->st_mode))
        return;
    walk->left--;
    if (link)
        af_code_watch_path(walk->fd, path);
    else
        add(walk->fd, path);
}

int af_code_watch_tree(int fd, const char *path)
{
    struct walk walk = {.each = watch_entry, .fd = fd, .left = AF_CODE_WATCHED_MAX};
    if (af_code_watch_path(fd, path) != 0)
        return -1;
    walk_below(&walk, path, 0);
    return 0;
}

/* ---- A stamp. ---- */

static void stamp_entry(struct walk *walk, const char *path, const struct stat *info, bool link)
{
    char text[160];
    (void)link;
    snprintf(text, sizeof text, "%llx %llx %lld %lld.%09ld %lld.%09ld ",
             (unsigned long long)info->st_dev, (unsigned long long)info->st_ino,
             (long long)info->st_size, (long long)info->st_mtim.tv_sec, info->st_mtim.tv_nsec,
             (long long)info->st_ctim.tv_sec, info->st_ctim.tv_nsec);
    crypto_hash_sha256_update(&walk->state, (const unsigned char *)text, strlen(text));
    crypto_hash_sha256_update(&walk->state, (const unsigned char *)path, strlen(path) + 1);
}

void af_code_stamp(const char *path, char stamp[65])
{
    struct walk walk = {.each = stamp_entry, .left = AF_CODE_WATCHED_MAX};
    unsigned char digest[crypto_hash_sha256_BYTES];
    struct stat info;
    crypto_hash_sha256_init(&walk.state);
    if (stat(path, &info) == 0) {
        stamp_entry(&walk, path, &info, false);
        if (S_ISDIR(info.st_mode))
            walk_below(&walk, path, 0);
    }
    crypto_hash_sha256_final(&walk.state, digest);
    sodium_bin2hex(stamp, 65, digest, sizeof digest);
}
