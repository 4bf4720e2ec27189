/* progress.h: one line at the foot of a terminal that tells how far long work is.
 *
 * Shown on standard error, only if that is a terminal and not sooner than half a second after the
 * start, at most ten times a second; on anything else nothing is written but for who asks for
 * lines.
 */
#ifndef AF_PROGRESS_H
#define AF_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct af_progress {
    bool shown;
    bool terminal;
    bool lines; /* for a program: whole lines, wherever standard error is, from the first tenth of
                   a second on */
    int64_t started_ns;
    int64_t last_ns;
};

void af_progress_init(struct af_progress *progress, bool quiet);
bool af_progress_due(struct af_progress *progress);
void af_progress_show(struct af_progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* … where it is for a program: a line as it is. */
void af_progress_line(struct af_progress *progress, const char *line);

/* How long ago it was begun: for what is told at the end, never for a decision. */
double af_progress_elapsed_ms(const struct af_progress *progress);

/* Wipes the line. */
void af_progress_end(struct af_progress *progress);

#endif
