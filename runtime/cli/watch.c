/* watch.c: see watch.h. */
#include "cli/watch.h"

#include "base/buf.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char variable[] = "AFRUN_WATCH_FD"; /* where a command names its other files */

/* An editor writes several times. */
enum { SETTLE_MS = 100 };

void af_watch_words_init(struct af_watch_words *words, const char *command, int argc, char **argv)
{
    words->items = af_mem_zero((size_t)argc + 3, sizeof(char *));
    words->count = 0;
    words->items[words->count++] = af_mem_string("afrun");
    words->items[words->count++] = af_mem_string(command);
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--watch") != 0)
            words->items[words->count++] = af_mem_string(argv[i]);
}

void af_watch_words_release(struct af_watch_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
}

void af_watch_note(const char *path)
{
    const char *fd = getenv(variable);
    if (fd == NULL)
        return;
    size_t len = strlen(path) + 1; /* a pipe takes so few bytes at once */
    if (write(atoi(fd), path, len) != (ssize_t)len)
        af_log(AF_LOG_WARNING, "%s is not watched", path);
}

/* ---- Folders. ---- */

/* Watches the folder of a file, and those below. What is watched already stays so. */
static int add_folders(int inotify, const char *path, struct af_failure *why)
{
    struct stat status;
    const char *slash = strrchr(path, '/');
    bool folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    char *root = folder          ? af_mem_string(path)
                 : slash == NULL ? af_mem_string(".")
                                 : af_mem_copy(path, (size_t)(slash - path) + 1);
    char *const roots[] = {root, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const FTSENT *entry;
    int result = 0;
    while (tree != NULL && result == 0 && (entry = fts_read(tree)) != NULL) {
        if (entry->fts_info != FTS_D)
            continue;
        if (entry->fts_level > 0 && entry->fts_name[0] == '.')
            fts_set(tree, (FTSENT *)entry, FTS_SKIP);
        else if (inotify_add_watch(inotify, entry->fts_accpath,
                                   IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE) < 0)
            result = af_failure_set(why, AF_FAILURE_USAGE, entry->fts_path, "cannot be watched: %s",
                                    strerror(errno));
    }
    if (tree != NULL)
        fts_close(tree);
    free(root);
    return result;
}

bool af_watch_read(int inotify)
{
    _Alignas(struct inotify_event) char events[4096];
    bool found = false;
    ssize_t len;
    while ((len = read(inotify, events, sizeof events)) > 0)
        for (char *at = events; at < events + len;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            const char *dot = event->len == 0 ? NULL : strrchr(event->name, '.');
            found = found || (dot != NULL && event->name[0] != '.' &&
                              (strcmp(dot, ".lua") == 0 || strcmp(dot, ".afb") == 0));
            at += sizeof *event + event->len;
        }
    return found;
}

int af_watch_open(const char *path, struct af_failure *why)
{
    int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (inotify < 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, path, "no inotify: %s", strerror(errno));
    if (add_folders(inotify, path, why) == 0)
        return inotify;
    close(inotify);
    return -1;
}

/* ---- Runs. ---- */

/* Starts the command; the files that it names are read from *notes. */
static pid_t start(const struct af_watch_words *words, int *notes, struct af_failure *why)
{
    int ends[2];
    char number[16];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, "--watch", "no pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        snprintf(number, sizeof number, "%d", ends[1]);
        fcntl(ends[1], F_SETFD, 0);
        setenv(variable, number, 1);
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        execv("/proc/self/exe", words->items);
        _exit(127);
    }
    close(ends[1]);
    *notes = ends[0];
    if (pid < 0) {
        close(ends[0]);
        return af_failure_set(why, AF_FAILURE_TRANSPORT, "--watch", "no process: %s",
                              strerror(errno));
    }
    return pid;
}

/* Reads what the command has to say until it ends, which it is asked to by Ctrl-C. Returns whether
 * it was. */
static bool read_notes(pid_t pid, int fd, int interrupt, struct af_buf *notes)
{
    struct pollfd fds[] = {{fd, POLLIN, 0}, {interrupt, POLLIN, 0}};
    bool asked = false;
    char bytes[4096];
    for (;;) {
        if (poll(fds, asked ? 1 : 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return asked;
        }
        if (!asked && fds[1].revents != 0) {
            asked = true;
            af_interrupt_seen();
            kill(pid, SIGINT);
        }
        if (fds[0].revents == 0)
            continue;
        ssize_t len = read(fd, bytes, sizeof bytes);
        if (len == 0 || (len < 0 && errno != EINTR))
            return asked;
        af_buf_append(notes, bytes, len < 0 ? 0 : (size_t)len);
    }
}

/* Runs the command to its end. Returns 1 if that was Ctrl-C; -1 with *why filled. */
static int run_once(const struct af_watch_words *words, int inotify, int interrupt,
                    struct af_failure *why)
{
    struct af_buf notes = AF_BUF_EMPTY;
    int fd = -1, status;
    pid_t pid = start(words, &fd, why);
    if (pid < 0)
        return -1;
    bool asked = read_notes(pid, fd, interrupt, &notes);
    close(fd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    const char *names = af_buf_text(&notes);
    for (size_t at = 0; at < notes.len; at += strlen(names + at) + 1)
        add_folders(inotify, names + at, NULL);
    af_buf_release(&notes);
    return asked;
}

/* Waits until a file has been saved and things have settled; false: Ctrl-C. */
static bool wait_for_save(int inotify, int interrupt)
{
    struct pollfd fds[] = {{interrupt, POLLIN, 0}, {inotify, POLLIN, 0}};
    bool saved = false;
    for (;;) {
        int ready = poll(fds, 2, saved ? SETTLE_MS : -1);
        if (ready < 0 && errno != EINTR)
            return false;
        if (ready > 0 && fds[0].revents != 0)
            return false;
        if (ready == 0)
            return true;
        if (ready > 0)
            saved = af_watch_read(inotify) || saved;
    }
}

int af_watch(const struct af_watch_words *words, const char *const *files, size_t count,
             struct af_failure *why)
{
    int interrupt = af_interrupt_catch();
    int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int status = 0;
    if (inotify < 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, "--watch", "no inotify: %s",
                              strerror(errno));
    if (count == 0)
        status = add_folders(inotify, ".", why);
    for (size_t i = 0; i < count && status == 0; i++)
        status = add_folders(inotify, files[i], why);
    while (status == 0 && (status = run_once(words, inotify, interrupt, why)) == 0) {
        af_log(AF_LOG_INFO, "watching; Ctrl-C ends");
        if (!wait_for_save(inotify, interrupt))
            break;
    }
    close(inotify);
    af_interrupt_seen();
    return status < 0 ? -1 : 130;
}
