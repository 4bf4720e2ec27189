/* group.c: see group.h. */
#include "worker/group.h"

#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLOSE_TRIES = 100 }; /* a millisecond each */

static struct {
    char base[PATH_MAX / 2]; /* "": there is none */
    int version;
} group;

/* What differs. A machine that swaps would let it take more than it may. */
static const char *const limit_file[] = {[1] = "memory.limit_in_bytes", [2] = "memory.max"};
static const char *const swap_file[] = {
    [1] = "memory.memsw.limit_in_bytes", [2] = "memory.swap.max"};
static const char *const kills_file[] = {[1] = "memory.oom_control", [2] = "memory.events"};

/* ---- Files. ---- */

static int open_in(const char *folder, const char *name, int flags)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    return len < (int)sizeof path ? open(path, flags | O_CLOEXEC) : -1;
}

static bool write_in(const char *folder, const char *name, const char *text)
{
    int fd = open_in(folder, name, O_WRONLY | O_TRUNC);
    bool fine = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    int code = errno;
    if (fd >= 0)
        close(fd);
    errno = code;
    return fine;
}

static bool write_number(const char *folder, const char *name, int64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)number);
    return write_in(folder, name, text);
}

/* What a file of the kernel's tells, a text. */
static const char *read_in(const char *folder, const char *name, char *text, size_t size)
{
    int fd = open_in(folder, name, O_RDONLY);
    ssize_t len = fd < 0 ? 0 : af_io_read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[len < 0 ? 0 : len] = '\0';
    return text;
}

static bool has_word(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += len)
        if ((at == text || at[-1] == ' ' || at[-1] == '\n') &&
            (at[len] == ' ' || at[len] == '\n' || at[len] == '\0'))
            return true;
    return false;
}

/* ---- Where. ---- */

bool af_worker_group_find(const char *text, bool unified, char *base, size_t size)
{
    for (const char *line = text; line != NULL && *line != '\0';
         line = strchr(line, '\n') == NULL ? NULL : strchr(line, '\n') + 1) {
        const char *names = strchr(line, ':');
        const char *path = names == NULL ? NULL : strchr(names + 1, ':');
        if (path == NULL)
            return false;
        const char *memory = strstr(names, "memory");
        if (unified ? strncmp(line, "0::", 3) != 0 : memory == NULL || memory > path)
            continue;
        path++;
        int len = (int)strcspn(path, "\n");
        return snprintf(base, size, "/sys/fs/cgroup%s%.*s", unified ? "" : "/memory", len, path) <
               (int)size;
    }
    return false;
}

/* The group of this process itself, in version 2; and whether there is one of that name. */
static bool own_group(char *folder, size_t size)
{
    snprintf(folder, size, "%s/afrun-node", group.base);
    return mkdir(folder, 0755) == 0 || errno == EEXIST;
}

static bool refuse(char *why, size_t size, const char *step)
{
    snprintf(why, size, "%s: %s", step, strerror(errno));
    group.base[0] = '\0';
    return false;
}

/* Version 2: out of the way, for only what has no processes may have groups that count. */
static bool move_down(char *why, size_t size)
{
    char folder[PATH_MAX], text[4096];
    if (!has_word(read_in(group.base, "cgroup.controllers", text, sizeof text), "memory")) {
        errno = ENOTSUP;
        return refuse(why, size, "memory is not counted in its cgroup");
    }
    if (!own_group(folder, sizeof folder) || !write_number(folder, "cgroup.procs", getpid()))
        return refuse(why, size, "its cgroup is not its own");
    if (write_in(group.base, "cgroup.subtree_control", "+memory"))
        return true;
    int code = errno; /* others are there, too */
    write_number(group.base, "cgroup.procs", getpid());
    rmdir(folder);
    errno = code;
    return refuse(why, size, "its cgroup can have none below");
}

/* Version 1: whether one can be made. */
static bool try_one(char *why, size_t size)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/afrun-%d", group.base, (int)getpid());
    if (mkdir(folder, 0755) != 0)
        return refuse(why, size, "its cgroup is not its own");
    rmdir(folder);
    return true;
}

bool af_worker_group_begin_at(const char *base, int version, char *why, size_t size)
{
    group.version = version;
    if (snprintf(group.base, sizeof group.base, "%s", base) >= (int)sizeof group.base) {
        errno = ENAMETOOLONG;
        return refuse(why, size, "its cgroup");
    }
    return version == 2 ? move_down(why, size) : try_one(why, size);
}

bool af_worker_group_begin(char *why, size_t size)
{
    char text[8192], base[PATH_MAX / 2];
    bool unified = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
    read_in("/proc/self", "cgroup", text, sizeof text);
    if (!af_worker_group_find(text, unified, base, sizeof base) || access(base, F_OK) != 0) {
        snprintf(why, size, "there is none");
        return false;
    }
    return af_worker_group_begin_at(base, unified ? 2 : 1, why, size);
}

bool af_worker_group_is_there(void)
{
    return group.base[0] != '\0';
}

/* ---- Of one process. ---- */

static const char prefix[] = "afrun-worker-";

static void name_of(int pid, char *folder, size_t size)
{
    snprintf(folder, size, "%s/%s%d", group.base, prefix, pid);
}

/* Whether `name` is of a group whose process has ended. One that lives may be another node's, which
 * has made the group and is about to put its process there. */
static bool is_over(const char *name)
{
    if (strncmp(name, prefix, strlen(prefix)) != 0)
        return false;
    long pid = strtol(name + strlen(prefix), NULL, 10);
    return pid > 0 && pid <= INT_MAX && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* Removes the groups of processes that have ended, also those of a node that was killed: for a
 * moment after its last process has ended the kernel keeps a group. Whether none is left. */
static bool sweep(void)
{
    bool empty = true;
    DIR *base = opendir(group.base);
    for (struct dirent *entry; base != NULL && (entry = readdir(base)) != NULL;)
        if (is_over(entry->d_name))
            empty = unlinkat(dirfd(base), entry->d_name, AT_REMOVEDIR) == 0 && empty;
    if (base != NULL)
        closedir(base);
    return empty;
}

bool af_worker_group_put(int pid, int64_t bytes)
{
    char folder[PATH_MAX];
    if (!af_worker_group_is_there())
        return false;
    sweep();
    name_of(pid, folder, sizeof folder);
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        return false;
    bool fine = write_number(folder, limit_file[group.version], bytes);
    write_number(folder, swap_file[group.version], group.version == 2 ? 0 : bytes);
    fine = fine && write_number(folder, "cgroup.procs", pid);
    int code = errno;
    if (!fine)
        rmdir(folder);
    errno = code;
    return fine;
}

bool af_worker_group_end(int pid)
{
    static const char word[] = "oom_kill ";
    char folder[PATH_MAX], text[4096];
    if (!af_worker_group_is_there())
        return false;
    name_of(pid, folder, sizeof folder);
    const char *at = strstr(read_in(folder, kills_file[group.version], text, sizeof text), word);
    bool killed = at != NULL && strtol(at + strlen(word), NULL, 10) > 0;
    rmdir(folder);
    return killed;
}

void af_worker_group_close(void)
{
    char folder[PATH_MAX];
    for (int tries = 0; af_worker_group_is_there() && !sweep() && tries < CLOSE_TRIES; tries++)
        poll(NULL, 0, 1);
    if (group.version == 2 && af_worker_group_is_there() && own_group(folder, sizeof folder)) {
        write_in(group.base, "cgroup.subtree_control", "-memory");
        write_number(group.base, "cgroup.procs", getpid());
        rmdir(folder);
    }
    group.base[0] = '\0';
}
