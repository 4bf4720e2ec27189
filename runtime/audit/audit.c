/* audit.c: see audit.h. */
#include "audit/audit.h"

#include "audit/line.h"
#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct af_audit {
    char *path;
    int fd;
    int64_t n; /* of the last line */
    char chain[AF_AUDIT_HEX];
    int64_t bytes, reserved;
    bool is_broken; /* it has been told */
};

/* ---- Lines. ---- */

static void append_time(struct af_buf *out, int64_t time_ns)
{
    char text[40];
    struct tm parts;
    time_t time_s = (time_t)(time_ns / AF_S_NS);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&time_s, &parts));
    af_buf_printf(out, ",\"time\":\"%s.%03dZ\"", text, (int)(time_ns % AF_S_NS / AF_MS_NS));
}

/* A line that could not be written whole is none: what there is of it goes, and the chain goes on
 * from the one before. */
static bool put(struct af_audit *audit, struct af_buf *line)
{
    char chain[AF_AUDIT_HEX];
    memcpy(chain, audit->chain, sizeof chain);
    af_audit_line_end(line, chain);
    bool ok = af_io_write_all(audit->fd, line->data, line->len);
    if (ok) {
        memcpy(audit->chain, chain, sizeof chain);
        audit->bytes += (int64_t)line->len;
    } else {
        if (!audit->is_broken)
            af_log(AF_LOG_ERROR, "%s: cannot be written: %s", audit->path, strerror(errno));
        if (ftruncate(audit->fd, audit->bytes) != 0)
            af_log(AF_LOG_ERROR, "%s: %s", audit->path, strerror(errno));
    }
    audit->is_broken = !ok;
    af_buf_release(line);
    return ok;
}

static bool put_head(struct af_audit *audit)
{
    struct af_buf line = AF_BUF_EMPTY;
    af_buf_printf(&line, "{\"format\":%d,\"audit\":\"afrun\",\"n\":%lld,\"after\":\"%s\"",
                  AF_AUDIT_FORMAT, (long long)audit->n, audit->chain);
    return put(audit, &line);
}

/* ---- Opening. ---- */

static int fail(const struct af_audit *audit, struct af_failure *why)
{
    return af_failure_set(why, AF_FAILURE_USAGE, audit->path, "%s", strerror(errno));
}

/* Takes n and chain of the last whole line. What was being written when a process was killed is no
 * line, and was not confirmed: it goes. */
static int find_end(struct af_audit *audit, struct af_failure *why)
{
    static char tail[AF_AUDIT_LINE_MAX + 1];
    int64_t from = audit->bytes > AF_AUDIT_LINE_MAX ? audit->bytes - AF_AUDIT_LINE_MAX : 0;
    ssize_t got = pread(audit->fd, tail, AF_AUDIT_LINE_MAX, from);
    if (got < 0)
        return fail(audit, why);
    size_t len = (size_t)got;
    while (len > 0 && tail[len - 1] != '\n')
        len--;
    if (from + (int64_t)len != audit->bytes) {
        audit->bytes = from + (int64_t)len;
        af_log(AF_LOG_WARNING, "%s: the last line was never finished, and is cut off", audit->path);
        if (ftruncate(audit->fd, audit->bytes) != 0)
            return fail(audit, why);
    }
    if (len == 0)
        return 0;
    size_t start = len - 1;
    while (start > 0 && tail[start - 1] != '\n')
        start--;
    struct af_audit_line line;
    const char *wrong = af_audit_line_read(&line, tail + start, len - 1 - start);
    if (wrong != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, audit->path, "its last line %s", wrong);
    audit->n = line.n;
    memcpy(audit->chain, line.chain, sizeof audit->chain);
    return 0;
}

/* A child of one that was killed has its descriptors for some milliseconds, until its own program
 * begins. */
static bool lock_file(int fd)
{
    for (int waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB) != 0;
         waited_ms += AF_AUDIT_LOCK_AGAIN_MS) {
        if (waited_ms >= AF_AUDIT_LOCK_MS)
            return false;
        usleep(AF_AUDIT_LOCK_AGAIN_MS * 1000);
    }
    return true;
}

static int open_file(struct af_audit *audit, struct af_failure *why)
{
    struct stat info;
    audit->fd =
        open(audit->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0600);
    if (audit->fd < 0 || fstat(audit->fd, &info) != 0)
        return fail(audit, why);
    if (!S_ISREG(info.st_mode))
        return af_failure_set(why, AF_FAILURE_USAGE, audit->path, "is no file");
    if (!lock_file(audit->fd))
        return af_failure_set(why, AF_FAILURE_USAGE, audit->path, "another process writes it");
    audit->bytes = info.st_size;
    audit->reserved = 0;
    return 0;
}

struct af_audit *af_audit_open(const char *path, struct af_failure *why)
{
    struct af_audit *audit = af_mem_zero(1, sizeof *audit);
    audit->path = af_mem_string(path);
    audit->fd = -1;
    memset(audit->chain, '0', sizeof audit->chain - 1);
    if (open_file(audit, why) == 0 && find_end(audit, why) == 0) {
        if (audit->bytes > 0 || put_head(audit))
            return audit;
        fail(audit, why);
    }
    af_audit_close(audit);
    return NULL;
}

void af_audit_close(struct af_audit *audit)
{
    if (audit == NULL)
        return;
    if (audit->fd >= 0)
        close(audit->fd);
    free(audit->path);
    free(audit);
}

/* ---- Writing. ---- */

/* The file that is large goes on by another name; where that fails it goes on growing. */
static void rotate(struct af_audit *audit)
{
    struct af_buf old = AF_BUF_EMPTY;
    struct af_failure why = AF_FAILURE_INIT;
    int fd = audit->fd;
    af_buf_printf(&old, "%s.%lld", audit->path, (long long)audit->n);
    if (rename(audit->path, af_buf_text(&old)) != 0) {
        af_log(AF_LOG_WARNING, "%s: cannot be renamed: %s", audit->path, strerror(errno));
    } else if (open_file(audit, &why) == 0 && put_head(audit)) {
        close(fd);
    } else { /* back to the old one */
        if (audit->fd >= 0 && audit->fd != fd)
            close(audit->fd);
        audit->fd = fd;
        audit->bytes = lseek(fd, 0, SEEK_END);
        rename(af_buf_text(&old), audit->path);
    }
    af_buf_release(&old);
}

bool af_audit_is_ready(struct af_audit *audit)
{
    if (audit->reserved - audit->bytes >= AF_AUDIT_LINE_MAX)
        return true;
    if (fallocate(audit->fd, FALLOC_FL_KEEP_SIZE, audit->bytes, AF_AUDIT_RESERVE_BYTES) != 0)
        return errno == EOPNOTSUPP && !audit->is_broken;
    audit->reserved = audit->bytes + AF_AUDIT_RESERVE_BYTES;
    return true;
}

bool af_audit_write(struct af_audit *audit, const struct af_audit_entry *entry, bool durable)
{
    struct af_buf line = AF_BUF_EMPTY;
    if (audit->bytes >= AF_AUDIT_BYTES_MAX)
        rotate(audit);
    af_buf_printf(&line, "{\"n\":%lld", (long long)audit->n + 1);
    append_time(&line, entry->time_ns);
    af_json_add_text(&line, "who", entry->who);
    af_json_add_text(&line, "from", entry->from);
    af_json_add_text(&line, "what", entry->what);
    af_json_add_text(&line, "task", entry->task);
    if (entry->flow != NULL)
        af_json_add_text(&line, "flow", entry->flow);
    af_buf_printf(&line, ",\"outcome\":%d", entry->outcome);
    if (entry->count > 1)
        af_buf_printf(&line, ",\"count\":%llu", (unsigned long long)entry->count);
    if (!put(audit, &line))
        return false;
    audit->n++;
    return !durable || fdatasync(audit->fd) == 0;
}

/* ---- Reading. ---- */

static int fail_line(const char *path, size_t line, const char *wrong, struct af_failure *why)
{
    char what[300];
    snprintf(what, sizeof what, "%.250s:%zu", path, line);
    return af_failure_set(why, AF_FAILURE_FLOW, what, "the line %s", wrong);
}

/* One more line of a log; NULL, or what is wrong. */
static const char *walk(struct af_audit_found *found, const char *text, size_t len)
{
    struct af_audit_line line;
    const char *wrong = af_audit_line_read(&line, text, len);
    if (wrong != NULL)
        return wrong;
    if (found->lines == 0) {
        if (!line.is_head)
            return "is no beginning of an audit log";
        memcpy(found->after, line.after, sizeof found->after);
        memcpy(found->chain, line.after, sizeof found->chain);
        found->first = line.n + 1;
        found->last = line.n;
    } else if (line.is_head) {
        return "begins a second log";
    } else if (line.n != found->last + 1) {
        return "has not the number that follows";
    }
    if (!af_audit_line_follows(text, len, found->chain))
        return "was changed, or one before it is missing: its chain is broken";
    memcpy(found->chain, line.chain, sizeof found->chain);
    found->last = line.n;
    found->lines++;
    return NULL;
}

int af_audit_verify(const char *path, struct af_audit_found *found, struct af_failure *why)
{
    char *line = NULL;
    size_t cap = 0, number = 0;
    const char *wrong = NULL;
    struct stat info;
    memset(found, 0, sizeof *found);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (file == NULL || fstat(fd, &info) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "%s", strerror(errno));
    if (!S_ISREG(info.st_mode)) {
        fclose(file);
        return af_failure_set(why, AF_FAILURE_USAGE, path, "is no file");
    }
    for (ssize_t len; wrong == NULL && (len = getline(&line, &cap, file)) > 0; number++) {
        if (len > AF_AUDIT_LINE_MAX)
            wrong = "is too long";
        else if (line[len - 1] != '\n')
            wrong = "was never finished";
        else
            wrong = walk(found, line, (size_t)len - 1);
    }
    free(line);
    fclose(file);
    if (wrong != NULL)
        return fail_line(path, number, wrong, why);
    return found->lines > 0 ? 0 : af_failure_set(why, AF_FAILURE_FLOW, path, "is empty");
}
