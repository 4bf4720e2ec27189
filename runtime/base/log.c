/* log.c: see log.h.
 *
 * A line is put together first and written at once, so that lines of several processes with one
 * terminal do not mix. */
#include "base/log.h"

#include "base/bounds.h"
#include "base/buf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define COLOR_END "\033[0m"
#define COLOR_TIME "\033[2m"
#define COLOR_PARTY "\033[36m"
#define WIPE_LINE "\r\033[K"

static enum af_log_level shown_level = AF_LOG_INFO;
static enum af_color_mode color_mode = AF_COLOR_AUTO;
static enum af_log_format log_format = AF_LOG_TEXT;
static af_log_mend_fn *mend_text;
static bool foot_shown;

static const struct {
    const char *label;
    const char *color;
    const char *name; /* in JSON */
    int priority;     /* syslog's */
} levels[] = {
    [AF_LOG_ERROR] = {"error: ", "\033[1;31m", "error", LOG_ERR},
    [AF_LOG_WARNING] = {"warning: ", "\033[1;33m", "warning", LOG_WARNING},
    [AF_LOG_INFO] = {"", "", "info", LOG_INFO},
    [AF_LOG_DEBUG] = {"debug: ", "\033[2m", "debug", LOG_DEBUG},
};

void af_log_set_level(enum af_log_level level)
{
    shown_level = level;
}

void af_log_set_verbosity(int verbosity)
{
    af_log_set_level(verbosity < 0 ? AF_LOG_WARNING : verbosity > 0 ? AF_LOG_DEBUG : AF_LOG_INFO);
}

bool af_log_shows(enum af_log_level level)
{
    return level <= shown_level;
}

void af_log_set_format(enum af_log_format format)
{
    log_format = format;
}

enum af_log_format af_log_format(void)
{
    return log_format;
}

void af_log_set_mend(af_log_mend_fn *mend)
{
    mend_text = mend;
}

void af_log_set_color(enum af_color_mode mode)
{
    color_mode = mode;
}

bool af_log_color(int fd)
{
    if (color_mode != AF_COLOR_AUTO)
        return color_mode == AF_COLOR_ALWAYS;
    const char *no_color = getenv("NO_COLOR"); /* an empty one counts as not set: no-color.org */
    const char *term = getenv("TERM");
    return isatty(fd) && (no_color == NULL || no_color[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

void af_log_set_foot(bool shown)
{
    foot_shown = shown;
}

/* ---- Escaping. ---- */

/* Reads the UTF-8 character at text, of at most len > 0 bytes. Returns its bytes, or 0 if it is
 * none: broken off, overlong, a surrogate, or beyond U+10FFFF. */
static size_t read_character(const unsigned char *text, size_t len, uint32_t *character)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = text[0];
    if (lead < 0x80) {
        *character = lead;
        return 1;
    }
    size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || bytes > len)
        return 0;
    uint32_t value = lead & (0x7Fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (text[i] & 0x3Fu);
    }
    if (value < smallest[bytes] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *character = value;
    return bytes;
}

/* Whether a terminal would do something else with a character than show it in its place: control
 * characters of both sets, line separators, and what turns the direction of the text around. */
static bool is_control(uint32_t c)
{
    return (c < 0x20 && c != '\t') || (c >= 0x7F && c <= 0x9F) || c == 0x061C || c == 0x200E ||
           c == 0x200F || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

static void append_escape(struct af_buf *line, uint32_t c)
{
    if (c == '\n')
        af_buf_append_string(line, "\\n");
    else if (c == '\r')
        af_buf_append_string(line, "\\r");
    else
        af_buf_printf(line, c < 0x80 ? "\\x%02" PRIx32 : "\\u%04" PRIx32, c);
}

static void append_safe(struct af_buf *line, const char *text, size_t len)
{
    size_t plain = 0; /* where what is not yet appended begins */
    for (size_t i = 0; i < len;) {
        uint32_t c = 0;
        size_t bytes = read_character((const unsigned char *)text + i, len - i, &c);
        if (bytes > 0 && !is_control(c)) {
            i += bytes;
            continue;
        }
        af_buf_append(line, text + plain, i - plain);
        if (bytes == 0)
            af_buf_printf(line, "\\x%02x", (unsigned)(unsigned char)text[i]);
        else
            append_escape(line, c);
        i += bytes == 0 ? 1 : bytes;
        plain = i;
    }
    if (plain < len)
        af_buf_append(line, text + plain, len - plain);
}

void af_log_write_safe(void *stream, const char *text, uint64_t len)
{
    struct af_buf safe = AF_BUF_EMPTY;
    append_safe(&safe, text, (size_t)len);
    if (safe.len > 0)
        fwrite(safe.data, 1, safe.len, stream);
    af_buf_release(&safe);
}

/* ---- Lines. ---- */

/* Whether standard error is the journal's: systemd says which file that is. */
static bool is_journal(void)
{
    unsigned long long device, inode;
    struct stat file;
    const char *stream = getenv("JOURNAL_STREAM");
    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &file) == 0 && file.st_dev == device && file.st_ino == inode;
}

static void begin_line(struct af_buf *line, enum af_log_level level)
{
    if (foot_shown)
        af_buf_append_string(line, WIPE_LINE);
    foot_shown = false;
    if (is_journal())
        af_buf_printf(line, "<%d>", levels[level].priority);
}

/* {"time":…,"level":…  ; the caller closes it. The clock is read for display alone. */
static void append_time(struct af_buf *line, enum af_log_level level)
{
    struct timespec now;
    struct tm parts;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    af_buf_printf(line, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\"", text, now.tv_nsec / 1000000,
                  levels[level].name);
}

static void begin_json(struct af_buf *line, enum af_log_level level)
{
    begin_line(line, level);
    append_time(line, level);
}

/* ,"key":"text" , where text may be anything. */
static void append_field(struct af_buf *line, const char *key, const char *text, size_t len)
{
    af_buf_printf(line, ",\"%s\":\"", key);
    for (size_t i = 0; i < len;) {
        uint32_t c = 0;
        size_t bytes = read_character((const unsigned char *)text + i, len - i, &c);
        if (bytes == 0)
            af_buf_append_string(line, "\\ufffd");
        else if (c == '"' || c == '\\')
            af_buf_printf(line, "\\%c", (char)c);
        else if (is_control(c))
            af_buf_printf(line, "\\u%04" PRIx32, c);
        else
            af_buf_append(line, text + i, bytes);
        i += bytes == 0 ? 1 : bytes;
    }
    af_buf_append_char(line, '"');
}

/* Writes and releases the line. Whether that succeeds is not asked: there is nowhere to say so. */
static void end_line(struct af_buf *line)
{
    af_buf_append_char(line, '\n');
    if (line->len > 0)
        fwrite(line->data, 1, line->len, stderr);
    fflush(stderr);
    af_buf_release(line);
}

static void append_colored(struct af_buf *line, bool color, const char *start, const char *text)
{
    color = color && start[0] != '\0';
    if (color)
        af_buf_append_string(line, start);
    append_safe(line, text, strlen(text));
    if (color)
        af_buf_append_string(line, COLOR_END);
}

static void write_message(enum af_log_level level, bool labelled, const char *text, size_t len)
{
    struct af_buf line = AF_BUF_EMPTY, mended = AF_BUF_EMPTY;
    if (mend_text != NULL)
        mend_text(&mended, text, len);
    else
        af_buf_append(&mended, text, len);
    if (log_format == AF_LOG_JSON) {
        begin_json(&line, level);
        append_field(&line, "message", af_buf_text(&mended), mended.len);
        af_buf_append_char(&line, '}');
    } else {
        begin_line(&line, level);
        af_buf_append_string(&line, "afrun: ");
        if (labelled)
            append_colored(&line, af_log_color(STDERR_FILENO), levels[level].color,
                           levels[level].label);
        append_safe(&line, af_buf_text(&mended), mended.len);
    }
    end_line(&line);
    af_buf_release(&mended);
}

void af_log(enum af_log_level level, const char *format, ...)
{
    if (!af_log_shows(level))
        return;
    int error = errno; /* the caller's: who logs a failure often looks at it again */
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len >= 0)
        write_message(level, true, text, (size_t)len);
    free(len >= 0 ? text : NULL);
    errno = error;
}

void af_log_tell(enum af_log_level level, const char *text, uint64_t len)
{
    write_message(level, false, text, (size_t)len);
}

void af_log_start(void *stream, const char *name, const char *value, const char *text)
{
    struct af_buf line = AF_BUF_EMPTY;
    if (log_format == AF_LOG_JSON) {
        append_time(&line, AF_LOG_INFO);
        append_field(&line, name, value, strlen(value));
        append_field(&line, "message", text, strlen(text));
        af_buf_append_char(&line, '}');
    } else {
        af_buf_append_string(&line, text);
    }
    fprintf(stream, "%s\n", af_buf_text(&line));
    fflush(stream);
    af_buf_release(&line);
}

void af_log_party(int64_t time_ns, const char *party, const char *text, uint64_t len)
{
    if (!af_log_shows(AF_LOG_INFO))
        return;
    bool color = af_log_color(STDERR_FILENO);
    char time[32];
    snprintf(time, sizeof time, "%3" PRId64 ".%03" PRId64, time_ns / AF_S_NS,
             time_ns % AF_S_NS / AF_MS_NS);
    struct af_buf line = AF_BUF_EMPTY;
    if (log_format == AF_LOG_JSON) {
        begin_json(&line, AF_LOG_INFO);
        append_field(&line, "party", party, strlen(party));
        af_buf_printf(&line, ",\"at\":%" PRId64 ".%09" PRId64, time_ns / AF_S_NS,
                      time_ns % AF_S_NS);
        append_field(&line, "message", text, (size_t)len);
        af_buf_append_char(&line, '}');
        end_line(&line);
        return;
    }
    begin_line(&line, AF_LOG_INFO);
    append_colored(&line, color, COLOR_TIME, time);
    af_buf_append_string(&line, "  ");
    append_colored(&line, color, COLOR_PARTY, party);
    af_buf_append_string(&line, "  ");
    append_safe(&line, text, (size_t)len);
    end_line(&line);
}
