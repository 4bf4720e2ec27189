/* logs.c: a log for each task: what its party logs, and what became of it. A log that has
 * grown too large becomes TASK.log.1, that one .2; older ones go. */
#include "node/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "loop/loop.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A task's name may hold anything: what is not plain is written as %XX. */
char *af_node_log_path(const struct af_node *node, const char *task)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    struct af_buf path = AF_BUF_EMPTY;
    af_buf_printf(&path, "%s/logs/", node->options->state);
    for (const char *at = task; *at != '\0'; at++) {
        if (strchr(plain, *at) != NULL)
            af_buf_append_char(&path, *at);
        else
            af_buf_printf(&path, "%%%02X", (unsigned char)*at);
    }
    af_buf_append_string(&path, ".log");
    return af_buf_take(&path);
}

static void rotate(const char *path)
{
    struct af_buf first = AF_BUF_EMPTY, second = AF_BUF_EMPTY;
    af_buf_printf(&first, "%s.1", path);
    af_buf_printf(&second, "%s.2", path);
    rename(af_buf_text(&first), af_buf_text(&second));
    rename(path, af_buf_text(&first));
    af_buf_release(&first);
    af_buf_release(&second);
}

void af_node_log_forget(const struct af_node *node, const char *task)
{
    static const char *const suffixes[] = {"", ".1", ".2"};
    char *path = af_node_log_path(node, task);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        struct af_buf name = AF_BUF_EMPTY;
        af_buf_printf(&name, "%s%s", path, suffixes[i]);
        unlink(af_buf_text(&name));
        af_buf_release(&name);
    }
    free(path);
}

void af_node_log_text(struct af_node *node, const char *task, const char *text, size_t len)
{
    char stamp[40];
    struct tm parts;
    struct stat info;
    int64_t now_ns = af_loop_wall_ns(node->loop);
    time_t now_s = (time_t)(now_ns / AF_S_NS);
    char *path = af_node_log_path(node, task);
    if (stat(path, &info) == 0 && info.st_size >= node->options->log_bytes)
        rotate(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "a");
    if (file != NULL) {
        gmtime_r(&now_s, &parts);
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &parts);
        fprintf(file, "%s.%03dZ ", stamp, (int)(now_ns % AF_S_NS / AF_MS_NS));
        af_log_write_safe(file, text, len);
        fputc('\n', file);
        fclose(file);
    } else if (fd >= 0) {
        close(fd);
    }
    free(path);
}

void af_node_log(struct af_node *node, const char *task, const char *format, ...)
{
    char line[AF_FAILURE_TEXT_MAX + 300];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    af_node_log_text(node, task, line, strlen(line));
}
