/* progress.c: see progress.h.
 *
 * This reads a clock of its own, the system's monotonic one, to show a line not too soon and not
 * too often. It is for the display alone: no result, trace or decision depends on it, so it does
 * not break the rule that only a loop tells the time. */
#include "base/progress.h"

#include "base/bounds.h"
#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define FIRST_AFTER_NS (500 * AF_MS_NS)
#define BETWEEN_NS (100 * AF_MS_NS)
#define TEXT_BYTES_MAX 512 /* of a line: as many columns at most */
#define COLUMNS_DEFAULT 80

static int64_t display_clock_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * AF_S_NS + time.tv_nsec;
}

void af_progress_init(struct af_progress *progress, bool quiet)
{
    const char *term = getenv("TERM");
    bool dumb = term != NULL && strcmp(term, "dumb") == 0; /* it cannot wipe a line */
    *progress = (struct af_progress){
        .shown = false,
        .terminal = !quiet && !dumb && af_log_format() == AF_LOG_TEXT && isatty(STDERR_FILENO),
    };
    progress->started_ns = display_clock_ns();
    progress->last_ns = progress->started_ns;
}

double af_progress_elapsed_ms(const struct af_progress *progress)
{
    return (double)(display_clock_ns() - progress->started_ns) / (double)AF_MS_NS;
}

bool af_progress_due(struct af_progress *progress)
{
    if (!progress->terminal && !progress->lines)
        return false;
    int64_t now_ns = display_clock_ns();
    return (progress->lines || now_ns - progress->started_ns >= FIRST_AFTER_NS) &&
           now_ns - progress->last_ns >= BETWEEN_NS;
}

static size_t terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS_DEFAULT;
    return size.ws_col;
}

/* Cuts text to so many characters, and replaces what would move the cursor: a line that is wider
 * than the terminal, or two lines, could not be wiped. */
static void fit_line(char *text, size_t columns)
{
    size_t count = 0;
    for (char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if ((byte & 0xC0) != 0x80 && count++ == columns) {
            *at = '\0';
            return;
        }
        if (byte < 0x20 || byte == 0x7F)
            *at = ' ';
    }
}

void af_progress_show(struct af_progress *progress, const char *format, ...)
{
    if (!af_progress_due(progress))
        return;
    char text[TEXT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fit_line(text, terminal_columns() - 1); /* in the last column some terminals wrap */
    fprintf(stderr, "\r%s\033[K", text);
    fflush(stderr);
    progress->last_ns = display_clock_ns();
    progress->shown = true;
    af_log_set_foot(true);
}

void af_progress_line(struct af_progress *progress, const char *line)
{
    fprintf(stderr, "%s\n", line);
    fflush(stderr);
    progress->last_ns = display_clock_ns();
}

void af_progress_end(struct af_progress *progress)
{
    if (!progress->shown)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    progress->shown = false;
    af_log_set_foot(false);
}
