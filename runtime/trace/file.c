/* file.c: see file.h. */
#include "trace/file.h"

#include "base/bounds.h"
#include "base/broker.h"
#include "base/failure.h"
#include "base/io.h"
#include "base/mem.h"
#include "script/request.h"
#include "trace/schedule.h"
#include "trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Writing. ---- */

/* Where it is written. */
struct place {
    char *path, *temporary; /* temporary NULL: written in place (a pipe, a device) */
};

struct af_trace_file {
    struct place place;
    int fd, code;        /* code: errno of the write that failed, or 0 */
    struct af_buf lines; /* not written yet */
};

enum { PIECE_BYTES = 1 << 18 }; /* at a time */

static struct place known; /* the last one: a broker ends what has been begun, and nothing else */

static int output_fd = -1; /* standard output, once a trace has taken it */
static char *output_name;  /* by which it did: /dev/stdout is something else from then on */

/* Standard output by any name: a dash, /dev/stdout, the file that it goes to. */
static bool is_output(const char *path)
{
    struct stat info, output;
    return strcmp(path, "-") == 0 || (output_name != NULL && strcmp(path, output_name) == 0) ||
           (stat(path, &info) == 0 &&
            fstat(output_fd >= 0 ? output_fd : STDOUT_FILENO, &output) == 0 &&
            info.st_dev == output.st_dev && info.st_ino == output.st_ino);
}

/* A trace has standard output to itself, so that another program can read it: all that is printed
 * from here on goes to standard error. */
static int take_output(const char *path)
{
    if (output_fd < 0) {
        fflush(stdout); /* what was printed before comes before */
        output_name = af_mem_string(path);
        output_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        if (output_fd >= 0)
            dup2(STDERR_FILENO, STDOUT_FILENO);
    }
    return output_fd < 0 ? -1 : fcntl(output_fd, F_DUPFD_CLOEXEC, 3);
}

/* What must not be replaced by a file: a pipe, a device, a link to wherever. */
static bool is_special(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

static int fail(const char *path, int code, struct af_failure *why)
{
    return af_failure_set(why, AF_FAILURE_TRANSPORT, path, "cannot be written: %s",
                          strerror(code == 0 ? EIO : code));
}

static void forget(struct place *place)
{
    free(place->path);
    free(place->temporary);
    *place = (struct place){NULL, NULL};
}

/* Begins a file that is not standard output. Returns -1 with *why filled. */
static int begin(const char *path, struct place *place, struct af_failure *why)
{
    int fd;
    if (is_special(path)) {
        fd = open(path, O_WRONLY | O_CLOEXEC | O_CREAT | O_TRUNC, 0600);
    } else {
        struct af_buf name = AF_BUF_EMPTY;
        af_buf_printf(&name, "%s.XXXXXX", path);
        place->temporary = af_buf_take(&name);
        fd = mkostemp(place->temporary, O_CLOEXEC);
    }
    if (fd < 0)
        return fail(path, errno, why);
    forget(&known);
    known.path = af_mem_string(path);
    known.temporary = place->temporary == NULL ? NULL : af_mem_string(place->temporary);
    return fd;
}

/* The same by the broker, which begins nothing where it is standard output. */
static int ask_to_begin(const char *path, struct place *place, struct af_failure *why)
{
    const struct af_broker_question question = {path, 0, NULL, 0};
    struct af_broker_answer answer = AF_BROKER_ANSWER;
    int result = af_broker_ask(AF_BROKER_TRACE_PLACE, &question, NULL, &answer, why);
    if (answer.bytes.len > 0)
        place->temporary = af_mem_string(af_buf_text(&answer.bytes));
    af_buf_release(&answer.bytes);
    return result != 0 ? -1 : answer.fd >= 0 ? answer.fd : take_output(path);
}

int af_trace_serve_place(const void *reach, const struct af_broker_question *question,
                         struct af_broker_answer *answer, struct af_failure *why)
{
    const struct af_trace_reach *named = reach;
    struct place place = {NULL, NULL};
    if (named->path == NULL || strcmp(named->path, question->text) != 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, question->text, "was not named");
    if (is_output(question->text))
        return 0;
    if (known.temporary != NULL)
        unlink(known.temporary); /* one at a time */
    answer->fd = begin(question->text, &place, why);
    if (place.temporary != NULL)
        af_buf_append_string(&answer->bytes, place.temporary);
    forget(&place);
    return answer->fd < 0 ? -1 : 0;
}

struct af_trace_file *af_trace_file_create(const char *path, struct af_failure *why)
{
    struct af_trace_file *file = af_mem_zero(1, sizeof *file);
    file->place.path = af_mem_string(path);
    int fd = is_output(path)        ? take_output(path)
             : af_broker_is_there() ? ask_to_begin(path, &file->place, why)
                                    : begin(path, &file->place, why);
    file->fd = fd;
    if (fd >= 0)
        return file;
    fail(path, errno, why);
    forget(&file->place);
    free(file);
    return NULL;
}

void af_trace_file_line(void *arg, const char *line, size_t len)
{
    struct af_trace_file *file = arg;
    if (file->lines.len + len >= PIECE_BYTES)
        af_trace_file_flush(file);
    af_buf_append(&file->lines, line, len);
    af_buf_append_char(&file->lines, '\n');
}

void af_trace_file_flush(struct af_trace_file *file)
{
    if (file->code == 0 && !af_io_write_all(file->fd, file->lines.data, file->lines.len))
        file->code = errno == 0 ? EIO : errno; /* is told at the end */
    af_buf_clear(&file->lines);
}

/* Gives what was written its name, or removes it. Returns -1 with *why filled. */
static int end(const struct place *place, bool keep, struct af_failure *why)
{
    int result = 0;
    if (place->temporary == NULL)
        return 0;
    if (af_broker_is_there()) {
        const struct af_broker_question question = {place->temporary, keep, NULL, 0};
        return af_broker_ask(AF_BROKER_TRACE_END, &question, NULL, &AF_BROKER_ANSWER, why);
    }
    if (keep && rename(place->temporary, place->path) != 0)
        result = fail(place->path, errno, why);
    if (!keep || result != 0)
        unlink(place->temporary);
    return result;
}

int af_trace_serve_end(const void *reach, const struct af_broker_question *question,
                       struct af_broker_answer *answer, struct af_failure *why)
{
    (void)reach, (void)answer;
    if (known.temporary == NULL || strcmp(known.temporary, question->text) != 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, question->text, "was not begun");
    int result = end(&known, question->number != 0, why);
    forget(&known);
    return result;
}

int af_trace_file_finish(struct af_trace_file *file, bool keep, struct af_failure *why)
{
    int result = 0;
    af_trace_file_flush(file);
    if (close(file->fd) != 0 && file->code == 0)
        file->code = errno;
    if (keep && file->code != 0)
        result = fail(file->place.path, file->code, why);
    if (end(&file->place, keep && file->code == 0, why) != 0)
        result = -1;
    af_buf_release(&file->lines);
    forget(&file->place);
    free(file);
    return result;
}

/* ---- Memory. ---- */

void af_trace_memory_init(struct af_trace_memory *memory)
{
    *memory = (struct af_trace_memory){AF_BUF_EMPTY, 0};
}

void af_trace_memory_release(struct af_trace_memory *memory)
{
    af_buf_release(&memory->lines);
    memory->count = 0;
}

void af_trace_memory_line(void *arg, const char *line, size_t len)
{
    struct af_trace_memory *memory = arg;
    af_buf_append(&memory->lines, line, len);
    af_buf_append_char(&memory->lines, '\n');
    memory->count++;
}

const char *af_trace_memory_next(const struct af_trace_memory *memory, size_t *at, size_t *len)
{
    if (*at >= memory->lines.len)
        return NULL;
    const char *line = memory->lines.data + *at;
    const char *end = memchr(line, '\n', memory->lines.len - *at);
    *len = end == NULL ? memory->lines.len - *at : (size_t)(end - line);
    *at += *len + 1;
    return line;
}

/* ---- Validating. ---- */

#define STEP(...)
#define FAULT(KIND, word, about, need, record, ...) {record, {__VA_ARGS__}},

/* The fields that a record of each kind must have, after `t` and `kind`; s: a string, i: an
 * integer, l: a list, ?: anything, a capital S: a string or null. */
static const struct {
    const char *kind;
    const char *fields[6];
} kinds[] = {
    {"start", {"s party", "S state", "s data_hash"}},
    {"send", {"s party", "l to", "s type", "s uuid", "i bytes"}},
    {"deliver", {"s party", "S from", "s type", "s uuid"}},
    {"hand", {"s party", "s type", "s uuid"}},
    {"repeated", {"s party", "S from", "s type", "s uuid"}},
    {"defer", {"s party", "S from", "s type", "s uuid"}},
    {"ignore", {"s party", "S from", "s type", "s uuid"}},
    {"late", {"s party", "S from", "s type", "s uuid"}},
    {"unexpected", {"s party", "S from", "s type", "S uuid", "S why"}},
    {"timer", {"s party", "s timer", "i due"}},
    {"state", {"s party", "S state", "? entered", "s data_hash"}},
    {"log", {"s party", "s text"}},
    {"progress", {"s party", "i percent"}},
    {"pause", {"s party"}},
    {"resume", {"s party"}},
    {"reload", {"s party", "s versions", "S state", "s data_hash"}},
    {"refused", {"s party", "S state", "s why"}},
    {"upload", {"s party", "s url", "i bytes"}},
    {"run", {"s party", "s program", "i status"}},
    {"launch", {"s party"}},
    {"dataset", {"s party"}},
    {"wait", {"s party", "s call"}},
    {"restart", {"s party"}},
    {"cut", {"? groups"}},
    {"heal", {"? groups"}},
    {"done", {"s party", "? result"}},
    {"fail", {"s party", "s reason"}},
    {"error", {"s party", "s message"}},
    {"monitor", {"s party", "s monitor", "? seen"}},
    {"violation", {"s message"}},
    {"loop", {"? ends"}},
    {"stuck", {"s party", "S state", "s waits_for"}},
    {"end", {"s outcome"}},
    AF_SCHEDULE_ROWS(STEP, FAULT) /* timeout, of a timer that is due, too */
};

static const struct af_request_field *find(const struct af_request *record, const char *name)
{
    for (size_t i = 0; i < record->count; i++)
        if (strcmp(record->fields[i].name, name) == 0)
            return &record->fields[i];
    return NULL;
}

static bool fits(const struct af_request_field *field, char wanted)
{
    if (field == NULL)
        return false;
    switch (wanted) {
    case 's':
        return field->kind == 's';
    case 'S':
        return field->kind == 's' || field->kind == 'n';
    case 'i':
        return field->kind == 'i';
    case 'l':
        return field->kind == 'l';
    default:
        return true;
    }
}

static int check_record(const struct af_request *record, int64_t *last_ns, const char *what,
                        struct af_failure *why)
{
    const char *kind = af_request_string(record, "kind");
    int64_t t;
    if (!af_request_integer(record, "t", &t) || t < *last_ns)
        return af_failure_set(why, AF_FAILURE_USAGE, what,
                              "'t' must be an integer that never goes back");
    *last_ns = t;
    for (size_t i = 0; kind != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].kind, kind) != 0)
            continue;
        for (size_t k = 0; k < 6 && kinds[i].fields[k] != NULL; k++)
            if (!fits(find(record, kinds[i].fields[k] + 2), kinds[i].fields[k][0]))
                return af_failure_set(why, AF_FAILURE_USAGE, what,
                                      "a record of kind '%s' needs a field '%s' of its own kind",
                                      kind, kinds[i].fields[k] + 2);
        return 0;
    }
    return af_failure_set(why, AF_FAILURE_USAGE, what, "unknown kind of record '%s'",
                          kind == NULL ? "" : kind);
}

/* The header's schedule, or NULL: whole, and there in its version alone. */
static int check_schedule(const struct af_request_field *words, int64_t version, const char *what,
                          struct af_failure *why)
{
    struct af_failure mistake = AF_FAILURE_INIT;
    struct af_schedule schedule = AF_SCHEDULE_EMPTY;
    if (version == AF_TRACE_VERSION && words != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, what,
                              "a trace of version %d has no 'schedule'", AF_TRACE_VERSION);
    if (version == AF_TRACE_VERSION)
        return 0;
    if (!fits(words, 'l'))
        return af_failure_set(why, AF_FAILURE_USAGE, what,
                              "a trace of version %lld needs a list 'schedule'",
                              (long long)version);
    int result = af_schedule_read(&schedule, words->items, words->item_count, &mistake);
    af_schedule_release(&schedule);
    return result == 0
               ? 0
               : af_failure_set(why, AF_FAILURE_USAGE, what, "%s: %s", mistake.what, mistake.why);
}

static int check_header(const struct af_request *header, const char *what, struct af_failure *why)
{
    int64_t version;
    if (!af_request_integer(header, "trace", &version))
        return af_failure_set(why, AF_FAILURE_USAGE, what,
                              "is no trace: its first line has no field 'trace'");
    if (version < AF_TRACE_VERSION || version > AF_TRACE_VERSION_SCHEDULED)
        return af_failure_set(why, AF_FAILURE_USAGE, what,
                              "is a trace of version %lld; this program reads versions %d to %d",
                              (long long)version, AF_TRACE_VERSION, AF_TRACE_VERSION_SCHEDULED);
    if (!fits(find(header, "flow"), 's') || !fits(find(header, "file"), 'l') ||
        !fits(find(header, "hash"), 'l') || !fits(find(header, "seed"), 'i') ||
        !fits(find(header, "options"), 'l') || !fits(find(header, "parties"), 'l'))
        return af_failure_set(why, AF_FAILURE_USAGE, what,
                              "the header needs flow, file, hash, seed, options and parties");
    return check_schedule(find(header, "schedule"), version, what, why);
}

static int check(const struct af_trace_memory *memory, const char *path, struct af_failure *why)
{
    size_t at = 0, len = 0;
    int64_t last_ns = 0;
    const char *line;
    char what[200];
    for (size_t number = 1; (line = af_trace_memory_next(memory, &at, &len)) != NULL; number++) {
        struct af_request record;
        snprintf(what, sizeof what, "%s:%zu", path, number);
        int result;
        if (len > AF_TRACE_LINE_BYTES_MAX || !af_request_read(&record, line, len)) {
            result = af_failure_set(why, AF_FAILURE_USAGE, what, "is no JSON object");
            if (len > AF_TRACE_LINE_BYTES_MAX)
                return result;
        } else if (number == 1) {
            result = check_header(&record, what, why);
        } else {
            result = check_record(&record, &last_ns, what, why);
        }
        af_request_release(&record);
        if (result != 0)
            return -1;
    }
    if (memory->lines.len == 0)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "is empty, no trace");
    return 0;
}

int af_trace_memory_read(struct af_trace_memory *memory, const char *path, struct af_failure *why)
{
    struct stat info;
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "cannot be read: %s", strerror(errno));
    bool is_folder = fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
    bool is_read = !is_folder && af_io_read_all(fd, &memory->lines, AF_BUF_BYTES_MAX);
    int code = errno;
    if (!standard)
        close(fd);
    if (is_folder)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "cannot be read: it is a folder");
    if (!is_read && code == EFBIG)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "is larger than 512 MiB");
    if (!is_read)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "cannot be read: %s", strerror(code));
    return check(memory, path, why);
}
